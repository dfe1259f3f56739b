//! How a run left its nodes: who cannot go on, since when, and what would help. For the report of one that blocks.

use std::fmt::{self, Display};

use quarrel_protocol::{NodeId, Suspense, Wait};
use quarrel_sim::Standing;
use quarrel_sim::time::Span;

/// A node that is down, or cannot go on, or waits for something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plight {
    /// Which node.
    pub node: NodeId,
    /// Its role, in the protocol's own word; nothing of a node that is down.
    pub role: &'static str,
    /// Since when it is down, in nanoseconds of virtual time; `None` of a node that is up.
    pub down_since_ns: Option<u64>,
    /// What it has promised whose end is not in its own hands, as monitors saw it.
    pub suspended: Vec<Suspense>,
    /// What it says itself that it cannot go on without: what it holds, and what would free that.
    pub waits: Vec<Wait>,
}

/// The plights of the nodes that a run has left in one, in the order of nodes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Aftermath {
    /// When that was, in nanoseconds of virtual time.
    pub at_ns: u64,
    /// The nodes.
    pub plights: Vec<Plight>,
}

impl Aftermath {
    /// Puts together what nodes say of themselves and what monitors say of those that are up.
    pub(crate) fn new(at_ns: u64, standings: Vec<Standing>, suspended: &[Suspense]) -> Self {
        let plight = |standing: Standing| {
            let Standing { node, role, down_since_ns, waits } = standing;
            let mine = suspended.iter().filter(|suspense| suspense.node == node);
            Plight { node, role, down_since_ns, suspended: mine.cloned().collect(), waits }
        };
        let is_in_one = |plight: &Plight| {
            plight.down_since_ns.is_some() || !plight.suspended.is_empty() || !plight.waits.is_empty()
        };
        let plights = standings.into_iter().map(plight).filter(is_in_one).collect();
        Self { at_ns, plights }
    }

    /// Who is up and cannot go on, those in one plight together: `n2, n3 in doubt about t0`.
    #[must_use]
    pub fn suspended(&self) -> Vec<String> {
        let mut told: Vec<(&str, Vec<String>)> = Vec::new();
        for Suspense { node, what, .. } in self.plights.iter().flat_map(|plight| &plight.suspended) {
            match told.iter_mut().find(|(there, _)| there == what) {
                Some((_, nodes)) => nodes.push(node.to_string()),
                None => told.push((what, vec![node.to_string()])),
            }
        }
        told.into_iter().map(|(what, nodes)| format!("{} {what}", nodes.join(", "))).collect()
    }

    /// Whether some node that is up cannot go on.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.plights.iter().any(|plight| !plight.suspended.is_empty())
    }
}

impl Plight {
    /// What there is to say of the node, a sentence each.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let down = self.down_since_ns.map(|since| format!("down since {}", Span(since)));
        let suspended = self.suspended.iter().map(|it| format!("{} since {}", it.what, Span(it.since_ns)));
        down.into_iter().chain(suspended).chain(self.waits.iter().map(ToString::to_string)).collect()
    }
}

/// `n2 (participant)`, `n1`.
impl Display for Plight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            "" => write!(f, "{}", self.node),
            role => write!(f, "{} ({role})", self.node),
        }
    }
}
