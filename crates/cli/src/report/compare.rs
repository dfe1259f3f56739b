//! The report of `compare`.

use quarrel::compare::{Plan, Problem, Sheet};

use super::compare_table::{Notes, Section, cited, kinds, remarks, sections, sources};
use super::numbers::counted;
use crate::args::CompareArguments;

/// The widest line of the table.
const WIDTH: usize = 100;
/// The width of labels, and of a protocol's column.
const LABEL: usize = 32;
const COLUMN: usize = 17;
/// So many protocols stand side by side, at most.
const ABREAST: usize = (WIDTH - LABEL) / COLUMN;

/// What the rows mean, a line each.
const LEGEND: [(&str, &str); 8] = [
    ("messages", "what one request causes, from event to event: no heartbeats, nothing batched"),
    ("delays", "message delays from a request's arrival to the decision there, and everywhere"),
    ("writes", "on all nodes; forced: a message, a reply or an output waits for it"),
    ("crashes", "at one of six moments of a request; stopped: who is left does not decide in time"),
    ("blocked", "commit: a voter is in doubt; else: no new request is answered; at the worst moment"),
    (
        "done",
        "of 40 requests (commit: about two participants each; 7+2: two more were aborted); others: not the leader",
    ),
    ("holds", "in every run; * in some, something struck that the protocol does not promise to live with"),
    ("a-b", "the least and the most, where they differ; - it cannot be asked in this cluster"),
];

/// What `compare` answers.
pub(crate) struct CompareReport<'a> {
    pub(crate) arguments: &'a CompareArguments,
    pub(crate) plan: &'a Plan,
    pub(crate) sheets: &'a [Sheet],
    pub(crate) program: &'a str,
}

