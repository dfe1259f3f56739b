//! The classes of faults that a report counts, and how often each changed something.

use serde::{Deserialize, Serialize};

/// The classes of faults that a report counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum FaultClass {
    /// A message was lost by chance.
    Loss,
    /// A message arrived twice.
    Duplication,
    /// A message was held up.
    Delay,
    /// A message was overtaken by a later one on its link.
    Reordering,
    /// A partition cut a message.
    Partition,
    /// A clog held a message.
    Clog,
    /// A fault aimed at a message kind lost one.
    AimedLoss,
    /// A running node crashed.
    Crash,
    /// A node crashed just before a write.
    CrashAtWrite,
    /// A crash took un-synced records with it.
    LostWrites,
    /// A crash cut what was leaving the node at that instant.
    CutBroadcast,
    /// A disk was lost.
    Wipe,
    /// An input waited for a paused node.
    Pause,
    /// A drifting clock moved a timer.
    ClockDrift,
    /// A slow disk held an effect back.
    SlowDisk,
    /// A timer ran out early by order of the schedule.
    Expire,
    /// A crash left a write half-done, which its checksum tells.
    TornRecord,
    /// A crash took an un-synced write and left a later one.
    UnorderedLoss,
    /// A crash took records that a sync had reported done.
    LyingSync,
    /// A node found a record on its disk damaged.
    BitRot,
    /// A write failed on a full disk, and its node went down.
    FullDisk,
    /// A clock that jumped moved a timer, or was read.
    ClockJump,
    /// A nemesis struck whoever had just announced something.
    Hunt,
    /// A node crashed between two steps that it announces.
    CrashBetween,
    /// A node stalled, just after a step, for as long as a timer runs.
    PauseAcrossTimer,
    /// An operator's order reached a node while the network was cut.
    OrderInPartition,
    /// A traitor kept a message back.
    TraitorMute,
    /// A traitor sent a message late.
    TraitorDelay,
    /// A traitor sent an old message again.
    TraitorReplay,
    /// A traitor sent a lie.
    TraitorLie,
    /// A twin of a node was heard, or heard something.
    Twin,
}

impl FaultClass {
    /// All classes, in order.
    pub const ALL: [FaultClass; 31] = [
        FaultClass::Loss,
        FaultClass::Duplication,
        FaultClass::Delay,
        FaultClass::Reordering,
        FaultClass::Partition,
        FaultClass::Clog,
        FaultClass::AimedLoss,
        FaultClass::Crash,
        FaultClass::CrashAtWrite,
        FaultClass::LostWrites,
        FaultClass::CutBroadcast,
        FaultClass::Wipe,
        FaultClass::Pause,
        FaultClass::ClockDrift,
        FaultClass::SlowDisk,
        FaultClass::Expire,
        FaultClass::TornRecord,
        FaultClass::UnorderedLoss,
        FaultClass::LyingSync,
        FaultClass::BitRot,
        FaultClass::FullDisk,
        FaultClass::ClockJump,
        FaultClass::Hunt,
        FaultClass::CrashBetween,
        FaultClass::PauseAcrossTimer,
        FaultClass::OrderInPartition,
        FaultClass::TraitorMute,
        FaultClass::TraitorDelay,
        FaultClass::TraitorReplay,
        FaultClass::TraitorLie,
        FaultClass::Twin,
    ];

