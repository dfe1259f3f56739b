//! The replicated log: one sequence of commands, applied in the same order by every replica.
//!
//! Schneider, *Implementing Fault-Tolerant Services Using the State Machine Approach* (1990).
//!
//! Here are its words; `properties.rs` judges what nodes put out by what `record.rs` remembers, `state_machine.rs` is what clients believe in.

mod properties;
mod record;
mod state_machine;

use std::fmt::{self, Display};

use quarrel_protocol::{Answer, ClientId, ClientReply, Fingerprint, Fingerprinter, NodeId, NodeSet};
use serde::{Deserialize, Serialize};

pub use self::properties::{PROPERTIES, Properties};
pub use self::state_machine::StateMachine;
pub use crate::machine::Call;
use crate::machine::{Kind, Outcome};
use crate::session::{Command, Replica};
use crate::workload::{Chance, Workload};

/// What a client is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The command was applied.
    Applied {
        /// At this position, from 1. A read that needed no position of its own: the last one that it saw.
        index: u64,
        /// What the state machine answered.
        outcome: Outcome,
    },
    /// This node does not lead; ask the other, if one is known.
    NotLeader {
        /// Who leads, as far as this node knows.
        hint: Option<NodeId>,
    },
}

impl Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Applied { index, outcome } => write!(f, "{outcome}, at {index}"),
            Reply::NotLeader { hint: Some(leader) } => write!(f, "ask {leader}"),
            Reply::NotLeader { hint: None } => f.write_str("no leader known"),
        }
    }
}

impl Fingerprint for Reply {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Reply::Applied { index, outcome } => {
                index.fingerprint(into);
                outcome.fingerprint(into);
            }
            Reply::NotLeader { hint } => {
                into.mark(1);
                hint.fingerprint(into);
            }
        }
    }
}

impl ClientReply for Reply {
    fn answer(&self) -> Answer {
        match *self {
            Reply::Applied { .. } => Answer::Done,
            Reply::NotLeader { hint } => Answer::Redirect(hint),
        }
    }
}

/// What a replica puts out: how its copy of the state machine moves on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Output {
    /// By one position of the log.
    Applied(Applied),
    /// By a snapshot.
    Restored(Restored),
}

impl Output {
    /// The position that the replica has come to.
    #[must_use]
    pub const fn index(&self) -> u64 {
        match self {
            Output::Applied(applied) => applied.index,
            Output::Restored(restored) => restored.index,
        }
    }
}

impl From<Applied> for Output {
    fn from(applied: Applied) -> Self {
        Output::Applied(applied)
    }
}

impl Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Applied(applied) => applied.fmt(f),
            Output::Restored(restored) => restored.fmt(f),
        }
    }
}

impl Fingerprint for Output {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Output::Applied(applied) => applied.fingerprint(into),
            Output::Restored(restored) => restored.fingerprint(into),
        }
    }
}

/// A replica takes over a snapshot instead of applying what led to it: one of its own after a restart, or one that it
/// was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Restored {
    /// The last position of the log that the snapshot covers.
    pub index: u64,
    /// The fingerprint of the replica that came out of it: [`Replica`], sessions included.
    pub state: u64,
}

impl Restored {
    /// This replica, which has just been taken over from a snapshot of everything up to `index`.
    #[must_use]
    pub fn of(replica: &Replica, index: u64) -> Self {
        Self { index, state: replica.digest() }
    }
}

impl Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "takes over a snapshot of everything up to {}", self.index)
    }
}

impl Fingerprint for Restored {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(2);
        into.pair(self.index, self.state);
    }
}

/// A replica applies this position of the log. Repeats after a restart, from the start or from where its snapshot ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Applied {
    /// The position, from 1, without gaps.
    pub index: u64,
    /// The command; `None` for a no-op of the protocol's own.
    pub command: Option<Command>,
}

impl Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.command {
            Some(command) => write!(f, "applies {command} at {}", self.index),
            None => write!(f, "applies a no-op at {}", self.index),
        }
    }
}

impl Fingerprint for Applied {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(u64::from(self.command.is_some()));
        self.index.fingerprint(into);
        if let Some(command) = &self.command {
            command.fingerprint(into);
        }
    }
}

/// What a client asks in operation number `number`.
#[must_use]
pub fn ask(workload: &Workload, number: u32, client: ClientId, chance: &mut dyn Chance) -> Call {
    workload.call(number, client, chance)
}

/// What reads back everything that was written: of whomever clients believe to lead.
#[must_use]
pub fn scan(workload: &Workload, _core: NodeSet, _number: u32) -> Vec<(Option<NodeId>, Call)> {
    workload.scan().into_iter().map(|call| (None, call)).collect()
}

/// Reads a command's call in words: `write v3`, `transfer 5 from a1 to a2`.
///
/// # Errors
/// When the words are none.
pub fn parse(words: &str) -> Result<Call, String> {
    words.parse()
}

/// A command that comes twice counts once: [`Replica`] sees to it.
#[must_use]
pub const fn may_repeat(_: &Call) -> bool {
    true
}

/// Why a call makes no sense where runs draw one of these state machines.
#[must_use]
pub fn misfit(call: &Call, machines: &[Kind]) -> Option<String> {
    let stranger = machines.iter().find(|machine| machine.name() != call.kind_name())?;
    Some(format!("this is asked of a {}, and the machine of [workload] is a {stranger}", call.kind_name()))
}

/// What runs a state machine says which one.
pub trait RunsMachine {
    /// The state machine that replicas apply commands to.
    fn machine(&self) -> Kind;
}
