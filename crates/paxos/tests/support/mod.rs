//! A cluster that a test drives by hand: writes are durable at once, messages wait until the test delivers them.

use quarrel_paxos::{Ballot, Config, Event, Invariants, Message, Paxos, Proposal, Record, Timer};
use quarrel_protocol::{
    After, ClientId, Effect, Effects, Input, Kinded, Monitor, NodeId, Protocol, Report, RequestId,
};
use quarrel_spec::Value;
use quarrel_spec::consensus::{Decided, PROPERTIES, Properties, Propose};

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) message: Message,
}

/// The cluster and everything it has said.
pub(crate) struct Cluster {
    pub(crate) config: Config,
    pub(crate) nodes: Vec<Paxos>,
    pub(crate) disks: Vec<Vec<Record>>,
    /// At most one timer is set for each node.
    pub(crate) timers: Vec<Option<(Timer, After)>>,
    pub(crate) wire: Vec<Envelope>,
    pub(crate) events: Vec<(NodeId, Event)>,
    pub(crate) outputs: Vec<(NodeId, Value)>,
    pub(crate) replies: Vec<(ClientId, RequestId, Value)>,
    pub(crate) report: Report,
    pub(crate) consensus_report: Report,
    invariants: Invariants,
    consensus: Properties,
    requests: u32,
}

pub(crate) fn n(number: u8) -> NodeId {
    NodeId(number - 1)
}

pub(crate) fn ballot(round: u64, owner: u8) -> Ballot {
    Ballot { round, node: n(owner) }
}

pub(crate) fn proposal(round: u64, owner: u8, value: u64) -> Proposal {
    Proposal { ballot: ballot(round, owner), value: Value(value) }
}

impl Cluster {
    pub(crate) fn new(config: Config) -> Self {
        let size = config.quorum.nodes();
        let mut cluster = Self {
            nodes: Vec::new(),
            disks: vec![Vec::new(); size],
            timers: vec![None; size],
            wire: Vec::new(),
            events: Vec::new(),
            outputs: Vec::new(),
            replies: Vec::new(),
            report: Report::new(Invariants::properties(), Invariants::cells()),
            consensus_report: Report::new(PROPERTIES, &[]),
            invariants: <Invariants as Monitor<Paxos>>::new(&config, size),
            consensus: <Properties as Monitor<Paxos>>::new(&config, size),
            requests: 0,
            config,
        };
        for node in NodeId::all(size) {
            let mut effects = Effects::default();
            cluster.nodes.push(Paxos::recover(&cluster.config, node, &[], &mut effects));
            cluster.perform(node, &mut effects);
        }
        cluster
    }

    pub(crate) fn of(size: usize) -> Self {
        Self::new(Config::new(size))
    }

    /// A client asks a node for a value; each request has its own client.
    pub(crate) fn propose(&mut self, node: NodeId, value: u64) {
        let (client, id) = (ClientId(self.requests as u8), RequestId(self.requests));
        self.requests += 1;
        let request = Propose(Value(value));
        Monitor::<Paxos>::on_request(&mut self.consensus, client, id, &request, &mut self.consensus_report);
        self.step(node, Input::Request { client, id, oldest: id, request });
    }

    /// Delivers the messages on the wire that match, in order; not those they cause.
    pub(crate) fn deliver(&mut self, matches: impl Fn(&Envelope) -> bool) {
        let (now, later) = std::mem::take(&mut self.wire).into_iter().partition(matches);
        self.wire = later;
        let now: Vec<Envelope> = now;
        for Envelope { from, to, message } in now {
            self.step(to, Input::Message { from, message });
        }
    }

    /// Delivers every message of a kind to these nodes.
    pub(crate) fn deliver_kind(&mut self, kind: &str, to: &[NodeId]) {
        self.deliver(|envelope| envelope.message.kind_name() == kind && to.contains(&envelope.to));
    }

    /// Loses every message of a kind.
    pub(crate) fn lose(&mut self, kind: &str) {
        self.wire.retain(|envelope| envelope.message.kind_name() != kind);
    }

