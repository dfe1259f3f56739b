//! Two-phase commit: several databases do a transaction together, or none of them does.
//!
//! After Bernstein, Hadzilacos and Goodman, *Concurrency Control and Recovery in Database Systems* (1987), sections 7.3
//! and 7.4, cited as BHG; Mohan, Lindsay and Obermarck, *Transaction Management in the R\* Distributed Database
//! Management System* (TODS 1986), cited as R\*, whose presumptions say which records are forced and which are lazy;
//! and Gray and Reuter, *Transaction Processing* (1993).
//!
//! ```text
//! coordinator n1   VOTE-REQ ──▶ participants ──▶ YES (prepared, all locks held) or NO       phase 1
//!                  COMMIT if all said yes, else ABORT ──▶ participants ──▶ acknowledgement  phase 2
//!
//!            presumption        none                 abort                 commit
//! coordinator, at the start     begin, lazy          -                     begin, forced
//! participant, yes              prepared, forced     prepared, forced      prepared, forced
//! participant, no               abort, forced        abort, lazy           abort, forced
//! coordinator, commit           commit, forced       commit, forced        commit, forced
//! participant, commit           commit, forced, ack  commit, forced, ack   commit, lazy
//! coordinator, abort            abort, forced        -                     abort, forced
//! participant, abort            abort, forced, ack   abort, lazy           abort, forced, ack
//! coordinator, all acks in      end, lazy            end, lazy (commit)    end, lazy (abort)
//! who asks about the unknown    abort                abort                 commit
//! ```
//!
//! A record is forced when something that is pushed after it, in the same step, must wait until it is durable; a record
//! at the end of its step is lazy. So the order of effects is the table above.
//!
//! # Where this differs from the papers
//!
//! * Nobody has done any work when the vote is asked for: VOTE-REQ brings the steps, and to vote is to lock and to try
//!   them. So a message that comes late, or twice, can find a participant that knows nothing. A participant therefore
//!   remembers for ever what it has aborted, by itself or because it was told: it never votes yes on that again. (In R\*
//!   it would answer no because the work was lost.)
//! * That changes what the read-only optimisation of R\* may do. There all locks are taken before the first vote; here a
//!   reader that lets go of its locks when it votes may do so before another participant has taken its own, and the
//!   transaction is not two-phase. So a participant drops out with a read-only vote only if it is the only one
//!   ([`Config::read_only`]).
//! * Messages get lost, so VOTE-REQ is sent again while votes are missing, and a decision that is owed an
//!   acknowledgement until all of them are in. A decision that is owed none is sent once: who misses it asks.
//! * BHG let an uncertain participant ask whoever knows (section 7.4, the cooperative termination protocol): the
//!   coordinator always, and with [`Config::cooperative`] the peers that VOTE-REQ named. A peer that has not voted
//!   aborts first, on its disk, and then answers.
//! * With [`Config::resolver`] the last node finishes what is orphaned: who is in doubt for long calls it, and it asks
//!   all participants. One that has not voted aborts before it answers, so that the check and the rollback are one step.
//!   If all are prepared the resolver cannot help either: that is what blocking means (BHG, section 7.3: where
//!   communication can fail, every protocol of atomic commitment may block).
//!
//! # What is left out
//!
//! Disks are never compacted: recovery reads each record once, and what has ended costs its coordinator nothing more; a
//! participant keeps one word for each transaction it ever decided. A client whose coordinator crashes before the answer
//! is told only of an abort, and only if a begin record names it. There is no tree of participants, no transfer of coordination, no group commit.
//!
//! # Reading order
//!
//! [`message`], [`record`], [`node`] (the contract), then who does what: `coordinator`, `participant`, `resolver`, and
//! what a node `waits` for. [`invariants`] judges a run beside the properties of the problem, [`flaw`] is the catalogue
//! of deliberate defects.

pub mod message;
pub mod record;

pub mod node;

mod coordinator;
mod participant;
mod recovery;
mod resolver;
mod waits;

pub mod config;
pub mod event;
pub mod flaw;
pub mod invariants;

pub use config::{Config, Presumption};
pub use event::{Event, Happening, Why};
pub use flaw::{CommitFlaw, FLAWS};
pub use invariants::Invariants;
pub use message::{Ballot, Cast, Decide, Message, Orphan, Standing, Status, VoteRequest};
pub use node::TwoPhaseCommit;
pub use participant::Participant;
pub use record::{Record, Timer};
