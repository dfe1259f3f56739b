//! Chain replication: updates enter at the head, pass from server to server, and are answered by the tail, which has
//! them last; queries are answered by the tail alone. Van Renesse and Schneider, *Chain Replication for Supporting High
//! Throughput and Availability* (2004).
//!
//! The paper has a master that knows who has failed, and servers that stop when they fail. Neither is to be had where
//! messages are late and networks split. Here the master is one node, n1, that remembers the chain on its disk and
//! leaves out of it whoever it has not heard from; chains have numbers, and no server takes an update from a lower one.
//! What is left out: a master that is replicated itself, and servers that join the chain again. So with time the chain
//! only gets shorter, and when n1 is away nobody is left out and no query is answered.
//!
//! The mistake is to keep the paper's tail without its assumption: a tail that was left out, and does not know yet, goes
//! on answering queries, from a state that the others have left behind. The fix: before it answers, a tail asks the
//! master whether its chain still is the chain.
//!
//! `cargo run --release -p quarrel --example chain_replication`
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "an example is read as a whole; tests include it as a module"
)]

use std::collections::BTreeMap;

use quarrel::spec::machine::Machine;
use quarrel::spec::object::{Call, Done, Reply};
use quarrel::{
    After, ClientId, Cluster, Effects, Flaw, Input, NodeId, NodeSet, Nothing, Protocol, RequestId, Scenario,
    Summary,
};

quarrel::data! {
    /// An update, and who is to be answered.
    #[derive(Copy)]
    pub struct Update { client: ClientId, op: RequestId, call: Call } => "{op}: {call}"
}
quarrel::data! {
    /// The servers in the order of the nodes, the head first; of two chains the higher number is the later one.
    #[derive(Copy)]
    pub struct Chain { number: u64, servers: NodeSet } => "chain {number} of {servers}"
}
quarrel::message! {
    pub enum Message {
        Ping { chain: Chain } => "Ping, {chain}",
        Alive => "Alive",
        Pass { chain: Chain, log: Vec<Update> } => ("Pass {} updates, {chain}", log.len()),
        IsIt { number: u64, op: RequestId } => "Is {number} the chain? ({op})",
        ItIs { op: RequestId } => "It is ({op})",
    }
}
quarrel::data! {
    pub enum Record {
        Chain { chain: Chain } => "{chain}",
        Log { log: Vec<Update> } => ("{} updates", log.len()),
    }
}
quarrel::timer! { pub enum Timer { Resend => "resend", Suspect => "suspect" } }
quarrel::event! {
    pub enum Event {
        LeftOut { number: u64 } => "leaves out who is silent: chain {number}",
        Tail { number: u64 } => "learns that it is the tail of chain {number}",
        Done { length: u64 } => "is the tail and has {length} updates",
    }
}

const MASTER: NodeId = NodeId(0);
const RESEND: After = After::exactly(30_000_000);
const SUSPECT: After = After::between(200_000_000, 400_000_000);

/// The master, n1, or a server.
pub struct Node {
    cluster: Cluster,
    id: NodeId,
    chain: Chain,
    log: Vec<Update>,
    /// As tail: the state, and how many updates have led to it.
    machine: Machine,
    applied: usize,
    /// As tail: the queries that wait for the master's word.
    queries: BTreeMap<RequestId, (ClientId, Call)>,
    /// As master: who has been heard from lately.
    heard: NodeSet,
}

const FLAWS: &[Flaw] = &[quarrel::flaw(
    "trust-the-tail",
    "linearizability",
    "who believes to be the tail answers queries, although it may have been left out",
)];
quarrel::subject!(Node solves object, flaws FLAWS);

impl Node {
    fn is_tail(&self) -> bool {
        self.chain.servers.iter().last() == Some(self.id)
    }

    fn on_request(&mut self, client: ClientId, op: RequestId, call: Call, effects: &mut Effects<Self>) {
        let servers = self.chain.servers;
        let asked = if call.is_read() { servers.iter().last() } else { servers.iter().next() };
        if asked != Some(self.id) {
            return effects.reply(client, op, Reply::Elsewhere(asked));
        }
        if !call.is_read() {
            self.log.push(Update { client, op, call });
            effects.persist(Record::Log { log: self.log.clone() });
            return self.pass_on(effects);
        }
        self.queries.insert(op, (client, call));
        if self.cluster.has("trust-the-tail") {
            return self.answer(op, effects);
        }
        effects.send(MASTER, Message::IsIt { number: self.chain.number, op });
    }

    /// Passes everything on, or answers it. A successor that missed something has it with the next.
    fn pass_on(&mut self, effects: &mut Effects<Self>) {
        let next = self.chain.servers.iter().find(|&server| server > self.id);
        if let Some(next) = next.filter(|_| self.chain.servers.contains(self.id)) {
            effects.send(next, Message::Pass { chain: self.chain, log: self.log.clone() });
        }
        self.apply(effects);
    }

    /// As tail: answers what it has not answered since it started.
    fn apply(&mut self, effects: &mut Effects<Self>) {
        if !self.is_tail() || self.applied == self.log.len() {
            return;
        }
        for (position, Update { client, op, call }) in (1..).zip(&self.log).skip(self.applied) {
            effects.output(Done { position, op: *op });
            effects.reply(*client, *op, Reply::Done(self.machine.apply(call)));
        }
        self.applied = self.log.len();
        effects.announce(Event::Done { length: self.applied as u64 });
    }

