//! The document of `compare`.

use quarrel::compare::{Cell, Figure, Row, Sheet, Verdict};
use serde_json::{Map, Value, json};

use super::compare::CompareReport;
use super::numbers::milli;

/// Below the help of `compare`.
pub(crate) const COMPARE_HELP: &str = "\
Nothing in the table is typed in but what theory says: each figure is counted in runs of the simulator.
N participants stand beside a coordinator; what needs no coordinator has as many replicas. A protocol
that theory has no figures for here, such as your own, is measured by what its own workload asks.

Keys of --set:
  participants  of a commit, and replicas of anything else: 1 to 16 (of each protocol as many
                as it takes to stand one fault of its kind: 3, and 4 where nodes may lie)
  decisions     that are taken one after the other: 1 to 1000 (5)
  runs          with each class of faults: 1 to 1000000 (100)
Each --seed has seeds of runs of its own: the table of another one is about other runs.

Exit codes:
   0  every protocol kept its properties within its own model, or its problem has no solution there
   1  one did not
   2  usage or bad input
   3  an internal error
  75  interrupted

With --format json, one object:
  participants, decisions, runs, seed
                                  what was asked for; participants may be null
  protocols                       {name: {
    title, problem, participants, nodes
                                    who it is, and of how many participants or replicas, on how many nodes
    messages, acknowledgements, messages_without_phase_1, bytes, acknowledgement_bytes,
    idle_messages_per_second, delays, delays_to_last, forced_writes, lazy_writes,
    crashes_that_stop_it_with_leader, crashes_that_stop_it_without_leader,
    blocked_milliseconds, blocked_milliseconds_leader_returns,
    completed_minority_cut_off_without_leader, completed_minority_cut_off_with_leader,
    completed_majority_down_without_leader, completed_majority_down_with_leader
                                    each {measured, theory, formula, source, elsewhere (what others have who
                                    count otherwise, and where), note}: a number; [least, most]
                                    where decisions differ; {completed, aborted, asked}; \"for ever\"; \"none\";
                                    null where it cannot be asked, and for a theory that says nothing
    acknowledgements                also kinds, and within_messages: whether the decision waits for them,
                                    and they are counted among `messages`
    kinds                           {kind of message: {messages, bytes}} of one decision
    safety                          {class of faults: {verdict (holds, violates), runs, struck (in how many
                                    something changed), violations [{property, runs}], outside_runs (in how
                                    many something struck that the protocol does not promise to live with),
                                    inside (how many broke without), outside_seed and outside (the lowest seed
                                    that broke outside the model, and what had struck there: others may
                                    have other reasons; or null)}}
    unsolvable                      where it is proved that nothing solves the problem, so that what breaks
                                    inside the model is no bug; else null}}
The seed is a string, since JSON numbers lose digits.";

impl CompareReport<'_> {
    /// For tools.
    pub(crate) fn json(&self) -> Value {
        let protocols: Map<String, Value> =
            self.sheets.iter().map(|sheet| (sheet.protocol.clone(), of_sheet(sheet))).collect();
        json!({
            "participants": self.plan.participants,
            "decisions": self.plan.decisions,
            "runs": self.plan.runs,
            "seed": self.plan.seed.to_string(),
            "protocols": protocols,
        })
    }
}

fn of_sheet(sheet: &Sheet) -> Value {
    let mut object = Map::new();
    object.insert("title".to_string(), json!(sheet.title));
    object.insert("problem".to_string(), json!(sheet.problem.name()));
    object.insert("participants".to_string(), json!(sheet.participants));
    object.insert("nodes".to_string(), json!(sheet.nodes));
    object.insert("unsolvable".to_string(), json!(sheet.unsolvable));
    for (row, cell) in &sheet.cells {
        let mut value = of_cell(cell);
        if *row == Row::Acknowledgements {
            value["kinds"] = json!(sheet.acknowledgements);
            value["within_messages"] = json!(sheet.acknowledgements_within);
        }
        object.insert(row.key().to_string(), value);
    }
    let kinds = sheet.kinds.iter().map(|kind| {
        let value = json!({ "messages": of_figure(kind.messages), "bytes": of_figure(kind.bytes) });
        (kind.name.to_string(), value)
    });
    object.insert("kinds".to_string(), Value::Object(kinds.collect()));
    let safety = sheet.verdicts.iter().map(|verdict| (verdict.class.to_string(), of_verdict(verdict)));
    object.insert("safety".to_string(), Value::Object(safety.collect()));
    Value::Object(object)
}

fn of_cell(cell: &Cell) -> Value {
    let theory = cell.theory.as_ref();
    json!({
        "measured": of_figure(cell.measured),
        "theory": theory.map(|theory| of_figure(theory.figure)),
        "formula": theory.map(|theory| theory.formula),
        "source": theory.map(|theory| theory.source),
        "elsewhere": cell.elsewhere,
        "note": cell.note,
    })
}

fn of_figure(figure: Figure) -> Value {
    match figure {
        Figure::Count { least, most } if least == most => of_thousandths(least),
        Figure::Count { least, most } => json!([of_thousandths(least), of_thousandths(most)]),
        Figure::Share { done, aborted, asked } => {
            json!({ "completed": done, "aborted": aborted, "asked": asked })
        }
        Figure::ForEver => json!("for ever"),
        Figure::None => json!("none"),
        Figure::Moot => Value::Null,
    }
}

/// A whole number stays one.
fn of_thousandths(value: u64) -> Value {
    if value.is_multiple_of(1000) { json!(value / 1000) } else { milli(u128::from(value)) }
}

fn of_verdict(verdict: &Verdict) -> Value {
    let violations: Vec<Value> = (verdict.violations.iter())
        .map(|(property, runs)| json!({ "property": property, "runs": runs }))
        .collect();
    json!({
        "verdict": if violations.is_empty() { "holds" } else { "violates" },
        "runs": verdict.runs,
        "struck": verdict.struck,
        "violations": violations,
        "outside_runs": verdict.strayed,
        "inside": verdict.inside,
        "outside": verdict.outside.as_ref().map(|(_, reasons)| reasons.join("; ")),
        "outside_seed": verdict.outside.as_ref().map(|(seed, _)| seed.to_string()),
    })
}
