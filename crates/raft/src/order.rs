//! What an operator asks: members that come and go, leadership that changes hands.

use std::fmt::{self, Display};
use std::str::FromStr;

use quarrel_protocol::{Fingerprint, Fingerprinter, Kinded, NodeId, NodeSet};
use serde::{Deserialize, Serialize};

/// An order. It is for the leader; any other node lets it drop.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Make this node a voter, once it has caught up (thesis, section 4.2.1).
    AddVoter(NodeId),
    /// Make it a learner.
    AddLearner(NodeId),
    /// Take it out, voter or learner.
    Remove(NodeId),
    /// Let these vote, and no others: through a joint configuration if more than one changes (thesis, section 4.3).
    Voters(NodeSet),
    /// Hand leadership over to this node (thesis, section 3.10).
    Transfer(NodeId),
}

/// Why a leader does not do what it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Members do not change in this cluster.
    Disabled,
    /// Another order is not done yet.
    Busy,
    /// The leader has committed nothing of its own term yet.
    Unconfirmed,
    /// It is so already.
    Pointless,
    /// Too few voters would be left.
    TooFew,
    /// More than one voter would change, and there are no joint configurations.
    Joint,
    /// The node has no vote.
    NoVote,
    /// The node does not catch up.
    Unresponsive,
}

impl Order {
    /// The nodes that it names.
    #[must_use]
    pub fn named_nodes(self) -> Vec<NodeId> {
        match self {
            Order::AddVoter(node) | Order::AddLearner(node) | Order::Remove(node) | Order::Transfer(node) => {
                vec![node]
            }
            Order::Voters(nodes) => nodes.iter().collect(),
        }
    }
}

impl Kinded for Order {
    const KINDS: &'static [&'static str] = &["add-voter", "add-learner", "remove", "voters", "transfer"];

    fn kind(&self) -> usize {
        match self {
            Order::AddVoter(_) => 0,
            Order::AddLearner(_) => 1,
            Order::Remove(_) => 2,
            Order::Voters(_) => 3,
            Order::Transfer(_) => 4,
        }
    }
}

impl Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind_name())?;
        self.named_nodes().iter().try_for_each(|node| write!(f, " {node}"))
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Disabled => "members do not change here",
            Refusal::Busy => "another order is not done yet",
            Refusal::Unconfirmed => "nothing of this term is committed yet",
            Refusal::Pointless => "it is so already",
            Refusal::TooFew => "too few voters would be left",
            Refusal::Joint => "it needs a joint configuration",
            Refusal::NoVote => "that node has no vote",
            Refusal::Unresponsive => "that node does not catch up",
        })
    }
}

impl Fingerprint for Order {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        match *self {
            Order::AddVoter(node) | Order::AddLearner(node) | Order::Remove(node) | Order::Transfer(node) => {
                node.fingerprint(into);
            }
            Order::Voters(nodes) => into.word(nodes.0),
        }
    }
}

/// How orders are written.
const FORMS: &str =
    "expected `add-voter n4`, `add-learner n4`, `remove n1`, `voters n1 n4 n5` or `transfer n2`";

impl FromStr for Order {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        let node = |word: &str| {
            let number: u8 = word.strip_prefix('n')?.parse().ok()?;
            (1..=NodeId::LIMIT as u8).contains(&number).then(|| NodeId(number - 1))
        };
        let parts: Vec<&str> = words.split_ascii_whitespace().collect();
        let order = match parts.as_slice() {
            ["voters", nodes @ ..] if !nodes.is_empty() => {
                nodes.iter().map(|word| node(word)).collect::<Option<NodeSet>>().map(Order::Voters)
            }
            [kind, of] => node(of).and_then(|node| match *kind {
                "add-voter" => Some(Order::AddVoter(node)),
                "add-learner" => Some(Order::AddLearner(node)),
                "remove" => Some(Order::Remove(node)),
                "transfer" => Some(Order::Transfer(node)),
                _ => None,
            }),
            _ => None,
        };
        order.ok_or_else(|| format!("{FORMS}, not `{words}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_is_written() {
        let node = NodeId(0);
        let orders = [
            Order::AddVoter(node),
            Order::AddLearner(node),
            Order::Remove(node),
            Order::Voters([node, NodeId(3), NodeId(63)].into_iter().collect()),
            Order::Transfer(node),
        ];
        assert_eq!(orders.len(), Order::KINDS.len());
        for (kind, order) in orders.into_iter().enumerate() {
            assert_eq!((order.to_string().parse(), order.kind()), (Ok(order), kind));
        }
        for wrong in ["", "transfer", "transfer n0", "transfer n65", "voters", "voters n1 2", "elect n1"] {
            assert!(wrong.parse::<Order>().is_err(), "{wrong}");
        }
    }
}
