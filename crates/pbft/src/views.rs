//! View changes (sections 4.4 and 4.5.2).

use std::collections::BTreeSet;

use quarrel_protocol::{After, Effects};

use crate::certificate::{NewView, ViewChange, view_to_join};
use crate::event::{Event, Reason};
use crate::message::Message;
use crate::pbft::{Pbft, Timer};
use crate::sign::{Batch, Signed};
use crate::state::{Record, Stage};
use crate::{Digest, PbftFlaw, Sequence, View};

/// Giving a primary up.
impl Pbft {
    /// How long a backup waits now: T after the first failure, 2T after the second (4.5.2).
    pub(crate) fn patience(&self) -> After {
        self.config.patience_after(self.failures.saturating_sub(1))
    }

    /// "If the timer of backup i expires in view v, the backup starts a view change to move the system to view v + 1" (4.4).
    /// So it does when a view that a quorum was on its way to has not begun in time (4.5.2).
    pub(crate) fn on_patience_timer(&mut self, effects: &mut Effects<Self>) {
        let is_due = match self.durable.stage {
            Stage::Active(_) => self.requests.watched().is_some() && !self.is_primary(),
            Stage::Changing { is_timed } => is_timed,
        };
        if is_due {
            self.give_up(self.view().next(), Reason::TimedOut, effects);
        }
    }

    /// "⟨VIEW-CHANGE, v + 1, n, C, P, i⟩" to all replicas.
    fn give_up(&mut self, view: View, reason: Reason, effects: &mut Effects<Self>) {
        assert!(view > self.view(), "views only rise");
        let slots = self.durable.slots.values();
        let mut prepared: Vec<_> = slots.filter_map(|slot| slot.prepared.clone()).collect();
        if self.config.has(PbftFlaw::VcDropsPrepared) {
            prepared.clear();
        }
        let count = prepared.len() as u32;
        let change = self.key.sign(ViewChange { view, stable: self.durable.stable.clone(), prepared });
        if !self.config.has(PbftFlaw::ViewNotDurable) {
            effects.persist(Record::ViewChange(change.clone()));
        }
        self.failures = self.failures.saturating_add(1);
        effects.announce(Event::GaveUp { view, prepared: count, failures: self.failures, reason });
        self.forget_votes_before(view);
        self.durable.leave_for(change.clone());
        self.requests.unwatch();
        effects.cancel_timer(Timer::Patience);
        self.changes.insert(self.id, change.clone());
        self.multicast(&Message::ViewChange(change), effects);
        self.arm_status(effects);
        self.count_changes(effects);
    }

    /// Votes count in their view; what has prepared is kept apart.
    fn forget_votes_before(&mut self, view: View) {
        let keeps_all = self.config.has(PbftFlaw::CommitsOfAnyView);
        for slot in self.durable.slots.values_mut() {
            slot.prepares.retain(|vote| vote.body().view >= view);
            slot.commits.retain(|vote| keeps_all || vote.body().view >= view);
        }
    }

    pub(crate) fn on_view_change(&mut self, change: Signed<ViewChange>, effects: &mut Effects<Self>) {
        let signer = change.signer();
        if signer.0 >= self.config.nodes || signer == self.id || !change.body().holds(&self.config) {
            return;
        }
        let known = self.changes.get(&signer).map(|known| known.body().view);
        if known.is_none_or(|known| known < change.body().view) {
            self.changes.insert(signer, change);
            self.count_changes(effects);
        }
    }

    fn count_changes(&mut self, effects: &mut Effects<Self>) {
        // "If a replica receives a set of f + 1 valid view-change messages from other replicas for views greater than its
        // current view, it sends a view-change message for the smallest view in the set, even if its timer has not
        // expired" (4.5.2).
        let views = self.changes.iter().map(|(&node, change)| (node, change.body().view));
        let joined = view_to_join(views, self.view(), self.config.faulty_max() + 1);
        if let Some(view) = joined.filter(|_| !self.config.has(PbftFlaw::ViewChangeNotJoined)) {
            return self.give_up(view, Reason::Joined, effects);
        }
        let Stage::Changing { is_timed } = self.durable.stage else { return };
        // "After it receives 2f + 1 view-change messages for view v + 1, it starts a timer that expires after some time T":
        // whoever is beyond has given this view up as well.
        let there = self.changes.values().filter(|change| change.body().view >= self.view()).count();
        if !is_timed && there >= self.config.quorum_used() {
            self.durable.stage = Stage::Changing { is_timed: true };
            effects.set_timer(Timer::Patience, self.patience());
        }
        self.begin_if_primary(effects);
    }
}

