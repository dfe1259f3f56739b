//! Every class of bad input, with the exact error. The cases are in `bad-scenarios.txt`; `cargo xtask bless` rewrites
//! the errors there.
#![allow(clippy::disallowed_methods, reason = "a golden file is read, and written when it is blessed")]

use quarrel_formats::{InputError, Scenario};

use crate::words;

/// What most cases begin with: `@` stands for it.
const HEAD: &str = "# Five nodes.\nprotocol = \"raft\"\nnodes = 5\nduration = \"10s\"\n";

/// Parses and checks a scenario; `--set` lines at its end are taken as such.
fn read(input: &str) -> Result<Scenario, InputError> {
    let text = input.replacen("@\n", HEAD, 1);
    let (text, sets) = match text.find("--set ") {
        Some(at) => text.split_at(at),
        None => (text.as_str(), ""),
    };
    let sets = sets.lines().map(|line| line.trim_start_matches("--set ").split_once('=').expect("key=value"));
    let sets: Vec<_> = sets.map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let scenario = Scenario::parse_with("test", "a.toml", text.as_bytes(), &sets)?;
    scenario.check(&words::vocabulary())?;
    Ok(scenario)
}

#[test]
fn every_bad_input_is_an_error_that_points_at_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad-scenarios.txt");
    let golden = std::fs::read_to_string(path).expect("the cases are there");
    let mut cases = golden.split("\n=== ");
    let mut blessed = cases.next().expect("the file says what it is").to_string();
    for case in cases {
        let (name, rest) = case.split_once('\n').expect("a name");
        let (input, expected) = rest.split_once("---\n").expect("input and error");
        let error = read(input).map(|_| "no error".to_string()).unwrap_or_else(|error| error.to_string());
        blessed.push_str(&format!("\n=== {name}\n{input}---\n{error}\n"));
        if std::env::var_os("QUARREL_BLESS").is_none() {
            assert_eq!(error.trim_end(), expected.trim_end(), "{name}");
        }
    }
    if std::env::var_os("QUARREL_BLESS").is_some() {
        std::fs::write(path, blessed).expect("the golden file can be written");
    }
}

fn error_of(bytes: &[u8]) -> String {
    Scenario::parse("test", "a.toml", bytes).expect_err("this is bad").to_string()
}

#[test]
fn a_hundred_thousand_nested_brackets_are_refused_at_once() {
    for open in ["[", "{", "{a=", "[{a.a.a=", "[\n", "[[a]]\nb=["] {
        let text = format!("# x\na = {}", open.repeat(100_000));
        let error = error_of(text.as_bytes());
        assert!(error.starts_with("a.toml:") && error.len() < 600, "{error}");
    }
    let nested = format!("# x\na = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let expected = format!(
        "a.toml:2:37: brackets are nested more than 32 deep\n  |\n2 | a = {}...\n  |     {}^",
        "[".repeat(96),
        " ".repeat(32)
    );
    assert_eq!(error_of(nested.as_bytes()), expected);
}

#[test]
fn the_product_of_brackets_and_dots_is_bounded_too() {
    let text = format!("# x\nz = {}1{}", "{a.a.a.a.a.a.a.a.a=".repeat(32), "}".repeat(32));
    assert!(error_of(text.as_bytes()).contains("there is no key `z`"));
    let text = format!("# x\n{}a = 1", "a.".repeat(100_000));
    assert!(error_of(text.as_bytes()).contains("a dotted key has more than 8 dots"));
}

#[test]
fn what_is_no_text_is_refused() {
    let binary: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    assert!(error_of(&binary).starts_with("a.toml:1:1: ") || error_of(&binary).contains("UTF-8"));
    assert_eq!(
        error_of(b"# x\nnodes = \xff\xfe\n"),
        "a.toml:2:9: this is not text in UTF-8\n  |\n2 | nodes = \u{fffd}\u{fffd}\n  |         ^"
    );
    assert_eq!(
        error_of(b"# x\nprotocol = \"r\0ft\"\n"),
        "a.toml:2:14: this is not text: it holds a NUL character\n  |\n2 | protocol = \"r\u{2400}ft\"\n  |              ^"
    );
    for empty in ["", "\n\n", " \t\r\n", "\u{feff}", "\u{feff}\n"] {
        assert_eq!(error_of(empty.as_bytes()), "a.toml:1:1: the file is empty\n  |\n1 |\n  | ^", "{empty:?}");
    }
}

