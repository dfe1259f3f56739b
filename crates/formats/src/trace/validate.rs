//! What must be true of a trace beyond its shape: whatever passes here can be run again without a panic.

use std::collections::{BTreeMap, BTreeSet};

use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::decision::{DELAY_MAX_US, Decision, DecisionKind, Endpoint};
use quarrel_sim::fault::{Action, Deed, Fault};
use quarrel_sim::record::TraceEvent;
use quarrel_sim::time::{SECOND, Span};
use quarrel_sim::world::{Arrival, World};

use super::model::{Header, Verdict};
use super::words::hexadecimal;

/// The longest time in a trace: what a scenario can ask for, healing included.
const LONGEST_NS: u64 = 200_000 * SECOND;
/// The rate errors a clock can have.
const RATES_PPM: std::ops::RangeInclusive<i32> = -899_999..=8_999_999;

/// What is wrong, and at which path of keys.
pub(super) struct Flawed {
    pub(super) path: Vec<String>,
    pub(super) message: String,
}

type Check = Result<(), Flawed>;

fn demand(holds: bool, path: &str, message: impl FnOnce() -> String) -> Check {
    match holds {
        true => Ok(()),
        false => Err(Flawed { path: path.split('.').map(str::to_string).collect(), message: message() }),
    }
}

fn within(number: u64, bounds: std::ops::RangeInclusive<u64>, path: &str) -> Check {
    demand(bounds.contains(&number), path, || {
        format!("{number} is out of bounds: from {} to {}", bounds.start(), bounds.end())
    })
}

pub(super) fn check_header(header: &Header) -> Check {
    let world = &header.world;
    check_flaws(header)?;
    check_world(world)?;
    let mut names = BTreeSet::new();
    // A client's later request has the higher number: what servers remember of it depends on that.
    let mut latest: BTreeMap<u8, (u64, u32)> = BTreeMap::new();
    for (position, operation) in header.operations.iter().enumerate() {
        let path = |key: &str| format!("operations.{position}.{key}");
        within(operation.at_ns, 0..=LONGEST_NS, &path("at_ns"))?;
        demand(operation.client.0 < world.clients, &path("client"), || {
            format!("there is no client {}: the world has {}", operation.client, world.clients)
        })?;
        if let Some(node) = operation.asks {
            check_endpoint(Endpoint::Node(node), world, &path("asks"))?;
        }
        demand(names.insert(operation.id.0), &path("id"), || {
            format!("{} is the name of two operations", operation.id)
        })?;
        let (at_ns, id) = (operation.at_ns, operation.id.0);
        let before = latest.insert(operation.client.0, (at_ns, id));
        demand(before.is_none_or(|(time, number)| (time <= at_ns) && number < id), &path("id"), || {
            format!("the operations of {} are not in the order of time and number", operation.client)
        })?;
    }
    for (position, order) in header.orders.iter().enumerate() {
        let path = |key: &str| format!("orders.{position}.{key}");
        within(order.at_ns, 0..=LONGEST_NS, &path("at_ns"))?;
        check_endpoint(Endpoint::Node(order.node), world, &path("node"))?;
    }
    let mut keys = BTreeSet::new();
    for (position, decision) in header.decisions.iter().enumerate() {
        let path = format!("decisions.{position}");
        check_decision(decision, world, &path)?;
        demand(keys.insert(&decision.key), &path, || "this is decided twice".to_string())?;
    }
    Ok(())
}

