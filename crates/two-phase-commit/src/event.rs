//! What a node announces to observers.

use std::fmt::{self, Display};

use quarrel_protocol::{Announcement, Fingerprint, Fingerprinter, Kinded, NodeId, NodeSet};
use quarrel_spec::atomic_commit::{Decision, Refusal, TransactionId};
use serde::{Deserialize, Serialize};

/// Why a node decides as it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// As coordinator: all have voted yes.
    AllYes,
    /// As coordinator: that participant has voted no.
    Refused(NodeId),
    /// As coordinator: that participant did not vote in time.
    NoVote(NodeId),
    /// As coordinator: its disk says that it had begun, and not how it ended.
    Unfinished,
    /// Its disk had kept the decision.
    Disk,
    /// As participant: that node told it.
    Told(NodeId),
    /// As participant: that node asked before it had voted.
    Unvoted(NodeId),
    /// As participant: it has waited long enough, and decides by itself.
    Impatience,
}

impl Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::AllYes => f.write_str("all have voted yes"),
            Why::Refused(node) => write!(f, "{node} has voted no"),
            Why::NoVote(node) => write!(f, "{node} has not voted in time"),
            Why::Unfinished => f.write_str("its disk knows of no decision"),
            Why::Disk => f.write_str("its disk says so"),
            Why::Told(node) => write!(f, "{node} says so"),
            Why::Unvoted(node) => write!(f, "{node} asks and it has not voted"),
            Why::Impatience => f.write_str("it has waited long enough"),
        }
    }
}

impl Fingerprint for Why {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        let (kind, node) = match *self {
            Why::AllYes => (1, 0),
            Why::Refused(node) => (2, node.0),
            Why::NoVote(node) => (3, node.0),
            Why::Unfinished => (4, 0),
            Why::Disk => (5, 0),
            Why::Told(node) => (6, node.0),
            Why::Unvoted(node) => (7, node.0),
            Why::Impatience => (8, 0),
        };
        into.pair(kind, u64::from(node));
    }
}

/// What happens, in the order of a transaction's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happening {
    /// The coordinator begins it; these must agree.
    Begun(NodeSet),
    /// A participant is prepared and votes yes.
    VotedYes,
    /// A participant votes no.
    VotedNo(Refusal),
    /// A participant that only reads answers and drops out.
    VotedRead,
    /// The coordinator has the votes that it waited for, all of them yes.
    AllVoted,
    /// A node decides to commit.
    Committed(Why),
    /// A node decides to abort.
    Aborted(Why),
    /// A participant that has voted yes has heard nothing for long, or finds itself so after a restart.
    InDoubt,
    /// A participant in doubt asks these what is decided.
    Asked(NodeSet),
    /// A participant cannot help that peer: it is in doubt itself.
    Uncertain(NodeId),
    /// A node tells that participant in doubt what is decided.
    Answered(NodeId),
    /// The coordinator knows nothing of it and tells that participant what it presumes.
    Presumed(NodeId, Decision),
    /// The coordinator repeats its decision to these, who owe it an acknowledgement.
    Repeated(NodeSet),
    /// All acknowledgements are in, and the coordinator forgets it.
    Ended,
    /// A participant that has long been in doubt calls the resolver.
    Orphaned,
    /// The resolver asks these where they stand.
    Checked(NodeSet),
    /// All are prepared: the resolver cannot help.
    Unresolved,
    /// The resolver has found out and tells all.
    Resolved(Decision),
}

/// An announcement. Those of a decision come right after the write that makes them true, if there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Of which transaction.
    pub transaction: TransactionId,
    /// What happens.
    pub what: Happening,
}

impl Kinded for Event {
    const KINDS: &'static [&'static str] = &[
        "begun",
        "voted-yes",
        "voted-no",
        "voted-read",
        "all-voted",
        "committed",
        "aborted",
        "in-doubt",
        "asked",
        "uncertain",
        "answered",
        "presumed",
        "repeated",
        "ended",
        "orphaned",
        "checked",
        "unresolved",
        "resolved",
    ];

    fn kind(&self) -> usize {
        match self.what {
            Happening::Begun(_) => 0,
            Happening::VotedYes => 1,
            Happening::VotedNo(_) => 2,
            Happening::VotedRead => 3,
            Happening::AllVoted => 4,
            Happening::Committed(_) => 5,
            Happening::Aborted(_) => 6,
            Happening::InDoubt => 7,
            Happening::Asked(_) => 8,
            Happening::Uncertain(_) => 9,
            Happening::Answered(_) => 10,
            Happening::Presumed(..) => 11,
            Happening::Repeated(_) => 12,
            Happening::Ended => 13,
            Happening::Orphaned => 14,
            Happening::Checked(_) => 15,
            Happening::Unresolved => 16,
            Happening::Resolved(_) => 17,
        }
    }
}

