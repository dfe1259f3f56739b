//! Shrinking: what comes out fails as before, and nothing in it can be spared.

use std::cell::Cell;

use crate::common::{open, parse, trial_of};
use quarrel_formats::trace::{Judgement, Trace};
use quarrel_harness::case::{Flaws, items};
use quarrel_harness::registry::Trial;

const PAXOS: &str = r#"# Clients propose against each other while acceptors crash and messages go astray.
protocol = "paxos"
nodes = [3, 4]
duration = "2s"
healing = "0s"
[network]
latency = ["200us", "10ms"]
loss = { chance = 0.7, between = [0.01, 0.4] }
duplication = { chance = 0.5, between = [0.05, 0.2] }
delay = { chance = 0.7, between = [0.01, 0.4] }
delay-max = ["5ms", "500ms"]
[clock]
timer-spread = 0.5
[disk]
sync = { chance = 0.5, between = ["50us", "10ms"] }
lost-writes = { chance = 0.75, between = [0.2, 1.0] }
[faults.crash]
chance = 0.8
every = ["10ms", "100ms"]
lasting = ["1ms", "50ms"]
[faults.partition]
chance = 0.5
every = ["50ms", "500ms"]
lasting = ["20ms", "300ms"]
[workload]
operations = [2, 6]
clients = [1, 3]
every = ["2ms", "60ms"]
timeout = "50ms"
attempts = 20
"#;

const RAFT: &str = r#"# A small cluster in a storm: whoever is elected is struck at once, and no term is quiet.
protocol = "raft"
nodes = 3
duration = "2s"
healing = "0s"
[config]
election-timeout = ["50ms", "100ms"]
heartbeat = ["10ms", "20ms"]
[network]
latency = ["200us", "10ms"]
loss = { chance = 0.5, between = [0.002, 0.2] }
delay = { chance = 0.5, between = [0.01, 0.3] }
delay-max = ["5ms", "300ms"]
[clock]
timer-spread = 0.7
[disk]
sync = { chance = 0.5, between = ["50us", "5ms"] }
lost-writes = 0.7
cut-broadcasts = 0.5
[faults.crash]
every = ["50ms", "200ms"]
lasting = ["2ms", "50ms"]
[faults.leader]
on = "elected"
probability = 0.8
after = ["0ms", "20ms"]
lasting = ["10ms", "100ms"]
[workload]
operations = [5, 10]
every = ["20ms", "80ms"]
timeout = "60ms"
attempts = 10
"#;

const CASES: [(&str, &str); 3] = [
    (PAXOS, "paxos/own-value"),
    (PAXOS, "paxos/acceptor-amnesia-promise"),
    (RAFT, "raft/vote-not-persisted"),
];

fn signature(trace: &Trace) -> Option<String> {
    match &trace.verdict.judgement {
        Judgement::Held => None,
        Judgement::Violated(violation) => Some(violation.signature.clone()),
    }
}

fn replayed(trace: &Trace) -> Trace {
    open(trace).replay(Flaws::Kept).trace
}

/// The trial of a case, and the first seeds that fail.
fn failing(text: &str, flaw: &str, count: usize) -> (Box<dyn Trial>, Vec<u64>) {
    let trial = trial_of(parse("test/shrink", text), &[flaw]);
    let seeds: Vec<u64> = (0..4000).filter(|&seed| trial.run(seed).verdict().is_some()).take(count).collect();
    assert_eq!(seeds.len(), count, "{flaw} is found");
    (trial, seeds)
}

/// Every trace that is this one but for a single fault, decision or operation.
fn without_one(trace: &Trace) -> Vec<(String, Trace)> {
    let mut all = Vec::new();
    let mut without = |what: String, change: &dyn Fn(&mut Trace)| {
        let mut less = trace.clone();
        change(&mut less);
        all.push((what, less));
    };
    for (position, fault) in trace.header.world.faults.iter().enumerate() {
        without(fault.to_string(), &|trace| drop(trace.header.world.faults.remove(position)));
    }
    for (position, decision) in trace.header.decisions.iter().enumerate() {
        without(decision.to_string(), &|trace| drop(trace.header.decisions.remove(position)));
    }
    for (position, operation) in trace.header.operations.iter().enumerate() {
        without(operation.id.to_string(), &|trace| drop(trace.header.operations.remove(position)));
    }
    all
}

