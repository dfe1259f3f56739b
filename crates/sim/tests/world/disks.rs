//! Disks that do worse than lose what no sync has covered.

use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::decision::{DecisionKind, Remains};
use quarrel_sim::fault::{Action, FaultClass};
use quarrel_sim::world::Rates;

use crate::lab::{Lab, crash, lost, nodes, remains, tell, torn};
use crate::toy::{Op, Topic};

fn persist<const N: usize>(records: [u64; N]) -> Vec<Op> {
    records.into_iter().map(Op::Persist).collect()
}

fn lying() -> Action {
    Action::LyingDisk { nodes: nodes([0]) }
}

fn full() -> Action {
    Action::FullDisk { nodes: nodes([0]) }
}

fn rot(record: u32) -> Action {
    Action::BitRot { node: NodeId(0), record }
}

/// Four un-synced writes at 10 ms, and a crash at 12 ms for 5 ms.
fn crashing() -> Lab {
    Lab::new(1).sync(10).tell(10, 0, persist([1, 2, 3, 4])).fault(12, Some(5), crash([0]))
}

/// What it recovers the second time.
fn recovered(lab: &Lab) -> String {
    lab.run().heard("n1 recovers")[1].replace("n1 recovers ", "")
}

// --- Half-written ---

#[test]
fn a_torn_record_is_gone_and_its_node_starts() {
    let lab = crashing().decide(lost("n1", 1, 2)).decide(torn("n1", 1));
    let run = lab.run();
    assert_eq!(recovered(&lab), "[1, 2]");
    assert_eq!((run.struck(FaultClass::TornRecord), run.struck(FaultClass::LostWrites)), (1, 1));
    assert_eq!(run.struck(FaultClass::BitRot), 0);
    assert_eq!(
        run.at("n1", "restart"),
        ["17 restarts with 2 records on its disk; 1 is unreadable, and dropped as if half-written"]
    );
    // Nobody asks whether a record is torn where none is lost.
    assert_eq!(crashing().decide(torn("n1", 1)).run().never_asked, 1);
}

#[test]
fn half_of_a_compaction_is_none_of_it() {
    let orders = vec![Op::Persist(1), Op::Compact(vec![8, 9])];
    let lab = Lab::new(1).sync(10).tell(10, 0, orders).fault(12, Some(5), crash([0]));
    assert_eq!(recovered(&lab.decide(lost("n1", 1, 1)).decide(torn("n1", 1))), "[1]");
}

// --- In any order ---

#[test]
fn a_crash_leaves_any_of_the_un_synced_writes() {
    for subset in 0..16u32 {
        let mut lab = crashing().unordered();
        let is_lost = |write: u32| subset >> (write - 1) & 1 == 1;
        for write in (1..=4).filter(|&write| is_lost(write)) {
            lab = lab.decide(remains("n1", write, Remains::Nothing));
        }
        let left: Vec<u32> = (1..=4).filter(|&write| !is_lost(write)).collect();
        let run = lab.run();
        assert_eq!(recovered(&lab), format!("{left:?}"));
        assert_eq!(run.never_asked, 0);
        let is_suffix = left.iter().eq(&(1..=left.len() as u32).collect::<Vec<_>>());
        assert_eq!(run.struck(FaultClass::UnorderedLoss), u64::from(!is_suffix), "{left:?}");
        assert_eq!(run.struck(FaultClass::LostWrites), u64::from(left.len() < 4));
    }
}

/// What is behind a half-written record was written later, and only a disk that keeps no order holds it. There any
/// unreadable record may be half of a write, and is dropped as such.
#[test]
fn a_torn_record_in_the_middle_is_gone_alone() {
    let lab = crashing().unordered().decide(remains("n1", 2, Remains::Half));
    assert_eq!(recovered(&lab), "[1, 3, 4]");
    let run = lab.run();
    assert_eq!((run.struck(FaultClass::TornRecord), run.struck(FaultClass::UnorderedLoss)), (1, 1));
    let rotten = lab.tell(30, 0, persist([5])).fault(40, None, rot(3)).fault(41, Some(5), crash([0]));
    let run = rotten.run();
    assert_eq!(run.heard("n1 recovers")[2], "n1 recovers [1, 4, 5]");
    assert_eq!(run.struck(FaultClass::BitRot), 1);
}

