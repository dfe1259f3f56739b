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
    /// `prevote-stuck`.
    PrevoteStuck,
    /// `no-prevote-disruption`.
    NoPrevoteDisruption,
    /// `partial-connectivity-livelock`.
    PartialConnectivityLivelock,
    /// `snap-keeps-conflict-suffix`.
    SnapKeepsConflictSuffix,
    /// `snap-drops-newer-log`.
    SnapDropsNewerLog,
    /// `append-after-compaction`.
    AppendAfterCompaction,
    /// `snap-label-mismatch`.
    SnapLabelMismatch,
    /// `no-self-vote`.
    NoSelfVote,
    /// `stale-vote-response`.
    StaleVoteResponse,
    /// `uptodate-wrong-order`.
    UpToDateWrongOrder,
    /// `commit-nonmonotonic`.
    CommitNonmonotonic,
    /// `match-nonmonotonic`.
    MatchNonmonotonic,
    /// `learner-counted`.
    LearnerCounted,
    /// `single-server-change`.
    SingleServerChange,
    /// `joint-union-quorum`.
    JointUnionQuorum,
    /// `joint-early-leave`.
    JointEarlyLeave,
    /// `joint-never-leaves`.
    JointNeverLeaves,
    /// `config-not-rolled-back`.
    ConfigNotRolledBack,
    /// `remove-leader-stall`.
    RemoveLeaderStall,
    /// `readindex-no-current-term`.
    ReadIndexNoCurrentTerm,
    /// `readindex-ctx-reuse`.
    ReadIndexCtxReuse,
    /// `lease-clock-drift`.
    LeaseClockDrift,
    /// `lease-survives-transfer`.
    LeaseSurvivesTransfer,
    /// `lease-no-stickiness`.
    LeaseNoStickiness,
    /// `snap-has-uncommitted-config`.
    SnapHasUncommittedConfig,
    /// `snap-stale-membership`.
    SnapStaleMembership,
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
    Flaw {
        name: "prevote-stuck",
        mistake: "a node that is refused a pre-vote does not learn the term of who refuses",
        breaks: "liveness",
        needs: "pre-vote; no leader, and among the others one with the later term and another with the longer log",
        nodes_min: 3,
        source: "thesis, section 9.6; etcd#8243 and etcd#8501, canonical/raft#279, openraft#1796",
    },
    Flaw {
        name: "no-prevote-disruption",
        mistake: "a node campaigns without asking first, and who hears from a leader votes nevertheless",
        breaks: "liveness",
        needs: "pre-vote; a node that is heard and hears nothing: each of its terms deposes a leader",
        nodes_min: 3,
        source: "thesis, sections 4.2.3 and 9.6; scoutfs#328",
    },
    Flaw {
        name: "partial-connectivity-livelock",
        mistake: "who hears from a leader refuses all others, and a leader that hears from no majority goes on",
        breaks: "liveness",
        needs: "pre-vote and check-quorum; a leader that reaches no majority, and is heard by somebody whose vote is missed",
        nodes_min: 3,
        source: "thesis, section 6.2; Howard and Abraham, Raft does not Guarantee Liveness (2020); Cloudflare, 2 November 2020",
    },
    Flaw {
        name: "snap-keeps-conflict-suffix",
        mistake: "a follower that takes over a snapshot keeps what stands behind it in its log, even where that disagrees",
        breaks: "log-matching",
        needs: "snapshots; a deposed leader with entries of its own beyond the end of the snapshot that it is sent",
        nodes_min: 3,
        source: "thesis, Figure 5.3, InstallSnapshot, rules 6 and 7; openraft#559 and #753, hashicorp/raft#704",
    },
    Flaw {
        name: "snap-drops-newer-log",
        mistake: "a snapshot resets the log of whoever gets it, even if the log goes on after it or has passed it long ago",
        breaks: "leader-completeness",
        needs: "snapshots; one that comes late, when its receiver has confirmed later entries, then a change of leader",
        nodes_min: 3,
        source: "thesis, Figure 5.3, InstallSnapshot, rule 6; etcd#1763, camunda#6092",
    },
    Flaw {
        name: "append-after-compaction",
        mistake: "entries from the first on are taken without a check, though a snapshot covers them: they are appended again",
        breaks: "log-matching",
        needs: "snapshots; the first append of a leader, sent again or late, after its receiver has dropped those entries",
        nodes_min: 2,
        source: "willemt/raft#118, found by SandTable (WRaft#1)",
    },
    Flaw {
        name: "snap-label-mismatch",
        mistake: "a snapshot says that it ends one entry earlier than it does: that entry is applied to it again",
        breaks: "state-machine-safety",
        needs: "snapshots; a node that restarts from one or is sent one",
        nodes_min: 1,
        source: "thesis, section 5.1 (last included index); d-engine#418",
    },
    Flaw {
        name: "no-self-vote",
        mistake: "a candidate does not note that it has voted for itself, and votes for another in the same term",
        breaks: "election-safety",
        needs: "two candidates in one term",
        nodes_min: 3,
        source: "Raft, Figure 2, Candidates, rule 1; vesoft/nebula#3415",
    },
    Flaw {
        name: "stale-vote-response",
        mistake: "a candidate counts votes that were given to it in an earlier term",
        breaks: "election-safety",
        needs: "a candidate that tries again before the answers to its first try arrive",
        nodes_min: 3,
        source: "Raft, section 5.2; xraft#33, found by SandTable (Xraft#1); little-raft#44",
    },
    Flaw {
        name: "uptodate-wrong-order",
        mistake: "of two logs the longer one counts as more up-to-date, and only of equal ones the later term",
        breaks: "leader-completeness",
        needs: "a deposed leader with more entries of its own than were committed since, which campaigns",
        nodes_min: 3,
        source: "Raft, section 5.4.1; openraft#1722",
    },
    Flaw {
        name: "commit-nonmonotonic",
        mistake: "a follower takes over the commit index of an append even if it is lower than its own",
        breaks: "commit-monotonic",
        needs: "an append that is overtaken by a later one, or a new leader that knows of fewer commits",
        nodes_min: 2,
        source: "Raft, Figure 2, State; PySyncObj#166, found by SandTable (PySyncObj#2)",
    },
    Flaw {
        name: "match-nonmonotonic",
        mistake: "a leader takes over how far a follower says that it has got even if it knew of more",
        breaks: "match-monotonic",
        needs: "two answers that arrive in the other order, or one that is doubled",
        nodes_min: 2,
        source: "Raft, Figure 2, State; SandTable (RaftOS#1, PySyncObj#4), ongardie/raft.tla#18",
    },
    Flaw {
        name: "learner-counted",
        mistake: "who only learns is counted among those who elect and commit",
        breaks: "leader-completeness",
        needs: "a learner, and voters that do not hear from each other",
        nodes_min: 3,
        source: "thesis, section 4.2.1; rabbitmq/ra#427, hashicorp/raft#308",
    },
    Flaw {
        name: "single-server-change",
        mistake: "a leader begins a change of members before it has committed an entry of its own term",
        breaks: "leader-completeness",
        needs: "changes by two leaders in turn, of which the first is not finished, and an even number of voters before",
        nodes_min: 4,
        source: "Ongaro, raft-dev, 10 July 2015 (found by Zhang and Amos); the case of two removals is his",
    },
    Flaw {
        name: "joint-union-quorum",
        mistake: "a joint configuration decides by a majority of all its voters together, not by one of each half",
        breaks: "election-safety",
        needs: "an election, or a commit, while a joint configuration is in force",
        nodes_min: 4,
        source: "thesis, section 4.3; CCF#3837, #3948 and #4018, async-raft#62",
    },
    Flaw {
        name: "joint-early-leave",
        mistake: "a new leader that finds a joint configuration in its log leaves it at once, before it is committed",
        breaks: "leader-completeness",
        needs: "a change of leader while a joint configuration is not committed",
        nodes_min: 4,
        source: "thesis, section 4.3; camunda#61854 and #62842",
    },
    Flaw {
        name: "joint-never-leaves",
        mistake: "only the leader that entered a joint configuration leaves it",
        breaks: "liveness",
        needs: "a change of leader before a joint configuration is left",
        nodes_min: 4,
        source: "etcd#12136 and #12137; thesis, section 4.3",
    },
    Flaw {
        name: "config-not-rolled-back",
        mistake: "an entry that is dropped from the log takes its configuration not back",
        breaks: "election-safety",
        needs: "a configuration that another leader overwrites, and an election after that",
        nodes_min: 4,
        source: "thesis, section 4.1; camunda#57393, canonical/raft#250",
    },
    Flaw {
        name: "remove-leader-stall",
        mistake: "a leader that is left out stops at once, and never stands for election again",
        breaks: "liveness",
        needs: "the removal of the leader, and a loss of the entry that says so",
        nodes_min: 2,
        source: "thesis, section 4.2.2; redisraft#3, restate#5253, tikv#10595, redpanda#3055",
    },
    Flaw {
        name: "readindex-no-current-term",
        mistake: "a new leader reads by its commit index before it has committed an entry of its own term",
        breaks: "linearizability",
        needs: "reads by ReadIndex; a change of leader right after a commit, and a read before the next",
        nodes_min: 3,
        source: "thesis, section 6.4, step 1; etcd#7331 and #7332, redisraft#22, tikv#9208",
    },
    Flaw {
        name: "readindex-ctx-reuse",
        mistake: "a leader repeats a round of heartbeats under its old number: answers to the first confirm reads that came later",
        breaks: "linearizability",
        needs: "reads by ReadIndex; answers that are late, and meanwhile another leader",
        nodes_min: 3,
        source: "thesis, section 6.4, step 3; etcd#20418, etcd-io/raft#397",
    },
    Flaw {
        name: "lease-clock-drift",
        mistake: "a lease lasts an election timeout by the leader's own clock, whatever that is worth",
        breaks: "linearizability",
        needs: "reads by lease; a leader with a slow clock, cut off from followers with fast ones",
        nodes_min: 3,
        source: "thesis, section 6.4.1; tikv#964, sofa-jraft#25, yugabyte#16",
    },
    Flaw {
        name: "lease-survives-transfer",
        mistake: "a leader that hands leadership over goes on to read by its lease",
        breaks: "linearizability",
        needs: "reads by lease; a transfer whose outcome the old leader does not hear of",
        nodes_min: 3,
        source: "thesis, sections 3.10 and 6.4.1; raft-rs#234, tikv#1593, etcd#12704, openraft#1747",
    },
    Flaw {
        name: "lease-no-stickiness",
        mistake: "who hears from a leader votes for another nevertheless, although that leader reads by a lease",
        breaks: "linearizability",
        needs: "reads by lease; a node that does not hear the leader and campaigns",
        nodes_min: 3,
        source: "thesis, sections 4.2.3 and 6.4.1; hashicorp/raft#108",
    },
    Flaw {
        name: "snap-has-uncommitted-config",
        mistake: "a snapshot holds the configuration that is in force, though it may stand behind the end of the snapshot",
        breaks: "snapshot-configuration",
        needs: "snapshots and members that change; a snapshot taken while a change is not committed, which is then taken back",
        nodes_min: 3,
        source: "thesis, section 5.1; canonical/raft#250 and #354",
    },
    Flaw {
        name: "snap-stale-membership",
        mistake: "who takes over a snapshot goes on believing in a change of members that went with its log",
        breaks: "snapshot-configuration",
        needs: "snapshots and members that change; a deposed leader with a change of its own that is sent a snapshot",
        nodes_min: 3,
        source: "thesis, sections 4.1 and 5.1; openraft#1808",
    },
];

impl RaftFlaw {
    /// All flaws, in the order of [`FLAWS`].
    pub const ALL: [Self; 37] = [
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
        Self::PrevoteStuck,
        Self::NoPrevoteDisruption,
        Self::PartialConnectivityLivelock,
        Self::SnapKeepsConflictSuffix,
        Self::SnapDropsNewerLog,
        Self::AppendAfterCompaction,
        Self::SnapLabelMismatch,
        Self::NoSelfVote,
        Self::StaleVoteResponse,
        Self::UpToDateWrongOrder,
        Self::CommitNonmonotonic,
        Self::MatchNonmonotonic,
        Self::LearnerCounted,
        Self::SingleServerChange,
        Self::JointUnionQuorum,
        Self::JointEarlyLeave,
        Self::JointNeverLeaves,
        Self::ConfigNotRolledBack,
        Self::RemoveLeaderStall,
        Self::ReadIndexNoCurrentTerm,
        Self::ReadIndexCtxReuse,
        Self::LeaseClockDrift,
        Self::LeaseSurvivesTransfer,
        Self::LeaseNoStickiness,
        Self::SnapHasUncommittedConfig,
        Self::SnapStaleMembership,
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
