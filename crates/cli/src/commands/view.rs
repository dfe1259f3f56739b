//! `quarrel view`: what happened in a trace.

use quarrel::files;
use quarrel_harness::story;
use serde::Serialize;

use crate::Session;
use crate::args::ViewArguments;
use crate::exit::{Failure, MET};
use crate::report::json::Facts;

/// The document of `view`.
#[derive(Serialize)]
struct View {
    trace: String,
    #[serde(flatten)]
    facts: Facts,
    summary: String,
    story: String,
}

pub(super) fn run(session: &mut Session<'_>, arguments: &ViewArguments) -> Result<u8, Failure> {
    let path = &arguments.trace;
    let trace = files::read_trace(path)?;
    session.registry.check_lies(&path.display().to_string(), &trace).map_err(|e| files::in_trace(path, e))?;
    let mut story = match arguments {
        ViewArguments { full: true, .. } => story::full(&trace),
        ViewArguments { diagram: true, .. } => story::diagram(&trace),
        _ => story::short(&trace),
    };
    if !story.ends_with('\n') {
        story.push('\n');
    }
    let document = || View {
        trace: arguments.trace.display().to_string(),
        facts: Facts::of(&trace),
        summary: story::summary(&trace),
        story: story.clone(),
    };
    session.output.answer(&document(), || story.clone())?;
    Ok(MET)
}
