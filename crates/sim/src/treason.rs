//! Traitors: what becomes of their messages as they leave, and which copy of a node with a twin talks with whom.
//!
//! Inside the cluster a *seat* is a machine with a disk, timers and a memory. The seats of honest nodes are their
//! identities; a twin sits behind the last node, and [`Cluster::identity`] says who it passes for. Links, decisions and
//! everything that others see go by identity, so that both copies of a node share its lanes; only the order of links that
//! keep one goes by seat.

use std::collections::VecDeque;

use quarrel_protocol::{ClientId, Effect, NodeId, NodeSet, Protocol, RequestId};

use crate::cluster::Cluster;
use crate::decision::Endpoint;
use crate::deed::{Copies, Deed, Place};
use crate::effects::plain;
use crate::fault::FaultClass;
use crate::node::Node;
use crate::observer::Observer;
use crate::record::TraceEffect;

/// How many of its messages a traitor can still repeat.
const REMEMBERED: usize = 64;
/// Marks in the digest how many messages went out in the place of one.
const BETRAYED: u64 = 15 << 40;

/// A deed in force.
#[derive(Clone, PartialEq, Eq)]
struct Laid {
    node: NodeId,
    to: NodeSet,
    deed: Deed,
}

/// What traitors do now.
pub(crate) struct Treason<P: Protocol> {
    /// The seats that nobody vouches for: traitors, and their twins.
    seats: NodeSet,
    /// What is in force, in the order in which it began.
    laid: Vec<Laid>,
    /// Whose twin sits behind the nodes, seat by seat.
    twins: Vec<NodeId>,
    /// What each traitor has sent, oldest first; the same message to several is one.
    sent: Vec<(NodeId, VecDeque<P::Message>)>,
}

impl<P: Protocol> Treason<P> {
    pub(crate) fn new(traitors: NodeSet) -> Self {
        let sent = traitors.iter().map(|node| (node, VecDeque::new())).collect();
        Self { seats: traitors, laid: Vec::new(), twins: Vec::new(), sent }
    }

    #[inline]
    pub(crate) const fn is_traitor(&self, seat: NodeId) -> bool {
        self.is_about() && self.seats.contains(seat)
    }

    /// Whether anybody is a traitor at all. In most runs nobody is, and nobody then has a twin.
    #[inline]
    pub(crate) const fn is_about(&self) -> bool {
        !self.seats.is_empty()
    }

    /// Forgets what is in force; whoever calls lays it again.
    pub(crate) fn clear(&mut self) {
        self.laid.clear();
    }

    /// A deed is in force, if its doer is a traitor.
    pub(crate) fn lay(&mut self, node: NodeId, to: NodeSet, deed: Deed) {
        if self.is_traitor(node) {
            self.laid.push(Laid { node, to, deed });
        }
    }

    /// What a node does to another.
    fn against(&self, node: NodeId, to: NodeId) -> impl Iterator<Item = &Deed> {
        let is_it = move |laid: &&Laid| laid.node == node && laid.to.contains(to);
        self.laid.iter().filter(is_it).map(|laid| &laid.deed)
    }

    /// What a node does to all others, and so to clients; and what its twin does.
    fn against_clients(&self, node: NodeId, nodes: usize) -> impl Iterator<Item = &Deed> {
        let others = NodeSet::only(node).complement(nodes);
        let is_it = move |laid: &&Laid| laid.node == node && laid.to.intersection(others) == others;
        self.laid.iter().filter(is_it).map(|laid| &laid.deed)
    }

    /// The copies of a node that another talks with: the window that opened last says so.
    fn copies(&self, node: NodeId, other: NodeId) -> Copies {
        let windows = self.laid.iter().rev().filter(|laid| laid.node == node);
        let said = windows.filter_map(|laid| match laid.deed {
            Deed::Twin { shared, .. } if laid.to.contains(other) => {
                Some(if shared.contains(other) { Copies::Both } else { Copies::Second })
            }
            Deed::Twin { .. } => Some(Copies::First),
            _ => None,
        });
        said.into_iter().next().unwrap_or(Copies::First)
    }

    /// The copies of a node that clients talk with.
    fn copies_for_clients(&self, node: NodeId) -> Copies {
        let windows = self.laid.iter().rev().filter(|laid| laid.node == node);
        let said = windows.filter_map(|laid| match laid.deed {
            Deed::Twin { clients, .. } => Some(clients),
            _ => None,
        });
        said.into_iter().next().unwrap_or(Copies::First)
    }

    /// An old message of the node.
    fn recall(&self, node: NodeId, back: u32) -> Option<P::Message> {
        let (_, sent) = self.sent.iter().find(|(who, _)| *who == node)?;
        sent.len().checked_sub(back as usize).and_then(|place| sent.get(place)).cloned()
    }

