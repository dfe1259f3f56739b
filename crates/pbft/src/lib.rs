//! Practical Byzantine fault tolerance: a replicated log that lives with f liars among n ≥ 3f + 1 replicas.
//!
//! Castro and Liskov, *Practical Byzantine Fault Tolerance*, OSDI 1999; sections are cited from it. As *thesis*: Castro,
//! *Practical Byzantine Fault Tolerance*, MIT, 2001.
//!
//! ```text
//! client    ─ request ─▶ all replicas
//! primary   ─ PrePrepare v n d, batch ─▶ backups     the primary of view v is v mod n; it assigns sequence numbers
//! backup    ─ Prepare v n d ─▶ all                   a quorum (the pre-prepare is the primary's): prepared in view v
//! replica   ─ Commit v n d ─▶ all                    a quorum of these as well: committed, executed in order
//! replica   ─ reply ─▶ client                        who believes what f + 1 say
//!
//! replica   ─ Checkpoint n d ─▶ all                  a quorum: stable; what is before it is dropped
//! backup    ─ ViewChange v+1, C, P ─▶ all            it has waited too long, or f + 1 others have
//! primary   ─ NewView v+1, V, O ─▶ all               what may have been committed is proposed again; all recompute O
//! ```
//!
//! # Where this is not what the paper says
//!
//! * **Any n.** f is ⌊(n − 1)/3⌋ and a quorum ⌈(n + f + 1)/2⌉, which is 2f + 1 when n = 3f + 1 ([`Config::quorum`]).
//! * **Signatures** are tokens, authenticators (section 5.2) are not modelled: every certificate convinces a third party.
//!   See `sign.rs`, also for what a client's signature is.
//! * **Relaying.** A backup relays a request only when it has not been ordered for a while (`relay`): a client that hears
//!   nothing asks all replicas, so the primary mostly knows it already. Each replica replies to the client, whomever it has
//!   asked; the client takes f + 1 equal replies.
//! * **Votes of oneself** are counted, not sent: as in the paper, a replica adds its own message to its log.
//! * **Disks.** The paper's replicas keep their state in memory, and a crash is one of the f faults. Here a replica writes
//!   what it must not forget before it says it: assignments accepted, certificates of what prepared, checkpoints, view
//!   changes, new views. So a crash with its disk is benign; who lost its disk counts as a traitor.
//! * **Lost messages** are made up for by status messages, after the thesis (5.2): see `status.rs`. A batch that was
//!   committed can be fetched from one replica, with a quorum of signed commits as its proof. That proof is not on the disk:
//!   when all who have it restart, and a liar keeps the checkpoint from being stable, a replica that missed the batch and
//!   has left the view alone waits until the log is full and the others change the view too.
//! * **Early votes**, of a view that has not begun here, wait for its new-view, which they may have overtaken: up to 64 of each
//!   replica. The paper says nothing of them.
//! * **State transfer** is one message with the proof that the state is stable (the paper: a tree of partitions).
//! * **Batches** (5.1 mentions them) go through the protocol as one request does; the null request is the empty batch.
//! * **A sequence number has as many positions** in the log of requests as its batch has requests; a null request has one.
//! * **View changes count for the timer** of a view when they are for that view or a later one, and only the latest one of
//!   each replica is kept: whoever has gone on will not take part in the earlier view.
//! * **Doubling** ends at a limit, `patience_doublings_max`, so that a cluster that could not work for long comes back soon.
//!
//! # What is left out
//!
//! Read-only requests, tentative execution, digest replies (5.1), proactive recovery, changes of membership. Progress is
//! promised when at most f replicas lie, are down or cannot be reached, and messages among the others arrive in time.
//!
//! # Reading order
//!
//! [`numbers`], [`sign`], [`certificate`], [`message`]; `pbft` (the contract), `ordering` (4.2), `requests` (4.1, timers),
//! `checkpoints` (4.3), `views` (4.4), `status`; `state` (what is held and written), `lies`, and what a replica `waits` for.
//! [`invariants`] judges a run, [`flaw`] is the catalogue of deliberate defects.

pub mod numbers;
pub mod sign;

pub mod certificate;
pub mod message;

mod pbft;
pub mod state;

mod checkpoints;
mod ordering;
mod requests;
mod status;
mod views;

pub mod lies;
mod waits;

pub mod config;
pub mod event;
pub mod flaw;
pub mod invariants;
mod properties;

pub use config::{Config, LIVES_WITH};
pub use event::Event;
pub use flaw::{FLAWS, FlawSet, PbftFlaw};
pub use invariants::Invariants;
pub use message::Message;
pub use numbers::{Digest, Sequence, View};
pub use pbft::{Pbft, Timer};
pub use state::Record;
