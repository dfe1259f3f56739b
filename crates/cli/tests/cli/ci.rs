//! What CI servers are told: JUnit XML, the seeds of the environment, annotations and summaries of GitHub Actions.

use std::fs;
use std::path::Path;
use std::process::Output;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus};
use serde_json::{Value, json as value};

use super::{complaint, folder, json, quarrel, text};

/// Runs a campaign and reads its JUnit XML back.
pub(super) fn junit(folder: &Path, arguments: &str, code: i32) -> Report {
    text(folder, &format!("campaign {arguments} --junit junit.xml"), code);
    read(&folder.join("junit.xml"))
}

fn read(path: &Path) -> Report {
    let text = fs::read_to_string(path).expect("it was written");
    let report = Report::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    for suite in &report.test_suites {
        let count =
            |what: &dyn Fn(&TestCase) -> bool| suite.test_cases.iter().filter(|case| what(case)).count();
        assert_eq!(suite.tests, suite.test_cases.len());
        assert_eq!(suite.failures, count(&|case| word(case) == "failure"));
        assert_eq!(suite.errors, count(&|case| word(case) == "error"));
        assert_eq!(suite.skipped, count(&|case| word(case) == "skipped"));
        assert!(suite.time.is_some() && suite.timestamp.is_none(), "a date would differ from run to run");
        let mut names: Vec<&str> = suite.test_cases.iter().map(|case| case.name.as_str()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "each name once: {names:?}");
    }
    report
}

fn word(case: &TestCase) -> &'static str {
    match &case.status {
        TestCaseStatus::Success { .. } => "success",
        TestCaseStatus::Skipped { .. } => "skipped",
        TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. } => "failure",
        TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. } => "error",
    }
}

/// A case's status, its message and its text.
pub(super) fn case<'a>(report: &'a Report, name: &str) -> (&'static str, &'a str, &'a str) {
    let mut cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let case = cases.find(|case| case.name.as_str() == name).unwrap_or_else(|| panic!("{name}: {report:?}"));
    let (message, text) = match &case.status {
        TestCaseStatus::Success { .. } => (None, case.system_out.as_ref()),
        TestCaseStatus::Skipped { message, description, .. }
        | TestCaseStatus::NonSuccess { message, description, .. } => (message.as_ref(), description.as_ref()),
    };
    (word(case), message.map_or("", |it| it.as_str()), text.map_or("", |it| it.as_str()))
}

pub(super) fn totals(report: &Report) -> (usize, usize) {
    (report.failures, report.errors)
}

fn names(report: &Report) -> Vec<String> {
    let cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    cases.map(|case| case.name.as_str().to_string()).collect()
}

#[test]
fn a_campaign_that_holds_has_a_case_for_all_that_it_rests_on() {
    let folder = folder();
    let report = junit(folder.path(), "raft/chaos paxos/chaos --seeds 0..40", 0);
    let suites: Vec<&str> = report.test_suites.iter().map(|suite| suite.name.as_str()).collect();
    assert_eq!((suites.as_slice(), totals(&report)), (["raft/chaos", "paxos/chaos"].as_slice(), (0, 0)));
    for name in ["campaign", "property: leader-completeness", "histories", "fault: partition"] {
        assert_eq!(case(&report, name).0, "success", "{name}");
    }
    let skipped = |case: &&TestCase| word(case) == "skipped";
    for case in report.test_suites.iter().flat_map(|suite| suite.test_cases.iter().filter(skipped)) {
        let TestCaseStatus::Skipped { message, .. } = &case.status else { unreachable!("it was skipped") };
        assert!(message.as_deref().is_some_and(|it| it.contains("in 40 runs")), "{case:?}");
    }
    // A page follows cases by name: they stay, however many runs there are and whatever breaks.
    let few = junit(folder.path(), "raft/chaos paxos/chaos --seeds 0..1", 0);
    assert_eq!(names(&report), names(&few));
    let left: Vec<_> = fs::read_dir(folder.path()).expect("it is there").flatten().collect();
    assert_eq!(left.len(), 1, "no temporary file is left: {left:?}");
}

