//! The replicated log: one sequence of commands, applied in the same order by every replica.
//!
//! Schneider, *Implementing Fault-Tolerant Services Using the State Machine Approach* (1990).

use std::fmt::{self, Display};

use quarrel_protocol::{
    Answer, ClientId, ClientReply, Fingerprint, Fingerprinter, Monitor, NodeId, NodeSet, Property,
    PropertyKind, Protocol, Report, RequestId,
};
use serde::{Deserialize, Serialize};

pub use crate::machine::Call;
use crate::machine::{Kind, Outcome};
use crate::service::Service;
use crate::session::{Command, Memory, Replica};
use crate::workload::{Chance, Workload};

/// What a client is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The command was applied.
    Applied {
        /// At this position, from 1. A read that needed no position of its own: the last one that it saw.
        index: u64,
        /// What the state machine answered.
        outcome: Outcome,
    },
    /// This node does not lead; ask the other, if one is known.
    NotLeader {
        /// Who leads, as far as this node knows.
        hint: Option<NodeId>,
    },
}

impl Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Applied { index, outcome } => write!(f, "{outcome}, at {index}"),
            Reply::NotLeader { hint: Some(leader) } => write!(f, "ask {leader}"),
            Reply::NotLeader { hint: None } => f.write_str("no leader known"),
        }
    }
}

impl Fingerprint for Reply {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Reply::Applied { index, outcome } => {
                index.fingerprint(into);
                outcome.fingerprint(into);
            }
            Reply::NotLeader { hint } => {
                into.mark(1);
                hint.fingerprint(into);
            }
        }
    }
}

impl ClientReply for Reply {
    fn answer(&self) -> Answer {
        match *self {
            Reply::Applied { .. } => Answer::Done,
            Reply::NotLeader { hint } => Answer::Redirect(hint),
        }
    }
}

/// What a replica puts out: how its copy of the state machine moves on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Output {
    /// By one position of the log.
    Applied(Applied),
    /// By a snapshot.
    Restored(Restored),
}

impl Output {
    /// The position that the replica has come to.
    #[must_use]
    pub const fn index(&self) -> u64 {
        match self {
            Output::Applied(applied) => applied.index,
            Output::Restored(restored) => restored.index,
        }
    }
}

impl From<Applied> for Output {
    fn from(applied: Applied) -> Self {
        Output::Applied(applied)
    }
}

impl Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Applied(applied) => applied.fmt(f),
            Output::Restored(restored) => restored.fmt(f),
        }
    }
}

impl Fingerprint for Output {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Output::Applied(applied) => applied.fingerprint(into),
            Output::Restored(restored) => restored.fingerprint(into),
        }
    }
}

/// A replica takes over a snapshot instead of applying what led to it: one of its own after a restart, or one that it
/// was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Restored {
    /// The last position of the log that the snapshot covers.
    pub index: u64,
    /// The fingerprint of the replica that came out of it: [`Replica`], sessions included.
    pub state: u64,
}

impl Restored {
    /// This replica, which has just been taken over from a snapshot of everything up to `index`.
    #[must_use]
    pub fn of(replica: &Replica, index: u64) -> Self {
        Self { index, state: replica.digest() }
    }
}

impl Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "takes over a snapshot of everything up to {}", self.index)
    }
}

impl Fingerprint for Restored {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(2);
        into.pair(self.index, self.state);
    }
}

/// A replica applies this position of the log. Repeats after a restart, from the start or from where its snapshot ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Applied {
    /// The position, from 1, without gaps.
    pub index: u64,
    /// The command; `None` for a no-op of the protocol's own.
    pub command: Option<Command>,
}

impl Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.command {
            Some(command) => write!(f, "applies {command} at {}", self.index),
            None => write!(f, "applies a no-op at {}", self.index),
        }
    }
}

impl Fingerprint for Applied {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(u64::from(self.command.is_some()));
        self.index.fingerprint(into);
        if let Some(command) = &self.command {
            command.fingerprint(into);
        }
    }
}

/// The black-box properties of a replicated log, over outputs and replies. They know no protocol.
pub struct Properties {
    /// What each request asks, by its number.
    asked: Vec<Option<(ClientId, Call)>>,
    /// What was applied first at each position (from 0), and by whom.
    log: Vec<(Option<Command>, NodeId)>,
    /// The next position each node must apply; 1 again after a restart.
    next: Vec<u64>,
    /// What the log leads to, for snapshots.
    reference: Reference,
}

/// A replica of our own, which is only as far as the last snapshot that it was compared with.
struct Reference {
    kind: Kind,
    replica: Replica,
    index: u64,
}

impl Reference {
    fn new(kind: Kind) -> Self {
        Self { kind, replica: Replica::new(kind, Memory::Kept), index: 0 }
    }

    /// The fingerprint of the state after the first `index` positions of the log, which are there. Snapshots mostly
    /// move on with the log, so each position is mostly applied once.
    fn at(&mut self, index: u64, log: &[(Option<Command>, NodeId)]) -> u64 {
        if index < self.index {
            *self = Self::new(self.kind);
        }
        for (at, (command, _)) in (1..).zip(log).skip(self.index as usize).take((index - self.index) as usize)
        {
            if let Some(command) = command {
                self.replica.apply(at, command);
            }
        }
        self.index = index;
        self.replica.digest()
    }
}

