//! `quarrel campaign`: many seeds.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quarrel::engine::{self, Findings, Orders, Shrinking, all_cores};
use quarrel::judgement::judge;

use crate::Session;
use crate::args::{CampaignArguments, Format};
use crate::exit::{Failure, USAGE, worst};
use crate::files;
use crate::interrupt;
use crate::output::complain;
use crate::progress::Teller;
use crate::report::campaign::{CampaignReport, Told};
use crate::report::json::one_or_several;
use crate::scenarios::{Prepared, prepare};

/// Where traces go unless told otherwise.
const OUT: &str = "quarrel-out";

pub(super) fn run(session: &mut Session<'_>, arguments: &CampaignArguments) -> Result<u8, Failure> {
    // Nothing runs when anything is wrong.
    let prepare = |given: &String| prepare(session.registry, given, &arguments.on_trial);
    let prepared: Vec<Prepared> = arguments.scenarios.iter().map(prepare).collect::<Result<_, _>>()?;
    // A folder somebody names must be usable, and they hear of it before the campaign; ours waits for a need.
    if let Some(out) = &arguments.out {
        files::create_folder(out)?;
    }
    let interrupted = interrupt::watch();
    let started = Instant::now();
    let (mut codes, mut documents) = (Vec::new(), Vec::new());
    for (position, prepared) in prepared.iter().enumerate() {
        let left = (arguments.scenarios.len() - position) as u32;
        let time_limit = arguments.time_limit.map(|limit| share(limit, started.elapsed(), left));
        let (findings, told) = one(prepared, arguments, time_limit, interrupted);
        let judgement = judge(prepared.trial.as_ref(), &findings);
        codes.push(judgement.exit_code());
        codes.extend(told.iter().any(|told| told.file.is_none()).then_some(USAGE));
        let report = CampaignReport {
            prepared,
            pins: &arguments.on_trial.sets,
            findings: &findings,
            judgement: &judgement,
            told: &told,
            program: &session.program,
        };
        match session.output.format {
            Format::Json => documents.push(report.json()),
            Format::Human => {
                let separator = if position > 0 { "\n" } else { "" };
                session.output.print(&format!("{separator}{}", report.human()))?;
            }
        }
        if interrupted.load(Ordering::Relaxed) || session.output.is_closed() {
            break;
        }
    }
    if session.output.format == Format::Json {
        let document = one_or_several("campaigns", documents, arguments.scenarios.len());
        session.output.print_json(&document)?;
    }
    Ok(worst(codes))
}

/// What one of several scenarios gets of the time that is left.
fn share(limit: Duration, elapsed: Duration, scenarios_left: u32) -> Duration {
    limit.saturating_sub(elapsed) / scenarios_left.max(1)
}

fn one(
    prepared: &Prepared,
    arguments: &CampaignArguments,
    time_limit: Option<Duration>,
    interrupted: &AtomicBool,
) -> (Findings, Vec<Told>) {
    let endless = if time_limit.is_some() { 0..u64::MAX } else { 0..1000 };
    let orders = Orders {
        seeds: arguments.seeds.clone().unwrap_or(endless),
        jobs: arguments.jobs.map_or_else(all_cores, usize::from),
        stop_after: arguments.stop_after,
        time_limit,
        shrinking: if arguments.no_shrink { Shrinking::Off } else { Shrinking::Each },
    };
    let teller = Teller::new(&prepared.given, &orders);
    let hear = |progress| teller.on_progress(progress);
    let findings = engine::run(prepared.trial.as_ref(), &orders, &hear, interrupted);
    teller.finish();
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from(OUT));
    let told = findings.failures.iter().map(|failure| {
        let path = out.join(file_name(prepared, failure));
        let written = files::create_folder(&out).and_then(|()| files::write_trace(&path, &failure.trace));
        Told::new(failure, written.map(|()| path).map_err(|failure| complain(&failure.message)).ok())
    });
    let told = told.collect();
    (findings, told)
}

/// `raft-chaos-commit-old-term-leader-completeness-17.jsonl`. A run fails in one way, so property and seed tell
/// signatures apart.
fn file_name(prepared: &Prepared, failure: &engine::Failure) -> String {
    let scenario = prepared.trial.scenario();
    let protocol = scenario.protocol.as_str();
    let bare = |name: &'_ str| name.strip_prefix(protocol).map_or(0, |rest| name.len() - rest.len());
    let mut parts = vec![protocol.to_string(), scenario.name[bare(&scenario.name)..].to_string()];
    parts.extend(prepared.trial.flaws().iter().map(|flaw| flaw[bare(flaw)..].to_string()));
    parts.extend([failure.group.violation.property.clone(), failure.seed.to_string()]);
    let parts: Vec<String> = parts.iter().map(|part| files::sanitised(part)).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    format!("{}.jsonl", parts.join("-"))
}
