//! Liveness: a healed core must answer everything and agree, within a bound that progress resets; and what is said
//! when it does not.

use quarrel_protocol::{NodeSet, PropertyKind};

use crate::clients::{asked, done};
use crate::lab::{Lab, MS, Run, crash, nodes, pause, tick};
use crate::toy::{Kind, Op, Reply};

/// The canonical name of the verdict, and when it fell, in milliseconds.
fn verdict(run: &Run) -> (String, u64) {
    let violation = run.halted().expect("the core does not come back");
    assert_eq!((violation.property.as_str(), violation.kind), ("liveness", PropertyKind::Liveness));
    assert_eq!(run.tally.settled_ns, None);
    (violation.signature.clone(), run.tally.ended_ns / MS)
}

fn detail(run: &Run) -> &str {
    &run.halted().expect("the core does not come back").detail
}

fn settled(run: &Run) -> Option<u64> {
    assert!(run.halted().is_none(), "{:?}", run.halted());
    assert_eq!(run.tally.settled_ns, Some(run.tally.ended_ns), "the run ends when all is done");
    run.tally.settled_ns.map(|ns| ns / MS)
}

/// At that time the node does this, without being asked.
pub(crate) fn by_itself(node: u8, ms: u64, orders: Vec<Op>) -> Op {
    Op::On(node, vec![Op::Set(tick(ms, orders), ms * MS, ms * MS)])
}

fn both() -> NodeSet {
    nodes([0, 1])
}

// --- When it is done ---

#[test]
fn a_run_ends_when_all_has_ended_and_no_later() {
    let lab = Lab::new(2).liveness(100, both(), 500).ask(10, 0, vec![done(1)]);
    assert_eq!(settled(&lab.run()), Some(100));
    assert_eq!(settled(&lab.clone().ask(150, 0, vec![done(1)]).run()), Some(150));
    assert_eq!(settled(&lab.ask(150, 0, vec![Op::Reply(Reply::Failed)]).run()), Some(150), "failed is ended");
    assert_eq!(settled(&Lab::new(2).liveness(100, both(), 500).run()), Some(100), "nobody asks anything");
}

#[test]
fn without_a_core_nothing_is_settled_and_nobody_is_accused() {
    let run = Lab::new(2).healing(100, 900).ask(150, 0, vec![]).run();
    assert_eq!((run.tally.settled_ns, run.tally.ended_ns, run.halted()), (None, 1000 * MS, None));
}

#[test]
fn agreement_is_asked_of_a_core_that_was_asked_something_new() {
    let apart = Lab::new(2).liveness(100, both(), 500).tell(10, 0, vec![Op::Output(1), done(1)]);
    assert_eq!(settled(&apart.run()), Some(100));
    let mut turned_away = apart.clone().ask(150, 0, vec![done(1)]);
    turned_away.world.client.pending_max = 0;
    assert_eq!(settled(&turned_away.run()), Some(150), "what was never sent is nothing new");
    let asked = apart.ask(150, 0, vec![done(1)]);
    assert_eq!(verdict(&asked.run()), ("liveness: blocked".to_string(), 650));
    let all = "n1, n2 had healed, and nothing moved for 500ms (bound: 500ms). n1, n2 (toy) do not say what it needs. \
               Every operation was answered, but outputs differ: [1, 0]";
    assert_eq!(detail(&asked.run()), all);
    let agrees = asked.boot(vec![by_itself(1, 400, vec![Op::Output(1)])]);
    assert_eq!(settled(&agrees.run()), Some(400));
}

#[test]
fn nobody_outside_the_core_need_agree() {
    let lab =
        Lab::new(3).liveness(100, both(), 500).tell(10, 2, vec![Op::Output(1)]).tell(150, 0, vec![done(1)]);
    let mut lab = lab.patience(500, 1);
    lab.operations[0].request.0.push(done(1));
    assert_eq!(settled(&lab.run()), Some(150));
}

// --- How long it may take ---

