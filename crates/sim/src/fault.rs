//! Faults: what can go wrong on purpose, as plain data at absolute times.
//!
//! A scenario writes some, a profile draws some, a nemesis reacts with some; a recorded run holds them all in this one
//! form, and the shrinker takes them away one by one.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, NodeId, NodeSet};
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// One fault.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When it strikes, in nanoseconds of virtual time.
    pub at_ns: u64,
    /// How long it lasts, in nanoseconds; `None` until the world heals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasting_ns: Option<u64>,
    /// What it does.
    pub action: Action,
}

/// What a fault does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// The nodes lose their memory and what the disk had not synced (how much of it is a decision), and come back
    /// from their disks when the fault is over.
    Crash {
        /// Which nodes, at the same instant.
        nodes: NodeSet,
    },
    /// As [`Action::Crash`], and the disks are lost too: outside the model of every protocol that relies on them.
    Wipe {
        /// Which nodes.
        nodes: NodeSet,
    },
    /// The node crashes just before its `write`-th write from now on: what the step pushed earlier is released, the
    /// rest never happened.
    CrashAtWrite {
        /// Which node.
        node: NodeId,
        /// Which write, from 1.
        write: u32,
    },
    /// The nodes stop handling inputs, which wait; their clocks go on.
    Pause {
        /// Which nodes.
        nodes: NodeSet,
    },
    /// Every link from one set to the other loses everything.
    Partition {
        /// What the shape is called: `halves`, `isolate`, `one-way`, `bridge`, `ring`.
        shape: Shape,
        /// The directed cuts: from, to.
        cuts: Vec<(NodeSet, NodeSet)>,
    },
    /// Messages on these links are held until the fault is over.
    Clog {
        /// The directed links: from, to.
        links: Vec<(NodeSet, NodeSet)>,
    },
    /// Messages of one kind are lost on these links.
    Lose {
        /// The message kind.
        kind: String,
        /// From these nodes.
        from: NodeSet,
        /// To these nodes.
        to: NodeSet,
    },
    /// The node's clock runs at another rate.
    Clock {
        /// Which node.
        node: NodeId,
        /// Rate error in parts per million; positive is fast. Above -900,000 and below 9,000,000.
        rate_ppm: i32,
    },
    /// Every sync of the node's disk takes this much longer.
    SlowDisk {
        /// Which node.
        node: NodeId,
        /// How much longer, in nanoseconds.
        extra_ns: u64,
    },
    /// The node's timer runs out now, wherever it stood in its range.
    Expire {
        /// Which node.
        node: NodeId,
        /// The timer's kind.
        timer: String,
    },
}

/// The shape of a partition: only a name for people; the cuts say what happens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Two groups that cannot talk to each other.
    Halves,
    /// One node alone.
    Isolate,
    /// One group cannot be heard by the other, but hears it.
    OneWay,
    /// Two groups that share one node.
    Bridge,
    /// Every node sees a different majority.
    Ring,
    /// Written by hand.
    Groups,
}

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
}

impl FaultClass {
    /// All classes, in order.
    pub const ALL: [FaultClass; 16] = [
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

impl Action {
    /// The name of the action in files and stories.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Action::Crash { .. } => "crash",
            Action::Wipe { .. } => "wipe",
            Action::CrashAtWrite { .. } => "crash-at-write",
            Action::Pause { .. } => "pause",
            Action::Partition { .. } => "partition",
            Action::Clog { .. } => "clog",
            Action::Lose { .. } => "lose",
            Action::Clock { .. } => "clock",
            Action::SlowDisk { .. } => "slow-disk",
            Action::Expire { .. } => "expire",
        }
    }

    /// The partition that separates the groups from each other. Nodes in no group keep all their links.
    #[must_use]
    pub fn partition(shape: Shape, groups: &[NodeSet]) -> Self {
        let mut cuts = Vec::new();
        for (position, &from) in groups.iter().enumerate() {
            let others = groups.iter().enumerate().filter(|&(other, _)| other != position);
            cuts.push((from, others.fold(NodeSet::EMPTY, |set, (_, &group)| set.union(group))));
        }
        Action::Partition { shape, cuts }
    }

