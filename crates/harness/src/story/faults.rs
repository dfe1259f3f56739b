//! Faults in words: as they strike, and as the cause of something.

use std::collections::BTreeSet;

use quarrel_protocol::NodeSet;
use quarrel_sim::decision::Endpoint;
use quarrel_sim::fault::{Action, Deed, Fault, Many, Shape};

use quarrel_sim::world::World;

use super::words::{names, time};

const EVERYONE: &str = "everyone";

/// What strikes in this world: `n1 crashes, for 20ms`.
pub(super) fn strikes(fault: &Fault, world: &World) -> String {
    let nodes = world.nodes;
    let lasting = lasting(fault.at_ns, fault.lasting_ns, world);
    let one_or_many = |set: &NodeSet, one: &str, many: &str| {
        let who = these(*set, nodes);
        let verb = if set.len() == 1 || who == EVERYONE { one } else { many };
        format!("{who} {verb}, {lasting}")
    };
    match &fault.action {
        Action::Crash { nodes } => one_or_many(nodes, "crashes", "crash"),
        Action::Wipe { nodes } => {
            one_or_many(nodes, "crashes and loses its disk", "crash and lose their disks")
        }
        Action::Pause { nodes } => one_or_many(nodes, "stalls", "stall"),
        Action::Partition { shape: Shape::Isolate, cuts } if !cuts.is_empty() => {
            format!("{} is isolated, {lasting}", these(cuts[0].0, nodes))
        }
        Action::Partition { cuts, .. } => match cuts.as_slice() {
            [(a, b), (c, d)] if a == d && b == c => {
                format!("the network is cut, {lasting}: {} | {}", these(*a, nodes), these(*b, nodes))
            }
            _ => format!("the network is cut, {lasting}: {}", links(cuts, nodes)),
        },
        Action::Clog { links: held } => format!("messages are held back, {lasting}: {}", links(held, nodes)),
        Action::Lose { kind, from, to } => {
            format!("every {kind} is lost, {lasting}: {}", links(&[(*from, *to)], nodes))
        }
        Action::Clock { .. }
        | Action::SlowDisk { .. }
        | Action::CrashAtWrite { .. }
        | Action::Expire { .. }
        | Action::LyingDisk { .. }
        | Action::FullDisk { .. }
        | Action::BitRot { .. }
        | Action::ClockJump { .. } => fault.to_string(),
        Action::Betray { node, to, deed } => {
            let others = NodeSet::only(*node).complement(usize::from(nodes));
            let whom = match (*to == others, deed) {
                (true, Deed::Twin { .. }) => "all others".to_string(),
                (true, _) if others.len() > 1 => EVERYONE.to_string(),
                _ => these(*to, nodes),
            };
            let many = if to.len() == 1 { Many::No } else { Many::Yes };
            format!("{}, {lasting}", deed.told(*node, &whom, many))
        }
    }
}

/// How long something lasts that begins then: everything heals when the faults end, but what ails a node afterwards.
pub(super) fn lasting(at_ns: u64, lasting_ns: Option<u64>, world: &World) -> String {
    let ends_with_it = world.healing_ns == 0 && world.liveness.is_none();
    match lasting_ns {
        Some(ns) => format!("for {}", time(ns)),
        None if at_ns > world.duration_ns => "for good".to_string(),
        None if ends_with_it => "to the end".to_string(),
        None => format!("until all heals at {}", time(world.duration_ns)),
    }
}

/// Directed links; what goes both ways is said once.
fn links(links: &[(NodeSet, NodeSet)], nodes: u8) -> String {
    let (mut told, mut seen) = (Vec::new(), BTreeSet::new());
    for &(from, to) in links {
        if seen.contains(&(from, to)) {
            continue;
        }
        let both = from != to && links.contains(&(to, from));
        seen.insert((from, to));
        if both {
            seen.insert((to, from));
        }
        let arrow = if both { "<->" } else { "->" };
        told.push(format!("{} {arrow} {}", these(from, nodes), these(to, nodes)));
    }
    told.join("; ")
}

fn these(set: NodeSet, nodes: u8) -> String {
    match set.len() {
        0 => "nobody".to_string(),
        many if many > 2 && many == usize::from(nodes) => EVERYONE.to_string(),
        _ => names(&set.iter().map(Endpoint::Node).collect()),
    }
}

/// The cause as a noun: `a crash of n1`.
pub(super) fn noun(action: &Action, nodes: u8) -> String {
    match action {
        Action::Crash { nodes: set } => format!("a crash of {}", these(*set, nodes)),
        Action::Wipe { nodes: set } => format!("the loss of the disk of {}", these(*set, nodes)),
        Action::CrashAtWrite { node, .. } => format!("a crash of {node} just before a write"),
        Action::Pause { nodes: set } => format!("a stall of {}", these(*set, nodes)),
        Action::Partition { shape: Shape::Isolate, cuts } if !cuts.is_empty() => {
            format!("the isolation of {}", these(cuts[0].0, nodes))
        }
        Action::Partition { .. } => "a partition".to_string(),
        Action::Clog { .. } => "a clog".to_string(),
        Action::Lose { kind, .. } => format!("the loss of every {kind}"),
        Action::Clock { node, .. } => format!("a drift of {node}'s clock"),
        Action::SlowDisk { node, .. } => format!("a slow disk of {node}"),
        Action::Expire { node, timer } => format!("an early {timer} timer of {node}"),
        Action::LyingDisk { nodes: set } => format!("a lying disk of {}", these(*set, nodes)),
        Action::FullDisk { nodes: set } => format!("a full disk of {}", these(*set, nodes)),
        Action::BitRot { node, .. } => format!("a damaged record of {node}"),
        Action::ClockJump { node, .. } => format!("a jump of {node}'s clock"),
        Action::Betray { node, deed: Deed::Twin { .. }, .. } => format!("a twin of {node}"),
        Action::Betray { node, deed, .. } => format!("a deed of the traitor {node} ({})", deed.name()),
    }
}
