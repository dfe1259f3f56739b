//! What a node announces to observers.

use std::fmt::{self, Display};

use quarrel_protocol::{Announcement, Fingerprint, Fingerprinter, Kinded, NodeId, NodeSet};
use quarrel_spec::atomic_commit::{Decision, TransactionId, Vote};
use serde::{Deserialize, Serialize};

use crate::State;

/// By which rule of BHG 7.5 a termination round ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Somebody has aborted: abort.
    Tr1,
    /// Somebody has committed: commit.
    Tr2,
    /// All are uncertain: abort.
    Tr3,
    /// Somebody is committable and nobody has committed: PRE-COMMIT to the uncertain ones, then commit.
    Tr4,
}

impl Rule {
    const fn number(self) -> u64 {
        self as u64 + 1
    }
}

/// What is announced. Where something is durable, it comes right after the write that makes it so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The coordinator asks for votes.
    Begun {
        /// All processes of the transaction, the coordinator among them.
        processes: NodeSet,
    },
    /// A participant votes.
    Voted {
        /// How.
        vote: Vote,
    },
    /// The coordinator, or one that was elected, is about to send PRE-COMMIT.
    PreCommitting {
        /// To these; to nobody if all are committable.
        to: NodeSet,
    },
    /// A coordinator, of the first hour or elected, is about to tell others something: the moment to be cut off.
    Broadcasting,
    /// A process has become committable.
    Committable,
    /// A process has waited too long for another.
    Suspected {
        /// The other: it has failed.
        node: NodeId,
    },
    /// A process is elected and asks the others how they stand.
    Elected,
    /// A process tells an elected coordinator how it stands.
    Reported {
        /// How.
        state: State,
        /// Whom.
        to: NodeId,
    },
    /// An elected coordinator has heard from all that are operational.
    Terminating {
        /// What it makes of it.
        rule: Rule,
    },
    /// What a coordinator that was superseded has sent is ignored.
    Superseded {
        /// It.
        leader: NodeId,
    },
    /// A process has failed in doubt, and asks the others.
    Recovering {
        /// How it stands.
        state: State,
    },
    /// A process that recovers knows all of those that failed last.
    Resolved {
        /// They.
        last: NodeSet,
    },
    /// A process has decided.
    Decided {
        /// What.
        decision: Decision,
    },
}

/// An announcement about a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Which.
    pub transaction: TransactionId,
    /// What of it.
    pub what: What,
}

impl Kinded for Event {
    const KINDS: &'static [&'static str] = &[
        "begun",
        "voted",
        "pre-committing",
        "broadcasting",
        "committable",
        "suspected",
        "elected",
        "reported",
        "terminating",
        "superseded",
        "recovering",
        "resolved",
        "decided",
    ];

    fn kind(&self) -> usize {
        match self.what {
            What::Begun { .. } => 0,
            What::Voted { .. } => 1,
            What::PreCommitting { .. } => 2,
            What::Broadcasting => 3,
            What::Committable => 4,
            What::Suspected { .. } => 5,
            What::Elected => 6,
            What::Reported { .. } => 7,
            What::Terminating { .. } => 8,
            What::Superseded { .. } => 9,
            What::Recovering { .. } => 10,
            What::Resolved { .. } => 11,
            What::Decided { .. } => 12,
        }
    }
}

impl Announcement for Event {
    /// `yes`, `commit` and `committable` are 0 or 1, `rule` is 1 to 4; nodes count from 1, as they are printed.
    const FIELDS: &'static [&'static [&'static str]] = &[
        &["transaction"],
        &["transaction", "yes"],
        &["transaction"],
        &["transaction"],
        &["transaction"],
        &["transaction", "node"],
        &["transaction"],
        &["transaction", "committable", "to"],
        &["transaction", "rule"],
        &["transaction", "leader"],
        &["transaction", "committable"],
        &["transaction"],
        &["transaction", "commit"],
    ];

    fn field(&self, position: usize) -> u64 {
        let node = |node: NodeId| u64::from(node.0) + 1;
        match (Self::FIELDS[self.kind()][position], self.what) {
            ("transaction", _) => u64::from(self.transaction.0),
            (_, What::Voted { vote }) => u64::from(vote == Vote::Yes),
            (_, What::Suspected { node: other } | What::Superseded { leader: other }) => node(other),
            ("to", What::Reported { to, .. }) => node(to),
            (_, What::Reported { state, .. } | What::Recovering { state }) => {
                u64::from(state == State::Committable)
            }
            (_, What::Terminating { rule }) => rule.number(),
            (_, What::Decided { decision }) => u64::from(decision == Decision::Commit),
            (name, _) => unreachable!("no event has a field `{name}`"),
        }
    }

