//! Crashes and restarts: what a crash leaves of a node, and what becomes of that.

use std::fmt::{self, Display};

use quarrel_protocol::{Effect, NodeId, Protocol};

use crate::cluster::Cluster;
use crate::decision::{Endpoint, Remains};
use crate::effects::{count, plain};
use crate::fault::FaultClass;
use crate::observer::Observer;
use crate::queue::{Class, Entry, Tie, WORLD};
use crate::record::TraceEffect;

/// A restart is due: in the list of faults it has no entry of its own, so its slot says node and incarnation.
const RESTART: u8 = 1;
/// Marks what remains of writes in the digest, where it is not a whole number of them.
const REMAINS: u64 = 13 << 40;
/// Marks unreadable records in the digest.
const UNREADABLE: u64 = 14 << 40;

/// What a crash takes.
#[derive(Default)]
struct Losses {
    /// What remains of each write that was not on the disk, from the oldest on.
    remains: Vec<Remains>,
    /// How many of them are gone, half of one counting as gone.
    lost: u64,
    /// How many a sync had reported done.
    lied: u64,
    /// Of how many a half is left.
    torn: u64,
    /// Whether one is gone and a later one is not.
    is_hole: bool,
    /// How many of all writes ever made are on the disk with all before them.
    facts: u64,
}

