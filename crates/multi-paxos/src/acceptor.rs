//! The acceptor: what it promises, what it accepts (PMS 2.2), for all slots at once (PMS 3); and whom it hears.

use quarrel_protocol::{Effects, NodeId};

use crate::event::Reason;
use crate::message::{Accept, Accepted, Heartbeat, HeartbeatReply, Message, Prepare, Promise, Reject};
use crate::multi_paxos::Timer;
use crate::state::Role;
use crate::{Ballot, Event, MultiPaxos, MultiPaxosFlaw, Slot};

impl MultiPaxos {
    /// Phase 1 (b).
    pub(crate) fn on_prepare(&mut self, from: NodeId, message: Prepare, effects: &mut Effects<Self>) {
        let Prepare { ballot, first } = message;
        self.highest = self.highest.max(Some(ballot));
        if Some(ballot) < self.durable.promised {
            return self.send_reject(from, ballot, effects);
        }
        // Whoever hears a leader takes no other. A leader that hears nobody gives up by itself.
        if self.leader().is_some_and(|leader| leader != from) {
            effects.announce(Event::Ignored { ballot });
            return self.send_reject(from, ballot, effects);
        }
        if self.durable.promised < Some(ballot) {
            self.write_promise(ballot, effects);
            effects.announce(Event::Promised { ballot });
        }
        if self.leader().is_none() {
            // The candidate is given time. If it was a rival of this one, it has won the duel.
            self.become_bystander(Reason::Outbid(ballot), effects);
        }
        let promise = self.promise(ballot, first);
        effects.send(from, Message::Promise(promise));
    }

    /// What this node says when it promises a ballot: all that it has accepted from `first` on. Of slots that it knows to
    /// be chosen it says nothing if it has them no more, or if there are many; the candidate must ask for those.
    pub(crate) fn promise(&self, ballot: Ballot, first: Slot) -> Promise {
        let log = self.log();
        let chosen = log.chosen().last;
        let is_far = chosen.next().since(first) > u64::from(self.config.window.max(1));
        let covers = if is_far { chosen.next() } else { first.max(log.trimmed().next()) };
        Promise { ballot, covers, chosen, held: log.from(covers).collect() }
    }

    /// Phase 2 (b).
    pub(crate) fn on_accept(&mut self, from: NodeId, message: Accept, effects: &mut Effects<Self>) {
        let Accept { ballot, first, values, chosen } = message;
        if !self.hears(from, ballot, effects) {
            self.hear_of(chosen, from, effects);
            // PMS, P1a.
            let is_refused = Some(ballot) < self.durable.promised;
            if !(is_refused && self.config.has(MultiPaxosFlaw::NoAcceptCheck)) {
                return;
            }
        }
        let mut last = first;
        for (slot, &value) in (first.0..).map(Slot).zip(values.iter()) {
            last = slot;
            // What is chosen cannot change; and what was accepted in this ballot is this.
            if slot > self.log().chosen().last && !self.log().is_accepted_in(slot, ballot) {
                self.write_accepted(slot, ballot, value, effects);
                effects.announce(Event::Accepted { ballot, slot, value });
            }
        }
        self.learn_from_leader(ballot, chosen, from, effects);
        self.send_accepted(from, Accepted { ballot, first, last }, effects);
    }

    pub(crate) fn send_accepted(&self, to: NodeId, accepted: Accepted, effects: &mut Effects<Self>) {
        let sent = effects.send(to, Message::Accepted(accepted));
        // PMS 2.5: what is confirmed is on stable storage first. A message waits for that by itself.
        if self.config.has(MultiPaxosFlaw::AcceptedNotDurable) {
            sent.unsynced();
        }
    }

    pub(crate) fn on_heartbeat(&mut self, from: NodeId, message: Heartbeat, effects: &mut Effects<Self>) {
        let Heartbeat { ballot, chosen } = message;
        if !self.hears(from, ballot, effects) {
            return self.hear_of(chosen, from, effects);
        }
        self.learn_from_leader(ballot, chosen, from, effects);
        effects.send(from, Message::HeartbeatReply(HeartbeatReply { ballot })).unsynced();
    }

    /// Whether this node follows whoever speaks as the leader of a ballot; if not, it says whom it obeys.
    fn hears(&mut self, from: NodeId, ballot: Ballot, effects: &mut Effects<Self>) -> bool {
        self.highest = self.highest.max(Some(ballot));
        let followed = match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::Candidate(_) | Role::Leader(_) => None,
        };
        if Some(ballot) < self.durable.promised.max(followed) {
            self.send_reject(from, ballot, effects);
            return false;
        }
        if followed == Some(ballot) {
            // By far the most frequent case.
            effects.set_timer(Timer::Silence, self.config.silence_timer());
        } else {
            self.become_follower(ballot, effects);
        }
        true
    }

    /// PMS 2.2: it is a good idea to tell a proposer that its ballot is of no use.
    fn send_reject(&self, to: NodeId, ballot: Ballot, effects: &mut Effects<Self>) {
        let followed = match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::Candidate(_) | Role::Leader(_) => None,
        };
        let obeys = self.durable.promised.max(followed);
        let chosen = self.log().chosen().last;
        effects.send(to, Message::Reject(Reject { ballot, obeys, chosen }));
    }

    pub(crate) fn on_silence_timer(&mut self, effects: &mut Effects<Self>) {
        if let Role::Follower(follower) = &mut self.role {
            follower.leader = None;
            effects.set_timer(Timer::Campaign, self.config.backoff_after(self.failures));
        }
    }
}
