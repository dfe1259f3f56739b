//! The crate's storage on our disk: everything that it writes becomes a record, and a restart finds what the records
//! that survived amount to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use omnipaxos::storage::StorageResult;
use quarrel_spec::session::Command;

use super::entry::{Contents, Entry, State, Whole};
use super::record::{Record, Write};
use super::round::{Round, Stop};

/// How the crate counts positions.
#[cfg(not(feature = "omnipaxos-0-2-2"))]
pub(crate) type Position = usize;
/// How the crate counted positions.
#[cfg(feature = "omnipaxos-0-2-2")]
pub(crate) type Position = u64;

/// Whether what the crate writes atomically is written atomically.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Batches {
    /// As `Storage::write_atomically` demands.
    Whole,
    /// One record for each operation, so that a crash may come between: outside the crate's promises.
    Torn,
}

/// What the crate has stored for one configuration: what its `MemoryStorage` holds.
#[derive(Clone, Debug, Default)]
pub struct Area {
    pub(super) log: Vec<Command>,
    pub(super) trimmed: u64,
    pub(super) promise: Option<Round>,
    pub(super) accepted_round: Option<Round>,
    pub(super) decided: u64,
    pub(super) compacted: u64,
    pub(super) stop: Option<Stop>,
    pub(super) snapshot: Option<Contents>,
    /// Entries were last stored behind the end of the log: where, and where it ended.
    misplaced: Option<(u64, u64)>,
}

impl Area {
    /// Does what a record says, as the crate's `MemoryStorage` does ("we recommend taking a look at `MemoryStorage` as a
    /// reference", the documentation, "Storage").
    ///
    /// # Panics
    /// When the crate trims less than it has trimmed before, or stores entries before the beginning of its log: so does
    /// `MemoryStorage`, where overflows are checked.
    pub fn apply(&mut self, write: Write) {
        match write {
            Write::Append(mut entries) => self.log.append(&mut entries),
            Write::AppendOnPrefix(from, mut entries) => {
                assert!(from >= self.first(), "entries are stored at {from}, of a log that begins later");
                // `MemoryStorage` puts them at the end then, where they do not belong. That is told, and no more.
                let end = self.first() + self.log.len() as u64;
                if from > end {
                    self.misplaced = Some((from, end));
                }
                self.log.truncate((from - self.first()) as usize);
                self.log.append(&mut entries);
            }
            Write::Promise(round) => self.promise = Some(round),
            Write::Decided(index) => self.decided = index,
            Write::AcceptedRound(round) => self.accepted_round = Some(round),
            Write::Compacted(index) => self.compacted = index,
            Write::Trim(index) => {
                assert!(index >= self.first(), "the log is trimmed up to {index}, which is gone already");
                let gone = index - self.first();
                self.log.drain(..(gone as usize).min(self.log.len()));
                self.trimmed += gone;
            }
            Write::StopSign(stop) => self.stop = stop,
            Write::Snapshot(snapshot) => self.snapshot = snapshot,
        }
    }

    /// What the crate calls the first entry that is there: 0.2.2 counts from it, later releases from the very first.
    pub(super) fn first(&self) -> u64 {
        if cfg!(feature = "omnipaxos-0-2-2") { 0 } else { self.trimmed }
    }

    /// The position after the last entry.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.trimmed + self.log.len() as u64
    }

    /// How much is decided.
    #[must_use]
    pub fn decided(&self) -> u64 {
        self.decided
    }

    /// The round that was promised.
    #[must_use]
    pub fn promise(&self) -> Option<Round> {
        self.promise
    }

    /// The round in which entries were accepted last.
    #[must_use]
    pub fn accepted_round(&self) -> Option<Round> {
        self.accepted_round
    }

    /// Takes note that entries were stored behind the end of the log: where, and where it ended.
    pub fn take_misplaced(&mut self) -> Option<(u64, u64)> {
        self.misplaced.take()
    }

    /// Whether a stop sign stands behind the log.
    #[must_use]
    pub fn has_stop(&self) -> bool {
        self.stop.is_some()
    }

    /// The entries of an interval; none if not all of them are there, as the crate's trait wants it.
    pub(super) fn entries(&self, from: u64, to: u64) -> &[Command] {
        let range = from.checked_sub(self.first()).zip(to.checked_sub(self.first()));
        range.and_then(|(from, to)| self.log.get(from as usize..to as usize)).unwrap_or_default()
    }
}

/// What a disk amounts to.
pub(super) struct Found {
    pub(super) boot: u32,
    pub(super) areas: BTreeMap<u32, Area>,
    pub(super) checkpoint: Option<Whole>,
}

impl Found {
    pub(super) fn read(disk: &[Record]) -> Self {
        let mut found = Self { boot: 0, areas: BTreeMap::new(), checkpoint: None };
        for record in disk {
            match record {
                Record::Boot(boot) => found.boot = *boot,
                Record::Batch { configuration, writes } => {
                    let area = found.areas.entry(*configuration).or_default();
                    writes.iter().cloned().for_each(|write| area.apply(write));
                }
                Record::Checkpoint(whole) => found.checkpoint = Some((**whole).clone()),
            }
        }
        found
    }
}

