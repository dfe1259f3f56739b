//! The command line: arguments in, reports and exit codes out.
//!
//! [`main`] is the whole command line for one protocol of one's own, in one line; [`main_with`] is the same over any
//! registry, and the binary `quarrel` is that over the [`standard`] one. A program with its own protocols speaks of no
//! others; the files below `scenarios/` of the working folder have names (`scenarios/mine/storm.toml` is `mine/storm`),
//! and every protocol has a `calm` and a `chaos` without a file.
//!
//! Reading order: `args` (what can be asked), `commands` (one file each), `report` (what is answered: for people in
//! `human`, for tools in `json`, which documents the schema), then what they stand on: `scenarios`, `catalogue` and `builtin`,
//! `output`, `progress`, `interrupt`, `panics`.
//!
//! | exit | meaning |
//! |---|---|
//! | 0 | the expectation is met; `replay`: reproduced, or gone under `--expect gone` |
//! | 1 | a property is violated or the expectation not met; `replay`: another outcome than the recorded one |
//! | 2 | usage or bad input, such as a trace that was changed; also a folder that takes no file, and a full disk: the place was ours to be given |
//! | 3 | an internal error, or nondeterminism: a replay that diverges on the same build |
//! | 4 | a vacuous or incomplete campaign: something that was due never happened, or no run was done |
//! | 75 | interrupted; what was done is reported |
#![allow(clippy::disallowed_methods, reason = "the command line owns files, environment, clock and threads")]

mod args;
mod builtin;
mod catalogue;
mod commands;
mod exit;
mod interrupt;
mod memory;
mod output;
mod panics;
mod progress;
mod report;
mod scenarios;
mod suggest;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::FromArgMatches;
use quarrel_harness::Subject;
use quarrel_harness::registry::Registry;

use crate::args::Arguments;
use crate::output::Output;

/// The command line over one protocol, with the arguments of the process: scenarios, campaigns, flaws, traces,
/// shrinking, views.
pub fn main<P: Subject>() -> ExitCode {
    main_with(Registry::default().with::<P>())
}

/// The protocols of the binary `quarrel`: those that come with it and, with the feature `adapters`, published crates.
#[must_use]
pub fn standard() -> Registry {
    let registry = Registry::standard();
    #[cfg(feature = "adapters")]
    let registry = quarrel_adapters::register(registry);
    registry
}

/// The command line over the protocols of this registry, with the arguments of the process.
pub fn main_with(registry: Registry) -> ExitCode {
    memory::keep_between_runs();
    quarrel::panics::tell(panics::tell);
    let words: Vec<OsString> = std::env::args_os().collect();
    let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| obey(&registry, &words)));
    // What happened has been told.
    ExitCode::from(code.unwrap_or(exit::INTERNAL))
}

/// What a command works with.
struct Session<'a> {
    /// The protocols there are.
    registry: &'a Registry,
    /// The name of the program, for the commands that reports suggest.
    program: String,
    /// Where results go.
    output: Output,
}

fn obey(registry: &Registry, words: &[OsString]) -> u8 {
    let program = program_name(words.first());
    let matches = args::command(&program, registry).try_get_matches_from(words);
    let arguments = match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output and end well; a closed pipe is nobody's error.
            let _closed = error.print();
            return if error.use_stderr() { exit::USAGE } else { exit::MET };
        }
    };
    let compares = matches!(arguments.command, Some(args::Command::Compare(_)));
    if arguments.format == args::Format::Markdown && !compares {
        output::complain("only `compare` has a table to write: `--format markdown` is not for anything else");
        return exit::USAGE;
    }
    let program = how_to_start(program, std::env::current_exe().ok().as_deref());
    let mut session = Session { registry, program, output: Output::new(arguments.format) };
    match commands::run(&mut session, arguments.command) {
        Ok(code) => code,
        Err(failure) => {
            output::complain(&failure.message);
            report::github::tell_failure(&failure);
            failure.code
        }
    }
}

fn program_name(first: Option<&OsString>) -> String {
    let name = first.and_then(|word| Path::new(word).file_stem());
    name.map_or_else(|| "quarrel".to_string(), |name| name.to_string_lossy().into_owned())
}

/// How somebody starts this program again, as its reports suggest: by its name, but one that lies where Cargo builds is
/// in nobody's `PATH`, and is started by Cargo. Ours is installed.
fn how_to_start(name: String, program: Option<&Path>) -> String {
    let folder = program.and_then(Path::parent);
    let (profile, example) = match folder {
        Some(folder) if folder.ends_with("examples") => (folder.parent(), format!(" --example {name}")),
        folder => (folder, String::new()),
    };
    // Cargo keeps fingerprints of what it has built there.
    let Some(profile) = profile.filter(|folder| name != "quarrel" && folder.join(".fingerprint").is_dir())
    else {
        return name;
    };
    let profile = match profile.file_name().and_then(|profile| profile.to_str()) {
        Some("debug") | None => String::new(),
        Some("release") => " --release".to_string(),
        Some(other) => format!(" --profile {other}"),
    };
    format!("cargo run{profile}{example} --")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_has_built_is_started_by_cargo() {
        let place = tempfile::tempdir().expect("a folder");
        let target = place.path().join("target");
        for profile in ["debug", "release", "fast"] {
            std::fs::create_dir_all(target.join(profile).join(".fingerprint")).expect("there is room");
        }
        let start = |name: &str, path: &str| how_to_start(name.to_string(), Some(&target.join(path)));
        assert_eq!(start("demo", "release/demo"), "cargo run --release --");
        assert_eq!(start("demo", "debug/demo"), "cargo run --");
        assert_eq!(start("demo", "fast/demo"), "cargo run --profile fast --");
        assert_eq!(start("lock", "release/examples/lock"), "cargo run --release --example lock --");
        assert_eq!(start("quarrel", "release/quarrel"), "quarrel");
        assert_eq!(start("demo", "bin/demo"), "demo");
        assert_eq!(how_to_start("demo".to_string(), None), "demo");
    }
}
