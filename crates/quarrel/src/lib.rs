//! Deterministic simulation testing for consensus protocols: the library.
//!
//! Bring a state machine that does no I/O, and a test of one line puts it into hundreds of simulated clusters in which
//! messages are lost, nodes crash and networks split:
//!
//! ```
//! use quarrel::spec::consensus::{Decided, Propose};
//! use quarrel::{Cluster, Effects, Input, NodeId, Nothing, Protocol, Scenario, Summary, Value};
//!
//! quarrel::message! { pub enum Message {} }
//! quarrel::timer! { pub enum Timer {} }
//! quarrel::data! { pub enum Record { Decided { value: Value } => "decided {value}" } }
//! quarrel::event! { pub enum Event { Decided { value: Value } => "decides {value}" } }
//!
//! /// One node decides for all: consensus, as long as nobody asks another one.
//! pub struct Dictator {
//!     decided: Option<Value>,
//! }
//!
//! impl Protocol for Dictator {
//!     const NAME: &'static str = "dictator";
//!
//!     type Config = Cluster;
//!     type Request = Propose;
//!     type Reply = Decided;
//!     type Output = Decided;
//!     type Admin = Nothing;
//!     type Message = Message;
//!     type Timer = Timer;
//!     type Record = Record;
//!     type Event = Event;
//!
//!     fn recover(_: &Cluster, _: NodeId, disk: &[Record], _: &mut Effects<Self>) -> Self {
//!         Self { decided: disk.first().map(|Record::Decided { value }| *value) }
//!     }
//!
//!     fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
//!         // No messages, no timers: nothing else can happen.
//!         let Input::Request { client, id, request: Propose(value), .. } = input;
//!         if self.decided.is_none() {
//!             self.decided = Some(value);
//!             effects.persist(Record::Decided { value });
//!             effects.announce(Event::Decided { value });
//!             effects.output(Decided(value));
//!         }
//!         effects.reply(client, id, Decided(self.decided.unwrap_or(value)));
//!     }
//!
//!     fn assert_invariants(&self) {}
//!
//!     fn summary(&self) -> Summary {
//!         Summary { role: "dictator", facts: vec![] }
//!     }
//! }
//!
//! quarrel::subject!(Dictator solves consensus);
//!
//! quarrel::campaign::<Dictator>(Scenario::chaos(1).must_come_back()).seeds(0..20).assert_holds();
//! quarrel::campaign::<Dictator>(Scenario::calm(2)).seeds(0..20).assert_violates("agreement");
//! ```
//!
//! From here, [`guide`] goes step by step from an empty crate to a tested register, with the bug that everyone makes
//! first. `quarrel new NAME` writes such a crate.
//!
//! # What to write
//!
//! 1. [`Protocol`]: a state machine. [`Protocol::step`] takes one [`Input`] and pushes [`Effects`]; it sees no clock,
//!    no random number and no network ([`Clocked`] is for those that want to know the time). What it persists before it sends is on disk before it is on the wire: the order
//!    of the list is all there is to durability, and getting it wrong is a bug that a crash finds.
//! 2. The types that cross the contract, by [`message!`], [`timer!`], [`event!`], [`order!`] and [`data!`]: an enum with
//!    a sentence beside each variant.
//! 3. [`Subject`], by [`subject!`] or by hand: which problem of [`spec`] it solves (what clients ask, and the
//!    properties that any solution keeps), and what a run draws of its configuration. Invariants of its own are a
//!    [`Monitor`]. The problems: a [`register`](spec::register) and a [`key_value`](spec::key_value) store, which need
//!    no log; any [`object`](spec::object), replicated as you like; a [`replicated_log`](spec::replicated_log);
//!    [`consensus`](spec::consensus).
//! 4. A test: [`campaign()`] of a [`Scenario`].
//!
//! A replicated log also runs a state machine: [`Cluster::machine`] says which, [`spec::session::Replica`] runs it and
//! answers a command that comes twice as it did the first time. The workload asks what that machine understands;
//! [`Scenario::machine`] fixes it.
//!
//! # Who judges
//!
//! Monitors look inside: at what nodes put out and announce. Clients look at nothing but what they were told, and ask
//! whether one object that does one thing after the other explains it (`linearizability`), whether what was
//! acknowledged is there when everything is read back after the faults (`durability`), and whether they are answered at
//! all (`liveness`). [`Campaign::only_clients_judge`] leaves it to them: a violation is then one that somebody outside
//! has noticed, whatever the protocol looks like inside.
//!
//! Which object that is, [`Subject::Service`] says. [`subject!`] fills it in for the problems of [`spec`]. For a problem
//! of one's own there are two ways:
//!
//! * [`NoService`], if there is nothing that clients could check, or not yet. They are then content with any answer,
//!   and only monitors and liveness judge.
//! * A [`Service`] of one's own: a [`Model`](spec::linearizability::Model), which is a state and a function that
//!   applies a call to it, and two translations, of a request into a call and of a reply into an answer. That is
//!   all; an order that nodes' outputs tell ([`Service::position`]) only saves the search for one, and
//!   [`Service::lag`] says which nodes are behind. The example `counter` is such a problem in twenty lines.
//!
//! # Liveness
//!
//! A safe protocol may do nothing. [`Scenario::must_come_back`] asks for more: at the end all nodes of a core are well
//! again, and within a bound that each progress starts anew, every client is answered and the core agrees. What a
//! protocol promises is for [`Subject`] to say:
//!
//! * [`Subject::lasting`]: what may ail the nodes outside the core for good. Nothing, unless it is listed.
//! * [`Subject::core_min`]: how many nodes are enough to go on. All of them, unless the protocol knows better.
//! * [`Subject::round_ns`]: how long one round takes by the protocol's own timers, at the longest; a second, unless the
//!   protocol knows better. The bound is twenty such rounds, each with a client's timeout and two round trips.
//!
//! With [`subject!`] alone all nodes must be well before anything is owed; `lives_with` promises that a majority is
//! enough.
//!
//! When the bound has passed, the report says who waits for whom. Clients are known to wait; a node says it by
//! [`Protocol::waits`]: on whom, and for what, in a few words. It is asked then and at no other time, so it may look
//! things up, and it decides nothing. A protocol that does not implement it is reported to wait for nobody.
//!
//! # When it fails
//!
//! The panic of [`Campaign::assert_holds`] names the property and the seed, tells the run in ten to twenty lines, made
//! as small as it gets, says where its trace was written, and ends with the commands that run it again:
//!
//! * `QUARREL_SEED=17 cargo test my_test` runs that seed only; `QUARREL_SEED=0..5000` runs a range, `QUARREL_RUNS=5000`
//!   so many. The report says so.
//! * `QUARREL_TRACE=… cargo test my_test` runs the recorded failure on the code as it is now instead of a campaign: it
//!   fails as long as the failure is reproduced, and passes once it is gone. In a whole suite the trace is for the
//!   campaigns that it fits: of its protocol, its scenario's name, and its flaws or none. The others run as usual, and
//!   say so; but a test that is named in full (`cargo test my_test`) and that it does not fit fails. When no test says
//!   that it replayed the trace, none has.
//!
//! nextest runs each test in a process of its own and names it in full; there, a test that the trace does not fit runs
//! as usual in any case.
//!
//! # In CI
//!
//! In GitHub Actions a failing test is also noted beside its line. `crates/quarrel/examples/github-workflow.yml` is a
//! workflow to copy. `quarrel campaign --junit FILE` writes JUnit XML. Suites that are written with proptest draw runs
//! from a strategy, with the feature `proptest`: `quarrel::proptest::schedules`.
//!
//! The whole command line over a protocol of one's own (scenarios, campaigns, flaws, traces, shrinking, views) is one
//! line: `quarrel_cli::main::<MyProtocol>()`.
//!
//! Longer examples lie in `crates/quarrel/examples`: `tutorial_acceptor`, the Paxos of the tutorials with the two
//! lines that they get wrong; `primary_backup`, which answers too early and then lies to its clients;
//! `chain_replication`, whose tail goes on answering when it has been left out; `lock_service`, whose leases need a
//! fence; and `counter`, a problem of one's own.
//!
//! # Requests that come again
//!
//! A client that hears nothing asks again, there or elsewhere, with the same [`RequestId`]. A protocol that remembers
//! whom it has answered does it once. For a problem whose protocols need not remember ([`register`](spec::register),
//! [`key_value`](spec::key_value), [`object`](spec::object)), what changes something is asked once: it reaches at most
//! one node, at most once, and a client that hears nothing gives up. [`Subject::may_repeat`] says which is which.
#![allow(
    clippy::disallowed_methods,
    reason = "the facade owns threads, files and the wall clock of a campaign"
)]

