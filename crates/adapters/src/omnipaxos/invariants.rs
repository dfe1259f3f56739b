//! What must hold, over what the nodes have announced: what was stored, when it is durable.
//!
//! "Paper" is Ng, Haridi and Carbone, *Omni-Paxos: Breaking the Barriers of Partial Connectivity* (EuroSys 2023);
//! section 4 states Sequence Consensus: SC1 validity ("if a process decides on a log then it contains only proposed
//! commands"), SC2 uniform agreement (of two decided logs one is a prefix of the other), SC3 integrity (what a process
//! decides extends what it has decided). SC1, SC2 and the order of SC3 are judged on what nodes apply, by
//! [`quarrel_spec::replicated_log::Properties`], position by position of the whole log; what that cannot see is here.

use std::collections::BTreeMap;

use quarrel_protocol::{Cell, Monitor, NodeId, Property, PropertyKind, Report};
use quarrel_spec::replicated_log::Output;

use super::config::Config;
use super::event::Event;
use super::node::OmniPaxos;
use super::round::Round;

/// The properties, and a view of the cluster to judge them on.
pub struct Invariants {
    nodes: Vec<Node>,
    /// By configuration and round: who led it, and how much was decided in it or before.
    rounds: BTreeMap<(u32, Round), Led>,
    last_leader: Option<NodeId>,
}

/// What one node has made known of its configuration.
#[derive(Clone, Copy, Default)]
struct Node {
    promised: Round,
    accepted_round: Round,
    accepted: u64,
    decided: u64,
    /// It was started again, and has not been synced since.
    is_fresh: bool,
    has_crashed: bool,
}

/// What is known of a round.
#[derive(Clone, Copy, Default)]
struct Led {
    by: Option<NodeId>,
    decided: u64,
    decided_by: Option<NodeId>,
}

const DECIDED_KEPT: usize = 0;
const ROUND_LED_ONCE: usize = 1;
const PROMISE_MONOTONIC: usize = 2;
const DECIDED_MONOTONIC: usize = 3;
const DECIDED_IS_ACCEPTED: usize = 4;
const ACCEPTED_IS_PROMISED: usize = 5;
const ACCEPTANCE_KEPT: usize = 6;
const LOG_COMPLETE: usize = 7;
const LOG_DENSE: usize = 8;

/// The properties, in the order in which reports count them.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "decided-prefix-kept",
        kind: PropertyKind::Paper,
        statement: "a leader that has a quorum of promises holds everything that was decided in earlier rounds",
        source: "Omni-Paxos, section 4 (SC2, uniform agreement) and section 4.1.1 (the prepare phase)",
    },
    Property {
        name: "round-led-once",
        kind: PropertyKind::Paper,
        statement: "no round is led twice: ballots are unique, restarts included",
        source: "Omni-Paxos, section 5.1 (BLE: ballots are unique and elected in increasing order)",
    },
    Property {
        name: "promise-monotonic",
        kind: PropertyKind::Invariant,
        statement: "a node never returns to an earlier promise, restarts included",
        source: "Omni-Paxos, section 4.1.1",
    },
    Property {
        name: "decided-monotonic",
        kind: PropertyKind::Invariant,
        statement: "the decided index of a node never falls, restarts included",
        source: "Omni-Paxos, section 4 (SC3, integrity); haraldng/omnipaxos 0.2.4, sync_log: \"it must never decrease\"",
    },
    Property {
        name: "decided-is-accepted",
        kind: PropertyKind::Invariant,
        statement: "the decided index of a node never exceeds its accepted index",
        source: "omnipaxos, follower.rs: \"to maintain decided index <= accepted index\"",
    },
    Property {
        name: "accepted-is-promised",
        kind: PropertyKind::Invariant,
        statement: "a node accepts nothing in a round later than the one it has promised",
        source: "Omni-Paxos, section 4.1.2",
    },
    Property {
        name: "acceptance-kept",
        kind: PropertyKind::Invariant,
        statement: "within a round, the log of a node never becomes shorter",
        source: "Omni-Paxos, section 4.1.2 (the accept phase only extends)",
    },
    Property {
        name: "log-complete",
        kind: PropertyKind::Paper,
        statement: "what is decided can be read, from the log or from a snapshot, until the node has applied it",
        source: "the documentation, \"Compaction\": trimming requires all servers to have decided the index",
    },
    Property {
        name: "log-dense",
        kind: PropertyKind::Invariant,
        statement: "entries are stored where the log ends, or in the place of its end",
        source: "omnipaxos::storage::Storage::append_on_prefix: \"to the prefix from index from_index\"",
    },
];

