//! `quarrel shrink`: a failing trace, as small as it gets.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use quarrel::files;
use quarrel::panics::in_run;
use quarrel_formats::trace::Judgement;

use crate::Session;
use crate::args::ShrinkArguments;
use crate::exit::{Failure, INTERRUPTED, MET, NOT_MET};
use crate::interrupt;
use crate::report::shrink::ShrinkTold;

pub(super) fn run(session: &mut Session<'_>, arguments: &ShrinkArguments) -> Result<u8, Failure> {
    let path = &arguments.trace;
    let recorded = files::read_trace(path)?;
    let output = arguments.output.clone().unwrap_or_else(|| beside(path));
    files::check_output(&output, [path.as_path()])?;
    let case = session
        .registry
        .open(&path.display().to_string(), &recorded)
        .map_err(|error| files::in_trace(path, error))?;
    let Judgement::Violated(violation) = &recorded.verdict.judgement else {
        return Err(Failure::input(format!("{}: nothing fails in this trace", path.display())));
    };
    let interrupted = interrupt::watch();
    let stop = || interrupted.load(Ordering::Relaxed);
    let shrunk = in_run(|| case.shrink(&stop)).expect("a trace with a violation can be shrunk");
    if !shrunk.trace.verdict.judgement.is_like(&recorded.verdict.judgement) {
        let (path, property) = (path.display(), &violation.property);
        return Err(Failure {
            code: NOT_MET,
            place: None,
            message: format!(
                "{path}: run again, this trace no longer violates {property}: there is nothing to shrink\n  \
                 = help: `{} replay` says what became of it",
                session.program
            ),
        });
    }
    files::write_trace(&output, &shrunk.trace)?;
    // A signal that comes when there is nothing left to do has stopped nothing.
    let stopped = stop() && !shrunk.report.one_minimal;
    let told =
        ShrinkTold { path, output: &output, violation, shrunk: &shrunk, stopped, program: &session.program };
    session.output.answer(&told.json(), || told.human())?;
    Ok(if stopped { INTERRUPTED } else { MET })
}

/// `a.jsonl` becomes `a.shrunk.jsonl`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_os_string();
    name.push(".shrunk.jsonl");
    path.with_file_name(name)
}
