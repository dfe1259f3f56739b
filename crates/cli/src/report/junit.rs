//! The report of `campaign` as JUnit XML, for the pages of CI servers.
//!
//! Such a page follows each test case by its name from one build to the next. So a suite (a scenario, with its flaws
//! and pins) has the same cases whatever came out: ways of failing come and go, properties stay. The file says what
//! the exit code says:
//!
//! | case | passes | fails | is in error |
//! |---|---|---|---|
//! | `campaign` | every seed was run | | interrupted, or no run was done |
//! | `expectation` (unless it is that all holds) | the scenario's expectation is met | it is not | |
//! | `happens: …` | what the scenario expects to happen did | in no run it did | |
//! | `property: …` | it held, or the scenario expects some violation or knows of this one | it was violated | never evaluated |
//! | `sometimes: …` | it happened | | it never happened |
//! | `fault: …` | the class changed something | | it never changed anything |
//! | `floor: …` | the median is high enough | | it is below |
//! | `histories` | all were decided | | the search for an order gave up |
//!
//! Exit 1 is a failure, 4 and 75 are errors; what there were too few runs to say is skipped. Only `time` depends on the
//! clock: equal campaigns have otherwise equal files, so there is no `timestamp`.

use std::time::Duration;

use quarrel::engine::{End, Failure};
use quarrel::judgement::{Debt, Judgement, Owed, absence, debts};
use quarrel_formats::scenario::Expected;
use quarrel_formats::trace::Oracle;
use quarrel_protocol::Property;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::campaign::{CampaignReport, Told, end_word};
use super::numbers::{counted, digest_text};
use super::run::{expected_text, options};

/// The whole document.
pub(crate) fn document(suites: Vec<TestSuite>) -> String {
    let mut report = Report::new("quarrel campaign");
    report.set_time(suites.iter().filter_map(|suite| suite.time).sum::<Duration>());
    report.add_test_suites(suites);
    report.to_string().expect("what is in memory can be written")
}

/// One scenario.
pub(crate) fn suite(report: &CampaignReport<'_>) -> TestSuite {
    let trial = report.prepared.trial.as_ref();
    let name = format!("{}{}", report.prepared.given, options(trial.flaws(), report.pins, trial.jury()));
    let mut suite = TestSuite::new(clean(&name));
    suite.set_time(report.findings.wall);
    let findings = report.findings;
    for (key, value) in [
        ("seeds", format!("{}..{}", findings.seeds.start, findings.seeds.end)),
        ("environment", report.environment.unwrap_or_default().to_string()),
        ("runs", findings.tallies.runs.to_string()),
        ("failed", findings.tallies.failed.len().to_string()),
        ("digest", digest_text(findings.tallies.digest)),
        ("end", end_word(findings.end).to_string()),
        ("verdict", report.judgement.word().to_string()),
        ("exit", report.judgement.exit_code().to_string()),
    ] {
        suite.add_property((key, clean(&value).as_str()));
    }
    let mut cases = vec![campaign(report)];
    cases.extend(expectation(report));
    cases.extend(happenings(report));
    cases.extend(properties(report));
    cases.extend(owed(report));
    for case in &mut cases {
        case.set_classname(clean(&name));
        if let Some(file) = &report.prepared.file {
            case.extra.insert("file".into(), clean(&file.display().to_string()).into());
        }
    }
    suite.add_test_cases(cases);
    suite
}

fn campaign(report: &CampaignReport<'_>) -> TestCase {
    let runs = report.findings.tallies.runs;
    let status = match report.findings.end {
        End::Interrupted => error("interrupted", &format!("interrupted after {}", counted(runs, "run"))),
        _ if runs == 0 => error("vacuous", "no run was done"),
        End::Complete | End::EnoughFailures | End::TimeUp => TestCaseStatus::success(),
    };
    TestCase::new("campaign", status)
}

/// What the scenario expects, unless it is that every property holds: those have cases of their own.
fn expectation(report: &CampaignReport<'_>) -> Option<TestCase> {
    let expected = report.expected();
    if expected == Expected::Holds {
        return None;
    }
    let absence = absence(report.prepared.trial.as_ref(), &report.findings.tallies);
    let status = match report.judgement {
        // What did not happen has a case of its own.
        Judgement::NotMet(why) if absence.as_ref() != Some(why) => failure("expectation", why, why),
        _ if report.findings.tallies.runs == 0 => skipped("no run was done"),
        Judgement::Interrupted => skipped("the campaign was interrupted"),
        Judgement::Met | Judgement::NotMet(_) | Judgement::Vacuous(_) => TestCaseStatus::success(),
    };
    let name = format!("expectation: it {}", expected_text(&expected, report.side()));
    Some(TestCase::new(clean(&name), status))
}

