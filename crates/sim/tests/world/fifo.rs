//! Links that keep the order of their messages, whatever else happens to these.

use quarrel_sim::decision::{Endpoint, Fate};
use quarrel_sim::draw::mix;
use quarrel_sim::fault::{Action, Fault, FaultClass};
use quarrel_sim::world::Rates;

use crate::lab::{Lab, MS, Run, ask, crash, fate, nodes, one_way, pause, tell};
use crate::replay::{Stream, random_lab};
use crate::toy::{Kind, Op};

/// The first node tells the second something at each of these times; the numbers count from 1.
fn told_at(times: &[u64]) -> Lab {
    let numbered = (1..).zip(times);
    numbered.fold(Lab::new(2).fifo(), |lab, (number, &ms)| lab.tell(ms, 0, vec![tell(1, number)]))
}

#[test]
fn a_late_message_holds_up_what_is_behind_it() {
    let run = told_at(&[10, 20, 30]).decide(fate("tell", "n1", "n2", 1, Fate::Arrives(15_000))).run();
    assert_eq!(run.delivered("n2"), ["26 tell 1", "26 tell 2", "31 tell 3"]);
    assert_eq!((run.struck(FaultClass::Delay), run.struck(FaultClass::Reordering)), (1, 0));
}

#[test]
fn what_is_sent_in_one_step_keeps_its_order_across_kinds() {
    let orders = vec![tell(1, 1), ask(1, 2), Op::Send(1, Kind::Note, 3, vec![]), tell(1, 4)];
    let run = Lab::new(2).tell(10, 0, orders.clone()).run();
    assert_eq!(run.delivered("n2"), ["11 ask 2", "11 tell 1", "11 tell 4", "11 note 3"]);
    let run = Lab::new(2).fifo().tell(10, 0, orders).run();
    assert_eq!(run.delivered("n2"), ["11 tell 1", "11 ask 2", "11 note 3", "11 tell 4"]);
}

#[test]
fn what_is_lost_is_a_gap_that_nobody_waits_for() {
    let run = told_at(&[10, 20]).decide(fate("tell", "n1", "n2", 1, Fate::Lost)).run();
    assert_eq!(run.delivered("n2"), ["21 tell 2"]);
    let cut = told_at(&[10, 20, 30]).fault(5, Some(10), one_way(0, 1)).run();
    assert_eq!(cut.delivered("n2"), ["21 tell 2", "31 tell 3"]);
}

#[test]
fn a_copy_comes_after_its_original_and_before_what_is_sent_later() {
    let run = told_at(&[10, 20]).decide(fate("tell", "n1", "n2", 1, Fate::Twice(0, 15_000))).run();
    assert_eq!(run.delivered("n2"), ["11 tell 1", "26 tell 1", "26 tell 2"]);
    let run = told_at(&[10, 20]).decide(fate("tell", "n1", "n2", 1, Fate::Twice(15_000, 0))).run();
    assert_eq!(run.delivered("n2"), ["26 tell 1", "26 tell 1", "26 tell 2"]);
}

#[test]
fn a_clog_that_is_over_lets_them_through_in_order() {
    let clog = Action::Clog { links: vec![(nodes([0]), nodes([1]))] };
    let run = told_at(&[10, 12, 14, 16]).fault(5, Some(20), clog).run();
    assert_eq!(run.delivered("n2"), ["25 tell 1", "25 tell 2", "25 tell 3", "25 tell 4"]);
}

/// The pause ends with the crash, but what waits for its end does not come sooner; nor does what is behind it.
#[test]
fn a_restart_during_a_pause_lets_nothing_overtake() {
    let faults = |lab: Lab| lab.fault(5, Some(45), pause([1])).fault(15, Some(5), crash([1]));
    let run = faults(told_at(&[10, 30, 60])).run();
    assert_eq!(run.delivered("n2"), ["50 tell 1", "50 tell 2", "61 tell 3"]);
    let mut any = told_at(&[10, 30, 60]);
    any.world.fifo = false;
    assert_eq!(faults(any).run().delivered("n2"), ["31 tell 2", "50 tell 1", "61 tell 3"]);
}

