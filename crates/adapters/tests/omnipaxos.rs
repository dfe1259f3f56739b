//! The crate omnipaxos behind the contract: restarts, determinism, monitors that can fire, flaws that are found.

#![allow(clippy::disallowed_methods, reason = "tests read the scenarios")]

use std::collections::VecDeque;
use std::path::Path;

use quarrel_adapters::omnipaxos::event::Event;
use quarrel_adapters::omnipaxos::{
    Compaction, Config, FlawSet, Invariants, Message, OmniPaxos, Order, Record, Round, Timer,
};
use quarrel_formats::Scenario;
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::{Registry, Trial};
use quarrel_protocol::{
    ClientId, Effect, Effects, Fingerprint, Fingerprinter, Input, Monitor, NodeId, PropertyKind, Protocol,
    Report, RequestId,
};
use quarrel_spec::machine::{Call, RegisterCall};
use quarrel_spec::replicated_log::{Output, Reply};
use quarrel_spec::{Value, session::Replica};

/// A cluster on a network that delivers everything in order and at once, and disks that are as fast.
struct Lab {
    nodes: Vec<OmniPaxos>,
    disks: Vec<Vec<Record>>,
    under_way: VecDeque<(NodeId, NodeId, Message)>,
    outputs: Vec<Vec<Output>>,
    replies: Vec<(RequestId, Reply)>,
    digest: Fingerprinter,
}

impl Lab {
    fn new(config: &Config) -> Self {
        let count = usize::from(config.nodes);
        let mut lab = Self {
            nodes: Vec::new(),
            disks: vec![Vec::new(); count],
            under_way: VecDeque::new(),
            outputs: vec![Vec::new(); count],
            replies: Vec::new(),
            digest: Fingerprinter::default(),
        };
        for id in NodeId::all(count) {
            let mut effects = Effects::default();
            lab.nodes.push(OmniPaxos::recover(config, id, &[], &mut effects));
            lab.obey(id, &mut effects);
        }
        lab
    }

    fn obey(&mut self, id: NodeId, effects: &mut Effects<OmniPaxos>) {
        for effect in effects.drain() {
            match effect {
                Effect::Persist(record) => {
                    record.fingerprint(&mut self.digest);
                    self.disks[id.index()].push(record);
                }
                Effect::Send { to, message, .. } => {
                    message.fingerprint(&mut self.digest);
                    self.under_way.push_back((id, to, message));
                }
                Effect::Output(output) => self.outputs[id.index()].push(output),
                Effect::Reply { id, reply, .. } => self.replies.push((id, reply)),
                Effect::Compact(_) | Effect::Barrier => panic!("the adapter only appends to its disk"),
                Effect::Announce(_) | Effect::SetTimer { .. } | Effect::CancelTimer { .. } => {}
            }
        }
    }

    fn step(&mut self, id: NodeId, input: Input<OmniPaxos>) {
        let mut effects = Effects::default();
        self.nodes[id.index()].step(input, &mut effects);
        self.nodes[id.index()].assert_invariants();
        self.obey(id, &mut effects);
    }

    fn tick(&mut self, times: u32) {
        for _ in 0..times {
            for id in NodeId::all(self.nodes.len()) {
                self.step(id, Input::Timer(Timer::Tick));
            }
            while let Some((from, to, message)) = self.under_way.pop_front() {
                self.step(to, Input::Message { from, message });
            }
        }
    }

    fn write(&mut self, id: NodeId, number: u32) {
        let request = Call::Register(RegisterCall::Write(Value(u64::from(number))));
        let (client, id_of) = (ClientId(0), RequestId(number));
        self.step(id, Input::Request { client, id: id_of, oldest: id_of, request });
        self.tick(3);
    }

    /// Some writes, an order in the middle, and more writes.
    fn busy(config: &Config, order: Option<Order>) -> Self {
        let mut lab = Self::new(config);
        lab.tick(60);
        for number in 0..12 {
            lab.write(NodeId((number % 3) as u8), number);
        }
        if let Some(order) = order {
            for id in NodeId::all(3) {
                lab.step(id, Input::Admin(order));
            }
            lab.tick(30);
        }
        for number in 12..20 {
            lab.write(NodeId((number % 3) as u8), number);
        }
        lab.tick(60);
        lab
    }
}

fn configs() -> Vec<(Config, Option<Order>)> {
    let of = |compaction| Config { compaction, batch_size: 2, ..Config::new(3) };
    vec![
        (Config::new(3), None),
        (of(Compaction::Off), Some(Order::Reconfigure)),
        (of(Compaction::Trim), Some(Order::Trim)),
        (of(Compaction::Snapshot), Some(Order::SnapshotAll)),
        (Config { compact_every: 4, ..of(Compaction::Trim) }, Some(Order::Reconfigure)),
        (Config { compact_every: 4, ..of(Compaction::Snapshot) }, Some(Order::Reconfigure)),
    ]
}

