//! Votes and what a quorum of them proves (section 4.2: "prepared", "committed-local"; 4.3: "stable"; 4.4: the sets C, P, V
//! and O). Nothing here trusts anybody: a certificate says of itself whether it holds.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, NodeId, NodeSet};
use quarrel_spec::image::Image;
use serde::{Deserialize, Serialize};

use crate::sign::{Batch, Key, Signed};
use crate::{Config, Digest, PbftFlaw, Sequence, View};

/// The three phases of section 4.2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Phase {
    /// The primary assigns a sequence number.
    PrePrepare,
    /// A backup agrees to the assignment in this view.
    Prepare,
    /// A replica knows that a quorum agrees.
    Commit,
}

/// "⟨PRE-PREPARE, v, n, d⟩", "⟨PREPARE, v, n, d, i⟩" or "⟨COMMIT, v, n, D(m), i⟩"; its signature says who i is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Vote {
    /// Of which phase.
    pub phase: Phase,
    /// v.
    pub view: View,
    /// n.
    pub sequence: Sequence,
    /// d.
    pub digest: Digest,
}

impl Vote {
    /// The same assignment, in another phase.
    #[must_use]
    pub const fn of_phase(self, phase: Phase) -> Self {
        Self { phase, ..self }
    }
}

impl Display for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Vote { phase, view, sequence, digest } = self;
        write!(f, "{phase:?} {digest} at {sequence} in view {view}")
    }
}

impl Fingerprint for Vote {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.phase as u64 + 1);
        into.pair(self.view.0, self.sequence.0);
        into.word(self.digest.0);
    }
}

/// How many replicas have cast this vote. Of prepares, those of the primary do not count: its pre-prepare stands for it.
pub(crate) fn count(config: &Config, votes: &[Signed<Vote>], of: Vote) -> usize {
    let is_same = |vote: &Vote| {
        let digest = if config.has(PbftFlaw::DigestNotChecked) { of.digest } else { vote.digest };
        let is_lax = config.has(PbftFlaw::CommitsOfAnyView) && of.phase == Phase::Commit;
        let view = if is_lax { of.view } else { vote.view };
        Vote { digest, view, ..*vote } == of
    };
    let primary = (of.phase == Phase::Prepare && !config.has(PbftFlaw::PrepareFromPrimaryCounted))
        .then(|| config.primary(of.view));
    let counted = votes.iter().filter(|vote| {
        is_same(vote.body()) && vote.signer().0 < config.nodes && Some(vote.signer()) != primary
    });
    if config.has(PbftFlaw::DupVotes) {
        return counted.count();
    }
    counted.map(Signed::signer).collect::<NodeSet>().len()
}

/// A prepared certificate, which is what the set P of a view change holds for each request: "a valid pre-prepare message
/// (without the corresponding client message) and 2f matching, valid prepare messages signed by different backups" (4.4).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Prepared {
    /// What the primary said.
    pub proposal: Signed<Vote>,
    /// What backups said.
    pub prepares: Vec<Signed<Vote>>,
}

impl Prepared {
    /// What was prepared.
    #[must_use]
    pub const fn vote(&self) -> Vote {
        *self.proposal.body()
    }

    /// Whether it proves that.
    #[must_use]
    pub fn holds(&self, config: &Config) -> bool {
        let vote = self.vote();
        let primary = config.primary(vote.view);
        let backups = count(config, &self.prepares, vote.of_phase(Phase::Prepare));
        vote.phase == Phase::PrePrepare
            && (self.proposal.signer() == primary || config.has(PbftFlaw::PrimaryNotChecked))
            && backups + 1 >= config.votes_needed()
    }
}

impl Fingerprint for Prepared {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.proposal.fingerprint(into);
        self.prepares.fingerprint(into);
    }
}

/// A quorum has committed this: "2f + 1 commits (possibly including its own) from different replicas" (4.2).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Committed {
    /// The commits; all alike.
    pub commits: Vec<Signed<Vote>>,
}

impl Committed {
    /// What was committed.
    #[must_use]
    pub fn vote(&self) -> Option<Vote> {
        self.commits.first().map(|commit| *commit.body())
    }

    /// Whether it proves that.
    #[must_use]
    pub fn holds(&self, config: &Config) -> bool {
        self.vote().is_some_and(|vote| {
            vote.phase == Phase::Commit && count(config, &self.commits, vote) >= config.votes_needed()
        })
    }
}