    fn is_milestone(&self) -> bool {
        match self.what {
            What::Voted { .. }
            | What::PreCommitting { .. }
            | What::Committable
            | What::Elected
            | What::Terminating { .. }
            | What::Superseded { .. }
            | What::Recovering { .. }
            | What::Resolved { .. } => true,
            // An election tells who was suspected, a rule what was reported, and the rest of them what is sent.
            // A decision is told as the output that it is.
            What::Begun { .. }
            | What::Broadcasting
            | What::Suspected { .. }
            | What::Reported { .. }
            | What::Decided { .. } => false,
        }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transaction = self.transaction;
        match self.what {
            What::Begun { processes } => write!(f, "begins {transaction} among {processes}"),
            What::Voted { vote } => write!(f, "votes {vote} on {transaction}"),
            What::PreCommitting { to } if to.is_empty() => {
                write!(f, "finds nobody uncertain about {transaction}")
            }
            What::PreCommitting { to } => write!(f, "is about to send pre-commits of {transaction} to {to}"),
            What::Broadcasting => write!(f, "is about to tell others of {transaction}"),
            What::Committable => write!(f, "is committable in {transaction}"),
            What::Suspected { node } => {
                write!(f, "has waited too long for {node}, because of {transaction}")
            }
            What::Elected => write!(f, "is elected to terminate {transaction}"),
            What::Reported { state, to } => write!(f, "reports {state} in {transaction} to {to}"),
            What::Terminating { rule: Rule::Tr1 } => {
                write!(f, "hears that somebody has aborted {transaction} (TR1)")
            }
            What::Terminating { rule: Rule::Tr2 } => {
                write!(f, "hears that somebody has committed {transaction} (TR2)")
            }
            What::Terminating { rule: Rule::Tr3 } => {
                write!(f, "finds all that are up uncertain about {transaction} (TR3)")
            }
            What::Terminating { rule: Rule::Tr4 } => {
                write!(f, "finds somebody committable in {transaction} (TR4)")
            }
            What::Superseded { leader } => {
                write!(f, "ignores {leader}, which no longer coordinates {transaction}")
            }
            What::Recovering { state } => write!(f, "comes back {state} in {transaction} and asks"),
            What::Resolved { last } => {
                write!(f, "knows how those stood that failed last in {transaction}: {last}")
            }
            What::Decided { decision } => write!(f, "decides to {decision} {transaction}"),
        }
    }
}

impl Fingerprint for Event {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.kind() as u64, u64::from(self.transaction.0));
        match self.what {
            What::Begun { processes: nodes }
            | What::PreCommitting { to: nodes }
            | What::Resolved { last: nodes } => nodes.fingerprint(into),
            What::Voted { vote } => vote.fingerprint(into),
            What::Suspected { node } | What::Superseded { leader: node } => node.fingerprint(into),
            What::Reported { state, to } => {
                state.fingerprint(into);
                to.fingerprint(into);
            }
            What::Terminating { rule } => into.mark(rule.number()),
            What::Recovering { state } => state.fingerprint(into),
            What::Decided { decision } => decision.fingerprint(into),
            What::Broadcasting | What::Committable | What::Elected => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_answers_every_field_it_names() {
        let (n2, both) = (NodeId(1), NodeSet::all(2));
        let all = [
            (What::Begun { processes: both }, vec![7]),
            (What::Voted { vote: Vote::Yes }, vec![7, 1]),
            (What::PreCommitting { to: both }, vec![7]),
            (What::Broadcasting, vec![7]),
            (What::Committable, vec![7]),
            (What::Suspected { node: n2 }, vec![7, 2]),
            (What::Elected, vec![7]),
            (What::Reported { state: State::Committable, to: n2 }, vec![7, 1, 2]),
            (What::Terminating { rule: Rule::Tr4 }, vec![7, 4]),
            (What::Superseded { leader: n2 }, vec![7, 2]),
            (What::Recovering { state: State::Uncertain }, vec![7, 0]),
            (What::Resolved { last: both }, vec![7]),
            (What::Decided { decision: Decision::Commit }, vec![7, 1]),
        ];
        assert_eq!((Event::KINDS.len(), Event::FIELDS.len()), (all.len(), all.len()));
        for (kind, (what, expected)) in all.into_iter().enumerate() {
            let event = Event { transaction: TransactionId(7), what };
            assert_eq!(event.kind(), kind);
            let fields: Vec<u64> =
                (0..Event::FIELDS[kind].len()).map(|position| event.field(position)).collect();
            assert_eq!(fields, expected, "{event}");
        }
    }
}
