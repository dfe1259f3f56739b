//! Inside or outside the model: whether a run that failed kept within what its protocol assumes of the world, and
//! whether it fails as well without what did not.

use quarrel_protocol::Violation;
use quarrel_sim::Struck;
use quarrel_sim::decision::{Decision, DecisionKind, Fate, Remains};
use quarrel_sim::fault::{Action, Fault, FaultClass};

use crate::oracle::Judges;
use crate::run::{Outcome, Schedule, replay};
use crate::subject::Subject;

/// In what order a protocol counts on its writes to reach the disk, where no sync has covered them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writes {
    /// As they were written: a crash takes the newest.
    InOrder,
    /// Its recovery copes with any that are missing.
    Unordered,
}

/// What disks did that no protocol lives with that relies on them: they were lost, they lied, they lost what was on
/// them; and, unless its recovery copes, they lost an older write and kept a newer one.
#[must_use]
pub fn broken_disks(struck: &Struck, writes: Writes) -> Vec<String> {
    let told = |class: FaultClass, once: &str, often: &dyn Fn(u64) -> String| match struck.of(class) {
        0 => None,
        1 => Some(once.to_string()),
        times => Some(often(times)),
    };
    let unordered = match writes {
        Writes::Unordered => None,
        Writes::InOrder => told(
            FaultClass::UnorderedLoss,
            "a crash took an un-synced write and left a later one",
            &|times| format!("{times} crashes took an un-synced write and left a later one"),
        ),
    };
    let reasons = [
        told(FaultClass::Wipe, "a node lost its disk", &|times| {
            format!("nodes lost their disks {times} times")
        }),
        told(FaultClass::LyingSync, "a crash took records that a sync had reported done", &|times| {
            format!("{times} crashes took records that syncs had reported done")
        }),
        told(FaultClass::BitRot, "a node found a record on its disk damaged", &|times| {
            format!("nodes found records on their disks damaged {times} times")
        }),
        unordered,
    ];
    reasons.into_iter().flatten().collect()
}

/// What becomes of a failure outside the model when it is run again without what lies outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retrial {
    /// It fails in the same way: it needs nothing from outside the model, and is a mistake.
    Survives,
    /// It does not fail so.
    Gone,
    /// What is left still lies outside.
    Undecided,
}

/// What takes one kind of fault away may bring others about, but not without end.
const ROUNDS_MAX: usize = 4;

/// Runs a schedule that fails outside the model again without the faults that lie outside, and without those that lie
/// outside then.
pub(crate) fn retry<P: Subject>(
    schedule: Schedule<P>,
    violation: &Violation,
    judges: Judges,
    outcome: Outcome,
) -> Retrial {
    let (mut schedule, mut outcome) = (schedule, outcome);
    for _ in 0..ROUNDS_MAX {
        schedule = without_culprits(schedule, &outcome.tally.struck);
        outcome = replay(&schedule, judges);
        if !outcome.fails_like(violation) {
            return Retrial::Gone;
        }
        if outcome.outside.is_empty() {
            return Retrial::Survives;
        }
    }
    Retrial::Undecided
}

/// One thing that is measured of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Measure {
    Class(FaultClass),
    Message,
    Sync,
    Pause,
    Clock,
    Jump,
}

impl Measure {
    fn all() -> impl Iterator<Item = Self> {
        let classes = FaultClass::ALL.into_iter().map(Measure::Class);
        classes.chain([Measure::Message, Measure::Sync, Measure::Pause, Measure::Clock, Measure::Jump])
    }

    /// The same measurements, had there been none of this.
    fn taken_from(self, struck: &Struck) -> Struck {
        let mut less = *struck;
        match self {
            Measure::Class(class) => less.faults = less.faults.without(class),
            Measure::Message => less.message_ns = 0,
            Measure::Sync => less.sync_ns = 0,
            Measure::Pause => less.pause_ns = 0,
            Measure::Clock => less.clock_ppm = 0,
            Measure::Jump => less.jump_ns = 0,
        }
        less
    }
}

/// The schedule without every fault of a kind that a reason speaks of. Nobody says which ones those are: they are the
/// measurements without which the reasons are others.
fn without_culprits<P: Subject>(schedule: Schedule<P>, struck: &Struck) -> Schedule<P> {
    let reasons = P::outside(&schedule.config, struck);
    let is_culprit = |measure: &Measure| P::outside(&schedule.config, &measure.taken_from(struck)) != reasons;
    let culprits: Vec<Measure> = Measure::all().filter(is_culprit).collect();
    let mut schedule = schedule;
    let world = &mut schedule.world;
    world.faults = world.faults.iter().filter_map(|fault| tamed(fault, &culprits)).collect();
    let least = |times: &mut Vec<u64>| {
        let least = times.iter().copied().min().unwrap_or_default();
        times.fill(least);
    };
    // Slow links and slow disks are no faults, and yet they are slow.
    if culprits.contains(&Measure::Message) {
        least(&mut world.latency_ns);
    }
    if culprits.contains(&Measure::Sync) {
        least(&mut world.sync_ns);
    }
    if is_any(&culprits, &[Measure::Clock, Measure::Class(FaultClass::ClockDrift)]) {
        world.clock_ppm.fill(0);
    }
    schedule.decisions = schedule.decisions.iter().filter_map(|it| softened(it, &culprits)).collect();
    schedule
}

