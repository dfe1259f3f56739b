//! One register: clients write a value, and read the last one that was written.
//!
//! It takes no consensus to replicate one. Attiya, Bar-Noy and Dolev, *Sharing Memory Robustly in Message-Passing
//! Systems* (1995).
//!
//! A client asks for a write once. If it hears nothing it gives up, and does not know whether the value is there or
//! will be. So no write comes to two nodes, or twice to one, and a protocol may give each that comes a new place in
//! the order. Reads may come again.

use std::fmt::{self, Display};

use quarrel_protocol::{
    Answer, ClientId, ClientReply, Fingerprint, Fingerprinter, NodeId, NodeSet, Protocol,
};
use serde::{Deserialize, Serialize};

use crate::Value;
use crate::machine::{Call, Kind, Outcome, RegisterCall, RegisterOutcome};
pub use crate::object::Properties;
use crate::object::tell_elsewhere;
use crate::service::Service;
use crate::workload::{Chance, Workload};

/// What a client asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// What is there?
    Read,
    /// Put this there. No two writes of a run put the same.
    Write(Value),
}

/// What a client is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// To a read: this is there; `None` if nothing was ever written.
    Found(Option<Value>),
    /// To a write: it is there.
    Written,
    /// To both: it has had no effect here; ask that node, if one is known.
    Elsewhere(Option<NodeId>),
    /// To both: it has had no effect and never will have.
    Refused,
}

impl Request {
    const fn call(self) -> Call {
        Call::Register(match self {
            Request::Read => RegisterCall::Read,
            Request::Write(value) => RegisterCall::Write(value),
        })
    }
}

impl Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call().fmt(f)
    }
}

impl Fingerprint for Request {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.call().fingerprint(into);
    }
}

impl Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Reply::Found(value) => RegisterOutcome::Found(value).fmt(f),
            Reply::Written => f.write_str("written"),
            Reply::Elsewhere(hint) => tell_elsewhere(hint, f),
            Reply::Refused => f.write_str("refused"),
        }
    }
}

impl Fingerprint for Reply {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Reply::Found(value) => value.fingerprint(into),
            Reply::Written => into.mark(1),
            Reply::Elsewhere(hint) => {
                into.mark(2);
                hint.fingerprint(into);
            }
            Reply::Refused => into.mark(3),
        }
    }
}

impl ClientReply for Reply {
    fn answer(&self) -> Answer {
        match *self {
            Reply::Found(_) | Reply::Written => Answer::Done,
            Reply::Elsewhere(hint) => Answer::Redirect(hint),
            Reply::Refused => Answer::Failed,
        }
    }
}

/// The register as its clients see it. No order is claimed: what they were told must be searched for one.
pub struct Register;

impl<P: Protocol<Request = Request, Reply = Reply>> Service<P> for Register {
    type Model = Kind;

    fn new(_: &P::Config, _: usize) -> Self {
        Self
    }

    fn model(&self) -> &Kind {
        &Kind::Register
    }

    fn call(&self, request: &Request) -> Call {
        request.call()
    }

    fn answer(&self, reply: &Reply) -> Outcome {
        Outcome::Register(match *reply {
            Reply::Found(value) => RegisterOutcome::Found(value),
            Reply::Written => RegisterOutcome::Written,
            Reply::Elsewhere(_) | Reply::Refused => unreachable!("it ends no operation with an answer"),
        })
    }
}

/// What a client asks in operation number `number`: a read as often as the workload says, else a write of that number.
#[must_use]
pub fn ask(workload: &Workload, number: u32, client: ClientId, chance: &mut dyn Chance) -> Request {
    let workload = Workload { kind: Kind::Register, ..*workload };
    match workload.call(number, client, chance) {
        Call::Register(RegisterCall::Read) => Request::Read,
        _ => Request::Write(Value(u64::from(number))),
    }
}

/// What reads back what was written: a read at each node of the core.
#[must_use]
pub fn scan(_: &Workload, core: NodeSet, _: u32) -> Vec<(Option<NodeId>, Request)> {
    core.iter().map(|node| (Some(node), Request::Read)).collect()
}

/// Reads a request in words: `read`, `write v3`.
///
/// # Errors
/// When the words are none.
pub fn parse(words: &str) -> Result<Request, String> {
    match words.parse() {
        Ok(Call::Register(RegisterCall::Read)) => Ok(Request::Read),
        Ok(Call::Register(RegisterCall::Write(value))) => Ok(Request::Write(value)),
        _ => Err(format!("`{words}` is asked of no register: expected `read` or something like `write v3`")),
    }
}

/// Whether a client that hears nothing may ask again: a write is asked once.
#[must_use]
pub const fn may_repeat(request: &Request) -> bool {
    matches!(request, Request::Read)
}

/// Whatever machine a scenario names, a register is a register.
#[must_use]
pub const fn misfit(_: &Request, _: &[Kind]) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    struct First;

    impl Chance for First {
        fn below(&mut self, _: u64) -> u64 {
            0
        }
    }

    #[test]
    fn a_write_compares_nothing_and_writes_its_own_number() {
        let workload = |reads_ppm| Workload { kind: Kind::Register, keys: 3, reads_ppm, skew_ppm: 0 };
        assert_eq!(ask(&workload(0), 7, ClientId(0), &mut First), Request::Write(Value(7)));
        assert_eq!(ask(&workload(1), 7, ClientId(0), &mut First), Request::Read);
    }

    #[test]
    fn requests_in_words_are_those_that_are_shown() {
        for request in [Request::Read, Request::Write(Value(3))] {
            assert_eq!(parse(&request.to_string()), Ok(request));
        }
        assert!(parse("cas v1 -> v2").is_err_and(|why| why.contains("`cas v1 -> v2`")));
        assert!(parse("get k1").is_err());
    }
}
