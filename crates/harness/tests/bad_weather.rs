//! Bad disks, jumping clocks and nemeses with a sense of timing: what is drawn of them lies where the scenario says, and
//! what is off shifts nothing else.

use crate::common::{parse, trial_of};
use quarrel_formats::Scenario;
use quarrel_formats::scenario::{During, Lasts, Owes, WriteOrder};
use quarrel_harness::Subject;
use quarrel_harness::model::{Retrial, Writes, broken_disks};
use quarrel_harness::profile::{Profile, draw};
use quarrel_harness::reach::fault_classes;
use quarrel_protocol::NodeSet;
use quarrel_raft::Raft;
use quarrel_sim::Struck;
use quarrel_sim::fault::{Action, Fault, FaultClass};
use quarrel_sim::world::{Reaction, World};

const ALL: &str = r#"# Everything that is new.
protocol = "raft"
nodes = [3, 5]
duration = "4s"
owes = ["leader-elected"]

[disk]
sync = "2ms"
lost-writes = 0.5
torn-writes = 0.5
order = { one-of = ["written", "any"] }

[faults]
lying-disk = { chance = 0.5, every = ["100ms", "1s"], lasting = ["10ms", "500ms"] }
full-disk = { chance = 0.5, every = ["100ms", "1s"], lasting = ["10ms", "500ms"] }
bit-rot = { chance = 0.5, every = ["100ms", "1s"], record = [2, 3] }
clock-jump = { chance = 0.5, every = ["100ms", "1s"], by = ["5ms", "80ms"] }
aimed-loss = { chance = 0.5, every = ["100ms", "1s"], lasting = "100ms", links = ["one-link", "to-some"] }
crash = { every = ["100ms", "1s"], lasting = ["10ms", "100ms"] }

[faults.leader]
chance = 0.5
on = "elected"
actions = ["pause", "crash"]
lasting = { timer = "election" }

[faults.slow-leader]
chance = 0.5
on = "elected"
lasting = "100ms"
drift = 0.2

[faults.crash-between]
chance = 0.5
first = "voted"
then = "elected"
probability = 0.5
after = ["0ms", "50ms"]
lasting = ["5ms", "50ms"]

[workload]
operations = 100
clients = 2
every = "30ms"
"#;

fn all() -> Scenario {
    parse("test/all", ALL)
}

fn drawn(scenario: &Scenario, seed: u64) -> Profile<Raft> {
    let Ok(options) = Raft::options(&scenario.config) else { panic!("the options") };
    draw::<Raft>(scenario, &options, &[], seed)
}

fn world(scenario: &Scenario, seed: u64) -> World {
    drawn(scenario, seed).plan.world
}

#[test]
fn without_a_class_of_faults_all_the_rest_is_the_same() {
    let scenario = all();
    for position in 0..scenario.recurring.len() {
        let class = scenario.recurring[position].clone();
        let (mut less, mut only) = (scenario.clone(), scenario.clone());
        less.recurring.remove(position);
        only.recurring = vec![class.clone()];
        let mut struck = 0;
        for seed in 0..60 {
            let mine = world(&only, seed).faults;
            struck += mine.len();
            let mut faults = [world(&less, seed).faults, mine].concat();
            faults.sort();
            let with = world(&scenario, seed);
            assert_eq!(faults, with.faults, "{} in seed {seed}", class.strikes.name());
        }
        assert!(struck > 10, "{} strikes", class.strikes.name());
    }
}

#[test]
fn what_is_off_draws_nothing() {
    let scenario = all();
    let mut less = scenario.clone();
    (less.leader, less.slow_leader, less.between) = (None, None, None);
    less.disk.orders = vec![WriteOrder::Written];
    less.disk.torn_writes_ppm = quarrel_formats::scenario::Draw::Fixed(0);
    let mut seen = [0u32; 5];
    for seed in 0..60 {
        let (with, without) = (drawn(&scenario, seed), drawn(&less, seed));
        let (mut more, rules) = (with.plan.world, with.rules);
        let answers = |reaction: &Reaction| rules.iter().any(|rule| rule.then == *reaction);
        let flags = [
            more.unordered,
            more.rates.torn_ppm > 0,
            answers(&Reaction::PauseIt),
            rules.iter().any(|rule| rule.before.is_some()),
            answers(&Reaction::OutrunIt(200_000, 200_000)),
        ];
        seen.iter_mut().zip(flags).for_each(|(seen, flag)| *seen += u32::from(flag));
        (more.unordered, more.rates.torn_ppm) = (false, 0);
        assert_eq!(more, without.plan.world, "seed {seed}");
        assert!(without.rules.is_empty());
    }
    assert!(
        seen[0] < 60 && seen[2..].iter().all(|&seen| seen < 60) && seen.iter().all(|&seen| seen > 5),
        "{seen:?}"
    );
}

