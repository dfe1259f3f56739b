//! Everything in `traces/` is run again: each flaw has a trace there that it made, small enough to be read, which
//! reproduces to the byte, and is gone without the flaw.
//!
//! `cargo xtask bless` finds and shrinks them anew.
#![allow(clippy::disallowed_methods, reason = "tests read and bless the traces")]

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::AtomicBool;

use quarrel::engine::{self, Orders};
use quarrel_formats::Scenario;
use quarrel_formats::trace::{Judgement, Outcome, Trace, compare};
use quarrel_harness::case::{Flaws, items};
use quarrel_harness::registry::Registry;
use quarrel_harness::story;
use quarrel_protocol::PropertyKind;

/// A flaw's trace, and the words that its story must have: what makes someone who knows the paper nod.
const FLAWS: [(&str, &[&str]); 8] = [
    ("raft/vote-not-persisted.jsonl", &["are both elected leader of term", "crash"]),
    ("raft/commit-old-term.jsonl", &["commits up to", "is elected leader", "without it"]),
    ("raft/no-uptodate-check.jsonl", &["commits up to", "is elected leader", "without it"]),
    ("raft/dup-vote-counted.jsonl", &["is elected leader", "without it"]),
    ("raft/unconditional-truncate.jsonl", &["commits up to", "is elected leader", "without it"]),
    ("paxos/own-value.jsonl", &["promise", "accept", "chosen"]),
    ("paxos/no-accept-check.jsonl", &["promise", "accept", "chosen"]),
    ("paxos/acceptor-amnesia-promise.jsonl", &["promise", "accept", "crash"]),
];

/// One golden trace of each format ever written: format/1.jsonl.
const FORMATS: [&str; 1] = ["format/1.jsonl"];

/// The most items of one trace, and of the median one.
const ITEMS_MAX: usize = 24;
const ITEMS_MEDIAN_MAX: usize = 12;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> Trace {
    let path = root().join("traces").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let trace = Trace::parse(name, &bytes).unwrap_or_else(|error| panic!("{error}"));
    assert!(trace.to_bytes() == bytes, "{name} is not what writing it gives");
    trace
}

/// Finds the flaw in its protocol's chaos, as `quarrel campaign <protocol>/chaos --flaw <flaw>` does.
fn find(flaw: &str) -> Trace {
    let (protocol, _) = flaw.split_once('/').expect("a flaw has a protocol");
    let name = format!("{protocol}/chaos");
    let file = root().join("scenarios").join(format!("{name}.toml"));
    let bytes = std::fs::read(&file).expect("the scenario is there");
    let scenario = Scenario::parse(&name, &name, &bytes).unwrap_or_else(|error| panic!("{error}"));
    let trial =
        Registry::standard().trial(scenario, &[flaw.to_string()]).unwrap_or_else(|error| panic!("{error}"));
    let findings = engine::run(&*trial, &Orders::new(0..10_000), &|_| {}, &AtomicBool::new(false));
    let found =
        findings.failures.into_iter().filter(|failure| failure.group.violation.kind == PropertyKind::Paper);
    let small = found.min_by_key(|failure| items(&failure.trace));
    small.unwrap_or_else(|| panic!("{flaw} is found within 10,000 seeds")).trace
}

/// Finds every trace anew, once, if that is asked for.
fn bless_if_asked() {
    static BLESSED: Once = Once::new();
    if std::env::var_os("QUARREL_BLESS").is_some() {
        BLESSED.call_once(bless);
    }
}

fn bless() {
    for (file, _) in FLAWS {
        let trace = find(file.trim_end_matches(".jsonl"));
        std::fs::write(root().join("traces").join(file), trace.to_bytes()).expect("traces/ can be written");
    }
    // The format's golden trace stays as it is for ever: it is written once.
    let golden = root().join("traces").join(FORMATS[FORMATS.len() - 1]);
    if !golden.exists() {
        std::fs::copy(root().join("traces").join(FLAWS[0].0), golden).expect("traces/format can be written");
    }
}

#[test]
fn each_flaw_has_a_trace_that_reproduces_and_is_gone_without_it() {
    bless_if_asked();
    let registry = Registry::standard();
    let mut sizes = Vec::new();
    for (file, words) in FLAWS {
        let trace = read(file);
        assert_eq!(trace.header.flaws, [file.trim_end_matches(".jsonl")], "{file}");
        let Judgement::Violated(violation) = &trace.verdict.judgement else {
            panic!("{file} violates nothing")
        };
        assert_eq!(violation.kind, PropertyKind::Paper, "{file} is found by a property of the paper");
        let case = registry.open(file, &trace).unwrap_or_else(|error| panic!("{error}"));
        let kept = case.replay(Flaws::Kept);
        assert_eq!(compare(&trace, &kept.trace), Outcome::Reproduced, "{file}");
        assert_eq!(kept.never_asked, 0, "{file} holds no decision that nobody asks for");
        let removed = case.replay(Flaws::Removed);
        assert_eq!(compare(&trace, &removed.trace), Outcome::Gone, "{file} without the flaw");
        let shrunk = case.shrink(&|| false).unwrap_or_else(|| panic!("{file} fails"));
        assert!(
            shrunk.report.one_minimal && shrunk.report.after == items(&trace),
            "{file}: {:?}",
            shrunk.report
        );
        let told = story::short(&trace);
        assert!((8..=20).contains(&told.lines().count()), "{file} is told in ten to twenty lines:\n{told}");
        for word in words {
            assert!(told.contains(word), "{file} does not say `{word}`:\n{told}");
        }
        sizes.push(items(&trace));
    }
    sizes.sort_unstable();
    assert!(sizes.iter().all(|&size| size <= ITEMS_MAX), "{sizes:?}");
    assert!(sizes[sizes.len() / 2] <= ITEMS_MEDIAN_MAX, "{sizes:?}");
}

#[test]
fn every_format_ever_written_is_read_and_runs_again() {
    bless_if_asked();
    for (number, file) in (1..).zip(FORMATS) {
        let trace = read(file);
        assert_eq!(trace.header.format, number);
        let case = Registry::standard().open(file, &trace).unwrap_or_else(|error| panic!("{error}"));
        let outcome = compare(&trace, &case.replay(Flaws::Kept).trace);
        assert!(matches!(outcome, Outcome::Reproduced | Outcome::SameViolation), "{file}: {outcome}");
    }
}
