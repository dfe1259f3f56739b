//! Maps from keys to texts.
//!
//! Texts grow with every append, and a search meets a text for every order of the appends: a hot key of ten thousand
//! appends would fill the memory. But a text matters only as far as somebody may still see it. So a state is the place
//! of a text among those that were seen: which of them it is a beginning of. A text that is the beginning of none can
//! only be appended to, to no avail, or be replaced; all of those are one state, `LOST`.
//!
//! A write of unknown outcome that would lose the text did not happen: between it and the next `put` nobody saw
//! anything, so an order with it is one without it.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::linearizability::Model;

use super::{Asking, FromRecord, Keyed};
use crate::history::operation::{Asked, End, Operation, Record, Told};

/// What a key is asked. Texts are numbers of names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::history) enum Call {
    Get,
    Put(u32, Fate),
    Append(u32, Fate),
}

/// Whether a write is known to have taken effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::history) enum Fate {
    Known,
    Unknown,
}

/// What it answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::history) enum Answer {
    /// Put or appended.
    Stored,
    /// The empty text, or none.
    Nothing,
    /// This text, by its place among those that were seen.
    Seen(u32),
    /// A text that nobody saw.
    Unseen,
}

/// A text, by those that begin with it. Invariant: `EMPTY` and `LOST` are the only states without any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::history) struct Beginning {
    /// The first of them, in their order.
    first: u32,
    /// The one behind the last of them. Follows from the others, and spares a search for it.
    behind: u32,
    /// How many bytes of them it is.
    length: u32,
}

const EMPTY: Beginning = Beginning { first: 0, behind: 0, length: 0 };
const LOST: Beginning = Beginning { first: 0, behind: 0, length: u32::MAX };

/// Maps from keys to texts.
pub(in crate::history) struct Kv {
    /// All texts, by number.
    texts: Vec<Box<str>>,
    /// Those that were seen, key by key, in rising order.
    seen: Vec<u32>,
    /// By key: where those of the key begin. One more at the end.
    starts: Vec<u32>,
}

impl Kv {
    fn bytes(&self, text: u32) -> &[u8] {
        self.texts[text as usize].as_bytes()
    }

    /// Where this text leads when it stands behind `state`.
    fn extend(&self, key: u32, state: Beginning, text: u32) -> Beginning {
        let text = self.bytes(text);
        if state == LOST || text.is_empty() {
            return state;
        }
        let (first, behind) = match state {
            EMPTY => (self.starts[key as usize], self.starts[key as usize + 1]),
            _ => (state.first, state.behind),
        };
        let range = &self.seen[first as usize..behind as usize];
        let from = state.length as usize;
        // All of the range agree up to here, so they are in the order of what follows.
        let next = |seen: &u32| {
            let rest = &self.bytes(*seen)[from..];
            &rest[..rest.len().min(text.len())]
        };
        let start = range.partition_point(|seen| next(seen) < text);
        let count = range[start..].partition_point(|seen| next(seen) == text);
        if count == 0 {
            return LOST;
        }
        let first = first + start as u32;
        Beginning { first, behind: first + count as u32, length: state.length + text.len() as u32 }
    }

    /// What a `get` finds.
    fn found(&self, state: Beginning) -> Answer {
        match state {
            EMPTY => Answer::Nothing,
            LOST => Answer::Unseen,
            // A text stands before all others that begin with it.
            Beginning { first, length, .. }
                if self.bytes(self.seen[first as usize]).len() == length as usize =>
            {
                Answer::Seen(first)
            }
            _ => Answer::Unseen,
        }
    }
}

impl Model for Kv {
    type State = Beginning;
    type Call = Keyed<Call>;
    type Answer = Answer;

    fn initial(&self) -> Beginning {
        EMPTY
    }

    fn apply(&self, state: &mut Beginning, call: &Keyed<Call>) -> Answer {
        let (next, fate) = match call.call {
            Call::Get => return self.found(*state),
            Call::Put(text, fate) => (self.extend(call.key, EMPTY, text), fate),
            Call::Append(text, fate) => (self.extend(call.key, *state, text), fate),
        };
        if fate == Fate::Known || next != LOST {
            *state = next;
        }
        Answer::Stored
    }

    fn is_read(&self, call: &Keyed<Call>) -> bool {
        call.call == Call::Get
    }

    fn needs(&self, call: &Keyed<Call>, seen: &Answer) -> Option<Beginning> {
        match (call.call, *seen) {
            (Call::Get, Answer::Nothing) => Some(EMPTY),
            (Call::Get, Answer::Seen(place)) => Some(self.extend(call.key, EMPTY, self.seen[place as usize])),
            _ => None,
        }
    }

