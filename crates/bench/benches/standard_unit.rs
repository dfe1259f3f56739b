//! `cargo xtask bench`: the standard unit on one core, with everything on, as one table.
//!
//! `--seeds N` and `--repetitions N` make it longer or shorter; `--long N` (default 10000) is the length of the long run
//! whose memory is measured, in simulated seconds; `--peak N` is how the program asks a fresh copy of itself for its
//! peak memory after a run of N simulated seconds.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads its arguments and the clock")]
#![allow(clippy::float_arithmetic, reason = "a benchmark divides by seconds; nothing here decides anything")]

use std::process::Command;

use quarrel_bench::{
    Figure, Sample, peak_memory_mib, readable, standard_unit, standard_unit_multi_paxos, standard_unit_pbft,
    standard_unit_without_histories,
};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(seconds) = number(&arguments, "--peak") {
        return peak(seconds);
    }
    let seeds = number(&arguments, "--seeds").unwrap_or(400).max(1);
    let repetitions = number(&arguments, "--repetitions").unwrap_or(7).max(5);
    let long = number(&arguments, "--long").unwrap_or(10_000);

    let (trial, unchecked) = (standard_unit(5), standard_unit_without_histories(5));
    let few = seeds.div_ceil(20);
    // Once for nothing: pages are touched, the processor wakes up.
    let _warmed = Sample::of_campaign(&*trial, few);
    let others = [standard_unit_multi_paxos(5), standard_unit_pbft(5)];
    for other in &others {
        let _warmed = Sample::of_campaign(&**other, few);
    }
    let (mut plain, mut blind, mut recording) = (Vec::new(), Vec::new(), Vec::new());
    let mut theirs = [Vec::new(), Vec::new()];
    for _ in 0..repetitions {
        plain.push(Sample::of_campaign(&*trial, seeds));
        for (samples, other) in theirs.iter_mut().zip(&others) {
            samples.push(Sample::of_campaign(&**other, seeds));
        }
        blind.push(Sample::of_campaign(&*unchecked, seeds));
        recording.push(Sample::of_recording(&*trial, few));
    }

    println!("raft/standard-unit: one core; digest, properties, invariants and linearizability on");
    println!("{repetitions} repetitions of {seeds} seeds of 5 simulated seconds\n");
    println!("{:<38}{:>12}{:>12}{:>12}", "", "median", "min", "max");
    let row = |name: &str, samples: &[Sample], figure: &dyn Fn(&Sample) -> f64| {
        let Figure { median, least, most } = Figure::of(samples, figure);
        println!("{name:<38}{:>12}{:>12}{:>12}", readable(median), readable(least), readable(most));
        median
    };
    row("simulated seconds per second", &plain, &|sample| sample.simulated_seconds / sample.seconds);
    row("messages per second", &plain, &|sample| sample.messages as f64 / sample.seconds);
    row("events per second", &plain, &|sample| sample.events as f64 / sample.seconds);
    row("nanoseconds per event", &plain, &|sample| sample.seconds * 1e9 / sample.events as f64);
    let per_second = |sample: &Sample| sample.runs as f64 / sample.seconds;
    let off = row("5-second seeds per second", &plain, &per_second);
    let without = row("  the same, histories unchecked", &blind, &per_second);
    println!("{:<38}{:>12}", "  times faster for that", hundredths(without / off));
    let on = row("  the same, keeping every event", &recording, &per_second);
    println!("{:<38}{:>12}", "  times slower for that", readable(off / on));

    for (title, samples) in ["multi-paxos/standard-unit: the same world", "pbft/standard-unit: four replicas"]
        .into_iter()
        .zip(&theirs)
    {
        println!("\n{title}");
        row("simulated seconds per second", samples, &|sample| sample.simulated_seconds / sample.seconds);
        row("nanoseconds per event", samples, &|sample| sample.seconds * 1e9 / sample.events as f64);
        let seeds = row("5-second seeds per second", samples, &per_second);
        println!("{:<38}{:>12}", "  seeds of raft/standard-unit for one", hundredths(off / seeds));
    }

    println!("\n{:<38}{:>12}{:>12}", "peak memory of a fresh process", "MiB", "seconds");
    eprintln!("(the long run takes minutes: see below)");
    for seconds in [100, long] {
        let name = format!("  {} simulated seconds", readable(seconds as f64));
        println!("{name:<38}{}", fresh_peak(&arguments[0], seconds));
    }
    println!(
        "\nMemory grows with simulated time: the standard unit takes no snapshots, so its log keeps all, and each"
    );
    println!("restart applies all of it again, so long runs are slower too. What clients will ask is drawn");
    println!("before a run begins.");
}

/// A ratio near one.
fn hundredths(ratio: f64) -> String {
    format!("{ratio:.2}")
}

/// The number behind an option. Whatever cargo adds of its own (`--bench`) is not ours.
fn number(arguments: &[String], option: &str) -> Option<u64> {
    let position = arguments.iter().position(|argument| argument == option)?;
    arguments.get(position + 1)?.parse().ok()
}

/// The child: one long run, and what it took.
fn peak(seconds: u64) {
    let sample = Sample::of_campaign(&*standard_unit(seconds), 1);
    let memory = peak_memory_mib().map_or_else(|| "not available".to_string(), readable);
    println!("{memory:>12}{:>12}", readable(sample.seconds));
}

/// What a fresh copy of this program says about its peak.
fn fresh_peak(program: &str, seconds: u64) -> String {
    let output = Command::new(program).args(["--peak", &seconds.to_string()]).output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim_end().to_string()
        }
        _ => format!("{:>12}", "not available"),
    }
}
