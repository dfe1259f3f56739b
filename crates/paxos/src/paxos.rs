//! The node: the contract, who is waiting, and how roles change.

use std::collections::VecDeque;

use quarrel_protocol::{
    ClientId, Effects, Input, NodeId, NodeSet, Nothing, Protocol, RequestId, Summary, Wait,
};
use quarrel_spec::Value;
use quarrel_spec::consensus::{Decided, Propose};

use crate::{Ballot, Config, Durable, Event, Message, PaxosFlaw, Proposal, Record, Role, Source, Timer};

/// How many clients a node keeps waiting; beyond that the oldest is forgotten (it asks again).
const WAITING_MAX: usize = 256;

/// A node: proposer, acceptor and learner in one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paxos {
    pub(crate) config: Config,
    pub(crate) id: NodeId,
    pub(crate) durable: Durable,
    /// As proposer: what it is doing.
    pub(crate) role: Role,
    /// As proposer: the value it proposes if it is free to; the first that a client asked for.
    pub(crate) own_value: Option<Value>,
    /// As proposer: the highest ballot that stood in the way of its own.
    pub(crate) highest_rejection: Option<Ballot>,
    /// As proposer: how often the next pause's range is doubled.
    ///
    /// Invariant: at most `config.backoff_doublings_max`.
    pub(crate) doublings: u8,
    /// As learner: the highest proposal that each acceptor is known to have accepted.
    pub(crate) acceptances: Vec<Option<Proposal>>,
    /// The clients that wait for the decision, oldest first.
    ///
    /// Invariant: at most [`WAITING_MAX`]; none once a value is decided.
    waiting: VecDeque<(ClientId, RequestId)>,
}

impl Protocol for Paxos {
    const NAME: &'static str = "paxos";

    type Config = Config;
    type Request = Propose;
    type Reply = Decided;
    type Output = Decided;
    type Admin = Nothing;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;
    type Event = Event;

    fn recover(config: &Config, id: NodeId, disk: &[Record], effects: &mut Effects<Self>) -> Self {
        assert!(id.index() < config.quorum.nodes(), "{id} is a member");
        let mut durable = Durable::default();
        let is_blank = config.flaws.contains(PaxosFlaw::AcceptorRejoinEmpty);
        let kept = disk.iter().filter(|record| !(is_blank && record.is_acceptors()));
        kept.for_each(|record| durable.apply(*record));
        // The pair of the assertion in `write`.
        durable.assert_sound();
        let mut node = Self {
            config: config.clone(),
            id,
            durable,
            role: Role::Idle,
            own_value: None,
            highest_rejection: None,
            doublings: 0,
            acceptances: vec![None; config.quorum.nodes()],
            waiting: VecDeque::new(),
        };
        match durable.decided {
            Some(value) => {
                node.role = Role::Decided { value };
                effects.announce(Event::Decided { value, source: Source::Disk });
                effects.output(Decided(value));
            }
            None => node.become_idle(effects),
        }
        node
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id, request, .. } => self.on_request(client, id, request, effects),
            Input::Admin(nothing) => match nothing {},
            Input::Message { from, message } => self.on_message(from, message, effects),
            Input::Timer(Timer::Attempt) => self.on_attempt_timer(effects),
            Input::Timer(Timer::Retry) => self.on_retry_timer(effects),
            Input::Timer(Timer::Inquiry) => self.on_inquiry_timer(effects),
        }
    }

    fn assert_invariants(&self) {
        self.assert_durable_sound();
        assert!(self.doublings <= self.config.backoff_doublings_max, "the pause is bounded");
        assert!(self.waiting.len() <= WAITING_MAX, "the clients that wait are bounded");
        let recorded = matches!(self.role, Role::Decided { value } if self.durable.decided == Some(value));
        assert_eq!(recorded, self.durable.decided.is_some(), "a decision is recorded, and final");
        match self.role {
            Role::Idle => {}
            Role::Preparing { ballot, promised_by, highest } => {
                assert_eq!(self.durable.started, Some(ballot), "the ballot under way is the last started");
                assert!(!self.is_first_quorum(promised_by), "a quorum of promises ends phase 1");
                assert!(
                    highest.is_none_or(|proposal| proposal.ballot < ballot),
                    "promises report what was before"
                );
            }
            Role::Proposing { proposal } => {
                assert_eq!(
                    self.durable.started,
                    Some(proposal.ballot),
                    "the ballot under way is the last started"
                );
            }
            Role::BackingOff => assert!(self.own_value.is_some(), "only a value is worth another ballot"),
            Role::Decided { .. } => assert!(self.waiting.is_empty(), "nobody waits for what is known"),
        }
    }

    /// Rounds rise on all nodes together, so that only the distance to the least one says something. What is not: how
    /// many clients wait, and the round of an acceptance, which stands still while promises go on.
    fn summary(&self) -> Summary {
        let promises = match self.role {
            Role::Preparing { promised_by, .. } => promised_by.len() as u64,
            _ => 0,
        };
        // Nothing; something, but a higher ballot is promised since; the proposal of the ballot it has promised.
        let accepted = match self.durable.accepted {
            None => 0,
            Some(proposal) if Some(proposal.ballot) < self.durable.promised => 1,
            Some(_) => 2,
        };
        Summary {
            role: self.role.name(),
            facts: vec![
                ("promised", self.durable.promised.map_or(0, |ballot| ballot.round)),
                ("accepted", accepted),
                ("promises", promises),
                ("failures", u64::from(self.doublings)),
            ],
        }
    }

    fn waits(&self) -> Vec<Wait> {
        self.waits_now()
    }
}

