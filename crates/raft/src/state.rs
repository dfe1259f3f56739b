//! What a node knows: what survives a crash, and its role.

use std::collections::VecDeque;
use std::fmt::{self, Display};
use std::sync::Arc;

use quarrel_protocol::{ClientId, Effects, Fingerprint, Fingerprinter, NodeId, NodeSet, RequestId};
use serde::{Deserialize, Serialize};

use crate::change::CatchUp;
use crate::progress::Progress;
use crate::raft::Timer;
use crate::reads::Reads;
use crate::snapshot::{Incoming, Outgoing};
use crate::{Config, Entry, Index, Log, Raft, Snapshot, Term};

/// One durable fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Record {
    /// The current term and the vote in it.
    Term {
        /// The term.
        term: Term,
        /// Whom the node has voted for.
        vote: Option<NodeId>,
    },
    /// An entry at the end of the log.
    Append {
        /// Its position.
        index: Index,
        /// The term of the entry before it. So recovery recognises a record whose predecessors were lost: by Log
        /// Matching, index and term name the whole prefix.
        previous_term: Term,
        /// The entry.
        entry: Entry,
    },
    /// The end of the log is gone.
    Truncate {
        /// The first position that is gone.
        from: Index,
    },
    /// A snapshot. It takes the place of the log up to where it ends.
    Snapshot(#[serde(with = "shared")] Arc<Snapshot>),
}

/// A snapshot on file is one, however many share it in memory.
mod shared {
    use super::{Arc, Deserialize, Serialize, Snapshot};

    pub(super) fn serialize<S: serde::Serializer>(
        snapshot: &Arc<Snapshot>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        snapshot.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<Snapshot>, D::Error> {
        Snapshot::deserialize(deserializer).map(Arc::new)
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Term { term, vote: Some(vote) } => write!(f, "term {term}, vote for {vote}"),
            Record::Term { term, vote: None } => write!(f, "term {term}, no vote"),
            Record::Append { index, entry, .. } => write!(f, "append {index}@{} {entry}", entry.term),
            Record::Truncate { from } => write!(f, "truncate from {from}"),
            Record::Snapshot(snapshot) => snapshot.fmt(f),
        }
    }
}

impl Fingerprint for Record {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        // Most records are entries.
        if let Record::Append { index, previous_term, entry } = self {
            into.mark(1);
            into.pair(index.0, previous_term.0);
            return entry.fingerprint(into);
        }
        self.fingerprint_of_others(into);
    }
}

impl Record {
    #[inline(never)]
    fn fingerprint_of_others(&self, into: &mut Fingerprinter) {
        match self {
            Record::Term { term, vote } => {
                into.mark(0);
                term.fingerprint(into);
                vote.fingerprint(into);
            }
            Record::Append { .. } => unreachable!("it is no other"),
            Record::Truncate { from } => {
                into.mark(2);
                from.fingerprint(into);
            }
            Record::Snapshot(snapshot) => {
                into.mark(3);
                snapshot.fingerprint(into);
            }
        }
    }
}

/// Figure 2, State, "persistent state on all servers".
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Durable {
    /// The latest term the node has seen. Invariant: no entry of the log is of a later term.
    pub(crate) term: Term,
    /// Whom the node has voted for in that term.
    pub(crate) vote: Option<NodeId>,
    /// The log.
    pub(crate) log: Log,
    /// The latest snapshot. Invariant: the log begins where it ends.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
}

impl Durable {
    /// What the records say.
    ///
    /// Records that no answer ever waited for may be missing in any combination. What follows from a missing one is
    /// skipped; nobody was told of it.
    pub(crate) fn recover(disk: &[Record]) -> Self {
        let mut durable = Self::default();
        for record in disk {
            match record {
                &Record::Term { term, vote } if term >= durable.term => {
                    durable.term = term;
                    durable.vote = vote;
                }
                &Record::Append { index, previous_term, ref entry }
                    if index > durable.log.base()
                        && durable.log.term_at(index.previous()) == Some(previous_term)
                        && previous_term <= entry.term =>
                {
                    // The truncation that made room for this entry may be among the missing.
                    durable.log.truncate(index);
                    durable.log.push(*entry);
                }
                &Record::Truncate { from } => durable.log.truncate(from),
                // The crash may have come before the log was cut: that is made up for.
                Record::Snapshot(snapshot) if snapshot.index > durable.log.base() => {
                    durable.log.begin_after(snapshot.index, snapshot.term);
                    durable.snapshot = Some(Arc::clone(snapshot));
                }
                Record::Term { .. } | Record::Append { .. } | Record::Snapshot(_) => {}
            }
        }
        if durable.log.last_term() > durable.term {
            // The record of that term is missing, so no vote in it was ever given.
            durable.term = durable.log.last_term();
            durable.vote = None;
        }
        durable.log.assert_terms_never_fall();
        durable.assert_invariants();
        durable
    }

