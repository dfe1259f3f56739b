//! What an observer is told of the world itself: faults, time, and the end.

use quarrel_protocol::Ending;
use quarrel_sim::decision::Fate;
use quarrel_sim::fault::{Action, FaultClass};

use crate::lab::{Lab, MS, Run, crash, fate, nodes, pause, set_tick, tell};
use crate::toy::Op;

fn faults(run: &Run) -> Vec<(u64, FaultClass)> {
    run.hearing.faults.iter().map(|&(at_ns, class)| (at_ns / MS, class)).collect()
}

#[test]
fn a_fault_is_told_when_it_changes_something_and_before_what_comes_of_it() {
    let partition = Action::isolate(quarrel_protocol::NodeId(1), 2);
    let lab = Lab::new(2).fault(10, Some(20), partition).fault(50, Some(20), crash([1]));
    let run = lab.tell(15, 0, vec![tell(1, 1)]).tell(60, 0, vec![tell(1, 2)]).run();
    assert_eq!(faults(&run), [(15, FaultClass::Partition), (50, FaultClass::Crash)]);
    let calm = Lab::new(2).fault(10, Some(20), Action::isolate(quarrel_protocol::NodeId(1), 2)).run();
    assert_eq!(calm.hearing.faults, [], "what nobody notices is no failure");
    let late = Lab::new(2).decide(fate("tell", "n1", "n2", 1, Fate::Arrives(9_000)));
    let run = late.tell(15, 0, vec![tell(1, 1)]).run();
    assert_eq!(faults(&run), [(15, FaultClass::Delay)], "as it is sent, not as it arrives");
}

#[test]
fn whatever_a_report_counts_an_observer_has_heard() {
    let healthy = vec![Op::Persist(1), tell(1, 1), set_tick(1, 5, 5)];
    let all = nodes([0, 1]);
    let slow = Action::SlowDisk { node: quarrel_protocol::NodeId(0), extra_ns: MS };
    let clock = Action::Clock { node: quarrel_protocol::NodeId(0), rate_ppm: 500_000 };
    for action in [crash([0]), pause([0, 1]), Action::Clog { links: vec![(all, all)] }, slow, clock] {
        let lab = Lab::new(2).sync(3).fault(20, Some(30), action.clone());
        let run = lab.tell(19, 0, healthy.clone()).tell(30, 0, healthy.clone()).run();
        assert!(!run.hearing.faults.is_empty(), "{action}");
        for class in FaultClass::ALL {
            let heard = run.hearing.faults.iter().filter(|&&(_, it)| it == class).count();
            assert_eq!(heard as u64, run.struck(class), "{action}: {}", class.name());
        }
    }
}

#[test]
fn a_sync_that_completes_in_a_pause_keeps_what_waits_for_it_waiting() {
    let lab = Lab::new(2).sync(10).fault(15, Some(30), pause([0]));
    let run = lab.tell(10, 0, vec![Op::Persist(1), tell(1, 1)]).run();
    assert_eq!(
        (run.delivered("n2"), faults(&run)),
        (vec!["46 tell 1".into()], vec![(20, FaultClass::Pause)])
    );
}

#[test]
fn each_time_is_told_once_and_before_all_else() {
    let run = Lab::new(2).tell(5, 0, vec![tell(1, 1), tell(1, 2)]).tell(5, 1, vec![Op::Output(1)]).run();
    assert!(run.hearing.times.is_sorted_by(|before, after| before < after));
    let last = run.hearing.times.last();
    assert_eq!(last, Some(&run.tally.ended_ns), "even when nothing happens at the end");
    assert!(
        run.events.iter().filter(|event| event.at > 0).all(|event| run.hearing.times.contains(&event.at))
    );
}

#[test]
fn the_end_is_told_once_and_only_of_a_run_that_got_there() {
    let run = Lab::new(2).healing(100, 50).run();
    assert_eq!(run.hearing.endings, [Ending { at_ns: 150 * MS, settled: None }]);
    let cut = Lab::new(2).tell(5, 0, vec![Op::Output(999)]).run();
    assert_eq!(cut.hearing.endings, [], "an observer had enough");
    let broken = Lab::new(2).tell(5, 0, vec![Op::Panic("no".to_string())]).run();
    assert_eq!(broken.hearing.endings, []);
}

#[test]
fn the_end_says_who_has_come_back() {
    let core = nodes([0, 1]);
    let answer = vec![Op::Reply(crate::toy::Reply::Done(1))];
    let run = Lab::new(3).liveness(100, core, 500).ask(150, 0, answer.clone()).run();
    let settled = run.tally.settled_ns.unwrap();
    assert_eq!(run.hearing.endings, [Ending { at_ns: settled, settled: Some(core) }]);
    let run = Lab::new(3).liveness(100, core, 500).ask(50, 0, answer).run();
    let settled = run.tally.settled_ns.unwrap();
    assert_eq!(run.hearing.endings, [Ending { at_ns: settled, settled: None }], "it was asked nothing new");
    let run = Lab::new(3).liveness(100, core, 500).ask(50, 0, vec![]).run();
    assert_eq!(run.halted().map(|broken| broken.property.as_str()), Some("liveness"));
    assert_eq!(run.hearing.endings, [Ending { at_ns: 600 * MS, settled: None }], "they had to, and have not");
}
