//! The log of one node: what it holds for each slot, and how far it knows what is chosen.

use std::collections::BTreeMap;

use crate::value::{Held, Prefix, Value};
use crate::{Ballot, Slot};

/// The slots of one node. As an acceptor it holds what it has accepted; as a learner it knows a prefix of what is chosen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Log {
    /// What is up to here is gone: a snapshot stands for it. Invariant: `trimmed <= chosen.last`.
    trimmed: Slot,
    /// What is held. Invariant: only slots after `trimmed`.
    held: BTreeMap<Slot, Held>,
    /// Up to here, what is chosen is known: in each slot after `trimmed` it is what is held there.
    chosen: Prefix,
}

impl Log {
    /// A log that begins after a snapshot of this prefix.
    #[must_use]
    pub(crate) fn after(prefix: Prefix) -> Self {
        Self { trimmed: prefix.last, held: BTreeMap::new(), chosen: prefix }
    }

    /// The last slot that is gone.
    #[must_use]
    pub fn trimmed(&self) -> Slot {
        self.trimmed
    }

    /// How far what is chosen is known.
    #[must_use]
    pub fn chosen(&self) -> Prefix {
        self.chosen
    }

    /// The first slot of which it is not known what is chosen.
    #[must_use]
    pub fn first_open(&self) -> Slot {
        self.chosen.last.next()
    }

    /// What is held for a slot.
    #[must_use]
    #[inline]
    pub fn get(&self, slot: Slot) -> Option<Held> {
        self.held.get(&slot).copied()
    }

    /// Whether a slot's value was accepted in this ballot.
    #[must_use]
    pub(crate) fn is_accepted_in(&self, slot: Slot, ballot: Ballot) -> bool {
        self.get(slot).is_some_and(|held| held.ballot == Some(ballot))
    }

    /// What is held from a slot on, in order.
    pub fn from(&self, first: Slot) -> impl Iterator<Item = (Slot, Held)> {
        self.held.range(first..).map(|(&slot, &held)| (slot, held))
    }

    /// The last slot for which anything is held.
    #[must_use]
    pub(crate) fn last_held(&self) -> Slot {
        self.held.last_key_value().map_or(self.trimmed, |(&slot, _)| slot)
    }

    /// The values of consecutive slots from `first` on, as far as they are held, chosen and wanted.
    pub(crate) fn values(&self, first: Slot, limit: u64) -> impl Iterator<Item = Value> {
        let last = self.chosen.last.min(Slot(first.0.saturating_add(limit).saturating_sub(1)));
        let from = first.min(last.next());
        let run = self.held.range(from..=last.max(from)).map(|(&slot, &held)| (slot, held));
        run.zip(from.0..)
            .take_while(move |((slot, _), expected)| slot.0 == *expected && *slot <= last)
            .map(|((_, held), _)| held.value)
    }

    /// Holds this from now on.
    ///
    /// # Panics
    /// When the slot is gone.
    pub(crate) fn hold(&mut self, slot: Slot, held: Held) {
        assert!(slot > self.trimmed, "what is gone stays gone");
        self.held.insert(slot, held);
    }

    /// What is held for the first open slot is chosen there. `None` when nothing is held.
    pub(crate) fn learn(&mut self) -> Option<Value> {
        let value = self.get(self.first_open())?.value;
        self.chosen = self.chosen.then(&value);
        Some(value)
    }

    /// Takes the slots before the next one that is held for learned without knowing their values: only a deliberate flaw
    /// does.
    pub(crate) fn skip(&mut self) {
        let next = self.from(self.first_open()).next().map(|(slot, _)| slot);
        self.chosen.last = next.map_or(self.chosen.last, Slot::previous);
    }

    /// What is up to `last` goes. It is all chosen, and in a snapshot.
    pub(crate) fn trim(&mut self, last: Slot) {
        assert!(last <= self.chosen.last, "only what is chosen and known can go");
        if last > self.trimmed {
            self.held = self.held.split_off(&last.next());
            self.trimmed = last;
        }
    }

    /// A snapshot of this prefix takes the place of all that it covers, whatever was held there: it may never have been
    /// chosen.
    pub(crate) fn jump(&mut self, prefix: Prefix) {
        assert!(prefix.last > self.chosen.last, "a snapshot of what is known is of no use");
        self.held = self.held.split_off(&prefix.last.next());
        (self.trimmed, self.chosen) = (prefix.last, prefix);
    }

    /// How many slots are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(crate) fn assert_invariants(&self) {
        assert!(self.trimmed <= self.chosen.last, "only what is chosen and known is gone");
        let first = self.held.first_key_value();
        assert!(first.is_none_or(|(&slot, _)| slot > self.trimmed), "what is gone is not held");
    }
}

#[cfg(test)]
mod tests {
    use quarrel_protocol::NodeId;

    use super::*;
    use crate::state::tests::write;

    fn held(value: u64) -> Held {
        Held { ballot: Some(Ballot { round: 1, node: NodeId(0) }), value: write(value) }
    }

    #[test]
    fn what_is_chosen_grows_without_gaps() {
        let mut log = Log::default();
        log.hold(Slot(1), held(1));
        log.hold(Slot(3), held(3));
        assert_eq!(log.learn(), Some(write(1)));
        assert_eq!(log.learn(), None, "nothing is held for slot 2");
        log.hold(Slot(2), held(2));
        assert_eq!((log.learn(), log.learn()), (Some(write(2)), Some(write(3))));
        assert_eq!(log.chosen().last, Slot(3));
        assert_eq!(log.values(Slot(2), 9).collect::<Vec<_>>(), [write(2), write(3)]);
        assert_eq!(log.values(Slot(1), 2).collect::<Vec<_>>(), [write(1), write(2)]);
        assert_eq!(log.values(Slot(4), 2).count() + log.values(Slot(9), 2).count(), 0);
    }

    #[test]
    fn two_logs_with_the_same_values_have_the_same_prefix() {
        let log = |values: &[u64]| {
            let mut log = Log::default();
            for (&value, slot) in values.iter().zip(1..) {
                log.hold(Slot(slot), held(value));
                log.learn();
            }
            log.chosen()
        };
        assert_eq!(log(&[1, 2]), log(&[1, 2]));
        assert_ne!(log(&[1, 2]), log(&[2, 1]));
        assert_ne!(log(&[1, 2]).digest, log(&[1]).digest);
    }

    #[test]
    fn a_snapshot_takes_the_place_of_whatever_was_held() {
        let mut log = Log::default();
        (1..=6).for_each(|slot| log.hold(Slot(slot), held(slot)));
        log.learn();
        log.trim(Slot(1));
        assert_eq!((log.trimmed(), log.len()), (Slot(1), 5));
        let prefix = Prefix { last: Slot(4), digest: 7 };
        log.jump(prefix);
        assert_eq!((log.chosen(), log.trimmed(), log.first_open()), (prefix, Slot(4), Slot(5)));
        assert_eq!(log.from(Slot(1)).map(|(slot, _)| slot).collect::<Vec<_>>(), [Slot(5), Slot(6)]);
        log.assert_invariants();
    }

    #[test]
    #[should_panic(expected = "only what is chosen")]
    fn what_is_open_is_not_trimmed() {
        let mut log = Log::default();
        log.hold(Slot(1), held(1));
        log.trim(Slot(1));
    }
}
