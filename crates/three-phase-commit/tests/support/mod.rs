//! A cluster that a test drives by hand: writes are durable at once, messages wait until the test delivers them.

use quarrel_protocol::{
    After, ClientId, Effect, Effects, Input, Kinded, Monitor, NodeId, NodeSet, Protocol, Report, RequestId,
};
use quarrel_spec::atomic_commit::properties::{CELLS, PROPERTIES};
use quarrel_spec::atomic_commit::{Decision, Output, Properties, Reply, Transaction, TransactionId, parse};
use quarrel_three_phase_commit::{Case, Config, Event, Invariants, Message, Record, ThreePhaseCommit, Timer};

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
    /// Nothing while a node is down.
    pub(crate) nodes: Vec<Option<ThreePhaseCommit>>,
    pub(crate) disks: Vec<Vec<Record>>,
    pub(crate) timers: Vec<Vec<(Timer, After)>>,
    pub(crate) wire: Vec<Envelope>,
    /// Kinds of all messages ever sent.
    pub(crate) sent: Vec<&'static str>,
    pub(crate) events: Vec<(NodeId, Event)>,
    pub(crate) outputs: Vec<(NodeId, Output)>,
    pub(crate) replies: Vec<Reply>,
    pub(crate) report: Report,
    pub(crate) commit_report: Report,
    invariants: Invariants,
    properties: Properties,
    requests: u32,
}

/// The first transaction.
pub(crate) const T: TransactionId = TransactionId(0);

pub(crate) fn n(number: u8) -> NodeId {
    NodeId(number - 1)
}

pub(crate) fn set(numbers: &[u8]) -> NodeSet {
    numbers.iter().map(|&number| n(number)).collect()
}

impl Cluster {
    pub(crate) fn new(config: Config) -> Self {
        let size = usize::from(config.nodes);
        let mut cluster = Self {
            nodes: vec![None; size],
            disks: vec![Vec::new(); size],
            timers: vec![Vec::new(); size],
            wire: Vec::new(),
            sent: Vec::new(),
            events: Vec::new(),
            outputs: Vec::new(),
            replies: Vec::new(),
            report: Report::new(Invariants::properties(), Invariants::cells()),
            commit_report: Report::new(PROPERTIES, CELLS),
            invariants: Invariants::new(&config, size),
            properties: <Properties as Monitor<ThreePhaseCommit>>::new(&config, size),
            requests: 0,
            config,
        };
        NodeId::all(size).for_each(|node| cluster.start(node));
        cluster
    }

    pub(crate) fn of(nodes: u8) -> Self {
        Self::new(Config::new(nodes))
    }

    fn start(&mut self, node: NodeId) {
        let mut effects = Effects::default();
        let disk = &self.disks[node.index()];
        self.nodes[node.index()] = Some(ThreePhaseCommit::recover(&self.config, node, disk, &mut effects));
        self.perform(node, &mut effects);
    }

    /// A client asks the coordinator.
    pub(crate) fn ask(&mut self, words: &str) -> TransactionId {
        let id = RequestId(self.requests);
        self.requests += 1;
        let request: Transaction = parse(words).expect("a transaction");
        let (client, report) = (ClientId(0), &mut self.commit_report);
        Monitor::<ThreePhaseCommit>::on_request(&mut self.properties, client, id, &request, report);
        self.step(n(1), Input::Request { client, id, oldest: id, request });
        id.into()
    }

    /// Asks for something that concerns that many participants.
    pub(crate) fn ask_of(&mut self, participants: u8) -> TransactionId {
        let steps: Vec<String> = (0..participants).map(|item| format!("append v1 to x{item}")).collect();
        self.ask(&steps.join(", "))
    }

    /// Delivers the messages on the wire that match, in order; not those they cause.
    pub(crate) fn deliver(&mut self, matches: impl Fn(&Envelope) -> bool) {
        let (now, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.wire).into_iter().partition(matches);
        self.wire = later;
        for Envelope { from, to, message } in now {
            if self.nodes[to.index()].is_some() {
                self.step(to, Input::Message { from, message });
            }
        }
    }

    /// Delivers every message of a kind to these nodes.
    pub(crate) fn deliver_kind(&mut self, kind: &str, to: &[u8]) {
        let to = set(to);
        self.deliver(|envelope| envelope.message.kind_name() == kind && to.contains(envelope.to));
    }

    /// Delivers everything, and what it causes, until nothing is on its way.
    pub(crate) fn deliver_all(&mut self) {
        while !self.wire.is_empty() {
            self.deliver(|_| true);
        }
    }

    /// Takes every message of a kind to these nodes away.
    pub(crate) fn lose_kind(&mut self, kind: &str, to: &[u8]) {
        let to = set(to);
        self.wire.retain(|envelope| envelope.message.kind_name() != kind || !to.contains(envelope.to));
    }

    /// Hands a node a message that nobody sent.
    pub(crate) fn receive(&mut self, to: u8, from: u8, message: Message) {
        self.step(n(to), Input::Message { from: n(from), message });
    }

    /// Fires a timer that is set.
    pub(crate) fn fire(&mut self, node: u8, kind: &str) {
        let timers = &mut self.timers[n(node).index()];
        let position = timers.iter().position(|(timer, _)| timer.kind_name() == kind);
        let (timer, _) =
            timers.remove(position.unwrap_or_else(|| panic!("n{node} has set no timer `{kind}`")));
        self.step(n(node), Input::Timer(timer));
    }

