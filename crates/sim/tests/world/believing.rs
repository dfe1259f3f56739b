//! Clients that believe no single node.

use quarrel_protocol::NodeId;
use quarrel_sim::fault::{Action, Copies, Deed};
use quarrel_sim::time::MILLISECOND as MS;
use quarrel_sim::world::ClientPolicy;

use crate::clients::{asked, done};
use crate::lab::{Lab, crash, nodes};
use crate::toy::{Op, Reply};

/// Four nodes, of which two must say the same.
fn lab() -> Lab {
    let mut lab = Lab::new(4);
    lab.world.client =
        ClientPolicy { replies_needed: 2, attempts_max: 5, timeout_ns: 50 * MS, ..lab.world.client };
    lab
}

#[test]
fn a_client_that_hears_nothing_asks_everyone_and_takes_what_two_say() {
    let answers = vec![
        Op::On(0, vec![done(7)]),
        Op::On(1, vec![done(666)]),
        Op::On(2, vec![done(8)]),
        Op::On(3, vec![done(8)]),
    ];
    let run = lab().ask(10, 0, answers).run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "60 everyone"]);
    assert_eq!(run.heard("c1"), ["c1 asks op0", "c1 has op0: done 8"]);
    assert_eq!(run.operations(), (1, 1));
}

#[test]
fn one_node_that_repeats_itself_is_not_believed() {
    let run = lab().ask(10, 0, vec![Op::On(0, vec![done(7), done(7)])]).run();
    assert_eq!((run.operations(), run.tally.asked.unknown), ((1, 0), 1));
}

#[test]
fn a_node_and_its_twin_are_one() {
    let both = Deed::Twin { shared: nodes([1, 2, 3]), clients: Copies::Both };
    let deed = Action::Betray { node: NodeId(0), to: nodes([1, 2, 3]), deed: both };
    for (is_other, answered) in [(false, 0), (true, 1)] {
        let mut answers = vec![Op::On(0, vec![done(7)])];
        answers.extend(is_other.then(|| Op::On(2, vec![done(7)])));
        let mut lab = lab().fault(5, None, deed.clone()).ask(10, 0, answers);
        lab.world.traitors = nodes([0]);
        let run = lab.run();
        let heard = run.events.iter().filter(|event| event.kind == "answer" && event.from.is_some());
        let twins = heard.filter(|event| event.from.is_some_and(|from| from.to_string() == "n1'")).count();
        assert!(twins > 0, "the twin answers as well");
        assert_eq!(run.operations(), (1, answered));
    }
}

#[test]
fn a_refusal_needs_as_many_nodes_as_an_answer() {
    let refuse = Op::Reply(Reply::Failed);
    let run = lab().ask(10, 0, vec![Op::On(0, vec![refuse.clone()]), Op::On(3, vec![refuse])]).run();
    assert_eq!((run.tally.asked.failed, run.tally.asked.answered), (1, 0));
    assert_eq!(run.heard("c1's"), ["c1's op0 has failed"]);
}

#[test]
fn a_hint_only_shortens_the_wait() {
    let answers = vec![
        Op::On(0, vec![Op::Reply(Reply::Redirect(Some(3)))]),
        Op::On(1, vec![done(1)]),
        Op::On(2, vec![done(1)]),
    ];
    let run = lab().ask(10, 0, answers.clone()).ask(40, 0, answers).run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "16+250003ns everyone", "40 n3", "90 everyone"]);
    assert_eq!((run.operations(), run.tally.asked.redirects), ((2, 2), 1), "nobody is sent to n4");
}

#[test]
fn whoever_completed_the_last_answer_is_asked_first() {
    let answers = vec![Op::On(1, vec![done(4)]), Op::On(3, vec![done(4)])];
    let run = lab().fault(5, Some(300), crash([0])).ask(10, 0, answers.clone()).ask(100, 0, answers).run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "60 everyone", "100 n4", "150 everyone"]);
    assert_eq!(run.operations(), (2, 2));
}
