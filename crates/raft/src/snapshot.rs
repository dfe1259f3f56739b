//! Snapshots: section 7, and chapter 5 of the thesis with its Figure 5.3.
//!
//! Every node takes snapshots of its own, when its log has grown long enough. A follower that needs entries which its
//! leader no longer holds is sent the leader's snapshot, in chunks, each of which waits for the answer to the one before.
//!
//! What Figure 5.3 leaves open: an answer names the chunk that it answers and says how much has come, so that a leader
//! tells it from an echo, and starts anew with a follower that has crashed in between. A chunk that is lost is sent
//! again with the next heartbeat, whose place it takes. The last one is answered like entries: the logs agree up to where
//! the snapshot ends.

use std::fmt::{self, Display};
use std::sync::Arc;

use quarrel_protocol::{Effects, Fingerprint, Fingerprinter, NodeId};
use quarrel_spec::image::Image;
use quarrel_spec::replicated_log::{Output, Restored};
use quarrel_spec::session::Replica;
use serde::{Deserialize, Serialize};

use crate::membership::Membership;
use crate::progress::Pace;
use crate::state::{Durable, Leader, Role};
use crate::{
    Configuration, Event, Index, InstallSnapshot, InstallSnapshotResponse, Message, Outcome, Raft, RaftFlaw,
    Record, Round, Term,
};

/// All that the log up to `index` has led to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The last position that it covers.
    pub index: Index,
    /// The term of the entry there.
    pub term: Term,
    /// The latest configuration up to there (thesis, section 5.1).
    pub configuration: Configuration,
    /// The state machine behind its sessions, as bytes.
    pub image: Image,
}

impl Snapshot {
    /// The state machine; nothing if the data are none.
    pub(crate) fn replica(&self) -> Option<Replica> {
        self.image.replica()
    }

    fn is_before(&self, index: Index) -> bool {
        self.index < index
    }
}

impl Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snapshot up to {}@{}, {}", self.index, self.term, self.image)
    }
}

impl Fingerprint for Snapshot {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.pair(self.index.0, self.term.0);
        self.configuration.fingerprint(into);
        self.image.fingerprint(into);
    }
}

/// A snapshot that a leader sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outgoing {
    to: NodeId,
    snapshot: Arc<Snapshot>,
    /// How much of it the follower is known to have. Invariant: no more than there is.
    offset: usize,
}

/// A snapshot that a follower has got a part of. Memory only: a crash loses it, and the leader begins again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Incoming {
    index: Index,
    term: Term,
    configuration: Configuration,
    /// Invariant: a prefix of what is sent.
    data: Vec<u8>,
}

impl Incoming {
    /// With the last byte it is a snapshot.
    fn complete(self) -> Snapshot {
        let Self { index, term, configuration, data } = self;
        Snapshot { index, term, configuration, image: Image::from_bytes(data) }
    }
}

/// A disk with fewer records than this, beside the log's, is not worth writing anew.
const RECORDS_LEFT: u64 = 64;

/// One's own snapshots.
impl Raft {
    /// Thesis, section 5.1: each server compacts its log independently, here when it has grown by so many entries.
    #[inline]
    pub(crate) fn take_snapshot_if_due(&mut self, effects: &mut Effects<Self>) {
        let every = u64::from(self.config.snapshot_every);
        if every > 0 && self.applied.0 - self.durable.log.base().0 >= every {
            self.take_snapshot(effects);
        }
    }

    fn take_snapshot(&mut self, effects: &mut Effects<Self>) {
        self.replay_applied();
        let mut index = self.applied;
        if self.config.has(RaftFlaw::SnapLabelMismatch) {
            index = index.previous().max(self.durable.log.base().next());
        }
        // Nothing there: only if committed entries were taken back, which the monitors see.
        let Some(term) = self.durable.log.term_at(index) else { return };
        let image = Image::of(&self.replica);
        // Thesis, section 5.1: the latest configuration up to there. A later one may yet be taken back.
        let configuration = if self.config.has(RaftFlaw::SnapHasUncommittedConfig) {
            self.membership.current()
        } else {
            self.membership.at(index)
        };
        let snapshot = Snapshot { index, term, configuration, image };
        self.write_snapshot(snapshot, Suffix::Agreeing, effects);
        self.membership.forget_before(index);
        effects.announce(Event::Compacted { index, term, configuration });
    }

