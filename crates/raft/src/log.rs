//! The log: terms, indices, entries.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::session::Command;
use serde::{Deserialize, Serialize};

use crate::Configuration;

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

    /// The highest position that a node believes in. No log grows so long.
    pub(crate) const LIMIT: Self = Self(1 << 62);

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

/// One entry: what it is for, and the term in which a leader created it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader that created it.
    pub term: Term,
    /// What it is for.
    pub payload: Payload,
}

/// What an entry is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Payload {
    /// A leader's no-op at the start of its term (section 8).
    NoOp,
    /// A client's command, with the session that makes it count once.
    Command(Command),
    /// Who decides from here on (thesis, chapter 4).
    Configuration(Configuration),
}

impl Entry {
    /// A no-op.
    #[must_use]
    pub const fn no_op(term: Term) -> Self {
        Self { term, payload: Payload::NoOp }
    }

    /// A client's command.
    #[must_use]
    pub const fn of(term: Term, command: Command) -> Self {
        Self { term, payload: Payload::Command(command) }
    }

    /// The client's command, if it is one.
    #[must_use]
    #[inline]
    pub const fn command(&self) -> Option<Command> {
        match self.payload {
            Payload::Command(command) => Some(command),
            Payload::NoOp | Payload::Configuration(_) => None,
        }
    }

    /// The configuration, if it is one.
    #[must_use]
    #[inline]
    pub const fn configuration(&self) -> Option<Configuration> {
        match self.payload {
            Payload::Configuration(configuration) => Some(configuration),
            Payload::NoOp | Payload::Command(_) => None,
        }
    }
}

impl Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.payload {
            Payload::NoOp => f.write_str("no-op"),
            Payload::Command(command) => command.fmt(f),
            Payload::Configuration(configuration) => configuration.fmt(f),
        }
    }
}

impl Fingerprint for Entry {
    #[inline(always)]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.term.fingerprint(into);
        self.payload.fingerprint(into);
    }
}

impl Fingerprint for Payload {
    #[inline(always)]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        // Most are commands, and told with one comparison and no call of ours.
        if let Payload::Command(command) = self {
            into.mark(1);
            return command.fingerprint(into);
        }
        self.fingerprint_of_others(into);
    }
}

impl Payload {
    #[inline(never)]
    fn fingerprint_of_others(&self, into: &mut Fingerprinter) {
        match self {
            Payload::NoOp => into.mark(0),
            Payload::Command(_) => unreachable!("it is no other"),
            Payload::Configuration(configuration) => {
                into.mark(2);
                configuration.fingerprint(into);
            }
        }
    }
}

/// A sequence of entries, of which a snapshot may have taken the place of the first (section 7). Invariant: terms never
/// fall from one entry to the next.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Log {
    /// The last position that the snapshot covers; 0 if there is none.
    base: Index,
    /// The term of the entry there.
    base_term: Term,
    /// What follows.
    entries: Vec<Entry>,
}

impl Log {
    /// The position before the first entry that is held: the last that a snapshot covers, or 0.
    #[must_use]
    #[inline]
    pub const fn base(&self) -> Index {
        self.base
    }

    /// The position of the last entry; where the log begins, if there is none.
    #[must_use]
    #[inline]
    pub fn last_index(&self) -> Index {
        self.base.plus(self.entries.len())
    }

    /// The term of the last entry, which may be gone in a snapshot; 0 if there never was one.
    #[must_use]
    #[inline]
    pub fn last_term(&self) -> Term {
        self.entries.last().map_or(self.base_term, |entry| entry.term)
    }

    /// The entry at `index`, if it is held.
    #[must_use]
    #[inline(always)]
    pub fn get(&self, index: Index) -> Option<&Entry> {
        let position = usize::try_from(index.0.checked_sub(self.base.0 + 1)?).ok()?;
        self.entries.get(position)
    }

