//! A world: everything about a run that is fixed before its first event.
//!
//! A scenario and a seed resolve to one (the harness draws it); a trace holds one. Together with the decisions it is
//! all that a run depends on.

use quarrel_protocol::{ClientId, NodeId, NodeSet, RequestId};
use serde::{Deserialize, Serialize};

use crate::fault::{Action, Fault};
use crate::time::SECOND;

/// The resolved world of one run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// How many nodes: 1 to 64.
    pub nodes: u8,
    /// How many clients: 0 to 64.
    pub clients: u8,
    /// How long faults may strike, in nanoseconds.
    pub duration_ns: u64,
    /// How long the world goes on after everything has healed, in nanoseconds; with [`World::liveness`] it goes on
    /// until all is done, or until that says that it never will be.
    pub healing_ns: u64,
    /// What must come back after the faults. A fault that strikes after `duration_ns` is never over, and is only for
    /// nodes outside the core; without this there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Liveness>,
    /// Base latency from node to node, row by row (`from * nodes + to`), in nanoseconds; each at least 1.
    pub latency_ns: Vec<u64>,
    /// Whether each link from node to node keeps its messages in the order in which they were sent.
    #[serde(default, skip_serializing_if = "is_off")]
    pub fifo: bool,
    /// Base latency between clients and nodes, in nanoseconds; at least 1.
    pub client_latency_ns: u64,
    /// Base latency of a disk sync on each node, in nanoseconds; 0 makes writes durable at once.
    pub sync_ns: Vec<u64>,
    /// Whether un-synced writes reach the disks in any order, so that a crash may leave any of them; otherwise it takes
    /// the newest.
    #[serde(default, skip_serializing_if = "is_off")]
    pub unordered: bool,
    /// Rate error of each node's clock, in parts per million; positive is fast.
    pub clock_ppm: Vec<i32>,
    /// What each node's clock says at the beginning, in nanoseconds; nothing at all is 0 for each. Only machines that
    /// read a clock can tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clock_offset_ns: Vec<u64>,
    /// How clients behave.
    pub client: ClientPolicy,
    /// How often random decisions perturb. Replays ignore it.
    pub rates: Rates,
    /// When to stop a run that has gone wild.
    pub limits: Limits,
    /// Who is Byzantine: a traitor from the beginning to the end, whatever it does of that. Observers hear nothing of it.
    #[serde(default, skip_serializing_if = "is_nobody")]
    pub traitors: NodeSet,
    /// Faults at fixed times.
    pub faults: Vec<Fault>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_nobody(nodes: &NodeSet) -> bool {
    nodes.is_empty()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_off(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What must come back once the faults are over: the core answers every operation that is pending or new, and its
/// nodes come to agree.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Liveness {
    /// The nodes that heal. What still ails the others must not keep these from their work.
    pub core: NodeSet,
    /// How long the core may go without progress (an answer to a client, an output of a node), in nanoseconds.
    pub bound_ns: u64,
    /// What the links within the core take at most from then on, in nanoseconds: timeouts must be longer than round
    /// trips, or nobody can promise anything.
    pub latency_ns: u64,
}

/// How clients behave: each operation is sent to the node believed to lead, again on silence, elsewhere on redirect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientPolicy {
    /// How long a client waits for an answer before it asks another node, in nanoseconds.
    pub timeout_ns: u64,
    /// How often an operation is sent at most; then its outcome stays unknown. Where a core must come back, clients do
    /// not give up once it has healed.
    pub attempts_max: u32,
    /// When a client asks for its next operation.
    #[serde(default)]
    pub arrival: Arrival,
    /// How many operations all clients together may have under way; what comes on top fails at once, unsent.
    #[serde(default = "pending_max")]
    pub pending_max: u32,
    /// How many nodes must have given a client the same answer before it believes it. With more than one, a client that
    /// hears nothing asks all nodes at once.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub replies_needed: u8,
    /// After so many attempts, while faults strike, a client follows no more hints to who kept silent last, and asks
    /// whoever comes next. Who was cut off together with a leader that leads no more would send it there again and
    /// again. `None`: it believes every hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distrust_after: Option<u32>,
}

