//! What replicas send each other (section 4). What must convince a third party is signed; the world names the sender of
//! the rest, and that cannot be forged.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, Kinded};
use serde::{Deserialize, Serialize};

use crate::certificate::{Checkpoint, Committed, NewView, Stable, State, ViewChange, Vote};
use crate::sign::{Asked, Batch, Signed};
use crate::{Digest, Sequence, View};

/// How far a replica is, so that others can tell it what it misses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Its view.
    pub view: View,
    /// Whether the view has begun there: it has sent or accepted its new-view.
    pub is_active: bool,
    /// Its last stable checkpoint.
    pub stable: Sequence,
    /// The last sequence number that it has executed, as far as it can vouch for it: see `Pbft::vouched`.
    pub executed: Sequence,
    /// Of the 64 sequence numbers after that one, those whose pre-prepare of this view it has, as bits.
    pub accepted: u64,
    /// And those that have prepared there in this view.
    pub prepared: u64,
    /// It misses something: whoever has it is to send it.
    pub asks: bool,
    /// Batches that it knows by digest only.
    pub wanted: Vec<(Sequence, Digest)>,
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Message {
    /// A client's request, relayed to the primary (4.1).
    Request(Asked),
    /// The primary's assignment, with the batch that it is about (4.2).
    PrePrepare {
        /// The signed part.
        proposal: Signed<Vote>,
        /// The batch.
        batch: Batch,
    },
    /// A backup agrees (4.2).
    Prepare(Signed<Vote>),
    /// A replica knows that a quorum agrees (4.2).
    Commit(Signed<Vote>),
    /// A replica has made a checkpoint (4.3).
    Checkpoint(Signed<Checkpoint>),
    /// A replica gives its primary up (4.4).
    ViewChange(Signed<ViewChange>),
    /// A view begins (4.4).
    NewView(Signed<NewView>),
    /// How far the sender is. Castro's thesis, section 5.2: retransmission is by status messages.
    Status(Status),
    /// A batch that the receiver knew by digest only.
    Batch {
        /// Its sequence number.
        sequence: Sequence,
        /// The batch.
        batch: Batch,
    },
    /// A batch that was committed while the receiver was away, with the proof.
    Committed {
        /// The proof.
        proof: Committed,
        /// The batch.
        batch: Batch,
    },
    /// State transfer (4.3, 4.4): a stable checkpoint with its proof and the state.
    State {
        /// The proof.
        stable: Stable,
        /// The state.
        state: State,
    },
    /// A checkpoint is stable (4.3). The proof goes as one: of a traitor that votes for one state here and for another there
    /// the receiver may hold another vote than the one that is in it.
    Stable(Stable),
}

impl Message {
    /// The vote of section 4.2 that it is, if it is one.
    #[must_use]
    pub const fn vote(&self) -> Option<&Signed<Vote>> {
        match self {
            Message::PrePrepare { proposal: vote, .. } | Message::Prepare(vote) | Message::Commit(vote) => {
                Some(vote)
            }
            _ => None,
        }
    }
}

impl Kinded for Message {
    const KINDS: &'static [&'static str] = &[
        "request",
        "pre-prepare",
        "prepare",
        "commit",
        "checkpoint",
        "view-change",
        "new-view",
        "status",
        "batch",
        "committed",
        "state",
        "stable",
    ];

    #[inline]
    fn kind(&self) -> usize {
        match self {
            Message::Request(_) => 0,
            Message::PrePrepare { .. } => 1,
            Message::Prepare(_) => 2,
            Message::Commit(_) => 3,
            Message::Checkpoint(_) => 4,
            Message::ViewChange(_) => 5,
            Message::NewView(_) => 6,
            Message::Status(_) => 7,
            Message::Batch { .. } => 8,
            Message::Committed { .. } => 9,
            Message::State { .. } => 10,
            Message::Stable(_) => 11,
        }
    }
}

/// Bytes of a signed vote: the vote, and a signature of 64.
const VOTE: usize = 96;
/// Bytes of a request.
const REQUEST: usize = 112;

