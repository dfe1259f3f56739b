//! The resource manager of one participant: its share of the database, its locks, and what it has promised.

use std::collections::BTreeMap;

use super::database::Database;
use super::locks::{Locks, Mode};
use super::{Item, Refusal, Seen, Step, TransactionId};

/// What a participant keeps. It lives in memory; the participant writes to its disk what it must be rebuilt from: the
/// steps of each transaction that it prepares, and what became of it, in that order.
///
/// Invariant: whatever is locked is locked by a transaction that is prepared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manager {
    database: Database,
    locks: Locks,
    prepared: BTreeMap<TransactionId, Vec<Step>>,
}

impl Manager {
    /// Locks what the steps need and makes sure that they can be done, so that nothing but the decision is missing; and
    /// says what each sees.
    ///
    /// # Errors
    /// With the reason to vote no; nothing has changed then.
    ///
    /// # Panics
    /// When the transaction is prepared already.
    pub fn prepare(&mut self, transaction: TransactionId, steps: Vec<Step>) -> Result<Vec<Seen>, Refusal> {
        assert!(!self.prepared.contains_key(&transaction), "a transaction is prepared once");
        self.locks.acquire(transaction, &steps).map_err(Refusal::Locked)?;
        let seen = self.database.foresee(&steps);
        match seen {
            Ok(_) => drop(self.prepared.insert(transaction, steps)),
            Err(_) => self.locks.release(transaction),
        }
        seen
    }

    /// Does what was prepared, and lets go of its locks.
    ///
    /// # Panics
    /// When the transaction is not prepared, or can no longer be done: the locks keep others away.
    pub fn commit(&mut self, transaction: TransactionId) {
        let steps = self.prepared.remove(&transaction).expect("only what is prepared is committed");
        self.database.apply_all(&steps).expect("what was prepared can be done: its locks kept others away");
        self.locks.release(transaction);
    }

    /// Forgets what was prepared, if it was, and lets go of its locks.
    pub fn abort(&mut self, transaction: TransactionId) {
        self.prepared.remove(&transaction);
        self.locks.release(transaction);
    }

    /// Does steps that nobody has prepared: what a flawed participant may be told to do.
    ///
    /// # Errors
    /// When they cannot be done.
    pub fn force(&mut self, steps: &[Step]) -> Result<Vec<Seen>, Refusal> {
        self.database.apply_all(steps)
    }

    /// The transactions that are prepared, in order.
    pub fn prepared(&self) -> impl Iterator<Item = TransactionId> + '_ {
        self.prepared.keys().copied()
    }

    /// What a transaction that is prepared has locked, and how.
    pub fn locked(&self, transaction: TransactionId) -> impl Iterator<Item = (Item, Mode)> + '_ {
        self.locks.of(transaction)
    }

    /// The database, without what is only prepared.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Asserts the invariant.
    ///
    /// # Panics
    /// When something is locked although nothing is prepared.
    pub fn assert_invariants(&self) {
        assert!(!self.prepared.is_empty() || self.locks.is_empty(), "locks belong to what is prepared");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Account, Seat, Who};

    const T1: TransactionId = TransactionId(1);
    const T2: TransactionId = TransactionId(2);
    const SEAT: Seat = Seat(0);

    fn take(who: u32) -> Vec<Step> {
        vec![Step::Take { seat: SEAT, who: Who(who) }]
    }

    #[test]
    fn what_is_prepared_keeps_others_out_until_it_is_decided() {
        let mut manager = Manager::default();
        assert_eq!(manager.prepare(T1, take(1)), Ok(vec![Seen::Done]));
        assert_eq!(manager.prepare(T2, take(2)), Err(Refusal::Locked(Item::Seat(SEAT))));
        manager.abort(T1);
        assert_eq!(manager.prepare(T2, take(2)), Ok(vec![Seen::Done]));
        manager.commit(T2);
        assert_eq!(manager.prepare(T1, take(1)), Err(Refusal::SeatTaken(SEAT)));
        manager.assert_invariants();
    }

    #[test]
    fn who_votes_no_holds_no_lock() {
        let mut manager = Manager::default();
        let overdraft = vec![Step::Withdraw { account: Account(0), amount: 1000 }];
        assert_eq!(manager.prepare(T1, overdraft), Err(Refusal::NoFunds(Account(0))));
        assert_eq!(manager.locked(T1).count(), 0);
        manager.assert_invariants();
    }
}
