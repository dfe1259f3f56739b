//! What a scenario says, typed and in the simulator's own units: nanoseconds, parts per million, identities from 0.
//!
//! Nothing here is drawn yet: a [`Draw`] is what the harness resolves, once per run, into the simulator's
//! [`World`](quarrel_sim::world::World).

use std::collections::BTreeMap;

use quarrel_protocol::{ClientId, Lasting, NodeId, NodeSet};
use quarrel_sim::decision::Decision;
use quarrel_sim::fault::Fault;
use quarrel_sim::world::{ClientPolicy, DelayShape, Limits, Rule};
use quarrel_spec::machine::Kind;

use super::check::Mention;
use super::expectation::Expectation;
use super::faults::{Between, Reactive, Recurring, SlowLeader};
use super::raw::Raw;
use super::source::{Place, Source};
use super::treason::Treason;

/// One million: certainty, in parts per million.
pub const CERTAIN_PPM: u32 = 1_000_000;

/// A scenario, valid in itself. Whether the names in it exist is for [`Scenario::check`] to say.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The name it is known by: `raft/figure-8`.
    pub name: String,
    /// The prose on top, line by line, without the `#`.
    pub about: Vec<String>,
    /// The protocol's name.
    pub protocol: String,
    /// How many nodes: 1 to 64.
    pub nodes: Draw<u8>,
    /// How long faults may strike, in nanoseconds.
    pub duration_ns: Draw<u64>,
    /// How long the world goes on after everything has healed, in nanoseconds.
    pub healing_ns: u64,
    /// Which `sometimes` cells the scenario owes.
    pub owes: Owes,
    /// Options of the protocol, by name, for the protocol's own reader: see [`Raw`] and [`Scenario::explain`].
    pub config: BTreeMap<String, Raw>,
    /// The network.
    pub network: Network,
    /// The disks.
    pub disk: Disk,
    /// The clocks and timers.
    pub clock: Clock,
    /// Faults that strike again and again, in the order of [`Strikes`](super::Strikes): at most one of each class.
    pub recurring: Vec<Recurring>,
    /// The nemesis that watches for leaders, if there is one.
    pub leader: Option<Reactive>,
    /// The nemesis that slows a leader's clock, if there is one.
    pub slow_leader: Option<SlowLeader>,
    /// The nemesis that crashes nodes between two steps, if there is one.
    pub between: Option<Between>,
    /// The traitors that are drawn, if there may be any.
    pub traitor: Option<Treason>,
    /// What clients ask, and when.
    pub workload: Workload,
    /// What an operator asks of nodes now and then, if there is one.
    pub operator: Option<Operator>,
    /// What must come back after the faults, if anything must.
    pub recovery: Option<Recovery>,
    /// When to stop a run that has gone wild.
    pub limits: Limits,
    /// What the scenario promises never to fall below.
    pub floor: Floor,
    /// The exact timeline: faults at a time, in the order of the file.
    pub timeline: Vec<Fault>,
    /// The exact timeline: faults at a named announcement, in the order of the file.
    pub rules: Vec<Rule>,
    /// Decisions written by hand; no two have the same key.
    pub decisions: Vec<Decision>,
    /// Client operations written by hand, in the order of the file.
    pub operations: Vec<Asked>,
    /// Orders of an operator written by hand, in the order of the file.
    pub orders: Vec<Ordered>,
    /// What must come out; no two speak of the same flaw. See [`Scenario::expected`].
    pub expectations: Vec<Expectation>,
    /// What `--set` pinned, key and value.
    pub pins: Vec<(String, String)>,
    pub(super) source: Source,
    pub(super) mentions: Vec<Mention>,
}

/// A value that the profile of a run draws.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Draw<T> {
    /// Always this.
    Fixed(T),
    /// From the first to the second, both included; the first is not greater.
    Between(T, T),
    /// One of these; there is at least one.
    OneOf(Vec<T>),
    /// Drawn with this probability, in parts per million; otherwise the class is off.
    Chance {
        /// The probability, in parts per million.
        chance_ppm: u32,
        /// What is drawn then.
        then: Box<Draw<T>>,
    },
}

impl<T: Copy + Ord> Draw<T> {
    /// The least value that can be drawn, other than "off".
    #[must_use]
    pub fn least(&self) -> T {
        match self {
            Draw::Fixed(value) | Draw::Between(value, _) => *value,
            Draw::OneOf(values) => *values.iter().min().expect("a choice is never empty"),
            Draw::Chance { then, .. } => then.least(),
        }
    }

