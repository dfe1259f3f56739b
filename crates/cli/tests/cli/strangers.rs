//! What somebody meets who has only the README and the program: names that are nearly right, nonsense, and what there is.

use std::fs;

use serde_json::json as value;

use crate::{complaint, folder, json, quarrel, text};

#[test]
fn a_built_in_scenario_can_be_shown_and_run_as_a_file() {
    let folder = folder();
    let shown = text(folder.path(), "show 3pc/partition-splits", 0);
    assert!(shown.starts_with("# ") && shown.contains("protocol = \"3pc\""), "{shown}");
    fs::write(folder.path().join("mine.toml"), &shown).expect("there is room");
    let digest = |scenario: &str| json(folder.path(), &format!("run {scenario}")).0["digest"].clone();
    assert_eq!(digest("mine.toml"), digest("3pc/partition-splits"));
    assert_eq!(text(folder.path(), "show mine.toml", 0), shown, "a file is shown as it is");
    let (document, _) = json(folder.path(), "show 3pc/partition-splits");
    assert_eq!((&document["file"], &document["text"]), (&value!(null), &value!(shown)));
    // The general weather of a protocol without a file of its own is shown as well.
    assert!(text(folder.path(), "show omnipaxos/calm", 0).contains("protocol = \"omnipaxos\""));
    assert!(complaint(folder.path(), &["show", "3pc/partition"]).contains("`3pc/partition-splits`"));
}

#[test]
fn cells_are_listed_with_who_has_them() {
    let folder = folder();
    let (listing, _) = json(folder.path(), "list cells");
    let cells = listing["cells"].as_array().expect("it is a list");
    let about = |name: &str| cells.iter().find(|cell| cell["name"] == name).map(|cell| &cell["about"]);
    assert_eq!(about("operation-answered"), Some(&value!("any protocol")));
    assert_eq!(about("resolver-cannot-help"), Some(&value!("2pc")));
    assert!(text(folder.path(), "list --help", 0).contains("A cell is something that may happen"));
    let scenario = text(folder.path(), "show 2pc/calm", 0).replace("happens = [", "happens = [\"xyzzy\", ");
    fs::write(folder.path().join("mine.toml"), scenario).expect("there is room");
    assert!(complaint(folder.path(), &["run", "mine.toml"]).contains("`list cells`"));
}

#[test]
fn names_that_are_nearly_right_are_understood() {
    let folder = folder();
    let cases: [(&[&str], &str); 9] = [
        (&["compare", "2PC"], "did you mean `2pc`?"),
        (&["compare", "2pc", "2pc"], "`2pc` is named twice"),
        (&["run", "3pc/partition"], "did you mean `3pc/partition-splits`?"),
        (&["run", "2PC/calm"], "did you mean `2pc/calm`?"),
        (&["run", "2pc/calm", "--seed", "0..5"], "`campaign` runs a range"),
        (&["run", "2pc/calm", "--seed", "-1"], "expected a whole number, such as `7`"),
        (&["campaign", "2pc/calm", "--seeds", "-1..5"], "expected a range such as `0..1000`"),
        (&["compare", "--seed", "-1"], "expected a whole number"),
        (&["campaign", "2pc/calm", "--for", "5"], "in ns, us, ms, s, m or h"),
    ];
    for (arguments, words) in cases {
        let said = complaint(folder.path(), arguments);
        assert!(said.contains(words) && !said.contains("tip:"), "{arguments:?}: {said}");
    }
}

#[test]
fn nonsense_in_a_scenario_is_refused_where_it_stands() {
    let folder = folder();
    let refused = |name: &str, from: &str, to: &str, words: &str| {
        let scenario = text(folder.path(), &format!("show {name}"), 0);
        assert!(scenario.contains(from), "{name}: {from}");
        fs::write(folder.path().join("mine.toml"), scenario.replace(from, to)).expect("there is room");
        let said = complaint(folder.path(), &["run", "mine.toml"]);
        assert!(said.starts_with("error: mine.toml:") && said.contains('^'), "{said}");
        assert!(said.contains(words), "{words}: {said}");
    };
    refused("two-generals/calm", "nodes = 2", "nodes = 5", "two-generals is for 2 nodes");
    let (name, asks) = ("2pc/transfer-commits", "withdraw 30 from a0, deposit 30 to a1");
    refused(name, asks, "take s1 for c9", "there is no client `c9`");
    refused(name, asks, "take s99 for c1", "there is no seat `s99`");
    let cut = |what: &str| format!("[[fault]]\nat = \"1ms\"\n{what}\n\n[[expect]]\nholds");
    for what in [
        "cut = { from = \"n1\", to = \"n1\" }",
        "clog = { from = \"n2\", to = \"n2\" }",
        "lose = { kind = \"vote\", from = \"n2\", to = \"n2\" }",
    ] {
        refused(name, "[[expect]]\nholds", &cut(what), "and itself");
    }
}

