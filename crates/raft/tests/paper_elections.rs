//! What keeps servers that cannot win an election from disturbing the others: one test per rule of the thesis, sections
//! 4.2.3 (disruptive servers), 6.2 (stale leaders) and 9.6 (pre-vote).

use crate::common::*;
use quarrel_protocol::Input;
use quarrel_raft::{Config, Event, FlawSet, RaftFlaw, Record, Term, Timer};
use quarrel_spec::replicated_log::Reply;

fn with_pre_vote(nodes: u8) -> Config {
    Config { pre_vote: true, ..Config::new(nodes) }
}

fn with_check_quorum(nodes: u8) -> Config {
    Config { check_quorum: true, ..Config::new(nodes) }
}

#[test]
fn section_9_6_a_node_asks_before_it_campaigns_and_nothing_changes_by_it() {
    let mut node = Node::with_log(&with_pre_vote(3), N1, &[1, 2]);
    let done = node.fire(Timer::Election);
    assert_eq!(done.sent_to(N2), ["PreVote for term 3, log ends at 2@2"]);
    assert_eq!(done.sent_to(N2), done.sent_to(N3));
    assert_eq!(done.events, [Event::PreCampaigned { term: Term(3) }]);
    assert!(done.persisted.is_empty());
    assert_eq!((node.machine.term(), node.machine.vote()), (Term(2), None));
    // Nobody answers: it asks again, about the same term.
    assert_eq!(node.fire(Timer::Election).sent_to(N3), ["PreVote for term 3, log ends at 2@2"]);
}

#[test]
fn section_9_6_it_campaigns_when_a_majority_would_vote_for_it() {
    let mut node = Node::new(&with_pre_vote(5), N1);
    node.fire(Timer::Election);
    assert!(node.receive(N2, would_vote(1, true)).events.is_empty());
    assert!(node.receive(N2, would_vote(1, true)).events.is_empty(), "one node counts once");
    assert!(node.receive(N3, would_vote(2, true)).events.is_empty(), "that was about another term");
    let done = node.receive(N3, would_vote(1, true));
    assert_eq!(done.persisted, [Record::Term { term: Term(1), vote: Some(N1) }]);
    assert_eq!(done.sent_to(N5), ["RequestVote term 1, log ends at 0@0"]);
}

#[test]
fn section_9_6_only_a_node_that_hears_no_leader_would_vote_and_only_for_an_up_to_date_log() {
    let config = with_pre_vote(3);
    let answer = |node: &mut Node, message| node.receive(N3, message).only_message();
    let mut node = Node::with_log(&config, N1, &[1, 3]);
    assert_eq!(answer(&mut node, pre_vote(4, (2, 3))), "PreVoteResponse term 4, granted");
    assert_eq!(answer(&mut node, pre_vote(4, (1, 3))), "PreVoteResponse term 3, refused");
    assert_eq!(answer(&mut node, pre_vote(4, (9, 2))), "PreVoteResponse term 3, refused");
    assert_eq!(
        answer(&mut node, pre_vote(2, (9, 3))),
        "PreVoteResponse term 3, refused",
        "that term is over"
    );
    assert_eq!((node.machine.term(), node.disk.len()), (Term(3), 3), "the question changes nothing");

    node.receive(N2, append(3, (2, 3), &[], 0));
    assert_eq!(answer(&mut node, pre_vote(4, (2, 3))), "PreVoteResponse term 3, refused", "it hears n2");
    node.fire(Timer::Loyalty);
    assert_eq!(answer(&mut node, pre_vote(4, (2, 3))), "PreVoteResponse term 4, granted");

    let mut leader = Node::new(&Config::new(3), N1);
    leader.lead(&[N2]);
    assert_eq!(answer(&mut leader, pre_vote(2, (9, 1))), "PreVoteResponse term 1, refused", "it leads");
}

#[test]
fn section_9_6_a_refusal_teaches_the_term() {
    let mut node = Node::with_log(&with_pre_vote(3), N1, &[1, 2]);
    node.fire(Timer::Election);
    node.receive(N2, would_vote(7, false));
    assert_eq!(node.machine.term(), Term(7));
    assert_eq!(node.fire(Timer::Election).sent_to(N2), ["PreVote for term 8, log ends at 2@2"]);
}

/// Of three nodes n1 was the leader and is gone. n2 has the later term, n3 the longer log.
fn tell_of_two_cohorts(cluster: &mut Cluster) {
    cluster.fire(N1, Timer::Election);
    cluster.deliver_among(&[N1, N2, N3]);
    // n2 hears nothing for a while, and n3 neither; n2 campaigns, and nobody hears of it.
    cluster.fire(N2, Timer::Loyalty);
    cluster.fire(N3, Timer::Loyalty);
    cluster.fire(N2, Timer::Election);
    for _ in 0..2 {
        let (from, to, message) = cluster.network.remove(1);
        assert_eq!((from.min(to), from.max(to)), (N2, N3));
        cluster.run(to, Input::Message { from, message });
    }
    cluster.network.clear();
    assert_eq!(cluster.nodes[1].machine.term(), Term(2));
    cluster.ask(N1, 1);
    cluster.deliver_among(&[N1, N3]);
    for _ in 0..20 {
        for node in [N2, N3] {
            cluster.fire(node, Timer::Loyalty);
            cluster.fire(node, Timer::Election);
            cluster.deliver_among(&[N2, N3]);
        }
    }
}

