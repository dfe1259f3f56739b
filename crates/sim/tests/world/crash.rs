//! Crashes: what is lost, what survives, what still leaves.

use quarrel_sim::decision::Fate;
use quarrel_sim::fault::{Action, FaultClass};

use crate::lab::{Lab, MS, crash, crash_at_write, cut, fate, lost, nodes, pause, set_tick, tell};
use crate::toy::{Kind, Op, Topic};

fn persist_three() -> Vec<Op> {
    vec![Op::Persist(1), Op::Persist(2), Op::Persist(3), tell(1, 1), Op::Output(2)]
}

#[test]
fn a_crash_takes_the_memory_and_the_newest_un_synced_writes() {
    for taken in 0..=4u64 {
        let lab = Lab::new(2).sync(10).tell(10, 0, persist_three()).fault(12, Some(5), crash([0]));
        let lab = if taken == 0 { lab } else { lab.decide(lost("n1", 1, taken)) };
        let run = lab.run();
        let survivors: Vec<u64> = (1..=3u64.saturating_sub(taken)).collect();
        let mut lines = vec![
            "n1 recovers []".to_string(),
            "n1 crashes".to_string(),
            format!("n1 recovers {survivors:?}"),
        ];
        if taken == 0 {
            lines.insert(1, "n1 puts out 2".to_string());
        }
        assert_eq!(
            run.heard("n1"),
            lines,
            "what was held has vanished, unless all that it waited for survived"
        );
        assert!(run.delivered("n2").is_empty());
        assert_eq!(run.struck(FaultClass::LostWrites), u64::from(taken > 0));
        assert_eq!(run.at("n1", "restart").len(), 1);
        assert!(run.at("n1", "restart")[0].starts_with("17 "));
        assert_eq!(run.never_asked, 0);
    }
}

#[test]
fn what_was_synced_is_never_lost() {
    let lab = Lab::new(1).sync(5).tell(10, 0, vec![Op::Persist(1), Op::Persist(2)]);
    let lab = lab.tell(16, 0, vec![Op::Persist(3)]).fault(17, Some(5), crash([0])).decide(lost("n1", 1, 9));
    assert_eq!(lab.run().heard("n1 recovers")[1..], ["n1 recovers [1, 2]"]);
    // Nothing is un-synced any more: nobody asks what is lost.
    let lab = Lab::new(1).sync(5).tell(10, 0, vec![Op::Persist(1)]).fault(17, Some(5), crash([0]));
    let run = lab.decide(lost("n1", 1, 9)).run();
    assert_eq!((run.heard("n1 recovers")[1..].to_vec(), run.never_asked), (vec!["n1 recovers [1]"], 1));
}

#[test]
fn a_compaction_is_atomic() {
    let orders = vec![Op::Persist(1), Op::Persist(2), Op::Compact(vec![8, 9]), Op::Persist(3)];
    let survivors = ["[8, 9, 3]", "[8, 9]", "[1, 2]", "[1]", "[]"];
    for (taken, survivors) in survivors.into_iter().enumerate() {
        let lab = Lab::new(1).sync(10).tell(10, 0, orders.clone()).fault(12, Some(5), crash([0]));
        let lab = if taken == 0 { lab } else { lab.decide(lost("n1", 1, taken as u64)) };
        assert_eq!(lab.run().heard("n1 recovers")[1..], [format!("n1 recovers {survivors}")]);
    }
}

#[test]
fn observers_hear_of_writes_that_survive() {
    let announce = |number| [Op::Persist(number), Op::Announce(Topic::Voted, number), Op::Output(number)];
    let orders = (1..=3).flat_map(announce).collect::<Vec<_>>();
    let run = |taken| {
        let lab = Lab::new(1).sync(10).tell(10, 0, orders.clone()).fault(12, None, crash([0]));
        lab.decide(lost("n1", 1, taken)).run()
    };
    let heard = ["n1 voted 1", "n1 puts out 1", "n1 voted 2", "n1 puts out 2", "n1 crashes"];
    assert_eq!(run(1).heard("n1")[1..6], heard);
    assert_eq!(run(3).heard("n1")[1..], ["n1 crashes", "n1 recovers []"]);
}

#[test]
fn a_sync_that_a_crash_interrupted_completes_nothing_later() {
    let lab =
        Lab::new(2).sync(10).tell(10, 0, vec![Op::Persist(1), tell(1, 1)]).fault(12, Some(1), crash([0]));
    let run = lab.tell(14, 0, vec![Op::Persist(2), tell(1, 2)]).run();
    assert_eq!(
        run.delivered("n2"),
        ["25 tell 2"],
        "not at 21 ms, when the old sync would have been complete"
    );
    assert_eq!(run.at("n1", "sync").len(), 1);
}

