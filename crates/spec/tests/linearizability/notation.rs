//! Histories as text: one operation a line, `c1 cas 1 2 = set: 3-7`, with `?` for a return that never came.

use quarrel_spec::linearizability::{History, Span};

use crate::models::Subject;

/// Reads a history.
pub(crate) fn read<S: Subject>(lines: &[&str]) -> History<S> {
    let history: History<S> = lines.iter().map(|line| read_line::<S>(line)).collect();
    let mut positions: Vec<u64> = Vec::new();
    for span in &history {
        positions.push(span.called);
        positions.extend(span.returned.as_ref().map(|(position, _)| *position));
    }
    let is_sorted = history.windows(2).all(|two| two[0].called < two[1].called);
    assert!(is_sorted, "operations stand in the order of their calls: {lines:#?}");
    positions.sort_unstable();
    assert!(positions.windows(2).all(|two| two[0] < two[1]), "no two events share a position: {lines:#?}");
    history
}

fn read_line<S: Subject>(line: &str) -> Span<S::Call, S::Answer> {
    let (words, interval) = line.split_once(": ").expect("an operation and its interval");
    let (called, returned) = interval.split_once('-').expect("an interval");
    let (call, answer) = words.split_once(" = ").unwrap_or((words, ""));
    let call: Vec<&str> = call.split_whitespace().collect();
    let answer: Vec<&str> = answer.split_whitespace().collect();
    let process = call[0].strip_prefix('c').expect("a client").parse().expect("a client's number");
    let call = S::read_call(process, &call[1..]);
    let returned = match returned {
        "?" => None,
        position => Some((position.parse().expect("a position"), S::read_answer(&call, &answer))),
    };
    Span { process, call, called: called.parse().expect("a position"), returned }
}