    /// The greatest value that can be drawn.
    #[must_use]
    pub fn most(&self) -> T {
        match self {
            Draw::Fixed(value) | Draw::Between(_, value) => *value,
            Draw::OneOf(values) => *values.iter().max().expect("a choice is never empty"),
            Draw::Chance { then, .. } => then.most(),
        }
    }

    /// The value, if nothing is left to be drawn.
    #[must_use]
    pub const fn fixed(&self) -> Option<T> {
        match self {
            Draw::Fixed(value) => Some(*value),
            _ => None,
        }
    }
}

/// Which `sometimes` cells a scenario owes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Owes {
    /// None: the default.
    #[default]
    Nothing,
    /// Every cell that it can reach: `owes = "all"`.
    All,
    /// These.
    Cells(Vec<String>),
}

/// `[network]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Network {
    /// What order the messages of a link arrive in. Default any.
    pub order: Order,
    /// Base latency of a link, drawn once per link or run; at least 1 ns. Default 1 ms.
    pub latency_ns: Draw<u64>,
    /// Uniform extra latency of every message; 0 makes links constant. Default 0.
    pub spread_ns: Draw<u64>,
    /// Probability that a message is lost. Default 0.
    pub loss_ppm: Draw<u32>,
    /// Probability that a message arrives twice. Default 0.
    pub duplication_ppm: Draw<u32>,
    /// Probability that a message is held up. Default 0.
    pub delay_ppm: Draw<u32>,
    /// The longest time it is held up; below 2³¹ microseconds. Default 100 ms.
    pub delay_max_ns: Draw<u64>,
    /// The distributions of those delays that a run draws from; never empty. Default uniform.
    pub delay_shapes: Vec<DelayShape>,
    /// Factor on the latency of one drawn link, 1 to 1,000. Default 1.
    pub slow_links: Draw<u32>,
    /// Factor on the latency of all links of one drawn node, 1 to 1,000. Default 1.
    pub slow_nodes: Draw<u32>,
}

/// In what order the messages of one link from node to node arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// A later one may overtake an earlier one: the default.
    #[default]
    Any,
    /// As they were sent, but for those that are lost.
    Fifo,
}

/// `[disk]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disk {
    /// Base latency of a sync; 0 makes writes durable at once. Default 0.
    pub sync_ns: Draw<u64>,
    /// Probability that a sync takes longer. Default 0.
    pub slow_sync_ppm: Draw<u32>,
    /// The longest such addition. Default 50 ms.
    pub slow_sync_max_ns: Draw<u64>,
    /// Probability that a crash takes some of the un-synced records. Default 0.
    pub lost_writes_ppm: Draw<u32>,
    /// Probability that a crash cuts what was leaving the node at that instant. Default 0.
    pub cut_broadcasts_ppm: Draw<u32>,
    /// Probability that a crash that takes writes leaves half of the first. Default 0.
    pub torn_writes_ppm: Draw<u32>,
    /// In what order un-synced writes reach the disk: a run draws one; never empty. Default as they were written.
    pub orders: Vec<WriteOrder>,
}

/// In what order un-synced writes reach a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WriteOrder {
    /// As they were written, so that a crash takes the newest: the default.
    #[default]
    Written,
    /// Any, so that a crash may take an older one and leave a newer one.
    Any,
}

/// `[clock]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clock {
    /// The greatest rate error of a node's clock, either way, in parts per million; below 900,000. Default 0.
    pub drift_ppm: Draw<u32>,
    /// The most that a node's clock says at the beginning: each node draws its own. Default 0.
    pub offset_ns: Draw<u64>,
    /// Probability that a timer fires at a drawn point of its range rather than at its staggered default. Default 0.
    pub timer_spread_ppm: Draw<u32>,
}

/// `[liveness]`: after the faults a core heals for good, and must come back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// Who heals. Default: drawn, at least as many as the protocol needs. Whoever names fewer asks for more than it
    /// promises.
    pub core: Option<NodeSet>,
    /// Probability that some nodes do not heal. Default 0.
    pub outsiders_ppm: u32,
    /// What may ail those; empty means all that the protocol promises to live with.
    pub stay: Vec<Lasting>,
    /// For how many rounds (a timeout of the protocol, a client's patience, messages and disks) the core may go without
    /// progress: 1 to 10,000. Default 20.
    pub rounds: u32,
}

