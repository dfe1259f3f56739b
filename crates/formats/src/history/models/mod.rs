//! What histories are checked against: the machines of [`quarrel_spec::machine`], told in the words of a file, and
//! where a file knows less than a machine (how much was in an account, which token a lock gave out), objects that are
//! content with less.
//!
//! A model may forget whatever no later operation can see: states that differ only in a value that nobody reads lead
//! to the same answers, so they are one. That keeps the search small, and is checked against the plain machines by
//! `tests/history_models.rs`.

mod bank;
mod kv;
mod lock;
mod queue;
mod register;
mod replay;

use std::fmt::{self, Debug, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::linearizability::{Model, Span};

use super::operation::{End, Record};

pub(super) use bank::Bank;
pub(super) use kv::Kv;
pub(super) use lock::Lock;
pub(super) use queue::Queue;
pub(super) use register::Register;
pub(super) use replay::Replay;

/// An operation as the search sees it, with its place in [`Record::operations`].
pub(super) struct Searched<C, A> {
    pub(super) sources: Vec<usize>,
    pub(super) spans: Vec<Span<C, A>>,
}

/// A model that can be built from what a file tells.
pub(super) trait FromRecord: Model + Sized {
    /// The model, and for each operation its call with the answer that was seen, if one was; `None` for an operation
    /// that can have had no effect that anybody could see.
    fn from_record(record: &Record) -> (Self, Vec<Option<Asking<Self>>>);

    /// An answer in the words of the file; `None` where it has none.
    fn show(&self, _record: &Record, _answer: &Self::Answer) -> Option<String> {
        None
    }
}

/// A call, and the answer that was seen.
pub(super) type Asking<M> = (<M as Model>::Call, Option<<M as Model>::Answer>);

/// The operations that count, in the order of their calls.
pub(super) fn searched<M: FromRecord>(record: &Record) -> (M, Searched<M::Call, M::Answer>) {
    let (model, calls) = M::from_record(record);
    let mut searched = Searched { sources: Vec::new(), spans: Vec::new() };
    // A process that is reused after `info` overlaps with its own lost operation: it counts as another one.
    let mut lives = vec![0_u64; record.processes.len()];
    for (source, (operation, call)) in record.operations.iter().zip(calls).enumerate() {
        let life = &mut lives[operation.process as usize];
        let process = u64::from(operation.process) | *life << 32;
        *life += u64::from(matches!(operation.end, End::Unknown { .. }));
        let Some((call, seen)) = call else { continue };
        let returned = match (&operation.end, seen) {
            (End::Answered { line, .. }, Some(seen)) => Some((u64::from(*line), seen)),
            _ => None,
        };
        searched.sources.push(source);
        searched.spans.push(Span { process, call, called: u64::from(operation.line), returned });
    }
    (model, searched)
}

/// A call about one key. Without keys, all calls are about key 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Keyed<C> {
    pub(super) key: u32,
    pub(super) call: C,
}

impl<C: Display> Display for Keyed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of key {}", self.call, self.key)
    }
}

impl<C: Fingerprint> Fingerprint for Keyed<C> {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(u64::from(self.key));
        self.call.fingerprint(into);
    }
}
