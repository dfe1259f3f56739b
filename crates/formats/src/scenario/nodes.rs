//! Names of nodes: `n1`, `["n1", "n3"]`, `all`.

use quarrel_protocol::{NodeId, NodeSet};

use super::raw::Raw;
use super::source::Complaint;
use crate::input::quoted;

/// The node of this name in a cluster of `nodes`.
pub(super) fn parse_node(text: &str, nodes: u8) -> Result<NodeId, String> {
    let number = text.strip_prefix('n').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(digits) = number.filter(|digits| !digits.is_empty()) else {
        return Err(format!("expected a node such as \"n1\", found {}", quoted(text)));
    };
    let known =
        digits.parse().ok().filter(|number: &u8| (1..=nodes).contains(number) && !digits.starts_with('0'));
    known.map(|number| NodeId(number - 1)).ok_or_else(|| {
        let all = if nodes == 1 { "only n1".to_string() } else { format!("n1 to n{nodes}") };
        format!("there is no node {}: the cluster has {all}", quoted(text))
    })
}

/// One node.
pub(super) fn read_node(raw: &Raw, nodes: u8) -> Result<NodeId, Complaint> {
    parse_node(raw.text()?, nodes).map_err(|message| raw.complain(message))
}

/// One node, a list of nodes, or `all`.
pub(super) fn read_nodes(raw: &Raw, nodes: u8) -> Result<NodeSet, Complaint> {
    if raw.text() == Ok("all") {
        return Ok(NodeSet::all(nodes as usize));
    }
    let mut set = NodeSet::EMPTY;
    for item in raw.items() {
        if !set.insert(read_node(item, nodes)?) {
            return Err(item.complain(format!("{} is named twice", quoted(item.text()?))));
        }
    }
    if set.is_empty() { Err(raw.complain("no node is named")) } else { Ok(set) }
}

/// Two or more groups of nodes that do not overlap.
pub(super) fn read_groups(raw: &Raw, nodes: u8) -> Result<Vec<NodeSet>, Complaint> {
    let mut taken = NodeSet::EMPTY;
    let groups = raw.list(|group| {
        for item in group.items() {
            let node = read_node(item, nodes)?;
            if taken.contains(node) {
                return Err(item
                    .complain(format!("{node} is in two groups: the groups of a partition do not overlap")));
            }
            taken.insert(node);
        }
        read_nodes(group, nodes)
    })?;
    if groups.len() < 2 { Err(raw.complain("a partition has at least two groups")) } else { Ok(groups) }
}