#[test]
fn a_large_file_is_refused_unread() {
    let text = "#".repeat((1 << 20) + 1);
    assert_eq!(error_of(text.as_bytes()), "a.toml: a scenario has at most 1048576 bytes, this has 1048577");
}

#[test]
fn a_long_line_is_cropped() {
    let text = format!("# x\nprotocol = \"{}\" nodes = 3\n", "日本語\t".repeat(100_000));
    let error = error_of(text.as_bytes());
    assert!(error.len() < 1_000, "{} bytes", error.len());
    let name = "x".repeat(500_000);
    let error = error_of(format!("# x\n{name} = 1\n").as_bytes());
    assert!(error.len() < 1_000, "{} bytes", error.len());
    let error =
        read(&format!("@\n[[expect]]\nviolates = \"{name}\"\n")).expect_err("this is bad").to_string();
    assert!(error.len() < 2_000, "{} bytes", error.len());
}

#[test]
fn a_byte_order_mark_and_carriage_returns_change_nothing() {
    let text = format!("\u{feff}{HEAD}").replace('\n', "\r\n");
    let scenario = Scenario::parse("test", "a.toml", text.as_bytes()).expect("this is fine");
    assert_eq!(scenario.about, ["Five nodes."]);
    let error = error_of(text.replace("nodes = 5", "nodes = 500").as_bytes());
    assert_eq!(
        error,
        "a.toml:3:9: expected a whole number from 1 to 64\n  |\n3 | nodes = 500\n  |         ^^^"
    );
}

#[test]
fn a_full_megabyte_is_read_in_no_time() {
    let entry = "[[fault]]\nat = \"1s\"\ncrash = \"n1\"\n";
    let decision =
        |nth: usize| format!("[[decision]]\nkind = \"sync\"\nfrom = \"n1\"\nnth = {nth}\nanswer = \"5ns\"\n");
    let text = format!("{HEAD}{}", entry.repeat(1_000_000 / entry.len()));
    assert!(
        Scenario::parse("test", "a.toml", text.as_bytes()).expect("this is fine").timeline.len() > 25_000
    );
    let text = format!("{HEAD}{}", (1..16_000).map(decision).collect::<String>());
    assert_eq!(
        Scenario::parse("test", "a.toml", text.as_bytes()).expect("this is fine").decisions.len(),
        15_999
    );
}

#[test]
fn a_known_finding_that_nothing_can_meet_is_refused() {
    let error = |finding: &str| {
        let text = format!("{HEAD}\n[[expect]]\nknown = [\"{finding}\"]\n");
        let scenario = Scenario::parse("test", "a.toml", text.as_bytes());
        scenario.map_or_else(|error| error.to_string(), |_| "no error".to_string())
    };
    assert!(error("liveness: nonsense").starts_with("a.toml:7:10: liveness is never violated as `nonsense`"));
    assert!(error("liveness: blokced").contains("did you mean `blocked`?"));
    assert!(error("panic: ").starts_with("a.toml:7:10: nothing stands behind `panic:`"));
    assert!(error("events-limit: here").contains("events-limit has only one signature, its name"));
    for fine in ["liveness: never done", "liveness", "panic: no such peer #, at a-1.0.0/src/b.rs:7", "panic"]
    {
        assert_eq!(error(fine), "no error", "{fine}");
    }
}

#[test]
fn a_missing_comment_is_the_last_thing_to_complain_of() {
    let text = "protocol = \"raft\"\nnodes = 3\nduration = \"1s\"\n[[expect]]\nviolates = \"nonsense\"\n";
    let error = read(text).expect_err("this is bad").to_string();
    assert!(error.starts_with("a.toml:5:12: raft has no property"), "{error}");
}
