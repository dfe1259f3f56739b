//! Traitors in a scenario: how many there may be, and what they do. `[faults.traitor]`, and their deeds in `[[fault]]`.

use std::collections::BTreeSet;

use quarrel_protocol::NodeSet;
use quarrel_sim::fault::{Action, Copies, Deed, Place};
use quarrel_sim::time::{MILLISECOND, Span};
use quarrel_sim::world::Reaction;

use super::bounds;
use super::check::{Mention, What};
use super::model::Draw;
use super::nodes::{read_node, read_nodes};
use super::raw::{Off, Raw, RawValue};
use super::sections::{mention, read_chance};
use super::source::Complaint;
use crate::input::quoted;

/// `[faults.traitor]`: some nodes are traitors from the beginning, and do now this, now that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Treason {
    /// Who, or how many.
    pub who: Traitors,
    /// Probability that there are any in a run. Default certain.
    pub chance_ppm: u32,
    /// The gap between one deed of a kind and the next; at least 1 ms.
    pub every_ns: Draw<u64>,
    /// How long each deed lasts.
    pub lasting_ns: Draw<u64>,
    /// What they do: one kind is on in every run that has traitors; of several, each is in every other run. Never empty.
    /// Default all.
    pub deeds: Vec<Treachery>,
    /// The lies to draw from; empty means all that the protocol knows.
    pub lies: Vec<String>,
    /// How much later a traitor sends that delays. Default 10 ms to 1 s.
    pub by_ns: Draw<u64>,
    /// Which of its old messages one sends that replays, counted from 1 for the last. Default 1 to 16.
    pub back: Draw<u32>,
}

/// Who is a traitor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Traitors {
    /// These, in every run that has any.
    Named(NodeSet),
    /// So many, whoever they are.
    Between(Bound, Bound),
}

/// A number of nodes, in terms of what the protocol tolerates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// So many.
    Number(u8),
    /// As many as the protocol tolerates, and so many more: `f`, `f+1`.
    Tolerated(u8),
}

/// A kind of deed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Treachery {
    /// It says nothing to some.
    Mute,
    /// It is late.
    Delay,
    /// It says again what it has said before.
    Replay,
    /// It lies.
    Lie,
    /// It has a twin.
    Twin,
}

impl Bound {
    /// The number, where the protocol tolerates that many.
    #[must_use]
    pub const fn of(self, tolerated: u8) -> u8 {
        match self {
            Bound::Number(number) => number,
            Bound::Tolerated(more) => tolerated.saturating_add(more),
        }
    }
}

impl Treachery {
    /// All kinds, by name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("mute", Self::Mute),
        ("delay", Self::Delay),
        ("replay", Self::Replay),
        ("lie", Self::Lie),
        ("twin", Self::Twin),
    ];
}

/// `[faults.traitor]`.
pub(super) fn read_treason(
    raw: &Raw,
    nodes: u8,
    duration_ns: u64,
    mentions: &mut Vec<Mention>,
) -> Result<Treason, Complaint> {
    let table = raw.table(&["nodes", "chance", "every", "lasting", "deeds", "lies", "by", "back"])?;
    let every = table.require("every")?;
    let mut treason = Treason {
        who: read_traitors(table.require("nodes")?, nodes)?,
        chance_ppm: read_chance(table.get("chance"))?,
        every_ns: every.draw(Off::Impossible, |raw| raw.duration(bounds::FAULT_GAP))?,
        lasting_ns: table.require("lasting")?.draw(Off::Impossible, |raw| raw.duration(bounds::SOME_TIME))?,
        deeds: Treachery::ALL.map(|(_, deed)| deed).to_vec(),
        lies: Vec::new(),
        by_ns: Draw::Between(10 * MILLISECOND, 1_000 * MILLISECOND),
        back: Draw::Between(1, 16),
    };
    if duration_ns / treason.every_ns.least() > bounds::STRIKES_MAX {
        let gap = Span(duration_ns / bounds::STRIKES_MAX);
        return Err(
            every.complain(format!("that is over a million faults in a run: leave at least {gap} between"))
        );
    }
    if let Some(deeds) = table.get("deeds") {
        let mut seen = BTreeSet::new();
        treason.deeds = deeds.list(|item| {
            let deed = item.word(&Treachery::ALL)?;
            if !seen.insert(deed) {
                return Err(item.complain("this is listed twice"));
            }
            if deed == Treachery::Lie {
                mentions.push(Mention::new(What::Liar, "lie", item.place));
            }
            Ok(deed)
        })?;
        treason.deeds.sort_unstable();
    }
    table.read("lies", &mut treason.lies, |raw| raw.list(|item| mention(item, What::Lie, mentions)))?;
    table.read("by", &mut treason.by_ns, |raw| {
        raw.draw(Off::Impossible, |raw| raw.duration(bounds::SOME_TIME))
    })?;
    table
        .read("back", &mut treason.back, |raw| raw.draw(Off::Impossible, |raw| raw.integer(bounds::WRITE)))?;
    let needs = [("lies", Treachery::Lie), ("by", Treachery::Delay), ("back", Treachery::Replay)];
    for (key, deed) in needs.into_iter().filter(|(_, deed)| !treason.deeds.contains(deed)) {
        if let Some(place) = table.key(key) {
            let (name, _) = Treachery::ALL[deed as usize];
            return Err(Complaint::new(place, format!("`{key}` says nothing: no deed is `{name}`")));
        }
    }
    Ok(treason)
}

