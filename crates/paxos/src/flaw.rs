//! The catalogue of deliberate defects. Each is one named condition at the place of the correct line.
//!
//! A disk that is replaced needs no defect: a rebuilt acceptor looks like a new one, nothing here tells them apart, and
//! so it is outside the model (`paxos/disk-replaced`). `acceptor-rejoin-empty` does inside of it what that does.

use quarrel_protocol::{Defect, Flaw};

/// A defect that can be switched on. In the order of [`FLAWS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaxosFlaw {
    /// `own-value`.
    OwnValue,
    /// `no-accept-check`.
    NoAcceptCheck,
    /// `acceptor-amnesia-promise`.
    AcceptorAmnesiaPromise,
    /// `accept-strict-gt`.
    AcceptStrictGt,
    /// `duelling-no-backoff`.
    DuellingNoBackoff,
    /// `wrong-highest`.
    WrongHighest,
    /// `no-promise-check`.
    NoPromiseCheck,
    /// `accept-no-promise-update`.
    AcceptNoPromiseUpdate,
    /// `acceptor-amnesia-vote`.
    AcceptorAmnesiaVote,
    /// `acceptor-rejoin-empty`.
    AcceptorRejoinEmpty,
    /// `ballot-not-unique`.
    BallotNotUnique,
    /// `ballot-reuse-after-crash`.
    BallotReuseAfterCrash,
    /// `learner-any-ballot-any-value`.
    LearnerAnyBallotAnyValue,
    /// `learner-cross-ballot-same-value`.
    LearnerCrossBallotSameValue,
    /// `quorum-half`.
    QuorumHalf,
    /// `fpaxos-nonintersecting`.
    FpaxosNonintersecting,
}

impl PaxosFlaw {
    /// All flaws, in the order of [`FLAWS`].
    pub const ALL: [Self; 16] = [
        Self::OwnValue,
        Self::NoAcceptCheck,
        Self::AcceptorAmnesiaPromise,
        Self::AcceptStrictGt,
        Self::DuellingNoBackoff,
        Self::WrongHighest,
        Self::NoPromiseCheck,
        Self::AcceptNoPromiseUpdate,
        Self::AcceptorAmnesiaVote,
        Self::AcceptorRejoinEmpty,
        Self::BallotNotUnique,
        Self::BallotReuseAfterCrash,
        Self::LearnerAnyBallotAnyValue,
        Self::LearnerCrossBallotSameValue,
        Self::QuorumHalf,
        Self::FpaxosNonintersecting,
    ];
}

