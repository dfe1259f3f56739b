//! The lints that keep runs deterministic are there, and each says why.

use toml::de::{DeTable, DeValue};

use super::Problem;
use super::manifest::{line_at, table_at};
use super::tree::Tree;

const PATH: &str = ".clippy.toml";

/// What must be banned at least: list, and path.
const REQUIRED: &[(&str, &str)] = &[
    ("disallowed-types", "std::collections::HashMap"),
    ("disallowed-types", "std::collections::HashSet"),
    ("disallowed-types", "std::hash::RandomState"),
    ("disallowed-types", "std::hash::DefaultHasher"),
    ("disallowed-methods", "std::time::Instant::now"),
    ("disallowed-methods", "std::time::SystemTime::now"),
    ("disallowed-methods", "std::env::var"),
    ("disallowed-methods", "std::env::args"),
    ("disallowed-methods", "std::thread::spawn"),
    ("disallowed-methods", "std::thread::scope"),
    ("disallowed-methods", "std::fs::File::open"),
    ("disallowed-methods", "rand::rng"),
    ("disallowed-methods", "rand::random"),
];

/// The lints of the workspace that make the lists bite.
const LINTS: &[&str] = &["disallowed_methods", "disallowed_types", "iter_over_hash_type"];

/// The bans are in `.clippy.toml` with a reason beside each, and the workspace switches them on.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let text = tree.text(PATH).unwrap_or_default();
    let mut problems = Vec::new();
    match DeTable::parse(text) {
        Ok(table) => check_lists(text, table.get_ref(), &mut problems),
        Err(error) => {
            problems.push(problem(PATH, None, format!("this is not TOML: {}", error.message()), "mend it"))
        }
    }
    check_lints(tree.text("Cargo.toml").unwrap_or_default(), &mut problems);
    problems
}

fn check_lists(text: &str, table: &DeTable<'_>, problems: &mut Vec<Problem>) {
    let mut banned = Vec::new();
    for list in ["disallowed-types", "disallowed-methods"] {
        let entries = table.get(list).and_then(|value| value.get_ref().as_array());
        for entry in entries.into_iter().flat_map(|entries| entries.iter()) {
            let field = |name| entry.get_ref().get(name).and_then(|value| value.get_ref().as_str());
            let path = field("path").or(entry.get_ref().as_str()).unwrap_or_default();
            banned.push((list, path));
            if field("reason").is_none_or(str::is_empty) {
                let line = line_at(text, entry.span().start);
                problems.push(problem(
                    PATH,
                    Some(line),
                    format!("`{path}` is banned without a reason"),
                    "add `reason`",
                ));
            }
        }
    }
    for (list, path) in REQUIRED.iter().filter(|required| !banned.contains(required)) {
        problems.push(problem(
            PATH,
            None,
            format!("{list} lacks `{path}`"),
            "put it back: replay depends on it",
        ));
    }
}

fn check_lints(text: &str, problems: &mut Vec<Problem>) {
    let table = DeTable::parse(text).ok();
    let lints = table
        .as_ref()
        .and_then(|table| table_at(table_at(table_at(table.get_ref(), "workspace")?, "lints")?, "clippy"));
    let level =
        |lint: &str| lints.and_then(|lints| lints.get(lint)).and_then(|level| level_of(level.get_ref()));
    for lint in LINTS.iter().filter(|lint| !matches!(level(lint), Some("warn" | "deny" | "forbid"))) {
        let what = format!("the lint `{lint}` is not switched on");
        problems.push(problem(
            "Cargo.toml",
            None,
            what,
            "write it as \"warn\" into [workspace.lints.clippy]",
        ));
    }
}

/// `"warn"`, or `{ level = "warn", priority = -1 }`.
fn level_of<'a>(value: &'a DeValue<'_>) -> Option<&'a str> {
    value.as_str().or_else(|| value.get("level")?.get_ref().as_str())
}

fn problem(path: &str, line: Option<usize>, what: String, remedy: &str) -> Problem {
    Problem { path: path.to_owned(), line, what, remedy: remedy.to_owned() }
}

#[cfg(test)]
mod check {
    use super::{LINTS, REQUIRED};
    use crate::tidy::problems;

    /// Both files, with every ban of the lists but one.
    fn files(without: &str) -> (String, String) {
        let list = |name| {
            let entries = REQUIRED.iter().filter(|(list, path)| *list == name && *path != without);
            let entries =
                entries.map(|(_, path)| format!("{{ path = \"{path}\", reason = \"it is random\" }},\n"));
            format!("{name} = [\n{}]\n", entries.collect::<String>())
        };
        let lints = LINTS.iter().filter(|lint| **lint != without).map(|lint| format!("{lint} = \"warn\"\n"));
        let root = format!("[workspace.lints.clippy]\n{}", lints.collect::<String>());
        (list("disallowed-types") + &list("disallowed-methods"), root)
    }

    #[test]
    fn a_full_list_is_fine_and_each_missing_ban_is_a_problem() {
        let of = |without| {
            let (clippy, root) = files(without);
            problems(super::check, &[(super::PATH, &clippy), ("Cargo.toml", &root)])
        };
        assert_eq!(of(""), [""; 0]);
        for (list, path) in REQUIRED {
            assert_eq!(of(path), [format!(".clippy.toml: {list} lacks `{path}`")]);
        }
        for lint in LINTS {
            assert_eq!(of(lint), [format!("Cargo.toml: the lint `{lint}` is not switched on")]);
        }
    }

    #[test]
    fn a_ban_without_a_reason_is_a_problem() {
        let (clippy, root) = files("");
        let clippy = clippy.replacen(", reason = \"it is random\"", "", 1);
        let found = problems(super::check, &[(super::PATH, &clippy), ("Cargo.toml", &root)]);
        assert_eq!(found, [".clippy.toml:2: `std::collections::HashMap` is banned without a reason"]);
    }
}
