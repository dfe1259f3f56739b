//! Scenarios: TOML files, written by people, that say who does what and what must happen.
//!
//! [`Scenario::parse`] reads one and refuses whatever is wrong in itself; [`Scenario::check`] then looks up the names
//! that only a protocol knows in a [`Vocabulary`]. Reading order: `model` and `faults` (what a scenario says), `document`
//! (the file as a whole), then the sections: `sections`, `recurring`, `treason`, `timeline`, `script`, `expectation`.

mod faults;
mod model;

mod bounds;
mod check;
mod clients;
mod document;
mod expectation;
mod nesting;
mod nodes;
mod operator;
mod pin;
mod raw;
mod recurring;
mod script;
mod sections;
mod source;
mod timeline;
mod treason;
mod trigger;
mod units;

pub use check::{Vocabulary, Words};
pub use expectation::{Expectation, Expected, Side};
pub use faults::{Between, Lasts, Reactive, Recurring, Reflex, SlowLeader, Starved, Strikes, Way, Whom};
pub use model::{
    Asked, CERTAIN_PPM, Clock, Disk, Draw, During, Floor, Network, Operator, Order, Ordered, Owes, Recovery,
    Scenario, Workload, WriteOrder,
};
pub use raw::{Entry, Off, Raw, RawValue, Table};
pub use source::{Complaint, Place};
pub use treason::{Bound, Traitors, Treachery, Treason};
pub use units::{parse_duration, parse_probability, probability_text};
