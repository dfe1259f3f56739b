//! What nodes send each other: the crate's messages as they are, and two of the adapter's own.

use std::fmt::{self, Display};

use protobuf::Message as _;
use quarrel_protocol::{Fingerprint, Fingerprinter, Kinded};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::raft::eraftpb::{self, Entry, EntryType, MessageType};
use super::{node_of, wire};

/// A message.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// One of the crate's. In a box, because what is under way is moved from hand to hand.
    Raft(Box<eraftpb::Message>),
    /// To oneself: the writes of this `Ready`, and of those before it, are on disk.
    Persisted {
        /// The number of the `Ready`.
        number: u64,
    },
    /// To oneself: what the node had applied when it took this snapshot is known by now.
    SnapshotTaken {
        /// The last position that the snapshot covers.
        index: u64,
    },
    /// The transport's answer to the crate's snapshot message: it has arrived.
    SnapshotReceived {
        /// The last position that the snapshot covers.
        index: u64,
    },
}

/// The crate never compares what it cannot: its messages hold no floats.
impl Eq for Message {}

impl Kinded for Message {
    const KINDS: &'static [&'static str] = &[
        "propose",
        "append",
        "append-response",
        "request-vote",
        "request-vote-response",
        "snapshot",
        "heartbeat",
        "heartbeat-response",
        "transfer-leader",
        "timeout-now",
        "read-index",
        "read-index-response",
        "request-pre-vote",
        "request-pre-vote-response",
        "persisted",
        "snapshot-received",
        "snapshot-taken",
        "local",
    ];

    #[inline]
    fn kind(&self) -> usize {
        match self {
            Message::Raft(message) => match message.get_msg_type() {
                MessageType::MsgPropose => 0,
                MessageType::MsgAppend => 1,
                MessageType::MsgAppendResponse => 2,
                MessageType::MsgRequestVote => 3,
                MessageType::MsgRequestVoteResponse => 4,
                MessageType::MsgSnapshot => 5,
                MessageType::MsgHeartbeat => 6,
                MessageType::MsgHeartbeatResponse => 7,
                MessageType::MsgTransferLeader => 8,
                MessageType::MsgTimeoutNow => 9,
                MessageType::MsgReadIndex => 10,
                MessageType::MsgReadIndexResp => 11,
                MessageType::MsgRequestPreVote => 12,
                MessageType::MsgRequestPreVoteResponse => 13,
                // These are steps of a node within itself; none is ever sent.
                MessageType::MsgHup
                | MessageType::MsgBeat
                | MessageType::MsgUnreachable
                | MessageType::MsgSnapStatus
                | MessageType::MsgCheckQuorum => 17,
            },
            Message::Persisted { .. } => 14,
            Message::SnapshotReceived { .. } => 15,
            Message::SnapshotTaken { .. } => 16,
        }
    }
}

/// Bytes of a message of our own.
const OWN_BYTES: usize = 16;

impl quarrel_protocol::Message for Message {
    fn size(&self) -> usize {
        match self {
            Message::Raft(message) => message.compute_size() as usize,
            Message::Persisted { .. } | Message::SnapshotTaken { .. } | Message::SnapshotReceived { .. } => {
                OWN_BYTES
            }
        }
    }
}

impl Fingerprint for Message {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        match self {
            Message::Raft(message) => print_message(message, into),
            Message::Persisted { number } => number.fingerprint(into),
            Message::SnapshotTaken { index } | Message::SnapshotReceived { index } => index.fingerprint(into),
        }
    }
}

#[inline]
fn print_message(message: &eraftpb::Message, into: &mut Fingerprinter) {
    into.pair(message.term, message.log_term);
    into.pair(message.index, message.commit);
    into.mark(u64::from(message.reject) | message.from << 1 | message.to << 16);
    // Most messages have none of these, and a mark is cheaper than a word.
    let rare = message.commit_term | message.reject_hint | message.request_snapshot;
    into.mark(u64::from(rare != 0));
    if rare != 0 {
        into.pair(message.commit_term, message.reject_hint);
        into.word(message.request_snapshot);
    }
    wire::print_bytes(&message.context, into);
    into.mark(message.get_entries().len() as u64);
    message.get_entries().iter().for_each(|entry| wire::print_entry(entry, into));
    if message.has_snapshot() {
        let snapshot = message.get_snapshot();
        into.pair(snapshot.get_metadata().index, snapshot.get_metadata().term);
        wire::print_bytes(&snapshot.data, into);
    }
}

/// A line shows so many entries; of more it shows the first and the last.
const ENTRIES_SHOWN: usize = 3;

/// An entry, in the words of a log.
pub(super) struct Shown<'a>(pub(super) &'a Entry);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.0;
        write!(f, "{}@{} ", entry.index, entry.term)?;
        match entry.get_entry_type() {
            EntryType::EntryNormal if entry.data.is_empty() => f.write_str("no-op"),
            EntryType::EntryNormal => match wire::decode(&entry.data) {
                Some(command) => command.fmt(f),
                None => f.write_str("garbage"),
            },
            EntryType::EntryConfChangeV2 if entry.data.is_empty() => f.write_str("leave joint configuration"),
            EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => f.write_str("change of members"),
        }
    }
}

