//! Snapshots: a replica's state takes the place of the slots that led to it (PML 5.5).
//!
//! A snapshot and the trimming of the log are two writes, and the second is made when the first is on disk, so a crash
//! between them leaves both. Whoever needs slots that are gone asks for the snapshot, chunk by chunk: what it has is in
//! its question, so a chunk that is lost or doubled does no harm, and another node may send the rest.

use quarrel_protocol::{Effects, NodeId};
use quarrel_spec::image::Image;
use quarrel_spec::replicated_log::{Output, Restored};

use crate::event::Reason;
use crate::message::{Message, SnapshotChunk};
use crate::state::{Role, Snapshot};
use crate::value::Prefix;
use crate::{Event, Log, MultiPaxos, MultiPaxosFlaw, Slot};

/// A snapshot on its way here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Incoming {
    pub(crate) prefix: Prefix,
    /// How long the whole of it is.
    total: u32,
    /// What has come so far. Invariant: shorter than the whole.
    pub(crate) bytes: Vec<u8>,
    /// Who sent the last part of it.
    pub(crate) from: NodeId,
}

/// One's own.
impl MultiPaxos {
    /// The last slot that the latest snapshot covers.
    fn covered(&self) -> Slot {
        self.durable.snapshot.as_ref().map_or(Slot::ZERO, |snapshot| snapshot.prefix.last)
    }

    pub(crate) fn take_snapshot_if_due(&mut self, effects: &mut Effects<Self>) {
        let every = u64::from(self.config.snapshot_every);
        if every == 0 || self.applied.since(self.covered()) < every {
            return;
        }
        let image = if self.config.has(MultiPaxosFlaw::SnapshotWithoutSessions) {
            Image::of(&self.replica.without_sessions())
        } else {
            Image::of(&self.replica)
        };
        // The label is what the state holds, not when it was due.
        let prefix = if self.config.has(MultiPaxosFlaw::SnapshotLabelMismatch) {
            self.prefix_at(self.covered().plus(every))
        } else {
            self.log().chosen()
        };
        if self.config.has(MultiPaxosFlaw::TrimBeforeSnapshot) {
            self.durable.log.trim(prefix.last);
            effects.compact(self.durable.records());
        }
        self.write_snapshot(Snapshot { prefix, image }, effects);
        effects.announce(Event::SnapshotTaken { last: prefix.last });
        effects.send(self.id, Message::SnapshotKept { last: prefix.last });
    }

    /// The prefix that ends at a slot between the latest snapshot and what is known.
    fn prefix_at(&self, last: Slot) -> Prefix {
        let before = self.durable.snapshot.as_ref().map_or(Prefix::default(), |snapshot| snapshot.prefix);
        let values = self.log().from(before.last.next()).take_while(|&(slot, _)| slot <= last);
        values.fold(before, |prefix, (_, held)| prefix.then(&held.value))
    }

    /// A snapshot is on disk: the slots that it covers may go, and so may their records.
    pub(crate) fn on_snapshot_kept(&mut self, last: Slot, effects: &mut Effects<Self>) {
        // Of two snapshots in a row the later one cleans up.
        if last != self.covered() {
            return;
        }
        self.durable.log.trim(Slot(last.0.saturating_sub(u64::from(self.config.slots_kept))));
        effects.compact(self.durable.records());
        effects.announce(Event::Trimmed { last: self.log().trimmed() });
    }
}

/// From one node to another.
impl MultiPaxos {
    /// Sends the next part of a snapshot to a node that needs slots from `first` on, and has so much of the one that ends
    /// at that slot.
    pub(crate) fn send_chunk(
        &mut self,
        to: NodeId,
        first: Slot,
        image: Option<(Slot, u32)>,
        effects: &mut Effects<Self>,
    ) {
        let image = image.filter(|&(last, _)| last >= first);
        let is_same = |snapshot: &&Snapshot| image.is_some_and(|(last, _)| last == snapshot.prefix.last);
        let served = self.served.as_ref().filter(is_same).or(self.durable.snapshot.as_ref());
        let Some(snapshot) = served.cloned() else { return };
        let offset = image.filter(|_| is_same(&&snapshot)).map_or(0, |(_, bytes)| bytes);
        let bytes = snapshot.image.chunk(offset as usize, self.config.chunk_bytes.max(1) as usize).to_vec();
        let (prefix, total) = (snapshot.prefix, snapshot.image.bytes().len() as u32);
        self.served = Some(snapshot);
        if !bytes.is_empty() {
            effects.send(to, Message::SnapshotChunk(SnapshotChunk { prefix, offset, total, bytes }));
        }
    }

    pub(crate) fn on_snapshot_chunk(
        &mut self,
        from: NodeId,
        message: SnapshotChunk,
        effects: &mut Effects<Self>,
    ) {
        let SnapshotChunk { prefix, offset, total, bytes } = message;
        if self.is_leader() || prefix.last <= self.log().chosen().last || bytes.is_empty() {
            return;
        }
        let is_next = |incoming: &Incoming| {
            (incoming.prefix, incoming.total, incoming.bytes.len()) == (prefix, total, offset as usize)
        };
        if !self.incoming.as_ref().is_some_and(is_next) {
            // Of one sender a later snapshot takes the place of this one. Any of another sender does so only when this one
            // is gone: two that took turns would keep each other from coming to an end.
            let is_in_vain = self.errand.is_in_vain();
            let is_welcome = |incoming: &Incoming| {
                is_in_vain || from == incoming.from && prefix.last > incoming.prefix.last
            };
            if offset != 0 || !self.incoming.as_ref().is_none_or(is_welcome) {
                return;
            }
            self.incoming = Some(Incoming { prefix, total, bytes: Vec::new(), from });
            effects.announce(Event::Receiving { last: prefix.last });
        }
        let Some(incoming) = &mut self.incoming else { unreachable!("one is being received") };
        incoming.bytes.extend_from_slice(&bytes);
        incoming.from = from;
        self.hear_of(prefix.last, from, effects);
        if incoming_is_whole(&self.incoming) {
            self.install(effects);
        }
        self.go_on_asking(from, effects);
    }

    /// All of a snapshot is here. What is no replica is dropped.
    fn install(&mut self, effects: &mut Effects<Self>) {
        let Some(Incoming { prefix, total, bytes, .. }) = self.incoming.take() else { return };
        let image = Image::from_bytes(bytes);
        let Some(replica) = image.replica().filter(|_| image.bytes().len() == total as usize) else { return };
        self.durable.log.jump(prefix);
        (self.replica, self.applied) = (replica, prefix.last);
        self.write_snapshot(Snapshot { prefix, image }, effects);
        if self.config.has(MultiPaxosFlaw::RejoinEmpty) {
            self.begin_with_snapshot_alone(prefix, effects);
        }
        effects.announce(Event::Installed { last: prefix.last });
        effects.output(Output::Restored(Restored::of(&self.replica, prefix.last.0)));
        effects.send(self.id, Message::SnapshotKept { last: prefix.last });
    }

    /// Only a deliberate flaw does: the acceptor's state does not come back with the replica's.
    fn begin_with_snapshot_alone(&mut self, prefix: Prefix, effects: &mut Effects<Self>) {
        if let Role::Candidate(candidate) = &self.role {
            self.become_bystander(Reason::Outbid(candidate.ballot), effects);
        }
        self.durable.log = Log::after(prefix);
        self.durable.promised = None;
        effects.compact(self.durable.records());
    }
}

fn incoming_is_whole(incoming: &Option<Incoming>) -> bool {
    incoming.as_ref().is_some_and(|incoming| incoming.bytes.len() >= incoming.total as usize)
}
