//! A small cluster in virtual time: what it takes for a cluster to go on is tried here.
//!
//! Messages take 1 to 10 ms, disks are instant, nothing is lost on a link that is not cut, and what ails a minority ails it
//! for good. It is a replicated log that is tried here: each node of the core is asked for something new again and again,
//! and what counts is whether the core goes on applying it.

use std::collections::BTreeMap;

use quarrel_protocol::{
    After, ClientId, Effect, Effects, Input, Kinded, Lasting, NodeId, NodeSet, Protocol, RequestId,
};
use quarrel_spec::Value;
use quarrel_spec::machine::{Call, RegisterCall};

/// A second, in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

const NODES: u8 = 5;
const DELAY: After = After::between(SECOND / 1000, SECOND / 100);
/// How long the core is left alone between one round of questions and the next.
const PAUSE: u64 = SECOND / 20;

/// What a test can see of its protocol. The world knows none.
pub struct Eyes<P: Protocol> {
    /// Whether a node leads.
    pub leads: fn(&P) -> bool,
    /// How far a node has got.
    pub applied: fn(&P) -> u64,
    /// Whether an event says that a leader has given up.
    pub gives_up: fn(&P::Event) -> bool,
}

enum Happening<P: Protocol> {
    Arrival(NodeId, P::Message),
    /// It counts only if the timer was not set since.
    Alarm(P::Timer, u64),
}

/// Five nodes, and what ails some of them.
pub struct World<P: Protocol<Request = Call>> {
    eyes: Eyes<P>,
    nodes: Vec<P>,
    /// What comes next, by its time and the order in which it was drawn.
    queue: BTreeMap<(u64, u64), (NodeId, Happening<P>)>,
    /// How often each node has set or unset each timer.
    alarms: Vec<Vec<u64>>,
    /// What ails the minority, and who that is.
    fault: Option<(Lasting, NodeSet)>,
    drawn: u64,
    now: u64,
    asked: u32,
    deposed: u64,
}

impl<P: Protocol<Request = Call>> World<P> {
    /// Five nodes that have just started.
    #[must_use]
    pub fn new(config: &P::Config, seed: u64, eyes: Eyes<P>) -> Self {
        let mut world = Self {
            eyes,
            nodes: Vec::new(),
            queue: BTreeMap::new(),
            alarms: vec![vec![0; P::Timer::KINDS.len()]; usize::from(NODES)],
            fault: None,
            drawn: seed << 32,
            now: 0,
            asked: 0,
            deposed: 0,
        };
        for node in everybody() {
            let mut effects = Effects::default();
            world.nodes.push(P::recover(config, node, &[], &mut effects));
            world.perform(node, &mut effects);
        }
        world
    }

    /// The time, in nanoseconds.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// How often a leader outside the minority has given up since the fault struck.
    #[must_use]
    pub const fn deposed(&self) -> u64 {
        self.deposed
    }

    /// How far the whole core has come.
    #[must_use]
    pub fn core_applied(&self) -> u64 {
        let core = everybody().filter(|&node| self.is_core(node));
        core.map(|node| (self.eyes.applied)(&self.nodes[node.index()])).min().unwrap_or(0)
    }

    /// Two seconds without faults; then this one, on the nodes that stand so far behind the leader in the ring of nodes.
    ///
    /// # Panics
    /// When nobody leads by then.
    pub fn strike(&mut self, fault: Lasting, behind_leader: &[u8]) {
        self.run(2 * SECOND);
        let leader =
            self.nodes.iter().position(self.eyes.leads).expect("a healthy cluster has a leader") as u8;
        let minority = behind_leader.iter().map(|behind| NodeId((leader + behind) % NODES));
        self.fault = Some((fault, minority.collect()));
        self.deposed = 0;
    }

