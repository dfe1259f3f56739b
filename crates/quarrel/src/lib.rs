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
//!         let Input::Request { client, id, request: Propose(value) } = input else { return };
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
//! quarrel::campaign::<Dictator>(Scenario::chaos(1)).seeds(0..20).assert_holds();
//! quarrel::campaign::<Dictator>(Scenario::calm(2)).seeds(0..20).assert_violates("agreement");
//! ```
//!
//! # What to write
//!
//! 1. [`Protocol`]: a state machine. [`Protocol::step`] takes one [`Input`] and pushes [`Effects`]; it sees no clock,
//!    no random number and no network. What it persists before it sends is on disk before it is on the wire: the order
//!    of the list is all there is to durability, and getting it wrong is a bug that a crash finds.
//! 2. The types that cross the contract, by [`message!`], [`timer!`], [`event!`] and [`data!`]: an enum with a sentence
//!    beside each variant.
//! 3. [`Subject`], by [`subject!`] or by hand: which problem of [`spec`] it solves (what clients ask, and the
//!    properties that any solution keeps), and what a run draws of its configuration. Invariants of its own are a
//!    [`Monitor`].
//! 4. A test: [`campaign()`] of a [`Scenario`].
//!
//! # When it fails
//!
//! The panic of [`Campaign::assert_holds`] names the property and the seed, tells the run in ten to twenty lines, made
//! as small as it gets, and says where its trace was written. With that trace in `QUARREL_TRACE`, the same test runs
//! the recorded failure on the code as it is now instead of a campaign: it fails as long as the failure is reproduced,
//! and passes once it is gone.
//!
//! Longer examples lie in `crates/quarrel/examples`: `tutorial_acceptor`, the Paxos of the tutorials with the two
//! lines that they get wrong, and `primary_backup`, which answers too early.
#![allow(
    clippy::disallowed_methods,
    reason = "the facade owns threads, files and the wall clock of a campaign"
)]

// What the macros write names the crate as its users do.
extern crate self as quarrel;

pub mod campaign;
pub mod engine;
pub mod files;
pub mod judgement;
pub mod macros;
pub mod numbers;
pub mod panics;
pub mod replay;
pub mod scenario;

mod cluster;

pub use campaign::{Campaign, Conclusion, campaign};
pub use cluster::{Cluster, flaw};
pub use engine::{Failure, Findings};
pub use judgement::Judgement;
pub use macros::Number;
pub use replay::Replay;
pub use scenario::Scenario;

pub use quarrel_formats::scenario::Complaint;
pub use quarrel_formats::trace::Trace;
pub use quarrel_harness::dice::Dice;
pub use quarrel_harness::story;
pub use quarrel_harness::{NoInvariants, RawOptions, Subject};
pub use quarrel_protocol::{
    After, Announcement, Answer, Cell, ClientId, ClientReply, Data, Effect, Effects, Fingerprint,
    Fingerprinter, Flaw, Input, Kinded, Message, Monitor, NodeId, NodeSet, Nothing, Property, PropertyKind,
    Protocol, Quorum, Report, RequestId, Summary, Violation,
};
pub use quarrel_spec::{self as spec, Value};
pub use serde;
