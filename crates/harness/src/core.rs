//! The core that heals, what ails the others for good, and how long the core may take.

use quarrel_formats::Scenario;
use quarrel_formats::scenario::Recovery;
use quarrel_protocol::{Lasting, NodeId, NodeSet};
use quarrel_sim::fault::{Action, Fault, Shape};
use quarrel_sim::time::MICROSECOND;
use quarrel_sim::world::{Liveness, World};

use crate::dice::Dice;
use crate::subject::Subject;
use crate::traitors::Repertoire;

/// Draws who must come back after the faults, if the scenario says that anybody must.
pub(crate) fn draw<P: Subject>(scenario: &Scenario, seed: u64, config: &P::Config, world: &mut World) {
    let Some(recovery) = &scenario.recovery else { return };
    let mut dice = Dice::new(seed, "core");
    let all = NodeSet::all(usize::from(world.nodes));
    let core = recovery.core.unwrap_or_else(|| draw_core::<P>(recovery, config, world, &mut dice));
    // A traitor never heals.
    let core = core.intersection(world.traitors.complement(all.len()));
    if core.is_empty() {
        return;
    }
    let latency_ns = world.latency_ns.iter().min().copied().unwrap_or(1);
    let bound_ns = bound_ns::<P>(recovery.rounds, config, world, latency_ns);
    world.liveness = Some(Liveness { core, bound_ns, latency_ns });
    let ails: Vec<Lasting> =
        if recovery.stay.is_empty() { P::lasting(config).to_vec() } else { recovery.stay.clone() };
    let repertoire = Repertoire::of::<P>(scenario.traitor.as_ref());
    for node in all.iter().filter(|&node| !core.contains(node)) {
        let is_traitor = world.traitors.contains(node);
        let ails = match is_traitor {
            // One that a timeline names does what the timeline says.
            true => {
                if scenario.traitor.is_some() {
                    vec![Lasting::Traitor]
                } else {
                    Vec::new()
                }
            }
            false => {
                let is_room = world.traitors.len() < usize::from(P::traitors_max(config));
                ails.iter().copied().filter(|ails| is_room || *ails != Lasting::Traitor).collect()
            }
        };
        if ails.is_empty() {
            continue;
        }
        let action = match *dice.pick(&ails) {
            Lasting::Traitor => {
                world.traitors.insert(node);
                let Some(&kind) = pick(&repertoire.kinds, &mut dice) else { continue };
                repertoire.draw(kind, node, world.nodes, &mut dice)
            }
            ails => self::action(ails, node, all, P::quorum_min(config, world.nodes), &mut dice),
        };
        // The world heals at the end of its time; what strikes after that stays.
        world.faults.push(Fault { at_ns: world.duration_ns + 1, lasting_ns: None, action });
    }
}

/// One of them, if there are any.
fn pick<'a, T>(of: &'a [T], dice: &mut Dice) -> Option<&'a T> {
    if of.is_empty() { None } else { Some(dice.pick(of)) }
}

/// Everybody, or as many as the protocol needs at least, or anything between.
fn draw_core<P: Subject>(recovery: &Recovery, config: &P::Config, world: &World, dice: &mut Dice) -> NodeSet {
    let nodes = world.nodes;
    let has_outsiders = dice.chance(recovery.outsiders_ppm);
    let least = P::core_min(config, nodes).clamp(1, nodes);
    if !has_outsiders || least == nodes || P::lasting(config).is_empty() {
        return NodeSet::all(usize::from(nodes));
    }
    let size = dice.between(u64::from(least), u64::from(nodes) - 1);
    let mut drawn: Vec<NodeId> = NodeId::all(usize::from(nodes)).collect();
    dice.shuffle(&mut drawn);
    // Traitors come last: who is left out is one of them while there are any.
    drawn.sort_by_key(|&node| world.traitors.contains(node));
    drawn.into_iter().take(size as usize).collect()
}

/// The bound: so many rounds, in each of which the protocol's own timers run out once, a client waits once in vain,
/// and messages go back and forth twice and are written twice; on the slowest clock.
pub(crate) fn bound_ns<P: Subject>(rounds: u32, config: &P::Config, world: &World, latency_ns: u64) -> u64 {
    let sync_ns = world.sync_ns.iter().max().copied().unwrap_or(0);
    let links_ns = latency_ns.saturating_add(world.client_latency_ns).saturating_mul(4);
    let own_ns = P::round_ns(config).saturating_add(world.client.timeout_ns);
    let round_ns = own_ns
        .saturating_add(links_ns)
        .saturating_add(sync_ns.saturating_mul(2))
        .saturating_add(congestion_ns(world));
    let slowest = world.clock_ppm.iter().map(|ppm| ppm.unsigned_abs()).max().unwrap_or(0);
    let bound =
        u128::from(round_ns) * u128::from(rounds) * 1_000_000 / u128::from(1_000_000 - slowest.min(999_999));
    u64::try_from(bound).unwrap_or(u64::MAX)
}

/// On links that keep the order of their messages, one that was sent before the healing may be on its way for long, and
/// holds up all that is behind it: there and back.
fn congestion_ns(world: &World) -> u64 {
    if !world.fifo {
        return 0;
    }
    let slowest_ns = world.latency_ns.iter().max().copied().unwrap_or(0);
    let rates = &world.rates;
    let delays = rates.delay_ppm > 0 || rates.duplication_ppm > 0;
    let late_us = u64::from(rates.spread_us) + if delays { u64::from(rates.delay_max_us) } else { 0 };
    slowest_ns.saturating_add(late_us.saturating_mul(MICROSECOND)).saturating_mul(2)
}

/// What ails a node for good, as a fault. `least` nodes are a quorum.
fn action(ails: Lasting, node: NodeId, all: NodeSet, least: u8, dice: &mut Dice) -> Action {
    debug_assert!(ails != Lasting::Traitor, "a traitor's deeds are drawn elsewhere");
    let it = NodeSet::only(node);
    let others = it.complement(all.len());
    match ails {
        Lasting::Crashed => Action::Crash { nodes: it },
        Lasting::Paused => Action::Pause { nodes: it },
        Lasting::Isolated => Action::isolate(node, all.len()),
        Lasting::Traitor | Lasting::Mute => {
            Action::Partition { shape: Shape::OneWay, cuts: vec![(it, others)] }
        }
        Lasting::Deaf => Action::Partition { shape: Shape::OneWay, cuts: vec![(others, it)] },
        Lasting::Partial => {
            let lost: NodeSet = others.iter().filter(|_| dice.chance(500_000)).collect();
            Action::Partition { shape: Shape::Bridge, cuts: vec![(it, lost), (lost, it)] }
        }
        Lasting::Fringe => {
            let mut order: Vec<NodeId> = others.iter().collect();
            dice.shuffle(&mut order);
            let kept = dice.between(0, u64::from(least.saturating_sub(2))) as usize;
            let lost: NodeSet = order.into_iter().skip(kept).collect();
            Action::Partition { shape: Shape::Bridge, cuts: vec![(it, lost), (lost, it)] }
        }
    }
}
