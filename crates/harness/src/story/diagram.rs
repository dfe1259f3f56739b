//! The space-time diagram: a lane for each node, time flowing down, a row for each scene.
//!
//! Plain ASCII: its columns stand in every font, mail and issue, and it can be drawn on by hand.

use std::collections::BTreeMap;

use quarrel_formats::trace::Trace;
use quarrel_sim::decision::Endpoint;
use quarrel_sim::fault::Action;

use super::beat::{Arrow, Class, fault_of};
use super::lanes::{Lanes, crashed, struck};
use super::plot::{Plot, Scene};
use super::short::{ending, opening};
use super::words::{COLUMNS, Clock, clip, page, width, wrap};

/// The most rows.
const ROWS: usize = 48;
/// A pause of this part of the run is shown as an empty row.
const PAUSES: u64 = 20;
/// The columns of the time and of the space behind it.
const STAMP: usize = 11;

const LEGEND: &str = "  o-->*  sent, and arrived in this row     o--x  lost            *  what the text says\n  \
                      |  up   :  stalled or cut off   (blank)  down     X  crash   ^  restart   !  another fault, an order";

/// Draws a run.
#[must_use]
pub fn diagram(trace: &Trace) -> String {
    let plot = Plot::drawn(trace);
    let scenes = plot.best(ROWS);
    let marks: Vec<BTreeMap<Endpoint, char>> = scenes.iter().map(|scene| marks(trace, scene)).collect();
    let mut parts: BTreeMap<Endpoint, usize> = BTreeMap::new();
    for (scene, marks) in scenes.iter().zip(&marks) {
        let ends = scene.arrows.iter().flat_map(|arrow| arrow.to.iter().chain([&arrow.from]));
        for &who in marks.keys().chain(ends) {
            *parts.entry(who).or_default() += 1;
        }
    }
    let lanes = Lanes::new(trace, &parts);
    let mut lines = opening(trace);
    lines.extend(LEGEND.lines().map(|line| clip(line, COLUMNS)));
    if lanes.missing(trace) > 0 {
        lines.push(format!("  {} more nodes have no lane: they do least here", lanes.missing(trace)));
    }
    lines.push(String::new());
    lines.push(format!("{:STAMP$}{}", "", lanes.heads()));
    let pause = (trace.verdict.at_ns / PAUSES).max(1);
    let mut before = scenes.first().map_or(0, |scene| scene.at);
    let clock = Clock::until(trace.verdict.at_ns);
    let mut drawn = None;
    for (scene, marks) in scenes.iter().zip(&marks) {
        // What more comes of the same message needs no second arrow; messages of many times have no one row.
        let message = Some((&scene.events, &scene.arrows));
        let arrows = if drawn == message || scene.is_long() { &[][..] } else { &scene.arrows[..] };
        drawn = message;
        if scene.at.saturating_sub(before) >= pause {
            lines.push(row("", &lanes.row(before + (scene.at - before) / 2, &[], &BTreeMap::new()), ""));
        }
        before = scene.at;
        draw(scene, arrows, marks, (&lanes, clock), &mut lines);
    }
    lines.push(String::new());
    lines.extend(ending(trace));
    page(&lines)
}

fn draw(
    scene: &Scene,
    arrows: &[Arrow],
    marks: &BTreeMap<Endpoint, char>,
    (lanes, clock): (&Lanes, Clock),
    lines: &mut Vec<String>,
) {
    const LABEL_LINES: usize = 2;
    let label = match &scene.message {
        Some(message) if !arrows.is_empty() => format!("{message}: {}", scene.told(clock)),
        _ => scene.told(clock),
    };
    let room = COLUMNS - STAMP - lanes.width() - 2;
    let mut labels = wrap(&label, room);
    if labels.len() > LABEL_LINES {
        labels.truncate(LABEL_LINES);
        labels[LABEL_LINES - 1] = clip(&format!("{} ...", labels[LABEL_LINES - 1]), room);
    }
    for (position, label) in labels.iter().enumerate() {
        if position == 0 {
            lines.push(row(&clock.stamp(scene.at), &lanes.row(scene.at, arrows, marks), label));
        } else {
            let below = lanes.row(scene.at.saturating_add(1), &[], &BTreeMap::new());
            lines.push(row("", &below, label));
        }
    }
}

fn row(stamp: &str, lanes: &str, label: &str) -> String {
    let stamp = clip(stamp, STAMP - 2);
    let line = format!("{stamp:>wide$}  {lanes}  {label}", wide = STAMP - 2);
    debug_assert!(width(&line) <= COLUMNS, "a row is at most {COLUMNS} columns wide: {line}");
    line
}

/// What stands in the lanes of those who do something in this row.
fn marks(trace: &Trace, scene: &Scene) -> BTreeMap<Endpoint, char> {
    let mark = match scene.class {
        Class::Restart => '^',
        Class::Crash => 'X',
        _ => '*',
    };
    let mut marks: BTreeMap<Endpoint, char> = scene.subjects.iter().map(|&who| (who, mark)).collect();
    if scene.class == Class::Order {
        let events = scene.events.iter().filter_map(|&position| trace.events.get(position));
        marks.extend(events.filter_map(|event| Some((event.who?, '!'))));
    }
    if scene.class == Class::Fault {
        for event in scene.events.iter().filter_map(|&position| trace.events.get(position)) {
            if let Some(fault) = fault_of(trace, event) {
                let struck = match &fault.action {
                    Action::Clock { node, .. }
                    | Action::SlowDisk { node, .. }
                    | Action::Expire { node, .. }
                    | Action::BitRot { node, .. }
                    | Action::ClockJump { node, .. }
                    | Action::Betray { node, .. } => quarrel_protocol::NodeSet::only(*node),
                    Action::LyingDisk { nodes } | Action::FullDisk { nodes } => *nodes,
                    action => struck(action),
                };
                marks.extend(struck.iter().map(|node| (Endpoint::Node(node), '!')));
            }
            marks.extend(crashed(event).into_iter().map(|who| (who, 'X')));
        }
    }
    marks
}
