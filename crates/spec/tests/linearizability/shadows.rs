//! What shadows tell at once, and what they cannot.

use quarrel_spec::Value;
use quarrel_spec::linearizability::shadow::refute;
use quarrel_spec::linearizability::{Span, Verdict, check};
use quarrel_spec::machine::{
    Account, BankCall, BankOutcome, Call, Key, Kind, KvCall, KvOutcome, Outcome, QueueCall, QueueOutcome,
};

const BANK: Kind = Kind::Bank { accounts: 3, opening: 10 };

/// Operations one after the other.
fn one_by_one(operations: Vec<(Call, Outcome)>) -> Vec<Span<Call, Outcome>> {
    let spans = operations.into_iter().zip(0u64..);
    spans
        .map(|((call, seen), at)| Span {
            process: 0,
            call,
            called: 2 * at,
            returned: Some((2 * at + 1, seen)),
        })
        .collect()
}

fn stuck(kind: Kind, history: &[Span<Call, Outcome>]) -> Option<usize> {
    let members: Vec<usize> = (0..history.len()).collect();
    let stuck = refute(&kind, history, &members, 1_000_000).stuck;
    let is_broken = matches!(check(&kind, history, 1_000_000), Verdict::Violation(_));
    assert!(is_broken || stuck.is_none(), "no shadow is worse than the whole");
    stuck
}

fn transfer(from: u16, to: u16, amount: u32) -> (Call, Outcome) {
    let call = BankCall::Transfer { from: Account(from), to: Account(to), amount };
    (Call::Bank(call), Outcome::Bank(BankOutcome::Transferred))
}

fn balance(account: u16, seen: u64) -> (Call, Outcome) {
    (Call::Bank(BankCall::Balance(Account(account))), Outcome::Bank(BankOutcome::Balance(seen)))
}

#[test]
fn a_balance_is_a_sum_of_transfers() {
    let history = one_by_one(vec![transfer(0, 1, 3), balance(1, 13), balance(2, 10), balance(0, 10)]);
    assert_eq!(stuck(BANK, &history), Some(3), "a stale balance");
    let mut overlapping = history.clone();
    overlapping[0].returned = Some((9, Outcome::Bank(BankOutcome::Transferred)));
    assert_eq!(stuck(BANK, &overlapping), None, "each account alone may be so, but not both");
}

#[test]
fn an_account_is_not_overdrawn() {
    let history = one_by_one(vec![transfer(0, 1, 8), transfer(0, 1, 8)]);
    assert_eq!(stuck(BANK, &history), Some(1));
}

#[test]
fn a_text_holds_what_was_appended_as_often_as_it_was() {
    let append = |text| {
        let call = KvCall::Append { key: Key(0), text: Value(text) };
        (Call::Kv(call), Outcome::Kv(KvOutcome::Stored))
    };
    let get =
        |text: &str| (Call::Kv(KvCall::Get { key: Key(0) }), Outcome::Kv(KvOutcome::Found(text.to_owned())));
    let read = |text| stuck(Kind::Kv, &one_by_one(vec![append(1), append(12), get(text)]));
    assert_eq!(read("v1v12"), None);
    assert_eq!(read("v1v12v12"), Some(2), "doubled");
    assert_eq!(read("v1"), Some(2), "stale");
    assert_eq!(read("v12v1"), None, "a shadow knows no order; the search does");
}

#[test]
fn a_queue_has_a_length() {
    let enqueue =
        |value| (Call::Queue(QueueCall::Enqueue(Value(value))), Outcome::Queue(QueueOutcome::Enqueued));
    let length = |length| (Call::Queue(QueueCall::Length), Outcome::Queue(QueueOutcome::Length(length)));
    assert_eq!(stuck(Kind::Queue, &one_by_one(vec![enqueue(1), enqueue(2), length(2)])), None);
    assert_eq!(stuck(Kind::Queue, &one_by_one(vec![enqueue(1), enqueue(2), length(1)])), Some(2));
}
