//! Consensus: of all proposed values, one is chosen, and whoever learns a value learns that one.
//!
//! Lamport, *Paxos Made Simple* (2001), section 2.1.

use std::fmt::{self, Display};

use quarrel_protocol::{
    Answer, ClientId, ClientReply, Fingerprint, Fingerprinter, Monitor, NodeId, NodeSet, Property,
    PropertyKind, Protocol, Report, RequestId,
};
use serde::{Deserialize, Serialize};

use crate::Value;
use crate::linearizability::Model;
use crate::machine::Kind;
use crate::service::Service;
use crate::workload::{Chance, Workload};

/// What a client asks: see to it that something is decided; this is my suggestion.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Propose(pub Value);

impl Display for Propose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "propose {}", self.0)
    }
}

impl Fingerprint for Propose {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.0.fingerprint(into);
    }
}

/// What a client is told, and what a replica puts out: this value is chosen, whoever proposed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decided(pub Value);

impl Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decided {}", self.0)
    }
}

impl Fingerprint for Decided {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        self.0.fingerprint(into);
    }
}

impl ClientReply for Decided {
    fn answer(&self) -> Answer {
        Answer::Done
    }
}

/// The black-box properties of consensus, over outputs and replies. They know no protocol.
pub struct Properties {
    proposed: Vec<Value>,
    decided: Option<(Who, Value)>,
    of_node: Vec<Option<Value>>,
}

#[derive(Clone, Copy)]
enum Who {
    Node(NodeId),
    Client(ClientId),
}

impl Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Node(node) => node.fmt(f),
            Who::Client(client) => write!(f, "client {client}"),
        }
    }
}

const AGREEMENT: usize = 0;
const VALIDITY: usize = 1;
const STABILITY: usize = 2;

/// The properties of consensus.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "agreement",
        kind: PropertyKind::Paper,
        statement: "no two nodes or clients learn different values",
        source: "Paxos Made Simple, section 2.1: only a single value is chosen",
    },
    Property {
        name: "validity",
        kind: PropertyKind::Paper,
        statement: "a value that is learned was proposed",
        source: "Paxos Made Simple, section 2.1: only a value that has been proposed may be chosen",
    },
    Property {
        name: "stability",
        kind: PropertyKind::Paper,
        statement: "a node that has learned a value never learns another, restarts included",
        source: "Lampson, How to Build a Highly Available System Using Consensus (1996), section 6",
    },
];

impl Properties {
    fn learn(&mut self, who: Who, value: Value, report: &mut Report) {
        report.check(VALIDITY, self.proposed.contains(&value), || {
            (format!("{who} learned {value}, which nobody had proposed"), "")
        });
        let (first, chosen) = *self.decided.get_or_insert((who, value));
        report.check(AGREEMENT, chosen == value, || {
            (format!("{first} learned {chosen}, but {who} learned {value}"), "")
        });
    }
}

impl<P: Protocol<Request = Propose, Reply = Decided, Output = Decided>> Monitor<P> for Properties {
    fn properties() -> &'static [Property] {
        PROPERTIES
    }

    fn new(_: &P::Config, nodes: usize) -> Self {
        Self { proposed: Vec::new(), decided: None, of_node: vec![None; nodes] }
    }

    fn on_request(&mut self, _: ClientId, _: RequestId, request: &Propose, _: &mut Report) {
        self.proposed.push(request.0);
    }

    fn on_output(&mut self, node: NodeId, &Decided(value): &Decided, report: &mut Report) {
        let before = *self.of_node[node.index()].get_or_insert(value);
        report.check(STABILITY, before == value, || {
            (format!("{node} had learned {before}, and now learned {value}"), "")
        });
        self.learn(Who::Node(node), value, report);
    }

    fn on_reply(
        &mut self,
        _: NodeId,
        client: ClientId,
        _: RequestId,
        &Decided(value): &Decided,
        report: &mut Report,
    ) {
        self.learn(Who::Client(client), value, report);
    }
}

/// What a client asks in operation number `number`: that this number be chosen.
#[must_use]
pub fn ask(_: &Workload, number: u32, _: ClientId, _: &mut dyn Chance) -> Propose {
    Propose(Value(u64::from(number)))
}

