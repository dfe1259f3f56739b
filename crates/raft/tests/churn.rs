//! A small cluster under drawn schedules in which members come and go, leadership changes hands, and reads ask for a
//! round of heartbeats. Correct Raft keeps every property, and whoever is a member in the end comes to agree.
//!
//! There is no time here, so there are no leases.

use crate::common::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use quarrel_protocol::{Input, Monitor, NodeId, NodeSet};
use quarrel_raft::config::Reads;
use quarrel_raft::{Changes, Config, FlawSet, Invariants, Order, Raft, RaftFlaw, Timer};

#[derive(Clone, Debug)]
enum Act {
    Deliver { which: usize, again: bool },
    Lose { which: usize },
    Fire(NodeId, Timer),
    Ask(NodeId, bool),
    Order(NodeId, Order),
    Restart(NodeId),
}

fn act() -> impl Strategy<Value = Act> {
    let node = || (0..5u8).prop_map(NodeId);
    // Mostly the oldest messages: else nothing ever gets done.
    let which = || prop_oneof![6 => 0..3usize, 1 => 0..1000usize];
    let order = prop_oneof![
        2 => node().prop_map(Order::AddVoter),
        1 => node().prop_map(Order::AddLearner),
        2 => node().prop_map(Order::Remove),
        2 => (1..32u64).prop_map(|nodes| Order::Voters(NodeSet(nodes))),
        2 => node().prop_map(Order::Transfer),
    ];
    let timers = [Timer::Loyalty, Timer::Transfer, Timer::CatchUp];
    prop_oneof![
        60 => (which(), prop::bool::weighted(0.1)).prop_map(|(which, again)| Act::Deliver { which, again }),
        4 => which().prop_map(|which| Act::Lose { which }),
        3 => node().prop_map(|node| Act::Fire(node, Timer::Election)),
        4 => node().prop_map(|node| Act::Fire(node, Timer::Heartbeat)),
        3 => (node(), prop::sample::select(timers.to_vec())).prop_map(|(node, timer)| Act::Fire(node, timer)),
        6 => (node(), any::<bool>()).prop_map(|(node, is_read)| Act::Ask(node, is_read)),
        8 => (node(), order).prop_map(|(node, order)| Act::Order(node, order)),
        1 => node().prop_map(Act::Restart),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let changes = prop::sample::select(vec![Changes::Single, Changes::Joint]);
    let reads = prop::sample::select(vec![Reads::Log, Reads::ReadIndex]);
    (
        3..=5u8,
        1..=4u8,
        0..2u8,
        changes,
        reads,
        (0..3u32, prop::sample::select(vec![0, 0, 2, 5])),
        any::<[bool; 2]>(),
    )
        .prop_map(
            |(
                nodes,
                voters,
                learners,
                changes,
                reads,
                (entries_per_append, snapshot_every),
                [pre_vote, check_quorum],
            )| Config {
                voters: voters.min(nodes),
                learners,
                changes,
                reads,
                entries_per_append,
                snapshot_every,
                snapshot_chunk: 100,
                pre_vote,
                check_quorum,
                ..Config::new(nodes)
            },
        )
}

fn run(config: &Config, acts: &[Act]) -> Cluster {
    let mut cluster = cluster_of(config);
    let member = |node: NodeId| NodeId(node.0 % config.nodes);
    for (value, act) in (0..).zip(acts) {
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
            Act::Ask(node, is_read) => {
                let request = if is_read { read() } else { write(u64::from(value)) };
                cluster.call(member(node), C1, value, request);
            }
            Act::Order(node, Order::Voters(nodes)) => {
                let there = nodes.intersection(NodeSet::all(cluster.nodes.len()));
                cluster.run(member(node), Input::Admin(Order::Voters(there)));
            }
            Act::Order(node, order) => cluster.run(member(node), Input::Admin(order)),
            Act::Restart(node) => cluster.restart(member(node)),
        }
    }
    cluster
}

/// Everyone is heard again. Returns who leads.
fn heal(cluster: &mut Cluster) -> NodeId {
    let all: Vec<NodeId> = NodeId::all(cluster.nodes.len()).collect();
    cluster.deliver_among(&all);
    for round in 0..4 * all.len() {
        for &node in &all {
            for timer in [Timer::Transfer, Timer::CatchUp, Timer::Heartbeat] {
                cluster.fire(node, timer);
            }
            cluster.deliver_among(&all);
        }
        // A node that was sent away and does not know it may be in a later term: nobody listens to it.
        let leaders = all.iter().copied().filter(|node| cluster.nodes[node.index()].machine.is_leader());
        let leader = leaders.max_by_key(|node| cluster.nodes[node.index()].machine.term());
        if let Some(leader) = leader.filter(|leader| cluster.nodes[leader.index()].machine.commit().0 > 0)
            && !cluster.nodes[leader.index()].machine.configuration().is_joint()
        {
            return leader;
        }
        all.iter().for_each(|&node| cluster.fire(node, Timer::Loyalty));
        cluster.fire(all[round % all.len()], Timer::Election);
        cluster.deliver_among(&all);
    }
    panic!("nobody leads:\n{}", cluster.story.join("\n"));
}

proptest! {
    // A failing case belongs into a test with a name, not into a file of seeds.
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn raft_keeps_every_property_while_members_change(
        config in config(),
        acts in proptest::collection::vec(act(), 1..800),
    ) {
        let mut cluster = run(&config, &acts);
        prop_assert_eq!(cluster.violated(), [""; 0], "{}", cluster.story.join("\n"));
        let leader = heal(&mut cluster);
        cluster.call(leader, C1, 1_000_000, write(7));
        let all: Vec<NodeId> = NodeId::all(cluster.nodes.len()).collect();
        for _ in 0..3 {
            cluster.deliver_among(&all);
            cluster.fire(leader, Timer::Heartbeat);
        }
        prop_assert_eq!(cluster.violated(), [""; 0], "{}", cluster.story.join("\n"));
        let raft = &cluster.nodes[leader.index()].machine;
        prop_assert!(raft.is_leader());
        for member in raft.configuration().members().iter() {
            let other = &cluster.nodes[member.index()].machine;
            prop_assert_eq!(other.log().last_index(), raft.log().last_index(), "{}", cluster.story.join("\n"));
            prop_assert_eq!(other.log().last_term(), raft.log().last_term());
            prop_assert_eq!(other.configuration(), raft.configuration());
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

/// Schedules in which nothing happens prove nothing.
#[test]
fn drawn_schedules_reach_what_only_happens_here() {
    let mut runner = TestRunner::deterministic();
    let drawn = (config(), proptest::collection::vec(act(), 400..800));
    let properties = <Invariants as Monitor<Raft>>::properties();
    let (mut happened, mut evaluated) = (vec![0; Invariants::cells().len()], vec![0; properties.len()]);
    for _ in 0..400 {
        let (config, acts) = drawn.new_tree(&mut runner).unwrap().current();
        let cluster = run(&config, &acts);
        happened.iter_mut().zip(cluster.report.cells()).for_each(|(sum, count)| *sum += count);
        evaluated.iter_mut().zip(cluster.report.evaluated()).for_each(|(sum, count)| *sum += count);
    }
    for (cell, count) in Invariants::cells().iter().zip(happened) {
        let needs_more = cell.name.starts_with("read-by-lease") || cell.name.starts_with("snapshot");
        assert!(count > 0 || needs_more, "{} never happened", cell.name);
    }
    for (property, count) in properties.iter().zip(evaluated) {
        assert!(count > 0, "{} was never asked", property.name);
    }
}
