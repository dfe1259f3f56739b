//! Worlds built by hand, and what came of them.

use quarrel_protocol::{ClientId, Ending, NodeId, NodeSet, RequestId, Violation};
use quarrel_sim::decision::{Decision, DecisionKind, Endpoint, Fate, Key, Remains, Which};
use quarrel_sim::fault::{Action, Fault, FaultClass, Shape};
use quarrel_sim::record::TraceEvent;
use quarrel_sim::world::{
    Arrival, ClientPolicy, Limits, Liveness, Operation, Order, Rates, Reaction, Repeats, Rule, When, World,
};
use quarrel_sim::{Chooser, Cluster, End, Observer, Plan, Tally};

use crate::toy::{Chore, ChoreKind, Config, Event, Kind, Number, Op, Reply, Script, Timer, TimerKind, Toy};

pub(crate) const MS: u64 = 1_000_000;

/// An experiment: a world, what is asked, and what is decided by hand.
#[derive(Clone)]
pub(crate) struct Lab {
    pub(crate) world: World,
    pub(crate) config: Config,
    pub(crate) operations: Vec<Operation<Script>>,
    pub(crate) orders: Vec<Order<Chore>>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) rules: Vec<Rule>,
    /// The seed of random decisions; without one, all are the default.
    pub(crate) seed: Option<u64>,
}

/// What came of it.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) tally: Tally,
    /// What observers heard, in order.
    pub(crate) log: Vec<String>,
    /// What observers were told of the world.
    pub(crate) hearing: Hearing,
    pub(crate) decisions: Vec<(Decision, Which)>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) events: Vec<TraceEvent>,
    pub(crate) never_asked: u64,
}

impl Lab {
    /// Nodes with links of 1 ms, disks that sync at once, 1 s of time and no healing; clients ask once.
    pub(crate) fn new(nodes: u8) -> Self {
        let count = usize::from(nodes);
        let world = World {
            nodes,
            clients: 4,
            duration_ns: 1000 * MS,
            healing_ns: 0,
            liveness: None,
            latency_ns: vec![MS; count * count],
            fifo: false,
            client_latency_ns: 1,
            sync_ns: vec![0; count],
            unordered: false,
            clock_ppm: vec![0; count],
            clock_offset_ns: Vec::new(),
            client: ClientPolicy { timeout_ns: 100 * MS, attempts_max: 1, ..ClientPolicy::default() },
            rates: Rates::default(),
            limits: Limits::default(),
            traitors: NodeSet::EMPTY,
            faults: Vec::new(),
        };
        let config = Config::default();
        let (operations, orders) = (Vec::new(), Vec::new());
        Self { world, config, operations, orders, decisions: Vec::new(), rules: Vec::new(), seed: None }
    }

    /// Un-synced writes reach the disks in any order.
    pub(crate) fn unordered(mut self) -> Self {
        self.world.unordered = true;
        self
    }

    /// A disk sync takes so long on every node.
    pub(crate) fn sync(mut self, ms: u64) -> Self {
        self.world.sync_ns.fill(ms * MS);
        self
    }

    pub(crate) fn healing(mut self, duration_ms: u64, healing_ms: u64) -> Self {
        (self.world.duration_ns, self.world.healing_ns) = (duration_ms * MS, healing_ms * MS);
        self
    }

    /// Every node does this when it starts.
    pub(crate) fn boot(mut self, orders: Vec<Op>) -> Self {
        self.config.boot = orders;
        self
    }

    /// At that time, to the nanosecond, the node is told to do this.
    pub(crate) fn tell(mut self, ms: u64, node: u8, orders: Vec<Op>) -> Self {
        let id = RequestId(self.operations.len() as u32);
        let (at_ns, client) = (ms * MS - self.world.client_latency_ns, ClientId(0));
        self.operations.push(Operation {
            at_ns,
            client,
            asks: Some(NodeId(node)),
            id,
            repeats: Repeats::Freely,
            request: Script(orders),
        });
        self
    }

