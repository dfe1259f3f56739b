//! `quarrel list`: what there is.

use clap::ValueEnum;
use quarrel::files;
use quarrel_formats::Scenario;
use quarrel_harness::registry::Registry;
use quarrel_sim::fault::FaultClass;
use serde::Serialize;

use crate::Session;
use crate::args::Listed;
use crate::catalogue::{self, Named, Source};
use crate::exit::{Failure, MET};
use crate::report::text::wrapped;
use crate::scenarios::SCENARIO_BYTES_MAX;

pub(super) fn run(session: &mut Session<'_>, what: Option<Listed>) -> Result<u8, Failure> {
    let Some(what) = what else {
        let all = Listed::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let all: Vec<String> = all.map(|value| format!("`{}`", value.get_name())).collect();
        return Err(Failure::input(format!("say what to list: {}", all.join(", "))));
    };
    let (name, listing) = match what {
        Listed::Protocols => ("protocols", protocols(session.registry)),
        Listed::Flaws => ("flaws", flaws(session.registry)),
        Listed::Invariants => ("invariants", invariants(session.registry)),
        Listed::Faults => ("faults", faults()),
        Listed::Cells => ("cells", cells(session.registry)),
        Listed::Orders => ("orders", orders(session.registry)),
        Listed::Scenarios => ("scenarios", scenarios(session.registry)),
    };
    let document = serde_json::json!({ name: listing });
    session.output.answer(&document, || human(&listing))?;
    Ok(MET)
}

/// One thing that there is.
#[derive(Serialize)]
struct Item {
    name: String,
    /// What it is, in one sentence.
    about: String,
    /// More about it, by name.
    #[serde(flatten)]
    more: std::collections::BTreeMap<&'static str, String>,
}

impl Item {
    fn new(name: impl Into<String>, about: impl Into<String>, more: &[(&'static str, String)]) -> Self {
        Self { name: name.into(), about: about.into(), more: more.iter().cloned().collect() }
    }
}

fn protocols(registry: &Registry) -> Vec<Item> {
    let named = catalogue::all(registry);
    let item = |entry: &dyn quarrel_harness::registry::Entry| {
        let name = entry.name();
        let (properties, flaws) = (entry.properties().len(), entry.flaws().len());
        let scenarios = named.iter().filter(|named| belongs(&named.name, name)).count();
        let about = format!("{properties} invariants, {flaws} flaws, {scenarios} scenarios");
        Item::new(name, about, &[])
    };
    registry.entries().map(item).collect()
}

fn belongs(scenario: &str, protocol: &str) -> bool {
    scenario.split_once('/').is_some_and(|(theirs, _)| theirs == protocol)
}

fn flaws(registry: &Registry) -> Vec<Item> {
    let mut items = Vec::new();
    for entry in registry.entries() {
        items.extend(entry.flaws().iter().map(|flaw| {
            let needs = format!("{}; {} nodes or more", flaw.needs, flaw.nodes_min);
            let more = [("breaks", flaw.breaks.into()), ("needs", needs), ("source", flaw.source.into())];
            Item::new(format!("{}/{}", entry.name(), flaw.name), flaw.mistake, &more)
        }));
    }
    items
}

fn invariants(registry: &Registry) -> Vec<Item> {
    let mut items = Vec::new();
    for entry in registry.entries() {
        items.extend(entry.properties().iter().map(|property| {
            let more = [("kind", property.kind.to_string()), ("source", property.source.into())];
            Item::new(format!("{}/{}", entry.name(), property.name), property.statement, &more)
        }));
    }
    items
}

/// Its name says what a cell is; beside it stands who has it.
fn cells(registry: &Registry) -> Vec<Item> {
    let mut owners: std::collections::BTreeMap<&str, Vec<&str>> = std::collections::BTreeMap::new();
    for entry in registry.entries() {
        for cell in entry.cells() {
            owners.entry(cell.name).or_default().push(entry.name());
        }
    }
    let all = registry.entries().count();
    let item = |(cell, owners): (&str, Vec<&str>)| {
        let about = if owners.len() == all { "any protocol".to_string() } else { owners.join(", ") };
        Item::new(cell, about, &[])
    };
    owners.into_iter().map(item).collect()
}

fn faults() -> Vec<Item> {
    FaultClass::ALL.iter().map(|class| Item::new(class.name(), class.meaning(), &[])).collect()
}

/// The kinds that scenarios draw from. How one is written by hand is for its protocol to say.
fn orders(registry: &Registry) -> Vec<Item> {
    let mut items = Vec::new();
    for entry in registry.entries() {
        items.extend(entry.words().orders.iter().map(|order| {
            let about = format!("`{order}` under `asks` of [operator]");
            Item::new(format!("{}/{order}", entry.name()), about, &[])
        }));
    }
    items
}

/// All that have a name. One that cannot be read says why.
fn scenarios(registry: &Registry) -> Vec<Item> {
    let item = |Named { name, source }: Named| {
        let (read, more) = match source {
            Source::Within { text, file } => (Scenario::parse(&name, &file, text.as_bytes()), vec![]),
            Source::File(path) => {
                let file = path.display().to_string();
                let bytes = files::read(&path, SCENARIO_BYTES_MAX);
                (bytes.and_then(|bytes| Scenario::parse(&name, &file, &bytes)), vec![("file", file)])
            }
        };
        let checked = read.and_then(|scenario| scenario.check(&registry.vocabulary()).map(|()| scenario));
        let about = match checked {
            Ok(scenario) => first_sentence(&scenario.about),
            Err(why) => format!("cannot be used: {}", why.to_string().lines().next().unwrap_or_default()),
        };
        Item::new(name, about, &more)
    };
    catalogue::all(registry).into_iter().map(item).collect()
}

/// The first sentence; and the next, when the first only sets the scene ("Five nodes.").
fn first_sentence(about: &[String]) -> String {
    const SCENE_MAX: usize = 40;
    let paragraph: Vec<&str> = about.iter().map(String::as_str).take_while(|line| !line.is_empty()).collect();
    let text = paragraph.join(" ");
    let mut ends = text.match_indices(". ").map(|(end, _)| end);
    match ends.find(|&end| end > SCENE_MAX) {
        Some(end) => text[..=end].to_string(),
        None => text,
    }
}

fn human(items: &[Item]) -> String {
    let width = items.iter().map(|item| item.name.len()).max().unwrap_or(0).min(40);
    let mut text = String::new();
    for Item { name, about, more } in items {
        text.push_str(&wrapped(&format!("{name:width$}  "), &" ".repeat(width + 2), about));
        for (key, value) in more {
            text.push_str(&wrapped(
                &" ".repeat(width + 2),
                &" ".repeat(width + 4),
                &format!("{key}: {value}"),
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_ends_at_its_period() {
        let about =
            ["A swarm over Raft: every run", "draws its own. Then more.", "", "Other."].map(String::from);
        assert_eq!(first_sentence(&about), "A swarm over Raft: every run draws its own.");
        assert_eq!(first_sentence(&["Alone".to_string()]), "Alone");
        let scene = ["Five nodes. The leader is cut off from the four others. Then.".to_string()];
        assert_eq!(first_sentence(&scene), "Five nodes. The leader is cut off from the four others.");
    }
}
