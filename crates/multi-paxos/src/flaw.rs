//! The catalogue of deliberate defects. Each is one named condition at the place where the correct line is.

use quarrel_protocol::{Defect, Flaw};

/// One deliberate defect, in the order of [`FLAWS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MultiPaxosFlaw {
    /// `gap-noop-overwrites`.
    GapNoopOverwrites,
    /// `execute-out-of-order`.
    ExecuteOutOfOrder,
    /// `recovery-takes-first`.
    RecoveryTakesFirst,
    /// `trimmed-as-empty`.
    TrimmedAsEmpty,
    /// `no-accept-check`.
    NoAcceptCheck,
    /// `ack-any-ballot`.
    AckAnyBallot,
    /// `promise-not-durable`.
    PromiseNotDurable,
    /// `accepted-not-durable`.
    AcceptedNotDurable,
    /// `ballot-reuse-after-crash`.
    BallotReuseAfterCrash,
    /// `commit-beyond-learned`.
    CommitBeyondLearned,
    /// `rejoin-empty`.
    RejoinEmpty,
    /// `trim-before-snapshot`.
    TrimBeforeSnapshot,
    /// `snapshot-label-mismatch`.
    SnapshotLabelMismatch,
    /// `snapshot-without-sessions`.
    SnapshotWithoutSessions,
    /// `forget-sessions`.
    ForgetSessions,
    /// `read-local-leader`.
    ReadLocalLeader,
    /// `deaf-leader-stays`.
    DeafLeaderStays,
}

/// What each flaw is, in the order of [`MultiPaxosFlaw`].
pub const FLAWS: &[Flaw] = &[
    Flaw {
        name: "gap-noop-overwrites",
        mistake: "a new leader fills the gaps of its own log with no-ops, whatever the promises report for them",
        breaks: "one-value-chosen",
        needs: "a node that misses one slot and holds a later one, and leads next",
        nodes_min: 3,
        source: "Paxos Made Simple, section 3 (no-ops only where phase 1 found nothing); OCons#21",
    },
    Flaw {
        name: "execute-out-of-order",
        mistake: "a replica passes over a slot that it has missed, and applies the next",
        breaks: "in-order-application",
        needs: "a message about one slot that is lost or late",
        nodes_min: 3,
        source: "PMMC, section 2.1 (a replica performs decisions in the order of slots)",
    },
    Flaw {
        name: "recovery-takes-first",
        mistake: "of several proposals reported for a slot a new leader takes the first, not that of the highest ballot",
        breaks: "one-value-chosen",
        needs: "three ballots, and two proposals for one slot that few accepted",
        nodes_min: 3,
        source: "Paxos Made Simple, P2c; PMMC, section 2.5 (pmax)",
    },
    Flaw {
        name: "trimmed-as-empty",
        mistake: "a promise counts for slots of which the acceptor has kept nothing, as if nothing had been accepted there",
        breaks: "state-machine-safety",
        needs: "a candidate far behind the acceptors that have put those slots into snapshots",
        nodes_min: 3,
        source: "PMMC, section 4.2 (acceptors that collect garbage must tell leaders)",
    },
    Flaw {
        name: "no-accept-check",
        mistake: "an acceptor accepts without looking at what it has promised",
        breaks: "one-value-chosen",
        needs: "two leaders, of which the older does not know that it was replaced",
        nodes_min: 3,
        source: "Paxos Made Simple, P1a",
    },
    Flaw {
        name: "ack-any-ballot",
        mistake: "a leader counts acceptances for a slot whatever ballot they are of",
        breaks: "learned-is-chosen",
        needs: "a node that leads twice, and an acceptance of its first time that arrives late",
        nodes_min: 3,
        source: "PMMC, section 2.3 (a commander counts answers to its own ballot); booth#47",
    },
    Flaw {
        name: "promise-not-durable",
        mistake: "an acceptor does not write down what it has promised another node",
        breaks: "one-value-chosen",
        needs: "an acceptor that restarts between a promise and an older leader's proposal",
        nodes_min: 3,
        source: "Paxos Made Simple, section 2.5; Michael et al., DISC 2017 (JPaxos and others)",
    },
    Flaw {
        name: "accepted-not-durable",
        mistake: "a node confirms a value before it is on disk",
        breaks: "learned-is-chosen",
        needs: "a node that confirms, and crashes before its disk has it, then a change of leader",
        nodes_min: 3,
        source: "Paxos Made Simple, section 2.5; Paxos Made Live, section 5.1; etcd#14370",
    },
    Flaw {
        name: "ballot-reuse-after-crash",
        mistake: "a node that restarts goes on with the ballot that it had last",
        breaks: "one-value-per-ballot",
        needs: "a leader that crashes and restarts while its proposals are on their way",
        nodes_min: 3,
        source: "Paxos Made Simple, section 2.5 (a proposer remembers the highest number it has used); phxpaxos#145",
    },
    Flaw {
        name: "commit-beyond-learned",
        mistake: "a replica takes whatever it holds for chosen, up to where the leader says that slots are chosen",
        breaks: "state-machine-safety",
        needs: "a replica that holds a proposal of an earlier ballot that failed, and hears a later leader",
        nodes_min: 3,
        source: "the twin of raft/commit-beyond-match: scylladb#9965, atomix/copycat#110 and #265",
    },
    Flaw {
        name: "rejoin-empty",
        mistake: "a replica that takes over a snapshot begins with it alone, and forgets what it has promised and accepted",
        breaks: "one-value-chosen",
        needs: "a replica that lags, takes over a snapshot, and restarts",
        nodes_min: 3,
        source: "Paxos Made Live, section 5.1 (rebuilding a replica); Michael et al., DISC 2017",
    },
    Flaw {
        name: "trim-before-snapshot",
        mistake: "the log is trimmed before the snapshot that stands for it is on disk",
        breaks: "one-value-chosen",
        needs: "a crash between the two writes",
        nodes_min: 3,
        source: "Paxos Made Live, section 5.5 (a log may be truncated once it has a snapshot); etcd#12691, sofa-jraft#804",
    },
    Flaw {
        name: "snapshot-label-mismatch",
        mistake: "a snapshot is labelled with the slot at which it was due, and holds what was applied since",
        breaks: "state-machine-safety",
        needs: "several slots applied at once, and a replica that starts from the snapshot",
        nodes_min: 3,
        source: "Paxos Made Live, section 5.5 (the snapshot handle must match the log); d-engine#418",
    },
    Flaw {
        name: "snapshot-without-sessions",
        mistake: "a snapshot holds the state machine, but not which commands it has applied",
        breaks: "state-machine-safety",
        needs: "a replica that starts from a snapshot, and a client that asks again",
        nodes_min: 3,
        source: "thesis of Ongaro, section 6.3 (sessions are part of the state); Raft, section 8",
    },
    Flaw {
        name: "forget-sessions",
        mistake: "the state machine does not remember what it has applied: a command in two slots takes effect twice",
        breaks: "linearizability",
        needs: "a client that asks two leaders for the same command",
        nodes_min: 1,
        source: "PMMC, section 2.1 (a command may be decided in several slots, and is performed once)",
    },
    Flaw {
        name: "read-local-leader",
        mistake: "a leader answers a read from its own state, without asking whether it still leads",
        breaks: "linearizability",
        needs: "a leader that is isolated and replaced, and a client on its side that reads",
        nodes_min: 3,
        source: "Paxos Made Live, section 5.2 (reads need the log, or a master lease)",
    },
    Flaw {
        name: "deaf-leader-stays",
        mistake: "a leader that hears nobody goes on sending heartbeats",
        breaks: "liveness",
        needs: "a leader that is heard and hears nothing, for good",
        nodes_min: 3,
        source: "Cloudflare, A Byzantine failure in the real world (2020); thesis of Ongaro, section 6.2",
    },
];

