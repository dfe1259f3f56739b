//! The operations of one part, numbered the way the search needs them.

use super::position::Operation;
use super::states::{CallId, StateId, States, small};
use super::{Model, Span};

/// An operation whose answer is known. Its number is its rank among the returns.
pub(super) struct Returned {
    /// Its index in the history.
    pub(super) source: u32,
    pub(super) call: CallId,
    /// Where its bit is while it is open. No two operations that are open at once share a slot.
    pub(super) slot: u32,
    /// Whether it can have changed nothing, whatever the state was.
    pub(super) inert: bool,
    /// Whether its answer proves nothing, and it changes something.
    pub(super) blind: bool,
    /// Whether it leaves nothing of what was before.
    pub(super) overwrites: bool,
    /// Its rank among the calls of operations that returned.
    pub(super) call_rank: u32,
    /// Operations of one kind have the same call and were told the same.
    pub(super) kind: u32,
    /// The only state that it can have found, if there is only one.
    pub(super) needs: Option<StateId>,
    /// The only state that it can have left by changing something, if there is only one.
    pub(super) leads_to: Option<StateId>,
}

/// An operation that may take effect at any moment after its call, or never. Its number is its rank among the calls
/// of such operations.
pub(super) struct Unknown {
    /// Its index in the history.
    pub(super) source: u32,
    pub(super) call: CallId,
    /// Whether its answer, had there been one, would have proven nothing.
    pub(super) blind: bool,
    /// The last earlier one with the same call.
    pub(super) twin: Option<u32>,
    /// Whether it leaves nothing of what was before.
    pub(super) overwrites: bool,
    /// The only state that it can have left by changing something, if there is only one.
    pub(super) leads_to: Option<StateId>,
}

/// The kind of what is inert: nobody asks.
const NO_KIND: u32 = u32::MAX;
/// How many answers of one call are told apart from each new one. That two operations are of one kind saves work;
/// to find out must not cost more.
const ANSWERS_COMPARED: usize = 16;

/// Numbers for kinds of operations.
struct Kinds<'h, A> {
    /// By call: the last answers and their kinds.
    answers: Vec<Vec<(&'h A, u32)>>,
    next: u32,
}

impl<A> Default for Kinds<'_, A> {
    fn default() -> Self {
        Self { answers: Vec::new(), next: 0 }
    }
}

impl<'h, A: Eq> Kinds<'h, A> {
    fn of(&mut self, call: CallId, seen: &'h A) -> u32 {
        if self.answers.len() <= call.index() {
            self.answers.resize_with(call.index() + 1, Vec::new);
        }
        let answers = &mut self.answers[call.index()];
        let last = answers.iter().rev().take(ANSWERS_COMPARED);
        if let Some(&(_, kind)) = last.into_iter().find(|(answer, _)| *answer == seen) {
            return kind;
        }
        answers.push((seen, self.next));
        self.next += 1;
        self.next - 1
    }
}

/// One part's history.
pub(super) struct Timeline {
    pub(super) returned: Vec<Returned>,
    pub(super) unknown: Vec<Unknown>,
    /// How many operations are open at once, at most.
    pub(super) slots: usize,
    /// Whether some operation overwrites everything, and so absorbs what comes right before it.
    pub(super) absorbs: bool,
    /// Returned operations in the order of their calls.
    called: Vec<u32>,
    /// For each front, how many of `called` were called before it.
    called_before: Vec<u32>,
    /// For each front, how many of `unknown` were called before it.
    unknown_before: Vec<u32>,
}

impl Timeline {
    /// Numbers the operations of `history` that `members` lists.
    pub(super) fn new<M: Model>(
        model: &M,
        history: &[Span<M::Call, M::Answer>],
        part: Option<u64>,
        members: &[usize],
        states: &mut States<'_, M>,
    ) -> Self {
        let mut ranked: Vec<(u64, usize)> =
            members.iter().filter_map(|&source| Some((return_of(&history[source])?, source))).collect();
        ranked.sort_unstable();
        let mut timeline = Self {
            returned: Vec::with_capacity(ranked.len()),
            unknown: Vec::new(),
            slots: 0,
            absorbs: false,
            called: (0..small(ranked.len())).collect(),
            called_before: Vec::with_capacity(ranked.len()),
            unknown_before: Vec::with_capacity(ranked.len()),
        };
        let mut kinds = Kinds::default();
        for &(_, source) in &ranked {
            let Span { call, returned, .. } = &history[source];
            let (_, seen) = returned.as_ref().expect("ranked by its return");
            let inert = model.is_inert(call, seen);
            let tells = tells(model, part, call);
            timeline.returned.push(Returned {
                source: small(source),
                call: states.intern_call(call),
                slot: 0,
                inert,
                blind: !inert && model.is_blind(call),
                overwrites: !inert && tells && model.overwrites(call),
                call_rank: 0,
                kind: if inert { NO_KIND } else { kinds.of(states.intern_call(call), seen) },
                needs: model.needs(call, seen).filter(|_| tells).map(|state| states.intern(&state)),
                leads_to: model.leads_to(call).filter(|_| tells && !inert).map(|state| states.intern(&state)),
            });
        }
        timeline.add_unknown(model, history, part, members, states);
        timeline.lay_out(history, &ranked);
        timeline.absorbs = timeline.returned.iter().any(|operation| operation.overwrites)
            || timeline.unknown.iter().any(|operation| operation.overwrites);
        timeline
    }

