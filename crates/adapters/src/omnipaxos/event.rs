//! What a node announces: what the crate stored, right behind the records that say so, and what the adapter did.
//! Positions are of the whole log, over all configurations, and from 0: so many positions come before.

use std::fmt::{self, Display};

use quarrel_protocol::{Announcement, Fingerprint, Fingerprinter, Kinded, NodeId};
use serde::{Deserialize, Serialize};

use super::round::Round;

/// An announcement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// The node has promised this round, its own or another's.
    Promised {
        /// The round.
        round: Round,
    },
    /// The node has the promises of a quorum and leads.
    Elected {
        /// Its round.
        round: Round,
        /// How long its log is then.
        accepted: u64,
        /// How much of it is decided.
        decided: u64,
    },
    /// The node's log is in line with a leader's.
    Synced {
        /// The leader's round.
        round: Round,
        /// How long its log is then.
        accepted: u64,
        /// How much of it is decided.
        decided: u64,
    },
    /// The node's log is so long now.
    Accepted {
        /// In this round.
        round: Round,
        /// So long.
        accepted: u64,
    },
    /// The node knows that so much is decided.
    Decided {
        /// The round that the node is in.
        round: Round,
        /// So much.
        decided: u64,
    },
    /// The beginning of the node's log is compacted, by its own doing.
    Compacted {
        /// Up to here.
        index: u64,
    },
    /// A snapshot has come in the place of the beginning of the node's log.
    SnapshotReceived {
        /// Up to here.
        index: u64,
    },
    /// A connection has been made anew.
    Reconnected {
        /// To this node.
        peer: NodeId,
    },
    /// The configuration has ended: its stop sign is decided.
    Stopped {
        /// This one.
        configuration: u32,
    },
    /// The node has started the instance of a configuration.
    Started {
        /// This one.
        configuration: u32,
    },
    /// The crate refused what an operator or the policy wanted.
    Refused {
        /// The configuration.
        configuration: u32,
    },
    /// The crate lets nobody read what comes next: the log is trimmed beyond what the node has applied.
    Missed {
        /// So much is applied.
        applied: u64,
        /// So much is gone.
        trimmed: u64,
    },
    /// The crate has stored entries behind the end of its log, with a gap between.
    Misplaced {
        /// There.
        at: u64,
        /// The log ended here.
        end: u64,
    },
}

impl Kinded for Event {
    const KINDS: &'static [&'static str] = &[
        "promised",
        "elected",
        "synced",
        "accepted",
        "decided",
        "compacted",
        "snapshot-received",
        "reconnected",
        "stopped",
        "started",
        "refused",
        "missed",
        "misplaced",
    ];

    fn kind(&self) -> usize {
        match self {
            Event::Promised { .. } => 0,
            Event::Elected { .. } => 1,
            Event::Synced { .. } => 2,
            Event::Accepted { .. } => 3,
            Event::Decided { .. } => 4,
            Event::Compacted { .. } => 5,
            Event::SnapshotReceived { .. } => 6,
            Event::Reconnected { .. } => 7,
            Event::Stopped { .. } => 8,
            Event::Started { .. } => 9,
            Event::Refused { .. } => 10,
            Event::Missed { .. } => 11,
            Event::Misplaced { .. } => 12,
        }
    }
}

impl Event {
    /// The numbers it carries.
    fn numbers(&self) -> [u64; 3] {
        match *self {
            Event::Promised { round } => [u64::from(round.number), 0, 0],
            Event::Elected { round, accepted, decided } | Event::Synced { round, accepted, decided } => {
                [u64::from(round.number), accepted, decided]
            }
            Event::Accepted { round, accepted } => [u64::from(round.number), accepted, 0],
            Event::Decided { round, decided } => [u64::from(round.number), decided, 0],
            Event::Compacted { index } | Event::SnapshotReceived { index } => [index, 0, 0],
            // A node is numbered as it is printed: from 1.
            Event::Reconnected { peer } => [u64::from(peer.0) + 1, 0, 0],
            Event::Stopped { configuration }
            | Event::Started { configuration }
            | Event::Refused { configuration } => [u64::from(configuration), 0, 0],
            Event::Missed { applied, trimmed } => [applied, trimmed, 0],
            Event::Misplaced { at, end } => [at, end, 0],
        }
    }
}

impl Announcement for Event {
    const FIELDS: &'static [&'static [&'static str]] = &[
        &["round"],
        &["round", "accepted", "decided"],
        &["round", "accepted", "decided"],
        &["round", "accepted"],
        &["round", "decided"],
        &["index"],
        &["index"],
        &["peer"],
        &["configuration"],
        &["configuration"],
        &["configuration"],
        &["applied", "trimmed"],
        &["at", "end"],
    ];

    fn field(&self, position: usize) -> u64 {
        self.numbers()[position]
    }

    fn is_milestone(&self) -> bool {
        !matches!(self, Event::Accepted { .. } | Event::Refused { .. } | Event::Reconnected { .. })
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Event::Promised { round } => write!(f, "promises round {round}"),
            Event::Elected { round, accepted, decided } => {
                write!(f, "leads round {round} with {accepted} entries, {decided} of them decided")
            }
            Event::Synced { round, accepted, decided } => {
                write!(f, "is synced in round {round} to {accepted} entries, {decided} of them decided")
            }
            Event::Accepted { round, accepted } => {
                write!(f, "has accepted {accepted} entries in round {round}")
            }
            Event::Decided { round, decided } => {
                write!(f, "knows in round {round} that {decided} are decided")
            }
            Event::Compacted { index } => write!(f, "compacts its log up to {index}"),
            Event::SnapshotReceived { index } => write!(f, "takes a snapshot up to {index}"),
            Event::Reconnected { peer } => write!(f, "is connected to {peer} anew"),
            Event::Stopped { configuration } => write!(f, "sees configuration {configuration} stopped"),
            Event::Started { configuration } => write!(f, "starts configuration {configuration}"),
            Event::Refused { configuration } => {
                write!(f, "is refused by the crate, in configuration {configuration}")
            }
            Event::Missed { applied, trimmed } => {
                write!(f, "has applied {applied}, but its log is trimmed up to {trimmed}")
            }
            Event::Misplaced { at, end } => write!(f, "stores entries at {at}, but its log ends at {end}"),
        }
    }
}

impl Fingerprint for Event {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        if let Event::Promised { round }
        | Event::Elected { round, .. }
        | Event::Synced { round, .. }
        | Event::Accepted { round, .. }
        | Event::Decided { round, .. } = self
        {
            round.fingerprint(into);
        }
        let [first, second, third] = self.numbers();
        into.pair(first, second);
        into.word(third);
    }
}