    /// At that time a client begins to ask whomever it believes to lead.
    pub(crate) fn ask(mut self, ms: u64, client: u8, orders: Vec<Op>) -> Self {
        let id = RequestId(self.operations.len() as u32);
        let (client, request) = (ClientId(client), Script(orders));
        self.operations.push(Operation {
            at_ns: ms * MS,
            client,
            asks: None,
            id,
            repeats: Repeats::Freely,
            request,
        });
        self
    }

    /// What was asked last may not be asked again.
    pub(crate) fn once(mut self) -> Self {
        self.operations.last_mut().expect("something is asked").repeats = Repeats::Never;
        self
    }

    /// At that time the operator asks the node to sweep, and this is what it does then.
    pub(crate) fn sweep(mut self, ms: u64, node: u8, number: u64, then: Vec<Op>) -> Self {
        let admin = Chore { kind: ChoreKind::Sweep, number, then };
        self.orders.push(Order { at_ns: ms * MS, node: NodeId(node), admin });
        self
    }

    /// Links keep the order of their messages.
    pub(crate) fn fifo(mut self) -> Self {
        self.world.fifo = true;
        self
    }

    pub(crate) fn patience(mut self, timeout_ms: u64, attempts_max: u32) -> Self {
        self.world.client = ClientPolicy { timeout_ns: timeout_ms * MS, attempts_max, ..self.world.client };
        self
    }

    /// Each client asks one after the other, and thinks so long between.
    pub(crate) fn closed(mut self, think_ms: u64) -> Self {
        self.world.client.arrival = Arrival::Closed { think_ns: think_ms * MS };
        self
    }

    /// The world heals then; that core must come back, and may go so long without progress.
    pub(crate) fn liveness(mut self, duration_ms: u64, core: NodeSet, bound_ms: u64) -> Self {
        self.world.duration_ns = duration_ms * MS;
        self.world.liveness = Some(Liveness { core, bound_ns: bound_ms * MS, latency_ns: MS });
        self
    }

    pub(crate) fn fault(mut self, at_ms: u64, lasting_ms: Option<u64>, action: Action) -> Self {
        let lasting_ns = lasting_ms.map(|ms| ms * MS);
        self.world.faults.push(Fault { at_ns: at_ms * MS, lasting_ns, action });
        self
    }

    pub(crate) fn decide(mut self, decision: Decision) -> Self {
        self.decisions.push(decision);
        self
    }

    pub(crate) fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    pub(crate) fn random(mut self, seed: u64, rates: Rates) -> Self {
        (self.seed, self.world.rates) = (Some(seed), rates);
        self
    }

    pub(crate) fn run(&self) -> Run {
        self.run_in::<0>()
    }

    /// Runs with the message kinds of that vocabulary.
    pub(crate) fn run_in<const V: u8>(&self) -> Run {
        self.try_run::<V>(true).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs without keeping anything.
    pub(crate) fn run_unrecorded(&self) -> Tally {
        self.try_run::<0>(false).unwrap_or_else(|error| panic!("{error}")).tally
    }

    pub(crate) fn try_run<const V: u8>(&self, records: bool) -> Result<Run, String> {
        let names = Cluster::<Toy<V>, Log>::names(&self.world);
        let chooser = match self.seed {
            Some(seed) => Chooser::random(names, seed, self.world.rates, &self.decisions),
            None => Chooser::replay(names, &self.decisions),
        };
        let plan = Plan {
            world: self.world.clone(),
            config: (self.world.nodes, self.config.clone()),
            operations: self.operations.clone(),
            orders: self.orders.clone(),
        };
        let seed = self.seed.unwrap_or(0);
        let mut cluster =
            Cluster::<Toy<V>, Log>::new(plan, self.rules.clone(), seed, chooser, Log::default())?;
        if records {
            cluster.record_events();
            cluster.record_decisions();
        }
        let tally = cluster.run();
        let never_asked = cluster.never_asked();
        let (decisions, faults, events) = cluster.take_recorded();
        let Log(log, hearing) = cluster.into_observer();
        Ok(Run { tally, log, hearing, decisions, faults, events, never_asked })
    }

    /// The experiment without chance that a recorded run amounts to.
    pub(crate) fn replaying(&self, run: &Run) -> Self {
        let mut lab = self.clone();
        lab.decisions = run.decisions.iter().map(|(decision, _)| decision.clone()).collect();
        lab.world.faults = run.faults.clone();
        (lab.rules, lab.seed) = (Vec::new(), None);
        lab
    }
}

impl Run {
    /// How many operations were started, and how many were answered.
    pub(crate) fn operations(&self) -> (u64, u64) {
        (self.tally.asked.started, self.tally.asked.answered)
    }

