//! Who held each entry first.

use std::collections::BTreeMap;

use quarrel_protocol::NodeId;

use super::Held;
use super::window::Window;
use crate::Term;

/// The first holder of each entry ever created, by index and term.
#[derive(Default)]
pub(super) struct Created {
    /// The first at each index: there is rarely another.
    first: Window<(Held, NodeId)>,
    others: BTreeMap<(usize, Term), (Held, NodeId)>,
}

impl Created {
    pub(super) fn forget(&mut self, position: usize) {
        self.first.forget(position);
        self.others = self.others.split_off(&(position, Term(0)));
    }

    /// Who first held an entry of this index and term, and in which log: `node`, if nobody did before.
    #[inline]
    pub(super) fn first_holder(&mut self, position: usize, held: Held, node: NodeId) -> (Held, NodeId) {
        match self.first.get(position) {
            Some(&(first, by)) if first.term == held.term => (first, by),
            Some(_) => *self.others.entry((position, held.term)).or_insert((held, node)),
            None => {
                // Logs have no gaps, so neither has this; but what is forgotten is compared with nothing.
                if position == self.first.len() {
                    self.first.push((held, node));
                }
                (held, node)
            }
        }
    }
}
