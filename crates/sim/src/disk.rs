//! A node's disk: durable records, and writes that no sync has covered yet.

use std::collections::VecDeque;

use quarrel_protocol::Protocol;

/// One write.
pub(crate) enum Write<P: Protocol> {
    Append(P::Record),
    Replace(Vec<P::Record>),
}

/// The disk of one node. It survives crashes; the node does not.
pub(crate) struct Disk<P: Protocol> {
    durable: Vec<P::Record>,
    unsynced: VecDeque<Write<P>>,
    /// How many writes were ever made, and how many of them are durable.
    written: u64,
    synced: u64,
    /// How many writes the running sync covers.
    syncing: Option<u64>,
    /// When it began; never if it has come to its end, and only its node is late to notice.
    pub(crate) began_ns: u64,
    /// Whether something made the running sync slower than usual.
    pub(crate) slowed: bool,
}

impl<P: Protocol> Default for Disk<P> {
    fn default() -> Self {
        Self {
            durable: Vec::new(),
            unsynced: VecDeque::new(),
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
    pub(crate) fn write_through(&mut self, write: Write<P>) {
        debug_assert!(self.is_clean());
        self.written += 1;
        self.synced += 1;
        self.settle(write);
    }

    /// A write that waits for a sync.
    pub(crate) fn write(&mut self, write: Write<P>) {
        self.written += 1;
        self.unsynced.push_back(write);
    }

    /// Starts a sync of everything written so far.
    pub(crate) fn start_sync(&mut self, slowed: bool, now: u64) {
        debug_assert!(self.syncing.is_none() && !self.is_clean());
        (self.syncing, self.slowed, self.began_ns) = (Some(self.written), slowed, now);
    }

    /// The running sync is complete.
    pub(crate) fn finish_sync(&mut self) {
        let covered = self.syncing.take().unwrap_or(self.synced);
        while self.synced < covered {
            let write = self.unsynced.pop_front().expect("a sync covers writes that were made");
            self.synced += 1;
            self.settle(write);
        }
    }

    /// How many writes no sync has covered.
    pub(crate) fn unsynced(&self) -> u64 {
        self.unsynced.len() as u64
    }

    /// A crash takes the newest `lost` of the un-synced writes; the others made it to the disk.
    pub(crate) fn crash(&mut self, lost: u64) {
        let kept = self.unsynced.len() - lost as usize;
        for write in std::mem::take(&mut self.unsynced).into_iter().take(kept) {
            self.settle(write);
        }
        self.syncing = None;
        self.synced = self.written;
    }

    /// The disk is lost.
    pub(crate) fn wipe(&mut self) {
        self.durable.clear();
    }

    #[inline]
    fn settle(&mut self, write: Write<P>) {
        match write {
            Write::Append(record) => self.durable.push(record),
            Write::Replace(records) => self.durable = records,
        }
    }
}
