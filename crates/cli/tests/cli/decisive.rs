//! What a theorem rests on: without it a scenario does not come out as it says.

use std::fs;
use std::path::Path;

use serde_json::json as value;
use tempfile::TempDir;

use crate::{complaint, folder, json, text};

/// A scenario and what decides in it beside faults and decisions: a few words of the block that is taken away.
const DECISIVE: [(&str, &str); 7] = [
    ("2pc/calm", "operations = 60"),
    ("2pc/transfer-commits", "asks = \"withdraw 30 from a0, deposit 30 to a1\""),
    ("2pc/transfer-aborts", "asks = \"withdraw 130 from a0, deposit 130 to a1\""),
    ("3pc/calm", "operations = 40"),
    ("two-generals/calm", "operations = 1"),
    ("two-generals/no-certainty", "loss"),
    // What is true of all faults below, once with the sentence that says so.
    ("2pc/coordinator-crash-blocks", "crash-at-write"),
];

/// The scripts of atomic commit and of PBFT. Each fault and each decision in them decides.
const SCRIPTS: [&str; 36] = [
    "2pc/cooperative-termination",
    "2pc/coordinator-crash-blocks",
    "2pc/coordinator-returns",
    "2pc/participant-restarts",
    "2pc/presumed-abort",
    "2pc/presumed-commit",
    "2pc/resolver",
    "2pc/votes-out-of-step",
    "3pc/all-uncertain",
    "3pc/coordinator-crash-does-not-block",
    "3pc/first-acknowledgement",
    "3pc/late-precommit",
    "3pc/logged-pre-commit",
    "3pc/partition-splits",
    "3pc/simultaneous-failure",
    "3pc/total-failure",
    "3pc/two-crash-in-turn",
    "3pc/vote-forgotten",
    "pbft/checkpoints-out-of-step",
    "pbft/equivocating-primary",
    "pbft/false-certificates",
    "pbft/false-stable-checkpoint",
    "pbft/false-state",
    "pbft/laggard-takes-the-state-over",
    "pbft/late-checkpoint",
    "pbft/lying-new-primary",
    "pbft/new-view-takes-the-latest",
    "pbft/one-reply-is-not-enough",
    "pbft/primary-joins-others",
    "pbft/restart-keeps-what-prepared",
    "pbft/silent-primary",
    "pbft/six-in-halves",
    "pbft/two-votes-of-one",
    "pbft/usurper",
    "pbft/view-change-keeps-prepared",
    "pbft/view-change-survives-a-crash",
];

/// What makes a difference only with a flaw on: a few words of it, and the flaw.
const FOR_A_FLAW: [(&str, &str, &str); 10] = [
    ("3pc/two-crash-in-turn", "from = \"n2\"", "3pc/new-coordinator-ignores-committable"),
    // n1 is down after the healing in any case.
    ("pbft/checkpoints-out-of-step", "crash = \"n1\"", "pbft/vc-s-vs-sprime"),
    ("pbft/false-certificates", "kind = \"new-view\"", "pbft/vc-cert-not-validated"),
    ("pbft/new-view-takes-the-latest", "kind = \"commit\"", "pbft/vc-lowest-view-cert"),
    ("pbft/new-view-takes-the-latest", "isolate = \"n1\"", "pbft/vc-lowest-view-cert"),
    ("pbft/new-view-takes-the-latest", "isolate = \"n2\"", "pbft/commits-of-any-view"),
    ("pbft/view-change-survives-a-crash", "kind = \"status\"", "pbft/view-not-durable"),
    ("pbft/view-change-survives-a-crash", "kind = \"view-change\"", "pbft/view-not-durable"),
    ("pbft/view-change-survives-a-crash", "crash = \"n3\"", "pbft/view-not-durable"),
    ("pbft/view-change-survives-a-crash", "crash = \"n4\"", "pbft/view-not-durable"),
];

/// Seeds of a scenario whose runs are drawn: not each need come out as expected.
const DRAWN: [&str; 1] = ["two-generals/no-certainty"];

fn scenario(name: &str) -> String {
    let path =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios")).join(format!("{name}.toml"));
    fs::read_to_string(path).expect(name)
}

/// A scenario in blocks, each from its heading to the next.
fn blocks(scenario: &str) -> Vec<String> {
    let mut blocks: Vec<String> = vec![String::new()];
    for line in scenario.lines() {
        if line.starts_with('[') {
            blocks.push(String::new());
        }
        let last = blocks.len() - 1;
        blocks[last] += &format!("{line}\n");
    }
    blocks
}

/// Whether the block says this, comments aside.
fn says(block: &str, words: &str) -> bool {
    block.lines().any(|line| !line.starts_with('#') && line.contains(words))
}

/// The scenario without the one block that says this; what is expected stays.
fn without(scenario: &str, words: &str) -> String {
    let mut blocks = blocks(scenario);
    // What stands on top is no block.
    let is_it = |block: &String| !block.starts_with("[[expect]]") && says(block, words);
    let found: Vec<usize> = (1..blocks.len()).filter(|&position| is_it(&blocks[position])).collect();
    assert_eq!(found.len(), 1, "{words} stands in one block");
    blocks.remove(found[0]);
    blocks.concat()
}

