//! Linearizability: whether what clients saw can be explained by one sequential object, each operation taking effect
//! at one moment between its call and its return.
//!
//! Herlihy and Wing, *Linearizability: A Correctness Condition for Concurrent Objects* (1990).
//!
//! Two ways lead to a verdict. [`explains`] takes an order that somebody claims, the commit order of a log, and
//! checks it in the time of a sort. [`check`] looks for an order, which may take exponentially long (the problem is
//! NP-complete) and so has a budget. Read in this order: [`verdict`], `parts`, `search`, then what it stands on:
//! `timeline` (the operations, numbered), `position` (where the search stands), `memo` (where it has been),
//! `prospects`, `horizon` and `line` (what is still wanted), `states`, `table`; then [`shadow`] (what is told without
//! the whole), `explain` and [`witness`].

mod explain;
mod horizon;
mod line;
mod memo;
mod parts;
mod position;
mod prospects;
mod reach;
mod search;
pub mod shadow;
mod states;
mod table;
mod timeline;
pub mod verdict;
pub mod witness;

use std::fmt::{Debug, Display};

use quarrel_protocol::Fingerprint;

pub use line::Shown;
pub use parts::{check, check_near};
pub use shadow::Deed;
pub use verdict::{Explanation, Step, Verdict};
pub use witness::{Doubt, Placed, explains};

/// A deterministic sequential object: what replicas apply, and what histories are checked against.
pub trait Model {
    /// What the object remembers.
    type State: Clone + Eq + Fingerprint;
    /// What it is asked.
    type Call: Clone + Eq + Debug + Display + Fingerprint;
    /// What it says.
    type Answer: Clone + Eq + Debug + Display;

    /// The object before its first call.
    fn initial(&self) -> Self::State;

    /// The part of it that calls of one part are about, before their first (see [`Model::part`]). It may forget what
    /// only calls about more than one part could tell.
    fn initial_part(&self) -> Self::State {
        self.initial()
    }

    /// Applies a call, and says what the object answers.
    fn apply(&self, state: &mut Self::State, call: &Self::Call) -> Self::Answer;

    /// Whether a client that was told `seen` may have been told `given`. A client that could not see everything (a
    /// lock without its token) is content with less than equality.
    fn agrees(&self, given: &Self::Answer, seen: &Self::Answer) -> bool {
        given == seen
    }

    /// Whether this call never changes the object, whatever its state.
    fn is_read(&self, _call: &Self::Call) -> bool {
        false
    }

    /// Whether a call that was answered so has changed nothing, whatever the state was: a read, a compare-and-set that
    /// did not set. It saves the search a branch. `true` where it is not so makes verdicts wrong.
    fn is_inert(&self, call: &Self::Call, _seen: &Self::Answer) -> bool {
        self.is_read(call)
    }

    /// The state in which this call must have found the object to be answered so, if there is only one: a read
    /// proves what the register held. It lets the search look ahead. Another state than that makes verdicts wrong.
    fn needs(&self, _call: &Self::Call, _seen: &Self::Answer) -> Option<Self::State> {
        None
    }

    /// The state in which this call leaves the object whenever it changes it, if there is only one: what is written.
    /// Another state than that makes verdicts wrong.
    fn leads_to(&self, _call: &Self::Call) -> Option<Self::State> {
        None
    }

    /// Whether this call is always answered the same, whatever the state is: a write, an append. `true` where it is
    /// not so makes verdicts wrong.
    fn is_blind(&self, _call: &Self::Call) -> bool {
        false
    }

    /// Whether this call is blind and besides always leaves the same state, whatever it found: a write. Nobody can
    /// tell what blind calls came right before it, and so the search need not decide early. `true` where it is not
    /// so makes verdicts wrong.
    fn overwrites(&self, _call: &Self::Call) -> bool {
        false
    }

    /// Whether calls that lead to no one state ([`Model::leads_to`]) could turn one state into the other, in any
    /// number: appending turns a text into those that start with it. `false` where it is not so makes verdicts
    /// wrong. Asked only of states that [`Model::needs`] names.
    fn may_become(&self, _from: &Self::State, _to: &Self::State) -> bool {
        true
    }

    /// How many numbers there are in the object that can be looked at alone (see [`shadow`]), whatever is called.
    fn shadows(&self) -> u64 {
        0
    }

    /// One more that is worth a look, after this call was answered so.
    fn shadow_of(&self, _call: &Self::Call, _seen: &Self::Answer) -> Option<u64> {
        None
    }

    /// What this number is before the first call.
    fn shadow_before(&self, _shadow: u64) -> u64 {
        0
    }

    /// What this call does to the number, or says of it, if it was answered so or, with `None`, if its outcome is
    /// unknown. `None` if nothing can be said. Another deed than that makes verdicts wrong.
    fn cast(&self, _shadow: u64, _call: &Self::Call, _seen: Option<&Self::Answer>) -> Option<Deed> {
        None
    }

    /// What waits in the object, if it is a line that its members leave in the order in which they joined it.
    fn line(&self, _state: &Self::State) -> Option<Vec<u64>> {
        None
    }

    /// Who joins the line at its end, by this call.
    fn joins(&self, _call: &Self::Call) -> Option<u64> {
        None
    }

    /// Whether this call may take away who stands in front of the line. All others leave it as it is or join it.
    fn may_take(&self, _call: &Self::Call) -> bool {
        false
    }

    /// What the answer to this call tells of the line as the call found it. Something else than that makes verdicts
    /// wrong.
    fn shows(&self, _call: &Self::Call, _seen: &Self::Answer) -> Option<Shown> {
        None
    }

    /// The independent part of the object that this call is about, if it is about only one: a key. A history whose
    /// calls all name a part is linearizable if and only if each part's is (Herlihy and Wing, theorem 1).
    ///
    /// [`Model::needs`], [`Model::leads_to`] and [`Model::overwrites`] speak of the states of that part. Where some
    /// call names none, and so the whole object is looked at, they are asked only of such calls.
    fn part(&self, _call: &Self::Call) -> Option<u64> {
        None
    }
}

/// One operation of a history, as a span between two events. Positions count events from 0 in the order in which
/// they happened; no two are equal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span<C, A> {
    /// Who asked. One process has at most one operation at a time.
    pub process: u64,
    /// What was asked.
    pub call: C,
    /// The position of the call.
    pub called: u64,
    /// The position of the return, and what was said. `None` when the outcome is unknown: the operation may have
    /// taken effect at any moment after its call, or never.
    pub returned: Option<(u64, A)>,
}

/// Operations, in the order of their calls. An operation that is known to have had no effect is not listed.
pub type History<M> = Vec<Span<<M as Model>::Call, <M as Model>::Answer>>;
