//! All orders of a few operations, with no cleverness at all.

use quarrel_spec::linearizability::{Model, Span};

/// What brute force knows of a history.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) is_linearizable: bool,
    /// The furthest return that is in the way of every legal order, if it is not.
    pub(crate) furthest: u64,
}

/// Tries all orders of the operations that `members` lists.
pub(crate) fn brute_force<M: Model>(
    model: &M,
    history: &[Span<M::Call, M::Answer>],
    members: &[usize],
) -> Truth {
    let mut truth = Truth::default();
    let left: Vec<&Span<M::Call, M::Answer>> = members.iter().map(|&index| &history[index]).collect();
    extend(model, &model.initial(), &left, &mut truth);
    truth
}

fn extend<M: Model>(model: &M, state: &M::State, left: &[&Span<M::Call, M::Answer>], truth: &mut Truth) {
    let Some(earliest) = left.iter().filter_map(|span| Some(span.returned.as_ref()?.0)).min() else {
        truth.is_linearizable = true;
        return;
    };
    truth.furthest = truth.furthest.max(earliest);
    for (at, span) in left.iter().enumerate() {
        // Whatever returned before this call stands before it.
        if span.called > earliest {
            continue;
        }
        let mut next = state.clone();
        let given = model.apply(&mut next, &span.call);
        if span.returned.as_ref().is_none_or(|(_, seen)| model.agrees(&given, seen)) {
            let mut left = left.to_vec();
            left.remove(at);
            extend(model, &next, &left, truth);
        }
    }
}
