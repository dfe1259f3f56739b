//! Determinism: a run depends on what its events are, and on nothing else.

use quarrel_sim::decision::{DecisionKind, Fate};
use quarrel_sim::draw::{between, mix};
use quarrel_sim::fault::{Action, Fault, Shape};
use quarrel_sim::world::Rates;

use crate::lab::{Lab, MS, Run, ask, crash, fate, nodes, pause, tell, tick};
use crate::replay::random_lab;
use crate::toy::{Kind, Op};

fn everything(run: &Run) -> (u64, u64, &[String], usize) {
    (run.tally.digest, run.tally.events, &run.log, run.events.len())
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..60 {
        let lab = random_lab(seed);
        let (one, other) = (lab.run(), lab.run());
        assert_eq!(everything(&one), everything(&other), "seed {seed}");
        assert_eq!(one.events, other.events, "seed {seed}");
        assert_eq!(one.decisions, other.decisions, "seed {seed}");
        assert_eq!(lab.run_unrecorded().digest, one.tally.digest, "seed {seed}: recording changes nothing");
    }
}

fn shuffled<T: Clone>(items: &[T], seed: u64) -> Vec<T> {
    let mut items = items.to_vec();
    for last in (1..items.len()).rev() {
        items.swap(last, between(mix(seed ^ last as u64), 0, last as u64) as usize);
    }
    items
}

#[test]
fn the_order_in_which_things_are_listed_does_not_matter() {
    for seed in 0..40 {
        let lab = random_lab(seed);
        let mut other = lab.clone();
        other.world.faults = shuffled(&lab.world.faults, seed);
        other.operations = shuffled(&lab.operations, seed);
        other.orders = shuffled(&lab.orders, seed);
        other.decisions = shuffled(&lab.decisions, seed);
        let (one, other) = (lab.run(), other.run());
        assert_eq!(everything(&one), everything(&other), "seed {seed}");
        assert_eq!(one.faults, other.faults);
    }
}

/// Two faults may do the same to the same nodes at the same time and differ only in how long they last.
#[test]
fn the_order_of_like_faults_of_one_instant_does_not_matter() {
    let wipe = Action::Wipe { nodes: nodes([0]) };
    for action in [crash([0]), wipe, pause([0]), crate::lab::crash_at_write(0, 1), crate::lab::one_way(0, 1)]
    {
        let fault = |lasting_ms: u64| Fault {
            at_ns: 20 * MS,
            lasting_ns: Some(lasting_ms * MS),
            action: action.clone(),
        };
        let run = |faults: Vec<Fault>| {
            let mut lab = Lab::new(2).tell(22, 0, vec![Op::Persist(1), tell(1, 1)]);
            for ms in (30..90).step_by(5) {
                lab = lab.tell(ms, 0, vec![tell(1, ms)]);
            }
            lab.world.faults = faults;
            lab.run()
        };
        let (one, other) = (run(vec![fault(10), fault(50)]), run(vec![fault(50), fault(10)]));
        assert_eq!(one.delivered("n2"), other.delivered("n2"), "{action}");
        assert_eq!(one.tally.digest, other.tally.digest, "{action}");
    }
}

#[test]
fn messages_that_arrive_together_are_ordered_by_what_they_are() {
    let arrivals = |sends: &[(u64, u8, u64)], late: &[(u8, u32)]| {
        let send = |lab: Lab, &(ms, from, number)| lab.tell(ms, from, vec![tell(3, number)]);
        let lab = sends.iter().fold(Lab::new(4), send);
        let delay = |lab: Lab, &(from, us)| {
            lab.decide(fate("tell", &format!("n{}", from + 1), "n4", 1, Fate::Arrives(us)))
        };
        late.iter().fold(lab, delay).run().delivered("n4")
    };
    // Three messages meet at 20 ms, pushed in every order.
    let expected = ["20 tell 0", "20 tell 1", "20 tell 2"];
    assert_eq!(arrivals(&[(10, 0, 0), (12, 1, 1), (14, 2, 2)], &[(0, 9000), (1, 7000), (2, 5000)]), expected);
    assert_eq!(arrivals(&[(10, 2, 2), (12, 1, 1), (14, 0, 0)], &[(2, 9000), (1, 7000), (0, 5000)]), expected);
    assert_eq!(arrivals(&[(10, 1, 1), (10, 2, 2), (10, 0, 0)], &[(1, 9000), (2, 9000), (0, 9000)]), expected);
}