const STATE_MACHINE_SAFETY: usize = 0;
const IN_ORDER: usize = 1;
const VALIDITY: usize = 2;
const ACKNOWLEDGED: usize = 3;

/// The properties of a replicated log.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "state-machine-safety",
        kind: PropertyKind::Paper,
        statement: "no two nodes apply different commands at the same index, and a snapshot holds what they lead to",
        source: "Raft, Figure 3 and section 7; Schneider 1990, section 3 (agreement and order)",
    },
    Property {
        name: "in-order-application",
        kind: PropertyKind::Paper,
        statement: "a node applies index 1, 2, 3 ... without gaps, from the start or a snapshot again after a restart",
        source: "Schneider 1990, section 3 (order)",
    },
    Property {
        name: "log-validity",
        kind: PropertyKind::Paper,
        statement: "a command that is applied was asked for by a client",
        source: "Schneider 1990, section 2 (validity)",
    },
    Property {
        name: "acknowledged-command",
        kind: PropertyKind::Client,
        statement: "when a client is told that its command was applied at an index, that command stands there",
        source: "Raft, section 8",
    },
];

impl Properties {
    fn is_requested(&self, command: &Command) -> bool {
        let asked = self.asked.get(command.session.serial.0 as usize);
        asked.copied().flatten() == Some((command.session.client, command.call))
    }

    fn on_applied(&mut self, node: NodeId, applied: &Applied, report: &mut Report) {
        let Applied { index, command } = *applied;
        let next = &mut self.next[node.index()];
        report.check(IN_ORDER, index == *next, || {
            (format!("{node} applied index {index} where index {next} was next"), "")
        });
        *next = index + 1;
        let position = (index as usize).wrapping_sub(1);
        match self.log.get(position) {
            Some(&(first, by)) => report.check(STATE_MACHINE_SAFETY, first == command, || {
                let before = Applied { index, command: first };
                (format!("{by} {before}, but {node} {applied}"), "")
            }),
            None if position == self.log.len() => {
                if let Some(command) = command {
                    report.check(VALIDITY, self.is_requested(&command), || {
                        (
                            format!(
                                "{node} applied {command} at index {index}, which no client had asked for"
                            ),
                            "",
                        )
                    });
                }
                self.log.push((command, node));
                report.check(STATE_MACHINE_SAFETY, true, || unreachable!());
            }
            // A gap: reported above, and there is nothing to compare with.
            None => {}
        }
    }

    #[cold]
    fn on_restored(&mut self, node: NodeId, restored: Restored, report: &mut Report) {
        let Restored { index, state } = restored;
        let next = &mut self.next[node.index()];
        report.check(IN_ORDER, index + 1 >= *next, || {
            let applied = *next - 1;
            let what =
                format!("{node} went back from index {applied} to a snapshot of everything up to {index}");
            (what, "a snapshot took it back")
        });
        *next = index + 1;
        if index > self.log.len() as u64 {
            let last = self.log.len();
            report.check(STATE_MACHINE_SAFETY, false, || {
                let what = format!(
                    "{node} took over a snapshot of everything up to {index}, but nobody has applied more than {last}"
                );
                (what, "a snapshot holds what nobody applied")
            });
            return;
        }
        let is_faithful = self.reference.at(index, &self.log) == state;
        report.check(STATE_MACHINE_SAFETY, is_faithful, || {
            let what = format!(
                "{node} took over a snapshot of everything up to {index}, which is not what the log leads to"
            );
            (what, "a snapshot holds another state")
        });
    }
}

impl<P: Protocol<Request = Call, Reply = Reply, Output = Output>> Monitor<P> for Properties
where
    P::Config: RunsMachine,
{
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn new(config: &P::Config, nodes: usize) -> Self {
        let reference = Reference::new(config.machine());
        Self { asked: Vec::new(), log: Vec::new(), next: vec![1; nodes], reference }
    }

    fn on_request(&mut self, client: ClientId, id: RequestId, call: &Call, _: &mut Report) {
        let request = id.0 as usize;
        if self.asked.len() <= request {
            self.asked.resize(request + 1, None);
        }
        self.asked[request] = Some((client, *call));
    }

    #[inline]
    fn on_output(&mut self, node: NodeId, output: &Output, report: &mut Report) {
        match output {
            Output::Applied(applied) => self.on_applied(node, applied, report),
            Output::Restored(restored) => self.on_restored(node, *restored, report),
        }
    }

    fn on_reply(
        &mut self,
        node: NodeId,
        client: ClientId,
        id: RequestId,
        reply: &Reply,
        report: &mut Report,
    ) {
        let &Reply::Applied { index, .. } = reply else { return };
        let asked = self.asked.get(id.0 as usize).copied().flatten();
        // What changes nothing needs no position of its own.
        if asked.is_some_and(|(_, call)| call.is_read()) {
            return;
        }
        let stands = (index as usize).checked_sub(1).and_then(|position| self.log.get(position));
        let is_it = stands.is_some_and(|(command, _)| {
            command.is_some_and(|command| (command.session.client, command.session.serial) == (client, id))
        });
        report.check(ACKNOWLEDGED, is_it, || {
            let found = match stands {
                Some((Some(other), by)) => format!("{by} applied {other} there"),
                Some((None, by)) => format!("{by} applied a no-op there"),
                None => "nobody has applied that index".to_string(),
            };
            (format!("{node} told {client} that {id} stands at index {index}, but {found}"), "")
        });
    }

    fn on_crash(&mut self, node: NodeId, _: &mut Report) {
        self.next[node.index()] = 1;
    }
}

