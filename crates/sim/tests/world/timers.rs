//! Timers: where in its range each fires, and what moves it.

use quarrel_protocol::NodeId;
use quarrel_sim::decision::DecisionKind;
use quarrel_sim::fault::{Action, FaultClass};
use quarrel_sim::world::Rates;

use crate::lab::{Lab, MS, Run, crash, expire, fires, pause, set_tick, tell, tick, tock};
use crate::toy::Op;

fn timer_decisions(run: &Run) -> usize {
    run.decisions.iter().filter(|(decision, _)| decision.key.kind == DecisionKind::Timer).count()
}

#[test]
fn by_default_timers_are_staggered_by_rank() {
    let run = Lab::new(3).boot(vec![set_tick(1, 100, 200)]).run();
    let fired = ["n1", "n2", "n3"].map(|node| run.fired(node).join(", "));
    assert_eq!(fired, ["125 tick 1", "150 tick 1", "175 tick 1"]);
    let alone = Lab::new(1).boot(vec![set_tick(1, 100, 200), set_tick(2, 30, 30)]).run();
    assert_eq!(alone.fired("n1"), ["30 tick 2", "150 tick 1"]);
}

#[test]
fn a_timer_is_decided_when_its_minimum_has_passed_and_only_then() {
    let certain = Rates { timer_ppm: 1_000_000, ..Rates::default() };
    let mut lab = Lab::new(1).boot(vec![set_tick(1, 100, 200)]).random(3, certain);
    for ms in (10..500).step_by(90) {
        lab = lab.tell(ms, 0, vec![set_tick(1, 100, 200)]);
    }
    let run = lab.run();
    assert_eq!((timer_decisions(&run), run.fired("n1").len()), (1, 1));
    // The one decision there is answers to the first name.
    let mut lab = Lab { seed: None, ..lab };
    lab.decisions = vec![fires("n1", "tick", 1, 7 * MS)];
    assert_eq!(lab.run().fired("n1"), ["567 tick 1"]);
}

#[test]
fn an_override_fires_within_the_range_whatever_it_says() {
    let lab = Lab::new(2).boot(vec![set_tick(1, 100, 200)]);
    let fired = |after_ns| lab.clone().decide(fires("n2", "tick", 1, after_ns)).run().fired("n2");
    assert_eq!(fired(0), ["100 tick 1"]);
    assert_eq!(fired(100 * MS), ["200 tick 1"]);
    assert_eq!(fired(u64::MAX - 1), ["200 tick 1"]);
}

#[test]
fn random_points_lie_in_the_range_and_use_all_of_it() {
    let certain = Rates { timer_ppm: 1_000_000, ..Rates::default() };
    let again = tick(1, vec![]);
    let mut lab = Lab::new(1).random(5, certain);
    for ms in 1..400 {
        lab = lab.tell(2 * ms, 0, vec![Op::Set(again.clone(), MS / 2, MS)]);
    }
    let run = lab.run();
    let points = run.events.iter().filter(|event| event.kind == "timer").map(|event| event.at % (2 * MS));
    let points: Vec<u64> = points.collect();
    assert_eq!((points.len(), timer_decisions(&run)), (399, 399));
    assert!(points.iter().all(|point| (MS / 2..=MS).contains(point)));
    let late = points.iter().filter(|&&point| point > MS * 3 / 4).count();
    assert!((140..260).contains(&late), "{late} in the upper half");
}

#[test]
fn what_is_cancelled_does_not_fire() {
    let lab = Lab::new(1).boot(vec![set_tick(1, 100, 200), set_tick(2, 100, 200)]);
    let cancel = |ms| lab.clone().tell(ms, 0, vec![Op::Cancel(tick(1, vec![])), Op::Cancel(tock(9, vec![]))]);
    for ms in [50, 120] {
        assert_eq!(cancel(ms).run().fired("n1"), ["150 tick 2"], "cancelled at {ms}");
    }
    assert_eq!(cancel(160).run().fired("n1").len(), 2);
    let back = cancel(50).tell(60, 0, vec![set_tick(1, 10, 10)]).run();
    assert_eq!(back.fired("n1"), ["70 tick 1", "150 tick 2"]);
}

