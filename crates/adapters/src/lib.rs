//! Published crates behind the same contract as our own protocols, under the same faults, clients and checkers.
//!
//! [`raft_rs`] drives the crate `raft` (raft-rs), [`omnipaxos`] the crate `omnipaxos`. Both are taken from the
//! registry as they are. What campaigns found in them is written down in `FINDINGS.md`, beside this crate's manifest.

pub mod omnipaxos;
pub mod raft_rs;

use quarrel_harness::registry::Registry;

/// The registry, with the published crates in it.
#[must_use]
pub fn register(registry: Registry) -> Registry {
    registry.with::<raft_rs::RaftRs>().with::<omnipaxos::OmniPaxos>()
}
