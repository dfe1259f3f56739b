//! The catalogue of deliberate defects. Each is one named condition at the place where the correct line is.

use quarrel_protocol::{Defect, Flaw};

/// One deliberate defect, in the order of [`FLAWS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PbftFlaw {
    /// `quorum-2f`.
    Quorum2f,
    /// `quorum-not-3f1`.
    QuorumNot3f1,
    /// `prepare-from-primary-counted`.
    PrepareFromPrimaryCounted,
    /// `dup-votes`.
    DupVotes,
    /// `digest-not-checked`.
    DigestNotChecked,
    /// `vc-drops-prepared`.
    VcDropsPrepared,
    /// `vc-cert-not-validated`.
    VcCertNotValidated,
    /// `vc-lowest-view-cert`.
    VcLowestViewCert,
    /// `newview-not-validated`.
    NewviewNotValidated,
    /// `vc-s-vs-sprime`.
    VcSVsSprime,
    /// `watermark-drop`.
    WatermarkDrop,
    /// `vc-no-timeout-doubling`.
    VcNoTimeoutDoubling,
    /// `amnesia-lock`.
    AmnesiaLock,
    /// `commits-of-any-view`.
    CommitsOfAnyView,
    /// `vc-without-checkpoint-proof`.
    VcWithoutCheckpointProof,
    /// `primary-not-checked`.
    PrimaryNotChecked,
    /// `view-change-not-joined`.
    ViewChangeNotJoined,
    /// `execute-out-of-order`.
    ExecuteOutOfOrder,
    /// `execute-when-prepared`.
    ExecuteWhenPrepared,
    /// `stable-without-quorum`.
    StableWithoutQuorum,
    /// `state-not-verified`.
    StateNotVerified,
    /// `state-without-sessions`.
    StateWithoutSessions,
    /// `forget-sessions`.
    ForgetSessions,
    /// `view-not-durable`.
    ViewNotDurable,
    /// `client-believes-one`.
    ClientBelievesOne,
}

/// What each flaw is, in the order of [`PbftFlaw`].
pub const FLAWS: &[Flaw] = &[
    Flaw {
        name: "quorum-2f",
        mistake: "a batch is prepared and committed by one vote too few: 2f, its own included",
        breaks: "agreement",
        needs: "a primary that proposes different batches to different replicas",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.2 (2f + 1); sawtooth-rfcs#19",
    },
    Flaw {
        name: "quorum-not-3f1",
        mistake: "quorums are 2f + 1 where n is not 3f + 1, so that two of them may have no correct replica in common",
        breaks: "agreement",
        needs: "a primary that proposes different batches to different replicas",
        nodes_min: 5,
        source: "celo#253; arXiv 1901.07160 (IBFT); klaytn#1403; go-ibft#86",
    },
    Flaw {
        name: "prepare-from-primary-counted",
        mistake: "the primary's prepare is counted beside its pre-prepare",
        breaks: "one-value-prepared",
        needs: "a primary that proposes different batches, and prepares each",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.2 (2f prepares from different backups); sawtooth-pbft#111",
    },
    Flaw {
        name: "dup-votes",
        mistake: "a prepare or commit that arrives twice counts twice",
        breaks: "certificate-soundness",
        needs: "messages that arrive twice, or a replica that sends its votes twice",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.2 (from different replicas); fabric#370; besu#1736",
    },
    Flaw {
        name: "digest-not-checked",
        mistake: "prepares and commits are counted by view and sequence number, whatever their digest",
        breaks: "agreement",
        needs: "a primary that proposes different batches to different replicas",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.2 (that match the pre-prepare); fabric-x-orderer#1035",
    },
    Flaw {
        name: "vc-drops-prepared",
        mistake: "a view change says that nothing has prepared",
        breaks: "agreement",
        needs: "a batch that one replica has committed and the others have prepared, and a view change without that one",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.4 (P); raijin#8",
    },
    Flaw {
        name: "vc-cert-not-validated",
        mistake: "the certificates of a view change are not looked into",
        breaks: "agreement",
        needs: "a view change with made-up certificates",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.4 (valid view-change messages); concord-bft#50",
    },
    Flaw {
        name: "vc-lowest-view-cert",
        mistake: "of two batches that prepared at a sequence number a new view takes that of the lower view",
        breaks: "agreement",
        needs: "two view changes, and another batch that prepared between them",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.4 (with the highest view number); Abraham et al., arXiv 1712.01367; bft-smart#100",
    },
    Flaw {
        name: "newview-not-validated",
        mistake: "backups take the set O of a new view as it is",
        breaks: "agreement",
        needs: "a new primary that proposes null requests in place of what had prepared",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.4 (backups verify O); FISCO-BCOS#5168",
    },
    Flaw {
        name: "vc-s-vs-sprime",
        mistake: "a new primary waits for a quorum of view changes that name the latest stable checkpoint, not for a quorum of view changes",
        breaks: "liveness",
        needs: "a view change while the replicas' stable checkpoints differ",
        nodes_min: 4,
        source: "fabric#1111",
    },
    Flaw {
        name: "watermark-drop",
        mistake: "what comes for a sequence number above the high water mark is dropped and never asked for again",
        breaks: "liveness",
        needs: "a replica whose checkpoint becomes stable later than that of the others",
        nodes_min: 4,
        source: "fabric#1119",
    },
    Flaw {
        name: "vc-no-timeout-doubling",
        mistake: "however many views have failed, the next has no more time",
        breaks: "liveness",
        needs: "messages that take longer than the patience",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.5.2",
    },
    Flaw {
        name: "amnesia-lock",
        mistake: "a replica that restarts forgets what it has accepted and what has prepared",
        breaks: "agreement",
        needs: "more than f replicas that restart, or one beside a traitor",
        nodes_min: 4,
        source: "Tendermint ADR-056; horcrux#310; Bano et al., Twins (2020)",
    },
    Flaw {
        name: "commits-of-any-view",
        mistake: "commits are counted for a sequence number and a digest, whatever their view",
        breaks: "certificate-soundness",
        needs: "a view change while a batch is half committed",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.2 (that match the pre-prepare: same view); Abraham et al., arXiv 1712.01367",
    },
    Flaw {
        name: "vc-without-checkpoint-proof",
        mistake: "a view change is believed about its stable checkpoint without the proof C",
        breaks: "liveness",
        needs: "a view change that names a checkpoint that nobody has",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.4 (C)",
    },
    Flaw {
        name: "primary-not-checked",
        mistake: "a pre-prepare is accepted from whoever signed it, not only from the primary of the view",
        breaks: "one-value-accepted",
        needs: "a replica that is not the primary and proposes",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.2; section 4 (v mod n)",
    },
    Flaw {
        name: "view-change-not-joined",
        mistake: "a replica gives its primary up only when its own time is over, however many others have done so",
        breaks: "liveness",
        needs: "replicas whose views are far apart",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.5.2 (f + 1 view changes)",
    },
    Flaw {
        name: "execute-out-of-order",
        mistake: "a replica passes over a sequence number that has not committed, and executes the next",
        breaks: "execution-in-order",
        needs: "a message about one sequence number that is lost or late",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.2 (all requests with lower sequence numbers)",
    },
    Flaw {
        name: "execute-when-prepared",
        mistake: "a batch is executed, and its clients answered, when it has prepared, and never undone",
        breaks: "certificate-soundness",
        needs: "a view change while a batch has prepared at one replica",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.2 (commit); 5.1 (what is tentative may be aborted)",
    },
    Flaw {
        name: "stable-without-quorum",
        mistake: "a replica takes its own checkpoint for stable, and drops what came before it",
        breaks: "liveness",
        needs: "a replica that needs what the others have dropped",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.3 (proof of 2f + 1)",
    },
    Flaw {
        name: "state-not-verified",
        mistake: "a state is taken over from one replica, whatever proves it",
        breaks: "state-machine-safety",
        needs: "a replica that is behind, and a traitor that sends it a state",
        nodes_min: 4,
        source: "Castro and Liskov 1999, sections 4.3 and 4.4 (a proof for the checkpoint)",
    },
    Flaw {
        name: "state-without-sessions",
        mistake: "a checkpoint holds what the service knows, and not which requests were executed",
        breaks: "state-machine-safety",
        needs: "a replica that takes a state over, and a request that comes again",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.3 (the state includes the last reply to each client)",
    },
    Flaw {
        name: "forget-sessions",
        mistake: "a request that is ordered twice is executed twice",
        breaks: "linearizability",
        needs: "a request that a client or a new primary repeats",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.1 (exactly-once semantics)",
    },
    Flaw {
        name: "view-not-durable",
        mistake: "a view change is sent and not written: after a restart the replica votes in the view that it had given up",
        breaks: "agreement",
        needs: "a replica that crashes on its way to another view",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.4 (it stops accepting messages of its view)",
    },
    Flaw {
        name: "client-believes-one",
        mistake: "a client takes the first reply for the answer",
        breaks: "valid-result",
        needs: "a traitor that answers a client",
        nodes_min: 4,
        source: "Castro and Liskov 1999, section 4.1 (f + 1 replies with valid signatures from different replicas)",
    },
];

