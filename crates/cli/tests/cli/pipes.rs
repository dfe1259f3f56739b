//! Readers that go away, disks that are full, and Ctrl-C.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{folder, quarrel, text};

fn start(folder: &std::path::Path, arguments: &str) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("quarrel"));
    command.current_dir(folder).args(arguments.split_whitespace());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = folder();
    text(folder.path(), "run raft/calm --trace calm.jsonl", 0);
    for command in
        ["view calm.jsonl --full", "campaign raft/calm raft/calm --seeds 0..2", "list flaws", "--help"]
    {
        let mut child = start(folder.path(), command);
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("there is a line");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_sentence() {
    let folder = folder();
    let full = File::options().write(true).open("/dev/full").expect("Linux has one");
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("quarrel"));
    let output = command.current_dir(folder.path()).args(["run", "raft/calm"]).stdout(full).output();
    let output = output.expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: cannot write to standard output"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_campaign_reports_what_was_done() {
    let folder = folder();
    let child = start(folder.path(), "campaign raft/chaos --seeds 0..10000000 --format json");
    std::thread::sleep(Duration::from_secs(2));
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.is_ok_and(|status| status.success()), "the signal is sent");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(75));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(report["verdict"], "interrupted");
    assert!(report["runs"].as_u64() > Some(0));
}

#[test]
fn nothing_but_progress_goes_to_standard_error() {
    let folder = folder();
    let output = quarrel(folder.path(), "campaign raft/calm --seeds 0..5").output().expect("it starts");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
