//! Ballots and proposals: PMS's "proposal number", and the number together with its value.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, NodeId};
use quarrel_spec::Value;
use serde::{Deserialize, Serialize};

/// A ballot: PMS's proposal number, here a round and the node that owns it, so that "different proposals have
/// different numbers" (PMS 2.2). Ordered by round, then by node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Ballot {
    /// The round, from 1.
    pub round: u64,
    /// The proposer that owns the ballot.
    pub node: NodeId,
}

impl Ballot {
    /// The ballot of `node` in the round after `highest`; `None` when there is no further round (which only a
    /// corrupt ballot can bring about).
    #[must_use]
    pub fn above(highest: Option<Ballot>, node: NodeId) -> Option<Self> {
        let round = highest.map_or(0, |ballot| ballot.round).checked_add(1)?;
        Some(Self { round, node })
    }
}

impl Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.round, self.node)
    }
}

impl Fingerprint for Ballot {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.round);
        self.node.fingerprint(into);
    }
}

/// "A proposal consists of a proposal number and a value" (PMS 2.2). Ordered by ballot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Proposal {
    /// Its number.
    pub ballot: Ballot,
    /// Its value.
    pub value: Value,
}

impl Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ballot, self.value)
    }
}

impl Fingerprint for Proposal {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.ballot.fingerprint(into);
        self.value.fingerprint(into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ballots_are_ordered_by_round_and_never_shared() {
        let first = Ballot::above(None, NodeId(2)).unwrap();
        let second = Ballot::above(Some(first), NodeId(0)).unwrap();
        assert!(first < second);
        assert_eq!((first.to_string(), second.to_string()), ("1.n3".into(), "2.n1".into()));
        assert_ne!(Ballot::above(None, NodeId(0)), Ballot::above(None, NodeId(1)));
    }

    #[test]
    fn the_last_round_has_no_successor() {
        assert_eq!(Ballot::above(Some(Ballot { round: u64::MAX, node: NodeId(0) }), NodeId(1)), None);
    }
}
