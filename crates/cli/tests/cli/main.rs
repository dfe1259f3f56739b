//! The command line as others meet it: a process, its words and its exit code.
#![allow(clippy::disallowed_methods, reason = "these tests start the program and look at its files")]

mod bad_input;
mod blocking;
mod campaigns;
mod check;
mod ci;
mod decisive;
mod determinism;
mod known;
mod lists;
mod model;
mod pipes;
mod plans;
mod strangers;
mod traces;

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// The program in a folder of its own.
fn quarrel(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::cargo_bin("quarrel").expect("the binary is built with its tests");
    command.current_dir(folder).args(arguments.split_whitespace());
    // What CI tells us is for us alone.
    for variable in
        ["QUARREL_SEED", "QUARREL_RUNS", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"]
    {
        command.env_remove(variable);
    }
    command
}

/// An empty folder.
fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for a folder")
}

/// The JSON document that a command prints, and its exit code.
fn json(folder: &Path, arguments: &str) -> (Value, i32) {
    let output = quarrel(folder, arguments).args(["--format", "json"]).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    (document, output.status.code().expect("it ends by itself"))
}

/// What a command prints, which must end with this code.
fn text(folder: &Path, arguments: &str, code: i32) -> String {
    let output = quarrel(folder, arguments).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// What a command that must end with 2 says is wrong.
fn complaint(folder: &Path, arguments: &[&str]) -> String {
    let output = quarrel(folder, "").args(arguments).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}: nothing is printed");
    assert!(said.starts_with("error: "), "{arguments:?}: {said}");
    assert!(said.len() < 2000 && !said.contains("panicked"), "{arguments:?}: {said}");
    said
}
