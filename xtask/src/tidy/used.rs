//! Every scenario and every trace is used by a test.
//!
//! A scenario `scenarios/raft/figure-8.toml` is used when a file below `crates/*/tests` says `raft/figure-8`. A trace
//! `traces/raft/figure-8.jsonl` is used when one says `raft/figure-8.jsonl`, or holds the line [`WALKS`], which
//! claims that the test replays whatever it finds in the folder.

use super::Problem;
use super::mask::is_word;
use super::tree::Tree;

/// What a test says that replays every file below `traces/`.
const WALKS: &str = "// tidy: this test walks traces/";

/// Files below `scenarios` and `traces` are what they should be, and tests know them.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let tests: Vec<&str> = tree
        .rust()
        .filter(|(path, _)| path.starts_with("crates/") && path.split('/').nth(2) == Some("tests"))
        .map(|(_, text)| text)
        .collect();
    let mut problems = Vec::new();
    for path in tree.paths() {
        // `.gitkeep` and the like hold a folder open.
        if path.rsplit('/').next().is_some_and(|name| name.starts_with('.')) {
            continue;
        }
        if let Some(name) = path.strip_prefix("scenarios/") {
            problems.extend(check_scenario(path, name, &tests));
        } else if let Some(name) = path.strip_prefix("traces/") {
            problems.extend(check_trace(path, name, &tests));
        }
    }
    problems
}

fn check_scenario(path: &str, name: &str, tests: &[&str]) -> Option<Problem> {
    let Some(stem) = name.strip_suffix(".toml").filter(|stem| is_stem(stem)) else {
        return Some(misplaced(path, "scenarios/<protocol>/<phenomenon>.toml"));
    };
    let used = tests.iter().any(|text| mentions(text, stem));
    (!used).then(|| Problem {
        path: path.to_owned(),
        line: None,
        what: "no test uses this scenario".to_owned(),
        remedy: format!("name \"{stem}\" in a test below crates/*/tests that runs it, or remove it"),
    })
}

fn check_trace(path: &str, name: &str, tests: &[&str]) -> Option<Problem> {
    if !name.strip_suffix(".jsonl").is_some_and(is_stem) {
        return Some(misplaced(path, "traces/<protocol>/<phenomenon>.jsonl"));
    }
    let used = tests.iter().any(|text| text.contains(WALKS) || text.contains(name));
    (!used).then(|| Problem {
        path: path.to_owned(),
        line: None,
        what: "no test replays this trace".to_owned(),
        remedy: format!(
            "name \"{name}\" in a test below crates/*/tests, or mark one that replays them all: {WALKS}"
        ),
    })
}

fn misplaced(path: &str, shape: &str) -> Problem {
    Problem {
        path: path.to_owned(),
        line: None,
        what: format!("this is not named like {shape}"),
        remedy: "move it where it belongs".to_owned(),
    }
}

/// One folder and one name.
fn is_stem(stem: &str) -> bool {
    stem.split_once('/')
        .is_some_and(|(folder, name)| !folder.is_empty() && !name.is_empty() && !name.contains('/'))
}

/// Does a text name a scenario? `raft/chaos` is not in `raft/chaos-small`, nor in the name of a trace, `raft/chaos.jsonl`.
fn mentions(text: &str, stem: &str) -> bool {
    let part = |it: char| is_word(it) || it == '-';
    text.match_indices(stem).any(|(at, _)| {
        let after = &text[at + stem.len()..];
        let longer = after.starts_with(|it: char| part(it) || it == '/') || after.starts_with(".jsonl");
        !longer && !text[..at].ends_with(part)
    })
}

#[cfg(test)]
mod check {
    use crate::tidy::problems;

    /// The problems of one file, with one test that says something.
    fn of(path: &str, test: &str) -> Vec<String> {
        problems(super::check, &[(path, ""), ("crates/harness/tests/scenarios.rs", test)])
    }

    #[test]
    fn a_scenario_needs_a_test_that_names_it() {
        let path = "scenarios/raft/chaos.toml";
        for used in ["check(\"raft/chaos\")", "include_str!(\"../../../scenarios/raft/chaos.toml\")"] {
            assert_eq!(of(path, used), [""; 0], "{used}");
        }
        for unused in
            ["", "\"raft/chaos-small\"", "\"craft/chaos\"", "\"traces/raft/chaos.jsonl\"", "\"paxos/chaos\""]
        {
            assert_eq!(
                of(path, unused),
                ["scenarios/raft/chaos.toml: no test uses this scenario"],
                "{unused}"
            );
        }
        let elsewhere =
            problems(super::check, &[(path, ""), ("crates/harness/src/lib.rs", "\"raft/chaos\"")]);
        assert_eq!(elsewhere.len(), 1, "only tests use scenarios");
    }

    #[test]
    fn a_trace_needs_a_test_that_names_it_or_walks() {
        let path = "traces/raft/figure-8.jsonl";
        for used in ["check(\"raft/figure-8.jsonl\")", "// tidy: this test walks traces/\nfn f() {}"] {
            assert_eq!(of(path, used), [""; 0], "{used}");
        }
        for unused in ["", "\"raft/figure-8\""] {
            assert_eq!(
                of(path, unused),
                ["traces/raft/figure-8.jsonl: no test replays this trace"],
                "{unused}"
            );
        }
    }

    #[test]
    fn other_files_are_misplaced() {
        for path in
            ["scenarios/chaos.toml", "scenarios/raft/chaos.md", "traces/raft/old/a.jsonl", "traces/a.jsonl"]
        {
            assert!(of(path, "")[0].contains("this is not named like"), "{path}");
        }
        assert_eq!(of("traces/raft/.gitkeep", ""), [""; 0]);
    }
}
