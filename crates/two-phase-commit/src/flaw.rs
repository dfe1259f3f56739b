//! The catalogue of deliberate defects. Each is one named condition at the place of the correct line.

use quarrel_protocol::{Defect, Flaw};

/// A defect that can be switched on. In the order of [`FLAWS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommitFlaw {
    /// `unilateral-abort-when-prepared`.
    UnilateralAbortWhenPrepared,
    /// `commit-on-timeout`.
    CommitOnTimeout,
    /// `missing-vote`.
    MissingVote,
    /// `vote-before-durable`.
    VoteBeforeDurable,
    /// `decision-not-logged`.
    DecisionNotLogged,
    /// `recovery-race`.
    RecoveryRace,
    /// `cooperative-termination-wrong`.
    CooperativeTerminationWrong,
    /// `late-vote-request`.
    LateVoteRequest,
    /// `locks-not-reacquired`.
    LocksNotReacquired,
    /// `read-only-early-release`.
    ReadOnlyEarlyRelease,
    /// `no-collecting-record`.
    NoCollectingRecord,
    /// `acknowledge-before-durable`.
    AcknowledgeBeforeDurable,
}

impl CommitFlaw {
    /// All flaws, in the order of [`FLAWS`].
    pub const ALL: [Self; 12] = [
        Self::UnilateralAbortWhenPrepared,
        Self::CommitOnTimeout,
        Self::MissingVote,
        Self::VoteBeforeDurable,
        Self::DecisionNotLogged,
        Self::RecoveryRace,
        Self::CooperativeTerminationWrong,
        Self::LateVoteRequest,
        Self::LocksNotReacquired,
        Self::ReadOnlyEarlyRelease,
        Self::NoCollectingRecord,
        Self::AcknowledgeBeforeDurable,
    ];
}

impl Defect for CommitFlaw {
    const PROTOCOL: &'static str = "2pc";
    const CATALOGUE: &'static [Flaw] = FLAWS;

    fn position(self) -> usize {
        self as usize
    }
}

