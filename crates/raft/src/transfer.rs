//! Leadership that changes hands by order: thesis, section 3.10.

use quarrel_protocol::{After, Effects, NodeId};

use crate::election::Cause;
use crate::message::TimeoutNow;
use crate::order::Refusal;
use crate::raft::Timer;
use crate::state::Role;
use crate::{Event, Message, Raft};

impl Raft {
    /// Section 3.10, steps 1 and 2: the leader stops taking requests, and brings the target's log up to date.
    pub(crate) fn start_transfer(&mut self, to: NodeId, effects: &mut Effects<Self>) -> Result<(), Refusal> {
        let has_vote = self.membership.current().has_vote(to);
        let leader = self.leader_role();
        if leader.transfer.is_some() || leader.catch_up.is_some() {
            return Err(Refusal::Busy);
        }
        if to == self.id {
            return Err(Refusal::Pointless);
        }
        if !has_vote {
            return Err(Refusal::NoVote);
        }
        self.leader_role().transfer = Some(to);
        effects.announce(Event::HandingOver { term: self.durable.term, to });
        // "If leadership transfer does not complete after about an election timeout, the prior leader aborts."
        effects.set_timer(Timer::Transfer, After::exactly(self.config.election_timeout.min_ns));
        self.advance_transfer(effects);
        Ok(())
    }

    /// Section 3.10, step 3: once the target holds the whole log, it is told to campaign; again with each answer, since
    /// the message may be lost.
    pub(crate) fn advance_transfer(&mut self, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(to) = leader.transfer else { return };
        if leader.progress[to.index()].matched() < self.durable.log.last_index() {
            return;
        }
        // The target campaigns although its fellows hear a leader, and whenever this message arrives: from now on no
        // lease of this term holds.
        self.revoke_lease(effects);
        effects.send(to, Message::TimeoutNow(TimeoutNow { term: self.durable.term })).unsynced();
    }

    pub(crate) fn on_transfer_timer(&mut self, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(to) = leader.transfer.take() {
            effects.announce(Event::KeptLeadership { term: self.durable.term, to });
        }
    }

    pub(crate) fn on_timeout_now(&mut self, from: NodeId, message: TimeoutNow, effects: &mut Effects<Self>) {
        if from == self.id || message.term < self.durable.term {
            return;
        }
        if message.term > self.durable.term {
            self.become_follower(message.term, Some(from), effects);
        }
        if !matches!(self.role, Role::Follower(_)) || !self.may_campaign() {
            return;
        }
        effects.announce(Event::ToldToCampaign { term: message.term, by: from });
        self.become_candidate(Cause::Transfer, effects);
    }
}
