//! The fault plan: recurring classes of faults, drawn once per run into plain faults at absolute times.

use quarrel_formats::scenario::{Recurring, Strikes};
use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::fault::{Action, Fault, Shape};

use crate::dice::Dice;

/// A class that strikes more often than this in one run has a gap far too short for its duration.
const STRIKES_MAX: usize = 100_000;

/// Draws the faults of one class that is on. `messages` are the kinds that can be aimed at.
pub(crate) fn draw(
    class: &Recurring,
    messages: &[&str],
    nodes: u8,
    duration_ns: u64,
    dice: &mut Dice,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut at_ns = dice.scale(&class.every_ns).unwrap_or(duration_ns);
    while at_ns < duration_ns && faults.len() < STRIKES_MAX {
        let lasting_ns = dice.scale(&class.lasting_ns);
        strike(&class.strikes, messages, nodes, at_ns, lasting_ns, dice, &mut faults);
        at_ns = at_ns.saturating_add(dice.scale(&class.every_ns).unwrap_or(duration_ns).max(1));
    }
    faults
}

fn strike(
    strikes: &Strikes,
    messages: &[&str],
    nodes: u8,
    at_ns: u64,
    lasting_ns: Option<u64>,
    dice: &mut Dice,
    faults: &mut Vec<Fault>,
) {
    let count = usize::from(nodes);
    let action = match strikes {
        Strikes::Crash => Action::Crash { nodes: some(nodes, dice) },
        Strikes::CrashAll => Action::Crash { nodes: NodeSet::all(count) },
        Strikes::CrashAtWrite { write } => {
            Action::CrashAtWrite { node: one(nodes, dice), write: dice.count(write).unwrap_or(1).max(1) }
        }
        Strikes::Pause => Action::Pause { nodes: some(nodes, dice) },
        Strikes::Wipe => Action::Wipe { nodes: NodeSet::only(one(nodes, dice)) },
        Strikes::Partition { shapes } => partition(*dice.pick(shapes), nodes, dice),
        Strikes::Clog => {
            let (from, to) = two(nodes, dice);
            let there = (NodeSet::only(from), NodeSet::only(to));
            let both = dice.chance(500_000);
            Action::Clog { links: if both { vec![there, (there.1, there.0)] } else { vec![there] } }
        }
        Strikes::Swizzle => return swizzle(nodes, at_ns, lasting_ns, dice, faults),
        Strikes::AimedLoss { kinds } => {
            let kind = match (kinds.is_empty(), messages.is_empty()) {
                (false, _) => dice.pick(kinds).clone(),
                (true, false) => (*dice.pick(messages)).to_string(),
                // Nothing is sent, so there is nothing to aim at.
                (true, true) => return,
            };
            let (from, to) = match dice.between(0, 2) {
                0 => (NodeSet::all(count), NodeSet::only(one(nodes, dice))),
                1 => (NodeSet::only(one(nodes, dice)), NodeSet::all(count)),
                _ => (NodeSet::all(count), NodeSet::all(count)),
            };
            Action::Lose { kind, from, to }
        }
        Strikes::Clock { drift_ppm } => {
            let drift = dice.scale(drift_ppm).unwrap_or(0).min(900_000) as i32;
            Action::Clock {
                node: one(nodes, dice),
                rate_ppm: if dice.chance(500_000) { drift } else { -drift },
            }
        }
        Strikes::SlowDisk { extra_ns } => {
            Action::SlowDisk { node: one(nodes, dice), extra_ns: dice.scale(extra_ns).unwrap_or(0) }
        }
    };
    faults.push(Fault { at_ns, lasting_ns, action });
}

fn one(nodes: u8, dice: &mut Dice) -> NodeId {
    NodeId(dice.between(0, u64::from(nodes) - 1) as u8)
}

/// Two nodes; the same one twice only when there is no other.
fn two(nodes: u8, dice: &mut Dice) -> (NodeId, NodeId) {
    let first = one(nodes, dice);
    if nodes < 2 {
        return (first, first);
    }
    let step = dice.between(1, u64::from(nodes) - 1) as u8;
    (first, NodeId((first.0 + step) % nodes))
}

/// Mostly one node, sometimes several.
fn some(nodes: u8, dice: &mut Dice) -> NodeSet {
    if dice.chance(750_000) {
        return NodeSet::only(one(nodes, dice));
    }
    let size = dice.between(1, u64::from(nodes));
    group(size as usize, nodes, dice)
}

fn group(size: usize, nodes: u8, dice: &mut Dice) -> NodeSet {
    let mut order: Vec<NodeId> = NodeId::all(usize::from(nodes)).collect();
    dice.shuffle(&mut order);
    order.into_iter().take(size).collect()
}

