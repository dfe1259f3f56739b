//! What a node announces to observers.

use std::fmt::{self, Display};

use quarrel_protocol::{Announcement, Fingerprint, Fingerprinter, Kinded, NodeId};
use quarrel_spec::Value;
use serde::{Deserialize, Serialize};

use crate::{Ballot, Proposal};

/// How a node came to know the decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// It counted a phase-2 quorum of acceptances of this ballot.
    Quorum(Ballot),
    /// Another node told it.
    Told(NodeId),
    /// Its disk had kept it.
    Disk,
}

/// An announcement, in the order of a ballot's life. Those of an acceptor come right after the write that makes
/// them true.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A proposer starts a ballot.
    Prepared {
        /// The ballot.
        ballot: Ballot,
    },
    /// An acceptor promises a ballot.
    Promised {
        /// The ballot.
        ballot: Ballot,
        /// The proposal its promise reports.
        accepted: Option<Proposal>,
    },
    /// An acceptor refuses a ballot.
    Rejected {
        /// The ballot.
        ballot: Ballot,
        /// The higher ballot that it has promised.
        promised: Ballot,
    },
    /// A proposer has a quorum of promises and issues its proposal.
    QuorumPromised {
        /// The proposal.
        proposal: Proposal,
        /// The ballot whose value it adopts; `None` when the value is the proposer's own.
        adopted_from: Option<Ballot>,
    },
    /// An acceptor accepts a proposal.
    Accepted {
        /// The proposal.
        proposal: Proposal,
    },
    /// A proposer gives its ballot up because an acceptor has promised a higher one.
    Preempted {
        /// The ballot.
        ballot: Ballot,
        /// The higher ballot.
        by: Ballot,
    },
    /// A proposer gives its ballot up because it takes too long.
    TimedOut {
        /// The ballot.
        ballot: Ballot,
    },
    /// A node without a value of its own inquired, and no promise reported an accepted one.
    FoundNothing {
        /// The ballot.
        ballot: Ballot,
    },
    /// A learner knows what is chosen.
    Decided {
        /// The value.
        value: Value,
        /// How it knows.
        source: Source,
    },
}

impl Event {
    /// The ballot it is about.
    fn ballot(&self) -> Option<Ballot> {
        match self {
            Event::Prepared { ballot }
            | Event::Promised { ballot, .. }
            | Event::Rejected { ballot, .. }
            | Event::Preempted { ballot, .. }
            | Event::TimedOut { ballot }
            | Event::FoundNothing { ballot } => Some(*ballot),
            Event::QuorumPromised { proposal, .. } | Event::Accepted { proposal } => Some(proposal.ballot),
            Event::Decided { .. } => None,
        }
    }

    /// The value it is about.
    fn value(&self) -> Option<Value> {
        match self {
            Event::QuorumPromised { proposal, .. } | Event::Accepted { proposal } => Some(proposal.value),
            Event::Decided { value, .. } => Some(*value),
            Event::Prepared { .. }
            | Event::Promised { .. }
            | Event::Rejected { .. }
            | Event::Preempted { .. }
            | Event::TimedOut { .. }
            | Event::FoundNothing { .. } => None,
        }
    }
}

impl Kinded for Event {
    const KINDS: &'static [&'static str] = &[
        "prepared",
        "promised",
        "rejected",
        "quorum-promised",
        "accepted",
        "preempted",
        "timed-out",
        "found-nothing",
        "decided",
    ];

    fn kind(&self) -> usize {
        match self {
            Event::Prepared { .. } => 0,
            Event::Promised { .. } => 1,
            Event::Rejected { .. } => 2,
            Event::QuorumPromised { .. } => 3,
            Event::Accepted { .. } => 4,
            Event::Preempted { .. } => 5,
            Event::TimedOut { .. } => 6,
            Event::FoundNothing { .. } => 7,
            Event::Decided { .. } => 8,
        }
    }
}

impl Announcement for Event {
    /// `proposer` is the node that owns the ballot, from 1 as it is printed.
    const FIELDS: &'static [&'static [&'static str]] = &[
        &["round"],
        &["round", "proposer"],
        &["round", "proposer"],
        &["round", "value"],
        &["round", "proposer", "value"],
        &["round"],
        &["round"],
        &["round"],
        &["value"],
    ];

    fn field(&self, position: usize) -> u64 {
        let ballot = || self.ballot().unwrap_or_else(|| unreachable!("only `decided` has no ballot"));
        match Self::FIELDS[self.kind()][position] {
            "round" => ballot().round,
            "proposer" => u64::from(ballot().node.0) + 1,
            _ => self.value().unwrap_or_else(|| unreachable!("the field is named by its kind")).0,
        }
    }

