//! A queue: first in, first out. Initially empty.
//!
//! The example of Herlihy and Wing, *Linearizability: A Correctness Condition for Concurrent Objects* (1990),
//! section 1.

use std::collections::VecDeque;
use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use serde::{Deserialize, Serialize};

/// What a queue is asked. `V` is what waits in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueCall<V> {
    /// Put this at the end.
    Enqueue(V),
    /// Take what is at the front.
    Dequeue,
    /// What is at the front?
    Peek,
    /// How many wait?
    Length,
    /// What waits, from front to end?
    Contents,
}

/// What a queue answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueOutcome<V> {
    /// It waits at the end.
    Enqueued,
    /// This was at the front, and is gone; `None` from an empty queue.
    Dequeued(Option<V>),
    /// This is at the front; `None` in an empty queue.
    Front(Option<V>),
    /// So many wait.
    Length(u64),
    /// These wait, from front to end.
    Contents(Vec<V>),
}

/// The queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Queue<V>(VecDeque<V>);

impl<V> Default for Queue<V> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<V> Queue<V> {
    /// What waits, from front to end.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter()
    }
}

impl<V: Clone> Queue<V> {
    /// A queue of these, from front to end.
    #[must_use]
    pub fn holding(values: &[V]) -> Self {
        Self(values.iter().cloned().collect())
    }

    /// Applies a call.
    pub fn apply(&mut self, call: &QueueCall<V>) -> QueueOutcome<V> {
        match call {
            QueueCall::Enqueue(value) => {
                self.0.push_back(value.clone());
                QueueOutcome::Enqueued
            }
            QueueCall::Dequeue => QueueOutcome::Dequeued(self.0.pop_front()),
            QueueCall::Peek => self.front(),
            QueueCall::Length => self.length(),
            QueueCall::Contents => self.contents(),
        }
    }

    /// What a call finds now, if it is a read.
    #[must_use]
    pub fn peek(&self, call: &QueueCall<V>) -> Option<QueueOutcome<V>> {
        match call {
            QueueCall::Enqueue(_) | QueueCall::Dequeue => None,
            QueueCall::Peek => Some(self.front()),
            QueueCall::Length => Some(self.length()),
            QueueCall::Contents => Some(self.contents()),
        }
    }

    fn front(&self) -> QueueOutcome<V> {
        QueueOutcome::Front(self.0.front().cloned())
    }

    fn length(&self) -> QueueOutcome<V> {
        QueueOutcome::Length(self.0.len() as u64)
    }

    fn contents(&self) -> QueueOutcome<V> {
        QueueOutcome::Contents(self.0.iter().cloned().collect())
    }
}

impl<V> QueueCall<V> {
    /// Whether it never changes the queue.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        matches!(self, QueueCall::Peek | QueueCall::Length | QueueCall::Contents)
    }
}

impl<V: Display> Display for QueueCall<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueueCall::Enqueue(value) => write!(f, "enqueue {value}"),
            QueueCall::Dequeue => f.write_str("dequeue"),
            QueueCall::Peek => f.write_str("peek"),
            QueueCall::Length => f.write_str("length"),
            QueueCall::Contents => f.write_str("contents"),
        }
    }
}

impl<V: Display> Display for QueueOutcome<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueueOutcome::Enqueued => f.write_str("enqueued"),
            QueueOutcome::Dequeued(Some(value)) | QueueOutcome::Front(Some(value)) => value.fmt(f),
            QueueOutcome::Dequeued(None) | QueueOutcome::Front(None) => f.write_str("nothing"),
            QueueOutcome::Length(length) => length.fmt(f),
            QueueOutcome::Contents(values) => super::list(f, values),
        }
    }
}

impl<V: Fingerprint> Fingerprint for QueueCall<V> {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            QueueCall::Enqueue(value) => {
                into.mark(0);
                value.fingerprint(into);
            }
            QueueCall::Dequeue => into.mark(1),
            QueueCall::Peek => into.mark(2),
            QueueCall::Length => into.mark(3),
            QueueCall::Contents => into.mark(4),
        }
    }
}

impl<V: Fingerprint> Fingerprint for QueueOutcome<V> {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            QueueOutcome::Enqueued => into.mark(1),
            QueueOutcome::Dequeued(value) => {
                into.mark(2);
                value.fingerprint(into);
            }
            QueueOutcome::Front(value) => {
                into.mark(3);
                value.fingerprint(into);
            }
            QueueOutcome::Length(length) => {
                into.mark(4);
                length.fingerprint(into);
            }
            QueueOutcome::Contents(values) => {
                into.mark(5);
                values.fingerprint(into);
            }
        }
    }
}

impl<V: Fingerprint> Fingerprint for Queue<V> {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.0.len() as u64);
        self.0.iter().for_each(|value| value.fingerprint(into));
    }
}
