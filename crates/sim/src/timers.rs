//! A node's timers: a small table in which re-arming moves a field and never touches the queue.

use quarrel_protocol::{After, Fingerprint, Kinded, NodeId};

use crate::chooser::Chooser;
use crate::draw::{between, mix};

/// No event in the queue.
const NOT_QUEUED: u64 = u64::MAX;

/// One timer.
struct Slot<T> {
    timer: T,
    armed: bool,
    /// Whether the minimum has passed without re-arming, and the point was decided.
    mature: bool,
    /// When the minimum has passed; once mature, when it fires.
    due: u64,
    /// The range at which it was set last, in the world's time: the minimum, and how much wider it is.
    least: u64,
    spread: u64,
    /// When the event that speaks for this timer is due.
    queued: u64,
}

/// The timers of one node.
pub(crate) struct Timers<T> {
    slots: Vec<Slot<T>>,
}

/// What is to be done after a look at a timer.
pub(crate) enum Look<T> {
    /// Nothing: it was cancelled, or another event speaks for it.
    Nothing,
    /// Look again then. If its point was decided just now, that decision.
    Again(u64, Option<u64>),
    /// It fires. If its point was decided just now, that decision.
    Fires(T, Option<u64>),
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

/// The default point of a timer in a world that has healed and must come back. Staggered by rank, the same nodes would
/// meet in the same way again and again, and what is random in a protocol for that very reason would not be.
fn scattered(node: NodeId, kind: usize, begins_ns: u64, spread_ns: u64) -> u64 {
    between(mix(mix(begins_ns) ^ u64::from(node.0) << 8 ^ kind as u64), 0, spread_ns)
}

impl<T: Clone + Eq + Fingerprint + Kinded> Timers<T> {
    /// Arms a timer from `now`; the range is in the world's time. Returns its slot, and when to look at it if the
    /// queue does not know yet.
    #[inline]
    pub(crate) fn set(&mut self, timer: &T, now: u64, after: After) -> (u32, Option<u64>) {
        let due = now.saturating_add(after.min_ns);
        let (least, spread) = (after.min_ns, after.max_ns - after.min_ns);
        let position = self.slots.iter().position(|slot| slot.timer == *timer);
        let index = position.unwrap_or_else(|| {
            let (timer, queued) = (timer.clone(), NOT_QUEUED);
            self.slots.push(Slot { timer, armed: false, mature: false, due, least, spread, queued });
            self.slots.len() - 1
        });
        let slot = &mut self.slots[index];
        (slot.armed, slot.mature, slot.due) = (true, false, due);
        (slot.least, slot.spread) = (least, spread);
        let queue = slot.queued > due;
        if queue {
            slot.queued = due;
        }
        (index as u32, queue.then_some(due))
    }

    #[inline]
    pub(crate) fn cancel(&mut self, timer: &T) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.timer == *timer) {
            slot.armed = false;
        }
    }

    /// Looks at a timer because an event for it is due `now`.
    #[inline]
    pub(crate) fn look(
        &mut self,
        index: u32,
        now: u64,
        node: NodeId,
        nodes: usize,
        chooser: &mut Chooser,
    ) -> Look<T> {
        let Some(slot) = self.slots.get_mut(index as usize).filter(|slot| slot.queued == now) else {
            return Look::Nothing;
        };
        slot.queued = NOT_QUEUED;
        if !slot.armed {
            return Look::Nothing;
        }
        let mut decided = None;
        if !slot.mature && slot.due <= now {
            slot.mature = true;
            if slot.spread > 0 {
                // A node that was paused looks late: its clock went on, and the range began when it began.
                let answer = chooser.timer(node, slot.timer.kind(), slot.due, slot.spread);
                let default = || match chooser.scatters() {
                    false => slot.spread / (nodes as u64 + 1) * (u64::from(node.0) + 1),
                    true => scattered(node, slot.timer.kind(), slot.due, slot.spread),
                };
                let late = answer.checked_sub(1).map_or_else(default, |late| late.min(slot.spread));
                slot.due = slot.due.saturating_add(late);
                decided = Some(answer);
            }
        }
        if slot.due > now {
            slot.queued = slot.due;
            return Look::Again(slot.due, decided);
        }
        slot.armed = false;
        Look::Fires(slot.timer.clone(), decided)
    }

    /// What orders a timer among those of its kind that are due at the same instant: what it is, never its slot.
    #[inline]
    pub(crate) fn name(&self, index: u32) -> u32 {
        self.slots[index as usize].timer.digest() as u32
    }

    /// The node is paused: looks again when it goes on.
    pub(crate) fn defer(&mut self, index: u32, now: u64, until: u64) -> bool {
        match self.slots.get_mut(index as usize).filter(|slot| slot.queued == now) {
            Some(slot) => {
                slot.queued = until;
                slot.armed
            }
            None => false,
        }
    }

    /// The clock is set: what runs is due so much sooner (or later), at once if that is in the past. Returns what to
    /// look at before the queue does, by slot, kind and time; `None` if nothing runs.
    pub(crate) fn jump(&mut self, now: u64, by_ns: u64, sooner: bool) -> Option<Vec<(u32, u8, u64)>> {
        let mut moved = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| slot.armed) {
            slot.due = if sooner { slot.due.saturating_sub(by_ns) } else { slot.due.saturating_add(by_ns) };
            let time = slot.due.max(now);
            if time < slot.queued {
                slot.queued = time;
                moved.push((index as u32, slot.timer.kind() as u8, time));
            }
        }
        self.slots.iter().any(|slot| slot.armed).then_some(moved)
    }

    /// The longest range at which a timer of this kind was set last: its minimum and maximum, in the world's time.
    pub(crate) fn range(&self, kind: usize) -> Option<(u64, u64)> {
        let of_kind = self.slots.iter().filter(|slot| slot.timer.kind() == kind);
        of_kind.map(|slot| (slot.least, slot.least.saturating_add(slot.spread))).max_by_key(|&(_, most)| most)
    }

    /// Every armed timer of this kind runs out now. Returns the slots to look at.
    pub(crate) fn expire(&mut self, kind: usize, now: u64) -> Vec<u32> {
        let mut expired = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.armed && slot.timer.kind() == kind {
                (slot.mature, slot.due, slot.queued) = (true, now, now);
                expired.push(index as u32);
            }
        }
        expired
    }
}
