//! A digest depends on the seed and on nothing else: not on threads, folders, locales, or on who else runs.

use quarrel_sim::draw::mix;
use serde_json::Value;

use super::{folder, json, quarrel};

const SCENARIOS: [&str; 2] = ["raft/chaos", "paxos/chaos"];

fn digest(report: &Value) -> u64 {
    let digits = report["digest"].as_str().expect("digests are strings");
    u64::from_str_radix(digits, 16).expect("of 16 hexadecimal digits")
}

/// What does not depend on the clock.
fn timeless(mut report: Value) -> Value {
    let fields = report.as_object_mut().expect("a report is an object");
    fields.retain(|name, _| !["wall_seconds", "ratio"].contains(&name.as_str()));
    report
}

#[test]
fn any_number_of_threads_gives_the_same_report() {
    let folder = folder();
    for scenario in SCENARIOS {
        let with =
            |jobs: u8| json(folder.path(), &format!("campaign {scenario} --seeds 7..150 --jobs {jobs}")).0;
        assert_eq!(timeless(with(1)), timeless(with(2)), "{scenario}");
    }
}

#[test]
fn any_number_of_threads_finds_and_shrinks_the_same() {
    let folder = folder();
    let command = "campaign paxos/chaos --flaw paxos/own-value --seeds 0..200 --stop-after 3";
    let with = |jobs: u8| json(folder.path(), &format!("{command} --jobs {jobs}")).0;
    assert_eq!(timeless(with(1)), timeless(with(2)));
}

#[test]
fn another_folder_and_locale_give_the_same_report() {
    let (one, other) = (folder(), folder());
    for scenario in SCENARIOS {
        let command = format!("campaign {scenario} --seeds 0..20 --format json");
        let here = quarrel(one.path(), &command).output().expect("it starts").stdout;
        let mut there = quarrel(other.path(), &command);
        there
            .env("LC_ALL", "tr_TR.UTF-8")
            .env("LANG", "de_DE")
            .env("TZ", "Asia/Tokyo")
            .env("HOME", "/nowhere");
        let there = there.output().expect("it starts").stdout;
        let read = |bytes: &[u8]| timeless(serde_json::from_slice(bytes).expect("it is JSON"));
        assert_eq!(read(&here), read(&there), "{scenario}");
    }
}

#[test]
fn a_run_alone_is_the_run_inside_a_campaign() {
    let folder = folder();
    for scenario in SCENARIOS {
        let seeds = 3..9_u64;
        let mut sum = 0_u64;
        for seed in seeds.clone() {
            let run = json(folder.path(), &format!("run {scenario} --seed {seed}")).0;
            sum = sum.wrapping_add(mix(mix(seed) ^ digest(&run)));
            let alone = json(folder.path(), &format!("campaign {scenario} --seeds {seed}..{}", seed + 1)).0;
            assert_eq!(run["campaign_digest"], alone["digest"], "{scenario}, seed {seed}");
            assert_eq!(run["events"], alone["events"]);
        }
        let command = format!("campaign {scenario} --seeds {}..{}", seeds.start, seeds.end);
        assert_eq!(digest(&json(folder.path(), &command).0), sum, "{scenario}");
    }
}

#[test]
fn a_scenario_is_the_same_from_a_file() {
    let folder = folder();
    let checkout = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/raft/chaos.toml");
    let built_in = json(folder.path(), "run raft/chaos --seed 3").0;
    let file = json(folder.path(), &format!("run {checkout} --seed 3")).0;
    assert_eq!(built_in["digest"], file["digest"]);
}
