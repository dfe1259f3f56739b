//! Why a part has no order: how far one can get.

use super::position::Operation;
use super::search::{Aim, Progress, Search};
use super::timeline::return_of;
use super::verdict::{Explanation, Step};
use super::{Model, Span};

/// Steps beyond those of the search itself, for a closer look at the point where orders end.
const LAST_LOOK_STEPS: u64 = 20_000;
/// So many answers are listed.
const POSSIBLE_MAX: usize = 16;

/// Explains a part whose search is exhausted. `spent` is what the whole check has used so far.
///
/// If the search foresaw nothing, then its furthest order is a furthest one. A look ahead, however, cuts orders off
/// for the sake of operations that return much later, and so before they have come as far as they can. Then the
/// furthest return is looked for in strides: whether an order gets as far as some return is a search of its own, that
/// looks no further ahead than that.
pub(super) fn explain<M: Model>(
    search: &mut Search<'_, M>,
    model: &M,
    history: &[Span<M::Call, M::Answer>],
    part: Option<u64>,
    missed: u32,
    budget: u64,
    spent: u64,
) -> Explanation<M::Answer> {
    let before = search.steps;
    let is_proven = missed == search.timeline.len() && !search.foresaw;
    let is_furthest = is_proven || {
        let ceiling = before.saturating_add((budget.saturating_sub(spent)).max(LAST_LOOK_STEPS));
        find_furthest(search, missed, ceiling)
    };
    let stuck = search.timeline.returned[search.reach.front as usize].source as usize;
    let (_, seen) = history[stuck].returned.clone().expect("only a return can be in the way");
    let mut possible = possible(search);
    let mut order = order(search);
    if let Some(needed) = without_the_unknown(model, history, &order, stuck) {
        let (_, answer) = play(model, history, &needed, stuck);
        // What this very order leads to is told first.
        possible.retain(|other| *other != answer);
        possible.insert(0, answer);
        possible.truncate(POSSIBLE_MAX);
        order = needed;
    }
    let mut state = model.initial();
    let step =
        |operation: usize| Step { operation, answer: model.apply(&mut state, &history[operation].call) };
    Explanation {
        part,
        prefix: order.into_iter().map(step).collect(),
        stuck,
        seen,
        possible,
        overlapping: overlapping(search, history, stuck),
        is_furthest,
        steps: spent + (search.steps - before),
    }
}

/// Leaves the furthest order in the search's reach. Says whether it is proven to be that.
fn find_furthest<M: Model>(search: &mut Search<'_, M>, mut missed: u32, ceiling: u64) -> bool {
    let first = std::mem::take(&mut search.reach);
    // Invariant: some order gets as far as `reached`, and none covers all before `missed`.
    let mut reached = first.front;
    // The end is mostly near: strides double until one is too long, and are halved from then on. A shadow knows
    // better.
    let mut stride = if missed < search.timeline.len() { missed } else { 1 };
    let (mut cost, mut is_proven) = (0, true);
    while missed - reached > 1 {
        let furthest = if stride >= missed { missed - 1 } else { reached + (missed - reached) / 2 };
        let goal = reached.saturating_add(stride).min(furthest);
        search.restart(Aim { goal, care: goal });
        let start = search.steps;
        match search.run(ceiling) {
            Progress::Found => {
                reached = goal;
                cost = search.steps - start;
                stride *= 2;
            }
            Progress::Exhausted => (missed, stride) = (goal, stride.min((goal - reached) / 2).max(1)),
            Progress::Paused => {
                is_proven = false;
                break;
            }
        }
    }
    // Once more, without looking out for the operation that is in the way: until it is found to be.
    search.restart(Aim { goal: reached + 1, care: reached });
    search.run(search.steps + cost + LAST_LOOK_STEPS);
    search.note_end();
    if search.reach.front < first.front {
        search.reach = first;
    }
    is_proven && search.reach.front == reached
}

