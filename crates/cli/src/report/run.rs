//! The report of `run`.

use std::path::Path;

use quarrel::files::shell_word;
use quarrel_formats::scenario::Expected;
use quarrel_formats::trace::Oracle;
use quarrel_harness::run::Outcome;
use quarrel_harness::truth::Judged;
use quarrel_sim::draw::mix;
use quarrel_sim::fault::FaultClass;
use serde_json::{Value, json};

use super::json::{judged_word, operations, pins};
use super::numbers::{counted, digest_text, grouped, seconds, seconds_text};
use super::text::wrapped;

/// What came of one seed.
pub(crate) struct RunReport<'a> {
    pub(crate) given: &'a str,
    pub(crate) flaws: &'a [String],
    pub(crate) pins: &'a [(String, String)],
    pub(crate) oracle: Oracle,
    pub(crate) outcome: &'a Outcome,
    pub(crate) expected: &'a Expected,
    pub(crate) met: bool,
    /// The trace whose plan was obeyed.
    pub(crate) plan: Option<&'a Path>,
    /// Where the trace went.
    pub(crate) trace: Option<&'a Path>,
    /// Where the history went, the model that fits it, if `check` has one, and how many operations it leaves out.
    pub(crate) history: Option<(&'a Path, Option<&'static str>, usize)>,
    pub(crate) program: &'a str,
    /// The variable that named the seed.
    pub(crate) environment: Option<&'a str>,
}

/// What is expected, in words.
pub(crate) fn expected_text(expected: &Expected) -> String {
    match expected {
        Expected::Holds => "holds".to_string(),
        Expected::Violates(property) => format!("violates {property}"),
        Expected::Blocks => "blocks".to_string(),
        Expected::Known(_) => "violates nothing but known findings".to_string(),
    }
}

/// The options that make a trial what it is, for the commands that reports suggest.
pub(crate) fn options(flaws: &[String], pins: &[(String, String)], oracle: Oracle) -> String {
    let oracle = if oracle == Oracle::Clients { " --oracle clients" } else { "" };
    let flaws = flaws.iter().map(|flaw| format!(" --flaw {}", shell_word(flaw)));
    let pins =
        pins.iter().map(|(key, value)| format!(" --set {}", shell_word(format_args!("{key}={value}"))));
    flaws.chain(pins).chain([oracle.to_string()]).collect()
}

