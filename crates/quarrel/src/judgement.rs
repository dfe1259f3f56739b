//! What a campaign's findings mean: met, not met, or not enough to say.

use quarrel_formats::scenario::Expected;
use quarrel_harness::reach::{FAULT_DUE_RUNS, fault_classes, owed_cells};
use quarrel_harness::registry::Trial;
use quarrel_harness::tallies::Tallies;

use crate::engine::{End, Findings};

/// What findings mean.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// The expectation is met.
    Met,
    /// Something was violated that should hold, or nothing that should be; why, in a sentence.
    NotMet(String),
    /// The campaign has shown nothing about these: cells, classes of faults, floors.
    Vacuous(Vec<String>),
    /// It was interrupted.
    Interrupted,
}

impl Judgement {
    /// The exit code that says so.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Judgement::Met => 0,
            Judgement::NotMet(_) => 1,
            Judgement::Vacuous(_) => 4,
            Judgement::Interrupted => 75,
        }
    }

    /// The word that reports use.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Judgement::Met => "met",
            Judgement::NotMet(_) => "not-met",
            Judgement::Vacuous(_) => "vacuous",
            Judgement::Interrupted => "interrupted",
        }
    }
}

/// Judges a campaign: an interruption outranks a violation, a violation outranks emptiness.
#[must_use]
pub fn judge(trial: &dyn Trial, findings: &Findings) -> Judgement {
    if findings.end == End::Interrupted {
        return Judgement::Interrupted;
    }
    let expected = trial.scenario().expected(trial.flaws());
    if let Some(why) = contradiction(&expected, &findings.tallies) {
        return Judgement::NotMet(why);
    }
    let empty = empty(trial, &findings.tallies);
    if empty.is_empty() { Judgement::Met } else { Judgement::Vacuous(empty) }
}

fn contradiction(expected: &Expected, tallies: &Tallies) -> Option<String> {
    let broken = |property: &str| tallies.groups.values().any(|group| group.violation.property == property);
    match expected {
        Expected::Holds => tallies.groups.values().min_by_key(|group| group.violation.kind).map(|group| {
            let runs: u64 = tallies.groups.values().map(|group| group.runs).sum();
            format!("{} was violated; {runs} of {} runs failed", group.violation.property, tallies.runs)
        }),
        Expected::Violates(property) if broken(property) => None,
        Expected::Violates(property) => Some(format!("{property} was to be violated, and in no run it was")),
        Expected::Blocks if !tallies.groups.is_empty() => {
            Some("operations were to block, but a property broke".into())
        }
        Expected::Blocks if tallies.blocked == 0 => {
            Some("operations were to block, and in no run they did".into())
        }
        Expected::Blocks => None,
    }
}

/// What was due and never happened.
fn empty(trial: &dyn Trial, tallies: &Tallies) -> Vec<String> {
    let scenario = trial.scenario();
    let mut empty = Vec::new();
    // Runs that a flaw ends early fill fewer cells: what they owe is their violation.
    if !trial.flaws().is_empty() {
        return empty;
    }
    for cell in owed_cells(scenario, trial.cells()) {
        if tallies.runs >= cell.due_runs && tallies.cells.get(cell.name).is_none_or(|&runs| runs == 0) {
            empty.push(format!("`{}` never happened", cell.name));
        }
    }
    if tallies.runs >= FAULT_DUE_RUNS {
        for class in fault_classes(scenario).into_iter().filter(|&class| tallies.faults.of(class) == 0) {
            empty.push(format!("{} never changed anything", class.name()));
        }
        for (name, &least) in &scenario.floor.medians {
            let median =
                tallies.spreads.get(name.as_str()).map_or(0, quarrel_harness::tallies::Spread::median);
            if median < least {
                empty.push(format!("the median of {name} is {median}, below the floor of {least}"));
            }
        }
    }
    empty
}
