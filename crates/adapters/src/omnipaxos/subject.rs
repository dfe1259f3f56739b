//! The crate on trial: its options in scenarios, its clients, its operators.

use std::ops::RangeInclusive;

use quarrel_formats::scenario::{Complaint, Draw, Off, Raw};
use quarrel_harness::dice::Dice;
use quarrel_harness::history::Spelled;
use quarrel_harness::subject::{Asker, Operator, RawOptions, Setting, Subject};
use quarrel_protocol::{After, Flaw, Lasting, NodeId, NodeSet};
use quarrel_sim::time::{MICROSECOND, SECOND};
use quarrel_spec::machine::{Call, Kind, Outcome};
use quarrel_spec::replicated_log::{self, Properties, StateMachine};
use quarrel_spec::workload::Workload;

use super::config::{Compaction, Config, LIVES_WITH, Links};
use super::flaw::{FLAWS, FlawSet};
use super::invariants::Invariants;
use super::node::OmniPaxos;
use super::order::Order;

/// The options, as a scenario gives them.
#[derive(Clone)]
pub struct Options {
    tick: After,
    election_ticks: Draw<u32>,
    resend_ticks: Draw<u32>,
    flush_ticks: Draw<u32>,
    batch_size: Draw<u32>,
    buffer_size: Draw<u32>,
    flexible_quorum: Draw<bool>,
    leader_priority: Draw<bool>,
    compaction: Draw<Compaction>,
    compact_every: Draw<u32>,
    compact_all: Draw<bool>,
    links: Draw<Links>,
    reconnect: Draw<bool>,
    atomic: Draw<bool>,
}

/// What a timeout may be, in nanoseconds.
const TICKS_NS: RangeInclusive<u64> = MICROSECOND..=1_000 * SECOND;
const COMPACTIONS: &[(&str, Compaction)] = &[
    ("off", Compaction::Off),
    ("trim", Compaction::Trim),
    ("snapshot", Compaction::Snapshot),
    ("mixed", Compaction::Mixed),
];
const LINKS: &[(&str, Links)] = &[("connections", Links::Connections), ("bare", Links::Bare)];

impl Subject for OmniPaxos {
    type Invariants = Invariants;
    type Properties = Properties;
    type Service = StateMachine;
    type Options = Options;

