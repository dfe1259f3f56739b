//! The search for a linearization of one part.
//!
//! Wing and Gong, *Testing and Verifying Concurrent Objects* (1993), with the memo of Lowe, *Testing for
//! linearizability* (2017): try the operations that may come next, one after the other, and go back where none fits.
//! Reductions that keep the verdict, each tried against brute force in `tests/linearizability`:
//!
//! * **Inert operations go first.** One that cannot have changed anything ([`Model::is_inert`]) and whose answer is
//!   right in this state is linearized at once, without a branch: any order that has it later still holds when it is
//!   moved here, because nobody can tell the difference.
//! * **Unknown outcomes go last.** One that would change nothing here is left out: it never has to take effect.
//!   [`super::memo`] says what dominates what, and [`Position::may_take_effect`] which of equal ones is tried.
//! * **Of a kind, one.** Of several open operations with the same call and the same answer, only the one that returns
//!   first is tried: where another one comes before it they can change places, since both are open. One of unknown
//!   outcome is not tried where one that returned could do the same.
//! * **Absorption.** Blind operations ([`Model::is_blind`]) that come right before one that overwrites everything
//!   ([`Model::overwrites`]) leave no trace. Which of those that were open then did so is not decided then, but when
//!   each must be placed: it may still be put there, in front of the last operation that overwrote everything, as
//!   long as it was called before that one was placed. Nothing that stands between can tell. Until then it keeps
//!   the choice, which is never worse than to have made it. And so nothing is overwritten right after an operation
//!   that could have been absorbed instead.
//! * **Dead ends** are noticed early by [`super::prospects`] and [`super::horizon`].

use super::horizon::Horizon;
use super::line::Lines;
use super::memo::{Memo, Visit};
use super::position::{Mark, Operation, Position};
use super::prospects::Prospects;
use super::reach::Reach;
use super::states::{CallId, StateId, States};
use super::timeline::Timeline;
use super::{Model, Span};

/// How a search stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// The path is a linearization.
    Found,
    /// There is none.
    Exhausted,
    /// It may go on.
    Paused,
}

/// How far a search is to go, and how far it looks ahead.
#[derive(Clone, Copy)]
pub(super) struct Aim {
    /// It is content when all operations that return before this front are linearized.
    pub(super) goal: u32,
    /// It looks out for the needs of operations that return before this front.
    pub(super) care: u32,
}

/// One part's search. It can be stopped and resumed after any step, so that no part starves another.
pub(super) struct Search<'a, M: Model> {
    model: &'a M,
    history: &'a [Span<M::Call, M::Answer>],
    pub(super) timeline: Timeline,
    pub(super) states: States<'a, M>,
    memo: Memo,
    prospects: Prospects,
    horizon: Horizon,
    lines: Lines,
    aim: Aim,
    pub(super) position: Position,
    frames: Vec<Frame>,
    /// The candidates of all frames, those of the last frame at the end, the next one to try last.
    candidates: Vec<Candidate>,
    pub(super) reach: Reach,
    /// How many operations were tried in some state.
    pub(super) steps: u64,
    /// Whether a look ahead cut anything off. If not, no order gets further than `reach`.
    pub(super) foresaw: bool,
    scratch: Vec<u32>,
    /// Where each operation of the history would best stand, if anybody knows.
    ranks: Vec<u64>,
}

/// One step of the path that is a choice.
struct Frame {
    before: Mark,
    /// Where its successors' candidates start.
    candidates: usize,
}

#[derive(Clone, Copy)]
struct Candidate {
    operation: Operation,
    next: StateId,
    merit: Merit,
}

/// In which order candidates are tried. It decides how soon an order is found, not whether.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Merit {
    /// The front moves.
    Front,
    /// The front can move next.
    Enabling,
    /// The same, at the cost of an operation that might never have taken effect.
    UnknownEnabling,
    /// The front moves, and the state does not.
    Absorbed,
    /// It has to be placed some time; earlier returns first.
    Returned,
    /// Perhaps.
    Unknown,
}

