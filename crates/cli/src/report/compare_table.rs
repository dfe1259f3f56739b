//! The table of `compare`: its cells in words, the same for a terminal and for a README.

use std::collections::BTreeMap;

use quarrel::compare::protocols::SOURCES;
use quarrel::compare::{Cell, Figure, Row, Sheet, Verdict};
use quarrel_harness::story::tidy;

use super::numbers::{grouped, milli_text};

/// Some rows below one headline.
pub(crate) struct Section {
    /// What the rows are about.
    pub(crate) title: String,
    /// A label, and a cell for each protocol.
    pub(crate) rows: Vec<(&'static str, Vec<String>)>,
}

/// Which rows stand below which headline.
const SECTIONS: [(&str, &[Row]); 4] = [
    (
        "a decision in fair weather: measured / theory",
        &[
            Row::Messages,
            Row::Acknowledgements,
            Row::MessagesWithoutPhaseOne,
            Row::Bytes,
            Row::AcknowledgementBytes,
            Row::IdleMessages,
            Row::Delays,
            Row::DelaysToLast,
            Row::ForcedWrites,
            Row::LazyWrites,
        ],
    ),
    (
        "crashes at one instant that stop it: measured / theory",
        &[Row::CrashesWithLeader, Row::CrashesOfOthers],
    ),
    ("milliseconds without a decision: measured / theory", &[Row::Blocked, Row::BlockedReturning]),
    (
        "operations done of those asked",
        &[Row::MinorityOfOthers, Row::MinorityWithLeader, Row::MajorityOfOthers, Row::MajorityWithLeader],
    ),
];

/// The sections of these protocols; rows that none of them has are left out. A breach gets the number of its note.
pub(crate) fn sections(sheets: &[Sheet], runs: u64, notes: &mut Notes) -> Vec<Section> {
    let mut sections = Vec::new();
    for (title, rows) in SECTIONS {
        let there = rows.iter().filter(|&&row| sheets.iter().any(|sheet| sheet.cell(row).is_some()));
        let rows: Vec<_> = there.map(|&row| (row.label(), figures(sheets, row))).collect();
        if !rows.is_empty() {
            sections.push(Section { title: title.to_string(), rows });
        }
    }
    let mut classes: Vec<&'static str> = Vec::new();
    for verdict in sheets.iter().flat_map(|sheet| &sheet.verdicts) {
        if !classes.contains(&verdict.class) {
            classes.push(verdict.class);
        }
    }
    let row = |class: &'static str| {
        let cell = |sheet: &Sheet| {
            let verdict = sheet.verdicts.iter().find(|verdict| verdict.class == class);
            verdict.map_or_else(|| "-".to_string(), |verdict| notes.verdict(sheet, verdict))
        };
        (class, sheets.iter().map(cell).collect())
    };
    let title = format!("safety with one class of faults alone, {} runs each", grouped(runs));
    sections.push(Section { title, rows: classes.into_iter().map(row).collect() });
    sections
}

fn figures(sheets: &[Sheet], row: Row) -> Vec<String> {
    sheets.iter().map(|sheet| sheet.cell(row).map_or_else(|| "-".to_string(), cell_text)).collect()
}

fn cell_text(cell: &Cell) -> String {
    match &cell.theory {
        // Words that say the same need not be said twice.
        Some(theory) if cell.measured == Figure::ForEver && theory.figure == Figure::ForEver => {
            format!("{} / same", figure_text(cell.measured))
        }
        Some(theory) => format!("{} / {}", figure_text(cell.measured), figure_text(theory.figure)),
        None => figure_text(cell.measured),
    }
}

/// A figure for people.
pub(crate) fn figure_text(figure: Figure) -> String {
    match figure {
        Figure::Count { least, most } if least == most => thousandths(least),
        Figure::Count { least, most } => format!("{}-{}", thousandths(least), thousandths(most)),
        Figure::Share { done, aborted: 0, asked } => format!("{done} of {asked}"),
        Figure::Share { done, aborted, asked } => format!("{done}+{aborted} of {asked}"),
        Figure::ForEver => "for ever".to_string(),
        Figure::None => "none".to_string(),
        Figure::Moot => "-".to_string(),
    }
}

