//! What nodes send each other: Figure 2's two remote calls, as four messages.
//!
//! The sender is not in the message: the world names it, and it cannot be forged.

mod words;

use std::ops::Deref;

use quarrel_protocol::{Fingerprint, Fingerprinter, Kinded};
use quarrel_spec::image::bytes_fingerprint;
use serde::{Deserialize, Serialize};

use crate::{Configuration, Entry, Index, Payload, Round, Term};

/// A candidate asks for a vote.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RequestVote {
    /// The candidate's term.
    pub term: Term,
    /// The end of the candidate's log.
    pub last_index: Index,
    /// The term of the entry there.
    pub last_term: Term,
    /// Whether the leader itself wants the candidate to win: who hears from it votes nevertheless (thesis, section 3.10).
    #[serde(default)]
    pub is_transfer: bool,
}

/// The answer to [`RequestVote`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RequestVoteResponse {
    /// The voter's term.
    pub term: Term,
    /// Whether the sender of the request has this node's vote in this term.
    pub granted: bool,
}

/// A node asks whether it could win an election; nothing changes by the question (thesis, section 9.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PreVote {
    /// The term in which it would campaign: the one after its own.
    pub term: Term,
    /// The end of its log.
    pub last_index: Index,
    /// The term of the entry there.
    pub last_term: Term,
}

/// The answer to [`PreVote`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PreVoteResponse {
    /// The term that was asked about, if this node would vote; else this node's own.
    pub term: Term,
    /// Whether it would vote.
    pub granted: bool,
}

/// A leader sends entries, or none: then it is a heartbeat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AppendEntries {
    /// The leader's term.
    pub term: Term,
    /// The position that the entries follow.
    pub previous_index: Index,
    /// The term of the leader's entry there.
    pub previous_term: Term,
    /// The entries, for the positions after `previous_index`.
    pub entries: Entries,
    /// How far the leader has committed.
    pub commit: Index,
    /// The latest round of heartbeats, where reads need to know (thesis, section 6.4).
    #[serde(default)]
    pub round: Round,
}

/// The entries of one message. Most messages carry one or none, and then need no memory of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<Entry>", into = "Vec<Entry>")]
pub enum Entries {
    /// One or none.
    Few(Option<Entry>),
    /// Any number.
    Many(Vec<Entry>),
}

impl Deref for Entries {
    type Target = [Entry];

    #[inline]
    fn deref(&self) -> &[Entry] {
        match self {
            Entries::Few(entry) => entry.as_slice(),
            Entries::Many(entries) => entries,
        }
    }
}

impl From<&[Entry]> for Entries {
    #[inline]
    fn from(entries: &[Entry]) -> Self {
        match entries {
            [] => Entries::Few(None),
            &[entry] => Entries::Few(Some(entry)),
            many => Entries::Many(many.to_vec()),
        }
    }
}

impl From<Vec<Entry>> for Entries {
    fn from(entries: Vec<Entry>) -> Self {
        entries.as_slice().into()
    }
}

impl From<Entries> for Vec<Entry> {
    fn from(entries: Entries) -> Self {
        entries.to_vec()
    }
}

impl FromIterator<Entry> for Entries {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        Vec::from_iter(entries).into()
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Entries {}

impl Fingerprint for Entries {
    #[inline(always)]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.len() as u64);
        match self {
            Entries::Few(None) => {}
            Entries::Few(Some(entry)) => entry.fingerprint(into),
            Entries::Many(entries) => fingerprint_of_many(entries, into),
        }
    }
}

#[inline(never)]
fn fingerprint_of_many(entries: &[Entry], into: &mut Fingerprinter) {
    entries.iter().for_each(|entry| entry.fingerprint(into));
}

impl AppendEntries {
    /// Whether a node that follows the protocol, or one of its flaws, can have sent this: terms never fall along a
    /// log, none is above the leader's, the position before the first has term 0, and only nodes that there are decide.
    #[inline(always)]
    pub(crate) fn is_well_formed(&self, nodes: u8) -> bool {
        let mut latest = self.previous_term;
        for Entry { term, payload } in self.entries.iter() {
            let is_possible = match payload {
                Payload::NoOp | Payload::Command(_) => true,
                Payload::Configuration(configuration) => configuration.is_well_formed(nodes),
            };
            if *term < latest || *term == Term(0) || !is_possible {
                return false;
            }
            latest = *term;
        }
        latest <= self.term && (self.previous_index == Index::ZERO) == (self.previous_term == Term(0))
    }
}

/// The answer to [`AppendEntries`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AppendEntriesResponse {
    /// The follower's term.
    pub term: Term,
    /// What became of the entries.
    pub outcome: Outcome,
    /// The round that is answered.
    #[serde(default)]
    pub round: Round,
}

