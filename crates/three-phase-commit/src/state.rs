//! What a node is made of: what its disk keeps of a transaction, what it is doing about it, which timer goes with that.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use quarrel_protocol::{ClientId, Fingerprint, Fingerprinter, Kinded, NodeId, NodeSet, RequestId};
use quarrel_spec::atomic_commit::{Decision, Seen, Step, Transaction, TransactionId};
use serde::{Deserialize, Serialize};

use crate::State;

/// One durable fact: a record of the distributed transaction log (BHG 7.4), one log for all transactions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// As participant: it has voted yes, and this is what it will do if the decision is to commit.
    Yes {
        /// On which transaction.
        transaction: TransactionId,
        /// Who is asked in an election. All of them are held for operational.
        processes: NodeSet,
        /// Its steps.
        part: Vec<Step>,
    },
    /// It is committable. As coordinator: this is also its vote.
    Committable {
        /// In which transaction.
        transaction: TransactionId,
        /// Its processes, which a coordinator has not written yet.
        processes: NodeSet,
    },
    /// These are the processes that it holds for operational.
    Up {
        /// In which transaction.
        transaction: TransactionId,
        /// They.
        up: NodeSet,
    },
    /// It has decided.
    Decided {
        /// Which transaction.
        transaction: TransactionId,
        /// What.
        decision: Decision,
    },
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Yes { transaction, .. } => write!(f, "yes to {transaction}"),
            Record::Committable { transaction, .. } => write!(f, "committable in {transaction}"),
            Record::Up { transaction, up } => write!(f, "up in {transaction}: {up}"),
            Record::Decided { transaction, decision } => write!(f, "{decision} {transaction}"),
        }
    }
}

impl Fingerprint for Record {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Record::Yes { transaction, processes, part } => {
                into.mark(1);
                into.pair(u64::from(transaction.0), processes.0);
                part.fingerprint(into);
            }
            Record::Committable { transaction, processes } => {
                into.mark(2);
                into.pair(u64::from(transaction.0), processes.0);
            }
            Record::Up { transaction, up } => {
                into.mark(3);
                into.pair(u64::from(transaction.0), up.0);
            }
            Record::Decided { transaction, decision } => {
                into.mark(4);
                transaction.fingerprint(into);
                decision.fingerprint(into);
            }
        }
    }
}

/// How this process stands before it decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The coordinator, before all votes are in: it has not given its own, and may abort.
    Unvoted,
    /// It has voted yes, and its fate is in others' hands.
    Uncertain,
    /// It knows that everybody has voted yes.
    Committable,
}

impl Standing {
    /// The state that it reports.
    #[must_use]
    pub const fn state(self) -> State {
        match self {
            Standing::Unvoted => State::Aborted,
            Standing::Uncertain => State::Uncertain,
            Standing::Committable => State::Committable,
        }
    }
}

/// A transaction that this process has not decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// The coordinator and its participants: who is asked in an election, in the order of their identities.
    pub processes: NodeSet,
    /// Those that this process holds for operational: none that has not failed is missing.
    ///
    /// Invariant: itself is among them, and they are among `processes`.
    pub up: NodeSet,
    /// How it stands.
    pub standing: Standing,
    /// What it is doing.
    pub stage: Stage,
    /// As coordinator of the first hour: whom to answer.
    pub asked: Option<Asked>,
}

/// The client that has asked for the transaction, and what it will be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Who.
    pub client: ClientId,
    /// In which request.
    pub id: RequestId,
    /// What.
    pub request: Transaction,
    /// What the participants' steps saw, as they come in with their votes.
    pub seen: BTreeMap<NodeId, Vec<Seen>>,
}

/// What a process does about a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The coordinator: it waits for votes. Invariant: it has not voted.
    Collecting,
    /// It waits for the word of a coordinator. Invariant: that is another process, and it has voted yes.
    Following {
        /// Whom it follows.
        leader: NodeId,
    },
    /// It is elected and waits for reports. Invariant: it has voted yes.
    Polling {
        /// Those that are in.
        reports: BTreeMap<NodeId, State>,
    },
    /// It has sent PRE-COMMIT, as coordinator or elected, and waits for acknowledgements. Invariant: committable.
    Spreading {
        /// Whose is missing; somebody's.
        missing: NodeSet,
    },
    /// It has failed since it voted, asks the others, and takes part in nothing. Invariant: it has voted yes.
    Recovering {
        /// Others that have failed too: how they stood, and whom they held for operational.
        heard: BTreeMap<NodeId, (State, NodeSet)>,
    },
}

impl Stage {
    /// The timer that is set meanwhile.
    #[must_use]
    pub const fn timer(&self, transaction: TransactionId) -> Timer {
        match self {
            Stage::Collecting => Timer::Votes(transaction),
            Stage::Following { .. } => Timer::Word(transaction),
            Stage::Polling { .. } => Timer::Reports(transaction),
            Stage::Spreading { .. } => Timer::Acks(transaction),
            Stage::Recovering { .. } => Timer::Inquiry(transaction),
        }
    }
}

/// A node's timers: for each transaction that it has not decided, one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timer {
    /// The coordinator waits for votes no longer.
    Votes(TransactionId),
    /// Whoever coordinates has failed.
    Word(TransactionId),
    /// Who has not reported has failed.
    Reports(TransactionId),
    /// Who has not acknowledged has failed.
    Acks(TransactionId),
    /// A process that recovers asks again.
    Inquiry(TransactionId),
}

impl Timer {
    /// Which transaction it is about.
    #[must_use]
    pub const fn transaction(self) -> TransactionId {
        match self {
            Timer::Votes(transaction)
            | Timer::Word(transaction)
            | Timer::Reports(transaction)
            | Timer::Acks(transaction)
            | Timer::Inquiry(transaction) => transaction,
        }
    }
}

impl Kinded for Timer {
    const KINDS: &'static [&'static str] = &["votes", "word", "reports", "acks", "inquiry"];

    fn kind(&self) -> usize {
        match self {
            Timer::Votes(_) => 0,
            Timer::Word(_) => 1,
            Timer::Reports(_) => 2,
            Timer::Acks(_) => 3,
            Timer::Inquiry(_) => 4,
        }
    }
}

impl Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind_name(), self.transaction())
    }
}

impl Fingerprint for Timer {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.kind() as u64, u64::from(self.transaction().0));
    }
}
