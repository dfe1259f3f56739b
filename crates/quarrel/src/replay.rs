//! A recorded failure, run again on the code as it is now.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use quarrel_formats::trace::{Judgement, Outcome, Trace, compare};
use quarrel_harness::case::Flaws;
use quarrel_harness::registry::Entry;
use quarrel_harness::story;
use quarrel_protocol::Violation;

use crate::files;
use crate::panics::in_run;

/// What became of a trace. Its `Display` is what a person reads.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The trace's file.
    pub path: PathBuf,
    /// What was recorded.
    pub recorded: Trace,
    /// What happened this time.
    pub replayed: Trace,
    /// Reproduced, gone, or something else.
    pub outcome: Outcome,
}

impl Replay {
    /// What is violated this time.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        match &self.replayed.verdict.judgement {
            Judgement::Held => None,
            Judgement::Violated(violation) => Some(violation),
        }
    }
}

impl Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.path.display(), self.outcome)?;
        if let Outcome::Diverged { recorded, replayed, .. } = &self.outcome {
            writeln!(f, "  recorded  {recorded}\n  replayed  {replayed}")?;
        }
        match self.violation() {
            Some(_) => write!(f, "\n{}", story::short(&self.replayed)),
            None => writeln!(f, "  every property held"),
        }
    }
}

/// Runs a trace again with these flaws.
pub(crate) fn replay(entry: &dyn Entry, path: &Path, flaws: &[String]) -> Result<Replay, String> {
    let recorded = files::read_trace(path).map_err(|error| error.to_string())?;
    let file = path.display().to_string();
    let keep =
        fit(entry.name(), flaws, &recorded).map_err(|why| format!("{file}: {why}: name the test to run"))?;
    let case = entry.open(&file, &recorded).map_err(|error| error.to_string())?;
    let replayed = in_run(|| case.replay(keep)).trace;
    let outcome = compare(&recorded, &replayed);
    Ok(Replay { path: path.to_path_buf(), recorded, replayed, outcome })
}

/// With which flaws a test of this protocol, with these, runs a trace again.
///
/// # Errors
/// When the trace is not its own: why, for a person.
pub(crate) fn fit(protocol: &str, flaws: &[String], trace: &Trace) -> Result<Flaws, String> {
    let theirs = &trace.header.protocol;
    if protocol != theirs {
        return Err(format!("it is a trace of {theirs}, and this test is of {protocol}"));
    }
    let (mut asked, mut recorded_with) = (flaws.to_vec(), trace.header.flaws.clone());
    asked.sort();
    recorded_with.sort();
    match asked.as_slice() {
        same if same == recorded_with => Ok(Flaws::Kept),
        [] => Ok(Flaws::Removed),
        _ => {
            let list =
                |flaws: &[String]| if flaws.is_empty() { "no flaw".to_string() } else { flaws.join(", ") };
            let (theirs, ours) = (list(&recorded_with), list(&asked));
            Err(format!("it was recorded with {theirs}, and this test has {ours}"))
        }
    }
}
