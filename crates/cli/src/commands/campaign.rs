//! `quarrel campaign`: many seeds.

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quarrel::engine::{self, Findings, Orders, Shrinking, all_cores};
use quarrel::environment::SeedWish;
use quarrel::files;
use quarrel::judgement::judge;
use quick_junit::TestSuite;

use crate::Session;
use crate::args::{CampaignArguments, Format};
use crate::exit::{Failure, INTERRUPTED, USAGE, worst};
use crate::interrupt;
use crate::output::complain;
use crate::progress::Teller;
use crate::report::campaign::{CampaignReport, Told};
use crate::report::json::one_or_several;
use crate::report::{github, junit};
use crate::scenarios::{Prepared, prepare};

/// Where traces go unless told otherwise.
const OUT: &str = "quarrel-out";

pub(super) fn run(session: &mut Session<'_>, arguments: &CampaignArguments) -> Result<u8, Failure> {
    // Nothing runs when anything is wrong.
    let prepare = |given: &String| prepare(session, given, &arguments.on_trial);
    let prepared: Vec<Prepared> = arguments.scenarios.iter().map(prepare).collect::<Result<_, _>>()?;
    // An argument is nearer to who types it than the environment.
    let wish = match arguments.seeds {
        Some(_) => None,
        None => SeedWish::of_environment().map_err(Failure::input)?,
    };
    let seeds = seeds(arguments, wish.as_ref()).map_err(Failure::input)?;
    check_places(arguments, &prepared)?;
    let interrupted = interrupt::watch();
    let started = Instant::now();
    let (mut codes, mut documents, mut suites) = (Vec::new(), Vec::new(), Vec::new());
    for (position, prepared) in prepared.iter().enumerate() {
        let left = (arguments.scenarios.len() - position) as u32;
        let time_limit = arguments.time_limit.map(|limit| share(limit, started.elapsed(), left));
        let (findings, told) = one(prepared, arguments, seeds.clone(), time_limit, interrupted);
        let judgement = judge(prepared.trial.as_ref(), &findings);
        codes.push(judgement.exit_code());
        codes.extend(findings.shrinking_stopped.then_some(INTERRUPTED));
        codes.extend(told.iter().any(|told| told.file.is_none()).then_some(USAGE));
        let report = CampaignReport {
            prepared,
            pins: &arguments.on_trial.sets,
            findings: &findings,
            judgement: &judgement,
            told: &told,
            program: &session.program,
            environment: wish.as_ref().map(SeedWish::words),
        };
        if let Some(path) = &arguments.junit {
            // After each scenario: whatever ends this program, the file then tells of those before.
            suites.push(junit::suite(&report));
            codes.extend(write_junit(path, &suites).err());
        }
        match session.output.format {
            Format::Json => documents.push(report.json()),
            Format::Human | Format::Markdown => {
                let separator = if position > 0 { "\n" } else { "" };
                session.output.print(&format!("{separator}{}", report.human()))?;
            }
        }
        github::tell(&report);
        // A file has no reader that goes away.
        let is_unheard = session.output.is_closed() && arguments.junit.is_none();
        if interrupted.load(Ordering::Relaxed) || is_unheard {
            break;
        }
    }
    if session.output.format == Format::Json {
        let document = one_or_several("campaigns", documents, arguments.scenarios.len());
        session.output.print_json(&document)?;
    }
    Ok(worst(codes))
}

/// What somebody names to write to must be usable, and they hear of it before the campaign; our own folder waits for a
/// need.
fn check_places(arguments: &CampaignArguments, prepared: &[Prepared]) -> Result<(), Failure> {
    if let Some(path) = &arguments.junit {
        files::check_output(path, prepared.iter().filter_map(|prepared| prepared.file.as_deref()))?;
        // CI gives its reports a folder of their own.
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(Ok(()), files::create_folder)?;
    }
    Ok(arguments.out.as_deref().map_or(Ok(()), files::create_folder)?)
}

/// Writes what came of the scenarios so far; when that fails, the exit code for it.
fn write_junit(path: &Path, suites: &[TestSuite]) -> Result<(), u8> {
    let text = junit::document(suites.to_vec());
    files::write(path, |file| file.write_all(text.as_bytes())).map_err(|error| {
        complain(&error.to_string());
        USAGE
    })
}

/// What one of several scenarios gets of the time that is left.
fn share(limit: Duration, elapsed: Duration, scenarios_left: u32) -> Duration {
    limit.saturating_sub(elapsed) / scenarios_left.max(1)
}

/// The seeds of each scenario.
fn seeds(arguments: &CampaignArguments, wish: Option<&SeedWish>) -> Result<Range<u64>, String> {
    let usual = if arguments.time_limit.is_some() { 0..u64::MAX } else { 0..1000 };
    match (&arguments.seeds, wish) {
        (Some(seeds), _) => Ok(seeds.clone()),
        (None, Some(wish)) => wish.seeds(&usual),
        (None, None) => Ok(usual),
    }
}

fn one(
    prepared: &Prepared,
    arguments: &CampaignArguments,
    seeds: Range<u64>,
    time_limit: Option<Duration>,
    interrupted: &AtomicBool,
) -> (Findings, Vec<Told>) {
    let orders = Orders {
        seeds,
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
