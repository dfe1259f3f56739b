//! A run of any length needs little memory, if its protocol takes snapshots.

#![allow(
    clippy::disallowed_methods,
    reason = "tests read the scenario, and what the system says of this process"
)]

use std::path::Path;

use quarrel_formats::Scenario;
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::Registry;

/// The most memory that this process has had so far, in KiB; nothing where the system does not say.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn run(seconds: u64) -> u64 {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/raft/chaos.toml");
    let sets = [("duration", format!("{seconds}s")), ("config.snapshot-every", "100".to_string())];
    let sets: Vec<_> = sets.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    let bytes = std::fs::read(path).unwrap();
    let scenario = Scenario::parse_with("raft/chaos", "chaos.toml", &bytes, &sets).unwrap();
    let trial = Registry::standard().trial(scenario, &[], Judges::default()).unwrap();
    let outcome = trial.run(1);
    assert!(outcome.verdict().is_none(), "{:?}", outcome.verdict());
    assert!(outcome.tally.ended_ns >= seconds * 1_000_000_000);
    outcome.tally.events
}

#[test]
fn a_run_twenty_times_as_long_needs_no_more_memory() {
    let short = run(400);
    let Some(before) = peak() else { return };
    let long = run(8_000);
    assert!(long > 15 * short, "{short} and {long} events");
    let grown = peak().unwrap_or(before) - before;
    assert!(grown <= 512, "{grown} KiB more, after {before}");
}

/// The promise itself: 100,000 simulated seconds, in at most a tenth more than 1,000 take.
#[test]
#[ignore = "takes a minute; the one above finds the same growth in a second"]
fn a_hundred_thousand_seconds_need_hardly_more_than_a_thousand() {
    run(1_000);
    let Some(before) = peak() else { return };
    run(100_000);
    let after = peak().unwrap_or(before);
    println!("{before} KiB after 1,000 s, {after} KiB after 100,000 s");
    assert!(after * 10 <= before * 11 && after <= 24 * 1024, "{before} KiB, then {after} KiB");
}
