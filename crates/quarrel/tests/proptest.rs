//! Runs as values of proptest: they fail, shrink, come again, and tell stories.
#![allow(clippy::disallowed_methods, reason = "a test looks at the file that proptest wrote")]

#[path = "../examples/primary_backup.rs"]
#[allow(dead_code, reason = "its main prints")]
mod primary_backup;
#[path = "../examples/tutorial_acceptor.rs"]
#[allow(dead_code, reason = "its main prints")]
mod tutorial_acceptor;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestError, TestRunner};
use quarrel::proptest::{Schedule, Schedules, check, schedules};

fn tutorial() -> Schedules<tutorial_acceptor::Node> {
    schedules(&tutorial_acceptor::weather())
}

fn wrong() -> Schedules<tutorial_acceptor::Node> {
    tutorial().flaw("own-value")
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new_with_rng(
        Config { cases, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    )
}

/// What proptest says of a strategy that fails.
fn failing<S: Strategy>(
    runner: &mut TestRunner,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) -> (String, S::Value) {
    match runner.run(strategy, test) {
        Err(TestError::Fail(why, value)) => (why.message().to_string(), value),
        other => panic!("it must fail: {}", other.is_ok()),
    }
}

proptest::proptest! {
    #![proptest_config(Config { cases: 30, failure_persistence: None, ..Config::default() })]

    /// As a user writes it.
    #[test]
    fn the_fixed_protocol_holds(schedule in schedules::<primary_backup::Node>(&primary_backup::weather())) {
        check(&schedule)?;
    }
}

#[test]
fn the_fixed_tutorial_holds() {
    runner(200).run(&tutorial(), |schedule| check(&schedule)).expect("it holds");
}

#[test]
fn a_bug_is_found_and_made_small() {
    let (why, schedule) = failing(&mut runner(200), &wrong(), |schedule| check(&schedule));
    assert!(why.starts_with("agreement (paper): "), "{why}");
    let whole = wrong().of_seed(schedule.seed()).expect("the scenario is right");
    assert!(
        schedule.items() <= 6 && schedule.items() < whole.items(),
        "{} of {}",
        schedule.items(),
        whole.items()
    );
    let story = format!("{schedule:?}");
    assert!(story.contains("Violated: agreement") && story.lines().count() < 30, "{story}");
    assert!(!story.contains('\u{1b}'), "{story}");
    // The same generator finds the same run.
    let (again, other) = failing(&mut runner(200), &wrong(), |schedule| check(&schedule));
    assert_eq!((why, schedule.trace()), (again, other.trace()));
    // Its trace is one like any other.
    let campaign = quarrel::campaign::<tutorial_acceptor::Node>(tutorial_acceptor::weather());
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("found.jsonl");
    quarrel::files::write_trace(&path, schedule.trace()).expect("there is room");
    campaign.flaw("own-value").assert_trace_violates(&path, "agreement");
}

#[test]
fn a_test_of_ones_own_shrinks_to_what_it_needs() {
    // Nothing is violated here: only the number of crashes makes the test fail.
    let crashes = |schedule: &Schedule<tutorial_acceptor::Node>| {
        let faults = &schedule.trace().header.world.faults;
        faults.iter().filter(|fault| fault.action.name() == "crash").count()
    };
    let at_most_one = |schedule: Schedule<tutorial_acceptor::Node>| match crashes(&schedule) {
        0 | 1 => Ok(()),
        several => Err(TestCaseError::fail(format!("{several} crashes"))),
    };
    let (why, schedule) = failing(&mut runner(200), &tutorial(), at_most_one);
    assert_eq!((why.as_str(), schedule.items(), crashes(&schedule)), ("2 crashes", 2, 2));
    assert_eq!(schedule.violation(), None);
}

#[test]
fn shrinking_ends_on_a_run_that_fails() {
    let mut tree = wrong().new_tree(&mut runner(1)).expect("the scenario is right");
    let whole = tree.current().items();
    // A test that fails only as a whole: every candidate is refused.
    let mut tried = 0;
    let mut more = tree.simplify();
    while more {
        tried += 1;
        assert!(tree.current().items() < whole, "a candidate is smaller");
        more = tree.complicate();
    }
    assert!(tried > whole, "each single item was tried: {tried} of {whole}");
    assert_eq!(tree.current().items(), whole);
    assert!(!tree.complicate() && !tree.simplify(), "there is nothing left");
}

#[test]
fn what_failed_once_is_tried_first_from_then_on() {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("proptest-regressions.txt");
    let path: &'static str = Box::leak(path.to_str().expect("names are text").to_string().into_boxed_str());
    let kept = |cases| {
        let persistence = Some(Box::new(FileFailurePersistence::Direct(path)) as _);
        // As long as it takes: how long one may shrink follows from the number of cases otherwise.
        let config = Config {
            cases,
            failure_persistence: persistence,
            max_shrink_iters: 100_000,
            ..Config::default()
        };
        TestRunner::new(Config { source_file: Some(file!()), ..config })
    };
    let (_, first) = failing(&mut kept(500), &wrong(), |schedule| check(&schedule));
    let text = std::fs::read_to_string(path).expect("proptest keeps what failed");
    assert!(text.contains("\ncc ") && text.contains("shrinks to"), "{text}");
    // No new case is needed to find it again.
    let (_, again) = failing(&mut kept(1), &wrong(), |schedule| check(&schedule));
    assert_eq!(first.trace(), again.trace());
}

#[test]
fn mistakes_are_told() {
    let told = runner(1).run(&tutorial().flaw("own-valu"), |_| Ok(())).expect_err("no such flaw").to_string();
    assert!(told.contains("tutorial-paxos has no flaw `own-valu`; did you mean `own-value`?"), "{told}");
}
