//! What a replica says it waits for.

use quarrel_pbft::Timer;
use quarrel_pbft::certificate::Stable;
use quarrel_pbft::certificate::ViewChange;
use quarrel_pbft::{Message, View};
use quarrel_protocol::{NodeId, Protocol};

use crate::common::*;

fn waits(node: &Node) -> Vec<String> {
    node.machine.waits().iter().map(ToString::to_string).collect()
}

fn view_change(by: NodeId, view: u64) -> Message {
    let change = ViewChange { view: View(view), stable: Stable::default(), prepared: Vec::new() };
    Message::ViewChange(signed(by, change))
}

#[test]
fn a_backup_waits_for_each_phase_in_turn_and_for_whom_it_misses() {
    let mut node = Node::new(&plain(4), N3);
    assert_eq!(waits(&node), ["waits for a request"]);
    node.step(request(1));
    assert_eq!(waits(&node), ["waits for n1: an assignment of 1 in view 0"]);
    node.receive(N1, pre_prepare(N1, 0, 1, &[1]));
    // The primary's pre-prepare is its prepare.
    assert_eq!(waits(&node), ["waits for n2, n4: a prepare at 1 in view 0"]);
    node.receive(N2, prepare(N2, 0, 1, &[1]));
    assert_eq!(waits(&node), ["waits for n1, n2, n4: a commit at 1 in view 0"]);
    node.receive(N4, commit(N4, 0, 1, &[1]));
    assert_eq!(waits(&node), ["waits for n1, n2: a commit at 1 in view 0"]);
    node.receive(N1, commit(N1, 0, 1, &[1]));
    assert_eq!(waits(&node), ["waits for a request"]);
}

#[test]
fn a_primary_waits_for_prepares_of_backups() {
    let mut node = Node::new(&plain(4), N1);
    node.step(request(1));
    assert_eq!(waits(&node), ["waits for n2, n3, n4: a prepare at 1 in view 0"]);
    node.receive(N4, prepare(N4, 0, 1, &[1]));
    assert_eq!(waits(&node), ["waits for n2, n3: a prepare at 1 in view 0"]);
}

#[test]
fn between_two_views_it_waits_for_a_quorum_and_then_for_the_new_primary() {
    let mut node = Node::new(&plain(4), N3);
    node.step(request(1));
    node.fire(Timer::Patience);
    assert_eq!(waits(&node), ["waits for n1, n2, n4: view changes to view 1"]);
    node.receive(N4, view_change(N4, 1));
    assert_eq!(waits(&node), ["waits for n1, n2: view changes to view 1"]);
    node.receive(N1, view_change(N1, 1));
    assert_eq!(waits(&node), ["waits for n2: the beginning of view 1"]);
}

#[test]
fn who_is_behind_what_is_stable_waits_for_a_state() {
    let mut others = Node::new(&plain(4), N1);
    let mut node = Node::new(&plain(4), N4);
    for value in 1..=4 {
        others.step(request(value));
        for by in [N2, N3] {
            others.receive(by, prepare(by, 0, value, &[value]));
            others.receive(by, commit(by, 0, value, &[value]));
        }
    }
    assert_eq!(others.machine.executed().0, 4);
    let digest = others.disk.iter().find_map(|record| match record {
        quarrel_pbft::Record::State(state) => Some(state.checkpoint().digest),
        _ => None,
    });
    for by in [N1, N2, N3] {
        node.receive(by, checkpoint(by, 4, digest.expect("a checkpoint is written down")));
    }
    assert_eq!(waits(&node), ["waits for a state up to 4 or later"]);
}
