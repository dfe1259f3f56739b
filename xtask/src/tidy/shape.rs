//! The shape of the checkout: what lies in its root, and how long a file is.

use std::collections::BTreeSet;

use super::Problem;
use super::tree::Tree;

/// What the root holds, beside dotfiles that tools demand.
const ROOT: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "crates",
    "scenarios",
    "traces",
    "xtask",
];

/// Files aim at under 500 lines; beyond this many they no longer read as one thing.
const LINES_MAX: usize = 600;

/// The root is the map of the project, and holds nothing else.
pub(crate) fn check_root(tree: &Tree) -> Vec<Problem> {
    let entries: BTreeSet<&str> =
        tree.paths().map(|path| path.split_once('/').map_or(path, |(folder, _)| folder)).collect();
    let stray = entries.into_iter().filter(|entry| !entry.starts_with('.') && !ROOT.contains(entry));
    let problem = |entry: &str| Problem {
        path: entry.to_owned(),
        line: None,
        what: "this does not belong into the root".to_owned(),
        remedy: format!("the root holds {} and dotfiles: move it, or name it in .gitignore", ROOT.join(", ")),
    };
    stray.map(problem).collect()
}

/// No file of Rust is too long to read.
pub(crate) fn check_length(tree: &Tree) -> Vec<Problem> {
    let lengths = tree.rust().map(|(path, text)| (path, text.lines().count()));
    let problem = |(path, lines): (&str, usize)| Problem {
        path: path.to_owned(),
        line: Some(LINES_MAX + 1),
        what: format!("this file has {lines} lines"),
        remedy: format!("split it by what it is about: {LINES_MAX} lines are the most, under 500 the aim"),
    };
    lengths.filter(|(_, lines)| *lines > LINES_MAX).map(problem).collect()
}

#[cfg(test)]
mod check {
    use super::*;
    use crate::tidy::problems;

    #[test]
    fn the_root_holds_only_what_is_agreed() {
        let files = [
            (".gitignore", ""),
            ("Cargo.toml", ""),
            ("crates/README.md", ""),
            ("docs/a.md", ""),
            ("notes", ""),
        ];
        let expected =
            ["docs: this does not belong into the root", "notes: this does not belong into the root"];
        assert_eq!(problems(check_root, &files), expected);
    }

    #[test]
    fn files_that_are_too_long_are_problems() {
        let (fine, long) = ("\n".repeat(LINES_MAX), "\n".repeat(LINES_MAX + 1));
        let files =
            [("crates/raft/src/a.rs", fine.as_str()), ("crates/raft/src/b.rs", &long), ("notes.rs", &long)];
        assert_eq!(problems(check_length, &files), ["crates/raft/src/b.rs:601: this file has 601 lines"]);
    }
}
