//! What a user's suite makes of `QUARREL_SEED`, `QUARREL_RUNS` and `QUARREL_TRACE`, and what it says when it fails: this
//! program starts itself, as `cargo test` and nextest would.
#![allow(clippy::disallowed_methods, reason = "these tests start this program and look at its files")]

#[path = "../examples/primary_backup.rs"]
#[allow(dead_code, reason = "its main prints")]
mod primary_backup;
#[path = "../examples/tutorial_acceptor.rs"]
#[allow(dead_code, reason = "its main prints")]
mod tutorial_acceptor;

use std::path::{Path, PathBuf};
use std::process::Command;

use quarrel::Campaign;

fn tutorial() -> Campaign<tutorial_acceptor::Node> {
    quarrel::campaign(tutorial_acceptor::weather()).seeds(0..200)
}

/// The suite of a user, in the folder that the variable names; without it, these tests do nothing.
mod suite {
    use super::*;

    fn folder() -> Option<PathBuf> {
        std::env::var_os("FOLDER_OF_THE_SUITE").map(PathBuf::from)
    }

    #[test]
    fn right() {
        if let Some(folder) = folder() {
            tutorial().out(folder).assert_holds();
        }
    }

    #[test]
    fn wrong() {
        if let Some(folder) = folder() {
            tutorial().flaw("own-value").out(folder).assert_holds();
        }
    }

    #[test]
    fn wrong_with_five_nodes() {
        if let Some(folder) = folder() {
            let weather = tutorial_acceptor::weather().set("nodes", "5");
            quarrel::campaign::<tutorial_acceptor::Node>(weather)
                .flaw("own-value")
                .out(folder)
                .assert_holds();
        }
    }

    #[test]
    fn calm() {
        if folder().is_some() {
            let calm = quarrel::campaign::<tutorial_acceptor::Node>(quarrel::Scenario::calm(3));
            calm.flaw("own-value").seeds(0..20).assert_violates("agreement");
        }
    }

    #[test]
    fn of_another_protocol() {
        if folder().is_some() {
            quarrel::campaign::<primary_backup::Node>(primary_backup::weather()).seeds(0..50).assert_holds();
        }
    }

    #[test]
    #[should_panic(expected = "agreement was violated")]
    fn expected_to_fail() {
        match folder() {
            Some(folder) => tutorial().flaw("own-value").out(folder).assert_holds(),
            None => panic!("agreement was violated"),
        }
    }
}

/// What came of the suite.
struct Ran {
    passed: bool,
    out: String,
    said: String,
}

/// Runs tests of the suite, the words of the command line first.
fn suite(folder: &Path, words: &str, variables: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    for name in ["SEED", "RUNS", "TRACE"] {
        command.env_remove(format!("QUARREL_{name}"));
    }
    for name in ["NEXTEST", "GITHUB_ACTIONS", "GITHUB_WORKSPACE", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command.args(words.split_whitespace()).env("FOLDER_OF_THE_SUITE", folder);
    let output = command.envs(variables.iter().copied()).output().expect("this program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
    Ran { passed: output.status.success(), out: text(output.stdout), said: text(output.stderr) }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for a folder")
}

fn traces(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("a file").path());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    files
}

/// The value that a line of a report has after this word.
fn value_of<'a>(text: &'a str, word: &str) -> &'a str {
    let line = text.lines().find(|line| line.trim_start().starts_with(word));
    line.unwrap_or_else(|| panic!("no {word} in\n{text}")).trim_start()[word.len()..].trim()
}