#[test]
fn a_failing_campaign_has_a_failure_with_story_and_commands() {
    let folder = folder();
    let report = junit(folder.path(), "paxos/chaos --flaw paxos/own-value --seeds 0..30 --jobs 1", 1);
    assert!(report.failures > 0 && report.errors == 0, "{report:?}");
    assert_eq!(report.test_suites[0].name.as_str(), "paxos/chaos --flaw paxos/own-value");
    let failing = report.test_suites[0].test_cases.iter().find(|case| word(case) == "failure");
    let name = failing.expect("one failed").name.as_str();
    let (_, message, told) = case(&report, name);
    assert!(name.starts_with("property: ") && message.starts_with("violated in "), "{name}: {message}");
    for part in ["Violated: ", "\n  replay   quarrel replay quarrel-out/", "; seed "] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    // The same campaign on other threads differs in its times only.
    let first = fs::read_to_string(folder.path().join("junit.xml")).expect("it was written");
    junit(folder.path(), "paxos/chaos --flaw paxos/own-value --seeds 0..30 --jobs 2", 1);
    let second = fs::read_to_string(folder.path().join("junit.xml")).expect("it was written");
    assert_eq!(without_times(&first), without_times(&second));
}

fn without_times(xml: &str) -> String {
    let mut parts = xml.split(" time=\"");
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |text, part| text + part.split_once('"').map_or("", |(_, rest)| rest))
}

#[test]
fn an_expected_violation_passes_and_one_that_stays_away_fails() {
    let folder = folder();
    let report = junit(folder.path(), "raft/figure-8 --flaw raft/commit-old-term --seeds 0..1", 0);
    assert_eq!(totals(&report), (0, 0));
    assert_eq!(case(&report, "expectation: it violates leader-completeness").0, "success");
    let (status, _, told) = case(&report, "property: leader-completeness");
    assert!(status == "success" && told.contains("Violated: "), "it is told all the same: {told}");
    let hope = "# A calm sea.\nprotocol = \"raft\"\nnodes = 3\nduration = \"1s\"\n\
                [[expect]]\nviolates = \"election-safety\"\n";
    fs::write(folder.path().join("hope.toml"), hope).expect("there is room");
    let report = junit(folder.path(), "hope.toml --seeds 0..3", 1);
    assert_eq!(totals(&report), (1, 0));
    let (status, message, _) = case(&report, "expectation: it violates election-safety");
    assert_eq!((status, message), ("failure", "election-safety was to be violated, and in no run it was"));
    let files =
        report.test_suites[0].test_cases.iter().map(|case| case.extra.get("file").map(|it| it.as_str()));
    assert!(files.into_iter().all(|file| file == Some("hope.toml")));
}

#[test]
fn a_vacuous_campaign_has_errors_and_no_failure() {
    let folder = folder();
    let calm = "# A calm sea that owes every storm.\nprotocol = \"paxos\"\nnodes = 3\nduration = \"20ms\"\nowes = \"all\"\n";
    fs::write(folder.path().join("calm.toml"), calm).expect("there is room");
    let report = junit(folder.path(), "calm.toml --seeds 0..1000", 4);
    assert!(report.failures == 0 && report.errors > 0, "{report:?}");
    let (status, message, _) = case(&report, "sometimes: crash-mid-flight");
    assert_eq!((status, message), ("error", "`crash-mid-flight` never happened in 1,000 runs"));
    let report = junit(folder.path(), "calm.toml --seeds 0..99", 0);
    let told = "`crash-mid-flight` never happened in 99 runs, too few to ask for it";
    assert_eq!(case(&report, "sometimes: crash-mid-flight"), ("skipped", told, ""));
    let report = junit(folder.path(), "calm.toml --for 1ns", 4);
    assert_eq!((totals(&report), case(&report, "campaign").1), ((0, 1), "no run was done"));
}

#[test]
fn nothing_runs_when_the_file_cannot_be_written() {
    let folder = folder();
    fs::write(
        folder.path().join("calm.toml"),
        "# Calm.\nprotocol = \"raft\"\nnodes = 3\nduration = \"1s\"\n",
    )
    .expect("there is room");
    let told = complaint(folder.path(), &["campaign", "calm.toml", "--junit", "calm.toml"]);
    assert!(told.contains("this file is an input of the same command"), "{told}");
    let told = complaint(folder.path(), &["campaign", "calm.toml", "--junit", "."]);
    assert!(told.contains("something other than a regular file is there"), "{told}");
    let told = complaint(folder.path(), &["campaign", "calm.toml", "--junit", "calm.toml/junit.xml"]);
    assert!(told.contains("cannot be created"), "{told}");
    text(folder.path(), "campaign calm.toml --seeds 0..1 --junit new/folder/junit.xml", 0);
    read(&folder.path().join("new/folder/junit.xml"));
}

