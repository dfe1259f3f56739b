//! A small cluster under drawn schedules: messages lost, doubled and overtaken, requests retried, nodes restarted at
//! will. Correct Raft keeps every property and tells a retry what the first copy came to; no flaw trips an assertion
//! before a property can find it.

use std::collections::BTreeMap;

use crate::common::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use quarrel_protocol::{Cell, ClientId, Input, Monitor, NodeId, RequestId};
use quarrel_raft::{Config, FlawSet, Invariants, Raft, RaftFlaw, Timer};
use quarrel_spec::Value;
use quarrel_spec::machine::{Call, Kind, RegisterCall};
use quarrel_spec::replicated_log::{Applied, Reply};
use quarrel_spec::session::{Command, Memory, Receipt, Replica, Session};

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
    Campaign(NodeId),
    Heartbeat(NodeId),
    Disloyal(NodeId),
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
        60 => (which(), prop::bool::weighted(0.1)).prop_map(|(which, again)| Act::Deliver { which, again }),
        6 => which().prop_map(|which| Act::Lose { which }),
        3 => node().prop_map(Act::Campaign),
        4 => node().prop_map(Act::Heartbeat),
        3 => node().prop_map(Act::Disloyal),
        8 => node().prop_map(Act::Ask),
        3 => (node(), any::<usize>()).prop_map(|(node, which)| Act::Retry(node, which)),
        1 => node().prop_map(Act::Restart),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let options = (0..3u32, prop::sample::select(vec![1, 3, 16]), any::<[bool; 3]>());
    let snapshots = (prop::sample::select(vec![0, 0, 1, 2, 5]), prop::sample::select(vec![0, 7, 30]));
    (1..=5u8, options, snapshots).prop_map(|(nodes, options, (snapshot_every, snapshot_chunk))| {
        let (entries_per_append, entries_in_flight_max, [noop_on_election, pre_vote, check_quorum]) = options;
        Config {
            entries_per_append,
            entries_in_flight_max,
            noop_on_election,
            pre_vote,
            check_quorum,
            snapshot_every,
            snapshot_chunk,
            ..Config::new(nodes)
        }
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
            Act::Campaign(node) => cluster.fire(member(node), Timer::Election),
            Act::Heartbeat(node) => cluster.fire(member(node), Timer::Heartbeat),
            Act::Disloyal(node) => cluster.fire(member(node), Timer::Loyalty),
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
        1 => Call::Register(RegisterCall::Cas { from: None, to: Value(u64::from(id)) }),
        _ => write(u64::from(id)),
    };
    let session = Session { client: ClientId((id % 2) as u8), serial: RequestId(id), oldest: RequestId(0) };
    cluster.submit(&[node], Command { session, call });
}

/// What each request had to be told, by the log: the outcome of its first copy.
fn receipts(log: &BTreeMap<u64, Applied>) -> BTreeMap<RequestId, Reply> {
    let mut replica = Replica::new(Kind::default(), Memory::Kept);
    let receipts = log.values().filter_map(|applied| {
        let command = applied.command?;
        let Receipt { index, outcome } = replica.apply(applied.index, &command)?;
        Some((command.session.serial, Reply::Applied { index, outcome }))
    });
    receipts.collect()
}

/// Everyone is heard again: a leader emerges, and all logs become one.
fn heal(cluster: &mut Cluster) {
    let all: Vec<NodeId> = NodeId::all(cluster.nodes.len()).collect();
    cluster.deliver_among(&all);
    // Whoever has the most up-to-date log wins once its term is the highest.
    for _ in 0..3 {
        for &node in &all {
            // Who leads an earlier term learns of it; who leads the latest is left alone.
            for &other in &all {
                cluster.fire(other, Timer::Heartbeat);
                cluster.deliver_among(&all);
            }
            if cluster.nodes.iter().any(|node| node.machine.is_leader()) {
                continue;
            }
            all.iter().for_each(|&other| cluster.fire(other, Timer::Loyalty));
            cluster.fire(node, Timer::Election);
            cluster.deliver_among(&all);
        }
    }
    let leaders: Vec<NodeId> =
        all.iter().copied().filter(|node| cluster.nodes[node.index()].machine.is_leader()).collect();
    let [leader] = leaders[..] else { panic!("{} nodes lead", leaders.len()) };
    ask(cluster, leader, 1_000_000);
    // A snapshot is sent a chunk at a time, but nothing is lost.
    for _ in 0..3 {
        cluster.fire(leader, Timer::Heartbeat);
        cluster.deliver_among(&all);
    }
}

