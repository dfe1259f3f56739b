//! What a replica holds for a sequence number, and what of all that it writes down.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, NodeId};
use serde::{Deserialize, Serialize};

use crate::certificate::{Committed, NewView, Prepared, Stable, State, ViewChange, Vote};
use crate::sign::{Batch, Signed};
use crate::{Digest, Sequence, View};

/// What a replica holds for one sequence number: the part of the paper's log that is about it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Slot {
    /// The assignment of the present view, accepted: its batch is here.
    pub(crate) proposal: Option<Signed<Vote>>,
    /// An assignment of the new view whose batch is not here yet.
    pub(crate) awaited: Option<Signed<Vote>>,
    /// Prepares of the present view.
    pub(crate) prepares: Vec<Signed<Vote>>,
    /// Commits of the present view.
    pub(crate) commits: Vec<Signed<Vote>>,
    /// What has prepared here, in the latest view in which anything did.
    pub(crate) prepared: Option<Prepared>,
    /// What a quorum has committed. Invariant: its batch is here.
    pub(crate) committed: Option<Committed>,
    /// All batches that were accepted here, in any view: another replica may need one, of which it has only the digest,
    /// until a later checkpoint is stable.
    pub(crate) batches: Vec<(Digest, Batch)>,
}

impl Slot {
    /// Keeps a batch.
    pub(crate) fn keep(&mut self, batch: Batch) {
        let digest = Digest::of(&batch);
        if self.batch(digest).is_none() {
            self.batches.push((digest, batch));
        }
    }

    /// All batches that were accepted here.
    pub(crate) fn known(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter().map(|(_, batch)| batch)
    }

    /// The batch with this digest.
    pub(crate) fn batch(&self, digest: Digest) -> Option<&Batch> {
        self.batches.iter().find(|(of, _)| *of == digest).map(|(_, batch)| batch)
    }

    /// What has prepared here in this view.
    pub(crate) fn prepared_in(&self, view: View) -> Option<Vote> {
        self.prepared.as_ref().map(Prepared::vote).filter(|vote| vote.view == view)
    }

    /// What is committed.
    pub(crate) fn committed_vote(&self) -> Option<Vote> {
        self.committed.as_ref().and_then(Committed::vote)
    }

    /// This replica's own vote among these.
    pub(crate) fn own(votes: &[Signed<Vote>], id: NodeId) -> Option<Signed<Vote>> {
        votes.iter().find(|vote| vote.signer() == id).copied()
    }
}

/// Where a replica stands in its view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// The view has begun; by this message, unless it is the first.
    Active(Option<Signed<NewView>>),
    /// It has sent a view change to it: "it stops accepting messages (other than checkpoint, view-change, and new-view
    /// messages)" (4.4).
    Changing {
        /// A quorum is on its way to this view or beyond, and the time runs in which it must begin (4.5.2).
        is_timed: bool,
    },
}

impl Stage {
    pub(crate) const fn is_active(&self) -> bool {
        matches!(self, Stage::Active(_))
    }
}

/// One durable fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Record {
    /// An assignment was accepted, or made.
    Accepted {
        /// It.
        proposal: Signed<Vote>,
        /// Its batch.
        batch: Batch,
    },
    /// A batch of an earlier view, kept for others.
    Batch {
        /// Its sequence number.
        sequence: Sequence,
        /// The batch.
        batch: Batch,
    },
    /// Something has prepared.
    Prepared(Prepared),
    /// The primary was given up.
    ViewChange(Signed<ViewChange>),
    /// A view has begun.
    NewView(Signed<NewView>),
    /// A checkpoint was made or taken over.
    State(State),
    /// A checkpoint is stable.
    Stable(Stable),
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Accepted { proposal, batch } => {
                let Vote { view, sequence, .. } = proposal.body();
                write!(f, "accepted at {sequence} in view {view}: {batch}")
            }
            Record::Batch { sequence, batch } => write!(f, "once accepted at {sequence}: {batch}"),
            Record::Prepared(prepared) => {
                let Vote { view, sequence, digest, .. } = prepared.vote();
                write!(f, "prepared at {sequence} in view {view}: {digest}")
            }
            Record::ViewChange(change) => write!(f, "on the way to view {}", change.body().view),
            Record::NewView(new) => write!(f, "in view {}", new.body().view),
            Record::State(state) => write!(f, "state up to {}, {}", state.sequence, state.image),
            Record::Stable(stable) => write!(f, "stable up to {}", stable.sequence),
        }
    }
}

impl Fingerprint for Record {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Record::Accepted { proposal, batch } => {
                into.mark(0);
                proposal.fingerprint(into);
                batch.fingerprint(into);
            }
            Record::Batch { sequence, batch } => {
                into.mark(1);
                sequence.fingerprint(into);
                batch.fingerprint(into);
            }
            Record::Prepared(prepared) => {
                into.mark(2);
                prepared.fingerprint(into);
            }
            Record::ViewChange(change) => {
                into.mark(3);
                change.fingerprint(into);
            }
            Record::NewView(new) => {
                into.mark(4);
                new.fingerprint(into);
            }
            Record::State(state) => {
                into.mark(5);
                state.fingerprint(into);
            }
            Record::Stable(stable) => {
                into.mark(6);
                stable.fingerprint(into);
            }
        }
    }
}

