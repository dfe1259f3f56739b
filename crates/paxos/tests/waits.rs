//! What a node says about itself: what it waits for, and its abstract state.

use crate::support::{Cluster, ballot, n};
use quarrel_paxos::{Config, Message, Prepare, Promise};
use quarrel_protocol::Protocol;

fn waits(cluster: &Cluster, node: u8) -> Vec<String> {
    cluster.nodes[n(node).index()].waits().iter().map(ToString::to_string).collect()
}

fn summary(cluster: &Cluster, node: u8) -> String {
    cluster.nodes[n(node).index()].summary().to_string()
}

#[test]
fn a_node_says_what_it_waits_for() {
    let mut cluster = Cluster::of(3);
    assert_eq!(waits(&cluster, 1), ["waits for news of a decision"]);
    cluster.propose(n(1), 7);
    let own_disk = "waits for its own disk";
    assert_eq!(waits(&cluster, 1), ["waits for n2, n3: promises of ballot 1.n1", own_disk]);
    cluster.deliver_kind("prepare", &[n(1)]);
    cluster.deliver_kind("promise", &[n(1)]);
    assert_eq!(waits(&cluster, 1), ["waits for n2, n3: promises of ballot 1.n1"]);
    cluster.deliver_kind("prepare", &[n(2)]);
    cluster.deliver_kind("promise", &[n(1)]);
    assert_eq!(waits(&cluster, 1), ["waits for n2, n3: acceptances of v7 in ballot 1.n1", own_disk]);
    cluster.deliver_kind("accept", &[n(1)]);
    cluster.deliver_kind("accepted", &[n(1)]);
    assert_eq!(waits(&cluster, 1), ["waits for n2, n3: acceptances of v7 in ballot 1.n1"]);
    cluster.fire(n(1));
    assert_eq!(waits(&cluster, 1), ["waits for the end of its pause, to start a higher ballot"]);
    cluster.fire(n(1));
    cluster.deliver_all();
    assert_eq!([waits(&cluster, 1), waits(&cluster, 2)], [[""; 0]; 2]);
}

/// A livelock must come back to the same state once what rises everywhere is taken off.
#[test]
fn failed_ballots_repeat_their_states_but_for_the_round() {
    let mut cluster = Cluster::new(Config { backoff_doublings_max: 0, ..Config::new(3) });
    cluster.propose(n(1), 7);
    for round in 1..4 {
        cluster.deliver_kind("prepare", &[n(1), n(2), n(3)]);
        let other = format!("idle, promised {round}, accepted 0, promises 0, failures 0");
        assert_eq!([summary(&cluster, 2), summary(&cluster, 3)], [other.clone(), other]);
        // Nobody hears of the promises.
        cluster.lose_all();
        cluster.fire(n(1));
        let own = format!("backing-off, promised {round}, accepted 0, promises 0, failures 0");
        assert_eq!(summary(&cluster, 1), own);
        cluster.fire(n(1));
    }
}

#[test]
fn an_acceptance_is_of_the_promised_ballot_or_of_an_earlier_one() {
    let mut cluster = Cluster::of(3);
    cluster.propose(n(1), 7);
    cluster.deliver_kind("prepare", &[n(1), n(2)]);
    let promise = Message::Promise(Promise { ballot: ballot(1, 1), accepted: None });
    cluster.receive(n(1), n(3), promise);
    cluster.deliver_kind("promise", &[n(1)]);
    cluster.deliver_kind("accept", &[n(2)]);
    assert_eq!(summary(&cluster, 2), "idle, promised 1, accepted 2, promises 0, failures 0");
    cluster.receive(n(2), n(3), Message::Prepare(Prepare { ballot: ballot(4, 3) }));
    assert_eq!(summary(&cluster, 2), "idle, promised 4, accepted 1, promises 0, failures 0");
}
