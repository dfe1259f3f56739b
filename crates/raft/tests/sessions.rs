//! Client sessions: a command that is retried takes effect once (thesis, section 6.3).

use crate::common::*;
use quarrel_protocol::{Input, RequestId};
use quarrel_raft::{Config, Index, Record, Term, Timer};
use quarrel_spec::Value;
use quarrel_spec::machine::{Call, Outcome, RegisterCall, RegisterOutcome};
use quarrel_spec::replicated_log::Reply;

const ALL: [quarrel_protocol::NodeId; 3] = [N1, N2, N3];

fn without_noop() -> Config {
    Config { noop_on_election: false, ..Config::new(3) }
}

fn compare_and_set(from: u64, to: u64) -> Call {
    Call::Register(RegisterCall::Cas { from: Some(Value(from)), to: Value(to) })
}

fn set(index: u64) -> Reply {
    Reply::Applied { index, outcome: Outcome::Register(RegisterOutcome::Compared(true)) }
}

/// Raft, section 8: "if the leader crashes after committing the log entry but before responding to the client, the
/// client will retry the command with a new leader, causing it to be executed a second time".
#[test]
fn a_retry_that_two_leaders_append_takes_effect_once() {
    let mut cluster = cluster_of(&without_noop());
    cluster.campaign(N1, &[N2, N3]);
    cluster.ask(N1, 1);
    cluster.call(N1, C2, 2, compare_and_set(1, 2));
    cluster.deliver_among(&ALL);
    // n1 crashes, and neither n2 nor n3 has heard that both are committed.
    cluster.restart(N1);
    cluster.campaign(N2, &[N3]);
    cluster.ask(N2, 1);
    cluster.call(N2, C2, 3, read());
    cluster.deliver_among(&ALL);
    assert_eq!(cluster.nodes[1].terms(), [1, 1, 2, 2], "n2 does not know that it was applied: it appends it");
    let told = [(N1, 1, written(1)), (N1, 2, set(2)), (N2, 1, written(1)), (N2, 3, found(4, Some(2)))];
    assert_eq!(cluster.told(), told, "the retry has the first position, and does not undo what followed");
    assert_eq!(cluster.violated(), [""; 0]);
}

#[test]
fn a_leader_answers_from_its_receipt_and_appends_nothing() {
    let mut node = Node::new(&without_noop(), N1);
    node.lead(&[N2]);
    node.receive(N2, matched(1, 0));
    node.ask(7);
    assert_eq!(node.receive(N2, matched(1, 1)).told(), [written(1)]);
    let done = node.ask(7);
    assert_eq!((done.told(), done.order), (vec![written(1)], vec!["reply"]), "nobody is asked");
}

#[test]
fn every_replica_has_the_receipt() {
    let mut cluster = cluster_of(&Config::new(3));
    cluster.campaign(N1, &ALL);
    cluster.ask(N1, 7);
    cluster.deliver_among(&ALL);
    cluster.fire(N1, Timer::Heartbeat);
    cluster.deliver_among(&ALL);
    cluster.campaign(N3, &ALL);
    cluster.ask(N3, 7);
    assert_eq!(cluster.told(), [(N1, 7, written(2)), (N3, 7, written(2))]);
}

#[test]
fn a_retry_of_what_is_on_its_way_is_not_appended_again() {
    let mut node = Node::new(&without_noop(), N1);
    node.lead(&[N2]);
    node.ask(7);
    assert!(node.ask(7).order.is_empty());
    assert_eq!(node.terms(), [1]);
    assert_eq!(node.receive(N2, matched(1, 1)).told(), [written(1)], "one answer for both");
    // The number is the client's own: another client may use the same.
    assert_eq!(node.run(call(C2, 7, write(8))).persisted.len(), 1);
}

#[test]
fn what_the_client_no_longer_waits_for_has_no_effect_and_no_answer() {
    let mut node = Node::new(&without_noop(), N1);
    node.lead(&[N2]);
    node.ask(1);
    node.ask(2);
    node.receive(N2, matched(1, 2));
    // A copy of the first request arrives late. The client had its answer before it asked again.
    assert!(node.ask(1).replies.is_empty());
    let done = node.receive(N2, matched(1, 3));
    assert_eq!((done.applied(), done.told()), (vec![3], vec![]), "it stands in the log");
    node.run(call(C1, 3, read()));
    assert_eq!(node.receive(N2, matched(1, 4)).told(), [found(4, Some(2))]);
}

#[test]
fn a_client_that_waits_for_two_answers_can_retry_both() {
    let mut node = Node::new(&without_noop(), N1);
    node.lead(&[N2]);
    let ask = |id: u32| Input::Request {
        client: C1,
        id: RequestId(id),
        oldest: RequestId(1),
        request: write(u64::from(id)),
    };
    node.run(ask(1));
    node.run(ask(2));
    node.receive(N2, matched(1, 2));
    assert_eq!(node.run(ask(1)).told(), [written(1)]);
    assert_eq!(node.run(ask(2)).told(), [written(2)]);
}

#[test]
fn the_replica_is_built_again_from_the_log() {
    let append = |index, value| {
        let entry = quarrel_raft::Entry::of(Term(1), command(value));
        Record::Append { index: Index(index), previous_term: Term(u64::from(index > 1)), entry }
    };
    let disk = vec![Record::Term { term: Term(1), vote: None }, append(1, 7), append(2, 8), append(3, 7)];
    let mut node = Node::with_disk(&without_noop(), N1, disk);
    node.lead(&[N2]);
    node.run(call(C2, 9, read()));
    let done = node.receive(N2, matched(2, 4));
    assert_eq!(done.applied(), [1, 2, 3, 4]);
    assert_eq!(done.told(), [found(4, Some(8))]);
    assert_eq!(node.ask(8).told(), [written(2)]);
    node.restart();
    assert_eq!(node.machine.applied(), Index(0));
    node.lead(&[N2]);
    node.ask(8);
    let done = node.receive(N2, matched(3, 5));
    assert_eq!(done.told(), [written(2)], "appended by a leader that knew nothing yet, and applied long ago");
}