/// `[workload]`: what clients ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Workload {
    /// How many operations; up to 10,000,000. Default 0.
    pub operations: Draw<u32>,
    /// How many clients share them: 0 to 64. Default 1.
    pub clients: Draw<u8>,
    /// The mean gap between operations; at least 1 µs. Default 10 ms.
    pub every_ns: Draw<u64>,
    /// How many operations come in one burst, with a pause after it that keeps the mean gap: 1 to 10,000. Default 1.
    pub burst: Draw<u32>,
    /// The state machines that a run draws from, for a protocol that runs one; never empty. Default a register. How many
    /// accounts or seats there are is for `keys` to say.
    pub machines: Vec<Kind>,
    /// Where the file says which, if it does.
    pub machine_place: Option<Place>,
    /// How many keys, accounts, seats, locks or members there are: 1 to 10,000. Default 5.
    pub keys: Draw<u16>,
    /// Probability that an operation only reads. Default 0.
    pub reads_ppm: Draw<u32>,
    /// Probability that a key is drawn from a distribution in which few keys are hot, instead of evenly. Default 0.
    pub skew_ppm: Draw<u32>,
    /// Whether a client waits for one outcome before it asks for the next. Default no.
    pub closed_loop: Draw<bool>,
    /// How long such a client thinks between. Default 0.
    pub think_ns: Draw<u64>,
    /// How often an operation is sent at most: 1 to 10,000. Default 20.
    pub attempts: Draw<u32>,
    /// How a client waits and asks again.
    pub policy: ClientPolicy,
}

/// `[operator]`: somebody asks nodes, now and then, for what only this protocol can be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operator {
    /// Probability that there is one in a run. Default certain.
    pub chance_ppm: u32,
    /// The gap between one order and the next; at least 1 ms.
    pub every_ns: Draw<u64>,
    /// The kinds of orders to draw from; empty means all that the protocol takes.
    pub asks: Vec<String>,
    /// When orders are given: a run draws one of these; never empty. Default at any time.
    pub during: Vec<During>,
}

/// When an operator gives orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum During {
    /// At any time: the default.
    #[default]
    Always,
    /// Only while a partition of `[faults.partition]` or of the timeline holds.
    Partition,
}

/// `[floor]`: so that speed is never bought with emptiness.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Floor {
    /// The least number of nodes.
    pub nodes_min: Option<u8>,
    /// The least duration.
    pub duration_min_ns: Option<u64>,
    /// The least number of client operations.
    pub operations_min: Option<u32>,
    /// The least median, by name of a cell or of a class of faults, over the runs whose profile has the class on.
    pub medians: BTreeMap<String, u64>,
}

/// `[[operation]]`: a client operation written by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// When the client first asks.
    pub at_ns: u64,
    /// Which client.
    pub client: ClientId,
    /// Whom it asks first; `None` for whomever it believes to lead.
    pub node: Option<NodeId>,
    /// What it asks, in the protocol's own words; `None` for what the workload would ask.
    pub words: Option<String>,
    /// Where it says so.
    pub place: Place,
}

/// `[[order]]`: an order of an operator written by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ordered {
    /// When it is given.
    pub at_ns: u64,
    /// To whom.
    pub node: NodeId,
    /// What it asks, in the protocol's own words.
    pub words: String,
    /// Where it says so.
    pub place: Place,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { core: None, outsiders_ppm: 0, stay: Vec::new(), rounds: 20 }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            order: Order::Any,
            latency_ns: Draw::Fixed(1_000_000),
            spread_ns: Draw::Fixed(0),
            loss_ppm: Draw::Fixed(0),
            duplication_ppm: Draw::Fixed(0),
            delay_ppm: Draw::Fixed(0),
            delay_max_ns: Draw::Fixed(100_000_000),
            delay_shapes: vec![DelayShape::Uniform],
            slow_links: Draw::Fixed(1),
            slow_nodes: Draw::Fixed(1),
        }
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            sync_ns: Draw::Fixed(0),
            slow_sync_ppm: Draw::Fixed(0),
            slow_sync_max_ns: Draw::Fixed(50_000_000),
            lost_writes_ppm: Draw::Fixed(0),
            cut_broadcasts_ppm: Draw::Fixed(0),
            torn_writes_ppm: Draw::Fixed(0),
            orders: vec![WriteOrder::Written],
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self { drift_ppm: Draw::Fixed(0), offset_ns: Draw::Fixed(0), timer_spread_ppm: Draw::Fixed(0) }
    }
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            operations: Draw::Fixed(0),
            clients: Draw::Fixed(1),
            every_ns: Draw::Fixed(10_000_000),
            burst: Draw::Fixed(1),
            machines: vec![Kind::default()],
            machine_place: None,
            keys: Draw::Fixed(5),
            reads_ppm: Draw::Fixed(0),
            skew_ppm: Draw::Fixed(0),
            closed_loop: Draw::Fixed(false),
            think_ns: Draw::Fixed(0),
            attempts: Draw::Fixed(ClientPolicy::default().attempts_max),
            policy: ClientPolicy::default(),
        }
    }
}
