//! What must hold of every explanation, checked from its words alone.

use quarrel_spec::linearizability::{Explanation, Model, Span};

/// Checks that the prefix is a legal order that covers all that returned before the stuck operation.
pub(crate) fn assert_explains<M: Model>(
    model: &M,
    history: &[Span<M::Call, M::Answer>],
    explanation: &Explanation<M::Answer>,
) {
    let Explanation { part, prefix, stuck, seen, possible, .. } = explanation;
    let is_member = |index: &usize| part.is_none() || model.part(&history[*index].call) == *part;
    let (stuck_returned, stuck_seen) =
        history[*stuck].returned.as_ref().expect("only a return is in the way");
    assert_eq!(stuck_seen, seen);
    assert!(!possible.is_empty() && possible.iter().all(|given| !model.agrees(given, seen)), "{possible:?}");
    let mut placed = vec![false; history.len()];
    let mut state = model.initial();
    for step in prefix {
        let span = &history[step.operation];
        assert!(is_member(&step.operation) && !placed[step.operation], "each once, and of this part");
        let is_late = |other: usize| {
            let returned = history[other].returned.as_ref();
            !placed[other] && is_member(&other) && returned.is_some_and(|(at, _)| *at < span.called)
        };
        assert!(!(0..history.len()).any(is_late), "what returned before stands before");
        assert_eq!(model.apply(&mut state, &span.call), step.answer);
        assert!(span.returned.as_ref().is_none_or(|(_, seen)| model.agrees(&step.answer, seen)));
        placed[step.operation] = true;
    }
    assert!(!placed[*stuck], "the stuck operation has no place");
    for index in (0..history.len()).filter(is_member) {
        let returned = history[index].returned.as_ref();
        assert!(
            placed[index] || returned.is_none_or(|(at, _)| at >= stuck_returned),
            "{index} is not covered"
        );
    }
    assert!(explanation.overlapping.iter().all(|index| {
        let (returned, _) = history[*stuck].returned.as_ref().expect("as above");
        is_member(index) && index != stuck && history[*index].called < *returned
    }));
}