    /// Until then, every 50 ms each node of the core is asked for something new.
    pub fn run(&mut self, until: u64) {
        while self.now < until {
            let pause = self.now + PAUSE;
            while let Some(next) = self.queue.first_entry().filter(|next| next.key().0 <= pause) {
                let ((now, _), (to, happening)) = next.remove_entry();
                self.now = now;
                match happening {
                    Happening::Arrival(from, message) => self.step(to, Input::Message { from, message }),
                    Happening::Alarm(timer, set) if self.alarms[to.index()][timer.kind()] == set => {
                        self.step(to, Input::Timer(timer));
                    }
                    Happening::Alarm(..) => {}
                }
            }
            self.now = pause;
            for node in everybody().filter(|&node| self.is_core(node)).collect::<Vec<_>>() {
                self.asked += 1;
                let id = RequestId(self.asked);
                let request = Call::Register(RegisterCall::Write(Value(u64::from(self.asked))));
                self.step(node, Input::Request { client: ClientId(0), id, oldest: id, request });
            }
        }
    }

    fn step(&mut self, node: NodeId, input: Input<P>) {
        let mut effects = Effects::default();
        self.nodes[node.index()].step(input, &mut effects);
        self.perform(node, &mut effects);
    }

    fn perform(&mut self, node: NodeId, effects: &mut Effects<P>) {
        self.nodes[node.index()].assert_invariants();
        for effect in effects.drain() {
            match effect {
                Effect::Send { to, message, .. } if to == node => {
                    self.push(self.now, to, Happening::Arrival(node, message));
                }
                Effect::Send { to, message, .. } => {
                    let at = self.now + self.draw(DELAY);
                    if self.reaches(node, to) {
                        for told in self.told(node, to, message) {
                            self.push(at, to, Happening::Arrival(node, told));
                        }
                    }
                }
                Effect::SetTimer { timer, after } => {
                    let at = self.now + self.draw(after);
                    let set = &mut self.alarms[node.index()][timer.kind()];
                    *set += 1;
                    let set = *set;
                    self.push(at, node, Happening::Alarm(timer, set));
                }
                Effect::CancelTimer { timer } => self.alarms[node.index()][timer.kind()] += 1,
                Effect::Announce(event) if (self.eyes.gives_up)(&event) && self.is_core(node) => {
                    self.deposed += 1;
                }
                _ => {}
            }
        }
    }

    /// What leaves a node: of a traitor, at every message another of its protocol's lies.
    fn told(&mut self, from: NodeId, to: NodeId, message: P::Message) -> Vec<P::Message> {
        if self.is_core(from) || !matches!(self.fault, Some((Lasting::Traitor, _))) {
            return vec![message];
        }
        let last =
            P::LIES.len().checked_sub(1).expect("a protocol that lives with traitors knows what they say");
        let lie = self.draw(After::between(0, last as u64)) as usize;
        self.nodes[from.index()].lie(lie, to, &message)
    }

    fn push(&mut self, at: u64, to: NodeId, happening: Happening<P>) {
        self.drawn += 1;
        self.queue.insert((at, self.drawn), (to, happening));
    }

    /// SplitMix64 over a counter: a point of the range.
    fn draw(&mut self, After { min_ns, max_ns }: After) -> u64 {
        self.drawn += 1;
        let mixed = self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        min_ns + (mixed ^ (mixed >> 27)) % (max_ns - min_ns + 1)
    }

    fn is_core(&self, node: NodeId) -> bool {
        self.fault.is_none_or(|(_, minority)| !minority.contains(node))
    }

    fn reaches(&self, from: NodeId, to: NodeId) -> bool {
        let (from_core, to_core) = (self.is_core(from), self.is_core(to));
        match self.fault {
            None => true,
            Some((Lasting::Crashed | Lasting::Isolated | Lasting::Paused, _)) => from_core && to_core,
            Some((Lasting::Mute, _)) => from_core,
            Some((Lasting::Deaf, _)) => to_core,
            // What it says is another matter.
            Some((Lasting::Traitor, _)) => true,
            // Each outsider is left with the node after it: a chain, since both of these are in the core.
            Some((Lasting::Partial | Lasting::Fringe, _)) => {
                let is_kept = |outsider: NodeId, other: NodeId| (outsider.0 + 1) % NODES == other.0;
                from_core && to_core || !from_core && is_kept(from, to) || !to_core && is_kept(to, from)
            }
        }
    }
}

/// Two of five, so far behind the leader: the leader and another, or two others.
#[must_use]
pub const fn minority(seed: u64) -> &'static [u8] {
    if seed.is_multiple_of(2) { &[0, 3] } else { &[1, 3] }
}

fn everybody() -> impl Iterator<Item = NodeId> {
    NodeId::all(usize::from(NODES))
}