impl<'a, M: Model> Search<'a, M> {
    /// A search through the operations of this part, which `members` lists. Those of a low rank are tried first.
    pub(super) fn new(
        model: &'a M,
        history: &'a [Span<M::Call, M::Answer>],
        part: Option<u64>,
        members: &[usize],
        ranks: &[u64],
    ) -> Self {
        let mut states = States::new(model, part);
        let timeline = Timeline::new(model, history, part, members, &mut states);
        let whole = timeline.len();
        let mut search = Self {
            model,
            history,
            position: Position::new(&timeline, States::<M>::INITIAL),
            timeline,
            states,
            memo: Memo::default(),
            prospects: Prospects::default(),
            horizon: Horizon::default(),
            lines: Lines::default(),
            aim: Aim { goal: whole, care: whole },
            frames: Vec::new(),
            candidates: Vec::new(),
            reach: Reach::default(),
            steps: 0,
            foresaw: false,
            scratch: Vec::new(),
            ranks: ranks.to_vec(),
        };
        search.restart(search.aim);
        search
    }

    /// Forgets everything but states and transitions, and starts anew.
    pub(super) fn restart(&mut self, aim: Aim) {
        self.aim = aim;
        self.memo = Memo::default();
        self.prospects = Prospects::new(&self.timeline, aim.care);
        self.horizon = Horizon::new(&self.timeline, aim.care);
        self.lines = Lines::new(self.model, self.history, &self.timeline, aim.care);
        self.position = Position::new(&self.timeline, States::<M>::INITIAL);
        self.frames.clear();
        self.candidates.clear();
        self.reach = Reach::default();
        self.foresaw = false;
        if self.prospects.is_hopeless(States::<M>::INITIAL) {
            self.foresaw = true;
            return;
        }
        self.frames.push(Frame { before: self.position.mark(), candidates: 0 });
        self.enter();
    }

    /// Searches until there is a result, or `steps` have been spent in all.
    pub(super) fn run(&mut self, steps: u64) -> Progress {
        loop {
            if self.position.front >= self.aim.goal {
                return Progress::Found;
            }
            let Some(frame) = self.frames.last() else { return Progress::Exhausted };
            if self.steps >= steps {
                return Progress::Paused;
            }
            if self.candidates.len() == frame.candidates {
                self.give_up_here();
                continue;
            }
            let candidate = self.candidates.pop().expect("more than the frame started with");
            self.frames.push(Frame { before: self.position.mark(), candidates: self.candidates.len() });
            self.place(candidate.operation, candidate.next);
            self.enter();
        }
    }

    /// The last choice led nowhere.
    fn give_up_here(&mut self) {
        self.reach.note(&self.position);
        let Frame { before, .. } = self.frames.pop().expect("there is a choice to give up");
        let (timeline, prospects) = (&self.timeline, &mut self.prospects);
        self.position.go_back(timeline, before, |operation| prospects.taken_back(timeline, operation));
        self.reach.went_back(before.path_length);
    }

    /// Counts the order at hand among those that ended.
    pub(super) fn note_end(&mut self) {
        self.reach.note(&self.position);
    }

    /// A new configuration: places what needs no choice, and lists what does, unless all this is known.
    fn enter(&mut self) {
        self.settle();
        if self.position.front >= self.aim.goal {
            return;
        }
        self.position.take_stock(&self.timeline);
        let Visit { known, cost } = self.memo.visit(self.position.configuration());
        self.steps += cost;
        if known {
            return;
        }
        let (model, timeline, states) = (self.model, &self.timeline, &self.states);
        if self.horizon.is_lost(model, timeline, states, &self.position)
            || self.lines.is_lost(model, timeline, states, &self.position)
        {
            self.foresaw = true;
        } else {
            self.list_candidates();
        }
    }

    fn place(&mut self, operation: Operation, next: StateId) {
        self.position.place(&self.timeline, operation, next);
        self.prospects.placed(&self.timeline, operation);
    }

    /// Linearizes what is inert and right in this state, and moves the front on.
    fn settle(&mut self) {
        let mut waiting = std::mem::take(&mut self.scratch);
        waiting.clear();
        self.position.waiting(&mut waiting);
        loop {
            for id in waiting.drain(..) {
                if self.timeline.returned[id as usize].inert && self.try_returned(id).is_some() {
                    self.place(Operation::Returned(id), self.position.state);
                }
            }
            if self.position.front >= self.aim.goal
                || !self.position.is_done(&self.timeline, self.position.front)
            {
                break;
            }
            self.position.advance(&self.timeline);
            waiting.extend_from_slice(self.timeline.opened_at(self.position.front));
        }
        self.scratch = waiting;
    }

