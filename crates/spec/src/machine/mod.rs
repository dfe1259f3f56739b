//! State machines: what a replicated log is for. Each is both what replicas apply and what clients' histories are
//! checked against ([`crate::linearizability`]).
//!
//! Each file holds one machine: what it is asked, what it answers, its state, and `apply`, which is total. Start with
//! the smallest, `register.rs`.

mod register;

mod bank;
mod kv;
mod lock;
mod membership;
mod queue;
mod seats;

mod model;
mod names;
mod shadows;
mod words;

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use serde::{Deserialize, Serialize};

pub use bank::{Bank, BankCall, BankOutcome};
pub use kv::{Kv, KvCall, KvOutcome, Text};
pub use lock::{LockCall, LockOutcome, Locks};
pub use membership::{Membership, MembershipCall, MembershipOutcome};
pub use names::{Account, Key, ListId, LockId, Member, Seat, Token, Who};
pub use queue::{Queue, QueueCall, QueueOutcome};
pub use register::{Register, RegisterCall, RegisterOutcome};
pub use seats::{Seats, SeatsCall, SeatsOutcome};

use crate::Value;

/// Which state machine a cluster runs, and how large it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One register with compare-and-set.
    #[default]
    Register,
    /// A key-value store of texts.
    Kv,
    /// A bank.
    Bank {
        /// So many accounts.
        accounts: u16,
        /// Each opens with this balance.
        opening: u32,
    },
    /// Concert tickets.
    Seats {
        /// So many seats.
        seats: u16,
    },
    /// Locks with fencing tokens.
    Lock,
    /// A registry of members.
    Membership,
    /// A queue.
    Queue,
}

impl Kind {
    /// The names of all machines, in the order of the variants.
    pub const NAMES: [&str; 7] = ["register", "kv", "bank", "seats", "lock", "membership", "queue"];

    /// The machine's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        Self::NAMES[self.number()]
    }

    /// The machine with this name, in a size that makes clients meet: few accounts, few seats.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let kinds = [
            Kind::Register,
            Kind::Kv,
            Kind::Bank { accounts: 5, opening: 100 },
            Kind::Seats { seats: 20 },
            Kind::Lock,
            Kind::Membership,
            Kind::Queue,
        ];
        kinds.into_iter().find(|kind| kind.name() == name)
    }

    const fn number(&self) -> usize {
        match self {
            Kind::Register => 0,
            Kind::Kv => 1,
            Kind::Bank { .. } => 2,
            Kind::Seats { .. } => 3,
            Kind::Lock => 4,
            Kind::Membership => 5,
            Kind::Queue => 6,
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a client asks of a state machine.
#[derive(Clone, Copy, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Of a register.
    Register(RegisterCall<Value>),
    /// Of a key-value store.
    Kv(KvCall<Value>),
    /// Of a bank.
    Bank(BankCall),
    /// Of a box office.
    Seats(SeatsCall),
    /// Of a lock.
    Lock(LockCall),
    /// Of a registry of members.
    Membership(MembershipCall),
    /// Of a queue.
    Queue(QueueCall<Value>),
}

/// What a state machine answers.
#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A register's answer.
    Register(RegisterOutcome<Value>),
    /// A key-value store's answer.
    Kv(KvOutcome),
    /// A bank's answer.
    Bank(BankOutcome),
    /// A box office's answer.
    Seats(SeatsOutcome),
    /// A lock's answer.
    Lock(LockOutcome),
    /// A registry's answer.
    Membership(MembershipOutcome),
    /// A queue's answer.
    Queue(QueueOutcome<Value>),
    /// This machine does not understand such a call, and nothing changed.
    NotUnderstood,
}

/// A state machine with its state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Machine {
    /// One register.
    Register(Register<Value>),
    /// A key-value store.
    Kv(Kv),
    /// A bank.
    Bank(Bank),
    /// A box office.
    Seats(Seats),
    /// Several locks.
    Lock(Locks),
    /// A registry of members.
    Membership(Membership),
    /// A queue.
    Queue(Queue<Value>),
}

