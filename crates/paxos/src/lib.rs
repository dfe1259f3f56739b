//! Single-decree Paxos: of the values that clients propose, one is chosen, and every node learns that one.
//!
//! After Lamport, *Paxos Made Simple* (2001), cited as PMS; the quorums of the two phases may differ in size
//! (Howard, Malkhi and Spiegelman, *Flexible Paxos*, 2016). Every node is proposer, acceptor and learner.
//!
//! ```text
//! proposer   Prepare b ──▶ acceptors ──▶ Promise b, highest accepted    phase 1 (Reject: a higher promise stands)
//!            Accept b v ─▶ acceptors ──▶ Accepted b v, to all learners  phase 2 (Reject: likewise)
//! learner    a phase-2 quorum of Accepted b v: v is chosen; the proposer of b tells all: Learn v
//! ```
//!
//! # Where this differs from the paper
//!
//! * A node counts its own promise and its own acceptance like any other's: as a message to itself, which arrives
//!   once the write before it is durable.
//! * An acceptor that refuses says so (`Reject`; PMS 2.2 calls it an optimisation), and a node that knows the
//!   decision answers a late proposer with it (`Learn`).
//! * Accepting a ballot also promises it: an `Accept` may reach an acceptor that its `Prepare` did not reach.
//! * There is no distinguished proposer (PMS 2.4). A ballot that fails is followed, after a pause whose range
//!   doubles, by a higher one.
//! * "If a learner needs to know whether a value has been chosen, it can have a proposer issue a proposal" (PMS 2.3):
//!   a node that has heard of no decision for [`Config::inquiry_timeout`] runs a ballot without a value of its own. So
//!   every node learns in the end, also one that no client asks, that was restarted, or that the `Learn` did not reach:
//!   each role but the last has a timer that ends in a `Prepare` to all, which a node that knows answers with `Learn`.
//!
//! # What is left out
//!
//! Disks are never compacted (a decree is a handful of records), membership is fixed, and nodes crash but do not lie.
//!
//! # Reading order
//!
//! [`message`] and [`ballot`], [`state`], `paxos` (the contract), then the paper's three agents: `proposer`,
//! `acceptor`, `learner`, and what a node `waits` for. [`invariants`] judges a run, [`flaw`] is the catalogue of
//! deliberate defects.

pub mod ballot;
pub mod message;
pub mod state;

mod paxos;

mod acceptor;
mod learner;
mod proposer;
mod waits;

pub mod config;
pub mod event;
pub mod flaw;
pub mod invariants;

pub use ballot::{Ballot, Proposal};
pub use config::{Config, LIVES_WITH};
pub use event::{Event, Source};
pub use flaw::{FLAWS, FlawSet, PaxosFlaw};
pub use invariants::Invariants;
pub use message::{Accept, Accepted, Learn, Message, Prepare, Promise, Reject};
pub use paxos::Paxos;
pub use state::{Durable, Record, Role, Timer};
