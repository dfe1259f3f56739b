//! Whatever the bytes are, reading them ends in a value or an error: never in a panic, never in a page of output.

use proptest::collection::vec;
use proptest::prelude::*;
use quarrel_formats::history::{Object, Reuse, check};
use quarrel_formats::{InputError, Scenario, Trace};

use crate::{sample, words};

const FULL: &[u8] = include_bytes!("full.toml");
const LIVELY: &[u8] = include_bytes!("lively.toml");
const HISTORIES: [&[u8]; 5] = [
    include_bytes!("histories/register.jsonl"),
    include_bytes!("histories/kv.jsonl"),
    include_bytes!("histories/bank.jsonl"),
    include_bytes!("histories/lock.jsonl"),
    include_bytes!("histories/queue.jsonl"),
];

/// What an error may print at most: a line of message, one of help, and an excerpt.
const ERROR_BYTES_MAX: usize = 3_000;

fn is_short(error: &InputError) {
    let text = error.to_string();
    assert!(text.len() < ERROR_BYTES_MAX && text.lines().count() <= 7, "{text}");
    assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
}

fn read_scenario(bytes: &[u8]) {
    let read =
        Scenario::parse("x", "x.toml", bytes).and_then(|scenario| scenario.check(&words::vocabulary()));
    read.unwrap_or_else(|error| is_short(&error));
}

fn read_history(bytes: &[u8]) {
    for object in Object::ALL {
        for reuse in [Reuse::Refused, Reuse::Accepted] {
            let checked = check("x.jsonl", bytes, object, reuse, 1_000);
            checked.map(|_| ()).unwrap_or_else(|error| is_short(&error));
        }
    }
}

fn read_trace(bytes: &[u8]) {
    match Trace::parse("x.jsonl", bytes) {
        Ok(trace) => assert_eq!(Trace::parse("x.jsonl", &trace.to_bytes()), Ok(trace)),
        Err(error) => is_short(&error),
    }
}

/// One change of a valid input: at a place (parts per 65,536 of its length), so many bytes replaced by these.
type Change = (u16, usize, Vec<u8>);

fn changed(input: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for (place, removed, added) in changes {
        let start = bytes.len() * usize::from(*place) / 65_536;
        let end = (start + removed).min(bytes.len());
        bytes.splice(start..end, added.iter().copied());
    }
    bytes
}

/// Bytes that mean something to one of the parsers, and some that do not.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let known = "[ ] { } [[ ]] = . , # \" ' \"\"\" ''' \\ : \n \r \t 0 -1 1.5 1e9 nan true \"n9\" \"it\" \"all\" n65 \
                 99999999999999999999 null \u{0} \u{7f} \u{feff} \u{202e} 日本";
    let known: Vec<Vec<u8>> = known.split(' ').map(|piece| piece.as_bytes().to_vec()).collect();
    prop_oneof![4 => prop::sample::select(known), 1 => vec(any::<u8>(), 0..4)]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    vec((any::<u16>(), 0_usize..12, pieces()), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_read_to_an_end(bytes in vec(any::<u8>(), 0..400)) {
        read_scenario(&bytes);
        read_trace(&bytes);
        read_history(&bytes);
    }

    #[test]
    fn arbitrary_pieces_are_read_to_an_end(pieces in vec(pieces(), 0..60)) {
        let bytes = pieces.concat();
        read_scenario(&bytes);
        read_trace(&bytes);
        read_history(&bytes);
    }

    #[test]
    fn arbitrary_text_is_read_to_an_end(text in "\\PC{0,200}") {
        read_scenario(text.as_bytes());
        read_trace(text.as_bytes());
        read_history(text.as_bytes());
    }

    #[test]
    fn a_changed_scenario_is_read_to_an_end(changes in changes()) {
        read_scenario(&changed(FULL, &changes));
        read_scenario(&changed(LIVELY, &changes));
    }

    #[test]
    fn a_changed_trace_is_read_to_an_end(changes in changes()) {
        read_trace(&changed(&sample::trace().to_bytes(), &changes));
    }

    #[test]
    fn a_changed_history_is_read_to_an_end(which in 0..HISTORIES.len(), changes in changes()) {
        read_history(&changed(HISTORIES[which], &changes));
    }

    #[test]
    fn anything_can_be_set(key in "[a-z.-]{0,20}|network\\.(loss|order)|nodes|operator(\\.(chance|every|asks))?|order|fault|faults\\.crash\\.every|config\\.x|workload\\.(machine|keys|closed-loop|think|pending)|liveness(\\.(core|outsiders|stay|rounds))?", value in "\\PC{0,30}|[0-9.{}=\\[\\],\"a-z]{0,20}") {
        for file in [FULL, LIVELY] {
            let read = Scenario::parse_with("x", "x.toml", file, &[(key.clone(), value.clone())]);
            read.map(|_| ()).unwrap_or_else(|error| is_short(&error));
        }
    }
}