impl MultiPaxosFlaw {
    /// All flaws, in the order of [`FLAWS`].
    pub const ALL: [Self; 17] = [
        Self::GapNoopOverwrites,
        Self::ExecuteOutOfOrder,
        Self::RecoveryTakesFirst,
        Self::TrimmedAsEmpty,
        Self::NoAcceptCheck,
        Self::AckAnyBallot,
        Self::PromiseNotDurable,
        Self::AcceptedNotDurable,
        Self::BallotReuseAfterCrash,
        Self::CommitBeyondLearned,
        Self::RejoinEmpty,
        Self::TrimBeforeSnapshot,
        Self::SnapshotLabelMismatch,
        Self::SnapshotWithoutSessions,
        Self::ForgetSessions,
        Self::ReadLocalLeader,
        Self::DeafLeaderStays,
    ];

    /// The name without the protocol: `gap-noop-overwrites`.
    #[must_use]
    pub fn name(self) -> &'static str {
        FLAWS[self as usize].name
    }
}

impl Defect for MultiPaxosFlaw {
    const PROTOCOL: &'static str = "multi-paxos";
    const CATALOGUE: &'static [Flaw] = FLAWS;

    #[inline]
    fn position(self) -> usize {
        self as usize
    }
}

/// The flaws that are switched on. In files it is the list of their names.
pub type FlawSet = quarrel_protocol::FlawSet<MultiPaxosFlaw>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flaw_is_in_the_catalogue_under_its_name() {
        assert_eq!(MultiPaxosFlaw::ALL.len(), FLAWS.len());
        for (position, flaw) in MultiPaxosFlaw::ALL.into_iter().enumerate() {
            assert_eq!(flaw as usize, position);
            assert_eq!(FlawSet::from_names(&[FLAWS[position].name]).unwrap(), FlawSet::only(flaw));
        }
    }
}
