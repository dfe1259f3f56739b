//! What a decision costs in fair weather: messages, bytes, delays, writes.
//!
//! Requests are so far apart that none is batched with another. What a request causes is followed from event to event,
//! so heartbeats are not in it; disks take no time then, and delays are those of the network alone. Whether something
//! waits for a write shows only when disks do take time: the same requests are run again for that.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use quarrel_formats::InputError;
use quarrel_harness::oracle::Judges;
use quarrel_harness::run::Metered;
use quarrel_protocol::NodeId;
use quarrel_sim::record::Parcel;
use quarrel_sim::time::{MILLISECOND, SECOND};

use super::ledger::{self, Answered};
use super::script::{GAP_NS, LATENCY_NS, SETTLED_NS};
use super::sheet::{Cell, Figure, Kind, Row};
use super::{Desk, Part};

/// How long a disk takes where it takes time: less than a message.
const SYNC: &str = "sync = \"100us\"\n";

/// One decision.
#[derive(Default)]
struct Sample {
    /// Messages and bytes, by kind.
    kinds: BTreeMap<&'static str, (u64, u64)>,
    /// Until the node that was asked has decided, and until all have that do; in nanoseconds.
    decided_ns: Option<u64>,
    last_ns: Option<u64>,
    /// Whether the request itself caused all of them to decide.
    at_once: bool,
    forced: u64,
    lazy: u64,
}

pub(super) fn measure(desk: &Desk<'_>) -> Result<Part, InputError> {
    let mut samples = Vec::new();
    let mut idle = Vec::new();
    for run in 0..runs(desk) {
        let calm = metered(desk, run, "")?;
        let numbers = numbers(desk);
        let synced = metered(desk, run, SYNC)?;
        let writes = ledger::writes(&synced.events);
        for number in numbers.clone() {
            let Some(answered) = ledger::answered(&calm.events, number) else { continue };
            let mut sample = read(desk, &calm, answered, number);
            if let Some(again) = ledger::answered(&synced.events, number) {
                let window = again.request..end_of(&synced, again, number);
                (sample.forced, sample.lazy) = ledger::forced_and_lazy(&writes, &window);
            }
            samples.push(sample);
        }
        idle.push(uncaused_per_second(&calm, numbers));
    }
    Ok(Part { cells: cells(desk, &samples, &idle), kinds: kinds(&samples), verdicts: Vec::new() })
}

/// A protocol that decides once decides once in each of several runs.
fn runs(desk: &Desk<'_>) -> u32 {
    if desk.description.decides_once() { desk.plan.decisions } else { 1 }
}

/// The operations that are looked at: where there are several, the first one finds out who leads.
fn numbers(desk: &Desk<'_>) -> RangeInclusive<u32> {
    if desk.description.decides_once() { 0..=0 } else { 1..=desk.plan.decisions }
}

fn metered(desk: &Desk<'_>, run: u32, disk: &str) -> Result<Metered, InputError> {
    let once = desk.description.decides_once();
    let last = *numbers(desk).end();
    let start_ns = if once { 100 * MILLISECOND } else { SETTLED_NS };
    let at_ns = |number: u32| start_ns + u64::from(number) * GAP_NS;
    let mut script = desk.script(at_ns(last) + 2 * GAP_NS);
    script.disk = disk.to_string();
    for number in 0..=last {
        // Each run has another proposer.
        script.ask(at_ns(number), once.then(|| NodeId((run % u32::from(desk.nodes())) as u8)));
    }
    let trial = desk.trial(&script, Judges::default())?;
    Ok(trial.metered(desk.plan.run_seed(0)))
}

/// Where the next request begins, or the run ends.
fn end_of(metered: &Metered, answered: Answered, number: u32) -> usize {
    let next = ledger::answered(&metered.events, number + 1);
    next.map_or(metered.events.len(), |next| next.request).max(answered.request)
}

fn read(desk: &Desk<'_>, metered: &Metered, answered: Answered, number: u32) -> Sample {
    let mut sample = Sample::default();
    let caused = ledger::caused_by(&metered.events, answered.request);
    for Parcel { kind, bytes, .. } in metered.parcels.iter().filter(|it| caused.contains(&it.event)) {
        let (messages, sum) = sample.kinds.entry(kind).or_default();
        *messages += 1;
        *sum += bytes;
    }
    let window = &metered.events[answered.request..end_of(metered, answered, number)];
    let outputs = ledger::outputs(window, desk.description.decides);
    let since = |at: u64| at.saturating_sub(answered.arrived_ns);
    // Of a protocol that puts nothing out, an answer is all that is known of a decision.
    let here_ns = outputs.get(&answered.node).map(|&(at, _)| at);
    sample.decided_ns = here_ns.or(outputs.is_empty().then_some(answered.answered_ns)).map(since);
    sample.last_ns = outputs.values().map(|&(at, _)| since(at)).max();
    sample.at_once = outputs.values().all(|(_, event)| caused.contains(event));
    sample
}

