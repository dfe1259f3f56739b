//! A crate of one's own, as a stranger makes one: what `quarrel new` writes is built and tested, and so is what the
//! guide (`crates/quarrel/README.md`) says, literally and step by step.
//!
//! Both build in the target folder of this checkout, where most of what they need is built already.
#![allow(clippy::disallowed_methods, reason = "these tests write crates and run Cargo")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assert_cmd::cargo::CommandCargoExt;

/// The folder of this checkout.
fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("a test runs in its checkout")
}

/// An empty folder, the same in each run: what is built for it is built once.
fn place(name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own-crate").join(name);
    if place.exists() {
        std::fs::remove_dir_all(&place).expect("it is ours");
    }
    std::fs::create_dir_all(&place).expect("there is room");
    place
}

/// Our own packages are built for speed of building: with little optimisation, and nothing for debuggers.
const QUICK: [&str; 14] = [
    "quarrel",
    "quarrel-cli",
    "quarrel-formats",
    "quarrel-harness",
    "quarrel-multi-paxos",
    "quarrel-paxos",
    "quarrel-pbft",
    "quarrel-protocol",
    "quarrel-raft",
    "quarrel-sim",
    "quarrel-spec",
    "quarrel-three-phase-commit",
    "quarrel-two-generals",
    "quarrel-two-phase-commit",
];
/// These do the work of a run, and are optimised as the crate's profile says.
const BUSY: [&str; 4] = ["quarrel-harness", "quarrel-protocol", "quarrel-sim", "quarrel-spec"];

/// Runs Cargo in a crate, without the network.
fn cargo(folder: &Path, words: &[&str], environment: &[(&str, &Path)]) -> Output {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(folder).arg(words[0]).arg("--offline").arg("--target-dir").arg(target);
    for package in QUICK {
        command.arg("--config").arg(format!("profile.dev.package.{package}.debug=false"));
        if !BUSY.contains(&package) {
            command.arg("--config").arg(format!("profile.dev.package.{package}.opt-level=0"));
        }
    }
    command.args(&words[1..]).env_remove("QUARREL_TRACE").env_remove("RUST_BACKTRACE");
    command.envs(environment.iter().copied()).output().expect("Cargo starts")
}

/// What Cargo said, if it went as it should.
fn said(output: &Output, succeeds: bool) -> String {
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).join("\n");
    assert_eq!(output.status.success(), succeeds, "{said}");
    assert!(!said.contains("warning"), "it builds without a warning: {said}");
    said
}

#[test]
fn a_new_crate_builds_and_its_tests_pass() {
    let place = place("new");
    let quarrel = |words: &str| {
        let mut command = Command::cargo_bin("quarrel").expect("the binary is built with its tests");
        command.current_dir(&place).args(words.split_whitespace()).output().expect("it starts")
    };
    let made = said(&quarrel("new demo"), true);
    assert!(made.contains("cargo test") && made.contains("campaign demo/chaos"), "{made}");
    let demo = place.join("demo");
    let tested = said(&cargo(&demo, &["test"], &[]), true);
    assert!(tested.contains("test survives_chaos ... ok"), "{tested}");
    assert!(tested.contains("test reads_that_do_not_write_back_are_found ... ok"), "{tested}");

    // The command line over it knows what lies in its folder.
    let listed = said(&cargo(&demo, &["run", "list", "scenarios"], &[]), true);
    assert!(listed.contains("demo/chaos") && listed.contains("scenarios/demo/chaos.toml"), "{listed}");
    assert!(listed.contains("demo/calm") && !listed.contains("raft"), "{listed}");
    let found = cargo(&demo, &["run", "campaign", "demo/chaos", "--flaw", "demo/no-write-back"], &[]);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    let told = String::from_utf8_lossy(&found.stdout);
    assert!(told.contains("  replay   cargo run -- replay quarrel-out/demo-chaos-"), "{told}");

    // What is there stays as it is.
    let again = quarrel("new demo");
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("demo: there is something already"), "{again:?}");
    for name in ["Demo", "fn", "quarrel", "../up", "2pc", "--path"] {
        assert_eq!(quarrel(&format!("new {name}")).status.code(), Some(2), "{name}");
    }
    assert_eq!(quarrel("new other --quarrel /nowhere").status.code(), Some(2));
    assert!(!place.join("other").exists());
}

/// The guide: its pieces in order.
struct Guide {
    text: String,
    pieces: Vec<Piece>,
}

/// What stands between two fences.
enum Piece {
    /// A whole file.
    File(String, String),
    /// A change of `src/lib.rs`.
    Change(String),
    /// What a failing test says.
    Story(String),
}

impl Guide {
    fn path() -> PathBuf {
        checkout().join("crates/quarrel/README.md")
    }

