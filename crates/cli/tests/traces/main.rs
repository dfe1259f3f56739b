//! Everything in `traces/` is run again: each flaw has a trace there that it made, small enough to be read, which
//! reproduces to the byte, and is gone without the flaw.
//!
//! `cargo xtask bless` finds and shrinks them anew.
#![allow(clippy::disallowed_methods, reason = "tests read and bless the traces")]

mod kept;
mod pbft;
mod scripts;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::AtomicBool;

use quarrel::engine::{self, Orders};
use quarrel_formats::Scenario;
use quarrel_formats::trace::{FORMAT, Judgement, Outcome, Trace, compare};
use quarrel_harness::case::{Flaws, items};
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::Registry;
use quarrel_harness::story;

use kept::{FLAWS, Kept, OUTSIDE};
use pbft::PBFT;
use scripts::SCRIPTS;

/// One golden trace of each format ever written.
const FORMATS: [&str; 3] = ["format/1.jsonl", "format/2.jsonl", "format/3.jsonl"];

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
    let is_current = trace.header.format == FORMAT;
    assert!(!is_current || trace.to_bytes() == bytes, "{name} is not what writing it gives");
    trace
}

/// Finds the flaw, as `quarrel campaign <protocol>/chaos --flaw <flaw>` does.
fn find(kept: &Kept) -> Trace {
    let flaw = kept.flaw;
    let (protocol, _) = flaw.split_once('/').expect("a flaw has a protocol");
    let name = kept.scenario.map_or_else(|| format!("{protocol}/chaos"), ToString::to_string);
    let file = root().join("scenarios").join(format!("{name}.toml"));
    let bytes = std::fs::read(&file).expect("the scenario is there");
    let pins: Vec<(String, String)> =
        kept.rounds.iter().map(|rounds| ("liveness.rounds".to_string(), rounds.to_string())).collect();
    let scenario =
        Scenario::parse_with(&name, &name, &bytes, &pins).unwrap_or_else(|error| panic!("{error}"));
    let trial = Registry::standard()
        .trial(scenario, &[flaw.to_string()], Judges::of(kept.jury))
        .unwrap_or_else(|error| panic!("{error}"));
    let findings = engine::run(&*trial, &Orders::new(kept.seeds.clone()), &|_| {}, &AtomicBool::new(false));
    let found = findings.failures.into_iter().filter(|failure| failure.group.violation.kind == kept.kind);
    let small = found.min_by_key(|failure| (items(&failure.trace), failure.trace.verdict.events));
    small.unwrap_or_else(|| panic!("{flaw} is found within {:?}", kept.seeds)).trace
}

/// Finds every trace anew, once, if that is asked for.
fn bless_if_asked() {
    static BLESSED: Once = Once::new();
    if std::env::var_os("QUARREL_BLESS").is_some() {
        BLESSED.call_once(bless);
    }
}

/// Finds the smallest failure of a scenario, as `quarrel campaign <scenario>` does.
fn find_outside(name: &str, property: &str) -> Trace {
    let file = root().join("scenarios").join(format!("{name}.toml"));
    let bytes = std::fs::read(&file).expect("the scenario is there");
    let scenario = Scenario::parse(name, name, &bytes).unwrap_or_else(|error| panic!("{error}"));
    let trial = Registry::standard()
        .trial(scenario, &[], Judges::default())
        .unwrap_or_else(|error| panic!("{error}"));
    let findings = engine::run(&*trial, &Orders::new(0..200), &|_| {}, &AtomicBool::new(false));
    let found = findings.failures.into_iter().filter(|failure| failure.group.violation.property == property);
    let small = found.min_by_key(|failure| (items(&failure.trace), failure.trace.verdict.events));
    small.unwrap_or_else(|| panic!("{name} fails")).trace
}

