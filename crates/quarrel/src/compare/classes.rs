//! What breaks under one class of faults alone: a small campaign for each.

use quarrel_formats::InputError;
use quarrel_harness::oracle::Judges;

use super::sheet::Verdict;
use super::{Desk, Part};
use quarrel_sim::time::SECOND;

/// A class of faults, and the lines of a scenario that bring it about.
pub(super) struct Class {
    name: &'static str,
    /// The class that reports count.
    strikes: &'static str,
    /// The latency of links.
    latency: &'static str,
    network: &'static str,
    disk: &'static str,
    clock: &'static str,
    tail: &'static str,
    /// Whether somebody crashes the moment that it announces something.
    reacts: bool,
}

const PLAIN: Class = Class {
    name: "",
    strikes: "",
    latency: "[\"2ms\", \"15ms\"]",
    network: "",
    disk: "",
    clock: "",
    tail: "",
    reacts: false,
};
/// Crashes take what was not synced.
const DISK: &str = "sync = [\"100us\", \"2ms\"]\nlost-writes = 1.0\n";

/// The classes, in the order of a table.
pub(super) const CLASSES: [Class; 11] = [
    Class { name: "loss", strikes: "loss", network: "loss = 0.1\n", ..PLAIN },
    Class { name: "duplication", strikes: "duplication", network: "duplication = 0.3\n", ..PLAIN },
    Class { name: "delay", strikes: "delay", network: "delay = 0.2\ndelay-max = \"600ms\"\n", ..PLAIN },
    Class { name: "reordering", strikes: "reordering", network: "spread = \"30ms\"\n", ..PLAIN },
    Class {
        name: "crash",
        strikes: "crash",
        disk: DISK,
        tail: "[faults.crash]\nevery = [\"20ms\", \"400ms\"]\nlasting = [\"1ms\", \"300ms\"]\n",
        ..PLAIN
    },
    Class {
        name: "crash in a broadcast",
        strikes: "cut-broadcast",
        disk: "cut-broadcasts = 1.0\n",
        reacts: true,
        ..PLAIN
    },
    Class {
        name: "partition",
        strikes: "partition",
        tail: "[faults.partition]\nevery = [\"20ms\", \"400ms\"]\nlasting = [\"20ms\", \"800ms\"]\n",
        ..PLAIN
    },
    Class {
        name: "pause",
        strikes: "pause",
        tail: "[faults.pause]\nevery = [\"20ms\", \"400ms\"]\nlasting = [\"5ms\", \"600ms\"]\n",
        ..PLAIN
    },
    Class {
        name: "clock drift",
        strikes: "clock-drift",
        // Timers must run out for clocks to matter: answers are slow.
        latency: "[\"20ms\", \"80ms\"]",
        clock: "drift = 0.5\n",
        ..PLAIN
    },
    Class {
        name: "disk loss",
        strikes: "wipe",
        tail: "[faults.wipe]\nevery = [\"20ms\", \"400ms\"]\nlasting = [\"1ms\", \"100ms\"]\n",
        ..PLAIN
    },
    // Of what a liar can do, this is what every protocol knows, and nearly everything (Bano et al., OPODIS 2021).
    Class {
        name: "one node and its twin",
        strikes: "twin",
        tail: "[faults.traitor]\nnodes = 1\ndeeds = [\"twin\"]\nevery = [\"1ms\", \"200ms\"]\nlasting = [\"20ms\", \"800ms\"]\n",
        ..PLAIN
    },
];

pub(super) fn measure(desk: &Desk<'_>, class: &Class) -> Result<Part, InputError> {
    let mut script = desk.script(2 * SECOND);
    // One value is chosen soon or never: whoever proposes does so at once, and some wait so long that they ask again.
    let once = desk.description.decides_once();
    let latency = if once { "[\"2ms\", \"120ms\"]" } else { class.latency };
    script.network = format!("latency = {latency}\n{}", class.network);
    script.disk = class.disk.to_string();
    script.clock = format!("timer-spread = 1.0\n{}", class.clock);
    let every = if once { "[\"2ms\", \"30ms\"]" } else { "\"50ms\"" };
    script.workload = format!("operations = 24\nclients = 4\nevery = {every}\ntimeout = \"300ms\"\n");
    // The only node has nobody to betray.
    if class.strikes != "twin" || desk.nodes() > 1 {
        script.add(class.tail);
    }
    if class.reacts {
        script.add(&reaction(desk));
    }
    let trial = desk.trial(&script, Judges::default())?;
    let seeds = desk.plan.run_seed(0)..desk.plan.run_seed(desk.plan.runs);
    let tallies = trial.batch(seeds, &|| (desk.stop)());
    let mut verdict = Verdict::new(class.name);
    verdict.runs = tallies.runs;
    verdict.struck = tallies.fault_runs.get(class.strikes).copied().unwrap_or(0);
    verdict.strayed = tallies.strayed;
    for group in tallies.ranked() {
        let told = group.seeds.first().copied().zip(Some(group.reasons.as_slice()));
        verdict.note(&group.violation, group.runs, group.outside, told);
    }
    Ok(Part { verdicts: vec![verdict], ..Part::default() })
}

/// Whoever announces something, whatever it is, crashes at once now and then.
fn reaction(desk: &Desk<'_>) -> String {
    let words = desk.registry.find(desk.description.protocol).map(|entry| entry.words());
    let events: Vec<String> = words
        .map_or_else(Vec::new, |words| words.events.iter().map(|event| format!("\"{event}\"")).collect());
    if events.is_empty() {
        return String::new();
    }
    format!(
        "[faults.leader]\non = {{ one-of = [{}] }}\nprobability = 0.3\nafter = \"0ms\"\nlasting = [\"1ms\", \"300ms\"]\nactions = [\"crash\"]\n",
        events.join(", ")
    )
}