/// When a client asks for its next operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Arrival {
    /// At its time, whatever became of the last: the world does not wait for the cluster.
    #[default]
    Open,
    /// One after the other: at its time or, if that is later, when the client has thought about the last outcome.
    Closed {
        /// How long it thinks, in nanoseconds.
        think_ns: u64,
    },
}

const fn one() -> u8 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_one(number: &u8) -> bool {
    *number == 1
}

const fn pending_max() -> u32 {
    1_000
}

/// How often random decisions perturb: parts per million of the decisions of each kind, and how far.
///
/// A rate of 0 switches the class off: it then draws nothing, and no draw of one class shifts another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Messages lost.
    pub loss_ppm: u32,
    /// Messages duplicated.
    pub duplication_ppm: u32,
    /// Messages delayed.
    pub delay_ppm: u32,
    /// Every message takes a uniformly drawn extra of up to this, in microseconds; 0 makes links constant.
    pub spread_us: u32,
    /// The longest of the delays of messages held up, in microseconds.
    pub delay_max_us: u32,
    /// How those delays are distributed.
    pub delay_shape: DelayShape,
    /// Timers that fire at a drawn point of their range instead of the staggered default.
    pub timer_ppm: u32,
    /// Disk syncs that take longer.
    pub sync_ppm: u32,
    /// The longest such sync, in nanoseconds.
    pub sync_max_ns: u64,
    /// Crashes that lose some of the un-synced records.
    pub lost_ppm: u32,
    /// Crashes that cut what was leaving at that instant.
    pub cut_ppm: u32,
    /// Crashes that take writes and leave half of the first; where [`World::unordered`], writes taken of which half is
    /// left.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub torn_ppm: u32,
}

/// The distribution of message delays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DelayShape {
    /// Every delay up to the longest is equally likely.
    #[default]
    Uniform,
    /// Most are short, few are long: exponential with a mean of an eighth of the longest.
    Exponential,
    /// Nearly nothing or nearly the longest.
    Bimodal,
}

/// When to stop a run that has gone wild. Reaching one is a verdict with a name, never a hang.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most events in a run.
    pub events_max: u64,
    /// The most messages in flight at once.
    pub pending_max: u32,
    /// The most events at one instant.
    pub instant_max: u32,
}

impl Limits {
    /// A run of at most this length may have the events of [`Limits::default`]; a longer one has more by default.
    const SPAN_NS: u64 = 100 * SECOND;
    /// So may a cluster with at most this many links, which is one of 16 nodes: where everybody talks to everybody, a
    /// larger one has more to say.
    const LINKS: u64 = 16 * 16;

    /// The limits of a run of this length with so many nodes: the number of events grows with both, unless another one was
    /// asked for.
    #[must_use]
    pub fn scaled_to(self, duration_ns: u64, nodes: u8) -> Self {
        let default = Self::default();
        if self.events_max != default.events_max {
            return self;
        }
        let spans = duration_ns.div_ceil(Self::SPAN_NS).max(1);
        let crowds = u64::from(nodes).pow(2).div_ceil(Self::LINKS).max(1);
        Self { events_max: default.events_max.saturating_mul(spans).saturating_mul(crowds), ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { events_max: 1_000_000, pending_max: 50_000, instant_max: 10_000 }
    }
}

impl Default for ClientPolicy {
    fn default() -> Self {
        let (arrival, pending_max) = (Arrival::Open, pending_max());
        Self {
            timeout_ns: SECOND / 2,
            attempts_max: 20,
            arrival,
            pending_max,
            replies_needed: one(),
            distrust_after: None,
        }
    }
}

/// One client operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation<R> {
    /// When the client first asks, in nanoseconds.
    pub at_ns: u64,
    /// Which client.
    pub client: ClientId,
    /// Whom the client asks first; `None` for whomever it believes to lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<NodeId>,
    /// Its name, unique in the run; it survives the removal of others.
    pub id: RequestId,
    /// Whether it may be asked again.
    #[serde(default, skip_serializing_if = "Repeats::is_free")]
    pub repeats: Repeats,
    /// What is asked.
    pub request: R,
}