fn partition(shape: Shape, nodes: u8, dice: &mut Dice) -> Action {
    let count = usize::from(nodes);
    if count < 2 {
        return Action::Partition { shape, cuts: Vec::new() };
    }
    let side = |dice: &mut Dice| {
        let size = dice.between(1, u64::from(nodes) - 1) as usize;
        group(size, nodes, dice)
    };
    match shape {
        Shape::Isolate => Action::isolate(one(nodes, dice), count),
        Shape::OneWay => {
            let from = side(dice);
            Action::Partition { shape, cuts: vec![(from, from.complement(count))] }
        }
        Shape::Bridge if count >= 3 => {
            let mut order: Vec<NodeId> = NodeId::all(count).collect();
            dice.shuffle(&mut order);
            // The first is the bridge; the others stand on either side of it.
            let middle = dice.between(2, u64::from(nodes) - 1) as usize;
            let side = |range: std::ops::Range<usize>| order[range].iter().copied().collect();
            Action::partition(shape, &[side(1..middle), side(middle..count)])
        }
        Shape::Ring if count >= 4 => {
            let mut order: Vec<NodeId> = NodeId::all(count).collect();
            dice.shuffle(&mut order);
            ring(&order)
        }
        Shape::Halves | Shape::Bridge | Shape::Ring | Shape::Groups => {
            let side = side(dice);
            Action::partition(Shape::Halves, &[side, side.complement(count)])
        }
    }
}

/// Every node reaches just the neighbours on the ring that make a majority with it: no two see the same one.
fn ring(order: &[NodeId]) -> Action {
    let count = order.len();
    // With `reach` neighbours on either side a node sees 2 * reach + 1 nodes: just a majority.
    let reach = (count / 2).div_ceil(2);
    let cut = |position: usize| {
        let near = |other: usize| {
            (other + count - position) % count <= reach || (position + count - other) % count <= reach
        };
        let far = (0..count).filter(|&other| !near(other)).map(|other| order[other]).collect();
        (NodeSet::only(order[position]), far)
    };
    let cuts = (0..count).map(cut).filter(|(_, far): &(NodeSet, NodeSet)| !far.is_empty()).collect();
    Action::Partition { shape: Shape::Ring, cuts }
}

/// The links of some nodes clog one after the other, and clear in another order (FoundationDB's swizzle-clogging).
fn swizzle(nodes: u8, at_ns: u64, lasting_ns: Option<u64>, dice: &mut Dice, faults: &mut Vec<Fault>) {
    let size = dice.between(1, u64::from(nodes)) as usize;
    let lasting = lasting_ns.unwrap_or(u64::MAX / 4);
    let all = NodeSet::all(usize::from(nodes));
    for node in group(size, nodes, dice).iter() {
        let (start, end) = (dice.between(0, lasting / 2), dice.between(lasting / 2, lasting));
        let it = NodeSet::only(node);
        let links = vec![(it, all), (all, it)];
        let lasting_ns = Some((end - start).max(1));
        faults.push(Fault { at_ns: at_ns.saturating_add(start), lasting_ns, action: Action::Clog { links } });
    }
}

#[cfg(test)]
mod tests {
    use quarrel_formats::scenario::Draw;

    use super::*;

    #[test]
    fn on_a_ring_every_node_sees_a_majority_and_no_two_the_same() {
        for count in 4..=9 {
            let order: Vec<NodeId> = NodeId::all(count).collect();
            let Action::Partition { cuts, .. } = ring(&order) else { panic!("a ring is a partition") };
            let mut seen: Vec<NodeSet> = cuts.iter().map(|(_, far)| far.complement(count)).collect();
            assert_eq!(seen.len(), count, "everybody is cut from somebody");
            assert!(seen.iter().all(|view| view.len() > count / 2), "{count}: {seen:?}");
            if count > 4 {
                seen.sort_unstable();
                seen.dedup();
                assert_eq!(seen.len(), count, "{count}");
            }
        }
    }

    #[test]
    fn loss_is_aimed_at_what_is_sent() {
        let class = Recurring {
            strikes: Strikes::AimedLoss { kinds: Vec::new() },
            chance_ppm: 1_000_000,
            every_ns: Draw::Fixed(1_000),
            lasting_ns: Draw::Fixed(10),
        };
        let aimed = |messages: &[&str]| draw(&class, messages, 3, 10_000, &mut Dice::new(3, "test"));
        let faults = aimed(&["vote", "append"]);
        assert_eq!(faults.len(), 9);
        assert!(faults.iter().all(|fault| {
            matches!(&fault.action, Action::Lose { kind, .. } if ["vote", "append"].contains(&kind.as_str()))
        }));
        assert_eq!(aimed(&[]), [], "a protocol without messages");
    }

    #[test]
    fn no_partition_cuts_a_node_from_itself_or_names_one_that_is_not_there() {
        let mut dice = Dice::new(3, "test");
        for nodes in 2..=7u8 {
            for shape in [Shape::Halves, Shape::Isolate, Shape::OneWay, Shape::Bridge, Shape::Ring] {
                let Action::Partition { cuts, .. } = partition(shape, nodes, &mut dice) else {
                    panic!("{shape:?}")
                };
                for (from, to) in cuts {
                    assert!(from.intersection(to).is_empty(), "{shape:?} {from} {to}");
                    assert!(from.union(to).0 <= NodeSet::all(usize::from(nodes)).0);
                }
            }
        }
    }
}