fn check_world(world: &World) -> Check {
    within(u64::from(world.nodes), 1..=NodeId::LIMIT as u64, "world.nodes")?;
    within(u64::from(world.clients), 0..=64, "world.clients")?;
    within(world.duration_ns, 0..=LONGEST_NS, "world.duration_ns")?;
    within(world.healing_ns, 0..=LONGEST_NS, "world.healing_ns")?;
    check_liveness(world)?;
    let nodes = world.nodes as usize;
    let sizes = [
        ("world.latency_ns", world.latency_ns.len(), nodes * nodes),
        ("world.sync_ns", world.sync_ns.len(), nodes),
        ("world.clock_ppm", world.clock_ppm.len(), nodes),
    ];
    for (path, size, expected) in sizes {
        demand(size == expected, path, || {
            format!("{nodes} nodes need {expected} values here, found {size}")
        })?;
    }
    for (position, &latency) in world.latency_ns.iter().enumerate() {
        within(latency, 1..=LONGEST_NS, &format!("world.latency_ns.{position}"))?;
    }
    within(world.client_latency_ns, 1..=LONGEST_NS, "world.client_latency_ns")?;
    for (position, &sync) in world.sync_ns.iter().enumerate() {
        within(sync, 0..=LONGEST_NS, &format!("world.sync_ns.{position}"))?;
    }
    for (position, &rate) in world.clock_ppm.iter().enumerate() {
        check_rate(rate, &format!("world.clock_ppm.{position}"))?;
    }
    check_offsets(world)?;
    check_numbers(world)?;
    known(world.traitors, world.nodes, "world.traitors")?;
    world.faults.iter().enumerate().try_for_each(|(position, fault)| {
        let path = format!("world.faults.{position}");
        check_fault(fault, world.nodes, &path)?;
        let Action::Betray { node, .. } = &fault.action else { return Ok(()) };
        demand(world.traitors.contains(*node), &format!("{path}.action"), || format!("{node} is no traitor"))
    })
}

/// All of them must be nodes of the world. A number of 64 bits may name many that are not.
fn known(set: NodeSet, nodes: u8, path: &str) -> Check {
    let all = NodeSet::all(usize::from(nodes));
    let strangers: Vec<NodeId> = set.iter().filter(|&node| !all.contains(node)).collect();
    demand(strangers.is_empty(), path, || {
        let (first, more) = strangers.split_at(strangers.len().min(3));
        let mut told: Vec<String> = first.iter().map(NodeId::to_string).collect();
        if !more.is_empty() {
            told.push(format!("{} more", more.len()));
        }
        let verb = if strangers.len() == 1 { "is" } else { "are" };
        format!("{} {verb} not among the {nodes} nodes of the world", told.join(", "))
    })
}

fn check_offsets(world: &World) -> Check {
    let (nodes, offsets) = (usize::from(world.nodes), &world.clock_offset_ns);
    demand(offsets.is_empty() || offsets.len() == nodes, "world.clock_offset_ns", || {
        format!("{nodes} nodes need {nodes} values here or none, found {}", offsets.len())
    })?;
    offsets.iter().enumerate().try_for_each(|(position, &offset)| {
        within(offset, 0..=LONGEST_NS, &format!("world.clock_offset_ns.{position}"))
    })
}

fn check_liveness(world: &World) -> Check {
    let Some(liveness) = world.liveness else { return Ok(()) };
    let all = NodeSet::all(usize::from(world.nodes));
    let is_core = !liveness.core.is_empty() && liveness.core.intersection(all) == liveness.core;
    demand(is_core, "world.liveness.core", || {
        format!("{} are not some of the {} nodes of the world", liveness.core, world.nodes)
    })?;
    let traitors = liveness.core.intersection(world.traitors);
    demand(traitors.is_empty(), "world.liveness.core", || format!("a traitor heals never: {traitors}"))?;
    // Many rounds of long ones may be longer than any run.
    within(liveness.bound_ns, 1..=u64::MAX, "world.liveness.bound_ns")?;
    within(liveness.latency_ns, 1..=LONGEST_NS, "world.liveness.latency_ns")
}

fn check_numbers(world: &World) -> Check {
    if let Arrival::Closed { think_ns } = world.client.arrival {
        within(think_ns, 0..=LONGEST_NS, "world.client.arrival")?;
    }
    within(u64::from(world.client.pending_max), 1..=1_000_000, "world.client.pending_max")?;
    within(world.client.timeout_ns, 1..=LONGEST_NS, "world.client.timeout_ns")?;
    within(u64::from(world.client.attempts_max), 1..=u64::from(u32::MAX), "world.client.attempts_max")?;
    within(
        u64::from(world.client.replies_needed),
        1..=u64::from(world.nodes),
        "world.client.replies_needed",
    )?;
    let rates = &world.rates;
    let parts = [
        ("world.rates.loss_ppm", rates.loss_ppm),
        ("world.rates.duplication_ppm", rates.duplication_ppm),
        ("world.rates.delay_ppm", rates.delay_ppm),
        ("world.rates.timer_ppm", rates.timer_ppm),
        ("world.rates.sync_ppm", rates.sync_ppm),
        ("world.rates.lost_ppm", rates.lost_ppm),
        ("world.rates.cut_ppm", rates.cut_ppm),
        ("world.rates.torn_ppm", rates.torn_ppm),
    ];
    for (path, ppm) in parts {
        within(u64::from(ppm), 0..=1_000_000, path)?;
    }
    within(u64::from(rates.delay_max_us), 0..=u64::from(DELAY_MAX_US), "world.rates.delay_max_us")?;
    within(rates.sync_max_ns, 0..=LONGEST_NS, "world.rates.sync_max_ns")?;
    within(world.limits.events_max, 1..=1_000_000_000_000, "world.limits.events_max")?;
    within(u64::from(world.limits.pending_max), 1..=10_000_000, "world.limits.pending_max")?;
    within(u64::from(world.limits.instant_max), 1..=10_000_000, "world.limits.instant_max")
}

