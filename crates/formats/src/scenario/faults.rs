//! `[faults]` as values: what strikes again and again, and what answers announcements.

use quarrel_sim::fault::Shape;
use quarrel_sim::world::When;

use super::model::Draw;

/// `[faults.<class>]`: a class of faults that strikes again and again while it is on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recurring {
    /// What strikes.
    pub strikes: Strikes,
    /// Probability that the class is on in a run. Default certain.
    pub chance_ppm: u32,
    /// The gap between one fault of the class and the next; at least 1 ms.
    pub every_ns: Draw<u64>,
    /// How long each fault lasts; at least 1 ns. Nothing for what strikes at one instant.
    pub lasting_ns: Draw<u64>,
}

/// What a recurring class of faults does. Whom it strikes is drawn each time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Strikes {
    /// `crash`: a node crashes.
    Crash,
    /// `crash-all`: all nodes crash at the same instant.
    CrashAll,
    /// `crash-at-write`: a node crashes just before one of its next writes.
    CrashAtWrite {
        /// Which, counted from 1. Default 1 to 8.
        write: Draw<u32>,
    },
    /// `pause`: a node stalls.
    Pause,
    /// `wipe`: a node crashes and loses its disk.
    Wipe {
        /// Who. Default anybody.
        whom: Whom,
    },
    /// `partition`: the network is cut.
    Partition {
        /// The shapes to draw from; never empty, never [`Shape::Groups`]. Default all.
        shapes: Vec<Shape>,
    },
    /// `clog`: a link holds its messages.
    Clog,
    /// `swizzle`: the links of some nodes clog one after the other and clear in another order.
    Swizzle,
    /// `aimed-loss`: messages of one kind are lost.
    AimedLoss {
        /// The kinds to draw from; empty means all.
        kinds: Vec<String>,
        /// On which links; never empty. Default all that it takes to starve a node, a sender or everybody.
        links: Vec<Starved>,
    },
    /// `clock`: a node's clock runs at another rate.
    Clock {
        /// The rate error, either way, in parts per million; 1 to 900,000. Default 10,000 to 100,000.
        drift_ppm: Draw<u32>,
    },
    /// `slow-disk`: a node's disk syncs take longer.
    SlowDisk {
        /// How much longer. Default 1 ms to 50 ms.
        extra_ns: Draw<u64>,
    },
    /// `lying-disk`: a node's disk reports syncs done that are not.
    LyingDisk,
    /// `full-disk`: a node's disk is full.
    FullDisk,
    /// `bit-rot`: a durable record of a node becomes unreadable.
    BitRot {
        /// Which, counted from 1 for the newest. Default 1 to 8.
        record: Draw<u32>,
    },
    /// `clock-jump`: a node's clock is set.
    ClockJump {
        /// How far. Default 10 ms to 1 s.
        by_ns: Draw<u64>,
        /// Which way; never empty. Default both.
        ways: Vec<Way>,
    },
}

/// On which links messages of a kind are lost. Who is at their ends is drawn each time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Starved {
    /// `to-one`: from everybody to one node.
    ToOne,
    /// `from-one`: from one node to everybody.
    FromOne,
    /// `everywhere`: from everybody to everybody.
    Everywhere,
    /// `one-link`: from one node to another.
    OneLink,
    /// `to-some`: from everybody to some nodes.
    ToSome,
}

impl Starved {
    /// Those that a class draws from that names none.
    pub const USUAL: [Self; 3] = [Starved::ToOne, Starved::FromOne, Starved::Everywhere];
}

/// Whose disks are lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whom {
    /// Anybody's.
    Anybody,
    /// Only those of traitors, so that with those who forget there are no more Byzantine nodes than without.
    Traitors,
}

/// Which way a clock jumps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// It skips time.
    Forward,
    /// It goes through some time twice.
    Back,
}

impl Strikes {
    /// The name of the class in files.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Strikes::Crash => "crash",
            Strikes::CrashAll => "crash-all",
            Strikes::CrashAtWrite { .. } => "crash-at-write",
            Strikes::Pause => "pause",
            Strikes::Wipe { .. } => "wipe",
            Strikes::Partition { .. } => "partition",
            Strikes::Clog => "clog",
            Strikes::Swizzle => "swizzle",
            Strikes::AimedLoss { .. } => "aimed-loss",
            Strikes::Clock { .. } => "clock",
            Strikes::SlowDisk { .. } => "slow-disk",
            Strikes::LyingDisk => "lying-disk",
            Strikes::FullDisk => "full-disk",
            Strikes::BitRot { .. } => "bit-rot",
            Strikes::ClockJump { .. } => "clock-jump",
        }
    }

    /// Whether it strikes at one instant: there is nothing that could last.
    #[must_use]
    pub const fn is_instant(&self) -> bool {
        matches!(self, Strikes::BitRot { .. } | Strikes::ClockJump { .. })
    }
}

/// `[faults.leader]`: whoever announces something is struck for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reactive {
    /// What it watches for: a run draws one of these; never empty.
    pub on: Vec<When>,
    /// Probability that the nemesis is on in a run. Default certain.
    pub chance_ppm: u32,
    /// Probability that it reacts to one announcement. Default certain.
    pub probability_ppm: u32,
    /// How long after the announcement: least and most. Default 0 and 0.
    pub after_ns: (u64, u64),
    /// How long each fault lasts.
    pub lasting: Lasts,
    /// What it does; never empty. Default all three.
    pub actions: Vec<Reflex>,
}

/// How long what answers an announcement lasts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lasts {
    /// From the first to the second, in nanoseconds.
    Between(u64, u64),
    /// As long as a timer of this kind lasts, on the node where it lasts longest.
    AsTimer(String),
}

/// `[faults.slow-leader]`: whoever announces something has from then on the slowest of all clocks, and is isolated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlowLeader {
    /// What it watches for: a run draws one of these; never empty.
    pub on: Vec<When>,
    /// Probability that the nemesis is on in a run. Default certain.
    pub chance_ppm: u32,
    /// Probability that it reacts to one announcement. Default certain.
    pub probability_ppm: u32,
    /// How long after the announcement the node is isolated: least and most. Default 0 and 0.
    pub after_ns: (u64, u64),
    /// How long it is isolated: least and most.
    pub lasting_ns: (u64, u64),
    /// How much its clock loses, and those of all others gain, until it is back: least and most, in parts per million.
    pub drift_ppm: (u32, u32),
}

/// `[faults.crash-between]`: whoever announces one step crashes before it announces the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Between {
    /// The step: a run draws one of these; never empty.
    pub first: Vec<When>,
    /// The next step, of the same node.
    pub then: When,
    /// Probability that the nemesis is on in a run. Default certain.
    pub chance_ppm: u32,
    /// Probability that it reacts to one announcement. Default certain.
    pub probability_ppm: u32,
    /// How long after the first step: least and most. Default 0 and 0.
    pub after_ns: (u64, u64),
    /// How long each outage lasts: least and most.
    pub lasting_ns: (u64, u64),
}

/// What can be done when a node has announced something: to it, or to the one that announced it before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reflex {
    /// It is isolated.
    Isolate,
    /// Whoever announced the same before is isolated, if that was another node.
    IsolateFormer,
    /// It crashes.
    Crash,
    /// It stalls.
    Pause,
}
