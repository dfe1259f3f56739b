//! `[faults.<class>]`: faults that strike again and again, and the nemesis that watches for leaders.

use quarrel_sim::fault::Shape;
use quarrel_sim::time::{MILLISECOND, Span};
use quarrel_sim::world::When;

use super::bounds;
use super::check::{Mention, What};
use super::model::{Draw, Reactive, Recurring, Reflex, Strikes};
use super::raw::{Off, Raw, Table};
use super::sections::{mention, read_chance, read_drift};
use super::source::Complaint;
use super::trigger::read_trigger;

/// The classes, in the order of [`Strikes`]: each with the keys that only it has.
const CLASSES: [(&str, &[&str]); 11] = [
    ("crash", &[]),
    ("crash-all", &[]),
    ("crash-at-write", &["write"]),
    ("pause", &[]),
    ("wipe", &[]),
    ("partition", &["shapes"]),
    ("clog", &[]),
    ("swizzle", &[]),
    ("aimed-loss", &["kinds"]),
    ("clock", &["drift"]),
    ("slow-disk", &["extra"]),
];

const SHAPES: [(&str, Shape); 5] = [
    ("halves", Shape::Halves),
    ("isolate", Shape::Isolate),
    ("one-way", Shape::OneWay),
    ("bridge", Shape::Bridge),
    ("ring", Shape::Ring),
];

const REFLEXES: [(&str, Reflex); 3] =
    [("isolate", Reflex::Isolate), ("crash", Reflex::Crash), ("pause", Reflex::Pause)];

/// `[faults]`: the classes that recur, in order, and the nemesis that watches for leaders.
pub(super) fn read_faults(
    raw: &Raw,
    nodes: u8,
    duration_ns: u64,
    mentions: &mut Vec<Mention>,
) -> Result<(Vec<Recurring>, Option<Reactive>), Complaint> {
    let mut known: Vec<&str> = CLASSES.iter().map(|&(name, _)| name).collect();
    known.push("leader");
    let table = raw.table(&known)?;
    let mut recurring = Vec::new();
    for (name, extra) in CLASSES {
        if let Some(raw) = table.get(name) {
            let known: Vec<&str> = ["chance", "every", "lasting"].iter().chain(extra).copied().collect();
            recurring.push(read_class(name, &raw.table(&known)?, duration_ns, mentions)?);
        }
    }
    let leader = table.get("leader").map(|raw| read_leader(raw, nodes, mentions)).transpose()?;
    Ok((recurring, leader))
}

fn read_class(
    name: &str,
    table: &Table<'_>,
    duration_ns: u64,
    mentions: &mut Vec<Mention>,
) -> Result<Recurring, Complaint> {
    let every = table.require("every")?;
    let every_ns = every.draw(Off::Impossible, |raw| raw.duration(bounds::FAULT_GAP))?;
    if duration_ns / every_ns.least() > bounds::STRIKES_MAX {
        let gap = Span(duration_ns / bounds::STRIKES_MAX);
        return Err(
            every.complain(format!("that is over a million faults in a run: leave at least {gap} between"))
        );
    }
    Ok(Recurring {
        strikes: read_strikes(name, table, mentions)?,
        chance_ppm: read_chance(table.get("chance"))?,
        every_ns,
        lasting_ns: table.require("lasting")?.draw(Off::Impossible, |raw| raw.duration(bounds::SOME_TIME))?,
    })
}

fn read_strikes(name: &str, table: &Table<'_>, mentions: &mut Vec<Mention>) -> Result<Strikes, Complaint> {
    Ok(match name {
        "crash" => Strikes::Crash,
        "crash-all" => Strikes::CrashAll,
        "crash-at-write" => {
            let mut write = Draw::Between(1, 8);
            table.read("write", &mut write, |raw| {
                raw.draw(Off::Impossible, |raw| raw.integer(bounds::WRITE))
            })?;
            Strikes::CrashAtWrite { write }
        }
        "pause" => Strikes::Pause,
        "wipe" => Strikes::Wipe,
        "partition" => {
            let mut shapes = SHAPES.map(|(_, shape)| shape).to_vec();
            table.read("shapes", &mut shapes, |raw| raw.list(|item| item.word(&SHAPES)))?;
            Strikes::Partition { shapes }
        }
        "clog" => Strikes::Clog,
        "swizzle" => Strikes::Swizzle,
        "aimed-loss" => {
            let mut kinds = Vec::new();
            table.read("kinds", &mut kinds, |raw| raw.list(|item| mention(item, What::Message, mentions)))?;
            Strikes::AimedLoss { kinds }
        }
        "clock" => {
            let mut drift_ppm = Draw::Between(10_000, 100_000);
            table.read("drift", &mut drift_ppm, |raw| {
                let drift = raw.draw(Off::Impossible, read_drift)?;
                if drift.least() == 0 { Err(raw.complain("a drift of 0 is no fault")) } else { Ok(drift) }
            })?;
            Strikes::Clock { drift_ppm }
        }
        "slow-disk" => {
            let mut extra_ns = Draw::Between(MILLISECOND, 50 * MILLISECOND);
            table.read("extra", &mut extra_ns, |raw| {
                raw.draw(Off::Impossible, |raw| raw.duration(bounds::SOME_TIME))
            })?;
            Strikes::SlowDisk { extra_ns }
        }
        _ => unreachable!("every class of CLASSES is read"),
    })
}

/// One trigger, or `{ one-of = [...] }`.
fn read_triggers(raw: &Raw, nodes: u8, mentions: &mut Vec<Mention>) -> Result<Vec<When>, Complaint> {
    match raw.text() {
        Ok(_) => Ok(vec![read_trigger(raw, nodes, mentions)?]),
        Err(_) => raw.table(&["one-of"])?.require("one-of")?.list(|item| read_trigger(item, nodes, mentions)),
    }
}

/// `[faults.leader]`.
fn read_leader(raw: &Raw, nodes: u8, mentions: &mut Vec<Mention>) -> Result<Reactive, Complaint> {
    let table = raw.table(&["on", "chance", "probability", "after", "lasting", "actions"])?;
    let mut leader = Reactive {
        on: read_triggers(table.require("on")?, nodes, mentions)?,
        chance_ppm: read_chance(table.get("chance"))?,
        probability_ppm: read_chance(table.get("probability"))?,
        after_ns: (0, 0),
        lasting_ns: table.require("lasting")?.range(|raw| raw.duration(bounds::SOME_TIME))?,
        actions: REFLEXES.map(|(_, action)| action).to_vec(),
    };
    table.read("after", &mut leader.after_ns, |raw| raw.range(|raw| raw.duration(bounds::ANY_TIME)))?;
    table.read("actions", &mut leader.actions, |raw| raw.list(|item| item.word(&REFLEXES)))?;
    Ok(leader)
}