fn check_rate(ppm: i32, path: &str) -> Check {
    demand(RATES_PPM.contains(&ppm), path, || {
        format!("{ppm} is out of bounds: from {} to {}", RATES_PPM.start(), RATES_PPM.end())
    })
}

fn check_fault(fault: &Fault, nodes: u8, path: &str) -> Check {
    within(fault.at_ns, 0..=LONGEST_NS, &format!("{path}.at_ns"))?;
    if let Some(lasting) = fault.lasting_ns {
        within(lasting, 1..=LONGEST_NS, &format!("{path}.lasting_ns"))?;
    }
    let path = &format!("{path}.action");
    let known = |set: NodeSet| known(set, nodes, path);
    let one = |node: NodeId| {
        demand(node.0 < nodes, path, || format!("{node} is not among the {nodes} nodes of the world"))
    };
    match &fault.action {
        Action::Crash { nodes: set }
        | Action::Wipe { nodes: set }
        | Action::Pause { nodes: set }
        | Action::LyingDisk { nodes: set }
        | Action::FullDisk { nodes: set } => {
            demand(!set.is_empty(), path, || "this strikes nobody".to_string()).and(known(*set))
        }
        Action::CrashAtWrite { node, write } => one(*node).and(within(u64::from(*write), 1..=u64::MAX, path)),
        Action::Partition { cuts: links, .. } | Action::Clog { links } => {
            demand(!links.is_empty(), path, || "this strikes nobody".to_string())?;
            links.iter().try_for_each(|&(from, to)| known(from).and(known(to)))
        }
        Action::Lose { from, to, .. } => known(*from).and(known(*to)),
        Action::Clock { node, rate_ppm } => one(*node).and(check_rate(*rate_ppm, path)),
        Action::SlowDisk { node, extra_ns } => one(*node).and(within(*extra_ns, 0..=LONGEST_NS, path)),
        Action::Expire { node, .. } => one(*node),
        Action::BitRot { node, record } => one(*node).and(within(u64::from(*record), 1..=u64::MAX, path)),
        Action::ClockJump { node, by_ns } => {
            one(*node).and(within(by_ns.unsigned_abs(), 0..=LONGEST_NS, path))
        }
        Action::Betray { node, to, deed } => {
            one(*node).and(known(*to))?;
            match deed {
                Deed::Delay { by_ns } => within(*by_ns, 0..=LONGEST_NS, path),
                Deed::Replay { back, .. } => within(u64::from(*back), 1..=u64::MAX, path),
                Deed::Twin { shared, .. } => known(*shared),
                Deed::Mute | Deed::Lie { .. } => Ok(()),
            }
        }
    }
}

fn check_decision(decision: &Decision, world: &World, path: &str) -> Check {
    let key = &decision.key;
    check_endpoint(key.source, world, path)?;
    check_endpoint(key.target, world, path)?;
    let is_twin = |endpoint: Endpoint| matches!(endpoint, Endpoint::Twin(_));
    demand(!is_twin(key.source) && !is_twin(key.target), path, || {
        "a decision names a node, never its twin: both share what is decided".to_string()
    })?;
    match key.kind {
        DecisionKind::Timer => within(decision.value - 1, 0..=LONGEST_NS, path),
        DecisionKind::Sync => within(decision.value, 0..=LONGEST_NS, path),
        // Any word is some fate, and a crash cannot take more than there is.
        DecisionKind::Fate
        | DecisionKind::Lost
        | DecisionKind::Cut
        | DecisionKind::Torn
        | DecisionKind::Write => Ok(()),
    }
}

