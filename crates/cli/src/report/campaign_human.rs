//! The report of `campaign`, for people: the verdict first, what it rests on, then each way of failing.

use quarrel::engine::{End, Failure};
use quarrel::files::shell_word;
use quarrel::judgement::Judgement;
use quarrel_formats::scenario::{Expected, Side};
use quarrel_formats::trace::Oracle;
use quarrel_harness::case::items;
use quarrel_harness::tallies::{Judgements, Tallies};
use quarrel_protocol::Violation;

use super::campaign::{CampaignReport, Told};
use super::numbers::{counted, digest_text, grouped, milli_text, ratio_milli, seconds_text};
use super::run::{label, options};
use super::text::{columns, wrapped};
use crate::catalogue;

/// How many ways of failing are told at length; a reader of the others has their traces.
const STORIES_MAX: usize = 3;

impl CampaignReport<'_> {
    pub(crate) fn human(&self) -> String {
        let mut text = self.headline();
        text.push_str(&self.summary());
        text.push_str(&self.evidence());
        let all = || self.findings.failures.iter().zip(self.told);
        for (position, (failure, told)) in all().filter(|(failure, _)| is_found(failure)).enumerate() {
            text.push('\n');
            text.push_str(&match position {
                0..STORIES_MAX => self.at_length(failure, told),
                _ => self.in_short(failure, told),
            });
        }
        let apart: Vec<_> = all().filter(|(failure, _)| !is_found(failure)).collect();
        if !apart.is_empty() {
            text.push_str("\nReported apart: each of these restates a rule of the code, and does not count as finding a flaw.\n");
            apart.iter().for_each(|(failure, told)| text.push_str(&self.in_short(failure, told)));
        }
        text
    }

    pub(super) fn headline(&self) -> String {
        let trial = self.prepared.trial.as_ref();
        let (runs, seeds) = (self.findings.tallies.runs, &self.findings.seeds);
        let name = format!("{}{}", self.prepared.given, options(trial.flaws(), self.pins, trial.jury()));
        let subject = format!("{name}, seeds {}..{}: ", seeds.start, seeds.end);
        let failed = grouped(self.findings.tallies.failed.len() as u64);
        let verdict = match (self.judgement, self.expected()) {
            (Judgement::Met, Expected::Holds) if trial.jury() == Oracle::Clients => {
                format!("clients noticed nothing in {}", counted(runs, "run"))
            }
            (Judgement::Met, Expected::Holds) => format!("every property held in {}", counted(runs, "run")),
            (Judgement::Met, Expected::Violates(property)) => {
                let side = match self.side() {
                    None => "",
                    Some(Side::Inside) => " inside the model",
                    Some(Side::Outside) => ", only outside the model",
                };
                format!(
                    "{property} was violated{side}, as expected; {failed} of {} failed",
                    counted(runs, "run")
                )
            }
            (Judgement::Met, Expected::Blocks) => {
                let side = match self.findings.tallies.strayed {
                    0 => "all inside the model".to_string(),
                    some => format!("{} outside the model", grouped(some)),
                };
                format!(
                    "blocked, as expected, in {} of {}, {side}",
                    grouped(self.findings.tallies.blocked),
                    counted(runs, "run")
                )
            }
            (Judgement::Met, Expected::Known(_)) => self.nothing_new(),
            (Judgement::NotMet(why), _) => format!("NOT MET: {why}"),
            (Judgement::Vacuous(_), _) if runs == 0 => "VACUOUS: no run was done".to_string(),
            (Judgement::Vacuous(_), Expected::Known(_)) => {
                format!("VACUOUS: {}, but this has shown nothing about", self.nothing_new())
            }
            (Judgement::Vacuous(_), _) => {
                "VACUOUS: nothing was violated, but this has shown nothing about".to_string()
            }
            (Judgement::Interrupted, _) => {
                format!("INTERRUPTED after {}; {failed} failed", counted(runs, "run"))
            }
        };
        let mut text = wrapped("", "  ", &format!("{subject}{verdict}"));
        if let Some(words) = self.environment {
            text.push_str(&format!("  the seeds are those of {words}\n"));
        }
        for flaw in self.unnoticed() {
            let (protocol, runs) = (&trial.scenario().protocol, counted(runs, "run"));
            let told = format!(
                "the flaw {protocol}/{} breaks {} (it needs {}; {} nodes or more), and nobody noticed it in {runs}",
                flaw.name, flaw.breaks, flaw.needs, flaw.nodes_min
            );
            text.push_str(&wrapped("  ", "  ", &told));
            let full = format!("{protocol}/{}", flaw.name);
            if let Some(scenario) = catalogue::shows(&full, &self.prepared.given) {
                let program = self.program;
                text.push_str(&format!("  {scenario} shows it: {program} run {scenario} --flaw {full}\n"));
            }
        }
        if let Judgement::Vacuous(empty) = self.judgement
            && runs > 0
        {
            empty.iter().for_each(|what| text.push_str(&wrapped("  - ", "    ", what)));
        }
        if let Some(due) = self.runs_missing() {
            text.push_str(&format!(
                "  too few runs to say whether it is vacuous: that takes {}\n",
                grouped(due)
            ));
        }
        text
    }

    /// What came out where known findings may: these, or not even these.
    fn nothing_new(&self) -> String {
        let Tallies { runs, groups, .. } = &self.findings.tallies;
        let failed = grouped(groups.values().map(|group| group.runs).sum::<u64>());
        let ways = counted(groups.len() as u64, "known way");
        match groups.is_empty() {
            true => format!("every property held in {}; no known finding came up", counted(*runs, "run")),
            false => {
                format!("nothing but known findings: {failed} of {} failed in {ways}", counted(*runs, "run"))
            }
        }
    }

    fn summary(&self) -> String {
        let tallies = &self.findings.tallies;
        let wall_ns = self.findings.wall.as_nanos();
        let ended = match self.findings.end {
            End::Complete | End::Interrupted => "",
            End::EnoughFailures => " (ended after enough failures)",
            End::TimeUp => " (ended when the time was up)",
        };
        format!(
            "  {}, {} events, {} messages; {} operations asked, {} answered, {} unknown\n{}{}  \
             {} s simulated in {} s: {} times as fast as real time{ended}\n  digest {}\n",
            counted(tallies.runs, "run"),
            grouped(tallies.events),
            grouped(tallies.messages),
            grouped(tallies.asked.started),
            grouped(tallies.asked.answered),
            grouped(tallies.asked.unknown),
            orders(tallies),
            histories(tallies),
            seconds_text(tallies.simulated_ns),
            seconds_text(wall_ns),
            milli_text(ratio_milli(tallies.simulated_ns, wall_ns)),
            digest_text(tallies.digest),
        )
    }

    /// What the verdict rests on.
    fn evidence(&self) -> String {
        let tallies = &self.findings.tallies;
        let evaluated = |name: &str| tallies.evaluated.get(name).copied().unwrap_or(0);
        let properties = self.prepared.trial.properties().iter();
        let properties = properties.map(|it| (it.name.to_string(), grouped(evaluated(it.name))));
        let faults = self.faults().map(|(name, count, runs)| {
            (name.to_string(), format!("{} in {}", grouped(count), counted(runs, "run")))
        });
        let sometimes = self.sometimes().into_iter().map(|(name, runs)| (name.to_string(), grouped(runs)));
        let medians = &self.prepared.trial.scenario().floor.medians;
        let floor = medians.iter().map(|(name, least)| {
            let spread = tallies.spreads.get(name.as_str()).cloned().unwrap_or_default();
            let mean = milli_text(u128::from(spread.mean_milli()));
            (name.clone(), format!("median {}, mean {mean} (least {least})", spread.median()))
        });
        let mut text = section("Properties, how often each was evaluated", properties.collect());
        text.push_str(&section("Faults, how often each class changed something", faults.collect()));
        text.push_str(&section(
            "Sometimes, in how many runs each cell (what may happen) did",
            sometimes.collect(),
        ));
        text.push_str(&section(
            "Per run (classes of faults: where the profile has them on)",
            floor.collect(),
        ));
        text
    }

    /// That somebody stopped the shrinking, behind what it had come to.
    fn stopped(&self) -> &'static str {
        if self.findings.shrinking_stopped { "; shrinking was stopped, `quarrel shrink` goes on" } else { "" }
    }

    /// One way of failing, on less than a screen. A story says itself which two facts collide.
    pub(super) fn at_length(&self, failure: &Failure, told: &Told) -> String {
        let mut text = self.heading(failure);
        match failure.shrunk {
            Some(report) => {
                let minimal = if report.one_minimal { ", and each one is needed" } else { "" };
                let (before, after) = (grouped(report.before as u64), grouped(report.after as u64));
                let stopped = if report.one_minimal { "" } else { self.stopped() };
                let size = format!("; {before} items shrunk to {after}{minimal}{stopped}");
                text = format!("{}\n{}\n\n", wrapped("", "  ", &(text + &size)), told.story.trim_end());
            }
            None => {
                let items = counted(items(&failure.trace) as u64, "item");
                let size = format!("; {items}, not shrunk{}", self.stopped());
                text = wrapped("", "  ", &(text + &size));
                text.push_str(&wrapped("  ", "  ", failure.detail()));
            }
        }
        text.push_str(&placed(failure));
        text.push_str(&self.files(failure, told));
        text
    }

    /// What was violated, in how many runs, and at which seed.
    fn heading(&self, failure: &Failure) -> String {
        let (what, runs) = (self.what(&failure.group.violation), counted(failure.group.runs, "run"));
        format!("{what} violated in {runs}; seed {}", failure.seed)
    }

    /// The signature, which tells ways of failing apart; the kind if that says more; and which known finding this is.
    fn what(&self, violation: &Violation) -> String {
        let Violation { property, kind, signature, .. } = violation;
        let kind = Some(kind.to_string()).filter(|kind| kind != property);
        let known = self.known(violation).map(|finding| match finding == *signature {
            true => "known".to_string(),
            false => format!("known as `{finding}`"),
        });
        let notes: Vec<String> = kind.into_iter().chain(known).collect();
        if notes.is_empty() { signature.clone() } else { format!("{signature} ({})", notes.join(", ")) }
    }

    pub(super) fn files(&self, failure: &Failure, told: &Told) -> String {
        let Some(path) = &told.file else {
            let trial = format!(
                "{}{}",
                shell_word(&self.prepared.given),
                options(&failure.trace.header.flaws, self.pins, failure.trace.header.oracle)
            );
            let seed = failure.seed;
            return format!("  record   {} run {trial} --seed {seed} --trace FILE\n", self.program);
        };
        let path = shell_word(path.display());
        let program = self.program;
        let mut text = format!(
            "  trace    {path}\n  replay   {program} replay {path}\n  view     {program} view {path}\n"
        );
        if !failure.trace.header.flaws.is_empty() {
            text.push_str(&format!("  fixed    {program} replay {path} --no-flaws --expect gone\n"));
        }
        text
    }

    fn in_short(&self, failure: &Failure, told: &Told) -> String {
        let size = counted(items(&failure.trace) as u64, "item");
        let mut text = wrapped("", "  ", &format!("{}, {size}", self.heading(failure)));
        text.push_str(&wrapped("  ", "  ", failure.detail()));
        text.push_str(&placed(failure));
        text.push_str(&self.files(failure, told));
        text
    }
}

