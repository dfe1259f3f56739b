//! Two-phase commit on trial.

use quarrel_formats::scenario::{Complaint, Draw, Raw};
use quarrel_protocol::{After, Flaw, FlawSet, NodeId, NodeSet};
use quarrel_sim::Struck;
use quarrel_spec::atomic_commit::{self, Properties, Transaction, Transactions};
use quarrel_spec::machine::Kind;
use quarrel_spec::workload::Workload;
use quarrel_two_phase_commit::{Config, FLAWS, Invariants, Presumption, TwoPhaseCommit};

use super::{read_draw, read_timeout};
use crate::dice::Dice;
use crate::subject::{Asker, RawOptions, Setting, Subject};

/// The options of two-phase commit, as a scenario gives them.
#[derive(Clone)]
pub struct Options {
    presumption: Draw<Presumption>,
    read_only: Draw<bool>,
    cooperative: Draw<bool>,
    resolver: Draw<bool>,
    vote_timeout: After,
    retry: After,
    inquiry: After,
    orphan: After,
}

impl Subject for TwoPhaseCommit {
    type Invariants = Invariants;
    type Properties = Properties;
    type Service = Transactions;
    type Options = Options;

    const FLAWS: &'static [Flaw] = FLAWS;
    const RUNS_MACHINE: bool = false;
    const OPTIONS: &'static [&'static str] = &[
        "presumption",
        "read-only",
        "cooperative",
        "resolver",
        "vote-timeout",
        "retry",
        "inquiry-timeout",
        "orphan-timeout",
    ];

    fn options(raw: &RawOptions) -> Result<Options, Complaint> {
        let plain = Config::new(1);
        let mut options = Options {
            presumption: Draw::Fixed(plain.presumption),
            read_only: Draw::Fixed(plain.read_only),
            cooperative: Draw::Fixed(plain.cooperative),
            resolver: Draw::Fixed(plain.resolver),
            vote_timeout: plain.vote_timeout,
            retry: plain.retry,
            inquiry: plain.inquiry,
            orphan: plain.orphan,
        };
        read_draw(raw, "presumption", &mut options.presumption, read_presumption)?;
        read_draw(raw, "read-only", &mut options.read_only, Raw::flag)?;
        read_draw(raw, "cooperative", &mut options.cooperative, Raw::flag)?;
        read_draw(raw, "resolver", &mut options.resolver, Raw::flag)?;
        read_timeout(raw, "vote-timeout", &mut options.vote_timeout)?;
        read_timeout(raw, "retry", &mut options.retry)?;
        read_timeout(raw, "inquiry-timeout", &mut options.inquiry)?;
        read_timeout(raw, "orphan-timeout", &mut options.orphan)?;
        Ok(options)
    }

    fn configure(options: &Options, setting: Setting<'_>, dice: &mut Dice) -> Config {
        let Setting { nodes, flaws, .. } = setting;
        let (presumption, read_only) = (draw(&options.presumption, dice), dice.flag(&options.read_only));
        let (cooperative, resolver) = (dice.flag(&options.cooperative), dice.flag(&options.resolver));
        // The coordinator and one participant come first.
        let resolver = resolver && nodes > 2;
        Config {
            participants: nodes.saturating_sub(1 + u8::from(resolver)),
            resolver,
            presumption,
            read_only,
            cooperative,
            vote_timeout: options.vote_timeout,
            retry: options.retry,
            inquiry: options.inquiry,
            orphan: options.orphan,
            flaws: FlawSet::from_names(flaws).expect("a trial checks the names of flaws"),
        }
    }

    fn without_flaws(config: Config) -> Config {
        Config { flaws: FlawSet::NONE, ..config }
    }

    fn fits(config: &Config, nodes: u8) -> Result<(), String> {
        if config.participants == 0 || config.participants > Config::PARTICIPANTS_MAX {
            let most = Config::PARTICIPANTS_MAX;
            return Err(format!("it has {} participants, not 1 to {most}", config.participants));
        }
        super::fits_nodes(config.nodes(), nodes)?;
        [config.vote_timeout, config.retry, config.inquiry, config.orphan]
            .into_iter()
            .try_for_each(super::fits_timeout)
    }

    /// AC4 alone rests on time: a vote that comes after the timeout is a failure.
    fn outside_for(property: &str, config: &Config, struck: &Struck) -> Vec<String> {
        match property {
            "ac4" => config.late_votes(&super::measured(struck)).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn round_ns(config: &Config) -> u64 {
        config.round_ns()
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

    fn misfit(request: &Transaction, machines: &[Kind]) -> Option<String> {
        atomic_commit::misfit(request, machines)
    }

    fn stranger(words: &str, clients: u8, keys: u16) -> Option<String> {
        quarrel_spec::workload::stranger(words, clients, keys)
    }
}

fn read_presumption(raw: &Raw) -> Result<Presumption, Complaint> {
    raw.word(&Presumption::ALL.map(|presumption| (presumption.name(), presumption)))
}

fn draw(presumption: &Draw<Presumption>, dice: &mut Dice) -> Presumption {
    match presumption {
        Draw::Fixed(one) => *one,
        Draw::OneOf(several) => *dice.pick(several),
        _ => Presumption::None,
    }
}