#[test]
fn every_fault_is_as_its_class_says() {
    let scenario = all();
    for seed in 0..200 {
        let world = world(&scenario, seed);
        let everyone = NodeSet::all(usize::from(world.nodes));
        let there = |set: NodeSet| !set.is_empty() && set.union(everyone) == everyone;
        for Fault { lasting_ns, action, .. } in &world.faults {
            match action {
                Action::LyingDisk { nodes } | Action::FullDisk { nodes } => {
                    assert!(there(*nodes));
                    assert!(lasting_ns.is_some_and(|ns| (10_000_000..=500_000_000).contains(&ns)));
                }
                Action::BitRot { node, record } => {
                    assert!(there(NodeSet::only(*node)) && (2..=3).contains(record));
                    assert_eq!(*lasting_ns, None);
                }
                Action::ClockJump { node, by_ns } => {
                    assert!(there(NodeSet::only(*node)));
                    assert!((5_000_000..=80_000_000).contains(&by_ns.unsigned_abs()));
                    assert_eq!(*lasting_ns, None);
                }
                Action::Lose { from, to, .. } => {
                    let one_link = from.len() == 1 && to.len() == 1 && from != to;
                    assert!(there(*from) && there(*to) && (one_link || *from == everyone));
                }
                Action::Crash { .. } => {}
                other => panic!("nothing draws {other}"),
            }
        }
        for rule in drawn(&scenario, seed).rules {
            let is_between = rule.before.is_some();
            if let Reaction::OutrunIt(..) = rule.then {
                assert_eq!(rule.lasting_ns, Some((100_000_000, 100_000_000)));
                continue;
            }
            assert_eq!(rule.lasts_as.as_deref(), (!is_between).then_some("election"));
            assert_eq!(rule.lasting_ns, is_between.then_some((5_000_000, 50_000_000)));
        }
    }
    assert_eq!(scenario.leader.map(|leader| leader.lasting), Some(Lasts::AsTimer("election".to_string())));
}

/// A class that can be drawn is owed: a campaign in which it never struck is vacuous. And here each does strike.
#[test]
fn what_can_be_drawn_is_owed_and_strikes() {
    let scenario = all();
    assert_ne!(scenario.owes, Owes::Nothing);
    let owed = fault_classes(&scenario);
    let new = [
        FaultClass::TornRecord,
        FaultClass::UnorderedLoss,
        FaultClass::LyingSync,
        FaultClass::BitRot,
        FaultClass::FullDisk,
        FaultClass::ClockJump,
        FaultClass::Hunt,
        FaultClass::CrashBetween,
        FaultClass::PauseAcrossTimer,
    ];
    let tallies = trial_of(scenario.clone(), &[]).batch(0..300, &|| false);
    for class in new {
        assert!(owed.contains(&class), "{} is owed", class.name());
        assert!(tallies.faults.of(class) > 0, "{} strikes", class.name());
    }
    let mut calm = scenario;
    (calm.leader, calm.slow_leader, calm.between, calm.recurring) = (None, None, None, Vec::new());
    assert_eq!(fault_classes(&calm), []);
}

#[test]
fn a_seed_and_its_recorded_schedule_are_the_same_run() {
    let trial = trial_of(all(), &[]);
    for seed in 0..60 {
        let trace = trial.record(seed);
        assert_eq!(trace.header.digest, trial.run(seed).tally.digest, "seed {seed}");
        let again = crate::common::open(&trace).replay(quarrel_harness::case::Flaws::Kept);
        assert_eq!((again.trace.header.digest, again.never_asked), (trace.header.digest, 0), "seed {seed}");
    }
}

