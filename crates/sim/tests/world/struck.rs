//! What struck, measured: what a protocol's assumptions are held against.

use quarrel_protocol::NodeId;
use quarrel_sim::decision::Fate;
use quarrel_sim::fault::{Action, Shape};

use crate::lab::{Lab, MS, Run, crash, fate, nodes, pause, set_tick, tell};
use crate::toy::Op;

/// Message, sync and pause in milliseconds, clock in parts per million.
fn struck(run: &Run) -> (u64, u64, u64, u32) {
    let struck = &run.tally.struck;
    (struck.message_ns / MS, struck.sync_ns / MS, struck.pause_ns / MS, struck.clock_ppm)
}

/// At 10 ms n1 tells n2 something.
fn telling() -> Lab {
    Lab::new(2).tell(10, 0, vec![tell(1, 1)])
}

#[test]
fn the_longest_message_is_measured_from_sending_to_arrival() {
    assert_eq!(struck(&telling().run()), (1, 0, 0, 0));
    let late = fate("tell", "n1", "n2", 1, Fate::Arrives(9_000));
    assert_eq!(struck(&telling().decide(late).run()).0, 10);
    let twice = fate("tell", "n1", "n2", 1, Fate::Twice(0, 30_000));
    assert_eq!(struck(&telling().decide(twice).run()).0, 31, "each copy counts");
    let clog = Action::Clog { links: vec![(nodes([0]), nodes([1]))] };
    assert_eq!(struck(&telling().fault(5, Some(45), clog.clone()).run()).0, 40, "held until 50 ms");
    let two = telling().tell(11, 0, vec![tell(1, 2)]).fifo();
    assert_eq!(struck(&two.fault(5, Some(45), clog).run()).0, 40);
}

#[test]
fn what_never_arrives_has_no_length() {
    let lost = fate("tell", "n1", "n2", 1, Fate::Lost);
    assert_eq!(struck(&telling().decide(lost).run()).0, 0);
    let late = fate("tell", "n1", "n2", 1, Fate::Arrives(90_000));
    let cut = Action::partition(Shape::Halves, &[nodes([0]), nodes([1])]);
    assert_eq!(
        struck(&telling().decide(late.clone()).fault(50, Some(200), cut).run()).0,
        0,
        "cut as it arrives"
    );
    assert_eq!(
        struck(&telling().decide(late).fault(50, Some(200), crash([1])).run()).0,
        0,
        "nobody hears it"
    );
}

#[test]
fn what_is_under_way_at_the_end_counts_as_far_as_it_has_got() {
    let late = fate("tell", "n1", "n2", 1, Fate::Arrives(500_000));
    let lab = telling().decide(late).tell(90, 1, vec![Op::Output(999)]);
    assert_eq!(struck(&lab.run()).0, 80, "not the half second that was to come");
    let sync =
        Lab::new(1).sync(100).tell(10, 0, vec![Op::Persist(1)]).tell(90, 0, vec![Op::Panic("no".into())]);
    assert_eq!(struck(&sync.run()).1, 80);
}

#[test]
fn a_receiver_that_stands_still_is_a_pause_and_no_slow_message() {
    for lab in [telling(), telling().fifo().tell(11, 0, vec![tell(1, 2)])] {
        assert_eq!(struck(&lab.fault(5, Some(45), pause([1])).run()), (1, 0, 45, 0));
    }
}

#[test]
fn a_pause_counts_when_something_waited_and_as_long_as_it_lasted() {
    let unnoticed = Lab::new(2).fault(5, Some(45), pause([1])).run();
    assert_eq!(struck(&unnoticed).2, 0);
    let overlapping = telling().fault(5, Some(45), pause([1])).fault(20, Some(60), pause([1]));
    assert_eq!(struck(&overlapping.run()).2, 75);
    let second = telling().fault(5, Some(45), pause([1])).fault(100, Some(300), pause([1]));
    assert_eq!(struck(&second.run()).2, 45, "nobody noticed the second");
    let crashed = telling().fault(5, Some(45), pause([1])).fault(30, Some(5), crash([1]));
    assert_eq!(struck(&crashed.run()).2, 25, "who is down does not stand still");
    let cut = telling().fault(5, Some(500), pause([1])).tell(60, 0, vec![Op::Output(999)]);
    assert_eq!(struck(&cut.run()).2, 55);
    let sync = Lab::new(2).sync(10).fault(15, Some(30), pause([0]));
    let run = sync.tell(10, 0, vec![Op::Persist(1), tell(1, 1)]).run();
    assert_eq!(struck(&run), (1, 10, 30, 0), "the disk was not slow");
}

#[test]
fn the_longest_sync_and_the_worst_clock() {
    let slow = Action::SlowDisk { node: NodeId(0), extra_ns: 7 * MS };
    let lab = Lab::new(2).sync(3).tell(10, 0, vec![Op::Persist(1)]);
    assert_eq!(struck(&lab.run()).1, 3);
    assert_eq!(struck(&lab.fault(5, Some(50), slow).run()).1, 10);
    let clock = |rate_ppm| Action::Clock { node: NodeId(0), rate_ppm };
    let drifting = Lab::new(2)
        .fault(5, Some(5), clock(-300))
        .fault(15, Some(5), clock(200))
        .boot(vec![set_tick(1, 1, 1)]);
    assert_eq!(struck(&drifting.run()).3, 300);
    let mut born = Lab::new(2);
    born.world.clock_ppm = vec![0, -40];
    assert_eq!(struck(&born.run()).3, 40);
}
