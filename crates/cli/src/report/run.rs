//! The report of `run`.

use std::path::Path;

use quarrel::files::shell_word;
use quarrel_formats::scenario::{Expected, Side};
use quarrel_formats::trace::Oracle;
use quarrel_harness::aftermath::{Aftermath, Plight};
use quarrel_harness::carry::Carried;
use quarrel_harness::model::Retrial;
use quarrel_harness::run::Outcome;
use quarrel_harness::truth::Judged;
use quarrel_protocol::Wait;
use quarrel_sim::Asked;
use quarrel_sim::draw::mix;
use quarrel_sim::fault::FaultClass;
use quarrel_sim::time::Span;
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
    /// On which side of the model it must break.
    pub(crate) side: Option<Side>,
    /// What became of a failure outside the model without what lies outside.
    pub(crate) retried: Option<Retrial>,
    /// Whether what broke is a known finding.
    pub(crate) known: bool,
    /// What is expected to happen.
    pub(crate) happens: &'a [String],
    /// What of that did not.
    pub(crate) absent: &'a [&'a str],
    /// Whether it came out as expected, whatever happened.
    pub(crate) comes_out: bool,
    /// Whether another seed is another run.
    pub(crate) is_drawn: bool,
    /// And whether all happened that was to.
    pub(crate) met: bool,
    /// The trace whose plan was obeyed.
    pub(crate) plan: Option<&'a Path>,
    /// What of it was carried over from another protocol.
    pub(crate) carried: Option<&'a Carried>,
    /// Where the trace went.
    pub(crate) trace: Option<&'a Path>,
    /// Where the history went, the model that fits it, if `check` has one, and how many operations it leaves out.
    pub(crate) history: Option<(&'a Path, Option<&'static str>, usize)>,
    pub(crate) program: &'a str,
    /// The variable that named the seed.
    pub(crate) environment: Option<&'a str>,
}

/// What is expected, in words.
pub(crate) fn expected_text(expected: &Expected, side: Option<Side>) -> String {
    match expected {
        Expected::Holds => "holds".to_string(),
        Expected::Violates(property) => match side {
            None => format!("violates {property}"),
            Some(Side::Inside) => format!("violates {property} inside the model"),
            Some(Side::Outside) => format!("violates {property} outside the model only"),
        },
        Expected::Blocks => "blocks".to_string(),
        Expected::Known(_) => "violates nothing but known findings".to_string(),
    }
}

/// What was carried over from a trace of another protocol, and what was not.
fn carried_text(carried: &Carried) -> String {
    let (faults, decisions) = (counted(carried.faults, "fault"), counted(carried.decisions, "decision"));
    let left_out: Vec<String> =
        carried.left_out.iter().map(|(what, count)| format!("{what}: {}", grouped(*count))).collect();
    let rest = if left_out.is_empty() { "nothing".to_string() } else { left_out.join("; ") };
    format!("carried over from {}: {faults}, {decisions}; left out: {rest}", carried.from)
}

/// A node that cannot go on, or is down.
fn plight(plight: &Plight) -> Value {
    let at = |ns: u64| seconds(u128::from(ns));
    let suspended =
        plight.suspended.iter().map(|it| json!({ "what": it.what, "since_seconds": at(it.since_ns) }));
    let on = |wait: &Wait| wait.on.iter().map(|node| node.to_string()).collect::<Vec<_>>();
    let waits = plight.waits.iter().map(|wait| json!({ "for": on(wait), "what": wait.what }));
    json!({
        "node": plight.node.to_string(),
        "role": Some(plight.role).filter(|role| !role.is_empty()),
        "down_since_seconds": plight.down_since_ns.map(at),
        "suspended": suspended.collect::<Vec<_>>(),
        "waits": waits.collect::<Vec<_>>(),
    })
}

/// That a violation is outside the model, why, and what becomes of it without that; nothing of one inside.
pub(crate) fn label(reasons: &[String], retried: Option<Retrial>) -> Option<String> {
    let without = match retried {
        None => "",
        Some(Retrial::Gone) => " (without that it does not come about)",
        Some(Retrial::Undecided) => " (whether it needs that is open: what is left still lies outside)",
        Some(Retrial::Survives) => " (it survives without that: INSIDE the model)",
    };
    (!reasons.is_empty()).then(|| format!("outside the model: {}{without}", reasons.join("; ")))
}

