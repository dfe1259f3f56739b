//! What the clients of a problem can check by themselves: a sequential object, and where each operation took effect.

use quarrel_protocol::{ClientId, NodeId, NodeSet, Property, Protocol, RequestId};

use crate::linearizability::Model;

/// One operation as its client saw it.
pub struct Sight<'a, M: Model> {
    /// Its name.
    pub id: RequestId,
    /// What was asked.
    pub call: &'a M::Call,
    /// When it was asked first: a position among all calls and returns that clients saw.
    pub called: u64,
    /// When its client learned what became of it, and what that was.
    pub ended: Option<(u64, Told<'a, M>)>,
}

/// What a client knows of its operation in the end.
pub enum Told<'a, M: Model> {
    /// It took effect, with this answer.
    Ok(&'a M::Answer),
    /// It had no effect.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// What a protocol's clients believe they talk to.
///
/// A service also listens to what nodes put out. It may claim an order from that, and how far each node has got; a
/// claim can only save a search, never excuse what clients saw.
pub trait Service<P: Protocol> {
    /// The object that histories are checked against.
    type Model: Model;

    /// Whether there is anything to check: a history of nothing is not called linearizable.
    const IS_CHECKED: bool = true;

    /// The service of a fresh cluster of `nodes` nodes.
    fn new(config: &P::Config, nodes: usize) -> Self;

    /// The object.
    fn model(&self) -> &Self::Model;

    /// What a request asks of the object.
    fn call(&self, request: &P::Request) -> <Self::Model as Model>::Call;

    /// What a client makes of the reply that ended its operation.
    fn answer(&self, reply: &P::Reply) -> <Self::Model as Model>::Answer;

    /// A client sends a request for the first time.
    fn on_request(&mut self, _id: RequestId, _request: &P::Request) {}

    /// A node's output is released.
    fn on_output(&mut self, _node: NodeId, _output: &P::Output) {}

    /// A node has stopped.
    fn on_crash(&mut self, _node: NodeId) {}

    /// The position at which a request took effect, in the order that the nodes' outputs tell; `None` if they do not
    /// tell. With the reply, if the client has one. Reads may share a position with what they saw last.
    fn position(&self, _client: ClientId, _id: RequestId, _reply: Option<&P::Reply>) -> Option<u64> {
        None
    }

    /// What [`Service::anomaly`] judges, if it judges anything.
    const JUDGES: Option<Property> = None;

    /// What is wrong with what clients saw, in words and in the canonical form of signatures: where there is a better
    /// proof than that no order explains it. It is asked first.
    fn anomaly(&self, _seen: &[Sight<'_, Self::Model>]) -> Option<(String, &'static str)> {
        None
    }

    /// What these nodes do not agree on yet, in words that follow "but"; nothing when all have got equally far.
    fn lag(&self, _core: NodeSet) -> Option<String> {
        None
    }
}

/// A service that promises nothing, for a problem whose clients have nothing to check.
pub struct NoService;

/// The object that can be anything.
pub struct NoObject;

impl Model for NoObject {
    type State = u8;
    type Call = u8;
    type Answer = u8;

    fn initial(&self) -> u8 {
        0
    }

    fn apply(&self, _: &mut u8, _: &u8) -> u8 {
        0
    }
}

impl<P: Protocol> Service<P> for NoService {
    type Model = NoObject;

    const IS_CHECKED: bool = false;

    fn new(_: &P::Config, _: usize) -> Self {
        Self
    }

    fn model(&self) -> &NoObject {
        &NoObject
    }

    fn call(&self, _: &P::Request) -> u8 {
        0
    }

    fn answer(&self, _: &P::Reply) -> u8 {
        0
    }
}
