//! Decisions: every nondeterministic choice, by name.
//!
//! A key is `(kind, source, target, message kind, occurrence)`: "the fate of the 3rd AppendEntries from n1 to n2".
//! There is no global counter in it: taking one decision away renames no other. The answer is a `u64` in which 0 is
//! the default, the answer in which nothing bad happens.

use std::fmt::{self, Display};
use std::str::FromStr;

use quarrel_protocol::{ClientId, NodeId};
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// Someone who sends or receives: a node or a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Endpoint {
    /// A node of the cluster.
    Node(NodeId),
    /// A client.
    Client(ClientId),
    /// The second copy of a node, in traces: to the others it is the node.
    Twin(NodeId),
}

impl Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Node(node) => node.fmt(f),
            Endpoint::Client(client) => client.fmt(f),
            Endpoint::Twin(node) => write!(f, "{node}'"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (text, is_twin) = text.strip_suffix('\'').map_or((text, false), |text| (text, true));
        let parsed = text.split_at_checked(1).and_then(|(letter, number)| {
            let index = number.parse::<u8>().ok().filter(|&n| n >= 1 && !number.starts_with('+'))? - 1;
            match letter {
                "n" if (index as usize) >= NodeId::LIMIT => None,
                "n" if is_twin => Some(Endpoint::Twin(NodeId(index))),
                "n" => Some(Endpoint::Node(NodeId(index))),
                "c" if !is_twin => Some(Endpoint::Client(ClientId(index))),
                _ => None,
            }
        });
        parsed.ok_or_else(|| {
            format!("`{text}` is neither a node (n1 to n{}) nor a client (c1 to c255)", NodeId::LIMIT)
        })
    }
}

impl Serialize for Endpoint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a decision is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecisionKind {
    /// The whole fate of a message; see [`Fate`].
    Fate,
    /// Where in its range a timer fires: 0 the staggered default, else 1 + nanoseconds after the range's start.
    Timer,
    /// How much longer a disk sync takes, in nanoseconds.
    Sync,
    /// How many of the newest un-synced records a crash takes.
    Lost,
    /// How many of the newest effects released at the instant of a crash did not leave.
    Cut,
    /// Whether the first of the newest writes that a crash takes was half-done.
    Torn,
    /// What a crash leaves of one un-synced write, where it may leave any of them; see [`Remains`].
    Write,
}

/// Which of the decisions that share the rest of their names.
///
/// Occurrences are what runs record. The shrinker anchors decisions to times instead: "the 57th AppendEntries from n5
/// to n1" is another message as soon as an earlier client operation is gone, "the first one sent from 2.4 s on" is not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Which {
    /// The n-th, from 1.
    Nth(u32),
    /// The first that is asked for at that time or later, in nanoseconds, and was not answered by another. For a
    /// timer: the one that can fire at that time, and it does.
    Since {
        /// From when on, in nanoseconds.
        ns: u64,
        /// How many are passed over first: those that share the instant.
        skip: u32,
    },
}

impl Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Which::Nth(nth) => write!(f, "no. {nth}"),
            Which::Since { ns, skip: 0 } => write!(f, "(the next from {} on)", Span(*ns)),
            Which::Since { ns, skip } => write!(f, "(no. {} from {} on)", skip + 1, Span(*ns)),
        }
    }
}

/// The name of a decision.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "KeyFields", into = "KeyFields")]
pub struct Key {
    /// What it is about.
    pub kind: DecisionKind,
    /// The sender, or the node whose timer or disk it is.
    pub source: Endpoint,
    /// The receiver; the source again where there is none.
    pub target: Endpoint,
    /// The message's or timer's kind; `request` and `reply` between clients and nodes; empty for disks and crashes.
    pub of: String,
    /// Which one.
    pub which: Which,
}

/// A key as files have it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFields {
    kind: DecisionKind,
    source: Endpoint,
    target: Endpoint,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    of: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nth: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    skip: Option<u32>,
}

impl TryFrom<KeyFields> for Key {
    type Error = &'static str;