#[test]
fn the_order_of_pushes_within_a_step_does_not_matter_on_different_links() {
    let run = |orders: Vec<Op>| {
        let run = Lab::new(4).tell(10, 0, orders).run();
        let line =
            |event: &quarrel_sim::record::TraceEvent| format!("{:?} {} {}", event.who, event.at, event.what);
        run.events.iter().filter(|event| event.kind == "deliver").map(line).collect::<Vec<_>>()
    };
    let forth = run(vec![tell(1, 1), ask(1, 2), tell(2, 3), ask(3, 4)]);
    assert_eq!(forth, run(vec![ask(3, 4), tell(2, 3), ask(1, 2), tell(1, 1)]));
    assert_eq!(forth.len(), 4);
}

#[test]
fn timers_that_run_out_together_are_ordered_by_what_they_are() {
    let sets = |order: [u64; 3]| {
        let set = |lab: Lab, (position, number): (usize, u64)| {
            let at_ms = 10 + position as u64;
            lab.tell(at_ms, 0, vec![Op::Set(tick(number, vec![]), (50 - at_ms) * MS, (50 - at_ms) * MS)])
        };
        order.into_iter().enumerate().fold(Lab::new(1), set).run().fired("n1")
    };
    let expected = sets([1, 2, 3]);
    assert_eq!(expected.len(), 3);
    for order in [[3, 2, 1], [2, 3, 1], [1, 3, 2]] {
        assert_eq!(sets(order), expected, "set in the order {order:?}");
    }
}

#[test]
fn timers_come_before_messages_and_nodes_come_in_order() {
    let boot = vec![Op::Set(tick(1, vec![]), 20 * MS, 20 * MS)];
    let lab =
        Lab::new(3).boot(boot).tell(19, 2, vec![tell(0, 1), tell(1, 2)]).tell(20, 0, vec![Op::Output(1)]);
    let run = lab.fault(20, None, pause([])).run();
    let at = run.events.iter().filter(|event| event.at == 20 * MS).map(|event| &*event.kind);
    assert_eq!(at.collect::<Vec<_>>(), ["timer", "deliver", "request", "timer", "deliver", "timer", "fault"]);
}

/// Draws hang on names: other kinds of messages may come and go.
#[test]
fn a_new_kind_of_message_moves_no_draw_of_another() {
    let rates = Rates {
        loss_ppm: 100_000,
        duplication_ppm: 100_000,
        delay_ppm: 200_000,
        delay_max_us: 900,
        timer_ppm: 500_000,
        ..Rates::default()
    };
    for seed in 0..10 {
        let mut lab = Lab::new(3).random(seed, rates);
        for ms in 1..40 {
            let sends = |to| [tell(to, ms), ask(to, ms), Op::Send(to, Kind::Note, ms, vec![])];
            let mut orders: Vec<Op> = (0..3).flat_map(sends).collect();
            orders.push(Op::Set(tick(1, vec![]), MS, 2 * MS));
            lab = lab.tell(10 * ms, (ms % 3) as u8, orders);
        }
        let (one, other) = (lab.run_in::<0>(), lab.run_in::<1>());
        let named =
            |run: &Run| run.decisions.iter().map(|(decision, _)| decision.clone()).collect::<Vec<_>>();
        assert!(named(&one).len() > 60);
        assert_eq!(named(&one), named(&other), "seed {seed}");
    }
}

