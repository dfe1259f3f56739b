//! Histories of every kind with known verdicts, and what a reader must take in its stride.

use quarrel_formats::history::{Finding, Kind, Line, Object, Process, Reuse, Verdict, check};
use serde_json::{Value, json};

const BUDGET: u64 = 1_000_000;

/// A history in short: `0 > write 1`, `0 < write 1`, `0 x write`, `0 ? write` are an invocation, an answer, a failure
/// and an unknown outcome of process 0; a word with `@` names the key, the rest is the value.
fn history(short: &str) -> String {
    let mut text = String::new();
    for line in short.split(';').map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.splitn(4, ' ');
        let process: u64 = words.next().and_then(|word| word.parse().ok()).expect(line);
        let kind = match words.next().expect(line) {
            ">" => Kind::Invoke,
            "<" => Kind::Ok,
            "x" => Kind::Fail,
            "?" => Kind::Info,
            other => panic!("{other}: {line}"),
        };
        let f = words.next().expect(line).to_string();
        let (f, key) = match f.split_once('@') {
            Some((f, key)) => (f.to_string(), Some(json!(key))),
            None => (f, None),
        };
        let value = words.next().map_or(Value::Null, |value| serde_json::from_str(value).expect(line));
        let line = Line { index: None, time: None, process: Process::Number(process), kind, f, key, value };
        text.push_str(&line.to_text());
    }
    text
}

