//! What a protocol is: the trait, its inputs, and what its types must be able to say about themselves.

use std::fmt::{self, Debug, Display};

use serde::{Serialize, de::DeserializeOwned};

use crate::{Effects, Fingerprint, Fingerprinter, NodeId, NodeSet};

/// What every type that crosses the contract can do: be copied, compared, printed on one line, digested and written
/// to a trace.
pub trait Data:
    Clone + Eq + Debug + Display + Fingerprint + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl<T> Data for T where
    T: Clone + Eq + Debug + Display + Fingerprint + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

/// A type with a closed set of kinds, known by name: decisions are keyed by them, faults aim at them, reports count
/// them.
pub trait Kinded {
    /// The names, in the order of the enum: lower case, words joined by hyphens. At most 64.
    const KINDS: &'static [&'static str];

    /// The position of this value's kind in [`Kinded::KINDS`].
    fn kind(&self) -> usize;

    /// The name of this value's kind.
    fn kind_name(&self) -> &'static str {
        Self::KINDS[self.kind()]
    }
}

/// What nodes send each other.
pub trait Message: Data + Kinded {
    /// The size on an imagined wire, in bytes.
    fn size(&self) -> usize {
        64
    }
}

/// What a node announces to observers: the nemesis hears it at once, checkers when it is released.
pub trait Announcement: Data + Kinded {
    /// For each kind, the names of the numbers it carries, for triggers such as `n1 elected term=4`.
    const FIELDS: &'static [&'static [&'static str]];

    /// The number at `position` of this kind's [`Announcement::FIELDS`].
    fn field(&self, position: usize) -> u64;

    /// Whether a short story of a run tells this event (`true`) or leaves it to the full listing.
    fn is_milestone(&self) -> bool;
}

/// Identity of a client, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, serde::Deserialize)]
pub struct ClientId(pub u8);

impl Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", u32::from(self.0) + 1)
    }
}

impl Fingerprint for ClientId {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.0.fingerprint(into);
    }
}

impl Fingerprint for RequestId {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.0.fingerprint(into);
    }
}

/// Identity of a request: its number among the operations of the run. A retry keeps it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, serde::Deserialize)]
pub struct RequestId(pub u32);

impl Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "op{}", self.0)
    }
}

/// How a client reads a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The operation took effect (or was answered for good).
    Done,
    /// The operation had no effect and never will have.
    Failed,
    /// Not here; ask that node, if one is known.
    Redirect(Option<NodeId>),
}

/// A reply that a client understands without knowing the protocol.
pub trait ClientReply: Data {
    /// What the client does next.
    fn answer(&self) -> Answer;
}

/// The type without values, for a protocol that has no administrative requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, serde::Deserialize)]
pub enum Nothing {}

impl Display for Nothing {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl Fingerprint for Nothing {
    fn fingerprint(&self, _: &mut Fingerprinter) {
        match *self {}
    }
}

impl Kinded for Nothing {
    const KINDS: &'static [&'static str] = &[];

    fn kind(&self) -> usize {
        match *self {}
    }
}

/// One thing that happens to a node.
pub enum Input<P: Protocol> {
    /// A client asks.
    Request {
        /// Who asks.
        client: ClientId,
        /// Which of the client's requests this is; a retry repeats it, and a later request has a higher one.
        id: RequestId,
        /// The client's oldest request that it still waits for, this one included (thesis of Ongaro, section 6.3: what
        /// a server must remember of a client).
        oldest: RequestId,
        /// What is asked.
        request: P::Request,
    },
    /// An operator asks what only this protocol can be asked.
    Admin(P::Admin),
    /// A message arrives. The world sets `from`: it cannot be forged.
    Message {
        /// The sender; the node itself for a message to oneself.
        from: NodeId,
        /// What was sent.
        message: P::Message,
    },
    /// A timer fires. It is no longer set.
    Timer(P::Timer),
}

