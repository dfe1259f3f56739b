//! `quarrel replay`: recorded runs, run again.

use std::path::Path;

use quarrel::files;
use quarrel::panics::in_run;
use quarrel_formats::Trace;
use quarrel_formats::trace::{Outcome, compare};
use quarrel_harness::case::{Flaws, Replayed};

use crate::Session;
use crate::args::{Expect, Format, ReplayArguments};
use crate::exit::{Failure, INTERNAL, MET, NOT_MET, USAGE, worst};
use crate::output::complain;
use crate::report::github;
use crate::report::json::one_or_several;
use crate::report::replay::ReplayReport;

pub(super) fn run(session: &mut Session<'_>, arguments: &ReplayArguments) -> Result<u8, Failure> {
    let flaws = if arguments.no_flaws { Flaws::Removed } else { Flaws::Kept };
    let (mut codes, mut documents) = (Vec::new(), Vec::new());
    for path in &arguments.traces {
        let (recorded, replayed) = match replay(session, path, flaws) {
            Ok(both) => both,
            Err(failure) if arguments.traces.len() == 1 => return Err(failure),
            // The other traces are none the worse for it.
            Err(failure) => {
                complain(&failure.message);
                documents.push(ReplayReport::failed(path, &failure.message));
                codes.push(failure.code);
                continue;
            }
        };
        let outcome = compare(&recorded, &replayed.trace);
        let changed = is_changed(&outcome, &recorded, &replayed.trace, flaws);
        let code = match changed {
            true => USAGE,
            false => exit_code(&outcome, &recorded, &replayed, flaws, arguments.expect),
        };
        codes.push(code);
        let report = ReplayReport {
            path,
            recorded: &recorded,
            replayed: &replayed,
            outcome: &outcome,
            changed,
            flaws,
            code,
        };
        if code != MET {
            github::tell_replay(path, &report.human());
        }
        match session.output.format {
            Format::Human | Format::Markdown => session.output.print(&report.human())?,
            Format::Json => documents.push(report.json()),
        }
        if session.output.is_closed() {
            break;
        }
    }
    if session.output.format == Format::Json {
        let document = one_or_several("replays", documents, arguments.traces.len());
        session.output.print_json(&document)?;
    }
    Ok(worst(codes))
}

fn replay(session: &Session<'_>, path: &Path, flaws: Flaws) -> Result<(Trace, Replayed), Failure> {
    let recorded = files::read_trace(path)?;
    let case = session
        .registry
        .open(&path.display().to_string(), &recorded)
        .map_err(|error| files::in_trace(path, error))?;
    let replayed = in_run(|| case.replay(flaws));
    Ok((recorded, replayed))
}

fn is_same_build(recorded: &Trace, replayed: &Trace, flaws: Flaws) -> bool {
    let build = |trace: &Trace| (trace.header.tool.clone(), trace.header.digest_algorithm.clone());
    build(recorded) == build(replayed) && flaws == Flaws::Kept
}

/// Whether somebody has changed the file: the run is the recorded one, and yet an event is told otherwise.
fn is_changed(outcome: &Outcome, recorded: &Trace, replayed: &Trace, flaws: Flaws) -> bool {
    let (before, now) = (&recorded.verdict, &replayed.verdict);
    matches!(outcome, Outcome::Diverged { .. })
        && is_same_build(recorded, replayed, flaws)
        && before.digest == now.digest
        && now.judgement.is_like(&before.judgement)
}

fn exit_code(
    outcome: &Outcome,
    recorded: &Trace,
    replayed: &Replayed,
    flaws: Flaws,
    expect: Option<Expect>,
) -> u8 {
    let same_build = is_same_build(recorded, &replayed.trace, flaws);
    match (outcome, expect) {
        (Outcome::Gone, Some(Expect::Gone)) | (Outcome::Reproduced, None) => MET,
        (Outcome::Diverged { .. }, _) if same_build => INTERNAL,
        _ => NOT_MET,
    }
}
