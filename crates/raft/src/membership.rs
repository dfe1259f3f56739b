//! Membership: who votes, who only listens, and how that changes (thesis, chapter 4).

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, NodeId, NodeSet};
use serde::{Deserialize, Serialize};

use crate::state::Durable;
use crate::{Index, Log, Raft, RaftFlaw};

/// Who decides. It stands in the log, and the latest in a node's log is in force there, committed or not (thesis,
/// section 4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Configuration {
    /// Who votes; while it is joint, who votes in C_new.
    pub voters: NodeSet,
    /// While it is joint, who votes in C_old; otherwise nobody (thesis, section 4.3).
    pub outgoing: NodeSet,
    /// Who is sent entries and has no vote (thesis, section 4.2.1). Invariant: no voter of either kind.
    pub learners: NodeSet,
}

impl Configuration {
    /// These voters, and nobody else.
    #[must_use]
    pub const fn of(voters: NodeSet) -> Self {
        Self { voters, outgoing: NodeSet::EMPTY, learners: NodeSet::EMPTY }
    }

    /// Whether it is C_old,new: decisions need majorities of both.
    #[must_use]
    #[inline]
    pub const fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Everyone with a vote in it.
    #[must_use]
    #[inline]
    pub const fn electors(&self) -> NodeSet {
        self.voters.union(self.outgoing)
    }

    /// Everyone who is sent entries.
    #[must_use]
    #[inline]
    pub const fn members(&self) -> NodeSet {
        self.electors().union(self.learners)
    }

    /// Whether these nodes are a majority; of a joint configuration, a majority of each half (thesis, section 4.3).
    #[must_use]
    #[inline]
    pub const fn is_quorum(&self, nodes: NodeSet) -> bool {
        is_majority(nodes, self.voters) && (!self.is_joint() || is_majority(nodes, self.outgoing))
    }

    /// Whether a cluster of so many nodes can have it.
    pub(crate) const fn is_well_formed(&self, nodes: u8) -> bool {
        let strangers = NodeSet::all(nodes as usize).complement(NodeId::LIMIT);
        !self.voters.is_empty()
            && self.members().intersection(strangers).is_empty()
            && self.learners.intersection(self.electors()).is_empty()
    }

    /// Whether the node has a vote.
    #[must_use]
    #[inline]
    pub const fn has_vote(&self, node: NodeId) -> bool {
        self.electors().contains(node)
    }
}

/// The configurations of one node's log. The latest is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Membership {
    current: Configuration,
    /// How many of its voters are a majority: asked about most answers. While it is joint, of C_new.
    majority: usize,
    /// Where the one in force stands; 0 for the first of all, which stands in no log.
    index: Index,
    /// Those before it, each where it stands. Invariant: positions rise, and all are below `index`.
    earlier: Vec<(Index, Configuration)>,
}

impl Membership {
    /// The configurations of a log, over the one that was in force at `index` where the log begins.
    pub(crate) fn of_log(index: Index, first: Configuration, log: &Log) -> Self {
        let mut membership = Self { current: first, majority: majority(first), index, earlier: Vec::new() };
        let mut at = index;
        for entry in log.after(index) {
            at = at.next();
            if let Some(configuration) = entry.configuration() {
                membership.push(at, configuration);
            }
        }
        membership
    }

    /// Those of what is on a disk.
    pub(crate) fn recover(first: Configuration, durable: &Durable) -> Self {
        match &durable.snapshot {
            Some(snapshot) => Self::of_log(snapshot.index, snapshot.configuration, &durable.log),
            None => Self::of_log(Index::ZERO, first, &durable.log),
        }
    }

    /// The one that was in force at this position, which no snapshot of ours has taken the place of.
    pub(crate) fn at(&self, index: Index) -> Configuration {
        if self.index <= index {
            return self.current;
        }
        let before = self.earlier.iter().rev().find(|&&(at, _)| at <= index);
        before.map_or(self.current, |&(_, configuration)| configuration)
    }

