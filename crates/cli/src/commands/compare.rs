//! `quarrel compare`: protocols side by side, measured.

use std::sync::atomic::Ordering;

use quarrel::compare::protocols::described;
use quarrel::compare::{Description, Plan, compare};
use quarrel::engine::all_cores;

use crate::Session;
use crate::args::{CompareArguments, Format};
use crate::exit::{Failure, INTERRUPTED, MET, NOT_MET};
use crate::interrupt;
use crate::output::complain;
use crate::report::compare::CompareReport;
use crate::suggest::help;

/// What `--set` can change.
const KEYS: [&str; 3] = ["participants", "decisions", "runs"];

pub(super) fn run(session: &mut Session<'_>, arguments: &CompareArguments) -> Result<u8, Failure> {
    let plan = plan(arguments)?;
    let descriptions = descriptions(session, &arguments.protocols)?;
    let interrupted = interrupt::watch();
    let stop = || interrupted.load(Ordering::Relaxed);
    let Some(sheets) = compare(session.registry, &descriptions, &plan, &stop)? else {
        complain("interrupted: half a table would say nothing");
        return Ok(INTERRUPTED);
    };
    let report = CompareReport { arguments, plan: &plan, sheets: &sheets, program: &session.program };
    match session.output.format {
        Format::Human => session.output.print(&report.human())?,
        Format::Markdown => session.output.print(&report.markdown())?,
        Format::Json => session.output.print_json(&report.json())?,
    }
    Ok(if report.breaks_inside() { NOT_MET } else { MET })
}

fn plan(arguments: &CompareArguments) -> Result<Plan, Failure> {
    let jobs = arguments.jobs.map_or_else(all_cores, usize::from);
    let mut plan = Plan { participants: None, decisions: 5, runs: 100, seed: arguments.seed, jobs };
    for (key, value) in &arguments.sets {
        match key.as_str() {
            "participants" => {
                plan.participants = Some(number(key, value, u64::from(Plan::PARTICIPANTS_MAX))? as u8);
            }
            "decisions" => plan.decisions = number(key, value, u64::from(Plan::DECISIONS_MAX))? as u32,
            "runs" => plan.runs = number(key, value, Plan::RUNS_MAX)?,
            _ => {
                let otherwise = format!("there are {}", KEYS.map(|key| format!("`{key}`")).join(", "));
                let help = help(key, KEYS, &otherwise);
                return Err(Failure::input(format!("compare has no `{}` to set{help}", key.escape_debug())));
            }
        }
    }
    if plan.seed > Plan::SEED_MAX {
        return Err(Failure::input(format!(
            "there are no seeds for {}: each seed of a comparison stands for {} runs, and the greatest is {}",
            plan.seed,
            Plan::RUNS_MAX,
            Plan::SEED_MAX
        )));
    }
    Ok(plan)
}

fn number(key: &str, value: &str, most: u64) -> Result<u64, Failure> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|number| digits && (1..=most).contains(number));
    number.ok_or_else(|| {
        Failure::input(format!("`{key}` is a whole number from 1 to {most}, not `{}`", value.escape_debug()))
    })
}

/// The protocols that were asked for; otherwise those that theory has figures for; and where there are none of these,
/// all that there are.
fn descriptions(session: &Session<'_>, names: &[String]) -> Result<Vec<Description>, Failure> {
    let registry = session.registry;
    let mut chosen: Vec<Description> = Vec::new();
    for name in names {
        let Some(entry) = registry.find(name) else {
            let known = registry.entries().map(quarrel_harness::registry::Entry::name);
            let help = help(name, known, &format!("`{} list protocols` lists them", session.program));
            return Err(Failure::input(format!("there is no protocol `{}`{help}", name.escape_debug())));
        };
        if chosen.iter().any(|chosen| chosen.protocol == entry.name()) {
            return Err(Failure::input(format!("`{name}` is named twice: there is one column for each")));
        }
        chosen.push(described(entry.name()).unwrap_or_else(|| Description::unknown(entry.name())));
    }
    if chosen.is_empty() {
        let has_theory = |it: &Description| !(it.theory)(u64::from(it.participants(None))).is_empty();
        chosen = registry.entries().filter_map(|entry| described(entry.name())).filter(has_theory).collect();
    }
    if chosen.is_empty() {
        chosen = registry.entries().map(|entry| Description::unknown(entry.name())).collect();
    }
    Ok(chosen)
}
