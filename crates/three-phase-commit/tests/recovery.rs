//! One test for each rule of Bernstein, Hadzilacos and Goodman (BHG), section 7.5, on what follows a failure: recovery,
//! and total failure. The protocol while somebody stays up is in `paper.rs`.

use crate::support::{Cluster, T, pre_commit_cut, pre_commit_cut_with, set, voted};
use quarrel_protocol::NodeSet;
use quarrel_spec::atomic_commit::Decision;
use quarrel_three_phase_commit::{Config, FlawSet, Message, Stage, ThreePhaseFlaw};

// --- Recovery ---

/// A process that fails before it has voted aborts by itself.
#[test]
fn who_fails_before_its_vote_aborts_when_asked() {
    let mut cluster = Cluster::of(3);
    cluster.ask_of(2);
    cluster.crash(3);
    cluster.deliver_all();
    cluster.restart(3);
    cluster.crash(1);
    cluster.fire(2, "word");
    cluster.deliver_all();
    cluster.all_decide(&[2, 3], Decision::Abort);
    assert!(cluster.happened("terminated-by-tr1"), "n3 says that it will never commit");
}

/// The coordinator that fails before it has sent PRE-COMMIT has not voted either.
#[test]
fn a_coordinator_that_fails_before_pre_commit_aborts_when_asked() {
    let mut cluster = voted(3);
    cluster.crash(1);
    cluster.deliver_all();
    cluster.restart(1);
    cluster.crash(2);
    cluster.restart(2);
    cluster.deliver_all();
    cluster.all_decide(&[1, 2], Decision::Abort);
    assert_eq!(cluster.decision(3), None, "n3 is up, and will find out by an election");
    cluster.fire(3, "word");
    cluster.deliver_all();
    cluster.all_decide(&[3], Decision::Abort);
    assert_eq!(cluster.broken(), [""; 0]);
}

/// A process that fails after its vote asks, and is told by whoever knows.
#[test]
fn who_fails_in_doubt_asks() {
    let mut cluster = voted(3);
    cluster.crash(3);
    cluster.deliver_all();
    cluster.fire(1, "acks");
    cluster.deliver_all();
    cluster.restart(3);
    assert_eq!(
        cluster.wire_text(),
        ["Inquiry t0, uncertain, up n1, n2, n3 to n1", "Inquiry t0, uncertain, up n1, n2, n3 to n2"]
    );
    cluster.deliver_all();
    cluster.all_decide(&[1, 2, 3], Decision::Commit);
    assert_eq!(cluster.broken(), [""; 0]);
}

/// Who is up and undecided does not answer; it is asked again.
#[test]
fn who_recovers_asks_until_somebody_knows() {
    let mut cluster = pre_commit_cut(4, &[]);
    cluster.crash(4);
    cluster.restart(4);
    cluster.deliver_all();
    assert_eq!(cluster.decision(4), None);
    cluster.fire(2, "word");
    cluster.deliver_all();
    cluster.fire(2, "reports");
    cluster.deliver_all();
    cluster.lose_kind("abort", &[4]);
    cluster.fire(4, "inquiry");
    cluster.deliver_all();
    cluster.all_decide(&[2, 3, 4], Decision::Abort);
}

/// "A recovered process takes no part": it neither reports nor acknowledges nor is elected.
#[test]
fn who_recovers_takes_no_part_in_a_round() {
    let mut cluster = pre_commit_cut(4, &[4]);
    cluster.crash(2);
    cluster.restart(2);
    cluster.wire.clear();
    cluster.receive(2, 3, Message::StateRequest(T));
    cluster.receive(2, 3, Message::PreCommit(T));
    cluster.receive(2, 3, Message::Elected(T));
    assert_eq!(cluster.wire_text(), [""; 0]);
    assert!(matches!(cluster.case(2).stage, Stage::Recovering { .. }));
}

/// The committable participant and the coordinator fail together; the survivors abort; the participant does as it is told.
#[test]
fn a_committable_process_does_not_commit_by_itself_when_it_recovers() {
    let survivors_abort = |config: Config| {
        let mut cluster = pre_commit_cut_with(config, &[4]);
        cluster.crash(4);
        cluster.fire(2, "word");
        cluster.deliver_all();
        cluster.fire(2, "reports");
        cluster.deliver_all();
        cluster.restart(4);
        cluster.deliver_all();
        cluster
    };
    let cluster = survivors_abort(Config::new(4));
    cluster.all_decide(&[2, 3, 4], Decision::Abort);
    assert_eq!(cluster.broken(), [""; 0]);
    let flaws = FlawSet::only(ThreePhaseFlaw::SimultaneousFailure);
    assert_eq!(survivors_abort(Config { flaws, ..Config::new(4) }).broken(), ["ac1"]);
}

// --- Total failure ---

/// All fail at once: all must be back, since any may have been the last.
#[test]
fn after_a_total_failure_nobody_decides_before_the_last_to_fail_is_back() {
    let mut cluster = voted(3);
    cluster.deliver_kind("vote", &[1]);
    cluster.deliver_kind("pre-commit", &[2, 3]);
    [1, 2, 3].into_iter().for_each(|node| cluster.crash(node));
    cluster.wire.clear();
    cluster.restart(2);
    cluster.restart(3);
    cluster.deliver_all();
    assert_eq!([cluster.decision(2), cluster.decision(3)], [None; 2], "n1 may have been the last");
    cluster.restart(1);
    cluster.deliver_all();
    cluster.all_decide(&[2, 3], Decision::Commit);
    cluster.fire(1, "inquiry");
    cluster.deliver_all();
    cluster.all_decide(&[1], Decision::Commit);
    assert!(cluster.happened("total-failure-resolved") && !cluster.happened("last-to-fail-known"));
    assert_eq!(cluster.broken(), [""; 0]);
}

/// Two have stayed up longer than the others, and know that: their logs say so, and they decide when they are back.
#[test]
fn those_that_failed_last_decide_without_the_others() {
    let mut cluster = pre_commit_cut(4, &[2]);
    cluster.crash(2);
    // n3 misses n1, and then n2; it is elected, and n4 hears of it.
    cluster.fire(3, "word");
    cluster.fire(3, "word");
    cluster.deliver_kind("state-request", &[4]);
    cluster.crash(3);
    cluster.crash(4);
    cluster.wire.clear();
    cluster.restart(2);
    cluster.restart(4);
    cluster.deliver_all();
    assert_eq!([cluster.decision(2), cluster.decision(4)], [None; 2], "n3 may have been the last");
    assert_eq!((cluster.case(2).up, cluster.case(4).up), (NodeSet::all(4), set(&[3, 4])));
    cluster.restart(3);
    cluster.deliver_all();
    // n2 was committable, and it does not matter: it failed earlier.
    cluster.all_decide(&[2, 4], Decision::Abort);
    cluster.fire(3, "inquiry");
    cluster.deliver_all();
    cluster.all_decide(&[3], Decision::Abort);
    assert!(cluster.happened("last-to-fail-known"));
    assert_eq!(cluster.broken(), [""; 0]);
}
