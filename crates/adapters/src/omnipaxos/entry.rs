//! What stands in the crate's log, and what its snapshots hold: commands of clients, and replicas that applied them.

use std::fmt::{self, Display};

use omnipaxos::storage::{Entry as CrateEntry, Snapshot};
use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::machine::Kind;
use quarrel_spec::session::{Command, Memory, Replica};
use serde::{Deserialize, Serialize};

/// An entry of the log. Whether it can be compacted into snapshots is a property of the type, since the crate asks the
/// type: `use_snapshots` takes no `self`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<const SNAPSHOTS: bool>(pub Command);

impl<const SNAPSHOTS: bool> CrateEntry for Entry<SNAPSHOTS> {
    type Snapshot = State<SNAPSHOTS>;
}

/// A snapshot of decided entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State<const SNAPSHOTS: bool>(pub Contents);

impl<const SNAPSHOTS: bool> Snapshot<Entry<SNAPSHOTS>> for State<SNAPSHOTS> {
    fn create(entries: &[Entry<SNAPSHOTS>]) -> Self {
        Self(Contents { whole: None, tail: entries.iter().map(|entry| entry.0).collect() })
    }

    fn merge(&mut self, delta: Self) {
        self.0.merge(delta.0);
    }

    fn use_snapshots() -> bool {
        SNAPSHOTS
    }
}

/// A replica, and commands that come after it. The crate creates a snapshot from a slice of the log without saying
/// where the slice begins, so a fresh one is only commands; the storage, which knows the replica before them, applies
/// them ([`Contents::fold`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// What the commands come after; nothing in one that was created from entries only.
    pub whole: Option<Box<Whole>>,
    /// The commands.
    pub tail: Vec<Command>,
}

/// A replica that has applied everything up to a position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// The last position of the whole log, over all configurations, that it has applied.
    pub index: u64,
    /// The replica.
    pub replica: Replica,
}

impl Whole {
    /// A replica that has applied nothing.
    #[must_use]
    pub fn new(machine: Kind) -> Self {
        Self { index: 0, replica: Replica::new(machine, Memory::Kept) }
    }

    /// Applies the next command.
    pub fn apply(&mut self, command: &Command) {
        self.index += 1;
        let _receipt = self.replica.apply(self.index, command);
    }
}

impl Contents {
    fn merge(&mut self, delta: Self) {
        match delta.whole {
            Some(_) => *self = delta,
            None => self.tail.extend(delta.tail),
        }
    }

    /// The replica that comes out, if what has no other beginning begins at `origin`.
    #[must_use]
    pub fn fold(self, origin: &Whole) -> Whole {
        let mut whole = self.whole.map_or_else(|| origin.clone(), |whole| *whole);
        for command in &self.tail {
            whole.apply(command);
        }
        whole
    }
}

impl From<Whole> for Contents {
    fn from(whole: Whole) -> Self {
        Self { whole: Some(Box::new(whole)), tail: Vec::new() }
    }
}

impl Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = self.tail.len();
        match &self.whole {
            Some(whole) if more == 0 => write!(f, "all up to {}", whole.index),
            Some(whole) => write!(f, "all up to {} and {more} more", whole.index),
            None => write!(f, "{more} commands"),
        }
    }
}

impl Fingerprint for Contents {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match &self.whole {
            Some(whole) => {
                into.mark(1);
                whole.fingerprint(into);
            }
            None => into.mark(0),
        }
        self.tail.fingerprint(into);
    }
}

impl Fingerprint for Whole {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.index.fingerprint(into);
        self.replica.fingerprint(into);
    }
}