/// The catalogue.
pub const FLAWS: &[Flaw] = &[
    Flaw {
        name: "own-value",
        mistake: "in phase 2 a proposer proposes its own value although a promise carries an accepted one",
        breaks: "one-value-chosen",
        needs: "two ballots, one after the other; no fault",
        nodes_min: 3,
        source: "Paxos Made Simple, P2c",
    },
    Flaw {
        name: "no-accept-check",
        mistake: "an acceptor accepts a ballot although it has promised a higher one",
        breaks: "one-value-chosen",
        needs: "two duelling proposers",
        nodes_min: 3,
        source: "Paxos Made Simple, P1a; scylladb/scylladb#6139 (an accept with an unpromised ballot)",
    },
    Flaw {
        name: "acceptor-amnesia-promise",
        mistake: "a promise is not persisted: a restart restores only the last acceptance",
        breaks: "one-value-chosen",
        needs: "an acceptor that crashes and restarts between its promise and an older accept",
        nodes_min: 3,
        source: "Michael et al., Recovering Shared Objects Without Stable Storage (DISC 2017), on how replicas recover",
    },
    Flaw {
        name: "accept-strict-gt",
        mistake: "an acceptor accepts only ballots higher than its promise, and so never the one that it promised",
        breaks: "liveness",
        needs: "no fault",
        nodes_min: 1,
        source: "Paxos Made Simple, P1a, read too strictly; the reverse, a refusal of higher ballots, in MyPaxos#19",
    },
    Flaw {
        name: "duelling-no-backoff",
        mistake: "a proposer that is preempted starts a higher ballot at once",
        breaks: "liveness",
        needs: "three or more proposers and steady delays; no fault",
        nodes_min: 3,
        source: "Paxos Made Simple, section 2.4 (proposers that preempt each other for ever)",
    },
    Flaw {
        name: "wrong-highest",
        mistake: "in phase 2 a proposer takes the first accepted value that a promise reports, not the highest-numbered one",
        breaks: "one-value-chosen",
        needs: "three ballots, two of them accepted by a minority",
        nodes_min: 3,
        source: "Paxos Made Simple, section 2.2, phase 2 (a); bft-smart/library#100 is its Byzantine twin",
    },
    Flaw {
        name: "no-promise-check",
        mistake: "an acceptor promises a ballot although it has promised a higher one, and forgets that one",
        breaks: "one-value-chosen",
        needs: "two duelling proposers; a prepare that is late",
        nodes_min: 3,
        source: "Paxos Made Simple, section 2.2, phase 1 (b)",
    },
    Flaw {
        name: "accept-no-promise-update",
        mistake: "an acceptance does not promise its ballot: an acceptor that its prepare did not reach accepts older ones later",
        breaks: "one-value-chosen",
        needs: "three ballots; an old accept that is late at an acceptor which has accepted a newer ballot unasked",
        nodes_min: 3,
        source: "Brooker, The Bug in Paxos Made Simple (2021); scylladb/scylladb#6139",
    },
    Flaw {
        name: "acceptor-amnesia-vote",
        mistake: "an acceptance is not persisted: a restart restores only the promise",
        breaks: "one-value-chosen",
        needs: "an acceptor that crashes and restarts after it has accepted what is chosen, and a later ballot",
        nodes_min: 3,
        source: "Michael et al., Recovering Shared Objects Without Stable Storage (DISC 2017); scylladb/scylladb#6149, where the state expires",
    },
    Flaw {
        name: "acceptor-rejoin-empty",
        mistake: "a node that restarts takes part as an acceptor that has promised and accepted nothing, as if rebuilt on a new disk",
        breaks: "one-value-chosen",
        needs: "an acceptor that crashes and restarts between two ballots; with a disk that is replaced, no flaw is needed",
        nodes_min: 3,
        source: "Chandra, Griesemer and Redstone, Paxos Made Live (PODC 2007), section 5.1; Michael et al. (DISC 2017)",
    },
    Flaw {
        name: "ballot-not-unique",
        mistake: "ballots are numbers without the proposer's name, so that two proposers may use the same one",
        breaks: "one-value-per-ballot",
        needs: "two proposers at the same time; no fault",
        nodes_min: 3,
        source: "Paxos Made Simple, section 2.5; Tencent/phxpaxos#34 asks why the node is part of a ballot",
    },
    Flaw {
        name: "ballot-reuse-after-crash",
        mistake: "a proposer counts its ballots in memory only, and uses them again after a restart",
        breaks: "one-value-per-ballot",
        needs: "a proposer that crashes and restarts, and a promise of its first life that arrives in the second",
        nodes_min: 3,
        source: "Paxos Made Simple, section 2.5; suspected in Tencent/phxpaxos#145, whose code was safe",
    },
    Flaw {
        name: "learner-any-ballot-any-value",
        mistake: "a learner counts acceptances of any ballot and any value",
        breaks: "agreement",
        needs: "two ballots with different values, each accepted by a minority",
        nodes_min: 3,
        source: "Paxos Made Simple, section 2.3; ClusterLabs/booth#47 (votes of different rounds accumulate)",
    },
    Flaw {
        name: "learner-cross-ballot-same-value",
        mistake: "a learner counts acceptances of the same value in different ballots",
        breaks: "agreement",
        needs: "four ballots, three of them accepted by a minority",
        nodes_min: 3,
        source: "Paxos Made Simple, section 2.3",
    },
    Flaw {
        name: "quorum-half",
        mistake: "half of the nodes are a quorum",
        breaks: "agreement",
        needs: "a cluster of even size, split in the middle",
        nodes_min: 4,
        source: "Paxos Made Simple, section 2.1: any two majorities have a member in common",
    },
    Flaw {
        name: "fpaxos-nonintersecting",
        mistake: "the quorums of the two phases together are no larger than the cluster, so that they need not meet",
        breaks: "one-value-chosen",
        needs: "two ballots, one after the other; no fault",
        nodes_min: 3,
        source: "Howard, Malkhi and Spiegelman, Flexible Paxos (2016), section 3; haraldng/omnipaxos PR 91 asserts it",
    },
];

impl Defect for PaxosFlaw {
    const PROTOCOL: &'static str = "paxos";
    const CATALOGUE: &'static [Flaw] = FLAWS;

    #[inline]
    fn position(self) -> usize {
        self as usize
    }
}

/// A set of defects. In files, a list of their names.
pub type FlawSet = quarrel_protocol::FlawSet<PaxosFlaw>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_enum_and_the_catalogue_agree() {
        let names: Vec<_> = PaxosFlaw::ALL.iter().flat_map(|flaw| FlawSet::only(*flaw).names()).collect();
        let known = [
            "own-value",
            "no-accept-check",
            "acceptor-amnesia-promise",
            "accept-strict-gt",
            "duelling-no-backoff",
            "wrong-highest",
            "no-promise-check",
            "accept-no-promise-update",
            "acceptor-amnesia-vote",
            "acceptor-rejoin-empty",
            "ballot-not-unique",
            "ballot-reuse-after-crash",
            "learner-any-ballot-any-value",
            "learner-cross-ballot-same-value",
            "quorum-half",
            "fpaxos-nonintersecting",
        ];
        assert_eq!(names, known);
        assert_eq!(names.len(), FLAWS.len());
    }
}
