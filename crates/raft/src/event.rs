//! What a node announces. Each is pushed right behind the write that makes it true, so that it is released when it
//! is durable.

mod words;

use quarrel_protocol::{Announcement, Fingerprint, Fingerprinter, Kinded, NodeId, NodeSet};
use serde::{Deserialize, Serialize};

use crate::{Configuration, Entry, Index, Order, Refusal, Term};

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
    /// The node asks whether it could win an election.
    PreCampaigned {
        /// In this term: the one after its own.
        term: Term,
    },
    /// The leader has not heard from a majority for an election timeout, and no longer leads.
    QuorumLost {
        /// The term that it led.
        term: Term,
    },
    /// The node has taken a snapshot, and its log begins after it.
    Compacted {
        /// The last position that the snapshot covers.
        index: Index,
        /// The term of the entry there.
        term: Term,
        /// The configuration in it.
        configuration: Configuration,
    },
    /// The follower has got the first part of a snapshot.
    Receiving {
        /// The last position that the snapshot covers.
        index: Index,
        /// The term of the leader that sends it.
        leader_term: Term,
    },
    /// The follower has taken over a snapshot that it was sent.
    Installed {
        /// The last position that the snapshot covers.
        index: Index,
        /// The term of the entry there.
        term: Term,
        /// The end of its log: what followed the snapshot and agreed with it was kept.
        last: Index,
        /// The term of the leader that sent it.
        leader_term: Term,
        /// The configuration in it.
        configuration: Configuration,
        /// The one that is in force now.
        in_force: Configuration,
    },
    /// The node takes back that entries are committed: only a flaw does.
    CommitFell {
        /// How far they were.
        from: Index,
        /// How far they are now.
        to: Index,
    },
    /// The leader takes back that a follower holds entries: only a flaw does.
    MatchFell {
        /// Which follower.
        follower: NodeId,
        /// How far it was known to be.
        from: Index,
        /// How far it is thought to be now.
        to: Index,
    },
    /// The leader leaves an order undone.
    OrderRefused {
        /// What it was asked.
        order: Order,
        /// Why not.
        why: Refusal,
    },
    /// The leader has appended a configuration, which is in force from now on.
    Reconfigured {
        /// Where.
        index: Index,
        /// What it says.
        configuration: Configuration,
    },
    /// The leader has committed a configuration.
    ConfigurationCommitted {
        /// Where it stands.
        index: Index,
        /// What it says.
        configuration: Configuration,
    },
    /// The node goes by another configuration, because a snapshot says so, or what it has kept behind it.
    Adopted {
        /// Where it stands, at the latest.
        index: Index,
        /// What it says.
        configuration: Configuration,
    },
    /// A server that is to vote holds what the leader holds.
    CaughtUp {
        /// Which.
        node: NodeId,
        /// After so many rounds.
        rounds: u64,
    },
    /// The leader that its configuration leaves out no longer leads: that is committed.
    Retired {
        /// The term that it led.
        term: Term,
    },
    /// The leader hands leadership over, and takes no more requests.
    HandingOver {
        /// The term that it leads.
        term: Term,
        /// To whom.
        to: NodeId,
    },
    /// Nobody has taken leadership over for an election timeout: the leader goes on.
    KeptLeadership {
        /// The term that it leads.
        term: Term,
        /// Who was to have it.
        to: NodeId,
    },
    /// The node's leader has told it to campaign.
    ToldToCampaign {
        /// The term of that leader.
        term: Term,
        /// That leader.
        by: NodeId,
    },
    /// The leader has answered a read that is in no log.
    ReadServed {
        /// The term that it leads.
        term: Term,
        /// What had to be applied first.
        index: Index,
        /// Whether a lease spared it a round of heartbeats.
        by_lease: bool,
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
        "pre-campaigned",
        "quorum-lost",
        "compacted",
        "receiving",
        "installed",
        "commit-fell",
        "match-fell",
        "order-refused",
        "reconfigured",
        "configuration-committed",
        "caught-up",
        "retired",
        "handing-over",
        "kept-leadership",
        "told-to-campaign",
        "read-served",
        "adopted",
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
            Event::PreCampaigned { .. } => 8,
            Event::QuorumLost { .. } => 9,
            Event::Compacted { .. } => 10,
            Event::Receiving { .. } => 11,
            Event::Installed { .. } => 12,
            Event::CommitFell { .. } => 13,
            Event::MatchFell { .. } => 14,
            Event::OrderRefused { .. } => 15,
            Event::Reconfigured { .. } => 16,
            Event::ConfigurationCommitted { .. } => 17,
            Event::CaughtUp { .. } => 18,
            Event::Retired { .. } => 19,
            Event::HandingOver { .. } => 20,
            Event::KeptLeadership { .. } => 21,
            Event::ToldToCampaign { .. } => 22,
            Event::ReadServed { .. } => 23,
            Event::Adopted { .. } => 24,
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
        &["term"],
        &["term"],
        &["index", "term"],
        &["index", "term"],
        &["index", "term"],
        &["from", "to"],
        &["from", "to"],
        &[],
        &["index"],
        &["index"],
        &["node", "rounds"],
        &["term"],
        &["term", "to"],
        &["term", "to"],
        &["term", "by"],
        &["term", "index"],
        &["index"],
    ];

    fn field(&self, position: usize) -> u64 {
        let fields = match *self {
            Event::Campaigned { term }
            | Event::Elected { term, .. }
            | Event::SteppedDown { term }
            | Event::PreCampaigned { term }
            | Event::QuorumLost { term }
            | Event::Retired { term } => [term.0, 0],
            Event::OrderRefused { .. } => [0, 0],
            Event::Reconfigured { index, .. }
            | Event::ConfigurationCommitted { index, .. }
            | Event::Adopted { index, .. } => [index.0, 0],
            Event::CaughtUp { node, rounds } => [u64::from(node.0) + 1, rounds],
            Event::HandingOver { term, to: node }
            | Event::KeptLeadership { term, to: node }
            | Event::ToldToCampaign { term, by: node } => [term.0, u64::from(node.0) + 1],
            Event::ReadServed { term, index, .. } => [term.0, index.0],
            Event::VoteReceived { term, votes, .. } => [term.0, u64::from(votes)],
            // A node is numbered as it is printed: from 1.
            Event::Voted { term, candidate } => [term.0, u64::from(candidate.0) + 1],
            Event::Appended { index, entry, .. } | Event::Committed { index, entry, .. } => {
                [index.0, entry.term.0]
            }
            Event::Truncated { from, entry, .. } => [from.0, entry.term.0],
            Event::Compacted { index, term, .. } | Event::Installed { index, term, .. } => [index.0, term.0],
            Event::Receiving { index, leader_term } => [index.0, leader_term.0],
            Event::CommitFell { from, to } | Event::MatchFell { from, to, .. } => [from.0, to.0],
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
            Event::VoteReceived { .. }
            | Event::PreCampaigned { .. }
            | Event::Compacted { .. }
            | Event::Receiving { .. }
            | Event::OrderRefused { .. }
            | Event::Adopted { .. }
            | Event::CaughtUp { .. }
            // That the configuration is appended is told already.
            | Event::Reconfigured { .. } => false,
            Event::Installed { .. }
            | Event::CommitFell { .. }
            | Event::MatchFell { .. }
            | Event::QuorumLost { .. }
            | Event::ConfigurationCommitted { .. }
            | Event::Retired { .. }
            | Event::HandingOver { .. }
            | Event::KeptLeadership { .. }
            | Event::ToldToCampaign { .. }
            | Event::ReadServed { .. }
            | Event::Campaigned { .. }
            | Event::Voted { .. }
            | Event::Elected { .. }
            | Event::SteppedDown { .. }
            | Event::Truncated { .. }
            | Event::Committed { .. } => true,
        }
    }
}

