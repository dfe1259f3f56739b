//! Limits and panics: a verdict with a name, never a hang and never an unwinding out of the run.

use quarrel_protocol::PropertyKind;

use crate::lab::{Lab, MS, Run, clock, crash, tell, tick};
use crate::toy::{Kind, Op};

fn verdict(run: &Run) -> (String, PropertyKind, String) {
    let violation = run.halted().expect("the run was stopped");
    let (text, place) = violation.text_and_place();
    assert!(!text.chars().any(|letter| letter.is_ascii_digit()), "{text}");
    if matches!(violation.kind, PropertyKind::Panic | PropertyKind::Assertion) {
        let (file, line) = place.expect("a panic has a place");
        assert_eq!(file, "crates/sim/tests/world/toy.rs");
        assert!(violation.detail.ends_with(&format!(", at {file}:{line}")), "{}", violation.detail);
    } else {
        assert_eq!(place, None);
    }
    (violation.property.clone(), violation.kind, text.to_string())
}

fn limit(name: &str) -> (String, PropertyKind, String) {
    (name.to_string(), PropertyKind::Limit, name.to_string())
}

fn forever(node: u8) -> Op {
    Op::Send(node, Kind::Note, 1, vec![Op::Forward(node)])
}

#[test]
fn who_talks_to_himself_for_ever_reaches_the_limit_of_an_instant() {
    let run = Lab::new(2).tell(10, 0, vec![forever(0)]).tell(20, 1, vec![tell(0, 1)]).run();
    assert_eq!(verdict(&run), limit("instant-limit"));
    assert_eq!(clock(run.tally.ended_ns), "10");
    assert!(run.tally.events < 11_000 && run.delivered("n1").len() > 9_000);
}

#[test]
fn a_timer_that_sets_itself_again_at_once_reaches_it_too() {
    // Each of these timers sets the next.
    let mut order = Op::Output(1);
    for number in 0..60 {
        order = Op::Set(tick(number, vec![order]), 0, 0);
    }
    let mut lab = Lab::new(1).tell(10, 0, vec![order]);
    lab.world.limits.instant_max = 50;
    assert_eq!(verdict(&lab.run()), limit("instant-limit"));
    lab.world.limits.instant_max = 70;
    assert!(lab.run().halted().is_none());
}

#[test]
fn a_storm_reaches_the_limit_of_messages_under_way() {
    let storm = |messages: usize| {
        let mut lab = Lab::new(2).tell(10, 0, (0..messages as u64).map(|number| tell(1, number)).collect());
        lab.world.limits.pending_max = 500;
        lab.run()
    };
    assert_eq!(verdict(&storm(501)), limit("pending-limit"));
    assert!(storm(500).halted().is_none(), "a limit may be reached, not passed");
}

#[test]
fn endless_talk_reaches_the_limit_of_events() {
    let ping =
        Op::Send(1, Kind::Note, 1, vec![Op::On(0, vec![Op::Forward(1)]), Op::On(1, vec![Op::Forward(0)])]);
    let mut lab = Lab::new(2).tell(10, 0, vec![ping]);
    lab.world.limits.events_max = 700;
    let run = lab.run();
    assert_eq!(verdict(&run), limit("events-limit"));
    assert!((700..=702).contains(&run.tally.events), "{}", run.tally.events);
    lab.world.limits.events_max = 10_000;
    assert!(lab.run().halted().is_none());
}

fn panics(words: &str) -> Op {
    Op::Panic(words.to_string())
}

#[test]
fn a_panic_in_a_step_is_a_verdict_and_ends_the_run() {
    let lab = Lab::new(2).tell(10, 0, vec![tell(1, 1), panics("node 12 lost 345 votes of 0x7f")]);
    let run = lab.tell(30, 1, vec![tell(0, 1)]).run();
    let (property, kind, signature) = verdict(&run);
    assert_eq!((property.as_str(), kind), ("panic", PropertyKind::Panic));
    assert_eq!(signature, "panic: node # lost # votes of #x#f");
    assert!(run.halted().unwrap().detail.starts_with("node 12 lost 345 votes of 0x7f, at "));
    assert_eq!(clock(run.tally.ended_ns), "10");
    assert!(run.delivered("n2").is_empty());
    assert!(!run.events.last().unwrap().digest.is_empty(), "the last event is closed");
}