impl Machine {
    /// A machine of this kind, before its first call.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Register => Machine::Register(Register::default()),
            Kind::Kv => Machine::Kv(Kv::default()),
            Kind::Bank { accounts, opening } => Machine::Bank(Bank::new(accounts, opening)),
            Kind::Seats { seats } => Machine::Seats(Seats::new(seats)),
            Kind::Lock => Machine::Lock(Locks::default()),
            Kind::Membership => Machine::Membership(Membership::default()),
            Kind::Queue => Machine::Queue(Queue::default()),
        }
    }

    /// Applies a call. Total: a call of another machine changes nothing.
    #[inline]
    pub fn apply(&mut self, call: &Call) -> Outcome {
        // Most machines are registers: what they do needs no call of ours.
        if let (Machine::Register(register), Call::Register(call)) = (&mut *self, call) {
            return Outcome::Register(register.apply(call));
        }
        self.apply_others(call)
    }

    #[inline(never)]
    fn apply_others(&mut self, call: &Call) -> Outcome {
        match (self, call) {
            (Machine::Register(register), Call::Register(call)) => Outcome::Register(register.apply(call)),
            (Machine::Kv(store), Call::Kv(call)) => Outcome::Kv(store.apply(call)),
            (Machine::Bank(bank), Call::Bank(call)) => Outcome::Bank(bank.apply(call)),
            (Machine::Seats(seats), Call::Seats(call)) => Outcome::Seats(seats.apply(call)),
            (Machine::Lock(locks), Call::Lock(call)) => Outcome::Lock(locks.apply(call)),
            (Machine::Membership(registry), Call::Membership(call)) => {
                Outcome::Membership(registry.apply(call))
            }
            (Machine::Queue(queue), Call::Queue(call)) => Outcome::Queue(queue.apply(call)),
            _ => Outcome::NotUnderstood,
        }
    }

    /// What a call finds now, if it is a read, of whatever machine: what [`Machine::apply`] would answer.
    #[must_use]
    pub fn peek(&self, call: &Call) -> Option<Outcome> {
        match (self, call) {
            (Machine::Register(register), Call::Register(call)) => register.peek(call).map(Outcome::Register),
            (Machine::Kv(store), Call::Kv(call)) => store.peek(call).map(Outcome::Kv),
            (Machine::Bank(bank), Call::Bank(call)) => bank.peek(call).map(Outcome::Bank),
            (Machine::Seats(seats), Call::Seats(call)) => seats.peek(call).map(Outcome::Seats),
            (Machine::Lock(locks), Call::Lock(call)) => locks.peek(call).map(Outcome::Lock),
            (Machine::Membership(registry), Call::Membership(call)) => {
                registry.peek(call).map(Outcome::Membership)
            }
            (Machine::Queue(queue), Call::Queue(call)) => queue.peek(call).map(Outcome::Queue),
            _ => call.is_read().then_some(Outcome::NotUnderstood),
        }
    }
}

impl Clone for Outcome {
    /// Most are a register's, and copied on the spot.
    #[inline]
    fn clone(&self) -> Self {
        if let Outcome::Register(outcome) = self { Outcome::Register(*outcome) } else { self.clone_others() }
    }
}

impl Outcome {
    #[inline(never)]
    fn clone_others(&self) -> Self {
        match self {
            Outcome::Register(outcome) => Outcome::Register(*outcome),
            Outcome::Kv(outcome) => Outcome::Kv(outcome.clone()),
            Outcome::Bank(outcome) => Outcome::Bank(outcome.clone()),
            Outcome::Seats(outcome) => Outcome::Seats(outcome.clone()),
            Outcome::Lock(outcome) => Outcome::Lock(*outcome),
            Outcome::Membership(outcome) => Outcome::Membership(outcome.clone()),
            Outcome::Queue(outcome) => Outcome::Queue(outcome.clone()),
            Outcome::NotUnderstood => Outcome::NotUnderstood,
        }
    }
}

impl PartialEq for Call {
    /// Most are of a register, and compared on the spot.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        if let (Call::Register(one), Call::Register(other)) = (self, other) {
            return one == other;
        }
        self.is_same_other(other)
    }
}

impl Call {
    #[inline(never)]
    fn is_same_other(&self, other: &Self) -> bool {
        match self {
            Call::Register(one) => matches!(other, Call::Register(other) if one == other),
            Call::Kv(one) => matches!(other, Call::Kv(other) if one == other),
            Call::Bank(one) => matches!(other, Call::Bank(other) if one == other),
            Call::Seats(one) => matches!(other, Call::Seats(other) if one == other),
            Call::Lock(one) => matches!(other, Call::Lock(other) if one == other),
            Call::Membership(one) => matches!(other, Call::Membership(other) if one == other),
            Call::Queue(one) => matches!(other, Call::Queue(other) if one == other),
        }
    }

