//! Whatever is given: exit code 2 and a sentence, never a panic.

use std::fs;

use super::{complaint, folder, text};

/// A scenario with these lines; valid without any.
fn scenario(lines: &str) -> String {
    format!("# Somebody does something.\nprotocol = \"raft\"\nnodes = 3\nduration = \"1s\"\n{lines}\n")
}

#[test]
fn a_wrong_scenario_is_shown_with_a_caret() {
    let folder = folder();
    let nested = format!("floor = {}", "[".repeat(100_000));
    let cases = [
        ("[network]\nlos = 0.1", 6, "there is no key `los`"),
        ("healing = 3", 5, "duration"),
        ("[network]\nloss = 1.5", 6, "between 0 and 1"),
        ("[[fault]]\nat = \"1ms\"\ncrash = \"n4\"", 7, "n4"),
        ("[[fault]]\nat = \"1ms\"\npartition = [[\"n1\", \"n2\"], [\"n2\", \"n3\"]]", 7, "n2"),
        ("[[fault]]\nwhen = { event = \"elekted\" }\ncrash = \"it\"", 6, "elekted"),
        ("healing = \"99999999999h\"", 5, "longer than virtual time"),
        (&nested, 5, "nested"),
    ];
    fs::write(folder.path().join("fine.toml"), scenario("")).expect("there is room");
    text(folder.path(), "run fine.toml", 0);
    for (lines, line, what) in cases {
        fs::write(folder.path().join("wrong.toml"), scenario(lines)).expect("there is room");
        for command in ["run", "campaign"] {
            let said = complaint(folder.path(), &[command, "wrong.toml"]);
            assert!(said.starts_with(&format!("error: wrong.toml:{line}:")), "{said}");
            assert!(said.contains(what) && said.contains('^'), "{what}: {said}");
        }
    }
    let crowd = scenario("").replace("nodes = 3", "nodes = 100_000_000");
    fs::write(folder.path().join("wrong.toml"), crowd).expect("there is room");
    assert!(complaint(folder.path(), &["run", "wrong.toml"]).contains("from 1 to 64"));
}

#[test]
fn files_that_are_none_are_refused() {
    let folder = folder();
    let file = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("there is room");
    file("empty", b"");
    file("binary", &[0, 159, 146, 150, 10, 255]);
    file("huge", b"");
    fs::create_dir(folder.path().join("directory")).expect("there is room");
    let huge = fs::OpenOptions::new().write(true).open(folder.path().join("huge")).expect("it is there");
    huge.set_len(1 << 40).expect("a file may have holes");
    for command in ["run", "campaign", "replay", "shrink", "view"] {
        for (name, what) in [
            ("empty", "the file is empty"),
            ("binary", "binary:1:"),
            ("directory", "directory"),
            ("missing.toml", "no such file"),
            ("huge", "MiB, refused"),
        ] {
            let said = complaint(folder.path(), &[command, name]).to_lowercase();
            assert!(said.contains(&what.to_lowercase()), "{command} {name}: {said}");
        }
    }
}

#[test]
fn unknown_names_are_answered_with_what_may_have_been_meant() {
    let folder = folder();
    let cases: [(&[&str], &str); 9] = [
        (&["campain"], "'campaign'"),
        (&["run", "raft/caos"], "did you mean `raft/chaos`?"),
        (&["run", "figure-8"], "did you mean `raft/figure-8`?"),
        (&["campaign", "paxos/chaos", "paxos/minorty"], "did you mean `paxos/minority`?"),
        (&["run", "raft/calm", "--flaw", "raft/comit-old-term"], "did you mean `raft/commit-old-term`?"),
        (&["run", "raft/calm", "--flaw", "commit-old-term"], "did you mean `raft/commit-old-term`?"),
        (&["run", "raft/calm", "--flaw", "paxos/own-value"], "is not one of raft"),
        (&["run", "raft/calm", "--set", "network.los=0"], "did you mean `loss`?"),
        (&["list", "flaw"], "flaws"),
    ];
    for (arguments, meant) in cases {
        let said = complaint(folder.path(), arguments);
        assert!(said.contains(meant), "{arguments:?}: {said}");
    }
}

#[test]
fn impossible_arguments_are_refused() {
    let folder = folder();
    for seeds in ["9..2", "5..5", "5", "..", "0..=5", "-1..5", "0..18446744073709551616", "a..b"] {
        complaint(folder.path(), &["campaign", "raft/calm", &format!("--seeds={seeds}")]);
    }
    for arguments in [
        &["--for", "0s"],
        &["--for", "ten"],
        &["--jobs", "0"],
        &["--stop-after", "0"],
        &["--set", "nodes"],
        &["--set", "=1"],
        &["--set", "nodes=100000000"],
        &["--format", "xml"],
    ] {
        complaint(folder.path(), &[["campaign", "raft/calm"].as_slice(), arguments].concat());
    }
    complaint(folder.path(), &["campaign"]);
    complaint(folder.path(), &["run", "raft/calm", "--seed", "-1"]);
    complaint(folder.path(), &["replay", "a", "--expect", "wonders"]);
}

#[test]
fn places_that_take_no_file_are_named() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").expect("there is room");
    assert!(complaint(folder.path(), &["campaign", "raft/calm", "--out", "file/x"]).contains("file/x"));
    assert!(
        complaint(folder.path(), &["run", "raft/calm", "--trace", "no/where.jsonl"]).contains("no/where")
    );
    let entries = fs::read_dir(folder.path()).expect("it is there").count();
    assert_eq!(entries, 1, "nothing half-written is left behind");
}

#[test]
fn what_would_be_ignored_is_refused_where_it_stands() {
    let folder = folder();
    let said =
        complaint(folder.path(), &["run", "raft/calm", "--set", "config.voters=6", "--set", "nodes=4"]);
    assert!(said.contains("--set config.voters=6: 6 are more than a cluster of 4 nodes can have"), "{said}");
    for protocol in ["2pc", "3pc"] {
        let calm = format!("{protocol}/calm");
        let said = complaint(folder.path(), &["run", &calm, "--set", "workload.machine=kv"]);
        let told = format!("--set workload.machine=kv: {protocol} runs no state machine");
        assert!(said.contains(&told), "{said}");
    }
    fs::write(folder.path().join("it.toml"), scenario("[config]\nvoters = 6")).expect("there is room");
    let said = complaint(folder.path(), &["run", "it.toml"]);
    assert!(said.starts_with("error: it.toml:6:10: 6 are more") && said.contains('^'), "{said}");
}
