//! After the last fault: everything heals.

use quarrel_protocol::NodeId;
use quarrel_sim::decision::Fate;
use quarrel_sim::fault::{Action, Shape};
use quarrel_sim::world::{Rates, Reaction};

use crate::lab::{Lab, MS, clock, crash, crash_at_write, fate, nodes, on, pause, set_tick, tell};
use crate::toy::{Op, Topic};

/// Every fault that lasts, for good.
fn for_good() -> Vec<Action> {
    let (all, first, second) = (nodes([0, 1]), nodes([0]), nodes([1]));
    vec![
        crash([0, 1]),
        Action::Wipe { nodes: all },
        pause([0, 1]),
        Action::partition(Shape::Halves, &[first, second]),
        Action::Clog { links: vec![(all, all)] },
        Action::Lose { kind: "tell".to_string(), from: all, to: all },
        Action::Clock { node: NodeId(0), rate_ppm: 1_000_000 },
        Action::SlowDisk { node: NodeId(0), extra_ns: 400 * MS },
        crash_at_write(0, 1),
    ]
}

#[test]
fn every_fault_is_over_when_time_is() {
    let healthy = vec![Op::Persist(1), tell(1, 1), set_tick(1, 100, 100)];
    for lasting in [None, Some(10_000)] {
        for action in for_good() {
            let lab = Lab::new(2).sync(5).healing(100, 900).fault(50, lasting, action.clone());
            let run = lab.tell(101, 0, healthy.clone()).run();
            assert_eq!(run.delivered("n2"), ["107 tell 1"], "{action}");
            assert_eq!(run.fired("n1"), ["201 tick 1"], "{action}");
            assert_eq!(clock(run.tally.ended_ns), "1000");
        }
    }
}

#[test]
fn who_is_down_comes_back_and_what_was_held_arrives() {
    let run = Lab::new(2).healing(100, 100).fault(50, None, crash([0])).run();
    assert!(run.at("n1", "restart")[0].starts_with("100 "));
    let clog = Action::Clog { links: vec![(nodes([0]), nodes([1]))] };
    let run = Lab::new(2).healing(100, 100).fault(50, None, clog).tell(60, 0, vec![tell(1, 1)]).run();
    assert_eq!(run.delivered("n2"), ["100 tell 1"]);
    let run = Lab::new(2).healing(100, 100).fault(50, None, pause([1])).tell(60, 0, vec![tell(1, 1)]).run();
    assert_eq!(run.delivered("n2"), ["100 tell 1"]);
}

#[test]
fn a_fault_that_comes_too_late_never_strikes() {
    for at in [100, 101, 150, 900] {
        let lab = Lab::new(2).healing(100, 900).fault(at, None, crash([1])).tell(950, 0, vec![tell(1, 1)]);
        let run = lab.run();
        assert_eq!(run.delivered("n2"), ["951 tell 1"], "at {at}");
        assert!(run.events.iter().all(|event| event.kind != "fault"));
    }
}

#[test]
fn chance_ends_with_the_faults_and_what_was_decided_by_hand_does_not() {
    let rates = Rates {
        loss_ppm: 1_000_000,
        timer_ppm: 1_000_000,
        sync_ppm: 1_000_000,
        sync_max_ns: 1,
        ..Rates::default()
    };
    let mut lab = Lab::new(2).healing(100, 900).random(1, rates);
    lab.world.client_latency_ns = 1;
    // Requests are lost as well: a timer tells the nodes what to do.
    let orders = |number| vec![Op::On(0, vec![tell(1, number)])];
    let timers =
        [50, 99, 101, 150, 160].map(|ms| Op::Set(crate::lab::tick(ms, orders(ms)), ms * MS, ms * MS));
    lab = lab.boot(timers.to_vec());
    let run = lab.run();
    assert_eq!(run.delivered("n2"), ["102 tell 101", "151 tell 150", "161 tell 160"]);
    let run = lab.decide(fate("tell", "n1", "n2", 4, Fate::Lost)).run();
    assert_eq!(run.delivered("n2"), ["102 tell 101", "161 tell 160"]);
}

#[test]
fn the_nemesis_falls_silent() {
    let announce = || vec![Op::Announce(Topic::Started, 1)];
    let lab = Lab::new(1).healing(100, 900).rule(on("started", Reaction::PauseIt));
    let run = lab.tell(50, 0, announce()).tell(101, 0, announce()).tell(500, 0, announce()).run();
    assert_eq!(run.faults.iter().map(|fault| clock(fault.at_ns)).collect::<Vec<_>>(), ["50"]);
    // Nor does it plan for later what it heard before.
    let mut late = on("started", Reaction::PauseIt);
    late.after_ns = (60 * MS, 60 * MS);
    let run = Lab::new(1).healing(100, 900).rule(late).tell(50, 0, announce()).run();
    assert!(run.faults.is_empty());
}

#[test]
fn without_healing_the_run_ends_with_its_faults() {
    let run = Lab::new(1).healing(100, 0).fault(50, None, crash([0])).run();
    assert_eq!(clock(run.tally.ended_ns), "100");
    assert!(run.events.iter().all(|event| event.kind != "heal"));
}
