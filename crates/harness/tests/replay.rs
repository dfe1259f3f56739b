//! Replays: the run of a seed and the run of its schedule are the same run, on file and in memory.

use std::ops::Range;

use crate::common::{SCRIPTED, flaws_of, open, trial};
use quarrel_formats::trace::{Judgement, Outcome, Trace, compare};
use quarrel_harness::case::Flaws;
use quarrel_harness::registry::Trial;
use quarrel_harness::tallies::Tallies;

/// The seed's own run, without and with a recorder, and the replay of its schedule.
fn check(trial: &dyn Trial, seed: u64) -> Trace {
    let (outcome, events, trace) = (trial.run(seed), trial.events(seed), trial.record(seed));
    let whose = format!("{} with {:?}, seed {seed}", trial.scenario().name, trial.flaws());
    let parted = events.iter().zip(&trace.events).find(|(one, other)| one != other);
    assert!(parted.is_none(), "{whose}: {parted:#?}");
    assert_eq!(events.len(), trace.events.len(), "{whose}");
    assert_eq!(outcome.tally.digest, trace.verdict.digest, "{whose}");
    assert_eq!(
        (outcome.tally.events, outcome.tally.ended_ns),
        (trace.verdict.events, trace.verdict.at_ns),
        "{whose}"
    );
    let judgement =
        outcome.verdict().map_or(Judgement::Held, |violation| Judgement::Violated(violation.clone()));
    assert_eq!(judgement, trace.verdict.judgement, "{whose}");
    assert_eq!(trace.header.expect, trace.verdict.judgement, "{whose}");
    trace
}

/// And the same after a journey through a file.
fn check_on_file(trace: &Trace) {
    let bytes = trace.to_bytes();
    let read = Trace::parse("test.jsonl", &bytes).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.to_bytes(), bytes, "what was read is what was written");
    let again = open(&read).replay(Flaws::Kept);
    assert_eq!(compare(&read, &again.trace), Outcome::Reproduced);
    assert_eq!(again.never_asked, 0, "{} seed {}", trace.header.scenario, trace.header.seed);
    assert_eq!(again.trace.to_bytes(), bytes);
}

#[test]
fn seeds_replay_without_a_flaw() {
    for (name, seeds) in [("raft/chaos", 0..12), ("paxos/chaos", 0..60), ("raft/standard-unit", 0..4)] {
        let trial = trial(name, &[]);
        for seed in seeds {
            let trace = check(&*trial, seed);
            if seed % 4 == 0 {
                check_on_file(&trace);
            }
        }
    }
}

#[test]
fn seeds_replay_with_each_flaw() {
    for (name, protocol, seeds) in [("raft/chaos", "raft", 100..102), ("paxos/chaos", "paxos", 100..112)] {
        for flaw in flaws_of(protocol) {
            let trial = trial(name, &[&flaw]);
            seeds.clone().for_each(|seed| check_on_file(&check(&*trial, seed)));
        }
    }
}

#[test]
fn scripts_replay_with_and_without_flaws() {
    for name in SCRIPTED {
        let protocol = name.split_once('/').unwrap().0;
        check_on_file(&check(&*trial(name, &[]), 3));
        for flaw in flaws_of(protocol) {
            check_on_file(&check(&*trial(name, &[&flaw]), 3));
        }
    }
}

/// Without its flaw the recorded run is that of the correct protocol: the violation is gone.
#[test]
fn a_violation_is_gone_without_its_flaw() {
    let mut gone = 0;
    for name in SCRIPTED {
        for flaw in flaws_of(name.split_once('/').unwrap().0) {
            let trace = trial(name, &[&flaw]).record(0);
            let removed = open(&trace).replay(Flaws::Removed).trace;
            assert_eq!(removed.verdict.judgement, Judgement::Held, "{name} with {flaw}");
            assert!(removed.header.flaws.is_empty());
            if trace.verdict.judgement != Judgement::Held {
                assert_eq!(compare(&trace, &removed), Outcome::Gone);
                gone += 1;
            }
        }
    }
    assert!(gone > 5);
}

type Summary = (u64, u64, u64, u64, Vec<(String, u64, Vec<u64>, String)>, Vec<u64>);

fn summary(tallies: &Tallies) -> Summary {
    let group = |(signature, group): (&String, &quarrel_harness::tallies::Group)| {
        (signature.clone(), group.runs, group.seeds.clone(), group.violation.detail.clone())
    };
    let mut failed = tallies.failed.clone();
    failed.sort_unstable();
    let groups = tallies.groups.iter().map(group).collect();
    (tallies.digest, tallies.runs, tallies.events, tallies.messages, groups, failed)
}

#[test]
fn a_batch_in_pieces_is_the_same_batch_in_any_order() {
    let flawed = trial("paxos/chaos", &["paxos/own-value"]);
    let trials = [(trial("raft/chaos", &[]), 12), (flawed, 240)];
    for (trial, seeds) in trials {
        let batch = |seeds: Range<u64>| trial.batch(seeds, &|| false);
        let whole = batch(0..seeds);
        let pieces: Vec<Tallies> =
            [0..1, 1..seeds / 3, seeds / 3..seeds / 2, seeds / 2..seeds].map(batch).into();
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
            let mut merged = Tallies::default();
            order.iter().for_each(|&piece: &usize| merged.merge(&pieces[piece]));
            assert_eq!(summary(&merged), summary(&whole), "{order:?}");
            assert_eq!((&merged.cells, &merged.evaluated), (&whole.cells, &whole.evaluated));
            assert_eq!((&merged.faults, &merged.fault_runs), (&whole.faults, &whole.fault_runs));
            assert_eq!((&merged.spreads, merged.asked), (&whole.spreads, whole.asked));
            assert_eq!((merged.simulated_ns, merged.blocked), (whole.simulated_ns, whole.blocked));
            assert_eq!((merged.judged, merged.storms), (whole.judged, whole.storms));
        }
        let nothing = batch(seeds..seeds);
        assert_eq!((nothing.runs, nothing.digest), (0, 0));
        assert_eq!(trial.batch(0..seeds, &|| true).runs, 0, "it stops when it is told");
    }
}

#[test]
fn a_campaign_that_finds_something_says_which_seeds() {
    let trial = trial("paxos/chaos", &["paxos/own-value"]);
    let tallies = trial.batch(0..240, &|| false);
    assert!(!tallies.failed.is_empty(), "the flaw is found within these seeds");
    for group in tallies.groups.values() {
        for &seed in &group.seeds {
            assert_eq!(trial.run(seed).verdict().unwrap().signature, group.violation.signature);
        }
        let first = trial.run(group.seeds[0]);
        assert_eq!(first.verdict(), Some(&group.violation), "the lowest seed tells the story");
    }
}
