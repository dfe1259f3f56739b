//! Anomalies: what can go wrong, by the names of Adya and of Elle.

use std::fmt::{self, Display};

/// A kind of anomaly, the gravest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A transaction does not see what it did itself.
    Internal,
    /// A value was read that nobody appended.
    Garbage,
    /// A value is in a list twice.
    Duplicate,
    /// Two reads of one list contradict each other: neither is the beginning of the other.
    IncompatibleOrder,
    /// Aborted read: a committed transaction saw what an aborted one did.
    G1a,
    /// Intermediate read: a transaction saw a part of what another did to one list.
    G1b,
    /// Dirty write: a cycle of writes.
    G0,
    /// Circular information flow: a cycle of writes and reads.
    G1c,
    /// Read skew: a cycle with exactly one anti-dependency, a read that another transaction's write came after.
    GSingle,
    /// Write skew and worse: a cycle with more than one.
    G2,
    /// As [`Kind::G0`], but only together with the order of time.
    G0Realtime,
    /// As [`Kind::G1c`], but only together with the order of time.
    G1cRealtime,
    /// As [`Kind::GSingle`], but only together with the order of time: a stale read.
    GSingleRealtime,
    /// As [`Kind::G2`], but only together with the order of time.
    G2Realtime,
}

impl Kind {
    /// The name in reports and signatures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Internal => "internal",
            Kind::Garbage => "garbage-read",
            Kind::Duplicate => "duplicate-elements",
            Kind::IncompatibleOrder => "incompatible-order",
            Kind::G1a => "G1a",
            Kind::G1b => "G1b",
            Kind::G0 => "G0",
            Kind::G1c => "G1c",
            Kind::GSingle => "G-single",
            Kind::G2 => "G2",
            Kind::G0Realtime => "G0-realtime",
            Kind::G1cRealtime => "G1c-realtime",
            Kind::GSingleRealtime => "G-single-realtime",
            Kind::G2Realtime => "G2-realtime",
        }
    }

    /// What it is called in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Kind::Internal => "a transaction does not see what it did itself",
            Kind::Garbage => "a value was read that nobody had appended",
            Kind::Duplicate => "a value is in a list twice",
            Kind::IncompatibleOrder => "two reads of a list contradict each other",
            Kind::G1a => "aborted read",
            Kind::G1b => "intermediate read",
            Kind::G0 => "dirty write",
            Kind::G1c => "circular information flow",
            Kind::GSingle => "read skew",
            Kind::G2 => "write skew",
            Kind::G0Realtime => "dirty write, in the order of time",
            Kind::G1cRealtime => "circular information flow, in the order of time",
            Kind::GSingleRealtime => "stale read",
            Kind::G2Realtime => "write skew, in the order of time",
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What went wrong, and the proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anomaly {
    /// What kind it is.
    pub kind: Kind,
    /// The facts that collide, each a sentence without a full stop.
    pub facts: Vec<String>,
}

impl Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.kind, self.kind.words(), self.facts.join("; "))
    }
}
