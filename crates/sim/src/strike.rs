//! How faults strike, and how they are over.

use quarrel_protocol::{Fingerprint, Kinded, NodeId, NodeSet, Protocol};

use crate::cluster::Cluster;
use crate::decision::Endpoint;
use crate::effects::{count, plain};
use crate::fault::{Action, Fault, FaultClass};
use crate::node::Held;
use crate::observer::Observer;
use crate::queue::{Class, Entry, Tie, WORLD};
use crate::record::TraceEffect;

/// A restart is due: in the list of faults it has no entry of its own, so its slot says node and incarnation.
const RESTART: u8 = 1;

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    /// Adds a fault that the nemesis answered with.
    pub(crate) fn add_fault(&mut self, fault: Fault) {
        let mut fault = fault;
        if self.last_strike == Some(fault.at_ns) {
            // A replay knows both faults beforehand: within one instant it could not tell cause from answer.
            fault.at_ns = fault.at_ns.saturating_add(1);
        }
        if fault.at_ns < self.world.duration_ns {
            self.faults.push(fault);
            self.schedule_fault(self.faults.len() as u32 - 1);
        }
    }

    pub(crate) fn schedule_fault(&mut self, index: u32) {
        let fault = &self.faults[index as usize];
        // What would begin as everything ends is no fault.
        let stays = fault.at_ns > self.world.duration_ns && self.world.liveness.is_some();
        if fault.at_ns < self.world.duration_ns || stays {
            let tie = Tie::new(WORLD, Class::FaultStart, 0, 0, 0, fault.digest() as u32);
            self.queue.push(Entry { time: fault.at_ns, tie, slot: index });
        }
    }

    /// When a fault that strikes now is over: the world heals all that is left.
    fn over_at(&self, lasting_ns: Option<u64>) -> u64 {
        self.over(self.now, lasting_ns)
    }

    /// When a fault that struck then is over. What strikes after the healing stays.
    fn over(&self, at_ns: u64, lasting_ns: Option<u64>) -> u64 {
        if at_ns > self.world.duration_ns {
            return u64::MAX;
        }
        lasting_ns.map_or(u64::MAX, |lasting| at_ns.saturating_add(lasting)).min(self.world.duration_ns)
    }

    /// A fault strikes.
    pub(crate) fn strike(&mut self, index: u32) {
        let fault = self.faults[index as usize].clone();
        let over = self.over_at(fault.lasting_ns);
        self.last_strike = Some(self.now);
        self.open(None, fault.digest(), "fault", || (fault.to_string(), None, None));
        let all = NodeSet::all(self.nodes.len());
        match fault.action {
            Action::Crash { nodes } => nodes.intersection(all).iter().for_each(|node| self.crash(node, over)),
            Action::Wipe { nodes } => {
                for node in nodes.intersection(all).iter() {
                    self.crash(node, over);
                    self.nodes[node.index()].disk.wipe();
                    self.suffer(FaultClass::Wipe);
                }
            }
            Action::CrashAtWrite { node, write } => {
                if let Some(node) = self.nodes.get_mut(node.index()).filter(|_| write > 0) {
                    node.crash_at_write = Some((write, fault.lasting_ns));
                }
            }
            Action::Pause { nodes } => {
                for node in nodes.intersection(all).iter() {
                    self.begin_pause(node, over);
                }
            }
            Action::Expire { node, ref timer } => self.expire(node, timer),
            Action::Partition { .. }
            | Action::Clog { .. }
            | Action::Lose { .. }
            | Action::Clock { .. }
            | Action::SlowDisk { .. } => {
                self.partitions += u64::from(matches!(fault.action, Action::Partition { .. }));
                self.active.push(index);
                self.lay_faults();
                let tie = Tie::new(WORLD, Class::FaultEnd, 0, 0, 0, fault.action.digest() as u32);
                self.queue.push(Entry { time: over, tie, slot: index });
            }
        }
        self.close();
    }

    /// A fault is over: a window closes, or a node comes back.
    pub(crate) fn end_fault(&mut self, slot: u32) {
        if slot & 1 << 31 != 0 {
            return self.restart(NodeId((slot & 0xff) as u8), slot >> 8 & 0x7f_ffff);
        }
        let fault = self.faults[slot as usize].clone();
        self.active.retain(|&active| active != slot);
        self.open(None, fault.action.digest(), "fault-over", || {
            (format!("over: {}", fault.action), None, None)
        });
        self.lay_faults();
        self.close();
    }

    /// Everything is healthy from now on. Faults that were to last have just ended, each by its own event.
    pub(crate) fn heal(&mut self) {
        self.chooser.heal();
        for node in &mut self.nodes {
            node.crash_at_write = None;
        }
        self.nemesis = Default::default();
        let core = self.start_healing();
        if core.is_some() || self.world.healing_ns > 0 {
            let all = NodeSet::all(self.nodes.len());
            self.open(None, 0, "heal", || {
                let partial = core.filter(|&core| core != all);
                let what = partial.map_or("everything heals".into(), |core| format!("{core} heal for good"));
                (what, None, None)
            });
            self.close();
        }
    }

    /// Lays all active windows over links, clocks and disks again.
    fn lay_faults(&mut self) {
        self.links.clear();
        for (node, &rate) in self.nodes.iter_mut().zip(&self.world.clock_ppm) {
            node.clock.run_at(self.now, rate);
            node.slow_disk_ns = 0;
        }
        let (everywhere, mut rates) = (self.nodes.len(), Vec::new());
        for &index in &self.active {
            let fault = &self.faults[index as usize];
            let over = self.over(fault.at_ns, fault.lasting_ns);
            match &fault.action {
                Action::Partition { cuts, .. } => {
                    cuts.iter().for_each(|&(from, to)| self.links.cut(from, to))
                }
                Action::Clog { links } => {
                    links.iter().for_each(|&(from, to)| self.links.clog(from, to, over))
                }
                Action::Lose { kind, from, to } => {
                    if let Some(kind) = self.lose_kinds.iter().position(|name| name == kind) {
                        self.links.aim(kind, *from, *to);
                    }
                }
                Action::Clock { node, rate_ppm } if node.index() < everywhere => {
                    self.nodes[node.index()].clock.run_at(self.now, *rate_ppm);
                    rates.push(*rate_ppm);
                }
                Action::SlowDisk { node, extra_ns } if node.index() < everywhere => {
                    let slow = &mut self.nodes[node.index()].slow_disk_ns;
                    *slow = slow.saturating_add(*extra_ns);
                }
                _ => {}
            }
        }
        rates.into_iter().for_each(|rate| self.note_rate(rate));
    }

    /// What is under way waits. What waits for ever is forgotten: a core that goes on talking to a node that stands
    /// still for good is no storm.
    #[cold]
    pub(crate) fn wait(&mut self, entry: Entry, until: u64) {
        if until == u64::MAX {
            self.slab.take(entry.slot);
        } else {
            if let (Some(turns), Some(flight)) = (&mut self.turns, self.slab.flight(entry.slot))
                && let (Endpoint::Node(from), Endpoint::Node(to)) = (flight.from, flight.to)
                && from != to
            {
                turns.hold(from, to, until);
            }
            self.queue.push(Entry { time: until, ..entry });
        }
    }

    fn expire(&mut self, id: NodeId, timer: &str) {
        let Some(kind) = P::Timer::KINDS.iter().position(|&name| name == timer) else { return };
        let Some(node) = self.nodes.get_mut(id.index()).filter(|node| node.is_up()) else { return };
        for slot in node.timers.expire(kind, self.now) {
            self.suffer(FaultClass::Expire);
            let name = self.nodes[id.index()].timers.name(slot);
            let tie = Tie::new(id.0, Class::Timer, 0, kind as u8, 0, name);
            self.queue.push(Entry { time: self.now, tie, slot });
        }
    }

    // --- Crashes and restarts ---

    /// The node crashes now, just before a write of the current step, and comes back after `outage`.
    pub(crate) fn crash_before_write(&mut self, id: NodeId, outage: Option<u64>) {
        self.suffer(FaultClass::CrashAtWrite);
        let over = self.over_at(outage);
        self.crash(id, over);
    }

    /// The node loses its memory now, and comes back at `over`.
    fn crash(&mut self, id: NodeId, over: u64) {
        if !self.nodes[id.index()].is_up() {
            return;
        }
        self.suffer(FaultClass::Crash);
        let unsynced = self.nodes[id.index()].disk.unsynced();
        let lost = if unsynced > 0 { self.chooser.lost(id, unsynced) } else { 0 };
        if lost > 0 {
            self.suffer(FaultClass::LostWrites);
        }
        self.words.word(lost);
        self.release_what_became_fact(id, lost);
        let node = &mut self.nodes[id.index()];
        node.down_since_ns = self.now;
        node.machine = None;
        node.timers = Default::default();
        node.disk.crash(lost);
        node.crash_at_write = None;
        self.end_pause(id);
        self.cut_departures(id, lost);
        self.observer.on_crash(id);
        let slot = 1 << 31 | (self.nodes[id.index()].incarnation & 0x7f_ffff) << 8 | u32::from(id.0);
        let tie = Tie::new(WORLD, Class::FaultEnd, id.0, RESTART, 0, 0);
        self.queue.push(Entry { time: over, tie, slot });
    }

    /// Writes that survive a crash although no sync had covered them are facts, and so are the announcements and the
    /// outputs that only waited for them: observers hear those, as if the crash had come a moment later and cut every
    /// message. So what a monitor has heard is exactly what the disk holds, and a snapshot on it holds nothing that
    /// nobody was heard to apply.
    fn release_what_became_fact(&mut self, id: NodeId, lost: u64) {
        let node = &mut self.nodes[id.index()];
        let durable = node.disk.written() - lost;
        for (needs, held) in std::mem::take(&mut node.held) {
            if needs <= durable && matches!(held, Held::Announce(_) | Held::Output(_)) {
                self.release(id, held);
            }
        }
    }

    /// Of what left the node at this very instant, a decision keeps the newest from leaving.
    fn cut_departures(&mut self, id: NodeId, lost: u64) {
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
            if lost > 0 {
                what += &format!(", losing {}", count(lost, "un-synced write", "un-synced writes"));
            }
            if cut > 0 {
                what += &format!(", and {cut} of {} messages do not leave", leaving.len());
            }
            TraceEffect { milestone: lost > 0 || cut > 0, ..plain("crash", what) }
        });
    }

    fn restart(&mut self, id: NodeId, incarnation: u32) {
        let node = &self.nodes[id.index()];
        if node.is_up() || node.incarnation & 0x7f_ffff != incarnation {
            return;
        }
        let records = node.disk.durable().len() as u64;
        self.open(Some(Endpoint::Node(id)), records, "restart", || {
            (format!("restarts with {} on its disk", count(records, "record", "records")), None, None)
        });
        self.start_node(id);
        self.close();
    }

    /// Builds the node from its disk.
    pub(crate) fn start_node(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        node.incarnation += 1;
        node.up_since_ns = self.now;
        self.set_clock(id);
        let node = &mut self.nodes[id.index()];
        node.machine = Some(P::recover(&self.config, id, node.disk.durable(), &mut self.effects));
        if let Some(machine) = &node.machine {
            self.observer.on_recover(id, machine);
        }
        self.settle(id);
    }
}
