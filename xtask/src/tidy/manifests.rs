//! One table each of dependencies, lints, edition and version of Rust: the workspace's.

use super::Problem;
use super::manifest::{self, Manifest};
use super::tree::Tree;

/// What each member takes from the workspace, and how it says so.
const INHERITED: &[(&str, &str)] = &[
    ("lints", "[lints] with workspace = true"),
    ("package.edition", "edition.workspace = true"),
    ("package.rust-version", "rust-version.workspace = true"),
    ("package.license", "license.workspace = true"),
    ("package.publish", "publish.workspace = true"),
];

/// Members inherit what the workspace decides, and name no version of their own.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    // What cannot be read, the layers already told.
    manifest::read_all(tree).0.iter().flat_map(check_manifest).collect()
}

fn check_manifest(manifest: &Manifest) -> Vec<Problem> {
    let missing =
        INHERITED.iter().filter(|(key, _)| !manifest.inherited.iter().any(|inherited| inherited == key));
    let problems = missing.map(|(key, line)| Problem {
        path: manifest.path.clone(),
        line: None,
        what: format!("`{key}` is not the workspace's"),
        remedy: format!("write {line}"),
    });
    let own = manifest.dependencies.iter().filter(|dependency| !dependency.inherited);
    let own = own.map(|dependency| Problem {
        path: manifest.path.clone(),
        line: Some(dependency.line),
        what: format!("`{}` is not taken from the workspace's table", dependency.package),
        remedy: "name it in [workspace.dependencies] of Cargo.toml and write `workspace = true` here"
            .to_owned(),
    });
    problems.chain(own).collect()
}

#[cfg(test)]
mod check {
    use crate::tidy::problems;

    const GOOD: &str = "[package]\nname = \"quarrel-raft\"\nedition.workspace = true\nrust-version.workspace = true\n\
                        license.workspace = true\npublish.workspace = true\n\
                        [dependencies]\nserde = { workspace = true, features = [\"rc\"] }\n[lints]\nworkspace = true";

    #[test]
    fn a_member_that_inherits_is_fine() {
        assert_eq!(problems(super::check, &[("crates/raft/Cargo.toml", GOOD)]), [""; 0]);
    }

    #[test]
    fn each_missing_inheritance_is_a_problem() {
        for (good, bad, key) in [
            ("[lints]\nworkspace = true", "[lints.rust]\nunsafe_code = \"allow\"", "lints"),
            ("edition.workspace = true", "edition = \"2021\"", "package.edition"),
            ("rust-version.workspace = true", "", "package.rust-version"),
            ("license.workspace = true", "", "package.license"),
            ("publish.workspace = true", "publish = true", "package.publish"),
        ] {
            let found = problems(super::check, &[("crates/raft/Cargo.toml", &GOOD.replacen(good, bad, 1))]);
            assert_eq!(found, [format!("crates/raft/Cargo.toml: `{key}` is not the workspace's")]);
        }
    }

    #[test]
    fn an_own_version_is_a_problem() {
        let bad = GOOD.replace("{ workspace = true, features = [\"rc\"] }", "\"1\"");
        let found = problems(super::check, &[("crates/raft/Cargo.toml", &bad)]);
        assert_eq!(found, ["crates/raft/Cargo.toml:8: `serde` is not taken from the workspace's table"]);
    }
}