    fn answer(&mut self, op: RequestId, effects: &mut Effects<Self>) {
        let Some((client, call)) = self.queries.remove(&op) else { return };
        self.apply(effects);
        let reply = match self.machine.peek(&call) {
            Some(outcome) if self.is_tail() => {
                effects.output(Done { position: self.applied as u64, op });
                Reply::Done(outcome)
            }
            _ => Reply::Elsewhere(self.chain.servers.iter().last()),
        };
        effects.reply(client, op, reply);
    }

    /// A later chain counts at once. Whoever comes to be the tail has all that any tail before it has answered.
    fn learn(&mut self, chain: Chain, effects: &mut Effects<Self>) {
        if chain.number <= self.chain.number {
            return;
        }
        let was_tail = std::mem::replace(&mut self.chain, chain).servers.iter().last() == Some(self.id);
        effects.persist(Record::Chain { chain });
        if self.is_tail() && !was_tail {
            effects.announce(Event::Tail { number: chain.number });
        }
        self.pass_on(effects);
    }

    fn on_pass(&mut self, chain: Chain, log: Vec<Update>, effects: &mut Effects<Self>) {
        self.learn(chain, effects);
        // Within a chain logs only grow, and a shorter one is an old message.
        if chain.number == self.chain.number && log.len() > self.log.len() {
            self.log = log;
            effects.persist(Record::Log { log: self.log.clone() });
            self.pass_on(effects);
        }
    }

    /// As master: leaves out who is silent, if anybody is left.
    fn on_suspect(&mut self, effects: &mut Effects<Self>) {
        let servers: NodeSet =
            self.chain.servers.iter().filter(|&server| self.heard.contains(server)).collect();
        if servers != self.chain.servers && !servers.is_empty() {
            self.chain = Chain { number: self.chain.number + 1, servers };
            effects.persist(Record::Chain { chain: self.chain });
            effects.announce(Event::LeftOut { number: self.chain.number });
        }
        self.heard = NodeSet::EMPTY;
        effects.set_timer(Timer::Suspect, SUSPECT);
    }

    fn on_resend(&mut self, effects: &mut Effects<Self>) {
        effects.set_timer(Timer::Resend, RESEND);
        if self.id == MASTER {
            let chain = self.chain;
            for server in self.cluster.others(MASTER) {
                effects.send(server, Message::Ping { chain });
            }
            return;
        }
        self.pass_on(effects);
        for &op in self.queries.keys() {
            effects.send(MASTER, Message::IsIt { number: self.chain.number, op });
        }
    }
}

impl Protocol for Node {
    const NAME: &'static str = "chain-replication";

    type Config = Cluster;
    type Request = Call;
    type Reply = Reply;
    type Output = Done;
    type Admin = Nothing;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;
    type Event = Event;

    fn recover(cluster: &Cluster, id: NodeId, disk: &[Record], effects: &mut Effects<Self>) -> Self {
        let servers = cluster.others(MASTER).collect();
        let (mut chain, mut log) = (Chain { number: 1, servers }, Vec::new());
        for record in disk {
            match record {
                Record::Chain { chain: last } => chain = *last,
                Record::Log { log: last } => log.clone_from(last),
            }
        }
        effects.set_timer(Timer::Resend, RESEND);
        if id == MASTER {
            effects.set_timer(Timer::Suspect, SUSPECT);
        }
        let machine = Machine::new(cluster.machine());
        let (queries, heard) = (BTreeMap::new(), servers);
        Self { cluster: cluster.clone(), id, chain, log, machine, applied: 0, queries, heard }
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id: op, request: call, .. } => {
                self.on_request(client, op, call, effects)
            }
            Input::Message { from, message } => match message {
                Message::Ping { chain } => {
                    self.learn(chain, effects);
                    effects.send(MASTER, Message::Alive);
                }
                Message::Alive => {
                    self.heard.insert(from);
                }
                Message::Pass { chain, log } => self.on_pass(chain, log, effects),
                Message::IsIt { number, op } if number == self.chain.number => {
                    effects.send(from, Message::ItIs { op });
                }
                Message::IsIt { .. } => {}
                Message::ItIs { op } => self.answer(op, effects),
            },
            Input::Timer(Timer::Resend) => self.on_resend(effects),
            Input::Timer(Timer::Suspect) => self.on_suspect(effects),
            Input::Admin(nothing) => match nothing {},
        }
    }

    fn assert_invariants(&self) {
        assert!(!self.chain.servers.contains(MASTER), "the master is no server");
        assert!(self.applied <= self.log.len(), "what was applied stands in the log");
    }

    fn summary(&self) -> Summary {
        let role = match self.id {
            MASTER => "master",
            _ if self.is_tail() => "tail",
            _ => "server",
        };
        let facts = vec![("servers", self.chain.servers.len() as u64), ("log", self.log.len() as u64)];
        Summary { role, facts }
    }
}

/// The world it is put into: a master and three servers, and clients with many questions. When the faults are over, who is left must come back.
pub fn weather() -> Scenario {
    Scenario::chaos(4).set("workload.reads", "[0.3, 0.6]").must_come_back()
}

fn main() {
    let campaign = quarrel::campaign::<Node>;
    let trusting = campaign(weather()).flaw("trust-the-tail").run();
    println!("A tail that trusts itself: {trusting}");
    println!("{}", trusting.story("linearizability").expect("somebody reads what is out of date"));
    println!("A tail that asks: {}", campaign(weather()).run());
}
