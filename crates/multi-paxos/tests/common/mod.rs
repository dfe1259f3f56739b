//! Nodes driven by hand: a disk that is always done, a network that delivers what the test says.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use quarrel_multi_paxos::event::{How, Why};
use quarrel_multi_paxos::message::{
    Accept, Accepted, CatchUp, Chosen, Heartbeat, HeartbeatReply, Prepare, Promise, Reject,
};
use quarrel_multi_paxos::{
    Ballot, Config, Event, Held, Invariants, Message, MultiPaxos, Record, Slot, Timer, Value,
};
use quarrel_protocol::{ClientId, Effect, Effects, Input, Monitor, NodeId, Protocol, Report, RequestId};
use quarrel_spec::machine::{Call, Outcome, RegisterCall, RegisterOutcome};
use quarrel_spec::replicated_log::{Output, PROPERTIES, Properties, Reply};
use quarrel_spec::session::{Command, Session};

pub(crate) const N1: NodeId = NodeId(0);
pub(crate) const N2: NodeId = NodeId(1);
pub(crate) const N3: NodeId = NodeId(2);
pub(crate) const N4: NodeId = NodeId(3);
pub(crate) const N5: NodeId = NodeId(4);
pub(crate) const C1: ClientId = ClientId(0);
pub(crate) const C2: ClientId = ClientId(1);

/// A cluster that takes no snapshots.
pub(crate) fn plain(nodes: u8) -> Config {
    Config { snapshot_every: 0, ..Config::new(nodes) }
}

/// One node and its disk.
pub(crate) struct Node {
    pub(crate) paxos: MultiPaxos,
    pub(crate) disk: Vec<Record>,
    id: NodeId,
    config: Config,
    effects: Effects<MultiPaxos>,
}

/// What a step did, by kind. `order` is the order across the kinds.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) order: Vec<&'static str>,
    pub(crate) persisted: Vec<Record>,
    pub(crate) sent: Vec<(NodeId, Message)>,
    pub(crate) replies: Vec<(ClientId, RequestId, Reply)>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) events: Vec<Event>,
    pub(crate) set: Vec<Timer>,
    pub(crate) cancelled: Vec<Timer>,
    /// What leaves the node though the step's writes are lost.
    pub(crate) early: Vec<(NodeId, Message)>,
}

impl Node {
    pub(crate) fn new(config: &Config, id: NodeId) -> Self {
        Self::with_disk(config, id, Vec::new()).0
    }

    pub(crate) fn with_disk(config: &Config, id: NodeId, disk: Vec<Record>) -> (Self, Done) {
        let mut effects = Effects::default();
        let paxos = MultiPaxos::recover(config, id, &disk, &mut effects);
        paxos.assert_invariants();
        let mut node = Self { paxos, disk, id, config: config.clone(), effects };
        let done = node.take_all();
        (node, done)
    }

    /// The process dies; another starts from the disk.
    pub(crate) fn restart(&mut self) -> Done {
        self.paxos = MultiPaxos::recover(&self.config, self.id, &self.disk, &mut self.effects);
        self.paxos.assert_invariants();
        self.take_all()
    }

    fn take_all(&mut self) -> Done {
        let mut done = Done::default();
        for effect in self.effects.drain() {
            done.take(effect, &mut self.disk);
        }
        done
    }

    /// One input; messages to itself stay undelivered.
    pub(crate) fn step(&mut self, input: Input<MultiPaxos>) -> Done {
        self.paxos.step(input, &mut self.effects);
        self.paxos.assert_invariants();
        self.take_all()
    }

    /// One input, and the messages to itself that follow.
    pub(crate) fn run(&mut self, input: Input<MultiPaxos>) -> Done {
        let mut done = self.step(input);
        self.settle(&mut done);
        done
    }

    /// Delivers what a node has sent to itself.
    pub(crate) fn settle(&mut self, done: &mut Done) {
        let mut seen = 0;
        while let Some((to, message)) = done.sent.get(seen).cloned() {
            if to == self.id {
                done.sent.remove(seen);
                let more = self.step(Input::Message { from: self.id, message });
                done.append(more);
            } else {
                seen += 1;
            }
        }
    }

    pub(crate) fn receive(&mut self, from: NodeId, message: Message) -> Done {
        self.run(Input::Message { from, message })
    }

    pub(crate) fn fire(&mut self, timer: Timer) -> Done {
        self.run(Input::Timer(timer))
    }