/// The abstract state of a node, for views, coverage and livelock detection: no identities, no times.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Summary {
    /// The role, in the protocol's own word: `leader`, `acceptor`.
    pub role: &'static str,
    /// Named numbers, in a fixed order.
    pub facts: Vec<(&'static str, u64)>,
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.role)?;
        self.facts.iter().try_for_each(|(name, value)| write!(f, ", {name} {value}"))
    }
}

/// What a node waits for: `n1 waits for n2, n3: votes in term 4`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wait {
    /// For whom; empty when only time or a client can help.
    pub on: NodeSet,
    /// For what, in a few words.
    pub what: String,
}

impl Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.on.is_empty() {
            true => write!(f, "waits for {}", self.what),
            false => write!(f, "waits for {}: {}", self.on, self.what),
        }
    }
}

/// A protocol as a state machine that does no I/O.
///
/// Remote input is *filtered*: no message may panic a node. Own state is *asserted*: assertions stay on in release.
pub trait Protocol: Sized + 'static {
    /// The protocol's name in paths and reports: `raft`.
    const NAME: &'static str;

    /// Whether whoever runs the machine must set the clock of its [`Effects`] before every call. Nobody writes this by
    /// hand: a machine that wants to know the time implements [`Clocked`](crate::Clocked).
    const READS_CLOCK: bool = false;

    /// The lies that a Byzantine node of this protocol can tell beside those that every protocol knows (silence, delay,
    /// repetition, a twin): lower case, words joined by hyphens, as in `equivocate`.
    const LIES: &'static [&'static str] = &[];

    /// What is fixed for a whole run: members, timeouts, options, deliberate flaws.
    type Config: Clone + Eq + Debug + Serialize + DeserializeOwned + Send + Sync;
    /// What clients ask.
    type Request: Data;
    /// What clients are told.
    type Reply: ClientReply;
    /// What the problem is about: a decided value, an applied entry. May repeat after a restart.
    type Output: Data;
    /// What only this protocol can be asked, by an operator: change members, hand leadership over, take a snapshot;
    /// [`Nothing`] if there is nothing.
    type Admin: Data + Kinded;
    /// What nodes send each other.
    type Message: Message;
    /// The node's timers. Two values that are equal are the same timer.
    type Timer: Data + Kinded;
    /// One durable fact.
    type Record: Data;
    /// An announcement for observers.
    type Event: Announcement;

    /// Builds the node from its disk. A first boot is recovery from an empty disk.
    fn recover(config: &Self::Config, id: NodeId, disk: &[Self::Record], effects: &mut Effects<Self>)
    -> Self;

    /// Handles one input.
    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>);

    /// Asserts what must hold of this one node's state, whatever the network did.
    ///
    /// # Panics
    /// When the node's own state is broken; the world turns that into a verdict.
    fn assert_invariants(&self);

    /// The abstract state.
    fn summary(&self) -> Summary;

    /// What the node cannot go on without, for the report of a cluster that does not come back. Never asked while all
    /// is well, so it may take its time.
    fn waits(&self) -> Vec<Wait> {
        Vec::new()
    }

    /// What this node, turned traitor, sends to `to` in place of `message` while it tells the lie at position `lie` of
    /// [`Protocol::LIES`]: nothing, one message or several. It may use all that the node knows; what another has to sign
    /// it cannot make. A message that the lie does not concern is returned as it is.
    ///
    /// Asked only of nodes that are Byzantine; their state goes on as if they had been honest.
    fn lie(&self, lie: usize, to: NodeId, message: &Self::Message) -> Vec<Self::Message> {
        let _ = (lie, to);
        vec![message.clone()]
    }

    /// What it answers a client in place of `reply` while it tells that lie to everybody.
    fn lie_in_reply(&self, lie: usize, client: ClientId, id: RequestId, reply: &Self::Reply) -> Self::Reply {
        let _ = (lie, client, id);
        reply.clone()
    }
}