    fn remember(&mut self, node: NodeId, message: P::Message) {
        let Some((_, sent)) = self.sent.iter_mut().find(|(who, _)| *who == node) else { return };
        if sent.back() != Some(&message) {
            sent.push_back(message);
        }
        if sent.len() > REMEMBERED {
            sent.pop_front();
        }
    }
}

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    /// Whom a seat passes for.
    #[inline(always)]
    pub(crate) fn identity(&self, seat: NodeId) -> NodeId {
        if seat.0 < self.world.nodes { seat } else { self.whose_twin(seat) }
    }

    #[cold]
    fn whose_twin(&self, seat: NodeId) -> NodeId {
        self.treason.twins[seat.index() - usize::from(self.world.nodes)]
    }

    /// The seat of a node's twin, if it has one.
    fn seat_of_twin(&self, node: NodeId) -> Option<NodeId> {
        let place = self.treason.twins.iter().position(|&whose| whose == node)?;
        Some(NodeId(self.world.nodes + place as u8))
    }

    /// Whether somebody has a twin.
    #[inline]
    pub(crate) const fn has_twins(&self) -> bool {
        self.treason.is_about() && !self.treason.twins.is_empty()
    }

    /// Who it is, as traces have it.
    pub(crate) fn shown(&self, who: Endpoint) -> Endpoint {
        match who {
            Endpoint::Node(seat) if seat.0 >= self.world.nodes => Endpoint::Twin(self.identity(seat)),
            _ => who,
        }
    }

    /// A window opens in which some talk with a node's twin: here it is, if the node is a traitor and has none.
    #[cold]
    pub(crate) fn bring_in_twin(&mut self, node: NodeId) {
        let is_room = self.nodes.len() < NodeId::LIMIT;
        if !self.treason.is_traitor(node) || self.seat_of_twin(node).is_some() || !is_room {
            return;
        }
        let seat = NodeId(self.nodes.len() as u8);
        self.treason.seats.insert(seat);
        self.treason.twins.push(node);
        self.nodes.push(Node { clock: self.nodes[node.index()].clock, ..Node::default() });
        self.turns.iter_mut().for_each(|turns| turns.grow());
        self.world.sync_ns.push(self.world.sync_ns[node.index()]);
        self.open(Some(Endpoint::Node(seat)), 0, "boot", || {
            (format!("a twin of {node} starts with an empty disk"), None, None)
        });
        self.start_node(seat);
        self.close();
    }

    /// Whether the seats talk with each other: they do unless one is of a node with a twin, and not for the other.
    fn talk(&self, one: NodeId, other: NodeId) -> bool {
        let (me, you) = (self.identity(one), self.identity(other));
        let heeds = |seat: NodeId, node: NodeId, other: NodeId| match self.treason.copies(node, other) {
            Copies::Both => true,
            Copies::First => seat == node,
            Copies::Second => seat != node,
        };
        heeds(one, me, you) && heeds(other, you, me)
    }

    /// The seats of a node that talk with this one.
    fn seats_for(&self, from: NodeId, to: NodeId) -> impl Iterator<Item = NodeId> {
        let twin = self.seat_of_twin(to).filter(|&seat| self.talk(from, seat));
        Some(to).filter(|&seat| self.talk(from, seat)).into_iter().chain(twin)
    }

    /// A message is sent where some have a twin: whoever of the receiver's copies talks with this seat gets it.
    #[cold]
    pub(crate) fn send_among_copies(&mut self, from: NodeId, effect: &Effect<P>, print: u64, late_ns: u64) {
        let Effect::Send { to, message, .. } = effect else { return };
        let to = *to;
        let me = self.identity(from);
        let seats: Vec<NodeId> = self.seats_for(from, to).collect();
        self.words.mark(BETRAYED | seats.len() as u64);
        for seat in seats {
            for (copy, of) in [(from, me), (seat, to)] {
                if copy != of {
                    self.suffer(FaultClass::Twin);
                }
            }
            let mut effect = Effect::Send { to, message: message.clone(), unsynced: true };
            self.carry((from, me), (seat, to), &mut effect, print, late_ns);
        }
    }

    /// A traitor sends a message to another node: what leaves is what its deeds make of it.
    #[cold]
    pub(crate) fn betray(&mut self, from: NodeId, to: NodeId, message: &P::Message) {
        let me = self.identity(from);
        let deeds: Vec<Deed> = self.treason.against(me, to).cloned().collect();
        let (mut outgoing, mut late_ns) = (vec![message.clone()], 0u64);
        for deed in &deeds {
            let before = outgoing.clone();
            match deed {
                Deed::Lie { lie } => outgoing = self.lie(from, to, lie, outgoing),
                Deed::Replay { back, place } => {
                    if let Some(old) = self.treason.recall(me, *back) {
                        if *place == Place::Instead {
                            outgoing.clear();
                        }
                        outgoing.push(old);
                    }
                }
                Deed::Mute => outgoing.clear(),
                Deed::Delay { by_ns } => {
                    late_ns = late_ns.saturating_add(*by_ns);
                    if !outgoing.is_empty() && *by_ns > 0 {
                        self.suffer(deed.class());
                    }
                }
                Deed::Twin { .. } => {}
            }
            if outgoing != before {
                self.suffer(deed.class());
                self.note_deed(deed, to, &before, outgoing.len());
            }
        }
        self.treason.remember(me, message.clone());
        self.words.mark(BETRAYED | outgoing.len() as u64);
        self.words.word(late_ns);
        for message in outgoing {
            self.post((from, me), &mut Effect::Send { to, message, unsynced: true }, late_ns);
        }
    }

    /// What a lie makes of messages.
    fn lie(&self, from: NodeId, to: NodeId, lie: &str, messages: Vec<P::Message>) -> Vec<P::Message> {
        let lie = P::LIES.iter().position(|&known| known == lie);
        match (lie, &self.nodes[from.index()].machine) {
            (Some(lie), Some(machine)) => {
                messages.iter().flat_map(|message| machine.lie(lie, to, message)).collect()
            }
            _ => messages,
        }
    }

    /// What a lie makes of an answer to a client.
    fn lie_in_reply(
        &self,
        from: NodeId,
        (client, id): (ClientId, RequestId),
        lie: &str,
        reply: &P::Reply,
    ) -> P::Reply {
        let lie = P::LIES.iter().position(|&known| known == lie);
        match (lie, &self.nodes[from.index()].machine) {
            (Some(lie), Some(machine)) => machine.lie_in_reply(lie, client, id, reply),
            _ => reply.clone(),
        }
    }

    /// Says what became of what an honest node would have sent, if anybody records.
    fn note_deed(&mut self, deed: &Deed, to: NodeId, honest: &[P::Message], count: usize) {
        self.note(|| {
            let honest: Vec<String> = honest.iter().map(ToString::to_string).collect();
            let what = match deed {
                Deed::Lie { lie } => format!("{lie}, in the place of {}", honest.join("; ")),
                Deed::Replay { .. } => format!("an old message beside {count} in all: {}", honest.join("; ")),
                _ => format!("keeps back {}", honest.join("; ")),
            };
            TraceEffect { to: Some(Endpoint::Node(to)), ..plain("betray", what) }
        });
    }

    /// A traitor answers a client, with what its deeds make of the reply: how much later, or nothing if it does not.
    #[cold]
    pub(crate) fn betray_client(
        &mut self,
        from: NodeId,
        client: ClientId,
        id: RequestId,
        reply: &mut P::Reply,
    ) -> Option<u64> {
        let me = self.identity(from);
        let deeds: Vec<Deed> =
            self.treason.against_clients(me, usize::from(self.world.nodes)).cloned().collect();
        let mut late_ns = 0u64;
        for deed in deeds {
            match deed {
                Deed::Mute => {
                    self.suffer(deed.class());
                    return None;
                }
                Deed::Delay { by_ns } if by_ns > 0 => {
                    self.suffer(deed.class());
                    late_ns = late_ns.saturating_add(by_ns);
                }
                Deed::Lie { ref lie } => {
                    let told = self.lie_in_reply(from, (client, id), lie, reply);
                    if told != *reply {
                        self.suffer(deed.class());
                        let honest = std::mem::replace(reply, told);
                        self.note(|| {
                            let what = format!("{lie}, in the place of {id}: {honest}");
                            TraceEffect { to: Some(Endpoint::Client(client)), ..plain("betray", what) }
                        });
                    }
                }
                Deed::Delay { .. } | Deed::Replay { .. } | Deed::Twin { .. } => {}
            }
        }
        let is_heard = match self.treason.copies_for_clients(me) {
            Copies::Both => true,
            Copies::First => from == me,
            Copies::Second => from != me,
        };
        if is_heard && from != me {
            self.suffer(FaultClass::Twin);
        }
        is_heard.then_some(late_ns)
    }

    /// The seats that get what a client asks of a node.
    #[cold]
    pub(crate) fn seats_for_client(&mut self, client: ClientId, to: NodeId) -> Vec<NodeId> {
        debug_assert!(client.0 < self.world.clients, "the client is there");
        let Some(twin) = self.seat_of_twin(to) else { return vec![to] };
        let copies = self.treason.copies_for_clients(to);
        if copies != Copies::First {
            self.suffer(FaultClass::Twin);
        }
        match copies {
            Copies::First => vec![to],
            Copies::Second => vec![twin],
            Copies::Both => vec![to, twin],
        }
    }
}
