//! What a node announces of the crate within it. Each is pushed behind the write that makes it true.

use std::fmt::{self, Display};

use quarrel_protocol::{Announcement, Fingerprint, Fingerprinter, Kinded, NodeId, NodeSet};
use serde::{Deserialize, Serialize};

/// An announcement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// The node stands for election; it has voted for itself.
    Campaigned {
        /// In this term.
        term: u64,
    },
    /// The node has voted for another.
    Voted {
        /// In this term.
        term: u64,
        /// For whom.
        candidate: NodeId,
    },
    /// The node has won an election.
    Elected {
        /// Of this term.
        term: u64,
    },
    /// The node no longer leads.
    SteppedDown {
        /// The term it is in now: the same, if it has missed its quorum for too long.
        term: u64,
    },
    /// The log has this entry at its end; whatever stood there and after it is gone.
    Appended {
        /// Its position.
        index: u64,
        /// Its term.
        term: u64,
        /// A hash of what it says.
        print: u64,
        /// The node's term, which may be later than the entry's.
        current_term: u64,
        /// Whether the node leads.
        leads: bool,
    },
    /// Entries are gone: they contradicted a leader's.
    Truncated {
        /// The first of them.
        from: u64,
        /// The last.
        last: u64,
        /// How far the node had applied its log before.
        applied: u64,
    },
    /// A leader has committed its log up to here.
    Committed {
        /// The position.
        index: u64,
        /// The leader's term.
        leader_term: u64,
    },
    /// A change of members has been applied.
    Changed {
        /// The position of the change in the log.
        index: u64,
        /// Who votes now.
        voters: NodeSet,
        /// Who voted before, while the configuration is joint.
        outgoing: NodeSet,
        /// Who learns.
        learners: NodeSet,
    },
    /// A change of members was committed, and the crate refused to apply it.
    ChangeRefused {
        /// Its position in the log.
        index: u64,
    },
    /// The node keeps a snapshot of its own, and a part of its log is gone.
    Compacted {
        /// The last position that the snapshot covers.
        index: u64,
    },
    /// The node has taken over a snapshot that it was sent; its log begins after it.
    Installed {
        /// The last position that the snapshot covers.
        index: u64,
        /// The term of the entry there.
        term: u64,
        /// The node's term.
        current_term: u64,
    },
    /// A leader hands leadership over.
    HandingOver {
        /// To whom.
        to: NodeId,
        /// In this term.
        term: u64,
    },
    /// The leader of this term has told the node to campaign at once.
    ToldToCampaign {
        /// The term.
        term: u64,
    },
    /// A read was answered without the log.
    ReadServed {
        /// What it had to see.
        index: u64,
        /// Whether the node leads.
        leads: bool,
    },
    /// A leader that does not vote takes a read to be confirmed without asking anybody, since one node votes.
    ReadAlone {
        /// What the read is to see.
        index: u64,
        /// Who votes.
        voter: NodeId,
    },
}

impl Kinded for Event {
    const KINDS: &'static [&'static str] = &[
        "campaigned",
        "voted",
        "elected",
        "stepped-down",
        "appended",
        "truncated",
        "committed",
        "changed",
        "change-refused",
        "compacted",
        "installed",
        "handing-over",
        "told-to-campaign",
        "read-served",
        "read-alone",
    ];

    #[inline]
    fn kind(&self) -> usize {
        match self {
            Event::Campaigned { .. } => 0,
            Event::Voted { .. } => 1,
            Event::Elected { .. } => 2,
            Event::SteppedDown { .. } => 3,
            Event::Appended { .. } => 4,
            Event::Truncated { .. } => 5,
            Event::Committed { .. } => 6,
            Event::Changed { .. } => 7,
            Event::ChangeRefused { .. } => 8,
            Event::Compacted { .. } => 9,
            Event::Installed { .. } => 10,
            Event::HandingOver { .. } => 11,
            Event::ToldToCampaign { .. } => 12,
            Event::ReadServed { .. } => 13,
            Event::ReadAlone { .. } => 14,
        }
    }
}

impl Announcement for Event {
    const FIELDS: &'static [&'static [&'static str]] = &[
        &["term"],
        &["term", "candidate"],
        &["term"],
        &["term"],
        &["index", "term"],
        &["index"],
        &["index", "term"],
        &["index", "voters"],
        &["index"],
        &["index"],
        &["index", "term"],
        &["to", "term"],
        &["term"],
        &["index"],
        &["index", "voter"],
    ];

