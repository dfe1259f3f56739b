//! A database: accounts, seats and lists. A participant keeps its share of one; clients believe in the whole.

use std::collections::BTreeMap;

use quarrel_protocol::{Fingerprint, Fingerprinter};

use super::{Refusal, Seen, Step};
use crate::Value;
use crate::machine::{Account, ListId, Seat, Who};

/// What every account opens with.
pub const OPENING: u64 = 100;

/// The items that were ever changed; all others are as they opened: accounts with [`OPENING`], seats free, lists empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Database {
    accounts: BTreeMap<Account, u64>,
    seats: BTreeMap<Seat, Who>,
    lists: BTreeMap<ListId, Vec<Value>>,
}

impl Database {
    /// Does one step, and says what it saw.
    ///
    /// # Errors
    /// When it cannot be done; nothing has changed then.
    pub fn apply(&mut self, step: &Step) -> Result<Seen, Refusal> {
        match *step {
            Step::Balance(account) => Ok(Seen::Balance(self.balance(account))),
            Step::Withdraw { account, amount } => {
                let left = self.balance(account).checked_sub(u64::from(amount));
                self.accounts.insert(account, left.ok_or(Refusal::NoFunds(account))?);
                Ok(Seen::Done)
            }
            Step::Deposit { account, amount } => {
                let balance = self.balance(account).saturating_add(u64::from(amount));
                self.accounts.insert(account, balance);
                Ok(Seen::Done)
            }
            Step::Holder(seat) => Ok(Seen::Holder(self.seats.get(&seat).copied())),
            Step::Take { seat, who } => {
                if self.seats.contains_key(&seat) {
                    return Err(Refusal::SeatTaken(seat));
                }
                self.seats.insert(seat, who);
                Ok(Seen::Done)
            }
            Step::Read(list) => Ok(Seen::List(self.lists.get(&list).cloned().unwrap_or_default())),
            Step::Append { list, value } => {
                self.lists.entry(list).or_default().push(value);
                Ok(Seen::Done)
            }
        }
    }

    /// Does these steps, all of them or none, and says what each saw.
    ///
    /// # Errors
    /// With the first that cannot be done; nothing has changed then.
    pub fn apply_all(&mut self, steps: &[Step]) -> Result<Vec<Seen>, Refusal> {
        let mut changed = self.part(steps);
        let seen = steps.iter().map(|step| changed.apply(step)).collect::<Result<_, _>>()?;
        self.accounts.append(&mut changed.accounts);
        self.seats.append(&mut changed.seats);
        self.lists.append(&mut changed.lists);
        Ok(seen)
    }

    /// What these steps would see.
    ///
    /// # Errors
    /// With the first that cannot be done.
    pub fn foresee(&self, steps: &[Step]) -> Result<Vec<Seen>, Refusal> {
        let mut scratch = self.part(steps);
        steps.iter().map(|step| scratch.apply(step)).collect()
    }

    /// The items that these steps are about.
    fn part(&self, steps: &[Step]) -> Self {
        let mut part = Self::default();
        for step in steps {
            match step.item() {
                super::Item::Account(account) => {
                    part.accounts.insert(account, self.balance(account));
                }
                super::Item::Seat(seat) => {
                    self.seats.get(&seat).map(|&who| part.seats.insert(seat, who));
                }
                super::Item::List(list) => {
                    self.lists.get(&list).map(|values| part.lists.insert(list, values.clone()));
                }
            }
        }
        part
    }

    fn balance(&self, account: Account) -> u64 {
        self.accounts.get(&account).copied().unwrap_or(OPENING)
    }
}

impl Fingerprint for Database {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.accounts.len() as u64);
        self.accounts.iter().for_each(|(account, &balance)| into.pair(u64::from(account.0), balance));
        into.mark(self.seats.len() as u64);
        self.seats.iter().for_each(|(seat, who)| into.pair(u64::from(seat.0), u64::from(who.0)));
        into.mark(self.lists.len() as u64);
        for (list, values) in &self.lists {
            list.fingerprint(into);
            values.fingerprint(into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A0: Account = Account(0);
    const A1: Account = Account(1);

    #[test]
    fn a_transaction_is_done_as_a_whole_or_not_at_all() {
        let mut database = Database::default();
        let steps = [
            Step::Withdraw { account: A0, amount: 60 },
            Step::Deposit { account: A1, amount: 60 },
            Step::Balance(A1),
        ];
        assert_eq!(database.apply_all(&steps), Ok(vec![Seen::Done, Seen::Done, Seen::Balance(160)]));
        let before = database.clone();
        let steps = [Step::Deposit { account: A1, amount: 60 }, Step::Withdraw { account: A0, amount: 60 }];
        assert_eq!(database.apply_all(&steps), Err(Refusal::NoFunds(A0)));
        assert_eq!(database, before);
    }

    #[test]
    fn a_step_sees_what_earlier_steps_of_its_transaction_did() {
        let (mut database, list) = (Database::default(), ListId(3));
        database.apply(&Step::Append { list, value: Value(1) }).unwrap();
        let steps = [Step::Append { list, value: Value(2) }, Step::Read(list)];
        let seen = database.foresee(&steps).unwrap();
        assert_eq!(seen[1], Seen::List(vec![Value(1), Value(2)]));
        assert_eq!(
            database.apply(&Step::Read(list)),
            Ok(Seen::List(vec![Value(1)])),
            "foreseeing changes nothing"
        );
    }

    #[test]
    fn a_seat_is_sold_once() {
        let (mut database, seat) = (Database::default(), Seat(4));
        assert_eq!(database.apply(&Step::Take { seat, who: Who(0) }), Ok(Seen::Done));
        assert_eq!(database.apply(&Step::Take { seat, who: Who(1) }), Err(Refusal::SeatTaken(seat)));
        assert_eq!(database.apply(&Step::Holder(seat)), Ok(Seen::Holder(Some(Who(0)))));
    }
}