/// An order tells more without what nobody was told of: the search leaves operations of unknown outcome wherever it
/// tried them last, often at the end, where they would pass for what is in the way. Those that nothing before the stuck
/// operation needs are left out, the last first; none of the others moves. `None` if the order is not its own witness.
fn without_the_unknown<M: Model>(
    model: &M,
    history: &[Span<M::Call, M::Answer>],
    order: &[usize],
    stuck: usize,
) -> Option<Vec<usize>> {
    /// More calls of the model are not worth a clearer sentence.
    const CALLS_MAX: usize = 1_000_000;
    let unknown: Vec<usize> =
        order.iter().copied().filter(|&operation| history[operation].returned.is_none()).collect();
    let seen = history[stuck].returned.as_ref().map(|(_, seen)| seen);
    let explains = |order: &[usize]| {
        let (agrees, answer) = play(model, history, order, stuck);
        agrees && seen.is_some_and(|seen| !model.agrees(&answer, seen))
    };
    if unknown.len().saturating_mul(order.len()) > CALLS_MAX || !explains(order) {
        return None;
    }
    let mut kept = order.to_vec();
    for operation in unknown.into_iter().rev() {
        let fewer: Vec<usize> = kept.iter().copied().filter(|&other| other != operation).collect();
        if explains(&fewer) {
            kept = fewer;
        }
    }
    Some(kept)
}

/// Whether everybody is told in this order what they were told, and what the stuck operation is told behind it.
fn play<M: Model>(
    model: &M,
    history: &[Span<M::Call, M::Answer>],
    order: &[usize],
    stuck: usize,
) -> (bool, M::Answer) {
    let mut state = model.initial();
    let agrees = order.iter().all(|&operation| {
        let answer = model.apply(&mut state, &history[operation].call);
        history[operation].returned.as_ref().is_none_or(|(_, told)| model.agrees(&answer, told))
    });
    (agrees, model.apply(&mut state, &history[stuck].call))
}

/// The furthest order, by the operations' numbers in the history.
fn order<M: Model>(search: &Search<'_, M>) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::with_capacity(search.reach.path.len());
    let mut overwritten_at = None;
    for operation in &search.reach.path {
        let (source, overwrites) = match *operation {
            Operation::Returned(id) | Operation::Absorbed(id) => {
                let operation = &search.timeline.returned[id as usize];
                (operation.source as usize, operation.overwrites)
            }
            Operation::Unknown(id) => {
                let operation = &search.timeline.unknown[id as usize];
                (operation.source as usize, operation.overwrites)
            }
        };
        if let Operation::Absorbed(_) = operation {
            let at = overwritten_at.as_mut().expect("something absorbs it");
            order.insert(*at, source);
            *at += 1;
            continue;
        }
        if overwrites {
            overwritten_at = Some(order.len());
        }
        order.push(source);
    }
    order
}

fn possible<M: Model>(search: &mut Search<'_, M>) -> Vec<M::Answer> {
    let call = search.timeline.returned[search.reach.front as usize].call;
    let mut answers = Vec::new();
    for state in search.reach.states.clone() {
        let answer = &search.states.step(state, call).answer;
        if !answers.contains(answer) {
            answers.push(answer.clone());
        }
    }
    answers
}

/// Operations whose spans share a moment with the stuck one's.
fn overlapping<M: Model>(
    search: &Search<'_, M>,
    history: &[Span<M::Call, M::Answer>],
    stuck: usize,
) -> Vec<usize> {
    let (called, returned) = (history[stuck].called, return_of(&history[stuck]));
    let overlaps = |&other: &usize| {
        let span = &history[other];
        let ends_later = return_of(span).map_or(span.called >= called, |end| end >= called);
        other != stuck && Some(span.called) <= returned && ends_later
    };
    let sources = search.timeline.returned.iter().map(|operation| operation.source);
    let sources = sources.chain(search.timeline.unknown.iter().map(|operation| operation.source));
    let mut overlapping: Vec<usize> = sources.map(|source| source as usize).filter(overlaps).collect();
    overlapping.sort_by_key(|&other| (history[other].called, other));
    overlapping
}
