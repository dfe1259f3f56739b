//! `cargo xtask bench`: the standard unit, measured.

use std::path::Path;
use std::process::ExitCode;

use crate::command;

/// Runs the benchmark; `rest` goes to it as its own arguments.
pub(crate) fn run(root: &Path, rest: &[&str]) -> ExitCode {
    let mut cargo = command::cargo(
        root,
        &["bench", "--locked", "--package", "quarrel-bench", "--bench", "standard_unit", "--"],
    );
    cargo.args(rest);
    match command::run(cargo) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
