//! Traitors in files: `[faults.traitor]`, their deeds by hand, and in traces.

use quarrel_formats::scenario::{Bound, Draw, Traitors, Treachery};
use quarrel_formats::{Scenario, Trace};
use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::decision::Endpoint;
use quarrel_sim::fault::{Action, Copies, Deed, Fault, Place};
use quarrel_sim::time::MILLISECOND;

const HEAD: &str = "# Four nodes.\nprotocol = \"raft\"\nnodes = 4\nduration = \"10s\"\n";

fn parse(text: &str) -> Scenario {
    let text = format!("{HEAD}{text}");
    let scenario =
        Scenario::parse("test", "a.toml", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    scenario.check(&crate::words::vocabulary()).unwrap_or_else(|error| panic!("{error}"));
    scenario
}

#[test]
fn traitors_are_numbered_or_named() {
    let who = |nodes: &str| {
        let table = format!("[faults.traitor]\nnodes = {nodes}\nevery = \"1s\"\nlasting = \"1s\"\n");
        parse(&table).traitor.expect("it is there").who
    };
    let (f, n) = (Bound::Tolerated, Bound::Number);
    assert_eq!(who("2"), Traitors::Between(n(2), n(2)));
    assert_eq!(who("\"f\""), Traitors::Between(f(0), f(0)));
    assert_eq!(who("\"f+1\""), Traitors::Between(f(1), f(1)));
    assert_eq!(who("\"0..f\""), Traitors::Between(n(0), f(0)));
    assert_eq!(who("\"1..3\""), Traitors::Between(n(1), n(3)));
    assert_eq!(who("\"n2\""), Traitors::Named(NodeSet(0b10)));
    assert_eq!(who("[\"n1\", \"n4\"]"), Traitors::Named(NodeSet(0b1001)));
    assert_eq!((f(1).of(2), n(1).of(2)), (3, 1));
}

#[test]
fn a_table_of_traitors_says_all_that_they_do() {
    let treason = parse(
        "[faults.traitor]\nnodes = 1\nchance = 0.5\nevery = [\"1s\", \"2s\"]\nlasting = \"3s\"\n\
         deeds = [\"replay\", \"lie\", \"delay\"]\nlies = [\"vote-twice\"]\nby = \"7ms\"\nback = 3\n",
    )
    .traitor
    .expect("it is there");
    assert_eq!(treason.deeds, [Treachery::Delay, Treachery::Replay, Treachery::Lie]);
    assert_eq!((treason.chance_ppm, treason.lies), (500_000, vec!["vote-twice".to_string()]));
    assert_eq!((treason.by_ns, treason.back), (Draw::Fixed(7 * MILLISECOND), Draw::Fixed(3)));
}

#[test]
fn deeds_by_hand_make_a_traitor() {
    let at = |deed: &str| format!("[[fault]]\nat = \"1s\"\nlasting = \"1s\"\n{deed}\n");
    let text = [
        at("mute = { node = \"n1\" }"),
        at("delay = { node = \"n1\", to = \"n2\", by = \"5ms\" }"),
        at("replay = { node = \"n1\", to = [\"n3\"], back = 2, place = \"instead\" }"),
        at("lie = { node = \"n3\", to = [\"n2\", \"n4\"], tells = \"equivocate\" }"),
        "[[fault]]\nwhen = \"n1 elected\"\ntwin = { node = \"n4\", to = [\"n1\", \"n2\"], shared = \"n2\", clients = \"both\" }\n".to_string(),
    ]
    .concat();
    let scenario = parse(&text);
    assert_eq!(scenario.scripted_traitors(), NodeSet(0b1101));
    let told: Vec<String> = scenario.timeline.iter().map(|fault| fault.action.to_string()).collect();
    assert_eq!(
        told,
        [
            "n1 says nothing to n2, n3, n4",
            "n1 sends n2 everything 5ms late",
            "n1 sends n3 an old message (no. 2 from the last) again instead of each new one",
            "n3 lies to n2, n4: equivocate",
        ]
    );
    let quarrel_sim::world::Reaction::Do(twin) = &scenario.rules[0].then else { panic!("it does something") };
    assert_eq!(twin.to_string(), "n1, n2 talk with a twin of n4, n2 with both, and clients with both");
}

/// The trace of tests, in which n2 is a traitor and has a twin.
fn trace() -> Trace {
    let mut trace = crate::sample::trace();
    let (node, to) = (NodeId(1), NodeSet::only(NodeId(0)));
    let deeds = [
        Deed::Mute,
        Deed::Delay { by_ns: 3 },
        Deed::Replay { back: 2, place: Place::Beside },
        Deed::Lie { lie: "equivocate".into() },
        Deed::Twin { shared: to, clients: Copies::Second },
    ];
    let deed = |deed| Fault { at_ns: 7, lasting_ns: Some(2), action: Action::Betray { node, to, deed } };
    trace.header.world.faults = deeds.map(deed).to_vec();
    trace.events[0].who = Some(Endpoint::Twin(node));
    trace
}

#[test]
fn deeds_and_twins_are_written_and_read_back() {
    let bytes = trace().to_bytes();
    assert_eq!(Trace::parse("a.jsonl", &bytes), Ok(trace()));
    let text = String::from_utf8(bytes).expect("a trace is text");
    assert!(
        text.contains("\"who\":\"n2'\"") && text.contains("{\"lie\":{\"lie\":\"equivocate\"}}"),
        "{text}"
    );
}

#[test]
fn a_trace_knows_who_may_have_a_twin() {
    let error_of = |change: fn(&mut Trace)| {
        let mut trace = trace();
        change(&mut trace);
        Trace::parse("a.jsonl", &trace.to_bytes()).expect_err("this is bad").to_string()
    };
    let honest = error_of(|trace| trace.events[0].who = Some(Endpoint::Twin(NodeId(0))));
    assert!(honest.contains("there is no n1'"), "{honest}");
    let core = error_of(|trace| trace.header.world.traitors = NodeSet::all(2));
    assert!(core.contains("a traitor heals never: n1"), "{core}");
    let strange = error_of(|trace| trace.header.world.traitors = NodeSet::only(NodeId(5)));
    assert!(strange.contains("n6 is not among the 2 nodes"), "{strange}");
    let many = error_of(|trace| trace.header.world.traitors = NodeSet(u64::MAX - 1));
    assert!(many.contains("n3, n4, n5, 59 more are not among the 2 nodes"), "{many}");
    // Who does what traitors do is one.
    let loyal = error_of(|trace| trace.header.world.traitors = NodeSet::EMPTY);
    assert!(loyal.contains("n2 is no traitor"), "{loyal}");
}
