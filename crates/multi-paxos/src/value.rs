//! Values: what slots are for.

use std::fmt::{self, Display};
use std::ops::Deref;

use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::session::Command;
use serde::{Deserialize, Serialize};

use crate::{Ballot, Slot};

/// What can be chosen in a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Value {
    /// "A special no-op command that leaves the state unchanged" (PMS 3): what fills a gap.
    NoOp,
    /// A client's command, with the session that makes it count once.
    Command(Command),
}

impl Value {
    /// The command, if it is one.
    #[must_use]
    pub const fn command(&self) -> Option<Command> {
        match self {
            Value::NoOp => None,
            Value::Command(command) => Some(*command),
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::NoOp => f.write_str("no-op"),
            Value::Command(command) => command.fmt(f),
        }
    }
}

impl Fingerprint for Value {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Value::NoOp => into.mark(1),
            Value::Command(command) => command.fingerprint(into),
        }
    }
}

/// What an acceptor holds for a slot: PMMC's *pvalue*, without its slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// The ballot in which it was accepted; nothing for a value that this node never accepted and was told is chosen.
    pub ballot: Option<Ballot>,
    /// The value.
    pub value: Value,
}

impl Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ballot {
            Some(ballot) => write!(f, "{} in {ballot}", self.value),
            None => write!(f, "{} by word of mouth", self.value),
        }
    }
}

impl Fingerprint for Held {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.ballot.fingerprint(into);
        self.value.fingerprint(into);
    }
}

/// The beginning of the log up to a slot, with all of its values chosen and known. Two nodes whose prefixes end at the
/// same slot know the same values, so their digests are equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Prefix {
    /// Its last slot.
    pub last: Slot,
    /// A digest of all its values, in order.
    pub digest: u64,
}

impl Prefix {
    /// The prefix that is longer by this value.
    #[must_use]
    pub(crate) fn then(self, value: &Value) -> Self {
        let mut into = Fingerprinter::default();
        into.word(self.digest);
        value.fingerprint(&mut into);
        Self { last: self.last.next(), digest: into.finish() }
    }
}

impl Fingerprint for Prefix {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.last.0, self.digest);
    }
}

/// The values of consecutive slots in one message. Most messages carry one, and then need no memory of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<Value>", into = "Vec<Value>")]
pub enum Values {
    /// One or none.
    Few(Option<Value>),
    /// Any number.
    Many(Vec<Value>),
}

impl Deref for Values {
    type Target = [Value];

    #[inline]
    fn deref(&self) -> &[Value] {
        match self {
            Values::Few(value) => value.as_slice(),
            Values::Many(values) => values,
        }
    }
}

impl From<Vec<Value>> for Values {
    fn from(values: Vec<Value>) -> Self {
        match values[..] {
            [] => Values::Few(None),
            [value] => Values::Few(Some(value)),
            [..] => Values::Many(values),
        }
    }
}

impl From<Values> for Vec<Value> {
    fn from(values: Values) -> Self {
        values.to_vec()
    }
}

impl FromIterator<Value> for Values {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        let mut values = values.into_iter();
        let first = values.next();
        match (first, values.next()) {
            (first, None) => Values::Few(first),
            (first, second) => Values::Many(first.into_iter().chain(second).chain(values).collect()),
        }
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Values {}

impl Fingerprint for Values {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.len() as u64);
        self.iter().for_each(|value| value.fingerprint(into));
    }
}