fn check_endpoint(endpoint: Endpoint, world: &World, path: &str) -> Check {
    let known = match endpoint {
        Endpoint::Node(node) => node.0 < world.nodes,
        Endpoint::Client(client) => client.0 < world.clients,
        Endpoint::Twin(node) => world.traitors.contains(node),
    };
    demand(known, path, || {
        format!("there is no {endpoint}: the world has {} nodes and {} clients", world.nodes, world.clients)
    })
}

pub(super) fn check_event(header: &Header, before: Option<&TraceEvent>, event: &TraceEvent) -> Check {
    let (number, time) = before.map_or((0, 0), |before| (before.n, before.at));
    demand(event.n == number + 1, "n", || format!("event {} follows event {number}", event.n))?;
    demand(event.at >= time, "at", || {
        format!("event {} is at {}, but the one before it at {}", event.n, Span(event.at), Span(time))
    })?;
    demand(event.cause.is_none_or(|cause| (1..event.n).contains(&cause)), "cause", || {
        "the cause of an event comes before it".to_string()
    })?;
    demand(hexadecimal::parse(&event.digest).is_some(), "digest", || {
        "expected a digest of 16 hexadecimal digits".to_string()
    })?;
    let world = &header.world;
    event.who.map_or(Ok(()), |who| check_endpoint(who, world, "who"))?;
    event.from.map_or(Ok(()), |from| check_endpoint(from, world, "from"))?;
    event.effects.iter().enumerate().try_for_each(|(position, effect)| {
        effect.to.map_or(Ok(()), |to| check_endpoint(to, world, &format!("effects.{position}.to")))
    })
}

/// What a header says of flaws is what its configuration has on, under `flaws`, without the protocol's name.
fn check_flaws(header: &Header) -> Check {
    let mut seen = BTreeSet::new();
    for (position, flaw) in header.flaws.iter().enumerate() {
        let path = format!("flaws.{position}");
        let is_ours = flaw.split_once('/').is_some_and(|(protocol, _)| protocol == header.protocol);
        demand(is_ours, &path, || format!("`{flaw}` is no flaw of {}", header.protocol))?;
        demand(seen.insert(flaw.as_str()), &path, || format!("`{flaw}` is listed twice"))?;
    }
    // A protocol of somebody else's may keep them elsewhere.
    let Some(on) = header.config.get("flaws").and_then(serde_json::Value::as_array) else { return Ok(()) };
    let Some(on) = on.iter().map(serde_json::Value::as_str).collect::<Option<Vec<_>>>() else {
        return Ok(());
    };
    let on: BTreeSet<String> = on.iter().map(|flaw| format!("{}/{flaw}", header.protocol)).collect();
    let is_said = on.len() == seen.len() && on.iter().all(|flaw| seen.contains(flaw.as_str()));
    demand(is_said, "flaws", || {
        let told = |flaws: Vec<&str>| match flaws.as_slice() {
            [] => "none".to_string(),
            flaws => flaws.join(", "),
        };
        let (said, on) =
            (told(seen.iter().copied().collect()), told(on.iter().map(String::as_str).collect()));
        format!("the flaws of the header ({said}) are not those of its configuration ({on})")
    })
}

pub(super) fn check_verdict(header: &Header, events: usize, verdict: &Verdict) -> Check {
    demand(verdict.events == events as u64, "events", || {
        format!("the verdict counts {} events, the trace has {events}", verdict.events)
    })?;
    demand(verdict.events == header.events, "events", || {
        format!("the verdict counts {} events, the header {}", verdict.events, header.events)
    })?;
    demand(verdict.at_ns == header.simulated_ns, "at_ns", || {
        let (ended, said) = (Span(verdict.at_ns), Span(header.simulated_ns));
        format!("the verdict was known after {ended}, and the header says that the run ended after {said}")
    })?;
    demand(verdict.digest == header.digest, "digest", || {
        format!("the verdict's digest is {:016x}, the header's {:016x}", verdict.digest, header.digest)
    })?;
    demand(verdict.judgement == header.expect, "verdict", || "the header expects another verdict".to_string())
}
