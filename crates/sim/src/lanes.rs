//! The layout of lanes: one for all decisions that share kind, source, target and message kind.
//!
//! In memory a key is a lane and an occurrence; in files it is names. Here one becomes the other.

use std::ops::Range;

use quarrel_protocol::{ClientId, NodeId};

use crate::decision::{DecisionKind, Endpoint, Key, Which};

/// A link from node to node, by its place in tables that have one for each, row by row.
#[derive(Clone, Copy)]
pub(crate) struct Link(u32);

impl Link {
    /// The link between two of so many nodes. From bytes, so that it can be seen to overflow nowhere.
    #[inline]
    pub(crate) const fn between(from: NodeId, to: NodeId, nodes: u8) -> Self {
        Self(from.0 as u32 * nodes as u32 + to.0 as u32)
    }

    #[inline]
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    /// The place of a message kind on this link, in tables that have one for each of so many kinds.
    #[inline]
    pub(crate) const fn index_of_kind(self, kind: usize, kinds: u8) -> usize {
        self.0 as usize * kinds as usize + kind
    }
}

/// The names that lanes are laid out by.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// How many nodes.
    pub nodes: usize,
    /// How many clients.
    pub clients: usize,
    /// The message kinds.
    pub messages: &'static [&'static str],
    /// The timer kinds.
    pub timers: &'static [&'static str],
}

/// The message kind of what clients send, in keys.
pub const REQUEST: &str = "request";
/// The message kind of what clients receive, in keys.
pub const REPLY: &str = "reply";

/// Where each kind of lane begins: fates between nodes, of requests, of replies; timers; syncs; lost; cut;
/// torn; writes.
pub(crate) struct Lanes {
    names: Names,
    message_kinds: u8,
    requests: usize,
    replies: usize,
    timers: usize,
    syncs: usize,
}

impl Lanes {
    const NODE_KINDS: [DecisionKind; 5] =
        [DecisionKind::Sync, DecisionKind::Lost, DecisionKind::Cut, DecisionKind::Torn, DecisionKind::Write];

    pub(crate) fn new(names: Names) -> Self {
        let requests = names.nodes * names.nodes * names.messages.len();
        let replies = requests + names.clients * names.nodes;
        let timers = replies + names.nodes * names.clients;
        let syncs = timers + names.nodes * names.timers.len();
        let message_kinds = u8::try_from(names.messages.len()).expect("a kind of messages is a byte");
        Self { names, message_kinds, requests, replies, timers, syncs }
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.syncs + Self::NODE_KINDS.len() * self.names.nodes
    }

    #[inline]
    pub(crate) const fn message(&self, link: Link, kind: usize) -> usize {
        link.index_of_kind(kind, self.message_kinds)
    }

    /// The lanes of all messages between nodes.
    pub(crate) const fn messages(&self) -> Range<usize> {
        0..self.requests
    }

    #[inline]
    pub(crate) const fn request(&self, client: usize, to: usize) -> usize {
        self.requests + client * self.names.nodes + to
    }

    #[inline]
    pub(crate) const fn reply(&self, from: usize, client: usize) -> usize {
        self.replies + from * self.names.clients + client
    }

    #[inline]
    pub(crate) const fn timer(&self, node: usize, kind: usize) -> usize {
        self.timers + node * self.names.timers.len() + kind
    }

    #[inline]
    pub(crate) const fn sync(&self, node: usize) -> usize {
        self.syncs + node
    }

    #[inline]
    pub(crate) const fn lost(&self, node: usize) -> usize {
        self.syncs + self.names.nodes + node
    }

    #[inline]
    pub(crate) const fn cut(&self, node: usize) -> usize {
        self.syncs + 2 * self.names.nodes + node
    }

    #[inline]
    pub(crate) const fn torn(&self, node: usize) -> usize {
        self.syncs + 3 * self.names.nodes + node
    }

    #[inline]
    pub(crate) const fn write(&self, node: usize) -> usize {
        self.syncs + 4 * self.names.nodes + node
    }

