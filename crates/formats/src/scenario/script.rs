//! What else is written by hand: `[[decision]]`, `[[operation]]`.

use std::collections::BTreeSet;

use quarrel_protocol::ClientId;
use quarrel_sim::decision::{Decision, DecisionKind, Endpoint, Key, Which};
use quarrel_sim::time::Span;

use super::bounds;
use super::check::{Mention, What};
use super::model::Asked;
use super::nodes::{parse_node, read_node};
use super::raw::Raw;
use super::sections::mention;
use super::source::Complaint;
use crate::input::quoted;

const KINDS: [(&str, DecisionKind); 7] = [
    ("fate", DecisionKind::Fate),
    ("timer", DecisionKind::Timer),
    ("sync", DecisionKind::Sync),
    ("lost", DecisionKind::Lost),
    ("cut", DecisionKind::Cut),
    ("torn", DecisionKind::Torn),
    ("write", DecisionKind::Write),
];

/// One `[[decision]]` that differs from those before it.
pub(super) fn read_decision(
    raw: &Raw,
    nodes: u8,
    clients: u8,
    seen: &mut BTreeSet<Key>,
    mentions: &mut Vec<Mention>,
) -> Result<Decision, Complaint> {
    let table = raw.table(&["kind", "from", "to", "of", "nth", "answer"])?;
    let kind = table.require("kind")?.word(&KINDS)?;
    let source = read_endpoint(table.require("from")?, nodes, clients)?;
    let target = match (kind, table.get("to")) {
        (DecisionKind::Fate, _) => read_endpoint(table.require("to")?, nodes, clients)?,
        (_, None) => source,
        (_, Some(to)) => return Err(to.complain("only the fate of a message has a receiver")),
    };
    let of = match (kind, table.get("of")) {
        (DecisionKind::Fate, _) => read_message(table.require("of")?, source, target, mentions)?,
        (DecisionKind::Timer, _) => mention(table.require("of")?, What::Timer, mentions)?,
        (_, None) => String::new(),
        (_, Some(of)) => return Err(of.complain("only messages and timers have a kind")),
    };
    if kind != DecisionKind::Fate && matches!(source, Endpoint::Client(_)) {
        return Err(table
            .require("from")?
            .complain("a client has no timer, no disk and no crash to decide about"));
    }
    let nth = table.require("nth")?.integer(1..=u32::MAX)?;
    let answer = table.require("answer")?;
    let value = Decision::parse(kind, answer.text()?).map_err(|_| {
        let words = match kind {
            DecisionKind::Fate => "\"lost\", \"late 300us\" or \"twice late 0us 40us\"",
            DecisionKind::Timer => "\"at 250ns\", counted from the start of the timer's range",
            DecisionKind::Sync => "\"300ns\" longer",
            DecisionKind::Lost | DecisionKind::Cut => "a number, such as \"2\"",
            DecisionKind::Torn => "\"torn\"",
            DecisionKind::Write => "\"lost\" or \"torn\"",
        };
        answer
            .complain("this does not answer that kind of decision")
            .with_help(format!("expected {words}; never zero"))
    })?;
    let key = Key { kind, source, target, of, which: Which::Nth(nth) };
    if !seen.insert(key.clone()) {
        return Err(raw.complain("this is decided twice"));
    }
    Ok(Decision { key, value })
}

fn read_endpoint(raw: &Raw, nodes: u8, clients: u8) -> Result<Endpoint, Complaint> {
    let text = raw.text()?;
    match text.strip_prefix('c') {
        Some(digits) => {
            let number = digits.parse().ok().filter(|number| (1..=clients).contains(number));
            let known = number.filter(|number: &u8| number.to_string() == digits);
            let client = known.map(|number| Endpoint::Client(ClientId(number - 1)));
            client.ok_or_else(|| raw.complain(no_client(&quoted(text), clients)))
        }
        None => parse_node(text, nodes).map(Endpoint::Node).map_err(|message| raw.complain(message)),
    }
}

fn no_client(client: &str, clients: u8) -> String {
    format!("there is no client {client}: the workload has {clients}, counted from 1")
}

/// Between clients and nodes there are requests and replies; between nodes, what the protocol sends.
fn read_message(
    raw: &Raw,
    source: Endpoint,
    target: Endpoint,
    mentions: &mut Vec<Mention>,
) -> Result<String, Complaint> {
    let only = match (source, target) {
        (Endpoint::Node(_), Endpoint::Node(_)) => return mention(raw, What::Message, mentions),
        (Endpoint::Client(_), Endpoint::Node(_)) => "request",
        (Endpoint::Node(_), Endpoint::Client(_)) => "reply",
        _ => return Err(raw.complain("clients send each other nothing")),
    };
    raw.word(&[(only, ())])?;
    Ok(only.to_string())
}

/// One `[[operation]]`, before the world ends at `end_ns`.
pub(super) fn read_operation(raw: &Raw, nodes: u8, clients: u8, end_ns: u64) -> Result<Asked, Complaint> {
    let table = raw.table(&["at", "client", "node", "asks"])?;
    let at = table.require("at")?;
    let at_ns = at.duration(bounds::ANY_TIME)?;
    if at_ns >= end_ns {
        return Err(at.complain(format!("the run ends at {}, before this is asked", Span(end_ns))));
    }
    let client = table.require("client")?;
    let number = client.integer(1..=u8::MAX)?;
    if number > clients {
        return Err(client
            .complain(no_client(&number.to_string(), clients))
            .with_help("see `clients` of [workload]"));
    }
    let node = table.get("node").map(|raw| read_node(raw, nodes)).transpose()?;
    let asks = table.get("asks");
    let words = asks.map(|raw| raw.text().map(ToString::to_string)).transpose()?;
    let place = asks.map_or(raw.place, |asks| asks.place);
    Ok(Asked { at_ns, client: ClientId(number - 1), node, words, place })
}
