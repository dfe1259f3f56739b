//! Snapshots: one test per rule of the thesis, chapter 5, and its Figure 5.3 (InstallSnapshot).

use std::sync::Arc;

use crate::common::*;
use quarrel_protocol::{NodeSet, Protocol};
use quarrel_raft::{
    Config, Configuration, Event, Index, InstallSnapshot, InstallSnapshotResponse, Message, Record, Snapshot,
    Term, Timer,
};
use quarrel_spec::image::Image;
use quarrel_spec::machine::Kind;
use quarrel_spec::replicated_log::{Output, Restored};
use quarrel_spec::session::{Memory, Replica};

fn every(snapshot_every: u32) -> Config {
    Config { snapshot_every, noop_on_election: false, ..Config::new(3) }
}

fn everybody() -> Configuration {
    Configuration::of(NodeSet::all(3))
}

/// What these written values lead to, from position 1 on.
fn replica(values: &[u64]) -> Replica {
    let mut replica = Replica::new(Kind::default(), Memory::Kept);
    for (index, &value) in (1..).zip(values) {
        replica.apply(index, &command(value));
    }
    replica
}

fn data(values: &[u64]) -> Vec<u8> {
    Image::of(&replica(values)).bytes().to_vec()
}

/// A part of a snapshot of these values, of term 2.
fn chunk(term: u64, values: &[u64], bytes: std::ops::Range<usize>) -> Message {
    let all = data(values);
    Message::InstallSnapshot(Box::new(InstallSnapshot {
        term: Term(term),
        index: Index(values.len() as u64),
        last_term: Term(2),
        configuration: Configuration::of(NodeSet::all(3)),
        offset: bytes.start as u64,
        done: bytes.end >= all.len(),
        data: all[bytes.start..bytes.end.min(all.len())].to_vec(),
    }))
}

fn whole(term: u64, values: &[u64]) -> Message {
    chunk(term, values, 0..usize::MAX)
}

fn received(term: u64, index: u64, offset: u64, received: u64) -> Message {
    let (term, index) = (Term(term), Index(index));
    Message::InstallSnapshotResponse(InstallSnapshotResponse { term, index, offset, received })
}

/// A leader of three that has committed these values with n2. The third has only said once that its log agrees.
fn leader_of(config: &Config, values: &[u64]) -> Node {
    let mut node = Node::new(config, N1);
    node.lead(&[N2]);
    node.receive(N3, matched(1, 0));
    for (index, &value) in (1..).zip(values) {
        node.ask(value);
        node.receive(N2, matched(1, index));
    }
    assert_eq!(node.machine.applied(), Index(values.len() as u64));
    node
}

fn restored(done: &Done) -> Vec<Restored> {
    let restored = |output: &Output| match output {
        Output::Restored(restored) => Some(*restored),
        Output::Applied(_) => None,
    };
    done.outputs.iter().filter_map(restored).collect()
}

// 5.1: memory-based state machines

#[test]
fn each_server_compacts_its_log_by_itself() {
    let config = every(2);
    let mut follower = Node::new(&config, N2);
    let first = follower.receive(N1, append(1, (0, 0), &[1], 1));
    assert!(!first.order.contains(&"compact"), "it has not grown enough");
    let done = follower.receive(N1, append(1, (1, 1), &[1, 1], 2));
    assert_eq!(
        done.events.last(),
        Some(&Event::Compacted { index: Index(2), term: Term(1), configuration: everybody() })
    );
    let log = follower.machine.log();
    assert_eq!((log.base(), log.last_index()), (Index(2), Index(3)), "what is not committed stays");
    let mut never = Node::new(&every(0), N2);
    never.receive(N1, append(1, (0, 0), &[1; 50], 50));
    assert_eq!(never.machine.log().base(), Index::ZERO);
}

#[test]
fn first_the_snapshot_then_the_cut_of_the_log_each_a_write_of_its_own() {
    let mut follower = Node::new(&every(2), N2);
    let done = follower.receive(N1, append(1, (0, 0), &[1, 1, 1], 2));
    let Some(Record::Snapshot(snapshot)) = done.persisted.last() else { panic!("{:?}", done.persisted) };
    assert_eq!((snapshot.index, snapshot.term, snapshot.image.bytes()), (Index(2), Term(1), &*data(&[])));
    let writes: Vec<&str> =
        done.order.iter().copied().filter(|kind| ["output", "persist", "compact"].contains(kind)).collect();
    // What it applied comes before, so that nobody holds a snapshot of what nobody has applied.
    assert_eq!(writes[writes.len() - 4..], ["output", "output", "persist", "compact"]);
    let kept: Vec<String> = follower.disk.iter().map(ToString::to_string).collect();
    assert_eq!(kept[0], "term 1, no vote");
    assert!(kept[1].starts_with("snapshot up to 2@1"));
    assert_eq!(kept[2..], ["append 3@1 no-op"]);
}

