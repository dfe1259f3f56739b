//! Registers. Null is a value like any other, and the one that is there first.

use quarrel_spec::linearizability::Model;
use quarrel_spec::machine::{Register as Machine, RegisterCall, RegisterOutcome};

use super::{Asking, FromRecord, Keyed};
use crate::history::operation::{Asked, End, Operation, Record, Told, crop};

/// The number of a value: [`NOTHING`], or two more than that of its name.
type Number = u32;

/// What is there first, and what `null` says.
const NOTHING: Number = 0;
/// Every value that no read of the file saw and no `cas` compares with.
const UNSEEN: Number = 1;

/// Registers of values.
pub(in crate::history) struct Register {
    /// By number: whether somebody saw the value or compares with it.
    seen: Vec<bool>,
}

impl Register {
    /// The value, or [`UNSEEN`]: no answer depends on which of the values it is that nobody sees.
    fn visible(&self, value: Number) -> Number {
        if self.seen[value as usize] { value } else { UNSEEN }
    }
}

impl Model for Register {
    type State = Machine<Number>;
    type Call = Keyed<RegisterCall<Number>>;
    type Answer = RegisterOutcome<Number>;

    fn initial(&self) -> Machine<Number> {
        holding(NOTHING)
    }

    fn apply(&self, state: &mut Machine<Number>, call: &Self::Call) -> RegisterOutcome<Number> {
        state.apply(&match call.call {
            RegisterCall::Write(to) => RegisterCall::Write(self.visible(to)),
            RegisterCall::Cas { from, to } => RegisterCall::Cas { from, to: self.visible(to) },
            other => other,
        })
    }

    fn is_read(&self, call: &Self::Call) -> bool {
        call.call.is_read()
    }

    fn needs(&self, call: &Self::Call, seen: &Self::Answer) -> Option<Machine<Number>> {
        match (call.call, seen) {
            (RegisterCall::Read, RegisterOutcome::Found(found)) => found.map(holding),
            (RegisterCall::Cas { from, .. }, RegisterOutcome::Compared(true)) => from.map(holding),
            _ => None,
        }
    }

    fn leads_to(&self, call: &Self::Call) -> Option<Machine<Number>> {
        match call.call {
            RegisterCall::Read => None,
            RegisterCall::Write(to) | RegisterCall::Cas { to, .. } => Some(holding(self.visible(to))),
        }
    }

    fn part(&self, call: &Self::Call) -> Option<u64> {
        Some(u64::from(call.key))
    }
}

/// A register with this value.
fn holding(value: Number) -> Machine<Number> {
    let mut register = Machine::default();
    register.apply(&RegisterCall::Write(value));
    register
}

impl FromRecord for Register {
    fn show(&self, record: &Record, answer: &Self::Answer) -> Option<String> {
        match answer {
            RegisterOutcome::Found(Some(NOTHING)) => Some("null".to_string()),
            RegisterOutcome::Found(Some(number)) => {
                Some(crop(record.values.show(number.checked_sub(UNSEEN + 1)?)))
            }
            _ => None,
        }
    }

    fn from_record(record: &Record) -> (Self, Vec<Option<Asking<Self>>>) {
        let mut numbers: Vec<Number> = (2..).take(record.values.len()).collect();
        if let Some(null) = record.values.find_null() {
            numbers[null as usize] = NOTHING;
        }
        let number = |value: u32| numbers[value as usize];
        let mut seen = vec![false; record.values.len() + 2];
        let mut calls = Vec::with_capacity(record.operations.len());
        for Operation { key, asked, end, .. } in &record.operations {
            let call = match *asked {
                Asked::Read => RegisterCall::Read,
                Asked::Write(value) => RegisterCall::Write(number(value)),
                Asked::Cas { from, to } => RegisterCall::Cas { from: Some(number(from)), to: number(to) },
                _ => unreachable!("a register is asked nothing else"),
            };
            let answer = match (end, asked) {
                (End::Failed, _) => None,
                (End::Answered { told: Told::Found(value), .. }, _) => {
                    Some(Some(RegisterOutcome::Found(Some(number(*value)))))
                }
                (End::Answered { .. }, Asked::Cas { .. }) => Some(Some(RegisterOutcome::Compared(true))),
                (End::Answered { .. }, _) => Some(Some(RegisterOutcome::Written)),
                (End::Pending | End::Unknown { .. }, Asked::Read) => None,
                (End::Pending | End::Unknown { .. }, _) => Some(None),
            };
            if let (RegisterCall::Cas { from: Some(value), .. }, Some(_))
            | (_, Some(Some(RegisterOutcome::Found(Some(value))))) = (call, answer)
            {
                seen[value as usize] = true;
            }
            calls.push(answer.map(|answer| (Keyed { key: key.unwrap_or(0), call }, answer)));
        }
        (Self { seen }, calls)
    }
}
