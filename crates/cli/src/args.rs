//! What can be asked.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use quarrel::environment::read_range;
use quarrel_formats::scenario::parse_duration;
use quarrel_harness::registry::Registry;

/// Deterministic simulation testing for consensus protocols.
#[derive(Parser, Debug)]
#[command(version, about, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// For people, or one JSON document for tools; of `compare` also a table for a README.
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: Format,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// How results are written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// Text.
    Human,
    /// One JSON document.
    Json,
    /// A table for a README; only of `compare`.
    Markdown,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run one seed of a scenario.
    #[command(after_long_help = crate::report::json::RUN_HELP)]
    Run(RunArguments),
    /// Run many seeds of a scenario, and make what fails small.
    #[command(after_long_help = crate::report::json::CAMPAIGN_HELP)]
    Campaign(CampaignArguments),
    /// Run traces again and say what became of them.
    #[command(after_long_help = crate::report::json::REPLAY_HELP)]
    Replay(ReplayArguments),
    /// Make a failing trace as small as it gets.
    #[command(after_long_help = crate::report::json::SHRINK_HELP)]
    Shrink(ShrinkArguments),
    /// Tell what happened in a trace.
    #[command(after_long_help = crate::report::json::VIEW_HELP)]
    View(ViewArguments),
    /// Measure protocols side by side: what a decision costs, what stops them, what breaks them.
    #[command(after_long_help = crate::report::compare_json::COMPARE_HELP)]
    Compare(CompareArguments),
    /// Say whether a client history, from anywhere, is linearizable.
    #[command(after_long_help = crate::report::check_help::CHECK_HELP)]
    Check(CheckArguments),
    /// Write the skeleton of a crate with a protocol of your own: it compiles, and its tests pass.
    #[command(after_long_help = crate::report::json::NEW_HELP)]
    New(NewArguments),
    /// Print a scenario as it is written: who does what, and what is expected.
    #[command(after_long_help = crate::report::json::SHOW_HELP)]
    Show(ShowArguments),
    /// List what there is.
    #[command(after_long_help = crate::report::json::LIST_HELP)]
    List(ListArguments),
}

/// What is put on trial.
#[derive(Args, Debug)]
pub(crate) struct TrialArguments {
    /// Switch a deliberate defect on, such as `raft/commit-old-term`; see `list flaws`. May be repeated.
    #[arg(long = "flaw", value_name = "FLAW")]
    pub(crate) flaws: Vec<String>,
    /// Pin a value that the scenario draws, such as `nodes=5` or `network.loss=0`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_set)]
    pub(crate) sets: Vec<(String, String)>,
    /// Who judges: everybody, or only clients, by what they were told and whether they were answered.
    #[arg(long, value_enum, value_name = "WHO", default_value = "all")]
    pub(crate) oracle: Oracle,
}

/// Who judges.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Oracle {
    /// Every property, those of the protocol's inside included.
    All,
    /// Only linearizability, durability, liveness, panics and limits.
    Clients,
}