impl RunReport<'_> {
    pub(crate) fn json(&self) -> Value {
        let Outcome { seed, tally, .. } = self.outcome;
        let violation = self.outcome.verdict();
        let counts = FaultClass::ALL.iter().map(|&class| (class.name(), tally.faults.of(class)));
        let faults: serde_json::Map<_, _> = counts
            .filter(|&(_, count)| count > 0)
            .map(|(name, count)| (name.to_string(), count.into()))
            .collect();
        json!({
            "scenario": self.given,
            "seed": seed.to_string(),
            "environment": self.environment,
            "flaws": self.flaws,
            "set": pins(self.pins),
            "verdict": self.verdict(),
            "property": violation.map(|violation| &violation.property),
            "kind": violation.map(|violation| violation.kind),
            "signature": violation.map(|violation| &violation.signature),
            "detail": violation.map(|violation| &violation.detail),
            "expected": expected_text(self.expected),
            "known": violation.map(|violation| self.expected.knows(violation)),
            "met": self.met,
            "blocked": self.outcome.is_blocked(),
            "digest": digest_text(tally.digest),
            "campaign_digest": digest_text(mix(mix(*seed) ^ tally.digest)),
            "events": tally.events,
            "messages": tally.messages,
            "simulated_seconds": seconds(u128::from(tally.ended_ns)),
            "operations": operations(&tally.asked),
            "orders": tally.orders,
            "oracle": self.oracle,
            "history": judged_word(self.outcome.judged),
            "settled_seconds": tally.settled_ns.map(|at_ns| seconds(u128::from(at_ns))),
            "faults": faults,
            "plan": self.plan.map(|path| path.display().to_string()),
            "trace": self.trace.map(|path| path.display().to_string()),
            "history_left_out": self.history.map(|(.., left_out)| left_out),
            "history_file": self.history.map(|(path, ..)| path.display().to_string()),
        })
    }

    fn verdict(&self) -> &'static str {
        if self.outcome.verdict().is_some() { "violated" } else { "held" }
    }

    pub(crate) fn human(&self) -> String {
        let Outcome { seed, tally, .. } = self.outcome;
        let mut text = format!(
            "{}, seed {seed}{}{}: {}\n",
            self.given,
            options(self.flaws, self.pins, self.oracle),
            self.planned(),
            self.headline()
        );
        if let Some(words) = self.environment {
            text.push_str(&format!("  the seed is that of {words}\n"));
        }
        if let Some(violation) = self.outcome.verdict() {
            text.push_str(&wrapped("  ", "  ", &violation.detail));
        }
        text.push_str(&format!(
            "  {} events, {} messages, {} s simulated; {} asked, {} answered\n  digest {}\n",
            grouped(tally.events),
            grouped(tally.messages),
            seconds_text(u128::from(tally.ended_ns)),
            counted(tally.asked.started, "operation"),
            grouped(tally.asked.answered),
            digest_text(tally.digest),
        ));
        if tally.orders > 0 {
            text.push_str(&format!("  {} of an operator reached a node\n", counted(tally.orders, "order")));
        }
        text.push_str(&self.judged());
        text.push_str(&self.next_steps());
        if let Some((path, model, left_out)) = self.history {
            let (path, program) = (shell_word(path.display()), self.program);
            text.push_str(&match model {
                Some(model) => format!("  check   {program} check {path} --model {model}\n"),
                None => format!("  history {path} (`check` has no model of what was asked)\n"),
            });
            if left_out > 0 {
                text.push_str(&format!(
                    "          without {}, which the format has no word for: it says less than the run\n",
                    counted(left_out as u64, "read")
                ));
            }
        }
        text
    }

    /// What clients saw, in a line.
    fn judged(&self) -> String {
        let asked = &self.outcome.tally.asked;
        let by = match self.outcome.judged {
            Judged::Not => return String::new(),
            Judged::ByWitness => "linearizable, by the order in which commands were applied",
            Judged::BySearch => "linearizable, by a search for another order than that of application",
            Judged::Unknown => "UNKNOWN: the search for an order gave up",
            Judged::Broken => "not linearizable",
        };
        let unknown = match asked.unknown {
            0 => String::new(),
            some => format!("; the outcome of {} is unknown", counted(some, "operation")),
        };
        let settled = self.outcome.tally.settled_ns.map_or(String::new(), |at_ns| {
            format!("; all was answered and agreed upon at {} s", seconds_text(u128::from(at_ns)))
        });
        let turned_away = match (asked.turned_away, asked.retry_storms) {
            (0, _) => String::new(),
            (some, 0) => format!("; {} failed unsent, too many were under way", counted(some, "operation")),
            (some, _) => format!(
                "; {} failed unsent, too many were under way: a retry storm",
                counted(some, "operation")
            ),
        };
        wrapped("  ", "  ", &format!("history: {by}{unknown}{turned_away}{settled}"))
    }

    /// The option that names the plan.
    fn planned(&self) -> String {
        self.plan.map_or_else(String::new, |path| format!(" --plan {}", shell_word(path.display())))
    }

    fn headline(&self) -> String {
        let what = match self.outcome.verdict() {
            Some(violation) if violation.kind.to_string() == violation.property => {
                format!("{} violated", violation.property)
            }
            Some(violation) => format!("{} violated ({})", violation.property, violation.kind),
            None if self.oracle == Oracle::Clients => "clients noticed nothing".to_string(),
            None => "every property held".to_string(),
        };
        match (self.expected, self.met) {
            (Expected::Holds, _) => what,
            (Expected::Known(_), true) if self.outcome.verdict().is_none() => what,
            (Expected::Known(_), true) => format!("{what}, a known finding"),
            (Expected::Blocks, true) => "blocked, as expected".to_string(),
            (_, true) => format!("{what}, as expected"),
            (expected, false) => {
                format!("{what}, but the scenario expects that it {}", expected_text(expected))
            }
        }
    }

    fn next_steps(&self) -> String {
        let (program, seed) = (self.program, self.outcome.seed);
        let trial = format!("{}{}", shell_word(self.given), options(self.flaws, self.pins, self.oracle));
        match (self.trace, self.outcome.verdict()) {
            (Some(path), violation) => {
                let path = shell_word(path.display());
                let shrink =
                    violation.map_or(String::new(), |_| format!("  shrink  {program} shrink {path}\n"));
                format!("  trace   {path}\n  replay  {program} replay {path}\n{shrink}")
            }
            (None, Some(_)) if self.plan.is_some() => {
                let plan = self.planned();
                format!("  record  {program} run {trial} --seed {seed}{plan} --trace failure.jsonl\n")
            }
            (None, Some(_)) => {
                let end = seed.checked_add(1).map_or_else(String::new, |end| {
                    format!("  shrink  {program} campaign {trial} --seeds {seed}..{end}\n")
                });
                format!("{end}  record  {program} run {trial} --seed {seed} --trace failure.jsonl\n")
            }
            (None, None) => String::new(),
        }
    }
}
