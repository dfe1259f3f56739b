//! A lock service with leases. n1 grants a lock, for a while and with a number, a *token*; n2 keeps the state that the
//! lock is for; all others are workers: for a client a worker takes the lock, fetches the state, changes it, stores it
//! and gives the lock back. A lease ends by itself, so that a worker that dies does not stop the others.
//!
//! The mistake: to believe that who holds a lease is alone. By the time that its message arrives the lease may be over,
//! and another worker at work. The fix is the *fencing token* of Kleppmann, *How to do distributed locking* (2016): the
//! store takes nothing from a lower token than the highest that it has seen. There is a second mistake behind the first:
//! to raise the fence when something is stored and not when it is fetched. What an old worker stores after a new one has
//! fetched is then accepted, acknowledged, and overwritten.
//!
//! The store also remembers whose work it took, so that a worker that asks again gets the answer it missed.
//!
//! `cargo run --release -p quarrel --example lock_service`
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "an example is read as a whole; tests include it as a module"
)]

use quarrel::spec::machine::{Machine, Outcome};
use quarrel::spec::object::{Call, Done, Reply};
use quarrel::{
    After, ClientId, Cluster, Effects, Flaw, Input, NodeId, Nothing, Protocol, RequestId, Scenario, Summary,
    Wait,
};

quarrel::data! {
    /// A piece of work, and who is to be answered.
    #[derive(Copy)]
    pub struct Task { client: ClientId, op: RequestId, call: Call } => "{op}: {call}"
}
quarrel::message! {
    pub enum Message {
        Acquire => "Acquire",
        Granted { token: u64 } => "Granted, token {token}",
        Release { token: u64 } => "Release {token}",
        Fetch { token: u64 } => "Fetch, token {token}",
        Fetched { token: u64, done: Vec<Task> } => ("Fetched {} tasks, token {token}", done.len()),
        Store { token: u64, done: Vec<Task> } => ("Store {} tasks, token {token}", done.len()),
        Stored { token: u64 } => "Stored, token {token}",
        Fenced { token: u64 } => "Fenced, token {token}",
    }
}
quarrel::data! {
    pub enum Record {
        Granted { token: u64 } => "granted {token}",
        Fence { token: u64 } => "fence {token}",
        State { token: u64, done: Vec<Task> } => ("{} tasks, by token {token}", done.len()),
    }
}
quarrel::timer! { pub enum Timer { Lease => "lease", Resend => "resend" } }
quarrel::event! {
    pub enum Event {
        Granted { to: NodeId, token: u64 } => "grants the lock to {to}, token {token}",
        Lapsed { token: u64 } => "takes the lock back: the lease of token {token} is over",
        Stored { token: u64, tasks: u64 } => "stores the state after {tasks} tasks, by token {token}",
        Fenced { token: u64 } => "takes nothing from token {token} any more",
    }
}

const LOCK: NodeId = NodeId(0);
const STORE: NodeId = NodeId(1);
const LEASE: After = After::exactly(60_000_000);
const RESEND: After = After::between(20_000_000, 40_000_000);

/// The lock service, n1, the store, n2, or a worker: each uses its own part of this.
pub struct Node {
    cluster: Cluster,
    id: NodeId,
    /// As lock service: the last token, and who holds the lock. As worker: the last token that it has used.
    token: u64,
    holder: Option<NodeId>,
    /// As store: the state, as the tasks that led to it; the highest token seen; whose work was taken.
    done: Vec<Task>,
    fence: u64,
    taken: Vec<u64>,
    /// As worker: what is to be done, in the order in which it came, and how far the first of it is.
    tasks: Vec<Task>,
    stage: Stage,
}

/// How far a worker is with its first task.
enum Stage {
    Waits,
    Fetches { token: u64 },
    Stores { token: u64, done: Vec<Task>, outcome: Outcome },
}

const FLAWS: &[Flaw] = &[
    quarrel::flaw("no-fence", "linearizability", "the store takes what comes, however old its token"),
    quarrel::flaw("fence-stores-only", "linearizability", "fetching with a token does not raise the fence"),
];
quarrel::subject!(Node solves object, flaws FLAWS);