fn bless() {
    for (file, scenario, property, _) in OUTSIDE {
        std::fs::write(root().join("traces").join(file), find_outside(scenario, property).to_bytes())
            .expect("traces/ can be written");
    }
    for kept in FLAWS.iter().chain(&SCRIPTS).chain(&PBFT) {
        let bytes = find(kept).to_bytes();
        std::fs::write(root().join("traces").join(kept.file), bytes).expect("traces/ can be written");
    }
    // The format's golden trace stays as it is for ever: it is written once.
    let golden = root().join("traces").join(FORMATS[FORMATS.len() - 1]);
    if !golden.exists() {
        std::fs::copy(root().join("traces").join("paxos/own-value.jsonl"), golden)
            .expect("traces/format can be written");
    }
}

#[test]
fn each_flaw_has_a_trace_that_reproduces_and_is_gone_without_it() {
    bless_if_asked();
    let registry = Registry::standard();
    let mut sizes = Vec::new();
    for &Kept { file, flaw, jury, kind, words, .. } in FLAWS.iter().chain(&SCRIPTS).chain(&PBFT) {
        let trace = read(file);
        assert_eq!(
            (trace.header.flaws.as_slice(), trace.header.oracle),
            (&[flaw.to_string()][..], jury),
            "{file}"
        );
        let Judgement::Violated(violation) = &trace.verdict.judgement else {
            panic!("{file} violates nothing")
        };
        assert_eq!(violation.kind, kind, "{file} is found by a property that counts so");
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

// tidy: this test walks traces/
#[test]
fn nothing_lies_there_that_nobody_replays() {
    let flaws = FLAWS.iter().chain(&SCRIPTS).chain(&PBFT).map(|kept| kept.file.to_string());
    let others = OUTSIDE.iter().map(|(file, ..)| file).chain(&FORMATS).map(ToString::to_string);
    let known: BTreeSet<String> = flaws.chain(others).collect();
    assert_eq!(
        known.len(),
        FLAWS.len() + SCRIPTS.len() + PBFT.len() + OUTSIDE.len() + FORMATS.len(),
        "each file stands there once"
    );
    let folders = std::fs::read_dir(root().join("traces")).expect("the traces are there");
    // The published crates have traces of their own, and tests beside them.
    let ours = folders.map(|folder| folder.expect("it can be read").path()).filter(|folder| {
        let adapted = ["raft-rs", "omnipaxos"].iter().any(|name| folder.ends_with(name));
        folder.is_dir() && !adapted
    });
    let found: BTreeSet<String> = ours
        .flat_map(|folder| std::fs::read_dir(folder).expect("it can be read"))
        .map(|file| {
            let path = file.expect("it can be read").path();
            let name = path.strip_prefix(root().join("traces")).expect("it lies there");
            name.to_string_lossy().replace('\\', "/")
        })
        .filter(|name| name.ends_with(".jsonl"))
        .collect();
    assert_eq!(found, known);
}

#[test]
fn what_breaks_outside_the_model_has_a_trace_that_reproduces_and_is_small() {
    bless_if_asked();
    for (file, _, property, words) in OUTSIDE {
        let trace = read(file);
        let broken = match &trace.verdict.judgement {
            Judgement::Violated(violation) => violation.property.as_str(),
            Judgement::Held => "",
        };
        assert_eq!(broken, property, "{file}");
        assert!(trace.header.flaws.is_empty() && !trace.verdict.outside.is_empty(), "{file}");
        let case = Registry::standard().open(file, &trace).unwrap_or_else(|error| panic!("{error}"));
        let again = case.replay(Flaws::Kept);
        assert_eq!((compare(&trace, &again.trace), again.never_asked), (Outcome::Reproduced, 0), "{file}");
        let shrunk = case.shrink(&|| false).unwrap_or_else(|| panic!("{file} fails"));
        assert!(
            shrunk.report.one_minimal && shrunk.report.after == items(&trace),
            "{file}: {:?}",
            shrunk.report
        );
        assert!(items(&trace) <= ITEMS_MAX, "{file}");
        let told = story::short(&trace);
        assert!((5..=20).contains(&told.lines().count()), "{file} is told in twenty lines at most:\n{told}");
        for word in words {
            assert!(told.contains(word), "{file} does not say `{word}`:\n{told}");
        }
    }
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
