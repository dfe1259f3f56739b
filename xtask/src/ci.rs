//! `cargo xtask ci`: the one door for checks. The cheap steps come first; the first that fails ends the run.
//!
//! The last line on standard output is the count of the tests and nothing else, whatever happened before.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::command::{Beside, cargo, run as run_command};
use crate::tests::Count;
use crate::{older, tests, tidy};

/// A step: its name, and what it does.
type Step = (&'static str, fn(&Path, &mut Progress) -> Result<()>);

/// What one step leaves for later ones.
#[derive(Default)]
struct Progress {
    /// How many tests there were.
    count: Count,
    /// The release build, which goes on beside the tests.
    release: Option<Beside>,
}

/// What is off unless somebody asks for it, and is checked all the same. Not `--all-features`: releases of one crate
/// exclude each other.
pub(crate) const FEATURES: &str = "quarrel/proptest";

const STEPS: &[Step] = &[
    ("format", |root, _| run_command(cargo(root, &["fmt", "--all", "--", "--check"]))),
    ("tidy", |root, _| tidy::check(root)),
    ("older locks", |root, _| older::check(root)),
    ("clippy", |root, _| {
        run_command(cargo(
            root,
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--features",
                FEATURES,
                "--locked",
                "--",
                "-D",
                "warnings",
            ],
        ))
    }),
    ("documentation", |root, _| {
        let mut command =
            cargo(root, &["doc", "--workspace", "--features", FEATURES, "--no-deps", "--locked"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        run_command(command)
    }),
    ("tests", |root, progress| {
        // Building the tests is a chain of crates, and the longest tests are single ones: one core is often free.
        progress.release = Some(Beside::start(quarrel(root, "build", &[])));
        tests::run(root, &mut progress.count)
    }),
    ("release build", |root, progress| match progress.release.take() {
        Some(build) => build.finish(),
        None => run_command(quarrel(root, "build", &[])),
    }),
    ("replay", replay),
    ("digests", digests),
    ("campaigns", |root, _| {
        run_command(quarrel(root, "run", &["campaign", "raft/chaos", "paxos/chaos", "--seeds", "0..1000"]))
    }),
];

/// Runs the steps, says how long each took, and ends with the count of the tests.
pub(crate) fn run(root: &Path) -> ExitCode {
    let mut progress = Progress::default();
    let mut done: Vec<(&str, Duration)> = Vec::new();
    let failure = STEPS.iter().find_map(|(name, step)| {
        println!("ci: {name} ...");
        let start = Instant::now();
        let result = step(root, &mut progress);
        done.push((name, start.elapsed()));
        println!("ci: {name} took {:.1?}", start.elapsed());
        result.err().map(|error| (name, error))
    });
    // Nothing of ours goes on when we are done. That a step has failed is said already.
    drop(progress.release.take().map(Beside::finish));
    println!();
    for (name, duration) in &done {
        println!("ci: {name:<14} {duration:>8.1?}");
    }
    match &failure {
        None => println!("ci: all {} steps passed; tests:", STEPS.len()),
        Some((name, error)) => {
            println!("ci: stopped at step `{name}`: {error:#}");
            if !done.iter().any(|(name, _)| *name == "tests") {
                println!("ci: the tests come later and were not run:");
            }
        }
    }
    println!("{}", progress.count);
    if failure.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The release binary that people use, built or run through cargo, which alone knows the target folder.
fn quarrel(root: &Path, verb: &str, arguments: &[&str]) -> std::process::Command {
    let mut command =
        cargo(root, &[verb, "--release", "--locked", "--package", "quarrel-cli", "--bin", "quarrel"]);
    if !arguments.is_empty() {
        command.arg("--").args(arguments);
    }
    command
}

/// Every trace of the checkout must be reproduced by the release binary.
fn replay(root: &Path, _: &mut Progress) -> Result<()> {
    let tree = tidy::tree::Tree::read(root)?;
    let traces: Vec<&str> =
        tree.paths().filter(|path| path.starts_with("traces/") && path.ends_with(".jsonl")).collect();
    ensure!(!traces.is_empty(), "there is no trace below traces/, so nothing shows that traces replay");
    let mut command = quarrel(root, "run", &["replay"]);
    command.args(traces);
    run_command(command)
}

/// The golden digests that the tests have just found unoptimised, a line each: a scenario, its seeds, their digest.
const DIGESTS: &str = "crates/cli/tests/digests.txt";

/// The release binary must find the same ones.
fn digests(root: &Path, _: &mut Progress) -> Result<()> {
    let golden = std::fs::read_to_string(root.join(DIGESTS)).context(DIGESTS)?;
    ensure!(!golden.is_empty(), "{DIGESTS} is empty, so nothing shows that builds agree");
    for line in golden.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [scenario, seeds, digest, ..] = words[..] else { bail!("{DIGESTS} has the line `{line}`") };
        let campaign = ["campaign", scenario, "--seeds", seeds, "--no-shrink", "--format", "json"];
        let output =
            quarrel(root, "run", &campaign).output().context("the release binary could not be started")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            said.contains(&format!("\"digest\": \"{digest}\"")),
            "{scenario}, seeds {seeds}: the tests found digest {digest}, and the optimised binary another one"
        );
        println!("{line}: the same, optimised");
    }
    Ok(())
}

#[cfg(test)]
mod check {
    use super::*;

    #[test]
    fn cheap_steps_come_first_and_the_names_differ() {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            [
                "format",
                "tidy",
                "older locks",
                "clippy",
                "documentation",
                "tests",
                "release build",
                "replay",
                "digests",
                "campaigns"
            ]
        );
    }
}
