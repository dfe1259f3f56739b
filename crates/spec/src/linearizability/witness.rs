//! A claimed order, checked in the time of a sort.
//!
//! The simulator knows in which order commands were committed. If that order explains the history, then the history
//! is linearizable and nothing has to be searched. If it does not, nothing is proven.

use std::collections::BTreeMap;
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
    let mut parts: BTreeMap<Option<u64>, Replay<M::State>> = BTreeMap::new();
    for Placed { operation, .. } in order {
        let Span { call, called, returned, .. } = &history[operation];
        let part = if has_parts { model.part(call) } else { None };
        let replay = parts.entry(part).or_insert_with(|| Replay { state: model.initial(), latest_call: 0 });
        if return_of(&history[operation]).is_some_and(|returned| returned < replay.latest_call) {
            return Err(Doubt::TooLate(operation));
        }
        replay.latest_call = replay.latest_call.max(*called);
        let given = model.apply(&mut replay.state, call);
        if returned.as_ref().is_some_and(|(_, seen)| !model.agrees(&given, seen)) {
            return Err(Doubt::OtherAnswer(operation));
        }
    }
    Ok(())
}

/// One part of the object on its way through the order.
struct Replay<S> {
    state: S,
    /// The latest call of all operations so far: none that stands later may have returned before it.
    latest_call: u64,
}

/// The order as a sequence, part by part, if it is one and holds every operation that returned.
fn in_order<M: Model>(
    model: &M,
    history: &[Span<M::Call, M::Answer>],
    order: &[Placed],
    part_of: impl Fn(usize) -> Option<u64>,
) -> Result<Vec<Placed>, Doubt> {
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
    let is_read = |placed: &Placed| model.is_read(&history[placed.operation].call);
    let mut order = order.to_vec();
    // What is compared is looked up once for each, and not at every comparison.
    order.sort_by_cached_key(|placed| {
        let called = if is_read(placed) { history[placed.operation].called } else { 0 };
        (part_of(placed.operation), placed.position, is_read(placed), called, placed.operation)
    });
    let place = |placed: &Placed| (part_of(placed.operation), placed.position);
    let clash = order.windows(2).find(|two| place(&two[0]) == place(&two[1]) && !is_read(&two[1]));
    clash.map_or(Ok(()), |two| Err(Doubt::SamePosition(two[1].operation)))?;
    Ok(order)
}