fn thousandths(value: u64) -> String {
    if value.is_multiple_of(1000) {
        return grouped(value / 1000);
    }
    milli_text(u128::from(value))
}

/// What does not fit into a cell.
#[derive(Default)]
pub(crate) struct Notes {
    breaches: Vec<String>,
}

impl Notes {
    fn verdict(&mut self, sheet: &Sheet, verdict: &Verdict) -> String {
        if verdict.struck == 0 {
            return "never struck".to_string();
        }
        let star = if verdict.strayed > 0 { " *" } else { "" };
        if verdict.violations.is_empty() {
            return format!("holds{star}");
        }
        let broken =
            verdict.violations.iter().map(|(property, runs)| format!("{property} in {}", grouped(*runs)));
        let broken: Vec<String> = broken.collect();
        let side = match (verdict.inside, sheet.unsolvable) {
            (0, _) => {
                // Each run has its own reasons; one of them is told.
                let (seed, reasons) = verdict.outside.clone().unwrap_or_default();
                format!("all outside its model; seed {seed}: {}", tidy(&reasons.join("; ")))
            }
            (some, None) => format!("inside its model in {}: a bug", grouped(some)),
            (_, Some(theorem)) => format!("no bug: {theorem}"),
        };
        let number = self.breaches.len() + 1;
        self.breaches.push(format!(
            "[{number}] {}, {}: violates {} of {} runs; {side}",
            sheet.protocol,
            verdict.class,
            broken.join(", "),
            grouped(verdict.runs)
        ));
        format!("broken [{number}]{star}")
    }

    /// The breaches, by the numbers in the cells.
    pub(crate) fn breaches(&self) -> &[String] {
        &self.breaches
    }
}

/// Where the theory of these protocols stands: a line for each row that has any, protocols with the same words together.
pub(crate) fn sources(sheets: &[Sheet]) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for row in Row::ALL {
        let mut told: Vec<(String, Vec<&str>)> = Vec::new();
        for sheet in sheets {
            let Some(cell) = sheet.cell(row) else { continue };
            let Some(theory) = &cell.theory else { continue };
            let elsewhere = cell.elsewhere.map_or(String::new(), |words| format!("; elsewhere {words}"));
            let words = format!("{} ({}){elsewhere}", theory.formula, theory.source);
            match told.iter_mut().find(|(there, _)| *there == words) {
                Some((_, protocols)) => protocols.push(&sheet.protocol),
                None => told.push((words, vec![&sheet.protocol])),
            }
        }
        let told: Vec<String> =
            told.into_iter().map(|(words, protocols)| format!("{} {words}", protocols.join(", "))).collect();
        if !told.is_empty() {
            lines.push((row.label(), told.join("; ")));
        }
    }
    lines
}

/// The titles of what is cited for these protocols, and the names by which it is.
pub(crate) fn cited(sheets: &[Sheet]) -> Vec<(&'static str, &'static str)> {
    let cells = || sheets.iter().flat_map(|sheet| sheet.cells.iter().map(|(_, cell)| cell));
    let words = || cells().flat_map(|cell| cell.theory.iter().map(|it| it.source).chain(cell.elsewhere));
    SOURCES.into_iter().filter(|(name, _)| words().any(|words| words.contains(name))).collect()
}

/// What must be known to read single cells.
pub(crate) fn remarks(sheets: &[Sheet]) -> Vec<String> {
    let of = |sheet: &Sheet| {
        let remark = |(row, cell): &(Row, Cell)| {
            cell.note.as_ref().map(|note| format!("{}, {}: {note}", sheet.protocol, row.label()))
        };
        sheet.cells.iter().filter_map(remark).collect::<Vec<_>>()
    };
    sheets.iter().flat_map(of).collect()
}

/// How many of each kind of message make a decision, for each protocol.
pub(crate) fn kinds(sheets: &[Sheet]) -> BTreeMap<&str, String> {
    let of = |sheet: &Sheet| {
        let kinds = sheet.kinds.iter().map(|kind| format!("{} {}", figure_text(kind.messages), kind.name));
        kinds.collect::<Vec<_>>().join(", ")
    };
    let kinds = sheets.iter().map(|sheet| (sheet.protocol.as_str(), of(sheet)));
    kinds.filter(|(_, kinds)| !kinds.is_empty()).collect()
}
