//! A queue: first in, first out.

use std::fmt;

use proptest::prelude::*;
use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::linearizability::Model;

use super::{Hints, Subject, number, number_or_nothing};

pub(crate) struct Queue(Hints);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum QueueCall {
    Enqueue(u8),
    Dequeue,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum QueueAnswer {
    Enqueued,
    Dequeued(Option<u8>),
}

impl Model for Queue {
    type State = Vec<u8>;
    type Call = QueueCall;
    type Answer = QueueAnswer;

    fn initial(&self) -> Vec<u8> {
        Vec::new()
    }

    fn apply(&self, state: &mut Vec<u8>, call: &QueueCall) -> QueueAnswer {
        match *call {
            QueueCall::Enqueue(element) => {
                state.push(element);
                QueueAnswer::Enqueued
            }
            QueueCall::Dequeue if state.is_empty() => QueueAnswer::Dequeued(None),
            QueueCall::Dequeue => QueueAnswer::Dequeued(Some(state.remove(0))),
        }
    }

    fn is_inert(&self, _call: &QueueCall, seen: &QueueAnswer) -> bool {
        self.0 == Hints::All && *seen == QueueAnswer::Dequeued(None)
    }

    fn is_blind(&self, call: &QueueCall) -> bool {
        self.0 == Hints::All && *call != QueueCall::Dequeue
    }

    fn needs(&self, _call: &QueueCall, seen: &QueueAnswer) -> Option<Vec<u8>> {
        (self.0 == Hints::All && *seen == QueueAnswer::Dequeued(None)).then(Vec::new)
    }
}

impl Subject for Queue {
    fn new(hints: Hints) -> Self {
        Self(hints)
    }

    fn any_call(_process: u64) -> BoxedStrategy<QueueCall> {
        prop_oneof![Just(QueueCall::Dequeue), (1u8..4).prop_map(QueueCall::Enqueue)].boxed()
    }

    fn distort(answer: &QueueAnswer, by: u8) -> QueueAnswer {
        match answer {
            QueueAnswer::Enqueued => QueueAnswer::Enqueued,
            QueueAnswer::Dequeued(_) => QueueAnswer::Dequeued((by % 4).checked_sub(1)),
        }
    }

    fn read_call(_process: u64, words: &[&str]) -> QueueCall {
        match *words {
            ["enqueue", element] => QueueCall::Enqueue(number(element)),
            ["dequeue"] => QueueCall::Dequeue,
            _ => panic!("no call of a queue: {words:?}"),
        }
    }

    fn read_answer(call: &QueueCall, words: &[&str]) -> QueueAnswer {
        match (call, words) {
            (QueueCall::Enqueue(_), []) => QueueAnswer::Enqueued,
            (QueueCall::Dequeue, [element]) => QueueAnswer::Dequeued(number_or_nothing(element)),
            _ => panic!("no answer to {call}: {words:?}"),
        }
    }
}

impl fmt::Display for QueueCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for QueueAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Fingerprint for QueueCall {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match *self {
            QueueCall::Enqueue(element) => into.word(element.into()),
            QueueCall::Dequeue => into.mark(1),
        }
    }
}