const TRANSACTION: &[&str] = &["transaction"];
const TO: &[&str] = &["transaction", "to"];

impl Announcement for Event {
    /// `to` is a node, from 1 as it is printed.
    const FIELDS: &'static [&'static [&'static str]] = &[
        &["transaction", "participants"],
        TRANSACTION,
        TRANSACTION,
        TRANSACTION,
        TRANSACTION,
        TRANSACTION,
        TRANSACTION,
        TRANSACTION,
        TRANSACTION,
        TO,
        TO,
        TO,
        TRANSACTION,
        TRANSACTION,
        TRANSACTION,
        TRANSACTION,
        TRANSACTION,
        TRANSACTION,
    ];

    fn field(&self, position: usize) -> u64 {
        match (position, self.what) {
            (0, _) => u64::from(self.transaction.0),
            (_, Happening::Begun(participants)) => participants.len() as u64,
            (_, Happening::Uncertain(to) | Happening::Answered(to) | Happening::Presumed(to, _)) => {
                u64::from(to.0) + 1
            }
            _ => 0,
        }
    }

    fn is_milestone(&self) -> bool {
        !matches!(self.what, Happening::Repeated(_) | Happening::Checked(_) | Happening::Ended)
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = self.transaction;
        match self.what {
            Happening::Begun(who) if who.is_empty() => write!(f, "begins {it}, which only reads"),
            Happening::Begun(who) => write!(f, "begins {it} with {who}"),
            Happening::VotedYes => write!(f, "is prepared and votes yes on {it}"),
            Happening::VotedNo(why) => write!(f, "votes no on {it}: {why}"),
            Happening::VotedRead => write!(f, "answers {it}, which only reads, and drops out"),
            Happening::AllVoted => write!(f, "has all votes on {it}, all yes"),
            Happening::Committed(why) => write!(f, "commits {it}: {why}"),
            Happening::Aborted(why) => write!(f, "aborts {it}: {why}"),
            Happening::InDoubt => write!(f, "is in doubt about {it}"),
            Happening::Asked(whom) => write!(f, "asks {whom} what became of {it}"),
            Happening::Uncertain(peer) => write!(f, "cannot help {peer}: it is in doubt about {it}, too"),
            Happening::Answered(whom) => write!(f, "tells {whom} what became of {it}"),
            Happening::Presumed(whom, decision) => {
                write!(f, "knows nothing of {it} and tells {whom} to {decision} it")
            }
            Happening::Repeated(whom) => write!(f, "tells {whom} once more what became of {it}"),
            Happening::Ended => write!(f, "has all acknowledgements of {it} and forgets it"),
            Happening::Orphaned => write!(f, "calls the resolver about {it}"),
            Happening::Checked(whom) => write!(f, "asks {whom} where they stand with {it}"),
            Happening::Unresolved => write!(f, "cannot help: all are in doubt about {it}"),
            Happening::Resolved(decision) => write!(f, "finds that {it} is to {decision}, and tells all"),
        }
    }
}

impl Fingerprint for Event {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.kind() as u64, u64::from(self.transaction.0));
        match self.what {
            Happening::Begun(who)
            | Happening::Asked(who)
            | Happening::Repeated(who)
            | Happening::Checked(who) => who.fingerprint(into),
            Happening::VotedNo(why) => why.fingerprint(into),
            Happening::Committed(why) | Happening::Aborted(why) => why.fingerprint(into),
            Happening::Uncertain(node) | Happening::Answered(node) => node.fingerprint(into),
            Happening::Presumed(node, decision) => {
                node.fingerprint(into);
                decision.fingerprint(into);
            }
            Happening::Resolved(decision) => decision.fingerprint(into),
            Happening::VotedYes
            | Happening::VotedRead
            | Happening::AllVoted
            | Happening::InDoubt
            | Happening::Ended
            | Happening::Orphaned
            | Happening::Unresolved => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_fields() {
        assert_eq!(Event::KINDS.len(), Event::FIELDS.len());
        let event = Event { transaction: TransactionId(7), what: Happening::Answered(NodeId(2)) };
        assert_eq!((event.kind_name(), event.field(0), event.field(1)), ("answered", 7, 3));
    }
}
