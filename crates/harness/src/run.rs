//! One run: a pure function of scenario, flaws and seed, or of a schedule.

use quarrel_formats::Scenario;
use quarrel_formats::trace::Oracle as Jury;
use quarrel_protocol::{PropertyKind, Protocol, Suspense, Violation};
use quarrel_sim::decision::{Decision, Key, Which};
use quarrel_sim::fault::Fault;
use quarrel_sim::record::{Parcel, TraceEvent};
use quarrel_sim::world::{Operation, Order, Rule, World};
use quarrel_sim::{Chooser, Cluster, Observer, Plan, Tally};

use crate::aftermath::Aftermath;
use crate::model;
use crate::oracle::{Findings, Judges, Oracle};
use crate::profile;
use crate::subject::Subject;
use crate::truth::{Judged, Seen};

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed; 0 for a schedule that has none.
    pub seed: u64,
    /// What the world counted.
    pub tally: Tally,
    /// What broke, the verdict first: what ends a run before invariants that were only noted.
    pub violations: Vec<Violation>,
    /// How often each property was evaluated, in the order of [`crate::oracle::properties`].
    pub evaluated: Vec<u64>,
    /// How often each cell happened, in the order of [`crate::oracle::cells`].
    pub cells: Vec<u64>,
    /// Which classes of faults the profile had on.
    pub on: Vec<&'static str>,
    /// How many overriding decisions no one asked for.
    pub never_asked: u64,
    /// How many overriding decisions struck after the healing as faults: none of a run that was only recorded.
    pub struck_late: u64,
    /// How what clients saw was judged.
    pub judged: Judged,
    /// What struck that the protocol does not promise to live with, a reason each, whether or not something broke.
    pub strayed: Vec<String>,
    /// If something broke: what struck by then that the protocol does not promise to live with, a reason each. The
    /// violation is outside the model if there are some.
    pub outside: Vec<String>,
    /// Whether a node was left up and unable to go on; `None` of a problem that knows no such plight.
    pub suspended: Option<bool>,
    /// How a run that blocks left its nodes; nothing of a run of a batch, and of one that got on or was cut short.
    pub aftermath: Option<Aftermath>,
}

impl Outcome {
    /// What broke, if something did.
    #[must_use]
    pub fn verdict(&self) -> Option<&Violation> {
        self.violations.first()
    }

    /// Whether this run failed as that one did.
    #[must_use]
    pub fn fails_like(&self, violation: &Violation) -> bool {
        self.verdict()
            .is_some_and(|mine| mine.signature == violation.signature && mine.kind == violation.kind)
    }

    /// Whether the run blocks: some node that is up cannot go on, where the problem knows such a plight. A transaction
    /// blocks while somebody is in doubt, and not because its client hears nothing. Where the problem does not, some
    /// operation was never answered.
    #[must_use]
    pub const fn is_blocked(&self) -> bool {
        match self.suspended {
            Some(suspended) => suspended,
            None => self.is_unanswered(),
        }
    }

    /// Whether some operation was never answered.
    #[must_use]
    pub const fn is_unanswered(&self) -> bool {
        let asked = &self.tally.asked;
        asked.started > asked.answered + asked.failed
    }
}

/// A run whose events and messages were kept.
#[derive(Clone, Debug)]
pub struct Metered {
    /// What came of it.
    pub outcome: Outcome,
    /// What happened, in order.
    pub events: Vec<TraceEvent>,
    /// The messages from node to node, in the order in which they were sent.
    pub parcels: Vec<Parcel>,
}

/// A run without chance: all that a replay needs, and what shrinking works on.
pub struct Schedule<P: Protocol> {
    /// The world, its faults included.
    pub world: World,
    /// The configuration.
    pub config: P::Config,
    /// The client operations.
    pub operations: Vec<Operation<P::Request>>,
    /// The orders of an operator.
    pub orders: Vec<Order<P::Admin>>,
    /// The decisions that are not the default.
    pub decisions: Vec<Decision>,
}

impl<P: Protocol> Clone for Schedule<P> {
    fn clone(&self) -> Self {
        Self {
            world: self.world.clone(),
            config: self.config.clone(),
            operations: self.operations.clone(),
            orders: self.orders.clone(),
            decisions: self.decisions.clone(),
        }
    }
}

