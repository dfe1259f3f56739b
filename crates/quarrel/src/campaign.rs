//! A campaign in a test: many seeds of one scenario, and what to do when a property breaks.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use quarrel_formats::did_you_mean;
use quarrel_formats::trace::Oracle;
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::{Entry, Registry, Trial};
use quarrel_harness::story;
use quarrel_harness::subject::Subject;
use quarrel_protocol::Violation;

use crate::Scenario;
use crate::engine::{self, Failure, Findings, Orders};
use crate::files;
use crate::judgement::{Judgement, judge};
use crate::numbers::{counted, grouped};
use crate::replay::{Replay, replay};

/// The variable that names a trace to replay in place of a campaign.
pub const TRACE_VARIABLE: &str = "QUARREL_TRACE";

/// Prepares a campaign of protocol `P`: seeds 0 to 999 on all cores, unless told otherwise.
pub fn campaign<P: Subject>(scenario: Scenario) -> Campaign<P> {
    Campaign {
        scenario,
        seeds: 0..1000,
        jobs: engine::all_cores(),
        flaws: Vec::new(),
        out: None,
        jury: Oracle::All,
        protocol: PhantomData,
    }
}

/// A campaign that is about to start. See [`campaign`].
#[must_use = "a campaign does nothing until it is run"]
pub struct Campaign<P> {
    scenario: Scenario,
    seeds: Range<u64>,
    jobs: usize,
    flaws: Vec<String>,
    out: Option<PathBuf>,
    jury: Oracle,
    protocol: PhantomData<fn() -> P>,
}

impl<P: Subject> Campaign<P> {
    /// The seeds, half-open.
    pub fn seeds(mut self, seeds: Range<u64>) -> Self {
        self.seeds = seeds;
        self
    }

    /// How many threads. The findings do not depend on it.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// Switches on one of the protocol's deliberate flaws, `own-value` or `my-protocol/own-value`.
    pub fn flaw(mut self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        let bare = name.strip_prefix(P::NAME).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
        self.flaws.push(format!("{}/{bare}", P::NAME));
        self
    }

