//! The machines as models of histories: parts are independent, and answers of locks may be vague.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quarrel_protocol::Fingerprint;
use quarrel_spec::linearizability::Model;
use quarrel_spec::machine::{Call, Kind, LockCall, LockId, LockOutcome, Machine, Outcome, Token, Who};

use crate::arbitrary;
use crate::config;

proptest! {
    #![proptest_config(config())]

    /// Herlihy and Wing's locality stands on this: a call about one part is answered the same, whether the state
    /// has heard of the other parts or not.
    #[test]
    fn a_part_alone_answers_as_the_whole_does((kind, calls) in arbitrary::kind_and_calls()) {
        let mut whole = kind.initial();
        let mut parts: BTreeMap<u64, Machine> = BTreeMap::new();
        // A call about the whole sees all parts, so only histories without one are taken apart.
        for call in calls {
            let Some(part) = kind.part(&call) else { continue };
            let alone = parts.entry(part).or_insert_with(|| kind.initial());
            let answer = kind.apply(&mut whole, &call);
            prop_assert_eq!(&answer, &kind.apply(alone, &call), "{}", call);
            prop_assert!(kind.agrees(&answer, &answer));
        }
    }

    #[test]
    fn equal_states_answer_equally_and_have_equal_fingerprints((kind, calls) in arbitrary::kind_and_calls()) {
        let (mut one, mut other) = (kind.initial(), kind.initial());
        for call in &calls {
            prop_assert_eq!(kind.apply(&mut one, call), kind.apply(&mut other, call));
            prop_assert_eq!(one.digest(), other.digest());
        }
        prop_assert_eq!(one, other);
    }
}

#[test]
fn a_lock_elsewhere_may_be_vague_but_not_wrong() {
    let agrees = |given, seen| Kind::Lock.agrees(&Outcome::Lock(given), &Outcome::Lock(seen));
    let granted = LockOutcome::Granted(Some(Token(3)));
    let held = LockOutcome::Held(Some(Who(1)));
    assert!(agrees(granted, granted));
    assert!(agrees(granted, LockOutcome::Granted(None)), "a lock without tokens");
    assert!(agrees(held, LockOutcome::Held(None)), "a lock that does not say who holds it");
    assert!(!agrees(granted, LockOutcome::Granted(Some(Token(4)))));
    assert!(!agrees(held, LockOutcome::Held(Some(Who(2)))));
    assert!(!agrees(held, LockOutcome::Granted(None)), "vague about the token, not about the grant");
    assert!(!agrees(granted, LockOutcome::Held(None)));
}

#[test]
fn a_call_names_its_part() {
    let lock = Call::Lock(LockCall::Holder(LockId(9)));
    assert_eq!(Kind::Lock.part(&lock), Some(9));
    assert!(Kind::Lock.is_read(&lock));
}