proptest! {
    // A failing case belongs into a test with a name, not into a file of seeds.
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn raft_keeps_every_property_and_heals(
        config in config(),
        acts in proptest::collection::vec(act(), 1..800),
    ) {
        let mut cluster = run(&config, &acts);
        prop_assert_eq!(cluster.violated(), [""; 0], "{}", cluster.story.join("\n"));
        heal(&mut cluster);
        prop_assert_eq!(cluster.violated(), [""; 0], "{}", cluster.story.join("\n"));
        let log = cluster.nodes[0].machine.log().clone();
        for node in &cluster.nodes {
            let begin = log.base().max(node.machine.log().base());
            prop_assert_eq!(node.machine.log().after(begin), log.after(begin));
            prop_assert_eq!(node.machine.applied(), log.last_index());
            let records_max = 3 + u64::from(config.snapshot_every);
            prop_assert!(config.snapshot_every == 0 || log.last_index().0 - log.base().0 <= records_max);
        }
        let receipts = receipts(&cluster.log);
        for (node, id, reply) in &cluster.replies {
            if matches!(reply, Reply::Applied { .. }) {
                prop_assert_eq!(Some(reply), receipts.get(id), "{} told this to {}", node, id);
            }
        }
    }

    #[test]
    fn no_flaw_trips_an_assertion(
        config in config(),
        flaw in prop::sample::select(RaftFlaw::ALL.to_vec()),
        acts in proptest::collection::vec(act(), 1..400),
    ) {
        // Each step asserts the node's invariants; nothing here may panic.
        run(&Config { flaws: FlawSet::only(flaw), ..config }, &acts);
    }
}

/// What only happens where members change or reads spare the log: `churn.rs` draws that.
const MEMBERS: [&str; 11] = [
    "members-changed",
    "joint-entered",
    "change-during-election",
    "configuration-rolled-back",
    "learner-promoted",
    "leader-retired",
    "leadership-transferred",
    "transfer-abandoned",
    "read-by-index",
    "read-by-lease",
    "read-by-lease-under-drift",
];

const MEMBERS_ONLY: [&str; 2] = ["elected-by-quorum", "one-change-at-a-time"];

/// Schedules in which nothing happens prove nothing.
#[test]
fn drawn_schedules_reach_every_cell_and_ask_every_property() {
    let mut runner = TestRunner::deterministic();
    let drawn = (config(), proptest::collection::vec(act(), 400..800));
    let mut happened = vec![0; Invariants::cells().len()];
    let mut evaluated = vec![0; <Invariants as Monitor<Raft>>::properties().len()];
    for _ in 0..100 {
        let (config, acts) = drawn.new_tree(&mut runner).unwrap().current();
        let cluster = run(&config, &acts);
        happened.iter_mut().zip(cluster.report.cells()).for_each(|(sum, count)| *sum += count);
        evaluated.iter_mut().zip(cluster.report.evaluated()).for_each(|(sum, count)| *sum += count);
    }
    let of_members = |cell: &Cell| MEMBERS.contains(&cell.name);
    for (cell, count) in Invariants::cells().iter().zip(happened).filter(|(cell, _)| !of_members(cell)) {
        assert!(count > 0, "{} never happened", cell.name);
    }
    let properties = <Invariants as Monitor<Raft>>::properties();
    for (property, count) in
        properties.iter().zip(evaluated).filter(|(it, _)| !MEMBERS_ONLY.contains(&it.name))
    {
        assert!(count > 0, "{} was never asked", property.name);
    }
}
