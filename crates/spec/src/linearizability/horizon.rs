//! What the next returns prove: a second look ahead, for objects that grow.
//!
//! Many orders of ten appends lead to ten texts, and only the next read tells which. A read that proves the text
//! `abc` ([`Model::needs`]) can still be answered if the text now is `a`, which may grow
//! ([`Model::may_become`]), or if a call is left that starts it anew ([`Model::leads_to`]). Otherwise the search has
//! taken a wrong turn, and knows it now rather than when the read returns.

use super::position::Position;
use super::states::{StateId, States};
use super::timeline::Timeline;
use super::{Model, prospects};

/// How many proofs are looked at. The first mostly tells; the others help where a call may start anew.
const PROOFS: usize = 8;

/// The proofs to come.
#[derive(Default)]
pub(super) struct Horizon {
    /// Operations that prove a state, by their returns. Empty where [`prospects`] foresees all that is to be foreseen.
    proofs: Vec<u32>,
    /// Operations of unknown outcome that start anew.
    sources: Vec<u32>,
    waiting: Vec<u32>,
}

impl Horizon {
    /// Only operations that return before `care` are looked at.
    pub(super) fn new(timeline: &Timeline, care: u32) -> Self {
        if prospects::is_exact(timeline) {
            return Self::default();
        }
        let proves = |&id: &u32| timeline.returned[id as usize].needs.is_some();
        let leads = |&id: &u32| timeline.unknown[id as usize].leads_to.is_some();
        Self {
            proofs: (0..care).filter(proves).collect(),
            sources: (0..timeline.unknown_before(u32::MAX)).filter(leads).collect(),
            waiting: Vec::new(),
        }
    }

    /// Whether some proof to come can no longer be had.
    pub(super) fn is_lost<M: Model>(
        &mut self,
        model: &M,
        timeline: &Timeline,
        states: &States<'_, M>,
        position: &Position,
    ) -> bool {
        let start = self.proofs.partition_point(|&id| id < position.front);
        let mut looked_at = 0;
        for at in start..self.proofs.len() {
            let id = self.proofs[at];
            if position.is_linearized(timeline, id) {
                continue;
            }
            let needed = timeline.returned[id as usize].needs.expect("it is listed for what it needs");
            let reaches =
                |from: StateId| from == needed || model.may_become(states.state(from), states.state(needed));
            if !reaches(position.state) && !self.has_source(timeline, position, id, reaches) {
                return true;
            }
            looked_at += 1;
            if looked_at == PROOFS {
                break;
            }
        }
        false
    }

    /// Whether a call is left that starts anew with a state that reaches what is needed, early enough for `id`.
    fn has_source(
        &mut self,
        timeline: &Timeline,
        position: &Position,
        id: u32,
        reaches: impl Fn(StateId) -> bool,
    ) -> bool {
        let leads = |&id: &u32| timeline.returned[id as usize].leads_to.is_some_and(&reaches);
        self.waiting.clear();
        position.waiting(&mut self.waiting);
        let mut later = (position.front + 1..=id).flat_map(|front| timeline.opened_at(front));
        let called = timeline.unknown_before(id);
        let mut unknown = self.sources.iter().take_while(|&&source| source < called);
        self.waiting.iter().any(leads)
            || later.any(leads)
            || unknown.any(|&source| {
                !position.is_used(source) && timeline.unknown[source as usize].leads_to.is_some_and(&reaches)
            })
    }
}
