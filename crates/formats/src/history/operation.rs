//! What a file tells, line by line paired into operations.

use super::names::{Names, quoted};
use super::object::Object;

/// What was asked. Numbers are those of [`Names`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    Read,
    Write(u32),
    Cas { from: u32, to: u32 },
    Get,
    Put(u32),
    Append(u32),
    Transfer { from: u32, to: u32, amount: i64 },
    Balances,
    Acquire,
    Release { token: Option<i64> },
    Enqueue(u32),
    Dequeue,
}

/// What was answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// That it was done.
    Done,
    /// A value; of a register or a queue.
    Found(u32),
    /// A text; of a map.
    Text(u32),
    /// Accounts in rising order, and what is in them.
    Balances(Box<[(u32, i64)]>),
    /// A lock, perhaps with its token.
    Held { token: Option<i64> },
}

/// What is known of the end of an operation. Lines count from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The file ends first.
    Pending,
    /// An `info` line.
    Unknown { line: u32 },
    /// A `fail` line.
    Failed,
    /// An `ok` line.
    Answered { line: u32, told: Told },
}

/// One operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Operation {
    pub(super) process: u32,
    pub(super) key: Option<u32>,
    pub(super) asked: Asked,
    /// The line of its invocation. Lines are the order in which things happened.
    pub(super) line: u32,
    pub(super) end: End,
}

/// Everything that a file tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) object: Object,
    /// In the order of their invocations.
    pub(super) operations: Vec<Operation>,
    pub(super) processes: Names,
    pub(super) keys: Names,
    /// What registers and queues hold.
    pub(super) values: Names,
    /// What maps hold, and what is appended.
    pub(super) texts: Names,
    pub(super) accounts: Names,
    /// How many lines told of faults.
    pub(super) nemesis_lines: usize,
    /// What a person should know before trusting the verdict.
    pub(super) notes: Vec<String>,
}

impl Record {
    pub(super) fn new(object: Object) -> Self {
        Self {
            object,
            operations: Vec::new(),
            processes: Names::default(),
            keys: Names::default(),
            values: Names::default(),
            texts: Names::default(),
            accounts: Names::default(),
            nemesis_lines: 0,
            notes: Vec::new(),
        }
    }

    /// An operation in a few words: `write 3`.
    pub(super) fn show_asked(&self, asked: &Asked) -> String {
        let value = |number: u32| crop(self.values.show(number));
        let text = |number: u32| crop(&quoted(self.texts.show(number)));
        match *asked {
            Asked::Read | Asked::Balances => "read".to_string(),
            Asked::Write(to) => format!("write {}", value(to)),
            Asked::Cas { from, to } => format!("cas {} to {}", value(from), value(to)),
            Asked::Get => "get".to_string(),
            Asked::Put(to) => format!("put {}", text(to)),
            Asked::Append(more) => format!("append {}", text(more)),
            Asked::Transfer { from, to, amount } => {
                let account = |number: u32| crop(self.accounts.show(number));
                format!("transfer {amount} from {} to {}", account(from), account(to))
            }
            Asked::Acquire => "acquire".to_string(),
            Asked::Release { token: None } => "release".to_string(),
            Asked::Release { token: Some(token) } => format!("release token {token}"),
            Asked::Enqueue(what) => format!("enqueue {}", value(what)),
            Asked::Dequeue => "dequeue".to_string(),
        }
    }

    /// An answer in a few words; empty when it only says that something was done.
    pub(super) fn show_told(&self, told: &Told) -> String {
        match told {
            Told::Done | Told::Held { token: None } => String::new(),
            Told::Found(value) => crop(self.values.show(*value)),
            Told::Text(text) => crop(&quoted(self.texts.show(*text))),
            Told::Balances(balances) => self.show_balances(balances),
            Told::Held { token: Some(token) } => format!("token {token}"),
        }
    }

    /// `{a: 1, b: 2}`; of many accounts, the first ones.
    pub(super) fn show_balances(&self, balances: &[(u32, i64)]) -> String {
        const SHOWN_MAX: usize = 8;
        let one =
            |(account, balance): &(u32, i64)| format!("{}: {balance}", crop(self.accounts.show(*account)));
        let mut shown: Vec<String> = balances.iter().take(SHOWN_MAX).map(one).collect();
        if balances.len() > SHOWN_MAX {
            shown.push(format!("and {} more", balances.len() - SHOWN_MAX));
        }
        format!("{{{}}}", shown.join(", "))
    }
}

/// A name that fits a line: of a long one the beginning and, since appended texts differ there, the end.
pub(super) fn crop(text: &str) -> String {
    const FIRST: usize = 12;
    const LAST: usize = 16;
    let length = text.chars().count();
    if length <= FIRST + LAST + 3 {
        return text.to_string();
    }
    let last: String = text.chars().skip(length - LAST).collect();
    format!("{}...{last}", text.chars().take(FIRST).collect::<String>())
}

impl Asked {
    /// Its word in a file.
    pub(super) const fn function(&self) -> &'static str {
        match self {
            Asked::Read | Asked::Balances => "read",
            Asked::Write(_) => "write",
            Asked::Cas { .. } => "cas",
            Asked::Get => "get",
            Asked::Put(_) => "put",
            Asked::Append(_) => "append",
            Asked::Transfer { .. } => "transfer",
            Asked::Acquire => "acquire",
            Asked::Release { .. } => "release",
            Asked::Enqueue(_) => "enqueue",
            Asked::Dequeue => "dequeue",
        }
    }
}
