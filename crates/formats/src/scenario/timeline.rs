//! `[[fault]]`: the exact timeline, fault by fault, at a time or when something is announced.

use quarrel_protocol::NodeSet;
use quarrel_sim::fault::{Action, Fault, Shape};
use quarrel_sim::time::Span;
use quarrel_sim::world::{Reaction, Rule};

use super::bounds;
use super::check::{Mention, What};
use super::faults::Lasts;
use super::model::CERTAIN_PPM;
use super::nodes::{read_groups, read_node, read_nodes};
use super::raw::{Raw, RawValue, Table};
use super::recurring::{read_lasts, read_step};
use super::sections::mention;
use super::source::Complaint;
use super::treason::{DEEDS, read_deed};
use super::trigger::read_trigger;

/// What a fault can do, by the key that says so.
const ACTIONS: [&str; 21] = [
    "crash",
    "wipe",
    "pause",
    "crash-at-write",
    "isolate",
    "partition",
    "cut",
    "clog",
    "lose",
    "clock",
    "slow-disk",
    "expire",
    "lying-disk",
    "full-disk",
    "bit-rot",
    "clock-jump",
    "mute",
    "delay",
    "replay",
    "lie",
    "twin",
];

/// One entry of the timeline.
pub(super) enum Scripted {
    /// At a time.
    At(Fault),
    /// When something is announced.
    When(Rule),
}

/// One `[[fault]]`, in a cluster of `nodes` whose faults may strike for `duration_ns`.
pub(super) fn read_fault(
    raw: &Raw,
    nodes: u8,
    duration_ns: u64,
    mentions: &mut Vec<Mention>,
) -> Result<Scripted, Complaint> {
    let known: Vec<&str> = ["at", "when", "after", "before", "lasting"].into_iter().chain(ACTIONS).collect();
    let table = raw.table(&known)?;
    let (name, argument) = the_action(&table)?;
    let strikes = |raw: &Raw| {
        let at_ns = raw.duration(bounds::ANY_TIME)?;
        if at_ns < duration_ns {
            return Ok(at_ns);
        }
        let end = Span(duration_ns);
        Err(raw.complain(format!("faults end at {end}, before this one strikes")).with_help("see `duration`"))
    };
    let reaction = |mentions: &mut Vec<Mention>| read_action(name, argument, nodes, mentions);
    if let (Some(before), None) = (table.get("before"), table.get("when")) {
        return Err(before.complain("`before` needs `when`: it is a step that follows an announcement"));
    }
    let scripted = match (table.get("at"), table.get("when"), table.get("after")) {
        (Some(at), None, None) => {
            let at_ns = strikes(at)?;
            let Reaction::Do(action) = reaction(mentions)? else {
                return Err(argument.complain("\"it\" is whoever announced: it needs `when`, not `at`"));
            };
            let lasting_ns = match read_lasting(&table, name, mentions)? {
                None => None,
                Some(Lasts::Between(lasting, _)) => Some(lasting),
                Some(Lasts::AsTimer(_)) => {
                    let lasting = table.require("lasting")?;
                    return Err(
                        lasting.complain("how long a timer lasts is only known `when` something happens")
                    );
                }
            };
            Scripted::At(Fault { at_ns, lasting_ns, action })
        }
        (None, Some(when), after) => {
            let after_ns = after.map_or(Ok(0), strikes)?;
            let before = table.get("before").map(|raw| read_step(raw, nodes, mentions)).transpose()?;
            let (lasting_ns, lasts_as) = match read_lasting(&table, name, mentions)? {
                None => (None, None),
                Some(Lasts::Between(least, most)) => (Some((least, most)), None),
                Some(Lasts::AsTimer(timer)) => (None, Some(timer)),
            };
            Scripted::When(Rule {
                when: read_trigger(when, nodes, mentions)?,
                before,
                chance_ppm: CERTAIN_PPM,
                after_ns: (after_ns, after_ns),
                lasting_ns,
                lasts_as,
                then: reaction(mentions)?,
            })
        }
        (Some(_), None, Some(after)) => return Err(after.complain("`after` needs `when`, not `at`")),
        (Some(_), Some(when), _) => return Err(when.complain("a fault has `at` or `when`, not both")),
        (None, None, _) => return Err(raw.complain("a fault needs `at` or `when`")),
    };
    Ok(scripted)
}

/// The one action of a fault.
fn the_action<'a>(table: &Table<'a>) -> Result<(&'static str, &'a Raw), Complaint> {
    let mut named: Vec<_> = ACTIONS.into_iter().filter_map(|name| Some((table.key(name)?, name))).collect();
    // In the order of the file, so that the second one is the one too many.
    named.sort();
    match named.as_slice() {
        [(_, name)] => Ok((name, table.require(name)?)),
        [(_, first), (place, second), ..] => Err(Complaint::new(
            *place,
            format!("a fault does one thing; this one has `{first}` and `{second}`"),
        )),
        [] => {
            let names: Vec<_> = ACTIONS.iter().map(|name| format!("`{name}`")).collect();
            Err(Complaint::new(table.place, "a fault does something")
                .with_help(format!("one of {}", names.join(", "))))
        }
    }
}

