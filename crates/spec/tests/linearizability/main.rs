//! The linearizability checker against histories with known verdicts, against brute force, and against the clock.

#![allow(clippy::disallowed_methods, reason = "timings are printed on demand and never asserted")]

mod brute_force;
mod explanation;
mod fuzz;
mod hand_made;
mod models;
mod notation;
mod shadows;
mod timing;
mod witness;
mod workload;