#[test]
fn a_class_of_chance_that_is_off_moves_no_draw_of_another() {
    let all = Rates {
        loss_ppm: 50_000,
        duplication_ppm: 50_000,
        delay_ppm: 50_000,
        delay_max_us: 3,
        spread_us: 2,
        timer_ppm: 300_000,
        sync_ppm: 300_000,
        sync_max_ns: 9,
        ..Rates::default()
    };
    let mut lab = Lab::new(2).sync(1);
    for ms in 1..300 {
        let timer = Op::Set(tick(ms, vec![]), MS / 4, MS / 2);
        lab = lab.tell(3 * ms, (ms % 2) as u8, vec![tell(0, ms), tell(1, ms), Op::Persist(ms), timer]);
    }
    let of = |rates: Rates, kind: DecisionKind| {
        let run = lab.clone().random(8, rates).run();
        let mine = run
            .decisions
            .into_iter()
            .map(|(decision, _)| decision)
            .filter(|decision| decision.key.kind == kind);
        mine.filter(|decision| !matches!(decision.key.of.as_str(), "request" | "reply")).collect::<Vec<_>>()
    };
    use DecisionKind::{Fate as Fates, Sync, Timer};
    // Nothing reaches a node whose request was lost: only what clients ask must be left alone.
    let calm = Rates { loss_ppm: 0, duplication_ppm: 0, delay_ppm: 0, spread_us: 0, ..all };
    assert!(of(calm, Timer).len() > 50 && of(calm, Sync).len() > 50);
    assert_eq!(of(calm, Timer), of(Rates { sync_ppm: 0, ..calm }, Timer));
    assert_eq!(of(calm, Sync), of(Rates { timer_ppm: 0, ..calm }, Sync));
    assert!(of(Rates { sync_ppm: 0, timer_ppm: 0, ..calm }, Fates).is_empty());
    assert!(of(calm, Fates).is_empty());
}

#[test]
fn the_digest_notices_everything() {
    let base = || Lab::new(3).sync(1).tell(10, 0, vec![Op::Persist(1), tell(1, 1)]);
    let partition = Action::partition(Shape::Halves, &[nodes([0]), nodes([2])]);
    let mut slower = base();
    slower.world.latency_ns[1] += 1;
    let changed = [
        base(),
        slower,
        base().tell(20, 0, vec![]),
        base().tell(20, 0, vec![Op::Output(1)]),
        base().tell(20, 0, vec![Op::Output(2)]),
        base().tell(20, 0, vec![Op::Persist(2)]),
        base().tell(20, 0, vec![Op::Compact(vec![2])]),
        base().tell(20, 0, vec![Op::Compact(vec![])]),
        base().tell(20, 0, vec![tell(1, 2)]),
        base().tell(20, 0, vec![tell(2, 2)]),
        base().tell(20, 0, vec![ask(1, 2)]),
        base().tell(20, 0, vec![Op::Unsynced(1, Kind::Ask, 2)]),
        base().tell(20, 0, vec![tell(60, 2)]),
        base().tell(20, 0, vec![Op::Set(tick(1, vec![]), MS, MS)]),
        base().tell(20, 0, vec![Op::Set(tick(1, vec![]), MS, 2 * MS)]),
        base().tell(20, 0, vec![Op::Cancel(tick(1, vec![]))]),
        base().tell(20, 1, vec![]),
        base().tell(21, 0, vec![]),
        base().fault(30, Some(1), crash([2])),
        base().fault(30, Some(2), crash([2])),
        base().fault(30, Some(1), crash([1])),
        base().fault(30, Some(1), pause([2])),
        base().fault(30, Some(1), partition),
        base().decide(fate("tell", "n1", "n2", 1, Fate::Lost)),
        base().decide(fate("tell", "n1", "n2", 1, Fate::Arrives(1))),
    ];
    let mut digests: Vec<u64> = changed.iter().map(|lab| lab.run().tally.digest).collect();
    // An unsynced send from a clean disk is the same send.
    let unsynced = digests.remove(11);
    assert_eq!(digests[10], unsynced);
    let all = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), all);
}
