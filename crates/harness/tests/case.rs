//! Traces that say what no run says: a header is held against what the protocol allows before anything runs.
#![allow(clippy::disallowed_methods, reason = "the test reads a trace")]

use std::path::Path;

use quarrel_formats::Trace;
use quarrel_harness::case::Flaws;
use quarrel_harness::registry::Registry;
use quarrel_sim::fault::{Action, Deed};
use serde_json::{Value, json};

fn trace(name: &str) -> Trace {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../traces").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Trace::parse(name, &bytes).unwrap_or_else(|error| panic!("{error}"))
}

/// The complaint about a trace whose configuration has this value there.
fn refused(name: &str, pointer: &str, value: Value) -> String {
    let mut trace = trace(name);
    *trace.header.config.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is there")) = value;
    let refused = Registry::standard().open("edited.jsonl", &trace).err();
    refused.unwrap_or_else(|| panic!("{pointer} is not refused")).to_string()
}

#[test]
fn a_configuration_that_no_scenario_could_ask_for_is_refused() {
    let (raft, paxos) = ("raft/vote-not-persisted.jsonl", "paxos/own-value.jsonl");
    for (name, pointer, value, why) in [
        (raft, "/heartbeat_ns", json!(256), "no range between 1us and 1000s"),
        (raft, "/heartbeat_ns", json!(400_000_000), "not shorter than the election timeout"),
        (raft, "/election_timeout/min_ns", json!(1), "no range between"),
        (raft, "/election_timeout/max_ns", json!(2_000), "no range between"),
        (raft, "/entries_in_flight_max", json!(0), "no entry may be on its way"),
        (raft, "/nodes", json!(64), "it is for 64 nodes"),
        (raft, "/flaws", json!([]), "the configuration has others on"),
        (raft, "/flaws", json!(["no-such-flaw"]), "no-such-flaw"),
        (paxos, "/quorum/second", json!(64), "do not fit a cluster"),
        (paxos, "/quorum/first", json!(0), "do not fit a cluster"),
    ] {
        let complaint = refused(name, pointer, value);
        assert!(complaint.contains("edited.jsonl:1: ") && complaint.contains(why), "{pointer}: {complaint}");
    }
}

#[test]
fn the_header_names_the_flaws_that_are_on() {
    for flaws in [vec![], vec!["raft/no-such-flaw".to_string()], vec!["vote-not-persisted".to_string()]] {
        let mut trace = trace("raft/vote-not-persisted.jsonl");
        trace.header.flaws = flaws;
        let refused =
            Registry::standard().open("edited.jsonl", &trace).err().expect("it is refused").to_string();
        assert!(refused.contains("this trace's flaws"), "{refused}");
    }
}

#[test]
fn a_file_cannot_ask_for_more_events_than_memory_holds() {
    let mut trace = trace("raft/vote-not-persisted.jsonl");
    trace.header.world.limits.events_max = u64::MAX;
    trace.header.world.duration_ns = u64::MAX / 2;
    let case = Registry::standard().open("edited.jsonl", &trace).unwrap_or_else(|error| panic!("{error}"));
    let replayed = case.replay(Flaws::Removed).trace;
    assert_eq!(replayed.verdict.judgement.signature(), Some("events-limit"));
    assert!(replayed.verdict.events < 1_100_000, "{} events", replayed.verdict.events);
}

#[test]
fn a_lie_that_the_protocol_does_not_know_is_refused_where_it_stands() {
    let mut trace = trace("pbft/client-believes-one.jsonl");
    let lies = trace.header.world.faults.iter_mut().filter_map(|fault| match &mut fault.action {
        Action::Betray { deed: Deed::Lie { lie }, .. } => Some(lie),
        _ => None,
    });
    lies.for_each(|lie| *lie = "nonsense".to_string());
    let registry = Registry::standard();
    let refused = registry.open("edited.jsonl", &trace).err().expect("it is refused");
    assert_eq!(registry.check_lies("edited.jsonl", &trace).as_ref(), Err(&refused));
    let bytes = trace.to_bytes();
    let placed = refused.in_trace(&bytes);
    assert_eq!((placed.line(), placed.message()), (Some(1), "pbft knows no lie `nonsense`"));
    let column = placed.column().expect("it has a place");
    assert!(bytes[column - 1..].starts_with(b"\"nonsense\""), "{placed}");
}
