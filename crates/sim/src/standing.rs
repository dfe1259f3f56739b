//! How a run left its nodes: what a report of one that blocks tells.

use quarrel_protocol::{NodeId, NodeSet, Protocol, Wait};

use crate::cluster::Cluster;
use crate::node::Node;
use crate::observer::Observer;

/// A node as a run left it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Which node.
    pub node: NodeId,
    /// Its role, in the protocol's own word; nothing of a node that is down.
    pub role: &'static str,
    /// Since when it is down, in nanoseconds of virtual time; `None` of a node that is up.
    pub down_since_ns: Option<u64>,
    /// What it says that it cannot go on without.
    pub waits: Vec<Wait>,
}

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    /// How the run left its nodes. Not to be asked after a panic: whoever panicked would answer.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        let standing = |(node, state): (NodeId, &Node<P>)| match &state.machine {
            Some(machine) if !self.is_back_too_late(state) => {
                let role = machine.summary().role;
                Standing { node, role, down_since_ns: None, waits: machine.waits() }
            }
            _ => Standing { node, role: "", down_since_ns: Some(state.down_since_ns), waits: Vec::new() },
        };
        let honest = |(node, _): &(NodeId, &Node<P>)| !self.treason.is_traitor(*node);
        NodeId::all(usize::from(self.world.nodes)).zip(&self.nodes).filter(honest).map(standing).collect()
    }

    /// Who was up when the run ended, and not only from that moment on.
    #[must_use]
    pub fn up_to_the_end(&self) -> NodeSet {
        let is_up = |state: &Node<P>| state.machine.is_some() && !self.is_back_too_late(state);
        let all = NodeId::all(self.nodes.len()).zip(&self.nodes);
        all.filter(|(_, state)| is_up(state)).map(|(node, _)| node).collect()
    }

    /// Everything heals as the faults end. Where the run ends with them, who comes back then was down to the end.
    const fn is_back_too_late(&self, state: &Node<P>) -> bool {
        state.incarnation > 1 && state.up_since_ns == self.now
    }

    /// Who watches.
    pub const fn observer(&self) -> &O {
        &self.observer
    }
}
