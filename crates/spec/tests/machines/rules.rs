//! The rules of each machine, checked from outside: against what earlier answers said, not against its state.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use quarrel_protocol::Fingerprint;
use quarrel_spec::Value;
use quarrel_spec::machine::{
    Account, Bank, BankCall, BankOutcome, Call, Key, Kind, Kv, KvCall, KvOutcome, LockCall, LockId,
    LockOutcome, Locks, Machine, Membership, MembershipCall, MembershipOutcome, Outcome, Queue, QueueCall,
    QueueOutcome, Register, RegisterCall, RegisterOutcome, Seats, SeatsCall, SeatsOutcome, Token, Who,
};

use crate::arbitrary::{self, OPENING, PARTS};
use crate::config;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn cas_sets_exactly_when_the_comparison_holds(calls in vec(arbitrary::register(), 0..60)) {
        let mut register = Register::default();
        let mut there = None;
        for call in calls {
            let expected = match call {
                RegisterCall::Read => RegisterOutcome::Found(there),
                RegisterCall::Write(value) => {
                    there = Some(value);
                    RegisterOutcome::Written
                }
                RegisterCall::Cas { from, to } if from == there => {
                    there = Some(to);
                    RegisterOutcome::Compared(true)
                }
                RegisterCall::Cas { .. } => RegisterOutcome::Compared(false),
            };
            prop_assert_eq!(register.apply(&call), expected, "{}", call);
        }
    }

    #[test]
    fn a_get_reads_every_append_since_the_last_put_in_order(calls in vec(arbitrary::kv(), 0..60)) {
        let mut store = Kv::default();
        let mut written: BTreeMap<Key, Vec<Value>> = BTreeMap::new();
        for call in calls {
            match (call, store.apply(&call)) {
                (KvCall::Put { key, text }, KvOutcome::Stored) => {
                    written.insert(key, vec![text]);
                }
                (KvCall::Append { key, text }, KvOutcome::Stored) => {
                    written.entry(key).or_default().push(text);
                }
                (KvCall::Get { key }, KvOutcome::Found(text)) => {
                    prop_assert_eq!(values(&text), written.get(&key).cloned().unwrap_or_default());
                }
                (call, outcome) => prop_assert!(false, "{} answers {}", call, outcome),
            }
        }
    }

    #[test]
    fn money_is_neither_made_nor_lost_nor_lent(calls in vec(arbitrary::bank(), 0..60)) {
        let mut bank = Bank::new(PARTS, OPENING);
        for call in calls {
            let before = audit(&bank);
            let outcome = bank.apply(&call);
            let after = audit(&bank);
            prop_assert_eq!(after.iter().sum::<u64>(), u64::from(PARTS) * u64::from(OPENING));
            let mut expected = before.clone();
            match (call, outcome) {
                (BankCall::Transfer { from, to, amount }, outcome) => {
                    let (from, to, amount) = (usize::from(from.0), usize::from(to.0), u64::from(amount));
                    let refusal = if from.max(to) >= before.len() {
                        Some(BankOutcome::NoSuchAccount)
                    } else if from == to {
                        Some(BankOutcome::SameAccount)
                    } else if amount > before[from] {
                        Some(BankOutcome::NoFunds)
                    } else {
                        expected[from] -= amount;
                        expected[to] += amount;
                        None
                    };
                    prop_assert_eq!(outcome, refusal.unwrap_or(BankOutcome::Transferred), "{}", call);
                }
                (BankCall::Balance(Account(account)), BankOutcome::Balance(balance)) => {
                    prop_assert_eq!(balance, before[usize::from(account)]);
                }
                (BankCall::Balance(account), BankOutcome::NoSuchAccount) => prop_assert!(account.0 >= PARTS),
                (BankCall::Audit, BankOutcome::Balances(balances)) => prop_assert_eq!(balances, before),
                (call, outcome) => prop_assert!(false, "{} answers {}", call, outcome),
            }
            prop_assert_eq!(after, expected, "{}", call);
        }
    }

    #[test]
    fn no_seat_is_sold_twice(calls in vec(arbitrary::seats(), 0..60)) {
        let mut office = Seats::new(PARTS);
        let mut sold = BTreeMap::new();
        for call in calls {
            let outcome = office.apply(&call);
            if call.seat().is_some_and(|seat| seat.0 >= PARTS) {
                prop_assert_eq!(outcome, SeatsOutcome::NoSuchSeat);
                continue;
            }
            match (call, outcome) {
                (SeatsCall::Reserve { seat, who }, SeatsOutcome::Reserved) => {
                    prop_assert_eq!(sold.insert(seat, who), None, "{} although it was sold", call);
                }
                (SeatsCall::Reserve { seat, who }, SeatsOutcome::AlreadyYours) => {
                    prop_assert_eq!(sold.get(&seat), Some(&who));
                }
                (SeatsCall::Reserve { seat, who }, SeatsOutcome::Taken(by)) => {
                    prop_assert_eq!(sold.get(&seat), Some(&by));
                    prop_assert_ne!(by, who);
                }
                (SeatsCall::Release { seat, who }, SeatsOutcome::Released) => {
                    prop_assert_eq!(sold.remove(&seat), Some(who));
                }
                (SeatsCall::Release { seat, who }, SeatsOutcome::NotYours) => {
                    prop_assert_ne!(sold.get(&seat), Some(&who));
                }
                (SeatsCall::Holder(seat), SeatsOutcome::Holder(holder)) => {
                    prop_assert_eq!(sold.get(&seat), holder.as_ref());
                }
                (SeatsCall::Sold, SeatsOutcome::Sold(all)) => {
                    prop_assert_eq!(all, sold.clone().into_iter().collect::<Vec<_>>());
                }
                (call, outcome) => prop_assert!(false, "{} answers {}", call, outcome),
            }
        }
    }

    #[test]
    fn a_lock_has_one_holder_and_its_tokens_rise(calls in vec(arbitrary::lock(), 0..60)) {
        let mut locks = Locks::default();
        let mut holders = BTreeMap::new();
        let mut tokens = BTreeMap::new();
        let mut writes = BTreeMap::new();
        for call in calls {
            let holder = holders.get(&call.lock()).copied();
            match (call, locks.apply(&call)) {
                (LockCall::Acquire { lock, who }, LockOutcome::Granted(Some(token))) => {
                    prop_assert_eq!(holder, None, "two holders");
                    prop_assert!(tokens.insert(lock, token).is_none_or(|last| last < token), "it rises");
                    prop_assert_ne!(token, Token(0));
                    holders.insert(lock, (who, token));
                }
                (LockCall::Acquire { .. }, LockOutcome::Held(by)) => {
                    prop_assert!(by.is_some());
                    prop_assert_eq!(holder.map(|(who, _)| who), by);
                }
                (LockCall::Release { lock, who }, LockOutcome::Released) => {
                    prop_assert_eq!(holders.remove(&lock).map(|(who, _)| who), Some(who));
                }
                (LockCall::Guarded { lock, who }, LockOutcome::Accepted { token, write }) => {
                    prop_assert_eq!(holder, Some((who, token)));
                    let count = writes.entry(lock).or_insert(0);
                    *count += 1;
                    prop_assert_eq!(write, *count);
                }
                (LockCall::Release { who, .. }, LockOutcome::NotYours)
                | (LockCall::Guarded { who, .. }, LockOutcome::Refused) => {
                    prop_assert_ne!(holder.map(|(who, _)| who), Some(who));
                }
                (LockCall::Holder(_), LockOutcome::Holder(said)) => prop_assert_eq!(said, holder),
                (call, outcome) => prop_assert!(false, "{} answers {}", call, outcome),
            }
        }
    }

    #[test]
    fn the_version_counts_the_changes(calls in vec(arbitrary::membership(), 0..60)) {
        let mut registry = Membership::default();
        let (mut all, mut changes) = (BTreeSet::new(), 0);
        for call in calls {
            let expected = match call {
                MembershipCall::Join(member) if all.insert(member) => {
                    changes += 1;
                    MembershipOutcome::Joined
                }
                MembershipCall::Join(_) => MembershipOutcome::AlreadyIn,
                MembershipCall::Leave(member) if all.remove(&member) => {
                    changes += 1;
                    MembershipOutcome::Left
                }
                MembershipCall::Leave(_) => MembershipOutcome::NotIn,
                MembershipCall::IsMember(member) => MembershipOutcome::IsMember(all.contains(&member)),
                MembershipCall::Members => {
                    MembershipOutcome::Members { version: changes, members: all.iter().copied().collect() }
                }
            };
            prop_assert_eq!(registry.apply(&call), expected, "{}", call);
        }
    }

    #[test]
    fn first_in_first_out(calls in vec(arbitrary::queue(), 0..60)) {
        let mut queue = Queue::default();
        let (mut entered, mut left) = (Vec::new(), 0);
        for call in calls {
            let front = entered.get(left).copied();
            match (call, queue.apply(&call)) {
                (QueueCall::Enqueue(value), QueueOutcome::Enqueued) => entered.push(value),
                (QueueCall::Dequeue, QueueOutcome::Dequeued(value)) => {
                    prop_assert_eq!(value, front);
                    left += usize::from(front.is_some());
                }
                (QueueCall::Peek, QueueOutcome::Front(value)) => prop_assert_eq!(value, front),
                (QueueCall::Length, QueueOutcome::Length(length)) => {
                    prop_assert_eq!(length, (entered.len() - left) as u64);
                }
                (QueueCall::Contents, QueueOutcome::Contents(values)) => {
                    prop_assert_eq!(values, &entered[left..]);
                }
                (call, outcome) => prop_assert!(false, "{} answers {}", call, outcome),
            }
        }
    }

    #[test]
    fn a_read_finds_what_applying_it_answers_and_changes_nothing(
        (kind, calls) in arbitrary::kind_and_calls(),
    ) {
        let mut machine = Machine::new(kind);
        let mut states = Vec::new();
        for call in calls {
            let before = machine.clone();
            let found = machine.peek(&call);
            let outcome = machine.apply(&call);
            prop_assert_eq!(found.is_some(), call.is_read(), "{}", call);
            if let Some(found) = found {
                prop_assert_eq!(&found, &outcome, "{}", call);
            }
            if call.is_read() || outcome == Outcome::NotUnderstood {
                prop_assert_eq!(&machine, &before, "{}", call);
            }
            // The checker of histories stands on that: fingerprints tell states apart.
            for earlier in &states {
                prop_assert_eq!(&machine == earlier, machine.digest() == earlier.digest());
            }
            states.push(machine.clone());
        }
    }
}