    fn leads_to(&self, call: &Keyed<Call>) -> Option<Beginning> {
        match call.call {
            Call::Put(text, _) => Some(self.extend(call.key, EMPTY, text)),
            Call::Get | Call::Append(..) => None,
        }
    }

    /// Appending makes a text one of those that begin with it.
    fn may_become(&self, from: &Beginning, to: &Beginning) -> bool {
        match *from {
            EMPTY => true,
            LOST => *to == LOST,
            Beginning { first, behind, length } => (first..behind).contains(&to.first) && to.length >= length,
        }
    }

    fn part(&self, call: &Keyed<Call>) -> Option<u64> {
        Some(u64::from(call.key))
    }
}

impl FromRecord for Kv {
    fn show(&self, record: &Record, answer: &Answer) -> Option<String> {
        match answer {
            Answer::Nothing => Some("\"\"".to_string()),
            Answer::Seen(place) => Some(record.show_told(&Told::Text(self.seen[*place as usize]))),
            Answer::Stored | Answer::Unseen => None,
        }
    }

    fn from_record(record: &Record) -> (Self, Vec<Option<Asking<Self>>>) {
        let mut seen: Vec<(u32, u32)> = record.operations.iter().filter_map(seen_by).collect();
        let text = |number: u32| record.texts.show(number);
        seen.retain(|&(_, number)| !text(number).is_empty());
        seen.sort_unstable_by_key(|&(key, number)| (key, text(number)));
        seen.dedup();
        let keys = record.keys.len() as u32;
        let starts = (0..=keys).map(|key| seen.partition_point(|&(other, _)| other < key) as u32).collect();
        let model = Self {
            texts: (0..record.texts.len() as u32).map(|number| text(number).into()).collect(),
            seen: seen.iter().map(|&(_, number)| number).collect(),
            starts,
        };
        let calls = record.operations.iter().map(|operation| model.asking(operation, &seen, &text)).collect();
        (model, calls)
    }
}

/// The text that an operation saw, with its key.
fn seen_by(operation: &Operation) -> Option<(u32, u32)> {
    match operation.end {
        End::Answered { told: Told::Text(text), .. } => Some((key_of(operation), text)),
        _ => None,
    }
}

fn key_of(operation: &Operation) -> u32 {
    operation.key.expect("every operation of a kv has a key")
}

impl Kv {
    fn asking<'a>(
        &self,
        operation: &Operation,
        seen: &[(u32, u32)],
        text: &impl Fn(u32) -> &'a str,
    ) -> Option<Asking<Self>> {
        let key = key_of(operation);
        let fate = if matches!(operation.end, End::Answered { .. }) { Fate::Known } else { Fate::Unknown };
        let call = match operation.asked {
            Asked::Get => Call::Get,
            Asked::Put(text) => Call::Put(text, fate),
            Asked::Append(text) => Call::Append(text, fate),
            _ => unreachable!("a kv is asked nothing else"),
        };
        let answer = match &operation.end {
            End::Failed => return None,
            End::Pending | End::Unknown { .. } if call == Call::Get => return None,
            End::Pending | End::Unknown { .. } => None,
            End::Answered { told: Told::Text(number), .. } if text(*number).is_empty() => {
                Some(Answer::Nothing)
            }
            End::Answered { told: Told::Text(number), .. } => {
                let place =
                    seen.binary_search_by_key(&(key, text(*number)), |&(key, number)| (key, text(number)));
                Some(Answer::Seen(place.expect("this text was seen") as u32))
            }
            End::Answered { .. } => Some(Answer::Stored),
        };
        Some((Keyed { key, call }, answer))
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Get => f.write_str("get"),
            Call::Put(text, _) => write!(f, "put text {text}"),
            Call::Append(text, _) => write!(f, "append text {text}"),
        }
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Stored => f.write_str("stored"),
            Answer::Nothing => f.write_str("nothing"),
            Answer::Seen(place) => write!(f, "seen text {place}"),
            Answer::Unseen => f.write_str("an unseen text"),
        }
    }
}

impl Fingerprint for Call {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match *self {
            Call::Get => into.mark(1),
            Call::Put(text, fate) => into.pair(2 + 2 * fate as u64, u64::from(text)),
            Call::Append(text, fate) => into.pair(3 + 2 * fate as u64, u64::from(text)),
        }
    }
}

impl Fingerprint for Beginning {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(u64::from(self.first), u64::from(self.length));
    }
}
