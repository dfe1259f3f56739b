//! What nodes send each other. Phase 1 is about all open slots at once, phase 2 about one or several in a row (PMS 3).
//!
//! The sender is not in the message: the world names it, and it cannot be forged.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, Kinded, NodeId};
use quarrel_spec::image::bytes_fingerprint;
use serde::{Deserialize, Serialize};

use crate::value::{Held, Prefix, Value, Values};
use crate::{Ballot, Slot};

/// Phase 1 (a): a candidate asks for promises, and for what was accepted, in all slots from one on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Prepare {
    /// The candidate's ballot.
    pub ballot: Ballot,
    /// The first slot of which the candidate does not know what is chosen.
    pub first: Slot,
}

/// Phase 1 (b): the promise to accept nothing below the ballot, in any slot, and what was accepted before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Promise {
    /// The candidate's ballot.
    pub ballot: Ballot,
    /// `held` is complete from this slot on. Of earlier ones the sender says nothing: it knows what was chosen there,
    /// and may have no more than a snapshot of it.
    pub covers: Slot,
    /// Up to this slot, the sender knows what is chosen.
    pub chosen: Slot,
    /// What the sender has accepted, by slot.
    pub held: Vec<(Slot, Held)>,
}

/// A refusal, of a `Prepare`, an `Accept` or a heartbeat.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reject {
    /// The ballot that is refused.
    pub ballot: Ballot,
    /// The highest ballot that the sender obeys. It is lower than the refused one if the sender hears a live leader,
    /// and therefore takes no other.
    pub obeys: Option<Ballot>,
    /// Up to this slot, the sender knows what is chosen.
    pub chosen: Slot,
}

/// Phase 2 (a): a leader asks for values to be accepted in consecutive slots.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Accept {
    /// The leader's ballot.
    pub ballot: Ballot,
    /// The slot of the first value.
    pub first: Slot,
    /// The values.
    pub values: Values,
    /// Up to this slot, the leader knows what is chosen.
    pub chosen: Slot,
}

/// Phase 2 (b): the sender has accepted, in these slots, what the leader of the ballot proposed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Accepted {
    /// The leader's ballot.
    pub ballot: Ballot,
    /// The first of the slots.
    pub first: Slot,
    /// The last of them.
    pub last: Slot,
}

/// A leader is alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The leader's ballot.
    pub ballot: Ballot,
    /// Up to this slot, the leader knows what is chosen.
    pub chosen: Slot,
}

/// And is heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// The leader's ballot.
    pub ballot: Ballot,
}

/// A replica asks for what it has missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CatchUp {
    /// The first slot of which it does not know what is chosen.
    pub first: Slot,
    /// Of the snapshot that ends at this slot it has so many bytes.
    pub image: Option<(Slot, u32)>,
}

/// The answer to [`CatchUp`]: what is chosen in consecutive slots.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chosen {
    /// The slot of the first value.
    pub first: Slot,
    /// The values, as many as go into one message.
    pub values: Values,
    /// Up to this slot, the sender knows what is chosen.
    pub chosen: Slot,
}

/// The other answer, for slots that the sender holds in a snapshot only: a part of that.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotChunk {
    /// What the snapshot covers.
    pub prefix: Prefix,
    /// Where in the snapshot these bytes belong.
    pub offset: u32,
    /// How long the whole of it is.
    pub total: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Any message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Message {
    /// Phase 1 (a).
    Prepare(Prepare),
    /// Phase 1 (b).
    Promise(Promise),
    /// A refusal.
    Reject(Reject),
    /// Phase 2 (a).
    Accept(Accept),
    /// Phase 2 (b).
    Accepted(Accepted),
    /// A leader is alive.
    Heartbeat(Heartbeat),
    /// And is heard.
    HeartbeatReply(HeartbeatReply),
    /// A replica asks for what it has missed.
    CatchUp(CatchUp),
    /// Chosen values.
    Chosen(Chosen),
    /// A part of a snapshot.
    SnapshotChunk(SnapshotChunk),
    /// To oneself: the snapshot that ends here is on disk, so what it covers can go.
    SnapshotKept {
        /// The last slot that it covers.
        last: Slot,
    },
}

