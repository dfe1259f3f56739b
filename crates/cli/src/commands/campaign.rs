//! `quarrel campaign`: many seeds.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quarrel::engine::{self, Findings, Orders, Shrinking, all_cores};
use quarrel::files;
use quarrel::judgement::judge;

use crate::Session;
use crate::args::{CampaignArguments, Format};
use crate::exit::{Failure, USAGE, worst};
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
        let property = &failure.group.violation.property;
        let path = out.join(files::trace_name(&failure.trace, property, &arguments.on_trial.sets));
        let written = files::create_folder(&out).and_then(|()| files::write_trace(&path, &failure.trace));
        Told::new(failure, written.map(|()| path).map_err(|error| complain(&error.to_string())).ok())
    });
    let told = told.collect();
    (findings, told)
}
