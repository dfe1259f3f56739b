//! What nodes send each other: the crate's messages in types of our own, with the connection that they travel on.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, Kinded};
use quarrel_spec::session::Command;
use serde::{Deserialize, Serialize};

use super::entry::Contents;
use super::round::{Round, Stop};

/// A message of the crate, from one configuration's instance to another's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// The configuration.
    pub configuration: u32,
    /// Where it stands in its connection.
    pub stamp: Stamp,
    /// What it says.
    pub body: Body,
}

/// Where a message stands in its connection. All zero on bare links, which have no connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// The connection: higher ones are later.
    pub connection: u64,
    /// Its number in it, from 1.
    pub number: u64,
}

/// The crate's sequence number: which session between a leader and a follower, and which message of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sequence {
    /// The session.
    pub session: u64,
    /// The message.
    pub counter: u64,
}

/// What a node's log lacks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sync {
    /// A snapshot of what is decided.
    pub snapshot: Option<Sent>,
    /// Entries.
    pub suffix: Vec<Command>,
    /// Where they belong.
    pub index: u64,
    /// The stop sign behind them.
    pub stop: Option<Stop>,
}

/// A snapshot in a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Sent {
    /// Everything decided.
    Complete(Contents),
    /// What the receiver lacks of it.
    Delta(Contents),
}

/// What a message says, by the crate's names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Body {
    /// Leader election: who is there?
    HeartbeatRequest {
        /// The sender's heartbeat round.
        beat: u32,
    },
    /// Leader election: I am.
    HeartbeatReply {
        /// The asker's heartbeat round.
        beat: u32,
        /// The sender's own ballot.
        ballot: Round,
        /// Whom it follows.
        leader: Round,
        /// Whether it is content with that.
        happy: bool,
    },
    /// Prepare me again.
    PrepareRequest {
        /// What the sender has promised.
        round: Round,
    },
    /// A new leader asks for promises.
    Prepare {
        /// Its round.
        round: Round,
        /// How much it has decided.
        decided: u64,
        /// In which round it accepted last.
        accepted_round: Round,
        /// How much it has accepted.
        accepted: u64,
    },
    /// A promise.
    Promise {
        /// Of this round.
        round: Round,
        /// In which round the sender accepted last.
        accepted_round: Round,
        /// How much it has decided.
        decided: u64,
        /// How much it has accepted.
        accepted: u64,
        /// What the leader lacks.
        sync: Option<Sync>,
    },
    /// A leader brings a follower's log in line.
    AcceptSync {
        /// Its round.
        round: Round,
        /// The first of a session.
        sequence: Sequence,
        /// How much it has decided.
        decided: u64,
        /// What the follower lacks.
        sync: Sync,
    },
    /// New entries, and how much is decided.
    AcceptDecide {
        /// The leader's round.
        round: Round,
        /// Which message of the session.
        sequence: Sequence,
        /// How much is decided.
        decided: u64,
        /// The entries.
        entries: Vec<Command>,
    },
    /// The sender's log is so long.
    Accepted {
        /// In this round.
        round: Round,
        /// So long.
        accepted: u64,
    },
    /// The sender has promised another.
    NotAccepted {
        /// This round.
        round: Round,
    },
    /// So much is decided.
    Decide {
        /// The leader's round.
        round: Round,
        /// Which message of the session.
        sequence: Sequence,
        /// How much.
        decided: u64,
    },
    /// Proposals for the leader.
    Forward {
        /// The entries.
        entries: Vec<Command>,
    },
    /// Trim your log.
    Trim {
        /// Up to here.
        index: u64,
    },
    /// Take a snapshot.
    Snapshot {
        /// Up to here; of all that is decided, if nothing.
        index: Option<u64>,
    },
    /// A stop sign is to be accepted.
    AcceptStopSign {
        /// The leader's round.
        round: Round,
        /// Which message of the session.
        sequence: Sequence,
        /// The stop sign.
        stop: Stop,
    },
    /// A stop sign for the leader.
    ForwardStopSign {
        /// The stop sign.
        stop: Stop,
    },
}

impl Kinded for Message {
    const KINDS: &'static [&'static str] = &[
        "heartbeat-request",
        "heartbeat-reply",
        "prepare-request",
        "prepare",
        "promise",
        "accept-sync",
        "accept-decide",
        "accepted",
        "not-accepted",
        "decide",
        "forward",
        "trim",
        "snapshot",
        "accept-stop-sign",
        "forward-stop-sign",
    ];

    fn kind(&self) -> usize {
        match self.body {
            Body::HeartbeatRequest { .. } => 0,
            Body::HeartbeatReply { .. } => 1,
            Body::PrepareRequest { .. } => 2,
            Body::Prepare { .. } => 3,
            Body::Promise { .. } => 4,
            Body::AcceptSync { .. } => 5,
            Body::AcceptDecide { .. } => 6,
            Body::Accepted { .. } => 7,
            Body::NotAccepted { .. } => 8,
            Body::Decide { .. } => 9,
            Body::Forward { .. } => 10,
            Body::Trim { .. } => 11,
            Body::Snapshot { .. } => 12,
            Body::AcceptStopSign { .. } => 13,
            Body::ForwardStopSign { .. } => 14,
        }
    }
}

impl quarrel_protocol::Message for Message {
    fn size(&self) -> usize {
        let entries = match &self.body {
            Body::Promise { sync: Some(sync), .. } | Body::AcceptSync { sync, .. } => sync.suffix.len(),
            Body::AcceptDecide { entries, .. } | Body::Forward { entries } => entries.len(),
            _ => 0,
        };
        64 + 32 * entries
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)?;
        if self.configuration > 1 {
            write!(f, " of configuration {}", self.configuration)?;
        }
        if self.stamp != Stamp::default() {
            write!(f, " (#{})", self.stamp.number)?;
        }
        Ok(())
    }
}

