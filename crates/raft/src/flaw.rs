//! The catalogue of deliberate defects. Each is one named condition at the place where the correct line is.

use quarrel_protocol::{Defect, Flaw};

/// One deliberate defect, in the order of [`FLAWS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RaftFlaw {
    /// `vote-not-persisted`.
    VoteNotPersisted,
    /// `commit-old-term`.
    CommitOldTerm,
    /// `no-uptodate-check`.
    NoUpToDateCheck,
    /// `dup-vote-counted`.
    DupVoteCounted,
    /// `unconditional-truncate`.
    UnconditionalTruncate,
    /// `commit-beyond-match`.
    CommitBeyondMatch,
    /// `read-local-leader`.
    ReadLocalLeader,
    /// `ack-before-fsync`.
    AckBeforeFsync,
    /// `stop-commit-scan`.
    StopCommitScan,
    /// `identical-timeouts`.
    IdenticalTimeouts,
    /// `forget-sessions`.
    ForgetSessions,
}

/// What each flaw is, in the order of [`RaftFlaw`].
pub const FLAWS: &[Flaw] = &[
    Flaw {
        name: "vote-not-persisted",
        mistake: "a node writes its term to disk, but not whom it voted for in that term",
        breaks: "election-safety",
        needs: "a voter that crashes and restarts between the requests of two candidates of one term",
        nodes_min: 3,
        source: "Raft, Figure 2 (persistent state) and section 5.2; robustmq#2039",
    },
    Flaw {
        name: "commit-old-term",
        mistake: "a leader commits an entry of an earlier term by counting its copies",
        breaks: "leader-completeness",
        needs: "four elections and three isolated or crashed leaders, without the no-op or with short appends",
        nodes_min: 3,
        source: "Raft, section 5.4.2 and Figure 8; logcabin#44, goraft#27, canonical/raft#220, async-raft#108, PySyncObj#169",
    },
    Flaw {
        name: "no-uptodate-check",
        mistake: "a vote is given without comparing the ends of the logs",
        breaks: "leader-completeness",
        needs: "a node that lags behind and then campaigns",
        nodes_min: 3,
        source: "Raft, section 5.4.1",
    },
    Flaw {
        name: "dup-vote-counted",
        mistake: "a candidate counts answers instead of voters",
        breaks: "election-safety",
        needs: "a network that duplicates a granted vote",
        // With three nodes, the candidate and one voter are a lawful majority: a duplicate changes nothing.
        nodes_min: 4,
        source: "xnnyygn/xraft#27; microsoft/coyote-samples#8; akka-raft#45",
    },
    Flaw {
        name: "unconditional-truncate",
        mistake: "a follower drops everything after the entry that an append follows, even when the entries agree",
        breaks: "leader-completeness",
        needs: "an append that is duplicated or overtaken, then a change of leader",
        nodes_min: 3,
        source: "Raft, Figure 2, AppendEntries, rule 3; RaftOS#26, hashicorp/raft#113, CCF#5991",
    },
    Flaw {
        name: "commit-beyond-match",
        mistake: "a follower commits up to the end of its own log, not only what the leader has shown to agree",
        breaks: "state-machine-safety",
        needs: "a deposed leader with entries of its own that hears an append without entries, before they are dropped",
        nodes_min: 3,
        source: "Raft, Figure 2, AppendEntries, rule 5; scylladb#9965, atomix/copycat#110 and #265, etcd#1203",
    },
    Flaw {
        name: "read-local-leader",
        mistake: "a leader answers a read from its own state, without asking whether it still leads",
        breaks: "linearizability",
        needs: "a leader that is isolated and replaced, and a client on its side that reads",
        nodes_min: 3,
        source: "Raft, section 8 (reads must not be stale); consul#54, Jepsen on etcd and Consul (2014)",
    },
    Flaw {
        name: "ack-before-fsync",
        mistake: "a follower confirms entries, and a leader counts its own copy, before they are on disk",
        // Seen as soon as a leader without the entry is elected; a client misses it later, if at all.
        breaks: "leader-completeness",
        needs: "a node that confirms an entry and crashes before its disk has it, then a change of leader",
        nodes_min: 3,
        source: "Raft, Figure 2 (persistent state); etcd#14370 with etcd#14413, d-engine#329",
    },
    Flaw {
        name: "stop-commit-scan",
        mistake: "a leader looks for what it may commit entry by entry, and stops at the first of an earlier term",
        breaks: "liveness",
        needs: "a change of leader while an entry is not known to be committed",
        nodes_min: 3,
        source: "zhebrak/raftos#30, found by SandTable (RaftOS#4)",
    },
    Flaw {
        name: "identical-timeouts",
        mistake: "the election timeout is not random: every node waits the least of the range",
        breaks: "liveness",
        needs: "nodes that start together and whose clocks run alike: they split the vote for ever",
        nodes_min: 3,
        source: "Raft, sections 5.2 and 9.3",
    },
    Flaw {
        name: "forget-sessions",
        mistake: "the state machine does not remember what it has applied: a command that is retried takes effect twice",
        breaks: "linearizability",
        needs: "a client that retries a command of which only the answer was lost",
        nodes_min: 1,
        source: "Raft, section 8; thesis, section 6.3; etcd#18424 and etcd#14890, Jepsen on jetcd 0.8.2 (2024), khepri#250",
    },
];

impl RaftFlaw {
    /// All flaws, in the order of [`FLAWS`].
    pub const ALL: [Self; 11] = [
        Self::VoteNotPersisted,
        Self::CommitOldTerm,
        Self::NoUpToDateCheck,
        Self::DupVoteCounted,
        Self::UnconditionalTruncate,
        Self::CommitBeyondMatch,
        Self::ReadLocalLeader,
        Self::AckBeforeFsync,
        Self::StopCommitScan,
        Self::IdenticalTimeouts,
        Self::ForgetSessions,
    ];

    /// The name without the protocol: `commit-old-term`.
    #[must_use]
    pub fn name(self) -> &'static str {
        FLAWS[self as usize].name
    }
}

impl Defect for RaftFlaw {
    const PROTOCOL: &'static str = "raft";
    const CATALOGUE: &'static [Flaw] = FLAWS;

    #[inline]
    fn position(self) -> usize {
        self as usize
    }
}

/// The flaws that are switched on. In files it is the list of their names.
pub type FlawSet = quarrel_protocol::FlawSet<RaftFlaw>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flaw_is_in_the_catalogue_under_its_name() {
        assert_eq!(RaftFlaw::ALL.len(), FLAWS.len());
        for (position, flaw) in RaftFlaw::ALL.into_iter().enumerate() {
            assert_eq!(flaw as usize, position);
            let set = FlawSet::from_names(&[FLAWS[position].name]).unwrap();
            assert_eq!(set, FlawSet::only(flaw));
        }
    }

    #[test]
    fn a_set_is_written_as_names() {
        let set = FlawSet::from_names(&["dup-vote-counted", "commit-old-term"]).unwrap();
        let written = serde_json::to_string(&set).unwrap();
        assert_eq!(written, r#"["commit-old-term","dup-vote-counted"]"#);
        assert_eq!(serde_json::from_str::<FlawSet>(&written).unwrap(), set);
        let refusal = serde_json::from_str::<FlawSet>(r#"["commit-new-term"]"#).unwrap_err().to_string();
        assert!(refusal.contains("no flaw `commit-new-term`; it has vote-not-persisted, "), "{refusal}");
    }
}
