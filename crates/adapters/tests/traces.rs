//! Each finding of `FINDINGS.md` has a trace in `traces/`, small enough to be read, which the published crate reproduces to
//! the byte. One that no longer does says that an upgrade of the crate, or a change of the adapter, has touched it.
//!
//! `cargo xtask bless` finds and shrinks them anew.
#![allow(clippy::disallowed_methods, reason = "tests read and bless the traces")]
#![cfg(not(feature = "raft-0-6"))]

use std::path::{Path, PathBuf};
use std::sync::Once;

use quarrel_formats::Scenario;
use quarrel_formats::trace::{Judgement, Outcome, Trace, compare};
use quarrel_harness::case::{Flaws, items};
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::{Registry, Trial};
use quarrel_harness::story;

/// One finding: where its trace is, how it was found, and the words that its story must have.
struct Finding {
    /// The file, under `traces/`.
    file: &'static str,
    scenario: &'static str,
    /// What is pinned, mostly so that runs are short: `key=value`.
    pins: &'static [&'static str],
    /// The mistake in using the crate that it is about, if it is about one.
    flaw: Option<&'static str>,
    /// The lowest seed that shows it.
    seed: u64,
    /// How the signature begins.
    signature: &'static str,
    words: &'static [&'static str],
}

const fn crate_finding(
    file: &'static str,
    scenario: &'static str,
    seed: u64,
    signature: &'static str,
    words: &'static [&'static str],
) -> Finding {
    Finding { file, scenario, pins: &[], flaw: None, seed, signature, words }
}

const OVERWRITES: &str = "panic: log sync from # would overwrite decided entries up to #";

/// In the order of `FINDINGS.md`.
const FINDINGS: [Finding; 15] = [
    crate_finding(
        "raft-rs/removed-leader-panics.jsonl",
        "raft-rs/removed-leader",
        1,
        "panic: called `Option::unwrap()` on a `None` value, at raft-0.7.0/src/raft.rs:943",
        &["the operator asks n1 to remove n1", "AppendResponse"],
    ),
    crate_finding(
        "raft-rs/removed-leader-own-disk.jsonl",
        "raft-rs/membership",
        74,
        "panic: called `Option::unwrap()` on a `None` value, at raft-0.7.0/src/raft.rs:1055",
        &["to replace n4 n2", "n1-n5 apply 7: n1, n2 vote", "is on disk"],
    ),
    Finding {
        pins: &["nodes=3", "config.tick=25ms", "config.heartbeat=60ms", "faults.partition.chance=1"],
        ..crate_finding(
            "raft-rs/stale-lease-read.jsonl",
            "raft-rs/lease",
            86,
            "linearizability",
            &["is isolated", "was told"],
        )
    },
    crate_finding(
        "raft-rs/snapshot-not-on-disk.jsonl",
        "raft-rs/crash-restart",
        11_249,
        "panic: unexpected error getting unapplied entries",
        &["takes over a snapshot", "timer: tick", "Store(Compacted)"],
    ),
    crate_finding(
        "raft-rs/next-index-falls.jsonl",
        "raft-rs/chaos",
        40,
        "match-below-next",
        &["believes that peer 3 holds"],
    ),
    Finding {
        flaw: Some("raft-rs/skip-empty-entries"),
        ..crate_finding(
            "raft-rs/skip-empty-entries.jsonl",
            "raft-rs/membership",
            10,
            "panic: the crate comes to rest",
            &["the operator asks n3 to swap n4 n1"],
        )
    },
    crate_finding(
        "raft-rs/removed-leader-reads.jsonl",
        "raft-rs/removed-leader",
        280,
        "read-confirmed",
        &["the operator asks n1 to remove n1", "asks n1 for", "but only n2 votes"],
    ),
    crate_finding(
        "raft-rs/requested-snapshot-loses-entries.jsonl",
        "raft-rs/membership",
        37_677,
        "panic: to_commit # is out of range",
        &["asks n3 to request-snapshot", "n3 takes over a snapshot up to 2@2", "last_index 2"],
    ),
    crate_finding(
        "omnipaxos/delta-snapshot.jsonl",
        "omnipaxos/snapshot",
        5,
        "state-machine-safety: a snapshot holds another state",
        &["takes over a snapshot", "not what the log leads to"],
    ),
    Finding {
        pins: &["nodes=3"],
        ..crate_finding(
            "omnipaxos/stop-sign-twice.jsonl",
            "omnipaxos/reconfigure",
            0,
            OVERWRITES,
            &["to reconfigure", "stop before"],
        )
    },
    crate_finding(
        "omnipaxos/trimmed-not-decided.jsonl",
        "omnipaxos/trim",
        5,
        "state-machine-safety",
        &["compact their log up to 3", "n1 is synced in round 2@n3"],
    ),
    Finding {
        pins: &["nodes=3", "liveness.rounds=3"],
        ..crate_finding(
            "omnipaxos/second-prepare-request.jsonl",
            "omnipaxos/reorder",
            48,
            "liveness: blocked",
            &["had healed", "PrepareReq"],
        )
    },
    crate_finding(
        "omnipaxos/stale-accept-sync.jsonl",
        "omnipaxos/reorder",
        646,
        "state-machine-safety",
        &["AcceptSync", "its log ends at"],
    ),
    Finding {
        pins: &["liveness.rounds=2"],
        ..crate_finding(
            "omnipaxos/promise-to-itself.jsonl",
            "omnipaxos/crash-restart",
            1_142,
            "liveness: blocked",
            &["had healed", "(leader) waits for", "promises in round"],
        )
    },
    Finding {
        pins: &["liveness.rounds=4", "config.compaction=off"],
        ..crate_finding(
            "omnipaxos/content-with-each-other.jsonl",
            "omnipaxos/chaos",
            6_900,
            "liveness: livelock",
            &["to prioritise 3", "to prioritise 5", "had healed", "wait for n4"],
        )
    },
];