/// The catalogue.
pub const FLAWS: &[Flaw] = &[
    Flaw {
        name: "unilateral-abort-when-prepared",
        mistake: "a participant that has voted yes and hears nothing aborts by itself",
        breaks: "ac1",
        needs: "a COMMIT that is late",
        nodes_min: 2,
        source: "Bernstein, Hadzilacos and Goodman, section 7.4 (the uncertainty period); tidb#43540, tikv#16620 (a lock whose time is up rolls a committed transaction back)",
    },
    Flaw {
        name: "commit-on-timeout",
        mistake: "a participant that has voted yes and hears nothing commits by itself",
        breaks: "ac1 or ac3",
        needs: "a decision that is late; no other fault",
        nodes_min: 2,
        source: "Bernstein, Hadzilacos and Goodman, section 7.4 (the uncertainty period)",
    },
    Flaw {
        name: "missing-vote",
        mistake: "the coordinator counts votes instead of voters, and commits when one has come twice",
        breaks: "ac3",
        needs: "a vote that comes twice, or is asked for twice",
        nodes_min: 3,
        source: "Bernstein, Hadzilacos and Goodman, section 7.3, AC3; xraft#27 is the same mistake in an election",
    },
    Flaw {
        name: "vote-before-durable",
        mistake: "a participant sends its yes before the record of what it has prepared is durable, and forgets it in a restart",
        breaks: "ac1, durability or liveness",
        needs: "a participant that crashes and restarts between its vote and the decision",
        nodes_min: 2,
        source: "Bernstein, Hadzilacos and Goodman, section 7.4, rule 2 of the log; MySQL bugs #89860 and #83983 (a prepared XA transaction is lost)",
    },
    Flaw {
        name: "decision-not-logged",
        mistake: "the coordinator sends COMMIT before its commit record is durable; restarted, it says abort",
        breaks: "ac1 or ac2",
        needs: "a coordinator that crashes and restarts once the first COMMIT has left it; no message is lost",
        nodes_min: 2,
        source: "Bernstein, Hadzilacos and Goodman, section 7.4, rule 3 of the log; MySQL bug #98288 (the binary log shows a commit, the engine is only prepared)",
    },
    Flaw {
        name: "recovery-race",
        mistake: "a participant that has not voted tells the resolver so and does not abort: it can still be asked, and vote yes, before the resolver's ABORT arrives",
        breaks: "ac1",
        needs: "a resolver, a coordinator that is slow and not dead, and a VOTE-REQ that comes late",
        nodes_min: 4,
        source: "cockroach#46596 and #103817 (a recovery races a late write of a parallel commit); tidb#33641, tidb#34634",
    },
    Flaw {
        name: "cooperative-termination-wrong",
        mistake: "a participant that has not voted answers a peer in doubt with abort, and does not abort itself",
        breaks: "ac1",
        needs: "a participant in doubt, and a VOTE-REQ that comes to its peer after the question",
        nodes_min: 3,
        source: "Bernstein, Hadzilacos and Goodman, section 7.4, cooperative termination; Chkliaev et al. (ICDCS 2000) found such an error in Babaoglu and Toueg's recovery",
    },
    Flaw {
        name: "late-vote-request",
        mistake: "a participant does not remember what it has aborted, and votes again when VOTE-REQ comes late or twice",
        breaks: "ac1 or ac2",
        needs: "a VOTE-REQ that comes twice, or after its peer's question",
        nodes_min: 2,
        source: "Mohan, Lindsay and Obermarck (1986), section 2: a PREPARE for an unknown transaction is answered no",
    },
    Flaw {
        name: "locks-not-reacquired",
        mistake: "a participant that restarts remembers what it has prepared and not what that had locked",
        breaks: "linearizability, seat-sold-once or money-conserved",
        needs: "a participant that crashes in doubt, and another transaction on the same items before the decision",
        nodes_min: 2,
        source: "Mohan, Lindsay and Obermarck (1986), section 2: the recovery process reacquires the locks",
    },
    Flaw {
        name: "read-only-early-release",
        mistake: "a participant that only reads lets go of its locks when it votes, although others may not have locked yet",
        breaks: "strict-serializability or money-conserved",
        needs: "the option read-only, and two transactions on the same items; no fault",
        nodes_min: 3,
        source: "Samaras, Britton, Citron and Mohan, Two-Phase Commit Optimizations and Tradeoffs in the Commercial Environment (ICDE 1993): the read-only optimisation and serializability",
    },
    Flaw {
        name: "no-collecting-record",
        mistake: "with presumed commit, the coordinator asks for votes before it has recorded whom it asks; restarted, it says commit",
        breaks: "ac1 or ac3",
        needs: "presumed commit, and a coordinator that crashes before it has decided",
        nodes_min: 2,
        source: "Mohan, Lindsay and Obermarck (1986), section 3.2: why the collecting record must be forced",
    },
    Flaw {
        name: "acknowledge-before-durable",
        mistake: "a participant acknowledges a decision before its record of it is durable: the coordinator forgets, and then presumes the opposite",
        breaks: "ac1 or ac2",
        needs: "a participant that crashes right after its acknowledgement",
        nodes_min: 2,
        source: "Mohan, Lindsay and Obermarck (1986), section 2: a participant forces its commit record before it acknowledges",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use quarrel_protocol::FlawSet;

    #[test]
    fn the_enum_and_the_catalogue_agree() {
        let names: Vec<_> = CommitFlaw::ALL.iter().flat_map(|flaw| FlawSet::only(*flaw).names()).collect();
        assert_eq!(names, FLAWS.iter().map(|flaw| flaw.name).collect::<Vec<_>>());
        assert_eq!(FlawSet::only(CommitFlaw::RecoveryRace).names().collect::<Vec<_>>(), ["recovery-race"]);
    }
}
