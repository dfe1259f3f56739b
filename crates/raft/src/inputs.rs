//! Which handler an input goes to.

use quarrel_protocol::{Effects, NodeId};

use crate::raft::Timer;
use crate::{Message, Raft, Term};

/// What comes in. Most of it is entries and answers to them: nothing else stands in their way.
impl Raft {
    /// The message is looked at where it lies: to move it would be most of the work for some.
    #[inline(always)]
    pub(crate) fn on_message(&mut self, from: NodeId, message: &Message, effects: &mut Effects<Self>) {
        match message {
            Message::AppendEntries(message) if self.may_hear(from, message.term) => {
                self.on_append_entries(from, message, effects);
            }
            Message::AppendEntriesResponse(message) if self.may_hear(from, message.term) => {
                self.on_append_entries_response(from, message, effects);
            }
            Message::AppendEntries(_) | Message::AppendEntriesResponse(_) => {}
            other => self.on_other_message(from, other, effects),
        }
    }

    /// Whether there is such a node, and such a term.
    fn may_hear(&self, from: NodeId, term: Term) -> bool {
        from.0 < self.config.nodes && (Term(1)..=Term::LIMIT).contains(&term)
    }

    #[inline(never)]
    fn on_other_message(&mut self, from: NodeId, message: &Message, effects: &mut Effects<Self>) {
        if !self.may_hear(from, message.term()) {
            return;
        }
        match message {
            Message::AppendEntries(_) | Message::AppendEntriesResponse(_) => unreachable!("it is another"),
            Message::RequestVote(message) => self.on_request_vote(from, *message, effects),
            Message::RequestVoteResponse(message) => self.on_request_vote_response(from, *message, effects),
            Message::PreVote(message) => self.on_pre_vote(from, *message, effects),
            Message::PreVoteResponse(message) => self.on_pre_vote_response(from, *message, effects),
            Message::TimeoutNow(message) => self.on_timeout_now(from, *message, effects),
            Message::InstallSnapshot(message) => self.on_install_snapshot(from, message, effects),
            Message::InstallSnapshotResponse(message) => {
                self.on_install_snapshot_response(from, *message, effects);
            }
        }
    }

    #[inline(never)]
    pub(crate) fn on_timer(&mut self, timer: Timer, effects: &mut Effects<Self>) {
        match timer {
            Timer::Election => self.on_election_timer(effects),
            Timer::Heartbeat => self.on_heartbeat_timer(effects),
            Timer::Loyalty => self.on_loyalty_timer(),
            Timer::CatchUp => self.on_catch_up_timer(effects),
            Timer::Transfer => self.on_transfer_timer(effects),
            Timer::Lease { slot } => self.on_lease_timer(slot),
        }
    }
}
