//! The coordinator without failures of its own: votes, PRE-COMMIT, acknowledgements (BHG 7.5, steps 1, 3 and 5).

use std::collections::BTreeMap;

use quarrel_protocol::{ClientId, Effects, NodeId, NodeSet, RequestId};
use quarrel_spec::atomic_commit::{Decision, Output, Refusal, Reply, Transaction, TransactionId, Vote};

use crate::{
    Asked, Ballot, COORDINATOR, Case, Config, Message, Patience, Stage, Standing, ThreePhaseCommit,
    ThreePhaseFlaw, VoteRequest, What,
};

impl ThreePhaseCommit {
    pub(crate) fn on_request(
        &mut self,
        client: ClientId,
        id: RequestId,
        request: Transaction,
        effects: &mut Effects<Self>,
    ) {
        if self.id != COORDINATOR {
            effects.reply(client, id, Reply::Elsewhere(COORDINATOR));
            return;
        }
        let transaction = TransactionId::from(id);
        if self.config.participants() == 0 || self.decided.get(&transaction) == Some(&Decision::Abort) {
            effects.reply(client, id, Reply::Aborted(Refusal::Failure));
        } else if self.is_unknown(transaction) {
            self.begin(transaction, Asked { client, id, request, seen: BTreeMap::new() }, effects);
        }
    }

    /// BHG 7.5, step 1: VOTE-REQ to all participants.
    fn begin(&mut self, transaction: TransactionId, asked: Asked, effects: &mut Effects<Self>) {
        let count = self.config.participants();
        let homes = asked.request.homes(count);
        let participants: NodeSet = homes.iter().map(|&home| Config::keeper(home)).collect();
        let processes = participants.union(NodeSet::only(self.id));
        self.announce(transaction, What::Begun { processes }, effects);
        effects.output(Output::Begun { transaction, participants });
        let mut requests: Vec<(NodeId, VoteRequest)> = homes
            .iter()
            .map(|&home| {
                let part = asked.request.part(home, count);
                (Config::keeper(home), VoteRequest { transaction, part, processes })
            })
            .collect();
        if transaction.0 % 2 == 1 {
            requests.reverse();
        }
        for (node, request) in requests {
            effects.send(node, Message::VoteRequest(request));
        }
        let (up, standing, stage) = (processes, Standing::Unvoted, Stage::Collecting);
        self.open.insert(transaction, Case { processes, up, standing, stage, asked: Some(asked) });
        self.enter(transaction, Stage::Collecting, Patience::Answers, effects);
        self.count_votes(transaction, effects);
    }

    pub(crate) fn on_vote(&mut self, from: NodeId, ballot: Ballot, effects: &mut Effects<Self>) {
        let Ballot { transaction, vote, seen } = ballot;
        let participants = self.config.participants();
        // A yes to what is decided: its voter may have been down when ABORT came (see the crate's page, hole 4).
        if vote == Vote::Yes && self.tells(from, transaction, effects) {
            return;
        }
        let Some(case) = self.case_of(from, transaction) else { return };
        let (Stage::Collecting, Some(asked)) = (&case.stage, &mut case.asked) else { return };
        match vote {
            Vote::Yes => {
                // A vote says what every step saw, or it is none.
                let steps = asked.request.part(from.0 - COORDINATOR.0 - 1, participants).len();
                if seen.len() == steps {
                    asked.seen.insert(from, seen);
                    self.count_votes(transaction, effects);
                }
            }
            Vote::No(why) => self.abort_all(transaction, why, effects),
        }
    }

    /// BHG 7.5, step 3: if all votes are yes, and its own, PRE-COMMIT to all participants.
    fn count_votes(&mut self, transaction: TransactionId, effects: &mut Effects<Self>) {
        let Some(case) = self.open.get(&transaction) else { return };
        let missing = case.missing_votes(self.id);
        let is_early = self.is_flawed(ThreePhaseFlaw::PrecommitBeforeAllVotes)
            && missing.len() + 1 < case.processes.len();
        if missing.is_empty() || is_early {
            let mut participants = case.processes;
            participants.remove(self.id);
            self.spread(transaction, participants, effects);
        }
    }

    pub(crate) fn on_votes_timer(&mut self, transaction: TransactionId, effects: &mut Effects<Self>) {
        let Some(case) = self.open.get(&transaction) else { return };
        if let (Stage::Collecting, Some(silent)) = (&case.stage, case.missing_votes(self.id).iter().next()) {
            self.abort_all(transaction, Refusal::NoAnswer(silent), effects);
        }
    }

    /// Before its own vote the coordinator may abort: for a no, for a vote that is missing, or because it is asked.
    pub(crate) fn abort_all(
        &mut self,
        transaction: TransactionId,
        why: Refusal,
        effects: &mut Effects<Self>,
    ) {
        self.decide_for_all(transaction, Decision::Abort, why, effects);
    }

    /// PRE-COMMIT to these, as coordinator or as elected one, which is committable before anybody else.
    pub(crate) fn spread(&mut self, transaction: TransactionId, to: NodeSet, effects: &mut Effects<Self>) {
        self.announce(transaction, What::PreCommitting { to }, effects);
        self.become_committable(transaction, effects);
        if to.is_empty() {
            return self.decide_for_all(transaction, Decision::Commit, Refusal::Failure, effects);
        }
        self.broadcast(to, &Message::PreCommit(transaction), effects);
        self.enter(transaction, Stage::Spreading { missing: to }, Patience::Answers, effects);
    }

    /// BHG 7.5, step 5: when all have acknowledged, COMMIT.
    pub(crate) fn on_ack(&mut self, from: NodeId, transaction: TransactionId, effects: &mut Effects<Self>) {
        let is_hasty = self.is_flawed(ThreePhaseFlaw::CommitBeforeAllAcks);
        let Some(case) = self.case_of(from, transaction) else { return };
        let Stage::Spreading { missing } = &mut case.stage else { return };
        let mut left = *missing;
        left.remove(from);
        if left.is_empty() || (is_hasty && left != *missing) {
            self.decide_for_all(transaction, Decision::Commit, Refusal::Failure, effects);
        } else {
            *missing = left;
        }
    }

    /// BHG 7.5: who has not acknowledged has failed, and the coordinator goes on without it.
    pub(crate) fn on_acks_timer(&mut self, transaction: TransactionId, effects: &mut Effects<Self>) {
        let Some(case) = self.open.get(&transaction) else { return };
        let Stage::Spreading { missing } = case.stage else { return };
        self.miss(transaction, missing, effects);
        self.decide_for_all(transaction, Decision::Commit, Refusal::Failure, effects);
    }
}

impl Case {
    /// The participants whose votes the coordinator has not heard.
    pub(crate) fn missing_votes(&self, me: NodeId) -> NodeSet {
        let heard = |node: &NodeId| self.asked.as_ref().is_some_and(|asked| asked.seen.contains_key(node));
        self.processes.iter().filter(|node| *node != me && !heard(node)).collect()
    }
}
