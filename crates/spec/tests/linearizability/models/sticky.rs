//! Consensus as an object: the first proposal sticks, and everyone is told it.

use std::fmt;

use proptest::prelude::*;
use quarrel_protocol::{Fingerprint, Fingerprinter};
use quarrel_spec::linearizability::Model;

use super::{Hints, Subject, number};

pub(crate) struct Sticky(Hints);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Propose(u8);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Decided(u8);

impl Model for Sticky {
    type State = Option<u8>;
    type Call = Propose;
    type Answer = Decided;

    fn initial(&self) -> Option<u8> {
        None
    }

    fn apply(&self, state: &mut Option<u8>, &Propose(value): &Propose) -> Decided {
        Decided(*state.get_or_insert(value))
    }

    fn is_inert(&self, &Propose(value): &Propose, &Decided(seen): &Decided) -> bool {
        self.0 == Hints::All && seen != value
    }

    fn needs(&self, call: &Propose, seen: &Decided) -> Option<Option<u8>> {
        self.is_inert(call, seen).then_some(Some(seen.0))
    }

    fn leads_to(&self, &Propose(value): &Propose) -> Option<Option<u8>> {
        (self.0 == Hints::All).then_some(Some(value))
    }
}

impl Subject for Sticky {
    fn new(hints: Hints) -> Self {
        Self(hints)
    }

    fn any_call(_process: u64) -> BoxedStrategy<Propose> {
        (1u8..4).prop_map(Propose).boxed()
    }

    fn distort(_answer: &Decided, by: u8) -> Decided {
        Decided(by % 3 + 1)
    }

    fn read_call(_process: u64, words: &[&str]) -> Propose {
        match *words {
            ["propose", value] => Propose(number(value)),
            _ => panic!("no call of a sticky register: {words:?}"),
        }
    }

    fn read_answer(call: &Propose, words: &[&str]) -> Decided {
        match words {
            [value] => Decided(number(value)),
            _ => panic!("no answer to {call}: {words:?}"),
        }
    }
}

impl fmt::Display for Propose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Fingerprint for Propose {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.0.into());
    }
}
