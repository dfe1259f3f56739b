//! What a scenario can reach: the classes of faults that it may draw, and the cells that it owes.

use quarrel_formats::Scenario;
use quarrel_formats::scenario::{During, Lasts, Order, Owes, Reflex, Strikes, WriteOrder};
use quarrel_protocol::Cell;
use quarrel_sim::fault::{Action, Deed, FaultClass};
use quarrel_sim::world::{Reaction, Rule};

use crate::traitors;

/// After how many runs a class of faults that a scenario draws must have changed something.
pub const FAULT_DUE_RUNS: u64 = 1000;

/// The classes of faults that runs of this scenario may draw, in the order of [`FaultClass::ALL`].
#[must_use]
pub fn fault_classes(scenario: &Scenario) -> Vec<FaultClass> {
    let (network, disk, clock) = (&scenario.network, &scenario.disk, &scenario.clock);
    let mut classes = Vec::new();
    let mut reach = |can: bool, class: FaultClass| {
        if can {
            classes.push(class);
        }
    };
    reach(network.loss_ppm.most() > 0, FaultClass::Loss);
    reach(network.duplication_ppm.most() > 0, FaultClass::Duplication);
    let late = network.delay_ppm.most() > 0 || network.spread_ns.most() > 0;
    reach(late, FaultClass::Delay);
    let overtakes = (late || network.duplication_ppm.most() > 0) && network.order == Order::Any;
    reach(overtakes, FaultClass::Reordering);
    reach(disk.slow_sync_ppm.most() > 0, FaultClass::SlowDisk);
    reach(clock.drift_ppm.most() > 0, FaultClass::ClockDrift);
    for class in &scenario.recurring {
        struck(&class.strikes).iter().for_each(|&class| reach(true, class));
    }
    if let Some(leader) = &scenario.leader {
        for &reflex in &leader.actions {
            let lasts_as_timer = matches!(leader.lasting, Lasts::AsTimer(_));
            reflex_classes(reflex, lasts_as_timer).iter().for_each(|&class| reach(true, class));
        }
    }
    if let Some(treason) = &scenario.traitor {
        treason.deeds.iter().for_each(|&kind| reach(true, traitors::class(kind)));
    }
    if scenario.slow_leader.is_some() {
        OUTRUN.iter().for_each(|&class| reach(true, class));
    }
    if scenario.between.is_some() {
        BETWEEN.iter().for_each(|&class| reach(true, class));
    }
    let in_partitions = |during: &During| *during == During::Partition;
    let orders_in_partitions =
        scenario.operator.iter().flat_map(|operator| &operator.during).any(in_partitions);
    reach(orders_in_partitions, FaultClass::OrderInPartition);
    scenario.rules.iter().filter_map(Rule::class).for_each(|class| reach(true, class));
    let scripted = scenario.rules.iter().filter_map(|rule| match &rule.then {
        Reaction::Do(action) => Some(action),
        Reaction::IsolateIt
        | Reaction::IsolateFormer
        | Reaction::CrashIt
        | Reaction::PauseIt
        | Reaction::OutrunIt(..) => None,
    });
    for action in scenario.timeline.iter().map(|fault| &fault.action).chain(scripted) {
        scripted_classes(action).iter().for_each(|&class| reach(true, class));
    }
    let crashes = classes.contains(&FaultClass::Crash);
    let slow = disk.sync_ns.most() > 0 || classes.contains(&FaultClass::SlowDisk);
    let lies = classes.contains(&FaultClass::LyingSync);
    if crashes && (slow && disk.lost_writes_ppm.most() > 0 || lies) {
        classes.push(FaultClass::LostWrites);
        if disk.torn_writes_ppm.most() > 0 {
            classes.push(FaultClass::TornRecord);
        }
        if slow && disk.orders.contains(&WriteOrder::Any) {
            classes.push(FaultClass::UnorderedLoss);
        }
    }
    if crashes && disk.cut_broadcasts_ppm.most() > 0 {
        classes.push(FaultClass::CutBroadcast);
    }
    classes.sort_unstable();
    classes.dedup();
    classes
}

