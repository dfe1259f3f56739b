//! Texts under keys, as Porcupine tests it: get, put, append. Each key is a part.

use std::fmt;

use proptest::prelude::*;
use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::linearizability::Model;

use super::{Hints, Subject};

pub(crate) struct KeyValue(pub(crate) Hints);

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum KeyValueCall {
    Get(u64),
    Put(u64, String),
    Append(u64, String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum KeyValueAnswer {
    Found(String),
    Written,
}

impl KeyValueCall {
    const fn key(&self) -> u64 {
        match *self {
            KeyValueCall::Get(key) | KeyValueCall::Put(key, _) | KeyValueCall::Append(key, _) => key,
        }
    }
}

impl Model for KeyValue {
    type State = String;
    type Call = KeyValueCall;
    type Answer = KeyValueAnswer;

    fn initial(&self) -> String {
        String::new()
    }

    fn apply(&self, state: &mut String, call: &KeyValueCall) -> KeyValueAnswer {
        match call {
            KeyValueCall::Get(_) => return KeyValueAnswer::Found(state.clone()),
            KeyValueCall::Put(_, text) => state.clone_from(text),
            KeyValueCall::Append(_, text) => state.push_str(text),
        }
        KeyValueAnswer::Written
    }

    fn is_read(&self, call: &KeyValueCall) -> bool {
        matches!(call, KeyValueCall::Get(_))
    }

    fn needs(&self, _call: &KeyValueCall, seen: &KeyValueAnswer) -> Option<String> {
        match (self.0, seen) {
            (Hints::All, KeyValueAnswer::Found(text)) => Some(text.clone()),
            _ => None,
        }
    }

    fn is_blind(&self, call: &KeyValueCall) -> bool {
        self.0 == Hints::All && !self.is_read(call)
    }

    fn overwrites(&self, call: &KeyValueCall) -> bool {
        self.0 == Hints::All && matches!(call, KeyValueCall::Put(..))
    }

    fn leads_to(&self, call: &KeyValueCall) -> Option<String> {
        match (self.0, call) {
            (Hints::All, KeyValueCall::Put(_, text)) => Some(text.clone()),
            _ => None,
        }
    }

    fn may_become(&self, from: &String, to: &String) -> bool {
        self.0 == Hints::None || to.starts_with(from)
    }

    fn part(&self, call: &KeyValueCall) -> Option<u64> {
        Some(call.key())
    }
}

impl Subject for KeyValue {
    fn new(hints: Hints) -> Self {
        Self(hints)
    }

    fn any_call(_process: u64) -> BoxedStrategy<KeyValueCall> {
        let key = || prop_oneof![9 => Just(0u64), 1 => Just(1)];
        let text = || prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(str::to_owned);
        prop_oneof![
            3 => key().prop_map(KeyValueCall::Get),
            2 => (key(), text()).prop_map(|(key, text)| KeyValueCall::Put(key, text)),
            3 => (key(), text()).prop_map(|(key, text)| KeyValueCall::Append(key, text)),
        ]
        .boxed()
    }

    fn distort(answer: &KeyValueAnswer, by: u8) -> KeyValueAnswer {
        match answer {
            KeyValueAnswer::Written => KeyValueAnswer::Written,
            KeyValueAnswer::Found(text) if text.is_empty() => KeyValueAnswer::Found("a".to_owned()),
            KeyValueAnswer::Found(text) => KeyValueAnswer::Found(match by % 4 {
                0 => text.chars().rev().collect(),
                1 => text.chars().skip(1).collect(),
                2 => text.chars().take(text.len().saturating_sub(1)).collect(),
                _ => format!("{text}a"),
            }),
        }
    }

    fn read_call(_process: u64, words: &[&str]) -> KeyValueCall {
        match *words {
            ["get"] => KeyValueCall::Get(0),
            ["put", text] => KeyValueCall::Put(0, text.to_owned()),
            ["append", text] => KeyValueCall::Append(0, text.to_owned()),
            ["get", "of", key] => KeyValueCall::Get(key.parse().expect("a key")),
            ["put", text, "to", key] => KeyValueCall::Put(key.parse().expect("a key"), text.to_owned()),
            _ => panic!("no call of a store: {words:?}"),
        }
    }

    fn read_answer(call: &KeyValueCall, words: &[&str]) -> KeyValueAnswer {
        match (call, words) {
            (KeyValueCall::Get(_), ["nothing"]) => KeyValueAnswer::Found(String::new()),
            (KeyValueCall::Get(_), [text]) => KeyValueAnswer::Found((*text).to_owned()),
            (KeyValueCall::Put(..) | KeyValueCall::Append(..), []) => KeyValueAnswer::Written,
            _ => panic!("no answer to {call}: {words:?}"),
        }
    }
}

impl fmt::Display for KeyValueCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for KeyValueAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Fingerprint for KeyValueCall {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.key());
        match self {
            KeyValueCall::Get(_) => into.mark(0),
            KeyValueCall::Put(_, text) => {
                into.mark(1);
                text.fingerprint(into);
            }
            KeyValueCall::Append(_, text) => {
                into.mark(2);
                text.fingerprint(into);
            }
        }
    }
}
