//! What a node cannot go on without, in words, for the report of a cluster that does not come back.

use quarrel_protocol::{NodeSet, Wait};

use super::node::RaftRs;
use super::raft::StateRole;

impl RaftRs {
    pub(super) fn waits_now(&self) -> Vec<Wait> {
        let raft = &self.raw.raft;
        let term = raft.term;
        let mut waits = match raft.state {
            StateRole::Follower => match self.known(raft.leader_id) {
                Some(leader) => {
                    vec![Wait {
                        on: NodeSet::only(leader),
                        what: format!("news from the leader of term {term}"),
                    }]
                }
                None if raft.promotable() => vec![alone(format!("a leader of term {term} or later"))],
                None => vec![alone("a leader that counts it among its members".to_string())],
            },
            StateRole::Candidate | StateRole::PreCandidate => {
                let votes = raft.prs().votes();
                let missing = self.members().voters;
                let missing = missing.iter().filter(|id| votes.get(id) != Some(&true));
                let on = missing.filter_map(|&id| self.known(id)).collect();
                let pre = if raft.state == StateRole::PreCandidate { "pre-" } else { "" };
                vec![Wait { on, what: format!("{pre}votes after term {term}") }]
            }
            StateRole::Leader => self.leader_waits(),
        };
        if !self.waiting.is_empty() {
            waits.push(alone("its own disk".to_string()));
        }
        waits
    }

    fn leader_waits(&self) -> Vec<Wait> {
        let raft = &self.raw.raft;
        if let Some(to) = raft.lead_transferee.and_then(|id| self.known(id)) {
            return vec![Wait {
                on: NodeSet::only(to),
                what: "a campaign, to hand leadership over".to_string(),
            }];
        }
        let index = raft.raft_log.committed + 1;
        if index > raft.raft_log.last_index() {
            return vec![alone("a request".to_string())];
        }
        let lacking =
            raft.prs().iter().filter(|&(&id, progress)| progress.matched < index && !self.is_me(id));
        let on: NodeSet = lacking.filter_map(|(&id, _)| self.known(id)).collect();
        vec![Wait { on, what: format!("confirmation of entry {index}") }]
    }
}

fn alone(what: String) -> Wait {
    Wait { on: NodeSet::EMPTY, what }
}
