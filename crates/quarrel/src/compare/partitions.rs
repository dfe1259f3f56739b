//! How many operations are completed while a minority is cut off, and while a majority is down. Clients reach every
//! node, and ask another one when they hear nothing, as far as the problem lets them.

use quarrel_formats::InputError;
use quarrel_formats::trace::Oracle;
use quarrel_harness::oracle::Judges;
use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::time::{MILLISECOND, SECOND};

use super::crashes::rehearse;
use super::script::{PATIENCE, SETTLED_NS};
use super::sheet::{Figure, Row};
use super::{Desk, Part};

/// How many operations are asked.
const OPERATIONS: u32 = 40;
/// The gap between them.
const EVERY_NS: u64 = 25 * MILLISECOND;
/// How long the last one may take.
const SPARE_NS: u64 = 2 * SECOND;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    CutOff,
    Down,
}

pub(super) fn measure(desk: &Desk<'_>) -> Result<Part, InputError> {
    let (minority, majority) = ((desk.nodes() - 1) / 2, desk.nodes() / 2 + 1);
    let cases = [
        (Row::MinorityOfOthers, Trouble::CutOff, minority, false),
        (Row::MinorityWithLeader, Trouble::CutOff, minority, true),
        (Row::MajorityOfOthers, Trouble::Down, majority, false),
        (Row::MajorityWithLeader, Trouble::Down, majority, true),
    ];
    let leader = rehearse(desk, desk.plan.run_seed(0), "")?.map(|answered| answered.node);
    let mut part = Part::default();
    for (row, trouble, count, with_leader) in cases {
        let others = desk.nodes() - 1;
        // A majority without the leader needs as many others.
        let is_moot = count == 0 || (!with_leader && count > others);
        let figure = match leader {
            Some(leader) if !is_moot => completed(desk, trouble, who(desk, leader, count, with_leader))?,
            _ => Figure::Moot,
        };
        part.cells.push((row, figure.into()));
    }
    Ok(part)
}

/// The leader and others, or others alone, from the last one on: a client that hears nothing from the leader asks the
/// next node, and must not be sent back for ever by followers that are cut off with it.
fn who(desk: &Desk<'_>, leader: NodeId, count: u8, with_leader: bool) -> NodeSet {
    let mut others: Vec<NodeId> = NodeId::all(usize::from(desk.nodes())).collect();
    others.retain(|&node| node != leader);
    others.reverse();
    let count = usize::from(count) - usize::from(with_leader);
    others.into_iter().take(count).chain(with_leader.then_some(leader)).collect()
}

fn completed(desk: &Desk<'_>, trouble: Trouble, nodes: NodeSet) -> Result<Figure, InputError> {
    let once = desk.description.decides_once();
    let (runs, each) = if once { (OPERATIONS, 1) } else { (1, OPERATIONS) };
    let (mut done, mut aborted, mut asked) = (0, 0, 0);
    for run in 0..runs {
        let start_ns = if once { 100 * MILLISECOND } else { SETTLED_NS };
        let end_ns = start_ns + u64::from(each) * EVERY_NS + SPARE_NS;
        let mut script = desk.script(end_ns);
        if !desk.description.is_commit() {
            script.workload.push_str(PATIENCE);
        }
        if !once {
            script.ask(start_ns - SECOND / 2, None);
        }
        match trouble {
            Trouble::CutOff => script.cut_off(start_ns, nodes, desk.nodes()),
            Trouble::Down => script.crash(start_ns, nodes, None),
        }
        for number in 1..=each {
            // Each run asks another node first.
            let first = once.then(|| NodeId((run % u32::from(desk.nodes())) as u8));
            script.ask_apart(start_ns + u64::from(number) * EVERY_NS, first);
        }
        // Nobody looks inside: a run goes on although nodes may part ways in it.
        let judges = Judges { jury: Oracle::Clients, skips_histories: true };
        let tally = desk.trial(&script, judges)?.run(desk.plan.run_seed(u64::from(run))).tally;
        let before = u64::from(!once);
        done += tally.asked.answered.saturating_sub(before);
        // That nothing was done is an answer as well, and of a transaction a decision. None was turned away unsent.
        aborted += tally.asked.failed - tally.asked.turned_away;
        asked += tally.asked.started.saturating_sub(before);
    }
    Ok(Figure::Share { done, aborted, asked })
}