    fn is_milestone(&self) -> bool {
        match self {
            Event::Promised { .. }
            | Event::QuorumPromised { .. }
            | Event::Accepted { .. }
            | Event::Decided { .. } => true,
            // A promise tells that the ballot was started, a failed ballot by what it no longer does.
            Event::Prepared { .. }
            | Event::Rejected { .. }
            | Event::Preempted { .. }
            | Event::TimedOut { .. }
            | Event::FoundNothing { .. } => false,
        }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Prepared { ballot } => write!(f, "starts ballot {ballot}"),
            Event::Promised { ballot, accepted: None } => write!(f, "promises ballot {ballot}"),
            Event::Promised { ballot, accepted: Some(Proposal { ballot: earlier, value }) } => {
                write!(f, "promises ballot {ballot}, having accepted {value} in ballot {earlier}")
            }
            Event::Rejected { ballot, promised } => {
                write!(f, "refuses ballot {ballot}, having promised {promised}")
            }
            Event::QuorumPromised { proposal: Proposal { ballot, value }, adopted_from: None } => {
                write!(f, "proposes {value} in ballot {ballot}")
            }
            Event::QuorumPromised { proposal: Proposal { ballot, value }, adopted_from: Some(earlier) } => {
                write!(f, "proposes {value} in ballot {ballot}, adopted from ballot {earlier}")
            }
            Event::Accepted { proposal: Proposal { ballot, value } } => {
                write!(f, "accepts {value} in ballot {ballot}")
            }
            Event::Preempted { ballot, by } => write!(f, "gives up ballot {ballot}, preempted by {by}"),
            Event::TimedOut { ballot } => write!(f, "gives up ballot {ballot}, timed out"),
            Event::FoundNothing { ballot } => write!(f, "finds nothing to propose in ballot {ballot}"),
            Event::Decided { value, source: Source::Quorum(ballot) } => {
                write!(f, "learns {value}: a quorum has accepted it in ballot {ballot}")
            }
            Event::Decided { value, source: Source::Told(node) } => write!(f, "learns {value} from {node}"),
            Event::Decided { value, source: Source::Disk } => {
                write!(f, "finds on its disk that {value} is chosen")
            }
        }
    }
}

impl Fingerprint for Event {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.kind() as u64);
        match self {
            Event::Prepared { ballot } | Event::TimedOut { ballot } | Event::FoundNothing { ballot } => {
                ballot.fingerprint(into)
            }
            Event::Promised { ballot, accepted } => {
                ballot.fingerprint(into);
                accepted.fingerprint(into);
            }
            Event::Rejected { ballot, promised: other } | Event::Preempted { ballot, by: other } => {
                ballot.fingerprint(into);
                other.fingerprint(into);
            }
            Event::QuorumPromised { proposal, adopted_from } => {
                proposal.fingerprint(into);
                adopted_from.fingerprint(into);
            }
            Event::Accepted { proposal } => proposal.fingerprint(into),
            Event::Decided { value, source } => {
                value.fingerprint(into);
                match source {
                    Source::Quorum(ballot) => {
                        into.word(0);
                        ballot.fingerprint(into);
                    }
                    Source::Told(node) => {
                        into.word(1);
                        node.fingerprint(into);
                    }
                    Source::Disk => into.word(2),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_answers_every_field_it_names() {
        let ballot = Ballot { round: 3, node: NodeId(1) };
        let proposal = Proposal { ballot, value: Value(4) };
        let events = [
            Event::Prepared { ballot },
            Event::Promised { ballot, accepted: Some(proposal) },
            Event::Rejected { ballot, promised: ballot },
            Event::QuorumPromised { proposal, adopted_from: None },
            Event::Accepted { proposal },
            Event::Preempted { ballot, by: ballot },
            Event::TimedOut { ballot },
            Event::FoundNothing { ballot },
            Event::Decided { value: Value(4), source: Source::Disk },
        ];
        assert_eq!((Event::KINDS.len(), Event::FIELDS.len()), (events.len(), events.len()));
        for (kind, event) in events.iter().enumerate() {
            assert_eq!(event.kind(), kind);
            for (position, name) in Event::FIELDS[kind].iter().enumerate() {
                let expected = match *name {
                    "round" => 3,
                    "proposer" => 2,
                    _ => 4,
                };
                assert_eq!(event.field(position), expected, "{name} of {event}");
            }
        }
    }
}
