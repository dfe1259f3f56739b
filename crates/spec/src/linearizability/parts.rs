//! The entry: a history is cut into its parts, and the budget shared among them.

use std::collections::{BTreeMap, VecDeque};

use super::explain::explain;
use super::search::{Progress, Search};
use super::shadow::{Refuted, refute};
use super::verdict::Verdict;
use super::{Model, Placed, Span};

/// The first slice of the budget that a part gets, for each of its operations. Nearly all parts need less.
const FIRST_STEPS_PER_OPERATION: u64 = 64;

/// The shadows of a part get this part of the budget at most.
const SHADOWS_SHARE: u64 = 2;

/// A part whose search is not over.
struct Pending<'a, M: Model> {
    part: Option<u64>,
    members: Vec<usize>,
    /// None before its first slice: parts that are done at once never lie in memory together.
    search: Option<Search<'a, M>>,
    /// How many steps it may have spent when its next slice ends.
    allowance: u64,
    /// Whether its shadows have been looked at.
    has_shadows: bool,
}

/// Decides whether a history is linearizable, in at most about `budget` steps. A step is one operation tried in one
/// state; a step over the budget may finish the look at one configuration.
///
/// Parts are searched in turns with slices that double, so that no hard part starves an easy one. The first part
/// without an order decides, whatever is still open elsewhere.
pub fn check<M: Model>(model: &M, history: &[Span<M::Call, M::Answer>], budget: u64) -> Verdict<M::Answer> {
    check_near(model, history, &[], budget)
}

/// Does what [`check`] does, and tries operations in the order of `hint` first. An order that nearly explains the
/// history, such as a witness that failed ([`super::explains`]), leads to one that does, or to what is in its way.
pub fn check_near<M: Model>(
    model: &M,
    history: &[Span<M::Call, M::Answer>],
    hint: &[Placed],
    budget: u64,
) -> Verdict<M::Answer> {
    let ranks = ranks(history.len(), hint);
    let mut pending: VecDeque<Pending<'_, M>> = parts(model, history)
        .into_iter()
        .map(|(part, members)| {
            let allowance = FIRST_STEPS_PER_OPERATION * (members.len() as u64 + 16);
            Pending { part, members, search: None, allowance, has_shadows: false }
        })
        .collect();
    let mut spent = 0;
    while let Some(mut next) = pending.pop_front() {
        if spent >= budget {
            pending.push_front(next);
            let undecided = pending.iter().map(|pending| pending.part).collect();
            return Verdict::Unknown { steps: spent, undecided };
        }
        let mut search = match next.search.take() {
            Some(search) => search,
            None => Search::new(model, history, next.part, &next.members, &ranks),
        };
        let before = search.steps;
        let progress = search.run(next.allowance.min(before.saturating_add(budget - spent)));
        spent += search.steps - before;
        match progress {
            Progress::Found => {}
            Progress::Exhausted => {
                let missed = search.timeline.len();
                let explanation = explain(&mut search, model, history, next.part, missed, budget, spent);
                return Verdict::Violation(Box::new(explanation));
            }
            Progress::Paused => {
                // Only what is not easy is looked at in its shadows, once.
                if !std::mem::replace(&mut next.has_shadows, true) {
                    let share = budget.saturating_sub(spent) / SHADOWS_SHARE;
                    let Refuted { stuck, steps } = refute(model, history, &next.members, share);
                    spent += steps;
                    if let Some(stuck) = stuck {
                        let missed = search.timeline.rank_of(stuck) + 1;
                        let explanation =
                            explain(&mut search, model, history, next.part, missed, budget, spent);
                        return Verdict::Violation(Box::new(explanation));
                    }
                }
                let allowance = next.allowance.saturating_mul(2);
                pending.push_back(Pending { search: Some(search), allowance, ..next });
            }
        }
    }
    Verdict::Linearizable { steps: spent }
}

/// Where each operation stands in the order, by its index in the history.
fn ranks(operations: usize, order: &[Placed]) -> Vec<u64> {
    let mut ranks = vec![u64::MAX; operations];
    for placed in order {
        if let Some(rank) = ranks.get_mut(placed.operation) {
            *rank = placed.position;
        }
    }
    ranks
}

/// The operations of each part, or all of them if some call is about more than one part.
pub(super) fn parts<M: Model>(
    model: &M,
    history: &[Span<M::Call, M::Answer>],
) -> BTreeMap<Option<u64>, Vec<usize>> {
    let mut parts: BTreeMap<Option<u64>, Vec<usize>> = BTreeMap::new();
    for (index, span) in history.iter().enumerate() {
        match model.part(&span.call) {
            Some(part) => parts.entry(Some(part)).or_default().push(index),
            None => return BTreeMap::from([(None, (0..history.len()).collect())]),
        }
    }
    parts
}