#[test]
fn a_failure_says_how_to_run_it_again_and_these_commands_do() {
    let folder = folder();
    let ran = suite(folder.path(), "suite::wrong --exact", &[]);
    assert!(!ran.passed);
    let text = &ran.out;
    assert_eq!(text.matches("panicked at").count(), 1, "one message: {text}");
    assert!(
        text.contains("panicked at crates/quarrel/tests/environment.rs:"),
        "its place is the test: {text}"
    );
    assert!(
        !text.contains('\u{1b}') && ran.said.is_empty(),
        "no colours, nothing beside: {text}{}",
        ran.said
    );
    let trace = value_of(text, "trace ");
    assert!(Path::new(trace).is_absolute() && Path::new(trace).starts_with(folder.path()), "{trace}");
    assert_eq!(value_of(text, "replay "), format!("QUARREL_TRACE={trace} cargo test suite::wrong"));
    let again = value_of(text, "again ").strip_suffix(" cargo test suite::wrong").expect("it is a command");
    let seed = again.strip_prefix("QUARREL_SEED=").expect("it sets the seed");
    let ran = suite(folder.path(), "suite::wrong --exact", &[("QUARREL_SEED", seed)]);
    assert!(!ran.passed && ran.out.contains("1 of 1 run failed"), "{}", ran.out);
    assert!(ran.out.contains(&format!("\nQUARREL_SEED={seed} overrides .seeds(0..200)\n")), "{}", ran.out);
    assert_eq!(value_of(&ran.out, "trace "), trace, "the same run has the same trace");
    let ran = suite(folder.path(), "suite::wrong --exact", &[("QUARREL_TRACE", trace)]);
    assert!(!ran.passed && ran.out.contains(": reproduced\n"), "{}", ran.out);
}

#[test]
fn under_nextest_the_commands_are_its_own() {
    let folder = folder();
    // As nextest starts a test: alone, by its whole name, its output not captured.
    let words = "--exact suite::wrong --nocapture --test-threads 1";
    let ran = suite(folder.path(), words, &[("NEXTEST", "1")]);
    assert!(!ran.passed && ran.said.contains(" cargo nextest run suite::wrong\n"), "{}", ran.said);
    let trace = value_of(&ran.said, "trace ").to_string();
    let other = "--exact suite::of_another_protocol --nocapture";
    let ran = suite(folder.path(), other, &[("NEXTEST", "1"), ("QUARREL_TRACE", &trace)]);
    assert!(
        ran.passed && ran.said.contains("run as usual, since it is a trace of tutorial-paxos"),
        "{}",
        ran.said
    );
}

#[test]
fn other_seeds_are_told() {
    let folder = folder();
    let ran =
        suite(folder.path(), "suite::right --nocapture", &[("QUARREL_RUNS", "7"), ("QUARREL_SEED", "")]);
    let told = "QUARREL_RUNS=7 overrides .seeds(0..200): every property held in 7 runs (chaos, seeds 0..7)\n";
    assert!(ran.passed && ran.said.contains(told), "{}", ran.said);
    let both = [("QUARREL_RUNS", "5"), ("QUARREL_SEED", "1000")];
    let ran = suite(folder.path(), "suite::right --nocapture", &both);
    let told = "QUARREL_SEED=1000 QUARREL_RUNS=5 overrides .seeds(0..200): every property held in 5 runs (chaos, seeds 1000..1005)";
    assert!(ran.passed && ran.said.contains(told), "{}", ran.said);
    // Fair weather for one client hides the flaw: that there was one run only is said.
    let ran = suite(folder.path(), "suite::calm", &[("QUARREL_SEED", "0..1")]);
    assert!(ran.passed || ran.out.contains("QUARREL_SEED=0..1 overrides .seeds(0..20)\n"), "{}", ran.out);
    assert!(traces(folder.path()).is_empty(), "nothing failed, nothing is written");
}

#[test]
fn bad_values_fail_every_test_and_name_their_variable() {
    let folder = folder();
    for (variable, value, told) in [
        ("QUARREL_SEED", "x", "QUARREL_SEED=x: expected a seed such as `17`"),
        ("QUARREL_RUNS", "0", "QUARREL_RUNS=0: expected a number of runs"),
        ("QUARREL_TRACE", "nothing.jsonl", "QUARREL_TRACE=nothing.jsonl: there is no such file"),
        ("QUARREL_TRACE", "Cargo.toml", "QUARREL_TRACE: Cargo.toml:1:2: this is no trace"),
        ("QUARREL_TRACE", "src", "QUARREL_TRACE: src: this is a directory"),
    ] {
        let ran = suite(folder.path(), "suite::", &[(variable, value)]);
        // The one that is expected to fail fails otherwise than expected.
        assert!(!ran.passed && ran.out.contains("0 passed; 6 failed"), "{variable}={value}: {}", ran.out);
        assert!(ran.out.matches(told).count() >= 6, "{variable}={value}: {}", ran.out);
    }
}

