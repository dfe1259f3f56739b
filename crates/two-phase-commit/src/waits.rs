//! What a node cannot go on without, in words: who is in doubt, what it keeps locked, and what would free it.

use quarrel_protocol::{NodeSet, Wait};
use quarrel_spec::atomic_commit::TransactionId;
use quarrel_spec::atomic_commit::locks::Mode;

use crate::coordinator::{Case, Coordinator};
use crate::participant::{Fate, Participant, Prepared};
use crate::resolver::Resolver;

impl Coordinator {
    pub(crate) fn waits(&self) -> Vec<Wait> {
        let wait = |(transaction, case): (&TransactionId, &Case)| match case {
            Case::Voting(voting) => Wait { on: voting.missing, what: format!("votes on {transaction}") },
            Case::Telling { decision, owed } => {
                Wait { on: *owed, what: format!("acknowledgements of the {decision} of {transaction}") }
            }
        };
        self.cases.iter().map(wait).collect()
    }
}

impl Participant {
    pub(crate) fn waits(&self) -> Vec<Wait> {
        let wait = |(transaction, fate): (&TransactionId, &Fate)| match fate {
            Fate::Prepared(prepared) => Some(self.wait(*transaction, prepared)),
            Fate::Committed | Fate::Aborted(_) => None,
        };
        self.fates.iter().filter_map(wait).collect()
    }

    fn wait(&self, transaction: TransactionId, prepared: &Prepared) -> Wait {
        let locked = |mode: Mode| -> Vec<String> {
            let held = self.manager.locked(transaction).filter(|&(_, held)| held == mode);
            held.map(|(item, _)| item.to_string()).collect()
        };
        let words = [Mode::Exclusive, Mode::Shared].map(|mode| match locked(mode) {
            items if items.is_empty() => None,
            items if items.len() == 1 => Some(format!("a {mode} lock on {}", items.join(", "))),
            items => Some(format!("{mode} locks on {}", items.join(", "))),
        });
        let held: Vec<String> = words.into_iter().flatten().collect();
        let held = if held.is_empty() { "no lock".to_string() } else { held.join(" and ") };
        let helpers = self.helpers(prepared);
        let mut peers = helpers;
        peers.remove(crate::Config::COORDINATOR);
        let mut freed = format!("the decision of {}", crate::Config::COORDINATOR);
        if !peers.is_empty() {
            freed += &format!(", or a word of {} if it has decided or not voted", either(peers));
        }
        let resolver = self.site.config.resolver_node().map_or(NodeSet::EMPTY, NodeSet::only);
        if !resolver.is_empty() {
            freed += &format!(", or {resolver} if it finds such a participant");
        }
        let what =
            format!("{transaction}, on which it has voted yes; it holds {held}, to be freed by {freed}");
        Wait { on: helpers.union(resolver), what }
    }
}

impl Resolver {
    pub(crate) fn waits(&self) -> Vec<Wait> {
        let wait = |(transaction, inquest): (&TransactionId, &crate::resolver::Inquest)| {
            let silent = inquest.participants.intersection(inquest.prepared.complement(64));
            match silent.is_empty() {
                true => Wait {
                    on: NodeSet::only(crate::Config::COORDINATOR),
                    what: format!("its decision on {transaction}: all participants are prepared"),
                },
                false => Wait { on: silent, what: format!("where they stand with {transaction}") },
            }
        };
        self.orphans.iter().map(wait).collect()
    }
}

fn either(nodes: NodeSet) -> String {
    let names: Vec<String> = nodes.iter().map(|node| node.to_string()).collect();
    names.join(" or ")
}
