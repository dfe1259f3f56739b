//! The network: latencies, fates, cuts, clogs and aimed losses.

use quarrel_sim::decision::Fate;
use quarrel_sim::fault::{Action, FaultClass, Shape};

use crate::lab::{Lab, MS, ask, fate, nodes, one_way, tell};
use crate::toy::{Kind, Op, Reply};

/// The first node tells the second something at each of these times; the numbers count from 1.
fn told_at(times: &[u64]) -> Lab {
    let numbered = (1..).zip(times);
    numbered.fold(Lab::new(2), |lab, (number, &ms)| lab.tell(ms, 0, vec![tell(1, number)]))
}

#[test]
fn each_link_has_its_own_latency_in_each_direction() {
    let mut lab = Lab::new(3);
    for (position, latency) in lab.world.latency_ns.iter_mut().enumerate() {
        *latency = (position as u64 + 1) * MS;
    }
    let everybody = |lab: Lab, node| lab.tell(10, node, vec![Op::ToAll(Kind::Tell, u64::from(node))]);
    let run = (0..3).fold(lab, everybody).run();
    assert_eq!(run.delivered("n1"), ["14 tell 1", "17 tell 2"]);
    assert_eq!(run.delivered("n2"), ["12 tell 0", "18 tell 2"]);
    assert_eq!(run.delivered("n3"), ["13 tell 0", "16 tell 1"]);
    assert_eq!(run.tally.messages, 6);
}

#[test]
fn the_fate_of_a_message_is_its_own() {
    let run = |decided| told_at(&[10, 20, 30]).decide(decided).run();
    let second = |decided| run(fate("tell", "n1", "n2", 2, decided));
    assert_eq!(second(Fate::Lost).delivered("n2"), ["11 tell 1", "31 tell 3"]);
    assert_eq!(second(Fate::Arrives(1500)).delivered("n2"), ["11 tell 1", "22+500000ns tell 2", "31 tell 3"]);
    let twice = second(Fate::Twice(0, 3_000));
    assert_eq!(twice.delivered("n2"), ["11 tell 1", "21 tell 2", "24 tell 2", "31 tell 3"]);
    assert_eq!((twice.struck(FaultClass::Duplication), twice.tally.messages), (1, 3));
    for other in [("ask", "n1", "n2"), ("tell", "n2", "n1"), ("nothing", "n1", "n2"), ("tell", "n1", "n9")] {
        let run = run(fate(other.0, other.1, other.2, 2, Fate::Lost));
        assert_eq!((run.delivered("n2").len(), run.never_asked), (3, 1), "{other:?}");
    }
}

#[test]
fn the_longest_delay_outlives_the_run() {
    let run = told_at(&[10]).decide(fate("tell", "n1", "n2", 1, Fate::Arrives(u32::MAX >> 1))).run();
    assert!(run.delivered("n2").is_empty() && run.halted().is_none());
}

#[test]
fn an_overtaken_message_counts_as_reordered() {
    let late = fate("tell", "n1", "n2", 1, Fate::Arrives(15_000));
    let run = told_at(&[10, 20, 30]).decide(late.clone()).run();
    assert_eq!(run.delivered("n2"), ["21 tell 2", "26 tell 1", "31 tell 3"]);
    assert_eq!(run.struck(FaultClass::Reordering), 1);
    let of_two_kinds =
        Lab::new(2).tell(10, 0, vec![tell(1, 1)]).tell(20, 0, vec![ask(1, 2)]).decide(late).run();
    assert_eq!(of_two_kinds.struck(FaultClass::Reordering), 0, "each kind has its own order");
}

#[test]
fn a_partition_cuts_what_is_sent_and_what_arrives_and_nothing_else() {
    let halves = Action::partition(Shape::Halves, &[nodes([0]), nodes([1])]);
    let mut lab = told_at(&[10, 14, 18, 21]).fault(12, Some(8), halves);
    lab.world.latency_ns.fill(3 * MS);
    // Sent before and arriving during; sent during and arriving during; sent during, arriving after; sent after.
    let run = lab.run();
    assert_eq!(run.delivered("n2"), ["24 tell 4"]);
    assert_eq!((run.struck(FaultClass::Partition), run.tally.partitions), (3, 1));
    assert_eq!(run.at("n2", "lost").len(), 1, "the one that had left");
}

#[test]
fn a_partition_may_be_one_way_and_spares_who_is_in_no_group() {
    let both = |lab: Lab| {
        let run =
            lab.tell(10, 0, vec![tell(1, 1), tell(2, 1)]).tell(10, 1, vec![tell(0, 2), tell(2, 2)]).run();
        ["n1", "n2", "n3"].map(|node| run.delivered(node).len())
    };
    assert_eq!(both(Lab::new(3).fault(5, None, one_way(0, 1))), [1, 0, 2]);
    assert_eq!(
        both(Lab::new(3).fault(5, None, Action::partition(Shape::Groups, &[nodes([0]), nodes([1])]))),
        [0, 0, 2]
    );
    let everybody =
        Action::Partition { shape: Shape::Groups, cuts: vec![(nodes([0, 1]), nodes([0, 1, 63]))] };
    assert_eq!(both(Lab::new(3).fault(5, None, everybody)), [0, 0, 2]);
}

#[test]
fn nobody_is_cut_from_himself() {
    let all = nodes([0, 1]);
    let lab = Lab::new(2).fault(5, None, Action::Partition { shape: Shape::Groups, cuts: vec![(all, all)] });
    let lab = lab.fault(5, None, Action::Clog { links: vec![(all, all)] });
    assert_eq!(lab.tell(10, 0, vec![tell(0, 1)]).run().delivered("n1"), ["10 tell 1"]);
}