// What the macros write names the crate as its users do.
extern crate self as quarrel;

#[doc = include_str!("../README.md")]
pub mod guide {}

pub mod campaign;
pub mod compare;
pub mod engine;
pub mod environment;
pub mod files;
pub mod github;
pub mod judgement;
pub mod macros;
pub mod numbers;
pub mod panics;
#[cfg(feature = "proptest")]
pub mod proptest;
pub mod replay;
pub mod scenario;

mod cluster;
mod complaint;
mod suite;

pub use campaign::{Campaign, Conclusion, campaign};
pub use cluster::{Cluster, flaw};
pub use engine::{Failure, Findings};
pub use judgement::Judgement;
pub use macros::Number;
pub use replay::Replay;
pub use scenario::Scenario;

pub use quarrel_formats::scenario::Complaint;
pub use quarrel_formats::trace::Oracle;
pub use quarrel_formats::trace::Trace;
pub use quarrel_harness::dice::Dice;
pub use quarrel_harness::history::Spelled;
pub use quarrel_harness::story;
pub use quarrel_harness::truth::{AnswerOf, CallOf};
pub use quarrel_harness::{Asker, NoInvariants, Operator, RawOptions, Setting, Subject};
pub use quarrel_protocol::{
    After, Announcement, Answer, Cell, ClientId, ClientReply, Clocked, Data, Effect, Effects, Fingerprint,
    Fingerprinter, Flaw, Input, Kinded, Lasting, LocalTime, Message, Monitor, NodeId, NodeSet, Nothing,
    Property, PropertyKind, Protocol, Pushed, Quorum, Report, RequestId, Summary, Violation, Wait,
};
pub use quarrel_spec::{self as spec, NoService, Service, Value};
pub use serde;
