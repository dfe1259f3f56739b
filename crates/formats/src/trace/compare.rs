//! What became of a trace when it was run again.

use std::fmt::{self, Display};

use quarrel_sim::record::{TraceEffect, TraceEvent};
use quarrel_sim::time::Span;

use super::judgement::Judgement;
use super::model::Trace;

/// What became of a trace when it was run again; see [`compare`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The same run, with the same verdict.
    Reproduced,
    /// Another run, in which the same thing is violated.
    SameViolation,
    /// The violation is gone: now all holds.
    Gone,
    /// Another run that does not show what the recorded one did.
    Diverged {
        /// The first event that differs, from 1; one past the last event where only the verdicts differ.
        event: u64,
        /// That event as recorded, in words.
        recorded: String,
        /// That event as replayed, in words.
        replayed: String,
    },
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Reproduced => f.write_str("reproduced"),
            Outcome::SameViolation => f.write_str("same violation by another path"),
            Outcome::Gone => f.write_str("violation gone"),
            Outcome::Diverged { event, .. } => write!(f, "diverged at event {event}"),
        }
    }
}

/// Compares a recorded run with what it was when run again.
///
/// | recorded | replayed | same run | another run |
/// |---|---|---|---|
/// | held | held | [`Outcome::Reproduced`] | [`Outcome::Diverged`] |
/// | held | violated | [`Outcome::Diverged`] | [`Outcome::Diverged`] |
/// | violated | same signature | [`Outcome::Reproduced`] | [`Outcome::SameViolation`] |
/// | violated | other signature | [`Outcome::Diverged`] | [`Outcome::Diverged`] |
/// | violated | held | [`Outcome::Gone`] | [`Outcome::Gone`] |
///
/// "Same run" means that the digests are equal, and so is every event. A violation that gives way to *another* one is
/// not gone: whoever expects it to be gone must hear of it. Equal digests with events that differ are a damaged
/// trace or something the digest does not cover, and so diverge whatever the verdicts.
///
/// A panic is the same one when its line has moved within its file, and one that was recorded without a place is the
/// same wherever its text comes from: see [`Violation::is_like`](quarrel_protocol::Violation::is_like).
///
/// Between versions of the tool the wording of events may change, and is not compared. Between algorithms of the
/// digest, digests are not.
#[must_use]
pub fn compare(recorded: &Trace, replayed: &Trace) -> Outcome {
    let measure = Measure::between(recorded, replayed);
    let difference = first_difference(recorded, replayed, measure);
    let same_digest =
        measure.digests == Digests::Ignored || recorded.verdict.digest == replayed.verdict.digest;
    let (before, now) = (&recorded.verdict.judgement, &replayed.verdict.judgement);
    let same_verdict = now.is_like(before);
    let same_end = recorded.verdict.at_ns == replayed.verdict.at_ns;
    match (before, now) {
        (Judgement::Violated(_), Judgement::Held) => Outcome::Gone,
        _ if same_verdict && same_digest && same_end && difference.is_none() => Outcome::Reproduced,
        (Judgement::Violated(_), _)
            if same_verdict && (!same_digest || measure.digests == Digests::Ignored) =>
        {
            Outcome::SameViolation
        }
        _ => difference.unwrap_or_else(|| Outcome::Diverged {
            event: recorded.events.len() as u64 + 1,
            recorded: describe_end(recorded),
            replayed: describe_end(replayed),
        }),
    }
}

