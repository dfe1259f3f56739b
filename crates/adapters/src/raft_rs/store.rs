//! The crate's `Storage`, over what the records on the disk say.
//!
//! The image in memory runs ahead of the disk, as the crate wants it ("the updates can be read by raft from the Storage
//! trait before calling advance_append_async"); a crash takes it back to what the disk holds.

use std::cell::Cell;
use std::collections::VecDeque;
use std::iter;

use quarrel_protocol::NodeId;
use quarrel_spec::session::Replica;

use super::Config;
#[cfg(not(feature = "raft-0-6"))]
use super::raft::GetEntriesContext;
use super::raft::eraftpb::{Entry, HardState, Snapshot};
use super::raft::{Error, RaftState, Result, Storage, StorageError, util};
use super::record::{Hard, Image, Kept, Members, Record};

/// The position that members from the start share. What is applied begins after it.
pub const FIRST_INDEX: u64 = 1;
const FIRST_TERM: u64 = 1;
/// So many entries are copied for a first look at whether they fit into a message.
const READ_AT_ONCE: usize = 64;
/// A leader proposes to leave a joint configuration until that is applied: where it never is, the log has no end.
const ENTRIES_MAX: usize = 50_000;
/// The crate reads its log a few times for each peer and input; if it still does, nothing outside it ends its loop.
const READS_MAX: u32 = 20_000;

/// Where an entry is: the write that brought it, and its place there.
struct Place(Kept, u32);

impl Place {
    #[inline]
    fn entry(&self) -> &Entry {
        &self.0[self.1 as usize]
    }
}

/// What the records say, in memory.
pub struct Store {
    started: u32,
    hard: Hard,
    snapshot: Image,
    /// The first entry that is kept follows position `before.0`, whose entry was of term `before.1`.
    /// Invariant: `before.0 <= snapshot.index`.
    before: (u64, u64),
    entries: VecDeque<Place>,
    /// The crate wants a snapshot of at least this position and there was none.
    wanted: Cell<Option<u64>>,
    /// How often the crate has read since the node's last input.
    reads: Cell<u32>,
}

impl Store {
    /// Reads the disk of a node; an empty one is that of a node at its first start.
    pub(super) fn recover(config: &Config, id: NodeId, disk: &[Record]) -> Self {
        let replica = Replica::new(config.machine, config.memory());
        let snapshot = if config.members().contains(id) {
            let members = Members::of(&config.initial_conf_state());
            Image { index: FIRST_INDEX, term: FIRST_TERM, members, replica }
        } else {
            Image { index: 0, term: 0, members: Members::default(), replica }
        };
        let mut store = Self {
            started: 0,
            hard: Hard { term: snapshot.term, vote: 0, commit: snapshot.index },
            before: (snapshot.index, snapshot.term),
            snapshot,
            entries: VecDeque::new(),
            wanted: Cell::new(None),
            reads: Cell::new(0),
        };
        for record in disk {
            store.replay(record);
        }
        store
    }

    fn replay(&mut self, record: &Record) {
        match record {
            Record::Started(times) => self.started = *times,
            Record::Hard(hard) => self.hard = *hard,
            Record::Snapshot { image, before } => {
                self.before = *before;
                self.snapshot = Image::clone(image);
                self.entries.clear();
            }
            Record::Write { entries, hard } => {
                self.push(entries);
                self.hard = hard.unwrap_or(self.hard);
            }
        }
    }

    /// The same state in as few records as it takes.
    pub(super) fn records(&self) -> Vec<Record> {
        let entries: Vec<Entry> = self.kept().cloned().collect();
        let image = Box::new(self.snapshot.clone());
        vec![
            Record::Started(self.started),
            Record::Snapshot { image, before: self.before },
            Record::Write { entries: entries.into(), hard: Some(self.hard) },
        ]
    }

    /// Puts entries at their positions; whatever stood there and after them is gone.
    fn push(&mut self, entries: &Kept) {
        for (place, entry) in (0..).zip(entries.iter()) {
            let kept = entry.index.checked_sub(self.before.0 + 1).expect("no entry is put before the first");
            let kept = kept as usize;
            assert!(kept <= self.entries.len(), "a log has no gaps");
            self.entries.truncate(kept);
            // Built where it will lie: pushed, it would be read in wide words right after it was written in narrow ones.
            self.entries.extend(iter::once_with(|| Place(entries.clone(), place)));
        }
    }

    /// Appends what a `Ready` brings. The position from which entries were overwritten, and the last one, if any were.
    pub(super) fn append(&mut self, entries: &Kept) -> Option<(u64, u64)> {
        let first = entries.first()?.index;
        let last = self.last();
        self.push(entries);
        (first <= last).then_some((first, last))
    }

    /// The node has started once more. The record that says so.
    pub(super) fn start(&mut self) -> Record {
        self.started += 1;
        Record::Started(self.started)
    }

    /// How often the node was started.
    pub(super) fn started(&self) -> u32 {
        self.started
    }

    pub(super) fn set_hard(&mut self, hard: Hard) {
        self.hard = hard;
    }

    pub(super) fn hard(&self) -> Hard {
        self.hard
    }

    /// Takes over a snapshot that a leader has sent.
    pub(super) fn install(&mut self, image: Image) {
        self.before = (image.index, image.term);
        self.hard.commit = self.hard.commit.max(image.index);
        self.snapshot = image;
        self.entries.clear();
    }

