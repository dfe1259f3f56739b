//! The glossary and the reference of faults speak of what there is: each class of faults has its line, and each flaw or
//! scenario that they name exists.
#![allow(clippy::disallowed_methods, reason = "tests start the program and read what is written about it")]

use std::path::Path;

use assert_cmd::cargo::CommandCargoExt;

fn listed(what: &str) -> Vec<String> {
    let mut quarrel = std::process::Command::cargo_bin("quarrel").expect("it was built for this test");
    let output = quarrel.args(["list", what]).output().expect("it starts");
    assert!(output.status.success(), "quarrel list {what}");
    let text = String::from_utf8(output.stdout).expect("it speaks in UTF-8");
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(path).expect("it is a page of this checkout")
}

#[test]
fn each_class_of_faults_has_its_line_in_the_reference() {
    let text = page("FAULTS.md");
    let rows: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let mut classes = listed("faults");
    assert!(classes.len() > 20, "{classes:?}");
    let mut explained: Vec<String> = rows.into_iter().map(str::to_owned).collect();
    classes.sort();
    explained.sort();
    assert_eq!(explained, classes);
}

#[test]
fn what_the_pages_name_exists() {
    let known: Vec<String> = ["flaws", "scenarios"].into_iter().flat_map(listed).collect();
    for name in ["GLOSSARY.md", "FAULTS.md"] {
        let text = page(name);
        // Every second piece stands between two backticks.
        let named = text.split('`').skip(1).step_by(2).filter(|word| {
            let parts: Vec<&str> = word.split('/').collect();
            parts.len() == 2 && !word.contains(['.', ' '])
        });
        let named: Vec<&str> = named.collect();
        assert!(name != "GLOSSARY.md" || named.len() > 8, "{name} names {named:?}");
        for word in named {
            assert!(
                known.iter().any(|known| known == word),
                "{name} names {word}, which is neither a flaw nor a scenario"
            );
        }
    }
}
