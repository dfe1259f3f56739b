//! States and calls as small numbers, and what each call does in each state, worked out once.

use quarrel_protocol::{Fingerprint, fold};

use super::Model;
use super::table::Table;

/// A state, by the order in which it was met.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct StateId(pub(super) u32);

/// A call, by the order in which it was met. Equal calls have one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CallId(u32);

impl StateId {
    /// Where a list by state holds this one's.
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl CallId {
    /// Where a list by call holds this one's.
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a call does in a state.
pub(super) struct Transition<A> {
    from: StateId,
    call: CallId,
    /// The state after it.
    pub(super) next: StateId,
    /// What the object answers.
    pub(super) answer: A,
}

/// All states, calls and transitions that a search has met. The inner loop compares and copies numbers only; a
/// state, which may be a long text, is built and hashed once per transition.
pub(super) struct States<'m, M: Model> {
    model: &'m M,
    states: Vec<M::State>,
    state_table: Table,
    calls: Vec<M::Call>,
    call_table: Table,
    transitions: Vec<Transition<M::Answer>>,
    transition_table: Table,
    scratch: M::State,
}

impl<'m, M: Model> States<'m, M> {
    /// Nothing but the initial state, [`StateId`] 0.
    pub(super) fn new(model: &'m M, part: Option<u64>) -> Self {
        let before = if part.is_some() { model.initial_part() } else { model.initial() };
        let mut states = Self {
            model,
            states: Vec::new(),
            state_table: Table::default(),
            calls: Vec::new(),
            call_table: Table::default(),
            transitions: Vec::new(),
            transition_table: Table::default(),
            scratch: before.clone(),
        };
        let initial = states.intern(&before);
        assert_eq!(initial, Self::INITIAL);
        states
    }

    /// The state before the first call.
    pub(super) const INITIAL: StateId = StateId(0);

    /// The number of a state.
    pub(super) fn intern(&mut self, state: &M::State) -> StateId {
        intern(state, &mut self.states, &mut self.state_table, StateId)
    }

    /// The number of a call.
    pub(super) fn intern_call(&mut self, call: &M::Call) -> CallId {
        intern(call, &mut self.calls, &mut self.call_table, CallId)
    }

    /// The state with this number.
    pub(super) fn state(&self, id: StateId) -> &M::State {
        &self.states[id.0 as usize]
    }

    /// What a call does in a state.
    #[inline]
    pub(super) fn step(&mut self, from: StateId, call: CallId) -> &Transition<M::Answer> {
        let hash = fold(u64::from(from.0) << 32 | u64::from(call.0), 0xa076_1d64_78bd_642f);
        let transitions = &self.transitions;
        let known = self.transition_table.find(hash, |at| {
            let transition = &transitions[at as usize];
            transition.from == from && transition.call == call
        });
        let at = known.unwrap_or_else(|| self.work_out(from, call, hash));
        &self.transitions[at as usize]
    }

    fn work_out(&mut self, from: StateId, call: CallId, hash: u64) -> u32 {
        let asked = &self.calls[call.0 as usize];
        self.scratch.clone_from(&self.states[from.0 as usize]);
        let answer = self.model.apply(&mut self.scratch, asked);
        let next = if self.model.is_read(asked) {
            from
        } else {
            intern(&self.scratch, &mut self.states, &mut self.state_table, StateId)
        };
        let at = small(self.transitions.len());
        self.transitions.push(Transition { from, call, next, answer });
        self.transition_table.insert(hash, at);
        at
    }
}

/// The number of a value: that of an equal one met before, or the next.
fn intern<T: Clone + Eq + Fingerprint, I: Copy>(
    value: &T,
    values: &mut Vec<T>,
    table: &mut Table,
    id: impl Fn(u32) -> I,
) -> I {
    let hash = value.digest();
    // Two values may share a digest: equality is asked of the values.
    let known = table.find(hash, |at| values[at as usize] == *value);
    id(known.unwrap_or_else(|| {
        let at = small(values.len());
        values.push(value.clone());
        table.insert(hash, at);
        at
    }))
}

/// A position in a list that fits memory many times over before it leaves 32 bits.
pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).expect("a search meets fewer than 2^32 things of a kind")
}