#[test]
fn a_server_restarts_from_its_snapshot() {
    let mut node = leader_of(&every(3), &[7, 8, 9, 10]);
    let done = node.restart();
    assert_eq!(restored(&done), [Restored::of(&replica(&[7, 8, 9]), 3)]);
    assert_eq!((node.machine.commit(), node.machine.applied()), (Index(3), Index(3)));
    assert_eq!(node.machine.log().last_index(), Index(4));
    // A crash between the two writes leaves the log as well: it is cut then.
    let mut between = leader_of(&every(3), &[7, 8]);
    let snapshot = Snapshot {
        index: Index(2),
        term: Term(1),
        configuration: Configuration::of(NodeSet::all(3)),
        image: Image::of(&replica(&[7, 8])),
    };
    between.disk.push(Record::Snapshot(Arc::new(snapshot)));
    let done = between.restart();
    assert_eq!(restored(&done), [Restored::of(&replica(&[7, 8]), 2)]);
    assert_eq!((between.machine.log().base(), between.machine.log().last_index()), (Index(2), Index(2)));
}

#[test]
fn the_disk_and_the_log_stay_as_short_as_a_snapshot_allows() {
    let mut node = leader_of(&every(4), &[]);
    for value in 1..200 {
        node.ask(value);
        node.receive(N2, matched(1, value));
        assert!(node.disk.len() <= 2 + 4 && node.machine.log().after(Index::ZERO).len() <= 4);
    }
    assert_eq!(node.machine.log().last_index(), Index(199));
}

#[test]
fn terms_and_entries_that_are_taken_back_do_not_fill_the_disk() {
    let mut node = Node::new(&every(4), N1);
    let most = |node: &mut Node| {
        let mut most = 0;
        for term in 1..1000 {
            let done = node.receive(N2, append(term, (0, 0), &[term], 0));
            assert!(!done.order.contains(&"output"), "nothing is committed");
            most = most.max(node.disk.len());
        }
        most
    };
    assert!(most(&mut node) < 80, "{} records", node.disk.len());
    let (term, terms) = (node.machine.term(), node.terms());
    node.restart();
    assert_eq!((node.machine.term(), node.terms()), (term, terms));
    // Without snapshots nothing is ever written anew.
    assert!(most(&mut Node::new(&every(0), N1)) > 2000);
}

// Figure 5.3, leader: send a snapshot to a follower that lags too far behind

#[test]
fn a_leader_sends_a_snapshot_where_it_no_longer_has_the_entries() {
    let mut node = leader_of(&every(3), &[7, 8, 9, 10]);
    // n3 has entry 2: 3 is gone.
    let done = node.receive(N3, conflict(1, 4, None, 3));
    let sent = done.sent_to(N3);
    let size = data(&[7, 8, 9]).len();
    assert_eq!(sent, [format!("InstallSnapshot term 1, up to 3@1, bytes 0 to {size}, the last")]);
    assert!(
        done.early.len() == done.sent.len() && !done.order.contains(&"send-unsynced"),
        "it waits for writes"
    );
    // With entry 3 it needs no more than the log.
    let mut node = leader_of(&every(3), &[7, 8, 9, 10]);
    let done = node.receive(N3, conflict(1, 4, None, 4));
    assert_eq!(done.sent_to(N3), ["AppendEntries term 1, after 3@1, [4@1 c1's op10: write v10], commit 4"]);
}

#[test]
fn chunks_are_sent_one_after_the_other_and_again_when_lost() {
    let config = Config { snapshot_chunk: 4, ..every(3) };
    let mut node = leader_of(&config, &[7, 8, 9]);
    let first = node.receive(N3, conflict(1, 3, None, 1));
    assert_eq!(first.sent_to(N3), ["InstallSnapshot term 1, up to 3@1, bytes 0 to 4"]);
    // A heartbeat is the same chunk again, until it is answered.
    assert_eq!(node.fire(Timer::Heartbeat).sent_to(N3), first.sent_to(N3));
    let second = node.receive(N3, received(1, 3, 0, 4));
    assert_eq!(second.sent_to(N3), ["InstallSnapshot term 1, up to 3@1, bytes 4 to 8"]);
    assert!(node.receive(N3, received(1, 3, 0, 4)).sent.is_empty(), "an echo");
    assert!(node.receive(N3, received(1, 2, 4, 8)).sent.is_empty(), "of another snapshot");
    assert!(node.receive(N3, received(1, 3, 4, 1 << 40)).sent.is_empty(), "nonsense");
    // The follower has crashed since, and has nothing: it begins again.
    assert_eq!(node.receive(N3, received(1, 3, 4, 0)).sent_to(N3), first.sent_to(N3));
    // It has it all; what follows are entries.
    node.receive(N3, matched(1, 3));
    assert_eq!(
        node.ask(10).sent_to(N3),
        ["AppendEntries term 1, after 3@1, [4@1 c1's op10: write v10], commit 3"]
    );
}

