//! What must hold of a cluster, whether or not anybody has learned anything: the properties of PMS 2.2, by name.
//!
//! Agreement, validity and stability of what is *learned* are black-box properties of consensus: see
//! [`quarrel_spec::consensus::Properties`], which runs beside this.

use std::{collections::BTreeMap, ops::Bound};

use quarrel_protocol::{Cell, Monitor, NodeId, NodeSet, Property, PropertyKind, Quorum, Report};
use quarrel_spec::Value;

use crate::{Ballot, Config, Event, Paxos, Proposal, Source};

const ONE_VALUE_CHOSEN: usize = 0;
const ONE_VALUE_PER_BALLOT: usize = 1;
const P2B: usize = 2;
const PROMISE_KEPT: usize = 3;
const PROMISE_MONOTONIC: usize = 4;
const PROMISE_REPORTS: usize = 5;

/// The properties of single-decree Paxos.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "one-value-chosen",
        kind: PropertyKind::Paper,
        statement: "no two different values are each accepted by a phase-2 quorum in one ballot",
        source: "Paxos Made Simple, section 2.1: only a single value is chosen; P2",
    },
    Property {
        name: "one-value-per-ballot",
        kind: PropertyKind::Paper,
        statement: "no two acceptors accept different values in the same ballot",
        source: "Paxos Made Simple, section 2.2: different proposals have different numbers",
    },
    Property {
        name: "p2b",
        kind: PropertyKind::Invariant,
        statement: "once a value is chosen, every higher-numbered proposal that is issued has that value",
        source: "Paxos Made Simple, P2b",
    },
    Property {
        name: "promise-kept",
        kind: PropertyKind::Invariant,
        statement: "an acceptor accepts no ballot lower than one it has promised",
        source: "Paxos Made Simple, P1a",
    },
    Property {
        name: "promise-monotonic",
        kind: PropertyKind::Invariant,
        statement: "an acceptor promises no ballot lower than one it has promised",
        source: "Paxos Made Simple, section 2.2, phase 1 (b)",
    },
    Property {
        name: "promise-reports-highest-accepted",
        kind: PropertyKind::Invariant,
        statement: "a promise carries the highest-numbered proposal that the acceptor has accepted",
        source: "Paxos Made Simple, section 2.2, phase 1 (b)",
    },
];

const DECIDED: usize = 0;
const DUEL: usize = 1;
const BALLOT_PREEMPTED: usize = 2;
const VALUE_ADOPTED: usize = 3;
const LEARNED_LATE: usize = 4;

/// What must happen in some run.
pub const CELLS: &[Cell] = &[
    Cell { name: "decided", due_runs: 1000 },
    // A proposer starts a ballot while another's is under way.
    Cell { name: "duel", due_runs: 1000 },
    Cell { name: "ballot-preempted", due_runs: 1000 },
    // A proposer issues another's value because a promise reported it.
    Cell { name: "value-adopted", due_runs: 1000 },
    // A node is told the decision before it has counted a quorum itself.
    Cell { name: "learned-late", due_runs: 1000 },
];

/// The acceptances of one ballot.
struct Tally {
    value: Value,
    accepted_by: NodeSet,
}

/// Judges a run by [`PROPERTIES`].
pub struct Invariants {
    quorum: Quorum,
    /// Of each acceptor, the highest ballot it has promised.
    promised: Vec<Option<Ballot>>,
    /// Of each acceptor, the highest proposal it has accepted.
    accepted: Vec<Option<Proposal>>,
    /// Acceptances, by ballot. A run has few ballots, and any may still gain an acceptance.
    tallies: BTreeMap<Ballot, Tally>,
    /// The values that proposers have issued, by ballot.
    issued: BTreeMap<Ballot, Value>,
    /// The proposal that was seen chosen first.
    chosen: Option<Proposal>,
    /// The proposers with a ballot under way.
    proposing: NodeSet,
}