    pub(crate) fn assert_invariants(&self) {
        assert!(self.log.last_term() <= self.term, "no entry is of a later term than the node");
        assert!(self.term > Term(0) || self.vote.is_none(), "nobody votes before the first election");
        let end = self.snapshot.as_ref().map_or(Index::ZERO, |snapshot| snapshot.index);
        assert!(self.log.base() == end, "the log begins where the snapshot ends");
    }
}

/// What a node is to the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Follower(Follower),
    /// It asks whether it could win, in the term after its own (thesis, section 9.6).
    PreCandidate(Candidate),
    Candidate(Candidate),
    Leader(Leader),
}

/// A follower. Every node starts as one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Follower {
    /// Who leads the current term, once known. Invariant: another node.
    pub(crate) leader: Option<NodeId>,
    /// Whether it has heard from a leader so recently that it wants no other (thesis, section 4.2.3).
    pub(crate) is_loyal: bool,
    /// The snapshot that the leader is sending it.
    pub(crate) incoming: Option<Box<Incoming>>,
}

/// A candidate. Invariant: it has voted for itself; not so a pre-candidate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Candidate {
    /// Who has granted a vote.
    pub(crate) voters: NodeSet,
    /// How many granted votes have arrived, duplicates included. Invariant: at least as many as voters.
    pub(crate) responses: u32,
}

/// A leader. Invariant: it has voted for itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Leader {
    /// Figure 2, State, "volatile state on leaders", for every node including itself.
    pub(crate) progress: Vec<Progress>,
    /// Requests whose entry is not applied yet.
    pub(crate) pending: Waiting,
    /// The nodes that have answered since the leader last counted, if it counts.
    pub(crate) heard: NodeSet,
    /// The snapshots that are on their way. Invariant: one for each follower in that pace.
    pub(crate) outgoing: Vec<Outgoing>,
    /// Where the entries of its own term begin. Once this is committed, it knows what is.
    pub(crate) first: Index,
    /// Whom it hands leadership over to. Meanwhile it takes no requests.
    pub(crate) transfer: Option<NodeId>,
    /// Who catches up, to vote then.
    pub(crate) catch_up: Option<CatchUp>,
    /// What it knows for reads that spare the log.
    pub(crate) reads: Box<Reads>,
}

/// Clients who wait for entries to be applied. Invariant: in the order of the log. It is asserted where one comes in: to
/// take out the first, or all, keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Waiting(VecDeque<Pending>);

/// A client who waits for an entry to be applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pending {
    pub(crate) index: Index,
    pub(crate) client: ClientId,
    pub(crate) id: RequestId,
}

impl Leader {
    pub(crate) fn new(config: &Config, last: Index) -> Self {
        Self {
            progress: vec![Progress::new(last); usize::from(config.nodes)],
            pending: Waiting::default(),
            heard: NodeSet::EMPTY,
            outgoing: Vec::new(),
            first: last.next(),
            transfer: None,
            catch_up: None,
            reads: Box::new(Reads::new(config)),
        }
    }

    /// The last position that a quorum holds on disk, where one is known to hold everything up to `known`.
    pub(crate) fn replicated(&self, known: Index, is_quorum: impl Fn(NodeSet) -> bool) -> Index {
        let matched = self.progress.iter().map(Progress::matched);
        // No node is asked about twice: of those that hold as much, one will do.
        matched.fold(
            known,
            |most, index| {
                if index > most && is_quorum(self.holders(index)) { index } else { most }
            },
        )
    }

    /// The nodes that hold the log up to `index` on disk.
    #[inline]
    pub(crate) fn holders(&self, index: Index) -> NodeSet {
        // The last node first: each next bit makes room for itself.
        let nodes = (0..self.progress.len()).rev();
        let bits = nodes.map(|node| u64::from(self.progress[node].matched() >= index));
        NodeSet(bits.fold(0, |set, bit| set << 1 | bit))
    }

    /// It leads no longer.
    pub(crate) fn cancel_timers(&self, effects: &mut Effects<Raft>) {
        if self.transfer.is_some() {
            effects.cancel_timer(Timer::Transfer);
        }
        if self.catch_up.is_some() {
            effects.cancel_timer(Timer::CatchUp);
        }
        self.reads.cancel_timers(effects);
    }
}

impl Waiting {
    /// A client waits for the entry that has just been appended: what it waits for exists, since a leader's log never
    /// becomes shorter.
    pub(crate) fn push(&mut self, pending: Pending) {
        let is_newest = self.0.back().is_none_or(|newest| newest.index < pending.index);
        assert!(is_newest, "clients wait in the order of the log");
        self.0.push_back(pending);
    }

    /// Takes out who waits for the entry at `index`, which is being applied.
    #[inline]
    pub(crate) fn take(&mut self, index: Index) -> Option<Pending> {
        let is_first = self.0.front().is_some_and(|first| first.index == index);
        if is_first { self.0.pop_front() } else { None }
    }

