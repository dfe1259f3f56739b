//! raft-rs behind the contract: what a disk must be able to do, that runs are a function of their seeds, that what a
//! scenario owes happens, and that the harness bites through the adapter.
#![allow(clippy::disallowed_methods, reason = "tests read the scenarios, and run seeds on two threads")]

use std::path::Path;

use quarrel_adapters::raft_rs::config::{Persistence, Writes};
use quarrel_adapters::raft_rs::{Config, Event, Invariants, Message, RaftRs, Record, Timer};
use quarrel_formats::Scenario;
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::{Registry, Trial};
use quarrel_protocol::{ClientId, Effect, Effects, Input, Monitor, NodeId, Protocol, Report, RequestId};
use quarrel_spec::Value;
use quarrel_spec::machine::{Call, RegisterCall};
use quarrel_spec::replicated_log::{Output, Reply};

fn trial(name: &str, flaws: &[&str]) -> Box<dyn Trial> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../scenarios/{name}.toml"));
    let text = std::fs::read_to_string(path).expect("the scenario is there");
    let scenario = Scenario::parse_with(name, "test.toml", text.as_bytes(), &[]).expect("it can be read");
    let flaws: Vec<String> = flaws.iter().map(|flaw| format!("raft-rs/{flaw}")).collect();
    let registry = quarrel_adapters::register(Registry::default());
    registry.trial(scenario, &flaws, Judges::default()).expect("it fits the protocol")
}

/// A cluster whose network and disks do at once what they are asked for.
struct Cluster {
    config: Config,
    nodes: Vec<RaftRs>,
    disks: Vec<Vec<Record>>,
    outputs: Vec<Vec<Output>>,
    replies: Vec<Reply>,
}

type UnderWay = Vec<(NodeId, NodeId, Message)>;

impl Cluster {
    fn new(config: Config) -> Self {
        let count = usize::from(config.nodes);
        let (disks, outputs) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        let mut cluster = Self { config, nodes: Vec::new(), disks, outputs, replies: Vec::new() };
        for node in NodeId::all(count) {
            let mut effects = Effects::default();
            cluster.nodes.push(RaftRs::recover(&cluster.config, node, &[], &mut effects));
            cluster.take(node, effects, &mut Vec::new());
        }
        cluster
    }

    /// One input, and all messages that come of it.
    fn step(&mut self, node: NodeId, input: Input<RaftRs>) {
        let mut under_way = Vec::new();
        self.one_step(node, input, &mut under_way);
        while !under_way.is_empty() {
            let (from, to, message) = under_way.remove(0);
            self.one_step(to, Input::Message { from, message }, &mut under_way);
        }
    }

    fn one_step(&mut self, node: NodeId, input: Input<RaftRs>, under_way: &mut UnderWay) {
        let mut effects = Effects::default();
        self.nodes[node.index()].step(input, &mut effects);
        self.nodes[node.index()].assert_invariants();
        self.take(node, effects, under_way);
    }

    fn take(&mut self, node: NodeId, mut effects: Effects<RaftRs>, under_way: &mut UnderWay) {
        for effect in effects.drain() {
            match effect {
                Effect::Persist(record) => self.disks[node.index()].push(record),
                Effect::Compact(records) => self.disks[node.index()] = records,
                Effect::Barrier => {}
                Effect::Send { to, message, .. } => under_way.push((node, to, message)),
                Effect::Reply { reply, .. } => self.replies.push(reply),
                Effect::Output(output) => self.outputs[node.index()].push(output),
                Effect::Announce(_) | Effect::SetTimer { .. } | Effect::CancelTimer { .. } => {}
            }
        }
    }

    /// The node's election timeout runs out.
    fn elect(&mut self, node: NodeId) {
        self.step(node, Input::Timer(Timer::Election));
        for _ in 0..self.config.election_ticks.0 {
            self.step(node, Input::Timer(Timer::Tick));
        }
        assert_eq!(self.nodes[node.index()].summary().role, "leader");
    }

    fn ask(&mut self, node: NodeId, number: u32) {
        let id = RequestId(number);
        let request = Call::Register(RegisterCall::Write(Value(u64::from(number))));
        self.step(node, Input::Request { client: ClientId(0), id, oldest: id, request });
    }
}

fn configs() -> Vec<Config> {
    let mut configs = Vec::new();
    for persistence in [Persistence::Sync, Persistence::Async] {
        for writes in [Writes::Batch, Writes::Single] {
            for snapshot_every in [0, 3] {
                configs.push(Config {
                    persistence,
                    writes,
                    snapshot_every,
                    keep_entries: 1,
                    ..Config::new(3)
                });
            }
        }
    }
    configs
}

