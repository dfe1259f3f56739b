//! What nodes send each other: the five messages of a transaction without failures, the four of an election and its
//! termination round, and what a process that recovers asks.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, Kinded, NodeSet};
use quarrel_spec::atomic_commit::{Decision, Seen, Step, TransactionId, Vote};
use serde::{Deserialize, Serialize};

/// How a process stands, as BHG 7.5 names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has not voted, has voted no, or has decided to abort: it will never commit.
    Aborted,
    /// It has voted yes and has received no PRE-COMMIT.
    Uncertain,
    /// It has received a PRE-COMMIT and no COMMIT.
    Committable,
    /// It has decided to commit.
    Committed,
}

impl State {
    /// The state of who has decided.
    #[must_use]
    pub const fn decided(decision: Decision) -> Self {
        match decision {
            Decision::Commit => State::Committed,
            Decision::Abort => State::Aborted,
        }
    }
}

impl Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Aborted => "aborted",
            State::Uncertain => "uncertain",
            State::Committable => "committable",
            State::Committed => "committed",
        })
    }
}

impl Fingerprint for State {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(*self as u64 + 1);
    }
}

/// VOTE-REQ: the coordinator asks a participant whether it can do its part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VoteRequest {
    /// Which transaction.
    pub transaction: TransactionId,
    /// The steps of this participant.
    pub part: Vec<Step>,
    /// All processes of the transaction, the coordinator among them: who takes part in an election.
    pub processes: NodeSet,
}

/// YES or NO.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ballot {
    /// On which transaction.
    pub transaction: TransactionId,
    /// The vote.
    pub vote: Vote,
    /// What each of the participant's steps saw; nothing with a no.
    pub seen: Vec<Seen>,
}

/// STATE of a participant, for whoever is elected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StateReport {
    /// Of which transaction.
    pub transaction: TransactionId,
    /// How the sender stands.
    pub state: State,
}

/// A process that has recovered in doubt asks what became of a transaction, and says what it knows itself: if nobody
/// has stayed up, that must do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Inquiry {
    /// Which transaction.
    pub transaction: TransactionId,
    /// How the sender stood when it failed: uncertain or committable.
    pub state: State,
    /// Whom it then held for operational, itself included.
    pub up: NodeSet,
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// See [`VoteRequest`].
    VoteRequest(VoteRequest),
    /// See [`Ballot`].
    Vote(Ballot),
    /// PRE-COMMIT: everybody has voted yes.
    PreCommit(TransactionId),
    /// ACK of a PRE-COMMIT.
    Ack(TransactionId),
    /// COMMIT.
    Commit(TransactionId),
    /// ABORT.
    Abort(TransactionId),
    /// UR-ELECTED: all before you have failed.
    Elected(TransactionId),
    /// STATE-REQ: the elected coordinator asks how everybody stands.
    StateRequest(TransactionId),
    /// See [`StateReport`].
    StateReport(StateReport),
    /// See [`Inquiry`].
    Inquiry(Inquiry),
}

impl Message {
    /// COMMIT or ABORT.
    #[must_use]
    pub const fn decision(transaction: TransactionId, decision: Decision) -> Self {
        match decision {
            Decision::Commit => Message::Commit(transaction),
            Decision::Abort => Message::Abort(transaction),
        }
    }

    /// Which transaction it is about.
    #[must_use]
    pub const fn transaction(&self) -> TransactionId {
        match self {
            Message::VoteRequest(VoteRequest { transaction, .. })
            | Message::Vote(Ballot { transaction, .. })
            | Message::PreCommit(transaction)
            | Message::Ack(transaction)
            | Message::Commit(transaction)
            | Message::Abort(transaction)
            | Message::Elected(transaction)
            | Message::StateRequest(transaction)
            | Message::StateReport(StateReport { transaction, .. })
            | Message::Inquiry(Inquiry { transaction, .. }) => *transaction,
        }
    }
}

impl Kinded for Message {
    const KINDS: &'static [&'static str] = &[
        "vote-request",
        "vote",
        "pre-commit",
        "ack",
        "commit",
        "abort",
        "elected",
        "state-request",
        "state-report",
        "inquiry",
    ];

    fn kind(&self) -> usize {
        match self {
            Message::VoteRequest(_) => 0,
            Message::Vote(_) => 1,
            Message::PreCommit(_) => 2,
            Message::Ack(_) => 3,
            Message::Commit(_) => 4,
            Message::Abort(_) => 5,
            Message::Elected(_) => 6,
            Message::StateRequest(_) => 7,
            Message::StateReport(_) => 8,
            Message::Inquiry(_) => 9,
        }
    }
}

