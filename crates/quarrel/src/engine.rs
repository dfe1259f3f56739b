//! The engine of a campaign: many seeds of one scenario, on all cores.
//!
//! Runs are pure functions of their seeds, and tallies add up in any order; so the result of a campaign depends
//! neither on the number of threads nor on how they interleave. Chunks of seeds are handed out in order and merged in
//! order: what a report speaks of is always a range of seeds without gaps.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use quarrel_formats::scenario::Expected;
use quarrel_formats::trace::{Judgement, Trace};
use quarrel_harness::case::Shrunk;
use quarrel_harness::model::Retrial;
use quarrel_harness::registry::Trial;
use quarrel_harness::shrink::ShrinkReport;
use quarrel_harness::tallies::{Group, Tallies};

use crate::judgement::shows;
use crate::panics::in_run;

/// What a campaign is to do.
#[derive(Clone, Debug)]
pub struct Orders {
    /// The seeds, half-open.
    pub seeds: Range<u64>,
    /// How many threads; at least 1.
    pub jobs: usize,
    /// End after the first so many failing seeds, in the order of seeds.
    pub stop_after: Option<u64>,
    /// End when this much time has passed.
    pub time_limit: Option<Duration>,
    /// Whether failures are made small.
    pub shrinking: Shrinking,
}

/// Whether failures are made small.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shrinking {
    /// Each signature's lowest seeds are shrunk, and the smallest run is kept.
    Each,
    /// Failures are kept as they are.
    Off,
}

impl Orders {
    /// These seeds on all cores, to the end, with shrinking.
    #[must_use]
    pub fn new(seeds: Range<u64>) -> Self {
        Self { seeds, jobs: all_cores(), stop_after: None, time_limit: None, shrinking: Shrinking::Each }
    }
}

/// How many threads this machine runs at once.
#[must_use]
pub fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// How far a campaign is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Some runs are done.
    Runs {
        /// How many.
        done: u64,
        /// How many there are to do.
        total: u64,
        /// How many of those done failed.
        failed: u64,
    },
    /// A failing seed is about to be shrunk.
    Shrinking {
        /// Which.
        seed: u64,
    },
}

/// Whoever is told of progress, from any thread.
pub type Hear<'a> = &'a (dyn Fn(Progress) + Sync);

/// How a campaign ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Every seed was run.
    Complete,
    /// Enough seeds had failed.
    EnoughFailures,
    /// The time was up.
    TimeUp,
    /// Somebody interrupted it.
    Interrupted,
}

/// One way in which runs failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How, in how many runs, at which seeds.
    pub group: Group,
    /// The seed that tells it.
    pub seed: u64,
    /// The run that tells it.
    pub trace: Trace,
    /// What shrinking gave; `None` when it was off or interrupted.
    pub shrunk: Option<ShrinkReport>,
    /// If every such run failed outside the model: what became of those at hand without what lies outside, and the
    /// lowest seed of which that is true. One that survives outranks all others.
    pub retried: Option<(Retrial, u64)>,
}

impl Failure {
    /// Whether it fails so without what lies outside the model as well.
    #[must_use]
    pub fn survives(&self) -> bool {
        matches!(self.retried, Some((Retrial::Survives, _)))
    }

    /// The two facts that collide, as the trace at hand tells them.
    #[must_use]
    pub fn detail(&self) -> &str {
        match &self.trace.verdict.judgement {
            Judgement::Violated(violation) => &violation.detail,
            Judgement::Held => &self.group.violation.detail,
        }
    }
}

/// What came of a campaign.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The sums over all runs.
    pub tallies: Tallies,
    /// The seeds that were run: a prefix of those that were ordered.
    pub seeds: Range<u64>,
    /// How it ended.
    pub end: End,
    /// One for each signature, the most important first.
    pub failures: Vec<Failure>,
    /// Whether somebody interrupted it while failures were made small: some may be larger than they need be.
    pub shrinking_stopped: bool,
    /// How long the runs took on the wall clock.
    pub wall: Duration,
}

/// Seeds handed out at once: enough that threads rarely meet, few enough that a campaign stops quickly.
const CHUNK: u64 = 32;
/// How many signatures are shrunk; a protocol that fails in more ways than these has a reader who can wait.
const SIGNATURES_SHRUNK_MAX: usize = 24;