#[test]
fn what_is_asked_is_applied_everywhere_and_answered() {
    for config in configs() {
        let mut cluster = Cluster::new(config);
        cluster.elect(NodeId(0));
        (1..=10).for_each(|number| cluster.ask(NodeId(0), number));
        let answered = cluster.replies.iter().filter(|reply| matches!(reply, Reply::Applied { .. })).count();
        assert_eq!(answered, 10, "{:?}", cluster.config);
        // A heartbeat tells the others how far it is committed.
        (0..4).for_each(|_| cluster.step(NodeId(0), Input::Timer(Timer::Tick)));
        // The shared position, the leader's empty entry, and what was asked.
        assert!(cluster.outputs.iter().all(|outputs| outputs.last().map(Output::index) == Some(12)));
    }
}

#[test]
fn a_node_comes_back_from_any_prefix_of_its_writes() {
    for config in configs() {
        let mut cluster = Cluster::new(Config { snapshot_every: 0, ..config.clone() });
        cluster.elect(NodeId(0));
        (1..=6).for_each(|number| cluster.ask(NodeId(0), number));
        for node in NodeId::all(3) {
            let disk = &cluster.disks[node.index()];
            for length in 0..=disk.len() {
                let mut effects = Effects::default();
                let node = RaftRs::recover(&config, node, &disk[..length], &mut effects);
                node.assert_invariants();
                let last = node.raw().raft.raft_log.last_index();
                assert!((1..=8).contains(&last), "a part of the log is a log");
                // Whatever it applies again is what it had applied before.
                let again = effects.drain().filter_map(|effect| match effect {
                    Effect::Output(output) => Some(output.index()),
                    _ => None,
                });
                assert!(again.eq(1..=node.applied()), "from the first position on, without gaps");
            }
        }
    }
}

#[test]
fn a_record_survives_its_file() {
    let mut cluster = Cluster::new(Config { snapshot_every: 4, ..Config::new(3) });
    cluster.elect(NodeId(1));
    (1..=5).for_each(|number| cluster.ask(NodeId(1), number));
    for record in cluster.disks.iter().flatten() {
        let text = serde_json::to_string(record).expect("a record can be written");
        assert_eq!(&serde_json::from_str::<Record>(&text).expect("and read"), record);
    }
    assert!(cluster.disks[1].iter().any(|record| matches!(record, Record::Snapshot { .. })));
    let config = serde_json::to_string(&cluster.config).expect("a configuration can be written");
    assert_eq!(serde_json::from_str::<Config>(&config).expect("and read"), cluster.config);
}

/// The crate's own generator is one for each thread, and is drawn from in between by other nodes: neither shows.
#[test]
fn a_run_is_a_function_of_its_seed() {
    for (name, seeds) in [
        ("raft-rs/calm", 10),
        ("raft-rs/chaos", 10),
        ("raft-rs/membership", 10),
        ("raft-rs/crash-restart", 10),
        ("raft-rs/lease", 10),
        ("raft-rs/removed-leader", 10),
        ("raft-rs/replaced-voters", 10),
        ("raft-rs/standard-unit", 2),
    ] {
        let trial = trial(name, &[]);
        let digests = || (0..seeds).map(|seed| trial.run(seed).tally.digest).collect::<Vec<_>>();
        let first = digests();
        assert_eq!(digests(), first, "{name}");
        let other = std::thread::scope(|scope| scope.spawn(digests).join().expect("it runs"));
        assert_eq!(other, first, "{name}");
    }
}

#[test]
fn what_scenarios_owe_happens() {
    for name in ["raft-rs/chaos", "raft-rs/membership", "raft-rs/crash-restart"] {
        let trial = trial(name, &[]);
        let mut filled = vec![0; trial.cells().len()];
        for seed in 0..60 {
            for (sum, count) in filled.iter_mut().zip(trial.run(seed).cells) {
                *sum += count;
            }
        }
        let happened = |cell: &str| {
            let position = trial.cells().iter().position(|known| known.name == cell).expect("a cell");
            filled[position] > 0
        };
        for owed in ["leader-changed", "snapshot-installed", "old-term-entry-committed", "log-compacted"] {
            assert!(happened(owed), "{name}: {owed}");
        }
        for owed in ["members-changed", "joint-entered", "learner-promoted", "leadership-transferred"] {
            assert_eq!(happened(owed), name == "raft-rs/membership", "{name}: {owed}");
        }
    }
}

