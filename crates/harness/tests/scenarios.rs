//! Every scenario keeps its word: what it expects comes out, with each flaw it speaks of, and what it owes happens.

#![allow(clippy::disallowed_methods, reason = "tests read the scenarios")]

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use quarrel_formats::Scenario;
use quarrel_formats::scenario::{Expected, Owes};
use quarrel_harness::registry::{Registry, Trial};
use quarrel_harness::run::Outcome;
use quarrel_harness::tallies::Tallies;
use quarrel_protocol::PropertyKind;
use quarrel_sim::fault::FaultClass;

/// How a scenario comes to its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Nature {
    /// By hand: every seed is the same run.
    Scripted,
    /// By chance: what it expects must come out among so many seeds.
    Drawn(u64),
}

use Nature::{Drawn, Scripted};

const SCENARIOS: [(&str, Nature); 15] = [
    ("paxos/acceptor-restarts", Scripted),
    ("paxos/calm", Drawn(100)),
    ("paxos/chaos", Drawn(1000)),
    ("paxos/duelling-proposers", Scripted),
    ("paxos/minority", Scripted),
    ("raft/calm", Drawn(100)),
    ("raft/chaos", Drawn(1000)),
    ("raft/crash-storm", Drawn(300)),
    ("raft/figure-8", Scripted),
    ("raft/flapping-link", Scripted),
    ("raft/leader-isolated", Scripted),
    ("raft/lossy-network", Drawn(100)),
    ("raft/minority-partition", Scripted),
    ("raft/split-vote", Scripted),
    ("raft/standard-unit", Drawn(100)),
];

const CHAOS: [&str; 2] = ["raft/chaos", "paxos/chaos"];

/// Whose clients may give up, or ask at the very end.
const MAY_LEAVE_UNANSWERED: [&str; 2] = ["raft/chaos", "raft/standard-unit"];

fn scripted() -> impl Iterator<Item = &'static str> {
    SCENARIOS.into_iter().filter(|&(_, nature)| nature == Scripted).map(|(name, _)| name)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn read(name: &str, sets: &[(&str, &str)]) -> Scenario {
    let path = folder().join(format!("{name}.toml"));
    let bytes = std::fs::read(&path).unwrap();
    let sets: Vec<_> = sets.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let scenario = Scenario::parse_with(name, &path.to_string_lossy(), &bytes, &sets);
    scenario.unwrap_or_else(|error| panic!("{error}"))
}

/// The scenario, its names checked, ready to run with these flaws.
fn trial(name: &str, flaws: &[String]) -> Box<dyn Trial> {
    Registry::standard().trial(read(name, &[]), flaws).unwrap_or_else(|error| panic!("{error}"))
}

fn batch(trial: &dyn Trial, seeds: Range<u64>) -> Tallies {
    trial.batch(seeds, &|| false)
}

/// What is expected without a flaw, whether or not the file says so, and with each flaw that it speaks of.
fn expectations(name: &str) -> Vec<(Vec<String>, Expected)> {
    let scenario = read(name, &[]);
    let flaws = scenario.expectations.iter().filter_map(|entry| entry.flaw.clone());
    let cases = std::iter::once(Vec::new()).chain(flaws.map(|flaw| vec![flaw]));
    cases.map(|flaws| (flaws.clone(), scenario.expected(&flaws))).collect()
}

fn flaws_of(registry: &Registry, protocol: &str) -> Vec<String> {
    let flaws = registry.find(protocol).unwrap().flaws();
    flaws.iter().map(|flaw| format!("{protocol}/{}", flaw.name)).collect()
}

fn owed(trial: &dyn Trial) -> Vec<String> {
    match &trial.scenario().owes {
        Owes::Nothing => Vec::new(),
        Owes::Cells(cells) => cells.clone(),
        Owes::All => trial.cells().iter().map(|cell| cell.name.to_string()).collect(),
    }
}

/// A flaw counts as found by a property of the paper only.
fn is_found(outcome: &Outcome) -> bool {
    outcome.verdict().is_some_and(|violation| violation.kind == PropertyKind::Paper)
}

#[test]
fn no_scenario_is_left_out() {
    let mut found = BTreeSet::new();
    for protocol in std::fs::read_dir(folder()).unwrap().map(Result::unwrap) {
        for file in std::fs::read_dir(protocol.path()).unwrap().map(Result::unwrap) {
            let (protocol, file) = (protocol.file_name(), file.file_name());
            let (protocol, file) = (protocol.to_string_lossy(), file.to_string_lossy());
            found.insert(format!("{protocol}/{}", file.strip_suffix(".toml").expect("a scenario is TOML")));
        }
    }
    assert_eq!(found, SCENARIOS.iter().map(|(name, _)| name.to_string()).collect());
}

#[test]
fn each_begins_with_prose_and_runs_the_protocol_of_its_folder() {
    for (name, _) in SCENARIOS {
        let scenario = read(name, &[]);
        assert!(scenario.about.len() >= 4, "{name}: who does what, and what must happen");
        assert!(name.starts_with(&format!("{}/", scenario.protocol)), "{name}");
    }
}

/// What is written by hand does not depend on luck: one seed is as good as another.
#[test]
fn scripted_scenarios_come_out_as_expected_in_every_seed() {
    for name in scripted() {
        for (flaws, expected) in expectations(name) {
            let trial = trial(name, &flaws);
            let first = trial.run(0);
            for outcome in (0..20).map(|seed| trial.run(seed)) {
                let verdict =
                    outcome.verdict().map(|violation| (violation.property.as_str(), violation.kind));
                let expected = match &expected {
                    Expected::Holds => None,
                    Expected::Violates(property) => Some((property.as_str(), PropertyKind::Paper)),
                    Expected::Blocks => unreachable!("no scenario blocks yet"),
                };
                assert_eq!(verdict, expected, "{name} with {flaws:?}");
                assert_eq!(outcome.tally.digest, first.tally.digest, "{name} with {flaws:?}");
            }
        }
    }
}