    /// A snapshot takes the place of the log up to here. What was in force there stays.
    pub(crate) fn forget_before(&mut self, index: Index) {
        let last = if self.index <= index {
            self.earlier.len()
        } else {
            self.earlier.partition_point(|&(at, _)| at <= index).saturating_sub(1)
        };
        self.earlier.drain(..last);
    }

    /// The one in force.
    #[inline]
    pub(crate) const fn current(&self) -> Configuration {
        self.current
    }

    /// Where it stands.
    #[inline]
    pub(crate) const fn index(&self) -> Index {
        self.index
    }

    /// The one before it, if the log still tells.
    pub(crate) fn before(&self) -> Option<Configuration> {
        self.earlier.last().map(|&(_, configuration)| configuration)
    }

    /// Those that stand in the log, the first of them first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Index, Configuration)> {
        let latest = (self.index, self.current);
        self.earlier.iter().copied().chain([latest]).filter(|&(index, _)| index > Index::ZERO)
    }

    /// A configuration counts from the moment at which it is appended (thesis, section 4.1).
    pub(crate) fn push(&mut self, index: Index, configuration: Configuration) {
        self.earlier.push((self.index, self.current));
        self.go_by(index, configuration);
    }

    fn go_by(&mut self, index: Index, configuration: Configuration) {
        (self.index, self.current, self.majority) = (index, configuration, majority(configuration));
    }

    /// The log loses the entry at `from` and all that follow: what was in force before them is in force again (thesis,
    /// section 4.1).
    #[inline]
    pub(crate) fn truncate(&mut self, from: Index) {
        while self.index >= from {
            let Some((index, configuration)) = self.earlier.pop() else { return };
            self.go_by(index, configuration);
        }
    }

    /// Only a flaw: the entries go, and what they said stays in force.
    pub(crate) fn stay(&mut self, from: Index) {
        let current = self.current;
        self.truncate(from);
        self.go_by(self.index, current);
    }

    /// Whether these nodes are a quorum of the one in force.
    #[inline]
    fn is_quorum(&self, nodes: NodeSet) -> bool {
        let current = &self.current;
        nodes.intersection(current.voters).len() >= self.majority
            && (!current.is_joint() || is_majority(nodes, current.outgoing))
    }

    pub(crate) fn assert_invariants(&self) {
        assert!(self.earlier.last().is_none_or(|&(index, _)| index < self.index), "positions rise");
        assert!(
            self.current.learners.intersection(self.current.electors()).is_empty(),
            "a learner has no vote"
        );
    }
}

/// Who decides, as this node knows.
impl Raft {
    /// The configuration in force.
    #[must_use]
    pub fn configuration(&self) -> Configuration {
        self.membership.current()
    }

    /// Where in the log it stands; 0 for the first.
    #[must_use]
    pub fn configuration_index(&self) -> Index {
        self.membership.index()
    }

    /// Whether these nodes can elect and commit in the configuration in force.
    #[inline]
    pub(crate) fn is_quorum(&self, nodes: NodeSet) -> bool {
        let current = self.membership.current();
        if self.config.has(RaftFlaw::LearnerCounted) {
            return nodes.intersection(current.members()).len() * 2 > current.voters.len();
        }
        if self.config.has(RaftFlaw::JointUnionQuorum) {
            return is_majority(nodes, current.electors());
        }
        self.membership.is_quorum(nodes)
    }

    /// Whether this node may stand for election. A spare or a learner does not: nobody's vote is asked for it.
    ///
    /// Thesis, section 4.2.2: a node that its latest configuration leaves out still must, without a vote of its own,
    /// until it knows that this configuration is committed. The others may need what its log holds.
    pub(crate) fn may_campaign(&self) -> bool {
        let is_pending =
            self.membership.index() > self.commit && !self.config.has(RaftFlaw::RemoveLeaderStall);
        self.membership.current().has_vote(self.id)
            || is_pending && self.membership.before().is_some_and(|before| before.has_vote(self.id))
    }
}

