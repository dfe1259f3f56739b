//! The acceptor: it promises and accepts, and everything it says is on its disk first.

use quarrel_protocol::{Effects, NodeId};

use crate::{
    Accept, Accepted, Ballot, Event, Learn, Message, Paxos, PaxosFlaw, Prepare, Promise, Proposal, Record,
    Reject, Role,
};

impl Paxos {
    /// PMS 2.2, phase 1 (b).
    pub(crate) fn on_prepare(
        &mut self,
        from: NodeId,
        Prepare { ballot }: Prepare,
        effects: &mut Effects<Self>,
    ) {
        if self.answers_decision(from, effects) || !self.is_owner(from, ballot) {
            return;
        }
        let accepted = self.durable.accepted;
        // The flaw asks what it has accepted, where it should ask what it has promised.
        let is_lowered = self.has(PaxosFlaw::NoPromiseCheck);
        let standing =
            if is_lowered { accepted.map(|proposal| proposal.ballot) } else { self.durable.promised };
        // P1a, and its optimisation: ignore a prepare request that is already answered. That takes ballots for unique.
        match standing {
            Some(standing) if standing > ballot => return self.send_reject(from, ballot, standing, effects),
            Some(standing) if standing == ballot && !self.has(PaxosFlaw::BallotNotUnique) => return,
            Some(_) | None => {}
        }
        let record = Record::Promised(ballot);
        if self.has(PaxosFlaw::AcceptorAmnesiaPromise) {
            self.durable.apply(record);
        } else {
            self.write(record, effects);
        }
        if is_lowered {
            self.durable.promised = Some(ballot);
        }
        effects.announce(Event::Promised { ballot, accepted });
        effects.send(from, Message::Promise(Promise { ballot, accepted }));
    }

    /// PMS 2.2, phase 2 (b).
    pub(crate) fn on_accept(
        &mut self,
        from: NodeId,
        Accept { proposal }: Accept,
        effects: &mut Effects<Self>,
    ) {
        let ballot = proposal.ballot;
        if self.answers_decision(from, effects) || !self.is_owner(from, ballot) {
            return;
        }
        // A duplicate: this acceptance has been announced.
        if self.durable.accepted.is_some_and(|accepted| accepted.ballot == ballot) {
            return;
        }
        // P1a: "unless it has already responded to a prepare request having a number greater than" this.
        if let Some(promised) = self.durable.promised {
            let is_passed = promised > ballot && !self.has(PaxosFlaw::NoAcceptCheck);
            let is_too_strict = promised == ballot && self.has(PaxosFlaw::AcceptStrictGt);
            if is_passed || is_too_strict {
                return self.send_reject(from, ballot, promised, effects);
            }
        }
        self.accept(proposal, effects);
        effects.announce(Event::Accepted { proposal });
        // PMS 2.3: "have each acceptor, whenever it accepts a proposal, respond to all learners".
        self.send_to_all(Message::Accepted(Accepted { proposal }), effects);
    }

    /// Makes an acceptance durable, and with it the promise of its ballot.
    fn accept(&mut self, proposal: Proposal, effects: &mut Effects<Self>) {
        let record = Record::Accepted(proposal);
        if self.has(PaxosFlaw::AcceptorAmnesiaVote) {
            self.durable.apply(record);
            return self.write(Record::Promised(proposal.ballot), effects);
        }
        let promised = self.durable.promised;
        self.write(record, effects);
        if self.has(PaxosFlaw::AcceptNoPromiseUpdate) {
            self.durable.promised = promised;
        }
    }

    /// Whether a ballot is the sender's. Nobody can tell where ballots are not unique.
    fn is_owner(&self, from: NodeId, ballot: Ballot) -> bool {
        ballot.node == from || self.has(PaxosFlaw::BallotNotUnique)
    }

    /// Tells a proposer that there is nothing left to propose, if so.
    fn answers_decision(&self, from: NodeId, effects: &mut Effects<Self>) -> bool {
        let Role::Decided { value } = self.role else { return false };
        if from != self.id {
            effects.send(from, Message::Learn(Learn { value }));
        }
        true
    }

    fn send_reject(&self, to: NodeId, ballot: Ballot, promised: Ballot, effects: &mut Effects<Self>) {
        effects.announce(Event::Rejected { ballot, promised });
        effects.send(to, Message::Reject(Reject { ballot, promised }));
    }
}
