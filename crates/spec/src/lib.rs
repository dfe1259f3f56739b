//! The problems that protocols solve, in words shared by all of them: what clients ask, what they are told, what
//! replicas put out, and the black-box properties that any solution must keep.
//!
//! * [`consensus`]: one value is chosen (Paxos).
//! * [`replicated_log`]: one sequence of commands is applied everywhere (Raft, Multi-Paxos); [`session`] makes each
//!   count once, [`machine`] says what they do, [`workload`] draws them, [`image`] is all of it as bytes.
//! * [`atomic_commit`]: one transaction, several databases, and all of them do it or none (two- and three-phase commit).
//! * [`coordinated_attack`]: two generals attack together or not at all, which nothing can make certain.
//! * [`register`] and [`key_value`]: one register, and one for each key, without a log (Attiya, Bar-Noy and Dolev);
//!   [`object`]: any state machine, however it is replicated.
//! * [`serializability`]: which anomaly transactions over lists give away.
//! * [`linearizability`]: whether what clients saw can be explained at all.

pub mod atomic_commit;
pub mod consensus;
pub mod coordinated_attack;
pub mod image;
pub mod key_value;
pub mod linearizability;
pub mod machine;
pub mod object;
pub mod register;
pub mod replicated_log;
pub mod serializability;
pub mod service;
pub mod session;
mod value;
pub mod workload;

pub use service::{NoService, Service, Sight, Told};
pub use value::Value;
