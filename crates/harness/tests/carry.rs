//! One fault plan for all: what struck one protocol strikes another.

use crate::common::{open, parse, read, trial, trial_of};
use quarrel_formats::Trace;
use quarrel_harness::case::Flaws;
use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::decision::{DecisionKind, Endpoint};
use quarrel_sim::fault::Action;
use quarrel_sim::time::SECOND;

/// Paxos in calm on four nodes.
const CALM: &str = "# Paxos on four nodes.\nprotocol = 'paxos'\nnodes = 4\nduration = '2s'\nhealing = '3s'\n\
    [network]\nlatency = '1ms'\n[workload]\noperations = 5\nclients = 1\nevery = '100ms'\n";

#[test]
fn the_faults_of_a_raft_run_strike_paxos() {
    let plan = trial("raft/chaos", &[]).record(3);
    let paxos = trial_of(parse("test/calm", CALM), &[]);
    let followed = paxos.follow(0, "plan.jsonl", &plan).unwrap_or_else(|error| panic!("{error}"));
    let carried = followed.carried.expect("it is of another protocol");
    let (mine, theirs) = (&followed.trace.header, &plan.header);
    assert_eq!((mine.protocol.as_str(), carried.from.as_str()), ("paxos", "raft"));
    assert_eq!(mine.world.nodes, 4, "the cluster is the scenario's own");
    assert_eq!(mine.operations, paxos.record(0).header.operations, "and so is what clients ask");
    assert_eq!(mine.config, paxos.record(0).header.config);
    assert!(carried.faults > 0 && carried.decisions > 0, "{carried:?}");
    assert_eq!(mine.world.faults.len() as u64, carried.faults);
    assert_eq!(mine.decisions.len() as u64, carried.decisions);
    let left_out = |word: &str| {
        let counts = carried.left_out.iter().filter(|(what, _)| what.contains(word)).map(|(_, count)| count);
        counts.sum::<u64>()
    };
    let (faults, decisions) = (theirs.world.faults.len() as u64, theirs.decisions.len() as u64);
    let lost = left_out("faults") + left_out("losses") + left_out("expiries");
    assert_eq!(carried.faults + lost, faults, "every fault is told of");
    assert_eq!(carried.decisions + left_out("decisions"), decisions, "every decision is told of");
    assert_eq!(left_out("operations"), theirs.operations.len() as u64);
    let both = usize::from(mine.world.nodes.min(theirs.world.nodes));
    for from in 0..both {
        for to in 0..both {
            let latency =
                |world: &quarrel_sim::world::World| world.latency_ns[from * usize::from(world.nodes) + to];
            assert_eq!(latency(&mine.world), latency(&theirs.world), "links are as slow as they were");
        }
        assert_eq!(mine.world.sync_ns[from], theirs.world.sync_ns[from]);
    }
    let struck = &followed.outcome.tally.struck;
    let calm = paxos.run(0).tally.struck;
    assert_ne!(struck.faults, calm.faults, "something strikes");
    let again = open(&followed.trace).replay(Flaws::Kept).trace;
    assert_eq!(again.verdict.digest, followed.trace.verdict.digest, "the run is a trace like any other");
}

#[test]
fn what_means_nothing_is_left_out() {
    let all = NodeSet::all(7);
    let last = NodeId(6);
    let mut plan = trial("raft/figure-8", &[]).record(0);
    plan.header.world.faults.clear();
    let strike = |plan: &mut Trace, at_s: u64, lasting_ns: Option<u64>, action: Action| {
        plan.header.world.faults.push(quarrel_sim::fault::Fault { at_ns: at_s * SECOND, lasting_ns, action });
    };
    plan.header.world.duration_ns = 5 * SECOND;
    let everywhere = |kind: &str| Action::Lose { kind: kind.to_string(), from: all, to: all };
    strike(&mut plan, 1, None, Action::Crash { nodes: all });
    strike(&mut plan, 1, None, Action::Crash { nodes: NodeSet::only(last) });
    strike(&mut plan, 1, Some(9), Action::isolate(last, 7));
    strike(&mut plan, 1, Some(9), everywhere("append-entries"));
    strike(&mut plan, 1, Some(9), everywhere("accept"));
    strike(&mut plan, 1, Some(9), Action::Expire { node: NodeId(0), timer: "election".to_string() });
    strike(&mut plan, 6, None, Action::Pause { nodes: all });
    let followed = trial_of(parse("test/calm", CALM), &[]).follow(0, "plan.jsonl", &plan);
    let followed = followed.unwrap_or_else(|error| panic!("{error}"));
    let faults: Vec<_> = followed.trace.header.world.faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "every accept is lost: n1, n2, n3, n4 -> n1, n2, n3, n4, for 9ns".to_string(),
            "n1, n2, n3, n4 crash, for 4s".to_string(),
        ]
    );
    let carried = followed.carried.expect("it is of another protocol");
    let left_out: Vec<(&str, u64)> = carried.left_out.iter().map(|(what, count)| (*what, *count)).collect();
    for told in [
        ("faults on nodes that are not there", 2),
        ("losses of messages that this protocol does not send", 1),
        ("expiries of timers that this protocol does not have", 1),
        ("faults that stay after the healing", 1),
    ] {
        assert!(left_out.contains(&told), "{told:?}: {left_out:?}");
    }
}

#[test]
fn only_decisions_that_mean_something_are_kept() {
    let plan = trial("raft/chaos", &[]).record(5);
    let followed = trial_of(parse("test/calm", CALM), &[]).follow(0, "plan.jsonl", &plan).unwrap();
    for decision in &followed.trace.header.decisions {
        let key = &decision.key;
        let nodes = matches!((key.source, key.target), (Endpoint::Node(_), Endpoint::Node(_)));
        let means_something = match key.kind {
            DecisionKind::Fate if nodes => false,
            DecisionKind::Timer => false,
            DecisionKind::Fate
            | DecisionKind::Sync
            | DecisionKind::Lost
            | DecisionKind::Cut
            | DecisionKind::Torn
            | DecisionKind::Write => true,
        };
        assert!(means_something, "{decision}: Raft and Paxos share no kind of message or timer");
    }
}

#[test]
fn two_generals_suffer_what_raft_suffered() {
    let plan = trial("raft/leader-isolated", &[]).record(0);
    let generals = trial("two-generals/calm", &[]);
    let followed = generals.follow(0, "plan.jsonl", &plan).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(followed.trace.header.world.nodes, 2);
    let twice = generals.follow(0, "plan.jsonl", &plan).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(twice.outcome.tally.digest, followed.outcome.tally.digest);
    assert_eq!(read("two-generals/calm").name, followed.trace.header.scenario);
}
