//! Tallies: what many runs add up to. Adding is commutative, so threads and their order leave no trace.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use quarrel_protocol::{Property, Violation};
use quarrel_sim::Asked;
use quarrel_sim::draw::mix;
use quarrel_sim::fault::{FaultClass, FaultCounts};

use crate::run::Outcome;
use crate::truth::Judged;

/// How many seeds of each signature are kept, the lowest ones: shrinking tries one after the other
/// until a story is small enough.
pub const SEEDS_KEPT: usize = 12;

/// Runs that failed in the same way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// How they failed, as the lowest seed tells it.
    pub violation: Violation,
    /// How many there are.
    pub runs: u64,
    /// The lowest seeds, at most [`SEEDS_KEPT`].
    pub seeds: Vec<u64>,
}

/// How a value was distributed over runs: exact below 1,024, and cut off there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spread {
    counts: BTreeMap<u64, u64>,
    runs: u64,
    sum: u64,
}

impl Spread {
    fn add(&mut self, value: u64) {
        *self.counts.entry(value.min(1024)).or_default() += 1;
        self.runs += 1;
        self.sum += value;
    }

    fn merge(&mut self, other: &Self) {
        for (value, runs) in &other.counts {
            *self.counts.entry(*value).or_default() += runs;
        }
        self.runs += other.runs;
        self.sum += other.sum;
    }

    /// How many runs there are.
    #[must_use]
    pub const fn runs(&self) -> u64 {
        self.runs
    }

    /// The lower median; 0 without runs.
    #[must_use]
    pub fn median(&self) -> u64 {
        let mut left = self.runs.div_ceil(2);
        for (&value, &runs) in &self.counts {
            if left <= runs {
                return value;
            }
            left -= runs;
        }
        0
    }

    /// The mean in thousandths, rounded down; 0 without runs.
    #[must_use]
    pub const fn mean_milli(&self) -> u64 {
        if self.runs == 0 { 0 } else { (self.sum as u128 * 1000 / self.runs as u128) as u64 }
    }
}

/// What is summed up over runs.
#[derive(Clone, Debug, Default)]
pub struct Tallies {
    /// How many runs.
    pub runs: u64,
    /// How many events.
    pub events: u64,
    /// How many messages from node to node.
    pub messages: u64,
    /// Simulated time, in nanoseconds.
    pub simulated_ns: u128,
    /// The digest of all runs, whatever their order.
    pub digest: u64,
    /// How often each property was evaluated.
    pub evaluated: BTreeMap<&'static str, u64>,
    /// How often each class of faults changed something.
    pub faults: FaultCounts,
    /// In how many runs each class of faults changed something.
    pub fault_runs: BTreeMap<&'static str, u64>,
    /// In how many runs each cell happened.
    pub cells: BTreeMap<&'static str, u64>,
    /// How each number that a floor can speak of was distributed, over the runs whose profile has its class on.
    pub spreads: BTreeMap<&'static str, Spread>,
    /// What clients did.
    pub asked: Asked,
    /// How many orders of an operator reached a node.
    pub orders: u64,
    /// How what clients saw was judged, in runs.
    pub judged: Judgements,
    /// In how many runs a retry storm kept clients from asking.
    pub storms: u64,
    /// In how many runs some operation was never answered.
    pub blocked: u64,
    /// Failures by signature.
    pub groups: BTreeMap<String, Group>,
    /// Every seed that failed in a way that counts, in order within what was merged in order.
    pub failed: Vec<u64>,
}

/// How what clients saw was judged: numbers of runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Judgements {
    /// The order in which nodes applied commands explains it.
    pub by_witness: u64,
    /// A search found an order that explains it.
    pub by_search: u64,
    /// The search gave up.
    pub unknown: u64,
    /// Nothing explains it.
    pub broken: u64,
}

impl Judgements {
    fn add(&mut self, judged: Judged) {
        match judged {
            Judged::Not => {}
            Judged::ByWitness => self.by_witness += 1,
            Judged::BySearch => self.by_search += 1,
            Judged::Unknown => self.unknown += 1,
            Judged::Broken => self.broken += 1,
        }
    }

    fn merge(&mut self, other: Self) {
        self.by_witness += other.by_witness;
        self.by_search += other.by_search;
        self.unknown += other.unknown;
        self.broken += other.broken;
    }

    /// How many runs were judged.
    #[must_use]
    pub const fn all(self) -> u64 {
        self.by_witness + self.by_search + self.unknown + self.broken
    }
}

/// The names by which outcomes are counted.
pub struct Names {
    /// The properties, in the order of [`Outcome::evaluated`].
    pub properties: Vec<Property>,
    /// The cells, in the order of [`Outcome::cells`].
    pub cells: Vec<&'static str>,
}

/// What any run may break beside the properties that are evaluated: it panics, or runs into a limit of the world.
pub const WORLD_PROPERTIES: [&str; 5] =
    ["panic", "assertion", "events-limit", "pending-limit", "instant-limit"];

/// Cells that every protocol has: of the world and its clients.
pub const WORLD_CELLS: [&str; 3] = ["operation-answered", "crash-mid-flight", "operation-unknown"];

/// The number of partitions in a run, as floors name it; the class of the same name counts messages.
const PARTITION: &str = "partition";

