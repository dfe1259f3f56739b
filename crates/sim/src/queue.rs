//! The event queue, ordered by what events are, never by when code pushed them.
//!
//! Near events wait in a wheel of buckets, far ones in a heap; only the bucket whose time has come is sorted. After
//! Varghese and Lauck, Hashed and Hierarchical Timing Wheels (SOSP 1987), scheme 4.

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
    /// An operator asks something of a node.
    Order = 3,
    /// A client starts its next operation.
    Operation = 4,
    /// A client has waited long enough.
    Patience = 5,
    /// A fault is over.
    FaultEnd = 6,
    /// A fault strikes.
    FaultStart = 7,
    /// Everything heals.
    Heal = 8,
}

/// The destination of events of the world itself: after everybody else's.
pub(crate) const WORLD: u8 = u8::MAX;

impl Tie {
    /// Packs: destination 8 bits, class 4, source 8, kind 6, copy 1, occurrence 32.
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
            (destination as u64) << 51
                | (class as u64) << 47
                | (source as u64) << 39
                | (kind as u64) << 33
                | (copy as u64) << 32
                | occurrence as u64,
        )
    }

    /// The order of the second copy of the same.
    pub(crate) const fn of_copy(self) -> Self {
        Self(self.0 | 1 << 32)
    }

    #[inline]
    pub(crate) const fn destination(self) -> u8 {
        (self.0 >> 51) as u8
    }

    #[inline]
    pub(crate) const fn class(self) -> Class {
        match self.0 >> 47 & 15 {
            0 => Class::Timer,
            1 => Class::Sync,
            2 => Class::Arrival,
            3 => Class::Order,
            4 => Class::Operation,
            5 => Class::Patience,
            6 => Class::FaultEnd,
            7 => Class::FaultStart,
            8 => Class::Heal,
            _ => panic!("there are nine classes"),
        }
    }

    #[inline]
    pub(crate) const fn source(self) -> u8 {
        (self.0 >> 39) as u8
    }

    #[inline]
    pub(crate) const fn kind(self) -> usize {
        (self.0 >> 33 & 63) as usize
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

/// A bucket spans `2^WIDTH_BITS` nanoseconds: about a millisecond, which is a handful of events.
const WIDTH_BITS: u32 = 20;
/// How many buckets the wheel has: it spans about a second, which is more than most clients' patience.
const BUCKETS: u64 = 1024;
/// One bit for each bucket.
type Bits = [u64; (BUCKETS / 64) as usize];

/// An event in the wheel, in the list of its bucket; or a free place, in the list of these.
#[derive(Clone, Copy)]
struct Waiting {
    entry: Entry,
    next: u32,
}

/// The end of a list.
const NOBODY: u32 = u32::MAX;

/// The queue.
pub(crate) struct Queue {
    /// The bucket whose time has come, latest first: events are popped from its end.
    current: Vec<Entry>,
    /// The number of that bucket since the beginning of time. No event is due before it.
    cursor: u64,
    /// The first in each bucket after it, unsorted.
    wheel: [u32; BUCKETS as usize],
    /// Which of them hold something, as bits.
    occupied: Bits,
    /// What waits in the wheel. All buckets share it, so that it stays small and warm.
    waiting: Vec<Waiting>,
    /// The first free place there.
    free: u32,
    /// What was too far away when it was pushed.
    far: Heap,
    /// The bucket in which the first of those is due; `u64::MAX` if there is none.
    far_bucket: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            current: Vec::new(),
            cursor: 0,
            wheel: [NOBODY; BUCKETS as usize],
            occupied: Bits::default(),
            waiting: Vec::new(),
            free: NOBODY,
            far: Heap::default(),
            far_bucket: u64::MAX,
        }
    }
}

const fn bucket_of(time: u64) -> u64 {
    time >> WIDTH_BITS
}

impl Queue {
    /// Always inlined, and all that follows takes an entry apart, so that it is handed over in registers.
    #[inline(always)]
    pub(crate) fn push(&mut self, entry: Entry) {
        self.place(entry.time, entry.tie, entry.slot);
    }

    #[inline(never)]
    fn place(&mut self, time: u64, tie: Tie, slot: u32) {
        let bucket = bucket_of(time);
        if bucket <= self.cursor {
            self.place_at_once(time, tie, slot);
        } else if bucket - self.cursor < BUCKETS {
            self.place_near(time, tie, slot, bucket % BUCKETS);
        } else {
            self.place_far(time, tie, slot);
        }
    }

    /// In a bucket of the wheel.
    #[inline]
    fn place_near(&mut self, time: u64, tie: Tie, slot: u32, bit: u64) {
        let Some(place) = self.waiting.get_mut(self.free as usize) else {
            return self.place_anew(time, tie, slot, bit);
        };
        self.occupied[(bit / 64) as usize] |= 1 << (bit % 64);
        let first = &mut self.wheel[bit as usize];
        let next = std::mem::replace(first, self.free);
        self.free = place.next;
        *place = Waiting { entry: Entry { time, tie, slot }, next };
    }

    /// No place is free: here is another.
    #[cold]
    #[inline(never)]
    fn place_anew(&mut self, time: u64, tie: Tie, slot: u32, bit: u64) {
        self.free = self.waiting.len() as u32;
        self.waiting.push(Waiting { entry: Entry { time, tie, slot }, next: NOBODY });
        self.place_near(time, tie, slot, bit);
    }

    /// Among the events whose time has come.
    #[inline(never)]
    fn place_at_once(&mut self, time: u64, tie: Tie, slot: u32) {
        let entry = Entry { time, tie, slot };
        let key = entry.key();
        let place = self.current.iter().rposition(|other| other.key() > key).map_or(0, |before| before + 1);
        self.current.insert(place, entry);
    }

