//! A node as the world sees it: a machine that may be up or down, its disk, its timers, its clock.

use std::collections::VecDeque;

use quarrel_protocol::{After, Effect, Protocol};

use crate::clock::Clock;
use crate::disk::Disk;
use crate::struck::Pause;
use crate::timers::Timers;

/// One node.
pub(crate) struct Node<P: Protocol> {
    /// The machine; `None` while the node is down.
    pub(crate) machine: Option<P>,
    /// When it crashed last, and when it was started last.
    pub(crate) down_since_ns: u64,
    pub(crate) up_since_ns: u64,
    /// How often it was started.
    pub(crate) incarnation: u32,
    pub(crate) disk: Disk<P>,
    pub(crate) timers: Timers<P::Timer>,
    /// Effects that wait until so many writes are durable.
    pub(crate) held: VecDeque<(u64, Effect<P>)>,
    /// Until when it is paused.
    pub(crate) paused_until: u64,
    pub(crate) pause: Pause,
    pub(crate) clock: Clock,
    /// How much longer a sync takes now, in nanoseconds.
    pub(crate) slow_disk_ns: u64,
    /// Until when its disk is full.
    pub(crate) full_until: u64,
    /// Whether it has found that its disk is damaged, and does not start.
    pub(crate) is_damaged: bool,
    /// Crashes just before that many more writes, and then stays down for so long.
    pub(crate) crash_at_write: Option<(u32, Option<u64>)>,
    /// Messages sent to itself so far: their occurrence.
    pub(crate) to_itself: u32,
}

impl<P: Protocol> Default for Node<P> {
    fn default() -> Self {
        Self {
            machine: None,
            down_since_ns: 0,
            up_since_ns: 0,
            incarnation: 0,
            disk: Disk::default(),
            timers: Timers::default(),
            held: VecDeque::new(),
            paused_until: 0,
            pause: Pause::default(),
            clock: Clock::default(),
            slow_disk_ns: 0,
            full_until: 0,
            is_damaged: false,
            crash_at_write: None,
            to_itself: 0,
        }
    }
}

impl<P: Protocol> Node<P> {
    #[inline]
    pub(crate) fn is_up(&self) -> bool {
        self.machine.is_some()
    }

    /// A range on this node's clock, in the world's time: a fast clock makes it shorter.
    #[inline]
    pub(crate) fn in_world_time(&self, after: After) -> After {
        if self.clock.is_right() {
            return after;
        }
        After {
            min_ns: self.clock.in_world_time(after.min_ns),
            max_ns: self.clock.in_world_time(after.max_ns),
        }
    }
}