    /// When what happened to that node or client, in milliseconds and microseconds after them: `11 tell 1`.
    pub(crate) fn at(&self, who: &str, kind: &str) -> Vec<String> {
        let who: Endpoint = who.parse().unwrap();
        let events = self.events.iter().filter(|event| event.who == Some(who) && event.kind == kind);
        events.map(|event| format!("{} {}", clock(event.at), event.what)).collect()
    }

    pub(crate) fn delivered(&self, who: &str) -> Vec<String> {
        self.at(who, "deliver")
    }

    pub(crate) fn fired(&self, who: &str) -> Vec<String> {
        self.at(who, "timer")
    }

    /// What observers heard that begins so.
    pub(crate) fn heard(&self, start: &str) -> Vec<&str> {
        self.log.iter().map(String::as_str).filter(|line| line.starts_with(start)).collect()
    }

    pub(crate) fn struck(&self, class: FaultClass) -> u64 {
        self.tally.struck.of(class)
    }

    pub(crate) fn halted(&self) -> Option<&Violation> {
        self.tally.halted.as_ref()
    }
}

/// A time in milliseconds, with the rest in nanoseconds if there is one.
pub(crate) fn clock(ns: u64) -> String {
    match (ns / MS, ns % MS) {
        (ms, 0) => ms.to_string(),
        (ms, rest) => format!("{ms}+{rest}ns"),
    }
}

/// What an observer does not want to live beyond.
const ENOUGH: &str = "puts out 999";

/// An observer that writes down what it is told.
#[derive(Default)]
pub(crate) struct Log(Vec<String>, Hearing);

/// What an observer is told of the world.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Hearing {
    /// Each time that it was, in nanoseconds.
    pub(crate) times: Vec<u64>,
    /// Each fault that changed something, and the latest time by then.
    pub(crate) faults: Vec<(u64, FaultClass)>,
    pub(crate) endings: Vec<Ending>,
}

impl<const V: u8> Observer<Toy<V>> for Log {
    fn on_request(&mut self, _: u64, client: ClientId, id: RequestId, _: &Script) {
        self.0.push(format!("{client} asks {id}"));
    }

    fn on_end(&mut self, _: u64, client: ClientId, id: RequestId, end: End<'_, Toy<V>>) {
        self.0.push(match end {
            End::Ok(reply) => format!("{client} has {id}: {reply}"),
            End::Failed => format!("{client}'s {id} has failed"),
            End::Unknown => format!("{client} gives {id} up"),
        });
    }

    fn on_announce(&mut self, node: NodeId, event: &Event) {
        self.0.push(format!("{node} {event}"));
    }

    fn on_output(&mut self, node: NodeId, output: &Number) {
        self.0.push(format!("{node} puts out {output}"));
    }

    fn on_reply(&mut self, node: NodeId, client: ClientId, id: RequestId, reply: &Reply) {
        self.0.push(format!("{node} answers {client} {id}: {reply}"));
    }

    fn after_step(&mut self, _: NodeId, _: &Toy<V>) {}

    fn on_crash(&mut self, node: NodeId) {
        self.0.push(format!("{node} crashes"));
    }

    fn on_recover(&mut self, node: NodeId, state: &Toy<V>) {
        self.0.push(format!("{node} recovers {:?}", state.recovered));
    }

    fn on_fault(&mut self, class: FaultClass) {
        self.1.faults.push((self.1.times.last().copied().unwrap_or(0), class));
    }

    fn on_time(&mut self, now_ns: u64) {
        self.1.times.push(now_ns);
    }

    fn on_finish(&mut self, ending: Ending) {
        self.1.endings.push(ending);
    }

    fn is_over(&self) -> bool {
        self.0.last().is_some_and(|line| line.ends_with(ENOUGH))
    }

