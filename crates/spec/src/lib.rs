//! The problems that protocols solve, in words shared by all of them: what clients ask, what they are told, what
//! replicas put out, and the black-box properties that any solution must keep.
//!
//! * [`consensus`]: one value is chosen (Paxos).
//! * [`replicated_log`]: one sequence of commands is applied everywhere (Raft, Multi-Paxos).

pub mod consensus;
pub mod replicated_log;
mod value;

pub use value::Value;
