//! The candidate: phase 1 for all open slots at once (PMS 3), and what a new leader makes of it. PMMC's *scout*.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use quarrel_protocol::{Effects, NodeId};

use crate::event::{Reason, Why};
use crate::message::{Message, Prepare, Promise, Reject};
use crate::multi_paxos::Timer;
use crate::state::{Candidate, Leader, Role};
use crate::value::{Held, Value};
use crate::{Ballot, Event, MultiPaxos, MultiPaxosFlaw, Slot};

/// No quorum that keeps to the protocol leaves more gaps than a window: a slot is proposed when all but a window before it
/// are chosen, and of what is chosen a quorum tells. Some more are believed in, for what deliberate flaws leave behind.
const GAPS_MAX: u64 = 1024;

/// The last slot that was reported, before there are too many gaps.
fn last_believed(first: Slot, reported: &BTreeMap<Slot, Held>, gaps_max: u64) -> Slot {
    let gaps = |(count, &slot): (u64, &Slot)| slot.since(first) - count;
    let believed = (0..).zip(reported.keys()).take_while(|&it| gaps(it) <= gaps_max);
    believed.last().map_or(first.previous(), |(_, &slot)| slot)
}

impl MultiPaxos {
    pub(crate) fn on_campaign_timer(&mut self, effects: &mut Effects<Self>) {
        if self.leader().is_none() {
            self.become_candidate(effects);
        }
    }

    /// Asks everyone, itself included: its own promise counts once it is on disk, when this message leaves.
    pub(crate) fn send_prepare(&self, ballot: Ballot, effects: &mut Effects<Self>) {
        let first = self.log().first_open();
        for to in self.others() {
            effects.send(to, Message::Prepare(Prepare { ballot, first }));
        }
        let promise = self.promise(ballot, first);
        effects.send(self.id, Message::Promise(promise));
    }

    pub(crate) fn on_promise(&mut self, from: NodeId, message: Promise, effects: &mut Effects<Self>) {
        let Promise { ballot, covers, chosen, held } = message;
        let first = self.log().first_open();
        let takes_first = self.config.has(MultiPaxosFlaw::RecoveryTakesFirst);
        let Role::Candidate(candidate) = &mut self.role else { return };
        if candidate.ballot != ballot {
            return;
        }
        for (slot, held) in held.into_iter().filter(|&(slot, _)| slot >= first) {
            match candidate.reported.entry(slot) {
                Entry::Vacant(vacant) => {
                    vacant.insert(held);
                }
                // PMS, P2c: the value of the highest-numbered proposal.
                Entry::Occupied(mut known) => {
                    if held.ballot > known.get().ballot && !takes_first {
                        known.insert(held);
                    }
                }
            }
        }
        // Of two promises the one that says more counts: both are kept.
        let said = &mut candidate.covers[from.index()];
        *said = Some(said.map_or(covers, |said| said.min(covers)));
        if covers > first {
            effects.announce(Event::SetAside { ballot, from, covers });
            self.hear_of(chosen, from, effects);
            self.ask_now(from, effects);
        }
        self.count_promises(effects);
    }

    /// Becomes leader when a quorum has told all that it has accepted in open slots. Called again as slots are learned.
    pub(crate) fn count_promises(&mut self, effects: &mut Effects<Self>) {
        let Role::Candidate(candidate) = &self.role else { return };
        // PMMC, section 4.2: of slots whose state an acceptor has dropped it can promise nothing. They are chosen, and the
        // candidate must learn them first.
        let promised = if self.config.has(MultiPaxosFlaw::TrimmedAsEmpty) {
            candidate.promised()
        } else {
            candidate.promised_from(self.log().first_open())
        };
        if self.quorum.is_first(promised) {
            self.become_leader(effects);
        }
    }

    fn become_leader(&mut self, effects: &mut Effects<Self>) {
        let first = self.log().first_open();
        let Role::Candidate(candidate) = &mut self.role else {
            unreachable!("only a candidate becomes leader");
        };
        let voters = candidate.promised();
        let Candidate { ballot, ref mut reported, .. } = *candidate;
        // What was learned since it was reported is not open any more.
        let reported = std::mem::take(reported).split_off(&first);
        let last = last_believed(first, &reported, u64::from(self.config.window).max(GAPS_MAX));
        self.role = Role::Leader(Leader::new(ballot, last.next()));
        self.failures = 0;
        effects.announce(Event::Elected { ballot, voters, first, last });
        effects.cancel_timer(Timer::Campaign);
        for slot in first.to(last) {
            let (value, why) = self.recovered(slot, reported.get(&slot));
            self.propose(slot, value, why, effects);
        }
        self.start_leading(first, last, effects);
    }

    /// What a new leader proposes for a slot that was open: PMS 2.2, phase 2 (a), and PMS 3 for gaps.
    fn recovered(&self, slot: Slot, reported: Option<&Held>) -> (Value, Why) {
        let is_own_gap = self.log().get(slot).is_none() && slot < self.log().last_held();
        match reported {
            Some(_) if is_own_gap && self.config.has(MultiPaxosFlaw::GapNoopOverwrites) => {
                (Value::NoOp, Why::Gap)
            }
            Some(held) => (held.value, Why::Reported),
            // A quorum has accepted nothing there, and never will in a lower ballot: the leader is free.
            None => (Value::NoOp, Why::Gap),
        }
    }

    pub(crate) fn on_reject(&mut self, from: NodeId, message: Reject, effects: &mut Effects<Self>) {
        let Reject { ballot, obeys, chosen } = message;
        self.highest = self.highest.max(obeys);
        let is_outbid = obeys > Some(ballot);
        let is_mine = match &self.role {
            Role::Follower(_) => false,
            Role::Candidate(candidate) => candidate.ballot == ballot,
            Role::Leader(leader) => leader.ballot == ballot,
        };
        if let Some(obeyed) = obeys.filter(|_| is_mine && is_outbid) {
            // PMMC: preempted. The next ballot is above that one.
            self.become_bystander(Reason::Outbid(obeyed), effects);
        }
        self.hear_of(chosen, from, effects);
    }
}
