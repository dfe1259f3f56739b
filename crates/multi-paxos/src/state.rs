//! What a node knows: what survives a crash, and its role.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Display};

use quarrel_protocol::{ClientId, Fingerprint, Fingerprinter, NodeId, NodeSet, Quorum, RequestId};
use quarrel_spec::image::Image;
use quarrel_spec::session::Command;
use serde::{Deserialize, Serialize};

use crate::value::{Held, Prefix, Value};
use crate::{Ballot, Log, Slot};

/// One durable fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Record {
    /// Nothing below this ballot is accepted any more.
    Promised(Ballot),
    /// A value was accepted.
    Accepted {
        /// Where.
        slot: Slot,
        /// In which ballot.
        ballot: Ballot,
        /// What.
        value: Value,
        /// How far it was known then what is chosen. A node that restarts so knows without asking, and no write is
        /// spent on it. The digest is over the values: if one of them did not reach the disk, or is another, it is not
        /// believed.
        known: Prefix,
    },
    /// The node was told that this is chosen, and has accepted nothing or something else there.
    Learned {
        /// Where.
        slot: Slot,
        /// What.
        value: Value,
    },
    /// A snapshot. What it covers goes later, in a write of its own: see `snapshot.rs`.
    Snapshot(Snapshot),
}

/// What a prefix of the log leads to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// What it covers.
    pub prefix: Prefix,
    /// The state machine behind its sessions.
    pub image: Image,
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Promised(ballot) => write!(f, "promise {ballot}"),
            Record::Accepted { slot, ballot, value, .. } => write!(f, "accept {value} at {slot} in {ballot}"),
            Record::Learned { slot, value } => write!(f, "learn {value} at {slot}"),
            Record::Snapshot(snapshot) => write!(f, "snapshot up to {}", snapshot.prefix.last),
        }
    }
}

impl Fingerprint for Record {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Record::Promised(ballot) => {
                into.mark(0);
                ballot.fingerprint(into);
            }
            Record::Accepted { slot, ballot, value, known } => {
                into.mark(1);
                slot.fingerprint(into);
                ballot.fingerprint(into);
                value.fingerprint(into);
                known.fingerprint(into);
            }
            Record::Learned { slot, value } => {
                into.mark(2);
                slot.fingerprint(into);
                value.fingerprint(into);
            }
            Record::Snapshot(Snapshot { prefix, image }) => {
                into.mark(3);
                prefix.fingerprint(into);
                image.fingerprint(into);
            }
        }
    }
}

/// What survives a crash.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Durable {
    /// The highest ballot promised. Invariant: nothing was accepted in a higher one.
    pub(crate) promised: Option<Ballot>,
    /// The slots.
    pub(crate) log: Log,
    /// The latest snapshot. Invariant: it covers all that the log has not.
    pub(crate) snapshot: Option<Snapshot>,
}

impl Durable {
    /// What the records say.
    ///
    /// Records that no answer ever waited for may be missing in any combination; nobody was told of them.
    pub(crate) fn recover(disk: &[Record]) -> Self {
        let mut promised = None;
        let mut held: BTreeMap<Slot, Held> = BTreeMap::new();
        let mut known: BTreeMap<Slot, u64> = BTreeMap::new();
        let mut snapshot: Option<&Snapshot> = None;
        for record in disk {
            match record {
                Record::Promised(ballot) => promised = promised.max(Some(*ballot)),
                Record::Accepted { slot, ballot, value, known: prefix } => {
                    // PMS 2.2: accepting a ballot promises it.
                    promised = promised.max(Some(*ballot));
                    held.insert(*slot, Held { ballot: Some(*ballot), value: *value });
                    known.insert(prefix.last, prefix.digest);
                }
                Record::Learned { slot, value } => {
                    held.insert(*slot, Held { ballot: None, value: *value });
                }
                Record::Snapshot(later) => {
                    if snapshot.is_none_or(|earlier| earlier.prefix.last <= later.prefix.last) {
                        snapshot = Some(later);
                    }
                }
            }
        }
        // What a snapshot covers may still be there: the power failed before it went. Some of it may never have been
        // chosen, so it goes now.
        let covered = snapshot.map_or(Prefix::default(), |snapshot| snapshot.prefix);
        let mut log = Log::after(covered);
        for (slot, held) in held.range(covered.last.next()..) {
            log.hold(*slot, *held);
        }
        let log = with_known(log, &known);
        let durable = Self { promised, log, snapshot: snapshot.cloned() };
        durable.assert_invariants();
        durable
    }