#[test]
fn the_flaw_prevote_stuck_leaves_two_cohorts_that_refuse_each_other() {
    let leads = |flaws| {
        let mut cluster = cluster_of(&Config { flaws, ..with_pre_vote(3) });
        tell_of_two_cohorts(&mut cluster);
        assert_eq!(cluster.violated(), [""; 0]);
        cluster.nodes[2].machine.is_leader()
    };
    assert!(leads(FlawSet::NONE));
    assert!(!leads(FlawSet::only(RaftFlaw::PrevoteStuck)));
}

#[test]
fn section_4_2_3_who_hears_a_leader_neither_votes_nor_takes_over_the_term() {
    let mut node = Node::new(&with_check_quorum(3), N1);
    node.receive(N2, append(1, (0, 0), &[], 0));
    let done = node.receive(N3, request_vote(9, (9, 8)));
    assert!(done.sent.is_empty() && done.persisted.is_empty());
    assert_eq!((node.machine.term(), node.machine.leader()), (Term(1), Some(N2)));
    node.fire(Timer::Loyalty);
    assert_eq!(
        node.receive(N3, request_vote(9, (9, 8))).only_message(),
        "RequestVoteResponse term 9, granted"
    );
}

#[test]
fn section_4_2_3_a_node_that_restarts_may_have_heard_a_leader_right_before() {
    let mut node = Node::with_log(&with_check_quorum(3), N1, &[1]);
    assert!(node.receive(N3, request_vote(9, (9, 8))).sent.is_empty());
    let mut fresh = Node::new(&with_check_quorum(3), N1);
    assert_eq!(fresh.receive(N3, request_vote(9, (9, 8))).sent.len(), 1, "it has never heard anybody");
}

#[test]
fn section_6_2_a_leader_that_hears_from_no_majority_steps_down() {
    let mut node = Node::new(&with_check_quorum(5), N1);
    node.lead(&[N2, N3]);
    node.ask(1);
    let elected = node.receive(N2, matched(1, 1));
    assert!(elected.events.is_empty());
    node.receive(N3, matched(1, 1));
    assert!(node.fire(Timer::Election).events.is_empty(), "n2 and n3 have answered");
    // Since then only one has, twice.
    node.receive(N2, matched(1, 2));
    node.receive(N2, matched(1, 2));
    let done = node.fire(Timer::Election);
    assert_eq!(done.events, [Event::QuorumLost { term: Term(1) }]);
    assert_eq!(done.told(), [Reply::NotLeader { hint: None }]);
    assert_eq!((node.machine.leader(), node.machine.term(), node.machine.vote()), (None, Term(1), Some(N1)));
    assert!(done.set.contains(&Timer::Election) && done.cancelled == [Timer::Heartbeat]);
    assert!(node.fire(Timer::Heartbeat).sent.is_empty());
}

#[test]
fn section_6_2_a_leader_disregards_candidates_until_it_has_counted() {
    let mut node = Node::new(&with_check_quorum(3), N1);
    node.lead(&[N2]);
    assert!(node.receive(N3, request_vote(9, (9, 8))).sent.is_empty());
    assert!(node.machine.is_leader());
    node.fire(Timer::Election);
    assert_eq!(
        node.receive(N3, request_vote(9, (9, 8))).only_message(),
        "RequestVoteResponse term 9, granted"
    );
}

#[test]
fn the_flaw_partial_connectivity_livelock_is_a_leader_that_never_counts() {
    let mut node = Node::new(
        &Config { flaws: FlawSet::only(RaftFlaw::PartialConnectivityLivelock), ..with_check_quorum(3) },
        N1,
    );
    node.lead(&[N2]);
    for _ in 0..9 {
        node.fire(Timer::Election);
    }
    assert!(node.machine.is_leader());
}

#[test]
fn the_flaw_no_prevote_disruption_neither_asks_nor_disregards() {
    let config = Config { check_quorum: true, ..with_pre_vote(3) };
    let mut node =
        Node::new(&Config { flaws: FlawSet::only(RaftFlaw::NoPrevoteDisruption), ..config.clone() }, N1);
    node.receive(N2, append(1, (0, 0), &[], 0));
    node.receive(N3, request_vote(4, (0, 0)));
    assert_eq!(node.machine.term(), Term(4));
    assert_eq!(node.fire(Timer::Election).sent_to(N2), ["RequestVote term 5, log ends at 0@0"]);
}

#[test]
fn with_neither_nothing_is_asked_and_no_loyalty_is_timed() {
    let mut node = Node::new(&Config::new(3), N1);
    assert_eq!(node.receive(N2, append(1, (0, 0), &[], 0)).set, [Timer::Election]);
    assert_eq!(node.fire(Timer::Election).sent_to(N2), ["RequestVote term 2, log ends at 0@0"]);
}