/// Runs a campaign. `progress` is told now and then; `interrupted` ends it early. Panics in runs are verdicts, and
/// silent.
pub fn run(trial: &dyn Trial, orders: &Orders, progress: Hear<'_>, interrupted: &AtomicBool) -> Findings {
    let started = Instant::now();
    let shared = Shared::new(orders, started, interrupted);
    std::thread::scope(|scope| {
        for _ in 0..orders.jobs.max(1) {
            scope.spawn(|| shared.work(trial, progress));
        }
    });
    let (tallies, seeds, end) = shared.collect(trial);
    let wall = started.elapsed();
    let failures = failures(trial, orders, &tallies, progress, interrupted);
    // A signal that comes when there is nothing left to do has stopped nothing.
    let is_left = |failure: &Failure| !failure.shrunk.is_some_and(|report| report.one_minimal);
    let shrinking_stopped = orders.shrinking == Shrinking::Each
        && interrupted.load(Ordering::Relaxed)
        && failures.iter().any(is_left);
    Findings { tallies, seeds, end, failures, shrinking_stopped, wall }
}

/// What the threads share.
struct Shared<'a> {
    orders: &'a Orders,
    started: Instant,
    interrupted: &'a AtomicBool,
    /// The number of the next chunk to hand out.
    next: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    merged: Mutex<Merged>,
    /// Enough has been seen: no more chunks.
    enough: AtomicBool,
}

/// What was merged in order, and what waits for its turn.
#[derive(Default)]
struct Merged {
    tallies: Tallies,
    chunks: u64,
    waiting: BTreeMap<u64, Tallies>,
    /// The seed at which enough had failed; its chunk is not merged.
    last: Option<u64>,
}

impl<'a> Shared<'a> {
    fn new(orders: &'a Orders, started: Instant, interrupted: &'a AtomicBool) -> Self {
        Self {
            orders,
            started,
            interrupted,
            next: AtomicU64::new(0),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            merged: Mutex::default(),
            enough: AtomicBool::new(false),
        }
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    fn is_time_up(&self) -> bool {
        self.orders.time_limit.is_some_and(|limit| self.started.elapsed() >= limit)
    }

    fn stops(&self) -> bool {
        self.is_interrupted() || self.is_time_up()
    }

    /// The seeds of a chunk; empty behind the end.
    fn seeds_of(&self, chunk: u64) -> Range<u64> {
        let Range { start, end } = self.orders.seeds;
        let at = |number: u64| number.checked_mul(CHUNK).and_then(|offset| start.checked_add(offset));
        let clamp = |seed: Option<u64>| seed.unwrap_or(end).min(end);
        clamp(at(chunk))..clamp(at(chunk + 1))
    }

    fn work(&self, trial: &dyn Trial, progress: Hear<'_>) {
        while !self.stops() && !self.enough.load(Ordering::Relaxed) {
            let chunk = self.next.fetch_add(1, Ordering::Relaxed);
            let seeds = self.seeds_of(chunk);
            if seeds.is_empty() {
                return;
            }
            let asked = seeds.end - seeds.start;
            let tallies = in_run(|| trial.batch(seeds, &|| self.stops()));
            let done = self.done.fetch_add(tallies.runs, Ordering::Relaxed) + tallies.runs;
            let failures = tallies.failed.len() as u64;
            let failed = self.failed.fetch_add(failures, Ordering::Relaxed) + failures;
            let total = self.orders.seeds.end - self.orders.seeds.start;
            progress(Progress::Runs { done, total, failed });
            // A chunk that was stopped in the middle would leave a gap before its successors: it does not count.
            if tallies.runs == asked {
                self.hand_in(chunk, tallies);
            }
        }
    }

    fn hand_in(&self, chunk: u64, tallies: Tallies) {
        let mut guard = self.merged.lock().unwrap_or_else(PoisonError::into_inner);
        let merged = &mut *guard;
        merged.waiting.insert(chunk, tallies);
        while merged.last.is_none() {
            let Some(tallies) = merged.waiting.remove(&merged.chunks) else { break };
            let missing = self
                .orders
                .stop_after
                .map(|enough| enough.saturating_sub(merged.tallies.failed.len() as u64));
            let last = missing.and_then(|missing| tallies.failed.get(missing.saturating_sub(1) as usize));
            if let Some(&last) = last {
                merged.last = Some(last);
                self.enough.store(true, Ordering::Relaxed);
            } else {
                merged.tallies.merge(&tallies);
                merged.chunks += 1;
            }
        }
    }

    fn collect(&self, trial: &dyn Trial) -> (Tallies, Range<u64>, End) {
        let mut merged = self.merged.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, end) = (self.orders.seeds.start, self.seeds_of(merged.chunks).start);
        let mut tallies = std::mem::take(&mut merged.tallies);
        if let Some(last) = merged.last {
            // Tallies cannot be subtracted: of the last chunk, run again what counts.
            tallies.merge(&in_run(|| trial.batch(end..last + 1, &|| false)));
            return (tallies, start..last + 1, End::EnoughFailures);
        }
        let how = match () {
            () if end >= self.orders.seeds.end => End::Complete,
            () if self.is_interrupted() => End::Interrupted,
            () => End::TimeUp,
        };
        (tallies, start..end, how)
    }
}

