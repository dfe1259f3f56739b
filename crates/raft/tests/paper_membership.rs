//! Membership and transfer of leadership: one test per rule of the thesis, sections 3.10 and 4.1 to 4.3.

use crate::common::*;
use quarrel_protocol::{After, Input, NodeId, NodeSet};
use quarrel_raft::{
    Changes, Config, Configuration, Entry, Event, Index, Message, Order, Payload, Raft, Refusal, Term,
    TimeoutNow, Timer,
};
use quarrel_spec::replicated_log::Reply;

/// Three voters, two spare nodes.
fn config(changes: Changes) -> Config {
    Config { voters: 3, changes, ..Config::new(5) }
}

fn set(nodes: &[NodeId]) -> NodeSet {
    nodes.iter().copied().collect()
}

fn simple(nodes: &[NodeId]) -> Configuration {
    Configuration::of(set(nodes))
}

fn order(order: Order) -> Input<Raft> {
    Input::Admin(order)
}

/// The entry of a leader of that term which says who decides.
fn changes_to(term: u64, configuration: Configuration) -> Entry {
    Entry { term: Term(term), payload: Payload::Configuration(configuration) }
}

/// Appends by a leader with entries of any kind.
fn append_all(term: u64, (index, previous_term): (u64, u64), entries: Vec<Entry>, commit: u64) -> Message {
    let Message::AppendEntries(message) = append(term, (index, previous_term), &[], commit) else {
        unreachable!("an append is one")
    };
    Message::AppendEntries(quarrel_raft::AppendEntries { entries: entries.into(), ..message })
}

/// n1, leader of term 1, which has committed its no-op with n2.
fn leader(config: &Config) -> Node {
    let mut node = Node::new(config, N1);
    node.lead(&[N2]);
    node.receive(N2, matched(1, 1));
    assert_eq!(node.machine.commit(), Index(1));
    node
}

fn refusals(done: &Done) -> Vec<Refusal> {
    let refused = done.events.iter().filter_map(|event| match event {
        Event::OrderRefused { why, .. } => Some(*why),
        _ => None,
    });
    refused.collect()
}

// Section 4.1

#[test]
fn a_configuration_is_in_force_as_soon_as_it_is_appended_and_until_it_is_dropped() {
    let mut node = Node::new(&config(Changes::Single), N3);
    let entries = vec![Entry::no_op(Term(1)), changes_to(1, simple(&[N1, N3]))];
    node.receive(N1, append_all(1, (0, 0), entries, 0));
    assert_eq!(node.machine.configuration(), simple(&[N1, N3]), "not committed, and in force");
    node.restart();
    assert_eq!(node.machine.configuration(), simple(&[N1, N3]), "the log says so");
    node.receive(N2, append(2, (1, 1), &[2], 0));
    assert_eq!(node.machine.configuration(), simple(&[N1, N2, N3]), "its entry is gone");
}

#[test]
fn only_the_configuration_in_force_elects_and_commits() {
    let mut node = Node::new(&config(Changes::Single), N1);
    let five = Configuration::of(NodeSet::all(5));
    node.receive(N2, append_all(1, (0, 0), vec![changes_to(1, five)], 0));
    node.fire(Timer::Election);
    node.receive(N2, vote(2, true));
    assert!(!node.machine.is_leader(), "two of five");
    let done = node.receive(N4, vote(2, true));
    assert!(node.machine.is_leader());
    assert_eq!(done.sent_to(N5).len(), 1, "all members are sent entries");
    node.receive(N2, matched(2, 2));
    assert_eq!(node.machine.commit(), Index(0));
    node.receive(N3, matched(2, 2));
    assert_eq!(node.machine.commit(), Index(2));
}

#[test]
fn one_change_at_a_time_and_none_before_an_entry_of_the_own_term_is_committed() {
    let config = config(Changes::Single);
    let mut node = Node::new(&config, N1);
    node.lead(&[N2]);
    // Ongaro, raft-dev, 10 July 2015.
    assert_eq!(refusals(&node.run(order(Order::Remove(N3)))), [Refusal::Unconfirmed]);
    node.receive(N2, matched(1, 1));
    assert_eq!(refusals(&node.run(order(Order::Remove(N3)))), []);
    assert_eq!(node.machine.configuration(), simple(&[N1, N2]));
    assert_eq!(refusals(&node.run(order(Order::Remove(N2)))), [Refusal::Busy], "it is not committed");
    node.receive(N2, matched(1, 2));
    assert_eq!(refusals(&node.run(order(Order::AddLearner(N3)))), []);
}

