//! From a failure to its trace, and what can be done with that.

use std::fs;
use std::path::Path;

use serde_json::json as value;

use super::{complaint, folder, json, text};

/// Finds a failure and returns where its trace went.
fn found(folder: &Path) -> String {
    let command = "campaign paxos/chaos --flaw paxos/own-value --seeds 0..30 --stop-after 1";
    let (report, _) = json(folder, command);
    report["violations"][0]["trace"].as_str().expect("it was written").to_string()
}

#[test]
fn a_failure_is_replayed_gone_without_its_flaw_and_viewed() {
    let folder = folder();
    let trace = found(folder.path());
    let (replay, code) = json(folder.path(), &format!("replay {trace}"));
    assert_eq!((code, &replay["outcome"], &replay["never_asked"]), (0, &value!("reproduced"), &value!(0)));
    assert_eq!(replay["digest"], replay["recorded_digest"]);
    let (gone, code) = json(folder.path(), &format!("replay {trace} --no-flaws --expect gone"));
    assert_eq!((code, &gone["outcome"]), (0, &value!("gone")));
    // Each expectation is disappointed by the other outcome.
    assert!(text(folder.path(), &format!("replay {trace} --expect gone"), 1).contains("reproduced"));
    assert!(text(folder.path(), &format!("replay {trace} --no-flaws"), 1).contains("violation gone"));
    for how in ["", "--full", "--diagram"] {
        assert!(!text(folder.path(), &format!("view {trace} {how}"), 0).is_empty(), "{how}");
    }
    let (view, _) = json(folder.path(), &format!("view {trace}"));
    assert_eq!(view["property"], replay["property"]);
}

#[test]
fn a_run_obeys_the_plan_of_a_trace() {
    let folder = folder();
    let trace = found(folder.path());
    // The seed draws the protocol's options, here those under which the plan was found; all else is the plan's.
    let (flawed, code) =
        json(folder.path(), &format!("run paxos/chaos --flaw paxos/own-value --seed 5 --plan {trace}"));
    let (correct, _) = json(folder.path(), &format!("run paxos/chaos --seed 5 --plan {trace}"));
    assert_eq!(
        (code, &flawed["property"], &flawed["plan"]),
        (1, &value!("one-value-chosen"), &value!(trace))
    );
    assert_eq!((&correct["verdict"], &correct["seed"]), (&value!("held"), &value!("5")));
    let (other, _) = json(folder.path(), &format!("run raft/calm --plan {trace}"));
    assert_eq!(other["carried"]["from"], value!("paxos"), "what the world did is for any protocol");
}

#[test]
fn a_recorded_run_is_replayed_and_shrunk() {
    let folder = folder();
    let (report, _) =
        json(folder.path(), "campaign paxos/chaos --flaw paxos/own-value --seeds 0..30 --no-shrink");
    let seed = report["violations"][0]["seed"].as_str().expect("seeds are strings");
    let command = format!("run paxos/chaos --flaw paxos/own-value --seed {seed} --trace whole.jsonl");
    text(folder.path(), &command, 1);
    text(folder.path(), "replay whole.jsonl", 0);
    let (shrunk, code) = json(folder.path(), "shrink whole.jsonl");
    assert_eq!((code, &shrunk["written"]), (0, &value!("whole.shrunk.jsonl")));
    assert!(shrunk["items"].as_u64() < shrunk["items_before"].as_u64());
    text(folder.path(), "replay whole.shrunk.jsonl whole.jsonl", 0);
    assert!(
        text(folder.path(), "shrink whole.jsonl -o small.jsonl", 0).contains("quarrel replay small.jsonl")
    );
    let bytes = |name: &str| fs::read(folder.path().join(name)).expect("it was written");
    assert_eq!(
        bytes("small.jsonl"),
        bytes("whole.shrunk.jsonl"),
        "shrinking is as deterministic as all else"
    );
}

#[test]
fn a_run_that_holds_is_replayed_but_not_shrunk() {
    let folder = folder();
    text(folder.path(), "run raft/calm --trace calm.jsonl", 0);
    assert!(text(folder.path(), "replay calm.jsonl", 0).contains("reproduced"));
    text(folder.path(), "replay calm.jsonl --expect gone", 1);
    assert!(complaint(folder.path(), &["shrink", "calm.jsonl"]).contains("nothing fails"));
}

