//! The trait of omnipaxos 0.2.2 over our storage. It has no `write_atomically`: each operation is a record of its own,
//! and a crash may come between any two of them.

use omnipaxos::ballot_leader_election::Ballot;
use omnipaxos::storage::{StopSign, Storage, StorageResult};

use super::entry::{Entry, State};
use super::record::Write;
use super::round::Stop;
use super::store::{Store, commands, entries};

impl<const SNAPSHOTS: bool> Store<SNAPSHOTS> {
    /// "Returns the log length."
    fn append(&self, write: Write) -> StorageResult<u64> {
        self.one(write)?;
        Ok(self.journal.borrow().area.log.len() as u64)
    }
}

impl<const SNAPSHOTS: bool> Storage<Entry<SNAPSHOTS>> for Store<SNAPSHOTS> {
    fn append_entry(&mut self, entry: Entry<SNAPSHOTS>) -> StorageResult<u64> {
        self.append(Write::Append(vec![entry.0]))
    }

    fn append_entries(&mut self, entries: Vec<Entry<SNAPSHOTS>>) -> StorageResult<u64> {
        self.append(Write::Append(commands(entries)))
    }

    fn append_on_prefix(&mut self, from: u64, entries: Vec<Entry<SNAPSHOTS>>) -> StorageResult<u64> {
        self.append(Write::AppendOnPrefix(from, commands(entries)))
    }

    fn set_promise(&mut self, ballot: Ballot) -> StorageResult<()> {
        self.one(Write::Promise(ballot.into()))
    }

    fn set_decided_idx(&mut self, index: u64) -> StorageResult<()> {
        self.one(Write::Decided(index))
    }

    fn get_decided_idx(&self) -> StorageResult<u64> {
        Ok(self.journal.borrow().area.decided)
    }

    fn set_accepted_round(&mut self, ballot: Ballot) -> StorageResult<()> {
        self.one(Write::AcceptedRound(ballot.into()))
    }

    fn get_accepted_round(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.journal.borrow().area.accepted_round.map(Ballot::from))
    }

    fn get_entries(&self, from: u64, to: u64) -> StorageResult<Vec<Entry<SNAPSHOTS>>> {
        Ok(entries(self.journal.borrow().area.entries(from, to).to_vec()))
    }

    fn get_log_len(&self) -> StorageResult<u64> {
        Ok(self.journal.borrow().area.log.len() as u64)
    }

    fn get_suffix(&self, from: u64) -> StorageResult<Vec<Entry<SNAPSHOTS>>> {
        let area = &self.journal.borrow().area;
        // Not `end`: that counts from the very first entry, and this release from the first that is there.
        Ok(entries(area.entries(from, area.first() + area.log.len() as u64).to_vec()))
    }

    fn get_promise(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.journal.borrow().area.promise.map(Ballot::from))
    }

    fn set_stopsign(&mut self, sign: Option<StopSign>) -> StorageResult<()> {
        self.one(Write::StopSign(sign.map(Stop::from)))
    }

    fn get_stopsign(&self) -> StorageResult<Option<StopSign>> {
        Ok(self.journal.borrow().area.stop.clone().map(StopSign::from))
    }

    fn trim(&mut self, index: u64) -> StorageResult<()> {
        self.one(Write::Trim(index))
    }

    fn set_compacted_idx(&mut self, index: u64) -> StorageResult<()> {
        self.one(Write::Compacted(index))
    }

    fn get_compacted_idx(&self) -> StorageResult<u64> {
        Ok(self.journal.borrow().area.compacted)
    }

    fn set_snapshot(&mut self, snapshot: Option<State<SNAPSHOTS>>) -> StorageResult<()> {
        self.one(self.snapshot(snapshot))
    }

    fn get_snapshot(&self) -> StorageResult<Option<State<SNAPSHOTS>>> {
        Ok(self.journal.borrow().area.snapshot.clone().map(State))
    }
}
