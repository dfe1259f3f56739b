//! Raft on trial.

use quarrel_formats::scenario::{Complaint, Draw, Raw, RawValue};
use quarrel_protocol::{After, Flaw, Kinded, Lasting, NodeId, NodeSet};
use quarrel_raft::config::{Changes, Reads};
use quarrel_raft::{Config, FLAWS, FlawSet, Invariants, Message, Order, Raft};
use quarrel_sim::Struck;
use quarrel_sim::time::MILLISECOND;
use quarrel_spec::machine::{Call, Kind, Outcome};
use quarrel_spec::replicated_log::{self, Properties, StateMachine};
use quarrel_spec::workload::Workload;
use serde_json::Value;

use super::{one_of, read_draw, read_duration, read_timeout};
use crate::dice::Dice;
use crate::history::Spelled;
use crate::model::{Writes, beyond};
use crate::subject::{Asker, Operator, RawOptions, Setting, Subject};

/// The options of Raft, as a scenario gives them.
#[derive(Clone)]
pub struct Options {
    election_timeout: After,
    heartbeat_ns: Draw<u64>,
    entries_per_append: Draw<u32>,
    entries_in_flight: Draw<u32>,
    no_op: Draw<bool>,
    pre_vote: Draw<bool>,
    check_quorum: Draw<bool>,
    snapshot_every: Draw<u32>,
    snapshot_chunk: Draw<u32>,
    voters: Draw<u8>,
    learners: Draw<u8>,
    changes: Draw<Changes>,
    voters_min: Draw<u8>,
    reads: Draw<Reads>,
    lease_drift_ppm: Draw<u32>,
}

const CHANGES: [(&str, Changes); 3] =
    [("none", Changes::None), ("single", Changes::Single), ("joint", Changes::Joint)];
const READS: [(&str, Reads); 3] =
    [("log", Reads::Log), ("read-index", Reads::ReadIndex), ("lease", Reads::Lease)];

impl Subject for Raft {
    type Invariants = Invariants;
    type Properties = Properties;
    type Service = StateMachine;
    type Options = Options;

