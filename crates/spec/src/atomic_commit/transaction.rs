//! Transactions: what a client wants done on several databases, all of it or nothing.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, RequestId};
use serde::{Deserialize, Serialize};

use crate::Value;
use crate::machine::{Account, ListId, Seat, Who};

/// The name of a transaction: that of the request that began it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct TransactionId(pub u32);

impl From<RequestId> for TransactionId {
    fn from(request: RequestId) -> Self {
        Self(request.0)
    }
}

impl Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

impl Fingerprint for TransactionId {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.0.fingerprint(into);
    }
}

/// What a step is about: the unit of locking. Each item is kept by one participant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// An account of a bank.
    Account(Account),
    /// A seat.
    Seat(Seat),
    /// A list.
    List(ListId),
}

impl Item {
    /// Which of that many participants keeps it, from 0.
    ///
    /// # Panics
    /// When there are no participants.
    #[must_use]
    pub const fn home(self, participants: u8) -> u8 {
        let number = match self {
            Item::Account(Account(number)) | Item::Seat(Seat(number)) | Item::List(ListId(number)) => number,
        };
        (number % participants as u16) as u8
    }
}

impl Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Account(account) => account.fmt(f),
            Item::Seat(seat) => seat.fmt(f),
            Item::List(list) => list.fmt(f),
        }
    }
}

/// One step of a transaction: it is about one item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// How much is there?
    Balance(Account),
    /// Take so much away, if it is there.
    Withdraw {
        /// From this account.
        account: Account,
        /// So much.
        amount: u32,
    },
    /// Add so much.
    Deposit {
        /// To this account.
        account: Account,
        /// So much.
        amount: u32,
    },
    /// Whose is it?
    Holder(Seat),
    /// Sell it, if nobody has it. A seat that is sold stays sold.
    Take {
        /// Which seat.
        seat: Seat,
        /// To whom.
        who: Who,
    },
    /// What is in this list, in its order?
    Read(ListId),
    /// Put a value at the end of a list. No two appends of a run put the same.
    Append {
        /// Which list.
        list: ListId,
        /// What.
        value: Value,
    },
}

impl Step {
    /// What the step is about.
    #[must_use]
    pub const fn item(&self) -> Item {
        match *self {
            Step::Balance(account) | Step::Withdraw { account, .. } | Step::Deposit { account, .. } => {
                Item::Account(account)
            }
            Step::Holder(seat) | Step::Take { seat, .. } => Item::Seat(seat),
            Step::Read(list) | Step::Append { list, .. } => Item::List(list),
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        matches!(self, Step::Balance(_) | Step::Holder(_) | Step::Read(_))
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Balance(account) => write!(f, "balance of {account}"),
            Step::Withdraw { account, amount } => write!(f, "withdraw {amount} from {account}"),
            Step::Deposit { account, amount } => write!(f, "deposit {amount} to {account}"),
            Step::Holder(seat) => write!(f, "holder of {seat}"),
            Step::Take { seat, who } => write!(f, "take {seat} for {who}"),
            Step::Read(list) => write!(f, "read {list}"),
            Step::Append { list, value } => write!(f, "append {value} to {list}"),
        }
    }
}

impl Fingerprint for Step {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match *self {
            Step::Balance(account) => {
                into.mark(1);
                account.fingerprint(into);
            }
            Step::Withdraw { account, amount } => {
                into.mark(2);
                into.pair(u64::from(account.0), u64::from(amount));
            }
            Step::Deposit { account, amount } => {
                into.mark(3);
                into.pair(u64::from(account.0), u64::from(amount));
            }
            Step::Holder(seat) => {
                into.mark(4);
                seat.fingerprint(into);
            }
            Step::Take { seat, who } => {
                into.mark(5);
                into.pair(u64::from(seat.0), u64::from(who.0));
            }
            Step::Read(list) => {
                into.mark(6);
                list.fingerprint(into);
            }
            Step::Append { list, value } => {
                into.mark(7);
                into.pair(u64::from(list.0), value.0);
            }
        }
    }
}

/// What a client asks: these steps, in this order, all of them or none.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Transaction(pub Vec<Step>);

impl Transaction {
    /// The most steps that one may have.
    pub const STEPS_MAX: usize = 64;

    /// The participants, of that many, that keep something it is about: from 0, in order, each once.
    #[must_use]
    pub fn homes(&self, participants: u8) -> Vec<u8> {
        let mut homes: Vec<u8> = self.0.iter().map(|step| step.item().home(participants)).collect();
        homes.sort_unstable();
        homes.dedup();
        homes
    }

    /// The steps that one participant does, in their order.
    #[must_use]
    pub fn part(&self, home: u8, participants: u8) -> Vec<Step> {
        self.0.iter().filter(|step| step.item().home(participants) == home).copied().collect()
    }

    /// What all steps saw, in their order, from what each participant's steps saw in theirs: `part` gives the latter.
    ///
    /// # Panics
    /// When a participant saw fewer things than it was asked to do.
    pub fn assemble<'a>(&self, participants: u8, part: impl Fn(u8) -> &'a [Seen]) -> Vec<Seen> {
        let mut taken = vec![0; usize::from(participants)];
        let next = |step: &Step| {
            let home = step.item().home(participants);
            let place = &mut taken[usize::from(home)];
            *place += 1;
            part(home)[*place - 1].clone()
        };
        self.0.iter().map(next).collect()
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.0.iter().all(Step::is_read)
    }
}

impl Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            write!(f, "{}{step}", if position == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Fingerprint for Transaction {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.0.fingerprint(into);
    }
}

/// What a step saw.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// It was done; there was nothing to see.
    Done,
    /// So much is there.
    Balance(u64),
    /// Whose it is; `None` when it is free.
    Holder(Option<Who>),
    /// What is in the list.
    List(Vec<Value>),
}

impl Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::Done => f.write_str("done"),
            Seen::Balance(balance) => balance.fmt(f),
            Seen::Holder(Some(who)) => who.fmt(f),
            Seen::Holder(None) => f.write_str("nobody"),
            Seen::List(values) => {
                f.write_str("[")?;
                for (position, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if position == 0 { "" } else { " " })?;
                }
                f.write_str("]")
            }
        }
    }
}

impl Fingerprint for Seen {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Seen::Done => into.mark(1),
            Seen::Balance(balance) => {
                into.mark(2);
                balance.fingerprint(into);
            }
            Seen::Holder(who) => {
                into.mark(3);
                who.map(|who| who.0).fingerprint(into);
            }
            Seen::List(values) => {
                into.mark(4);
                values.fingerprint(into);
            }
        }
    }
}
