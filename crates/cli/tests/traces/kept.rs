//! The traces that are kept: of each flaw one, what it breaks and what its story says. Those found in scripts are next door.

use std::ops::Range;

use quarrel_formats::trace::Oracle;
use quarrel_protocol::PropertyKind;

/// One trace: how a flaw was found, and the words that its story must have, which make someone who knows the paper nod.
pub(crate) struct Kept {
    /// The file, under `traces/`.
    pub(crate) file: &'static str,
    /// The flaw that made it.
    pub(crate) flaw: &'static str,
    /// Who found it.
    pub(crate) jury: Oracle,
    /// By what.
    pub(crate) kind: PropertyKind,
    /// In which scenario; its protocol's chaos unless it says so.
    pub(crate) scenario: Option<&'static str>,
    /// With how many rounds of patience for a core that must come back: the fewer, the shorter the trace.
    pub(crate) rounds: Option<&'static str>,
    /// Within which seeds.
    pub(crate) seeds: Range<u64>,
    pub(crate) words: &'static [&'static str],
}

pub(crate) const fn paper(file: &'static str, flaw: &'static str, words: &'static [&'static str]) -> Kept {
    let (jury, kind) = (Oracle::All, PropertyKind::Paper);
    Kept { file, flaw, jury, kind, scenario: None, rounds: None, seeds: 0..10_000, words }
}

/// Found by clients alone.
pub(crate) const fn clients(
    file: &'static str,
    flaw: &'static str,
    seeds: Range<u64>,
    words: &'static [&'static str],
) -> Kept {
    let (jury, kind) = (Oracle::Clients, PropertyKind::Client);
    Kept { file, flaw, jury, kind, scenario: None, rounds: None, seeds, words }
}

pub(crate) const fn liveness(
    file: &'static str,
    flaw: &'static str,
    scenario: &'static str,
    words: &'static [&'static str],
) -> Kept {
    let (jury, kind) = (Oracle::Clients, PropertyKind::Liveness);
    Kept { file, flaw, jury, kind, scenario: Some(scenario), rounds: Some("2"), seeds: 0..100, words }
}

/// Found by a property of the paper in a scenario of its own: three-phase commit.
pub(crate) const fn in_scenario(
    file: &'static str,
    flaw: &'static str,
    scenario: &'static str,
    words: &'static [&'static str],
) -> Kept {
    Kept { scenario: Some(scenario), ..paper(file, flaw, words) }
}

/// Found in what a script leads to: one seed is as good as another.
pub(crate) const fn scripted(
    file: &'static str,
    flaw: &'static str,
    scenario: &'static str,
    kind: PropertyKind,
    words: &'static [&'static str],
) -> Kept {
    Kept { scenario: Some(scenario), seeds: 0..1, kind, ..paper(file, flaw, words) }
}

pub(crate) const SYNCHRONOUS: &str = "3pc/chaos-synchronous";

/// Traces of what breaks without a mistake, outside the model: the file, its scenario, what is
/// violated, and the words of its story.
pub(crate) const OUTSIDE: [(&str, &str, &str, &[&str]); 3] = [
    ("raft/twins.jsonl", "raft/twins", "election-safety", &["twin of", "elected leader"]),
    ("paxos/twins.jsonl", "paxos/twins", "agreement", &["twin of", "learns"]),
    (
        "pbft/f-plus-one-breaks.jsonl",
        "pbft/f-plus-one-breaks",
        "one-value-prepared",
        &["lies to", "accepts the null request", "prepared"],
    ),
];

