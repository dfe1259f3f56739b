//! The story of a run, from its trace: in ten to twenty lines, in full, or drawn.
//!
//! All views are pure functions from a [`Trace`](quarrel_formats::trace::Trace) to text of at most 110 columns; they
//! know no protocol, only what every trace has: events with causes, effects, milestones, faults and decisions. They
//! write plain ASCII around what the trace says: a diagram is pasted into issues, mails and logs, and its columns must
//! stand in every font and locale.

mod beat;
mod diagram;
mod faults;
mod full;
mod lanes;
mod plot;
mod relevance;
mod short;
mod words;

pub use diagram::diagram;
pub use full::{full, write_full};
pub use short::{short, summary};
pub use words::tidy;
