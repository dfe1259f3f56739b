//! What an operator asks: members that come and go, leadership that changes hands, snapshots.

use std::fmt::{self, Display};
use std::str::FromStr;

use quarrel_protocol::{Fingerprint, Fingerprinter, Kinded, NodeId};
use serde::{Deserialize, Serialize};

use super::peer;
use super::raft::eraftpb::{
    ConfChange, ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2,
};

/// An order, given to any node: one that does not lead passes it on, or lets it drop.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Hand leadership over to this node.
    Transfer(NodeId),
    /// Make it a voter, by a change of one member (v1).
    AddVoter(NodeId),
    /// Make it a learner, by a change of one member (v1).
    AddLearner(NodeId),
    /// Take it out, by a change of one member (v1).
    Remove(NodeId),
    /// Put one in for the other at once, through a joint configuration that is left by itself (v2).
    Replace {
        /// Who goes.
        out: NodeId,
        /// Who comes.
        with: NodeId,
    },
    /// The same, but the joint configuration stays until somebody leaves it.
    ReplaceExplicit {
        /// Who goes.
        out: NodeId,
        /// Who comes.
        with: NodeId,
    },
    /// Make a learner of one voter and a voter of another node at once, through a joint configuration (v2).
    Swap {
        /// Who becomes a learner.
        demote: NodeId,
        /// Who becomes a voter.
        promote: NodeId,
    },
    /// Leave the joint configuration.
    LeaveJoint,
    /// Take a snapshot of what is applied, and drop the log before it.
    Snapshot,
    /// Ask the leader for a snapshot, whatever the log holds.
    RequestSnapshot,
}

/// A change of members as the crate wants it.
pub(super) enum Change {
    /// One member.
    One(ConfChange),
    /// Several, or a joint configuration to be left.
    Several(ConfChangeV2),
}

impl Order {
    /// The change of members that it asks for, if it asks for one.
    pub(super) fn change(self) -> Option<Change> {
        use ConfChangeType::{AddLearnerNode, AddNode, RemoveNode};
        Some(match self {
            Order::AddVoter(node) => one(AddNode, node),
            Order::AddLearner(node) => one(AddLearnerNode, node),
            Order::Remove(node) => one(RemoveNode, node),
            Order::Replace { out, with } => {
                several(ConfChangeTransition::Implicit, &[(AddNode, with), (RemoveNode, out)])
            }
            Order::ReplaceExplicit { out, with } => {
                several(ConfChangeTransition::Explicit, &[(AddNode, with), (RemoveNode, out)])
            }
            Order::Swap { demote, promote } => {
                several(ConfChangeTransition::Auto, &[(AddNode, promote), (AddLearnerNode, demote)])
            }
            Order::LeaveJoint => several(ConfChangeTransition::Auto, &[]),
            Order::Transfer(_) | Order::Snapshot | Order::RequestSnapshot => return None,
        })
    }
}

fn one(what: ConfChangeType, node: NodeId) -> Change {
    let mut change = ConfChange::default();
    change.set_change_type(what);
    change.node_id = peer(node);
    Change::One(change)
}

fn several(transition: ConfChangeTransition, changes: &[(ConfChangeType, NodeId)]) -> Change {
    let single = |&(what, node): &(ConfChangeType, NodeId)| {
        let mut single = ConfChangeSingle::default();
        single.set_change_type(what);
        single.node_id = peer(node);
        single
    };
    let mut change = ConfChangeV2::default();
    change.set_transition(transition);
    change.set_changes(changes.iter().map(single).collect::<Vec<_>>().into());
    Change::Several(change)
}

impl Kinded for Order {
    const KINDS: &'static [&'static str] = &[
        "transfer",
        "add-voter",
        "add-learner",
        "remove",
        "replace",
        "replace-explicit",
        "swap",
        "leave-joint",
        "snapshot",
        "request-snapshot",
    ];

    fn kind(&self) -> usize {
        match self {
            Order::Transfer(_) => 0,
            Order::AddVoter(_) => 1,
            Order::AddLearner(_) => 2,
            Order::Remove(_) => 3,
            Order::Replace { .. } => 4,
            Order::ReplaceExplicit { .. } => 5,
            Order::Swap { .. } => 6,
            Order::LeaveJoint => 7,
            Order::Snapshot => 8,
            Order::RequestSnapshot => 9,
        }
    }
}

