//! The node: the contract, what all handlers share, and how a transaction ends.

use std::collections::BTreeMap;

use quarrel_protocol::{Effects, Input, NodeId, NodeSet, Nothing, Protocol, Summary, Wait};
use quarrel_spec::atomic_commit::resource::Manager;
use quarrel_spec::atomic_commit::{Decision, Output, Refusal, Reply, Transaction, TransactionId};

use crate::{
    Asked, COORDINATOR, Case, Config, Event, Message, Patience, Record, Stage, Standing, ThreePhaseFlaw,
    Timer, What,
};

/// A node: the coordinator, or a participant with the items it keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ThreePhaseCommit {
    pub(crate) config: Config,
    pub(crate) id: NodeId,
    /// The items that it keeps. Invariant: what is prepared is what it has voted yes on and has not decided.
    pub(crate) manager: Manager,
    /// The transactions that it has not decided.
    pub(crate) open: BTreeMap<TransactionId, Case>,
    /// Those that it has. Invariant: none of them is open.
    pub(crate) decided: BTreeMap<TransactionId, Decision>,
}

impl Protocol for ThreePhaseCommit {
    const NAME: &'static str = "3pc";

    type Config = Config;
    type Request = Transaction;
    type Reply = Reply;
    type Output = Output;
    type Admin = Nothing;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;
    type Event = Event;

    fn recover(config: &Config, id: NodeId, disk: &[Record], effects: &mut Effects<Self>) -> Self {
        assert!(config.everybody().contains(id), "{id} is a member");
        let mut node = Self {
            config: config.clone(),
            id,
            manager: Manager::default(),
            open: BTreeMap::new(),
            decided: BTreeMap::new(),
        };
        disk.iter().for_each(|record| node.restore(record));
        node.come_back(effects);
        node
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id, request, .. } => self.on_request(client, id, request, effects),
            Input::Admin(nothing) => match nothing {},
            Input::Message { from, message } => self.on_message(from, message, effects),
            Input::Timer(Timer::Votes(transaction)) => self.on_votes_timer(transaction, effects),
            Input::Timer(Timer::Word(transaction)) => self.on_word_timer(transaction, effects),
            Input::Timer(Timer::Reports(transaction)) => self.on_reports_timer(transaction, effects),
            Input::Timer(Timer::Acks(transaction)) => self.on_acks_timer(transaction, effects),
            Input::Timer(Timer::Inquiry(transaction)) => self.inquire(transaction, effects),
        }
    }

    fn assert_invariants(&self) {
        for (transaction, case) in &self.open {
            assert!(!self.decided.contains_key(transaction), "what is decided is not open");
            case.assert_sound(self.id);
        }
        let prepared = self.manager.prepared().count();
        let voted = if self.id == COORDINATOR { 0 } else { self.open.len() };
        assert_eq!(prepared, voted, "what is prepared is what was voted on and is not decided");
        self.manager.assert_invariants();
    }

    fn summary(&self) -> Summary {
        let count = |is_it: fn(&Case) -> bool| self.open.values().filter(|case| is_it(case)).count() as u64;
        let facts = vec![
            ("collecting", count(|case| matches!(case.stage, Stage::Collecting))),
            ("following", count(|case| matches!(case.stage, Stage::Following { .. }))),
            ("polling", count(|case| matches!(case.stage, Stage::Polling { .. }))),
            ("spreading", count(|case| matches!(case.stage, Stage::Spreading { .. }))),
            ("recovering", count(|case| matches!(case.stage, Stage::Recovering { .. }))),
            ("committable", count(|case| case.standing == Standing::Committable)),
        ];
        Summary { role: if self.id == COORDINATOR { "coordinator" } else { "participant" }, facts }
    }

    fn waits(&self) -> Vec<Wait> {
        self.waits_now()
    }
}

impl ThreePhaseCommit {
    /// The transactions that it has not decided.
    #[must_use]
    pub const fn open(&self) -> &BTreeMap<TransactionId, Case> {
        &self.open
    }

    /// The transactions that it has decided.
    #[must_use]
    pub const fn decided(&self) -> &BTreeMap<TransactionId, Decision> {
        &self.decided
    }

