//! What stays when the world has healed, and what the healed core can rely on.

use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::fault::{Action, Shape};
use quarrel_sim::world::Rates;

use crate::lab::{Lab, MS, Run, clock, crash, fires, nodes, one_way, pause, set_tick, tell};
use crate::liveness::by_itself;
use crate::toy::{Kind, Op};

/// At 200 ms everybody tells everybody; the core is n1, n2 and n4, and this ails n3.
fn ailing(at_ms: u64, lasting: Option<u64>, action: Action) -> Run {
    let boot = (0..4).map(|node| by_itself(node, 200, vec![Op::ToAll(Kind::Tell, u64::from(node) + 1)]));
    let lab = Lab::new(4).liveness(100, nodes([0, 1, 3]), 2_000).boot(boot.collect());
    lab.ask(150, 0, vec![]).fault(at_ms, lasting, action).run()
}

/// Whom each node has heard: `234 134 124 123` if nothing ails anybody.
fn heard(run: &Run) -> String {
    let who = |node: u8| {
        let mut numbers: Vec<_> =
            run.delivered(&format!("n{node}")).iter().map(|line| line.chars().last()).collect();
        numbers.sort();
        numbers.into_iter().flatten().collect::<String>()
    };
    (1..=4).map(who).collect::<Vec<_>>().join(" ")
}

fn shapes() -> Vec<(Action, &'static str)> {
    let (third, others) = (nodes([2]), nodes([0, 1, 3]));
    let cut = |cuts: Vec<(NodeSet, NodeSet)>| Action::Partition { shape: Shape::OneWay, cuts };
    vec![
        (crash([2]), "24 14  12"),
        (Action::Wipe { nodes: third }, "24 14  12"),
        (pause([2]), "24 14  12"),
        (Action::isolate(NodeId(2), 4), "24 14  12"),
        (cut(vec![(third, others)]), "24 14 124 12"),
        (cut(vec![(others, third)]), "234 134  123"),
        (cut(vec![(third, nodes([0])), (nodes([0]), third)]), "24 134 24 123"),
        (Action::Clog { links: vec![(third, others)] }, "24 14 124 12"),
        (Action::Clog { links: vec![(others, third)] }, "234 134  123"),
        (Action::Lose { kind: "tell".to_string(), from: third, to: others }, "24 14 124 12"),
    ]
}

#[test]
fn what_strikes_after_the_healing_stays() {
    for (action, expected) in shapes() {
        for (at, lasting) in [(101, None), (101, Some(5)), (199, Some(1))] {
            let run = ailing(at, lasting, action.clone());
            assert_eq!(heard(&run), expected, "{action} at {at}");
            let over = run.events.iter().filter(|event| ["fault-over", "restart"].contains(&&*event.kind));
            assert_eq!(over.count(), 0, "{action}");
            assert_eq!(run.halted().map(|violation| violation.signature.as_str()), Some("liveness: blocked"));
            assert_eq!(run.faults.len(), 1, "it is part of the record");
        }
    }
}

#[test]
fn what_struck_before_is_over_and_what_would_strike_as_all_heals_never_does() {
    for (action, _) in shapes() {
        assert_eq!(heard(&ailing(50, None, action.clone())), "234 134 124 123", "{action}");
        let run = ailing(100, None, action.clone());
        assert_eq!(heard(&run), "234 134 124 123", "{action}");
        assert!(run.events.iter().all(|event| event.kind != "fault"));
    }
}

#[test]
fn a_crash_before_a_write_stays_too() {
    let boot = vec![by_itself(1, 150, vec![Op::Persist(1)]), by_itself(1, 50, vec![Op::Persist(1)])];
    let lab = Lab::new(2).liveness(100, nodes([0]), 500).boot(boot).ask(120, 0, vec![]);
    let run = lab.fault(101, Some(5), crate::lab::crash_at_write(1, 1)).run();
    assert_eq!((run.heard("n2 crashes").len(), run.at("n2", "restart").len()), (1, 0));
}

#[test]
fn two_that_stay_are_both_there() {
    let run = {
        let boot = (0..4).map(|node| by_itself(node, 200, vec![Op::ToAll(Kind::Tell, u64::from(node) + 1)]));
        let lab = Lab::new(4).liveness(100, nodes([0, 1]), 2_000).boot(boot.collect()).ask(150, 0, vec![]);
        lab.fault(101, None, one_way(2, 0))
            .fault(102, None, one_way(3, 1))
            .fault(50, Some(500), one_way(0, 1))
            .run()
    };
    assert_eq!(heard(&run), "24 13 124 123");
}

