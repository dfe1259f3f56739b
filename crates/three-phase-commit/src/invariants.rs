//! What three-phase commit promises beyond atomicity: NB; and the two conditions that it rests on.
//!
//! AC1 to AC5 are black-box properties: see [`quarrel_spec::atomic_commit::Properties`], which runs beside this.

use std::collections::BTreeMap;

use quarrel_protocol::{Cell, Ending, Monitor, NodeId, NodeSet, Property, PropertyKind, Report};
use quarrel_spec::atomic_commit::{Decision, TransactionId, Vote};

use crate::{COORDINATOR, Config, Event, Rule, ThreePhaseCommit, What};

const NB: usize = 0;
const NONBLOCKING_CONDITION: usize = 1;
const ACCURATE_SUSPICION: usize = 2;

/// The properties of three-phase commit.
pub const PROPERTIES: &[Property] = &[
    // In numbers: who has voted yes and has not failed since decides within 16 Δ for each failure of a process of the
    // transaction since it began, and once more ([`Config::doubt_max_ns`]). A total failure needs no exception: then
    // nobody has stayed up, and it is of those who stay up that NB speaks.
    Property {
        name: "nb",
        kind: PropertyKind::Paper,
        statement: "no operational process waits for a failed one: who has voted yes and stays up decides within 16 Δ for each failure, and once more",
        source: "Bernstein, Hadzilacos and Goodman (1987), section 7.5, NB; Skeen, Nonblocking Commit Protocols (1981)",
    },
    Property {
        name: "nonblocking-condition",
        kind: PropertyKind::Invariant,
        statement: "nobody commits while an operational process is uncertain",
        source: "Skeen, Nonblocking Commit Protocols (1981), the nonblocking theorem; Bernstein, Hadzilacos and Goodman (1987), section 7.5",
    },
    Property {
        name: "accurate-suspicion",
        kind: PropertyKind::Invariant,
        statement: "who is held for failed has failed since the transaction began, or had before",
        source: "Bernstein, Hadzilacos and Goodman (1987), section 7.5: timeouts detect failures reliably",
    },
];

const TR1: usize = 0;
const PRE_COMMIT_CUT: usize = 4;
const ELECTED_AGAIN: usize = 5;
const RECOVERED_IN_ROUND: usize = 6;
const QUICK_RESTART: usize = 7;
const TOTAL_FAILURE: usize = 8;
const LAST_TO_FAIL: usize = 9;

const fn cell(name: &'static str) -> Cell {
    Cell { name, due_runs: 1000 }
}

/// What must happen in some run.
pub const CELLS: &[Cell] = &[
    cell("terminated-by-tr1"),
    cell("terminated-by-tr2"),
    cell("terminated-by-tr3"),
    cell("terminated-by-tr4"),
    // An elected coordinator finds some committable and some uncertain: PRE-COMMIT was cut in the middle.
    cell("pre-commit-cut"),
    // A second process is elected for the same transaction: the first has failed too.
    cell("elected-again"),
    // A process comes back in doubt while somebody is elected and has not decided.
    cell("recovered-during-round"),
    // A process is back in doubt before Δ has passed, and nobody has missed it.
    cell("back-within-delta"),
    // Processes that have all failed find the decision by themselves.
    cell("total-failure-resolved"),
    // And that by what some of them knew that were up longer than others.
    cell("last-to-fail-known"),
];

/// What is known of a transaction.
#[derive(Default)]
struct Live {
    processes: NodeSet,
    /// The nodes that have failed since it began, and those that were down then.
    failed: NodeSet,
    /// Those that have voted yes, have not failed since and have not decided: since when.
    doubts: BTreeMap<NodeId, u64>,
    /// Of these, the ones that are not committable.
    uncertain: NodeSet,
    /// Those that were elected and have neither failed nor decided.
    elected: NodeSet,
    /// Whether anybody was elected before.
    had_election: bool,
}

/// Judges a run by [`PROPERTIES`].
pub struct Invariants {
    config: Config,
    live: BTreeMap<TransactionId, Live>,
    /// When each node went down last, if ever.
    down_since: Vec<Option<u64>>,
    /// The nodes that are down.
    down: NodeSet,
    now_ns: u64,
    /// When the first of all who are in doubt now may have been so for too long.
    due_ns: u64,
}

impl Invariants {
    fn is_overdue(&self, live: &Live, since_ns: u64) -> bool {
        let failures = live.failed.intersection(live.processes).len() as u64;
        self.now_ns.saturating_sub(since_ns) > self.config.doubt_max_ns(failures)
    }

    fn judge_doubt(
        &self,
        node: NodeId,
        transaction: TransactionId,
        live: &Live,
        since_ns: u64,
        report: &mut Report,
    ) {
        report.check(NB, !self.is_overdue(live, since_ns), || {
            let (waited, failed) = ((self.now_ns - since_ns) / 1_000_000, live.failed);
            (
                format!(
                    "{transaction}: {node} has voted yes, has stayed up, and was in doubt for {waited} ms; failed had {failed}"
                ),
                "",
            )
        });
    }

