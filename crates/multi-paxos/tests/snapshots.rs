//! Snapshots (PML 5.5): taken, kept, trimmed by, sent in parts and taken over.

use crate::common::*;
use quarrel_multi_paxos::message::CatchUp;
use quarrel_multi_paxos::{Config, Event, Message, Record, Slot, Timer};
use quarrel_protocol::{Input, NodeId, RequestId};

fn snapshots() -> Config {
    Config { snapshot_every: 3, slots_kept: 0, chunk_bytes: 3, slots_per_message: 8, ..Config::new(3) }
}

#[test]
fn a_snapshot_is_on_disk_before_what_it_covers_goes() {
    let mut node = Node::new(&snapshots(), N1);
    node.receive(N2, accept(ballot(1, N2), 1, &[1, 2, 3, 4], 0));
    let done = node.step(Input::Message { from: N2, message: heartbeat(ballot(1, N2), 3) });
    let [Record::Snapshot(snapshot)] = &done.persisted[..] else { panic!("{:?}", done.persisted) };
    assert_eq!(snapshot.prefix, node.machine.log().chosen());
    assert!(!done.order.contains(&"compact"), "both are there");
    assert!(node.disk.len() > 4);
    let kept = Message::SnapshotKept { last: Slot(3) };
    assert!(done.sent.contains(&(N1, kept.clone())));
    let done = node.step(Input::Message { from: N1, message: kept });
    assert_eq!(done.events, [Event::Trimmed { last: Slot(3) }]);
    assert_eq!(node.disk.len(), 3, "the snapshot, the promise, slot 4");
    let state = (node.machine.applied(), node.held());
    node.restart();
    assert_eq!((node.machine.applied(), node.held()), state);
}

#[test]
fn a_crash_between_a_snapshot_and_the_trim_leaves_both_and_loses_nothing() {
    let mut node = Node::new(&snapshots(), N1);
    node.receive(N2, accept(ballot(1, N2), 1, &[1, 2, 3, 4], 0));
    node.step(Input::Message { from: N2, message: heartbeat(ballot(1, N2), 3) });
    let done = node.restart();
    assert_eq!(done.applied(), [3], "it starts from the snapshot");
    assert_eq!((node.chosen(), node.held().len()), (3, 1));
    assert_eq!(node.machine.promised(), Some(ballot(1, N2)));
}

/// Plays what two nodes send each other.
fn converse(one: &mut Node, other: &mut Node, done: Done) -> usize {
    let mut parts = 0;
    let mut on_the_way: Vec<(NodeId, Message)> = done.sent;
    while let Some((to, message)) = on_the_way.pop() {
        parts += usize::from(matches!(message, Message::SnapshotChunk(_)));
        let (node, from) = if to == N1 { (&mut *one, N2) } else { (&mut *other, N1) };
        on_the_way.extend(node.receive(from, message).sent);
    }
    parts
}

#[test]
fn whoever_needs_slots_that_are_gone_is_sent_the_snapshot_in_parts() {
    let mut ahead = Node::new(&snapshots(), N1);
    for slot in 1..=4 {
        ahead.receive(N3, accept(ballot(1, N3), slot, &[slot], slot));
    }
    let mut late = Node::new(&snapshots(), N2);
    late.receive(N3, accept(ballot(1, N3), 2, &[99], 0));
    late.receive(N1, reject(ballot(7, N2), Some(ballot(1, N3)), 4));
    let asked = late.fire(Timer::CatchUp);
    let parts = converse(&mut ahead, &mut late, asked);
    assert!(parts > 2, "{parts} parts of three bytes");
    assert_eq!((late.machine.applied(), late.chosen()), (Slot(4), 4));
    assert_eq!(late.machine.log().chosen(), ahead.machine.log().chosen());
    assert_eq!(late.held().len(), 1, "what it had accepted at slot 2 was never chosen, and is gone");
    assert_eq!(late.machine.promised(), Some(ballot(1, N3)), "but not its promise");
    let done = late.restart();
    assert_eq!(done.outputs.len(), 1, "it starts from the snapshot; slot 4 it may have to learn again");
}

