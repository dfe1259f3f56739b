//! What a run begins with, and what it amounts to.

use quarrel_protocol::{Protocol, Violation};

use crate::asked::Asked;
use crate::struck::Struck;
use crate::world::{Operation, Order, World};

/// All that is fixed before a run's first event.
pub struct Plan<P: Protocol> {
    /// The world.
    pub world: World,
    /// The protocol's configuration.
    pub config: P::Config,
    /// What clients will ask.
    pub operations: Vec<Operation<P::Request>>,
    /// What an operator will ask of nodes.
    pub orders: Vec<Order<P::Admin>>,
}

/// What a run amounts to.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The digest over every decision, input and effect.
    pub digest: u64,
    /// How many events there were.
    pub events: u64,
    /// How many messages were sent from node to node.
    pub messages: u64,
    /// When the run ended, in nanoseconds of virtual time.
    pub ended_ns: u64,
    /// What struck.
    pub struck: Struck,
    /// What clients did.
    pub asked: Asked,
    /// How many orders of an operator reached a node.
    pub orders: u64,
    /// When the core had answered everything and agreed, in nanoseconds of virtual time, if it had to.
    pub settled_ns: Option<u64>,
    /// How many partitions began.
    pub partitions: u64,
    /// How many crashes struck while messages of that node were under way.
    pub crashes_mid_flight: u64,
    /// A limit that was reached, an assertion that failed or a panic, at that time.
    pub halted: Option<Violation>,
}
