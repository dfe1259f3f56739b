//! A small world for tests: replicas whose disks are always done, and messages that go where a test says.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::{BTreeMap, BTreeSet};

use quarrel_pbft::certificate::{Checkpoint, Phase, Vote};
use quarrel_pbft::sign::{Asked, Batch, Signed};
use quarrel_pbft::{Config, Digest, Event, Invariants, Message, Pbft, Record, Sequence, Timer, View};
use quarrel_protocol::{
    ClientId, Effect, Effects, Input, Monitor, NodeId, NodeSet, Protocol, Report, RequestId,
};
use quarrel_spec::Value;
use quarrel_spec::machine::{Call, RegisterCall};
use quarrel_spec::replicated_log::{Output, PROPERTIES, Properties, Reply};
use quarrel_spec::session::{Command, Session};
use serde::{Serialize, de::DeserializeOwned};

pub(crate) const N1: NodeId = NodeId(0);
pub(crate) const N2: NodeId = NodeId(1);
pub(crate) const N3: NodeId = NodeId(2);
pub(crate) const N4: NodeId = NodeId(3);
pub(crate) const N5: NodeId = NodeId(4);
pub(crate) const C1: ClientId = ClientId(0);

/// Four replicas, one batch at a time in a message, a checkpoint every four.
pub(crate) fn plain(nodes: u8) -> Config {
    Config { checkpoint_every: 4, window: 8, ..Config::new(nodes) }
}

/// What a node would sign. Tokens have no other door than their own crate's and that of files, which is this one.
pub(crate) fn signed<T: Serialize + DeserializeOwned>(signer: NodeId, body: T) -> Signed<T> {
    let written = serde_json::json!({ "signer": signer, "body": body });
    serde_json::from_value(written).expect("a token can be read back")
}

pub(crate) fn command(value: u64) -> Command {
    let serial = RequestId(value as u32);
    Command { session: Session { client: C1, serial, oldest: RequestId(0) }, call: write(value) }
}

pub(crate) fn write(value: u64) -> Call {
    Call::Register(RegisterCall::Write(Value(value)))
}

pub(crate) fn asked(value: u64) -> Asked {
    serde_json::from_value(serde_json::to_value(command(value)).unwrap()).unwrap()
}

pub(crate) fn batch(values: &[u64]) -> Batch {
    Batch::of(values.iter().map(|&value| asked(value)).collect())
}

pub(crate) fn vote(phase: Phase, view: u64, sequence: u64, values: &[u64]) -> Vote {
    Vote { phase, view: View(view), sequence: Sequence(sequence), digest: Digest::of(&batch(values)) }
}

pub(crate) fn pre_prepare(by: NodeId, view: u64, sequence: u64, values: &[u64]) -> Message {
    let proposal = signed(by, vote(Phase::PrePrepare, view, sequence, values));
    Message::PrePrepare { proposal, batch: batch(values) }
}

pub(crate) fn prepare(by: NodeId, view: u64, sequence: u64, values: &[u64]) -> Message {
    Message::Prepare(signed(by, vote(Phase::Prepare, view, sequence, values)))
}

pub(crate) fn commit(by: NodeId, view: u64, sequence: u64, values: &[u64]) -> Message {
    Message::Commit(signed(by, vote(Phase::Commit, view, sequence, values)))
}

pub(crate) fn checkpoint(by: NodeId, sequence: u64, digest: Digest) -> Message {
    Message::Checkpoint(signed(by, Checkpoint { sequence: Sequence(sequence), digest }))
}

pub(crate) fn request(value: u64) -> Input<Pbft> {
    let Command { session, call } = command(value);
    Input::Request { client: session.client, id: session.serial, oldest: session.oldest, request: call }
}

/// What came of one step.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) sent: Vec<(NodeId, Message)>,
    pub(crate) replies: Vec<(ClientId, RequestId, Reply)>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) events: Vec<Event>,
    pub(crate) set: Vec<Timer>,
    pub(crate) cancelled: Vec<Timer>,
    /// The effects by name, in order.
    pub(crate) order: Vec<&'static str>,
}

impl Done {
    /// What was sent, as lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.sent.iter().map(|(to, message)| format!("{to}: {message}")).collect()
    }

    /// Messages of this kind, to anybody.
    pub(crate) fn count(&self, kind: &str) -> usize {
        use quarrel_protocol::Kinded;
        self.sent.iter().filter(|(_, message)| message.kind_name() == kind).count()
    }

    pub(crate) fn announced(&self, kind: &str) -> usize {
        use quarrel_protocol::Kinded;
        self.events.iter().filter(|event| event.kind_name() == kind).count()
    }
}

