//! All scenarios of the protocols of this workspace, and where each flaw is looked for.

/// How a scenario comes to its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Nature {
    /// By hand: every seed is the same run.
    Scripted,
    /// By chance: what it expects must come out among so many seeds.
    Drawn(u64),
}

use Nature::{Drawn, Scripted};

pub(crate) const SCENARIOS: [(&str, Nature); 138] = [
    ("2pc/calm", Drawn(100)),
    ("2pc/chaos", Drawn(1000)),
    ("2pc/cooperative-termination", Scripted),
    ("2pc/coordinator-crash-blocks", Scripted),
    ("2pc/coordinator-returns", Scripted),
    ("2pc/participant-restarts", Scripted),
    ("2pc/presumed-abort", Scripted),
    ("2pc/presumed-commit", Scripted),
    ("2pc/resolver", Scripted),
    ("2pc/transfer-aborts", Scripted),
    ("2pc/transfer-commits", Scripted),
    ("2pc/votes-out-of-step", Scripted),
    ("3pc/all-uncertain", Scripted),
    ("3pc/calm", Drawn(100)),
    ("3pc/chaos-asynchronous", Drawn(200)),
    ("3pc/chaos-synchronous", Drawn(1000)),
    ("3pc/coordinator-crash-does-not-block", Scripted),
    ("3pc/first-acknowledgement", Scripted),
    ("3pc/late-precommit", Scripted),
    ("3pc/logged-pre-commit", Scripted),
    ("3pc/partition-splits", Scripted),
    ("3pc/simultaneous-failure", Scripted),
    ("3pc/total-failure", Scripted),
    ("3pc/two-crash-in-turn", Scripted),
    ("3pc/vote-forgotten", Scripted),
    ("multi-paxos/calm", Drawn(100)),
    ("multi-paxos/chaos", Drawn(1000)),
    ("multi-paxos/deaf-leader", Scripted),
    ("multi-paxos/forgotten-promise", Scripted),
    ("multi-paxos/gap-filled", Scripted),
    ("multi-paxos/laggard-catches-up", Drawn(40)),
    ("multi-paxos/late-acceptance", Scripted),
    ("multi-paxos/leader-change-mid-slot", Scripted),
    ("multi-paxos/one-way-link", Drawn(40)),
    ("multi-paxos/snapshot-first", Scripted),
    ("multi-paxos/snapshot-label", Scripted),
    ("multi-paxos/stale-read", Scripted),
    ("multi-paxos/standard-unit", Drawn(20)),
    ("multi-paxos/unordered-writes", Drawn(300)),
    ("paxos/acceptor-restarts", Scripted),
    ("paxos/back-off-ends-the-duel", Drawn(40)),
    ("paxos/bad-disks", Drawn(300)),
    ("paxos/calm", Drawn(100)),
    ("paxos/chaos", Drawn(1000)),
    ("paxos/disk-replaced", Scripted),
    ("paxos/duelling-proposers", Scripted),
    ("paxos/duelling-proposers-livelock", Scripted),
    ("paxos/four-ballots", Scripted),
    ("paxos/late-accept", Scripted),
    ("paxos/late-prepare", Scripted),
    ("paxos/lying-fsync", Scripted),
    ("paxos/minority", Scripted),
    ("paxos/proposer-restarts", Scripted),
    ("paxos/split-in-half", Scripted),
    ("paxos/twins", Drawn(100)),
    ("paxos/two-values-reported", Scripted),
    ("pbft/asked-twice", Scripted),
    ("pbft/calm", Drawn(100)),
    ("pbft/chaos", Drawn(200)),
    ("pbft/checkpoint-under-attack", Drawn(100)),
    ("pbft/checkpoints-out-of-step", Scripted),
    ("pbft/equivocating-primary", Scripted),
    ("pbft/f-plus-one-breaks", Drawn(100)),
    ("pbft/false-certificates", Scripted),
    ("pbft/false-stable-checkpoint", Scripted),
    ("pbft/false-state", Scripted),
    ("pbft/laggard-takes-the-state-over", Scripted),
    ("pbft/late-checkpoint", Scripted),
    ("pbft/lying-new-primary", Scripted),
    ("pbft/n-not-3f-plus-1", Drawn(40)),
    ("pbft/new-view-takes-the-latest", Scripted),
    ("pbft/one-reply-is-not-enough", Scripted),
    ("pbft/primary-joins-others", Scripted),
    ("pbft/restart-keeps-what-prepared", Scripted),
    ("pbft/silent-primary", Drawn(40)),
    ("pbft/six-in-halves", Scripted),
    ("pbft/slow-network-doubles-timer", Scripted),
    ("pbft/standard-unit", Drawn(20)),
    ("pbft/twins", Drawn(100)),
    ("pbft/two-votes-of-one", Scripted),
    ("pbft/usurper", Scripted),
    ("pbft/view-change-keeps-prepared", Scripted),
    ("pbft/view-change-survives-a-crash", Scripted),
    ("raft/bank", Drawn(200)),
    ("raft/bit-rot", Scripted),
    ("raft/bit-rot-found", Scripted),
    ("raft/calm", Drawn(100)),
    ("raft/chaos", Drawn(1000)),
    ("raft/crash-storm", Drawn(300)),
    ("raft/fifty-nodes", Drawn(20)),
    ("raft/figure-8", Scripted),
    ("raft/flapping-link", Scripted),
    ("raft/full-disk", Scripted),
    ("raft/leader-hunting", Drawn(300)),
    ("raft/kitchen-sink", Drawn(1000)),
    ("raft/late-vote", Scripted),
    ("raft/leader-isolated", Scripted),
    ("raft/leader-transfer", Scripted),
    ("raft/learner-catch-up", Scripted),
    ("raft/lease-beyond-drift", Drawn(30)),
    ("raft/lease-chaos", Drawn(300)),
    ("raft/lease-stickiness", Scripted),
    ("raft/lease-with-drift", Scripted),
    ("raft/lock", Drawn(200)),
    ("raft/lock-late-release", Scripted),
    ("raft/longer-log", Scripted),
    ("raft/lossy-network", Drawn(100)),
    ("raft/lying-fsync", Scripted),
    ("raft/membership-joint", Scripted),
    ("raft/membership-joint-leader-crash", Scripted),
    ("raft/membership-removed-leader", Scripted),
    ("raft/membership-rolled-back", Scripted),
    ("raft/membership-single-server", Scripted),
    ("raft/minority-partition", Scripted),
    ("raft/partial-connectivity", Scripted),
    ("raft/power-loss", Scripted),
    ("raft/prevote-stops-disruption", Scripted),
    ("raft/prevote-two-cohorts", Scripted),
    ("raft/read-index", Scripted),
    ("raft/read-index-late-answer", Scripted),
    ("raft/retry-storm", Drawn(100)),
    ("raft/sessions-exactly-once", Scripted),
    ("raft/slow-but-alive", Drawn(200)),
    ("raft/snapshot-during-change", Scripted),
    ("raft/snapshot-install", Scripted),
    ("raft/snapshot-replaces-tail", Scripted),
    ("raft/snapshot-undoes-change", Scripted),
    ("raft/split-vote", Scripted),
    ("raft/split-vote-for-ever", Scripted),
    ("raft/stale-read", Scripted),
    ("raft/standard-unit", Drawn(100)),
    ("raft/tickets", Drawn(200)),
    ("raft/torn-record", Drawn(300)),
    ("raft/twins", Drawn(100)),
    ("raft/unordered-writes", Drawn(300)),
    ("two-generals/calm", Drawn(100)),
    ("two-generals/chaos", Drawn(200)),
    ("two-generals/no-certainty", Drawn(200)),
];