    fn try_from(fields: KeyFields) -> Result<Self, Self::Error> {
        let KeyFields { kind, source, target, of, nth, since_ns, skip } = fields;
        let which = match (nth, since_ns, skip) {
            (Some(0), ..) => return Err("occurrences count from 1"),
            (Some(nth), None, None) => Which::Nth(nth),
            (None, Some(ns), skip) => Which::Since { ns, skip: skip.unwrap_or(0) },
            _ => return Err("a decision has exactly one of `nth` and `since_ns`"),
        };
        Ok(Key { kind, source, target, of, which })
    }
}

impl From<Key> for KeyFields {
    fn from(key: Key) -> Self {
        let Key { kind, source, target, of, which } = key;
        let (nth, since_ns, skip) = match which {
            Which::Nth(nth) => (Some(nth), None, None),
            Which::Since { ns, skip } => (None, Some(ns), (skip > 0).then_some(skip)),
        };
        Self { kind, source, target, of, nth, since_ns, skip }
    }
}

/// A decision that is not the default.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Decision {
    /// Its name.
    pub key: Key,
    /// The answer; never 0.
    pub value: u64,
}

/// A message's whole fate. Delays are added to the link's base latency, in microseconds, below 2^31.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fate {
    /// Arrives once, this much late.
    Arrives(u32),
    /// Never arrives.
    Lost,
    /// Arrives twice, each this much late.
    Twice(u32, u32),
}

/// What a crash leaves of a write that was not on the disk yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Remains {
    /// It made it to the disk.
    Whole,
    /// Nothing.
    Nothing,
    /// Half of it, which its checksum tells. A compaction replaces all or nothing, so that half of one is nothing.
    Half,
}

impl Remains {
    /// What remains, as a decision.
    #[must_use]
    pub const fn encode(self) -> u64 {
        match self {
            Remains::Whole => 0,
            Remains::Nothing => 1,
            Remains::Half => 2,
        }
    }

    /// What a decision says that remains. Any word says something.
    #[must_use]
    pub const fn decode(value: u64) -> Self {
        match value {
            0 => Remains::Whole,
            2 => Remains::Half,
            _ => Remains::Nothing,
        }
    }
}

const DELAY_BITS: u32 = 31;
/// The longest extra delay, in microseconds.
pub const DELAY_MAX_US: u32 = (1 << DELAY_BITS) - 1;

impl Fate {
    /// The fate as a decision: mode in the low two bits, then the delays.
    #[must_use]
    pub const fn encode(self) -> u64 {
        match self {
            Fate::Arrives(late) => (late as u64) << 2,
            Fate::Lost => 1,
            Fate::Twice(first, second) => 2 | (first as u64) << 2 | (second as u64) << (2 + DELAY_BITS),
        }
    }

    /// The fate that a decision encodes. Any word is some fate.
    #[must_use]
    #[inline]
    pub const fn decode(value: u64) -> Self {
        let first = (value >> 2) as u32 & DELAY_MAX_US;
        match value & 3 {
            0 => Fate::Arrives(first),
            2 => Fate::Twice(first, (value >> (2 + DELAY_BITS)) as u32 & DELAY_MAX_US),
            _ => Fate::Lost,
        }
    }
}

/// The words for what is gone, and for what is half there.
const LOST: &str = "lost";
const TORN: &str = "torn";

impl Decision {
    /// The answer in words that [`Decision::parse`] reads back: `lost`, `late 300us`, `twice late 0us 40us`,
    /// `at 250ns`, `7`, `torn`.
    #[must_use]
    pub fn answer(kind: DecisionKind, value: u64) -> String {
        match kind {
            DecisionKind::Fate => match Fate::decode(value) {
                Fate::Lost => LOST.to_string(),
                Fate::Arrives(late) => format!("late {late}us"),
                Fate::Twice(first, second) => format!("twice late {first}us {second}us"),
            },
            DecisionKind::Timer => format!("at {}ns", value.saturating_sub(1)),
            DecisionKind::Sync => format!("{value}ns"),
            DecisionKind::Lost | DecisionKind::Cut => value.to_string(),
            DecisionKind::Torn => TORN.to_string(),
            DecisionKind::Write if Remains::decode(value) == Remains::Half => TORN.to_string(),
            DecisionKind::Write => LOST.to_string(),
        }
    }

