//! Profiles: what a seed draws lies where the scenario says, and no class of faults meddles with another.

use crate::common::{parse, read};
use quarrel_formats::Scenario;
use quarrel_formats::scenario::{Draw, Lasts, Recurring, Strikes};
use quarrel_harness::Subject;
use quarrel_harness::profile::{Profile, draw};
use quarrel_paxos::Paxos;
use quarrel_protocol::{NodeId, NodeSet};
use quarrel_raft::Raft;
use quarrel_sim::Plan;
use quarrel_sim::fault::{Action, Fault};
use quarrel_sim::world::World;

const SEEDS: u64 = 500;

/// The chaos of Raft, up to the healing.
fn raft() -> Scenario {
    let mut scenario = read("raft/chaos");
    scenario.recovery = None;
    scenario
}

fn drawn<P: Subject>(scenario: &Scenario, seed: u64) -> Profile<P> {
    let Ok(options) = P::options(&scenario.config) else { panic!("the options of {}", scenario.name) };
    draw::<P>(scenario, &options, &[], seed)
}

fn world(scenario: &Scenario, seed: u64) -> World {
    drawn::<Raft>(scenario, seed).plan.world
}

/// Whether the value can be drawn; with a class that may be off, its default.
fn lies_in<T: Copy + Ord>(draw: &Draw<T>, value: T, off: T) -> bool {
    match draw {
        Draw::Fixed(only) => value == *only,
        Draw::Between(least, most) => (*least..=*most).contains(&value),
        Draw::OneOf(values) => values.contains(&value),
        Draw::Chance { then, .. } => value == off || lies_in(then, value, off),
    }
}

fn is_of(class: &Recurring, fault: &Fault, of_swizzle: bool) -> bool {
    match (&class.strikes, &fault.action) {
        (Strikes::Crash | Strikes::CrashAll, Action::Crash { .. })
        | (Strikes::CrashAtWrite { .. }, Action::CrashAtWrite { .. })
        | (Strikes::Pause, Action::Pause { .. })
        | (Strikes::Wipe { .. }, Action::Wipe { .. })
        | (Strikes::Partition { .. }, Action::Partition { .. })
        | (Strikes::AimedLoss { .. }, Action::Lose { .. })
        | (Strikes::Clock { .. }, Action::Clock { .. })
        | (Strikes::SlowDisk { .. }, Action::SlowDisk { .. }) => true,
        (Strikes::Clog, Action::Clog { .. }) => !of_swizzle,
        (Strikes::Swizzle, Action::Clog { .. }) => of_swizzle,
        _ => false,
    }
}

/// The world of a scenario with only this class of recurring faults.
fn only(class: &Recurring) -> Scenario {
    let mut scenario = raft();
    scenario.recurring = vec![class.clone()];
    scenario
}

#[test]
fn without_a_class_of_faults_all_the_rest_is_the_same() {
    let scenario = raft();
    for (position, class) in scenario.recurring.iter().enumerate() {
        let mut less = scenario.clone();
        less.recurring.remove(position);
        let mut gone = 0;
        for seed in 0..100 {
            let (with, without) = (world(&scenario, seed), world(&less, seed));
            let mine = world(&only(class), seed).faults;
            gone += mine.len();
            let mut faults = [without.faults.clone(), mine].concat();
            faults.sort();
            assert_eq!(faults, with.faults, "{} in seed {seed}", class.strikes.name());
            assert_eq!(World { faults, ..without }, with, "{} in seed {seed}", class.strikes.name());
        }
        assert!(gone > 0, "{} strikes", class.strikes.name());
    }
}

/// Takes one class of chance away.
type Change = fn(&mut Scenario);