/// What is expected to happen besides.
fn happenings(report: &CampaignReport<'_>) -> Vec<TestCase> {
    let tallies = &report.findings.tallies;
    let case = |name: &String| {
        let never =
            format!("it was expected to happen, and in no run it did; {}", counted(tallies.runs, "run"));
        let status = match tallies.happened(name) {
            0 if tallies.runs == 0 => skipped("no run was done"),
            0 if *report.judgement == Judgement::Interrupted => skipped("the campaign was interrupted"),
            0 => failure("expectation", &never, &never),
            _ => TestCaseStatus::success(),
        };
        TestCase::new(clean(&format!("happens: {name}")), status)
    };
    report.happens().iter().map(case).collect()
}

/// Every property of the protocol, then whatever else broke: panics, limits, assertions.
fn properties(report: &CampaignReport<'_>) -> Vec<TestCase> {
    let trial = report.prepared.trial.as_ref();
    let known = || trial.properties().iter();
    let mut cases: Vec<TestCase> = known().map(|property| property_case(report, property)).collect();
    let mut others: Vec<&str> =
        report.findings.failures.iter().map(|failure| failure.group.violation.property.as_str()).collect();
    others.retain(|other| !known().any(|property| property.name == *other));
    others.sort_unstable();
    others.dedup();
    cases.extend(others.into_iter().filter_map(|other| violated(report, other)));
    cases
}

fn property_case(report: &CampaignReport<'_>, property: &Property) -> TestCase {
    let name = property.name;
    if let Some(case) = violated(report, name) {
        return case;
    }
    let trial = report.prepared.trial.as_ref();
    let tallies = &report.findings.tallies;
    let evaluated = tallies.evaluated.get(name).copied().unwrap_or(0);
    let debt = debts(trial, tallies).into_iter().find(|debt| debt.what == Owed::Property(property.name));
    let status = match debt {
        Some(debt) => debt_status(report, &debt),
        None if evaluated > 0 => TestCaseStatus::success(),
        None if trial.jury() == Oracle::Clients => skipped("never evaluated: only clients judge"),
        None => skipped(&format!("never evaluated in {}", counted(tallies.runs, "run"))),
    };
    TestCase::new(clean(&format!("property: {name}")), status)
}

/// The case of a property that was violated.
fn violated(report: &CampaignReport<'_>, property: &str) -> Option<TestCase> {
    let all = report.findings.failures.iter().zip(report.told);
    let ways: Vec<(&Failure, &Told)> =
        all.filter(|(failure, _)| failure.group.violation.property == property).collect();
    ways.first()?;
    let told: Vec<String> = ways.iter().map(|(failure, told)| report.at_length(failure, told)).collect();
    let told = told.join("\n");
    let name = clean(&format!("property: {property}"));
    let expected = report.expected();
    let is_wrong = |failure: &Failure| match &expected {
        Expected::Violates(_) => false,
        Expected::Holds | Expected::Blocks | Expected::Known(_) => {
            report.known(&failure.group.violation).is_none()
        }
    };
    let wrong: Vec<&Failure> = ways.iter().map(|(failure, _)| *failure).filter(|it| is_wrong(it)).collect();
    let Some(first) = wrong.first() else {
        let mut case = TestCase::new(name, TestCaseStatus::success());
        case.set_system_out(clean(&told));
        return Some(case);
    };
    let runs = wrong.iter().map(|failure| failure.group.runs).sum::<u64>();
    let message = format!("violated in {}; seed {}: {}", counted(runs, "run"), first.seed, first.detail());
    Some(TestCase::new(name, failure(&first.group.violation.kind.to_string(), &message, &told)))
}

/// What the scenario owes, beside its properties.
fn owed(report: &CampaignReport<'_>) -> Vec<TestCase> {
    let owed = debts(report.prepared.trial.as_ref(), &report.findings.tallies);
    let case = |debt: &Debt| {
        let name = match &debt.what {
            Owed::Property(_) => return None,
            Owed::Histories => "histories".to_string(),
            Owed::Cell(name) => format!("sometimes: {name}"),
            Owed::Fault(class) => format!("fault: {}", class.name()),
            Owed::Orders => "orders".to_string(),
            Owed::Floor(name) => format!("floor: {name}"),
        };
        Some(TestCase::new(clean(&name), debt_status(report, debt)))
    };
    owed.iter().filter_map(case).collect()
}

fn debt_status(report: &CampaignReport<'_>, debt: &Debt) -> TestCaseStatus {
    let runs = counted(report.findings.tallies.runs, "run");
    match &debt.missing {
        None if report.findings.tallies.runs == 0 => skipped("no run was done"),
        None => TestCaseStatus::success(),
        Some(missing) if *report.judgement == Judgement::Interrupted => {
            skipped(&format!("{missing} in {runs}; the campaign was interrupted"))
        }
        Some(missing) if !debt.is_due => skipped(&format!("{missing} in {runs}, too few to ask for it")),
        Some(missing) if debt.what == Owed::Histories => error("unknown", missing),
        Some(missing) => error("vacuous", &format!("{missing} in {runs}")),
    }
}

