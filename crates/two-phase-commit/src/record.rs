//! What a node's disk keeps, by BHG's names of the records of a distributed transaction log, and its timers.

use std::fmt::{self, Display};

use quarrel_protocol::{ClientId, Fingerprint, Fingerprinter, Kinded, NodeSet};
use quarrel_spec::atomic_commit::{Decision, Step, TransactionId};
use serde::{Deserialize, Serialize};

use crate::message::list;

/// One durable fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// At the coordinator: these are asked to vote. BHG's start-2PC record; with presumed commit, the collecting record
    /// of R\*, section 3.2.
    Begun {
        /// Which transaction.
        transaction: TransactionId,
        /// Who asked for it: a coordinator that restarts before it has decided can still tell.
        client: ClientId,
        /// Who must agree.
        participants: NodeSet,
    },
    /// At a participant: it has voted yes, and can do this whatever happens. BHG's yes record.
    Prepared {
        /// Which transaction.
        transaction: TransactionId,
        /// Its part.
        steps: Vec<Step>,
        /// Who must agree, itself included: whom it may ask.
        participants: NodeSet,
    },
    /// The commit or abort record.
    Decided {
        /// Which transaction.
        transaction: TransactionId,
        /// What is decided.
        decision: Decision,
        /// At the coordinator: who must acknowledge it. At a participant nobody.
        owed: NodeSet,
    },
    /// At the coordinator: all who must have acknowledged the decision.
    Ended {
        /// Which transaction.
        transaction: TransactionId,
    },
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Begun { transaction, participants, .. } => {
                write!(f, "begin {transaction} of {participants}")
            }
            Record::Prepared { transaction, steps, .. } => {
                write!(f, "prepared {transaction}: ")?;
                list(f, steps)
            }
            Record::Decided { transaction, decision, .. } => write!(f, "{decision} {transaction}"),
            Record::Ended { transaction } => write!(f, "end {transaction}"),
        }
    }
}

impl Fingerprint for Record {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Record::Begun { transaction, client, participants } => {
                into.mark(1);
                into.pair(u64::from(transaction.0), participants.0);
                client.fingerprint(into);
            }
            Record::Prepared { transaction, steps, participants } => {
                into.mark(2);
                into.pair(u64::from(transaction.0), participants.0);
                steps.fingerprint(into);
            }
            Record::Decided { transaction, decision, owed } => {
                into.mark(3);
                into.pair(u64::from(transaction.0), owed.0);
                decision.fingerprint(into);
            }
            Record::Ended { transaction } => {
                into.mark(4);
                transaction.fingerprint(into);
            }
        }
    }
}

/// A node's timers, each of one transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timer {
    /// At the coordinator: the votes take too long.
    Votes(TransactionId),
    /// At the coordinator: time to repeat what was not answered.
    Retry(TransactionId),
    /// At a participant in doubt: time to ask.
    Inquiry(TransactionId),
    /// At a participant in doubt for long: time to call the resolver.
    Orphan(TransactionId),
    /// At the resolver: time to ask once more.
    Check(TransactionId),
}

impl Timer {
    const fn transaction(self) -> TransactionId {
        match self {
            Timer::Votes(transaction)
            | Timer::Retry(transaction)
            | Timer::Inquiry(transaction)
            | Timer::Orphan(transaction)
            | Timer::Check(transaction) => transaction,
        }
    }
}

impl Kinded for Timer {
    const KINDS: &'static [&'static str] = &["votes", "retry", "inquiry", "orphan", "check"];

    fn kind(&self) -> usize {
        match self {
            Timer::Votes(_) => 0,
            Timer::Retry(_) => 1,
            Timer::Inquiry(_) => 2,
            Timer::Orphan(_) => 3,
            Timer::Check(_) => 4,
        }
    }
}

impl Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.kind_name(), self.transaction())
    }
}

impl Fingerprint for Timer {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.kind() as u64, u64::from(self.transaction().0));
    }
}