#[test]
fn arming_again_moves_a_timer_to_earlier_and_to_later() {
    let lab = Lab::new(1).boot(vec![set_tick(1, 100, 200)]);
    let moved = |ms, min, max| lab.clone().tell(ms, 0, vec![set_tick(1, min, max)]).run().fired("n1");
    assert_eq!(moved(50, 100, 200), ["200 tick 1"], "later");
    assert_eq!(moved(50, 10, 10), ["60 tick 1"], "earlier");
    assert_eq!(moved(120, 10, 10), ["130 tick 1"], "earlier, after its point was decided");
    assert_eq!(moved(120, 300, 300), ["420 tick 1"], "later, after its point was decided");
    assert_eq!(moved(120, 30, 30), ["150 tick 1"], "to where it was");
    assert_eq!(moved(200, 10, 10), ["150 tick 1", "210 tick 1"], "after it has fired");
    let twice = lab.tell(50, 0, vec![set_tick(1, 10, 10), set_tick(1, 80, 80), set_tick(1, 40, 40)]).run();
    assert_eq!(twice.fired("n1"), ["90 tick 1"]);
}

#[test]
fn a_timer_may_run_out_at_once_and_set_itself_again() {
    let again = Op::Set(tick(1, vec![Op::Output(1)]), 0, 0);
    let run = Lab::new(1).tell(10, 0, vec![again]).run();
    assert_eq!(run.fired("n1"), ["10 tick 1"]);
    let run = Lab::new(1).tell(10, 0, vec![Op::Set(tick(1, vec![set_tick(2, 7, 7)]), 5 * MS, 5 * MS)]).run();
    assert_eq!(run.fired("n1"), ["15 tick 1", "22 tick 2"]);
}

#[test]
fn a_timer_runs_out_by_order() {
    let tocks = Op::Set(tock(3, vec![]), 100 * MS, 100 * MS);
    let lab = Lab::new(1).boot(vec![set_tick(1, 100, 200), set_tick(2, 400, 500), tocks]);
    let run = lab.clone().fault(50, None, expire(0, "tick")).run();
    assert_eq!(run.fired("n1"), ["50 tick 1", "50 tick 2", "100 tock 3"]);
    assert_eq!(run.struck(FaultClass::Expire), 2);
    let after = lab.clone().fault(120, None, expire(0, "tick")).run();
    assert_eq!(after.fired("n1"), ["100 tock 3", "120 tick 1", "120 tick 2"], "after its point was decided");
    let none = lab.clone().fault(600, None, expire(0, "tick")).fault(50, None, expire(0, "gone")).run();
    assert_eq!((none.fired("n1").len(), none.struck(FaultClass::Expire)), (3, 0), "nothing is armed");
    let other = lab.fault(50, None, expire(7, "tick")).run();
    assert_eq!(other.fired("n1").len(), 3, "a node that is not there");
}

#[test]
fn a_clock_that_is_off_changes_how_long_timers_take() {
    let mut lab = Lab::new(3).boot(vec![set_tick(1, 100, 100)]);
    lab.world.clock_ppm = vec![1_000_000, -500_000, 0];
    let run = lab.run();
    assert_eq!((run.fired("n1"), run.fired("n2")), (vec!["50 tick 1".into()], vec!["200 tick 1".into()]));
    assert_eq!((run.fired("n3"), run.struck(FaultClass::ClockDrift)), (vec!["100 tick 1".into()], 2));

    let fast = Action::Clock { node: NodeId(0), rate_ppm: 1_000_000 };
    let lab = Lab::new(1).fault(5, Some(10), fast).tell(10, 0, vec![set_tick(1, 8, 8)]);
    let run = lab.tell(20, 0, vec![set_tick(2, 8, 8)]).run();
    assert_eq!(run.fired("n1"), ["14 tick 1", "28 tick 2"], "and it is over when the fault is");
}

#[test]
fn the_extremes_of_a_clock_do_no_harm() {
    let set = || {
        vec![
            set_tick(1, 1, 1),
            Op::Set(tick(2, vec![]), u64::MAX, u64::MAX),
            Op::Set(tick(3, vec![]), 0, u64::MAX),
        ]
    };
    for rate_ppm in [-899_999, -1_000_000, i32::MIN, 8_999_999, i32::MAX] {
        let mut lab = Lab::new(1).boot(set());
        lab.world.clock_ppm = vec![rate_ppm];
        let run = lab.fault(5, None, pause([0])).run();
        assert!(run.halted().is_none(), "{rate_ppm}: {:?}", run.halted());
    }
}

/// "A timer past its deadline fires before any other input of that node."
#[test]
fn a_timer_that_was_due_during_a_pause_fires_before_what_waited() {
    let lab = Lab::new(2).boot(vec![Op::On(0, vec![set_tick(1, 50, 50)])]).fault(40, Some(60), pause([0]));
    let run = lab.tell(44, 1, vec![tell(0, 1)]).tell(60, 0, vec![Op::Output(3)]).run();
    let order: Vec<_> = (run.events.iter())
        .filter(|event| event.at == 100 * MS && event.who == Some("n1".parse().unwrap()))
        .map(|event| event.what.as_str())
        .collect();
    assert_eq!(order, ["tick 1", "tell 1", "op1: 1 orders"]);
    assert_eq!(run.struck(FaultClass::Pause), 3);
}

