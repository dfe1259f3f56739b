//! The layers: which crate may know of which. The missing edges are the architecture.
//!
//! The same edges hold for tests: a crate's `dev-dependencies` may name any published crate (`proptest`), but nothing
//! of ours that the crate itself may not see. A test that needs two layers lies in the upper one. What the tests of several
//! protocols share is `testing`, which nothing but tests sees.

use super::Problem;
use super::manifest::{self, Dependency, Manifest, Purpose};
use super::tree::Tree;

/// A row of the table: a folder below `crates` (or `xtask`), what of ours it may see, and what of others.
struct Layer {
    folder: &'static str,
    below: &'static [&'static [&'static str]],
    others: Others,
}

/// Which published crates a layer may depend on, outside its tests.
enum Others {
    /// Those whose home is not elsewhere (see [`HOMES`]).
    Any,
    /// Only these: whatever else there is might bring a clock, a random number or a thread.
    Only(&'static [&'static str]),
}

const PROTOCOLS: &[&str] =
    &["paxos", "multi-paxos", "raft", "two-phase-commit", "three-phase-commit", "pbft", "two-generals"];
const CONTRACT: &[&str] = &["protocol"];
const CORE: &[&str] = &["protocol", "spec"];
const WORLD: &[&str] = &["protocol", "spec", "sim", "formats"];

/// What the tests of protocols share.
const TESTING: &str = "testing";

const SANS_IO: Others = Others::Only(&["serde"]);
/// And what turns a value into bytes: it has no standard library to find a clock in.
const SANS_IO_BYTES: Others = Others::Only(&["serde", "postcard"]);

/// From the bottom up. A row may name only rows above it, which a test checks.
const LAYERS: &[Layer] = &[
    Layer { folder: "protocol", below: &[], others: SANS_IO },
    Layer { folder: "spec", below: &[CONTRACT], others: SANS_IO_BYTES },
    Layer { folder: "testing", below: &[CORE], others: SANS_IO },
    Layer { folder: "paxos", below: &[CORE], others: SANS_IO },
    Layer { folder: "multi-paxos", below: &[CORE], others: SANS_IO },
    Layer { folder: "raft", below: &[CORE], others: SANS_IO },
    Layer { folder: "two-phase-commit", below: &[CORE], others: SANS_IO },
    Layer { folder: "three-phase-commit", below: &[CORE], others: SANS_IO },
    Layer { folder: "pbft", below: &[CORE], others: SANS_IO },
    Layer { folder: "two-generals", below: &[CORE], others: SANS_IO },
    Layer { folder: "sim", below: &[CONTRACT], others: SANS_IO },
    Layer { folder: "formats", below: &[CORE, &["sim"]], others: Others::Any },
    Layer { folder: "harness", below: &[WORLD, PROTOCOLS], others: Others::Any },
    Layer { folder: "quarrel", below: &[WORLD, &["harness"]], others: Others::Any },
    Layer { folder: "adapters", below: &[WORLD, &["harness"]], others: Others::Any },
    Layer {
        folder: "cli",
        below: &[WORLD, PROTOCOLS, &["harness", "quarrel", "adapters"]],
        others: Others::Any,
    },
    Layer {
        folder: "bench",
        below: &[WORLD, PROTOCOLS, &["harness", "quarrel", "adapters", "cli"]],
        others: Others::Any,
    },
    Layer { folder: "xtask", below: &[], others: Others::Any },
];

/// Published crates that belong to some layers only, and why. A name ending in `*` is a beginning.
const HOMES: &[(&str, &[&str], &str)] = &[
    ("rand*", &["harness", "adapters", "bench"], "what is drawn once per run is drawn by the harness"),
    ("toml", &["formats", "xtask"], "only formats knows a file format"),
];

const TABLE: &str =
    "the table is LAYERS in xtask/src/tidy/layers.rs, and its reasons are in crates/README.md";

/// Each edge between crates is one that the table draws.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let (manifests, mut problems) = manifest::read_all(tree);
    for manifest in &manifests {
        let Some(layer) = LAYERS.iter().find(|layer| layer.folder == manifest.folder) else {
            problems.push(Problem {
                path: manifest.path.clone(),
                line: None,
                what: format!("`{}` is in no layer", manifest.folder),
                remedy: format!("decide what it may see and add its row; {TABLE}"),
            });
            continue;
        };
        problems.extend(check_name(manifest));
        problems.extend(
            manifest.dependencies.iter().filter_map(|dependency| check_edge(manifest, layer, dependency)),
        );
    }
    problems
}

/// The name of the package in a folder below `crates`, or in `xtask`.
pub(crate) fn package_of(folder: &str) -> String {
    match folder {
        "quarrel" | "xtask" => folder.to_owned(),
        _ => format!("quarrel-{folder}"),
    }
}

fn check_name(manifest: &Manifest) -> Option<Problem> {
    let (name, line) = &manifest.package;
    let expected = package_of(&manifest.folder);
    (*name != expected).then(|| Problem {
        path: manifest.path.clone(),
        line: Some(*line),
        what: format!("the package in this folder is called `{name}`"),
        remedy: format!("call it `{expected}`: the layers are told by folder"),
    })
}

