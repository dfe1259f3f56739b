//! What the tests of Multi-Paxos say to nodes driven by hand, and to clusters of them.

use quarrel_multi_paxos::event::{How, Why};
use quarrel_multi_paxos::message::{
    Accept, Accepted, CatchUp, Chosen, Heartbeat, HeartbeatReply, Prepare, Promise, Reject,
};
use quarrel_multi_paxos::{Ballot, Config, Event, Held, Invariants, Message, MultiPaxos, Slot, Timer, Value};
use quarrel_protocol::NodeId;
pub(crate) use quarrel_testing::{C1, C2, N1, N2, N3, N4, N5, command, found, read, request, write, written};

pub(crate) type Node = quarrel_testing::Node<MultiPaxos>;
pub(crate) type Done = quarrel_testing::Done<MultiPaxos>;
pub(crate) type Cluster = quarrel_testing::Cluster<MultiPaxos, Invariants>;

/// A cluster that takes no snapshots.
pub(crate) fn plain(nodes: u8) -> Config {
    Config { snapshot_every: 0, ..Config::new(nodes) }
}

/// What a test does with a node of Multi-Paxos.
pub(crate) trait Hand {
    /// Tries to lead, and is promised by these, who have accepted nothing.
    fn lead(&mut self, voters: &[NodeId]) -> Done;
    /// What it holds, slot by slot.
    fn held(&self) -> Vec<(u64, String)>;
    /// Up to which slot all is chosen, as it knows.
    fn chosen(&self) -> u64;
}

impl Hand for Node {
    fn lead(&mut self, voters: &[NodeId]) -> Done {
        let mut done = self.fire(Timer::Campaign);
        let ballot = self.machine.promised().unwrap();
        for &voter in voters {
            let first = self.machine.log().first_open();
            done.append(self.receive(voter, promise(ballot, first.0, 0, &[])));
        }
        assert!(self.machine.is_leader());
        done
    }

    fn held(&self) -> Vec<(u64, String)> {
        self.machine.log().from(Slot(1)).map(|(slot, held)| (slot.0, held.to_string())).collect()
    }

    fn chosen(&self) -> u64 {
        self.machine.log().chosen().last.0
    }
}

pub(crate) fn ballot(round: u64, node: NodeId) -> Ballot {
    Ballot { round, node }
}

/// What a request for this value puts into a slot.
pub(crate) fn value(value: u64) -> Value {
    Value::Command(command(value))
}

pub(crate) fn prepare(ballot: Ballot, first: u64) -> Message {
    Message::Prepare(Prepare { ballot, first: Slot(first) })
}

pub(crate) fn promise(ballot: Ballot, covers: u64, chosen: u64, held: &[(u64, Ballot, u64)]) -> Message {
    let held =
        held.iter().map(|&(slot, ballot, of)| (Slot(slot), Held { ballot: Some(ballot), value: value(of) }));
    Message::Promise(Promise { ballot, covers: Slot(covers), chosen: Slot(chosen), held: held.collect() })
}

pub(crate) fn reject(ballot: Ballot, obeys: Option<Ballot>, chosen: u64) -> Message {
    Message::Reject(Reject { ballot, obeys, chosen: Slot(chosen) })
}

pub(crate) fn accept(ballot: Ballot, first: u64, values: &[u64], chosen: u64) -> Message {
    let values = values.iter().map(|&of| value(of)).collect();
    Message::Accept(Accept { ballot, first: Slot(first), values, chosen: Slot(chosen) })
}

pub(crate) fn accepted(ballot: Ballot, first: u64, last: u64) -> Message {
    Message::Accepted(Accepted { ballot, first: Slot(first), last: Slot(last) })
}

pub(crate) fn heartbeat(ballot: Ballot, chosen: u64) -> Message {
    Message::Heartbeat(Heartbeat { ballot, chosen: Slot(chosen) })
}

pub(crate) fn heartbeat_reply(ballot: Ballot) -> Message {
    Message::HeartbeatReply(HeartbeatReply { ballot })
}

pub(crate) fn catch_up(first: u64) -> Message {
    Message::CatchUp(CatchUp { first: Slot(first), image: None })
}

pub(crate) fn chosen(first: u64, values: &[u64], chosen: u64) -> Message {
    let values = values.iter().map(|&of| value(of)).collect();
    Message::Chosen(Chosen { first: Slot(first), values, chosen: Slot(chosen) })
}

/// What was proposed, and why: `(slot, value, why)`.
pub(crate) fn proposals(done: &Done) -> Vec<(u64, String, Why)> {
    let proposed = done.events.iter().filter_map(|event| match event {
        Event::Proposed { slot, value, why, .. } => Some((slot.0, value.to_string(), *why)),
        _ => None,
    });
    proposed.collect()
}

/// What was learned, and how.
pub(crate) fn learned(done: &Done) -> Vec<(u64, How)> {
    let learned = done.events.iter().filter_map(|event| match event {
        Event::Learned { slot, how, .. } => Some((slot.0, *how)),
        _ => None,
    });
    learned.collect()
}

pub(crate) fn cluster_of(config: &Config) -> Cluster {
    Cluster::of(config, config.nodes)
}

/// What a test does with a cluster of Multi-Paxos.
pub(crate) trait Hands {
    /// The patience of these ends, and this one tries to lead and talks to them only.
    fn campaign(&mut self, node: NodeId, voters: &[NodeId]);
}

impl Hands for Cluster {
    fn campaign(&mut self, node: NodeId, voters: &[NodeId]) {
        for &impatient in voters.iter().chain([&node]) {
            self.fire(impatient, Timer::Silence);
        }
        self.fire(node, Timer::Campaign);
        self.deliver_among(&[voters, &[node]].concat());
    }
}
