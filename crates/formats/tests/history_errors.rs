//! Every way in which a history can be wrong: said with file, line and column, and what may have been meant.

use quarrel_formats::InputError;
use quarrel_formats::history::{Object, Reuse, check};

fn error(object: Object, text: &[u8]) -> InputError {
    let shown = String::from_utf8_lossy(text);
    check("h.jsonl", text, object, Reuse::Refused, 1_000).expect_err(&shown)
}

/// Lines without their braces: an object, what is wrong and where, and a word of the help.
const CASES: &[(Object, &[&str], &str, &str, &str)] = &[
    // No JSON.
    (R, &["{"], "1:2", "the line is cut off: expected a key in double quotes", ""),
    (R, &["", "  ", "{}x"], "3:3", "something follows the object; one object to a line", ""),
    (R, &["[1]"], "1:1", "a line of a history is an object, found a list", "\"type\":\"invoke\""),
    (R, &["[{\"process\":0},"], "1:16", "the line is cut off: expected a JSON value", "jq -c"),
    (R, &["{:process 0, :type :invoke}"], "1:2", "expected a key in double quotes, found `:`", "EDN"),
    (R, &["{\"process\":0,\"process\":1}"], "1:14", "the key `process` stands here twice", ""),
    (R, &["{\"process\":0,\"value\":{\"a\":1,\"a\":2}}"], "1:29", "the key `a` stands here twice", ""),
    // No line of a history.
    (R, &["{}"], "1:1", "this line has no `process`", ""),
    (R, &["{\"process\":0,\"f\":\"read\"}"], "1:1", "this line has no `type`", ""),
    (R, &["{\"process\":0,\"type\":\"invoke\"}"], "1:1", "this line has no `f`", ""),
    (R, &["{\"process\":0,\"typ\":\"invoke\"}"], "1:14", "there is no key `typ`", "did you mean `type`?"),
    (R, &["{\"quarrel\":\"trace\"}"], "1:2", "there is no key `quarrel`", "this is a trace"),
    (R, &["{\"process\":0,\"weather\":\"fine\"}"], "1:14", "there is no key `weather`", "process, type, f"),
    (
        R,
        &["P,\"type\":\"invok\",\"f\":\"read\"}"],
        "1:21",
        "there is no type `invok`",
        "did you mean `invoke`?",
    ),
    (
        R,
        &["P,\"type\":\"begin\",\"f\":\"read\"}"],
        "1:21",
        "there is no type `begin`",
        "invoke, ok, fail, info",
    ),
    (R, &["P,\"type\":1,\"f\":\"read\"}"], "1:21", "`type` is a string, found a number", ""),
    (R, &["P,\"type\":\"invoke\",\"f\":null}"], "1:34", "`f` is a string, found null", ""),
    (
        R,
        &["{\"process\":1.5,\"type\":\"ok\",\"f\":\"read\"}"],
        "1:12",
        "a process is a whole number of at most 64 bits, or a name",
        "",
    ),
    (
        R,
        &["{\"process\":null,\"type\":\"ok\",\"f\":\"read\"}"],
        "1:12",
        "a process is a whole number or a name",
        "",
    ),
    (
        R,
        &["{\"process\":\"\",\"type\":\"ok\",\"f\":\"read\"}"],
        "1:12",
        "this name of a process is empty",
        "",
    ),
    (R, &["I \"read\",\"index\":1.5}"], "1:49", "`index` is a whole number", ""),
    (R, &["I \"read\",\"time\":\"noon\"}"], "1:48", "`time` is a number", ""),
    // No operation of the object.
    (R, &["I \"raed\"}"], "1:34", "a register has no operation `raed`", "did you mean `read`?"),
    (R, &["I \"enqueue\",\"value\":1}"], "1:34", "a register has no operation `enqueue`", "--model queue"),
    (R, &["I \"sing\"}"], "1:34", "a register has no operation `sing`", "there are read, write, cas"),
    (R, &["I \"read\",\"value\":3}"], "1:49", "`read` asks with a value", "`ok` line"),
    (R, &["I \"write\"}"], "1:34", "`write` has no `value`", ""),
    (
        R,
        &["I \"write\",\"value\":[1,2]}"],
        "1:50",
        "what is written is a string, a number, true or false; found a list",
        "",
    ),
    (
        R,
        &["I \"write\",\"value\":1e99999999999999999999}"],
        "1:50",
        "the exponent of this number is out of all bounds",
        "",
    ),
    (R, &["I \"cas\",\"value\":1}"], "1:48", "the value of `cas` is a list of two: [old, new]", ""),
    (R, &["I \"cas\",\"value\":[1,2,3]}"], "1:48", "the value of `cas` is a list of two: [old, new]", ""),
    (
        R,
        &["I \"cas\",\"value\":[1,{}]}"],
        "1:51",
        "what is set is a string, a number, true or false; found an object",
        "",
    ),
    (K, &["I \"get\"}"], "1:34", "`get` has no `key`", ""),
    (
        K,
        &["I \"put\",\"key\":\"a\",\"value\":true}"],
        "1:58",
        "the value of a kv is a string or a whole number, found true or false",
        "",
    ),
    (
        K,
        &["I \"put\",\"key\":\"a\",\"value\":1.5}"],
        "1:58",
        "the value of a kv is a string or a whole number, found a number",
        "",
    ),
    (
        K,
        &["I \"put\",\"key\":[],\"value\":\"\"}"],
        "1:46",
        "a key is a string, a number, true or false; found a list",
        "",
    ),
    (B, &["I \"transfer\",\"value\":3}"], "1:53", TRANSFER, ""),
    (B, &["I \"transfer\",\"value\":{\"from\":1,\"to\":2}}"], "1:53", TRANSFER, ""),
    (B, &["I \"transfer\",\"value\":{\"from\":1,\"to\":2,\"sum\":2}}"], "1:70", TRANSFER, ""),
    (
        B,
        &["I \"transfer\",\"value\":{\"from\":1,\"to\":2,\"amount\":-2}}"],
        "1:79",
        "an amount is not negative",
        "",
    ),
    (
        B,
        &["I \"transfer\",\"value\":{\"from\":1,\"to\":2,\"amount\":1e3}}"],
        "1:79",
        "an amount is a whole number of at most 64 bits",
        "",
    ),
    (
        B,
        &["I \"transfer\",\"value\":{\"from\":1,\"to\":null,\"amount\":2}}"],
        "1:68",
        "an account is a string or a whole number, found null",
        "",
    ),
    (B, &["I \"read\",\"key\":1}"], "1:47", "a bank has no keys", ""),
    (
        B,
        &["I \"read\"}", "O \"read\",\"value\":[1]}"],
        "2:45",
        "a `read` sees {\"account\": balance, ...}, found a list",
        "",
    ),
    (
        B,
        &["I \"read\"}", "O \"read\",\"value\":{\"a\":\"x\"}}"],
        "2:50",
        "a balance is a whole number, found a string",
        "",
    ),
    (L, &["I \"release\",\"value\":\"x\"}"], "1:52", "a token is a whole number, found a string", ""),
    (
        L,
        &["I \"acquire\"}", "O \"acquire\",\"value\":1.5}"],
        "2:48",
        "a token is a whole number of at most 64 bits",
        "",
    ),
    (
        Q,
        &["I \"enqueue\",\"value\":null}"],
        "1:52",
        "null cannot be enqueued: a `dequeue` answers null when the queue is empty",
        "",
    ),
    // Lines that do not go together.
    (
        R,
        &["O \"read\",\"value\":1}"],
        "1:12",
        "`ok` without an invocation: process 0 has nothing pending",
        "",
    ),
    (
        R,
        &["{\"process\":\"admin\",\"type\":\"info\",\"f\":\"kill\"}"],
        "1:12",
        "`info` without an invocation: process \"admin\" has nothing pending",
        "nemesis",
    ),
    (
        R,
        &["I \"read\"}", "I \"read\"}"],
        "2:12",
        "process 0 asks again while its operation of line 1 is pending",
        "`info` line",
    ),
    (
        R,
        &["I \"read\"}", "U \"read\"}", "I \"read\"}"],
        "3:12",
        "process 0 asks again, but its operation of line 1 ended in `info` on line 2",
        "--reuse-processes",
    ),
    (
        R,
        &["I \"read\"}", "U \"read\"}", "O \"read\",\"value\":1}"],
        "3:12",
        "`ok` without an invocation: the operation of process 0 of line 1 ended in `info` on line 2",
        "",
    ),
    (
        R,
        &["I \"read\"}", "O \"read\",\"value\":1}", "O \"read\",\"value\":1}"],
        "3:12",
        "`ok` without an invocation: process 0 has nothing pending",
        "",
    ),
    (
        R,
        &["I \"read\"}", "O \"write\",\"value\":1}"],
        "2:30",
        "this completes `write`, but line 1 asks `read`",
        "",
    ),
    (
        R,
        &["I \"read\"}", "O \"read\"}"],
        "2:30",
        "this `read` saw nothing: there is no `value`",
        "\"value\":null",
    ),
    (
        R,
        &["I \"write\",\"value\":3}", "O \"write\",\"value\":4}"],
        "2:46",
        "this contradicts what was asked: write 3",
        "",
    ),
    (
        R,
        &["I \"write\",\"value\":3}", "O \"write\",\"value\":\"3\"}"],
        "2:46",
        "this contradicts what was asked: write 3",
        "",
    ),
    (
        R,
        &["I \"cas\",\"value\":[1,2]}", "O \"cas\",\"value\":[2,1]}"],
        "2:44",
        "this contradicts what was asked: cas 1 to 2",
        "",
    ),
    (
        R,
        &["I \"read\",\"key\":1}", "O \"read\",\"key\":2,\"value\":1}"],
        "2:43",
        "another key than line 1 has: 1",
        "",
    ),
    (
        R,
        &["I \"read\"}", "O \"read\",\"key\":2,\"value\":1}"],
        "2:43",
        "here is a key, and line 1 has none",
        "",
    ),
    (
        R,
        &["I \"read\",\"key\":1}", "O \"read\",\"value\":1}", "I \"read\"}"],
        "3:34",
        "`read` has no `key`, as line 1 has",
        "or none does",
    ),
    (
        R,
        &["I \"read\"}", "O \"read\",\"value\":1}", "I \"read\",\"key\":1}"],
        "3:47",
        "here is a key, and line 1 has none",
        "or none does",
    ),
    (
        K,
        &["I \"append\",\"key\":1,\"value\":\"x\"}", "O \"append\",\"value\":\"y\"}"],
        "2:47",
        "this contradicts what was asked: append \"x\"",
        "",
    ),
    (
        B,
        &[
            "I \"transfer\",\"value\":{\"from\":1,\"to\":2,\"amount\":2}}",
            "O \"transfer\",\"value\":{\"from\":1,\"to\":2,\"amount\":3}}",
        ],
        "2:49",
        "this contradicts what was asked: transfer 2 from 1 to 2",
        "",
    ),
    (
        L,
        &["I \"release\",\"value\":1}", "O \"release\",\"value\":2}"],
        "2:48",
        "this contradicts what was asked: another token was released",
        "",
    ),
];

