//! One test for each rule of Bernstein, Hadzilacos and Goodman, section 7.4 (BHG): the protocol, timeouts, cooperative
//! termination, recovery. Those of Mohan, Lindsay and Obermarck are in `presumptions.rs`.

use crate::support::{ABORT, Cluster, T0, n};
use quarrel_protocol::{Effect, Effects, Input, Protocol};
use quarrel_spec::atomic_commit::{Decision, Refusal, Reply, Seen};
use quarrel_spec::machine::Account;
use quarrel_two_phase_commit::{Ballot, Cast, Config, Message, Presumption, Record, Timer, TwoPhaseCommit};

// --- BHG 7.4: the protocol ---

/// BHG 7.4, step 1: the coordinator sends a VOTE-REQ to all participants, with the list of them.
#[test]
fn the_coordinator_asks_exactly_the_participants_and_names_them() {
    let mut cluster = Cluster::new(Config::new(4));
    cluster.ask("withdraw 5 from a1, deposit 5 to a3, balance of a1");
    assert_eq!(cluster.mail(n(3)), ["VOTE-REQ t0 of n3, n5: withdraw 5 from a1, balance of a1"]);
    assert_eq!(cluster.mail(n(5)), ["VOTE-REQ t0 of n3, n5: deposit 5 to a3"]);
    assert!(cluster.mail(n(2)).is_empty() && cluster.mail(n(4)).is_empty());
}

/// BHG 7.4, rule 2 of the log: a yes record is written before Yes is sent.
#[test]
fn a_yes_is_on_the_disk_before_it_is_sent() {
    let config = Config::new(2);
    let mut effects = Effects::default();
    let mut node = TwoPhaseCommit::recover(&config, n(2), &[], &mut effects);
    let mut cluster = Cluster::new(config);
    cluster.transfer();
    let request = cluster.wire.iter().find(|it| it.to == n(2)).unwrap().clone();
    node.step(Input::Message { from: request.from, message: request.message }, &mut effects);
    let is_record = |it: &Effect<_>| matches!(it, Effect::Persist(Record::Prepared { .. }));
    let is_vote =
        |it: &Effect<_>| matches!(it, Effect::Send { message: Message::Vote(_), unsynced: false, .. });
    let record = effects.as_slice().iter().position(is_record).unwrap();
    assert!(record < effects.as_slice().iter().position(is_vote).unwrap());
}

/// BHG 7.4, step 2: who votes no decides to abort and stops.
#[test]
fn who_votes_no_aborts_and_holds_nothing() {
    for presumption in Presumption::ALL {
        let mut cluster = Cluster::pair(presumption);
        cluster.ask("withdraw 500 from a0, deposit 500 to a1");
        cluster.deliver_kind("vote-request", &[n(2)]);
        assert_eq!(cluster.mail(n(1)), ["NO (not so much in a0) t0"]);
        assert_eq!(cluster.disk(n(2)), ["abort t0"]);
        assert!(cluster.in_doubt(n(2)).is_empty() && cluster.timers[1].is_empty());
        cluster.deliver_all();
        assert_eq!(cluster.replies[0].1, Reply::Aborted(Refusal::NoFunds(Account(0))));
        assert_eq!(cluster.decided(n(3), T0), Some(Decision::Abort));
        cluster.assert_sound();
    }
}

/// BHG 7.4, step 3 and AC3: commit only with all votes, and all of them yes.
#[test]
fn the_coordinator_commits_when_all_have_said_yes_and_not_before() {
    let mut cluster = Cluster::pair(Presumption::None);
    cluster.transfer();
    cluster.deliver_kind("vote-request", &[n(2)]);
    cluster.deliver_kind("vote", &[n(1)]);
    assert_eq!(cluster.decided(n(1), T0), None);
    cluster.deliver_kind("vote-request", &[n(3)]);
    cluster.deliver_kind("vote", &[n(1)]);
    assert_eq!(cluster.decided(n(1), T0), Some(Decision::Commit));
    assert_eq!(cluster.replies[0].1, Reply::Committed(vec![Seen::Done, Seen::Done]));
    assert_eq!(
        (cluster.mail(n(2)), cluster.mail(n(3))),
        (vec!["COMMIT t0".into()], vec!["COMMIT t0".into()])
    );
    cluster.deliver_all();
    cluster.ask("balance of a0, balance of a1");
    cluster.deliver_all();
    assert_eq!(cluster.replies[1].1, Reply::Committed(vec![Seen::Balance(90), Seen::Balance(110)]));
    cluster.assert_sound();
}

