//! How many simultaneous crashes stop a protocol, and whether any number breaks it: each number is tried at several
//! moments of a request that is under way, with the leader among those that crash and without.

use quarrel_formats::InputError;
use quarrel_harness::oracle::Judges;
use quarrel_harness::run::Metered;
use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::time::{MILLISECOND, SECOND};

use super::ledger::{self, Answered};
use super::script::{LATENCY_NS, PATIENCE, SETTLED_NS, Script};
use super::sheet::{Figure, Row, Verdict};
use super::{Desk, Part};

/// How long those that are left may take to decide: many timeouts of any protocol. A termination protocol may have to
/// follow one coordinator after the other.
const BOUND_NS: u64 = 5 * SECOND;
const COMMIT_BOUND_NS: u64 = 20 * SECOND;
/// The moments of the crash: so many halves of a message delay after the request has arrived.
pub(super) const MOMENTS: [u64; 6] = [1, 3, 5, 7, 9, 11];

/// Who crashes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    /// The leader, and others from the first on.
    LeaderAndOthers,
    /// Others from the first on.
    Others,
}

pub(super) fn measure(desk: &Desk<'_>, among: Among) -> Result<Part, InputError> {
    let (row, class, most) = match among {
        Among::LeaderAndOthers => (Row::CrashesWithLeader, "crashes at once, leader +", desk.nodes() - 1),
        Among::Others => (Row::CrashesOfOthers, "crashes at once, others", desk.nodes() - 1),
    };
    let mut verdict = Verdict::new(class);
    let mut stops = None;
    let Some(rehearsed) = rehearse(desk, desk.plan.run_seed(0), "")? else {
        return Ok(Part { cells: vec![(row, Figure::Moot.into())], ..Part::default() });
    };
    for count in 1..=most {
        let struck = struck(desk, rehearsed.node, among, count);
        for moment in MOMENTS {
            if (desk.stop)() {
                return Ok(Part::default());
            }
            let at_ns = rehearsed.arrived_ns + moment * LATENCY_NS / 2;
            let (metered, asked) = strike(desk, struck, at_ns)?;
            verdict.runs += 1;
            verdict.struck += 1;
            verdict.strayed += u64::from(!metered.outcome.strayed.is_empty());
            if let Some(violation) = metered.outcome.verdict() {
                let reasons = &metered.outcome.outside;
                let seed = desk.plan.run_seed(0);
                verdict.note(violation, 1, u64::from(!reasons.is_empty()), Some((seed, reasons)));
            }
            if stops.is_none() && !goes_on(desk, &metered, struck, asked) {
                stops = Some(count);
            }
        }
    }
    let figure = match (stops, among) {
        (Some(count), _) => Figure::whole(u64::from(count)),
        // Who is left decides alone; when nobody is left, nobody does.
        (None, Among::LeaderAndOthers) => Figure::whole(u64::from(desk.nodes())),
        (None, Among::Others) => Figure::None,
    };
    let verdicts = if most == 0 { Vec::new() } else { vec![verdict] };
    Ok(Part { cells: vec![(row, figure.into())], verdicts, ..Part::default() })
}

/// A script that ends with a request under way, and the request's number.
pub(super) fn under_way<'a>(desk: &Desk<'a>, duration_ns: u64, clock: &str) -> (Script<'a>, u32) {
    let mut script = desk.script(duration_ns);
    script.clock = clock.to_string();
    // Who hears nothing asks elsewhere soon, as often as it takes.
    let patience = if desk.description.is_commit() { "" } else { PATIENCE };
    script.workload.push_str(patience);
    let number = if desk.description.decides_once() {
        script.ask(100 * MILLISECOND, Some(NodeId(0)))
    } else {
        // The first one finds out who leads.
        script.ask(SETTLED_NS - SECOND / 2, None);
        script.ask(SETTLED_NS, None)
    };
    (script, number)
}

/// Who answers the request that will be under way, and when it arrives there, if nothing goes wrong.
pub(super) fn rehearse(desk: &Desk<'_>, seed: u64, clock: &str) -> Result<Option<Answered>, InputError> {
    let (script, number) = under_way(desk, SETTLED_NS + SECOND, clock);
    let metered = desk.trial(&script, Judges::default())?.metered(seed);
    Ok(ledger::answered(&metered.events, number))
}

fn struck(desk: &Desk<'_>, leader: NodeId, among: Among, count: u8) -> NodeSet {
    let others = NodeId::all(usize::from(desk.nodes())).filter(|&node| node != leader);
    match among {
        Among::LeaderAndOthers => others.take(usize::from(count) - 1).chain([leader]).collect(),
        Among::Others => others.take(usize::from(count)).collect(),
    }
}

/// Runs the crash of these nodes; returns the request that those who are left are asked afterwards.
fn strike(desk: &Desk<'_>, struck: NodeSet, at_ns: u64) -> Result<(Metered, u32), InputError> {
    let bound_ns = if desk.description.is_commit() { COMMIT_BOUND_NS } else { BOUND_NS };
    let (mut script, under_way) = under_way(desk, at_ns + bound_ns, "");
    script.crash(at_ns, struck, None);
    let left = struck.complement(usize::from(desk.nodes())).iter().next();
    let asked =
        if desk.description.is_commit() { under_way } else { script.ask_apart(at_ns + LATENCY_NS, left) };
    Ok((desk.trial(&script, Judges::default())?.metered(desk.plan.run_seed(0)), asked))
}

/// Whether those that are left get on: they answer what they are asked; or all of them who take part in a transaction
/// come to know what becomes of it.
fn goes_on(desk: &Desk<'_>, metered: &Metered, struck: NodeSet, asked: u32) -> bool {
    if desk.description.is_commit() {
        return undecided(desk, metered, struck).is_empty();
    }
    ledger::answered(&metered.events, asked).is_some()
}

/// Who has begun or voted and has not decided, of those that did not crash. Earlier transactions are decided.
fn undecided(desk: &Desk<'_>, metered: &Metered, struck: NodeSet) -> Vec<NodeId> {
    let since_ns = SETTLED_NS;
    let first = metered.events.partition_point(|event| event.at < since_ns);
    let events = &metered.events[first..];
    let decided = ledger::outputs(events, desk.description.decides);
    let mut bound = ledger::outputs(events, "votes yes");
    bound.extend(ledger::outputs(events, "begins"));
    bound.into_keys().filter(|node| !struck.contains(*node) && !decided.contains_key(node)).collect()
}
