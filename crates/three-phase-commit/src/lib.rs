//! Three-phase commit: no operational process waits for a failed one, as long as nobody is later than Δ.
//!
//! Skeen's central-site protocol, *Nonblocking Commit Protocols* (1981), as in Bernstein, Hadzilacos and Goodman,
//! *Concurrency Control and Recovery in Database Systems* (1987), section 7.5, cited as BHG. Node n1 coordinates, the
//! nodes after it are the participants; many transactions are under way at once, each a state machine of its own.
//!
//! ```text
//! coordinator   VOTE-REQ ──▶ participants ──▶ YES: uncertain (NO: aborted)
//!               PRE-COMMIT ▶ participants ──▶ ACK: committable      all have voted yes
//!               COMMIT ────▶ participants       : committed        all that are up are committable
//! ```
//!
//! Who waits too long holds the coordinator for failed, and tells the next in the order of identities that it is
//! elected. That one asks the others how they stand (STATE-REQ) and terminates the transaction:
//!
//! * TR1: somebody has aborted: abort. TR2: somebody has committed: commit.
//! * TR3: all are uncertain: abort. TR4: somebody is committable and nobody has committed: PRE-COMMIT to the uncertain
//!   ones, wait for their acknowledgements, commit.
//!
//! Who fails after its vote asks when it is back, and takes part in nothing.
//!
//! # The model
//!
//! Any node may crash at any moment, in the middle of a broadcast and just before a write too, and come back at any
//! moment, with what its disk had synced. No message is lost but to a node that is down, and none takes longer than Δ
//! ([`Config`]). A partition or a late message splits it: that is the theorem on its other side.
//!
//! # Holes in the textbook, and how they are closed
//!
//! 1. **A quick restart.** A participant votes yes, crashes and is back before its coordinator has missed it. PRE-COMMIT
//!    or STATE-REQ arrives. Who answers counts as operational: as one that has held its state all the time. So a process
//!    that recovers answers neither, whoever believes that it is up; it is missed when the timeout passes.
//! 2. **An unknown transaction.** A participant is asked for a state, or whether it is elected, or by a process that
//!    recovers, about a transaction it has no record of: it has not voted, or its vote was not durable and so was never
//!    sent. It aborts by itself, *writes that down*, and says so: VOTE-REQ may still be on its way.
//! 3. **ABORT overtakes VOTE-REQ.** Links keep no order. One participant says no at once; ABORT reaches another before
//!    its VOTE-REQ does. Had it no memory of ABORT it would vote yes, hear no more, and hold a coordinator for failed
//!    that is up: UP sets would then be wrong. It writes the decision down, and ignores the VOTE-REQ.
//! 4. **ABORT comes while a participant is down, VOTE-REQ when it is back.** n5 says no at once; n2 is down for the 4 ms in
//!    which ABORT arrives, and back when its own VOTE-REQ does, which is slower. It votes yes, nobody speaks to it any
//!    more, and it holds n1 for failed, which is up (seed 40458 of 3pc/chaos-synchronous, before this was closed). So a
//!    coordinator that gets a yes to what it has decided says what it has decided.
//! 5. **Total failure, and two that decide at once.** BHG let the recovered processes R run the termination protocol as
//!    soon as R holds all of the intersection of its UP sets. But R may grow meanwhile: n4, the last to fail and
//!    uncertain, is back alone, finds R = {n4} enough and aborts; n3, which had failed committable before, is back too,
//!    has heard n4's inquiry from before that decision, finds R = {n3, n4} enough, and commits by TR4. So those that
//!    recover run no election: each decides by itself, from what the members of the *intersection* wrote before they
//!    failed. The last process that failed is in every such intersection, since nobody ever missed it. If all members
//!    stood alike, that is how the last one stood, and everybody comes to the same decision whatever R it knows; if
//!    not, a process waits until it has heard from all processes of the transaction, and then commits.
//! 6. **PRE-COMMIT is logged** before it is acknowledged. BHG need no record of it while somebody stays up; the last to
//!    fail must know how it stood.
//!
//! # Where this differs from BHG
//!
//! * The coordinator keeps no items. It is a process of the transaction with a vote of its own, which it gives last:
//!   its record that it is committable, written before it sends PRE-COMMIT, is its yes. Until then it may abort, and if
//!   it fails it has not voted: no record of the start is written, and what it has no record of, it aborts when asked.
//! * After a failure the coordinator recovers like everybody else; its client is not answered any more.
//! * The order of a broadcast turns with the transaction: a crash cuts its end off, and whom it cuts off must not always
//!   be the same.
//!
//! # What is left out
//!
//! The log is never compacted, so nothing is ever forgotten.
//!
//! # Reading order
//!
//! [`message`], [`config`] (Δ and the timeouts), [`state`], `node` (the contract), then by what a process does:
//! `coordinator`, `participant`, `termination`, `recovery`, and what it `waits` for. [`invariants`] judges a run, [`flaw`]
//! is the catalogue of deliberate defects.

pub mod config;
pub mod message;
pub mod state;

mod node;

mod coordinator;
mod participant;
mod recovery;
mod termination;
mod waits;

pub mod event;
pub mod flaw;
pub mod invariants;

pub use config::{COORDINATOR, Config, Patience, outside};
pub use event::{Event, Rule, What};
pub use flaw::{FLAWS, FlawSet, ThreePhaseFlaw};
pub use invariants::Invariants;
pub use message::{Ballot, Inquiry, Message, State, StateReport, VoteRequest};
pub use node::ThreePhaseCommit;
pub use state::{Asked, Case, Record, Stage, Standing, Timer};