    /// Judges NB, no more often than somebody may be overdue.
    fn judge_doubts(&mut self, report: &mut Report) {
        let mut due_ns = u64::MAX;
        for (transaction, live) in &self.live {
            for (&node, &since_ns) in &live.doubts {
                self.judge_doubt(node, *transaction, live, since_ns, report);
                let failures = live.failed.intersection(live.processes).len() as u64;
                let next_ns = since_ns.saturating_add(self.config.doubt_max_ns(failures));
                // Once reported, later ones matter no more.
                due_ns = due_ns.min(next_ns.max(self.now_ns));
            }
        }
        self.due_ns = due_ns;
    }

    fn doubts(&mut self, node: NodeId, transaction: TransactionId) {
        let since_ns = self.now_ns;
        self.due_ns = self.due_ns.min(since_ns.saturating_add(self.config.doubt_max_ns(0)));
        self.live.entry(transaction).or_default().doubts.entry(node).or_insert(since_ns);
    }

    fn on_decided(
        &mut self,
        node: NodeId,
        transaction: TransactionId,
        decision: Decision,
        report: &mut Report,
    ) {
        let Some(mut live) = self.live.remove(&transaction) else { return };
        if let Some(since_ns) = live.doubts.remove(&node) {
            self.judge_doubt(node, transaction, &live, since_ns, report);
        }
        live.uncertain.remove(node);
        live.elected.remove(node);
        if decision == Decision::Commit {
            let uncertain = live.uncertain;
            report.check(NONBLOCKING_CONDITION, uncertain.is_empty(), || {
                (format!("{transaction}: {node} commits; up and uncertain: {uncertain}"), "")
            });
        }
        self.live.insert(transaction, live);
    }
}

impl Monitor<ThreePhaseCommit> for Invariants {
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn cells() -> &'static [Cell] {
        CELLS
    }

    fn new(config: &Config, nodes: usize) -> Self {
        let (down_since, live) = (vec![None; nodes], BTreeMap::new());
        let (down, config) = (NodeSet::EMPTY, config.clone());
        Self { config, live, down_since, down, now_ns: 0, due_ns: u64::MAX }
    }

    fn on_announce(&mut self, node: NodeId, event: &Event, report: &mut Report) {
        let Event { transaction, what } = *event;
        match what {
            What::Begun { processes } => {
                let live = Live { processes, failed: self.down, ..Live::default() };
                self.live.insert(transaction, live);
            }
            What::Voted { vote: Vote::Yes } => {
                self.doubts(node, transaction);
                self.live.entry(transaction).or_default().uncertain.insert(node);
            }
            What::Committable => {
                self.doubts(node, transaction);
                self.live.entry(transaction).or_default().uncertain.remove(node);
            }
            What::PreCommitting { to } if node != COORDINATOR && !to.is_empty() => {
                report.happened(PRE_COMMIT_CUT);
            }
            What::Suspected { node: other } => {
                let failed = self.live.get(&transaction).map_or(NodeSet::EMPTY, |live| live.failed);
                report.check(ACCURATE_SUSPICION, failed.contains(other), || {
                    (format!("{transaction}: {node} holds {other} for failed, which has stayed up"), "")
                });
            }
            What::Elected => {
                let live = self.live.entry(transaction).or_default();
                if std::mem::replace(&mut live.had_election, true) {
                    report.happened(ELECTED_AGAIN);
                }
                live.elected.insert(node);
            }
            What::Terminating { rule } => report.happened(match rule {
                Rule::Tr1 => TR1,
                Rule::Tr2 => TR1 + 1,
                Rule::Tr3 => TR1 + 2,
                Rule::Tr4 => TR1 + 3,
            }),
            What::Recovering { .. } => {
                if self.live.get(&transaction).is_some_and(|live| !live.elected.is_empty()) {
                    report.happened(RECOVERED_IN_ROUND);
                }
                let delta_ns = self.config.delta_ns;
                let is_back = |since: u64| self.now_ns - since < delta_ns;
                if self.down_since[node.index()].is_some_and(is_back) {
                    report.happened(QUICK_RESTART);
                }
            }
            What::Resolved { last } => {
                report.happened(TOTAL_FAILURE);
                if self.live.get(&transaction).is_some_and(|live| last != live.processes) {
                    report.happened(LAST_TO_FAIL);
                }
            }
            What::Decided { decision } => self.on_decided(node, transaction, decision, report),
            What::Voted { vote: Vote::No(_) }
            | What::PreCommitting { .. }
            | What::Broadcasting
            | What::Reported { .. }
            | What::Superseded { .. } => {}
        }
    }

    fn after_step(&mut self, _: NodeId, _: &ThreePhaseCommit, report: &mut Report) {
        if self.now_ns > self.due_ns {
            self.judge_doubts(report);
        }
    }

    /// Who has failed is not operational, and comes back as one that recovers.
    fn on_crash(&mut self, node: NodeId, _: &mut Report) {
        self.down_since[node.index()] = Some(self.now_ns);
        self.down.insert(node);
        for live in self.live.values_mut() {
            live.failed.insert(node);
            live.doubts.remove(&node);
            live.uncertain.remove(node);
            live.elected.remove(node);
        }
    }

    fn on_recover(&mut self, node: NodeId, _: &ThreePhaseCommit, _: &mut Report) {
        self.down.remove(node);
    }

    fn on_time(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
    }

    fn on_end(&mut self, ending: Ending, report: &mut Report) {
        self.now_ns = self.now_ns.max(ending.at_ns);
        self.judge_doubts(report);
    }
}