    /// Handlers in the order of the enum.
    fn on_message(&mut self, from: NodeId, message: Message, effects: &mut Effects<Self>) {
        // Who is no member says nothing, and nobody says anything to itself.
        if from == self.id || from.0 >= self.config.nodes {
            return;
        }
        match message {
            Message::VoteRequest(request) => self.on_vote_request(from, request, effects),
            Message::Vote(ballot) => self.on_vote(from, ballot, effects),
            Message::PreCommit(transaction) => self.on_pre_commit(from, transaction, effects),
            Message::Ack(transaction) => self.on_ack(from, transaction, effects),
            Message::Commit(transaction) => self.on_commit(from, transaction, effects),
            Message::Abort(transaction) => self.on_abort(from, transaction, effects),
            Message::Elected(transaction) => self.on_elected(from, transaction, effects),
            Message::StateRequest(transaction) => self.on_state_request(from, transaction, effects),
            Message::StateReport(report) => self.on_state_report(from, report, effects),
            Message::Inquiry(inquiry) => self.on_inquiry(from, inquiry, effects),
        }
    }

    #[inline]
    pub(crate) fn is_flawed(&self, flaw: ThreePhaseFlaw) -> bool {
        self.config.flaws.contains(flaw)
    }

    /// Whether this process has no record of a transaction: it has not voted on it.
    pub(crate) fn is_unknown(&self, transaction: TransactionId) -> bool {
        !self.open.contains_key(&transaction) && !self.decided.contains_key(&transaction)
    }

    /// The undecided transaction, if the sender is one of its processes.
    pub(crate) fn case_of(&mut self, from: NodeId, transaction: TransactionId) -> Option<&mut Case> {
        self.open.get_mut(&transaction).filter(|case| case.processes.contains(from))
    }

    pub(crate) fn announce(&self, transaction: TransactionId, what: What, effects: &mut Effects<Self>) {
        effects.announce(Event { transaction, what });
    }

    /// Enters a stage, and sets its timer instead of the one before.
    pub(crate) fn enter(
        &mut self,
        transaction: TransactionId,
        stage: Stage,
        patience: Patience,
        effects: &mut Effects<Self>,
    ) {
        let Some(case) = self.open.get_mut(&transaction) else { return };
        let (before, now) = (case.stage.timer(transaction), stage.timer(transaction));
        if before != now {
            effects.cancel_timer(before);
        }
        effects.set_timer(now, self.config.patience(patience));
        case.stage = stage;
    }

    /// Holds only these for operational from now on.
    pub(crate) fn keep_up(&mut self, transaction: TransactionId, up: NodeSet, effects: &mut Effects<Self>) {
        let Some(case) = self.open.get_mut(&transaction) else { return };
        let up = case.up.intersection(up).union(NodeSet::only(self.id));
        if up != case.up {
            case.up = up;
            // BHG 7.5, total failure: UP sets are logged. A set that is lost in a crash was smaller than the one before
            // it, which names too many: nobody decides too early for that.
            effects.persist(Record::Up { transaction, up });
        }
    }

    /// Sends to all of these but itself. The order turns with the transaction: see the crate's page.
    pub(crate) fn broadcast(&self, to: NodeSet, message: &Message, effects: &mut Effects<Self>) {
        let mut to: Vec<NodeId> = to.iter().filter(|&node| node != self.id).collect();
        if message.transaction().0 % 2 == 1 {
            to.reverse();
        }
        self.announce(message.transaction(), What::Broadcasting, effects);
        for node in to {
            effects.send(node, message.clone());
        }
    }

    /// Becomes committable, on disk first.
    pub(crate) fn become_committable(&mut self, transaction: TransactionId, effects: &mut Effects<Self>) {
        let is_logged = self.id == COORDINATOR || !self.is_flawed(ThreePhaseFlaw::PrecommitNotLogged);
        let Some(case) = self.open.get_mut(&transaction) else { return };
        if case.standing == Standing::Committable {
            return;
        }
        case.standing = Standing::Committable;
        let processes = case.processes;
        if is_logged {
            effects.persist(Record::Committable { transaction, processes });
        }
        self.announce(transaction, What::Committable, effects);
    }

