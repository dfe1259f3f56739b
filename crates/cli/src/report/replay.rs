//! The report of `replay`.

use std::path::Path;

use quarrel_formats::Trace;
use quarrel_formats::trace::{Judgement, Outcome};
use quarrel_harness::case::{Flaws, Replayed};
use serde_json::{Value, json};

use super::json::Facts;
use super::numbers::{counted, digest_text};
use super::run::label;
use super::text::wrapped;
use crate::exit;

/// What became of a trace.
pub(crate) struct ReplayReport<'a> {
    pub(crate) path: &'a Path,
    pub(crate) recorded: &'a Trace,
    pub(crate) replayed: &'a Replayed,
    pub(crate) outcome: &'a Outcome,
    /// Whether the file was changed.
    pub(crate) changed: bool,
    pub(crate) flaws: Flaws,
    pub(crate) code: u8,
}

impl ReplayReport<'_> {
    /// The document of a trace that cannot be read.
    pub(crate) fn failed(path: &Path, message: &str) -> Value {
        json!({
            "trace": path.display().to_string(),
            "outcome": "unreadable",
            "exit": exit::USAGE,
            "error": message,
        })
    }

    pub(crate) fn json(&self) -> Value {
        let (event, recorded, replayed) = match self.outcome {
            Outcome::Diverged { event, recorded, replayed } => (Some(event), Some(recorded), Some(replayed)),
            _ => (None, None, None),
        };
        let mut document = json!({
            "trace": self.path.display().to_string(),
            "outcome": if self.changed { "changed" } else { word(self.outcome) },
            "exit": self.code,
            "no_flaws": self.flaws == Flaws::Removed,
            "event": event,
            "recorded": recorded,
            "replayed": replayed,
            "recorded_digest": digest_text(self.recorded.verdict.digest),
            "recorded_tool": self.recorded.header.tool,
            "never_asked": self.replayed.never_asked,
        });
        let facts = serde_json::to_value(Facts::of(&self.replayed.trace)).expect("facts are plain values");
        if let (Value::Object(document), Value::Object(facts)) = (&mut document, facts) {
            document.extend(facts);
        }
        document
    }

    pub(crate) fn human(&self) -> String {
        let outcome = match self.outcome {
            Outcome::Diverged { event, .. } if self.changed => {
                let position = self.recorded.events.iter().position(|recorded| recorded.n == *event);
                // The header stands on the first line.
                let line = position.map_or(String::new(), |position| format!("line {}, ", position + 2));
                format!("this file was changed: {line}event {event} is not what its digest stands for")
            }
            outcome => outcome.to_string(),
        };
        let mut text = format!("{}: {outcome}{}\n", self.path.display(), self.without());
        match (self.outcome, &self.replayed.trace.verdict.judgement) {
            (Outcome::Reproduced | Outcome::SameViolation, Judgement::Violated(violation)) => {
                let told = format!("{}: {}", violation.property, violation.detail);
                text.push_str(&wrapped("  ", "  ", &told));
                if let Some(label) = label(&self.replayed.trace.verdict.outside, None) {
                    text.push_str(&wrapped("  ", "  ", &label));
                }
            }
            (Outcome::Gone, _) => {
                let was = self.recorded.verdict.judgement.signature().unwrap_or_default();
                text.push_str(&wrapped("  ", "  ", &format!("recorded: {was}; now every property held")));
            }
            _ => {}
        }
        if let Outcome::Diverged { recorded, replayed, .. } = self.outcome {
            text.push_str(&wrapped("  recorded  ", "            ", recorded));
            text.push_str(&wrapped("  replayed  ", "            ", replayed));
        }
        let asked = match self.replayed.never_asked {
            0 => "every recorded decision was asked for".to_string(),
            number => format!("{} never asked for", counted(number, "recorded decision")),
        };
        let verdict = &self.replayed.trace.verdict;
        let digest = digest_text(verdict.digest);
        text.push_str(&format!("  {}, digest {digest}; {asked}\n", counted(verdict.events, "event")));
        text.push_str(self.meaning());
        text
    }

    fn without(&self) -> String {
        match (self.flaws, self.recorded.header.flaws.as_slice()) {
            (Flaws::Kept, _) => String::new(),
            (Flaws::Removed, []) => " (no flaws were on)".to_string(),
            (Flaws::Removed, flaws) => format!(" without {}", flaws.join(", ")),
        }
    }

    fn meaning(&self) -> &'static str {
        match self.code {
            exit::INTERNAL => {
                "  The build that recorded this now runs it differently. Unless the file or the code was changed, that is \
                 nondeterminism.\n"
            }
            _ => "",
        }
    }
}

const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Reproduced => "reproduced",
        Outcome::SameViolation => "same-violation",
        Outcome::Gone => "gone",
        Outcome::Diverged { .. } => "diverged",
    }
}
