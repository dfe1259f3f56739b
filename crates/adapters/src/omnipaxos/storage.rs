//! The crate's trait over our storage.

use omnipaxos::ballot_leader_election::Ballot;
use omnipaxos::storage::{StopSign, Storage, StorageOp, StorageResult};

use super::entry::{Entry, State};
use super::record::Write;
use super::round::Stop;
use super::store::{Position, Store, commands, entries};

impl<const SNAPSHOTS: bool> Store<SNAPSHOTS> {
    fn write_of(&self, operation: StorageOp<Entry<SNAPSHOTS>>) -> Write {
        match operation {
            StorageOp::AppendEntry(entry) => Write::Append(vec![entry.0]),
            StorageOp::AppendEntries(entries) => Write::Append(commands(entries)),
            StorageOp::AppendOnPrefix(from, entries) => Write::AppendOnPrefix(from as u64, commands(entries)),
            StorageOp::SetPromise(ballot) => Write::Promise(ballot.into()),
            StorageOp::SetDecidedIndex(index) => Write::Decided(index as u64),
            StorageOp::SetAcceptedRound(ballot) => Write::AcceptedRound(ballot.into()),
            StorageOp::SetCompactedIdx(index) => Write::Compacted(index as u64),
            StorageOp::Trim(index) => Write::Trim(index as u64),
            StorageOp::SetStopsign(sign) => Write::StopSign(sign.map(Stop::from)),
            StorageOp::SetSnapshot(snapshot) => self.snapshot(snapshot),
        }
    }
}

impl<const SNAPSHOTS: bool> Storage<Entry<SNAPSHOTS>> for Store<SNAPSHOTS> {
    fn write_atomically(&mut self, operations: Vec<StorageOp<Entry<SNAPSHOTS>>>) -> StorageResult<()> {
        self.write(operations.into_iter().map(|operation| self.write_of(operation)).collect());
        Ok(())
    }

    fn append_entry(&mut self, entry: Entry<SNAPSHOTS>) -> StorageResult<()> {
        self.one(Write::Append(vec![entry.0]))
    }

    fn append_entries(&mut self, entries: Vec<Entry<SNAPSHOTS>>) -> StorageResult<()> {
        // The crate flushes batches that are empty: nothing to write.
        if entries.is_empty() { Ok(()) } else { self.one(Write::Append(commands(entries))) }
    }

    fn append_on_prefix(&mut self, from: Position, entries: Vec<Entry<SNAPSHOTS>>) -> StorageResult<()> {
        self.one(Write::AppendOnPrefix(from as u64, commands(entries)))
    }

    fn set_promise(&mut self, ballot: Ballot) -> StorageResult<()> {
        self.one(Write::Promise(ballot.into()))
    }

    fn set_decided_idx(&mut self, index: Position) -> StorageResult<()> {
        self.one(Write::Decided(index as u64))
    }

    fn get_decided_idx(&self) -> StorageResult<Position> {
        Ok(self.journal.borrow().area.decided as Position)
    }

    fn set_accepted_round(&mut self, ballot: Ballot) -> StorageResult<()> {
        self.one(Write::AcceptedRound(ballot.into()))
    }

    fn get_accepted_round(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.journal.borrow().area.accepted_round.map(Ballot::from))
    }

    fn get_entries(&self, from: Position, to: Position) -> StorageResult<Vec<Entry<SNAPSHOTS>>> {
        Ok(entries(self.journal.borrow().area.entries(from as u64, to as u64).to_vec()))
    }

    fn get_log_len(&self) -> StorageResult<Position> {
        Ok(self.journal.borrow().area.log.len() as Position)
    }

    fn get_suffix(&self, from: Position) -> StorageResult<Vec<Entry<SNAPSHOTS>>> {
        let journal = self.journal.borrow();
        Ok(entries(journal.area.entries(from as u64, journal.area.end()).to_vec()))
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

    fn trim(&mut self, index: Position) -> StorageResult<()> {
        self.one(Write::Trim(index as u64))
    }

    fn set_compacted_idx(&mut self, index: Position) -> StorageResult<()> {
        self.one(Write::Compacted(index as u64))
    }

    fn get_compacted_idx(&self) -> StorageResult<Position> {
        Ok(self.journal.borrow().area.compacted as Position)
    }

    fn set_snapshot(&mut self, snapshot: Option<State<SNAPSHOTS>>) -> StorageResult<()> {
        self.one(self.snapshot(snapshot))
    }

    fn get_snapshot(&self) -> StorageResult<Option<State<SNAPSHOTS>>> {
        Ok(self.journal.borrow().area.snapshot.clone().map(State))
    }
}
