//! One test for each rule of *Paxos Made Simple* (PMS), and for what this implementation adds.

use crate::support::{Cluster, ballot, n, proposal};
use quarrel_paxos::{
    Accept, Accepted, Config, Learn, Message, Prepare, Promise, Record, Reject, Role, Timer,
};
use quarrel_protocol::{After, ClientId, Input, Quorum, RequestId};
use quarrel_spec::Value;
use quarrel_spec::consensus::Propose;

fn prepare(round: u64, owner: u8) -> Message {
    Message::Prepare(Prepare { ballot: ballot(round, owner) })
}

fn accept(round: u64, owner: u8, value: u64) -> Message {
    Message::Accept(Accept { proposal: proposal(round, owner, value) })
}

fn accepted(round: u64, owner: u8, value: u64) -> Message {
    Message::Accepted(Accepted { proposal: proposal(round, owner, value) })
}

/// PMS 2.2: "we want a value to be chosen even if only one value is proposed by a single proposer"; and everyone learns.
#[test]
fn a_single_proposal_is_chosen_and_learned_by_all() {
    let mut cluster = Cluster::of(3);
    cluster.propose(n(1), 7);
    cluster.deliver_all();
    assert_eq!(cluster.outputs.len(), 3);
    assert!(cluster.outputs.iter().all(|(_, value)| *value == Value(7)));
    assert_eq!(cluster.replies, [(ClientId(0), RequestId(0), Value(7))]);
    assert!(cluster.timers.iter().all(Option::is_none), "nothing is left to do");
    assert_eq!(cluster.broken(), [""; 0]);
}

/// PMS 2.2, P1: "an acceptor must accept the first proposal that it receives".
#[test]
fn p1_an_acceptor_accepts_the_first_proposal_it_receives() {
    let mut cluster = Cluster::of(3);
    cluster.receive(n(3), n(1), accept(1, 1, 7));
    assert_eq!(cluster.said(n(3)), ["accepts v7 in ballot 1.n1"]);
    assert_eq!(
        cluster.wire_text(),
        ["Accepted 1.n1 v7 to n1", "Accepted 1.n1 v7 to n2", "Accepted 1.n1 v7 to n3"]
    );
}

/// PMS 2.2, P1a: an acceptor can accept n "iff it has not responded to a prepare request having a number greater than n".
#[test]
fn p1a_an_acceptor_refuses_what_is_lower_than_its_promise_and_accepts_what_equals_it() {
    let mut cluster = Cluster::of(3);
    cluster.receive(n(3), n(2), prepare(2, 2));
    cluster.lose_all();
    cluster.receive(n(3), n(1), accept(1, 1, 7));
    assert_eq!(cluster.wire_text(), ["Reject 1.n1, promised 2.n2 to n1"]);
    cluster.receive(n(3), n(2), accept(2, 2, 8));
    assert_eq!(cluster.nodes[2].durable().accepted, Some(proposal(2, 2, 8)));
}

/// PMS 2.2, phase 1 (b): a promise goes only to a number "greater than that of any prepare request to which it has
/// already responded".
#[test]
fn p1a_an_acceptor_promises_only_what_is_higher() {
    let mut cluster = Cluster::of(3);
    cluster.receive(n(3), n(2), prepare(2, 2));
    cluster.receive(n(3), n(1), prepare(1, 1));
    cluster.receive(n(3), n(2), prepare(2, 2));
    assert_eq!(
        cluster.wire_text(),
        ["Promise 2.n2, accepted nothing to n2", "Reject 1.n1, promised 2.n2 to n1"],
        "a duplicate is ignored"
    );
}

/// An `Accept` can reach an acceptor that its `Prepare` did not reach; it binds like a promise all the same.
#[test]
fn accepting_a_ballot_promises_it() {
    let mut cluster = Cluster::of(3);
    cluster.receive(n(3), n(2), accept(2, 2, 8));
    cluster.lose_all();
    cluster.receive(n(3), n(1), prepare(1, 1));
    assert_eq!(cluster.wire_text(), ["Reject 1.n1, promised 2.n2 to n1"]);
}