    pub(crate) fn ask(&mut self, value: u64) -> Done {
        self.run(request(value))
    }

    /// Tries to lead, and is promised by these, who have accepted nothing.
    pub(crate) fn lead(&mut self, voters: &[NodeId]) -> Done {
        let mut done = self.fire(Timer::Campaign);
        let ballot = self.paxos.promised().unwrap();
        for &voter in voters {
            let first = self.paxos.log().first_open();
            done.append(self.receive(voter, promise(ballot, first.0, 0, &[])));
        }
        assert!(self.paxos.is_leader());
        done
    }

    pub(crate) fn held(&self) -> Vec<(u64, String)> {
        self.paxos.log().from(Slot(1)).map(|(slot, held)| (slot.0, held.to_string())).collect()
    }

    pub(crate) fn chosen(&self) -> u64 {
        self.paxos.log().chosen().last.0
    }
}

impl Done {
    fn take(&mut self, effect: Effect<MultiPaxos>, disk: &mut Vec<Record>) {
        self.order.push(match effect {
            Effect::Persist(record) => {
                disk.push(record.clone());
                self.persisted.push(record);
                "persist"
            }
            Effect::Compact(records) => {
                *disk = records;
                "compact"
            }
            Effect::Barrier => "barrier",
            Effect::Send { to, message, unsynced } => {
                if unsynced || self.persisted.is_empty() {
                    self.early.push((to, message.clone()));
                }
                self.sent.push((to, message));
                if unsynced { "send-unsynced" } else { "send" }
            }
            Effect::Reply { client, id, reply } => {
                self.replies.push((client, id, reply));
                "reply"
            }
            Effect::Output(output) => {
                self.outputs.push(output);
                "output"
            }
            Effect::Announce(event) => {
                self.events.push(event);
                "announce"
            }
            Effect::SetTimer { timer, .. } => {
                self.set.push(timer);
                "set"
            }
            Effect::CancelTimer { timer } => {
                self.cancelled.push(timer);
                "cancel"
            }
        });
    }

    pub(crate) fn append(&mut self, mut more: Done) {
        self.order.append(&mut more.order);
        self.persisted.append(&mut more.persisted);
        self.sent.append(&mut more.sent);
        self.replies.append(&mut more.replies);
        self.outputs.append(&mut more.outputs);
        self.events.append(&mut more.events);
        self.set.append(&mut more.set);
        self.cancelled.append(&mut more.cancelled);
        self.early.append(&mut more.early);
    }

    /// What was sent, as lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.sent.iter().map(|(to, message)| format!("{to}: {message}")).collect()
    }

    /// The slots that were applied.
    pub(crate) fn applied(&self) -> Vec<u64> {
        self.outputs.iter().map(Output::index).collect()
    }
}

pub(crate) fn ballot(round: u64, node: NodeId) -> Ballot {
    Ballot { round, node }
}

pub(crate) fn request(value: u64) -> Input<MultiPaxos> {
    let id = RequestId(value as u32);
    Input::Request { client: C1, id, oldest: id, request: write(value) }
}

pub(crate) fn write(value: u64) -> Call {
    Call::Register(RegisterCall::Write(quarrel_spec::Value(value)))
}

pub(crate) fn read() -> Call {
    Call::Register(RegisterCall::Read)
}

/// What [`request`] puts into a slot.
pub(crate) fn value(value: u64) -> Value {
    let serial = RequestId(value as u32);
    Value::Command(Command { session: Session { client: C1, serial, oldest: serial }, call: write(value) })
}

pub(crate) fn written(index: u64) -> Reply {
    Reply::Applied { index, outcome: Outcome::Register(RegisterOutcome::Written) }
}

pub(crate) fn found(index: u64, value: Option<u64>) -> Reply {
    Reply::Applied {
        index,
        outcome: Outcome::Register(RegisterOutcome::Found(value.map(quarrel_spec::Value))),
    }
}

pub(crate) fn prepare(ballot: Ballot, first: u64) -> Message {
    Message::Prepare(Prepare { ballot, first: Slot(first) })
}

pub(crate) fn promise(ballot: Ballot, covers: u64, chosen: u64, held: &[(u64, Ballot, u64)]) -> Message {
    let held =
        held.iter().map(|&(slot, ballot, of)| (Slot(slot), Held { ballot: Some(ballot), value: value(of) }));
    Message::Promise(Promise { ballot, covers: Slot(covers), chosen: Slot(chosen), held: held.collect() })
}

