//! What the harness must know of a protocol to put it on trial.

use std::collections::BTreeMap;

use quarrel_formats::scenario::{Complaint, Raw};
use quarrel_protocol::{ClientId, Flaw, Kinded, Lasting, Monitor, NodeId, NodeSet, Protocol};
use quarrel_sim::Struck;
use quarrel_sim::time::SECOND;
use quarrel_spec::Service;
use quarrel_spec::machine::Kind;
use quarrel_spec::workload::Workload;
use serde_json::Value;

use crate::dice::Dice;
use crate::history::Spelled;
use crate::model::{Writes, beyond};
use crate::truth::{AnswerOf, CallOf};

/// The `[config]` table of a scenario: options by name, as they were written.
pub type RawOptions = BTreeMap<String, Raw>;

/// A protocol with its monitors, its options, its flaws and a workload: all that a campaign needs.
pub trait Subject: Protocol {
    /// The invariants of its own paper.
    type Invariants: Monitor<Self> + Send;
    /// The black-box properties of the problem it solves. `quarrel_spec` has them.
    type Properties: Monitor<Self> + Send;
    /// What its clients believe they talk to: [`NoService`](quarrel_spec::NoService) if there is nothing that they
    /// could check.
    type Service: Service<Self> + Send;
    /// Its options, as a scenario gives them: ranges that each run draws from.
    type Options: Clone + Send + Sync;

    /// The catalogue of its deliberate defects.
    const FLAWS: &'static [Flaw] = &[];
    /// The only number of nodes that it is for; `None` if any will do.
    const NODES: Option<u8> = None;
    /// The names of its options under `[config]`.
    const OPTIONS: &'static [&'static str] = &[];

    /// Whether it runs the state machine that a scenario's workload names. Where it does not, naming one is refused.
    const RUNS_MACHINE: bool = true;

    /// Reads its options. Unknown names have been refused already.
    ///
    /// # Errors
    /// When a value cannot be read.
    fn options(raw: &RawOptions) -> Result<Self::Options, Complaint>;

    /// An option that no cluster of at most so many nodes has room for, and why.
    fn misfit_option(options: &Self::Options, nodes_max: u8) -> Option<(&'static str, String)> {
        let _ = (options, nodes_max);
        None
    }

    /// The configuration of one run.
    ///
    /// # Panics
    /// May panic when a flaw is unknown; [`Registry::trial`](crate::registry::Registry::trial) refuses those.
    fn configure(options: &Self::Options, setting: Setting<'_>, dice: &mut Dice) -> Self::Config;

    /// What may ail nodes outside a healthy core for good, without keeping the core from its work: the protocol's
    /// liveness contract.
    fn lasting(config: &Self::Config) -> &'static [Lasting] {
        let _ = config;
        &[]
    }

    /// The kinds of messages that nodes of this configuration send, of those that the protocol has: losses are aimed at
    /// no others.
    fn sends(config: &Self::Config) -> Vec<&'static str> {
        let _ = config;
        <Self::Message as Kinded>::KINDS.to_vec()
    }

    /// Whether runs with these options can ever fill this cell. A campaign owes no other.
    fn can_fill(options: &Self::Options, cell: &str) -> bool {
        let _ = (options, cell);
        true
    }

    /// The cell without which this property of the paper cannot be asked, if there is one. Only a campaign that owes
    /// the cell owes the property: a script that tells of something else need not get there.
    fn occasion(property: &str) -> Option<&'static str> {
        let _ = property;
        None
    }

    /// How many nodes a core needs to get on without the others. All of them, unless the protocol knows better.
    fn core_min(config: &Self::Config, nodes: u8) -> u8 {
        let _ = config;
        nodes
    }

    /// The fewest nodes that can decide anything: who reaches fewer is on the fringe.
    fn quorum_min(config: &Self::Config, nodes: u8) -> u8 {
        Self::core_min(config, nodes)
    }

    /// The longest time that one round of the protocol may take by its own timers, in nanoseconds: an election, an
    /// attempt with its back-off. The bound of the liveness phase is a multiple of it.
    fn round_ns(config: &Self::Config) -> u64 {
        let _ = config;
        SECOND
    }

    /// In what order it counts on its un-synced writes to reach the disk.
    fn writes(config: &Self::Config) -> Writes {
        let _ = config;
        Writes::InOrder
    }

    /// Why what struck in a run is more than the protocol promises to live with: a reason each, in words that name
    /// what struck and what is allowed ("a message took 412 ms, 40 ms are allowed"). A violation in such a run is outside
    /// the model; without reasons it is a mistake. To measure less must never give more reasons.
    fn outside(config: &Self::Config, struck: &Struck) -> Vec<String> {
        beyond::<Self>(config, struck)
    }

    /// Why what struck is more than this one property assumes, though the protocol lives with it: as
    /// [`Subject::outside`], and beside it.
    fn outside_for(property: &str, config: &Self::Config, struck: &Struck) -> Vec<String> {
        let _ = (property, config, struck);
        Vec::new()
    }

    /// How many nodes may be Byzantine at once: do what they like, or have forgotten what they had promised to keep.
    fn traitors_max(config: &Self::Config) -> u8 {
        let _ = config;
        0
    }

    /// The same configuration with every deliberate defect switched off.
    #[must_use]
    fn without_flaws(config: Self::Config) -> Self::Config {
        config
    }

    /// Checks a configuration that was read from a file.
    ///
    /// # Errors
    /// When it does not fit a cluster of `nodes` nodes, with the reason.
    fn fits(_config: &Self::Config, _nodes: u8) -> Result<(), String> {
        Ok(())
    }

    /// The request of one client operation.
    fn request(asker: &mut Asker<'_>) -> Self::Request;

    /// Whether a client that hears nothing may ask this again, there or elsewhere. Where it may not, a request reaches
    /// at most one node, at most once, and a client that hears nothing gives up: what became of it is unknown.
    ///
    /// A protocol that tells a repeated request from a new one has nothing to fear, and this is about nothing else.
    fn may_repeat(request: &Self::Request) -> bool {
        let _ = request;
        true
    }

    /// How many nodes must give a client the same reply before it believes it: more than one where a node may lie.
    fn replies_needed(config: &Self::Config, nodes: u8) -> u8 {
        let _ = (config, nodes);
        1
    }

    /// The requests that read back what was acknowledged, after a core has healed: whom to ask (anybody, if it does
    /// not matter) and what. `number` is the first of their numbers.
    fn scan(workload: &Workload, core: NodeSet, number: u32) -> Vec<(Option<NodeId>, Self::Request)> {
        let _ = (workload, core, number);
        Vec::new()
    }

    /// A request that is written by hand in a scenario.
    ///
    /// # Errors
    /// When the words are none, with what was expected.
    fn parse_request(words: &str) -> Result<Self::Request, String> {
        Err(format!("{} takes no requests in words: leave `{words}` out", Self::NAME))
    }

    /// What an operator asks of a node, of the kind that is drawn: one of the names of [`Protocol::Admin`]'s kinds. The
    /// scenario's `[operator]` says how often. A protocol whose orders have kinds must say this.
    ///
    /// # Panics
    /// Unless a protocol says it.
    fn order(operator: &mut Operator<'_, Self>) -> Self::Admin {
        panic!("{} does not say how to {}: `Subject::order` is missing", Self::NAME, operator.kind)
    }

    /// An order that is written by hand in a scenario. What it prints reads on from "the operator asks n1 to": "hand
    /// leadership to n3".
    ///
    /// # Errors
    /// When the words are none, with what was expected.
    fn parse_order(words: &str) -> Result<Self::Admin, String> {
        Err(format!("{} takes no orders in words: leave `{words}` out", Self::NAME))
    }

    /// The nodes that an order names, beside the one that it is for: each must be in the cluster.
    fn named_nodes(order: &Self::Admin) -> Vec<NodeId> {
        let _ = order;
        Vec::new()
    }

    /// A call and its answer, in the words of a history on file; unless a protocol knows better, its own. `None` for a
    /// read that files have no word for: without it a history says less, and nothing else.
    fn spell(call: &CallOf<Self>, answer: Option<&AnswerOf<Self>>) -> Option<Spelled> {
        let seen = answer.map_or(Value::Null, |answer| Value::String(answer.to_string()));
        Some(Spelled { f: call.to_string(), key: None, asked: Value::Null, seen: Some(seen) })
    }

    /// Why a request that is written by hand makes no sense where runs draw one of these state machines.
    fn misfit(request: &Self::Request, machines: &[Kind]) -> Option<String> {
        let _ = (request, machines);
        None
    }

    /// Why a request that is written by hand names somebody or something that is not there, where there are at most so many
    /// clients and so many keys: in the words of [`Subject::parse_request`]. [`quarrel_spec::workload::stranger`] knows
    /// those of the problems.
    fn stranger(words: &str, clients: u8, keys: u16) -> Option<String> {
        let _ = (words, clients, keys);
        None
    }

    /// The form of a request of this protocol in traces of an earlier format, brought up to date.
    fn upgrade(format: u32, request: Value) -> Value {
        let _ = format;
        request
    }
}