#[test]
fn wrong_uses_of_the_crate_are_found() {
    let check = |scenario: &str, flaw: &str, properties: &[&str]| {
        let trial = trial(scenario, &[flaw]);
        let found = (0..400).flat_map(|seed| trial.run(seed).violations);
        let mut found = found.map(|violation| violation.property);
        assert!(
            found.any(|property| properties.contains(&property.as_str())),
            "{flaw} under {scenario} breaks none of {properties:?}"
        );
    };
    check("raft-rs/crash-restart", "send-before-persist", &["leader-completeness", "state-machine-safety"]);
    check("raft-rs/crash-restart", "vote-not-persisted", &["election-safety", "vote-once"]);
    check("raft-rs/chaos", "forget-sessions", &["linearizability"]);
    check("raft-rs/chaos", "read-before-applied", &["linearizability"]);
    check("raft-rs/crash-restart", "snapshot-not-reported", &["liveness"]);
    check("raft-rs/membership", "initial-conf-state", &["leader-completeness", "election-safety"]);
}

/// Members that have come must do without those that they have replaced.
#[test]
fn whoever_skips_empty_entries_never_leaves_a_joint_configuration() {
    let tallies = |flaws| trial("raft-rs/replaced-voters", flaws).batch(0..30, &|| false);
    let right = tallies(&[]);
    assert_eq!((right.blocked, right.groups.len()), (0, 0));
    let wrong = tallies(&["skip-empty-entries"]);
    assert!(wrong.blocked >= 25 && wrong.groups.is_empty(), "{} runs block", wrong.blocked);
}

/// What a monitor makes of these announcements.
fn judge(events: &[(u8, Event)]) -> Vec<String> {
    let mut monitor = <Invariants as Monitor<RaftRs>>::new(&Config::new(3), 3);
    let properties = <Invariants as Monitor<RaftRs>>::properties();
    let cells = <Invariants as Monitor<RaftRs>>::cells();
    let mut report = Report::new(properties, cells);
    for &(node, event) in events {
        monitor.on_announce(NodeId(node), &event, &mut report);
    }
    report.violations().iter().map(|violation| violation.property.clone()).collect()
}

fn appended(index: u64, term: u64, print: u64) -> Event {
    Event::Appended { index, term, print, current_term: term, leads: false }
}

#[test]
fn every_property_over_announcements_can_break() {
    let elected = |term| Event::Elected { term };
    assert_eq!(judge(&[(0, elected(2)), (1, elected(2))]), ["election-safety"]);
    assert_eq!(judge(&[(0, elected(2)), (1, elected(3))]), [""; 0]);
    assert_eq!(judge(&[(0, appended(2, 2, 7)), (1, appended(2, 2, 8))]), ["log-matching"]);
    assert_eq!(judge(&[(0, appended(2, 2, 7)), (1, appended(2, 2, 7))]), [""; 0]);
    let committed = Event::Committed { index: 2, leader_term: 2 };
    let without = [(0, elected(2)), (0, appended(2, 2, 7)), (0, committed), (1, elected(3))];
    assert_eq!(judge(&without), ["leader-completeness"]);
    let entry = appended(2, 2, 7);
    assert_eq!(judge(&[(0, elected(2)), (0, entry), (1, entry), (0, committed), (1, elected(3))]), [""; 0]);
    let voted = |candidate| Event::Voted { term: 2, candidate: NodeId(candidate) };
    assert_eq!(judge(&[(0, voted(1)), (0, voted(2))]), ["vote-once"]);
    assert_eq!(judge(&[(0, elected(3)), (0, Event::SteppedDown { term: 2 })]), ["term-monotonic"]);
    let truncated = Event::Truncated { from: 2, last: 3, applied: 2 };
    assert_eq!(judge(&[(0, truncated)]), ["applied-entries-kept"]);
    let alone = Event::ReadAlone { index: 3, voter: NodeId(1) };
    assert_eq!(judge(&[(0, Event::ReadServed { index: 3, leads: true }), (0, alone)]), ["read-confirmed"]);
}

#[test]
fn a_snapshot_stands_for_the_log_that_it_covers() {
    let log = [(0, appended(2, 2, 7)), (0, appended(3, 2, 8)), (0, appended(4, 2, 9))];
    let installed = (1, Event::Installed { index: 3, term: 2, current_term: 2 });
    // What follows the snapshot follows the same log.
    assert_eq!(judge(&[&log[..], &[installed, (1, appended(4, 2, 9))]].concat()), [""; 0]);
    assert_eq!(judge(&[&log[..], &[installed, (1, appended(4, 2, 1))]].concat()), ["log-matching"]);
}
