//! Elections: section 5.2, and the restriction of section 5.4.1.
//!
//! What keeps servers that cannot win from disturbing those who can: they ask first ([`PreVote`]; thesis, section 9.6),
//! who hears a leader wants no other (thesis, section 4.2.3), and a leader whom nobody answers steps down (thesis,
//! section 6.2). Only the three together let the others live with a node that is heard and hears nothing.

use quarrel_protocol::{Effects, NodeId};

use crate::raft::Timer;
use crate::state::{Candidate, Role};
use crate::{
    Event, Index, Message, PreVote, PreVoteResponse, Raft, RaftFlaw, RequestVote, RequestVoteResponse, Term,
};

/// Why a node campaigns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    /// It has not heard from a leader, or not won.
    Timeout,
    /// Its leader has told it to (thesis, section 3.10).
    Transfer,
}

impl Raft {
    pub(crate) fn on_election_timer(&mut self, effects: &mut Effects<Self>) {
        match self.role {
            // Figure 2, Followers, rule 2; Candidates, rule 4.
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {
                if !self.may_campaign() {
                    // Nobody is waiting for it. Whom it followed may be gone.
                    self.become_follower(self.durable.term, None, effects);
                } else if self.config.pre_vote && !self.config.has(RaftFlaw::NoPrevoteDisruption) {
                    self.become_pre_candidate(effects);
                } else {
                    self.become_candidate(Cause::Timeout, effects);
                }
            }
            Role::Leader(_) => self.count_who_answered(effects),
        }
    }

    /// Thesis, section 6.2: a leader that an election timeout has passed without hearing from a majority steps down.
    fn count_who_answered(&mut self, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &mut self.role else { return };
        if !self.config.check_quorum {
            return;
        }
        let mut heard = std::mem::take(&mut leader.heard);
        heard.insert(self.id);
        if self.is_quorum(heard) || self.config.has(RaftFlaw::PartialConnectivityLivelock) {
            effects.set_timer(Timer::Election, self.config.election_timer());
        } else {
            self.resign(effects);
        }
    }

    /// An election timeout at the least has passed since this follower heard from a leader.
    pub(crate) fn on_loyalty_timer(&mut self) {
        if let Role::Follower(follower) = &mut self.role {
            follower.is_loyal = false;
        }
    }