struct Peer(u64);

impl Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match node_of(self.0) {
            Some(node) => node.fmt(f),
            None => f.write_str("nobody"),
        }
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Raft(message) => show_message(message, f),
            Message::Persisted { number } => write!(f, "Ready {number} is on disk"),
            Message::SnapshotTaken { index } => write!(f, "the snapshot up to {index} can be kept"),
            Message::SnapshotReceived { index } => write!(f, "the snapshot up to {index} has come"),
        }
    }
}

fn show_message(message: &eraftpb::Message, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let eraftpb::Message { term, index, log_term, commit, reject, reject_hint, .. } = message;
    let kind = message.get_msg_type();
    match kind {
        MessageType::MsgAppend => {
            write!(f, "Append term {term}, after {index}@{log_term}, [")?;
            show_entries(message.get_entries(), f)?;
            write!(f, "], commit {commit}")
        }
        MessageType::MsgAppendResponse if *reject => {
            write!(f, "AppendResponse term {term}, refused at {index}: try {reject_hint}@{log_term}")?;
            if message.request_snapshot != 0 {
                write!(f, ", wants a snapshot of {}", message.request_snapshot)?;
            }
            Ok(())
        }
        MessageType::MsgAppendResponse => {
            write!(f, "AppendResponse term {term}, matched up to {index}, commit {commit}")
        }
        MessageType::MsgRequestVote | MessageType::MsgRequestPreVote => {
            let name = if kind == MessageType::MsgRequestVote { "RequestVote" } else { "RequestPreVote" };
            let transfer = if message.context.is_empty() { "" } else { ", on its leader's word" };
            write!(f, "{name} term {term}, log ends at {index}@{log_term}, commit {commit}{transfer}")
        }
        MessageType::MsgRequestVoteResponse | MessageType::MsgRequestPreVoteResponse => {
            let pre = if kind == MessageType::MsgRequestPreVoteResponse { "Pre" } else { "" };
            write!(f, "Request{pre}VoteResponse term {term}, {}", if *reject { "refused" } else { "granted" })
        }
        MessageType::MsgHeartbeat => {
            let read = if message.context.is_empty() { "" } else { ", for a read" };
            write!(f, "Heartbeat term {term}, commit {commit}{read}")
        }
        MessageType::MsgHeartbeatResponse => {
            let read = if message.context.is_empty() { "" } else { ", for a read" };
            write!(f, "HeartbeatResponse term {term}, commit {commit}{read}")
        }
        MessageType::MsgSnapshot => {
            let metadata = message.get_snapshot().get_metadata();
            write!(f, "Snapshot term {term}, up to {}@{}", metadata.index, metadata.term)
        }
        MessageType::MsgPropose => {
            f.write_str("Propose ")?;
            show_entries(message.get_entries(), f)
        }
        MessageType::MsgTransferLeader => write!(f, "TransferLeader to {}", Peer(message.from)),
        MessageType::MsgReadIndexResp => write!(f, "ReadIndexResponse term {term}, index {index}"),
        MessageType::MsgTimeoutNow => write!(f, "TimeoutNow term {term}"),
        MessageType::MsgReadIndex => f.write_str("ReadIndex"),
        MessageType::MsgHup
        | MessageType::MsgBeat
        | MessageType::MsgUnreachable
        | MessageType::MsgSnapStatus
        | MessageType::MsgCheckQuorum => write!(f, "{kind:?}"),
    }
}

fn show_entries(entries: &[Entry], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (position, entry) in entries.iter().enumerate() {
        let separator = if position == 0 { "" } else { ", " };
        if entries.len() <= ENTRIES_SHOWN || position == 0 || position == entries.len() - 1 {
            write!(f, "{separator}{}", Shown(entry))?;
        } else if position == 1 {
            f.write_str(", ...")?;
        }
    }
    Ok(())
}

/// In files: a word and what it says, the crate's own as protobuf in hexadecimal digits.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Written {
    Raft(String),
    Persisted(u64),
    SnapshotTaken(u64),
    SnapshotReceived(u64),
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Message::Raft(message) => Written::Raft(wire::to_hex(message.as_ref())),
            Message::Persisted { number } => Written::Persisted(*number),
            Message::SnapshotTaken { index } => Written::SnapshotTaken(*index),
            Message::SnapshotReceived { index } => Written::SnapshotReceived(*index),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Raft(text) => Message::Raft(Box::new(wire::from_hex(&text).map_err(D::Error::custom)?)),
            Written::Persisted(number) => Message::Persisted { number },
            Written::SnapshotTaken(index) => Message::SnapshotTaken { index },
            Written::SnapshotReceived(index) => Message::SnapshotReceived { index },
        })
    }
}
