//! Faults: what can go wrong on purpose, as plain data at absolute times.
//!
//! A scenario writes some, a profile draws some, a nemesis reacts with some; a recorded run holds them all in this one
//! form, and the shrinker takes them away one by one.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, NodeId, NodeSet};
use serde::{Deserialize, Serialize};

pub use crate::deed::{Copies, Deed, Many, Place};
pub use crate::fault_class::{FaultClass, FaultCounts};
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
    /// Syncs of these disks report that they are done, and nothing of what they cover is on the disk: the next crash
    /// takes it, unless a sync that comes after this is over has covered it too. Outside the model of every protocol
    /// that relies on its disk.
    LyingDisk {
        /// Whose disks.
        nodes: NodeSet,
    },
    /// These disks are full. A node that cannot write what it must not forget goes down at that write, as before
    /// [`Action::CrashAtWrite`], and comes back when there is space again.
    FullDisk {
        /// Whose disks.
        nodes: NodeSet,
    },
    /// One durable record of a node becomes unreadable, which its checksum tells whoever reads it: the node, when it
    /// starts again. Outside the model of every protocol that relies on its disk.
    BitRot {
        /// Which node.
        node: NodeId,
        /// Which record, from 1 for the newest; nothing happens if there are not so many.
        record: u32,
    },
    /// The node's clock is set: what it says jumps, and its running timers, which follow it, run out so much sooner
    /// or later.
    ClockJump {
        /// Which node.
        node: NodeId,
        /// How far, in nanoseconds; positive is forward.
        by_ns: i64,
    },
    /// A traitor does what no honest node does. Nothing happens if the node is none: who is a traitor is fixed before the
    /// run ([`World::traitors`](crate::world::World::traitors)), and only when it does something is a fault.
    Betray {
        /// Which node.
        node: NodeId,
        /// To whom.
        to: NodeSet,
        /// What.
        deed: Deed,
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
            Action::LyingDisk { .. } => "lying-disk",
            Action::FullDisk { .. } => "full-disk",
            Action::BitRot { .. } => "bit-rot",
            Action::ClockJump { .. } => "clock-jump",
            Action::Betray { deed, .. } => deed.name(),
        }
    }

    /// Whether it strikes at one instant: there is nothing that could last.
    #[must_use]
    pub const fn is_instant(&self) -> bool {
        matches!(self, Action::Expire { .. } | Action::BitRot { .. } | Action::ClockJump { .. })
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
            Action::Crash { nodes }
            | Action::Wipe { nodes }
            | Action::Pause { nodes }
            | Action::LyingDisk { nodes }
            | Action::FullDisk { nodes } => nodes.fingerprint(into),
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
            Action::BitRot { node, record } => {
                node.fingerprint(into);
                record.fingerprint(into);
            }
            Action::ClockJump { node, by_ns } => {
                node.fingerprint(into);
                into.word(*by_ns as u64);
            }
            Action::Betray { node, to, deed } => {
                node.fingerprint(into);
                to.fingerprint(into);
                deed.fingerprint(into);
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
            Action::LyingDisk { nodes } => match nodes.len() {
                1 => write!(f, "{nodes}'s disk reports syncs done that are not"),
                _ => write!(f, "the disks of {nodes} report syncs done that are not"),
            },
            Action::FullDisk { nodes } => match nodes.len() {
                1 => write!(f, "{nodes}'s disk is full"),
                _ => write!(f, "the disks of {nodes} are full"),
            },
            Action::BitRot { node, record: 1 } => {
                write!(f, "the newest record on {node}'s disk becomes unreadable")
            }
            Action::BitRot { node, record } => {
                write!(f, "record no. {record} from the end of {node}'s disk becomes unreadable")
            }
            Action::ClockJump { node, by_ns } => {
                let way = if *by_ns < 0 { "back" } else { "forward" };
                write!(f, "{node}'s clock jumps {way} by {}", Span(by_ns.unsigned_abs()))
            }
            Action::Betray { node, to, deed } => {
                let many = if to.len() == 1 { Many::No } else { Many::Yes };
                f.write_str(&deed.told(*node, &to.to_string(), many))
            }
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
        match self.lasting_ns {
            _ if self.action.is_instant() => Ok(()),
            Some(lasting) => write!(f, ", for {}", Span(lasting)),
            None => write!(f, ", for good"),
        }
    }
}
