//! What must hold of a cluster: the properties of PMS 2.1 and 2.2, by name and for each slot, over what the nodes have
//! announced. Announcements are released when they are durable, so an acceptance that is seen here is on a disk.
//!
//! What is applied, and in which order, is judged by [`quarrel_spec::replicated_log::Properties`], which knows no Paxos.

use std::collections::BTreeMap;

use quarrel_protocol::{
    Cell, ClientId, Monitor, NodeId, NodeSet, Property, PropertyKind, Quorum, Report, RequestId,
};
use quarrel_spec::replicated_log::Reply;

use crate::event::{How, Reason, Why};
use crate::value::Value;
use crate::{Ballot, Config, Event, MultiPaxos, Slot};

const ONE_VALUE_CHOSEN: usize = 0;
const ONE_VALUE_PER_BALLOT: usize = 1;
const LEARNED_IS_CHOSEN: usize = 2;
const BALLOT_LED_ONCE: usize = 3;
const P2B: usize = 4;
const PROMISE_KEPT: usize = 5;
const PROMISE_MONOTONIC: usize = 6;

/// The properties, in the order in which reports count them.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "one-value-chosen",
        kind: PropertyKind::Paper,
        statement: "in no slot are two different values each accepted by a quorum in one ballot",
        source: "Paxos Made Simple, section 2.1: only a single value is chosen; P2",
    },
    Property {
        name: "one-value-per-ballot",
        kind: PropertyKind::Paper,
        statement: "no two acceptors accept different values in the same slot and ballot",
        source: "Paxos Made Simple, section 2.2: different proposals have different numbers; PMMC, invariant A4",
    },
    Property {
        name: "learned-is-chosen",
        kind: PropertyKind::Paper,
        statement: "a node learns that a value is chosen only if a quorum has accepted it, on disk",
        source: "Paxos Made Simple, section 2.1: a process never learns that a value has been chosen unless it has been",
    },
    Property {
        name: "ballot-led-once",
        kind: PropertyKind::Paper,
        statement: "a ballot is led once: no node begins twice to lead in the same one",
        source: "Paxos Made Simple, section 2.5: no proposal number is used twice",
    },
    Property {
        name: "p2b",
        kind: PropertyKind::Invariant,
        statement: "once a value is chosen in a slot, every higher-numbered proposal there has that value",
        source: "Paxos Made Simple, P2b",
    },
    Property {
        name: "promise-kept",
        kind: PropertyKind::Invariant,
        statement: "an acceptor accepts no ballot lower than one it has promised, restarts included",
        source: "Paxos Made Simple, P1a",
    },
    Property {
        name: "promise-monotonic",
        kind: PropertyKind::Invariant,
        statement: "an acceptor never returns to a lower promise, restarts included",
        source: "Paxos Made Simple, section 2.5; PMMC, invariant A1",
    },
];

const LEADER_ELECTED: usize = 0;
const LEADER_CHANGED: usize = 1;
const MINORITY_AT_LEADER_CHANGE: usize = 2;
const VALUE_RECOVERED: usize = 3;
const RIVAL_PROPOSALS: usize = 4;
const GAP_FILLED: usize = 5;
const LEADER_OUTBID: usize = 6;
const LONELY_LEADER: usize = 7;
const PREPARE_IGNORED: usize = 8;
const PROMISE_SET_ASIDE: usize = 9;
const CAUGHT_UP: usize = 10;
const SNAPSHOT_TAKEN: usize = 11;
const TRIMMED: usize = 12;
const CRASHED_BEFORE_TRIM: usize = 13;
const STARTED_FROM_SNAPSHOT: usize = 14;
const SNAPSHOT_INSTALLED: usize = 15;
const INSTALLED_ACROSS_LEADERS: usize = 16;
const CLIENT_REDIRECTED: usize = 17;

const fn cell(name: &'static str) -> Cell {
    Cell { name, due_runs: 1000 }
}