pub(crate) const CHAOS: [&str; 4] = ["raft/chaos", "multi-paxos/chaos", "paxos/chaos", "2pc/chaos"];

/// Whose clients may give up, ask at the very end, or be turned away because too much is under way.
pub(crate) const MAY_LEAVE_UNANSWERED: [&str; 25] = [
    "multi-paxos/chaos",
    "multi-paxos/standard-unit",
    "pbft/chaos",
    "pbft/standard-unit",
    "raft/chaos",
    "raft/lease-chaos",
    "raft/kitchen-sink",
    "paxos/chaos",
    "2pc/chaos",
    "2pc/coordinator-crash-blocks",
    "3pc/all-uncertain",
    "3pc/chaos-asynchronous",
    "3pc/chaos-synchronous",
    "3pc/coordinator-crash-does-not-block",
    "3pc/first-acknowledgement",
    "3pc/late-precommit",
    "3pc/logged-pre-commit",
    "3pc/partition-splits",
    "3pc/simultaneous-failure",
    "3pc/total-failure",
    "3pc/two-crash-in-turn",
    "raft/standard-unit",
    "raft/retry-storm",
    "paxos/bad-disks",
    "raft/leader-hunting",
];

/// Flaws that clients notice by themselves, and where.
pub(crate) const NOTICED_BY_CLIENTS: [(&str, &str, &str); 18] = [
    ("raft/bank", "raft/forget-sessions", "linearizability"),
    ("raft/bank", "raft/read-local-leader", "linearizability"),
    ("raft/tickets", "raft/forget-sessions", "linearizability"),
    ("raft/tickets", "raft/read-local-leader", "linearizability"),
    ("raft/lock", "raft/forget-sessions", "linearizability"),
    ("raft/lock", "raft/read-local-leader", "linearizability"),
    ("raft/lossy-network", "raft/forget-sessions", "linearizability"),
    ("raft/lock-late-release", "raft/forget-sessions", "linearizability"),
    ("raft/sessions-exactly-once", "raft/forget-sessions", "linearizability"),
    ("raft/stale-read", "raft/read-local-leader", "linearizability"),
    ("raft/power-loss", "raft/ack-before-fsync", "linearizability"),
    ("raft/power-loss", "raft/stop-commit-scan", "liveness"),
    ("raft/sessions-exactly-once", "raft/stop-commit-scan", "liveness"),
    ("raft/retry-storm", "raft/stop-commit-scan", "liveness"),
    ("raft/split-vote-for-ever", "raft/identical-timeouts", "liveness"),
    ("paxos/duelling-proposers-livelock", "paxos/duelling-no-backoff", "liveness"),
    ("paxos/duelling-proposers-livelock", "paxos/accept-strict-gt", "liveness"),
    ("paxos/back-off-ends-the-duel", "paxos/duelling-no-backoff", "liveness"),
];

