//! The built-in scenarios: the folder `scenarios/`, embedded, so that a name works from any folder.

/// A built-in scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Builtin {
    /// Its name: `raft/chaos`.
    pub(crate) name: &'static str,
    /// Where it lies in the checkout, as errors name it.
    pub(crate) file: &'static str,
    /// What it says.
    pub(crate) text: &'static str,
}

macro_rules! table {
    [$($name:literal),* $(,)?] => {
        &[$(Builtin {
            name: $name,
            file: concat!("scenarios/", $name, ".toml"),
            text: include_str!(concat!("../../../scenarios/", $name, ".toml")),
        }),*]
    };
}

/// All of them, in the order in which they are listed.
pub(crate) const ALL: &[Builtin] = table![
    "raft/calm",
    "raft/chaos",
    "raft/standard-unit",
    "raft/figure-8",
    "raft/split-vote",
    "raft/leader-isolated",
    "raft/minority-partition",
    "raft/lossy-network",
    "raft/crash-storm",
    "raft/flapping-link",
    "raft/stale-read",
    "raft/power-loss",
    "raft/sessions-exactly-once",
    "raft/lock-late-release",
    "raft/split-vote-for-ever",
    "raft/late-vote",
    "raft/longer-log",
    "raft/prevote-stops-disruption",
    "raft/prevote-two-cohorts",
    "raft/partial-connectivity",
    "raft/snapshot-install",
    "raft/snapshot-replaces-tail",
    "raft/snapshot-during-change",
    "raft/snapshot-undoes-change",
    "raft/fifty-nodes",
    "raft/membership-single-server",
    "raft/membership-joint",
    "raft/membership-joint-leader-crash",
    "raft/membership-rolled-back",
    "raft/membership-removed-leader",
    "raft/learner-catch-up",
    "raft/leader-transfer",
    "raft/lease-with-drift",
    "raft/lease-beyond-drift",
    "raft/lease-stickiness",
    "raft/read-index",
    "raft/read-index-late-answer",
    "raft/kitchen-sink",
    "raft/lease-chaos",
    "raft/slow-but-alive",
    "raft/retry-storm",
    "raft/bank",
    "raft/tickets",
    "raft/lock",
    "raft/torn-record",
    "raft/unordered-writes",
    "raft/full-disk",
    "raft/lying-fsync",
    "raft/bit-rot",
    "raft/bit-rot-found",
    "raft/leader-hunting",
    "raft/twins",
    "raft-rs/calm",
    "raft-rs/chaos",
    "raft-rs/membership",
    "raft-rs/crash-restart",
    "raft-rs/lease",
    "raft-rs/removed-leader",
    "raft-rs/replaced-voters",
    "raft-rs/standard-unit",
    "paxos/calm",
    "paxos/chaos",
    "paxos/duelling-proposers",
    "paxos/acceptor-restarts",
    "paxos/minority",
    "paxos/duelling-proposers-livelock",
    "paxos/back-off-ends-the-duel",
    "paxos/bad-disks",
    "paxos/lying-fsync",
    "paxos/late-prepare",
    "paxos/two-values-reported",
    "paxos/disk-replaced",
    "paxos/proposer-restarts",
    "paxos/split-in-half",
    "paxos/late-accept",
    "paxos/four-ballots",
    "paxos/twins",
    "multi-paxos/calm",
    "multi-paxos/chaos",
    "multi-paxos/standard-unit",
    "multi-paxos/gap-filled",
    "multi-paxos/leader-change-mid-slot",
    "multi-paxos/laggard-catches-up",
    "multi-paxos/one-way-link",
    "multi-paxos/forgotten-promise",
    "multi-paxos/late-acceptance",
    "multi-paxos/snapshot-first",
    "multi-paxos/snapshot-label",
    "multi-paxos/stale-read",
    "multi-paxos/deaf-leader",
    "multi-paxos/unordered-writes",
    "pbft/calm",
    "pbft/chaos",
    "pbft/standard-unit",
    "pbft/silent-primary",
    "pbft/view-change-keeps-prepared",
    "pbft/new-view-takes-the-latest",
    "pbft/slow-network-doubles-timer",
    "pbft/n-not-3f-plus-1",
    "pbft/equivocating-primary",
    "pbft/lying-new-primary",
    "pbft/checkpoint-under-attack",
    "pbft/view-change-survives-a-crash",
    "pbft/restart-keeps-what-prepared",
    "pbft/checkpoints-out-of-step",
    "pbft/primary-joins-others",
    "pbft/false-certificates",
    "pbft/false-stable-checkpoint",
    "pbft/false-state",
    "pbft/laggard-takes-the-state-over",
    "pbft/late-checkpoint",
    "pbft/six-in-halves",
    "pbft/two-votes-of-one",
    "pbft/usurper",
    "pbft/one-reply-is-not-enough",
    "pbft/asked-twice",
    "pbft/twins",
    "pbft/f-plus-one-breaks",
    "two-generals/calm",
    "two-generals/chaos",
    "two-generals/no-certainty",
    "2pc/calm",
    "2pc/chaos",
    "2pc/transfer-commits",
    "2pc/transfer-aborts",
    "2pc/coordinator-crash-blocks",
    "2pc/coordinator-returns",
    "2pc/cooperative-termination",
    "2pc/presumed-abort",
    "2pc/presumed-commit",
    "2pc/participant-restarts",
    "2pc/votes-out-of-step",
    "2pc/resolver",
    "3pc/calm",
    "3pc/chaos-synchronous",
    "3pc/chaos-asynchronous",
    "3pc/coordinator-crash-does-not-block",
    "3pc/partition-splits",
    "3pc/simultaneous-failure",
    "3pc/total-failure",
    "3pc/two-crash-in-turn",
    "3pc/first-acknowledgement",
    "3pc/late-precommit",
    "3pc/vote-forgotten",
    "3pc/all-uncertain",
    "3pc/logged-pre-commit",
    "omnipaxos/calm",
    "omnipaxos/chaos",
    "omnipaxos/uncompacted",
    "omnipaxos/lossy-fifo",
    "omnipaxos/reorder",
    "omnipaxos/crash-restart",
    "omnipaxos/trim",
    "omnipaxos/snapshot",
    "omnipaxos/reconfigure",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_table_is_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
        let mut there = BTreeSet::new();
        for protocol in std::fs::read_dir(&folder).expect("the folder is there") {
            let protocol = protocol.expect("it can be read").path();
            for file in std::fs::read_dir(&protocol).expect("it has one folder for each protocol") {
                let file = file.expect("it can be read").path();
                let name = file.strip_prefix(&folder).expect("it is below").with_extension("");
                there.insert(name.to_str().expect("names are text").to_string());
            }
        }
        let table: BTreeSet<String> = ALL.iter().map(|builtin| builtin.name.to_string()).collect();
        assert_eq!(table, there, "crates/cli/src/builtin.rs lists what lies in scenarios/");
    }
}