/// What must happen some time, or the properties have been asked nothing.
pub const CELLS: &[Cell] = &[
    cell("leader-elected"),
    cell("leader-changed"),
    // A node is elected while a slot has been accepted by some, and by no quorum.
    cell("minority-at-leader-change"),
    // A new leader proposes a command that a promise has reported.
    cell("value-recovered"),
    // Different values have been accepted in one slot, in different ballots.
    cell("rival-proposals"),
    cell("gap-filled"),
    cell("leader-outbid"),
    // A leader gives up because it hears no quorum.
    cell("lonely-leader"),
    cell("prepare-ignored"),
    // A candidate cannot count a promise before it has caught up.
    cell("promise-set-aside"),
    cell("caught-up"),
    cell("snapshot-taken"),
    cell("trimmed"),
    // A snapshot is on disk, and the slots that it covers still are.
    cell("crashed-before-trim"),
    cell("started-from-snapshot"),
    cell("snapshot-installed"),
    // Another leader was elected while a snapshot was on its way.
    cell("installed-across-leaders"),
    cell("client-redirected"),
];

/// Judges a run by [`PROPERTIES`].
pub struct Invariants {
    quorum: Quorum,
    nodes: Vec<Acceptor>,
    slots: BTreeMap<Slot, View>,
    /// Slots before this one are not looked at any more.
    horizon: Slot,
    /// Who began to lead, in the order of ballots.
    elections: Vec<Ballot>,
    /// How many elections there were, and who won the last.
    elected: u64,
    last_leader: Option<NodeId>,
}

/// What one node has made known.
#[derive(Clone, Default)]
struct Acceptor {
    promised: Option<Ballot>,
    /// It has a snapshot on disk, and has not trimmed its log by it.
    owes_trim: bool,
    /// It is receiving a snapshot since this many elections.
    receiving_since: Option<u64>,
}

/// One slot.
#[derive(Default)]
struct View {
    /// Acceptances, by ballot. Few ballots get as far as a slot.
    tallies: Vec<Tally>,
    /// The proposal of the lowest ballot that was seen chosen.
    chosen: Option<(Ballot, Value)>,
}

impl View {
    /// Whether the slot was accepted by somebody, and by no quorum.
    fn is_of_minority(&self) -> bool {
        self.chosen.is_none() && !self.tallies.is_empty()
    }
}

/// The acceptances of one ballot in one slot.
struct Tally {
    ballot: Ballot,
    value: Value,
    acceptors: NodeSet,
}

/// So many slots before the last that was chosen are kept in view, so that a long run needs no more memory than a short
/// one. A node that is further behind is judged by what it applies.
const SLOTS_IN_VIEW: u64 = 4096;

/// Open slots are looked for among the last so many.
const OPEN_MAX: usize = 256;

