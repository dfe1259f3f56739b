//! The crate `omnipaxos` on trial: a replicated log by Sequence Paxos, with ballot leader election.
//!
//! Ng, Haridi and Carbone, *Omni-Paxos: Breaking the Barriers of Partial Connectivity* (EuroSys 2023). The crate comes
//! from the registry as it is; what it promises is in its documentation (<https://omnipaxos.com/docs>), which is cited
//! where it counts.
//!
//! The crate is called and answers at once: it stores through a trait, and its messages are fetched. So
//!
//! * what it stores becomes records (`store.rs`), in the order in which it stores, and its messages leave behind them;
//! * a restart builds it anew on what the surviving records amount to, which is its own way to recover;
//! * only what it has decided is applied and answered: "append returning Ok" is no promise. A proposal that a change of
//!   leader loses is asked for again by its client, whose session keeps it from counting twice;
//! * after a stop sign is decided, a new instance goes on with a storage of its own, and positions of the log are
//!   counted on (`node.rs`). Old instances stay, for those who have not seen their end;
//! * before a log is trimmed the application saves its state, as the documentation demands;
//! * messages travel on connections, of whose loss the crate is told (`connection.rs`), or on bare links.
//!
//! Read in this order: [`entry`], [`record`], [`store`], [`message`], `engine.rs`, [`node`], `application.rs`; then [`invariants`] and
//! [`flaw`].
//!
//! What is left out: clusters whose members change (a reconfiguration is to the same nodes), UniCache, the runtime for
//! `async`, and reads that spare the log.

pub mod config;
pub mod entry;
pub mod event;
pub mod flaw;
pub mod invariants;
pub mod message;
pub mod node;
pub mod order;
pub mod record;
pub mod round;
pub mod store;

mod application;
mod connection;
mod engine;
#[cfg(not(feature = "omnipaxos-0-2-2"))]
mod storage;
#[cfg(feature = "omnipaxos-0-2-2")]
#[path = "storage_0_2_2.rs"]
mod storage;
mod subject;
mod wire;

pub use config::{Compaction, Config, LIVES_WITH, Links};
pub use event::Event;
pub use flaw::{FLAWS, FlawSet, OmniFlaw};
pub use invariants::Invariants;
pub use message::Message;
pub use node::{OmniPaxos, Timer};
pub use order::Order;
pub use record::Record;
pub use round::Round;
pub use subject::Options;
