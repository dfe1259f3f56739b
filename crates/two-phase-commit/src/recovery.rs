//! What a restart makes of a disk: BHG 7.4, "recovery", and R*, sections 2 and 3.

use std::collections::BTreeMap;

use quarrel_protocol::{ClientId, Effects, NodeSet, RequestId};
use quarrel_spec::atomic_commit::resource::Manager;
use quarrel_spec::atomic_commit::{Decision, Output, Refusal, Reply, TransactionId, Vote};

use crate::coordinator::Coordinator;
use crate::event::{Happening, Why};
use crate::node::{Site, announce, state};
use crate::participant::{Fate, Participant, Prepared, fate_of};
use crate::{CommitFlaw, Record, TwoPhaseCommit};

/// A transaction of which the coordinator's disk says something, and not that it is over.
enum Open {
    Begun(ClientId, NodeSet),
    Decided(Decision, NodeSet),
}

impl Coordinator {
    /// BHG 7.4: with a start-2PC record and no decision "the coordinator can now unilaterally decide Abort"; a decision
    /// without an end is told again until all have acknowledged it. Of what the disk does not know it says what it
    /// presumes, to whoever asks.
    pub(crate) fn recover(site: Site, disk: &[Record], effects: &mut Effects<TwoPhaseCommit>) -> Self {
        let mut open = BTreeMap::new();
        for record in disk {
            match *record {
                Record::Begun { transaction, client, participants } => {
                    open.insert(transaction, Open::Begun(client, participants));
                }
                Record::Decided { transaction, owed, .. } if owed.is_empty() => {
                    open.remove(&transaction);
                }
                Record::Decided { transaction, decision, owed } => {
                    open.insert(transaction, Open::Decided(decision, owed));
                }
                Record::Ended { transaction } => {
                    open.remove(&transaction);
                }
                Record::Prepared { .. } => unreachable!("a coordinator prepares nothing"),
            }
        }
        let mut coordinator = Self { site, cases: BTreeMap::new() };
        for (transaction, open) in open {
            let (decision, owed) = match open {
                Open::Begun(client, owed) => {
                    let decision = Decision::Abort;
                    effects.persist(Record::Decided { transaction, decision, owed });
                    state(transaction, decision, Why::Unfinished, effects);
                    effects.reply(client, RequestId(transaction.0), Reply::Aborted(Refusal::Failure));
                    (decision, owed)
                }
                Open::Decided(decision, owed) => {
                    state(transaction, decision, Why::Disk, effects);
                    (decision, owed)
                }
            };
            coordinator.tell(transaction, decision, owed, owed, effects);
        }
        coordinator
    }
}

impl Participant {
    /// BHG 7.4: a decision on the disk stands; a yes without one means that it "failed in its uncertainty period" and
    /// must ask; of anything else it had not voted yes, and may abort. The database and the locks are rebuilt in the
    /// order in which they were made.
    pub(crate) fn recover(site: Site, disk: &[Record], effects: &mut Effects<TwoPhaseCommit>) -> Self {
        let mut participant = Self { site, manager: Manager::default(), fates: BTreeMap::new() };
        disk.iter().for_each(|record| participant.replay(record));
        let in_doubt: Vec<TransactionId> = participant.in_doubt().collect();
        for transaction in in_doubt {
            announce(transaction, Happening::InDoubt, effects);
            effects.output(Output::Voted { transaction, vote: Vote::Yes });
            participant.set_orphan_timer(transaction, effects);
            participant.inquire(transaction, effects);
            // "The recovery process reacquires the locks" of what is prepared (R*, section 2).
            if participant.has(CommitFlaw::LocksNotReacquired) {
                participant.manager.abort(transaction);
            }
        }
        participant
    }

    fn replay(&mut self, record: &Record) {
        match record {
            Record::Prepared { transaction, steps, participants } => {
                let seen = match self.manager.prepare(*transaction, steps.clone()) {
                    Ok(seen) => seen,
                    Err(why) => {
                        let may_clash = self.has(CommitFlaw::LocksNotReacquired);
                        assert!(may_clash, "{transaction} could be prepared, and now cannot: {why}");
                        Vec::new()
                    }
                };
                let (steps, participants) = (steps.clone(), *participants);
                let prepared = Prepared { steps, seen, participants, is_doubtful: true };
                self.fates.insert(*transaction, Fate::Prepared(prepared));
            }
            &Record::Decided { transaction, decision, .. } => {
                if let Some(Fate::Prepared(prepared)) = self.fates.insert(transaction, fate_of(decision)) {
                    self.finish(transaction, &prepared.steps, decision);
                }
            }
            Record::Begun { .. } | Record::Ended { .. } => unreachable!("a participant begins nothing"),
        }
    }
}