    /// A node that has put out the most has got furthest.
    fn lag(&self, core: NodeSet) -> Option<String> {
        let outputs =
            |node: NodeId| self.0.iter().filter(|line| line.starts_with(&format!("{node} puts out"))).count();
        let counts: Vec<usize> = core.iter().map(outputs).collect();
        (counts.iter().min() != counts.iter().max()).then(|| format!("outputs differ: {counts:?}"))
    }
}

// --- Orders ---

pub(crate) fn ask(to: u8, number: u64) -> Op {
    Op::Send(to, Kind::Ask, number, Vec::new())
}

pub(crate) fn tell(to: u8, number: u64) -> Op {
    Op::Send(to, Kind::Tell, number, Vec::new())
}

pub(crate) fn tick(number: u64, then: Vec<Op>) -> Timer {
    Timer { kind: TimerKind::Tick, number, then }
}

pub(crate) fn tock(number: u64, then: Vec<Op>) -> Timer {
    Timer { kind: TimerKind::Tock, number, then }
}

/// Sets a timer that does nothing, to a range in milliseconds.
pub(crate) fn set_tick(number: u64, min_ms: u64, max_ms: u64) -> Op {
    Op::Set(tick(number, Vec::new()), min_ms * MS, max_ms * MS)
}

// --- Faults ---

pub(crate) fn nodes<const N: usize>(indices: [u8; N]) -> NodeSet {
    indices.into_iter().map(NodeId).collect()
}

pub(crate) fn crash<const N: usize>(indices: [u8; N]) -> Action {
    Action::Crash { nodes: nodes(indices) }
}

pub(crate) fn crash_at_write(node: u8, write: u32) -> Action {
    Action::CrashAtWrite { node: NodeId(node), write }
}

pub(crate) fn pause<const N: usize>(indices: [u8; N]) -> Action {
    Action::Pause { nodes: nodes(indices) }
}

pub(crate) fn one_way(from: u8, to: u8) -> Action {
    Action::Partition { shape: Shape::OneWay, cuts: vec![(nodes([from]), nodes([to]))] }
}

pub(crate) fn expire(node: u8, timer: &str) -> Action {
    Action::Expire { node: NodeId(node), timer: timer.to_string() }
}

// --- Decisions ---

pub(crate) fn decision(
    kind: DecisionKind,
    source: &str,
    target: &str,
    of: &str,
    nth: u32,
    value: u64,
) -> Decision {
    let (source, target) = (source.parse().unwrap(), target.parse().unwrap());
    Decision { key: Key { kind, source, target, of: of.to_string(), which: Which::Nth(nth) }, value }
}

pub(crate) fn fate(of: &str, from: &str, to: &str, nth: u32, fate: Fate) -> Decision {
    decision(DecisionKind::Fate, from, to, of, nth, fate.encode())
}

pub(crate) fn lost(node: &str, nth: u32, records: u64) -> Decision {
    decision(DecisionKind::Lost, node, node, "", nth, records)
}

pub(crate) fn torn(node: &str, nth: u32) -> Decision {
    decision(DecisionKind::Torn, node, node, "", nth, 1)
}

pub(crate) fn remains(node: &str, nth: u32, remains: Remains) -> Decision {
    decision(DecisionKind::Write, node, node, "", nth, remains.encode())
}

pub(crate) fn cut(node: &str, nth: u32, effects: u64) -> Decision {
    decision(DecisionKind::Cut, node, node, "", nth, effects)
}

/// The timer fires so long after the least point of its range.
pub(crate) fn fires(node: &str, of: &str, nth: u32, after_ns: u64) -> Decision {
    decision(DecisionKind::Timer, node, node, of, nth, after_ns + 1)
}

// --- Rules ---

/// Every such announcement is answered at once, for 5 ms.
pub(crate) fn on(event: &str, then: Reaction) -> Rule {
    Rule {
        when: When { node: None, event: event.to_string(), fields: Vec::new(), nth: None },
        before: None,
        chance_ppm: 1_000_000,
        after_ns: (0, 0),
        lasting_ns: Some((5 * MS, 5 * MS)),
        lasts_as: None,
        then,
    }
}