impl CompareReport<'_> {
    /// Whether a protocol breaks within its own model.
    pub(crate) fn breaks_inside(&self) -> bool {
        // What nothing can solve is broken by nobody's mistake.
        let solvable = self.sheets.iter().filter(|sheet| sheet.unsolvable.is_none());
        solvable.flat_map(|sheet| &sheet.verdicts).any(|verdict| verdict.inside > 0)
    }

    /// For people.
    pub(crate) fn human(&self) -> String {
        let mut notes = Notes::default();
        let mut text = wrapped("", "", &self.heading());
        // In tables of about equal width: those for replicas come first, those for participants last.
        let tables = self.sheets.len().div_ceil(ABREAST).max(1);
        for abreast in self.sheets.chunks(self.sheets.len().div_ceil(tables).max(1)) {
            text.push('\n');
            text.push_str(&row("", &names(abreast)));
            text.push_str(&row("", &problems(abreast)));
            for Section { title, rows } in sections(abreast, self.plan.runs, &mut notes) {
                text.push_str(&format!("{title}\n"));
                for (label, cells) in rows {
                    text.push_str(&row(&format!("  {label}"), &cells));
                }
            }
        }
        text.push('\n');
        for breach in notes.breaches() {
            text.push_str(&wrapped("", "    ", breach));
        }
        for remark in remarks(self.sheets) {
            text.push_str(&wrapped("", "    ", &remark));
        }
        for (protocol, kinds) in kinds(self.sheets) {
            text.push_str(&wrapped("", "    ", &format!("{protocol}: {kinds}")));
        }
        let sources = sources(self.sheets);
        if !sources.is_empty() {
            text.push_str("\ntheory, for N participants or n replicas\n");
        }
        for (label, words) in sources {
            text.push_str(&wrapped("  ", "    ", &format!("{label}: {words}")));
        }
        for (name, title) in cited(self.sheets) {
            text.push_str(&wrapped("  ", "    ", &format!("[{name}] {title}")));
        }
        text.push_str("\nwhat the rows mean\n");
        for (name, meaning) in self.legend() {
            text.push_str(&wrapped(&format!("  {name:17}"), &" ".repeat(19), &meaning));
        }
        text.push_str(&format!("  {:17}{}\n", "again", self.command()));
        text
    }

    /// A table for a README.
    pub(crate) fn markdown(&self) -> String {
        let mut notes = Notes::default();
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let with = |first: &str, cells: Vec<String>| {
            line([vec![first.to_string()], cells.iter().map(|cell| escaped(cell)).collect()].concat())
        };
        let mut text = format!("{}\n\n", self.heading());
        text.push_str(&with("", names(self.sheets)));
        text.push_str(&format!("|---{}|\n", "|---".repeat(self.sheets.len())));
        text.push_str(&with("problem", problems(self.sheets)));
        for Section { title, rows } in sections(self.sheets, self.plan.runs, &mut notes) {
            text.push_str(&with(&format!("**{title}**"), vec![String::new(); self.sheets.len()]));
            for (label, cells) in rows {
                text.push_str(&with(label, cells));
            }
        }
        text.push('\n');
        for breach in notes.breaches() {
            text.push_str(&format!("* {}\n", escaped(breach)));
        }
        for remark in remarks(self.sheets) {
            text.push_str(&format!("* {}\n", escaped(&remark)));
        }
        let sources = sources(self.sheets);
        if !sources.is_empty() {
            text.push_str("\nTheory, for N participants or n replicas:\n\n");
        }
        for (label, words) in sources {
            text.push_str(&format!("* {label}: {}\n", escaped(&words)));
        }
        for (name, title) in cited(self.sheets) {
            text.push_str(&format!("* \\[{}\\] {}\n", escaped(name), escaped(title)));
        }
        text.push_str("\nWhat the rows mean:\n\n");
        for (name, meaning) in self.legend() {
            text.push_str(&format!("* {name}: {}\n", escaped(&meaning)));
        }
        text.push_str(&format!("\nAgain: `{} --format markdown`\n", self.command()));
        text
    }

    fn heading(&self) -> String {
        // Who is measured alike is named together, in the order of the columns.
        let mut who: Vec<(String, Vec<&str>)> = Vec::new();
        for sheet in self.sheets {
            let count = u64::from(sheet.participants);
            let what = match sheet.problem {
                Problem::Commit => format!("{} beside the coordinator", counted(count, "participant")),
                Problem::Attack => "2 generals".to_string(),
                Problem::Consensus | Problem::Log | Problem::Other => counted(count, "replica"),
            };
            match who.iter_mut().find(|(there, _)| *there == what) {
                Some((_, names)) => names.push(&sheet.protocol),
                None => who.push((what, vec![&sheet.protocol])),
            }
        }
        let who = who.into_iter().map(|(what, names)| format!("{what} ({})", names.join(", ")));
        let who: Vec<String> = who.collect();
        format!(
            "Measured by simulation: {}; {}, seed {}.",
            who.join("; "),
            counted(u64::from(self.plan.decisions), "decision"),
            self.plan.seed
        )
    }

    /// What the rows mean; acknowledgements in particular are each protocol's own.
    fn legend(&self) -> Vec<(&'static str, String)> {
        let mut legend: Vec<(&str, String)> =
            LEGEND.iter().map(|&(name, meaning)| (name, meaning.to_string())).collect();
        let of = |sheet: &&Sheet| !sheet.acknowledgements.is_empty();
        let told = self.sheets.iter().filter(of).map(|sheet| {
            let kinds = sheet.acknowledgements.join(", ");
            let place = if sheet.acknowledgements_within {
                "among the messages, since the decision waits for it"
            } else {
                "counted beside the messages, since no decision waits for it"
            };
            format!("{kinds} of {}: {place}", sheet.protocol)
        });
        let told: Vec<String> = told.collect();
        if !told.is_empty() {
            legend.insert(1, ("acknowledgements", told.join("; ")));
        }
        legend
    }

    /// The command that prints this again.
    fn command(&self) -> String {
        let mut words = vec![self.program.to_string(), "compare".to_string()];
        words.extend(self.arguments.protocols.iter().cloned());
        words.extend(self.arguments.sets.iter().map(|(key, value)| format!("--set {key}={value}")));
        words.push(format!("--seed {}", self.plan.seed));
        words.join(" ")
    }
}

fn names(sheets: &[Sheet]) -> Vec<String> {
    sheets.iter().map(|sheet| sheet.protocol.clone()).collect()
}

fn problems(sheets: &[Sheet]) -> Vec<String> {
    sheets.iter().map(|sheet| sheet.problem.name().to_string()).collect()
}

/// One line of the table.
fn row(label: &str, cells: &[String]) -> String {
    let mut line = format!("{label:LABEL$}");
    for cell in cells {
        line.push_str(&format!("{cell:COLUMN$}"));
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

/// Text broken at spaces: narrower than other reports, as a table is.
fn wrapped(first: &str, rest: &str, text: &str) -> String {
    let mut lines = vec![first.to_string()];
    let mut fresh = true;
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if !fresh && lines[last].chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{rest}{word}"));
        } else {
            lines[last] += if fresh { "" } else { " " };
            lines[last] += word;
        }
        fresh = false;
    }
    lines.join("\n") + "\n"
}

/// A cell of Markdown: nothing in it is markup.
fn escaped(text: &str) -> String {
    text.replace('*', "\\*").replace('|', "\\|")
}
