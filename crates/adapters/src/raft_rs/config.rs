//! What is fixed for a whole run.

use quarrel_protocol::{After, Lasting, NodeId, NodeSet};
use quarrel_spec::machine::Kind;
use quarrel_spec::replicated_log::RunsMachine;
use quarrel_spec::session::Memory;
use serde::{Deserialize, Serialize};

use super::raft::eraftpb::ConfState;
use super::raft::{self, ReadOnlyOption};
use super::{FlawSet, RaftRsFlaw, peer};

/// What a minority may suffer for ever while the others go on, whatever the options.
///
/// With `check-quorum` and `pre-vote` the crate promises more: a node that is *deaf*, or *partly* connected, no longer
/// deposes leaders (thesis, section 9.6, and the comments at `in_lease` and `CheckQuorum`). Scenarios that fix both
/// options may name these two in `stay`.
pub const LIVES_WITH: &[Lasting] = &[Lasting::Crashed, Lasting::Isolated, Lasting::Mute, Lasting::Paused];

/// When the crate learns that a `Ready` is on disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Persistence {
    /// `advance`: the node stands still while its disk works.
    #[default]
    Sync,
    /// `advance_append_async`; the node sends what had to wait when it hears that the write is done.
    Async,
    /// The same, but what had to wait is sent by the writer, and may be answered before the node hears.
    Writer,
}

/// How a `Ready` is cut into writes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writes {
    /// All at once: TiKV's write batch.
    #[default]
    Batch,
    /// Each entry, then the hard state.
    Single,
}

/// How reads are served.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    /// As commands of the log.
    Log,
    /// By `ReadOnlyOption::Safe`.
    #[default]
    Index,
    /// By `ReadOnlyOption::LeaseBased`, which is right only while clocks are.
    Lease,
}

/// What becomes of a leader that has applied its own removal. The crate leaves it to the application.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemovedLeader {
    /// It goes on as the crate has it: as a leader without a vote.
    #[default]
    Stays,
    /// It becomes a follower, as if it were started anew: TiKV destroys such a peer.
    StepsDown,
}

/// The options of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// How many nodes there are: 1 to 64.
    pub nodes: u8,
    /// So many of them vote from the start: the first ones.
    pub voters: u8,
    /// So many after them learn from the start. The others are spares: they know nobody until they are sent a snapshot.
    pub learners: u8,
    /// The length of a tick, in nanoseconds.
    pub tick_ns: u64,
    /// The least election timeout, in ticks, and what it must stay below.
    pub election_ticks: (u32, u32),
    /// How many ticks a leader is silent at most.
    pub heartbeat_ticks: u32,
    /// `Config::pre_vote` of the crate.
    pub pre_vote: bool,
    /// `Config::check_quorum` of the crate.
    pub check_quorum: bool,
    /// `Config::max_inflight_msgs` of the crate.
    pub inflight_max: u32,
    /// `Config::max_size_per_msg` of the crate, in bytes; 0 is one entry.
    pub message_bytes_max: u64,
    /// `Config::max_uncommitted_size` of the crate, in bytes.
    pub uncommitted_bytes_max: u64,
    /// `Config::max_committed_size_per_ready` of the crate, in bytes.
    pub committed_bytes_max: u64,
    /// `Config::batch_append` of the crate.
    pub batch_append: bool,
    /// `Config::skip_bcast_commit` of the crate.
    pub skip_broadcast_commit: bool,
    /// When the crate learns that something is on disk.
    pub persistence: Persistence,
    /// How a `Ready` is cut into writes.
    pub writes: Writes,
    /// How reads are served.
    pub reads: Reads,
    /// Whether a follower passes proposals and reads on to its leader instead of sending clients there.
    pub forward: bool,
    /// What becomes of a leader that has applied its own removal.
    pub removed_leader: RemovedLeader,
    /// A node takes a snapshot after it has applied so many entries; 0 is never.
    pub snapshot_every: u32,
    /// It then keeps so many entries of its log.
    pub keep_entries: u32,
    /// The state machine that the log is for.
    pub machine: Kind,
    /// Deliberate mistakes.
    pub flaws: FlawSet,
}

impl Config {
    /// A cluster of `nodes` voters with the crate's own defaults, at 10 ms a tick.
    #[must_use]
    pub fn new(nodes: u8) -> Self {
        Self {
            nodes,
            voters: nodes,
            learners: 0,
            tick_ns: 10_000_000,
            election_ticks: (20, 40),
            heartbeat_ticks: 2,
            pre_vote: false,
            check_quorum: false,
            inflight_max: 256,
            message_bytes_max: 0,
            uncommitted_bytes_max: u64::MAX,
            committed_bytes_max: u64::MAX,
            batch_append: false,
            skip_broadcast_commit: false,
            persistence: Persistence::Sync,
            writes: Writes::Batch,
            reads: Reads::Index,
            forward: false,
            removed_leader: RemovedLeader::Stays,
            snapshot_every: 0,
            keep_entries: 0,
            machine: Kind::default(),
            flaws: FlawSet::NONE,
        }
    }

