//! One fault plan for all, and what a report says of a run that blocks.

use serde_json::json as value;

use crate::{folder, json, text};

#[test]
fn the_plan_of_one_protocol_strikes_another() {
    let folder = folder();
    text(folder.path(), "run raft/chaos --seed 3 --trace raft.jsonl", 0);
    let run = "run two-generals/calm --plan raft.jsonl";
    let output = crate::quarrel(folder.path(), run).output().expect("it starts");
    let told = String::from_utf8(output.stdout).expect("it is text");
    assert!(told.contains("carried over from raft: ") && told.contains("left out: "), "{told}");
    let (report, code) = json(folder.path(), &format!("{run} --trace generals.jsonl"));
    assert_eq!(output.status.code(), Some(code), "twice the same");
    let carried = &report["carried"];
    assert_eq!(carried["from"], value!("raft"));
    assert!(carried["faults"].as_u64().is_some_and(|faults| faults > 0), "{carried}");
    assert!(carried["left_out"]["operations of clients"].as_u64().is_some_and(|it| it > 0), "{carried}");
    let replayed = json(folder.path(), "replay generals.jsonl").0;
    assert_eq!((&replayed["outcome"], &replayed["digest"]), (&value!("reproduced"), &report["digest"]));
    let (own, _) = json(folder.path(), "run raft/chaos --seed 3 --plan raft.jsonl");
    assert_eq!(own["carried"], value!(null), "its own plan is obeyed as it is");
}

#[test]
fn a_run_that_blocks_says_who_waits_for_what() {
    let folder = folder();
    let run = "run paxos/acceptor-restarts --flaw paxos/accept-strict-gt";
    let told = text(folder.path(), run, 0);
    assert!(told.contains("  at the end, at 6s:\n    n1 ("), "{told}");
    assert!(told.contains("waits for"), "{told}");
    let (report, _) = json(folder.path(), run);
    let first = &report["in_doubt"][0];
    assert_eq!((&first["node"], &first["down_since_seconds"]), (&value!("n1"), &value!(null)));
    assert!(first["waits"][0]["what"].as_str().is_some_and(|what| !what.is_empty()), "{first}");
    let (report, _) = json(folder.path(), "run paxos/calm");
    assert_eq!(report["in_doubt"], value!([]), "nobody waits");
}
