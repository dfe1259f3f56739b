//! The resolver: it finishes transactions whose coordinator does not.
//!
//! It has nothing on its disk and decides nothing: it finds out what follows from where the participants stand, and
//! spreads that. Restarted, it knows of no orphan until a participant calls again.

use std::collections::BTreeMap;

use quarrel_protocol::{Effects, NodeId, NodeSet, Summary};
use quarrel_spec::atomic_commit::{Decision, TransactionId};

use crate::event::Happening;
use crate::message::{Orphan, Standing, Status};
use crate::node::{Site, announce};
use crate::{Message, Timer, TwoPhaseCommit};

/// The resolver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Resolver {
    pub(crate) site: Site,
    /// What it has been called about.
    pub(crate) orphans: BTreeMap<TransactionId, Inquest>,
}

/// A transaction that it looks into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Inquest {
    /// Whom it asks.
    pub(crate) participants: NodeSet,
    /// Who has said since it last asked that it is prepared. Invariant: some of `participants`.
    pub(crate) prepared: NodeSet,
}

impl Resolver {
    pub(crate) const fn new(site: Site) -> Self {
        Self { site, orphans: BTreeMap::new() }
    }

    pub(crate) fn on_orphan(&mut self, from: NodeId, orphan: Orphan, effects: &mut Effects<TwoPhaseCommit>) {
        let Orphan { transaction, participants } = orphan;
        let known = self.site.config.all_participants();
        let is_fit = participants.contains(from) && participants.intersection(known) == participants;
        if !is_fit || self.orphans.contains_key(&transaction) {
            return;
        }
        self.orphans.insert(transaction, Inquest { participants, prepared: NodeSet::EMPTY });
        self.check(transaction, participants, effects);
    }

    /// Asks them where they stand.
    fn check(
        &self,
        transaction: TransactionId,
        participants: NodeSet,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        announce(transaction, Happening::Checked(participants), effects);
        participants.iter().for_each(|node| {
            effects.send(node, Message::Check(transaction));
        });
        effects.set_timer(Timer::Check(transaction), self.site.config.retry);
    }

    /// One that has decided decides for all. One that has not voted has aborted before it answered. If all are
    /// prepared, the decision is the coordinator's alone.
    pub(crate) fn on_status(&mut self, from: NodeId, status: Status, effects: &mut Effects<TwoPhaseCommit>) {
        let Status { transaction, standing } = status;
        let Some(inquest) = self.orphans.get_mut(&transaction) else { return };
        if !inquest.participants.contains(from) {
            return;
        }
        let decision = match standing {
            Standing::Decided(decision) => decision,
            Standing::Unvoted => Decision::Abort,
            Standing::Prepared => {
                if inquest.prepared.insert(from) && inquest.prepared == inquest.participants {
                    announce(transaction, Happening::Unresolved, effects);
                }
                return;
            }
        };
        let participants = inquest.participants;
        self.orphans.remove(&transaction);
        effects.cancel_timer(Timer::Check(transaction));
        announce(transaction, Happening::Resolved(decision), effects);
        participants.iter().for_each(|node| {
            effects.send(node, Message::decide(transaction, decision));
        });
    }

    pub(crate) fn on_check_timer(
        &mut self,
        transaction: TransactionId,
        effects: &mut Effects<TwoPhaseCommit>,
    ) {
        let Some(inquest) = self.orphans.get_mut(&transaction) else { return };
        inquest.prepared = NodeSet::EMPTY;
        let participants = inquest.participants;
        self.check(transaction, participants, effects);
    }

    pub(crate) fn assert_invariants(&self) {
        for Inquest { participants, prepared } in self.orphans.values() {
            assert_eq!(prepared.intersection(*participants), *prepared, "who is prepared takes part");
        }
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary { role: "resolver", facts: vec![("orphans", self.orphans.len() as u64)] }
    }
}
