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
    pub participants: u8,
    /// How many decisions are taken one after the other, to see whether each costs the same.
    pub decisions: u32,
    /// How many runs there are with each class of faults.
    pub runs: u64,
    /// The first seed.
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
}

/// Measures these protocols of the registry: a sheet for each, in their order.
///
/// # Errors
/// When a protocol does not take the scenarios that it is measured with.
pub fn compare(
    registry: &Registry,
    descriptions: &[Description],
    plan: &Plan,
) -> Result<Vec<Sheet>, InputError> {
    let tasks: Vec<(usize, Task)> =
        (0..descriptions.len()).flat_map(|which| Task::all().map(move |task| (which, task))).collect();
    let parts = work::in_order(plan.jobs, tasks.len(), |number| {
        let (which, task) = tasks[number];
        in_run(|| Desk::new(registry, plan, &descriptions[which]).measure(task))
    });
    let mut sheets: Vec<Sheet> = descriptions.iter().map(|it| Sheet::new(it, plan)).collect();
    for ((which, _), part) in tasks.iter().zip(parts) {
        sheets[*which].add(part?);
    }
    for (sheet, description) in sheets.iter_mut().zip(descriptions) {
        sheet.compare_with(&(description.theory)(u64::from(plan.participants)), description.elsewhere);
    }
    Ok(sheets)
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
    fn all() -> impl Iterator<Item = Self> {
        // What takes longest comes first.
        let first = [
            Task::Crashes(Among::LeaderAndOthers),
            Task::Crashes(Among::Others),
            Task::Blocking,
            Task::Operations,
            Task::Cost,
        ];
        first.into_iter().chain((0..CLASSES.len()).map(Task::Class))
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
}

impl<'a> Desk<'a> {
    const fn new(registry: &'a Registry, plan: &'a Plan, description: &'a Description) -> Self {
        Self { registry, plan, description }
    }

    fn measure(&self, task: Task) -> Result<Part, InputError> {
        match task {
            Task::Cost => cost::measure(self),
            Task::Crashes(among) => crashes::measure(self, among),
            Task::Blocking => blocking::measure(self),
            Task::Operations => partitions::measure(self),
            Task::Class(number) => classes::measure(self, &CLASSES[number]),
        }
    }

    const fn nodes(&self) -> u8 {
        self.description.nodes(self.plan.participants)
    }

    fn script(&self, duration_ns: u64) -> Script<'a> {
        Script::new(self.description, self.plan.participants, duration_ns)
    }

    fn trial(&self, script: &Script<'_>, judges: Judges) -> Result<Box<dyn Trial>, InputError> {
        let name = format!("{}/compare", self.description.protocol);
        let scenario = Scenario::parse(&name, "the scenario that compare writes", script.text().as_bytes())?;
        self.registry.trial(scenario, &[], judges)
    }
}
