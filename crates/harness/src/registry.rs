//! The registry: protocols reached by name. A protocol is erased once per batch of runs, never per step.

use std::marker::PhantomData;
use std::ops::Range;

use quarrel_formats::history::Line;
use quarrel_formats::scenario::{Complaint, Vocabulary, Words};
use quarrel_formats::trace::{Oracle as Jury, Trace};
use quarrel_formats::{InputError, Scenario};
use quarrel_multi_paxos::MultiPaxos;
use quarrel_paxos::Paxos;
use quarrel_pbft::Pbft;
use quarrel_protocol::{Announcement, Cell, Flaw, Kinded, NodeId, Property};
use quarrel_raft::Raft;
use quarrel_three_phase_commit::ThreePhaseCommit;
use quarrel_two_phase_commit::TwoPhaseCommit;

use quarrel_sim::record::TraceEvent;
use quarrel_two_generals::TwoGenerals;

use crate::carry::{self, Carried};
use crate::case::{
    Case, Filed, Origin, Shrunk, check_lies, reconfigured, run_and_file, run_schedule, shrink_and_file,
};
use crate::dice::Dice;
use crate::history;
use crate::model::{self, Retrial};
use crate::oracle::{self, Judges};
use crate::profile;
use crate::run::{self, Charge, Metered, Outcome, Schedule};
use crate::subject::{Setting, Subject};
use crate::tallies::{Names, Tallies, WORLD_CELLS, WORLD_PROPERTIES};

/// How the key of an option of a protocol begins, as `--set` has it.
pub const CONFIG_KEY: &str = "config.";

/// The protocols that can be put on trial; none at first.
#[derive(Default)]
pub struct Registry {
    entries: Vec<Box<dyn Entry>>,
}

/// A protocol known by name.
pub trait Entry: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// The names that scenarios may use.
    fn words(&self) -> Words;
    /// Its deliberate defects.
    fn flaws(&self) -> &'static [Flaw];
    /// The properties that its runs are judged by.
    fn properties(&self) -> Vec<Property>;
    /// The cells that its runs may fill, and when they are due.
    fn cells(&self) -> Vec<Cell>;
    /// Prepares to run a scenario, whose names have been checked, with these flaws (`raft/commit-old-term`).
    ///
    /// # Errors
    /// When an option of the scenario cannot be read.
    fn trial(
        &self,
        scenario: Scenario,
        flaws: &[String],
        judges: Judges,
    ) -> Result<Box<dyn Trial>, InputError>;
    /// Prepares to run a trace again. `file` is the name that errors give.
    ///
    /// # Errors
    /// When its configuration, operations or orders are not this protocol's.
    fn open(&self, file: &str, trace: &Trace) -> Result<Box<dyn Case>, InputError>;
}

/// A scenario that is ready to run.
pub trait Trial: Send + Sync {
    /// The scenario.
    fn scenario(&self) -> &Scenario;
    /// The flaws that are on, with the protocol's name.
    fn flaws(&self) -> &[String];
    /// The same flaws with all that the catalogue says of them.
    fn flaws_on(&self) -> Vec<Flaw>;
    /// Whose judgement counts.
    fn jury(&self) -> Jury;
    /// The cells that runs may fill.
    fn cells(&self) -> Vec<Cell>;
    /// The properties that runs are judged by.
    fn properties(&self) -> &[Property];
    /// The cell without which this property cannot be asked, if there is one.
    fn occasion(&self, property: &str) -> Option<&'static str>;
    /// Whether nodes have timers: without one, it does not matter how clocks run.
    fn has_timers(&self) -> bool;
    /// Whether its traitors know lies.
    fn has_lies(&self) -> bool;
    /// Runs one seed.
    fn run(&self, seed: u64) -> Outcome;
    /// What one run adds up to.
    fn tally(&self, outcome: &Outcome) -> Tallies;
    /// Runs many seeds and adds them up. Stops early when `stop` says so; the tallies then hold fewer runs.
    fn batch(&self, seeds: Range<u64>, stop: &dyn Fn() -> bool) -> Tallies;
    /// The events of one seed, as the seed's own run has them and not as a replay repeats them.
    fn events(&self, seed: u64) -> Vec<TraceEvent>;
    /// Runs one seed and keeps every event, and what its messages weighed.
    fn metered(&self, seed: u64) -> Metered;
    /// Runs one seed again and writes down what its clients saw, in the format of `quarrel check`; and how many operations
    /// it has no word for.
    fn history(&self, seed: u64) -> (Vec<Line>, usize);
    /// Runs one seed again and files it: the replay of its schedule, with every event.
    fn record(&self, seed: u64) -> Trace;
    /// Runs this scenario's protocol under the plan of a trace: its world with all faults, its operations, its orders, its
    /// decisions and its configuration, but for the flaws and what a pin says of `config`. Of a trace of another protocol
    /// only what the world did: see [`crate::carry`]; the seed draws the rest. `file` is the name that errors give.
    ///
    /// # Errors
    /// When the trace is of this protocol and does not fit it.
    fn follow(&self, seed: u64, file: &str, plan: &Trace) -> Result<Followed, InputError>;
    /// Runs a seed that fails outside the model again without what lies outside; `None` if it does not fail so.
    fn retry_inside(&self, seed: u64) -> Option<Retrial>;
    /// Runs one seed again and, if it fails, makes the failure as small as it gets.
    /// Ends early, with the best so far, when `stop` says so.
    fn shrink(&self, seed: u64, stop: &dyn Fn() -> bool) -> Option<Shrunk>;
}