fn find(object: Object, text: &str) -> Finding {
    check("h.jsonl", text.as_bytes(), object, Reuse::Refused, BUDGET)
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn is_linearizable(object: Object, short: &str) -> bool {
    match find(object, &history(short)).verdict {
        Verdict::Linearizable => true,
        Verdict::Violation(_) => false,
        Verdict::Unknown { .. } => panic!("a small history is decided: {short}"),
    }
}

fn verdicts(object: Object, good: &[&str], bad: &[&str]) {
    for short in good {
        assert!(is_linearizable(object, short), "{object}: {short}");
    }
    for short in bad {
        assert!(!is_linearizable(object, short), "{object}: {short}");
    }
}

#[test]
fn registers() {
    let good = [
        "",
        "0 > read; 0 < read null",
        "0 > write 1; 0 < write 1; 0 > read; 0 < read 1",
        // The answer need not repeat the value, and null is a value.
        "0 > write 1; 0 < write; 0 > write null; 0 < write null; 0 > read; 0 < read null",
        // Concurrent: the read may come first.
        "0 > write 1; 1 > read; 1 < read null; 0 < write 1",
        "0 > write 1; 1 > read; 0 < write 1; 1 < read 1",
        // Unknown and pending writes may have happened, long after, or never.
        "0 > write 1; 0 ? write \"timed-out\"; 1 > read; 1 < read null; 1 > read; 1 < read 1",
        "0 > write 1; 1 > read; 1 < read 1",
        "0 > write 1; 1 > read; 1 < read null",
        // A failed write is none, and a failed compare-and-set constrains nothing.
        "0 > write 1; 0 x write; 1 > read; 1 < read null",
        "0 > write 1; 0 < write; 0 > cas [1, 2]; 0 x cas [1, 2]; 0 > read; 0 < read 1",
        "0 > cas [null, \"a\"]; 0 < cas [null, \"a\"]; 0 > cas [\"a\", 2]; 0 < cas; 0 > read; 0 < read 2",
        // Keys are registers of their own.
        "0 > write@a 1; 0 < write@a; 0 > read@b; 0 < read@b null; 0 > read@a; 0 < read@a 1",
        // Equal numbers.
        "0 > write 10; 0 < write 1e1; 0 > read; 0 < read 10.0",
        // ABA.
        "0 > write 1; 0 < write; 1 > cas [1, 3]; 0 > write 2; 0 < write; 0 > write 1; 0 < write; 1 < cas [1, 3]; \
         0 > read; 0 < read 3",
    ];
    let bad = [
        "0 > read; 0 < read 1",
        "0 > write 1; 0 < write; 0 > read; 0 < read null",
        "0 > write 1; 0 < write; 0 > read; 0 < read \"1\"",
        "0 > write 1; 0 x write; 1 > read; 1 < read 1",
        "0 > write 1; 0 ? write; 1 > read; 1 < read 1; 1 > read; 1 < read null",
        "0 > cas [1, 2]; 0 < cas [1, 2]",
        "0 > cas [null, 1]; 1 > cas [null, 2]; 0 < cas; 1 < cas",
        // Two readers that disagree on the order of two writes.
        "0 > write 1; 1 > write 2; 2 > read; 2 < read 1; 3 > read; 3 < read 2; 2 > read; 2 < read 1; \
         3 > read; 3 < read 2; 2 > read; 2 < read 1",
        "0 > write@a 1; 0 < write@a; 0 > read@b; 0 < read@b 1",
        "0 > write 9007199254740993; 0 < write; 0 > read; 0 < read 9007199254740992",
    ];
    verdicts(Object::Register, &good, &bad);
}

#[test]
fn maps() {
    let good = [
        "0 > get@a; 0 < get@a \"\"",
        "0 > get@a; 0 < get@a null",
        "0 > put@a \"x\"; 0 < put@a; 0 > append@a \"y\"; 0 < append@a; 0 > get@a; 0 < get@a \"xy\"",
        "0 > append@a \"x\"; 1 > append@a \"y\"; 0 < append@a; 1 < append@a; 0 > get@a; 0 < get@a \"yx\"",
        "0 > append@a \"x\"; 0 ? append@a; 1 > get@a; 1 < get@a \"\"; 1 > get@a; 1 < get@a \"x\"",
        // A text may be made in several ways, and be a beginning of others.
        "0 > put@a \"xy\"; 1 > append@a \"x\"; 0 < put@a; 1 < append@a; 0 > get@a; 0 < get@a \"xyx\"; \
         0 > append@a \"yx\"; 0 < append@a; 0 > get@a; 0 < get@a \"xyxyx\"",
        // Whole numbers are their digits; an empty text changes nothing.
        "0 > put@a 5; 0 < put@a 5; 0 > append@a \"\"; 0 < append@a; 0 > append@a 6; 0 < append@a; 0 > get@a; \
         0 < get@a \"56\"",
        "0 > put@a \"x\"; 0 < put@a; 0 > put@b \"x\"; 0 < put@b; 0 > get@b; 0 < get@b \"x\"",
    ];
    let bad = [
        "0 > get@a; 0 < get@a \"x\"",
        "0 > append@a \"x\"; 0 < append@a; 0 > get@a; 0 < get@a null",
        "0 > append@a \"x\"; 0 < append@a; 0 > append@a \"y\"; 0 < append@a; 0 > get@a; 0 < get@a \"yx\"",
        "0 > append@a \"x\"; 0 < append@a; 0 > get@a; 0 < get@a \"xx\"",
        // Two readers see two appends in two orders.
        "0 > append@a \"x\"; 1 > append@a \"y\"; 0 < append@a; 2 > get@a; 2 < get@a \"x\"; 1 < append@a; 2 > get@a; \
         2 < get@a \"yx\"",
        "0 > put@a \"x\"; 0 < put@a; 0 > get@b; 0 < get@b \"x\"",
        "0 > append@a \"x\"; 0 < append@a; 0 > put@a \"y\"; 0 < put@a; 0 > get@a; 0 < get@a \"xy\"",
    ];
    verdicts(Object::Kv, &good, &bad);
}

const MOVE: &str = "{\"from\":0,\"to\":\"1\",\"amount\":5}";

#[test]
fn banks() {
    let with = |short: &str| short.replace("MOVE", MOVE);
    let good = [
        "0 > read; 0 < read {\"0\":10,\"1\":0}; 0 > transfer MOVE; 0 < transfer MOVE; 0 > read; 0 < read {\"0\":5,\"1\":5}",
        // Nobody said what was in the accounts: there was enough.
        "0 > transfer MOVE; 0 < transfer; 0 > transfer MOVE; 0 < transfer",
        "0 > transfer MOVE; 0 < transfer; 0 > read; 0 < read {\"0\":0,\"1\":5}",
        "0 > transfer MOVE; 1 > read; 1 < read {\"0\":10,\"1\":0}; 0 ? transfer; 1 > read; 1 < read {\"0\":5,\"1\":5}",
        // Of accounts that a read does not list it says nothing.
        "0 > transfer MOVE; 0 < transfer; 0 > read; 0 < read {\"1\":5}; 0 > read; 0 < read {\"0\":7}",
        "0 > read; 0 < read {\"0\":4,\"1\":0}; 0 > transfer MOVE; 0 x transfer; 0 > read; 0 < read {\"0\":4,\"1\":0}",
        // The money for the second transfer comes from the first.
        "0 > transfer MOVE; 1 > transfer {\"from\":1,\"to\":2,\"amount\":5}; 1 < transfer; 0 < transfer; \
         0 > read; 0 < read {\"0\":0,\"1\":0,\"2\":5}",
        // To oneself.
        "0 > transfer {\"from\":1,\"to\":1,\"amount\":5}; 0 < transfer; 0 > read; 0 < read {\"1\":5}",
    ];
    let bad = [
        "0 > read; 0 < read {\"0\":4,\"1\":0}; 0 > transfer MOVE; 0 < transfer",
        "0 > transfer MOVE; 0 < transfer; 0 > read; 0 < read {\"1\":4}",
        "0 > transfer MOVE; 0 < transfer; 0 > read; 0 < read {\"0\":-1}",
        "0 > read; 0 < read {\"0\":10,\"1\":0}; 0 > transfer MOVE; 1 > read; 1 < read {\"0\":5,\"1\":0}; 0 < transfer",
        "0 > read; 0 < read {\"0\":10,\"1\":0}; 0 > transfer MOVE; 0 x transfer; 0 > read; 0 < read {\"0\":5,\"1\":5}",
        "0 > transfer {\"from\":1,\"to\":1,\"amount\":5}; 0 < transfer; 0 > read; 0 < read {\"1\":4}",
        // Two readers see two transfers in two orders.
        "0 > read; 0 < read {\"0\":9,\"1\":9}; 1 > transfer MOVE; 2 > transfer {\"from\":1,\"to\":0,\"amount\":3}; \
         3 > read; 3 < read {\"0\":4,\"1\":14}; 4 > read; 4 < read {\"0\":12,\"1\":6}",
    ];
    let good = good.map(with);
    let bad = bad.map(with);
    verdicts(Object::Bank, &good.each_ref().map(String::as_str), &bad.each_ref().map(String::as_str));
}

#[test]
fn locks() {
    let good = [
        "0 > acquire; 0 < acquire; 0 > release; 0 < release; 1 > acquire; 1 < acquire",
        "0 > acquire; 1 > acquire; 0 < acquire 33; 0 > release 33; 1 < acquire 34; 0 < release 33",
        // Whoever was never told may hold it, or not.
        "0 > acquire; 0 ? acquire; 1 > acquire; 1 < acquire 7",
        "0 > acquire; 0 < acquire; 0 > release; 0 ? release; 1 > acquire; 1 < acquire",
        "0 > acquire; 0 < acquire; 1 > acquire; 1 x acquire; 0 > release; 0 < release",
        "0 > acquire@a; 0 < acquire@a 1; 1 > acquire@b; 1 < acquire@b 1",
        "0 > acquire; 0 < acquire 5; 0 > release; 0 < release; 1 > acquire; 1 < acquire; 1 > release; 1 < release 9",
    ];
    let bad = [
        "0 > acquire; 0 < acquire; 1 > acquire; 1 < acquire",
        "0 > acquire; 0 < acquire; 0 > acquire; 0 < acquire",
        "0 > release; 0 < release",
        "0 > acquire; 0 < acquire; 1 > release; 1 < release",
        "0 > acquire; 0 < acquire 2; 0 > release; 0 < release; 1 > acquire; 1 < acquire 2",
        "0 > acquire; 0 < acquire 2; 0 > release; 0 < release; 1 > acquire; 1 < acquire 1",
        "0 > acquire; 0 < acquire 2; 0 > release 1; 0 < release",
        "0 > acquire; 0 < acquire; 0 > release; 0 x release; 1 > acquire; 1 < acquire",
    ];
    verdicts(Object::Lock, &good, &bad);
}

#[test]
fn queues() {
    let good = [
        "0 > dequeue; 0 < dequeue null",
        "0 > enqueue 1; 0 < enqueue 1; 0 > enqueue 2; 0 < enqueue; 0 > dequeue; 0 < dequeue 1; 0 > dequeue; 0 < dequeue 2",
        "0 > enqueue 1; 1 > enqueue 2; 0 < enqueue; 1 < enqueue; 0 > dequeue; 0 < dequeue 2; 0 > dequeue; 0 < dequeue 1",
        // A lost dequeue may have taken one.
        "0 > enqueue 1; 0 < enqueue; 0 > enqueue 2; 0 < enqueue; 1 > dequeue; 1 ? dequeue; 0 > dequeue; 0 < dequeue 2",
        "0 > enqueue 1; 0 ? enqueue; 1 > dequeue; 1 < dequeue null; 1 > dequeue; 1 < dequeue 1",
        "0 > enqueue@a 1; 0 < enqueue@a; 0 > dequeue@b; 0 < dequeue@b null",
    ];
    let bad = [
        "0 > dequeue; 0 < dequeue 1",
        "0 > enqueue 1; 0 < enqueue; 0 > dequeue; 0 < dequeue null",
        "0 > enqueue 1; 0 < enqueue; 0 > dequeue; 0 < dequeue 1; 0 > dequeue; 0 < dequeue 1",
        "0 > enqueue 1; 0 < enqueue; 0 > enqueue 2; 0 < enqueue; 0 > dequeue; 0 < dequeue 2",
        "0 > enqueue 1; 0 x enqueue; 1 > dequeue; 1 < dequeue 1",
    ];
    verdicts(Object::Queue, &good, &bad);
}

#[test]
fn what_files_from_elsewhere_contain_is_read() {
    let text = "\u{feff}\r\n\
        {\"type\": \"info\", \"process\": \"nemesis\", \"f\": \"start\", \"value\": null, \"odd\": [1]}\r\n\
        \r\n\
        {\"index\": 1, \"time\": 12.5, \"process\": -3, \"type\": \"invoke\", \"f\": \"write\", \"value\": \"\\u00e9\", \
         \"error\": [\"x\", {\"y\": null}], \"node\": \"n1\", \"key\": null}\r\n\
        {\"index\": 0, \"time\": 3, \"process\": \"client 7\", \"type\": \"invoke\", \"f\": \"read\"}\r\n\
        {\"time\": 2, \"process\": -3, \"type\": \"info\", \"f\": \"write\", \"value\": {\"any\": \"thing\"}}\r\n\
        {\"process\": \"client 7\", \"type\": \"ok\", \"f\": \"read\", \"value\": \"é\"}\r\n\
        {\"process\": 4, \"type\": \"invoke\", \"f\": \"cas\", \"value\": [\"é\", false]}\r\n\
        {\"process\": 4, \"type\": \"fail\", \"f\": \"cas\", \"value\": \"timed-out\"}";
    let finding = find(Object::Register, text);
    assert_eq!(finding.verdict, Verdict::Linearizable);
    let census = finding.census;
    assert_eq!((census.operations, census.ok, census.failed, census.unknown), (3, 1, 1, 1));
    assert_eq!((census.processes, census.keys, census.nemesis_lines), (3, 0, 1));
    let falls = |what: &str, line: usize| {
        format!("`{what}` falls at line {line}: it is not looked at, the order of the lines counts")
    };
    assert_eq!(finding.notes, [falls("index", 5), falls("time", 6)]);
}

#[test]
fn an_empty_file_is_explained_by_anything() {
    for text in ["", "\n", "\u{feff}", " \r\n\t\n"] {
        let finding = find(Object::Kv, text);
        assert_eq!(
            (finding.verdict, finding.census.operations, finding.steps),
            (Verdict::Linearizable, 0, 0)
        );
    }
}

#[test]
fn processes_that_go_on_after_info_are_accepted_on_demand() {
    let text = history("0 > write 1; 0 ? write; 0 > read; 0 < read null; 0 > read; 0 < read 1");
    check("h", text.as_bytes(), Object::Register, Reuse::Refused, BUDGET)
        .expect_err("not without being asked");
    let finding = check("h", text.as_bytes(), Object::Register, Reuse::Accepted, BUDGET).expect("on demand");
    assert_eq!(finding.verdict, Verdict::Linearizable, "the lost write takes effect between the reads");
    let pending = history("0 > write 1; 0 > read");
    check("h", pending.as_bytes(), Object::Register, Reuse::Accepted, BUDGET).expect_err("nothing ended it");
}

#[test]
fn a_violation_is_told_with_its_lines() {
    let text = history(
        "0 > write@k 1; 0 < write@k; 0 > read@j; 0 < read@j null; 3 > write@k 4; 1 > write@k 2; 1 < write@k; \
         2 > read@k; 2 < read@k 1",
    );
    let finding = find(Object::Register, &text);
    let Verdict::Violation(violation) = finding.verdict else { panic!("{finding:?}") };
    assert_eq!(violation.key.as_deref(), Some("\"k\""));
    let stuck = &violation.stuck;
    assert_eq!((stuck.process.as_str(), stuck.asked.as_str(), stuck.told.as_str()), ("2", "read", "1"));
    assert_eq!((stuck.called, stuck.returned), (8, Some(9)));
    assert!(violation.order.starts_with(&[1]) && violation.order.contains(&6), "{violation:?}");
    assert!(!violation.order.contains(&3), "another key's operations are no part of it: {violation:?}");
    assert!(violation.instead.iter().all(|told| told == "2" || told == "4"), "{violation:?}");
    assert!(!violation.instead.is_empty() && violation.is_longest, "{violation:?}");
}

#[test]
fn what_would_have_been_answered_is_told_for_every_object() {
    let cases = [
        (Object::Register, "0 > write 5; 0 < write; 0 > cas [1, 2]; 0 < cas", "not set, for 5 was there"),
        (Object::Register, "0 > read; 0 < read 1", "null"),
        (Object::Kv, "0 > put@a \"x\"; 0 < put@a; 0 > get@a; 0 < get@a \"y\"", "\"x\""),
        (Object::Bank, "0 > read; 0 < read {\"a\":4}; 0 > read; 0 < read {\"a\":5}", "{a: 4}"),
        (
            Object::Bank,
            "0 > read; 0 < read {\"a\":4}; 0 > transfer {\"from\":\"a\",\"to\":\"b\",\"amount\":5}; 0 < transfer",
            "refused, for there was a: 4",
        ),
        (
            Object::Bank,
            "0 > transfer {\"from\":\"a\",\"to\":\"b\",\"amount\":5}; 0 < transfer; 0 > read; 0 < read {\"b\":4}",
            "{b: 5 or more}",
        ),
        (
            Object::Lock,
            "0 > acquire; 0 < acquire 3; 1 > acquire; 1 < acquire",
            "refused, for process 0 held the lock with token 3",
        ),
        (Object::Lock, "0 > release; 0 < release", "refused, for nobody held the lock"),
        (Object::Queue, "0 > enqueue 3; 0 < enqueue; 0 > dequeue; 0 < dequeue 4", "3"),
    ];
    for (object, short, instead) in cases {
        let Verdict::Violation(violation) = find(object, &history(short)).verdict else { panic!("{short}") };
        assert_eq!(violation.instead, [instead], "{short}");
    }
}

#[test]
fn a_budget_that_ends_is_no_verdict() {
    let many: String = (0..12).map(|process| format!("{process} > write {process}; ")).collect();
    let reads: String = (0..12).map(|value| format!("20 > read; 20 < read {value}; ")).collect();
    let text = history(&format!("{many}{reads}20 > read; 20 < read 0"));
    let finding = check("h", text.as_bytes(), Object::Register, Reuse::Refused, 1).expect("it is a history");
    assert_eq!(finding.verdict, Verdict::Unknown { undecided: Vec::new() });
    let finding =
        check("h", text.as_bytes(), Object::Register, Reuse::Refused, BUDGET).expect("it is a history");
    assert!(matches!(finding.verdict, Verdict::Violation(_)), "value 0 is written once and then overwritten");
}
