//! `cargo xtask tidy`: the rules of the checkout that no compiler and no lint enforces, one room each.
//!
//! A rule is a function from the [`Tree`] to a list of [`Problem`]s; trees come from the checkout or, in tests, from
//! a few lines of text. All problems are collected and shown; none hides another.
//!
//! Read in this order: [`layers`], [`manifests`], [`bans`], [`clippy`], [`used`], [`orphans`], [`shape`]; then what they stand on:
//! [`tree`], [`manifest`], [`mask`].

pub(crate) mod bans;
pub(crate) mod clippy;
pub(crate) mod layers;
pub(crate) mod manifest;
pub(crate) mod manifests;
pub(crate) mod mask;
pub(crate) mod orphans;
pub(crate) mod shape;
pub(crate) mod tree;
pub(crate) mod used;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use tree::Tree;

/// Every rule, in the order in which its problems are shown.
const RULES: &[fn(&Tree) -> Vec<Problem>] = &[
    layers::check,
    manifests::check,
    bans::check,
    clippy::check,
    used::check,
    orphans::check,
    shape::check_root,
    shape::check_length,
];

/// One thing that is wrong: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) path: String,
    /// Counted from 1; none when the problem is the whole file, or that it exists.
    pub(crate) line: Option<usize>,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}\n    {}", self.what, self.remedy)
    }
}

/// The command: prints what is wrong, and fails if anything is.
pub(crate) fn run(root: &Path) -> ExitCode {
    match check(root) {
        Ok(()) => {
            println!("tidy: nothing to say");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tidy: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints each problem of the checkout, and fails if there is one.
pub(crate) fn check(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let problems: Vec<Problem> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    for problem in &problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => Ok(()),
        1 => bail!("1 problem"),
        several => bail!("{several} problems"),
    }
}

/// The problems of a rule on a tree of a few lines, each on its line: what the tests of the rules compare with.
#[cfg(test)]
pub(crate) fn problems(rule: fn(&Tree) -> Vec<Problem>, files: &[(&str, &str)]) -> Vec<String> {
    rule(&Tree::of(files))
        .into_iter()
        .map(|Problem { path, line, what, .. }| match line {
            Some(line) => format!("{path}:{line}: {what}"),
            None => format!("{path}: {what}"),
        })
        .collect()
}