    /// The term of the entry at `index`, which is known where the log begins as well; 0 at the position before the
    /// first. Nothing before that, nor past the end.
    #[must_use]
    #[inline]
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base { Some(self.base_term) } else { self.get(index).map(|entry| entry.term) }
    }

    /// The entries after `index`; of those that are gone in a snapshot, none.
    #[must_use]
    #[inline]
    pub fn after(&self, index: Index) -> &[Entry] {
        let start = usize::try_from(index.0.saturating_sub(self.base.0)).ok();
        start.and_then(|start| self.entries.get(start..)).unwrap_or_default()
    }

    /// The first position at or before `index` from which on the entries that are held have the term of the one at
    /// `index`.
    pub(crate) fn first_index_of_term_at(&self, index: Index) -> Index {
        let Some(entry) = self.get(index) else { return Index::ZERO };
        let before = self.entries.partition_point(|other| other.term < entry.term);
        self.base.plus(before).next()
    }

    /// The last position before `limit` whose entry is of `term`, if that is known.
    pub(crate) fn last_index_of_term(&self, term: Term, limit: Index) -> Option<Index> {
        let up_to = self.entries.partition_point(|entry| entry.term <= term);
        let index = self.base.plus(up_to).min(limit.previous());
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
        let kept = from.0.saturating_sub(self.base.0 + 1);
        self.entries.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
    }

    /// A snapshot takes the place of everything up to `index`, whose entry is of `term`. If the log has that entry,
    /// what follows it stays (Figure 5.3 of the thesis, InstallSnapshot, rule 6); all of it goes otherwise (rule 7),
    /// because it contradicts the snapshot or ends before.
    pub(crate) fn begin_after(&mut self, index: Index, term: Term) {
        if self.term_at(index) != Some(term) {
            self.entries.clear();
        }
        self.cut(index, term);
    }

    /// Everything is gone in a snapshot of all up to `index`.
    pub(crate) fn restart(&mut self, index: Index, term: Term) {
        self.entries.clear();
        (self.base, self.base_term) = (index, term);
    }

    /// The log begins after `index`, and what follows stays whatever it is.
    pub(crate) fn cut(&mut self, index: Index, term: Term) {
        let gone = usize::try_from(index.0.saturating_sub(self.base.0)).unwrap_or(usize::MAX);
        self.entries.drain(..gone.min(self.entries.len()));
        (self.base, self.base_term) = (index, term);
    }

    /// Asserts the invariant over the whole log: once after recovery, not after each step.
    pub(crate) fn assert_terms_never_fall(&self) {
        assert!(self.entries.is_sorted_by_key(|entry| entry.term), "terms never fall along a log");
        assert!(
            self.entries.first().is_none_or(|first| first.term >= self.base_term),
            "terms never fall from a snapshot to a log"
        );
        assert!((self.base == Index::ZERO) == (self.base_term == Term(0)), "a snapshot ends in a term");
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
        terms.iter().for_each(|&term| log.push(Entry::no_op(Term(term))));
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
    fn a_snapshot_takes_the_place_of_a_prefix() {
        let mut log = log(&[1, 1, 3, 3, 6]);
        log.begin_after(Index(3), Term(3));
        assert_eq!((log.base(), log.last_index(), log.last_term()), (Index(3), Index(5), Term(6)));
        assert_eq!(log.term_at(Index(2)), None, "nobody knows any more");
        assert_eq!(log.term_at(Index(3)), Some(Term(3)));
        assert_eq!((log.get(Index(3)), log.get(Index(4))), (None, Some(&Entry::no_op(Term(3)))));
        assert_eq!(
            (log.after(Index(4)).len(), log.after(Index(3)).len(), log.after(Index(1)).len()),
            (1, 2, 2)
        );
        assert_eq!(log.first_index_of_term_at(Index(4)), Index(4), "the first that is held");
        assert_eq!(log.last_index_of_term(Term(3), Index(4)), Some(Index(3)));
        assert_eq!(log.last_index_of_term(Term(1), Index(4)), None);
        log.truncate(Index(4));
        assert_eq!((log.last_index(), log.last_term()), (Index(3), Term(3)));
        log.truncate(Index(1));
        assert_eq!(log.last_index(), Index(3));
        log.assert_terms_never_fall();
    }

    #[test]
    fn what_contradicts_a_snapshot_or_ends_before_it_goes() {
        let after = |terms: &[u64], index, term| {
            let mut log = log(terms);
            log.begin_after(Index(index), Term(term));
            (log.after(Index::ZERO).len(), log.last_index(), log.last_term())
        };
        assert_eq!(after(&[1, 2, 2], 2, 2), (1, Index(3), Term(2)));
        assert_eq!(after(&[1, 2, 2], 2, 3), (0, Index(2), Term(3)), "another entry stood there");
        assert_eq!(after(&[1, 2, 2], 7, 3), (0, Index(7), Term(3)));
        assert_eq!(after(&[], 7, 3), (0, Index(7), Term(3)));
    }

    #[test]
    #[should_panic(expected = "terms never fall")]
    fn a_falling_term_is_refused() {
        log(&[2, 1]);
    }
}