/// What came of a run under the plan of a trace.
#[derive(Clone, Debug)]
pub struct Followed {
    /// What came of it.
    pub outcome: Outcome,
    /// The run, filed.
    pub trace: Trace,
    /// What was carried over from a trace of another protocol.
    pub carried: Option<Carried>,
}

impl Registry {
    /// The protocols that come with Quarrel.
    #[must_use]
    pub fn standard() -> Self {
        Self::default()
            .with::<Raft>()
            .with::<Paxos>()
            .with::<MultiPaxos>()
            .with::<Pbft>()
            .with::<TwoPhaseCommit>()
            .with::<ThreePhaseCommit>()
            .with::<TwoGenerals>()
    }

    /// And this one.
    #[must_use]
    pub fn with<P: Subject>(mut self) -> Self {
        self.entries.push(Box::new(Registered::<P>(PhantomData)));
        self
    }

    /// The protocols, in order.
    pub fn entries(&self) -> impl Iterator<Item = &dyn Entry> {
        self.entries.iter().map(AsRef::as_ref)
    }

    /// The protocol of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&dyn Entry> {
        self.entries().find(|entry| entry.name() == name)
    }

    /// All names that scenarios may use.
    #[must_use]
    pub fn vocabulary(&self) -> Vocabulary {
        Vocabulary { protocols: self.entries().map(Entry::words).collect() }
    }

    /// Checks all names and prepares to run a scenario with these flaws.
    ///
    /// # Errors
    /// When the scenario or a flaw names something that does not exist, or an option cannot be read.
    pub fn trial(
        &self,
        scenario: Scenario,
        flaws: &[String],
        judges: Judges,
    ) -> Result<Box<dyn Trial>, InputError> {
        scenario.check(&self.vocabulary())?;
        let known = |name: &String| {
            let flaw = name.strip_prefix(&scenario.protocol).and_then(|rest| rest.strip_prefix('/'));
            let flaws = self.find(&scenario.protocol).map_or(&[][..], Entry::flaws);
            flaw.is_some_and(|flaw| flaws.iter().any(|known| known.name == flaw))
        };
        if let Some(flaw) = flaws.iter().find(|flaw| !known(flaw)) {
            let message = format!("{} has no flaw `{flaw}`", scenario.protocol);
            return Err(InputError::whole(&scenario.name, message));
        }
        let entry = self.find(&scenario.protocol).expect("the check knows the protocols of the registry");
        entry.trial(scenario, flaws, judges)
    }

    /// Prepares to run a trace again. `file` is the name that errors give.
    ///
    /// # Errors
    /// When its protocol is not known here, or its configuration, operations or orders are not that protocol's.
    pub fn open(&self, file: &str, trace: &Trace) -> Result<Box<dyn Case>, InputError> {
        let name = &trace.header.protocol;
        let Some(entry) = self.find(name) else {
            let known: Vec<&str> = self.entries().map(Entry::name).collect();
            let message = format!("this trace is of protocol `{name}`; known here: {}", known.join(", "));
            return Err(InputError::whole(&format!("{file}:1"), message));
        };
        entry.open(file, trace)
    }

    /// Whether what traitors tell in a trace are lies that its protocol knows; a protocol that is not known here may have any.
    ///
    /// # Errors
    /// When one is unknown.
    pub fn check_lies(&self, file: &str, trace: &Trace) -> Result<(), InputError> {
        let known = self.find(&trace.header.protocol).map(|entry| entry.words().lies);
        known.map_or(Ok(()), |known| check_lies(file, &trace.header, known))
    }
}

struct Registered<P>(PhantomData<fn() -> P>);

