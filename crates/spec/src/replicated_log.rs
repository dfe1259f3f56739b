//! The replicated log: one sequence of commands, applied in the same order by every replica.
//!
//! Schneider, *Implementing Fault-Tolerant Services Using the State Machine Approach* (1990).

use std::fmt::{self, Display};

use quarrel_protocol::{
    Answer, ClientId, ClientReply, Fingerprint, Fingerprinter, Monitor, NodeId, Property, PropertyKind,
    Protocol, Report, RequestId,
};
use serde::{Deserialize, Serialize};

use crate::Value;

/// What a client asks: put this command into the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Append(pub Value);

impl Display for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "append {}", self.0)
    }
}

impl Fingerprint for Append {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.0.fingerprint(into);
    }
}

/// What a client is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The command was applied at this position (from 1).
    Applied {
        /// The position.
        index: u64,
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
            Reply::Applied { index } => write!(f, "applied at {index}"),
            Reply::NotLeader { hint: Some(leader) } => write!(f, "ask {leader}"),
            Reply::NotLeader { hint: None } => f.write_str("no leader known"),
        }
    }
}

impl Fingerprint for Reply {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Reply::Applied { index } => index.fingerprint(into),
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

/// What a replica puts out: it applies this position of the log. Repeats from the start after a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Applied {
    /// The position, from 1, without gaps.
    pub index: u64,
    /// The command; `None` for a no-op of the protocol's own.
    pub command: Option<Value>,
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
        into.pair(self.index, self.command.map_or(0, |command| command.0));
    }
}

/// The black-box properties of a replicated log, over outputs and replies. They know no protocol.
pub struct Properties {
    /// Every command that a client has sent, as a bit per value: workloads number them from 0.
    requested: Vec<u64>,
    /// Command of each request, by request.
    asked: Vec<Option<Value>>,
    /// What was applied first at each position (from 0), and by whom.
    log: Vec<(Option<Value>, NodeId)>,
    /// The next position each node must apply; 1 again after a restart.
    next: Vec<u64>,
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
        statement: "no two nodes apply different commands at the same index",
        source: "Raft, Figure 3; Schneider 1990, section 3 (agreement and order)",
    },
    Property {
        name: "in-order-application",
        kind: PropertyKind::Paper,
        statement: "a node applies index 1, 2, 3 ... without gaps, from the start again after a restart",
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
        statement: "when a client is told that its command stands at an index, no node applies another there",
        source: "Raft, section 8",
    },
];

impl Properties {
    fn is_requested(&self, Value(value): Value) -> bool {
        self.requested.get((value / 64) as usize).is_some_and(|word| word >> (value % 64) & 1 == 1)
    }
}

/// Values beyond this are not numbered by a workload; a bit for each would be a way to exhaust memory.
const VALUES_MAX: u64 = 1 << 32;

impl<P: Protocol<Request = Append, Reply = Reply, Output = Applied>> Monitor<P> for Properties {
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn new(_: &P::Config, nodes: usize) -> Self {
        Self { requested: Vec::new(), asked: Vec::new(), log: Vec::new(), next: vec![1; nodes] }
    }

    fn on_request(&mut self, _: ClientId, id: RequestId, &Append(value): &Append, _: &mut Report) {
        assert!(value.0 < VALUES_MAX, "workloads number their values from 0");
        let word = (value.0 / 64) as usize;
        if self.requested.len() <= word {
            self.requested.resize(word + 1, 0);
        }
        self.requested[word] |= 1 << (value.0 % 64);
        let request = id.0 as usize;
        if self.asked.len() <= request {
            self.asked.resize(request + 1, None);
        }
        self.asked[request] = Some(value);
    }

    #[inline]
    fn on_output(&mut self, node: NodeId, applied: &Applied, report: &mut Report) {
        let Applied { index, command } = *applied;
        let next = &mut self.next[node.index()];
        report.check(IN_ORDER, index == *next, || {
            (format!("{node} applied index {index} where index {next} was next"), "")
        });
        *next = index + 1;
        if let Some(value) = command {
            report.check(VALIDITY, self.is_requested(value), || {
                (format!("{node} applied {value} at index {index}, which no client had asked for"), "")
            });
        }
        let position = (index as usize).wrapping_sub(1);
        match self.log.get(position) {
            Some(&(first, by)) => report.check(STATE_MACHINE_SAFETY, first == command, || {
                let before = Applied { index, command: first };
                (format!("{by} {before}, but {node} {applied}"), "")
            }),
            None if position == self.log.len() => {
                self.log.push((command, node));
                report.check(STATE_MACHINE_SAFETY, true, || unreachable!());
            }
            // A gap: reported above, and there is nothing to compare with.
            None => {}
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
        let &Reply::Applied { index } = reply else { return };
        let asked = self.asked.get(id.0 as usize).copied().flatten();
        let stands = (index as usize).checked_sub(1).and_then(|position| self.log.get(position));
        report.check(
            ACKNOWLEDGED,
            asked.is_some() && stands.is_some_and(|(command, _)| *command == asked),
            || {
                let found = match stands {
                    Some((Some(other), by)) => format!("{by} applied {other} there"),
                    Some((None, by)) => format!("{by} applied a no-op there"),
                    None => "nobody has applied that index".to_string(),
                };
                (format!("{node} told {client} that {id} stands at index {index}, but {found}"), "")
            },
        );
    }

    fn on_crash(&mut self, node: NodeId, _: &mut Report) {
        self.next[node.index()] = 1;
    }
}
