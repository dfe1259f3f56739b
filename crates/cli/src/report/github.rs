//! What GitHub Actions shows: annotations on standard error, and the summary of the job.

use std::path::Path;

use quarrel::github::{self, Annotation, Level, Place};
use quarrel::judgement::Judgement;

use super::campaign::CampaignReport;
use super::campaign_human::placed;
use crate::exit::Failure;
use crate::output::{complain, say};

/// Tells GitHub what came of a campaign, when we run there.
pub(crate) fn tell(report: &CampaignReport<'_>) {
    if !github::is_here() {
        return;
    }
    if let Some(annotation) = annotation(report) {
        say(&format!("{annotation}\n"));
    }
    summarize(&markdown(report));
}

/// Tells GitHub of a trace that was not what it should be.
pub(crate) fn tell_replay(path: &std::path::Path, text: &str) {
    if github::is_here() {
        let title = "quarrel replay: another outcome".to_string();
        let (message, place) = (text.to_string(), Some(github::place_of(path)));
        say(&format!("{}\n", Annotation { level: Level::Error, title, message, place }));
    }
}

/// Tells GitHub what is wrong with what was given, beside its line where there is one.
pub(crate) fn tell_failure(failure: &Failure) {
    if !github::is_here() {
        return;
    }
    let place = failure.place.as_ref().map(|(file, line, column)| Place {
        line: u32::try_from(*line).ok(),
        column: u32::try_from(*column).ok(),
        ..github::place_of(Path::new(file))
    });
    let (title, message) = ("quarrel: this cannot be done".to_string(), failure.message.clone());
    say(&format!("{}\n", Annotation { level: Level::Error, title, message, place }));
}

fn summarize(markdown: &str) {
    if let Err(error) = github::summarize(markdown) {
        complain(&format!("the summary of the job cannot be written: {error}"));
    }
}

fn annotation(report: &CampaignReport<'_>) -> Option<Annotation> {
    let (level, what) = match report.judgement {
        Judgement::Met => return None,
        Judgement::NotMet(_) => (Level::Error, "not met"),
        Judgement::Vacuous(_) => (Level::Warning, "vacuous"),
        Judgement::Interrupted => (Level::Warning, "interrupted"),
    };
    let title = format!("{}: {what}", report.prepared.given);
    let place = report.prepared.file.as_deref().map(github::place_of);
    let mut message = report.headline();
    // No story: a note has little room, and the log above it has them all.
    for (failure, told) in report.findings.failures.iter().zip(report.told) {
        message.push_str(&format!("{}, seed {}\n", told.summary, failure.seed));
        message.push_str(&placed(failure));
        message.push_str(&report.files(failure, told));
    }
    Some(Annotation { level, title, message, place })
}

/// The verdict, and below it how the first way of failing came about.
fn markdown(report: &CampaignReport<'_>) -> String {
    let mark = match report.judgement {
        Judgement::Met => "✅",
        Judgement::NotMet(_) => "❌",
        Judgement::Vacuous(_) | Judgement::Interrupted => "⚠️",
    };
    let mut text = format!("### {mark} quarrel: {}\n\n", report.judgement.word());
    text.push_str(&fenced(&report.headline()));
    if let Some((failure, told)) = report.findings.failures.iter().zip(report.told).next() {
        let story = fenced(&report.at_length(failure, told));
        text.push_str(&format!("<details><summary>The story</summary>\n\n{story}</details>\n\n"));
    }
    text
}

/// A block in which nothing is markup: its fence is longer than any run of its characters inside.
fn fenced(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_block() {
        assert_eq!(fenced("a\nb\n"), "```text\na\nb\n```\n\n");
        assert!(fenced("a\n````\n# b").starts_with("`````text\n"));
    }
}
