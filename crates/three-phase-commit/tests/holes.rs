//! Holes in the textbook, one test each, by their numbers on the page of the crate; and what the rules are for: what happens
//! without them.

use crate::support::{Cluster, T, n, pre_commit_cut_with, voted_with};
use quarrel_spec::atomic_commit::Decision;
use quarrel_three_phase_commit::{Config, FlawSet, Message, Stage, Standing, ThreePhaseFlaw};

// --- Holes ---

/// Holes 2 and 3: who has aborted before it was asked for its vote remembers that.
#[test]
fn abort_may_overtake_the_vote_request() {
    for overtaking in [Message::Abort(T), Message::StateRequest(T), Message::Elected(T)] {
        let mut cluster = Cluster::of(3);
        cluster.ask_of(2);
        cluster.receive(3, 2, overtaking);
        cluster.deliver_kind("vote-request", &[3]);
        cluster.all_decide(&[3], Decision::Abort);
        assert!(cluster.node(3).open().is_empty(), "it does not vote any more");
    }
}

/// Hole 4: ABORT comes while a participant is down, and VOTE-REQ when it is back.
#[test]
fn a_yes_to_what_is_decided_is_answered() {
    let mut cluster = Cluster::of(3);
    cluster.ask("deposit 500 to a0, withdraw 500 from a1");
    cluster.deliver_kind("vote-request", &[3]);
    cluster.crash(2);
    cluster.deliver(|envelope| envelope.from == n(3));
    cluster.deliver_kind("abort", &[2]);
    cluster.restart(2);
    cluster.deliver_kind("vote-request", &[2]);
    assert_eq!(cluster.case(2).standing, Standing::Uncertain);
    cluster.deliver_all();
    cluster.all_decide(&[1, 2, 3], Decision::Abort);
    assert_eq!(cluster.broken(), [""; 0]);
}

// --- What the rules are for ---

/// The textbook variant splits when PRE-COMMIT is cut off in the middle.
#[test]
fn deciding_on_ones_own_timeout_splits() {
    let flaws = FlawSet::only(ThreePhaseFlaw::TimeoutTransitions);
    let mut cluster = pre_commit_cut_with(Config { flaws, ..Config::new(3) }, &[3]);
    cluster.fire(2, "word");
    cluster.fire(3, "word");
    assert_eq!([cluster.decision(2), cluster.decision(3)], [Some(Decision::Abort), Some(Decision::Commit)]);
    assert!(cluster.broken().contains(&"ac1"));
}

/// Skeen's theorem, and why the synchronous model cannot show this flaw: n3's PRE-COMMIT must be lost.
#[test]
fn committing_after_the_first_acknowledgement_splits_when_a_pre_commit_is_lost() {
    let first_ack = |config: Config| {
        let mut cluster = voted_with(config);
        cluster.deliver_kind("vote", &[1]);
        cluster.lose_kind("pre-commit", &[2, 3]);
        cluster.deliver_kind("pre-commit", &[4]);
        cluster.deliver_kind("ack", &[1]);
        cluster.crash(1);
        cluster.crash(4);
        cluster.wire.clear();
        cluster.fire(2, "word");
        cluster.deliver_all();
        cluster.fire(2, "reports");
        cluster.deliver_all();
        cluster
    };
    let cluster = first_ack(Config::new(4));
    cluster.all_decide(&[2, 3], Decision::Abort);
    assert_eq!(cluster.broken(), [""; 0], "the coordinator had not committed");
    let flaws = FlawSet::only(ThreePhaseFlaw::CommitBeforeAllAcks);
    assert!(first_ack(Config { flaws, ..Config::new(4) }).broken().contains(&"ac1"));
}

/// A late PRE-COMMIT that is obeyed makes one committable of whom the elected coordinator knows that it is uncertain.
#[test]
fn obeying_a_superseded_coordinator_splits() {
    let late = |config: Config| {
        let mut cluster = voted_with(config);
        cluster.deliver_kind("vote", &[1]);
        let late: Vec<_> = std::mem::take(&mut cluster.wire);
        cluster.crash(1);
        cluster.fire(2, "word");
        cluster.deliver_kind("state-request", &[3, 4]);
        cluster.wire.extend(late);
        cluster.deliver_kind("pre-commit", &[3, 4]);
        cluster.deliver_kind("state-report", &[2]);
        cluster.crash(2);
        cluster.wire.clear();
        while matches!(cluster.case(3).stage, Stage::Following { .. }) {
            cluster.fire(3, "word");
        }
        cluster.deliver_all();
        cluster
    };
    let cluster = late(Config::new(4));
    cluster.all_decide(&[3, 4], Decision::Abort);
    assert_eq!(cluster.broken(), [""; 0]);
    let flaws = FlawSet::only(ThreePhaseFlaw::LatePrecommitObeyed);
    assert!(late(Config { flaws, ..Config::new(4) }).broken().contains(&"ac1"));
}