const LEADER_ELECTED: usize = 0;
const LEADER_CHANGED: usize = 1;
const FOLLOWER_SYNCED: usize = 2;
const SYNCED_AFTER_CRASH: usize = 3;
const SYNCED_AGAIN: usize = 4;
const LOG_OVERWRITTEN: usize = 5;
const RECONNECTED: usize = 6;
const COMPACTED: usize = 7;
const SNAPSHOT_RECEIVED: usize = 8;
const SNAPSHOT_RESTORED: usize = 9;
const RECONFIGURED: usize = 10;

const fn cell(name: &'static str) -> Cell {
    Cell { name, due_runs: 1000 }
}

/// What must happen some time, or the properties have been asked nothing.
pub const CELLS: &[Cell] = &[
    cell("leader-elected"),
    cell("leader-changed"),
    cell("follower-synced"),
    cell("synced-after-crash"),
    cell("synced-again"),
    cell("log-overwritten"),
    cell("reconnected"),
    cell("compacted"),
    cell("snapshot-received"),
    cell("snapshot-restored"),
    cell("reconfigured"),
];

impl Monitor<OmniPaxos> for Invariants {
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn cells() -> &'static [Cell] {
        CELLS
    }

    fn new(_: &Config, nodes: usize) -> Self {
        Self { nodes: vec![Node::default(); nodes], rounds: BTreeMap::new(), last_leader: None }
    }

    fn on_announce(&mut self, node: NodeId, event: &Event, report: &mut Report) {
        match *event {
            Event::Promised { round } => self.on_promised(node, round, report),
            Event::Elected { round, accepted, decided } => {
                self.on_synced(node, round, accepted, decided, report);
                self.on_elected(node, round, accepted, report);
            }
            Event::Synced { round, accepted, decided } => {
                self.on_synced(node, round, accepted, decided, report);
            }
            Event::Accepted { round, accepted } => self.on_accepted(node, round, accepted, report),
            Event::Decided { round, decided } => self.on_decided(node, round, decided, report),
            Event::Compacted { .. } => report.happened(COMPACTED),
            Event::SnapshotReceived { .. } => report.happened(SNAPSHOT_RECEIVED),
            Event::Reconnected { .. } => report.happened(RECONNECTED),
            Event::Started { .. } => {
                report.happened(RECONFIGURED);
                let known = &mut self.nodes[node.index()];
                let Node { accepted, decided, is_fresh, has_crashed, .. } = *known;
                *known = Node { accepted, decided, is_fresh, has_crashed, ..Node::default() };
            }
            Event::Stopped { .. } | Event::Refused { .. } => {}
            Event::Misplaced { at, end } => report.check(LOG_DENSE, false, || {
                (format!("{node} stored entries at {at}, but its log ends at {end}"), "")
            }),
            Event::Missed { applied, trimmed } => report.check(LOG_COMPLETE, false, || {
                (format!("{node} has applied {applied}, but its log is trimmed up to {trimmed}"), "")
            }),
        }
    }

    fn on_output(&mut self, _: NodeId, output: &Output, report: &mut Report) {
        match output {
            Output::Restored(_) => report.happened(SNAPSHOT_RESTORED),
            Output::Applied(_) => report.check(LOG_COMPLETE, true, || unreachable!()),
        }
    }

    fn on_crash(&mut self, node: NodeId, _: &mut Report) {
        self.nodes[node.index()].has_crashed = true;
    }

    /// A node that comes back announces all that is on its disk, which may be what a crash took the announcement of.
    fn on_recover(&mut self, node: NodeId, _: &OmniPaxos, _: &mut Report) {
        let known = &mut self.nodes[node.index()];
        known.is_fresh = known.has_crashed;
    }
}

