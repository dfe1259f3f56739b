//! What an operator asks: `[operator]` again and again, `[[order]]` at one time.

use quarrel_sim::time::Span;

use super::bounds;
use super::check::{Mention, What};
use super::model::{During, Operator, Ordered};
use super::nodes::read_node;
use super::raw::{Off, Raw};
use super::sections::{mention, one_of, read_chance};
use super::source::Complaint;

/// `[operator]`, in a world whose faults may strike for `duration_ns`.
pub(super) fn read_operator(
    raw: &Raw,
    duration_ns: u64,
    mentions: &mut Vec<Mention>,
) -> Result<Operator, Complaint> {
    let table = raw.table(&["chance", "every", "asks", "during"])?;
    mentions.push(Mention::new(What::Operator, "", raw.place));
    let every = table.require("every")?;
    let every_ns = every.draw(Off::Impossible, |raw| raw.duration(bounds::FAULT_GAP))?;
    if duration_ns / every_ns.least() > bounds::ORDERS_MAX {
        let gap = Span(duration_ns / bounds::ORDERS_MAX);
        let message =
            format!("that is over a hundred thousand orders in a run: leave at least {gap} between");
        return Err(every.complain(message));
    }
    let mut asks = Vec::new();
    table.read("asks", &mut asks, |raw| raw.list(|item| mention(item, What::Order, mentions)))?;
    let mut during = vec![During::Always];
    let times = [("always", During::Always), ("partition", During::Partition)];
    table.read("during", &mut during, |raw| one_of(raw, |raw| raw.word(&times)))?;
    Ok(Operator { chance_ppm: read_chance(table.get("chance"))?, every_ns, asks, during })
}

/// One `[[order]]`, before the world ends at `end_ns`.
pub(super) fn read_order(
    raw: &Raw,
    nodes: u8,
    end_ns: u64,
    mentions: &mut Vec<Mention>,
) -> Result<Ordered, Complaint> {
    let table = raw.table(&["at", "node", "asks"])?;
    let at = table.require("at")?;
    let at_ns = at.duration(bounds::ANY_TIME)?;
    if at_ns >= end_ns {
        return Err(at.complain(format!("the run ends at {}, before this order is given", Span(end_ns))));
    }
    let node = read_node(table.require("node")?, nodes)?;
    let asks = table.require("asks")?;
    mentions.push(Mention::new(What::Operator, "", asks.place));
    Ok(Ordered { at_ns, node, words: asks.text()?.to_string(), place: asks.place })
}
