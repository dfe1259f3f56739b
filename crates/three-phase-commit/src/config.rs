//! What is fixed for a whole run: above all Δ, the number that the protocol stakes its agreement on.

use quarrel_protocol::{After, NodeId, NodeSet};
use quarrel_spec::atomic_commit::Measured;
use quarrel_spec::atomic_commit::timing::milliseconds;
use serde::{Deserialize, Serialize};

use crate::{FlawSet, State};

const MILLISECOND: u64 = 1_000_000;

/// The node that coordinates every transaction.
pub const COORDINATOR: NodeId = NodeId(0);

/// The configuration of a cluster.
///
/// # Δ
///
/// Δ is a promise of the world, and all else follows from it:
///
/// ```text
/// hop = 2 × (longest disk sync)   what is sent waits for a write, and that one for a sync already under way
///     + longest pause             of the sender
///     + longest link delay
///     + longest pause             of the receiver
/// Δ   > hop + clock error         so that a timer of k·Δ, on the fastest clock, lasts longer than k hops;
/// Δ   > longest pause + error     and on the slowest clock, of a node that stalls, fires within (k + 1)·Δ
/// ```
///
/// A node stalls at most once in a hop. The error is that of the longest timer, 8 Δ: with clocks that are off by at
/// most 1 %, an eighth of Δ covers it.
///
/// # The timeouts
///
/// Counted from when the other side began, which is never later than when the timer is set:
///
/// | who waits for what | takes at most | timer |
/// |---|---|---|
/// | the coordinator for votes, reports or acknowledgements | there and back: 2 hops | 2 Δ |
/// | who has voted, for PRE-COMMIT or ABORT | until the coordinator has no more patience for votes, 3 Δ; a hop | 5 Δ |
/// | who has said that somebody is elected, for STATE-REQ | there and back: 2 hops | 3 Δ |
/// | who has reported that it is uncertain, for PRE-COMMIT or ABORT | until there is no more patience for reports, 3 Δ; a hop | 5 Δ |
/// | who is committable by a PRE-COMMIT, for COMMIT | until there is no more patience for acknowledgements, 3 Δ; a hop | 5 Δ |
/// | who has reported that it is committable, for COMMIT | reports, 3 Δ; acknowledgements, 3 Δ; a hop | 8 Δ |
///
/// A timer that waits for something that itself waits for a timer is one Δ longer than the sum, since the other clock
/// may be slow and this one fast. (Bernstein, Hadzilacos and Goodman speak of 2Δ, 3Δ and so on, of writes that take no
/// time and clocks that are right.)
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// How many nodes there are: the coordinator and its participants.
    pub nodes: u8,
    /// Δ, in nanoseconds.
    pub delta_ns: u64,
    /// The defects that are switched on.
    #[serde(default)]
    pub flaws: FlawSet,
}

/// What somebody waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// Answers of everybody who was asked.
    Answers,
    /// The word of a coordinator that knows how one stands.
    Word(State),
    /// The word of an elected coordinator that has asked how one stands.
    Verdict(State),
    /// The first word of a coordinator that has been told that it is elected.
    Election,
    /// Time to ask again, for a process that recovers.
    Inquiry,
}

impl Config {
    /// That many nodes on a network of a few milliseconds, no flaw.
    #[must_use]
    pub fn new(nodes: u8) -> Self {
        Self { nodes, delta_ns: 100 * MILLISECOND, flaws: FlawSet::NONE }
    }

    /// How many participants there are.
    #[must_use]
    pub const fn participants(&self) -> u8 {
        self.nodes.saturating_sub(1)
    }

    /// All nodes.
    #[must_use]
    pub const fn everybody(&self) -> NodeSet {
        NodeSet::all(self.nodes as usize)
    }

    /// The node that keeps the items of this home.
    #[must_use]
    pub const fn keeper(home: u8) -> NodeId {
        NodeId(COORDINATOR.0 + 1 + home)
    }

    /// How long a node waits before it acts: see the table above.
    #[must_use]
    pub const fn patience(&self, patience: Patience) -> After {
        let deltas = match patience {
            Patience::Answers => 2,
            Patience::Election => 3,
            Patience::Word(_) | Patience::Verdict(State::Uncertain) => 5,
            Patience::Verdict(_) => 8,
            Patience::Inquiry => {
                return After::between(2 * self.delta_ns, self.delta_ns.saturating_mul(3));
            }
        };
        After::exactly(self.delta_ns.saturating_mul(deltas))
    }

