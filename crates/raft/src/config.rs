//! What is fixed for a whole run.

use quarrel_protocol::{After, NodeId, Quorum};
use serde::{Deserialize, Serialize};

use crate::{FlawSet, RaftFlaw};

/// The options of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// How many nodes there are: 1 to 64.
    pub nodes: u8,
    /// How long a follower waits for a leader, and a candidate for votes.
    pub election_timeout: After,
    /// How long a leader is silent at most, in nanoseconds.
    pub heartbeat_ns: u64,
    /// The most entries in one message; 0 is no limit.
    pub entries_per_append: u32,
    /// While so many entries are on their way to a follower, it is sent no more (at least 1).
    pub entries_in_flight_max: u32,
    /// Whether a new leader appends a no-op, so that it can commit what its predecessors left (section 8).
    pub noop_on_election: bool,
    /// Deliberate defects.
    pub flaws: FlawSet,
}

impl Config {
    /// A correct cluster of `nodes` nodes with the paper's timeouts (section 9.3): 150 to 300 ms to elect, 50 ms
    /// between heartbeats; no limit to the entries of a message; a no-op on election.
    #[must_use]
    pub const fn new(nodes: u8) -> Self {
        Self {
            nodes,
            election_timeout: After::between(150_000_000, 300_000_000),
            heartbeat_ns: 50_000_000,
            entries_per_append: 0,
            entries_in_flight_max: 16,
            noop_on_election: true,
            flaws: FlawSet::NONE,
        }
    }

    /// Majorities elect, and majorities commit.
    #[must_use]
    pub fn quorum(&self) -> Quorum {
        Quorum::majority(usize::from(self.nodes))
    }

    /// The members of the cluster.
    pub(crate) fn members(&self) -> impl Iterator<Item = NodeId> + use<> {
        NodeId::all(usize::from(self.nodes))
    }

    #[inline]
    pub(crate) const fn has(&self, flaw: RaftFlaw) -> bool {
        self.flaws.contains(flaw)
    }
}
