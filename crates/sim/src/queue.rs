//! The event queue: a 4-ary heap ordered by what events are, never by when code pushed them.

/// The order of simultaneous events: destination, class, source, kind, copy, occurrence, packed into one word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Tie(pub(crate) u64);

/// What kind of event an entry is; the order is the order at one destination and instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Class {
    /// A timer; before any other input, so that a timer past its deadline fires first.
    Timer = 0,
    /// A disk sync is complete.
    Sync = 1,
    /// A message, request or reply arrives.
    Arrival = 2,
    /// A client starts its next operation.
    Operation = 3,
    /// A client has waited long enough.
    Patience = 4,
    /// A fault is over.
    FaultEnd = 5,
    /// A fault strikes.
    FaultStart = 6,
    /// Everything heals.
    Heal = 7,
}

const CLASSES: [Class; 8] = [
    Class::Timer,
    Class::Sync,
    Class::Arrival,
    Class::Operation,
    Class::Patience,
    Class::FaultEnd,
    Class::FaultStart,
    Class::Heal,
];

/// The destination of events of the world itself: after everybody else's.
pub(crate) const WORLD: u8 = u8::MAX;

impl Tie {
    /// Packs: destination 8 bits, class 3, source 8, kind 6, copy 1, occurrence 32.
    #[inline]
    pub(crate) const fn new(
        destination: u8,
        class: Class,
        source: u8,
        kind: u8,
        copy: u8,
        occurrence: u32,
    ) -> Self {
        debug_assert!(kind < 64 && copy < 2);
        Self(
            (destination as u64) << 50
                | (class as u64) << 47
                | (source as u64) << 39
                | (kind as u64) << 33
                | (copy as u64) << 32
                | occurrence as u64,
        )
    }

    #[inline]
    pub(crate) const fn destination(self) -> u8 {
        (self.0 >> 50) as u8
    }

    #[inline]
    pub(crate) const fn class(self) -> Class {
        CLASSES[(self.0 >> 47 & 7) as usize]
    }

    #[inline]
    pub(crate) const fn source(self) -> u8 {
        (self.0 >> 39) as u8
    }

    #[inline]
    pub(crate) const fn occurrence(self) -> u32 {
        self.0 as u32
    }
}

/// One scheduled event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) time: u64,
    pub(crate) tie: Tie,
    /// What it is about, by class: a slot of the slab, of a timer table, of the list of faults.
    pub(crate) slot: u32,
}

impl Entry {
    #[inline]
    const fn key(&self) -> u128 {
        (self.time as u128) << 64 | self.tie.0 as u128
    }
}

const ARITY: usize = 4;

/// The queue.
#[derive(Default)]
pub(crate) struct Queue {
    heap: Vec<Entry>,
}

impl Queue {
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry) {
        let key = entry.key();
        let mut hole = self.heap.len();
        self.heap.push(entry);
        while hole > 0 {
            let parent = (hole - 1) / ARITY;
            if self.heap[parent].key() <= key {
                break;
            }
            self.heap[hole] = self.heap[parent];
            hole = parent;
        }
        self.heap[hole] = entry;
    }

    #[inline]
    pub(crate) fn peek_time(&self) -> Option<u64> {
        self.heap.first().map(|entry| entry.time)
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let first = *self.heap.first()?;
        let last = self.heap.pop()?;
        if !self.heap.is_empty() {
            self.sink(last);
        }
        Some(first)
    }

    /// Puts `entry` where the root was, and lets it sink.
    #[inline]
    fn sink(&mut self, entry: Entry) {
        let heap = self.heap.as_mut_slice();
        let key = entry.key();
        let mut hole = 0;
        loop {
            let child = hole * ARITY + 1;
            if child >= heap.len() {
                break;
            }
            let end = (child + ARITY).min(heap.len());
            let (mut least, mut least_key) = (child, heap[child].key());
            for other in child + 1..end {
                let other_key = heap[other].key();
                if other_key < least_key {
                    (least, least_key) = (other, other_key);
                }
            }
            if key <= least_key {
                break;
            }
            heap[hole] = heap[least];
            hole = least;
        }
        heap[hole] = entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::{below, mix};

    #[test]
    fn pops_in_order_whatever_the_order_of_pushes() {
        for round in 0..50u64 {
            let mut entries: Vec<Entry> = (0..200)
                .map(|i| Entry {
                    time: below(mix(round * 1000 + i), 20),
                    tie: Tie::new(below(mix(i), 5) as u8, Class::Arrival, 0, 0, 0, i as u32),
                    slot: i as u32,
                })
                .collect();
            let mut queue = Queue::default();
            entries.iter().for_each(|&entry| queue.push(entry));
            entries.sort_by_key(Entry::key);
            let popped: Vec<u32> = std::iter::from_fn(|| queue.pop()).map(|entry| entry.slot).collect();
            assert_eq!(popped, entries.iter().map(|entry| entry.slot).collect::<Vec<_>>());
        }
    }

    #[test]
    fn ties_unpack() {
        let tie = Tie::new(WORLD, Class::Heal, 64, 63, 1, u32::MAX);
        assert_eq!((tie.destination(), tie.class(), tie.occurrence()), (WORLD, Class::Heal, u32::MAX));
        assert!(Tie::new(3, Class::Timer, 9, 0, 0, 0) < Tie::new(3, Class::Arrival, 0, 0, 0, 0));
        assert!(Tie::new(3, Class::Patience, 0, 0, 0, 0) < Tie::new(4, Class::Timer, 0, 0, 0, 0));
    }
}