fn failure(kind: &str, message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(clean(kind)).set_message(line(message)).set_description(clean(description));
    status
}

fn error(kind: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type(clean(kind)).set_message(line(message));
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(line(message));
    status
}

/// One line: an attribute loses its line breaks when it is read.
fn line(text: &str) -> String {
    clean(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The text with everything spelled out that XML cannot hold. A protocol may put anything into its messages, and what
/// begins an escape sequence would swallow what follows.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => clean.push(character),
            // The writer would drop it, and with it what keeps two words apart.
            '\t' => clean.push_str("    "),
            '\u{fffe}' | '\u{ffff}' => clean.extend(character.escape_unicode()),
            _ if character.is_control() => clean.extend(character.escape_unicode()),
            _ => clean.push(character),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use quarrel::engine::{self, Findings, Orders};
    use quarrel::judgement::judge;
    use quarrel_harness::oracle::Judges;
    use quarrel_harness::registry::Registry;

    use super::*;
    use crate::scenarios::Prepared;

    fn prepared(name: &str) -> Prepared {
        let builtin = crate::builtin::ALL.iter().find(|it| it.name == name).expect("it is built in");
        let text = builtin.text.as_bytes();
        let scenario = quarrel_formats::Scenario::parse_with(name, builtin.file, text, &[]);
        let trial = Registry::standard().trial(scenario.expect("it is one"), &[], Judges::default());
        Prepared { given: name.to_string(), file: None, trial: trial.expect("its names are known") }
    }

    /// The suite of these findings, read back: the status of a case, and its message.
    fn told(prepared: &Prepared, findings: &Findings, name: &str) -> (&'static str, String) {
        let judgement = judge(prepared.trial.as_ref(), findings);
        let (pins, told, program, environment) = (&[][..], &[][..], "quarrel", None);
        let report =
            CampaignReport { prepared, pins, findings, judgement: &judgement, told, program, environment };
        let text = document(vec![suite(&report)]);
        let read = Report::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let cases = &read.test_suites[0].test_cases;
        let case = cases.iter().find(|case| case.name.as_str() == name);
        let case = case.unwrap_or_else(|| panic!("{name} is missing: {text}"));
        match &case.status {
            TestCaseStatus::Success { .. } => ("success", String::new()),
            TestCaseStatus::Skipped { message, .. } => ("skipped", message.as_deref().unwrap_or("").into()),
            TestCaseStatus::NonSuccess { ty, message, .. } => {
                let is_unknown = ty.as_deref() == Some("unknown");
                let word = if is_unknown { "unknown" } else { "other" };
                (word, message.as_deref().unwrap_or("").into())
            }
        }
    }

    #[test]
    fn histories_that_nobody_could_judge_are_in_error() {
        let prepared = prepared("raft/calm");
        let orders = Orders { jobs: 1, ..Orders::new(0..3) };
        let hear = |_| {};
        let never = std::sync::atomic::AtomicBool::new(false);
        let mut findings = engine::run(prepared.trial.as_ref(), &orders, &hear, &never);
        assert_eq!(told(&prepared, &findings, "histories").0, "success");
        findings.tallies.judged.unknown = 2;
        let (status, message) = told(&prepared, &findings, "histories");
        assert_eq!(status, "unknown");
        assert_eq!(message, "what clients saw in 2 runs: the search for an order gave up");
        findings.end = End::Interrupted;
        assert_eq!(told(&prepared, &findings, "histories").0, "skipped");
        assert_eq!(told(&prepared, &findings, "campaign").0, "other");
    }

    #[test]
    fn whatever_a_story_holds_is_read_back() {
        let story = "a\u{1b}[31mred\u{0}\r\n\tx<&>\"'\u{7}]]>\u{ffff}\u{85} é ☃";
        let shown = "a\\u{1b}[31mred\\u{0}\\u{d}\n    x<&>\"'\\u{7}]]>\\u{ffff}\\u{85} é ☃";
        let mut suite = TestSuite::new(clean(story));
        suite.add_test_case(TestCase::new(clean(story), failure("a\"<b>", story, story)));
        let mut told = TestCase::new("told", TestCaseStatus::success());
        told.set_system_out(clean(story));
        suite.add_test_case(told);
        let text = document(vec![suite]);
        let read = Report::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let cases = &read.test_suites[0].test_cases;
        let TestCaseStatus::NonSuccess { message, ty, description, .. } = &cases[0].status else {
            panic!("it failed: {text}")
        };
        assert_eq!(description.as_deref(), Some(shown));
        assert_eq!(ty.as_deref(), Some("a\"<b>"));
        assert!(message.as_deref().is_some_and(|message| !message.contains('\n')), "{message:?}");
        assert_eq!(cases[1].system_out.as_deref(), Some(shown));
    }
}