impl<P: Protocol> Schedule<P> {
    /// How many faults, non-default decisions, client operations and orders there are.
    #[must_use]
    pub fn items(&self) -> usize {
        self.world.faults.len() + self.decisions.len() + self.operations.len() + self.orders.len()
    }
}

/// What the runs of a campaign have in common.
#[derive(Clone, Copy)]
pub struct Charge<'a, P: Subject> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The protocol's options, as the scenario gives them.
    pub options: &'a P::Options,
    /// The flaws that are on, without the protocol's name.
    pub flaws: &'a [&'a str],
    /// Who judges.
    pub judges: Judges,
}

/// Runs one seed of a scenario. Nothing is kept but the outcome.
pub fn run<P: Subject>(charge: Charge<'_, P>, seed: u64) -> Outcome {
    Trial::of_seed(charge, seed).run()
}

/// Runs one seed, and looks at its nodes when it is over.
pub fn run_closely<P: Subject>(charge: Charge<'_, P>, seed: u64) -> Outcome {
    let trial = Trial::of_seed(charge, seed);
    Trial { looks_closely: true, ..trial }.run()
}

/// Runs one seed again and keeps what clients saw, in the order of their calls.
pub fn history<P: Subject>(charge: Charge<'_, P>, seed: u64) -> (Outcome, Vec<Seen<P>>) {
    let mut trial = Trial::of_seed(charge, seed);
    let tally = trial.cluster.run();
    trial.outcome(tally)
}

/// Runs one seed again and keeps it as a schedule.
pub fn record<P: Subject>(charge: Charge<'_, P>, seed: u64) -> (Outcome, Schedule<P>) {
    let profile::Profile { plan: Plan { world, config, operations, orders }, .. } =
        profile::draw_ahead::<P>(charge.scenario, charge.options, charge.flaws, seed);
    let mut trial = Trial::of_seed(charge, seed);
    trial.cluster.record_decisions();
    let (outcome, decisions, faults, _) = trial.finish();
    let decisions = decisions.into_iter().map(|(decision, _)| decision).collect();
    (outcome, Schedule { world: World { faults, ..world }, config, operations, orders, decisions })
}

/// Runs one seed again and keeps every event: what a replay of its schedule must repeat.
pub fn seed_events<P: Subject>(charge: Charge<'_, P>, seed: u64) -> Vec<TraceEvent> {
    let mut trial = Trial::of_seed(charge, seed);
    trial.cluster.record_events();
    let (.., events) = trial.finish();
    events
}

/// Runs one seed and keeps every event, and what its messages weighed: what is counted of a run.
pub fn metered<P: Subject>(charge: Charge<'_, P>, seed: u64) -> Metered {
    let mut trial = Trial::of_seed(charge, seed);
    trial.cluster.record_events();
    let tally = trial.cluster.run();
    let parcels = trial.cluster.take_parcels();
    let (_, _, events) = trial.cluster.take_recorded();
    Metered { outcome: trial.outcome(tally).0, events, parcels }
}

/// Replays a schedule.
pub fn replay<P: Subject>(schedule: &Schedule<P>, judges: Judges) -> Outcome {
    Trial::of_schedule(schedule, judges).run()
}

/// Replays a schedule, and returns it with every decision anchored to the time at which it was asked for instead of
/// to its occurrence.
pub fn anchor<P: Subject>(schedule: &Schedule<P>, judges: Judges) -> Schedule<P> {
    let mut trial = Trial::of_schedule(schedule, judges);
    trial.cluster.record_decisions();
    let (_, decisions, ..) = trial.finish();
    let anchored =
        |(Decision { key, value }, which): (Decision, Which)| Decision { key: Key { which, ..key }, value };
    Schedule { decisions: decisions.into_iter().map(anchored).collect(), ..schedule.clone() }
}

/// Replays a schedule and keeps every event.
pub fn replay_events<P: Subject>(schedule: &Schedule<P>, judges: Judges) -> (Outcome, Vec<TraceEvent>) {
    let mut trial = Trial { looks_closely: true, ..Trial::of_schedule(schedule, judges) };
    trial.cluster.record_events();
    let (outcome, _, _, events) = trial.finish();
    (outcome, events)
}

/// A decision, and the moment that it is anchored to.
type Anchored = (Decision, Which);

/// A run that is about to happen.
struct Trial<P: Subject> {
    cluster: Cluster<P, Oracle<P>>,
    seed: u64,
    on: Vec<&'static str>,
    /// When the faults end.
    healed_ns: u64,
    /// Whether nodes are asked what they wait for when it is over.
    looks_closely: bool,
}