#[test]
fn churn_comes_while_the_network_is_cut() {
    // No protocol of these tests takes orders: what is read is what counts here, and `operator.rs` draws.
    let text = "# Churn.\nprotocol = 'raft'\nnodes = 3\nduration = '1s'\n[operator]\nevery = '10ms'\n";
    let during =
        |more: &str| parse("test/churn", &format!("{text}{more}")).operator.expect("somebody").during;
    assert_eq!(during(""), [During::Always]);
    assert_eq!(during("during = 'partition'"), [During::Partition]);
    assert_eq!(during("during = { one-of = ['always', 'partition'] }").len(), 2);
    let classes = fault_classes(&parse("test/churn", &format!("{text}during = 'partition'")));
    assert_eq!(classes, [FaultClass::OrderInPartition]);
    assert_eq!(fault_classes(&parse("test/churn", text)), []);
}

// --- Inside or outside ---

fn struck(class: FaultClass, times: u64) -> Struck {
    let mut struck = Struck::default();
    (0..times).for_each(|_| struck.faults.strike(class));
    struck
}

#[test]
fn what_disks_do_is_inside_or_outside() {
    let inside = [FaultClass::TornRecord, FaultClass::FullDisk, FaultClass::LostWrites, FaultClass::SlowDisk];
    for class in inside {
        assert_eq!(broken_disks(&struck(class, 3), Writes::InOrder), [""; 0], "{}", class.name());
    }
    let told = |class, times| broken_disks(&struck(class, times), Writes::InOrder).join("; ");
    assert_eq!(told(FaultClass::LyingSync, 1), "a crash took records that a sync had reported done");
    assert_eq!(told(FaultClass::LyingSync, 2), "2 crashes took records that syncs had reported done");
    assert_eq!(told(FaultClass::BitRot, 1), "a node found a record on its disk damaged");
    assert_eq!(told(FaultClass::Wipe, 3), "nodes lost their disks 3 times");
    assert_eq!(told(FaultClass::UnorderedLoss, 1), "a crash took an un-synced write and left a later one");
    assert_eq!(broken_disks(&struck(FaultClass::UnorderedLoss, 1), Writes::Unordered), [""; 0]);
    let unordered = struck(FaultClass::UnorderedLoss, 1);
    let outside = |snapshot_every| {
        <Raft as Subject>::outside(
            &quarrel_raft::Config { snapshot_every, ..quarrel_raft::Config::new(3) },
            &unordered,
        )
    };
    assert_eq!((outside(0).len(), outside(3).len()), (0, 0), "Raft stands it, with snapshots or without");
}

/// Two-phase commit counts on the order of its records, says so, and is right: without the disorder it holds.
#[test]
fn two_phase_commit_needs_its_writes_in_order() {
    let text = r#"# Two-phase commit on a disk that keeps no order.
protocol = "2pc"
nodes = 3
duration = "3s"

[disk]
sync = "5ms"
lost-writes = 0.9
order = "any"

[faults.crash]
every = ["50ms", "400ms"]
lasting = ["2ms", "100ms"]

[faults.crash-at-write]
every = ["50ms", "400ms"]
lasting = ["2ms", "100ms"]

[workload]
operations = 40
clients = 3
every = "30ms"
timeout = "300ms"

[liveness]
"#;
    let trial = trial_of(parse("test/2pc", text), &[]);
    let mut failed = (0..600).filter(|&seed| trial.run(seed).verdict().is_some());
    let seed = failed.next().expect("some run fails");
    let outcome = trial.run(seed);
    let is_reason = |reason: &String| reason.contains("and left a later one");
    assert!(outcome.outside.iter().any(is_reason), "{:?}", outcome.outside);
    assert_eq!(trial.retry_inside(seed), Some(Retrial::Gone));
    let in_order = trial_of(parse("test/2pc", &text.replace("order = \"any\"\n", "")), &[]);
    assert!((0..600).all(|seed| in_order.run(seed).verdict().is_none()));
}
