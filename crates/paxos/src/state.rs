//! What a node knows: what its disk keeps, which role its proposer is in, which timer goes with the role.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, Kinded, NodeSet};
use quarrel_spec::Value;
use serde::{Deserialize, Serialize};

use crate::{Ballot, Proposal};

/// One durable fact.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// As proposer: this ballot is used up.
    Started(Ballot),
    /// As acceptor: nothing lower than this ballot will be accepted.
    Promised(Ballot),
    /// As acceptor: this proposal is accepted, and its ballot promised.
    Accepted(Proposal),
    /// As learner: this value is chosen.
    Decided(Value),
}

impl Record {
    /// Whether it is the acceptor's, and not the proposer's or the learner's.
    #[must_use]
    pub fn is_acceptors(&self) -> bool {
        matches!(self, Record::Promised(_) | Record::Accepted(_))
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Started(ballot) => write!(f, "started {ballot}"),
            Record::Promised(ballot) => write!(f, "promised {ballot}"),
            Record::Accepted(proposal) => write!(f, "accepted {proposal}"),
            Record::Decided(value) => write!(f, "decided {value}"),
        }
    }
}

impl Fingerprint for Record {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Record::Started(ballot) => {
                into.word(0);
                ballot.fingerprint(into);
            }
            Record::Promised(ballot) => {
                into.word(1);
                ballot.fingerprint(into);
            }
            Record::Accepted(proposal) => {
                into.word(2);
                proposal.fingerprint(into);
            }
            Record::Decided(value) => {
                into.word(3);
                value.fingerprint(into);
            }
        }
    }
}

/// The fold of a node's records, in memory. The same [`Durable::apply`] serves a write and a recovery, so what a
/// restart restores cannot drift from what was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Durable {
    /// The last ballot this node's proposer used. PMS 2.5: a proposer "remembers (in stable storage) the
    /// highest-numbered proposal it has tried to issue".
    pub started: Option<Ballot>,
    /// The highest ballot this node's acceptor has promised.
    ///
    /// Invariant: at least the ballot of `accepted`.
    pub promised: Option<Ballot>,
    /// The proposal this node's acceptor accepted last.
    pub accepted: Option<Proposal>,
    /// What this node's learner knows to be chosen.
    pub decided: Option<Value>,
}

impl Durable {
    /// Takes in one record.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Started(ballot) => self.started = self.started.max(Some(ballot)),
            Record::Promised(ballot) => self.promised = self.promised.max(Some(ballot)),
            Record::Accepted(proposal) => {
                // An accepted ballot is promised too: its Prepare need not have come this way.
                self.promised = self.promised.max(Some(proposal.ballot));
                self.accepted = Some(proposal);
            }
            Record::Decided(value) => {
                self.decided.get_or_insert(value);
            }
        }
    }

    /// Asserts what must hold before each write and after each recovery.
    ///
    /// # Panics
    /// When it does not.
    pub fn assert_sound(&self) {
        let accepted = self.accepted.map(|proposal| proposal.ballot);
        assert!(accepted <= self.promised, "an accepted ballot is a promised one");
    }
}

/// What this node's proposer is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Nothing; it inquires if no decision is heard of for long.
    Idle,
    /// Phase 1: it collects promises.
    Preparing {
        /// The ballot; the last that was started.
        ballot: Ballot,
        /// Who has promised. Invariant: not yet a phase-1 quorum.
        promised_by: NodeSet,
        /// The highest-numbered proposal among the promises. Invariant: lower than `ballot`.
        highest: Option<Proposal>,
    },
    /// Phase 2: it has issued a proposal; the learner counts.
    Proposing {
        /// What it has proposed, in the last ballot that was started.
        proposal: Proposal,
    },
    /// Its ballot failed; it pauses before the next. Invariant: it has a value to propose.
    BackingOff,
    /// A value is chosen and known here; there is nothing left to propose. Invariant: the decision is recorded.
    Decided {
        /// The value.
        value: Value,
    },
}

impl Role {
    /// The ballot under way.
    #[must_use]
    pub fn ballot(&self) -> Option<Ballot> {
        match self {
            Role::Preparing { ballot, .. } => Some(*ballot),
            Role::Proposing { proposal } => Some(proposal.ballot),
            Role::Idle | Role::BackingOff | Role::Decided { .. } => None,
        }
    }

    /// The timer that is set while in this role.
    #[must_use]
    pub fn timer(&self) -> Option<Timer> {
        match self {
            Role::Idle => Some(Timer::Inquiry),
            Role::Preparing { .. } | Role::Proposing { .. } => Some(Timer::Attempt),
            Role::BackingOff => Some(Timer::Retry),
            Role::Decided { .. } => None,
        }
    }

    /// The role in one word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Role::Idle => "idle",
            Role::Preparing { .. } => "preparing",
            Role::Proposing { .. } => "proposing",
            Role::BackingOff => "backing-off",
            Role::Decided { .. } => "decided",
        }
    }
}

/// A node's timers. At most one is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timer {
    /// Covers both phases of a ballot: when it fires, the ballot has failed.
    Attempt,
    /// Ends the pause after a failed ballot.
    Retry,
    /// An idle node has heard of no decision for long.
    Inquiry,
}

impl Kinded for Timer {
    const KINDS: &'static [&'static str] = &["attempt", "retry", "inquiry"];

    fn kind(&self) -> usize {
        *self as usize
    }
}

impl Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind_name())
    }
}

impl Fingerprint for Timer {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.kind() as u64);
    }
}
