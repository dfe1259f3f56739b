//! All of it is one program: what the tests share is built once, and they run side by side.

mod chaos;
mod common;
mod flaws;
mod liveness;
mod nonsense;
mod paper;
mod status;
mod waits;
