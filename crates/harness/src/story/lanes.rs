//! The lanes of a diagram: a column for each node, one for all clients, and what stands in a row.

use std::collections::{BTreeMap, BTreeSet};

use quarrel_formats::trace::Trace;
use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::decision::Endpoint;
use quarrel_sim::fault::Action;

use super::beat::Arrow;
use super::words::width;

/// The most lanes of nodes; of a larger cluster those that do most.
const LANES_MAX: usize = 12;
/// The most columns for all lanes.
const COLUMNS_MAX: usize = 50;

/// Who stands where.
pub(super) struct Lanes {
    nodes: Vec<NodeId>,
    has_clients: bool,
    gap: usize,
    outages: Vec<Outage>,
}

/// A time in which a node is not as it should be.
struct Outage {
    node: NodeId,
    from: u64,
    until: u64,
    rule: char,
}

/// A lane that is up, stalled or cut off, down.
pub(super) const UP: char = '|';
pub(super) const APART: char = ':';
pub(super) const DOWN: char = ' ';

impl Lanes {
    /// The lanes for those who take part, and how often.
    pub(super) fn new(trace: &Trace, parts: &BTreeMap<Endpoint, usize>) -> Self {
        let mut nodes: Vec<NodeId> =
            NodeId::all(usize::from(trace.header.world.nodes).min(NodeId::LIMIT)).collect();
        let part = |node: &NodeId| parts.get(&Endpoint::Node(*node)).copied().unwrap_or(0);
        if nodes.len() > LANES_MAX {
            nodes.sort_by_key(|node| std::cmp::Reverse(part(node)));
            nodes.truncate(LANES_MAX);
            nodes.sort();
        }
        let has_clients = parts.keys().any(|who| matches!(who, Endpoint::Client(_)));
        let count = nodes.len() + usize::from(has_clients);
        let gap = (COLUMNS_MAX / count.max(1)).clamp(4, 9);
        let mut outages = downs(trace);
        outages.extend(aparts(trace));
        Self { nodes, has_clients, gap, outages }
    }

    /// How many nodes have no lane.
    pub(super) fn missing(&self, trace: &Trace) -> usize {
        usize::from(trace.header.world.nodes).saturating_sub(self.nodes.len())
    }

    /// The names on top.
    pub(super) fn heads(&self) -> String {
        let clients = self.has_clients.then(|| "clients".to_string());
        let names = self.nodes.iter().map(ToString::to_string).chain(clients);
        let mut heads = String::new();
        for (position, name) in names.enumerate() {
            while width(&heads) < position * self.gap {
                heads.push(' ');
            }
            heads.push_str(&name);
        }
        heads
    }

    /// How wide a row is.
    pub(super) fn width(&self) -> usize {
        let count = self.nodes.len() + usize::from(self.has_clients);
        let tail = if self.has_clients { "clients".len() } else { "n64".len() };
        count.saturating_sub(1) * self.gap + tail
    }

    fn column(&self, who: Endpoint) -> Option<usize> {
        let position = match who {
            // Both copies of a node share its lane.
            Endpoint::Node(node) | Endpoint::Twin(node) => self.nodes.iter().position(|&mine| mine == node),
            Endpoint::Client(_) => self.has_clients.then_some(self.nodes.len()),
        };
        position.map(|position| position * self.gap)
    }

    /// A row at that time: the lanes, the messages, the marks.
    pub(super) fn row(&self, at: u64, arrows: &[Arrow], marks: &BTreeMap<Endpoint, char>) -> String {
        let mut row = vec![' '; self.width()];
        for (position, &node) in self.nodes.iter().enumerate() {
            row[position * self.gap] = self.rule(node, at);
        }
        if self.has_clients {
            row[self.nodes.len() * self.gap] = UP;
        }
        for arrow in arrows {
            for &to in &arrow.to {
                self.draw(&mut row, arrow.from, to, arrow.arrives);
            }
        }
        for arrow in arrows {
            if let Some(column) = self.column(arrow.from) {
                row[column] = 'o';
            }
        }
        for (&who, &mark) in marks {
            if let Some(column) = self.column(who) {
                row[column] = mark;
            }
        }
        row.into_iter().collect()
    }