#[test]
fn without_a_class_of_chance_all_the_rest_is_the_same() {
    let classes: [(&str, Change, Change2); 7] = [
        ("loss", |scenario| scenario.network.loss_ppm = Draw::Fixed(0), |world| world.rates.loss_ppm = 0),
        (
            "duplication",
            |scenario| scenario.network.duplication_ppm = Draw::Fixed(0),
            |world| {
                world.rates.duplication_ppm = 0;
            },
        ),
        ("delay", |scenario| scenario.network.delay_ppm = Draw::Fixed(0), |world| world.rates.delay_ppm = 0),
        (
            "slow syncs",
            |scenario| scenario.disk.slow_sync_ppm = Draw::Fixed(0),
            |world| world.rates.sync_ppm = 0,
        ),
        (
            "lost writes",
            |scenario| scenario.disk.lost_writes_ppm = Draw::Fixed(0),
            |world| world.rates.lost_ppm = 0,
        ),
        (
            "cuts",
            |scenario| scenario.disk.cut_broadcasts_ppm = Draw::Fixed(0),
            |world| world.rates.cut_ppm = 0,
        ),
        ("drift", |scenario| scenario.clock.drift_ppm = Draw::Fixed(0), |world| world.clock_ppm.fill(0)),
    ];
    let scenario = raft();
    for (name, take, clear) in classes {
        let mut less = scenario.clone();
        take(&mut less);
        let mut changed = 0;
        for seed in 0..100 {
            let (with, without) = (drawn::<Raft>(&scenario, seed), drawn::<Raft>(&less, seed));
            let mut cleared = with.plan.world.clone();
            clear(&mut cleared);
            changed += u32::from(cleared != with.plan.world);
            assert_eq!(without.plan.world, cleared, "{name} in seed {seed}");
            assert_eq!(without.plan.operations, with.plan.operations, "{name} in seed {seed}");
            assert_eq!(
                (without.plan.config, without.rules),
                (with.plan.config, with.rules),
                "{name} in seed {seed}"
            );
        }
        assert!((10..100).contains(&changed), "{name} was on in {changed} of 100 seeds");
    }
    let mut calm = scenario.clone();
    calm.leader = None;
    for seed in 0..100 {
        assert_eq!(world(&calm, seed), world(&scenario, seed), "the nemesis");
        assert!(drawn::<Raft>(&calm, seed).rules.is_empty());
    }
}

type Change2 = fn(&mut World);

/// In a swarm every class is on or off for itself: for each two, some runs have both, either and neither.
#[test]
fn classes_are_on_independently_of_each_other() {
    let scenario = raft();
    let mut names: Vec<String> =
        scenario.recurring.iter().map(|class| format!("faults.{}", class.strikes.name())).collect();
    let rates = [
        "loss",
        "duplication",
        "delay",
        "slow-syncs",
        "lost-writes",
        "cut-broadcasts",
        "spread",
        "drift",
        "sync",
    ];
    names.extend(rates.map(str::to_string));
    let alone: Vec<Scenario> = scenario.recurring.iter().map(only).collect();
    let on = |seed: u64| {
        let world = world(&scenario, seed);
        let strikes = alone.iter().map(|scenario| !self::world(scenario, seed).faults.is_empty());
        let rates = world.rates;
        let chances = [
            rates.loss_ppm,
            rates.duplication_ppm,
            rates.delay_ppm,
            rates.sync_ppm,
            rates.lost_ppm,
            rates.cut_ppm,
        ];
        let mut on: Vec<bool> = strikes.collect();
        on.extend(chances.map(|ppm| ppm > 0));
        on.extend([rates.spread_us > 0, world.clock_ppm.iter().any(|&ppm| ppm != 0), world.sync_ns[0] > 0]);
        on
    };
    let seeds: Vec<Vec<bool>> = (0..SEEDS).map(on).collect();
    let mut missing = Vec::new();
    for one in 0..names.len() {
        for other in one + 1..names.len() {
            for want in [(true, true), (true, false), (false, true), (false, false)] {
                if !seeds.iter().any(|on| (on[one], on[other]) == want) {
                    missing.push(format!("{} {} and {} {}", names[one], want.0, names[other], want.1));
                }
            }
        }
    }
    assert!(missing.is_empty(), "in {SEEDS} seeds there is never {missing:#?}");
}