pub(crate) struct Node {
    pub(crate) pbft: Pbft,
    pub(crate) disk: Vec<Record>,
    pub(crate) id: NodeId,
    /// The timers that run.
    pub(crate) timers: Vec<Timer>,
    config: Config,
}

impl Node {
    pub(crate) fn new(config: &Config, id: NodeId) -> Self {
        let mut effects = Effects::default();
        let pbft = Pbft::recover(config, id, &[], &mut effects);
        let mut node = Self { pbft, disk: Vec::new(), id, timers: Vec::new(), config: config.clone() };
        node.take(&mut effects);
        node
    }

    /// The process dies; another starts from the disk.
    pub(crate) fn restart(&mut self) -> Done {
        let mut effects = Effects::default();
        self.timers.clear();
        self.pbft = Pbft::recover(&self.config, self.id, &self.disk, &mut effects);
        self.take(&mut effects)
    }

    pub(crate) fn step(&mut self, input: Input<Pbft>) -> Done {
        let mut effects = Effects::default();
        self.pbft.step(input, &mut effects);
        self.take(&mut effects)
    }

    pub(crate) fn receive(&mut self, from: NodeId, message: Message) -> Done {
        self.step(Input::Message { from, message })
    }

    pub(crate) fn fire(&mut self, timer: Timer) -> Done {
        self.timers.retain(|&set| set != timer);
        self.step(Input::Timer(timer))
    }

    fn take(&mut self, effects: &mut Effects<Pbft>) -> Done {
        self.pbft.assert_invariants();
        let mut done = Done::default();
        for effect in effects.drain() {
            done.order.push(match effect {
                Effect::Persist(record) => {
                    self.disk.push(record);
                    "persist"
                }
                Effect::Compact(records) => {
                    self.disk = records;
                    "compact"
                }
                Effect::Barrier => "barrier",
                Effect::Send { to, message, .. } => {
                    done.sent.push((to, message));
                    "send"
                }
                Effect::Reply { client, id, reply } => {
                    done.replies.push((client, id, reply));
                    "reply"
                }
                Effect::Output(output) => {
                    done.outputs.push(output);
                    "output"
                }
                Effect::Announce(event) => {
                    done.events.push(event);
                    "announce"
                }
                Effect::SetTimer { timer, .. } => {
                    self.timers.retain(|&set| set != timer);
                    self.timers.push(timer);
                    done.set.push(timer);
                    "set"
                }
                Effect::CancelTimer { timer } => {
                    self.timers.retain(|&set| set != timer);
                    done.cancelled.push(timer);
                    "cancel"
                }
            });
        }
        done
    }
}

/// Several replicas, and the monitors that judge them. Of traitors the monitors hear nothing.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    /// Messages on their way, in the order in which they were sent.
    pub(crate) network: Vec<(NodeId, NodeId, Message)>,
    pub(crate) report: Report,
    pub(crate) outside: Report,
    pub(crate) story: Vec<String>,
    /// What each request was answered, and by whom.
    pub(crate) replies: BTreeMap<RequestId, Vec<(NodeId, Reply)>>,
    /// Which of them their client believes to know the answer to.
    answered: BTreeSet<RequestId>,
    config: Config,
    pub(crate) traitors: NodeSet,
    /// Which lie each traitor tells.
    pub(crate) lies: BTreeMap<NodeId, usize>,
    monitor: Invariants,
    clients: Properties,
}

impl Cluster {
    pub(crate) fn new(config: &Config) -> Self {
        let count = usize::from(config.nodes);
        Self {
            nodes: NodeId::all(count).map(|id| Node::new(config, id)).collect(),
            network: Vec::new(),
            report: Report::new(<Invariants as Monitor<Pbft>>::properties(), Invariants::cells()),
            outside: Report::new(PROPERTIES, &[]),
            story: Vec::new(),
            replies: BTreeMap::new(),
            answered: BTreeSet::new(),
            config: config.clone(),
            traitors: NodeSet::EMPTY,
            lies: BTreeMap::new(),
            monitor: <Invariants as Monitor<Pbft>>::new(config, count),
            clients: <Properties as Monitor<Pbft>>::new(config, count),
        }
    }

    /// This node tells this lie from now on, or none: then a test sends for it.
    pub(crate) fn turn(&mut self, node: NodeId, lie: Option<&str>) {
        self.traitors.insert(node);
        let position = |lie: &str| Pbft::LIES.iter().position(|known| *known == lie).expect("a known lie");
        self.lies.extend(lie.map(|lie| (node, position(lie))));
    }

    pub(crate) fn run(&mut self, node: NodeId, input: Input<Pbft>) {
        let done = self.nodes[node.index()].step(input);
        self.take(node, done);
    }