/// A script may not have a fault that can be taken away unnoticed: either it is for nothing, or the expectation does not
/// ask for what it brings about.
#[test]
fn no_fault_of_a_script_is_there_for_nothing() {
    let folder = folder();
    for name in SCRIPTS {
        let blocks = blocks(&scenario(name));
        let is_item = |block: &str| block.starts_with("[[fault]]") || block.starts_with("[[decision]]");
        let items: Vec<usize> = (0..blocks.len()).filter(|&position| is_item(&blocks[position])).collect();
        assert!(!items.is_empty(), "{name} has no fault");
        fs::write(folder.path().join("copy.toml"), blocks.concat()).expect("there is room");
        text(folder.path(), "run copy.toml", 0);
        for (_, _, flaw) in FOR_A_FLAW.iter().filter(|entry| entry.0 == name) {
            text(folder.path(), &format!("run copy.toml --flaw {flaw}"), 0);
        }
        for item in items {
            let mut rest = blocks.clone();
            let taken = rest.remove(item);
            fs::write(folder.path().join("copy.toml"), rest.concat()).expect("there is room");
            let is_for =
                |entry: &&(&str, &str, &str)| entry.0 == name && is_item(&taken) && says(&taken, entry.1);
            let flaw = FOR_A_FLAW.iter().find(is_for).map(|entry| format!(" --flaw {}", entry.2));
            text(folder.path(), &format!("run copy.toml{}", flaw.unwrap_or_default()), 1);
        }
    }
}

#[test]
fn without_what_decides_a_scenario_does_not_come_out() {
    let folder = folder();
    for (name, words) in DECISIVE {
        let command = match DRAWN.contains(&name) {
            true => "campaign copy.toml --seeds 0..100 --no-shrink",
            false => "run copy.toml",
        };
        let whole = scenario(name);
        fs::write(folder.path().join("copy.toml"), without(&whole, words)).expect("there is room");
        let told = text(folder.path(), command, 1);
        let is_said = ["expected to happen", "the scenario expects", "was to be violated"];
        assert!(is_said.iter().any(|said| told.contains(said)), "{name}, {words}: {told}");
        fs::write(folder.path().join("copy.toml"), whole).expect("there is room");
        text(folder.path(), command, 0);
    }
}

/// Money moves in a cluster of two-phase commit; this is what the scenario expects.
fn moves(expects: &str) -> TempDir {
    let folder = folder();
    let scenario = scenario("2pc/transfer-commits");
    let (scenario, _) = scenario.split_once("[[expect]]").expect("it expects something");
    fs::write(folder.path().join("moves.toml"), format!("{scenario}{expects}")).expect("there is room");
    folder
}

#[test]
fn what_was_to_happen_and_did_not_is_named_everywhere() {
    let folder = moves("[[expect]]\nholds = true\nhappens = ['money-moved', 'peer-answers', 'crash']\n");
    let told = text(folder.path(), "run moves.toml", 1);
    assert!(told.contains("every property held, but not all happened that the scenario expects"), "{told}");
    assert!(told.contains("expected to happen, but they did not: `peer-answers`, `crash`"), "{told}");
    let (report, code) = json(folder.path(), "run moves.toml");
    assert_eq!((code, &report["met"], &report["verdict"]), (1, &value!(false), &value!("held")));
    assert_eq!(report["happens"], value!(["money-moved", "peer-answers", "crash"]));
    assert_eq!(report["did_not_happen"], value!(["peer-answers", "crash"]));
    let told = text(folder.path(), "campaign moves.toml --seeds 0..3 --junit report.xml", 1);
    let sentence = "`peer-answers` and `crash` were expected to happen, and in no run they did";
    assert!(told.split_whitespace().collect::<Vec<_>>().join(" ").contains(sentence), "{told}");
    let (report, _) = json(folder.path(), "campaign moves.toml --seeds 0..3");
    assert_eq!((&report["verdict"], &report["reasons"]), (&value!("not-met"), &value!([sentence])));
    let junit = fs::read_to_string(folder.path().join("report.xml")).expect("it was written");
    assert!(junit.contains("failures=\"2\"") && junit.contains("happens: peer-answers"), "{junit}");
}

#[test]
fn what_cannot_happen_is_refused_where_it_stands() {
    let refused = |line: &str, what: &str| {
        let folder = moves(&format!("[[expect]]\nholds = true\nhappens = {line}\n"));
        let said = complaint(folder.path(), &["run", "moves.toml"]);
        assert!(said.starts_with("error: moves.toml:") && said.contains('^'), "{said}");
        assert!(said.contains(what), "{what}: {said}");
        said
    };
    let said = refused("['money-mover']", "2pc has no cell or class of faults `money-mover`");
    assert!(said.contains("did you mean `money-moved`?"), "{said}");
    refused("[]", "the list is empty");
    refused("['crash', 'crash']", "listed twice");
    refused("'crash'", "expected a list");
}

/// In every run the violation comes first, so that AC5, which is asked at the end of a run, is never evaluated.
#[test]
fn a_script_that_ends_in_its_violation_owes_nothing_that_comes_later() {
    let folder = folder();
    let (report, code) = json(folder.path(), "campaign 3pc/partition-splits --seeds 0..100 --no-shrink");
    assert_eq!((code, &report["verdict"], &report["failed"]), (0, &value!("met"), &value!(100)), "{report}");
    assert_eq!(report["properties"]["ac5"]["evaluated"], 0, "{report}");
    assert_eq!(report["violations"][0]["outside_runs"], 100, "{report}");
}