/// A leader hands leadership over: the receiver campaigns without waiting (thesis, section 3.10).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TimeoutNow {
    /// The leader's term.
    pub term: Term,
}

/// What became of the entries of an [`AppendEntries`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// The logs agree up to here; it is on the follower's disk.
    Matched {
        /// The last position that the message covered.
        index: Index,
    },
    /// The follower's log does not hold the entry that these should follow.
    Conflict {
        /// The position that the message followed.
        previous: Index,
        /// The term of the follower's entry there; nothing if its log ends before.
        term: Option<Term>,
        /// The first position of that term in the follower's log, or the one after its end.
        first: Index,
    },
    /// The message's term is over.
    Stale,
}

/// A leader sends a part of its snapshot (Figure 5.3 of the thesis).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstallSnapshot {
    /// The leader's term.
    pub term: Term,
    /// The last position that the snapshot covers.
    pub index: Index,
    /// The term of the entry there.
    pub last_term: Term,
    /// The latest configuration up to there.
    pub configuration: Configuration,
    /// Where these bytes belong in the snapshot.
    pub offset: u64,
    /// The bytes.
    pub data: Vec<u8>,
    /// Whether they are the last.
    pub done: bool,
}

impl InstallSnapshot {
    /// Whether a node that follows the protocol can have sent this: a snapshot covers something, and ends in a term that
    /// is not after the leader's.
    pub(crate) fn is_well_formed(&self, nodes: u8) -> bool {
        (Index(1)..=Index::LIMIT).contains(&self.index)
            && (Term(1)..=self.term).contains(&self.last_term)
            && self.configuration.is_well_formed(nodes)
    }
}

/// The answer to an [`InstallSnapshot`] that was not the last. The last is answered like entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstallSnapshotResponse {
    /// The follower's term.
    pub term: Term,
    /// The last position that the snapshot covers.
    pub index: Index,
    /// The offset of the bytes that this is an answer to.
    pub offset: u64,
    /// How many bytes of the snapshot the follower has.
    pub received: u64,
}

/// Any message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Message {
    /// A candidate asks for a vote.
    RequestVote(RequestVote),
    /// A node answers a candidate.
    RequestVoteResponse(RequestVoteResponse),
    /// A leader sends entries or a heartbeat.
    AppendEntries(AppendEntries),
    /// A follower answers a leader.
    AppendEntriesResponse(AppendEntriesResponse),
    /// A node asks whether it could win an election.
    PreVote(PreVote),
    /// A node says whether it would vote.
    PreVoteResponse(PreVoteResponse),
    /// A leader sends a part of its snapshot. In a box, because it is rare, and messages are moved.
    InstallSnapshot(Box<InstallSnapshot>),
    /// A follower says how much of a snapshot it has.
    InstallSnapshotResponse(InstallSnapshotResponse),
    /// A leader hands leadership over.
    TimeoutNow(TimeoutNow),
}

impl Message {
    /// The sender's term; of a [`PreVote`] and of its success, the term that it would be about.
    #[must_use]
    pub const fn term(&self) -> Term {
        match self {
            Message::RequestVote(message) => message.term,
            Message::RequestVoteResponse(message) => message.term,
            Message::AppendEntries(message) => message.term,
            Message::AppendEntriesResponse(message) => message.term,
            Message::PreVote(message) => message.term,
            Message::PreVoteResponse(message) => message.term,
            Message::InstallSnapshot(message) => message.term,
            Message::InstallSnapshotResponse(message) => message.term,
            Message::TimeoutNow(message) => message.term,
        }
    }
}

impl Kinded for Message {
    const KINDS: &'static [&'static str] = &[
        "request-vote",
        "request-vote-response",
        "append-entries",
        "append-entries-response",
        "pre-vote",
        "pre-vote-response",
        "install-snapshot",
        "install-snapshot-response",
        "timeout-now",
    ];

    #[inline]
    fn kind(&self) -> usize {
        match self {
            Message::RequestVote(_) => 0,
            Message::RequestVoteResponse(_) => 1,
            Message::AppendEntries(_) => 2,
            Message::AppendEntriesResponse(_) => 3,
            Message::PreVote(_) => 4,
            Message::PreVoteResponse(_) => 5,
            Message::InstallSnapshot(_) => 6,
            Message::InstallSnapshotResponse(_) => 7,
            Message::TimeoutNow(_) => 8,
        }
    }
}

/// Bytes of one number on the imagined wire, and of what comes before any message.
const WORD_BYTES: usize = 8;
const HEADER_BYTES: usize = 2 * WORD_BYTES;
/// An entry: its term; its session's client and serial in one word, the oldest serial in another; what is asked.
const ENTRY_BYTES: usize = 5 * WORD_BYTES;

