//! Raft on trial.

use quarrel_formats::scenario::{Complaint, Draw, Raw, RawValue};
use quarrel_protocol::{After, Flaw, Lasting, NodeId, NodeSet};
use quarrel_raft::{Config, FLAWS, FlawSet, Invariants, LIVES_WITH, Raft};
use quarrel_sim::time::MILLISECOND;
use quarrel_spec::machine::{Call, Kind, Outcome};
use quarrel_spec::replicated_log::{self, Properties, StateMachine};
use quarrel_spec::workload::Workload;
use serde_json::Value;

use super::{read_draw, read_duration, read_timeout};
use crate::dice::Dice;
use crate::history::Spelled;
use crate::subject::{Asker, RawOptions, Setting, Subject};

/// The options of Raft, as a scenario gives them.
#[derive(Clone)]
pub struct Options {
    election_timeout: After,
    heartbeat_ns: Draw<u64>,
    entries_per_append: Draw<u32>,
    entries_in_flight: Draw<u32>,
    no_op: Draw<bool>,
}

impl Subject for Raft {
    type Invariants = Invariants;
    type Properties = Properties;
    type Service = StateMachine;
    type Options = Options;

    const FLAWS: &'static [Flaw] = FLAWS;
    const OPTIONS: &'static [&'static str] =
        &["election-timeout", "heartbeat", "entries-per-append", "entries-in-flight", "no-op"];

    fn options(raw: &RawOptions) -> Result<Options, Complaint> {
        let paper = Config::new(1);
        let mut options = Options {
            election_timeout: paper.election_timeout,
            heartbeat_ns: Draw::Fixed(paper.heartbeat_ns),
            entries_per_append: Draw::Fixed(paper.entries_per_append),
            entries_in_flight: Draw::Fixed(paper.entries_in_flight_max),
            no_op: Draw::Fixed(paper.noop_on_election),
        };
        read_timeout(raw, "election-timeout", &mut options.election_timeout)?;
        read_draw(raw, "heartbeat", &mut options.heartbeat_ns, read_duration)?;
        read_draw(raw, "entries-per-append", &mut options.entries_per_append, read_entries)?;
        read_draw(raw, "entries-in-flight", &mut options.entries_in_flight, |raw| raw.integer(1..=100_000))?;
        read_draw(raw, "no-op", &mut options.no_op, Raw::flag)?;
        if let Some(heartbeat) = raw.get("heartbeat")
            && options.heartbeat_ns.most() >= options.election_timeout.min_ns
        {
            return Err(heartbeat.complain("the heartbeat must be shorter than the election timeout"));
        }
        Ok(options)
    }

    const LASTING: &'static [Lasting] = LIVES_WITH;

    fn configure(options: &Options, setting: Setting<'_>, dice: &mut Dice) -> Config {
        let Setting { nodes, flaws, machine } = setting;
        let names: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        let least = Draw::least;
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
        Ok(())
    }

    fn core_min(config: &Config, _: u8) -> u8 {
        config.quorum().first().max(config.quorum().second()) as u8
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

    fn spell(call: &Call, answer: Option<&Outcome>) -> Option<Spelled> {
        Spelled::of_call(call, answer)
    }

    fn upgrade(format: u32, request: Value) -> Value {
        super::upgrade_append(format, request)
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