impl Fingerprint for Committed {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.commits.fingerprint(into);
    }
}

/// "⟨CHECKPOINT, n, d, i⟩" (section 4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The last sequence number whose execution is in the state.
    pub sequence: Sequence,
    /// The digest of the state.
    pub digest: Digest,
}

impl Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "state {} up to {}", self.digest, self.sequence)
    }
}

impl Fingerprint for Checkpoint {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.sequence.0, self.digest.0);
    }
}

/// The state of the service after a batch, and how many requests and null requests led to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct State {
    /// The last sequence number executed.
    pub sequence: Sequence,
    /// The last position of the log of requests.
    pub index: u64,
    /// The replica.
    pub image: Image,
}

impl State {
    /// What a checkpoint says of it.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { sequence: self.sequence, digest: Digest::of(self) }
    }
}

impl Fingerprint for State {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.sequence.0, self.index);
        self.image.fingerprint(into);
    }
}

/// The proof that a checkpoint is stable: "2f + 1 checkpoint messages for sequence number n with the same digest d signed
/// by different replicas" (section 4.3). The beginning of everything needs no proof.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stable {
    /// What it proves: the set C is then `votes`.
    pub sequence: Sequence,
    /// The votes; all alike.
    pub votes: Vec<Signed<Checkpoint>>,
}

impl Stable {
    /// What is stable; nothing at the beginning.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.votes.first().map(|vote| *vote.body())
    }

    /// Whether it proves that.
    #[must_use]
    pub fn holds(&self, config: &Config) -> bool {
        let Some(checkpoint) = self.checkpoint() else { return self.sequence == Sequence::ZERO };
        let same =
            self.votes.iter().filter(|vote| *vote.body() == checkpoint && vote.signer().0 < config.nodes);
        let signers: NodeSet = same.map(Signed::signer).collect();
        checkpoint.sequence == self.sequence && signers.len() >= config.quorum_used()
    }
}

impl Fingerprint for Stable {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.sequence.0);
        self.votes.fingerprint(into);
    }
}

/// "⟨VIEW-CHANGE, v + 1, n, C, P, i⟩" (section 4.4).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ViewChange {
    /// The view that the signer wants to go to.
    pub view: View,
    /// Its last stable checkpoint, n, with the proof C.
    pub stable: Stable,
    /// P: what prepared at the signer after that, in the latest view in which it did, by sequence number.
    pub prepared: Vec<Prepared>,
}

impl ViewChange {
    /// Whether its certificates prove what it says.
    #[must_use]
    pub fn holds(&self, config: &Config) -> bool {
        let (low, high) = (self.stable.sequence, config.high(self.stable.sequence));
        let is_proven = self.stable.holds(config) || config.has(PbftFlaw::VcWithoutCheckpointProof);
        let are_sound = self.prepared.iter().all(|prepared| {
            let Vote { view, sequence, .. } = prepared.vote();
            view < self.view && sequence > low && sequence <= high && prepared.holds(config)
        });
        is_proven
            && (are_sound && self.is_sorted() || config.has(PbftFlaw::VcCertNotValidated))
            && self.view > View(0)
    }

    /// One certificate for a sequence number, in order.
    fn is_sorted(&self) -> bool {
        self.prepared.windows(2).all(|pair| pair[0].vote().sequence < pair[1].vote().sequence)
    }
}

impl Fingerprint for ViewChange {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.view.fingerprint(into);
        self.stable.fingerprint(into);
        self.prepared.fingerprint(into);
    }
}

impl Display for ViewChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ViewChange to {}, stable up to {}, prepared [", self.view, self.stable.sequence)?;
        for (position, prepared) in self.prepared.iter().enumerate() {
            let Vote { view, sequence, digest, .. } = prepared.vote();
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{sequence}: {digest} in {view}")?;
        }
        f.write_str("]")
    }
}

/// "⟨NEW-VIEW, v + 1, V, O⟩" (section 4.4).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewView {
    /// The view that begins.
    pub view: View,
    /// V: why it may.
    pub changes: Vec<Signed<ViewChange>>,
    /// O: what the new primary proposes again, in order.
    pub proposals: Vec<Signed<Vote>>,
}

