//! A small trace for tests.

use quarrel_formats::Trace;
use quarrel_formats::trace::{FORMAT, Header, Judgement, Oracle, TraceMark, Verdict};
use quarrel_protocol::monitor::PropertyKind;
use quarrel_protocol::{ClientId, NodeId, NodeSet, RequestId, Violation};
use quarrel_sim::decision::{Decision, DecisionKind, Endpoint, Fate, Key, Which};
use quarrel_sim::fault::{Action, Fault};
use quarrel_sim::record::{TraceEffect, TraceEvent};
use quarrel_sim::world::{Arrival, ClientPolicy, Limits, Liveness, Operation, Order, Rates, Repeats, World};

/// A run of two nodes and a client that violates agreement.
pub(crate) fn trace() -> Trace {
    let expect = Judgement::Violated(Violation {
        property: "agreement".to_string(),
        kind: PropertyKind::Paper,
        detail: "n1 decided \"a\", n2 decided \"b\"".to_string(),
        signature: "agreement".to_string(),
    });
    let events = vec![event(1, 0, "boot"), event(2, 5, "deliver"), event(3, 5, "timer")];
    let verdict = Verdict {
        judgement: expect.clone(),
        at_ns: 5,
        events: 3,
        digest: 0xfeed,
        outside: Vec::new(),
        blocked: Vec::new(),
    };
    Trace { header: header(expect), events, verdict }
}

fn header(expect: Judgement) -> Header {
    Header {
        quarrel: TraceMark::Trace,
        format: FORMAT,
        tool: "0.1.0".to_string(),
        digest_algorithm: "fold64-1".to_string(),
        protocol: "paxos".to_string(),
        scenario: "paxos/chaos".to_string(),
        seed: u64::MAX,
        flaws: vec!["paxos/own-value".to_string()],
        oracle: Oracle::All,
        config: serde_json::json!({"nodes": 2, "timeout": {"max_ns": 9, "min_ns": 3}}),
        world: world(),
        operations: vec![operation(1, 0, None), operation(1, 2, Some(NodeId(1)))],
        orders: vec![Order { at_ns: 3, node: NodeId(1), admin: serde_json::json!({"transfer": 0}) }],
        decisions: vec![Decision {
            key: Key {
                kind: DecisionKind::Fate,
                source: Endpoint::Node(NodeId(0)),
                target: Endpoint::Node(NodeId(1)),
                of: "prepare".to_string(),
                which: Which::Nth(1),
            },
            value: Fate::Lost.encode(),
        }],
        expect,
        digest: 0xfeed,
        events: 3,
        simulated_ns: 5,
    }
}

fn operation(at_ns: u64, id: u32, asks: Option<NodeId>) -> Operation<serde_json::Value> {
    let request = serde_json::json!({"propose": "a"});
    let repeats = Repeats::Freely;
    Operation { at_ns, client: ClientId(0), asks, id: RequestId(id), repeats, request }
}

fn world() -> World {
    let crash = Action::Crash { nodes: NodeSet::only(NodeId(1)) };
    World {
        nodes: 2,
        clients: 1,
        duration_ns: 1_000,
        healing_ns: 0,
        liveness: Some(Liveness { core: NodeSet::only(NodeId(0)), bound_ns: 700, latency_ns: 3 }),
        latency_ns: vec![1, 2, 3, 4],
        fifo: true,
        client_latency_ns: 1,
        sync_ns: vec![0, 5],
        unordered: false,
        clock_ppm: vec![0, -7],
        clock_offset_ns: vec![11, 0],
        client: ClientPolicy {
            arrival: Arrival::Closed { think_ns: 9 },
            pending_max: 7,
            ..ClientPolicy::default()
        },
        rates: Rates::default(),
        limits: Limits::default(),
        traitors: NodeSet::only(NodeId(1)),
        faults: vec![
            Fault { at_ns: 4, lasting_ns: Some(2), action: crash.clone() },
            Fault { at_ns: 1_001, lasting_ns: None, action: crash },
        ],
    }
}

/// An event at n1.
pub(crate) fn event(n: u64, at: u64, kind: &str) -> TraceEvent {
    TraceEvent {
        n,
        at,
        who: Some(Endpoint::Node(NodeId(0))),
        cause: (n > 1).then(|| n - 1),
        kind: kind.to_string().into(),
        what: format!("what {n}"),
        from: (kind == "deliver").then_some(Endpoint::Node(NodeId(1))),
        clock: (n == 3).then_some(4),
        fate: None,
        effects: vec![TraceEffect {
            kind: "send".into(),
            what: "prepare 1".to_string(),
            to: Some(Endpoint::Node(NodeId(1))),
            fate: Some("lost".to_string()),
            milestone: true,
        }],
        digest: format!("{:016x}", n * 0x1111),
    }
}
