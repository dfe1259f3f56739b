//! What a node cannot go on without, in words, for the report of a cluster that does not come back.

use quarrel_protocol::{NodeSet, Wait};

use crate::{Stage, ThreePhaseCommit};

impl ThreePhaseCommit {
    pub(crate) fn waits_now(&self) -> Vec<Wait> {
        let wait = |(transaction, case): (&_, &crate::Case)| {
            let mut others = case.up;
            others.remove(self.id);
            match &case.stage {
                Stage::Collecting => {
                    let on = case.missing_votes(self.id);
                    Wait { on, what: format!("votes on {transaction}") }
                }
                Stage::Following { leader } => {
                    Wait { on: NodeSet::only(*leader), what: format!("word of {transaction}") }
                }
                Stage::Polling { reports } => {
                    let heard: NodeSet = reports.keys().copied().collect();
                    let on = others.intersection(heard.complement(quarrel_protocol::NodeId::LIMIT));
                    Wait { on, what: format!("reports of {transaction}") }
                }
                Stage::Spreading { missing } => {
                    Wait { on: *missing, what: format!("acknowledgements of {transaction}") }
                }
                Stage::Recovering { .. } => {
                    let mut on = case.processes;
                    on.remove(self.id);
                    Wait { on, what: format!("what became of {transaction}") }
                }
            }
        };
        self.open.iter().map(wait).collect()
    }
}
