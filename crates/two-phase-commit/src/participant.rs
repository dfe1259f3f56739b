//! The participant: it prepares and votes, does what is decided, and asks when it hears nothing.

use std::collections::BTreeMap;

use quarrel_protocol::{Effects, NodeId, NodeSet, Summary};
use quarrel_spec::atomic_commit::resource::Manager;
use quarrel_spec::atomic_commit::{Decision, Output, Refusal, Seen, Step, TransactionId, Vote};

use crate::event::{Happening, Why};
use crate::message::{Ballot, Cast, Decide, Orphan, Standing, Status, VoteRequest};
use crate::node::{Site, announce, state};
use crate::{CommitFlaw, Config, Message, Presumption, Record, Timer, TwoPhaseCommit};

/// One participant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Participant {
    pub(crate) site: Site,
    pub(crate) manager: Manager,
    /// Every transaction that it has prepared or decided, for ever: on none of them it votes again.
    pub(crate) fates: BTreeMap<TransactionId, Fate>,
}

/// What a participant knows of a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It has voted yes and waits: BHG's uncertainty period.
    Prepared(Prepared),
    /// It has committed.
    Committed,
    /// It has aborted, for this reason if it was its own.
    Aborted(Refusal),
}

/// A transaction that waits for its decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Prepared {
    /// Its part.
    pub(crate) steps: Vec<Step>,
    /// What the steps saw.
    pub(crate) seen: Vec<Seen>,
    /// Who must agree, itself included.
    pub(crate) participants: NodeSet,
    /// Whether it has waited long enough to ask.
    pub(crate) is_doubtful: bool,
}