pub(crate) const FLAWS: [Kept; 69] = [
    paper(
        "raft/vote-not-persisted.jsonl",
        "raft/vote-not-persisted",
        &["are both elected leader of term", "crash"],
    ),
    paper(
        "raft/commit-old-term.jsonl",
        "raft/commit-old-term",
        &["commits up to", "is elected leader", "without it"],
    ),
    paper(
        "raft/no-uptodate-check.jsonl",
        "raft/no-uptodate-check",
        &["commits up to", "is elected leader", "without it"],
    ),
    paper("raft/dup-vote-counted.jsonl", "raft/dup-vote-counted", &["is elected leader"]),
    paper(
        "raft/unconditional-truncate.jsonl",
        "raft/unconditional-truncate",
        &["commits up to", "is elected leader", "without it"],
    ),
    paper("raft/commit-beyond-match.jsonl", "raft/commit-beyond-match", &["applies", "but"]),
    paper("raft/ack-before-fsync.jsonl", "raft/ack-before-fsync", &["crash", "un-synced"]),
    paper("paxos/own-value.jsonl", "paxos/own-value", &["promise", "accept", "chosen"]),
    paper("paxos/no-accept-check.jsonl", "paxos/no-accept-check", &["promise", "accept", "chosen"]),
    paper(
        "paxos/acceptor-amnesia-promise.jsonl",
        "paxos/acceptor-amnesia-promise",
        &["promise", "accept", "crash"],
    ),
    paper(
        "paxos/wrong-highest.jsonl",
        "paxos/wrong-highest",
        &["promise", "having accepted", "two values are chosen"],
    ),
    paper(
        "paxos/no-promise-check.jsonl",
        "paxos/no-promise-check",
        &["promise", "proposes", "two values are chosen"],
    ),
    paper(
        "paxos/accept-no-promise-update.jsonl",
        "paxos/accept-no-promise-update",
        &["accepts", "having accepted", "two values are chosen"],
    ),
    paper(
        "paxos/acceptor-amnesia-vote.jsonl",
        "paxos/acceptor-amnesia-vote",
        &["crash", "restart", "two values are chosen"],
    ),
    paper(
        "paxos/acceptor-rejoin-empty.jsonl",
        "paxos/acceptor-rejoin-empty",
        &["crashes", "restarts", "two values are chosen"],
    ),
    paper(
        "paxos/ballot-not-unique.jsonl",
        "paxos/ballot-not-unique",
        &["starts ballot 1.n1", "in ballot 1.n1"],
    ),
    paper(
        "paxos/ballot-reuse-after-crash.jsonl",
        "paxos/ballot-reuse-after-crash",
        &["crashes", "restarts", "starts ballot 1.n3"],
    ),
    paper(
        "paxos/learner-any-ballot-any-value.jsonl",
        "paxos/learner-any-ballot-any-value",
        &["accept", "learned"],
    ),
    paper(
        "paxos/learner-cross-ballot-same-value.jsonl",
        "paxos/learner-cross-ballot-same-value",
        &["adopted from", "learned"],
    ),
    paper("paxos/quorum-half.jsonl", "paxos/quorum-half", &["on 4 nodes", "learned"]),
    paper(
        "paxos/fpaxos-nonintersecting.jsonl",
        "paxos/fpaxos-nonintersecting",
        &["proposes", "two values are chosen"],
    ),
    clients(
        "raft/vote-not-persisted-clients.jsonl",
        "raft/vote-not-persisted",
        0..30_000,
        &["was told", "hears from"],
    ),
    clients(
        "raft/commit-old-term-clients.jsonl",
        "raft/commit-old-term",
        0..30_000,
        &["was told", "hears from"],
    ),
    clients(
        "raft/commit-beyond-match-clients.jsonl",
        "raft/commit-beyond-match",
        0..3_000,
        &["was told", "hears from"],
    ),
    clients("raft/read-local-leader.jsonl", "raft/read-local-leader", 0..300, &["was told", "hears from"]),
    clients("raft/forget-sessions.jsonl", "raft/forget-sessions", 0..300, &["was told", "hears from"]),
    liveness(
        "raft/stop-commit-scan.jsonl",
        "raft/stop-commit-scan",
        "raft/chaos",
        &["had healed", "which a quorum holds"],
    ),
    liveness(
        "raft/identical-timeouts.jsonl",
        "raft/identical-timeouts",
        "raft/split-vote-for-ever",
        &["had healed", "votes in term"],
    ),
    liveness(
        "paxos/accept-strict-gt.jsonl",
        "paxos/accept-strict-gt",
        "paxos/chaos",
        &["had healed", "acceptances of"],
    ),
    liveness(
        "paxos/duelling-no-backoff.jsonl",
        "paxos/duelling-no-backoff",
        "paxos/back-off-ends-the-duel",
        &["had healed", "same"],
    ),
    paper(
        "2pc/acknowledge-before-durable.jsonl",
        "2pc/acknowledge-before-durable",
        &["just before a write", "forgets it", "to abort it"],
    ),
    paper(
        "2pc/commit-on-timeout.jsonl",
        "2pc/commit-on-timeout",
        &["has waited long enough", "had not voted"],
    ),
    paper(
        "2pc/cooperative-termination-wrong.jsonl",
        "2pc/cooperative-termination-wrong",
        &["is in doubt about", "votes yes on", "decided to commit"],
    ),
    paper(
        "2pc/decision-not-logged.jsonl",
        "2pc/decision-not-logged",
        &["just before a write", "knows nothing of", "decided to abort"],
    ),
    paper(
        "2pc/late-vote-request.jsonl",
        "2pc/late-vote-request",
        &["is prepared and votes yes on", "decided to commit"],
    ),
    paper("2pc/missing-vote.jsonl", "2pc/missing-vote", &["has all votes on", "had not voted"]),
    paper(
        "2pc/no-collecting-record.jsonl",
        "2pc/no-collecting-record",
        &["restarts with 0 records", "knows nothing of", "to commit it"],
    ),
    paper(
        "2pc/recovery-race.jsonl",
        "2pc/recovery-race",
        &["calls the resolver", "finds that", "decided to commit"],
    ),
    paper(
        "2pc/unilateral-abort-when-prepared.jsonl",
        "2pc/unilateral-abort-when-prepared",
        &["has waited long enough", "decided to commit"],
    ),
    paper(
        "2pc/vote-before-durable.jsonl",
        "2pc/vote-before-durable",
        &["just before a write", "has not voted"],
    ),
    Kept {
        kind: PropertyKind::Client,
        ..paper(
            "2pc/locks-not-reacquired.jsonl",
            "2pc/locks-not-reacquired",
            &["restarts with", "was sold by"],
        )
    },
    Kept {
        kind: PropertyKind::Client,
        ..paper(
            "2pc/read-only-early-release.jsonl",
            "2pc/read-only-early-release",
            &["and drops out", "read skew"],
        )
    },
    in_scenario(
        "3pc/timeout-transitions.jsonl",
        "3pc/timeout-transitions",
        SYNCHRONOUS,
        &["pre-commits", "waited too long", "decided to abort", "decided to commit"],
    ),
    in_scenario(
        "3pc/simultaneous-failure.jsonl",
        "3pc/simultaneous-failure",
        SYNCHRONOUS,
        &["decided to abort", "decided to commit"],
    ),
    in_scenario(
        "3pc/precommit-before-all-votes.jsonl",
        "3pc/precommit-before-all-votes",
        SYNCHRONOUS,
        &["decided to abort", "decided to commit"],
    ),
    in_scenario(
        "3pc/commit-before-all-acks.jsonl",
        "3pc/commit-before-all-acks",
        "3pc/first-acknowledgement",
        &["decided to commit", "decided to abort"],
    ),
    in_scenario(
        "3pc/new-coordinator-commits-from-wait.jsonl",
        "3pc/new-coordinator-commits-from-wait",
        SYNCHRONOUS,
        &["decided to"],
    ),
    in_scenario(
        "3pc/new-coordinator-ignores-committable.jsonl",
        "3pc/new-coordinator-ignores-committable",
        "3pc/two-crash-in-turn",
        &["decided to abort", "decided to commit"],
    ),
    in_scenario(
        "3pc/recovering-takes-part.jsonl",
        "3pc/recovering-takes-part",
        SYNCHRONOUS,
        &["decided to abort", "decided to commit"],
    ),
    in_scenario(
        "3pc/up-set-not-logged.jsonl",
        "3pc/up-set-not-logged",
        SYNCHRONOUS,
        &["comes back", "decided to"],
    ),
    in_scenario(
        "3pc/precommit-not-logged.jsonl",
        "3pc/precommit-not-logged",
        SYNCHRONOUS,
        &["comes back", "decided to"],
    ),
    in_scenario(
        "3pc/vote-before-durable.jsonl",
        "3pc/vote-before-durable",
        SYNCHRONOUS,
        &["decided to commit"],
    ),
    paper(
        "multi-paxos/gap-noop-overwrites.jsonl",
        "multi-paxos/gap-noop-overwrites",
        &["since no promise reports anything there", "was chosen"],
    ),
    paper("multi-paxos/execute-out-of-order.jsonl", "multi-paxos/execute-out-of-order", &["applied index"]),
    in_scenario(
        "multi-paxos/recovery-takes-first.jsonl",
        "multi-paxos/recovery-takes-first",
        "multi-paxos/leader-change-mid-slot",
        &["as a promise reports it", "was chosen"],
    ),
    paper(
        "multi-paxos/trimmed-as-empty.jsonl",
        "multi-paxos/trimmed-as-empty",
        &["applies a no-op at", "but"],
    ),
    paper("multi-paxos/no-accept-check.jsonl", "multi-paxos/no-accept-check", &["promises", "was chosen"]),
    in_scenario(
        "multi-paxos/ack-any-ballot.jsonl",
        "multi-paxos/ack-any-ballot",
        "multi-paxos/late-acceptance",
        &["no quorum has accepted it"],
    ),
    in_scenario(
        "multi-paxos/promise-not-durable.jsonl",
        "multi-paxos/promise-not-durable",
        "multi-paxos/forgotten-promise",
        &["promises", "was chosen"],
    ),
    paper(
        "multi-paxos/accepted-not-durable.jsonl",
        "multi-paxos/accepted-not-durable",
        &["no quorum has accepted it"],
    ),
    paper(
        "multi-paxos/ballot-reuse-after-crash.jsonl",
        "multi-paxos/ballot-reuse-after-crash",
        &["crashes", "which was led before"],
    ),
    paper(
        "multi-paxos/commit-beyond-learned.jsonl",
        "multi-paxos/commit-beyond-learned",
        &["the leader says so", "but"],
    ),
    paper(
        "multi-paxos/rejoin-empty.jsonl",
        "multi-paxos/rejoin-empty",
        &["since no promise reports anything there", "was chosen"],
    ),
    in_scenario(
        "multi-paxos/trim-before-snapshot.jsonl",
        "multi-paxos/trim-before-snapshot",
        "multi-paxos/snapshot-first",
        &["just before a write", "since no promise reports anything there"],
    ),
    paper(
        "multi-paxos/snapshot-label-mismatch.jsonl",
        "multi-paxos/snapshot-label-mismatch",
        &["takes over a snapshot", "not what the log leads to"],
    ),
    paper(
        "multi-paxos/snapshot-without-sessions.jsonl",
        "multi-paxos/snapshot-without-sessions",
        &["takes over a snapshot", "not what the log leads to"],
    ),
    clients(
        "multi-paxos/forget-sessions.jsonl",
        "multi-paxos/forget-sessions",
        0..300,
        &["was told", "hears from"],
    ),
    clients(
        "multi-paxos/read-local-leader.jsonl",
        "multi-paxos/read-local-leader",
        0..300,
        &["was told", "hears from"],
    ),
    liveness(
        "multi-paxos/deaf-leader-stays.jsonl",
        "multi-paxos/deaf-leader-stays",
        "multi-paxos/one-way-link",
        &["had healed", "news from the leader"],
    ),
];
