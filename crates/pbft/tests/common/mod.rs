//! What the tests of PBFT say to replicas driven by hand, and to clusters of them.

use quarrel_pbft::certificate::{Checkpoint, Phase, Vote};
use quarrel_pbft::sign::{Asked, Batch, Signed};
use quarrel_pbft::{Config, Digest, Invariants, Message, Pbft, Sequence, View};
use quarrel_protocol::{Input, NodeId, RequestId};
use quarrel_spec::session::{Command, Session};
pub(crate) use quarrel_testing::{C1, N1, N2, N3, N4, N5, write};
use serde::{Serialize, de::DeserializeOwned};

pub(crate) type Node = quarrel_testing::Node<Pbft>;
pub(crate) type Done = quarrel_testing::Done<Pbft>;
pub(crate) type Cluster = quarrel_testing::Cluster<Pbft, Invariants>;

/// Four replicas, one batch at a time in a message, a checkpoint every four.
pub(crate) fn plain(nodes: u8) -> Config {
    Config { checkpoint_every: 4, window: 8, ..Config::new(nodes) }
}

/// What a node would sign. Tokens have no other door than their own crate's and that of files, which is this one.
pub(crate) fn signed<T: Serialize + DeserializeOwned>(signer: NodeId, body: T) -> Signed<T> {
    let written = serde_json::json!({ "signer": signer, "body": body });
    serde_json::from_value(written).expect("a token can be read back")
}

pub(crate) fn command(value: u64) -> Command {
    let serial = RequestId(value as u32);
    Command { session: Session { client: C1, serial, oldest: RequestId(0) }, call: write(value) }
}

pub(crate) fn asked(value: u64) -> Asked {
    serde_json::from_value(serde_json::to_value(command(value)).unwrap()).unwrap()
}

pub(crate) fn batch(values: &[u64]) -> Batch {
    Batch::of(values.iter().map(|&value| asked(value)).collect())
}

pub(crate) fn vote(phase: Phase, view: u64, sequence: u64, values: &[u64]) -> Vote {
    Vote { phase, view: View(view), sequence: Sequence(sequence), digest: Digest::of(&batch(values)) }
}

pub(crate) fn pre_prepare(by: NodeId, view: u64, sequence: u64, values: &[u64]) -> Message {
    let proposal = signed(by, vote(Phase::PrePrepare, view, sequence, values));
    Message::PrePrepare { proposal, batch: batch(values) }
}

pub(crate) fn prepare(by: NodeId, view: u64, sequence: u64, values: &[u64]) -> Message {
    Message::Prepare(signed(by, vote(Phase::Prepare, view, sequence, values)))
}

pub(crate) fn commit(by: NodeId, view: u64, sequence: u64, values: &[u64]) -> Message {
    Message::Commit(signed(by, vote(Phase::Commit, view, sequence, values)))
}

pub(crate) fn checkpoint(by: NodeId, sequence: u64, digest: Digest) -> Message {
    Message::Checkpoint(signed(by, Checkpoint { sequence: Sequence(sequence), digest }))
}

pub(crate) fn request(value: u64) -> Input<Pbft> {
    let Command { session, call } = command(value);
    Input::Request { client: session.client, id: session.serial, oldest: session.oldest, request: call }
}

/// Replicas, whose client believes what so many of them say as the configuration has it.
pub(crate) fn cluster_of(config: &Config) -> Cluster {
    let mut cluster = Cluster::of(config, config.nodes);
    cluster.believes_after = Some(config.replies_needed());
    cluster
}

/// What a test does with a cluster of PBFT.
pub(crate) trait Hands {
    /// A client asks these replicas.
    fn ask_all(&mut self, nodes: &[NodeId], value: u64);
    /// All replicas.
    fn all(&self) -> Vec<NodeId>;
    /// How far each has executed.
    fn executed(&self) -> Vec<u64>;
}

impl Hands for Cluster {
    fn ask_all(&mut self, nodes: &[NodeId], value: u64) {
        self.submit(nodes, command(value));
    }

    fn all(&self) -> Vec<NodeId> {
        NodeId::all(self.nodes.len()).collect()
    }

    fn executed(&self) -> Vec<u64> {
        self.nodes.iter().map(|node| node.machine.executed().0).collect()
    }
}