    /// Decides: on disk, then in words, then to the client. Returns the transaction as it was; nothing if this process had
    /// no record of it, which then writes that it never will vote.
    pub(crate) fn decide(
        &mut self,
        transaction: TransactionId,
        decision: Decision,
        why: Refusal,
        effects: &mut Effects<Self>,
    ) -> Option<Case> {
        assert!(!self.decided.contains_key(&transaction), "a decision is made once");
        let case = self.open.remove(&transaction);
        if let Some(case) = &case {
            effects.cancel_timer(case.stage.timer(transaction));
        }
        effects.persist(Record::Decided { transaction, decision });
        self.close(transaction, decision);
        self.announce(transaction, What::Decided { decision }, effects);
        effects.output(Output::Decided { transaction, decision });
        if let Some(asked) = case.as_ref().and_then(|case| case.asked.as_ref()) {
            let reply = match decision {
                Decision::Commit => Reply::Committed(self.assemble(asked)),
                Decision::Abort => Reply::Aborted(why),
            };
            effects.reply(asked.client, asked.id, reply);
        }
        case
    }

    /// Does what the decision says with the items, now or when the log is read again.
    pub(crate) fn close(&mut self, transaction: TransactionId, decision: Decision) {
        self.decided.insert(transaction, decision);
        match decision {
            Decision::Commit if self.manager.prepared().any(|prepared| prepared == transaction) => {
                self.manager.commit(transaction);
            }
            Decision::Commit => {}
            Decision::Abort => self.manager.abort(transaction),
        }
    }

    /// Decides, and tells all that it holds for operational.
    pub(crate) fn decide_for_all(
        &mut self,
        transaction: TransactionId,
        decision: Decision,
        why: Refusal,
        effects: &mut Effects<Self>,
    ) {
        if let Some(case) = self.decide(transaction, decision, why, effects) {
            self.broadcast(case.up, &Message::decision(transaction, decision), effects);
        }
    }

    /// Tells who asks what was decided; `false` if nothing was.
    pub(crate) fn tells(&self, to: NodeId, transaction: TransactionId, effects: &mut Effects<Self>) -> bool {
        let decision = self.decided.get(&transaction);
        if let Some(&decision) = decision {
            effects.send(to, Message::decision(transaction, decision));
        }
        decision.is_some()
    }

    /// What all steps saw.
    fn assemble(&self, asked: &Asked) -> Vec<quarrel_spec::atomic_commit::Seen> {
        let participants = self.config.participants();
        let mut seen = asked.seen.clone();
        for home in asked.request.homes(participants) {
            // Only with a flaw is something missing: it is made up.
            let part = || asked.request.part(home, participants);
            seen.entry(Config::keeper(home))
                .or_insert_with(|| part().iter().map(|_| quarrel_spec::atomic_commit::Seen::Done).collect());
        }
        asked.request.assemble(participants, |home| &seen[&Config::keeper(home)])
    }
}

impl Case {
    /// Asserts the invariants of its fields.
    fn assert_sound(&self, me: NodeId) {
        assert!(self.up.contains(me), "{me} is up in its own eyes");
        assert_eq!(self.up.intersection(self.processes), self.up, "only processes are up");
        assert!(self.asked.is_none() || me == COORDINATOR, "only the coordinator answers clients");
        let has_voted = self.standing != Standing::Unvoted;
        match &self.stage {
            Stage::Collecting => assert!(!has_voted && me == COORDINATOR, "the coordinator votes last"),
            Stage::Following { leader } => assert!(has_voted && *leader != me, "who follows has voted"),
            Stage::Polling { .. } => assert!(has_voted, "who is elected has voted"),
            Stage::Spreading { missing } => {
                assert_eq!(self.standing, Standing::Committable, "who spreads PRE-COMMIT is committable");
                assert!(
                    !missing.is_empty() && !missing.contains(me),
                    "somebody's acknowledgement is missing"
                );
            }
            Stage::Recovering { .. } => assert!(has_voted, "who has not voted aborts"),
        }
    }
}