/// The most items of one trace.
const ITEMS_MAX: usize = 14;
/// Within so many seeds a finding is found anew.
const SEEDS_MAX: u64 = 5_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn registry() -> Registry {
    quarrel_adapters::register(Registry::default())
}

fn read(name: &str) -> Trace {
    let path = root().join("traces").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let trace = Trace::parse(name, &bytes).unwrap_or_else(|error| panic!("{error}"));
    assert!(trace.to_bytes() == bytes, "{name} is not what writing it gives");
    trace
}

fn trial(finding: &Finding) -> Box<dyn Trial> {
    let name = finding.scenario;
    let bytes = std::fs::read(root().join(format!("scenarios/{name}.toml"))).expect("the scenario is there");
    let pins: Vec<(String, String)> = finding
        .pins
        .iter()
        .map(|pin| pin.split_once('=').expect("a key and a value"))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let scenario = Scenario::parse_with(name, name, &bytes, &pins).unwrap_or_else(|error| panic!("{error}"));
    let flaws: Vec<String> = finding.flaw.iter().map(ToString::to_string).collect();
    registry().trial(scenario, &flaws, Judges::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// Finds it, from its seed on.
fn find(finding: &Finding) -> Trace {
    let trial = trial(finding);
    let shows = |seed: &u64| {
        let broken = trial.run(*seed).violations;
        broken.first().is_some_and(|violation| violation.signature.starts_with(finding.signature))
    };
    let seed = (finding.seed..finding.seed + SEEDS_MAX).find(shows);
    let seed = seed.unwrap_or_else(|| panic!("{} is not found from seed {} on", finding.file, finding.seed));
    trial.shrink(seed, &|| false).expect("the seed fails").trace
}

/// Finds every trace anew, once, if that is asked for.
fn bless_if_asked() {
    static BLESSED: Once = Once::new();
    if std::env::var_os("QUARREL_BLESS").is_some() {
        BLESSED.call_once(|| {
            for finding in &FINDINGS {
                let path = root().join("traces").join(finding.file);
                std::fs::write(path, find(finding).to_bytes()).expect("traces/ can be written");
            }
        });
    }
}

#[test]
fn no_trace_of_a_published_crate_is_forgotten() {
    let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../traces");
    let names = |folder: &'static str| {
        let files = std::fs::read_dir(traces.join(folder)).expect("the traces are there");
        files.map(move |file| {
            format!("{folder}/{}", file.expect("it can be read").file_name().to_string_lossy())
        })
    };
    let mut found: Vec<String> = ["omnipaxos", "raft-rs"].into_iter().flat_map(names).collect();
    let mut known: Vec<&str> = FINDINGS.iter().map(|finding| finding.file).collect();
    found.sort_unstable();
    known.sort_unstable();
    assert_eq!(found, known);
}

#[test]
fn each_finding_has_a_small_trace_that_reproduces() {
    bless_if_asked();
    for finding in &FINDINGS {
        let file = finding.file;
        let trace = read(file);
        assert_eq!(
            trace.header.flaws,
            finding.flaw.map(str::to_owned).into_iter().collect::<Vec<_>>(),
            "{file}"
        );
        let Judgement::Violated(violation) = &trace.verdict.judgement else {
            panic!("{file} violates nothing")
        };
        assert!(violation.signature.starts_with(finding.signature), "{file}: {}", violation.signature);
        let case = registry().open(file, &trace).unwrap_or_else(|error| panic!("{error}"));
        let kept = case.replay(Flaws::Kept);
        assert_eq!(compare(&trace, &kept.trace), Outcome::Reproduced, "{file}");
        assert_eq!(kept.never_asked, 0, "{file} holds no decision that nobody asks for");
        if finding.flaw.is_some() {
            let removed = case.replay(Flaws::Removed);
            assert_eq!(compare(&trace, &removed.trace), Outcome::Gone, "{file} without the flaw");
        }
        assert!(items(&trace) <= ITEMS_MAX, "{file} has {} items", items(&trace));
        let told = story::short(&trace);
        assert!((8..=20).contains(&told.lines().count()), "{file} is told in ten to twenty lines:\n{told}");
        for word in finding.words {
            assert!(told.contains(word), "{file} does not say `{word}`:\n{told}");
        }
    }
}

#[test]
fn scenarios_list_what_is_found_in_them() {
    for finding in FINDINGS.iter().filter(|finding| finding.flaw.is_none()) {
        let trace = read(finding.file);
        let Judgement::Violated(violation) = &trace.verdict.judgement else { continue };
        let expected = trial(finding).scenario().expected(&[]);
        assert!(expected.knows(violation), "{} is not known in {}", violation.signature, finding.scenario);
    }
}
