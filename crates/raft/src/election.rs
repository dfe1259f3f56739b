//! Elections: section 5.2, and the restriction of section 5.4.1.

use quarrel_protocol::{Effects, NodeId};

use crate::raft::Timer;
use crate::state::Role;
use crate::{Event, Message, Raft, RaftFlaw, RequestVote, RequestVoteResponse};

impl Raft {
    pub(crate) fn on_election_timer(&mut self, effects: &mut Effects<Self>) {
        match self.role {
            // Figure 2, Followers, rule 2; Candidates, rule 4.
            Role::Follower(_) | Role::Candidate(_) => self.become_candidate(effects),
            Role::Leader(_) => {}
        }
    }

    pub(crate) fn on_request_vote(
        &mut self,
        from: NodeId,
        message: RequestVote,
        effects: &mut Effects<Self>,
    ) {
        if from == self.id {
            return;
        }
        if message.term > self.durable.term {
            self.become_follower(message.term, None, effects);
        }
        // Figure 2, RequestVote, rule 1: not in a term that is over. Rule 2: one vote a term, first come, first
        // served, to a candidate whose log is at least as up-to-date.
        let is_current = message.term == self.durable.term;
        let is_free = self.durable.vote.is_none_or(|vote| vote == from);
        let granted = is_current && is_free && self.is_up_to_date(message);
        if granted {
            if self.durable.vote.is_none() {
                self.write_term(message.term, Some(from), effects);
                effects.announce(Event::Voted { term: message.term, candidate: from });
            }
            // Figure 2, Followers, rule 2: granting a vote puts off the own candidacy.
            effects.set_timer(Timer::Election, self.config.election_timer());
        }
        let response = RequestVoteResponse { term: self.durable.term, granted };
        effects.send(from, Message::RequestVoteResponse(response));
    }

    /// Section 5.4.1: the log whose last entry has the later term is more up-to-date; with equal terms, the longer.
    fn is_up_to_date(&self, message: RequestVote) -> bool {
        let log = &self.durable.log;
        self.config.has(RaftFlaw::NoUpToDateCheck)
            || (message.last_term, message.last_index) >= (log.last_term(), log.last_index())
    }

    pub(crate) fn on_request_vote_response(
        &mut self,
        from: NodeId,
        message: RequestVoteResponse,
        effects: &mut Effects<Self>,
    ) {
        let term = self.durable.term;
        if message.term > term {
            return self.become_follower(message.term, None, effects);
        }
        // An answer of an earlier term is to an earlier candidacy.
        if message.term < term || !message.granted {
            return;
        }
        let Role::Candidate(candidate) = &mut self.role else { return };
        candidate.responses = candidate.responses.saturating_add(1);
        candidate.voters.insert(from);
        let votes = if self.config.has(RaftFlaw::DupVoteCounted) {
            candidate.responses
        } else {
            candidate.voters.len() as u32
        };
        effects.announce(Event::VoteReceived { term, voter: from, votes });
        // Figure 2, Candidates, rule 2.
        if votes as usize >= self.quorum.first() {
            self.become_leader(effects);
        }
    }

    /// Asks everyone, itself included: its own vote counts once it is on disk, when this message leaves.
    pub(crate) fn send_request_vote(&mut self, effects: &mut Effects<Self>) {
        let term = self.durable.term;
        let log = &self.durable.log;
        let request = RequestVote { term, last_index: log.last_index(), last_term: log.last_term() };
        for to in self.config.members() {
            let message = if to == self.id {
                Message::RequestVoteResponse(RequestVoteResponse { term, granted: true })
            } else {
                Message::RequestVote(request)
            };
            effects.send(to, message);
        }
    }
}
