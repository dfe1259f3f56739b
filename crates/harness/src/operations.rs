//! What clients ask in a run, and when.

use quarrel_formats::Scenario;
use quarrel_protocol::{ClientId, NodeId, RequestId};
use quarrel_sim::draw::exponential;
use quarrel_sim::time::MILLISECOND;
use quarrel_sim::world::{Operation, Repeats, World};
use quarrel_spec::workload::Workload;

use crate::dice::Dice;
use crate::subject::{Asker, Subject};

/// How much shorter the gaps within a burst are.
const BURST_FACTOR: u64 = 16;

/// Draws the operations of a run: those of the workload and by hand, then the scan.
pub(crate) fn draw<P: Subject>(
    scenario: &Scenario,
    asked: &Workload,
    world: &World,
    round_ns: u64,
    seed: u64,
) -> Vec<Operation<P::Request>> {
    let mut operations = draw_workload::<P>(scenario, asked, world, seed);
    let Some(liveness) = world.liveness else { return operations };
    // Everything is read back when the core has had time to collect itself.
    let number = operations.len() as u32;
    let clients = operations.iter().map(|operation| operation.client.0 + 1).max().unwrap_or(1);
    let last_ns = operations.iter().map(|operation| operation.at_ns).max().unwrap_or(0);
    let start_ns = world.duration_ns.saturating_add(round_ns).max(last_ns.saturating_add(1));
    for (nth, (asks, request)) in (0u32..).zip(P::scan(asked, liveness.core, number)) {
        let at_ns = start_ns.saturating_add(u64::from(nth) * MILLISECOND);
        let client = ClientId((nth % u32::from(clients)) as u8);
        let (id, repeats) = (RequestId(number + nth), repeats::<P>(&request));
        operations.push(Operation { at_ns, client, asks, id, repeats, request });
    }
    operations
}

fn draw_workload<P: Subject>(
    scenario: &Scenario,
    asked: &Workload,
    world: &World,
    seed: u64,
) -> Vec<Operation<P::Request>> {
    // Who asks in the last moment of a run cannot be answered: the second half of the healing is for answers. Where a
    // core must come back, everybody is answered in any case.
    let spare_ns = if world.liveness.is_some() { 0 } else { world.healing_ns / 2 };
    let end_ns = world.duration_ns.saturating_add(spare_ns);
    let nodes = world.nodes;
    let mut dice = Dice::new(seed, "workload");
    let workload = &scenario.workload;
    let count = dice.count(&workload.operations).unwrap_or(0);
    let clients = u64::from(dice.count(&workload.clients).unwrap_or(1).max(1));
    let mean = dice.scale(&workload.every_ns).unwrap_or(MILLISECOND);
    let burst = dice.scale(&workload.burst).unwrap_or(1).max(1);
    let mut at_ns = 0u64;
    let mut operations = Vec::with_capacity(scenario.operations.len());
    for number in 0..count {
        // Within a burst the gaps are short; the pause before it about keeps the mean.
        let gap = match number % burst {
            _ if burst == 1 => exponential(dice.word(), mean),
            0 => {
                let pause = mean.saturating_mul(u64::from(burst));
                dice.between(pause - pause / 4, pause)
            }
            _ => exponential(dice.word(), mean / BURST_FACTOR),
        };
        at_ns = at_ns.saturating_add(gap.max(1));
        // Nobody lives to ask this, nor what would follow.
        if at_ns > end_ns || (world.liveness.is_some() && at_ns == end_ns) {
            break;
        }
        let client = ClientId(dice.between(0, clients - 1) as u8);
        operations.push((at_ns, client, None, None));
    }
    let by_hand = scenario.operations.iter();
    operations.extend(by_hand.map(|asked| (asked.at_ns, asked.client, asked.node, asked.words.as_deref())));
    operations.sort_by_key(|&(at_ns, client, ..)| (at_ns, client.0));
    let asks = |node: Option<NodeId>| node.filter(|node| node.0 < nodes);
    let mut dice = Dice::new(seed, "requests");
    (0u32..)
        .zip(operations)
        .map(|(number, (at_ns, client, node, words))| {
            let request = match words {
                Some(words) => P::parse_request(words).expect("a trial checks what is written by hand"),
                None => P::request(&mut Asker { number, client, workload: asked, dice: &mut dice }),
            };
            let (id, repeats) = (RequestId(number), repeats::<P>(&request));
            Operation { at_ns, client, asks: asks(node), id, repeats, request }
        })
        .collect()
}

fn repeats<P: Subject>(request: &P::Request) -> Repeats {
    if P::may_repeat(request) { Repeats::Freely } else { Repeats::Never }
}