impl Node {
    /// As worker: asks again for whatever the first task lacks.
    fn drive(&self, effects: &mut Effects<Self>) {
        match &self.stage {
            _ if self.tasks.is_empty() => return,
            Stage::Waits => effects.send(LOCK, Message::Acquire),
            Stage::Fetches { token } => effects.send(STORE, Message::Fetch { token: *token }),
            Stage::Stores { token, done, .. } => {
                effects.send(STORE, Message::Store { token: *token, done: done.clone() })
            }
        };
        effects.set_timer(Timer::Resend, RESEND);
    }

    /// As worker: goes on to this stage.
    fn go_on(&mut self, stage: Stage, effects: &mut Effects<Self>) {
        self.stage = stage;
        self.drive(effects);
    }

    fn on_acquire(&mut self, from: NodeId, effects: &mut Effects<Self>) {
        if self.holder.is_none() {
            (self.token, self.holder) = (self.token + 1, Some(from));
            effects.persist(Record::Granted { token: self.token });
            effects.announce(Event::Granted { to: from, token: self.token });
            effects.set_timer(Timer::Lease, LEASE);
        }
        if self.holder == Some(from) {
            effects.send(from, Message::Granted { token: self.token });
        }
    }

    /// A token is used once, whatever comes twice or is left from before a crash.
    fn on_granted(&mut self, token: u64, effects: &mut Effects<Self>) {
        if matches!(self.stage, Stage::Waits) && token > self.token && !self.tasks.is_empty() {
            self.token = token;
            effects.persist(Record::Granted { token });
            self.go_on(Stage::Fetches { token }, effects);
        }
    }

    fn on_release(&mut self, token: u64, effects: &mut Effects<Self>) {
        if token == self.token {
            self.holder = None;
            effects.cancel_timer(Timer::Lease);
        }
    }

    fn on_fetch(&mut self, from: NodeId, token: u64, effects: &mut Effects<Self>) {
        if token > self.fence && !self.cluster.has("fence-stores-only") {
            self.fence = token;
            effects.persist(Record::Fence { token });
        }
        effects.send(from, Message::Fetched { token, done: self.done.clone() });
    }

    fn on_store(&mut self, from: NodeId, token: u64, done: Vec<Task>, effects: &mut Effects<Self>) {
        let is_new = !self.taken.contains(&token);
        if is_new && token < self.fence && !self.cluster.has("no-fence") {
            effects.announce(Event::Fenced { token });
            effects.send(from, Message::Fenced { token });
            return;
        }
        if is_new {
            effects.announce(Event::Stored { token, tasks: done.len() as u64 });
            effects.persist(Record::State { token, done: done.clone() });
            if let Some(task) = done.last() {
                effects.output(Done { position: done.len() as u64, op: task.op });
            }
            self.keep(token, done);
        }
        effects.send(from, Message::Stored { token });
    }

    /// What it means that work was taken: for a store and for a recovery.
    fn keep(&mut self, token: u64, done: Vec<Task>) {
        (self.fence, self.done) = (self.fence.max(token), done);
        self.taken.push(token);
    }

    /// Does the first task on what was fetched.
    fn on_fetched(&mut self, token: u64, mut done: Vec<Task>, effects: &mut Effects<Self>) {
        if !matches!(self.stage, Stage::Fetches { token: mine } if mine == token) {
            return;
        }
        let Some(&task) = self.tasks.first() else { return };
        let mut machine = Machine::new(self.cluster.machine());
        done.iter().for_each(|task| drop(machine.apply(&task.call)));
        let outcome = machine.apply(&task.call);
        done.push(task);
        self.go_on(Stage::Stores { token, done, outcome }, effects);
    }

    /// The store has taken the work, or never will.
    fn on_end(&mut self, token: u64, is_stored: bool, effects: &mut Effects<Self>) {
        let Stage::Stores { token: mine, outcome, .. } = &self.stage else { return };
        if *mine != token {
            return;
        }
        if is_stored {
            let Task { client, op, .. } = self.tasks.remove(0);
            effects.reply(client, op, Reply::Done(outcome.clone()));
        }
        effects.send(LOCK, Message::Release { token });
        self.go_on(Stage::Waits, effects);
    }

