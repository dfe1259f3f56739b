//! The catalogue of deliberate defects. Each is one named condition at the place of the correct line.

use quarrel_protocol::{Defect, Flaw};

/// A set of defects. In files, a list of their names.
pub type FlawSet = quarrel_protocol::FlawSet<ThreePhaseFlaw>;

/// A defect that can be switched on. In the order of [`FLAWS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ThreePhaseFlaw {
    /// `timeout-transitions`.
    TimeoutTransitions,
    /// `simultaneous-failure`.
    SimultaneousFailure,
    /// `precommit-before-all-votes`.
    PrecommitBeforeAllVotes,
    /// `commit-before-all-acks`.
    CommitBeforeAllAcks,
    /// `new-coordinator-commits-from-wait`.
    NewCoordinatorCommitsFromWait,
    /// `new-coordinator-ignores-committable`.
    NewCoordinatorIgnoresCommittable,
    /// `recovering-takes-part`.
    RecoveringTakesPart,
    /// `up-set-not-logged`.
    UpSetNotLogged,
    /// `precommit-not-logged`.
    PrecommitNotLogged,
    /// `vote-before-durable`.
    VoteBeforeDurable,
    /// `late-precommit-obeyed`.
    LatePrecommitObeyed,
}

impl ThreePhaseFlaw {
    /// All flaws, in the order of [`FLAWS`].
    pub const ALL: [Self; 11] = [
        Self::TimeoutTransitions,
        Self::SimultaneousFailure,
        Self::PrecommitBeforeAllVotes,
        Self::CommitBeforeAllAcks,
        Self::NewCoordinatorCommitsFromWait,
        Self::NewCoordinatorIgnoresCommittable,
        Self::RecoveringTakesPart,
        Self::UpSetNotLogged,
        Self::PrecommitNotLogged,
        Self::VoteBeforeDurable,
        Self::LatePrecommitObeyed,
    ];
}

impl Defect for ThreePhaseFlaw {
    const PROTOCOL: &'static str = "3pc";
    const CATALOGUE: &'static [Flaw] = FLAWS;

    fn position(self) -> usize {
        self as usize
    }
}

const fn ac1(
    name: &'static str,
    mistake: &'static str,
    needs: &'static str,
    nodes_min: u8,
    source: &'static str,
) -> Flaw {
    Flaw { name, mistake, breaks: "ac1", needs, nodes_min, source }
}

/// The catalogue.
pub const FLAWS: &[Flaw] = &[
    ac1(
        "timeout-transitions",
        "a participant decides on its own timeout: uncertain, it aborts; committable, it commits; there is no termination round",
        "a coordinator that crashes in the middle of sending PRE-COMMIT; no loss, nobody late",
        3,
        "3PC as lecture notes have it; Skeen, Nonblocking Commit Protocols (1981), gives timeout transitions for one failure; Bernstein, Hadzilacos and Goodman (1987), section 7.5, the termination protocol",
    ),
    ac1(
        "simultaneous-failure",
        "a process that recovers committable commits by itself instead of asking",
        "the coordinator and the only committable participant crash together; the survivors abort; the participant recovers",
        3,
        "Atif, Formal Modeling and Verification of Distributed Failure Detectors (ICET 2009): 3PC is erroneous for simultaneous site failures",
    ),
    Flaw {
        name: "precommit-before-all-votes",
        mistake: "the coordinator sends PRE-COMMIT after the first yes",
        breaks: "ac3",
        needs: "a participant that votes no, or fails before it votes; no other fault",
        nodes_min: 3,
        source: "Bernstein, Hadzilacos and Goodman (1987), section 7.5: PRE-COMMIT says that everybody has voted yes",
    },
    ac1(
        "commit-before-all-acks",
        "the coordinator commits after the first acknowledgement",
        "a PRE-COMMIT that does not arrive, and a crash of the coordinator and of who has acknowledged: outside of the model, in which what was sent arrives before anybody is elected",
        4,
        "Skeen, Nonblocking Commit Protocols (1981), the nonblocking theorem: nobody commits while an operational process is uncertain",
    ),
    ac1(
        "new-coordinator-commits-from-wait",
        "an elected coordinator that finds all uncertain commits (TR3 turned round)",
        "a coordinator that crashes before PRE-COMMIT",
        3,
        "Bernstein, Hadzilacos and Goodman (1987), section 7.5, TR3",
    ),
    ac1(
        "new-coordinator-ignores-committable",
        "an elected coordinator looks only at its own state, and aborts although a peer is committable (TR4)",
        "a coordinator that crashes in the middle of sending PRE-COMMIT, and an elected one that crashes in the middle of sending ABORT",
        3,
        "Bernstein, Hadzilacos and Goodman (1987), section 7.5, TR4",
    ),
    ac1(
        "recovering-takes-part",
        "a participant that has failed and recovers goes on as if it had been up all the time: it answers STATE-REQ and PRE-COMMIT, and may be elected",
        "a participant that crashes in doubt, the others committing meanwhile, and none of them up when it is back",
        3,
        "Bernstein, Hadzilacos and Goodman (1987), section 7.5: a process that recovers takes no part in the termination protocol",
    ),
    ac1(
        "up-set-not-logged",
        "a process that recovers has forgotten whom it held for operational, and takes itself for the last that failed",
        "a participant that crashes in doubt, the others going on",
        3,
        "Skeen, Determining the Last Process to Fail (1985); Bernstein, Hadzilacos and Goodman (1987), section 7.5, total failure",
    ),
    ac1(
        "precommit-not-logged",
        "a participant acknowledges a PRE-COMMIT that is not on its disk",
        "somebody commits and fails before the others know, then all of them fail, and those that failed last recover without the first",
        3,
        "Bernstein, Hadzilacos and Goodman (1987), section 7.5, total failure: the last process to fail must know how it stood",
    ),
    ac1(
        "vote-before-durable",
        "a participant votes yes before that is on its disk, and has not voted when it is back",
        "a crash of a participant between its vote and its sync that loses what is not synced",
        2,
        "Bernstein, Hadzilacos and Goodman (1987), section 7.4: yes is written before it is sent; MySQL bug 89860 (a prepared transaction lost)",
    ),
    ac1(
        "late-precommit-obeyed",
        "a PRE-COMMIT of a coordinator that was superseded is obeyed",
        "a PRE-COMMIT that arrives after an election: outside of the model",
        4,
        "Bernstein, Hadzilacos and Goodman (1987), section 7.5: messages of earlier invocations are ignored",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_enum_and_the_catalogue_agree() {
        let known = [
            "timeout-transitions",
            "simultaneous-failure",
            "precommit-before-all-votes",
            "commit-before-all-acks",
            "new-coordinator-commits-from-wait",
            "new-coordinator-ignores-committable",
            "recovering-takes-part",
            "up-set-not-logged",
            "precommit-not-logged",
            "vote-before-durable",
            "late-precommit-obeyed",
        ];
        let names: Vec<_> =
            ThreePhaseFlaw::ALL.iter().flat_map(|flaw| FlawSet::only(*flaw).names()).collect();
        assert_eq!(names, known);
        assert_eq!(names.len(), FLAWS.len());
    }
}
