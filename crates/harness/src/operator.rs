//! What an operator asks of nodes in a run, and when.

use quarrel_formats::Scenario;
use quarrel_protocol::{Kinded, NodeId};
use quarrel_sim::world::{Order, World};

use crate::dice::Dice;
use crate::subject::{Operator, Subject};

/// Draws the orders of a run: those of `[operator]`, while faults may strike, and those by hand, whenever they are given.
pub(crate) fn draw<P: Subject>(
    scenario: &Scenario,
    config: &P::Config,
    world: &World,
    seed: u64,
) -> Vec<Order<P::Admin>> {
    let by_hand = scenario.orders.iter().map(|order| Order {
        at_ns: order.at_ns,
        node: order.node,
        admin: P::parse_order(&order.words).expect("a trial checks what is written by hand"),
    });
    let mut orders: Vec<_> = by_hand.collect();
    draw_random::<P>(scenario, config, world, seed, &mut orders);
    orders.sort_by_key(|order| (order.at_ns, order.node));
    orders
}

fn draw_random<P: Subject>(
    scenario: &Scenario,
    config: &P::Config,
    world: &World,
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
    let mut at_ns = 0u64;
    for number in 0.. {
        let gap = dice.scale(&operator.every_ns).unwrap_or(world.duration_ns);
        at_ns = at_ns.saturating_add(gap.max(1));
        if at_ns >= world.duration_ns {
            return;
        }
        let node = NodeId(dice.between(0, u64::from(world.nodes) - 1) as u8);
        let kind = *dice.pick(kinds);
        let dice = &mut dice;
        let admin = P::order(&mut Operator { number, kind, node, config, nodes: world.nodes, dice });
        assert_eq!(admin.kind_name(), kind, "{} is asked for an order of that kind", P::NAME);
        orders.push(Order { at_ns, node, admin });
    }
}
