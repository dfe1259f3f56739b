//! An object that clients call: any of the state machines, without a word about how it is replicated. There need be
//! no log, and nothing is put out: only clients judge.
//!
//! What clients were told must be explained by an order. A protocol may put out [`Done`] for each call when it takes
//! effect, and so claim one; then checking is cheap. If it puts out nothing, an order is searched for: quick with a
//! register or a key-value store, but with many operations of unknown outcome the search may give up, and a campaign
//! then says so.
//!
//! A call that changes something is asked once ([`may_repeat`]), so that a protocol need not know it again; one that
//! remembers whom it has answered solves the [replicated log](crate::replicated_log) instead.
//!
//! Herlihy and Wing, *Linearizability: A Correctness Condition for Concurrent Objects* (1990).

use std::fmt::{self, Display};

use quarrel_protocol::{
    Answer, ClientId, ClientReply, Fingerprint, Fingerprinter, Monitor, NodeId, NodeSet, Nothing, Property,
    Protocol, RequestId,
};
use serde::{Deserialize, Serialize};

use crate::machine::Kind;
pub use crate::machine::{Call, Outcome};
pub use crate::replicated_log::misfit;
use crate::replicated_log::{self, RunsMachine};
use crate::service::Service;
use crate::workload::{Chance, Workload};

/// What a client is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The call took effect, and this is the object's answer.
    Done(Outcome),
    /// The call has had no effect here; ask that node, if one is known.
    Elsewhere(Option<NodeId>),
    /// The call has had no effect and never will have.
    Refused,
}

impl Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Done(outcome) => outcome.fmt(f),
            Reply::Elsewhere(hint) => tell_elsewhere(*hint, f),
            Reply::Refused => f.write_str("refused"),
        }
    }
}

/// A redirection in words, for every problem that knows one.
pub(crate) fn tell_elsewhere(hint: Option<NodeId>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match hint {
        Some(node) => write!(f, "ask {node}"),
        None => f.write_str("ask somebody else"),
    }
}

impl Fingerprint for Reply {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Reply::Done(outcome) => outcome.fingerprint(into),
            Reply::Elsewhere(hint) => {
                into.mark(1);
                hint.fingerprint(into);
            }
            Reply::Refused => into.mark(2),
        }
    }
}

impl ClientReply for Reply {
    fn answer(&self) -> Answer {
        match *self {
            Reply::Done(_) => Answer::Done,
            Reply::Elsewhere(hint) => Answer::Redirect(hint),
            Reply::Refused => Answer::Failed,
        }
    }
}

/// A node's claim that a call takes effect, as number so and so of all that do. May repeat. Calls that change nothing
/// have the number of the last one that did. A wrong claim is no violation: it only costs a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Done {
    /// The number, from 1; 0 for what is read before anything has changed.
    pub position: u64,
    /// The operation.
    pub op: RequestId,
}

impl Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "does {} as number {}", self.op, self.position)
    }
}

impl Fingerprint for Done {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.position, u64::from(self.op.0));
    }
}

/// What nodes may put out: [`Done`], or [`Nothing`].
pub trait Claim {
    /// The claim.
    fn claim(&self) -> Done;
}

impl Claim for Done {
    fn claim(&self) -> Done {
        *self
    }
}

impl Claim for Nothing {
    fn claim(&self) -> Done {
        match *self {}
    }
}

/// The object as its clients see it.
pub struct Object {
    kind: Kind,
    /// The positions that were claimed last, by operation: who reads twice is told of the second time.
    positions: Vec<Option<u64>>,
}

impl<P: Protocol<Request = Call, Reply = Reply, Output: Claim>> Service<P> for Object
where
    P::Config: RunsMachine,
{
    type Model = Kind;

    fn new(config: &P::Config, _: usize) -> Self {
        Self { kind: config.machine(), positions: Vec::new() }
    }

    fn model(&self) -> &Kind {
        &self.kind
    }

    fn call(&self, request: &Call) -> Call {
        *request
    }

    fn answer(&self, reply: &Reply) -> Outcome {
        match reply {
            Reply::Done(outcome) => outcome.clone(),
            Reply::Elsewhere(_) | Reply::Refused => unreachable!("it ends no operation with an answer"),
        }
    }

    fn on_request(&mut self, id: RequestId, _: &Call) {
        let least = id.0 as usize + 1;
        if self.positions.len() < least {
            self.positions.resize(least, None);
        }
    }

    fn on_output(&mut self, _: NodeId, output: &P::Output) {
        let Done { position, op } = output.claim();
        // What nobody has asked for is no operation.
        if let Some(place) = self.positions.get_mut(op.0 as usize) {
            *place = Some(position);
        }
    }

    fn position(&self, _: ClientId, id: RequestId, _: Option<&Reply>) -> Option<u64> {
        self.positions.get(id.0 as usize).copied().flatten()
    }
}

/// The properties that look inside: none. What goes on between the nodes is their own affair.
pub struct Properties;

impl<P: Protocol> Monitor<P> for Properties {
    fn properties() -> &'static [Property] {
        &[]
    }

    fn new(_: &P::Config, _: usize) -> Self {
        Self
    }
}

/// What a client asks in operation number `number`.
#[must_use]
pub fn ask(workload: &Workload, number: u32, client: ClientId, chance: &mut dyn Chance) -> Call {
    workload.call(number, client, chance)
}

/// What reads back everything that was written.
#[must_use]
pub fn scan(workload: &Workload, core: NodeSet, number: u32) -> Vec<(Option<NodeId>, Call)> {
    replicated_log::scan(workload, core, number)
}

/// Reads a call in words.
///
/// # Errors
/// When the words are none.
pub fn parse(words: &str) -> Result<Call, String> {
    words.parse()
}

/// Whether a client that hears nothing may ask again: only what changes nothing. A protocol that cannot tell a
/// repeated call from a new one would do it twice.
#[must_use]
pub const fn may_repeat(call: &Call) -> bool {
    call.is_read()
}