/// AC3: a vote that comes twice is one vote.
#[test]
fn a_vote_that_comes_twice_counts_once() {
    let mut cluster = Cluster::pair(Presumption::Abort);
    cluster.transfer();
    cluster.deliver_kind("vote-request", &[n(2)]);
    let vote = Message::Vote(Cast { transaction: T0, ballot: Ballot::Yes(vec![Seen::Done]) });
    cluster.receive(n(1), n(2), vote.clone());
    cluster.receive(n(1), n(2), vote);
    assert_eq!(cluster.decided(n(1), T0), None);
}

/// BHG 7.4, rule 3 of the log: a commit record is written before COMMIT is sent.
#[test]
fn a_coordinator_that_crashes_before_its_commit_record_has_told_nobody() {
    for presumption in Presumption::ALL {
        let mut cluster = Cluster::pair(presumption);
        cluster.transfer();
        cluster.deliver_kind("vote-request", &[n(2), n(3)]);
        cluster.deliver(|it| it.from == n(2));
        let last = cluster.wire.iter().find(|it| it.from == n(3)).unwrap().clone();
        cluster.lose_all();
        cluster.step_to_write(n(1), Input::Message { from: last.from, message: last.message });
        assert_eq!((cluster.sent("commit"), cluster.replies.len()), (0, 0));
        cluster.recover(n(1));
        [n(2), n(3)].into_iter().for_each(|node| cluster.fire(node, Timer::Inquiry(T0)));
        cluster.deliver_all();
        for node in [n(2), n(3)] {
            assert_eq!(cluster.decided(node, T0), Some(Decision::Abort), "presumption {presumption}");
        }
        cluster.assert_sound();
    }
}

/// BHG 7.4, step 3: with a no, ABORT goes to all that may have voted yes.
#[test]
fn an_abort_goes_to_all_but_those_that_voted_no() {
    let mut cluster = Cluster::new(Config::new(3));
    cluster.ask("withdraw 500 from a0, deposit 250 to a1, deposit 250 to a2");
    cluster.deliver_kind("vote-request", &[n(2), n(3)]);
    cluster.deliver_kind("vote", &[n(1)]);
    assert!(cluster.mail(n(2)).is_empty());
    assert_eq!(cluster.mail(n(3)), ["ABORT t0"]);
    cluster.deliver_all();
    // n4 heard VOTE-REQ first; either way it ends up with nothing locked.
    assert!(cluster.in_doubt(n(4)).is_empty());
    cluster.assert_sound();
}

// --- BHG 7.4: timeouts ---

/// BHG 7.4, timeout actions: a coordinator that misses votes decides to abort.
#[test]
fn a_coordinator_that_misses_a_vote_aborts() {
    let mut cluster = Cluster::pair(Presumption::None);
    cluster.transfer();
    cluster.deliver_kind("vote-request", &[n(2)]);
    cluster.deliver_kind("vote", &[n(1)]);
    cluster.fire(n(1), Timer::Votes(T0));
    assert_eq!(cluster.replies[0].1, Reply::Aborted(Refusal::NoAnswer(n(3))));
    cluster.deliver(|it| it.message == ABORT && it.to == n(3));
    // The request comes after the decision: n3 must not vote yes on what is over.
    cluster.deliver_kind("vote-request", &[n(3)]);
    assert_eq!(cluster.disk(n(3)), ["abort t0"]);
    cluster.deliver_all();
    cluster.assert_sound();
}

/// While votes are missing they are asked for again; who has voted says the same.
#[test]
fn a_lost_vote_is_asked_for_again() {
    let mut cluster = Cluster::pair(Presumption::None);
    cluster.transfer();
    cluster.deliver_kind("vote-request", &[n(2), n(3)]);
    cluster.deliver(|it| it.from == n(2));
    cluster.lose_all();
    cluster.fire(n(1), Timer::Retry(T0));
    assert_eq!((cluster.mail(n(2)).len(), cluster.mail(n(3)).len()), (0, 1));
    cluster.deliver_all();
    assert_eq!(cluster.decided(n(3), T0), Some(Decision::Commit));
    assert_eq!(cluster.disk(n(3)).len(), 2, "it is prepared once");
    cluster.assert_sound();
}

