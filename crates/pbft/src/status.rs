//! What makes up for lost messages. The paper leaves it at "replicas retransmit"; Castro's thesis (2001), section 5.2, has
//! status messages: a replica that misses something says how far it is, and the others send it what it misses. So a
//! message that was lost is sent again because somebody misses it, and never because a sender waits.
//!
//! A replica speaks up a while after anything has changed, as often as it misses something, and then falls silent.

use std::collections::BTreeMap;

use quarrel_protocol::{Effects, NodeId};

use crate::certificate::{Committed, Vote};
use crate::event::{Event, How};
use crate::message::{Message, Status};
use crate::pbft::{Pbft, Timer};
use crate::sign::Batch;
use crate::state::{Slot, Stage};
use crate::{Digest, PbftFlaw, Sequence, View};

/// So many sequence numbers fit into the bits of a status.
const BITS: u64 = 64;

/// So many times a replica tells one other how far it is, because of what that one said, before it speaks up by itself
/// again. A traitor that answers every answer twice would else have it say more and more.
const ANSWERS_MAX: u32 = 32;

/// What others were told, and have told.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Said {
    /// What this replica said last: its view, its last stable checkpoint, the last number that it had executed.
    last: (View, Sequence, Sequence),
    /// Since then somebody said that it has executed this.
    heard: Sequence,
    /// The timer runs.
    is_timed: bool,
    /// The highest sequence number above the high water mark that anything came for.
    pub(crate) dropped: Sequence,
    /// How often it has told whom since the timer ran.
    answers: BTreeMap<NodeId, u32>,
}

/// Speaking.
impl Pbft {
    pub(crate) fn arm_status(&mut self, effects: &mut Effects<Self>) {
        if !self.said.is_timed {
            self.said.is_timed = true;
            effects.set_timer(Timer::Status, self.config.status);
        }
    }

    /// Whether there is anything that this replica could be told, or has to tell.
    pub(crate) fn is_unsettled(&self) -> bool {
        let is_open = self.durable.slots.last_key_value().is_some_and(|(&last, _)| last > self.executed);
        let is_unstable = self.durable.states.last_key_value().is_some_and(|(&last, _)| last > self.low());
        !self.is_active()
            || self.requests.len() > 0
            || is_open
            || is_unstable
            || self.executed < self.low()
            || self.said.heard > self.executed
            || self.now() != self.said.last
    }

    fn now(&self) -> (View, Sequence, Sequence) {
        (self.view(), self.low(), self.executed)
    }

    /// How far it has executed, as it tells others. Who starts from a checkpoint of its own has executed what it can prove to
    /// nobody, for the proofs are not on the disk; and until a quorum has the checkpoint, somebody else may need its vote. So
    /// that counts only when it has prepared here again.
    fn vouched(&self) -> Sequence {
        let is_vouched = |slot: &Slot| slot.committed.is_some() || slot.prepared_in(self.view()).is_some();
        let mut vouched = self.executed.min(self.low());
        while vouched < self.executed && self.durable.slots.get(&vouched.next()).is_some_and(is_vouched) {
            vouched = vouched.next();
        }
        vouched
    }