#[test]
fn overlapping_partitions_end_one_by_one() {
    let lab = told_at(&[10, 20, 30, 40]).fault(5, Some(20), one_way(0, 1)).fault(15, Some(20), one_way(0, 1));
    assert_eq!(lab.run().delivered("n2"), ["41 tell 4"]);
}

#[test]
fn a_clog_holds_messages_until_it_is_over() {
    let clog = |from, to| Action::Clog { links: vec![(nodes([from]), nodes([to]))] };
    let lab = told_at(&[10, 14, 19, 20]).fault(12, Some(8), clog(0, 1));
    let run = lab.run();
    assert_eq!(run.delivered("n2"), ["11 tell 1", "20 tell 2", "20 tell 3", "21 tell 4"]);
    assert_eq!(run.struck(FaultClass::Clog), 1, "the third would have arrived at its very end");
    let run = lab.clone().fault(15, Some(10), clog(0, 1)).run();
    assert_eq!(run.delivered("n2")[1..], ["25 tell 2", "25 tell 3", "25 tell 4"], "the longer one counts");
    assert_eq!(told_at(&[14]).fault(12, Some(8), clog(1, 0)).run().delivered("n2"), ["15 tell 1"]);
}

#[test]
fn what_a_clog_held_is_cut_by_a_partition() {
    let clog = Action::Clog { links: vec![(nodes([0]), nodes([1]))] };
    let lab = told_at(&[14]).fault(12, Some(8), clog).fault(16, Some(30), one_way(0, 1));
    assert!(lab.run().delivered("n2").is_empty());
}

#[test]
fn an_aimed_loss_hits_its_kind_on_its_links_while_it_lasts() {
    let lose = |kind: &str, from, to| Action::Lose { kind: kind.to_string(), from, to };
    let lab = [10, 20].into_iter().fold(Lab::new(3), |lab, ms| {
        let orders = |number| vec![tell(1, number), ask(1, number), tell(2, number)];
        lab.tell(ms, 0, orders(ms)).tell(ms, 2, vec![tell(1, ms + 1)])
    });
    let run = lab.clone().fault(5, Some(10), lose("tell", nodes([0]), nodes([1]))).run();
    assert_eq!(run.delivered("n2"), ["11 ask 10", "11 tell 11", "21 ask 20", "21 tell 20", "21 tell 21"]);
    assert_eq!((run.delivered("n3").len(), run.struck(FaultClass::AimedLoss)), (2, 1));
    let run = lab.clone().fault(5, None, lose("tell", nodes([0, 1, 2]), nodes([0, 1, 2]))).run();
    assert_eq!((run.delivered("n2").len(), run.delivered("n3").len()), (2, 0));
    let run = lab.fault(5, None, lose("gone", nodes([0, 1, 2]), nodes([0, 1, 2]))).run();
    assert_eq!(run.struck(FaultClass::AimedLoss), 0);
}

#[test]
fn a_message_to_nobody_goes_nowhere() {
    let orders = vec![tell(2, 1), tell(63, 2), tell(64, 3), tell(255, 4), tell(1, 5)];
    let run = Lab::new(2).tell(10, 0, orders).run();
    assert_eq!((run.delivered("n2"), run.tally.messages), (vec!["11 tell 5".to_string()], 1));
    assert!(run.halted().is_none());
}

#[test]
fn what_is_cut_or_lost_keeps_its_number() {
    let third = fate("tell", "n1", "n2", 3, Fate::Lost);
    let lab = told_at(&[10, 20, 30]).decide(third.clone()).fault(5, Some(10), one_way(0, 1));
    assert_eq!(lab.run().delivered("n2"), ["21 tell 2"], "after one that was cut");
    let lose = Action::Lose { kind: "tell".to_string(), from: nodes([0]), to: nodes([1]) };
    let lab = told_at(&[10, 20, 30]).decide(third.clone()).fault(5, Some(10), lose);
    assert_eq!(lab.run().delivered("n2"), ["21 tell 2"], "after one that was lost on purpose");
    let lab = told_at(&[10, 20, 30]).decide(third).decide(fate("tell", "n1", "n2", 1, Fate::Lost));
    assert_eq!(lab.run().delivered("n2"), ["21 tell 2"], "after one that was lost by chance");
}

#[test]
fn what_clients_and_nodes_tell_each_other_has_a_fate_too() {
    let lab = Lab::new(2).patience(50, 3).ask(10, 0, vec![Op::Reply(Reply::Done(1))]);
    let run = lab.clone().decide(fate("request", "c1", "n1", 1, Fate::Lost)).run();
    assert_eq!(run.at("c1", "answer"), ["60+2ns op0: done 1"]);
    assert_eq!(run.at("n1", "request").len() + run.at("n2", "request").len(), 1);
    let run = lab.clone().decide(fate("reply", "n1", "c1", 1, Fate::Lost)).run();
    assert_eq!(run.at("c1", "answer"), ["60+2ns op0: done 1"]);
    assert_eq!(run.at("n1", "request").len() + run.at("n2", "request").len(), 2);
    let run = lab.decide(fate("request", "c1", "n1", 1, Fate::Twice(1, 2))).run();
    assert_eq!((run.at("n1", "request").len(), run.operations()), (2, (1, 1)));
}
