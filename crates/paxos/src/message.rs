//! What nodes send each other: the four messages of PMS 2.2, a refusal, and the decision.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, Kinded};
use quarrel_spec::Value;
use serde::{Deserialize, Serialize};

use crate::{Ballot, Proposal};

/// Phase 1 (a): a proposer asks for a promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Prepare {
    /// The ballot to promise.
    pub ballot: Ballot,
}

/// Phase 1 (b): an acceptor promises to accept nothing lower, and reports the highest proposal it has accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Promise {
    /// The ballot that is promised.
    pub ballot: Ballot,
    /// The highest-numbered proposal that the acceptor has accepted.
    pub accepted: Option<Proposal>,
}

/// Phase 2 (a): a proposer issues its proposal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Accept {
    /// The proposal to accept.
    pub proposal: Proposal,
}

/// Phase 2 (b): an acceptor tells all learners what it has accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Accepted {
    /// The proposal that is accepted.
    pub proposal: Proposal,
}

/// An acceptor refuses a ballot, in either phase, because it has promised a higher one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reject {
    /// The ballot that is refused.
    pub ballot: Ballot,
    /// The ballot that is promised.
    pub promised: Ballot,
}

/// A node that knows the decision tells another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Learn {
    /// The chosen value.
    pub value: Value,
}

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// See [`Prepare`].
    Prepare(Prepare),
    /// See [`Promise`].
    Promise(Promise),
    /// See [`Accept`].
    Accept(Accept),
    /// See [`Accepted`].
    Accepted(Accepted),
    /// See [`Reject`].
    Reject(Reject),
    /// See [`Learn`].
    Learn(Learn),
}

impl Kinded for Message {
    const KINDS: &'static [&'static str] = &["prepare", "promise", "accept", "accepted", "reject", "learn"];

    fn kind(&self) -> usize {
        match self {
            Message::Prepare(_) => 0,
            Message::Promise(_) => 1,
            Message::Accept(_) => 2,
            Message::Accepted(_) => 3,
            Message::Reject(_) => 4,
            Message::Learn(_) => 5,
        }
    }
}

impl quarrel_protocol::Message for Message {
    // A header of 8 bytes, ballots of 9 (round and node), values of 8.
    fn size(&self) -> usize {
        match self {
            Message::Prepare(_) => 8 + 9,
            Message::Promise(Promise { accepted, .. }) => 8 + 9 + accepted.map_or(1, |_| 1 + 17),
            Message::Accept(_) | Message::Accepted(_) => 8 + 17,
            Message::Reject(_) => 8 + 18,
            Message::Learn(_) => 8 + 8,
        }
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Prepare(Prepare { ballot }) => write!(f, "Prepare {ballot}"),
            Message::Promise(Promise { ballot, accepted: None }) => {
                write!(f, "Promise {ballot}, accepted nothing")
            }
            Message::Promise(Promise { ballot, accepted: Some(proposal) }) => {
                write!(f, "Promise {ballot}, accepted {proposal}")
            }
            Message::Accept(Accept { proposal }) => write!(f, "Accept {proposal}"),
            Message::Accepted(Accepted { proposal }) => write!(f, "Accepted {proposal}"),
            Message::Reject(Reject { ballot, promised }) => write!(f, "Reject {ballot}, promised {promised}"),
            Message::Learn(Learn { value }) => write!(f, "Learn {value}"),
        }
    }
}

impl Fingerprint for Message {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.kind() as u64);
        match self {
            Message::Prepare(Prepare { ballot }) => ballot.fingerprint(into),
            Message::Promise(Promise { ballot, accepted }) => {
                ballot.fingerprint(into);
                accepted.fingerprint(into);
            }
            Message::Accept(Accept { proposal }) | Message::Accepted(Accepted { proposal }) => {
                proposal.fingerprint(into);
            }
            Message::Reject(Reject { ballot, promised }) => {
                ballot.fingerprint(into);
                promised.fingerprint(into);
            }
            Message::Learn(Learn { value }) => value.fingerprint(into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quarrel_protocol::NodeId;

    #[test]
    fn a_message_reads_as_one_line() {
        let ballot = Ballot { round: 3, node: NodeId(1) };
        let proposal = Proposal { ballot: Ballot { round: 2, node: NodeId(0) }, value: Value(4) };
        let lines = [
            Message::Prepare(Prepare { ballot }).to_string(),
            Message::Promise(Promise { ballot, accepted: None }).to_string(),
            Message::Promise(Promise { ballot, accepted: Some(proposal) }).to_string(),
            Message::Accept(Accept { proposal }).to_string(),
            Message::Accepted(Accepted { proposal }).to_string(),
            Message::Reject(Reject { ballot: proposal.ballot, promised: ballot }).to_string(),
            Message::Learn(Learn { value: proposal.value }).to_string(),
        ];
        let expected = [
            "Prepare 3.n2",
            "Promise 3.n2, accepted nothing",
            "Promise 3.n2, accepted 2.n1 v4",
            "Accept 2.n1 v4",
            "Accepted 2.n1 v4",
            "Reject 2.n1, promised 3.n2",
            "Learn v4",
        ];
        assert_eq!(lines, expected);
    }
}
