//! The report of `campaign`, for tools; [`super::campaign_human`] writes it for people.

use std::collections::BTreeMap;
use std::path::PathBuf;

use quarrel::engine::{End, Failure, Findings};
use quarrel::files::shell_word;
use quarrel::judgement::{Judgement, runs_missing};
use quarrel_formats::scenario::{Expected, Side};
use quarrel_harness::case::items;
use quarrel_harness::reach::{fault_classes, owed_cells};
use quarrel_harness::story;
use quarrel_protocol::{Flaw, Violation};
use serde_json::{Map, Value, json};

use super::json::{operations, pins};
use super::numbers::{digest_text, milli, ratio_milli, seconds};
use super::run::survives;
use crate::exit::INTERRUPTED;
use crate::scenarios::Prepared;

/// What came of a campaign.
pub(crate) struct CampaignReport<'a> {
    pub(crate) prepared: &'a Prepared,
    pub(crate) pins: &'a [(String, String)],
    pub(crate) findings: &'a Findings,
    pub(crate) judgement: &'a Judgement,
    /// One for each failure, in their order.
    pub(crate) told: &'a [Told],
    pub(crate) program: &'a str,
    /// The variables that asked for these seeds.
    pub(crate) environment: Option<&'a str>,
}

/// A failure, told.
pub(crate) struct Told {
    /// Where its trace went; `None` if that could not be written.
    pub(crate) file: Option<PathBuf>,
    pub(crate) summary: String,
    /// Ten to twenty lines.
    pub(crate) story: String,
}

impl Told {
    pub(crate) fn new(failure: &Failure, file: Option<PathBuf>) -> Self {
        Self { file, summary: story::summary(&failure.trace), story: story::short(&failure.trace) }
    }
}