#[test]
fn a_trace_that_somebody_changed_ends_with_2() {
    let folder = folder();
    let trace = fs::read_to_string(folder.path().join(found(folder.path()))).expect("it was written");
    // The third event is said to have happened to another node.
    let lines: Vec<String> = trace.lines().map(str::to_string).collect();
    let mut changed = lines.clone();
    let who = if lines[3].contains("\"who\":\"n1\"") { ("n1", "n2") } else { ("n3", "n1") };
    changed[3] = lines[3].replace(&format!("\"who\":\"{}\"", who.0), &format!("\"who\":\"{}\"", who.1));
    assert_ne!(changed[3], lines[3], "{}", lines[3]);
    fs::write(folder.path().join("changed.jsonl"), changed.join("\n") + "\n").expect("there is room");
    let (replay, code) = json(folder.path(), "replay changed.jsonl");
    assert_eq!((code, &replay["outcome"], &replay["event"]), (2, &value!("changed"), &value!(3)));
    let told = text(folder.path(), "replay changed.jsonl", 2);
    assert!(
        told.contains("this file was changed: line 4, event 3 is not what its digest stands for"),
        "{told}"
    );
    assert!(told.contains("recorded  ") && told.contains("replayed  "), "{told}");
    // Another version may tell events in other words; which node they happen to is no word.
    let elsewhere =
        changed.join("\n").replace(concat!("\"tool\":\"", env!("CARGO_PKG_VERSION")), "\"tool\":\"0.0.9");
    fs::write(folder.path().join("elsewhere.jsonl"), elsewhere + "\n").expect("there is room");
    assert!(text(folder.path(), "replay elsewhere.jsonl", 1).contains("diverged"));
}

#[test]
fn a_trace_that_this_build_runs_differently_ends_with_3() {
    let folder = folder();
    let (run, _) = json(folder.path(), "run raft/calm --trace calm.jsonl");
    let trace = fs::read_to_string(folder.path().join("calm.jsonl")).expect("it was written");
    let digest = run["digest"].as_str().expect("digests are strings");
    let other = trace.replace(digest, "0123456789abcdef");
    assert_ne!(other, trace);
    fs::write(folder.path().join("calm.jsonl"), other).expect("there is room");
    let told = text(folder.path(), "replay calm.jsonl", 3);
    assert!(told.contains("diverged") && told.contains("nondeterminism"), "{told}");
}

/// What lies in a folder, with what kind of thing it is.
fn things(folder: &Path) -> Vec<(std::ffi::OsString, fs::FileType)> {
    let entries = fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it can be read"));
    let mut things: Vec<_> =
        entries.map(|it| (it.file_name(), it.file_type().expect("it has one"))).collect();
    things.sort_by(|(one, _), (other, _)| one.cmp(other));
    things
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_replaced() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("directory")).expect("there is room");
    let _listener = std::os::unix::net::UnixListener::bind(at("socket")).expect("there is room");
    for (target, link) in [
        ("socket", "to-socket"),
        ("directory", "to-directory"),
        ("circle-2", "circle-1"),
        ("circle-1", "circle-2"),
    ] {
        std::os::unix::fs::symlink(target, at(link)).expect("there is room");
    }
    let trace = found(folder.path());
    let before = things(folder.path());
    for name in ["directory", "socket", "to-socket", "to-directory"] {
        let said = complaint(folder.path(), &["run", "raft/calm", "--trace", name]);
        assert!(said.contains("other than a regular file"), "{said}");
        let said = complaint(folder.path(), &["shrink", &trace, "-o", name]);
        assert!(said.contains("other than a regular file"), "{said}");
    }
    let said = complaint(folder.path(), &["run", "raft/calm", "--trace", "circle-1"]);
    assert!(said.contains("lead nowhere"), "{said}");
    assert_eq!(things(folder.path()), before, "nothing is touched");
}

#[cfg(unix)]
#[test]
fn what_a_symbolic_link_leads_to_is_written() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("below")).expect("there is room");
    fs::write(at("below/old.jsonl"), "old").expect("there is room");
    let links = [("below/old.jsonl", "link"), ("link", "link-to-link"), ("below/new.jsonl", "dangling")];
    for (target, link) in links {
        std::os::unix::fs::symlink(target, at(link)).expect("there is room");
    }
    for (link, target) in [("link-to-link", "below/old.jsonl"), ("dangling", "below/new.jsonl")] {
        text(folder.path(), &format!("run raft/calm --trace {link}"), 0);
        assert!(at(link).is_symlink() && !at(target).is_symlink(), "{link}");
        text(folder.path(), &format!("replay {target}"), 0);
    }
    assert!(at("link").is_symlink());
}

