//! Campaigns and runs: what they say, and how they end.

use std::fs;

use serde_json::json as value;

use super::{folder, json, quarrel, text};

#[test]
fn a_campaign_that_holds_says_what_that_rests_on() {
    let folder = folder();
    for scenario in ["raft/chaos", "paxos/chaos"] {
        let (report, code) = json(folder.path(), &format!("campaign {scenario} --seeds 0..40"));
        assert_eq!(code, 0);
        assert_eq!(report["scenario"], scenario);
        assert_eq!(report["seeds"], "0..40");
        assert_eq!(report["runs"], 40);
        assert_eq!(report["verdict"], "met");
        assert_eq!(report["violations"], value!([]));
        for number in ["events", "messages"] {
            assert!(report[number].as_u64() > Some(0), "{number}");
        }
        for number in ["simulated_seconds", "wall_seconds", "ratio"] {
            assert!(report[number].as_f64().is_some_and(|number| number > 0.0), "{number}");
        }
        assert_eq!(report["digest"].as_str().map(str::len), Some(16));
        assert!(report["faults"].as_object().is_some_and(|faults| faults.len() >= 6));
        assert!(report["sometimes"].as_object().is_some_and(|cells| cells.len() >= 3));
    }
    assert_eq!(
        fs::read_dir(folder.path()).expect("it is there").count(),
        0,
        "nothing failed, nothing is written"
    );
}

#[test]
fn the_summary_for_people_fits_a_screen() {
    let report = text(folder().path(), "campaign raft/chaos --seeds 0..40", 0);
    assert!(report.starts_with("raft/chaos, seeds 0..40: every property held in 40 runs\n"), "{report}");
    assert!(report.lines().count() <= 40, "{report}");
    assert!(report.lines().all(|line| line.chars().count() <= 110), "{report}");
    for what in ["events", "messages", "simulated", "real time", "digest", "leader-completeness", "partition"]
    {
        assert!(report.contains(what), "{what}: {report}");
    }
}

#[test]
fn a_flaw_that_the_scenario_does_not_expect_ends_with_1() {
    let folder = folder();
    let (report, code) = json(folder.path(), "campaign paxos/chaos --flaw paxos/own-value --seeds 0..30");
    assert_eq!((code, &report["verdict"]), (1, &value!("not-met")));
    for violation in report["violations"].as_array().expect("it is a list") {
        for word in ["property", "kind", "signature", "detail", "seed", "summary", "story", "replay", "view"]
        {
            assert!(violation[word].as_str().is_some_and(|text| !text.is_empty()), "{word}: {violation}");
        }
        assert_eq!(violation["flaws"], value!(["paxos/own-value"]));
        assert!(violation["items"].as_u64() <= violation["items_before"].as_u64());
        assert!(violation["runs"].as_u64() > Some(0));
        let path = violation["trace"].as_str().expect("it was written");
        assert!(folder.path().join(path).is_file(), "{path} opens from the working folder");
    }
    let paper = report["violations"].as_array().and_then(|list| list.iter().find(|it| it["kind"] == "paper"));
    assert!(paper.is_some_and(|found| found["counts"] == true), "{report}");
    let written = fs::read_dir(folder.path().join("quarrel-out")).expect("it was created").count();
    assert_eq!(written, report["violations"].as_array().map_or(0, Vec::len), "one trace each, nothing else");
}

#[test]
fn a_violation_that_is_expected_ends_with_0_and_is_told() {
    let folder = folder();
    let command = "campaign raft/figure-8 --flaw raft/commit-old-term --seeds 0..1 --out found";
    let report = text(folder.path(), command, 0);
    assert!(report.contains("as expected"), "{report}");
    assert!(
        report.contains("quarrel replay found/raft-figure-8-commit-old-term-leader-completeness-0.jsonl")
    );
    let told = report.split("\n\n").skip(1).collect::<Vec<_>>().join("\n\n");
    assert!(told.starts_with("leader-completeness (paper) violated"), "{told}");
    assert!((10..=40).contains(&told.lines().count()), "a violation fits a screen: {told}");
    let commands = |line: &&str| line.contains("  quarrel ");
    assert!(told.lines().filter(|line| !commands(line)).all(|line| line.chars().count() <= 110), "{told}");
    let (run, code) = json(folder.path(), "run raft/figure-8 --flaw raft/commit-old-term");
    assert_eq!((code, &run["verdict"], &run["met"]), (0, &value!("violated"), &value!(true)));
    assert_eq!(run["property"], "leader-completeness");
}

