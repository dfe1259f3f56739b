//! Histories made by hand. An operation with `!` is the one that cannot be placed; without any, an order exists.

use quarrel_spec::linearizability::{Span, Verdict, check};

use crate::brute_force::brute_force;
use crate::explanation::assert_explains;
use crate::models::register::{RegisterAnswer, RegisterCall};
use crate::models::{Bank, Hints, KeyValue, Lock, Queue, Register, Sticky, Subject};
use crate::notation::read;

const HISTORIES: &str = include_str!("hand_made.txt");

#[test]
fn verdicts_of_hand_made_histories() {
    let mut count = 0;
    for paragraph in HISTORIES.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        let mut lines = paragraph.lines().filter(|line| !line.starts_with('#'));
        let Some((model, name)) = lines.next().and_then(|title| title.split_once(": ")) else { continue };
        let lines: Vec<&str> = lines.collect();
        match model {
            "register" => judge::<Register>(name, &lines),
            "text" => judge::<KeyValue>(name, &lines),
            "queue" => judge::<Queue>(name, &lines),
            "lock" => judge::<Lock>(name, &lines),
            "sticky" => judge::<Sticky>(name, &lines),
            "bank" => judge::<Bank>(name, &lines),
            _ => panic!("no such model: {model}"),
        }
        count += 1;
    }
    assert_eq!(count, 58, "none was skipped");
}

fn judge<S: Subject>(name: &str, lines: &[&str]) {
    let stuck = lines.iter().position(|line| line.ends_with(" !"));
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end_matches(" !").trim()).collect();
    let history = read::<S>(&lines);
    let members: Vec<usize> = (0..history.len()).collect();
    for hints in [Hints::None, Hints::All] {
        let model = S::new(hints);
        match check(&model, &history, u64::MAX) {
            Verdict::Linearizable { .. } => assert_eq!(stuck, None, "{name}, {hints:?}: an order was found"),
            Verdict::Violation(explanation) => {
                assert_eq!(stuck, Some(explanation.stuck), "{name}, {hints:?}: {explanation:#?}");
                assert!(explanation.is_furthest);
                assert_explains(&model, &history, &explanation);
            }
            Verdict::Unknown { .. } => panic!("{name}, {hints:?}: the budget was endless"),
        }
        // One key in all of these histories, so brute force needs no parts. Longer ones would take it too long.
        if history.len() <= 7 {
            let truth = brute_force(&model, &history, &members);
            assert_eq!(truth.is_linearizable, stuck.is_none(), "{name}: the table is wrong");
        }
    }
}

#[test]
fn an_explanation_rests_on_no_write_that_nobody_was_told_of() {
    let span = |process, call, called, returned| Span { process, call, called, returned };
    let found = |value| RegisterAnswer::Found(Some(value));
    // Three writes of unknown outcome may have happened anywhere; one of them must have. What is in the way of the last
    // read is the write that was acknowledged.
    let history = [
        span(1, RegisterCall::Write(7), 1, None),
        span(2, RegisterCall::Write(8), 2, None),
        span(3, RegisterCall::Write(9), 3, None),
        span(4, RegisterCall::Read, 4, Some((5, found(8)))),
        span(4, RegisterCall::Write(14), 6, Some((7, RegisterAnswer::Written))),
        span(4, RegisterCall::Read, 8, Some((9, found(10)))),
    ];
    for hints in [Hints::None, Hints::All] {
        let Verdict::Violation(told) = check(&Register::new(hints), &history, u64::MAX) else {
            panic!("nobody wrote 10");
        };
        let order: Vec<usize> = told.prefix.iter().map(|step| step.operation).collect();
        assert_eq!((order.as_slice(), told.stuck), (&[1, 3, 4][..], 5), "{hints:?}");
        assert_eq!(told.possible[0], found(14), "{hints:?}: {:?}", told.possible);
        assert!(told.possible.len() <= 16 && told.is_furthest);
    }
}