fn batch_size(batch: &Batch) -> usize {
    batch.requests().len() * REQUEST
}

fn change_size(change: &ViewChange) -> usize {
    let prepared = change.prepared.iter().map(|prepared| VOTE * (1 + prepared.prepares.len()));
    VOTE + VOTE * change.stable.votes.len() + prepared.sum::<usize>()
}

impl quarrel_protocol::Message for Message {
    fn size(&self) -> usize {
        match self {
            Message::Request(_) => REQUEST,
            Message::PrePrepare { batch, .. } => VOTE + batch_size(batch),
            Message::Prepare(_) | Message::Commit(_) | Message::Checkpoint(_) => VOTE,
            Message::ViewChange(change) => change_size(change.body()),
            Message::NewView(new) => {
                let changes = new.body().changes.iter().map(|change| change_size(change.body()));
                VOTE + VOTE * new.body().proposals.len() + changes.sum::<usize>()
            }
            Message::Status(status) => 48 + 16 * status.wanted.len(),
            Message::Batch { batch, .. } => 16 + batch_size(batch),
            Message::Committed { proof, batch } => VOTE * proof.commits.len() + batch_size(batch),
            Message::Stable(stable) => VOTE * stable.votes.len(),
            Message::State { stable, state } => VOTE * stable.votes.len() + 16 + state.image.bytes().len(),
        }
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Request(request) => write!(f, "Request {request}"),
            Message::PrePrepare { proposal, batch } => write!(f, "{}: {batch}", proposal.body()),
            Message::Prepare(vote) | Message::Commit(vote) => vote.body().fmt(f),
            Message::Checkpoint(vote) => write!(f, "Checkpoint: {}", vote.body()),
            Message::ViewChange(change) => change.body().fmt(f),
            Message::NewView(new) => new.body().fmt(f),
            Message::Status(it) => {
                let stage = if it.is_active { "in" } else { "on its way to" };
                write!(
                    f,
                    "Status: {stage} view {}, stable up to {}, executed up to {}",
                    it.view, it.stable, it.executed
                )?;
                if it.asks {
                    f.write_str(", asks for what it misses")?;
                }
                match it.wanted.len() {
                    0 => Ok(()),
                    count => write!(f, ", wants {count} batches"),
                }
            }
            Message::Batch { sequence, batch } => write!(f, "Batch {sequence}: {batch}"),
            Message::Committed { proof, batch } => match proof.vote() {
                Some(Vote { view, sequence, .. }) => {
                    write!(f, "Committed at {sequence} in view {view}: {batch}")
                }
                None => write!(f, "Committed nothing: {batch}"),
            },
            Message::Stable(stable) => write!(f, "Stable up to {}", stable.sequence),
            Message::State { state, .. } => write!(f, "State up to {}, {}", state.sequence, state.image),
        }
    }
}

impl Fingerprint for Message {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        match self {
            Message::Request(request) => request.fingerprint(into),
            Message::PrePrepare { proposal, batch } => {
                proposal.fingerprint(into);
                batch.fingerprint(into);
            }
            Message::Prepare(vote) | Message::Commit(vote) => vote.fingerprint(into),
            Message::Checkpoint(vote) => vote.fingerprint(into),
            Message::ViewChange(change) => change.fingerprint(into),
            Message::NewView(new) => new.fingerprint(into),
            Message::Status(it) => {
                into.pair(it.view.0, it.stable.0);
                into.pair(it.executed.0, it.accepted);
                into.pair(it.prepared, u64::from(it.is_active) << 1 | u64::from(it.asks));
                into.mark(it.wanted.len() as u64);
                it.wanted.iter().for_each(|(sequence, digest)| into.pair(sequence.0, digest.0));
            }
            Message::Batch { sequence, batch } => {
                sequence.fingerprint(into);
                batch.fingerprint(into);
            }
            Message::Committed { proof, batch } => {
                proof.fingerprint(into);
                batch.fingerprint(into);
            }
            Message::State { stable, state } => {
                stable.fingerprint(into);
                state.fingerprint(into);
            }
            Message::Stable(stable) => stable.fingerprint(into),
        }
    }
}
