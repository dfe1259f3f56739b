//! What a replica cannot go on without, in words, for the report of a cluster that does not come back.

use quarrel_protocol::{NodeId, NodeSet, Wait};

use crate::Pbft;
use crate::certificate::Phase;
use crate::state::Stage;

impl Pbft {
    pub(crate) fn waits_now(&self) -> Vec<Wait> {
        let mut waits = match self.durable.stage {
            Stage::Changing { is_timed } => vec![self.view_waits(is_timed)],
            Stage::Active(_) => self.batch_waits(),
        };
        if self.executed < self.low() {
            waits.push(alone(format!("a state up to {} or later", self.low())));
        }
        if waits.is_empty() {
            waits.push(alone("a request".to_string()));
        }
        waits
    }

    fn view_waits(&self, is_timed: bool) -> Wait {
        let view = self.view();
        if is_timed {
            return Wait {
                on: NodeSet::only(self.config.primary(view)),
                what: format!("the beginning of view {view}"),
            };
        }
        let there = self.changes.iter().filter(|(_, change)| change.body().view >= view);
        let there: NodeSet = there.map(|(&node, _)| node).collect();
        Wait { on: self.missing(there), what: format!("view changes to view {view}") }
    }

    fn batch_waits(&self) -> Vec<Wait> {
        let view = self.view();
        let next = self.executed.next();
        let Some(slot) = self.durable.slots.get(&next).filter(|slot| slot.committed.is_none()) else {
            let primary = NodeSet::only(self.config.primary(view));
            let is_asked = self.requests.len() > 0 && !self.is_primary();
            return is_asked
                .then(|| Wait { on: primary, what: format!("an assignment of {next} in view {view}") })
                .into_iter()
                .collect();
        };
        let (votes, phase) = match slot.prepared_in(view) {
            Some(_) => (&slot.commits, Phase::Commit),
            None => (&slot.prepares, Phase::Prepare),
        };
        let mut there: NodeSet = votes.iter().map(|vote| vote.signer()).collect();
        if phase == Phase::Prepare {
            there.insert(self.config.primary(view));
        }
        vec![Wait {
            on: self.missing(there),
            what: format!("a {phase:?} at {next} in view {view}").to_lowercase(),
        }]
    }

    fn missing(&self, there: NodeSet) -> NodeSet {
        let is_other = |&node: &NodeId| node != self.id;
        there.complement(usize::from(self.config.nodes)).iter().filter(is_other).collect()
    }
}

fn alone(what: String) -> Wait {
    Wait { on: NodeSet::EMPTY, what }
}