#[test]
fn a_leader_says_why_it_does_not_do_what_it_is_asked() {
    let check = |config: &Config, asked: Order, why: Refusal| {
        assert_eq!(refusals(&leader(config).run(order(asked))), [why], "{asked}");
    };
    let single = config(Changes::Single);
    check(&config(Changes::None), Order::Remove(N3), Refusal::Disabled);
    check(&single, Order::Remove(N4), Refusal::Pointless);
    check(&single, Order::AddLearner(N2), Refusal::Pointless);
    check(&single, Order::AddVoter(N3), Refusal::Pointless);
    check(&single, Order::Voters(set(&[N1, N4, N5])), Refusal::Joint);
    check(&Config { voters_min: 3, ..single.clone() }, Order::Remove(N3), Refusal::TooFew);
    check(&single, Order::Transfer(N4), Refusal::NoVote);
    check(&single, Order::Transfer(N1), Refusal::Pointless);
    check(&single, Order::AddVoter(NodeId(9)), Refusal::NoVote);
    let mut follower = Node::new(&single, N2);
    assert!(follower.run(order(Order::Remove(N3))).order.is_empty(), "an order is for the leader");
}

// Section 4.2.1

#[test]
fn a_learner_is_sent_entries_and_counts_for_nothing() {
    let config = Config { learners: 1, ..config(Changes::Single) };
    let mut node = Node::new(&config, N1);
    let asked = node.fire(Timer::Election);
    assert!(asked.sent_to(N4).is_empty(), "nobody asks it for a vote");
    node.receive(N4, vote(1, true));
    assert!(!node.machine.is_leader());
    let done = node.receive(N2, vote(1, true));
    assert_eq!((done.sent_to(N4).len(), done.sent_to(N5).len()), (1, 0), "a spare node is sent nothing");
    node.receive(N4, matched(1, 1));
    assert_eq!(node.machine.commit(), Index(0));
    let mut learner = Node::new(&config, N4);
    assert!(learner.fire(Timer::Election).sent.is_empty(), "nor does it campaign");
}

#[test]
fn a_server_catches_up_as_a_learner_and_then_votes() {
    let mut node = leader(&config(Changes::Single));
    let done = node.run(order(Order::AddVoter(N4)));
    let learning = Configuration { learners: set(&[N4]), ..simple(&[N1, N2, N3]) };
    assert_eq!(node.machine.configuration(), learning);
    assert_eq!(done.sent_to(N4).len(), 1);
    assert!(done.set.contains(&Timer::CatchUp));
    node.receive(N4, matched(1, 2));
    assert_eq!(node.machine.configuration(), learning, "that it learns is not committed");
    let done = node.receive(N2, matched(1, 2));
    assert!(done.events.contains(&Event::CaughtUp { node: N4, rounds: 1 }));
    assert_eq!(node.machine.configuration(), simple(&[N1, N2, N3, N4]));
}

#[test]
fn a_round_that_takes_an_election_timeout_is_followed_by_another() {
    let mut node = leader(&config(Changes::Single));
    node.run(order(Order::AddVoter(N4)));
    node.receive(N2, matched(1, 2));
    node.receive(N4, matched(1, 1));
    node.fire(Timer::CatchUp);
    node.ask(7);
    let done = node.receive(N4, matched(1, 2));
    assert!(
        done.set.contains(&Timer::CatchUp),
        "the first round was too slow; what came meanwhile is the second"
    );
    assert!(!node.machine.configuration().has_vote(N4));
    let done = node.receive(N4, matched(1, 3));
    assert!(done.events.contains(&Event::CaughtUp { node: N4, rounds: 2 }));
}

#[test]
fn a_server_that_does_not_catch_up_does_not_vote() {
    let mut node = leader(&config(Changes::Single));
    node.run(order(Order::AddVoter(N4)));
    assert_eq!(refusals(&node.fire(Timer::CatchUp)), [Refusal::Unresponsive]);
    node.receive(N2, matched(1, 2));
    node.receive(N4, matched(1, 2));
    assert!(!node.machine.configuration().has_vote(N4));
    assert_eq!(refusals(&node.run(order(Order::Remove(N4)))), [], "the leader is free for another order");
}

// Section 4.2.2

#[test]
fn a_leader_that_is_left_out_does_not_count_itself_and_steps_down_when_that_is_committed() {
    let mut node = leader(&config(Changes::Single));
    node.run(order(Order::Remove(N1)));
    assert_eq!(node.machine.configuration(), simple(&[N2, N3]));
    node.receive(N2, matched(1, 2));
    assert!(node.machine.is_leader(), "one of two");
    let done = node.receive(N3, matched(1, 2));
    assert_eq!(node.machine.commit(), Index(2));
    assert!(!node.machine.is_leader());
    assert_eq!(done.events.last(), Some(&Event::Retired { term: Term(1) }));
    assert!(node.fire(Timer::Election).sent.is_empty(), "it is not needed any more");
}

#[test]
fn a_node_that_is_left_out_campaigns_until_it_knows_that_this_is_committed() {
    let mut node = Node::new(&config(Changes::Single), N1);
    let entries = vec![Entry::no_op(Term(1)), changes_to(1, simple(&[N2, N3]))];
    node.receive(N2, append_all(1, (0, 0), entries, 1));
    let done = node.fire(Timer::Election);
    assert_eq!((done.sent_to(N2).len(), done.sent_to(N3).len()), (1, 1));
    node.receive(N2, vote(2, true));
    assert!(!node.machine.is_leader(), "its own vote does not count");
    node.receive(N2, append(2, (2, 1), &[2], 3));
    assert!(node.fire(Timer::Election).sent.is_empty());
}

