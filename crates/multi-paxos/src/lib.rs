//! Multi-Paxos: a replicated log, each slot of which is one instance of Paxos, under a stable leader.
//!
//! Cited as PMS: Lamport, *Paxos Made Simple* (2001), of which section 3 is this protocol. As PMMC: van Renesse and
//! Altinbuken, *Paxos Made Moderately Complex* (2015). As PML: Chandra, Griesemer and Redstone, *Paxos Made Live: An
//! Engineering Perspective* (2007). Every node is proposer, acceptor, learner and replica.
//!
//! ```text
//! candidate  Prepare b, from slot f ─▶ acceptors ─▶ Promise b, all they accepted from f on   phase 1, once, for all slots
//! leader     Accept b, slots s.. ────▶ acceptors ─▶ Accepted b, slots s..                    phase 2, for each command
//!            Heartbeat b ────────────▶ everybody ─▶ HeartbeatReply b
//!            Accept and Heartbeat say up to where slots are chosen: whoever has accepted them in b so learns them
//! replica    CatchUp from slot f ────▶ anybody ──▶ Chosen, or a part of a snapshot
//! ```
//!
//! # What the papers leave open, and how it is closed here
//!
//! * **A new leader** asks a quorum, once, what it has accepted in all slots from its first open one on; takes for each
//!   the value of the highest ballot; and puts no-ops where nobody of the quorum has accepted anything but in a later
//!   slot (PMS 3). Only then it proposes commands, a window of slots at a time (PMS's alpha).
//! * **Promises that say nothing.** An acceptor that has dropped a slot, or knows far more of what is chosen, says from
//!   where on its promise is complete. The candidate counts it when it has learned the slots before that, for which it
//!   asks at once (PMMC 4.2). So a leader knows every chosen slot before those that it proposes, and replies with
//!   outcomes.
//! * **Learning.** The leader counts; others learn from its index, in slots that they have accepted *in its ballot*, and
//!   ask for the rest. A message costs the leader nothing per decision but its Accept.
//! * **Who hears a leader takes no other**: such a node refuses to promise, so that a node that can send `Prepare` but
//!   hears nothing deposes nobody. This keeps liveness when the leader itself is the deaf one, because a leader counts
//!   who answers its heartbeats, and gives up when for as long as others would be patient it has heard no quorum. It is
//!   then silent, the others' patience ends, and they promise whoever asks. The deaf node asks too, in higher and higher
//!   ballots, and may be promised: but it does not hear that, its pauses double, and between two of its attempts
//!   another one is elected, who is heard, so that from then on the deaf one is ignored.
//! * **Duels** end by pauses that are random and double as attempts fail (PMMC 3).
//! * **Disks.** Promises and acceptances are on disk before anybody is told (PMS 2.5); a node counts its own by a message
//!   to itself, which leaves when the writes before it are durable. A leader's `Accept` does not wait for its own disk.
//!   A ballot is promised before it is used, so no ballot is used twice. What is known to be chosen is written along with
//!   the next acceptance, for nothing.
//! * **Compaction**: see `snapshot.rs`.
//! * **Clients.** A command carries its client's session; it may be chosen in two slots, and takes effect once. Reads go
//!   through the log. A leader that stops leading tells its waiting clients to ask elsewhere.
//!
//! # What is left out
//!
//! Membership is fixed; no leases (PML 5.2), so reads cost what writes cost; a node that lost its disk is another node.
//!
//! # Reading order
//!
//! [`message`] and [`ballot`], [`value`], [`log`], [`state`], `multi_paxos` (the contract, transitions, writes); then the
//! agents: `acceptor`, `election`, `leader`, `learner`, `snapshot`, and what a node `waits` for. [`invariants`] judges a
//! run, [`flaw`] is the catalogue of deliberate defects.

pub mod ballot;
pub mod log;
pub mod message;
pub mod state;
pub mod value;

mod multi_paxos;

mod acceptor;
mod election;
mod leader;
mod learner;
mod snapshot;
mod waits;

pub mod config;
pub mod event;
pub mod flaw;
pub mod invariants;

pub use ballot::{Ballot, Slot};
pub use config::{Config, LIVES_WITH};
pub use event::Event;
pub use flaw::{FLAWS, FlawSet, MultiPaxosFlaw};
pub use invariants::Invariants;
pub use log::Log;
pub use message::Message;
pub use multi_paxos::{MultiPaxos, Timer};
pub use state::{Record, Snapshot};
pub use value::{Held, Prefix, Value, Values};