impl Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.session, self.counter)
    }
}

impl Display for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.snapshot {
            Some(Sent::Complete(contents)) => write!(f, "the snapshot of {contents}, ")?,
            Some(Sent::Delta(contents)) => write!(f, "the delta of {contents}, ")?,
            None => {}
        }
        write!(f, "{} entries from {} on", self.suffix.len(), self.index)?;
        match &self.stop {
            Some(stop) => write!(f, ", {stop}"),
            None => Ok(()),
        }
    }
}

impl Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::HeartbeatRequest { beat } => write!(f, "HeartbeatRequest {beat}"),
            Body::HeartbeatReply { beat, ballot, leader, happy } => {
                let mood = if *happy { "happy" } else { "unhappy" };
                write!(f, "HeartbeatReply {beat}: {ballot}, {mood} with {leader}")
            }
            Body::PrepareRequest { round } => write!(f, "PrepareReq, promised {round}"),
            Body::Prepare { round, decided, accepted_round, accepted } => {
                write!(f, "Prepare {round}, has {accepted} accepted in {accepted_round}, {decided} decided")
            }
            Body::Promise { round, accepted_round, decided, accepted, sync } => {
                write!(f, "Promise {round}, has {accepted} accepted in {accepted_round}, {decided} decided")?;
                sync.as_ref().map_or(Ok(()), |sync| write!(f, ", sends {sync}"))
            }
            Body::AcceptSync { round, sequence, decided, sync } => {
                write!(f, "AcceptSync {round} ({sequence}), {decided} decided, {sync}")
            }
            Body::AcceptDecide { round, sequence, decided, entries } => {
                write!(f, "AcceptDecide {round} ({sequence}), {decided} decided, ")?;
                match entries.as_slice() {
                    [command] => command.fmt(f),
                    _ => write!(f, "{} entries", entries.len()),
                }
            }
            Body::Accepted { round, accepted } => write!(f, "Accepted {accepted} in {round}"),
            Body::NotAccepted { round } => write!(f, "NotAccepted, promised {round}"),
            Body::Decide { round, sequence, decided } => {
                write!(f, "Decide {decided} in {round} ({sequence})")
            }
            Body::Forward { entries } => match entries.as_slice() {
                [command] => write!(f, "ProposalForward {command}"),
                _ => write!(f, "ProposalForward of {} entries", entries.len()),
            },
            Body::Trim { index } => write!(f, "Trim up to {index}"),
            Body::Snapshot { index: Some(index) } => write!(f, "Snapshot up to {index}"),
            Body::Snapshot { index: None } => f.write_str("Snapshot of what is decided"),
            Body::AcceptStopSign { round, sequence, stop } => {
                write!(f, "AcceptStopSign {round} ({sequence}), {stop}")
            }
            Body::ForwardStopSign { stop } => write!(f, "ForwardStopSign, {stop}"),
        }
    }
}

impl Fingerprint for Message {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        into.pair(u64::from(self.configuration) << 48 ^ self.stamp.connection, self.stamp.number);
        match &self.body {
            Body::HeartbeatRequest { beat } => beat.fingerprint(into),
            Body::HeartbeatReply { beat, ballot, leader, happy } => {
                into.pair(u64::from(*beat), u64::from(*happy));
                ballot.fingerprint(into);
                leader.fingerprint(into);
            }
            Body::PrepareRequest { round } | Body::NotAccepted { round } => round.fingerprint(into),
            Body::Prepare { round, decided, accepted_round, accepted } => {
                round.fingerprint(into);
                accepted_round.fingerprint(into);
                into.pair(*decided, *accepted);
            }
            Body::Promise { round, accepted_round, decided, accepted, sync } => {
                round.fingerprint(into);
                accepted_round.fingerprint(into);
                into.pair(*decided, *accepted);
                sync.fingerprint(into);
            }
            Body::AcceptSync { round, sequence, decided, sync } => {
                sequenced(*round, *sequence, *decided, into);
                sync.fingerprint(into);
            }
            Body::AcceptDecide { round, sequence, decided, entries } => {
                sequenced(*round, *sequence, *decided, into);
                entries.fingerprint(into);
            }
            Body::Accepted { round, accepted } => {
                round.fingerprint(into);
                accepted.fingerprint(into);
            }
            Body::Decide { round, sequence, decided } => sequenced(*round, *sequence, *decided, into),
            Body::Forward { entries } => entries.fingerprint(into),
            Body::Trim { index } => index.fingerprint(into),
            Body::Snapshot { index } => index.fingerprint(into),
            Body::AcceptStopSign { round, sequence, stop } => {
                sequenced(*round, *sequence, 0, into);
                stop.fingerprint(into);
            }
            Body::ForwardStopSign { stop } => stop.fingerprint(into),
        }
    }
}

fn sequenced(round: Round, sequence: Sequence, decided: u64, into: &mut Fingerprinter) {
    round.fingerprint(into);
    into.pair(sequence.session, sequence.counter);
    decided.fingerprint(into);
}

impl Fingerprint for Sync {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match &self.snapshot {
            None => into.mark(0),
            Some(Sent::Complete(contents)) => {
                into.mark(1);
                contents.fingerprint(into);
            }
            Some(Sent::Delta(contents)) => {
                into.mark(2);
                contents.fingerprint(into);
            }
        }
        self.suffix.fingerprint(into);
        self.index.fingerprint(into);
        self.stop.fingerprint(into);
    }
}