    /// Puts a snapshot in the place of the log up to where it ends. First the snapshot, then the log without what it
    /// covers (thesis, section 5.1): a crash between the two leaves both, and recovery cuts the log.
    fn write_snapshot(&mut self, snapshot: Snapshot, suffix: Suffix, effects: &mut Effects<Self>) {
        let snapshot = Arc::new(snapshot);
        // Not before the entries that it covers: it would hold what nobody was told of.
        effects.barrier();
        effects.persist(Record::Snapshot(Arc::clone(&snapshot)));
        let is_leader = self.is_leader();
        let log = &mut self.durable.log;
        let last = log.last_index();
        match suffix {
            Suffix::Agreeing => log.begin_after(snapshot.index, snapshot.term),
            Suffix::Any => log.cut(snapshot.index, snapshot.term),
            Suffix::None => log.restart(snapshot.index, snapshot.term),
        }
        assert!(!is_leader || log.last_index() == last, "a leader's log never becomes shorter");
        self.durable.snapshot = Some(snapshot);
        self.has_written = true;
        self.rewrite_disk(effects);
    }

    /// Terms, and entries that are taken back, fill a disk without anything being committed that a snapshot could cover.
    /// One more record has been written: there may be enough of them that mean nothing any more.
    #[inline]
    pub(crate) fn tidy_disk(&mut self, effects: &mut Effects<Self>) {
        self.written += 1;
        let log = &self.durable.log;
        let held = log.last_index().0 - log.base().0;
        if self.config.snapshot_every > 0 && self.written as u64 > RECORDS_LEFT + 2 * held {
            self.rewrite_disk(effects);
        }
    }

    fn rewrite_disk(&mut self, effects: &mut Effects<Self>) {
        let keeps_vote = !self.config.has(RaftFlaw::VoteNotPersisted);
        effects.compact(self.durable.records(keeps_vote));
        self.written = 0;
    }

    /// After a restart the state machine begins where the snapshot on the disk ends.
    pub(crate) fn restore(&mut self, effects: &mut Effects<Self>) {
        let Some(snapshot) = &self.durable.snapshot else { return };
        let index = snapshot.index;
        self.replica = snapshot.replica().expect("what was written can be read");
        (self.commit, self.applied, self.replayed) = (index, index, index);
        effects.output(Output::Restored(Restored::of(&self.replica, index.0)));
    }
}

/// What of the log stays behind a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Suffix {
    /// What follows the entry where the snapshot ends, if it is that entry.
    Agreeing,
    /// Only a flaw: whatever stands at later positions.
    Any,
    /// Only a flaw: nothing.
    None,
}

/// The follower's side: Figure 5.3, InstallSnapshot.
impl Raft {
    pub(crate) fn on_install_snapshot(
        &mut self,
        from: NodeId,
        message: &InstallSnapshot,
        effects: &mut Effects<Self>,
    ) {
        if from == self.id || !message.is_well_formed(self.config.nodes) {
            return;
        }
        // Rule 1.
        if message.term < self.durable.term {
            return self.send_append_entries_response(from, Outcome::Stale, Round::NONE, effects);
        }
        if !self.hear_leader(from, message.term, effects) {
            return;
        }
        // An old snapshot, or one that comes late: what it covers is known to agree, and more than that is here.
        let index = message.index;
        if index <= self.commit && !self.config.has(RaftFlaw::SnapDropsNewerLog) {
            return self.send_append_entries_response(from, Outcome::Matched { index }, Round::NONE, effects);
        }
        let (term, offset) = (self.durable.term, message.offset);
        match self.receive_chunk(message, effects) {
            Progress::Complete(snapshot) => self.install(from, snapshot, effects),
            // Rule 4.
            Progress::Partial(received) => {
                let response = InstallSnapshotResponse { term, index, offset, received };
                effects.send(from, Message::InstallSnapshotResponse(response));
            }
            Progress::Superseded => {}
        }
    }