fn is_any(culprits: &[Measure], of: &[Measure]) -> bool {
    of.iter().any(|measure| culprits.contains(measure))
}

/// What is left of a fault.
fn tamed(fault: &Fault, culprits: &[Measure]) -> Option<Fault> {
    use FaultClass as Class;
    let is = |of: &[Measure]| is_any(culprits, of);
    let class = |class: FaultClass| is(&[Measure::Class(class)]);
    let goes = match &fault.action {
        Action::Crash { .. } => class(Class::Crash),
        // A lost disk is a crash and more: the crash stays.
        Action::Wipe { nodes } if class(Class::Wipe) && !class(Class::Crash) => {
            return Some(Fault { action: Action::Crash { nodes: *nodes }, ..fault.clone() });
        }
        Action::Wipe { .. } => class(Class::Wipe) || class(Class::Crash),
        Action::CrashAtWrite { .. } => class(Class::CrashAtWrite) || class(Class::Crash),
        Action::Pause { .. } => is(&[Measure::Class(Class::Pause), Measure::Pause]),
        Action::Partition { .. } => class(Class::Partition),
        Action::Clog { .. } => is(&[Measure::Class(Class::Clog), Measure::Message]),
        Action::Lose { .. } => class(Class::AimedLoss),
        Action::Clock { .. } => is(&[Measure::Class(Class::ClockDrift), Measure::Clock]),
        Action::SlowDisk { .. } => is(&[Measure::Class(Class::SlowDisk), Measure::Sync]),
        Action::Expire { .. } => class(Class::Expire),
        Action::LyingDisk { .. } => class(Class::LyingSync),
        Action::FullDisk { .. } => class(Class::FullDisk) || class(Class::Crash),
        Action::BitRot { .. } => class(Class::BitRot),
        Action::ClockJump { .. } => is(&[Measure::Class(Class::ClockJump), Measure::Jump]),
    };
    (!goes).then(|| fault.clone())
}

/// What takes away any of the writes that no sync has covered.
const SUBSETS: [Measure; 2] =
    [Measure::Class(FaultClass::UnorderedLoss), Measure::Class(FaultClass::LostWrites)];

/// What is left of a decision; nothing if it is the default then.
fn softened(decision: &Decision, culprits: &[Measure]) -> Option<Decision> {
    let is = |of: &[Measure]| is_any(culprits, of);
    let class = |class: FaultClass| is(&[Measure::Class(class)]);
    let value = match decision.key.kind {
        DecisionKind::Fate => {
            let is_prompt = is(&[
                Measure::Message,
                Measure::Class(FaultClass::Delay),
                Measure::Class(FaultClass::Reordering),
            ]);
            let late = |delay: u32| if is_prompt { 0 } else { delay };
            match Fate::decode(decision.value) {
                Fate::Lost if class(FaultClass::Loss) => 0,
                Fate::Lost => decision.value,
                Fate::Arrives(delay) => Fate::Arrives(late(delay)).encode(),
                Fate::Twice(delay, _) if class(FaultClass::Duplication) => {
                    Fate::Arrives(late(delay)).encode()
                }
                Fate::Twice(..) if is_prompt => Fate::Twice(0, 1).encode(),
                Fate::Twice(..) => decision.value,
            }
        }
        DecisionKind::Sync if is(&[Measure::Sync, Measure::Class(FaultClass::SlowDisk)]) => 0,
        DecisionKind::Lost if class(FaultClass::LostWrites) => 0,
        DecisionKind::Cut if class(FaultClass::CutBroadcast) => 0,
        DecisionKind::Torn if class(FaultClass::TornRecord) => 0,
        DecisionKind::Write if is_any(culprits, &SUBSETS) => 0,
        DecisionKind::Write if class(FaultClass::TornRecord) => Remains::Nothing.encode(),
        DecisionKind::Sync
        | DecisionKind::Lost
        | DecisionKind::Cut
        | DecisionKind::Torn
        | DecisionKind::Write
        | DecisionKind::Timer => decision.value,
    };
    (value != 0).then(|| Decision { value, ..decision.clone() })
}
