//! PBFT on trial.

use quarrel_formats::scenario::{Complaint, Draw, Raw};
use quarrel_pbft::{Config, FLAWS, FlawSet, Invariants, LIVES_WITH, Pbft};
use quarrel_protocol::{After, Flaw, Lasting, NodeId, NodeSet};
use quarrel_spec::machine::{Call, Kind, Outcome};
use quarrel_spec::replicated_log::{self, Properties, StateMachine};
use quarrel_spec::workload::Workload;

use super::{read_draw, read_timeout};
use crate::dice::Dice;
use crate::history::Spelled;
use crate::model::Writes;
use crate::subject::{Asker, RawOptions, Setting, Subject};

/// The options of PBFT, as a scenario gives them.
#[derive(Clone)]
pub struct Options {
    batch: Draw<u32>,
    parallel: Draw<u32>,
    checkpoint_every: Draw<u32>,
    /// How many checkpoints fit between the water marks.
    window: Draw<u32>,
    patience: After,
    patience_doublings: Draw<u8>,
    relay: After,
    status: After,
}

impl Subject for Pbft {
    type Invariants = Invariants;
    type Properties = Properties;
    type Service = StateMachine;
    type Options = Options;

    const FLAWS: &'static [Flaw] = FLAWS;
    const OPTIONS: &'static [&'static str] = &[
        "batch",
        "parallel",
        "checkpoint-every",
        "window",
        "patience",
        "patience-doublings",
        "relay",
        "status",
    ];

    // Replicas compare checkpoints where they make some: every so many sequence numbers, and few scripts get so far.
    fn occasion(property: &str) -> Option<&'static str> {
        (property == "checkpoint-agreement").then_some("checkpoint-stable")
    }

    fn options(raw: &RawOptions) -> Result<Options, Complaint> {
        let plain = Config::new(4);
        let mut options = Options {
            batch: Draw::Fixed(plain.batch),
            parallel: Draw::Fixed(plain.parallel),
            checkpoint_every: Draw::Fixed(plain.checkpoint_every),
            window: Draw::Fixed(plain.window),
            patience: plain.patience,
            patience_doublings: Draw::Fixed(plain.patience_doublings_max),
            relay: plain.relay,
            status: plain.status,
        };
        let some = |raw: &Raw| raw.integer(1..=100_000);
        read_draw(raw, "batch", &mut options.batch, some)?;
        read_draw(raw, "parallel", &mut options.parallel, some)?;
        read_draw(raw, "checkpoint-every", &mut options.checkpoint_every, some)?;
        read_draw(raw, "window", &mut options.window, some)?;
        read_timeout(raw, "patience", &mut options.patience)?;
        read_draw(raw, "patience-doublings", &mut options.patience_doublings, |raw| raw.integer(0..=20))?;
        read_timeout(raw, "relay", &mut options.relay)?;
        read_timeout(raw, "status", &mut options.status)?;
        let given = raw.get("window").or_else(|| raw.get("checkpoint-every"));
        if let Some(given) = given
            && least(&options.window) < options.checkpoint_every.most()
        {
            return Err(given.complain("the window must have room for a checkpoint"));
        }
        Ok(options)
    }

    /// A state is written in the step that executes what leads to it.
    fn writes(_: &Config) -> Writes {
        Writes::InOrder
    }

    /// f: whoever lies, and whoever has forgotten what it had promised to keep.
    fn traitors_max(config: &Config) -> u8 {
        config.faulty_max() as u8
    }

    fn lasting(_: &Config) -> &'static [Lasting] {
        LIVES_WITH
    }

    fn configure(options: &Options, setting: Setting<'_>, dice: &mut Dice) -> Config {
        let Setting { nodes, flaws, machine } = setting;
        let names: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        let mut count = |draw: &Draw<u32>| dice.count(draw).unwrap_or(least(draw));
        let (batch, parallel) = (count(&options.batch), count(&options.parallel));
        let (checkpoint_every, window) = (count(&options.checkpoint_every), count(&options.window));
        Config {
            nodes,
            batch,
            parallel,
            checkpoint_every,
            window,
            patience: options.patience,
            patience_doublings_max: dice.count(&options.patience_doublings).unwrap_or(0),
            relay: options.relay,
            status: options.status,
            machine,
            flaws: FlawSet::from_names(&names).expect("a trial checks the names of flaws"),
        }
    }

    fn without_flaws(config: Config) -> Config {
        Config { flaws: FlawSet::NONE, ..config }
    }

    fn fits(config: &Config, nodes: u8) -> Result<(), String> {
        super::fits_nodes(config.nodes, nodes)?;
        [config.patience, config.relay, config.status].into_iter().try_for_each(super::fits_timeout)?;
        if config.batch == 0 || config.parallel == 0 || config.checkpoint_every == 0 {
            return Err("a batch is empty, none may be under way, or no checkpoint is due".to_string());
        }
        if config.window < config.checkpoint_every {
            return Err("the window has no room for a checkpoint".to_string());
        }
        Ok(())
    }

    /// Of n nodes f may suffer anything, whatever else the others could live with.
    fn core_min(config: &Config, nodes: u8) -> u8 {
        nodes - config.faulty_max() as u8
    }

    fn quorum_min(config: &Config, _: u8) -> u8 {
        config.quorum() as u8
    }

    fn round_ns(config: &Config) -> u64 {
        config.round_ns()
    }

    fn replies_needed(config: &Config, _: u8) -> u8 {
        config.replies_needed() as u8
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
}

fn least<T: Copy + Ord>(draw: &Draw<T>) -> T {
    draw.least()
}
