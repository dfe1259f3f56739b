//! Traces: written and read back, damaged, and compared.

use quarrel_formats::Trace;
use quarrel_formats::trace::{Judgement, Outcome, compare};
use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::fault::Action;
use quarrel_sim::world::Arrival;

use crate::sample;

fn lines(trace: &Trace) -> Vec<String> {
    let text = String::from_utf8(trace.to_bytes()).expect("a trace is text");
    text.lines().map(str::to_string).collect()
}

fn error_of(bytes: &[u8]) -> String {
    Trace::parse("a.jsonl", bytes).expect_err("this is bad").to_string()
}

/// The error without the excerpt.
fn sentence(bytes: &[u8]) -> String {
    error_of(bytes).lines().next().expect("an error says something").to_string()
}

#[test]
fn what_is_written_reads_back_and_is_written_again_byte_for_byte() {
    let trace = sample::trace();
    let bytes = trace.to_bytes();
    let read = Trace::parse("a.jsonl", &bytes).expect("this is fine");
    assert_eq!(read, trace);
    assert_eq!(read.to_bytes(), bytes);
    assert_eq!(
        Trace::parse("a.jsonl", bytes.trim_ascii_end()),
        Ok(trace.clone()),
        "the last newline may be missing"
    );
    let windows = String::from_utf8(bytes).expect("a trace is text").replace('\n', "\r\n");
    assert_eq!(Trace::parse("a.jsonl", windows.as_bytes()), Ok(trace));
}

#[test]
fn the_lines_are_what_tools_rely_on() {
    let lines = lines(&sample::trace());
    let header = concat!(
        r#"{"quarrel":"trace","format":3,"tool":"0.1.0","digest-algorithm":"fold64-1","protocol":"paxos","#,
        r#""scenario":"paxos/chaos","seed":"18446744073709551615","flaws":["paxos/own-value"],"oracle":"all","#,
        r#""config":{"nodes":2,"timeout":{"max_ns":9,"min_ns":3}},"world":{"nodes":2,"clients":1,"#,
    );
    assert!(lines[0].starts_with(header), "{}", lines[0]);
    let end = concat!(
        r#""operations":[{"at_ns":1,"client":0,"id":0,"request":{"propose":"a"}},"#,
        r#"{"at_ns":1,"client":0,"asks":1,"id":2,"request":{"propose":"a"}}],"#,
        r#""orders":[{"at_ns":3,"node":1,"admin":{"transfer":0}}],"#,
        r#""decisions":[[{"kind":"fate","source":"n1","target":"n2","of":"prepare","nth":1},"lost"]],"#,
        r#""expect":{"verdict":"violated","property":"agreement","kind":"paper","signature":"agreement","#,
        r#""detail":"n1 decided \"a\", n2 decided \"b\""},"digest":"000000000000feed","events":3,"simulated_ns":5}"#,
    );
    assert!(lines[0].ends_with(end), "{}", lines[0]);
    let world = concat!(
        r#""duration_ns":1000,"healing_ns":0,"liveness":{"core":1,"bound_ns":700,"latency_ns":3},"#,
        r#""latency_ns":[1,2,3,4],"fifo":true,"client_latency_ns":1,"sync_ns":[0,5],"clock_ppm":[0,-7],"clock_offset_ns":[11,0],"client":"#,
        r#"{"timeout_ns":500000000,"attempts_max":20,"arrival":{"closed":{"think_ns":9}},"pending_max":7},"#,
    );
    assert!(lines[0].contains(world), "{}", lines[0]);
    let event = concat!(
        r#"{"n":2,"at":5,"who":"n1","cause":1,"kind":"deliver","what":"what 2","from":"n2","effects":"#,
        r#"[{"do":"send","what":"prepare 1","to":"n2","fate":"lost","milestone":true}],"digest":"0000000000002222"}"#,
    );
    assert_eq!(lines[2], event);
    let verdict = concat!(
        r#"{"verdict":"violated","property":"agreement","kind":"paper","signature":"agreement","#,
        r#""detail":"n1 decided \"a\", n2 decided \"b\"","at":5,"events":3,"digest":"000000000000feed"}"#,
    );
    assert_eq!(lines[4], verdict);
}