impl NewView {
    /// What the primary of a view computes from V: the set O, signed with its key.
    #[must_use]
    pub fn compute(config: &Config, key: &Key, view: View, changes: Vec<Signed<ViewChange>>) -> Self {
        let proposals = proposals_of(config, view, &changes).into_iter().map(|vote| key.sign(vote)).collect();
        Self { view, changes, proposals }
    }

    /// Whether V is a quorum of valid view changes to this view, and O is what follows from it: "it verifies the
    /// correctness of O by performing a computation similar to the one used by the primary".
    #[must_use]
    pub fn holds(&self, config: &Config) -> bool {
        let primary = config.primary(self.view);
        let valid = |change: &&Signed<ViewChange>| {
            change.signer().0 < config.nodes && change.body().view == self.view && change.body().holds(config)
        };
        let signers: NodeSet = self.changes.iter().filter(valid).map(Signed::signer).collect();
        let is_quorum = self.changes.iter().all(|change| valid(&change))
            && signers.len() == self.changes.len()
            && signers.len() >= config.quorum_used();
        let is_signed = self.proposals.iter().all(|proposal| proposal.signer() == primary);
        is_quorum && is_signed && (self.is_what_follows(config) || config.has(PbftFlaw::NewviewNotValidated))
    }

    fn is_what_follows(&self, config: &Config) -> bool {
        let expected = proposals_of(config, self.view, &self.changes);
        expected.iter().eq(self.proposals.iter().map(Signed::body))
    }

    /// min-s with its proof: the latest stable checkpoint in V.
    #[must_use]
    pub fn stable(&self) -> &Stable {
        latest_stable(&self.changes).expect("a new view has view changes")
    }
}

impl Fingerprint for NewView {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.view.fingerprint(into);
        self.changes.fingerprint(into);
        self.proposals.fingerprint(into);
    }
}

impl Display for NewView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from: NodeSet = self.changes.iter().map(Signed::signer).collect();
        write!(f, "NewView {} by view changes of {from}, proposes [", self.view)?;
        for (position, proposal) in self.proposals.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{}: {}", proposal.body().sequence, proposal.body().digest)?;
        }
        f.write_str("]")
    }
}

fn latest_stable(changes: &[Signed<ViewChange>]) -> Option<&Stable> {
    changes.iter().map(|change| &change.body().stable).max_by_key(|stable| stable.sequence)
}

/// Section 4.4: for each sequence number between min-s and max-s the request that a certificate in V holds for it with the
/// highest view number, or the null request where there is none.
fn proposals_of(config: &Config, view: View, changes: &[Signed<ViewChange>]) -> Vec<Vote> {
    let low = latest_stable(changes).map_or(Sequence::ZERO, |stable| stable.sequence);
    let mut chosen: BTreeMap<Sequence, Vote> = BTreeMap::new();
    // Certificates that hold lie within the water marks of their signers, which are no higher than these.
    let is_open = |vote: &Vote| vote.sequence > low && vote.sequence <= config.high(low);
    let prepared = changes.iter().flat_map(|change| &change.body().prepared).map(Prepared::vote);
    for vote in prepared.filter(is_open) {
        let is_better = |before: &Vote| {
            let is_lower = config.has(PbftFlaw::VcLowestViewCert);
            if is_lower { vote.view < before.view } else { vote.view > before.view }
        };
        if chosen.get(&vote.sequence).is_none_or(is_better) {
            chosen.insert(vote.sequence, vote);
        }
    }
    let last = chosen.last_key_value().map_or(low, |(&sequence, _)| sequence);
    let null = Digest::of(&Batch::NULL);
    let all = (low.0..last.0).map(|before| Sequence(before).next());
    all.map(|sequence| {
        let digest = chosen.get(&sequence).map_or(null, |vote| vote.digest);
        Vote { phase: Phase::PrePrepare, view, sequence, digest }
    })
    .collect()
}

/// Which replicas say that they are at a view above this one, and at which: the smallest such view if there are so many.
pub(crate) fn view_to_join(
    views: impl Iterator<Item = (NodeId, View)>,
    above: View,
    needed: usize,
) -> Option<View> {
    let higher: Vec<View> = views.map(|(_, view)| view).filter(|&view| view > above).collect();
    (higher.len() >= needed).then(|| higher.into_iter().min()).flatten()
}
