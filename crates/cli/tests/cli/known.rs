//! Known findings: nothing else may come out.

use std::fs;
use std::path::Path;

use serde_json::{Value, json as value};

use super::ci::{case, junit, totals};
use super::{folder, json, text};

const CAMPAIGN: &str = "known.toml --flaw paxos/own-value --seeds 0..30 --no-shrink --jobs 2";

/// Paxos in chaos, with a flaw that is known for these findings; silence says that it is known for none.
fn write(folder: &Path, known: &[String]) {
    let chaos = include_str!("../../../../scenarios/paxos/chaos.toml");
    let about = |known: &[String]| format!("[[expect]]\nflaw = \"paxos/own-value\"\nknown = {known:?}\n");
    let expects = if known.is_empty() { String::new() } else { about(known) };
    fs::write(folder.join("known.toml"), format!("{chaos}\n{expects}")).expect("there is room");
}

/// What a report says of each way of failing, under this name.
fn each(report: &Value, name: &str) -> Vec<Value> {
    report["violations"].as_array().expect("a list").iter().map(|it| it[name].clone()).collect()
}

/// The signatures of all that comes out, the one that matters most first.
fn signatures(folder: &Path) -> Vec<String> {
    write(folder, &[]);
    let (report, code) = json(folder, &format!("campaign {CAMPAIGN}"));
    assert_eq!((code, &report["verdict"]), (1, &value!("not-met")));
    assert!(each(&report, "known").iter().all(|known| *known == false));
    let all: Vec<_> = each(&report, "signature").iter().map(|it| it.as_str().expect("text").into()).collect();
    assert!(all.len() >= 2, "one can be left out: {all:?}");
    all
}

#[test]
fn nothing_but_known_findings_ends_with_0() {
    let folder = folder();
    let all = signatures(folder.path());
    write(folder.path(), &all);
    let (report, code) = json(folder.path(), &format!("campaign {CAMPAIGN}"));
    assert_eq!((code, &report["verdict"], &report["reasons"]), (0, &value!("met"), &value!([])));
    assert!(each(&report, "known").iter().all(|known| *known == true), "{report}");
    let told = text(folder.path(), &format!("campaign {CAMPAIGN}"), 0);
    let ways = format!("runs failed in {} known ways", all.len());
    let head = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(head.contains("nothing but known findings: ") && head.contains(&ways), "{told}");
    let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(flat.matches("known) violated in ").count(), all.len(), "{told}");
    assert!(all.iter().all(|signature| flat.contains(signature)), "each row says which one it is: {told}");
    // A property stands for all of its signatures.
    let properties = |signature: &String| signature.split(": ").next().map(ToString::to_string);
    let properties: std::collections::BTreeSet<String> = all.iter().filter_map(properties).collect();
    write(folder.path(), &properties.into_iter().collect::<Vec<_>>());
    assert_eq!(json(folder.path(), &format!("campaign {CAMPAIGN}")).1, 0);
}

#[test]
fn an_unknown_finding_ends_with_1_and_comes_first() {
    let folder = folder();
    let mut all = signatures(folder.path());
    let new = all.pop().expect("there are two");
    write(folder.path(), &all);
    let (report, code) = json(folder.path(), &format!("campaign {CAMPAIGN}"));
    assert_eq!((code, &report["verdict"]), (1, &value!("not-met")));
    let reason = report["reasons"][0].as_str().expect("a sentence");
    assert!(reason.starts_with(&format!("`{new}` is not a known finding; ")), "{reason}");
    assert!(reason.ends_with(" of 30 runs failed in this way"), "{reason}");
    assert_eq!(report["violations"][0]["signature"], new);
    let known = each(&report, "known");
    assert!(known[0] == false && known[1..].iter().all(|known| *known == true), "{known:?}");
}

#[test]
fn what_is_known_without_a_flaw_is_no_sign_of_one() {
    let folder = folder();
    let all = signatures(folder.path());
    let chaos = include_str!("../../../../scenarios/paxos/chaos.toml");
    let write = |more: &str| fs::write(folder.path().join("known.toml"), format!("{chaos}\n{more}"));
    write(&format!("[[expect]]\nknown = {all:?}\n")).expect("there is room");
    let (report, code) = json(folder.path(), &format!("campaign {CAMPAIGN}"));
    assert_eq!((code, &report["verdict"]), (0, &value!("met")));
    assert!(each(&report, "known").iter().all(|known| *known == true), "{report}");
    let told = text(folder.path(), &format!("campaign {CAMPAIGN}"), 0);
    let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("the flaw paxos/own-value breaks one-value-chosen"), "{told}");
    assert!(flat.contains("and nobody noticed it in 30 runs"), "{told}");
    // Nor does it meet an expectation of what the flaw breaks.
    let violates = "[[expect]]\nflaw = \"paxos/own-value\"\nviolates = \"one-value-chosen\"\n";
    write(&format!("[[expect]]\nknown = {all:?}\n{violates}")).expect("there is room");
    assert_eq!(json(folder.path(), &format!("campaign {CAMPAIGN}")).1, 1);
    write(violates).expect("there is room");
    assert_eq!(json(folder.path(), &format!("campaign {CAMPAIGN}")).1, 0);
}