    /// Adds what may or may not have taken effect. Dropped are reads, whose effect is none, and whatever was called
    /// after the last return, when nobody was left to see it.
    fn add_unknown<M: Model>(
        &mut self,
        model: &M,
        history: &[Span<M::Call, M::Answer>],
        part: Option<u64>,
        members: &[usize],
        states: &mut States<'_, M>,
    ) {
        let last = self.returned.last().and_then(|last| return_of(&history[last.source as usize]));
        let matters = |&source: &usize| {
            let span = &history[source];
            span.returned.is_none()
                && !model.is_read(&span.call)
                && last.is_some_and(|last| span.called < last)
        };
        let mut sources: Vec<usize> = members.iter().copied().filter(matters).collect();
        sources.sort_by_key(|&source| (history[source].called, source));
        let mut latest: Vec<Option<u32>> = Vec::new();
        for (number, &source) in sources.iter().enumerate() {
            let call = states.intern_call(&history[source].call);
            if latest.len() <= call.index() {
                latest.resize(call.index() + 1, None);
            }
            let twin = latest[call.index()].replace(small(number));
            let tells = tells(model, part, &history[source].call);
            let leads_to = model.leads_to(&history[source].call).filter(|_| tells);
            let leads_to = leads_to.map(|state| states.intern(&state));
            let blind = model.is_blind(&history[source].call);
            let overwrites = tells && model.overwrites(&history[source].call);
            self.unknown.push(Unknown { source: small(source), call, blind, twin, overwrites, leads_to });
        }
    }

    /// Walks along the returns, gives slots to what is called in between, and counts.
    fn lay_out<C, A>(&mut self, history: &[Span<C, A>], ranked: &[(u64, usize)]) {
        self.called.sort_by_key(|&id| (history[ranked[id as usize].1].called, id));
        let (mut free, mut called, mut unknown) = (Vec::new(), 0, 0);
        for (front, &(position, _)) in ranked.iter().enumerate() {
            // At one position calls come first: operations that touch overlap.
            while self.called.get(called).is_some_and(|&id| history[ranked[id as usize].1].called <= position)
            {
                let slot = free.pop().unwrap_or_else(|| {
                    self.slots += 1;
                    small(self.slots - 1)
                });
                let opened = &mut self.returned[self.called[called] as usize];
                (opened.slot, opened.call_rank) = (slot, small(called));
                called += 1;
            }
            let is_earlier = |other: &Unknown| history[other.source as usize].called <= position;
            while self.unknown.get(unknown).is_some_and(is_earlier) {
                unknown += 1;
            }
            self.called_before.push(small(called));
            self.unknown_before.push(small(unknown));
            free.push(self.returned[front].slot);
        }
        assert_eq!(called, self.called.len(), "an operation is called before it returns");
    }

    /// The index of an operation in the history.
    pub(super) fn source(&self, operation: Operation) -> u32 {
        match operation {
            Operation::Returned(id) | Operation::Absorbed(id) => self.returned[id as usize].source,
            Operation::Unknown(id) => self.unknown[id as usize].source,
        }
    }

    /// The number of an operation that returned, by its index in the history.
    pub(super) fn rank_of(&self, source: usize) -> u32 {
        let is_it = |operation: &Returned| operation.source as usize == source;
        small(self.returned.iter().position(is_it).expect("it returned"))
    }

    /// How many operations have returned.
    pub(super) fn len(&self) -> u32 {
        small(self.returned.len())
    }

    /// The operations that are called after the previous front and before this one.
    #[inline]
    pub(super) fn opened_at(&self, front: u32) -> &[u32] {
        let front = front as usize;
        let Some(&end) = self.called_before.get(front) else { return &[] };
        let start = if front == 0 { 0 } else { self.called_before[front - 1] };
        &self.called[start as usize..end as usize]
    }

    /// How many operations that returned are called before this front.
    pub(super) fn called_before(&self, front: u32) -> u32 {
        self.called_before[front as usize]
    }

    /// How many operations of unknown outcome are called before this front.
    #[inline]
    pub(super) fn unknown_before(&self, front: u32) -> u32 {
        self.unknown_before.get(front as usize).copied().unwrap_or(small(self.unknown.len()))
    }
}

/// Whether what the model knows of states before and after this call is about all that `part` remembers.
fn tells<M: Model>(model: &M, part: Option<u64>, call: &M::Call) -> bool {
    model.part(call) == part
}

/// Where an operation returned. A history from elsewhere may claim that it did so before its call; then it took no
/// time.
pub(super) fn return_of<C, A>(span: &Span<C, A>) -> Option<u64> {
    span.returned.as_ref().map(|&(position, _)| position.max(span.called))
}
