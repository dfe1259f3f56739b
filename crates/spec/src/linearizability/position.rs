//! Where the search stands: a configuration that is changed in place, and the way back.

use quarrel_protocol::fold;

use super::memo::Configuration;
use super::states::StateId;
use super::timeline::Timeline;

/// An operation of a [`Timeline`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Operation {
    /// One that returned.
    Returned(u32),
    /// One of unknown outcome.
    Unknown(u32),
    /// One that returned, takes effect right before the last one that overwrote everything, and leaves no trace.
    Absorbed(u32),
}

/// A configuration (see [`super::memo`]) and the order that led to it.
pub(super) struct Position {
    /// The first return whose operation is not linearized.
    pub(super) front: u32,
    /// Where the linearized operations led.
    pub(super) state: StateId,
    /// How many operations were called before everything was last overwritten. Those of them that are open and
    /// blind can still be absorbed.
    absorbing: u32,
    /// The linearized operations in their order, but for absorbed ones.
    pub(super) path: Vec<Operation>,
    /// Slots of operations that were called before the front and return at it or later.
    open: Vec<u64>,
    /// Those of them that are linearized. Invariant: within `open`.
    done: Vec<u64>,
    done_hash: u64,
    /// Slots of blind operations that wait and cannot be absorbed, if the timeline has any that absorb; then the
    /// operations of unknown outcome that took effect, from word `used` on.
    against: Vec<u64>,
    used: usize,
    waiting: Vec<u32>,
    /// Whose a slot is, where it is open.
    occupants: Vec<u32>,
}

/// What to go back to.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    front: u32,
    state: StateId,
    absorbing: u32,
    /// How long the path was.
    pub(super) path_length: usize,
}

impl Position {
    /// Before the first return, with nothing linearized.
    pub(super) fn new(timeline: &Timeline, state: StateId) -> Self {
        let words = timeline.slots.div_ceil(64);
        let used = if timeline.absorbs { words } else { 0 };
        let mut position = Self {
            front: 0,
            state,
            absorbing: 0,
            path: Vec::new(),
            open: vec![0; words],
            done: vec![0; words],
            done_hash: 0,
            against: vec![0; used + timeline.unknown.len().div_ceil(64)],
            used,
            waiting: Vec::new(),
            occupants: vec![0; timeline.slots],
        };
        position.open_at(timeline, 0);
        position
    }

