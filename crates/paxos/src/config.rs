//! What is fixed for a whole run.

use quarrel_protocol::{After, Lasting, Quorum};
use serde::{Deserialize, Serialize};

use crate::FlawSet;

const MILLISECOND: u64 = 1_000_000;

/// What a minority may suffer for ever while the others go on (with majorities as quorums): everything.
///
/// It is enough that one node of the core ever decides: a decision is final, and that node tells whoever asks it. Until
/// then an outsider can only preempt, and one that is not heard cannot even do that. A deaf one starts a ballot, hears
/// of no promise, and tries the next round after its timeout and a pause that grows; a partly connected one learns what
/// preempted it and goes above that, after a pause too. So in each of its attempts, which take from 0.1 to some 3
/// seconds, an outsider spoils at most one ballot of each node of the core, and such a ballot takes two round trips.
/// What an outsider has had accepted is a proposal like any other.
pub const LIVES_WITH: &[Lasting] = &[
    Lasting::Crashed,
    Lasting::Isolated,
    Lasting::Mute,
    Lasting::Deaf,
    // And so with a node on the fringe: it is partly connected.
    Lasting::Partial,
    Lasting::Paused,
];

/// The configuration of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The members, and the quorums of phase 1 (first) and phase 2 (second).
    pub quorum: Quorum,
    /// How long a ballot may take, both phases together.
    pub attempt_timeout: After,
    /// The pause after the first ballot that fails.
    pub backoff: After,
    /// How often the pause's range doubles as further ballots fail.
    pub backoff_doublings_max: u8,
    /// How long a node without a value of its own waits for the decision before it inquires.
    pub inquiry_timeout: After,
    /// The defects that are switched on.
    #[serde(default)]
    pub flaws: FlawSet,
}

impl Config {
    /// Majorities of `nodes` nodes, timeouts for a network of a few milliseconds, no flaw.
    ///
    /// # Panics
    /// When there are no nodes, or more than [`quarrel_protocol::NodeId::LIMIT`].
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self {
            quorum: Quorum::majority(nodes),
            attempt_timeout: After::between(100 * MILLISECOND, 200 * MILLISECOND),
            backoff: After::between(20 * MILLISECOND, 100 * MILLISECOND),
            backoff_doublings_max: 5,
            inquiry_timeout: After::between(1_000 * MILLISECOND, 2_000 * MILLISECOND),
            flaws: FlawSet::default(),
        }
    }

    /// The longest that one round takes by the protocol's own timers, in nanoseconds: a ballot that times out, the
    /// longest pause after it, and the wait of a node that has to inquire.
    #[must_use]
    pub fn round_ns(&self) -> u64 {
        let pause = self.backoff_after(self.backoff_doublings_max);
        let attempt_ns = self.attempt_timeout.max_ns.saturating_add(pause.max_ns);
        attempt_ns.saturating_add(self.inquiry_timeout.max_ns)
    }

    /// The pause after a failed ballot, its range doubled `doublings` times (saturating).
    #[must_use]
    pub fn backoff_after(&self, doublings: u8) -> After {
        self.backoff.times(1 << doublings.min(63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PaxosFlaw;

    #[test]
    fn a_configuration_survives_its_file_and_names_its_flaws() {
        let config = Config { flaws: FlawSet::only(PaxosFlaw::NoAcceptCheck), ..Config::new(5) };
        let text = serde_json::to_string(&config).unwrap();
        assert!(text.contains(r#""flaws":["no-accept-check"]"#), "{text}");
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
    }

    #[test]
    fn an_unknown_flaw_in_a_file_is_refused_by_name() {
        let text = serde_json::to_string(&Config::new(3)).unwrap().replace("[]", r#"["no-such-flaw"]"#);
        assert!(serde_json::from_str::<Config>(&text).unwrap_err().to_string().contains("no-such-flaw"));
    }

    #[test]
    fn a_round_is_a_ballot_a_pause_and_an_inquiry() {
        assert_eq!(Config::new(3).round_ns(), (200 + 32 * 100 + 2_000) * MILLISECOND);
        let config = Config { backoff_doublings_max: 255, ..Config::new(3) };
        assert_eq!(config.round_ns(), u64::MAX);
    }

    #[test]
    fn no_number_of_doublings_overflows() {
        let config = Config::new(3);
        assert_eq!(config.backoff_after(1), config.backoff.times(2));
        assert_eq!(config.backoff_after(255).max_ns, u64::MAX);
    }
}
