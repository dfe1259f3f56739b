//! A table from 64-bit hashes to small numbers. It is asked and never listed, so nothing can depend on its order.

use quarrel_protocol::fold;

/// Spreads a hash over the slots once more: the hashes of callers need not be good in their low bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const EMPTY: u32 = u32::MAX;

/// Open addressing with linear probing. What a number stands for is the caller's: it compares on a hit.
#[derive(Default)]
pub(super) struct Table {
    /// Invariant: a power of two, or none; at least a quarter is empty.
    slots: Vec<Slot>,
    taken: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u64,
    number: u32,
}

impl Table {
    /// The number with this hash that is the one.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at];
            if slot.number == EMPTY {
                return None;
            }
            if slot.hash == hash && is_it(slot.number) {
                return Some(slot.number);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Adds a number that is not in the table.
    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        assert!(number != EMPTY, "the table holds fewer than 2^32 numbers");
        if (self.taken + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        self.put(Slot { hash, number });
        self.taken += 1;
    }

    fn grow(&mut self) {
        let larger = vec![Slot { hash: 0, number: EMPTY }; (self.slots.len() * 2).max(16)];
        for slot in std::mem::replace(&mut self.slots, larger) {
            if slot.number != EMPTY {
                self.put(slot);
            }
        }
    }

    fn put(&mut self, slot: Slot) {
        let mut at = self.home(slot.hash);
        while self.slots[at].number != EMPTY {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        fold(hash, SPREAD) as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn finds_what_was_put_and_nothing_else() {
        let mut table = Table::default();
        assert_eq!(table.find(1, |_| true), None);
        // Every hash stands for two numbers, so the comparison decides.
        for number in 0..1000 {
            table.insert(u64::from(number / 2), number);
        }
        for number in 0..1000 {
            assert_eq!(table.find(u64::from(number / 2), |found| found == number), Some(number));
            assert_eq!(table.find(u64::from(number / 2), |found| found == number + 2), None);
        }
    }
}