// Section 4.2.3

#[test]
fn who_hears_a_leader_disregards_a_server_that_was_sent_away() {
    let mut node = Node::new(&config(Changes::Single), N2);
    node.receive(N1, append(1, (0, 0), &[1], 0));
    assert!(node.receive(N3, request_vote(9, (5, 5))).order.is_empty());
    assert_eq!(node.machine.term(), Term(1), "neither a vote nor the term");
    node.fire(Timer::Loyalty);
    node.receive(N3, request_vote(9, (5, 5)));
    assert_eq!(node.machine.vote(), Some(N3));
    let mut node = leader(&config(Changes::Single));
    node.receive(N3, request_vote(9, (5, 5)));
    assert!(node.machine.is_leader());
}

// Section 4.3

#[test]
fn a_joint_configuration_decides_with_both_majorities_and_is_left_when_it_is_committed() {
    let mut node = leader(&config(Changes::Joint));
    node.run(order(Order::Voters(set(&[N3, N4, N5]))));
    let joint = Configuration { outgoing: set(&[N1, N2, N3]), ..simple(&[N3, N4, N5]) };
    assert_eq!(node.machine.configuration(), joint);
    node.receive(N4, matched(1, 2));
    node.receive(N5, matched(1, 2));
    assert_eq!(node.machine.commit(), Index(1), "a majority of the five, and of the new, but not of the old");
    let done = node.receive(N2, matched(1, 2));
    assert_eq!(node.machine.commit(), Index(2));
    assert_eq!(node.machine.configuration(), simple(&[N3, N4, N5]));
    assert!(
        done.events.contains(&Event::Reconfigured { index: Index(3), configuration: simple(&[N3, N4, N5]) })
    );
    node.receive(N4, matched(1, 3));
    assert!(node.machine.is_leader(), "it leads until the new configuration is committed");
    node.receive(N5, matched(1, 3));
    assert!(!node.machine.is_leader());
}

#[test]
fn whoever_leads_leaves_the_joint_configuration() {
    let mut node = Node::new(&config(Changes::Joint), N3);
    let joint = Configuration { outgoing: set(&[N1, N2, N3]), ..simple(&[N3, N4, N5]) };
    node.receive(N1, append_all(1, (0, 0), vec![Entry::no_op(Term(1)), changes_to(1, joint)], 2));
    node.lead(&[N2, N4]);
    assert_eq!(node.machine.configuration(), joint, "not before it has committed an entry of its own term");
    node.receive(N2, matched(2, 3));
    node.receive(N4, matched(2, 3));
    assert_eq!(node.machine.configuration(), simple(&[N3, N4, N5]));
}

// Section 3.10

#[test]
fn a_leader_that_hands_over_brings_the_target_up_to_date_and_tells_it_to_campaign() {
    let mut node = leader(&config(Changes::None));
    node.ask(7);
    let done = node.run(order(Order::Transfer(N2)));
    assert!(done.sent.is_empty(), "n2 lacks the last entry");
    assert_eq!(node.ask(8).told(), [Reply::NotLeader { hint: Some(N2) }], "it takes no requests");
    let done = node.receive(N2, matched(1, 2));
    assert_eq!(done.sent_to(N2), ["TimeoutNow term 1"]);
    let done = node.fire(Timer::Transfer);
    assert_eq!(done.events, [Event::KeptLeadership { term: Term(1), to: N2 }]);
    assert_eq!(node.ask(9).told(), [], "it has gone on, and takes requests again");
}

#[test]
fn who_is_told_campaigns_at_once_and_is_voted_for_by_those_who_hear_the_leader() {
    let config = Config { pre_vote: true, check_quorum: true, ..config(Changes::None) };
    let mut node = Node::new(&config, N2);
    node.receive(N1, append(1, (0, 0), &[1], 0));
    let done = node.receive(N1, Message::TimeoutNow(TimeoutNow { term: Term(1) }));
    assert_eq!(done.sent_to(N3), ["RequestVote term 2, log ends at 1@1, as the leader wants"]);
    let request = done.sent.iter().find(|(to, _)| *to == N3).unwrap().1.clone();
    let mut voter = Node::new(&config, N3);
    voter.receive(N1, append(1, (0, 0), &[1], 0));
    assert!(voter.receive(N4, request_vote(2, (1, 1))).sent.is_empty(), "it stands by n1");
    assert_eq!(voter.receive(N2, request).sent_to(N2), ["RequestVoteResponse term 2, granted"]);
    // The next time nobody wants it to.
    let again = node.fire(Timer::Election);
    assert_eq!(again.sent_to(N3), ["PreVote for term 3, log ends at 1@1"]);
    assert_eq!(
        node.set_to(|timer| *timer == Timer::Election),
        Some(After::between(150_000_000, 300_000_000))
    );
}
