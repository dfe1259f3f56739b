//! One run: a pure function of scenario, flaws and seed, or of a schedule.

use quarrel_formats::Scenario;
use quarrel_protocol::{PropertyKind, Protocol, Violation};
use quarrel_sim::decision::{Decision, Key, Which};
use quarrel_sim::fault::Fault;
use quarrel_sim::record::TraceEvent;
use quarrel_sim::world::{Operation, Rule, World};
use quarrel_sim::{Chooser, Cluster, Plan, Tally};

use crate::oracle::Oracle;
use crate::profile;
use crate::subject::Subject;

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

    /// Whether some operation was never answered.
    #[must_use]
    pub const fn is_blocked(&self) -> bool {
        self.tally.operations.0 > self.tally.operations.1
    }
}

/// A run without chance: all that a replay needs, and what shrinking works on.
pub struct Schedule<P: Protocol> {
    /// The world, its faults included.
    pub world: World,
    /// The configuration.
    pub config: P::Config,
    /// The client operations.
    pub operations: Vec<Operation<P::Request>>,
    /// The decisions that are not the default.
    pub decisions: Vec<Decision>,
}

impl<P: Protocol> Clone for Schedule<P> {
    fn clone(&self) -> Self {
        Self {
            world: self.world.clone(),
            config: self.config.clone(),
            operations: self.operations.clone(),
            decisions: self.decisions.clone(),
        }
    }
}

impl<P: Protocol> Schedule<P> {
    /// How many faults, non-default decisions and client operations there are.
    #[must_use]
    pub fn items(&self) -> usize {
        self.world.faults.len() + self.decisions.len() + self.operations.len()
    }
}

/// Runs one seed of a scenario. Nothing is kept but the outcome.
pub fn run<P: Subject>(scenario: &Scenario, options: &P::Options, flaws: &[&str], seed: u64) -> Outcome {
    Trial::<P>::of_seed(scenario, options, flaws, seed).run()
}

/// Runs one seed again and keeps it as a schedule.
pub fn record<P: Subject>(
    scenario: &Scenario,
    options: &P::Options,
    flaws: &[&str],
    seed: u64,
) -> (Outcome, Schedule<P>) {
    let profile::Profile { plan: Plan { world, config, operations }, .. } =
        profile::draw::<P>(scenario, options, flaws, seed);
    let mut trial = Trial::<P>::of_seed(scenario, options, flaws, seed);
    trial.cluster.record_decisions();
    let (outcome, decisions, faults, _) = trial.finish();
    let decisions = decisions.into_iter().map(|(decision, _)| decision).collect();
    (outcome, Schedule { world: World { faults, ..world }, config, operations, decisions })
}

/// Runs one seed again and keeps every event: what a replay of its schedule must repeat.
pub fn seed_events<P: Subject>(
    scenario: &Scenario,
    options: &P::Options,
    flaws: &[&str],
    seed: u64,
) -> Vec<TraceEvent> {
    let mut trial = Trial::<P>::of_seed(scenario, options, flaws, seed);
    trial.cluster.record_events();
    let (.., events) = trial.finish();
    events
}

/// Replays a schedule.
pub fn replay<P: Subject>(schedule: &Schedule<P>) -> Outcome {
    Trial::of_schedule(schedule).run()
}

/// Replays a schedule, and returns it with every decision anchored to the time at which it was asked for instead of
/// to its occurrence.
pub fn anchor<P: Subject>(schedule: &Schedule<P>) -> Schedule<P> {
    let mut trial = Trial::of_schedule(schedule);
    trial.cluster.record_decisions();
    let (_, decisions, ..) = trial.finish();
    let anchored =
        |(Decision { key, value }, which): (Decision, Which)| Decision { key: Key { which, ..key }, value };
    Schedule { decisions: decisions.into_iter().map(anchored).collect(), ..schedule.clone() }
}

/// Replays a schedule and keeps every event.
pub fn replay_events<P: Subject>(schedule: &Schedule<P>) -> (Outcome, Vec<TraceEvent>) {
    let mut trial = Trial::of_schedule(schedule);
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
}

impl<P: Subject> Trial<P> {
    fn of_seed(scenario: &Scenario, options: &P::Options, flaws: &[&str], seed: u64) -> Self {
        let profile::Profile { plan, rules, on } = profile::draw::<P>(scenario, options, flaws, seed);
        let names = Cluster::<P, Oracle<P>>::names(&plan.world);
        let chooser = Chooser::random(names, seed, plan.world.rates, &scenario.decisions);
        Self { cluster: Self::cluster(plan, rules, seed, chooser), seed, on }
    }

    fn of_schedule(schedule: &Schedule<P>) -> Self {
        let Schedule { world, config, operations, decisions } = schedule.clone();
        let chooser = Chooser::replay(Cluster::<P, Oracle<P>>::names(&world), &decisions);
        let plan = Plan { world, config, operations };
        Self { cluster: Self::cluster(plan, Vec::new(), 0, chooser), seed: 0, on: Vec::new() }
    }

    fn cluster(plan: Plan<P>, rules: Vec<Rule>, seed: u64, chooser: Chooser) -> Cluster<P, Oracle<P>> {
        let oracle = Oracle::new(&plan.config, usize::from(plan.world.nodes));
        Cluster::new(plan, rules, seed, chooser, oracle)
            .expect("the names in a scenario's rules were checked")
    }

    fn run(mut self) -> Outcome {
        let tally = self.cluster.run();
        self.outcome(tally)
    }

    fn finish(mut self) -> (Outcome, Vec<Anchored>, Vec<Fault>, Vec<TraceEvent>) {
        let tally = self.cluster.run();
        let (decisions, faults, events) = self.cluster.take_recorded();
        (self.outcome(tally), decisions, faults, events)
    }

    fn outcome(self, mut tally: Tally) -> Outcome {
        let Self { cluster, seed, on } = self;
        let never_asked = cluster.never_asked();
        let oracle = cluster.into_observer();
        let mut violations = oracle.violations();
        if let Some(halted) = tally.halted.take() {
            violations.push(halted);
            violations.sort_by_key(|violation| violation.kind == PropertyKind::Invariant);
        }
        let (evaluated, cells) = (oracle.evaluated().collect(), oracle.cells().collect());
        Outcome { seed, tally, violations, evaluated, cells, on, never_asked }
    }
}
