//! The nemesis: which announcements it answers, and how.

use quarrel_protocol::NodeId;
use quarrel_sim::draw::mix;
use quarrel_sim::fault::{Action, Fault, FaultClass};
use quarrel_sim::world::{Reaction, Rule, When};

use crate::lab::{Lab, MS, Run, clock, crash, expire, nodes, on, pause, set_tick, tell};
use crate::replay::first_difference;
use crate::toy::{Op, Topic};

fn announcing(numbers: impl IntoIterator<Item = (u64, u8, u64)>) -> Lab {
    let announce =
        |lab: Lab, (ms, node, number)| lab.tell(ms, node, vec![Op::Announce(Topic::Voted, number)]);
    numbers.into_iter().fold(Lab::new(3), announce)
}

fn when(rule: Rule, change: impl FnOnce(&mut When)) -> Rule {
    let mut rule = rule;
    change(&mut rule.when);
    rule
}

fn times(run: &Run) -> Vec<String> {
    run.faults.iter().map(|fault| clock(fault.at_ns)).collect()
}

fn six() -> Lab {
    announcing([(10, 0, 1), (20, 1, 2), (30, 0, 3), (40, 2, 3), (50, 0, 4), (60, 1, 3)])
}

#[test]
fn a_rule_picks_its_announcements() {
    let run = |rule| times(&six().rule(rule).run());
    let rule = || on("voted", Reaction::Do(pause([])));
    assert_eq!(run(rule()), ["10", "20", "30", "40", "50", "60"]);
    assert_eq!(run(when(rule(), |when| when.node = Some(NodeId(0)))), ["10", "30", "50"]);
    assert_eq!(run(when(rule(), |when| when.nth = Some(2))), ["20"]);
    assert_eq!(run(when(rule(), |when| when.fields = vec![("number".into(), 3)])), ["30", "40", "60"]);
    assert_eq!(
        run(when(rule(), |when| when.fields = vec![("half".into(), 1), ("number".into(), 2)])),
        ["20"]
    );
    let all = |when: &mut When| {
        (when.node, when.fields, when.nth) = (Some(NodeId(1)), vec![("half".into(), 1)], Some(2));
    };
    assert_eq!(run(when(rule(), all)), ["60"], "the second match of all three");
    assert_eq!(run(when(rule(), |when| when.event = "started".into())), [""; 0]);
    assert_eq!(run(Rule { chance_ppm: 0, ..rule() }), [""; 0]);
}

#[test]
fn a_rule_says_how_it_answers() {
    let answer = |then| six().rule(when(on("voted", then), |when| when.nth = Some(2))).run().faults;
    let fault = |action| vec![Fault { at_ns: 20 * MS, lasting_ns: Some(5 * MS), action }];
    assert_eq!(answer(Reaction::CrashIt), fault(crash([1])));
    assert_eq!(answer(Reaction::PauseIt), fault(pause([1])));
    assert_eq!(answer(Reaction::IsolateIt), fault(Action::isolate(NodeId(1), 3)));
    assert_eq!(answer(Reaction::Do(crash([0, 2]))), fault(crash([0, 2])));
}

#[test]
fn the_one_that_announced_it_before_can_be_struck() {
    // n2, n3 and n3 again, n1: the second is the first to have a predecessor, and nobody is its own.
    let lab = announcing([(10, 1, 1), (20, 2, 2), (30, 2, 3), (40, 0, 4)]);
    let faults = lab.rule(on("voted", Reaction::IsolateFormer)).run().faults;
    let of = |at: u64, node| Fault {
        at_ns: at * MS,
        lasting_ns: Some(5 * MS),
        action: Action::isolate(NodeId(node), 3),
    };
    assert_eq!(faults, [of(20, 1), of(40, 2)]);
}

#[test]
fn who_is_outrun_has_the_slowest_clock_until_it_is_back() {
    let rule = Rule { after_ns: (2 * MS, 2 * MS), ..on("voted", Reaction::OutrunIt(100_000, 300_000)) };
    let faults = six().rule(when(rule, |when| when.nth = Some(2))).run().faults;
    let (isolation, clocks) = faults.split_last().expect("it is struck");
    let isolated = Action::isolate(NodeId(1), 3);
    assert_eq!(*isolation, Fault { at_ns: 22 * MS, lasting_ns: Some(5 * MS), action: isolated });
    let rates = clocks.iter().map(|fault| match fault.action {
        Action::Clock { node, rate_ppm } => (node.0, rate_ppm),
        _ => panic!("{fault} is no clock"),
    });
    let rates: Vec<(u8, i32)> = rates.collect();
    let drift = rates[0].1;
    assert!((100_000..=300_000).contains(&drift), "{drift}");
    assert_eq!(rates, [(0, drift), (1, -drift), (2, drift)]);
    let whole = |fault: &Fault| (fault.at_ns, fault.lasting_ns) == (20 * MS, Some(7 * MS));
    assert!(clocks.iter().all(whole), "from the announcement until the isolation is over: {clocks:?}");
}

