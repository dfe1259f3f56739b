//! What is fixed for a whole run.

use quarrel_protocol::{After, Lasting, NodeSet};
use quarrel_spec::machine::Kind;
use quarrel_spec::replicated_log::RunsMachine;
use quarrel_spec::session::Memory;
use serde::{Deserialize, Serialize};

use crate::{Configuration, FlawSet, RaftFlaw};

/// What a minority may suffer for ever while the others go on.
///
/// A mute node is not heard, whatever it does, and nor is one that is down, isolated or at a standstill. If it led, the
/// others miss its heartbeats and replace it.
///
/// Not here: a *deaf* node campaigns again and again, and each higher term that it brings deposes the leader; if it led
/// itself, its heartbeats keep everybody from replacing it. A *partly connected* node that does not hear the leader
/// does the same through those that it reaches. Raft of the paper has no answer to either; [`Config::pre_vote`] and
/// [`Config::check_quorum`] together are one: see [`LIVES_WITH_CHECKS`].
pub const LIVES_WITH: &[Lasting] = &[Lasting::Crashed, Lasting::Isolated, Lasting::Mute, Lasting::Paused];

/// What it may suffer with pre-vote and check-quorum, beside that (thesis, section 9.6 and section 6.2).
///
/// A deaf node cannot win a pre-vote, so its term stays; if it led, it notices that nobody answers. So does a node on
/// the fringe, which reaches fewer than a majority.
///
/// Not here: a *partly connected* leader that still reaches a majority, but not all of the core. It hears a quorum, so
/// it goes on to lead; whoever misses it asks the others in vain, since they hear their leader, and never catches up
/// (the chain of Howard and Abraham, *Raft does not Guarantee Liveness in the face of Network Faults*, 2020).
pub const LIVES_WITH_CHECKS: &[Lasting] =
    &[Lasting::Crashed, Lasting::Isolated, Lasting::Mute, Lasting::Paused, Lasting::Deaf, Lasting::Fringe];

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
    /// Whether a node asks whether it could win before it campaigns (thesis, section 9.6).
    #[serde(default)]
    pub pre_vote: bool,
    /// Whether a leader that does not hear from a majority steps down (thesis, section 6.2), and whether a node that
    /// hears from a leader disregards candidates (thesis, section 4.2.3).
    #[serde(default)]
    pub check_quorum: bool,
    /// A node takes a snapshot when it has applied so many entries since the last; 0 is never.
    #[serde(default)]
    pub snapshot_every: u32,
    /// The most bytes of a snapshot in one message; 0 is no limit.
    #[serde(default)]
    pub snapshot_chunk: u32,
    /// How many nodes vote at first: those with the lowest numbers; 0 is all that are not learners. Who neither votes nor
    /// learns is spare, and knows nothing until it is taken in.
    #[serde(default)]
    pub voters: u8,
    /// How many nodes are learners at first: those after the voters.
    #[serde(default)]
    pub learners: u8,
    /// How members change.
    #[serde(default)]
    pub changes: Changes,
    /// No change leaves fewer voters: it would be the operator's fault if the rest could not go on.
    #[serde(default)]
    pub voters_min: u8,
    /// How reads are answered.
    #[serde(default)]
    pub reads: Reads,
    /// The greatest rate error of a clock that a lease stands, in parts per million.
    #[serde(default)]
    pub lease_drift_ppm: u32,
    /// Deliberate defects.
    pub flaws: FlawSet,
}

/// How members change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Changes {
    /// Not at all.
    #[default]
    None,
    /// One voter at a time (thesis, section 4.1).
    Single,
    /// Any number at once, through a joint configuration (thesis, section 4.3).
    Joint,
}

/// How reads are answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    /// A read is an entry like any other.
    #[default]
    Log,
    /// After a round of heartbeats (thesis, section 6.4).
    ReadIndex,
    /// At once, while a lease holds; otherwise as above (thesis, section 6.4.1).
    Lease,
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
            pre_vote: false,
            check_quorum: false,
            snapshot_every: 0,
            snapshot_chunk: 0,
            voters: 0,
            learners: 0,
            changes: Changes::None,
            voters_min: 1,
            reads: Reads::Log,
            lease_drift_ppm: 0,
            flaws: FlawSet::NONE,
        }
    }

    /// The longest that one round takes by the protocol's own timers, in nanoseconds: an election that waits as long as
    /// it may, and a heartbeat, which is when a new leader notices what was lost.
    #[must_use]
    pub const fn round_ns(&self) -> u64 {
        self.election_timeout.max_ns.saturating_add(self.heartbeat_ns)
    }

    /// The configuration before any change. It stands in no log: every node is told when it is set up.
    #[must_use]
    pub fn first_configuration(&self) -> Configuration {
        let all = NodeSet::all(usize::from(self.nodes));
        let learners = usize::from(self.learners);
        let voters = match usize::from(self.voters) {
            0 => usize::from(self.nodes).saturating_sub(learners),
            voters => voters,
        };
        let voters = NodeSet::all(voters).intersection(all);
        let learners = NodeSet::all(voters.len() + learners).intersection(all);
        Configuration {
            learners: learners.intersection(voters.complement(all.len())),
            ..Configuration::of(voters)
        }
    }

    /// The fewest voters that any configuration of a run has.
    #[must_use]
    pub fn fewest_voters(&self) -> u8 {
        let first = self.first_configuration().voters.len() as u8;
        if self.changes == Changes::None { first } else { self.voters_min.clamp(1, first.max(1)) }
    }

    /// Whether a new leader appends a no-op. It must where it has to know what its predecessors committed: before it
    /// answers a read from its own state (thesis, section 6.4), and before it changes members (Ongaro, raft-dev, 10 July
    /// 2015).
    #[must_use]
    pub fn appends_noop(&self) -> bool {
        self.noop_on_election || self.reads != Reads::Log || self.changes != Changes::None
    }

    /// What a minority may suffer for ever while the others go on.
    #[must_use]
    pub const fn lives_with(&self) -> &'static [Lasting] {
        if self.pre_vote && self.check_quorum { LIVES_WITH_CHECKS } else { LIVES_WITH }
    }

    /// How long a follower stands by a leader that it has heard from: the least that an election takes to begin
    /// (thesis, section 4.2.3).
    pub(crate) const fn loyalty_timer(&self) -> After {
        After::exactly(self.election_timeout.min_ns)
    }

    /// Whether it matters how long ago a follower has heard from its leader.
    pub(crate) fn has_loyalty(&self) -> bool {
        self.pre_vote || self.disregards_candidates()
    }

    /// Whether a node that hears from a leader disregards candidates (thesis, section 4.2.3). Check-quorum wants that so
    /// that nobody deposes a leader that works; membership changes, since a server that is removed need not know it; and
    /// a lease is nothing else than that (section 6.4.1).
    pub(crate) fn disregards_candidates(&self) -> bool {
        let is_wanted = self.check_quorum || self.changes != Changes::None || self.reads == Reads::Lease;
        is_wanted && !(self.reads == Reads::Lease && self.has(RaftFlaw::LeaseNoStickiness))
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
