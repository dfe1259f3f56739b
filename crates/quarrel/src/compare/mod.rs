//! Protocols side by side: what a decision costs, what stops them, what breaks them; measured in runs, never typed in.
//!
//! [`description`] says what must be known of a protocol to put it to work, and what theory says of it; adding one is
//! one function in [`protocols`]. A protocol without a description is measured all the same, by what its own workload
//! asks. `script` writes the scenarios, `ledger` reads what was recorded, and `cost`, `crashes`, `blocking`,
//! `partitions` and `classes` measure one thing each.
//!
//! Every measurement is a pure function of protocol, plan and seed; threads only share them out, so what comes out does
//! not depend on their number.

pub mod description;
pub mod protocols;
pub mod sheet;

mod blocking;
mod classes;
mod cost;
mod crashes;
mod ledger;
mod partitions;
mod script;
mod work;

use quarrel_formats::{InputError, Scenario};
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::{Registry, Trial};

pub use description::{Description, Problem, Theory};
pub use sheet::{Cell, Figure, Row, Sheet, Verdict};

use crate::panics::in_run;
use classes::CLASSES;
use crashes::Among;
use script::Script;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many participants of a commit, which its coordinator comes on top of; how many replicas of anything else.
    /// `None`: of each protocol as many as it takes to stand one fault of its kind.
    pub participants: Option<u8>,
    /// How many decisions are taken one after the other, to see whether each costs the same.
    pub decisions: u32,
    /// How many runs there are with each class of faults.
    pub runs: u64,
    /// The seed of the comparison: it has [`Plan::RUNS_MAX`] seeds of runs, which no other has.
    pub seed: u64,
    /// How many threads; at least 1.
    pub jobs: usize,
}

impl Plan {
    /// The most participants: a full table of crashes is still a matter of seconds.
    pub const PARTICIPANTS_MAX: u8 = 16;
    /// The most decisions.
    pub const DECISIONS_MAX: u32 = 1_000;
    /// The most runs of a class.
    pub const RUNS_MAX: u64 = 1_000_000;
    /// The greatest seed.
    pub const SEED_MAX: u64 = u64::MAX / Self::RUNS_MAX - 1;

    /// The seed of a run, by its number from 0. No two comparisons share one: of `--seed 0` and `--seed 1` nothing is
    /// the same but the protocols.
    pub(crate) const fn run_seed(&self, number: u64) -> u64 {
        debug_assert!(number <= Self::RUNS_MAX);
        self.seed * Self::RUNS_MAX + number
    }
}

/// Measures these protocols of the registry: a sheet for each, in their order; `None` if `stop` said so before the end,
/// since half a table says nothing.
///
/// # Errors
/// When a protocol does not take the scenarios that it is measured with.
///
/// # Panics
/// If the plan's seed is greater than [`Plan::SEED_MAX`].
pub fn compare(
    registry: &Registry,
    descriptions: &[Description],
    plan: &Plan,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Option<Vec<Sheet>>, InputError> {
    assert!(plan.seed <= Plan::SEED_MAX, "each run has a seed");
    let tasks: Vec<(usize, Task)> = (descriptions.iter().enumerate())
        .flat_map(|(which, description)| Task::of(description).map(move |task| (which, task)))
        .collect();
    let parts = work::in_order(plan.jobs, tasks.len(), |number| {
        let (which, task) = tasks[number];
        if stop() {
            return Ok(Part::default());
        }
        in_run(|| Desk { registry, plan, description: &descriptions[which], stop }.measure(task))
    });
    if stop() {
        return Ok(None);
    }
    let mut sheets: Vec<Sheet> = descriptions.iter().map(|it| Sheet::new(it, plan)).collect();
    for ((which, _), part) in tasks.iter().zip(parts) {
        sheets[*which].add(part?);
    }
    for (sheet, description) in sheets.iter_mut().zip(descriptions) {
        sheet.compare_with(
            &(description.theory)(u64::from(description.participants(plan.participants))),
            description.elsewhere,
        );
    }
    Ok(Some(sheets))
}

/// One thing to measure of one protocol.
#[derive(Clone, Copy)]
enum Task {
    Cost,
    Crashes(Among),
    Blocking,
    Operations,
    Class(usize),
}

impl Task {
    fn of(description: &Description) -> impl Iterator<Item = Self> + use<> {
        // What takes longest comes first.
        let lasting = [
            Task::Crashes(Among::LeaderAndOthers),
            Task::Crashes(Among::Others),
            Task::Blocking,
            Task::Operations,
        ];
        let count = if description.outlives_nodes() { lasting.len() } else { 0 };
        let rest = [Task::Cost].into_iter().chain((0..CLASSES.len()).map(Task::Class));
        lasting.into_iter().take(count).chain(rest)
    }
}

/// What a task found.
#[derive(Default)]
struct Part {
    cells: Vec<(Row, Cell)>,
    verdicts: Vec<Verdict>,
    kinds: Vec<sheet::Kind>,
}

/// Where one protocol is measured.
struct Desk<'a> {
    registry: &'a Registry,
    plan: &'a Plan,
    description: &'a Description,
    /// Whether somebody wants it to end.
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Desk<'a> {
    fn measure(&self, task: Task) -> Result<Part, InputError> {
        match task {
            Task::Cost => cost::measure(self),
            Task::Crashes(among) => crashes::measure(self, among),
            Task::Blocking => blocking::measure(self),
            Task::Operations => partitions::measure(self),
            Task::Class(number) => classes::measure(self, &CLASSES[number]),
        }
    }

    fn nodes(&self) -> u8 {
        self.description.nodes(self.plan.participants)
    }

    fn script(&self, duration_ns: u64) -> Script<'a> {
        Script::new(self.description, self.description.participants(self.plan.participants), duration_ns)
    }

    fn trial(&self, script: &Script<'_>, judges: Judges) -> Result<Box<dyn Trial>, InputError> {
        let name = format!("{}/compare", self.description.protocol);
        let scenario = Scenario::parse(&name, "the scenario that compare writes", script.text().as_bytes())?;
        self.registry.trial(scenario, &[], judges)
    }
}