#[test]
fn the_bound_counts_from_the_last_progress() {
    let lab = Lab::new(3).liveness(100, both(), 500).ask(80, 0, vec![]);
    assert_eq!(verdict(&lab.run()).1, 600);
    assert_eq!(verdict(&lab.clone().ask(300, 1, vec![done(1)]).run()).1, 800, "an answer");
    assert_eq!(verdict(&lab.clone().ask(300, 1, vec![Op::Reply(Reply::Failed)]).run()).1, 800);
    let output = |node| lab.clone().boot(vec![by_itself(node, 300, vec![Op::Output(1)])]).run();
    assert_eq!((verdict(&output(0)).1, verdict(&output(1)).1), (800, 800), "an output of the core");
    assert_eq!(verdict(&output(2)).1, 600, "what outsiders put out is no progress");
    let talk = vec![by_itself(0, 300, vec![Op::ToAll(Kind::Ask, 1), Op::Persist(1)])];
    assert_eq!(verdict(&lab.clone().boot(talk).run()).1, 600, "nor is talk");
    assert_eq!(verdict(&lab.ask(300, 1, vec![]).run()).1, 600, "nor is another question");
}

#[test]
fn progress_before_the_healing_does_not_count() {
    let lab = Lab::new(2).liveness(100, both(), 50).ask(10, 0, vec![]).ask(99, 1, vec![done(1)]);
    assert_eq!(verdict(&lab.run()).1, 150);
}

#[test]
fn who_is_slow_but_gets_on_is_not_accused() {
    let steps = (1..40).map(|step| by_itself((step % 2) as u8, 90 * step, vec![Op::Output(step)]));
    let lab = Lab::new(2).patience(1700, 9).liveness(100, both(), 100).boot(steps.collect());
    let orders = vec![Op::On(1, vec![done(1)])];
    assert_eq!(settled(&lab.ask(1800, 0, orders).run()), Some(3500));
}

/// A cluster that nobody asks owes nothing: its time does not run.
#[test]
fn idle_time_does_not_count() {
    let lab = Lab::new(2).liveness(100, both(), 50);
    for ms in [149, 150, 151, 1_000, 100_000] {
        assert_eq!(settled(&lab.clone().ask(ms, 0, vec![done(1)]).run()), Some(ms), "{ms}");
        let silent = lab.clone().ask(ms, 0, vec![]).run();
        assert_eq!(verdict(&silent), ("liveness: blocked".to_string(), ms + 50), "{ms}");
        let twice = lab.clone().ask(ms, 0, vec![done(1)]).ask(2 * ms, 1, vec![done(1)]);
        assert_eq!(settled(&twice.run()), Some(2 * ms), "{ms}");
    }
    let thinks =
        lab.closed(1_000).ask(110, 0, vec![done(1)]).ask(111, 0, vec![done(1)]).ask(112, 0, vec![done(1)]);
    assert_eq!(settled(&thinks.run()), Some(2_110));
    assert_eq!(verdict(&thinks.ask(113, 0, vec![]).run()).1, 3_160);
}

#[test]
fn after_the_healing_nobody_gives_up() {
    let orders = vec![Op::On(2, vec![done(1)])];
    let lab = Lab::new(3).patience(30, 2).fault(1, None, crash([2])).liveness(100, nodes([0, 1, 2]), 500);
    let run = lab.ask(50, 0, orders.clone()).ask(20, 0, orders).run();
    assert_eq!(run.heard("c1 gives"), ["c1 gives op1 up"], "at 80");
    assert_eq!(asked(&run, "c1"), ["20 n1", "50 n1", "50 n2", "80 n2", "110 n3"]);
    assert_eq!(settled(&run), Some(110));
    let run = Lab::new(2).patience(10, 1).liveness(100, both(), 200).ask(95, 0, vec![]).run();
    assert_eq!((verdict(&run).1, run.tally.asked.unknown, run.tally.asked.requests), (300, 0, 21));
}

// --- What is said ---

/// An operation that nobody answers, and a core of two that moves so from 360 ms on: half of the bound is over at 350.
fn moving(states: impl Iterator<Item = u64>) -> Run {
    let steps = states.zip(36..).map(|(sum, at)| by_itself(0, 10 * at, vec![Op::Sum(sum)]));
    Lab::new(2).liveness(100, both(), 500).boot(steps.collect()).ask(150, 0, vec![]).run()
}

