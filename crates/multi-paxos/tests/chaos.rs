//! A small cluster under drawn schedules: messages lost, doubled and overtaken, requests retried, nodes restarted at
//! will, snapshots all the time. Correct Multi-Paxos keeps every property and heals; no flaw trips an assertion before a
//! property can find it.

use crate::common::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use quarrel_multi_paxos::{Config, FlawSet, Invariants, MultiPaxos, MultiPaxosFlaw, Timer};
use quarrel_protocol::{ClientId, Input, Monitor, NodeId, RequestId};
use quarrel_spec::machine::{Call, RegisterCall};
use quarrel_spec::session::{Command, Session};

#[derive(Clone, Debug)]
enum Act {
    /// Delivers one of the messages on their way; keeps it as well if `again`.
    Deliver {
        which: usize,
        again: bool,
    },
    Lose {
        which: usize,
    },
    Fire(NodeId, Timer),
    Ask(NodeId),
    /// An earlier request again, at any node.
    Retry(NodeId, usize),
    Restart(NodeId),
}

fn act() -> impl Strategy<Value = Act> {
    let node = || (0..5u8).prop_map(NodeId);
    // Mostly the oldest messages: else nothing ever gets done.
    let which = || prop_oneof![6 => 0..3usize, 1 => 0..1000usize];
    prop_oneof![
        70 => (which(), prop::bool::weighted(0.1)).prop_map(|(which, again)| Act::Deliver { which, again }),
        5 => which().prop_map(|which| Act::Lose { which }),
        2 => node().prop_map(|node| Act::Fire(node, Timer::Silence)),
        2 => node().prop_map(|node| Act::Fire(node, Timer::Campaign)),
        4 => node().prop_map(|node| Act::Fire(node, Timer::Heartbeat)),
        3 => node().prop_map(|node| Act::Fire(node, Timer::CatchUp)),
        10 => node().prop_map(Act::Ask),
        3 => (node(), any::<usize>()).prop_map(|(node, which)| Act::Retry(node, which)),
        1 => node().prop_map(Act::Restart),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    (1..=5u8, prop::sample::select(vec![1, 2, 16]), 1..4u32, prop::sample::select(vec![0, 2, 5]), 0..3u32)
        .prop_map(|(nodes, window, slots_per_message, snapshot_every, slots_kept)| Config {
            window,
            slots_per_message,
            snapshot_every,
            slots_kept,
            chunk_bytes: 16,
            ..Config::new(nodes)
        })
}

fn run(config: &Config, acts: &[Act]) -> Cluster {
    let mut cluster = cluster_of(config);
    let mut asked = Vec::new();
    let member = |node: NodeId| NodeId(node.0 % config.nodes);
    for (value, act) in acts.iter().enumerate() {
        match *act {
            Act::Deliver { .. } | Act::Lose { .. } if cluster.network.is_empty() => {}
            Act::Deliver { which, again } => {
                let which = which % cluster.network.len();
                let (from, to, message) = cluster.network[which].clone();
                if !again {
                    cluster.network.remove(which);
                }
                cluster.run(to, Input::Message { from, message });
            }
            Act::Lose { which } => {
                let which = which % cluster.network.len();
                cluster.network.remove(which);
            }
            Act::Fire(node, timer) => cluster.fire(member(node), timer),
            Act::Ask(node) => {
                asked.push(value as u32);
                ask(&mut cluster, member(node), value as u32);
            }
            Act::Retry(..) if asked.is_empty() => {}
            Act::Retry(node, which) => ask(&mut cluster, member(node), asked[which % asked.len()]),
            Act::Restart(node) => cluster.restart(member(node)),
        }
    }
    cluster
}

/// Two clients, who wait for all that they have asked. What is asked follows from the number.
fn ask(cluster: &mut Cluster, node: NodeId, id: u32) {
    let call = match id % 3 {
        0 => read(),
        1 => Call::Register(RegisterCall::Cas { from: None, to: quarrel_spec::Value(u64::from(id)) }),
        _ => write(u64::from(id)),
    };
    let session = Session { client: ClientId((id % 2) as u8), serial: RequestId(id), oldest: RequestId(0) };
    cluster.submit(&[node], Command { session, call });
}

/// Everyone is heard again: a leader emerges, and all come to know the same. Returns who was asked last.
fn heal(cluster: &mut Cluster) {
    let all: Vec<NodeId> = NodeId::all(cluster.nodes.len()).collect();
    let settle = |cluster: &mut Cluster| {
        for timer in [Timer::Heartbeat, Timer::CatchUp] {
            all.iter().for_each(|&node| cluster.fire(node, timer));
            cluster.deliver_among(&all);
        }
    };
    let leader = |cluster: &Cluster| {
        let leads = |node: &&NodeId| cluster.nodes[node.index()].machine.is_leader();
        all.iter().filter(leads).max_by_key(|node| cluster.nodes[node.index()].machine.promised()).copied()
    };
    cluster.deliver_among(&all);
    // Of several leaders one is left; without any, the first node tries again and again.
    (0..4).for_each(|_| settle(cluster));
    for _ in 0..4 {
        if leader(cluster).is_none() {
            all.iter().for_each(|&node| cluster.fire(node, Timer::Silence));
            cluster.fire(all[0], Timer::Campaign);
            cluster.deliver_among(&all);
            (0..40).for_each(|_| settle(cluster));
        }
    }
    let leader = leader(cluster).expect("somebody leads");
    ask(cluster, leader, 1_000_000);
    (0..40).for_each(|_| settle(cluster));
}

proptest! {
    // A failing case belongs into a test with a name, not into a file of seeds.
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn multi_paxos_keeps_every_property_and_heals(
        config in config(),
        acts in proptest::collection::vec(act(), 1..800),
    ) {
        let mut cluster = run(&config, &acts);
        prop_assert_eq!(cluster.violated(), [""; 0], "{}", cluster.story.join("\n"));
        heal(&mut cluster);
        prop_assert_eq!(cluster.violated(), [""; 0], "{}", cluster.story.join("\n"));
        let chosen = cluster.nodes[0].machine.log().chosen();
        let told = cluster.replies.iter().any(|(_, id, reply)| {
            *id == RequestId(1_000_000) && !matches!(reply, quarrel_spec::replicated_log::Reply::NotLeader { .. })
        });
        prop_assert!(told, "the last request was answered\n{}", cluster.story.join("\n"));
        for node in &cluster.nodes {
            prop_assert_eq!(node.machine.log().chosen(), chosen, "{}", cluster.story.join("\n"));
            if config.snapshot_every > 0 {
                let most = u64::from(config.snapshot_every + config.slots_kept + config.window) + 1;
                prop_assert!(node.machine.log().len() as u64 <= most, "the log is short: {}", node.machine.log().len());
            }
        }
    }

    #[test]
    fn no_flaw_trips_an_assertion(
        config in config(),
        flaw in prop::sample::select(MultiPaxosFlaw::ALL.to_vec()),
        acts in proptest::collection::vec(act(), 1..400),
    ) {
        // Each step asserts the node's invariants; nothing here may panic.
        run(&Config { flaws: FlawSet::only(flaw), ..config }, &acts);
    }
}

/// Schedules in which nothing happens prove nothing.
#[test]
fn drawn_schedules_reach_every_cell_and_ask_every_property() {
    let mut runner = TestRunner::deterministic();
    let drawn = (config(), proptest::collection::vec(act(), 600..1200));
    let mut happened = vec![0; Invariants::cells().len()];
    let mut evaluated = vec![0; <Invariants as Monitor<MultiPaxos>>::properties().len()];
    for turn in 0..200 {
        let (mut config, mut acts) = drawn.new_tree(&mut runner).unwrap().current();
        // Gaps need several slots on their way, each by itself, and a message about one that reaches nobody.
        if turn % 2 == 0 {
            config = Config { nodes: 3, window: 16, slots_per_message: 1, ..config };
            for act in acts.iter_mut().step_by(3) {
                if let Act::Deliver { which, .. } = *act {
                    *act = Act::Lose { which };
                }
            }
        }
        let cluster = run(&config, &acts);
        happened.iter_mut().zip(cluster.report.cells()).for_each(|(sum, count)| *sum += count);
        evaluated.iter_mut().zip(cluster.report.evaluated()).for_each(|(sum, count)| *sum += count);
    }
    // Here a disk is always done: no crash comes between two writes.
    let impossible = ["crashed-before-trim"];
    for (cell, count) in Invariants::cells().iter().zip(happened) {
        assert!(count > 0 || impossible.contains(&cell.name), "{} never happened", cell.name);
    }
    for (property, count) in <Invariants as Monitor<MultiPaxos>>::properties().iter().zip(evaluated) {
        assert!(count > 0, "{} was never asked", property.name);
    }
}
