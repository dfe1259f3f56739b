//! Clients: whom they ask, how often, and what they make of the answers.

use quarrel_protocol::NodeSet;
use quarrel_sim::Asked;
use quarrel_sim::decision::Fate;
use quarrel_sim::fault::FaultClass;

use crate::lab::{Lab, Run, crash, fate};
use crate::toy::{Op, Reply};

/// `10 n1`: when the client asked whom.
pub(crate) fn asked(run: &Run, client: &str) -> Vec<String> {
    let words = run.at(client, "ask").into_iter();
    words
        .map(|line| {
            let mut words = line.split(' ');
            let (at, node) = (words.next().unwrap(), words.nth(1).unwrap());
            format!("{at} {node}")
        })
        .collect()
}

pub(crate) fn done(number: u64) -> Op {
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
    assert_eq!((run.operations(), run.tally.asked.redirects), ((2, 2), 1));
}

#[test]
fn a_client_without_a_useful_hint_takes_a_breath_and_asks_the_next_node() {
    for hint in [None, Some(0), Some(3), Some(200)] {
        let orders = vec![redirect(0, hint), Op::On(1, vec![done(1)])];
        let run = Lab::new(3).patience(80, 9).ask(10, 0, orders).run();
        assert_eq!(asked(&run, "c1"), ["10 n1", "20+3ns n2"], "{hint:?}");
        assert_eq!(run.operations(), (1, 1));
    }
}

#[test]
fn a_client_in_silence_asks_one_after_the_other() {
    let run = Lab::new(3).patience(50, 5).ask(10, 1, vec![]).run();
    assert_eq!(asked(&run, "c2"), ["10 n2", "60 n3", "110 n1", "160 n2", "210 n3"], "and then gives up");
    assert_eq!(run.operations(), (1, 0));
    assert_eq!(run.heard("c2 asks"), ["c2 asks op0"], "observers hear of it once");
}

#[test]
fn an_operation_without_attempts_is_never_asked() {
    let run = Lab::new(1).patience(50, 0).ask(10, 0, vec![done(1)]).run();
    assert!(asked(&run, "c1").is_empty());
    assert_eq!(run.log[1..], ["c1's op0 has failed"], "its client knows");
    assert_eq!((run.tally.asked.started, run.tally.asked.failed), (1, 1));
}

#[test]
fn an_answer_is_heard_once_however_often_it_comes() {
    let twice = fate("reply", "n1", "c1", 1, Fate::Twice(0, 20));
    let run = Lab::new(1).patience(50, 9).ask(10, 0, vec![done(1), done(2)]).decide(twice).run();
    assert_eq!(run.heard("c1 has"), ["c1 has op0: done 1"]);
    assert_eq!((run.at("c1", "answer").len(), run.operations()), (3, (1, 1)));
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
    assert_eq!(run.operations(), (3, 3));
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
    assert_eq!(lab.run().operations(), (1, 1));
}

// --- How operations end ---

#[test]
fn an_operation_ends_in_one_of_three_ways() {
    let failed = vec![Op::Reply(Reply::Failed)];
    let run =
        Lab::new(1).patience(50, 2).ask(10, 0, vec![done(1)]).ask(20, 0, failed).ask(30, 0, vec![]).run();
    let story = [
        "c1 asks op0",
        "c1 has op0: done 1",
        "c1 asks op1",
        "c1's op1 has failed",
        "c1 asks op2",
        "c1 gives op2 up",
    ];
    assert_eq!(run.heard("c1"), story);
    assert_eq!(run.at("c1", "give-up"), ["130 gives op2 up: its outcome is unknown"]);
    let Asked { started, answered, failed, unknown, requests, .. } = run.tally.asked;
    assert_eq!((started, answered, failed, unknown, requests), (3, 1, 1, 1, 4));
}

#[test]
fn an_operation_ends_once_however_many_answers_there_are() {
    let orders = |first, second| vec![Op::Reply(first), Op::Reply(second), Op::Reply(first)];
    let twice = || fate("reply", "n1", "c1", 1, Fate::Twice(0, 20));
    let ends = |orders| {
        let run = Lab::new(1).patience(50, 9).ask(10, 0, orders).decide(twice()).run();
        assert_eq!(run.at("c1", "answer").len(), 4);
        run.log.into_iter().filter(|line| line.starts_with("c1")).skip(1).collect::<Vec<_>>()
    };
    assert_eq!(ends(orders(Reply::Done(1), Reply::Failed)), ["c1 has op0: done 1"]);
    assert_eq!(ends(orders(Reply::Failed, Reply::Done(1))), ["c1's op0 has failed"]);
}