#[test]
fn a_transfer_under_way_ends_before_the_next_snapshot_unless_it_begins_again() {
    let config = Config { snapshot_chunk: 4, ..every(3) };
    let mut node = leader_of(&config, &[7, 8, 9]);
    node.receive(N3, conflict(1, 3, None, 1));
    node.receive(N3, received(1, 3, 0, 4));
    for (index, value) in (4..).zip([10, 11, 12]) {
        node.ask(value);
        node.receive(N2, matched(1, index));
    }
    assert_eq!(node.machine.log().base(), Index(6));
    assert_eq!(node.fire(Timer::Heartbeat).sent_to(N3), ["InstallSnapshot term 1, up to 3@1, bytes 4 to 8"]);
    assert_eq!(
        node.receive(N3, received(1, 3, 4, 0)).sent_to(N3),
        ["InstallSnapshot term 1, up to 6@1, bytes 0 to 4"]
    );
}

// Figure 5.3, InstallSnapshot

#[test]
fn install_snapshot_1_a_term_that_is_over_is_refused() {
    let mut node = Node::with_log(&every(0), N1, &[3]);
    let done = node.receive(N2, whole(2, &[7, 8]));
    assert_eq!(done.only_message(), "AppendEntriesResponse term 3, stale");
    assert!(done.outputs.is_empty() && done.set.is_empty());
}

#[test]
fn install_snapshot_2_to_4_chunks_are_put_together_in_order() {
    let mut node = Node::new(&every(0), N1);
    let size = data(&[7, 8]).len();
    let told = |node: &mut Node, message| node.receive(N2, message).only_message();
    assert_eq!(
        told(&mut node, chunk(2, &[7, 8], 4..8)),
        "InstallSnapshotResponse term 2, up to 2, to byte 4: 0 received",
        "it has no beginning"
    );
    let done = node.receive(N2, chunk(2, &[7, 8], 0..4));
    assert_eq!(done.only_message(), "InstallSnapshotResponse term 2, up to 2, to byte 0: 4 received");
    assert_eq!(done.events, [Event::Receiving { index: Index(2), leader_term: Term(2) }]);
    assert_eq!(done.set, [Timer::Election], "the leader was heard");
    assert_eq!(
        told(&mut node, chunk(2, &[7, 8], 0..4)),
        "InstallSnapshotResponse term 2, up to 2, to byte 0: 4 received",
        "a copy begins nothing anew"
    );
    assert_eq!(
        told(&mut node, chunk(2, &[7, 8], 8..size)),
        "InstallSnapshotResponse term 2, up to 2, to byte 8: 4 received",
        "no gap"
    );
    let done = node.receive(N2, chunk(2, &[7, 8], 4..size));
    assert_eq!(done.only_message(), "AppendEntriesResponse term 2, matched up to 2");
    assert_eq!(restored(&done), [Restored::of(&replica(&[7, 8]), 2)]);
}

#[test]
fn install_snapshot_5_a_later_snapshot_takes_the_place_of_a_partial_one() {
    let mut node = Node::new(&every(0), N1);
    node.receive(N2, chunk(2, &[7, 8], 0..4));
    node.receive(N2, chunk(2, &[7, 8, 9], 0..4));
    assert!(node.receive(N2, chunk(2, &[7, 8], 4..usize::MAX)).sent.is_empty(), "that one is superseded");
    let done = node.receive(N2, chunk(2, &[7, 8, 9], 4..usize::MAX));
    assert_eq!(restored(&done), [Restored::of(&replica(&[7, 8, 9]), 3)]);
    // And another leader begins anew.
    let mut node = Node::new(&every(0), N1);
    node.receive(N2, chunk(2, &[7, 8], 0..4));
    let done = node.receive(N3, chunk(3, &[7, 8], 4..usize::MAX));
    assert_eq!(done.only_message(), "InstallSnapshotResponse term 3, up to 2, to byte 4: 0 received");
}