    /// Where an operation would lead, if its answer would be right.
    #[inline]
    fn try_returned(&mut self, id: u32) -> Option<StateId> {
        self.agrees(self.position.state, id)
    }

    #[inline]
    fn agrees(&mut self, state: StateId, id: u32) -> Option<StateId> {
        self.steps += 1;
        let operation = &self.timeline.returned[id as usize];
        let transition = self.states.step(state, operation.call);
        let (_, seen) = self.history[operation.source as usize].returned.as_ref().expect("it returned");
        self.model.agrees(&transition.answer, seen).then_some(transition.next)
    }

    fn list_candidates(&mut self) {
        let start = self.candidates.len();
        let mut waiting = std::mem::take(&mut self.scratch);
        waiting.clear();
        self.position.waiting(&mut waiting);
        for id in waiting.drain(..) {
            // What is inert and not linearized yet is wrong in this state.
            if !self.timeline.returned[id as usize].inert
                && let Some(next) = self.try_returned(id)
            {
                self.add_returned(start, id, next);
            }
        }
        let front = self.position.front;
        if self.position.is_absorbable(&self.timeline, front) {
            self.steps += 1;
            if self.prospects.is_waste(&self.timeline, self.position.state, front) {
                self.foresaw = true;
            } else {
                let (operation, next) = (Operation::Absorbed(front), self.position.state);
                self.candidates.push(Candidate { operation, next, merit: Merit::Absorbed });
            }
        }
        self.position.may_take_effect(&self.timeline, &mut waiting);
        for id in waiting.drain(..) {
            self.steps += 1;
            let call = self.timeline.unknown[id as usize].call;
            let next = self.states.step(self.position.state, call).next;
            if next != self.position.state && !self.has_known_twin(start, call) {
                self.add_candidate(Operation::Unknown(id), next, Merit::Unknown);
            }
        }
        self.scratch = waiting;
        self.judge(start);
        // The best one is tried first, and so stands last.
        let listed = &mut self.candidates[start..];
        let rank = |operation| {
            let source = self.timeline.source(operation) as usize;
            self.ranks.get(source).copied().unwrap_or(u64::MAX)
        };
        listed.sort_unstable_by_key(|candidate| {
            std::cmp::Reverse((rank(candidate.operation), candidate.merit, candidate.operation))
        });
    }

    /// Adds a candidate, or puts it in the place of one of its kind that returns later.
    fn add_returned(&mut self, start: usize, id: u32, next: StateId) {
        let kind = self.timeline.returned[id as usize].kind;
        for candidate in &mut self.candidates[start..] {
            if let Operation::Returned(other) = candidate.operation
                && self.timeline.returned[other as usize].kind == kind
            {
                candidate.operation = Operation::Returned(other.min(id));
                return;
            }
        }
        self.add_candidate(Operation::Returned(id), next, Merit::Returned);
    }

    /// Whether a candidate since `start` has the same call, and returned.
    fn has_known_twin(&self, start: usize, call: CallId) -> bool {
        self.candidates[start..].iter().any(|candidate| match candidate.operation {
            Operation::Returned(id) => self.timeline.returned[id as usize].call == call,
            Operation::Unknown(_) | Operation::Absorbed(_) => false,
        })
    }

    fn add_candidate(&mut self, operation: Operation, next: StateId, merit: Merit) {
        if self.position.is_unseen(&self.timeline) && Position::overwrites(&self.timeline, operation) {
            return;
        }
        if self.prospects.is_dead_end(&self.timeline, self.position.state, operation, next) {
            self.foresaw = true;
        } else {
            self.candidates.push(Candidate { operation, next, merit });
        }
    }

    /// Says of each candidate since `start` what it does for the front.
    fn judge(&mut self, start: usize) {
        let front = self.position.front;
        if let Some(candidate) =
            self.candidates[start..].iter_mut().find(|it| it.operation == Operation::Returned(front))
        {
            candidate.merit = Merit::Front;
            return;
        }
        for at in start..self.candidates.len() {
            let candidate = self.candidates[at];
            if candidate.merit == Merit::Absorbed {
                continue;
            }
            if self.agrees(candidate.next, front).is_some() {
                self.candidates[at].merit = match candidate.operation {
                    Operation::Returned(_) | Operation::Absorbed(_) => Merit::Enabling,
                    Operation::Unknown(_) => Merit::UnknownEnabling,
                };
            }
        }
    }
}