impl<P: Subject> Trial<P> {
    fn of_seed(charge: Charge<'_, P>, seed: u64) -> Self {
        let Charge { scenario, options, flaws, judges } = charge;
        let profile::Profile { plan, storm, rules, on } =
            profile::draw_ahead::<P>(scenario, options, flaws, seed);
        let names = Cluster::<P, Oracle<P>>::names(&plan.world);
        let chooser = Chooser::random(names, seed, plan.world.rates, &scenario.decisions);
        let mut trial = Self { on, ..Self::new(plan, rules, seed, chooser, judges) };
        trial.cluster.draw_faults_from(Box::new(storm));
        trial
    }

    fn of_schedule(schedule: &Schedule<P>, judges: Judges) -> Self {
        let Schedule { world, config, operations, orders, decisions } = schedule.clone();
        let chooser = Chooser::replay(Cluster::<P, Oracle<P>>::names(&world), &decisions);
        Self::new(Plan { world, config, operations, orders }, Vec::new(), 0, chooser, judges)
    }

    fn new(plan: Plan<P>, rules: Vec<Rule>, seed: u64, chooser: Chooser, judges: Judges) -> Self {
        let mut oracle = Oracle::new(judges, &plan.config, usize::from(plan.world.nodes));
        oracle.disown(plan.world.traitors);
        let healed_ns = plan.world.duration_ns;
        let mut cluster = Cluster::new(plan, rules, seed, chooser, oracle)
            .expect("the names in a scenario's rules were checked");
        if judges.jury == Jury::Clients {
            cluster.look_away();
        }
        Self { cluster, seed, on: Vec::new(), healed_ns, looks_closely: false }
    }

    fn run(mut self) -> Outcome {
        let tally = self.cluster.run();
        self.outcome(tally).0
    }

    fn finish(mut self) -> (Outcome, Vec<Anchored>, Vec<Fault>, Vec<TraceEvent>) {
        let tally = self.cluster.run();
        let (decisions, faults, events) = self.cluster.take_recorded();
        (self.outcome(tally).0, decisions, faults, events)
    }

    /// Who is left up and cannot go on.
    fn suspended(&self) -> Option<Vec<Suspense>> {
        let mut suspended = self.cluster.observer().suspended()?;
        let up = self.cluster.up_to_the_end();
        suspended.retain(|suspense| up.contains(suspense.node));
        Some(suspended)
    }

    /// How the nodes stand, if somebody may have been left waiting.
    fn aftermath(&self, tally: &Tally, suspended: &[Suspense]) -> Option<Aftermath> {
        // Whoever has panicked is asked nothing more.
        let is_over = tally.halted.as_ref().is_none_or(|halted| halted.kind == PropertyKind::Liveness);
        if !self.looks_closely || !is_over || self.cluster.observer().is_over() {
            return None;
        }
        let asked = &tally.asked;
        let is_unanswered = asked.started > asked.answered + asked.failed;
        (is_unanswered || !suspended.is_empty())
            .then(|| Aftermath::new(tally.ended_ns, self.cluster.standings(), suspended))
    }

    fn outcome(self, mut tally: Tally) -> (Outcome, Vec<Seen<P>>) {
        let suspended = self.suspended();
        let aftermath = self.aftermath(&tally, suspended.as_deref().unwrap_or_default());
        let Self { cluster, seed, on, healed_ns, .. } = self;
        let (never_asked, struck_late) = (cluster.never_asked(), cluster.struck_late());
        let config = cluster.config().clone();
        let strayed = P::outside(&config, &tally.struck);
        let oracle = cluster.into_observer();
        let Findings { violations, evaluated, cells, judged } =
            oracle.judge(tally.halted.take(), tally.settled_ns.is_some(), healed_ns);
        let broken = violations.first();
        let outside = broken
            .map_or_else(Vec::new, |broken| model::reasons::<P>(&broken.property, &config, &tally.struck));
        let outcome = Outcome {
            seed,
            tally,
            violations,
            evaluated,
            cells,
            on,
            never_asked,
            struck_late,
            judged,
            strayed,
            outside,
            suspended: suspended.map(|suspended| !suspended.is_empty()),
            aftermath,
        };
        (outcome, oracle.into_truth().into_seen())
    }
}