#[test]
fn scripted_scenarios_speak_of_every_flaw_and_each_flaw_is_shown_by_one() {
    let registry = Registry::standard();
    let mut shown = BTreeSet::new();
    for name in scripted() {
        let scenario = read(name, &[]);
        for flaw in flaws_of(&registry, &scenario.protocol) {
            let entry = scenario.expectations.iter().find(|entry| entry.flaw.as_ref() == Some(&flaw));
            let entry = entry.unwrap_or_else(|| panic!("{name} says nothing of {flaw}"));
            if let Expected::Violates(_) = entry.outcome {
                shown.insert(flaw);
            }
        }
    }
    let all = registry.entries().flat_map(|entry| flaws_of(&registry, entry.name()));
    assert_eq!(shown, all.collect());
}

/// With a flaw, one run in the campaign must show it; without, none may show anything.
#[test]
fn drawn_scenarios_come_out_as_expected() {
    for (name, nature) in SCENARIOS {
        let Drawn(seeds) = nature else { continue };
        for (flaws, expected) in expectations(name).into_iter().filter(|_| !CHAOS.contains(&name)) {
            let Tallies { groups, .. } = batch(&*trial(name, &flaws), 0..seeds);
            let mut violations = groups.values().map(|group| &group.violation);
            let is_met = match &expected {
                Expected::Holds => groups.is_empty(),
                Expected::Violates(property) => violations.any(|violation| {
                    violation.property == *property && violation.kind == PropertyKind::Paper
                }),
                Expected::Blocks => unreachable!("no scenario blocks yet"),
            };
            assert!(is_met, "{name} with {flaws:?} should be {expected:?}: {groups:?}");
        }
    }
}

/// Nothing is violated, everybody is answered, every owed cell happens; and a swarm keeps its floor, and each of its
/// classes of faults changes something.
#[test]
fn without_a_flaw_every_scenario_is_sound_and_none_is_empty() {
    for (name, nature) in SCENARIOS {
        let trial = trial(name, &[]);
        let tallies = batch(&*trial, 0..if let Drawn(seeds) = nature { seeds } else { 1 });
        assert!(tallies.groups.is_empty(), "{name}: {:?}", tallies.groups);
        if !MAY_LEAVE_UNANSWERED.contains(&name) {
            assert_eq!((tallies.blocked, tallies.operations.0), (0, tallies.operations.1), "{name}");
        }
        let owed = owed(&*trial);
        assert!(!owed.is_empty() || name == "raft/standard-unit", "{name} owes nothing");
        for cell in owed {
            assert!(tallies.cells[cell.as_str()] > 0, "{name} owes {cell}");
        }
        for (what, least) in &trial.scenario().floor.medians {
            let median = tallies.spreads[what.as_str()].median();
            assert!(median >= *least, "{name}: {what} has a median of {median}, not {least}");
        }
        if CHAOS.contains(&name) {
            assert!(!trial.scenario().floor.medians.is_empty(), "{name} has a floor");
            // Disks are never lost there, and timers only run out by order of a script.
            let absent = [FaultClass::Wipe, FaultClass::Expire];
            for class in FaultClass::ALL.into_iter().filter(|class| !absent.contains(class)) {
                assert!(tallies.faults.of(class) > 0, "{name}: {} changed nothing", class.name());
            }
        }
    }
}

#[test]
fn chaos_mentions_no_flaw_and_finds_every_one() {
    let registry = Registry::standard();
    for name in CHAOS {
        let scenario = read(name, &[]);
        assert!(scenario.expectations.iter().all(|entry| entry.flaw.is_none()), "{name}");
        for flaw in flaws_of(&registry, &scenario.protocol) {
            let trial = trial(name, std::slice::from_ref(&flaw));
            let seed = (0..10_000).find(|&seed| is_found(&trial.run(seed)));
            println!("{flaw}: seed {}", seed.unwrap_or_else(|| panic!("{name} does not find {flaw}")));
        }
    }
}

#[test]
fn the_standard_unit_goes_on_for_as_long_as_it_is_told() {
    let run = |duration: &str| {
        let scenario = read("raft/standard-unit", &[("duration", duration)]);
        let tallies = batch(&*Registry::standard().trial(scenario, &[]).unwrap(), 0..5);
        (tallies.simulated_ns, tallies.operations.0)
    };
    let (unit, longer) = (run("5s"), run("50s"));
    assert_eq!((unit.0, longer.0), (25_000_000_000, 250_000_000_000));
    assert!((9 * unit.1..11 * unit.1).contains(&longer.1), "the client keeps asking: {unit:?}, {longer:?}");
}

#[test]
fn a_batch_is_the_same_again_and_in_pieces() {
    for (name, nature) in SCENARIOS {
        let trial = trial(name, &[]);
        let whole = batch(&*trial, 0..30);
        let mut pieces = batch(&*trial, 20..30);
        pieces.merge(&batch(&*trial, 0..20));
        for other in [pieces, batch(&*trial, 0..30)] {
            assert_eq!((whole.digest, whole.events), (other.digest, other.events), "{name}");
            assert_eq!(whole.cells, other.cells, "{name}");
        }
        let digests: BTreeSet<u64> = (0..30).map(|seed| trial.run(seed).tally.digest).collect();
        assert_eq!(digests.len(), if nature == Scripted { 1 } else { 30 }, "{name}");
    }
}
