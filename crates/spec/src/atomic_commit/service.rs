//! What clients of atomic commitment believe in: one database that does one transaction after the other, each between
//! its call and its return. That is strict serializability (Papadimitriou, *The Serializability of Concurrent Database
//! Updates* (1979); Herlihy and Wing (1990), section 3.3): linearizability of the database as a whole.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use quarrel_protocol::{ClientId, NodeId, NodeSet, Property, PropertyKind, Protocol, RequestId};

use super::database::Database;
use super::{Decision, Output, Reply, Seen, Step, Transaction, TransactionId, Vote};
use crate::linearizability::Model;
use crate::serializability::{Deed, Execution, Fate, analyse};
use crate::service::{Service, Sight, Told};

/// The database behind all participants.
pub struct Whole;

/// What a client makes of a reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It was done; this is what each step saw.
    Committed(Vec<Seen>),
    /// It cannot be done, and nothing has changed: no client is ever told so in these words, for who is refused knows
    /// that nothing happened, and asks for no explanation.
    Impossible,
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Committed(seen) => Reply::Committed(seen.clone()).fmt(f),
            Answer::Impossible => f.write_str("impossible"),
        }
    }
}

impl Model for Whole {
    type State = Database;
    type Call = Transaction;
    type Answer = Answer;

    fn initial(&self) -> Database {
        Database::default()
    }

    fn apply(&self, database: &mut Database, transaction: &Transaction) -> Answer {
        database.apply_all(&transaction.0).map_or(Answer::Impossible, Answer::Committed)
    }

    fn is_read(&self, transaction: &Transaction) -> bool {
        transaction.is_read()
    }

    fn is_inert(&self, transaction: &Transaction, seen: &Answer) -> bool {
        transaction.is_read() || *seen == Answer::Impossible
    }
}

/// The property that the lists give away.
pub const STRICT_SERIALIZABILITY: Property = Property {
    name: "strict-serializability",
    kind: PropertyKind::Client,
    statement: "no anomaly (G0, G1a, G1b, G1c, G-single, G2) shows in what committed transactions read of lists, the order of time included",
    source: "Adya, Weak Consistency (1999), chapter 3; Kingsbury and Alvaro, Elle (2020)",
};

/// What an operation did to lists.
fn execution(sight: &Sight<'_, Whole>) -> Execution {
    let (fate, returned, seen): (_, _, &[Seen]) = match &sight.ended {
        Some((at, Told::Ok(Answer::Committed(seen)))) => (Fate::Committed, Some(*at), seen),
        Some((at, Told::Failed | Told::Ok(Answer::Impossible))) => (Fate::Aborted, Some(*at), &[]),
        Some((_, Told::Unknown)) | None => (Fate::Unknown, None, &[]),
    };
    let deed = |(position, step): (usize, &Step)| match *step {
        Step::Append { list, value } => Some(Deed::Append { list, value }),
        Step::Read(list) => {
            let found = match seen.get(position) {
                Some(Seen::List(values)) => Some(values.clone()),
                _ => None,
            };
            Some(Deed::Read { list, found })
        }
        _ => None,
    };
    let deeds = sight.call.0.iter().enumerate().filter_map(deed).collect();
    Execution { name: TransactionId::from(sight.id).to_string(), deeds, fate, called: sight.called, returned }
}

/// The clients' database, and the order of decisions that explains it.
///
/// That of two conflicting transactions the one that is decided first comes first is what rigorous locks are for: the
/// later one cannot be prepared before the earlier one has let go.
#[derive(Default)]
pub struct Transactions {
    /// The place of each committed transaction among the first words of a decision to commit.
    committed: BTreeMap<TransactionId, u64>,
    /// Participants that have voted yes and not decided.
    in_doubt: BTreeMap<TransactionId, NodeSet>,
    /// Transactions that the coordinator has begun and not decided.
    undecided: BTreeMap<TransactionId, NodeId>,
}

impl<P: Protocol<Request = Transaction, Reply = Reply, Output = Output>> Service<P> for Transactions {
    type Model = Whole;

    const JUDGES: Option<Property> = Some(STRICT_SERIALIZABILITY);

    fn new(_: &P::Config, _: usize) -> Self {
        Self::default()
    }

    fn model(&self) -> &Whole {
        &Whole
    }

    fn call(&self, request: &Transaction) -> Transaction {
        request.clone()
    }

    fn answer(&self, reply: &Reply) -> Answer {
        match reply {
            Reply::Committed(seen) => Answer::Committed(seen.clone()),
            Reply::Aborted(_) | Reply::Elsewhere(_) => unreachable!("it ends no operation with an answer"),
        }
    }

    fn on_output(&mut self, node: NodeId, output: &Output) {
        match *output {
            Output::Begun { transaction, .. } => {
                self.undecided.insert(transaction, node);
            }
            Output::Voted { transaction, vote: Vote::Yes } => {
                self.in_doubt.entry(transaction).or_default().insert(node);
            }
            Output::Voted { vote: Vote::No(_), .. } => {}
            Output::Decided { transaction, decision } => {
                if decision == Decision::Commit {
                    let place = self.committed.len() as u64;
                    self.committed.entry(transaction).or_insert(place);
                }
                if let Some(nodes) = self.in_doubt.get_mut(&transaction) {
                    nodes.remove(node);
                    if nodes.is_empty() {
                        self.in_doubt.remove(&transaction);
                    }
                }
                if self.undecided.get(&transaction) == Some(&node) {
                    self.undecided.remove(&transaction);
                }
            }
        }
    }

    fn position(&self, _: ClientId, id: RequestId, _: Option<&Reply>) -> Option<u64> {
        self.committed.get(&id.into()).copied()
    }

    fn anomaly(&self, seen: &[Sight<'_, Whole>]) -> Option<(String, &'static str)> {
        let executions: Vec<Execution> = seen.iter().map(execution).collect();
        analyse(&executions).map(|anomaly| (anomaly.to_string(), anomaly.kind.name()))
    }

    fn lag(&self, core: NodeSet) -> Option<String> {
        let waits = |(transaction, nodes): (&TransactionId, &NodeSet)| {
            let waiting = nodes.intersection(core);
            (!waiting.is_empty()).then(|| format!("{waiting} is in doubt about {transaction}"))
        };
        self.in_doubt.iter().find_map(waits)
    }
}
