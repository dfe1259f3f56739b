//! Links that keep the order of their messages, under everything that a chaos scenario has.

use quarrel_formats::Scenario;
use quarrel_formats::trace::{Judgement, Outcome, compare};
use quarrel_harness::case::Flaws;
use quarrel_harness::reach::fault_classes;
use quarrel_sim::fault::FaultClass;

/// A scenario of the repository whose links keep the order.
fn in_order(name: &str) -> Scenario {
    let text = crate::common::read(name);
    let file = format!("{}/../../scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    #[allow(clippy::disallowed_methods, reason = "the test reads a scenario")]
    let bytes = std::fs::read(file).expect("the scenario is there");
    let sets = [("network.order".to_string(), "fifo".to_string())];
    let scenario =
        Scenario::parse_with(name, "test.toml", &bytes, &sets).unwrap_or_else(|error| panic!("{error}"));
    assert!(fault_classes(&text).contains(&FaultClass::Reordering), "{name} reorders otherwise");
    scenario
}

#[test]
fn nothing_is_reordered_and_nobody_waits_for_it() {
    for name in ["raft/chaos", "paxos/chaos"] {
        let scenario = in_order(name);
        assert!(!fault_classes(&scenario).contains(&FaultClass::Reordering));
        let trial = crate::common::trial_of(scenario, &[]);
        let mut late = 0;
        for seed in 0..40 {
            let outcome = trial.run(seed);
            assert_eq!(outcome.verdict(), None, "{name}, seed {seed}");
            assert_eq!(outcome.tally.struck.of(FaultClass::Reordering), 0, "{name}, seed {seed}");
            late += outcome.tally.struck.of(FaultClass::Delay);
        }
        assert!(late > 1_000, "{name}: {late} messages are late");
    }
}

#[test]
fn a_run_in_order_is_filed_and_replayed() {
    let trial = crate::common::trial_of(in_order("raft/chaos"), &["raft/commit-beyond-match"]);
    let mut violated = 0;
    for seed in 0..8 {
        let trace = trial.record(seed);
        assert!(trace.header.world.fifo);
        assert_eq!(trial.run(seed).tally.digest, trace.verdict.digest);
        let again = crate::common::open(&trace).replay(Flaws::Kept);
        assert_eq!((compare(&trace, &again.trace), again.never_asked), (Outcome::Reproduced, 0));
        violated += u32::from(trace.verdict.judgement != Judgement::Held);
    }
    assert!(violated > 0, "the flaw shows without reordering as well");
}

/// A message that is still on its way when the faults end holds up those behind it: the bound knows.
#[test]
fn a_core_has_time_for_what_is_held_up() {
    let bound = |text: &str| {
        let text = format!(
            "# Three nodes.\nprotocol = \"raft\"\nnodes = 3\nduration = \"1s\"\n[liveness]\nrounds = 1\n\
             [network]\nlatency = \"2ms\"\n{text}"
        );
        let trace = crate::common::trial_of(crate::common::parse("raft/test", &text), &[]).record(1);
        trace.header.world.liveness.expect("somebody must come back").bound_ns
    };
    const MS: u64 = 1_000_000;
    let any = bound("spread = \"5ms\"\ndelay = 0.1\ndelay-max = \"300ms\"\n");
    assert_eq!(bound("order = \"fifo\"\n") - any, 2 * 2 * MS);
    assert_eq!(bound("order = \"fifo\"\nspread = \"5ms\"\ndelay-max = \"300ms\"\n") - any, 2 * 7 * MS);
    let late = "order = \"fifo\"\nspread = \"5ms\"\ndelay = 0.1\ndelay-max = \"300ms\"\n";
    assert_eq!(bound(late) - any, 2 * 307 * MS);
}
