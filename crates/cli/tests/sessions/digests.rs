//! Golden digests: the same campaign has the same digest on every machine, in every build, for ever within a version.
//!
//! The suite runs this unoptimised, and `cargo xtask ci` asks the optimised binary for the same. `cargo xtask bless` rewrites the file;
//! a change in it means that seeds found before no longer name the same runs.
#![allow(clippy::disallowed_methods, reason = "tests read and bless the golden file")]

use std::fmt::Write as _;
use std::path::Path;

use quarrel_formats::Scenario;
use quarrel_harness::oracle::Judges;

/// Each scenario with the number of seeds, from 0.
const CAMPAIGNS: [(&str, u64); 22] = [
    ("raft/chaos", 48),
    ("raft/standard-unit", 8),
    ("raft/figure-8", 1),
    ("raft/kitchen-sink", 16),
    ("paxos/chaos", 200),
    ("paxos/acceptor-restarts", 1),
    ("2pc/chaos", 48),
    ("2pc/coordinator-crash-blocks", 1),
    ("3pc/chaos-synchronous", 32),
    ("3pc/coordinator-crash-does-not-block", 1),
    ("3pc/partition-splits", 1),
    ("two-generals/no-certainty", 200),
    ("multi-paxos/chaos", 48),
    ("multi-paxos/standard-unit", 8),
    ("multi-paxos/gap-filled", 1),
    ("pbft/chaos", 48),
    ("pbft/standard-unit", 8),
    ("pbft/view-change-keeps-prepared", 1),
    ("raft-rs/chaos", 16),
    ("raft-rs/membership", 16),
    ("omnipaxos/chaos", 32),
    ("omnipaxos/lossy-fifo", 16),
];

#[test]
fn digests_are_those_on_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = String::new();
    for (name, seeds) in CAMPAIGNS {
        let bytes = std::fs::read(root.join("../../scenarios").join(format!("{name}.toml"))).expect(name);
        let scenario = Scenario::parse(name, name, &bytes).unwrap_or_else(|error| panic!("{error}"));
        let trial = quarrel_cli::standard()
            .trial(scenario, &[], Judges::default())
            .unwrap_or_else(|error| panic!("{error}"));
        let tallies = trial.batch(0..seeds, &|| false);
        writeln!(found, "{name} 0..{seeds} {:016x} {} events", tallies.digest, tallies.events)
            .expect("a string grows");
    }
    let file = root.join("tests/digests.txt");
    if std::env::var_os("QUARREL_BLESS").is_some() {
        std::fs::write(&file, &found).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&file).expect("the golden file is there");
    assert_eq!(
        golden, found,
        "digests moved; if that is meant, `cargo xtask bless` and say so in the commit"
    );
}