/// What is behind a barrier is on the disk only with all that is before it; what is on one side of it keeps no order.
#[test]
fn nothing_behind_a_barrier_outlives_what_is_before_it() {
    let orders = || {
        let mut orders = persist([1, 2]);
        orders.push(Op::Barrier);
        orders.extend(persist([3, 4]));
        orders
    };
    let lab = || Lab::new(1).sync(10).tell(10, 0, orders()).fault(12, Some(5), crash([0]));
    let without = |write, remained| lab().unordered().decide(remains("n1", write, remained));
    assert_eq!(recovered(&lab().unordered()), "[1, 2, 3, 4]");
    for (write, left) in [(1, "[2]"), (2, "[1]"), (3, "[1, 2, 4]"), (4, "[1, 2, 3]")] {
        assert_eq!(recovered(&without(write, Remains::Nothing)), left, "without {write}");
        assert_eq!(recovered(&without(write, Remains::Half)), left, "half of {write}");
    }
    // A barrier that all before it has passed holds nothing back.
    let later = without(1, Remains::Nothing).tell(1, 0, vec![Op::Persist(9), Op::Barrier]);
    assert_eq!(recovered(&later.clone()), "[9, 2]");
    // Where disks keep the order it changes nothing at all.
    let plain = Lab::new(1).sync(10).tell(10, 0, persist([1, 2, 3, 4])).fault(12, Some(5), crash([0]));
    let lose = |lab: Lab| lab.decide(lost("n1", 1, 1)).run();
    assert_eq!(lose(lab()).tally.digest, lose(plain).tally.digest);
}

/// A disk that lies about a sync lies about those at barriers too: it has forgotten what it has reported, and keeps the order
/// of the rest.
#[test]
fn a_barrier_does_not_know_of_lies() {
    let lab = Lab::new(1).sync(2).unordered().fault(10, Some(10), lying()).tell(11, 0, persist([1]));
    let lab =
        lab.tell(14, 0, vec![Op::Persist(2), Op::Barrier, Op::Persist(3)]).fault(15, Some(5), crash([0]));
    assert_eq!(recovered(&lab), "[2, 3]");
    assert_eq!(recovered(&lab.clone().decide(remains("n1", 1, Remains::Nothing))), "[]");
}

#[test]
fn observers_hear_of_what_has_all_before_it() {
    let announce = |number| [Op::Persist(number), Op::Announce(Topic::Voted, number)];
    let orders = (1..=3).flat_map(announce).collect::<Vec<_>>();
    let lab = Lab::new(1).sync(10).tell(10, 0, orders).fault(12, Some(5), crash([0])).unordered();
    let run = lab.decide(remains("n1", 2, Remains::Nothing)).run();
    assert_eq!(run.heard("n1")[1..], ["n1 voted 1", "n1 crashes", "n1 recovers [1, 3]"]);
}

/// Even where crashes always take writes they leave some: what is left is any subset.
#[test]
fn drawn_subsets_are_of_every_size() {
    let rates = Rates { lost_ppm: 1_000_000, ..Rates::default() };
    let mut sizes = [0u32; 5];
    for seed in 0..400 {
        let left = recovered(&crashing().unordered().random(seed, rates));
        sizes[left.matches(|digit: char| digit.is_ascii_digit()).count()] += 1;
    }
    // 4 of them: 25, 100, 150, 100, 25.
    assert!(sizes.iter().zip([10, 60, 100, 60, 10]).all(|(&size, least)| size >= least), "{sizes:?}");
}

#[test]
fn what_is_off_draws_nothing_and_shifts_nothing() {
    let all = Rates { lost_ppm: 500_000, cut_ppm: 500_000, torn_ppm: 500_000, ..Rates::default() };
    let of = |rates: Rates, seed, kind| {
        let run = crashing().random(seed, rates).run();
        run.decisions.iter().filter(|(it, _)| it.key.kind == kind).count()
    };
    for seed in 0..50 {
        let none = Rates { torn_ppm: 0, ..all };
        assert_eq!(of(none, seed, DecisionKind::Torn), 0);
        assert_eq!(of(none, seed, DecisionKind::Lost), of(all, seed, DecisionKind::Lost));
    }
    assert!((0..50).any(|seed| of(all, seed, DecisionKind::Torn) == 1));
}

// --- Lies ---

#[test]
fn what_a_disk_lied_about_goes_with_the_next_crash() {
    for sync in [0, 2] {
        let lab = Lab::new(2).sync(sync).tell(5, 0, persist([1]));
        let lab =
            lab.fault(10, Some(10), lying()).tell(12, 0, vec![Op::Persist(2), tell(1, 2), Op::Persist(3)]);
        let run = lab.clone().fault(15, Some(5), crash([0])).run();
        assert_eq!(run.heard("n1 recovers")[1], "n1 recovers [1]", "sync {sync}");
        assert_eq!(run.delivered("n2").len(), 1, "what waited for the sync has left");
        assert_eq!(run.struck(FaultClass::LyingSync), 1);
        // The lie outlasts the fault, until a sync that is none has covered it.
        let run = lab.clone().fault(30, Some(5), crash([0])).run();
        assert_eq!(run.heard("n1 recovers")[1], "n1 recovers [1]", "sync {sync}");
        let run = lab.clone().tell(22, 0, persist([4])).fault(30, Some(5), crash([0])).run();
        assert_eq!(run.heard("n1 recovers")[1], "n1 recovers [1, 2, 3, 4]", "sync {sync}");
        assert_eq!(run.struck(FaultClass::LyingSync), 0, "nobody has noticed");
    }
}

