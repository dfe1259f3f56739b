//! Random small histories: the search says what brute force says, for every model, with and without hints.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use quarrel_spec::linearizability::shadow::refute;
use quarrel_spec::linearizability::{History, Model, Span, Verdict, check};

use crate::brute_force::brute_force;
use crate::explanation::assert_explains;
use crate::models::{Bank, Hints, KeyValue, Lock, Numbered, Queue, Register, Sticky, Subject};
use crate::workload::{Draft, history_of};

/// Enough for any history of seven operations.
const AMPLE: u64 = 10_000_000;
const CASES: u32 = 6_000;

/// A few operations of a few processes.
pub(crate) fn any_drafts<S: Subject>(max: usize) -> impl Strategy<Value = Vec<Draft<S::Call>>>
where
    S::Call: 'static,
{
    let draft = (0u64..4).prop_flat_map(|process| {
        let outcome = prop_oneof![6 => Just(true), 2 => Just(false)];
        let distort = prop_oneof![7 => Just(None), 2 => any::<u8>().prop_map(Some)];
        (S::any_call(process), 0u64..6, 1u64..12, 0u64..16, outcome, distort).prop_map(
            move |(call, pause, duration, point, is_known, distort)| Draft {
                process,
                call,
                pause,
                duration,
                point,
                is_known,
                distort,
            },
        )
    });
    proptest::collection::vec(draft, 0..=max)
}

/// The same draws in every run: a failure is there tomorrow.
pub(crate) fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn parts<M: Model>(model: &M, history: &History<M>) -> BTreeMap<Option<u64>, Vec<usize>> {
    let mut parts: BTreeMap<Option<u64>, Vec<usize>> = BTreeMap::new();
    let has_parts = history.iter().all(|span| model.part(&span.call).is_some());
    for (index, span) in history.iter().enumerate() {
        parts.entry(if has_parts { model.part(&span.call) } else { None }).or_default().push(index);
    }
    parts
}

/// Compares one verdict with the truth. Says whether the history is linearizable.
fn compare<S: Subject>(history: &[Span<S::Call, S::Answer>], hints: Hints, budget: u64) -> bool {
    let model = S::new(hints);
    let mut broken = BTreeMap::new();
    for (part, members) in parts(&model, &history.to_vec()) {
        let truth = brute_force(&model, history, &members);
        if !truth.is_linearizable {
            broken.insert(part, truth.furthest);
        }
    }
    assert_shadows(&model, history, &broken);
    match check(&model, history, budget) {
        Verdict::Linearizable { .. } => assert!(broken.is_empty(), "{hints:?}: an order was made up"),
        Verdict::Violation(explanation) => {
            let Some(furthest) = broken.get(&explanation.part) else {
                panic!("{hints:?}: an order was overlooked: {explanation:?}")
            };
            assert_explains(&model, history, &explanation);
            let (returned, _) = history[explanation.stuck].returned.as_ref().expect("it returned");
            assert!(explanation.is_furthest || budget < AMPLE, "nothing was left to prove");
            assert!(returned <= furthest, "no order gets this far");
            assert!(!explanation.is_furthest || returned == furthest, "orders get further than this");
        }
        Verdict::Unknown { steps, undecided } => {
            assert!(budget < AMPLE && steps >= budget, "there was budget left");
            assert!(!undecided.is_empty());
        }
    }
    broken.is_empty()
}

/// What has no order in a shadow has none in whole, and gets no further.
fn assert_shadows<M: Model>(
    model: &M,
    history: &[Span<M::Call, M::Answer>],
    broken: &BTreeMap<Option<u64>, u64>,
) {
    for (part, members) in parts(model, &history.to_vec()) {
        if let Some(stuck) = refute(model, history, &members, AMPLE).stuck {
            let (returned, _) = history[stuck].returned.as_ref().expect("it returned");
            let furthest = broken.get(&part).expect("no shadow is worse than the whole");
            assert!(furthest <= returned, "some order gets further than a shadow");
        }
    }
}

fn compare_with_brute_force<S: Subject>()
where
    S::Call: 'static,
{
    let (good, bad) = (Cell::new(0), Cell::new(0));
    let strategy = (any_drafts::<S>(7), 0u64..200);
    runner(CASES)
        .run(&strategy, |(drafts, small_budget)| {
            let history = history_of::<S>(&drafts);
            let is_good = compare::<S>(&history, Hints::None, AMPLE);
            compare::<S>(&history, Hints::All, AMPLE);
            compare::<S>(&history, Hints::All, small_budget);
            let count = if is_good { &good } else { &bad };
            count.set(count.get() + 1);
            Ok(())
        })
        .unwrap();
    let (good, bad) = (good.get(), bad.get());
    assert!(good > CASES / 10 && bad > CASES / 10, "one-sided: {good} linearizable, {bad} not");
}

#[test]
fn registers() {
    compare_with_brute_force::<Register>();
}

#[test]
fn texts_under_keys() {
    compare_with_brute_force::<KeyValue>();
}

#[test]
fn queues() {
    compare_with_brute_force::<Queue>();
}

#[test]
fn locks() {
    compare_with_brute_force::<Lock>();
}

#[test]
fn sticky_registers() {
    compare_with_brute_force::<Sticky>();
}

#[test]
fn banks() {
    compare_with_brute_force::<Bank>();
}

#[test]
fn machines_that_are_registers() {
    compare_with_brute_force::<Numbered<0>>();
}

#[test]
fn machines_that_are_stores() {
    compare_with_brute_force::<Numbered<1>>();
}

#[test]
fn machines_that_are_banks() {
    compare_with_brute_force::<Numbered<2>>();
}

#[test]
fn machines_that_are_seats() {
    compare_with_brute_force::<Numbered<3>>();
}

#[test]
fn machines_that_are_locks() {
    compare_with_brute_force::<Numbered<4>>();
}

#[test]
fn machines_that_are_registries() {
    compare_with_brute_force::<Numbered<5>>();
}

#[test]
fn machines_that_are_queues() {
    compare_with_brute_force::<Numbered<6>>();
}
