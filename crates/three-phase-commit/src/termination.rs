//! When a coordinator has failed: the election, and the termination protocol (BHG 7.5, rules TR1 to TR4).

use std::collections::BTreeMap;

use quarrel_protocol::{Effects, NodeId, NodeSet};
use quarrel_spec::atomic_commit::{Decision, Refusal, TransactionId};

use crate::{
    Message, Patience, Rule, Stage, Standing, State, StateReport, ThreePhaseCommit, ThreePhaseFlaw, What,
};

/// The processes from this one on, in their linear order.
const fn from_on(first: NodeId) -> NodeSet {
    NodeSet(u64::MAX << first.0)
}

/// The processes after this one.
const fn after(node: NodeId) -> NodeSet {
    NodeSet(from_on(node).0 & !NodeSet::only(node).0)
}

impl ThreePhaseCommit {
    // --- The election ---

    /// Whoever it follows has failed, and so have all before it, which it followed or was told of.
    pub(crate) fn on_word_timer(&mut self, transaction: TransactionId, effects: &mut Effects<Self>) {
        let Some(case) = self.open.get(&transaction) else { return };
        let (Stage::Following { leader }, standing) = (&case.stage, case.standing) else { return };
        let leader = *leader;
        self.announce(transaction, What::Suspected { node: leader }, effects);
        if self.is_flawed(ThreePhaseFlaw::TimeoutTransitions) {
            let decision = if standing == Standing::Committable { Decision::Commit } else { Decision::Abort };
            self.decide(transaction, decision, Refusal::Failure, effects);
            return;
        }
        self.keep_up(transaction, after(leader), effects);
        self.elect(transaction, effects);
    }

    /// The first process that is up is elected: it is told so, or it is this one.
    fn elect(&mut self, transaction: TransactionId, effects: &mut Effects<Self>) {
        let Some(first) = self.open.get(&transaction).and_then(|case| case.up.iter().next()) else { return };
        if first == self.id {
            return self.become_elected(transaction, effects);
        }
        effects.send(first, Message::Elected(transaction));
        self.enter(transaction, Stage::Following { leader: first }, Patience::Election, effects);
    }

    /// UR-ELECTED: all before this process have failed, says somebody who follows it now.
    pub(crate) fn on_elected(
        &mut self,
        from: NodeId,
        transaction: TransactionId,
        effects: &mut Effects<Self>,
    ) {
        if self.abort_if_unvoted(transaction, effects) || self.decided.contains_key(&transaction) {
            self.tells(from, transaction, effects);
            return;
        }
        let Some(case) = self.case_of(from, transaction) else { return };
        // Who is elected already has asked the sender; who recovers is missed in time.
        if matches!(case.stage, Stage::Following { .. }) {
            self.become_elected(transaction, effects);
        }
    }

    fn become_elected(&mut self, transaction: TransactionId, effects: &mut Effects<Self>) {
        self.keep_up(transaction, from_on(self.id), effects);
        self.announce(transaction, What::Elected, effects);
        let Some(case) = self.open.get(&transaction) else { return };
        self.broadcast(case.up, &Message::StateRequest(transaction), effects);
        self.enter(transaction, Stage::Polling { reports: BTreeMap::new() }, Patience::Answers, effects);
        self.count_reports(transaction, effects);
    }

    // --- Reports ---

    /// Follows a coordinator, unless it was superseded by one that comes later in the order: then what it sends is
    /// ignored. A process that recovers follows nobody.
    pub(crate) fn follows(
        &mut self,
        from: NodeId,
        transaction: TransactionId,
        effects: &mut Effects<Self>,
    ) -> bool {
        let me = self.id;
        let Some(case) = self.case_of(from, transaction) else { return false };
        let leader = match case.stage {
            Stage::Following { leader } => leader,
            Stage::Polling { .. } | Stage::Spreading { .. } => me,
            Stage::Collecting | Stage::Recovering { .. } => return false,
        };
        if from < leader {
            self.announce(transaction, What::Superseded { leader: from }, effects);
            return false;
        }
        self.keep_up(transaction, from_on(from), effects);
        true
    }

    /// STATE-REQ: who has not voted aborts, who has decided says so, who is up reports and waits for the verdict.
    pub(crate) fn on_state_request(
        &mut self,
        from: NodeId,
        transaction: TransactionId,
        effects: &mut Effects<Self>,
    ) {
        self.abort_if_unvoted(transaction, effects);
        if let Some(&decision) = self.decided.get(&transaction) {
            self.report(from, transaction, State::decided(decision), effects);
        } else if self.follows(from, transaction, effects) {
            let state = self.open[&transaction].standing.state();
            self.report(from, transaction, state, effects);
            let stage = Stage::Following { leader: from };
            self.enter(transaction, stage, Patience::Verdict(state), effects);
        }
    }