    /// Further away than the wheel spans.
    #[cold]
    #[inline(never)]
    fn place_far(&mut self, time: u64, tie: Tie, slot: u32) {
        self.far_bucket = self.far_bucket.min(bucket_of(time));
        self.far.push(Entry { time, tie, slot });
    }

    /// The next event, unless it is due after `end`.
    #[inline]
    pub(crate) fn pop_until(&mut self, end: u64) -> Option<Entry> {
        if self.current.is_empty() {
            self.turn();
        }
        self.current.pop_if(|entry| entry.time <= end)
    }

    /// Turns the wheel to the next bucket that holds something.
    fn turn(&mut self) {
        let near = self.next_occupied();
        let next = near.min(self.far_bucket);
        if next == u64::MAX {
            return;
        }
        self.cursor = next;
        if near == next {
            self.empty_bucket(next % BUCKETS);
        }
        if self.far_bucket == next {
            self.fetch_far();
        }
        if self.current.len() > 1 {
            self.current.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.key()));
        }
    }

    /// Adds what is in this bucket to the events whose time has come.
    #[inline]
    fn empty_bucket(&mut self, bit: u64) {
        self.occupied[(bit / 64) as usize] &= !(1 << (bit % 64));
        let mut place = std::mem::replace(&mut self.wheel[bit as usize], NOBODY);
        while let Some(waiting) = self.waiting.get_mut(place as usize) {
            let Entry { time, tie, slot } = waiting.entry;
            let next = std::mem::replace(&mut waiting.next, self.free);
            self.free = std::mem::replace(&mut place, next);
            self.current.push(Entry { time, tie, slot });
        }
    }

    /// Adds what was far away to the bucket whose time has come.
    #[cold]
    #[inline(never)]
    fn fetch_far(&mut self) {
        self.far_bucket = u64::MAX;
        while let Some(time) = self.far.peek_time() {
            if bucket_of(time) > self.cursor {
                self.far_bucket = bucket_of(time);
                break;
            }
            self.current.extend(self.far.pop());
        }
    }

    /// The number of the next bucket of the wheel that holds something; `u64::MAX` if there is none.
    #[inline]
    fn next_occupied(&self) -> u64 {
        let first = self.cursor + 1;
        let words = self.occupied.len() as u64;
        let (word, bit) = (first % BUCKETS / 64, first % 64);
        // The word that holds the first bucket is looked at twice: first what is from there on, at last what is before.
        let mut mask = u64::MAX << bit;
        for nth in 0..=words {
            let found = self.occupied[((word + nth) % words) as usize] & mask;
            if found != 0 {
                return first - bit + nth * 64 + u64::from(found.trailing_zeros());
            }
            mask = u64::MAX;
        }
        u64::MAX
    }
}

const ARITY: usize = 4;

/// A 4-ary heap.
#[derive(Default)]
struct Heap {
    heap: Vec<Entry>,
}

impl Heap {
    fn push(&mut self, entry: Entry) {
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
    fn peek_time(&self) -> Option<u64> {
        self.heap.first().map(|entry| entry.time)
    }

    fn pop(&mut self) -> Option<Entry> {
        let first = *self.heap.first()?;
        let last = self.heap.pop()?;
        if !self.heap.is_empty() {
            self.sink(last);
        }
        Some(first)
    }

    /// Puts `entry` where the root was, and lets it sink.
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
            for (other, entry) in heap.iter().enumerate().take(end).skip(child + 1) {
                let other_key = entry.key();
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

    fn entry(time: u64, number: u64) -> Entry {
        let tie = Tie::new(below(mix(number), 5) as u8, Class::Arrival, 0, 0, 0, number as u32);
        Entry { time, tie, slot: number as u32 }
    }

    #[test]
    fn pops_in_order_whatever_the_order_of_pushes() {
        for round in 0..60u64 {
            // From all at one instant to far beyond the wheel.
            let span = 1 << (round % 40);
            let mut entries: Vec<Entry> =
                (0..200).map(|i| entry(below(mix(round * 1000 + i), span), i)).collect();
            let mut queue = Queue::default();
            entries.iter().for_each(|&entry| queue.push(entry));
            entries.sort_by_key(Entry::key);
            let popped: Vec<u32> =
                std::iter::from_fn(|| queue.pop_until(u64::MAX)).map(|entry| entry.slot).collect();
            assert_eq!(popped, entries.iter().map(|entry| entry.slot).collect::<Vec<_>>());
        }
    }

    #[test]
    fn keeps_the_order_of_a_sorted_list_while_events_push_events() {
        for round in 0..20u64 {
            let (mut queue, mut list, mut number) = (Queue::default(), Vec::new(), 0);
            let mut both = |queue: &mut Queue, list: &mut Vec<Entry>, time| {
                number += 1;
                let entry = entry(time, number);
                queue.push(entry);
                list.push(entry);
            };
            (0..20).for_each(|_| both(&mut queue, &mut list, 0));
            for step in 0..3_000u64 {
                list.sort_by_key(|entry| std::cmp::Reverse(entry.key()));
                let next = list.pop();
                assert!(
                    next.is_none_or(|entry| entry.time == 0 || queue.pop_until(entry.time - 1).is_none())
                );
                let Some(popped) = queue.pop_until(u64::MAX) else { break };
                assert_eq!(Some(popped.slot), next.map(|entry| entry.slot));
                let word = mix(round << 32 | step);
                if step < 2_900 {
                    let later = below(mix(word), 1 << below(word, 34));
                    both(&mut queue, &mut list, popped.time + later);
                }
            }
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