pub(crate) fn reject(ballot: Ballot, obeys: Option<Ballot>, chosen: u64) -> Message {
    Message::Reject(Reject { ballot, obeys, chosen: Slot(chosen) })
}

pub(crate) fn accept(ballot: Ballot, first: u64, values: &[u64], chosen: u64) -> Message {
    let values = values.iter().map(|&of| value(of)).collect();
    Message::Accept(Accept { ballot, first: Slot(first), values, chosen: Slot(chosen) })
}

pub(crate) fn accepted(ballot: Ballot, first: u64, last: u64) -> Message {
    Message::Accepted(Accepted { ballot, first: Slot(first), last: Slot(last) })
}

pub(crate) fn heartbeat(ballot: Ballot, chosen: u64) -> Message {
    Message::Heartbeat(Heartbeat { ballot, chosen: Slot(chosen) })
}

pub(crate) fn heartbeat_reply(ballot: Ballot) -> Message {
    Message::HeartbeatReply(HeartbeatReply { ballot })
}

pub(crate) fn catch_up(first: u64) -> Message {
    Message::CatchUp(CatchUp { first: Slot(first), image: None })
}

pub(crate) fn chosen(first: u64, values: &[u64], chosen: u64) -> Message {
    let values = values.iter().map(|&of| value(of)).collect();
    Message::Chosen(Chosen { first: Slot(first), values, chosen: Slot(chosen) })
}

/// What was proposed, and why: `(slot, value, why)`.
pub(crate) fn proposals(done: &Done) -> Vec<(u64, String, Why)> {
    let proposed = done.events.iter().filter_map(|event| match event {
        Event::Proposed { slot, value, why, .. } => Some((slot.0, value.to_string(), *why)),
        _ => None,
    });
    proposed.collect()
}

/// What was learned, and how.
pub(crate) fn learned(done: &Done) -> Vec<(u64, How)> {
    let learned = done.events.iter().filter_map(|event| match event {
        Event::Learned { slot, how, .. } => Some((slot.0, *how)),
        _ => None,
    });
    learned.collect()
}

/// Several nodes, and the monitors that judge them.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    /// Messages on their way, in the order in which they were sent.
    pub(crate) network: Vec<(NodeId, NodeId, Message)>,
    pub(crate) report: Report,
    pub(crate) story: Vec<String>,
    /// What clients were told, and by whom.
    pub(crate) replies: Vec<(NodeId, RequestId, Reply)>,
    /// The verdict of those who know no Paxos.
    pub(crate) outside: Report,
    monitor: Invariants,
    clients: Properties,
}

impl Cluster {
    pub(crate) fn new(config: &Config) -> Self {
        let count = usize::from(config.nodes);
        Self {
            nodes: NodeId::all(count).map(|id| Node::new(config, id)).collect(),
            network: Vec::new(),
            report: Report::new(<Invariants as Monitor<MultiPaxos>>::properties(), Invariants::cells()),
            story: Vec::new(),
            replies: Vec::new(),
            outside: Report::new(PROPERTIES, &[]),
            monitor: <Invariants as Monitor<MultiPaxos>>::new(config, count),
            clients: <Properties as Monitor<MultiPaxos>>::new(config, count),
        }
    }

    pub(crate) fn run(&mut self, node: NodeId, input: Input<MultiPaxos>) {
        let done = self.nodes[node.index()].run(input);
        self.take(node, done);
    }

    fn take(&mut self, node: NodeId, done: Done) {
        for event in &done.events {
            self.story.push(format!("{node} {event}"));
            self.monitor.on_announce(node, event, &mut self.report);
        }
        for output in &done.outputs {
            Monitor::<MultiPaxos>::on_output(&mut self.clients, node, output, &mut self.outside);
        }
        for (client, id, reply) in done.replies {
            self.monitor.on_reply(node, client, id, &reply, &mut self.report);
            Monitor::<MultiPaxos>::on_reply(&mut self.clients, node, client, id, &reply, &mut self.outside);
            self.replies.push((node, id, reply));
        }
        self.network.extend(done.sent.into_iter().map(|(to, message)| (node, to, message)));
    }

    pub(crate) fn fire(&mut self, node: NodeId, timer: Timer) {
        self.run(node, Input::Timer(timer));
    }

