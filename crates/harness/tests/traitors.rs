//! Traitors: how they are drawn, what label a run gets that has them, and what shrinking, replays, traces and other
//! protocols make of their deeds.

use crate::common::{open, parse, read, trial, trial_of};
use quarrel_formats::Scenario;
use quarrel_formats::trace::Trace;
use quarrel_harness::Subject;
use quarrel_harness::case::Flaws;
use quarrel_harness::model::{Retrial, too_many_traitors};
use quarrel_harness::profile::draw;
use quarrel_harness::registry::Trial;
use quarrel_harness::story;
use quarrel_protocol::{NodeId, NodeSet};
use quarrel_raft::Raft;
use quarrel_sim::Struck;
use quarrel_sim::fault::{Action, Deed, Fault, FaultClass};
use quarrel_sim::world::World;

/// Raft's chaos with traitors.
fn chaos(traitor: &str) -> Scenario {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/raft/chaos.toml");
    #[allow(clippy::disallowed_methods, reason = "tests read the scenarios")]
    let text = std::fs::read_to_string(path).unwrap();
    let table = format!("\n[faults.traitor]\nevery = '100ms'\nlasting = ['50ms', '1s']\n{traitor}\n");
    parse("test/chaos", &(text + &table))
}

fn world(scenario: &Scenario, seed: u64) -> World {
    let Ok(options) = Raft::options(&scenario.config) else { panic!("the options of {}", scenario.name) };
    draw::<Raft>(scenario, &options, &[], seed).plan.world
}

const fn is_deed(fault: &Fault) -> bool {
    matches!(fault.action, Action::Betray { .. })
}

/// The first seed of a scenario that fails.
fn failing(trial: &dyn Trial) -> u64 {
    (0..100).find(|&seed| trial.run(seed).verdict().is_some()).expect("one fails")
}

#[test]
fn traitors_meddle_with_no_other_class() {
    let (mut without, mut with) = (read("raft/chaos"), chaos("nodes = 2"));
    (without.recovery, with.recovery) = (None, None);
    let mut names = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let (honest, mut world) = (world(&without, seed), world(&with, seed));
        assert_eq!(world.traitors.len(), 2);
        for fault in world.faults.iter().filter(|fault| is_deed(fault)) {
            let Action::Betray { node, to, deed } = &fault.action else { continue };
            assert!(world.traitors.contains(*node) && !to.contains(*node) && !to.is_empty(), "{fault}");
            names.insert(deed.name());
        }
        world.faults.retain(|fault| !is_deed(fault));
        assert_eq!(World { traitors: NodeSet::EMPTY, ..world }, honest, "seed {seed}");
    }
    let known: Vec<&str> = names.into_iter().collect();
    assert_eq!(known, ["delay", "mute", "replay", "twin"], "Raft knows no lies");
}

#[test]
fn one_kind_of_deed_shifts_no_other() {
    let deeds = |list: &str, seed: u64| -> Vec<Fault> {
        let mut scenario = chaos(&format!("nodes = 1\ndeeds = [{list}]"));
        // What goes on after the healing is drawn from all kinds.
        scenario.recovery = None;
        let faults = world(&scenario, seed).faults;
        faults
            .into_iter()
            .filter(|fault| matches!(&fault.action, Action::Betray { deed: Deed::Twin { .. }, .. }))
            .collect()
    };
    let mut count = 0;
    for seed in 0..30 {
        let twins = deeds("'mute', 'twin'", seed);
        assert_eq!(twins, deeds("'delay', 'replay', 'mute', 'twin'", seed), "seed {seed}");
        count += twins.len();
    }
    assert!(count > 0);
}

#[test]
fn who_is_a_traitor_is_drawn_or_named() {
    for seed in 0..20 {
        assert_eq!(world(&chaos("nodes = 'f'"), seed).traitors, NodeSet::EMPTY, "Raft tolerates none");
        assert_eq!(world(&chaos("nodes = 'f+1'"), seed).traitors.len(), 1);
        assert_eq!(world(&chaos("nodes = ['n1', 'n3']"), seed).traitors, NodeSet(0b101));
        assert!(world(&chaos("nodes = '0..2'"), seed).traitors.len() <= 2);
    }
    let some =
        (0..200).filter(|&seed| !world(&chaos("nodes = 1\nchance = 0.5"), seed).traitors.is_empty()).count();
    assert!((60..140).contains(&some), "{some} of 200");
}

#[test]
fn no_traitor_is_in_a_core() {
    for seed in 0..60 {
        let world = world(&chaos("nodes = 1"), seed);
        let core = world.liveness.expect("chaos has a core").core;
        assert!(core.intersection(world.traitors).is_empty());
        let stays = |fault: &&Fault| fault.at_ns > world.duration_ns && is_deed(fault);
        assert_eq!(world.faults.iter().filter(stays).count(), 1, "seed {seed}: it goes on for good");
    }
}