impl quarrel_protocol::Message for Message {
    fn size(&self) -> usize {
        HEADER_BYTES
            + match self {
                Message::RequestVote(_) | Message::PreVote(_) => 3 * WORD_BYTES,
                Message::RequestVoteResponse(_) | Message::PreVoteResponse(_) => 2 * WORD_BYTES,
                Message::TimeoutNow(_) => WORD_BYTES,
                Message::AppendEntries(message) => 4 * WORD_BYTES + message.entries.len() * ENTRY_BYTES,
                Message::AppendEntriesResponse(_) | Message::InstallSnapshotResponse(_) => 4 * WORD_BYTES,
                Message::InstallSnapshot(message) => 8 * WORD_BYTES + message.data.len(),
            }
    }
}

impl Fingerprint for Outcome {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Outcome::Matched { index } => {
                into.mark(0);
                index.fingerprint(into);
            }
            Outcome::Conflict { previous, term, first } => {
                into.mark(1);
                into.pair(previous.0, first.0);
                term.fingerprint(into);
            }
            Outcome::Stale => into.mark(2),
        }
    }
}

impl Fingerprint for Message {
    #[inline(always)]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        match self {
            Message::RequestVote(message) => {
                message.term.fingerprint(into);
                into.pair(message.last_index.0, message.last_term.0);
                if message.is_transfer {
                    into.mark(1);
                }
            }
            Message::RequestVoteResponse(message) => into.pair(message.term.0, u64::from(message.granted)),
            Message::AppendEntries(message) => {
                into.pair(message.term.0, message.commit.0);
                into.pair(message.previous_index.0, message.previous_term.0);
                message.entries.fingerprint(into);
                message.round.fingerprint(into);
            }
            Message::AppendEntriesResponse(message) => {
                message.term.fingerprint(into);
                message.outcome.fingerprint(into);
                message.round.fingerprint(into);
            }
            Message::PreVote(message) => {
                message.term.fingerprint(into);
                into.pair(message.last_index.0, message.last_term.0);
            }
            Message::PreVoteResponse(message) => into.pair(message.term.0, u64::from(message.granted)),
            Message::InstallSnapshot(message) => {
                message.term.fingerprint(into);
                into.pair(message.index.0, message.last_term.0);
                message.configuration.fingerprint(into);
                into.pair(message.offset, u64::from(message.done));
                bytes_fingerprint(&message.data, into);
            }
            Message::InstallSnapshotResponse(message) => {
                into.pair(message.term.0, message.index.0);
                into.pair(message.offset, message.received);
            }
            Message::TimeoutNow(message) => message.term.fingerprint(into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::write;

    fn append(entries: &[(u64, Option<u64>)]) -> AppendEntries {
        let entry = |&(term, command): &(u64, Option<u64>)| {
            command.map_or(Entry::no_op(Term(term)), |value| Entry::of(Term(term), write(value)))
        };
        AppendEntries {
            term: Term(3),
            previous_index: Index(4),
            previous_term: Term(2),
            entries: entries.iter().map(entry).collect(),
            commit: Index(4),
            round: Round::NONE,
        }
    }

    #[test]
    fn a_message_is_one_line_that_a_person_reads() {
        let check =
            |entries: &[(u64, Option<u64>)], line: &str| assert_eq!(append(entries).to_string(), line);
        check(&[], "AppendEntries term 3, after 4@2, [], commit 4");
        check(&[(3, Some(17))], "AppendEntries term 3, after 4@2, [5@3 c1's op17: write v17], commit 4");
        check(
            &[(2, None), (3, Some(8))],
            "AppendEntries term 3, after 4@2, [5@2 no-op, 6@3 c1's op8: write v8], commit 4",
        );
        check(
            &[(3, Some(1)), (3, Some(2)), (3, Some(3)), (3, Some(4)), (3, Some(5))],
            "AppendEntries term 3, after 4@2, [5@3 c1's op1: write v1, ..., 9@3 c1's op5: write v5], commit 4",
        );
    }

    #[test]
    fn nonsense_is_recognised() {
        assert!(append(&[(2, None), (3, None)]).is_well_formed(5));
        assert!(!append(&[(3, None), (2, None)]).is_well_formed(5), "a falling term");
        assert!(!append(&[(4, None)]).is_well_formed(5), "a term above the leader's");
        assert!(!append(&[(1, None)]).is_well_formed(5), "a term below that of the entry before");
        assert!(!AppendEntries { previous_index: Index::ZERO, ..append(&[]) }.is_well_formed(5));
        assert!(!AppendEntries { previous_term: Term(0), ..append(&[]) }.is_well_formed(5));
    }
}
