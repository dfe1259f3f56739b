//! The Paxos that circulates in tutorials, and the two lines that it gets wrong. The first is found at once: two
//! clients and no fault will do. Without the second, a late message must undo what was chosen: one run in ten thousand.
//!
//! With both lines it is safe, and that is all: proposers outbid each other for ever, and nobody tells the others what
//! was chosen. `Scenario::must_come_back` shows it.
//!
//! `cargo run --release -p quarrel --example tutorial_acceptor`
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "an example is read as a whole; tests include it as a module"
)]

use quarrel::spec::consensus::{Decided, Propose};
use quarrel::{
    ClientId, Cluster, Effects, Flaw, Input, NodeId, NodeSet, Nothing, Protocol, RequestId, Scenario,
    Summary, Value,
};

quarrel::data! {
    #[derive(Copy, PartialOrd, Ord)]
    pub struct Ballot { round: u64, node: NodeId } => "{round}.{node}"
}
quarrel::data! {
    #[derive(Copy, PartialOrd, Ord)]
    pub struct Proposal { ballot: Ballot, value: Value } => "{value} in ballot {ballot}"
}
quarrel::message! {
    pub enum Message {
        Prepare { ballot: Ballot } => "Prepare {ballot}",
        Promise { ballot: Ballot, accepted: Option<Proposal> } => "Promise {ballot}",
        Accept { proposal: Proposal } => "Accept {proposal}",
        Accepted { ballot: Ballot } => "Accepted {ballot}",
    }
}
quarrel::data! {
    pub enum Record {
        Promised { ballot: Ballot } => "promised {ballot}",
        Accepted { proposal: Proposal } => "accepted {proposal}",
    }
}
quarrel::event! {
    pub enum Event {
        Promised { round: u64, proposer: NodeId } => "promises ballot {round}.{proposer}",
        Accepted { value: Value, round: u64, proposer: NodeId } => "accepts {value} in ballot {round}.{proposer}",
        Chosen { value: Value } => "counts a majority: {value} is chosen",
    }
}
quarrel::timer! { pub enum Timer {} }

/// Proposer and acceptor in one. Clients ask again on silence, so that there is no timer.
pub struct Node {
    cluster: Cluster,
    id: NodeId,
    promised: Option<Ballot>,
    accepted: Option<Proposal>,
    attempt: Option<Attempt>,
}

/// What a proposer is doing: for whom, in which ballot, and who has answered.
struct Attempt {
    ballot: Ballot,
    value: Value,
    client: (ClientId, RequestId),
    highest: Option<Proposal>,
    promises: NodeSet,
    acceptances: NodeSet,
}

const FLAWS: &[Flaw] = &[
    quarrel::flaw(
        "own-value",
        "agreement",
        "the proposer proposes its own value, whatever the promises carry",
    ),
    quarrel::flaw("promise-not-raised", "agreement", "accepting a proposal does not promise its ballot"),
];
quarrel::subject!(Node solves consensus, flaws FLAWS);

impl Node {
    /// What a record means: for a write and for a recovery.
    fn apply(&mut self, record: &Record) {
        match *record {
            Record::Promised { ballot } => self.promised = Some(ballot),
            Record::Accepted { proposal } => {
                self.accepted = Some(proposal);
                if !self.cluster.has("promise-not-raised") {
                    self.promised = Some(proposal.ballot); // The line that is missing.
                }
            }
        }
    }

    fn write(&mut self, record: Record, effects: &mut Effects<Self>) {
        self.apply(&record);
        effects.persist(record);
    }

    fn on_request(&mut self, client: (ClientId, RequestId), value: Value, effects: &mut Effects<Self>) {
        let round = self.promised.map_or(1, |promised| promised.round + 1);
        let ballot = Ballot { round, node: self.id };
        let (promises, acceptances) = (NodeSet::EMPTY, NodeSet::EMPTY);
        self.attempt = Some(Attempt { ballot, value, client, highest: None, promises, acceptances });
        self.on_prepare(self.id, ballot, effects);
        for node in self.cluster.others(self.id) {
            effects.send(node, Message::Prepare { ballot });
        }
    }

