//! The tests of the workspace: run, shown as they run, and counted.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::ci::FEATURES;
use crate::command;

/// How many tests there were, over all binaries and documentation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Count {
    /// Adds what a line of output counts, if it is one that sums up a binary:
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`.
    fn add_line(&mut self, line: &str) {
        let Some(result) = line.trim().strip_prefix("test result: ") else { return };
        let Some((_, numbers)) = result.split_once(". ") else { return };
        for part in numbers.split("; ") {
            let Some((number, word)) = part.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// Where proptest's values come from, if nobody says otherwise: a tree that passed once passes again. `cargo test` by
/// itself draws new ones each time.
const DRAWN_FROM: (&str, &str) = ("PROPTEST_RNG_SEED", "1");

/// Runs every test of the workspace, adding to `count` while they run, and fails when one of them failed.
pub(crate) fn run(root: &Path, count: &mut Count) -> Result<()> {
    // --no-fail-fast: the count speaks of all tests, whichever binary fails first.
    let mut cargo =
        command::cargo(root, &["test", "--workspace", "--features", FEATURES, "--locked", "--no-fail-fast"]);
    let (variable, seed) = DRAWN_FROM;
    if std::env::var_os(variable).is_none() {
        cargo.env(variable, seed);
    }
    let line = command::spell(&cargo);
    let mut child =
        cargo.stdout(Stdio::piped()).spawn().with_context(|| format!("`{line}` could not be started"))?;
    let output = BufReader::new(child.stdout.take().expect("the output was asked for"));
    let shown = pass_through(output, &mut std::io::stdout(), count);
    let status = child.wait().with_context(|| format!("`{line}` could not be waited for"))?;
    shown?;
    if !status.success() {
        // A binary that does not build or aborts sums nothing up, and must not read as "0 failed".
        count.failed = count.failed.max(1);
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Shows each line when it comes, and counts. Bytes, since what a test prints need not be text.
fn pass_through(mut from: impl BufRead, to: &mut impl Write, count: &mut Count) -> Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).context("the output of the tests could not be read")? > 0 {
        to.write_all(&line)
            .and_then(|()| to.flush())
            .context("the output of the tests could not be shown")?;
        count.add_line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod check {
    use super::*;

    const OUTPUT: &[u8] = b"
running 3 tests
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
noise \xff that is not text: test result: ok. 7 passed; 7 failed
test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s
all doctests ran in 0.50s; merged doctests compilation took 0.25s
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.00s";

    #[test]
    fn results_are_summed_and_every_byte_is_shown() {
        let (mut count, mut shown) = (Count::default(), Vec::new());
        pass_through(OUTPUT, &mut shown, &mut count).expect("memory does not fail");
        assert_eq!(shown, OUTPUT);
        assert_eq!(count, Count { passed: 6, failed: 1, skipped: 1 });
    }

    #[test]
    fn the_count_is_one_line() {
        assert_eq!(Count { passed: 6, failed: 1, skipped: 0 }.to_string(), "6 passed, 1 failed");
        assert_eq!(Count { passed: 6, failed: 0, skipped: 2 }.to_string(), "6 passed, 0 failed, 2 skipped");
    }
}
