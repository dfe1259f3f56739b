//! A participant without failures: its vote, PRE-COMMIT, the decision (BHG 7.5, steps 2, 4 and 6).

use quarrel_protocol::{Effects, NodeId};
use quarrel_spec::atomic_commit::{Decision, Output, Refusal, Transaction, TransactionId, Vote};

use crate::{
    Ballot, COORDINATOR, Case, Message, Patience, Record, Stage, Standing, State, ThreePhaseCommit,
    ThreePhaseFlaw, VoteRequest, What,
};

impl ThreePhaseCommit {
    /// BHG 7.5, step 2: it votes, and from its yes on it may not abort by itself.
    pub(crate) fn on_vote_request(
        &mut self,
        from: NodeId,
        request: VoteRequest,
        effects: &mut Effects<Self>,
    ) {
        let VoteRequest { transaction, part, processes } = request;
        let is_sound = processes.contains(self.id)
            && processes.contains(COORDINATOR)
            && processes.intersection(self.config.everybody()) == processes
            && part.len() <= Transaction::STEPS_MAX;
        // It has voted, or has aborted because it was asked before this came.
        if from != COORDINATOR || !is_sound || !self.is_unknown(transaction) {
            return;
        }
        match self.manager.prepare(transaction, part.clone()) {
            Ok(seen) => {
                let ballot = Message::Vote(Ballot { transaction, vote: Vote::Yes, seen });
                let is_hasty = self.is_flawed(ThreePhaseFlaw::VoteBeforeDurable);
                effects.persist(Record::Yes { transaction, processes, part });
                self.say_vote(transaction, Vote::Yes, effects);
                let sent = effects.send(from, ballot);
                if is_hasty {
                    sent.unsynced();
                }
                let (up, standing, stage) =
                    (processes, Standing::Uncertain, Stage::Following { leader: from });
                self.open
                    .insert(transaction, Case { processes, up, standing, stage: stage.clone(), asked: None });
                self.enter(transaction, stage, Patience::Word(State::Uncertain), effects);
            }
            Err(why) => {
                self.say_vote(transaction, Vote::No(why), effects);
                self.decide(transaction, Decision::Abort, why, effects);
                effects
                    .send(from, Message::Vote(Ballot { transaction, vote: Vote::No(why), seen: Vec::new() }));
            }
        }
    }

    fn say_vote(&self, transaction: TransactionId, vote: Vote, effects: &mut Effects<Self>) {
        self.announce(transaction, What::Voted { vote }, effects);
        effects.output(Output::Voted { transaction, vote });
    }

    /// BHG 7.5, step 4: ACK. A coordinator that was superseded is not obeyed: the one after it may have found all
    /// uncertain, and aborted.
    pub(crate) fn on_pre_commit(
        &mut self,
        from: NodeId,
        transaction: TransactionId,
        effects: &mut Effects<Self>,
    ) {
        let is_obeyed = self.is_flawed(ThreePhaseFlaw::LatePrecommitObeyed)
            && self.open.get(&transaction).is_some_and(|case| matches!(case.stage, Stage::Following { .. }));
        if self.follows(from, transaction, effects) || is_obeyed {
            self.become_committable(transaction, effects);
            effects.send(from, Message::Ack(transaction));
            let stage = Stage::Following { leader: from };
            self.enter(transaction, stage, Patience::Word(State::Committable), effects);
        }
    }

    /// BHG 7.5, step 6. Whoever says so knows: a decision is final.
    pub(crate) fn on_commit(
        &mut self,
        from: NodeId,
        transaction: TransactionId,
        effects: &mut Effects<Self>,
    ) {
        if self.case_of(from, transaction).is_some_and(|case| case.standing != Standing::Unvoted) {
            self.decide(transaction, Decision::Commit, Refusal::Failure, effects);
        }
    }

    /// Also of what it has not been asked about yet: VOTE-REQ may have been overtaken.
    pub(crate) fn on_abort(&mut self, from: NodeId, transaction: TransactionId, effects: &mut Effects<Self>) {
        if self.case_of(from, transaction).is_some() || self.is_unknown(transaction) {
            self.decide(transaction, Decision::Abort, Refusal::Failure, effects);
        }
    }
}