#[test]
fn a_panic_in_a_start_is_a_verdict_at_boot_and_later() {
    let run = Lab::new(1).boot(vec![panics("no disk")]).run();
    assert_eq!((verdict(&run).0.as_str(), run.tally.ended_ns), ("panic", 0));
    let used = vec![Op::Persist(1), Op::IfUsed(vec![Op::Persist(2), panics("a used disk")])];
    let lab = Lab::new(2).boot(used);
    assert!(lab.run().halted().is_none());
    let run = lab.clone().fault(10, Some(5), crash([0])).run();
    assert_eq!((verdict(&run).2.as_str(), clock(run.tally.ended_ns).as_str()), ("panic: a used disk", "15"));
    let timer = Op::Set(tick(1, vec![panics("in a timer")]), 7 * MS, 7 * MS);
    let run = lab.tell(20, 0, vec![timer]).run();
    assert_eq!((verdict(&run).2.as_str(), clock(run.tally.ended_ns).as_str()), ("panic: in a timer", "27"));
}

#[test]
fn a_failing_assertion_is_a_verdict_of_its_own_kind() {
    let run = Lab::new(3).tell(10, 1, vec![tell(2, 1), Op::Break]).run();
    let (property, kind, signature) = verdict(&run);
    assert_eq!((property.as_str(), kind), ("assertion", PropertyKind::Assertion));
    assert_eq!(signature, "assertion: n# is broken after # messages");
    assert!(!kind.counts());
}

#[test]
fn words_of_all_sorts_make_a_signature_on_one_line() {
    for words in ["", "two\nlines", "tab\tand é and 9\u{0}", "1", "12 34"] {
        let (_, _, signature) = verdict(&Lab::new(1).tell(10, 0, vec![panics(words)]).run());
        assert!(!signature.chars().any(char::is_control), "{signature:?}");
    }
}

#[test]
fn a_run_ends_when_its_observer_has_seen_enough() {
    let lab = Lab::new(2).tell(10, 0, vec![tell(1, 1)]).tell(20, 0, vec![Op::Output(999)]);
    let run = lab.tell(20, 1, vec![Op::Output(1)]).tell(30, 0, vec![tell(1, 2)]).run();
    assert_eq!((clock(run.tally.ended_ns).as_str(), run.delivered("n2").len()), ("20", 1));
    assert_eq!(run.log.last().unwrap(), "n1 puts out 999");
}

#[test]
fn the_end_of_time_is_an_end() {
    for (duration, healing) in [(u64::MAX, u64::MAX), (u64::MAX, 0), (MS, u64::MAX), (0, 0), (0, u64::MAX)] {
        let mut lab =
            Lab::new(2).sync(1).tell(10, 0, vec![Op::Persist(1), tell(1, 1)]).fault(5, None, crash([1]));
        (lab.world.duration_ns, lab.world.healing_ns) = (duration, healing);
        lab.world.latency_ns.fill(u64::MAX);
        lab.world.sync_ns[1] = u64::MAX;
        lab.world.client.timeout_ns = u64::MAX;
        let set = Op::Set(tick(1, vec![]), u64::MAX, u64::MAX);
        let last = Op::Set(tick(2, vec![tell(0, 3)]), u64::MAX - 1, u64::MAX);
        lab = lab.boot(vec![set, last]);
        for fault in &mut lab.world.faults {
            fault.lasting_ns = Some(u64::MAX);
        }
        let run = lab.run();
        assert!(run.halted().is_none(), "{duration} {healing}: {:?}", run.halted());
        assert_eq!(run.tally.ended_ns, duration.saturating_add(healing));
    }
}

#[test]
fn the_same_panic_is_the_same_verdict_again() {
    let run = |seed| {
        let mut lab = Lab::new(2).tell(10, 0, vec![tell(1, 1)]).tell(20, 1, vec![panics("seed")]);
        lab.seed = Some(seed);
        lab.run()
    };
    assert_eq!(run(1).tally.digest, run(1).tally.digest);
    assert_eq!(verdict(&run(1)), verdict(&run(2)));
}