impl quarrel_protocol::Message for Message {
    // A header of 8 bytes, names of transactions of 4, sets of nodes of 8, steps of 16; what is seen is a number, or
    // numbers with their count.
    fn size(&self) -> usize {
        let seen = |seen: &Seen| match seen {
            Seen::Done => 1,
            Seen::Balance(_) => 9,
            Seen::Holder(_) => 5,
            Seen::List(values) => 5 + 8 * values.len(),
        };
        8 + 4
            + match self {
                Message::VoteRequest(request) => 8 + 4 + 16 * request.part.len(),
                Message::Vote(ballot) => 1 + 4 + ballot.seen.iter().map(seen).sum::<usize>(),
                Message::StateReport(_) => 1,
                Message::Inquiry(_) => 1 + 8,
                Message::PreCommit(_)
                | Message::Ack(_)
                | Message::Commit(_)
                | Message::Abort(_)
                | Message::Elected(_)
                | Message::StateRequest(_) => 0,
            }
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::VoteRequest(VoteRequest { transaction, part, processes }) => {
                write!(f, "VoteRequest {transaction} among {processes}:")?;
                let mut separator = " ";
                part.iter().try_for_each(|step| {
                    write!(f, "{separator}{step}")?;
                    separator = ", ";
                    Ok(())
                })
            }
            Message::Vote(Ballot { transaction, vote, .. }) => write!(f, "Vote {vote} on {transaction}"),
            Message::PreCommit(transaction) => write!(f, "PreCommit {transaction}"),
            Message::Ack(transaction) => write!(f, "Ack {transaction}"),
            Message::Commit(transaction) => write!(f, "Commit {transaction}"),
            Message::Abort(transaction) => write!(f, "Abort {transaction}"),
            Message::Elected(transaction) => write!(f, "Elected for {transaction}"),
            Message::StateRequest(transaction) => write!(f, "StateRequest {transaction}"),
            Message::StateReport(StateReport { transaction, state }) => {
                write!(f, "StateReport {transaction} {state}")
            }
            Message::Inquiry(Inquiry { transaction, state, up }) => {
                write!(f, "Inquiry {transaction}, {state}, up {up}")
            }
        }
    }
}

impl Fingerprint for Message {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64 + 1);
        self.transaction().fingerprint(into);
        match self {
            Message::VoteRequest(VoteRequest { part, processes, .. }) => {
                part.fingerprint(into);
                processes.fingerprint(into);
            }
            Message::Vote(Ballot { vote, seen, .. }) => {
                vote.fingerprint(into);
                seen.fingerprint(into);
            }
            Message::StateReport(StateReport { state, .. }) => state.fingerprint(into),
            Message::Inquiry(Inquiry { state, up, .. }) => {
                state.fingerprint(into);
                up.fingerprint(into);
            }
            Message::PreCommit(_)
            | Message::Ack(_)
            | Message::Commit(_)
            | Message::Abort(_)
            | Message::Elected(_)
            | Message::StateRequest(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quarrel_protocol::{Message as _, NodeId};
    use quarrel_spec::machine::Account;

    #[test]
    fn a_message_reads_as_one_line_and_has_a_size() {
        let transaction = TransactionId(7);
        let processes = [NodeId(0), NodeId(2)].into_iter().collect();
        let part = vec![Step::Deposit { account: Account(1), amount: 5 }, Step::Balance(Account(1))];
        let lines = [
            (Message::VoteRequest(VoteRequest { transaction, part, processes }), 56),
            (Message::Vote(Ballot { transaction, vote: Vote::Yes, seen: vec![Seen::Done] }), 18),
            (Message::PreCommit(transaction), 12),
            (Message::StateReport(StateReport { transaction, state: State::Uncertain }), 13),
            (Message::Inquiry(Inquiry { transaction, state: State::Committable, up: processes }), 21),
        ];
        let expected = [
            "VoteRequest t7 among n1, n3: deposit 5 to a1, balance of a1",
            "Vote yes on t7",
            "PreCommit t7",
            "StateReport t7 uncertain",
            "Inquiry t7, committable, up n1, n3",
        ];
        for ((message, size), text) in lines.into_iter().zip(expected) {
            assert_eq!((message.to_string().as_str(), message.size()), (text, size));
            assert_eq!(message.transaction(), transaction);
        }
    }
}
