//! The proposer: it drives a value through the two phases, and tries again with a higher ballot when one fails.

use quarrel_protocol::{ClientId, Effects, NodeId, NodeSet, RequestId};
use quarrel_spec::consensus::{Decided, Propose};

use crate::{
    Accept, Ballot, Event, Message, Paxos, PaxosFlaw, Prepare, Promise, Proposal, Record, Reject, Role, Timer,
};

impl Paxos {
    /// A client proposes a value.
    pub(crate) fn on_request(
        &mut self,
        client: ClientId,
        id: RequestId,
        Propose(value): Propose,
        effects: &mut Effects<Self>,
    ) {
        if let Role::Decided { value } = self.role {
            return effects.reply(client, id, Decided(value));
        }
        self.keep_waiting(client, id);
        self.own_value.get_or_insert(value);
        if self.role == Role::Idle {
            self.become_preparing(effects);
        }
    }

    /// PMS 2.2, phase 1, the proposer's side of (b).
    pub(crate) fn on_promise(&mut self, from: NodeId, promise: Promise, effects: &mut Effects<Self>) {
        let Promise { ballot, accepted } = promise;
        let takes_first = self.has(PaxosFlaw::WrongHighest);
        let Role::Preparing { ballot: current, ref mut promised_by, ref mut highest } = self.role else {
            return;
        };
        // Not this ballot's; or a report of what was accepted later, which no acceptor makes.
        if ballot != current || accepted.is_some_and(|proposal| proposal.ballot >= current) {
            return;
        }
        promised_by.insert(from);
        // Phase 2 (a): the highest-numbered one counts, whichever promise comes first.
        *highest = if takes_first { (*highest).or(accepted) } else { (*highest).max(accepted) };
        let (promised_by, highest) = (*promised_by, *highest);
        if self.is_first_quorum(promised_by) {
            self.become_proposing(ballot, highest, effects);
        }
    }

    /// PMS 2.2: "it is probably a good idea to abandon a proposal if some proposer has begun trying to issue a
    /// higher-numbered one".
    pub(crate) fn on_reject(&mut self, _: NodeId, reject: Reject, effects: &mut Effects<Self>) {
        let Reject { ballot, promised } = reject;
        if self.role.ballot() != Some(ballot) || promised <= ballot || !self.is_member(promised.node) {
            return;
        }
        self.highest_rejection = self.highest_rejection.max(Some(promised));
        effects.announce(Event::Preempted { ballot, by: promised });
        if self.has(PaxosFlaw::DuellingNoBackoff) && self.own_value.is_some() {
            return self.become_preparing(effects);
        }
        self.abandon_ballot(effects);
    }

    /// The ballot took too long: messages were lost, or too many acceptors are down.
    pub(crate) fn on_attempt_timer(&mut self, effects: &mut Effects<Self>) {
        if let Some(ballot) = self.role.ballot() {
            effects.announce(Event::TimedOut { ballot });
            self.abandon_ballot(effects);
        }
    }

    /// The pause is over.
    pub(crate) fn on_retry_timer(&mut self, effects: &mut Effects<Self>) {
        if self.role == Role::BackingOff {
            self.become_preparing(effects);
        }
    }

    /// PMS 2.3: "if a learner needs to know whether a value has been chosen, it can have a proposer issue a proposal".
    pub(crate) fn on_inquiry_timer(&mut self, effects: &mut Effects<Self>) {
        if self.role == Role::Idle {
            self.become_preparing(effects);
        }
    }

    /// Waits for a client, or for news of a decision.
    pub(crate) fn become_idle(&mut self, effects: &mut Effects<Self>) {
        self.enter(Role::Idle, effects);
        effects.set_timer(Timer::Inquiry, self.config.inquiry_timeout);
    }

    /// PMS 2.2, phase 1 (a): selects a ballot and asks all acceptors to promise it.
    pub(crate) fn become_preparing(&mut self, effects: &mut Effects<Self>) {
        let forgets = self.has(PaxosFlaw::BallotReuseAfterCrash);
        let promised = self.durable.promised.filter(|_| !forgets);
        let highest = self.durable.started.max(promised).max(self.highest_rejection);
        let owner = if self.has(PaxosFlaw::BallotNotUnique) { NodeId(0) } else { self.id };
        // No further round is left: this node can only be told.
        let Some(ballot) = Ballot::above(highest, owner) else { return self.become_idle(effects) };
        // PMS 2.5: a ballot is on disk before anyone hears of it, so that a restart does not use it again.
        let record = Record::Started(ballot);
        if forgets {
            self.durable.apply(record);
        } else {
            self.write(record, effects);
        }
        effects.announce(Event::Prepared { ballot });
        self.send_to_all(Message::Prepare(Prepare { ballot }), effects);
        self.enter(Role::Preparing { ballot, promised_by: NodeSet::EMPTY, highest: None }, effects);
        effects.set_timer(Timer::Attempt, self.config.attempt_timeout);
    }

    /// PMS 2.2, phase 2 (a): issues the proposal. The timer that was set for phase 1 covers this phase too.
    fn become_proposing(&mut self, ballot: Ballot, highest: Option<Proposal>, effects: &mut Effects<Self>) {
        let own_value = self.own_value;
        // Phase 2 (a), which keeps P2c: "the value of the highest-numbered proposal among the responses, or is any
        // value if the responses reported no proposals".
        let adopted = highest.filter(|_| !(self.has(PaxosFlaw::OwnValue) && own_value.is_some()));
        let Some(value) = adopted.map(|proposal| proposal.value).or(own_value) else {
            // An inquiry found nothing accepted, so there is nothing to learn yet.
            effects.announce(Event::FoundNothing { ballot });
            return self.become_idle(effects);
        };
        let proposal = Proposal { ballot, value };
        effects.announce(Event::QuorumPromised {
            proposal,
            adopted_from: adopted.map(|proposal| proposal.ballot),
        });
        self.send_to_all(Message::Accept(Accept { proposal }), effects);
        self.enter(Role::Proposing { proposal }, effects);
    }

    /// A ballot failed. Whoever has a value tries again; an inquiry is in no hurry.
    fn abandon_ballot(&mut self, effects: &mut Effects<Self>) {
        if self.own_value.is_some() {
            self.become_backing_off(effects);
        } else {
            self.become_idle(effects);
        }
    }

    /// PMS 2.4: two proposers can keep preempting each other for ever. A random pause, longer after each failure,
    /// lets one of them finish.
    fn become_backing_off(&mut self, effects: &mut Effects<Self>) {
        self.enter(Role::BackingOff, effects);
        effects.set_timer(Timer::Retry, self.config.backoff_after(self.doublings));
        if self.doublings < self.config.backoff_doublings_max {
            self.doublings += 1;
        }
    }
}
