//! Ballots and stop signs in types of our own, which can be compared, printed, digested and written to a trace.

use std::fmt::{self, Display};

use omnipaxos::ClusterConfig;
use omnipaxos::ballot_leader_election::Ballot;
use omnipaxos::storage::StopSign;
use omnipaxos::util::FlexibleQuorum;
use quarrel_protocol::{Fingerprint, Fingerprinter, NodeId};
use serde::{Deserialize, Serialize};

/// A ballot: which leader of which round. Ordered as the crate orders them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Round {
    /// Its number.
    pub number: u32,
    /// The priority of its leader, which breaks ties.
    pub priority: u32,
    /// Its leader by the crate's count, from 1; 0 is nobody.
    pub leader: u64,
    /// The configuration in which it was made.
    pub configuration: u32,
}

impl Round {
    /// Whose round it is.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        self.leader.checked_sub(1).and_then(|leader| u8::try_from(leader).ok()).map(NodeId)
    }
}

impl From<Ballot> for Round {
    fn from(ballot: Ballot) -> Self {
        let Ballot { config_id, n, priority, pid } = ballot;
        Self { number: n, priority, leader: pid, configuration: config_id }
    }
}

impl From<Round> for Ballot {
    fn from(round: Round) -> Self {
        Ballot::with(round.configuration, round.number, round.priority, round.leader)
    }
}

impl Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node() {
            Some(node) => write!(f, "{}@{node}", self.number),
            None => f.write_str("no round"),
        }
    }
}

impl Fingerprint for Round {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        let low = u64::from(self.priority) << 32 | u64::from(self.configuration);
        into.pair(u64::from(self.number) << 32 | (self.leader & 0xffff_ffff), low);
    }
}

/// The entry that ends a configuration and says what the next one is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stop {
    /// The next configuration.
    pub configuration: u32,
    /// Its nodes, by the crate's count.
    pub nodes: Vec<u64>,
    /// How many must promise and how many must accept, if not a majority each.
    pub quorum: Option<(u8, u8)>,
}

impl From<StopSign> for Stop {
    fn from(sign: StopSign) -> Self {
        let ClusterConfig { configuration_id, nodes, flexible_quorum } = sign.next_config;
        let quorum =
            flexible_quorum.map(|quorum| (quorum.read_quorum_size as u8, quorum.write_quorum_size as u8));
        Self { configuration: configuration_id, nodes, quorum }
    }
}

impl Stop {
    /// The configuration that it announces, as the crate writes it.
    #[must_use]
    pub fn cluster(&self) -> ClusterConfig {
        let flexible_quorum = self.quorum.map(|(read, write)| FlexibleQuorum {
            read_quorum_size: usize::from(read),
            write_quorum_size: usize::from(write),
        });
        ClusterConfig { configuration_id: self.configuration, nodes: self.nodes.clone(), flexible_quorum }
    }
}

impl From<Stop> for StopSign {
    fn from(stop: Stop) -> Self {
        StopSign::with(stop.cluster(), None)
    }
}

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stop before configuration {}", self.configuration)
    }
}

impl Fingerprint for Stop {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        let (read, write) = self.quorum.unwrap_or((0, 0));
        into.pair(u64::from(self.configuration), u64::from(read) << 8 | u64::from(write));
        self.nodes.fingerprint(into);
    }
}
