//! The coordinator: it asks for votes, decides, and sees to it that those hear of it who owe it an acknowledgement.

use std::collections::BTreeMap;

use quarrel_protocol::{ClientId, Effects, NodeId, NodeSet, RequestId, Summary};
use quarrel_spec::atomic_commit::{Decision, Output, Refusal, Reply, Seen, Step, Transaction, TransactionId};

use crate::event::{Happening, Why};
use crate::node::{Site, announce, state};
use crate::{
    Ballot, Cast, CommitFlaw, Config, Message, Presumption, Record, Timer, TwoPhaseCommit, VoteRequest,
};

/// What the coordinator knows. Whatever is not here is either unknown to it or over, and it need not know which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Coordinator {
    pub(crate) site: Site,
    pub(crate) cases: BTreeMap<TransactionId, Case>,
}

/// Where a transaction is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Case {
    /// Phase 1: votes are missing.
    Voting(Voting),
    /// Phase 2: acknowledgements are.
    Telling {
        /// What is decided.
        decision: Decision,
        /// Who owes an acknowledgement. Invariant: not empty.
        owed: NodeSet,
    },
}

/// A transaction in phase 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Voting {
    client: ClientId,
    request: RequestId,
    asked: Transaction,
    /// Who must agree; the others only read.
    voters: NodeSet,
    /// Whose answer is missing. Invariant: not empty.
    pub(crate) missing: NodeSet,
    /// How many votes have come: only a flaw counts them.
    votes: usize,
    /// What each participant saw that has voted yes, or has only read.
    seen: BTreeMap<NodeId, Vec<Seen>>,
}

impl Coordinator {
    /// BHG 7.4, step 1: "the coordinator sends a VOTE-REQ to all participants".
    pub(crate) fn on_request(
        &mut self,
        client: ClientId,
        id: RequestId,
        asked: Transaction,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        let transaction = TransactionId::from(id);
        if self.cases.contains_key(&transaction) {
            return;
        }
        if asked.0.is_empty() {
            return effects.reply(client, id, Reply::Committed(Vec::new()));
        }
        if self.site.config.participants == 0 {
            return effects.reply(client, id, Reply::Aborted(Refusal::Failure));
        }
        let config = &self.site.config;
        let involved = config.involved(&asked);
        let voters =
            involved.iter().filter(|&node| !drops_out(config, &part_of(config, &asked, node), involved));
        let voters: NodeSet = voters.collect();
        announce(transaction, Happening::Begun(voters), effects);
        let begun = Record::Begun { transaction, client, participants: voters };
        let is_collecting = config.presumption == Presumption::Commit && !voters.is_empty();
        // R*, section 3.2: what is unknown is presumed to be committed, so it must be known before anybody can vote.
        if is_collecting && !config.has(CommitFlaw::NoCollectingRecord) {
            effects.persist(begun.clone());
        }
        if !voters.is_empty() {
            effects.output(Output::Begun { transaction, participants: voters });
        }
        let case =
            Voting { client, request: id, asked, voters, missing: involved, votes: 0, seen: BTreeMap::new() };
        self.send_vote_requests(transaction, &case, effects);
        // BHG 7.4: the start-2PC record "may be written before or after sending the messages".
        if self.site.config.presumption == Presumption::None && !voters.is_empty() {
            effects.persist(begun);
        }
        effects.set_timer(Timer::Votes(transaction), self.site.config.vote_timeout);
        effects.set_timer(Timer::Retry(transaction), self.site.config.retry);
        self.cases.insert(transaction, Case::Voting(case));
    }

    fn send_vote_requests(
        &self,
        transaction: TransactionId,
        case: &Voting,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        for node in case.missing.iter() {
            let steps = part_of(&self.site.config, &case.asked, node);
            let request = VoteRequest { transaction, steps, participants: case.voters };
            effects.send(node, Message::VoteRequest(request));
        }
    }