impl From<Oracle> for quarrel_formats::trace::Oracle {
    fn from(oracle: Oracle) -> Self {
        match oracle {
            Oracle::All => Self::All,
            Oracle::Clients => Self::Clients,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// A scenario: a file, or a name such as `raft/chaos`; see `list scenarios`.
    pub(crate) scenario: String,
    /// The seed. [default: that of QUARREL_SEED, or 0]
    #[arg(long, value_name = "N", value_parser = parse_seed, allow_hyphen_values = true)]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) on_trial: TrialArguments,
    /// Obey the plan of this trace; of another protocol's, only its faults, links, disks and clocks.
    #[arg(long, value_name = "TRACE")]
    pub(crate) plan: Option<PathBuf>,
    /// Write the run as a trace to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Write what clients saw to this file, in the format of `check`.
    #[arg(long, value_name = "FILE", conflicts_with = "plan")]
    pub(crate) history: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct CampaignArguments {
    /// Scenarios: files, or names such as `raft/chaos`; see `list scenarios`.
    #[arg(required = true, value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,
    /// The seeds, from A up to but not including B. [default: 0..1000, without end under --for]
    #[arg(long, value_name = "A..B", value_parser = read_range, allow_hyphen_values = true)]
    pub(crate) seeds: Option<Range<u64>>,
    /// End after this time, such as `10m`; several scenarios share it.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_time_limit)]
    pub(crate) time_limit: Option<Duration>,
    #[command(flatten)]
    pub(crate) on_trial: TrialArguments,
    /// How many threads. [default: as many as the machine runs at once]
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// End after the first K failing seeds, in the order of seeds.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) stop_after: Option<u64>,
    /// Keep failing runs as they are, instead of making them small.
    #[arg(long)]
    pub(crate) no_shrink: bool,
    /// The folder for traces of failing runs, created if need be. [default: quarrel-out]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write what came of it to this file as JUnit XML, for CI servers; folders are created.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ReplayArguments {
    /// Traces.
    #[arg(required = true, value_name = "TRACE")]
    pub(crate) traces: Vec<PathBuf>,
    /// Run the corrected protocol: without the flaws that were on.
    #[arg(long)]
    pub(crate) no_flaws: bool,
    /// What must come out. Without it, the recorded run must be reproduced.
    #[arg(long, value_enum, value_name = "OUTCOME")]
    pub(crate) expect: Option<Expect>,
}

/// What a replay must come to.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expect {
    /// The violation is gone.
    Gone,
}

#[derive(Args, Debug)]
pub(crate) struct ShrinkArguments {
    /// A trace that fails.
    pub(crate) trace: PathBuf,
    /// Where the smallest run goes. [default: beside the trace, as NAME.shrunk.jsonl]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ViewArguments {
    /// A trace.
    pub(crate) trace: PathBuf,
    /// Every event.
    #[arg(long, conflicts_with = "diagram")]
    pub(crate) full: bool,
    /// A space-time diagram: a column for each node.
    #[arg(long)]
    pub(crate) diagram: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CompareArguments {
    /// The protocols; see `list protocols`. [default: those that theory has figures for]
    #[arg(value_name = "PROTOCOL")]
    pub(crate) protocols: Vec<String>,
    /// Change the measurement, such as `participants=5`; the keys are below. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_set)]
    pub(crate) sets: Vec<(String, String)>,
    /// The seed: each stands for other runs.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = parse_seed, allow_hyphen_values = true)]
    pub(crate) seed: u64,
    /// How many threads. [default: as many as the machine runs at once]
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// A history: JSON lines.
    pub(crate) history: PathBuf,
    /// What the clients asked.
    #[arg(long, value_enum, value_name = "MODEL")]
    pub(crate) model: Model,
    /// How many steps the search may take. [default: 100000000, for a queue 10000000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget: Option<u64>,
    /// Accept processes that ask again after an `info`; what they lost stays unknown.
    #[arg(long)]
    pub(crate) reuse_processes: bool,
}

/// What a history is checked against.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Model {
    /// Registers: read, write, cas.
    Register,
    /// Texts by key: get, put, append.
    Kv,
    /// Accounts: transfer, read.
    Bank,
    /// Locks: acquire, release.
    Lock,
    /// Queues: enqueue, dequeue.
    Queue,
}

impl CheckArguments {
    /// The budget that was asked for, or one that a machine of today has the time and the memory for: the states of
    /// a queue are as long as the queue.
    pub(crate) fn budget(&self) -> u64 {
        let usual = if self.model == Model::Queue { 10_000_000 } else { 100_000_000 };
        self.budget.unwrap_or(usual)
    }
}

#[derive(Args, Debug)]
pub(crate) struct NewArguments {
    /// What the crate and its protocol are called, such as `my-protocol`.
    pub(crate) name: String,
    /// The folder to write, which must not be there yet. [default: NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// The checkout of Quarrel to depend on. [default: the one that this program was built from]
    #[arg(long, value_name = "PATH")]
    pub(crate) quarrel: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArguments {
    /// A scenario: a name such as `raft/chaos`, or a file; see `list scenarios`.
    pub(crate) scenario: String,
}

#[derive(Args, Debug)]
pub(crate) struct ListArguments {
    /// What to list.
    #[arg(value_enum)]
    pub(crate) what: Option<Listed>,
}

/// What can be listed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Listed {
    /// What can be put on trial.
    Protocols,
    /// The deliberate defects.
    Flaws,
    /// What runs are judged by.
    Invariants,
    /// The classes of faults.
    Faults,
    /// The cells: what may happen in a run, and is counted.
    Cells,
    /// What an operator can ask of a protocol.
    Orders,
    /// The scenarios that have a name.
    Scenarios,
}

/// The command line of a program of this name over these protocols: what its help gives as an example is there.
pub(crate) fn command(program: &str, registry: &Registry) -> clap::Command {
    let command = Arguments::command().name(program.to_string());
    let Some(entry) = registry.entries().next().filter(|_| registry.find("raft").is_none()) else {
        return command;
    };
    let name = entry.name();
    let flaw = entry.flaws().first().map_or("a-flaw", |flaw| flaw.name);
    let told = |text: &clap::builder::StyledStr| {
        let text = text.to_string().replace("raft/commit-old-term", &format!("{name}/{flaw}"));
        text.replace("raft/", &format!("{name}/"))
    };
    let version = format!("with quarrel {}", env!("CARGO_PKG_VERSION"));
    command.version(version).mut_subcommands(|command| {
        command.mut_args(|argument| match argument.get_help().map(told) {
            Some(help) => argument.help(help),
            None => argument,
        })
    })
}

fn parse_set(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_string(), value.trim().to_string()))
        }
        _ => Err("expected KEY=VALUE, such as `network.loss=0`".to_string()),
    }
}

fn parse_seed(text: &str) -> Result<u64, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(seed) if is_number => Ok(seed),
        _ if is_number => Err(format!("a seed is at most {}", u64::MAX)),
        _ if read_range(text).is_ok() => {
            Err("this is one seed; `campaign` runs a range, with `--seeds`".to_string())
        }
        _ => Err("expected a whole number, such as `7`".to_string()),
    }
}

fn parse_time_limit(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        0 => Err("no time at all".to_string()),
        ns => Ok(Duration::from_nanos(ns)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn pinned_values_may_hold_equals_signs() {
        assert_eq!(parse_set("a.b=c=d"), Ok(("a.b".to_string(), "c=d".to_string())));
        for wrong in ["", "a", "=1", " =1"] {
            assert!(parse_set(wrong).is_err(), "{wrong}");
        }
    }
}