    /// The name of the machine that it is asked of.
    #[must_use]
    pub const fn kind_name(&self) -> &'static str {
        match self {
            Call::Register(_) => "register",
            Call::Kv(_) => "kv",
            Call::Bank(_) => "bank",
            Call::Seats(_) => "seats",
            Call::Lock(_) => "lock",
            Call::Membership(_) => "membership",
            Call::Queue(_) => "queue",
        }
    }

    /// Whether it never changes the state, whatever the state is.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        match self {
            Call::Register(call) => call.is_read(),
            Call::Kv(call) => call.is_read(),
            Call::Bank(call) => call.is_read(),
            Call::Seats(call) => call.is_read(),
            Call::Lock(call) => call.is_read(),
            Call::Membership(call) => call.is_read(),
            Call::Queue(call) => call.is_read(),
        }
    }

    /// The number of its machine among [`Kind::NAMES`].
    const fn number(&self) -> u64 {
        match self {
            Call::Register(_) => 0,
            Call::Kv(_) => 1,
            Call::Bank(_) => 2,
            Call::Seats(_) => 3,
            Call::Lock(_) => 4,
            Call::Membership(_) => 5,
            Call::Queue(_) => 6,
        }
    }
}

/// Writes things one after the other, with commas.
fn list(f: &mut fmt::Formatter<'_>, items: impl IntoIterator<Item: Display>) -> fmt::Result {
    f.write_str("[")?;
    for (position, item) in items.into_iter().enumerate() {
        write!(f, "{}{item}", if position > 0 { ", " } else { "" })?;
    }
    f.write_str("]")
}

impl Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Register(call) => call.fmt(f),
            Call::Kv(call) => call.fmt(f),
            Call::Bank(call) => call.fmt(f),
            Call::Seats(call) => call.fmt(f),
            Call::Lock(call) => call.fmt(f),
            Call::Membership(call) => call.fmt(f),
            Call::Queue(call) => call.fmt(f),
        }
    }
}

impl Fingerprint for Call {
    #[inline(always)]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        // A call is in every message, record and announcement: most are of a register, and told without a call of ours.
        if let Call::Register(call) = self {
            into.mark(self.number());
            return call.fingerprint(into);
        }
        self.fingerprint_of_others(into);
    }
}

impl Call {
    #[inline(never)]
    fn fingerprint_of_others(&self, into: &mut Fingerprinter) {
        into.mark(self.number());
        match self {
            Call::Register(call) => call.fingerprint(into),
            Call::Kv(call) => call.fingerprint(into),
            Call::Bank(call) => call.fingerprint(into),
            Call::Seats(call) => call.fingerprint(into),
            Call::Lock(call) => call.fingerprint(into),
            Call::Membership(call) => call.fingerprint(into),
            Call::Queue(call) => call.fingerprint(into),
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Register(outcome) => outcome.fmt(f),
            Outcome::Kv(outcome) => outcome.fmt(f),
            Outcome::Bank(outcome) => outcome.fmt(f),
            Outcome::Seats(outcome) => outcome.fmt(f),
            Outcome::Lock(outcome) => outcome.fmt(f),
            Outcome::Membership(outcome) => outcome.fmt(f),
            Outcome::Queue(outcome) => outcome.fmt(f),
            Outcome::NotUnderstood => f.write_str("not understood"),
        }
    }
}

impl Fingerprint for Outcome {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Outcome::Register(outcome) => {
                into.mark(1);
                outcome.fingerprint(into);
            }
            Outcome::Kv(outcome) => {
                into.mark(2);
                outcome.fingerprint(into);
            }
            Outcome::Bank(outcome) => {
                into.mark(3);
                outcome.fingerprint(into);
            }
            Outcome::Seats(outcome) => {
                into.mark(4);
                outcome.fingerprint(into);
            }
            Outcome::Lock(outcome) => {
                into.mark(5);
                outcome.fingerprint(into);
            }
            Outcome::Membership(outcome) => {
                into.mark(6);
                outcome.fingerprint(into);
            }
            Outcome::Queue(outcome) => {
                into.mark(7);
                outcome.fingerprint(into);
            }
            Outcome::NotUnderstood => into.mark(0),
        }
    }
}

impl Fingerprint for Machine {
    /// Tells states of one kind apart; nobody compares states of two kinds.
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Machine::Register(register) => register.fingerprint(into),
            Machine::Kv(store) => store.fingerprint(into),
            Machine::Bank(bank) => bank.fingerprint(into),
            Machine::Seats(seats) => seats.fingerprint(into),
            Machine::Lock(locks) => locks.fingerprint(into),
            Machine::Membership(registry) => registry.fingerprint(into),
            Machine::Queue(queue) => queue.fingerprint(into),
        }
    }
}
