//! What a theorem rests on: without it a scenario does not come out as it says.

use std::fs;
use std::path::Path;

use serde_json::json as value;
use tempfile::TempDir;

use crate::{complaint, folder, json, text};

/// A scenario and what decides in it: a few words of the fault, the decision, the order or the table that is taken away.
const DECISIVE: [(&str, &str); 36] = [
    ("2pc/calm", "operations = 60"),
    ("2pc/transfer-commits", "asks = \"withdraw 30 from a0, deposit 30 to a1\""),
    ("2pc/transfer-aborts", "asks = \"withdraw 130 from a0, deposit 130 to a1\""),
    ("2pc/coordinator-crash-blocks", "crash-at-write"),
    ("2pc/coordinator-returns", "crash-at-write"),
    ("2pc/cooperative-termination", "clog"),
    ("2pc/cooperative-termination", "lose"),
    ("2pc/cooperative-termination", "crash = \"n1\""),
    ("2pc/participant-restarts", "at = \"9ms\""),
    ("2pc/participant-restarts", "kind = \"commit\""),
    ("2pc/participant-restarts", "crash = \"n2\""),
    ("2pc/participant-restarts", "after = \"1us\""),
    ("2pc/presumed-abort", "clog"),
    ("2pc/presumed-abort", "kind = \"abort\""),
    ("2pc/presumed-abort", "crash = \"n1\""),
    ("2pc/presumed-commit", "clog"),
    ("2pc/presumed-commit", "crash = \"n1\""),
    ("2pc/resolver", "at = \"9ms\""),
    ("2pc/votes-out-of-step", "twice late"),
    ("2pc/votes-out-of-step", "nth = 3"),
    ("3pc/calm", "operations = 40"),
    ("3pc/all-uncertain", "crash"),
    ("3pc/coordinator-crash-does-not-block", "crash-at-write"),
    ("3pc/first-acknowledgement", "lose"),
    ("3pc/first-acknowledgement", "crash"),
    ("3pc/late-precommit", "when = \"n1 pre-committing"),
    ("3pc/logged-pre-commit", "crash = [\"n2\", \"n3\", \"n4\"]"),
    ("3pc/partition-splits", "partition"),
    ("3pc/partition-splits", "crash = \"n1\""),
    ("3pc/simultaneous-failure", "crash = \"n1\""),
    ("3pc/simultaneous-failure", "crash = \"n2\""),
    ("3pc/total-failure", "crash = \"n4\""),
    ("3pc/two-crash-in-turn", "crash = \"n2\""),
    ("3pc/vote-forgotten", "crash = \"n4\""),
    ("two-generals/calm", "operations = 1"),
    ("two-generals/no-certainty", "loss"),
];

/// Seeds of a scenario whose runs are drawn: not each need come out as expected.
const DRAWN: [&str; 1] = ["two-generals/no-certainty"];

fn scenario(name: &str) -> String {
    let path =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios")).join(format!("{name}.toml"));
    fs::read_to_string(path).expect(name)
}

/// The scenario without the one block that says this; what is expected stays.
fn without(scenario: &str, words: &str) -> String {
    let mut blocks: Vec<String> = vec![String::new()];
    for line in scenario.lines() {
        if line.starts_with('[') {
            blocks.push(String::new());
        }
        let last = blocks.len() - 1;
        blocks[last] += &format!("{line}\n");
    }
    let says = |block: &String| {
        let code = block.lines().filter(|line| !line.starts_with('#'));
        !block.starts_with("[[expect]]") && code.into_iter().any(|line| line.contains(words))
    };
    // What stands on top is no block.
    let found: Vec<usize> = (1..blocks.len()).filter(|&position| says(&blocks[position])).collect();
    assert_eq!(found.len(), 1, "{words} stands in one block");
    blocks.remove(found[0]);
    blocks.concat()
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