    /// What names a lane, but for the number of the message's or timer's kind: the name itself.
    pub(crate) fn name(&self, lane: usize) -> (DecisionKind, Endpoint, Endpoint, &'static str) {
        let (kind, source, target, name) = self.describe(lane);
        let of = match (kind, source, target) {
            (DecisionKind::Fate, Endpoint::Client(_), _) => REQUEST,
            (DecisionKind::Fate, _, Endpoint::Client(_)) => REPLY,
            (DecisionKind::Fate, ..) => self.names.messages[name],
            (DecisionKind::Timer, ..) => self.names.timers[name],
            _ => "",
        };
        (kind, source, target, of)
    }

    /// The inverse of the layout; the last number is the position of the message's or timer's kind.
    fn describe(&self, lane: usize) -> (DecisionKind, Endpoint, Endpoint, usize) {
        let node = |index: usize| Endpoint::Node(NodeId(index as u8));
        let client = |index: usize| Endpoint::Client(ClientId(index as u8));
        let Names { nodes, clients, messages, timers } = self.names;
        if lane < self.requests {
            let (link, kind) = (lane / messages.len(), lane % messages.len());
            (DecisionKind::Fate, node(link / nodes), node(link % nodes), kind)
        } else if lane < self.replies {
            let link = lane - self.requests;
            (DecisionKind::Fate, client(link / nodes), node(link % nodes), 0)
        } else if lane < self.timers {
            let link = lane - self.replies;
            (DecisionKind::Fate, node(link / clients), client(link % clients), 0)
        } else if lane < self.syncs {
            let timer = lane - self.timers;
            let owner = node(timer / timers.len());
            (DecisionKind::Timer, owner, owner, timer % timers.len())
        } else {
            let rest = lane - self.syncs;
            let owner = node(rest % nodes);
            (Self::NODE_KINDS[rest / nodes], owner, owner, 0)
        }
    }

    pub(crate) fn key(&self, lane: usize, nth: u32) -> Key {
        let (kind, source, target, of) = self.name(lane);
        Key { kind, source, target, of: of.to_string(), which: Which::Nth(nth) }
    }

    /// The lane of a key; `None` when the key names nothing in this cluster.
    pub(crate) fn find(&self, key: &Key) -> Option<usize> {
        let node = |endpoint| match endpoint {
            Endpoint::Node(node) if node.index() < self.names.nodes => Some(node.index()),
            _ => None,
        };
        let client = |endpoint| match endpoint {
            Endpoint::Client(ClientId(client)) if usize::from(client) < self.names.clients => {
                Some(usize::from(client))
            }
            _ => None,
        };
        let named = |names: &[&str]| names.iter().position(|&name| name == key.of);
        match key.kind {
            DecisionKind::Fate => match (node(key.source), node(key.target)) {
                (Some(from), Some(to)) => {
                    let link = Link::between(NodeId(from as u8), NodeId(to as u8), self.names.nodes as u8);
                    Some(self.message(link, named(self.names.messages)?))
                }
                (None, Some(to)) if key.of == REQUEST => Some(self.request(client(key.source)?, to)),
                (Some(from), None) if key.of == REPLY => Some(self.reply(from, client(key.target)?)),
                _ => None,
            },
            DecisionKind::Timer => Some(self.timer(node(key.source)?, named(self.names.timers)?)),
            DecisionKind::Sync => Some(self.sync(node(key.source)?)),
            DecisionKind::Lost => Some(self.lost(node(key.source)?)),
            DecisionKind::Cut => Some(self.cut(node(key.source)?)),
            DecisionKind::Torn => Some(self.torn(node(key.source)?)),
            DecisionKind::Write => Some(self.write(node(key.source)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names =
        Names { nodes: 3, clients: 2, messages: &["ask", "tell"], timers: &["tick", "tock", "late"] };

    #[test]
    fn every_lane_has_its_own_name_and_is_found_by_it() {
        let lanes = Lanes::new(NAMES);
        for lane in 0..lanes.count() {
            assert_eq!(lanes.find(&lanes.key(lane, 1)), Some(lane));
        }
    }
}
