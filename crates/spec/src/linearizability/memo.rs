//! What the search has been through: configurations, so that none is searched twice (Lowe, *Testing for
//! linearizability*, 2017).
//!
//! A configuration is the set of operations linearized so far and the state that they led to. The set is written
//! down as
//!
//! * the *front*: the first return, in the order of events, whose operation is not linearized;
//! * the operations that returned later and are linearized all the same. They were called before the front, so each
//!   has one of few slots: a configuration takes as many bits as there are processes, however long the history;
//! * the operations of unknown outcome that took effect.
//!
//! To them come the blind operations that wait and can no longer be *absorbed* ([`super::search`]).
//!
//! **Dominance.** Of two configurations that differ only in the last two sets, those of one within those of the
//! other, the smaller can do whatever the larger can: an operation of unknown outcome never has to take effect, one
//! that is not used up may still be used, and one that can be absorbed need not be. So a configuration is also known
//! when a smaller one is.

use quarrel_protocol::fold;

use super::states::{StateId, small};
use super::table::Table;

const NONE: u32 = u32::MAX;

/// A configuration, as the search holds it.
#[derive(Clone, Copy)]
pub(super) struct Configuration<'s> {
    /// The first return whose operation is not linearized.
    pub(super) front: u32,
    /// Where the linearized operations led.
    pub(super) state: StateId,
    /// Slots of linearized operations that return after the front.
    pub(super) done: &'s [u64],
    /// The Zobrist hash of `done`.
    pub(super) done_hash: u64,
    /// What is held against it: the less, the better.
    pub(super) against: &'s [u64],
}

/// What was known of a configuration.
pub(super) struct Visit {
    pub(super) known: bool,
    /// How many sets were compared to say so, and how many lines of memory it takes to remember: the budget bounds
    /// both.
    pub(super) cost: u64,
}

/// Words in a line of memory.
const LINE_WORDS: usize = 8;

/// All configurations met.
#[derive(Default)]
pub(super) struct Memo {
    /// From front, state and `done` to a group.
    table: Table,
    /// Each group's key: front and state in one word, then `done`. All have one length.
    keys: Vec<u64>,
    /// Each group's list of `against` sets, of which none contains an earlier one.
    heads: Vec<u32>,
    sets: Vec<Set>,
    words: Vec<u64>,
}

#[derive(Clone, Copy)]
struct Set {
    start: usize,
    length: u32,
    next: u32,
}

impl Memo {
    /// Remembers a configuration, unless it or a smaller one is known.
    pub(super) fn visit(&mut self, configuration: Configuration<'_>) -> Visit {
        let Configuration { front, state, done, done_hash, against } = configuration;
        let first = u64::from(front) << 32 | u64::from(state.0);
        let hash = fold(first ^ 0xe703_7ed1_a0b4_28db, done_hash ^ 0x8ebc_6af0_9c88_c6e3);
        let stride = done.len() + 1;
        let keys = &self.keys;
        let group = self.table.find(hash, |group| {
            let key = &keys[group as usize * stride..][..stride];
            key[0] == first && key[1..] == *done
        });
        // Trailing zeros are left out: a set grows with what it holds.
        let against = &against[..against.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1)];
        let Some(group) = group else {
            let group = small(self.heads.len());
            self.keys.push(first);
            self.keys.extend_from_slice(done);
            self.heads.push(NONE);
            self.table.insert(hash, group);
            self.add(group, against);
            return Visit { known: false, cost: ((stride + against.len()) / LINE_WORDS) as u64 };
        };
        let (mut at, mut compared) = (self.heads[group as usize], 0);
        while at != NONE {
            compared += 1;
            let set = self.sets[at as usize];
            let words = &self.words[set.start..][..set.length as usize];
            if words.len() <= against.len()
                && words.iter().zip(against).all(|(small, large)| small & !large == 0)
            {
                return Visit { known: true, cost: compared };
            }
            at = set.next;
        }
        self.add(group, against);
        Visit { known: false, cost: compared + (against.len() / LINE_WORDS) as u64 }
    }

    fn add(&mut self, group: u32, against: &[u64]) {
        let head = &mut self.heads[group as usize];
        let set = Set { start: self.words.len(), length: small(against.len()), next: *head };
        *head = small(self.sets.len());
        self.sets.push(set);
        self.words.extend_from_slice(against);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(memo: &mut Memo, front: u32, done: u64, against: &[u64]) -> bool {
        let (state, done) = (StateId(7), [done]);
        memo.visit(Configuration { front, state, done: &done, done_hash: 0, against }).known
    }

    #[test]
    fn equal_hashes_are_told_apart_and_smaller_sets_dominate() {
        let mut memo = Memo::default();
        assert!(!known(&mut memo, 1, 0b01, &[0b110, 0]));
        assert!(known(&mut memo, 1, 0b01, &[0b110, 0]));
        assert!(known(&mut memo, 1, 0b01, &[0b111, 1]), "more used up than in a known one");
        assert!(!known(&mut memo, 1, 0b01, &[0b100, 0]), "less used up is more than is known");
        assert!(!known(&mut memo, 1, 0b10, &[0b110, 0]), "the hash is the same, the set is not");
        assert!(!known(&mut memo, 2, 0b01, &[0b110, 0]));
    }
}