#[test]
fn every_drawn_value_lies_in_its_range() {
    let scenario = raft();
    let (network, disk, clock) = (&scenario.network, &scenario.disk, &scenario.clock);
    for seed in 0..SEEDS {
        let Profile { plan, rules, .. } = drawn::<Raft>(&scenario, seed);
        let World { rates, nodes, .. } = plan.world;
        assert!(
            lies_in(&scenario.nodes, nodes, 0) && lies_in(&scenario.duration_ns, plan.world.duration_ns, 0)
        );
        assert_eq!(plan.config.nodes, nodes);
        assert!(lies_in(&network.loss_ppm, rates.loss_ppm, 0));
        assert!(lies_in(&network.duplication_ppm, rates.duplication_ppm, 0));
        assert!(lies_in(&network.delay_ppm, rates.delay_ppm, 0));
        assert!(lies_in(&network.spread_ns, u64::from(rates.spread_us) * 1000, 0) || rates.spread_us > 0);
        assert!(u64::from(rates.spread_us) * 1000 <= network.spread_ns.most());
        let (least, most) = (network.delay_max_ns.least() / 1000, network.delay_max_ns.most() / 1000);
        assert!((least..=most).contains(&u64::from(rates.delay_max_us)));
        assert!(network.delay_shapes.contains(&rates.delay_shape));
        assert!(lies_in(&disk.slow_sync_ppm, rates.sync_ppm, 0));
        assert!(lies_in(&disk.slow_sync_max_ns, rates.sync_max_ns, 0));
        assert!(lies_in(&disk.lost_writes_ppm, rates.lost_ppm, 0));
        assert!(lies_in(&disk.cut_broadcasts_ppm, rates.cut_ppm, 0));
        assert!(lies_in(&clock.timer_spread_ppm, rates.timer_ppm, 0));
        assert!(plan.world.sync_ns.iter().all(|&ns| lies_in(&disk.sync_ns, ns, 0)));
        let drift = clock.drift_ppm.most() as i32;
        assert!(plan.world.clock_ppm.iter().all(|&ppm| (-drift..=drift).contains(&ppm)));
        let slowest =
            network.latency_ns.most() * u64::from(network.slow_links.most().max(network.slow_nodes.most()));
        assert!(plan.world.latency_ns.iter().all(|&ns| (network.latency_ns.least()..=slowest).contains(&ns)));
        let base = *plan.world.latency_ns.iter().min().unwrap();
        assert!(base <= network.latency_ns.most(), "most links are not slow");
        assert!(usize::from(nodes) * usize::from(nodes) == plan.world.latency_ns.len());
        assert!(plan.world.clients <= scenario.workload.clients.most());
        check_rules(&scenario, &rules);
    }
}

fn check_rules(scenario: &Scenario, rules: &[quarrel_sim::world::Rule]) {
    let leader = scenario.leader.as_ref().unwrap();
    for rule in rules {
        assert!(leader.on.contains(&rule.when), "{:?}", rule.when);
        assert_eq!(rule.after_ns, leader.after_ns);
        assert_eq!(
            rule.lasting_ns.map(|(least, most)| Lasts::Between(least, most)).as_ref(),
            Some(&leader.lasting)
        );
    }
    let chances: u32 = rules.iter().map(|rule| rule.chance_ppm).sum();
    assert!(chances <= leader.probability_ppm);
}

#[test]
fn every_fault_strikes_in_time_for_as_long_as_its_class_says() {
    let scenario = raft();
    for class in &scenario.recurring {
        let (alone, swizzle) = (only(class), matches!(class.strikes, Strikes::Swizzle));
        for seed in 0..SEEDS {
            let world = world(&alone, seed);
            let mut before = None;
            for fault in &world.faults {
                assert!(is_of(class, fault, swizzle), "{fault} of {}", class.strikes.name());
                assert!(swizzle || lies_in(&class.lasting_ns, fault.lasting_ns.unwrap(), 0), "{fault}");
                assert!(
                    fault.lasting_ns.unwrap() <= class.lasting_ns.most() && fault.lasting_ns.unwrap() > 0
                );
                assert!(swizzle || fault.at_ns < world.duration_ns);
                if let Some(before) = before.filter(|_| !swizzle) {
                    assert!(lies_in(&class.every_ns, fault.at_ns - before, 0), "{fault}");
                }
                before = Some(fault.at_ns);
                check_fault(&world, fault);
            }
        }
    }
}

/// Whom a fault strikes is there, and no partition cuts a node from itself.
fn check_fault(world: &World, fault: &Fault) {
    let all = NodeSet::all(usize::from(world.nodes));
    let there = |set: NodeSet| set.intersection(all) == set;
    let is_one = |node: NodeId| node.0 < world.nodes;
    match &fault.action {
        Action::Crash { nodes } | Action::Wipe { nodes } | Action::Pause { nodes } => {
            assert!(there(*nodes) && !nodes.is_empty(), "{fault}");
        }
        Action::CrashAtWrite { node, write } => assert!(is_one(*node) && *write > 0, "{fault}"),
        Action::Partition { cuts, .. } => {
            for &(from, to) in cuts {
                assert!(there(from) && there(to), "{fault}");
                assert!(from.intersection(to).is_empty(), "{fault} cuts a node from itself");
            }
        }
        Action::Clog { links } => {
            let other = |&(from, to): &(NodeSet, NodeSet)| from.len() > 1 || to.len() > 1 || from != to;
            assert!(links.iter().all(|&(from, to)| there(from) && there(to)), "{fault}");
            assert!(links.iter().any(other), "{fault} clogs nothing");
        }
        Action::Lose { kind, from, to } => {
            assert!(there(*from) && there(*to) && !from.is_empty() && !to.is_empty(), "{fault}");
            assert!(
                <<Raft as quarrel_protocol::Protocol>::Message as quarrel_protocol::Kinded>::KINDS
                    .contains(&kind.as_str())
            );
        }
        Action::Clock { node, rate_ppm } => assert!(is_one(*node) && *rate_ppm > -900_000, "{fault}"),
        Action::SlowDisk { node, extra_ns } => assert!(is_one(*node) && *extra_ns > 0, "{fault}"),
        _ => panic!("nothing draws {fault}"),
    }
}

