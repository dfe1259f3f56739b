//! How long nothing is decided after the leader has crashed in the middle of a request.
//!
//! Of a commit: how long the longest of those that are up is in doubt. Of anything else: how long until a request is
//! answered that came after the crash; one comes every few milliseconds, and asks another node when it hears nothing.

use quarrel_formats::InputError;
use quarrel_harness::oracle::Judges;
use quarrel_protocol::NodeSet;
use quarrel_sim::time::{MILLISECOND, SECOND};

use super::crashes::{MOMENTS, rehearse, under_way};
use super::ledger::{self, Answered};
use super::script::LATENCY_NS;
use super::sheet::{Cell, Figure, Row};
use super::{Desk, Part};

/// How long the leader is away, if it comes back.
const OUTAGE_NS: u64 = 2 * SECOND;
/// How long anybody looks. A commit that is not decided by then has had time for every timeout several times.
const COMMIT_WATCHED_NS: u64 = 20 * SECOND;
const WATCHED_NS: u64 = 4 * SECOND;
/// How many runs there are, each with timeouts of its own.
const SEEDS: u64 = 8;
/// The gap between requests after the crash.
const EVERY_NS: u64 = 10 * MILLISECOND;
/// Timeouts are drawn from their whole range.
const CLOCK: &str = "timer-spread = 1.0\n";

pub(super) fn measure(desk: &Desk<'_>) -> Result<Part, InputError> {
    let mut cells: Vec<(Row, Cell)> = Vec::new();
    for (row, outage_ns) in [(Row::Blocked, None), (Row::BlockedReturning, Some(OUTAGE_NS))] {
        cells.push((row, longest(desk, outage_ns)?.into()));
    }
    Ok(Part { cells, ..Part::default() })
}

/// The longest over all moments of the crash: for each seed, then the range over seeds.
fn longest(desk: &Desk<'_>, outage_ns: Option<u64>) -> Result<Figure, InputError> {
    if desk.nodes() < 2 && outage_ns.is_none() {
        return Ok(Figure::ForEver);
    }
    let mut longest = Vec::new();
    for number in 0..SEEDS {
        let seed = desk.plan.run_seed(number);
        let Some(rehearsed) = rehearse(desk, seed, CLOCK)? else { return Ok(Figure::Moot) };
        let mut most_us = 0;
        for moment in MOMENTS {
            if (desk.stop)() {
                return Ok(Figure::Moot);
            }
            let at_ns = rehearsed.arrived_ns + moment * LATENCY_NS / 2;
            let Some(blocked_ns) = blocked(desk, seed, rehearsed, at_ns, outage_ns)? else {
                return Ok(Figure::ForEver);
            };
            // Thousandths of a millisecond.
            most_us = most_us.max(blocked_ns / 1000);
        }
        longest.push(most_us);
    }
    Ok(Figure::of(&longest))
}

/// How long it is blocked when the leader crashes then; `None` when that is longer than anybody looked.
fn blocked(
    desk: &Desk<'_>,
    seed: u64,
    rehearsed: Answered,
    at_ns: u64,
    outage_ns: Option<u64>,
) -> Result<Option<u64>, InputError> {
    let is_commit = desk.description.is_commit();
    let watched_ns = if is_commit { COMMIT_WATCHED_NS } else { WATCHED_NS };
    let (mut script, last) = under_way(desk, at_ns + watched_ns, CLOCK);
    script.crash(at_ns, NodeSet::only(rehearsed.node), outage_ns);
    let left = NodeSet::only(rehearsed.node).complement(usize::from(desk.nodes())).iter().next();
    if !is_commit {
        // One value is chosen: who asks for it twice only gets into its own way.
        let requests = if desk.description.decides_once() { 1 } else { watched_ns / EVERY_NS - 1 };
        for number in 0..requests {
            script.ask_apart(at_ns + (1 + number * EVERY_NS).max(1), left);
        }
    }
    let metered = desk.trial(&script, Judges::default())?.metered(seed);
    let events = &metered.events;
    if !is_commit {
        let asked = last + 1..=last + (watched_ns / EVERY_NS) as u32;
        let decided = asked.filter_map(|number| ledger::answered(events, number));
        return Ok(decided.map(|it| it.answered_ns).min().map(|ns| ns - at_ns));
    }
    let first = events.partition_point(|event| event.at < rehearsed.arrived_ns);
    let decided = ledger::outputs(&events[first..], desk.description.decides);
    let bound = ledger::outputs(&events[first..], "votes yes");
    // The decision of each that votes; one that is missing makes it for ever.
    let times: Option<Vec<u64>> = bound.keys().map(|node| Some(decided.get(node)?.0)).collect();
    Ok(times.map(|times| times.into_iter().max().unwrap_or(at_ns).saturating_sub(at_ns)))
}
