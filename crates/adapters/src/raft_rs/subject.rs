//! raft-rs on trial: how a scenario speaks of it.

use std::ops::RangeInclusive;

use quarrel_formats::scenario::{Complaint, Draw, Off, Raw, RawValue};
use quarrel_harness::history::Spelled;
use quarrel_harness::subject::{Asker, Operator, RawOptions, Setting};
use quarrel_harness::{Subject, dice::Dice};
use quarrel_protocol::{Flaw, Kinded, Lasting, NodeId, NodeSet};
use quarrel_sim::time::{MICROSECOND, SECOND};
use quarrel_spec::machine::{Call, Kind, Outcome};
use quarrel_spec::replicated_log::{self, Properties, StateMachine};
use quarrel_spec::workload::Workload;

use super::config::{LIVES_WITH, Persistence, Reads, RemovedLeader, Writes};
use super::{Config, FLAWS, FlawSet, Invariants, Order, RaftRs};

/// What a duration under `[config]` may be, in nanoseconds.
const TIMEOUTS_NS: RangeInclusive<u64> = MICROSECOND..=1_000 * SECOND;

/// The options of raft-rs, as a scenario gives them.
#[derive(Clone)]
pub struct Options {
    voters: Option<Draw<u8>>,
    learners: Draw<u8>,
    tick_ns: Draw<u64>,
    election_ns: (u64, u64),
    heartbeat_ns: Draw<u64>,
    pre_vote: Draw<bool>,
    check_quorum: Draw<bool>,
    inflight_max: Draw<u32>,
    message_bytes: Draw<u64>,
    uncommitted_bytes: Draw<u64>,
    committed_bytes: Draw<u64>,
    batch_append: Draw<bool>,
    skip_broadcast_commit: Draw<bool>,
    persistence: Draw<Persistence>,
    writes: Draw<Writes>,
    reads: Draw<Reads>,
    forward: Draw<bool>,
    removed_leader: Draw<RemovedLeader>,
    snapshot_every: Draw<u32>,
    keep_entries: Draw<u32>,
}

const PERSISTENCE: [(&str, Persistence); 3] =
    [("sync", Persistence::Sync), ("async", Persistence::Async), ("writer", Persistence::Writer)];
const WRITES: [(&str, Writes); 2] = [("batch", Writes::Batch), ("single", Writes::Single)];
const REMOVED: [(&str, RemovedLeader); 2] =
    [("stays", RemovedLeader::Stays), ("steps-down", RemovedLeader::StepsDown)];
const READS: [(&str, Reads); 3] = [("log", Reads::Log), ("index", Reads::Index), ("lease", Reads::Lease)];

impl Default for Options {
    fn default() -> Self {
        Self {
            voters: None,
            learners: Draw::Fixed(0),
            tick_ns: Draw::Fixed(10_000_000),
            election_ns: (200_000_000, 400_000_000),
            heartbeat_ns: Draw::Fixed(20_000_000),
            pre_vote: Draw::Fixed(false),
            check_quorum: Draw::Fixed(false),
            inflight_max: Draw::Fixed(256),
            message_bytes: Draw::Fixed(0),
            uncommitted_bytes: Draw::Fixed(u64::MAX),
            committed_bytes: Draw::Fixed(u64::MAX),
            batch_append: Draw::Fixed(false),
            skip_broadcast_commit: Draw::Fixed(false),
            persistence: Draw::Fixed(Persistence::Sync),
            writes: Draw::Fixed(Writes::Batch),
            reads: Draw::Fixed(Reads::Index),
            forward: Draw::Fixed(false),
            removed_leader: Draw::Fixed(RemovedLeader::Stays),
            snapshot_every: Draw::Fixed(0),
            keep_entries: Draw::Fixed(0),
        }
    }
}

impl Subject for RaftRs {
    type Invariants = Invariants;
    type Properties = Properties;
    type Service = StateMachine;
    type Options = Options;

