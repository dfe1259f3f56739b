//! What a campaign's findings mean: met, not met, or not enough to say.

use quarrel_formats::scenario::{Expected, Owes, Side};
use quarrel_formats::trace::Oracle;
use quarrel_harness::model::Retrial;
use quarrel_harness::reach::{FAULT_DUE_RUNS, fault_classes, owed_cells};
use quarrel_harness::registry::Trial;
use quarrel_harness::tallies::{Group, Tallies};
use quarrel_harness::truth::{DURABILITY, LINEARIZABILITY};
use quarrel_protocol::{PropertyKind, Violation};
use quarrel_sim::fault::FaultClass;

use crate::engine::{End, Failure, Findings};
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
    let mut told = findings.tallies.clone();
    // What is known of the program says nothing about its flaw.
    told.groups.retain(|_, group| {
        matches!(expected, Expected::Holds)
            || trial.scenario().known(trial.flaws(), &group.violation).is_none()
    });
    let broken: Vec<&str> = trial.flaws_on().iter().map(|flaw| flaw.breaks).collect();
    if let Some(why) = contradiction(&expected, trial.jury(), &broken, &told) {
        return Judgement::NotMet(why);
    }
    let side = trial.scenario().expected_side(trial.flaws());
    if let Some(why) = side.and_then(|side| misplacement(side, &expected, trial.jury(), findings)) {
        return Judgement::NotMet(why);
    }
    if let Some(why) = absence(trial, &findings.tallies) {
        return Judgement::NotMet(why);
    }
    let due = debts(trial, &findings.tallies).into_iter().filter(|debt| debt.is_due);
    let empty: Vec<String> = due.filter_map(|debt| debt.missing).collect();
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
    let others = !fault_classes(scenario).is_empty()
        || scenario.operator.is_some()
        || !scenario.floor.medians.is_empty();
    let due = cells.chain(others.then_some(FAULT_DUE_RUNS)).max()?;
    (findings.tallies.runs < due).then_some(due)
}

/// Whether this violation is the one that is expected. Clients do not look inside: where a property that they cannot see
/// is to break, whatever they notice of it will do.
#[must_use]
pub fn is_expected(violation: &Violation, property: &str, jury: Oracle) -> bool {
    shows(&violation.property, property) || jury == Oracle::Clients && violation.kind.counts()
}

/// Whether a violation of the one property is one of the other. Where *durability* is violated no order explains the
/// history: that is a violated *linearizability* with a name for when it came out, only as everything was read back.
#[must_use]
pub(crate) fn shows(violated: &str, property: &str) -> bool {
    violated == property || violated == DURABILITY.name && property == LINEARIZABILITY.name
}

/// What contradicts the expectation, in a sentence. `breaks`: the properties that the flaws are known to break.
fn contradiction(expected: &Expected, jury: Oracle, breaks: &[&str], tallies: &Tallies) -> Option<String> {
    let broken =
        |property: &str| tallies.groups.values().any(|group| is_expected(&group.violation, property, jury));
    match expected {
        Expected::Holds => violated(tallies, breaks),
        Expected::Violates(property) if broken(property) => None,
        Expected::Violates(property) => Some(format!("{property} was to be violated, and in no run it was")),
        Expected::Blocks if !tallies.groups.is_empty() => {
            Some("it was to block, but a property broke".into())
        }
        Expected::Blocks if tallies.blocked == 0 => Some("it was to block, and in no run it did".into()),
        Expected::Blocks => None,
        Expected::Known(_) => unknown(expected, tallies),
    }
}

