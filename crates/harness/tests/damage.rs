//! How little of what lies outside the model breaks each protocol: one lie of one disk, one rotten record, one lost disk,
//! at one node. And that what it takes is this and nothing less: the same runs without it hold.
//!
//! For each, a swarm in which only one kind of damage strikes, at a drawn node, among faults that are inside the model. A
//! failure is found, shrunk, and what is left of the damage is counted. Then it is taken away.

use std::ops::Range;

use crate::common::{parse, trial_of};
use quarrel_formats::Scenario;
use quarrel_formats::trace::Judgement;
use quarrel_harness::model::Retrial;
use quarrel_harness::registry::Trial;
use quarrel_harness::run::Outcome;
use quarrel_sim::fault::{Action, Fault, FaultClass};

/// What strikes a protocol, beside the damage: all of it inside its model.
const RAFT: &str = r#"# Raft.
protocol = "raft"
nodes = @nodes
duration = "3s"

[config]
election-timeout = ["150ms", "200ms"]
heartbeat = "50ms"

[network]
latency = ["1ms", "20ms"]

[disk]
sync = { chance = 0.5, between = ["100us", "5ms"] }

[clock]
timer-spread = 1.0

[faults.crash]
every = ["100ms", "600ms"]
lasting = ["2ms", "100ms"]

[faults.partition]
every = ["200ms", "1s"]
lasting = ["50ms", "500ms"]

[faults.leader]
on = { one-of = ["elected", "voted"] }
probability = 0.5
after = ["0ms", "60ms"]
lasting = ["2ms", "300ms"]

[workload]
operations = 60
clients = 2
every = "30ms"
timeout = "200ms"
"#;

const PAXOS: &str = r#"# Paxos.
protocol = "paxos"
nodes = @nodes
duration = "1s"

[config]
attempt-timeout = ["120ms", "300ms"]
back-off = ["5ms", "40ms"]

[network]
latency = ["3ms", "20ms"]
delay = 0.2
delay-max = "100ms"

[disk]
sync = { chance = 0.5, between = ["100us", "5ms"] }

[clock]
timer-spread = 1.0

[faults.crash]
every = ["20ms", "200ms"]
lasting = ["1ms", "50ms"]

[faults.leader]
on = "promised"
probability = 0.4
after = ["0ms", "5ms"]
lasting = ["1ms", "8ms"]
actions = ["crash"]

[faults.aimed-loss]
every = ["2ms", "60ms"]
lasting = ["50ms", "500ms"]
kinds = ["accepted", "learn"]

[workload]
operations = 12
clients = 3
every = ["2ms", "40ms"]
timeout = "300ms"
attempts = 10
"#;

const COMMIT: &str = r#"# Two-phase commit.
protocol = "2pc"
nodes = @nodes
duration = "2s"

[network]
latency = ["1ms", "20ms"]
loss = 0.05

[disk]
sync = { chance = 0.5, between = ["100us", "5ms"] }

[clock]
timer-spread = 1.0

[faults.crash]
every = ["50ms", "400ms"]
lasting = ["2ms", "100ms"]

[faults.partition]
every = ["200ms", "1s"]
lasting = ["50ms", "300ms"]

[workload]
operations = 20
clients = 2
every = "50ms"
timeout = "300ms"
"#;

/// A swarm with this damage.
fn swarm(frame: &str, nodes: u8, damage: &str) -> Scenario {
    parse("test/damage", &format!("{}\n{damage}", frame.replace("@nodes", &nodes.to_string())))
}

const LIES: &str = "[faults.lying-disk]\nevery = [\"100ms\", \"1s\"]\nlasting = [\"20ms\", \"400ms\"]\n";
/// One disk lies all the time, and no other ever does.
const LIAR: &str = "[[fault]]\nat = \"0s\"\nlying-disk = \"n3\"\nlasting = \"3s\"\n";
const ROT: &str = "[faults.bit-rot]\nevery = [\"20ms\", \"300ms\"]\nrecord = 1\n";
const OLD_ROT: &str = "[faults.bit-rot]\nevery = [\"20ms\", \"300ms\"]\nrecord = [2, 6]\n";
const WIPES: &str = "[faults.wipe]\nevery = [\"100ms\", \"1s\"]\nlasting = [\"2ms\", \"100ms\"]\n";

