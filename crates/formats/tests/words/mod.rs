//! A vocabulary for tests.

use quarrel_formats::scenario::{Vocabulary, Words};

/// Two protocols; only the first has words.
pub(crate) fn vocabulary() -> Vocabulary {
    let raft = Words {
        protocol: "raft",
        messages: &["request-vote", "vote", "append-entries", "appended"],
        timers: &["election", "heartbeat"],
        lies: &["equivocate", "vote-twice"],
        orders: &["transfer", "add-voter"],
        events: &["elected", "entries-truncated"],
        fields: &[&["term"], &["from", "to"]],
        properties: vec!["election-safety", "leader-completeness", "log-matching"],
        cells: vec!["leader-changed", "entries-truncated"],
        flaws: vec!["commit-old-term", "forget-sessions", "vote-not-persisted"],
        config: vec!["election-timeout", "batch"],
        nodes: None,
    };
    Vocabulary { protocols: vec![raft, Words { protocol: "paxos", ..Words::default() }] }
}
