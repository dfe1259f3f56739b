//! Every file of tests belongs to a program that Cargo builds: one that nobody names would pass by never being run.

use super::Problem;
use super::tree::Tree;

/// Files below `tests` that are neither a program nor a module of one.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let orphans = tree.rust().filter(|(path, _)| is_orphan(tree, path).unwrap_or(false));
    let problem = |(path, _): (&str, &str)| Problem {
        path: path.to_owned(),
        line: None,
        what: "no test program holds this file: nobody runs it".to_owned(),
        remedy: "say `mod` in the main.rs or mod.rs beside it, or name it as a [[test]] in the manifest"
            .to_owned(),
    };
    orphans.map(problem).collect()
}

/// `None` for what is no file of tests.
fn is_orphan(tree: &Tree, path: &str) -> Option<bool> {
    let (package, inside) = path.split_once("/tests/")?;
    let manifest = tree.text(&format!("{package}/Cargo.toml"))?;
    let (folder, file) = inside.rsplit_once('/').map_or(("", inside), |(folder, file)| (folder, file));
    let found_by_cargo = match folder {
        "" => true,
        _ => file == "main.rs" && !folder.contains('/'),
    };
    if found_by_cargo && !manifest.lines().any(|line| line.trim() == "autotests = false")
        || manifest.contains(&format!("path = \"tests/{inside}\""))
    {
        return Some(false);
    }
    // `a/mod.rs` is the module `a` of the folder above.
    let (folder, module) = match file.strip_suffix(".rs")? {
        "mod" => folder.rsplit_once('/').unwrap_or(("", folder)),
        stem => (folder, stem),
    };
    let slash = if folder.is_empty() { "" } else { "/" };
    let mut beside = vec![format!("{folder}{slash}main.rs"), format!("{folder}{slash}mod.rs")];
    if folder.is_empty() {
        // A program of its own may share a folder with others.
        let tests = format!("{package}/tests/");
        let programs = tree.paths().filter_map(|path| path.strip_prefix(&tests));
        beside.extend(programs.filter(|path| !path.contains('/')).map(str::to_owned));
    } else {
        beside.push(format!("{folder}.rs"));
    }
    let line = format!("mod {module};");
    let says = |text: &str| text.lines().any(|said| said.trim_start_matches("pub(crate) ").trim() == line);
    Some(!beside.iter().any(|file| tree.text(&format!("{package}/tests/{file}")).is_some_and(says)))
}

#[cfg(test)]
mod check {
    use crate::tidy::problems;

    #[test]
    fn what_no_program_holds_is_a_problem() {
        let all = "autotests = false\n[[test]]\nname = \"all\"\npath = \"tests/main.rs\"\n";
        let files = [
            ("crates/a/Cargo.toml", all),
            ("crates/a/tests/main.rs", "mod common;\nmod paper;\n"),
            ("crates/a/tests/common/mod.rs", "mod deep;"),
            ("crates/a/tests/common/deep.rs", ""),
            ("crates/a/tests/common/lost.rs", ""),
            ("crates/a/tests/forgotten.rs", ""),
            ("crates/a/tests/paper.rs", ""),
            ("crates/b/Cargo.toml", "[package]\n"),
            ("crates/b/tests/found.rs", "mod shared;"),
            ("crates/b/tests/shared/mod.rs", ""),
            ("crates/b/tests/unused/mod.rs", ""),
            ("crates/b/tests/world/main.rs", "mod toy;"),
            ("crates/b/tests/world/toy.rs", ""),
        ];
        let orphans =
            ["crates/a/tests/common/lost.rs", "crates/a/tests/forgotten.rs", "crates/b/tests/unused/mod.rs"];
        let expected = orphans.map(|path| format!("{path}: no test program holds this file: nobody runs it"));
        assert_eq!(problems(super::check, &files), expected);
    }
}
