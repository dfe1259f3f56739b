//! The disk: what is written there, as records of the contract.

use std::fmt::{self, Display};
use std::ops::Deref;
use std::sync::Arc;

use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::session::Replica;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::message::Shown;
use super::raft::eraftpb::{ConfState, Entry, HardState};
use super::wire;

/// Entries of the crate as they are written: what a record keeps and what the log in memory holds is one and the same.
#[derive(Clone, PartialEq, Debug)]
pub struct Kept(Option<Arc<[Entry]>>);

/// The crate never compares what it cannot: its entries hold no floats.
impl Eq for Kept {}

impl From<Vec<Entry>> for Kept {
    fn from(entries: Vec<Entry>) -> Self {
        Self((!entries.is_empty()).then(|| Arc::from(entries)))
    }
}

impl Deref for Kept {
    type Target = [Entry];

    #[inline]
    fn deref(&self) -> &[Entry] {
        self.0.as_ref().map_or(&[], |entries| entries)
    }
}

impl Serialize for Kept {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(wire::to_hex))
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let entries: std::result::Result<Vec<Entry>, String> =
            texts.iter().map(|text| wire::from_hex(text)).collect();
        entries.map(Kept::from).map_err(D::Error::custom)
    }
}

/// The crate's `HardState`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Hard {
    /// The current term.
    pub term: u64,
    /// Whom the node has voted for in it, as the crate numbers peers; 0 is nobody.
    pub vote: u64,
    /// The last position known to be committed.
    pub commit: u64,
}

impl From<&HardState> for Hard {
    fn from(state: &HardState) -> Self {
        Self { term: state.term, vote: state.vote, commit: state.commit }
    }
}

/// Who is a member: the crate's `ConfState`, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Members {
    /// Who votes.
    pub voters: Vec<u64>,
    /// Who voted before, while the configuration is joint.
    pub outgoing: Vec<u64>,
    /// Who learns.
    pub learners: Vec<u64>,
    /// Who will learn once the joint configuration is left.
    pub learners_next: Vec<u64>,
    /// Whether a joint configuration is left by itself.
    pub auto_leave: bool,
}

impl Members {
    pub(super) fn of(state: &ConfState) -> Self {
        let sorted = |ids: &[u64]| {
            let mut ids = ids.to_vec();
            ids.sort_unstable();
            ids
        };
        Self {
            voters: sorted(state.get_voters()),
            outgoing: sorted(state.get_voters_outgoing()),
            learners: sorted(state.get_learners()),
            learners_next: sorted(state.get_learners_next()),
            auto_leave: state.auto_leave,
        }
    }

    pub(super) fn to_conf_state(&self) -> ConfState {
        let mut state = ConfState::default();
        state.set_voters(self.voters.clone());
        state.set_voters_outgoing(self.outgoing.clone());
        state.set_learners(self.learners.clone());
        state.set_learners_next(self.learners_next.clone());
        state.auto_leave = self.auto_leave;
        state
    }
}

/// A snapshot: all that the log up to `index` has led to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Image {
    /// The last position that it covers; 0 for a node that knows nothing yet.
    pub index: u64,
    /// The term of the entry there.
    pub term: u64,
    /// The members then.
    pub members: Members,
    /// The state machine behind its sessions.
    pub replica: Replica,
}

/// One durable fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Record {
    /// The node has been started so many times: contexts of reads are never used again.
    Started(u32),
    /// A hard state by itself.
    Hard(Hard),
    /// What a `Ready` wants on disk, or a part of it. The first entry replaces whatever stood there and after it.
    Write {
        /// Entries.
        entries: Kept,
        /// The hard state.
        hard: Option<Hard>,
    },
    /// A snapshot, and nothing of the log but what the next record says.
    Snapshot {
        /// The snapshot. In a box, because it is rare and long, and records are moved.
        image: Box<Image>,
        /// The log goes on after this position, whose entry was of this term.
        before: (u64, u64),
    },
}

impl Display for Hard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "term {}, vote {}, commit {}", self.term, self.vote, self.commit)
    }
}

impl Fingerprint for Hard {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.term, self.vote);
        into.word(self.commit);
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Started(times) => write!(f, "start {times}"),
            Record::Snapshot { image, .. } => write!(f, "snapshot up to {}@{}", image.index, image.term),
            Record::Hard(hard) => hard.fmt(f),
            Record::Write { entries, hard } => {
                for (position, entry) in entries.iter().enumerate() {
                    write!(f, "{}{}", if position == 0 { "" } else { ", " }, Shown(entry))?;
                }
                let Some(hard) = hard else { return Ok(()) };
                write!(f, "{}{hard}", if entries.is_empty() { "" } else { "; " })
            }
        }
    }
}

impl Fingerprint for Record {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Record::Started(times) => {
                into.mark(1);
                times.fingerprint(into);
            }
            Record::Hard(hard) => {
                into.mark(3);
                hard.fingerprint(into);
            }
            Record::Snapshot { image, before } => {
                into.mark(2);
                into.pair(image.index, image.term);
                into.pair(before.0, before.1);
                into.word(image.replica.digest());
            }
            Record::Write { entries, hard } => {
                into.mark(3 + entries.len() as u64);
                entries.iter().for_each(|entry| wire::print_entry(entry, into));
                hard.iter().for_each(|hard| hard.fingerprint(into));
            }
        }
    }
}
