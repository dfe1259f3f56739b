//! A configuration for protocols that have no options.

use quarrel_harness::Setting;
use quarrel_protocol::{Flaw, NodeId};
use quarrel_spec::machine::Kind;
use quarrel_spec::replicated_log::RunsMachine;
use serde::{Deserialize, Serialize};

/// Who is there, and which deliberate flaws are on: all the configuration that a small protocol needs. It is what
/// [`subject!`](crate::subject) configures.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    nodes: u8,
    flaws: Vec<String>,
    /// For a replicated log: the state machine that commands are for.
    #[serde(default)]
    machine: Kind,
}

impl Cluster {
    /// The cluster of one run.
    #[must_use]
    pub fn new(setting: Setting<'_>) -> Self {
        let Setting { nodes, flaws, machine } = setting;
        Self { nodes, flaws: flaws.iter().map(ToString::to_string).collect(), machine }
    }

    /// The state machine that a replicated log's commands are for.
    #[must_use]
    pub const fn machine(&self) -> Kind {
        self.machine
    }

    /// The same cluster with every flaw switched off.
    #[must_use]
    pub fn without_flaws(self) -> Self {
        Self { flaws: Vec::new(), ..self }
    }

    /// How many nodes there are.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.nodes as usize
    }

    /// How many nodes are a majority.
    #[must_use]
    pub const fn majority(&self) -> usize {
        self.size() / 2 + 1
    }

    /// All nodes.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeId> + Clone + use<> {
        (0..self.nodes).map(NodeId)
    }

    /// All nodes but this one.
    pub fn others(&self, than: NodeId) -> impl DoubleEndedIterator<Item = NodeId> + Clone + use<> {
        self.nodes().filter(move |&node| node != than)
    }

    /// Whether this flaw is switched on.
    #[must_use]
    pub fn has(&self, flaw: &str) -> bool {
        self.flaws.iter().any(|on| on == flaw)
    }

    /// Checks that a configuration read from a file is for `nodes` nodes.
    ///
    /// # Errors
    /// When it is for another number.
    pub fn fits(&self, nodes: u8) -> Result<(), String> {
        if self.nodes == nodes {
            return Ok(());
        }
        Err(format!("it is for {} nodes, the world has {nodes}", self.nodes))
    }
}

impl RunsMachine for Cluster {
    fn machine(&self) -> Kind {
        self.machine
    }
}

/// A deliberate defect of a small protocol, for its catalogue: its name, the property it breaks, and what the code
/// does wrong. It needs no particular fault, and three nodes.
#[must_use]
pub const fn flaw(name: &'static str, breaks: &'static str, mistake: &'static str) -> Flaw {
    Flaw { name, mistake, breaks, needs: "no particular fault", nodes_min: 3, source: "this protocol's own" }
}
