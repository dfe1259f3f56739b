//! What several tests need: the scenarios of this repository, ready to run.

#![allow(clippy::disallowed_methods, reason = "tests read the scenarios")]

use std::path::Path;

use quarrel_formats::Scenario;
use quarrel_formats::trace::Trace;
use quarrel_harness::case::Case;
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::{Registry, Trial};

/// The scenarios that are written by hand: every seed is the same run.
pub(crate) const SCRIPTED: [&str; 8] = [
    "paxos/acceptor-restarts",
    "paxos/duelling-proposers",
    "paxos/minority",
    "raft/figure-8",
    "raft/flapping-link",
    "raft/leader-isolated",
    "raft/minority-partition",
    "raft/split-vote",
];

/// A scenario of the repository.
pub(crate) fn read(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../scenarios/{name}.toml"));
    parse(name, &std::fs::read_to_string(&path).unwrap())
}

/// A scenario written in a test.
pub(crate) fn parse(name: &str, text: &str) -> Scenario {
    Scenario::parse_with(name, "test.toml", text.as_bytes(), &[]).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn trial_of(scenario: Scenario, flaws: &[&str]) -> Box<dyn Trial> {
    let flaws: Vec<String> = flaws.iter().map(ToString::to_string).collect();
    Registry::standard().trial(scenario, &flaws, Judges::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// A scenario of the repository, ready to run with these flaws.
pub(crate) fn trial(name: &str, flaws: &[&str]) -> Box<dyn Trial> {
    trial_of(read(name), flaws)
}

/// A trace, ready to run again.
pub(crate) fn open(trace: &Trace) -> Box<dyn Case> {
    Registry::standard().open("test.jsonl", trace).unwrap_or_else(|error| panic!("{error}"))
}

/// Every flaw of a protocol, with its name in front.
pub(crate) fn flaws_of(protocol: &str) -> Vec<String> {
    let registry = Registry::standard();
    let flaws = registry.find(protocol).unwrap().flaws();
    flaws.iter().map(|flaw| format!("{protocol}/{}", flaw.name)).collect()
}
