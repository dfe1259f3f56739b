//! What is fixed for a whole run.

use quarrel_protocol::{After, Lasting, NodeId};
use quarrel_spec::machine::Kind;
use quarrel_spec::replicated_log::RunsMachine;
use quarrel_spec::session::Memory;
use serde::{Deserialize, Serialize};

use crate::{FlawSet, PbftFlaw, Sequence, View};

const MILLISECOND: u64 = 1_000_000;

/// What f nodes may suffer for ever while the others go on: anything at all, so all of these.
pub const LIVES_WITH: &[Lasting] = &Lasting::ALL;

/// The options of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// How many replicas there are: 1 to 64. Of n, f = ⌊(n − 1)/3⌋ may be faulty.
    pub nodes: u8,
    /// The most requests in one batch (at least 1).
    pub batch: u32,
    /// The primary has at most so many batches under way that it has not executed (at least 1). Requests that come
    /// meanwhile wait, and go into one batch.
    pub parallel: u32,
    /// A checkpoint is made at every sequence number that is a multiple of this (at least 1): the paper's K.
    pub checkpoint_every: u32,
    /// So many sequence numbers are open after the last stable checkpoint (at least `checkpoint_every`): the paper's L.
    pub window: u32,
    /// How long a backup waits for a request to be executed before it gives its primary up, the first time.
    pub patience: After,
    /// How often that range doubles as views fail in a row.
    pub patience_doublings_max: u8,
    /// How long a backup waits for a request to be ordered before it relays it to the primary.
    pub relay: After,
    /// How long a replica that misses something, or has news, waits before it says how far it is.
    pub status: After,
    /// The state machine that the log is for.
    #[serde(default)]
    pub machine: Kind,
    /// Deliberate defects.
    pub flaws: FlawSet,
}

impl Config {
    /// A correct cluster of `nodes` nodes for a network of a few milliseconds: one request in a batch, up to 8 batches
    /// under way; a checkpoint every 16, with 32 open; 200 ms of patience.
    #[must_use]
    pub fn new(nodes: u8) -> Self {
        Self {
            nodes,
            batch: 1,
            parallel: 8,
            checkpoint_every: 16,
            window: 32,
            patience: After::between(200 * MILLISECOND, 250 * MILLISECOND),
            patience_doublings_max: 5,
            relay: After::between(30 * MILLISECOND, 40 * MILLISECOND),
            status: After::between(50 * MILLISECOND, 75 * MILLISECOND),
            machine: Kind::default(),
            flaws: FlawSet::NONE,
        }
    }

    /// How many replicas may be faulty: f = ⌊(n − 1)/3⌋ (section 4).
    #[must_use]
    pub const fn faulty_max(&self) -> usize {
        (self.nodes.saturating_sub(1) / 3) as usize
    }

    /// How many must say the same: ⌈(n + f + 1)/2⌉, which is 2f + 1 of n = 3f + 1. Any two such quorums have f + 1 nodes in
    /// common, one of them correct; and n − f nodes, which is all that may ever answer, are one.
    #[must_use]
    pub const fn quorum(&self) -> usize {
        (self.nodes as usize + self.faulty_max() + 1).div_ceil(2)
    }

    /// What replicas of this configuration take for a quorum.
    pub(crate) fn quorum_used(&self) -> usize {
        if self.has(PbftFlaw::QuorumNot3f1) {
            return 2 * self.faulty_max() + 1;
        }
        self.quorum()
    }

    /// What they take for one when they count prepares and commits.
    pub(crate) fn votes_needed(&self) -> usize {
        let quorum = self.quorum_used();
        if self.has(PbftFlaw::Quorum2f) { (quorum - 1).max(1) } else { quorum }
    }

    /// Of so many equal replies one at least comes from a correct replica (section 4.1).
    #[must_use]
    pub fn replies_needed(&self) -> usize {
        if self.has(PbftFlaw::ClientBelievesOne) { 1 } else { self.faulty_max() + 1 }
    }

    /// The longest that one round takes by the protocol's own timers, in nanoseconds: each of f faulty primaries in a row,
    /// and one that is not, has its time; somebody relays a request, and what was lost is asked for.
    #[must_use]
    pub fn round_ns(&self) -> u64 {
        let patience = self.patience_after(u32::from(self.patience_doublings_max)).max_ns;
        let primaries = self.faulty_max() as u64 + 2;
        let talk = self.relay.max_ns.saturating_add(self.status.max_ns.saturating_mul(2));
        patience.saturating_mul(primaries).saturating_add(talk)
    }

    /// How long a backup waits when so many views have failed in a row (saturating). Section 4.5.2: "it will wait 2T".
    #[must_use]
    pub fn patience_after(&self, failures: u32) -> After {
        if self.has(PbftFlaw::VcNoTimeoutDoubling) {
            return self.patience;
        }
        let doublings = failures.min(u32::from(self.patience_doublings_max)).min(63);
        self.patience.times(1 << doublings)
    }

    /// The high water mark when this checkpoint is the low one: H = h + L (section 4.3).
    #[must_use]
    pub const fn high(&self, low: Sequence) -> Sequence {
        low.plus(self.window as u64)
    }

    /// Who leads in a view.
    #[must_use]
    pub const fn primary(&self, view: View) -> NodeId {
        view.primary(self.nodes)
    }

    /// Whether the replicas remember what they have applied.
    pub(crate) fn memory(&self) -> Memory {
        if self.has(PbftFlaw::ForgetSessions) { Memory::Forgotten } else { Memory::Kept }
    }

    #[inline]
    pub(crate) fn has(&self, flaw: PbftFlaw) -> bool {
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
    fn quorums_of_any_size_meet_in_a_correct_node_and_can_be_had() {
        for nodes in 1..=64u8 {
            let config = Config::new(nodes);
            let (n, f, q) = (usize::from(nodes), config.faulty_max(), config.quorum());
            assert!(n > 3 * f && n <= 3 * f + 3);
            assert!(2 * q - n > f, "two quorums of {nodes} meet in a correct node");
            assert!(q <= n - f, "those who answer are a quorum of {nodes}");
            assert!(2 * (q - 1) <= n + f, "the smallest that do");
        }
        let of = |nodes| (Config::new(nodes).faulty_max(), Config::new(nodes).quorum());
        assert_eq!([of(4), of(5), of(6), of(7)], [(1, 3), (1, 4), (1, 4), (2, 5)]);
    }

    #[test]
    fn a_configuration_survives_its_file_and_names_its_flaws() {
        let flaws = FlawSet::only(PbftFlaw::Quorum2f);
        let config = Config { flaws, ..Config::new(5) };
        let text = serde_json::to_string(&config).unwrap();
        assert!(text.contains(r#""flaws":["quorum-2f"]"#), "{text}");
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
    }

    #[test]
    fn patience_doubles_up_to_a_limit() {
        let config = Config { patience: After::exactly(100), patience_doublings_max: 3, ..Config::new(4) };
        let waits: Vec<u64> = (0..6).map(|failures| config.patience_after(failures).min_ns).collect();
        assert_eq!(waits, [100, 200, 400, 800, 800, 800]);
    }
}