impl Message {
    /// Whether a node that follows the protocol, or one of its flaws, can have sent this in a cluster of `nodes`.
    pub(crate) fn is_possible(&self, from: NodeId, to: NodeId, nodes: u8) -> bool {
        let is_own = |ballot: Ballot| ballot.is_possible(nodes) && ballot.node == from;
        let is_receivers = |ballot: Ballot| ballot.is_possible(nodes) && ballot.node == to;
        let is_slot = |slot: Slot| Slot::ZERO < slot && slot <= Slot::LIMIT;
        let fits = |first: Slot, count: usize| is_slot(first) && count as u64 <= Slot::LIMIT.since(first);
        match self {
            Message::Prepare(it) => is_own(it.ballot) && is_slot(it.first) && from != to,
            Message::Promise(it) => {
                is_receivers(it.ballot)
                    && is_slot(it.covers)
                    && it.chosen <= Slot::LIMIT
                    && it.held.iter().all(|(slot, held)| {
                        is_slot(*slot) && held.ballot.is_none_or(|ballot| ballot.is_possible(nodes))
                    })
            }
            Message::Reject(it) => {
                is_receivers(it.ballot)
                    && it.obeys.is_none_or(|ballot| ballot.is_possible(nodes))
                    && it.chosen <= Slot::LIMIT
                    && from != to
            }
            Message::Accept(it) => {
                is_own(it.ballot)
                    && from != to
                    && fits(it.first, it.values.len())
                    && !it.values.is_empty()
                    && it.chosen <= Slot::LIMIT
            }
            Message::Accepted(it) => {
                is_receivers(it.ballot) && is_slot(it.first) && is_slot(it.last) && it.first <= it.last
            }
            Message::Heartbeat(it) => is_own(it.ballot) && it.chosen <= Slot::LIMIT && from != to,
            Message::HeartbeatReply(it) => is_receivers(it.ballot) && from != to,
            Message::CatchUp(it) => is_slot(it.first) && from != to,
            Message::Chosen(it) => fits(it.first, it.values.len()) && it.chosen <= Slot::LIMIT && from != to,
            Message::SnapshotChunk(it) => is_slot(it.prefix.last) && from != to,
            Message::SnapshotKept { last } => is_slot(*last) && from == to,
        }
    }
}

impl Kinded for Message {
    const KINDS: &'static [&'static str] = &[
        "prepare",
        "promise",
        "reject",
        "accept",
        "accepted",
        "heartbeat",
        "heartbeat-reply",
        "catch-up",
        "chosen",
        "snapshot-chunk",
        "snapshot-kept",
    ];

    #[inline]
    fn kind(&self) -> usize {
        match self {
            Message::Prepare(_) => 0,
            Message::Promise(_) => 1,
            Message::Reject(_) => 2,
            Message::Accept(_) => 3,
            Message::Accepted(_) => 4,
            Message::Heartbeat(_) => 5,
            Message::HeartbeatReply(_) => 6,
            Message::CatchUp(_) => 7,
            Message::Chosen(_) => 8,
            Message::SnapshotChunk(_) => 9,
            Message::SnapshotKept { .. } => 10,
        }
    }
}

/// Bytes of one number on the imagined wire, and of what comes before any message.
const WORD_BYTES: usize = 8;
const HEADER_BYTES: usize = 2 * WORD_BYTES;
/// A ballot: its round and its node in one word.
const BALLOT_BYTES: usize = WORD_BYTES;
/// A value: its session's client and serial in one word, the oldest serial in another; what is asked in two.
const VALUE_BYTES: usize = 4 * WORD_BYTES;

impl quarrel_protocol::Message for Message {
    fn size(&self) -> usize {
        HEADER_BYTES
            + match self {
                Message::Prepare(_) | Message::Heartbeat(_) => BALLOT_BYTES + WORD_BYTES,
                Message::Promise(it) => {
                    BALLOT_BYTES + 2 * WORD_BYTES + it.held.len() * (WORD_BYTES + BALLOT_BYTES + VALUE_BYTES)
                }
                Message::Reject(_) => 2 * BALLOT_BYTES + WORD_BYTES,
                Message::Accept(it) => BALLOT_BYTES + 2 * WORD_BYTES + it.values.len() * VALUE_BYTES,
                Message::Accepted(_) => BALLOT_BYTES + 2 * WORD_BYTES,
                Message::HeartbeatReply(_) => BALLOT_BYTES,
                Message::CatchUp(_) => 3 * WORD_BYTES,
                Message::Chosen(it) => 2 * WORD_BYTES + it.values.len() * VALUE_BYTES,
                Message::SnapshotChunk(it) => 3 * WORD_BYTES + it.bytes.len(),
                Message::SnapshotKept { .. } => WORD_BYTES,
            }
    }
}

/// A line shows so many values; of more it shows the first and the last.
const VALUES_SHOWN: usize = 3;

