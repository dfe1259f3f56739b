//! The log: terms, indices, entries.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::session::Command;
use serde::{Deserialize, Serialize};

/// A term: Raft's logical clock. 0 is the term before the first election; no message is sent in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Term(pub u64);

impl Term {
    /// The highest term a node believes in. No cluster counts this far; a message that claims to is not from one.
    pub(crate) const LIMIT: Self = Self(1 << 62);

    /// The term after this one.
    #[must_use]
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Fingerprint for Term {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.0);
    }
}

/// A position in the log. The first entry stands at 1; 0 is the position before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Index(pub u64);

impl Index {
    /// The position before the first entry.
    pub const ZERO: Self = Self(0);

    /// The position after this one.
    #[must_use]
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The position before this one; 0 has none, and stays.
    #[must_use]
    pub(crate) const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The position `count` entries further on.
    #[must_use]
    pub(crate) const fn plus(self, count: usize) -> Self {
        Self(self.0 + count as u64)
    }
}

impl Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Fingerprint for Index {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.0);
    }
}

/// One entry: a command, and the term in which a leader received it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader that created it.
    pub term: Term,
    /// A client's command, with the session that makes it count once; `None` for a leader's no-op.
    pub command: Option<Command>,
}

impl Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.command {
            Some(command) => command.fmt(f),
            None => f.write_str("no-op"),
        }
    }
}

impl Fingerprint for Entry {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.term.fingerprint(into);
        self.command.fingerprint(into);
    }
}

/// A sequence of entries. Invariant: terms never fall from one entry to the next.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Log {
    entries: Vec<Entry>,
}

impl Log {
    /// The position of the last entry; 0 if there is none.
    #[must_use]
    #[inline]
    pub fn last_index(&self) -> Index {
        Index(self.entries.len() as u64)
    }

    /// The term of the last entry; 0 if there is none.
    #[must_use]
    #[inline]
    pub fn last_term(&self) -> Term {
        self.entries.last().map_or(Term(0), |entry| entry.term)
    }

    /// The entry at `index`.
    #[must_use]
    #[inline]
    pub fn get(&self, index: Index) -> Option<Entry> {
        let position = usize::try_from(index.0.checked_sub(1)?).ok()?;
        self.entries.get(position).copied()
    }

    /// The term of the entry at `index`; 0 at the position before the first; nothing past the end.
    #[must_use]
    #[inline]
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == Index::ZERO { Some(Term(0)) } else { self.get(index).map(|entry| entry.term) }
    }

    /// The entries after `index`.
    #[must_use]
    #[inline]
    pub fn after(&self, index: Index) -> &[Entry] {
        usize::try_from(index.0).ok().and_then(|start| self.entries.get(start..)).unwrap_or_default()
    }

    /// The first position at or before `index` from which on the entries have the term of the one at `index`.
    pub(crate) fn first_index_of_term_at(&self, index: Index) -> Index {
        let Some(entry) = self.get(index) else { return Index::ZERO };
        let before = self.entries.partition_point(|other| other.term < entry.term);
        Index::ZERO.plus(before).next()
    }

    /// The last position before `limit` whose entry is of `term`.
    pub(crate) fn last_index_of_term(&self, term: Term, limit: Index) -> Option<Index> {
        let up_to = self.entries.partition_point(|entry| entry.term <= term);
        let index = Index::ZERO.plus(up_to).min(limit.previous());
        (index > Index::ZERO && self.term_at(index) == Some(term)).then_some(index)
    }

    /// Adds an entry at the end.
    ///
    /// # Panics
    /// When its term is lower than the last entry's.
    pub(crate) fn push(&mut self, entry: Entry) {
        assert!(entry.term >= self.last_term(), "terms never fall along a log");
        self.entries.push(entry);
    }

    /// Takes out the entry at `from` and all that follow.
    pub(crate) fn truncate(&mut self, from: Index) {
        self.entries.truncate(usize::try_from(from.0.saturating_sub(1)).unwrap_or(usize::MAX));
    }

    /// Asserts the invariant over the whole log: once after recovery, not after each step.
    pub(crate) fn assert_terms_never_fall(&self) {
        assert!(self.entries.is_sorted_by_key(|entry| entry.term), "terms never fall along a log");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use quarrel_protocol::{ClientId, RequestId};
    use quarrel_spec::Value;
    use quarrel_spec::machine::{Call, RegisterCall};
    use quarrel_spec::session::Session;

    use super::*;

    /// The first client writes a value; the request's number is the value.
    pub(crate) fn write(value: u64) -> Command {
        let serial = RequestId(value as u32);
        let session = Session { client: ClientId(0), serial, oldest: serial };
        Command { session, call: Call::Register(RegisterCall::Write(Value(value))) }
    }

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        terms.iter().for_each(|&term| log.push(Entry { term: Term(term), command: None }));
        log
    }

    #[test]
    fn positions_start_at_one_and_the_position_before_has_term_zero() {
        let log = log(&[1, 1, 3]);
        assert_eq!(log.term_at(Index(0)), Some(Term(0)));
        assert_eq!(log.term_at(Index(3)), Some(Term(3)));
        assert_eq!(log.term_at(Index(4)), None);
        assert_eq!(log.term_at(Index(u64::MAX)), None);
        assert_eq!(log.after(Index(2)).len(), 1);
        assert_eq!(log.after(Index(u64::MAX)), &[]);
    }

    #[test]
    fn terms_are_skipped_whole() {
        let log = log(&[1, 1, 3, 3, 3, 6]);
        assert_eq!(log.first_index_of_term_at(Index(5)), Index(3));
        assert_eq!(log.first_index_of_term_at(Index(1)), Index(1));
        assert_eq!(log.last_index_of_term(Term(3), Index(6)), Some(Index(5)));
        assert_eq!(log.last_index_of_term(Term(3), Index(4)), Some(Index(3)), "only before the limit");
        assert_eq!(log.last_index_of_term(Term(3), Index(3)), None);
        assert_eq!(log.last_index_of_term(Term(2), Index(6)), None, "a term without entries");
    }

    #[test]
    fn truncation_takes_the_suffix() {
        let mut log = log(&[1, 1, 3]);
        log.truncate(Index(u64::MAX));
        assert_eq!(log.last_index(), Index(3));
        log.truncate(Index(2));
        assert_eq!(log.last_index(), Index(1));
        log.truncate(Index(0));
        assert_eq!(log.last_index(), Index(0));
    }

    #[test]
    #[should_panic(expected = "terms never fall")]
    fn a_falling_term_is_refused() {
        log(&[2, 1]);
    }
}
