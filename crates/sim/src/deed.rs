//! What a traitor does that no honest node does: as data.
//!
//! A Byzantine node here is an honest one whose messages are rewritten as they leave it (Lamport, Shostak and Pease, The
//! Byzantine Generals Problem, 1982), or two honest ones behind one identity (Bano et al., Twins: BFT Systems Made
//! Robust, OPODIS 2021). Nobody can forge the identity of another: the world sets who a message is from.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, NodeId, NodeSet};
use serde::{Deserialize, Serialize};

use crate::fault_class::FaultClass;
use crate::time::Span;

/// What a traitor does to some of the others for a while.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Deed {
    /// It says nothing to them. Who says nothing to all others says nothing to clients either.
    Mute,
    /// What it sends them leaves so much later. Who does that to all others is late for clients as well.
    Delay {
        /// How much later, in nanoseconds.
        by_ns: u64,
    },
    /// With each message to them it sends an old one of its own again, whomever that was for.
    Replay {
        /// Which: counted from 1 for the one before. Nothing happens while it has not sent so many.
        back: u32,
        /// Whether the new message goes out as well.
        place: Place,
    },
    /// It sends them what its protocol's [`Protocol::lie`](quarrel_protocol::Protocol::lie) makes of each message. Who lies
    /// to all others lies to clients as well, if the lie is about answers.
    Lie {
        /// The name of the lie.
        lie: String,
    },
    /// It has a twin, and they talk with that: a second honest copy of it with a memory, timers and a disk of its own,
    /// which starts from an empty disk when the first window of this kind opens, and goes on when none is open, unheard
    /// and hearing nobody. Who is not among them talks with the first copy.
    Twin {
        /// Who of them talks with the first copy as well.
        shared: NodeSet,
        /// With which copy clients talk.
        clients: Copies,
    },
}

/// Where an old message goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Behind the new one.
    Beside,
    /// In the place of the new one.
    Instead,
}

/// Of a node that has a twin: one copy, the other or both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Copies {
    /// The first copy.
    First,
    /// The twin.
    Second,
    /// Both.
    Both,
}

impl Deed {
    /// Its name in files and stories.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Deed::Mute => "mute",
            Deed::Delay { .. } => "delay",
            Deed::Replay { .. } => "replay",
            Deed::Lie { .. } => "lie",
            Deed::Twin { .. } => "twin",
        }
    }

    /// What it counts as when it changes something.
    #[must_use]
    pub const fn class(&self) -> FaultClass {
        match self {
            Deed::Mute => FaultClass::TraitorMute,
            Deed::Delay { .. } => FaultClass::TraitorDelay,
            Deed::Replay { .. } => FaultClass::TraitorReplay,
            Deed::Lie { .. } => FaultClass::TraitorLie,
            Deed::Twin { .. } => FaultClass::Twin,
        }
    }

    /// What this node does to these, who are as many as these words say: `n1 lies to n3, n4: equivocate`.
    #[must_use]
    pub fn told(&self, node: NodeId, whom: &str, are_many: Many) -> String {
        match self {
            Deed::Mute => format!("{node} says nothing to {whom}"),
            Deed::Delay { by_ns } => format!("{node} sends {whom} everything {} late", Span(*by_ns)),
            Deed::Replay { back, place } => {
                let which = match back {
                    1 => "its last message".to_string(),
                    back => format!("an old message (no. {back} from the last)"),
                };
                let how = match place {
                    Place::Beside => "with each new one",
                    Place::Instead => "instead of each new one",
                };
                format!("{node} sends {whom} {which} again {how}")
            }
            Deed::Lie { lie } => format!("{node} lies to {whom}: {lie}"),
            Deed::Twin { shared, clients } => {
                let talk = if are_many == Many::Yes { "talk" } else { "talks" };
                let also = match shared.is_empty() {
                    true => String::new(),
                    false => format!(", {shared} with both"),
                };
                let heard = match clients {
                    Copies::First => "",
                    Copies::Second => ", and so do clients",
                    Copies::Both => ", and clients with both",
                };
                format!("{whom} {talk} with a twin of {node}{also}{heard}")
            }
        }
    }
}

/// Whether words for some nodes are a plural.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Many {
    /// They are.
    Yes,
    /// They are not.
    No,
}

impl Fingerprint for Deed {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.name().to_string().fingerprint(into);
        match self {
            Deed::Mute => {}
            Deed::Delay { by_ns } => by_ns.fingerprint(into),
            Deed::Replay { back, place } => into.pair(u64::from(*back), *place as u64),
            Deed::Lie { lie } => lie.fingerprint(into),
            Deed::Twin { shared, clients } => into.pair(shared.0, *clients as u64),
        }
    }
}

impl Display for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Copies::First => "first",
            Copies::Second => "second",
            Copies::Both => "both",
        })
    }
}