/// What a text of values was put together from.
fn values(text: &str) -> Vec<Value> {
    let numbers = text.split('v').skip(1);
    numbers.map(|number| Value(number.parse().expect("digits between two v"))).collect()
}

fn audit(bank: &Bank) -> Vec<u64> {
    match bank.peek(&BankCall::Audit) {
        Some(BankOutcome::Balances(balances)) => balances,
        other => panic!("an audit answers {other:?}"),
    }
}

#[test]
fn a_store_of_other_keys_and_texts_is_the_same_store() {
    let mut store: Kv<String> = Kv::default();
    let key = || "colour".to_string();
    let get = |store: &mut Kv<String>| store.apply(&KvCall::<String, String>::Get { key: key() });
    assert_eq!(get(&mut store), KvOutcome::Found(String::new()));
    store.apply(&KvCall::Append { key: key(), text: "blue".to_string() });
    store.apply(&KvCall::Append { key: key(), text: "green".to_string() });
    assert_eq!(get(&mut store), KvOutcome::Found("bluegreen".to_string()));
    store.apply(&KvCall::Put { key: key(), text: String::new() });
    assert_eq!(store, Kv::default(), "an empty text is no text");
    assert_eq!(get(&mut store), KvOutcome::Found(String::new()));
}

#[test]
fn who_holds_a_lock_does_not_get_it_twice() {
    let mut machine = Machine::new(Kind::Lock);
    let (lock, who) = (LockId(0), Who(0));
    let mut ask = |call| machine.apply(&Call::Lock(call)).to_string();
    assert_eq!(ask(LockCall::Acquire { lock, who }), "granted with token t1");
    assert_eq!(ask(LockCall::Acquire { lock, who }), "held by c1");
    assert_eq!(ask(LockCall::Guarded { lock, who }), "write 1 with token t1");
    assert_eq!(ask(LockCall::Release { lock, who }), "released");
    assert_eq!(ask(LockCall::Release { lock, who }), "not yours", "once is enough");
    assert_eq!(ask(LockCall::Guarded { lock, who }), "refused: not yours");
    assert_eq!(ask(LockCall::Acquire { lock, who }), "granted with token t2");
    assert_eq!(ask(LockCall::Guarded { lock, who }), "write 2 with token t2");
}
