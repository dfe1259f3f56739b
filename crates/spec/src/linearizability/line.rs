//! Lines: a look ahead for objects whose members leave in the order in which they joined.
//!
//! Ten enqueues that overlap have millions of orders, and only dequeues that come much later tell which. But who is
//! taken when is known from their answers, so it can be told at once whether a line may still be taken in its order: a
//! member in front of another must leave before it, and so its dequeue must have been called before the other's
//! returned.

use std::collections::BTreeMap;

use super::position::Position;
use super::states::States;
use super::timeline::Timeline;
use super::{Model, Span};

/// How many answers are looked at. The first mostly tells.
const ANSWERS: usize = 16;
/// The rank of no call.
const NEVER: u32 = u32::MAX;

/// What an answer tells of a line, as it was when the call found it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// These stood in front.
    pub front: Vec<u64>,
    /// And there were no others.
    pub is_all: bool,
}

/// Who joins and who leaves when.
#[derive(Default)]
pub(super) struct Lines {
    /// Answers that tell something, by their returns. Empty if the object is no line, or somebody joins it twice.
    answers: Vec<(u32, Shown)>,
    /// By who joins: the number of their call among those that returned, and from which front on it is open.
    joins: BTreeMap<u64, Joins>,
    /// Operations of unknown outcome that may take somebody away.
    takers: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Joins {
    /// Whose call it is: one that returned, if it did.
    returned: Option<u32>,
    /// The same, of unknown outcome.
    unknown: Option<u32>,
    /// The rank of the first call that took them away, or [`NEVER`]. Of two that claim to have done so, one is wrong,
    /// and the search finds out which.
    taken: u32,
}

impl Lines {
    pub(super) fn new<M: Model>(
        model: &M,
        history: &[Span<M::Call, M::Answer>],
        timeline: &Timeline,
        care: u32,
    ) -> Self {
        if model.line(&model.initial()).is_none_or(|line| !line.is_empty()) {
            return Self::default();
        }
        let mut lines = Self::default();
        let mut add = |call: &M::Call, returned, unknown| {
            let joins = Joins { returned, unknown, taken: NEVER };
            model.joins(call).is_none_or(|who| lines.joins.insert(who, joins).is_none())
        };
        for (id, operation) in (0..).zip(&timeline.returned) {
            if !add(&history[operation.source as usize].call, Some(id), None) {
                return Self::default();
            }
        }
        for (id, operation) in (0..).zip(&timeline.unknown) {
            if !add(&history[operation.source as usize].call, None, Some(id)) {
                return Self::default();
            }
        }
        for (id, operation) in (0..care).zip(&timeline.returned) {
            let Span { call, returned, .. } = &history[operation.source as usize];
            let (_, seen) = returned.as_ref().expect("it is listed as returned");
            let Some(shown) = model.shows(call, seen) else { continue };
            lines.answers.push((id, shown));
        }
        for operation in &timeline.returned {
            let Span { call, returned, .. } = &history[operation.source as usize];
            let (_, seen) = returned.as_ref().expect("it is listed as returned");
            if model.may_take(call)
                && let Some(Shown { front, .. }) = model.shows(call, seen)
                && let Some(joins) = front.first().and_then(|who| lines.joins.get_mut(who))
            {
                joins.taken = joins.taken.min(operation.call_rank);
            }
        }
        let may_take = |&(_, source): &(u32, u32)| model.may_take(&history[source as usize].call);
        let unknown = (0..).zip(timeline.unknown.iter().map(|operation| operation.source));
        lines.takers = unknown.filter(may_take).map(|(id, _)| id).collect();
        lines
    }

    /// Whether some answer to come can no longer be had.
    pub(super) fn is_lost<M: Model>(
        &self,
        model: &M,
        timeline: &Timeline,
        states: &States<'_, M>,
        position: &Position,
    ) -> bool {
        let start = self.answers.partition_point(|&(id, _)| id < position.front);
        let Some(rest) = self.answers.get(start..).filter(|rest| !rest.is_empty()) else { return false };
        let Some(line) = model.line(states.state(position.state)) else { return false };
        let to_come = rest.iter().filter(|&&(id, _)| !position.is_linearized(timeline, id));
        let mut to_come = to_come.take(ANSWERS);
        to_come.any(|(id, shown)| !self.may_show(timeline, position, &line, *id, shown))
    }

    /// Whether a line may come to stand so before this return.
    fn may_show(
        &self,
        timeline: &Timeline,
        position: &Position,
        line: &[u64],
        id: u32,
        shown: &Shown,
    ) -> bool {
        // Who has to leave first: all in front of the first that is shown.
        let first = shown.front.first();
        let ahead = first.and_then(|first| line.iter().position(|who| who == first));
        let (leaving, staying) = line.split_at(ahead.unwrap_or(line.len()));
        let agrees = staying.iter().zip(&shown.front).all(|(stays, shown)| stays == shown);
        if !agrees || (shown.is_all && staying.len() > shown.front.len()) {
            return false;
        }
        let is_to_come = |who: &u64| self.is_to_come(timeline, position, *who, id);
        if !shown.front.iter().skip(staying.len()).all(is_to_come) {
            return false;
        }
        let is_taken_late = |who: &&u64| {
            // Called after the return that it would have to come before; or not at all.
            self.joins.get(who).map_or(NEVER, |joins| joins.taken) >= timeline.called_before(id)
        };
        let late = leaving.iter().filter(is_taken_late).count();
        late == 0 || {
            let called = timeline.unknown_before(id);
            let takers = self.takers.iter().take_while(|&&taker| taker < called);
            takers.filter(|&&taker| !position.is_used(taker)).count() >= late
        }
    }

    /// Whether somebody may still join before this return.
    fn is_to_come(&self, timeline: &Timeline, position: &Position, who: u64, id: u32) -> bool {
        let Some(joins) = self.joins.get(&who) else { return false };
        let returned = joins.returned.is_some_and(|join| {
            join >= position.front
                && !position.is_linearized(timeline, join)
                && timeline.returned[join as usize].call_rank < timeline.called_before(id)
        });
        let unknown =
            joins.unknown.is_some_and(|join| !position.is_used(join) && join < timeline.unknown_before(id));
        returned || unknown
    }
}
