//! Whether a history is linearizable, in the words of its file.

use std::collections::BTreeSet;

use quarrel_spec::linearizability::{self, Explanation, Verdict as Searched};

use super::models::{self, FromRecord, Replay};
use super::operation::{End, Operation, Record};
use super::{Object, Reuse, reader};
use crate::InputError;

/// How many operations of the longest order are told; how many came before them is said.
const LAST_MAX: usize = 10;

/// What a file tells, and what became of the question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What the history was checked against.
    pub object: Object,
    /// How much there is.
    pub census: Census,
    /// What a person should know before trusting the verdict, such as times that run backwards.
    pub notes: Vec<String>,
    /// How many times an operation was tried in a state.
    pub steps: u64,
    /// The answer.
    pub verdict: Verdict,
}

/// How much a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Census {
    /// Operations, the sum of the next four.
    pub operations: usize,
    /// Those that took effect and were answered.
    pub ok: usize,
    /// Those that had no effect.
    pub failed: usize,
    /// Those of which nobody knows: an `info` line.
    pub unknown: usize,
    /// Those that the file leaves open, of which nobody knows either.
    pub pending: usize,
    /// Processes that asked.
    pub processes: usize,
    /// Keys; 0 when no operation names one.
    pub keys: usize,
    /// Lines that tell of faults and not of operations.
    pub nemesis_lines: usize,
}

/// Whether some order explains the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// One does.
    Linearizable,
    /// None does.
    Violation(Box<Violation>),
    /// The budget ran out first.
    Unknown {
        /// The keys that are not decided; empty when there are no keys. All others are linearizable.
        undecided: Vec<String>,
    },
}

/// Why no order explains a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The key that breaks, if operations name one.
    pub key: Option<String>,
    /// A longest order that can be explained: the lines of the invocations.
    pub order: Vec<u32>,
    /// The last operations of it, with what the object answered there.
    pub last: Vec<Shown>,
    /// The operation that cannot be placed.
    pub stuck: Shown,
    /// What the object would have told it instead, at the ends of orders that get as far. Empty when that has no name.
    pub instead: Vec<String>,
    /// Operations of the key whose spans overlap the stuck one's, without those in `last`.
    pub overlapping: Vec<Shown>,
    /// Whether it is proven that no order gets further than this one.
    pub is_longest: bool,
}

/// One operation, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Who asked.
    pub process: String,
    /// What was asked: `write 3`.
    pub asked: String,
    /// What the client was told; empty when that is only that it was done, or nothing.
    pub told: String,
    /// The line of its invocation.
    pub called: u32,
    /// The line of its answer; `None` when its outcome is unknown.
    pub returned: Option<u32>,
}

/// Reads a history from the bytes of `file` and looks for an order that explains it, trying at most `budget` steps.
///
/// # Errors
/// When the bytes are no history of such an object: where, and why.
pub fn check(
    file: &str,
    bytes: &[u8],
    object: Object,
    reuse: Reuse,
    budget: u64,
) -> Result<Finding, InputError> {
    let record = reader::read(file, bytes, object, reuse)?;
    let (steps, verdict) = match object {
        Object::Register => decide::<models::Register>(&record, budget),
        Object::Kv => decide::<models::Kv>(&record, budget),
        Object::Bank => decide::<models::Bank>(&record, budget),
        Object::Lock => decide::<models::Lock>(&record, budget),
        Object::Queue => decide::<models::Queue>(&record, budget),
    };
    Ok(Finding { object, census: census(&record), notes: record.notes, steps, verdict })
}

fn census(record: &Record) -> Census {
    let mut census = Census {
        operations: record.operations.len(),
        keys: record.operations.iter().filter_map(|operation| operation.key).collect::<BTreeSet<_>>().len(),
        processes: record.operations.iter().map(|operation| operation.process).collect::<BTreeSet<_>>().len(),
        nemesis_lines: record.nemesis_lines,
        ..Census::default()
    };
    for operation in &record.operations {
        match operation.end {
            End::Answered { .. } => census.ok += 1,
            End::Failed => census.failed += 1,
            End::Unknown { .. } => census.unknown += 1,
            End::Pending => census.pending += 1,
        }
    }
    census
}

fn decide<M: FromRecord>(record: &Record, budget: u64) -> (u64, Verdict) {
    let (model, searched) = models::searched::<M>(record);
    let verdict = linearizability::check(&model, &searched.spans, budget);
    let steps = verdict.steps();
    let told = match verdict {
        Searched::Linearizable { .. } => Verdict::Linearizable,
        Searched::Unknown { undecided, .. } => {
            let name = |part: Option<u64>| key_name(record, part);
            Verdict::Unknown { undecided: undecided.into_iter().filter_map(name).collect() }
        }
        Searched::Violation(explanation) => {
            Verdict::Violation(Box::new(tell(record, &model, &searched.sources, &explanation)))
        }
    };
    (steps, told)
}

/// The name of a part. Without keys there is one part without a name.
fn key_name(record: &Record, part: Option<u64>) -> Option<String> {
    let number = part.filter(|_| record.keys.len() > 0)?;
    Some(record.keys.show(u32::try_from(number).expect("parts are numbers of keys")).to_string())
}

fn tell<M: FromRecord>(
    record: &Record,
    model: &M,
    sources: &[usize],
    explanation: &Explanation<M::Answer>,
) -> Violation {
    let operation = |index: usize| &record.operations[sources[index]];
    let mut replay = Replay::new(record);
    let order: Vec<u32> = explanation.prefix.iter().map(|step| operation(step.operation).line).collect();
    for step in &explanation.prefix {
        replay.apply(operation(step.operation));
    }
    let first_told = explanation.prefix.len().saturating_sub(LAST_MAX);
    let told = &explanation.prefix[first_told..];
    let last = told.iter().map(|step| show(record, operation(step.operation))).collect();
    let stuck = operation(explanation.stuck);
    let mut instead: Vec<String> =
        Some(replay.apply(stuck)).into_iter().filter(|text| !text.is_empty()).collect();
    for answer in explanation.possible.iter().filter_map(|answer| model.show(record, answer)) {
        if !instead.contains(&answer) {
            instead.push(answer);
        }
    }
    let is_told = |index: usize| told.iter().any(|step| step.operation == index);
    let overlapping = explanation.overlapping.iter().filter(|&&index| !is_told(index));
    Violation {
        key: key_name(record, explanation.part),
        order,
        last,
        stuck: show(record, stuck),
        instead,
        overlapping: overlapping.map(|&index| show(record, operation(index))).collect(),
        is_longest: explanation.is_furthest,
    }
}

fn show(record: &Record, operation: &Operation) -> Shown {
    let (returned, told) = match &operation.end {
        End::Answered { line, told } => (Some(*line), record.show_told(told)),
        End::Pending | End::Unknown { .. } | End::Failed => (None, String::new()),
    };
    Shown {
        process: record.processes.show(operation.process).to_string(),
        asked: record.show_asked(&operation.asked),
        told,
        called: operation.line,
        returned,
    }
}
