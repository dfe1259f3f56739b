//! The file as a whole: from bytes to a [`Scenario`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use quarrel_sim::world::Limits;
use toml::de::DeTable;

use super::bounds;
use super::check::{Mention, What};
use super::clients::{read_liveness, read_workload};
use super::expectation::read_expectation;
use super::model::{Clock, Disk, Draw, Floor, Network, Owes, Scenario, Workload};
use super::nesting::check_nesting;
use super::operator::{read_operator, read_order};
use super::pin::pin;
use super::raw::{Off, Raw, RawValue, Table};
use super::recurring::{Faults, read_faults};
use super::script::{read_decision, read_operation};
use super::sections::{mention, read_clock, read_disk, read_floor, read_limits, read_network, read_owes};
use super::source::{Complaint, Source};
use super::timeline::{Scripted, read_fault};
use crate::InputError;

const KEYS: [&str; 20] = [
    "protocol",
    "nodes",
    "duration",
    "healing",
    "owes",
    "config",
    "network",
    "disk",
    "clock",
    "faults",
    "workload",
    "operator",
    "liveness",
    "limits",
    "floor",
    "fault",
    "decision",
    "operation",
    "order",
    "expect",
];

impl Scenario {
    /// Reads a scenario known as `name` from the bytes of `file`.
    ///
    /// # Errors
    /// When anything in it is wrong in itself. Names that only a protocol knows are for [`Scenario::check`].
    pub fn parse(name: &str, file: &str, bytes: &[u8]) -> Result<Self, InputError> {
        Self::parse_with(name, file, bytes, &[])
    }

    /// Reads a scenario, then puts values in the place of what it says: keys such as `network.loss`, values in
    /// TOML's notation or else taken as strings. The file must be valid by itself.
    ///
    /// # Errors
    /// When anything in the file is wrong, or would be with these values.
    pub fn parse_with(
        name: &str,
        file: &str,
        bytes: &[u8],
        sets: &[(String, String)],
    ) -> Result<Self, InputError> {
        let text = readable(file, bytes)?;
        let mut source = Source { file: file.to_string(), text: Arc::from(text), sets: Vec::new() };
        let document = DeTable::parse(text).map_err(|error| {
            let range = error.span().unwrap_or_default();
            InputError::at(file, bytes, range, error.message())
        })?;
        let mut document = Raw::from_document(document);
        let scenario = read(name, &document, &source).map_err(|complaint| source.explain(complaint))?;
        if sets.is_empty() {
            return Ok(scenario);
        }
        source.sets = sets.to_vec();
        for (number, (key, value)) in sets.iter().enumerate() {
            pin(&mut document, number, key, value).map_err(|complaint| source.explain(complaint))?;
        }
        read(name, &document, &source).map_err(|complaint| source.blame_sets(complaint))
    }

    /// Makes an error of a complaint about a value of this scenario.
    #[must_use]
    pub fn explain(&self, complaint: Complaint) -> InputError {
        self.source.explain(complaint)
    }
}

/// The bytes as text that the parser can take.
fn readable<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, InputError> {
    if bytes.len() > bounds::BYTES_MAX {
        let message = format!("a scenario has at most {} bytes, this has {}", bounds::BYTES_MAX, bytes.len());
        return Err(InputError::whole(file, message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let start = error.valid_up_to();
        InputError::at(file, bytes, start..start + 1, "this is not text in UTF-8")
    })?;
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Err(InputError::at(file, b"", 0..0, "the file is empty"));
    }
    check_nesting(text).map_err(|(range, message)| InputError::at(file, bytes, range, message))?;
    Ok(text)
}

/// What the rest of a scenario depends on.
struct Frame {
    nodes: Draw<u8>,
    duration_ns: Draw<u64>,
    healing_ns: u64,
    workload: Workload,
}

fn read(name: &str, document: &Raw, source: &Source) -> Result<Scenario, Complaint> {
    let table = document.table(&KEYS)?;
    let mut mentions = Vec::new();
    let protocol = mention(table.require("protocol")?, What::Protocol, &mut mentions)?;
    let frame = read_frame(&table)?;
    let counted = What::Nodes(frame.nodes.least(), frame.nodes.most());
    mentions.push(Mention::new(counted, "", table.require("nodes")?.place));
    let (mut network, mut disk, mut clock) = (Network::default(), Disk::default(), Clock::default());
    let (mut owes, mut limits, mut floor) = (Owes::default(), Limits::default(), Floor::default());
    table.read("owes", &mut owes, |raw| read_owes(raw, &mut mentions))?;
    let config = read_config(&table, &mut mentions)?;
    table.read("network", &mut network, read_network)?;
    table.read("disk", &mut disk, read_disk)?;
    table.read("clock", &mut clock, read_clock)?;
    let mut faults = Faults::default();
    if let Some(raw) = table.get("faults") {
        let (nodes, duration_ns) = (frame.nodes.least(), frame.duration_ns.most());
        faults = read_faults(raw, nodes, duration_ns, &mut mentions)?;
    }
    let operator = table.get("operator");
    let operator =
        operator.map(|raw| read_operator(raw, frame.duration_ns.most(), &mut mentions)).transpose()?;
    let liveness = table.get("liveness");
    let recovery = liveness.map(|raw| read_liveness(raw, &frame.nodes)).transpose()?;
    if let (Some(raw), true) = (table.get("healing"), recovery.is_some()) {
        return Err(raw.complain("with [liveness] a run goes on until all is done: there is no time to give"));
    }
    table.read("limits", &mut limits, read_limits)?;
    table.read("floor", &mut floor, |raw| read_floor(raw, &mut mentions))?;
    check_floor(&table, &floor, &frame, source)?;
    let mut scenario = Scenario {
        name: name.to_string(),
        about: Vec::new(),
        protocol,
        nodes: frame.nodes.clone(),
        duration_ns: frame.duration_ns.clone(),
        healing_ns: frame.healing_ns,
        owes,
        config,
        network,
        disk,
        clock,
        recurring: faults.recurring,
        leader: faults.leader,
        slow_leader: faults.slow_leader,
        between: faults.between,
        traitor: faults.traitor,
        workload: frame.workload.clone(),
        operator,
        recovery,
        limits,
        floor,
        timeline: Vec::new(),
        rules: Vec::new(),
        decisions: Vec::new(),
        operations: Vec::new(),
        orders: Vec::new(),
        expectations: Vec::new(),
        pins: source.sets.clone(),
        source: source.clone(),
        mentions,
    };
    read_script(&table, &frame, &mut scenario)?;
    scenario.about = read_about(&source.text);
    if scenario.about.is_empty() {
        // Last, so that whoever tries something out hears of real mistakes first, misspelt names among them.
        scenario.mentions.push(Mention::new(What::About, "", document.place));
    }
    Ok(scenario)
}