/// PMS 2.2, P2a and P2b: after a choice, an acceptor that has accepted nothing is brought to the chosen value.
#[test]
fn p2b_a_later_ballot_proposes_what_was_chosen() {
    let mut cluster = Cluster::of(3);
    cluster.propose(n(1), 7);
    cluster.deliver_kind("prepare", &[n(1), n(2)]);
    cluster.deliver_kind("promise", &[n(1)]);
    cluster.deliver_kind("accept", &[n(1), n(2)]);
    // Chosen in ballot 1.n1, and nobody knows.
    cluster.lose_all();
    cluster.propose(n(3), 9);
    cluster.deliver_kind("prepare", &[n(2), n(3)]);
    // n3 has heard of no ballot: 1.n3 is above 1.n1.
    cluster.deliver_kind("promise", &[n(3)]);
    assert_eq!(
        cluster.said(n(3)).last().unwrap(),
        "proposes v7 in ballot 1.n3, adopted from ballot 1.n1",
        "not its own v9"
    );
    cluster.deliver_all();
    assert!(cluster.outputs.iter().all(|(_, value)| *value == Value(7)));
    assert!(cluster.happened("value-adopted") && cluster.happened("decided"));
    assert_eq!(cluster.broken(), [""; 0]);
}

/// PMS 2.2, P2c: of several reported proposals, the highest-numbered one counts.
#[test]
fn p2c_the_highest_numbered_report_wins() {
    let mut cluster = Cluster::of(5);
    cluster.receive(n(1), n(5), prepare(4, 5));
    cluster.propose(n(1), 9);
    cluster.lose_all();
    let promise = |accepted| Message::Promise(Promise { ballot: ballot(5, 1), accepted });
    cluster.receive(n(1), n(2), promise(Some(proposal(2, 2, 20))));
    cluster.receive(n(1), n(3), promise(Some(proposal(3, 3, 30))));
    cluster.receive(n(1), n(3), promise(Some(proposal(3, 3, 30))));
    assert!(matches!(cluster.nodes[0].role(), Role::Preparing { .. }), "a duplicate is not a third promise");
    cluster.receive(n(1), n(4), promise(Some(proposal(1, 4, 40))));
    assert_eq!(*cluster.nodes[0].role(), Role::Proposing { proposal: proposal(5, 1, 30) });
}

/// PMS 2.2, P2c: "or is any value if the responses reported no proposals".
#[test]
fn p2c_without_reports_the_proposer_is_free_and_its_first_client_wins() {
    let mut cluster = Cluster::of(3);
    cluster.propose(n(1), 7);
    cluster.propose(n(1), 8);
    cluster.deliver_all();
    assert_eq!(cluster.replies.iter().map(|reply| reply.2).collect::<Vec<_>>(), [Value(7), Value(7)]);
}

/// PMS 2.2, phase 1: promises of an older ballot count for nothing.
#[test]
fn promises_of_another_ballot_are_ignored() {
    let mut cluster = Cluster::of(3);
    cluster.propose(n(1), 7);
    cluster.deliver_kind("prepare", &[n(1), n(2)]);
    let old: Vec<_> = cluster.wire.drain(..).collect();
    assert_eq!(cluster.fire(n(1)), Timer::Attempt);
    assert_eq!(cluster.fire(n(1)), Timer::Retry);
    cluster.wire = old;
    cluster.deliver_all();
    assert_eq!(cluster.outputs, []);
}

/// PMS 2.3: a learner needs a quorum of acceptors for one and the same proposal.
#[test]
fn learning_counts_one_ballot_at_a_time_and_each_acceptor_once() {
    let mut cluster = Cluster::of(3);
    cluster.receive(n(3), n(1), accepted(1, 1, 7));
    cluster.receive(n(3), n(1), accepted(1, 1, 7));
    cluster.receive(n(3), n(2), accepted(2, 2, 7));
    assert_eq!(cluster.outputs, []);
    cluster.receive(n(3), n(1), accepted(2, 2, 7));
    assert_eq!(cluster.outputs, [(n(3), Value(7))]);
}

/// PMS 2.3: the proposer of the chosen ballot acts as distinguished learner and informs the others.
#[test]
fn learning_reaches_those_who_missed_the_acceptances() {
    let mut cluster = Cluster::of(3);
    cluster.propose(n(1), 7);
    cluster.deliver_kind("prepare", &[n(1), n(2), n(3)]);
    cluster.deliver_kind("promise", &[n(1)]);
    cluster.deliver_kind("accept", &[n(1), n(2)]);
    cluster.deliver_kind("accepted", &[n(1)]);
    cluster.wire.retain(|envelope| matches!(envelope.message, Message::Learn(_)));
    cluster.deliver_all();
    assert_eq!(cluster.said(n(3)).last().unwrap(), "learns v7 from n1");
    assert!(cluster.happened("learned-late"));
}

