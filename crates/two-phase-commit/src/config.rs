//! What is fixed for a whole run.

use std::fmt::{self, Display};

use quarrel_protocol::{After, FlawSet, NodeId, NodeSet};
use quarrel_spec::atomic_commit::timing::{Measured, milliseconds};
use quarrel_spec::atomic_commit::{Decision, Transaction};
use serde::{Deserialize, Serialize};

use crate::CommitFlaw;

const MILLISECOND: u64 = 1_000_000;

/// What a coordinator that knows nothing of a transaction says of it, and which records that saves (R\*, sections 3.1
/// and 3.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presumption {
    /// Every decision is forced and acknowledged. Who asks about the unknown is told to abort: nobody can have
    /// committed what was not recorded.
    None,
    /// It was aborted: aborts are neither forced nor acknowledged.
    Abort,
    /// It was committed: commits are not acknowledged, but the coordinator forces who takes part before it asks anybody.
    Commit,
}

impl Presumption {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Abort, Self::Commit];

    /// The name in scenarios.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Abort => "abort",
            Self::Commit => "commit",
        }
    }

    /// What becomes of a transaction that the coordinator knows nothing of.
    #[must_use]
    pub const fn of_unknown(self) -> Decision {
        match self {
            Self::None | Self::Abort => Decision::Abort,
            Self::Commit => Decision::Commit,
        }
    }

    /// Whether participants force this decision, and acknowledge it to a coordinator that goes on until they have.
    #[must_use]
    pub fn is_acknowledged(self, decision: Decision) -> bool {
        self == Self::None || decision != self.of_unknown()
    }
}

impl Display for Presumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The configuration of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// How many participants there are, from 1: the nodes after the coordinator.
    pub participants: u8,
    /// Whether the node after the participants finishes what is orphaned.
    pub resolver: bool,
    /// What a coordinator says of what it does not know.
    pub presumption: Presumption,
    /// Whether a participant that is alone, and only reads, votes by answering, and writes nothing.
    pub read_only: bool,
    /// Whether a participant in doubt asks its peers, too.
    pub cooperative: bool,
    /// How long the coordinator waits for votes before it aborts.
    pub vote_timeout: After,
    /// After how long the coordinator repeats what was not answered; and the resolver, what it asks.
    pub retry: After,
    /// How long a participant is in doubt before it asks, and asks again.
    pub inquiry: After,
    /// How long a participant is in doubt before it calls the resolver, and calls again.
    pub orphan: After,
    /// The defects that are switched on.
    #[serde(default)]
    pub flaws: FlawSet<CommitFlaw>,
}

impl Config {
    /// The node that coordinates.
    pub const COORDINATOR: NodeId = NodeId(0);
    /// The most participants there can be.
    pub const PARTICIPANTS_MAX: u8 = 63;

    /// That many participants, presumed abort, timeouts for a network of a few milliseconds, no resolver, no flaw.
    #[must_use]
    pub const fn new(participants: u8) -> Self {
        Self {
            participants,
            resolver: false,
            presumption: Presumption::Abort,
            read_only: false,
            cooperative: true,
            vote_timeout: After::between(100 * MILLISECOND, 150 * MILLISECOND),
            retry: After::between(40 * MILLISECOND, 60 * MILLISECOND),
            inquiry: After::between(80 * MILLISECOND, 120 * MILLISECOND),
            orphan: After::between(200 * MILLISECOND, 300 * MILLISECOND),
            flaws: FlawSet::NONE,
        }
    }

    /// How many nodes there are.
    #[must_use]
    pub const fn nodes(&self) -> u8 {
        1 + self.participants + self.resolver as u8
    }

    /// The participants.
    #[must_use]
    pub fn all_participants(&self) -> NodeSet {
        (1..=self.participants).map(NodeId).collect()
    }

    /// The node that finishes what is orphaned, if there is one.
    #[must_use]
    pub fn resolver_node(&self) -> Option<NodeId> {
        self.resolver.then_some(NodeId(1 + self.participants))
    }