    /// The partition that leaves one node of a cluster of `nodes` alone.
    #[must_use]
    pub fn isolate(node: NodeId, nodes: usize) -> Self {
        let alone = NodeSet::only(node);
        Self::partition(Shape::Isolate, &[alone, alone.complement(nodes)])
    }
}

impl Fingerprint for Fault {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.at_ns.fingerprint(into);
        self.lasting_ns.fingerprint(into);
        self.action.fingerprint(into);
    }
}

impl Fingerprint for Action {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.name().to_string().fingerprint(into);
        let mut pairs = |links: &[(NodeSet, NodeSet)]| {
            for (from, to) in links {
                from.fingerprint(into);
                to.fingerprint(into);
            }
        };
        match self {
            Action::Crash { nodes } | Action::Wipe { nodes } | Action::Pause { nodes } => {
                nodes.fingerprint(into)
            }
            Action::CrashAtWrite { node, write } => {
                node.fingerprint(into);
                write.fingerprint(into);
            }
            Action::Partition { cuts, .. } => pairs(cuts),
            Action::Clog { links } => pairs(links),
            Action::Lose { kind, from, to } => {
                kind.fingerprint(into);
                from.fingerprint(into);
                to.fingerprint(into);
            }
            Action::Clock { node, rate_ppm } => {
                node.fingerprint(into);
                into.word(*rate_ppm as u64);
            }
            Action::SlowDisk { node, extra_ns } => {
                node.fingerprint(into);
                extra_ns.fingerprint(into);
            }
            Action::Expire { node, timer } => {
                node.fingerprint(into);
                timer.fingerprint(into);
            }
        }
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Crash { nodes } => {
                write!(f, "{nodes} {}", if nodes.len() == 1 { "crashes" } else { "crash" })
            }
            Action::Wipe { nodes } => write!(f, "{nodes} crash and lose their disks"),
            Action::CrashAtWrite { node, write } => {
                write!(f, "{node} will crash just before its write no. {write}")
            }
            Action::Pause { nodes } => {
                write!(f, "{nodes} {}", if nodes.len() == 1 { "stalls" } else { "stall" })
            }
            Action::Partition { shape: Shape::Isolate, cuts } if !cuts.is_empty() => {
                write!(f, "{} is isolated", cuts[0].0)
            }
            Action::Partition { cuts, .. } => {
                f.write_str("the network is cut: ")?;
                match cuts.as_slice() {
                    [(a, b), (c, d)] if a == d && b == c => write!(f, "{a} | {b}"),
                    _ => write_links(f, cuts),
                }
            }
            Action::Clog { links } => {
                f.write_str("messages are held back: ")?;
                write_links(f, links)
            }
            Action::Lose { kind, from, to } => write!(f, "every {kind} is lost: {from} -> {to}"),
            Action::Clock { node, rate_ppm } => {
                write!(f, "{node}'s clock is off by {rate_ppm} parts per million")
            }
            Action::SlowDisk { node, extra_ns } => {
                write!(f, "{node}'s disk is slow: {} more a sync", Span(*extra_ns))
            }
            Action::Expire { node, timer } => write!(f, "{node}'s {timer} timer runs out"),
        }
    }
}

fn write_links(f: &mut fmt::Formatter<'_>, links: &[(NodeSet, NodeSet)]) -> fmt::Result {
    for (position, (from, to)) in links.iter().enumerate() {
        write!(f, "{}{from} -> {to}", if position == 0 { "" } else { "; " })?;
    }
    Ok(())
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.action.fmt(f)?;
        match (self.lasting_ns, &self.action) {
            (_, Action::Expire { .. }) => Ok(()),
            (Some(lasting), _) => write!(f, ", for {}", Span(lasting)),
            (None, _) => write!(f, ", for good"),
        }
    }
}