    /// BHG 7.4, step 3: "the coordinator collects the vote messages from all participants".
    pub(crate) fn on_vote(&mut self, from: NodeId, cast: Cast, effects: &mut Effects<TwoPhaseCommit>) {
        let Cast { transaction, ballot } = cast;
        let Some(Case::Voting(case)) = self.cases.get_mut(&transaction) else { return };
        let config = &self.site.config;
        let (seen, is_voter) = match ballot {
            Ballot::No(why) if config.involved(&case.asked).contains(from) => {
                let mut to = case.voters;
                to.remove(from);
                return self.abort(transaction, why, Why::Refused(from), to, effects);
            }
            Ballot::No(_) => return,
            Ballot::Yes(seen) => (seen, true),
            Ballot::Read(seen) => (seen, false),
        };
        // A packet that answers another question than was asked is none.
        let is_expected = case.voters.contains(from) == is_voter;
        let is_fit = seen.len() == part_of(config, &case.asked, from).len() && !seen.is_empty();
        if !is_expected || !is_fit {
            return;
        }
        case.votes += 1;
        case.missing.remove(from);
        case.seen.entry(from).or_insert(seen);
        let is_complete = if config.has(CommitFlaw::MissingVote) {
            case.votes >= config.involved(&case.asked).len()
        } else {
            case.missing.is_empty()
        };
        if is_complete {
            announce(transaction, Happening::AllVoted, effects);
            self.commit(transaction, effects);
        }
    }

    /// BHG 7.4, step 3: "if all of them were Yes and the coordinator's vote is also Yes, it decides Commit and sends
    /// COMMIT messages to all participants".
    fn commit(&mut self, transaction: TransactionId, effects: &mut Effects<TwoPhaseCommit>) {
        let Some(Case::Voting(case)) = self.cases.remove(&transaction) else {
            unreachable!("votes are counted in phase 1")
        };
        self.cancel_timers(transaction, effects);
        let (decision, voters) = (Decision::Commit, case.voters);
        if voters.is_empty() {
            return self.reply_committed(&case, effects);
        }
        let presumption = self.site.config.presumption;
        let owed = if presumption.is_acknowledged(decision) { voters } else { NodeSet::EMPTY };
        let record = Record::Decided { transaction, decision, owed };
        // BHG 7.4: "before the coordinator sends COMMIT to the participants, it writes a commit record".
        let is_late = self.site.config.has(CommitFlaw::DecisionNotLogged);
        if !is_late {
            effects.persist(record.clone());
        }
        state(transaction, decision, Why::AllYes, effects);
        self.reply_committed(&case, effects);
        self.tell(transaction, decision, voters, owed, effects);
        if is_late {
            effects.persist(record);
        }
    }

    fn reply_committed(&self, case: &Voting, effects: &mut Effects<TwoPhaseCommit>) {
        let involved = self.site.config.involved(&case.asked);
        // Only a flaw commits before all have said what they saw. Its client hears nothing.
        if involved.iter().all(|node| case.seen.contains_key(&node)) {
            let participants = self.site.config.participants;
            let seen = case.asked.assemble(participants, |home| &case.seen[&NodeId(1 + home)][..]);
            effects.reply(case.client, case.request, Reply::Committed(seen));
        }
    }

    /// BHG 7.4, step 3: "otherwise, the coordinator decides Abort and sends ABORT messages to all processes that voted
    /// Yes"; here, to all that have not voted no: one whose vote is still under way need not ask then.
    fn abort(
        &mut self,
        transaction: TransactionId,
        refusal: Refusal,
        why: Why,
        to: NodeSet,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        let Some(Case::Voting(case)) = self.cases.remove(&transaction) else {
            unreachable!("a vote that is no ends phase 1")
        };
        self.cancel_timers(transaction, effects);
        if case.voters.is_empty() {
            return effects.reply(case.client, case.request, Reply::Aborted(refusal));
        }
        let decision = Decision::Abort;
        let owed = if self.site.config.presumption.is_acknowledged(decision) { to } else { NodeSet::EMPTY };
        // R*, section 3.1: with presumed abort "the coordinator need not write" it, and forgets the transaction.
        if self.site.config.presumption != Presumption::Abort {
            effects.persist(Record::Decided { transaction, decision, owed });
        }
        state(transaction, decision, why, effects);
        effects.reply(case.client, case.request, Reply::Aborted(refusal));
        self.tell(transaction, decision, to, owed, effects);
    }

    /// Sends the decision, and goes on until those have acknowledged it who owe that.
    pub(crate) fn tell(
        &mut self,
        transaction: TransactionId,
        decision: Decision,
        to: NodeSet,
        owed: NodeSet,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        for node in to.iter() {
            effects.send(node, Message::decide(transaction, decision));
        }
        if !owed.is_empty() {
            effects.set_timer(Timer::Retry(transaction), self.site.config.retry);
            self.cases.insert(transaction, Case::Telling { decision, owed });
        }
    }