    /// The name in reports and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FaultClass::Loss => "loss",
            FaultClass::Duplication => "duplication",
            FaultClass::Delay => "delay",
            FaultClass::Reordering => "reordering",
            FaultClass::Partition => "partition",
            FaultClass::Clog => "clog",
            FaultClass::AimedLoss => "aimed-loss",
            FaultClass::Crash => "crash",
            FaultClass::CrashAtWrite => "crash-at-write",
            FaultClass::LostWrites => "lost-writes",
            FaultClass::CutBroadcast => "cut-broadcast",
            FaultClass::Wipe => "wipe",
            FaultClass::Pause => "pause",
            FaultClass::ClockDrift => "clock-drift",
            FaultClass::SlowDisk => "slow-disk",
            FaultClass::Expire => "expire",
            FaultClass::TornRecord => "torn-record",
            FaultClass::UnorderedLoss => "unordered-loss",
            FaultClass::LyingSync => "lying-sync",
            FaultClass::BitRot => "bit-rot",
            FaultClass::FullDisk => "full-disk",
            FaultClass::ClockJump => "clock-jump",
            FaultClass::Hunt => "hunt",
            FaultClass::CrashBetween => "crash-between",
            FaultClass::PauseAcrossTimer => "pause-across-timer",
            FaultClass::OrderInPartition => "order-in-partition",
            FaultClass::TraitorMute => "traitor-mute",
            FaultClass::TraitorDelay => "traitor-delay",
            FaultClass::TraitorReplay => "traitor-replay",
            FaultClass::TraitorLie => "traitor-lie",
            FaultClass::Twin => "twin",
        }
    }

    /// What the class counts, in one sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            FaultClass::Loss => "a message was lost by chance",
            FaultClass::Duplication => "a message arrived twice",
            FaultClass::Delay => "a message was held up",
            FaultClass::Reordering => "a message was overtaken by a later one on its link",
            FaultClass::Partition => "a partition cut a message",
            FaultClass::Clog => "a clog held a message until it cleared",
            FaultClass::AimedLoss => "a fault aimed at one kind of message lost one",
            FaultClass::Crash => "a running node crashed",
            FaultClass::CrashAtWrite => "a node crashed just before a write",
            FaultClass::LostWrites => "a crash took un-synced records with it",
            FaultClass::CutBroadcast => "a crash cut what was leaving the node at that instant",
            FaultClass::Wipe => "a node lost its disk (outside the model)",
            FaultClass::Pause => "an input waited for a paused node",
            FaultClass::ClockDrift => "a drifting clock moved a timer",
            FaultClass::SlowDisk => "a disk's sync held an effect back",
            FaultClass::Expire => "a timer ran out by order of the schedule",
            FaultClass::TornRecord => "a crash left a write half-done, which its checksum tells",
            FaultClass::UnorderedLoss => "a crash took an un-synced write and left a later one",
            FaultClass::LyingSync => "a crash took records that a sync had reported done (outside the model)",
            FaultClass::BitRot => "a node found a record on its disk damaged (outside the model)",
            FaultClass::FullDisk => "a write failed on a full disk, and its node went down",
            FaultClass::ClockJump => "a clock that jumped moved a timer, or was read",
            FaultClass::Hunt => "a nemesis struck whoever had just announced something",
            FaultClass::CrashBetween => "a node crashed between two steps that it announces",
            FaultClass::PauseAcrossTimer => "a node stalled, just after a step, for as long as a timer runs",
            FaultClass::OrderInPartition => "an operator's order reached a node while the network was cut",
            FaultClass::TraitorMute => "a traitor kept a message back",
            FaultClass::TraitorDelay => "a traitor sent a message late",
            FaultClass::TraitorReplay => "a traitor sent an old message again",
            FaultClass::TraitorLie => "a traitor sent something else than an honest node would have",
            FaultClass::Twin => "a second copy of a node was heard behind its identity, or heard something",
        }
    }
}

/// How often each class of faults changed something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FaultCounts([u64; FaultClass::ALL.len()]);

impl FaultCounts {
    /// Counts one.
    #[inline]
    pub fn strike(&mut self, class: FaultClass) {
        self.0[class as usize] += 1;
    }

    /// How often this class changed something.
    #[must_use]
    pub const fn of(&self, class: FaultClass) -> u64 {
        self.0[class as usize]
    }

    /// The same counts, had this class never changed anything.
    #[must_use]
    pub const fn without(mut self, class: FaultClass) -> Self {
        self.0[class as usize] = 0;
        self
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }
}