    /// Whether it leads, or has heard from a leader within the minimum election timeout.
    fn believes_in_a_leader(&self) -> bool {
        match &self.role {
            Role::Follower(follower) => follower.is_loyal,
            Role::PreCandidate(_) | Role::Candidate(_) => false,
            Role::Leader(_) => true,
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
            // Thesis, section 4.2.3: if a server receives a RequestVote request within the minimum election timeout of
            // hearing from a current leader, it does not update its term or grant its vote. But section 3.10: not so if
            // that leader itself wants the candidate to win.
            if self.config.disregards_candidates()
                && !message.is_transfer
                && self.believes_in_a_leader()
                && !self.config.has(RaftFlaw::NoPrevoteDisruption)
            {
                return;
            }
            self.become_follower(message.term, None, effects);
        }
        // Figure 2, RequestVote, rule 1: not in a term that is over. Rule 2: one vote a term, first come, first
        // served, to a candidate whose log is at least as up-to-date.
        let is_current = message.term == self.durable.term;
        let is_free = self.durable.vote.is_none_or(|vote| vote == from);
        let granted = is_current && is_free && self.is_up_to_date(message.last_term, message.last_index);
        if granted {
            if let Role::PreCandidate(_) = self.role {
                self.become_follower(message.term, None, effects);
            }
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
    fn is_up_to_date(&self, last_term: Term, last_index: Index) -> bool {
        let log = &self.durable.log;
        if self.config.has(RaftFlaw::UpToDateWrongOrder) {
            return (last_index, last_term) >= (log.last_index(), log.last_term());
        }
        self.config.has(RaftFlaw::NoUpToDateCheck)
            || (last_term, last_index) >= (log.last_term(), log.last_index())
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
        let is_stale = message.term < term && !self.config.has(RaftFlaw::StaleVoteResponse);
        if is_stale || !message.granted {
            return;
        }
        let Role::Candidate(candidate) = &mut self.role else { return };
        candidate.count(from);
        let &mut Candidate { voters, responses } = candidate;
        let counts_answers = self.config.has(RaftFlaw::DupVoteCounted);
        let votes = if counts_answers { responses } else { voters.len() as u32 };
        effects.announce(Event::VoteReceived { term, voter: from, votes });
        let has_enough = votes as usize * 2 > self.membership.current().voters.len();
        // Figure 2, Candidates, rule 2.
        if counts_answers && has_enough || self.is_quorum(voters) {
            self.become_leader(effects);
        }
    }

    /// Asks everyone, itself included: its own vote counts once it is on disk, when this message leaves.
    pub(crate) fn send_request_vote(&mut self, cause: Cause, effects: &mut Effects<Self>) {
        let term = self.durable.term;
        let log = &self.durable.log;
        let is_transfer = cause == Cause::Transfer;
        let request =
            RequestVote { term, last_index: log.last_index(), last_term: log.last_term(), is_transfer };
        for to in self.electors().iter() {
            let message = if to == self.id {
                Message::RequestVoteResponse(RequestVoteResponse { term, granted: true })
            } else {
                Message::RequestVote(request)
            };
            effects.send(to, message);
        }
    }
}

/// Thesis, section 9.6.
impl Raft {
    pub(crate) fn on_pre_vote(&mut self, from: NodeId, message: PreVote, effects: &mut Effects<Self>) {
        if from == self.id {
            return;
        }
        // "The candidate's log is sufficiently up-to-date", "and they have not received heartbeats from a valid leader
        // for at least a baseline election timeout". And whoever could not vote in that term does not say it would.
        let term = self.durable.term;
        let is_free =
            message.term > term || message.term == term && self.durable.vote.is_none_or(|vote| vote == from);
        let granted = is_free
            && !self.believes_in_a_leader()
            && self.is_up_to_date(message.last_term, message.last_index);
        let response = PreVoteResponse { term: if granted { message.term } else { term }, granted };
        effects.send(from, Message::PreVoteResponse(response));
    }

    pub(crate) fn on_pre_vote_response(
        &mut self,
        from: NodeId,
        message: PreVoteResponse,
        effects: &mut Effects<Self>,
    ) {
        let term = self.durable.term;
        if !message.granted {
            // A refusal teaches the term. Else a node with the longer log and another in the later term, who each
            // refuse the other, do so for ever.
            if message.term > term && !self.config.has(RaftFlaw::PrevoteStuck) {
                self.become_follower(message.term, None, effects);
            }
            return;
        }
        let Role::PreCandidate(candidate) = &mut self.role else { return };
        // An answer about another term is to an earlier question.
        if message.term != term.next() {
            return;
        }
        candidate.count(from);
        let voters = candidate.voters;
        if self.is_quorum(voters) {
            self.become_candidate(Cause::Timeout, effects);
        }
    }

    /// Asks everyone, itself included.
    pub(crate) fn send_pre_vote(&mut self, effects: &mut Effects<Self>) {
        let term = self.durable.term.next();
        let log = &self.durable.log;
        let question = PreVote { term, last_index: log.last_index(), last_term: log.last_term() };
        for to in self.electors().iter() {
            let message = if to == self.id {
                Message::PreVoteResponse(PreVoteResponse { term, granted: true })
            } else {
                Message::PreVote(question)
            };
            effects.send(to, message).unsynced();
        }
    }
}

impl Candidate {
    /// The node has granted a vote, perhaps not for the first time.
    fn count(&mut self, voter: NodeId) {
        self.responses = self.responses.saturating_add(1);
        self.voters.insert(voter);
    }

    pub(crate) fn assert_invariants(&self) {
        assert!(self.voters.len() as u64 <= u64::from(self.responses), "a vote is an answer");
    }
}
