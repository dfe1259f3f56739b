//! What a node says it waits for.

use crate::common::*;
use quarrel_multi_paxos::{Config, Timer};
use quarrel_protocol::{Input, Protocol};

fn waits(node: &Node) -> Vec<String> {
    node.machine.waits().iter().map(ToString::to_string).collect()
}

#[test]
fn a_follower_waits_for_a_leader_and_for_what_it_has_missed() {
    let mut node = Node::new(&Config::new(3), N1);
    assert_eq!(waits(&node), ["waits for a leader, or its own turn to try"]);
    node.receive(N2, heartbeat(ballot(1, N2), 3));
    let news = "waits for n2: news from the leader in ballot 1.n2";
    assert_eq!(waits(&node), [news, "waits for what is chosen in slots 1 to 3"]);
    node.receive(N2, chosen(1, &[1, 2, 3], 3));
    assert_eq!(waits(&node), [news]);
}

#[test]
fn a_candidate_waits_for_promises_and_for_its_disk() {
    let mut node = Node::new(&Config::new(3), N1);
    node.step(Input::Timer(Timer::Campaign));
    assert_eq!(waits(&node), ["waits for n2, n3: promises of ballot 1.n1", "waits for its own disk"]);
    node.receive(N1, promise(ballot(1, N1), 1, 0, &[]));
    assert_eq!(waits(&node), ["waits for n2, n3: promises of ballot 1.n1"]);
}

#[test]
fn a_leader_waits_for_acceptances_or_for_a_request() {
    let mut node = Node::new(&Config::new(3), N1);
    node.lead(&[N2]);
    assert_eq!(waits(&node), ["waits for a request"]);
    node.step(request(7));
    assert_eq!(waits(&node), ["waits for n2, n3: acceptance in slot 1", "waits for its own disk"]);
    node.receive(N1, accepted(ballot(1, N1), 1, 1));
    assert_eq!(waits(&node), ["waits for n2, n3: acceptance in slot 1"]);
    node.receive(N3, accepted(ballot(1, N1), 1, 1));
    assert_eq!(waits(&node), ["waits for a request"]);
}