/// What the configuration of a run depends on, beside the options.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// How many nodes there are.
    pub nodes: u8,
    /// The flaws that are on: known names, without the protocol's own.
    pub flaws: &'a [&'a str],
    /// The state machine of the workload, for a protocol that runs one.
    pub machine: Kind,
}

/// A client that is about to ask something.
pub struct Asker<'a> {
    /// The operation's number, from 0: unique in the run.
    pub number: u32,
    /// Who asks.
    pub client: ClientId,
    /// What clients like to ask.
    pub workload: &'a Workload,
    /// What is left to chance.
    pub dice: &'a mut Dice,
}

/// An operator who is about to ask something of the protocol itself.
pub struct Operator<'a, P: Protocol> {
    /// The order's number, from 0: unique among those that are drawn in a run.
    pub number: u32,
    /// What kind of order it is: one of the names of [`Protocol::Admin`]'s kinds.
    pub kind: &'a str,
    /// Whom it is asked of.
    pub node: NodeId,
    /// The cluster.
    pub config: &'a P::Config,
    /// How many nodes there are.
    pub nodes: u8,
    /// What is left to chance.
    pub dice: &'a mut Dice,
}

/// A monitor that sees nothing, for a protocol that has only the properties of its problem.
pub struct NoInvariants;

impl<P: Protocol> Monitor<P> for NoInvariants {
    fn properties() -> &'static [quarrel_protocol::Property] {
        &[]
    }

    fn new(_: &P::Config, _: usize) -> Self {
        Self
    }
}
