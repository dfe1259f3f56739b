//! Primary and backups: a log kept by a primary, copied to all others. Whoever hears nothing from the primary takes over.
//!
//! The mistake: the primary answers before the backups have the command. When a backup then takes over, a command
//! that a client was told of is gone. The fix: answer when *all* have it. That is safe whatever the network does (a
//! node that has moved to a new view answers no old one, so an old primary never completes anything again), and it
//! waits while any node is away: to go on without it takes consensus. So it promises to live with nothing, and
//! `subject!` without `lives_with` says just that.
//!
//! `cargo run --release -p quarrel --example primary_backup`
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "an example is read as a whole; tests include it as a module"
)]

use quarrel::spec::replicated_log::{Applied, Call, Output, Reply};
use quarrel::spec::session::{Command, Memory, Receipt, Replica, Session};
use quarrel::{
    After, Cluster, Effects, Flaw, Input, NodeId, NodeSet, Nothing, Protocol, Scenario, Summary, Wait,
};

quarrel::message! {
    pub enum Message {
        Copy { view: u64, log: Vec<Command>, applied: u64 } => ("Copy of view {view}, {} commands", log.len()),
        Have { view: u64, length: u64 } => "Have {length} commands of view {view}",
    }
}
quarrel::data! {
    pub enum Record {
        Log { view: u64, log: Vec<Command> } => ("view {view}, {} commands", log.len()),
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
    log: Vec<Command>,
    /// How many commands have been applied since the start, and what came of them.
    applied: usize,
    replica: Replica,
    /// As primary: how much of the log each node is known to have on its disk.
    have: Vec<usize>,
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

    fn is_primary(&self) -> bool {
        self.primary() == self.id
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

    fn on_request(&mut self, session: Session, call: Call, effects: &mut Effects<Self>) {
        let Session { client, serial, .. } = session;
        if !self.is_primary() {
            return effects.reply(client, serial, Reply::NotLeader { hint: Some(self.primary()) });
        }
        if let Some(Receipt { index, outcome }) = self.replica.applied(client, serial).cloned() {
            effects.reply(client, serial, Reply::Applied { index, outcome });
        } else if self.log.iter().all(|logged| logged.session.serial != serial) {
            self.log.push(Command { session, call });
            self.persist(effects);
            self.send_copies(effects);
            self.commit(effects);
        }
    }

    fn on_copy(&mut self, from: NodeId, view: u64, log: Vec<Command>, effects: &mut Effects<Self>) {
        effects.set_timer(Timer::Silence, SILENCE);
        // Within a view logs only grow, and a shorter one is an old message.
        if view > self.view || log.len() > self.log.len() {
            (self.view, self.log) = (view, log);
            self.persist(effects);
            effects.announce(Event::Copied { view, length: self.log.len() as u64 });
        }
        effects.send(from, Message::Have { view, length: self.log.len() as u64 });
    }

    fn on_silence(&mut self, effects: &mut Effects<Self>) {
        effects.set_timer(Timer::Silence, SILENCE);
        if self.is_primary() {
            return;
        }
        while !self.is_primary() {
            self.view += 1;
        }
        self.have.fill(0);
        self.persist(effects);
        effects.announce(Event::TookOver { view: self.view, length: self.log.len() as u64 });
        self.send_copies(effects);
    }

    /// As primary: applies what enough nodes have.
    fn commit(&mut self, effects: &mut Effects<Self>) {
        self.have[self.id.index()] = self.log.len();
        let everybody = self.have.iter().copied().min().unwrap_or(0);
        self.apply(if self.cluster.has("answer-early") { self.log.len() } else { everybody }, effects);
    }

    fn apply(&mut self, length: usize, effects: &mut Effects<Self>) {
        while self.applied < length.min(self.log.len()) {
            let command = self.log[self.applied];
            self.applied += 1;
            effects.output(Applied { index: self.applied as u64, command: Some(command) }.into());
            let receipt = self.replica.apply(self.applied as u64, &command);
            if let Some(Receipt { index, outcome }) = receipt.filter(|_| self.is_primary()) {
                let Session { client, serial, .. } = command.session;
                effects.reply(client, serial, Reply::Applied { index, outcome });
            }
        }
    }
}

impl Protocol for Node {
    const NAME: &'static str = "primary-backup";

    type Config = Cluster;
    type Request = Call;
    type Reply = Reply;
    type Output = Output;
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
        effects.set_timer(Timer::Resend, RESEND);
        effects.set_timer(Timer::Silence, SILENCE);
        let replica = Replica::new(cluster.machine(), Memory::Kept);
        Self { cluster: cluster.clone(), id, view, log, applied: 0, replica, have: vec![0; cluster.size()] }
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id, oldest, request } => {
                self.on_request(Session { client, serial: id, oldest }, request, effects);
            }
            Input::Message { from, message: Message::Copy { view, log, applied } } => {
                if view > self.view || (view == self.view && self.primary() == from) {
                    self.on_copy(from, view, log, effects);
                    self.apply(applied as usize, effects);
                }
            }
            Input::Message { from, message: Message::Have { view, length } } => {
                if view == self.view && self.is_primary() {
                    let have = &mut self.have[from.index()];
                    *have = (*have).max(length as usize);
                    self.commit(effects);
                }
            }
            Input::Timer(Timer::Resend) if self.is_primary() => self.send_copies(effects),
            Input::Timer(Timer::Resend) => effects.set_timer(Timer::Resend, RESEND),
            Input::Timer(Timer::Silence) => self.on_silence(effects),
            Input::Admin(nothing) => match nothing {},
        }
    }

    fn assert_invariants(&self) {
        assert_eq!(self.have.len(), self.cluster.size(), "a primary counts with every node");
    }

    fn summary(&self) -> Summary {
        let role = if self.is_primary() { "primary" } else { "backup" };
        Summary { role, facts: vec![("log", self.log.len() as u64), ("applied", self.applied as u64)] }
    }

    fn waits(&self) -> Vec<Wait> {
        if !self.is_primary() {
            let what = format!("news of view {}", self.view);
            return vec![Wait { on: NodeSet::only(self.primary()), what }];
        }
        let lacks = |node: &NodeId| self.have[node.index()] < self.log.len();
        let on: NodeSet = self.cluster.others(self.id).filter(lacks).collect();
        let wait = Wait { on, what: format!("the receipt of its log, of length {}", self.log.len()) };
        if on.is_empty() { Vec::new() } else { vec![wait] }
    }
}

