//! One fault plan for all: what struck one protocol, carried over to another.
//!
//! What the world did is kept: the faults, how slow links and disks are, how clocks run, and those decisions that the
//! other protocol has a word for. What is the scenario's own stays its own: the protocol's configuration, what clients
//! and an operator ask, who must come back. Everything else is left out, and counted.

use std::collections::BTreeMap;

use quarrel_formats::Scenario;
use quarrel_formats::trace::Trace;
use quarrel_protocol::{Kinded, NodeId, NodeSet, Protocol};
use quarrel_sim::Plan;
use quarrel_sim::decision::{Decision, DecisionKind, Endpoint};
use quarrel_sim::fault::{Action, Deed, Fault};
use quarrel_sim::world::World;

use crate::core;
use crate::run::Schedule;
use crate::subject::Subject;

/// What was carried over from a trace of another protocol, and what was not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Carried {
    /// The protocol that the trace is of.
    pub from: String,
    /// How many faults were carried over.
    pub faults: u64,
    /// How many decisions were.
    pub decisions: u64,
    /// What was left out, in words, and how often.
    pub left_out: BTreeMap<&'static str, u64>,
}

/// Why something is left out.
mod reason {
    pub(super) const NO_NODE: &str = "faults on nodes that are not there";
    pub(super) const NO_MESSAGE: &str = "losses of messages that this protocol does not send";
    pub(super) const NO_LIE: &str = "lies that this protocol does not know";
    pub(super) const NO_TIMER: &str = "expiries of timers that this protocol does not have";
    pub(super) const STAYS: &str = "faults that stay after the healing";
    pub(super) const STRANGE: &str = "decisions about messages and timers that this protocol does not have";
    pub(super) const NOBODY: &str = "decisions about nodes and clients that are not there";
    pub(super) const OPERATIONS: &str = "operations of clients";
    pub(super) const ORDERS: &str = "orders of an operator";
}

/// The scenario's own run under what struck in a trace of another protocol.
pub(crate) fn over<P: Subject>(scenario: &Scenario, own: Plan<P>, trace: &Trace) -> (Schedule<P>, Carried) {
    let Plan { world, config, operations, orders } = own;
    let header = &trace.header;
    let mut carried = Carried { from: header.protocol.clone(), ..Carried::default() };
    let mut world = in_the_weather_of(world, &header.world);
    for fault in &header.world.faults {
        match translated::<P>(fault, &header.world, usize::from(world.nodes)) {
            Ok(fault) => world.faults.push(fault),
            Err(why) => carried.leave_out(why, 1),
        }
    }
    world.faults.sort();
    carried.faults = world.faults.len() as u64;
    let mut decisions = Vec::new();
    for decision in &header.decisions {
        match why_not::<P>(decision, &world) {
            None => decisions.push(decision.clone()),
            Some(why) => carried.leave_out(why, 1),
        }
    }
    carried.decisions = decisions.len() as u64;
    carried.leave_out(reason::OPERATIONS, header.operations.len());
    carried.leave_out(reason::ORDERS, header.orders.len());
    if let (Some(recovery), Some(mut liveness)) = (&scenario.recovery, world.liveness) {
        // Slower links and disks take longer to come back.
        liveness.latency_ns = world.latency_ns.iter().min().copied().unwrap_or(1);
        liveness.bound_ns = core::bound_ns::<P>(recovery.rounds, &config, &world, liveness.latency_ns);
        liveness.core = liveness.core.intersection(world.traitors.complement(usize::from(world.nodes)));
        world.liveness = Some(liveness).filter(|liveness| !liveness.core.is_empty());
    }
    (Schedule { world, config, operations, orders, decisions }, carried)
}

impl Carried {
    fn leave_out(&mut self, why: &'static str, count: usize) {
        if count > 0 {
            *self.left_out.entry(why).or_default() += count as u64;
        }
    }
}

/// A world with the links, disks and clocks of another. Nodes that the other one does not have keep what they have.
fn in_the_weather_of(own: World, theirs: &World) -> World {
    let mut world = own;
    let (mine, others) = (usize::from(world.nodes), usize::from(theirs.nodes));
    let both = mine.min(others);
    for from in 0..both {
        for to in 0..both {
            world.latency_ns[from * mine + to] = theirs.latency_ns[from * others + to];
        }
    }
    world.client_latency_ns = theirs.client_latency_ns;
    world.sync_ns[..both].copy_from_slice(&theirs.sync_ns[..both]);
    world.unordered = theirs.unordered;
    world.clock_ppm[..both].copy_from_slice(&theirs.clock_ppm[..both]);
    for (mine, &other) in world.clock_offset_ns.iter_mut().zip(&theirs.clock_offset_ns) {
        *mine = other;
    }
    // A trace may end where its protocol failed; this one has all the time of its scenario.
    world.duration_ns = world.duration_ns.max(theirs.duration_ns);
    world.faults = Vec::new();
    world.traitors = theirs.traitors.intersection(NodeSet::all(mine));
    world
}

