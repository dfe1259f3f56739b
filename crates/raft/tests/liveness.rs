//! That commands go on being committed under what the protocol promises to live with, and what happens under the rest.
//! Virtual time: messages take 1 to 10 ms, disks are instant, and some links are cut for good.

use std::collections::BTreeMap;

use quarrel_protocol::{
    After, ClientId, Effect, Effects, Input, Kinded, Lasting, NodeId, NodeSet, Protocol, RequestId,
};
use quarrel_raft::{Config, Event, LIVES_WITH, LIVES_WITH_CHECKS, Message, Raft, Timer};
use quarrel_spec::Value;
use quarrel_spec::machine::{Call, RegisterCall};

const SECOND: u64 = 1_000_000_000;
const DELAY: After = After::between(SECOND / 1000, SECOND / 100);

enum Happening {
    Arrival(NodeId, Message),
    /// It counts only if the timer was not set since.
    Alarm(Timer, u64),
}

struct World {
    nodes: Vec<Raft>,
    queue: BTreeMap<(u64, u64), (NodeId, Happening)>,
    /// How often each node has set or unset each timer.
    alarms: Vec<[u64; 3]>,
    /// What ails the minority, and who that is.
    fault: Option<(Lasting, NodeSet)>,
    drawn: u64,
    now: u64,
    asked: u32,
    /// How often a leader outside the minority has stepped down.
    deposed: u64,
}

impl World {
    fn new(config: &Config, seed: u64) -> Self {
        let mut world = Self {
            nodes: Vec::new(),
            queue: BTreeMap::new(),
            alarms: vec![[0; 3]; 5],
            fault: None,
            drawn: seed << 32,
            now: 0,
            asked: 0,
            deposed: 0,
        };
        for node in NodeId::all(5) {
            let mut effects = Effects::default();
            world.nodes.push(Raft::recover(config, node, &[], &mut effects));
            world.perform(node, &mut effects);
        }
        world
    }

    /// SplitMix64 over a counter: a point of the range.
    fn draw(&mut self, After { min_ns, max_ns }: After) -> u64 {
        self.drawn += 1;
        let mixed = self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        min_ns + (mixed ^ (mixed >> 27)) % (max_ns - min_ns + 1)
    }

    fn push(&mut self, at: u64, to: NodeId, happening: Happening) {
        self.drawn += 1;
        self.queue.insert((at, self.drawn), (to, happening));
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
            // Each outsider is left with the node after it: a chain, since both of these are in the core.
            Some((Lasting::Partial | Lasting::Fringe, _)) => {
                let is_kept = |outsider: NodeId, other: NodeId| (outsider.0 + 1) % 5 == other.0;
                from_core && to_core || !from_core && is_kept(from, to) || !to_core && is_kept(to, from)
            }
        }
    }

    /// Until then, every 50 ms each node of the core is asked for something new.
    fn run(&mut self, until: u64) {
        while self.now < until {
            let pause = self.now + SECOND / 20;
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
            for node in NodeId::all(5).filter(|&node| self.is_core(node)).collect::<Vec<_>>() {
                self.asked += 1;
                let id = RequestId(self.asked);
                let request = Call::Register(RegisterCall::Write(Value(u64::from(self.asked))));
                self.step(node, Input::Request { client: ClientId(0), id, oldest: id, request });
            }
        }
    }

    fn step(&mut self, node: NodeId, input: Input<Raft>) {
        let mut effects = Effects::default();
        self.nodes[node.index()].step(input, &mut effects);
        self.perform(node, &mut effects);
    }

    fn perform(&mut self, node: NodeId, effects: &mut Effects<Raft>) {
        self.nodes[node.index()].assert_invariants();
        for effect in effects.drain() {
            match effect {
                Effect::Send { to, message, .. } if to == node => {
                    self.push(self.now, to, Happening::Arrival(node, message));
                }
                Effect::Send { to, message, .. } => {
                    let at = self.now + self.draw(DELAY);
                    if self.reaches(node, to) {
                        self.push(at, to, Happening::Arrival(node, message));
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
                Effect::Announce(Event::SteppedDown { .. } | Event::QuorumLost { .. })
                    if self.is_core(node) =>
                {
                    self.deposed += 1
                }
                _ => {}
            }
        }
    }

    /// How far the whole core has come.
    fn core_applied(&self) -> u64 {
        let core = NodeId::all(5).filter(|&node| self.is_core(node));
        core.map(|node| self.nodes[node.index()].applied().0).min().unwrap_or(0)
    }

    /// Two seconds without faults; then this one, on the nodes that stand so far behind the leader in the ring of nodes.
    fn strike(&mut self, fault: Lasting, behind_leader: &[u8]) {
        self.run(2 * SECOND);
        let leader =
            self.nodes.iter().position(Raft::is_leader).expect("a healthy cluster has a leader") as u8;
        self.fault =
            Some((fault, behind_leader.iter().map(|behind| NodeId((leader + behind) % 5)).collect()));
        self.deposed = 0;
    }
}

/// The leader and another, or two others.
fn minority(seed: u64) -> &'static [u8] {
    if seed.is_multiple_of(2) { &[0, 3] } else { &[1, 3] }
}

