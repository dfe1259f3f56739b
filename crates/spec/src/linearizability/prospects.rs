//! What is still wanted: a look ahead that notices at once what the search would otherwise find out much later.
//!
//! A read of 7 needs the register to hold 7 ([`Model::needs`](super::Model::needs)), and a write of 7 is one of the
//! few calls that bring it there ([`Model::leads_to`](super::Model::leads_to)). If nothing that is left leads to 7,
//! then the register must not lose it while someone is still to read it. Without this, an order that overwrites the
//! value too early is found out only when the read returns, after all orders of what lies between have been tried.

use super::position::Operation;
use super::states::StateId;
use super::timeline::Timeline;

/// Who needs a state, and who leads to it.
#[derive(Default)]
pub(super) struct Prospects {
    /// Whether every operation that can change something leads to one known state. Otherwise nothing is foreseen.
    is_exact: bool,
    /// Only operations that return before this front are looked out for.
    care: u32,
    /// By state: how many operations need it that are not linearized.
    needed: Vec<u32>,
    /// By state: how many operations lead to it that are not linearized.
    sources: Vec<u32>,
}

impl Prospects {
    /// Everything is still to be linearized.
    pub(super) fn new(timeline: &Timeline, care: u32) -> Self {
        let returned = || timeline.returned.iter();
        let is_exact = is_exact(timeline);
        let mut prospects = Self { is_exact, care, ..Self::default() };
        if is_exact {
            for operation in returned().take(care as usize) {
                count(&mut prospects.needed, operation.needs);
            }
            for operation in returned() {
                count(&mut prospects.sources, operation.leads_to);
            }
            for operation in &timeline.unknown {
                count(&mut prospects.sources, operation.leads_to);
            }
        }
        prospects
    }

    /// Whether some state is needed that nothing leads to.
    pub(super) fn is_hopeless(&self, initial: StateId) -> bool {
        let lost = |(state, &needed): (usize, &u32)| {
            needed > 0 && state != initial.index() && at(&self.sources, StateId(state as u32)) == 0
        };
        self.needed.iter().enumerate().any(lost)
    }

    /// Whether this step leaves a state that is needed later and that nothing would lead back to.
    #[inline]
    pub(super) fn is_dead_end(
        &self,
        timeline: &Timeline,
        from: StateId,
        operation: Operation,
        next: StateId,
    ) -> bool {
        if !self.is_exact || from == next {
            return false;
        }
        let (needs, _) = self.interests(timeline, operation);
        let needed = at(&self.needed, from) - u32::from(needs == Some(from));
        // The operation itself leads to `next`, which is another state.
        needed > 0 && at(&self.sources, from) == 0
    }

    /// Whether to absorb this operation in this state wastes the last one that leads to a state needed later.
    pub(super) fn is_waste(&self, timeline: &Timeline, state: StateId, id: u32) -> bool {
        let leads_to = timeline.returned[id as usize].leads_to;
        self.is_exact
            && leads_to
                .is_some_and(|to| to != state && at(&self.needed, to) > 0 && at(&self.sources, to) == 1)
    }

    /// An operation is linearized.
    #[inline]
    pub(super) fn placed(&mut self, timeline: &Timeline, operation: Operation) {
        if self.is_exact {
            let (needs, leads_to) = self.interests(timeline, operation);
            needs.into_iter().for_each(|state| self.needed[state.index()] -= 1);
            leads_to.into_iter().for_each(|state| self.sources[state.index()] -= 1);
        }
    }

    /// It is not, after all.
    #[inline]
    pub(super) fn taken_back(&mut self, timeline: &Timeline, operation: Operation) {
        if self.is_exact {
            let (needs, leads_to) = self.interests(timeline, operation);
            needs.into_iter().for_each(|state| self.needed[state.index()] += 1);
            leads_to.into_iter().for_each(|state| self.sources[state.index()] += 1);
        }
    }

    fn interests(&self, timeline: &Timeline, operation: Operation) -> (Option<StateId>, Option<StateId>) {
        match operation {
            Operation::Returned(id) | Operation::Absorbed(id) => {
                let returned = &timeline.returned[id as usize];
                (returned.needs.filter(|_| id < self.care), returned.leads_to)
            }
            Operation::Unknown(id) => (None, timeline.unknown[id as usize].leads_to),
        }
    }
}

/// Whether every operation that can change something leads to one known state.
pub(super) fn is_exact(timeline: &Timeline) -> bool {
    timeline.returned.iter().all(|operation| operation.inert || operation.leads_to.is_some())
        && timeline.unknown.iter().all(|operation| operation.leads_to.is_some())
}

fn count(counts: &mut Vec<u32>, state: Option<StateId>) {
    let Some(state) = state else { return };
    if counts.len() <= state.index() {
        counts.resize(state.index() + 1, 0);
    }
    counts[state.index()] += 1;
}

#[inline]
fn at(counts: &[u32], state: StateId) -> u32 {
    counts.get(state.index()).copied().unwrap_or(0)
}
