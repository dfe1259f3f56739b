//! The report of `check`.

use quarrel::files::shell_word;
use quarrel_formats::history::{Finding, Shown, Verdict, Violation};
use serde_json::{Value, json};

use super::check_drawing::draw;
use super::numbers::{counted, grouped};
use super::text::wrapped;
use crate::args::CheckArguments;

/// How many operations of the order are told to people.
const LAST_MAX: usize = 6;
/// How many undecided keys are named.
const KEYS_MAX: usize = 8;

/// What became of a history.
pub(crate) struct CheckReport<'a> {
    pub(crate) arguments: &'a CheckArguments,
    pub(crate) finding: &'a Finding,
    pub(crate) program: &'a str,
    pub(crate) code: u8,
}

impl CheckReport<'_> {
    pub(crate) fn json(&self) -> Value {
        let Finding { object, census, notes, steps, verdict } = self.finding;
        let (word, undecided, violation) = match verdict {
            Verdict::Linearizable if census.operations == 0 => ("vacuous", &[][..], None),
            Verdict::Linearizable => ("linearizable", &[][..], None),
            Verdict::Violation(violation) => ("not-linearizable", &[][..], Some(violation)),
            Verdict::Unknown { undecided } => ("unknown", undecided.as_slice(), None),
        };
        json!({
            "history": self.arguments.history.display().to_string(),
            "model": object.name(),
            "verdict": word,
            "exit": self.code,
            "operations": census.operations,
            "ok": census.ok,
            "fail": census.failed,
            "info": census.unknown,
            "pending": census.pending,
            "processes": census.processes,
            "keys": census.keys,
            "nemesis_lines": census.nemesis_lines,
            "steps": steps,
            "budget": self.arguments.budget(),
            "notes": notes,
            "undecided": undecided,
            "violation": violation.map(|violation| violation_json(violation)),
        })
    }

    pub(crate) fn human(&self) -> String {
        let Finding { object, notes, verdict, census, .. } = self.finding;
        let file = shell_word(self.arguments.history.display());
        let said = match verdict {
            Verdict::Linearizable if census.operations == 0 => {
                format!("{file}: VACUOUS: nobody asks anything")
            }
            Verdict::Linearizable => format!("{file}: linearizable as a {object}"),
            Verdict::Violation(_) => format!("{file}: not linearizable as a {object}"),
            Verdict::Unknown { .. } => {
                let budget = grouped(self.arguments.budget());
                format!(
                    "{file}: unknown whether it is linearizable as a {object}: {budget} steps were not enough"
                )
            }
        };
        let mut text = wrapped("", "  ", &said);
        text.push_str(&self.census());
        for note in notes {
            text.push_str(&wrapped("  note: ", "        ", note));
        }
        match verdict {
            Verdict::Linearizable => {}
            Verdict::Violation(violation) => text.push_str(&explain(violation)),
            Verdict::Unknown { undecided } => text.push_str(&self.advise(undecided)),
        }
        text
    }

    /// How much there was, and what it took.
    fn census(&self) -> String {
        let Finding { census, steps, .. } = self.finding;
        if census.operations == 0 {
            return wrapped("  ", "  ", "no operations: nothing contradicts anything");
        }
        let kinds = [
            (census.ok, "ok"),
            (census.failed, "failed"),
            (census.unknown, "unknown (info)"),
            (census.pending, "pending"),
        ];
        let kinds: Vec<String> = kinds
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", grouped(*count as u64)))
            .collect();
        let keys = match census.keys {
            0 => String::new(),
            keys => format!(" on {}", counted(keys as u64, "key")),
        };
        let nemesis = match census.nemesis_lines {
            0 => String::new(),
            lines => format!("; {} of the nemesis passed over", counted(lines as u64, "line")),
        };
        let told = format!(
            "{} ({}) by {}{keys}; {}{nemesis}",
            counted(census.operations as u64, "operation"),
            kinds.join(", "),
            processes(census.processes),
            counted(*steps, "step"),
        );
        wrapped("  ", "  ", &told)
    }

    fn advise(&self, undecided: &[String]) -> String {
        let CheckArguments { history, reuse_processes, .. } = self.arguments;
        let mut text = String::new();
        if !undecided.is_empty() {
            let mut named: Vec<String> = undecided.iter().take(KEYS_MAX).cloned().collect();
            if undecided.len() > KEYS_MAX {
                named.push(format!("and {} more", grouped((undecided.len() - KEYS_MAX) as u64)));
            }
            let keys = counted(undecided.len() as u64, "key");
            text.push_str(&wrapped("  ", "  ", &format!("undecided: {keys}: {}", named.join(", "))));
        }
        let reuse = if *reuse_processes { " --reuse-processes" } else { "" };
        text.push_str(&format!(
            "  to go on: {} check {} --model {} --budget {}{reuse}\n",
            self.program,
            shell_word(history.display()),
            self.finding.object,
            self.arguments.budget().saturating_mul(10)
        ));
        text
    }
}

fn violation_json(violation: &Violation) -> Value {
    let list = |operations: &[Shown]| operations.iter().map(shown_json).collect::<Vec<_>>();
    json!({
        "key": violation.key,
        "stuck": shown_json(&violation.stuck),
        "instead": violation.instead,
        "order": violation.order,
        "last": list(&violation.last),
        "overlapping": list(&violation.overlapping),
        "longest": violation.is_longest,
    })
}

fn shown_json(shown: &Shown) -> Value {
    json!({
        "process": shown.process,
        "asked": shown.asked,
        "told": shown.told,
        "called": shown.called,
        "returned": shown.returned,
    })
}

/// What cannot be placed, how far one gets, and a picture of the neighbourhood.
fn explain(violation: &Violation) -> String {
    let Violation { key, order, last, stuck, instead, is_longest, .. } = violation;
    let mut text = String::from("\n");
    let mut row = |name: &str, told: &str| {
        text.push_str(&wrapped(&format!("  {name:<8} "), "           ", told));
    };
    if let Some(key) = key {
        row("key", key);
    }
    let lines = stuck
        .returned
        .map_or(format!("line {}", stuck.called), |returned| format!("lines {} to {returned}", stuck.called));
    row("stuck", &format!("{} of process {}, {lines}: it fits nowhere", deed(stuck), stuck.process));
    if !instead.is_empty() {
        row("instead", &format!("it would have been answered: {}", instead.join(", or ")));
    }
    let longest = if *is_longest {
        "the longest order that explains what came before"
    } else {
        "the longest order found"
    };
    let count = counted(order.len() as u64, "operation");
    let shown = &last[last.len().saturating_sub(LAST_MAX)..];
    match order.len() - shown.len() {
        0 => row("before", &format!("{longest}: {count}")),
        more => row("before", &format!("{longest}: {count}; after the first {}:", grouped(more as u64))),
    }
    for (number, operation) in (order.len() - shown.len() + 1..).zip(shown) {
        let answer = if operation.returned.is_none() { ", of unknown outcome, took effect" } else { "" };
        let line = operation.called;
        text.push_str(&wrapped(
            "           ",
            "             ",
            &format!("{number}. {} of process {}, line {line}{answer}", deed(operation), operation.process),
        ));
    }
    text.push('\n');
    text.push_str(&draw(violation));
    text
}

/// `read -> 3`.
pub(super) fn deed(operation: &Shown) -> String {
    match operation.told.is_empty() {
        true => operation.asked.clone(),
        false => format!("{} -> {}", operation.asked, operation.told),
    }
}

fn processes(count: usize) -> String {
    format!("{} process{}", grouped(count as u64), if count == 1 { "" } else { "es" })
}
