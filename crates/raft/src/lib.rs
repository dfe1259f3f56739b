//! Raft: a replicated log with a strong leader.
//!
//! Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm* (extended version, 2014). "Figure 2"
//! and the sections cited in the code are of that paper; "thesis" is Ongaro, *Consensus: Bridging Theory and Practice*
//! (2014).
//!
//! Read in this order: [`message`], [`log`], [`state`], [`raft`] with its handlers in `election.rs`, `replication.rs` and
//! `snapshot.rs`; then what it announces ([`event`]), what it waits for (`waits.rs`), what must hold ([`invariants`])
//! and what can be broken on purpose ([`flaw`]).
//!
//! What the paper leaves open, and how it is closed here:
//!
//! * A node counts itself by a message to itself: a candidate its own vote, a leader its own log. Such a message leaves
//!   only when the writes before it are durable, so nothing counts that a crash could take back.
//! * A leader sends before its own disk write is done (thesis, section 10.2.1).
//! * A leader pipelines: it sends the next entries before the last are confirmed. A refusal makes it probe, one message
//!   at a time, until the logs agree again. Heartbeats are empty, follow the last entry sent, and so notice a loss.
//! * A refusal carries the conflicting term and its first index (section 5.3, last paragraph of the text on
//!   consistency), and the leader skips the whole term.
//! * A leader that steps down tells its waiting clients to ask elsewhere. Their commands may still be committed.
//!
//! * A command carries its client's session (thesis, section 6.3). It may be appended twice, by two leaders, but takes
//!   effect once; a leader that has its outcome answers a retry without a new entry. There is no request to open a
//!   session, and none ever expires: clients are few, and each says which of its requests it still waits for.
//! * A read is a command like any other: it goes through the log (section 8 and thesis, section 6.4: slow, and
//!   linearizable without further argument), unless [`config::Reads`] says otherwise.
//! * Who decides stands in the log (thesis, chapter 4), but for the first configuration, which every node is told. A server
//!   that is to vote learns first, as a member that is in the log as well. Operators speak to the leader; nobody passes
//!   their orders on.
//!
//! * Pre-vote (thesis, section 9.6), and check-quorum with loyalty to a leader (sections 6.2 and 4.2.3), are options: see
//!   [`LIVES_WITH`] and [`LIVES_WITH_CHECKS`]. How long ago a leader was heard is a timer, since no clock is read.
//! * Snapshots (thesis, chapter 5; `snapshot.rs`) are an option as well. No entries are kept behind one: a follower that
//!   is a little late is sent the snapshot. Only a leader's replica keeps up, so whoever takes a snapshot brings its own
//!   up first.

mod change;
pub mod config;
mod election;
pub mod event;
pub mod flaw;
mod inputs;
pub mod invariants;
pub mod log;
pub mod membership;
pub mod message;
pub mod order;
mod progress;
pub mod raft;
pub mod reads;
mod replication;
pub mod snapshot;
pub mod state;
mod transfer;
mod waits;

pub use config::{Changes, Config, LIVES_WITH, LIVES_WITH_CHECKS};
pub use event::Event;
pub use flaw::{FLAWS, FlawSet, RaftFlaw};
pub use invariants::Invariants;
pub use log::{Entry, Index, Log, Payload, Term};
pub use membership::Configuration;
pub use message::{
    AppendEntries, AppendEntriesResponse, Entries, InstallSnapshot, InstallSnapshotResponse, Message,
    Outcome, PreVote, PreVoteResponse, RequestVote, RequestVoteResponse, TimeoutNow,
};
pub use order::{Order, Refusal};
pub use raft::{Raft, Timer};
pub use reads::Round;
pub use snapshot::Snapshot;
pub use state::Record;
