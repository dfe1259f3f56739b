//! All of it is one program: what the tests share is built once, and they run side by side.

mod chaos;
mod churn;
mod common;
mod flaws;
mod flaws_snapshots;
mod invariants;
mod liveness;
mod nonsense;
mod paper;
mod paper_elections;
mod paper_membership;
mod paper_reads;
mod paper_snapshots;
mod sessions;
mod waits;