#[test]
fn each_link_has_its_own_order() {
    let lab = Lab::new(3).fifo().tell(10, 0, vec![tell(2, 1)]).tell(20, 1, vec![tell(2, 2)]);
    let run = lab.decide(fate("tell", "n1", "n3", 1, Fate::Arrives(15_000))).run();
    assert_eq!(run.delivered("n3"), ["21 tell 2", "26 tell 1"]);
}

/// What a node sends itself is on no link: it dies with a crash, and nothing waits behind it.
#[test]
fn messages_to_oneself_hold_nothing_up() {
    let lab = Lab::new(1).fifo().fault(10, Some(40), pause([0])).fault(15, Some(5), crash([0]));
    let boot = vec![Op::Send(0, Kind::Tell, 1, vec![])];
    assert_eq!(lab.boot(boot).run().delivered("n1"), ["0 tell 1", "20 tell 1"]);
}

/// When the messages that arrived on each link were sent: the event, and the place among what it sent.
fn is_in_order(run: &Run) -> Result<u64, String> {
    let mut latest = std::collections::BTreeMap::new();
    let mut arrivals = 0;
    for event in &run.events {
        let (Some(from @ Endpoint::Node(_)), Some(to), Some(cause)) = (event.from, event.who, event.cause)
        else {
            continue;
        };
        if event.kind != "deliver" || from == to {
            continue;
        }
        let sender = &run.events[cause as usize - 1];
        let same = |position: &usize| {
            let effect = &sender.effects[*position];
            let left = effect
                .fate
                .as_deref()
                .is_none_or(|fate| fate.starts_with("late") || fate.starts_with("twice"));
            effect.kind == "send" && effect.to == Some(to) && effect.what == event.what && left
        };
        // Of like messages of one step the last: a mistake then shows as late as it can.
        let sent = (0..sender.effects.len()).rev().find(same).ok_or(format!("{event:?} was never sent"))?;
        let first = (0..sender.effects.len()).find(same).ok_or(format!("{event:?} was never sent"))?;
        let before = latest.insert((from, to), (cause, first));
        if before.is_some_and(|before| before > (cause, sent)) {
            return Err(format!("{from} to {to}: {} at {} has been overtaken", event.what, event.at));
        }
        arrivals += 1;
    }
    Ok(arrivals)
}

/// A lab of everything, with more that holds messages up.
fn wild(seed: u64) -> Lab {
    let mut lab = random_lab(seed);
    let mut stream = Stream(mix(seed ^ 0x6669_666f) << 20);
    let count = u64::from(lab.world.nodes);
    for _ in 0..stream.between(2, 10) {
        let some = nodes([stream.below(count) as u8]);
        let action = match stream.below(4) {
            0 => Action::Pause { nodes: some },
            1 => Action::Crash { nodes: some },
            2 => Action::Clog { links: vec![(some, nodes([stream.below(count) as u8]))] },
            _ => Action::Clog { links: vec![(some, some.complement(count as usize))] },
        };
        let (at_ns, lasting) = (stream.between(1, 280) * MS, stream.between(1, 60) * MS);
        lab.world.faults.push(Fault { at_ns, lasting_ns: Some(lasting), action });
    }
    let rates = Rates { delay_ppm: 300_000, delay_max_us: 60_000, spread_us: 9_000, ..lab.world.rates };
    lab.random(seed, rates)
}

#[test]
fn no_world_that_keeps_the_order_ever_loses_it() {
    let (mut arrivals, mut reordered) = (0, 0);
    for seed in 0..800 {
        let mut lab = wild(seed);
        lab.world.fifo = false;
        reordered += u32::from(is_in_order(&lab.run()).is_err());
        let run = lab.fifo().run();
        assert_eq!(run.struck(FaultClass::Reordering), 0, "seed {seed}");
        let verdict = run.halted().map(|violation| violation.signature.clone());
        assert!(!verdict.as_ref().is_some_and(|name| name.starts_with("panic")), "seed {seed}: {verdict:?}");
        arrivals += is_in_order(&run).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
    assert!(reordered > 400, "without the order kept, only {reordered} of 800 runs lose it");
    assert!(arrivals > 10_000, "{arrivals}");
}
