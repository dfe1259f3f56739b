//! What a trace holds.

use quarrel_sim::decision::Decision;
use quarrel_sim::record::TraceEvent;
use quarrel_sim::world::{Operation, Order, World};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::judgement::Judgement;
use super::words::{hexadecimal, text};

/// The newest format of traces, and the one that is written.
///
/// Format 1 had no outsiders, no closed loops and no state machines: what it lacks has its default, and its requests
/// are brought up to date by their protocol. Formats 1 and 2 had no operator, no links that keep an
/// order and no clocks that are read.
pub const FORMAT: u32 = 3;

/// A recorded run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// Everything the run depends on.
    pub header: Header,
    /// Everything that happened, numbered from 1.
    pub events: Vec<TraceEvent>,
    /// What came out.
    pub verdict: Verdict,
}

/// Line 1: everything a run depends on, and what came out of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Header {
    /// Says that this is a trace.
    pub quarrel: TraceMark,
    /// The format's version: [`FORMAT`].
    pub format: u32,
    /// The version of the tool that wrote it.
    pub tool: String,
    /// The name and version of the digest's algorithm.
    pub digest_algorithm: String,
    /// The protocol's name.
    pub protocol: String,
    /// The scenario it came from.
    pub scenario: String,
    /// The seed it came from.
    #[serde(with = "text")]
    pub seed: u64,
    /// The flaws that were on: `raft/commit-old-term`.
    pub flaws: Vec<String>,
    /// Whose judgement counted.
    pub oracle: Oracle,
    /// The protocol's configuration, in its own form.
    pub config: Value,
    /// The resolved world, with all faults.
    pub world: World,
    /// The client operations, each request in the protocol's own form.
    pub operations: Vec<Operation<Value>>,
    /// The orders of an operator, each in the protocol's own form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<Order<Value>>,
    /// The decisions that are not the default.
    pub decisions: Vec<Decision>,
    /// What came out, as the last line says again.
    pub expect: Judgement,
    /// The digest of the run.
    #[serde(with = "hexadecimal")]
    pub digest: u64,
    /// How many events there were.
    pub events: u64,
    /// How much virtual time passed, in nanoseconds.
    #[serde(rename = "simulated_ns")]
    pub simulated_ns: u64,
}

/// The first word of a trace: `"quarrel": "trace"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum TraceMark {
    /// There is only this one.
    #[default]
    #[serde(rename = "trace")]
    Trace,
}

/// Whose judgement counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Oracle {
    /// Everybody's.
    #[default]
    All,
    /// Only the clients'.
    Clients,
}

/// The last line: what came out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "super::judgement::VerdictLine", into = "super::judgement::VerdictLine")]
pub struct Verdict {
    /// Whether all held.
    pub judgement: Judgement,
    /// When that was known, in nanoseconds of virtual time.
    pub at_ns: u64,
    /// How many events there were.
    pub events: u64,
    /// The digest of the run.
    pub digest: u64,
    /// What struck that the protocol does not promise to live with, a reason each, where something was violated:
    /// the violation is outside the model. Nothing in a violation inside it, nor in a trace older than this label.
    pub outside: Vec<String>,
    /// Who was up and could not go on when a run ended in which all held, in words: it blocks.
    pub blocked: Vec<String>,
}