    /// Keeps a snapshot of its own, and `keep` entries before its end.
    pub(super) fn keep_snapshot(&mut self, image: Image, keep: u64) {
        assert!(image.index > self.snapshot.index, "snapshots only move on");
        assert!(image.index <= self.last(), "a snapshot is of what is in the log");
        let from = image.index.saturating_sub(keep).max(self.before.0);
        if from > self.before.0 {
            let term = self.term_at(from).expect("the position is in the log");
            self.entries.drain(..(from - self.before.0) as usize);
            self.before = (from, term);
        }
        self.snapshot = image;
    }

    /// The last snapshot.
    #[must_use]
    pub fn image(&self) -> &Image {
        &self.snapshot
    }

    /// The entries that are kept, in order.
    pub fn kept(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(Place::entry)
    }

    /// The newest `count` entries, in order.
    pub(super) fn newest(&self, count: usize) -> impl Iterator<Item = &Entry> {
        self.entries.range(self.entries.len() - count..).map(Place::entry)
    }

    /// The position that the log follows, and the term of the entry there.
    #[must_use]
    pub fn before(&self) -> (u64, u64) {
        self.before
    }

    /// The last position.
    #[must_use]
    #[inline]
    pub fn last(&self) -> u64 {
        self.before.0 + self.entries.len() as u64
    }

    /// The term of the entry at a position, if it is known.
    pub(super) fn term_at(&self, index: u64) -> Option<u64> {
        match index.checked_sub(self.before.0)? {
            0 => Some(self.before.1),
            offset => self.entries.get(offset as usize - 1).map(|place| place.entry().term),
        }
    }

    /// The least position that a snapshot must cover which the crate has asked for in vain.
    pub(super) fn take_wanted(&self) -> Option<u64> {
        self.wanted.take()
    }

    /// The node is about to hand an input to the crate.
    pub(super) fn begin_input(&self) {
        self.reads.set(0);
    }

    fn read(&self, low: u64, high: u64, bytes_max: Option<u64>) -> Result<Vec<Entry>> {
        self.reads.set(self.reads.get() + 1);
        assert!(self.reads.get() < READS_MAX, "the crate reads its log without an end");
        assert!(self.entries.len() < ENTRIES_MAX, "the crate appends to its log without an end");
        if low <= self.before.0 {
            return Err(Error::Store(StorageError::Compacted));
        }
        assert!(high <= self.last() + 1, "the crate reads no further than the log goes");
        let from = (low - self.before.0) as usize - 1;
        let to = (high - self.before.0) as usize - 1;
        // Of a long log the crate takes what fits into a message: what does not is not even copied.
        let mut count = READ_AT_ONCE;
        loop {
            let end = to.min(from.saturating_add(count));
            let read = self.entries.range(from..end).map(|place| place.entry().clone());
            let mut entries: Vec<Entry> = read.collect();
            util::limit_size(&mut entries, bytes_max);
            if end == to || entries.len() < end - from {
                return Ok(entries);
            }
            count = count.saturating_mul(2);
        }
    }

    fn snapshot_of(&self, request_index: u64) -> Result<Snapshot> {
        let image = &self.snapshot;
        if image.index < request_index || image.index == 0 {
            self.wanted.set(Some(request_index.max(self.wanted.get().unwrap_or(0))));
            return Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable));
        }
        let mut snapshot = Snapshot::default();
        let data = postcard::to_allocvec(&image.replica).expect("a replica in memory can be written");
        snapshot.set_data(data.into());
        let metadata = snapshot.mut_metadata();
        (metadata.index, metadata.term) = (image.index, image.term);
        metadata.set_conf_state(image.members.to_conf_state());
        Ok(snapshot)
    }
}

/// What a snapshot of the crate says; nothing if its data are no replica.
pub(super) fn read_snapshot(snapshot: &Snapshot) -> Option<Image> {
    let metadata = snapshot.get_metadata();
    Some(Image {
        index: metadata.index,
        term: metadata.term,
        members: Members::of(metadata.get_conf_state()),
        replica: postcard::from_bytes(&snapshot.data).ok()?,
    })
}

impl Storage for Store {
    fn initial_state(&self) -> Result<RaftState> {
        let mut hard = HardState::default();
        (hard.term, hard.vote, hard.commit) = (self.hard.term, self.hard.vote, self.hard.commit);
        Ok(RaftState::new(hard, self.snapshot.members.to_conf_state()))
    }

    #[cfg(not(feature = "raft-0-6"))]
    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> Result<Vec<Entry>> {
        self.read(low, high, max_size.into())
    }

    #[cfg(feature = "raft-0-6")]
    fn entries(&self, low: u64, high: u64, max_size: impl Into<Option<u64>>) -> Result<Vec<Entry>> {
        self.read(low, high, max_size.into())
    }

    fn term(&self, index: u64) -> Result<u64> {
        match self.term_at(index) {
            Some(term) => Ok(term),
            // A snapshot whose log before it is gone still knows the term at its end.
            None if index < self.before.0 => Err(Error::Store(StorageError::Compacted)),
            None => Err(Error::Store(StorageError::Unavailable)),
        }
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.before.0 + 1)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.last())
    }

    #[cfg(not(feature = "raft-0-6"))]
    fn snapshot(&self, request_index: u64, _to: u64) -> Result<Snapshot> {
        self.snapshot_of(request_index)
    }

    #[cfg(feature = "raft-0-6")]
    fn snapshot(&self, request_index: u64) -> Result<Snapshot> {
        self.snapshot_of(request_index)
    }
}
