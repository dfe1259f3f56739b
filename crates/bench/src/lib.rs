//! The standard unit, measured: what a benchmark runs, and how it tells what it found.
//!
//! Nothing here says whether a figure is good. Absolute figures do not travel from machine to machine; ratios of rows
//! of one table do.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![allow(clippy::float_arithmetic, reason = "a benchmark divides by seconds; nothing here decides anything")]

pub mod bare_raft;
pub mod raft_unit;

use std::time::Instant;

use quarrel_formats::Scenario;
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::{Registry, Trial};

/// The scenario, as it is in the checkout.
pub const STANDARD_UNIT: &str = include_str!("../../../scenarios/raft/standard-unit.toml");

/// The same for Multi-Paxos.
pub const STANDARD_UNIT_MULTI_PAXOS: &str = include_str!("../../../scenarios/multi-paxos/standard-unit.toml");

/// The same for PBFT.
pub const STANDARD_UNIT_PBFT: &str = include_str!("../../../scenarios/pbft/standard-unit.toml");

const DURATION: &str = "duration = \"5s\"";

/// The standard unit, but so many simulated seconds long.
///
/// # Panics
/// When the scenario is not what it was: it is part of this checkout.
#[must_use]
pub fn standard_unit(seconds: u64) -> Box<dyn Trial> {
    unit_judged("raft", STANDARD_UNIT, seconds, Judges::default())
}

/// The standard unit of Multi-Paxos.
///
/// # Panics
/// As [`standard_unit`].
#[must_use]
pub fn standard_unit_multi_paxos(seconds: u64) -> Box<dyn Trial> {
    unit_judged("multi-paxos", STANDARD_UNIT_MULTI_PAXOS, seconds, Judges::default())
}

/// The standard unit of PBFT: four nodes, since four stand one failure here.
///
/// # Panics
/// As [`standard_unit`].
#[must_use]
pub fn standard_unit_pbft(seconds: u64) -> Box<dyn Trial> {
    unit_judged("pbft", STANDARD_UNIT_PBFT, seconds, Judges::default())
}

/// The same, but what clients see is neither kept nor checked.
///
/// # Panics
/// As [`standard_unit`].
#[must_use]
pub fn standard_unit_without_histories(seconds: u64) -> Box<dyn Trial> {
    let judges = Judges { skips_histories: true, ..Judges::default() };
    unit_judged("raft", STANDARD_UNIT, seconds, judges)
}

fn unit_judged(protocol: &str, unit: &str, seconds: u64, judges: Judges) -> Box<dyn Trial> {
    assert!(unit.contains(DURATION), "the standard unit lasts five seconds");
    let text = unit.replacen(DURATION, &format!("duration = \"{seconds}s\""), 1);
    let name = format!("{protocol}/standard-unit");
    let scenario = Scenario::parse(&name, &format!("scenarios/{name}.toml"), text.as_bytes());
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    Registry::standard().trial(scenario, &[], judges).unwrap_or_else(|error| panic!("{error}"))
}

/// What one repetition did, and how long it took.
#[derive(Clone, Copy, Default)]
pub struct Sample {
    /// How many seeds ran.
    pub runs: u64,
    /// How many events they had.
    pub events: u64,
    /// How many messages were sent.
    pub messages: u64,
    /// How long they lasted in virtual time.
    pub simulated_seconds: f64,
    /// How long that took.
    pub seconds: f64,
}

impl Sample {
    /// Runs so many seeds, keeping nothing but tallies: what a campaign does.
    #[must_use]
    pub fn of_campaign(trial: &dyn Trial, seeds: u64) -> Self {
        let start = Instant::now();
        let tallies = trial.batch(0..seeds, &|| false);
        Self {
            runs: tallies.runs,
            events: tallies.events,
            messages: tallies.messages,
            simulated_seconds: tallies.simulated_ns as f64 / 1e9,
            seconds: start.elapsed().as_secs_f64(),
        }
    }

    /// Runs so many seeds and keeps every event in words, as for a trace. Only runs and time are filled in.
    #[must_use]
    pub fn of_recording(trial: &dyn Trial, seeds: u64) -> Self {
        let start = Instant::now();
        (0..seeds).for_each(|seed| drop(std::hint::black_box(trial.events(seed))));
        Self { runs: seeds, seconds: start.elapsed().as_secs_f64(), ..Self::default() }
    }
}

/// Measures how long this process has worked: on a machine that others use too, not how long it has waited for them.
pub struct Stopwatch {
    start: Instant,
    worked_ns: Option<u64>,
}

impl Stopwatch {
    /// Starts to measure.
    #[must_use]
    pub fn start() -> Self {
        Self { worked_ns: worked_ns(), start: Instant::now() }
    }

    /// How long that was, in seconds: time on a processor where the system tells, and passed time where not.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        match (self.worked_ns, worked_ns()) {
            (Some(before), Some(now)) => (now - before) as f64 / 1e9,
            _ => self.start.elapsed().as_secs_f64(),
        }
    }
}

/// How long the first thread of this process has been on a processor: the first number of Linux's `schedstat`.
fn worked_ns() -> Option<u64> {
    std::fs::read_to_string("/proc/self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// The median, least and most of a figure over all samples.
pub struct Figure {
    /// The lower median.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Figure {
    /// # Panics
    /// Without samples.
    #[must_use]
    pub fn of(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> Self {
        let mut values: Vec<f64> = samples.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        let median = values[(values.len() - 1) / 2];
        Self { median, least: values[0], most: values[values.len() - 1] }
    }
}

/// The most memory this process has held so far, in MiB; `None` where the system does not say.
#[must_use]
pub fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// A number as people read it: three digits or so, in groups.
#[must_use]
pub fn readable(number: f64) -> String {
    if number < 100.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use quarrel_harness::truth::Judged;

    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            [4.14, 99.9, 100.4, 1234.0, 7_654_321.0].map(readable),
            ["4.1", "99.9", "100", "1,234", "7,654,321"]
        );
    }

    #[test]
    fn the_middle_of_an_even_number_is_the_lower() {
        let samples = [4.0, 1.0, 3.0, 2.0].map(|seconds| Sample { seconds, ..Sample::default() });
        let Figure { median, least, most } = Figure::of(&samples, |sample| sample.seconds);
        assert_eq!([least, median, most], [1.0, 2.0, 4.0]);
    }

    #[test]
    fn the_standard_unit_runs() {
        let sample = Sample::of_campaign(&*standard_unit(1), 1);
        assert!(sample.events > 500 && sample.messages > 100);
        let unchecked = standard_unit_without_histories(1);
        assert_eq!(Sample::of_campaign(&*unchecked, 1).events, sample.events, "who watches changes nothing");
        assert_eq!(unchecked.run(0).judged, Judged::Not);
        assert_eq!(standard_unit(1).run(0).judged, Judged::ByWitness);
    }
}