    pub(crate) fn ask(&mut self, node: NodeId, value: u64) {
        self.call(node, C1, value as u32, write(value));
    }

    /// A client asks, and waits for no earlier answer; a request with a number that was there before is a retry.
    pub(crate) fn call(&mut self, node: NodeId, client: ClientId, id: u32, request: Call) {
        let id = RequestId(id);
        self.submit(node, Session { client, serial: id, oldest: id }, request);
    }

    /// A client asks.
    pub(crate) fn submit(&mut self, node: NodeId, session: Session, request: Call) {
        let Session { client, serial: id, oldest } = session;
        Monitor::<MultiPaxos>::on_request(&mut self.clients, client, id, &request, &mut self.outside);
        self.run(node, Input::Request { client, id, oldest, request });
    }

    /// What clients were told, in order: who said what to which request.
    pub(crate) fn told(&self) -> Vec<(NodeId, u32, Reply)> {
        self.replies.iter().map(|(node, id, reply)| (*node, id.0, reply.clone())).collect()
    }

    /// Delivers among these nodes, both ways, until nothing is left, and loses all other messages.
    pub(crate) fn deliver_among(&mut self, nodes: &[NodeId]) {
        while !self.network.is_empty() {
            let (from, to, message) = self.network.remove(0);
            if nodes.contains(&from) && nodes.contains(&to) {
                self.run(to, Input::Message { from, message });
            }
        }
    }

    /// Delivers what is on its way now on these links, in order, keeps what that sends, and loses all else.
    pub(crate) fn deliver_once(&mut self, links: &[(NodeId, NodeId)]) {
        for (from, to, message) in std::mem::take(&mut self.network) {
            if links.contains(&(from, to)) {
                self.run(to, Input::Message { from, message });
            }
        }
    }

    /// Takes what is on its way on this link out of the network.
    pub(crate) fn hold_back(&mut self, from: NodeId, to: NodeId) -> Vec<(NodeId, NodeId, Message)> {
        let (held, rest) =
            std::mem::take(&mut self.network).into_iter().partition(|it| (it.0, it.1) == (from, to));
        self.network = rest;
        held
    }

    pub(crate) fn restart(&mut self, node: NodeId) {
        self.monitor.on_crash(node, &mut self.report);
        Monitor::<MultiPaxos>::on_crash(&mut self.clients, node, &mut self.outside);
        let mut done = self.nodes[node.index()].restart();
        self.monitor.on_recover(node, &self.nodes[node.index()].paxos, &mut self.report);
        self.nodes[node.index()].settle(&mut done);
        self.take(node, done);
    }

    /// Hands a node what is on its way to it, and cuts its power before its disk has done anything.
    pub(crate) fn deliver_and_lose_power(&mut self, node: NodeId) {
        let (arriving, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.network).into_iter().partition(|&(_, to, _)| to == node);
        self.network = rest;
        let disk = self.nodes[node.index()].disk.clone();
        for (from, _, message) in arriving {
            let done = self.nodes[node.index()].step(Input::Message { from, message });
            self.network.extend(done.early.into_iter().map(|(to, message)| (node, to, message)));
        }
        self.nodes[node.index()].disk = disk;
        self.restart(node);
    }

    /// A node is asked, and its power is cut before its disk has done anything: what need not wait for the disk leaves.
    pub(crate) fn ask_and_lose_power(&mut self, node: NodeId, value: u64) {
        let id = RequestId(value as u32);
        Monitor::<MultiPaxos>::on_request(&mut self.clients, C1, id, &write(value), &mut self.outside);
        let disk = self.nodes[node.index()].disk.clone();
        let done = self.nodes[node.index()].step(request(value));
        self.network.extend(done.early.into_iter().map(|(to, message)| (node, to, message)));
        self.nodes[node.index()].disk = disk;
        self.restart(node);
    }

    /// The patience of these ends, and this one tries to lead and talks to them only.
    pub(crate) fn campaign(&mut self, node: NodeId, voters: &[NodeId]) {
        for &impatient in voters.iter().chain([&node]) {
            self.fire(impatient, Timer::Silence);
        }
        self.fire(node, Timer::Campaign);
        let mut among = voters.to_vec();
        among.push(node);
        self.deliver_among(&among);
    }

    pub(crate) fn violated(&self) -> Vec<&str> {
        let all = self.report.violations().iter().chain(self.outside.violations());
        all.map(|violation| violation.property.as_str()).collect()
    }
}
