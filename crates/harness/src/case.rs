//! Cases: runs on file. A trace becomes a schedule again, and a schedule that was run becomes a trace.

use quarrel_formats::InputError;
use quarrel_formats::trace::{FORMAT, Header, Judgement, Oracle, Trace, TraceMark, Verdict};
use quarrel_protocol::Violation;
use quarrel_sim::digest::ALGORITHM;
use quarrel_sim::fault::{Action, Deed};
use quarrel_sim::world::{Operation, Order};

use crate::oracle::Judges;
use crate::run::{Outcome, Schedule, replay, replay_events};
use crate::shrink::{ShrinkReport, shrink};
use crate::subject::Subject;

/// Where a case came from: what its file says beside the schedule.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The flaws that are on, with the protocol's name.
    pub flaws: Vec<String>,
    /// Who judges.
    pub jury: Oracle,
}

/// A trace that is ready to run again.
pub trait Case: Send + Sync {
    /// Runs it again, as it was recorded or without its flaws.
    fn replay(&self, flaws: Flaws) -> Replayed;
    /// Makes it as small as it gets while it fails in the same way. `None` when nothing in it fails.
    /// Ends early, with the best so far, when `stop` says so.
    fn shrink(&self, stop: &dyn Fn() -> bool) -> Option<Shrunk>;
}

/// Whether a replay keeps the flaws of the recorded run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaws {
    /// As recorded.
    Kept,
    /// The corrected protocol.
    Removed,
}

/// A run that was run again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What happened this time.
    pub trace: Trace,
    /// How many recorded decisions were never asked for.
    pub never_asked: u64,
}

/// A failure made small.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest run that still fails in the same way.
    pub trace: Trace,
    /// What it took.
    pub report: ShrinkReport,
}

/// How many faults, non-default decisions, client operations and orders a trace holds.
#[must_use]
pub fn items(trace: &Trace) -> usize {
    let header = &trace.header;
    header.world.faults.len() + header.decisions.len() + header.operations.len() + header.orders.len()
}

/// The most events of a replay, unless the recorded run had more than half as many.
const EVENTS_MAX: u64 = 1_000_000;

/// The flaws that a header names must be known, and on exactly when the configuration has some on.
fn check_flaws<P: Subject>(config: &P::Config, flaws: &[String]) -> Result<(), String> {
    let is_known = |flaw: &String| {
        let bare = flaw.strip_prefix(P::NAME).and_then(|rest| rest.strip_prefix('/'));
        bare.is_some_and(|bare| P::FLAWS.iter().any(|known| known.name == bare))
    };
    if let Some(flaw) = flaws.iter().find(|flaw| !is_known(flaw)) {
        return Err(format!("there is no flaw `{flaw}`"));
    }
    if (P::without_flaws(config.clone()) == *config) != flaws.is_empty() {
        return Err("the configuration has others on".to_string());
    }
    Ok(())
}

/// What traitors tell must be lies that the protocol knows: one that it does not know changes nothing, silently.
pub(crate) fn check_lies(file: &str, header: &Header, known: &[&str]) -> Result<(), InputError> {
    for (position, fault) in header.world.faults.iter().enumerate() {
        let Action::Betray { deed: Deed::Lie { lie }, .. } = &fault.action else { continue };
        if !known.contains(&lie.as_str()) {
            let message = format!("{} knows no lie `{lie}`", header.protocol);
            let path = format!("world.faults.{position}.action.betray.deed.lie.lie");
            return Err(InputError::in_header(file, &path, message));
        }
    }
    Ok(())
}

/// A schedule with its origin.
pub(crate) struct Filed<P: Subject> {
    pub(crate) schedule: Schedule<P>,
    pub(crate) origin: Origin,
    /// The limit that the file asks for. Runs may have a lower one; files keep theirs.
    pub(crate) events_max: u64,
    /// What the file says came out.
    pub(crate) expected: Option<Violation>,
}

impl<P: Subject> Filed<P> {
    /// Reads a trace's schedule back.
    pub(crate) fn open(file: &str, trace: &Trace) -> Result<Self, InputError> {
        let header = &trace.header;
        let damaged = |what: &str, why: &dyn std::fmt::Display| {
            let verb = if what.ends_with('s') { "do" } else { "does" };
            InputError::whole(
                &format!("{file}:1"),
                format!("this trace's {what} {verb} not fit {}: {why}", P::NAME),
            )
        };
        let config: P::Config =
            serde_json::from_value(header.config.clone()).map_err(|e| damaged("config", &e))?;
        P::fits(&config, header.world.nodes).map_err(|why| damaged("config", &why))?;
        check_flaws::<P>(&config, &header.flaws).map_err(|why| damaged("flaws", &why))?;
        check_lies(file, header, P::LIES)?;
        let operations = header.operations.iter().map(|operation| {
            let request = P::upgrade(header.format, operation.request.clone());
            let request = serde_json::from_value(request);
            let Operation { at_ns, client, asks, id, repeats, .. } = *operation;
            Ok(Operation {
                at_ns,
                client,
                asks,
                id,
                repeats,
                request: request.map_err(|e| damaged("operations", &e))?,
            })
        });
        let operations = operations.collect::<Result<_, InputError>>()?;
        let orders = header.orders.iter().map(|order| {
            let admin = serde_json::from_value(order.admin.clone());
            let Order { at_ns, node, .. } = *order;
            Ok(Order { at_ns, node, admin: admin.map_err(|e| damaged("orders", &e))? })
        });
        let orders = orders.collect::<Result<_, InputError>>()?;
        let (mut world, decisions) = (header.world.clone(), header.decisions.clone());
        // A replay keeps every event: a file must not be able to ask for more than memory holds.
        let events_max = world.limits.events_max;
        world.limits.events_max = events_max.min(EVENTS_MAX.max(header.events.saturating_mul(2)));
        let (scenario, flaws) = (header.scenario.clone(), header.flaws.clone());
        Ok(Self {
            schedule: Schedule { world, config, operations, orders, decisions },
            origin: Origin { scenario, seed: header.seed, flaws, jury: header.oracle },
            events_max,
            expected: match &trace.verdict.judgement {
                Judgement::Held => None,
                Judgement::Violated(violation) => Some(violation.clone()),
            },
        })
    }
}

