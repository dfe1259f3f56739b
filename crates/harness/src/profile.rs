//! Profiles: a scenario and a seed become a world. This is where a swarm draws which faults a run has at all.

use quarrel_formats::scenario::{Draw, Lasts, Order, Reflex, Scenario, Strikes, Whom, WriteOrder};
use quarrel_sim::Plan;
use quarrel_sim::fault::FaultClass;
use quarrel_sim::time::{MICROSECOND, MILLISECOND};
use quarrel_sim::world::{Arrival, ClientPolicy, Rates, Reaction, Rule, World};
use quarrel_spec::machine::Kind;
use quarrel_spec::workload::Workload;

use crate::dice::Dice;
use crate::fault_plan::Storm;
use crate::reach::{BETWEEN, OUTRUN, reflex_classes, struck};
use crate::subject::{Setting, Subject};
use crate::traitors::Repertoire;
use crate::{core, operations, operator, traitors};

/// What the dice of a protocol's configuration are for.
pub const CONFIG: &str = "config";

/// A run before its first event: the world, and what only random runs have.
pub struct Profile<P: Subject> {
    /// The world, the configuration, the operations, the orders.
    pub plan: Plan<P>,
    /// The faults that recur, which are no part of the world yet.
    pub storm: Storm,
    /// The rules of the nemesis.
    pub rules: Vec<Rule>,
    /// Which classes of faults the profile has on, by name.
    pub on: Vec<&'static str>,
}

/// Draws the profile of a seed, with all its faults.
pub fn draw<P: Subject>(scenario: &Scenario, options: &P::Options, flaws: &[&str], seed: u64) -> Profile<P> {
    let mut profile = draw_ahead::<P>(scenario, options, flaws, seed);
    let world = &mut profile.plan.world;
    world.faults.extend(profile.storm.by_ref());
    world.faults.sort();
    profile
}

/// Draws the profile of a seed. The faults that recur can be drawn from its storm as the run goes on.
pub fn draw_ahead<P: Subject>(
    scenario: &Scenario,
    options: &P::Options,
    flaws: &[&str],
    seed: u64,
) -> Profile<P> {
    let mut dice = Dice::new(seed, "profile");
    let nodes = dice.count(&scenario.nodes).unwrap_or(1);
    let duration_ns = dice.scale(&scenario.duration_ns).unwrap_or(MILLISECOND);
    let workload = draw_workload(scenario, seed);
    let setting = Setting { nodes, flaws, machine: workload.kind };
    let config = P::configure(options, setting, &mut Dice::new(seed, CONFIG));
    let mut on = Vec::new();
    let rates = draw_rates(scenario, seed, &mut on);
    let clock_ppm = draw_clocks(scenario, nodes, seed);
    if clock_ppm.iter().any(|&ppm| ppm != 0) {
        on.push(FaultClass::ClockDrift.name());
    }
    let mut world = World {
        nodes,
        clients: 0,
        duration_ns,
        healing_ns: scenario.healing_ns,
        liveness: None,
        latency_ns: draw_latencies(scenario, nodes, seed),
        fifo: scenario.network.order == Order::Fifo,
        client_latency_ns: scenario.network.latency_ns.least().max(1),
        sync_ns: draw_syncs(scenario, nodes, seed),
        unordered: is_unordered(scenario, seed, &mut on),
        clock_ppm,
        clock_offset_ns: draw_offsets(scenario, nodes, seed),
        client: ClientPolicy {
            replies_needed: P::replies_needed(&config, nodes).clamp(1, nodes),
            ..draw_policy(scenario, seed)
        },
        rates,
        limits: scenario.limits.scaled_to(duration_ns, nodes),
        traitors: traitors::draw::<P>(scenario, &config, nodes, &mut Dice::new(seed, "faults.traitor")),
        faults: scenario.timeline.clone(),
    };
    let mut rules = scenario.rules.clone();
    let mut storm = draw_storm(scenario, seed, &P::sends(&config), &world, &mut on);
    draw_treason::<P>(scenario, seed, &world, &mut storm, &mut on);
    draw_nemesis(scenario, seed, &mut rules, &mut on);
    draw_slow_leader(scenario, seed, &mut rules, &mut on);
    draw_between(scenario, seed, &mut rules, &mut on);
    // What comes too late never strikes; from then on only what stays does.
    world.faults.retain(|fault| fault.at_ns < duration_ns);
    core::draw::<P>(scenario, seed, &config, &mut world);
    let operations = operations::draw::<P>(scenario, &workload, &world, P::round_ns(&config), seed);
    world.clients = operations.iter().map(|operation| operation.client.0 + 1).max().unwrap_or(0);
    let orders = operator::draw::<P>(scenario, &config, &world, &storm, seed);
    world.faults.sort();
    on.sort_unstable();
    on.dedup();
    Profile { plan: Plan { world, config, operations, orders }, storm, rules, on }
}

