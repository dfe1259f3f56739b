//! Monitors: observers that judge a run by named properties and note which interesting things ever happened.
//!
//! Announcements, outputs and replies reach a monitor when they are *released*, never when they are only in memory:
//! "votes once per term", judged on memory, fires on correct Raft when a vote is lost before it was durable.

use serde::{Deserialize, Serialize};

use crate::{ClientId, NodeId, Protocol, RequestId};

/// How a property counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PropertyKind {
    /// A property of the paper over the cluster. Finding a flaw means breaking one of these.
    Paper,
    /// A promise to clients.
    Client,
    /// Something good must happen in the end.
    Liveness,
    /// An invariant of one node or one rule; breaking it is reported apart, and the run goes on.
    Invariant,
    /// A protocol's own assertion.
    Assertion,
    /// A panic in a protocol.
    Panic,
    /// A limit of the world was reached: a storm, a livelock.
    Limit,
}

impl PropertyKind {
    /// Whether breaking such a property counts as a finding, and ends a run. Invariants and assertions may only
    /// restate a line of the code: they are reported apart.
    #[must_use]
    pub const fn counts(self) -> bool {
        !matches!(self, PropertyKind::Invariant | PropertyKind::Assertion)
    }
}

impl std::fmt::Display for PropertyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            PropertyKind::Paper => "paper",
            PropertyKind::Client => "client",
            PropertyKind::Liveness => "liveness",
            PropertyKind::Invariant => "invariant",
            PropertyKind::Assertion => "assertion",
            PropertyKind::Panic => "panic",
            PropertyKind::Limit => "limit",
        })
    }
}

/// A named property.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Property {
    /// The paper's own name, lower case, words joined by hyphens: `leader-completeness`.
    pub name: &'static str,
    /// How it counts.
    pub kind: PropertyKind,
    /// What it says, in one sentence.
    pub statement: &'static str,
    /// Where it is stated: `Raft, Figure 3`.
    pub source: &'static str,
}

/// A `sometimes`: something that must happen in some run, or a campaign has shown nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    /// Its name: `vote-in-flight-at-crash`.
    pub name: &'static str,
    /// After how many runs it is due: a campaign that long in which it never happened is vacuous.
    pub due_runs: u64,
}

/// A property that broke.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Violation {
    /// Which.
    pub property: String,
    /// How it counts.
    pub kind: PropertyKind,
    /// The two facts that collide, for a person.
    pub detail: String,
    /// The canonical form, without identities, numbers or times: failures with equal signatures are one failure.
    pub signature: String,
}

/// What a monitor found: the tallies of one run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    properties: Vec<Property>,
    evaluated: Vec<u64>,
    cells: Vec<u64>,
    violations: Vec<Violation>,
}

impl Report {
    /// An empty report for a monitor with these properties and cells.
    #[must_use]
    pub fn new(properties: &[Property], cells: &[Cell]) -> Self {
        Self {
            properties: properties.to_vec(),
            evaluated: vec![0; properties.len()],
            cells: vec![0; cells.len()],
            violations: Vec::new(),
        }
    }

    /// Evaluates the property at `position` of the monitor's list. When it does not hold, `facts` gives the
    /// two facts that collide, and the canonical form of the failure (no identities, numbers or times; empty when
    /// the property's name says it all).
    #[inline]
    pub fn check(&mut self, position: usize, holds: bool, facts: impl FnOnce() -> (String, &'static str)) {
        self.evaluated[position] += 1;
        if !holds {
            self.record(position, facts());
        }
    }

    #[cold]
    fn record(&mut self, position: usize, (detail, canonical): (String, &'static str)) {
        let property = self.properties[position];
        // The first failure of each property tells the story; a storm of echoes would only hide it.
        if self.violations.iter().any(|seen| seen.property == property.name) {
            return;
        }
        let separator = if canonical.is_empty() { "" } else { ": " };
        self.violations.push(Violation {
            property: property.name.to_string(),
            kind: property.kind,
            detail,
            signature: format!("{}{separator}{canonical}", property.name),
        });
    }

    /// Notes that the thing at `position` of the monitor's list of cells happened.
    #[inline]
    pub fn happened(&mut self, position: usize) {
        self.cells[position] += 1;
    }

    /// What broke, in order, at most once for each property.
    #[must_use]
    #[inline]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How often each property was evaluated, in the monitor's order.
    #[must_use]
    pub fn evaluated(&self) -> &[u64] {
        &self.evaluated
    }

    /// How often each cell happened, in the monitor's order.
    #[must_use]
    pub fn cells(&self) -> &[u64] {
        &self.cells
    }
}

/// An observer of one run of protocol `P`.
///
/// Every method has a default that looks away. Work per call is O(1) amortised.
pub trait Monitor<P: Protocol> {
    /// The properties it judges; a position in this list names one in [`Report::check`].
    fn properties() -> &'static [Property];

    /// The cells it watches; a position in this list names one in [`Report::happened`].
    fn cells() -> &'static [Cell] {
        &[]
    }

    /// A fresh monitor for a cluster.
    fn new(config: &P::Config, nodes: usize) -> Self;

    /// A client sends a request for the first time.
    fn on_request(&mut self, _client: ClientId, _id: RequestId, _request: &P::Request, _report: &mut Report) {
    }

    /// A node's announcement is released.
    fn on_announce(&mut self, _node: NodeId, _event: &P::Event, _report: &mut Report) {}

    /// A node's output is released.
    fn on_output(&mut self, _node: NodeId, _output: &P::Output, _report: &mut Report) {}

    /// A node's reply is released.
    fn on_reply(
        &mut self,
        _node: NodeId,
        _client: ClientId,
        _id: RequestId,
        _reply: &P::Reply,
        _report: &mut Report,
    ) {
    }

    /// A node has handled an input. For invariants of this one node's state only.
    fn after_step(&mut self, _node: NodeId, _state: &P, _report: &mut Report) {}

    /// A node has stopped; what it had not released is lost.
    fn on_crash(&mut self, _node: NodeId, _report: &mut Report) {}

    /// A node has been rebuilt from its disk.
    fn on_recover(&mut self, _node: NodeId, _state: &P, _report: &mut Report) {}
}
