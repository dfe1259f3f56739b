//! The claimed order: where it explains a history, the search agrees, and each way to fail is told apart.

use std::cell::Cell;

use proptest::prelude::*;
use quarrel_spec::linearizability::{Doubt, Placed, Verdict, check_near, explains};

use crate::fuzz::{any_drafts, runner};
use crate::models::{Bank, Hints, KeyValue, Lock, Queue, Register, Sticky, Subject};
use crate::notation::read;
use crate::workload::{Draft, make};

fn never_claims_too_much<S: Subject>()
where
    S::Call: 'static,
{
    let (held, failed) = (Cell::new(0), Cell::new(0));
    let strategy = (any_drafts::<S>(12), proptest::option::of((0usize..12, 0usize..12)));
    runner(4_000)
        .run(&strategy, |(drafts, swap)| {
            let mut made = make::<S>(&drafts);
            let is_honest = swap.is_none() && drafts.iter().all(|draft| draft.distort.is_none());
            if let Some((one, other)) = swap
                && one.max(other) < made.order.len()
            {
                let (one_is_at, other_is_at) = (made.order[one].position, made.order[other].position);
                made.order[one].position = other_is_at;
                made.order[other].position = one_is_at;
            }
            let model = S::new(Hints::All);
            let witness = explains(&model, &made.history, &made.order);
            prop_assert!(witness.is_ok() || !is_honest, "a true order explains: {witness:?}");
            if witness.is_ok() {
                let verdict = check_near(&model, &made.history, &made.order, u64::MAX);
                prop_assert!(matches!(verdict, Verdict::Linearizable { .. }), "{verdict:?}");
            }
            let count = if witness.is_ok() { &held } else { &failed };
            count.set(count.get() + 1);
            Ok(())
        })
        .unwrap();
    assert!(held.get() > 400 && failed.get() > 400, "{} held, {} failed", held.get(), failed.get());
}

#[test]
fn never_claims_too_much_of_any_model() {
    never_claims_too_much::<Register>();
    never_claims_too_much::<KeyValue>();
    never_claims_too_much::<Queue>();
    never_claims_too_much::<Lock>();
    never_claims_too_much::<Sticky>();
    never_claims_too_much::<Bank>();
}

/// Checks what is said of a claimed order, given as operation and position.
fn expect(lines: &[&str], order: &[(usize, u64)], expected: Result<(), Doubt>) {
    let history = read::<Register>(lines);
    let order: Vec<Placed> =
        order.iter().map(|&(operation, position)| Placed { operation, position }).collect();
    assert_eq!(explains(&Register(Hints::None), &history, &order), expected);
}

#[test]
fn tells_doubts_apart() {
    let lines = ["c1 write 1: 0-1", "c2 write 2: 2-5", "c3 read = 2: 3-6", "c1 write 3: 4-?"];
    expect(&lines, &[(0, 1), (1, 2), (2, 2)], Ok(()));
    expect(&lines, &[(0, 1), (1, 2), (2, 3), (3, 4)], Ok(()));
    expect(&lines, &[(0, 1), (1, 3), (2, 4), (3, 2)], Ok(()));
    expect(&lines, &[(0, 1), (1, 2), (2, 4), (3, 3)], Err(Doubt::OtherAnswer(2)));
    expect(&lines, &[(0, 2), (1, 1), (2, 1)], Err(Doubt::TooLate(0)));
    expect(&lines, &[(0, 1), (1, 1), (2, 2)], Err(Doubt::SamePosition(1)));
    expect(&lines, &[(0, 1), (2, 1)], Err(Doubt::Missing(1)));
    expect(&lines, &[(0, 1), (1, 2), (1, 3), (2, 3)], Err(Doubt::Twice(1)));
    expect(&lines, &[(0, 1), (4, 2)], Err(Doubt::NoSuchOperation(4)));
}

#[test]
fn reads_that_share_a_position_stand_in_the_order_of_their_calls() {
    let lines = ["c1 write 1: 0-1", "c2 read = 1: 2-3", "c3 read = 1: 4-5"];
    expect(&lines, &[(2, 7), (1, 7), (0, 7)], Ok(()));
    let lines = ["c2 read = nothing: 0-1", "c1 write 1: 2-3", "c3 read = 1: 4-5"];
    expect(&lines, &[(0, 0), (1, 1), (2, 1)], Ok(()));
    expect(&lines, &[(0, 1), (1, 1), (2, 1)], Err(Doubt::TooLate(0)));
}

#[test]
fn positions_of_different_parts_are_not_compared() {
    let draft = |process, call| Draft {
        process,
        call,
        pause: process,
        duration: 1,
        point: 0,
        is_known: true,
        distort: None,
    };
    use crate::models::KeyValueCall::Put;
    let made = make::<KeyValue>(&[draft(1, Put(1, "a".to_owned())), draft(9, Put(2, "b".to_owned()))]);
    let backwards = [Placed { operation: 0, position: 5 }, Placed { operation: 1, position: 5 }];
    assert_eq!(explains(&KeyValue(Hints::None), &made.history, &backwards), Ok(()));
}