impl Monitor<MultiPaxos> for Invariants {
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn cells() -> &'static [Cell] {
        CELLS
    }

    fn new(config: &Config, nodes: usize) -> Self {
        Self {
            quorum: config.quorum(),
            nodes: vec![Acceptor::default(); nodes],
            slots: BTreeMap::new(),
            horizon: Slot::ZERO,
            elections: Vec::new(),
            elected: 0,
            last_leader: None,
        }
    }

    #[inline]
    fn on_announce(&mut self, node: NodeId, event: &Event, report: &mut Report) {
        match *event {
            Event::Campaigned { ballot, .. } | Event::Promised { ballot } => {
                self.on_promised(node, ballot, report);
            }
            Event::Ignored { .. } => report.happened(PREPARE_IGNORED),
            Event::SetAside { .. } => report.happened(PROMISE_SET_ASIDE),
            Event::Elected { ballot, .. } => self.on_elected(node, ballot, report),
            Event::SteppedDown { reason: Reason::Outbid(_), .. } => report.happened(LEADER_OUTBID),
            Event::SteppedDown { reason: Reason::Lonely, .. } => report.happened(LONELY_LEADER),
            Event::Proposed { ballot, slot, value, why } => {
                self.on_accepted(node, ballot, slot, value, report);
                match why {
                    Why::Asked => {}
                    Why::Reported => report.happened(VALUE_RECOVERED),
                    Why::Gap => report.happened(GAP_FILLED),
                }
            }
            Event::Accepted { ballot, slot, value } => self.on_accepted(node, ballot, slot, value, report),
            Event::Learned { slot, value, how } => self.on_learned(node, slot, value, how, report),
            Event::SnapshotTaken { .. } => {
                self.nodes[node.index()].owes_trim = true;
                report.happened(SNAPSHOT_TAKEN);
            }
            Event::Trimmed { last } => {
                self.nodes[node.index()].owes_trim = false;
                if last > Slot::ZERO {
                    report.happened(TRIMMED);
                }
            }
            Event::Receiving { .. } => self.nodes[node.index()].receiving_since = Some(self.elected),
            Event::Installed { .. } => self.on_installed(node, report),
        }
    }

    fn on_reply(&mut self, _: NodeId, _: ClientId, _: RequestId, reply: &Reply, report: &mut Report) {
        if let Reply::NotLeader { hint: Some(_) } = reply {
            report.happened(CLIENT_REDIRECTED);
        }
    }

    fn on_crash(&mut self, node: NodeId, report: &mut Report) {
        let acceptor = &mut self.nodes[node.index()];
        if std::mem::take(&mut acceptor.owes_trim) {
            report.happened(CRASHED_BEFORE_TRIM);
        }
        acceptor.receiving_since = None;
    }

    /// A crash may spare writes whose announcements it took: the disk has the last word.
    fn on_recover(&mut self, node: NodeId, state: &MultiPaxos, report: &mut Report) {
        let before = self.nodes[node.index()].promised;
        let after = state.promised();
        report.check(PROMISE_MONOTONIC, before <= after, || {
            let promised = before.map_or_else(String::new, |ballot| ballot.to_string());
            (format!("{node} had promised {promised}, and starts again without it"), "after a restart")
        });
        self.nodes[node.index()].promised = after;
        if state.snapshot().is_some() {
            report.happened(STARTED_FROM_SNAPSHOT);
        }
        for (slot, held) in state.log().from(self.horizon) {
            if let Some(ballot) = held.ballot {
                self.count(node, ballot, slot, held.value, report);
            }
        }
    }
}

/// Promises and elections.
impl Invariants {
    fn on_promised(&mut self, node: NodeId, ballot: Ballot, report: &mut Report) {
        let promised = &mut self.nodes[node.index()].promised;
        let before = *promised;
        report.check(PROMISE_MONOTONIC, before <= Some(ballot), || {
            let before = before.map_or_else(String::new, |before| before.to_string());
            (format!("{node} had promised {before}, and now promises {ballot}"), "")
        });
        *promised = before.max(Some(ballot));
    }

    fn on_elected(&mut self, node: NodeId, ballot: Ballot, report: &mut Report) {
        let place = self.elections.partition_point(|&led| led < ballot);
        let is_new = self.elections.get(place) != Some(&ballot);
        report.check(BALLOT_LED_ONCE, is_new, || {
            (format!("{node} begins to lead in ballot {ballot}, which was led before"), "")
        });
        if is_new {
            self.elections.insert(place, ballot);
        }
        report.happened(LEADER_ELECTED);
        if self.last_leader.is_some_and(|before| before != node) {
            report.happened(LEADER_CHANGED);
            if self.slots.values().rev().take(OPEN_MAX).any(View::is_of_minority) {
                report.happened(MINORITY_AT_LEADER_CHANGE);
            }
        }
        self.last_leader = Some(node);
        self.elected += 1;
    }

    fn on_installed(&mut self, node: NodeId, report: &mut Report) {
        report.happened(SNAPSHOT_INSTALLED);
        let acceptor = &mut self.nodes[node.index()];
        if acceptor.receiving_since.take().is_some_and(|since| since < self.elected) {
            report.happened(INSTALLED_ACROSS_LEADERS);
        }
        acceptor.owes_trim = true;
    }
}

