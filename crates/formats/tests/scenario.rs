//! What a scenario says, read back.

use proptest::prelude::*;
use quarrel_formats::Scenario;
use quarrel_formats::scenario::{
    Draw, During, Expected, Lasts, Off, Order, Owes, Raw, Reflex, Side, Starved, Strikes, Way, WriteOrder,
    parse_duration, parse_probability, probability_text,
};
use quarrel_protocol::{ClientId, Lasting, NodeId, NodeSet};
use quarrel_sim::decision::{DecisionKind, Fate};
use quarrel_sim::fault::{Action, Shape};
use quarrel_sim::time::{MILLISECOND, SECOND, Span};
use quarrel_sim::world::{ClientPolicy, DelayShape, Reaction, When};
use quarrel_spec::machine::Kind;

use crate::words;

const FULL: &str = include_str!("full.toml");
const LIVELY: &str = include_str!("lively.toml");

fn parse(text: &str) -> Scenario {
    let scenario =
        Scenario::parse("raft/full", "full.toml", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    scenario.check(&words::vocabulary()).unwrap_or_else(|error| panic!("{error}"));
    scenario
}

fn pinned(sets: &[(&str, &str)]) -> Scenario {
    pinned_in(FULL, sets)
}

fn pinned_in(text: &str, sets: &[(&str, &str)]) -> Scenario {
    let sets: Vec<_> = sets.iter().map(|&(key, value)| (key.to_string(), value.to_string())).collect();
    let read = Scenario::parse_with("raft/full", "full.toml", text.as_bytes(), &sets);
    read.unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_frame_and_the_world_are_read() {
    let scenario = parse(FULL);
    assert_eq!(scenario.about, ["Everything a scenario can say, once.", "", "Nobody runs this one."]);
    assert_eq!((scenario.protocol.as_str(), scenario.nodes.fixed()), ("raft", Some(5)));
    assert_eq!(scenario.duration_ns, Draw::Fixed(10 * SECOND));
    assert_eq!(scenario.healing_ns, 5 * SECOND);
    assert_eq!(scenario.owes, Owes::Cells(vec!["entries-truncated".to_string()]));
    let network = &scenario.network;
    assert_eq!(network.latency_ns, Draw::Between(MILLISECOND, 10 * MILLISECOND));
    assert_eq!(
        network.loss_ppm,
        Draw::Chance { chance_ppm: 500_000, then: Box::new(Draw::Between(1, 20_000)) }
    );
    assert_eq!(network.slow_links, Draw::OneOf(vec![1, 10, 100]));
    assert_eq!(network.delay_shapes, [DelayShape::Uniform, DelayShape::Bimodal]);
    assert_eq!(scenario.disk.sync_ns, Draw::Between(0, 5 * MILLISECOND));
    assert_eq!(scenario.disk.lost_writes_ppm, Draw::Fixed(500_000));
    assert_eq!(scenario.clock.drift_ppm, Draw::Fixed(50_000));
    assert_eq!(scenario.clock.offset_ns, Draw::Between(0, 5 * SECOND));
    assert_eq!(scenario.workload.operations.most(), 200);
    assert_eq!(scenario.limits.pending_max, 50_000);
    assert_eq!((scenario.floor.nodes_min, scenario.floor.medians["crash"]), (Some(3), 1));
}

#[test]
fn recurring_faults_come_in_the_order_of_their_classes() {
    let scenario = parse(FULL);
    let names: Vec<_> = scenario.recurring.iter().map(|recurring| recurring.strikes.name()).collect();
    let expected = [
        "crash",
        "crash-all",
        "crash-at-write",
        "pause",
        "wipe",
        "partition",
        "clog",
        "swizzle",
        "aimed-loss",
        "clock",
        "slow-disk",
    ];
    assert_eq!(names, expected);
    assert_eq!(scenario.recurring[0].chance_ppm, 500_000);
    assert_eq!(
        scenario.recurring[5].strikes,
        Strikes::Partition { shapes: vec![Shape::Halves, Shape::Ring] }
    );
    assert_eq!(scenario.recurring[1].chance_ppm, 1_000_000);
    let leader = scenario.leader.expect("somebody watches");
    assert_eq!(leader.on, [When { node: None, event: "elected".to_string(), fields: vec![], nth: None }]);
    assert_eq!(leader.after_ns, (500_000, 100 * MILLISECOND));
    assert_eq!(leader.actions, [Reflex::Isolate, Reflex::Pause]);
}

#[test]
fn the_timeline_becomes_faults_and_rules() {
    let scenario = parse(FULL);
    let (n1, n2) = (NodeSet::only(NodeId(0)), NodeSet::only(NodeId(1)));
    let actions: Vec<_> = scenario.timeline.iter().map(|fault| fault.action.clone()).collect();
    let expected = [
        Action::Crash { nodes: n1 },
        Action::Wipe { nodes: n1.union(n2) },
        Action::Pause { nodes: NodeSet::all(5) },
        Action::CrashAtWrite { node: NodeId(0), write: 2 },
        Action::isolate(NodeId(0), 5),
        Action::partition(Shape::Groups, &[n1.union(n2), NodeSet::only(NodeId(2))]),
        Action::Partition { shape: Shape::OneWay, cuts: vec![(n1, n2)] },
        Action::Clog { links: vec![(n1, n2)] },
        Action::Lose { kind: "append-entries".to_string(), from: n1, to: NodeSet::all(5) },
        Action::Clock { node: NodeId(0), rate_ppm: -500_000 },
        Action::SlowDisk { node: NodeId(0), extra_ns: 5 * MILLISECOND },
        Action::Expire { node: NodeId(0), timer: "election".to_string() },
    ];
    assert_eq!(actions, expected);
    assert_eq!((scenario.timeline[0].at_ns, scenario.timeline[0].lasting_ns), (2 * SECOND, Some(SECOND)));
    assert_eq!(scenario.timeline[1].lasting_ns, None);
    let rule = &scenario.rules[0];
    let fields = vec![("term".to_string(), 4)];
    assert_eq!(rule.when, When { node: Some(NodeId(0)), event: "elected".to_string(), fields, nth: Some(2) });
    assert_eq!((rule.after_ns, rule.chance_ppm), ((5 * MILLISECOND, 5 * MILLISECOND), 1_000_000));
    assert_eq!(rule.then, Reaction::Do(Action::Crash { nodes: n1 }));
    assert_eq!(scenario.rules[1].then, Reaction::IsolateIt);
    assert_eq!(scenario.rules[1].when.node, None);
}

#[test]
fn decisions_operations_and_expectations_are_read() {
    let scenario = parse(FULL);
    assert_eq!(scenario.decisions[0].value, Fate::Lost.encode());
    assert_eq!(scenario.decisions[1].key.of, "request");
    assert_eq!(scenario.decisions[2].key.kind, DecisionKind::Timer);
    assert_eq!((scenario.operations[0].client, scenario.operations[0].node), (ClientId(0), Some(NodeId(0))));
    let flaw = |name: &str| vec![name.to_string()];
    assert_eq!(scenario.expected(&[]), Expected::Holds);
    let violates = Expected::Violates("leader-completeness".to_string());
    assert_eq!(scenario.expected(&flaw("raft/commit-old-term")), violates);
    assert_eq!(scenario.expected(&flaw("raft/vote-not-persisted")), Expected::Blocks);
    let known = ["log-matching", "election-safety: two leaders: in one term"].map(str::to_string);
    assert_eq!(scenario.expected(&flaw("raft/forget-sessions")), Expected::Known(known.to_vec()));
    assert_eq!(scenario.expected(&flaw("raft/unheard-of")), Expected::Holds, "silence means: holds");
    assert_eq!(scenario.expected(&[flaw("raft/commit-old-term"), flaw("raft/x")].concat()), Expected::Holds);
}

#[test]
fn an_expectation_may_name_the_side_of_the_model() {
    let side = |line: &str| {
        let text =
            format!("# A scenario.\nprotocol = 'raft'\nnodes = 3\nduration = '1s'\n[[expect]]\n{line}\n");
        let scenario = Scenario::parse("t", "t.toml", text.as_bytes());
        scenario.map(|scenario| scenario.expected_side(&[])).map_err(|error| error.to_string())
    };
    assert_eq!(side("violates = 'x'"), Ok(None));
    assert_eq!(side("violates = 'x'\noutside = true"), Ok(Some(Side::Outside)));
    assert_eq!(side("violates = 'x'\noutside = false"), Ok(Some(Side::Inside)));
    for line in ["holds = true\noutside = true", "blocks = true\noutside = false"] {
        let complaint = side(line).unwrap_err();
        assert!(complaint.contains("beside `violates`"), "{complaint}");
    }
}

#[test]
fn an_expectation_may_say_what_must_have_happened() {
    let of = |flaw: &str, rest: &str| format!("[[expect]]\nflaw = 'raft/{flaw}'\n{rest}\n");
    let entries = [
        "[[expect]]\nblocks = true\nhappens = ['a', 'crash']\n".to_string(),
        of("f", "blocks = true"),
        of("holds", "holds = true"),
        of("own", "holds = true\nhappens = ['b']"),
        of("breaks", "violates = 'x'"),
    ];
    let entries = entries.concat();
    let head = "# A scenario.\nprotocol = 'raft'\nnodes = 3\nduration = '1s'\n";
    let scenario = Scenario::parse("t", "t.toml", format!("{head}{entries}").as_bytes()).unwrap();
    assert_eq!(scenario.expected_to_happen(&[]), ["a", "crash"]);
    let with = |flaws: &[&str]| {
        let flaws: Vec<String> = flaws.iter().map(|flaw| format!("raft/{flaw}")).collect();
        scenario.expected_to_happen(&flaws).to_vec()
    };
    assert_eq!(with(&["f"]), ["a", "crash"], "what decides without a flaw decides with one");
    for other in [&["holds"][..], &["unheard-of"], &["f", "own"], &["breaks"]] {
        assert_eq!(with(other), [""; 0], "{other:?}: something else is to come out");
    }
    assert_eq!(with(&["own"]), ["b"], "what is said of the flaw counts");
}

#[test]
fn what_an_operator_asks_is_read() {
    let scenario = parse(FULL);
    let operator = scenario.operator.expect("there is one");
    assert_eq!((operator.chance_ppm, operator.asks), (500_000, vec!["transfer".into(), "add-voter".into()]));
    assert_eq!(operator.every_ns, Draw::Between(200 * MILLISECOND, 2 * SECOND));
    let order = &scenario.orders[0];
    assert_eq!((order.at_ns, order.node, order.words.as_str()), (14 * SECOND, NodeId(1), "transfer to n3"));
    assert_eq!(scenario.network.order, Order::Fifo);
    assert_eq!(pinned(&[("network.order", "any")]).network.order, Order::Any);
    assert_eq!(pinned(&[("operator", "{ every = '1s' }")]).operator.map(|it| it.asks), Some(vec![]));
}

#[test]
fn options_are_left_to_the_protocol_with_their_places() {
    let scenario = parse(FULL);
    let timeout = scenario.config["election-timeout"].range(|raw| raw.duration(1..=SECOND));
    assert_eq!(timeout, Ok((150 * MILLISECOND, 300 * MILLISECOND)));
    let batch =
        |raw: &Raw| if raw.text() == Ok("unlimited") { Ok(None) } else { raw.integer(1..=100).map(Some) };
    let choice = Draw::OneOf(vec![Some(1), Some(8), None]);
    assert_eq!(scenario.config["batch"].draw(Off::Impossible, batch), Ok(choice));
    let complaint = scenario.config["election-timeout"].range(|raw| raw.duration(1..=200)).unwrap_err();
    let error = scenario.explain(complaint).to_string();
    assert!(error.starts_with("full.toml:12:21: expected a duration from 1ns to 200ns\n"), "{error}");
}

#[test]
fn a_set_pins_what_would_be_drawn() {
    let scenario = pinned(&[
        ("nodes", "7"),
        ("duration", "20s"),
        ("network.loss", "0"),
        ("clock.timer-spread", "{ chance = 0.5, value = 1 }"),
        ("config.batch", "8"),
        ("floor.duration-min", "100s"),
        ("owes", "all"),
    ]);
    assert_eq!(scenario.nodes, Draw::Fixed(7));
    assert_eq!(scenario.duration_ns, Draw::Fixed(20 * SECOND));
    assert_eq!(scenario.network.loss_ppm, Draw::Fixed(0));
    assert_eq!(scenario.owes, Owes::All);
    assert_eq!(scenario.config["batch"].integer(1..=100_u64), Ok(8));
    assert_eq!(scenario.pins.len(), 7);
    assert_eq!(scenario.pins[1], ("duration".to_string(), "20s".to_string()));
}

#[test]
fn what_clients_ask_and_how_is_read() {
    let workload = parse(FULL).workload;
    let bank = Kind::from_name("bank").expect("there is a bank");
    assert_eq!(workload.machines, [Kind::Register, Kind::Kv, bank]);
    assert_eq!((workload.burst, workload.keys), (Draw::Between(1, 50), Draw::Between(1, 20)));
    let reads = Draw::Chance { chance_ppm: 500_000, then: Box::new(Draw::Between(100_000, 900_000)) };
    assert_eq!((workload.reads_ppm, workload.skew_ppm), (reads, Draw::Fixed(500_000)));
    assert_eq!(workload.closed_loop, Draw::OneOf(vec![true, false]));
    let think =
        Draw::Chance { chance_ppm: 500_000, then: Box::new(Draw::Between(MILLISECOND, 50 * MILLISECOND)) };
    assert_eq!((workload.think_ns, workload.attempts), (think, Draw::Between(1, 20)));
    assert_eq!(workload.policy.distrust_after, Some(20));
    assert_eq!((workload.policy.timeout_ns, workload.policy.pending_max), (500 * MILLISECOND, 200));
    assert_eq!(parse(FULL).operations[0].words.as_deref(), Some("transfer 1 2 5"));
}

#[test]
fn what_clients_ask_has_defaults() {
    let workload = parse(LIVELY).workload;
    assert_eq!((workload.machines, workload.keys), (vec![Kind::Register], Draw::Fixed(5)));
    assert_eq!((workload.reads_ppm, workload.skew_ppm), (Draw::Fixed(0), Draw::Fixed(0)));
    assert_eq!((workload.closed_loop, workload.think_ns), (Draw::Fixed(false), Draw::Fixed(0)));
    assert_eq!((workload.burst, workload.attempts), (Draw::Fixed(1), Draw::Fixed(20)));
    assert_eq!((workload.policy, workload.policy.pending_max), (ClientPolicy::default(), 1_000));
    assert_eq!(parse(LIVELY).operations[0].words, None);
}

#[test]
fn what_must_come_back_is_read() {
    assert_eq!(parse(FULL).recovery, None);
    let lively = parse(LIVELY);
    let recovery = lively.recovery.expect("a core must come back");
    assert_eq!((recovery.core, recovery.outsiders_ppm, recovery.rounds), (None, 250_000, 30));
    assert_eq!(
        recovery.stay,
        [
            Lasting::Crashed,
            Lasting::Isolated,
            Lasting::Mute,
            Lasting::Deaf,
            Lasting::Partial,
            Lasting::Paused
        ]
    );
    assert_eq!(
        (lively.healing_ns, lively.operations[0].at_ns),
        (0, 40 * SECOND),
        "such a run has no fixed end"
    );
    let short = parse("# Calm.\nprotocol = \"raft\"\nnodes = [3, 7]\nduration = \"1h\"\n[liveness]\n");
    let recovery = short.recovery.expect("an empty table is enough");
    assert_eq!((recovery.core, recovery.outsiders_ppm, recovery.rounds), (None, 0, 20));
    assert!(recovery.stay.is_empty(), "all that the protocol lives with");
}

#[test]
fn a_set_pins_clients_and_cores() {
    let bank = |text| pinned_in(text, &[("workload.machine", "bank"), ("workload.keys", "7")]).workload;
    for text in [FULL, LIVELY] {
        assert_eq!(bank(text).machines, [Kind::from_name("bank").expect("there is a bank")]);
        assert_eq!(bank(text).keys, Draw::Fixed(7));
    }
    let loops = pinned_in(LIVELY, &[("workload.closed-loop", "true"), ("workload.think", "5ms")]).workload;
    assert_eq!((loops.closed_loop, loops.think_ns), (Draw::Fixed(true), Draw::Fixed(5 * MILLISECOND)));
    let open = pinned(&[("workload.closed-loop", "false")]).workload;
    assert_eq!(open.closed_loop, Draw::Fixed(false), "though the file says how long they think");
    let either = pinned_in(LIVELY, &[("workload.machine", "{ one-of = [\"kv\", \"lock\"] }")]).workload;
    assert_eq!(either.machines, [Kind::Kv, Kind::Lock]);
    let recovery = |sets: &[(&str, &str)]| pinned_in(LIVELY, sets).recovery.expect("a core must come back");
    assert_eq!(recovery(&[("liveness.outsiders", "1")]).outsiders_ppm, 1_000_000);
    assert_eq!(recovery(&[("liveness.stay", "[\"mute\"]")]).stay, [Lasting::Mute]);
    let core = NodeSet::all(3);
    assert_eq!(recovery(&[("liveness", "{ core = [\"n1\", \"n2\", \"n3\"] }")]).core, Some(core));
    let all = recovery(&[("liveness", "{ core = \"all\", rounds = 1 }"), ("nodes", "3")]);
    assert_eq!((all.core, all.rounds), (Some(core), 1));
    let fresh = "# Calm.\nprotocol = \"raft\"\nnodes = 3\nduration = \"1s\"\n";
    let pinned =
        pinned_in(fresh, &[("liveness.outsiders", "1")]).recovery.expect("the table comes with its key");
    assert_eq!(pinned.outsiders_ppm, 1_000_000);
}

#[test]
fn a_short_scenario_is_calm() {
    let scenario = parse("# Calm.\nprotocol = \"raft\"\nnodes = [3, 7]\nduration = \"1h\"\n");
    assert_eq!((scenario.nodes.least(), scenario.nodes.most()), (3, 7));
    assert_eq!(scenario.network.loss_ppm, Draw::Fixed(0));
    assert_eq!(scenario.workload.operations, Draw::Fixed(0));
    assert!(scenario.recurring.is_empty() && scenario.leader.is_none() && scenario.timeline.is_empty());
    assert_eq!((scenario.owes.clone(), scenario.expected(&[])), (Owes::Nothing, Expected::Holds));
}

proptest! {
    #[test]
    fn durations_read_back(ns: u64) {
        prop_assert_eq!(parse_duration(&Span(ns).to_string()), Ok(ns));
    }

    #[test]
    fn probabilities_read_back(ppm in 0_u32..=1_000_000) {
        prop_assert_eq!(parse_probability(&probability_text(ppm)), Ok(ppm));
    }

    #[test]
    fn units_never_panic(text in "\\PC*", number in "[0-9.+-]{0,40}(ns|us|ms|s|m|h)?") {
        for text in [text, number] {
            let _ = (parse_duration(&text), parse_probability(&text));
        }
    }
}

#[test]
fn disks_and_nemeses_are_read() {
    let text = r#"# A scenario.
protocol = "raft"
nodes = 3
duration = "10s"

[disk]
torn-writes = 0.25
order = { one-of = ["written", "any"] }

[operator]
every = "1s"
during = "partition"

[faults]
clock-jump = { every = "1s", by = "5ms", ways = ["back"] }
bit-rot = { every = "2s", record = 1 }
full-disk = { every = "1s", lasting = "1s" }
lying-disk = { every = "1s", lasting = "1s", chance = 0.5 }
aimed-loss = { every = "1s", lasting = "1s", links = ["one-link", "to-some"] }

[faults.leader]
on = "elected"
actions = ["pause"]
lasting = { timer = "election" }

[faults.slow-leader]
on = "elected"
probability = 0.5
after = ["0ms", "20ms"]
lasting = "1s"
drift = [0.1, 0.25]

[faults.crash-between]
first = { one-of = ["elected", "elected term=2"] }
then = "entries-truncated"
after = ["0ms", "20ms"]
lasting = ["1ms", "1s"]

[[fault]]
at = "1s"
lying-disk = ["n1", "n2"]
lasting = "2s"

[[fault]]
at = "1s"
full-disk = "n3"

[[fault]]
at = "1s"
bit-rot = { node = "n1", record = 2 }

[[fault]]
at = "1s"
clock-jump = { node = "n1", back = "5ms" }

[[fault]]
when = "n1 elected"
before = "entries-truncated to=3"
pause = "it"
lasting = { timer = "election" }

[[decision]]
kind = "write"
from = "n1"
nth = 3
answer = "torn"

[[decision]]
kind = "torn"
from = "n2"
nth = 1
answer = "torn"
"#;
    let scenario = parse(text);
    assert_eq!(scenario.disk.torn_writes_ppm, Draw::Fixed(250_000));
    assert_eq!(scenario.disk.orders, [WriteOrder::Written, WriteOrder::Any]);
    assert_eq!(scenario.operator.as_ref().unwrap().during, [During::Partition]);
    let strikes: Vec<_> = scenario.recurring.iter().map(|class| class.strikes.clone()).collect();
    let expected = [
        Strikes::AimedLoss { kinds: vec![], links: vec![Starved::OneLink, Starved::ToSome] },
        Strikes::LyingDisk,
        Strikes::FullDisk,
        Strikes::BitRot { record: Draw::Fixed(1) },
        Strikes::ClockJump { by_ns: Draw::Fixed(5 * MILLISECOND), ways: vec![Way::Back] },
    ];
    assert_eq!(strikes, expected);
    assert_eq!(scenario.leader.unwrap().lasting, Lasts::AsTimer("election".to_string()));
    let slow = scenario.slow_leader.unwrap();
    assert_eq!((slow.on.len(), slow.chance_ppm, slow.probability_ppm), (1, 1_000_000, 500_000));
    assert_eq!((slow.after_ns, slow.lasting_ns), ((0, 20 * MILLISECOND), (SECOND, SECOND)));
    assert_eq!(slow.drift_ppm, (100_000, 250_000));
    let between = scenario.between.unwrap();
    assert_eq!((between.first.len(), between.then.event.as_str()), (2, "entries-truncated"));
    assert_eq!((between.after_ns, between.probability_ppm), ((0, 20 * MILLISECOND), 1_000_000));
    let (n1, n2) = (NodeSet::only(NodeId(0)), NodeSet::only(NodeId(1)));
    let actions: Vec<_> = scenario.timeline.iter().map(|fault| fault.action.clone()).collect();
    let expected = [
        Action::LyingDisk { nodes: n1.union(n2) },
        Action::FullDisk { nodes: NodeSet::only(NodeId(2)) },
        Action::BitRot { node: NodeId(0), record: 2 },
        Action::ClockJump { node: NodeId(0), by_ns: -5_000_000 },
    ];
    assert_eq!(actions, expected);
    let rule = &scenario.rules[0];
    assert_eq!((rule.lasting_ns, rule.lasts_as.as_deref()), (None, Some("election")));
    assert_eq!(rule.before.as_ref().unwrap().fields, [("to".to_string(), 3)]);
    assert_eq!((scenario.decisions[0].value, scenario.decisions[1].value), (2, 1));
}