const R: Object = Object::Register;
const K: Object = Object::Kv;
const B: Object = Object::Bank;
const L: Object = Object::Lock;
const Q: Object = Object::Queue;
const TRANSFER: &str = "the value of `transfer` is {\"from\": account, \"to\": account, \"amount\": number}";

/// `I`, `O`, `U` begin an invocation, an answer, an unknown outcome of process 0; `P` any line of it.
fn line(short: &str) -> String {
    let begin = |kind: &str, rest: &str| format!("{{\"process\":0,\"type\":\"{kind}\",\"f\":{rest}");
    match short.split_once(' ') {
        Some(("I", rest)) => begin("invoke", rest),
        Some(("O", rest)) => begin("ok", rest),
        Some(("U", rest)) => begin("info", rest),
        _ => short.strip_prefix('P').map_or(short.to_string(), |rest| format!("{{\"process\":0{rest}")),
    }
}

#[test]
fn every_error_names_its_place() {
    for (object, lines, place, message, help) in CASES {
        let text: Vec<String> = lines.iter().map(|short| line(short)).collect();
        // The same with the line ends of another system, and with a byte order mark.
        for text in [text.join("\n"), format!("\u{feff}{}\r\n", text.join("\r\n"))] {
            let error = error(*object, text.as_bytes());
            let at = format!("{}:{}", error.line().unwrap_or(0), error.column().unwrap_or(0));
            assert_eq!((at.as_str(), error.message()), (*place, *message), "{text}");
            assert!(error.help().unwrap_or("").contains(help), "{error}");
            assert_eq!(error.help().is_some(), !help.is_empty(), "{error}");
            assert!(error.to_string().starts_with(&format!("h.jsonl:{place}: {message}")), "{error}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_shown() {
    let error = error(R, b"{\"process\":0}\n{\"process\":\xff}");
    assert_eq!(error.message(), "this line has no `type`");
    let error = self::error(R, b"\n{\"process\":\xff}");
    assert_eq!((error.line(), error.column(), error.message()), (Some(2), Some(12), "this is not UTF-8"));
}

#[test]
fn long_lines_make_short_errors() {
    let text = format!("{{\"process\":0,\"type\":\"{}\",\"f\":\"read\"}}", "x".repeat(1_000_000));
    let error = error(R, text.as_bytes());
    assert!(error.to_string().len() < 1_000, "{error}");
}
