//! Words that may not stand in the code of a crate, where no lint sees them.
//!
//! What clippy can see is in `.clippy.toml`; this room keeps anyone from switching it off, and adds what is no single
//! path: floats, global state, clocks in signatures.

use super::Problem;
use super::manifest::line_at;
use super::mask::{self, is_word};
use super::tree::{Tree, crate_folder, is_source};

/// Where a ban holds.
#[derive(Clone, Copy)]
enum Scope {
    /// In every Rust file.
    Everywhere,
    /// Outside the crates that own files, environment, clock and threads, and outside `tests` folders.
    OptOut,
    /// In the sources of every crate but those.
    Deterministic,
    /// In the sources of what decides: contract, problems, protocols and world.
    Decisions,
}

struct Ban {
    words: &'static [&'static str],
    scope: Scope,
    reason: &'static str,
}

/// The crates that own files, environment, wall clock and threads.
const OWNERS: &[&str] = &["cli", "bench", "quarrel", "xtask"];
/// The crates that own files, but whose results may hold floats: rates, ratios, percentages.
const REPORTS: &[&str] = &["formats", "harness", "adapters"];

/// Where a banned word may stand all the same. The hook of panics hands the place of one over to the verdict through
/// nothing else; it goes into words for people, never into a decision or a digest.
const EXEMPT: &[(&str, &str)] = &[("crates/sim/src/panics.rs", "thread_local!")];

const BANS: &[Ban] = &[
    Ban {
        words: &["dbg!", "todo!", "unimplemented!"],
        scope: Scope::Everywhere,
        reason: "finish it, or leave it out and say so in a comment",
    },
    Ban {
        words: &["clippy::disallowed_types", "clippy::iter_over_hash_type"],
        scope: Scope::Everywhere,
        reason: "hash containers have no place anywhere: use BTreeMap, BTreeSet or NodeSet",
    },
    Ban {
        words: &["clippy::disallowed_methods", "clippy::all", "clippy::style"],
        scope: Scope::OptOut,
        reason: "only cli, bench, xtask, the facade and files below a `tests` folder opt out of the bans",
    },
    Ban {
        words: &["Instant", "SystemTime"],
        scope: Scope::Deterministic,
        reason: "the wall clock belongs to cli, bench, xtask and the facade: take a number of simulated time",
    },
    Ban {
        words: &["println!", "print!", "eprintln!", "eprint!"],
        scope: Scope::Deterministic,
        reason: "cli, bench, xtask and the facade talk to the terminal: return what is to be said",
    },
    Ban {
        words: &["thread_local!", "static mut"],
        scope: Scope::Deterministic,
        reason: "a run is a pure function of its seed: keep state in the value that runs",
    },
    Ban {
        words: &["Hasher", "BuildHasher"],
        scope: Scope::Deterministic,
        reason: "std hashes are not stable across versions of Rust: use Fingerprint",
    },
    Ban {
        words: &["async", "await"],
        scope: Scope::Decisions,
        reason: "a step is one call that takes one input: there is nothing to await",
    },
    Ban { words: &["f32", "f64"], scope: Scope::Decisions, reason: NO_FLOATS },
];

const NO_FLOATS: &str =
    "there are no floats in decisions, digests, keys or files: use parts per million or integer tables";

/// No banned word stands in code.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    tree.rust().flat_map(|(path, text)| check_file(path, &mask::code(text))).collect()
}

fn check_file(path: &str, code: &str) -> Vec<Problem> {
    let mut found: Vec<(usize, String, &str)> = Vec::new();
    for ban in BANS.iter().filter(|ban| holds(ban.scope, path)) {
        for word in ban.words.iter().filter(|word| !EXEMPT.contains(&(path, word))) {
            found.extend(
                places(code, word)
                    .map(|at| (line_at(code, at), format!("`{word}` is banned here"), ban.reason)),
            );
        }
    }
    if holds(Scope::Decisions, path) {
        found.extend(
            float_literals(code)
                .map(|at| (line_at(code, at), "a float is banned here".to_owned(), NO_FLOATS)),
        );
    }
    found.sort();
    let problem = |(line, what, reason): (usize, String, &str)| Problem {
        path: path.to_owned(),
        line: Some(line),
        what,
        remedy: reason.to_owned(),
    };
    found.into_iter().map(problem).collect()
}