    const FLAWS: &'static [Flaw] = FLAWS;
    const OPTIONS: &'static [&'static str] = &[
        "tick",
        "election-ticks",
        "resend-ticks",
        "flush-ticks",
        "batch-size",
        "buffer-size",
        "flexible-quorum",
        "leader-priority",
        "compaction",
        "compact-every",
        "compact-all",
        "links",
        "reconnect",
        "atomic",
    ];

    fn options(raw: &RawOptions) -> Result<Options, Complaint> {
        let usual = Config::new(3);
        let mut options = Options {
            tick: usual.tick,
            election_ticks: Draw::Fixed(usual.election_ticks),
            resend_ticks: Draw::Fixed(usual.resend_ticks),
            flush_ticks: Draw::Fixed(usual.flush_ticks),
            batch_size: Draw::Fixed(usual.batch_size),
            buffer_size: Draw::Fixed(usual.buffer_size),
            flexible_quorum: Draw::Fixed(false),
            leader_priority: Draw::Fixed(false),
            compaction: Draw::Fixed(usual.compaction),
            compact_every: Draw::Fixed(usual.compact_every),
            compact_all: Draw::Fixed(usual.compact_all),
            links: Draw::Fixed(usual.links),
            reconnect: Draw::Fixed(usual.reconnect),
            atomic: Draw::Fixed(usual.atomic),
        };
        if let Some(tick) = raw.get("tick") {
            let (min_ns, max_ns) = tick.range(|raw| raw.duration(TICKS_NS))?;
            options.tick = After::between(min_ns, max_ns);
        }
        let count = |raw: &Raw| raw.integer(1..=100_000);
        read(raw, "election-ticks", &mut options.election_ticks, count)?;
        read(raw, "resend-ticks", &mut options.resend_ticks, count)?;
        read(raw, "flush-ticks", &mut options.flush_ticks, count)?;
        read(raw, "batch-size", &mut options.batch_size, count)?;
        read(raw, "buffer-size", &mut options.buffer_size, count)?;
        read(raw, "flexible-quorum", &mut options.flexible_quorum, Raw::flag)?;
        read(raw, "leader-priority", &mut options.leader_priority, Raw::flag)?;
        read(raw, "compaction", &mut options.compaction, |raw| raw.word(COMPACTIONS))?;
        read(raw, "compact-every", &mut options.compact_every, |raw| raw.integer(0..=100_000))?;
        read(raw, "compact-all", &mut options.compact_all, Raw::flag)?;
        read(raw, "links", &mut options.links, |raw| raw.word(LINKS))?;
        read(raw, "reconnect", &mut options.reconnect, Raw::flag)?;
        read(raw, "atomic", &mut options.atomic, Raw::flag)?;
        Ok(options)
    }

    fn lasting(_: &Config) -> &'static [Lasting] {
        LIVES_WITH
    }

    fn configure(options: &Options, setting: Setting<'_>, dice: &mut Dice) -> Config {
        let Setting { nodes, flaws, machine } = setting;
        let mut count = |draw: &Draw<u32>| dice.count(draw).unwrap_or_else(|| draw.least());
        let election_ticks = count(&options.election_ticks);
        let resend_ticks = count(&options.resend_ticks);
        let flush_ticks = count(&options.flush_ticks);
        let batch_size = count(&options.batch_size);
        let buffer_size = count(&options.buffer_size);
        let compact_every = count(&options.compact_every);
        let quorum = dice.flag(&options.flexible_quorum).then(|| draw_quorum(nodes, dice)).flatten();
        let priorities = match dice.flag(&options.leader_priority) {
            true => (0..nodes).map(|_| dice.between(0, 5) as u32).collect(),
            false => Vec::new(),
        };
        Config {
            nodes,
            tick: options.tick,
            election_ticks,
            resend_ticks,
            flush_ticks,
            batch_size,
            buffer_size,
            quorum,
            priorities,
            compaction: pick(&options.compaction, dice),
            compact_every,
            compact_all: dice.flag(&options.compact_all),
            links: pick(&options.links, dice),
            reconnect: dice.flag(&options.reconnect),
            atomic: dice.flag(&options.atomic),
            machine,
            flaws: FlawSet::from_names(flaws).expect("a trial checks the names of flaws"),
        }
    }

    fn without_flaws(config: Config) -> Config {
        Config { flaws: FlawSet::NONE, ..config }
    }

    fn fits(config: &Config, nodes: u8) -> Result<(), String> {
        if config.nodes != nodes {
            return Err(format!("it is for {} nodes, the world has {nodes}", config.nodes));
        }
        if !TICKS_NS.contains(&config.tick.min_ns) || !TICKS_NS.contains(&config.tick.max_ns) {
            return Err("a tick is no time between 1us and 1000s".to_string());
        }
        if config.tick.min_ns > config.tick.max_ns {
            return Err("the range of a tick is reversed".to_string());
        }
        config.check()
    }

    fn core_min(config: &Config, _: u8) -> u8 {
        let (read, write) = config.quorums();
        read.max(write)
    }

    fn round_ns(config: &Config) -> u64 {
        config.round_ns()
    }

    fn request(asker: &mut Asker<'_>) -> Call {
        replicated_log::ask(asker.workload, asker.number, asker.client, asker.dice)
    }

    fn scan(workload: &Workload, core: NodeSet, number: u32) -> Vec<(Option<NodeId>, Call)> {
        replicated_log::scan(workload, core, number)
    }

    fn parse_request(words: &str) -> Result<Call, String> {
        words.parse()
    }

    fn order(operator: &mut Operator<'_, Self>) -> Order {
        match operator.kind {
            "trim" => Order::Trim,
            "snapshot" => Order::Snapshot,
            "snapshot-all" => Order::SnapshotAll,
            "reconfigure" => Order::Reconfigure,
            "reconnect" => Order::Reconnect,
            "prioritise" => Order::Prioritise(operator.dice.between(0, 5) as u32),
            kind => unreachable!("{kind} is no kind of order"),
        }
    }

    fn parse_order(words: &str) -> Result<Order, String> {
        words.parse()
    }

    fn misfit(call: &Call, machines: &[Kind]) -> Option<String> {
        let stranger = machines.iter().find(|machine| machine.name() != call.kind_name())?;
        let asked = call.kind_name();
        Some(format!("this is asked of a {asked}, and the machine of [workload] is a {stranger}"))
    }

    fn spell(call: &Call, answer: Option<&Outcome>) -> Option<Spelled> {
        Spelled::of_call(call, answer)
    }
}

/// Reads an option that a run may draw.
fn read<T: PartialOrd + Copy>(
    raw: &RawOptions,
    name: &str,
    into: &mut Draw<T>,
    read: impl Fn(&Raw) -> Result<T, Complaint>,
) -> Result<(), Complaint> {
    if let Some(value) = raw.get(name) {
        *into = value.draw(Off::Impossible, read)?;
    }
    Ok(())
}

fn pick<T: Copy>(draw: &Draw<T>, dice: &mut Dice) -> T {
    match draw {
        Draw::Fixed(value) | Draw::Between(value, _) => *value,
        Draw::OneOf(values) => *dice.pick(values),
        Draw::Chance { then, .. } => pick(then, dice),
    }
}

/// Any quorums that the crate takes: each at least 2, together more than all nodes, and reading at least as many as
/// writing. Nothing with fewer than three nodes, where there is no choice.
fn draw_quorum(nodes: u8, dice: &mut Dice) -> Option<(u8, u8)> {
    let least = (u64::from(nodes) / 2 + 1).max(2);
    (nodes >= 3).then(|| {
        let read = dice.between(least, u64::from(nodes));
        let write = dice.between((u64::from(nodes) + 1 - read).max(2), read);
        (read as u8, write as u8)
    })
}
