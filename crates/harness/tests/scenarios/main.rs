//! Every scenario keeps its word: what it expects comes out, with each flaw it speaks of, and what it owes happens.

#![allow(clippy::disallowed_methods, reason = "tests read the scenarios")]

mod table;

use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::ops::Range;
use std::path::{Path, PathBuf};

use quarrel_formats::Scenario;
use quarrel_formats::scenario::{Expectation, Expected, Owes, Side};
use quarrel_formats::trace::Oracle as Jury;
use quarrel_harness::oracle::Judges;
use quarrel_harness::reach::fault_classes;
use quarrel_harness::registry::{Registry, Trial};
use quarrel_harness::run::Outcome;
use quarrel_harness::tallies::Tallies;
use quarrel_protocol::PropertyKind;
use quarrel_sim::fault::FaultClass;

use table::Nature::{Drawn, Scripted};
use table::{CHAOS, MAY_LEAVE_UNANSWERED, NOTICED_BY_CLIENTS, SCENARIOS, SHOWN_BY_CHANCE, hunted_in, needs};

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
    judged(name, flaws, Jury::All)
}

fn judged(name: &str, flaws: &[String], jury: Jury) -> Box<dyn Trial> {
    let trial = Registry::standard().trial(read(name, &[]), flaws, Judges::of(jury));
    trial.unwrap_or_else(|error| panic!("{error}"))
}

fn batch(trial: &dyn Trial, seeds: Range<u64>) -> Tallies {
    trial.batch(seeds, &|| false)
}

/// What is expected without a flaw and with each of these, whether or not the file says so.
fn expectations(scenario: &Scenario, flaws: Vec<String>) -> Vec<(Vec<String>, Expected)> {
    let cases = std::iter::once(Vec::new()).chain(flaws.into_iter().map(|flaw| vec![flaw]));
    cases.map(|flaws| (flaws.clone(), scenario.expected(&flaws))).collect()
}