impl<P: Subject> Entry for Registered<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn words(&self) -> Words {
        Words {
            protocol: P::NAME,
            messages: <P::Message as Kinded>::KINDS,
            timers: <P::Timer as Kinded>::KINDS,
            lies: P::LIES,
            orders: <P::Admin as Kinded>::KINDS,
            events: <P::Event as Kinded>::KINDS,
            fields: <P::Event as Announcement>::FIELDS,
            properties: self.properties().iter().map(|it| it.name).chain(WORLD_PROPERTIES).collect(),
            cells: self.cells().iter().map(|cell| cell.name).collect(),
            flaws: P::FLAWS.iter().map(|flaw| flaw.name).collect(),
            config: P::OPTIONS.to_vec(),
            nodes: P::NODES,
        }
    }

    fn flaws(&self) -> &'static [Flaw] {
        P::FLAWS
    }

    fn properties(&self) -> Vec<Property> {
        oracle::properties::<P>()
    }

    fn cells(&self) -> Vec<Cell> {
        cells::<P>()
    }

    fn trial(
        &self,
        scenario: Scenario,
        flaws: &[String],
        judges: Judges,
    ) -> Result<Box<dyn Trial>, InputError> {
        let options = P::options(&scenario.config).map_err(|complaint| scenario.explain(complaint))?;
        let misfit = P::misfit_option(&options, scenario.nodes.most());
        let misfit = misfit.and_then(|(name, why)| Some(scenario.config.get(name)?.complain(why)));
        misfit.map_or(Ok(()), |complaint| Err(scenario.explain(complaint)))?;
        if let Some(place) = scenario.workload.machine_place.filter(|_| !P::RUNS_MACHINE) {
            let why = format!("{} runs no state machine: its clients ask what its problem is about", P::NAME);
            return Err(scenario.explain(Complaint::new(place, why)));
        }
        for asked in &scenario.operations {
            let parsed = asked.words.as_deref().map(P::parse_request).transpose();
            let complain = |why| scenario.explain(Complaint::new(asked.place, why));
            let request = parsed.map_err(complain)?;
            let misfit = request.and_then(|request| P::misfit(&request, &scenario.workload.machines));
            misfit.map_or(Ok(()), |why| Err(complain(why)))?;
            let workload = &scenario.workload;
            let sizes = (workload.clients.most(), workload.keys.most());
            let stranger = asked.words.as_deref().and_then(|words| P::stranger(words, sizes.0, sizes.1));
            stranger.map_or(Ok(()), |why| Err(complain(why)))?;
        }
        for order in &scenario.orders {
            let complain = |why| scenario.explain(Complaint::new(order.place, why));
            let asked = P::parse_order(&order.words).map_err(complain)?;
            let nodes = scenario.nodes.least();
            let is_missing = |node: &NodeId| node.0 >= nodes;
            if let Some(node) = P::named_nodes(&asked).into_iter().find(is_missing) {
                let all = if nodes == 1 { "only n1".to_string() } else { format!("n1 to n{nodes}") };
                return Err(complain(format!("there is no node `{node}`: the cluster has {all}")));
            }
        }
        Ok(Box::new(Prepared::<P> { options, flaws: flaws.to_vec(), names: names::<P>(), scenario, judges }))
    }

    fn open(&self, file: &str, trace: &Trace) -> Result<Box<dyn Case>, InputError> {
        Ok(Box::new(Filed::<P>::open(file, trace)?))
    }
}

fn cells<P: Subject>() -> Vec<Cell> {
    let world = WORLD_CELLS.into_iter().map(|name| Cell { name, due_runs: 1000 });
    oracle::cells::<P>().into_iter().chain(world).collect()
}

fn names<P: Subject>() -> Names {
    let cells = oracle::cells::<P>().iter().map(|cell| cell.name).collect();
    Names { properties: oracle::properties::<P>(), cells }
}

struct Prepared<P: Subject> {
    scenario: Scenario,
    options: P::Options,
    flaws: Vec<String>,
    names: Names,
    judges: Judges,
}

impl<P: Subject> Prepared<P> {
    fn origin(&self, seed: u64) -> Origin {
        let (scenario, flaws) = (self.scenario.name.clone(), self.flaws.clone());
        Origin { scenario, seed, flaws, jury: self.judges.jury }
    }

