//! The crate `raft` (raft-rs, of TiKV) on trial: version 0.7.0, or 0.6.0 with the feature `raft-0-6`, as the registry
//! has them.
//!
//! What a user of the crate has to write is here: the loop over `Ready` ([`node`], `ready.rs`), a `Storage` ([`store`])
//! that lives on the disk of the contract, and a state machine behind client sessions (`apply.rs`). Each follows the
//! documentation of the crate to the letter, because a mistake here would be a false finding; deliberate mistakes are
//! in [`flaw`], and show that the harness would see one.
//!
//! Read in this order: [`config`], [`message`], [`store`], [`node`] with `ready.rs` and `apply.rs`; then what it is told
//! by operators ([`order`]), what it announces ([`event`]), what must hold ([`invariants`]) and how a scenario speaks of
//! it (`subject.rs`).
//!
//! How the world's decisions reach the crate:
//!
//! * **Ticks** are a timer. The crate's **election timeout** is random by `thread_rng`. It is read only at the top of a
//!   tick (`tick_election`), so it is set before every tick: to its greatest value, or, once the timer of our own has
//!   fired that is armed whenever the crate starts its election clock anew, to its least. The crate's own number is
//!   never read.
//! * **Persistence** is drawn. `sync`: each `Ready` is written, handled and advanced at once; what it releases waits
//!   behind the write in the order of effects, which is what a node that blocks on its disk looks like from outside.
//!   `async`: `advance_append_async`; a message to oneself behind the writes is their completion, which calls
//!   `on_persist_ready` and then sends what had to wait. `writer`: the same, but what had to wait is sent by whoever
//!   writes, as TiKV's write threads do, and may be answered before the node hears that its own write is done.
//! * A leader's own messages leave before its writes (the crate's comment in `RawNode::ready`, thesis 10.2.1).
//! * **Atomic writes**: `writes = "batch"` puts all of a `Ready` into one record; `"single"` makes each entry, and the
//!   hard state after them, a record of its own, in the order of the crate's documentation.
//! * The **log** of the crate is switched off by slog's own features. It decides nothing.
//! * Hash maps of the crate are `fxhash` maps without a random state: their order is a function of what was put in.
//!
//! Members of the cluster from the start share a snapshot at index 1 (TiKV's way; see `initialize_with_conf_state` of
//! the crate's `MemStorage`, which says that others must begin with a snapshot), so that whoever joins later is sent one
//! first and never has to guess the members it began with.

mod apply;
pub mod config;
pub mod event;
pub mod flaw;
pub mod invariants;
pub mod message;
pub mod node;
pub mod order;
pub mod properties;
mod ready;
mod record;
pub mod store;
mod subject;
mod waits;
mod wire;

#[cfg(feature = "raft-0-6")]
pub(crate) use raft_0_6 as raft;
#[cfg(not(feature = "raft-0-6"))]
pub(crate) use raft_0_7 as raft;

pub use config::Config;
pub use event::Event;
pub use flaw::{FLAWS, FlawSet, RaftRsFlaw};
pub use invariants::Invariants;
pub use message::Message;
pub use node::{RaftRs, Timer};
pub use order::Order;
pub use record::Record;
pub use store::Store;

use quarrel_protocol::NodeId;

/// The crate numbers its peers from 1: 0 is nobody.
pub(crate) const fn peer(node: NodeId) -> u64 {
    node.0 as u64 + 1
}

/// The node behind a number of the crate.
pub(crate) fn node_of(peer: u64) -> Option<NodeId> {
    u8::try_from(peer.checked_sub(1)?).ok().map(NodeId)
}