fn draw_rates(scenario: &Scenario, seed: u64, on: &mut Vec<&'static str>) -> Rates {
    let (network, disk, clock) = (&scenario.network, &scenario.disk, &scenario.clock);
    let mut rate = |purpose: &'static str, draw: &Draw<u32>| {
        let ppm = Dice::new(seed, purpose).scale(draw).unwrap_or(0);
        if ppm > 0 {
            on.push(purpose);
        }
        ppm
    };
    let mut rates = Rates {
        loss_ppm: rate("loss", &network.loss_ppm),
        duplication_ppm: rate("duplication", &network.duplication_ppm),
        delay_ppm: rate("delay", &network.delay_ppm),
        timer_ppm: rate("timer-spread", &clock.timer_spread_ppm),
        sync_ppm: rate("slow-disk", &disk.slow_sync_ppm),
        lost_ppm: rate("lost-writes", &disk.lost_writes_ppm),
        cut_ppm: rate("cut-broadcast", &disk.cut_broadcasts_ppm),
        torn_ppm: rate("torn-record", &disk.torn_writes_ppm),
        ..Rates::default()
    };
    let mut dice = Dice::new(seed, "delays");
    let spread = dice.scale(&network.spread_ns).unwrap_or(0);
    let most = dice.scale(&network.delay_max_ns).unwrap_or(0);
    rates.spread_us = (spread / MICROSECOND) as u32;
    rates.delay_max_us = (most / MICROSECOND) as u32;
    rates.delay_shape = *dice.pick(&network.delay_shapes);
    rates.sync_max_ns = dice.scale(&disk.slow_sync_max_ns).unwrap_or(0);
    rates
}

/// One base latency for the run, then one slow link and one slow node, if the profile has them.
fn draw_latencies(scenario: &Scenario, nodes: u8, seed: u64) -> Vec<u64> {
    let mut dice = Dice::new(seed, "latency");
    let count = usize::from(nodes);
    let base = dice.scale(&scenario.network.latency_ns).unwrap_or(MILLISECOND).max(1);
    let mut latencies = vec![base; count * count];
    let node = |dice: &mut Dice| dice.between(0, u64::from(nodes) - 1) as usize;
    let factor = u64::from(dice.scale(&scenario.network.slow_links).unwrap_or(1));
    let (from, to) = (node(&mut dice), node(&mut dice));
    latencies[from * count + to] = base.saturating_mul(factor);
    let factor = u64::from(dice.scale(&scenario.network.slow_nodes).unwrap_or(1));
    let slow = node(&mut dice);
    for other in 0..count {
        for link in [slow * count + other, other * count + slow] {
            latencies[link] = latencies[link].max(base.saturating_mul(factor));
        }
    }
    latencies
}

fn draw_syncs(scenario: &Scenario, nodes: u8, seed: u64) -> Vec<u64> {
    let sync_ns = Dice::new(seed, "sync").scale(&scenario.disk.sync_ns).unwrap_or(0);
    vec![sync_ns; usize::from(nodes)]
}

fn is_unordered(scenario: &Scenario, seed: u64, on: &mut Vec<&'static str>) -> bool {
    let is_any = *Dice::new(seed, "disk-order").pick(&scenario.disk.orders) == WriteOrder::Any;
    if is_any {
        on.push(FaultClass::UnorderedLoss.name());
    }
    is_any
}

fn draw_clocks(scenario: &Scenario, nodes: u8, seed: u64) -> Vec<i32> {
    let mut dice = Dice::new(seed, "clock");
    let drift = u64::from(dice.scale(&scenario.clock.drift_ppm).unwrap_or(0));
    (0..nodes).map(|_| dice.between(0, 2 * drift) as i32 - drift as i32).collect()
}

fn draw_offsets(scenario: &Scenario, nodes: u8, seed: u64) -> Vec<u64> {
    let mut dice = Dice::new(seed, "clock-offset");
    match dice.scale(&scenario.clock.offset_ns).unwrap_or(0) {
        0 => Vec::new(),
        most => (0..nodes).map(|_| dice.between(0, most)).collect(),
    }
}