#[test]
fn a_trace_is_for_the_tests_that_it_fits() {
    let folder = folder();
    suite(folder.path(), "suite::wrong --exact", &[]);
    let all = traces(folder.path());
    let trace = all[0].to_str().expect("names are text");
    let ran = suite(folder.path(), "suite:: --skip expected_to_fail", &[("QUARREL_TRACE", trace)]);
    // Of those tests whose protocol and flaws are the trace's, or have none: the others have failures of their own.
    assert!(ran.out.contains("2 failed"), "{}", ran.out);
    assert!(ran.out.contains("suite::wrong ... FAILED") && ran.out.contains(": reproduced\n"), "{}", ran.out);
    for told in [
        format!("QUARREL_TRACE: suite::right: replayed {trace}: it holds\n"),
        "QUARREL_TRACE: suite::of_another_protocol: not replayed, but run as usual, since it is a trace of \
         tutorial-paxos, and this test is of primary-backup\n"
            .to_string(),
        "QUARREL_TRACE: suite::calm: not replayed, but run as usual, since it is a trace of tutorial-paxos under \
         another scenario\n"
            .to_string(),
    ] {
        assert!(ran.said.contains(&told), "{told}{}", ran.said);
    }
    // Whoever names a test wants that one: passing would look as if the failure were gone.
    let ran = suite(folder.path(), "suite::of_another_protocol", &[("QUARREL_TRACE", trace)]);
    assert!(
        !ran.passed && ran.out.contains("it is a trace of tutorial-paxos, and this test is"),
        "{}",
        ran.out
    );
}

#[test]
fn a_relative_path_begins_where_somebody_types_it() {
    let folder = folder();
    suite(folder.path(), "suite::wrong --exact", &[]);
    let all = traces(folder.path());
    let name = all[0].file_name().and_then(|name| name.to_str()).expect("names are text");
    let shell = folder.path().to_str().expect("names are text");
    let ran = suite(folder.path(), "suite::right", &[("QUARREL_TRACE", name), ("PWD", shell)]);
    assert!(ran.passed && ran.said.contains(": it holds\n"), "{}{}", ran.out, ran.said);
}

#[test]
fn tests_side_by_side_do_not_share_a_file() {
    let folder = folder();
    let ran = suite(folder.path(), "suite::wrong", &[]);
    let named = |line: &&str| line.trim_start().starts_with("trace ");
    let told: Vec<&str> = ran.out.lines().filter(named).map(|line| value_of(line, "trace ")).collect();
    let mut once = told.clone();
    once.sort_unstable();
    once.dedup();
    assert!(told.len() >= 2 && once.len() == told.len(), "{told:?}");
    assert_eq!(traces(folder.path()), once.iter().map(PathBuf::from).collect::<Vec<_>>());
}

#[test]
fn github_gets_a_note_beside_the_line_of_the_test() {
    let folder = folder();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", root.to_str().expect("names are text"))];
    let ran = suite(folder.path(), "suite::wrong --exact", &github);
    let notes: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("::")).collect();
    let [note] = notes.as_slice() else { panic!("one note: {}", ran.out) };
    assert!(note.starts_with("::error file=crates/quarrel/tests/environment.rs,line="), "{note}");
    assert!(
        note.contains(",title=suite%3A%3Awrong failed::tutorial-paxos chaos: agreement was violated; "),
        "{note}"
    );
    assert!(
        note.contains("%0A  again   QUARREL_SEED=") && note.contains("%0A  replay  QUARREL_TRACE="),
        "{note}"
    );
    // A panic that somebody expects is no failure, and elsewhere nobody reads notes.
    let ran = suite(folder.path(), "suite::expected_to_fail", &github);
    assert!(ran.passed && !ran.out.contains("::error") && !ran.said.contains("::error"), "{}", ran.out);
    assert!(!suite(folder.path(), "suite::wrong --exact", &[]).out.contains("::error"));
}