#[test]
fn an_answer_that_comes_when_the_client_has_given_up_changes_nothing() {
    let late = fate("reply", "n1", "c1", 1, Fate::Arrives(200_000));
    for reply in [Reply::Done(1), Reply::Failed, Reply::Redirect(Some(1))] {
        let orders = vec![Op::On(0, vec![Op::Reply(reply)])];
        let run = Lab::new(2).patience(50, 2).ask(10, 0, orders).decide(late.clone()).run();
        assert_eq!(run.heard("c1"), ["c1 asks op0", "c1 gives op0 up"]);
        let heard = run.at("c1", "answer").len() + run.at("c1", "redirect").len();
        assert_eq!((heard, run.tally.asked.unknown), (1, 1));
        assert_eq!((run.operations(), run.tally.asked.requests), ((1, 0), 2));
    }
}

// --- How many may be under way ---

#[test]
fn who_finds_too_many_under_way_is_turned_away_unsent() {
    let mut lab = Lab::new(1).patience(50, 1);
    for client in 0..4 {
        lab = lab.ask(10, client, vec![]);
    }
    lab.world.client.pending_max = 3;
    let run = lab.clone().ask(70, 3, vec![done(1)]).run();
    assert_eq!(run.at("c4", "fail"), ["10 op3 fails unsent: too many operations are under way"]);
    assert_eq!(run.heard("c4"), ["c4's op3 has failed", "c4 asks op4", "c4 has op4: done 1"]);
    let Asked { started, answered, failed, unknown, turned_away, requests, retry_storms, .. } =
        run.tally.asked;
    assert_eq!((started, answered, failed, unknown, turned_away), (5, 1, 1, 3, 1));
    assert_eq!((requests, retry_storms), (4, 0), "nobody retried");
    lab.world.client.pending_max = 0;
    assert_eq!(lab.run().tally.asked.turned_away, 4);
}

/// Four operations that only n2 answers, and it is down until 100 ms; then `answered` of them end.
fn crowd(answered: usize, timeout_ms: u64) -> Lab {
    let mut lab = Lab::new(2).patience(timeout_ms, 10_000).fault(1, Some(99), crash([1]));
    for number in 0..4 {
        let orders = if number < answered { vec![Op::On(1, vec![done(1)])] } else { vec![] };
        lab = lab.ask(10, 0, orders);
    }
    lab.world.client.pending_max = 4;
    lab
}

#[test]
fn a_storm_is_counted_once_until_it_has_calmed_down() {
    let storms = |lab: &Lab| (lab.run().tally.asked.retry_storms, lab.run().tally.asked.turned_away);
    let lab = crowd(1, 5).ask(80, 1, vec![]).ask(85, 1, vec![]).ask(90, 2, vec![]);
    assert_eq!(storms(&lab), (1, 3));
    let lab = lab.ask(120, 0, vec![]).ask(190, 0, vec![]);
    assert_eq!(storms(&lab), (1, 4), "three of four were under way all the time");
    let lab = crowd(2, 5).ask(80, 1, vec![]).ask(120, 0, vec![]).ask(120, 0, vec![]).ask(190, 0, vec![]);
    assert_eq!(storms(&lab), (2, 2), "at two of four it had calmed down");
}

/// Four requests and eight retries are no storm; four and twelve are. It need not have been one from the start.
#[test]
fn a_storm_is_three_retries_in_four_requests() {
    let storms = |ms: &[u64]| {
        let lab = ms.iter().fold(crowd(0, 10), |lab, &ms| lab.ask(ms, 1, vec![]));
        (lab.run().tally.asked.retry_storms, lab.run().tally.asked.turned_away)
    };
    assert_eq!(storms(&[35]), (0, 1));
    assert_eq!(storms(&[45]), (1, 1));
    assert_eq!(storms(&[35, 45, 55]), (1, 3));
}

// --- What a client still waits for ---

#[test]
fn a_request_says_which_is_the_oldest_that_its_client_waits_for() {
    let asks = || vec![Op::Oldest, done(1)];
    let lab = Lab::new(1).patience(50, 2).ask(5, 1, vec![]).ask(10, 0, vec![]).ask(20, 0, asks());
    let run = lab.ask(30, 0, asks()).ask(120, 0, asks()).run();
    // The second was given up at 110; what another client waits for is nobody's business.
    assert_eq!(run.heard("n1 puts out"), ["n1 puts out 1", "n1 puts out 1", "n1 puts out 4"]);
}