/// What a recurring class of faults counts as.
pub(crate) const fn struck(strikes: &Strikes) -> &'static [FaultClass] {
    match strikes {
        Strikes::Crash | Strikes::CrashAll => &[FaultClass::Crash],
        Strikes::CrashAtWrite { .. } => &[FaultClass::Crash, FaultClass::CrashAtWrite],
        Strikes::Pause => &[FaultClass::Pause],
        Strikes::Wipe { .. } => &[FaultClass::Crash, FaultClass::Wipe],
        Strikes::Partition { .. } => &[FaultClass::Partition],
        Strikes::Clog | Strikes::Swizzle => &[FaultClass::Clog],
        Strikes::AimedLoss { .. } => &[FaultClass::AimedLoss],
        Strikes::Clock { .. } => &[FaultClass::ClockDrift],
        Strikes::SlowDisk { .. } => &[FaultClass::SlowDisk],
        Strikes::LyingDisk => &[FaultClass::LyingSync],
        Strikes::FullDisk => &[FaultClass::Crash, FaultClass::FullDisk],
        Strikes::BitRot { .. } => &[FaultClass::BitRot],
        Strikes::ClockJump { .. } => &[FaultClass::ClockJump],
    }
}

/// What a crash between two steps counts as.
pub(crate) const BETWEEN: [FaultClass; 2] = [FaultClass::Crash, FaultClass::CrashBetween];

/// What it counts as that a leader's clock is slow and it is isolated.
pub(crate) const OUTRUN: [FaultClass; 3] = [FaultClass::ClockDrift, FaultClass::Partition, FaultClass::Hunt];

/// What a reaction of the nemesis counts as.
pub(crate) const fn reflex_classes(reflex: Reflex, lasts_as_timer: bool) -> &'static [FaultClass] {
    match reflex {
        Reflex::Isolate | Reflex::IsolateFormer => &[FaultClass::Partition, FaultClass::Hunt],
        Reflex::Crash => &[FaultClass::Crash, FaultClass::Hunt],
        Reflex::Pause if lasts_as_timer => &[FaultClass::Pause, FaultClass::PauseAcrossTimer],
        Reflex::Pause => &[FaultClass::Pause, FaultClass::Hunt],
    }
}

fn scripted_classes(action: &Action) -> &'static [FaultClass] {
    match action {
        Action::Betray { deed, .. } => match deed {
            Deed::Mute => &[FaultClass::TraitorMute],
            Deed::Delay { .. } => &[FaultClass::TraitorDelay],
            Deed::Replay { .. } => &[FaultClass::TraitorReplay],
            Deed::Lie { .. } => &[FaultClass::TraitorLie],
            Deed::Twin { .. } => &[FaultClass::Twin],
        },
        Action::Crash { .. } => &[FaultClass::Crash],
        Action::Wipe { .. } => &[FaultClass::Crash, FaultClass::Wipe],
        Action::CrashAtWrite { .. } => &[FaultClass::Crash, FaultClass::CrashAtWrite],
        Action::Pause { .. } => &[FaultClass::Pause],
        Action::Partition { .. } => &[FaultClass::Partition],
        Action::Clog { .. } => &[FaultClass::Clog],
        Action::Lose { .. } => &[FaultClass::AimedLoss],
        Action::Clock { .. } => &[FaultClass::ClockDrift],
        Action::SlowDisk { .. } => &[FaultClass::SlowDisk],
        Action::Expire { .. } => &[FaultClass::Expire],
        Action::LyingDisk { .. } => &[FaultClass::LyingSync],
        Action::FullDisk { .. } => &[FaultClass::Crash, FaultClass::FullDisk],
        Action::BitRot { .. } => &[FaultClass::BitRot],
        Action::ClockJump { .. } => &[FaultClass::ClockJump],
    }
}

/// The cells that a campaign of this scenario owes, of those that its protocol has.
#[must_use]
pub fn owed_cells(scenario: &Scenario, cells: Vec<Cell>) -> Vec<Cell> {
    match &scenario.owes {
        Owes::Nothing => Vec::new(),
        Owes::All => cells,
        Owes::Cells(names) => {
            cells.into_iter().filter(|cell| names.iter().any(|name| name == cell.name)).collect()
        }
    }
}