    /// Sequence numbers whose batch the new view proposes again, and which is not here.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (Sequence, Digest)> {
        let awaited =
            self.durable.slots.iter().filter_map(|(&sequence, slot)| Some((sequence, slot.awaited?)));
        awaited.map(|(sequence, proposal)| (sequence, proposal.body().digest))
    }

    pub(crate) fn on_status_timer(&mut self, effects: &mut Effects<Self>) {
        self.said.is_timed = false;
        self.said.answers.clear();
        if !self.is_unsettled() {
            return;
        }
        if let Some(change) = self.durable.own_change.clone() {
            self.multicast(&Message::ViewChange(change), effects);
        }
        // Who has come on since it last spoke misses nothing that is not on its way.
        let is_stuck = self.now() == self.said.last;
        self.say_status(is_stuck, effects);
        self.arm_status(effects);
    }

    /// Says how far it is; if `asks`, it is to be sent what it misses.
    pub(crate) fn say_status(&mut self, asks: bool, effects: &mut Effects<Self>) {
        let status = self.status(asks);
        self.multicast(&Message::Status(status), effects);
        self.said.last = self.now();
        if asks {
            self.said.heard = Sequence::ZERO;
        }
    }

    fn status(&self, asks: bool) -> Status {
        let executed = self.vouched();
        let bits = |has: &dyn Fn(&Slot) -> bool| {
            let next = executed.next();
            let slots = self.durable.slots.range(next..next.plus(BITS));
            let having = slots.filter(|(_, slot)| has(slot));
            having.fold(0u64, |bits, (sequence, _)| bits | 1 << sequence.since(next))
        };
        let (accepted, prepared) =
            (bits(&|slot| slot.proposal.is_some()), bits(&|slot| slot.prepared_in(self.view()).is_some()));
        // What was dropped at the high water mark is taken for had: nobody will send it again.
        let is_deaf = self.config.has(PbftFlaw::WatermarkDrop) && self.said.dropped > self.executed;
        Status {
            view: self.view(),
            is_active: self.is_active(),
            stable: self.low(),
            executed,
            accepted: if is_deaf { u64::MAX } else { accepted },
            prepared: if is_deaf { u64::MAX } else { prepared },
            asks: asks && !is_deaf,
            wanted: self.wanted().take(BITS as usize).collect(),
        }
    }
}

/// Answering.
impl Pbft {
    pub(crate) fn on_status(&mut self, from: NodeId, status: &Status, effects: &mut Effects<Self>) {
        let view = self.view();
        self.said.heard = self.said.heard.max(status.executed);
        // What is accepted elsewhere and not known here is on its way, or lost: so a pre-prepare of which nobody but the
        // primary knows is asked for.
        if status.view == view && status.accepted != 0 {
            let last = u64::BITS - 1 - status.accepted.leading_zeros();
            let accepted = status.executed.next().plus(u64::from(last));
            let is_known = self.durable.slots.get(&accepted).is_some_and(|slot| slot.proposal.is_some());
            if !is_known && self.is_open(accepted) {
                self.said.heard = self.said.heard.max(accepted);
            }
        }
        let is_behind = status.view < view || status.view == view && !status.is_active;
        match &self.durable.stage {
            Stage::Active(Some(new)) if is_behind => {
                effects.send(from, Message::NewView(new.clone()));
            }
            Stage::Active(_) | Stage::Changing { .. } => {}
        }
        // Who is in a view that has not begun here is told so, and sends its new-view in return.
        if status.is_active && (status.view > view || status.view == view && !self.is_active()) {
            self.answer(from, effects);
        }
        // So is who is behind in this view and does not know, where all that have come further have said so, and it was lost,
        // or came before what it has by now. It does not answer that: two replicas never go on telling each other.
        let is_here = status.view == view && status.is_active && self.is_active();
        let has_spoken = self.now() == self.said.last;
        if is_here && has_spoken && !status.asks && status.executed < self.vouched() {
            self.answer(from, effects);
        }
        for &(sequence, digest) in &status.wanted {
            if let Some(batch) = self.durable.slots.get(&sequence).and_then(|slot| slot.batch(digest)) {
                effects.send(from, Message::Batch { sequence, batch: batch.clone() });
            }
        }
        if status.asks {
            self.send_checkpoints(from, status, effects);
            self.send_progress(from, status, effects);
        }
        self.attend(effects);
    }

    /// Tells one other how far it is.
    fn answer(&mut self, to: NodeId, effects: &mut Effects<Self>) {
        let answers = self.said.answers.entry(to).or_default();
        if *answers == ANSWERS_MAX {
            return self.arm_status(effects);
        }
        *answers += 1;
        effects.send(to, Message::Status(self.status(false)));
    }