/// The flaws that the file speaks of.
fn spoken_of(scenario: &Scenario) -> Vec<String> {
    scenario.expectations.iter().filter_map(|entry| entry.flaw.clone()).collect()
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

/// A flaw counts as found by a property of the paper, by clients, or by their waiting in vain.
fn is_finding(kind: PropertyKind) -> bool {
    matches!(kind, PropertyKind::Paper | PropertyKind::Client | PropertyKind::Liveness)
}

fn is_found(outcome: &Outcome) -> bool {
    outcome.verdict().is_some_and(|violation| is_finding(violation.kind))
}

/// Whether that is how the run came out. What holds also ends: nobody waits in vain.
fn comes_out(outcome: &Outcome, expected: &Expected) -> bool {
    match (outcome.verdict(), expected) {
        (None, Expected::Holds) => !outcome.is_blocked() && !outcome.is_unanswered(),
        (None, Expected::Blocks) => outcome.is_blocked(),
        // A flaw may break an invariant long before it does harm: where a scenario says so, that is what comes out.
        (Some(broken), Expected::Violates(property)) => {
            broken.property == *property
                && (is_finding(broken.kind) || broken.kind == PropertyKind::Invariant)
        }
        (verdict, Expected::Known(_)) => verdict.is_none_or(|broken| expected.knows(broken)),
        _ => false,
    }
}

#[test]
fn no_scenario_is_left_out() {
    let mut found = BTreeSet::new();
    let registry = Registry::standard();
    // Those of other protocols are for their own crates to list.
    let is_ours = |folder: &DirEntry| registry.find(&folder.file_name().to_string_lossy()).is_some();
    for protocol in std::fs::read_dir(folder()).unwrap().map(Result::unwrap).filter(is_ours) {
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

/// What a client asks in words is read before anything runs, and a mistake is shown where it stands.
#[test]
fn words_that_ask_for_nothing_are_refused_where_they_stand() {
    let refusal = |name: &str, words: &str, wrong: &str| {
        let text = std::fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap();
        let text = text.replace(&format!("asks = \"{words}\""), &format!("asks = \"{wrong}\""));
        let scenario = Scenario::parse(name, "wrong.toml", text.as_bytes()).unwrap();
        let trial = Registry::standard().trial(scenario, &[], Judges::default());
        trial.err().expect("it is refused").to_string()
    };
    let words = refusal("raft/stale-read", "read", "get 0");
    assert!(words.contains("`get 0` is no call: expected something like `get k1`"), "{words}");
    assert!(words.contains("wrong.toml:") && words.contains("asks = \"get 0\""), "{words}");
    let words = refusal("paxos/duelling-proposers-livelock", "propose v1", "choose v1");
    assert!(words.contains("expected something like `propose v3`"), "{words}");
}

/// What is written by hand does not depend on luck: one seed is as good as another. And what a file does not speak of
/// holds: every flaw is tried, unless the world alone breaks the protocol.
#[test]
fn scripted_scenarios_come_out_as_expected_in_every_seed() {
    let registry = Registry::standard();
    for name in scripted() {
        let scenario = read(name, &[]);
        let tried = match scenario.expected_side(&[]) {
            Some(Side::Outside) => spoken_of(&scenario),
            _ => flaws_of(&registry, &scenario.protocol),
        };
        for (flaws, expected) in expectations(&scenario, tried) {
            let trial = trial(name, &flaws);
            let first = trial.run(0);
            for outcome in (0..5).map(|seed| trial.run(seed)) {
                let verdict = outcome.verdict();
                // The client of a coordinator that has failed may never hear, and all may be as it should be.
                let is_excused =
                    MAY_LEAVE_UNANSWERED.contains(&name) && expected == Expected::Holds && verdict.is_none();
                assert!(
                    comes_out(&outcome, &expected) || is_excused,
                    "{name} with {flaws:?}: {expected:?}, not {verdict:?}"
                );
                assert_eq!(outcome.tally.digest, first.tally.digest, "{name} with {flaws:?}");
            }
        }
    }
}

#[test]
fn each_flaw_is_shown_by_a_scripted_scenario() {
    let registry = Registry::standard();
    let scenarios: Vec<Scenario> = scripted().map(|name| read(name, &[])).collect();
    let shows = |entry: &&Expectation| matches!(entry.outcome, Expected::Violates(_));
    let shown: BTreeSet<String> = scenarios
        .iter()
        .flat_map(|scenario| {
            scenario.expectations.iter().filter(shows).filter_map(|entry| entry.flaw.clone())
        })
        .collect();
    let all = registry.entries().flat_map(|entry| flaws_of(&registry, entry.name()));
    let by_chance: BTreeSet<String> = SHOWN_BY_CHANCE.iter().map(ToString::to_string).collect();
    assert!(shown.is_disjoint(&by_chance), "what a script shows needs no chance");
    assert_eq!(&shown | &by_chance, all.collect());
}

/// With a flaw, one run in the campaign must show it; without, none may show anything.
#[test]
fn drawn_scenarios_come_out_as_expected() {
    for (name, nature) in SCENARIOS {
        let Drawn(seeds) = nature else { continue };
        if CHAOS.contains(&name) {
            continue;
        }
        let scenario = read(name, &[]);
        for (flaws, expected) in expectations(&scenario, spoken_of(&scenario)) {
            let Tallies { groups, blocked, .. } = batch(&*trial(name, &flaws), 0..seeds);
            let mut violations = groups.values().map(|group| &group.violation);
            let is_met = match &expected {
                Expected::Holds => groups.is_empty(),
                Expected::Violates(property) => {
                    violations.any(|broken| broken.property == *property && is_finding(broken.kind))
                }
                Expected::Blocks => groups.is_empty() && blocked > 0,
                Expected::Known(_) => violations.all(|broken| expected.knows(broken)),
            };
            assert!(is_met, "{name} with {flaws:?} should be {expected:?}: {groups:?}");
        }
    }
}

/// What clients can see they see without any help, and nothing else breaks.
#[test]
fn clients_notice_by_themselves() {
    for (name, flaw, property) in NOTICED_BY_CLIENTS {
        let (_, nature) = SCENARIOS.into_iter().find(|&(known, _)| known == name).unwrap();
        let seeds = if let Drawn(seeds) = nature { seeds } else { 1 };
        let trial = judged(name, &[flaw.to_string()], Jury::Clients);
        let seen = (0..seeds).find_map(|seed| trial.run(seed).verdict().cloned());
        let seen = seen.unwrap_or_else(|| panic!("{name} with {flaw}: clients notice nothing"));
        assert_eq!((seen.property.as_str(), is_finding(seen.kind)), (property, true), "{name} with {flaw}");
    }
}

/// Two proposers in step and voters in step go round in circles; a leader that waits for itself does not.
#[test]
fn what_goes_round_in_circles_is_called_a_livelock() {
    let shape = |name: &str, flaw: &str| {
        let outcome = trial(name, &[flaw.to_string()]).run(0);
        outcome.verdict().map(|broken| broken.signature.clone()).unwrap_or_default()
    };
    for (name, flaw) in [
        ("paxos/duelling-proposers-livelock", "paxos/duelling-no-backoff"),
        ("paxos/back-off-ends-the-duel", "paxos/duelling-no-backoff"),
        ("raft/split-vote-for-ever", "raft/identical-timeouts"),
    ] {
        assert_eq!(shape(name, flaw), "liveness: livelock", "{name} with {flaw}");
    }
    let blocked = shape("raft/sessions-exactly-once", "raft/stop-commit-scan");
    assert_eq!(blocked, "liveness: blocked");
}

#[test]
fn a_retry_storm_is_counted_and_named() {
    let outcome = trial("raft/retry-storm", &[]).run(0);
    let asked = &outcome.tally.asked;
    assert!(asked.retry_storms > 0 && !outcome.is_blocked(), "{asked:?}");
    assert_eq!((asked.failed, asked.unknown), (asked.turned_away, 0), "{asked:?}");
    assert!(asked.turned_away >= 100 && asked.requests > 5 * asked.answered, "{asked:?}");
    let stuck = trial("raft/retry-storm", &["raft/stop-commit-scan".to_string()]).run(0);
    let detail = &stuck.verdict().expect("liveness is violated").detail;
    assert!(detail.contains("nearly all they send is retries: a retry storm"), "{detail}");
}

/// Nothing is violated, everybody is answered, every owed cell happens; and a swarm keeps its floor, and each of its
/// classes of faults changes something.
#[test]
fn without_a_flaw_every_scenario_is_sound_and_none_is_empty() {
    for (name, nature) in SCENARIOS {
        let trial = trial(name, &[]);
        let tallies = batch(&*trial, 0..if let Drawn(seeds) = nature { seeds } else { 1 });
        // A theorem is no mistake: where a violation is what must come out, it is another test's affair.
        let holds = trial.scenario().expected(&[]) == Expected::Holds;
        assert!(tallies.groups.is_empty() || !holds, "{name}: {:?}", tallies.groups);
        if holds && !MAY_LEAVE_UNANSWERED.contains(&name) {
            // A transaction that aborts has failed, and its client knows.
            let is_commit = name.starts_with("2pc/") || name.starts_with("3pc/");
            let aborted = if is_commit { tallies.asked.failed } else { 0 };
            let answered = tallies.asked.answered + aborted;
            assert_eq!((tallies.blocked, answered), (0, tallies.asked.started), "{name}");
        }
        for what in trial.scenario().expected_to_happen(&[]) {
            // A single seed is as good as any.
            let first = trial.tally(&trial.run(0));
            assert!(first.happened(what) > 0, "{name} expects {what} to happen");
        }
        let owed = owed(&*trial);
        assert!(!owed.is_empty() || name.ends_with("/standard-unit"), "{name} owes nothing");
        for cell in owed {
            assert!(tallies.cells[cell.as_str()] > 0, "{name} owes {cell}");
        }
        for (what, least) in &trial.scenario().floor.medians {
            let median = tallies.spreads[what.as_str()].median();
            assert!(median >= *least, "{name}: {what} has a median of {median}, not {least}");
        }
        if CHAOS.contains(&name) {
            assert!(!trial.scenario().floor.medians.is_empty(), "{name} has a floor");
            // What else there is has scenarios of its own: bad disks, a nemesis with a sense of timing.
            let drawn = fault_classes(trial.scenario());
            let usual = FaultClass::ALL.into_iter().take_while(|class| *class != FaultClass::TornRecord);
            // Disks are never lost there, and timers only run out by order of a script.
            let absent = [FaultClass::Wipe, FaultClass::Expire];
            for class in usual.filter(|class| !absent.contains(class)) {
                assert!(drawn.contains(&class), "{name} does not draw {}", class.name());
            }
            for class in drawn {
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
            let Some(name) = hunted_in(name, &flaw) else { continue };
            let scenario = read(name, needs(&flaw));
            let flaws = std::slice::from_ref(&flaw);
            let trial = registry.trial(scenario, flaws, Judges::default()).unwrap();
            let seed = (0..10_000).find(|&seed| is_found(&trial.run(seed)));
            println!("{flaw}: seed {}", seed.unwrap_or_else(|| panic!("{name} does not find {flaw}")));
        }
    }
}

#[test]
fn the_standard_unit_goes_on_for_as_long_as_it_is_told() {
    let run = |duration: &str| {
        let scenario = read("raft/standard-unit", &[("duration", duration)]);
        let trial = Registry::standard().trial(scenario, &[], Judges::default()).unwrap();
        let tallies = batch(&*trial, 0..5);
        (tallies.simulated_ns, tallies.asked.started)
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
