//! Histories with a known explanation, made by letting each operation take effect somewhere in its interval.

use quarrel_spec::linearizability::{History, Placed, Span};

use crate::models::Subject;

/// One operation of a history to be.
#[derive(Clone, Debug)]
pub(crate) struct Draft<C> {
    pub(crate) process: u64,
    pub(crate) call: C,
    /// How long the process waits before it.
    pub(crate) pause: u64,
    pub(crate) duration: u64,
    /// Where in its interval it takes effect, in sixteenths. One of unknown outcome takes effect after twice its
    /// duration at the latest, and from 12 on never.
    pub(crate) point: u64,
    pub(crate) is_known: bool,
    /// What to do to the answer.
    pub(crate) distort: Option<u8>,
}

/// A history and the order in which its operations took effect.
pub(crate) struct Made<S: Subject> {
    pub(crate) history: History<S>,
    pub(crate) order: Vec<Placed>,
}

/// The history alone.
pub(crate) fn history_of<S: Subject>(drafts: &[Draft<S::Call>]) -> History<S> {
    make::<S>(drafts).history
}

/// Lets the operations happen. Without distorted answers the history is linearizable, and the order says why.
pub(crate) fn make<S: Subject>(drafts: &[Draft<S::Call>]) -> Made<S> {
    let model = S::new(crate::models::Hints::None);
    let intervals = intervals(drafts);
    let mut effects: Vec<(u64, usize)> = (0..drafts.len())
        .filter(|&index| drafts[index].is_known || drafts[index].point < 12)
        .map(|index| (intervals[index].2, index))
        .collect();
    effects.sort_unstable();
    let mut states = std::collections::BTreeMap::new();
    let mut answers = vec![None; drafts.len()];
    for &(_, index) in &effects {
        let call = &drafts[index].call;
        let state = states.entry(model.part(call)).or_insert_with(|| model.initial());
        answers[index] = Some(model.apply(state, call));
    }
    // Calls and returns get positions of their own; at one time, calls come first.
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (index, &(called, returned, _)) in intervals.iter().enumerate() {
        events.push((called, false, index));
        if drafts[index].is_known {
            events.push((returned, true, index));
        }
    }
    events.sort_unstable();
    let mut history: History<S> = Vec::new();
    let mut place = vec![0; drafts.len()];
    for (position, &(_, is_return, index)) in events.iter().enumerate() {
        let position = position as u64;
        let Draft { process, call, distort, .. } = &drafts[index];
        if is_return {
            let answer = answers[index].clone().expect("it took effect");
            let answer = distort.map_or_else(|| answer.clone(), |by| S::distort(&answer, by));
            history[place[index]].returned = Some((position, answer));
        } else {
            place[index] = history.len();
            let span = Span { process: *process, call: call.clone(), called: position, returned: None };
            history.push(span);
        }
    }
    let order =
        effects.iter().zip(0..).map(|(&(_, index), position)| Placed { operation: place[index], position });
    Made { order: order.collect(), history }
}

/// Call, return and effect of each draft, in a time with room between its ticks.
fn intervals<C>(drafts: &[Draft<C>]) -> Vec<(u64, u64, u64)> {
    let mut clocks = std::collections::BTreeMap::new();
    let mut intervals = Vec::new();
    for Draft { process, pause, duration, point, is_known, .. } in drafts {
        let clock = clocks.entry(*process).or_insert(0);
        let called = *clock + pause * 64;
        let returned = called + duration * 64;
        // A client that was told nothing goes on under a new name, perhaps before its operation takes effect.
        *clock = if *is_known { returned + 1 } else { called + 1 };
        let reach = if *is_known { duration * 4 } else { duration * 8 };
        intervals.push((called, returned, called + reach * point + 1));
    }
    intervals
}