#[test]
fn every_damage_is_named_with_its_place() {
    let good = lines(&sample::trace()).join("\n");
    let cases = [
        (r#""format":3"#, r#""format":4"#, "1:29: this trace is format 4; this quarrel reads up to 3"),
        (r#""format":3"#, r#""format":0"#, "1:29: this trace has no format that ever was"),
        (r#""quarrel":"trace","#, "", "1:1: this is no trace: it does not begin with {\"quarrel\":\"trace\""),
        (
            r#""quarrel":"trace""#,
            r#""quarrel":"race""#,
            "1:17: this is no trace: unknown variant `race`, expected `trace`",
        ),
        (
            r#""tool":"0.1.0""#,
            r#""tool":1"#,
            "1:38: the header is damaged: invalid type: integer `1`, expected a string",
        ),
        (
            r#""oracle":"all""#,
            r#""orakel":"all""#,
            "the header is damaged: unknown field `orakel`, expected one of",
        ),
        (
            r#""seed":"18446744073709551615""#,
            r#""seed":"18446744073709551616""#,
            "expected a whole number below 2^64 as a string",
        ),
        (r#""nodes":2,"clients""#, r#""nodes":3,"clients""#, "3 nodes need 9 values here, found 4"),
        (r#""nodes":2,"clients""#, r#""nodes":0,"clients""#, "0 is out of bounds: from 1 to 64"),
        (
            r#""latency_ns":[1,2,3,4]"#,
            r#""latency_ns":[1,2,0,4]"#,
            "0 is out of bounds: from 1 to 200000000000000",
        ),
        (r#""sync_ns":[0,5]"#, r#""sync_ns":[0]"#, "2 nodes need 2 values here, found 1"),
        (
            r#""clock_ppm":[0,-7]"#,
            r#""clock_ppm":[0,-1000000]"#,
            "-1000000 is out of bounds: from -899999 to 8999999",
        ),
        (
            r#""clock_offset_ns":[11,0]"#,
            r#""clock_offset_ns":[11]"#,
            "2 nodes need 2 values here or none, found 1",
        ),
        (
            r#""clock_offset_ns":[11,0]"#,
            r#""clock_offset_ns":[11,200000000000001]"#,
            "200000000000001 is out of bounds",
        ),
        (r#""clock":4"#, r#""clock":-4"#, "the event is damaged: invalid value: integer `-4`"),
        (r#""crash":{"nodes":2}"#, r#""crash":{"nodes":4}"#, "n3 is not among the 2 nodes of the world"),
        (r#""crash":{"nodes":2}"#, r#""crash":{"nodes":0}"#, "this strikes nobody"),
        (r#""client":0"#, r#""client":7"#, "there is no client c8: the world has 1"),
        (r#""node":1,"admin""#, r#""node":2,"admin""#, "there is no n3: the world has 2 nodes and 1 clients"),
        (r#""at_ns":3,"node""#, r#""at_ns":200000000000001,"node""#, "200000000000001 is out of bounds"),
        (
            r#""node":1,"admin""#,
            r#""node":1,"when":2,"admin""#,
            "the header is damaged: unknown field `when`",
        ),
        (r#""fifo":true"#, r#""fifo":1"#, "the header is damaged: invalid type"),
        (r#""target":"n2""#, r#""target":"n3""#, "there is no n3: the world has 2 nodes and 1 clients"),
        (r#""target":"n2""#, r#""target":"x3""#, "neither a node (n1 to n64) nor a client"),
        (r#""nth":1},"lost""#, r#""nth":1},"gone""#, "`gone` does not answer this kind of decision"),
        (r#""core":1,"#, r#""core":0,"#, "nobody are not some of the 2 nodes of the world"),
        (r#""core":1,"#, r#""core":5,"#, "n1, n3 are not some of the 2 nodes of the world"),
        (r#""core":1,"#, r#""core":1,"x":1,"#, "the header is damaged: unknown field `x`"),
        (r#""core":1,"#, "", "the header is damaged: missing field `core`"),
        (r#""bound_ns":700"#, r#""bound_ns":0"#, "0 is out of bounds: from 1 to 18446744073709551615"),
        (r#","latency_ns":3}"#, r#","latency_ns":0}"#, "0 is out of bounds: from 1 to 200000000000000"),
        (r#"{"closed":{"think_ns":9}}"#, r#""ajar""#, "unknown variant `ajar`, expected `open` or `closed`"),
        (r#""think_ns":9"#, r#""think_ns":9,"x":1"#, "the header is damaged: unknown field `x`"),
        (
            r#""think_ns":9"#,
            r#""think_ns":200000000000001"#,
            "200000000000001 is out of bounds: from 0 to 200000000000000",
        ),
        (r#""pending_max":7"#, r#""pending_max":0"#, "0 is out of bounds: from 1 to 1000000"),
        (r#""pending_max":7"#, r#""pending_max":1000001"#, "1000001 is out of bounds: from 1 to 1000000"),
        (r#""attempts_max":20"#, r#""attempts_max":0"#, "0 is out of bounds: from 1 to 4294967295"),
        (r#""timeout_ns":500000000"#, r#""timeout_ns":0"#, "0 is out of bounds: from 1 to 200000000000000"),
        (r#""asks":1,"id":2"#, r#""asks":1,"id":0"#, "op0 is the name of two operations"),
        (r#""asks":1"#, r#""asks":2"#, "there is no n3: the world has 2 nodes and 1 clients"),
        (r#""asks":1"#, r#""x":1"#, "the header is damaged: unknown field `x`"),
        (
            r#"{"at_ns":1,"client":0,"asks""#,
            r#"{"at_ns":0,"client":0,"asks""#,
            "the operations of c1 are not in the order of time and number",
        ),
        (r#""id":0,"#, r#""id":3,"#, "the operations of c1 are not in the order of time and number"),
        (r#"{"nodes":2}}"#, r#"{"nodes":2,"x":1}}"#, "the header is damaged: unknown field `x`"),
        (r#""lasting_ns":2"#, r#""lasting_ns":0"#, "0 is out of bounds: from 1 to 200000000000000"),
        (r#""lasting_ns":2"#, r#""lasts_ns":2"#, "the header is damaged: unknown field `lasts_ns`"),
        ("\n{\"n\":2", "\n{\"n\":3", "3:6: event 3 follows event 1"),
        ("\"n\":3,\"at\":5", "\"n\":3,\"at\":4", "4:13: event 3 is at 4ns, but the one before it at 5ns"),
        (r#""cause":2"#, r#""cause":3"#, ": the cause of an event comes before it"),
        (
            r#""digest":"0000000000002222""#,
            r#""digest":"2222""#,
            "expected a digest of 16 hexadecimal digits",
        ),
        (r#""kind":"deliver""#, r#""kind":"deliver","x":1"#, "the event is damaged: unknown field `x`"),
        (r#""do":"send""#, r#""did":"send""#, "the event is damaged: unknown field `did`"),
        ("\n{\"n\":2", "\n\n{\"n\":2", "3:1: the trace is cut off in the middle of a line"),
        (r#""at":5,"events":3"#, r#""at":5,"events":4"#, "the verdict counts 4 events, the trace has 3"),
        (r#""at":5,"events":3"#, r#""at":5,"events":3,"x":1"#, "the verdict is damaged: unknown field `x`"),
        (r#""events":3,"simulated"#, r#""events":9,"simulated"#, "the verdict counts 3 events, the header 9"),
        (
            r#""digest":"000000000000feed","events""#,
            r#""digest":"000000000000beef","events""#,
            "the verdict's digest is 000000000000feed, the header's 000000000000beef",
        ),
        (
            "\n{\"verdict\":\"violated\",\"property\":\"agreement\"",
            "\n{\"verdict\":\"violated\",\"property\":\"validity\"",
            "the header expects another verdict",
        ),
        ("\n{\"verdict\":\"violated\"", "\n{\"verdict\":\"held\"", "a verdict of `held` has no property"),
    ];
    for (old, new, expected) in cases {
        assert!(good.contains(old), "{old}");
        let error = error_of(good.replacen(old, new, 1).as_bytes());
        let first = error.lines().next().expect("an error says something");
        assert!(first.starts_with("a.jsonl:") && first.contains(expected), "{old} -> {new}: {error}");
        assert!(error.contains('^') && error.len() < 1_000, "{error}");
    }
}

#[test]
fn who_was_left_in_doubt_is_kept_where_all_held() {
    let mut trace = held();
    trace.verdict.blocked = vec!["n2, n3 in doubt about t0".to_string()];
    let read = Trace::parse("a.jsonl", &trace.to_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.verdict.blocked, trace.verdict.blocked);
    let violated = lines(&sample::trace()).join("\n");
    let edited = violated.replacen(
        "\n{\"verdict\":\"violated\"",
        "\n{\"blocked\":[\"n1\"],\"verdict\":\"violated\"",
        1,
    );
    assert!(sentence(edited.as_bytes()).contains("only where nothing is violated"));
}

#[test]
fn the_caret_stands_under_what_is_wrong() {
    let good = lines(&sample::trace()).join("\n");
    let error = error_of(good.replacen("\"format\":3", "\"format\":4", 1).as_bytes());
    let expected = format!(
        "a.jsonl:1:29: this trace is format 4; this quarrel reads up to 3\n  |\n1 | {}...\n  | {}^\n  |\n  = help: use a newer quarrel",
        &good.replacen("\"format\":3", "\"format\":4", 1)[..100],
        " ".repeat(28)
    );
    assert_eq!(error, expected);
    let error = error_of(good.replacen("\"crash\":{\"nodes\":2}", "\"crash\":{\"nodes\":4}", 1).as_bytes());
    assert!(error.contains("^^^^^^^^^^^^^^^^^^^^^\n") || error.ends_with("^^^^^^^^^^^^^^^^^^^^^"), "{error}");
}

#[test]
fn what_is_cut_off_or_goes_on_is_refused() {
    let lines = lines(&sample::trace());
    let without_verdict = lines[..4].join("\n");
    assert_eq!(sentence(without_verdict.as_bytes()), "a.jsonl:5:1: the trace is cut off: it has no verdict");
    assert_eq!(sentence(lines[0].as_bytes()), "a.jsonl:2:1: the trace is cut off: it has no verdict");
    let whole = lines.join("\n");
    for end in lines[0].len() + 1..whole.len() - 1 {
        assert!(sentence(&whole.as_bytes()[..end]).contains("the trace is cut off"), "{end}");
    }
    let longer = format!("{whole}\n{}", lines[3]);
    assert_eq!(sentence(longer.as_bytes()), "a.jsonl:6:1: the trace goes on after its verdict");
    assert_eq!(
        sentence(format!("{whole}\n\n").as_bytes()),
        "a.jsonl:6:1: the trace goes on after its verdict"
    );
    let gap = [&lines[..2], &lines[3..]].concat().join("\n");
    assert_eq!(sentence(gap.as_bytes()), "a.jsonl:3:6: event 3 follows event 1");
}

#[test]
fn what_is_no_trace_is_refused() {
    for empty in ["", "\n", " \r\n", "\u{feff}"] {
        assert_eq!(error_of(empty.as_bytes()), "a.jsonl:1:1: the file is empty\n  |\n1 |\n  | ^");
    }
    assert!(sentence(b"nodes = 5\n").contains("1:2: this is no trace: expected ident"));
    assert!(sentence(b"[1]\n").starts_with("a.jsonl:1:"));
    assert!(sentence(b"{}\n").contains("this is no trace"));
    let binary: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    assert!(sentence(&binary).contains("this is no trace"));
    for open in [
        "[",
        "{\"a\":",
        "{\"quarrel\":",
        "{\"quarrel\":\"trace\",\"format\":1,\"config\":[",
        "{\"verdict\":[",
    ] {
        let nested = open.repeat(100_000);
        assert!(error_of(nested.as_bytes()).len() < 1_000);
        let good = lines(&sample::trace());
        assert!(error_of(format!("{}\n{nested}", good[0]).as_bytes()).len() < 1_000);
    }
    let good = lines(&sample::trace()).join("\n");
    let nested = format!("\"config\":{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = error_of(good.replacen("\"config\":", &format!("{nested},\"x\":"), 1).as_bytes());
    assert!(error.contains("recursion limit exceeded") && error.len() < 1_000, "{error}");
}

fn held() -> Trace {
    let mut trace = sample::trace();
    trace.header.expect = Judgement::Held;
    trace.verdict.judgement = Judgement::Held;
    trace
}

fn violating(signature: &str) -> Trace {
    let mut trace = sample::trace();
    if let Judgement::Violated(violation) = &mut trace.verdict.judgement {
        violation.signature = signature.to_string();
    }
    trace.header.expect = trace.verdict.judgement.clone();
    trace
}

/// The same verdict by another path: event 2 is another one.
fn elsewhere(mut trace: Trace) -> Trace {
    trace.events[1].what = "something else".to_string();
    trace.events[1].digest = "0000000000000bad".to_string();
    trace.verdict.digest = 0xbad;
    trace.header.digest = 0xbad;
    trace
}

#[test]
fn a_replay_has_one_of_four_outcomes() {
    let (a, b) = (violating("a"), violating("b"));
    let diverged =
        |outcome: &Outcome, at: u64| matches!(outcome, Outcome::Diverged { event, .. } if *event == at);
    assert_eq!(compare(&held(), &held()), Outcome::Reproduced);
    assert_eq!(compare(&a, &a), Outcome::Reproduced);
    assert_eq!(compare(&a, &elsewhere(a.clone())), Outcome::SameViolation);
    assert_eq!(compare(&a, &held()), Outcome::Gone);
    assert_eq!(compare(&a, &elsewhere(held())), Outcome::Gone);
    assert!(diverged(&compare(&held(), &elsewhere(held())), 2));
    assert!(diverged(&compare(&held(), &elsewhere(a.clone())), 2));
    assert!(diverged(&compare(&a, &elsewhere(b.clone())), 2), "another violation is not gone");
    assert!(diverged(&compare(&held(), &a), 4), "only the verdicts differ");
    assert!(diverged(&compare(&a, &b), 4), "only the verdicts differ");
    let names =
        [Outcome::Reproduced, Outcome::SameViolation, Outcome::Gone].map(|outcome| outcome.to_string());
    assert_eq!(names, ["reproduced", "same violation by another path", "violation gone"]);
}

#[test]
fn where_two_runs_part_both_sides_are_shown() {
    let outcome = compare(&held(), &elsewhere(held()));
    assert_eq!(outcome.to_string(), "diverged at event 2");
    let Outcome::Diverged { recorded, replayed, .. } = outcome else { panic!("they part") };
    assert_eq!(recorded, "5ns n1 deliver from n2 (by event 1): what 2");
    assert_eq!(replayed, "5ns n1 deliver from n2 (by event 1): something else");

    let mut other = held();
    other.events[0].effects[0].fate = None;
    let Outcome::Diverged { event: 1, recorded, replayed } = compare(&held(), &other) else {
        panic!("they part")
    };
    assert_eq!(recorded, "0ns n1 boot: what 1; then send to n2: prepare 1 (lost)");
    assert_eq!(replayed, "0ns n1 boot: what 1; then send to n2: prepare 1");

    let mut longer = held();
    longer.events.push(sample::event(4, 9, "timer"));
    let Outcome::Diverged { event: 4, recorded, replayed } = compare(&held(), &longer) else {
        panic!("they part")
    };
    assert_eq!(recorded, "the run ends, digest 000000000000feed: all held");
    assert_eq!(replayed, "9ns n1 timer (by event 3): what 4");
}

#[test]
fn another_version_may_choose_other_words_and_another_algorithm_other_digests() {
    let mut newer = sample::trace();
    newer.events[0].what = "in other words".to_string();
    newer.events[1].effects[0].what = "in other words".to_string();
    assert!(
        matches!(compare(&sample::trace(), &newer), Outcome::Diverged { event: 1, .. }),
        "the same version"
    );
    newer.header.tool = "0.2.0".to_string();
    assert_eq!(compare(&sample::trace(), &newer), Outcome::Reproduced);
    newer.events[2].digest = "0000000000000bad".to_string();
    newer.verdict.digest = 0xbad;
    assert_eq!(compare(&sample::trace(), &newer), Outcome::SameViolation);
    newer.header.digest_algorithm = "fold64-2".to_string();
    assert_eq!(compare(&sample::trace(), &newer), Outcome::Reproduced);
    newer.events[2].at += 1;
    assert_eq!(compare(&sample::trace(), &newer), Outcome::SameViolation);
}

#[test]
fn every_fault_of_a_header_is_checked_against_the_world() {
    let (inside, outside) = (NodeSet::only(NodeId(0)), NodeSet::only(NodeId(7)));
    let bad = [
        Action::Wipe { nodes: outside },
        Action::Pause { nodes: outside },
        Action::CrashAtWrite { node: NodeId(7), write: 1 },
        Action::CrashAtWrite { node: NodeId(0), write: 0 },
        Action::isolate(NodeId(0), 8),
        Action::Clog { links: vec![(inside, outside)] },
        Action::Clog { links: vec![] },
        Action::Lose { kind: "prepare".to_string(), from: outside, to: inside },
        Action::Clock { node: NodeId(0), rate_ppm: i32::MAX },
        Action::SlowDisk { node: NodeId(0), extra_ns: u64::MAX },
        Action::Expire { node: NodeId(7), timer: "x".to_string() },
    ];
    for action in bad {
        let mut trace = sample::trace();
        trace.header.world.faults[0].action = action.clone();
        assert!(Trace::parse("a.jsonl", &trace.to_bytes()).is_err(), "{action:?}");
    }
}

#[test]
fn the_operations_of_different_clients_are_in_no_order() {
    let mut trace = sample::trace();
    trace.header.world.clients = 2;
    trace.header.operations[0].client.0 = 1;
    trace.header.operations[0].at_ns = 7;
    trace.header.operations[0].id.0 = 9;
    assert_eq!(Trace::parse("a.jsonl", &trace.to_bytes()), Ok(trace));
}

#[test]
fn whatever_bound_a_core_has_reads_back() {
    for bound_ns in [1, 200_000_000_000_001, u64::MAX] {
        let mut trace = sample::trace();
        trace.header.world.liveness.as_mut().expect("the sample has a core").bound_ns = bound_ns;
        assert_eq!(Trace::parse("a.jsonl", &trace.to_bytes()), Ok(trace));
    }
}

/// What the first format lacks has its default; what was written in it is read for ever.
#[test]
fn the_first_format_is_still_read() {
    let golden = include_bytes!("../../../traces/format/1.jsonl");
    let trace = Trace::parse("1.jsonl", golden).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((trace.header.format, trace.header.world.liveness), (1, None));
    let client = trace.header.world.client;
    assert_eq!((client.arrival, client.pending_max), (Arrival::Open, 1_000));
    assert_eq!((client.timeout_ns, client.attempts_max), (300_000_000, 100));
    assert_eq!((trace.events.len(), trace.verdict.digest), (36, 0xa80d_b6f1_6dea_3a68));
    assert_eq!(Trace::parse("1.jsonl", &trace.to_bytes()), Ok(trace), "and reads back as such");
}
