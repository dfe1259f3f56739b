//! The node: the contract, and who plays which part.

use quarrel_protocol::{ClientId, Effects, Input, NodeId, Nothing, Protocol, RequestId, Summary, Wait};
use quarrel_spec::atomic_commit::{Decision, Output, Reply, Transaction, TransactionId};

use crate::coordinator::Coordinator;
use crate::event::{Event, Happening, Why};
use crate::participant::Participant;
use crate::resolver::Resolver;
use crate::{Config, Message, Record, Timer};

/// A node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TwoPhaseCommit {
    pub(crate) part: Part,
}

/// What a node does; its place among the nodes says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// n1.
    Coordinator(Coordinator),
    /// The nodes after it.
    Participant(Participant),
    /// The last node, if there is one.
    Resolver(Resolver),
}

/// A node's place in the cluster: what all parts know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Site {
    pub(crate) config: Config,
    pub(crate) id: NodeId,
}

impl Protocol for TwoPhaseCommit {
    const NAME: &'static str = "2pc";

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
        assert!(id.0 < config.nodes(), "{id} is a member");
        let site = Site { config: config.clone(), id };
        let part = if id == Config::COORDINATOR {
            Part::Coordinator(Coordinator::recover(site, disk, effects))
        } else if Some(id) == config.resolver_node() {
            Part::Resolver(Resolver::new(site))
        } else {
            Part::Participant(Participant::recover(site, disk, effects))
        };
        Self { part }
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id, request, .. } => self.on_request(client, id, request, effects),
            Input::Admin(nothing) => match nothing {},
            Input::Message { from, message } => self.on_message(from, message, effects),
            Input::Timer(timer) => self.on_timer(timer, effects),
        }
    }

    fn assert_invariants(&self) {
        match &self.part {
            Part::Coordinator(coordinator) => coordinator.assert_invariants(),
            Part::Participant(participant) => participant.assert_invariants(),
            Part::Resolver(resolver) => resolver.assert_invariants(),
        }
    }

    fn summary(&self) -> Summary {
        match &self.part {
            Part::Coordinator(coordinator) => coordinator.summary(),
            Part::Participant(participant) => participant.summary(),
            Part::Resolver(resolver) => resolver.summary(),
        }
    }

    fn waits(&self) -> Vec<Wait> {
        match &self.part {
            Part::Coordinator(coordinator) => coordinator.waits(),
            Part::Participant(participant) => participant.waits(),
            Part::Resolver(resolver) => resolver.waits(),
        }
    }
}

impl TwoPhaseCommit {
    /// What this node is as a participant, if it is one.
    #[must_use]
    pub const fn participant(&self) -> Option<&Participant> {
        match &self.part {
            Part::Participant(participant) => Some(participant),
            Part::Coordinator(_) | Part::Resolver(_) => None,
        }
    }

    fn on_request(
        &mut self,
        client: ClientId,
        id: RequestId,
        request: Transaction,
        effects: &mut Effects<Self>,
    ) {
        match &mut self.part {
            Part::Coordinator(coordinator) => coordinator.on_request(client, id, request, effects),
            Part::Participant(_) | Part::Resolver(_) => {
                effects.reply(client, id, Reply::Elsewhere(Config::COORDINATOR));
            }
        }
    }

    /// Hands a message to the part it is for, if that part expects it from there; drops it otherwise.
    fn on_message(&mut self, from: NodeId, message: Message, effects: &mut Effects<Self>) {
        match &mut self.part {
            Part::Coordinator(coordinator) if coordinator.site.is_participant(from) => match message {
                Message::Vote(cast) => coordinator.on_vote(from, cast, effects),
                Message::Acknowledge(transaction) => coordinator.on_acknowledge(from, transaction, effects),
                Message::Inquire(transaction) => coordinator.on_inquire(from, transaction, effects),
                Message::VoteRequest(_)
                | Message::Decide(_)
                | Message::Orphan(_)
                | Message::Check(_)
                | Message::Status(_) => {}
            },
            Part::Participant(participant) if participant.site.is_member(from) => match message {
                Message::VoteRequest(request) => participant.on_vote_request(from, request, effects),
                Message::Decide(decide) => participant.on_decide(from, decide, effects),
                Message::Inquire(transaction) => participant.on_inquire(from, transaction, effects),
                Message::Check(transaction) => participant.on_check(from, transaction, effects),
                Message::Vote(_) | Message::Acknowledge(_) | Message::Orphan(_) | Message::Status(_) => {}
            },
            Part::Resolver(resolver) if resolver.site.is_participant(from) => match message {
                Message::Orphan(orphan) => resolver.on_orphan(from, orphan, effects),
                Message::Status(status) => resolver.on_status(from, status, effects),
                Message::VoteRequest(_)
                | Message::Vote(_)
                | Message::Decide(_)
                | Message::Acknowledge(_)
                | Message::Inquire(_)
                | Message::Check(_) => {}
            },
            Part::Coordinator(_) | Part::Participant(_) | Part::Resolver(_) => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, effects: &mut Effects<Self>) {
        match (&mut self.part, timer) {
            (Part::Coordinator(part), Timer::Votes(transaction)) => part.on_votes_timer(transaction, effects),
            (Part::Coordinator(part), Timer::Retry(transaction)) => part.on_retry_timer(transaction, effects),
            (Part::Participant(part), Timer::Inquiry(transaction)) => {
                part.on_inquiry_timer(transaction, effects);
            }
            (Part::Participant(part), Timer::Orphan(transaction)) => {
                part.on_orphan_timer(transaction, effects);
            }
            (Part::Resolver(part), Timer::Check(transaction)) => part.on_check_timer(transaction, effects),
            // Nobody sets another part's timers.
            (Part::Coordinator(_) | Part::Participant(_) | Part::Resolver(_), _) => {}
        }
    }
}

impl Site {
    pub(crate) fn is_participant(&self, node: NodeId) -> bool {
        (1..=self.config.participants).contains(&node.0)
    }

    pub(crate) fn is_member(&self, node: NodeId) -> bool {
        node.0 < self.config.nodes() && node != self.id
    }

    pub(crate) fn is_resolver(&self, node: NodeId) -> bool {
        self.config.resolver_node() == Some(node)
    }
}

/// Tells observers.
pub(crate) fn announce(transaction: TransactionId, what: Happening, effects: &mut Effects<TwoPhaseCommit>) {
    effects.announce(Event { transaction, what });
}

/// States a decision, to observers and as a result.
pub(crate) fn state(
    transaction: TransactionId,
    decision: Decision,
    why: Why,
    effects: &mut Effects<TwoPhaseCommit>,
) {
    let what = match decision {
        Decision::Commit => Happening::Committed(why),
        Decision::Abort => Happening::Aborted(why),
    };
    announce(transaction, what, effects);
    effects.output(Output::Decided { transaction, decision });
}
