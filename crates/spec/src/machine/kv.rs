//! A key-value store of texts: get, put, append. Every key starts with the empty text.
//!
//! The interface of the key-value service of MIT 6.5840 (labs 2 and 4), whose histories Porcupine checks. Appends make
//! lost, doubled and reordered writes visible in one read: Kingsbury and Alvaro, *Elle: Inferring Isolation Anomalies
//! from Experimental Observations* (2020).

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use serde::{Deserialize, Serialize};

use super::Key;
use crate::Value;

/// What can be put into a store or appended to what is there.
pub trait Text {
    /// Appends this text.
    fn push_to(&self, text: &mut String);
}

impl Text for Value {
    /// As it is shown: `v7`. No text of a value contains another `v`, so `v7v12` can be read in one way only.
    fn push_to(&self, text: &mut String) {
        use fmt::Write as _;
        // Writing to a string never fails.
        let _ = write!(text, "{self}");
    }
}

impl Text for String {
    fn push_to(&self, text: &mut String) {
        text.push_str(self);
    }
}

/// What a store is asked. `T` is a text, `K` names a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KvCall<T, K = Key> {
    /// What is there?
    Get {
        /// Where.
        key: K,
    },
    /// Put this there, whatever was there before.
    Put {
        /// Where.
        key: K,
        /// What is there from then on.
        text: T,
    },
    /// Append this to what is there.
    Append {
        /// Where.
        key: K,
        /// What is appended.
        text: T,
    },
}

/// What a store answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KvOutcome {
    /// This is there. A key that was never written holds the empty text, which is no other than the empty text that
    /// someone put there.
    Found(String),
    /// Put or appended.
    Stored,
}

/// The store. Invariant: no text in it is empty, so that equal stores are equal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>"))]
pub struct Kv<K = Key>(BTreeMap<K, String>);

impl<K> Default for Kv<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Clone + Ord> Kv<K> {
    /// A store of one text.
    #[must_use]
    pub fn holding(key: K, text: String) -> Self {
        Self(if text.is_empty() { BTreeMap::new() } else { BTreeMap::from([(key, text)]) })
    }

    /// Whether appending could turn this store into the other.
    #[must_use]
    pub fn may_grow_into(&self, other: &Self) -> bool {
        self.0.iter().all(|(key, text)| other.0.get(key).is_some_and(|longer| longer.starts_with(text)))
    }

    /// Applies a call.
    pub fn apply<T: Text>(&mut self, call: &KvCall<T, K>) -> KvOutcome {
        let (key, text, keeps) = match call {
            KvCall::Get { key } => return self.get(key),
            KvCall::Put { key, text } => (key, text, false),
            KvCall::Append { key, text } => (key, text, true),
        };
        let mut there = self.0.remove(key).filter(|_| keeps).unwrap_or_default();
        text.push_to(&mut there);
        if !there.is_empty() {
            self.0.insert(key.clone(), there);
        }
        KvOutcome::Stored
    }

    /// What a call finds now, if it is a read.
    #[must_use]
    pub fn peek<T>(&self, call: &KvCall<T, K>) -> Option<KvOutcome> {
        match call {
            KvCall::Get { key } => Some(self.get(key)),
            KvCall::Put { .. } | KvCall::Append { .. } => None,
        }
    }

    fn get(&self, key: &K) -> KvOutcome {
        KvOutcome::Found(self.0.get(key).cloned().unwrap_or_default())
    }
}

impl<T, K> KvCall<T, K> {
    /// Whether it never changes the store.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        matches!(self, KvCall::Get { .. })
    }

    /// The key that it is about.
    #[must_use]
    pub const fn key(&self) -> &K {
        match self {
            KvCall::Get { key } | KvCall::Put { key, .. } | KvCall::Append { key, .. } => key,
        }
    }
}

impl<T: Display, K: Display> Display for KvCall<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KvCall::Get { key } => write!(f, "get {key}"),
            KvCall::Put { key, text } => write!(f, "put {key} {text}"),
            KvCall::Append { key, text } => write!(f, "append {key} {text}"),
        }
    }
}

impl Display for KvOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KvOutcome::Found(text) if text.is_empty() => f.write_str("nothing"),
            KvOutcome::Found(text) => f.write_str(text),
            KvOutcome::Stored => f.write_str("stored"),
        }
    }
}

impl<T: Fingerprint, K: Fingerprint> Fingerprint for KvCall<T, K> {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            KvCall::Get { key } => {
                into.mark(0);
                key.fingerprint(into);
            }
            KvCall::Put { key, text } => {
                into.mark(1);
                key.fingerprint(into);
                text.fingerprint(into);
            }
            KvCall::Append { key, text } => {
                into.mark(2);
                key.fingerprint(into);
                text.fingerprint(into);
            }
        }
    }
}

impl Fingerprint for KvOutcome {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            KvOutcome::Found(text) => {
                into.mark(1);
                text.fingerprint(into);
            }
            KvOutcome::Stored => into.mark(2),
        }
    }
}

impl<K: Fingerprint> Fingerprint for Kv<K> {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.0.len() as u64);
        for (key, text) in &self.0 {
            key.fingerprint(into);
            text.fingerprint(into);
        }
    }
}