    const FLAWS: &'static [Flaw] = FLAWS;
    const OPTIONS: &'static [&'static str] = &[
        "voters",
        "learners",
        "tick",
        "election-timeout",
        "heartbeat",
        "pre-vote",
        "check-quorum",
        "max-inflight",
        "max-size-per-message",
        "max-uncommitted-size",
        "max-committed-size-per-ready",
        "batch-append",
        "skip-broadcast-commit",
        "persistence",
        "writes",
        "read",
        "forward",
        "removed-leader",
        "snapshot-every",
        "keep-entries",
    ];

    /// Only a read that goes round the log is confirmed.
    fn occasion(property: &str) -> Option<&'static str> {
        (property == "read-confirmed").then_some("read-by-leader")
    }

    fn options(raw: &RawOptions) -> Result<Options, Complaint> {
        let mut options = Options::default();
        if let Some(voters) = raw.get("voters") {
            options.voters = Some(voters.draw(Off::Impossible, |raw| raw.integer(1..=NodeId::LIMIT as u8))?);
        }
        read(raw, "learners", &mut options.learners, |raw| raw.integer(0..=NodeId::LIMIT as u8))?;
        read(raw, "tick", &mut options.tick_ns, read_duration)?;
        if let Some(timeout) = raw.get("election-timeout") {
            options.election_ns = timeout.range(read_duration)?;
        }
        read(raw, "heartbeat", &mut options.heartbeat_ns, read_duration)?;
        read(raw, "pre-vote", &mut options.pre_vote, Raw::flag)?;
        read(raw, "check-quorum", &mut options.check_quorum, Raw::flag)?;
        read(raw, "max-inflight", &mut options.inflight_max, |raw| raw.integer(1..=100_000))?;
        read(raw, "max-size-per-message", &mut options.message_bytes, read_bytes)?;
        read(raw, "max-uncommitted-size", &mut options.uncommitted_bytes, read_bytes)?;
        read(raw, "max-committed-size-per-ready", &mut options.committed_bytes, read_bytes)?;
        read(raw, "batch-append", &mut options.batch_append, Raw::flag)?;
        read(raw, "skip-broadcast-commit", &mut options.skip_broadcast_commit, Raw::flag)?;
        read(raw, "persistence", &mut options.persistence, |raw| raw.word(&PERSISTENCE))?;
        read(raw, "writes", &mut options.writes, |raw| raw.word(&WRITES))?;
        read(raw, "read", &mut options.reads, |raw| raw.word(&READS))?;
        read(raw, "forward", &mut options.forward, Raw::flag)?;
        read(raw, "removed-leader", &mut options.removed_leader, |raw| raw.word(&REMOVED))?;
        read(raw, "snapshot-every", &mut options.snapshot_every, |raw| raw.integer(0..=1_000_000))?;
        read(raw, "keep-entries", &mut options.keep_entries, |raw| raw.integer(0..=1_000_000))?;
        options.check(raw)?;
        Ok(options)
    }

    fn lasting(_: &Config) -> &'static [Lasting] {
        LIVES_WITH
    }

    fn configure(options: &Options, setting: Setting<'_>, dice: &mut Dice) -> Config {
        let Setting { nodes, flaws, machine } = setting;
        let names: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        let count = |dice: &mut Dice, draw: &Draw<u8>| dice.count(draw).unwrap_or_default();
        let voters = options.voters.as_ref().map_or(nodes, |draw| count(dice, draw)).clamp(1, nodes);
        let learners = count(dice, &options.learners).min(nodes - voters);
        let tick_ns = dice.scale(&options.tick_ns).unwrap_or(options.tick_ns.least());
        let heartbeat_ns = dice.scale(&options.heartbeat_ns).unwrap_or(options.heartbeat_ns.least());
        let ticks = |ns: u64| u32::try_from(ns / tick_ns).unwrap_or(u32::MAX);
        let heartbeat_ticks = ticks(heartbeat_ns).max(1);
        let least = ticks(options.election_ns.0).max(heartbeat_ticks + 1);
        let reads = pick(&options.reads, dice);
        Config {
            nodes,
            voters,
            learners,
            tick_ns,
            election_ticks: (least, ticks(options.election_ns.1).max(least + 1)),
            heartbeat_ticks,
            pre_vote: dice.flag(&options.pre_vote),
            // The crate refuses leases without it.
            check_quorum: dice.flag(&options.check_quorum) || reads == Reads::Lease,
            inflight_max: dice.count(&options.inflight_max).unwrap_or(1),
            message_bytes_max: dice.scale(&options.message_bytes).unwrap_or_default(),
            uncommitted_bytes_max: dice.scale(&options.uncommitted_bytes).unwrap_or(u64::MAX),
            committed_bytes_max: dice.scale(&options.committed_bytes).unwrap_or(u64::MAX),
            batch_append: dice.flag(&options.batch_append),
            skip_broadcast_commit: dice.flag(&options.skip_broadcast_commit),
            persistence: pick(&options.persistence, dice),
            writes: pick(&options.writes, dice),
            reads,
            forward: dice.flag(&options.forward),
            removed_leader: pick(&options.removed_leader, dice),
            snapshot_every: dice.count(&options.snapshot_every).unwrap_or_default(),
            keep_entries: dice.count(&options.keep_entries).unwrap_or_default(),
            machine,
            flaws: FlawSet::from_names(&names).expect("a trial checks the names of flaws"),
        }
        .sane()
    }

    fn without_flaws(config: Config) -> Config {
        Config { flaws: FlawSet::NONE, ..config }
    }

    fn fits(config: &Config, nodes: u8) -> Result<(), String> {
        if config.nodes != nodes {
            return Err(format!("it is for {} nodes, the world has {nodes}", config.nodes));
        }
        config.check()
    }

    /// All learners and spares may be missing, and all voters but a majority: whoever is drawn, enough voters remain.
    fn core_min(config: &Config, nodes: u8) -> u8 {
        nodes - (config.voters - config.majority()).min(nodes - 1)
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
        let nodes = u64::from(operator.nodes);
        let dice = &mut *operator.dice;
        let one = NodeId(dice.between(0, nodes - 1) as u8);
        let other = NodeId(((u64::from(one.0) + dice.between(1, nodes.max(2) - 1)) % nodes) as u8);
        let orders = [
            Order::Transfer(one),
            Order::AddVoter(one),
            Order::AddLearner(one),
            Order::Remove(one),
            Order::Replace { out: one, with: other },
            Order::ReplaceExplicit { out: one, with: other },
            Order::Swap { demote: one, promote: other },
            Order::LeaveJoint,
            Order::Snapshot,
            Order::RequestSnapshot,
        ];
        let wanted = orders.into_iter().find(|order| order.kind_name() == operator.kind);
        wanted.expect("a scenario names kinds that there are")
    }

    fn named_nodes(order: &Order) -> Vec<NodeId> {
        order.named_nodes()
    }

    fn parse_order(words: &str) -> Result<Order, String> {
        words.parse()
    }

    fn misfit(call: &Call, machines: &[Kind]) -> Option<String> {
        let stranger = machines.iter().find(|machine| machine.name() != call.kind_name())?;
        Some(format!(
            "this is asked of a {}, and the machine of [workload] is a {stranger}",
            call.kind_name()
        ))
    }

    fn spell(call: &Call, answer: Option<&Outcome>) -> Option<Spelled> {
        Spelled::of_call(call, answer)
    }
}