#[test]
fn what_is_read_is_not_written_over() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let trace = found(folder.path());
    fs::copy(at(&trace), at("own.jsonl")).expect("there is room");
    fs::write(at("own.toml"), "# Nothing.\nprotocol = \"paxos\"\nnodes = 3\nduration = \"20ms\"\n")
        .expect("there is room");
    let bytes = || ["own.toml", "own.jsonl"].map(|name| fs::read(at(name)).expect("it is there"));
    let before = bytes();
    let commands: [&[&str]; 4] = [
        &["run", "own.toml", "--trace", "own.toml"],
        &["run", "own.toml", "--trace", "./quarrel-out/../own.toml"],
        &["run", "paxos/chaos", "--plan", "own.jsonl", "--trace", "own.jsonl"],
        &["shrink", "own.jsonl", "-o", "./own.jsonl"],
    ];
    for command in commands {
        assert!(
            complaint(folder.path(), command).contains("this file is an input of the same command"),
            "{command:?}"
        );
    }
    assert_eq!(bytes(), before);
}

#[test]
fn a_name_that_begins_with_a_hyphen_is_suggested_as_a_path() {
    let folder = folder();
    let told = text(folder.path(), "run raft/calm --trace=-x.jsonl", 0);
    assert!(told.contains("quarrel replay ./-x.jsonl"), "{told}");
    text(folder.path(), "replay ./-x.jsonl", 0);
}

#[test]
fn a_damaged_trace_names_the_line() {
    let folder = folder();
    let path = found(folder.path());
    let trace = fs::read_to_string(folder.path().join(&path)).expect("it was written");
    let last = trace.lines().count();
    let cases = [
        (trace.clone() + "{}\n", format!("damaged.jsonl:{}:", last + 1)),
        (trace[..trace.len() - 10].to_string(), format!("damaged.jsonl:{last}:")),
        (trace.lines().next().expect("there is one").to_string() + "\n", "damaged.jsonl:2:".to_string()),
        (trace.replacen("\"format\":3", "\"format\":4", 1), "damaged.jsonl:1:".to_string()),
        (trace.replacen("\"protocol\":\"paxos\"", "\"protocol\":\"pax\"", 1), "damaged.jsonl:1:".to_string()),
    ];
    for (damaged, place) in cases {
        fs::write(folder.path().join("damaged.jsonl"), damaged).expect("there is room");
        for command in ["replay", "shrink"] {
            let said = complaint(folder.path(), &[command, "damaged.jsonl"]);
            assert!(said.contains(&place), "{place} {said}");
        }
    }
    // One bad trace does not keep the others from being replayed.
    let (report, code) = json(folder.path(), &format!("replay damaged.jsonl {path}"));
    assert_eq!((code, &report["replays"][0]["outcome"]), (2, &value!("unreadable")));
    assert_eq!(report["replays"][1]["outcome"], "reproduced");
}

#[test]
fn a_header_that_says_something_else_than_its_configuration_is_refused() {
    let folder = folder();
    text(folder.path(), "run 2pc/transfer-commits --trace it.jsonl", 0);
    let whole = std::fs::read_to_string(folder.path().join("it.jsonl")).expect("it was written");
    let edited = |from: &str, to: &str| {
        let text = whole.replacen(from, to, 1);
        assert_ne!(text, whole, "{from} stands there");
        std::fs::write(folder.path().join("edited.jsonl"), text).expect("there is room");
        let said = complaint(folder.path(), &["replay", "edited.jsonl"]);
        assert!(said.contains("edited.jsonl:") && said.contains('^'), "{said}");
        said
    };
    let said = edited("\"flaws\":[]", "\"flaws\":[\"2pc/missing-vote\"]");
    assert!(said.contains("(2pc/missing-vote) are not those of its configuration (none)"), "{said}");
    let said = edited("\"flaws\":[]", "\"flaws\":[\"raft/own-value\"]");
    assert!(said.contains("`raft/own-value` is no flaw of 2pc"), "{said}");
    let said = edited("\"simulated_ns\":", "\"simulated_ns\":1");
    assert!(said.contains("the header says that the run ended after"), "{said}");
}

#[test]
fn a_run_too_long_for_a_trace_is_refused_before_it_is_recorded() {
    let folder = folder();
    std::fs::write(folder.path().join("it.jsonl"), "mine").expect("there is room");
    let sets = "--set duration=1200s";
    let command = format!("run raft/standard-unit {sets} --trace it.jsonl");
    let said = complaint(folder.path(), &command.split(' ').collect::<Vec<_>>());
    assert!(said.contains("it would be larger than 256 MiB") && said.contains("--set duration="), "{said}");
    assert_eq!(std::fs::read_to_string(folder.path().join("it.jsonl")).expect("it is there"), "mine");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "no half file");
}