#[test]
fn what_a_twin_breaks_is_outside_the_model_and_gone_without_it() {
    for (name, class) in [("raft/twins", FaultClass::Twin), ("paxos/twins", FaultClass::Twin)] {
        let trial = trial(name, &[]);
        let seed = failing(&*trial);
        let outcome = trial.run(seed);
        let protocol = &trial.scenario().protocol;
        assert_eq!(outcome.outside.len(), 1, "{:?}", outcome.outside);
        let reason = format!("is a traitor: {protocol} tolerates none");
        assert!(outcome.outside[0].ends_with(&reason), "{:?}", outcome.outside);
        assert!(outcome.tally.struck.of(class) > 0);
        assert_eq!(trial.retry_inside(seed), Some(Retrial::Gone), "{name}");
    }
}

#[test]
fn a_run_with_traitors_is_recorded_replayed_filed_and_shrunk() {
    for name in ["raft/twins", "paxos/twins"] {
        let trial = trial(name, &[]);
        let seed = failing(&*trial);
        let (first, trace) = (trial.run(seed), trial.record(seed));
        assert_eq!(first.tally.digest, trial.run(seed).tally.digest);
        assert_eq!(trace.verdict.digest, first.tally.digest, "{name}: a replay is the run");
        assert_eq!(Trace::parse("test.jsonl", &trace.to_bytes()).unwrap(), trace);
        assert!(
            trace.events.iter().any(|event| event.who.is_some_and(|who| who.to_string().ends_with('\'')))
        );
        let small = trial.shrink(seed, &|| false).expect("it fails");
        let header = &small.trace.header;
        assert!(header.world.faults.iter().any(is_deed), "{name}: without a twin nothing breaks");
        assert!(small.report.after < small.report.before && small.report.after <= 24, "{:?}", small.report);
        assert!(!small.trace.verdict.outside.is_empty(), "the label stays");
        let again = open(&small.trace).replay(Flaws::Kept).trace;
        assert_eq!(again.verdict.digest, small.trace.verdict.digest);
        let told = story::short(&small.trace);
        assert!(told.contains("with a twin of n"), "{told}");
        let traitor = header.world.traitors.iter().next().expect("somebody has a twin");
        let opening = told.lines().next().unwrap_or_default();
        assert!(opening.contains(&format!(" nodes, {traitor} a traitor: {name}, ")), "{told}");
    }
}

#[test]
fn chaos_with_every_deed_is_the_same_again_and_replays() {
    let trial = trial_of(chaos("nodes = 1"), &[]);
    for seed in 0..12 {
        let run = trial.run(seed);
        assert_eq!(trial.record(seed).verdict.digest, run.tally.digest, "seed {seed}");
    }
}

#[test]
fn deeds_are_carried_over_and_strange_lies_are_not() {
    let mut plan = trial("raft/figure-8", &[]).record(0);
    let world = &mut plan.header.world;
    let (node, to) = (NodeId(1), NodeSet::only(NodeId(0)));
    world.traitors = NodeSet::only(node);
    let lie = Deed::Lie { lie: "perjure".into() };
    world.faults = [Deed::Mute, lie]
        .map(|deed| Fault { at_ns: 5, lasting_ns: Some(7), action: Action::Betray { node, to, deed } })
        .to_vec();
    let calm = "# Paxos.\nprotocol = 'paxos'\nnodes = 3\nduration = '2s'\nhealing = '3s'\n";
    let paxos = trial_of(parse("test/calm", calm), &[]);
    let followed = paxos.follow(0, "plan.jsonl", &plan).unwrap_or_else(|error| panic!("{error}"));
    let carried = followed.carried.expect("it is of another protocol");
    assert_eq!(carried.left_out.get("lies that this protocol does not know"), Some(&1), "{carried:?}");
    let mine = &followed.trace.header.world;
    assert_eq!((mine.traitors, mine.faults.len()), (NodeSet::only(node), 1));
}

#[test]
fn who_counts_against_what_is_tolerated() {
    let struck = Struck { traitors: NodeSet(0b011), forgetful: NodeSet(0b110), ..Struck::default() };
    let told = |tolerated| too_many_traitors("p", tolerated, &struck);
    assert_eq!(told(0).as_deref(), Some("n1, n2 are traitors: p tolerates none"));
    let both = "n1, n2 are traitors, n3 forgot what it had promised to keep: p tolerates 2";
    assert_eq!(told(2).as_deref(), Some(both));
    assert_eq!(told(3), None, "one that is both counts once");
    let idle = Struck { forgetful: NodeSet(1), ..Struck::default() };
    assert_eq!(too_many_traitors("p", 0, &idle), None, "where nobody may lie, disks are another matter");
}

#[test]
fn disks_are_lost_by_traitors_only_where_a_scenario_says_so() {
    let wipes = "[faults.wipe]\nevery = '100ms'\nlasting = '50ms'\nwhom = 'traitors'";
    let scenario = chaos(&format!("nodes = '0..1'\n{wipes}"));
    let mut lost = 0;
    for seed in 0..100 {
        let world = world(&scenario, seed);
        for fault in &world.faults {
            if let Action::Wipe { nodes } = fault.action {
                assert_eq!(nodes, world.traitors, "seed {seed}: {fault}");
                lost += 1;
            }
        }
    }
    assert!(lost > 100, "{lost}");
}
