//! Reads that spare the log: one test per rule of the thesis, sections 6.4 and 6.4.1.

use crate::common::*;
use quarrel_protocol::{After, Input};
use quarrel_raft::config::Reads;
use quarrel_raft::{
    AppendEntriesResponse, Config, Event, Index, Message, Order, Outcome, Raft, Round, Term, Timer,
};
use quarrel_spec::replicated_log::Reply;

fn config(reads: Reads) -> Config {
    Config { reads, lease_drift_ppm: 100_000, ..Config::new(3) }
}

fn ask_read(id: u32) -> Input<Raft> {
    call(C2, id, read())
}

/// A follower has this, and answers that round.
fn answer(round: u64, index: u64) -> Message {
    let outcome = Outcome::Matched { index: Index(index) };
    Message::AppendEntriesResponse(AppendEntriesResponse { term: Term(1), outcome, round: Round(round) })
}

/// n1, leader of term 1, which has committed its no-op with n2.
fn leader(reads: Reads) -> Node {
    let mut node = Node::new(&config(reads), N1);
    node.lead(&[N2]);
    node.receive(N2, answer(1, 1));
    node
}

#[test]
fn step_1_a_leader_that_has_committed_nothing_of_its_term_waits() {
    let mut node = Node::new(&config(Reads::ReadIndex), N1);
    node.lead(&[N2]);
    assert!(node.run(ask_read(1)).told().is_empty());
    let conflict = Outcome::Conflict { previous: Index(1), term: None, first: Index(1) };
    let response = AppendEntriesResponse { term: Term(1), outcome: conflict, round: Round(2) };
    assert!(node.receive(N2, Message::AppendEntriesResponse(response)).told().is_empty(), "n2 follows it");
    assert_eq!(node.receive(N2, answer(2, 1)).told(), [found(1, None)]);
}

#[test]
fn steps_2_and_3_a_read_waits_for_a_round_of_heartbeats_that_began_after_it() {
    let mut node = leader(Reads::ReadIndex);
    let done = node.run(ask_read(1));
    assert_eq!(done.sent_to(N2), ["AppendEntries term 1, after 1@1, [], commit 1, round 2"]);
    assert!(done.persisted.is_empty(), "there is no entry");
    node.run(ask_read(2));
    assert!(node.receive(N2, answer(1, 1)).told().is_empty(), "an answer to an earlier round says nothing");
    assert_eq!(node.receive(N3, answer(2, 1)).told().len(), 1, "only the first read came before round 2");
    assert!(node.receive(N2, answer(9, 1)).told().is_empty(), "that round has not begun");
    assert_eq!(node.receive(N2, answer(3, 1)).told().len(), 1);
}

#[test]
fn step_4_a_read_waits_until_what_was_committed_is_applied() {
    let mut node = leader(Reads::ReadIndex);
    node.ask(7);
    node.run(ask_read(8));
    let done = node.receive(N2, answer(2, 2));
    // The write was committed on the way, and the read sees it; it need not have.
    assert_eq!(done.told(), [written(2), found(2, Some(7))]);
    assert!(done.events.contains(&Event::ReadServed { term: Term(1), index: Index(1), by_lease: false }));
}

#[test]
fn a_retry_waits_with_the_first_and_who_steps_down_sends_all_away() {
    let mut node = leader(Reads::ReadIndex);
    node.run(ask_read(1));
    assert!(node.run(ask_read(1)).sent.is_empty());
    let done = node.receive(N2, append(2, (0, 0), &[], 0));
    assert_eq!(done.told(), [Reply::NotLeader { hint: Some(N2) }]);
}

#[test]
fn a_leader_alone_confirms_itself() {
    let mut node = Node::new(&Config { reads: Reads::ReadIndex, ..Config::new(1) }, N1);
    node.lead(&[]);
    assert_eq!(node.run(ask_read(1)).told(), [found(1, None)]);
}

// Section 6.4.1

#[test]
fn a_lease_begins_when_heartbeats_are_sent_and_holds_when_they_are_answered() {
    let mut node = leader(Reads::Lease);
    // The round that came with the no-op was answered by n2: the lease of the first slot holds.
    assert_eq!(node.run(ask_read(1)).told(), [found(1, None)]);
    let done = node.fire(Timer::Heartbeat);
    assert!(done.set.contains(&Timer::Lease { slot: 1 }), "the next is measured from here");
    node.fire(Timer::Lease { slot: 0 });
    assert!(node.run(ask_read(2)).told().is_empty(), "one is over, and the other not confirmed");
    assert_eq!(node.receive(N3, answer(2, 1)).told(), [], "that read came after the round");
    assert_eq!(node.run(ask_read(3)).told().len(), 0, "reads are answered in order");
    assert_eq!(node.receive(N3, answer(3, 1)).told().len(), 2);
}

#[test]
fn a_lease_is_shorter_than_an_election_timeout_by_what_clocks_may_be_wrong() {
    // 150 ms by a leader's clock that is a tenth slow are 166; by a follower's that is a tenth fast, 136. What lasts 122.7
    // by the leader's lasts 136.3.
    let mut node = Node::new(&config(Reads::Lease), N1);
    node.lead(&[N2]);
    let lease = node.set_to(|timer| matches!(timer, Timer::Lease { .. }));
    assert_eq!(lease, Some(After::exactly(122_727_272)));
}

#[test]
fn a_lease_ends_with_leadership_and_with_a_transfer() {
    let mut node = leader(Reads::Lease);
    let done = node.run(Input::Admin(Order::Transfer(N2)));
    assert!(done.cancelled.contains(&Timer::Lease { slot: 0 }));
    assert_eq!(node.run(ask_read(1)).told(), [Reply::NotLeader { hint: Some(N2) }]);
    node.fire(Timer::Transfer);
    node.fire(Timer::Heartbeat);
    node.receive(N2, answer(2, 1));
    // Who was told to campaign may do so at any time: for the rest of the term each read asks for a round.
    assert!(node.run(ask_read(2)).told().is_empty());
    let mut node = leader(Reads::Lease);
    let done = node.receive(N2, append(2, (0, 0), &[], 0));
    assert!(done.cancelled.contains(&Timer::Lease { slot: 0 }));
}

#[test]
fn a_follower_that_comes_back_stands_by_the_leader_that_it_may_have_heard() {
    let mut node = Node::new(&config(Reads::Lease), N2);
    node.receive(N1, append(1, (0, 0), &[1], 0));
    node.restart();
    assert!(node.receive(N3, request_vote(2, (1, 1))).sent.is_empty());
    node.fire(Timer::Loyalty);
    assert_eq!(
        node.receive(N3, request_vote(2, (1, 1))).sent_to(N3),
        ["RequestVoteResponse term 2, granted"]
    );
}
