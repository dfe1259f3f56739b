//! The catalogue of deliberate defects: not of the crate, which is as it is, but of how it is used.
//!
//! Not here: not calling `reconnected`. The crate's own sequence numbers notice what is lost as soon as the next message
//! comes, and no run was harmed (`--set config.reconnect=false`).

use std::fmt::{self, Display};

use quarrel_protocol::Flaw;
use serde::{Deserialize, Serialize};

/// One deliberate defect, in the order of [`FLAWS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OmniFlaw {
    /// `send-before-persist`.
    SendBeforePersist,
    /// `torn-batch`.
    TornBatch,
    /// `apply-undecided`.
    ApplyUndecided,
}

/// What each flaw is, in the order of [`OmniFlaw`].
pub const FLAWS: &[Flaw] = &[
    Flaw {
        name: "send-before-persist",
        mistake: "messages leave before what the crate stored ahead of them is on disk",
        breaks: "state-machine-safety",
        needs: "a node that crashes with writes that are not synced",
        nodes_min: 3,
        source: "omnipaxos::storage::Storage: what a call has stored is taken for durable when it returns",
    },
    Flaw {
        name: "torn-batch",
        mistake: "the operations of write_atomically are stored one by one",
        breaks: "state-machine-safety",
        needs: "a crash in the middle of a batch",
        nodes_min: 3,
        source: "omnipaxos::storage::Storage::write_atomically: \"the operations must be atomic\"",
    },
    Flaw {
        name: "apply-undecided",
        mistake: "an entry is applied and answered as soon as the leader has appended it",
        breaks: "state-machine-safety",
        needs: "a leader that is replaced before a quorum has accepted its entry",
        nodes_min: 3,
        source: "the documentation, \"Log\": only decided entries are safe to be applied",
    },
];

/// Which flaws are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct FlawSet(u8);

impl OmniFlaw {
    /// All of them, in the order of the catalogue.
    pub const ALL: [Self; FLAWS.len()] = [Self::SendBeforePersist, Self::TornBatch, Self::ApplyUndecided];

    /// The name in the catalogue.
    #[must_use]
    pub const fn name(self) -> &'static str {
        FLAWS[self as usize].name
    }
}

impl FlawSet {
    /// No flaw.
    pub const NONE: Self = Self(0);

    /// One flaw.
    #[must_use]
    pub const fn only(flaw: OmniFlaw) -> Self {
        Self(1 << flaw as u8)
    }

    /// The set of flaws with these names.
    ///
    /// # Errors
    /// At the first name that is not in the catalogue.
    pub fn from_names(names: &[impl AsRef<str>]) -> Result<Self, UnknownFlaw> {
        names.iter().try_fold(Self::NONE, |set, name| {
            let found = OmniFlaw::ALL.into_iter().find(|flaw| flaw.name() == name.as_ref());
            found
                .map(|flaw| Self(set.0 | Self::only(flaw).0))
                .ok_or_else(|| UnknownFlaw(name.as_ref().to_string()))
        })
    }

    /// Whether this flaw is on.
    #[must_use]
    pub const fn contains(self, flaw: OmniFlaw) -> bool {
        self.0 & Self::only(flaw).0 != 0
    }
}

impl TryFrom<Vec<String>> for FlawSet {
    type Error = UnknownFlaw;

    fn try_from(names: Vec<String>) -> Result<Self, UnknownFlaw> {
        Self::from_names(&names)
    }
}

impl From<FlawSet> for Vec<String> {
    fn from(set: FlawSet) -> Self {
        let on = OmniFlaw::ALL.into_iter().filter(|&flaw| set.contains(flaw));
        on.map(|flaw| flaw.name().to_string()).collect()
    }
}

/// A name that is not in the catalogue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownFlaw(pub String);

impl Display for UnknownFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "omnipaxos has no flaw named `{}`", self.0)
    }
}

impl std::error::Error for UnknownFlaw {}
