//! A claimed order, checked in the time of a sort.
//!
//! The simulator knows in which order commands were committed. If that order explains the history, then the history
//! is linearizable and nothing has to be searched. If it does not, nothing is proven.

use std::fmt::{self, Display};

use super::timeline::return_of;
use super::{Model, Span};

/// Where an operation stands in a claimed order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Placed {
    /// Its index in the history.
    pub operation: usize,
    /// Its position: that of its entry in the log. Reads may share one with a call that is no read; they stand after
    /// it, in the order of their calls.
    pub position: u64,
}

/// Why a claimed order explains nothing. The operation is given by its index in the history.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Doubt {
    /// The history has no such operation.
    NoSuchOperation(usize),
    /// It returned and is not in the order.
    Missing(usize),
    /// It is in the order twice.
    Twice(usize),
    /// It shares its position with another operation, and neither is a read.
    SamePosition(usize),
    /// It returned before an operation was called that stands before it.
    TooLate(usize),
    /// In this order the object answers something else.
    OtherAnswer(usize),
}

impl Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::NoSuchOperation(index) => write!(f, "there is no operation {index}"),
            Doubt::Missing(index) => write!(f, "operation {index} returned and is not in the order"),
            Doubt::Twice(index) => write!(f, "operation {index} is in the order twice"),
            Doubt::SamePosition(index) => write!(f, "operation {index} shares its position with another"),
            Doubt::TooLate(index) => {
                write!(f, "operation {index} returned before one was called that stands before it")
            }
            Doubt::OtherAnswer(index) => write!(f, "operation {index} is answered otherwise in this order"),
        }
    }
}

/// Checks that an order explains a history: operations that do not overlap stand in it as they happened, and every
/// answer that a client saw is the one that the object gives. Operations of unknown outcome took effect if they are
/// in the order. Where every call names a part, only the order within each part counts.
///
/// `Ok` proves the history linearizable. `Err` proves nothing: another order may explain it.
///
/// # Errors
///
/// The first reason why this order does not explain the history.
pub fn explains<M: Model>(
    model: &M,
    history: &[Span<M::Call, M::Answer>],
    order: &[Placed],
) -> Result<(), Doubt> {
    let has_parts = history.iter().all(|span| model.part(&span.call).is_some());
    let part_of = |operation: usize| if has_parts { model.part(&history[operation].call) } else { None };
    let order = in_order(model, history, order, part_of)?;
    // Each part is one run of places, because what is sorted is sorted by part first.
    for part in order.chunk_by(|one, other| one.part == other.part) {
        let mut replay = Replay { state: model.initial(), latest_call: 0 };
        part.iter().try_for_each(|place| replay.go_on(model, &history[place.operation], place.operation))?;
    }
    Ok(())
}

/// One part of the object on its way through the order.
struct Replay<S> {
    state: S,
    /// The latest call of all operations so far: none that stands later may have returned before it.
    latest_call: u64,
}

impl<S> Replay<S> {
    /// What stands next takes effect.
    fn go_on<M: Model<State = S>>(
        &mut self,
        model: &M,
        span: &Span<M::Call, M::Answer>,
        operation: usize,
    ) -> Result<(), Doubt> {
        if return_of(span).is_some_and(|returned| returned < self.latest_call) {
            return Err(Doubt::TooLate(operation));
        }
        self.latest_call = self.latest_call.max(span.called);
        let given = model.apply(&mut self.state, &span.call);
        if span.returned.as_ref().is_some_and(|(_, seen)| !model.agrees(&given, seen)) {
            return Err(Doubt::OtherAnswer(operation));
        }
        Ok(())
    }
}

/// Where an operation stands, with all that the order is sorted by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// The part of the object that it is about, where only the order within each counts.
    part: Option<u64>,
    position: u64,
    is_read: bool,
    /// When it was called, of a read; 0 otherwise.
    called: u64,
    operation: usize,
}

/// The order as a sequence, part by part, if it is one and holds every operation that returned.
fn in_order<M: Model>(
    model: &M,
    history: &[Span<M::Call, M::Answer>],
    order: &[Placed],
    part_of: impl Fn(usize) -> Option<u64>,
) -> Result<Vec<Place>, Doubt> {
    let mut listed = vec![false; history.len()];
    for &Placed { operation, .. } in order {
        match listed.get_mut(operation) {
            None => return Err(Doubt::NoSuchOperation(operation)),
            Some(true) => return Err(Doubt::Twice(operation)),
            Some(listed) => *listed = true,
        }
    }
    let is_missing = |&index: &usize| history[index].returned.is_some() && !listed[index];
    if let Some(missing) = (0..history.len()).find(is_missing) {
        return Err(Doubt::Missing(missing));
    }
    let place = |&Placed { operation, position }: &Placed| {
        let Span { call, called, .. } = &history[operation];
        let is_read = model.is_read(call);
        let called = if is_read { *called } else { 0 };
        Place { part: part_of(operation), position, is_read, called, operation }
    };
    let mut order: Vec<Place> = order.iter().map(place).collect();
    order.sort_unstable();
    let is_same = |one: &Place, other: &Place| (one.part, one.position) == (other.part, other.position);
    let clash = order.windows(2).find(|two| is_same(&two[0], &two[1]) && !two[1].is_read);
    clash.map_or(Ok(()), |two| Err(Doubt::SamePosition(two[1].operation)))?;
    Ok(order)
}
