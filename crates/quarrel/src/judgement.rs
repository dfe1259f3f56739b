//! What a campaign's findings mean: met, not met, or not enough to say.

use quarrel_formats::scenario::{Expected, Owes};
use quarrel_formats::trace::Oracle;
use quarrel_harness::reach::{FAULT_DUE_RUNS, fault_classes, owed_cells};
use quarrel_harness::registry::Trial;
use quarrel_harness::tallies::{Group, Tallies};
use quarrel_protocol::{PropertyKind, Violation};

use crate::engine::{End, Findings};
use crate::numbers::{counted, grouped};

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
    if findings.tallies.runs == 0 {
        return Judgement::Vacuous(vec!["no run was done".to_string()]);
    }
    let expected = trial.scenario().expected(trial.flaws());
    if let Some(why) = contradiction(&expected, trial.jury(), &findings.tallies) {
        return Judgement::NotMet(why);
    }
    let empty = empty(trial, &findings.tallies);
    if empty.is_empty() { Judgement::Met } else { Judgement::Vacuous(empty) }
}

/// How many runs it takes to say whether a campaign is vacuous, when this one has fewer.
#[must_use]
pub fn runs_missing(trial: &dyn Trial, findings: &Findings) -> Option<u64> {
    let scenario = trial.scenario();
    if !trial.flaws().is_empty() || scenario.owes == Owes::Nothing {
        return None;
    }
    let cells = owed_cells(scenario, trial.cells()).into_iter().map(|cell| cell.due_runs);
    let others = !fault_classes(scenario).is_empty() || !scenario.floor.medians.is_empty();
    let due = cells.chain(others.then_some(FAULT_DUE_RUNS)).max()?;
    (findings.tallies.runs < due).then_some(due)
}

/// Whether this violation is the one that is expected. Clients do not look inside: where a property that they cannot see
/// is to break, whatever they notice of it will do.
#[must_use]
pub fn is_expected(violation: &Violation, property: &str, jury: Oracle) -> bool {
    violation.property == property || jury == Oracle::Clients && violation.kind.counts()
}

fn contradiction(expected: &Expected, jury: Oracle, tallies: &Tallies) -> Option<String> {
    let broken =
        |property: &str| tallies.groups.values().any(|group| is_expected(&group.violation, property, jury));
    match expected {
        Expected::Holds => violated(tallies),
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

/// What was violated, in a sentence. Runs that broke nothing but invariants and assertions are reported apart, but
/// those must hold as well.
fn violated(tallies: &Tallies) -> Option<String> {
    let Violation { property, kind, .. } = &tallies.ranked().first()?.violation;
    let (failed, all) = (grouped(tallies.failed.len() as u64), counted(tallies.runs, "run"));
    let apart: Vec<&Group> = tallies.groups.values().filter(|it| !it.violation.kind.counts()).collect();
    let broke = |kind: PropertyKind| apart.iter().any(|group| group.violation.kind == kind);
    let what = match (broke(PropertyKind::Invariant), broke(PropertyKind::Assertion)) {
        (true, true) => "invariants or assertions",
        (_, true) => "assertions",
        _ => "invariants",
    };
    let more = grouped(apart.iter().map(|group| group.runs).sum::<u64>());
    Some(match (kind.counts(), apart.is_empty()) {
        (false, _) => {
            format!(
                "{property} was violated; {more} of {all} broke {what} of the code, and nothing that counts"
            )
        }
        (true, true) => format!("{property} was violated; {failed} of {all} failed"),
        (true, false) => format!(
            "{property} was violated; {failed} of {all} failed ({more} more broke only {what}, which do not count)"
        ),
    })
}

/// After how many runs every property of the paper must have been evaluated.
const PROPERTY_DUE_RUNS: u64 = 100;

/// What was due and never happened.
fn empty(trial: &dyn Trial, tallies: &Tallies) -> Vec<String> {
    let scenario = trial.scenario();
    let mut empty = Vec::new();
    let expected = scenario.expected(trial.flaws());
    if tallies.judged.unknown > 0 && !matches!(expected, Expected::Violates(_)) {
        let runs = counted(tallies.judged.unknown, "run");
        empty.push(format!("what clients saw in {runs}: the search for an order gave up"));
    }
    // Runs that a flaw ends early fill fewer cells: what they owe is their violation.
    if !trial.flaws().is_empty() {
        return empty;
    }
    for cell in owed_cells(scenario, trial.cells()) {
        if tallies.runs >= cell.due_runs && tallies.cells.get(cell.name).is_none_or(|&runs| runs == 0) {
            empty.push(format!("`{}` never happened", cell.name));
        }
    }
    // Where operations are to block, a rule about their outcome may have nothing to judge.
    let blocks = expected == Expected::Blocks;
    if tallies.runs >= PROPERTY_DUE_RUNS && !blocks && trial.jury() == Oracle::All {
        let paper = trial.properties().iter().filter(|property| property.kind == PropertyKind::Paper);
        for property in paper.filter(|it| tallies.evaluated.get(it.name).is_none_or(|&count| count == 0)) {
            empty.push(format!("{} was never evaluated", property.name));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tallies(groups: &[(&str, PropertyKind, u64)]) -> Tallies {
        let mut tallies = Tallies { runs: 10_000, ..Tallies::default() };
        for &(property, kind, runs) in groups {
            let (property, signature) = (property.to_string(), property.to_string());
            let violation = Violation { property, kind, detail: String::new(), signature: signature.clone() };
            tallies.groups.insert(signature, Group { violation, runs, seeds: vec![0] });
            if kind.counts() {
                tallies.failed.extend(0..runs);
            }
        }
        tallies
    }

    #[test]
    fn only_what_counts_is_counted_as_failed() {
        let (paper, invariant, assertion) = (
            ("a", PropertyKind::Paper, 43),
            ("i", PropertyKind::Invariant, 5276),
            ("s", PropertyKind::Assertion, 1),
        );
        let told = |groups: &[(&str, PropertyKind, u64)]| {
            contradiction(&Expected::Holds, Oracle::All, &tallies(groups))
        };
        let cases = [
            (vec![paper], "a was violated; 43 of 10,000 runs failed"),
            (
                vec![paper, invariant],
                "a was violated; 43 of 10,000 runs failed (5,276 more broke only invariants, which do not count)",
            ),
            (
                vec![invariant, ("p", PropertyKind::Panic, 2)],
                "p was violated; 2 of 10,000 runs failed (5,276 more broke only invariants, which do not count)",
            ),
            (
                vec![invariant],
                "i was violated; 5,276 of 10,000 runs broke invariants of the code, and nothing that counts",
            ),
            (
                vec![invariant, assertion],
                "i was violated; 5,277 of 10,000 runs broke invariants or assertions of the code, and nothing that counts",
            ),
        ];
        for (groups, sentence) in cases {
            assert_eq!(told(&groups).as_deref(), Some(sentence));
        }
        assert_eq!(told(&[]), None);
    }
}