/// What the storage has written since somebody looked.
#[derive(Debug, Default)]
pub struct Journal {
    /// What is stored.
    pub area: Area,
    /// What became of it lately: what must become records, in order.
    pub batches: Vec<Vec<Write>>,
}

/// The storage that the crate is given. The adapter keeps a handle to the same journal.
pub struct Store<const SNAPSHOTS: bool> {
    pub(super) journal: Rc<RefCell<Journal>>,
    batches: Batches,
    /// What the log of this configuration comes after.
    origin: Whole,
}

impl<const SNAPSHOTS: bool> Store<SNAPSHOTS> {
    pub(crate) fn new(journal: Rc<RefCell<Journal>>, batches: Batches, origin: Whole) -> Self {
        Self { journal, batches, origin }
    }

    pub(super) fn write(&self, writes: Vec<Write>) {
        let mut journal = self.journal.borrow_mut();
        for write in &writes {
            journal.area.apply(write.clone());
        }
        match self.batches {
            Batches::Whole => journal.batches.push(writes),
            Batches::Torn => journal.batches.extend(writes.into_iter().map(|write| vec![write])),
        }
    }

    pub(super) fn one(&self, write: Write) -> StorageResult<()> {
        self.write(vec![write]);
        Ok(())
    }

    /// The crate's snapshots are commands until here; on disk they are a replica.
    pub(super) fn snapshot(&self, snapshot: Option<State<SNAPSHOTS>>) -> Write {
        Write::Snapshot(snapshot.map(|state| Contents::from(state.0.fold(&self.origin))))
    }
}

pub(crate) fn commands<const SNAPSHOTS: bool>(entries: Vec<Entry<SNAPSHOTS>>) -> Vec<Command> {
    entries.into_iter().map(|entry| entry.0).collect()
}

pub(crate) fn entries<const SNAPSHOTS: bool>(commands: Vec<Command>) -> Vec<Entry<SNAPSHOTS>> {
    commands.into_iter().map(Entry).collect()
}

#[cfg(all(test, not(feature = "omnipaxos-0-2-2")))]
mod tests {
    use omnipaxos::storage::{Storage, StorageOp};
    use omnipaxos_storage::memory_storage::MemoryStorage;
    use quarrel_protocol::{ClientId, RequestId};
    use quarrel_spec::machine::{Call, Kind, RegisterCall};
    use quarrel_spec::session::Session;

    use super::*;

    fn entry(number: u32) -> Entry<false> {
        let session = Session { client: ClientId(0), serial: RequestId(number), oldest: RequestId(0) };
        Entry(Command { session, call: Call::Register(RegisterCall::Read) })
    }

    #[test]
    fn it_reads_what_the_storage_of_the_crate_reads() {
        let journal = Rc::new(RefCell::new(Journal::default()));
        let mut ours = Store::<false>::new(journal, Batches::Whole, Whole::new(Kind::Register));
        let mut theirs = MemoryStorage::default();
        let operations = |step: u32| -> Vec<StorageOp<Entry<false>>> {
            let all = |from: u32, to: u32| (from..to).map(entry).collect::<Vec<_>>();
            match step {
                0 => vec![StorageOp::AppendEntry(entry(0)), StorageOp::AppendEntries(all(1, 6))],
                1 => vec![StorageOp::SetDecidedIndex(4), StorageOp::AppendOnPrefix(4, all(20, 23))],
                2 => vec![StorageOp::Trim(3), StorageOp::SetCompactedIdx(3)],
                3 => vec![StorageOp::AppendOnPrefix(5, Vec::new()), StorageOp::AppendEntry(entry(30))],
                _ => vec![StorageOp::Trim(9), StorageOp::AppendOnPrefix(9, all(40, 42))],
            }
        };
        for step in 0..5 {
            ours.write_atomically(operations(step)).unwrap();
            theirs.write_atomically(operations(step)).unwrap();
            let trimmed = [0, 0, 3, 3, 9][step as usize];
            assert_eq!(ours.get_log_len().unwrap(), theirs.get_log_len().unwrap(), "step {step}");
            assert_eq!(ours.get_decided_idx().unwrap(), theirs.get_decided_idx().unwrap());
            assert_eq!(ours.get_compacted_idx().unwrap(), theirs.get_compacted_idx().unwrap());
            for from in trimmed..14 {
                assert_eq!(ours.get_suffix(from).unwrap(), theirs.get_suffix(from).unwrap(), "step {step}");
                for to in from..14 {
                    let (own, other) = (ours.get_entries(from, to), theirs.get_entries(from, to));
                    assert_eq!(own.unwrap(), other.unwrap(), "step {step}, {from}..{to}");
                }
            }
        }
    }
}