#[test]
fn every_request_is_answered_by_whoever_was_asked_and_all_come_equally_far() {
    for (config, order) in configs() {
        let lab = Lab::busy(&config, order);
        let mut answered: Vec<u32> = lab.replies.iter().map(|(id, _)| id.0).collect();
        // Batches may bring them out of order.
        answered.sort_unstable();
        assert_eq!(answered, (0..20).collect::<Vec<_>>(), "{config:?}");
        let applied: Vec<u64> = lab.nodes.iter().map(OmniPaxos::applied).collect();
        assert!(applied.iter().all(|&index| index == applied[0] && index >= 20), "{applied:?}, {config:?}");
        let expected = if order == Some(Order::Reconfigure) { 2 } else { 1 };
        assert!(lab.nodes.iter().all(|node| node.configuration() == expected), "{config:?}");
    }
}

#[test]
fn a_node_restarts_from_any_prefix_of_its_records() {
    for (config, order) in configs() {
        let lab = Lab::busy(&config, order);
        for id in NodeId::all(3) {
            let disk = &lab.disks[id.index()];
            let mut before = (0, 0, Round::default());
            for end in 0..=disk.len() {
                let mut effects = Effects::default();
                let node = OmniPaxos::recover(&config, id, &disk[..end], &mut effects);
                node.assert_invariants();
                let now = (node.configuration(), node.decided(), node.promise());
                assert!(now.0 > before.0 || now >= before, "{before:?} then {now:?}, {config:?}");
                before = now;
                assert!(node.applied() <= node.decided(), "{config:?}");
                let outputs = effects.as_slice().iter().filter_map(|effect| match effect {
                    Effect::Output(output) => Some(*output),
                    _ => None,
                });
                let mut last = 0;
                for output in outputs {
                    let is_next = match output {
                        Output::Applied(applied) => applied.index == last + 1,
                        Output::Restored(restored) => restored.index > last,
                    };
                    assert!(is_next, "{output} after {last}, {config:?}");
                    last = output.index();
                }
            }
            let mut effects = Effects::default();
            let node = OmniPaxos::recover(&config, id, disk, &mut effects);
            assert_eq!(
                node.applied(),
                lab.nodes[id.index()].applied(),
                "nothing decided is lost, {config:?}"
            );
        }
    }
}

#[test]
fn the_same_inputs_lead_to_the_same_effects() {
    for (config, order) in configs() {
        let digests: Vec<u64> = (0..2).map(|_| Lab::busy(&config, order).digest.finish()).collect();
        assert_eq!(digests[0], digests[1], "{config:?}");
    }
}

#[test]
fn a_configuration_survives_its_file() {
    let flaws = FlawSet::from_names(&["torn-batch"]).unwrap();
    let config = Config { flaws, quorum: Some((4, 2)), priorities: vec![0, 3], ..Config::new(5) };
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
    assert!(config.check().is_ok());
    assert!(Config { quorum: Some((2, 2)), ..Config::new(5) }.check().is_err(), "quorums must meet");
}

/// The names of the properties that these announcements break.
fn broken(events: &[(u8, Event)]) -> Vec<String> {
    let mut report = Report::new(Invariants::properties(), Invariants::cells());
    let mut monitor = Invariants::new(&Config::new(3), 3);
    for (node, event) in events {
        Monitor::<OmniPaxos>::on_announce(&mut monitor, NodeId(*node), event, &mut report);
    }
    report.violations().iter().map(|violation| violation.property.clone()).collect()
}

