//! What a node says it waits for.

use crate::common::*;
use quarrel_protocol::{Input, Protocol};
use quarrel_raft::{Config, FlawSet, RaftFlaw, Timer};

fn without_noop(nodes: u8) -> Config {
    Config { noop_on_election: false, ..Config::new(nodes) }
}

fn waits(node: &Node) -> Vec<String> {
    node.machine.waits().iter().map(ToString::to_string).collect()
}

#[test]
fn a_follower_waits_for_a_leader() {
    let mut node = Node::new(&Config::new(3), N1);
    assert_eq!(waits(&node), ["waits for a leader of term 1 or later"]);
    node.receive(N2, request_vote(4, (0, 0)));
    assert_eq!(waits(&node), ["waits for a leader of term 4 or later"]);
    node.receive(N2, append(4, (0, 0), &[], 0));
    assert_eq!(waits(&node), ["waits for n2: news from the leader of term 4"]);
}

#[test]
fn a_candidate_waits_for_votes() {
    let mut node = Node::with_log(&Config::new(5), N1, &[3]);
    node.step(Input::Timer(Timer::Election));
    let own_vote = "waits for its own disk";
    assert_eq!(waits(&node), ["waits for n2, n3, n4, n5: votes in term 4", own_vote]);
    node.receive(N1, vote(4, true));
    node.receive(N3, vote(4, true));
    node.receive(N4, vote(4, false));
    assert_eq!(waits(&node), ["waits for n2, n4, n5: votes in term 4"]);
}

#[test]
fn a_leader_waits_for_confirmations() {
    let mut node = Node::with_log(&Config::new(3), N1, &[1, 1]);
    node.lead(&[N2]);
    assert_eq!(
        waits(&node),
        ["waits for n2, n3: confirmation of entry 3"],
        "the no-op commits what was there before it"
    );
    node.receive(N2, matched(2, 3));
    assert_eq!(waits(&node), ["waits for n3: confirmation of entry 3"], "it is committed; one lags behind");
    node.receive(N3, matched(2, 3));
    assert_eq!(waits(&node), [""; 0]);
    node.step(request(7));
    assert_eq!(waits(&node), ["waits for n2, n3: confirmation of entry 4", "waits for its own disk"]);
    node.receive(N1, matched(2, 4));
    node.ask(8);
    assert_eq!(waits(&node), ["waits for n2, n3: confirmation of entry 4"], "the first that is missing");
}

#[test]
fn a_leader_without_an_entry_of_its_term_waits_for_a_request() {
    // Section 5.4.2.
    let mut node = Node::with_log(&without_noop(3), N1, &[1, 1]);
    node.lead(&[N2]);
    node.receive(N2, matched(2, 2));
    assert_eq!(waits(&node), ["waits for a request, to commit with it what earlier terms left"]);
}

#[test]
fn a_leader_that_commits_nothing_waits_for_itself() {
    let flaws = FlawSet::only(RaftFlaw::StopCommitScan);
    let mut node = Node::with_log(&Config { flaws, ..Config::new(3) }, N1, &[1, 1]);
    node.lead(&[N2]);
    node.receive(N2, matched(2, 3));
    assert_eq!(waits(&node), ["waits for its own commit of entry 3, which a quorum holds"]);
}