#[test]
fn a_retry_says_what_its_client_waits_for_then() {
    let run = Lab::new(1).patience(50, 3).ask(10, 0, vec![Op::Oldest]).ask(40, 0, vec![Op::Oldest]).run();
    let said: Vec<_> = run.heard("n1 puts out").iter().map(|line| line.chars().last().unwrap()).collect();
    assert_eq!(said, ['0', '0', '0', '0', '0', '0'], "in the end both are given up, the first one first");
    let lab = Lab::new(1).patience(50, 2).ask(10, 0, vec![Op::Oldest]).ask(90, 0, vec![Op::Oldest]);
    let run = lab.run();
    assert_eq!(run.heard("n1 puts out")[2..], ["n1 puts out 0", "n1 puts out 1"], "after 110 only itself");
}

#[test]
fn no_request_says_more_than_its_own_number() {
    let again = fate("request", "c1", "n1", 1, Fate::Twice(0, 30_000));
    let lab = Lab::new(1).patience(500, 1).ask(10, 0, vec![Op::Oldest, done(1)]).ask(20, 0, vec![Op::Oldest]);
    let run = lab.decide(again).run();
    assert_eq!(run.heard("n1 puts out"), ["n1 puts out 0", "n1 puts out 1", "n1 puts out 0"]);
    // Not even in a world written by hand whose numbers are out of order.
    let mut lab = Lab::new(1).patience(500, 1);
    for (ms, id) in [(10, 5), (20, 3), (30, 7)] {
        lab = lab.ask(ms, 0, vec![Op::Oldest]);
        lab.operations.last_mut().unwrap().id = quarrel_protocol::RequestId(id);
    }
    assert_eq!(lab.run().heard("n1 puts out"), ["n1 puts out 5", "n1 puts out 3", "n1 puts out 3"]);
}

#[test]
fn a_patience_of_a_nanosecond_is_a_verdict_or_an_end() {
    for attempts in [1, 3, 300, u32::MAX] {
        let mut lab = Lab::new(2).ask(10, 0, vec![]);
        (lab.world.client.timeout_ns, lab.world.client.attempts_max) = (1, attempts);
        lab.world.limits.events_max = 3_000;
        let run = lab.run();
        assert_eq!(run.halted().is_some(), attempts == u32::MAX, "{attempts}");
        assert!(attempts == u32::MAX || run.tally.asked.requests == u64::from(attempts));
    }
}

#[test]
fn what_may_not_be_repeated_is_given_up_in_silence_and_the_next_is_asked_elsewhere() {
    let run = Lab::new(3).patience(50, 5).ask(10, 0, vec![]).once().ask(100, 0, vec![done(1)]).run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "100 n2"]);
    assert_eq!((run.operations(), run.tally.asked.unknown), ((2, 1), 1));
}

#[test]
fn what_may_not_be_repeated_follows_a_redirection() {
    let orders = vec![redirect(0, Some(2)), Op::On(2, vec![done(1)])];
    let run = Lab::new(3).patience(80, 9).ask(10, 0, orders).once().run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "10+2ns n3"]);
    assert_eq!((run.operations(), run.tally.asked.unknown), ((1, 1), 0));
    // A hint of no use: after a breath the next node is asked.
    let orders = vec![redirect(0, None), Op::On(1, vec![done(1)])];
    let run = Lab::new(3).patience(80, 9).ask(10, 0, orders).once().run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "20+3ns n2"]);
}

#[test]
fn what_may_not_be_repeated_does_not_arrive_twice_and_neither_does_its_answer() {
    for (of, from, to) in [("request", "c1", "n1"), ("reply", "n1", "c1")] {
        let twice = || fate(of, from, to, 1, Fate::Twice(0, 5));
        let plain = Lab::new(1).patience(50, 5).ask(10, 0, vec![done(1)]).decide(twice()).run();
        assert_eq!(plain.struck(FaultClass::Duplication), 1, "{of}");
        let once = Lab::new(1).patience(50, 5).ask(10, 0, vec![done(1)]).once().decide(twice()).run();
        assert_eq!((once.struck(FaultClass::Duplication), once.operations()), (0, (1, 1)), "{of}");
    }
}

#[test]
fn after_the_healing_the_core_owes_an_answer_to_what_may_not_be_repeated() {
    let lab = |at| Lab::new(2).patience(50, 5).liveness(100, NodeSet::all(2), 500).ask(at, 0, vec![]).once();
    let early = lab(10).run();
    assert!(early.halted().is_none(), "what was asked before may be lost");
    let late = lab(120).run();
    assert_eq!(asked(&late, "c1"), ["120 n1"]);
    assert!(late.halted().is_some_and(|violation| violation.property == "liveness"));
}