/// The world it is put into. When the faults are over, it must come back.
pub fn weather() -> Scenario {
    Scenario::chaos(3).strike_on("took-over").must_come_back()
}

/// The same as a key-value store: clients get, put and append texts by key.
pub fn store() -> Scenario {
    weather().machine("kv")
}

/// What it cannot do: go on while a backup stays away.
pub fn a_backup_is_gone() -> Scenario {
    let gone = Scenario::chaos(3).named("a-backup-is-gone").must_come_back();
    gone.set("liveness.core", r#"["n1", "n2"]"#).set("liveness.stay", r#"["crashed"]"#)
}

fn main() {
    let campaign = quarrel::campaign::<Node>;
    let early = campaign(weather()).flaw("answer-early").seeds(0..200).only_clients_judge().run();
    println!("Answering before the backups have it, as clients see it: {early}");
    println!("{}", early.story("linearizability").expect("an answer that comes too early is found"));
    println!("Answering when all have it: {}", campaign(weather()).run());
    println!("The same as a key-value store: {}", campaign(store()).seeds(0..500).run());
    let stuck = campaign(a_backup_is_gone()).seeds(0..20).run();
    println!("If n3 never comes back: {stuck}");
    println!("{}", stuck.story("liveness").expect("who waits for all waits for the dead"));
}
