//! Signatures, as tokens that only their signer can make (section 2: "a faulty node cannot produce a valid signature of a
//! non-faulty node").
//!
//! There is no cryptography here. A [`Signed`] has private fields and comes from a [`Key`]; a node has one key, its own,
//! which it is given when it starts. So whatever a node says in another's name it must have received, and a forger in
//! [`Protocol::lie`](quarrel_protocol::Protocol::lie) can use what it has heard and its own key, and nothing else.
//! A trace is read back by `serde`, which takes tokens for what they are written as.

use std::fmt::{self, Display};

use quarrel_protocol::{ClientId, Fingerprint, Fingerprinter, NodeId, RequestId};
use quarrel_spec::session::Command;
use serde::{Deserialize, Serialize};

/// What a node signs with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    owner: NodeId,
}

impl Key {
    /// The key of a node that starts: nobody else is given it.
    pub(crate) const fn of(owner: NodeId) -> Self {
        Self { owner }
    }

    /// Signs: "⟨m⟩ signed by node i" (section 3).
    #[must_use]
    pub const fn sign<T>(&self, body: T) -> Signed<T> {
        Signed { signer: self.owner, body }
    }
}

/// Something that a node has signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Signed<T> {
    signer: NodeId,
    body: T,
}

impl<T> Signed<T> {
    /// Who signed it.
    #[must_use]
    pub const fn signer(&self) -> NodeId {
        self.signer
    }

    /// What was signed.
    #[must_use]
    pub const fn body(&self) -> &T {
        &self.body
    }
}

impl<T: Fingerprint> Fingerprint for Signed<T> {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(u64::from(self.signer.0));
        self.body.fingerprint(into);
    }
}

impl<T: Display> Display for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.body, self.signer)
    }
}

/// A request that its client has signed: "⟨REQUEST, o, t, c⟩" (section 4.1).
///
/// A node makes the token when the client asks it: the world says who asks, so the node only writes down what is so. A
/// traitor has none but of what it was asked or was sent, so it can choose among requests and cannot invent one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Asked(Command);

impl Asked {
    /// The client of the command has just asked for it.
    pub(crate) const fn by_client(command: Command) -> Self {
        Self(command)
    }

    /// What is asked.
    #[must_use]
    pub const fn command(&self) -> &Command {
        &self.0
    }

    /// Whose it is, and which of the client's requests: the paper's timestamp t.
    #[must_use]
    pub const fn name(&self) -> (ClientId, RequestId) {
        (self.0.session.client, self.0.session.serial)
    }
}

impl Fingerprint for Asked {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.0.fingerprint(into);
    }
}

impl Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The requests that one sequence number stands for, in order. An empty batch is the null request, which goes through
/// the protocol like any other and whose execution changes nothing (section 4.4).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Batch(Vec<Asked>);

impl Batch {
    /// The null request.
    pub const NULL: Self = Self(Vec::new());

    /// These requests.
    #[must_use]
    pub const fn of(requests: Vec<Asked>) -> Self {
        Self(requests)
    }

    /// The requests, in order.
    #[must_use]
    pub fn requests(&self) -> &[Asked] {
        &self.0
    }

    /// Whether it is the null request.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        self.0.is_empty()
    }
}

impl Fingerprint for Batch {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.0.fingerprint(into);
    }
}

/// So many requests of a batch are printed; of more only the first, and how many there are.
const REQUESTS_SHOWN: usize = 3;

impl Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_null() {
            return f.write_str("the null request");
        }
        let shown = if self.0.len() <= REQUESTS_SHOWN { self.0.len() } else { 1 };
        for (position, request) in self.0.iter().take(shown).enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{request}")?;
        }
        match self.0.len() - shown {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