/// PMS 2.3: "a value could be chosen with no learner ever finding out"; a learner then has a proposer issue a proposal.
#[test]
fn learning_in_the_end_an_idle_node_inquires() {
    let mut cluster = Cluster::of(3);
    cluster.propose(n(1), 7);
    cluster.deliver_kind("prepare", &[n(1), n(2)]);
    cluster.deliver_kind("promise", &[n(1)]);
    cluster.deliver_kind("accept", &[n(1), n(2)]);
    cluster.lose_all();
    assert_eq!(cluster.fire(n(3)), Timer::Inquiry);
    cluster.deliver_all();
    assert_eq!(cluster.outputs.len(), 3);
    assert!(cluster.outputs.iter().all(|(_, value)| *value == Value(7)));
}

/// An inquiry when nothing is accepted proposes nothing, and the node goes on waiting.
#[test]
fn an_inquiry_that_finds_nothing_proposes_nothing() {
    let mut cluster = Cluster::of(3);
    cluster.fire(n(3));
    cluster.deliver_all();
    assert_eq!(cluster.said(n(3)).last().unwrap(), "finds nothing to propose in ballot 1.n3");
    assert_eq!(cluster.timers[2], Some((Timer::Inquiry, cluster.config.inquiry_timeout)));
}

/// A late proposer is told the decision instead of a promise or an acceptance.
#[test]
fn a_node_that_knows_the_decision_answers_late_proposers_with_it() {
    let mut cluster = Cluster::of(3);
    cluster.receive(n(1), n(2), Message::Learn(Learn { value: Value(7) }));
    cluster.receive(n(1), n(3), prepare(1, 3));
    cluster.receive(n(1), n(3), accept(1, 3, 9));
    assert_eq!(cluster.wire_text(), ["Learn v7 to n3", "Learn v7 to n3"]);
}

/// PMS 2.2: "abandon a proposal if some proposer has begun trying to issue a higher-numbered one"; 2.4: with a pause.
#[test]
fn a_preempted_ballot_is_retried_above_the_other_after_a_pause() {
    let mut cluster = Cluster::of(3);
    cluster.receive(n(2), n(3), prepare(6, 3));
    cluster.lose_all();
    cluster.propose(n(1), 7);
    cluster.deliver_kind("prepare", &[n(2)]);
    cluster.deliver_kind("reject", &[n(1)]);
    assert_eq!(cluster.said(n(1)), ["starts ballot 1.n1", "gives up ballot 1.n1, preempted by 6.n3"]);
    assert_eq!(cluster.timers[0], Some((Timer::Retry, cluster.config.backoff)));
    cluster.fire(n(1));
    assert_eq!(cluster.nodes[0].role().ballot(), Some(ballot(7, 1)));
    assert!(cluster.happened("ballot-preempted"));
}

/// PMS 2.4: without pauses that grow, two proposers can preempt each other for ever.
#[test]
fn the_pause_doubles_and_is_bounded() {
    let backoff = After::between(10, 20);
    let mut cluster = Cluster::new(Config { backoff, backoff_doublings_max: 2, ..Config::new(3) });
    cluster.propose(n(1), 7);
    for factor in [1, 2, 4, 4] {
        cluster.lose_all();
        assert_eq!(cluster.fire(n(1)), Timer::Attempt);
        assert_eq!(cluster.timers[0], Some((Timer::Retry, backoff.times(factor))));
        assert_eq!(cluster.fire(n(1)), Timer::Retry);
    }
    cluster.deliver_all();
    assert_eq!(cluster.outputs.len(), 3);
}

/// A refusal of a ballot that is no longer under way, or that names no higher ballot, changes nothing.
#[test]
fn a_stale_refusal_is_ignored() {
    let mut cluster = Cluster::of(3);
    cluster.propose(n(1), 7);
    let role = *cluster.nodes[0].role();
    let reject = |refused, promised| Message::Reject(Reject { ballot: refused, promised });
    cluster.receive(n(1), n(2), reject(ballot(9, 1), ballot(9, 2)));
    cluster.receive(n(1), n(2), reject(ballot(1, 1), ballot(1, 1)));
    cluster.receive(n(1), n(2), reject(ballot(1, 1), ballot(9, 40)));
    assert_eq!(*cluster.nodes[0].role(), role);
}

