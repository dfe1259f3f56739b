//! Every event with its effects.

use std::fmt::{self, Write};

use quarrel_formats::trace::Trace;
use quarrel_sim::record::{TraceEffect, TraceEvent};

use super::beat::requests;
use super::faults::strikes;
use super::short::{ending, opening};
use super::words::{COLUMNS, tidy, time, width, wrap};

/// Tells a run event by event.
#[must_use]
pub fn full(trace: &Trace) -> String {
    let mut text = String::new();
    match write_full(trace, &mut text) {
        Ok(()) => text,
        Err(_) => unreachable!("a string takes every text"),
    }
}

/// Tells a run event by event, line by line: for traces that are longer than one wants to hold twice.
///
/// # Errors
/// When `out` fails.
pub fn write_full(trace: &Trace, out: &mut impl Write) -> fmt::Result {
    for line in opening(trace) {
        writeln!(out, "{}", line.trim_end())?;
    }
    write_schedule(trace, out)?;
    let last = trace.events.iter().map(|event| event.n).max().unwrap_or(0);
    let wide = width(&last.to_string()) + 1;
    for event in &trace.events {
        write_event(event, wide, out)?;
    }
    writeln!(out)?;
    for line in ending(trace) {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// What the run depends on, beyond the defaults.
fn write_schedule(trace: &Trace, out: &mut impl Write) -> fmt::Result {
    let header = &trace.header;
    for fault in &header.world.faults {
        write_wrapped(&format!("  fault     {}  ", time(fault.at_ns)), &strikes(fault, &header.world), out)?;
    }
    for decision in &header.decisions {
        write_wrapped("  decision  ", &decision.to_string(), out)?;
    }
    let requests = requests(trace);
    for operation in &header.operations {
        let (id, client) = (operation.id, operation.client);
        // What was never asked has no words but its own.
        let request = requests.get(&id.to_string()).cloned().unwrap_or_else(|| operation.request.to_string());
        let text = format!("{client} asks for {id}: {request}");
        write_wrapped(&format!("  request   {}  ", time(operation.at_ns)), &text, out)?;
    }
    for order in &header.orders {
        let begins = format!("the operator asks {} to ", order.node);
        let told = |event: &&TraceEvent| event.at == order.at_ns && event.what.starts_with(&begins);
        let text = match trace.events.iter().filter(|event| event.kind == "order").find(told) {
            Some(event) => event.what.clone(),
            None => format!("{begins}{}", order.admin),
        };
        write_wrapped(&format!("  order     {}  ", time(order.at_ns)), &text, out)?;
    }
    writeln!(out)
}

fn write_event(event: &TraceEvent, wide: usize, out: &mut impl Write) -> fmt::Result {
    let number = format!("#{}", event.n);
    let who = event.who.map_or_else(|| "*".to_string(), |who| who.to_string());
    let head = format!("{number:>wide$} {:>10}  {who:<4}", time(event.at));
    let mut text = event.kind.to_string();
    if let Some(from) = event.from {
        text.push_str(&format!(" from {from}"));
    }
    if let Some(cause) = event.cause {
        text.push_str(&format!(" (#{cause})"));
    }
    if let Some(ns) = event.clock {
        text.push_str(&format!(", its clock at {}", time(ns)));
    }
    text.push_str(&format!(": {}", event.what));
    write_wrapped(&head, &text, out)?;
    let indent = " ".repeat(width(&head) + 2);
    event.effects.iter().try_for_each(|effect| write_effect(effect, &indent, out))
}

fn write_effect(effect: &TraceEffect, indent: &str, out: &mut impl Write) -> fmt::Result {
    let mut text = format!("{} {}", if effect.milestone { '*' } else { '-' }, effect.kind);
    if let Some(to) = effect.to {
        text.push_str(&format!(" to {to}"));
    }
    text.push_str(&format!(": {}", effect.what));
    if let Some(fate) = &effect.fate {
        text.push_str(&format!("  [{fate}]"));
    }
    write_wrapped(indent, &text, out)
}

/// Writes a text behind a head, and what does not fit below itself.
fn write_wrapped(head: &str, text: &str, out: &mut impl Write) -> fmt::Result {
    let indent = width(head).min(COLUMNS - 20);
    for (position, line) in wrap(&tidy(text), COLUMNS - indent - 2).into_iter().enumerate() {
        if position == 0 {
            writeln!(out, "{}", format!("{head}{line}").trim_end())?;
        } else {
            writeln!(out, "{}", format!("{:indent$}  {line}", "").trim_end())?;
        }
    }
    Ok(())
}
