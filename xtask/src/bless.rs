//! `cargo xtask bless`: the tests rewrite their golden files instead of comparing with them.

use std::path::Path;
use std::process::ExitCode;

use crate::command;

/// Set for the tests while they bless. A test that compares with a golden file writes it when this is `1`.
const BLESS: &str = "QUARREL_BLESS";

/// Runs every test with blessing on.
pub(crate) fn run(root: &Path) -> ExitCode {
    // One test that fails must not keep the golden files of the next crate from being rewritten.
    let mut cargo = command::cargo(root, &["test", "--workspace", "--locked", "--no-fail-fast"]);
    cargo.env(BLESS, "1");
    match command::run(cargo) {
        Ok(()) => {
            println!("bless: the golden files are rewritten; review them like code: git diff");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bless: {error:#}; what could be rewritten is, see git diff");
            ExitCode::FAILURE
        }
    }
}