impl Invariants {
    fn on_promised(&mut self, node: NodeId, round: Round, report: &mut Report) {
        let known = &mut self.nodes[node.index()];
        // Another configuration is another instance, and an older one is announced again after a restart.
        let is_same = known.promised.configuration == round.configuration;
        let before = known.promised;
        if is_same {
            report.check(PROMISE_MONOTONIC, before <= round, || {
                (format!("{node} had promised {before}, and now has promised {round}"), "")
            });
        }
        known.promised = if is_same { before.max(round) } else { round };
    }

    fn on_synced(&mut self, node: NodeId, round: Round, accepted: u64, decided: u64, report: &mut Report) {
        report.happened(FOLLOWER_SYNCED);
        report.check(LOG_DENSE, true, || unreachable!());
        let known = &mut self.nodes[node.index()];
        if std::mem::take(&mut known.is_fresh) {
            report.happened(SYNCED_AFTER_CRASH);
        }
        if known.accepted_round == round {
            report.happened(SYNCED_AGAIN);
        } else if accepted < known.accepted {
            report.happened(LOG_OVERWRITTEN);
        }
        let promised = known.promised;
        let is_same = promised.configuration == round.configuration;
        report.check(ACCEPTED_IS_PROMISED, !is_same || round <= promised, || {
            (format!("{node} accepts in round {round}, but has promised {promised}"), "")
        });
        report.check(DECIDED_IS_ACCEPTED, decided <= accepted, || {
            (format!("{node} has {decided} decided, but only {accepted} accepted"), "after a sync")
        });
        self.on_accepted(node, round, accepted, report);
    }

    fn on_elected(&mut self, node: NodeId, round: Round, accepted: u64, report: &mut Report) {
        report.happened(LEADER_ELECTED);
        if self.last_leader.is_some_and(|last| last != node) {
            report.happened(LEADER_CHANGED);
        }
        self.last_leader = Some(node);
        let configuration = round.configuration;
        let before = self.rounds.range((configuration, Round::default())..(configuration, round)).next_back();
        if let Some((earlier, &Led { decided, decided_by: Some(by), .. })) = before {
            report.check(DECIDED_KEPT, decided <= accepted, || {
                let (earlier, facts) = (earlier.1, format!("{by} had {decided} decided"));
                let what =
                    format!("{facts} by round {earlier}, but {node} leads round {round} with {accepted}");
                (what, "")
            });
        }
        let known = before.map_or_else(Led::default, |(_, led)| *led);
        let led = self.rounds.entry((configuration, round)).or_insert(Led { by: None, ..known });
        let other = led.by.replace(node);
        report.check(ROUND_LED_ONCE, other.is_none(), || {
            (format!("{node} leads round {round}, which was led before"), "")
        });
    }

    fn on_accepted(&mut self, node: NodeId, round: Round, accepted: u64, report: &mut Report) {
        let known = &mut self.nodes[node.index()];
        if known.accepted_round == round && known.accepted_round != Round::default() {
            let before = known.accepted;
            report.check(ACCEPTANCE_KEPT, before <= accepted, || {
                (format!("{node} had accepted {before} in round {round}, and now {accepted}"), "")
            });
        }
        (known.accepted_round, known.accepted) = (round, accepted);
    }

    fn on_decided(&mut self, node: NodeId, round: Round, decided: u64, report: &mut Report) {
        let known = &mut self.nodes[node.index()];
        let (before, accepted) = (known.decided, known.accepted);
        report.check(DECIDED_MONOTONIC, before <= decided, || {
            (format!("{node} had {before} decided, and now {decided}"), "")
        });
        report.check(DECIDED_IS_ACCEPTED, decided <= accepted, || {
            (format!("{node} has {decided} decided, but only {accepted} accepted"), "by a decision")
        });
        known.decided = before.max(decided);
        if round == Round::default() {
            return;
        }
        // What is decided in a round is decided for all later ones: the marks never fall.
        let configuration = round.configuration;
        let led = self.rounds.entry((configuration, round)).or_default();
        if decided > led.decided {
            (led.decided, led.decided_by) = (decided, Some(node));
        }
        let later = self.rounds.range_mut((configuration, round)..).skip(1);
        for (_, led) in later.take_while(|((of, _), _)| *of == configuration) {
            if led.decided >= decided {
                break;
            }
            (led.decided, led.decided_by) = (decided, Some(node));
        }
    }
}
