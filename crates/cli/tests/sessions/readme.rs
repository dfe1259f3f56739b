//! The sessions in the README are real: each command is run in an empty folder and must print what stands there.
//!
//! `cargo xtask bless` writes them anew.
#![allow(clippy::disallowed_methods, reason = "tests run the program and bless the README")]

use std::path::{Path, PathBuf};
use std::process::Command;

const CARGO_RUN: &str = "$ cargo run --release -- ";
const CARGO_EXAMPLE: &str = "$ cargo run --release -p quarrel --example ";

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")
}

/// What a command of the README prints.
fn output_of(command: &str, folder: &Path) -> String {
    let quarrel = Path::new(env!("CARGO_BIN_EXE_quarrel"));
    let mut process = if let Some(arguments) = command.strip_prefix(CARGO_RUN) {
        let mut process = Command::new(quarrel);
        process.args(arguments.split(' '));
        process
    } else if let Some(name) = command.strip_prefix(CARGO_EXAMPLE) {
        // Cargo knows whether the example is built and where.
        let mut process = Command::new(env!("CARGO"));
        process.args(["run", "--quiet", "--package", "quarrel", "--example", name]);
        process.arg("--manifest-path").arg(readme().with_file_name("Cargo.toml"));
        process
    } else {
        panic!("the README runs `{command}`, which this test does not know how to run")
    };
    let output = process.current_dir(folder).output().unwrap_or_else(|error| panic!("{command}: {error}"));
    String::from_utf8(output.stdout).expect("output is text")
}

/// The README with every session run again.
fn rerun(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder for the session");
    let (mut fresh, mut in_session) = (String::new(), false);
    for line in text.lines() {
        if line.starts_with("```") {
            in_session = line == "```console";
        }
        if !in_session || line == "```console" {
            fresh += line;
            fresh += "\n";
        } else if line.starts_with("$ ") {
            fresh += &format!("{line}\n{}\n", output_of(line, folder.path()).trim_end());
        }
    }
    fresh
}

#[test]
fn the_sessions_in_the_readme_are_real() {
    let text = std::fs::read_to_string(readme()).expect("there is a README");
    assert!(text.matches("\n$ ").count() >= 4, "the README has its sessions");
    let fresh = rerun(&text);
    if std::env::var_os("QUARREL_BLESS").is_some() {
        std::fs::write(readme(), &fresh).expect("the README can be written");
    }
    let text = std::fs::read_to_string(readme()).expect("there is a README");
    for (number, (written, printed)) in (1..).zip(text.lines().zip(fresh.lines())) {
        assert_eq!(written, printed, "README.md:{number}: `cargo xtask bless` writes what is printed now");
    }
    assert_eq!(text.lines().count(), fresh.lines().count());
}
