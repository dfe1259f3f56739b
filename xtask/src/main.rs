//! The checks of the house, all behind one door: `cargo xtask ci`.
//!
//! Read in this order: [`ci`] says what is checked, [`tidy`] what of it is ours, [`tests`] how tests are run and
//! counted, [`older`] what lies outside the workspace, [`command`] how anything is run; [`bless`] and [`mod@bench`] are
//! one command each.

#![allow(
    clippy::disallowed_methods,
    reason = "xtask runs cargo, reads the checkout and times its steps; nothing here is simulated"
)]

mod bench;
mod bless;
mod ci;
mod command;
mod older;
mod tests;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <command>

  ci      everything that must pass before a commit is shared; the last line counts the tests
  tidy    layers, bans, unused scenarios and traces, and other rules of the checkout
  bless   runs the tests so that they rewrite their golden files; review the difference like code
  bench   measures the standard unit and what the harness costs above a bare loop; further arguments go to the benchmark";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ci"] => ci::run(root()),
        ["tidy"] => tidy::run(root()),
        ["bless"] => bless::run(root()),
        ["bench", rest @ ..] => bench::run(root(), rest),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The root of the checkout that this binary was built from.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in a folder of the checkout")
}