/// Slots.
impl Invariants {
    #[inline]
    fn on_accepted(&mut self, node: NodeId, ballot: Ballot, slot: Slot, value: Value, report: &mut Report) {
        let promised = &mut self.nodes[node.index()].promised;
        let before = *promised;
        report.check(PROMISE_KEPT, before <= Some(ballot), || {
            let before = before.map_or_else(String::new, |before| before.to_string());
            (format!("{node} had promised {before}, and accepts {value} at {slot} in {ballot}"), "")
        });
        *promised = before.max(Some(ballot));
        self.count(node, ballot, slot, value, report);
    }

    /// A node holds a proposal on its disk.
    fn count(&mut self, node: NodeId, ballot: Ballot, slot: Slot, value: Value, report: &mut Report) {
        if slot < self.horizon {
            return;
        }
        let view = self.slots.entry(slot).or_default();
        if let Some((lower, chosen)) = view.chosen {
            report.check(P2B, ballot <= lower || chosen == value, || {
                let what = format!(
                    "{chosen} was chosen at {slot} in ballot {lower}, but ballot {ballot} proposes {value}"
                );
                (what, "")
            });
        }
        let position = view.tallies.iter().position(|tally| tally.ballot == ballot);
        let position = position.unwrap_or_else(|| {
            if view.tallies.iter().any(|tally| tally.value != value) {
                report.happened(RIVAL_PROPOSALS);
            }
            view.tallies.push(Tally { ballot, value, acceptors: NodeSet::EMPTY });
            view.tallies.len() - 1
        });
        let tally = &mut view.tallies[position];
        let first = tally.value;
        report.check(ONE_VALUE_PER_BALLOT, first == value, || {
            let by = tally.acceptors;
            (format!("in ballot {ballot} {by} accepted {first} at {slot}, and {node} accepted {value}"), "")
        });
        if first != value {
            return;
        }
        tally.acceptors.insert(node);
        if !self.quorum.is_second(tally.acceptors) {
            return;
        }
        let by = tally.acceptors;
        report.check(ONE_VALUE_CHOSEN, view.chosen.is_none_or(|(_, chosen)| chosen == value), || {
            let (other, chosen) = view.chosen.unwrap_or((ballot, value));
            let what = format!(
                "at {slot} {chosen} was chosen in ballot {other}, and then {value} in ballot {ballot} by {by}"
            );
            (what, "")
        });
        view.chosen = Some(match view.chosen {
            Some((lower, chosen)) if lower <= ballot => (lower, chosen),
            Some(_) | None => (ballot, value),
        });
        self.move_horizon(slot);
    }

    fn move_horizon(&mut self, chosen: Slot) {
        let horizon = Slot(chosen.0.saturating_sub(SLOTS_IN_VIEW));
        // Not every time: splitting costs more than a few slots too many.
        if horizon.since(self.horizon) > SLOTS_IN_VIEW {
            self.slots = self.slots.split_off(&horizon);
            self.horizon = horizon;
        }
    }

    fn on_learned(&mut self, node: NodeId, slot: Slot, value: Value, how: How, report: &mut Report) {
        if how == How::CaughtUp {
            report.happened(CAUGHT_UP);
        }
        if slot < self.horizon {
            return;
        }
        let chosen = self.slots.get(&slot).and_then(|view| view.chosen);
        report.check(LEARNED_IS_CHOSEN, chosen.is_some_and(|(_, chosen)| chosen == value), || match chosen {
            Some((ballot, chosen)) => (
                format!(
                    "{node} learned that {value} is chosen at {slot}, but {chosen} was, in ballot {ballot}"
                ),
                "another value is",
            ),
            None => (
                format!("{node} learned that {value} is chosen at {slot}, but no quorum has accepted it"),
                "nothing is",
            ),
        });
    }
}