    /// Stops a node.
    pub(crate) fn crash(&mut self, node: u8) {
        let id = n(node);
        self.timers[id.index()].clear();
        self.nodes[id.index()] = None;
        self.invariants.on_crash(id, &mut self.report);
        let (properties, report) = (&mut self.properties, &mut self.commit_report);
        Monitor::<ThreePhaseCommit>::on_fault(properties, "crash", report);
        Monitor::<ThreePhaseCommit>::on_crash(properties, id, report);
    }

    /// Builds a node again from its disk.
    pub(crate) fn restart(&mut self, node: u8) {
        self.start(n(node));
    }

    pub(crate) fn step(&mut self, node: NodeId, input: Input<ThreePhaseCommit>) {
        let mut effects = Effects::default();
        self.nodes[node.index()].as_mut().expect("it is up").step(input, &mut effects);
        self.perform(node, &mut effects);
    }

    fn perform(&mut self, id: NodeId, effects: &mut Effects<ThreePhaseCommit>) {
        for effect in effects.drain() {
            match effect {
                Effect::Persist(record) => self.disks[id.index()].push(record),
                Effect::Compact(records) => self.disks[id.index()] = records,
                Effect::Barrier => {}
                Effect::Send { to, message, .. } => {
                    self.sent.push(message.kind_name());
                    self.wire.push(Envelope { from: id, to, message });
                }
                Effect::Reply { client, id: request, reply } => {
                    let (properties, report) = (&mut self.properties, &mut self.commit_report);
                    Monitor::<ThreePhaseCommit>::on_reply(properties, id, client, request, &reply, report);
                    self.replies.push(reply);
                }
                Effect::Output(output) => {
                    let (properties, report) = (&mut self.properties, &mut self.commit_report);
                    Monitor::<ThreePhaseCommit>::on_output(properties, id, &output, report);
                    self.outputs.push((id, output));
                }
                Effect::Announce(event) => {
                    self.events.push((id, event));
                    self.invariants.on_announce(id, &event, &mut self.report);
                }
                Effect::SetTimer { timer, after } => {
                    let timers = &mut self.timers[id.index()];
                    timers.retain(|(other, _)| *other != timer);
                    timers.push((timer, after));
                }
                Effect::CancelTimer { timer } => {
                    self.timers[id.index()].retain(|(other, _)| *other != timer);
                }
            }
        }
        let node = self.nodes[id.index()].as_ref().expect("it is up");
        node.assert_invariants();
        let mut set: Vec<Timer> = self.timers[id.index()].iter().map(|(timer, _)| *timer).collect();
        set.sort_by_key(|timer| timer.transaction());
        let expected: Vec<Timer> =
            node.open().iter().map(|(&transaction, case)| case.stage.timer(transaction)).collect();
        assert_eq!(set, expected, "each open transaction has its timer");
    }

    // --- What there is to see ---

    pub(crate) fn node(&self, node: u8) -> &ThreePhaseCommit {
        self.nodes[n(node).index()].as_ref().expect("it is up")
    }

    pub(crate) fn case(&self, node: u8) -> &Case {
        &self.node(node).open()[&T]
    }

    /// What a node has decided about the first transaction.
    pub(crate) fn decision(&self, node: u8) -> Option<Decision> {
        self.node(node).decided().get(&T).copied()
    }

    /// What nodes have decided about the first transaction: all of these the same.
    pub(crate) fn all_decide(&self, nodes: &[u8], decision: Decision) {
        for &node in nodes {
            assert_eq!(self.decision(node), Some(decision), "n{node}");
        }
    }

    /// The names of all properties that broke.
    pub(crate) fn broken(&self) -> Vec<&str> {
        let reports = [&self.commit_report, &self.report];
        reports.iter().flat_map(|report| report.violations()).map(|broken| broken.property.as_str()).collect()
    }

    /// The messages on the wire, as text with their receivers.
    pub(crate) fn wire_text(&self) -> Vec<String> {
        self.wire.iter().map(|Envelope { to, message, .. }| format!("{message} to {to}")).collect()
    }

    /// How often a message of each kind was sent, of those that were.
    pub(crate) fn counts(&self) -> Vec<(&'static str, usize)> {
        let count = |kind: &str| self.sent.iter().filter(|&&sent| sent == kind).count();
        let all = Message::KINDS.iter().map(|&kind| (kind, count(kind)));
        all.filter(|&(_, count)| count > 0).collect()
    }

    pub(crate) fn happened(&self, cell: &str) -> bool {
        let position = Invariants::cells().iter().position(|known| known.name == cell).expect("a known cell");
        self.report.cells()[position] > 0
    }
}

/// Up to the moment when all participants have voted yes.
pub(crate) fn voted(nodes: u8) -> Cluster {
    voted_with(Config::new(nodes))
}

pub(crate) fn voted_with(config: Config) -> Cluster {
    let everybody: Vec<u8> = (1..=config.nodes).collect();
    let mut cluster = Cluster::new(config);
    cluster.ask_of(cluster.config.participants());
    cluster.deliver_kind("vote-request", &everybody);
    cluster
}

/// The coordinator crashes when its PRE-COMMIT has left for these alone.
pub(crate) fn pre_commit_cut(nodes: u8, reached: &[u8]) -> Cluster {
    pre_commit_cut_with(Config::new(nodes), reached)
}

pub(crate) fn pre_commit_cut_with(config: Config, reached: &[u8]) -> Cluster {
    let others: Vec<u8> = (2..=config.nodes).filter(|node| !reached.contains(node)).collect();
    let mut cluster = voted_with(config);
    cluster.deliver_kind("vote", &[1]);
    cluster.lose_kind("pre-commit", &others);
    cluster.crash(1);
    cluster.deliver_all();
    cluster
}
