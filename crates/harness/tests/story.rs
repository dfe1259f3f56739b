//! The views of a trace: what they tell of real failures, and that nothing in a trace breaks them.

use quarrel_formats::Scenario;
use quarrel_formats::trace::{Judgement, Trace};
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::Registry;
use quarrel_harness::story;
use quarrel_protocol::{NodeId, NodeSet, PropertyKind};
use quarrel_sim::decision::Endpoint;
use quarrel_sim::fault::{Action, Fault, Shape};
use quarrel_sim::record::TraceEffect;

const LINES: usize = 20;
const COLUMNS: usize = 110;

const RAFT: &str = r#"# A small cluster in a storm: whoever is elected is struck at once, and no term is quiet.
protocol = "raft"
nodes = NODES
duration = "3s"
healing = "0s"
[config]
election-timeout = ["50ms", "100ms"]
heartbeat = ["10ms", "20ms"]
entries-per-append = { one-of = [1, 8] }
no-op = false
[network]
latency = ["200us", "10ms"]
loss = { chance = 0.5, between = [0.002, 0.2] }
duplication = { chance = 0.5, between = [0.05, 0.2] }
delay = { chance = 0.5, between = [0.01, 0.3] }
delay-max = ["5ms", "300ms"]
[faults.crash]
chance = 0.7
every = ["100ms", "400ms"]
lasting = ["2ms", "200ms"]
[faults.partition]
chance = 0.5
every = ["100ms", "400ms"]
lasting = ["20ms", "300ms"]
[faults.leader]
chance = 0.7
on = "elected"
probability = 0.8
after = ["0ms", "40ms"]
lasting = ["10ms", "300ms"]
[workload]
operations = [5, 40]
clients = [1, 2]
every = ["20ms", "80ms"]
timeout = "60ms"
attempts = 10
"#;

const PAXOS: &str = r#"# Clients propose against each other while acceptors crash and messages go astray.
protocol = "paxos"
nodes = [3, 5]
duration = "3s"
healing = "0s"
[network]
latency = ["200us", "10ms"]
loss = { chance = 0.7, between = [0.01, 0.4] }
delay = { chance = 0.7, between = [0.01, 0.4] }
delay-max = ["5ms", "500ms"]
[disk]
sync = { chance = 0.5, between = ["50us", "10ms"] }
lost-writes = { chance = 0.75, between = [0.2, 1.0] }
[faults.crash]
chance = 0.8
every = ["10ms", "100ms"]
lasting = ["1ms", "50ms"]
[faults.partition]
chance = 0.5
every = ["50ms", "500ms"]
lasting = ["20ms", "300ms"]
[workload]
operations = [2, 6]
clients = [1, 3]
every = ["2ms", "60ms"]
timeout = "50ms"
attempts = 20
"#;

/// The first failure of a flaw that breaks a property of the paper, made small.
fn shrunk(flaw: &str) -> Trace {
    let text = match flaw.split_once('/') {
        Some(("paxos", _)) => PAXOS.to_string(),
        Some((_, "dup-vote-counted")) => RAFT.replace("NODES", "5"),
        _ => RAFT.replace("NODES", "3"),
    };
    let scenario =
        Scenario::parse("story/storm", "storm.toml", text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let trial = Registry::standard()
        .trial(scenario, &[flaw.to_string()], Judges::default())
        .unwrap_or_else(|e| panic!("{e}"));
    let fails =
        |seed: &u64| trial.run(*seed).verdict().is_some_and(|verdict| verdict.kind == PropertyKind::Paper);
    let seed =
        (0..20_000).find(fails).unwrap_or_else(|| panic!("no seed shows {flaw}: this storm is too calm"));
    trial.shrink(seed, &|| false).expect("it failed").trace
}

/// All that holds of any story.
fn check_views(trace: &Trace) -> String {
    let story = story::short(trace);
    let views = [story.clone(), story::full(trace), story::diagram(trace), story::summary(trace) + "\n"];
    for view in views {
        assert!(view.ends_with('\n'), "{view}");
        for line in view.lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(!line.contains(['\u{200b}', '\u{202e}']), "{line:?}");
            assert_eq!(line.trim_end(), line, "nothing stands at the end of a line");
        }
    }
    assert!(story.lines().count() <= LINES, "{story}");
    assert!(!story::summary(trace).contains('\n'));
    assert_eq!(story, story::short(trace), "a story is a function of its trace");
    story
}

