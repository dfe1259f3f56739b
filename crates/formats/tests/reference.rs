//! The reference of scenarios is true: its example is read, and every key that the reader knows is in it.
#![allow(clippy::disallowed_methods, reason = "the test reads the reader")]

use std::path::Path;

use quarrel_formats::Scenario;

const REFERENCE: &str = include_str!("../README.md");

#[test]
fn the_example_is_a_scenario() {
    let (_, rest) = REFERENCE.split_once("```toml\n").expect("there is an example");
    let (example, _) = rest.split_once("```").expect("it ends");
    let scenario =
        Scenario::parse("reference", "README.md", example.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((scenario.protocol.as_str(), scenario.rules.len()), ("raft", 1));
}

/// Words in quotes within the tables of keys that the reader knows.
fn keys(source: &str) -> Vec<String> {
    let starts = [
        ".table(&[",
        "const KEYS: [&str; 20] = [",
        "const ACTIONS: [&str; 16] = [",
        "&[(&str, &[&str]); 15] = [",
    ];
    let mut keys = Vec::new();
    for start in starts {
        for (_, rest) in source.match_indices(start).map(|(at, _)| source.split_at(at + start.len())) {
            let list = rest.split(&[']', ';'][..]).next().unwrap_or_default();
            keys.extend(list.split('"').skip(1).step_by(2).map(ToString::to_string));
        }
    }
    keys
}

#[test]
fn every_key_that_is_read_is_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scenario");
    let mut known = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the reader is there") {
        let path = entry.expect("a file").path();
        known.extend(keys(&std::fs::read_to_string(path).expect("source is text")));
    }
    assert!(known.len() > 60, "the reader's keys are found: {known:?}");
    for key in known {
        let is_there = REFERENCE.contains(&format!("`{key}`")) || REFERENCE.contains(&format!("{key} ="));
        let is_table = REFERENCE.contains(&format!("[{key}]")) || REFERENCE.contains(&format!("[{key}."));
        let is_field = REFERENCE.contains(&format!("{{ {key}")) || REFERENCE.contains(&format!(", {key}"));
        assert!(is_there || is_table || is_field, "crates/formats/README.md does not explain `{key}`");
    }
}
