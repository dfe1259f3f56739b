//! Three accounts of ten each: transfers that may be refused, and audits of all accounts.

use std::fmt;

use proptest::prelude::*;
use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::linearizability::Model;

use super::{Hints, Subject, number};

pub(crate) struct Bank(Hints);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BankCall {
    Audit,
    Transfer { from: u8, to: u8, amount: u8 },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum BankAnswer {
    Balances(Vec<u8>),
    Transferred,
    Refused,
}

impl Model for Bank {
    type State = Vec<u8>;
    type Call = BankCall;
    type Answer = BankAnswer;

    fn initial(&self) -> Vec<u8> {
        vec![10; 3]
    }

    fn apply(&self, state: &mut Vec<u8>, call: &BankCall) -> BankAnswer {
        match *call {
            BankCall::Audit => BankAnswer::Balances(state.clone()),
            BankCall::Transfer { from, amount, .. } if state[usize::from(from)] < amount => {
                BankAnswer::Refused
            }
            BankCall::Transfer { from, to, amount } => {
                state[usize::from(from)] -= amount;
                state[usize::from(to)] += amount;
                BankAnswer::Transferred
            }
        }
    }

    fn is_read(&self, call: &BankCall) -> bool {
        *call == BankCall::Audit
    }

    fn is_inert(&self, call: &BankCall, seen: &BankAnswer) -> bool {
        self.is_read(call) || (self.0 == Hints::All && *seen == BankAnswer::Refused)
    }
}

impl Subject for Bank {
    fn new(hints: Hints) -> Self {
        Self(hints)
    }

    fn any_call(_process: u64) -> BoxedStrategy<BankCall> {
        let transfer = (0u8..3, 0u8..3, prop_oneof![Just(3), Just(5), Just(8)])
            .prop_map(|(from, to, amount)| BankCall::Transfer { from, to, amount });
        prop_oneof![1 => Just(BankCall::Audit), 2 => transfer].boxed()
    }

    fn distort(answer: &BankAnswer, by: u8) -> BankAnswer {
        match answer {
            BankAnswer::Balances(balances) => {
                let mut balances = balances.clone();
                balances.rotate_left(usize::from(by % 3));
                BankAnswer::Balances(balances)
            }
            BankAnswer::Transferred => BankAnswer::Refused,
            BankAnswer::Refused => BankAnswer::Transferred,
        }
    }

    fn read_call(_process: u64, words: &[&str]) -> BankCall {
        match *words {
            ["audit"] => BankCall::Audit,
            ["move", amount, "from", from, "to", to] => {
                BankCall::Transfer { from: number(from), to: number(to), amount: number(amount) }
            }
            _ => panic!("no call of a bank: {words:?}"),
        }
    }

    fn read_answer(call: &BankCall, words: &[&str]) -> BankAnswer {
        match (call, words) {
            (BankCall::Audit, balances) => {
                BankAnswer::Balances(balances.iter().map(|word| number(word)).collect())
            }
            (BankCall::Transfer { .. }, []) => BankAnswer::Transferred,
            (BankCall::Transfer { .. }, ["refused"]) => BankAnswer::Refused,
            _ => panic!("no answer to {call}: {words:?}"),
        }
    }
}

impl fmt::Display for BankCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for BankAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Fingerprint for BankCall {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match *self {
            BankCall::Audit => into.mark(0),
            BankCall::Transfer { from, to, amount } => {
                into.pair(u64::from(from) << 8 | u64::from(to), amount.into());
            }
        }
    }
}