    /// Reads an answer back.
    ///
    /// # Errors
    /// When the words are not an answer to that kind of decision, or a number is out of range.
    pub fn parse(kind: DecisionKind, text: &str) -> Result<u64, String> {
        let number = |text: &str, unit: &str, max: u64| -> Option<u64> {
            let digits = text.strip_suffix(unit)?;
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|&n: &u64| plain && n <= max)
        };
        let late = |text: &str| number(text, "us", u64::from(DELAY_MAX_US)).map(|n| n as u32);
        let value = match kind {
            DecisionKind::Fate => match text.split(' ').collect::<Vec<_>>().as_slice() {
                [LOST] => Some(Fate::Lost.encode()),
                ["late", first] => late(first).map(|first| Fate::Arrives(first).encode()),
                ["twice", "late", first, second] => {
                    late(first).zip(late(second)).map(|(first, second)| Fate::Twice(first, second).encode())
                }
                _ => None,
            },
            DecisionKind::Timer => {
                text.strip_prefix("at ").and_then(|at| number(at, "ns", u64::MAX - 1)).map(|n| n + 1)
            }
            DecisionKind::Sync => number(text, "ns", u64::MAX),
            DecisionKind::Lost | DecisionKind::Cut => number(text, "", u64::MAX),
            DecisionKind::Torn => (text == TORN).then_some(1),
            DecisionKind::Write => match text {
                LOST => Some(Remains::Nothing.encode()),
                TORN => Some(Remains::Half.encode()),
                _ => None,
            },
        };
        value
            .filter(|&value| value != 0)
            .ok_or_else(|| format!("`{text}` does not answer this kind of decision"))
    }
}

impl Serialize for Decision {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.key, Decision::answer(self.key.kind, self.value)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decision {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (key, answer) = <(Key, String)>::deserialize(deserializer)?;
        let value = Decision::parse(key.kind, &answer).map_err(serde::de::Error::custom)?;
        Ok(Decision { key, value })
    }
}

impl Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key { kind, source, target, of, which } = &self.key;
        let answer = Decision::answer(*kind, self.value);
        match kind {
            DecisionKind::Fate => write!(f, "{of} {which} from {source} to {target}: {answer}"),
            DecisionKind::Timer => write!(f, "{source}'s {of} timer {which} fires {answer}"),
            DecisionKind::Sync => write!(f, "{source}'s disk sync {which} takes {answer} longer"),
            DecisionKind::Lost => write!(f, "{source}'s crash {which} takes {answer} un-synced records"),
            DecisionKind::Cut => write!(f, "{source}'s crash {which} cuts {answer} effects"),
            DecisionKind::Torn => {
                write!(f, "{source}'s crash {which} that takes writes leaves half of the first")
            }
            DecisionKind::Write => write!(f, "{source}'s write {which} that a crash may take: {answer}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fate_reads_back() {
        for fate in [Fate::Arrives(7), Fate::Lost, Fate::Twice(0, 9), Fate::Twice(DELAY_MAX_US, DELAY_MAX_US)]
        {
            assert_eq!(Fate::decode(fate.encode()), fate);
            let text = Decision::answer(DecisionKind::Fate, fate.encode());
            assert_eq!(Decision::parse(DecisionKind::Fate, &text), Ok(fate.encode()));
        }
        assert_eq!(Fate::decode(0), Fate::Arrives(0), "the default arrives once and on time");
    }

    #[test]
    fn what_remains_of_a_write_reads_back() {
        for remains in [Remains::Nothing, Remains::Half] {
            let text = Decision::answer(DecisionKind::Write, remains.encode());
            assert_eq!(Decision::parse(DecisionKind::Write, &text), Ok(remains.encode()));
        }
        assert_eq!(Remains::decode(0), Remains::Whole, "the default loses nothing");
        assert_eq!(Decision::parse(DecisionKind::Torn, "torn"), Ok(1));
        assert!(Decision::parse(DecisionKind::Torn, "lost").is_err());
        assert!(Decision::parse(DecisionKind::Write, "1").is_err());
    }

    #[test]
    fn nonsense_answers_are_refused() {
        for text in ["", "late", "late -1us", "late 2147483648us", "lost lost", "late 0us", "0"] {
            assert!(Decision::parse(DecisionKind::Fate, text).is_err(), "{text}");
        }
        assert!("n0".parse::<Endpoint>().is_err());
        assert!("n65".parse::<Endpoint>().is_err());
        assert!("é1".parse::<Endpoint>().is_err());
    }
}