/// Why what was violated lies on the wrong side of the model.
fn misplacement(side: Side, expected: &Expected, jury: Oracle, findings: &Findings) -> Option<String> {
    let Expected::Violates(property) = expected else { return None };
    let groups = findings.tallies.groups.values();
    match side {
        Side::Inside => {
            let is_asked = |group: &Group| is_expected(&group.violation, property, jury);
            let mut found = groups.filter(|group| is_asked(group));
            // What needs nothing from outside the model is a mistake inside it, whatever else struck in its run.
            let mut failures = findings.failures.iter().filter(|failure| is_asked(&failure.group));
            let is_met = found.any(|group| !group.is_outside()) || failures.any(Failure::survives);
            (!is_met).then(|| format!("{property} was violated, but only outside the model"))
        }
        Side::Outside => {
            // Whatever breaks inside the model is a mistake, be it expected by name or not.
            let mut counting = groups.filter(|group| group.violation.kind.counts());
            let inside = counting.find(|group| !group.is_outside()).map(|group| {
                let (broken, runs) = (&group.violation.property, counted(group.runs - group.outside, "run"));
                format!("{broken} was violated inside the model in {runs}")
            });
            let survivor = findings.failures.iter().find_map(|failure| match failure.retried {
                Some((Retrial::Survives, seed)) => Some(format!(
                    "{} was violated outside the model, but seed {seed} fails so without what lies outside as well",
                    failure.group.violation.property
                )),
                _ => None,
            });
            inside.or(survivor)
        }
    }
}

/// What the scenario expects to happen and has happened in no run: cells and classes of faults.
#[must_use]
pub fn absent<'a>(trial: &'a dyn Trial, tallies: &Tallies) -> Vec<&'a str> {
    let expected = trial.scenario().expected_to_happen(trial.flaws()).iter().map(String::as_str);
    expected.filter(|name| tallies.happened(name) == 0).collect()
}

/// That something was to happen and did not, in a sentence.
#[must_use]
pub fn absence(trial: &dyn Trial, tallies: &Tallies) -> Option<String> {
    enumerate(&absent(trial, tallies))
}

fn enumerate(absent: &[&str]) -> Option<String> {
    let (names, did) = match absent {
        [] => return None,
        [only] => (format!("`{only}` was"), "it did"),
        [most @ .., last] => (format!("`{}` and `{last}` were", most.join("`, `")), "they did"),
    };
    Some(format!("{names} expected to happen, and in no run {did}"))
}

/// Whether one run lies on the side of the model that is expected; `retried` is what became of it without what lies
/// outside.
#[must_use]
pub fn is_on_side(side: Option<Side>, reasons: &[String], retried: Option<Retrial>) -> bool {
    match side {
        None => true,
        Some(Side::Inside) => reasons.is_empty() || retried == Some(Retrial::Survives),
        Some(Side::Outside) => !reasons.is_empty() && retried != Some(Retrial::Survives),
    }
}

/// What was found that nobody knows of, in a sentence. Here invariants and assertions are findings like any others.
fn unknown(expected: &Expected, tallies: &Tallies) -> Option<String> {
    let mut groups = tallies.ranked();
    groups.retain(|group| !expected.knows(&group.violation));
    let signature = &groups.first()?.violation.signature;
    let failed = grouped(groups.iter().map(|group| group.runs).sum::<u64>());
    let way = match groups.len() {
        1 => "this way".to_string(),
        ways => format!("{} ways that nobody knows of", grouped(ways as u64)),
    };
    let all = counted(tallies.runs, "run");
    Some(format!("`{signature}` is not a known finding; {failed} of {all} failed in {way}"))
}

/// What was violated, in a sentence. Runs that broke nothing but invariants and assertions are reported apart, but
/// those must hold as well. The property that a flaw is known to break is named before others.
fn violated(tallies: &Tallies, breaks: &[&str]) -> Option<String> {
    let ranked = tallies.ranked();
    let is_own = |group: &&&Group| breaks.iter().any(|breaks| shows(&group.violation.property, breaks));
    let Violation { property, kind, .. } = &ranked.iter().find(is_own).or(ranked.first())?.violation;
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

/// Whether nothing is lost when what clients saw cannot be judged: the worst that it could be is expected.
fn is_bad_history_expected(expected: &Expected) -> bool {
    match expected {
        Expected::Holds | Expected::Blocks => false,
        Expected::Violates(_) => true,
        Expected::Known(findings) => findings.iter().any(|finding| finding == LINEARIZABILITY.name),
    }
}

/// After how many runs every property of the paper must have been evaluated.
const PROPERTY_DUE_RUNS: u64 = 100;

/// Something that a campaign must have tried or done, lest it has shown nothing about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Debt {
    /// What.
    pub what: Owed,
    /// What is missing, as `never` this or that; `None` when nothing is.
    pub missing: Option<String>,
    /// Whether there were enough runs to ask for it.
    pub is_due: bool,
}