    fn field(&self, position: usize) -> u64 {
        let fields = match *self {
            Event::Campaigned { term }
            | Event::Elected { term }
            | Event::SteppedDown { term }
            | Event::ToldToCampaign { term } => [term, 0],
            // A node is numbered as it is printed: from 1.
            Event::Voted { term, candidate } => [term, u64::from(candidate.0) + 1],
            Event::Appended { index, term, .. } | Event::Installed { index, term, .. } => [index, term],
            Event::Truncated { from, .. } => [from, 0],
            Event::Committed { index, leader_term } => [index, leader_term],
            Event::Changed { index, voters, .. } => [index, voters.len() as u64],
            Event::ChangeRefused { index } | Event::Compacted { index } | Event::ReadServed { index, .. } => {
                [index, 0]
            }
            Event::HandingOver { to, term } => [u64::from(to.0) + 1, term],
            Event::ReadAlone { index, voter } => [index, u64::from(voter.0) + 1],
        };
        fields[position]
    }

    fn is_milestone(&self) -> bool {
        match self {
            Event::Appended { leads, .. } => *leads,
            Event::Compacted { .. } | Event::ReadServed { .. } => false,
            _ => true,
        }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Event::Campaigned { term } => write!(f, "campaigns for term {term}"),
            Event::Voted { term, candidate } => write!(f, "votes for {candidate} in term {term}"),
            Event::Elected { term } => write!(f, "is elected leader of term {term}"),
            Event::SteppedDown { term } => write!(f, "steps down, in term {term} now"),
            Event::Appended { index, term, current_term, leads: true, .. } => {
                write!(f, "appends {index}@{term} as leader of term {current_term}")
            }
            Event::Appended { index, term, current_term, leads: false, .. } => {
                write!(f, "stores {index}@{term} in term {current_term}")
            }
            Event::Truncated { from, last, .. } if from == last => write!(f, "drops {from} from its log"),
            Event::Truncated { from, last, .. } => write!(f, "drops {from} to {last} from its log"),
            Event::Committed { index, leader_term } => {
                write!(f, "commits up to {index} as leader of term {leader_term}")
            }
            Event::Changed { index, voters, outgoing, learners } => {
                write!(f, "applies {index}: {voters} vote")?;
                if !outgoing.is_empty() {
                    write!(f, ", jointly with {outgoing}")?;
                }
                if !learners.is_empty() {
                    write!(f, "; {learners} learn")?;
                }
                Ok(())
            }
            Event::ChangeRefused { index } => write!(f, "refuses the change of members at {index}"),
            Event::Compacted { index } => write!(f, "keeps a snapshot up to {index}"),
            Event::Installed { index, term, .. } => write!(f, "takes over a snapshot up to {index}@{term}"),
            Event::HandingOver { to, term } => write!(f, "hands leadership of term {term} over to {to}"),
            Event::ToldToCampaign { term } => write!(f, "is told to campaign by the leader of term {term}"),
            Event::ReadServed { index, .. } => write!(f, "answers a read that had to see {index}"),
            Event::ReadAlone { index, voter } => {
                write!(f, "takes a read of {index} to be confirmed, though only {voter} votes")
            }
        }
    }
}

impl Fingerprint for Event {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        match *self {
            Event::Campaigned { term }
            | Event::Elected { term }
            | Event::SteppedDown { term }
            | Event::ToldToCampaign { term } => into.word(term),
            Event::Voted { term, candidate } => into.pair(term, u64::from(candidate.0)),
            Event::Appended { index, term, print, current_term, leads } => {
                into.mark(u64::from(leads));
                into.pair(index, term);
                into.pair(print, current_term);
            }
            Event::Truncated { from, last, applied } => {
                into.pair(from, last);
                into.word(applied);
            }
            Event::Committed { index, leader_term } => into.pair(index, leader_term),
            Event::Changed { index, voters, outgoing, learners } => {
                into.pair(index, voters.0);
                into.pair(outgoing.0, learners.0);
            }
            Event::ChangeRefused { index } | Event::Compacted { index } => into.word(index),
            Event::Installed { index, term, current_term } => {
                into.pair(index, term);
                into.word(current_term);
            }
            Event::HandingOver { to, term } => into.pair(u64::from(to.0), term),
            Event::ReadServed { index, leads } => into.pair(index, u64::from(leads)),
            Event::ReadAlone { index, voter } => into.pair(index, u64::from(voter.0)),
        }
    }
}
