//! Runs as values of `proptest`, for suites that are written with it. Needs the feature `proptest`.
//!
//! [`schedules`] is a strategy: its values are whole runs, drawn from a scenario by a seed. A failing one is made small
//! by taking away faults, client operations, orders and decisions, and is told as a story.
//!
//! ```
//! use proptest::test_runner::{Config, TestRunner};
//! use quarrel::proptest::{check, schedules};
//! use quarrel::spec::consensus::{Decided, Propose};
//! # use quarrel::{Cluster, Effects, Input, NodeId, Nothing, Protocol, Scenario, Summary, Value};
//! # quarrel::message! { pub enum Message {} }
//! # quarrel::timer! { pub enum Timer {} }
//! # quarrel::data! { pub enum Record { Decided { value: Value } => "decided {value}" } }
//! # quarrel::event! { pub enum Event { Decided { value: Value } => "decides {value}" } }
//! # pub struct Dictator { decided: Option<Value> }
//! # impl Protocol for Dictator {
//! #     const NAME: &'static str = "dictator";
//! #     type Config = Cluster;
//! #     type Request = Propose;
//! #     type Reply = Decided;
//! #     type Output = Decided;
//! #     type Admin = Nothing;
//! #     type Message = Message;
//! #     type Timer = Timer;
//! #     type Record = Record;
//! #     type Event = Event;
//! #     fn recover(_: &Cluster, _: NodeId, disk: &[Record], _: &mut Effects<Self>) -> Self {
//! #         Self { decided: disk.first().map(|Record::Decided { value }| *value) }
//! #     }
//! #     fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
//! #         let Input::Request { client, id, request: Propose(value), .. } = input;
//! #         if self.decided.is_none() {
//! #             self.decided = Some(value);
//! #             effects.persist(Record::Decided { value });
//! #             effects.announce(Event::Decided { value });
//! #             effects.output(Decided(value));
//! #         }
//! #         effects.reply(client, id, Decided(self.decided.unwrap_or(value)));
//! #     }
//! #     fn assert_invariants(&self) {}
//! #     fn summary(&self) -> Summary { Summary { role: "dictator", facts: vec![] } }
//! # }
//! # quarrel::subject!(Dictator solves consensus);
//!
//! // `Dictator` is the protocol of this crate's first page: one node decides for all.
//! proptest::proptest! {
//!     # #![proptest_config(Config { cases: 20, failure_persistence: None, ..Config::default() })]
//!     # /*
//!     #[test]
//!     # */
//!     fn one_dictator_agrees_with_itself(schedule in schedules::<Dictator>(&Scenario::calm(1))) {
//!         check(&schedule)?;
//!     }
//! }
//! # one_dictator_agrees_with_itself();
//! ```
//!
//! proptest's own generator draws the seed. What failed is therefore found again by what proptest keeps in
//! `proptest-regressions`, as long as neither the scenario nor Quarrel draws otherwise; the trace of a run
//! ([`Schedule::trace`]) outlives both. Nobody asks here whether enough has been tried: a
//! [`campaign`](crate::campaign()) does.

use std::fmt::{self, Debug, Display};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use ::proptest::prelude::any;
use ::proptest::strategy::{NewTree, Strategy, ValueTree};
use ::proptest::test_runner::{Reason, TestCaseError, TestRunner};
use quarrel_formats::trace::{Judgement, Trace};
use quarrel_harness::case::{Case, Flaws, items};
use quarrel_harness::registry::Trial;
use quarrel_harness::story;
use quarrel_harness::subject::Subject;
use quarrel_harness::truth::Judged;
use quarrel_protocol::Violation;

use crate::campaign::{Campaign, campaign, registry};
use crate::panics::in_run;
use crate::scenario::Scenario;

/// All runs that a scenario may draw of protocol `P`.
pub fn schedules<P: Subject>(scenario: &Scenario) -> Schedules<P> {
    Schedules { campaign: campaign(scenario.clone()), trial: OnceLock::new() }
}

