//! `quarrel compare`: what is measured is what theory says where theory is exact, at several sizes, and the same each
//! time.
#![allow(clippy::disallowed_methods, reason = "these tests start the program")]

use std::collections::BTreeMap;

use assert_cmd::Command;
use serde_json::Value;

/// Runs `quarrel compare`; returns what it prints and its exit code.
fn compare(arguments: &str) -> (String, i32) {
    let mut command = Command::cargo_bin("quarrel").expect("the binary is built with its tests");
    let output = command.arg("compare").args(arguments.split_whitespace()).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = String::from_utf8(output.stdout).expect("it is text");
    assert!(!said.contains("panicked"), "{said}");
    let code = output.status.code().expect("it ends by itself");
    (if code == 2 { said } else { printed }, code)
}

/// The protocols of `--format json`.
fn protocols(arguments: &str) -> BTreeMap<String, Value> {
    let (printed, code) = compare(&format!("--format json {arguments}"));
    assert_eq!(code, 0, "{printed}");
    let document: Value = serde_json::from_str(&printed).expect("it is JSON");
    let protocols = document["protocols"].as_object().expect("it has protocols").clone();
    protocols.into_iter().collect()
}

/// What theory says of N participants or n replicas, written down a second time: protocol, figure, formula.
type Formula = fn(u64) -> u64;
const EXACT: [(&str, &str, Formula); 33] = [
    ("raft", "messages", |n| 2 * (n - 1)),
    ("raft", "acknowledgements", |_| 0),
    ("raft", "delays", |_| 2),
    ("raft", "forced_writes", |n| n),
    ("raft", "lazy_writes", |_| 0),
    ("raft", "crashes_that_stop_it_with_leader", |n| n.div_ceil(2)),
    ("multi-paxos", "messages", |n| 2 * (n - 1)),
    ("multi-paxos", "messages_without_phase_1", |n| 2 * (n - 1)),
    ("multi-paxos", "delays", |_| 2),
    ("multi-paxos", "forced_writes", |n| n),
    ("multi-paxos", "lazy_writes", |_| 0),
    ("multi-paxos", "crashes_that_stop_it_with_leader", |n| n.div_ceil(2)),
    ("paxos", "messages", |n| (n - 1) * (n + 4)),
    ("paxos", "messages_without_phase_1", |n| (n - 1) * (n + 2)),
    ("paxos", "delays", |_| 4),
    ("paxos", "delays_to_last", |_| 4),
    ("paxos", "forced_writes", |n| 2 * n + 1),
    ("paxos", "crashes_that_stop_it_with_leader", |n| n.div_ceil(2)),
    ("pbft", "messages", |n| 2 * n * (n - 1)),
    ("pbft", "crashes_that_stop_it_with_leader", |n| n + 1 - (n + (n - 1) / 3 + 1).div_ceil(2)),
    ("2pc", "messages", |n| 3 * n),
    ("2pc", "acknowledgements", |n| n),
    ("2pc", "delays", |_| 2),
    ("2pc", "delays_to_last", |_| 3),
    ("2pc", "forced_writes", |n| 2 * n + 1),
    ("2pc", "lazy_writes", |_| 1),
    ("2pc", "crashes_that_stop_it_with_leader", |_| 1),
    ("3pc", "messages", |n| 5 * n),
    ("3pc", "acknowledgements", |n| n),
    ("3pc", "delays", |_| 4),
    ("3pc", "delays_to_last", |_| 5),
    ("3pc", "forced_writes", |n| 3 * n + 2),
    ("3pc", "lazy_writes", |_| 0),
];

#[test]
fn what_is_measured_is_what_theory_says() {
    for participants in [2, 3, 4, 5, 8] {
        let protocols = protocols(&format!("--set participants={participants} --set runs=1"));
        for (protocol, figure, formula) in EXACT {
            let Some(sheet) = protocols.get(protocol) else { continue };
            let cell = &sheet[figure];
            let expected = Value::from(formula(participants));
            assert_eq!(cell["measured"], expected, "{protocol}, {figure}, {participants}: {cell}");
        }
        let mut compared = 0;
        for (protocol, sheet) in &protocols {
            for (figure, cell) in sheet.as_object().expect("it is an object") {
                let Some(theory) = cell.get("theory").filter(|theory| !theory.is_null()) else { continue };
                assert_eq!(cell["measured"], *theory, "{protocol}, {figure}, {participants}: {cell}");
                assert!(cell["source"].as_str().is_some_and(|source| !source.is_empty()), "{cell}");
                compared += 1;
            }
        }
        assert!(compared >= 12, "{compared} figures have a theory");
    }
}

/// Castro and Liskov, section 4.2, f = 2: to six, from six to six, from seven to six.
#[test]
fn seven_replicas_of_pbft_send_84_messages() {
    let sheet = &protocols("pbft --set participants=7 --set runs=1")["pbft"];
    for row in ["delays", "delays_to_last"] {
        assert_eq!(
            (&sheet[row]["measured"], &sheet[row]["theory"]),
            (&Value::from(3), &Value::from(3)),
            "{row}"
        );
    }
    let kinds = &sheet["kinds"];
    for (kind, count) in [("pre-prepare", 6), ("prepare", 36), ("commit", 42)] {
        assert_eq!(kinds[kind]["messages"], count, "{kind}: {kinds}");
    }
    assert_eq!(kinds.as_object().map(serde_json::Map::len), Some(3), "{kinds}");
}

