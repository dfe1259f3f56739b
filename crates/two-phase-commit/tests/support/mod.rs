//! A cluster that a test drives by hand: messages wait until the test delivers them, and a record is durable once it was
//! forced, or once the test says so.

use std::collections::BTreeMap;

use quarrel_protocol::{
    ClientId, Effect, Effects, Ending, Input, Kinded, Monitor, NodeId, NodeSet, Protocol, Report, RequestId,
};
use quarrel_spec::atomic_commit::properties::{CELLS, PROPERTIES};
use quarrel_spec::atomic_commit::{Decision, Output, Properties, Reply, TransactionId, parse};
use quarrel_two_phase_commit::{
    Config, Event, Invariants, Message, Presumption, Record, Timer, TwoPhaseCommit,
};

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) message: Message,
}

/// What was written: by kind of record, how many were forced and how many lazy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Writes {
    pub(crate) forced: usize,
    pub(crate) lazy: usize,
}

/// The cluster and everything it has said.
pub(crate) struct Cluster {
    pub(crate) config: Config,
    /// Who is up.
    pub(crate) nodes: Vec<Option<TwoPhaseCommit>>,
    pub(crate) disks: Vec<Vec<Record>>,
    /// How much of each disk is durable.
    durable: Vec<usize>,
    pub(crate) timers: Vec<Vec<Timer>>,
    pub(crate) wire: Vec<Envelope>,
    pub(crate) events: Vec<(NodeId, Event)>,
    pub(crate) outputs: Vec<(NodeId, Output)>,
    pub(crate) replies: Vec<(RequestId, Reply)>,
    pub(crate) writes: Vec<Writes>,
    pub(crate) sent: BTreeMap<&'static str, usize>,
    properties: Properties,
    invariants: Invariants,
    reports: [Report; 2],
    requests: u32,
}

pub(crate) fn n(number: u8) -> NodeId {
    NodeId(number - 1)
}

/// The first transaction.
pub(crate) const T0: TransactionId = TransactionId(0);

/// The commit of the first transaction.
pub(crate) const COMMIT: Message =
    Message::Decide(quarrel_two_phase_commit::Decide { transaction: T0, decision: Decision::Commit });

/// The abort of the first transaction.
pub(crate) const ABORT: Message =
    Message::Decide(quarrel_two_phase_commit::Decide { transaction: T0, decision: Decision::Abort });

impl Cluster {
    pub(crate) fn new(config: Config) -> Self {
        let size = usize::from(config.nodes());
        let mut cluster = Self {
            nodes: vec![None; size],
            disks: vec![Vec::new(); size],
            durable: vec![0; size],
            timers: vec![Vec::new(); size],
            wire: Vec::new(),
            events: Vec::new(),
            outputs: Vec::new(),
            replies: Vec::new(),
            writes: vec![Writes::default(); size],
            sent: BTreeMap::new(),
            properties: <Properties as Monitor<TwoPhaseCommit>>::new(&config, size),
            invariants: Invariants::new(&config, size),
            reports: [
                Report::new(PROPERTIES, CELLS),
                Report::new(Invariants::properties(), Invariants::cells()),
            ],
            requests: 0,
            config,
        };
        NodeId::all(size).for_each(|node| cluster.boot(node));
        cluster
    }

    /// Two participants, n2 with a0 and n3 with a1, under that presumption.
    pub(crate) fn pair(presumption: Presumption) -> Self {
        Self::new(Config { presumption, ..Config::new(2) })
    }

    fn boot(&mut self, node: NodeId) {
        let mut effects = Effects::default();
        let disk = self.disks[node.index()].clone();
        self.nodes[node.index()] = Some(TwoPhaseCommit::recover(&self.config, node, &disk, &mut effects));
        self.perform(node, &mut effects);
    }

    /// The node crashes and is back at once. Records that nothing waited for are lost.
    pub(crate) fn restart(&mut self, node: NodeId) {
        self.crash(node);
        self.boot(node);
    }

