//! The file formats: the [`scenario`], written by people, the [`trace`], written by a run, and the client [`history`],
//! written by a run or by anything else.
//!
//! Bytes in, bytes out: this crate opens no file. Whatever the bytes are, reading them ends in a value or in an
//! [`InputError`] that names file, line and column, in memory proportional to the bytes; it never panics, and there
//! is no float in what it returns.

pub mod history;
pub mod scenario;
pub mod trace;

mod input;
mod suggest;

pub use input::InputError;
pub use scenario::Scenario;
pub use suggest::did_you_mean;
pub use trace::Trace;
