//! Primary and backups: a log kept by a primary, copied to all others. Whoever hears nothing from the primary takes over.
//!
//! The mistake: the primary answers before the backups have the command. When a backup then takes over, a command
//! that a client was told of is gone. The fix: answer when *all* have it. That is safe whatever the network does (a
//! node that has moved to a new view answers no old one, so an old primary never completes anything again), and it
//! waits while any node is away: to go on without it takes consensus.
//!
//! `cargo run --release -p quarrel --example primary_backup`
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "an example is read as a whole; tests include it as a module"
)]

use quarrel::spec::replicated_log::{Append, Applied, Reply};
use quarrel::{
    After, ClientId, Cluster, Effects, Flaw, Input, NodeId, Nothing, Protocol, RequestId, Scenario, Summary,
    Value,
};

quarrel::message! {
    pub enum Message {
        Copy { view: u64, log: Vec<Value>, applied: u64 } => ("Copy of view {view}, {} commands", log.len()),
        Have { view: u64, length: u64 } => "Have {length} commands of view {view}",
    }
}
quarrel::data! {
    pub enum Record {
        Log { view: u64, log: Vec<Value> } => ("view {view}, {} commands", log.len()),
    }
}
quarrel::timer! { pub enum Timer { Resend => "resend", Silence => "silence" } }
quarrel::event! {
    pub enum Event {
        TookOver { view: u64, length: u64 } => "takes over as primary of view {view}, with a log of length {length}",
        Copied { view: u64, length: u64 } => "has the log of view {view}, of length {length}",
    }
}

const RESEND: After = After::exactly(30_000_000);
const SILENCE: After = After::between(150_000_000, 300_000_000);

/// A node. In view 0, 1, 2, 3 ... the primary is n1, n2, n3, n1 ...
pub struct Node {
    cluster: Cluster,
    id: NodeId,
    view: u64,
    log: Vec<Value>,
    /// How many commands have been applied since the start.
    applied: usize,
    /// As primary: how much of the log each node is known to have on its disk.
    have: Vec<usize>,
    /// As primary: who waits for which length of the log.
    waiting: Vec<(usize, ClientId, RequestId)>,
}

const FLAWS: &[Flaw] = &[quarrel::flaw(
    "answer-early",
    "state-machine-safety",
    "the primary answers before the backups have the command",
)];
quarrel::subject!(Node solves replicated_log, flaws FLAWS);

impl Node {
    fn primary(&self) -> NodeId {
        NodeId((self.view % self.cluster.size() as u64) as u8)
    }

    fn persist(&self, effects: &mut Effects<Self>) {
        effects.persist(Record::Log { view: self.view, log: self.log.clone() });
    }

    fn send_copies(&self, effects: &mut Effects<Self>) {
        for node in self.cluster.others(self.id) {
            let (view, log, applied) = (self.view, self.log.clone(), self.applied as u64);
            effects.send(node, Message::Copy { view, log, applied });
        }
        effects.set_timer(Timer::Resend, RESEND);
    }

    fn on_request(&mut self, client: ClientId, id: RequestId, command: Value, effects: &mut Effects<Self>) {
        if self.primary() != self.id {
            return effects.reply(client, id, Reply::NotLeader { hint: Some(self.primary()) });
        }
        let known = self.log.iter().position(|&logged| logged == command);
        let position = known.unwrap_or(self.log.len());
        self.waiting.push((position + 1, client, id));
        if known.is_none() {
            self.log.push(command);
            self.persist(effects);
            self.send_copies(effects);
        }
        self.answer(effects);
    }

    fn on_copy(
        &mut self,
        from: NodeId,
        view: u64,
        log: Vec<Value>,
        applied: u64,
        effects: &mut Effects<Self>,
    ) {
        if view < self.view || (view == self.view && self.primary() != from) {
            return;
        }
        effects.set_timer(Timer::Silence, SILENCE);
        // Within a view logs only grow, and a shorter one is an old message.
        if view > self.view || log.len() > self.log.len() {
            (self.view, self.log) = (view, log);
            self.waiting.clear();
            self.persist(effects);
            effects.announce(Event::Copied { view, length: self.log.len() as u64 });
        }
        effects.send(from, Message::Have { view, length: self.log.len() as u64 });
        self.apply(applied as usize, effects);
    }

