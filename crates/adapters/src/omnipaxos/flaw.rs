//! The catalogue of deliberate defects: not of the crate, which is as it is, but of how it is used.
//!
//! Not here: not calling `reconnected`. The crate's own sequence numbers notice what is lost as soon as the next message
//! comes, and no run was harmed (`--set config.reconnect=false`).

use quarrel_protocol::{Defect, Flaw};

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

impl OmniFlaw {
    /// All of them, in the order of the catalogue.
    pub const ALL: [Self; FLAWS.len()] = [Self::SendBeforePersist, Self::TornBatch, Self::ApplyUndecided];

    /// The name in the catalogue.
    #[must_use]
    pub const fn name(self) -> &'static str {
        FLAWS[self as usize].name
    }
}

impl Defect for OmniFlaw {
    const PROTOCOL: &'static str = "omnipaxos";
    const CATALOGUE: &'static [Flaw] = FLAWS;

    #[inline]
    fn position(self) -> usize {
        self as usize
    }
}

/// Which flaws are on.
pub type FlawSet = quarrel_protocol::FlawSet<OmniFlaw>;