/// A partition that leaves every link as it is would be counted as one and be none.
#[test]
fn every_partition_cuts_something() {
    let scenario = raft();
    let idle = |fault: &&Fault| match &fault.action {
        Action::Partition { cuts, .. } => !cuts.iter().any(|(from, to)| !from.is_empty() && !to.is_empty()),
        _ => false,
    };
    let faults = |seed| world(&scenario, seed).faults;
    let partitions = |fault: &&Fault| matches!(fault.action, Action::Partition { .. });
    let all: usize = (0..SEEDS).map(|seed| faults(seed).iter().filter(partitions).count()).sum();
    let none: usize = (0..SEEDS).map(|seed| faults(seed).iter().filter(idle).count()).sum();
    assert!(all > 100);
    assert_eq!(none, 0, "of {all} partitions");
}

#[test]
fn worlds_and_operations_go_to_json_and_back() {
    fn check<P: Subject>(name: &str) {
        let scenario = read(name);
        for seed in 0..100 {
            let plan = drawn::<P>(&scenario, seed).plan;
            let json = serde_json::to_string(&plan.world).unwrap();
            assert_eq!(serde_json::from_str::<World>(&json).unwrap(), plan.world, "{name} seed {seed}");
            let value = serde_json::to_value(&plan.world).unwrap();
            assert_eq!(serde_json::from_value::<World>(value).unwrap(), plan.world);
            let json = serde_json::to_string(&plan.config).unwrap();
            assert!(serde_json::from_str::<P::Config>(&json).unwrap() == plan.config);
            for operation in &plan.operations {
                let json = serde_json::to_string(operation).unwrap();
                assert!(
                    serde_json::from_str::<quarrel_sim::world::Operation<P::Request>>(&json).unwrap()
                        == *operation
                );
            }
        }
    }
    check::<Raft>("raft/chaos");
    check::<Raft>("raft/figure-8");
    check::<Paxos>("paxos/chaos");
}

#[test]
fn no_seed_falls_below_the_floor() {
    fn check<P: Subject>(name: &str) {
        let scenario = read(name);
        let floor = &scenario.floor;
        let mut few = Vec::new();
        for seed in 0..SEEDS {
            let plan = drawn::<P>(&scenario, seed).plan;
            assert!(floor.nodes_min.is_none_or(|least| plan.world.nodes >= least), "{name} seed {seed}");
            assert!(
                floor.duration_min_ns.is_none_or(|least| plan.world.duration_ns >= least),
                "{name} seed {seed}"
            );
            let operations = plan.operations.len() as u32;
            if floor.operations_min.is_some_and(|least| operations < least) {
                few.push((seed, operations));
            }
        }
        assert!(few.is_empty(), "{name}: too few operations in {} of {SEEDS} seeds: {few:?}", few.len());
    }
    assert!(raft().floor.operations_min.is_some() && raft().floor.nodes_min.is_some());
    check::<Raft>("raft/chaos");
    check::<Paxos>("paxos/chaos");
}

#[test]
fn operations_are_in_order_with_names_of_their_own_and_clients_that_exist() {
    let scenario = raft();
    for seed in 0..SEEDS {
        let plan = drawn::<Raft>(&scenario, seed).plan;
        assert!(plan.operations.is_sorted_by_key(|operation| (operation.at_ns, operation.client.0)));
        for (number, operation) in plan.operations.iter().enumerate() {
            assert_eq!(operation.id.0 as usize, number);
            assert!(operation.client.0 < plan.world.clients);
            assert!(operation.at_ns <= plan.world.duration_ns + plan.world.healing_ns / 2);
        }
    }
}

