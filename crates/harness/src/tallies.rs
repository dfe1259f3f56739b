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
    /// How many of them failed outside the model.
    pub outside: u64,
    /// What is outside the model in the lowest seed, a reason each.
    pub reasons: Vec<String>,
    /// The lowest seeds, at most [`SEEDS_KEPT`]: of runs inside the model, if there are any.
    pub seeds: Vec<u64>,
}

impl Group {
    /// One run that failed with this violation; outside the model if there are reasons.
    #[must_use]
    pub fn of(violation: &Violation, reasons: &[String], seed: u64) -> Self {
        Self {
            violation: violation.clone(),
            runs: 1,
            outside: u64::from(!reasons.is_empty()),
            reasons: reasons.to_vec(),
            seeds: vec![seed],
        }
    }

    /// Whether every one of them failed outside the model.
    #[must_use]
    pub const fn is_outside(&self) -> bool {
        self.runs == self.outside
    }

    /// Adds runs that failed in the same way. Those inside the model tell of it, if there are any.
    fn add(&mut self, other: &Self) {
        match (self.is_outside(), other.is_outside()) {
            (true, false) => self.be_told_by(other),
            (false, true) => {}
            (true, true) | (false, false) => {
                let mut seeds = [self.seeds.as_slice(), &other.seeds].concat();
                if other.seeds.first() < self.seeds.first() {
                    self.be_told_by(other);
                }
                seeds.sort_unstable();
                seeds.truncate(SEEDS_KEPT);
                self.seeds = seeds;
            }
        }
        self.runs += other.runs;
        self.outside += other.outside;
    }

    fn be_told_by(&mut self, other: &Self) {
        self.violation = other.violation.clone();
        self.reasons.clone_from(&other.reasons);
        self.seeds.clone_from(&other.seeds);
    }
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
    /// How many runs blocked: see [`Outcome::is_blocked`].
    pub blocked: u64,
    /// In how many runs something struck that the protocol does not promise to live with.
    pub strayed: u64,
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
        self.strayed += u64::from(!outcome.strayed.is_empty());
        for (property, count) in names.properties.iter().zip(&outcome.evaluated) {
            *self.evaluated.entry(property.name).or_default() += count;
        }
        self.add_cells(outcome, names);
        self.add_faults(outcome);
        if let Some(violation) = outcome.verdict() {
            if violation.kind.counts() {
                self.failed.push(outcome.seed);
            }
            self.group(&Group::of(violation, &outcome.outside, outcome.seed));
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
        self.faults.add(&outcome.tally.struck.faults);
        for class in FaultClass::ALL {
            let count = outcome.tally.struck.of(class);
            if count > 0 {
                *self.fault_runs.entry(class.name()).or_default() += 1;
            }
            if outcome.on.contains(&class.name()) {
                let value = if class.name() == PARTITION { outcome.tally.partitions } else { count };
                self.spreads.entry(class.name()).or_default().add(value);
            }
        }
    }

    fn group(&mut self, found: &Group) {
        match self.groups.get_mut(&found.violation.signature) {
            Some(group) => group.add(found),
            None => {
                self.groups.insert(found.violation.signature.clone(), found.clone());
            }
        }
    }

    /// In how many runs this happened: a cell, or a class of faults that changed something.
    #[must_use]
    pub fn happened(&self, name: &str) -> u64 {
        self.cells.get(name).or_else(|| self.fault_runs.get(name)).copied().unwrap_or(0)
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
        self.strayed += other.strayed;
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
            self.group(group);
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
            let violation = Violation { property, kind, detail, signature };
            tallies.group(&Group { runs, ..Group::of(&violation, &[], seed) });
        }
        let ranked = tallies.ranked();
        let ranked: Vec<&str> = ranked.iter().map(|group| group.violation.property.as_str()).collect();
        assert_eq!(ranked, ["early", "late", "rare", "client", "panic", "invariant"]);
    }

    #[test]
    fn who_fails_inside_the_model_tells_of_it_in_whatever_order() {
        let (kind, word) = (PropertyKind::Paper, "p".to_string());
        let told = |detail: &str| {
            let detail = detail.to_string();
            Violation { property: word.clone(), kind, detail, signature: word.clone() }
        };
        let outside = [String::from("a node lost its disk")];
        let one = |seed: u64| match seed {
            3 | 7 => Group::of(&told(&format!("at {seed}")), &[], seed),
            _ => Group::of(&told(&format!("at {seed}")), &outside, seed),
        };
        let sum = |seeds: &[u64]| {
            let mut tallies = Tallies::default();
            seeds.iter().for_each(|&seed| tallies.group(&one(seed)));
            tallies.groups.remove("p").unwrap()
        };
        let all = sum(&[1, 2, 3, 5, 7]);
        assert_eq!(
            (all.runs, all.outside, all.is_outside(), all.seeds.as_slice()),
            (5, 3, false, &[3, 7][..])
        );
        assert_eq!((all.violation.detail.as_str(), all.reasons.is_empty()), ("at 3", true));
        for order in [[7, 5, 3, 2, 1], [3, 1, 7, 2, 5], [5, 7, 1, 3, 2]] {
            assert_eq!(sum(&order), all, "{order:?}");
        }
        let only = sum(&[5, 2, 1]);
        assert_eq!(
            (only.is_outside(), only.seeds.as_slice(), only.reasons),
            (true, &[1, 2, 5][..], outside.to_vec())
        );
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