/// Messages a second that none of these operations caused, in thousandths: in as many whole seconds as there are from
/// the arrival of the first to the end.
fn uncaused_per_second(metered: &Metered, numbers: RangeInclusive<u32>) -> u64 {
    let events = &metered.events;
    let answered: Vec<Answered> = numbers.filter_map(|number| ledger::answered(events, number)).collect();
    let Some(first) = answered.first() else { return 0 };
    let caused: BTreeSet<u64> =
        answered.iter().flat_map(|it| ledger::caused_by(events, it.request)).collect();
    let span_ns = metered.outcome.tally.ended_ns.saturating_sub(first.arrived_ns);
    let seconds = span_ns / SECOND;
    let until_ns = first.arrived_ns + seconds * SECOND;
    let sent_ns = |it: &Parcel| events.get(it.event as usize - 1).map_or(0, |event| event.at);
    let uncaused =
        |it: &&Parcel| (first.arrived_ns..until_ns).contains(&sent_ns(it)) && !caused.contains(&it.event);
    let count = metered.parcels.iter().filter(uncaused).count() as u64;
    (count * 1000).checked_div(seconds).unwrap_or(0)
}

fn cells(desk: &Desk<'_>, samples: &[Sample], idle: &[u64]) -> Vec<(Row, Cell)> {
    let description = desk.description;
    let is_acknowledgement = |kind: &str| description.acknowledgements.contains(&kind);
    let is_apart = |kind: &str| is_acknowledgement(kind) && !description.acknowledgements_within;
    let is_phase_one = |kind: &str| description.phase_one.contains(&kind);
    let sum = |sample: &Sample, counts: &dyn Fn(&str) -> bool| {
        let counted = sample.kinds.iter().filter(|(kind, _)| counts(kind));
        counted.fold((0, 0), |sum, (_, it)| (sum.0 + it.0, sum.1 + it.1))
    };
    let of = |read: &dyn Fn(&Sample) -> u64| {
        Figure::of(&samples.iter().map(|sample| read(sample) * 1000).collect::<Vec<_>>())
    };
    let delays = |read: &dyn Fn(&Sample) -> Option<u64>| {
        let delays = samples.iter().filter_map(read).map(|ns| ns * 1000 / LATENCY_NS);
        Figure::of(&delays.collect::<Vec<_>>())
    };
    let late = samples.iter().any(|sample| !sample.at_once);
    let note = late.then(|| "nodes that were not asked learn it from a later message".to_string());
    let mut cells: Vec<(Row, Cell)> = vec![
        (Row::Messages, of(&|it| sum(it, &|kind| !is_apart(kind)).0).into()),
        (Row::Bytes, of(&|it| sum(it, &|kind| !is_apart(kind)).1).into()),
        (Row::Acknowledgements, of(&|it| sum(it, &is_acknowledgement).0).into()),
        (Row::AcknowledgementBytes, of(&|it| sum(it, &is_acknowledgement).1).into()),
        (Row::IdleMessages, Figure::of(idle).into()),
        (Row::Delays, delays(&|it| it.decided_ns).into()),
        (Row::DelaysToLast, Cell { note, ..delays(&|it| it.last_ns).into() }),
        (Row::ForcedWrites, of(&|it| it.forced).into()),
        (Row::LazyWrites, of(&|it| it.lazy).into()),
    ];
    if !description.phase_one.is_empty() {
        let second = of(&|it| sum(it, &|kind| !is_apart(kind) && !is_phase_one(kind)).0);
        cells.push((Row::MessagesWithoutPhaseOne, second.into()));
    }
    cells
}

fn kinds(samples: &[Sample]) -> Vec<Kind> {
    let names: BTreeSet<&'static str> =
        samples.iter().flat_map(|sample| sample.kinds.keys().copied()).collect();
    let of = |name: &str, read: &dyn Fn((u64, u64)) -> u64| {
        let each = samples.iter().map(|it| read(it.kinds.get(name).copied().unwrap_or_default()) * 1000);
        Figure::of(&each.collect::<Vec<_>>())
    };
    let kind = |name| Kind { name, messages: of(name, &|it| it.0), bytes: of(name, &|it| it.1) };
    names.into_iter().map(kind).collect()
}