    /// Delivers everything, and what it causes, until nothing is on its way.
    pub(crate) fn deliver_all(&mut self) {
        while !self.wire.is_empty() {
            self.deliver(|_| true);
        }
    }

    /// Hands a node a message that nobody sent.
    pub(crate) fn receive(&mut self, to: NodeId, from: NodeId, message: Message) {
        self.step(to, Input::Message { from, message });
    }

    /// Loses every message on its way.
    pub(crate) fn lose_all(&mut self) {
        self.wire.clear();
    }

    /// Fires the timer that is set.
    pub(crate) fn fire(&mut self, node: NodeId) -> Timer {
        let (timer, _) = self.timers[node.index()].take().expect("a timer is set");
        self.step(node, Input::Timer(timer));
        timer
    }

    /// Stops a node and builds it again from its disk. Messages to itself die with it.
    pub(crate) fn restart(&mut self, node: NodeId) {
        self.wire.retain(|envelope| (envelope.from, envelope.to) != (node, node));
        self.timers[node.index()] = None;
        self.invariants.on_crash(node, &mut self.report);
        let mut effects = Effects::default();
        let state = Paxos::recover(&self.config, node, &self.disks[node.index()], &mut effects);
        self.invariants.on_recover(node, &state, &mut self.report);
        self.nodes[node.index()] = state;
        self.perform(node, &mut effects);
    }

    pub(crate) fn step(&mut self, node: NodeId, input: Input<Paxos>) {
        let mut effects = Effects::default();
        self.nodes[node.index()].step(input, &mut effects);
        self.perform(node, &mut effects);
    }

    fn perform(&mut self, node: NodeId, effects: &mut Effects<Paxos>) {
        self.nodes[node.index()].assert_invariants();
        for effect in effects.drain() {
            match effect {
                Effect::Persist(record) => self.disks[node.index()].push(record),
                Effect::Compact(records) => self.disks[node.index()] = records,
                Effect::Barrier => {}
                Effect::Send { to, message, unsynced } => {
                    assert!(!unsynced, "everything Paxos says is on disk first");
                    self.wire.push(Envelope { from: node, to, message });
                }
                Effect::Reply { client, id, reply: Decided(value) } => {
                    self.replies.push((client, id, value));
                    let (reply, report) = (Decided(value), &mut self.consensus_report);
                    Monitor::<Paxos>::on_reply(&mut self.consensus, node, client, id, &reply, report);
                }
                Effect::Output(Decided(value)) => {
                    self.outputs.push((node, value));
                    let report = &mut self.consensus_report;
                    Monitor::<Paxos>::on_output(&mut self.consensus, node, &Decided(value), report);
                }
                Effect::Announce(event) => {
                    self.events.push((node, event));
                    self.invariants.on_announce(node, &event, &mut self.report);
                }
                Effect::SetTimer { timer, after } => self.timers[node.index()] = Some((timer, after)),
                Effect::CancelTimer { timer } => {
                    let set = &mut self.timers[node.index()];
                    if set.is_some_and(|(other, _)| other == timer) {
                        *set = None;
                    }
                }
            }
        }
        let set = self.timers[node.index()].map(|(timer, _)| timer);
        assert_eq!(set, self.nodes[node.index()].role().timer(), "each role has its timer");
    }

    /// The names of all properties that broke.
    pub(crate) fn broken(&self) -> Vec<&str> {
        let reports = [&self.consensus_report, &self.report];
        reports.iter().flat_map(|report| report.violations()).map(|broken| broken.property.as_str()).collect()
    }

    /// The messages on the wire, as text with their receivers.
    pub(crate) fn wire_text(&self) -> Vec<String> {
        self.wire.iter().map(|Envelope { to, message, .. }| format!("{message} to {to}")).collect()
    }

    /// What a node has announced, as text.
    pub(crate) fn said(&self, node: NodeId) -> Vec<String> {
        self.events.iter().filter(|(who, _)| *who == node).map(|(_, event)| event.to_string()).collect()
    }

    pub(crate) fn happened(&self, cell: &str) -> bool {
        let position = Invariants::cells().iter().position(|known| known.name == cell).expect("a known cell");
        self.report.cells()[position] > 0
    }
}