#[test]
fn an_expected_violation_that_stays_away_ends_with_1() {
    let folder = folder();
    let prose = "# A calm sea.\nprotocol = \"raft\"\nnodes = 3\nduration = \"1s\"\n";
    let expects = format!("{prose}[[expect]]\nviolates = \"election-safety\"\n");
    fs::write(folder.path().join("hope.toml"), expects).expect("there is room");
    assert!(text(folder.path(), "campaign hope.toml --seeds 0..3", 1).contains("NOT MET"));
    assert!(text(folder.path(), "run hope.toml", 1).contains("expects that it violates election-safety"));
}

#[test]
fn what_never_happened_makes_a_campaign_vacuous() {
    let folder = folder();
    let calm = "# A calm sea that owes every storm.\nprotocol = \"paxos\"\nnodes = 3\nduration = \"20ms\"\nowes = \"all\"\n";
    fs::write(folder.path().join("calm.toml"), calm).expect("there is room");
    let (report, code) = json(folder.path(), "campaign calm.toml --seeds 0..1000");
    assert_eq!((code, &report["verdict"]), (4, &value!("vacuous")));
    assert!(report["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty()));
    assert!(text(folder.path(), "campaign calm.toml --seeds 0..1000", 4).contains("VACUOUS"));
}

#[test]
fn a_campaign_of_no_run_is_vacuous() {
    let folder = folder();
    let calm = "# Nothing fits into a nanosecond.\nprotocol = \"raft\"\nnodes = 3\nduration = \"1s\"\n";
    fs::write(folder.path().join("calm.toml"), calm).expect("there is room");
    let (report, code) = json(folder.path(), "campaign calm.toml --for 1ns");
    assert_eq!((code, &report["verdict"], &report["runs"]), (4, &value!("vacuous"), &value!(0)));
    assert_eq!(report["reasons"], value!(["no run was done"]));
    let told = text(folder.path(), "campaign calm.toml --for 1ns", 4);
    assert!(told.starts_with("calm.toml, seeds 0..0: VACUOUS: no run was done\n"), "{told}");
    // Nor does it disappoint an expectation.
    text(folder.path(), "campaign raft/figure-8 --flaw raft/commit-old-term --for 1ns", 4);
}

#[test]
fn too_few_runs_to_be_vacuous_are_told() {
    let folder = folder();
    let sentence = "  too few runs to say whether it is vacuous: that takes 1,000\n";
    assert!(text(folder.path(), "campaign raft/chaos --seeds 0..10", 0).contains(sentence));
    let (few, _) = json(folder.path(), "campaign paxos/chaos --seeds 0..999");
    let (enough, _) = json(folder.path(), "campaign paxos/chaos --seeds 0..1000");
    assert_eq!((&few["too_few_runs"], &enough["too_few_runs"]), (&value!(true), &value!(false)));
    // A scenario that owes nothing is never vacuous for it.
    let calm = "# A calm sea.\nprotocol = \"raft\"\nnodes = 3\nduration = \"1s\"\n";
    fs::write(folder.path().join("calm.toml"), calm).expect("there is room");
    assert_eq!(json(folder.path(), "campaign calm.toml --seeds 0..10").0["too_few_runs"], false);
}

#[test]
fn a_property_that_was_never_evaluated_makes_a_campaign_vacuous() {
    let folder = folder();
    let brief = "# Over before anything is sent.\nprotocol = \"raft\"\nnodes = 3\nduration = \"1ms\"\nhealing = \"1ms\"\n";
    fs::write(folder.path().join("brief.toml"), brief).expect("there is room");
    let told = text(folder.path(), "campaign brief.toml --seeds 0..100", 4);
    assert!(told.contains("  - election-safety was never evaluated\n"), "{told}");
    text(folder.path(), "campaign brief.toml --seeds 0..99", 0);
}

/// PBFT compares checkpoints only where there are some: that is owed by who owes one.
#[test]
fn a_property_without_its_occasion_is_owed_by_who_owes_the_occasion() {
    let folder = folder();
    let script = "pbft/equivocating-primary";
    let (report, _) = json(folder.path(), &format!("campaign {script} --seeds 0..100"));
    assert_eq!(report["properties"]["checkpoint-agreement"]["evaluated"], 0, "{report}");
    assert_eq!((&report["verdict"], &report["reasons"]), (&value!("met"), &value!([])));
    let more = text(folder.path(), &format!("show {script}"), 0)
        .replace("owes = [", "owes = [\"checkpoint-stable\", ");
    fs::write(folder.path().join("more.toml"), more).expect("there is room");
    let told = text(folder.path(), "campaign more.toml --seeds 0..100", 4);
    assert!(told.contains("  - checkpoint-agreement was never evaluated\n"), "{told}");
}

#[test]
fn other_pins_are_other_files() {
    let folder = folder();
    let mut names = std::collections::BTreeSet::new();
    for pins in ["", "--set nodes=3", "--set nodes=5"] {
        let (report, _) = json(
            folder.path(),
            &format!("campaign paxos/chaos --flaw paxos/own-value --seeds 0..60 --no-shrink {pins}"),
        );
        let written = report["violations"].as_array().expect("it is a list").iter();
        let fresh = written.filter(|it| names.insert(it["trace"].to_string())).count();
        assert_eq!(Some(fresh), report["violations"].as_array().map(Vec::len), "{pins}");
        assert!(fresh > 0, "{pins}");
    }
}

#[test]
fn a_run_that_is_to_block_says_so() {
    let folder = folder();
    let prose = "# Two of three are gone before anything is asked.\nprotocol = \"raft\"\nnodes = 3\nduration = \"1s\"\nhealing = \"0ms\"\n";
    let crash = |node: &str| format!("[[fault]]\nat = \"0ms\"\ncrash = \"{node}\"\n");
    let rest = "[workload]\nclients = 1\noperations = 3\n[[expect]]\nblocks = true\n";
    let scenario = format!("{prose}{}{}{rest}", crash("n1"), crash("n2"));
    fs::write(folder.path().join("gone.toml"), scenario).expect("there is room");
    let told = text(folder.path(), "run gone.toml", 0);
    assert!(told.starts_with("gone.toml, seed 0: blocked, as expected\n"), "{told}");
    // What blocks may leave a property nothing to judge.
    let told = text(folder.path(), "campaign gone.toml --seeds 0..100", 0);
    assert!(told.contains("blocked, as expected, in 100 of 100 runs"), "{told}");
}

#[test]
fn exit_codes_and_floors_are_named_alike() {
    let folder = folder();
    assert!(text(folder.path(), "campaign --help", 0).contains("4  vacuous or incomplete"));
    let told = text(folder.path(), "campaign raft/chaos --seeds 0..2", 0);
    assert!(told.contains("Per run (classes of faults: where the profile has them on)"), "{told}");
}

#[test]
fn several_scenarios_are_one_document() {
    let (report, code) = json(folder().path(), "campaign raft/calm paxos/calm --seeds 0..3");
    assert_eq!(code, 0);
    let campaigns = report["campaigns"].as_array().expect("there are two");
    let names: Vec<_> = campaigns.iter().map(|it| it["scenario"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["raft/calm", "paxos/calm"]);
}

#[test]
fn enough_failures_end_a_campaign() {
    let folder = folder();
    let command = "campaign paxos/chaos --flaw paxos/own-value --stop-after 1 --no-shrink";
    let (report, code) = json(folder.path(), command);
    assert_eq!((code, &report["failed"], &report["end"]), (1, &value!(1), &value!("enough-failures")));
    assert_eq!(report["violations"][0]["one_minimal"], value!(null));
}

#[test]
fn time_ends_a_campaign() {
    let (report, code) = json(folder().path(), "campaign paxos/calm --for 300ms");
    assert_eq!((code, &report["end"]), (0, &value!("time-up")));
    assert!(report["runs"].as_u64() > Some(0));
}

#[test]
fn values_are_pinned() {
    let (report, code) =
        json(folder().path(), "run raft/crash-storm --set nodes=5 --set duration=2s --set healing=1s");
    assert_eq!((code, &report["simulated_seconds"]), (0, &value!(3.0)));
    assert_eq!(report["set"]["duration"], "2s");
}

#[test]
fn nothing_asked_is_answered_with_what_to_try() {
    let folder = folder();
    assert!(text(folder.path(), "", 0).contains("quarrel campaign raft/chaos --flaw raft/commit-old-term"));
    assert!(text(folder.path(), "--help", 0).contains("campaign"));
    assert!(text(folder.path(), "campaign --help", 0).contains("simulated_seconds"));
    assert!(text(folder.path(), "--version", 0).starts_with("quarrel "));
    quarrel(folder.path(), "run").assert().code(2);
}