/// Whether a client that hears nothing may ask again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repeats {
    /// Here or elsewhere, as often as its policy says; and the network may deliver a request twice.
    #[default]
    Freely,
    /// Never: it reaches at most one node, at most once. Only a redirection lets the client ask elsewhere. Who hears
    /// nothing gives up; after the healing only if the node that was asked is not in the core.
    Never,
}

impl Repeats {
    const fn is_free(&self) -> bool {
        matches!(self, Self::Freely)
    }
}

/// What an operator asks of a node, once, at a time. A node that is down never hears it; one that is paused hears it
/// when it goes on. Nobody waits for an answer, and nobody asks again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order<A> {
    /// When, in nanoseconds.
    pub at_ns: u64,
    /// Of which node.
    pub node: NodeId,
    /// What is asked.
    pub admin: A,
}

/// A rule of the nemesis: watch announcements, and react with a fault. What it did is recorded as a plain fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// What it watches for.
    pub when: When,
    /// How often it reacts, in parts per million of the matches.
    pub chance_ppm: u32,
    /// How long after the announcement, in nanoseconds: least and most.
    pub after_ns: (u64, u64),
    /// The node's next step: where it has announced that by then, the rule does nothing. What it must not have announced
    /// is this; whose it is, and which match, does not matter here.
    pub before: Option<When>,
    /// How long the fault lasts, in nanoseconds: least and most; `None` until the world heals.
    pub lasting_ns: Option<(u64, u64)>,
    /// A kind of timer: the fault lasts as long as that does, within the range at which it was set last, on the node
    /// where that is longest. While nobody has set one, the rule does nothing. It outweighs `lasting_ns`.
    pub lasts_as: Option<String>,
    /// What it does.
    pub then: Reaction,
}

/// Which announcements a rule watches for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct When {
    /// Only this node's; `None` is any node's.
    pub node: Option<NodeId>,
    /// The name of the event.
    pub event: String,
    /// Fields of the event that must have these values.
    pub fields: Vec<(String, u64)>,
    /// Only the n-th match, from 1; `None` is every match.
    pub nth: Option<u32>,
}

/// What a rule does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reaction {
    /// Isolates the node that announced.
    IsolateIt,
    /// Isolates whoever announced the same before, if that was another node: when a leader is elected, the one that led
    /// until then, and may not know.
    IsolateFormer,
    /// Crashes the node that announced.
    CrashIt,
    /// Stalls the node that announced.
    PauseIt,
    /// Slows the clock of the node that announced and hastens all others, by as much, which is drawn between these two in
    /// parts per million; then isolates it. Clocks are right again when it is back.
    OutrunIt(u32, u32),
    /// A fault written by hand.
    Do(Action),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_grow_with_time_and_with_the_number_of_links_unless_somebody_chose() {
        let events = |duration_ns, nodes| Limits::default().scaled_to(duration_ns, nodes).events_max;
        assert_eq!([events(SECOND, 1), events(100 * SECOND, 16)], [1_000_000; 2]);
        assert_eq!(
            [events(101 * SECOND, 3), events(SECOND, 17), events(1000 * SECOND, 64)],
            [2_000_000, 2_000_000, 160_000_000]
        );
        let chosen = Limits { events_max: 7, ..Limits::default() };
        assert_eq!(chosen.scaled_to(u64::MAX, 64), chosen);
    }
}
