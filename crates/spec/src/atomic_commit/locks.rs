//! Locks: rigorous two-phase locking, in which nobody waits.
//!
//! Bernstein, Hadzilacos and Goodman (1987), section 3.2: a transaction locks whatever it reads or writes and lets go
//! of nothing before it is decided, so that committed transactions are strictly serializable in the order of their
//! decisions. Who finds a lock taken is refused at once, so there is no deadlock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use super::{Item, Step, TransactionId};

/// Who holds the lock of an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lock {
    /// These read it; not empty.
    Shared(BTreeSet<TransactionId>),
    /// This one changes it.
    Exclusive(TransactionId),
}

/// How an item is locked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mode {
    /// Others may read it.
    Shared,
    /// Nobody else may touch it.
    Exclusive,
}

impl Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Shared => "read",
            Mode::Exclusive => "write",
        })
    }
}

/// The locks of one participant. Invariant: an item is locked by one writer, or by readers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Locks {
    held: BTreeMap<Item, Lock>,
}

/// The locks that these steps need.
#[must_use]
pub fn needed(steps: &[Step]) -> BTreeMap<Item, Mode> {
    let mut needed = BTreeMap::new();
    for step in steps {
        let mode = if step.is_read() { Mode::Shared } else { Mode::Exclusive };
        let most = needed.entry(step.item()).or_insert(mode);
        *most = mode.max(*most);
    }
    needed
}

impl Locks {
    /// Locks all that these steps need, for this transaction.
    ///
    /// # Errors
    /// With the first item that another transaction has locked; nothing is locked then.
    pub fn acquire(&mut self, transaction: TransactionId, steps: &[Step]) -> Result<(), Item> {
        let needed = needed(steps);
        if let Some((&item, _)) = needed.iter().find(|&(item, &mode)| !self.is_free(transaction, item, mode))
        {
            return Err(item);
        }
        for (item, mode) in needed {
            match (mode, self.held.get_mut(&item)) {
                (Mode::Shared, Some(Lock::Shared(readers))) => {
                    readers.insert(transaction);
                }
                (Mode::Shared, None) => {
                    self.held.insert(item, Lock::Shared(BTreeSet::from([transaction])));
                }
                (Mode::Shared, Some(Lock::Exclusive(_))) => {}
                (Mode::Exclusive, _) => {
                    self.held.insert(item, Lock::Exclusive(transaction));
                }
            }
        }
        Ok(())
    }

    /// Whether nobody else is in the way.
    fn is_free(&self, transaction: TransactionId, item: &Item, mode: Mode) -> bool {
        match self.held.get(item) {
            None => true,
            Some(Lock::Exclusive(holder)) => *holder == transaction,
            Some(Lock::Shared(readers)) => {
                mode == Mode::Shared || readers.iter().all(|reader| *reader == transaction)
            }
        }
    }

    /// Lets go of all that the transaction has locked.
    pub fn release(&mut self, transaction: TransactionId) {
        self.held.retain(|_, lock| match lock {
            Lock::Exclusive(holder) => *holder != transaction,
            Lock::Shared(readers) => {
                readers.remove(&transaction);
                !readers.is_empty()
            }
        });
    }

    /// What the transaction has locked, and how.
    pub fn of(&self, transaction: TransactionId) -> impl Iterator<Item = (Item, Mode)> + '_ {
        self.held.iter().filter_map(move |(&item, lock)| match lock {
            Lock::Exclusive(holder) => (*holder == transaction).then_some((item, Mode::Exclusive)),
            Lock::Shared(readers) => readers.contains(&transaction).then_some((item, Mode::Shared)),
        })
    }

    /// Whether nothing is locked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use crate::machine::ListId;

    const READ: Step = Step::Read(ListId(1));
    const APPEND: Step = Step::Append { list: ListId(1), value: Value(7) };
    const OTHER: Step = Step::Read(ListId(2));
    const T1: TransactionId = TransactionId(1);
    const T2: TransactionId = TransactionId(2);

    #[test]
    fn readers_share_and_a_writer_does_not() {
        let mut locks = Locks::default();
        assert_eq!(locks.acquire(T1, &[READ]), Ok(()));
        assert_eq!(locks.acquire(T2, &[READ]), Ok(()));
        assert_eq!(locks.acquire(TransactionId(3), &[OTHER, APPEND]), Err(READ.item()));
        assert_eq!(locks.of(TransactionId(3)).count(), 0, "who is refused holds nothing");
        locks.release(T1);
        assert_eq!(locks.acquire(T2, &[APPEND]), Ok(()), "the only reader may write");
        assert_eq!(locks.of(T2).collect::<Vec<_>>(), [(READ.item(), Mode::Exclusive)]);
        assert_eq!(locks.acquire(T1, &[READ]), Err(READ.item()), "read locks conflict with a writer's");
        locks.release(T2);
        assert!(locks.is_empty());
    }
}
