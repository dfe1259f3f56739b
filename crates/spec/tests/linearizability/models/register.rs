//! A register with compare-and-set, as Jepsen tests it.

use std::fmt;

use proptest::prelude::*;
use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::linearizability::Model;

use super::{Hints, Subject, number, number_or_nothing};

pub(crate) struct Register(pub(crate) Hints);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RegisterCall {
    Read,
    Write(u32),
    Cas(u32, u32),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RegisterAnswer {
    Found(Option<u32>),
    Written,
    Compared(bool),
}

impl Model for Register {
    type State = Option<u32>;
    type Call = RegisterCall;
    type Answer = RegisterAnswer;

    fn initial(&self) -> Option<u32> {
        None
    }

    fn apply(&self, state: &mut Option<u32>, call: &RegisterCall) -> RegisterAnswer {
        match *call {
            RegisterCall::Read => RegisterAnswer::Found(*state),
            RegisterCall::Write(value) => {
                *state = Some(value);
                RegisterAnswer::Written
            }
            RegisterCall::Cas(from, to) => {
                let holds = *state == Some(from);
                if holds {
                    *state = Some(to);
                }
                RegisterAnswer::Compared(holds)
            }
        }
    }

    fn is_read(&self, call: &RegisterCall) -> bool {
        *call == RegisterCall::Read
    }

    fn is_inert(&self, call: &RegisterCall, seen: &RegisterAnswer) -> bool {
        self.is_read(call) || (self.0 == Hints::All && *seen == RegisterAnswer::Compared(false))
    }

    fn needs(&self, call: &RegisterCall, seen: &RegisterAnswer) -> Option<Option<u32>> {
        match (self.0, *call, *seen) {
            (Hints::All, _, RegisterAnswer::Found(value)) => Some(value),
            (Hints::All, RegisterCall::Cas(from, _), RegisterAnswer::Compared(true)) => Some(Some(from)),
            _ => None,
        }
    }

    fn is_blind(&self, call: &RegisterCall) -> bool {
        self.0 == Hints::All && matches!(call, RegisterCall::Write(_))
    }

    fn overwrites(&self, call: &RegisterCall) -> bool {
        self.is_blind(call)
    }

    fn leads_to(&self, call: &RegisterCall) -> Option<Option<u32>> {
        match (self.0, *call) {
            (Hints::All, RegisterCall::Write(value) | RegisterCall::Cas(_, value)) => Some(Some(value)),
            _ => None,
        }
    }
}

impl Subject for Register {
    fn new(hints: Hints) -> Self {
        Self(hints)
    }

    fn any_call(_process: u64) -> BoxedStrategy<RegisterCall> {
        prop_oneof![
            3 => Just(RegisterCall::Read),
            2 => (1u32..4).prop_map(RegisterCall::Write),
            2 => (1u32..4, 1u32..4).prop_map(|(from, to)| RegisterCall::Cas(from, to)),
        ]
        .boxed()
    }

    fn distort(answer: &RegisterAnswer, by: u8) -> RegisterAnswer {
        match answer {
            RegisterAnswer::Found(_) => RegisterAnswer::Found((by % 4).checked_sub(1).map(u32::from)),
            RegisterAnswer::Written => RegisterAnswer::Written,
            RegisterAnswer::Compared(holds) => RegisterAnswer::Compared(!holds),
        }
    }

    fn read_call(_process: u64, words: &[&str]) -> RegisterCall {
        match *words {
            ["read"] => RegisterCall::Read,
            ["write", value] => RegisterCall::Write(number(value).into()),
            ["cas", from, to] => RegisterCall::Cas(number(from).into(), number(to).into()),
            _ => panic!("no call of a register: {words:?}"),
        }
    }

    fn read_answer(call: &RegisterCall, words: &[&str]) -> RegisterAnswer {
        match (call, words) {
            (RegisterCall::Read, [value]) => RegisterAnswer::Found(number_or_nothing(value).map(u32::from)),
            (RegisterCall::Write(_), []) => RegisterAnswer::Written,
            (RegisterCall::Cas(..), ["set"]) => RegisterAnswer::Compared(true),
            (RegisterCall::Cas(..), ["not", "set"]) => RegisterAnswer::Compared(false),
            _ => panic!("no answer to {call}: {words:?}"),
        }
    }
}

impl fmt::Display for RegisterCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for RegisterAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Fingerprint for RegisterCall {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match *self {
            RegisterCall::Read => into.mark(0),
            RegisterCall::Write(value) => into.word(value.into()),
            RegisterCall::Cas(from, to) => into.pair(from.into(), to.into()),
        }
    }
}
