//! Coordinated attack: two generals attack together or not at all, and all they have is messengers who may be captured.
//!
//! Akkoyunlu, Ekanadham and Huber, *Some constraints and tradeoffs in the design of network communications* (SOSP 1975),
//! section 4, with gangsters; Gray, *Notes on data base operating systems* (1978), section 5.8.3.3.1, with generals.

use std::fmt::{self, Display};

use quarrel_protocol::{
    Answer, Cell, ClientReply, Ending, Fingerprint, Fingerprinter, Monitor, NodeId, NodeSet, Property,
    PropertyKind, Protocol, Report,
};
use serde::{Deserialize, Serialize};

/// What somebody asks of the first general: attack at dawn, with the other one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AttackAtDawn;

impl Display for AttackAtDawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attack at dawn")
    }
}

impl Fingerprint for AttackAtDawn {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(1);
    }
}

/// What whoever asked is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The general has heard, and does what he can.
    Understood,
    /// That one makes the plans.
    Ask(NodeId),
}

impl Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Understood => f.write_str("understood"),
            Reply::Ask(general) => write!(f, "ask {general}"),
        }
    }
}

impl Fingerprint for Reply {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Reply::Understood => into.mark(1),
            Reply::Ask(general) => into.word(2 + u64::from(general.0)),
        }
    }
}

impl ClientReply for Reply {
    fn answer(&self) -> Answer {
        match self {
            Reply::Understood => Answer::Done,
            Reply::Ask(general) => Answer::Redirect(Some(*general)),
        }
    }
}

/// What a general puts out: from now on he is going to attack at dawn, and nothing can hold him back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attacks;

impl Display for Attacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attacks at dawn")
    }
}

impl Fingerprint for Attacks {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(1);
    }
}

/// A request in words: `attack at dawn`.
///
/// # Errors
/// When the words are others.
pub fn parse(words: &str) -> Result<AttackAtDawn, String> {
    let order = AttackAtDawn;
    if words == order.to_string() { Ok(order) } else { Err(format!("`{words}` is not `{order}`")) }
}

/// The two generals.
pub const GENERALS: usize = 2;

const TOGETHER: usize = 0;
const ORDERED: usize = 1;

const BOTH: usize = 0;
const NEITHER: usize = 1;

/// The black-box properties, over requests and outputs. They know no protocol.
pub struct Properties {
    attackers: NodeSet,
    is_ordered: bool,
}

impl<P: Protocol<Output = Attacks>> Monitor<P> for Properties {
    fn properties() -> &'static [Property] {
        const SOURCE: &str = "Gray 1978, section 5.8.3.3.1";
        &[
            Property {
                name: "attack-together",
                kind: PropertyKind::Paper,
                statement: "at dawn both generals attack, or neither does",
                source: SOURCE,
            },
            Property {
                name: "attack-ordered",
                kind: PropertyKind::Paper,
                statement: "no general attacks unless somebody has asked for it",
                source: SOURCE,
            },
        ]
    }

    fn cells() -> &'static [Cell] {
        &[Cell { name: "both-attack", due_runs: 1000 }, Cell { name: "nobody-attacks", due_runs: 1000 }]
    }

    fn new(_: &P::Config, _: usize) -> Self {
        Self { attackers: NodeSet::EMPTY, is_ordered: false }
    }

    fn on_request(
        &mut self,
        _: quarrel_protocol::ClientId,
        _: quarrel_protocol::RequestId,
        _: &P::Request,
        _: &mut Report,
    ) {
        self.is_ordered = true;
    }

    fn on_output(&mut self, node: NodeId, _: &Attacks, report: &mut Report) {
        self.attackers.insert(node);
        let facts = || (format!("{node} attacks, but nobody has asked for it"), "");
        report.check(ORDERED, self.is_ordered, facts);
    }

    /// At dawn, and no sooner: who has not made up his mind before may still do so.
    fn on_end(&mut self, _: Ending, report: &mut Report) {
        let attackers = self.attackers;
        let others = attackers.complement(GENERALS);
        let facts = || (format!("{attackers} attacks at dawn, but {others} does not"), "");
        report.check(TOGETHER, attackers.is_empty() || others.is_empty(), facts);
        if others.is_empty() {
            report.happened(BOTH);
        } else if attackers.is_empty() {
            report.happened(NEITHER);
        }
    }
}
