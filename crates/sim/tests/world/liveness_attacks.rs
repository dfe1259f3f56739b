//! Attacks: worlds that no scenario writes, and random ones with a core.

use quarrel_protocol::{ClientId, NodeId, NodeSet};
use quarrel_sim::fault::{Action, Fault};
use quarrel_sim::world::{Arrival, Liveness};

use crate::clients::done;
use crate::lab::{Lab, MS, Run, clock, crash, nodes, pause, set_tick};
use crate::liveness::by_itself;
use crate::replay::{first_difference, random_lab};
use crate::toy::Op;

fn signature(run: &Run) -> Option<&str> {
    run.halted().map(|violation| violation.signature.as_str())
}

#[test]
fn a_core_of_nobody_is_content_and_can_be_accused() {
    let lab = Lab::new(2).liveness(100, NodeSet::EMPTY, 500);
    assert_eq!(lab.run().tally.settled_ns, Some(100 * MS));
    assert_eq!(lab.clone().ask(150, 0, vec![Op::Output(1), done(1)]).run().halted(), None);
    let run = lab.ask(150, 0, vec![]).run();
    assert_eq!(signature(&run), Some("liveness: blocked"));
    assert!(run.halted().unwrap().detail.starts_with("nobody had healed"));
}

#[test]
fn a_core_of_nodes_that_do_not_exist_is_one_without_them() {
    for core in [nodes([0, 1, 7]), nodes([7]), NodeSet(u64::MAX), nodes([63])] {
        let known = core.intersection(NodeSet::all(3));
        let ask = |core| {
            let mut lab = Lab::new(3).liveness(100, core, 500).ask(150, 0, vec![]);
            lab.world.latency_ns.fill(20 * MS);
            lab.boot(vec![by_itself(0, 200, vec![Op::ToAll(crate::toy::Kind::Tell, 1)])]).run()
        };
        let (one, other) = (ask(core), ask(known));
        assert_eq!((one.tally.digest, one.halted()), (other.tally.digest, other.halted()), "{core}");
        assert_eq!(signature(&one), Some("liveness: blocked"));
    }
}

#[test]
fn a_core_of_one_comes_back_alone() {
    let lab = Lab::new(3).liveness(100, nodes([1]), 500).fault(101, None, crash([0, 2])).patience(20, 1);
    let run = lab.ask(150, 0, vec![Op::Output(1), done(1)]).run();
    assert_eq!((signature(&run), run.tally.settled_ns.map(clock)), (None, Some("170+2ns".to_string())));
}

#[test]
fn all_may_be_down_or_asleep_until_the_world_heals() {
    for action in [crash([0, 1, 2]), pause([0, 1, 2]), Action::Wipe { nodes: NodeSet::all(3) }] {
        let lab = Lab::new(3).liveness(100, NodeSet::all(3), 500).patience(20, 2).ask(85, 0, vec![done(1)]);
        let run = lab.fault(1, None, action.clone()).run();
        assert_eq!(signature(&run), None, "{action}");
        assert!(run.tally.settled_ns.is_some_and(|ns| (100 * MS..130 * MS).contains(&ns)), "{action}");
    }
    // And for ever, in a world written by hand.
    for action in [crash([0, 1, 2]), pause([0, 1, 2])] {
        let lab = Lab::new(3).liveness(100, NodeSet::all(3), 500).ask(150, 0, vec![done(1)]);
        assert_eq!(signature(&lab.fault(101, None, action).run()), Some("liveness: blocked"));
    }
}

#[test]
fn extreme_bounds_and_times_are_neither_a_panic_nor_a_hang() {
    let times = [0, 1, MS, u64::MAX - 1, u64::MAX];
    for duration_ns in times {
        for bound_ns in times {
            for latency_ns in [0, u64::MAX] {
                let mut lab = Lab::new(2).ask(10, 0, vec![]).ask(20, 1, vec![done(1)]).patience(40, 3);
                lab.world.duration_ns = duration_ns;
                lab.world.liveness = Some(Liveness { core: nodes([0, 1]), bound_ns, latency_ns });
                lab.operations[1].at_ns = u64::MAX;
                lab.world.limits.events_max = 2_000;
                lab.world.client.timeout_ns = u64::MAX / 4;
                lab = lab.boot(vec![set_tick(1, 5, 10), Op::Set(crate::lab::tick(2, vec![]), 0, u64::MAX)]);
                lab.world.faults = [0, 1, u64::MAX - 1, u64::MAX]
                    .map(|at_ns| Fault { at_ns, lasting_ns: Some(u64::MAX), action: crash([1]) })
                    .to_vec();
                let (run, again) = (lab.run(), lab.run_unrecorded());
                let verdict = signature(&run);
                assert!(
                    !verdict.is_some_and(|name| name.starts_with("panic")),
                    "{duration_ns} {bound_ns}: {verdict:?}"
                );
                assert_eq!((run.tally.digest, run.tally.ended_ns), (again.digest, again.ended_ns));
            }
        }
    }
}