/// Whether a failure outside the model survives without what lies outside; nothing if nobody tried or can say.
pub(crate) fn survives(retried: Option<Retrial>) -> Option<bool> {
    match retried? {
        Retrial::Survives => Some(true),
        Retrial::Gone => Some(false),
        Retrial::Undecided => None,
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
        let counts = FaultClass::ALL.iter().map(|&class| (class.name(), tally.struck.of(class)));
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
            "expected": expected_text(self.expected, self.side),
            "outside": (violation.is_some() || self.outcome.is_blocked()).then_some(&self.outcome.strayed),
            "survives_inside": survives(self.retried),
            "known": violation.map(|_| self.known),
            "happens": self.happens,
            "did_not_happen": self.absent,
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
            "in_doubt": self.aftermath().map_or_else(Vec::new, |it| it.plights.iter().map(plight).collect()),
            "settled_seconds": tally.settled_ns.map(|at_ns| seconds(u128::from(at_ns))),
            "faults": faults,
            "plan": self.plan.map(|path| path.display().to_string()),
            "carried": self.carried.map(|carried| json!({
                "from": carried.from,
                "faults": carried.faults,
                "decisions": carried.decisions,
                "left_out": carried.left_out,
            })),
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
        if let Some(carried) = self.carried {
            text.push_str(&wrapped("  ", "  ", &carried_text(carried)));
        }
        if let Some(violation) = self.outcome.verdict() {
            text.push_str(&wrapped("  ", "  ", &violation.detail));
            if let Some(label) = label(&self.outcome.outside, self.retried) {
                text.push_str(&wrapped("  ", "  ", &label));
            }
        }
        if *self.expected == Expected::Blocks && self.outcome.verdict().is_none() {
            let side = label(&self.outcome.strayed, None).unwrap_or_else(|| {
                "inside the model: nothing struck but what the protocol promises to live with".to_string()
            });
            text.push_str(&wrapped("  ", "  ", &side));
        }
        // What a flaw broke may have ended the run before.
        let may_end_before = !self.flaws.is_empty() && !self.comes_out && self.outcome.verdict().is_some();
        if !self.absent.is_empty() && !may_end_before {
            let names = self.absent.join("`, `");
            let it = if self.absent.len() == 1 { "it" } else { "they" };
            text.push_str(&wrapped("  ", "  ", &format!("expected to happen, but {it} did not: `{names}`")));
        }
        text.push_str(&format!(
            "  {} events, {} messages, {} s simulated; {}\n  digest {}\n",
            grouped(tally.events),
            grouped(tally.messages),
            seconds_text(u128::from(tally.ended_ns)),
            self.operations(),
            digest_text(tally.digest),
        ));
        if tally.orders > 0 {
            text.push_str(&format!("  {} of an operator reached a node\n", counted(tally.orders, "order")));
        }
        text.push_str(&self.judged());
        text.push_str(&self.in_doubt());
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

    /// What became of what clients asked: an operation is in one of these numbers only.
    fn operations(&self) -> String {
        let Asked { started, answered, failed, unknown, .. } = self.outcome.tally.asked;
        let mut text = format!("{} asked, {} answered", counted(started, "operation"), grouped(answered));
        let rest = [
            // An abort is an answer: nothing was done.
            (failed, "without effect"),
            (unknown, "given up"),
            (started - answered - failed - unknown, "still waiting"),
        ];
        for (count, what) in rest.into_iter().filter(|&(count, _)| count > 0) {
            text.push_str(&format!(", {} {what}", grouped(count)));
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
            let all = if asked.unknown == 0 { "all" } else { "all else" };
            format!("; {all} was answered and agreed upon at {} s", seconds_text(u128::from(at_ns)))
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

    /// How the run left its nodes, if it blocks: not of a run in which somebody merely gave up.
    fn aftermath(&self) -> Option<&Aftermath> {
        let is_told = |it: &&Aftermath| it.is_suspended() || *self.expected == Expected::Blocks;
        self.outcome.aftermath.as_ref().filter(is_told)
    }

    /// Who cannot go on, since when, what they hold and what would help.
    fn in_doubt(&self) -> String {
        let Some(Aftermath { at_ns, plights }) = self.aftermath() else { return String::new() };
        if plights.is_empty() {
            return String::new();
        }
        let names: Vec<String> = plights.iter().map(ToString::to_string).collect();
        let wide = names.iter().map(String::len).max().unwrap_or(0);
        let mut text = format!("  at the end, at {}:\n", Span(*at_ns));
        for (name, plight) in names.iter().zip(plights) {
            let (head, indent) = (format!("    {name:wide$}  "), " ".repeat(wide + 8));
            for (position, words) in plight.words().iter().enumerate() {
                let head = if position == 0 { head.clone() } else { " ".repeat(wide + 6) };
                text.push_str(&wrapped(&head, &indent, words));
            }
        }
        text
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
            None if *self.expected == Expected::Blocks && self.comes_out => "blocked".to_string(),
            None if self.oracle == Oracle::Clients => "clients noticed nothing".to_string(),
            None => "every property held".to_string(),
        };
        match (self.expected, self.comes_out) {
            (_, true) if !self.met => format!("{what}, but not all happened that the scenario expects"),
            (Expected::Holds, _) => what,
            (Expected::Known(_), true) if self.outcome.verdict().is_none() => what,
            (Expected::Known(_), true) => format!("{what}, a known finding"),
            (_, true) => format!("{what}, as expected"),
            (expected, false) => {
                format!("{what}, but the scenario expects that it {}", expected_text(expected, self.side))
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
            (None, None) if self.is_drawn && !self.met && self.plan.is_none() => {
                format!(
                    "  search  {program} campaign {trial}   it is enough if one run of many comes out so\n"
                )
            }
            (None, None) => String::new(),
        }
    }
}