/// What reads back the choice: whoever asks a node learns what was chosen, whatever they propose.
#[must_use]
pub fn scan(_: &Workload, core: NodeSet, number: u32) -> Vec<(Option<NodeId>, Propose)> {
    let values = (number..).map(|number| Propose(Value(u64::from(number))));
    core.iter().map(Some).zip(values).collect()
}

/// Reads a proposal in words: `propose v3`.
///
/// # Errors
/// When the words are none.
pub fn parse(words: &str) -> Result<Propose, String> {
    let value = match words.split_whitespace().collect::<Vec<_>>()[..] {
        ["propose", value] => value.parse().ok(),
        _ => None,
    };
    value
        .map(Propose)
        .ok_or_else(|| format!("`{words}` is no proposal: expected something like `propose v3`"))
}

/// Whoever asks again is told the same.
#[must_use]
pub const fn may_repeat(_: &Propose) -> bool {
    true
}

/// A proposal is asked of no machine.
#[must_use]
pub const fn misfit(_: &Propose, _: &[Kind]) -> Option<String> {
    None
}

/// Consensus as its clients see it: a register that keeps the first value proposed to it.
///
/// Herlihy, *Wait-Free Synchronization* (1991), section 2.2.
pub struct Consensus {
    /// What each node has learned since its start.
    learned: Vec<Option<Value>>,
    chosen: Option<Value>,
    /// The operations, in the order in which they were asked, and what each proposed.
    proposals: Vec<(RequestId, Value)>,
}

/// The register that keeps its first value.
pub struct Sticky;

impl Model for Sticky {
    type State = Option<Value>;
    type Call = Propose;
    type Answer = Decided;

    fn initial(&self) -> Option<Value> {
        None
    }

    fn apply(&self, chosen: &mut Option<Value>, &Propose(value): &Propose) -> Decided {
        Decided(*chosen.get_or_insert(value))
    }

    /// Who is told another value came too late.
    fn is_inert(&self, &Propose(value): &Propose, &Decided(seen): &Decided) -> bool {
        seen != value
    }

    fn needs(&self, call: &Propose, seen: &Decided) -> Option<Option<Value>> {
        self.is_inert(call, seen).then_some(Some(seen.0))
    }

    fn leads_to(&self, &Propose(value): &Propose) -> Option<Option<Value>> {
        Some(Some(value))
    }
}

impl<P: Protocol<Request = Propose, Reply = Decided, Output = Decided>> Service<P> for Consensus {
    type Model = Sticky;

    fn new(_: &P::Config, nodes: usize) -> Self {
        Self { learned: vec![None; nodes], chosen: None, proposals: Vec::new() }
    }

    fn model(&self) -> &Sticky {
        &Sticky
    }

    fn call(&self, request: &Propose) -> Propose {
        *request
    }

    fn answer(&self, reply: &Decided) -> Decided {
        *reply
    }

    fn on_request(&mut self, id: RequestId, &Propose(value): &Propose) {
        self.proposals.push((id, value));
    }

    fn on_output(&mut self, node: NodeId, &Decided(value): &Decided) {
        self.learned[node.index()] = Some(value);
        self.chosen.get_or_insert(value);
    }

    fn on_crash(&mut self, node: NodeId) {
        self.learned[node.index()] = None;
    }

    /// Whoever proposed the chosen value came first; then all others, in the order in which they asked.
    fn position(&self, _: ClientId, id: RequestId, reply: Option<&Decided>) -> Option<u64> {
        let place = self.proposals.iter().position(|&(proposal, _)| proposal == id)?;
        if Some(self.proposals[place].1) == self.chosen {
            return Some(0);
        }
        reply.map(|_| 1 + place as u64)
    }

    fn lag(&self, core: NodeSet) -> Option<String> {
        let knows = |node: &NodeId| self.learned.get(node.index()).is_some_and(Option::is_some);
        let ignorant = core.iter().find(|node| !knows(node))?;
        let informed = core.iter().find(knows)?;
        Some(format!("{informed} has learned the value and {ignorant} has not"))
    }
}
