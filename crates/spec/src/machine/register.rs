//! A register with compare-and-set. Initially empty.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use serde::{Deserialize, Serialize};

/// What a register is asked. `V` is any value that can be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegisterCall<V> {
    /// What is there?
    Read,
    /// Put this there.
    Write(V),
    /// If `from` is there, put `to` there.
    Cas {
        /// What must be there; `None` is the empty register.
        from: Option<V>,
        /// What is put there.
        to: V,
    },
}

/// What a register answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegisterOutcome<V> {
    /// This is there; `None` if nothing was ever written.
    Found(Option<V>),
    /// Written.
    Written,
    /// Whether the comparison held, and so the value was set.
    Compared(bool),
}

/// The register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Register<V>(Option<V>);

impl<V> Default for Register<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V> Register<V> {
    /// A register that holds this.
    #[must_use]
    pub const fn holding(value: Option<V>) -> Self {
        Self(value)
    }
}

impl<V: Copy + Eq> Register<V> {
    /// Applies a call.
    #[inline]
    pub fn apply(&mut self, call: &RegisterCall<V>) -> RegisterOutcome<V> {
        match *call {
            RegisterCall::Read => RegisterOutcome::Found(self.0),
            RegisterCall::Write(value) => {
                self.0 = Some(value);
                RegisterOutcome::Written
            }
            RegisterCall::Cas { from, to } => {
                let holds = self.0 == from;
                if holds {
                    self.0 = Some(to);
                }
                RegisterOutcome::Compared(holds)
            }
        }
    }

    /// What a call finds now, if it is a read.
    #[must_use]
    pub fn peek(&self, call: &RegisterCall<V>) -> Option<RegisterOutcome<V>> {
        match call {
            RegisterCall::Read => Some(RegisterOutcome::Found(self.0)),
            RegisterCall::Write(_) | RegisterCall::Cas { .. } => None,
        }
    }
}

impl<V> RegisterCall<V> {
    /// Whether it never changes the register.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        matches!(self, RegisterCall::Read)
    }
}

impl<V: Display> Display for RegisterCall<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterCall::Read => f.write_str("read"),
            RegisterCall::Write(value) => write!(f, "write {value}"),
            RegisterCall::Cas { from: Some(from), to } => write!(f, "cas {from} -> {to}"),
            RegisterCall::Cas { from: None, to } => write!(f, "cas nothing -> {to}"),
        }
    }
}

impl<V: Display> Display for RegisterOutcome<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterOutcome::Found(Some(value)) => value.fmt(f),
            RegisterOutcome::Found(None) => f.write_str("nothing"),
            RegisterOutcome::Written => f.write_str("written"),
            RegisterOutcome::Compared(true) => f.write_str("set"),
            RegisterOutcome::Compared(false) => f.write_str("not set"),
        }
    }
}

impl<V: Fingerprint> Fingerprint for RegisterCall<V> {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            RegisterCall::Read => into.mark(1),
            RegisterCall::Write(value) => value.fingerprint(into),
            RegisterCall::Cas { from, to } => {
                into.mark(2);
                from.fingerprint(into);
                to.fingerprint(into);
            }
        }
    }
}

impl<V: Fingerprint> Fingerprint for RegisterOutcome<V> {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            RegisterOutcome::Found(value) => value.fingerprint(into),
            RegisterOutcome::Written => into.mark(2),
            RegisterOutcome::Compared(holds) => into.mark(3 + u64::from(*holds)),
        }
    }
}

impl<V: Fingerprint> Fingerprint for Register<V> {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.0.fingerprint(into);
    }
}
