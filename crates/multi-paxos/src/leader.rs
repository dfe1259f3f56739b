//! The leader: phase 2 for one slot after the other, several at a time (PMS 3). PMMC's *commanders*.

use quarrel_protocol::{After, Effects, NodeId, NodeSet};
use quarrel_spec::replicated_log::Reply;
use quarrel_spec::session::{Command, Receipt, Session};

use crate::event::{How, Reason, Why};
use crate::message::{Accept, Accepted, Heartbeat, HeartbeatReply, Message};
use crate::multi_paxos::Timer;
use crate::state::{Leader, Pending, Role};
use crate::value::Value;
use crate::{Ballot, Event, MultiPaxos, MultiPaxosFlaw, Slot};

impl MultiPaxos {
    pub(crate) fn on_request(&mut self, command: Command, effects: &mut Effects<Self>) {
        let Session { client, serial: id, .. } = command.session;
        let hint = self.leader();
        let Role::Leader(leader) = &mut self.role else {
            return effects.reply(client, id, Reply::NotLeader { hint });
        };
        // PML 5.2: a read must not be stale, and a leader may have been replaced without knowing. Here every read goes
        // through the log like a write, which asks a quorum.
        if self.config.has(MultiPaxosFlaw::ReadLocalLeader) && command.call.is_read() {
            let (index, outcome) = (self.applied.0, self.replica.peek(&command.call));
            return effects.reply(client, id, Reply::Applied { index, outcome });
        }
        // A retry of what was applied: it is chosen, so its outcome is final. Nothing about the present is said.
        if let Some(Receipt { index, outcome }) = self.replica.applied(client, id) {
            return effects.reply(client, id, Reply::Applied { index: *index, outcome: outcome.clone() });
        }
        // A retry of what is on its way: its answer will do for both.
        if leader.is_waiting(client, id) {
            return;
        }
        leader.queue.push_back(command);
        self.propose_queued(effects);
    }

    /// Gives slots to commands that wait for one, as far as the window is open.
    fn propose_queued(&mut self, effects: &mut Effects<Self>) {
        let window = u64::from(self.config.window.max(1));
        let first = self.next_slot();
        loop {
            let Role::Leader(leader) = &mut self.role else { return };
            if leader.open.len() as u64 >= window {
                break;
            }
            let Some(command) = leader.queue.pop_front() else { break };
            let Session { client, serial: id, .. } = command.session;
            let slot = Slot(self.durable.log.chosen().last.0 + leader.open.len() as u64 + 1);
            leader.pending.push_back(Pending { slot, client, id });
            self.propose(slot, Value::Command(command), Why::Asked, effects);
        }
        self.send_accepts(first, self.next_slot().previous(), effects);
    }

    /// The first slot that is not proposed.
    fn next_slot(&self) -> Slot {
        match &self.role {
            Role::Leader(leader) => self.log().first_open().plus(leader.open.len() as u64),
            Role::Follower(_) | Role::Candidate(_) => self.log().first_open(),
        }
    }

    /// Proposes a value, and accepts it: nobody else proposes in this ballot.
    pub(crate) fn propose(&mut self, slot: Slot, value: Value, why: Why, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &mut self.role else { unreachable!("only a leader proposes") };
        let ballot = leader.ballot;
        leader.open.push_back(NodeSet::EMPTY);
        self.write_accepted(slot, ballot, value, effects);
        effects.announce(Event::Proposed { ballot, slot, value, why });
    }

    /// A new leader speaks up, with all that was open.
    pub(crate) fn start_leading(&mut self, first: Slot, last: Slot, effects: &mut Effects<Self>) {
        effects.set_timer(Timer::Heartbeat, After::exactly(self.config.heartbeat_ns));
        if first > last {
            self.others().for_each(|to| self.send_heartbeat(to, effects));
        }
        self.send_accepts(first, last, effects);
    }

    /// Phase 2 (a), for slots that have just been proposed. It does not wait for the leader's own disk: whoever crashes
    /// before that is done comes back with a higher ballot.
    fn send_accepts(&mut self, first: Slot, last: Slot, effects: &mut Effects<Self>) {
        if first > last {
            return;
        }
        for to in self.others() {
            self.send_accepts_to(to, first, last, effects);
        }
        let Role::Leader(Leader { ballot, .. }) = self.role else { return };
        self.send_accepted(self.id, Accepted { ballot, first, last }, effects);
    }