#[test]
fn the_shape_of_a_failure_is_told() {
    let shape = |run: Run| verdict(&run).0;
    assert_eq!(shape(moving(std::iter::empty())), "liveness: blocked");
    assert_eq!(shape(moving((0..20).map(|_| 7))), "liveness: blocked", "it stays where it went");
    assert_eq!(shape(moving(0..20)), "liveness: wandering");
    let round = moving((0..20).map(|step| step % 3));
    assert!(detail(&round).contains("and it went round in the same 3 states without progress for 500ms"));
    assert_eq!(shape(round), "liveness: livelock");
}

#[test]
fn a_core_that_gets_on_and_never_ends_is_not_let_run_for_ever() {
    let boot = (1..200).map(|step| by_itself((step % 2) as u8, 8 * step, vec![Op::Output(step)])).collect();
    let run = Lab::new(2).liveness(100, both(), 10).boot(boot).ask(90, 0, vec![]).run();
    assert_eq!(verdict(&run), ("liveness: never done".to_string(), 1_100));
    let start =
        "n1, n2 had healed, and never came to an end, always with some progress, for 1s (bound: 10ms).";
    assert!(detail(&run).starts_with(start), "{}", detail(&run));
}

#[test]
fn who_waits_for_whom_is_told() {
    let boot = vec![Op::On(0, vec![Op::WaitFor(vec![1, 2])]), Op::On(1, vec![Op::WaitFor(vec![])])];
    let lab = Lab::new(3).patience(400, 9).liveness(100, both(), 500).boot(boot);
    let run = lab.ask(150, 3, vec![]).run();
    let expected = "n1, n2 had healed, and nothing moved for 500ms (bound: 500ms). c4 waits for an answer to op0 \
                    (0 orders), asked 2 times. n1 (toy) waits for n2, n3: an answer. n2 (toy) waits for an answer";
    assert_eq!(detail(&run), expected);
}

#[test]
fn who_is_down_is_told() {
    // A world written by hand: who is struck after the healing stays so, and the core has no business with it.
    let run = Lab::new(2).liveness(100, both(), 500).ask(150, 0, vec![]).fault(101, None, crash([1])).run();
    assert!(detail(&run).ends_with(" n1 (toy) does not say what it needs. n2 (down)"), "{}", detail(&run));
}

#[test]
fn a_few_operations_are_told_and_the_rest_are_counted() {
    let ask = |count: u64| {
        let lab = Lab::new(2).liveness(100, both(), 500);
        (0..count).fold(lab, |lab, number| lab.ask(150 + number, (number % 4) as u8, vec![])).run()
    };
    assert!(!detail(&ask(2)).contains("other"));
    assert!(detail(&ask(3)).contains(" So does the client of 1 other operation."));
    assert!(detail(&ask(12)).contains(" So do the clients of 10 other operations."));
    assert!(detail(&ask(12)).contains("c1 waits for an answer to op0 (0 orders), asked 6 times. c2 waits"));
}

#[test]
fn a_retry_storm_is_told() {
    let mut lab = Lab::new(2).patience(10, 9).liveness(100, both(), 500);
    for client in 0..3 {
        lab = lab.ask(150, client, vec![]);
    }
    let storm = "Clients may have no more under way, and nearly all they send is retries: a retry storm.";
    assert!(!detail(&lab.run()).contains(storm));
    lab.world.client.pending_max = 3;
    assert!(detail(&lab.run()).contains(storm));
}

// --- Again ---

#[test]
fn a_verdict_is_the_same_again_recorded_or_not() {
    let round = || moving((0..20).map(|step| step % 3));
    assert_eq!((round().halted(), round().tally.digest), (round().halted(), round().tally.digest));
    let lab = Lab::new(3).liveness(100, both(), 500).ask(150, 0, vec![]).fault(101, None, pause([2]));
    let (one, other, bare) = (lab.run(), lab.run(), lab.run_unrecorded());
    assert_eq!((one.tally.digest, one.tally.digest), (other.tally.digest, bare.digest));
    assert_eq!((one.halted(), one.halted()), (other.halted(), bare.halted.as_ref()));
}

#[test]
fn the_healing_is_told_and_who_heals() {
    let told = |core| Lab::new(3).liveness(100, core, 500).run().events.pop().unwrap().what;
    assert_eq!(told(nodes([0, 1, 2])), "everything heals");
    assert_eq!(told(nodes([0, 2])), "n1, n3 heal for good");
}
