//! That something is decided and learned, under what the protocol promises to live with and under each flaw that takes
//! that away.

use crate::support::{Cluster, n};
use crate::timed::{Links, MILLISECOND, World};
use quarrel_paxos::{Config, FlawSet, LIVES_WITH, PaxosFlaw};
use quarrel_protocol::{After, Lasting, NodeId};

const STEADY: After = After::exactly(5 * MILLISECOND);

fn everywhere(_: NodeId, _: NodeId) -> bool {
    true
}

fn all(size: usize) -> Vec<NodeId> {
    NodeId::all(size).collect()
}

/// A promise binds the acceptor to what is lower, not to what it is asked next.
#[test]
fn accept_strict_gt_never_accepts_what_it_promised() {
    let check = |flaws, decided: bool| {
        for size in [1, 3, 4] {
            let mut cluster = Cluster::new(Config { flaws, ..Config::new(size) });
            cluster.propose(n(1), 7);
            for _ in 0..50 {
                cluster.deliver_all();
                for node in NodeId::all(size) {
                    if cluster.timers[node.index()].is_some() {
                        cluster.fire(node);
                    }
                }
            }
            assert_eq!(cluster.outputs.len(), if decided { size } else { 0 });
            assert_eq!(cluster.broken(), [""; 0]);
        }
    };
    check(FlawSet::default(), true);
    check(FlawSet::only(PaxosFlaw::AcceptStrictGt), false);
}

/// How many of 40 duels are undecided after a second; and when the slowest of the others was decided.
fn undecided_duels(flaws: FlawSet, proposers: usize) -> (usize, u64) {
    let mut undecided = 0;
    let mut slowest = 0;
    for seed in 0..40 {
        let links = Links { delay: STEADY, reaches: everywhere };
        let mut world = World::new(Config { flaws, ..Config::new(proposers) }, links, seed);
        for node in all(proposers) {
            let at = world.draw(After::between(0, 20 * MILLISECOND));
            world.ask(node, at);
        }
        match world.run(&all(proposers), 1_000 * MILLISECOND) {
            Some(at) => slowest = slowest.max(at),
            None => undecided += 1,
        }
    }
    (undecided, slowest)
}

/// PMS 2.4. With steady delays one of *two* duellers finishes: a refusal takes one way longer than an acceptance. From
/// three on each is preempted by another before it does.
#[test]
fn duelling_no_backoff_goes_on_for_ever() {
    for proposers in [3, 4, 5] {
        let (undecided, slowest) = undecided_duels(FlawSet::default(), proposers);
        assert_eq!(undecided, 0, "{proposers} proposers with back-off, slowest {slowest}");
        let (undecided, _) = undecided_duels(FlawSet::only(PaxosFlaw::DuellingNoBackoff), proposers);
        assert!(undecided >= 20, "{undecided} of 40 duels of {proposers} proposers without back-off");
    }
}

/// Of five nodes, n1 to n3 are the core.
fn is_core(node: NodeId) -> bool {
    node.0 < 3
}

/// Which links are left under a fault of the minority.
fn links_left(fault: Lasting) -> fn(NodeId, NodeId) -> bool {
    match fault {
        Lasting::Crashed | Lasting::Isolated | Lasting::Paused => |from, to| is_core(from) && is_core(to),
        Lasting::Mute => |from, _| is_core(from),
        Lasting::Deaf => |_, to| is_core(to),
        // n4 and n1, n5 and n1, n5 and n2.
        Lasting::Traitor => unreachable!("Paxos lives with no traitor"),
        Lasting::Partial | Lasting::Fringe => |from, to| {
            let pair = (from.min(to).0, from.max(to).0);
            is_core(from) && is_core(to) || [(0, 3), (0, 4), (1, 4)].contains(&pair)
        },
    }
}

/// The core decides and learns whatever its minority suffers, and whoever is asked.
#[test]
fn the_core_lives_with_every_lasting_fault_it_promises_to() {
    let core = [n(1), n(2), n(3)];
    for &fault in LIVES_WITH {
        for asked in [&all(5)[..], &[n(1), n(4), n(5)], &[n(3), n(4)]] {
            for seed in 0..40 {
                let delay = After::between(MILLISECOND, 20 * MILLISECOND);
                let config = Config::new(5);
                let bound = 2 * config.round_ns();
                let mut world = World::new(config, Links { delay, reaches: links_left(fault) }, seed);
                for &node in asked {
                    let at = world.draw(After::between(0, 300 * MILLISECOND));
                    world.ask(node, at);
                }
                assert!(world.run(&core, bound).is_some(), "{fault}, asked {asked:?}, seed {seed}");
            }
        }
    }
}

/// Nodes that have learned nothing inquire now and then. That costs next to nothing when there is nothing to learn, and
/// nothing at all once they have.
#[test]
fn a_cluster_that_nobody_asks_stays_calm() {
    let links = Links { delay: STEADY, reaches: everywhere };
    let mut world = World::new(Config::new(5), links, 1);
    assert_eq!(world.run(&all(5), 60_000 * MILLISECOND), None);
    // Each of five nodes inquires every 1.5 seconds on average: a timer, and five messages each way.
    assert!(world.events < 40 * 5 * (1 + 10) * 11 / 10, "{} events in a minute", world.events);
    world.ask(n(1), 60_000 * MILLISECOND);
    assert!(world.run(&all(5), 60_100 * MILLISECOND).is_some());
    let learned = world.events;
    world.run_on(120_000 * MILLISECOND);
    assert!(world.events - learned < 50, "{} events after the decision", world.events - learned);
}