impl CampaignReport<'_> {
    pub(crate) fn json(&self) -> Value {
        let Findings { tallies, seeds, end, wall, .. } = self.findings;
        let mut document = json!({
            "scenario": self.prepared.given,
            "seeds": format!("{}..{}", seeds.start, seeds.end),
            "environment": self.environment,
            "flaws": self.prepared.trial.flaws(),
            "set": pins(self.pins),
            "verdict": self.judgement.word(),
            "reasons": self.reasons(),
            "exit": if self.findings.shrinking_stopped { INTERRUPTED } else { self.judgement.exit_code() },
            "shrinking_stopped": self.findings.shrinking_stopped,
            "too_few_runs": self.runs_missing().is_some(),
            "end": end_word(*end),
            "runs": tallies.runs,
            "failed": tallies.failed.len(),
            "blocked": tallies.blocked,
            "events": tallies.events,
            "messages": tallies.messages,
            "simulated_seconds": seconds(tallies.simulated_ns),
            "wall_seconds": seconds(wall.as_nanos()),
            "ratio": milli(ratio_milli(tallies.simulated_ns, wall.as_nanos())),
            "digest": digest_text(tallies.digest),
            "oracle": self.prepared.trial.jury(),
            "operations": operations(&tallies.asked),
            "orders": tallies.orders,
            "histories": {
                "witness": tallies.judged.by_witness,
                "search": tallies.judged.by_search,
                "unknown": tallies.judged.unknown,
                "broken": tallies.judged.broken,
            },
            "retry_storms": tallies.storms,
        });
        let sections = json!({
            "properties": self.properties(),
            "faults": self.faults().map(|(name, count, _)| (name.to_string(), count.into())).collect::<Map<_, _>>(),
            "fault_runs": self.faults().map(|(name, _, runs)| (name.to_string(), runs.into())).collect::<Map<_, _>>(),
            "sometimes": self.sometimes(),
            "happens": self.happens(),
            "floor": self.floor(),
            "violations": self.findings.failures.iter().zip(self.told).map(|(failure, told)| self.violation(failure, told)).collect::<Vec<_>>(),
        });
        if let (Value::Object(document), Value::Object(sections)) = (&mut document, sections) {
            document.extend(sections);
        }
        document
    }

    /// Why the campaign is not met, or what it has shown nothing about.
    pub(super) fn reasons(&self) -> Vec<String> {
        match self.judgement {
            Judgement::Met | Judgement::Interrupted => Vec::new(),
            Judgement::NotMet(why) => vec![why.clone()],
            Judgement::Vacuous(empty) => empty.clone(),
        }
    }

    fn properties(&self) -> Value {
        let evaluated = |name: &str| self.findings.tallies.evaluated.get(name).copied().unwrap_or(0);
        let properties = self.prepared.trial.properties().iter().map(|property| {
            let entry = json!({ "kind": property.kind, "evaluated": evaluated(property.name) });
            (property.name.to_string(), entry)
        });
        properties.collect::<Map<_, _>>().into()
    }

    /// The classes that the scenario can draw: how often each changed something, and in how many runs.
    pub(super) fn faults(&self) -> impl Iterator<Item = (&'static str, u64, u64)> {
        let tallies = &self.findings.tallies;
        fault_classes(self.prepared.trial.scenario()).into_iter().map(|class| {
            let runs = tallies.fault_runs.get(class.name()).copied().unwrap_or(0);
            (class.name(), tallies.faults.of(class), runs)
        })
    }

    /// The cells that the scenario owes or that happened: in how many runs.
    pub(super) fn sometimes(&self) -> BTreeMap<&'static str, u64> {
        let trial = &self.prepared.trial;
        let owed = owed_cells(trial.scenario(), trial.cells()).into_iter().map(|cell| (cell.name, 0));
        let happened = self.findings.tallies.cells.iter().filter(|&(_, &runs)| runs > 0);
        owed.chain(happened.map(|(name, runs)| (*name, *runs))).collect()
    }

    fn floor(&self) -> Value {
        let medians = &self.prepared.trial.scenario().floor.medians;
        let entries = medians.iter().map(|(name, least)| {
            let spread = self.findings.tallies.spreads.get(name.as_str()).cloned().unwrap_or_default();
            let (median, mean) = (spread.median(), milli(u128::from(spread.mean_milli())));
            (name.clone(), json!({ "least": least, "median": median, "mean": mean, "runs": spread.runs() }))
        });
        entries.collect::<Map<_, _>>().into()
    }

    fn violation(&self, failure: &Failure, told: &Told) -> Value {
        let violation = &failure.group.violation;
        let file = told.file.as_ref().map(|path| path.display().to_string());
        json!({
            "property": violation.property,
            "kind": violation.kind,
            "counts": violation.kind.counts(),
            "known": self.known(violation).is_some(),
            "signature": violation.signature,
            "detail": failure.detail(),
            "outside": failure.group.reasons,
            "outside_runs": failure.group.outside,
            "survives_inside": survives(failure.retried.map(|(retrial, _)| retrial)),
            "seed": failure.seed.to_string(),
            "seeds": failure.group.seeds.iter().map(u64::to_string).collect::<Vec<_>>(),
            "runs": failure.group.runs,
            "flaws": failure.trace.header.flaws,
            "trace": file,
            "items": items(&failure.trace),
            "items_before": failure.shrunk.map(|report| report.before),
            "one_minimal": failure.shrunk.map(|report| report.one_minimal),
            "replays": failure.shrunk.map(|report| report.replays),
            "summary": told.summary,
            "story": told.story,
            "replay": self.command("replay", file.as_deref()),
            "view": self.command("view", file.as_deref()),
        })
    }

    /// What the scenario expects with these flaws.
    pub(super) fn expected(&self) -> Expected {
        let trial = &self.prepared.trial;
        trial.scenario().expected(trial.flaws())
    }

    /// On which side of the model what is expected must break.
    pub(super) fn side(&self) -> Option<Side> {
        let trial = &self.prepared.trial;
        trial.scenario().expected_side(trial.flaws())
    }

    /// What the scenario expects to happen with these flaws.
    pub(super) fn happens(&self) -> &[String] {
        let trial = &self.prepared.trial;
        trial.scenario().expected_to_happen(trial.flaws())
    }

    /// The known finding that this violation is, if it is one.
    pub(super) fn known(&self, violation: &Violation) -> Option<String> {
        let trial = &self.prepared.trial;
        trial.scenario().known(trial.flaws(), violation)
    }

    /// The flaws that are on and that nothing came of but what the program is known for anyway.
    pub(super) fn unnoticed(&self) -> Vec<Flaw> {
        let mut failures = self.findings.failures.iter();
        let is_quiet = self.findings.tallies.runs > 0
            && failures.all(|failure| self.known(&failure.group.violation).is_some());
        if is_quiet { self.prepared.trial.flaws_on() } else { Vec::new() }
    }

    /// How many runs it takes to say more, when this is met with fewer.
    pub(super) fn runs_missing(&self) -> Option<u64> {
        let met = *self.judgement == Judgement::Met;
        met.then(|| runs_missing(self.prepared.trial.as_ref(), self.findings)).flatten()
    }

    /// A command on a trace, as a shell takes it.
    pub(super) fn command(&self, name: &str, file: Option<&str>) -> Option<String> {
        file.map(|file| format!("{} {name} {}", self.program, shell_word(file)))
    }
}

/// How a campaign ended, in a word.
pub(super) const fn end_word(end: End) -> &'static str {
    match end {
        End::Complete => "complete",
        End::EnoughFailures => "enough-failures",
        End::TimeUp => "time-up",
        End::Interrupted => "interrupted",
    }
}