/// What a campaign may owe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Owed {
    /// An answer whether what clients saw in each run is linearizable.
    Histories,
    /// That this happened in some run.
    Cell(&'static str),
    /// That this property was evaluated in some run.
    Property(&'static str),
    /// That this class of faults changed something.
    Fault(FaultClass),
    /// That an order of the operator reached a node.
    Orders,
    /// That the median of this number is not below the scenario's floor.
    Floor(String),
}

/// All that a campaign owes, paid or not.
#[must_use]
pub fn debts(trial: &dyn Trial, tallies: &Tallies) -> Vec<Debt> {
    let scenario = trial.scenario();
    let expected = scenario.expected(trial.flaws());
    let runs = tallies.runs;
    let mut debts = Vec::new();
    let mut owe = |what: Owed, due_runs: u64, missing: Option<String>| {
        debts.push(Debt { what, missing, is_due: runs >= due_runs });
    };
    if !is_bad_history_expected(&expected) {
        let unknown = Some(tallies.judged.unknown).filter(|&unknown| unknown > 0);
        let missing = unknown.map(|unknown| {
            format!("what clients saw in {}: the search for an order gave up", counted(unknown, "run"))
        });
        owe(Owed::Histories, 0, missing);
    }
    // Runs that a flaw ends early fill fewer cells: what they owe is their violation.
    if !trial.flaws().is_empty() {
        return debts;
    }
    let owed = owed_cells(scenario, trial.cells());
    for cell in &owed {
        let never = tallies.cells.get(cell.name).is_none_or(|&runs| runs == 0);
        let missing = never.then(|| format!("`{}` never happened", cell.name));
        owe(Owed::Cell(cell.name), cell.due_runs, missing);
    }
    // Where operations are to block, a rule about their outcome may have nothing to judge; nor has what is judged at the
    // end, where every run ends before at the violation that is to come out. A script pays with that violation.
    let is_cut = matches!(expected, Expected::Violates(_)) && runs > 0 && tallies.failed.len() as u64 == runs;
    if expected != Expected::Blocks && !is_cut && trial.jury() == Oracle::All {
        let is_asked = |name: &str| {
            let occasion = trial.occasion(name);
            occasion.is_none_or(|occasion| owed.iter().any(|cell| cell.name == occasion))
        };
        let paper = trial.properties().iter().filter(|property| property.kind == PropertyKind::Paper);
        for name in paper.map(|property| property.name).filter(|name| is_asked(name)) {
            let never = tallies.evaluated.get(name).is_none_or(|&count| count == 0);
            owe(
                Owed::Property(name),
                PROPERTY_DUE_RUNS,
                never.then(|| format!("{name} was never evaluated")),
            );
        }
    }
    let is_owed = |class: &FaultClass| match class {
        FaultClass::ClockDrift => trial.has_timers(),
        FaultClass::TraitorLie => trial.has_lies(),
        _ => true,
    };
    for class in fault_classes(scenario).into_iter().filter(is_owed) {
        let never = tallies.faults.of(class) == 0;
        let missing = never.then(|| format!("{} never changed anything", class.name()));
        owe(Owed::Fault(class), FAULT_DUE_RUNS, missing);
    }
    if scenario.operator.is_some() || !scenario.orders.is_empty() {
        let never = tallies.orders == 0;
        let missing = never.then(|| "no order of the operator ever reached a node".to_string());
        owe(Owed::Orders, FAULT_DUE_RUNS, missing);
    }
    for (name, &least) in &scenario.floor.medians {
        let median = tallies.spreads.get(name.as_str()).map_or(0, quarrel_harness::tallies::Spread::median);
        let missing =
            (median < least).then(|| format!("the median of {name} is {median}, below the floor of {least}"));
        owe(Owed::Floor(name.clone()), FAULT_DUE_RUNS, missing);
    }
    debts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tallies(groups: &[(&str, PropertyKind, u64)]) -> Tallies {
        let mut tallies = Tallies { runs: 10_000, ..Tallies::default() };
        for &(property, kind, runs) in groups {
            let (property, signature) = (property.to_string(), property.to_string());
            let violation = Violation { property, kind, detail: String::new(), signature: signature.clone() };
            tallies.groups.insert(signature, Group { runs, ..Group::of(&violation, &[], 0) });
            if kind.counts() {
                tallies.failed.extend(0..runs);
            }
        }
        tallies
    }

    #[test]
    fn what_is_not_known_is_named() {
        let groups = [
            ("s", PropertyKind::Paper, 30),
            ("i", PropertyKind::Invariant, 5),
            ("p", PropertyKind::Panic, 2),
        ];
        let told = |known: &[&str]| {
            let known = known.iter().map(ToString::to_string).collect();
            contradiction(&Expected::Known(known), Oracle::All, &[], &tallies(&groups))
        };
        let only = |signature: &str, runs: u64| {
            format!("`{signature}` is not a known finding; {runs} of 10,000 runs failed in this way")
        };
        assert_eq!(told(&["s", "i", "p"]), None);
        assert_eq!(told(&["s", "i", "p", "never"]), None, "what is known need not happen");
        assert_eq!(told(&["s", "i"]), Some(only("p", 2)));
        assert_eq!(told(&["s", "p"]), Some(only("i", 5)), "invariants are findings like any others");
        let several = "`s` is not a known finding; 35 of 10,000 runs failed in 2 ways that nobody knows of";
        assert_eq!(told(&["p", "s: not this way"]).as_deref(), Some(several));
    }

    #[test]
    fn what_did_not_happen_is_enumerated() {
        let told = |absent: &[&str]| enumerate(absent).unwrap_or_default();
        assert_eq!(told(&[]), "");
        assert_eq!(told(&["a"]), "`a` was expected to happen, and in no run it did");
        assert_eq!(told(&["a", "b"]), "`a` and `b` were expected to happen, and in no run they did");
        assert_eq!(
            told(&["a", "b", "c"]),
            "`a`, `b` and `c` were expected to happen, and in no run they did"
        );
    }

    #[test]
    fn a_history_that_nobody_could_judge_is_owed_unless_the_worst_is_expected() {
        let known = |finding: &str| Expected::Known(vec![finding.to_string()]);
        assert!(is_bad_history_expected(&known("linearizability")));
        assert!(!is_bad_history_expected(&known("liveness")));
        assert!(!is_bad_history_expected(&Expected::Holds));
    }

    #[test]
    fn only_what_counts_is_counted_as_failed() {
        let (paper, invariant, assertion) = (
            ("a", PropertyKind::Paper, 43),
            ("i", PropertyKind::Invariant, 5276),
            ("s", PropertyKind::Assertion, 1),
        );
        let told = |groups: &[(&str, PropertyKind, u64)]| {
            contradiction(&Expected::Holds, Oracle::All, &[], &tallies(groups))
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

    #[test]
    fn the_property_of_a_flaw_is_named_first() {
        let both = tallies(&[("agreement", PropertyKind::Paper, 9), ("durability", PropertyKind::Client, 3)]);
        let told = |breaks: &[&str]| contradiction(&Expected::Holds, Oracle::All, breaks, &both);
        assert!(told(&[]).is_some_and(|why| why.starts_with("agreement was violated; 12 of ")));
        assert!(
            told(&["linearizability"]).is_some_and(|why| why.starts_with("durability was violated; 12 of "))
        );
        assert!(told(&["validity"]).is_some_and(|why| why.starts_with("agreement was violated; 12 of ")));
    }

    #[test]
    fn what_did_not_last_cannot_be_explained() {
        let lost = tallies(&[("durability", PropertyKind::Client, 1)]);
        let told = |property: &str| {
            contradiction(&Expected::Violates(property.to_string()), Oracle::All, &[], &lost)
        };
        assert_eq!(told("durability"), None);
        assert_eq!(told("linearizability"), None);
        assert!(told("validity").is_some());
        let unexplained = tallies(&[("linearizability", PropertyKind::Client, 1)]);
        let expected = Expected::Violates("durability".to_string());
        assert!(contradiction(&expected, Oracle::All, &[], &unexplained).is_some());
    }
}