/// BHG 7.4: in its uncertainty period a participant may decide nothing by itself; it asks.
#[test]
fn a_participant_in_doubt_asks_and_decides_nothing() {
    let mut cluster = Cluster::pair(Presumption::Abort);
    cluster.transfer();
    cluster.deliver_kind("vote-request", &[n(2), n(3)]);
    cluster.lose_all();
    for _ in 0..3 {
        cluster.fire(n(2), Timer::Inquiry(T0));
        assert_eq!(cluster.mail(n(1)), ["DECISION-REQ t0"]);
        assert_eq!(cluster.mail(n(3)), ["DECISION-REQ t0"]);
        // The coordinator has not decided, n3 is in doubt itself: nobody can help.
        cluster.deliver_all();
        assert_eq!((cluster.decided(n(2), T0), cluster.in_doubt(n(2))), (None, vec![T0]));
    }
    cluster.assert_safe();
}

// --- BHG 7.4: cooperative termination ---

/// One transaction of n2 and n3, of which n3 alone has heard the decision.
fn half_told() -> Cluster {
    let mut cluster = Cluster::pair(Presumption::Abort);
    cluster.transfer();
    cluster.deliver_kind("vote-request", &[n(2), n(3)]);
    cluster.deliver_kind("vote", &[n(1)]);
    cluster.deliver_kind("commit", &[n(3)]);
    cluster.lose_all();
    cluster.crash(n(1));
    cluster
}

/// Case 1: q has decided; it tells, and p decides accordingly.
#[test]
fn a_peer_that_has_decided_tells() {
    let mut cluster = half_told();
    cluster.fire(n(2), Timer::Inquiry(T0));
    cluster.deliver_all();
    assert_eq!(cluster.decided(n(2), T0), Some(Decision::Commit));
    cluster.recover(n(1));
    cluster.deliver_all();
    assert_eq!(cluster.disk(n(1)), ["commit t0", "end t0"], "both acknowledge to the coordinator");
    cluster.assert_sound();
}

/// Without cooperation only the coordinator is asked.
#[test]
fn peers_that_do_not_cooperate_are_not_asked() {
    let mut cluster = Cluster::new(Config { cooperative: false, ..Config::new(2) });
    cluster.transfer();
    cluster.deliver_kind("vote-request", &[n(2), n(3)]);
    cluster.lose_all();
    cluster.fire(n(2), Timer::Inquiry(T0));
    assert_eq!((cluster.mail(n(1)).len(), cluster.mail(n(3)).len()), (1, 0));
}

/// Case 2: q has not voted; it decides to abort, on its disk, and then tells. It never votes yes on that again.
#[test]
fn a_peer_that_has_not_voted_aborts_before_it_answers() {
    for presumption in Presumption::ALL {
        let mut cluster = Cluster::pair(presumption);
        cluster.transfer();
        cluster.deliver_kind("vote-request", &[n(2)]);
        cluster.fire(n(2), Timer::Inquiry(T0));
        cluster.deliver_kind("inquiry", &[n(3)]);
        assert_eq!(cluster.disk(n(3)), ["abort t0"]);
        cluster.restart(n(3));
        assert_eq!(cluster.disk(n(3)), ["abort t0"], "presumption {presumption}: it was forced");
        cluster.deliver_kind("vote-request", &[n(3)]);
        assert!(cluster.mail(n(1)).contains(&"NO (somebody failed before it was decided) t0".to_string()));
        cluster.deliver_all();
        assert_eq!(cluster.decided(n(1), T0), Some(Decision::Abort));
        assert_eq!(cluster.decided(n(2), T0), Some(Decision::Abort));
        cluster.assert_sound();
    }
}

/// Case 3: q is uncertain, too, and cannot help. This is blocking: no answer, and the locks stay.
#[test]
fn peers_that_are_all_uncertain_are_blocked_until_the_coordinator_is_back() {
    for presumption in Presumption::ALL {
        let mut cluster = Cluster::pair(presumption);
        cluster.transfer();
        cluster.deliver_kind("vote-request", &[n(2), n(3)]);
        cluster.crash(n(1));
        for node in [n(2), n(3), n(2), n(3)] {
            cluster.fire(node, Timer::Inquiry(T0));
            cluster.deliver_all();
        }
        assert_eq!((cluster.in_doubt(n(2)), cluster.in_doubt(n(3))), (vec![T0], vec![T0]));
        cluster.recover(n(1));
        cluster.deliver_all();
        [n(2), n(3)]
            .into_iter()
            .filter(|&node| !cluster.in_doubt(node).is_empty())
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|node| cluster.fire(node, Timer::Inquiry(T0)));
        cluster.deliver_all();
        assert_eq!(cluster.decided(n(2), T0), Some(Decision::Abort));
        assert_eq!(cluster.decided(n(3), T0), Some(Decision::Abort));
        cluster.assert_sound();
    }
}

// --- BHG 7.4: recovery ---

