//! A lock that is tried and not waited for. Holders have tokens, which clients are not told.

use std::fmt;

use proptest::prelude::*;
use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::linearizability::Model;

use super::{Hints, Subject};

pub(crate) struct Lock(Hints);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LockCall {
    Acquire(u64),
    Release(u64),
}

/// With the token where one was given out: how often the lock has been acquired. Clients are told 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LockAnswer {
    Granted(u64),
    Refused,
}

/// Who holds it, and how often it has been acquired.
type Holder = (Option<u64>, u64);

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LockState(Holder);

impl Model for Lock {
    type State = LockState;
    type Call = LockCall;
    type Answer = LockAnswer;

    fn initial(&self) -> LockState {
        LockState((None, 0))
    }

    fn apply(&self, LockState((holder, token)): &mut LockState, call: &LockCall) -> LockAnswer {
        match (*call, *holder) {
            (LockCall::Acquire(process), None) => {
                *holder = Some(process);
                *token += 1;
                LockAnswer::Granted(*token)
            }
            (LockCall::Release(process), Some(held_by)) if held_by == process => {
                *holder = None;
                LockAnswer::Granted(*token)
            }
            (LockCall::Acquire(_) | LockCall::Release(_), _) => LockAnswer::Refused,
        }
    }

    fn agrees(&self, given: &LockAnswer, seen: &LockAnswer) -> bool {
        matches!(
            (given, seen),
            (LockAnswer::Granted(_), LockAnswer::Granted(_)) | (LockAnswer::Refused, LockAnswer::Refused)
        )
    }

    fn is_inert(&self, _call: &LockCall, seen: &LockAnswer) -> bool {
        self.0 == Hints::All && *seen == LockAnswer::Refused
    }
}

impl Subject for Lock {
    fn new(hints: Hints) -> Self {
        Self(hints)
    }

    fn any_call(process: u64) -> BoxedStrategy<LockCall> {
        prop_oneof![Just(LockCall::Acquire(process)), Just(LockCall::Release(process))].boxed()
    }

    fn distort(answer: &LockAnswer, _by: u8) -> LockAnswer {
        match answer {
            LockAnswer::Granted(_) => LockAnswer::Refused,
            LockAnswer::Refused => LockAnswer::Granted(0),
        }
    }

    fn read_call(process: u64, words: &[&str]) -> LockCall {
        match *words {
            ["acquire"] => LockCall::Acquire(process),
            ["release"] => LockCall::Release(process),
            _ => panic!("no call of a lock: {words:?}"),
        }
    }

    fn read_answer(call: &LockCall, words: &[&str]) -> LockAnswer {
        match words {
            ["granted"] => LockAnswer::Granted(0),
            ["refused"] => LockAnswer::Refused,
            _ => panic!("no answer to {call}: {words:?}"),
        }
    }
}

impl fmt::Display for LockCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for LockAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Fingerprint for LockCall {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match *self {
            LockCall::Acquire(process) => into.pair(0, process),
            LockCall::Release(process) => into.pair(1, process),
        }
    }
}

impl Fingerprint for LockState {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        let LockState((holder, token)) = self;
        holder.fingerprint(into);
        into.word(*token);
    }
}
