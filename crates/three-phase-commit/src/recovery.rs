//! A process that has failed and is back (BHG 7.5: recovery, and total failure).

use std::collections::BTreeMap;

use quarrel_protocol::{Effects, NodeId, NodeSet};
use quarrel_spec::atomic_commit::{Decision, Refusal, TransactionId};

use crate::{
    COORDINATOR, Case, Inquiry, Message, Patience, Record, Stage, Standing, State, ThreePhaseCommit,
    ThreePhaseFlaw, What,
};

impl ThreePhaseCommit {
    /// Takes in one record of its log.
    pub(crate) fn restore(&mut self, record: &Record) {
        match record {
            Record::Yes { transaction, processes, part } => {
                // Locks were free when this was written, and the log has the order in which they were taken.
                let prepared = self.manager.prepare(*transaction, part.clone());
                assert!(prepared.is_ok(), "what was prepared can be prepared again");
                self.open.insert(*transaction, Case::back(*processes, Standing::Uncertain));
            }
            Record::Committable { transaction, processes } => {
                let case = Case::back(*processes, Standing::Committable);
                self.open.entry(*transaction).or_insert(case).standing = Standing::Committable;
            }
            Record::Up { transaction, up } => {
                if let Some(case) = self.open.get_mut(transaction) {
                    case.up = *up;
                }
            }
            Record::Decided { transaction, decision } => {
                self.open.remove(transaction);
                self.close(*transaction, *decision);
            }
        }
    }

    /// BHG 7.5, recovery: who had not voted has no record, and aborts when it is asked; who had voted and finds no
    /// decision asks.
    pub(crate) fn come_back(&mut self, effects: &mut Effects<Self>) {
        let open: Vec<TransactionId> = self.open.keys().copied().collect();
        for transaction in open {
            let Some(case) = self.open.get_mut(&transaction) else { continue };
            let state = case.standing.state();
            if self.config.flaws.contains(ThreePhaseFlaw::UpSetNotLogged) {
                case.up = NodeSet::only(self.id);
            }
            self.announce(transaction, What::Recovering { state }, effects);
            if self.is_flawed(ThreePhaseFlaw::RecoveringTakesPart) && self.id != COORDINATOR {
                let stage = Stage::Following { leader: COORDINATOR };
                self.enter(transaction, stage, Patience::Word(state), effects);
            } else if self.is_flawed(ThreePhaseFlaw::SimultaneousFailure) && state == State::Committable {
                self.decide(transaction, Decision::Commit, Refusal::Failure, effects);
            } else {
                self.inquire(transaction, effects);
            }
        }
    }

    /// Asks everybody, and says how it stood itself.
    pub(crate) fn inquire(&mut self, transaction: TransactionId, effects: &mut Effects<Self>) {
        let Some(case) = self.open.get(&transaction) else { return };
        let Stage::Recovering { .. } = case.stage else { return };
        let inquiry = Inquiry { transaction, state: case.standing.state(), up: case.up };
        let (processes, stage) = (case.processes, case.stage.clone());
        self.broadcast(processes, &Message::Inquiry(inquiry), effects);
        self.enter(transaction, stage, Patience::Inquiry, effects);
        self.resolve(transaction, effects);
    }

    /// Who knows says so. Who is up and does not know yet says nothing: it will know in time, and is asked again.
    pub(crate) fn on_inquiry(&mut self, from: NodeId, inquiry: Inquiry, effects: &mut Effects<Self>) {
        let Inquiry { transaction, state, up } = inquiry;
        if self.is_unknown(transaction) {
            self.decide(transaction, Decision::Abort, Refusal::Failure, effects);
        }
        if self.tells(from, transaction, effects) {
            return;
        }
        let Some(case) = self.case_of(from, transaction) else { return };
        if let Stage::Recovering { heard } = &mut case.stage
            && matches!(state, State::Uncertain | State::Committable)
        {
            heard.insert(from, (state, up.intersection(case.processes)));
            self.resolve(transaction, effects);
        }
    }

    /// BHG 7.5, total failure: the processes R that are back may terminate when those that failed last are among them,
    /// which they are when R holds the intersection of its UP sets: nobody ever missed the last one. How its members
    /// stood decides (see the crate's page, hole 5).
    fn resolve(&mut self, transaction: TransactionId, effects: &mut Effects<Self>) {
        let Some(case) = self.open.get(&transaction) else { return };
        let Stage::Recovering { heard } = &case.stage else { return };
        let back = heard.keys().copied().collect::<NodeSet>().union(NodeSet::only(self.id));
        let last = heard.values().fold(case.up, |last, (_, up)| last.intersection(*up));
        if last.is_empty() || last.intersection(back) != last {
            return;
        }
        let own = case.standing.state();
        let state = |node: NodeId| heard.get(&node).map_or(own, |&(state, _)| state);
        let is_committable = last.iter().any(|node| state(node) == State::Committable);
        let is_uncertain = last.iter().any(|node| state(node) == State::Uncertain);
        if is_committable && is_uncertain && back != case.processes {
            return;
        }
        self.announce(transaction, What::Resolved { last }, effects);
        let decision = if is_committable { Decision::Commit } else { Decision::Abort };
        self.decide(transaction, decision, Refusal::Failure, effects);
    }
}

impl Case {
    /// A transaction on which this process has voted before it failed.
    fn back(processes: NodeSet, standing: Standing) -> Self {
        let stage = Stage::Recovering { heard: BTreeMap::new() };
        Self { processes, up: processes, standing, stage, asked: None }
    }
}
