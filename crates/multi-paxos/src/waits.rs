//! What a node cannot go on without, in words, for the report of a cluster that does not come back.

use quarrel_protocol::{NodeId, NodeSet, Wait};

use crate::MultiPaxos;
use crate::state::{Candidate, Follower, Leader, Role};

impl MultiPaxos {
    pub(crate) fn waits_now(&self) -> Vec<Wait> {
        let mut waits = match &self.role {
            Role::Follower(Follower { leader: Some(ballot) }) => {
                let what = format!("news from the leader in ballot {ballot}");
                vec![Wait { on: NodeSet::only(ballot.node), what }]
            }
            Role::Follower(Follower { leader: None }) => {
                vec![alone("a leader, or its own turn to try".into())]
            }
            Role::Candidate(candidate) => self.candidate_waits(candidate),
            Role::Leader(leader) => self.leader_waits(leader),
        };
        if self.is_behind() {
            let (first, known) = (self.log().first_open(), self.errand.known);
            waits.push(alone(format!("what is chosen in slots {first} to {known}")));
        }
        waits
    }

    fn candidate_waits(&self, candidate: &Candidate) -> Vec<Wait> {
        let missing = candidate.promised().complement(self.quorum.nodes());
        self.for_others_and_disk(missing, format!("promises of ballot {}", candidate.ballot))
    }

    fn leader_waits(&self, leader: &Leader) -> Vec<Wait> {
        match leader.open.front() {
            Some(acceptors) => {
                let missing = acceptors.complement(self.quorum.nodes());
                let slot = self.log().first_open();
                self.for_others_and_disk(missing, format!("acceptance in slot {slot}"))
            }
            None => vec![alone("a request".to_string())],
        }
    }

    /// For these nodes; a node waits for itself while its disk is at work.
    fn for_others_and_disk(&self, missing: NodeSet, what: String) -> Vec<Wait> {
        let is_other = |&node: &NodeId| node != self.id;
        let others: NodeSet = missing.iter().filter(is_other).collect();
        let for_others = (!others.is_empty()).then_some(Wait { on: others, what });
        let for_disk = missing.contains(self.id).then(|| alone("its own disk".to_string()));
        for_others.into_iter().chain(for_disk).collect()
    }
}

fn alone(what: String) -> Wait {
    Wait { on: NodeSet::EMPTY, what }
}
