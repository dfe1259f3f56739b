//! What a node announces to observers.

use std::fmt::{self, Display};

use quarrel_protocol::{Announcement, Fingerprint, Fingerprinter, Kinded, NodeId, NodeSet};
use serde::{Deserialize, Serialize};

use crate::value::Value;
use crate::{Ballot, Slot};

/// Why a leader proposes this value in this slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Why {
    /// A client asked for it.
    Asked,
    /// A promise reported it: it may have been chosen.
    Reported,
    /// No promise reported anything for this slot, but for a later one.
    Gap,
}

/// How a node knows what is chosen in a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum How {
    /// It proposed the value, and a quorum has accepted it.
    Counted,
    /// It has accepted the value from the leader that says so.
    LeaderSaid,
    /// It asked, and was told the value.
    CaughtUp,
}

/// Why a leader stops leading.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reason {
    /// Somebody obeys a higher ballot.
    Outbid(Ballot),
    /// It hears no quorum.
    Lonely,
}

/// An announcement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// The node starts a ballot of its own.
    Campaigned {
        /// The ballot.
        ballot: Ballot,
        /// Its first open slot.
        first: Slot,
    },
    /// The node promises to accept nothing below this ballot.
    Promised {
        /// The ballot.
        ballot: Ballot,
    },
    /// The node leaves a ballot alone, because it hears a live leader.
    Ignored {
        /// The ballot.
        ballot: Ballot,
    },
    /// A candidate cannot count a promise yet: it says nothing of slots that are open here.
    SetAside {
        /// The candidate's ballot.
        ballot: Ballot,
        /// Whose promise it is.
        from: NodeId,
        /// The first slot that the promise says something of.
        covers: Slot,
    },
    /// A quorum has promised: the node leads.
    Elected {
        /// Its ballot.
        ballot: Ballot,
        /// Who has promised.
        voters: NodeSet,
        /// The first open slot.
        first: Slot,
        /// The last slot for which anything was reported; before `first` if nothing was.
        last: Slot,
    },
    /// The leader stops leading.
    SteppedDown {
        /// Its ballot.
        ballot: Ballot,
        /// Why.
        reason: Reason,
    },
    /// A leader proposes, and accepts the value itself.
    Proposed {
        /// Its ballot.
        ballot: Ballot,
        /// Where.
        slot: Slot,
        /// What.
        value: Value,
        /// Why that.
        why: Why,
    },
    /// The node accepts another's proposal.
    Accepted {
        /// The leader's ballot.
        ballot: Ballot,
        /// Where.
        slot: Slot,
        /// What.
        value: Value,
    },
    /// The node knows what is chosen.
    Learned {
        /// Where.
        slot: Slot,
        /// What.
        value: Value,
        /// How it knows.
        how: How,
    },
    /// The node has a snapshot of its own.
    SnapshotTaken {
        /// The last slot that it covers.
        last: Slot,
    },
    /// What a snapshot covers is gone from the disk; for whoever is a little behind, the end of it stays in memory.
    Trimmed {
        /// The last slot that is gone from there too.
        last: Slot,
    },
    /// The node begins to receive a snapshot.
    Receiving {
        /// The last slot that it covers.
        last: Slot,
    },
    /// The node takes over a snapshot that it was sent.
    Installed {
        /// The last slot that it covers.
        last: Slot,
    },
}

impl Kinded for Event {
    const KINDS: &'static [&'static str] = &[
        "campaigned",
        "promised",
        "ignored",
        "set-aside",
        "elected",
        "stepped-down",
        "proposed",
        "accepted",
        "learned",
        "snapshot-taken",
        "trimmed",
        "receiving",
        "installed",
    ];

    #[inline]
    fn kind(&self) -> usize {
        match self {
            Event::Campaigned { .. } => 0,
            Event::Promised { .. } => 1,
            Event::Ignored { .. } => 2,
            Event::SetAside { .. } => 3,
            Event::Elected { .. } => 4,
            Event::SteppedDown { .. } => 5,
            Event::Proposed { .. } => 6,
            Event::Accepted { .. } => 7,
            Event::Learned { .. } => 8,
            Event::SnapshotTaken { .. } => 9,
            Event::Trimmed { .. } => 10,
            Event::Receiving { .. } => 11,
            Event::Installed { .. } => 12,
        }
    }
}

impl Announcement for Event {
    const FIELDS: &'static [&'static [&'static str]] = &[
        &["round", "first"],
        &["round", "candidate"],
        &["round", "candidate"],
        &["round", "covers"],
        &["round", "first", "last"],
        &["round"],
        &["round", "slot"],
        &["round", "slot"],
        &["slot"],
        &["last"],
        &["last"],
        &["last"],
        &["last"],
    ];

