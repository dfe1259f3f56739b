//! Three-phase commit on trial.
//!
//! It lives with crashes of any nodes and with nothing else; what has failed must come back before all decide (AC5), so
//! the core that heals is everybody. That nobody who stays up waits for it is NB, which its own invariants judge.

use quarrel_formats::scenario::Complaint;
use quarrel_protocol::{Flaw, NodeId, NodeSet};
use quarrel_sim::Struck;
use quarrel_sim::fault::FaultClass;
use quarrel_sim::time::Span;
use quarrel_spec::atomic_commit::{self, Properties, Transaction, Transactions};
use quarrel_spec::workload::Workload;
use quarrel_three_phase_commit::{
    self as three_phase_commit, Config, FLAWS, FlawSet, Invariants, ThreePhaseCommit,
};

use super::{TIMEOUTS_NS, read_duration};
use crate::dice::Dice;
use crate::model::beyond;
use crate::subject::{Asker, RawOptions, Setting, Subject};

/// A coordinator and one participant.
const NODES_MIN: u8 = 2;

/// The options of three-phase commit, as a scenario gives them.
#[derive(Clone)]
pub struct Options {
    delta_ns: u64,
}

impl Subject for ThreePhaseCommit {
    type Invariants = Invariants;
    type Properties = Properties;
    type Service = Transactions;
    type Options = Options;

    const FLAWS: &'static [Flaw] = FLAWS;
    const RUNS_MACHINE: bool = false;
    const OPTIONS: &'static [&'static str] = &["delta"];

    fn options(raw: &RawOptions) -> Result<Options, Complaint> {
        let given = raw.get("delta").map(read_duration).transpose()?;
        Ok(Options { delta_ns: given.unwrap_or(Config::new(NODES_MIN).delta_ns) })
    }

    fn configure(options: &Options, setting: Setting<'_>, _: &mut Dice) -> Config {
        let Setting { nodes, flaws, .. } = setting;
        let flaws = FlawSet::from_names(flaws).expect("a trial checks the names of flaws");
        Config { nodes, delta_ns: options.delta_ns, flaws }
    }

    fn without_flaws(config: Config) -> Config {
        Config { flaws: FlawSet::NONE, ..config }
    }

    fn fits(config: &Config, nodes: u8) -> Result<(), String> {
        super::fits_nodes(config.nodes, nodes)?;
        if TIMEOUTS_NS.contains(&config.delta_ns) {
            return Ok(());
        }
        Err(format!("a delta of {} is out of range", Span(config.delta_ns)))
    }

    fn round_ns(config: &Config) -> u64 {
        config.round_ns()
    }

    /// Crashes are inside, of any nodes and at any moment. What is lost is not, nor what does not fit into Δ.
    fn outside(config: &Config, struck: &Struck) -> Vec<String> {
        let never = [
            (FaultClass::Loss, "messages were lost, none may be"),
            (FaultClass::AimedLoss, "messages of one kind were lost, none may be"),
            (FaultClass::Partition, "the network was cut, it may not be"),
            (FaultClass::Expire, "a timer ran out early"),
            (FaultClass::ClockJump, "a clock jumped, none may"),
        ];
        let measured = super::measured(struck);
        let never = never.into_iter().filter(|(class, _)| struck.of(*class) > 0);
        beyond::<Self>(config, struck)
            .into_iter()
            .chain(never.map(|(_, why)| why.to_string()))
            .chain(three_phase_commit::outside(config, &measured))
            .collect()
    }

    fn request(asker: &mut Asker<'_>) -> Transaction {
        atomic_commit::ask(asker.workload, asker.number, asker.client, asker.dice)
    }

    fn may_repeat(request: &Transaction) -> bool {
        atomic_commit::may_repeat(request)
    }

    fn scan(workload: &Workload, core: NodeSet, number: u32) -> Vec<(Option<NodeId>, Transaction)> {
        atomic_commit::scan(workload, core, number)
    }

    fn parse_request(words: &str) -> Result<Transaction, String> {
        atomic_commit::parse(words)
    }

    fn misfit(request: &Transaction, machines: &[quarrel_spec::machine::Kind]) -> Option<String> {
        atomic_commit::misfit(request, machines)
    }

    fn stranger(words: &str, clients: u8, keys: u16) -> Option<String> {
        quarrel_spec::workload::stranger(words, clients, keys)
    }
}