fn read_frame(table: &Table<'_>) -> Result<Frame, Complaint> {
    let nodes = table.require("nodes")?.draw(Off::Impossible, |raw| raw.integer(bounds::NODES))?;
    let duration_ns =
        table.require("duration")?.draw(Off::Impossible, |raw| raw.duration(bounds::DURATION))?;
    let mut frame = Frame { nodes, duration_ns, healing_ns: 0, workload: Workload::default() };
    table.read("healing", &mut frame.healing_ns, |raw| raw.duration(bounds::ANY_TIME))?;
    table.read("workload", &mut frame.workload, read_workload)?;
    Ok(frame)
}

/// `[config]`: which options there are is for the check to say, what they mean for the protocol.
fn read_config(table: &Table<'_>, mentions: &mut Vec<Mention>) -> Result<BTreeMap<String, Raw>, Complaint> {
    let Some(raw) = table.get("config") else { return Ok(BTreeMap::new()) };
    let entries = raw.entries()?;
    mentions.extend(entries.iter().map(|(name, entry)| Mention::new(What::Option, name, entry.key)));
    Ok(entries.iter().map(|(name, entry)| (name.clone(), entry.value.clone())).collect())
}

/// The file keeps its own promise. What `--set` pins may fall below it: that is no longer the promised campaign.
fn check_floor(table: &Table<'_>, floor: &Floor, frame: &Frame, source: &Source) -> Result<(), Complaint> {
    if !source.sets.is_empty() {
        return Ok(());
    }
    let broken = [
        ("nodes-min", floor.nodes_min.is_some_and(|min| frame.nodes.least() < min)),
        ("duration-min", floor.duration_min_ns.is_some_and(|min| frame.duration_ns.least() < min)),
        ("operations-min", floor.operations_min.is_some_and(|min| frame.workload.operations.least() < min)),
    ];
    match broken.into_iter().find(|&(_, is_broken)| is_broken) {
        None => Ok(()),
        Some((key, _)) => {
            let floor = table.require("floor")?;
            let culprit = floor.entries()?.get(key).map_or(floor, |entry| &entry.value);
            Err(culprit.complain("the scenario itself falls below this"))
        }
    }
}

/// What is written by hand.
fn read_script(table: &Table<'_>, frame: &Frame, scenario: &mut Scenario) -> Result<(), Complaint> {
    let (nodes, clients) = (frame.nodes.least(), frame.workload.clients.least());
    let duration_ns = frame.duration_ns.least();
    let mentions = &mut scenario.mentions;
    for raw in entries(table, "fault")? {
        if frame.nodes.fixed().is_none() {
            return Err(raw.complain("a timeline needs a fixed number of nodes").with_help("see `nodes`"));
        }
        match read_fault(raw, nodes, duration_ns, mentions)? {
            Scripted::At(fault) => scenario.timeline.push(fault),
            Scripted::When(rule) => scenario.rules.push(rule),
        }
    }
    let mut seen = BTreeSet::new();
    for raw in entries(table, "decision")? {
        scenario.decisions.push(read_decision(raw, nodes, clients, &mut seen, mentions)?);
    }
    let end_ns = if scenario.recovery.is_some() { bounds::LONGEST } else { duration_ns + frame.healing_ns };
    for raw in entries(table, "operation")? {
        scenario.operations.push(read_operation(raw, nodes, clients, end_ns)?);
    }
    for raw in entries(table, "order")? {
        scenario.orders.push(read_order(raw, nodes, end_ns, mentions)?);
    }
    let mut seen = BTreeSet::new();
    for raw in entries(table, "expect")? {
        scenario.expectations.push(read_expectation(raw, &mut seen, mentions)?);
    }
    Ok(())
}

/// The entries of a list of tables, `[[key]]`.
fn entries<'a>(table: &Table<'a>, key: &str) -> Result<&'a [Raw], Complaint> {
    match table.get(key) {
        None => Ok(&[]),
        Some(raw) => match &raw.value {
            RawValue::List(items) => Ok(items),
            _ => Err(raw.complain(format!("expected a list of tables: write [[{key}]]"))),
        },
    }
}

/// The comment on top, line by line.
fn read_about(text: &str) -> Vec<String> {
    let lines = text.trim_start_matches('\u{feff}').lines().skip_while(|line| line.trim().is_empty());
    let prose = lines.map_while(|line| line.trim().strip_prefix('#'));
    let mut about: Vec<String> =
        prose.map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_string()).collect();
    let is_blank = |line: &String| line.is_empty();
    about.drain(..about.iter().take_while(|line| is_blank(line)).count());
    while about.last().is_some_and(is_blank) {
        about.pop();
    }
    about
}
