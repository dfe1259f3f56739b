//! What the harness must know of a protocol to put it on trial.

use std::collections::BTreeMap;

use quarrel_formats::scenario::{Complaint, Raw};
use quarrel_protocol::{Flaw, Monitor, Protocol};

use crate::dice::Dice;

/// The `[config]` table of a scenario: options by name, as they were written.
pub type RawOptions = BTreeMap<String, Raw>;

/// A protocol with its monitors, its options, its flaws and a workload: all that a campaign needs.
pub trait Subject: Protocol {
    /// The invariants of its own paper.
    type Invariants: Monitor<Self> + Send;
    /// The black-box properties of the problem it solves. `quarrel_spec` has them.
    type Properties: Monitor<Self> + Send;
    /// Its options, as a scenario gives them: ranges that each run draws from.
    type Options: Clone + Send + Sync;

    /// The catalogue of its deliberate defects.
    const FLAWS: &'static [Flaw] = &[];
    /// The names of its options under `[config]`.
    const OPTIONS: &'static [&'static str] = &[];

    /// Reads its options. Unknown names have been refused already.
    ///
    /// # Errors
    /// When a value cannot be read.
    fn options(raw: &RawOptions) -> Result<Self::Options, Complaint>;

    /// The configuration of one run of `nodes` nodes with these flaws switched on (known names, without the
    /// protocol's own).
    ///
    /// # Panics
    /// May panic when a flaw is unknown; [`Registry::trial`](crate::registry::Registry::trial) refuses those.
    fn configure(options: &Self::Options, nodes: u8, flaws: &[&str], dice: &mut Dice) -> Self::Config;

    /// The same configuration with every deliberate defect switched off.
    #[must_use]
    fn without_flaws(config: Self::Config) -> Self::Config {
        config
    }

    /// Checks a configuration that was read from a file.
    ///
    /// # Errors
    /// When it does not fit a cluster of `nodes` nodes, with the reason.
    fn fits(_config: &Self::Config, _nodes: u8) -> Result<(), String> {
        Ok(())
    }

    /// The request of client operation number `number`, counted from 0.
    fn request(number: u32) -> Self::Request;
}

/// A monitor that sees nothing, for a protocol that has only the properties of its problem.
pub struct NoInvariants;

impl<P: Protocol> Monitor<P> for NoInvariants {
    fn properties() -> &'static [quarrel_protocol::Property] {
        &[]
    }

    fn new(_: &P::Config, _: usize) -> Self {
        Self
    }
}