fn with_checks() -> Config {
    Config { pre_vote: true, check_quorum: true, ..Config::new(5) }
}

#[test]
fn the_core_lives_with_every_lasting_fault_it_promises_to() {
    for config in [Config::new(5), with_checks()] {
        let round = config.round_ns();
        for &fault in config.lives_with() {
            for seed in 0..20 {
                let mut world = World::new(&config, seed);
                world.strike(fault, minority(seed));
                for _ in 0..10 {
                    let before = world.core_applied();
                    world.run(world.now + 5 * round);
                    assert!(world.core_applied() > before, "{fault}, seed {seed}, at {}", world.now);
                }
                assert!(world.deposed <= 2, "{fault}, seed {seed}: {} leaders deposed", world.deposed);
            }
        }
    }
}

#[test]
fn pre_vote_alone_is_not_enough() {
    let alone = Config { pre_vote: true, ..Config::new(5) };
    assert_eq!(alone.lives_with(), LIVES_WITH);
    assert_eq!(with_checks().lives_with(), LIVES_WITH_CHECKS);
    // A deaf leader keeps everybody from asking for another, as it does without pre-vote.
    let mut world = World::new(&alone, 1);
    world.strike(Lasting::Deaf, &[0]);
    world.run(3 * SECOND);
    let before = world.core_applied();
    world.run(60 * SECOND);
    assert_eq!((world.core_applied(), world.deposed), (before, 0));
    // A deaf follower asks in vain, and disturbs nobody.
    let mut world = World::new(&alone, 1);
    world.strike(Lasting::Deaf, &[1]);
    world.run(12 * SECOND);
    assert_eq!(world.deposed, 0);
    assert!(world.core_applied() > 100);
}

/// Why [`LIVES_WITH`] does not hold the rest: thesis, section 9.6.
#[test]
fn deaf_and_partly_connected_nodes_depose_leaders_again_and_again() {
    for fault in [Lasting::Deaf, Lasting::Partial] {
        assert!(!LIVES_WITH.contains(&fault));
        for seed in 0..20 {
            let mut world = World::new(&Config::new(5), seed);
            world.strike(fault, minority(seed));
            world.run(12 * SECOND);
            assert!(world.deposed >= 10, "{fault}, seed {seed}: {} in ten seconds", world.deposed);
        }
    }
}

/// Thesis, section 6.2: a leader that no longer hears a majority would have to step down by itself.
#[test]
fn a_deaf_leader_is_followed_for_ever_and_commits_nothing() {
    let mut world = World::new(&Config::new(5), 1);
    world.strike(Lasting::Deaf, &[0]);
    world.run(3 * SECOND);
    let before = world.core_applied();
    world.run(60 * SECOND);
    assert_eq!((world.core_applied(), world.deposed), (before, 0));
}