    /// The records that say the same, and no more.
    pub(crate) fn records(&self) -> Vec<Record> {
        let known = self.log.chosen();
        let covered = self.snapshot.as_ref().map_or(Slot::ZERO, |snapshot| snapshot.prefix.last);
        let slots = self.log.from(covered.next()).map(|(slot, Held { ballot, value })| match ballot {
            Some(ballot) => Record::Accepted { slot, ballot, value, known },
            None => Record::Learned { slot, value },
        });
        let snapshot = self.snapshot.iter().cloned().map(Record::Snapshot);
        snapshot.chain(self.promised.map(Record::Promised)).chain(slots).collect()
    }

    pub(crate) fn assert_invariants(&self) {
        self.log.assert_invariants();
        let covered = self.snapshot.as_ref().map_or(Slot::ZERO, |snapshot| snapshot.prefix.last);
        assert!(self.log.trimmed() <= covered, "what is gone is in the snapshot");
        assert!(covered <= self.log.chosen().last, "a snapshot covers only what is known to be chosen");
    }
}

/// The log, knowing as much as the longest known prefix that its values lead to.
fn with_known(mut log: Log, known: &BTreeMap<Slot, u64>) -> Log {
    let mut prefix = log.chosen();
    let mut longest = prefix.last;
    while let Some(held) = log.get(prefix.last.next()) {
        prefix = prefix.then(&held.value);
        if known.get(&prefix.last) == Some(&prefix.digest) {
            longest = prefix.last;
        }
    }
    while log.chosen().last < longest {
        log.learn();
    }
    log
}

/// What a node is to the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Follower(Follower),
    Candidate(Candidate),
    Leader(Leader),
}

/// A follower. Every node starts as one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Follower {
    /// The ballot of the leader that it hears; nothing while it hears none. Invariant: another node's.
    pub(crate) leader: Option<Ballot>,
}

/// A candidate: PMMC's *scout*. Invariant: it has promised its ballot itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    pub(crate) ballot: Ballot,
    /// From which slot on each node has told what it accepted; nothing from those that have not promised.
    pub(crate) covers: Vec<Option<Slot>>,
    /// For each slot the proposal of the highest ballot that promises have reported.
    pub(crate) reported: BTreeMap<Slot, Held>,
}

impl Candidate {
    pub(crate) fn new(ballot: Ballot, nodes: usize) -> Self {
        Self { ballot, covers: vec![None; nodes], reported: BTreeMap::new() }
    }

    /// The nodes whose promises say everything of all slots from `first` on.
    pub(crate) fn promised_from(&self, first: Slot) -> NodeSet {
        let says_all = |covers: Option<Slot>| covers.is_some_and(|covers| covers <= first);
        NodeId::all(self.covers.len()).filter(|node| says_all(self.covers[node.index()])).collect()
    }

    /// All that have promised.
    pub(crate) fn promised(&self) -> NodeSet {
        NodeId::all(self.covers.len()).filter(|node| self.covers[node.index()].is_some()).collect()
    }
}

/// A leader: PMMC's *commanders*, one for each open slot. Invariant: it has promised its ballot itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Leader {
    pub(crate) ballot: Ballot,
    /// Who has accepted what was proposed, for each slot that is proposed and not known to be chosen, from the first open
    /// one on. Invariant: the leader holds its proposals.
    pub(crate) open: VecDeque<NodeSet>,
    /// Requests whose slot is not applied yet. Invariant: in the order of slots.
    pub(crate) pending: VecDeque<Pending>,
    /// Commands that wait for a slot.
    pub(crate) queue: VecDeque<Command>,
    /// Who was heard since the last beat that found a quorum.
    pub(crate) heard: NodeSet,
    /// So many beats in a row have found no quorum.
    pub(crate) lonely_beats: u32,
    /// What was proposed before this slot has had a whole beat's time to be accepted.
    pub(crate) overdue: Slot,
}

/// A client who waits for a slot to be applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pending {
    pub(crate) slot: Slot,
    pub(crate) client: ClientId,
    pub(crate) id: RequestId,
}

impl Leader {
    pub(crate) fn new(ballot: Ballot, overdue: Slot) -> Self {
        Self {
            ballot,
            open: VecDeque::new(),
            pending: VecDeque::new(),
            queue: VecDeque::new(),
            heard: NodeSet::EMPTY,
            lonely_beats: 0,
            overdue,
        }
    }

    /// Whether this client waits for this request already. The newest are looked at first: a client retries what it
    /// asked last.
    pub(crate) fn is_waiting(&self, client: ClientId, id: RequestId) -> bool {
        let is_it = |command: &Command| (command.session.client, command.session.serial) == (client, id);
        self.queue.iter().rev().any(is_it)
            || self.pending.iter().rev().any(|waiting| (waiting.client, waiting.id) == (client, id))
    }