/// Asked for nothing, each protocol is measured at the size at which it stands one fault.
#[test]
fn six_protocols_stand_side_by_side() {
    let protocols = protocols("--set runs=1");
    let sizes =
        ["raft", "paxos", "multi-paxos", "pbft", "2pc", "3pc"].map(|name| &protocols[name]["participants"]);
    assert_eq!(sizes, [3, 3, 3, 4, 3, 3]);
    assert_eq!(protocols.len(), 6);
}

#[test]
fn what_is_printed_depends_on_the_seed_alone() {
    let arguments = "--set runs=4 --set decisions=2";
    for format in ["human", "json", "markdown"] {
        let (one, code) = compare(&format!("--format {format} {arguments} --seed 7 --jobs 1"));
        let (three, _) = compare(&format!("--format {format} {arguments} --seed 7 --jobs 3"));
        assert_eq!(code, 0, "{one}");
        assert_eq!(one, three, "{format}");
        let (other, _) = compare(&format!("--format {format} {arguments} --seed 8"));
        assert_ne!(one, other, "{format}: the seed is in it");
    }
}

#[test]
fn a_table_fits_a_terminal_and_says_how_it_came_about() {
    let (table, code) = compare("--set runs=3 --set participants=4");
    assert_eq!(code, 0, "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    for words in ["raft", "paxos", "6 / 6", "what the rows mean", "--set participants=4 --seed 0"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let (markdown, _) = compare("--set runs=3 --format markdown");
    let rows: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
    let columns = |row: &str| row.replace("\\|", "").matches('|').count();
    assert!(rows.len() > 20 && rows.iter().all(|row| columns(row) == columns(rows[0])), "{markdown}");
}

#[test]
fn some_faults_are_more_than_a_protocol_promises_to_live_with() {
    let protocols = protocols("--set runs=60");
    for (protocol, sheet) in &protocols {
        let safety = sheet["safety"].as_object().expect("it is an object");
        assert!(safety.len() >= 10, "{protocol}");
        for (class, verdict) in safety {
            assert!(verdict["struck"].as_u64().is_some_and(|struck| struck > 0), "{protocol}, {class}");
            let holds = verdict["verdict"] == "holds";
            assert!(holds || verdict["outside"].is_string(), "{protocol}, {class}: {verdict}");
            assert_eq!(verdict["inside"], 0, "{protocol}, {class}: {verdict}");
        }
    }
    assert_eq!(protocols["raft"]["safety"]["disk loss"]["verdict"], "violates");
    assert_eq!(protocols["raft"]["safety"]["crash"]["verdict"], "holds");
    // One liar in four is what PBFT is for, and nobody else stands one in three.
    assert_eq!(protocols["raft"]["safety"]["one node and its twin"]["verdict"], "violates");
    assert_eq!(protocols["pbft"]["safety"]["one node and its twin"]["verdict"], "holds");
    // What three-phase commit buys with its bound for delays, and what it pays.
    assert_eq!(protocols["2pc"]["blocked_milliseconds"]["measured"], "for ever");
    assert!(protocols["3pc"]["blocked_milliseconds"]["measured"].is_number());
    for class in ["loss", "partition"] {
        assert_eq!(protocols["2pc"]["safety"][class]["verdict"], "holds");
        assert_eq!(protocols["3pc"]["safety"][class]["verdict"], "violates");
    }
}

/// The README shows the beginning of the table: each of its lines is printed.
#[test]
fn the_excerpt_in_the_readme_is_real() {
    let readme = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).expect("there is a README");
    let (_, after) = readme.split_once("$ quarrel compare\n").expect("the README shows `quarrel compare`");
    let (excerpt, _) = after.split_once("```").expect("the excerpt ends");
    let (printed, _) = compare("");
    let printed: Vec<&str> = printed.lines().collect();
    assert!(excerpt.lines().count() > 10, "{excerpt}");
    for line in excerpt.lines().filter(|line| *line != "...") {
        assert!(printed.contains(&line), "{line}");
    }
}

#[test]
fn one_protocol_can_be_asked_for_and_wrong_wishes_are_explained() {
    let alone = protocols("paxos --set runs=1 --set decisions=1");
    assert_eq!(alone.keys().collect::<Vec<_>>(), ["paxos"]);
    let cases = [
        ("--set participants=0", "from 1 to 16"),
        ("--set participants=17", "from 1 to 16"),
        ("--set participants=three", "`three`"),
        ("--set participants=+3", "`+3`"),
        ("--set decisions=0", "from 1 to 1000"),
        ("--set runs=-1", "`-1`"),
        ("--set participant=3", "did you mean `participants`?"),
        ("--set loss=0.1", "`decisions`"),
        ("--set participants", "KEY=VALUE"),
        ("raftt", "did you mean `raft`?"),
        ("--seed 18446744073709551615", "seeds"),
        ("--seed ten", "--seed"),
    ];
    for (arguments, words) in cases {
        let (said, code) = compare(arguments);
        assert_eq!(code, 2, "{arguments}: {said}");
        assert!(said.starts_with("error: ") && said.contains(words), "{arguments}: {said}");
    }
    let mut command = Command::cargo_bin("quarrel").expect("the binary is built with its tests");
    command.args(["list", "protocols", "--format", "markdown"]).assert().code(2);
}
