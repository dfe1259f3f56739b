//! First-in-first-out queues: the machine that replicas apply, and all that it knows of searching, key by key.

use quarrel_spec::Value;
use quarrel_spec::linearizability::{Deed, Model, Shown};
use quarrel_spec::machine::{Call, Kind, Machine, Outcome, QueueCall, QueueOutcome};

use super::{Asking, FromRecord, Keyed};
use crate::history::operation::{Asked, End, Operation, Record, Told, crop};

/// Queues of values, by the numbers of their names.
pub(in crate::history) struct Queue;

const QUEUE: Kind = Kind::Queue;

impl Model for Queue {
    type State = Machine;
    type Call = Keyed<Call>;
    type Answer = Outcome;

    fn initial(&self) -> Machine {
        QUEUE.initial()
    }

    fn apply(&self, state: &mut Machine, call: &Self::Call) -> Outcome {
        QUEUE.apply(state, &call.call)
    }

    fn is_inert(&self, call: &Self::Call, seen: &Outcome) -> bool {
        QUEUE.is_inert(&call.call, seen)
    }

    fn needs(&self, call: &Self::Call, seen: &Outcome) -> Option<Machine> {
        QUEUE.needs(&call.call, seen)
    }

    fn is_blind(&self, call: &Self::Call) -> bool {
        QUEUE.is_blind(&call.call)
    }

    fn shadows(&self) -> u64 {
        QUEUE.shadows()
    }

    fn shadow_of(&self, call: &Self::Call, seen: &Outcome) -> Option<u64> {
        QUEUE.shadow_of(&call.call, seen)
    }

    fn shadow_before(&self, shadow: u64) -> u64 {
        QUEUE.shadow_before(shadow)
    }

    fn cast(&self, shadow: u64, call: &Self::Call, seen: Option<&Outcome>) -> Option<Deed> {
        QUEUE.cast(shadow, &call.call, seen)
    }

    fn line(&self, state: &Machine) -> Option<Vec<u64>> {
        QUEUE.line(state)
    }

    fn joins(&self, call: &Self::Call) -> Option<u64> {
        QUEUE.joins(&call.call)
    }

    fn may_take(&self, call: &Self::Call) -> bool {
        QUEUE.may_take(&call.call)
    }

    fn shows(&self, call: &Self::Call, seen: &Outcome) -> Option<Shown> {
        QUEUE.shows(&call.call, seen)
    }

    fn part(&self, call: &Self::Call) -> Option<u64> {
        Some(u64::from(call.key))
    }
}

impl FromRecord for Queue {
    fn show(&self, record: &Record, answer: &Outcome) -> Option<String> {
        match answer {
            Outcome::Queue(QueueOutcome::Dequeued(Some(value))) => {
                Some(crop(record.values.show(u32::try_from(value.0).ok()?)))
            }
            Outcome::Queue(QueueOutcome::Dequeued(None)) => Some("null".to_string()),
            _ => None,
        }
    }

    fn from_record(record: &Record) -> (Self, Vec<Option<Asking<Self>>>) {
        let null = record.values.find_null();
        let value = |number: u32| Value(u64::from(number));
        let asking = |Operation { key, asked, end, .. }: &Operation| {
            let call = match asked {
                Asked::Enqueue(what) => QueueCall::Enqueue(value(*what)),
                Asked::Dequeue => QueueCall::Dequeue,
                _ => unreachable!("a queue is asked nothing else"),
            };
            let answer = match end {
                End::Failed => return None,
                End::Pending | End::Unknown { .. } => None,
                End::Answered { told: Told::Found(what), .. } => {
                    Some(QueueOutcome::Dequeued(Some(*what).filter(|what| Some(*what) != null).map(value)))
                }
                End::Answered { .. } => Some(QueueOutcome::Enqueued),
            };
            Some((Keyed { key: key.unwrap_or(0), call: Call::Queue(call) }, answer.map(Outcome::Queue)))
        };
        (Self, record.operations.iter().map(asking).collect())
    }
}