/// PMS 2.5: "no two proposals are ever issued with the same number", though the proposer restarts.
#[test]
fn a_restarted_proposer_uses_a_new_ballot() {
    let mut cluster = Cluster::of(3);
    cluster.propose(n(1), 7);
    assert_eq!(cluster.disks[0], [Record::Started(ballot(1, 1))], "on disk before the first Prepare");
    cluster.restart(n(1));
    cluster.propose(n(1), 8);
    assert_eq!(cluster.nodes[0].role().ballot(), Some(ballot(2, 1)));
}

/// PMS 2.5: "an acceptor records its intended response in stable storage before actually sending the response".
#[test]
fn a_restarted_acceptor_keeps_its_promise_and_its_acceptance() {
    let mut cluster = Cluster::of(3);
    cluster.receive(n(3), n(1), accept(1, 1, 7));
    cluster.receive(n(3), n(2), prepare(2, 2));
    cluster.restart(n(3));
    cluster.lose_all();
    cluster.receive(n(3), n(1), prepare(1, 1));
    cluster.receive(n(3), n(2), prepare(3, 2));
    let expected = ["Reject 1.n1, promised 2.n2 to n1", "Promise 3.n2, accepted 1.n1 v7 to n2"];
    assert_eq!(cluster.wire_text(), expected);
}

/// A decision outlives a restart and is put out again.
#[test]
fn a_restarted_learner_still_knows() {
    let mut cluster = Cluster::of(3);
    cluster.propose(n(1), 7);
    cluster.deliver_all();
    cluster.restart(n(2));
    assert_eq!(cluster.outputs.last(), Some(&(n(2), Value(7))));
    cluster.propose(n(2), 9);
    assert_eq!(cluster.replies.last(), Some(&(ClientId(1), RequestId(1), Value(7))), "answered at once");
    assert_eq!(cluster.broken(), [""; 0]);
}

/// Flexible Paxos: 4 of 5 to prepare, 2 of 5 to accept.
#[test]
fn flexible_quorums_only_need_to_meet() {
    let quorum = Quorum::flexible(5, 4, 2).unwrap();
    let mut cluster = Cluster::new(Config { quorum, ..Config::new(5) });
    cluster.propose(n(1), 7);
    cluster.deliver_kind("prepare", &[n(1), n(2), n(3)]);
    cluster.deliver_kind("promise", &[n(1)]);
    assert!(matches!(cluster.nodes[0].role(), Role::Preparing { .. }), "three promises are not enough");
    cluster.deliver_kind("prepare", &[n(4)]);
    cluster.deliver_kind("promise", &[n(1)]);
    cluster.deliver_kind("accept", &[n(1), n(2)]);
    cluster.deliver_kind("accepted", &[n(1)]);
    assert_eq!(cluster.outputs, [(n(1), Value(7))], "two acceptances are");
}

/// A client that asks twice is answered once, and any number of clients takes bounded memory.
#[test]
fn waiting_clients_are_remembered_once_and_bounded() {
    let mut cluster = Cluster::of(3);
    for _ in 0..2 {
        for id in 0..1000 {
            let request = Propose(Value(7));
            cluster.step(
                n(1),
                Input::Request { client: ClientId(0), id: RequestId(id), oldest: RequestId(0), request },
            );
        }
        let request = Propose(Value(7));
        cluster.step(
            n(1),
            Input::Request { client: ClientId(0), id: RequestId(999), oldest: RequestId(0), request },
        );
    }
    cluster.deliver_all();
    assert_eq!(cluster.replies.len(), 256);
    assert_eq!(cluster.replies.iter().filter(|reply| reply.1 == RequestId(999)).count(), 1);
}

/// A cluster of one needs nobody.
#[test]
fn one_node_decides_alone() {
    let mut cluster = Cluster::of(1);
    cluster.propose(n(1), 7);
    cluster.deliver_all();
    assert_eq!(cluster.outputs, [(n(1), Value(7))]);
}
