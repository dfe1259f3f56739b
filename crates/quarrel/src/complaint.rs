//! What a test says that fails: one text, the same wherever it ran, without colours, with the commands to run it again.

use std::fmt::{self, Display};
use std::panic::Location;
use std::path::PathBuf;

use quarrel_formats::InputError;
use quarrel_harness::story;
use quarrel_protocol::Violation;

use crate::campaign::Conclusion;
use crate::engine::Failure;
use crate::environment::{SEED_VARIABLE, TRACE_VARIABLE};
use crate::github::{self, Annotation, Level};
use crate::judgement::Judgement;
use crate::numbers::{counted, grouped};
use crate::replay::Replay;
use crate::suite::Test;

/// Why a test fails. Its `Display` is the message of the panic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Complaint {
    text: String,
    level: Level,
    title: String,
    /// What an annotation says below its title: there is no room for a story.
    summary: String,
}

impl Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Complaint {
    /// Of a campaign that is not met. `keep` writes the trace of a failure.
    pub(crate) fn of(
        protocol: &str,
        test: &Test,
        conclusion: &Conclusion,
        keep: impl Fn(&Failure) -> Result<PathBuf, InputError>,
    ) -> Self {
        let scenario = &conclusion.scenario;
        let why = match &conclusion.judgement {
            Judgement::NotMet(why) => why.clone(),
            Judgement::Vacuous(empty) => return Self::of_emptiness(test, conclusion, empty),
            judgement @ (Judgement::Met | Judgement::Interrupted) => judgement.word().to_string(),
        };
        let head = format!("{protocol} {scenario}: {why}");
        let mut text = format!("{head}\n{}", environment(conclusion));
        let mut summary = head;
        for (position, failure) in conclusion.findings.failures.iter().enumerate() {
            text.push('\n');
            text.push_str(&if position == 0 { at_length(failure) } else { in_short(failure) });
            let commands = commands(test, failure, keep(failure));
            text.push_str(&commands);
            if position == 0 {
                summary = format!("{summary}\n{}{commands}", in_short(failure));
            }
        }
        Self { text, level: Level::Error, title: format!("{} failed", test.name()), summary }
    }

    /// Of a campaign that has shown nothing about these.
    fn of_emptiness(test: &Test, conclusion: &Conclusion, empty: &[String]) -> Self {
        let text = format!(
            "nothing was violated in {} of {}, but they have shown nothing about:\n  {}\n\
             Leave out of the scenario what this protocol cannot meet: Scenario::without, or Scenario::set to 0.\n{}",
            counted(conclusion.findings.tallies.runs, "run"),
            conclusion.scenario,
            empty.join("\n  "),
            environment(conclusion),
        );
        let title = format!("{} has shown too little", test.name());
        Self { summary: text.clone(), text, level: Level::Warning, title }
    }

    /// Of a campaign in which this property was to be violated, and was not.
    pub(crate) fn of_absence(test: &Test, conclusion: &Conclusion, property: &str) -> Self {
        let text = format!(
            "{property} was to be violated, and in none of {} of {} it was\n{}{}",
            counted(conclusion.findings.tallies.runs, "run"),
            conclusion.scenario,
            environment(conclusion),
            conclusion.groups(),
        );
        Self { summary: text.clone(), text, level: Level::Error, title: format!("{} failed", test.name()) }
    }

    /// Of a trace that does not do what it should.
    pub(crate) fn of_replay(replay: &Replay, why: &str) -> Self {
        let text = format!("{why}{replay}");
        let title = format!("{} failed", Test::current().name());
        let summary = format!("{why}{}: {}", replay.path.display(), replay.outcome);
        Self { text, level: Level::Error, title, summary }
    }

    /// In GitHub Actions, a note beside the line of the test. It is captured with the rest of what a test prints, and
    /// so shown only if the test fails after all: somebody may expect the panic.
    pub(crate) fn annotate(&self, location: &Location<'_>) {
        if github::is_here() {
            let place = Some(github::place_in_code(location));
            let (level, title, message) = (self.level, self.title.clone(), self.summary.clone());
            eprintln!("{}", Annotation { level, title, message, place });
        }
    }
}

fn environment(conclusion: &Conclusion) -> String {
    conclusion.environment.as_ref().map_or(String::new(), |note| format!("{note}\n"))
}

/// One way of failing on less than a screen. The story says itself which two facts collide, and ends with them.
fn at_length(failure: &Failure) -> String {
    let shrunk = failure.shrunk.map_or(String::new(), |report| {
        let needed = if report.one_minimal { ", and each one is needed" } else { "" };
        let (before, after) = (grouped(report.before as u64), grouped(report.after as u64));
        format!("; {before} items shrunk to {after}{needed}")
    });
    let Violation { property, kind, .. } = &failure.group.violation;
    let story = story::short(&failure.trace);
    format!("{property} ({kind}): seed {}{shrunk}\n\n{}\n\n", failure.seed, story.trim_end())
}

/// One way of failing on a line.
pub(crate) fn in_short(failure: &Failure) -> String {
    let Violation { property, kind, .. } = &failure.group.violation;
    let (runs, seed) = (failure.group.runs, failure.seed);
    let (detail, side) = (failure.detail(), side(failure));
    format!("{property} ({kind}) in {}; seed {seed}: {detail}\n{side}", counted(runs, "run"))
}

/// On which side of the model it failed, in a line; nothing if always inside.
fn side(failure: &Failure) -> String {
    let group = &failure.group;
    match group.outside {
        0 => String::new(),
        some if some < group.runs => {
            format!("  {} of them outside the model, the others inside\n", grouped(some))
        }
        _ => format!("  outside the model: {}\n", group.reasons.join("; ")),
    }
}

/// How to see it again: the run by its seed, which another build may draw otherwise, and by its trace, which stays.
fn commands(test: &Test, failure: &Failure, kept: Result<PathBuf, InputError>) -> String {
    let again = format!("  again   {}\n", test.command(SEED_VARIABLE, &failure.seed.to_string()));
    match kept {
        Ok(path) => {
            let path = path.display().to_string();
            let replay = test.command(TRACE_VARIABLE, &path);
            format!("  trace   {}\n{again}  replay  {replay}\n", crate::files::shell_word(&path))
        }
        Err(why) => format!("{again}  the trace was not kept: {why}\n"),
    }
}