#[test]
fn what_no_sync_has_covered_goes_with_what_it_stands_behind() {
    let lab = Lab::new(1).sync(2).fault(10, Some(10), lying()).tell(12, 0, persist([1]));
    let lab = lab.tell(14, 0, persist([2, 3])).fault(15, Some(5), crash([0]));
    assert_eq!(recovered(&lab), "[]");
    let words = lab.run().events.iter().flat_map(|event| event.effects.clone()).find(|it| it.kind == "crash");
    assert_eq!(
        words.unwrap().what,
        "n1 crashes, losing 1 write that a sync had reported done and 2 un-synced writes"
    );
    assert_eq!(recovered(&lab.unordered()), "[2, 3]", "where there is no order it goes alone");
}

// --- Rot ---

#[test]
fn a_damaged_last_record_looks_as_a_torn_one_does() {
    let lab =
        Lab::new(1).tell(5, 0, persist([1, 2, 3])).fault(10, None, rot(1)).fault(12, Some(5), crash([0]));
    let run = lab.run();
    assert_eq!(recovered(&lab), "[1, 2]");
    assert_eq!((run.struck(FaultClass::BitRot), run.struck(FaultClass::TornRecord)), (1, 0));
    let both = lab.fault(11, None, rot(2));
    assert_eq!((recovered(&both), both.run().struck(FaultClass::BitRot)), ("[1]".to_string(), 2));
}

#[test]
fn who_finds_damage_with_records_behind_it_does_not_start() {
    let lab =
        Lab::new(1).tell(5, 0, persist([1, 2, 3])).fault(10, None, rot(2)).fault(12, Some(5), crash([0]));
    let run = lab.run();
    assert_eq!(run.heard("n1 recovers").len(), 1);
    assert_eq!(run.at("n1", "damage"), ["17 finds record 2 of 3 on its disk unreadable, and does not start"]);
    assert_eq!(run.struck(FaultClass::BitRot), 1);
    // A new disk, and it starts; a crash in between does not help it up.
    let wiped = lab.fault(20, Some(5), crash([0])).fault(30, Some(5), Action::Wipe { nodes: nodes([0]) });
    assert_eq!(wiped.run().at("n1", "restart"), ["35 restarts with 0 records on its disk"]);
}

#[test]
fn rot_that_nobody_reads_changes_nothing() {
    let lab = Lab::new(1).tell(5, 0, persist([1, 2])).fault(10, None, rot(2));
    assert_eq!(lab.run().struck(FaultClass::BitRot), 0, "the node remembers");
    // All is written anew before anybody reads it.
    let lab = lab.tell(11, 0, vec![Op::Compact(vec![7, 8])]).fault(12, Some(5), crash([0]));
    assert_eq!((recovered(&lab), lab.run().struck(FaultClass::BitRot)), ("[7, 8]".to_string(), 0));
    let none = Lab::new(1).tell(5, 0, persist([1])).fault(10, None, rot(2)).fault(10, None, rot(0));
    assert_eq!(recovered(&none.fault(12, Some(5), crash([0]))), "[1]", "there is no such record");
}

// --- Full ---

#[test]
fn a_node_that_cannot_write_goes_down_until_there_is_space() {
    let lab = Lab::new(2).fault(10, Some(20), full()).tell(5, 0, persist([1]));
    let run =
        lab.clone().tell(12, 0, vec![tell(1, 1), Op::Persist(2), tell(1, 2)]).tell(15, 0, persist([3])).run();
    assert_eq!(run.delivered("n2"), ["13 tell 1"], "what came before the write has left");
    assert_eq!(run.at("n1", "restart"), ["30 restarts with 1 record on its disk"]);
    assert_eq!((run.struck(FaultClass::FullDisk), run.struck(FaultClass::Crash)), (1, 1));
    let idle = lab.tell(12, 0, vec![tell(1, 1)]).tell(31, 0, persist([2])).run();
    assert_eq!(
        (idle.struck(FaultClass::FullDisk), idle.heard("n1 crashes").len()),
        (0, 0),
        "it writes nothing"
    );
}

#[test]
fn a_node_that_writes_as_it_starts_waits_for_space() {
    let lab = Lab::new(1).boot(vec![Op::IfUsed(vec![Op::Persist(9)])]).tell(2, 0, persist([1]));
    let run = lab.fault(5, Some(5), crash([0])).fault(8, Some(20), full()).fault(9, Some(30), full()).run();
    let restarts = run.at("n1", "restart");
    assert_eq!(restarts.iter().map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>(), ["10", "39"]);
    assert_eq!(run.struck(FaultClass::FullDisk), 1);
}

#[test]
fn faults_on_nodes_that_are_not_there_do_nothing() {
    let all = NodeSet(u64::MAX);
    let far = NodeId(9);
    let lab = Lab::new(1).tell(5, 0, persist([1])).fault(6, None, Action::LyingDisk { nodes: all });
    let lab = lab.fault(6, Some(3), Action::FullDisk { nodes: all }).fault(
        7,
        None,
        Action::BitRot { node: far, record: 1 },
    );
    let run = lab.fault(8, None, Action::ClockJump { node: far, by_ns: i64::MIN }).run();
    assert!(run.halted().is_none());
}