impl Tallies {
    /// Adds one run.
    pub fn add(&mut self, outcome: &Outcome, names: &Names) {
        let tally = &outcome.tally;
        self.runs += 1;
        self.events += tally.events;
        self.messages += tally.messages;
        self.simulated_ns += u128::from(tally.ended_ns);
        self.digest = self.digest.wrapping_add(mix(mix(outcome.seed) ^ tally.digest));
        self.asked.add(&tally.asked);
        self.orders += tally.orders;
        self.judged.add(outcome.judged);
        self.storms += u64::from(tally.asked.retry_storms > 0);
        self.blocked += u64::from(outcome.is_blocked());
        for (property, count) in names.properties.iter().zip(&outcome.evaluated) {
            *self.evaluated.entry(property.name).or_default() += count;
        }
        self.add_cells(outcome, names);
        self.add_faults(outcome);
        if let Some(violation) = outcome.verdict() {
            if violation.kind.counts() {
                self.failed.push(outcome.seed);
            }
            self.group(violation, 1, &[outcome.seed]);
        }
    }

    fn add_cells(&mut self, outcome: &Outcome, names: &Names) {
        let asked = &outcome.tally.asked;
        let world = [asked.answered, outcome.tally.crashes_mid_flight, asked.unknown];
        let own = names.cells.iter().copied().zip(outcome.cells.iter().copied());
        for (cell, count) in own.chain(WORLD_CELLS.into_iter().zip(world)) {
            *self.cells.entry(cell).or_default() += u64::from(count > 0);
            self.spreads.entry(cell).or_default().add(count);
        }
    }

    fn add_faults(&mut self, outcome: &Outcome) {
        self.faults.add(&outcome.tally.faults);
        for class in FaultClass::ALL {
            let count = outcome.tally.faults.of(class);
            if count > 0 {
                *self.fault_runs.entry(class.name()).or_default() += 1;
            }
            if outcome.on.contains(&class.name()) {
                let value = if class.name() == PARTITION { outcome.tally.partitions } else { count };
                self.spreads.entry(class.name()).or_default().add(value);
            }
        }
    }

    fn group(&mut self, violation: &Violation, runs: u64, seeds: &[u64]) {
        let fresh = || Group { violation: violation.clone(), runs: 0, seeds: Vec::new() };
        let group = self.groups.entry(violation.signature.clone()).or_insert_with(fresh);
        group.runs += runs;
        if seeds.first() < group.seeds.first() {
            group.violation = violation.clone();
        }
        group.seeds.extend_from_slice(seeds);
        group.seeds.sort_unstable();
        group.seeds.truncate(SEEDS_KEPT);
    }

    /// The ways of failing, the one that matters most first: what counts, properties of the paper before all others;
    /// then what is frequent, and then the lowest seed.
    #[must_use]
    pub fn ranked(&self) -> Vec<&Group> {
        let mut groups: Vec<&Group> = self.groups.values().collect();
        groups.sort_by_key(|group| {
            let kind = group.violation.kind;
            (!kind.counts(), kind, Reverse(group.runs), group.seeds.first().copied())
        });
        groups
    }

    /// Adds what others have counted.
    pub fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.events += other.events;
        self.messages += other.messages;
        self.simulated_ns += other.simulated_ns;
        self.digest = self.digest.wrapping_add(other.digest);
        self.asked.add(&other.asked);
        self.orders += other.orders;
        self.judged.merge(other.judged);
        self.storms += other.storms;
        self.blocked += other.blocked;
        self.faults.add(&other.faults);
        for (mine, theirs) in [
            (&mut self.evaluated, &other.evaluated),
            (&mut self.fault_runs, &other.fault_runs),
            (&mut self.cells, &other.cells),
        ] {
            for (name, count) in theirs {
                *mine.entry(name).or_default() += count;
            }
        }
        for (name, spread) in &other.spreads {
            self.spreads.entry(name).or_default().merge(spread);
        }
        for group in other.groups.values() {
            self.group(&group.violation, group.runs, &group.seeds);
        }
        self.failed.extend_from_slice(&other.failed);
    }
}

#[cfg(test)]
mod tests {
    use quarrel_protocol::PropertyKind;

    use super::*;

    #[test]
    fn what_matters_most_is_ranked_first() {
        let mut tallies = Tallies::default();
        for (property, kind, runs, seed) in [
            ("invariant", PropertyKind::Invariant, 900, 0),
            ("panic", PropertyKind::Panic, 5, 1),
            ("rare", PropertyKind::Paper, 1, 2),
            ("late", PropertyKind::Paper, 7, 4),
            ("early", PropertyKind::Paper, 7, 3),
            ("client", PropertyKind::Client, 8, 5),
        ] {
            let (property, detail, signature) = (property.to_string(), String::new(), property.to_string());
            tallies.group(&Violation { property, kind, detail, signature }, runs, &[seed]);
        }
        let ranked = tallies.ranked();
        let ranked: Vec<&str> = ranked.iter().map(|group| group.violation.property.as_str()).collect();
        assert_eq!(ranked, ["early", "late", "rare", "client", "panic", "invariant"]);
    }

    #[test]
    fn medians_and_means_are_exact() {
        let mut spread = Spread::default();
        assert_eq!((spread.median(), spread.mean_milli()), (0, 0));
        for value in [5, 1, 3, 1000, 2] {
            spread.add(value);
        }
        assert_eq!((spread.median(), spread.mean_milli()), (3, 202_200));
        spread.add(0);
        assert_eq!(spread.median(), 2, "the lower of the two in the middle");
    }
}
