//! What is fixed for a whole run.

use quarrel_protocol::{After, Quorum};
use serde::{Deserialize, Serialize};

use crate::FlawSet;

const MILLISECOND: u64 = 1_000_000;

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
    fn no_number_of_doublings_overflows() {
        let config = Config::new(3);
        assert_eq!(config.backoff_after(1), config.backoff.times(2));
        assert_eq!(config.backoff_after(255).max_ns, u64::MAX);
    }
}