impl Participant {
    /// The transactions that it has prepared and that are undecided, in order.
    pub fn in_doubt(&self) -> impl Iterator<Item = TransactionId> + '_ {
        let is_prepared = |(_, fate): &(_, &Fate)| matches!(fate, Fate::Prepared(_));
        self.fates.iter().filter(is_prepared).map(|(transaction, _)| *transaction)
    }

    /// What it keeps.
    #[must_use]
    pub const fn manager(&self) -> &Manager {
        &self.manager
    }

    /// BHG 7.4, step 2: "when a participant receives a VOTE-REQ, it responds by sending its vote".
    pub(crate) fn on_vote_request(
        &mut self,
        from: NodeId,
        request: VoteRequest,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        let mine = |step: &Step| 1 + step.item().home(self.site.config.participants) == self.site.id.0;
        let is_mine = !request.steps.is_empty() && request.steps.iter().all(mine);
        let known = self.site.config.all_participants();
        let are_known = request.participants.intersection(known) == request.participants;
        if from != Config::COORDINATOR || !is_mine || !are_known {
            return;
        }
        let transaction = request.transaction;
        match self.fates.get(&transaction) {
            Some(Fate::Prepared(prepared)) => {
                let seen = prepared.seen.clone();
                self.send_vote(transaction, Ballot::Yes(seen), effects);
            }
            Some(Fate::Committed) => {}
            // A request that comes late or twice. Whoever has been told that this aborts must not find it committed.
            Some(Fate::Aborted(why)) if !self.has(CommitFlaw::LateVoteRequest) => {
                let why = *why;
                self.send_vote(transaction, Ballot::No(why), effects);
            }
            Some(Fate::Aborted(_)) | None => self.vote(request, effects),
        }
    }

    fn vote(&mut self, request: VoteRequest, effects: &mut Effects<TwoPhaseCommit>) {
        let VoteRequest { transaction, steps, participants } = request;
        let drops_out = !participants.contains(self.site.id);
        if drops_out && !steps.iter().all(Step::is_read) {
            return;
        }
        match self.manager.prepare(transaction, steps.clone()) {
            Ok(seen) if drops_out => {
                self.manager.abort(transaction);
                announce(transaction, Happening::VotedRead, effects);
                self.send_vote(transaction, Ballot::Read(seen), effects);
            }
            Ok(seen) => {
                let prepared = Prepared { steps, seen, participants, is_doubtful: false };
                self.vote_yes(transaction, prepared, effects);
            }
            Err(why) if drops_out => {
                announce(transaction, Happening::VotedNo(why), effects);
                self.send_vote(transaction, Ballot::No(why), effects);
            }
            Err(why) => self.vote_no(transaction, why, effects),
        }
    }

    /// BHG 7.4: "if a participant votes Yes, it writes a yes record in the DT log before sending Yes".
    fn vote_yes(
        &mut self,
        transaction: TransactionId,
        prepared: Prepared,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        let Prepared { steps, seen, participants, .. } = prepared.clone();
        let record = Record::Prepared { transaction, steps, participants };
        let is_late = self.has(CommitFlaw::VoteBeforeDurable);
        if !is_late {
            effects.persist(record.clone());
        }
        announce(transaction, Happening::VotedYes, effects);
        self.send_vote(transaction, Ballot::Yes(seen), effects);
        if is_late {
            effects.persist(record);
        }
        self.fates.insert(transaction, Fate::Prepared(prepared));
        effects.set_timer(Timer::Inquiry(transaction), self.site.config.inquiry);
        self.set_orphan_timer(transaction, effects);
    }

    /// BHG 7.4: who votes no decides to abort. The record keeps it from voting yes when it is asked once more; with
    /// presumed abort that would do no harm as long as nobody but the coordinator has heard of the no (R*, section 3.1).
    fn vote_no(&mut self, transaction: TransactionId, why: Refusal, effects: &mut Effects<TwoPhaseCommit>) {
        self.fates.insert(transaction, Fate::Aborted(why));
        let decision = Decision::Abort;
        let record = Record::Decided { transaction, decision, owed: NodeSet::EMPTY };
        if self.site.config.presumption == Presumption::Abort {
            announce(transaction, Happening::VotedNo(why), effects);
            self.send_vote(transaction, Ballot::No(why), effects);
            effects.persist(record);
        } else {
            effects.persist(record);
            announce(transaction, Happening::VotedNo(why), effects);
            self.send_vote(transaction, Ballot::No(why), effects);
            effects.output(Output::Decided { transaction, decision });
        }
    }

    /// Sends a vote; first it is stated, so that whoever can know of it knows that it is given.
    pub(crate) fn send_vote(
        &self,
        transaction: TransactionId,
        ballot: Ballot,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        let vote = match ballot {
            Ballot::Yes(_) => Some(Vote::Yes),
            Ballot::No(why) => Some(Vote::No(why)),
            Ballot::Read(_) => None,
        };
        if let Some(vote) = vote {
            effects.output(Output::Voted { transaction, vote });
        }
        effects.send(Config::COORDINATOR, Message::Vote(Cast { transaction, ballot }));
    }

    /// BHG 7.4, step 4: "each participant that voted Yes waits for a COMMIT or ABORT message", from whoever knows.
    pub(crate) fn on_decide(
        &mut self,
        from: NodeId,
        Decide { transaction, decision }: Decide,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        match (self.fates.get(&transaction), decision) {
            (Some(Fate::Prepared(_)), _) | (None, Decision::Abort) => {
                let is_early = self.has(CommitFlaw::AcknowledgeBeforeDurable);
                if is_early {
                    self.acknowledge(from, transaction, decision, effects);
                }
                self.decide(transaction, decision, Why::Told(from), effects);
                if !is_early {
                    self.acknowledge(from, transaction, decision, effects);
                }
            }
            (Some(Fate::Committed), Decision::Commit) | (Some(Fate::Aborted(_)), Decision::Abort) => {
                self.acknowledge(from, transaction, decision, effects);
            }
            // Nobody commits what this node has not prepared, nor decides otherwise than it has.
            (None | Some(Fate::Aborted(_)), Decision::Commit) | (Some(Fate::Committed), Decision::Abort) => {}
        }
    }

    /// The coordinator goes on until it hears that its decision is kept; nobody else does.
    fn acknowledge(
        &self,
        from: NodeId,
        transaction: TransactionId,
        decision: Decision,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        if from == Config::COORDINATOR && self.site.config.presumption.is_acknowledged(decision) {
            effects.send(from, Message::Acknowledge(transaction));
        }
    }

    /// Does what is decided, and lets go of the locks.
    fn decide(
        &mut self,
        transaction: TransactionId,
        decision: Decision,
        why: Why,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        if let Some(Fate::Prepared(prepared)) = self.fates.remove(&transaction) {
            self.finish(transaction, &prepared.steps, decision);
        }
        self.fates.insert(transaction, fate_of(decision));
        effects.cancel_timer(Timer::Inquiry(transaction));
        if self.site.config.resolver {
            effects.cancel_timer(Timer::Orphan(transaction));
        }
        let record = Record::Decided { transaction, decision, owed: NodeSet::EMPTY };
        if self.site.config.presumption.is_acknowledged(decision) {
            effects.persist(record);
            state(transaction, decision, why, effects);
        } else {
            // Lazy: if it is lost, the coordinator presumes the same.
            state(transaction, decision, why, effects);
            effects.persist(record);
        }
    }

    /// Does it, or forgets it, in the database.
    pub(crate) fn finish(&mut self, transaction: TransactionId, steps: &[Step], decision: Decision) {
        match decision {
            Decision::Abort => self.manager.abort(transaction),
            // Without locks nobody kept others away, and what was prepared may no longer be possible.
            Decision::Commit if self.has(CommitFlaw::LocksNotReacquired) => {
                self.manager.abort(transaction);
                let _ = self.manager.force(steps);
            }
            Decision::Commit => self.manager.commit(transaction),
        }
    }

    /// BHG 7.4, cooperative termination: "if q has decided, it tells; if q has not yet voted, q can unilaterally decide
    /// Abort and then tell; if q has voted Yes and not decided, q is also uncertain, and cannot help".
    pub(crate) fn on_inquire(
        &mut self,
        from: NodeId,
        transaction: TransactionId,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        if !self.site.is_participant(from) {
            return;
        }
        let decision = match self.fates.get(&transaction) {
            Some(Fate::Prepared(_)) => return announce(transaction, Happening::Uncertain(from), effects),
            Some(Fate::Committed) => Decision::Commit,
            Some(Fate::Aborted(_)) => Decision::Abort,
            None if self.has(CommitFlaw::CooperativeTerminationWrong) => Decision::Abort,
            None => self.abort_unvoted(transaction, from, effects),
        };
        announce(transaction, Happening::Answered(from), effects);
        effects.send(from, Message::decide(transaction, decision));
    }

    /// The resolver asks. One that has not voted aborts: if it only said so, its vote could still be asked for and given
    /// before the resolver's ABORT arrives.
    pub(crate) fn on_check(
        &mut self,
        from: NodeId,
        transaction: TransactionId,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        if !self.site.is_resolver(from) {
            return;
        }
        let standing = match self.fates.get(&transaction) {
            Some(Fate::Prepared(_)) => Standing::Prepared,
            Some(Fate::Committed) => Standing::Decided(Decision::Commit),
            Some(Fate::Aborted(_)) => Standing::Decided(Decision::Abort),
            None if self.has(CommitFlaw::RecoveryRace) => Standing::Unvoted,
            None => Standing::Decided(self.abort_unvoted(transaction, from, effects)),
        };
        effects.send(from, Message::Status(Status { transaction, standing }));
    }

    /// Aborts what it has not voted on, on its disk, before anybody hears of it.
    fn abort_unvoted(
        &mut self,
        transaction: TransactionId,
        asked_by: NodeId,
        effects: &mut Effects<TwoPhaseCommit>,
    ) -> Decision {
        let decision = Decision::Abort;
        self.fates.insert(transaction, fate_of(decision));
        effects.persist(Record::Decided { transaction, decision, owed: NodeSet::EMPTY });
        state(transaction, decision, Why::Unvoted(asked_by), effects);
        decision
    }

    /// BHG 7.4: a participant that times out in its uncertainty period may not decide; it must consult others.
    pub(crate) fn on_inquiry_timer(
        &mut self,
        transaction: TransactionId,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        let (aborts, commits) =
            (self.has(CommitFlaw::UnilateralAbortWhenPrepared), self.has(CommitFlaw::CommitOnTimeout));
        let Some(Fate::Prepared(prepared)) = self.fates.get_mut(&transaction) else { return };
        if aborts || commits {
            let decision = if commits { Decision::Commit } else { Decision::Abort };
            return self.decide(transaction, decision, Why::Impatience, effects);
        }
        if !std::mem::replace(&mut prepared.is_doubtful, true) {
            announce(transaction, Happening::InDoubt, effects);
        }
        self.inquire(transaction, effects);
    }

    /// Asks the coordinator and, if they cooperate, the peers: BHG's DECISION-REQ.
    pub(crate) fn inquire(&self, transaction: TransactionId, effects: &mut Effects<TwoPhaseCommit>) {
        let Some(Fate::Prepared(prepared)) = self.fates.get(&transaction) else { return };
        let whom = self.helpers(prepared);
        announce(transaction, Happening::Asked(whom), effects);
        whom.iter().for_each(|node| {
            effects.send(node, Message::Inquire(transaction));
        });
        effects.set_timer(Timer::Inquiry(transaction), self.site.config.inquiry);
    }

    /// Whom it asks in doubt.
    pub(crate) fn helpers(&self, prepared: &Prepared) -> NodeSet {
        let peers = if self.site.config.cooperative { prepared.participants } else { NodeSet::EMPTY };
        let mut whom = peers.union(NodeSet::only(Config::COORDINATOR));
        whom.remove(self.site.id);
        whom
    }

    pub(crate) fn on_orphan_timer(
        &mut self,
        transaction: TransactionId,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        let Some(Fate::Prepared(prepared)) = self.fates.get(&transaction) else { return };
        let Some(resolver) = self.site.config.resolver_node() else { return };
        announce(transaction, Happening::Orphaned, effects);
        let participants = prepared.participants;
        effects.send(resolver, Message::Orphan(Orphan { transaction, participants }));
        effects.set_timer(Timer::Orphan(transaction), self.site.config.orphan);
    }

    pub(crate) fn set_orphan_timer(&self, transaction: TransactionId, effects: &mut Effects<TwoPhaseCommit>) {
        if self.site.config.resolver {
            effects.set_timer(Timer::Orphan(transaction), self.site.config.orphan);
        }
    }

    pub(crate) fn has(&self, flaw: CommitFlaw) -> bool {
        self.site.config.has(flaw)
    }

    pub(crate) fn assert_invariants(&self) {
        self.manager.assert_invariants();
        if !self.has(CommitFlaw::LocksNotReacquired) {
            assert!(self.in_doubt().eq(self.manager.prepared()), "what is prepared is in doubt");
        }
    }

    pub(crate) fn summary(&self) -> Summary {
        let prepared = self.in_doubt().count() as u64;
        let is_doubtful = |fate: &&Fate| matches!(fate, Fate::Prepared(Prepared { is_doubtful: true, .. }));
        let doubtful = self.fates.values().filter(is_doubtful).count() as u64;
        Summary { role: "participant", facts: vec![("prepared", prepared), ("in doubt", doubtful)] }
    }
}

pub(crate) const fn fate_of(decision: Decision) -> Fate {
    match decision {
        Decision::Commit => Fate::Committed,
        Decision::Abort => Fate::Aborted(Refusal::Failure),
    }
}