    fn on_prepare(&mut self, from: NodeId, ballot: Ballot, effects: &mut Effects<Self>) {
        if Some(ballot) > self.promised {
            self.write(Record::Promised { ballot }, effects);
            effects.announce(Event::Promised { round: ballot.round, proposer: ballot.node });
            effects.send(from, Message::Promise { ballot, accepted: self.accepted });
        }
    }

    fn on_promise(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        accepted: Option<Proposal>,
        effects: &mut Effects<Self>,
    ) {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.ballot == ballot) else { return };
        attempt.highest = attempt.highest.max(accepted);
        if attempt.promises.insert(from) && attempt.promises.len() == self.cluster.majority() {
            if let Some(Proposal { value, .. }) = attempt.highest
                && !self.cluster.has("own-value")
            {
                attempt.value = value; // The other one.
            }
            let proposal = Proposal { ballot, value: attempt.value };
            for node in self.cluster.nodes() {
                effects.send(node, Message::Accept { proposal });
            }
        }
    }

    fn on_accept(&mut self, from: NodeId, proposal: Proposal, effects: &mut Effects<Self>) {
        let Proposal { ballot: ballot @ Ballot { round, node: proposer }, value } = proposal;
        if Some(ballot) >= self.promised {
            self.write(Record::Accepted { proposal }, effects);
            effects.announce(Event::Accepted { value, round, proposer });
            effects.send(from, Message::Accepted { ballot });
        }
    }

    fn on_accepted(&mut self, from: NodeId, ballot: Ballot, effects: &mut Effects<Self>) {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.ballot == ballot) else { return };
        if attempt.acceptances.insert(from) && attempt.acceptances.len() == self.cluster.majority() {
            let (value, (client, id)) = (attempt.value, attempt.client);
            effects.announce(Event::Chosen { value });
            effects.output(Decided(value));
            effects.reply(client, id, Decided(value));
        }
    }
}

impl Protocol for Node {
    const NAME: &'static str = "tutorial-paxos";

    type Config = Cluster;
    type Request = Propose;
    type Reply = Decided;
    type Output = Decided;
    type Admin = Nothing;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;
    type Event = Event;

    fn recover(cluster: &Cluster, id: NodeId, disk: &[Record], _: &mut Effects<Self>) -> Self {
        let mut node = Self { cluster: cluster.clone(), id, promised: None, accepted: None, attempt: None };
        disk.iter().for_each(|record| node.apply(record));
        node
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id, request: Propose(value), .. } => {
                self.on_request((client, id), value, effects)
            }
            Input::Message { from, message } => match message {
                Message::Prepare { ballot } => self.on_prepare(from, ballot, effects),
                Message::Promise { ballot, accepted } => self.on_promise(from, ballot, accepted, effects),
                Message::Accept { proposal } => self.on_accept(from, proposal, effects),
                Message::Accepted { ballot } => self.on_accepted(from, ballot, effects),
            },
            Input::Admin(nothing) => match nothing {},
            Input::Timer(timer) => match timer {},
        }
    }

    fn assert_invariants(&self) {
        let attempt = self.attempt.as_ref();
        assert!(
            attempt.is_none_or(|attempt| Some(attempt.ballot) <= self.promised),
            "a proposer promises itself"
        );
    }

    fn summary(&self) -> Summary {
        Summary { role: "node", facts: vec![("accepted", u64::from(self.accepted.is_some()))] }
    }
}

/// The world it is put into.
pub fn weather() -> Scenario {
    Scenario::chaos(3)
}

fn main() {
    let tutorial = quarrel::campaign::<Node>(weather()).flaw("own-value").flaw("promise-not-raised").run();
    println!("As in the tutorials: {tutorial}");
    println!("{}", tutorial.story("agreement").expect("the tutorials are wrong"));
    println!("With both lines: {}", quarrel::campaign::<Node>(weather()).run());
}
