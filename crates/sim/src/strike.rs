//! How faults strike, and how they are over.

use quarrel_protocol::{Fingerprint, Kinded, NodeId, NodeSet, Protocol};

use crate::cluster::Cluster;
use crate::decision::Endpoint;
use crate::fault::{Action, Deed, Fault, FaultClass};
use crate::nemesis::{Answer, Answered};
use crate::observer::Observer;
use crate::queue::{Class, Entry, Tie, WORLD};
use crate::time::SECOND;

/// How far ahead faults are drawn.
const DRAWN_AHEAD_NS: u64 = 20 * SECOND;

/// Faults that come one after the other.
#[derive(Default)]
pub(crate) struct Storm {
    faults: Option<Box<dyn Iterator<Item = Fault>>>,
    /// The first of them, once it is known.
    next: Option<Fault>,
}

impl Storm {
    pub(crate) fn new(mut faults: Box<dyn Iterator<Item = Fault>>) -> Self {
        let next = faults.next();
        Self { faults: Some(faults), next }
    }

    /// The next one, if it strikes by then.
    fn next_until(&mut self, until: u64) -> Option<Fault> {
        let fault = self.next.take_if(|fault| fault.at_ns <= until)?;
        self.next = self.faults.as_mut().and_then(Iterator::next);
        Some(fault)
    }

