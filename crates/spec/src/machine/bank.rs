//! A bank: money moves between accounts. All accounts open with the same balance.
//!
//! No money is made or lost, and no account is overdrawn: the bank test of Kingsbury's Jepsen
//! (`jepsen.tests.bank`), where each read of all accounts must add up.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use serde::{Deserialize, Serialize};

use super::Account;

/// What a bank is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BankCall {
    /// Move money, if it is there.
    Transfer {
        /// From this account.
        from: Account,
        /// To this one.
        to: Account,
        /// So much.
        amount: u32,
    },
    /// How much is in this account?
    Balance(Account),
    /// How much is in each account?
    Audit,
}

/// What a bank answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BankOutcome {
    /// The money was moved.
    Transferred,
    /// Refused: there is less in the account.
    NoFunds,
    /// Refused: both accounts are the same.
    SameAccount,
    /// Refused: there is no such account.
    NoSuchAccount,
    /// So much is there.
    Balance(u64),
    /// So much is in each account, in their order.
    Balances(Vec<u64>),
}

/// The bank. Invariant: the balances add up to what was there at the opening.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bank {
    balances: Vec<u64>,
}

impl Bank {
    /// A bank with that many accounts, each with that balance.
    #[must_use]
    pub fn new(accounts: u16, opening: u32) -> Self {
        Self { balances: vec![u64::from(opening); usize::from(accounts)] }
    }

    /// A bank with these balances.
    #[must_use]
    pub const fn holding(balances: Vec<u64>) -> Self {
        Self { balances }
    }

    /// Whether transfers could turn this bank into the other: no money is made or lost.
    #[must_use]
    pub fn may_become(&self, other: &Self) -> bool {
        let total =
            |bank: &Self| bank.balances.iter().fold(0u64, |sum, &balance| sum.saturating_add(balance));
        self.balances.len() == other.balances.len() && total(self) == total(other)
    }

    /// Applies a call.
    pub fn apply(&mut self, call: &BankCall) -> BankOutcome {
        match *call {
            BankCall::Transfer { from, to, amount } => self.transfer(from, to, u64::from(amount)),
            BankCall::Balance(account) => self.balance(account),
            BankCall::Audit => self.audit(),
        }
    }

    /// What a call finds now, if it is a read.
    #[must_use]
    pub fn peek(&self, call: &BankCall) -> Option<BankOutcome> {
        match *call {
            BankCall::Transfer { .. } => None,
            BankCall::Balance(account) => Some(self.balance(account)),
            BankCall::Audit => Some(self.audit()),
        }
    }

    fn transfer(&mut self, from: Account, to: Account, amount: u64) -> BankOutcome {
        let accounts = self.balances.len();
        let (giver, taker) = (usize::from(from.0), usize::from(to.0));
        if giver >= accounts || taker >= accounts {
            return BankOutcome::NoSuchAccount;
        }
        if giver == taker {
            return BankOutcome::SameAccount;
        }
        let Some(left) = self.balances[giver].checked_sub(amount) else { return BankOutcome::NoFunds };
        self.balances[giver] = left;
        // At most 2^16 accounts opened with less than 2^32 each: no sum of balances comes near 2^64.
        self.balances[taker] += amount;
        BankOutcome::Transferred
    }

    fn balance(&self, account: Account) -> BankOutcome {
        let balance = self.balances.get(usize::from(account.0));
        balance.map_or(BankOutcome::NoSuchAccount, |&balance| BankOutcome::Balance(balance))
    }

    fn audit(&self) -> BankOutcome {
        BankOutcome::Balances(self.balances.clone())
    }
}

impl BankCall {
    /// Whether it never changes the bank.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        matches!(self, BankCall::Balance(_) | BankCall::Audit)
    }
}

impl Display for BankCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BankCall::Transfer { from, to, amount } => write!(f, "transfer {amount} from {from} to {to}"),
            BankCall::Balance(account) => write!(f, "balance of {account}"),
            BankCall::Audit => f.write_str("audit"),
        }
    }
}

impl Display for BankOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BankOutcome::Transferred => f.write_str("transferred"),
            BankOutcome::NoFunds => f.write_str("refused: not so much there"),
            BankOutcome::SameAccount => f.write_str("refused: the same account"),
            BankOutcome::NoSuchAccount => f.write_str("refused: no such account"),
            BankOutcome::Balance(balance) => balance.fmt(f),
            BankOutcome::Balances(balances) => {
                let numbered = balances.iter().zip(0u16..);
                super::list(f, numbered.map(|(balance, number)| format!("{}: {balance}", Account(number))))
            }
        }
    }
}

impl Fingerprint for BankCall {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match *self {
            BankCall::Transfer { from, to, amount } => {
                into.mark(0);
                into.pair(u64::from(from.0) << 16 | u64::from(to.0), u64::from(amount));
            }
            BankCall::Balance(account) => {
                into.mark(1);
                account.fingerprint(into);
            }
            BankCall::Audit => into.mark(2),
        }
    }
}

impl Fingerprint for BankOutcome {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            BankOutcome::Transferred => into.mark(1),
            BankOutcome::NoFunds => into.mark(2),
            BankOutcome::SameAccount => into.mark(3),
            BankOutcome::NoSuchAccount => into.mark(4),
            BankOutcome::Balance(balance) => {
                into.mark(5);
                balance.fingerprint(into);
            }
            BankOutcome::Balances(balances) => {
                into.mark(6);
                balances.fingerprint(into);
            }
        }
    }
}

impl Fingerprint for Bank {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.balances.fingerprint(into);
    }
}