#[test]
fn the_environment_asks_for_seeds_where_no_argument_does() {
    let folder = folder();
    let with = |arguments: &str, variables: &[(&str, &str)]| -> Output {
        let mut command = quarrel(folder.path(), arguments);
        command.envs(variables.iter().copied()).output().expect("it starts")
    };
    let document = |output: Output| -> Value { serde_json::from_slice(&output.stdout).expect("it is JSON") };
    let campaign = "campaign raft/calm --format json";
    let ran = document(with(campaign, &[("QUARREL_RUNS", "7")]));
    assert_eq!((&ran["seeds"], &ran["environment"]), (&value!("0..7"), &value!("QUARREL_RUNS=7")));
    let ran = document(with(campaign, &[("QUARREL_SEED", "5")]));
    assert_eq!((&ran["seeds"], &ran["environment"]), (&value!("5..6"), &value!("QUARREL_SEED=5")));
    let ran =
        document(with("campaign raft/calm --format json --seeds 1..3", &[("QUARREL_SEED", "nonsense")]));
    assert_eq!((&ran["seeds"], &ran["environment"]), (&value!("1..3"), &Value::Null));
    let ran = document(with("run raft/calm --format json", &[("QUARREL_SEED", "5"), ("QUARREL_RUNS", "9")]));
    assert_eq!(ran["seed"], "5");
    let ran = document(with("run raft/calm --format json --seed 2", &[("QUARREL_SEED", "5")]));
    assert_eq!((&ran["seed"], &ran["environment"]), (&value!("2"), &Value::Null));
    let told = String::from_utf8(with("campaign raft/calm", &[("QUARREL_RUNS", "7")]).stdout).expect("text");
    assert!(told.contains("\n  the seeds are those of QUARREL_RUNS=7\n"), "{told}");
    for (arguments, variables, complaint) in [
        (
            "campaign raft/calm",
            [("QUARREL_SEED", "x"), ("QUARREL_RUNS", "")],
            "error: QUARREL_SEED=x: expected a seed",
        ),
        (
            "campaign raft/calm",
            [("QUARREL_SEED", ""), ("QUARREL_RUNS", "0")],
            "error: QUARREL_RUNS=0: expected",
        ),
        (
            "run raft/calm",
            [("QUARREL_SEED", "1..3"), ("QUARREL_RUNS", "")],
            "QUARREL_SEED=1..3: this runs one seed",
        ),
    ] {
        let output = with(arguments, &variables);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(complaint), "{said}");
    }
}

/// Runs a command as a step of GitHub Actions does: its exit code, what it says, and the summary.
fn step(folder: &Path, arguments: &str) -> (Output, String) {
    let summary = folder.join("summary.md");
    let mut command = quarrel(folder, arguments);
    command
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", folder)
        .env("GITHUB_STEP_SUMMARY", &summary);
    let output = command.output().expect("it starts");
    (output, fs::read_to_string(summary).unwrap_or_default())
}

#[test]
fn github_is_told_on_standard_error_only() {
    let folder = folder();
    fs::create_dir(folder.path().join("weather")).expect("there is room");
    let chaos = include_str!("../../../../scenarios/paxos/chaos.toml");
    fs::write(folder.path().join("weather/a,b.toml"), chaos).expect("there is room");
    let campaign = "campaign weather/a,b.toml --flaw paxos/own-value --seeds 0..30";
    let (output, summary) = step(folder.path(), &format!("{campaign} --format json"));
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one document and nothing else");
    let said = String::from_utf8(output.stderr).expect("it is text");
    let notes: Vec<&str> = said.lines().filter(|line| line.starts_with("::")).collect();
    let [note] = notes.as_slice() else { panic!("one note: {said}") };
    assert!(
        note.starts_with("::error file=weather/a%2Cb.toml,title=weather/a%2Cb.toml%3A not met::"),
        "{note}"
    );
    assert!(
        note.contains("NOT MET: one-value-chosen was violated")
            && note.contains("%0A  replay   quarrel replay "),
        "{note}"
    );
    assert!(summary.starts_with("### ❌ quarrel: not-met\n\n```text\nweather/a,b.toml"), "{summary}");
    let last = report["violations"][0]["story"].as_str().and_then(|story| story.trim_end().lines().last());
    assert!(last.is_some_and(|last| summary.contains(last)), "{summary}");
    // A replay that goes as recorded is nothing to note; one that does not is.
    let trace = report["violations"][0]["trace"].as_str().expect("it was written").to_string();
    let (output, _) = step(folder.path(), &format!("replay {trace}"));
    assert!(output.status.success() && output.stderr.is_empty());
    let (output, _) = step(folder.path(), &format!("replay {trace} --no-flaws"));
    let said = String::from_utf8(output.stderr).expect("it is text");
    assert!(
        said.starts_with(&format!("::error file={},title=quarrel replay", trace.replace(',', "%2C"))),
        "{said}"
    );
    // The summary grows; elsewhere than in GitHub Actions nobody is told.
    let (output, summary) = step(folder.path(), "campaign raft/calm --seeds 0..3");
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(summary.contains("❌") && summary.contains("### ✅ quarrel: met\n"), "{summary}");
    let output = quarrel(folder.path(), campaign).output().expect("it starts");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("::error"));
}

