//! A store of values by key: clients put a value, and get the last one that was put there. As many [registers] as there
//! are keys, each on its own: what they were told must be explained key by key.
//!
//! As with one register, a put is asked once, and gets may come again.
//!
//! [registers]: crate::register

use std::fmt::{self, Display};

use quarrel_protocol::{
    Answer, ClientId, ClientReply, Fingerprint, Fingerprinter, NodeId, NodeSet, Protocol,
};
use serde::{Deserialize, Serialize};

use crate::Value;
pub use crate::machine::Key;
use crate::machine::{Call, Kind, KvCall, KvOutcome, Outcome};
pub use crate::object::Properties;
use crate::object::tell_elsewhere;
use crate::service::Service;
use crate::workload::{Chance, Workload};

/// What a client asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// What is there?
    Get {
        /// Where.
        key: Key,
    },
    /// Put this there. No two puts of a run put the same.
    Put {
        /// Where.
        key: Key,
        /// What is there from then on.
        value: Value,
    },
}

/// What a client is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// To a get: this is there; `None` if nothing was ever put there.
    Found(Option<Value>),
    /// To a put: it is there.
    Stored,
    /// To both: it has had no effect here; ask that node, if one is known.
    Elsewhere(Option<NodeId>),
    /// To both: it has had no effect and never will have.
    Refused,
}

impl Request {
    const fn call(self) -> KvCall<Value> {
        match self {
            Request::Get { key } => KvCall::Get { key },
            Request::Put { key, value } => KvCall::Put { key, text: value },
        }
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
            Reply::Found(Some(value)) => value.fmt(f),
            Reply::Found(None) => f.write_str("nothing"),
            Reply::Stored => f.write_str("stored"),
            Reply::Elsewhere(hint) => tell_elsewhere(hint, f),
            Reply::Refused => f.write_str("refused"),
        }
    }
}

impl Fingerprint for Reply {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Reply::Found(value) => value.fingerprint(into),
            Reply::Stored => into.mark(1),
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
            Reply::Found(_) | Reply::Stored => Answer::Done,
            Reply::Elsewhere(hint) => Answer::Redirect(hint),
            Reply::Refused => Answer::Failed,
        }
    }
}

/// The store as its clients see it. No order is claimed: what they were told must be searched for one, key by key.
pub struct KeyValue;

impl<P: Protocol<Request = Request, Reply = Reply>> Service<P> for KeyValue {
    type Model = Kind;

    fn new(_: &P::Config, _: usize) -> Self {
        Self
    }

    fn model(&self) -> &Kind {
        &Kind::Kv
    }

    fn call(&self, request: &Request) -> Call {
        Call::Kv(request.call())
    }

    fn answer(&self, reply: &Reply) -> Outcome {
        Outcome::Kv(match *reply {
            // The machine's texts are the values' names, and nothing is the empty text.
            Reply::Found(value) => KvOutcome::Found(value.map_or(String::new(), |value| value.to_string())),
            Reply::Stored => KvOutcome::Stored,
            Reply::Elsewhere(_) | Reply::Refused => unreachable!("it ends no operation with an answer"),
        })
    }
}

/// What a client asks in operation number `number`: a get as often as the workload says, else a put of that number.
#[must_use]
pub fn ask(workload: &Workload, number: u32, client: ClientId, chance: &mut dyn Chance) -> Request {
    let workload = Workload { kind: Kind::Kv, ..*workload };
    match workload.call(number, client, chance) {
        Call::Kv(KvCall::Put { key, text: value } | KvCall::Append { key, text: value }) => {
            Request::Put { key, value }
        }
        Call::Kv(KvCall::Get { key }) => Request::Get { key },
        call => unreachable!("{call} is asked of no store"),
    }
}

/// What reads back everything that was put: each key.
#[must_use]
pub fn scan(workload: &Workload, _: NodeSet, _: u32) -> Vec<(Option<NodeId>, Request)> {
    let keys = 0..workload.keys.max(1);
    keys.map(|key| (None, Request::Get { key: Key(key) })).collect()
}

/// Reads a request in words: `get k1`, `put k1 v3`.
///
/// # Errors
/// When the words are none.
pub fn parse(words: &str) -> Result<Request, String> {
    match words.parse() {
        Ok(Call::Kv(KvCall::Get { key })) => Ok(Request::Get { key }),
        Ok(Call::Kv(KvCall::Put { key, text: value })) => Ok(Request::Put { key, value }),
        _ => Err(format!("`{words}` is asked of no store: expected something like `get k1` or `put k1 v3`")),
    }
}

/// Whether a client that hears nothing may ask again: a put is asked once.
#[must_use]
pub const fn may_repeat(request: &Request) -> bool {
    matches!(request, Request::Get { .. })
}

/// Whatever machine a scenario names, a store is a store.
#[must_use]
pub const fn misfit(_: &Request, _: &[Kind]) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up, below its bound.
    struct Up(u64);

    impl Chance for Up {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 += 1;
            self.0 % bound
        }
    }

    #[test]
    fn nothing_is_ever_appended() {
        let workload =
            Workload { kind: Kind::Bank { accounts: 2, opening: 1 }, keys: 3, reads_ppm: 0, skew_ppm: 0 };
        for number in 0..50 {
            let asked = ask(&workload, number, ClientId(0), &mut Up(u64::from(number)));
            assert!(matches!(asked, Request::Put { value, key: Key(0..3) } if value.0 == u64::from(number)));
        }
        assert_eq!(scan(&workload, NodeSet::EMPTY, 0).len(), 3);
    }

    #[test]
    fn requests_in_words_are_those_that_are_shown() {
        for request in [Request::Get { key: Key(1) }, Request::Put { key: Key(2), value: Value(3) }] {
            assert_eq!(parse(&request.to_string()), Ok(request));
        }
        assert!(parse("append k1 v2").is_err() && parse("read").is_err());
    }
}
