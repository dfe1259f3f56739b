//! What a history can be about, and which words are used for it.

use std::fmt::{self, Display};

/// The kind of object that clients asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Object {
    /// Registers with compare-and-set; one, or one for each key.
    Register,
    /// A map from keys to texts that can be appended to.
    Kv,
    /// Accounts with money that moves between them.
    Bank,
    /// Locks, with or without fencing tokens; one, or one for each key.
    Lock,
    /// First-in-first-out queues; one, or one for each key.
    Queue,
}

/// What can be asked, in the words of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Function {
    Read,
    Write,
    Cas,
    Get,
    Put,
    Append,
    Transfer,
    Balances,
    Acquire,
    Release,
    Enqueue,
    Dequeue,
}

/// Whether the operations of an object name the part that they are about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum KeyRule {
    Required,
    /// All of a file do, or none.
    AllOrNone,
    Forbidden,
}

impl Object {
    /// All of them.
    pub const ALL: [Object; 5] = [Object::Register, Object::Kv, Object::Bank, Object::Lock, Object::Queue];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Object::Register => "register",
            Object::Kv => "kv",
            Object::Bank => "bank",
            Object::Lock => "lock",
            Object::Queue => "queue",
        }
    }

    /// What it can be asked: the word in a file, and what it means.
    pub(super) const fn functions(self) -> &'static [(&'static str, Function)] {
        match self {
            Object::Register => {
                &[("read", Function::Read), ("write", Function::Write), ("cas", Function::Cas)]
            }
            Object::Kv => &[("get", Function::Get), ("put", Function::Put), ("append", Function::Append)],
            Object::Bank => &[("transfer", Function::Transfer), ("read", Function::Balances)],
            Object::Lock => &[("acquire", Function::Acquire), ("release", Function::Release)],
            Object::Queue => &[("enqueue", Function::Enqueue), ("dequeue", Function::Dequeue)],
        }
    }

    pub(super) const fn key_rule(self) -> KeyRule {
        match self {
            Object::Kv => KeyRule::Required,
            Object::Bank => KeyRule::Forbidden,
            Object::Register | Object::Lock | Object::Queue => KeyRule::AllOrNone,
        }
    }
}

impl Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
