//! `quarrel check`: histories through the whole command.

use std::fs;
use std::path::Path;

use super::{complaint, folder, json, quarrel, text};

/// The histories of the reader's tests: each has what its model has, and is linearizable.
const HISTORIES: [(&str, &str); 5] = [
    ("register", include_str!("../../../formats/tests/histories/register.jsonl")),
    ("kv", include_str!("../../../formats/tests/histories/kv.jsonl")),
    ("bank", include_str!("../../../formats/tests/histories/bank.jsonl")),
    ("lock", include_str!("../../../formats/tests/histories/lock.jsonl")),
    ("queue", include_str!("../../../formats/tests/histories/queue.jsonl")),
];

/// What is changed in them so that no order explains them, and the line of the operation that is then in the way.
const LIES: [(&str, &str, &str, u64); 5] = [
    ("register", "\"ok\", \"f\": \"read\", \"value\": 3", "\"ok\", \"f\": \"read\", \"value\": 4", 14),
    ("kv", "\"xzy\"", "\"xy\"", 11),
    ("bank", "\"b\": 5", "\"b\": 4", 4),
    ("lock", "\"value\": 34", "\"value\": 33", 2),
    ("queue", "\"value\": \"2\"}\n{\"process\": 3", "\"value\": 3}\n{\"process\": 3", 5),
];

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("there is room");
}

#[test]
fn good_and_bad_histories_of_all_models_are_told_apart() {
    let folder = folder();
    for ((model, history), (_, truth, lie, line)) in HISTORIES.into_iter().zip(LIES) {
        let command = format!("check {model}.jsonl --model {model}");
        write(folder.path(), &format!("{model}.jsonl"), history);
        let told = text(folder.path(), &command, 0);
        assert!(told.starts_with(&format!("{model}.jsonl: linearizable as a {model}\n")), "{told}");
        let changed = history.replacen(truth, lie, 1);
        assert_ne!(changed, history, "{model}");
        write(folder.path(), &format!("{model}.jsonl"), &changed);
        let told = text(folder.path(), &command, 1);
        assert!(told.starts_with(&format!("{model}.jsonl: not linearizable as a {model}\n")), "{told}");
        assert!(told.contains("it fits nowhere") && told.contains("|=="), "{told}");
        assert!(told.lines().all(|line| line.chars().count() <= 110) && told.lines().count() < 40, "{told}");
        let (report, code) = json(folder.path(), &command);
        assert_eq!((code, report["verdict"].as_str()), (1, Some("not-linearizable")), "{report}");
        assert_eq!(report["violation"]["stuck"]["called"], line, "{report}");
    }
}

#[test]
fn the_report_for_tools_has_what_its_help_says() {
    let folder = folder();
    let (_, register) = HISTORIES[0];
    write(folder.path(), "good.jsonl", register);
    write(folder.path(), "bad.jsonl", &register.replace("\"value\": \"two\"", "\"value\": \"three\""));
    let (good, code) = json(folder.path(), "check good.jsonl --model register --budget 5000");
    assert_eq!(code, 0);
    for (field, value) in [("operations", 7), ("ok", 5), ("fail", 1), ("info", 1), ("pending", 0)] {
        assert_eq!(good[field], value, "{field}: {good}");
    }
    for (field, value) in [("processes", 4), ("keys", 0), ("nemesis_lines", 1), ("budget", 5000), ("exit", 0)]
    {
        assert_eq!(good[field], value, "{field}: {good}");
    }
    assert!(good["violation"].is_null() && good["steps"].as_u64() < Some(5000), "{good}");
    let (bad, _) = json(folder.path(), "check bad.jsonl --model register");
    let help = text(folder.path(), "check --help", 0);
    let (_, schema) = help.split_once("With --format json, one object:").expect("the schema is told");
    for object in [&good, &bad["violation"], &bad["violation"]["stuck"]] {
        for field in object.as_object().expect("it is an object").keys() {
            assert!(schema.contains(field.as_str()), "the help does not tell of `{field}`");
        }
    }
    assert_eq!(bad["violation"]["instead"].as_array().map(Vec::is_empty), Some(false), "{bad}");
    assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
}

#[test]
fn the_example_of_the_help_is_a_history() {
    let folder = folder();
    let help = text(folder.path(), "check --help", 0);
    let lines = help.lines().map(str::trim).filter(|line| line.starts_with("{\"process\""));
    let example: String = lines.map(|line| format!("{line}\n")).collect();
    assert_eq!(example.lines().count(), 4);
    write(folder.path(), "example.jsonl", &example);
    text(folder.path(), "check example.jsonl --model register", 0);
}

#[test]
fn a_budget_that_ends_says_how_to_go_on() {
    let folder = folder();
    let (_, history) = HISTORIES[0];
    write(folder.path(), "a history.jsonl", history);
    let output =
        quarrel(folder.path(), "check").args(["a history.jsonl", "--model=register", "--budget=1"]).output();
    let output = output.expect("it starts");
    assert_eq!(output.status.code(), Some(4));
    let told = String::from_utf8(output.stdout).expect("it is text");
    assert!(told.contains("check 'a history.jsonl' --model register --budget 10\n"), "{told}");
}

#[test]
fn bad_input_is_told_with_its_place() {
    let folder = folder();
    let invoke = "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}\n";
    let info = invoke.replace("invoke", "info");
    write(folder.path(), "reused.jsonl", &format!("{invoke}{info}{invoke}"));
    let said = complaint(folder.path(), &["check", "reused.jsonl", "--model", "register"]);
    assert!(said.starts_with("error: reused.jsonl:3:12: process 0 asks again"), "{said}");
    assert!(said.contains("--reuse-processes") && said.contains('^'), "{said}");
    text(folder.path(), "check reused.jsonl --model register --reuse-processes", 0);
    let said = complaint(folder.path(), &["check", "reused.jsonl", "--model", "queue", "--format", "json"]);
    assert!(said.starts_with("error: reused.jsonl:1:34: a queue has no operation `read`"), "{said}");

    write(folder.path(), "binary", "\u{1}");
    assert!(complaint(folder.path(), &["check", "binary", "--model", "kv"]).contains("binary:1:1: "));
    assert!(
        complaint(folder.path(), &["check", "missing", "--model", "kv"]).contains("missing: cannot be read")
    );
    assert!(complaint(folder.path(), &["check", ".", "--model", "kv"]).contains("directory"));
    complaint(folder.path(), &["check", "reused.jsonl"]);
    complaint(folder.path(), &["check", "reused.jsonl", "--model", "stack"]);
    complaint(folder.path(), &["check", "reused.jsonl", "--model", "kv", "--budget", "-1"]);

    write(folder.path(), "empty.jsonl", "");
    let told = text(folder.path(), "check empty.jsonl --model kv", 4);
    assert!(told.contains("no operations"), "{told}");
}

#[test]
fn the_report_is_the_same_every_time() {
    let folder = folder();
    let (_, history) = HISTORIES[1];
    write(folder.path(), "h.jsonl", &history.replace("\"xzy\"", "\"xy\""));
    let once = text(folder.path(), "check h.jsonl --model kv", 1);
    assert_eq!(text(folder.path(), "check h.jsonl --model kv", 1), once);
}
