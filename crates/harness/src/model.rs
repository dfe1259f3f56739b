//! Inside or outside the model: whether a run that failed kept within what its protocol assumes of the world, and
//! whether it fails as well without what did not.

use quarrel_protocol::{NodeId, NodeSet, Violation};
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

/// What struck that no protocol lives with: more traitors than it tolerates, and what disks did. Where some nodes may be
/// Byzantine, one that has forgotten what it had promised to keep is one of them; elsewhere nobody may forget.
#[must_use]
pub fn beyond<P: Subject>(config: &P::Config, struck: &Struck) -> Vec<String> {
    let tolerated = P::traitors_max(config);
    let disks = match tolerated {
        0 => broken_disks(struck, P::writes(config)),
        _ => broken_order(struck, P::writes(config)).into_iter().collect(),
    };
    disks.into_iter().chain(too_many_traitors(P::NAME, tolerated, struck)).collect()
}

/// Why a violation of this property is outside the model: what the protocol does not live with, and what the property
/// assumes besides.
#[must_use]
pub fn reasons<P: Subject>(property: &str, config: &P::Config, struck: &Struck) -> Vec<String> {
    let mut reasons = P::outside(config, struck);
    reasons.extend(P::outside_for(property, config, struck));
    reasons
}

/// Why there were more Byzantine nodes than that many.
#[must_use]
pub fn too_many_traitors(protocol: &str, tolerated: u8, struck: &Struck) -> Option<String> {
    let traitors = struck.traitors;
    let forgetful = if tolerated == 0 { NodeSet::EMPTY } else { struck.forgetful };
    let forgetful = NodeSet(forgetful.0 & !traitors.0);
    if traitors.len() + forgetful.len() <= usize::from(tolerated) {
        return None;
    }
    let told = |set: NodeSet, one: &str, many: &str| match set.len() {
        0 => None,
        1 => Some(format!("{set} {one}")),
        _ => Some(format!("{set} {many}")),
    };
    let traitors = told(traitors, "is a traitor", "are traitors");
    let forgetful =
        told(forgetful, "forgot what it had promised to keep", "forgot what they had promised to keep");
    let who: Vec<String> = traitors.into_iter().chain(forgetful).collect();
    let tolerated = if tolerated == 0 { "none".to_string() } else { format!("{tolerated}") };
    Some(format!("{}: {protocol} tolerates {tolerated}", who.join(", ")))
}

/// What disks did that no protocol lives with that relies on them: they were lost, they lied, they lost what was on
/// them; and, unless its recovery copes, they lost an older write and kept a newer one.
#[must_use]
pub fn broken_disks(struck: &Struck, writes: Writes) -> Vec<String> {
    let reasons = [
        told(struck, FaultClass::Wipe, "a node lost its disk", &|times| {
            format!("nodes lost their disks {times} times")
        }),
        told(struck, FaultClass::LyingSync, "a crash took records that a sync had reported done", &|times| {
            format!("{times} crashes took records that syncs had reported done")
        }),
        told(struck, FaultClass::BitRot, "a node found a record on its disk damaged", &|times| {
            format!("nodes found records on their disks damaged {times} times")
        }),
        broken_order(struck, writes),
    ];
    reasons.into_iter().flatten().collect()
}

/// An older write that is gone while a newer one is there, unless recovery copes with that.
fn broken_order(struck: &Struck, writes: Writes) -> Option<String> {
    match writes {
        Writes::Unordered => None,
        Writes::InOrder => told(
            struck,
            FaultClass::UnorderedLoss,
            "a crash took an un-synced write and left a later one",
            &|times| format!("{times} crashes took an un-synced write and left a later one"),
        ),
    }
}

