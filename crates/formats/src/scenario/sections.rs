//! The sections that describe the world: network, disk, clock, workload, limits and floor.

use quarrel_sim::world::{DelayShape, Limits};

use super::bounds;
use super::check::{Mention, What};
use super::model::{CERTAIN_PPM, Clock, Disk, Draw, Floor, Network, Order, Owes, WriteOrder};
use super::raw::{Off, Raw, RawValue};
use super::source::Complaint;

/// A duration within bounds that may be off.
fn time(raw: &Raw, bounds: std::ops::RangeInclusive<u64>) -> Result<Draw<u64>, Complaint> {
    raw.draw(Off::Allowed, |raw| raw.duration(bounds.clone()))
}

/// A value, or `{ one-of = [...] }`: what a run draws from.
pub(super) fn one_of<T>(raw: &Raw, read: impl Fn(&Raw) -> Result<T, Complaint>) -> Result<Vec<T>, Complaint> {
    match raw.value {
        RawValue::Table(_) => raw.table(&["one-of"])?.require("one-of")?.list(read),
        _ => Ok(vec![read(raw)?]),
    }
}

/// A probability that may be off.
pub(super) fn rate(raw: &Raw) -> Result<Draw<u32>, Complaint> {
    raw.draw(Off::Allowed, Raw::probability)
}

/// `owes = "all"` or a list of cells.
pub(super) fn read_owes(raw: &Raw, mentions: &mut Vec<Mention>) -> Result<Owes, Complaint> {
    if raw.text() == Ok("all") {
        return Ok(Owes::All);
    }
    let cells = raw.list(|item| mention(item, What::Cell, mentions))?;
    Ok(Owes::Cells(cells))
}

/// A name that only the protocol knows, noted for the check.
pub(super) fn mention(raw: &Raw, what: What, mentions: &mut Vec<Mention>) -> Result<String, Complaint> {
    let name = raw.text()?;
    mentions.push(Mention::new(what, name, raw.place));
    Ok(name.to_string())
}

/// `[network]`.
pub(super) fn read_network(raw: &Raw) -> Result<Network, Complaint> {
    let table = raw.table(&[
        "order",
        "latency",
        "spread",
        "loss",
        "duplication",
        "delay",
        "delay-max",
        "delay-shapes",
        "slow-links",
        "slow-nodes",
    ])?;
    let mut network = Network::default();
    let factor = |raw: &Raw| raw.draw(Off::Allowed, |raw| raw.integer(bounds::FACTOR));
    let latency = |raw: &Raw| raw.draw(Off::Impossible, |raw| raw.duration(bounds::SOME_TIME));
    table.read("order", &mut network.order, |raw| raw.word(&[("any", Order::Any), ("fifo", Order::Fifo)]))?;
    table.read("latency", &mut network.latency_ns, latency)?;
    table.read("spread", &mut network.spread_ns, |raw| time(raw, bounds::DELAY))?;
    table.read("loss", &mut network.loss_ppm, rate)?;
    table.read("duplication", &mut network.duplication_ppm, rate)?;
    table.read("delay", &mut network.delay_ppm, rate)?;
    table.read("delay-max", &mut network.delay_max_ns, |raw| time(raw, bounds::DELAY))?;
    table.read("delay-shapes", &mut network.delay_shapes, |raw| {
        raw.list(|item| {
            item.word(&[
                ("uniform", DelayShape::Uniform),
                ("exponential", DelayShape::Exponential),
                ("bimodal", DelayShape::Bimodal),
            ])
        })
    })?;
    table.read("slow-links", &mut network.slow_links, factor)?;
    table.read("slow-nodes", &mut network.slow_nodes, factor)?;
    Ok(network)
}

/// `[disk]`.
pub(super) fn read_disk(raw: &Raw) -> Result<Disk, Complaint> {
    let table = raw.table(&[
        "sync",
        "slow-syncs",
        "slow-sync-max",
        "lost-writes",
        "cut-broadcasts",
        "torn-writes",
        "order",
    ])?;
    let mut disk = Disk::default();
    table.read("sync", &mut disk.sync_ns, |raw| time(raw, bounds::ANY_TIME))?;
    table.read("slow-syncs", &mut disk.slow_sync_ppm, rate)?;
    table.read("slow-sync-max", &mut disk.slow_sync_max_ns, |raw| time(raw, bounds::ANY_TIME))?;
    table.read("lost-writes", &mut disk.lost_writes_ppm, rate)?;
    table.read("cut-broadcasts", &mut disk.cut_broadcasts_ppm, rate)?;
    table.read("torn-writes", &mut disk.torn_writes_ppm, rate)?;
    let orders = [("written", WriteOrder::Written), ("any", WriteOrder::Any)];
    table.read("order", &mut disk.orders, |raw| one_of(raw, |raw| raw.word(&orders)))?;
    Ok(disk)
}

/// `[clock]`.
pub(super) fn read_clock(raw: &Raw) -> Result<Clock, Complaint> {
    let table = raw.table(&["drift", "offset", "timer-spread"])?;
    let mut clock = Clock::default();
    table.read("drift", &mut clock.drift_ppm, |raw| raw.draw(Off::Allowed, read_drift))?;
    table.read("offset", &mut clock.offset_ns, |raw| time(raw, bounds::ANY_TIME))?;
    table.read("timer-spread", &mut clock.timer_spread_ppm, rate)?;
    Ok(clock)
}

/// A clock's greatest rate error, as a fraction.
pub(super) fn read_drift(raw: &Raw) -> Result<u32, Complaint> {
    let ppm = raw.probability()?;
    if ppm > bounds::DRIFT_PPM_MAX { Err(raw.complain("a clock's drift is below 0.9")) } else { Ok(ppm) }
}

/// `[limits]`.
pub(super) fn read_limits(raw: &Raw) -> Result<Limits, Complaint> {
    let table = raw.table(&["events", "pending", "instant"])?;
    let mut limits = Limits::default();
    table.read("events", &mut limits.events_max, |raw| raw.integer(bounds::EVENTS))?;
    table.read("pending", &mut limits.pending_max, |raw| raw.integer(bounds::PENDING))?;
    table.read("instant", &mut limits.instant_max, |raw| raw.integer(bounds::INSTANT))?;
    Ok(limits)
}

/// `[floor]`.
pub(super) fn read_floor(raw: &Raw, mentions: &mut Vec<Mention>) -> Result<Floor, Complaint> {
    let table = raw.table(&["nodes-min", "duration-min", "operations-min", "medians"])?;
    let mut floor = Floor::default();
    table.read("nodes-min", &mut floor.nodes_min, |raw| raw.integer(bounds::NODES).map(Some))?;
    table.read("duration-min", &mut floor.duration_min_ns, |raw| raw.duration(bounds::DURATION).map(Some))?;
    table
        .read("operations-min", &mut floor.operations_min, |raw| raw.integer(bounds::OPERATIONS).map(Some))?;
    if let Some(raw) = table.get("medians") {
        for (name, entry) in raw.entries()? {
            mentions.push(Mention::new(What::Tally, name, entry.key));
            floor.medians.insert(name.clone(), entry.value.integer(bounds::MEDIAN)?);
        }
    }
    Ok(floor)
}

/// A probability that stands for a whole run or every match: certain, unless the file says otherwise.
pub(super) fn read_chance(raw: Option<&Raw>) -> Result<u32, Complaint> {
    raw.map_or(Ok(CERTAIN_PPM), Raw::probability)
}
