//! Multi-Paxos on trial.

use quarrel_formats::scenario::{Complaint, Draw, Raw, RawValue};
use quarrel_multi_paxos::{Config, FLAWS, FlawSet, Invariants, LIVES_WITH, MultiPaxos};
use quarrel_protocol::{After, Flaw, Lasting, NodeId, NodeSet};
use quarrel_spec::machine::{Call, Kind, Outcome};
use quarrel_spec::replicated_log::{self, Properties, StateMachine};
use quarrel_spec::workload::Workload;

use super::{read_draw, read_duration, read_timeout};
use crate::dice::Dice;
use crate::history::Spelled;
use crate::model::Writes;
use crate::subject::{Asker, RawOptions, Setting, Subject};

/// The options of Multi-Paxos, as a scenario gives them.
#[derive(Clone)]
pub struct Options {
    patience_ns: Draw<u64>,
    backoff: After,
    backoff_doublings: Draw<u8>,
    heartbeat_ns: Draw<u64>,
    catch_up: After,
    window: Draw<u32>,
    slots_per_message: Draw<u32>,
    snapshot_every: Draw<u32>,
    slots_kept: Draw<u32>,
    chunk_bytes: Draw<u32>,
}

impl Subject for MultiPaxos {
    type Invariants = Invariants;
    type Properties = Properties;
    type Service = StateMachine;
    type Options = Options;

    const FLAWS: &'static [Flaw] = FLAWS;
    const OPTIONS: &'static [&'static str] = &[
        "patience",
        "back-off",
        "back-off-doublings",
        "heartbeat",
        "catch-up",
        "window",
        "slots-per-message",
        "snapshot-every",
        "slots-kept",
        "chunk-bytes",
    ];

    fn options(raw: &RawOptions) -> Result<Options, Complaint> {
        let plain = Config::new(1);
        let mut options = Options {
            patience_ns: Draw::Fixed(plain.patience_ns),
            backoff: plain.backoff,
            backoff_doublings: Draw::Fixed(plain.backoff_doublings_max),
            heartbeat_ns: Draw::Fixed(plain.heartbeat_ns),
            catch_up: plain.catch_up,
            window: Draw::Fixed(plain.window),
            slots_per_message: Draw::Fixed(plain.slots_per_message),
            snapshot_every: Draw::Fixed(plain.snapshot_every),
            slots_kept: Draw::Fixed(plain.slots_kept),
            chunk_bytes: Draw::Fixed(plain.chunk_bytes),
        };
        let some = |raw: &Raw| raw.integer(1..=100_000);
        read_draw(raw, "patience", &mut options.patience_ns, read_duration)?;
        read_timeout(raw, "back-off", &mut options.backoff)?;
        read_draw(raw, "back-off-doublings", &mut options.backoff_doublings, |raw| raw.integer(0..=20))?;
        read_draw(raw, "heartbeat", &mut options.heartbeat_ns, read_duration)?;
        read_timeout(raw, "catch-up", &mut options.catch_up)?;
        read_draw(raw, "window", &mut options.window, some)?;
        read_draw(raw, "slots-per-message", &mut options.slots_per_message, some)?;
        read_draw(raw, "snapshot-every", &mut options.snapshot_every, read_slots)?;
        read_draw(raw, "slots-kept", &mut options.slots_kept, |raw| raw.integer(0..=100_000))?;
        read_draw(raw, "chunk-bytes", &mut options.chunk_bytes, some)?;
        let given = raw.get("heartbeat").or_else(|| raw.get("patience"));
        if let Some(given) = given
            && options.heartbeat_ns.most() >= least(&options.patience_ns)
        {
            return Err(given.complain("the heartbeat must be shorter than the patience"));
        }
        Ok(options)
    }

    /// Any subset of the records is a state, and a snapshot stays behind what it covers.
    fn writes(_: &Config) -> Writes {
        Writes::Unordered
    }

    fn lasting(_: &Config) -> &'static [Lasting] {
        LIVES_WITH
    }

    fn configure(options: &Options, setting: Setting<'_>, dice: &mut Dice) -> Config {
        let Setting { nodes, flaws, machine } = setting;
        let names: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        let mut count = |draw: &Draw<u32>| dice.count(draw).unwrap_or(least(draw));
        let (window, slots_per_message) = (count(&options.window), count(&options.slots_per_message));
        let (snapshot_every, slots_kept) = (count(&options.snapshot_every), count(&options.slots_kept));
        let chunk_bytes = count(&options.chunk_bytes);
        Config {
            nodes,
            patience_ns: dice.scale(&options.patience_ns).unwrap_or(least(&options.patience_ns)),
            backoff: options.backoff,
            backoff_doublings_max: dice.count(&options.backoff_doublings).unwrap_or(0),
            heartbeat_ns: dice.scale(&options.heartbeat_ns).unwrap_or(least(&options.heartbeat_ns)),
            catch_up: options.catch_up,
            window,
            slots_per_message,
            snapshot_every,
            slots_kept,
            chunk_bytes,
            machine,
            flaws: FlawSet::from_names(&names).expect("a trial checks the names of flaws"),
        }
    }

    fn without_flaws(config: Config) -> Config {
        Config { flaws: FlawSet::NONE, ..config }
    }

    fn fits(config: &Config, nodes: u8) -> Result<(), String> {
        super::fits_nodes(config.nodes, nodes)?;
        [config.backoff, config.catch_up].into_iter().try_for_each(super::fits_timeout)?;
        let exact = [config.patience_ns, config.heartbeat_ns].map(After::exactly);
        exact.into_iter().try_for_each(super::fits_timeout)?;
        if config.heartbeat_ns >= config.patience_ns {
            return Err("the heartbeat is not shorter than the patience".to_string());
        }
        if config.window == 0 || config.slots_per_message == 0 || config.chunk_bytes == 0 {
            return Err("no slot may be open, or no message has room for one".to_string());
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

    fn stranger(words: &str, clients: u8, keys: u16) -> Option<String> {
        quarrel_spec::workload::stranger(words, clients, keys)
    }

    fn spell(call: &Call, answer: Option<&Outcome>) -> Option<Spelled> {
        Spelled::of_call(call, answer)
    }
}

fn least<T: Copy + Ord>(draw: &Draw<T>) -> T {
    draw.least()
}

/// A number of slots, or `"never"`.
fn read_slots(raw: &Raw) -> Result<u32, Complaint> {
    match &raw.value {
        RawValue::Text(text) if text == "never" => Ok(0),
        RawValue::Text(_) => Err(raw.complain("expected a number of slots or \"never\"")),
        _ => raw.integer(1..=100_000),
    }
}
