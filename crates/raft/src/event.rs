//! What a node announces. Each is pushed right behind the write that makes it true, so that it is released when it
//! is durable.

use std::fmt::{self, Display};

use quarrel_protocol::{Announcement, Fingerprint, Fingerprinter, Kinded, NodeId, NodeSet};
use serde::{Deserialize, Serialize};

use crate::{Entry, Index, Term};

/// An announcement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// The node stands for election; it has voted for itself.
    Campaigned {
        /// In this term.
        term: Term,
    },
    /// The candidate has received a granted vote, its own included.
    VoteReceived {
        /// In this term.
        term: Term,
        /// From whom.
        voter: NodeId,
        /// How many it counts now.
        votes: u32,
    },
    /// The node has voted for another.
    Voted {
        /// In this term.
        term: Term,
        /// For whom.
        candidate: NodeId,
    },
    /// The node has won the election.
    Elected {
        /// Of this term.
        term: Term,
        /// Who voted for it.
        voters: NodeSet,
    },
    /// The node no longer leads.
    SteppedDown {
        /// The higher term it has seen.
        term: Term,
    },
    /// The log has one more entry.
    Appended {
        /// Its position.
        index: Index,
        /// The entry.
        entry: Entry,
        /// The node's term, which may be later than the entry's.
        current_term: Term,
        /// The leader it came from; nothing if the node itself leads.
        leader: Option<NodeId>,
    },
    /// The end of the log is gone: it contradicted the leader's.
    Truncated {
        /// The first position that is gone.
        from: Index,
        /// The last position that is gone.
        last: Index,
        /// The entry that stood at `from`.
        entry: Entry,
    },
    /// The leader has committed its log up to here.
    Committed {
        /// The position.
        index: Index,
        /// The entry there.
        entry: Entry,
        /// The leader's term.
        leader_term: Term,
    },
}

impl Kinded for Event {
    const KINDS: &'static [&'static str] = &[
        "campaigned",
        "vote-received",
        "voted",
        "elected",
        "stepped-down",
        "appended",
        "truncated",
        "committed",
    ];

    #[inline]
    fn kind(&self) -> usize {
        match self {
            Event::Campaigned { .. } => 0,
            Event::VoteReceived { .. } => 1,
            Event::Voted { .. } => 2,
            Event::Elected { .. } => 3,
            Event::SteppedDown { .. } => 4,
            Event::Appended { .. } => 5,
            Event::Truncated { .. } => 6,
            Event::Committed { .. } => 7,
        }
    }
}

impl Announcement for Event {
    const FIELDS: &'static [&'static [&'static str]] = &[
        &["term"],
        &["term", "votes"],
        &["term", "candidate"],
        &["term"],
        &["term"],
        &["index", "term"],
        &["index", "term"],
        &["index", "term"],
    ];

    fn field(&self, position: usize) -> u64 {
        let fields = match *self {
            Event::Campaigned { term } | Event::Elected { term, .. } | Event::SteppedDown { term } => {
                [term.0, 0]
            }
            Event::VoteReceived { term, votes, .. } => [term.0, u64::from(votes)],
            // A node is numbered as it is printed: from 1.
            Event::Voted { term, candidate } => [term.0, u64::from(candidate.0) + 1],
            Event::Appended { index, entry, .. } | Event::Committed { index, entry, .. } => {
                [index.0, entry.term.0]
            }
            Event::Truncated { from, entry, .. } => [from.0, entry.term.0],
        };
        fields[position]
    }