#[test]
fn a_bound_to_the_end_of_time_ends_with_the_last_event() {
    let mut lab = Lab::new(2).liveness(100, nodes([0, 1]), 1).patience(30, 2);
    lab.world.liveness = lab.world.liveness.map(|liveness| Liveness { bound_ns: u64::MAX, ..liveness });
    let answered = lab.clone().ask(150, 0, vec![Op::On(1, vec![done(1)])]).run();
    assert_eq!(
        (signature(&answered), answered.tally.settled_ns.map(clock)),
        (None, Some("180+2ns".to_string()))
    );
    lab.world.client.timeout_ns = u64::MAX / 2;
    let run = lab.ask(150, 0, vec![]).fault(101, None, crash([1])).run();
    assert_eq!(signature(&run), Some("liveness: blocked"), "{:?}", run.halted());
    assert!(run.at("n2", "restart").is_empty(), "what stays stays to the end of time");
}

#[test]
fn a_world_without_time_for_faults_is_a_world() {
    let lab =
        Lab::new(2).liveness(0, nodes([0, 1]), 500).ask(10, 0, vec![done(1)]).fault(0, None, crash([0]));
    let run = lab.run();
    assert_eq!((signature(&run), run.tally.settled_ns.map(clock)), (None, Some("10+2ns".to_string())));
    assert!(run.events.iter().all(|event| event.kind != "fault"), "none strikes as all heals");
}

#[test]
fn an_operation_of_a_client_that_is_not_there_is_refused_at_once() {
    for closed in [false, true] {
        let mut lab = Lab::new(1).ask(10, 4, vec![]);
        lab = if closed { lab.closed(1) } else { lab };
        let caught = std::panic::catch_unwind(|| lab.run().tally.digest);
        assert!(caught.is_err(), "before the first event, whatever the loop");
    }
}

/// A random world whose core must come back: others are struck for good.
fn random_core(seed: u64) -> Lab {
    let mut lab = random_lab(seed);
    let count = lab.world.nodes;
    if seed % 3 != 1 {
        lab.operations.iter_mut().for_each(|operation| operation.request.0.push(done(1)));
    }
    let core: NodeSet = (0..count).filter(|node| seed >> node & 1 == 1).map(NodeId).collect();
    let (duration_ns, healing_ns) = (300 * MS, 0);
    (lab.world.duration_ns, lab.world.healing_ns) = (duration_ns, healing_ns);
    lab.world.liveness = Some(Liveness { core, bound_ns: (30 + seed % 200) * MS, latency_ns: 5 * MS });
    for node in (0..count).filter(|node| !core.contains(NodeId(*node))) {
        let it = nodes([node]);
        let action = match (seed + u64::from(node)) % 5 {
            0 => Action::Crash { nodes: it },
            1 => Action::Pause { nodes: it },
            2 => Action::isolate(NodeId(node), usize::from(count)),
            3 => Action::Clog { links: vec![(NodeSet::all(5), it)] },
            _ => Action::Partition { shape: quarrel_sim::fault::Shape::OneWay, cuts: vec![(it, core)] },
        };
        lab.world.faults.push(Fault { at_ns: duration_ns + 1 + seed % 2 * MS, lasting_ns: None, action });
    }
    for client in 0..(seed % 4) as u8 {
        lab = lab.ask(310 + 40 * u64::from(client), client, vec![Op::Output(1), done(1)]);
    }
    if seed.is_multiple_of(3) {
        lab.world.client.arrival = Arrival::Closed { think_ns: seed % 7 * 10 * MS };
    }
    lab.world.client.pending_max = if seed.is_multiple_of(5) { 3 } else { 100 };
    lab
}

#[test]
fn a_recorded_run_with_a_core_replays() {
    let (mut settled, mut accused) = (0, 0);
    for seed in 0..400 {
        let lab = random_core(seed);
        let (run, bare) = (lab.run(), lab.run_unrecorded());
        assert_eq!(run.tally.digest, bare.digest, "seed {seed}");
        let again = lab.replaying(&run).run();
        assert_eq!(again.tally.digest, run.tally.digest, "seed {seed}: {}", first_difference(&run, &again));
        assert_eq!((&again.log, again.halted()), (&run.log, run.halted()), "seed {seed}");
        assert_eq!((again.never_asked, again.tally.settled_ns), (0, run.tally.settled_ns), "seed {seed}");
        assert_eq!(again.tally.asked, run.tally.asked, "seed {seed}");
        settled += u32::from(run.tally.settled_ns.is_some());
        accused += u32::from(signature(&run).is_some_and(|name| name.starts_with("liveness")));
    }
    println!("{settled} settled, {accused} accused of 400");
    assert!(settled > 50 && accused > 50, "{settled} {accused}");
}

/// Whatever happens: each operation that was asked ends at most once, and what ends was counted.
#[test]
fn the_numbers_of_clients_add_up() {
    for seed in 0..400 {
        let run = random_core(seed).run();
        let asked = run.tally.asked;
        let ends = |words: &str| {
            let of = (0..4).map(|client| run.heard(&format!("{}", ClientId(client))).into_iter());
            of.flatten().filter(|line| line.contains(words)).count() as u64
        };
        assert_eq!(
            (ends(" has op"), ends(" has failed"), ends(" gives ")),
            (asked.answered, asked.failed, asked.unknown)
        );
        assert_eq!(ends(" asks "), asked.started - asked.turned_away, "seed {seed}");
        assert!(asked.answered + asked.failed + asked.unknown <= asked.started, "seed {seed}");
        if run.tally.settled_ns.is_some() {
            assert_eq!(
                asked.answered + asked.failed + asked.unknown,
                asked.started,
                "seed {seed}: all has ended"
            );
        }
    }
}