    fn on_have(&mut self, from: NodeId, view: u64, length: u64, effects: &mut Effects<Self>) {
        if view == self.view && self.primary() == self.id {
            let have = &mut self.have[from.index()];
            *have = (*have).max(length as usize);
            self.answer(effects);
        }
    }

    fn on_silence(&mut self, effects: &mut Effects<Self>) {
        if self.primary() != self.id {
            while self.primary() != self.id {
                self.view += 1;
            }
            self.have.fill(0);
            self.persist(effects);
            effects.announce(Event::TookOver { view: self.view, length: self.log.len() as u64 });
            self.send_copies(effects);
        }
        effects.set_timer(Timer::Silence, SILENCE);
    }

    /// As primary: applies what enough nodes have, and answers who waited for it.
    fn answer(&mut self, effects: &mut Effects<Self>) {
        self.have[self.id.index()] = self.log.len();
        let everybody = self.have.iter().copied().min().unwrap_or(0);
        let enough = if self.cluster.has("answer-early") { self.log.len() } else { everybody };
        self.apply(enough, effects);
        for &(length, client, id) in self.waiting.iter().filter(|(length, ..)| *length <= enough) {
            effects.reply(client, id, Reply::Applied { index: length as u64 });
        }
        self.waiting.retain(|(length, ..)| *length > enough);
    }

    fn apply(&mut self, length: usize, effects: &mut Effects<Self>) {
        while self.applied < length.min(self.log.len()) {
            let command = Some(self.log[self.applied]);
            self.applied += 1;
            effects.output(Applied { index: self.applied as u64, command });
        }
    }
}

impl Protocol for Node {
    const NAME: &'static str = "primary-backup";

    type Config = Cluster;
    type Request = Append;
    type Reply = Reply;
    type Output = Applied;
    type Admin = Nothing;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;
    type Event = Event;

    fn recover(cluster: &Cluster, id: NodeId, disk: &[Record], effects: &mut Effects<Self>) -> Self {
        let (view, log) = match disk.last() {
            Some(Record::Log { view, log }) => (*view, log.clone()),
            None => (0, Vec::new()),
        };
        let have = vec![0; cluster.size()];
        let node = Self { cluster: cluster.clone(), id, view, log, applied: 0, have, waiting: Vec::new() };
        effects.set_timer(Timer::Resend, RESEND);
        effects.set_timer(Timer::Silence, SILENCE);
        node
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id, request: Append(command) } => {
                self.on_request(client, id, command, effects)
            }
            Input::Message { from, message: Message::Copy { view, log, applied } } => {
                self.on_copy(from, view, log, applied, effects);
            }
            Input::Message { from, message: Message::Have { view, length } } => {
                self.on_have(from, view, length, effects);
            }
            Input::Timer(Timer::Resend) if self.primary() == self.id => self.send_copies(effects),
            Input::Timer(Timer::Resend) => effects.set_timer(Timer::Resend, RESEND),
            Input::Timer(Timer::Silence) => self.on_silence(effects),
            Input::Admin(nothing) => match nothing {},
        }
    }

    fn assert_invariants(&self) {
        assert!(self.primary() == self.id || self.waiting.is_empty(), "only a primary keeps clients waiting");
    }

    fn summary(&self) -> Summary {
        let role = if self.primary() == self.id { "primary" } else { "backup" };
        Summary { role, facts: vec![("log", self.log.len() as u64), ("waiting", self.waiting.len() as u64)] }
    }
}

/// The world it is put into.
pub fn weather() -> Scenario {
    Scenario::chaos(3).strike_on("took-over")
}

fn main() {
    let early = quarrel::campaign::<Node>(weather()).flaw("answer-early").run();
    println!("Answering before the backups have it: {early}");
    println!("{}", early.story("state-machine-safety").expect("an answer that comes too early is found"));
    println!("Answering when all have it: {}", quarrel::campaign::<Node>(weather()).run());
}