fn check_flaw(flaw: &str, tells: &[&str]) {
    let trace = shrunk(flaw);
    let story = check_views(&trace);
    assert!(story.lines().count() >= 6, "{story}");
    let Judgement::Violated(violation) = &trace.verdict.judgement else { panic!("it failed") };
    assert!(story.contains(&format!("Violated: {}\n", violation.property)), "{story}");
    assert!(story.contains(flaw), "{story}");
    for words in tells {
        assert!(story.contains(words), "`{words}` is not in\n{story}");
    }
}

#[test]
fn figure_8_is_told_as_in_the_paper() {
    check_flaw(
        "raft/commit-old-term",
        &[
            "is elected leader of term",
            "commits up to",
            " from n",
            " committed ",
            ", leader of term",
            "without it.",
        ],
    );
}

#[test]
fn the_other_flaws_of_raft_are_told() {
    check_flaw("raft/vote-not-persisted", &["are both elected leader of term", "crash", "for n"]);
    check_flaw("raft/no-uptodate-check", &["without it.", "appends", "commits up to"]);
    check_flaw("raft/dup-vote-counted", &["a second time", "elected leader of term"]);
    check_flaw("raft/unconditional-truncate", &["late", "commits up to", "AppendEntries", "without it."]);
}

#[test]
fn the_flaws_of_paxos_are_told() {
    check_flaw("paxos/own-value", &["accept v", "in ballot", "two values are chosen"]);
    check_flaw("paxos/no-accept-check", &["accept v", "promise", "two values are chosen"]);
    check_flaw("paxos/acceptor-amnesia-promise", &["crash", "restart", "accept v", "two values are chosen"]);
}

#[test]
fn a_diagram_has_a_lane_for_each_node_and_shows_what_struck() {
    let diagram = story::diagram(&shrunk("raft/vote-not-persisted"));
    let heads =
        diagram.lines().find(|line| line.trim_start().starts_with("n1 ")).expect("the lanes have heads");
    assert!(heads.contains("n2") && heads.contains("n3"), "{diagram}");
    assert!(diagram.contains("-->*") || diagram.contains("*<--"), "{diagram}");
    assert!(diagram.lines().any(|line| line.contains(" X ") && line.contains("crash")), "{diagram}");
    assert!(diagram.lines().any(|line| line.contains('^') && line.contains("restarts")), "{diagram}");
    assert!(diagram.is_ascii(), "{diagram}");
}

#[test]
fn the_full_view_has_every_event() {
    let trace = shrunk("paxos/no-accept-check");
    let full = story::full(&trace);
    for event in &trace.events {
        assert!(full.contains(&format!("#{} ", event.n)), "event {} in\n{full}", event.n);
    }
    for word in ["[held]", "deliver from n", "(#", "* announce: ", "  request   "] {
        assert!(full.contains(word), "`{word}` is not in\n{full}");
    }
}

#[test]
fn a_run_that_held_has_a_story_too() {
    let mut trace = shrunk("raft/no-uptodate-check");
    trace.verdict.judgement = Judgement::Held;
    assert!(check_views(&trace).ends_with("All properties hold.\n"));
    assert_eq!(story::summary(&trace), "all properties hold");
    trace.events.clear();
    assert!(check_views(&trace).lines().count() <= 3);
}

/// A few bits at a time of a fixed stream.
struct Stream(u64);

impl Stream {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn word(&mut self) -> String {
        const WORDS: [&str; 15] = [
            "",
            "n1",
            "n64, n2",
            "crashes",
            "n3 crashes, losing everything",
            "é\u{1b}[2J\n\t",
            "late 99999999999us",
            "lost",
            "twice late 1us 2us",
            "held",
            "1.99999999999999s .5 .",
            "is",
            "a-very-long-word-",
            "4@2 v7",
            "\u{202e}7\u{200b}",
        ];
        let word = WORDS[self.below(WORDS.len())];
        word.repeat(1 + self.below(12) * self.below(4))
    }

