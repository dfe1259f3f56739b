//! Client histories: who asked what when, and what they were told. As JSON lines, in the manner of Jepsen, from a run of
//! ours or from anywhere.
//!
//! [`check`] reads one strictly and says whether it is linearizable; [`Line`] writes one. Reading order: `event` (one
//! line), `words` (what its `value` means), `reader` (lines paired into operations), `models` (what operations are
//! checked against), `check`.

mod check;
mod event;
mod json;
mod models;
mod names;
mod object;
mod operation;
mod reader;
mod words;
mod writer;

pub use check::{Census, Finding, Shown, Verdict, Violation, check};
pub use event::Kind;
pub use object::Object;
pub use writer::{Line, Process};

/// Whether a process may ask again after an operation of unknown outcome.
///
/// In a history as Jepsen defines it, it may not: whoever lost an operation goes on under another number. Then a number
/// never stands for two operations at a time, and a file in which it does is damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reuse {
    /// It may not.
    #[default]
    Refused,
    /// It may; the earlier operation stays unknown.
    Accepted,
}
