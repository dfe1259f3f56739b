//! What it means to block, and what must happen beside: a stranger met `blocks = true` with any client that heard nothing.

use std::fs;
use std::path::Path;

use serde_json::json as value;

use crate::{folder, json, text};

fn scenario(name: &str) -> String {
    let path =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios")).join(format!("{name}.toml"));
    fs::read_to_string(path).expect(name)
}

/// The script of a scenario, with other expectations.
fn expecting(name: &str, expects: &str) -> String {
    let scenario = scenario(name);
    let (script, _) = scenario.split_once("\n[[expect]]").expect("it expects something");
    format!("{script}\n{expects}\n")
}

#[test]
fn a_commit_blocks_while_somebody_who_is_up_is_in_doubt() {
    let folder = folder();
    let blocks = "[[expect]]\nblocks = true";
    let crash = "crash-at-write = { node = \"n1\", write = 1 }";
    let two = expecting("2pc/coordinator-crash-blocks", blocks);
    let cases = [
        // Nobody decides for the others; each decides for itself; nobody has voted; somebody else is elected.
        (two.clone(), "", 0),
        (two.clone(), " --flaw 2pc/commit-on-timeout", 1),
        (two.replace(crash, "crash = \"n1\""), "", 1),
        (expecting("3pc/coordinator-crash-does-not-block", blocks), "", 1),
    ];
    for (scenario, flaw, code) in cases {
        // With a flaw nothing else is expected of it.
        let entry = flaw.trim_start_matches(" --flaw ");
        let entry = if flaw.is_empty() { String::new() } else { format!("{blocks}\nflaw = \"{entry}\"\n") };
        fs::write(folder.path().join("mine.toml"), format!("{scenario}{entry}")).expect("there is room");
        let told = text(folder.path(), &format!("run mine.toml{flaw}"), code);
        assert_eq!(told.contains(": blocked, as expected\n"), code == 0, "{told}");
        let (report, _) = json(folder.path(), &format!("run mine.toml{flaw}"));
        assert_eq!(report["blocked"], value!(code == 0), "{report}");
        let (report, _) = json(folder.path(), &format!("campaign mine.toml --seeds 0..3{flaw}"));
        let (met, blocked) = if code == 0 { ("met", 3) } else { ("not-met", 0) };
        assert_eq!((&report["verdict"], &report["blocked"]), (&value!(met), &value!(blocked)), "{report}");
    }
}

#[test]
fn the_first_line_says_that_it_blocks_whatever_else_is_missing() {
    let folder = folder();
    let expects = "[[expect]]\nblocks = true\nhappens = ['money-moved']";
    fs::write(folder.path().join("mine.toml"), expecting("2pc/coordinator-crash-blocks", expects))
        .expect("there is room");
    let told = text(folder.path(), "run mine.toml", 1);
    let first = "mine.toml, seed 0: blocked, but not all happened that the scenario expects\n";
    assert!(told.starts_with(first) && told.contains("did not: `money-moved`"), "{told}");
}

#[test]
fn what_must_happen_must_happen_with_a_flaw_as_well() {
    let folder = folder();
    let expects = "[[expect]]\nholds = true\nhappens = ['peer-answers']";
    fs::write(folder.path().join("mine.toml"), expecting("2pc/transfer-commits", expects))
        .expect("there is room");
    let told = text(folder.path(), "run mine.toml --flaw 2pc/missing-vote", 1);
    assert!(told.contains("expected to happen, but it did not: `peer-answers`"), "{told}");
}

#[test]
fn every_operation_is_in_the_count() {
    let folder = folder();
    let told = text(folder.path(), "run 2pc/coordinator-returns", 0);
    assert!(told.contains("6 operations asked, 5 answered, 1 without effect\n"), "{told}");
    let told = text(folder.path(), "run 2pc/coordinator-crash-blocks", 0);
    assert!(told.contains("1 operation asked, 0 answered, 1 given up\n"), "{told}");
    assert!(!told.contains("all was answered"), "{told}");
}

#[test]
fn a_view_says_that_a_run_blocks_and_how_long_a_crash_lasts() {
    let folder = folder();
    text(folder.path(), "run 2pc/coordinator-crash-blocks --trace blocks.jsonl", 0);
    let told = text(folder.path(), "view blocks.jsonl", 0);
    let end = "All properties hold, but it blocks: n2, n3, n4 in doubt about t0. Never answered: op0";
    assert!(told.contains(end), "{told}");
    let (report, code) = json(folder.path(), "replay blocks.jsonl");
    assert_eq!((code, &report["outcome"]), (0, &value!("reproduced")), "{report}");
    text(folder.path(), "run 3pc/partition-splits --trace splits.jsonl", 0);
    let told = text(folder.path(), "view splits.jsonl --full", 0);
    assert!(!told.contains("for good"), "the run ends before: {told}");
    assert!(!told.contains("blocks"), "{told}");
}

#[test]
fn a_broadcast_that_a_crash_cuts_was_only_about_to_be_sent() {
    let folder = folder();
    text(folder.path(), "run 3pc/partition-splits --trace splits.jsonl", 0);
    let told = text(folder.path(), "view splits.jsonl --full", 0);
    assert!(
        told.contains("n1 is about to send pre-commits of t2 to ") || told.contains("is about to send"),
        "{told}"
    );
    assert!(!told.contains("sends pre-commits"), "{told}");
}
