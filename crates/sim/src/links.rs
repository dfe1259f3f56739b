//! Links between nodes: base latencies, and what partitions, clogs and aimed faults do to them now.

use quarrel_protocol::{NodeId, NodeSet};

use crate::fault::FaultClass;
use crate::lanes::Link;

/// The state of all links.
pub(crate) struct Links {
    nodes: usize,
    latency_ns: Vec<u64>,
    /// For each sender, whom it cannot reach.
    blocked: Vec<NodeSet>,
    /// For each link, until when it is clogged.
    clogged_until: Vec<u64>,
    /// Message kinds that are lost: kind, from, to.
    aimed: Vec<(usize, NodeSet, NodeSet)>,
    /// For each link and kind, the latest occurrence that has arrived.
    arrived: Vec<u32>,
    kinds: u8,
    /// Whether any link is cut, clogged or aimed at.
    is_disturbed: bool,
}

impl Links {
    pub(crate) fn new(nodes: usize, kinds: usize, latency_ns: Vec<u64>) -> Self {
        assert_eq!(latency_ns.len(), nodes * nodes, "a latency for each link");
        Self {
            nodes,
            latency_ns,
            blocked: vec![NodeSet::EMPTY; nodes],
            clogged_until: vec![0; nodes * nodes],
            aimed: Vec::new(),
            arrived: vec![0; nodes * nodes * kinds],
            kinds: u8::try_from(kinds).expect("a kind of messages is a byte"),
            is_disturbed: false,
        }
    }

    #[inline]
    pub(crate) fn latency(&self, link: Link) -> u64 {
        self.latency_ns[link.index()]
    }

    /// Links among these nodes take no longer than that from now on.
    pub(crate) fn hasten(&mut self, among: NodeSet, most_ns: u64) {
        for from in among.iter() {
            for to in among.iter() {
                let latency = &mut self.latency_ns[from.index() * self.nodes + to.index()];
                *latency = most_ns.max(1).min(*latency);
            }
        }
    }

    #[inline]
    pub(crate) const fn is_disturbed(&self) -> bool {
        self.is_disturbed
    }

    #[inline]
    pub(crate) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.blocked[from.index()].contains(to)
    }

    /// What keeps a message of this kind from leaving, if anything does.
    #[inline]
    pub(crate) fn obstacle(&self, kind: usize, from: NodeId, to: NodeId) -> Option<FaultClass> {
        let is_aimed_at = |&(aimed, senders, receivers): &(usize, NodeSet, NodeSet)| {
            aimed == kind && senders.contains(from) && receivers.contains(to)
        };
        if !self.is_disturbed {
            None
        } else if self.is_cut(from, to) {
            Some(FaultClass::Partition)
        } else {
            self.aimed.iter().any(is_aimed_at).then_some(FaultClass::AimedLoss)
        }
    }

    #[inline]
    pub(crate) fn clogged_until(&self, from: NodeId, to: NodeId) -> u64 {
        self.clogged_until[from.index() * self.nodes + to.index()]
    }

    /// Notes an arrival; `true` if a later one of its kind has overtaken it.
    #[inline(always)]
    pub(crate) fn arrive(&mut self, link: Link, kind: usize, occurrence: u32) -> bool {
        let latest = &mut self.arrived[link.index_of_kind(kind, self.kinds)];
        let overtaken = occurrence < *latest;
        *latest = occurrence.max(*latest);
        overtaken
    }

    /// Forgets all cuts, clogs and aims; whoever calls lays the active ones again.
    pub(crate) fn clear(&mut self) {
        self.blocked.fill(NodeSet::EMPTY);
        self.clogged_until.fill(0);
        self.aimed.clear();
        self.is_disturbed = false;
    }

    pub(crate) fn cut(&mut self, from: NodeSet, to: NodeSet) {
        self.is_disturbed = true;
        for node in from.iter().filter(|node| node.index() < self.nodes) {
            let others = to.0 & !NodeSet::only(node).0;
            self.blocked[node.index()] = self.blocked[node.index()].union(NodeSet(others));
        }
    }

    pub(crate) fn clog(&mut self, from: NodeSet, to: NodeSet, until: u64) {
        self.is_disturbed = true;
        let all = NodeSet::all(self.nodes);
        for sender in from.intersection(all).iter() {
            for receiver in to.intersection(all).iter().filter(|&receiver| receiver != sender) {
                let clogged = &mut self.clogged_until[sender.index() * self.nodes + receiver.index()];
                *clogged = until.max(*clogged);
            }
        }
    }

    pub(crate) fn aim(&mut self, kind: usize, from: NodeSet, to: NodeSet) {
        self.is_disturbed = true;
        self.aimed.push((kind, from, to));
    }
}
