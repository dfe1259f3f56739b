//! What is said of a history.

/// Whether a history is linearizable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict<A> {
    /// Some order explains it.
    Linearizable {
        /// How many operations were tried in some state.
        steps: u64,
    },
    /// No order does.
    Violation(Box<Explanation<A>>),
    /// The budget ran out first.
    Unknown {
        /// How many operations were tried in some state.
        steps: u64,
        /// The parts that are not decided. All others are linearizable.
        undecided: Vec<Option<u64>>,
    },
}

/// Why no order explains a history: how far one can get, and what is in the way.
///
/// An order gets as far as a return if it is a legal order of operations with the answers that they were given, and
/// covers every operation that returned before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation<A> {
    /// The part that breaks. `None` if the history has no parts.
    pub part: Option<u64>,
    /// A legal order that gets as far as the return of `stuck`. Among the orders that were tried it is a longest, but
    /// without the operations of unknown outcome that none of the others needs.
    pub prefix: Vec<Step<A>>,
    /// The operation that cannot be placed, by its index in the history: no legal order covers everything that
    /// returned before it, and it.
    pub stuck: usize,
    /// What its client was told.
    pub seen: A,
    /// What the object would have answered instead at the ends of orders that got as far, each answer once, that behind
    /// `prefix` first. At most sixteen; empty only if the search stopped before.
    pub possible: Vec<A>,
    /// The operations of the part that overlap `stuck`, by index and in the order of their calls, without those of
    /// unknown outcome that were called before it.
    pub overlapping: Vec<usize>,
    /// Whether it is proven that no order gets further. Otherwise the budget ended while that was looked into; that
    /// the history is not linearizable is proven all the same.
    pub is_furthest: bool,
    /// How many operations were tried in some state, in all.
    pub steps: u64,
}

/// One operation of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step<A> {
    /// Its index in the history.
    pub operation: usize,
    /// What the object answered there.
    pub answer: A,
}

impl<A> Verdict<A> {
    /// How many operations were tried in some state: what the budget is spent on.
    #[must_use]
    pub fn steps(&self) -> u64 {
        match self {
            Verdict::Linearizable { steps } | Verdict::Unknown { steps, .. } => *steps,
            Verdict::Violation(explanation) => explanation.steps,
        }
    }
}
