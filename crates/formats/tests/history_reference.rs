//! The reference of histories is true: its example is read, and every key and operation that the reader knows is in it.

use quarrel_formats::history::{Object, Reuse, Verdict, check};

const REFERENCE: &str = include_str!("../README.md");

fn chapter() -> &'static str {
    REFERENCE.split_once("# Writing a history\n").expect("there is a chapter").1
}

#[test]
fn the_example_is_a_history() {
    let (_, rest) = chapter().split_once("```json\n").expect("there is an example");
    let (example, _) = rest.split_once("```").expect("it ends");
    let finding = check("README.md", example.as_bytes(), Object::Register, Reuse::Refused, 1_000);
    let finding = finding.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((finding.verdict, finding.census.operations), (Verdict::Linearizable, 2));
}

/// The words in quotes behind `start`, up to the end of the list.
fn words<'a>(source: &'a str, start: &str) -> Vec<&'a str> {
    let (_, rest) = source.split_once(start).expect(start);
    let list = rest.split(']').next().expect("it ends");
    list.split('"').skip(1).step_by(2).collect()
}

#[test]
fn every_key_and_every_operation_is_explained() {
    let event = include_str!("../src/history/event.rs");
    let mut known = words(event, "const KEYS: [&str; 7] = [");
    known.extend(words(event, "const REMARKS: [&str; 7] = ["));
    known.extend(words(event, "const NEMESIS: [&str; 2] = [").iter().take(1));
    let object = include_str!("../src/history/object.rs");
    for list in object.split("=> {\n                &[").chain(object.split("=> &[")).skip(1) {
        known.extend(list.split(']').next().expect("it ends").split('"').skip(1).step_by(2));
    }
    known.extend(Object::ALL.map(Object::name));
    assert!(known.len() > 30, "the reader's words are found: {known:?}");
    for word in known {
        let is_there =
            chapter().contains(&format!("`{word}`")) || chapter().contains(&format!("`\"{word}\"`"));
        assert!(is_there, "crates/formats/README.md does not explain `{word}`");
    }
    for field in ["from", "to", "amount"] {
        assert!(chapter().contains(&format!("\"{field}\": ")), "{field}");
    }
}