/// What a client asks in operation number `number`.
#[must_use]
pub fn ask(workload: &Workload, number: u32, client: ClientId, chance: &mut dyn Chance) -> Call {
    workload.call(number, client, chance)
}

/// What reads back everything that was written: of whomever clients believe to lead.
#[must_use]
pub fn scan(workload: &Workload, _core: NodeSet, _number: u32) -> Vec<(Option<NodeId>, Call)> {
    workload.scan().into_iter().map(|call| (None, call)).collect()
}

/// Reads a command's call in words: `write v3`, `transfer 5 from a1 to a2`.
///
/// # Errors
/// When the words are none.
pub fn parse(words: &str) -> Result<Call, String> {
    words.parse()
}

/// A command that comes twice counts once: [`Replica`] sees to it.
#[must_use]
pub const fn may_repeat(_: &Call) -> bool {
    true
}

/// Why a call makes no sense where runs draw one of these state machines.
#[must_use]
pub fn misfit(call: &Call, machines: &[Kind]) -> Option<String> {
    let stranger = machines.iter().find(|machine| machine.name() != call.kind_name())?;
    Some(format!("this is asked of a {}, and the machine of [workload] is a {stranger}", call.kind_name()))
}

/// What runs a state machine says which one.
pub trait RunsMachine {
    /// The state machine that replicas apply commands to.
    fn machine(&self) -> Kind;
}

/// A replicated log as its clients see it: the state machine.
///
/// The order that it claims is the log: the first node to apply a position fixes what stands there.
pub struct StateMachine {
    kind: Kind,
    /// Applies the log as a replica should.
    replica: Replica,
    /// How long the log is.
    length: u64,
    /// Where each request took effect, by its number; 0 where it has not.
    positions: Vec<u64>,
    /// How far each node has got.
    applied: Vec<u64>,
}

impl<P: Protocol<Request = Call, Reply = Reply, Output = Output>> Service<P> for StateMachine
where
    P::Config: RunsMachine,
{
    type Model = Kind;

    fn new(config: &P::Config, nodes: usize) -> Self {
        let kind = config.machine();
        let replica = Replica::new(kind, Memory::Kept);
        Self { kind, replica, length: 0, positions: Vec::new(), applied: vec![0; nodes] }
    }

    fn model(&self) -> &Kind {
        &self.kind
    }

    fn call(&self, request: &Call) -> Call {
        *request
    }

    fn answer(&self, reply: &Reply) -> Outcome {
        match reply {
            Reply::Applied { outcome, .. } => outcome.clone(),
            Reply::NotLeader { .. } => unreachable!("a redirection ends no operation"),
        }
    }

    #[inline]
    fn on_output(&mut self, node: NodeId, output: &Output) {
        self.applied[node.index()] = output.index();
        // What a snapshot covers, somebody else has applied.
        let Output::Applied(applied) = output else { return };
        if applied.index != self.length + 1 {
            return;
        }
        self.length = applied.index;
        let Some(command) = &applied.command else { return };
        let took_effect =
            self.replica.apply(applied.index, command).is_some_and(|receipt| receipt.index == applied.index);
        if took_effect {
            let request = command.session.serial.0 as usize;
            if self.positions.len() <= request {
                self.positions.resize(request + 1, 0);
            }
            self.positions[request] = applied.index;
        }
    }

    fn on_crash(&mut self, node: NodeId) {
        self.applied[node.index()] = 0;
    }

    fn position(&self, _: ClientId, id: RequestId, reply: Option<&Reply>) -> Option<u64> {
        let told = match reply {
            Some(Reply::Applied { index, .. }) => Some(*index),
            Some(Reply::NotLeader { .. }) | None => None,
        };
        self.positions.get(id.0 as usize).copied().filter(|&position| position > 0).or(told)
    }

    fn lag(&self, core: NodeSet) -> Option<String> {
        let applied = |node: NodeId| self.applied.get(node.index()).copied().unwrap_or_default();
        let least = core.iter().min_by_key(|&node| applied(node))?;
        let most = core.iter().max_by_key(|&node| applied(node))?;
        (applied(least) < applied(most)).then(|| {
            format!(
                "{least} has applied {} of the {} commands that {most} has",
                applied(least),
                applied(most)
            )
        })
    }
}