    /// The node crashes; records that nothing waited for are lost.
    pub(crate) fn crash(&mut self, node: NodeId) {
        self.nodes[node.index()] = None;
        self.timers[node.index()].clear();
        self.disks[node.index()].truncate(self.durable[node.index()]);
        Monitor::<TwoPhaseCommit>::on_crash(&mut self.properties, node, &mut self.reports[0]);
        Monitor::<TwoPhaseCommit>::on_fault(&mut self.properties, "crash", &mut self.reports[0]);
    }

    /// The node comes back.
    pub(crate) fn recover(&mut self, node: NodeId) {
        assert!(self.nodes[node.index()].is_none());
        self.boot(node);
        if let Some(state) = &self.nodes[node.index()] {
            self.invariants.on_recover(node, state, &mut self.reports[1]);
        }
    }

    /// A client asks a node; each transaction has its own client, and the next number.
    pub(crate) fn ask(&mut self, words: &str) -> TransactionId {
        self.ask_of(n(1), words)
    }

    pub(crate) fn ask_of(&mut self, node: NodeId, words: &str) -> TransactionId {
        let (client, id) = (ClientId(self.requests as u8), RequestId(self.requests));
        self.requests += 1;
        let request = parse(words).unwrap();
        let (properties, report) = (&mut self.properties, &mut self.reports[0]);
        Monitor::<TwoPhaseCommit>::on_request(properties, client, id, &request, report);
        self.step(node, Input::Request { client, id, oldest: id, request });
        id.into()
    }

    /// Moves 10 from a0 to a1.
    pub(crate) fn transfer(&mut self) -> TransactionId {
        self.ask("withdraw 10 from a0, deposit 10 to a1")
    }

    /// Delivers the messages on the wire that match, in order; not those they cause.
    pub(crate) fn deliver(&mut self, matches: impl Fn(&Envelope) -> bool) {
        let (now, later) = std::mem::take(&mut self.wire).into_iter().partition(matches);
        self.wire = later;
        let now: Vec<Envelope> = now;
        for Envelope { from, to, message } in now {
            if self.nodes[to.index()].is_some() {
                self.step(to, Input::Message { from, message });
            }
        }
    }

    /// Delivers every message of a kind to these nodes.
    pub(crate) fn deliver_kind(&mut self, kind: &str, to: &[NodeId]) {
        self.deliver(|envelope| envelope.message.kind_name() == kind && to.contains(&envelope.to));
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
        Monitor::<TwoPhaseCommit>::on_fault(&mut self.properties, "crash", &mut self.reports[0]);
    }

    /// Fires a timer that is set.
    pub(crate) fn fire(&mut self, node: NodeId, timer: Timer) {
        let timers = &mut self.timers[node.index()];
        let place = timers.iter().position(|set| *set == timer);
        timers.remove(place.unwrap_or_else(|| panic!("{node} has not set {timer}")));
        Monitor::<TwoPhaseCommit>::on_fault(&mut self.properties, "crash", &mut self.reports[0]);
        self.step(node, Input::Timer(timer));
    }

    pub(crate) fn step(&mut self, node: NodeId, input: Input<TwoPhaseCommit>) {
        let mut effects = Effects::default();
        let state = self.nodes[node.index()].as_mut().expect("only a node that is up takes a step");
        state.step(input, &mut effects);
        state.assert_invariants();
        self.perform(node, &mut effects);
    }

    /// Takes only the effects before the first write: the node crashes just before it.
    pub(crate) fn step_to_write(&mut self, node: NodeId, input: Input<TwoPhaseCommit>) {
        let mut effects = Effects::default();
        let state = self.nodes[node.index()].as_mut().expect("only a node that is up takes a step");
        state.step(input, &mut effects);
        let mut cut = Effects::default();
        for effect in effects.drain() {
            match effect {
                Effect::Persist(_) => break,
                Effect::Send { to, message, .. } => drop(cut.send(to, message)),
                Effect::Output(output) => cut.output(output),
                Effect::Announce(event) => cut.announce(event),
                Effect::Reply { client, id, reply } => cut.reply(client, id, reply),
                Effect::Compact(_) | Effect::Barrier => {}
                Effect::SetTimer { .. } | Effect::CancelTimer { .. } => {}
            }
        }
        self.perform(node, &mut cut);
        self.crash(node);
    }