    /// The proof of what is stable here, since whoever took the state over has cast no vote for it; and its own later
    /// checkpoints, of which a quorum is needed.
    fn send_checkpoints(&self, to: NodeId, status: &Status, effects: &mut Effects<Self>) {
        if self.low() > status.stable {
            effects.send(to, Message::Stable(self.durable.stable.clone()));
        }
        let own = self.checkpoints.get(&self.id).into_iter().flatten();
        let later = own.filter(|vote| vote.body().sequence > self.low().max(status.stable));
        for vote in later {
            effects.send(to, Message::Checkpoint(*vote));
        }
    }

    /// What came after what the other has executed: a state, if that is all that is left of it; batches with the proof that
    /// they are committed; else this replica's own votes.
    fn send_progress(&self, to: NodeId, status: &Status, effects: &mut Effects<Self>) {
        if let Some(state) = self.durable.stable_state().filter(|state| state.sequence > status.executed) {
            let stable = self.durable.stable.clone();
            effects.send(to, Message::State { stable, state: state.clone() });
        }
        let is_same_view = status.view == self.view() && status.is_active && self.is_active();
        let next = status.executed.next();
        for (&sequence, slot) in self.durable.slots.range(next..next.plus(BITS)) {
            if let (Some(proof), Some(vote)) = (slot.committed.clone(), slot.committed_vote()) {
                let batch = slot.batch(vote.digest).cloned().expect("what is committed is here");
                effects.send(to, Message::Committed { proof, batch });
            } else if is_same_view {
                let has = |bits: u64| bits >> sequence.since(next) & 1 == 1;
                self.send_votes(to, slot, has(status.accepted), has(status.prepared), effects);
            }
        }
    }

    fn send_votes(
        &self,
        to: NodeId,
        slot: &Slot,
        has_accepted: bool,
        has_prepared: bool,
        effects: &mut Effects<Self>,
    ) {
        if let Some(proposal) = slot.proposal.filter(|_| self.is_primary() && !has_accepted) {
            let batch = slot.batch(proposal.body().digest).cloned().expect("what is accepted is here");
            effects.send(to, Message::PrePrepare { proposal, batch });
        }
        if let Some(prepare) = Slot::own(&slot.prepares, self.id).filter(|_| !has_prepared) {
            effects.send(to, Message::Prepare(prepare));
        }
        if let Some(commit) = Slot::own(&slot.commits, self.id) {
            effects.send(to, Message::Commit(commit));
        }
    }
}

/// Hearing the answers.
impl Pbft {
    /// A batch that was known by digest only.
    pub(crate) fn on_batch(&mut self, sequence: Sequence, batch: Batch, effects: &mut Effects<Self>) {
        let awaited = self.durable.slots.get(&sequence).and_then(|slot| slot.awaited);
        let Some(proposal) = awaited.filter(|it| it.body().digest == Digest::of(&batch)) else { return };
        if !self.is_active() {
            return;
        }
        effects.announce(Event::Fetched { sequence });
        self.accept(proposal, batch, effects);
        self.advance(sequence, effects);
        self.attend(effects);
    }

    /// A batch that was committed while this replica was away, or deaf. A quorum of commits convinces whoever sees it, in
    /// whatever view it is.
    pub(crate) fn on_committed(&mut self, proof: Committed, batch: Batch, effects: &mut Effects<Self>) {
        let Some(Vote { view, sequence, digest, .. }) = proof.vote() else { return };
        if !self.is_open(sequence) || digest != Digest::of(&batch) {
            return;
        }
        let is_known = self.durable.slots.get(&sequence).is_some_and(|slot| slot.committed.is_some());
        if is_known || !proof.holds(&self.config) {
            return;
        }
        if sequence <= self.executed {
            // Executed before a restart: it can be proved again.
            let slot = self.slot(sequence);
            slot.keep(batch);
            slot.committed = Some(proof);
            return;
        }
        effects.announce(Event::Committed { view, sequence, digest, how: How::CaughtUp });
        let slot = self.slot(sequence);
        slot.keep(batch);
        slot.committed = Some(proof);
        self.execute(effects);
        self.propose(effects);
        self.attend(effects);
    }
}