/// Who heals can get on alone; of the others each is struck by one thing for good, which leaves the core in peace; and then
/// everything is read back.
#[test]
fn a_core_heals_and_the_others_are_struck_for_good() {
    fn check<P: Subject>(name: &str) -> usize {
        let scenario = read(name);
        let mut partial = 0;
        for seed in 0..SEEDS {
            let Plan { world, config, operations, .. } = drawn::<P>(&scenario, seed).plan;
            let Some(liveness) = world.liveness else { panic!("{name} must come back") };
            assert!(liveness.core.len() >= usize::from(P::core_min(&config, world.nodes)), "seed {seed}");
            assert!(liveness.bound_ns > P::round_ns(&config), "a round is not the whole bound");
            let outsiders = liveness.core.complement(usize::from(world.nodes));
            let lasting = world.faults.iter().filter(|fault| fault.at_ns >= world.duration_ns);
            let struck: Vec<NodeSet> = lasting.map(|fault| victims(fault, liveness.core)).collect();
            assert_eq!(struck.iter().map(|nodes| nodes.len()).sum::<usize>(), outsiders.len(), "seed {seed}");
            assert_eq!(struck.iter().fold(NodeSet::EMPTY, |all, nodes| all.union(*nodes)), outsiders);
            partial += usize::from(!outsiders.is_empty());
            let scan = operations.iter().filter(|operation| operation.at_ns > world.duration_ns).count();
            assert!(scan > 0, "seed {seed} reads back");
        }
        partial
    }
    for partial in [check::<Raft>("raft/chaos"), check::<Paxos>("paxos/chaos")] {
        assert!((150..350).contains(&partial), "some do not heal in {partial} of {SEEDS} seeds");
    }
}

/// Whom a lasting fault keeps from its work; it never comes between two nodes of the core.
fn victims(fault: &Fault, core: NodeSet) -> NodeSet {
    assert_eq!(fault.lasting_ns, None, "{fault}");
    match &fault.action {
        Action::Crash { nodes } | Action::Pause { nodes } => *nodes,
        Action::Partition { cuts, .. } => {
            let within = |&(from, to): &(NodeSet, NodeSet)| {
                !from.intersection(core).is_empty() && !to.intersection(core).is_empty()
            };
            assert!(!cuts.iter().any(within), "{fault}");
            cuts.iter()
                .map(|&(from, to)| if from.len() == 1 { from } else { to })
                .next()
                .unwrap_or(NodeSet::EMPTY)
        }
        other => panic!("{other:?} is no lasting fault"),
    }
}

/// Floors, seeds and ranges of other runs do not leak in: a seed is its own.
#[test]
fn neighbouring_seeds_are_strangers() {
    let scenario = raft();
    let worlds: Vec<World> = (0..60).map(|seed| world(&scenario, seed)).collect();
    for (position, world) in worlds.iter().enumerate() {
        assert!(worlds[..position].iter().all(|other| other != world));
    }
    let nodes: std::collections::BTreeSet<u8> = worlds.iter().map(|world| world.nodes).collect();
    assert_eq!(nodes, (3..=7).collect());
    let far = [u64::MAX, u64::MAX - 1, 1 << 63, 1 << 32];
    far.iter().for_each(|&seed| assert!(self::world(&scenario, seed).nodes >= 3));
}

#[test]
fn a_cluster_of_one_and_a_cluster_of_many_can_be_drawn() {
    let text = |nodes: u8| {
        format!(
            r#"# The ends of the range.
protocol = "raft"
nodes = {nodes}
duration = "2s"
[faults.crash]
every = "100ms"
lasting = "10ms"
[faults.partition]
every = "50ms"
lasting = "10ms"
[faults.clog]
every = "50ms"
lasting = "10ms"
[faults.swizzle]
every = "100ms"
lasting = "100ms"
[faults.aimed-loss]
every = "100ms"
lasting = "10ms"
[workload]
operations = 20
"#
        )
    };
    for nodes in [1u8, 2, 3, 64] {
        let scenario = parse("test/ends", &text(nodes));
        for seed in 0..20 {
            let world = world(&scenario, seed);
            assert_eq!(world.nodes, nodes);
            world.faults.iter().filter(|_| nodes > 1).for_each(|fault| {
                if !matches!(fault.action, Action::Clog { .. }) {
                    check_fault(&world, fault);
                }
            });
        }
        let outcome = crate::common::trial_of(parse("test/ends", &text(nodes)), &[]).run(1);
        assert!(outcome.verdict().is_none(), "{nodes} nodes: {:?}", outcome.verdict());
    }
}