/// Beginning a view.
impl Pbft {
    /// "When the primary p of view v + 1 receives 2f valid view-change messages for view v + 1 from other replicas, it
    /// multicasts a ⟨NEW-VIEW, v + 1, V, O⟩ message to all other replicas."
    fn begin_if_primary(&mut self, effects: &mut Effects<Self>) {
        let view = self.view();
        let of_view = self.changes.values().filter(|change| change.body().view == view);
        let changes: Vec<Signed<ViewChange>> = of_view.cloned().collect();
        if !self.is_primary() || self.is_active() || changes.len() < self.config.quorum_used() {
            return;
        }
        let new = NewView::compute(&self.config, &self.key, view, changes);
        if self.config.has(PbftFlaw::VcSVsSprime) {
            let low = new.stable().sequence;
            let same = new.changes.iter().filter(|change| change.body().stable.sequence == low).count();
            if same < self.config.quorum_used() {
                return;
            }
        }
        let new = self.key.sign(new);
        self.enter(new.clone(), effects);
        self.multicast(&Message::NewView(new), effects);
        self.redo(effects);
    }

    /// "A backup accepts a new-view message for view v + 1 if it is signed properly, if the view-change messages it
    /// contains are valid for view v + 1, and if the set O is correct."
    pub(crate) fn on_new_view(&mut self, new: Signed<NewView>, effects: &mut Effects<Self>) {
        let view = new.body().view;
        let is_new = view > self.view() || view == self.view() && !self.is_active();
        let primary = self.config.primary(view);
        if !is_new || new.signer() != primary || primary == self.id || view == View(0) {
            return;
        }
        if !new.body().holds(&self.config) {
            return effects.announce(Event::Refused { view });
        }
        self.enter(new, effects);
        self.redo(effects);
    }

    fn enter(&mut self, new: Signed<NewView>, effects: &mut Effects<Self>) {
        let stable = new.body().stable().clone();
        effects.persist(Record::NewView(new.clone()));
        self.announce_entry(&new, effects);
        self.forget_votes_before(new.body().view);
        self.durable.enter(new);
        self.requests.unwatch();
        effects.cancel_timer(Timer::Patience);
        // "If min-s is greater than the sequence number of its latest stable checkpoint, p also inserts the proof of
        // stability for the checkpoint with sequence number min-s in its log, and discards information from the log."
        self.stabilise(stable, effects);
    }

    fn announce_entry(&self, new: &Signed<NewView>, effects: &mut Effects<Self>) {
        let NewView { view, ref proposals, .. } = *new.body();
        let (low, null) = (new.body().stable().sequence, Digest::of(&Batch::NULL));
        let nulls = proposals.iter().filter(|proposal| proposal.body().digest == null).count() as u32;
        let last = proposals.last().map_or(low, |proposal| proposal.body().sequence);
        effects.announce(Event::Entered { view, low, last, carried: proposals.len() as u32 - nulls, nulls });
    }

    /// The messages of O are pre-prepares of the new view: "it multicasts a prepare for each message in O to all the other
    /// replicas, adds these prepares to its log, and enters view v + 1". Of a batch that is not here, it waits for that.
    fn redo(&mut self, effects: &mut Effects<Self>) {
        let Stage::Active(Some(new)) = &self.durable.stage else { unreachable!("a view has just begun") };
        let proposals = new.body().proposals.clone();
        self.assigned = proposals.last().map_or(self.low(), |last| last.body().sequence.max(self.low()));
        let mut redone: BTreeSet<Sequence> = BTreeSet::new();
        for proposal in proposals {
            let (sequence, digest) = (proposal.body().sequence, proposal.body().digest);
            if !self.is_open(sequence) || proposal.body().view != self.view() || !redone.insert(sequence) {
                continue;
            }
            let held = self.slot(sequence).batch(digest).cloned();
            match held.or_else(|| (digest == Digest::of(&Batch::NULL)).then_some(Batch::NULL)) {
                Some(batch) => self.accept(proposal, batch, effects),
                None => self.slot(sequence).awaited = Some(proposal),
            }
        }
        for sequence in redone {
            if sequence > self.low() {
                self.advance(sequence, effects);
            }
        }
        if self.wanted().next().is_some() {
            self.say_status(true, effects);
        }
        self.take_up_early(effects);
        self.propose(effects);
        self.attend(effects);
    }
}
