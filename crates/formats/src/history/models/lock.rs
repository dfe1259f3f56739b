//! Locks. A token is whatever the service said: tokens that are told must rise, those that are not told say nothing.
//!
//! Fencing: Kleppmann, *How to do distributed locking* (2016).

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::linearizability::Model;

use super::{Asking, FromRecord, Keyed};
use crate::history::operation::{Asked, End, Operation, Record, Told};

/// What a lock is asked, and with which token it was answered: the object does not choose tokens, it only says
/// whether they can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::history) enum Call {
    Acquire { who: u32, token: Option<i64> },
    Release { who: u32, token: Option<i64> },
}

/// Whether it could be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::history) enum Answer {
    Done,
    Refused,
}

/// A lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::history) struct Held {
    /// Who holds it, and under which token if that was told.
    pub(super) holder: Option<(u32, Option<i64>)>,
    /// The highest token that was told.
    pub(super) highest: Option<i64>,
}

impl Held {
    /// Acquires or releases, if that can be.
    pub(super) fn apply(&mut self, call: &Call) -> Answer {
        match *call {
            Call::Acquire { who, token } => {
                // `None` is lower than every token.
                let rises = token.is_none() || token > self.highest;
                if self.holder.is_some() || !rises {
                    return Answer::Refused;
                }
                self.holder = Some((who, token));
                self.highest = token.or(self.highest);
            }
            Call::Release { who, token } => {
                let Some((holder, held)) = self.holder else { return Answer::Refused };
                let other_token = token.is_some() && held.is_some() && token != held;
                if holder != who || other_token {
                    return Answer::Refused;
                }
                self.holder = None;
            }
        }
        Answer::Done
    }
}

/// Locks, by key.
pub(in crate::history) struct Lock;

impl Model for Lock {
    type State = Held;
    type Call = Keyed<Call>;
    type Answer = Answer;

    fn initial(&self) -> Held {
        Held::default()
    }

    fn apply(&self, state: &mut Held, call: &Keyed<Call>) -> Answer {
        state.apply(&call.call)
    }

    fn part(&self, call: &Keyed<Call>) -> Option<u64> {
        Some(u64::from(call.key))
    }
}

/// The call that an operation made.
pub(super) fn call_of(operation: &Operation) -> Call {
    let who = operation.process;
    match (operation.asked, &operation.end) {
        (Asked::Acquire, End::Answered { told: Told::Held { token }, .. }) => {
            Call::Acquire { who, token: *token }
        }
        (Asked::Acquire, _) => Call::Acquire { who, token: None },
        (Asked::Release { token }, _) => Call::Release { who, token },
        _ => unreachable!("a lock is asked nothing else"),
    }
}

impl FromRecord for Lock {
    fn from_record(record: &Record) -> (Self, Vec<Option<Asking<Self>>>) {
        let asking = |operation: &Operation| {
            let answer = match operation.end {
                End::Failed => return None,
                End::Pending | End::Unknown { .. } => None,
                End::Answered { .. } => Some(Answer::Done),
            };
            Some((Keyed { key: operation.key.unwrap_or(0), call: call_of(operation) }, answer))
        };
        (Self, record.operations.iter().map(asking).collect())
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Acquire { who, .. } => write!(f, "acquire for {who}"),
            Call::Release { who, .. } => write!(f, "release of {who}"),
        }
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::Done => "done",
            Answer::Refused => "refused",
        })
    }
}

/// A token as a word: two's complement.
fn word(token: Option<i64>) -> Option<u64> {
    token.map(i64::cast_unsigned)
}

impl Fingerprint for Call {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        let (mark, who, token) = match *self {
            Call::Acquire { who, token } => (1, who, token),
            Call::Release { who, token } => (2, who, token),
        };
        into.pair(mark, u64::from(who));
        word(token).fingerprint(into);
    }
}

impl Fingerprint for Held {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.holder.map_or(0, |(who, _)| u64::from(who) + 1));
        self.holder.and_then(|(_, token)| word(token)).fingerprint(into);
        word(self.highest).fingerprint(into);
    }
}
