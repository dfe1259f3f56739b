//! Random schedules over a small cluster: silent when the code is right, and loud under every flaw.
//!
//! This is no substitute for the simulator (disks here are instant, time is the order of steps); it shows that the
//! protocol and its checkers fit together.

use crate::support::Cluster;
use quarrel_paxos::{Config, FLAWS, FlawSet, Invariants, Paxos};
use quarrel_protocol::{Monitor, NodeId, PropertyKind, Quorum};
use quarrel_spec::consensus::PROPERTIES;

/// SplitMix64: a schedule is a pure function of its seed.
struct Schedule(u64);

impl Schedule {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn node(&mut self, size: usize) -> NodeId {
        NodeId(self.below(size) as u8)
    }
}

const STEPS: usize = 120;

/// Runs one schedule: mostly deliveries in any order, with losses, duplicates, timers, restarts and clients.
fn run(config: &Config, seed: u64) -> Cluster {
    let mut cluster = Cluster::new(config.clone());
    let size = config.quorum.nodes();
    let mut schedule = Schedule(seed);
    cluster.propose(schedule.node(size), 0);
    for step in 1..STEPS as u64 {
        match schedule.below(100) {
            0..3 => cluster.propose(schedule.node(size), step),
            3..6 => cluster.restart(schedule.node(size)),
            6..12 => {
                let node = schedule.node(size);
                if cluster.timers[node.index()].is_some() {
                    cluster.fire(node);
                }
            }
            choice if !cluster.wire.is_empty() => {
                let envelope = cluster.wire.swap_remove(schedule.below(cluster.wire.len()));
                // A message to oneself never touches the network.
                let exempt = envelope.from == envelope.to;
                if choice < 20 && !exempt {
                    continue;
                }
                if choice >= 95 && !exempt {
                    cluster.wire.push(envelope.clone());
                }
                cluster.receive(envelope.to, envelope.from, envelope.message);
            }
            _ => {}
        }
    }
    cluster
}

/// After healing, a new operation must complete and every node must learn: deliver everything, then let one timer at a
/// time fire.
fn heal(cluster: &mut Cluster) {
    cluster.propose(NodeId(0), STEPS as u64);
    for _ in 0..20 {
        cluster.deliver_all();
        let waiting = cluster.timers.iter().position(Option::is_some);
        let Some(node) = waiting else { return };
        cluster.fire(NodeId(node as u8));
    }
    panic!("a healed cluster learns in the end");
}

fn assert_silent(config: &Config) {
    let mut cells = vec![0; Invariants::cells().len()];
    for seed in 0..2_000 {
        let mut cluster = run(config, seed);
        heal(&mut cluster);
        assert_eq!(cluster.broken(), [""; 0], "seed {seed}");
        assert!(cluster.nodes.iter().all(|node| node.durable().decided.is_some()), "seed {seed}");
        cells.iter_mut().zip(cluster.report.cells()).for_each(|(total, count)| *total += count);
    }
    for (cell, count) in Invariants::cells().iter().zip(cells) {
        assert!(count > 0, "`{}` never happened", cell.name);
    }
}

#[test]
fn correct_paxos_keeps_every_property_and_learns_once_healed() {
    assert_silent(&Config::new(3));
    assert_silent(&Config::new(4));
}

#[test]
fn flexible_quorums_keep_every_property_too() {
    assert_silent(&Config { quorum: Quorum::flexible(5, 4, 2).unwrap(), ..Config::new(5) });
    assert_silent(&Config { quorum: Quorum::flexible(4, 2, 3).unwrap(), ..Config::new(4) });
}

/// These need three and four ballots, or one old promise, just so; no such schedule comes upon that (`flaws.rs` shows it).
const BEYOND_CHANCE: [&str; 3] =
    ["accept-no-promise-update", "learner-cross-ballot-same-value", "ballot-reuse-after-crash"];

/// Every flaw of safety that chance can find breaks a property of the paper, the one it names among others, and no assertion of a node goes
/// first. Those that only stop progress break nothing (`liveness.rs` shows what they do).
#[test]
fn every_flaw_of_safety_is_found_by_a_property_of_the_paper() {
    for flaw in FLAWS.iter().filter(|flaw| !BEYOND_CHANCE.contains(&flaw.name)) {
        let flaws = FlawSet::from_names(&[flaw.name.to_string()]).unwrap();
        let config = Config { flaws, ..Config::new(usize::from(flaw.nodes_min)) };
        if flaw.breaks == "liveness" {
            let broken = (0..2_000).find(|seed| !run(&config, *seed).broken().is_empty());
            assert_eq!(broken, None, "`{}` breaks more than liveness", flaw.name);
            continue;
        }
        let found = (0..20_000).find(|seed| run(&config, *seed).broken().contains(&flaw.breaks));
        assert!(found.is_some(), "`{}` was not found", flaw.name);
        let named = PROPERTIES.iter().chain(<Invariants as Monitor<Paxos>>::properties());
        let kinds: Vec<_> =
            named.filter(|property| property.name == flaw.breaks).map(|property| property.kind).collect();
        assert_eq!(kinds, [PropertyKind::Paper], "a flaw counts as found by the paper's properties only");
        println!("{}: found at seed {}", flaw.name, found.unwrap_or_default());
    }
}