/// `"0..f"`, `"f+1"`, `2`, `"n1"` or a list of nodes.
fn read_traitors(raw: &Raw, nodes: u8) -> Result<Traitors, Complaint> {
    let text = match &raw.value {
        RawValue::Integer(_) => {
            let bound = raw.integer(0..=nodes.saturating_sub(1)).map(Bound::Number)?;
            return Ok(Traitors::Between(bound, bound));
        }
        RawValue::Text(text) if !text.starts_with('n') => text,
        _ => return read_nodes(raw, nodes).map(Traitors::Named),
    };
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let bound = |words: &str| {
        let number = |digits: &str| digits.parse::<u8>().ok().filter(|number| digits == number.to_string());
        match words.strip_prefix('f') {
            Some("") => Some(Bound::Tolerated(0)),
            Some(more) => number(more.strip_prefix('+')?).map(Bound::Tolerated),
            None => number(words).map(Bound::Number),
        }
    };
    let (Some(least), Some(most)) = (bound(least), bound(most)) else {
        return Err(raw.complain(format!("{} is no number of nodes", quoted(text))).with_help(
            "write a number, \"f\", \"f+1\", a range such as \"0..f\" or \"f..f+1\", a node, or a list of nodes; \
             f is how many the protocol tolerates",
        ));
    };
    let is_reversed = match (least, most) {
        (Bound::Number(least), Bound::Number(most)) | (Bound::Tolerated(least), Bound::Tolerated(most)) => {
            least > most
        }
        (Bound::Number(_), Bound::Tolerated(_)) => false,
        (Bound::Tolerated(_), Bound::Number(_)) => true,
    };
    if is_reversed {
        return Err(raw.complain("the range is reversed"));
    }
    // Whatever f is, it is not below 0.
    if [least, most].iter().any(|bound| bound.of(0) >= nodes) {
        let why = format!(
            "of {nodes} nodes at most {} are traitors: one is to be betrayed",
            nodes.saturating_sub(1)
        );
        return Err(raw.complain(why));
    }
    Ok(Traitors::Between(least, most))
}

/// The keys of `[[fault]]` that are a traitor's deeds.
pub(super) const DEEDS: [&str; 5] = ["mute", "delay", "replay", "lie", "twin"];

/// One deed of a traitor, written by hand: `{ node, to }`, and what the deed needs.
pub(super) fn read_deed(
    name: &str,
    raw: &Raw,
    nodes: u8,
    mentions: &mut Vec<Mention>,
) -> Result<Action, Complaint> {
    let more: &[&str] = match name {
        "delay" => &["by"],
        "replay" => &["back", "place"],
        "lie" => &["tells"],
        "twin" => &["shared", "clients"],
        _ => &[],
    };
    let table = raw.table(&["node", "to"].iter().chain(more).copied().collect::<Vec<_>>())?;
    let node = read_node(table.require("node")?, nodes)?;
    let mut to = NodeSet::only(node).complement(nodes as usize);
    table.read("to", &mut to, |raw| {
        let to = read_nodes(raw, nodes)?;
        if to.contains(node) {
            Err(raw.complain(format!("{node} has nothing to hide from itself")))
        } else {
            Ok(to)
        }
    })?;
    let deed = match name {
        "mute" => Deed::Mute,
        "delay" => Deed::Delay { by_ns: table.require("by")?.duration(bounds::SOME_TIME)? },
        "replay" => {
            let (mut back, mut place) = (1, Place::Beside);
            table.read("back", &mut back, |raw| raw.integer(bounds::WRITE))?;
            table.read("place", &mut place, |raw| {
                raw.word(&[("beside", Place::Beside), ("instead", Place::Instead)])
            })?;
            Deed::Replay { back, place }
        }
        "lie" => Deed::Lie { lie: mention(table.require("tells")?, What::Lie, mentions)? },
        _ => {
            let (mut shared, mut clients) = (NodeSet::EMPTY, Copies::First);
            table.read("shared", &mut shared, |raw| {
                let shared = read_nodes(raw, nodes)?;
                let is_some = shared.intersection(to) == shared;
                if is_some { Ok(shared) } else { Err(raw.complain("these are not all among `to`")) }
            })?;
            table.read("clients", &mut clients, |raw| {
                raw.word(&[("first", Copies::First), ("second", Copies::Second), ("both", Copies::Both)])
            })?;
            Deed::Twin { shared, clients }
        }
    };
    Ok(Action::Betray { node, to, deed })
}

impl super::model::Scenario {
    /// Who must be a traitor for what the timeline says to happen.
    #[must_use]
    pub fn scripted_traitors(&self) -> NodeSet {
        let reactions = self.rules.iter().filter_map(|rule| match &rule.then {
            Reaction::Do(action) => Some(action),
            Reaction::IsolateIt
            | Reaction::IsolateFormer
            | Reaction::CrashIt
            | Reaction::PauseIt
            | Reaction::OutrunIt(..) => None,
        });
        let traitor = |action: &Action| match action {
            Action::Betray { node, .. } => Some(*node),
            _ => None,
        };
        self.timeline.iter().map(|fault| &fault.action).chain(reactions).filter_map(traitor).collect()
    }
}