    fn charge<'a>(&'a self, flaws: &'a [&'a str]) -> Charge<'a, P> {
        Charge { scenario: &self.scenario, options: &self.options, flaws, judges: self.judges }
    }

    fn run_plan(&self, seed: u64, schedule: &Schedule<P>, carried: Option<Carried>) -> Followed {
        let (mut outcome, trace) = run_schedule(schedule, &self.origin(seed));
        outcome.seed = seed;
        Followed { outcome, trace, carried }
    }

    /// The configuration of a run under a plan of its own protocol: the recorded one. Where other flaws are on it is drawn
    /// anew, for nothing else can switch one on, and must then be the recorded one but for them. Who pins an option asks
    /// for another one.
    fn configured_like(
        &self,
        seed: u64,
        file: &str,
        plan: &Trace,
        schedule: &Schedule<P>,
    ) -> Result<P::Config, InputError> {
        let is_pinned = self.scenario.pins.iter().any(|(key, _)| key.starts_with(CONFIG_KEY));
        if !is_pinned && plan.header.flaws == self.flaws {
            return Ok(schedule.config.clone());
        }
        let flaws = self.bare_flaws();
        let machine = profile::draw_workload(&self.scenario, seed).kind;
        let setting = Setting { nodes: schedule.world.nodes, flaws: &flaws, machine };
        let config = P::configure(&self.options, setting, &mut Dice::new(seed, profile::CONFIG));
        let bare = |config: &P::Config| P::without_flaws(config.clone());
        if is_pinned || bare(&config) == bare(&schedule.config) {
            return Ok(config);
        }
        let message = format!(
            "its configuration is not what seed {seed} of {} draws, and other flaws are on: give the seed that it was recorded with, {}",
            self.scenario.name, plan.header.seed
        );
        Err(InputError::whole(file, message))
    }

    fn bare_flaws(&self) -> Vec<&str> {
        let bare = |flaw: &'_ String| flaw.split_once('/').map_or(0, |(protocol, _)| protocol.len() + 1);
        self.flaws.iter().map(|flaw| &flaw[bare(flaw)..]).collect()
    }
}

impl<P: Subject> Trial for Prepared<P> {
    fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    fn flaws(&self) -> &[String] {
        &self.flaws
    }

    fn flaws_on(&self) -> Vec<Flaw> {
        let on = self.bare_flaws();
        P::FLAWS.iter().filter(|flaw| on.contains(&flaw.name)).copied().collect()
    }

    fn jury(&self) -> Jury {
        self.judges.jury
    }

    fn cells(&self) -> Vec<Cell> {
        cells::<P>().into_iter().filter(|cell| P::can_fill(&self.options, cell.name)).collect()
    }

    fn properties(&self) -> &[Property] {
        &self.names.properties
    }

    fn occasion(&self, property: &str) -> Option<&'static str> {
        P::occasion(property)
    }

    fn has_timers(&self) -> bool {
        !<P::Timer as Kinded>::KINDS.is_empty()
    }

    fn has_lies(&self) -> bool {
        !P::LIES.is_empty()
    }

    fn run(&self, seed: u64) -> Outcome {
        run::run_closely(self.charge(&self.bare_flaws()), seed)
    }

    fn tally(&self, outcome: &Outcome) -> Tallies {
        let mut tallies = Tallies::default();
        tallies.add(outcome, &self.names);
        tallies
    }

    fn batch(&self, seeds: Range<u64>, stop: &dyn Fn() -> bool) -> Tallies {
        let flaws = self.bare_flaws();
        let mut tallies = Tallies::default();
        for seed in seeds {
            if stop() {
                break;
            }
            tallies.add(&run::run(self.charge(&flaws), seed), &self.names);
        }
        tallies
    }

    fn events(&self, seed: u64) -> Vec<TraceEvent> {
        run::seed_events(self.charge(&self.bare_flaws()), seed)
    }

    fn metered(&self, seed: u64) -> Metered {
        run::metered(self.charge(&self.bare_flaws()), seed)
    }

    fn history(&self, seed: u64) -> (Vec<Line>, usize) {
        let (_, seen) = run::history(self.charge(&self.bare_flaws()), seed);
        (history::lines(&seen), history::left_out(&seen))
    }

    fn record(&self, seed: u64) -> Trace {
        let (_, schedule) = run::record(self.charge(&self.bare_flaws()), seed);
        run_and_file(&schedule, &self.origin(seed)).trace
    }

    fn follow(&self, seed: u64, file: &str, plan: &Trace) -> Result<Followed, InputError> {
        if plan.header.protocol != P::NAME {
            let flaws = self.bare_flaws();
            let own = profile::draw::<P>(&self.scenario, &self.options, &flaws, seed).plan;
            let (schedule, carried) = carry::over(&self.scenario, own, plan);
            return Ok(self.run_plan(seed, &schedule, Some(carried)));
        }
        let schedule = Filed::<P>::open(file, plan)?.schedule;
        let config = self.configured_like(seed, file, plan, &schedule)?;
        Ok(self.run_plan(seed, &reconfigured(schedule, config), None))
    }

    fn retry_inside(&self, seed: u64) -> Option<Retrial> {
        let (outcome, schedule) = run::record(self.charge(&self.bare_flaws()), seed);
        let violation = outcome.verdict().filter(|_| !outcome.outside.is_empty())?.clone();
        Some(model::retry(schedule, &violation, self.judges, outcome))
    }

    fn shrink(&self, seed: u64, stop: &dyn Fn() -> bool) -> Option<Shrunk> {
        let (outcome, schedule) = run::record(self.charge(&self.bare_flaws()), seed);
        let violation = outcome.verdict()?;
        Some(shrink_and_file(schedule, violation, &self.origin(seed), stop))
    }
}