    /// Rules 2 and 3: a first chunk begins a new snapshot; what follows is written at its offset.
    fn receive_chunk(&mut self, message: &InstallSnapshot, effects: &mut Effects<Self>) -> Progress {
        let Role::Follower(follower) = &mut self.role else { unreachable!("it follows the sender") };
        let &InstallSnapshot {
            term: leader_term, index, last_term: term, configuration, offset, done, ..
        } = message;
        let latest = follower.incoming.as_ref().map_or(Index::ZERO, |incoming| incoming.index);
        if index < latest {
            return Progress::Superseded;
        }
        if index > latest {
            if offset > 0 {
                // It has missed the beginning.
                return Progress::Partial(0);
            }
            let incoming = Incoming { index, term, configuration, data: Vec::new() };
            follower.incoming = Some(Box::new(incoming));
            effects.announce(Event::Receiving { index, leader_term });
        }
        let Some(incoming) = &mut follower.incoming else { unreachable!("it has just begun, or before") };
        let held = &mut incoming.data;
        if offset == held.len() as u64 {
            held.extend_from_slice(&message.data);
            if done && let Some(incoming) = follower.incoming.take() {
                return Progress::Complete(incoming.complete());
            }
        }
        Progress::Partial(follower.incoming.as_ref().map_or(0, |it| it.data.len() as u64))
    }

    /// Rules 5 to 8.
    fn install(&mut self, leader: NodeId, snapshot: Snapshot, effects: &mut Effects<Self>) {
        let Some(replica) = snapshot.replica() else { return };
        let Snapshot { index, term, configuration, .. } = snapshot;
        let suffix = if self.config.has(RaftFlaw::SnapDropsNewerLog) {
            Suffix::None
        } else if self.config.has(RaftFlaw::SnapKeepsConflictSuffix) {
            Suffix::Any
        } else {
            Suffix::Agreeing
        };
        self.write_snapshot(snapshot, suffix, effects);
        self.replica = replica;
        (self.commit, self.applied, self.replayed) = (index, index, index);
        effects.output(Output::Restored(Restored::of(&self.replica, index.0)));
        let last = self.durable.log.last_index();
        let before = self.adopt_configurations();
        let (leader_term, in_force) = (self.durable.term, self.membership.current());
        effects.announce(Event::Installed { index, term, last, leader_term, configuration, in_force });
        if before != in_force {
            for (index, configuration) in self.membership.all() {
                effects.announce(Event::Adopted { index, configuration });
            }
        }
        self.send_append_entries_response(leader, Outcome::Matched { index }, Round::NONE, effects);
    }
}

impl Raft {
    /// Thesis, section 5.1: the configuration comes with the snapshot; what the log holds behind it stays in force.
    /// Returns the one that was.
    fn adopt_configurations(&mut self) -> Configuration {
        let before = self.membership.current();
        let is_later = self.membership.index() > Index::ZERO;
        if !(self.config.has(RaftFlaw::SnapStaleMembership) && is_later) {
            self.membership = Membership::recover(self.config.first_configuration(), &self.durable);
        }
        before
    }
}

/// What has come of a snapshot.
enum Progress {
    /// All of it.
    Complete(Snapshot),
    /// So many bytes.
    Partial(u64),
    /// Nothing that matters: a later one is on its way.
    Superseded,
}

/// The leader's side.
impl Raft {
    /// Whether what this follower needs next is gone in a snapshot.
    #[inline]
    pub(crate) fn needs_snapshot(&self, leader: &Leader, to: NodeId) -> bool {
        let progress = leader.progress[to.index()];
        progress.pace() == Pace::Snapshot || progress.next() <= self.durable.log.base()
    }