/// The same fault in a world of `nodes` nodes.
fn translated<P: Protocol>(fault: &Fault, theirs: &World, nodes: usize) -> Result<Fault, &'static str> {
    if fault.at_ns >= theirs.duration_ns {
        return Err(reason::STAYS);
    }
    // Where it came from, it was over then at the latest.
    let left_ns = theirs.duration_ns - fault.at_ns;
    let lasting_ns = Some(fault.lasting_ns.unwrap_or(left_ns).min(left_ns));
    let all = NodeSet::all(nodes);
    let some =
        |set: NodeSet| Some(set.intersection(all)).filter(|set| !set.is_empty()).ok_or(reason::NO_NODE);
    let one = |node: NodeId| if node.index() < nodes { Ok(node) } else { Err(reason::NO_NODE) };
    let links = |links: &[(NodeSet, NodeSet)]| {
        let left: Vec<_> =
            links.iter().filter_map(|&(from, to)| Some((some(from).ok()?, some(to).ok()?))).collect();
        if left.is_empty() { Err(reason::NO_NODE) } else { Ok(left) }
    };
    let known =
        |kinds: &[&str], kind: &String, why| if kinds.contains(&kind.as_str()) { Ok(()) } else { Err(why) };
    let action = match &fault.action {
        Action::Crash { nodes } => Action::Crash { nodes: some(*nodes)? },
        Action::Wipe { nodes } => Action::Wipe { nodes: some(*nodes)? },
        Action::CrashAtWrite { node, write } => Action::CrashAtWrite { node: one(*node)?, write: *write },
        Action::Pause { nodes } => Action::Pause { nodes: some(*nodes)? },
        Action::Partition { shape, cuts } => Action::Partition { shape: *shape, cuts: links(cuts)? },
        Action::Clog { links: clogged } => Action::Clog { links: links(clogged)? },
        Action::Lose { kind, from, to } => {
            known(<P::Message as Kinded>::KINDS, kind, reason::NO_MESSAGE)?;
            Action::Lose { kind: kind.clone(), from: some(*from)?, to: some(*to)? }
        }
        Action::Clock { node, rate_ppm } => Action::Clock { node: one(*node)?, rate_ppm: *rate_ppm },
        Action::SlowDisk { node, extra_ns } => Action::SlowDisk { node: one(*node)?, extra_ns: *extra_ns },
        Action::Expire { node, timer } => {
            known(<P::Timer as Kinded>::KINDS, timer, reason::NO_TIMER)?;
            Action::Expire { node: one(*node)?, timer: timer.clone() }
        }
        Action::LyingDisk { nodes } => Action::LyingDisk { nodes: some(*nodes)? },
        Action::FullDisk { nodes } => Action::FullDisk { nodes: some(*nodes)? },
        Action::BitRot { node, record } => Action::BitRot { node: one(*node)?, record: *record },
        Action::ClockJump { node, by_ns } => Action::ClockJump { node: one(*node)?, by_ns: *by_ns },
        Action::Betray { node, to, deed } => {
            let deed = match deed {
                Deed::Lie { lie } => {
                    known(P::LIES, lie, reason::NO_LIE)?;
                    deed.clone()
                }
                Deed::Twin { shared, clients } => {
                    Deed::Twin { shared: shared.intersection(all), clients: *clients }
                }
                Deed::Mute | Deed::Delay { .. } | Deed::Replay { .. } => deed.clone(),
            };
            Action::Betray { node: one(*node)?, to: some(*to)?, deed }
        }
    };
    let lasting_ns = lasting_ns.filter(|_| !action.is_instant());
    Ok(Fault { at_ns: fault.at_ns, lasting_ns, action })
}

/// Why a decision means nothing here; `None` if it does mean something.
fn why_not<P: Protocol>(decision: &Decision, world: &World) -> Option<&'static str> {
    let key = &decision.key;
    let is_there = |endpoint: Endpoint| match endpoint {
        Endpoint::Node(node) => node.0 < world.nodes,
        Endpoint::Client(client) => client.0 < world.clients,
        Endpoint::Twin(_) => false,
    };
    if !is_there(key.source) || !is_there(key.target) {
        return Some(reason::NOBODY);
    }
    let is_between_nodes = matches!((key.source, key.target), (Endpoint::Node(_), Endpoint::Node(_)));
    let kinds: &[&str] = match key.kind {
        DecisionKind::Fate if is_between_nodes => <P::Message as Kinded>::KINDS,
        DecisionKind::Timer => <P::Timer as Kinded>::KINDS,
        DecisionKind::Fate
        | DecisionKind::Sync
        | DecisionKind::Lost
        | DecisionKind::Cut
        | DecisionKind::Torn
        | DecisionKind::Write => return None,
    };
    (!kinds.contains(&key.of.as_str())).then_some(reason::STRANGE)
}
