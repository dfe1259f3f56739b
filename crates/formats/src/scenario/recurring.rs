//! `[faults.<class>]`: faults that strike again and again, and the nemesis that watches for leaders.

use quarrel_sim::fault::Shape;
use quarrel_sim::time::{MILLISECOND, Span};
use quarrel_sim::world::When;

use super::bounds;
use super::check::{Mention, What};
use super::faults::{Between, Lasts, Reactive, Recurring, Reflex, SlowLeader, Starved, Strikes, Way, Whom};
use super::model::Draw;
use super::raw::{Off, Raw, RawValue, Table};
use super::sections::{mention, read_chance, read_drift};
use super::source::Complaint;
use super::treason::{Treason, read_treason};
use super::trigger::read_trigger;

/// The classes, in the order of [`Strikes`]: each with the keys that only it has.
const CLASSES: [(&str, &[&str]); 15] = [
    ("crash", &[]),
    ("crash-all", &[]),
    ("crash-at-write", &["write"]),
    ("pause", &[]),
    ("wipe", &["whom"]),
    ("partition", &["shapes"]),
    ("clog", &[]),
    ("swizzle", &[]),
    ("aimed-loss", &["kinds", "links"]),
    ("clock", &["drift"]),
    ("slow-disk", &["extra"]),
    ("lying-disk", &[]),
    ("full-disk", &[]),
    ("bit-rot", &["record"]),
    ("clock-jump", &["by", "ways"]),
];

const LINKS: [(&str, Starved); 5] = [
    ("to-one", Starved::ToOne),
    ("from-one", Starved::FromOne),
    ("everywhere", Starved::Everywhere),
    ("one-link", Starved::OneLink),
    ("to-some", Starved::ToSome),
];

const NO_DRIFT: &str = "a drift of 0 is no fault";

const WHOM: [(&str, Whom); 2] = [("anybody", Whom::Anybody), ("traitors", Whom::Traitors)];

const WAYS: [(&str, Way); 2] = [("forward", Way::Forward), ("back", Way::Back)];

/// The nemeses, which watch what nodes announce.
const NEMESES: [&str; 3] = ["leader", "slow-leader", "crash-between"];
/// The table of those who are Byzantine.
const TRAITOR: &str = "traitor";

const SHAPES: [(&str, Shape); 5] = [
    ("halves", Shape::Halves),
    ("isolate", Shape::Isolate),
    ("one-way", Shape::OneWay),
    ("bridge", Shape::Bridge),
    ("ring", Shape::Ring),
];

const REFLEXES: [(&str, Reflex); 4] = [
    ("isolate", Reflex::Isolate),
    ("crash", Reflex::Crash),
    ("pause", Reflex::Pause),
    ("isolate-former", Reflex::IsolateFormer),
];

/// Those of them that a nemesis has if nothing is said.
const USUAL_REFLEXES: [Reflex; 3] = [Reflex::Isolate, Reflex::Crash, Reflex::Pause];

/// `[faults]`: what it says, class by class.
#[derive(Default)]
pub(super) struct Faults {
    /// The classes that recur, in order.
    pub(super) recurring: Vec<Recurring>,
    /// The nemesis that watches for leaders.
    pub(super) leader: Option<Reactive>,
    /// The nemesis that slows a leader's clock.
    pub(super) slow_leader: Option<SlowLeader>,
    /// The nemesis that crashes nodes between two steps.
    pub(super) between: Option<Between>,
    /// Who is Byzantine, and what they do.
    pub(super) traitor: Option<Treason>,
}

/// `[faults]`: the classes that recur, in order, the nemeses that watch what nodes announce, and traitors.
pub(super) fn read_faults(
    raw: &Raw,
    nodes: u8,
    duration_ns: u64,
    mentions: &mut Vec<Mention>,
) -> Result<Faults, Complaint> {
    let mut known: Vec<&str> = CLASSES.iter().map(|&(name, _)| name).collect();
    known.extend(NEMESES);
    known.push(TRAITOR);
    let table = raw.table(&known)?;
    let mut recurring = Vec::new();
    for (name, extra) in CLASSES {
        if let Some(raw) = table.get(name) {
            let mut known: Vec<&str> = ["chance", "every"].iter().chain(extra).copied().collect();
            if !is_instant(name) {
                known.push("lasting");
            }
            recurring.push(read_class(name, &raw.table(&known)?, duration_ns, mentions)?);
        }
    }
    let leader = table.get("leader").map(|raw| read_leader(raw, nodes, mentions)).transpose()?;
    let slow_leader =
        table.get("slow-leader").map(|raw| read_slow_leader(raw, nodes, mentions)).transpose()?;
    let between = table.get("crash-between").map(|raw| read_between(raw, nodes, mentions)).transpose()?;
    let traitor =
        table.get(TRAITOR).map(|raw| read_treason(raw, nodes, duration_ns, mentions)).transpose()?;
    Ok(Faults { recurring, leader, slow_leader, between, traitor })
}