    /// Checks that it describes a cluster.
    ///
    /// # Errors
    /// When it does not, with the reason.
    pub fn check(&self) -> Result<(), String> {
        let members = u16::from(self.voters) + u16::from(self.learners);
        if self.voters == 0 || members > u16::from(self.nodes) {
            return Err(format!(
                "{} voters and {} learners are no members of {} nodes",
                self.voters, self.learners, self.nodes
            ));
        }
        if !(1_000..=1_000_000_000_000).contains(&self.tick_ns) {
            return Err("a tick takes from a microsecond to 1000 s".to_string());
        }
        if self.election_ticks.1 > 1_000_000 {
            return Err("an election timeout is a million ticks at most".to_string());
        }
        self.of_crate(NodeId(0), 0).validate().map_err(|error| error.to_string())
    }

    /// The configuration of the crate for one node that has applied its log up to `applied`.
    pub(super) fn of_crate(&self, id: NodeId, applied: u64) -> raft::Config {
        raft::Config {
            id: peer(id),
            election_tick: self.election_ticks.0 as usize,
            heartbeat_tick: self.heartbeat_ticks as usize,
            applied,
            max_size_per_msg: self.message_bytes_max,
            max_inflight_msgs: self.inflight_max as usize,
            check_quorum: self.check_quorum,
            pre_vote: self.pre_vote,
            min_election_tick: self.election_ticks.0 as usize,
            max_election_tick: self.election_ticks.1 as usize,
            read_only_option: match self.reads {
                Reads::Lease => ReadOnlyOption::LeaseBased,
                Reads::Log | Reads::Index => ReadOnlyOption::Safe,
            },
            skip_bcast_commit: self.skip_broadcast_commit,
            batch_append: self.batch_append,
            max_uncommitted_size: self.uncommitted_bytes_max,
            max_committed_size_per_ready: self.committed_bytes_max,
            ..raft::Config::default()
        }
    }

    /// Who votes and who learns from the start.
    pub(super) fn initial_conf_state(&self) -> ConfState {
        let mut state = ConfState::default();
        state.set_voters((1..=u64::from(self.voters)).collect());
        let first = u64::from(self.voters) + 1;
        state.set_learners((first..first + u64::from(self.learners)).collect());
        state
    }

    /// The members from the start.
    #[must_use]
    pub fn members(&self) -> NodeSet {
        NodeSet::all(usize::from(self.voters) + usize::from(self.learners))
    }

    /// How many voters make a majority from the start.
    #[must_use]
    pub const fn majority(&self) -> u8 {
        self.voters / 2 + 1
    }

    /// The range of the election timeout: any tick of it may be the one.
    pub(super) const fn election_timer(&self) -> After {
        let (min, max) = self.election_ticks;
        After::between(min as u64 * self.tick_ns, (max as u64 - 1) * self.tick_ns)
    }

    /// One tick.
    pub(super) const fn tick(&self) -> After {
        After::exactly(self.tick_ns)
    }

    /// The first tick of a node: nodes do not tick together.
    pub(super) const fn first_tick(&self) -> After {
        After::between(1, self.tick_ns)
    }

    /// How long the sender of a snapshot waits to hear that it has come.
    pub(super) const fn snapshot_timer(&self) -> After {
        After::exactly(self.election_ticks.1 as u64 * self.tick_ns)
    }

    /// The longest that one round takes by the crate's own timers, in nanoseconds: with `pre-vote` and `check-quorum` an
    /// election may have to wait until a leader that is gone has lost its lease and the promise to it has run out.
    #[must_use]
    pub fn round_ns(&self) -> u64 {
        let ticks = self.election_ticks.1 as u64 + self.election_ticks.0 as u64 + self.heartbeat_ticks as u64;
        self.tick_ns.saturating_mul(ticks + 1)
    }

    pub(super) fn memory(&self) -> Memory {
        if self.has(RaftRsFlaw::ForgetSessions) { Memory::Forgotten } else { Memory::Kept }
    }

    #[inline]
    pub(super) fn has(&self, flaw: RaftRsFlaw) -> bool {
        self.flaws.contains(flaw)
    }
}

impl RunsMachine for Config {
    fn machine(&self) -> Kind {
        self.machine
    }
}