    /// Puts a value in the place of what the scenario says: `set("network.loss", "0.1")`.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.scenario = self.scenario.set(key, value);
        self
    }

    /// Lets only clients judge: what they were told, whether it lasts, and whether they are answered. What goes on
    /// inside is left alone.
    pub fn only_clients_judge(mut self) -> Self {
        self.jury = Oracle::Clients;
        self
    }

    /// The folder for the traces of failures; `quarrel` in Cargo's target folder unless told otherwise.
    pub fn out(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out = Some(folder.into());
        self
    }

    /// Runs the campaign. Failures are shrunk; nothing is printed, nothing is written.
    ///
    /// # Panics
    /// When the scenario or the name of a flaw is wrong.
    #[track_caller]
    #[must_use]
    pub fn run(&self) -> Conclusion {
        let trial = self.prepare().unwrap_or_else(|mistake| panic!("{mistake}"));
        let orders = Orders { jobs: self.jobs, ..Orders::new(self.seeds.clone()) };
        let findings = engine::run(trial.as_ref(), &orders, &|_| {}, &AtomicBool::new(false));
        let judgement = judge(trial.as_ref(), &findings);
        Conclusion { findings, judgement, scenario: trial.scenario().name.clone() }
    }

    /// Runs a recorded failure again on the code as it is now, with the flaws of this campaign.
    ///
    /// # Errors
    /// When the trace cannot be read, or is of another protocol or of other flaws: why, for a person.
    pub fn replay(&self, trace: impl AsRef<Path>) -> Result<Replay, String> {
        // A misspelt flaw is told as such, not as a trace that does not fit.
        self.prepare()?;
        replay(entry::<P>(&registry::<P>()), trace.as_ref(), &self.flaws)
    }

    /// Runs the campaign as a test: every property must hold in every run, and what the scenario promises to try must
    /// have been tried. With `QUARREL_TRACE=<path>` in the environment, that trace is replayed instead; the test then
    /// passes when the violation is gone.
    ///
    /// # Panics
    /// When a property is violated: says which, tells the shrunk story, and where its trace was written.
    #[track_caller]
    pub fn assert_holds(&self) {
        match trace_asked_for() {
            Some(path) => self.assert_trace_holds(&path),
            None => {
                let conclusion = self.run();
                if let Some(complaint) = self.complaint(&conclusion) {
                    panic!("{complaint}");
                }
            }
        }
    }

    /// Runs the campaign as a test of the campaign itself: in some run, this property must be violated. With
    /// `QUARREL_TRACE=<path>` in the environment, that trace is replayed instead, and must violate it. Returns the
    /// campaign's conclusion, if there was a campaign.
    ///
    /// # Panics
    /// When the property is violated in no run, or there is no such property.
    #[track_caller]
    pub fn assert_violates(&self, property: &str) -> Option<Conclusion> {
        let trial = self.prepare().unwrap_or_else(|mistake| panic!("{mistake}"));
        let known = trial.properties().iter().map(|property| property.name);
        if !known.clone().any(|known| known == property) {
            let all = known.clone().collect::<Vec<_>>().join(", ");
            let meant = did_you_mean(property, known)
                .map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
            panic!("{} has no property `{property}`{meant}\nit has {all}", P::NAME);
        }
        if let Some(path) = trace_asked_for() {
            self.assert_trace_violates(&path, property);
            return None;
        }
        let conclusion = self.run();
        assert!(
            conclusion.failure(property).is_some(),
            "{property} was to be violated, and in none of {} of {} it was\n{}",
            counted(conclusion.findings.tallies.runs, "run"),
            conclusion.scenario,
            conclusion.groups(),
        );
        Some(conclusion)
    }

    /// What [`Campaign::assert_holds`] does when `QUARREL_TRACE` names this trace.
    ///
    /// # Panics
    /// When the trace still violates a property, or cannot be replayed.
    #[track_caller]
    pub fn assert_trace_holds(&self, trace: &Path) {
        let replay = self.replay(trace).unwrap_or_else(|mistake| panic!("{TRACE_VARIABLE}: {mistake}"));
        assert!(replay.violation().is_none(), "{replay}");
        eprintln!("{replay}");
    }

    /// What [`Campaign::assert_violates`] does when `QUARREL_TRACE` names this trace.
    ///
    /// # Panics
    /// When the trace does not violate the property, or cannot be replayed.
    #[track_caller]
    pub fn assert_trace_violates(&self, trace: &Path, property: &str) {
        let replay = self.replay(trace).unwrap_or_else(|mistake| panic!("{TRACE_VARIABLE}: {mistake}"));
        let violated = replay.violation().is_some_and(|violation| violation.property == property);
        assert!(violated, "{property} was to be violated\n{replay}");
        eprintln!("{replay}");
    }

    fn prepare(&self) -> Result<Box<dyn Trial>, String> {
        let registry = registry::<P>();
        let entry = entry::<P>(&registry);
        let known = entry.flaws().iter().map(|flaw| flaw.name);
        for flaw in &self.flaws {
            let bare = &flaw[P::NAME.len() + 1..];
            if !known.clone().any(|known| known == bare) {
                let help = did_you_mean(bare, known)
                    .map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
                return Err(format!("{} has no flaw `{bare}`{help}", P::NAME));
            }
        }
        let scenario = self.scenario.read(P::NAME).map_err(|error| error.to_string())?;
        registry.trial(scenario, &self.flaws, Judges::of(self.jury)).map_err(|error| error.to_string())
    }

    /// What to tell somebody whose test fails; `None` when nothing does.
    fn complaint(&self, conclusion: &Conclusion) -> Option<String> {
        let why = match &conclusion.judgement {
            Judgement::Met => return None,
            Judgement::NotMet(why) => why.clone(),
            Judgement::Vacuous(empty) => {
                return Some(format!(
                    "nothing was violated in {} of {}, but they have shown nothing about:\n  {}\n\
                     Leave out of the scenario what this protocol cannot meet (Scenario::without).",
                    counted(conclusion.findings.tallies.runs, "run"),
                    conclusion.scenario,
                    empty.join("\n  "),
                ));
            }
            Judgement::Interrupted => "the campaign was interrupted".to_string(),
        };
        let mut text = format!("{} {}: {why}\n", P::NAME, conclusion.scenario);
        let folder = self.out.clone().unwrap_or_else(files::default_folder);
        for (position, failure) in conclusion.findings.failures.iter().enumerate() {
            let property = &failure.group.violation.property;
            let name = files::trace_name(&failure.trace, property, self.scenario.pins());
            let path = folder.join(name);
            // The working folder of a test is its package's, which is not where somebody reads this.
            let path = std::path::absolute(&path).unwrap_or(path);
            let written =
                files::create_folder(&folder).and_then(|()| files::write_trace(&path, &failure.trace));
            text.push('\n');
            text.push_str(&if position == 0 { at_length(failure) } else { in_short(failure) });
            text.push_str(&match written {
                Ok(()) => format!(
                    "  trace   {0}\n  replay  {TRACE_VARIABLE}={0} cargo test {1}\n",
                    files::shell_word(path.display()),
                    test_name()
                ),
                Err(why) => format!("  the trace was not kept: {why}\n"),
            });
        }
        Some(text)
    }
}