    fn endpoint(&mut self) -> Option<Endpoint> {
        const NAMES: [&str; 6] = ["n1", "n2", "n64", "c1", "c255", "nobody"];
        NAMES[self.below(NAMES.len())].parse().ok()
    }

    fn number(&mut self) -> u64 {
        [0, 1, 7, 1_000_000, u64::MAX][self.below(5)]
    }

    fn fault(&mut self) -> Fault {
        let set = NodeSet([0, 1, 6, u64::MAX][self.below(4)]);
        let action = match self.below(11) {
            0 => Action::Crash { nodes: set },
            1 => Action::CrashAtWrite { node: NodeId(63), write: 0 },
            2 => Action::Partition { shape: Shape::Isolate, cuts: vec![(set, set); self.below(3)] },
            3 => Action::Clog { links: vec![(set, NodeSet(2)); self.below(9)] },
            4 => Action::Lose { kind: self.word(), from: set, to: set },
            5 => Action::Expire { node: NodeId(9), timer: self.word() },
            6 => Action::LyingDisk { nodes: set },
            7 => Action::FullDisk { nodes: set },
            8 => Action::BitRot { node: NodeId(63), record: 0 },
            9 => Action::ClockJump { node: NodeId(9), by_ns: i64::MIN },
            _ => Action::Pause { nodes: set },
        };
        let lasting_ns = Some(self.number()).filter(|_| self.below(2) == 0);
        Fault { at_ns: self.number(), lasting_ns, action }
    }
}

/// Makes nonsense of a trace.
fn disturb(trace: &mut Trace, stream: &mut Stream) {
    const KINDS: [&str; 13] = [
        "boot", "deliver", "timer", "request", "answer", "ask", "sync", "crash", "restart", "damage",
        "fault", "heal", "?",
    ];
    const EFFECTS: [&str; 7] = ["announce", "send", "crash", "output", "reply", "full", "?"];
    trace.events.truncate(stream.below(60));
    trace.header.world.nodes = [1, 3, 13, 64][stream.below(4)];
    trace.header.world.faults = (0..stream.below(6)).map(|_| stream.fault()).collect();
    for event in &mut trace.events {
        if stream.below(3) > 0 {
            continue;
        }
        event.kind = KINDS[stream.below(KINDS.len())].into();
        (event.who, event.from) = (stream.endpoint(), stream.endpoint());
        (event.n, event.at, event.what) = (stream.number(), stream.number(), stream.word());
        event.cause = Some(stream.number()).filter(|_| stream.below(2) == 0);
        let effects = (0..stream.below(4)).map(|_| TraceEffect {
            kind: EFFECTS[stream.below(EFFECTS.len())].into(),
            what: stream.word(),
            to: stream.endpoint(),
            fate: Some(stream.word()).filter(|_| stream.below(2) == 0),
            milestone: stream.below(2) == 0,
        });
        event.effects = effects.collect();
        let told =
            |fault: &&Fault| !matches!(&fault.action, Action::Partition { cuts, .. } if cuts.is_empty());
        if let Some(fault) = trace.header.world.faults.iter().find(told).filter(|_| stream.below(2) == 0) {
            (event.kind, event.at, event.what) = ("fault".into(), fault.at_ns, fault.to_string());
        }
    }
    if let Judgement::Violated(violation) = &mut trace.verdict.judgement {
        (violation.detail, violation.property) = (stream.word() + ", but " + &stream.word(), stream.word());
    }
    (trace.header.scenario, trace.header.protocol) = (stream.word(), stream.word());
    trace.verdict.at_ns = stream.number();
}

#[test]
fn nothing_in_a_trace_breaks_a_view() {
    let samples = [shrunk("raft/no-uptodate-check"), shrunk("paxos/no-accept-check")];
    let mut stream = Stream(1);
    for round in 0..300 {
        let mut trace = samples[round % samples.len()].clone();
        disturb(&mut trace, &mut stream);
        check_views(&trace);
    }
}