impl Fingerprint for Event {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        // Most announcements are entries.
        if let Event::Appended { index, entry, current_term, leader } = self {
            into.mark(self.kind() as u64);
            into.mark(leader.map_or(0, |leader| u64::from(leader.0) + 1));
            into.pair(index.0, current_term.0);
            return entry.fingerprint(into);
        }
        self.fingerprint_of_others(into);
    }
}

impl Event {
    #[inline(never)]
    fn fingerprint_of_others(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        match self {
            Event::Campaigned { term }
            | Event::SteppedDown { term }
            | Event::PreCampaigned { term }
            | Event::QuorumLost { term }
            | Event::Retired { term } => term.fingerprint(into),
            Event::Compacted { index, term, configuration } => {
                into.pair(index.0, term.0);
                configuration.fingerprint(into);
            }
            Event::Receiving { index, leader_term } => into.pair(index.0, leader_term.0),
            Event::Installed { index, term, last, leader_term, configuration, in_force } => {
                configuration.fingerprint(into);
                in_force.fingerprint(into);
                into.pair(index.0, term.0);
                into.pair(last.0, leader_term.0);
            }
            Event::CommitFell { from, to } => into.pair(from.0, to.0),
            Event::MatchFell { follower, from, to } => {
                follower.fingerprint(into);
                into.pair(from.0, to.0);
            }
            Event::OrderRefused { order, why } => {
                into.mark(*why as u64);
                order.fingerprint(into);
            }
            Event::Reconfigured { index, configuration }
            | Event::Adopted { index, configuration }
            | Event::ConfigurationCommitted { index, configuration } => {
                index.fingerprint(into);
                configuration.fingerprint(into);
            }
            Event::CaughtUp { node, rounds } => into.pair(u64::from(node.0), *rounds),
            Event::HandingOver { term, to: node }
            | Event::KeptLeadership { term, to: node }
            | Event::ToldToCampaign { term, by: node } => into.pair(term.0, u64::from(node.0)),
            Event::ReadServed { term, index, by_lease } => {
                into.mark(u64::from(*by_lease));
                into.pair(term.0, index.0);
            }
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
            Event::Appended { .. } => unreachable!("it is no other"),
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
