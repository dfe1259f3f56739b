//! What must be known of a protocol to compare it with others.

use super::sheet::{Figure, Row};

/// What a protocol is for, and so how it is put to work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// One value is chosen in a run.
    Consensus,
    /// Commands are decided one after the other.
    Log,
    /// Transactions commit or abort on all that take part.
    Commit,
    /// Both attack or neither, which nobody can promise who sends messengers: a theorem, and no mistake.
    Attack,
    /// Something else, known only by its own workload.
    Other,
}

impl Problem {
    /// The problem in a few words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Problem::Consensus => "consensus",
            Problem::Log => "replicated log",
            Problem::Commit => "atomic commit",
            Problem::Attack => "coord. attack",
            Problem::Other => "its own problem",
        }
    }
}

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// All participants.
    Everybody,
    /// Two of them, if the request is about participants at all; others with each request.
    Two,
}

/// A request to put in words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wish {
    /// Its number in the run, from 0.
    pub number: u32,
    /// How many participants there are.
    pub participants: u8,
    /// Whom it is about.
    pub reach: Reach,
}

/// What theory says of one row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Theory {
    /// Which row.
    pub row: Row,
    /// The figure in a cluster of this size.
    pub figure: Figure,
    /// How it is reckoned: N participants, n replicas.
    pub formula: &'static str,
    /// Where it stands.
    pub source: &'static str,
}

/// A protocol as the comparison knows it.
#[derive(Clone, Debug)]
pub struct Description {
    /// Its name.
    pub protocol: &'static str,
    /// Its name in full.
    pub title: &'static str,
    /// What it is for.
    pub problem: Problem,
    /// How an output begins that states a decision; nothing if any does.
    pub decides: &'static str,
    /// The kinds of messages that acknowledge.
    pub acknowledgements: &'static [&'static str],
    /// Whether a decision waits for them. They are then among its messages; otherwise they are counted apart.
    pub acknowledgements_within: bool,
    /// The kinds of messages that a proposer who has done the first phase beforehand does not send.
    pub phase_one: &'static [&'static str],
    /// A request in its words; `None` for what its own workload asks.
    pub words: Option<fn(Wish) -> String>,
    /// How many participants or replicas it takes to stand one fault of the kind that the protocol is for.
    pub stands_one: u8,
    /// What theory says, for that many participants or replicas.
    pub theory: fn(u64) -> Vec<Theory>,
    /// What others have of a row who count otherwise, and where.
    pub elsewhere: &'static [(Row, &'static str)],
    /// Where it is proved that nothing solves the problem inside the model: what is violated there is then no bug.
    pub unsolvable: Option<&'static str>,
}

impl Description {
    /// A protocol of which nothing is known but its name.
    #[must_use]
    pub fn unknown(protocol: &'static str) -> Self {
        Self {
            protocol,
            title: protocol,
            problem: Problem::Other,
            decides: "",
            acknowledgements: &[],
            acknowledgements_within: false,
            phase_one: &[],
            words: None,
            stands_one: 3,
            theory: |_| Vec::new(),
            elsewhere: &[],
            unsolvable: None,
        }
    }

    /// How many participants or replicas there are when so many were asked for.
    #[must_use]
    pub fn participants(&self, asked: Option<u8>) -> u8 {
        asked.unwrap_or(self.stands_one)
    }

    /// How many nodes that makes.
    #[must_use]
    pub fn nodes(&self, asked: Option<u8>) -> u8 {
        let participants = self.participants(asked);
        match self.problem {
            Problem::Commit => participants + 1,
            Problem::Attack => 2,
            Problem::Consensus | Problem::Log | Problem::Other => participants,
        }
    }

    pub(super) const fn is_commit(&self) -> bool {
        matches!(self.problem, Problem::Commit)
    }

    /// Whether a run has one decision and no more.
    pub(super) const fn decides_once(&self) -> bool {
        matches!(self.problem, Problem::Consensus | Problem::Attack)
    }

    /// Whether it is about nodes that crash and come back, and get on without each other meanwhile. Generals do not.
    pub(super) const fn outlives_nodes(&self) -> bool {
        !matches!(self.problem, Problem::Attack)
    }
}
