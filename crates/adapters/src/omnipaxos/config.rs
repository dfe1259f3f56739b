//! What is fixed for a whole run.

use quarrel_protocol::{After, Lasting};
use quarrel_spec::machine::Kind;
use quarrel_spec::replicated_log::RunsMachine;
use serde::{Deserialize, Serialize};

use super::flaw::{FlawSet, OmniFlaw};
use super::round::Stop;
use super::store::Batches;

/// What a minority may suffer for ever while the others go on.
///
/// "A unique feature of Omni-Paxos is the guaranteed progress with one quorum-connected server" (the documentation,
/// "Leader Election"), and all members of a core are quorum-connected.
///
/// Not here: a *partly connected* node. There is progress then, as promised, and every client is answered; but such a
/// node may lead, since it reaches a quorum, and whoever it does not reach learns nothing from it. No follower passes
/// on what it knows, so a member of the core may stay behind for good: a core would not come to agree.
pub const LIVES_WITH: &[Lasting] =
    &[Lasting::Crashed, Lasting::Isolated, Lasting::Mute, Lasting::Deaf, Lasting::Paused];

/// How a log becomes shorter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compaction {
    /// Not at all. Entries are of a type without snapshots.
    #[default]
    Off,
    /// `trim`: the entries are gone; the application has saved its state. Entries are of a type without snapshots.
    Trim,
    /// `snapshot`: entries become a snapshot. Their type says so, and then the crate syncs logs with snapshots, whether
    /// anybody ever takes one or not.
    Snapshot,
    /// Both: entries of a type with snapshots, and a log that is trimmed as well.
    Mixed,
}

impl Compaction {
    /// Whether entries are of a type with snapshots.
    #[must_use]
    pub const fn has_snapshots(self) -> bool {
        matches!(self, Compaction::Snapshot | Compaction::Mixed)
    }

    /// Whether logs are trimmed, so that the application saves its state.
    #[must_use]
    pub const fn trims(self) -> bool {
        matches!(self, Compaction::Trim | Compaction::Mixed)
    }
}

/// What carries messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Links {
    /// Connections: in order and without gaps, or broken and made anew, of which the crate is told.
    #[default]
    Connections,
    /// The bare network: messages may be lost, doubled and overtaken, and nobody tells.
    Bare,
}

/// The options of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// How many nodes there are: 2 to 64.
    pub nodes: u8,
    /// The time between two ticks.
    pub tick: After,
    /// `election_tick_timeout`.
    pub election_ticks: u32,
    /// `resend_message_tick_timeout`.
    pub resend_ticks: u32,
    /// `flush_batch_tick_timeout`.
    pub flush_ticks: u32,
    /// `batch_size`.
    pub batch_size: u32,
    /// `buffer_size`.
    pub buffer_size: u32,
    /// `flexible_quorum`: how many must promise and how many must accept; majorities if nothing.
    pub quorum: Option<(u8, u8)>,
    /// `leader_priority` of each node; 0 where the list ends.
    pub priorities: Vec<u32>,
    /// How a log becomes shorter.
    pub compaction: Compaction,
    /// A log is compacted when so many entries are decided that are not compacted; 0: only when an operator says so.
    pub compact_every: u32,
    /// Whether a snapshot by that policy is asked of all nodes (`local_only = false`).
    pub compact_all: bool,
    /// What carries messages.
    pub links: Links,
    /// Whether `reconnected` is called when a connection is made anew.
    pub reconnect: bool,
    /// Whether what the crate writes atomically is one record.
    pub atomic: bool,
    /// The state machine that the log is for.
    #[serde(default)]
    pub machine: Kind,
    /// Deliberate defects.
    pub flaws: FlawSet,
}

impl Config {
    /// A cluster of `nodes` nodes, with connections, an election timeout of 100 ms and a log that is never compacted.
    #[must_use]
    pub fn new(nodes: u8) -> Self {
        Self {
            nodes,
            tick: After::exactly(10_000_000),
            election_ticks: 10,
            resend_ticks: 20,
            flush_ticks: 5,
            batch_size: 1,
            buffer_size: 1_000,
            quorum: None,
            priorities: Vec::new(),
            compaction: Compaction::Off,
            compact_every: 0,
            compact_all: false,
            links: Links::Connections,
            reconnect: true,
            atomic: true,
            machine: Kind::default(),
            flaws: FlawSet::NONE,
        }
    }

    /// The longest that one round takes by the crate's own timers: "it will be detected in one election timeout and a
    /// new leader will be elected in the next timeout (if possible)" (the documentation); the paper says four at most.
    /// Then the leader prepares, what is lost is sent again, and a batch waits to be full.
    #[must_use]
    pub fn round_ns(&self) -> u64 {
        let ticks = 4 * u64::from(self.election_ticks)
            + 2 * u64::from(self.resend_ticks)
            + 2 * u64::from(self.flush_ticks);
        self.tick.max_ns.saturating_mul(ticks)
    }

    /// How many must promise, and how many must accept.
    #[must_use]
    pub fn quorums(&self) -> (u8, u8) {
        self.quorum.unwrap_or((self.nodes / 2 + 1, self.nodes / 2 + 1))
    }

    /// The first configuration, as if an earlier one had announced it.
    #[must_use]
    pub fn first(&self) -> Stop {
        self.numbered(1, self.quorum)
    }

    /// A configuration of all nodes.
    #[must_use]
    pub fn numbered(&self, configuration: u32, quorum: Option<(u8, u8)>) -> Stop {
        Stop { configuration, nodes: (1..=u64::from(self.nodes)).collect(), quorum }
    }

    /// What becomes of a batch of writes.
    #[must_use]
    pub fn batches(&self) -> Batches {
        if self.atomic && !self.has(OmniFlaw::TornBatch) { Batches::Whole } else { Batches::Torn }
    }

    pub(crate) fn has(&self, flaw: OmniFlaw) -> bool {
        self.flaws.contains(flaw)
    }

    /// Why the crate would not take it.
    ///
    /// # Errors
    /// With the reason.
    pub fn check(&self) -> Result<(), String> {
        if self.nodes < 2 {
            return Err("omnipaxos needs more than one node".to_string());
        }
        let counts =
            [self.election_ticks, self.resend_ticks, self.flush_ticks, self.batch_size, self.buffer_size];
        if counts.contains(&0) {
            return Err("none of the ticks, the batch and the buffer may be 0".to_string());
        }
        self.first().cluster().validate().map_err(|error| error.to_string())
    }
}

impl RunsMachine for Config {
    fn machine(&self) -> Kind {
        self.machine
    }
}