    /// The participants that keep something that the transaction is about.
    #[must_use]
    pub fn involved(&self, transaction: &Transaction) -> NodeSet {
        transaction.homes(self.participants).into_iter().map(|home| NodeId(1 + home)).collect()
    }

    /// The longest that one round takes by the protocol's own timers, in nanoseconds: votes that do not come, a decision
    /// that is repeated, and a participant that has to ask, and to call.
    #[must_use]
    pub fn round_ns(&self) -> u64 {
        let timeouts = [self.vote_timeout, self.retry, self.inquiry, self.orphan];
        timeouts.iter().fold(0, |sum, after| sum.saturating_add(after.max_ns))
    }

    /// Why AC4 asks nothing of a run, if what was measured does not fit into the timeout for votes.
    ///
    /// BHG 7.3 speaks of executions without failures, and a timeout that fires although nobody failed is one: "no
    /// failures" is in the eye of a coordinator that can only wait. Its timer is set as VOTE-REQ leaves its handler,
    /// and a vote is there two hops later. Nothing else rests on time: a late vote is as good as a lost one.
    #[must_use]
    pub fn late_votes(&self, measured: &Measured) -> Option<String> {
        let least_ns = self.vote_timeout.min_ns;
        let votes_ns = measured.hop_ns().saturating_mul(2);
        let is_late = votes_ns.saturating_add(measured.error_ns(least_ns)) >= least_ns;
        is_late.then(|| {
            let (votes, least) = (milliseconds(votes_ns), milliseconds(least_ns));
            format!(
                "a vote may have come {votes} after it was asked for, and the coordinator waits for {least}"
            )
        })
    }

    pub(crate) fn has(&self, flaw: CommitFlaw) -> bool {
        self.flaws.contains(flaw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_its_file_and_names_its_flaws() {
        let config = Config { flaws: FlawSet::only(CommitFlaw::MissingVote), ..Config::new(3) };
        let text = serde_json::to_string(&config).unwrap();
        assert!(text.contains(r#""flaws":["missing-vote"]"#), "{text}");
        assert!(text.contains(r#""presumption":"abort""#), "{text}");
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
    }

    #[test]
    fn a_vote_takes_two_hops_and_must_be_there_before_the_timeout() {
        let config = Config::new(3);
        let quick = Measured { link_ns: 39 * MILLISECOND, sync_ns: 5 * MILLISECOND, ..Measured::default() };
        assert_eq!(config.late_votes(&quick), None, "98 ms of 100");
        let drifting = Measured { clock_ppm: 20_000, ..quick };
        let late = Measured { link_ns: 60 * MILLISECOND, ..quick };
        assert_eq!(
            config.late_votes(&late).as_deref(),
            Some("a vote may have come 140ms after it was asked for, and the coordinator waits for 100ms")
        );
        assert!(config.late_votes(&drifting).is_some(), "a fast clock waits for 98 ms of 100");
        let wild = Measured { link_ns: u64::MAX, pause_ns: u64::MAX, clock_ppm: u32::MAX, ..quick };
        assert!(config.late_votes(&wild).is_some());
    }

    #[test]
    fn the_resolver_comes_last() {
        let config = Config { resolver: true, ..Config::new(3) };
        assert_eq!((config.nodes(), config.resolver_node()), (5, Some(NodeId(4))));
        assert_eq!(config.all_participants().to_string(), "n2, n3, n4");
        assert_eq!(Config::new(3).nodes(), 4);
    }

    #[test]
    fn a_presumption_saves_the_acknowledgements_of_what_it_presumes() {
        let acknowledged = |presumption: Presumption| {
            [Decision::Commit, Decision::Abort].map(|decision| presumption.is_acknowledged(decision))
        };
        assert_eq!(acknowledged(Presumption::None), [true, true]);
        assert_eq!(acknowledged(Presumption::Abort), [true, false]);
        assert_eq!(acknowledged(Presumption::Commit), [false, true]);
    }
}
