//! Paxos on trial.

use quarrel_formats::scenario::{Complaint, Draw};
use quarrel_paxos::{Config, FLAWS, FlawSet, Invariants, LIVES_WITH, Paxos};
use quarrel_protocol::{After, Flaw, Lasting, NodeId, NodeSet, Quorum};
use quarrel_spec::consensus::{self, Consensus, Decided, Properties, Propose};
use quarrel_spec::workload::Workload;

use super::{read_draw, read_timeout};
use crate::dice::Dice;
use crate::history::Spelled;
use crate::model::Writes;
use crate::subject::{Asker, RawOptions, Setting, Subject};

/// The options of Paxos, as a scenario gives them.
#[derive(Clone)]
pub struct Options {
    attempt_timeout: After,
    backoff: After,
    inquiry_timeout: After,
    backoff_doublings: Draw<u8>,
    flexible: Draw<bool>,
}

impl Subject for Paxos {
    type Invariants = Invariants;
    type Properties = Properties;
    type Service = Consensus;
    type Options = Options;

    const FLAWS: &'static [Flaw] = FLAWS;
    const RUNS_MACHINE: bool = false;
    const OPTIONS: &'static [&'static str] =
        &["attempt-timeout", "back-off", "back-off-doublings", "inquiry-timeout", "flexible-quorums"];

    fn options(raw: &RawOptions) -> Result<Options, Complaint> {
        let plain = Config::new(1);
        let mut options = Options {
            attempt_timeout: plain.attempt_timeout,
            backoff: plain.backoff,
            inquiry_timeout: plain.inquiry_timeout,
            backoff_doublings: Draw::Fixed(plain.backoff_doublings_max),
            flexible: Draw::Fixed(false),
        };
        read_timeout(raw, "attempt-timeout", &mut options.attempt_timeout)?;
        read_timeout(raw, "back-off", &mut options.backoff)?;
        read_timeout(raw, "inquiry-timeout", &mut options.inquiry_timeout)?;
        read_draw(raw, "back-off-doublings", &mut options.backoff_doublings, |raw| raw.integer(0..=20))?;
        read_draw(raw, "flexible-quorums", &mut options.flexible, quarrel_formats::scenario::Raw::flag)?;
        Ok(options)
    }

    /// The highest ballot counts, whichever record says so.
    fn writes(_: &Config) -> Writes {
        Writes::Unordered
    }

    fn lasting(_: &Config) -> &'static [Lasting] {
        LIVES_WITH
    }

    fn configure(options: &Options, setting: Setting<'_>, dice: &mut Dice) -> Config {
        let Setting { nodes, flaws, .. } = setting;
        let names: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        let flexible = dice.flag(&options.flexible);
        Config {
            attempt_timeout: options.attempt_timeout,
            backoff: options.backoff,
            inquiry_timeout: options.inquiry_timeout,
            backoff_doublings_max: dice.count(&options.backoff_doublings).unwrap_or(0),
            quorum: if flexible { draw_quorum(nodes, dice) } else { Quorum::majority(usize::from(nodes)) },
            flaws: FlawSet::from_names(&names).expect("a trial checks the names of flaws"),
        }
    }

    fn without_flaws(config: Config) -> Config {
        Config { flaws: FlawSet::default(), ..config }
    }

    fn fits(config: &Config, nodes: u8) -> Result<(), String> {
        super::fits_nodes(config.quorum.nodes() as u8, nodes)?;
        Quorum::flexible(usize::from(nodes), config.quorum.first(), config.quorum.second())?;
        [config.attempt_timeout, config.backoff, config.inquiry_timeout]
            .into_iter()
            .try_for_each(super::fits_timeout)
    }

    fn spell(call: &Propose, answer: Option<&Decided>) -> Option<Spelled> {
        Spelled::of_proposal(call, answer)
    }

    fn core_min(config: &Config, _: u8) -> u8 {
        config.quorum.first().max(config.quorum.second()) as u8
    }

    fn round_ns(config: &Config) -> u64 {
        config.round_ns()
    }

    fn request(asker: &mut Asker<'_>) -> Propose {
        consensus::ask(asker.workload, asker.number, asker.client, asker.dice)
    }

    fn scan(workload: &Workload, core: NodeSet, number: u32) -> Vec<(Option<NodeId>, Propose)> {
        consensus::scan(workload, core, number)
    }

    fn parse_request(words: &str) -> Result<Propose, String> {
        consensus::parse(words)
    }
}

/// Any pair of quorum sizes that just meet.
fn draw_quorum(nodes: u8, dice: &mut Dice) -> Quorum {
    let nodes = usize::from(nodes);
    let second = dice.between(1, nodes as u64) as usize;
    Quorum::flexible(nodes, nodes + 1 - second, second).unwrap_or_else(|_| Quorum::majority(nodes))
}
