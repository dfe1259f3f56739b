//! What must hold and what must happen, as reports count it: names, statements, sources.

use quarrel_protocol::{Cell, Property, PropertyKind};

pub(crate) const ELECTION_SAFETY: usize = 0;
pub(crate) const LEADER_APPEND_ONLY: usize = 1;
pub(crate) const LOG_MATCHING: usize = 2;
pub(crate) const LEADER_COMPLETENESS: usize = 3;
pub(crate) const VOTE_ONCE: usize = 4;
pub(crate) const TERM_MONOTONIC: usize = 5;
pub(crate) const APPLIED_ENTRIES_KEPT: usize = 6;
pub(crate) const COMMIT_MONOTONIC: usize = 7;
pub(crate) const MATCH_MONOTONIC: usize = 8;
pub(crate) const ELECTED_BY_QUORUM: usize = 9;
pub(crate) const ONE_CHANGE_AT_A_TIME: usize = 10;
pub(crate) const SNAPSHOT_CONFIGURATION: usize = 11;

/// The properties, in the order in which reports count them.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "election-safety",
        kind: PropertyKind::Paper,
        statement: "at most one leader is elected in a term",
        source: "Raft, Figure 3 and section 5.2",
    },
    Property {
        name: "leader-append-only",
        kind: PropertyKind::Paper,
        statement: "a leader never overwrites or deletes entries of its log",
        source: "Raft, Figure 3 and section 5.3",
    },
    Property {
        name: "log-matching",
        kind: PropertyKind::Paper,
        statement: "two logs with an entry of the same index and term are the same up to that index",
        source: "Raft, Figure 3 and section 5.3",
    },
    Property {
        name: "leader-completeness",
        kind: PropertyKind::Paper,
        statement: "an entry committed in a term is in the logs of the leaders of all later terms",
        source: "Raft, Figure 3 and section 5.4",
    },
    Property {
        name: "vote-once",
        kind: PropertyKind::Invariant,
        statement: "a node votes for at most one candidate in a term, restarts included",
        source: "Raft, section 5.2",
    },
    Property {
        name: "term-monotonic",
        kind: PropertyKind::Invariant,
        statement: "a node never returns to an earlier term, restarts included",
        source: "Raft, section 5.1",
    },
    Property {
        name: "applied-entries-kept",
        kind: PropertyKind::Invariant,
        // Not "that is committed": a node outside the committing majority, still in an older term, may drop its copy
        // at the word of a leader deposed meanwhile, and gets it back from the new one.
        statement: "a node never drops an entry that it has applied",
        source: "Raft, section 5.3: what is applied is committed, and was in the log of every leader since",
    },
    Property {
        name: "commit-monotonic",
        kind: PropertyKind::Paper,
        statement: "a node's commit index never falls while it is up",
        source: "Raft, Figure 2, State: commitIndex increases monotonically",
    },
    Property {
        name: "match-monotonic",
        kind: PropertyKind::Paper,
        statement: "what a leader knows a follower to hold never becomes less in its term",
        source: "Raft, Figure 2, State: matchIndex increases monotonically",
    },
    Property {
        name: "elected-by-quorum",
        kind: PropertyKind::Invariant,
        statement: "who is elected has a quorum of the configuration that is in force in its own log",
        source: "thesis, sections 4.1 and 4.3",
    },
    Property {
        name: "one-change-at-a-time",
        kind: PropertyKind::Invariant,
        statement: "a leader changes one voter, or enters or leaves a joint configuration, and only when the change before is committed",
        source: "thesis, sections 4.1 and 4.3",
    },
    Property {
        name: "snapshot-configuration",
        kind: PropertyKind::Invariant,
        statement: "a snapshot holds the latest configuration of the log up to where it ends; who takes it over believes in a later one only if its log still has it",
        source: "thesis, sections 4.1 and 5.1",
    },
];

pub(crate) const LEADER_ELECTED: usize = 0;
pub(crate) const LEADER_CHANGED: usize = 1;
pub(crate) const SPLIT_VOTE: usize = 2;
pub(crate) const STEPPED_DOWN: usize = 3;
pub(crate) const ENTRIES_TRUNCATED: usize = 4;
pub(crate) const OLD_TERM_ENTRY_COMMITTED: usize = 5;
pub(crate) const CLIENT_REDIRECTED: usize = 6;
pub(crate) const PRE_VOTE_FAILED: usize = 7;
pub(crate) const QUORUM_LOST: usize = 8;
pub(crate) const SNAPSHOT_TAKEN: usize = 9;
pub(crate) const SNAPSHOT_INSTALLED: usize = 10;
pub(crate) const SNAPSHOT_ACROSS_LEADERS: usize = 11;
pub(crate) const MEMBERS_CHANGED: usize = 12;
pub(crate) const JOINT_ENTERED: usize = 13;
pub(crate) const CHANGE_DURING_ELECTION: usize = 14;
pub(crate) const CONFIGURATION_ROLLED_BACK: usize = 15;
pub(crate) const LEARNER_PROMOTED: usize = 16;
pub(crate) const LEADER_RETIRED: usize = 17;
pub(crate) const LEADERSHIP_TRANSFERRED: usize = 18;
pub(crate) const TRANSFER_ABANDONED: usize = 19;
pub(crate) const READ_BY_INDEX: usize = 20;
pub(crate) const READ_BY_LEASE: usize = 21;
pub(crate) const READ_BY_LEASE_UNDER_DRIFT: usize = 22;

const fn cell(name: &'static str) -> Cell {
    Cell { name, due_runs: 1000 }
}

/// What must happen some time, or the properties have been asked nothing.
pub const CELLS: &[Cell] = &[
    cell("leader-elected"),
    cell("leader-changed"),
    cell("split-vote"),
    cell("stepped-down"),
    cell("entries-truncated"),
    cell("old-term-entry-committed"),
    cell("client-redirected"),
    cell("pre-vote-failed"),
    cell("quorum-lost"),
    cell("snapshot-taken"),
    cell("snapshot-installed"),
    cell("snapshot-across-leader-change"),
    cell("members-changed"),
    cell("joint-entered"),
    cell("change-during-election"),
    cell("configuration-rolled-back"),
    cell("learner-promoted"),
    cell("leader-retired"),
    cell("leadership-transferred"),
    cell("transfer-abandoned"),
    cell("read-by-index"),
    cell("read-by-lease"),
    cell("read-by-lease-under-drift"),
];
