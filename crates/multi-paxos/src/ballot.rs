//! Ballots and slots: who proposes, and where.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, NodeId};
use serde::{Deserialize, Serialize};

/// A ballot: PMS's proposal number, here a round and the node that owns it, so that "different proposals have
/// different numbers" (PMS 2.2). Ordered by round, then by node. Who owns a ballot leads in it, once it is elected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Ballot {
    /// The round, from 1.
    pub round: u64,
    /// The node that owns the ballot.
    pub node: NodeId,
}

impl Ballot {
    /// The highest round that a node believes in. No cluster counts this far; a message that claims to is not from one.
    pub(crate) const ROUND_LIMIT: u64 = 1 << 62;

    /// The ballot of `node` in the round after `highest`.
    #[must_use]
    pub(crate) fn above(highest: Option<Ballot>, node: NodeId) -> Self {
        Self { round: highest.map_or(0, |ballot| ballot.round) + 1, node }
    }

    /// Whether a node of a cluster of `nodes` can own it.
    pub(crate) const fn is_possible(self, nodes: u8) -> bool {
        1 <= self.round && self.round <= Self::ROUND_LIMIT && self.node.0 < nodes
    }
}

impl Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.round, self.node)
    }
}

impl Fingerprint for Ballot {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.round, u64::from(self.node.0));
    }
}

/// A slot: a position of the log, for which one instance of Paxos chooses a value. The first is 1; 0 is the position
/// before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Slot(pub u64);

impl Slot {
    /// The position before the first slot.
    pub const ZERO: Self = Self(0);
    /// The highest slot that a node believes in.
    pub(crate) const LIMIT: Self = Self(1 << 62);

    /// The slot after this one.
    #[must_use]
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The slot before this one; 0 has none, and stays.
    #[must_use]
    pub(crate) const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The slot `count` further on.
    #[must_use]
    pub(crate) const fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }

    /// How many slots lie after `other`, up to this one.
    #[must_use]
    pub(crate) const fn since(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }

    /// The slots from this one to `last`.
    pub(crate) fn to(self, last: Self) -> impl DoubleEndedIterator<Item = Slot> + Clone {
        (self.0..=last.0).map(Slot)
    }
}

impl Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Fingerprint for Slot {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nodes_never_own_the_same_ballot_and_the_next_is_higher() {
        let first = Ballot::above(None, NodeId(0));
        let other = Ballot::above(None, NodeId(1));
        assert!(first < other);
        assert!(Ballot::above(Some(other), NodeId(0)) > other);
        assert!(first.is_possible(1) && !other.is_possible(1));
        assert!(!Ballot { round: 0, node: NodeId(0) }.is_possible(3));
        assert!(!Ballot { round: u64::MAX, node: NodeId(0) }.is_possible(3));
    }
}