    fn read() -> Self {
        let text = std::fs::read_to_string(Self::path()).expect("there is a guide");
        let (mut pieces, mut lines, mut last) = (Vec::new(), text.lines(), "");
        while let Some(line) = lines.next() {
            if let Some(language) = line.strip_prefix("```") {
                let block: String =
                    lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
                let file = last.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
                match (language, file) {
                    (_, Some(file)) => pieces.push(Piece::File(file.to_string(), block)),
                    ("diff", None) => pieces.push(Piece::Change(block)),
                    ("text", None) => pieces.push(Piece::Story(block)),
                    _ => {}
                }
            }
            last = if line.is_empty() { last } else { line };
        }
        Self { text, pieces }
    }

    /// Obeys the pieces up to and including the next story or change; `false` at the end.
    fn go_on(&self, next: &mut usize, folder: &Path) -> bool {
        while let Some(piece) = self.pieces.get(*next) {
            *next += 1;
            match piece {
                Piece::File(file, text) => write(&folder.join(file), text),
                Piece::Change(change) => apply(change, &folder.join("src/lib.rs")),
                Piece::Story(_) => return true,
            }
            if matches!(piece, Piece::Change(_)) {
                return true;
            }
        }
        false
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("there is room");
    // The reader is told to name their checkout.
    let checkout = format!("path = \"{}/", checkout().display());
    std::fs::write(path, text.replace("path = \"../quarrel/", &checkout)).expect("there is room");
}

/// Makes a change, which must fit in one place.
fn apply(change: &str, path: &Path) {
    let side = |other: char| -> String {
        let lines = change.lines().filter(|line| !line.starts_with(other));
        lines.flat_map(|line| [&line[1..], "\n"]).collect()
    };
    let (before, after) = (side('+'), side('-'));
    let text = std::fs::read_to_string(path).expect("the file was written");
    assert_eq!(text.matches(&before).count(), 1, "this fits in one place:\n{before}");
    std::fs::write(path, text.replace(&before, &after)).expect("there is room");
}

#[test]
fn the_guide_finds_its_bug_and_fixes_it() {
    let (guide, mut next) = (Guide::read(), 0);
    let folder = place("guide").join("my-register");
    std::fs::create_dir(&folder).expect("there is room");
    std::fs::copy(checkout().join("Cargo.lock"), folder.join("Cargo.lock")).expect("the versions are known");

    // Steps 1 to 4: it fails, and says what the guide says.
    assert!(guide.go_on(&mut next, &folder));
    let failed = said(&cargo(&folder, &["test"], &[]), false);
    let Some(Piece::Story(told)) = guide.pieces.get(next - 1) else { panic!("the guide tells a story") };
    let from = failed.find("my-register chaos: ").expect("the campaign failed");
    let story = failed[from..].split("\n  trace ").next().expect("there is a first part").trim_end();
    if std::env::var_os("QUARREL_BLESS").is_some() {
        let fresh = guide.text.replace(told.as_str(), &format!("{story}\n"));
        std::fs::write(Guide::path(), fresh).expect("the guide can be written");
    } else {
        assert_eq!(told.trim_end(), story, "`cargo xtask bless` writes the guide anew");
    }
    let traces = failed.split("QUARREL_TRACE=").nth(1).expect("it says how to replay");
    let trace = PathBuf::from(traces.split(' ').next().expect("a path stands first"));
    assert!(trace.is_file(), "{}", trace.display());

    // Step 5: the fix. The recorded failure is gone, and no other comes.
    assert!(guide.go_on(&mut next, &folder));
    let replayed =
        cargo(&folder, &["test", "survives_chaos", "--", "--nocapture"], &[("QUARREL_TRACE", &trace)]);
    assert!(said(&replayed, true).contains("violation gone"));
    said(&cargo(&folder, &["test"], &[]), true);

    // Steps 6 to 8: the command line, a scenario, a flaw.
    while guide.go_on(&mut next, &folder) {}
    let tested = said(&cargo(&folder, &["test"], &[]), true);
    assert!(tested.contains("test reads_that_do_not_write_back_are_found ... ok"), "{tested}");
    said(&cargo(&folder, &["run", "run", "my-register/two-readers"], &[]), true);
    let flawed = ["run", "run", "my-register/two-readers", "--flaw", "my-register/no-write-back"];
    assert_eq!(cargo(&folder, &flawed, &[]).status.code(), Some(1));

    let lines: usize = ["src/lib.rs", "src/main.rs", "tests/chaos.rs", "tests/flaws.rs"]
        .map(|file| std::fs::read_to_string(folder.join(file)).expect("the guide has it"))
        .iter()
        .map(|text| text.lines().filter(|line| !line.trim().is_empty()).count())
        .sum();
    assert!(lines < 150, "the guide promises an afternoon: {lines} lines");
}