#[test]
fn what_was_not_shown_is_a_warning() {
    let folder = folder();
    let brief = "# Over before anything is sent.\nprotocol = \"raft\"\nnodes = 3\nduration = \"1ms\"\nhealing = \"1ms\"\n";
    fs::write(folder.path().join("brief.toml"), brief).expect("there is room");
    let (output, summary) = step(folder.path(), "campaign brief.toml --seeds 0..100");
    let said = String::from_utf8(output.stderr).expect("it is text");
    assert!(said.starts_with("::warning file=brief.toml,title=brief.toml%3A vacuous::"), "{said}");
    assert!(summary.starts_with("### ⚠️ quarrel: vacuous\n"), "{summary}");
    let (report, _) = json(folder.path(), "campaign brief.toml --seeds 0..100");
    assert_eq!(report["verdict"], "vacuous");
}

/// The workflow that users copy.
const WORKFLOW: &str = include_str!("../../../quarrel/examples/github-workflow.yml");

#[test]
fn the_example_workflow_is_well_formed_and_its_commands_exist() {
    let mut indents = vec![0];
    let lines = WORKFLOW.lines().filter(|line| !line.trim_start().starts_with('#') && !line.is_empty());
    for line in lines {
        assert!(!line.contains('\t') && line.trim_end() == line, "{line:?}");
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        assert!(indent % 2 == 0 && indent <= indents.last().copied().unwrap_or(0) + 4, "{line:?}");
        let entry = bare.strip_prefix("- ").unwrap_or(bare);
        let (key, value) = entry.split_once(':').unwrap_or_else(|| panic!("no key: {line:?}"));
        let is_key = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(key.bytes().all(is_key) && (value.is_empty() || value.starts_with(' ')), "{line:?}");
        // Only what is quoted may hold what YAML reads as a key or a comment.
        let value = value.trim_start();
        assert!(value.starts_with('"') || !(value.contains(": ") || value.contains(" #")), "{line:?}");
        indents.push(indent);
    }
    let set = WORKFLOW.lines().filter_map(|line| line.trim_start().split_once(':')).map(|(key, _)| key);
    let known = ["QUARREL_SEED", "QUARREL_RUNS", "QUARREL_TRACE"];
    assert!(set.filter(|key| key.starts_with("QUARREL_")).all(|key| known.contains(&key)));
    let runs = WORKFLOW.lines().filter_map(|line| line.trim_start().strip_prefix("- run: "));
    let (ours, others): (Vec<&str>, Vec<&str>) = runs.partition(|run| run.contains(" -- "));
    assert_eq!(others, ["cargo test --locked", "cargo build --release --locked"]);
    let [command] = ours.as_slice() else { panic!("one campaign: {ours:?}") };
    let arguments =
        command.strip_prefix("cargo run --release --locked -- ").expect("the repository's own program");
    let arguments = arguments.replace("my-protocol/chaos", "raft/calm").replace("20m", "1s");
    let folder = folder();
    let mut command = quarrel(folder.path(), &arguments);
    command.env("QUARREL_SEED", "10000000").env("QUARREL_RUNS", "50");
    assert!(command.output().expect("it starts").status.success(), "{arguments}");
    let report = read(&folder.path().join("quarrel-out/junit.xml"));
    let seeds = report.test_suites[0].properties.iter().find(|property| property.name.as_str() == "seeds");
    assert_eq!(seeds.map(|property| property.value.as_str()), Some("10000000..10000050"));
    assert!(WORKFLOW.contains("path: quarrel-out\n") && WORKFLOW.contains("path: target/quarrel\n"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_campaign_says_so_in_xml() {
    let folder = folder();
    let arguments = "campaign raft/chaos paxos/chaos --seeds 0..10000000 --junit junit.xml";
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("quarrel"));
    command.current_dir(folder.path()).args(arguments.split_whitespace());
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("it starts");
    std::thread::sleep(std::time::Duration::from_secs(2));
    let signal = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signal.is_ok_and(|status| status.success()), "the signal is sent");
    assert_eq!(child.wait().expect("it ends").code(), Some(75));
    let report = read(&folder.path().join("junit.xml"));
    assert_eq!((report.test_suites.len(), totals(&report)), (1, (0, 1)), "the second did not begin");
    let (status, message, _) = case(&report, "campaign");
    assert!(status == "error" && message.starts_with("interrupted after "), "{message}");
}