#[test]
fn after_and_lasting_lie_within_their_ranges_and_cover_them() {
    let many = announcing((1..=300).map(|number| (3 * number, 0, number)));
    let rule =
        Rule { after_ns: (MS / 2, MS), lasting_ns: Some((10, 40)), ..on("voted", Reaction::Do(pause([]))) };
    let faults = many.clone().rule(rule.clone()).run().faults;
    assert_eq!(faults.len(), 300);
    let after: Vec<u64> = faults.iter().map(|fault| fault.at_ns % (3 * MS)).collect();
    assert!(after.iter().all(|after| (MS / 2..=MS).contains(after)));
    let least = after.iter().filter(|&&after| after == MS / 2).count();
    assert!((45..110).contains(&least), "one in four at the least: {least}");
    assert!(after.iter().any(|&after| after > MS * 9 / 10));
    assert!(faults.iter().all(|fault| fault.lasting_ns.is_some_and(|lasting| (10..=40).contains(&lasting))));
    let for_good = many.clone().rule(Rule { lasting_ns: None, ..rule.clone() }).run().faults;
    assert!(for_good.iter().all(|fault| fault.lasting_ns.is_none()));
    let some = many.rule(Rule { chance_ppm: 300_000, ..rule }).run().faults.len();
    assert!((60..120).contains(&some), "{some}");
}

#[test]
fn names_that_do_not_exist_are_errors() {
    let error = |rule| six().rule(rule).try_run::<0>(false).err().expect("an error");
    assert_eq!(error(on("elected", Reaction::CrashIt)), "toy announces no `elected`");
    let rule = |event: &str, field: &str| {
        when(on(event, Reaction::CrashIt), |when| when.fields = vec![(field.to_string(), 1)])
    };
    assert_eq!(error(rule("voted", "term")), "`voted` of toy carries no `term`");
    assert_eq!(error(rule("started", "number")), "`started` of toy carries no `number`");
}

#[test]
fn recorded_faults_are_those_that_struck_and_replay() {
    for seed in 0..50 {
        let numbers = (1..60u64).map(|step| (10 * step, (mix(seed ^ step) % 3) as u8, step));
        let mut lab = announcing(numbers).fault(55, Some(30), pause([2]));
        lab.seed = Some(seed);
        for then in [Reaction::CrashIt, Reaction::IsolateIt, Reaction::PauseIt] {
            let (after_ns, lasting_ns) = ((0, 7 * MS), Some((MS, 90 * MS)));
            lab = lab.rule(Rule { chance_ppm: 200_000, after_ns, lasting_ns, ..on("voted", then) });
        }
        let run = lab.run();
        assert!(run.faults.is_sorted() && run.faults.len() > 5);
        let mut struck: Vec<_> = run.events.iter().filter(|event| event.kind == "fault").collect();
        struck.sort_by_key(|event| (event.at, event.what.clone()));
        let mut recorded: Vec<_> = run.faults.iter().map(|fault| (fault.at_ns, fault.to_string())).collect();
        recorded.sort();
        assert_eq!(struck.iter().map(|event| (event.at, event.what.clone())).collect::<Vec<_>>(), recorded);
        let again = lab.replaying(&run).run();
        assert_eq!(again.tally.digest, run.tally.digest, "seed {seed}: {}", first_difference(&run, &again));
    }
}

/// A timer runs out by order of the schedule, and what its node then announces is answered at that very instant: the
/// replay knows both faults from the start, and must not let the answer strike before what caused it.
#[test]
fn an_answer_at_the_instant_of_a_fault_replays_after_it() {
    let mut parted = Vec::new();
    for node in 0..6u8 {
        let then = vec![Op::Announce(Topic::Voted, 1), Op::Output(1)];
        let timer = crate::lab::tick(1, then);
        let lab = Lab::new(6).boot(vec![Op::On(node, vec![Op::Set(timer, 500 * MS, 500 * MS)])]);
        let lab = lab.fault(50, None, expire(node, "tick"));
        for then in [Reaction::CrashIt, Reaction::PauseIt, Reaction::IsolateIt] {
            let lab = lab.clone().rule(on("voted", then.clone()));
            let run = lab.run();
            let again = lab.replaying(&run).run();
            if again.tally.digest != run.tally.digest {
                parted.push(format!(
                    "n{} {then:?}: {:?} and {:?}",
                    node + 1,
                    run.heard("n"),
                    again.heard("n")
                ));
            }
        }
    }
    assert!(parted.is_empty(), "{} of 18: {parted:#?}", parted.len());
}