/// Whether every property holds in this run: what a test asks.
///
/// # Errors
/// When one is violated, with the two facts that collide. A run is rejected when the search for an order of what
/// clients saw gave up.
pub fn check<P: Subject>(schedule: &Schedule<P>) -> Result<(), TestCaseError> {
    match schedule.judge() {
        (None, Judged::Unknown) => Err(TestCaseError::reject("the search for an order gave up")),
        (None, _) => Ok(()),
        (Some(Violation { property, kind, detail, .. }), _) => {
            Err(TestCaseError::fail(format!("{property} ({kind}): {detail}")))
        }
    }
}

/// The strategy of [`schedules`].
pub struct Schedules<P> {
    campaign: Campaign<P>,
    trial: OnceLock<Result<Arc<dyn Trial>, String>>,
}

impl<P: Subject> Schedules<P> {
    /// Switches on one of the protocol's deliberate flaws: see [`Campaign::flaw`].
    #[must_use]
    pub fn flaw(self, name: impl AsRef<str>) -> Self {
        Self { campaign: self.campaign.flaw(name), trial: OnceLock::new() }
    }

    /// Lets only clients judge: see [`Campaign::only_clients_judge`].
    #[must_use]
    pub fn only_clients_judge(self) -> Self {
        Self { campaign: self.campaign.only_clients_judge(), trial: OnceLock::new() }
    }

    /// The run of this seed.
    ///
    /// # Errors
    /// When the scenario or the name of a flaw is wrong.
    pub fn of_seed(&self, seed: u64) -> Result<Schedule<P>, String> {
        let trial = self.trial.get_or_init(|| self.campaign.prepare().map(Arc::from)).clone()?;
        Ok(Schedule::new(trial, Plan::Seed(seed)))
    }
}

impl<P: Subject> Debug for Schedules<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "schedules of {}", P::NAME)
    }
}

impl<P: Subject> Strategy for Schedules<P> {
    type Tree = Shrinking<P>;
    type Value = Schedule<P>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let seed = any::<u64>().new_tree(runner)?.current();
        self.of_seed(seed).map(Shrinking::new).map_err(Reason::from)
    }
}

/// A run: a world with its faults, what clients ask, and every decision that is not the default. As text it is a story.
pub struct Schedule<P> {
    shared: Arc<Shared>,
    protocol: PhantomData<fn() -> P>,
}

struct Shared {
    trial: Arc<dyn Trial>,
    plan: Plan,
    /// The run, with all its events, once somebody asks for them.
    trace: OnceLock<Trace>,
}

enum Plan {
    /// As the scenario draws it.
    Seed(u64),
    /// As a trace's header has it.
    Header(Box<Trace>),
}

impl<P: Subject> Schedule<P> {
    fn new(trial: Arc<dyn Trial>, plan: Plan) -> Self {
        let shared = Arc::new(Shared { trial, plan, trace: OnceLock::new() });
        Self { shared, protocol: PhantomData }
    }

    /// The seed that drew the run, or the one that it was made of.
    #[must_use]
    pub fn seed(&self) -> u64 {
        match &self.shared.plan {
            Plan::Seed(seed) => *seed,
            Plan::Header(trace) => trace.header.seed,
        }
    }

    /// The run with all its events: its header holds the world, the operations and the decisions.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        self.shared.trace.get_or_init(|| match &self.shared.plan {
            Plan::Seed(seed) => in_run(|| self.shared.trial.record(*seed)),
            Plan::Header(trace) => in_run(|| open::<P>(trace).replay(Flaws::Kept).trace),
        })
    }

    /// What is violated in this run.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        self.judge().0
    }

    /// How many faults, client operations, orders and decisions there are.
    #[must_use]
    pub fn items(&self) -> usize {
        match &self.shared.plan {
            Plan::Seed(_) => items(self.trace()),
            Plan::Header(trace) => items(trace),
        }
    }

    fn judge(&self) -> (Option<Violation>, Judged) {
        match (&self.shared.plan, self.shared.trace.get()) {
            // Most runs are judged and forgotten: nobody needs their events.
            (Plan::Seed(seed), None) => {
                let outcome = in_run(|| self.shared.trial.run(*seed));
                (outcome.verdict().cloned(), outcome.judged)
            }
            _ => match &self.trace().verdict.judgement {
                Judgement::Held => (None, Judged::Not),
                Judgement::Violated(violation) => (Some(violation.clone()), Judged::Not),
            },
        }
    }

    fn with(&self, trace: Trace) -> Self {
        Self::new(Arc::clone(&self.shared.trial), Plan::Header(Box::new(trace)))
    }

    /// The same failure, as small as it gets; `None` when there is none, or it is as small.
    fn shrunk(&self) -> Option<Self> {
        self.violation()?;
        let shrunk = in_run(|| open::<P>(self.trace()).shrink(&|| false))?;
        (items(&shrunk.trace) < self.items()).then(|| self.with(shrunk.trace))
    }

    /// The run without these of its faults, operations, orders and decisions, counted in this order.
    fn without(&self, range: &Range<usize>) -> Self {
        let mut trace = self.trace().clone();
        let header = &mut trace.header;
        let mut position = 0;
        let mut stays = || {
            position += 1;
            !range.contains(&(position - 1))
        };
        header.world.faults.retain(|_| stays());
        header.operations.retain(|_| stays());
        header.orders.retain(|_| stays());
        header.decisions.retain(|_| stays());
        trace.events.clear();
        self.with(trace)
    }
}