    /// NB in numbers: the longest that a process may be in doubt that stays operational, when that many processes of
    /// its transaction have failed since it began.
    ///
    /// It follows one coordinator after the other, and never one that has failed twice. With each it waits at most for
    /// the first word (3 Δ, which a slow clock makes 4), then as uncertain (5, 6), then as committable (5, 6): 16 Δ. The
    /// last one it follows does not fail.
    #[must_use]
    pub const fn doubt_max_ns(&self, failures: u64) -> u64 {
        self.delta_ns.saturating_mul(16).saturating_mul(failures.saturating_add(1))
    }

    /// The longest that one round takes by the protocol's own timers: the time with one coordinator.
    #[must_use]
    pub const fn round_ns(&self) -> u64 {
        self.doubt_max_ns(0)
    }
}

/// Why a run is outside of the model, if what was measured does not fit into Δ. (Nor may anything be lost but what a crash
/// takes. Crashes, of any number of nodes and at any point, are inside.)
#[must_use]
pub fn outside(config: &Config, measured: &Measured) -> Option<String> {
    let hop_ns = measured.hop_ns();
    let hop_ns = hop_ns.saturating_add(measured.error_ns(hop_ns));
    let late_ns = measured.pause_ns.saturating_add(measured.error_ns(config.delta_ns).saturating_mul(9));
    let longest_ns = hop_ns.max(late_ns);
    (longest_ns >= config.delta_ns).then(|| {
        let (longest, delta) = (milliseconds(longest_ns), milliseconds(config.delta_ns));
        format!("a message may have taken {longest} from handler to handler, and Δ is {delta}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ThreePhaseFlaw;

    #[test]
    fn a_configuration_survives_its_file_and_names_its_flaws() {
        let config = Config { flaws: FlawSet::only(ThreePhaseFlaw::TimeoutTransitions), ..Config::new(5) };
        let text = serde_json::to_string(&config).unwrap();
        assert!(text.contains(r#""flaws":["timeout-transitions"]"#), "{text}");
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
    }

    #[test]
    fn what_does_not_fit_into_delta_is_outside_and_crashes_are_not() {
        let config = Config::new(4);
        let calm = Measured { link_ns: 40 * MILLISECOND, sync_ns: 10 * MILLISECOND, ..Measured::default() };
        assert_eq!(outside(&config, &calm), None);
        let paused = Measured { pause_ns: 15 * MILLISECOND, clock_ppm: 10_000, ..calm };
        assert_eq!(outside(&config, &paused), None, "90 ms and an error of 0.9");
        let late = Measured { link_ns: 50 * MILLISECOND, ..paused };
        assert!(outside(&config, &late).is_some_and(|why| why.contains(" 101ms ")));
        let wild = Measured { link_ns: u64::MAX, sync_ns: u64::MAX, clock_ppm: u32::MAX, ..paused };
        assert!(outside(&config, &wild).is_some());
    }

    /// The table of timeouts, computed from hops and from timers that are late.
    #[test]
    fn every_timeout_outlasts_what_it_waits_for() {
        let config = Config::new(3);
        let delta = config.delta_ns;
        let ns = |patience| config.patience(patience).min_ns;
        // With clocks off by 1 % a timer fires after 99 % of its time at the earliest; a hop takes 99 % of Δ at most.
        let earliest = |ns: u64| ns / 101 * 100;
        let hop = delta / 101 * 100;
        let latest = |ns: u64| ns + delta;
        let answers = ns(Patience::Answers);
        assert!(earliest(answers) >= 2 * hop);
        assert!(earliest(ns(Patience::Election)) >= 2 * hop);
        for state in [State::Uncertain, State::Committable] {
            assert!(earliest(ns(Patience::Word(state))) >= latest(answers) + hop);
        }
        assert!(earliest(ns(Patience::Verdict(State::Uncertain))) >= latest(answers) + hop);
        assert!(earliest(ns(Patience::Verdict(State::Committable))) >= 2 * latest(answers) + hop);
        let one = latest(ns(Patience::Election)) + 2 * latest(ns(Patience::Word(State::Uncertain)));
        assert!(one <= config.doubt_max_ns(0));
    }
}
