//! The story in ten to twenty lines, and in one.

use std::collections::BTreeMap;

use quarrel_formats::trace::{Judgement, Trace};
use quarrel_protocol::{NodeSet, PropertyKind, Violation};
use quarrel_sim::decision::{DecisionKind, Fate, Remains};

use super::beat::{Class, requests};
use super::faults::noun;
use super::plot::{MOMENT, Plot, Scene};
use super::words::{COLUMNS, Clock, clip, fit, page, thousands, tidy, time, width, wrap};

/// The most lines of a story.
const LINES: usize = 20;
/// The most lines between its opening and its end: fewer than could be, so that a story stays one.
const LINES_TOLD: usize = 14;

/// Tells a run in at most twenty lines.
#[must_use]
pub fn short(trace: &Trace) -> String {
    let mut lines = opening(trace);
    let end = ending(trace);
    let plot = Plot::told(trace);
    let room = LINES.saturating_sub(lines.len() + end.len() + 1).min(LINES_TOLD);
    let clock = Clock::until(trace.verdict.at_ns);
    let told = tell(&plot, room, clock);
    let stamps: Vec<String> = told.iter().map(|line| clock.stamp(line.at)).collect();
    let wide = stamps.iter().map(|stamp| width(stamp)).max().unwrap_or(0).max(8);
    for (line, stamp) in told.iter().zip(&stamps) {
        let room = COLUMNS.saturating_sub(wide + 2);
        lines.push(format!("{stamp:>wide$}  {}", fit(&line.text, room)));
    }
    let left_out =
        trace.events.len() - told.iter().map(|line| line.events).sum::<usize>().min(trace.events.len());
    if left_out > 0 {
        let events = if left_out == 1 { "1 event" } else { &format!("{} events", thousands(left_out)) };
        lines.push(format!("{:>wide$}  {events} left out; --full shows them", "..."));
    }
    lines.extend(end);
    lines.truncate(LINES);
    page(&lines)
}

/// Tells a run in one line.
#[must_use]
pub fn summary(trace: &Trace) -> String {
    let detail = match &trace.verdict.judgement {
        Judgement::Held if trace.verdict.blocked.is_empty() => "all properties hold".to_string(),
        Judgement::Held => {
            let blocked = tidy(&trace.verdict.blocked.join("; "));
            clip(&format!("all properties hold, but it blocks: {blocked}"), COLUMNS)
        }
        Judgement::Violated(Violation { detail, .. }) => tidy(detail),
    };
    if trace.verdict.judgement == Judgement::Held {
        return detail;
    }
    let detail = fit(detail.trim_end(), COLUMNS);
    let after = [causes(trace, NAMED), causes(trace, 0)].into_iter().filter(|causes| !causes.is_empty());
    let whole = after.map(|causes| tidy(&format!("{detail}, after {causes}")).trim_end().to_string());
    whole.into_iter().find(|whole| width(whole) <= COLUMNS).unwrap_or(detail)
}

/// At most so many faults are each named in a summary.
const NAMED: usize = 3;

struct Line {
    at: u64,
    text: String,
    events: usize,
    class: Class,
}

/// The scenes that fit into so many lines. Neighbours of one kind and one
/// moment share a line when there is more to tell than room.
fn tell(plot: &Plot, room: usize, clock: Clock) -> Vec<Line> {
    let alone = |scene: &Scene| Line {
        at: scene.at,
        text: scene.told(clock),
        events: scene.events.len(),
        class: scene.class,
    };
    let mut told: Vec<Line> = plot.best(room).into_iter().map(alone).collect();
    if plot.len() <= room {
        return told;
    }
    for most in room..=plot.len() {
        let lines = share_lines(plot.best(most).into_iter().map(alone));
        if lines.len() > room {
            break;
        }
        told = lines;
    }
    told
}

fn share_lines(lines: impl Iterator<Item = Line>) -> Vec<Line> {
    const STAMP: usize = 12;
    let mut shared: Vec<Line> = Vec::new();
    for line in lines {
        match shared.last_mut() {
            Some(before)
                if before.class == line.class
                    && line.at.saturating_sub(before.at) <= MOMENT
                    && matches!(
                        line.class,
                        Class::Fault
                            | Class::Crash
                            | Class::Order
                            | Class::Fate
                            | Class::Restart
                            | Class::Ask
                    )
                    && width(&before.text) + width(&line.text) + 2 <= COLUMNS - STAMP =>
            {
                before.text.push_str("; ");
                before.text.push_str(&line.text);
                before.events += line.events;
            }
            _ => shared.push(line),
        }
    }
    shared
}

/// What ran: protocol, nodes, flaws, scenario, seed, simulated time.
pub(super) fn opening(trace: &Trace) -> Vec<String> {
    let header = &trace.header;
    let nodes = header.world.nodes;
    let comma = if header.world.traitors.is_empty() { "" } else { "," };
    let flaws = match header.flaws.as_slice() {
        [] => String::new(),
        [flaw] => format!("{comma} with the flaw {flaw}"),
        flaws => format!("{comma} with the flaws {}", flaws.join(", ")),
    };
    let text = format!(
        "{} on {nodes} node{}{}{flaws}: {}, seed {}, {} of simulated time",
        header.protocol,
        if nodes == 1 { "" } else { "s" },
        traitors(header.world.traitors),
        header.scenario,
        header.seed,
        time(trace.verdict.at_ns),
    );
    let mut lines = wrap(&tidy(&text), COLUMNS);
    lines.truncate(3);
    lines
}