/// The same under another configuration, to which clients belong as well: a flaw may be theirs.
pub(crate) fn reconfigured<P: Subject>(schedule: Schedule<P>, config: P::Config) -> Schedule<P> {
    let mut world = schedule.world;
    if config != schedule.config {
        world.client.replies_needed = P::replies_needed(&config, world.nodes).clamp(1, world.nodes);
    }
    Schedule { world, config, ..schedule }
}

impl<P: Subject> Case for Filed<P> {
    fn replay(&self, flaws: Flaws) -> Replayed {
        let mut replayed = match flaws {
            Flaws::Kept => run_and_file(&self.schedule, &self.origin),
            Flaws::Removed => {
                let config = P::without_flaws(self.schedule.config.clone());
                let origin = Origin { flaws: Vec::new(), ..self.origin.clone() };
                run_and_file(&reconfigured(self.schedule.clone(), config), &origin)
            }
        };
        replayed.trace.header.world.limits.events_max = self.events_max;
        replayed
    }

    fn shrink(&self, stop: &dyn Fn() -> bool) -> Option<Shrunk> {
        let recorded = self.expected.as_ref()?;
        // A panic has its place as it is in the code of today, not as it was when it was recorded.
        let outcome = replay(&self.schedule, Judges::of(self.origin.jury));
        let violation = outcome.verdict().filter(|violation| violation.is_like(recorded)).unwrap_or(recorded);
        let mut shrunk = shrink_and_file(self.schedule.clone(), violation, &self.origin, stop);
        shrunk.trace.header.world.limits.events_max = self.events_max;
        Some(shrunk)
    }
}

/// Shrinks a failing schedule and files the smallest run.
pub(crate) fn shrink_and_file<P: Subject>(
    schedule: Schedule<P>,
    violation: &Violation,
    origin: &Origin,
    stop: &dyn Fn() -> bool,
) -> Shrunk {
    let (schedule, report) = shrink(schedule, Judges::of(origin.jury), violation, stop);
    Shrunk { trace: run_and_file(&schedule, origin).trace, report }
}

/// Runs a schedule, keeping every event, and files it.
pub(crate) fn run_and_file<P: Subject>(schedule: &Schedule<P>, origin: &Origin) -> Replayed {
    let (outcome, trace) = run_schedule(schedule, origin);
    Replayed { trace, never_asked: outcome.never_asked }
}

/// Runs a schedule, keeping every event.
pub(crate) fn run_schedule<P: Subject>(schedule: &Schedule<P>, origin: &Origin) -> (Outcome, Trace) {
    let (outcome, events) = replay_events(schedule, Judges::of(origin.jury));
    let judgement = judgement(&outcome);
    let tally = &outcome.tally;
    let in_own_form = "what a protocol's types hold can be written as JSON";
    let header = Header {
        quarrel: TraceMark::Trace,
        format: FORMAT,
        tool: env!("CARGO_PKG_VERSION").to_string(),
        digest_algorithm: ALGORITHM.to_string(),
        protocol: P::NAME.to_string(),
        scenario: origin.scenario.clone(),
        seed: origin.seed,
        flaws: origin.flaws.clone(),
        oracle: origin.jury,
        config: serde_json::to_value(&schedule.config).expect(in_own_form),
        world: schedule.world.clone(),
        operations: (schedule.operations.iter())
            .map(|operation| Operation {
                at_ns: operation.at_ns,
                client: operation.client,
                asks: operation.asks,
                id: operation.id,
                repeats: operation.repeats,
                request: serde_json::to_value(&operation.request).expect(in_own_form),
            })
            .collect(),
        orders: (schedule.orders.iter())
            .map(|order| Order {
                at_ns: order.at_ns,
                node: order.node,
                admin: serde_json::to_value(&order.admin).expect(in_own_form),
            })
            .collect(),
        decisions: schedule.decisions.clone(),
        expect: judgement.clone(),
        digest: tally.digest,
        events: tally.events,
        simulated_ns: tally.ended_ns,
    };
    let verdict = Verdict {
        judgement,
        at_ns: tally.ended_ns,
        events: tally.events,
        digest: tally.digest,
        outside: outcome.outside.clone(),
        // A violation ends a run, or is what there is to tell.
        blocked: match (outcome.verdict(), &outcome.aftermath) {
            (None, Some(aftermath)) => aftermath.suspended(),
            _ => Vec::new(),
        },
    };
    (outcome, Trace { header, events, verdict })
}

fn judgement(outcome: &Outcome) -> Judgement {
    outcome.verdict().map_or(Judgement::Held, |violation| Judgement::Violated(violation.clone()))
}
