//! Inside or outside the model: what the label says, and what becomes of a failure without what lies outside.

use crate::bell::Bell;
use crate::common::{parse, trial_of};
use quarrel_formats::trace::Trace;
use quarrel_harness::case::{Case, Flaws};
use quarrel_harness::model::Retrial;
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::{Registry, Trial};
use quarrel_harness::story;
use quarrel_harness::subject::Subject;
use quarrel_sim::Struck;
use quarrel_two_phase_commit::TwoPhaseCommit;

fn ringing(more: &str, flaws: &[&str]) -> Box<dyn Trial> {
    ringing_for("1s", more, flaws)
}

/// At 100 ms n1 is asked to ring; the run is over then.
fn ringing_for(duration: &str, more: &str, flaws: &[&str]) -> Box<dyn Trial> {
    let head = "# n1 rings at n2.\nprotocol = 'bell'\nnodes = 2\nhealing = '0s'\n";
    let tables = "[network]\nlatency = '5ms'\n[disk]\nsync = '5ms'\n[workload]\nclients = 1\nattempts = 1\n";
    let operation = "[[operation]]\nat = '100ms'\nclient = 1\nnode = 'n1'\n";
    let scenario = parse("test/bell", &format!("{head}duration = '{duration}'\n{tables}{operation}{more}"));
    let flaws: Vec<String> = flaws.iter().map(ToString::to_string).collect();
    let registry = Registry::default().with::<Bell>();
    let trial = registry.find("bell").unwrap().trial(scenario, &flaws, Judges::default());
    trial.unwrap_or_else(|error| panic!("{error}"))
}

fn decision(of: &str) -> String {
    format!("[[decision]]\n{of}\n")
}

fn fault(of: &str) -> String {
    format!("[[fault]]\nat = '90ms'\nlasting = '300ms'\n{of}\n")
}

#[test]
fn who_is_rung_at_in_a_quick_world_answers() {
    let outcome = ringing("", &[]).run(0);
    assert_eq!((outcome.verdict(), outcome.outside.len()), (None, 0));
    let harmless = ringing(&fault("pause = ['n2']\nat = '500ms'").replacen("at = '90ms'\n", "", 1), &[]);
    assert_eq!(harmless.run(0).verdict(), None);
}

#[test]
fn what_is_outside_is_named_and_without_it_the_failure_is_gone() {
    let cases = [
        (decision("kind = 'fate'\nfrom = 'n1'\nto = 'n2'\nof = 'word'\nnth = 1\nanswer = 'lost'"), "lost: 1"),
        (
            decision("kind = 'fate'\nfrom = 'n1'\nto = 'n2'\nof = 'word'\nnth = 1\nanswer = 'late 80000us'"),
            "a message took",
        ),
        (fault("partition = [['n1'], ['n2']]"), "cut: 1"),
        (fault("lose = { kind = 'word' }"), "shot: 1"),
        (fault("clog = { from = 'n1', to = 'n2' }"), "a message took"),
        (fault("pause = ['n2']"), "a pause took"),
        (fault("slow-disk = { node = 'n1', extra = '100ms' }"), "a sync took"),
        (fault("clock = { node = 'n1', ppm = 8000000 }"), "a clock was off by 8000000 ppm"),
        (fault("crash = ['n2']"), "nobody was there: 1"),
        (fault("wipe = ['n2']"), "a node lost its disk"),
    ];
    for (more, reason) in cases {
        let trial = ringing(&more, &[]);
        let outcome = trial.run(0);
        assert!(outcome.verdict().is_some(), "{more}");
        assert!(outcome.outside.iter().any(|told| told.starts_with(reason)), "{more}: {:?}", outcome.outside);
        assert_eq!(trial.retry_inside(0), Some(Retrial::Gone), "{more}");
    }
}

#[test]
fn who_cannot_go_on_is_told_with_since_when_and_why() {
    let down = fault("crash = ['n2']").replace("300ms", "30s");
    let outcome = ringing_for("150ms", &down, &[]).run(0);
    assert_eq!(outcome.verdict(), None);
    let aftermath = outcome.aftermath.expect("n1 is left waiting");
    let told: Vec<_> = aftermath.plights.iter().map(|it| (it.to_string(), it.words())).collect();
    let ringer = vec![
        "in doubt about n2 since 100ms".to_string(),
        "waits for n2: an answer; it holds the rope".to_string(),
    ];
    let down = vec!["down since 90ms".to_string()];
    assert_eq!(told, [("n1 (ringer)".to_string(), ringer), ("n2".to_string(), down)]);
    assert_eq!((aftermath.at_ns, aftermath.is_suspended()), (150 * crate::bell::MS, true));
    let answered = ringing_for("150ms", "", &[]).run(0);
    assert_eq!(answered.aftermath, None, "nobody waits");
}

#[test]
fn a_mistake_survives_without_what_lies_outside() {
    let impatient = ["bell/impatient"];
    let inside = ringing("", &impatient);
    let outcome = inside.run(0);
    assert_eq!((outcome.verdict().is_some(), outcome.outside.as_slice()), (true, &[][..]));
    assert_eq!(inside.retry_inside(0), None, "there is nothing to take away");
    let outside = ringing(&fault("crash = ['n2']"), &impatient);
    assert_eq!(outside.run(0).outside, ["nobody was there: 1"]);
    assert_eq!(outside.retry_inside(0), Some(Retrial::Survives));
}

