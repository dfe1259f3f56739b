//! Inside or outside the model: what is said of a violation that needs more than the protocol promises to live with.

use serde_json::json as value;
use tempfile::TempDir;

use crate::{folder, json, text};

/// An acceptor of Paxos comes back without its disk; this is what the scenario expects.
fn wiped(expects: &str) -> TempDir {
    let folder = folder();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/paxos/acceptor-restarts.toml");
    let scenario =
        std::fs::read_to_string(path).expect("it is there").replace("crash = \"it\"", "wipe = [\"n2\"]");
    let (scenario, _) = scenario.split_once("[[expect]]").expect("it expects something");
    let text = format!("{scenario}{expects}");
    std::fs::write(folder.path().join("wiped.toml"), text).expect("the folder takes it");
    folder
}

const OUTSIDE: &str = "[[expect]]\nviolates = 'one-value-chosen'\noutside = true\n\
                       [[expect]]\nflaw = 'paxos/own-value'\nviolates = 'one-value-chosen'\noutside = true\n";
const INSIDE: &str = "[[expect]]\nviolates = 'one-value-chosen'\noutside = false\n";
const LABEL: &str = "outside the model: a node lost its disk (without that it does not come about)";

#[test]
fn a_run_outside_the_model_says_so() {
    let folder = wiped(OUTSIDE);
    let told = text(folder.path(), "run wiped.toml", 0);
    assert!(told.contains("as expected") && told.contains(LABEL), "{told}");
    let (report, code) = json(folder.path(), "run wiped.toml --trace failure.jsonl");
    assert_eq!((code, &report["outside"]), (0, &value!(["a node lost its disk"])));
    assert_eq!((&report["survives_inside"], &report["met"]), (&value!(false), &value!(true)));
    let told = text(folder.path(), "replay failure.jsonl", 0);
    assert!(told.contains("outside the model: a node lost its disk"), "{told}");
    assert_eq!(json(folder.path(), "replay failure.jsonl").0["outside"], value!(["a node lost its disk"]));
    let story = text(folder.path(), "view failure.jsonl", 0);
    assert!(story.contains("Outside the model: a node lost its disk."), "{story}");
}

#[test]
fn a_campaign_says_it_of_each_way_of_failing() {
    let folder = wiped(OUTSIDE);
    let told = text(folder.path(), "campaign wiped.toml --seeds 0..5", 0);
    assert!(told.contains("one-value-chosen was violated, only outside the model, as expected"), "{told}");
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(LABEL), "{told}");
    let (report, _) = json(folder.path(), "campaign wiped.toml --seeds 0..5 --junit report.xml");
    let failure = &report["violations"][0];
    assert_eq!((&failure["runs"], &failure["outside_runs"]), (&value!(5), &value!(5)));
    assert_eq!(failure["outside"], value!(["a node lost its disk"]));
    assert_eq!(failure["survives_inside"], value!(false));
    let junit = std::fs::read_to_string(folder.path().join("report.xml")).expect("it was written");
    assert!(junit.contains("outside the model: a node lost its disk"), "{junit}");
    assert!(junit.contains("expectation: it violates one-value-chosen outside the model only"), "{junit}");
}

#[test]
fn a_violation_on_the_wrong_side_is_not_what_was_expected() {
    let folder = wiped(INSIDE);
    let told = text(folder.path(), "run wiped.toml", 1);
    assert!(told.contains("expects that it violates one-value-chosen inside the model"), "{told}");
    let told = text(folder.path(), "campaign wiped.toml --seeds 0..5", 1);
    assert!(told.contains("one-value-chosen was violated, but only outside the model"), "{told}");
    let folder = wiped("");
    assert_eq!(json(folder.path(), "run wiped.toml").1, 1, "all is to hold, whatever strikes");
}

#[test]
fn what_survives_without_what_lies_outside_is_a_mistake() {
    let folder = wiped(OUTSIDE);
    let told = text(folder.path(), "run wiped.toml --flaw paxos/own-value", 1);
    assert!(told.contains("it survives without that: INSIDE the model"), "{told}");
    let (report, code) = json(folder.path(), "campaign wiped.toml --seeds 0..5 --flaw paxos/own-value");
    assert_eq!((code, &report["violations"][0]["survives_inside"]), (1, &value!(true)));
    let reason = report["reasons"][0].as_str().expect("a sentence");
    assert!(reason.contains("fails so without what lies outside as well"), "{reason}");
}

/// More traitors struck than PBFT tolerates, but it takes only one of them: the verdict says what the label says, and
/// the story names the one.
#[test]
fn what_survives_inside_is_inside_for_the_verdict_as_well() {
    let folder = folder();
    let campaign = "campaign pbft/twins --set faults.traitor.nodes=f+1 --flaw pbft/dup-votes --seeds 8..9";
    let told = text(folder.path(), campaign, 0);
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("certificate-soundness was violated inside the model, as expected"), "{told}");
    assert!(words.contains("(it survives without that: INSIDE the model)"), "{told}");
    assert!(words.contains("pbft on 4 nodes, n1 a traitor, with the flaw pbft/dup-votes: "), "{told}");
    assert!(words.contains(" talks with a twin of n1, "), "each deed of a small schedule is told: {told}");
    let (report, _) = json(folder.path(), campaign);
    assert_eq!(
        (&report["verdict"], &report["violations"][0]["survives_inside"]),
        (&value!("met"), &value!(true))
    );
}