fn check_edge(manifest: &Manifest, layer: &Layer, dependency: &Dependency) -> Option<Problem> {
    let package = dependency.package.as_str();
    let reason = match LAYERS.iter().find(|other| package_of(other.folder) == package) {
        Some(other) if layer.below.iter().any(|folders| folders.contains(&other.folder)) => return None,
        Some(other)
            if other.folder == TESTING
                && PROTOCOLS.contains(&layer.folder)
                && dependency.purpose == Purpose::Development =>
        {
            return None;
        }
        Some(other) => match (PROTOCOLS.contains(&layer.folder), PROTOCOLS.contains(&other.folder)) {
            (true, true) => "a protocol crate sees no other protocol".to_owned(),
            _ => format!("it may see {} of ours", spell(layer)),
        },
        None if package.starts_with("quarrel-") => "it is in no layer".to_owned(),
        // Tests may use what they like of others: they are not simulated.
        None if dependency.purpose == Purpose::Development => return None,
        None => reason_against(layer, package)?,
    };
    Some(Problem {
        path: manifest.path.clone(),
        line: Some(dependency.line),
        what: format!("`{}` must not depend on `{package}`: {reason}", manifest.folder),
        remedy: format!("turn the dependency round, or move the code to the layer that may have it; {TABLE}"),
    })
}

/// Why a layer may not depend on a published crate, if so.
fn reason_against(layer: &Layer, package: &str) -> Option<String> {
    let home = HOMES.iter().find(|(name, ..)| match name.strip_suffix('*') {
        Some(beginning) => package.starts_with(beginning),
        None => package == *name,
    });
    if let Some((_, folders, reason)) = home
        && !folders.contains(&layer.folder)
    {
        return Some((*reason).to_owned());
    }
    match layer.others {
        Others::Only(names) if !names.contains(&package) => Some(format!(
            "of published crates this layer has only {}, lest it meet a clock or a thread",
            names.join(", ")
        )),
        _ => None,
    }
}

fn spell(layer: &Layer) -> String {
    let names: Vec<&str> = layer.below.iter().flat_map(|folders| folders.iter().copied()).collect();
    if names.is_empty() { "nothing".to_owned() } else { format!("only {}", names.join(", ")) }
}

#[cfg(test)]
mod check {
    use super::*;
    use crate::tidy::problems;

    /// The problems of one crate with one table of one dependency.
    fn of(folder: &str, table: &str, dependency: &str) -> Vec<String> {
        let text =
            format!("[package]\nname = \"{}\"\n[{table}]\n{dependency}.workspace = true", package_of(folder));
        problems(super::check, &[(&format!("crates/{folder}/Cargo.toml"), &text)])
    }

    #[test]
    fn arrows_point_up_the_table_only() {
        for (row, layer) in LAYERS.iter().enumerate() {
            for name in layer.below.iter().flat_map(|folders| folders.iter()) {
                let above = LAYERS[..row].iter().any(|other| other.folder == *name);
                assert!(above, "{} may see {name}, which is not above it", layer.folder);
            }
        }
    }

    #[test]
    fn edges_of_the_table_are_allowed() {
        assert_eq!(of("raft", "dependencies", "quarrel-spec"), [""; 0]);
        assert_eq!(of("raft", "dependencies", "serde"), [""; 0]);
        assert_eq!(of("raft", "dev-dependencies", "proptest"), [""; 0]);
        assert_eq!(of("raft", "dev-dependencies", "quarrel-testing"), [""; 0]);
        assert_eq!(of("harness", "dependencies", "rand_chacha"), [""; 0]);
        assert_eq!(of("bench", "dependencies", "quarrel-cli"), [""; 0]);
    }

    #[test]
    fn missing_edges_are_problems() {
        let bad = [
            ("raft", "dependencies", "quarrel-sim", "it may see only protocol, spec of ours"),
            ("raft", "build-dependencies", "quarrel-sim", "it may see only protocol, spec of ours"),
            ("raft", "dependencies", "quarrel-testing", "it may see only protocol, spec of ours"),
            ("raft", "dev-dependencies", "quarrel-harness", "it may see only protocol, spec of ours"),
            (
                "raft",
                "target.'cfg(unix)'.dependencies",
                "quarrel-sim",
                "it may see only protocol, spec of ours",
            ),
            ("raft", "dependencies", "quarrel-paxos", "a protocol crate sees no other protocol"),
            ("protocol", "dependencies", "quarrel-spec", "it may see nothing of ours"),
            ("sim", "dependencies", "quarrel-spec", "it may see only protocol of ours"),
            ("raft", "dependencies", "rand_core", "what is drawn once per run is drawn by the harness"),
            ("cli", "dependencies", "rand", "what is drawn once per run is drawn by the harness"),
            ("harness", "dependencies", "toml", "only formats knows a file format"),
            ("harness", "dependencies", "quarrel-unknown", "it is in no layer"),
        ];
        for (folder, table, dependency, reason) in bad {
            let expected = format!(
                "crates/{folder}/Cargo.toml:4: `{folder}` must not depend on `{dependency}`: {reason}"
            );
            assert_eq!(of(folder, table, dependency), [expected]);
        }
        assert_eq!(of("harness", "dev-dependencies", "quarrel-testing").len(), 1);
    }

    #[test]
    fn sans_io_crates_have_no_other_dependency() {
        let found = of("paxos", "dependencies", "tokio");
        assert!(found[0].contains("of published crates this layer has only serde"), "{found:?}");
    }

    #[test]
    fn unknown_and_misnamed_crates_are_problems() {
        let found = problems(super::check, &[("crates/zab/Cargo.toml", "[package]\nname = \"quarrel-zab\"")]);
        assert_eq!(found, ["crates/zab/Cargo.toml: `zab` is in no layer"]);
        let found = problems(super::check, &[("crates/raft/Cargo.toml", "[package]\nname = \"raft\"")]);
        assert_eq!(found, ["crates/raft/Cargo.toml:2: the package in this folder is called `raft`"]);
    }

    /// The architecture is a test, not only a command.
    #[test]
    fn this_checkout_keeps_its_layers() {
        let tree = Tree::read(crate::root()).expect("the checkout can be read");
        let found: Vec<String> = super::check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(found, [""; 0]);
    }
}
