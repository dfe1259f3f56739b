//! All of it is one program: what the tests share is built once, and they run side by side.

mod arbitrary;
mod flaws;
mod invariants;
mod liveness;
mod paper;
mod schedules;
mod support;
mod timed;
mod waits;
