//! Closed loops: a client asks for one thing after the other, and thinks between.

use quarrel_protocol::{ClientId, RequestId};

use crate::clients::{asked, done};
use crate::lab::{Lab, MS, Run};
use crate::replay::random_lab;
use crate::toy::{Op, Reply};

fn asks_of(run: &Run, client: &str) -> Vec<String> {
    run.at(client, "ask").iter().map(|line| line.split(' ').nth(4).unwrap().replace(':', "")).collect()
}

#[test]
fn a_client_asks_one_after_the_other_and_thinks_between() {
    let lab = Lab::new(1).ask(10, 0, vec![done(1)]).ask(11, 0, vec![done(2)]).ask(100, 0, vec![done(3)]);
    assert_eq!(asked(&lab.clone().run(), "c1"), ["10 n1", "11 n1", "100 n1"], "an open loop");
    assert_eq!(asked(&lab.clone().closed(0).run(), "c1"), ["10 n1", "11 n1", "100 n1"]);
    assert_eq!(asked(&lab.clone().closed(5).run(), "c1"), ["10 n1", "15+2ns n1", "100 n1"]);
    assert_eq!(asked(&lab.closed(95).run(), "c1"), ["10 n1", "105+2ns n1", "200+4ns n1"]);
}

#[test]
fn it_waits_for_every_outcome_whatever_it_is() {
    let failed = vec![Op::Reply(Reply::Failed)];
    let lab =
        Lab::new(1).patience(50, 2).closed(3).ask(10, 0, vec![]).ask(20, 0, failed).ask(30, 0, vec![done(1)]);
    let run = lab.run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "60 n1", "113 n1", "116+2ns n1"]);
    let ends = ["c1 gives op0 up", "c1's op1 has failed", "c1 has op2: done 1"];
    assert_eq!([run.heard("c1")[1], run.heard("c1")[3], run.heard("c1")[5]], ends);
}

#[test]
fn who_is_turned_away_goes_on_to_the_next() {
    let mut lab = Lab::new(1).patience(50, 1).closed(1).ask(10, 0, vec![]);
    lab.world.client.pending_max = 1;
    let run = lab.ask(20, 1, vec![]).ask(20, 1, vec![]).ask(80, 1, vec![done(1)]).run();
    assert_eq!(
        run.heard("c2"),
        ["c2's op1 has failed", "c2's op2 has failed", "c2 asks op3", "c2 has op3: done 1"]
    );
    assert_eq!((run.tally.asked.turned_away, run.at("c2", "fail").len()), (2, 2));
}

#[test]
fn who_may_not_ask_even_once_goes_on_to_the_next() {
    let lab = Lab::new(1).patience(50, 0).closed(1).ask(10, 0, vec![]).ask(10, 0, vec![]).ask(10, 0, vec![]);
    let run = lab.run();
    assert_eq!(run.heard("c1"), ["c1's op0 has failed", "c1's op1 has failed", "c1's op2 has failed"]);
    assert_eq!((run.tally.asked.failed, run.tally.asked.requests), (3, 0));
}

#[test]
fn the_order_is_that_of_times_and_then_of_numbers() {
    let mut lab = Lab::new(1).closed(0);
    for (ms, id) in [(30, 9), (10, 4), (10, 3), (20, 1), (10, 8)] {
        lab = lab.ask(ms, 0, vec![done(1)]);
        lab.operations.last_mut().unwrap().id = RequestId(id);
    }
    assert_eq!(asks_of(&lab.run(), "c1"), ["op3", "op4", "op8", "op1", "op9"]);
}

#[test]
fn each_client_has_a_loop_of_its_own() {
    let lab = Lab::new(1).patience(500, 1).closed(0).ask(10, 0, vec![]).ask(10, 1, vec![done(1)]);
    let run = lab.ask(20, 0, vec![done(1)]).ask(20, 1, vec![done(1)]).run();
    assert_eq!(
        (asked(&run, "c1"), asked(&run, "c2")),
        (vec!["10 n1".into(), "510 n1".into()], vec!["10 n1".into(), "20 n1".into()])
    );
}

/// What a client had no time for while the world was unwell is not made up for; what it was to ask later is asked.
#[test]
fn leftovers_are_dropped_when_the_faults_end() {
    let mut lab = Lab::new(1).patience(60, 1).healing(100, 900).closed(0);
    for ms in [10, 20, 30, 40, 99, 100, 150] {
        lab = lab.ask(ms, 0, vec![]);
    }
    let run = lab.run();
    assert_eq!(asked(&run, "c1"), ["10 n1", "70 n1", "130 n1", "190 n1"]);
    assert_eq!(asks_of(&run, "c1"), ["op0", "op1", "op5", "op6"]);
    assert_eq!((run.tally.asked.started, run.tally.asked.unknown), (4, 4));
}

#[test]
fn many_clients_and_few_operations_or_none() {
    for operations in [0, 1, 63, 64, 65, 200] {
        let mut lab = Lab::new(3).closed(1);
        lab.world.clients = 64;
        for number in 0..operations {
            lab = lab.ask(10, (number * 7 % 64) as u8, vec![done(1)]);
        }
        let run = lab.run();
        assert!(run.halted().is_none());
        assert_eq!(run.operations(), (operations, operations));
    }
    let mut none = Lab::new(1).closed(1);
    none.world.clients = 0;
    assert!(none.run().halted().is_none());
    assert_eq!(
        none.clone().liveness(10, quarrel_protocol::NodeSet::all(1), 5).run().tally.settled_ns,
        Some(10 * MS)
    );
}

#[test]
fn to_think_to_the_end_of_time_does_no_harm() {
    let mut lab = Lab::new(1).ask(10, 0, vec![done(1)]).ask(11, 0, vec![done(1)]);
    lab.world.client.arrival = quarrel_sim::world::Arrival::Closed { think_ns: u64::MAX };
    let run = lab.run();
    assert_eq!((run.halted().is_none(), run.operations()), (true, (1, 1)));
}

/// However the world treats them: a client asks only when its last operation has ended, and each ends at most once.
#[test]
fn nobody_asks_for_two_things_at_a_time() {
    let mut ends = 0;
    for seed in 0..400 {
        let mut lab = random_lab(seed).closed(seed % 30);
        lab.world.client.pending_max = if seed.is_multiple_of(3) { 2 } else { 100 };
        let run = lab.run();
        for client in (0..lab.world.clients).map(ClientId) {
            let mut asks = None;
            for line in run.heard(&client.to_string()) {
                let id: String =
                    line.split(' ').find(|word| word.starts_with("op")).unwrap().replace(':', "");
                if line.contains(" asks ") {
                    assert_eq!(asks, None, "seed {seed}: {line}");
                    asks = Some(id);
                } else {
                    ends += 1;
                    assert!(asks.take().is_none_or(|asked| asked == id), "seed {seed}: {line}");
                }
            }
        }
    }
    assert!(ends > 1_000, "{ends}");
}