    fn perform(&mut self, node: NodeId, effects: &mut Effects<TwoPhaseCommit>) {
        let index = node.index();
        let waits = |effect: &Effect<TwoPhaseCommit>| {
            matches!(effect, Effect::Send { unsynced: false, .. } | Effect::Reply { .. } | Effect::Output(_))
        };
        let last = effects.as_slice().iter().rposition(waits);
        for (position, effect) in effects.drain().enumerate() {
            match effect {
                Effect::Persist(record) => {
                    self.disks[index].push(record);
                    if last.is_some_and(|last| last > position) {
                        self.writes[index].forced += 1;
                        self.durable[index] = self.disks[index].len();
                    } else {
                        self.writes[index].lazy += 1;
                    }
                }
                Effect::Compact(_) | Effect::Barrier => unreachable!("disks are only appended to"),
                Effect::Send { to, message, .. } => {
                    *self.sent.entry(message.kind_name()).or_default() += 1;
                    self.wire.push(Envelope { from: node, to, message });
                }
                Effect::Reply { client, id, reply } => {
                    let (properties, report) = (&mut self.properties, &mut self.reports[0]);
                    Monitor::<TwoPhaseCommit>::on_reply(properties, node, client, id, &reply, report);
                    self.replies.push((id, reply));
                }
                Effect::Output(output) => {
                    let (properties, report) = (&mut self.properties, &mut self.reports[0]);
                    Monitor::<TwoPhaseCommit>::on_output(properties, node, &output, report);
                    self.outputs.push((node, output));
                }
                Effect::Announce(event) => {
                    self.invariants.on_announce(node, &event, &mut self.reports[1]);
                    self.events.push((node, event));
                }
                Effect::SetTimer { timer, .. } => {
                    self.timers[index].retain(|set| *set != timer);
                    self.timers[index].push(timer);
                }
                Effect::CancelTimer { timer } => self.timers[index].retain(|set| *set != timer),
            }
        }
    }

    /// What a node has decided on a transaction, by its own words.
    pub(crate) fn decided(&self, node: NodeId, transaction: TransactionId) -> Option<Decision> {
        self.outputs.iter().rev().find_map(|&(who, output)| match output {
            Output::Decided { transaction: it, decision } if (who, it) == (node, transaction) => {
                Some(decision)
            }
            _ => None,
        })
    }

    pub(crate) fn node(&self, node: NodeId) -> &TwoPhaseCommit {
        self.nodes[node.index()].as_ref().expect("it is up")
    }

    /// The transactions that a participant is in doubt about.
    pub(crate) fn in_doubt(&self, node: NodeId) -> Vec<TransactionId> {
        self.node(node).participant().expect("a participant").in_doubt().collect()
    }

    /// What is on its way to a node, a line each.
    pub(crate) fn mail(&self, to: NodeId) -> Vec<String> {
        self.wire.iter().filter(|it| it.to == to).map(|it| it.message.to_string()).collect()
    }

    /// What the disk of a node says, a line each.
    pub(crate) fn disk(&self, node: NodeId) -> Vec<String> {
        self.disks[node.index()].iter().map(ToString::to_string).collect()
    }

    /// All writes of these nodes.
    pub(crate) fn written(&self, nodes: impl Iterator<Item = NodeId>) -> Writes {
        nodes.fold(Writes::default(), |sum, node| {
            let Writes { forced, lazy } = self.writes[node.index()];
            Writes { forced: sum.forced + forced, lazy: sum.lazy + lazy }
        })
    }

    pub(crate) fn sent(&self, kind: &str) -> usize {
        self.sent.get(kind).copied().unwrap_or(0)
    }

    /// The run ends; all nodes are up and had time. Nothing may have been violated.
    pub(crate) fn assert_sound(&mut self) {
        let settled = Some(NodeSet::all(self.nodes.len()));
        let (properties, report) = (&mut self.properties, &mut self.reports[0]);
        Monitor::<TwoPhaseCommit>::on_end(properties, Ending { at_ns: 0, settled }, report);
        self.assert_safe();
    }

    /// Nothing may have been violated.
    pub(crate) fn assert_safe(&self) {
        let violations: Vec<_> = self.reports.iter().flat_map(Report::violations).collect();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}