    /// R*, section 2: "after receiving all acknowledgements, the coordinator writes an end record and forgets".
    pub(crate) fn on_acknowledge(
        &mut self,
        from: NodeId,
        transaction: TransactionId,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        let Some(Case::Telling { owed, .. }) = self.cases.get_mut(&transaction) else { return };
        owed.remove(from);
        if owed.is_empty() {
            self.cases.remove(&transaction);
            effects.cancel_timer(Timer::Retry(transaction));
            announce(transaction, Happening::Ended, effects);
            // Lazy: if it is lost, all are told once more, and acknowledge once more.
            effects.persist(Record::Ended { transaction });
        }
    }

    /// A participant in doubt asks. BHG 7.4: the coordinator "has no uncertainty period", but may not have decided yet.
    pub(crate) fn on_inquire(
        &mut self,
        from: NodeId,
        transaction: TransactionId,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        let decision = match self.cases.get(&transaction) {
            Some(Case::Voting(_)) => return,
            Some(Case::Telling { decision, .. }) => {
                announce(transaction, Happening::Answered(from), effects);
                *decision
            }
            // R*, section 3: "in the no-information case", the presumption.
            None => {
                let presumed = self.site.config.presumption.of_unknown();
                announce(transaction, Happening::Presumed(from, presumed), effects);
                presumed
            }
        };
        effects.send(from, Message::decide(transaction, decision));
    }

    /// BHG 7.4, timeout actions: "the coordinator can time out while it waits for votes; it then decides Abort".
    pub(crate) fn on_votes_timer(
        &mut self,
        transaction: TransactionId,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        let Some(Case::Voting(case)) = self.cases.get(&transaction) else { return };
        let late = case.missing.iter().next().expect("votes are missing in phase 1");
        let to = case.voters;
        self.abort(transaction, Refusal::NoAnswer(late), Why::NoVote(late), to, effects);
    }

    pub(crate) fn on_retry_timer(
        &mut self,
        transaction: TransactionId,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        match self.cases.get(&transaction) {
            None => return,
            Some(Case::Voting(case)) => self.send_vote_requests(transaction, case, effects),
            Some(&Case::Telling { decision, owed }) => {
                announce(transaction, Happening::Repeated(owed), effects);
                owed.iter().for_each(|node| {
                    effects.send(node, Message::decide(transaction, decision));
                });
            }
        }
        effects.set_timer(Timer::Retry(transaction), self.site.config.retry);
    }

    fn cancel_timers(&self, transaction: TransactionId, effects: &mut Effects<TwoPhaseCommit>) {
        effects.cancel_timer(Timer::Votes(transaction));
        effects.cancel_timer(Timer::Retry(transaction));
    }

    pub(crate) fn assert_invariants(&self) {
        for (transaction, case) in &self.cases {
            match case {
                Case::Voting(case) => {
                    assert!(!case.missing.is_empty(), "{transaction}: a vote is missing in phase 1");
                    let involved = self.site.config.involved(&case.asked);
                    assert_eq!(case.missing.intersection(involved), case.missing, "who is asked is involved");
                    assert_eq!(case.voters.intersection(involved), case.voters, "who votes is involved");
                }
                Case::Telling { decision, owed } => {
                    assert!(!owed.is_empty(), "{transaction}: an acknowledgement is missing in phase 2");
                    let is_acknowledged = self.site.config.presumption.is_acknowledged(*decision);
                    assert!(is_acknowledged, "{transaction}: what is presumed is not acknowledged");
                }
            }
        }
    }

    pub(crate) fn summary(&self) -> Summary {
        let voting = self.cases.values().filter(|case| matches!(case, Case::Voting(_))).count() as u64;
        let telling = self.cases.len() as u64 - voting;
        Summary { role: "coordinator", facts: vec![("voting", voting), ("telling", telling)] }
    }
}

/// What that participant does of a transaction.
fn part_of(config: &Config, asked: &Transaction, node: NodeId) -> Vec<Step> {
    node.0.checked_sub(1).map_or(Vec::new(), |home| asked.part(home, config.participants))
}

/// Whether a participant answers, lets go, and is asked nothing more.
///
/// Its locks are taken and released at once, so the transaction is two-phase only if no other participant takes part.
fn drops_out(config: &Config, steps: &[Step], involved: NodeSet) -> bool {
    let is_alone = involved.len() == 1 || config.has(CommitFlaw::ReadOnlyEarlyRelease);
    config.read_only && is_alone && steps.iter().all(Step::is_read)
}