const fn majority(configuration: Configuration) -> usize {
    configuration.voters.len() / 2 + 1
}

const fn is_majority(nodes: NodeSet, of: NodeSet) -> bool {
    nodes.intersection(of).len() * 2 > of.len()
}

impl Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_joint() {
            true => write!(f, "configuration {} to {}", self.outgoing, self.voters)?,
            false => write!(f, "configuration {}", self.voters)?,
        }
        if !self.learners.is_empty() {
            write!(f, " with learners {}", self.learners)?;
        }
        Ok(())
    }
}

impl Fingerprint for Configuration {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.voters.0, self.outgoing.0);
        into.word(self.learners.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Payload, Term};

    fn set(nodes: &[u8]) -> NodeSet {
        nodes.iter().map(|&node| NodeId(node - 1)).collect()
    }

    #[test]
    fn a_joint_configuration_decides_with_both_majorities() {
        let simple = Configuration { learners: set(&[4]), ..Configuration::of(set(&[1, 2, 3])) };
        assert!(simple.is_quorum(set(&[1, 3])));
        assert!(!simple.is_quorum(set(&[1, 4, 5])), "a learner has no vote, and a stranger none either");
        let joint = Configuration { outgoing: set(&[1, 2, 3]), ..Configuration::of(set(&[3, 4, 5])) };
        assert!(joint.is_quorum(set(&[1, 3, 4])));
        assert!(!joint.is_quorum(set(&[1, 2, 4])), "three of five, but one of C_new");
        assert!(!joint.is_quorum(set(&[3, 4, 5])), "all of C_new, but one of C_old");
        assert!(!Configuration::of(NodeSet::EMPTY).is_quorum(NodeSet::all(5)), "nobody decides for nobody");
    }

    #[test]
    fn the_latest_configuration_is_in_force_and_goes_with_its_entry() {
        let [one, two, three] =
            [&[1, 2, 3][..], &[1, 2], &[1, 2, 4]].map(|nodes| Configuration::of(set(nodes)));
        let mut log = Log::default();
        let entry = |payload| Entry { term: Term(1), payload };
        for payload in [Payload::NoOp, Payload::Configuration(two), Payload::NoOp] {
            log.push(entry(payload));
        }
        let mut membership = Membership::of_log(Index::ZERO, one, &log);
        assert_eq!((membership.current(), membership.index()), (two, Index(2)));
        membership.push(Index(4), three);
        assert_eq!((membership.current(), membership.before()), (three, Some(two)));
        membership.truncate(Index(5));
        assert_eq!(membership.current(), three);
        membership.truncate(Index(3));
        assert_eq!((membership.current(), membership.index()), (two, Index(2)));
        assert_eq!((membership.at(Index(1)), membership.at(Index(2))), (one, two));
        let mut compacted = membership.clone();
        compacted.push(Index(4), three);
        compacted.forget_before(Index(3));
        assert_eq!((compacted.at(Index(3)), compacted.before()), (two, Some(two)), "the one in force there");
        compacted.forget_before(Index(4));
        assert_eq!((compacted.current(), compacted.before()), (three, None));
        membership.truncate(Index(1));
        assert_eq!((membership.current(), membership.index(), membership.before()), (one, Index::ZERO, None));
    }

    #[test]
    fn a_configuration_reads_on_one_line() {
        let joint =
            Configuration { outgoing: set(&[1, 2]), learners: set(&[5]), ..Configuration::of(set(&[2, 3])) };
        assert_eq!(joint.to_string(), "configuration n1, n2 to n2, n3 with learners n5");
        assert_eq!(Configuration::of(set(&[1, 2])).to_string(), "configuration n1, n2");
    }
}
