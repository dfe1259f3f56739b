//! What the rules read in a `Cargo.toml`, with the line of each entry.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::tree::{Tree, crate_folder};
use super::{Problem, layers};

/// The manifest of one member of the workspace.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) path: String,
    /// The folder below `crates`, or `xtask`: how the layer table calls it.
    pub(crate) folder: String,
    /// `package.name`, and its line.
    pub(crate) package: (String, usize),
    pub(crate) dependencies: Vec<Dependency>,
    /// The dotted keys that say `workspace = true`: `lints`, `package.edition`, ...
    pub(crate) inherited: Vec<String>,
}

/// One entry of a table of dependencies.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) package: String,
    pub(crate) line: usize,
    pub(crate) purpose: Purpose,
    /// Does it say `workspace = true`?
    pub(crate) inherited: bool,
}

/// When a dependency is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// For the crate itself.
    Normal,
    /// For its build script.
    Build,
    /// For its tests, benchmarks and examples.
    Development,
}

/// The manifests of all members, in order of their paths, and what kept one from being read.
pub(crate) fn read_all(tree: &Tree) -> (Vec<Manifest>, Vec<Problem>) {
    let (mut manifests, mut problems) = (Vec::new(), Vec::new());
    let names = workspace_names(tree.text("Cargo.toml").unwrap_or_default());
    for path in tree.paths() {
        let Some(folder) = crate_folder(path) else { continue };
        if path != format!("crates/{folder}/Cargo.toml") && path != "xtask/Cargo.toml" {
            continue;
        }
        let text = tree.text(path).unwrap_or_default();
        match DeTable::parse(text) {
            Ok(table) => manifests.push(read(path, folder, text, table.get_ref(), &names)),
            Err(error) => problems.push(Problem {
                path: path.to_owned(),
                line: error.span().map(|span| line_at(text, span.start)),
                what: format!("this is not TOML: {}", error.message()),
                remedy: "cargo cannot read it either: mend it".to_owned(),
            }),
        }
    }
    (manifests, problems)
}

fn read(
    path: &str,
    folder: &str,
    text: &str,
    table: &DeTable<'_>,
    names: &BTreeMap<String, String>,
) -> Manifest {
    let mut dependencies = Vec::new();
    add_dependencies(&mut dependencies, text, table, names);
    // `[target.'cfg(unix)'.dependencies]` are dependencies too.
    for (_, target) in table_at(table, "target").into_iter().flat_map(|targets| targets.iter()) {
        if let Some(target) = target.get_ref().as_table() {
            add_dependencies(&mut dependencies, text, target, names);
        }
    }
    let package = table_at(table, "package");
    let mut inherited = Vec::new();
    if table.get("lints").is_some_and(|lints| says_workspace(lints.get_ref())) {
        inherited.push("lints".to_owned());
    }
    for (key, value) in package.into_iter().flat_map(|package| package.iter()) {
        if says_workspace(value.get_ref()) {
            inherited.push(format!("package.{}", key.get_ref()));
        }
    }
    let package = package.and_then(|package| package.get("name")).map_or((String::new(), 1), |name| {
        (name.get_ref().as_str().unwrap_or_default().to_owned(), line_at(text, name.span().start))
    });
    Manifest { path: path.to_owned(), folder: folder.to_owned(), package, dependencies, inherited }
}

fn add_dependencies(
    dependencies: &mut Vec<Dependency>,
    text: &str,
    table: &DeTable<'_>,
    names: &BTreeMap<String, String>,
) {
    let tables = [
        ("dependencies", Purpose::Normal),
        ("build-dependencies", Purpose::Build),
        ("dev-dependencies", Purpose::Development),
    ];
    for (key, purpose) in tables {
        for (name, value) in table_at(table, key).into_iter().flat_map(|entries| entries.iter()) {
            let own_name = value.get_ref().get("package").and_then(|package| package.get_ref().as_str());
            let name_there = names.get(name.get_ref().as_ref()).map(String::as_str);
            let package = own_name.or(name_there).unwrap_or(name.get_ref()).to_owned();
            let inherited = says_workspace(value.get_ref());
            dependencies.push(Dependency {
                package,
                line: line_at(text, name.span().start),
                purpose,
                inherited,
            });
        }
    }
}

/// What the workspace calls its dependencies, where that differs from the package: a new name must not hide an edge.
fn workspace_names(text: &str) -> BTreeMap<String, String> {
    let Ok(table) = DeTable::parse(text) else { return BTreeMap::new() };
    let dependencies =
        table_at(table.get_ref(), "workspace").and_then(|table| table_at(table, "dependencies"));
    let mut names = BTreeMap::new();
    for (name, value) in dependencies.into_iter().flat_map(|entries| entries.iter()) {
        let field = |field| {
            value.get_ref().get(field).and_then(|found: &Spanned<DeValue<'_>>| found.get_ref().as_str())
        };
        if let Some(package) = field("package") {
            names.insert(name.get_ref().to_string(), package.to_owned());
        } else if let Some(folder) = field("path").and_then(|path| path.strip_prefix("crates/")) {
            names.insert(name.get_ref().to_string(), layers::package_of(folder.trim_end_matches('/')));
        }
    }
    names
}

/// The table at a key, if there is one.
pub(crate) fn table_at<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    table.get(key).and_then(|value| value.get_ref().as_table())
}

/// The line, counted from 1, of a byte of the text.
pub(crate) fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

fn says_workspace(value: &DeValue<'_>) -> bool {
    value.get("workspace").is_some_and(|value| value.get_ref().as_bool() == Some(true))
}

#[cfg(test)]
mod check {
    use super::*;

    #[test]
    fn all_tables_of_dependencies_are_read() {
        let root = "[workspace.dependencies]\nq = { path = \"crates/raft\" }\nr = { version = \"1\", package = \"rand\" }";
        let text = "[package]\nname = \"x\"\n[dependencies]\nq.workspace = true\n\
                    [target.'cfg(unix)'.build-dependencies]\nr = { workspace = true }\n\
                    [dev-dependencies]\ninsta = \"1\"\n[lints]\nworkspace = true";
        let (manifests, problems) =
            read_all(&Tree::of(&[("Cargo.toml", root), ("crates/x/Cargo.toml", text)]));
        assert_eq!(problems, []);
        let found: Vec<_> = manifests[0]
            .dependencies
            .iter()
            .map(|it| (it.package.as_str(), it.line, it.purpose, it.inherited))
            .collect();
        let expected = [
            ("quarrel-raft", 4, Purpose::Normal, true),
            ("insta", 8, Purpose::Development, false),
            ("rand", 6, Purpose::Build, true),
        ];
        assert_eq!(found, expected);
        assert_eq!(manifests[0].inherited, ["lints"]);
    }

    #[test]
    fn a_manifest_that_is_not_toml_is_a_problem() {
        let problems = read_all(&Tree::of(&[("crates/x/Cargo.toml", "[package]\nname = ")])).1;
        assert_eq!(problems[0].line, Some(2), "{problems:?}");
    }
}