/// Whether a class strikes at one instant: there is nothing that could last.
fn is_instant(name: &str) -> bool {
    matches!(name, "bit-rot" | "clock-jump")
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
        lasting_ns: match is_instant(name) {
            true => Draw::Fixed(0),
            false => {
                table.require("lasting")?.draw(Off::Impossible, |raw| raw.duration(bounds::SOME_TIME))?
            }
        },
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
        "wipe" => {
            let mut whom = Whom::Anybody;
            table.read("whom", &mut whom, |raw| raw.word(&WHOM))?;
            Strikes::Wipe { whom }
        }
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
            let mut links = Starved::USUAL.to_vec();
            table.read("links", &mut links, |raw| raw.list(|item| item.word(&LINKS)))?;
            Strikes::AimedLoss { kinds, links }
        }
        "clock" => {
            let mut drift_ppm = Draw::Between(10_000, 100_000);
            table.read("drift", &mut drift_ppm, |raw| {
                let drift = raw.draw(Off::Impossible, read_drift)?;
                if drift.least() == 0 { Err(raw.complain(NO_DRIFT)) } else { Ok(drift) }
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
        "lying-disk" => Strikes::LyingDisk,
        "full-disk" => Strikes::FullDisk,
        "bit-rot" => {
            let mut record = Draw::Between(1, 8);
            table.read("record", &mut record, |raw| {
                raw.draw(Off::Impossible, |raw| raw.integer(bounds::WRITE))
            })?;
            Strikes::BitRot { record }
        }
        "clock-jump" => read_jump(table)?,
        _ => unreachable!("every class of CLASSES is read"),
    })
}

fn read_jump(table: &Table<'_>) -> Result<Strikes, Complaint> {
    let mut by_ns = Draw::Between(10 * MILLISECOND, 1_000 * MILLISECOND);
    let mut ways = WAYS.map(|(_, way)| way).to_vec();
    table.read("by", &mut by_ns, |raw| raw.draw(Off::Impossible, |raw| raw.duration(bounds::SOME_TIME)))?;
    table.read("ways", &mut ways, |raw| raw.list(|item| item.word(&WAYS)))?;
    Ok(Strikes::ClockJump { by_ns, ways })
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
        lasting: read_lasts(table.require("lasting")?, mentions)?,
        actions: USUAL_REFLEXES.to_vec(),
    };
    table.read("after", &mut leader.after_ns, |raw| raw.range(|raw| raw.duration(bounds::ANY_TIME)))?;
    table.read("actions", &mut leader.actions, |raw| raw.list(|item| item.word(&REFLEXES)))?;
    Ok(leader)
}

/// `[faults.slow-leader]`.
fn read_slow_leader(raw: &Raw, nodes: u8, mentions: &mut Vec<Mention>) -> Result<SlowLeader, Complaint> {
    let table = raw.table(&["on", "chance", "probability", "after", "lasting", "drift"])?;
    let mut slow = SlowLeader {
        on: read_triggers(table.require("on")?, nodes, mentions)?,
        chance_ppm: read_chance(table.get("chance"))?,
        probability_ppm: read_chance(table.get("probability"))?,
        after_ns: (0, 0),
        lasting_ns: table.require("lasting")?.range(|raw| raw.duration(bounds::SOME_TIME))?,
        drift_ppm: (10_000, 100_000),
    };
    table.read("after", &mut slow.after_ns, |raw| raw.range(|raw| raw.duration(bounds::ANY_TIME)))?;
    table.read("drift", &mut slow.drift_ppm, |raw| {
        let drift = raw.range(read_drift)?;
        if drift.0 == 0 { Err(raw.complain(NO_DRIFT)) } else { Ok(drift) }
    })?;
    Ok(slow)
}

/// How long an answer lasts: a range of durations, or `{ timer = "election" }`.
pub(super) fn read_lasts(raw: &Raw, mentions: &mut Vec<Mention>) -> Result<Lasts, Complaint> {
    if let RawValue::Table(_) = raw.value {
        let timer = raw.table(&["timer"])?.require("timer")?;
        return Ok(Lasts::AsTimer(mention(timer, What::Timer, mentions)?));
    }
    let (least, most) = raw.range(|raw| raw.duration(bounds::SOME_TIME))?;
    Ok(Lasts::Between(least, most))
}

/// `[faults.crash-between]`.
fn read_between(raw: &Raw, nodes: u8, mentions: &mut Vec<Mention>) -> Result<Between, Complaint> {
    let table = raw.table(&["first", "then", "chance", "probability", "after", "lasting"])?;
    let mut between = Between {
        first: read_triggers(table.require("first")?, nodes, mentions)?,
        then: read_step(table.require("then")?, nodes, mentions)?,
        chance_ppm: read_chance(table.get("chance"))?,
        probability_ppm: read_chance(table.get("probability"))?,
        after_ns: (0, 0),
        lasting_ns: table.require("lasting")?.range(|raw| raw.duration(bounds::SOME_TIME))?,
    };
    table.read("after", &mut between.after_ns, |raw| raw.range(|raw| raw.duration(bounds::ANY_TIME)))?;
    Ok(between)
}

/// The next step of whoever has announced the first: an event and its fields, nobody's name and no number.
pub(super) fn read_step(raw: &Raw, nodes: u8, mentions: &mut Vec<Mention>) -> Result<When, Complaint> {
    let step = read_trigger(raw, nodes, mentions)?;
    match (step.node, step.nth) {
        (None, None) => Ok(step),
        (Some(_), _) => Err(raw.complain("the next step is of the node that took the first: name no node")),
        (None, Some(_)) => Err(raw.complain("any such step will do: `#` says nothing here")),
    }
}
