//! Links that are first in, first out: what arrives at all arrives in the order in which it was sent.
//!
//! Chance, clogs and pauses still say when a message *could* arrive; it then waits for those before it, as in one stream
//! of bytes. Nothing is sent again: what is lost, cut or struck from flight is a gap that nobody waits for. A copy
//! comes right after its original, before all that was sent later: an old message after a newer one is what this kind of
//! link rules out, whichever copy it is.

use quarrel_protocol::NodeId;

/// One link from node to node.
#[derive(Clone, Copy, Default)]
struct Link {
    /// When the last message is due: what is sent later is due no sooner.
    due: u64,
    /// How many were sent, copies included.
    sent: u32,
    /// Until when a message that was due is held up: what is behind it waits as well.
    held: u64,
    /// The number of the last that arrived.
    arrived: u32,
}

/// Whose turn it is, link by link.
pub(crate) struct Turns {
    nodes: usize,
    links: Vec<Link>,
}

impl Turns {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { nodes, links: vec![Link::default(); nodes * nodes] }
    }

    /// There is one more at the ends of links: a twin, whose links keep an order of their own.
    pub(crate) fn grow(&mut self) {
        let mut grown = Self::new(self.nodes + 1);
        for (place, link) in self.links.iter().enumerate() {
            grown.links[place / self.nodes * grown.nodes + place % self.nodes] = *link;
        }
        *self = grown;
    }

    #[inline]
    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        &mut self.links[from.index() * self.nodes + to.index()]
    }

    /// A message that could arrive at `time` takes its place at the end: when it is due, and its number, from 1.
    #[inline]
    pub(crate) fn enter(&mut self, from: NodeId, to: NodeId, time: u64) -> (u64, u32) {
        let link = self.link(from, to);
        link.due = link.due.max(time);
        link.sent += 1;
        (link.due, link.sent)
    }

    /// One that was due is held up.
    pub(crate) fn hold(&mut self, from: NodeId, to: NodeId, until: u64) {
        let link = self.link(from, to);
        link.held = link.held.max(until);
    }

    /// Until when one that is due now waits for those before it.
    #[inline]
    pub(crate) fn held_until(&mut self, from: NodeId, to: NodeId) -> u64 {
        self.link(from, to).held
    }

    /// One arrives.
    #[inline]
    pub(crate) fn arrive(&mut self, from: NodeId, to: NodeId, number: u32) {
        let link = self.link(from, to);
        assert!(number > link.arrived, "no message of this link has overtaken another");
        link.arrived = number;
    }
}
