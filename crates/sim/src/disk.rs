//! A node's disk: durable records, some of which may be unreadable, and writes that are not on it yet.

use std::collections::VecDeque;
use std::{iter, mem};

use quarrel_protocol::{Effect, Protocol};

use crate::decision::Remains;

/// Why a record cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Damage {
    /// A crash left half of it.
    Torn,
    /// It was whole once.
    Rotten,
}

/// What whoever starts from a disk finds there, apart from records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Scan {
    /// How many unreadable records stood where a crash may have left half of one. They look as a torn write does,
    /// whatever they are, and are dropped: a damaged last record cannot be told from a torn one (Alagappan et al.,
    /// "Protocol-Aware Recovery", FAST 2018).
    pub(crate) dropped: u64,
    /// How many of those had been whole.
    pub(crate) rotten: u64,
    /// The position, from 1, of the first unreadable record that no crash can have left: it is damage, and known to be.
    pub(crate) damaged: Option<u64>,
}

/// The disk of one node. It survives crashes; the node does not.
pub(crate) struct Disk<P: Protocol> {
    durable: Vec<P::Record>,
    /// The positions of durable records that cannot be read, in order.
    unreadable: Vec<(usize, Damage)>,
    /// Writes that are not on the disk, as the effects that asked for them: first those that a sync has reported done all the same, then those that no sync
    /// has covered.
    pending: VecDeque<Effect<P>>,
    /// How many of them a sync has reported done.
    lied: u64,
    /// How many writes had been made when each barrier was put up that un-synced writes stand before. Invariant: they rise.
    barriers: Vec<u64>,
    /// Whether syncs report what is not so.
    pub(crate) lies: bool,
    /// How many writes were ever made, and how many of them were reported durable.
    written: u64,
    synced: u64,
    /// How many writes the running sync covers.
    syncing: Option<u64>,
    /// When it began; never if it has come to its end, and only its node is late to notice.
    pub(crate) began_ns: u64,
    /// Whether something made the running sync slower than usual.
    pub(crate) slowed: bool,
}

/// As many records as most disks ever hold: an empty one has room for them, and none is moved because others came.
const ROOM: usize = 1024;

impl<P: Protocol> Default for Disk<P> {
    fn default() -> Self {
        Self {
            durable: Vec::with_capacity(ROOM),
            unreadable: Vec::new(),
            pending: VecDeque::new(),
            lied: 0,
            barriers: Vec::new(),
            lies: false,
            written: 0,
            synced: 0,
            syncing: None,
            began_ns: 0,
            slowed: false,
        }
    }
}

impl<P: Protocol> Disk<P> {
    pub(crate) fn durable(&self) -> &[P::Record] {
        &self.durable
    }

    #[inline]
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    #[inline]
    pub(crate) fn synced(&self) -> u64 {
        self.synced
    }

    #[inline]
    pub(crate) fn is_clean(&self) -> bool {
        self.written == self.synced
    }

    #[inline]
    pub(crate) fn is_syncing(&self) -> bool {
        self.syncing.is_some()
    }

    /// A write that is durable at once.
    #[inline]
    pub(crate) fn write_through(&mut self, write: &mut Effect<P>) {
        debug_assert!(self.is_clean());
        self.written += 1;
        self.synced += 1;
        if self.lies || self.lied > 0 {
            return self.sync_through(write);
        }
        self.settle(write);
    }

    /// As [`Disk::write_through`], where a disk lies or has lied.
    #[cold]
    fn sync_through(&mut self, write: &mut Effect<P>) {
        self.pending.push_back(mem::replace(write, Effect::Barrier));
        self.lied += 1;
        if !self.lies {
            self.come_clean();
        }
    }

    /// A write that waits for a sync.
    pub(crate) fn write(&mut self, write: &mut Effect<P>) {
        self.written += 1;
        self.pending.push_back(mem::replace(write, Effect::Barrier));
    }

    /// What is written from now on reaches the disk only when all that was written before is on it.
    pub(crate) fn put_barrier(&mut self) {
        debug_assert!(!self.is_clean());
        self.barriers.push(self.written);
    }

    /// Of the un-synced writes, from the oldest on, so much would remain if there were no barriers. Behind a barrier nothing
    /// does, if something before it is gone.
    pub(crate) fn hold_back(&self, remains: &mut [Remains]) {
        let Some(first) = remains.iter().position(|&remains| remains != Remains::Whole) else { return };
        let gone = self.synced + first as u64;
        if let Some(&barrier) = self.barriers.iter().find(|&&before| before > gone) {
            remains[(barrier - self.synced) as usize..].fill(Remains::Nothing);
        }
    }