/// `[5: c1's op2: write v2, 6: no-op]`.
fn show_values(f: &mut fmt::Formatter<'_>, first: Slot, values: &[Value]) -> fmt::Result {
    let count = values.len();
    f.write_str("[")?;
    for (position, value) in values.iter().enumerate() {
        // A message may come from a file, with any number in it.
        let slot = first.0.saturating_add(position as u64);
        let separator = if position == 0 { "" } else { ", " };
        if count <= VALUES_SHOWN || position == 0 || position == count - 1 {
            write!(f, "{separator}{slot}: {value}")?;
        } else if position == 1 {
            write!(f, ", ...")?;
        }
    }
    f.write_str("]")
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Prepare(it) => write!(f, "Prepare {}, from slot {} on", it.ballot, it.first),
            Message::Promise(it) => show_promise(f, it),
            Message::Reject(Reject { ballot, obeys: Some(obeys), chosen }) => {
                write!(f, "Reject {ballot}, obeys {obeys}, chosen up to {chosen}")
            }
            Message::Reject(Reject { ballot, obeys: None, chosen }) => {
                write!(f, "Reject {ballot}, chosen up to {chosen}")
            }
            Message::Accept(it) => {
                write!(f, "Accept {}, ", it.ballot)?;
                show_values(f, it.first, &it.values)?;
                write!(f, ", chosen up to {}", it.chosen)
            }
            Message::Accepted(Accepted { ballot, first, last }) if first == last => {
                write!(f, "Accepted {ballot}, slot {first}")
            }
            Message::Accepted(it) => {
                write!(f, "Accepted {}, slots {} to {}", it.ballot, it.first, it.last)
            }
            Message::Heartbeat(it) => write!(f, "Heartbeat {}, chosen up to {}", it.ballot, it.chosen),
            Message::HeartbeatReply(it) => write!(f, "HeartbeatReply {}", it.ballot),
            Message::CatchUp(CatchUp { first, image: None }) => write!(f, "CatchUp from slot {first} on"),
            Message::CatchUp(CatchUp { first, image: Some((last, bytes)) }) => {
                write!(f, "CatchUp from slot {first} on, {bytes} bytes of the snapshot up to {last} are here")
            }
            Message::Chosen(it) => {
                f.write_str("Chosen ")?;
                show_values(f, it.first, &it.values)?;
                write!(f, ", up to {}", it.chosen)
            }
            Message::SnapshotChunk(it) => write!(
                f,
                "SnapshotChunk up to {}, {} bytes at {} of {}",
                it.prefix.last,
                it.bytes.len(),
                it.offset,
                it.total
            ),
            Message::SnapshotKept { last } => write!(f, "the snapshot up to {last} is on disk"),
        }
    }
}

fn show_promise(f: &mut fmt::Formatter<'_>, promise: &Promise) -> fmt::Result {
    let Promise { ballot, covers, chosen, held } = promise;
    write!(f, "Promise {ballot}, from slot {covers} on [")?;
    for (position, (slot, held)) in held.iter().enumerate() {
        let separator = if position == 0 { "" } else { ", " };
        if held_shown(position, promise.held.len()) {
            write!(f, "{separator}{slot}: {held}")?;
        } else if position == 1 {
            write!(f, ", ...")?;
        }
    }
    write!(f, "], chosen up to {chosen}")
}

const fn held_shown(position: usize, count: usize) -> bool {
    count <= VALUES_SHOWN || position == 0 || position == count - 1
}

impl Fingerprint for Message {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        match self {
            Message::Prepare(it) => {
                it.ballot.fingerprint(into);
                it.first.fingerprint(into);
            }
            Message::Promise(it) => {
                it.ballot.fingerprint(into);
                into.pair(it.covers.0, it.chosen.0);
                into.mark(it.held.len() as u64);
                for (slot, held) in &it.held {
                    slot.fingerprint(into);
                    held.fingerprint(into);
                }
            }
            Message::Reject(it) => {
                it.ballot.fingerprint(into);
                it.obeys.fingerprint(into);
                it.chosen.fingerprint(into);
            }
            Message::Accept(it) => {
                it.ballot.fingerprint(into);
                into.pair(it.first.0, it.chosen.0);
                it.values.fingerprint(into);
            }
            Message::Accepted(it) => {
                it.ballot.fingerprint(into);
                into.pair(it.first.0, it.last.0);
            }
            Message::Heartbeat(it) => {
                it.ballot.fingerprint(into);
                it.chosen.fingerprint(into);
            }
            Message::HeartbeatReply(it) => it.ballot.fingerprint(into),
            Message::CatchUp(it) => {
                it.first.fingerprint(into);
                let (last, bytes) = it.image.unwrap_or_default();
                into.pair(last.0, u64::from(bytes));
            }
            Message::Chosen(it) => {
                into.pair(it.first.0, it.chosen.0);
                it.values.fingerprint(into);
            }
            Message::SnapshotChunk(it) => {
                it.prefix.fingerprint(into);
                into.pair(u64::from(it.offset), u64::from(it.total));
                bytes_fingerprint(&it.bytes, into);
            }
            Message::SnapshotKept { last } => last.fingerprint(into),
        }
    }
}
