//! The learner: it counts acceptances, and lets everybody know.

use quarrel_protocol::{Effects, NodeId, NodeSet};
use quarrel_spec::Value;
use quarrel_spec::consensus::Decided;

use crate::{Accepted, Event, Learn, Message, Paxos, PaxosFlaw, Proposal, Record, Role, Source};

impl Paxos {
    /// PMS 2.3: a learner "must find out that a proposal has been accepted by a majority of acceptors".
    pub(crate) fn on_accepted(&mut self, from: NodeId, accepted: Accepted, effects: &mut Effects<Self>) {
        let Accepted { proposal } = accepted;
        if !self.is_member(proposal.ballot.node) {
            return;
        }
        // One acceptance is kept for each acceptor, so memory is bounded. Forgetting a lower one is safe, and delays at
        // worst: if its ballot was chosen, higher ones carry the same value (P2b), and an undecided node runs them.
        let known = &mut self.acceptances[from.index()];
        if known.is_none_or(|known| known.ballot < proposal.ballot) {
            *known = Some(proposal);
            self.decide_if_chosen(proposal, effects);
        }
    }

    /// Another node knows the decision.
    pub(crate) fn on_learn(&mut self, from: NodeId, Learn { value }: Learn, effects: &mut Effects<Self>) {
        self.decide(value, Source::Told(from), effects);
    }

    /// A value is chosen once a phase-2 quorum has accepted it in the same ballot (PMS 2.2; Flexible Paxos, 3).
    fn decide_if_chosen(&mut self, proposal: Proposal, effects: &mut Effects<Self>) {
        let acceptances = NodeId::all(self.acceptances.len()).zip(&self.acceptances);
        let accepted_by: NodeSet = acceptances
            .filter(|(_, known)| known.is_some_and(|known| self.counts_for(known, proposal)))
            .map(|(node, _)| node)
            .collect();
        if self.is_second_quorum(accepted_by) {
            self.decide(proposal.value, Source::Quorum(proposal.ballot), effects);
        }
    }

    /// Whether an acceptance counts for a proposal: only if it is one of the same ballot.
    fn counts_for(&self, known: Proposal, proposal: Proposal) -> bool {
        known == proposal
            || self.has(PaxosFlaw::LearnerAnyBallotAnyValue)
            || (known.value == proposal.value && self.has(PaxosFlaw::LearnerCrossBallotSameValue))
    }

    /// A value is known to be chosen. What is known already stays.
    fn decide(&mut self, value: Value, source: Source, effects: &mut Effects<Self>) {
        if matches!(self.role, Role::Decided { .. }) {
            return;
        }
        effects.announce(Event::Decided { value, source });
        effects.output(Decided(value));
        self.answer_waiting(value, effects);
        // PMS 2.3's distinguished learner: the proposer of the ballot. Others may have missed the acceptances.
        if matches!(source, Source::Quorum(ballot) if ballot.node == self.id) {
            for node in NodeId::all(self.config.quorum.nodes()).filter(|node| *node != self.id) {
                effects.send(node, Message::Learn(Learn { value }));
            }
        }
        self.enter(Role::Decided { value }, effects);
        // Last, since nothing above waits for it: a decision that a crash takes away can be learned again.
        self.write(Record::Decided(value), effects);
    }
}
