//! Who watches a run.

use quarrel_protocol::{ClientId, NodeId, Protocol, RequestId};

/// An observer of one run. The world calls it when things are *released* (see the release rule of the contract).
pub trait Observer<P: Protocol> {
    /// A client sends a request for the first time.
    fn on_request(&mut self, client: ClientId, id: RequestId, request: &P::Request);
    /// A client has its answer.
    fn on_answer(&mut self, client: ClientId, id: RequestId, reply: &P::Reply);
    /// An announcement is released.
    fn on_announce(&mut self, node: NodeId, event: &P::Event);
    /// An output is released.
    fn on_output(&mut self, node: NodeId, output: &P::Output);
    /// A reply is released.
    fn on_reply(&mut self, node: NodeId, client: ClientId, id: RequestId, reply: &P::Reply);
    /// A node has handled an input.
    fn after_step(&mut self, node: NodeId, state: &P);
    /// A node has stopped.
    fn on_crash(&mut self, node: NodeId);
    /// A node has been rebuilt from its disk.
    fn on_recover(&mut self, node: NodeId, state: &P);
    /// Whether the run is to end here: a property broke.
    fn is_over(&self) -> bool;
}
