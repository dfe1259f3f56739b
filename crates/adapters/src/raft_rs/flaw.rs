//! Deliberate mistakes in the use of the crate. Each shows that the harness bites through the adapter: what a campaign
//! does not find in the crate itself, it would have found.

use quarrel_protocol::{Defect, Flaw};

/// One deliberate mistake, in the order of [`FLAWS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RaftRsFlaw {
    /// `send-before-persist`.
    SendBeforePersist,
    /// `vote-not-persisted`.
    VoteNotPersisted,
    /// `skip-empty-entries`.
    SkipEmptyEntries,
    /// `initial-conf-state`.
    InitialConfState,
    /// `read-before-applied`.
    ReadBeforeApplied,
    /// `snapshot-not-reported`.
    SnapshotNotReported,
    /// `forget-sessions`.
    ForgetSessions,
}

/// What each mistake is, in the order of [`RaftRsFlaw`].
pub const FLAWS: &[Flaw] = &[
    Flaw {
        name: "send-before-persist",
        mistake: "persisted messages of a Ready are sent without waiting for its writes",
        breaks: "leader-completeness",
        needs: "a node that confirms entries and crashes before its disk has them, then a change of leader",
        nodes_min: 3,
        source: "raft-rs, Ready::persisted_messages: to be sent AFTER the HardState, Entries and Snapshot are persisted",
    },
    Flaw {
        name: "vote-not-persisted",
        mistake: "the HardState of a Ready is written without its vote: after a crash the node may vote again",
        breaks: "election-safety",
        needs: "a voter that crashes and restarts between the requests of two candidates of one term",
        nodes_min: 3,
        source: "raft-rs, crate documentation, Processing the Ready State, step 5",
    },
    Flaw {
        name: "skip-empty-entries",
        mistake: "committed entries without data are skipped, as the crate's own examples do; among them is the entry \
                  that leaves a joint configuration",
        breaks: "liveness",
        needs: "a change of several members at once, which leaves its joint configuration by itself",
        nodes_min: 3,
        source: "raft-rs, crate documentation, Processing the Ready State, step 3, and examples/five_mem_node",
    },
    Flaw {
        name: "initial-conf-state",
        mistake: "the configuration in a snapshot is the one that the cluster started with",
        breaks: "election-safety",
        needs: "members that change, and a node that restarts from its snapshot",
        nodes_min: 3,
        source: "raft-rs, RawNode::apply_conf_change: the ConfState that it returns is to be stored",
    },
    Flaw {
        name: "read-before-applied",
        mistake: "a read is answered as soon as its ReadState is there, before the node has applied up to its index",
        breaks: "linearizability",
        needs: "a follower that reads while entries are on their way to it",
        nodes_min: 3,
        source: "raft-rs, RawNode::read_index: once the application advances further than the read index",
    },
    Flaw {
        name: "snapshot-not-reported",
        mistake: "the fate of a snapshot that was sent is never reported to the crate",
        breaks: "liveness",
        needs: "a snapshot that is lost on its way",
        nodes_min: 3,
        source: "raft-rs, Ready::messages: the application MUST report back by calling ReportSnapshot",
    },
    Flaw {
        name: "forget-sessions",
        mistake: "the state machine does not remember what it has applied: a command that is retried takes effect twice",
        breaks: "linearizability",
        needs: "a client that retries a command of which only the answer was lost",
        nodes_min: 1,
        source: "Raft, section 8; thesis, section 6.3",
    },
];

impl RaftRsFlaw {
    /// All of them, in the order of [`FLAWS`].
    pub const ALL: [Self; 7] = [
        Self::SendBeforePersist,
        Self::VoteNotPersisted,
        Self::SkipEmptyEntries,
        Self::InitialConfState,
        Self::ReadBeforeApplied,
        Self::SnapshotNotReported,
        Self::ForgetSessions,
    ];

    /// The name without the protocol: `send-before-persist`.
    #[must_use]
    pub fn name(self) -> &'static str {
        FLAWS[self as usize].name
    }
}

impl Defect for RaftRsFlaw {
    const PROTOCOL: &'static str = "raft-rs";
    const CATALOGUE: &'static [Flaw] = FLAWS;

    #[inline]
    fn position(self) -> usize {
        self as usize
    }
}

/// The mistakes that are switched on. In files it is the list of their names.
pub type FlawSet = quarrel_protocol::FlawSet<RaftRsFlaw>;
