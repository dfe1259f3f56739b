//! Reading what a run recorded: which request caused what, who decided when, which writes were waited for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use quarrel_protocol::NodeId;
use quarrel_sim::decision::Endpoint;
use quarrel_sim::record::{TraceEffect, TraceEvent};

/// A request that was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Answered {
    /// The position of the event in which the node that answered had been asked.
    pub(super) request: usize,
    /// Who answered.
    pub(super) node: NodeId,
    /// When the request had arrived there.
    pub(super) arrived_ns: u64,
    /// When the answer left.
    pub(super) answered_ns: u64,
}

/// Whether this is about the operation of that number: `op7: write v3`.
fn is_about(what: &str, number: u32) -> bool {
    let name = what.split_once(':').and_then(|(name, _)| name.strip_prefix("op"));
    name.and_then(|digits| digits.parse().ok()) == Some(number)
}

const fn node_of(endpoint: Option<Endpoint>) -> Option<NodeId> {
    match endpoint {
        Some(Endpoint::Node(node) | Endpoint::Twin(node)) => Some(node),
        Some(Endpoint::Client(_)) | None => None,
    }
}

/// How the operation of that number was answered, if it was.
pub(super) fn answered(events: &[TraceEvent], number: u32) -> Option<Answered> {
    let answer = events.iter().find(|event| event.kind == "answer" && is_about(&event.what, number))?;
    let node = node_of(answer.from)?;
    let sent = events.iter().find(|event| Some(event.n) == answer.cause)?;
    let asked = |event: &TraceEvent| {
        event.kind == "request" && event.who == answer.from && is_about(&event.what, number)
    };
    let request = events.iter().rposition(|event| event.n <= sent.n && asked(event))?;
    Some(Answered { request, node, arrived_ns: events[request].at, answered_ns: sent.at })
}

/// The events that this one caused, and it: by the messages that were sent in one and arrived in another.
pub(super) fn caused_by(events: &[TraceEvent], first: usize) -> BTreeSet<u64> {
    let mut caused = BTreeSet::from([events[first].n]);
    for event in &events[first + 1..] {
        if event.cause.is_some_and(|cause| caused.contains(&cause)) && node_of(event.who).is_some() {
            caused.insert(event.n);
        }
    }
    caused
}

/// An output that begins with these words has been released here.
fn puts_out(effect: &TraceEffect, words: &str) -> bool {
    effect.kind == "output" && effect.fate.is_none() && effect.what.starts_with(words)
}

/// When each node first put out something that begins so, and in which event.
pub(super) fn outputs(events: &[TraceEvent], words: &str) -> BTreeMap<NodeId, (u64, u64)> {
    let mut first = BTreeMap::new();
    for event in events {
        if let Some(node) = node_of(event.who)
            && event.effects.iter().any(|effect| puts_out(effect, words))
        {
            first.entry(node).or_insert((event.at, event.n));
        }
    }
    first
}

/// One write to a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Written {
    /// The position of the event in which it was pushed.
    pub(super) event: usize,
    /// Whether a message, a reply or an output waited for it.
    pub(super) forced: bool,
}

/// All writes of a run whose disks take time.
pub(super) fn writes(events: &[TraceEvent]) -> Vec<Written> {
    let mut writes: Vec<Written> = Vec::new();
    // For each node: how many writes it has made, and those that no sync has covered, by number and place above.
    let mut nodes: BTreeMap<NodeId, (u64, VecDeque<(u64, usize)>)> = BTreeMap::new();
    for (position, event) in events.iter().enumerate() {
        let Some(node) = node_of(event.who) else { continue };
        let (written, open) = nodes.entry(node).or_default();
        if event.kind == "sync" {
            let digits = event.what.split(' ').next().unwrap_or_default().replace(',', "");
            let synced: u64 = digits.parse().unwrap_or(0);
            open.retain(|(number, _)| *number > synced);
        }
        for effect in &event.effects {
            match (&*effect.kind, effect.fate.as_deref()) {
                ("persist" | "compact", _) => {
                    *written += 1;
                    open.push_back((*written, writes.len()));
                    writes.push(Written { event: position, forced: false });
                }
                ("send" | "reply" | "output", Some("held")) => {
                    open.iter().for_each(|&(_, place)| writes[place].forced = true);
                }
                _ => {}
            }
        }
    }
    writes
}

/// How many of the writes pushed in these events were forced, and how many were lazy.
pub(super) fn forced_and_lazy(writes: &[Written], events: &Range<usize>) -> (u64, u64) {
    let within = || writes.iter().filter(|written| events.contains(&written.event));
    let forced = within().filter(|written| written.forced).count() as u64;
    (forced, within().count() as u64 - forced)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: u64, who: Endpoint, kind: &str, what: &str, cause: Option<u64>) -> TraceEvent {
        let (kind, what, digest) = (kind.to_string().into(), what.to_string(), String::new());
        let (clock, from, fate, effects) = (None, None, None, Vec::new());
        TraceEvent { n, at: 10 * n, who: Some(who), cause, kind, what, clock, from, fate, effects, digest }
    }

    fn effect(kind: &str, what: &str, fate: Option<&str>) -> TraceEffect {
        let (kind, what, fate) = (kind.to_string().into(), what.to_string(), fate.map(ToString::to_string));
        TraceEffect { kind, what, to: None, fate, milestone: false }
    }

    const N1: Endpoint = Endpoint::Node(NodeId(0));
    const N2: Endpoint = Endpoint::Node(NodeId(1));

    #[test]
    fn what_a_request_causes_ends_where_timers_begin() {
        let events = [
            event(1, N1, "boot", "", None),
            event(2, N1, "request", "op12: write v1", None),
            event(3, N2, "deliver", "", Some(2)),
            event(4, N2, "timer", "", None),
            event(5, N1, "deliver", "", Some(4)),
            event(6, N1, "deliver", "", Some(3)),
        ];
        assert_eq!(caused_by(&events, 1), BTreeSet::from([2, 3, 6]));
        assert!(is_about(&events[1].what, 12) && !is_about(&events[1].what, 1));
    }

    #[test]
    fn a_write_is_forced_if_something_waits_for_it() {
        let mut step = event(1, N1, "deliver", "", None);
        step.effects = vec![
            effect("send", "before", None),
            effect("persist", "first", None),
            effect("send", "after", Some("held")),
            effect("persist", "second", None),
            effect("announce", "only observers hear it", Some("held")),
        ];
        let sync = event(2, N1, "sync", "2 writes are durable", None);
        let mut late = event(3, N1, "deliver", "", None);
        late.effects = vec![effect("persist", "third", None), effect("output", "decides", Some("held"))];
        let writes = writes(&[step, sync, late]);
        let forced: Vec<bool> = writes.iter().map(|written| written.forced).collect();
        assert_eq!(forced, [true, false, true], "the second was durable before the last output");
        assert_eq!(forced_and_lazy(&writes, &(0..2)), (1, 1));
    }
}
