//! What an operator asks of nodes: like faults planned beforehand, like messages lost on a node that is down.

use quarrel_protocol::{Fingerprint, Input, Kinded, NodeId, Protocol};

use crate::cluster::Cluster;
use crate::decision::Endpoint;
use crate::fault::{Action, FaultClass};
use crate::observer::Observer;
use crate::queue::{Class, Entry, Tie};
use crate::world::Order;

/// Keeps an order's words apart from those of other events in the digest.
const ORDER: u64 = 11 << 40;
/// Marks an order that nobody heard.
const UNHEARD: u64 = 12 << 40;

/// All orders of a run.
pub(crate) struct Orders<A> {
    all: Vec<Order<A>>,
    /// How many are still to come.
    left: usize,
    /// How many a node has heard.
    pub(crate) heard: u64,
}

impl<A> Orders<A> {
    pub(crate) fn new(all: Vec<Order<A>>, nodes: usize) -> Self {
        assert!(all.iter().all(|order| order.node.index() < nodes), "each order is for a node that is there");
        Self { left: all.len(), all, heard: 0 }
    }

    /// Whether some are still to come.
    pub(crate) const fn has_more(&self) -> bool {
        self.left > 0
    }
}

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    pub(crate) fn schedule_orders(&mut self) {
        for (slot, order) in (0u32..).zip(&self.orders.all) {
            // By what is asked, and not by its place in the list: taking one away renames no other.
            let (kind, name) = (order.admin.kind() as u8, order.admin.digest() as u32);
            let tie = Tie::new(order.node.0, Class::Order, 0, kind, 0, name);
            self.queue.push(Entry { time: order.at_ns, tie, slot });
        }
    }

    /// The time of an order has come.
    pub(crate) fn order(&mut self, entry: Entry) {
        let Order { node: id, admin, .. } = self.orders.all[entry.slot as usize].clone();
        let node = &self.nodes[id.index()];
        if node.is_up() && node.paused_until > self.now {
            return self.defer_order(entry, id);
        }
        let (who, print) = (Some(Endpoint::Node(id)), admin.digest());
        self.end_order();
        if !self.nodes[id.index()].is_up() {
            self.open(who, print, "lost", || {
                (format!("the operator asks {id} to {admin}: the node is down"), None, None)
            });
            self.words.mark(UNHEARD);
            return self.close();
        }
        self.orders.heard += 1;
        let is_cut = |&index: &u32| matches!(self.faults[index as usize].action, Action::Partition { .. });
        if self.active.iter().any(is_cut) {
            self.suffer(FaultClass::OrderInPartition);
        }
        self.open(who, print, "order", || (format!("the operator asks {id} to {admin}"), None, None));
        self.words.mark(ORDER);
        self.step(id, Input::Admin(admin));
    }

    /// A node that is paused hears it when it wakes up; one that never does never hears it.
    #[cold]
    fn defer_order(&mut self, entry: Entry, id: NodeId) {
        let time = self.nodes[id.index()].paused_until;
        self.suffer_pause(id);
        if time == u64::MAX {
            self.end_order();
        } else {
            self.queue.push(Entry { time, ..entry });
        }
    }

    /// One less is to come: the core may owe nobody anything.
    const fn end_order(&mut self) {
        self.orders.left -= 1;
        self.is_watched = true;
    }
}