/// `messages` are the kinds that are sent.
fn draw_storm(
    scenario: &Scenario,
    seed: u64,
    messages: &[&'static str],
    world: &World,
    on: &mut Vec<&'static str>,
) -> Storm {
    let mut storm = Storm::default();
    for class in &scenario.recurring {
        let name = class.strikes.name();
        let is_for_traitors = class.strikes == Strikes::Wipe { whom: Whom::Traitors };
        let mut dice = Dice::new(seed, &format!("faults.{name}"));
        if !dice.chance(class.chance_ppm) || is_for_traitors && world.traitors.is_empty() {
            continue;
        }
        on.extend(struck(&class.strikes).iter().map(|class| class.name()));
        if is_for_traitors {
            storm.add_wipes(world.traitors, class.clone(), world, dice);
        } else {
            storm.add(class.clone(), messages, world.nodes, world.duration_ns, dice);
        }
    }
    storm
}

/// What traitors do.
fn draw_treason<P: Subject>(
    scenario: &Scenario,
    seed: u64,
    world: &World,
    storm: &mut Storm,
    on: &mut Vec<&'static str>,
) {
    let Some(treason) = scenario.traitor.as_ref().filter(|_| !world.traitors.is_empty()) else { return };
    let repertoire = Repertoire::of::<P>(Some(treason));
    let is_only = treason.deeds.len() == 1;
    for &kind in &repertoire.kinds {
        let class = traitors::class(kind).name();
        let mut dice = Dice::new(seed, &format!("faults.traitor.{class}"));
        if is_only || dice.chance(500_000) {
            on.push(class);
            storm.add_deeds((kind, world.traitors), &repertoire, treason, world, dice);
        }
    }
}

fn draw_nemesis(scenario: &Scenario, seed: u64, rules: &mut Vec<Rule>, on: &mut Vec<&'static str>) {
    let Some(leader) = &scenario.leader else { return };
    let mut dice = Dice::new(seed, "leader");
    if !dice.chance(leader.chance_ppm) {
        return;
    }
    let when = dice.pick(&leader.on).clone();
    // A run's nemesis has one temper, or each in turn.
    let single = dice.chance(500_000);
    let actions = if single { vec![*dice.pick(&leader.actions)] } else { leader.actions.clone() };
    let share = (leader.probability_ppm / actions.len() as u32).max(1);
    let (lasting_ns, lasts_as) = match &leader.lasting {
        Lasts::Between(least, most) => (Some((*least, *most)), None),
        Lasts::AsTimer(timer) => (None, Some(timer.clone())),
    };
    for action in actions {
        on.extend(reflex_classes(action, lasts_as.is_some()).iter().map(|class| class.name()));
        rules.push(Rule {
            when: when.clone(),
            before: None,
            chance_ppm: share,
            after_ns: leader.after_ns,
            lasting_ns,
            lasts_as: lasts_as.clone(),
            then: match action {
                Reflex::Isolate => Reaction::IsolateIt,
                Reflex::IsolateFormer => Reaction::IsolateFormer,
                Reflex::Crash => Reaction::CrashIt,
                Reflex::Pause => Reaction::PauseIt,
            },
        });
    }
}

fn draw_slow_leader(scenario: &Scenario, seed: u64, rules: &mut Vec<Rule>, on: &mut Vec<&'static str>) {
    let Some(slow) = &scenario.slow_leader else { return };
    let mut dice = Dice::new(seed, "slow-leader");
    if !dice.chance(slow.chance_ppm) {
        return;
    }
    on.extend(OUTRUN.iter().map(|class| class.name()));
    let (least, most) = slow.drift_ppm;
    rules.push(Rule {
        when: dice.pick(&slow.on).clone(),
        before: None,
        chance_ppm: slow.probability_ppm,
        after_ns: slow.after_ns,
        lasting_ns: Some(slow.lasting_ns),
        lasts_as: None,
        then: Reaction::OutrunIt(least, most),
    });
}

fn draw_between(scenario: &Scenario, seed: u64, rules: &mut Vec<Rule>, on: &mut Vec<&'static str>) {
    let Some(between) = &scenario.between else { return };
    let mut dice = Dice::new(seed, "crash-between");
    if !dice.chance(between.chance_ppm) {
        return;
    }
    on.extend(BETWEEN.iter().map(|class| class.name()));
    rules.push(Rule {
        when: dice.pick(&between.first).clone(),
        before: Some(between.then.clone()),
        chance_ppm: between.probability_ppm,
        after_ns: between.after_ns,
        lasting_ns: Some(between.lasting_ns),
        lasts_as: None,
        then: Reaction::CrashIt,
    });
}

/// Draws what clients like to ask.
pub fn draw_workload(scenario: &Scenario, seed: u64) -> Workload {
    let mut dice = Dice::new(seed, "machine");
    let drawn = &scenario.workload;
    let keys = dice.count(&drawn.keys).unwrap_or(1);
    let kind = match *dice.pick(&drawn.machines) {
        Kind::Bank { opening, .. } => Kind::Bank { accounts: keys.max(2), opening },
        Kind::Seats { .. } => Kind::Seats { seats: keys.max(1) },
        kind => kind,
    };
    let reads_ppm = dice.scale(&drawn.reads_ppm).unwrap_or(0);
    let skew_ppm = dice.scale(&drawn.skew_ppm).unwrap_or(0);
    Workload { kind, keys, reads_ppm, skew_ppm }
}

fn draw_policy(scenario: &Scenario, seed: u64) -> ClientPolicy {
    let mut dice = Dice::new(seed, "clients");
    let workload = &scenario.workload;
    let arrival = match dice.flag(&workload.closed_loop) {
        true => Arrival::Closed { think_ns: dice.scale(&workload.think_ns).unwrap_or(0) },
        false => Arrival::Open,
    };
    let attempts_max = dice.scale(&workload.attempts).unwrap_or(1);
    ClientPolicy { arrival, attempts_max, ..workload.policy }
}