fn told(struck: &Struck, class: FaultClass, once: &str, often: &dyn Fn(u64) -> String) -> Option<String> {
    match struck.of(class) {
        0 => None,
        1 => Some(once.to_string()),
        times => Some(often(times)),
    }
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
/// outside then. Where there is one traitor too many, nobody knows which: each is left out in its turn.
pub(crate) fn retry<P: Subject>(
    schedule: Schedule<P>,
    violation: &Violation,
    judges: Judges,
    outcome: Outcome,
) -> Retrial {
    let mut worst = Retrial::Gone;
    for spared in spared::<P>(&schedule, &outcome.tally.struck) {
        match retry_without(schedule.clone(), violation, judges, &outcome.tally.struck, spared) {
            Retrial::Survives => return Retrial::Survives,
            Retrial::Undecided => worst = Retrial::Undecided,
            Retrial::Gone => {}
        }
    }
    worst
}

fn retry_without<P: Subject>(
    schedule: Schedule<P>,
    violation: &Violation,
    judges: Judges,
    struck: &Struck,
    spared: NodeSet,
) -> Retrial {
    let (mut schedule, mut struck) = (schedule, *struck);
    for _ in 0..ROUNDS_MAX {
        schedule = without_culprits(schedule, &violation.property, &struck, spared);
        let outcome = replay(&schedule, judges);
        if !outcome.fails_like(violation) {
            return Retrial::Gone;
        }
        if outcome.outside.is_empty() {
            return Retrial::Survives;
        }
        struck = outcome.tally.struck;
    }
    Retrial::Undecided
}

/// The sets of traitors that may stay: where leaving out one is enough, all sets without one; else nobody.
fn spared<P: Subject>(schedule: &Schedule<P>, struck: &Struck) -> Vec<NodeSet> {
    let without = |node: NodeId| NodeSet(struck.traitors.0 & !NodeSet::only(node).0);
    let is_enough = |spared: &NodeSet| {
        !struck.traitors.is_empty()
            && too_many_traitors(
                P::NAME,
                P::traitors_max(&schedule.config),
                &Struck { traitors: *spared, ..*struck },
            )
            .is_none()
    };
    let sets: Vec<NodeSet> = struck.traitors.iter().map(without).filter(is_enough).collect();
    if sets.is_empty() { vec![NodeSet::EMPTY] } else { sets }
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
    Traitors,
    Forgetful,
}

impl Measure {
    fn all() -> impl Iterator<Item = Self> {
        let classes = FaultClass::ALL.into_iter().map(Measure::Class);
        classes.chain([
            Measure::Message,
            Measure::Sync,
            Measure::Pause,
            Measure::Clock,
            Measure::Jump,
            Measure::Traitors,
            Measure::Forgetful,
        ])
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
            Measure::Traitors => less.traitors = NodeSet::EMPTY,
            Measure::Forgetful => less.forgetful = NodeSet::EMPTY,
        }
        less
    }
}

/// The schedule without every fault of a kind that a reason speaks of. Nobody says which ones those are: they are the
/// measurements without which the reasons are others. Who is no traitor any more is heard like any other node.
fn without_culprits<P: Subject>(
    schedule: Schedule<P>,
    property: &str,
    struck: &Struck,
    spared: NodeSet,
) -> Schedule<P> {
    let reasons_of = |struck: &Struck| reasons::<P>(property, &schedule.config, struck);
    let reasons = reasons_of(struck);
    let is_culprit = |measure: &Measure| reasons_of(&measure.taken_from(struck)) != reasons;
    let culprits: Vec<Measure> = Measure::all().filter(is_culprit).collect();
    let mut schedule = schedule;
    let world = &mut schedule.world;
    if culprits.contains(&Measure::Traitors) {
        world.traitors = world.traitors.intersection(spared);
        world
            .faults
            .retain(|fault| !matches!(fault.action, Action::Betray { node, .. } if !spared.contains(node)));
    }
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
    let loses = is(&[Measure::Class(Class::Wipe), Measure::Forgetful]);
    let goes = match &fault.action {
        Action::Crash { .. } => class(Class::Crash),
        // A lost disk is a crash and more: the crash stays.
        Action::Wipe { nodes } if loses && !class(Class::Crash) => {
            return Some(Fault { action: Action::Crash { nodes: *nodes }, ..fault.clone() });
        }
        Action::Wipe { .. } => loses || class(Class::Crash),
        Action::CrashAtWrite { .. } => class(Class::CrashAtWrite) || class(Class::Crash),
        Action::Pause { .. } => is(&[Measure::Class(Class::Pause), Measure::Pause]),
        Action::Partition { .. } => class(Class::Partition),
        Action::Clog { .. } => is(&[Measure::Class(Class::Clog), Measure::Message]),
        Action::Lose { .. } => class(Class::AimedLoss),
        Action::Clock { .. } => is(&[Measure::Class(Class::ClockDrift), Measure::Clock]),
        Action::SlowDisk { .. } => is(&[Measure::Class(Class::SlowDisk), Measure::Sync]),
        Action::Expire { .. } => class(Class::Expire),
        Action::LyingDisk { .. } => is(&[Measure::Class(Class::LyingSync), Measure::Forgetful]),
        Action::FullDisk { .. } => class(Class::FullDisk) || class(Class::Crash),
        Action::BitRot { .. } => is(&[Measure::Class(Class::BitRot), Measure::Forgetful]),
        Action::ClockJump { .. } => is(&[Measure::Class(Class::ClockJump), Measure::Jump]),
        Action::Betray { deed, .. } => class(deed.class()),
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
