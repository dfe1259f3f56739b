//! Cycles of dependencies, the gravest kind first and the shortest of its kind.

use std::collections::VecDeque;

use super::Execution;
use super::anomaly::{Anomaly, Kind};
use super::graph::{Edge, Graph, Reason};

/// Which dependencies a cycle may be made of, beside one anti-dependency that it may have to begin with.
#[derive(Clone, Copy)]
struct Allowed {
    reads: bool,
    anti: bool,
    time: bool,
}

impl Allowed {
    const fn takes(self, reason: Reason) -> bool {
        match reason {
            Reason::Write(..) => true,
            Reason::Read(..) => self.reads,
            Reason::Anti(..) => self.anti,
            Reason::Time => self.time,
        }
    }
}

/// Each kind, what its cycles are made of, and whether they have one anti-dependency beside.
const KINDS: [(Kind, Allowed, bool); 8] = {
    const fn of(reads: bool, anti: bool, time: bool) -> Allowed {
        Allowed { reads, anti, time }
    }
    [
        (Kind::G0, of(false, false, false), false),
        (Kind::G1c, of(true, false, false), false),
        (Kind::GSingle, of(true, false, false), true),
        (Kind::G2, of(true, true, false), true),
        (Kind::G0Realtime, of(false, false, true), false),
        (Kind::G1cRealtime, of(true, false, true), false),
        (Kind::GSingleRealtime, of(true, false, true), true),
        (Kind::G2Realtime, of(true, true, true), true),
    ]
};

/// The gravest anomaly that a cycle shows.
pub(super) fn find(executions: &[Execution], graph: &Graph) -> Option<Anomaly> {
    // Most histories have no cycle at all: whether there is one is told in linear time.
    let in_cycles = cyclic(graph);
    if !in_cycles.contains(&true) {
        return None;
    }
    KINDS.into_iter().find_map(|(kind, allowed, with_anti)| {
        let cycle = shortest(graph, &in_cycles, allowed, with_anti)?;
        let facts =
            cycle.iter().map(|&(from, edge)| edge.reason.words(&executions[from], &executions[edge.to]));
        Some(Anomaly { kind, facts: facts.collect() })
    })
}

/// The shortest cycle made of these dependencies, as each transaction in it and the dependency that leads on.
fn shortest(
    graph: &Graph,
    in_cycles: &[bool],
    allowed: Allowed,
    with_anti: bool,
) -> Option<Vec<(usize, Edge)>> {
    let mut best: Option<Vec<(usize, Edge)>> = None;
    for start in (0..graph.edges.len()).filter(|&start| in_cycles[start]) {
        for &edge in graph.edges[start].iter().filter(|edge| in_cycles[edge.to]) {
            let is_first = match edge.reason {
                Reason::Anti(..) => with_anti,
                reason => !with_anti && allowed.takes(reason),
            };
            if !is_first {
                continue;
            }
            let limit = best.as_ref().map_or(usize::MAX, Vec::len);
            if let Some(mut way) = path(graph, in_cycles, allowed, edge.to, start, limit) {
                way.insert(0, (start, edge));
                if way.len() < limit {
                    best = Some(way);
                }
            }
        }
    }
    best
}

/// The shortest way from one transaction to another, of fewer steps than `limit` allows.
fn path(
    graph: &Graph,
    in_cycles: &[bool],
    allowed: Allowed,
    from: usize,
    to: usize,
    limit: usize,
) -> Option<Vec<(usize, Edge)>> {
    let mut came: Vec<Option<(usize, Edge)>> = vec![None; graph.edges.len()];
    let mut queue = VecDeque::from([(from, 1)]);
    while let Some((here, length)) = queue.pop_front() {
        if length + 1 > limit {
            return None;
        }
        for &edge in graph.edges[here].iter().filter(|edge| allowed.takes(edge.reason) && in_cycles[edge.to])
        {
            if edge.to != from && came[edge.to].is_none() {
                came[edge.to] = Some((here, edge));
                if edge.to == to {
                    return Some(walk_back(&came, from, to));
                }
                queue.push_back((edge.to, length + 1));
            }
        }
    }
    None
}

fn walk_back(came: &[Option<(usize, Edge)>], from: usize, to: usize) -> Vec<(usize, Edge)> {
    let mut way = Vec::new();
    let mut here = to;
    while here != from {
        let (before, edge) = came[here].expect("the way was walked");
        way.push((before, edge));
        here = before;
    }
    way.reverse();
    way
}

/// Which transactions may be in a cycle: what is left when those without a dependency on or from what is left are
/// taken away, again and again. Kahn, *Topological Sorting of Large Networks* (1962).
fn cyclic(graph: &Graph) -> Vec<bool> {
    let count = graph.edges.len();
    let mut backwards: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, edges) in graph.edges.iter().enumerate() {
        edges.iter().for_each(|edge| backwards[edge.to].push(from));
    }
    let forwards: Vec<Vec<usize>> =
        graph.edges.iter().map(|edges| edges.iter().map(|edge| edge.to).collect()).collect();
    let mut left = vec![true; count];
    for (next, before) in [(&forwards, &backwards), (&backwards, &forwards)] {
        let mut degrees: Vec<usize> =
            before.iter().map(|all| all.iter().filter(|&&other| left[other]).count()).collect();
        let mut free: Vec<usize> = (0..count).filter(|&it| left[it] && degrees[it] == 0).collect();
        while let Some(it) = free.pop() {
            left[it] = false;
            for &other in next[it].iter().filter(|&&other| left[other]) {
                degrees[other] -= 1;
                if degrees[other] == 0 {
                    free.push(other);
                }
            }
        }
    }
    left
}