#[test]
fn what_is_shrunk_fails_as_before_and_nothing_in_it_can_be_spared() {
    for (text, flaw) in CASES {
        let (trial, seeds) = failing(text, flaw, 6);
        for seed in seeds {
            let (before, shrunk) = (trial.record(seed), trial.shrink(seed, &|| false).unwrap());
            assert!(signature(&before).is_some());
            assert_eq!(signature(&shrunk.trace), signature(&before), "{flaw}, seed {seed}");
            assert_eq!(signature(&replayed(&shrunk.trace)), signature(&before), "{flaw}, seed {seed}");
            assert_eq!((shrunk.report.before, shrunk.report.after), (items(&before), items(&shrunk.trace)));
            assert!(
                shrunk.report.after < shrunk.report.before && shrunk.report.after < 40,
                "{:?}",
                shrunk.report
            );
            assert!(shrunk.report.one_minimal, "{flaw}, seed {seed}: {:?}", shrunk.report);
            for (what, less) in without_one(&shrunk.trace) {
                assert_ne!(
                    signature(&replayed(&less)),
                    signature(&before),
                    "{flaw}, seed {seed}: without {what}"
                );
            }
        }
    }
}

#[test]
fn shrinking_is_deterministic_and_does_not_care_where_the_run_comes_from() {
    for (text, flaw) in CASES {
        let (trial, seeds) = failing(text, flaw, 1);
        let shrunk = || trial.shrink(seeds[0], &|| false).unwrap();
        let (one, other) = (shrunk(), shrunk());
        assert_eq!((one.trace.to_bytes(), one.report), (other.trace.to_bytes(), other.report));
        let bytes = trial.record(seeds[0]).to_bytes();
        let filed = open(&Trace::parse("test.jsonl", &bytes).unwrap()).shrink(&|| false).unwrap();
        assert_eq!(filed.trace.to_bytes(), one.trace.to_bytes());
    }
}

#[test]
fn what_is_shrunk_stays_what_it_is() {
    let (trial, seeds) = failing(PAXOS, CASES[0].1, 2);
    for seed in seeds {
        let once = trial.shrink(seed, &|| false).unwrap();
        let twice = open(&once.trace).shrink(&|| false).unwrap();
        assert!(twice.report.after <= once.report.after && twice.report.one_minimal);
        assert_eq!(signature(&twice.trace), signature(&once.trace));
    }
}

#[test]
fn what_does_not_fail_is_not_shrunk() {
    let trial = trial_of(parse("test/shrink", PAXOS), &[]);
    assert!(trial.shrink(0, &|| false).is_none());
    let trace = trial.record(0);
    assert_eq!(signature(&trace), None);
    assert!(open(&trace).shrink(&|| false).is_none());
}

/// A trace that claims a violation which does not come out again is returned as it is.
#[test]
fn what_does_not_fail_as_it_claims_is_left_alone() {
    let (trial, seeds) = failing(PAXOS, CASES[0].1, 1);
    let mut claims = trial.record(seeds[0]);
    claims.header.operations.clear();
    let shrunk = open(&claims).shrink(&|| false).unwrap();
    assert_eq!(shrunk.trace.header.decisions, claims.header.decisions);
    assert_eq!(shrunk.trace.header.world, claims.header.world);
    assert_eq!((shrunk.report.replays, shrunk.report.one_minimal), (1, false));
    assert_eq!(shrunk.report.before, shrunk.report.after);
    assert_eq!(signature(&shrunk.trace), None, "and says that nothing fails");
}

#[test]
fn who_is_told_to_stop_returns_the_best_so_far() {
    let (trial, seeds) = failing(PAXOS, CASES[0].1, 1);
    let before = trial.record(seeds[0]);
    let whole = trial.shrink(seeds[0], &|| false).unwrap();
    for asked_max in [0, 1, 5, 30] {
        let asked = Cell::new(0u64);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() > asked_max
        };
        let shrunk = trial.shrink(seeds[0], &stop).unwrap();
        assert_eq!(signature(&replayed(&shrunk.trace)), signature(&before), "after {asked_max}");
        assert!(shrunk.report.replays <= whole.report.replays && shrunk.report.after >= whole.report.after);
        assert!(!shrunk.report.one_minimal);
    }
}