#[test]
fn every_invariant_can_be_broken_by_hand() {
    let round = |number, leader| Round { number, priority: 0, leader, configuration: 1 };
    let (first, second) = (round(1, 1), round(2, 2));
    let promised = |round| Event::Promised { round };
    let elected = |round, accepted, decided| Event::Elected { round, accepted, decided };
    let table: &[(&str, &[(u8, Event)])] = &[
        (
            "decided-prefix-kept",
            &[
                (0, promised(first)),
                (0, elected(first, 3, 0)),
                (0, Event::Decided { round: first, decided: 3 }),
                (1, promised(second)),
                (1, elected(second, 2, 0)),
            ],
        ),
        ("round-led-once", &[(0, promised(first)), (0, elected(first, 0, 0)), (0, elected(first, 0, 0))]),
        ("promise-monotonic", &[(0, promised(second)), (0, promised(first))]),
        (
            "decided-monotonic",
            &[
                (0, promised(first)),
                (0, elected(first, 3, 0)),
                (0, Event::Decided { round: first, decided: 3 }),
                (0, Event::Decided { round: first, decided: 2 }),
            ],
        ),
        ("decided-is-accepted", &[(0, promised(first)), (0, elected(first, 3, 4))]),
        ("accepted-is-promised", &[(0, promised(first)), (0, elected(second, 0, 0))]),
        (
            "acceptance-kept",
            &[
                (0, promised(first)),
                (0, elected(first, 3, 0)),
                (0, Event::Accepted { round: first, accepted: 2 }),
            ],
        ),
        ("log-complete", &[(0, Event::Missed { applied: 3, trimmed: 5 })]),
        ("log-dense", &[(0, Event::Misplaced { at: 5, end: 3 })]),
    ];
    assert_eq!(table.len(), Invariants::properties().len());
    for (name, events) in table {
        assert_eq!(broken(events), [*name]);
    }
    let lawful = [
        (0, promised(first)),
        (0, elected(first, 0, 0)),
        (1, promised(first)),
        (1, Event::Synced { round: first, accepted: 0, decided: 0 }),
        (0, Event::Accepted { round: first, accepted: 3 }),
        (0, Event::Decided { round: first, decided: 3 }),
        (1, promised(second)),
        (1, elected(second, 3, 3)),
    ];
    assert_eq!(broken(&lawful), Vec::<String>::new());
}

/// A scenario of the repository, ready to run with these flaws.
fn trial(name: &str, flaws: &[&str]) -> Box<dyn Trial> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../scenarios/{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap();
    let scenario = Scenario::parse_with(name, "test.toml", text.as_bytes(), &[]).unwrap();
    let flaws: Vec<String> = flaws.iter().map(|flaw| format!("omnipaxos/{flaw}")).collect();
    let registry = quarrel_adapters::register(Registry::default());
    registry.trial(scenario, &flaws, Judges::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn runs_of_a_seed_are_equal_to_the_digest() {
    for name in [
        "omnipaxos/calm",
        "omnipaxos/chaos",
        "omnipaxos/uncompacted",
        "omnipaxos/lossy-fifo",
        "omnipaxos/reorder",
        "omnipaxos/crash-restart",
        "omnipaxos/trim",
        "omnipaxos/snapshot",
        "omnipaxos/reconfigure",
    ] {
        let digests: Vec<u64> = (0..2).map(|_| trial(name, &[]).batch(0..10, &|| false).digest).collect();
        assert_eq!(digests[0], digests[1], "{name}");
    }
}

#[test]
fn every_flaw_is_found() {
    for (flaw, seeds) in [("apply-undecided", 0..40), ("torn-batch", 0..400), ("send-before-persist", 0..600)]
    {
        let groups = trial("omnipaxos/crash-restart", &[flaw]).batch(seeds, &|| false).groups;
        // The crate's own mistakes show as a node that stays behind, and as nothing else.
        let found = groups.values().any(|group| group.violation.kind != PropertyKind::Liveness);
        assert!(found, "{flaw}: {:?}", groups.keys());
    }
}

#[test]
fn cells_are_reached() {
    let names = ["omnipaxos/chaos", "omnipaxos/uncompacted"];
    let mut reached = std::collections::BTreeSet::new();
    for name in names {
        let cells = trial(name, &[]).batch(0..60, &|| false).cells;
        reached.extend(cells.into_iter().filter(|&(_, times)| times > 0).map(|(cell, _)| cell));
    }
    for cell in Invariants::cells() {
        assert!(reached.contains(cell.name), "{} was never reached", cell.name);
    }
}

#[test]
fn orders_are_written_as_they_are_read() {
    for words in ["trim", "snapshot", "snapshot-all", "reconfigure", "reconnect", "prioritise 7"] {
        assert_eq!(words.parse::<Order>().unwrap().to_string(), words);
    }
    for words in ["", "prioritise", "prioritise x", "trim 3"] {
        assert!(words.parse::<Order>().is_err(), "{words}");
    }
}

#[test]
fn a_snapshot_is_a_replica() {
    let config = Config { compaction: Compaction::Snapshot, compact_every: 4, ..Config::new(3) };
    let lab = Lab::busy(&config, None);
    let disk = &lab.disks[0];
    let mut effects = Effects::default();
    let node = OmniPaxos::recover(&config, NodeId(0), disk, &mut effects);
    let restored = effects.as_slice().iter().find_map(|effect| match effect {
        Effect::Output(Output::Restored(restored)) => Some(*restored),
        _ => None,
    });
    let restored = restored.expect("a compacted log begins with a snapshot");
    assert!(restored.index >= 4 && restored.index <= node.applied());
    let fresh = Replica::new(config.machine, quarrel_spec::session::Memory::Kept);
    assert_ne!(restored.state, fresh.digest(), "and it holds something");
}
