//! Traces: JSON lines that hold all a run depends on and all that happened in it.
//!
//! Line 1 is the [`Header`]: enough to run again without the scenario file or the seed. Then one line per event, for
//! people and tools. The last line is the [`Verdict`]. Reading is strict; [`compare`] says what became of a trace
//! when it was run again.

mod compare;
mod judgement;
mod model;
mod reader;
mod validate;
mod words;
mod writer;

pub use compare::{Outcome, compare};
pub use judgement::Judgement;
pub use model::{FORMAT, Header, Oracle, Trace, TraceMark, Verdict};
pub(crate) use reader::locate;
