//! What struck in a run: what tells whether the world kept within what a protocol assumes of it.

use quarrel_protocol::{NodeId, NodeSet, Protocol};

use crate::cluster::Cluster;
use crate::decision::Endpoint;
use crate::fault::{FaultClass, FaultCounts};
use crate::observer::Observer;

/// What struck until a run ended: where a property broke, until it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Struck {
    /// How often each class of faults changed something.
    pub faults: FaultCounts,
    /// The longest that a message from node to node was under way, in nanoseconds: from its handing to the network to
    /// its arrival at a node that is up, or to the end of the run. One that was lost or cut does not count, and a
    /// receiver that stands still is a pause.
    pub message_ns: u64,
    /// The longest that a sync of a disk took, or has taken at the end, in nanoseconds.
    pub sync_ns: u64,
    /// The longest that a node stood still while something waited for it, in nanoseconds.
    pub pause_ns: u64,
    /// The greatest rate error that a node's clock had, in parts per million: fast or slow.
    pub clock_ppm: u32,
    /// The furthest that a node's clock jumped while anybody noticed, in nanoseconds of that clock: forward or back.
    pub jump_ns: u64,
    /// Who was a traitor. Nobody vouches for what these say of themselves, so that alone is more than some monitors can
    /// live with, whether or not a deed of theirs changed anything.
    pub traitors: NodeSet,
    /// Who lost what it had promised to keep: its disk, or records on it that a sync had covered or was said to have. It
    /// may answer as if it had never been there, and where nodes may lie it counts as one that does.
    pub forgetful: NodeSet,
}

impl Struck {
    /// How often this class changed something.
    #[must_use]
    pub const fn of(&self, class: FaultClass) -> u64 {
        self.faults.of(class)
    }
}

/// A pause of a node.
#[derive(Clone, Copy, Default)]
pub(crate) struct Pause {
    since_ns: u64,
    until_ns: u64,
    /// Whether something had to wait.
    has_struck: bool,
}

impl Pause {
    /// How long it has lasted by then, if anybody noticed.
    fn length(self, now: u64) -> u64 {
        if self.has_struck { self.until_ns.min(now).saturating_sub(self.since_ns) } else { 0 }
    }
}

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    /// A fault changes something.
    pub(crate) fn suffer(&mut self, class: FaultClass) {
        self.struck.faults.strike(class);
        self.observer.on_fault(class);
    }

    /// The node has lost what it had promised to keep.
    pub(crate) fn forget(&mut self, id: NodeId) {
        self.struck.forgetful.insert(self.identity(id));
        if !self.treason.is_traitor(id) {
            self.observer.on_amnesia(id);
        }
    }

    /// Something waits because this node stands still.
    pub(crate) fn suffer_pause(&mut self, id: NodeId) {
        self.nodes[id.index()].pause.has_struck = true;
        self.suffer(FaultClass::Pause);
    }

    /// The node stands still from now on, until then at least.
    pub(crate) fn begin_pause(&mut self, id: NodeId, until_ns: u64) {
        let now = self.now;
        let node = &mut self.nodes[id.index()];
        node.paused_until = until_ns.max(node.paused_until);
        if node.pause.until_ns <= now {
            self.struck.pause_ns = self.struck.pause_ns.max(node.pause.length(now));
            node.pause = Pause { since_ns: now, ..Pause::default() };
        }
        node.pause.until_ns = node.paused_until;
    }

    /// The node stands still no longer.
    pub(crate) fn end_pause(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        node.paused_until = 0;
        self.struck.pause_ns = self.struck.pause_ns.max(node.pause.length(self.now));
        node.pause = Pause::default();
    }

    /// A clock runs at this rate.
    pub(crate) fn note_rate(&mut self, rate_ppm: i32) {
        self.struck.clock_ppm = self.struck.clock_ppm.max(rate_ppm.unsigned_abs());
    }

    /// A clock jumped.
    pub(crate) fn note_jump(&mut self, by_ns: i64) {
        self.struck.jump_ns = self.struck.jump_ns.max(by_ns.unsigned_abs());
    }

    /// A message reaches the node it is for, be it that this one stands still: what it suffers from now on is not the
    /// network's doing.
    #[inline]
    pub(crate) fn note_arrival(&mut self, sent_at: u64) {
        self.struck.message_ns = self.struck.message_ns.max(self.now - sent_at);
    }

    /// The disk has taken so long since its sync began. What a pause adds is not the disk's doing.
    pub(crate) fn note_sync(&mut self, id: NodeId) {
        let disk = &mut self.nodes[id.index()].disk;
        let took = self.now.saturating_sub(disk.began_ns);
        disk.began_ns = u64::MAX;
        self.struck.sync_ns = self.struck.sync_ns.max(took);
    }

    /// What struck until now, with what has no end yet.
    pub(crate) fn struck_by_now(&self) -> Struck {
        let mut struck = self.struck;
        for node in &self.nodes {
            struck.pause_ns = struck.pause_ns.max(node.pause.length(self.now));
            if node.is_up() && node.disk.is_syncing() {
                struck.sync_ns = struck.sync_ns.max(self.now.saturating_sub(node.disk.began_ns));
            }
        }
        for (_, flight) in self.slab.iter() {
            let (Endpoint::Node(from), Endpoint::Node(to)) = (flight.from, flight.to) else { continue };
            if from != to && !flight.has_reached {
                // What a traitor still keeps back is not under way.
                struck.message_ns = struck.message_ns.max(self.now.saturating_sub(flight.sent_at));
            }
        }
        struck
    }
}