    const FLAWS: &'static [Flaw] = FLAWS;
    const OPTIONS: &'static [&'static str] = &[
        "election-timeout",
        "heartbeat",
        "entries-per-append",
        "entries-in-flight",
        "no-op",
        "pre-vote",
        "check-quorum",
        "snapshot-every",
        "snapshot-chunk",
        "voters",
        "learners",
        "membership",
        "voters-min",
        "reads",
        "lease-drift",
    ];

    fn options(raw: &RawOptions) -> Result<Options, Complaint> {
        let paper = Config::new(1);
        let mut options = Options {
            election_timeout: paper.election_timeout,
            heartbeat_ns: Draw::Fixed(paper.heartbeat_ns),
            entries_per_append: Draw::Fixed(paper.entries_per_append),
            entries_in_flight: Draw::Fixed(paper.entries_in_flight_max),
            no_op: Draw::Fixed(paper.noop_on_election),
            pre_vote: Draw::Fixed(paper.pre_vote),
            check_quorum: Draw::Fixed(paper.check_quorum),
            snapshot_every: Draw::Fixed(paper.snapshot_every),
            snapshot_chunk: Draw::Fixed(paper.snapshot_chunk),
            voters: Draw::Fixed(paper.voters),
            learners: Draw::Fixed(paper.learners),
            changes: Draw::Fixed(paper.changes),
            voters_min: Draw::Fixed(paper.voters_min),
            reads: Draw::Fixed(paper.reads),
            lease_drift_ppm: Draw::Fixed(paper.lease_drift_ppm),
        };
        read_timeout(raw, "election-timeout", &mut options.election_timeout)?;
        read_draw(raw, "heartbeat", &mut options.heartbeat_ns, read_duration)?;
        read_draw(raw, "entries-per-append", &mut options.entries_per_append, read_entries)?;
        read_draw(raw, "entries-in-flight", &mut options.entries_in_flight, |raw| raw.integer(1..=100_000))?;
        read_draw(raw, "no-op", &mut options.no_op, Raw::flag)?;
        read_draw(raw, "pre-vote", &mut options.pre_vote, Raw::flag)?;
        read_draw(raw, "check-quorum", &mut options.check_quorum, Raw::flag)?;
        read_draw(raw, "snapshot-every", &mut options.snapshot_every, |raw| raw.integer(0..=1_000_000))?;
        read_draw(raw, "snapshot-chunk", &mut options.snapshot_chunk, read_bytes)?;
        read_draw(raw, "voters", &mut options.voters, read_nodes)?;
        read_draw(raw, "learners", &mut options.learners, |raw| raw.integer(0..=NodeId::LIMIT as u8 - 1))?;
        read_draw(raw, "membership", &mut options.changes, |raw| raw.word(&CHANGES))?;
        read_draw(raw, "voters-min", &mut options.voters_min, read_nodes)?;
        read_draw(raw, "reads", &mut options.reads, |raw| raw.word(&READS))?;
        read_draw(raw, "lease-drift", &mut options.lease_drift_ppm, |raw| raw.integer(0..=DRIFT_MAX_PPM))?;
        if let Some(heartbeat) = raw.get("heartbeat")
            && options.heartbeat_ns.most() >= options.election_timeout.min_ns
        {
            return Err(heartbeat.complain("the heartbeat must be shorter than the election timeout"));
        }
        Ok(options)
    }

    /// An entry names the term of the one before it, a vote is whole in one record, and a snapshot stays behind what it
    /// covers.
    fn writes(_: &Config) -> Writes {
        Writes::Unordered
    }

    fn lasting(config: &Config) -> &'static [Lasting] {
        config.lives_with()
    }

    fn misfit_option(options: &Options, nodes_max: u8) -> Option<(&'static str, String)> {
        let counts = [
            ("voters", options.voters.least(), nodes_max),
            ("learners", options.learners.least(), nodes_max.saturating_sub(1)),
            ("voters-min", options.voters_min.least(), nodes_max),
        ];
        let (name, count, most) = counts.into_iter().find(|(_, count, most)| count > most)?;
        Some((
            name,
            format!("{count} are more than a cluster of {nodes_max} nodes can have, which is {most}"),
        ))
    }

    fn configure(options: &Options, setting: Setting<'_>, dice: &mut Dice) -> Config {
        let Setting { nodes, flaws, machine } = setting;
        let names: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        let least = Draw::least;
        let count = |dice: &mut Dice, draw: &Draw<u8>| dice.count(draw).unwrap_or_default();
        Config {
            nodes,
            election_timeout: options.election_timeout,
            heartbeat_ns: dice.scale(&options.heartbeat_ns).unwrap_or(50 * MILLISECOND),
            entries_per_append: dice.count(&options.entries_per_append).unwrap_or(0),
            entries_in_flight_max: dice
                .count(&options.entries_in_flight)
                .unwrap_or(least(&options.entries_in_flight)),
            noop_on_election: dice.flag(&options.no_op),
            machine,
            pre_vote: dice.flag(&options.pre_vote),
            check_quorum: dice.flag(&options.check_quorum),
            snapshot_every: dice.count(&options.snapshot_every).unwrap_or(0),
            snapshot_chunk: dice.count(&options.snapshot_chunk).unwrap_or(0),
            voters: count(dice, &options.voters).min(nodes),
            learners: count(dice, &options.learners).min(nodes - 1),
            changes: one_of(&options.changes, dice),
            voters_min: count(dice, &options.voters_min),
            reads: one_of(&options.reads, dice),
            lease_drift_ppm: dice.count(&options.lease_drift_ppm).unwrap_or_default(),
            flaws: FlawSet::from_names(&names).expect("a trial checks the names of flaws"),
        }
    }

    fn without_flaws(config: Config) -> Config {
        Config { flaws: FlawSet::NONE, ..config }
    }

    fn fits(config: &Config, nodes: u8) -> Result<(), String> {
        super::fits_nodes(config.nodes, nodes)?;
        super::fits_timeout(config.election_timeout)?;
        super::fits_timeout(After::exactly(config.heartbeat_ns))?;
        if config.heartbeat_ns >= config.election_timeout.min_ns {
            return Err("the heartbeat is not shorter than the election timeout".to_string());
        }
        if config.entries_in_flight_max == 0 {
            return Err("no entry may be on its way".to_string());
        }
        if config.voters > nodes || config.learners >= nodes {
            return Err("there are more voters and learners than nodes".to_string());
        }
        if config.lease_drift_ppm > DRIFT_MAX_PPM {
            return Err(format!("no lease stands a clock that is more than {DRIFT_MAX_PPM} ppm off"));
        }
        Ok(())
    }

    fn sends(config: &Config) -> Vec<&'static str> {
        let is_sent = |kind: &&str| match *kind {
            "pre-vote" | "pre-vote-response" => config.pre_vote,
            "install-snapshot" | "install-snapshot-response" => config.snapshot_every > 0,
            "timeout-now" => config.changes != Changes::None,
            _ => true,
        };
        Message::KINDS.iter().copied().filter(is_sent).collect()
    }

    fn can_fill(options: &Options, cell: &str) -> bool {
        match cell {
            "pre-vote-failed" => options.pre_vote.most(),
            "quorum-lost" => options.check_quorum.most(),
            "snapshot-taken" | "snapshot-installed" => options.snapshot_every.most() > 0,
            // The transfer must take more than one message for the leader to change in the middle of it.
            "snapshot-across-leader-change" => {
                options.snapshot_every.most() > 0 && options.snapshot_chunk.most() > 0
            }
            "members-changed"
            | "change-during-election"
            | "configuration-rolled-back"
            | "learner-promoted"
            | "leader-retired" => options.changes.most() != Changes::None,
            "joint-entered" => options.changes.most() == Changes::Joint,
            // An operator may ask for it wherever there is one.
            "leadership-transferred" | "transfer-abandoned" => options.changes.most() != Changes::None,
            "read-by-index" => options.reads.most() != Reads::Log,
            "read-by-lease" | "read-by-lease-under-drift" => options.reads.most() == Reads::Lease,
            _ => true,
        }
    }

    /// Whatever configuration is in force when the core has healed, a majority of it is in the core: as many nodes may be
    /// missing as the smallest of them can spare.
    fn core_min(config: &Config, nodes: u8) -> u8 {
        nodes - (config.fewest_voters() - 1) / 2
    }

    fn quorum_min(config: &Config, _: u8) -> u8 {
        config.fewest_voters() / 2 + 1
    }

    fn outside(config: &Config, struck: &Struck) -> Vec<String> {
        let (drift, allowed) = (struck.clock_ppm, config.lease_drift_ppm);
        let is_late = config.reads == Reads::Lease && drift > allowed;
        let clock = is_late.then(|| {
            let excess = drift - allowed;
            format!("a clock was {drift} ppm off, a lease stands {allowed} ppm: {excess} ppm too much")
        });
        beyond::<Self>(config, struck).into_iter().chain(clock).collect()
    }

    fn order(operator: &mut Operator<'_, Self>) -> Order {
        let nodes = u64::from(operator.nodes);
        let dice = &mut *operator.dice;
        let one = NodeId(dice.between(0, nodes - 1) as u8);
        let mut drawn: Vec<NodeId> = NodeId::all(usize::from(operator.nodes)).collect();
        dice.shuffle(&mut drawn);
        let fewest = u64::from(operator.config.fewest_voters());
        let voters = drawn.into_iter().take(dice.between(fewest, nodes) as usize).collect();
        let orders = [
            Order::AddVoter(one),
            Order::AddLearner(one),
            Order::Remove(one),
            Order::Voters(voters),
            Order::Transfer(one),
        ];
        let wanted = orders.into_iter().find(|order| order.kind_name() == operator.kind);
        wanted.expect("a scenario names kinds that there are")
    }

    fn parse_order(words: &str) -> Result<Order, String> {
        words.parse()
    }

    fn named_nodes(order: &Order) -> Vec<NodeId> {
        order.named_nodes()
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

    fn misfit(call: &Call, machines: &[Kind]) -> Option<String> {
        replicated_log::misfit(call, machines)
    }

    fn stranger(words: &str, clients: u8, keys: u16) -> Option<String> {
        quarrel_spec::workload::stranger(words, clients, keys)
    }

    fn spell(call: &Call, answer: Option<&Outcome>) -> Option<Spelled> {
        Spelled::of_call(call, answer)
    }

    fn upgrade(format: u32, request: Value) -> Value {
        super::upgrade_append(format, request)
    }
}

/// The greatest rate error that a lease may allow for. Nearer to 1 nothing is left of it.
const DRIFT_MAX_PPM: u32 = 500_000;

fn read_nodes(raw: &Raw) -> Result<u8, Complaint> {
    raw.integer(1..=NodeId::LIMIT as u8)
}

/// A number of bytes, or `"unlimited"`.
fn read_bytes(raw: &Raw) -> Result<u32, Complaint> {
    match &raw.value {
        RawValue::Text(text) if text == "unlimited" => Ok(0),
        RawValue::Text(_) => Err(raw.complain("expected a number of bytes or \"unlimited\"")),
        _ => raw.integer(1..=1_000_000_000),
    }
}

/// A number of entries, or `"unlimited"`.
fn read_entries(raw: &Raw) -> Result<u32, Complaint> {
    match &raw.value {
        RawValue::Text(text) if text == "unlimited" => Ok(0),
        RawValue::Text(_) => Err(raw.complain("expected a number of entries or \"unlimited\"")),
        _ => raw.integer(1..=100_000),
    }
}
