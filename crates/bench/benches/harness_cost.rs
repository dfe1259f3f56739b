//! `cargo xtask bench`: what a message of the crate `raft` costs in the harness above a bare loop over the same crate.
//!
//! `--seeds N` and `--repetitions N` make it longer or shorter; `--only NAME --seeds N` runs one side once and prints
//! nothing but its messages: for a profiler.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads its arguments and the clock")]
#![allow(clippy::float_arithmetic, reason = "a benchmark divides by seconds; nothing here decides anything")]

use quarrel_bench::raft_unit::{Weather, bare, campaign, scenario, unwatched};
use quarrel_bench::{Figure, Sample, Stopwatch, readable};
use quarrel_harness::oracle::Judges;

/// One row of the table.
struct Side {
    name: &'static str,
    what: &'static str,
    run: Box<dyn Fn(u64) -> Sample>,
    samples: Vec<Sample>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let seeds = number(&arguments, "--seeds").unwrap_or(10).max(1);
    let repetitions = number(&arguments, "--repetitions").unwrap_or(11).max(1);
    let mut sides = sides();
    if let Some(only) = text(&arguments, "--only") {
        let side = sides.iter().find(|side| side.name == only).expect("one of the rows");
        let sample = (side.run)(seeds);
        println!("{} messages, {} events", sample.messages, sample.events);
        return;
    }
    // Once for nothing: pages are touched, the processor wakes up.
    let _warmed: Vec<Sample> = sides.iter().map(|side| (side.run)(1)).collect();
    for _ in 0..repetitions {
        for side in &mut sides {
            let watch = Stopwatch::start();
            let sample = (side.run)(seeds);
            side.samples.push(Sample { seconds: watch.seconds(), ..sample });
        }
    }
    print(&sides, repetitions, seeds);
}

/// The bare loop first: the others are compared with it. The second is the one that counts.
fn sides() -> Vec<Side> {
    let side = |name, what, run| Side { name, what, run, samples: Vec::new() };
    let whole = Judges::default();
    let inside = Judges { skips_histories: true, ..whole };
    let batch = |weather, judges| -> Box<dyn Fn(u64) -> Sample> {
        let trial = campaign(weather, judges);
        Box::new(move |seeds| Sample::of_campaign(&*trial, seeds))
    };
    let alone = |weather| -> Box<dyn Fn(u64) -> Sample> {
        let scenario = scenario(weather);
        Box::new(move |seeds| unwatched(&scenario, seeds))
    };
    vec![
        side("bare", "a bare loop", Box::new(bare)),
        side("inside", "faults, digest, white-box checks", batch(Weather::Faults, inside)),
        side("whole", "  and histories, checked", batch(Weather::Faults, whole)),
        side("alone", "faults, digest; nobody watches", alone(Weather::Faults)),
        side("calm", "no faults; digest, white-box checks", batch(Weather::Calm, inside)),
        side("calm-alone", "no faults; digest; nobody watches", alone(Weather::Calm)),
    ]
}

fn print(sides: &[Side], repetitions: u64, seeds: u64) {
    println!("raft-rs/standard-unit beside a bare loop over the crate raft 0.7.0, on one core");
    println!("{repetitions} repetitions of {seeds} seeds of 5 simulated seconds, all rows in turn\n");
    println!(
        "{:<40}{:>8}{:>8}{:>8}{:>8}{:>10}",
        "nanoseconds per message", "median", "min", "max", "above", "messages"
    );
    for side in sides {
        let Figure { median, least, most } = Figure::of(&side.samples, cost);
        let above = if side.name == "bare" { String::new() } else { readable(above(side, &sides[0])) };
        let messages = readable(side.samples[0].messages as f64 / side.samples[0].runs as f64);
        let (median, least, most) = (readable(median), readable(least), readable(most));
        println!("{:<40}{median:>8}{least:>8}{most:>8}{above:>8}{messages:>10}", side.what);
    }
    println!(
        "\nBoth sides: five nodes, a tick of 50 ms, heartbeats every 100 ms, elections after 500 ms or more, and"
    );
    println!(
        "1,000 commands a second of about 9 bytes. What is counted is messages from node to node, in a run of"
    );
    println!(
        "5 seconds in the last column. The bare loop has no time, no disk, no clients and no state machine;"
    );
    println!(
        "what these cost in the harness is in its figures. `above` is the median of the differences to the"
    );
    println!("bare loop in the same repetition. Time is processor time where the system tells it.");
}

/// In nanoseconds per message.
fn cost(sample: &Sample) -> f64 {
    sample.seconds * 1e9 / sample.messages as f64
}

/// How much more a message costs on this side than in the bare loop just before: what slows the machine slows both.
fn above(side: &Side, bare: &Side) -> f64 {
    let pairs = side.samples.iter().zip(&bare.samples);
    let mut differences: Vec<f64> = pairs.map(|(side, bare)| cost(side) - cost(bare)).collect();
    differences.sort_by(f64::total_cmp);
    differences[(differences.len() - 1) / 2]
}

/// The number behind an option. Whatever cargo adds of its own (`--bench`) is not ours.
fn number(arguments: &[String], option: &str) -> Option<u64> {
    text(arguments, option)?.parse().ok()
}

fn text<'a>(arguments: &'a [String], option: &str) -> Option<&'a str> {
    let position = arguments.iter().position(|argument| argument == option)?;
    arguments.get(position + 1).map(String::as_str)
}
