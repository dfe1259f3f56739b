//! The flaws that no random schedule comes upon, each driven by hand through the ballots it needs, and the same steps
//! without the flaw.

use crate::support::{Cluster, n};
use quarrel_paxos::{Config, FlawSet, PaxosFlaw};
use quarrel_protocol::{Kinded, NodeId};

fn cluster(flaws: FlawSet) -> Cluster {
    Cluster::new(Config { flaws, ..Config::new(3) })
}

/// Lets `proposer` run phase 1 with itself and `other`; whatever else is sent of that phase is lost.
fn prepare(cluster: &mut Cluster, proposer: NodeId, other: NodeId) {
    let pair = [proposer, other];
    for kind in ["prepare", "promise"] {
        cluster
            .deliver(|it| it.message.kind_name() == kind && pair.contains(&it.from) && pair.contains(&it.to));
    }
    cluster.lose("prepare");
    cluster.lose("promise");
}

/// Who accepts what is on its way from `proposer`; nobody hears of it.
fn accept(cluster: &mut Cluster, acceptors: &[NodeId]) {
    cluster.deliver_kind("accept", acceptors);
    cluster.lose("accepted");
}

/// Brooker, *The Bug in Paxos Made Simple*:
///
/// 1. n2 has the promises of n1 and n2 for 1.n2, and crashes before it accepts v1 itself; its accept to n3 is late.
/// 2. n1 has the promises of n1 and n2 for 2.n1. n1 and n3 accept v2, which is chosen.
/// 3. The late accept arrives at n3, which nobody has asked for a promise.
/// 4. n2 has the promises of n2 and n3 for the next ballot.
fn late_accept_after_a_newer_one(flaws: FlawSet) -> Cluster {
    let mut cluster = cluster(flaws);
    cluster.propose(n(2), 1);
    prepare(&mut cluster, n(2), n(1));
    cluster.restart(n(2));
    let late = cluster.wire.iter().find(|it| it.to == n(3)).expect("n2 has sent its accept").clone();
    cluster.lose_all();
    cluster.propose(n(1), 2);
    prepare(&mut cluster, n(1), n(2));
    accept(&mut cluster, &[n(1), n(3)]);
    cluster.lose_all();
    cluster.receive(late.to, late.from, late.message);
    cluster.lose_all();
    cluster.propose(n(2), 3);
    prepare(&mut cluster, n(2), n(3));
    accept(&mut cluster, &[n(2), n(3)]);
    cluster
}

#[test]
fn an_acceptance_that_promises_nothing_gives_way_to_an_older_one() {
    assert_eq!(late_accept_after_a_newer_one(FlawSet::default()).broken(), [""; 0]);
    let broken = late_accept_after_a_newer_one(FlawSet::only(PaxosFlaw::AcceptNoPromiseUpdate));
    assert!(broken.broken().contains(&"one-value-chosen"), "{:?}", broken.broken());
}

/// 1. n1 alone accepts v1 in 1.n1, and n3 hears of it.
/// 2. n2 alone accepts v2 in 1.n2.
/// 3. n3 finds v1 at n1 and alone accepts it in 2.n3.
/// 4. n1 finds its own v1 of 1.n1 and n2's v2 of 1.n2: v2 is accepted by n1 and n2, and chosen.
fn four_ballots(flaws: FlawSet) -> Cluster {
    let mut cluster = cluster(flaws);
    cluster.propose(n(1), 1);
    prepare(&mut cluster, n(1), n(3));
    cluster.deliver_kind("accept", &[n(1)]);
    cluster.deliver_kind("accepted", &[n(3)]);
    cluster.lose_all();
    cluster.propose(n(2), 2);
    prepare(&mut cluster, n(2), n(3));
    accept(&mut cluster, &[n(2)]);
    cluster.lose_all();
    cluster.propose(n(3), 3);
    prepare(&mut cluster, n(3), n(1));
    cluster.deliver_kind("accept", &[n(3)]);
    cluster.deliver_kind("accepted", &[n(3)]);
    cluster.lose_all();
    // n1's ballot has taken too long, and so has its pause.
    cluster.fire(n(1));
    cluster.fire(n(1));
    prepare(&mut cluster, n(1), n(2));
    cluster.deliver_kind("accept", &[n(1), n(2)]);
    cluster.deliver_kind("accepted", &[n(1), n(2)]);
    cluster
}

#[test]
fn the_same_value_in_two_ballots_is_not_chosen() {
    let sound = four_ballots(FlawSet::default());
    assert_eq!((sound.broken(), sound.outputs.len()), (Vec::new(), 2), "{:?}", sound.outputs);
    let broken = four_ballots(FlawSet::only(PaxosFlaw::LearnerCrossBallotSameValue));
    assert!(broken.broken().contains(&"agreement"), "{:?}", broken.broken());
}

/// 1. n1 has the promises of n1 and n2 for 1.n1; both accept v1.
/// 2. n1 restarts, and is asked for v3.
/// 3. A copy of n2's promise, from before n2 accepted, arrives in n1's second life; n3 hears its first prepare.
fn old_promise_in_a_second_life(flaws: FlawSet) -> Cluster {
    let mut cluster = cluster(flaws);
    cluster.propose(n(1), 1);
    cluster.deliver_kind("prepare", &[n(1), n(2)]);
    let copy = cluster.wire.iter().find(|it| it.from == n(2)).expect("n2 has promised").clone();
    cluster.lose("prepare");
    cluster.deliver_kind("promise", &[n(1)]);
    accept(&mut cluster, &[n(1), n(2)]);
    cluster.lose_all();
    cluster.restart(n(1));
    cluster.propose(n(1), 3);
    cluster.deliver_kind("prepare", &[n(1), n(2), n(3)]);
    cluster.receive(copy.to, copy.from, copy.message);
    cluster.deliver_kind("promise", &[n(1)]);
    accept(&mut cluster, &[n(3)]);
    cluster
}

#[test]
fn a_ballot_of_a_former_life_is_used_up() {
    assert_eq!(old_promise_in_a_second_life(FlawSet::default()).broken(), [""; 0]);
    let broken = old_promise_in_a_second_life(FlawSet::only(PaxosFlaw::BallotReuseAfterCrash));
    assert!(broken.broken().contains(&"one-value-per-ballot"), "{:?}", broken.broken());
}
