//! The sans-IO contract between a protocol and the world that runs it.
//!
//! A protocol is a state machine: [`Protocol::step`] takes one [`Input`] and pushes [`Effect`]s. It sees no clock
//! (but see [`Clocked`]), no random number, no storage and no network. Whoever runs it keeps one promise, the *release rule*:
//!
//! > A `Send`, `Reply`, `Output` or `Announce` leaves the node only when every `Persist` pushed before it, in any
//! > step, is durable.
//!
//! So persistence is the order of a list: a vote that is pushed before its answer is on disk before its answer is on
//! the wire, and a vote that is not pushed is a bug that a crash can find.
//!
//! Of the writes that are not durable yet a crash may leave any, unless the disk keeps their order (a scenario says whether it
//! does) or a [barrier](Effects::barrier) stands between them.
//!
//! Read in this order: [`contract`], [`effects`], [`monitor`], then the small ones.

pub mod clocked;
pub mod contract;
pub mod effects;
pub mod fingerprint;
pub mod flaw;
pub mod lasting;
pub mod monitor;
pub mod node;
pub mod quorum;

pub use clocked::{Clocked, LocalTime};
pub use contract::{
    Announcement, Answer, ClientId, ClientReply, Data, Input, Kinded, Message, Nothing, Protocol, RequestId,
    Summary, Wait,
};
pub use effects::{After, Effect, Effects, Pushed};
pub use fingerprint::{Fingerprint, Fingerprinter, fold};
pub use flaw::{Defect, Flaw, FlawSet};
pub use lasting::Lasting;
pub use monitor::{Cell, Ending, Monitor, Property, PropertyKind, Report, Suspense, Violation};
pub use node::{NodeId, NodeSet};
pub use quorum::Quorum;