    /// The configuration, to be looked up.
    pub(super) fn configuration(&self) -> Configuration<'_> {
        Configuration {
            front: self.front,
            state: self.state,
            done: &self.done,
            done_hash: self.done_hash,
            against: &self.against,
        }
    }

    /// Appends the operations that are open and not linearized, by slot.
    pub(super) fn waiting(&self, into: &mut Vec<u32>) {
        for (index, (&open, &done)) in self.open.iter().zip(&self.done).enumerate() {
            let mut bits = open & !done;
            while bits != 0 {
                into.push(self.occupants[index * 64 + bits.trailing_zeros() as usize]);
                bits &= bits - 1;
            }
        }
    }

    /// Whether an open operation is linearized.
    #[inline]
    pub(super) fn is_done(&self, timeline: &Timeline, id: u32) -> bool {
        has(&self.done, timeline.returned[id as usize].slot)
    }

    /// Whether an operation that returns at the front or later is linearized.
    pub(super) fn is_linearized(&self, timeline: &Timeline, id: u32) -> bool {
        self.is_open(timeline, id) && self.is_done(timeline, id)
    }

    /// Whether an operation of unknown outcome took effect.
    #[inline]
    pub(super) fn is_used(&self, id: u32) -> bool {
        has(&self.against[self.used..], id)
    }

    /// Whether the last operation of the path has left no trace yet but the state, and would leave none if that were
    /// overwritten now: then it would have done as well to be absorbed, or, its outcome unknown, not to take effect.
    pub(super) fn is_unseen(&self, timeline: &Timeline) -> bool {
        match self.path.last() {
            Some(&Operation::Returned(id)) => {
                timeline.returned[id as usize].blind && self.is_open(timeline, id)
            }
            Some(&Operation::Unknown(id)) => timeline.unknown[id as usize].blind,
            Some(Operation::Absorbed(_)) | None => false,
        }
    }

    /// Whether an operation overwrites everything.
    pub(super) fn overwrites(timeline: &Timeline, operation: Operation) -> bool {
        match operation {
            Operation::Returned(id) => timeline.returned[id as usize].overwrites,
            Operation::Unknown(id) => timeline.unknown[id as usize].overwrites,
            Operation::Absorbed(_) => false,
        }
    }

    /// Whether an open operation can be absorbed.
    pub(super) fn is_absorbable(&self, timeline: &Timeline, id: u32) -> bool {
        let operation = &timeline.returned[id as usize];
        operation.blind && operation.call_rank < self.absorbing
    }

    /// Brings the set of what is held against this configuration (see [`super::memo`]) up to date.
    pub(super) fn take_stock(&mut self, timeline: &Timeline) {
        if !timeline.absorbs {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.clear();
        self.waiting(&mut waiting);
        let slots = self.done.len();
        self.against[..slots].fill(0);
        for &id in &waiting {
            let operation = &timeline.returned[id as usize];
            if operation.blind && operation.call_rank >= self.absorbing {
                self.against[operation.slot as usize / 64] |= 1 << (operation.slot % 64);
            }
        }
        self.waiting = waiting;
    }

    /// Appends the operations of unknown outcome that may take effect now. Of several with the same call only the
    /// earliest is listed: where a later one takes effect, the earlier could have done so in its place, and the
    /// later one keeps what the earlier one would have had.
    pub(super) fn may_take_effect(&self, timeline: &Timeline, into: &mut Vec<u32>) {
        let called = timeline.unknown_before(self.front);
        for (index, &used) in self.against[self.used..].iter().enumerate() {
            let mut bits = !used;
            while bits != 0 {
                let id = index as u32 * 64 + bits.trailing_zeros();
                if id >= called {
                    return;
                }
                bits &= bits - 1;
                if timeline.unknown[id as usize].twin.is_none_or(|twin| self.is_used(twin)) {
                    into.push(id);
                }
            }
        }
    }

    /// Linearizes an operation that leads to `next`.
    pub(super) fn place(&mut self, timeline: &Timeline, operation: Operation, next: StateId) {
        match operation {
            Operation::Returned(id) | Operation::Absorbed(id) => {
                assert!(!self.is_done(timeline, id), "an operation takes effect once");
                self.flip(timeline.returned[id as usize].slot);
            }
            Operation::Unknown(id) => {
                assert!(!self.is_used(id), "an operation takes effect once");
                self.against[self.used + id as usize / 64] ^= 1 << (id % 64);
            }
        }
        if Self::overwrites(timeline, operation) {
            self.absorbing = timeline.called_before(self.front);
        }
        self.path.push(operation);
        self.state = next;
    }

    /// Moves the front on by one: its operation is linearized. Operations open up, and a slot becomes free.
    pub(super) fn advance(&mut self, timeline: &Timeline) {
        let slot = timeline.returned[self.front as usize].slot;
        assert!(has(&self.done, slot), "the front waits for its operation");
        self.flip(slot);
        self.open[slot as usize / 64] &= !(1 << (slot % 64));
        self.front += 1;
        self.open_at(timeline, self.front);
    }

    fn open_at(&mut self, timeline: &Timeline, front: u32) {
        for &id in timeline.opened_at(front) {
            let slot = timeline.returned[id as usize].slot;
            debug_assert!(!has(&self.open, slot), "a slot is one operation's");
            self.open[slot as usize / 64] |= 1 << (slot % 64);
            self.occupants[slot as usize] = id;
        }
    }

    /// What to go back to later.
    pub(super) fn mark(&self) -> Mark {
        Mark { front: self.front, state: self.state, absorbing: self.absorbing, path_length: self.path.len() }
    }

    /// Takes back everything since the mark, and says what was taken back.
    pub(super) fn go_back(&mut self, timeline: &Timeline, to: Mark, mut undone: impl FnMut(Operation)) {
        while self.front > to.front {
            self.retreat(timeline);
        }
        while self.path.len() > to.path_length {
            let operation = self.path.pop().expect("longer than the mark");
            match operation {
                Operation::Returned(id) | Operation::Absorbed(id) => {
                    // What was called after the mark is no longer open, and has no bit.
                    if self.is_open(timeline, id) {
                        self.flip(timeline.returned[id as usize].slot);
                    }
                }
                Operation::Unknown(id) => self.against[self.used + id as usize / 64] ^= 1 << (id % 64),
            }
            undone(operation);
        }
        self.state = to.state;
        self.absorbing = to.absorbing;
    }

    fn is_open(&self, timeline: &Timeline, id: u32) -> bool {
        let slot = timeline.returned[id as usize].slot;
        has(&self.open, slot) && self.occupants[slot as usize] == id
    }

    /// Undoes [`Position::advance`].
    fn retreat(&mut self, timeline: &Timeline) {
        for &id in timeline.opened_at(self.front) {
            let slot = timeline.returned[id as usize].slot;
            self.open[slot as usize / 64] &= !(1 << (slot % 64));
            // What opened here may be linearized already. Its bit must not stay behind in a slot that is about to
            // be another's; the path still lists it.
            if has(&self.done, slot) {
                self.flip(slot);
            }
        }
        self.front -= 1;
        let slot = timeline.returned[self.front as usize].slot;
        self.open[slot as usize / 64] |= 1 << (slot % 64);
        self.occupants[slot as usize] = self.front;
        self.flip(slot);
    }

    /// Turns a bit of `done`. The hash is a sum of one key per bit, so it turns along (Zobrist, 1970).
    #[inline]
    fn flip(&mut self, slot: u32) {
        self.done[slot as usize / 64] ^= 1 << (slot % 64);
        self.done_hash ^= fold(u64::from(slot) ^ 0x4528_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c);
    }
}

#[inline]
fn has(bits: &[u64], at: u32) -> bool {
    bits[at as usize / 64] >> (at % 64) & 1 == 1
}