impl Order {
    /// The nodes that it names.
    pub(super) fn named_nodes(self) -> Vec<NodeId> {
        match self {
            Order::Transfer(node) | Order::AddVoter(node) | Order::AddLearner(node) | Order::Remove(node) => {
                vec![node]
            }
            Order::Replace { out: one, with: other }
            | Order::ReplaceExplicit { out: one, with: other }
            | Order::Swap { demote: one, promote: other } => vec![one, other],
            Order::LeaveJoint | Order::Snapshot | Order::RequestSnapshot => Vec::new(),
        }
    }
}

impl Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.kind_name();
        match self {
            Order::Transfer(node) | Order::AddVoter(node) | Order::AddLearner(node) | Order::Remove(node) => {
                write!(f, "{name} {node}")
            }
            Order::Replace { out, with } | Order::ReplaceExplicit { out, with } => {
                write!(f, "{name} {out} {with}")
            }
            Order::Swap { demote, promote } => write!(f, "{name} {demote} {promote}"),
            Order::LeaveJoint | Order::Snapshot | Order::RequestSnapshot => f.write_str(name),
        }
    }
}

impl Fingerprint for Order {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        match self {
            Order::Transfer(node) | Order::AddVoter(node) | Order::AddLearner(node) | Order::Remove(node) => {
                node.fingerprint(into);
            }
            Order::Replace { out: one, with: other }
            | Order::ReplaceExplicit { out: one, with: other }
            | Order::Swap { demote: one, promote: other } => {
                into.pair(u64::from(one.0), u64::from(other.0));
            }
            Order::LeaveJoint | Order::Snapshot | Order::RequestSnapshot => {}
        }
    }
}

/// How orders are written: `transfer n2`, `replace n1 n4`.
const FORMS: &str = "expected `transfer n2`, `add-voter n4`, `add-learner n4`, `remove n1`, `replace n1 n4`, \
                     `replace-explicit n1 n4`, `swap n1 n4`, `leave-joint`, `snapshot` or `request-snapshot`";

impl FromStr for Order {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        let wrong = || format!("{FORMS}, not `{words}`");
        let node = |word: &str| {
            let number: u8 = word.strip_prefix('n')?.parse().ok()?;
            (1..=NodeId::LIMIT as u8).contains(&number).then(|| NodeId(number - 1))
        };
        let words: Vec<&str> = words.split_ascii_whitespace().collect();
        let order = match words.as_slice() {
            ["leave-joint"] => Some(Order::LeaveJoint),
            ["snapshot"] => Some(Order::Snapshot),
            ["request-snapshot"] => Some(Order::RequestSnapshot),
            [kind, of] => node(of).and_then(|node| match *kind {
                "transfer" => Some(Order::Transfer(node)),
                "add-voter" => Some(Order::AddVoter(node)),
                "add-learner" => Some(Order::AddLearner(node)),
                "remove" => Some(Order::Remove(node)),
                _ => None,
            }),
            [kind, one, other] => node(one).zip(node(other)).and_then(|(one, other)| match *kind {
                "replace" => Some(Order::Replace { out: one, with: other }),
                "replace-explicit" => Some(Order::ReplaceExplicit { out: one, with: other }),
                "swap" => Some(Order::Swap { demote: one, promote: other }),
                _ => None,
            }),
            _ => None,
        };
        order.ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_is_written() {
        let (one, other) = (NodeId(0), NodeId(3));
        let orders = [
            Order::Transfer(one),
            Order::AddVoter(one),
            Order::AddLearner(one),
            Order::Remove(one),
            Order::Replace { out: one, with: other },
            Order::ReplaceExplicit { out: one, with: other },
            Order::Swap { demote: one, promote: other },
            Order::LeaveJoint,
            Order::Snapshot,
            Order::RequestSnapshot,
        ];
        assert_eq!(orders.len(), Order::KINDS.len());
        for order in orders {
            assert_eq!(order.to_string().parse(), Ok(order));
        }
        for wrong in ["", "transfer", "transfer n0", "transfer n65", "replace n1", "swap n1 2", "elect n1"] {
            assert!(wrong.parse::<Order>().is_err(), "{wrong}");
        }
    }
}