impl Monitor<Paxos> for Invariants {
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn cells() -> &'static [Cell] {
        CELLS
    }

    fn new(config: &Config, nodes: usize) -> Self {
        Self {
            quorum: config.quorum,
            promised: vec![None; nodes],
            accepted: vec![None; nodes],
            tallies: BTreeMap::new(),
            issued: BTreeMap::new(),
            chosen: None,
            proposing: NodeSet::EMPTY,
        }
    }

    fn on_announce(&mut self, node: NodeId, event: &Event, report: &mut Report) {
        match *event {
            Event::Prepared { .. } => {
                self.proposing.remove(node);
                if !self.proposing.is_empty() {
                    report.happened(DUEL);
                }
                self.proposing.insert(node);
            }
            Event::Promised { ballot, accepted } => self.on_promised(node, ballot, accepted, report),
            Event::Rejected { .. } => {}
            Event::QuorumPromised { proposal, adopted_from } => {
                if adopted_from.is_some() {
                    report.happened(VALUE_ADOPTED);
                }
                self.on_issued(node, proposal, report);
            }
            Event::Accepted { proposal } => {
                self.check_promise_kept(node, proposal.ballot, report);
                self.on_accepted(node, proposal, report);
            }
            Event::Preempted { .. } => {
                self.proposing.remove(node);
                report.happened(BALLOT_PREEMPTED);
            }
            Event::TimedOut { .. } | Event::FoundNothing { .. } => self.proposing.remove(node),
            Event::Decided { source, .. } => {
                self.proposing.remove(node);
                report.happened(DECIDED);
                if matches!(source, Source::Told(_)) {
                    report.happened(LEARNED_LATE);
                }
            }
        }
    }

    fn on_crash(&mut self, node: NodeId, _: &mut Report) {
        self.proposing.remove(node);
    }

    /// A crash can take an announcement away and leave its write. What is on the disk is accepted all the same.
    fn on_recover(&mut self, node: NodeId, state: &Paxos, report: &mut Report) {
        if let Some(proposal) = state.durable().accepted {
            self.on_accepted(node, proposal, report);
        }
    }
}

impl Invariants {
    fn on_promised(&mut self, node: NodeId, ballot: Ballot, reported: Option<Proposal>, report: &mut Report) {
        let promised = &mut self.promised[node.index()];
        report.check(PROMISE_MONOTONIC, Some(ballot) >= *promised, || {
            (format!("{node} had promised {}, and now promised {ballot}", or_nothing(*promised)), "")
        });
        *promised = (*promised).max(Some(ballot));
        let accepted = self.accepted[node.index()];
        report.check(PROMISE_REPORTS, reported == accepted, || {
            let (accepted, reported) = (or_nothing(accepted), or_nothing(reported));
            (format!("{node} had accepted {accepted}, but its promise of {ballot} reports {reported}"), "")
        });
    }

    fn on_issued(&mut self, node: NodeId, proposal: Proposal, report: &mut Report) {
        self.issued.insert(proposal.ballot, proposal.value);
        if let Some(chosen) = self.chosen
            && proposal.ballot > chosen.ballot
        {
            report.check(P2B, proposal.value == chosen.value, || {
                let Proposal { ballot, value } = proposal;
                (format!("{chosen} was chosen, but {node} proposed {value} in ballot {ballot}"), "")
            });
        }
    }

    fn check_promise_kept(&self, node: NodeId, ballot: Ballot, report: &mut Report) {
        let promised = self.promised[node.index()];
        report.check(PROMISE_KEPT, Some(ballot) >= promised, || {
            (format!("{node} had promised {}, but accepted in ballot {ballot}", or_nothing(promised)), "")
        });
    }

    fn on_accepted(&mut self, node: NodeId, proposal: Proposal, report: &mut Report) {
        let Proposal { ballot, value } = proposal;
        let accepted = &mut self.accepted[node.index()];
        if accepted.is_none_or(|highest| highest.ballot < ballot) {
            *accepted = Some(proposal);
        }
        let tally = self.tallies.entry(ballot).or_insert(Tally { value, accepted_by: NodeSet::EMPTY });
        report.check(ONE_VALUE_PER_BALLOT, tally.value == value, || {
            let Tally { value: first, accepted_by } = tally;
            (format!("in ballot {ballot} {accepted_by} accepted {first}, but {node} accepted {value}"), "")
        });
        if tally.value == value && tally.accepted_by.insert(node) && self.quorum.is_second(tally.accepted_by)
        {
            self.on_chosen(proposal, report);
        }
    }

    fn on_chosen(&mut self, proposal: Proposal, report: &mut Report) {
        let Some(chosen) = self.chosen else {
            self.chosen = Some(proposal);
            report.check(ONE_VALUE_CHOSEN, true, || unreachable!("a first choice agrees with itself"));
            // P2b also speaks of what was issued before the choice was complete. Once in a run.
            for (&ballot, &value) in self.issued.range((Bound::Excluded(proposal.ballot), Bound::Unbounded)) {
                report.check(P2B, value == proposal.value, || {
                    (
                        format!(
                            "{proposal} was chosen, but {} had proposed {value} in ballot {ballot}",
                            ballot.node
                        ),
                        "",
                    )
                });
            }
            return;
        };
        report.check(ONE_VALUE_CHOSEN, chosen.value == proposal.value, || {
            let [first, second] = [chosen, proposal].map(|Proposal { ballot, value }| {
                format!("{} accepted {value} in ballot {ballot}", self.tallies[&ballot].accepted_by)
            });
            (format!("two values are chosen: {first}, and {second}"), "")
        });
    }
}

fn or_nothing(what: Option<impl ToString>) -> String {
    what.map_or_else(|| "nothing".to_string(), |what| what.to_string())
}
