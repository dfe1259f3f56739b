//! What there is.

use super::{folder, json, text};

#[test]
fn everything_is_listed_with_what_it_is() {
    let folder = folder();
    let cases = [
        ("protocols", "raft", 2),
        ("flaws", "raft/commit-old-term", 8),
        ("invariants", "paxos/agreement", 10),
        ("faults", "partition", 16),
        ("scenarios", "raft/figure-8", 15),
    ];
    for (what, name, least) in cases {
        let (listing, code) = json(folder.path(), &format!("list {what}"));
        assert_eq!(code, 0);
        let items = listing[what].as_array().expect("it is a list");
        assert!(items.len() >= least, "{what}: {}", items.len());
        assert!(items.iter().any(|item| item["name"] == name), "{what} has {name}");
        assert!(
            items.iter().all(|item| item["about"].as_str().is_some_and(|about| !about.is_empty())),
            "{what}"
        );
        let told = text(folder.path(), &format!("list {what}"), 0);
        assert!(told.contains(name), "{told}");
        assert!(told.lines().all(|line| line.chars().count() <= 110), "{told}");
    }
}

#[test]
fn help_fits_a_terminal_and_documents_the_json() {
    let folder = folder();
    for command in ["run", "campaign", "replay", "shrink", "view", "compare", "list"] {
        let told = text(folder.path(), &format!("{command} --help"), 0);
        assert!(told.contains("With --format json, one object"), "{told}");
        assert!(told.lines().all(|line| line.chars().count() <= 110), "{told}");
    }
}

#[test]
fn flaws_say_where_they_come_from() {
    let (listing, _) = json(folder().path(), "list flaws");
    for flaw in listing["flaws"].as_array().expect("it is a list") {
        for word in ["breaks", "needs", "source"] {
            assert!(flaw[word].as_str().is_some_and(|text| !text.is_empty()), "{word}: {flaw}");
        }
    }
}