/// The seeds of those that fail in a way that counts.
fn failures(trial: &dyn Trial, seeds: Range<u64>) -> impl Iterator<Item = (u64, Outcome)> {
    let outcomes = seeds.map(|seed| (seed, trial.run(seed)));
    outcomes.filter(|(_, outcome)| outcome.verdict().is_some_and(|violation| violation.kind.counts()))
}

/// The damage that is left of a failure when everything is gone that it does without: on how many nodes, in words.
fn damage_left(trial: &dyn Trial, seed: u64, outcome: &Outcome) -> (usize, Vec<String>) {
    assert!(!outcome.outside.is_empty(), "seed {seed}: {:?}", outcome.verdict());
    let shrunk = trial.shrink(seed, &|| false).expect("it fails").trace;
    assert!(matches!(shrunk.verdict.judgement, Judgement::Violated(_)));
    let struck = |fault: &Fault| match fault.action {
        Action::LyingDisk { nodes } | Action::Wipe { nodes } => nodes.len(),
        Action::BitRot { .. } => 1,
        _ => 0,
    };
    let faults = &shrunk.header.world.faults;
    let words = faults.iter().filter(|fault| struck(fault) > 0).map(ToString::to_string).collect();
    (faults.iter().map(struck).sum(), words)
}

/// The damage breaks the protocol, and one strike at one node is enough; without it the same run holds.
fn one_strike_is_enough(frame: &str, nodes: u8, damage: &str) {
    let trial = trial_of(swarm(frame, nodes, damage), &[]);
    let mut told = Vec::new();
    for (seed, outcome) in failures(&*trial, 0..SEEDS).take(TRIES) {
        let (strikes, words) = damage_left(&*trial, seed, &outcome);
        if strikes == 1 {
            assert_eq!(trial.retry_inside(seed), Some(Retrial::Gone), "seed {seed} holds without {words:?}");
            println!("{nodes} nodes, seed {seed}: {}", words.join("; "));
            return;
        }
        told.push((seed, words));
    }
    panic!("no single strike breaks it: {told:?}");
}

/// Nothing breaks.
fn holds(frame: &str, nodes: u8, damage: &str) {
    let trial = trial_of(swarm(frame, nodes, damage), &[]);
    if let Some((seed, outcome)) = failures(&*trial, 0..SEEDS).next() {
        panic!("{nodes} nodes, seed {seed}: {:?}, {:?}", outcome.verdict(), outcome.outside);
    }
}

/// In so many runs a single strike must be found, and nothing less may be.
const SEEDS: u64 = 2_000;
/// How many failures are looked at for one that a single strike brings about.
const TRIES: usize = 12;

#[test]
fn one_lie_at_one_node_breaks_raft() {
    [3, 5].into_iter().for_each(|nodes| one_strike_is_enough(RAFT, nodes, LIES));
}

#[test]
fn one_lie_at_one_node_breaks_paxos() {
    [3, 5].into_iter().for_each(|nodes| one_strike_is_enough(PAXOS, nodes, LIAR));
}

#[test]
fn one_lie_at_one_node_breaks_two_phase_commit() {
    [3, 5].into_iter().for_each(|nodes| one_strike_is_enough(COMMIT, nodes, LIES));
}

#[test]
fn one_rotten_last_record_breaks_each() {
    [RAFT, PAXOS, COMMIT].into_iter().for_each(|frame| one_strike_is_enough(frame, 3, ROT));
}

#[test]
fn one_lost_disk_breaks_each() {
    [RAFT, PAXOS, COMMIT].into_iter().for_each(|frame| one_strike_is_enough(frame, 3, WIPES));
}

#[test]
fn without_damage_nothing_breaks() {
    for frame in [RAFT, PAXOS, COMMIT] {
        [3, 5].into_iter().for_each(|nodes| holds(frame, nodes, ""));
    }
}

/// Rot that its node can tell from a torn write keeps that node down, and breaks no promise, however much there is.
#[test]
fn rot_that_is_found_breaks_nothing() {
    for frame in [RAFT, PAXOS, COMMIT] {
        [3, 5].into_iter().for_each(|nodes| holds(frame, nodes, OLD_ROT));
    }
    let trial = trial_of(swarm(RAFT, 3, OLD_ROT), &[]);
    let found = (0..50).map(|seed| trial.run(seed).tally.struck.of(FaultClass::BitRot)).sum::<u64>();
    assert!(found > 10, "{found}");
}
