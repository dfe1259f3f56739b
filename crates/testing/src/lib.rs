//! What the tests of protocol crates share, which see no simulator.
//!
//! * [`Node`], in `node.rs`: one node driven by hand, input by input, and [`Done`]: what each did.
//! * [`Cluster`], in `cluster.rs`: several of them, a network that delivers what the test says, and the monitors that judge.
//! * [`world`]: a small cluster in virtual time, for whether it goes on.

mod cluster;
mod node;
pub mod world;

pub use cluster::Cluster;
pub use node::{Done, Node};

use quarrel_protocol::{ClientId, Input, NodeId, Protocol, RequestId};
use quarrel_spec::Value;
use quarrel_spec::machine::{Call, Outcome, RegisterCall, RegisterOutcome};
use quarrel_spec::replicated_log::Reply;
use quarrel_spec::session::{Command, Session};

/// The first node.
pub const N1: NodeId = NodeId(0);
/// The second node.
pub const N2: NodeId = NodeId(1);
/// The third node.
pub const N3: NodeId = NodeId(2);
/// The fourth node.
pub const N4: NodeId = NodeId(3);
/// The fifth node.
pub const N5: NodeId = NodeId(4);
/// The first client.
pub const C1: ClientId = ClientId(0);
/// The second client.
pub const C2: ClientId = ClientId(1);

/// What writes this value.
#[must_use]
pub const fn write(value: u64) -> Call {
    Call::Register(RegisterCall::Write(Value(value)))
}

/// What reads.
#[must_use]
pub const fn read() -> Call {
    Call::Register(RegisterCall::Read)
}

/// A client's request number `id`; it waits for no earlier one.
#[must_use]
pub const fn call<P: Protocol<Request = Call>>(client: ClientId, id: u32, request: Call) -> Input<P> {
    Input::Request { client, id: RequestId(id), oldest: RequestId(id), request }
}

/// The first client writes a value; the request's number is the value.
#[must_use]
pub const fn request<P: Protocol<Request = Call>>(value: u64) -> Input<P> {
    call(C1, value as u32, write(value))
}

/// What [`request`] puts into a log.
#[must_use]
pub const fn command(value: u64) -> Command {
    let serial = RequestId(value as u32);
    Command { session: Session { client: C1, serial, oldest: serial }, call: write(value) }
}

/// The answer to what wrote at this position.
#[must_use]
pub const fn written(index: u64) -> Reply {
    Reply::Applied { index, outcome: Outcome::Register(RegisterOutcome::Written) }
}

/// The answer to what read at this position.
#[must_use]
pub fn found(index: u64, value: Option<u64>) -> Reply {
    Reply::Applied { index, outcome: Outcome::Register(RegisterOutcome::Found(value.map(Value))) }
}