impl Paxos {
    /// What this node's disk will say once all its writes are durable.
    #[must_use]
    pub fn durable(&self) -> &Durable {
        &self.durable
    }

    /// What this node's proposer is doing.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.role
    }

    fn on_message(&mut self, from: NodeId, message: Message, effects: &mut Effects<Self>) {
        if !self.is_member(from) {
            return;
        }
        match message {
            Message::Prepare(prepare) => self.on_prepare(from, prepare, effects),
            Message::Promise(promise) => self.on_promise(from, promise, effects),
            Message::Accept(accept) => self.on_accept(from, accept, effects),
            Message::Accepted(accepted) => self.on_accepted(from, accepted, effects),
            Message::Reject(reject) => self.on_reject(from, reject, effects),
            Message::Learn(learn) => self.on_learn(from, learn, effects),
        }
    }

    /// Remembers a client until the decision is known. A retry is remembered once.
    pub(crate) fn keep_waiting(&mut self, client: ClientId, id: RequestId) {
        if self.waiting.contains(&(client, id)) {
            return;
        }
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back((client, id));
    }

    /// Answers every client that waits.
    pub(crate) fn answer_waiting(&mut self, value: Value, effects: &mut Effects<Self>) {
        for (client, id) in self.waiting.drain(..) {
            effects.reply(client, id, Decided(value));
        }
    }

    /// Changes the role; the old role's timer goes with it, the new one's is set by the caller.
    pub(crate) fn enter(&mut self, role: Role, effects: &mut Effects<Self>) {
        if let Some(timer) = self.role.timer()
            && role.timer() != Some(timer)
        {
            effects.cancel_timer(timer);
        }
        self.role = role;
    }

    /// Makes a fact durable before whatever is pushed next.
    pub(crate) fn write(&mut self, record: Record, effects: &mut Effects<Self>) {
        self.durable.apply(record);
        // The pair of the assertion in `recover`.
        self.assert_durable_sound();
        effects.persist(record);
    }

    /// Asserts what must hold of the durable state, unless it is what a flaw takes out.
    fn assert_durable_sound(&self) {
        if !self.has(PaxosFlaw::AcceptNoPromiseUpdate) {
            self.durable.assert_sound();
        }
    }

    /// Whether these promises end phase 1: those of a majority, or of a first quorum (Flexible Paxos, 3).
    pub(crate) fn is_first_quorum(&self, set: NodeSet) -> bool {
        let quorum = self.config.quorum;
        let is_half = self.has(PaxosFlaw::QuorumHalf) && 2 * set.len() >= quorum.nodes();
        // One fewer than what must meet every second quorum.
        let need_not_meet = self.has(PaxosFlaw::FpaxosNonintersecting)
            && !set.is_empty()
            && set.len() + quorum.second() >= quorum.nodes();
        quorum.is_first(set) || is_half || need_not_meet
    }

    /// Whether these acceptances choose a proposal.
    pub(crate) fn is_second_quorum(&self, set: NodeSet) -> bool {
        let quorum = self.config.quorum;
        quorum.is_second(set) || (self.has(PaxosFlaw::QuorumHalf) && 2 * set.len() >= quorum.nodes())
    }

    /// Sends a message to every node, this one included.
    pub(crate) fn send_to_all(&self, message: Message, effects: &mut Effects<Self>) {
        for node in NodeId::all(self.config.quorum.nodes()) {
            effects.send(node, message);
        }
    }

    pub(crate) fn is_member(&self, node: NodeId) -> bool {
        node.index() < self.config.quorum.nodes()
    }

    pub(crate) fn has(&self, flaw: PaxosFlaw) -> bool {
        self.config.flaws.contains(flaw)
    }
}
