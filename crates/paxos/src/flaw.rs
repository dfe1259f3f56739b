//! The catalogue of deliberate defects. Each is one named condition at the place of the correct line.

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
}

impl PaxosFlaw {
    /// All flaws, in the order of [`FLAWS`].
    pub const ALL: [Self; 5] = [
        Self::OwnValue,
        Self::NoAcceptCheck,
        Self::AcceptorAmnesiaPromise,
        Self::AcceptStrictGt,
        Self::DuellingNoBackoff,
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
        ];
        assert_eq!(names, known);
        assert_eq!(names.len(), FLAWS.len());
    }
}