    fn is_over(&self) -> bool {
        self.next.is_none()
    }
}

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    /// Adds a fault that the nemesis answered with.
    pub(crate) fn add_answer(&mut self, answer: Answer) {
        let Answer { mut fault, node, class, before } = answer;
        if self.last_strike == Some(fault.at_ns) {
            // A replay knows both faults beforehand: within one instant it could not tell cause from answer.
            fault.at_ns = fault.at_ns.saturating_add(1);
        }
        if fault.at_ns < self.world.duration_ns {
            let index = self.place_fault(fault);
            self.answered.push(Answered { fault: index, node, class, is_withdrawn: false });
            if let Some(watch) = before {
                self.nemesis.await_step(index, node, watch);
            }
            self.schedule_fault(index);
        }
    }

    /// The position of a fault among the answers of the nemesis that have not struck, if it is one.
    fn answer_no(&self, fault: u32) -> Option<usize> {
        self.answered.iter().position(|answered| answered.fault == fault)
    }

    /// The node has taken the step that the answer was to come before.
    #[cold]
    pub(crate) fn withdraw(&mut self, fault: u32) {
        if let Some(position) = self.answer_no(fault) {
            self.answered[position].is_withdrawn = true;
            self.withdrawn += 1;
        }
    }

    /// Whether this is a fault that the nemesis has thought better of: it is none, and a replay knows nothing of it.
    #[cold]
    pub(crate) fn is_withdrawn(&self, fault: u32) -> bool {
        self.answer_no(fault).is_some_and(|position| self.answered[position].is_withdrawn)
    }

    /// Passes over a fault that is due, if the nemesis has thought better of it.
    #[cold]
    pub(crate) fn pass_over_withdrawn(&mut self, fault: u32) -> bool {
        let is_withdrawn = self.is_withdrawn(fault);
        if is_withdrawn && !self.keeps_faults {
            self.answered.retain(|answered| answered.fault != fault);
            self.withdrawn -= 1;
            self.forget_fault(fault);
        }
        is_withdrawn
    }

    /// An answer of the nemesis strikes a node that is up.
    fn count_answer(&mut self, fault: u32) {
        let Some(position) = self.answer_no(fault) else { return };
        let Answered { fault, node, class, .. } = self.answered.swap_remove(position);
        self.nemesis.forget(fault);
        if let Some(class) = class.filter(|_| self.nodes[node.index()].is_up()) {
            self.suffer(class);
        }
    }

    /// Asks for the faults of the next while.
    #[cold]
    pub(crate) fn draw_faults(&mut self) {
        self.drawn_until = self.drawn_until.saturating_add(DRAWN_AHEAD_NS);
        while let Some(fault) = self.storm.next_until(self.drawn_until) {
            let index = self.place_fault(fault);
            self.schedule_fault(index);
        }
        if self.storm.is_over() {
            self.drawn_until = u64::MAX;
        }
    }

    /// Where among all faults this one stands.
    fn place_fault(&mut self, fault: Fault) -> u32 {
        if let Some(index) = self.spare.pop() {
            self.faults[index as usize] = fault;
            return index;
        }
        self.faults.push(fault);
        self.faults.len() as u32 - 1
    }

    /// A fault is over, and nobody asks for it any more.
    fn forget_fault(&mut self, index: u32) {
        if !self.keeps_faults {
            self.spare.push(index);
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
    pub(crate) fn over_at(&self, lasting_ns: Option<u64>) -> u64 {
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
        self.count_answer(index);
        let all = NodeSet::all(usize::from(self.world.nodes));
        match fault.action {
            Action::Crash { nodes } => nodes.intersection(all).iter().for_each(|node| self.crash(node, over)),
            Action::Wipe { nodes } => {
                for node in nodes.intersection(all).iter() {
                    self.wipe(node, over);
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
            Action::BitRot { node, record } => {
                if let Some(node) = self.nodes.get_mut(node.index()) {
                    node.disk.rot(record);
                }
            }
            Action::ClockJump { node, by_ns } => self.set_forward(node, by_ns),
            Action::Partition { .. }
            | Action::Clog { .. }
            | Action::Lose { .. }
            | Action::Clock { .. }
            | Action::SlowDisk { .. }
            | Action::LyingDisk { .. }
            | Action::FullDisk { .. }
            | Action::Betray { .. } => {
                self.partitions += u64::from(matches!(fault.action, Action::Partition { .. }));
                self.active.push(index);
                self.lay_faults();
                let tie = Tie::new(WORLD, Class::FaultEnd, 0, 0, 0, fault.action.digest() as u32);
                self.queue.push(Entry { time: over, tie, slot: index });
                self.close();
                if let Action::Betray { node, deed: Deed::Twin { .. }, .. } = fault.action {
                    self.bring_in_twin(node);
                }
                return;
            }
        }
        self.forget_fault(index);
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
        self.forget_fault(slot);
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
            let all = NodeSet::all(usize::from(self.world.nodes));
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
        self.treason.clear();
        for (node, &rate) in self.nodes.iter_mut().zip(&self.world.clock_ppm) {
            node.clock.run_at(self.now, rate);
            node.slow_disk_ns = 0;
            node.full_until = 0;
            node.disk.lies = false;
        }
        let all = NodeSet::all(usize::from(self.world.nodes));
        let (everywhere, mut rates) = (usize::from(self.world.nodes), Vec::new());
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
                Action::LyingDisk { nodes } => {
                    nodes.intersection(all).iter().for_each(|node| self.nodes[node.index()].disk.lies = true);
                }
                Action::FullDisk { nodes } => {
                    for node in nodes.intersection(all).iter() {
                        let full = &mut self.nodes[node.index()].full_until;
                        *full = over.max(*full);
                    }
                }
                Action::Betray { node, to, deed } => self.treason.lay(*node, *to, deed.clone()),
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

    /// The node's clock is set forward, or back. Timers that run follow it.
    fn set_forward(&mut self, id: NodeId, by_ns: i64) {
        let Some(node) = self.nodes.get_mut(id.index()) else { return };
        node.clock.jump(self.now, by_ns);
        let moves_ns = node.clock.in_world_time(by_ns.unsigned_abs());
        let moved = node.timers.jump(self.now, moves_ns, by_ns > 0);
        if node.is_up() && (P::READS_CLOCK || moved.is_some()) {
            self.suffer(FaultClass::ClockJump);
            self.note_jump(by_ns);
        }
        for (slot, kind, time) in moved.unwrap_or_default() {
            let name = self.nodes[id.index()].timers.name(slot);
            let tie = Tie::new(id.0, Class::Timer, 0, kind, 0, name);
            self.queue.push(Entry { time, tie, slot });
        }
    }
}
