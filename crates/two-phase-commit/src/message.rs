//! What nodes send each other: BHG's VOTE-REQ, votes, decisions and DECISION-REQ; acknowledgements; and the resolver's.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, Kinded, NodeSet};
use quarrel_spec::atomic_commit::{Decision, Refusal, Seen, Step, TransactionId};
use serde::{Deserialize, Serialize};

/// The coordinator asks a participant whether it can do its part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VoteRequest {
    /// Of which transaction.
    pub transaction: TransactionId,
    /// The part.
    pub steps: Vec<Step>,
    /// Who must agree: the peers that may be asked in doubt (BHG 7.4). Who is not among them only reads, and drops out.
    pub participants: NodeSet,
}

/// What a participant answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ballot {
    /// It can and will; this is what its steps saw.
    Yes(Vec<Seen>),
    /// It cannot.
    No(Refusal),
    /// It has only read, this, and has let go: whatever is decided is the same to it.
    Read(Vec<Seen>),
}

impl Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ballot::Yes(_) => f.write_str("YES"),
            Ballot::No(why) => write!(f, "NO ({why})"),
            Ballot::Read(_) => f.write_str("READ"),
        }
    }
}

impl Fingerprint for Ballot {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Ballot::Yes(seen) => {
                into.mark(1);
                seen.fingerprint(into);
            }
            Ballot::No(why) => {
                into.mark(2);
                why.fingerprint(into);
            }
            Ballot::Read(seen) => {
                into.mark(3);
                seen.fingerprint(into);
            }
        }
    }
}

/// A participant votes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cast {
    /// On which transaction.
    pub transaction: TransactionId,
    /// How.
    pub ballot: Ballot,
}

/// Somebody who knows the decision tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decide {
    /// On which transaction.
    pub transaction: TransactionId,
    /// What is decided.
    pub decision: Decision,
}

/// A participant has been in doubt for long and calls the resolver.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Orphan {
    /// About which transaction.
    pub transaction: TransactionId,
    /// Who had to agree.
    pub participants: NodeSet,
}

/// Where a participant stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It has not voted, and may still do so. Who keeps to the rules aborts rather than say this.
    Unvoted,
    /// It has voted yes and is in doubt itself.
    Prepared,
    /// It knows the decision.
    Decided(Decision),
}

impl Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Standing::Unvoted => f.write_str("not voted"),
            Standing::Prepared => f.write_str("prepared"),
            Standing::Decided(Decision::Commit) => f.write_str("committed"),
            Standing::Decided(Decision::Abort) => f.write_str("aborted"),
        }
    }
}

impl Fingerprint for Standing {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Standing::Unvoted => into.mark(1),
            Standing::Prepared => into.mark(2),
            Standing::Decided(decision) => {
                into.mark(3);
                decision.fingerprint(into);
            }
        }
    }
}

/// A participant tells the resolver where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// With which transaction.
    pub transaction: TransactionId,
    /// Where.
    pub standing: Standing,
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// See [`VoteRequest`].
    VoteRequest(VoteRequest),
    /// See [`Cast`].
    Vote(Cast),
    /// See [`Decide`].
    Decide(Decide),
    /// A participant tells the coordinator that the decision on a transaction is on its disk.
    Acknowledge(TransactionId),
    /// A participant in doubt asks what is decided: BHG's DECISION-REQ.
    Inquire(TransactionId),
    /// See [`Orphan`].
    Orphan(Orphan),
    /// The resolver asks a participant where it stands; one that has not voted aborts.
    Check(TransactionId),
    /// See [`Status`].
    Status(Status),
}

impl Message {
    /// A decision.
    pub(crate) const fn decide(transaction: TransactionId, decision: Decision) -> Self {
        Message::Decide(Decide { transaction, decision })
    }

    /// The transaction it is about.
    #[must_use]
    pub const fn transaction(&self) -> TransactionId {
        match self {
            Message::VoteRequest(VoteRequest { transaction, .. })
            | Message::Vote(Cast { transaction, .. })
            | Message::Decide(Decide { transaction, .. })
            | Message::Acknowledge(transaction)
            | Message::Inquire(transaction)
            | Message::Orphan(Orphan { transaction, .. })
            | Message::Check(transaction)
            | Message::Status(Status { transaction, .. }) => *transaction,
        }
    }
}

impl Kinded for Message {
    const KINDS: &'static [&'static str] = &[
        "vote-request",
        "vote",
        "commit",
        "abort",
        "acknowledgement",
        "inquiry",
        "orphan",
        "check",
        "status",
    ];

    fn kind(&self) -> usize {
        match self {
            Message::VoteRequest(_) => 0,
            Message::Vote(_) => 1,
            Message::Decide(Decide { decision: Decision::Commit, .. }) => 2,
            Message::Decide(Decide { decision: Decision::Abort, .. }) => 3,
            Message::Acknowledge(_) => 4,
            Message::Inquire(_) => 5,
            Message::Orphan(_) => 6,
            Message::Check(_) => 7,
            Message::Status(_) => 8,
        }
    }
}

