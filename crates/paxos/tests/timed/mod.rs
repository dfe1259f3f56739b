//! A cluster in virtual time: messages that take a while, timers at drawn points of their ranges, links that are cut
//! for good. Disks are instant, and nothing is lost on a link that is not cut.

use std::collections::BTreeMap;

use quarrel_paxos::{Config, Message, Paxos, Timer};
use quarrel_protocol::{After, ClientId, Effect, Effects, Input, NodeId, Protocol, RequestId};
use quarrel_spec::Value;
use quarrel_spec::consensus::Propose;

pub(crate) const MILLISECOND: u64 = 1_000_000;

/// How long a message takes, and which get through.
pub(crate) struct Links {
    pub(crate) delay: After,
    pub(crate) reaches: fn(NodeId, NodeId) -> bool,
}

enum Happening {
    Ask(u64),
    Arrival(NodeId, Message),
    /// It counts only if no other was set since.
    Alarm(Timer, u64),
}

/// The cluster.
pub(crate) struct World {
    config: Config,
    links: Links,
    nodes: Vec<Paxos>,
    queue: BTreeMap<(u64, u64), (NodeId, Happening)>,
    /// How often each node has set or unset its timer.
    alarms: Vec<u64>,
    drawn: u64,
    now: u64,
    /// When each node learned.
    pub(crate) learned: Vec<Option<u64>>,
    pub(crate) events: u64,
}

impl World {
    pub(crate) fn new(config: Config, links: Links, seed: u64) -> Self {
        let size = config.quorum.nodes();
        let mut world = Self {
            config,
            links,
            nodes: Vec::new(),
            queue: BTreeMap::new(),
            alarms: vec![0; size],
            drawn: seed << 32,
            now: 0,
            learned: vec![None; size],
            events: 0,
        };
        for node in NodeId::all(size) {
            let mut effects = Effects::default();
            world.nodes.push(Paxos::recover(&world.config, node, &[], &mut effects));
            world.perform(node, &mut effects);
        }
        world
    }

    /// SplitMix64 over a counter: a point of the range.
    pub(crate) fn draw(&mut self, After { min_ns, max_ns }: After) -> u64 {
        self.drawn += 1;
        let mixed = self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        min_ns + (mixed ^ (mixed >> 27)) % (max_ns - min_ns + 1)
    }

    /// A client will ask this node for a value of its own.
    pub(crate) fn ask(&mut self, node: NodeId, at: u64) {
        self.push(at, node, Happening::Ask(u64::from(node.0)));
    }

    fn push(&mut self, at: u64, to: NodeId, happening: Happening) {
        self.drawn += 1;
        self.queue.insert((at, self.drawn), (to, happening));
    }

    /// Runs until these nodes have learned; when the last did, if that is before `until`.
    pub(crate) fn run(&mut self, nodes: &[NodeId], until: u64) -> Option<u64> {
        while nodes.iter().any(|node| self.learned[node.index()].is_none()) {
            if !self.step(until) {
                return None;
            }
        }
        nodes.iter().filter_map(|node| self.learned[node.index()]).max()
    }

    /// Runs until then.
    pub(crate) fn run_on(&mut self, until: u64) {
        while self.step(until) {}
    }

    /// Handles what happens next, if that is not after `until`.
    fn step(&mut self, until: u64) -> bool {
        let Some(next) = self.queue.first_entry().filter(|next| next.key().0 <= until) else { return false };
        let ((now, _), (to, happening)) = next.remove_entry();
        self.now = now;
        let input = match happening {
            Happening::Ask(value) => {
                let (client, id) = (ClientId(value as u8), RequestId(value as u32));
                Input::Request { client, id, oldest: id, request: Propose(Value(value)) }
            }
            Happening::Arrival(from, message) => Input::Message { from, message },
            Happening::Alarm(timer, set) if self.alarms[to.index()] == set => Input::Timer(timer),
            Happening::Alarm(..) => return true,
        };
        self.events += 1;
        let mut effects = Effects::default();
        self.nodes[to.index()].step(input, &mut effects);
        self.perform(to, &mut effects);
        true
    }

    fn perform(&mut self, node: NodeId, effects: &mut Effects<Paxos>) {
        self.nodes[node.index()].assert_invariants();
        for effect in effects.drain() {
            match effect {
                Effect::Send { to, message, .. } if to == node => {
                    self.push(self.now, to, Happening::Arrival(node, message));
                }
                Effect::Send { to, message, .. } => {
                    let at = self.now + self.draw(self.links.delay);
                    if (self.links.reaches)(node, to) {
                        self.push(at, to, Happening::Arrival(node, message));
                    }
                }
                Effect::SetTimer { timer, after } => {
                    let at = self.now + self.draw(after);
                    self.alarms[node.index()] += 1;
                    self.push(at, node, Happening::Alarm(timer, self.alarms[node.index()]));
                }
                Effect::CancelTimer { .. } => self.alarms[node.index()] += 1,
                Effect::Output(_) => self.learned[node.index()] = Some(self.now),
                Effect::Persist(_) | Effect::Compact(_) | Effect::Barrier => {}
                Effect::Reply { .. } | Effect::Announce(_) => {}
            }
        }
    }
}