/// Paxos in the scenario of an acceptor that restarts, but its disk is lost.
fn wiped(flaws: &[&str]) -> Box<dyn Trial> {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/paxos/acceptor-restarts.toml");
    #[allow(clippy::disallowed_methods, reason = "tests read the scenarios")]
    let text = std::fs::read_to_string(path).unwrap().replace("crash = \"it\"", "wipe = [\"n2\"]");
    trial_of(parse("test/wiped", &text), flaws)
}

fn label_of(trace: &Trace) -> &[String] {
    &trace.verdict.outside
}

#[test]
fn an_acceptor_without_its_disk_breaks_agreement_outside_the_model() {
    let trial = wiped(&[]);
    let outcome = trial.run(0);
    assert_eq!(outcome.verdict().map(|broken| broken.property.as_str()), Some("one-value-chosen"));
    assert_eq!(outcome.outside, ["a node lost its disk"]);
    assert_eq!(trial.retry_inside(0), Some(Retrial::Gone), "a mere crash does no harm");
    let trace = trial.record(0);
    assert_eq!(label_of(&trace), ["a node lost its disk"]);
    assert!(
        story::short(&trace).contains("Outside the model: a node lost its disk."),
        "{}",
        story::short(&trace)
    );
    let text = trace.to_bytes();
    let read = Trace::parse("test.jsonl", &text).unwrap();
    assert_eq!(read, trace);
    let replayed = crate::common::open(&read).replay(Flaws::Kept).trace;
    assert_eq!(label_of(&replayed), label_of(&trace));
    let shrunk = trial.shrink(0, &|| false).unwrap();
    assert_eq!(label_of(&shrunk.trace), ["a node lost its disk"]);
}

#[test]
fn a_label_belongs_to_a_violation() {
    let mut trace = crate::common::trial("paxos/minority", &[]).record(0);
    trace.verdict.outside = vec!["nobody knows".to_string()];
    let refused = Trace::parse("test.jsonl", &trace.to_bytes()).unwrap_err().to_string();
    assert!(refused.contains("neither inside nor outside"), "{refused}");
}

#[test]
fn a_flaw_is_found_behind_a_lost_disk() {
    let trial = wiped(&["paxos/own-value"]);
    assert_eq!(trial.run(0).outside, ["a node lost its disk"]);
    assert_eq!(trial.retry_inside(0), Some(Retrial::Survives));
}

#[test]
fn what_fails_inside_is_not_shrunk_to_something_outside() {
    let trial = trial_of(crate::common::read("paxos/acceptor-restarts"), &["paxos/own-value"]);
    let shrunk = trial.shrink(0, &|| false).unwrap();
    assert!(label_of(&shrunk.trace).is_empty());
    let case: Box<dyn Case> = crate::common::open(&shrunk.trace);
    assert!(label_of(&case.replay(Flaws::Kept).trace).is_empty());
}

/// Two-phase commit on a calm day, but each message takes this long.
fn slow(latency: &str, flaws: &[&str]) -> Box<dyn Trial> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/2pc/calm.toml");
    #[allow(clippy::disallowed_methods, reason = "tests read the scenarios")]
    let text = std::fs::read_to_string(path).unwrap();
    trial_of(parse("test/slow", &text.replace("[\"100us\", \"10ms\"]", latency)), flaws)
}

/// AC4 is about executions without failures, and a vote that is later than the timeout is one. No fault has struck.
#[test]
fn a_timeout_that_is_shorter_than_the_network_breaks_ac4_outside_the_model() {
    let trial = slow("'60ms'", &[]);
    let outcome = trial.run(0);
    assert_eq!(outcome.verdict().map(|broken| broken.property.as_str()), Some("ac4"));
    let told = "a vote may have come 120ms after it was asked for, and the coordinator waits for 100ms";
    assert_eq!(outcome.outside, [told]);
    assert!(outcome.strayed.is_empty(), "nothing but AC4 rests on it");
    assert_eq!(trial.retry_inside(0), Some(Retrial::Undecided), "no link is faster");
    // As slow as the timeout allows.
    let fits = slow("'49ms'", &[]);
    for seed in 0..20 {
        let outcome = fits.run(seed);
        assert_eq!((outcome.verdict(), outcome.evaluated[ac4()] > 0), (None, true), "seed {seed}");
    }
}

fn ac4() -> usize {
    let trial = slow("'1ms'", &[]);
    trial.properties().iter().position(|property| property.name == "ac4").expect("there it is")
}

/// That the network is slow excuses no other property.
#[test]
fn a_slow_network_excuses_only_ac4() {
    let config = quarrel_two_phase_commit::Config::new(2);
    let struck = Struck { message_ns: 60_000_000, ..Struck::default() };
    let excused = |property| TwoPhaseCommit::outside_for(property, &config, &struck).len();
    assert_eq!(["ac1", "ac3", "ac4", "linearizability"].map(excused), [0, 0, 1, 0]);
}
