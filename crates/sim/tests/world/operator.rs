//! What an operator asks of nodes.

use quarrel_sim::fault::FaultClass;

use crate::clients::done;
use crate::lab::{Lab, crash, nodes, pause, tell};
use crate::toy::Op;

#[test]
fn an_order_reaches_its_node_at_its_time() {
    let lab = Lab::new(2).sweep(30, 1, 2, vec![Op::Output(8)]).sweep(20, 0, 1, vec![tell(1, 7)]);
    let run = lab.run();
    assert_eq!(run.at("n1", "order"), ["20 the operator asks n1 to sweep 1"]);
    assert_eq!(run.delivered("n2"), ["21 tell 7"]);
    assert_eq!(run.at("n2", "order"), ["30 the operator asks n2 to sweep 2"]);
    assert_eq!(run.heard("n2 puts out"), ["n2 puts out 8"]);
    assert_eq!((run.tally.orders, run.operations()), (2, (0, 0)));
}

#[test]
fn nobody_hears_an_order_where_the_node_is_down() {
    let lab = Lab::new(1).fault(10, Some(20), crash([0]));
    let run = lab.sweep(20, 0, 1, vec![Op::Output(8)]).sweep(40, 0, 2, vec![Op::Output(9)]).run();
    assert_eq!(run.at("n1", "lost"), ["20 the operator asks n1 to sweep 1: the node is down"]);
    assert_eq!((run.heard("n1 puts out"), run.tally.orders), (vec!["n1 puts out 9"], 1));
}

#[test]
fn a_node_that_is_paused_hears_its_orders_when_it_goes_on() {
    let lab = Lab::new(1).fault(10, Some(20), pause([0])).fault(25, Some(20), pause([0]));
    let run = lab.sweep(20, 0, 1, vec![]).sweep(28, 0, 2, vec![]).run();
    assert_eq!(
        run.at("n1", "order"),
        ["45 the operator asks n1 to sweep 1", "45 the operator asks n1 to sweep 2"]
    );
    assert!(run.struck(FaultClass::Pause) >= 2);
}

#[test]
fn a_crash_while_it_waits_loses_an_order() {
    let lab = Lab::new(1).fault(10, Some(20), pause([0])).fault(25, Some(20), crash([0]));
    let run = lab.sweep(20, 0, 1, vec![]).run();
    assert_eq!(run.at("n1", "lost"), ["30 the operator asks n1 to sweep 1: the node is down"]);
}

#[test]
fn arrivals_come_before_an_order_of_the_same_instant_and_faults_after_it() {
    let lab = Lab::new(2).tell(9, 1, vec![tell(0, 5)]).fault(10, Some(5), crash([0]));
    let run = lab.sweep(10, 0, 1, vec![Op::Output(8)]).run();
    let mine = run.events.iter().filter(|event| event.at == 10_000_000).map(|event| &*event.kind);
    assert_eq!(mine.collect::<Vec<_>>(), ["deliver", "order", "fault"]);
}

#[test]
fn a_core_has_not_come_back_while_an_order_is_to_come() {
    let lab = Lab::new(1).liveness(100, nodes([0]), 50).ask(10, 0, vec![done(1)]);
    let run = lab.clone().sweep(900, 0, 1, vec![]).run();
    assert_eq!((run.tally.settled_ns, run.halted()), (Some(900_000_000), None));
    assert_eq!(lab.run().tally.settled_ns, Some(100_000_000));
    let asleep = lab.fault(101, None, pause([0])).sweep(900, 0, 1, vec![]).run();
    assert_eq!((asleep.tally.orders, asleep.tally.settled_ns), (0, Some(900_000_000)));
}

#[test]
fn the_digest_knows_an_order_whatever_comes_of_it() {
    let run = |number: u64, at: u64, node: u8| {
        Lab::new(2).fault(10, Some(9), crash([0])).sweep(at, node, number, vec![]).run().tally.digest
    };
    let digests = [run(1, 15, 0), run(2, 15, 0), run(1, 16, 0), run(1, 15, 1), run(1, 5, 0)];
    for (position, digest) in digests.iter().enumerate() {
        assert!(!digests[position + 1..].contains(digest), "{digests:?}");
    }
    assert_eq!(run(1, 15, 0), digests[0]);
}
