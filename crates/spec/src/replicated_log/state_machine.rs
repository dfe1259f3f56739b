//! What clients of a replicated log believe in: the state machine that it drives.

use quarrel_protocol::{ClientId, NodeId, NodeSet, Protocol, RequestId};

use super::{Call, Output, Reply, RunsMachine};
use crate::machine::{Kind, Outcome};
use crate::service::Service;
use crate::session::{Memory, Replica};

/// A replicated log as its clients see it: the state machine.
///
/// The order that it claims is the log: the first node to apply a position fixes what stands there.
pub struct StateMachine {
    kind: Kind,
    /// Applies the log as a replica should.
    replica: Replica,
    /// How long the log is.
    length: u64,
    /// Where each request took effect, by its number; 0 where it has not.
    positions: Vec<u64>,
    /// How far each node has got.
    applied: Vec<u64>,
}

impl<P: Protocol<Request = Call, Reply = Reply, Output = Output>> Service<P> for StateMachine
where
    P::Config: RunsMachine,
{
    type Model = Kind;

    fn new(config: &P::Config, nodes: usize) -> Self {
        let kind = config.machine();
        let replica = Replica::new(kind, Memory::Kept);
        Self { kind, replica, length: 0, positions: Vec::new(), applied: vec![0; nodes] }
    }

    fn model(&self) -> &Kind {
        &self.kind
    }

    fn call(&self, request: &Call) -> Call {
        *request
    }

    fn answer(&self, reply: &Reply) -> Outcome {
        match reply {
            Reply::Applied { outcome, .. } => outcome.clone(),
            Reply::NotLeader { .. } => unreachable!("a redirection ends no operation"),
        }
    }

    #[inline]
    fn on_output(&mut self, node: NodeId, output: &Output) {
        self.applied[node.index()] = output.index();
        // What a snapshot covers, somebody else has applied.
        let Output::Applied(applied) = output else { return };
        if applied.index != self.length + 1 {
            return;
        }
        self.length = applied.index;
        let Some(command) = &applied.command else { return };
        let took_effect =
            self.replica.apply(applied.index, command).is_some_and(|receipt| receipt.index == applied.index);
        if took_effect {
            let request = command.session.serial.0 as usize;
            if self.positions.len() <= request {
                self.positions.resize(request + 1, 0);
            }
            self.positions[request] = applied.index;
        }
    }

    fn on_crash(&mut self, node: NodeId) {
        self.applied[node.index()] = 0;
    }

    fn position(&self, _: ClientId, id: RequestId, reply: Option<&Reply>) -> Option<u64> {
        let told = match reply {
            Some(Reply::Applied { index, .. }) => Some(*index),
            Some(Reply::NotLeader { .. }) | None => None,
        };
        self.positions.get(id.0 as usize).copied().filter(|&position| position > 0).or(told)
    }

    fn lag(&self, core: NodeSet) -> Option<String> {
        let applied = |node: NodeId| self.applied.get(node.index()).copied().unwrap_or_default();
        let least = core.iter().min_by_key(|&node| applied(node))?;
        let most = core.iter().max_by_key(|&node| applied(node))?;
        (applied(least) < applied(most)).then(|| {
            format!(
                "{least} has applied {} of the {} commands that {most} has",
                applied(least),
                applied(most)
            )
        })
    }
}