/// What must be switched on in chaos for a flaw to have something to spoil.
pub(crate) fn needs(flaw: &str) -> &'static [(&'static str, &'static str)] {
    match flaw {
        "raft/prevote-stuck" | "raft/no-prevote-disruption" | "raft/partial-connectivity-livelock" => {
            &[("config.pre-vote", "true"), ("config.check-quorum", "true")]
        }
        "raft/append-after-compaction" => &[("config.snapshot-every", "3")],
        _ => &[],
    }
}

/// Where a flaw is looked for: chaos knows no operator and reads through the log. Nothing for those that only a script shows
/// within so few runs.
pub(crate) fn hunted_in<'a>(chaos: &'a str, flaw: &str) -> Option<&'a str> {
    match flaw {
        "raft/learner-counted"
        | "raft/joint-union-quorum"
        | "raft/joint-early-leave"
        | "raft/joint-never-leaves"
        | "raft/remove-leader-stall"
        | "raft/readindex-no-current-term"
        | "raft/lease-clock-drift" => Some("raft/kitchen-sink"),
        "raft/single-server-change"
        | "raft/snap-has-uncommitted-config"
        | "raft/snap-stale-membership"
        | "raft/config-not-rolled-back"
        | "raft/readindex-ctx-reuse"
        | "raft/lease-survives-transfer"
        | "raft/lease-no-stickiness" => None,
        // Chaos finds each of these within 5,000 runs, which are too many for a test.
        "multi-paxos/ack-any-ballot"
        | "multi-paxos/promise-not-durable"
        | "multi-paxos/trim-before-snapshot" => None,
        _ => Some(chaos),
    }
}

/// What no script shows yet: drawn faults find these flaws, or a story in the tests of their crate tells them.
pub(crate) const SHOWN_BY_CHANCE: [&str; 0] = [];