/// A story of so few items needs no better seed.
const ITEMS_ENOUGH: usize = 8;

/// The smallest run of a group: its seeds are shrunk in order until one is small enough.
fn smallest(
    trial: &dyn Trial,
    group: &Group,
    progress: Hear<'_>,
    interrupted: &AtomicBool,
) -> Option<(u64, Shrunk)> {
    let mut smallest: Option<(u64, Shrunk)> = None;
    for &seed in &group.seeds {
        let best = smallest.as_ref().map_or(usize::MAX, |(_, shrunk)| shrunk.report.after);
        if best <= ITEMS_ENOUGH || interrupted.load(Ordering::Relaxed) {
            break;
        }
        progress(Progress::Shrinking { seed });
        smallest = in_run(|| trial.shrink(seed, &|| interrupted.load(Ordering::Relaxed)))
            .filter(|shrunk| shrunk.report.after < best)
            .map(|shrunk| (seed, shrunk))
            .or(smallest);
    }
    smallest
}

/// Where every run failed outside the model, but the one at hand, made small, does not: it is the proof that nothing from
/// outside is needed.
fn proven_inside(group: &Group, seed: u64, trace: &Trace) -> Option<(Retrial, u64)> {
    let fails = matches!(trace.verdict.judgement, Judgement::Violated(_));
    (group.is_outside() && fails && trace.verdict.outside.is_empty()).then_some((Retrial::Survives, seed))
}

/// Runs what fails only outside the model again without what lies outside. The smallest run would not do: in it each
/// fault is needed, though others could have stood in for it.
fn retry(trial: &dyn Trial, group: &Group, interrupted: &AtomicBool) -> Option<(Retrial, u64)> {
    let mut retried: Option<(Retrial, u64)> = None;
    for &seed in group.seeds.iter().filter(|_| group.is_outside()) {
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
        match (in_run(|| trial.retry_inside(seed)), &retried) {
            (Some(Retrial::Survives), _) => return Some((Retrial::Survives, seed)),
            (Some(found), None) => retried = Some((found, seed)),
            (Some(Retrial::Undecided), Some((Retrial::Gone, _))) => {
                retried = Some((Retrial::Undecided, seed))
            }
            _ => {}
        }
    }
    retried
}

/// Makes each way of failing small: what the scenario asks for first (the violation that it expects, or whatever is no
/// known finding), then what matters most.
fn failures(
    trial: &dyn Trial,
    orders: &Orders,
    tallies: &Tallies,
    progress: Hear<'_>,
    interrupted: &AtomicBool,
) -> Vec<Failure> {
    let expected = trial.scenario().expected(trial.flaws());
    let breaks = trial.flaws_on();
    let is_known = |group: &Group| trial.scenario().known(trial.flaws(), &group.violation).is_some();
    // Known findings come last; of the others first what was asked for, by the scenario or by a flaw.
    let rank = |group: &&Group| {
        let property = group.violation.property.as_str();
        let is_asked = match &expected {
            Expected::Violates(asked) => shows(property, asked),
            Expected::Holds | Expected::Blocks | Expected::Known(_) => {
                breaks.iter().any(|flaw| shows(property, flaw.breaks))
            }
        };
        (is_known(group), !is_asked)
    };
    let mut groups = tallies.ranked();
    groups.sort_by_key(rank);
    let mut failures = Vec::with_capacity(groups.len());
    for (position, group) in groups.into_iter().enumerate() {
        let shrinking = orders.shrinking == Shrinking::Each && position < SIGNATURES_SHRUNK_MAX;
        let smallest = if shrinking { smallest(trial, group, progress, interrupted) } else { None };
        let first = group.seeds.first().copied().unwrap_or_default();
        let (seed, trace, shrunk) = match smallest {
            Some((seed, shrunk)) => (seed, shrunk.trace, Some(shrunk.report)),
            None => (first, in_run(|| trial.record(first)), None),
        };
        let retried = proven_inside(group, seed, &trace).or_else(|| retry(trial, group, interrupted));
        failures.push(Failure { group: group.clone(), seed, trace, shrunk, retried });
    }
    failures
}
