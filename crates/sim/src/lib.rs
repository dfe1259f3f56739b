//! The deterministic world: it decides everything that could have gone differently, and nothing else does.
//!
//! A [`World`](world::World), a protocol's configuration, the client operations and a [`Chooser`]
//! determine a run to the byte. The crate names no concrete protocol and no property; it reads no clock, no
//! environment and no file, and holds no float and no unordered map.
//!
//! Reading order: [`world`] and [`fault`] (what is fixed before the first event), [`decision`] and [`chooser`] (what
//! is decided on the way), [`cluster`] (the executor), then what it is made of.

pub mod chooser;
pub mod cluster;
pub mod decision;
pub mod digest;
pub mod draw;
pub mod fault;
pub mod observer;
pub mod panics;
pub mod record;
pub mod time;
pub mod world;

mod arrival;
mod asked;
mod asking;
mod believing;
mod books;
mod clients;
mod clock;
mod crash;
mod deed;
mod disk;
mod effects;
mod fault_class;
mod flight;
mod lanes;
mod links;
mod liveness;
mod nemesis;
mod node;
mod odds;
mod orders;
mod plan;
mod queue;
mod standing;
mod strike;
mod struck;
mod timers;
mod treason;
mod turns;
mod watch;
mod writing;

pub use asked::Asked;
pub use chooser::Chooser;
pub use cluster::Cluster;
pub use liveness::SHAPES as LIVENESS_SHAPES;
pub use observer::{End, Observer};
pub use plan::{Plan, Tally};
pub use standing::Standing;
pub use struck::Struck;
