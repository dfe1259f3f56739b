//! How far a search has come: what is told of a history that cannot be explained.

use super::position::{Operation, Position};
use super::states::StateId;

/// In how many states the object may have been is remembered up to this many.
const STATES_MAX: usize = 16;

/// The furthest that any order came, in returns.
#[derive(Default)]
pub(super) struct Reach {
    /// The return that no order got beyond, once the search is exhausted.
    pub(super) front: u32,
    /// A longest of the orders that got there.
    pub(super) path: Vec<Operation>,
    /// States in which they ended.
    pub(super) states: Vec<StateId>,
    /// How much of `path` is also the start of the search's path: only the rest has to be copied, so that all
    /// copies together cost no more than the steps.
    shared: usize,
}

impl Reach {
    /// The search is about to turn back.
    pub(super) fn note(&mut self, position: &Position) {
        if position.front < self.front {
            return;
        }
        if position.front > self.front {
            self.front = position.front;
            self.states.clear();
            self.copy(&position.path);
        } else if position.path.len() > self.path.len() || self.states.is_empty() {
            self.copy(&position.path);
        }
        if self.states.len() < STATES_MAX && !self.states.contains(&position.state) {
            self.states.push(position.state);
        }
    }

    fn copy(&mut self, path: &[Operation]) {
        self.path.truncate(self.shared);
        self.path.extend_from_slice(&path[self.shared..]);
        self.shared = self.path.len();
    }

    /// The search's path is only this long now.
    pub(super) fn went_back(&mut self, path_length: usize) {
        self.shared = self.shared.min(path_length);
    }
}