/// Who does what it likes, whether that breaks the model or not: `, n2 a traitor`.
fn traitors(traitors: NodeSet) -> String {
    let who: Vec<String> = traitors.iter().map(|node| node.to_string()).collect();
    match who.as_slice() {
        [] => String::new(),
        [one] => format!(", {one} a traitor"),
        [most @ .., last] => format!(", {} and {last} traitors", most.join(", ")),
    }
}

/// What collides, and which property says so.
pub(super) fn ending(trace: &Trace) -> Vec<String> {
    let Judgement::Violated(violation) = &trace.verdict.judgement else {
        let blocked = match trace.verdict.blocked.as_slice() {
            [] => String::new(),
            blocked => format!(", but it blocks: {}", blocked.join("; ")),
        };
        return wrap(&tidy(&format!("All properties hold{blocked}.{}", unanswered(trace))), COLUMNS);
    };
    let what = match violation.kind {
        PropertyKind::Limit => "Limit reached",
        PropertyKind::Panic => "Panic",
        PropertyKind::Assertion => "Assertion failed",
        PropertyKind::Liveness | PropertyKind::Paper | PropertyKind::Client | PropertyKind::Invariant => {
            "Violated"
        }
    };
    let mut lines = vec![clip(&tidy(&format!("{what}: {}", violation.property)), COLUMNS)];
    let detail = tidy(&violation.detail);
    let sides = match detail.split_once(", but ") {
        Some((one, other)) => vec![format!("{one},"), format!("but {other}.")],
        None => vec![format!("{detail}.")],
    };
    let indented = sides.iter().flat_map(|side| wrap(side, COLUMNS - 4));
    lines.extend(indented.take(5).map(|line| format!("    {line}")));
    if !trace.verdict.outside.is_empty() {
        let label = tidy(&format!("Outside the model: {}.", trace.verdict.outside.join("; ")));
        lines.extend(wrap(&label, COLUMNS).into_iter().take(2));
    }
    lines
}

/// What clients asked for and never heard of again.
fn unanswered(trace: &Trace) -> String {
    const NAMED_MAX: usize = 2;
    let mut waiting = requests(trace);
    for event in &trace.events {
        if matches!(&*event.kind, "answer" | "fail") {
            let ends = |letter: char| letter == ':' || letter == ' ';
            waiting.remove(event.what.split(ends).next().unwrap_or_default());
        }
    }
    let named: Vec<String> =
        waiting.iter().take(NAMED_MAX).map(|(name, words)| format!("{name} ({words})")).collect();
    match (named.is_empty(), waiting.len() - named.len()) {
        (true, _) => String::new(),
        (false, 0) => format!(" Never answered: {}.", named.join(", ")),
        (false, more) => format!(" Never answered: {} and {} more.", named.join(", "), thousands(more)),
    }
}

/// What the schedule holds, as nouns; more than `named` faults only by their number.
fn causes(trace: &Trace, named: usize) -> String {
    let faults = &trace.header.world.faults;
    let mut nouns: Vec<String> = match faults.len() {
        few if few <= named => {
            faults.iter().map(|fault| noun(&fault.action, trace.header.world.nodes)).collect()
        }
        1 => vec!["a fault".to_string()],
        many => vec![format!("{many} faults")],
    };
    match trace.header.orders.len() {
        0 => {}
        1 => nouns.push("an order".to_string()),
        many => nouns.push(format!("{many} orders")),
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for decision in &trace.header.decisions {
        let of = match (decision.key.kind, Fate::decode(decision.value)) {
            (DecisionKind::Fate, Fate::Lost) => "lost message",
            (DecisionKind::Fate, Fate::Twice(..)) => "doubled message",
            (DecisionKind::Fate, Fate::Arrives(_)) => "late message",
            (DecisionKind::Sync, _) => "slow write",
            (DecisionKind::Lost, _) => "lost write",
            (DecisionKind::Cut, _) => "broadcast cut short",
            (DecisionKind::Torn, _) => "torn write",
            (DecisionKind::Write, _) if Remains::decode(decision.value) == Remains::Half => "torn write",
            (DecisionKind::Write, _) => "lost write",
            // When a timer fires is nothing that goes wrong.
            (DecisionKind::Timer, _) => continue,
        };
        *counts.entry(of).or_default() += 1;
    }
    nouns.extend(counts.into_iter().map(|(of, count)| match (count, of.split_once(' ')) {
        (1, _) => format!("a {of}"),
        (_, Some(("broadcast", how))) => format!("{count} broadcasts {how}"),
        _ => format!("{count} {of}s"),
    }));
    match nouns.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