impl quarrel_protocol::Message for Message {
    // A header of 8 bytes, a transaction of 4, a step of 11, what it saw of 8, a set of nodes of 8.
    fn size(&self) -> usize {
        let body = match self {
            Message::VoteRequest(request) => 8 + 11 * request.steps.len(),
            Message::Vote(Cast { ballot: Ballot::Yes(seen) | Ballot::Read(seen), .. }) => 1 + seen_size(seen),
            Message::Vote(Cast { ballot: Ballot::No(_), .. }) => 1 + 3,
            Message::Decide(_) | Message::Status(_) => 1,
            Message::Acknowledge(_) | Message::Inquire(_) | Message::Check(_) => 0,
            Message::Orphan(_) => 8,
        };
        8 + 4 + body
    }
}

fn seen_size(seen: &[Seen]) -> usize {
    let size = |seen: &Seen| match seen {
        Seen::Done => 1,
        Seen::Balance(_) | Seen::Holder(_) => 8,
        Seen::List(values) => 8 * (1 + values.len()),
    };
    seen.iter().map(size).sum()
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::VoteRequest(VoteRequest { transaction, steps, participants }) => {
                write!(f, "VOTE-REQ {transaction} of {participants}: ")?;
                list(f, steps)
            }
            Message::Vote(Cast { transaction, ballot }) => write!(f, "{ballot} {transaction}"),
            Message::Decide(Decide { transaction, decision: Decision::Commit }) => {
                write!(f, "COMMIT {transaction}")
            }
            Message::Decide(Decide { transaction, decision: Decision::Abort }) => {
                write!(f, "ABORT {transaction}")
            }
            Message::Acknowledge(transaction) => write!(f, "acknowledgement of {transaction}"),
            Message::Inquire(transaction) => write!(f, "DECISION-REQ {transaction}"),
            Message::Orphan(Orphan { transaction, participants }) => {
                write!(f, "{transaction} of {participants} is orphaned")
            }
            Message::Check(transaction) => write!(f, "where do you stand with {transaction}?"),
            Message::Status(Status { transaction, standing }) => write!(f, "{transaction}: {standing}"),
        }
    }
}

/// Writes steps with commas between.
pub(crate) fn list(f: &mut fmt::Formatter<'_>, steps: &[Step]) -> fmt::Result {
    for (position, step) in steps.iter().enumerate() {
        write!(f, "{}{step}", if position == 0 { "" } else { ", " })?;
    }
    Ok(())
}

impl Fingerprint for Message {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.kind() as u64, u64::from(self.transaction().0));
        match self {
            Message::VoteRequest(VoteRequest { steps, participants, .. }) => {
                steps.fingerprint(into);
                participants.fingerprint(into);
            }
            Message::Vote(Cast { ballot, .. }) => ballot.fingerprint(into),
            Message::Orphan(Orphan { participants, .. }) => participants.fingerprint(into),
            Message::Status(Status { standing, .. }) => standing.fingerprint(into),
            // The kind says the decision.
            Message::Decide(_) | Message::Acknowledge(_) | Message::Inquire(_) | Message::Check(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quarrel_protocol::NodeId;
    use quarrel_spec::machine::Account;

    #[test]
    fn a_message_reads_as_one_line() {
        let (transaction, account) = (TransactionId(3), Account(0));
        let participants: NodeSet = [NodeId(1), NodeId(2)].into_iter().collect();
        let steps = vec![Step::Withdraw { account, amount: 5 }, Step::Balance(account)];
        let lines = [
            Message::VoteRequest(VoteRequest { transaction, steps, participants }),
            Message::Vote(Cast { transaction, ballot: Ballot::Yes(vec![Seen::Done, Seen::Balance(95)]) }),
            Message::Vote(Cast { transaction, ballot: Ballot::No(Refusal::NoFunds(account)) }),
            Message::decide(transaction, Decision::Commit),
            Message::decide(transaction, Decision::Abort),
            Message::Acknowledge(transaction),
            Message::Inquire(transaction),
            Message::Orphan(Orphan { transaction, participants }),
            Message::Check(transaction),
            Message::Status(Status { transaction, standing: Standing::Prepared }),
        ]
        .map(|message| message.to_string());
        let expected = [
            "VOTE-REQ t3 of n2, n3: withdraw 5 from a0, balance of a0",
            "YES t3",
            "NO (not so much in a0) t3",
            "COMMIT t3",
            "ABORT t3",
            "acknowledgement of t3",
            "DECISION-REQ t3",
            "t3 of n2, n3 is orphaned",
            "where do you stand with t3?",
            "t3: prepared",
        ];
        assert_eq!(lines, expected);
    }
}
