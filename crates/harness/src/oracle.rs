//! The oracle of a run: the protocol's own invariants and the problem's properties, side by side.

use quarrel_formats::trace::Oracle as Jury;
use quarrel_protocol::{
    ClientId, Ending, Monitor, NodeId, NodeSet, Property, PropertyKind, Protocol, Report, RequestId,
    Suspense, Violation,
};
use quarrel_sim::fault::FaultClass;
use quarrel_sim::{End, Observer};
use quarrel_spec::Service;

use crate::story;
use crate::subject::Subject;
use crate::truth::{DURABILITY, Judged, LINEARIZABILITY, LIVENESS, Truth};

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

/// Who judges a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Judges {
    /// Everybody, or only the clients.
    pub jury: Jury,
    /// Whether histories are neither kept nor checked: only to measure what that costs. Nobody then knows how far the
    /// nodes of a core have got, so they are not asked to agree.
    pub skips_histories: bool,
}

impl Judges {
    /// This jury, with histories.
    #[must_use]
    pub const fn of(jury: Jury) -> Self {
        Self { jury, skips_histories: false }
    }
}

/// Watches one run of `P`.
pub struct Oracle<P: Subject> {
    judges: Judges,
    invariants: Watch<P::Invariants>,
    properties: Watch<P::Properties>,
    truth: Truth<P>,
    /// Whether a node that has forgotten what it had promised to keep counts as one that may do what it likes.
    disowns: bool,
    /// Those that have: nobody listens to them any more.
    disowned: NodeSet,
}

/// What the oracle has to say at the end of a run.
pub(crate) struct Findings {
    /// What broke, the verdict first: what ends a run, then invariants that were only noted.
    pub(crate) violations: Vec<Violation>,
    /// How often each property was evaluated, in the order of [`properties`].
    pub(crate) evaluated: Vec<u64>,
    /// How often each cell happened, in the order of [`cells`].
    pub(crate) cells: Vec<u64>,
    /// How the history was judged.
    pub(crate) judged: Judged,
}

impl<P: Subject> Oracle<P> {
    /// An oracle that has seen nothing yet.
    #[must_use]
    pub fn new(judges: Judges, config: &P::Config, nodes: usize) -> Self {
        Self {
            judges,
            invariants: Watch::new::<P>(config, nodes),
            properties: Watch::new::<P>(config, nodes),
            truth: Truth::new(config, nodes),
            disowns: P::traitors_max(config) > 0,
            disowned: NodeSet::EMPTY,
        }
    }

    /// These are traitors: nobody will listen to them.
    pub(crate) fn disown(&mut self, traitors: NodeSet) {
        for node in traitors.iter() {
            self.properties.monitor.on_disowned(node);
            self.invariants.monitor.on_disowned(node);
        }
    }

    /// Whether what monitors say counts. They watch in any case: they know which interesting things happened.
    #[inline]
    fn looks_inside(&self) -> bool {
        self.judges.jury == Jury::All
    }

    /// Judges a run that has ended, `halted` if the world ended it; what was asked after `healed_ns` reads back.
    pub(crate) fn judge(&self, halted: Option<Violation>, settled: bool, healed_ns: u64) -> Findings {
        let reports = [&self.properties.report, &self.invariants.report];
        let inside = reports.iter().filter(|_| self.looks_inside()).flat_map(|report| report.violations());
        let mut violations: Vec<Violation> = inside.cloned().collect();
        // Clients have something to say of a run that went to its end, be it that they waited in vain.
        let is_cut = violations
            .iter()
            .chain(&halted)
            .any(|broken| !matches!(broken.kind, PropertyKind::Invariant | PropertyKind::Liveness));
        let mut judged = Judged::Not;
        if !is_cut && !self.judges.skips_histories && P::Service::IS_CHECKED {
            let broken;
            (judged, broken) = self.truth.judge(healed_ns);
            violations.extend(broken);
        }
        let is_live = settled || halted.as_ref().is_some_and(|halted| halted.kind == PropertyKind::Liveness);
        violations.extend(halted);
        violations.sort_by_key(|violation| violation.kind == PropertyKind::Invariant);
        violations.iter_mut().for_each(|violation| violation.detail = story::tidy(&violation.detail));
        let is_judged = judged != Judged::Not;
        let clients = [is_judged, is_judged && settled && self.truth.reads_back(healed_ns), is_live];
        let counts = |count: u64| if self.looks_inside() { count } else { 0 };
        let evaluated =
            reports.iter().flat_map(|report| report.evaluated().iter().map(|&count| counts(count)));
        let own = P::Service::JUDGES.map(|_| u64::from(is_judged));
        let evaluated = evaluated.chain(clients.map(u64::from)).chain(own).collect();
        let cells = reports.iter().flat_map(|report| report.cells().iter().copied()).collect();
        Findings { violations, evaluated, cells, judged }
    }

