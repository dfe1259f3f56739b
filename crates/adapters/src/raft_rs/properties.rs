//! What [`Invariants`](super::Invariants) judges and what it wants to see happen, by name.

use quarrel_protocol::{Cell, Property, PropertyKind};

pub(super) const ELECTION_SAFETY: usize = 0;
pub(super) const LOG_MATCHING: usize = 1;
pub(super) const LEADER_COMPLETENESS: usize = 2;
pub(super) const VOTE_ONCE: usize = 3;
pub(super) const TERM_MONOTONIC: usize = 4;
pub(super) const COMMIT_MONOTONIC: usize = 5;
pub(super) const COMMIT_IN_LOG: usize = 6;
pub(super) const MATCH_BELOW_NEXT: usize = 7;
pub(super) const PROGRESS_SOUND: usize = 8;
pub(super) const APPLIED_KEPT: usize = 9;
pub(super) const READ_CONFIRMED: usize = 10;

/// The properties, in the order in which reports count them.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "election-safety",
        kind: PropertyKind::Paper,
        statement: "at most one leader is elected in a term",
        source: "Raft, Figure 3 and section 5.2",
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
        source: "Raft, section 5.1; raft-rs, HardState",
    },
    Property {
        name: "commit-monotonic",
        kind: PropertyKind::Invariant,
        statement: "while a node runs, neither its commit index nor its applied index falls",
        source: "raft-rs, RaftLog::commit_to and RaftLog::applied_to",
    },
    Property {
        name: "commit-in-log",
        kind: PropertyKind::Invariant,
        statement: "applied <= committed <= last index, and applied <= persisted",
        source: "raft-rs, the invariants stated on the fields of RaftLog",
    },
    Property {
        name: "match-below-next",
        kind: PropertyKind::Invariant,
        statement: "a leader's match index of a peer is below its next index",
        source: "raft-rs, Progress; Raft, Figure 2",
    },
    Property {
        name: "progress-sound",
        kind: PropertyKind::Invariant,
        statement: "a leader believes of no peer that it holds more than its disk does",
        source: "Raft, Figure 2 (matchIndex: known to be replicated)",
    },
    Property {
        name: "applied-entries-kept",
        kind: PropertyKind::Invariant,
        statement: "a node never drops an entry that it has applied",
        source: "Raft, section 5.3; raft-rs, RaftLog::append (after < committed is fatal)",
    },
    Property {
        name: "read-confirmed",
        kind: PropertyKind::Paper,
        statement: "a read that spares the log is confirmed by a quorum of voters, or by the only one itself",
        source: "thesis, section 6.4, step 3; raft-rs, ReadOnlyOption::Safe (\"by communicating with the quorum\")",
    },
];

/// What must happen some time, or the properties have been asked nothing; each with a position in [`CELLS`].
pub(super) mod seen {
    pub(in super::super) const LEADER_ELECTED: usize = 0;
    pub(in super::super) const LEADER_CHANGED: usize = 1;
    pub(in super::super) const STEPPED_DOWN: usize = 2;
    pub(in super::super) const ENTRIES_TRUNCATED: usize = 3;
    pub(in super::super) const OLD_TERM_COMMITTED: usize = 4;
    pub(in super::super) const READ_BY_LEADER: usize = 5;
    pub(in super::super) const READ_BY_FOLLOWER: usize = 6;
    pub(in super::super) const LOG_COMPACTED: usize = 7;
    pub(in super::super) const SNAPSHOT_INSTALLED: usize = 8;
    pub(in super::super) const CLIENT_REDIRECTED: usize = 9;
    pub(in super::super) const UNSTABLE_AT_CRASH: usize = 10;
    pub(in super::super) const MEMBERS_CHANGED: usize = 11;
    pub(in super::super) const JOINT_ENTERED: usize = 12;
    pub(in super::super) const LEARNER_PROMOTED: usize = 13;
    pub(in super::super) const LEADERSHIP_TRANSFERRED: usize = 14;
}

const fn cell(name: &'static str) -> Cell {
    Cell { name, due_runs: 1000 }
}

/// The cells, in the order of `seen`. What only orders or options can bring about is due where a scenario owes it.
pub const CELLS: &[Cell] = &[
    cell("leader-elected"),
    cell("leader-changed"),
    cell("stepped-down"),
    cell("entries-truncated"),
    cell("old-term-entry-committed"),
    cell("read-by-leader"),
    cell("read-by-follower"),
    cell("log-compacted"),
    cell("snapshot-installed"),
    cell("client-redirected"),
    cell("unstable-at-crash"),
    cell("members-changed"),
    cell("joint-entered"),
    cell("learner-promoted"),
    cell("leadership-transferred"),
];
