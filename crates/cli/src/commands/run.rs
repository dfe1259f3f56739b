//! `quarrel run`: one seed.

use std::io::Write;
use std::path::Path;

use quarrel::environment::SeedWish;
use quarrel::files;
use quarrel::judgement::{absent, is_expected, is_on_side};
use quarrel::panics::in_run;
use quarrel_formats::history::Line;
use quarrel_formats::scenario::Expected;
use quarrel_formats::trace::{Oracle, Trace};
use quarrel_formats::{InputError, Scenario};
use quarrel_harness::registry::{CONFIG_KEY, Followed};
use quarrel_harness::run::Outcome;
use quarrel_harness::truth::Judged;

use crate::Session;
use crate::args::RunArguments;
use crate::exit::{Failure, MET, NOT_MET, VACUOUS};
use crate::report::run::RunReport;
use crate::scenarios::{Prepared, prepare};

pub(super) fn run(session: &mut Session<'_>, arguments: &RunArguments) -> Result<u8, Failure> {
    let Prepared { given, file, trial } = prepare(session, &arguments.scenario, &arguments.on_trial)?;
    if let Some(path) = &arguments.trace {
        files::check_output(path, file.as_deref().into_iter().chain(arguments.plan.as_deref()))?;
    }
    if let Some(path) = &arguments.history {
        files::check_output(path, file.as_deref().into_iter().chain(arguments.trace.as_deref()))?;
    }
    if arguments.history.is_some() && arguments.history == arguments.trace {
        return Err(Failure::input("--trace and --history name the same file"));
    }
    // An argument is nearer to who types it than the environment.
    let wish =
        if arguments.seed.is_none() { SeedWish::of_environment().map_err(Failure::input)? } else { None };
    let wished = wish.as_ref().map_or(Ok(None), SeedWish::only_seed).map_err(Failure::input)?;
    let seed = arguments.seed.or(wished).unwrap_or(0);
    let (outcome, trace, carried) = match &arguments.plan {
        None => (in_run(|| trial.run(seed)), None, None),
        Some(path) => {
            let plan = files::read_trace(path)?;
            session
                .registry
                .check_lies(&path.display().to_string(), &plan)
                .map_err(|e| files::in_trace(path, e))?;
            check_pins(&arguments.on_trial.sets, trial.scenario(), path, &plan)?;
            let Followed { outcome, trace, carried } =
                in_run(|| trial.follow(seed, &path.display().to_string(), &plan))?;
            (outcome, Some(trace), carried)
        }
    };
    if let Some(path) = &arguments.trace {
        let advise = |error: InputError| error.with_help(shorter(&outcome));
        // A run keeps no events unless it is recorded: it is known by now how many there are.
        files::check_events(path, outcome.tally.events).map_err(advise)?;
        let trace = trace.unwrap_or_else(|| in_run(|| trial.record(seed)));
        files::write_trace(path, &trace).map_err(|error| match outcome.tally.events {
            ..EVENTS_MANY => error,
            _ => advise(error),
        })?;
    }
    let mut history = None;
    if let Some(path) = &arguments.history {
        let (lines, left_out) = in_run(|| trial.history(seed));
        history = Some((path.as_path(), model_of(&lines), left_out));
        files::write(path, |file| {
            lines.iter().try_for_each(|line| file.write_all(line.to_text().as_bytes()))
        })?;
    }
    let expected = trial.scenario().expected(trial.flaws());
    let side = trial.scenario().expected_side(trial.flaws());
    let known = outcome.verdict().and_then(|broken| trial.scenario().known(trial.flaws(), broken));
    let retried = match &arguments.plan {
        None if !outcome.outside.is_empty() => in_run(|| trial.retry_inside(seed)),
        _ => None,
    };
    let comes_out = is_met(&expected, known.is_some(), trial.jury(), &outcome)
        && is_on_side(side, &outcome.outside, retried);
    let absent = absent(trial.as_ref(), &trial.tally(&outcome));
    let met = comes_out && absent.is_empty();
    // What is expected of a campaign need not come out in each of its runs.
    let wants_more = !met && outcome.verdict().is_none() && !matches!(expected, Expected::Holds);
    let is_drawn = wants_more && in_run(|| trial.run(seed ^ 1)).tally.digest != outcome.tally.digest;
    let report = RunReport {
        given: &given,
        flaws: trial.flaws(),
        pins: &arguments.on_trial.sets,
        oracle: arguments.on_trial.oracle.into(),
        outcome: &outcome,
        expected: &expected,
        side,
        retried,
        known: known.is_some(),
        happens: trial.scenario().expected_to_happen(trial.flaws()),
        absent: &absent,
        comes_out,
        is_drawn,
        met,
        plan: arguments.plan.as_deref(),
        carried: carried.as_ref(),
        trace: arguments.trace.as_deref(),
        history,
        program: &session.program,
        environment: wish.as_ref().filter(|_| wished.is_some()).map(SeedWish::words),
    };
    session.output.answer(&report.json(), || report.human())?;
    Ok(match (met, outcome.judged) {
        (true, Judged::Unknown) => VACUOUS,
        (true, _) => MET,
        (false, _) => NOT_MET,
    })
}

/// So many events may make a trace too large; fewer do not.
const EVENTS_MANY: u64 = 500_000;

/// What to type for a run of about that many events.
fn shorter(outcome: &Outcome) -> String {
    let seconds = u128::from(outcome.tally.ended_ns) * u128::from(EVENTS_MANY)
        / u128::from(outcome.tally.events.max(1))
        / 1_000_000_000;
    format!("a shorter run fits: `--set duration={}s`", seconds.max(1))
}

/// A plan of the scenario's own protocol has a world of its own: what else is pinned would be ignored.
fn check_pins(
    pins: &[(String, String)],
    scenario: &Scenario,
    path: &Path,
    plan: &Trace,
) -> Result<(), Failure> {
    if plan.header.protocol != scenario.protocol {
        return Ok(());
    }
    match pins.iter().find(|(key, _)| !key.starts_with(CONFIG_KEY)) {
        None => Ok(()),
        Some((key, value)) => Err(Failure::input(format!(
            "--set {}={} changes nothing: {} is of {} as well, and all but `{CONFIG_KEY}*` is as it was recorded",
            key.escape_debug(),
            value.escape_debug(),
            path.display(),
            scenario.protocol
        ))),
    }
}

/// The model of `check` that the words of a history belong to.
fn model_of(lines: &[Line]) -> Option<&'static str> {
    let says = |words: &[&str]| lines.iter().any(|line| words.contains(&line.f.as_str()));
    let models: [(&'static str, &[&str]); 4] = [
        ("kv", &["get", "put", "append"]),
        ("queue", &["enqueue", "dequeue"]),
        ("bank", &["transfer"]),
        ("register", &["read", "write", "cas"]),
    ];
    models.into_iter().find(|(_, words)| says(words)).map(|(model, _)| model)
}

/// Whether one run is what the scenario expects of a campaign.
fn is_met(expected: &Expected, is_known: bool, jury: Oracle, outcome: &Outcome) -> bool {
    match expected {
        Expected::Holds => outcome.verdict().is_none(),
        Expected::Violates(property) => {
            !is_known && outcome.verdict().is_some_and(|broken| is_expected(broken, property, jury))
        }
        Expected::Blocks => outcome.verdict().is_none() && outcome.is_blocked(),
        Expected::Known(_) => outcome.verdict().is_none() || is_known,
    }
}
