//! The files of a checkout, by path from its root, `/` between folders on every system.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

/// Paths, and for those whose words a rule reads, their text.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// The checkout at `root`, without what `.gitignore` names there and without git's own folder.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        let ignored = std::fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
        let mut ignored: Vec<&str> = ignored.lines().map(|line| line.trim().trim_matches('/')).collect();
        ignored.push(".git");
        tree.read_folder(root, "", &ignored)?;
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str, skip: &[&str]) -> Result<()> {
        let context = || format!("{} could not be read", folder.display());
        for entry in std::fs::read_dir(folder).with_context(context)? {
            let entry = entry.with_context(context)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if skip.contains(&name.as_str()) {
                continue;
            }
            let path = format!("{prefix}{name}");
            if entry.file_type().with_context(context)?.is_dir() {
                self.read_folder(&entry.path(), &format!("{path}/"), &[])?;
            } else {
                let text = if has_words(&path) {
                    std::fs::read_to_string(entry.path())
                        .with_context(|| format!("{path} could not be read"))?
                } else {
                    String::new()
                };
                self.files.insert(path, text);
            }
        }
        Ok(())
    }

    /// A tree of a few lines.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect() }
    }

    /// All paths, in order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// The Rust files of the workspace: path and text.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        let ours = |path: &str| path.starts_with("crates/") || path.starts_with("xtask/");
        let files = self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(move |(path, _)| ours(path) && path.ends_with(".rs"))
    }
}

/// Rules read Rust and TOML; traces may be large and need not be text.
fn has_words(path: &str) -> bool {
    path.ends_with(".rs") || (path.ends_with(".toml") && !path.starts_with("scenarios/"))
}

/// The folder below `crates` in which a path lies, or `xtask`.
pub(crate) fn crate_folder(path: &str) -> Option<&str> {
    match path.split_once('/')? {
        ("crates", rest) => rest.split_once('/').map(|(folder, _)| folder),
        ("xtask", _) => Some("xtask"),
        _ => None,
    }
}

/// Is this a source file of the crate itself, as opposed to a test, a benchmark or an example of it?
pub(crate) fn is_source(path: &str) -> bool {
    path.starts_with("xtask/src/") || (path.starts_with("crates/") && path.split('/').nth(2) == Some("src"))
}

#[cfg(test)]
mod check {
    use super::*;

    #[test]
    fn paths_know_their_crate() {
        assert_eq!(crate_folder("crates/raft/src/lib.rs"), Some("raft"));
        assert_eq!(crate_folder("xtask/src/tidy/tree.rs"), Some("xtask"));
        assert_eq!(crate_folder("crates/README.md"), None);
        assert!(is_source("crates/raft/src/log/entry.rs"));
        assert!(!is_source("crates/raft/tests/paper.rs"));
    }
}
