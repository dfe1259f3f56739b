//! Links between nodes: base latencies, and what partitions, clogs and aimed faults do to them now.

use quarrel_protocol::{NodeId, NodeSet};

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
    kinds: usize,
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
            kinds,
            is_disturbed: false,
        }
    }

    #[inline]
    pub(crate) fn latency(&self, from: NodeId, to: NodeId) -> u64 {
        self.latency_ns[from.index() * self.nodes + to.index()]
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

    #[inline]
    pub(crate) fn is_aimed_at(&self, kind: usize, from: NodeId, to: NodeId) -> bool {
        !self.aimed.is_empty()
            && self.aimed.iter().any(|&(aimed, senders, receivers)| {
                aimed == kind && senders.contains(from) && receivers.contains(to)
            })
    }

    #[inline]
    pub(crate) fn clogged_until(&self, from: NodeId, to: NodeId) -> u64 {
        self.clogged_until[from.index() * self.nodes + to.index()]
    }

    /// Notes an arrival; `true` if a later one of its kind has overtaken it.
    #[inline(always)]
    pub(crate) fn arrive(&mut self, from: NodeId, to: NodeId, kind: usize, occurrence: u32) -> bool {
        let latest = &mut self.arrived[(from.index() * self.nodes + to.index()) * self.kinds + kind];
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
