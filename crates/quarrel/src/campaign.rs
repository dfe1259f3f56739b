//! A campaign in a test: many seeds of one scenario, and what to do when a property breaks.

use std::any::type_name;
use std::fmt::{self, Display};
use std::io::Write;
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
use quarrel_harness::tallies::WORLD_PROPERTIES;

use crate::Scenario;
use crate::complaint::{Complaint, in_short};
use crate::engine::{self, Failure, Findings, Orders};
use crate::environment::{self, SeedWish, TRACE_VARIABLE};
use crate::files;
use crate::judgement::{Judgement, judge, shows};
use crate::numbers::counted;
use crate::replay::{Replay, fit, replay};
use crate::suite::Test;

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

    /// Runs the campaign. Failures are shrunk; nothing is printed, nothing is written. `QUARREL_SEED` and
    /// `QUARREL_RUNS` in the environment ask for other seeds: see [`environment`].
    ///
    /// # Panics
    /// When the scenario or the name of a flaw is wrong, or a value in the environment.
    #[track_caller]
    #[must_use]
    pub fn run(&self) -> Conclusion {
        match SeedWish::of_environment().and_then(|wish| self.conclude(wish)) {
            Ok(conclusion) => conclusion,
            Err(mistake) => panic!("{mistake}"),
        }
    }

    fn conclude(&self, wish: Option<SeedWish>) -> Result<Conclusion, String> {
        let trial = self.prepare()?;
        let (seeds, environment) = match wish {
            None => (self.seeds.clone(), None),
            Some(wish) => {
                let (ours, seeds) = (&self.seeds, wish.seeds(&self.seeds)?);
                let words = wish.words();
                let note = format!("{words} overrides .seeds({}..{})", ours.start, ours.end);
                (seeds, Some(note))
            }
        };
        let orders = Orders { jobs: self.jobs, ..Orders::new(seeds) };
        let findings = engine::run(trial.as_ref(), &orders, &|_| {}, &AtomicBool::new(false));
        let judgement = judge(trial.as_ref(), &findings);
        Ok(Conclusion { findings, judgement, scenario: trial.scenario().name.clone(), environment })
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
    /// have been tried. With `QUARREL_TRACE=<path>` in the environment, that trace is replayed instead, if it fits; the
    /// test then passes when the violation is gone.
    ///
    /// # Panics
    /// When a property is violated: says which, tells the shrunk story, and where its trace was written.
    #[track_caller]
    pub fn assert_holds(&self) {
        let test = Test::current();
        match self.trace_asked_for(&test) {
            Err(mistake) => panic!("{mistake}"),
            Ok(Some(path)) => {
                self.assert_trace_holds(&path);
                say(&format!("{TRACE_VARIABLE}: {}: replayed {}: it holds", test.name(), path.display()));
            }
            Ok(None) => {
                let conclusion = self.run();
                if let Some(complaint) = self.complaint(&test, &conclusion) {
                    complaint.annotate(std::panic::Location::caller());
                    panic!("{complaint}");
                }
                conclusion.tell_environment();
            }
        }
    }

    /// Runs the campaign as a test of the campaign itself: in some run, this property must be violated. With
    /// `QUARREL_TRACE=<path>` in the environment, that trace is replayed instead, if it fits, and must violate it. Returns
    /// the campaign's conclusion, if there was a campaign. A violated `durability` is a violated `linearizability` that
    /// came out only when everything was read back, and so will do for it.
    ///
    /// # Panics
    /// When the property is violated in no run, or there is no such property. `QUARREL_SEED` is passed over, with a note,
    /// unless this test was asked for by its whole name: some other test fails at that seed.
    #[track_caller]
    pub fn assert_violates(&self, property: &str) -> Option<Conclusion> {
        let test = Test::current();
        match self.check_property(property).and_then(|()| self.trace_asked_for(&test)) {
            Err(mistake) => panic!("{mistake}"),
            Ok(Some(path)) => {
                self.assert_trace_violates(&path, property);
                say(&format!(
                    "{TRACE_VARIABLE}: {}: replayed {}: it violates {property}",
                    test.name(),
                    path.display()
                ));
                return None;
            }
            Ok(None) => {}
        }
        // A seed is that of some failing test. One that is to find something finds it in its own seeds, unless it was
        // asked for by name.
        let concluded = SeedWish::of_environment().and_then(|wish| {
            let foreign = wish.as_ref().filter(|wish| wish.names_seeds() && !test.is_named());
            match foreign {
                None => self.conclude(wish),
                Some(foreign) => {
                    let (words, name) = (foreign.words(), test.name());
                    say(&format!(
                        "{words}: {name} runs its own seeds, since it looks for a violation of {property}, which \
                         other seeds need not have; ask for it by its whole name to run these"
                    ));
                    self.conclude(None)
                }
            }
        });
        let conclusion = match concluded {
            Ok(conclusion) => conclusion,
            Err(mistake) => panic!("{mistake}"),
        };
        if conclusion.failure(property).is_none() {
            let complaint = Complaint::of_absence(&test, &conclusion, property);
            complaint.annotate(std::panic::Location::caller());
            panic!("{complaint}");
        }
        conclusion.tell_environment();
        Some(conclusion)
    }

    /// What [`Campaign::assert_holds`] does when `QUARREL_TRACE` names this trace.
    ///
    /// # Panics
    /// When the trace still violates a property, or cannot be replayed.
    #[track_caller]
    pub fn assert_trace_holds(&self, trace: &Path) {
        match self.replay(trace) {
            Err(mistake) => panic!("{TRACE_VARIABLE}: {mistake}"),
            Ok(replay) if replay.violation().is_some() => fail_replay(&replay, ""),
            Ok(replay) => eprintln!("{replay}"),
        }
    }

    /// What [`Campaign::assert_violates`] does when `QUARREL_TRACE` names this trace.
    ///
    /// # Panics
    /// When the trace does not violate the property, or cannot be replayed.
    #[track_caller]
    pub fn assert_trace_violates(&self, trace: &Path, property: &str) {
        let violated = |replay: &Replay| {
            replay.violation().is_some_and(|violation| shows(&violation.property, property))
        };
        match self.replay(trace) {
            Err(mistake) => panic!("{TRACE_VARIABLE}: {mistake}"),
            Ok(replay) if !violated(&replay) => {
                fail_replay(&replay, &format!("{property} was to be violated\n"));
            }
            Ok(replay) => eprintln!("{replay}"),
        }
    }

    /// The trace to replay in place of this campaign, if it fits. One that does not fit is somebody else's, unless this very test
    /// was asked for: passing would then look as if the failure were gone.
    fn trace_asked_for(&self, test: &Test) -> Result<Option<PathBuf>, String> {
        let Some(path) = environment::trace()? else { return Ok(None) };
        let trace = files::read_trace(&path).map_err(|error| format!("{TRACE_VARIABLE}: {error}"))?;
        // A trace holds its world: of which scenario it is tells tests apart, but does not keep one from running it.
        // The command line names a scenario with its folder.
        let bare = |name: &str| name.rsplit('/').next().unwrap_or_default().to_string();
        let of_another =
            bare(&trace.header.scenario) != bare(self.scenario.name()) || trace.header.oracle != self.jury;
        let misfit = fit(P::NAME, &self.flaws, &trace).err();
        let misfit = misfit.or_else(|| {
            let whose = format!("it is a trace of {} under another scenario", P::NAME);
            (of_another && !test.is_named()).then_some(whose)
        });
        match misfit {
            None => Ok(Some(path)),
            Some(why) if test.is_named() => Err(format!("{TRACE_VARIABLE}={}: {why}", path.display())),
            Some(why) => {
                say(&format!(
                    "{TRACE_VARIABLE}: {}: not replayed, but run as usual, since {why}",
                    test.name()
                ));
                Ok(None)
            }
        }
    }

    fn check_property(&self, property: &str) -> Result<(), String> {
        let trial = self.prepare()?;
        let known = trial.properties().iter().map(|property| property.name).chain(WORLD_PROPERTIES);
        if known.clone().any(|known| known == property) {
            return Ok(());
        }
        let all = known.clone().collect::<Vec<_>>().join(", ");
        let meant =
            did_you_mean(property, known).map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
        Err(format!("{} has no property `{property}`{meant}\nit has {all}", P::NAME))
    }

    pub(crate) fn prepare(&self) -> Result<Box<dyn Trial>, String> {
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

    /// What to tell somebody whose test fails; `None` when nothing does. Writes the traces.
    fn complaint(&self, test: &Test, conclusion: &Conclusion) -> Option<Complaint> {
        if conclusion.judgement == Judgement::Met {
            return None;
        }
        let folder = self.out.clone().unwrap_or_else(files::default_folder);
        // The working folder of a test is its package's, which is not where somebody reads this.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let identity = self.identity();
        let keep = |failure: &Failure| {
            let property = &failure.group.violation.property;
            let path = folder.join(files::trace_name(&failure.trace, property, &identity));
            files::create_folder(&folder).and_then(|()| files::write_trace(&path, &failure.trace))?;
            Ok(path)
        };
        Some(Complaint::of(P::NAME, test, conclusion, keep))
    }

    /// What tells this campaign's traces from those of any other test, even of a protocol of the same name: tests run
    /// side by side, and share a folder.
    fn identity(&self) -> Vec<(String, String)> {
        let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
        let entry = |key: &str, value: String| (key.to_string(), value);
        let own = [
            entry("<package>", package),
            entry("<type>", type_name::<P>().to_string()),
            entry("<scenario>", self.scenario.text(P::NAME)),
            entry("<oracle>", format!("{:?}", self.jury)),
        ];
        self.scenario.pins().iter().cloned().chain(own).collect()
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
    /// What the environment changed, in a few words.
    pub environment: Option<String>,
}

impl Conclusion {
    /// Whether nothing was violated and nothing was left untried.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.judgement == Judgement::Met && self.findings.failures.is_empty()
    }

    /// The failure of that property with the lowest seed, shrunk. For `linearizability` that of `durability` will do:
    /// where that is violated no order explains the history.
    #[must_use]
    pub fn failure(&self, property: &str) -> Option<&Failure> {
        let of = |failure: &&Failure| failure.group.violation.property == property;
        let shows_it = |failure: &&Failure| shows(&failure.group.violation.property, property);
        let mut failures = self.findings.failures.iter();
        failures.clone().find(of).or_else(|| failures.find(shows_it))
    }

    /// The story of that property's failure, in ten to twenty lines.
    #[must_use]
    pub fn story(&self, property: &str) -> Option<String> {
        self.failure(property).map(|failure| story::short(&failure.trace))
    }

    /// Each way of failing on a line.
    pub(crate) fn groups(&self) -> String {
        self.findings.failures.iter().map(in_short).collect()
    }

    /// A test that passes with other seeds than its own says so, to whoever looks at its output.
    fn tell_environment(&self) {
        if let Some(note) = &self.environment {
            eprintln!("{note}: {}", self.to_string().trim_end());
        }
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
        writeln!(f, " ({}, seeds {}..{})", self.scenario, seeds.start, seeds.end)?;
        f.write_str(&self.groups())
    }
}

/// Fails a test whose trace does not do what it should.
#[track_caller]
fn fail_replay(replay: &Replay, why: &str) -> ! {
    let complaint = Complaint::of_replay(replay, why);
    complaint.annotate(std::panic::Location::caller());
    panic!("{complaint}");
}

/// Says a line to whoever asked for a trace, even where tests that pass are silent: nothing else tells one that replayed
/// it from one that ran as usual. The macros that print are captured, this is not. In one piece, as other tests talk
/// as well.
fn say(line: &str) {
    let _unheard = std::io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

/// This protocol alone: a user's `raft` is theirs.
pub(crate) fn registry<P: Subject>() -> Registry {
    Registry::default().with::<P>()
}

fn entry<P: Subject>(registry: &Registry) -> &dyn Entry {
    registry.find(P::NAME).expect("it was added")
}