    fn rule(&self, node: NodeId, at: u64) -> char {
        let mine = self
            .outages
            .iter()
            .filter(|outage| outage.node == node && outage.from <= at && at < outage.until);
        match mine.map(|outage| outage.rule).min() {
            Some(rule) => rule,
            None => UP,
        }
    }

    /// A message, over the lanes between its ends.
    fn draw(&self, row: &mut [char], from: Endpoint, to: Endpoint, arrives: bool) {
        let (Some(from), Some(to)) = (self.column(from), self.column(to)) else { return };
        let (start, end) = (from.min(to) + 1, from.max(to));
        if start >= end {
            return;
        }
        for cell in &mut row[start..end] {
            if matches!(cell, ' ') {
                *cell = '-';
            }
        }
        let (head, tip) = if from < to { ('>', end - 1) } else { ('<', start) };
        row[tip] = if arrives { head } else { 'x' };
    }
}

/// When nodes are down.
fn downs(trace: &Trace) -> Vec<Outage> {
    let mut outages = Vec::new();
    let mut since: BTreeMap<NodeId, u64> = BTreeMap::new();
    let node = |who: Option<Endpoint>| match who {
        Some(Endpoint::Node(node) | Endpoint::Twin(node)) => Some(node),
        _ => None,
    };
    for event in &trace.events {
        if event.kind == "restart"
            && let Some(node) = node(event.who)
            && let Some(from) = since.remove(&node)
        {
            outages.push(Outage { node, from, until: event.at, rule: DOWN });
        }
        for node in crashed(event).into_iter().filter_map(|who| node(Some(who))) {
            since.insert(node, event.at);
        }
    }
    outages.extend(since.into_iter().map(|(node, from)| Outage { node, from, until: u64::MAX, rule: DOWN }));
    outages
}

/// Who crashes in an event.
pub(super) fn crashed(event: &quarrel_sim::record::TraceEvent) -> BTreeSet<Endpoint> {
    let crashes = event.effects.iter().filter(|effect| effect.kind == "crash");
    crashes.filter_map(|crash| crash.what.split(' ').next()?.parse().ok()).collect()
}

/// When nodes are stalled or cut off.
fn aparts(trace: &Trace) -> Vec<Outage> {
    let world = &trace.header.world;
    let mut outages = Vec::new();
    for fault in &world.faults {
        let until = fault.lasting_ns.map_or(u64::MAX, |lasting| fault.at_ns.saturating_add(lasting));
        let until = until.min(world.duration_ns);
        let apart = struck(&fault.action).iter();
        if !matches!(fault.action, Action::Crash { .. } | Action::Wipe { .. }) {
            outages.extend(apart.map(|node| Outage { node, from: fault.at_ns, until, rule: APART }));
        }
    }
    outages
}

/// The nodes that a fault strikes: of a cut, the smaller side.
pub(super) fn struck(action: &Action) -> NodeSet {
    match action {
        Action::Crash { nodes } | Action::Wipe { nodes } | Action::Pause { nodes } => *nodes,
        Action::Partition { cuts: links, .. } | Action::Clog { links } => {
            let smaller = |&(from, to): &(NodeSet, NodeSet)| if from.len() <= to.len() { from } else { to };
            links.iter().map(smaller).min_by_key(|side| side.len()).unwrap_or_default()
        }
        Action::CrashAtWrite { .. }
        | Action::Lose { .. }
        | Action::Clock { .. }
        | Action::SlowDisk { .. }
        | Action::Expire { .. }
        | Action::LyingDisk { .. }
        | Action::FullDisk { .. }
        | Action::BitRot { .. }
        | Action::ClockJump { .. }
        | Action::Betray { .. } => NodeSet::EMPTY,
    }
}