    /// A reply arrives at a client, which takes it for the answer as soon as enough replicas have said the same.
    fn answer(&mut self, node: NodeId, (client, id): (ClientId, RequestId), reply: Reply) {
        let said = self.replies.entry(id).or_default();
        said.push((node, reply.clone()));
        let who: NodeSet = said.iter().filter(|(_, said)| *said == reply).map(|&(node, _)| node).collect();
        if who.len() == self.config.replies_needed() && self.answered.insert(id) {
            self.story.push(format!("{client} accepts for {id}: {reply}"));
            self.monitor.on_outcome(client, id, Some(&reply), &mut self.report);
        }
    }

    fn take(&mut self, node: NodeId, done: Done) {
        let is_traitor = self.traitors.contains(node);
        for event in &done.events {
            self.story.push(format!("{node}{} {event}", if is_traitor { " (traitor)" } else { "" }));
            if !is_traitor {
                self.monitor.on_announce(node, event, &mut self.report);
            }
        }
        if !is_traitor {
            for output in &done.outputs {
                Monitor::<Pbft>::on_output(&mut self.clients, node, output, &mut self.outside);
            }
        }
        for (client, id, reply) in done.replies {
            let told = match self.lies.get(&node) {
                Some(&lie) => self.nodes[node.index()].pbft.lie_in_reply(lie, client, id, &reply),
                None => reply,
            };
            if !is_traitor {
                Monitor::<Pbft>::on_reply(&mut self.clients, node, client, id, &told, &mut self.outside);
                self.monitor.on_reply(node, client, id, &told, &mut self.report);
            }
            self.answer(node, (client, id), told);
        }
        for (to, message) in done.sent {
            let sent = match self.lies.get(&node) {
                Some(&lie) => self.nodes[node.index()].pbft.lie(lie, to, &message),
                None => vec![message],
            };
            self.network.extend(sent.into_iter().map(|message| (node, to, message)));
        }
    }

    pub(crate) fn fire(&mut self, node: NodeId, timer: Timer) {
        self.nodes[node.index()].timers.retain(|&set| set != timer);
        self.run(node, Input::Timer(timer));
    }

    /// A client asks these replicas.
    pub(crate) fn ask(&mut self, nodes: &[NodeId], value: u64) {
        self.submit(nodes, command(value));
    }

    pub(crate) fn submit(&mut self, nodes: &[NodeId], command: Command) {
        let Command { session: Session { client, serial: id, oldest }, call: request } = command;
        Monitor::<Pbft>::on_request(&mut self.clients, client, id, &request, &mut self.outside);
        self.monitor.on_request(client, id, &request, &mut self.report);
        for &node in nodes {
            self.run(node, Input::Request { client, id, oldest, request });
        }
    }

    pub(crate) fn send(&mut self, from: NodeId, to: NodeId, message: Message) {
        self.network.push((from, to, message));
    }

    /// Delivers what this says, until nothing of it is left, and loses all other messages.
    pub(crate) fn deliver_if(&mut self, passes: impl Fn(NodeId, NodeId, &Message) -> bool) {
        while !self.network.is_empty() {
            let (from, to, message) = self.network.remove(0);
            if passes(from, to, &message) {
                self.run(to, Input::Message { from, message });
            }
        }
    }

    pub(crate) fn deliver_among(&mut self, nodes: &[NodeId]) {
        self.deliver_if(|from, to, _| nodes.contains(&from) && nodes.contains(&to));
    }

    pub(crate) fn deliver_all(&mut self) {
        self.deliver_if(|_, _, _| true);
    }

    pub(crate) fn restart(&mut self, node: NodeId) {
        let done = self.nodes[node.index()].restart();
        if !self.traitors.contains(node) {
            self.monitor.on_crash(node, &mut self.report);
            Monitor::<Pbft>::on_crash(&mut self.clients, node, &mut self.outside);
            self.monitor.on_recover(node, &self.nodes[node.index()].pbft, &mut self.report);
        }
        self.story.push(format!("{node} restarts"));
        self.take(node, done);
    }

    pub(crate) fn all(&self) -> Vec<NodeId> {
        NodeId::all(self.nodes.len()).collect()
    }

    pub(crate) fn violated(&self) -> Vec<&str> {
        let all = self.report.violations().iter().chain(self.outside.violations());
        all.map(|violation| violation.property.as_str()).collect()
    }

    /// The story, and what broke at its end.
    pub(crate) fn told(&self) -> String {
        let all = self.report.violations().iter().chain(self.outside.violations());
        let broken: Vec<&str> = all.map(|violation| violation.detail.as_str()).collect();
        format!("{}\nbroken: {}", self.story.join("\n"), broken.join("; "))
    }

    pub(crate) fn executed(&self) -> Vec<u64> {
        self.nodes.iter().map(|node| node.pbft.executed().0).collect()
    }
}
