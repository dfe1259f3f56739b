//! Protocol, problem, workload and faults in; verdict out.
//!
//! A [`Subject`] is a protocol with its monitors. [`profile`] draws the world of a seed from a scenario, [`run`] runs
//! it as a pure function, [`tallies`] adds runs up so that the order does not matter, [`shrink`] makes a failure
//! small, [`story`] tells it, and [`registry`] reaches all of that for a protocol known only by name.

pub mod aftermath;
pub mod carry;
pub mod case;
pub mod dice;
pub mod history;
pub mod model;
pub mod oracle;
pub mod profile;
pub mod reach;
pub mod registry;
pub mod run;
pub mod shrink;
pub mod story;
pub mod subject;
pub mod tallies;
pub mod truth;

mod core;
mod fault_plan;
mod operations;
mod operator;
mod subjects;
mod traitors;

pub use subject::{Asker, NoInvariants, Operator, RawOptions, Setting, Subject};
