//! What is fixed for a whole run.

use quarrel_protocol::{After, Lasting, NodeId, Quorum};
use quarrel_spec::machine::Kind;
use quarrel_spec::replicated_log::RunsMachine;
use quarrel_spec::session::Memory;
use serde::{Deserialize, Serialize};

use crate::{FlawSet, MultiPaxosFlaw};

const MILLISECOND: u64 = 1_000_000;

/// What a minority may suffer for ever while the others go on.
///
/// A node that is not heard is harmless, and one that hears nothing (*deaf*) is ignored: whoever hears a leader takes no
/// other (see the crate's page). That would keep everybody from replacing a leader that is deaf itself, so a leader that
/// hears no quorum gives up.
///
/// Not here: a *partly connected* node. If it leads with the help of those of the core that it reaches, the rest of the
/// core hears no leader, and cannot depose one that a quorum hears.
pub const LIVES_WITH: &[Lasting] =
    &[Lasting::Crashed, Lasting::Isolated, Lasting::Mute, Lasting::Deaf, Lasting::Paused];

/// The options of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// How many nodes there are: 1 to 64.
    pub nodes: u8,
    /// How long a leader may be silent before nobody believes in it any more, in nanoseconds.
    pub patience_ns: u64,
    /// How long a node that hears no leader waits before it tries to lead, the first time.
    pub backoff: After,
    /// How often that range doubles as further attempts fail.
    pub backoff_doublings_max: u8,
    /// How long a leader is silent at most, in nanoseconds.
    pub heartbeat_ns: u64,
    /// How long a replica that has missed something waits before it asks for it, and before it asks somebody else.
    pub catch_up: After,
    /// So many slots may be proposed and not chosen at a time (at least 1). PMMC's WINDOW, PMS's alpha.
    pub window: u32,
    /// The most slots in one message (at least 1).
    pub slots_per_message: u32,
    /// A node takes a snapshot after it has applied so many slots; 0 is never.
    pub snapshot_every: u32,
    /// So many slots that a snapshot covers are kept all the same, for whoever is only a little behind.
    pub slots_kept: u32,
    /// The most bytes of a snapshot in one message (at least 1).
    pub chunk_bytes: u32,
    /// The state machine that the log is for.
    #[serde(default)]
    pub machine: Kind,
    /// Deliberate defects.
    pub flaws: FlawSet,
}

impl Config {
    /// A correct cluster of `nodes` nodes for a network of a few milliseconds: 50 ms between heartbeats, 150 ms of
    /// patience; 16 slots at a time, up to 8 in a message; a snapshot every 100 slots, which keeps the last 10.
    #[must_use]
    pub fn new(nodes: u8) -> Self {
        Self {
            nodes,
            patience_ns: 150 * MILLISECOND,
            backoff: After::between(20 * MILLISECOND, 150 * MILLISECOND),
            backoff_doublings_max: 3,
            heartbeat_ns: 50 * MILLISECOND,
            catch_up: After::between(20 * MILLISECOND, 40 * MILLISECOND),
            window: 16,
            slots_per_message: 8,
            snapshot_every: 100,
            slots_kept: 10,
            chunk_bytes: 256,
            machine: Kind::default(),
            flaws: FlawSet::NONE,
        }
    }

    /// The longest that one round takes by the protocol's own timers, in nanoseconds: a leader is missed, the longest
    /// pause goes by before another tries, and a heartbeat later it notices what was lost, or a replica asks for it.
    #[must_use]
    pub fn round_ns(&self) -> u64 {
        let pause = self.backoff_after(u32::from(self.backoff_doublings_max)).max_ns;
        let learning = self.heartbeat_ns.saturating_add(self.catch_up.max_ns);
        self.patience_ns.saturating_add(pause).saturating_add(learning)
    }

    /// The pause before an attempt when so many have failed in a row (saturating).
    #[must_use]
    pub fn backoff_after(&self, failures: u32) -> After {
        let doublings = failures.min(u32::from(self.backoff_doublings_max)).min(63);
        self.backoff.times(1 << doublings)
    }

    /// Majorities promise, and majorities accept.
    #[must_use]
    pub fn quorum(&self) -> Quorum {
        Quorum::majority(usize::from(self.nodes))
    }

    /// After so many beats without a quorum a leader gives up: as long as others would wait for one.
    pub(crate) fn lonely_beats_max(&self) -> u32 {
        u32::try_from(self.patience_ns.div_ceil(self.heartbeat_ns.max(1))).unwrap_or(u32::MAX)
    }

    /// How long a leader that was just heard is believed in.
    pub(crate) const fn silence_timer(&self) -> After {
        After::exactly(self.patience_ns)
    }

    /// Whether the replicas remember what they have applied.
    pub(crate) fn memory(&self) -> Memory {
        if self.has(MultiPaxosFlaw::ForgetSessions) { Memory::Forgotten } else { Memory::Kept }
    }

    /// The members of the cluster.
    pub(crate) fn members(&self) -> impl Iterator<Item = NodeId> + use<> {
        NodeId::all(usize::from(self.nodes))
    }

    #[inline]
    pub(crate) fn has(&self, flaw: MultiPaxosFlaw) -> bool {
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
    fn a_configuration_survives_its_file_and_names_its_flaws() {
        let flaws = FlawSet::only(MultiPaxosFlaw::GapNoopOverwrites);
        let config = Config { flaws, ..Config::new(5) };
        let text = serde_json::to_string(&config).unwrap();
        assert!(text.contains(r#""flaws":["gap-noop-overwrites"]"#), "{text}");
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
    }

    #[test]
    fn a_round_is_patience_a_pause_a_beat_and_a_question() {
        assert_eq!(Config::new(3).round_ns(), (150 + 8 * 150 + 50 + 40) * MILLISECOND);
        let config = Config { backoff_doublings_max: 255, ..Config::new(3) };
        assert_eq!(config.round_ns(), u64::MAX);
    }

    #[test]
    fn a_leader_is_lonely_as_long_as_others_would_be_patient() {
        assert_eq!(Config::new(3).lonely_beats_max(), 3);
        assert_eq!(Config { heartbeat_ns: 40 * MILLISECOND, ..Config::new(3) }.lonely_beats_max(), 4);
    }
}
