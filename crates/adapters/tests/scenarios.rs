//! Each scenario of a published crate, for as many seeds as a test may take: nothing comes out that `FINDINGS.md` does
//! not explain, every run is the same twice, and the prose on top says what happens.
#![allow(clippy::disallowed_methods, reason = "a test reads the scenarios that it runs")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use quarrel_formats::Scenario;
use quarrel_formats::scenario::Expected;
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::{Registry, Trial};

/// The scenarios, and how many seeds of each.
const SCENARIOS: [(&str, u64); 17] = [
    ("omnipaxos/calm", 100),
    ("omnipaxos/chaos", 100),
    ("omnipaxos/crash-restart", 100),
    ("omnipaxos/lossy-fifo", 100),
    ("omnipaxos/reconfigure", 100),
    ("omnipaxos/reorder", 100),
    ("omnipaxos/snapshot", 100),
    ("omnipaxos/trim", 100),
    ("omnipaxos/uncompacted", 100),
    ("raft-rs/calm", 50),
    ("raft-rs/chaos", 50),
    ("raft-rs/crash-restart", 50),
    ("raft-rs/lease", 50),
    ("raft-rs/membership", 50),
    ("raft-rs/removed-leader", 50),
    ("raft-rs/replaced-voters", 50),
    ("raft-rs/standard-unit", 20),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn trial(name: &str) -> Box<dyn Trial> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.toml"))).expect("there is such a file");
    let scenario = Scenario::parse(name, "test.toml", text.as_bytes()).unwrap_or_else(|why| panic!("{why}"));
    let registry = quarrel_adapters::register(Registry::default());
    registry.trial(scenario, &[], Judges::default()).unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn no_scenario_is_left_out() {
    let registry = quarrel_adapters::register(Registry::default());
    let mut found = BTreeSet::new();
    for protocol in registry.entries() {
        for file in std::fs::read_dir(folder().join(protocol.name())).expect("each has a folder") {
            let file = file.expect("it can be read").path();
            let stem = file.file_stem().expect("it has a name").to_string_lossy().into_owned();
            found.insert(format!("{}/{stem}", protocol.name()));
        }
    }
    assert_eq!(found, SCENARIOS.iter().map(|(name, _)| name.to_string()).collect());
}

#[test]
fn each_begins_with_prose_and_runs_the_protocol_of_its_folder() {
    for (name, _) in SCENARIOS {
        let trial = trial(name);
        assert!(trial.scenario().about.len() >= 3, "{name}: who does what, and what must happen");
        assert!(name.starts_with(&format!("{}/", trial.scenario().protocol)), "{name}");
    }
}

#[test]
fn nothing_comes_out_that_is_not_known_and_everything_comes_out_twice() {
    for (name, seeds) in SCENARIOS {
        let trial = trial(name);
        let tallies = trial.batch(0..seeds, &|| false);
        let expected = trial.scenario().expected(&[]);
        for group in tallies.groups.values() {
            let is_known = match &expected {
                Expected::Known(_) => expected.knows(&group.violation),
                Expected::Holds | Expected::Violates(_) | Expected::Blocks => false,
            };
            assert!(is_known, "{name}: {} is not a known finding", group.violation.signature);
        }
        let half = seeds / 2;
        let (first, second) = (trial.batch(0..half, &|| false), trial.batch(half..seeds, &|| false));
        assert_eq!(first.events + second.events, tallies.events, "{name}: who runs beside changes nothing");
        for seed in [0, seeds - 1] {
            assert_eq!(trial.run(seed).tally.digest, trial.run(seed).tally.digest, "{name}, seed {seed}");
        }
    }
}

/// Root 2 lets a node fall back into an old configuration when it restarts. It had led round 1 of the next one by then, and
/// when it comes to that again it must find on its disk that it has.
#[test]
fn who_comes_to_a_configuration_again_has_not_forgotten_it() {
    let outcome = trial("omnipaxos/chaos").run(84_535);
    assert_eq!(outcome.verdict().map(|broken| broken.property.as_str()), Some("panic"), "of root 2");
    assert!(outcome.violations.iter().all(|broken| broken.property != "round-led-once"));
}
