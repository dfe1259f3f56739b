//! What must hold of participants, and what must happen in some run, beside AC1 to AC5: those are black-box properties
//! of the problem ([`quarrel_spec::atomic_commit::Properties`]), which run beside this.

use std::collections::BTreeSet;

use quarrel_protocol::{Cell, Monitor, NodeId, Property, PropertyKind, Report};
use quarrel_spec::atomic_commit::TransactionId;

use crate::event::{Event, Happening, Why};
use crate::{Config, TwoPhaseCommit};

const LOCKED_AGAIN: usize = 0;
const ABORT_FINAL: usize = 1;

/// The invariants of participants.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "prepared-is-locked",
        kind: PropertyKind::Invariant,
        statement: "a participant that restarts in doubt holds the locks of what it has prepared",
        source: "Mohan, Lindsay and Obermarck (1986), section 2",
    },
    Property {
        name: "aborted-is-not-voted-on",
        kind: PropertyKind::Invariant,
        statement: "a participant does not vote yes on what it has aborted because a peer or the resolver asked",
        source: "Bernstein, Hadzilacos and Goodman, section 7.4, cooperative termination",
    },
];

const RECOVERED_IN_DOUBT: usize = 0;
const COORDINATOR_ANSWERS: usize = 1;
const PEER_ANSWERS: usize = 2;
const PEER_UNCERTAIN: usize = 3;
const PRESUMED: usize = 4;
const UNVOTED_ABORTS: usize = 5;
const VOTE_LATE: usize = 6;
const UNFINISHED: usize = 7;
const REPEATED: usize = 8;
const READ_ONLY: usize = 9;
const RESOLVED: usize = 10;
const UNRESOLVED: usize = 11;

const fn cell(name: &'static str) -> Cell {
    Cell { name, due_runs: 1000 }
}

/// What must happen in some run.
pub const CELLS: &[Cell] = &[
    // A participant restarts with a yes on its disk and no decision.
    cell("recovered-in-doubt"),
    // The coordinator tells a participant that asks.
    cell("coordinator-answers"),
    // A peer that has decided tells a participant that asks.
    cell("peer-answers"),
    // A peer that is asked is in doubt itself.
    cell("peer-uncertain"),
    // The coordinator answers about what it does not know.
    cell("outcome-presumed"),
    // A participant that has not voted is asked, and aborts first.
    cell("unvoted-aborts"),
    // The coordinator aborts because a vote does not come in time.
    cell("vote-too-late"),
    // A coordinator restarts and aborts what it had begun.
    cell("unfinished-aborted"),
    // A decision is told once more.
    cell("decision-repeated"),
    // A participant only reads and drops out.
    cell("read-only-vote"),
    // The resolver finds out and tells all.
    cell("resolver-helps"),
    // The resolver finds all of them prepared.
    cell("resolver-cannot-help"),
];

/// Judges a run by [`PROPERTIES`].
pub struct Invariants {
    /// What each participant has aborted by itself. (What it was told to abort it may forget with presumed abort: should
    /// it vote yes after that, nobody counts it, and who is asked says abort.)
    aborted: BTreeSet<(NodeId, TransactionId)>,
}

impl Monitor<TwoPhaseCommit> for Invariants {
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn cells() -> &'static [Cell] {
        CELLS
    }

    fn new(_: &Config, _: usize) -> Self {
        Self { aborted: BTreeSet::new() }
    }

    fn on_announce(&mut self, node: NodeId, event: &Event, report: &mut Report) {
        let transaction = event.transaction;
        match event.what {
            Happening::VotedYes => {
                report.check(ABORT_FINAL, !self.aborted.contains(&(node, transaction)), || {
                    (format!("{node} had aborted {transaction}, and now votes yes on it"), "")
                });
            }
            Happening::Aborted(why) => match why {
                Why::Unvoted(_) => {
                    self.aborted.insert((node, transaction));
                    report.happened(UNVOTED_ABORTS);
                }
                Why::NoVote(_) => report.happened(VOTE_LATE),
                Why::Unfinished => report.happened(UNFINISHED),
                _ => {}
            },
            Happening::VotedRead => report.happened(READ_ONLY),
            Happening::Uncertain(_) => report.happened(PEER_UNCERTAIN),
            Happening::Answered(_) if node == Config::COORDINATOR => report.happened(COORDINATOR_ANSWERS),
            Happening::Answered(_) => report.happened(PEER_ANSWERS),
            Happening::Presumed(..) => report.happened(PRESUMED),
            Happening::Repeated(_) => report.happened(REPEATED),
            Happening::Unresolved => report.happened(UNRESOLVED),
            Happening::Resolved(_) => report.happened(RESOLVED),
            Happening::Begun(_)
            | Happening::VotedNo(_)
            | Happening::AllVoted
            | Happening::Committed(_)
            | Happening::InDoubt
            | Happening::Asked(_)
            | Happening::Ended
            | Happening::Orphaned
            | Happening::Checked(_) => {}
        }
    }

    fn on_recover(&mut self, node: NodeId, state: &TwoPhaseCommit, report: &mut Report) {
        let Some(participant) = state.participant() else { return };
        for transaction in participant.in_doubt() {
            report.happened(RECOVERED_IN_DOUBT);
            let is_locked = participant.manager().locked(transaction).next().is_some();
            report.check(LOCKED_AGAIN, is_locked, || {
                (
                    format!("{node} is in doubt about {transaction} after a restart, and has locked nothing"),
                    "",
                )
            });
        }
    }
}