/// Both announcements waited for a pause to end: both answers strike at that instant, and differ in how long they last.
#[test]
fn like_answers_of_one_instant_replay() {
    for seed in 0..20 {
        let mut lab = announcing([(45, 0, 1), (50, 0, 2)]).fault(40, Some(20), pause([0])).tell(
            100,
            0,
            vec![tell(1, 1)],
        );
        lab.seed = Some(seed);
        let lab = lab.rule(Rule { lasting_ns: Some((MS, 90 * MS)), ..on("voted", Reaction::CrashIt) });
        let run = lab.run();
        assert_eq!(times(&run), ["40", "60", "60"]);
        assert_eq!(lab.replaying(&run).run().tally.digest, run.tally.digest, "seed {seed}");
    }
}

#[test]
fn a_rule_reacts_to_what_a_restart_announces() {
    let boot = vec![Op::Announce(Topic::Started, 1)];
    let lab = Lab::new(2).boot(boot).fault(50, Some(10), crash([0]));
    let rule =
        when(on("started", Reaction::CrashIt), |when| (when.node, when.nth) = (Some(NodeId(0)), Some(2)));
    let run = lab.rule(rule).tell(62, 1, vec![tell(0, 1)]).tell(66, 1, vec![tell(0, 2)]);
    let (run, again) = (run.run(), run.replaying(&run.run()).run());
    assert_eq!(times(&run), ["50", "60"]);
    assert_eq!(run.faults[1].action, Action::Crash { nodes: nodes([0]) });
    assert_eq!(run.delivered("n1"), ["67 tell 2"]);
    assert_eq!(run.tally.digest, again.tally.digest);
}

// --- Between two steps ---

fn steps(voted_ms: u64, started_ms: u64) -> Lab {
    let lab = Lab::new(2).tell(voted_ms, 0, vec![Op::Announce(Topic::Voted, 1)]);
    lab.tell(started_ms, 0, vec![Op::Announce(Topic::Started, 1)])
}

fn between(after_ms: u64) -> Rule {
    let before = Some(on("started", Reaction::CrashIt).when);
    Rule { before, after_ns: (after_ms * MS, after_ms * MS), ..on("voted", Reaction::CrashIt) }
}

#[test]
fn a_crash_between_two_steps_comes_before_the_second_or_never() {
    let run = steps(10, 30).rule(between(5)).run();
    assert_eq!(times(&run), ["15"]);
    assert_eq!((run.struck(FaultClass::CrashBetween), run.struck(FaultClass::Hunt)), (1, 0));
    let late = steps(10, 12).rule(between(5)).run();
    assert_eq!((times(&late), late.struck(FaultClass::CrashBetween)), (vec![], 0));
    assert!(!late.hearing.times.contains(&(15 * MS)), "what was thought better of leaves no trace");
    assert_eq!(late.tally.digest, steps(10, 12).run().tally.digest);
    // Another node's second step is no step of this one.
    let other = steps(10, 30).tell(12, 1, vec![Op::Announce(Topic::Started, 1)]).rule(between(5)).run();
    assert_eq!(times(&other), ["15"]);
}

// --- As long as a timer ---

#[test]
fn a_pause_lasts_as_long_as_the_longest_timer_of_its_kind() {
    let rule = || Rule { lasts_as: Some("tick".into()), ..on("voted", Reaction::PauseIt) };
    let lab = announcing([(10, 0, 1)]);
    assert_eq!(lab.clone().rule(rule()).run().faults, [], "nobody has set one");
    let lab = lab.tell(5, 1, vec![set_tick(1, 20, 20)]).tell(6, 2, vec![set_tick(1, 40, 60)]);
    let lasting: Vec<u64> = (0..50)
        .map(|seed| {
            let run = Lab { seed: Some(seed), ..lab.clone() }.rule(rule()).run();
            assert_eq!(run.struck(FaultClass::PauseAcrossTimer), 1);
            run.faults[0].lasting_ns.unwrap() / MS
        })
        .collect();
    assert!(lasting.iter().all(|lasting| (40..=60).contains(lasting)), "{lasting:?}");
    assert!(lasting.iter().max().unwrap() - lasting.iter().min().unwrap() > 10, "{lasting:?}");
    let error = six().rule(Rule { lasts_as: Some("tack".into()), ..rule() }).try_run::<0>(false);
    assert_eq!(error.err().unwrap(), "toy has no timer `tack`");
}

#[test]
fn a_hunt_counts_whoever_is_struck_for_what_it_announced() {
    let run = |then| six().rule(on("voted", then)).run().struck(FaultClass::Hunt);
    assert_eq!(run(Reaction::PauseIt), 6);
    assert_eq!(run(Reaction::IsolateIt), 6);
    assert_eq!(run(Reaction::CrashIt), 6);
    assert_eq!(run(Reaction::Do(crash([0]))), 0, "it has a name of its own");
}

#[test]
fn an_order_in_a_partition_counts() {
    let cut = Action::isolate(NodeId(2), 3);
    let lab = Lab::new(3).sweep(20, 0, 1, vec![]).sweep(40, 0, 2, vec![]).fault(10, Some(20), cut);
    assert_eq!(lab.run().struck(FaultClass::OrderInPartition), 1);
}
