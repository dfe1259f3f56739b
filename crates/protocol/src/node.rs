//! Node identities and sets of them.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use crate::{Fingerprint, Fingerprinter};

/// Identity of a node, from 0; printed from 1: `n1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct NodeId(pub u8);

impl NodeId {
    /// The most nodes a cluster can have.
    pub const LIMIT: usize = 64;

    /// The identity as an index.
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// All nodes of a cluster of `nodes`.
    pub fn all(nodes: usize) -> impl DoubleEndedIterator<Item = NodeId> + Clone {
        debug_assert!(nodes <= Self::LIMIT);
        (0..nodes as u8).map(NodeId)
    }
}

impl Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", u32::from(self.0) + 1)
    }
}

impl Fingerprint for NodeId {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(u64::from(self.0));
    }
}

/// A set of nodes, as bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct NodeSet(pub u64);

impl NodeSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// All nodes of a cluster of `nodes` (at most [`NodeId::LIMIT`]).
    #[must_use]
    pub const fn all(nodes: usize) -> Self {
        if nodes >= NodeId::LIMIT { Self(u64::MAX) } else { Self((1 << nodes) - 1) }
    }

    /// The set of one node.
    #[must_use]
    #[inline]
    pub const fn only(node: NodeId) -> Self {
        Self(1 << node.0)
    }

    /// Adds a node; `true` if it was not in the set.
    #[inline]
    pub fn insert(&mut self, node: NodeId) -> bool {
        let before = self.0;
        self.0 |= 1 << node.0;
        self.0 != before
    }

    /// Takes a node out.
    pub fn remove(&mut self, node: NodeId) {
        self.0 &= !(1 << node.0);
    }

    /// Whether the node is in the set.
    #[must_use]
    #[inline]
    pub const fn contains(self, node: NodeId) -> bool {
        self.0 >> node.0 & 1 == 1
    }

    /// How many nodes there are.
    #[must_use]
    #[inline]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The nodes of a cluster of `nodes` that are not in this set.
    #[must_use]
    pub const fn complement(self, nodes: usize) -> Self {
        Self(Self::all(nodes).0 & !self.0)
    }

    /// The nodes of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The nodes of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The nodes, in order.
    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let next = (rest != 0).then(|| NodeId(rest.trailing_zeros() as u8))?;
            rest &= rest - 1;
            Some(next)
        })
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        nodes.into_iter().fold(Self::EMPTY, |set, node| set.union(Self::only(node)))
    }
}

impl Fingerprint for NodeSet {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.0);
    }
}

impl Display for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nobody");
        }
        for (position, node) in self.iter().enumerate() {
            write!(f, "{}{node}", if position == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