/// On which side of the model these runs failed; nothing if all failed inside.
pub(super) fn placed(failure: &Failure) -> String {
    let group = &failure.group;
    let text = match group.outside {
        0 => return String::new(),
        some if some < group.runs => {
            format!("{} of them failed outside the model, the others inside", grouped(some))
        }
        _ => label(&group.reasons, failure.retried.map(|(retrial, _)| retrial)).unwrap_or_default(),
    };
    wrapped("  ", "  ", &text)
}

/// How what clients saw was judged, and what kept them from asking.
fn orders(tallies: &Tallies) -> String {
    match tallies.orders {
        0 => String::new(),
        orders => format!("  {} of an operator reached a node\n", counted(orders, "order")),
    }
}

fn histories(tallies: &Tallies) -> String {
    let Judgements { by_witness, by_search, unknown, broken } = tallies.judged;
    let all = tallies.judged.all();
    if all == 0 {
        return String::new();
    }
    let share = milli_text(ratio_milli(u128::from(by_witness) * 100, u128::from(all)));
    let mut text = format!(
        "  histories: {} of {} linearizable: {share} % by the order of application alone, {} by search; {} unknown\n",
        grouped(by_witness + by_search),
        grouped(all),
        grouped(by_search),
        grouped(unknown),
    );
    debug_assert_eq!(all, by_witness + by_search + unknown + broken);
    if tallies.asked.turned_away > 0 {
        let turned_away = counted(tallies.asked.turned_away, "operation");
        text.push_str(&format!("  {turned_away} failed unsent: too many were under way"));
        if tallies.storms > 0 {
            text.push_str(&format!(" (a retry storm in {})", counted(tallies.storms, "run")));
        }
        text.push('\n');
    }
    text
}

fn is_found(failure: &Failure) -> bool {
    failure.group.violation.kind.counts()
}

/// A title, and columns below it; nothing without cells.
fn section(title: &str, cells: Vec<(String, String)>) -> String {
    if cells.is_empty() { String::new() } else { format!("{title}\n{}", columns("  ", &cells)) }
}
