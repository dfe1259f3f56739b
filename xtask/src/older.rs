//! Lock files of their own: earlier releases of crates on trial, below `crates/adapters/older`. They are outside the
//! workspace, so that nothing else would notice when a manifest of ours asks for what they do not have.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{cargo, spell};
use crate::tidy::tree::Tree;

const FOLDER: &str = "crates/adapters/older/";

/// Each lock file says what its manifest, and all that it reaches by path, now asks for.
pub(crate) fn check(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let manifests = manifests(&tree);
    ensure!(
        !manifests.is_empty(),
        "there is no manifest below {FOLDER}, so nothing keeps its lock files in step"
    );
    for manifest in manifests {
        is_in_step(root, manifest)?;
        println!("{manifest}: its lock file is in step");
    }
    Ok(())
}

fn manifests(tree: &Tree) -> Vec<&str> {
    tree.paths().filter(|path| path.starts_with(FOLDER) && path.ends_with("/Cargo.toml")).collect()
}

/// Cargo reads all manifests and the lock file, and builds nothing. What was once downloaded is not asked for again:
/// the network is needed on a machine that has never seen these releases.
fn is_in_step(root: &Path, manifest: &str) -> Result<()> {
    let metadata = ["metadata", "--locked", "--format-version", "1", "--manifest-path", manifest];
    let mut command = cargo(root, &metadata);
    let line = spell(&command);
    // What it says on standard output is for tools; what is wrong, on the other.
    let status =
        command.stdout(Stdio::null()).status().with_context(|| format!("`{line}` could not be started"))?;
    if !status.success() {
        bail!(
            "`{line}` failed ({status}). If the lock file is out of step, type\n    \
             cargo update --workspace --manifest-path {manifest}\nand commit what it changes"
        );
    }
    Ok(())
}

#[cfg(test)]
mod check {
    use super::*;

    #[test]
    fn every_manifest_below_the_folder_is_found_and_no_other() {
        let files = ["Cargo.toml", "crates/adapters/Cargo.toml", "crates/adapters/older/a-1/Cargo.lock"];
        let older = ["crates/adapters/older/a-1/Cargo.toml", "crates/adapters/older/b-2/Cargo.toml"];
        let texts: Vec<(&str, &str)> = files.iter().chain(&older).map(|path| (*path, "")).collect();
        assert_eq!(manifests(&Tree::of(&texts)), older);
    }

    #[test]
    fn a_lock_file_that_lacks_what_its_manifest_asks_for_is_noticed() {
        let folder = std::env::temp_dir().join(format!("quarrel-older-{}", std::process::id()));
        let package =
            |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        let write = |path: &str, text: &str| {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder can be made");
            std::fs::write(path, text).expect("a file can be written");
        };
        let older =
            format!("{}[dependencies]\nours = {{ path = \"../ours\" }}\n[workspace]\n", package("older"));
        write("older/Cargo.toml", &older);
        write("older/src/lib.rs", "");
        write("ours/src/lib.rs", "");
        write("ours/Cargo.toml", &package("ours"));
        write("new/src/lib.rs", "");
        write("new/Cargo.toml", &package("new"));
        // Nothing here is from the registry, so none of it needs the network.
        let lock = ["generate-lockfile", "--offline", "--quiet", "--manifest-path", "older/Cargo.toml"];
        crate::command::run(cargo(&folder, &lock)).expect("cargo writes the lock file");
        assert!(is_in_step(&folder, "older/Cargo.toml").is_ok(), "it has just been written");
        // What it reaches by path asks for more: nothing in its own folder has changed.
        write(
            "ours/Cargo.toml",
            &format!("{}[dependencies]\nnew = {{ path = \"../new\" }}\n", package("ours")),
        );
        let said = is_in_step(&folder, "older/Cargo.toml").expect_err("the lock file lacks it").to_string();
        assert!(said.contains("cargo update --workspace --manifest-path older/Cargo.toml"), "{said}");
        std::fs::remove_dir_all(&folder).expect("what was made can be removed");
    }
}
