//! The report of `shrink`.

use std::path::Path;

use quarrel::files::shell_word;
use quarrel_harness::case::{Shrunk, items};
use quarrel_harness::story;
use quarrel_protocol::Violation;
use serde_json::{Value, json};

use super::json::Facts;
use super::numbers::grouped;
use super::text::wrapped;

/// A failure made small.
pub(crate) struct ShrinkTold<'a> {
    pub(crate) path: &'a Path,
    pub(crate) output: &'a Path,
    pub(crate) violation: &'a Violation,
    pub(crate) shrunk: &'a Shrunk,
    /// Whether somebody stopped it.
    pub(crate) stopped: bool,
    pub(crate) program: &'a str,
}

impl ShrinkTold<'_> {
    pub(crate) fn json(&self) -> Value {
        let Shrunk { trace, report } = self.shrunk;
        let mut document = json!({
            "trace": self.path.display().to_string(),
            "written": self.output.display().to_string(),
            "items_before": report.before,
            "one_minimal": report.one_minimal,
            "stopped": self.stopped,
            "replays": report.replays,
            "summary": story::summary(trace),
            "story": story::short(trace),
        });
        let facts = serde_json::to_value(Facts::of(trace)).expect("facts are plain values");
        if let (Value::Object(document), Value::Object(facts)) = (&mut document, facts) {
            document.extend(facts);
        }
        document
    }

    pub(crate) fn human(&self) -> String {
        let Shrunk { trace, report } = self.shrunk;
        let minimal = match (report.one_minimal, self.stopped) {
            (true, _) => "; each one is needed",
            (false, true) => {
                "; stopped before it was done: this is the smallest so far, and may be shrunk further"
            }
            (false, false) => "",
        };
        let (before, after) = (grouped(report.before as u64), grouped(items(trace) as u64));
        let replays = grouped(report.replays);
        let subject = format!("{}: {} violated", self.path.display(), self.violation.property);
        let told = format!("{subject}; {before} items shrunk to {after} in {replays} replays{minimal}");
        let output = shell_word(self.output.display());
        let program = self.program;
        let mut text = wrapped("", "  ", &told);
        text.push('\n');
        text.push_str(story::short(trace).trim_end());
        text.push_str(&format!(
            "\n\n  trace    {output}\n  replay   {program} replay {output}\n  view     {program} view {output}\n"
        ));
        text
    }
}