/// A core that goes on talking to one that stands still for good is no storm.
#[test]
fn what_waits_for_ever_is_not_under_way() {
    let links = vec![(nodes([0, 1]), nodes([2]))];
    for action in [pause([2]), Action::Clog { links }] {
        let talk = (110..400).map(|ms| by_itself(0, ms, vec![tell(2, ms), tell(1, ms)]));
        let mut lab = Lab::new(3).liveness(100, nodes([0, 1]), 500).boot(talk.collect()).ask(105, 0, vec![]);
        lab.world.limits.pending_max = 20;
        let run = lab.clone().fault(101, None, action.clone()).run();
        assert_eq!(run.halted().map(|violation| violation.property.as_str()), Some("liveness"), "{action}");
        assert_eq!((run.delivered("n3").len(), run.delivered("n2").len()), (0, 290));
        // What waits for a while does count.
        lab.world.duration_ns = 1_000 * MS;
        let run = lab.fault(101, None, action).run();
        assert_eq!(run.halted().map(|violation| violation.property.as_str()), Some("pending-limit"));
    }
}

#[test]
fn links_within_the_core_get_faster_and_never_slower() {
    let boot = (0..3).flat_map(|node| {
        [50, 200].map(|ms| by_itself(node, ms, vec![Op::ToAll(Kind::Tell, 10 * ms + u64::from(node))]))
    });
    let mut lab = Lab::new(3).liveness(150, nodes([0, 1]), 500).boot(boot.collect()).ask(160, 0, vec![]);
    lab.world.latency_ns.fill(20 * MS);
    lab.world.latency_ns[3] = MS / 2;
    let run = lab.run();
    assert_eq!(
        run.delivered("n1"),
        ["50+500000ns tell 501", "70 tell 502", "200+500000ns tell 2001", "220 tell 2002"]
    );
    assert_eq!(run.delivered("n2"), ["70 tell 500", "70 tell 502", "201 tell 2000", "220 tell 2002"]);
    assert_eq!(run.delivered("n3"), ["70 tell 500", "70 tell 501", "220 tell 2000", "220 tell 2001"]);
}

// --- Timers ---

fn scattered(seed: Option<u64>) -> Run {
    let mut lab = Lab::new(3).liveness(100, NodeSet::all(3), 900).ask(150, 0, vec![]);
    for node in 0..3 {
        for at in [0, 200, 400, 600] {
            lab.config.boot.push(by_itself(node, at + 10, vec![set_tick(1_000 + at, 40, 140)]));
        }
    }
    lab.seed = seed;
    lab.run()
}

/// For each node, how late in its range each timer fired, in nanoseconds.
fn points(run: &Run) -> Vec<Vec<u64>> {
    let of = |node: &str| {
        let who = Some(node.parse().unwrap());
        let mine = run.events.iter().filter(|event| event.who == who && event.kind == "timer");
        let numbered =
            mine.filter_map(|event| Some((event.at, event.what.strip_prefix("tick ")?.parse().ok()?)));
        let late = |(at, number): (u64, u64)| Some(at - (number.checked_sub(1_000)? + 50) * MS);
        numbered.filter_map(late).collect()
    };
    ["n1", "n2", "n3"].map(of).to_vec()
}

#[test]
fn in_a_healed_core_timers_are_scattered() {
    let points = points(&scattered(None));
    let mut later: Vec<u64> = Vec::new();
    for (node, points) in points.iter().enumerate() {
        assert_eq!(points.len(), 4, "{points:?}");
        assert_eq!(
            points[0],
            25 * MS * (node as u64 + 1),
            "its point was decided before: it is staggered by rank"
        );
        assert!(points.iter().all(|point| *point <= 100 * MS), "{points:?}");
        later.extend(&points[1..]);
    }
    let all = later.len();
    later.sort_unstable();
    later.dedup();
    assert_eq!(later.len(), all, "no two are alike");
}

#[test]
fn the_scatter_is_the_same_whatever_the_seed_and_can_be_overridden() {
    assert_eq!(points(&scattered(None)), points(&scattered(Some(7))));
    let boot = vec![by_itself(0, 200, vec![set_tick(1, 50, 150)])];
    let lab = Lab::new(1).liveness(100, nodes([0]), 900).boot(boot).ask(150, 0, vec![]);
    // The first tick is the one that sets it, with no range: that decides nothing.
    let run = lab.clone().decide(fires("n1", "tick", 1, 7 * MS)).run();
    assert_eq!(run.fired("n1"), ["200 tick 200", "257 tick 1"]);
    assert_eq!(lab.decide(fires("n1", "tick", 1, u64::MAX - 1)).run().fired("n1")[1], "350 tick 1");
}

#[test]
fn chance_has_no_say_in_a_healed_core() {
    let rates = Rates { loss_ppm: 1_000_000, timer_ppm: 1_000_000, spread_us: 500, ..Rates::default() };
    let boot = vec![by_itself(0, 150, vec![tell(1, 1)]), by_itself(0, 200, vec![set_tick(1, 50, 150)])];
    let lab = Lab::new(2).liveness(100, nodes([0, 1]), 900).boot(boot).ask(90, 0, vec![]);
    let (plain, random) = (lab.run(), lab.random(3, rates).run());
    assert_eq!(random.delivered("n2"), ["151 tell 1"]);
    assert_eq!((plain.fired("n1"), clock(plain.tally.ended_ns)), (random.fired("n1"), "1000".to_string()));
}