#[test]
fn a_history_without_operations_shows_nothing() {
    let folder = folder();
    for lines in ["", "{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"kill\"}\n"] {
        fs::write(folder.path().join("empty.jsonl"), lines).expect("there is room");
        let told = text(folder.path(), "check empty.jsonl --model kv", 4);
        assert!(told.starts_with("empty.jsonl: VACUOUS: nobody asks anything\n"), "{told}");
        let (report, _) = json(folder.path(), "check empty.jsonl --model kv");
        assert_eq!((&report["verdict"], &report["exit"]), (&value!("vacuous"), &value!(4)));
    }
}

#[test]
fn a_plan_of_its_own_protocol_keeps_the_configuration_and_refuses_pins() {
    let folder = folder();
    text(folder.path(), "run 2pc/chaos --seed 3 --set config.resolver=true --trace plan.jsonl", 0);
    let (recorded, _) = json(folder.path(), "replay plan.jsonl");
    let (followed, _) = json(folder.path(), "run 2pc/chaos --plan plan.jsonl");
    assert_eq!(followed["digest"], recorded["digest"], "seed 0 would be configured in another way");
    let said =
        complaint(folder.path(), &["run", "2pc/chaos", "--plan", "plan.jsonl", "--set", "network.loss=0"]);
    assert!(said.contains("--set network.loss=0 changes nothing"), "{said}");
    // Another option can be asked for.
    let (other, _) =
        json(folder.path(), "run 2pc/chaos --plan plan.jsonl --set config.resolver=false --seed 3");
    assert!(other["digest"].is_string(), "{other}");
}

#[test]
fn a_run_that_only_a_campaign_can_decide_says_so() {
    let folder = folder();
    let told = text(folder.path(), "run two-generals/no-certainty", 1);
    assert!(told.contains("search  quarrel campaign two-generals/no-certainty"), "{told}");
    let told = text(folder.path(), "run 2pc/coordinator-crash-blocks --flaw 2pc/commit-on-timeout", 0);
    assert!(!told.contains("search"), "{told}");
}

#[test]
fn no_protocol_for_two_generals_is_no_bug() {
    let folder = folder();
    let (report, code) = json(folder.path(), "compare two-generals");
    let sheet = &report["protocols"]["two-generals"];
    assert_eq!((code, &sheet["nodes"]), (0, &value!(2)), "{sheet}");
    assert_eq!(sheet["messages"]["measured"], value!(4), "a proposal and three confirmations");
    assert!(sheet["safety"]["loss"]["inside"].as_u64().is_some_and(|runs| runs > 0), "{sheet}");
    assert!(sheet["unsolvable"].as_str().is_some_and(|source| source.contains("Gray 1978")), "{sheet}");
    let told = text(folder.path(), "compare two-generals", 0);
    assert!(told.contains("no bug: Gray 1978") && !told.contains("a bug"), "{told}");
    assert!(told.contains("2 generals (two-generals)"), "{told}");
}

#[test]
fn comparisons_share_no_runs_and_count_aborts() {
    let folder = folder();
    let of = |seed: u32| json(folder.path(), &format!("compare 2pc 3pc --set runs=30 --seed {seed}")).0;
    let (zero, one) = (of(0), of(1));
    let outside = |report: &serde_json::Value| report["protocols"]["3pc"]["safety"]["loss"].clone();
    let seed = |report| outside(report)["outside_seed"].as_str().map(|seed: &str| seed.parse::<u64>());
    assert!(seed(&zero).is_some_and(|seed| seed.is_ok_and(|seed| seed < 30)), "{}", outside(&zero));
    let block = 1_000_000..1_000_030;
    assert!(seed(&one).is_some_and(|seed| seed.is_ok_and(|seed| block.contains(&seed))), "{}", outside(&one));
    let cut = &zero["protocols"]["2pc"]["completed_minority_cut_off_without_leader"]["measured"];
    let count = |name: &str| cut[name].as_u64().unwrap_or_default();
    assert!(count("aborted") > 0 && count("completed") + count("aborted") <= count("asked"), "{cut}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_comparison_says_so() {
    let folder = folder();
    let command = quarrel(folder.path(), "compare --set runs=1000000 --jobs 1");
    let program = command.get_program().to_owned();
    let child = std::process::Command::new(program)
        .args(command.get_args())
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    // It watches for signals before it measures anything; that takes a moment.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().is_ok_and(|it| it.success()));
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(output.stdout.is_empty() && said.contains("interrupted"), "{said}");
}