    /// Starts a sync of everything written so far.
    pub(crate) fn start_sync(&mut self, slowed: bool, now: u64) {
        debug_assert!(self.syncing.is_none() && !self.is_clean());
        (self.syncing, self.slowed, self.began_ns) = (Some(self.written), slowed, now);
    }

    /// The running sync is complete, or says so.
    pub(crate) fn finish_sync(&mut self) {
        let covered = self.syncing.take().unwrap_or(self.synced);
        self.lied += covered - self.synced;
        self.synced = covered;
        self.barriers.retain(|&before| before > covered);
        if !self.lies {
            self.come_clean();
        }
    }

    /// All that was reported done is so.
    fn come_clean(&mut self) {
        for _ in 0..mem::take(&mut self.lied) {
            let mut write = self.pending.pop_front().expect("a sync covers writes that were made");
            self.settle(&mut write);
        }
    }

    /// How many writes no sync has covered.
    pub(crate) const fn unsynced(&self) -> u64 {
        self.written - self.synced
    }

    /// How many writes a sync has reported done that are not.
    pub(crate) const fn lied(&self) -> u64 {
        self.lied
    }

    /// A crash leaves that much of the writes that are not on the disk, from the oldest on.
    pub(crate) fn crash(&mut self, remains: &[Remains]) {
        let pending = mem::take(&mut self.pending);
        assert_eq!(pending.len(), remains.len(), "of each write something or nothing remains");
        for (mut write, &remains) in pending.into_iter().zip(remains) {
            match (remains, &write) {
                (Remains::Nothing, _) | (Remains::Half, Effect::Compact(_)) => continue,
                (Remains::Half, _) => {
                    self.unreadable.push((self.durable.len(), Damage::Torn));
                }
                (Remains::Whole, _) => {}
            }
            self.settle(&mut write);
        }
        self.syncing = None;
        self.synced = self.written;
        self.barriers.clear();
        self.lied = 0;
    }

    /// The disk is lost.
    pub(crate) fn wipe(&mut self) {
        self.durable.clear();
        self.unreadable.clear();
    }

    /// A durable record becomes unreadable: which one, counted from 1 for the newest.
    pub(crate) fn rot(&mut self, record: u32) {
        let Some(position) = self.durable.len().checked_sub(record as usize).filter(|_| record > 0) else {
            return;
        };
        if let Err(place) = self.unreadable.binary_search_by_key(&position, |&(position, _)| position) {
            self.unreadable.insert(place, (position, Damage::Rotten));
        }
    }

    /// Reads the disk from its beginning to its end, and drops what may be half of a write: what is unreadable at its
    /// end; anything unreadable, where writes reach the disk in any order.
    pub(crate) fn scan(&mut self, unordered: bool) -> Scan {
        let mut scan = Scan::default();
        while let Some(&(position, damage)) = self.unreadable.last()
            && (unordered || position + 1 == self.durable.len())
        {
            self.durable.remove(position);
            self.unreadable.pop();
            scan.dropped += 1;
            scan.rotten += u64::from(damage == Damage::Rotten);
        }
        scan.damaged = self.unreadable.first().map(|&(position, _)| position as u64 + 1);
        scan
    }

    #[inline(never)]
    fn replace(&mut self, records: Vec<P::Record>) {
        self.durable.clear();
        self.durable.extend(records);
        // All that was there is written anew, from a memory that nothing has harmed.
        self.unreadable.clear();
    }

    /// The record moves to the disk out of the effect that wrote it.
    #[inline(always)]
    fn settle(&mut self, write: &mut Effect<P>) {
        match write {
            // Taken out where it will lie: see `Effects::add` for what a copy on the way costs.
            Effect::Persist(_) => self.durable.extend(iter::once_with(|| take_record(write))),
            Effect::Compact(records) => {
                let records = mem::take(records);
                self.replace(records);
            }
            _ => unreachable!("nothing else is written"),
        }
    }
}

/// The record that an effect writes, taken out of where it lay. Nothing is dropped on the way: so it moves to the disk at
/// once, and does not lie on the stack in between.
#[inline(always)]
fn take_record<P: Protocol>(write: &mut Effect<P>) -> P::Record {
    match mem::replace(write, Effect::Barrier) {
        Effect::Persist(record) => record,
        other => {
            mem::forget(other);
            unreachable!("this effect writes a record")
        }
    }
}