    /// Sends the chunk that the follower lacks. It waits for the writes before it, like what was applied: nobody takes
    /// over what nobody is known to have applied.
    pub(crate) fn send_snapshot(&mut self, to: NodeId, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &mut self.role else { unreachable!("only a leader sends snapshots") };
        let Some(latest) = &self.durable.snapshot else { unreachable!("a snapshot took the log's place") };
        leader.progress[to.index()].send_snapshot();
        let outgoing = leader.outgoing_to(to, latest);
        let Outgoing { snapshot, offset, .. } = outgoing;
        let limit = match self.config.snapshot_chunk {
            0 => usize::MAX,
            limit => limit as usize,
        };
        let chunk = InstallSnapshot {
            term: self.durable.term,
            index: snapshot.index,
            last_term: snapshot.term,
            configuration: snapshot.configuration,
            offset: *offset as u64,
            data: snapshot.image.chunk(*offset, limit).to_vec(),
            done: snapshot.image.bytes().len() - *offset <= limit,
        };
        effects.send(to, Message::InstallSnapshot(Box::new(chunk)));
    }

    pub(crate) fn on_install_snapshot_response(
        &mut self,
        from: NodeId,
        message: InstallSnapshotResponse,
        effects: &mut Effects<Self>,
    ) {
        if message.term > self.durable.term {
            return self.become_follower(message.term, None, effects);
        }
        let (Role::Leader(leader), Some(latest)) = (&mut self.role, &self.durable.snapshot) else { return };
        if message.term < self.durable.term {
            return;
        }
        leader.heard.insert(from);
        if leader.progress[from.index()].pace() == Pace::Snapshot
            && leader.outgoing_to(from, latest).goes_on(message, latest)
        {
            self.send_snapshot(from, effects);
        }
    }
}

impl Leader {
    /// The snapshot that is on its way to this follower: the latest, if none is yet.
    fn outgoing_to(&mut self, to: NodeId, latest: &Arc<Snapshot>) -> &mut Outgoing {
        let place = self.outgoing.iter().position(|outgoing| outgoing.to == to).unwrap_or_else(|| {
            self.outgoing.push(Outgoing { to, snapshot: Arc::clone(latest), offset: 0 });
            self.outgoing.len() - 1
        });
        &mut self.outgoing[place]
    }

    /// The follower is sent entries again.
    pub(crate) fn end_transfer(&mut self, to: NodeId) {
        self.outgoing.retain(|outgoing| outgoing.to != to);
    }
}

impl Outgoing {
    /// What was asked now is answered: the transfer goes on from where the follower says. An answer to anything else is
    /// an echo. A follower that has nothing begins again, and so with the latest snapshot.
    fn goes_on(&mut self, message: InstallSnapshotResponse, latest: &Arc<Snapshot>) -> bool {
        let InstallSnapshotResponse { index, offset, received, .. } = message;
        let is_current = index == self.snapshot.index && offset == self.offset as u64;
        if !is_current || received == offset || received > self.snapshot.image.bytes().len() as u64 {
            return false;
        }
        self.offset = received as usize;
        if received == 0 && self.snapshot.is_before(latest.index) {
            self.snapshot = Arc::clone(latest);
        }
        true
    }
}

impl Durable {
    /// The whole state as records: what a compacted disk holds.
    pub(crate) fn records(&self, keeps_vote: bool) -> Vec<Record> {
        let vote = self.vote.filter(|_| keeps_vote);
        let mut records = vec![Record::Term { term: self.term, vote }];
        records.extend(self.snapshot.iter().map(|snapshot| Record::Snapshot(Arc::clone(snapshot))));
        let (mut index, mut previous_term) =
            (self.log.base(), self.log.term_at(self.log.base()).unwrap_or_default());
        for &entry in self.log.after(self.log.base()) {
            index = index.next();
            records.push(Record::Append { index, previous_term, entry });
            previous_term = entry.term;
        }
        records
    }
}
