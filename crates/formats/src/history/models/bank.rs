//! Accounts. A file from anywhere does not say what was in them at first: a history is linearizable if some opening
//! balances, none of them negative, explain it.
//!
//! Until a read says what is in an account, only the difference to its opening balance is known, and how much must
//! have been there at least for the transfers that went through. Both are exact, so no balance is ever guessed.

use std::fmt::{self, Display};
use std::rc::Rc;

use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::linearizability::Model;

use super::{Asking, FromRecord};
use crate::history::operation::{Asked, End, Operation, Record, Told};

/// Accounts in rising order, and what a read saw in them. Accounts that it does not list it says nothing about.
type Balances = Rc<[(u32, i64)]>;

/// What a bank is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::history) enum Call {
    Transfer {
        from: u32,
        to: u32,
        amount: i64,
    },
    Read {
        saw: Balances,
        /// Whether an earlier read has said for each of these accounts what is in it: then this one changes nothing.
        certain: bool,
    },
}

/// Whether it could be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::history) enum Answer {
    Done,
    Refused,
}

/// What is known of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Account {
    /// So much more than at the opening; and so much was there then, at least.
    Since { more: i128, opening_min: i128 },
    /// So much is there.
    Holds(i128),
}

/// The accounts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::history) struct Accounts(pub(super) Vec<Account>);

impl Accounts {
    /// Nothing is known of any of them.
    pub(super) fn new(count: usize) -> Self {
        Self(vec![Account::Since { more: 0, opening_min: 0 }; count])
    }

    /// Transfers, or agrees with a read, if that can be. Otherwise nothing changes.
    pub(super) fn apply(&mut self, call: &Call) -> Answer {
        match call {
            Call::Transfer { from, to, amount } => self.transfer(*from, *to, i128::from(*amount)),
            Call::Read { saw, .. } => {
                if !saw.iter().all(|&(account, balance)| self.may_hold(account, i128::from(balance))) {
                    return Answer::Refused;
                }
                for &(account, balance) in saw.iter() {
                    self.0[account as usize] = Account::Holds(i128::from(balance));
                }
                Answer::Done
            }
        }
    }

    /// No account is overdrawn. A transfer from an account to itself changes nothing, but needs the money.
    fn transfer(&mut self, from: u32, to: u32, amount: i128) -> Answer {
        match &mut self.0[from as usize] {
            Account::Holds(balance) if *balance < amount => return Answer::Refused,
            Account::Holds(balance) => *balance -= amount,
            Account::Since { more, opening_min } => {
                *opening_min = (*opening_min).max(amount - *more);
                *more -= amount;
            }
        }
        match &mut self.0[to as usize] {
            Account::Holds(balance) => *balance += amount,
            Account::Since { more, .. } => *more += amount,
        }
        Answer::Done
    }

    fn may_hold(&self, account: u32, balance: i128) -> bool {
        match self.0[account as usize] {
            Account::Holds(held) => held == balance,
            Account::Since { more, opening_min } => balance - more >= opening_min,
        }
    }
}

/// A bank with this many accounts.
pub(in crate::history) struct Bank {
    accounts: usize,
}

impl Model for Bank {
    type State = Accounts;
    type Call = Call;
    type Answer = Answer;

    fn initial(&self) -> Accounts {
        Accounts::new(self.accounts)
    }

    fn apply(&self, state: &mut Accounts, call: &Call) -> Answer {
        state.apply(call)
    }

    /// A read whose accounts are known changes none of them, wherever it can take effect: after the reads that
    /// returned before it was called.
    fn is_read(&self, call: &Call) -> bool {
        matches!(call, Call::Read { certain: true, .. })
    }
}

impl FromRecord for Bank {
    fn from_record(record: &Record) -> (Self, Vec<Option<Asking<Self>>>) {
        let known_since = known_since(record);
        let asking = |operation: &Operation| {
            let call = call_of(operation, &known_since)?;
            let answer = match operation.end {
                End::Failed => return None,
                End::Pending | End::Unknown { .. } => None,
                End::Answered { .. } => Some(Answer::Done),
            };
            Some((call, answer))
        };
        (Self { accounts: record.accounts.len() }, record.operations.iter().map(asking).collect())
    }
}

/// By account: the line where a read that says what is in it returned first.
fn known_since(record: &Record) -> Vec<u32> {
    let mut lines = vec![u32::MAX; record.accounts.len()];
    for operation in &record.operations {
        let End::Answered { line, told: Told::Balances(saw) } = &operation.end else { continue };
        for &(account, _) in saw {
            let known = &mut lines[account as usize];
            *known = (*known).min(*line);
        }
    }
    lines
}

/// The call that an operation made; `None` for a read that saw nothing.
pub(super) fn call_of(operation: &Operation, known_since: &[u32]) -> Option<Call> {
    match (operation.asked, &operation.end) {
        (Asked::Transfer { from, to, amount }, _) => Some(Call::Transfer { from, to, amount }),
        (Asked::Balances, End::Answered { told: Told::Balances(saw), .. }) => {
            let is_known = |&(account, _): &(u32, i64)| {
                known_since.get(account as usize).is_some_and(|&line| line < operation.line)
            };
            Some(Call::Read { saw: saw.as_ref().into(), certain: saw.iter().all(is_known) })
        }
        _ => None,
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Transfer { from, to, amount } => write!(f, "transfer {amount} from {from} to {to}"),
            Call::Read { saw, .. } => write!(f, "read of {} accounts", saw.len()),
        }
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::Done => "done",
            Answer::Refused => "refused",
        })
    }
}

/// A wide number as two words.
fn words(into: &mut Fingerprinter, number: i128) {
    let bits = number.cast_unsigned();
    into.pair(bits as u64, (bits >> 64) as u64);
}

impl Fingerprint for Call {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Call::Transfer { from, to, amount } => {
                into.mark(1);
                into.pair(u64::from(*from), u64::from(*to));
                into.word(amount.cast_unsigned());
            }
            Call::Read { saw, certain } => {
                into.pair(saw.len() as u64, u64::from(*certain));
                for &(account, balance) in saw.iter() {
                    into.pair(u64::from(account), balance.cast_unsigned());
                }
            }
        }
    }
}

impl Fingerprint for Accounts {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        for account in &self.0 {
            match *account {
                Account::Since { more, opening_min } => {
                    into.mark(1);
                    words(into, more);
                    words(into, opening_min);
                }
                Account::Holds(balance) => words(into, balance),
            }
        }
    }
}