#[test]
fn a_message_to_oneself_dies_with_the_node() {
    let note = || Op::Send(0, Kind::Note, 1, vec![Op::Output(1)]);
    let lab = Lab::new(1).sync(10).tell(10, 0, vec![Op::Persist(1), note()]).fault(12, Some(1), crash([0]));
    assert!(lab.run().delivered("n1").is_empty(), "while it waits for the disk");
    for outage in [0, 5] {
        let lab = Lab::new(1).tell(10, 0, vec![note(), Op::Persist(1)]).fault(
            5,
            Some(outage),
            crash_at_write(0, 1),
        );
        let run = lab.run();
        assert!(run.delivered("n1").is_empty(), "while it is under way");
        assert_eq!(run.heard("n1 recovers").len(), 2);
    }
}

#[test]
fn a_broadcast_is_cut_in_the_middle_only_at_the_very_instant() {
    let lab = Lab::new(5).tell(10, 0, vec![Op::ToAll(Kind::Tell, 1)]);
    let got = |lab: Lab| {
        let run = lab.run();
        let got = ["n2", "n3", "n4", "n5"].map(|node| run.delivered(node).len());
        (got, run.never_asked, run.struck(FaultClass::CutBroadcast))
    };
    let at_once = |effects| lab.clone().fault(10, None, crash([0])).decide(cut("n1", 1, effects));
    assert_eq!(got(at_once(2)), ([1, 1, 0, 0], 0, 1), "the newest do not leave");
    assert_eq!(got(at_once(4)), ([0, 0, 0, 0], 0, 1));
    assert_eq!(got(at_once(u64::MAX)), ([0, 0, 0, 0], 0, 1));
    assert_eq!(got(lab.clone().fault(10, None, crash([0]))), ([1, 1, 1, 1], 0, 0));
    let mut later = at_once(4);
    later.world.faults[0].at_ns += 1;
    assert_eq!(got(later), ([1, 1, 1, 1], 1, 0), "what left a nanosecond ago has left");
}

#[test]
fn a_cut_takes_what_was_released_at_that_instant_too() {
    let lab = Lab::new(3).sync(5).tell(10, 0, vec![Op::Persist(1), Op::ToAll(Kind::Tell, 1)]);
    let run = lab.fault(15, None, crash([0])).decide(cut("n1", 1, 1)).run();
    assert_eq!((run.delivered("n2").len(), run.delivered("n3").len()), (1, 0));
}

/// A message is one effect, however often the network will deliver it.
#[test]
fn a_cut_counts_a_message_that_would_arrive_twice_once() {
    let lab = Lab::new(3).tell(10, 0, vec![Op::ToAll(Kind::Tell, 1)]).fault(10, None, crash([0]));
    let lab = lab.decide(fate("tell", "n1", "n3", 1, Fate::Twice(0, 500))).decide(cut("n1", 1, 1));
    let run = lab.run();
    assert_eq!((run.delivered("n2").len(), run.delivered("n3").len()), (1, 0));
}

#[test]
fn a_crash_at_a_write_releases_what_was_pushed_before_and_drops_the_rest() {
    let orders = vec![
        tell(1, 1),
        Op::Persist(1),
        tell(1, 2),
        Op::Output(2),
        Op::Persist(2),
        tell(1, 3),
        Op::Output(3),
        set_tick(1, 1, 1),
    ];
    let run = Lab::new(2).tell(10, 0, orders).fault(5, Some(7), crash_at_write(0, 2)).run();
    assert_eq!(run.delivered("n2"), ["11 tell 1", "11 tell 2"]);
    assert_eq!(run.heard("n1")[1..], ["n1 puts out 2", "n1 crashes", "n1 recovers [1]"]);
    assert!(run.at("n1", "restart")[0].starts_with("17 "), "the outage counts from the crash");
    assert!(run.fired("n1").is_empty());
    assert_eq!((run.struck(FaultClass::CrashAtWrite), run.struck(FaultClass::Crash)), (1, 1));
}

#[test]
fn a_crash_at_a_write_counts_writes_over_steps_and_strikes_once() {
    let mut lab = Lab::new(1).fault(5, Some(2), crash_at_write(0, 3));
    for (ms, record) in [(10, 1), (20, 2), (30, 3), (40, 4), (50, 5), (60, 6)] {
        lab = lab.tell(ms, 0, vec![Op::Persist(record)]);
    }
    let run = lab.fault(70, Some(1), crash([0])).run();
    assert_eq!(run.heard("n1 recovers")[1..], ["n1 recovers [1, 2]", "n1 recovers [1, 2, 4, 5, 6]"]);
    assert_eq!(run.struck(FaultClass::CrashAtWrite), 1);
}