#[test]
fn install_snapshot_6_what_follows_the_snapshot_stays_if_it_agrees() {
    let mut node = Node::with_log(&every(0), N1, &[1, 2, 2]);
    let done = node.receive(N2, whole(2, &[7, 8]));
    assert_eq!((node.machine.log().base(), node.machine.log().last_index()), (Index(2), Index(3)));
    let (index, last, leader_term) = (Index(2), Index(3), Term(2));
    let (configuration, in_force) = (everybody(), everybody());
    let installed = Event::Installed { index, term: Term(2), last, leader_term, configuration, in_force };
    assert_eq!(done.events[1], installed);
    assert_eq!(node.disk.last().map(ToString::to_string).as_deref(), Some("append 3@2 no-op"));
}

#[test]
fn install_snapshot_7_the_whole_log_goes_otherwise() {
    let mut node = Node::with_log(&every(0), N1, &[1, 1, 1]);
    node.receive(N2, whole(2, &[7, 8]));
    assert_eq!((node.machine.log().last_index(), node.machine.log().last_term()), (Index(2), Term(2)));
    assert_eq!(node.disk.len(), 2, "the term and the snapshot");
}

#[test]
fn install_snapshot_8_the_state_machine_becomes_that_of_the_snapshot() {
    let mut node = Node::new(&every(0), N1);
    node.receive(N2, whole(2, &[7, 8]));
    assert_eq!((node.machine.commit(), node.machine.applied()), (Index(2), Index(2)));
    // Elected, it knows what the snapshot holds: the value, and the sessions.
    node.lead(&[N3]);
    assert_eq!(node.ask(8).told(), [written(2)], "a retry of what the snapshot covers");
    assert_eq!(node.restart().outputs.len(), 1, "and it is on disk");
}

#[test]
fn a_snapshot_of_what_is_committed_already_comes_late() {
    let mut node = Node::with_log(&every(0), N1, &[1, 2, 2, 2]);
    node.receive(N2, append(2, (4, 2), &[], 3));
    let done = node.receive(N2, whole(2, &[7, 8]));
    assert_eq!(done.only_message(), "AppendEntriesResponse term 2, matched up to 2");
    assert!(done.outputs.is_empty() && done.persisted.is_empty());
    assert_eq!((node.machine.log().base(), node.machine.log().last_index()), (Index::ZERO, Index(4)));
}

#[test]
fn entries_that_a_snapshot_covers_are_not_stored_again() {
    let mut node = Node::new(&every(0), N1);
    node.receive(N2, whole(2, &[7, 8]));
    let done = node.receive(N2, append(2, (0, 0), &[1, 2, 2], 2));
    assert_eq!(done.only_message(), "AppendEntriesResponse term 2, matched up to 3");
    assert_eq!((node.machine.log().base(), node.machine.log().last_index()), (Index(2), Index(3)));
    let done = node.receive(N2, append(2, (0, 0), &[1], 2));
    assert_eq!(done.only_message(), "AppendEntriesResponse term 2, matched up to 1");
    assert_eq!(node.machine.log().last_index(), Index(3));
}

#[test]
fn what_is_no_snapshot_is_not_taken_over() {
    let mut node = Node::new(&every(0), N1);
    let Message::InstallSnapshot(good) = whole(2, &[7, 8]) else { unreachable!() };
    let bad = InstallSnapshot { data: vec![255; 9], ..*good };
    assert!(node.receive(N2, Message::InstallSnapshot(Box::new(bad))).outputs.is_empty());
    assert_eq!(node.machine.log().base(), Index::ZERO);
    node.machine.assert_invariants();
}

// The whole of it

#[test]
fn a_node_that_missed_everything_catches_up_by_a_snapshot_and_entries() {
    let config = Config { snapshot_chunk: 10, ..every(4) };
    let mut cluster = cluster_of(&config);
    cluster.campaign(N1, &[N2]);
    for value in 1..=10 {
        cluster.ask(N1, value);
        cluster.deliver_among(&[N1, N2]);
    }
    for _ in 0..3 {
        cluster.fire(N1, Timer::Heartbeat);
        cluster.deliver_among(&[N1, N2, N3]);
    }
    assert_eq!(cluster.nodes[2].machine.applied(), Index(10));
    assert_eq!(cluster.violated(), [""; 0]);
    cluster.restart(N3);
    assert_eq!(cluster.violated(), [""; 0]);
    assert!(
        cluster.story.iter().any(|line| line.contains("takes over a snapshot up to 8@1")),
        "{:?}",
        cluster.story
    );
}
