//! Who watches a run.

use quarrel_protocol::{ClientId, Ending, NodeId, NodeSet, Protocol, RequestId};

use crate::fault::FaultClass;

/// An observer of one run. The world calls it when things are *released* (see the release rule of the contract). What a
/// traitor or its twin does is nothing to judge, and no observer hears of it; what clients make of its answers is.
pub trait Observer<P: Protocol> {
    /// At `at_ns`, a client sends a request for the first time.
    fn on_request(&mut self, at_ns: u64, client: ClientId, id: RequestId, request: &P::Request);
    /// A client learns what became of its request, or will never learn it.
    fn on_end(&mut self, at_ns: u64, client: ClientId, id: RequestId, end: End<'_, P>);
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
    /// A fault has just changed something, and what comes of it comes after this.
    #[inline]
    fn on_fault(&mut self, _class: FaultClass) {}
    /// A node has lost what it had promised to keep: its disk, or records on it. It goes on as if it had never known.
    fn on_amnesia(&mut self, _node: NodeId) {}
    /// It is now so late: said once for each time, before anything else happens then.
    #[inline]
    fn on_time(&mut self, _now_ns: u64) {}
    /// The run has gone to its end: nothing cut it short.
    fn on_finish(&mut self, _ending: Ending) {}
    /// Whether the run is to end here: a property broke.
    fn is_over(&self) -> bool;
    /// What these nodes do not agree on yet; nothing when all have got equally far. Asked after the world has healed.
    fn lag(&self, core: NodeSet) -> Option<String>;
}

/// How a client's operation ended.
pub enum End<'a, P: Protocol> {
    /// It took effect; this is what the client was told.
    Ok(&'a P::Reply),
    /// It had no effect, and the client knows.
    Failed,
    /// The client gave up: it may have taken effect, may still do so, or never will.
    Unknown,
}
