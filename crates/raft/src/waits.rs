//! What a node cannot go on without, in words, for the report of a cluster that does not come back.

use quarrel_protocol::{NodeSet, Wait};

use crate::state::{Candidate, Follower, Leader, Role};
use crate::{Raft, Term};

impl Raft {
    pub(crate) fn waits_now(&self) -> Vec<Wait> {
        let term = self.durable.term;
        match &self.role {
            Role::Follower(Follower { leader: Some(leader), .. }) => {
                let what = format!("news from the leader of term {term}");
                vec![Wait { on: NodeSet::only(*leader), what }]
            }
            Role::Follower(Follower { leader: None, .. }) => {
                vec![alone(format!("a leader of term {} or later", term.max(Term(1))))]
            }
            Role::PreCandidate(Candidate { voters, .. }) => {
                let missing = self.lacking_votes(*voters);
                self.for_others_and_disk(missing, format!("pre-votes for term {}", term.next()))
            }
            Role::Candidate(Candidate { voters, .. }) => {
                let missing = self.lacking_votes(*voters);
                self.for_others_and_disk(missing, format!("votes in term {term}"))
            }
            Role::Leader(leader) => self.leader_waits(leader),
        }
    }

    /// Who is asked and has not granted a vote.
    fn lacking_votes(&self, voters: NodeSet) -> NodeSet {
        self.electors().iter().filter(|&node| !voters.contains(node)).collect()
    }

    fn leader_waits(&self, leader: &Leader) -> Vec<Wait> {
        let log = &self.durable.log;
        let last = log.last_index();
        let is_committed = self.commit >= last;
        // Section 5.4.2: the first entry of the own term commits what earlier terms left.
        if !is_committed && log.last_term() < self.durable.term {
            return vec![alone("a request, to commit with it what earlier terms left".to_string())];
        }
        let index =
            if is_committed { last } else { log.first_index_of_term_at(last).max(self.commit.next()) };
        if !is_committed && self.is_quorum(leader.holders(index)) {
            return vec![alone(format!("its own commit of entry {index}, which a quorum holds"))];
        }
        let mut missing = self.membership.current().members();
        missing.insert(self.id);
        leader.holders(index).iter().for_each(|node| missing.remove(node));
        self.for_others_and_disk(missing, format!("confirmation of entry {index}"))
    }

    /// For these nodes; a node waits for itself while its disk is at work.
    fn for_others_and_disk(&self, missing: NodeSet, what: String) -> Vec<Wait> {
        let mut others = missing;
        others.remove(self.id);
        let for_others = (!others.is_empty()).then_some(Wait { on: others, what });
        let for_disk = missing.contains(self.id).then(|| alone("its own disk".to_string()));
        for_others.into_iter().chain(for_disk).collect()
    }
}

fn alone(what: String) -> Wait {
    Wait { on: NodeSet::EMPTY, what }
}