/// What came of a campaign.
#[derive(Clone, Debug)]
pub struct Conclusion {
    /// The sums over all runs, and each way of failing.
    pub findings: Findings,
    /// What they mean.
    pub judgement: Judgement,
    /// The scenario's name.
    pub scenario: String,
}

impl Conclusion {
    /// Whether nothing was violated and nothing was left untried.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.judgement == Judgement::Met && self.findings.failures.is_empty()
    }

    /// The failure of that property with the lowest seed, shrunk.
    #[must_use]
    pub fn failure(&self, property: &str) -> Option<&Failure> {
        self.findings.failures.iter().find(|failure| failure.group.violation.property == property)
    }

    /// The story of that property's failure, in ten to twenty lines.
    #[must_use]
    pub fn story(&self, property: &str) -> Option<String> {
        self.failure(property).map(|failure| story::short(&failure.trace))
    }

    /// Each way of failing on a line.
    fn groups(&self) -> String {
        self.findings.failures.iter().map(in_short).collect()
    }
}

impl Display for Conclusion {
    /// One line, then one for each way of failing. No wall clock: it is the same wherever the campaign ran.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { tallies, seeds, failures, .. } = &self.findings;
        let runs = counted(tallies.runs, "run");
        match &self.judgement {
            Judgement::Met if failures.is_empty() => write!(f, "every property held in {runs}"),
            Judgement::NotMet(why) => f.write_str(why),
            Judgement::Vacuous(empty) => {
                write!(f, "nothing was violated in {runs}, but {}", empty.join(", "))
            }
            judgement => f.write_str(judgement.word()),
        }?;
        write!(f, " ({}, seeds {}..{})\n{}", self.scenario, seeds.start, seeds.end, self.groups())
    }
}

/// One way of failing on less than a screen. The story says itself which two facts collide, and ends with them.
fn at_length(failure: &Failure) -> String {
    let shrunk = failure.shrunk.map_or(String::new(), |report| {
        let needed = if report.one_minimal { ", and each one is needed" } else { "" };
        let (before, after) = (grouped(report.before as u64), grouped(report.after as u64));
        format!("; {before} items shrunk to {after}{needed}")
    });
    let Violation { property, kind, .. } = &failure.group.violation;
    let story = story::short(&failure.trace);
    format!("{property} ({kind}): seed {}{shrunk}\n\n{}\n\n", failure.seed, story.trim_end())
}

fn in_short(failure: &Failure) -> String {
    let Violation { property, kind, .. } = &failure.group.violation;
    let (runs, seed) = (failure.group.runs, failure.seed);
    let detail = failure.detail();
    format!("{property} ({kind}) in {}; seed {seed}: {detail}\n", counted(runs, "run"))
}

/// The test that runs: libtest names its threads so.
fn test_name() -> String {
    let current = std::thread::current();
    match current.name() {
        None | Some("main") => "<this test>".to_string(),
        Some(name) => name.to_string(),
    }
}

fn trace_asked_for() -> Option<PathBuf> {
    std::env::var_os(TRACE_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// This protocol alone: a user's `raft` is theirs.
fn registry<P: Subject>() -> Registry {
    Registry::default().with::<P>()
}

fn entry<P: Subject>(registry: &Registry) -> &dyn Entry {
    registry.find(P::NAME).expect("it was added")
}