fn holds(scope: Scope, path: &str) -> bool {
    let Some(folder) = crate_folder(path) else { return false };
    let owner = OWNERS.contains(&folder);
    match scope {
        Scope::Everywhere => true,
        Scope::OptOut => !owner && !path.split('/').any(|part| part == "tests"),
        Scope::Deterministic => !owner && is_source(path),
        Scope::Decisions => !owner && !REPORTS.contains(&folder) && is_source(path),
    }
}

/// Where a word stands whole: `print!` is not in `eprint!`, `f64` not in `f64_table`, but in `1.0_f64`.
fn places<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let begins = match code[..*at].chars().next_back() {
            Some('0'..='9' | '_') if word.starts_with('f') => follows_number(&code[..*at]),
            Some(before) => !is_word(before),
            None => true,
        };
        let ends = word.ends_with('!') || !code[at + word.len()..].chars().next().is_some_and(is_word);
        begins && ends
    })
}

/// Does the text end with a number, such as `1`, `1.0` or `1_000_`?
fn follows_number(text: &str) -> bool {
    let number = text.trim_end_matches(|it: char| it.is_ascii_digit() || it == '_');
    number.len() < text.len()
        && text[number.len()..].starts_with(|it: char| it.is_ascii_digit())
        && !number.chars().next_back().is_some_and(is_word)
}

/// Where a literal such as `0.5` stands. `pair.0.1` is a field of a field and `0..5` is a range.
fn float_literals(code: &str) -> impl Iterator<Item = usize> + '_ {
    code.match_indices('.').map(|(at, _)| at).filter(|at| {
        let (before, after) = (&code[..*at], &code[at + 1..]);
        let number = before.trim_end_matches(|it: char| it.is_ascii_digit() || it == '_');
        after.starts_with(|it: char| it.is_ascii_digit())
            && before[number.len()..].starts_with(|it: char| it.is_ascii_digit())
            && !number.chars().next_back().is_some_and(|it| is_word(it) || it == '.')
    })
}

#[cfg(test)]
mod check {
    use super::*;
    use crate::tidy::problems;

    fn of(path: &str, text: &str) -> Vec<String> {
        problems(super::check, &[(path, text)])
    }

    #[test]
    fn each_banned_word_is_found_where_its_ban_holds() {
        for ban in BANS {
            for word in ban.words {
                let text = format!("fn f() {{\n    {word} }}");
                let expected = format!("crates/raft/src/lib.rs:2: `{word}` is banned here");
                assert_eq!(of("crates/raft/src/lib.rs", &text), [expected]);
            }
        }
    }

    #[test]
    fn an_exemption_is_for_one_word_in_one_file() {
        for (path, word) in EXEMPT {
            assert_eq!(of(path, &format!("{word} {{}}")), [""; 0]);
            assert_eq!(of("crates/sim/src/world.rs", &format!("{word} {{}}")).len(), 1);
            assert_eq!(of(path, "static mut X: u8 = 0;").len(), 1);
        }
    }

    #[test]
    fn owners_and_tests_may_opt_out_of_methods_but_not_of_types() {
        let opts_out =
            "#![allow(clippy::disallowed_methods, reason = \"it is the clock\")]\nuse std::time::Instant;";
        for path in [
            "crates/cli/src/lib.rs",
            "xtask/src/main.rs",
            "crates/quarrel/src/lib.rs",
            "crates/raft/tests/a.rs",
        ] {
            assert_eq!(of(path, opts_out), [""; 0], "{path}");
            assert_eq!(of(path, "#![allow(clippy::disallowed_types)]").len(), 1, "{path}");
        }
        assert_eq!(of("crates/harness/src/lib.rs", opts_out).len(), 2);
        assert_eq!(of("crates/raft/examples/a.rs", opts_out).len(), 1);
    }

    #[test]
    fn comments_strings_and_longer_words_are_not_code() {
        let fine =
            "// Instant, dbg!(x)\nfn f64_table() -> [u8; 2] { let instants = \"f64\"; my_dbg!(HasherKind) }";
        assert_eq!(of("crates/sim/src/lib.rs", fine), [""; 0]);
    }

    #[test]
    fn floats_are_found_by_type_and_by_literal() {
        for bad in ["0.5", "x(1_000.25)", "1f64", "2_f32", "x as f64"] {
            assert_eq!(of("crates/sim/src/lib.rs", bad).len(), 1, "{bad}");
            assert_eq!(of("crates/harness/src/lib.rs", bad), [""; 0], "{bad}");
        }
        for fine in ["pair.0.1", "0..5", "1.max(2)", "n1.0", "0x1f64", "self.0 .1"] {
            assert_eq!(of("crates/sim/src/lib.rs", fine), [""; 0], "{fine}");
        }
    }
}
