//! Monitors: observers that judge a run by named properties and note which interesting things ever happened.
//!
//! Announcements, outputs and replies reach a monitor when they are *released*, never when they are only in memory:
//! "votes once per term", judged on memory, fires on correct Raft when a vote is lost before it was durable.

use serde::{Deserialize, Serialize};

use crate::{ClientId, NodeId, NodeSet, Protocol, RequestId};

/// How a run ended, for properties that speak of what must have happened by then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// When, in nanoseconds of virtual time.
    pub at_ns: u64,
    /// The nodes that healed for good and had come back and settled; `None` if nobody had to, or they had not.
    pub settled: Option<NodeSet>,
}

/// A node that cannot go on: it has promised something whose end is not in its own hands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suspense {
    /// Which node.
    pub node: NodeId,
    /// What it is waiting to learn, in a few words: `in doubt about t3`.
    pub what: String,
    /// Since when, in nanoseconds of virtual time.
    pub since_ns: u64,
}

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

impl Violation {
    /// The signature of a panic or a failed assertion in two: its text, and the place in the code, file and line, if
    /// somebody noted it. Other violations have no place.
    #[must_use]
    pub fn text_and_place(&self) -> (&str, Option<(&str, u32)>) {
        let signature = self.signature.as_str();
        if !matches!(self.kind, PropertyKind::Panic | PropertyKind::Assertion) {
            return (signature, None);
        }
        let line_of = |place: &str| place.rsplit_once(':').and_then(|(_, line)| line.parse().ok());
        // In a text every number is a `#`: what ends with one is a place.
        match signature.rsplit_once(", at ").and_then(|(text, place)| Some((text, place, line_of(place)?))) {
            None => (signature, None),
            Some((text, place, line)) => {
                (text, Some((place.rsplit_once(':').map_or(place, |(file, _)| file), line)))
            }
        }
    }

    /// Whether a run that is recorded fails as this one: by signature, but a panic whose line has moved in the same
    /// file is the same panic, and so is one that was recorded before places were noted. A trace outlives edits of the
    /// code that it tells of.
    #[must_use]
    pub fn is_like(&self, recorded: &Self) -> bool {
        if self.signature == recorded.signature {
            return true;
        }
        let ((mine, here), (theirs, there)) = (self.text_and_place(), recorded.text_and_place());
        let is_same_file = match (here, there) {
            (Some((here, _)), Some((there, _))) => is_end_of(here, there) || is_end_of(there, here),
            _ => true,
        };
        mine == theirs && is_same_file
    }
}

/// Whether one path is the end of the other: a crate is built from its own folder or from another one.
fn is_end_of(end: &str, path: &str) -> bool {
    path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('/'))
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

    /// A client's operation has ended: it takes this reply for the answer, or will never have one.
    fn on_outcome(
        &mut self,
        _client: ClientId,
        _id: RequestId,
        _reply: Option<&P::Reply>,
        _report: &mut Report,
    ) {
    }

    /// A node has handled an input. For invariants of this one node's state only.
    fn after_step(&mut self, _node: NodeId, _state: &P, _report: &mut Report) {}

    /// A node has stopped; what it had not released is lost.
    fn on_crash(&mut self, _node: NodeId, _report: &mut Report) {}

    /// A node has been rebuilt from its disk.
    fn on_recover(&mut self, _node: NodeId, _state: &P, _report: &mut Report) {}

    /// A node is Byzantine from now on: it is a traitor, which is said before anything else, or it has forgotten what it had
    /// promised to keep where such a one counts as Byzantine. It may do what it likes, and no more is heard of it.
    fn on_disowned(&mut self, _node: NodeId) {}

    /// Something happened that would not have happened by itself: a message was lost, held up or doubled, a node
    /// stopped or stood still, a disk or a clock was not what it should be. Until then the run was free of failures.
    /// `class` is its name in reports: `crash`, `clock-drift`.
    fn on_fault(&mut self, _class: &'static str, _report: &mut Report) {}

    /// It is now so late, in nanoseconds of virtual time: said before anything else happens at that time.
    #[inline]
    fn on_time(&mut self, _now_ns: u64) {}

    /// The run has gone to its end.
    fn on_end(&mut self, _ending: Ending, _report: &mut Report) {}

    /// Of a core that has healed, those whose state must come to agree: all of them, unless a protocol can send nodes
    /// away.
    fn concerned(&self, core: NodeSet) -> NodeSet {
        core
    }

    /// What a healed core still has to bring to an end although nobody waits for it, in a few words.
    fn unfinished(&self, _core: NodeSet) -> Option<String> {
        None
    }

    /// Which nodes are up and cannot go on, in the order of nodes; `None` of a problem that knows no such plight. Where
    /// it is known, a run blocks when a node is in it, whatever clients have heard.
    fn suspended(&self) -> Option<Vec<Suspense>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: PropertyKind, signature: &str) -> Violation {
        let (property, detail) = (kind.to_string(), String::new());
        Violation { property, kind, detail, signature: signature.to_string() }
    }

    fn panicked(signature: &str) -> Violation {
        failed(PropertyKind::Panic, signature)
    }

    #[test]
    fn a_panic_is_a_text_and_a_place() {
        let cases = [
            (
                "panic: none, at raft-0.7.0/src/raft.rs:941",
                "panic: none",
                Some(("raft-0.7.0/src/raft.rs", 941)),
            ),
            ("panic: at #, at src/a.rs:7", "panic: at #", Some(("src/a.rs", 7))),
            ("panic: lost, at n#:#", "panic: lost, at n#:#", None),
            ("panic: none", "panic: none", None),
        ];
        for (signature, text, place) in cases {
            assert_eq!(panicked(signature).text_and_place(), (text, place));
        }
        let other = failed(PropertyKind::Client, "durability: lost, at a:7");
        assert_eq!(other.text_and_place(), ("durability: lost, at a:7", None));
    }

    #[test]
    fn the_same_panic_is_known_without_its_place_and_at_another_line() {
        let now = panicked("panic: none, at crates/raft/src/raft.rs:12");
        for recorded in [
            "panic: none",
            "panic: none, at crates/raft/src/raft.rs:12",
            "panic: none, at crates/raft/src/raft.rs:40",
            "panic: none, at raft/src/raft.rs:40",
        ] {
            assert!(now.is_like(&panicked(recorded)), "{recorded}");
        }
        for recorded in [
            "panic: some, at crates/raft/src/raft.rs:12",
            "panic: none, at crates/raft/src/log.rs:12",
            "panic: none, at mycraft/src/raft.rs:12",
            "panic: some",
        ] {
            assert!(!now.is_like(&panicked(recorded)), "{recorded}");
        }
        assert!(!failed(PropertyKind::Client, "a").is_like(&failed(PropertyKind::Client, "a: b")));
    }
}
