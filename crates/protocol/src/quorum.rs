//! Quorums: how many nodes must agree.

use serde::{Deserialize, Serialize};

use crate::NodeSet;

/// A quorum system over `nodes` nodes with two kinds of quorum that always meet.
///
/// Majorities are the usual case; flexible quorums (Howard, Malkhi and Spiegelman, *Flexible Paxos*, 2016) only ask
/// that every first-phase quorum meets every second-phase quorum: `first + second > nodes`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quorum {
    nodes: u8,
    first: u8,
    second: u8,
}

impl Quorum {
    /// Majorities of `nodes` nodes in both phases.
    ///
    /// # Panics
    /// When there are no nodes, or more than [`crate::NodeId::LIMIT`].
    #[must_use]
    pub fn majority(nodes: usize) -> Self {
        let nodes = Self::checked(nodes);
        Self { nodes, first: nodes / 2 + 1, second: nodes / 2 + 1 }
    }

    /// Quorums of `first` nodes to prepare and `second` nodes to accept.
    ///
    /// # Errors
    /// When a quorum is empty, larger than the cluster, or the two need not meet.
    pub fn flexible(nodes: usize, first: usize, second: usize) -> Result<Self, String> {
        let all = Self::checked(nodes);
        if first == 0 || second == 0 || first > nodes || second > nodes {
            return Err(format!("quorums of {first} and {second} do not fit a cluster of {nodes}"));
        }
        if first + second <= nodes {
            return Err(format!("quorums of {first} and {second} of {nodes} nodes need not meet"));
        }
        Ok(Self { nodes: all, first: first as u8, second: second as u8 })
    }

    fn checked(nodes: usize) -> u8 {
        assert!(
            (1..=crate::NodeId::LIMIT).contains(&nodes),
            "a cluster has 1 to {} nodes",
            crate::NodeId::LIMIT
        );
        nodes as u8
    }

    /// The number of nodes of the cluster.
    #[must_use]
    pub const fn nodes(self) -> usize {
        self.nodes as usize
    }

    /// The size of a first-phase (election, prepare) quorum.
    #[must_use]
    pub const fn first(self) -> usize {
        self.first as usize
    }

    /// The size of a second-phase (replication, accept) quorum.
    #[must_use]
    pub const fn second(self) -> usize {
        self.second as usize
    }

    /// Whether these nodes are a first-phase quorum.
    #[must_use]
    #[inline]
    pub const fn is_first(self, set: NodeSet) -> bool {
        set.len() >= self.first as usize
    }

    /// Whether these nodes are a second-phase quorum.
    #[must_use]
    #[inline]
    pub const fn is_second(self, set: NodeSet) -> bool {
        set.len() >= self.second as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeId;

    #[test]
    fn two_majorities_always_meet() {
        for nodes in 1..=NodeId::LIMIT {
            let quorum = Quorum::majority(nodes);
            assert!(quorum.first() + quorum.second() > nodes);
            assert!((quorum.first() - 1) * 2 <= nodes, "the smallest that do");
        }
    }

    #[test]
    fn flexible_quorums_that_need_not_meet_are_refused() {
        assert!(Quorum::flexible(5, 4, 2).is_ok());
        assert!(Quorum::flexible(5, 3, 2).is_err());
        assert!(Quorum::flexible(3, 0, 3).is_err());
        assert!(Quorum::flexible(3, 4, 1).is_err());
    }
}
