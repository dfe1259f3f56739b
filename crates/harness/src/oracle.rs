//! The oracle of a run: the protocol's own invariants and the problem's properties, side by side.

use quarrel_protocol::{ClientId, Monitor, NodeId, PropertyKind, Protocol, Report, RequestId, Violation};
use quarrel_sim::Observer;

use crate::subject::Subject;

/// A monitor with its report.
struct Watch<M> {
    monitor: M,
    report: Report,
}

impl<M> Watch<M> {
    fn new<P: Protocol>(config: &P::Config, nodes: usize) -> Self
    where
        M: Monitor<P>,
    {
        Self { monitor: M::new(config, nodes), report: Report::new(M::properties(), M::cells()) }
    }
}

/// Watches one run of `P`.
pub struct Oracle<P: Subject> {
    invariants: Watch<P::Invariants>,
    properties: Watch<P::Properties>,
}

impl<P: Subject> Oracle<P> {
    /// An oracle that has seen nothing yet.
    #[must_use]
    pub fn new(config: &P::Config, nodes: usize) -> Self {
        Self { invariants: Watch::new::<P>(config, nodes), properties: Watch::new::<P>(config, nodes) }
    }

    /// What broke: first what ends a run, then invariants that were only noted.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let all = self.properties.report.violations().iter().chain(self.invariants.report.violations());
        let mut violations: Vec<Violation> = all.cloned().collect();
        violations.sort_by_key(|violation| violation.kind == PropertyKind::Invariant);
        violations
    }

    /// How often each property was evaluated, in the order of [`properties`].
    pub fn evaluated(&self) -> impl Iterator<Item = u64> + '_ {
        self.properties.report.evaluated().iter().chain(self.invariants.report.evaluated()).copied()
    }

    /// How often each cell happened, in the order of [`cells`].
    pub fn cells(&self) -> impl Iterator<Item = u64> + '_ {
        self.properties.report.cells().iter().chain(self.invariants.report.cells()).copied()
    }
}

/// The properties that a campaign of `P` evaluates.
#[must_use]
pub fn properties<P: Subject>() -> Vec<quarrel_protocol::Property> {
    [P::Properties::properties(), P::Invariants::properties()].concat()
}

/// The cells that a campaign of `P` watches.
#[must_use]
pub fn cells<P: Subject>() -> Vec<quarrel_protocol::Cell> {
    [P::Properties::cells(), P::Invariants::cells()].concat()
}

#[inline]
fn ends_a_run(report: &Report) -> bool {
    let violations = report.violations();
    !violations.is_empty() && violations.iter().any(|violation| violation.kind != PropertyKind::Invariant)
}

/// Calls both monitors.
macro_rules! both {
    ($oracle:ident, $method:ident($($argument:expr),*)) => {{
        let Oracle { invariants, properties } = $oracle;
        properties.monitor.$method($($argument,)* &mut properties.report);
        invariants.monitor.$method($($argument,)* &mut invariants.report);
    }};
}

impl<P: Subject> Observer<P> for Oracle<P> {
    fn on_request(&mut self, client: ClientId, id: RequestId, request: &P::Request) {
        both!(self, on_request(client, id, request));
    }

    fn on_answer(&mut self, _: ClientId, _: RequestId, _: &P::Reply) {}

    #[inline]
    fn on_announce(&mut self, node: NodeId, event: &P::Event) {
        both!(self, on_announce(node, event));
    }

    #[inline]
    fn on_output(&mut self, node: NodeId, output: &P::Output) {
        both!(self, on_output(node, output));
    }

    fn on_reply(&mut self, node: NodeId, client: ClientId, id: RequestId, reply: &P::Reply) {
        both!(self, on_reply(node, client, id, reply));
    }

    #[inline]
    fn after_step(&mut self, node: NodeId, state: &P) {
        both!(self, after_step(node, state));
    }

    fn on_crash(&mut self, node: NodeId) {
        both!(self, on_crash(node));
    }

    fn on_recover(&mut self, node: NodeId, state: &P) {
        both!(self, on_recover(node, state));
    }

    #[inline]
    fn is_over(&self) -> bool {
        ends_a_run(&self.properties.report) || ends_a_run(&self.invariants.report)
    }
}
