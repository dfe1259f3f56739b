//! Serializability of transactions that read lists and append to them, by looking for what can go wrong.
//!
//! Adya, *Weak Consistency: A Generalized Theory and Optimistic Implementations* (1999), chapter 3, names what can go
//! wrong; Kingsbury and Alvaro, *Elle: Inferring Isolation Anomalies from Experimental Observations* (VLDB 2020), show
//! that lists give it away: a read of a list says which appends came before it, and in which order. From that come
//! dependencies between transactions; a cycle of them is an anomaly, with a proof that a person can follow. Together
//! with the order of time (who had returned before another was called) this is strict serializability.
//!
//! It takes linear time but for the lengths of the lists, where a search for an order ([`crate::linearizability`]) may
//! take for ever, and it says which dependencies collide, where a search can only say that it found no order. It is
//! sound: whatever it reports, no order explains. It is complete as far as somebody has read what was appended.
//!
//! Read in this order: this page, [`anomaly`], `versions` (who appended what, and what was read), `graph` (who depends
//! on whom), `cycle`.

pub mod anomaly;
mod cycle;
mod graph;
mod versions;

use crate::Value;
use crate::machine::ListId;

pub use anomaly::{Anomaly, Kind};

use graph::Graph;
use versions::Versions;

/// One thing that a transaction did to a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deed {
    /// It put a value at the end. No two appends to one list put the same.
    Append {
        /// To which list.
        list: ListId,
        /// What.
        value: Value,
    },
    /// It read the list.
    Read {
        /// Which list.
        list: ListId,
        /// What it was told; `None` if nobody knows.
        found: Option<Vec<Value>>,
    },
}

/// What became of a transaction, as its client knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It was committed.
    Committed,
    /// It was aborted: it had no effect.
    Aborted,
    /// Nobody knows.
    Unknown,
}

/// One transaction as its client saw it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Execution {
    /// What it is called in explanations.
    pub name: String,
    /// What it did to lists, in its order.
    pub deeds: Vec<Deed>,
    /// What became of it.
    pub fate: Fate,
    /// When it was called: a position among all calls and returns.
    pub called: u64,
    /// When its client heard of it, if it did; later than `called`.
    pub returned: Option<u64>,
}

/// Looks for the gravest anomaly among these transactions; nothing when they are strictly serializable, as far as
/// anybody can tell from what they read.
#[must_use]
pub fn analyse(executions: &[Execution]) -> Option<Anomaly> {
    let versions = match Versions::of(executions) {
        Ok(versions) => versions,
        Err(anomaly) => return Some(anomaly),
    };
    let graph = Graph::of(executions, &versions);
    cycle::find(executions, &graph)
}