    fn field(&self, position: usize) -> u64 {
        // A node is numbered as it is printed: from 1.
        let number = |ballot: Ballot| u64::from(ballot.node.0) + 1;
        let fields = match *self {
            Event::Campaigned { ballot, first } => [ballot.round, first.0, 0],
            Event::Promised { ballot } | Event::Ignored { ballot } => [ballot.round, number(ballot), 0],
            Event::SetAside { ballot, covers, .. } => [ballot.round, covers.0, 0],
            Event::Elected { ballot, first, last, .. } => [ballot.round, first.0, last.0],
            Event::SteppedDown { ballot, .. } => [ballot.round, 0, 0],
            Event::Proposed { ballot, slot, .. } | Event::Accepted { ballot, slot, .. } => {
                [ballot.round, slot.0, 0]
            }
            Event::Learned { slot, .. } => [slot.0, 0, 0],
            Event::SnapshotTaken { last }
            | Event::Trimmed { last }
            | Event::Receiving { last }
            | Event::Installed { last } => [last.0, 0, 0],
        };
        fields[position]
    }

    fn is_milestone(&self) -> bool {
        match self {
            // Copies are the daily business of a log. What tells a story is where a value comes from.
            Event::Accepted { .. } | Event::SnapshotTaken { .. } | Event::Receiving { .. } => false,
            Event::Learned { how, .. } => *how == How::Counted,
            Event::Campaigned { .. }
            | Event::Promised { .. }
            | Event::Ignored { .. }
            | Event::SetAside { .. }
            | Event::Elected { .. }
            | Event::SteppedDown { .. }
            | Event::Proposed { .. }
            | Event::Trimmed { .. }
            | Event::Installed { .. } => true,
        }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Event::Campaigned { ballot, first } => {
                write!(f, "tries to lead in ballot {ballot}, from slot {first} on")
            }
            Event::Promised { ballot } => write!(f, "promises {} ballot {ballot}", ballot.node),
            Event::Ignored { ballot } => write!(f, "ignores ballot {ballot}: it hears a live leader"),
            Event::SetAside { ballot, from, covers } => write!(
                f,
                "cannot count {from}'s promise of {ballot} yet: it says nothing of slots before {covers}"
            ),
            Event::Elected { ballot, voters, first, last } if last < first => {
                write!(f, "leads in ballot {ballot} by promises of {voters}; nothing is open")
            }
            Event::Elected { ballot, voters, first, last } => {
                write!(
                    f,
                    "leads in ballot {ballot} by promises of {voters}; slots {first} to {last} are open"
                )
            }
            Event::SteppedDown { ballot, reason: Reason::Outbid(by) } => {
                write!(f, "stops leading in ballot {ballot}: somebody obeys {by}")
            }
            Event::SteppedDown { ballot, reason: Reason::Lonely } => {
                write!(f, "stops leading in ballot {ballot}: it hears no quorum")
            }
            Event::Proposed { ballot, slot, value, why } => {
                let why = match why {
                    Why::Asked => "",
                    Why::Reported => ", as a promise reports it",
                    Why::Gap => ", since no promise reports anything there",
                };
                write!(f, "proposes {value} at {slot} in ballot {ballot}{why}")
            }
            Event::Accepted { ballot, slot, value } => {
                write!(f, "accepts {value} at {slot} from {}, leader in ballot {ballot}", ballot.node)
            }
            Event::Learned { slot, value, how } => {
                let how = match how {
                    How::Counted => "a quorum has accepted it",
                    How::LeaderSaid => "the leader says so",
                    How::CaughtUp => "it asked",
                };
                write!(f, "learns that {value} is chosen at {slot}: {how}")
            }
            Event::SnapshotTaken { last } => write!(f, "takes a snapshot of everything up to slot {last}"),
            Event::Trimmed { last } => write!(f, "drops slots up to {last}: a snapshot covers them"),
            Event::Receiving { last } => write!(f, "begins to receive a snapshot up to slot {last}"),
            Event::Installed { last } => write!(f, "takes over a snapshot up to slot {last}"),
        }
    }
}

impl Fingerprint for Reason {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Reason::Outbid(ballot) => ballot.fingerprint(into),
            Reason::Lonely => into.mark(1),
        }
    }
}

impl Fingerprint for Event {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        match self {
            Event::Campaigned { ballot, first } => {
                ballot.fingerprint(into);
                first.fingerprint(into);
            }
            Event::Promised { ballot } | Event::Ignored { ballot } => ballot.fingerprint(into),
            Event::SetAside { ballot, from, covers } => {
                ballot.fingerprint(into);
                into.pair(u64::from(from.0), covers.0);
            }
            Event::Elected { ballot, voters, first, last } => {
                ballot.fingerprint(into);
                voters.fingerprint(into);
                into.pair(first.0, last.0);
            }
            Event::SteppedDown { ballot, reason } => {
                ballot.fingerprint(into);
                reason.fingerprint(into);
            }
            Event::Proposed { ballot, slot, value, why } => {
                into.mark(*why as u64);
                ballot.fingerprint(into);
                slot.fingerprint(into);
                value.fingerprint(into);
            }
            Event::Accepted { ballot, slot, value } => {
                ballot.fingerprint(into);
                slot.fingerprint(into);
                value.fingerprint(into);
            }
            Event::Learned { slot, value, how } => {
                into.mark(*how as u64);
                slot.fingerprint(into);
                value.fingerprint(into);
            }
            Event::SnapshotTaken { last }
            | Event::Trimmed { last }
            | Event::Receiving { last }
            | Event::Installed { last } => last.fingerprint(into),
        }
    }
}