/// What survives a crash, as the records lead to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Durable {
    /// The present view: it never falls.
    pub(crate) view: View,
    /// Where the replica stands in it.
    pub(crate) stage: Stage,
    /// The view change that it has sent to it, while the view has not begun.
    pub(crate) own_change: Option<Signed<ViewChange>>,
    /// The last stable checkpoint: the low water mark h, with its proof.
    pub(crate) stable: Stable,
    /// Checkpoints that were made or taken over: the last one that is stable and here, and later ones.
    pub(crate) states: BTreeMap<Sequence, State>,
    /// The log. Invariant: all sequence numbers are above the low water mark.
    pub(crate) slots: BTreeMap<Sequence, Slot>,
}

impl Default for Durable {
    fn default() -> Self {
        Self {
            view: View::default(),
            stage: Stage::Active(None),
            own_change: None,
            stable: Stable::default(),
            states: BTreeMap::new(),
            slots: BTreeMap::new(),
        }
    }
}

impl Durable {
    pub(crate) fn recover(disk: &[Record]) -> Self {
        let mut durable = Self::default();
        disk.iter().cloned().for_each(|record| durable.read(record));
        durable
    }

    fn read(&mut self, record: Record) {
        match record {
            Record::Accepted { proposal, batch } => {
                let slot = self.slots.entry(proposal.body().sequence).or_default();
                slot.keep(batch);
                slot.proposal = Some(proposal);
            }
            Record::Batch { sequence, batch } => self.slots.entry(sequence).or_default().keep(batch),
            Record::Prepared(prepared) => {
                let slot = self.slots.entry(prepared.vote().sequence).or_default();
                slot.prepared = Some(prepared);
            }
            Record::ViewChange(change) => self.leave_for(change),
            Record::NewView(new) => {
                // The view begins after the latest stable checkpoint in V, whose own record may not have come to the disk:
                // else its primary would assign numbers again that are long taken.
                let stable = new.body().stable().clone();
                self.enter(new);
                if stable.sequence > self.stable.sequence {
                    self.raise(stable);
                }
            }
            Record::State(state) => {
                self.states.insert(state.sequence, state);
            }
            Record::Stable(stable) => self.raise(stable),
        }
    }

    /// Gives the primary up.
    pub(crate) fn leave_for(&mut self, change: Signed<ViewChange>) {
        self.view = change.body().view;
        self.stage = Stage::Changing { is_timed: false };
        self.own_change = Some(change);
        self.slots.values_mut().for_each(|slot| (slot.proposal, slot.awaited) = (None, None));
    }

    /// Begins a view.
    pub(crate) fn enter(&mut self, new: Signed<NewView>) {
        self.view = new.body().view;
        self.own_change = None;
        self.slots.values_mut().for_each(|slot| (slot.proposal, slot.awaited) = (None, None));
        self.stage = Stage::Active(Some(new));
    }

    /// A later checkpoint is stable: what it covers is dropped (4.3).
    pub(crate) fn raise(&mut self, stable: Stable) {
        self.slots = self.slots.split_off(&stable.sequence.next());
        self.stable = stable;
        self.forget_states();
    }

    /// Of the states that are stable only the last is kept.
    pub(crate) fn forget_states(&mut self) {
        let low = self.stable.sequence;
        if let Some((&base, _)) = self.states.range(..=low).next_back() {
            self.states = self.states.split_off(&base);
        }
    }

    /// The state that the proof of stability is about, if it is here.
    pub(crate) fn stable_state(&self) -> Option<&State> {
        self.states.get(&self.stable.sequence)
    }

    /// The records that lead to all this.
    pub(crate) fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        records.push(Record::Stable(self.stable.clone()));
        records.extend(self.states.values().cloned().map(Record::State));
        match (&self.stage, &self.own_change) {
            (Stage::Active(Some(new)), _) => records.push(Record::NewView(new.clone())),
            (Stage::Changing { .. }, Some(change)) => records.push(Record::ViewChange(change.clone())),
            (Stage::Active(None), _) | (Stage::Changing { .. }, None) => {}
        }
        for (&sequence, slot) in &self.slots {
            for (digest, batch) in &slot.batches {
                let batch = batch.clone();
                records.push(match slot.proposal {
                    Some(proposal) if proposal.body().digest == *digest => {
                        Record::Accepted { proposal, batch }
                    }
                    _ => Record::Batch { sequence, batch },
                });
            }
            records.extend(slot.prepared.clone().map(Record::Prepared));
        }
        records
    }

    pub(crate) fn assert_invariants(&self) {
        let low = self.stable.sequence;
        assert!(
            self.slots.first_key_value().is_none_or(|(&first, _)| first > low),
            "what is stable is dropped"
        );
        assert!(self.states.range(..low).count() <= 1, "one state is enough to start from");
        assert!(self.stage.is_active() || self.own_change.is_some(), "who is on its way has said so");
        for slot in self.slots.values() {
            let has = |vote: Vote| slot.batch(vote.digest).is_some();
            assert!(slot.committed_vote().is_none_or(has), "what is committed is here");
            let proposal = slot.proposal.map(|proposal| *proposal.body());
            assert!(proposal.is_none_or(|vote| vote.view == self.view), "what is proposed is of this view");
        }
    }
}