#[test]
fn a_timer_whose_whole_range_passed_during_a_pause_fires_before_what_waited() {
    let lab = Lab::new(2).boot(vec![Op::On(0, vec![set_tick(1, 50, 80)])]).fault(40, Some(60), pause([0]));
    let run = lab.tell(44, 1, vec![tell(0, 1)]).run();
    assert_eq!(run.fired("n1"), ["100 tick 1"], "not later than its range and the pause");
    let position = |what| run.events.iter().position(|event| event.what == what);
    assert!(position("tick 1") < position("tell 1"));
}

#[test]
fn a_timer_that_matures_during_a_pause_fires_where_it_would_have() {
    let lab = Lab::new(1).boot(vec![set_tick(1, 50, 250)]).fault(40, Some(20), pause([0]));
    assert_eq!(lab.run().fired("n1"), ["150 tick 1"]);
}

#[test]
fn a_pause_that_is_over_moves_no_timer() {
    let lab = Lab::new(1).boot(vec![set_tick(1, 100, 200)]).fault(40, Some(20), pause([0]));
    assert_eq!(lab.run().fired("n1"), ["150 tick 1"]);
}

#[test]
fn timers_die_with_the_node() {
    let boot = vec![Op::IfBlank(vec![Op::Persist(1), set_tick(1, 100, 200)])];
    let lab = Lab::new(1).boot(boot);
    for (at, outage) in [(50, 10), (120, 5), (120, 30)] {
        assert!(
            lab.clone().fault(at, Some(outage), crash([0])).run().fired("n1").is_empty(),
            "{at} {outage}"
        );
    }
    // And one that is armed after the restart is not mistaken for it.
    let later = lab.fault(50, Some(10), crash([0])).tell(70, 0, vec![set_tick(2, 200, 200)]).run();
    assert_eq!(later.fired("n1"), ["270 tick 2"]);
}

#[test]
fn an_expiry_of_a_paused_node_waits() {
    let lab = Lab::new(1).boot(vec![set_tick(1, 200, 200)]).fault(40, Some(60), pause([0]));
    assert_eq!(lab.fault(50, None, expire(0, "tick")).run().fired("n1"), ["100 tick 1"]);
}

// --- Clocks that jump ---

fn jump(by_ms: i64) -> Action {
    Action::ClockJump { node: NodeId(0), by_ns: by_ms * MS as i64 }
}

#[test]
fn a_clock_that_jumps_takes_running_timers_with_it() {
    let lab = Lab::new(2).boot(vec![set_tick(1, 100, 200)]);
    let fired = |at_ms, by_ms| lab.clone().fault(at_ms, None, jump(by_ms)).run().fired("n1").join(", ");
    // By default n1's fires after 133 ms.
    let default = lab.run().fired("n1").join(", ");
    assert!(default.starts_with("133"), "{default}");
    assert!(fired(50, 20).starts_with("113"), "{}", fired(50, 20));
    assert!(fired(50, -20).starts_with("153"), "{}", fired(50, -20));
    assert!(fired(50, 500).starts_with("50 "), "{}", fired(50, 500));
    assert!(fired(110, 20).starts_with("113"), "mature already: {}", fired(110, 20));
    assert!(fired(110, -20).starts_with("153"), "{}", fired(110, -20));
    assert_eq!(fired(150, 20), default, "it has fired already");
    let run = lab.clone().fault(50, None, jump(-20)).run();
    assert_eq!((run.struck(FaultClass::ClockJump), run.tally.struck.jump_ns), (1, 20 * MS));
    assert_eq!(run.fired("n2"), lab.run().fired("n2"));
    let idle = Lab::new(1).fault(50, None, jump(20)).run();
    assert_eq!((idle.struck(FaultClass::ClockJump), idle.tally.struck.jump_ns), (0, 0), "nobody noticed");
}

#[test]
fn a_timer_that_jumps_on_a_stalled_node_fires_when_it_goes_on() {
    let lab = Lab::new(1).boot(vec![set_tick(1, 100, 100)]).fault(20, Some(50), pause([0]));
    assert_eq!(lab.clone().fault(30, None, jump(90)).run().fired("n1"), ["70 tick 1"]);
    assert_eq!(lab.clone().fault(30, None, jump(20)).run().fired("n1"), ["80 tick 1"]);
    assert_eq!(lab.fault(30, None, jump(-20)).run().fired("n1"), ["120 tick 1"]);
}