    fn is_milestone(&self) -> bool {
        match self {
            // Copies are the daily business of a log. What tells a story is where an entry is born, and that a leader
            // spreads one of an earlier term (Figure 8).
            Event::Appended { entry, current_term, leader, .. } => {
                leader.is_none() || entry.term < *current_term
            }
            Event::VoteReceived { .. } => false,
            Event::Campaigned { .. }
            | Event::Voted { .. }
            | Event::Elected { .. }
            | Event::SteppedDown { .. }
            | Event::Truncated { .. }
            | Event::Committed { .. } => true,
        }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Event::Campaigned { term } => write!(f, "campaigns for term {term}"),
            Event::VoteReceived { term, voter, votes } => {
                write!(
                    f,
                    "counts {votes} vote{} in term {term}, the last from {voter}",
                    if votes == 1 { "" } else { "s" }
                )
            }
            Event::Voted { term, candidate } => write!(f, "votes for {candidate} in term {term}"),
            Event::Elected { term, voters } => write!(f, "is elected leader of term {term} by {voters}"),
            Event::SteppedDown { term } => write!(f, "steps down: it has seen term {term}"),
            Event::Appended { index, entry, current_term, leader: None } => {
                write!(f, "appends {entry} at {index} as leader of term {current_term}")
            }
            Event::Appended { index, entry, current_term, leader: Some(leader) } => {
                write!(
                    f,
                    "stores {index}@{} {entry} from {leader}, leader of term {current_term}",
                    entry.term
                )
            }
            Event::Truncated { from, last, entry } if from == last => {
                write!(f, "drops {from}@{} {entry} from its log", entry.term)
            }
            Event::Truncated { from, last, entry } => {
                write!(f, "drops {from}@{} {entry} and all up to {last} from its log", entry.term)
            }
            Event::Committed { index, entry, leader_term } => {
                write!(f, "commits up to {index}@{} {entry} as leader of term {leader_term}", entry.term)
            }
        }
    }
}

impl Fingerprint for Event {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        match self {
            Event::Campaigned { term } | Event::SteppedDown { term } => term.fingerprint(into),
            Event::VoteReceived { term, voter, votes } => {
                term.fingerprint(into);
                voter.fingerprint(into);
                votes.fingerprint(into);
            }
            Event::Voted { term, candidate } => {
                term.fingerprint(into);
                candidate.fingerprint(into);
            }
            Event::Elected { term, voters } => {
                term.fingerprint(into);
                voters.fingerprint(into);
            }
            Event::Appended { index, entry, current_term, leader } => {
                into.mark(leader.map_or(0, |leader| u64::from(leader.0) + 1));
                into.pair(index.0, current_term.0);
                entry.fingerprint(into);
            }
            Event::Truncated { from, last, entry } => {
                into.pair(from.0, last.0);
                entry.fingerprint(into);
            }
            Event::Committed { index, entry, leader_term } => {
                into.pair(index.0, leader_term.0);
                entry.fingerprint(into);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::log::tests::write;

    use super::*;

    #[test]
    fn every_kind_has_its_name_its_numbers_and_its_sentence() {
        let (index, term) = (Index(5), Term(3));
        let entry = Entry { term, command: Some(write(17)) };
        let later = Term(4);
        let voters = NodeSet::all(3);
        let table: &[(Event, &str, &[u64], &str)] = &[
            (Event::Campaigned { term }, "campaigned", &[3], "campaigns for term 3"),
            (
                Event::VoteReceived { term, voter: NodeId(1), votes: 2 },
                "vote-received",
                &[3, 2],
                "counts 2 votes in term 3, the last from n2",
            ),
            (Event::Voted { term, candidate: NodeId(1) }, "voted", &[3, 2], "votes for n2 in term 3"),
            (Event::Elected { term, voters }, "elected", &[3], "is elected leader of term 3 by n1, n2, n3"),
            (Event::SteppedDown { term }, "stepped-down", &[3], "steps down: it has seen term 3"),
            (
                Event::Appended { index, entry, current_term: later, leader: Some(NodeId(0)) },
                "appended",
                &[5, 3],
                "stores 5@3 c1's op17: write v17 from n1, leader of term 4",
            ),
            (
                Event::Truncated { from: index, last: Index(7), entry },
                "truncated",
                &[5, 3],
                "drops 5@3 c1's op17: write v17 and all up to 7 from its log",
            ),
            (
                Event::Committed { index, entry, leader_term: later },
                "committed",
                &[5, 3],
                "commits up to 5@3 c1's op17: write v17 as leader of term 4",
            ),
        ];
        assert_eq!((table.len(), Event::FIELDS.len()), (Event::KINDS.len(), Event::KINDS.len()));
        for &(event, name, numbers, sentence) in table {
            assert_eq!((event.kind_name(), &*event.to_string()), (name, sentence));
            let fields: Vec<u64> = (0..Event::FIELDS[event.kind()].len()).map(|at| event.field(at)).collect();
            assert_eq!(fields, numbers, "{name}");
        }
    }
}