fn open<P: Subject>(trace: &Trace) -> Box<dyn Case> {
    let registry = registry::<P>();
    registry
        .open("<a schedule>", trace)
        .unwrap_or_else(|error| panic!("a trace of ours can be opened: {error}"))
}

impl<P> Clone for Schedule<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), protocol: PhantomData }
    }
}

impl<P: Subject> Display for Schedule<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, {} items\n{}", self.seed(), self.items(), story::short(self.trace()))
    }
}

impl<P: Subject> Debug for Schedule<P> {
    /// The story: this is how proptest shows what failed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// A run that becomes smaller: first as our own shrinker makes a violation small, in one step; then by taking away chunks of
/// what is left, down to single items, as long as the test fails. The second way alone serves a test that fails for
/// reasons of its own.
#[derive(Debug)]
pub struct Shrinking<P: Subject> {
    /// The smallest that the test is known to fail on, once there is a candidate.
    best: Schedule<P>,
    candidate: Option<Schedule<P>>,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Nothing was tried yet.
    Whole,
    /// Our own shrinker's run is the candidate.
    Shrunk,
    /// These items are out, or are the next to go.
    Chunk { start: usize, size: usize, dropped: bool },
    /// There is nothing left to try.
    Done,
}

impl<P: Subject> Shrinking<P> {
    const fn new(best: Schedule<P>) -> Self {
        Self { best, candidate: None, stage: Stage::Whole }
    }

    /// Puts up the next candidate; `false` when there is none, and the best is all there is.
    fn propose(&mut self) -> bool {
        loop {
            let items = self.best.items();
            match &mut self.stage {
                Stage::Whole => {
                    self.stage = Stage::Shrunk;
                    self.candidate = self.best.shrunk();
                }
                Stage::Shrunk => {
                    let size = items.next_power_of_two().max(2) / 2;
                    self.stage = Stage::Chunk { start: 0, size, dropped: false };
                    continue;
                }
                Stage::Chunk { start, size, .. } if *start < items => {
                    let range = *start..(*start + *size).min(items);
                    self.candidate = Some(self.best.without(&range));
                }
                Stage::Chunk { size: 1, dropped: false, .. } => self.stage = Stage::Done,
                Stage::Chunk { start, size, dropped } => {
                    (*start, *size, *dropped) = (0, (*size / 2).max(1), false);
                    continue;
                }
                Stage::Done => return false,
            }
            if self.candidate.is_some() {
                return true;
            }
        }
    }
}

impl<P: Subject> ValueTree for Shrinking<P> {
    type Value = Schedule<P>;

    fn current(&self) -> Schedule<P> {
        self.candidate.as_ref().unwrap_or(&self.best).clone()
    }

    /// The test fails on the candidate: go on from there.
    fn simplify(&mut self) -> bool {
        if let Some(candidate) = self.candidate.take() {
            self.best = candidate;
            if let Stage::Chunk { dropped, .. } = &mut self.stage {
                *dropped = true;
            }
        }
        self.propose()
    }

    /// The test does not fail on the candidate: what is missing there was needed.
    fn complicate(&mut self) -> bool {
        if self.candidate.take().is_none() {
            return false;
        }
        if let Stage::Chunk { start, size, .. } = &mut self.stage {
            *start += *size;
        }
        self.propose()
    }
}