impl Options {
    fn check(&self, raw: &RawOptions) -> Result<(), Complaint> {
        if let Some(tick) = raw.get("tick")
            && self.tick_ns.most() > self.election_ns.0 / 2
        {
            return Err(tick.complain("a tick must be at most half of the least election timeout"));
        }
        if let Some(heartbeat) = raw.get("heartbeat")
            && self.heartbeat_ns.most() >= self.election_ns.0
        {
            return Err(heartbeat.complain("the heartbeat must be shorter than the election timeout"));
        }
        Ok(())
    }
}

impl Config {
    /// The crate wants room for one message at least among what is not committed.
    fn sane(self) -> Self {
        let uncommitted_bytes_max = self.uncommitted_bytes_max.max(self.message_bytes_max);
        Self { uncommitted_bytes_max, ..self }
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

fn read_duration(raw: &Raw) -> Result<u64, Complaint> {
    raw.duration(TIMEOUTS_NS)
}

/// A number of bytes, or `"unlimited"`.
fn read_bytes(raw: &Raw) -> Result<u64, Complaint> {
    match &raw.value {
        RawValue::Text(text) if text == "unlimited" => Ok(u64::MAX),
        RawValue::Text(_) => Err(raw.complain("expected a number of bytes or \"unlimited\"")),
        _ => raw.integer(0..=1_000_000_000),
    }
}

/// Draws one of a list of words; there is nothing between words.
fn pick<T: Copy>(draw: &Draw<T>, dice: &mut Dice) -> T {
    match draw {
        Draw::Fixed(value) => *value,
        Draw::OneOf(values) => *dice.pick(values),
        Draw::Between(one, other) => *dice.pick(&[*one, *other]),
        Draw::Chance { then, .. } => pick(then, dice),
    }
}
