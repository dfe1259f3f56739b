//! Atomic commitment: several databases do a transaction together, or none of them does.
//!
//! Bernstein, Hadzilacos and Goodman, *Concurrency Control and Recovery in Database Systems* (1987), chapter 7, whose
//! names the properties bear ([`properties`]). Node n1 coordinates; the nodes after it are the participants, each of
//! which keeps its share of the items ([`Item::home`]) behind a [`resource::Manager`] with locks of its own.
//!
//! Read in this order: this page, [`transaction`], [`database`], [`locks`], [`resource`], then what is judged:
//! [`properties`], [`service`]; how late a message may be ([`timing`]); and [`workload`].

pub mod database;
pub mod locks;
pub mod properties;
pub mod resource;
pub mod service;
pub mod timing;
pub mod transaction;
pub mod workload;

use std::fmt::{self, Display};

use quarrel_protocol::{Answer, ClientReply, Fingerprint, Fingerprinter, NodeId, NodeSet};
use serde::{Deserialize, Serialize};

pub use properties::Properties;
pub use service::Transactions;
pub use timing::Measured;
pub use transaction::{Item, Seen, Step, Transaction, TransactionId};
pub use workload::{ask, may_repeat, misfit, parse, scan};

/// Why a transaction is not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// There is less in the account than was to be withdrawn.
    NoFunds(crate::machine::Account),
    /// The seat is sold.
    SeatTaken(crate::machine::Seat),
    /// Another transaction has a lock on it, and nobody waits for locks.
    Locked(Item),
    /// A participant did not answer in time.
    NoAnswer(NodeId),
    /// Somebody failed before it was decided.
    Failure,
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoFunds(account) => write!(f, "not so much in {account}"),
            Refusal::SeatTaken(seat) => write!(f, "{seat} is taken"),
            Refusal::Locked(item) => write!(f, "{item} is locked"),
            Refusal::NoAnswer(node) => write!(f, "{node} did not answer in time"),
            Refusal::Failure => f.write_str("somebody failed before it was decided"),
        }
    }
}

impl Fingerprint for Refusal {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match *self {
            Refusal::NoFunds(account) => {
                into.mark(1);
                account.fingerprint(into);
            }
            Refusal::SeatTaken(seat) => {
                into.mark(2);
                seat.fingerprint(into);
            }
            Refusal::Locked(Item::Account(account)) => {
                into.mark(3);
                account.fingerprint(into);
            }
            Refusal::Locked(Item::Seat(seat)) => {
                into.mark(4);
                seat.fingerprint(into);
            }
            Refusal::Locked(Item::List(list)) => {
                into.mark(5);
                list.fingerprint(into);
            }
            Refusal::NoAnswer(node) => {
                into.mark(6);
                node.fingerprint(into);
            }
            Refusal::Failure => into.mark(7),
        }
    }
}

/// What a participant answers when it is asked whether it can do its part. Who says yes gives its fate away: from then
/// on it may not abort by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vote {
    /// It can and will, whatever happens to it, if the decision is to commit.
    Yes,
    /// It cannot: the transaction will be aborted.
    No(Refusal),
}

impl Display for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Vote::Yes => f.write_str("yes"),
            Vote::No(why) => write!(f, "no ({why})"),
        }
    }
}

impl Fingerprint for Vote {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Vote::Yes => into.mark(1),
            Vote::No(why) => {
                into.mark(2);
                why.fingerprint(into);
            }
        }
    }
}

/// What becomes of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Every participant does its part.
    Commit,
    /// No participant does.
    Abort,
}

impl Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Decision::Commit => "commit",
            Decision::Abort => "abort",
        })
    }
}

impl Fingerprint for Decision {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(match self {
            Decision::Commit => 1,
            Decision::Abort => 2,
        });
    }
}

/// What a client is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// All of it was done; this is what each step saw.
    Committed(Vec<Seen>),
    /// Nothing of it was done, and nothing ever will be.
    Aborted(Refusal),
    /// Ask that node: it coordinates.
    Elsewhere(NodeId),
}

impl Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Committed(seen) => {
                f.write_str("committed")?;
                let mut told = seen.iter().filter(|&seen| *seen != Seen::Done);
                told.next().map_or(Ok(()), |first| write!(f, ": {first}"))?;
                told.try_for_each(|seen| write!(f, ", {seen}"))
            }
            Reply::Aborted(why) => write!(f, "aborted: {why}"),
            Reply::Elsewhere(node) => write!(f, "ask {node}"),
        }
    }
}

impl Fingerprint for Reply {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Reply::Committed(seen) => {
                into.mark(1);
                seen.fingerprint(into);
            }
            Reply::Aborted(why) => {
                into.mark(2);
                why.fingerprint(into);
            }
            Reply::Elsewhere(node) => {
                into.mark(3);
                node.fingerprint(into);
            }
        }
    }
}

impl ClientReply for Reply {
    fn answer(&self) -> Answer {
        match *self {
            Reply::Committed(_) => Answer::Done,
            Reply::Aborted(_) => Answer::Failed,
            Reply::Elsewhere(node) => Answer::Redirect(Some(node)),
        }
    }
}

/// What a node states about a transaction. A decision may be stated again, by the same node after a restart as well;
/// it must be the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// The coordinator begins it with these participants.
    Begun {
        /// Which transaction.
        transaction: TransactionId,
        /// Who takes part, beside the coordinator.
        participants: NodeSet,
    },
    /// A participant votes. Pushed before the vote is sent, so that whoever can know of a vote knows that it is given.
    Voted {
        /// On which transaction.
        transaction: TransactionId,
        /// How.
        vote: Vote,
    },
    /// The node decides: the coordinator, or a participant that has been told, has found out, or may do so by itself.
    Decided {
        /// Which transaction.
        transaction: TransactionId,
        /// What.
        decision: Decision,
    },
}

impl Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Begun { transaction, participants } => {
                write!(f, "begins {transaction} with {participants}")
            }
            Output::Voted { transaction, vote } => write!(f, "votes {vote} on {transaction}"),
            Output::Decided { transaction, decision } => write!(f, "decides to {decision} {transaction}"),
        }
    }
}

impl Fingerprint for Output {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Output::Begun { transaction, participants } => {
                into.mark(1);
                into.pair(u64::from(transaction.0), participants.0);
            }
            Output::Voted { transaction, vote } => {
                into.mark(2);
                transaction.fingerprint(into);
                vote.fingerprint(into);
            }
            Output::Decided { transaction, decision } => {
                into.mark(3);
                transaction.fingerprint(into);
                decision.fingerprint(into);
            }
        }
    }
}
