//! What clients did in a run, in numbers; and the words for what they do next.

use quarrel_protocol::NodeId;

/// What clients did, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// Operations that were started.
    pub started: u64,
    /// Of these, how many were answered for good.
    pub answered: u64,
    /// How many ended without effect, as their clients know. Those that found too many others under way are among
    /// these.
    pub failed: u64,
    /// How many were given up: nobody told their clients what became of them.
    pub unknown: u64,
    /// How many found too many others under way, and failed unsent.
    pub turned_away: u64,
    /// How many requests were sent, retries included.
    pub requests: u64,
    /// How many were redirected.
    pub redirects: u64,
    /// How often clients had as many operations under way as they may, and nearly all that they had sent since the
    /// last answer were retries: a retry storm.
    pub retry_storms: u64,
}

impl Asked {
    /// Adds another run's numbers.
    pub fn add(&mut self, other: &Self) {
        let Self { started, answered, failed, unknown, turned_away, requests, redirects, retry_storms } =
            other;
        self.started += started;
        self.answered += answered;
        self.failed += failed;
        self.unknown += unknown;
        self.turned_away += turned_away;
        self.requests += requests;
        self.redirects += redirects;
        self.retry_storms += retry_storms;
    }
}

/// What a client does after it has looked at an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Nothing more: it had ended, or the answer is to what was answered already.
    Nothing,
    /// It has its answer.
    Done,
    /// It had no effect.
    Failed,
    /// Ask again now.
    AskNow,
    /// Ask again after so many nanoseconds, unless an answer comes.
    AskAfter(u64),
}

/// What becomes of an operation when its time has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Start {
    /// The client asks.
    Asks,
    /// Too many are under way.
    TurnedAway,
}

/// What a client does when it wants to ask again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    /// It asks that node; which attempt it is.
    Asks(NodeId, u32),
    /// It asks every node; which attempt it is.
    AsksAll(u32),
    /// It has asked often enough.
    GivesUp,
    /// It may not ask again, and an answer is owed.
    Waits,
    /// It may not ask even once.
    Fails,
    /// There is nothing to ask any more.
    Ended,
}