    /// Whether this client waits for this request already. The newest are looked at first: a client retries what it
    /// asked last.
    pub(crate) fn contains(&self, client: ClientId, id: RequestId) -> bool {
        self.0.iter().rev().any(|waiting| (waiting.client, waiting.id) == (client, id))
    }

    /// All of them, in the order of the log.
    pub(crate) fn into_all(self) -> impl Iterator<Item = Pending> {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use quarrel_spec::image::Image;

    use super::*;
    use crate::Configuration;

    const NOOP: fn(u64) -> Entry = |term| Entry::no_op(Term(term));

    fn append(index: u64, previous_term: u64, term: u64) -> Record {
        Record::Append { index: Index(index), previous_term: Term(previous_term), entry: NOOP(term) }
    }

    fn snapshot(index: u64, term: u64) -> Record {
        let configuration = Configuration::of(NodeSet::all(3));
        let (index, term) = (Index(index), Term(term));
        Record::Snapshot(Arc::new(Snapshot {
            index,
            term,
            configuration,
            image: Image::from_bytes(Vec::new()),
        }))
    }

    /// Thesis, section 5.1: the snapshot is on disk, and the log that it takes the place of still is.
    #[test]
    fn a_crash_between_a_snapshot_and_the_cut_of_the_log_leaves_both() {
        let disk = [
            Record::Term { term: Term(2), vote: None },
            append(1, 0, 1),
            append(2, 1, 2),
            append(3, 2, 2),
            snapshot(2, 2),
        ];
        let durable = Durable::recover(&disk);
        assert_eq!((durable.log.base(), durable.log.last_index()), (Index(2), Index(3)));
        let cut = durable.records(true);
        assert_eq!(cut, [disk[0].clone(), disk[4].clone(), disk[3].clone()]);
        assert_eq!(Durable::recover(&cut), durable);
        // One that it was sent, and that its log contradicts.
        let durable = Durable::recover(&[&disk[..4], &[snapshot(2, 1)]].concat());
        assert_eq!((durable.log.base(), durable.log.last_index()), (Index(2), Index(2)));
    }

    #[test]
    fn a_record_survives_its_file() {
        for record in [append(2, 1, 3), snapshot(2, 1)] {
            let text = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        }
    }

    #[test]
    fn what_is_recovered_is_what_the_records_say() {
        let vote = Some(NodeId(2));
        let durable = Durable::recover(&[
            Record::Term { term: Term(1), vote: None },
            append(1, 0, 1),
            append(2, 1, 1),
            Record::Term { term: Term(3), vote },
            Record::Truncate { from: Index(2) },
            append(2, 1, 3),
        ]);
        assert_eq!((durable.term, durable.vote), (Term(3), vote));
        assert_eq!(durable.log.after(Index::ZERO), [NOOP(1), NOOP(3)]);
    }

    #[test]
    fn any_subset_of_the_records_is_a_state() {
        let disk = [
            Record::Term { term: Term(1), vote: None },
            append(1, 0, 1),
            append(2, 1, 1),
            append(3, 1, 1),
            Record::Term { term: Term(3), vote: Some(NodeId(2)) },
            Record::Truncate { from: Index(2) },
            append(2, 1, 3),
            append(3, 3, 3),
            snapshot(2, 3),
            append(4, 3, 3),
            Record::Truncate { from: Index(3) },
            snapshot(9, 3),
        ];
        for subset in 0..1u32 << disk.len() {
            let kept: Vec<Record> =
                (0..disk.len()).filter(|bit| subset >> bit & 1 == 1).map(|bit| disk[bit].clone()).collect();
            // Asserts its invariants itself.
            let Durable { log, .. } = Durable::recover(&kept);
            // An entry never stands behind one that it did not follow: 3@3 follows 2@3 only.
            let is_known = log.base() < Index(3);
            assert!(
                !is_known || log.term_at(Index(3)) != Some(Term(3)) || log.term_at(Index(2)) == Some(Term(3))
            );
        }
    }

    #[test]
    fn a_quorum_holds_what_the_middle_node_holds() {
        let check = |matched: &[u64], expected: u64| {
            let nodes = matched.len() as u8;
            let mut leader = Leader::new(&Config::new(nodes), Index(9));
            for (progress, &matched) in leader.progress.iter_mut().zip(matched) {
                progress.on_matched(Index(matched), Index(9));
            }
            let all = Configuration::of(NodeSet::all(matched.len()));
            assert_eq!(
                leader.replicated(Index::ZERO, |nodes| all.is_quorum(nodes)),
                Index(expected),
                "{matched:?}"
            );
        };
        check(&[7], 7);
        check(&[7, 3], 3);
        check(&[7, 3, 5], 5);
        check(&[7, 3, 5, 0], 3);
        check(&[7, 3, 5, 0, 9], 5);
    }
}
