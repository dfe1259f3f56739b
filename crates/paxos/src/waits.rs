//! What a node cannot go on without, in words, for the report of a cluster that does not come back.

use quarrel_protocol::{NodeId, NodeSet, Wait};

use crate::{Paxos, Proposal, Role};

impl Paxos {
    pub(crate) fn waits_now(&self) -> Vec<Wait> {
        let size = self.config.quorum.nodes();
        match self.role {
            Role::Idle => vec![alone("news of a decision")],
            Role::Preparing { ballot, promised_by, .. } => {
                self.for_others_and_disk(promised_by.complement(size), format!("promises of ballot {ballot}"))
            }
            Role::Proposing { proposal } => {
                let Proposal { ballot, value } = proposal;
                let known = NodeId::all(size).zip(&self.acceptances);
                let missing =
                    known.filter(|(_, known)| **known != Some(proposal)).map(|(node, _)| node).collect();
                self.for_others_and_disk(missing, format!("acceptances of {value} in ballot {ballot}"))
            }
            Role::BackingOff => vec![alone("the end of its pause, to start a higher ballot")],
            Role::Decided { .. } => Vec::new(),
        }
    }

    /// For these nodes; a node waits for itself while its disk is at work.
    fn for_others_and_disk(&self, missing: NodeSet, what: String) -> Vec<Wait> {
        let mut others = missing;
        others.remove(self.id);
        let for_others = (!others.is_empty()).then_some(Wait { on: others, what });
        let for_disk = missing.contains(self.id).then(|| alone("its own disk"));
        for_others.into_iter().chain(for_disk).collect()
    }
}

fn alone(what: &str) -> Wait {
    Wait { on: NodeSet::EMPTY, what: what.to_string() }
}
