//! What nodes send each other, in words.

use std::fmt::{self, Display};

use super::{
    AppendEntries, AppendEntriesResponse, InstallSnapshot, InstallSnapshotResponse, Message, Outcome,
    PreVote, PreVoteResponse, RequestVote, RequestVoteResponse, TimeoutNow,
};

impl Display for RequestVote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestVote term {}, log ends at {}@{}", self.term, self.last_index, self.last_term)?;
        f.write_str(if self.is_transfer { ", as the leader wants" } else { "" })
    }
}

impl Display for RequestVoteResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RequestVoteResponse term {}, {}",
            self.term,
            if self.granted { "granted" } else { "refused" }
        )
    }
}

impl Display for PreVote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreVote for term {}, log ends at {}@{}", self.term, self.last_index, self.last_term)
    }
}

impl Display for TimeoutNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeoutNow term {}", self.term)
    }
}

impl Display for PreVoteResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreVoteResponse term {}, {}", self.term, if self.granted { "granted" } else { "refused" })
    }
}

impl Display for InstallSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { term, index, last_term, offset, data, done, .. } = self;
        let end = offset.saturating_add(data.len() as u64);
        let rest = if *done { ", the last" } else { "" };
        write!(f, "InstallSnapshot term {term}, up to {index}@{last_term}, bytes {offset} to {end}{rest}")
    }
}

impl Display for InstallSnapshotResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { term, index, offset, received } = self;
        write!(f, "InstallSnapshotResponse term {term}, up to {index}, to byte {offset}: {received} received")
    }
}

/// A line shows so many entries; of more it shows the first and the last.
const ENTRIES_SHOWN: usize = 3;

impl Display for AppendEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AppendEntries term {}, after {}@{}, [",
            self.term, self.previous_index, self.previous_term
        )?;
        let count = self.entries.len();
        for (position, entry) in self.entries.iter().enumerate() {
            // A message may come from a file, with any number in it.
            let index = self.previous_index.0.saturating_add(position as u64 + 1);
            let separator = if position == 0 { "" } else { ", " };
            if count <= ENTRIES_SHOWN || position == 0 || position == count - 1 {
                write!(f, "{separator}{index}@{} {entry}", entry.term)?;
            } else if position == 1 {
                write!(f, ", ...")?;
            }
        }
        write!(f, "], commit {}", self.commit)?;
        self.round.write(f)
    }
}

impl Display for AppendEntriesResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppendEntriesResponse term {}, ", self.term)?;
        match self.outcome {
            Outcome::Matched { index } => write!(f, "matched up to {index}"),
            Outcome::Conflict { previous, term: Some(term), first } => {
                write!(f, "conflict at {previous}: term {term} since {first}")
            }
            Outcome::Conflict { previous, term: None, first } => {
                write!(f, "conflict at {previous}: log ends before {first}")
            }
            Outcome::Stale => f.write_str("stale"),
        }?;
        self.round.write(f)
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::RequestVote(message) => message.fmt(f),
            Message::RequestVoteResponse(message) => message.fmt(f),
            Message::AppendEntries(message) => message.fmt(f),
            Message::AppendEntriesResponse(message) => message.fmt(f),
            Message::PreVote(message) => message.fmt(f),
            Message::PreVoteResponse(message) => message.fmt(f),
            Message::InstallSnapshot(message) => message.fmt(f),
            Message::InstallSnapshotResponse(message) => message.fmt(f),
            Message::TimeoutNow(message) => message.fmt(f),
        }
    }
}