    fn send_accepts_to(&self, to: NodeId, first: Slot, last: Slot, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &self.role else { return };
        let limit = u64::from(self.config.slots_per_message.max(1));
        let mut next = first;
        while next <= last {
            let end = last.min(next.plus(limit - 1));
            let values = self.log().from(next).take_while(|&(slot, _)| slot <= end);
            let values = values.map(|(_, held)| held.value).collect();
            let chosen = self.log().chosen().last;
            let accept = Accept { ballot: leader.ballot, first: next, values, chosen };
            effects.send(to, Message::Accept(accept)).unsynced();
            next = end.next();
        }
    }

    fn send_heartbeat(&self, to: NodeId, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &self.role else { return };
        let heartbeat = Heartbeat { ballot: leader.ballot, chosen: self.log().chosen().last };
        effects.send(to, Message::Heartbeat(heartbeat)).unsynced();
    }

    pub(crate) fn on_heartbeat_timer(&mut self, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &mut self.role else { return };
        leader.heard.insert(self.id);
        if self.quorum.is_second(leader.heard) {
            leader.heard = NodeSet::EMPTY;
            leader.lonely_beats = 0;
        } else {
            leader.lonely_beats = leader.lonely_beats.saturating_add(1);
        }
        // Others hear it and take no other leader. If it does not hear them, it must make room.
        let is_lonely = leader.lonely_beats >= self.config.lonely_beats_max();
        if is_lonely && !self.config.has(MultiPaxosFlaw::DeafLeaderStays) {
            return self.become_bystander(Reason::Lonely, effects);
        }
        effects.set_timer(Timer::Heartbeat, After::exactly(self.config.heartbeat_ns));
        self.others().for_each(|to| self.send_overdue(to, effects));
        let next = self.next_slot();
        if let Role::Leader(leader) = &mut self.role {
            leader.overdue = next;
        }
    }

    /// Sends again what a node has had time to accept and has not. Whoever lacks nothing hears a heartbeat.
    fn send_overdue(&self, to: NodeId, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &self.role else { return };
        let first = self.log().first_open();
        let open = (first.0..leader.overdue.0).map(Slot).zip(&leader.open);
        let mut missing = open.filter(|(_, acceptors)| !acceptors.contains(to)).map(|(slot, _)| slot);
        let Some(mut start) = missing.next() else { return self.send_heartbeat(to, effects) };
        let mut end = start;
        for slot in missing {
            if slot != end.next() {
                self.send_accepts_to(to, start, end, effects);
                start = slot;
            }
            end = slot;
        }
        self.send_accepts_to(to, start, end, effects);
    }

    pub(crate) fn on_heartbeat_reply(&mut self, from: NodeId, message: HeartbeatReply) {
        if let Role::Leader(leader) = &mut self.role
            && leader.ballot == message.ballot
        {
            leader.heard.insert(from);
        }
    }

    /// Counts an acceptance. What a quorum has accepted is chosen (PMS 2.1).
    pub(crate) fn on_accepted(&mut self, from: NodeId, message: Accepted, effects: &mut Effects<Self>) {
        let Accepted { ballot, first, last } = message;
        let open = self.durable.log.first_open();
        let Role::Leader(leader) = &mut self.role else { return };
        let is_mine = |mine: Ballot| ballot == mine || self.config.has(MultiPaxosFlaw::AckAnyBallot);
        if !is_mine(leader.ballot) {
            return;
        }
        leader.heard.insert(from);
        let before = first.since(open) as usize;
        let count = last.next().since(open) as usize;
        let slots = leader.open.iter_mut().take(count).skip(before);
        slots.for_each(|acceptors| {
            acceptors.insert(from);
        });
        let mut is_news = false;
        while let Role::Leader(leader) = &mut self.role
            && leader.is_first_chosen(self.quorum)
        {
            leader.open.pop_front();
            self.learn_next(How::Counted, effects);
            is_news = true;
        }
        if is_news {
            self.apply_learned(effects);
            self.propose_queued(effects);
        }
    }
}
