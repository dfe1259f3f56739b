//! Deterministic simulation testing for consensus protocols: the library.
#![allow(clippy::disallowed_methods, reason = "the facade owns threads, files and the wall clock of a campaign")]

pub mod engine;
pub mod judgement;
