//! Small objects. Each comes with and without hints to the search, which must not change a verdict.

mod bank;
mod key_value;
mod lock;
mod machine;
mod queue;
pub(crate) mod register;
mod sticky;

use proptest::strategy::BoxedStrategy;
use quarrel_spec::linearizability::Model;

pub(crate) use bank::Bank;
pub(crate) use key_value::{KeyValue, KeyValueCall};
pub(crate) use lock::Lock;
pub(crate) use machine::Numbered;
pub(crate) use queue::Queue;
pub(crate) use register::{Register, RegisterCall};
pub(crate) use sticky::Sticky;

/// Whether a model tells the search more than it must.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hints {
    None,
    All,
}

/// A model that random and hand-made histories can be made of.
pub(crate) trait Subject: Model<State: std::fmt::Debug> {
    fn new(hints: Hints) -> Self;
    /// A call by a process, out of few, so that calls meet.
    fn any_call(process: u64) -> BoxedStrategy<Self::Call>;
    /// Another answer of the same kind, or the same one where there is no other.
    fn distort(answer: &Self::Answer, by: u8) -> Self::Answer;
    /// Reads a call from words.
    fn read_call(process: u64, words: &[&str]) -> Self::Call;
    /// Reads the answer to a call from words.
    fn read_answer(call: &Self::Call, words: &[&str]) -> Self::Answer;
}

pub(crate) fn number(word: &str) -> u8 {
    word.parse().unwrap_or_else(|_| panic!("not a small number: {word}"))
}

/// `nothing`, or a number.
pub(crate) fn number_or_nothing(word: &str) -> Option<u8> {
    (word != "nothing").then(|| number(word))
}