/// With a start-2PC record and no decision the coordinator decides to abort, and tells all that it had asked.
#[test]
fn a_coordinator_that_had_begun_aborts_after_a_restart() {
    for presumption in [Presumption::None, Presumption::Commit] {
        let mut cluster = Cluster::pair(presumption);
        cluster.transfer();
        cluster.deliver_kind("vote-request", &[n(2)]);
        // The record of a plain coordinator is lazy; here it has made it to the disk.
        let disk = cluster.disks[0].clone();
        cluster.crash(n(1));
        cluster.disks[0] = disk;
        cluster.lose_all();
        cluster.recover(n(1));
        assert_eq!(cluster.disk(n(1)), ["begin t0 of n2, n3", "abort t0"]);
        assert_eq!(
            (cluster.mail(n(2)), cluster.mail(n(3))),
            (vec!["ABORT t0".into()], vec!["ABORT t0".into()])
        );
        cluster.deliver_all();
        assert_eq!(cluster.disk(n(1)).last().unwrap(), "end t0");
        cluster.assert_sound();
    }
}

/// With a decision and no end it tells once more all that owe an acknowledgement.
#[test]
fn a_coordinator_that_had_decided_tells_again_until_all_have_acknowledged() {
    let mut cluster = Cluster::pair(Presumption::None);
    cluster.transfer();
    cluster.deliver_kind("vote-request", &[n(2), n(3)]);
    cluster.deliver_kind("vote", &[n(1)]);
    cluster.lose_all();
    cluster.restart(n(1));
    cluster.deliver_kind("commit", &[n(2)]);
    cluster.deliver_kind("acknowledgement", &[n(1)]);
    cluster.lose_all();
    cluster.fire(n(1), Timer::Retry(T0));
    assert_eq!((cluster.mail(n(2)).len(), cluster.mail(n(3)).len()), (0, 1));
    cluster.deliver_all();
    assert_eq!(cluster.disk(n(1)).last().unwrap(), "end t0");
    assert!(cluster.timers[0].is_empty(), "there is nothing left to do");
    cluster.assert_sound();
}

/// A participant without a yes record had not voted yes, and may still abort; with one it asks, and holds its locks.
#[test]
fn a_participant_that_restarts_in_doubt_asks_and_holds_its_locks() {
    let mut cluster = Cluster::pair(Presumption::Abort);
    cluster.transfer();
    cluster.deliver_kind("vote-request", &[n(2), n(3)]);
    cluster.lose_all();
    cluster.restart(n(2));
    assert_eq!(cluster.in_doubt(n(2)), [T0]);
    assert_eq!((cluster.mail(n(1)).len(), cluster.mail(n(3)).len()), (1, 1), "it asks at once");
    cluster.lose_all();
    cluster.ask("withdraw 1 from a0, deposit 1 to a1");
    cluster.deliver_kind("vote-request", &[n(2)]);
    assert_eq!(cluster.mail(n(1)), ["NO (a0 is locked) t1"]);
    cluster.lose_all();
    // What it votes after the restart is what it voted before.
    cluster.fire(n(1), Timer::Retry(T0));
    cluster.deliver_all();
    assert_eq!(cluster.decided(n(2), T0), Some(Decision::Commit));
    cluster.assert_safe();
}

/// A participant with a decision on its disk is done, and what it has committed is there.
#[test]
fn a_participant_that_had_committed_has_its_database_again() {
    let mut cluster = Cluster::pair(Presumption::None);
    cluster.transfer();
    cluster.deliver_all();
    let before = cluster.node(n(2)).clone();
    cluster.restart(n(2));
    assert_eq!(cluster.node(n(2)), &before);
    cluster.ask("balance of a0, balance of a1");
    cluster.deliver_all();
    assert_eq!(cluster.replies[1].1, Reply::Committed(vec![Seen::Balance(90), Seen::Balance(110)]));
    cluster.assert_sound();
}

/// What was aborted is not voted on again, whenever VOTE-REQ comes.
#[test]
fn a_request_that_comes_twice_finds_the_abort_on_the_disk() {
    for presumption in Presumption::ALL {
        let mut cluster = Cluster::pair(presumption);
        cluster.ask("withdraw 500 from a0, deposit 500 to a1");
        let request = cluster.wire.iter().find(|it| it.to == n(3)).unwrap().clone();
        cluster.deliver_all();
        cluster.receive(n(3), n(1), request.message);
        assert!(cluster.in_doubt(n(3)).is_empty(), "presumption {presumption}");
        cluster.deliver_all();
        cluster.assert_sound();
    }
}