fn read_lasting(
    table: &Table<'_>,
    action: &str,
    mentions: &mut Vec<Mention>,
) -> Result<Option<Lasts>, Complaint> {
    let Some(raw) = table.get("lasting") else { return Ok(None) };
    let instant = match action {
        "expire" => "a timer runs out",
        "bit-rot" => "a record becomes unreadable",
        "clock-jump" => "a clock jumps",
        _ if matches!(raw.value, RawValue::Table(_)) => return read_lasts(raw, mentions).map(Some),
        _ => {
            let lasting = raw.duration(bounds::SOME_TIME)?;
            return Ok(Some(Lasts::Between(lasting, lasting)));
        }
    };
    Err(raw.complain(format!("{instant} at one instant: `lasting` says nothing")))
}

fn read_action(name: &str, raw: &Raw, nodes: u8, mentions: &mut Vec<Mention>) -> Result<Reaction, Complaint> {
    let them = || read_nodes(raw, nodes);
    let action = match (name, raw.text() == Ok("it")) {
        ("crash", true) => return Ok(Reaction::CrashIt),
        ("pause", true) => return Ok(Reaction::PauseIt),
        ("isolate", true) => return Ok(Reaction::IsolateIt),
        ("crash", _) => Action::Crash { nodes: them()? },
        ("wipe", _) => Action::Wipe { nodes: them()? },
        ("pause", _) => Action::Pause { nodes: them()? },
        ("lying-disk", _) => Action::LyingDisk { nodes: them()? },
        ("full-disk", _) => Action::FullDisk { nodes: them()? },
        ("clock-jump", _) => read_jump(raw, nodes)?,
        ("isolate", _) => Action::isolate(read_node(raw, nodes)?, nodes as usize),
        ("partition", _) => Action::partition(Shape::Groups, &read_groups(raw, nodes)?),
        ("cut", _) => Action::Partition { shape: Shape::OneWay, cuts: vec![read_links(raw, nodes)?] },
        ("clog", _) => Action::Clog { links: vec![read_links(raw, nodes)?] },
        ("lose", _) => read_lose(raw, nodes, mentions)?,
        (deed, _) if DEEDS.contains(&deed) => read_deed(deed, raw, nodes, mentions)?,
        _ => read_at_node(name, raw, nodes, mentions)?,
    };
    Ok(Reaction::Do(action))
}

/// The actions that strike one node and say more than its name.
fn read_at_node(name: &str, raw: &Raw, nodes: u8, mentions: &mut Vec<Mention>) -> Result<Action, Complaint> {
    let detail = match name {
        "crash-at-write" => "write",
        "clock" => "ppm",
        "slow-disk" => "extra",
        "expire" => "timer",
        "bit-rot" => "record",
        _ => unreachable!("every action of ACTIONS is read"),
    };
    let table = raw.table(&["node", detail])?;
    let node = read_node(table.require("node")?, nodes)?;
    let detail = table.require(detail)?;
    Ok(match name {
        "crash-at-write" => Action::CrashAtWrite { node, write: detail.integer(bounds::WRITE)? },
        "clock" => Action::Clock { node, rate_ppm: detail.integer(bounds::RATE_PPM)? },
        "slow-disk" => Action::SlowDisk { node, extra_ns: detail.duration(bounds::SOME_TIME)? },
        "bit-rot" => Action::BitRot { node, record: detail.integer(bounds::WRITE)? },
        _ => Action::Expire { node, timer: mention(detail, What::Timer, mentions)? },
    })
}

/// `{ node, forward }` or `{ node, back }`.
fn read_jump(raw: &Raw, nodes: u8) -> Result<Action, Complaint> {
    let table = raw.table(&["node", "forward", "back"])?;
    let node = read_node(table.require("node")?, nodes)?;
    // No time in a scenario is longer than a signed number holds.
    let by_ns = match (table.get("forward"), table.get("back")) {
        (Some(forward), None) => forward.duration(bounds::SOME_TIME)? as i64,
        (None, Some(back)) => -(back.duration(bounds::SOME_TIME)? as i64),
        _ => return Err(raw.complain("a clock jumps `forward` or `back` by a duration")),
    };
    Ok(Action::ClockJump { node, by_ns })
}

fn read_links(raw: &Raw, nodes: u8) -> Result<(NodeSet, NodeSet), Complaint> {
    let table = raw.table(&["from", "to"])?;
    let (from, to) = (table.require("from")?, table.require("to")?);
    let links = (read_nodes(from, nodes)?, read_nodes(to, nodes)?);
    are_two(links.0, links.1, to)?;
    Ok(links)
}

/// No network lies between a node and itself.
fn are_two(from: NodeSet, to: NodeSet, raw: &Raw) -> Result<(), Complaint> {
    match from.iter().next() {
        Some(node) if from.len() == 1 && from == to => {
            Err(raw.complain(format!("a link has two ends: this is {node} and itself")))
        }
        _ => Ok(()),
    }
}

fn read_lose(raw: &Raw, nodes: u8, mentions: &mut Vec<Mention>) -> Result<Action, Complaint> {
    let table = raw.table(&["kind", "from", "to"])?;
    let kind = mention(table.require("kind")?, What::Message, mentions)?;
    let (mut from, mut to) = (NodeSet::all(nodes as usize), NodeSet::all(nodes as usize));
    table.read("from", &mut from, |raw| read_nodes(raw, nodes))?;
    table.read("to", &mut to, |raw| read_nodes(raw, nodes))?;
    if nodes > 1 {
        are_two(from, to, table.get("to").unwrap_or(raw))?;
    }
    Ok(Action::Lose { kind, from, to })
}
