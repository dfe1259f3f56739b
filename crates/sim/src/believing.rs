//! Clients that believe no single node: an answer is taken when enough nodes have given the same.
//!
//! After Castro and Liskov, Practical Byzantine Fault Tolerance (OSDI 1999), section 4.1: a client waits for f + 1 replies
//! with the same result from different replicas, so that one of them at least is correct.

use std::collections::BTreeMap;

use quarrel_protocol::{NodeId, NodeSet};

/// Who has said what, operation by operation.
pub(crate) struct Replies {
    needed: u8,
    /// By operation and by what was said: who said it. A node that says two things counts for either; that gives it no
    /// more weight, since either needs others.
    said: BTreeMap<(u32, u64), NodeSet>,
}

impl Replies {
    pub(crate) const fn new(needed: u8) -> Self {
        Self { needed, said: BTreeMap::new() }
    }

    /// A node has given this answer, by its fingerprint. Whether enough have.
    pub(crate) fn hear(&mut self, position: u32, from: NodeId, print: u64) -> bool {
        let who = self.said.entry((position, print)).or_default();
        who.insert(from);
        who.len() >= usize::from(self.needed)
    }

    /// The operation has ended.
    pub(crate) fn forget(&mut self, position: u32) {
        let mine: Vec<_> =
            self.said.range((position, 0)..=(position, u64::MAX)).map(|(&key, _)| key).collect();
        for key in mine {
            self.said.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_needs_different_nodes_that_say_the_same() {
        let mut replies = Replies::new(2);
        assert!(!replies.hear(7, NodeId(0), 1));
        assert!(!replies.hear(7, NodeId(0), 1), "saying it twice adds nothing");
        assert!(!replies.hear(7, NodeId(1), 2));
        assert!(!replies.hear(8, NodeId(2), 1), "another operation");
        assert!(replies.hear(7, NodeId(2), 1));
        replies.forget(7);
        assert!(!replies.hear(7, NodeId(3), 1), "what was said is forgotten");
        assert!(replies.hear(8, NodeId(3), 1));
    }
}