    fn on_request(&mut self, task: Task, effects: &mut Effects<Self>) {
        let Task { client, op, .. } = task;
        let workers = self.cluster.size() - 2;
        if self.id == LOCK || self.id == STORE {
            let worker = NodeId(2 + (op.0 as usize % workers) as u8);
            return effects.reply(client, op, Reply::Elsewhere(Some(worker)));
        }
        if self.tasks.iter().all(|known| known.op != op) {
            self.tasks.push(task);
        }
        if self.tasks.len() == 1 {
            self.drive(effects);
        }
    }
}

impl Protocol for Node {
    const NAME: &'static str = "lock-service";

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
        let (cluster, done, taken, tasks) = (cluster.clone(), Vec::new(), Vec::new(), Vec::new());
        let (token, fence, holder, stage) = (0, 0, None, Stage::Waits);
        let mut node = Self { cluster, id, token, holder, done, fence, taken, tasks, stage };
        for record in disk {
            match record {
                Record::Granted { token } => node.token = *token,
                Record::Fence { token } => node.fence = node.fence.max(*token),
                Record::State { token, done } => node.keep(*token, done.clone()),
            }
        }
        if id == LOCK {
            // Whoever holds the lock holds it for a lease at most; it is not known any more who it is.
            node.holder = (node.token > 0).then_some(LOCK);
            effects.set_timer(Timer::Lease, LEASE);
        }
        node
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id: op, request: call, .. } => {
                self.on_request(Task { client, op, call }, effects);
            }
            Input::Message { from, message } => match message {
                Message::Acquire => self.on_acquire(from, effects),
                Message::Granted { token } => self.on_granted(token, effects),
                Message::Release { token } => self.on_release(token, effects),
                Message::Fetch { token } => self.on_fetch(from, token, effects),
                Message::Fetched { token, done } => self.on_fetched(token, done, effects),
                Message::Store { token, done } => self.on_store(from, token, done, effects),
                Message::Stored { token } => self.on_end(token, true, effects),
                Message::Fenced { token } => self.on_end(token, false, effects),
            },
            Input::Timer(Timer::Lease) => {
                if self.holder.take().is_some() {
                    effects.announce(Event::Lapsed { token: self.token });
                }
            }
            Input::Timer(Timer::Resend) => self.drive(effects),
            Input::Admin(nothing) => match nothing {},
        }
    }

    fn assert_invariants(&self) {
        assert!(
            self.taken.iter().all(|&token| token <= self.fence),
            "the fence is as high as what was taken"
        );
    }

    fn summary(&self) -> Summary {
        let role = match self.id {
            LOCK => "lock",
            STORE => "store",
            _ => "worker",
        };
        Summary { role, facts: vec![("done", self.done.len() as u64), ("tasks", self.tasks.len() as u64)] }
    }

    fn waits(&self) -> Vec<Wait> {
        let (on, what) = match &self.stage {
            _ if self.tasks.is_empty() => return Vec::new(),
            Stage::Waits => (LOCK, "the lock"),
            Stage::Fetches { .. } => (STORE, "the state"),
            Stage::Stores { .. } => (STORE, "its word that the state is stored"),
        };
        vec![Wait { on: quarrel::NodeSet::only(on), what: what.to_string() }]
    }
}

/// The world it is put into: the lock, the store and three workers, who compare and set a register, which takes a lock.
/// When the faults are over, it must come back.
pub fn weather() -> Scenario {
    Scenario::chaos(5).machine("register").must_come_back()
}

fn main() {
    let campaign = quarrel::campaign::<Node>;
    for (flaw, mistake) in
        [("no-fence", "Without a fence"), ("fence-stores-only", "With a fence for what is stored")]
    {
        let found = campaign(weather()).flaw(flaw).run();
        println!("{mistake}: {found}");
        println!("{}", found.story("linearizability").expect("work that was acknowledged gets lost"));
    }
    println!("With a fence for what is fetched, too: {}", campaign(weather()).run());
}
