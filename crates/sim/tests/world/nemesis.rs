//! The nemesis: which announcements it answers, and how.

use quarrel_protocol::NodeId;
use quarrel_sim::draw::mix;
use quarrel_sim::fault::{Action, Fault};
use quarrel_sim::world::{Reaction, Rule, When};

use crate::lab::{Lab, MS, Run, clock, crash, expire, nodes, on, pause, tell};
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