#[test]
fn a_retry_of_what_a_snapshot_has_counted_is_answered_with_the_first_outcome() {
    let mut node = Node::new(&snapshots(), N1);
    node.receive(N2, accept(ballot(1, N2), 1, &[1, 2, 3], 3));
    node.restart();
    node.lead(&[N3]);
    assert_eq!(node.ask(3).replies, [(C1, RequestId(3), written(3))]);
}

/// Found by `multi-paxos/chaos`, seed 722, as a replica that never caught up: it went on asking for a snapshot of what it
/// had learned meanwhile, and was sent it.
#[test]
fn a_snapshot_of_what_was_learned_meanwhile_is_not_asked_for_any_more() {
    let mut ahead = Node::new(&snapshots(), N1);
    let mut late = Node::new(&snapshots(), N2);
    let follow =
        |node: &mut Node, slot: u64| drop(node.receive(N3, accept(ballot(1, N3), slot, &[slot], slot)));
    (1..=3).for_each(|slot| follow(&mut ahead, slot));
    // The first part arrives, and then what it is about.
    late.receive(N3, heartbeat(ballot(1, N3), 3));
    late.receive(N1, ahead.receive(N2, catch_up(1)).sent.remove(0).1);
    late.receive(N3, chosen(1, &[1, 2, 3], 3));
    (4..=6).for_each(|slot| follow(&mut ahead, slot));
    late.receive(N3, heartbeat(ballot(1, N3), 6));
    let asked = late.fire(Timer::CatchUp);
    assert!(asked.lines()[0].ends_with("CatchUp from slot 4 on"), "{:?}", asked.lines());
    converse(&mut ahead, &mut late, Done { sent: vec![(N1, catch_up(4))], ..Done::default() });
    assert_eq!(late.chosen(), 6);
    // And whoever asks for such a snapshot is sent another.
    let question = Message::CatchUp(CatchUp { first: Slot(4), image: Some((Slot(3), 5)) });
    assert!(ahead.receive(N2, question).lines()[0].starts_with("n2: SnapshotChunk up to 6, 3 bytes at 0"));
}

/// Found by `multi-paxos/chaos`, seed 1990, as a replica that never caught up: it asked two nodes in turn, and began with
/// the snapshot of one of them whenever it had a part of the other's.
#[test]
fn one_snapshot_is_received_at_a_time_and_another_only_when_its_sender_is_gone() {
    let config = Config { window: 1, slots_per_message: 1, ..snapshots() };
    let node = |id, count: u64| {
        let mut node = Node::new(&Config { snapshot_every: count as u32, ..config.clone() }, id);
        (1..=count).for_each(|slot| drop(node.receive(N2, accept(ballot(1, N2), slot, &[slot], slot))));
        node
    };
    let (mut one, mut other) = (node(N1, 3), node(N3, 4));
    let mut late = Node::new(&config, N2);
    let part = |node: &mut Node, question: &Message| node.receive(N2, question.clone()).sent.remove(0).1;
    late.receive(N1, reject(ballot(1, N2), None, 4));
    let question = late.fire(Timer::CatchUp).sent.remove(0).1;
    late.receive(N1, part(&mut one, &question));
    late.receive(N3, part(&mut other, &question));
    let asked = late.fire(Timer::CatchUp).lines();
    assert_eq!(asked, ["n1: CatchUp from slot 1 on, 3 bytes of the snapshot up to 3 are here"]);
    // n1 is gone. After some questions in vain anybody will do.
    (0..4).for_each(|_| drop(late.fire(Timer::CatchUp)));
    let question = Message::CatchUp(CatchUp { first: Slot(1), image: None });
    let done = late.receive(N3, part(&mut other, &question));
    assert_eq!(done.lines(), ["n3: CatchUp from slot 1 on, 3 bytes of the snapshot up to 4 are here"]);
}