impl Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unsynced = self.lost - self.lied;
        if self.lied > 0 {
            write!(
                f,
                ", losing {}",
                count(
                    self.lied,
                    "write that a sync had reported done",
                    "writes that a sync had reported done"
                )
            )?;
        }
        if unsynced > 0 {
            let lead = if self.lied > 0 { " and" } else { ", losing" };
            write!(f, "{lead} {}", count(unsynced, "un-synced write", "un-synced writes"))?;
        }
        if self.is_hole {
            f.write_str(" but not all that came later")?;
        }
        match self.torn {
            0 => Ok(()),
            1 => f.write_str(", one of them half-written"),
            torn => write!(f, ", {torn} of them half-written"),
        }
    }
}

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    /// The node crashes now, just before a write of the current step, and comes back after `outage`.
    pub(crate) fn crash_before_write(&mut self, id: NodeId, outage: Option<u64>) {
        self.suffer(FaultClass::CrashAtWrite);
        let over = self.over_at(outage);
        self.crash(id, over);
    }

    /// The node loses its memory now, and comes back at `over`.
    pub(crate) fn crash(&mut self, id: NodeId, over: u64) {
        if !self.nodes[id.index()].is_up() {
            return;
        }
        self.suffer(FaultClass::Crash);
        let losses = self.decide_losses(id);
        self.release_what_became_fact(id, losses.facts);
        let node = &mut self.nodes[id.index()];
        node.down_since_ns = self.now;
        node.machine = None;
        node.timers = Default::default();
        node.disk.crash(&losses.remains);
        node.crash_at_write = None;
        self.end_pause(id);
        self.cut_departures(id, &losses);
        if !self.treason.is_traitor(id) {
            self.observer.on_crash(id);
        }
        self.schedule_restart(id, over);
    }

    fn schedule_restart(&mut self, id: NodeId, over: u64) {
        let slot = 1 << 31 | (self.nodes[id.index()].incarnation & 0x7f_ffff) << 8 | u32::from(id.0);
        let tie = Tie::new(WORLD, Class::FaultEnd, id.0, RESTART, 0, 0);
        self.queue.push(Entry { time: over, tie, slot });
    }

    /// Decides what a crash leaves of the writes that are not on the disk. What the disk has lied about is gone.
    fn decide_losses(&mut self, id: NodeId) -> Losses {
        let disk = &self.nodes[id.index()].disk;
        let (lied, unsynced) = (disk.lied(), disk.unsynced());
        let mut losses = Losses { lied, facts: disk.written(), ..Losses::default() };
        if self.world.unordered {
            losses.remains = vec![Remains::Nothing; lied as usize];
            losses.remains.extend((0..unsynced).map(|_| self.chooser.remains(id)));
            // A disk that lies about syncs lies about those at barriers too, but for what it has not yet been asked to sync.
            self.nodes[id.index()].disk.hold_back(&mut losses.remains[lied as usize..]);
        } else {
            let drawn = if unsynced > 0 { self.chooser.lost(id, unsynced) } else { 0 };
            let lost = if lied > 0 { lied + unsynced } else { drawn };
            let torn = lost > 0 && self.chooser.torn(id);
            losses.remains = vec![Remains::Whole; (lied + unsynced - lost) as usize];
            losses.remains.resize((lied + unsynced) as usize, Remains::Nothing);
            if torn {
                losses.remains[(lied + unsynced - lost) as usize] = Remains::Half;
            }
        }
        self.count_losses(id, &mut losses);
        losses
    }

    fn count_losses(&mut self, id: NodeId, losses: &mut Losses) {
        let is_gone = |remains: &Remains| *remains != Remains::Whole;
        let all = losses.remains.len() as u64;
        losses.lost = losses.remains.iter().filter(|remains| is_gone(remains)).count() as u64;
        losses.torn = losses.remains.iter().filter(|remains| **remains == Remains::Half).count() as u64;
        let first = losses.remains.iter().position(is_gone).map_or(all, |first| first as u64);
        losses.is_hole = losses.lost < all - first;
        // What waits for writes waits for all before them: a fact is what is on the disk up to the first that is not.
        losses.facts -= if losses.lied > 0 { all - losses.lied } else { all - first };
        if losses.lost > 0 {
            self.suffer(FaultClass::LostWrites);
        }
        self.words.word(losses.lost);
        if losses.torn > 0 || losses.is_hole {
            self.words.mark(REMAINS);
            losses.remains.iter().for_each(|remains| self.words.word(remains.encode()));
        }
        let classes = [
            (losses.torn > 0, FaultClass::TornRecord),
            (losses.is_hole, FaultClass::UnorderedLoss),
            (losses.lied > 0, FaultClass::LyingSync),
        ];
        classes.into_iter().filter(|&(has, _)| has).for_each(|(_, class)| self.suffer(class));
        if losses.lied > 0 {
            self.forget(id);
        }
    }

    /// Writes that survive a crash although no sync had covered them are facts, and so are the announcements and the
    /// outputs that only waited for them: observers hear those, as if the crash had come a moment later and cut every
    /// message. So what a monitor has heard is exactly what the disk holds, and a snapshot on it holds nothing that
    /// nobody was heard to apply. (Where writes reach the disk in any order it may hold more: what nobody was told of.)
    fn release_what_became_fact(&mut self, id: NodeId, facts: u64) {
        let node = &mut self.nodes[id.index()];
        for (needs, mut held) in std::mem::take(&mut node.held) {
            if needs <= facts && matches!(held, Effect::Announce(_) | Effect::Output(_)) {
                self.release(id, &mut held);
            }
        }
    }

    /// Of what left the node at this very instant, a decision keeps the newest from leaving.
    fn cut_departures(&mut self, id: NodeId, losses: &Losses) {
        let me = Endpoint::Node(id);
        let mine = |(_, flight): &(u32, &crate::flight::Flight)| flight.from == me && flight.to != me;
        let under_way = self.slab.iter().filter(mine).count();
        self.crashes_mid_flight += u64::from(under_way > 0);
        let mut copies: Vec<(u64, u32, u32)> = (self.slab.iter().filter(mine))
            .filter(|(_, flight)| flight.sent_at == self.now)
            .map(|(slot, flight)| (flight.cause, flight.order, slot))
            .collect();
        copies.sort_unstable();
        // A message that would arrive twice left once.
        let mut leaving: Vec<(u64, u32)> = copies.iter().map(|&(cause, order, _)| (cause, order)).collect();
        leaving.dedup();
        let cut = if leaving.is_empty() { 0 } else { self.chooser.cut(id, leaving.len() as u64) };
        self.words.word(cut);
        let stays = &leaving[leaving.len() - cut as usize..];
        for (cause, order, slot) in copies {
            if stays.contains(&(cause, order)) {
                self.slab.strike(slot);
            }
        }
        if cut > 0 {
            self.suffer(FaultClass::CutBroadcast);
        }
        self.note(|| {
            let mut what = format!("{id} crashes");
            what += &losses.to_string();
            if cut > 0 {
                what += &format!(", and {cut} of {} messages do not leave", leaving.len());
            }
            TraceEffect { milestone: losses.lost > 0 || cut > 0, ..plain("crash", what) }
        });
    }

    pub(crate) fn restart(&mut self, id: NodeId, incarnation: u32) {
        let node = &mut self.nodes[id.index()];
        if node.is_up() || node.incarnation & 0x7f_ffff != incarnation {
            return;
        }
        let scan = node.disk.scan(self.world.unordered);
        let records = node.disk.durable().len() as u64;
        if let Some(record) = scan.damaged {
            return self.refuse_to_start(id, record, records);
        }
        self.open(Some(Endpoint::Node(id)), records, "restart", || {
            let dropped = match scan.dropped {
                0 => String::new(),
                1 => "; 1 is unreadable, and dropped as if half-written".to_string(),
                dropped => format!("; {dropped} are unreadable, and dropped as if half-written"),
            };
            (
                format!("restarts with {} on its disk{dropped}", count(records, "record", "records")),
                None,
                None,
            )
        });
        if scan.dropped > 0 {
            self.words.mark(UNREADABLE);
            self.words.word(scan.dropped);
        }
        (0..scan.rotten).for_each(|_| self.suffer(FaultClass::BitRot));
        if scan.rotten > 0 {
            self.forget(id);
        }
        self.start_node(id);
        self.close();
    }

    /// The node finds that its disk has lost what it had promised to keep. It does not start with a hole: it stays down,
    /// and whatever it had promised is kept.
    #[cold]
    fn refuse_to_start(&mut self, id: NodeId, record: u64, records: u64) {
        self.nodes[id.index()].is_damaged = true;
        self.open(Some(Endpoint::Node(id)), record, "damage", || {
            (
                format!("finds record {record} of {records} on its disk unreadable, and does not start"),
                None,
                None,
            )
        });
        self.suffer(FaultClass::BitRot);
        self.close();
    }

    /// The disks of the nodes are lost, and so is what they remember. One that did not start for the damage on its disk
    /// has another now.
    pub(crate) fn wipe(&mut self, id: NodeId, over: u64) {
        self.crash(id, over);
        let node = &mut self.nodes[id.index()];
        node.disk.wipe();
        if std::mem::take(&mut node.is_damaged) {
            self.schedule_restart(id, over);
        }
        self.suffer(FaultClass::Wipe);
        self.forget(id);
    }

    /// Builds the node from its disk.
    pub(crate) fn start_node(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        node.incarnation += 1;
        node.up_since_ns = self.now;
        let mut effects = self.effects.take().unwrap_or_default();
        self.set_clock(id, &mut effects);
        let me = self.identity(id);
        let node = &mut self.nodes[id.index()];
        let machine = P::recover(&self.config, me, node.disk.durable(), &mut effects);
        node.machine = Some(machine);
        if let Some(machine) = node.machine.as_ref().filter(|_| !self.treason.is_traitor(id)) {
            self.observer.on_recover(id, machine);
        }
        self.settle(id, effects);
    }
}