    /// Whether the first open slot has its quorum.
    pub(crate) fn is_first_chosen(&self, quorum: Quorum) -> bool {
        self.open.front().is_some_and(|&acceptors| quorum.is_second(acceptors))
    }

    pub(crate) fn assert_invariants(&self, log: &Log) {
        let last = Slot(log.chosen().last.0 + self.open.len() as u64);
        if let (Some(first), Some(newest)) = (self.pending.front(), self.pending.back()) {
            assert!(first.slot <= newest.slot, "clients wait in the order of slots");
            assert!(newest.slot <= last, "clients wait for slots that are proposed");
            assert!(first.slot > log.chosen().last, "nobody waits for what is applied");
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use quarrel_spec::machine::{Call, RegisterCall};
    use quarrel_spec::session::Session;

    use super::*;

    pub(crate) fn write(value: u64) -> Value {
        let serial = RequestId(value as u32);
        let session = Session { client: ClientId(0), serial, oldest: serial };
        let call = Call::Register(RegisterCall::Write(quarrel_spec::Value(value)));
        Value::Command(Command { session, call })
    }

    const B1: Ballot = Ballot { round: 1, node: NodeId(0) };
    const B2: Ballot = Ballot { round: 2, node: NodeId(1) };

    fn accepted(slot: u64, ballot: Ballot, value: u64, known: Prefix) -> Record {
        Record::Accepted { slot: Slot(slot), ballot, value: write(value), known }
    }

    fn prefix(values: &[u64]) -> Prefix {
        values.iter().fold(Prefix::default(), |prefix, &value| prefix.then(&write(value)))
    }

    fn snapshot(values: &[u64]) -> Record {
        Record::Snapshot(Snapshot { prefix: prefix(values), image: Image::from_bytes(vec![1]) })
    }

    #[test]
    fn what_is_recovered_is_what_the_records_say() {
        let disk = [
            Record::Promised(B1),
            accepted(1, B1, 1, Prefix::default()),
            accepted(2, B1, 2, prefix(&[1])),
            Record::Learned { slot: Slot(2), value: write(9) },
            accepted(3, B2, 3, prefix(&[1, 9])),
        ];
        let durable = Durable::recover(&disk);
        assert_eq!(durable.promised, Some(B2), "accepting promises");
        assert_eq!(durable.log.chosen(), prefix(&[1, 9]));
        assert_eq!(durable.log.get(Slot(2)), Some(Held { ballot: None, value: write(9) }));
        assert_eq!(durable.log.get(Slot(3)), Some(Held { ballot: Some(B2), value: write(3) }));
        assert_eq!(Durable::recover(&durable.records()), durable);
    }

    #[test]
    fn a_crash_between_a_snapshot_and_the_trim_takes_nothing_back() {
        let mut disk = vec![
            Record::Promised(B1),
            accepted(1, B1, 1, Prefix::default()),
            accepted(2, B1, 7, Prefix::default()),
            accepted(4, B1, 4, prefix(&[1])),
        ];
        // The snapshot was sent by another node. Slot 2 holds what was never chosen.
        disk.push(snapshot(&[1, 2, 3]));
        let durable = Durable::recover(&disk);
        assert_eq!((durable.log.chosen(), durable.log.trimmed()), (prefix(&[1, 2, 3]), Slot(3)));
        assert_eq!(durable.log.from(Slot(1)).count(), 1);
        assert_eq!(Durable::recover(&durable.records()), durable);
    }

    #[test]
    fn any_subset_of_the_records_is_a_state_and_knows_nothing_false() {
        let disk = [
            accepted(1, B1, 1, Prefix::default()),
            accepted(2, B1, 8, prefix(&[1])),
            Record::Promised(B2),
            Record::Learned { slot: Slot(2), value: write(2) },
            accepted(3, B2, 3, prefix(&[1, 2])),
            snapshot(&[1, 2]),
            accepted(4, B2, 4, prefix(&[1, 2, 3])),
            accepted(5, B2, 5, prefix(&[1, 2, 3, 4])),
        ];
        let truth = [1, 2, 3, 4];
        for subset in 0..1u32 << disk.len() {
            let kept: Vec<Record> =
                (0..disk.len()).filter(|bit| subset >> bit & 1 == 1).map(|bit| disk[bit].clone()).collect();
            // Asserts its invariants itself.
            let Durable { log, .. } = Durable::recover(&kept);
            let known = log.chosen().last.0 as usize;
            assert_eq!(log.chosen(), prefix(&truth[..known]), "{kept:?}");
            for slot in log.trimmed().next().0..=known as u64 {
                assert_eq!(log.get(Slot(slot)).unwrap().value, write(slot));
            }
        }
        assert_eq!(Durable::recover(&disk).log.chosen().last, Slot(4));
    }
}