#[test]
fn one_run_is_known_or_not() {
    let folder = folder();
    let all = signatures(folder.path());
    let (report, _) = json(folder.path(), &format!("campaign {CAMPAIGN}"));
    let seed = report["violations"][0]["seed"].as_str().expect("a seed").to_string();
    let run = format!("run known.toml --flaw paxos/own-value --seed {seed}");
    write(folder.path(), &all[..1]);
    assert!(text(folder.path(), &run, 0).lines().next().is_some_and(|it| it.ends_with(", a known finding")));
    let (report, _) = json(folder.path(), &run);
    assert_eq!((&report["met"], &report["known"]), (&value!(true), &value!(true)));
    write(folder.path(), &all[1..]);
    let told = text(folder.path(), &run, 1);
    let head = told.lines().next().unwrap_or_default();
    assert!(head.ends_with("but the scenario expects that it violates nothing but known findings"), "{told}");
    let (report, _) = json(folder.path(), &run);
    assert_eq!((&report["met"], &report["known"]), (&value!(false), &value!(false)));
}

#[test]
fn known_findings_are_no_failures_in_xml() {
    let folder = folder();
    let mut all = signatures(folder.path());
    write(folder.path(), &all);
    let report = junit(folder.path(), CAMPAIGN, 0);
    assert_eq!(totals(&report), (0, 0));
    let expectation = "expectation: it violates nothing but known findings";
    assert_eq!(case(&report, expectation).0, "success");
    let new = all.pop().expect("there are two");
    let (property, _) = new.split_once(": ").unwrap_or((&new, ""));
    let name = format!("property: {property}");
    let (status, _, told) = case(&report, &name);
    assert!(status == "success" && told.contains("known) violated in "), "it is told all the same: {told}");
    write(folder.path(), &all);
    let report = junit(folder.path(), CAMPAIGN, 1);
    assert_eq!(totals(&report), (2, 0), "the expectation and the property");
    let (status, message, _) = case(&report, expectation);
    assert!(status == "failure" && message.contains("is not a known finding"), "{message}");
    assert_eq!(case(&report, &name).0, "failure");
}

#[test]
fn known_findings_need_not_come_up() {
    let folder = folder();
    let calm = "# A calm sea, and what a world sees of it.\nprotocol = \"raft\"\nnodes = 3\nduration = \"1s\"\n\
                [[expect]]\nknown = [\"panic: the sea # is dry\", \"assertion\", \"events-limit\", \"liveness\"]\n";
    fs::write(folder.path().join("calm.toml"), calm).expect("there is room");
    let told = text(folder.path(), "campaign calm.toml --seeds 0..3", 0);
    let head = "calm.toml, seeds 0..3: every property held in 3 runs; no known finding came up\n";
    assert!(told.starts_with(head), "{told}");
    let (run, code) = json(folder.path(), "run calm.toml");
    assert_eq!((code, &run["met"], &run["known"]), (0, &value!(true), &Value::Null));
    // What is owed is owed all the same.
    let owing = calm.replace("duration = \"1s\"\n", "duration = \"1ms\"\nhealing = \"1ms\"\n");
    fs::write(folder.path().join("calm.toml"), owing).expect("there is room");
    let told = text(folder.path(), "campaign calm.toml --seeds 0..100", 4);
    let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("no known finding came up, but this has shown nothing about - "), "{told}");
}

#[test]
fn limits_and_panics_have_names() {
    let folder = folder();
    let brief = "# A world that is full after a thousand events.\nprotocol = \"raft\"\nnodes = 3\n\
                 duration = \"10s\"\n[limits]\nevents = 100\n[[expect]]\n";
    let write = |expects: &str| fs::write(folder.path().join("full.toml"), format!("{brief}{expects}"));
    write("violates = \"events-limit\"\n").expect("there is room");
    text(folder.path(), "campaign full.toml --seeds 0..2 --no-shrink", 0);
    write("known = [\"events-limit\"]\n").expect("there is room");
    text(folder.path(), "campaign full.toml --seeds 0..2 --no-shrink", 0);
    write("known = [\"pending-limit\", \"instant-limit\", \"panic\"]\n").expect("there is room");
    text(folder.path(), "campaign full.toml --seeds 0..2 --no-shrink", 1);
}
