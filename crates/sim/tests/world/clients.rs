//! Clients: whom they ask, how often, and what they make of the answers.

use quarrel_sim::decision::Fate;
use quarrel_sim::fault::FaultClass;

use crate::lab::{Lab, Run, crash, fate};
use crate::toy::{Op, Reply};

/// `10 n1`: when the client asked whom.
fn asked(run: &Run, client: &str) -> Vec<String> {
    let words = run.at(client, "ask").into_iter();
    words
        .map(|line| {
            let mut words = line.split(' ');
            let (at, node) = (words.next().unwrap(), words.nth(1).unwrap());
            format!("{at} {node}")
        })
        .collect()
}

fn done(number: u64) -> Op {
    Op::Reply(Reply::Done(number))
}

fn redirect(at: u8, to: Option<u8>) -> Op {
    Op::On(at, vec![Op::Reply(Reply::Redirect(to))])
}

#[test]
fn a_client_follows_a_hint_and_remembers_it() {
    let orders = vec![redirect(0, Some(2)), Op::On(2, vec![done(1)])];
    let run = Lab::new(3).patience(50, 9).ask(10, 0, orders.clone()).ask(20, 0, orders).run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "10+2ns n3", "20 n3"]);
    assert_eq!((run.tally.operations, run.tally.redirects), ((2, 2), 1));
}

#[test]
fn a_client_without_a_useful_hint_takes_a_breath_and_asks_the_next_node() {
    for hint in [None, Some(0), Some(3), Some(200)] {
        let orders = vec![redirect(0, hint), Op::On(1, vec![done(1)])];
        let run = Lab::new(3).patience(80, 9).ask(10, 0, orders).run();
        assert_eq!(asked(&run, "c1"), ["10 n1", "20+3ns n2"], "{hint:?}");
        assert_eq!(run.tally.operations, (1, 1));
    }
}

#[test]
fn a_client_in_silence_asks_one_after_the_other() {
    let run = Lab::new(3).patience(50, 5).ask(10, 1, vec![]).run();
    assert_eq!(asked(&run, "c2"), ["10 n2", "60 n3", "110 n1", "160 n2", "210 n3"], "and then gives up");
    assert_eq!(run.tally.operations, (1, 0));
    assert_eq!(run.heard("c2 asks"), ["c2 asks op0"], "observers hear of it once");
}

#[test]
fn an_operation_without_attempts_is_never_asked() {
    let run = Lab::new(1).patience(50, 0).ask(10, 0, vec![done(1)]).run();
    assert!(asked(&run, "c1").is_empty());
}

#[test]
fn an_answer_is_heard_once_however_often_it_comes() {
    let twice = fate("reply", "n1", "c1", 1, Fate::Twice(0, 20));
    let run = Lab::new(1).patience(50, 9).ask(10, 0, vec![done(1), done(2)]).decide(twice).run();
    assert_eq!(run.heard("c1 has"), ["c1 has op0: done 1"]);
    assert_eq!((run.at("c1", "answer").len(), run.tally.operations), (3, (1, 1)));
    assert_eq!(asked(&run, "c1").len(), 1, "and it does not ask again");
}

#[test]
fn a_late_answer_to_an_earlier_attempt_is_an_answer() {
    let late = fate("reply", "n1", "c1", 1, Fate::Arrives(70_000));
    let orders = vec![Op::On(0, vec![done(1)])];
    let run = Lab::new(3).patience(50, 9).ask(10, 0, orders).decide(late).run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "60 n2"]);
    assert_eq!(run.at("c1", "answer"), ["80+2ns op0: done 1"]);
}

/// The network may repeat a redirect; that is no reason to ask twice.
#[test]
fn a_redirect_that_comes_twice_is_followed_once() {
    let twice = fate("reply", "n1", "c1", 1, Fate::Twice(0, 0));
    let orders = vec![redirect(0, Some(1))];
    let run = Lab::new(2).patience(400, 2).ask(10, 0, orders).decide(twice).run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "10+2ns n2"]);
    let run = Lab::new(2).patience(400, 3).ask(10, 0, vec![redirect(0, Some(1))]);
    let run = run.decide(fate("reply", "n1", "c1", 1, Fate::Twice(0, 0))).run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "10+2ns n2", "410+2ns n1"]);
}

#[test]
fn hints_in_a_circle_exhaust_nobody() {
    let orders = vec![redirect(0, Some(1)), redirect(1, Some(0))];
    let run = Lab::new(2).patience(80, 12).ask(10, 0, orders).run();
    assert!(run.halted().is_none());
    let asked = asked(&run, "c1");
    assert_eq!(asked.len(), 12);
    let breaths = ["10 n1", "10+2ns n2", "10+4ns n1", "20+7ns n2", "20+9ns n1", "20+11ns n2", "30+14ns n1"];
    assert_eq!(asked[..7], breaths);
}

#[test]
fn each_client_believes_for_itself_and_operations_do_not_wait_for_each_other() {
    let orders = || vec![Op::On(1, vec![done(1)])];
    let run =
        Lab::new(2).patience(50, 9).ask(10, 0, orders()).ask(20, 0, orders()).ask(20, 1, orders()).run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "20 n1", "60 n2", "70 n2"]);
    assert_eq!(asked(&run, "c2"), ["20 n2"]);
    assert_eq!(run.tally.operations, (3, 3));
}

#[test]
fn a_node_that_is_down_answers_nobody() {
    let lab = Lab::new(2).patience(50, 9).ask(10, 0, vec![done(1)]).fault(5, Some(20), crash([0]));
    let run = lab.run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "60 n2"]);
    assert_eq!((run.at("n1", "lost").len(), run.struck(FaultClass::Crash)), (1, 1));
}

#[test]
fn an_answer_to_a_client_that_does_not_exist_harms_nobody() {
    let mut lab = Lab::new(1).ask(10, 0, vec![done(1)]);
    lab.world.clients = 1;
    assert_eq!(lab.run().tally.operations, (1, 1));
}
