//! What a node writes: at once, with a sync, or not at all.

use quarrel_protocol::{Effect, Fingerprint, NodeId, Protocol};

use crate::cluster::Cluster;
use crate::decision::Endpoint;
use crate::effects::{count, plain};
use crate::fault::FaultClass;
use crate::observer::Observer;
use crate::queue::{Class, Entry, Tie};

/// Keep writes apart from the words of other effects in the digest.
const PERSIST: u64 = 1 << 40;
const COMPACT: u64 = 2 << 40;
/// Keeps the length of a sync apart from them.
const SYNC: u64 = 10 << 40;

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    /// Writes to the node's disk; `false` if the node crashed just before.
    #[inline(never)]
    pub(crate) fn write(&mut self, id: NodeId, write: &mut Effect<P>, sync_ns: &mut Option<u64>) -> bool {
        match write {
            Effect::Persist(record) => {
                self.words.mark(PERSIST);
                record.fingerprint(&mut self.words);
                self.note(|| plain("persist", record.to_string()));
            }
            Effect::Compact(records) => {
                self.words.mark(COMPACT);
                records.fingerprint(&mut self.words);
                self.note(|| plain("compact", format!("to {} records", records.len())));
            }
            _ => unreachable!("nothing else is written"),
        }
        let node = &self.nodes[id.index()];
        if (node.crash_at_write.is_some() || node.full_until > self.now) && self.fails_to_write(id) {
            return false;
        }
        if sync_ns.is_none() && !self.nodes[id.index()].disk.is_syncing() {
            *sync_ns = Some(self.sync_length(id));
        }
        let disk = &mut self.nodes[id.index()].disk;
        if *sync_ns == Some(0) && disk.is_clean() {
            disk.write_through(write);
        } else {
            disk.write(write);
        }
        true
    }

    /// What is written from now on stays behind what was written before. On a disk that keeps the order it does anyway.
    pub(crate) fn put_barrier(&mut self, id: NodeId) {
        let disk = &mut self.nodes[id.index()].disk;
        if self.world.unordered && !disk.is_clean() {
            disk.put_barrier();
            self.note(|| plain("barrier", "later writes wait for these".to_string()));
        }
    }

    /// Whether the node goes down instead: a crash before this write was planned, or there is no space for it.
    #[cold]
    fn fails_to_write(&mut self, id: NodeId) -> bool {
        let node = &mut self.nodes[id.index()];
        if node.full_until > self.now {
            // A node that cannot keep what it is about to promise must not go on: it stops until there is space.
            let over = node.full_until;
            self.suffer(FaultClass::FullDisk);
            self.note(|| plain("full", format!("there is no space on {id}'s disk")));
            self.crash(id, over);
            return true;
        }
        let Some((left, outage)) = &mut node.crash_at_write else { return false };
        *left -= 1;
        if *left > 0 {
            return false;
        }
        let outage = *outage;
        node.crash_at_write = None;
        self.crash_before_write(id, outage);
        true
    }

    /// Decides how long the next sync of the node's disk takes.
    #[inline(always)]
    fn sync_length(&mut self, id: NodeId) -> u64 {
        let me = self.identity(id);
        let node = &mut self.nodes[id.index()];
        let extra = self.chooser.sync(me).saturating_add(node.slow_disk_ns);
        node.disk.slowed = extra > 0;
        self.words.mark(SYNC);
        self.words.word(extra);
        self.world.sync_ns[id.index()].saturating_add(extra)
    }

    /// Starts a sync if there is something to sync and none runs. `decided` is its length if that was asked for.
    #[inline(never)]
    pub(crate) fn start_sync(&mut self, id: NodeId, decided: Option<u64>) {
        let node = &self.nodes[id.index()];
        if node.disk.is_clean() || node.disk.is_syncing() || !node.is_up() {
            return;
        }
        let length = decided.unwrap_or_else(|| self.sync_length(id));
        let node = &mut self.nodes[id.index()];
        let slowed = node.disk.slowed;
        node.disk.start_sync(slowed, self.now);
        let tie = Tie::new(id.0, Class::Sync, 0, 0, 0, 0);
        self.queue.push(Entry { time: self.now.saturating_add(length), tie, slot: node.incarnation });
    }

    /// A sync is complete: what waited for it leaves.
    pub(crate) fn finish_sync(&mut self, entry: Entry) {
        let id = NodeId(entry.tie.destination());
        let node = &mut self.nodes[id.index()];
        if !node.is_up() || node.incarnation != entry.slot {
            return;
        }
        if node.paused_until > self.now {
            let time = node.paused_until;
            if !node.held.is_empty() {
                // What a message needs to leave is complete, and nobody is there to send it.
                self.suffer_pause(id);
            }
            self.note_sync(id);
            self.queue.push(Entry { time, ..entry });
            return;
        }
        self.note_sync(id);
        let node = &mut self.nodes[id.index()];
        node.disk.finish_sync();
        let synced = node.disk.synced();
        if node.disk.slowed && !node.held.is_empty() {
            self.suffer(FaultClass::SlowDisk);
        }
        self.open(Some(Endpoint::Node(id)), synced, "sync", || {
            (format!("{} durable", count(synced, "write is", "writes are")), None, None)
        });
        while self.nodes[id.index()].held.front().is_some_and(|&(needs, _)| needs <= synced) {
            if let Some((_, mut held)) = self.nodes[id.index()].held.pop_front() {
                self.release(id, &mut held);
            }
        }
        self.start_sync(id, None);
        self.close();
    }
}
