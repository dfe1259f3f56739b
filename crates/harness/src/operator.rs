//! What an operator asks of nodes in a run, and when.

use quarrel_formats::Scenario;
use quarrel_formats::scenario::During;
use quarrel_protocol::{Kinded, NodeId};
use quarrel_sim::fault::Action;
use quarrel_sim::world::{Order, World};

use crate::dice::Dice;
use crate::fault_plan::Storm;
use crate::subject::{Operator, Subject};

/// Draws the orders of a run: those of `[operator]`, while faults may strike, and those by hand, whenever they are given.
pub(crate) fn draw<P: Subject>(
    scenario: &Scenario,
    config: &P::Config,
    world: &World,
    storm: &Storm,
    seed: u64,
) -> Vec<Order<P::Admin>> {
    let by_hand = scenario.orders.iter().map(|order| Order {
        at_ns: order.at_ns,
        node: order.node,
        admin: P::parse_order(&order.words).expect("a trial checks what is written by hand"),
    });
    let mut orders: Vec<_> = by_hand.collect();
    draw_random::<P>(scenario, config, world, storm, seed, &mut orders);
    orders.sort_by_key(|order| (order.at_ns, order.node));
    orders
}

fn draw_random<P: Subject>(
    scenario: &Scenario,
    config: &P::Config,
    world: &World,
    storm: &Storm,
    seed: u64,
    orders: &mut Vec<Order<P::Admin>>,
) {
    let Some(operator) = &scenario.operator else { return };
    let mut dice = Dice::new(seed, "operator");
    if !dice.chance(operator.chance_ppm) {
        return;
    }
    let all = <P::Admin as Kinded>::KINDS;
    let named: Vec<&str> = operator.asks.iter().map(String::as_str).collect();
    let kinds = if named.is_empty() { all } else { &named };
    let times = Times::new(*Dice::new(seed, "operator-times").pick(&operator.during), world, storm);
    let mut passed_ns = 0u64;
    for number in 0.. {
        let gap = dice.scale(&operator.every_ns).unwrap_or(world.duration_ns);
        passed_ns = passed_ns.saturating_add(gap.max(1));
        let Some(at_ns) = times.after(passed_ns) else { return };
        let node = NodeId(dice.between(0, u64::from(world.nodes) - 1) as u8);
        let kind = *dice.pick(kinds);
        let dice = &mut dice;
        let admin = P::order(&mut Operator { number, kind, node, config, nodes: world.nodes, dice });
        assert_eq!(admin.kind_name(), kind, "{} is asked for an order of that kind", P::NAME);
        orders.push(Order { at_ns, node, admin });
    }
}

/// The times at which an operator gives orders: windows that do not overlap, in order.
struct Times(Vec<(u64, u64)>);

impl Times {
    /// `storm` has the faults that are drawn as the run goes on.
    fn new(during: During, world: &World, storm: &Storm) -> Self {
        let end = world.duration_ns;
        if during == During::Always {
            return Self(vec![(0, end)]);
        }
        let faults = world.faults.iter().cloned().chain(storm.clone());
        let cuts = faults.filter(|fault| matches!(fault.action, Action::Partition { .. }));
        let window = |at_ns: u64, lasting_ns: Option<u64>| {
            // At the instant at which it begins the network may still be whole.
            (
                at_ns + 1,
                lasting_ns.map_or(end, |lasting| at_ns.saturating_add(lasting)).min(end).max(at_ns + 1),
            )
        };
        let mut windows: Vec<_> = cuts
            .filter(|fault| fault.at_ns < end)
            .map(|fault| window(fault.at_ns, fault.lasting_ns))
            .collect();
        windows.sort_unstable();
        let mut apart: Vec<(u64, u64)> = Vec::new();
        for (from, until) in windows {
            match apart.last_mut() {
                Some((_, last)) if from <= *last => *last = until.max(*last),
                _ => apart.push((from, until)),
            }
        }
        Self(apart)
    }

    /// When so much of them has passed, if that is before they end.
    fn after(&self, passed_ns: u64) -> Option<u64> {
        let mut left = passed_ns;
        for &(from, until) in &self.0 {
            let length = until - from;
            if left < length {
                return Some(from + left);
            }
            left -= length;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_for_the_operator_only_in_its_windows() {
        let times = Times(vec![(10, 20), (50, 60)]);
        let at: Vec<_> = [1, 9, 10, 19, 20].map(|passed| times.after(passed)).into();
        assert_eq!(at, [Some(11), Some(19), Some(50), Some(59), None]);
    }
}
