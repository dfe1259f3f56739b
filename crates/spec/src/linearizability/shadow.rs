//! Shadows: what is left of an object when one looks at one number in it: the balance of one account, the length of a
//! queue, whether some text is there (1) or not (0).
//!
//! An order that explains a history explains what can be seen of each number as well: the number goes through the same
//! calls in the same order. So where a number's history has no order, the whole has none. A shadow has few operations
//! and few states, and is searched through where the whole is not: transfers between other accounts, which may be
//! ordered in any way, are not in it.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter};

use super::search::{Progress, Search};
use super::timeline::return_of;
use super::{Model, Span};

/// One shadow gets this part of the budget of all.
const ONE_SHARE: u64 = 4;

/// Where an answer may be any of more sums than this, hardly any can be wrong.
const SUMS_MAX: usize = 1024;

/// What an operation does to a number, or says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// It becomes larger.
    Add(u64),
    /// It becomes smaller, which it can.
    Take(u64),
    /// It is this.
    Is(u64),
    /// It is at least this.
    AtLeast(u64),
    /// It is less than this.
    Below(u64),
    /// It becomes this, whatever it was.
    Become(u64),
    /// It was the one and becomes the other.
    Turn(u64, u64),
}

/// A number that starts somewhere.
struct Counter(u64);

/// Whether a deed was possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Possible(bool);

impl Model for Counter {
    type State = u64;
    type Call = Deed;
    type Answer = Possible;

    fn initial(&self) -> u64 {
        self.0
    }

    fn apply(&self, number: &mut u64, deed: &Deed) -> Possible {
        let after = match *deed {
            Deed::Add(amount) => number.checked_add(amount),
            Deed::Take(amount) => number.checked_sub(amount),
            Deed::Is(seen) => (*number == seen).then_some(*number),
            Deed::AtLeast(least) => (*number >= least).then_some(*number),
            Deed::Below(bound) => (*number < bound).then_some(*number),
            Deed::Become(after) => Some(after),
            Deed::Turn(before, after) => (*number == before).then_some(after),
        };
        *number = after.unwrap_or(*number);
        Possible(after.is_some())
    }

    fn is_read(&self, deed: &Deed) -> bool {
        matches!(deed, Deed::Is(_) | Deed::AtLeast(_) | Deed::Below(_))
    }

    fn is_blind(&self, deed: &Deed) -> bool {
        matches!(deed, Deed::Become(_))
    }

    fn overwrites(&self, deed: &Deed) -> bool {
        self.is_blind(deed)
    }
}

impl Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Display for Possible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Fingerprint for Deed {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        let (variant, number) = match *self {
            Deed::Add(number) => (0, number),
            Deed::Take(number) => (1, number),
            Deed::Is(number) => (2, number),
            Deed::AtLeast(number) => (3, number),
            Deed::Below(number) => (4, number),
            Deed::Become(number) => (5, number),
            Deed::Turn(before, after) => {
                into.mark(6);
                return into.pair(before, after);
            }
        };
        into.pair(variant, number);
    }
}

/// What shadows were found to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refuted {
    /// The operation that no order of some shadow gets beyond, by its index in the history: no order of the whole
    /// gets beyond it either.
    pub stuck: Option<usize>,
    /// How many steps it took to find out.
    pub steps: u64,
}

/// Looks for a shadow that has no order, among the operations of one part that `members` lists, in at most about
/// `budget` steps.
pub fn refute<M: Model>(
    model: &M,
    history: &[Span<M::Call, M::Answer>],
    members: &[usize],
    budget: u64,
) -> Refuted {
    let named = members.iter().filter_map(|&source| {
        let (_, seen) = history[source].returned.as_ref()?;
        model.shadow_of(&history[source].call, seen)
    });
    let shadows: BTreeSet<u64> = (0..model.shadows()).chain(named).collect();
    let mut steps = 0;
    for shadow in shadows {
        if steps >= budget {
            break;
        }
        let cast = |&source: &usize| {
            let Span { process, call, called, returned } = &history[source];
            let seen = returned.as_ref().map(|(_, seen)| seen);
            let call = model.cast(shadow, call, seen)?;
            let returned = returned.as_ref().map(|&(at, _)| (at, Possible(true)));
            Some((source, Span { process: *process, call, called: *called, returned }))
        };
        let (sources, spans): (Vec<usize>, Vec<_>) = members.iter().filter_map(cast).unzip();
        // What is looked at costs as well, if less.
        steps += members.len() as u64 / 8;
        let before = model.shadow_before(shadow);
        let stuck = find_wrong_sum(before, &spans).or_else(|| {
            let counter = Counter(before);
            let all: Vec<usize> = (0..spans.len()).collect();
            let mut search = Search::new(&counter, &spans, None, &all, &[]);
            let progress = search.run((budget / ONE_SHARE).min(budget.saturating_sub(steps)));
            steps += search.steps;
            assert!(!search.foresaw, "a counter needs nothing");
            let front = search.reach.front as usize;
            (progress == Progress::Exhausted).then(|| search.timeline.returned[front].source as usize)
        });
        if let Some(stuck) = stuck {
            return Refuted { stuck: Some(sources[stuck]), steps };
        }
    }
    Refuted { stuck: None, steps }
}

/// The first answer that is no sum of what was added and taken: all that returned before its call, and any of what was
/// called before its return.
fn find_wrong_sum(before: u64, spans: &[Span<Deed, Possible>]) -> Option<usize> {
    let change = |deed: &Deed| match *deed {
        Deed::Add(amount) => Some(i128::from(amount)),
        Deed::Take(amount) => Some(-i128::from(amount)),
        Deed::Is(_) | Deed::AtLeast(_) | Deed::Below(_) => Some(0),
        Deed::Become(_) | Deed::Turn(..) => None,
    };
    let changes: Vec<i128> = spans.iter().map(|span| change(&span.call)).collect::<Option<_>>()?;
    let is_wrong = |&at: &usize| {
        let (Deed::Is(seen), Some(returned)) = (spans[at].call, return_of(&spans[at])) else { return false };
        let mut sums = BTreeSet::from([i128::from(before)]);
        for (other, &change) in spans.iter().zip(&changes).filter(|&(_, &change)| change != 0) {
            if other.called > returned {
                continue;
            }
            let is_sure = return_of(other).is_some_and(|end| end < spans[at].called);
            let mut after: BTreeSet<i128> = sums.iter().map(|sum| sum + change).collect();
            if !is_sure {
                after.append(&mut sums);
            }
            sums = after;
            if sums.len() > SUMS_MAX {
                return false;
            }
        }
        !sums.contains(&i128::from(seen))
    };
    (0..spans.len()).filter(is_wrong).min_by_key(|&at| return_of(&spans[at]))
}
