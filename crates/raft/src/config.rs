//! What is fixed for a whole run.

use quarrel_protocol::{After, Lasting, NodeId, Quorum};
use quarrel_spec::machine::Kind;
use quarrel_spec::replicated_log::RunsMachine;
use quarrel_spec::session::Memory;
use serde::{Deserialize, Serialize};

use crate::{FlawSet, RaftFlaw};

/// What a minority may suffer for ever while the others go on.
///
/// A mute node is not heard, whatever it does, and nor is one that is down, isolated or at a standstill. If it led, the
/// others miss its heartbeats and replace it.
///
/// Not here: a *deaf* node campaigns again and again, and each higher term that it brings deposes the leader; if it led
/// itself, its heartbeats keep everybody from replacing it. A *partly connected* node that does not hear the leader
/// does the same through those that it reaches. Raft of the paper has no answer to either; pre-vote and check-quorum
/// are one (thesis, section 9.6, and section 6.2 on leaders that step down), and are not built yet.
pub const LIVES_WITH: &[Lasting] = &[Lasting::Crashed, Lasting::Isolated, Lasting::Mute, Lasting::Paused];

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
    /// The state machine that the log is for. A configuration of before there was a choice means the default one.
    #[serde(default)]
    pub machine: Kind,
    /// Deliberate defects.
    pub flaws: FlawSet,
}

impl Config {
    /// A correct cluster of `nodes` nodes with the paper's timeouts (section 9.3): 150 to 300 ms to elect, 50 ms
    /// between heartbeats; no limit to the entries of a message; a no-op on election.
    #[must_use]
    pub fn new(nodes: u8) -> Self {
        Self {
            nodes,
            election_timeout: After::between(150_000_000, 300_000_000),
            heartbeat_ns: 50_000_000,
            entries_per_append: 0,
            entries_in_flight_max: 16,
            noop_on_election: true,
            machine: Kind::default(),
            flaws: FlawSet::NONE,
        }
    }

    /// The longest that one round takes by the protocol's own timers, in nanoseconds: an election that waits as long as
    /// it may, and a heartbeat, which is when a new leader notices what was lost.
    #[must_use]
    pub const fn round_ns(&self) -> u64 {
        self.election_timeout.max_ns.saturating_add(self.heartbeat_ns)
    }

    /// Majorities elect, and majorities commit.
    #[must_use]
    pub fn quorum(&self) -> Quorum {
        Quorum::majority(usize::from(self.nodes))
    }

    /// How long this time: any point of the range, so that candidates rarely meet (section 5.2).
    pub(crate) fn election_timer(&self) -> After {
        let After { min_ns, .. } = self.election_timeout;
        if self.has(RaftFlaw::IdenticalTimeouts) { After::exactly(min_ns) } else { self.election_timeout }
    }

    /// Whether the replicas remember what they have applied.
    pub(crate) fn memory(&self) -> Memory {
        if self.has(RaftFlaw::ForgetSessions) { Memory::Forgotten } else { Memory::Kept }
    }

    /// The members of the cluster.
    pub(crate) fn members(&self) -> impl Iterator<Item = NodeId> + use<> {
        NodeId::all(usize::from(self.nodes))
    }

    #[inline]
    pub(crate) fn has(&self, flaw: RaftFlaw) -> bool {
        self.flaws.contains(flaw)
    }
}

impl RunsMachine for Config {
    fn machine(&self) -> Kind {
        self.machine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_its_file_and_one_of_before_the_machines_is_read() {
        let config = Config { flaws: FlawSet::only(RaftFlaw::ForgetSessions), ..Config::new(5) };
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
        let machine = format!(r#""machine":{},"#, serde_json::to_string(&config.machine).unwrap());
        assert!(text.contains(&machine), "{text}");
        assert_eq!(serde_json::from_str::<Config>(&text.replace(&machine, "")).unwrap(), config);
    }

    #[test]
    fn a_round_is_an_election_and_a_heartbeat() {
        assert_eq!(Config::new(3).round_ns(), 350_000_000);
        let config = Config { heartbeat_ns: u64::MAX, ..Config::new(3) };
        assert_eq!(config.round_ns(), u64::MAX);
    }
}
