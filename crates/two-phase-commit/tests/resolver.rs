//! The resolver, and what clients and people see of a cluster.

use crate::support::{Cluster, T0, n};
use quarrel_protocol::Protocol;
use quarrel_spec::atomic_commit::{Decision, Reply};
use quarrel_two_phase_commit::{Config, Timer};

/// One transaction of n2 and n3 whose coordinator is gone; n4 resolves.
fn orphan(voted: &[u8]) -> Cluster {
    let mut cluster = Cluster::new(Config { resolver: true, cooperative: false, ..Config::new(2) });
    cluster.transfer();
    let voted: Vec<_> = voted.iter().map(|&number| n(number)).collect();
    cluster.deliver_kind("vote-request", &voted);
    cluster.crash(n(1));
    cluster
}

/// One that has not voted aborts, on its disk, before it answers; the resolver spreads that.
#[test]
fn the_resolver_makes_who_has_not_voted_abort() {
    let mut cluster = orphan(&[2]);
    cluster.fire(n(2), Timer::Orphan(T0));
    cluster.deliver_kind("orphan", &[n(4)]);
    assert_eq!(
        (cluster.mail(n(2)).len(), cluster.mail(n(3)).last().unwrap().as_str()),
        (1, "where do you stand with t0?")
    );
    cluster.deliver_kind("check", &[n(2), n(3)]);
    assert_eq!(cluster.disk(n(3)), ["abort t0"]);
    // The vote is asked for only now: too late.
    cluster.deliver_kind("vote-request", &[n(3)]);
    assert!(cluster.in_doubt(n(3)).is_empty());
    cluster.deliver_all();
    assert_eq!(cluster.decided(n(2), T0), Some(Decision::Abort));
    assert!(cluster.timers[3].is_empty(), "the resolver is done");
    cluster.recover(n(1));
    cluster.assert_sound();
}

/// One that has decided decides for all.
#[test]
fn the_resolver_spreads_what_one_has_decided() {
    let mut cluster = Cluster::new(Config { resolver: true, cooperative: false, ..Config::new(2) });
    cluster.transfer();
    cluster.deliver_kind("vote-request", &[n(2), n(3)]);
    cluster.deliver_kind("vote", &[n(1)]);
    cluster.deliver_kind("commit", &[n(3)]);
    cluster.crash(n(1));
    cluster.lose_all();
    cluster.fire(n(2), Timer::Orphan(T0));
    cluster.deliver_all();
    assert_eq!(cluster.decided(n(2), T0), Some(Decision::Commit));
    cluster.recover(n(1));
    cluster.deliver_all();
    cluster.assert_sound();
}

/// All are prepared: nobody but the coordinator can know. The resolver goes on asking.
#[test]
fn the_resolver_cannot_help_if_all_are_prepared() {
    let mut cluster = orphan(&[2, 3]);
    cluster.fire(n(2), Timer::Orphan(T0));
    for _ in 0..3 {
        cluster.deliver_all();
        assert_eq!((cluster.in_doubt(n(2)), cluster.in_doubt(n(3))), (vec![T0], vec![T0]));
        assert!(cluster.node(n(4)).waits()[0].what.contains("all participants are prepared"));
        cluster.fire(n(4), Timer::Check(T0));
    }
    cluster.assert_safe();
}

// --- What a client and a person see ---

/// Only the coordinator coordinates.
#[test]
fn others_send_a_client_to_the_coordinator() {
    let mut cluster = Cluster::new(Config { resolver: true, ..Config::new(2) });
    cluster.ask_of(n(2), "balance of a0");
    cluster.ask_of(n(4), "balance of a0");
    assert_eq!(cluster.replies.iter().map(|it| &it.1).collect::<Vec<_>>(), [&Reply::Elsewhere(n(1)); 2]);
}

/// What a blocked participant says names the transaction, the locks and the remedy.
#[test]
fn a_participant_in_doubt_says_what_it_holds_and_what_would_free_it() {
    let mut cluster = Cluster::new(Config { resolver: true, ..Config::new(2) });
    cluster.ask("withdraw 10 from a0, balance of a2, deposit 10 to a1");
    cluster.deliver_kind("vote-request", &[n(2), n(3)]);
    let waits: Vec<String> = cluster.node(n(2)).waits().iter().map(ToString::to_string).collect();
    let expected = "waits for n1, n3, n4: t0, on which it has voted yes; it holds a write lock on a0 and a read \
                    lock on a2, to be freed by the decision of n1, or a word of n3 if it has decided or not voted, \
                    or n4 if it finds such a participant";
    assert_eq!(waits, [expected]);
    assert_eq!(cluster.node(n(1)).waits()[0].to_string(), "waits for n2, n3: votes on t0");
}
