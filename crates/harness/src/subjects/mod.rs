//! The protocols that come with the harness.

mod multi_paxos;
mod paxos;
mod pbft;
mod raft;
mod three_phase_commit;
mod two_generals;
mod two_phase_commit;

use std::ops::RangeInclusive;

use quarrel_formats::scenario::{Complaint, Draw, Off, Raw};
use quarrel_protocol::After;
use quarrel_sim::Struck;
use quarrel_sim::time::{MICROSECOND, SECOND, Span};
use quarrel_spec::atomic_commit::Measured;

use crate::dice::Dice;
use crate::subject::RawOptions;

/// What a timeout may be, in nanoseconds.
const TIMEOUTS_NS: RangeInclusive<u64> = MICROSECOND..=1_000 * SECOND;

/// Reads a timeout: `["150ms", "300ms"]`.
fn read_timeout(raw: &RawOptions, name: &str, into: &mut After) -> Result<(), Complaint> {
    if let Some(value) = raw.get(name) {
        let (min_ns, max_ns) = value.range(read_duration)?;
        *into = After::between(min_ns, max_ns);
    }
    Ok(())
}

/// Reads an option that a run may draw.
fn read_draw<T: PartialOrd + Copy>(
    raw: &RawOptions,
    name: &str,
    into: &mut Draw<T>,
    read: impl Fn(&Raw) -> Result<T, Complaint>,
) -> Result<(), Complaint> {
    if let Some(value) = raw.get(name) {
        *into = value.draw(Off::Impossible, read)?;
    }
    Ok(())
}

/// Draws one of a list of words; there is nothing between words.
fn one_of<T: Copy>(draw: &Draw<T>, dice: &mut Dice) -> T {
    match draw {
        Draw::Fixed(value) => *value,
        Draw::OneOf(values) => *dice.pick(values),
        Draw::Between(one, other) => *dice.pick(&[*one, *other]),
        Draw::Chance { then, .. } => one_of(then, dice),
    }
}

fn read_duration(raw: &Raw) -> Result<u64, Complaint> {
    raw.duration(TIMEOUTS_NS)
}

/// What holds messages up, as measured in a run.
fn measured(struck: &Struck) -> Measured {
    Measured {
        link_ns: struck.message_ns,
        sync_ns: struck.sync_ns,
        pause_ns: struck.pause_ns,
        clock_ppm: struck.clock_ppm,
    }
}

/// A file's configuration must be for as many nodes as its world has.
fn fits_nodes(configured: u8, nodes: u8) -> Result<(), String> {
    if configured == nodes {
        Ok(())
    } else {
        Err(format!("it is for {configured} nodes, the world has {nodes}"))
    }
}

/// A file's timeout must be a range that lets time pass.
fn fits_timeout(after: After) -> Result<(), String> {
    if TIMEOUTS_NS.contains(&after.min_ns)
        && TIMEOUTS_NS.contains(&after.max_ns)
        && after.min_ns <= after.max_ns
    {
        return Ok(());
    }
    let (least, most) = (Span(after.min_ns), Span(after.max_ns));
    Err(format!(
        "a timeout of {least} to {most} is no range between {} and {}",
        Span(*TIMEOUTS_NS.start()),
        Span(*TIMEOUTS_NS.end())
    ))
}

/// Before clients could ask for anything but a command of a log, a request was a number: what a write now writes.
fn upgrade_append(format: u32, request: serde_json::Value) -> serde_json::Value {
    if format > 1 { request } else { serde_json::json!({ "register": { "write": request } }) }
}
