//! What a node announces, in words.

use std::fmt::{self, Display};

use super::Event;

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
            Event::PreCampaigned { term } => write!(f, "asks whether it could win term {term}"),
            Event::QuorumLost { term } => {
                write!(f, "steps down as leader of term {term}: it has not heard from a majority")
            }
            Event::Compacted { index, term, .. } => {
                write!(f, "takes a snapshot up to {index}@{term}, and drops its log up to there")
            }
            Event::Receiving { index, leader_term } => {
                write!(f, "is sent a snapshot up to {index} by the leader of term {leader_term}")
            }
            Event::Installed { index, term, last, .. } if last > index => {
                write!(f, "takes over a snapshot up to {index}@{term}, and keeps its log up to {last}")
            }
            Event::Installed { index, term, .. } => {
                write!(f, "takes over a snapshot up to {index}@{term} in place of its log")
            }
            Event::CommitFell { from, to } => write!(f, "takes back its commit index from {from} to {to}"),
            Event::MatchFell { follower, from, to } => {
                write!(f, "takes back from {from} to {to} how far {follower} has got")
            }
            Event::OrderRefused { order, why } => write!(f, "does not {order}: {why}"),
            Event::Reconfigured { index, configuration } => write!(f, "goes by {configuration} at {index}"),
            Event::Adopted { index, configuration } => {
                write!(f, "goes by {configuration}, which a snapshot up to {index} tells")
            }
            Event::ConfigurationCommitted { index, configuration } => {
                write!(f, "has committed {configuration} at {index}")
            }
            Event::CaughtUp { node, rounds } => {
                write!(f, "sees {node} up to date after {rounds} round{}", if rounds == 1 { "" } else { "s" })
            }
            Event::Retired { term } => {
                write!(
                    f,
                    "steps down as leader of term {term}: it has no vote any more, and that is committed"
                )
            }
            Event::HandingOver { term, to } => write!(f, "hands leadership of term {term} over to {to}"),
            Event::KeptLeadership { term, to } => {
                write!(f, "goes on to lead term {term}: {to} has not taken over")
            }
            Event::ToldToCampaign { term, by } => {
                write!(f, "is told to campaign by {by}, leader of term {term}")
            }
            Event::ReadServed { term, index, by_lease: false } => {
                write!(f, "answers a read after {index}: a majority still follows it in term {term}")
            }
            Event::ReadServed { term, index, by_lease: true } => {
                write!(f, "answers a read after {index} by its lease of term {term}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::log::tests::write;

    use quarrel_protocol::{Announcement, Kinded, NodeId, NodeSet};

    use super::*;
    use crate::{Configuration, Entry, Index, Order, Refusal, Term};

    #[test]
    fn every_kind_has_its_name_its_numbers_and_its_sentence() {
        let (index, term) = (Index(5), Term(3));
        let entry = Entry::of(term, write(17));
        let later = Term(4);
        let voters = NodeSet::all(3);
        let (node, configuration) = (NodeId(1), Configuration::of(voters));
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
            (Event::PreCampaigned { term }, "pre-campaigned", &[3], "asks whether it could win term 3"),
            (
                Event::QuorumLost { term },
                "quorum-lost",
                &[3],
                "steps down as leader of term 3: it has not heard from a majority",
            ),
            (
                Event::Compacted { index, term, configuration },
                "compacted",
                &[5, 3],
                "takes a snapshot up to 5@3, and drops its log up to there",
            ),
            (
                Event::Receiving { index, leader_term: later },
                "receiving",
                &[5, 4],
                "is sent a snapshot up to 5 by the leader of term 4",
            ),
            (
                Event::Installed {
                    index,
                    term,
                    last: Index(7),
                    leader_term: later,
                    configuration,
                    in_force: configuration,
                },
                "installed",
                &[5, 3],
                "takes over a snapshot up to 5@3, and keeps its log up to 7",
            ),
            (
                Event::CommitFell { from: index, to: Index(2) },
                "commit-fell",
                &[5, 2],
                "takes back its commit index from 5 to 2",
            ),
            (
                Event::MatchFell { follower: NodeId(1), from: index, to: Index(2) },
                "match-fell",
                &[5, 2],
                "takes back from 5 to 2 how far n2 has got",
            ),
            (
                Event::OrderRefused { order: Order::Remove(NodeId(0)), why: Refusal::Busy },
                "order-refused",
                &[],
                "does not remove n1: another order is not done yet",
            ),
            (
                Event::Reconfigured { index, configuration },
                "reconfigured",
                &[5],
                "goes by configuration n1, n2, n3 at 5",
            ),
            (
                Event::ConfigurationCommitted { index, configuration },
                "configuration-committed",
                &[5],
                "has committed configuration n1, n2, n3 at 5",
            ),
            (Event::CaughtUp { node, rounds: 2 }, "caught-up", &[2, 2], "sees n2 up to date after 2 rounds"),
            (
                Event::Retired { term },
                "retired",
                &[3],
                "steps down as leader of term 3: it has no vote any more, and that is committed",
            ),
            (
                Event::HandingOver { term, to: node },
                "handing-over",
                &[3, 2],
                "hands leadership of term 3 over to n2",
            ),
            (
                Event::KeptLeadership { term, to: node },
                "kept-leadership",
                &[3, 2],
                "goes on to lead term 3: n2 has not taken over",
            ),
            (
                Event::ToldToCampaign { term, by: node },
                "told-to-campaign",
                &[3, 2],
                "is told to campaign by n2, leader of term 3",
            ),
            (
                Event::ReadServed { term, index, by_lease: true },
                "read-served",
                &[3, 5],
                "answers a read after 5 by its lease of term 3",
            ),
            (
                Event::Adopted { index, configuration },
                "adopted",
                &[5],
                "goes by configuration n1, n2, n3, which a snapshot up to 5 tells",
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