/// What two traces can be compared by.
#[derive(Clone, Copy)]
struct Measure {
    wording: Wording,
    digests: Digests,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wording {
    Compared,
    Ignored,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Digests {
    Compared,
    Ignored,
}

impl Measure {
    fn between(one: &Trace, other: &Trace) -> Self {
        let (one, other) = (&one.header, &other.header);
        Self {
            wording: if one.tool == other.tool { Wording::Compared } else { Wording::Ignored },
            digests: match one.digest_algorithm == other.digest_algorithm {
                true => Digests::Compared,
                false => Digests::Ignored,
            },
        }
    }

    fn same_effect(self, one: &TraceEffect, other: &TraceEffect) -> bool {
        let same_words =
            self.wording == Wording::Ignored || (&one.what, &one.fate) == (&other.what, &other.fate);
        same_words && (&one.kind, one.to, one.milestone) == (&other.kind, other.to, other.milestone)
    }

    fn same_head(self, one: &TraceEvent, other: &TraceEvent) -> bool {
        let same_words = self.wording == Wording::Ignored || one.what == other.what;
        let head = |event: &TraceEvent| (event.n, event.at, event.who, event.cause, event.clock, event.from);
        same_words && one.kind == other.kind && head(one) == head(other)
    }

    /// The first respect in which two events differ.
    fn difference(self, one: &TraceEvent, other: &TraceEvent) -> Option<Respect> {
        if !self.same_head(one, other) {
            return Some(Respect::Head);
        }
        let shared = one.effects.iter().zip(&other.effects).position(|(a, b)| !self.same_effect(a, b));
        let lengths = one.effects.len().min(other.effects.len());
        let effect = shared.or((one.effects.len() != other.effects.len()).then_some(lengths));
        match effect {
            Some(position) => Some(Respect::Effect(position)),
            None => {
                (self.digests == Digests::Compared && one.digest != other.digest).then_some(Respect::Digest)
            }
        }
    }
}

/// In which respect two events differ.
#[derive(Clone, Copy)]
enum Respect {
    Head,
    Effect(usize),
    Digest,
}

fn first_difference(recorded: &Trace, replayed: &Trace, measure: Measure) -> Option<Outcome> {
    let (before, now) = (&recorded.events, &replayed.events);
    let differing = before.iter().zip(now).find_map(|(one, other)| {
        let respect = measure.difference(one, other)?;
        let (recorded, replayed) = (describe(one, respect), describe(other, respect));
        Some(Outcome::Diverged { event: one.n, recorded, replayed })
    });
    if differing.is_some() || before.len() == now.len() {
        return differing;
    }
    let shorter = before.len().min(now.len());
    let side = |trace: &Trace| match trace.events.get(shorter) {
        Some(event) => describe(event, Respect::Head),
        None => describe_end(trace),
    };
    Some(Outcome::Diverged { event: shorter as u64 + 1, recorded: side(recorded), replayed: side(replayed) })
}

/// An event on one line, down to what differs.
fn describe(event: &TraceEvent, respect: Respect) -> String {
    let mut text = Span(event.at).to_string();
    if let Some(who) = event.who {
        text.push_str(&format!(" {who}"));
    }
    text.push_str(&format!(" {}", event.kind));
    if let Some(from) = event.from {
        text.push_str(&format!(" from {from}"));
    }
    if let Some(cause) = event.cause {
        text.push_str(&format!(" (by event {cause})"));
    }
    text.push_str(&format!(": {}", event.what));
    match respect {
        Respect::Head => {}
        Respect::Digest => text.push_str(&format!("; digest {}", event.digest)),
        Respect::Effect(position) => match event.effects.get(position) {
            Some(effect) => text.push_str(&format!("; then {}", describe_effect(effect))),
            None => text.push_str("; then nothing more"),
        },
    }
    text
}

fn describe_effect(effect: &TraceEffect) -> String {
    let mut text = effect.kind.to_string();
    if let Some(to) = effect.to {
        text.push_str(&format!(" to {to}"));
    }
    text.push_str(&format!(": {}", effect.what));
    if let Some(fate) = &effect.fate {
        text.push_str(&format!(" ({fate})"));
    }
    text
}

fn describe_end(trace: &Trace) -> String {
    match &trace.verdict.judgement {
        Judgement::Held => format!("the run ends, digest {:016x}: all held", trace.verdict.digest),
        Judgement::Violated(violation) => {
            let digest = trace.verdict.digest;
            format!("the run ends, digest {digest:016x}: {}: {}", violation.property, violation.detail)
        }
    }
}