    /// Who is asked about a transaction that it has not voted on aborts by itself. It must write that down: VOTE-REQ may be
    /// on its way.
    pub(crate) fn abort_if_unvoted(
        &mut self,
        transaction: TransactionId,
        effects: &mut Effects<Self>,
    ) -> bool {
        if self.is_unknown(transaction) {
            self.decide(transaction, Decision::Abort, Refusal::Failure, effects);
            return true;
        }
        let is_unvoted = self.open.get(&transaction).is_some_and(|case| case.standing == Standing::Unvoted);
        if is_unvoted {
            self.abort_all(transaction, Refusal::Failure, effects);
        }
        is_unvoted
    }

    fn report(&self, to: NodeId, transaction: TransactionId, state: State, effects: &mut Effects<Self>) {
        self.announce(transaction, What::Reported { state, to }, effects);
        effects.send(to, Message::StateReport(StateReport { transaction, state }));
    }

    pub(crate) fn on_state_report(&mut self, from: NodeId, report: StateReport, effects: &mut Effects<Self>) {
        let StateReport { transaction, state } = report;
        let Some(case) = self.case_of(from, transaction).filter(|case| case.up.contains(from)) else {
            return;
        };
        if let Stage::Polling { reports } = &mut case.stage {
            reports.insert(from, state);
            self.count_reports(transaction, effects);
        }
    }

    /// Holds none of these for operational any more: they have not answered.
    pub(crate) fn miss(&mut self, transaction: TransactionId, silent: NodeSet, effects: &mut Effects<Self>) {
        for node in silent.iter().filter(|&node| node != self.id) {
            self.announce(transaction, What::Suspected { node }, effects);
        }
        self.keep_up(transaction, silent.complement(NodeId::LIMIT), effects);
    }

    fn count_reports(&mut self, transaction: TransactionId, effects: &mut Effects<Self>) {
        let Some(case) = self.open.get(&transaction) else { return };
        let Stage::Polling { reports } = &case.stage else { return };
        if case.up.len() == reports.len() + 1 {
            self.terminate(transaction, effects);
        }
    }

    /// Who has not reported has failed.
    pub(crate) fn on_reports_timer(&mut self, transaction: TransactionId, effects: &mut Effects<Self>) {
        let Some(case) = self.open.get(&transaction) else { return };
        let Stage::Polling { reports } = &case.stage else { return };
        let heard: NodeSet = reports.keys().copied().collect();
        let silent = case.up.intersection(heard.complement(NodeId::LIMIT));
        self.miss(transaction, silent, effects);
        self.terminate(transaction, effects);
    }

    // --- The rules ---

    /// BHG 7.5, the termination rules, in their order.
    fn terminate(&mut self, transaction: TransactionId, effects: &mut Effects<Self>) {
        let Some(case) = self.open.get(&transaction) else { return };
        let Stage::Polling { reports } = &case.stage else { return };
        let own = case.standing.state();
        let has = |state: State| own == state || reports.values().any(|&other| other == state);
        let is_committable = match self.is_flawed(ThreePhaseFlaw::NewCoordinatorIgnoresCommittable) {
            true => own == State::Committable,
            false => has(State::Committable),
        };
        let uncertain: NodeSet =
            reports.iter().filter(|(_, state)| **state == State::Uncertain).map(|(&node, _)| node).collect();
        let rule = match () {
            () if has(State::Aborted) => Rule::Tr1,
            () if has(State::Committed) => Rule::Tr2,
            () if !is_committable => Rule::Tr3,
            () => Rule::Tr4,
        };
        self.announce(transaction, What::Terminating { rule }, effects);
        let is_turned_round = self.is_flawed(ThreePhaseFlaw::NewCoordinatorCommitsFromWait);
        let decision = match rule {
            Rule::Tr1 => Decision::Abort,
            Rule::Tr3 if is_turned_round => Decision::Commit,
            Rule::Tr3 => Decision::Abort,
            Rule::Tr2 => Decision::Commit,
            Rule::Tr4 => return self.spread(transaction, uncertain, effects),
        };
        self.decide_for_all(transaction, decision, Refusal::Failure, effects);
    }
}
