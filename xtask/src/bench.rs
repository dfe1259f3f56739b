//! `cargo xtask bench`: the standard unit, measured, and what the harness costs above a bare loop.

use std::path::Path;
use std::process::ExitCode;

use crate::command;

/// Runs both benchmarks, one after the other; `rest` goes to each as its own arguments.
pub(crate) fn run(root: &Path, rest: &[&str]) -> ExitCode {
    let mut cargo = command::cargo(
        root,
        &[
            "bench",
            "--locked",
            "--package",
            "quarrel-bench",
            "--bench",
            "standard_unit",
            "--bench",
            "harness_cost",
            "--",
        ],
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