impl PbftFlaw {
    /// All of them, in the order of [`FLAWS`].
    pub const ALL: [Self; 25] = [
        Self::Quorum2f,
        Self::QuorumNot3f1,
        Self::PrepareFromPrimaryCounted,
        Self::DupVotes,
        Self::DigestNotChecked,
        Self::VcDropsPrepared,
        Self::VcCertNotValidated,
        Self::VcLowestViewCert,
        Self::NewviewNotValidated,
        Self::VcSVsSprime,
        Self::WatermarkDrop,
        Self::VcNoTimeoutDoubling,
        Self::AmnesiaLock,
        Self::CommitsOfAnyView,
        Self::VcWithoutCheckpointProof,
        Self::PrimaryNotChecked,
        Self::ViewChangeNotJoined,
        Self::ExecuteOutOfOrder,
        Self::ExecuteWhenPrepared,
        Self::StableWithoutQuorum,
        Self::StateNotVerified,
        Self::StateWithoutSessions,
        Self::ForgetSessions,
        Self::ViewNotDurable,
        Self::ClientBelievesOne,
    ];

    /// The name without the protocol: `quorum-2f`.
    #[must_use]
    pub fn name(self) -> &'static str {
        FLAWS[self as usize].name
    }
}

impl Defect for PbftFlaw {
    const PROTOCOL: &'static str = "pbft";
    const CATALOGUE: &'static [Flaw] = FLAWS;

    #[inline]
    fn position(self) -> usize {
        self as usize
    }
}

/// The flaws that are switched on. In files it is the list of their names.
pub type FlawSet = quarrel_protocol::FlawSet<PbftFlaw>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flaw_is_in_the_catalogue_under_its_name() {
        assert_eq!(PbftFlaw::ALL.len(), FLAWS.len());
        for (position, flaw) in PbftFlaw::ALL.into_iter().enumerate() {
            assert_eq!(flaw as usize, position);
            assert_eq!(FlawSet::from_names(&[FLAWS[position].name]).unwrap(), FlawSet::only(flaw));
        }
    }
}
