//! A small cluster under drawn schedules: messages lost, doubled and overtaken, requests retried, replicas restarted at
//! will, up to f of them liars. Correct PBFT keeps every property and heals; no flaw trips an assertion before a property
//! can find it.

use crate::common::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use quarrel_pbft::{Config, FlawSet, Invariants, Pbft, PbftFlaw, Timer};
use quarrel_protocol::{ClientId, Input, Kinded, Monitor, NodeId, Protocol, RequestId};
use quarrel_spec::machine::{Call, RegisterCall};
use quarrel_spec::session::{Command, Session};

/// The request that is asked when all is well again.
const HEALED: u32 = 1_000_000;

#[derive(Clone, Debug)]
enum Act {
    Deliver {
        which: usize,
        again: bool,
    },
    Lose {
        which: usize,
    },
    Fire(NodeId, Timer),
    /// A client asks all replicas.
    Ask(usize),
    Retry(usize),
    Restart(NodeId),
    /// Nobody reaches this replica, nor it anybody, from now on; or all are together again.
    Isolate(Option<NodeId>),
}

fn act() -> impl Strategy<Value = Act> {
    let node = || (0..7u8).prop_map(NodeId);
    let which = || prop_oneof![8 => 0..3usize, 1 => 0..1000usize];
    prop_oneof![
        200 => (which(), prop::bool::weighted(0.05)).prop_map(|(which, again)| Act::Deliver { which, again }),
        6 => which().prop_map(|which| Act::Lose { which }),
        2 => node().prop_map(|node| Act::Fire(node, Timer::Patience)),
        2 => node().prop_map(|node| Act::Fire(node, Timer::Relay)),
        4 => node().prop_map(|node| Act::Fire(node, Timer::Status)),
        9 => (0..4usize).prop_map(Act::Ask),
        2 => any::<usize>().prop_map(Act::Retry),
        1 => node().prop_map(Act::Restart),
        1 => prop::option::of(node()).prop_map(Act::Isolate),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    (4..=7u8, 1..4u32, prop::sample::select(vec![1, 2, 8]), 1..4u32, 1..4u32).prop_map(
        |(nodes, batch, parallel, checkpoint_every, marks)| Config {
            batch,
            parallel,
            checkpoint_every,
            window: checkpoint_every * marks,
            ..Config::new(nodes)
        },
    )
}

/// At most f liars, each with its lie.
fn liars() -> impl Strategy<Value = Vec<(NodeId, usize)>> {
    proptest::collection::vec(((0..7u8).prop_map(NodeId), 0..Pbft::LIES.len()), 0..3)
}

fn run(config: &Config, liars: &[(NodeId, usize)], acts: &[Act]) -> Cluster {
    let mut cluster = cluster_of(config);
    let member = |node: NodeId| NodeId(node.0 % config.nodes);
    for &(node, lie) in liars.iter().take(config.faulty_max()) {
        cluster.turn(member(node), Some(Pbft::LIES[lie]));
    }
    let mut asked = 0;
    let mut alone = None;
    for act in acts {
        match *act {
            Act::Deliver { .. } | Act::Lose { .. } if cluster.network.is_empty() => {}
            Act::Deliver { which, again } => {
                let which = which % cluster.network.len();
                let (from, to, message) = cluster.network[which].clone();
                if !again {
                    cluster.network.remove(which);
                }
                if alone != Some(from) && alone != Some(to) {
                    cluster.run(to, Input::Message { from, message });
                }
            }
            Act::Lose { which } => {
                let which = which % cluster.network.len();
                cluster.network.remove(which);
            }
            Act::Fire(node, timer) => {
                if cluster.nodes[member(node).index()].has_set(&timer) {
                    cluster.fire(member(node), timer);
                }
            }
            Act::Ask(missed) => {
                asked += 1;
                ask(&mut cluster, asked, Some(missed));
            }
            Act::Retry(_) if asked == 0 => {}
            Act::Retry(which) => ask(&mut cluster, 1 + which as u32 % asked, None),
            Act::Restart(node) => cluster.restart(member(node)),
            Act::Isolate(node) => alone = node.map(member),
        }
    }
    cluster
}

/// Two clients, who wait for all that they have asked. What is asked follows from the number; one replica may miss it.
fn ask(cluster: &mut Cluster, id: u32, missed: Option<usize>) {
    let call = match id % 3 {
        0 => Call::Register(RegisterCall::Read),
        1 => Call::Register(RegisterCall::Cas { from: None, to: quarrel_spec::Value(u64::from(id)) }),
        _ => write(u64::from(id)),
    };
    let session = Session { client: ClientId((id % 2) as u8), serial: RequestId(id), oldest: RequestId(0) };
    let all = cluster.all();
    let nodes: Vec<NodeId> = all.iter().copied().filter(|node| Some(node.index()) != missed).collect();
    cluster.submit(&nodes, Command { session, call });
}

/// Everyone is heard again, and time goes by: all timers that run fire in turn, patience last.
fn heal(cluster: &mut Cluster) {
    ask(cluster, HEALED, None);
    let_time_go_by(cluster);
}

fn let_time_go_by(cluster: &mut Cluster) {
    for round in 0..60 {
        let timer = if round % 6 == 5 {
            Timer::Patience
        } else if round % 2 == 0 {
            Timer::Status
        } else {
            Timer::Relay
        };
        for node in cluster.all() {
            if cluster.nodes[node.index()].has_set(&timer) {
                cluster.fire(node, timer);
            }
        }
        cluster.deliver_if(|_, _, _| true);
    }
}

/// More requests than the log has room for, each after all that came before has been delivered.
fn fill_the_log(cluster: &mut Cluster, window: u32) {
    for more in 1..=window + 1 {
        ask(cluster, HEALED + more, None);
        cluster.deliver_if(|_, _, _| true);
    }
    let_time_go_by(cluster);
}

/// Who has executed what, among the correct.
fn executed(cluster: &Cluster) -> Vec<u64> {
    let correct = cluster.all().into_iter().filter(|&node| !cluster.traitors.contains(node));
    correct.map(|node| cluster.nodes[node.index()].machine.executed().0).collect()
}

fn all_equal(executed: &[u64]) -> bool {
    executed.windows(2).all(|pair| pair[0] == pair[1])
}

proptest! {
    // A failing case belongs into a test with a name, not into a file of seeds.
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pbft_keeps_every_property_and_heals(
        config in config(),
        liars in liars(),
        acts in proptest::collection::vec(act(), 1..1500),
    ) {
        let mut cluster = run(&config, &liars, &acts);
        prop_assert_eq!(cluster.violated(), [""; 0], "{}", cluster.tale());
        heal(&mut cluster);
        prop_assert_eq!(cluster.violated(), [""; 0], "{}", cluster.tale());
        let told = cluster.replies_to(RequestId(HEALED)).count();
        prop_assert!(told > config.faulty_max(), "the last request was answered\n{}", cluster.story.join("\n"));
        // Who lacks a batch that nobody can prove any more waits for the log to fill: see the test below.
        let has_restarted = acts.iter().any(|act| matches!(act, Act::Restart(_)));
        if !all_equal(&executed(&cluster)) && has_restarted && !cluster.traitors.is_empty() {
            fill_the_log(&mut cluster, config.window);
            prop_assert_eq!(cluster.violated(), [""; 0], "{}", cluster.tale());
        }
        let executed = executed(&cluster);
        prop_assert!(all_equal(&executed), "{:?}\n{}", executed, cluster.story.join("\n"));
        for node in &cluster.nodes {
            prop_assert!(node.machine.open() as u64 <= u64::from(config.window), "the log is short");
        }
    }

    #[test]
    fn no_flaw_trips_an_assertion(
        config in config(),
        liars in liars(),
        flaw in prop::sample::select(PbftFlaw::ALL.to_vec()),
        acts in proptest::collection::vec(act(), 1..800),
    ) {
        // Each step asserts the node's invariants; nothing here may panic.
        run(&Config { flaws: FlawSet::only(flaw), ..config }, &liars, &acts);
    }
}

/// The proof of a commit is not written down, and a liar can keep a checkpoint from being stable. So when all who executed
/// a batch have restarted from their checkpoints, nobody can prove it to a replica that has missed it, and which has left
/// the view alone. The service goes on without that replica until the log is full; then it changes the view, which
/// proposes all again that has prepared.
#[test]
fn who_lacks_what_nobody_can_prove_any_more_catches_up_when_the_log_is_full() {
    let config = Config { checkpoint_every: 3, window: 9, ..Config::new(4) };
    let mut cluster = cluster_of(&config);
    cluster.turn(N3, Some("false-checkpoint"));
    for id in 1..=2 {
        ask(&mut cluster, id, None);
        cluster.deliver_if(|_, _, _| true);
    }
    ask(&mut cluster, 3, None);
    cluster.deliver_if(|_, to, message| to != N2 || message.kind_name() != "commit");
    cluster.network.clear();
    cluster.fire(N2, Timer::Patience);
    cluster.network.clear();
    cluster.restart(N1);
    cluster.restart(N4);
    assert_eq!(executed(&cluster), [3, 2, 3], "\n{}", cluster.story.join("\n"));

    heal(&mut cluster);
    let told = cluster.replies_to(RequestId(HEALED)).count();
    assert!(told > config.faulty_max(), "the service goes on\n{}", cluster.story.join("\n"));
    assert_eq!(executed(&cluster), [4, 2, 4], "\n{}", cluster.story.join("\n"));

    fill_the_log(&mut cluster, config.window);
    assert_eq!(cluster.violated(), [""; 0], "{}", cluster.tale());
    let executed = executed(&cluster);
    assert!(all_equal(&executed) && executed[0] > 9, "{executed:?}\n{}", cluster.story.join("\n"));
}

/// Schedules in which nothing happens prove nothing.
#[test]
fn drawn_schedules_reach_every_cell_and_ask_every_property() {
    let mut runner = TestRunner::deterministic();
    let drawn = (config(), liars(), proptest::collection::vec(act(), 1000..2000));
    let mut happened = vec![0; Invariants::cells().len()];
    let mut evaluated = vec![0; <Invariants as Monitor<Pbft>>::properties().len()];
    for _ in 0..200 {
        let (config, liars, acts) = drawn.new_tree(&mut runner).unwrap().current();
        let mut cluster = run(&config, &liars, &acts);
        heal(&mut cluster);
        happened.iter_mut().zip(cluster.report.cells()).for_each(|(sum, count)| *sum += count);
        evaluated.iter_mut().zip(cluster.report.evaluated()).for_each(|(sum, count)| *sum += count);
    }
    for (cell, count) in Invariants::cells().iter().zip(&happened) {
        println!("{} {count}", cell.name);
    }
    for (cell, count) in Invariants::cells().iter().zip(happened) {
        assert!(count > 0, "{} never happened", cell.name);
    }
    for (property, count) in <Invariants as Monitor<Pbft>>::properties().iter().zip(evaluated) {
        assert!(count > 0, "{} was never asked", property.name);
    }
}