#[test]
fn a_crash_at_a_write_that_never_comes_changes_nothing() {
    let lab = Lab::new(2).tell(10, 0, vec![Op::Persist(1), tell(1, 1)]);
    let run = lab.clone().fault(5, Some(2), crash_at_write(0, 2)).run();
    assert_eq!((run.delivered("n2"), run.struck(FaultClass::Crash)), (vec!["11 tell 1".to_string()], 0));
    let run = lab.fault(5, Some(2), crash_at_write(9, 1)).fault(5, None, crash_at_write(0, 0)).run();
    assert_eq!(run.struck(FaultClass::Crash), 0, "a node that is not there, a write that is none");
}

#[test]
fn a_node_may_crash_at_a_write_of_its_own_start() {
    let boot = vec![Op::Persist(1), Op::Output(1), Op::Persist(2), Op::Output(2)];
    let lab = Lab::new(1).boot(boot).fault(5, Some(5), crash([0])).fault(7, Some(3), crash_at_write(0, 2));
    let run = lab.run();
    let lines = ["n1 recovers [1, 2]", "n1 puts out 1", "n1 crashes", "n1 recovers [1, 2, 1]"];
    assert_eq!(run.heard("n1")[4..8], lines);
    assert_eq!(run.at("n1", "restart").len(), 2);
}

#[test]
fn a_crash_of_a_node_that_is_down_changes_nothing() {
    let lab = Lab::new(2).fault(10, Some(20), crash([0])).fault(15, Some(100), crash([0]));
    let run = lab.tell(31, 0, vec![tell(1, 1)]).run();
    assert_eq!(run.struck(FaultClass::Crash), 1);
    assert_eq!(run.at("n1", "restart").len(), 1);
    assert_eq!(run.delivered("n2"), ["32 tell 1"], "it is back when the first fault said so");
}

#[test]
fn who_is_down_hears_nothing_and_what_is_under_way_goes_on() {
    let lab = Lab::new(3).tell(10, 0, vec![tell(1, 1), tell(2, 2)]).tell(12, 2, vec![tell(0, 3), tell(0, 4)]);
    let lab = lab.fault(10, Some(4), crash([0])).decide(fate("tell", "n3", "n1", 2, Fate::Arrives(5_000)));
    let run = lab.run();
    assert_eq!(
        (run.delivered("n2"), run.delivered("n3")),
        (vec!["11 tell 1".into()], vec!["11 tell 2".into()])
    );
    assert_eq!(run.at("n1", "lost").len(), 1, "{:?}", run.at("n1", "lost"));
    assert_eq!(run.delivered("n1"), ["18 tell 4"], "it was back by then");
    assert_eq!(run.tally.crashes_mid_flight, 1);
}

#[test]
fn a_wipe_takes_the_disk_and_a_crash_of_all_takes_everybody() {
    let orders = || vec![Op::Persist(4)];
    let lab = Lab::new(3).tell(10, 0, orders()).tell(10, 1, orders()).tell(10, 2, orders());
    let wipe = Action::Wipe { nodes: nodes([1]) };
    let run = lab.clone().fault(20, Some(3), wipe).run();
    assert_eq!(run.heard("n2 recovers")[1..], ["n2 recovers []"]);
    assert_eq!((run.struck(FaultClass::Wipe), run.struck(FaultClass::Crash)), (1, 1));
    let run = lab.fault(20, Some(3), crash([0, 1, 2, 7])).run();
    assert_eq!(run.heard("n")[3..6], ["n1 crashes", "n2 crashes", "n3 crashes"]);
    assert_eq!(run.heard("n")[6..], ["n1 recovers [4]", "n2 recovers [4]", "n3 recovers [4]"]);
}

#[test]
fn a_crash_ends_a_pause_and_a_pause_holds_a_sync() {
    let lab =
        Lab::new(2).sync(5).tell(10, 0, vec![Op::Persist(1), tell(1, 1)]).fault(11, Some(30), pause([0]));
    assert_eq!(lab.run().delivered("n2"), ["42 tell 1"]);
    let run = lab.fault(20, Some(2), crash([0])).tell(25, 0, vec![tell(1, 2)]).run();
    assert_eq!(run.delivered("n2"), ["26 tell 2"]);
}

#[test]
fn a_crash_that_lasts_no_time_is_a_restart_at_once() {
    let lab = Lab::new(1).tell(10, 0, vec![Op::Persist(1)]).fault(20, Some(0), crash([0]));
    let run = lab.tell(30, 0, vec![Op::Output(1)]).run();
    assert_eq!(run.heard("n1")[1..], ["n1 crashes", "n1 recovers [1]", "n1 puts out 1"]);
    assert!(run.at("n1", "restart")[0].starts_with("20 "));
    let fault = &run.faults[0];
    assert_eq!((fault.at_ns, &fault.action), (20 * MS, &Action::Crash { nodes: nodes([0]) }));
}