    /// Which nodes are up and cannot go on, as monitors see it; `None` if none of them knows such a plight.
    pub(crate) fn suspended(&self) -> Option<Vec<Suspense>> {
        let (problem, own) = (self.properties.monitor.suspended(), self.invariants.monitor.suspended());
        let Some(mut suspended) = problem else { return own };
        for suspense in own.into_iter().flatten() {
            if !suspended.contains(&suspense) {
                suspended.push(suspense);
            }
        }
        Some(suspended)
    }

    /// What clients saw.
    pub fn into_truth(self) -> Truth<P> {
        self.truth
    }
}

/// The properties that a campaign of `P` evaluates.
#[must_use]
pub fn properties<P: Subject>() -> Vec<Property> {
    let clients = [LINEARIZABILITY, DURABILITY, LIVENESS];
    let own = P::Service::JUDGES;
    [P::Properties::properties(), P::Invariants::properties(), &clients, own.as_slice()].concat()
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
        let Oracle { invariants, properties, .. } = $oracle;
        properties.monitor.$method($($argument,)* &mut properties.report);
        invariants.monitor.$method($($argument,)* &mut invariants.report);
    }};
}

impl<P: Subject> Observer<P> for Oracle<P> {
    fn on_request(&mut self, at_ns: u64, client: ClientId, id: RequestId, request: &P::Request) {
        if !self.judges.skips_histories {
            self.truth.on_request(at_ns, client, id, request);
        }
        both!(self, on_request(client, id, request));
    }

    fn on_end(&mut self, at_ns: u64, client: ClientId, id: RequestId, end: End<'_, P>) {
        self.truth.on_end(at_ns, client, id, &end);
        let reply = match end {
            End::Ok(reply) => Some(reply),
            End::Failed | End::Unknown => None,
        };
        both!(self, on_outcome(client, id, reply));
    }

    #[inline]
    fn on_announce(&mut self, node: NodeId, event: &P::Event) {
        if self.disowned.contains(node) {
            return;
        }
        both!(self, on_announce(node, event));
    }

    #[inline]
    fn on_output(&mut self, node: NodeId, output: &P::Output) {
        if self.disowned.contains(node) {
            return;
        }
        if !self.judges.skips_histories {
            self.truth.on_output(node, output);
        }
        both!(self, on_output(node, output));
    }

    fn on_reply(&mut self, node: NodeId, client: ClientId, id: RequestId, reply: &P::Reply) {
        if !self.disowned.contains(node) {
            both!(self, on_reply(node, client, id, reply));
        }
    }

    #[inline]
    fn after_step(&mut self, node: NodeId, state: &P) {
        if !self.disowned.contains(node) {
            both!(self, after_step(node, state));
        }
    }

    fn on_crash(&mut self, node: NodeId) {
        self.truth.on_crash(node);
        if !self.disowned.contains(node) {
            both!(self, on_crash(node));
        }
    }

    fn on_recover(&mut self, node: NodeId, state: &P) {
        if !self.disowned.contains(node) {
            both!(self, on_recover(node, state));
        }
    }

    fn on_fault(&mut self, class: FaultClass) {
        both!(self, on_fault(class.name()));
    }

    fn on_amnesia(&mut self, node: NodeId) {
        if self.disowns && self.disowned.insert(node) {
            self.properties.monitor.on_disowned(node);
            self.invariants.monitor.on_disowned(node);
        }
    }

    #[inline]
    fn on_time(&mut self, now_ns: u64) {
        self.properties.monitor.on_time(now_ns);
        self.invariants.monitor.on_time(now_ns);
    }

    fn on_finish(&mut self, ending: Ending) {
        both!(self, on_end(ending));
    }

    #[inline]
    fn is_over(&self) -> bool {
        self.looks_inside() && (ends_a_run(&self.properties.report) || ends_a_run(&self.invariants.report))
    }

    fn lag(&self, core: NodeSet) -> Option<String> {
        let core = NodeSet(core.0 & !self.disowned.0);
        let monitor = &self.invariants.monitor;
        monitor.unfinished(core).or_else(|| self.truth.lag(monitor.concerned(core)))
    }
}
