//! First-in-first-out queues.

use quarrel_spec::linearizability::Model;
use quarrel_spec::machine::{Queue as Machine, QueueCall, QueueOutcome};

use super::{Asking, FromRecord, Keyed};
use crate::history::operation::{Asked, End, Operation, Record, Told, crop};

/// Queues of values, by the numbers of their names.
pub(in crate::history) struct Queue;

impl Model for Queue {
    type State = Machine<u32>;
    type Call = Keyed<QueueCall<u32>>;
    type Answer = QueueOutcome<u32>;

    fn initial(&self) -> Machine<u32> {
        Machine::default()
    }

    fn apply(&self, state: &mut Machine<u32>, call: &Self::Call) -> QueueOutcome<u32> {
        state.apply(&call.call)
    }

    fn part(&self, call: &Self::Call) -> Option<u64> {
        Some(u64::from(call.key))
    }
}

impl FromRecord for Queue {
    fn show(&self, record: &Record, answer: &QueueOutcome<u32>) -> Option<String> {
        match answer {
            QueueOutcome::Dequeued(Some(value)) => Some(crop(record.values.show(*value))),
            QueueOutcome::Dequeued(None) => Some("null".to_string()),
            _ => None,
        }
    }

    fn from_record(record: &Record) -> (Self, Vec<Option<Asking<Self>>>) {
        let null = record.values.find_null();
        let asking = |Operation { key, asked, end, .. }: &Operation| {
            let call = match asked {
                Asked::Enqueue(value) => QueueCall::Enqueue(*value),
                Asked::Dequeue => QueueCall::Dequeue,
                _ => unreachable!("a queue is asked nothing else"),
            };
            let answer = match end {
                End::Failed => return None,
                End::Pending | End::Unknown { .. } => None,
                End::Answered { told: Told::Found(value), .. } => {
                    Some(QueueOutcome::Dequeued(Some(*value).filter(|value| Some(*value) != null)))
                }
                End::Answered { .. } => Some(QueueOutcome::Enqueued),
            };
            Some((Keyed { key: key.unwrap_or(0), call }, answer))
        };
        (Self, record.operations.iter().map(asking).collect())
    }
}
