//! The release rule: what follows a write waits for it.

use quarrel_protocol::NodeId;
use quarrel_sim::fault::{Action, FaultClass};
use quarrel_sim::world::Reaction;

use crate::lab::{Lab, MS, ask, clock, on, tell};
use crate::toy::{Kind, Op, Reply, Topic};

fn effects_of<'a>(run: &'a crate::lab::Run, kind: &str, at_ms: u64) -> Vec<&'a str> {
    let events = run.events.iter().filter(|event| event.kind == kind && event.at == at_ms * MS);
    events.flat_map(|event| &event.effects).map(|effect| effect.what.as_str()).collect()
}

#[test]
fn everything_pushed_after_a_write_waits_for_it_and_leaves_in_order() {
    let orders = vec![
        tell(1, 1),
        Op::Persist(7),
        tell(1, 2),
        Op::Output(3),
        Op::Announce(Topic::Voted, 4),
        Op::Reply(Reply::Done(5)),
        Op::Unsynced(1, Kind::Ask, 9),
        ask(1, 6),
    ];
    let run = Lab::new(2).sync(5).tell(10, 0, orders).run();
    assert_eq!(run.delivered("n2"), ["11 ask 9", "11 tell 1", "16 ask 6", "16 tell 2"]);
    assert_eq!(effects_of(&run, "sync", 15), ["tell 2", "3", "voted 4", "op0: done 5", "ask 6"]);
    assert_eq!(run.heard("n1 ")[1..], ["n1 puts out 3", "n1 voted 4", "n1 answers c1 op0: done 5"]);
    assert_eq!(run.at("c1", "answer"), ["15+1ns op0: done 5"]);
}

#[test]
fn a_later_step_waits_for_the_writes_of_an_earlier_one() {
    let lab = Lab::new(2).sync(5).tell(10, 0, vec![Op::Persist(1), tell(1, 1)]);
    let lab = lab.tell(12, 0, vec![tell(1, 2)]).tell(13, 0, vec![Op::Persist(2), tell(1, 3)]);
    // The write of 13 ms missed the sync that began at 10 ms: the next one, from 15 to 20 ms, covers it.
    let run = lab.tell(17, 0, vec![tell(1, 4)]).tell(21, 0, vec![tell(1, 5)]).run();
    assert_eq!(run.delivered("n2"), ["16 tell 1", "16 tell 2", "21 tell 3", "21 tell 4", "22 tell 5"]);
    assert_eq!(run.at("n1", "sync"), ["15 1 write is durable", "20 2 writes are durable"]);
}

#[test]
fn one_sync_covers_all_writes_of_a_step() {
    let orders =
        vec![Op::Persist(1), tell(1, 1), Op::Persist(2), tell(1, 2), Op::Compact(vec![9]), tell(1, 3)];
    let run = Lab::new(2).sync(5).tell(10, 0, orders).run();
    assert_eq!(run.delivered("n2"), ["16 tell 1", "16 tell 2", "16 tell 3"]);
    assert_eq!(run.at("n1", "sync"), ["15 3 writes are durable"]);
}

#[test]
fn another_node_does_not_wait() {
    let lab = Lab::new(3).sync(5).tell(10, 0, vec![Op::Persist(1), tell(2, 1)]);
    let run = lab.tell(11, 1, vec![tell(2, 2)]).run();
    assert_eq!(run.delivered("n3"), ["12 tell 2", "16 tell 1"]);
}

#[test]
fn a_write_that_nothing_waits_for_is_lazy() {
    let slow = Action::SlowDisk { node: NodeId(0), extra_ns: 3 * MS };
    let lab = Lab::new(2).sync(5).fault(1, None, slow).tell(10, 0, vec![Op::Persist(1), Op::Persist(2)]);
    let run = lab.run();
    assert_eq!(run.at("n1", "sync"), ["18 2 writes are durable"]);
    assert_eq!(run.struck(FaultClass::SlowDisk), 0, "it held nothing back");
    let run = lab.tell(30, 0, vec![Op::Persist(3), tell(1, 1)]).run();
    assert_eq!((run.struck(FaultClass::SlowDisk), run.delivered("n2")), (1, vec!["39 tell 1".to_string()]));
}

#[test]
fn nothing_is_held_by_a_disk_that_syncs_at_once() {
    let orders =
        vec![Op::Persist(1), tell(1, 1), Op::Compact(vec![]), Op::Output(2), Op::Reply(Reply::Done(3))];
    let run = Lab::new(2).tell(10, 0, orders).run();
    assert_eq!(run.delivered("n2"), ["11 tell 1"]);
    assert_eq!(run.at("c1", "answer"), ["10+1ns op0: done 3"]);
    assert!(run.at("n1", "sync").is_empty());
    assert!(run.events.iter().flat_map(|event| &event.effects).all(|effect| effect.fate.is_none()));
}

#[test]
fn a_message_to_oneself_completes_the_writes_before_it() {
    let note = Op::Send(0, Kind::Note, 1, vec![Op::Output(8)]);
    let run = Lab::new(1).sync(5).tell(10, 0, vec![Op::Persist(1), note.clone(), Op::Persist(2)]).run();
    assert_eq!(run.delivered("n1"), ["15 note 1"]);
    assert_eq!(run.tally.messages, 0, "it never touches the network");
    assert_eq!(Lab::new(1).tell(10, 0, vec![Op::Persist(1), note]).run().delivered("n1"), ["10 note 1"]);
}

#[test]
fn the_nemesis_hears_an_announcement_at_once_and_observers_when_it_is_released() {
    let lab = Lab::new(2).sync(5).rule(on("voted", Reaction::Do(crate::lab::pause([1]))));
    let run = lab.tell(10, 0, vec![Op::Persist(1), Op::Announce(Topic::Voted, 1)]).run();
    assert_eq!(run.faults.iter().map(|fault| clock(fault.at_ns)).collect::<Vec<_>>(), ["10"]);
    assert_eq!(effects_of(&run, "sync", 15), ["voted 1"]);
    assert_eq!(run.heard("n1 voted").len(), 1);
}

#[test]
fn what_a_start_writes_is_a_write_like_any_other() {
    let boot = vec![Op::IfBlank(vec![Op::Persist(1), Op::On(0, vec![tell(1, 1)])])];
    let run = Lab::new(2).sync(5).boot(boot).run();
    assert_eq!(run.delivered("n2"), ["6 tell 1"]);
}
