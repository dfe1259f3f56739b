//! What a leader knows of one node's log.

use crate::Index;

/// How far one node's log is known to be.
///
/// Only the methods below change it, and each asserts the invariants, against the leader's own log where that matters. A
/// leader's log never becomes shorter. So nothing has to be looked at again after each step, for each node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Progress {
    /// The next entry to send. Invariant: it exists, or is the one after the end of the leader's log.
    next: Index,
    /// The last entry known to be on that node's disk. Invariant: `matched < next`.
    matched: Index,
    pace: Pace,
}

/// How a leader sends to one follower.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    /// Where the logs agree is a guess: one message, then wait for its answer. `next` stays.
    Probe,
    /// The logs agreed: send as entries come. `next` moves on with each message.
    Pipeline,
    /// What it needs is gone in a snapshot: send that, a chunk at a time. `next` stays.
    Snapshot,
}

impl Progress {
    /// Figure 2, State: `nextIndex` starts after the leader's last entry, `matchIndex` at 0.
    pub(crate) const fn new(last: Index) -> Self {
        Self { next: last.next(), matched: Index::ZERO, pace: Pace::Probe }
    }

    #[inline]
    pub(crate) const fn next(&self) -> Index {
        self.next
    }

    #[inline]
    pub(crate) const fn matched(&self) -> Index {
        self.matched
    }

    #[inline]
    pub(crate) const fn pace(&self) -> Pace {
        self.pace
    }

    /// Whether it is to be sent more of a log that ends at `last`, where so many entries may be on their way.
    #[inline(always)]
    pub(crate) fn wants_entries(&self, last: Index, window: u64) -> bool {
        self.next <= last && self.pace == Pace::Pipeline && self.next.0 - 1 - self.matched.0 < window
    }

    /// The next `count` entries are on their way.
    #[inline]
    pub(crate) fn on_sent(&mut self, count: usize, last: Index) {
        self.next = self.next.plus(count);
        self.assert_invariants(last);
    }

    /// The node holds everything up to `index`. Returns whether that is news.
    #[inline(always)]
    pub(crate) fn on_matched(&mut self, index: Index, last: Index) -> bool {
        if index.next() >= self.next {
            // What the next message follows is there: the guess was right.
            self.next = index.next();
            self.pace = Pace::Pipeline;
        }
        let is_news = index > self.matched;
        self.matched = self.matched.max(index);
        self.assert_invariants(last);
        is_news
    }

    /// The node refused entries after `previous`; the logs may agree before `retry`. Returns whether to probe there:
    /// an answer to anything but what is being asked now is an echo, and answering echoes makes a storm.
    pub(crate) fn on_conflict(&mut self, previous: Index, retry: Index, last: Index) -> bool {
        let is_current = match self.pace {
            Pace::Probe => previous == self.next.previous(),
            Pace::Pipeline => previous < self.next,
            Pace::Snapshot => false,
        };
        // What was once on that node's disk stays there: a refusal of it is old, or no repair of ours.
        if !is_current || previous <= self.matched {
            return false;
        }
        self.probe(retry.min(previous), last);
        true
    }

    /// Where the logs agree is a guess again, but not before what is known.
    pub(crate) fn probe(&mut self, next: Index, last: Index) {
        self.pace = Pace::Probe;
        self.next = next.max(self.matched.next());
        self.assert_invariants(last);
    }

    /// What it needs is gone in a snapshot.
    pub(crate) const fn send_snapshot(&mut self) {
        self.pace = Pace::Snapshot;
    }

    /// Only a flaw: less is known than before.
    pub(crate) fn take_back(&mut self, matched: Index, last: Index) {
        self.matched = matched;
        self.assert_invariants(last);
    }

    #[inline(always)]
    fn assert_invariants(&self, last: Index) {
        assert!(self.matched < self.next, "what is matched is not sent again");
        assert!(self.next <= last.next(), "only what exists is sent");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_not_answered() {
        let last = Index(9);
        let mut progress = Progress { next: Index(9), matched: Index(2), pace: Pace::Pipeline };
        assert!(!progress.on_conflict(Index(2), Index(1), last), "it is on that node's disk");
        assert!(!progress.on_conflict(Index(9), Index(1), last), "that was never sent");
        assert!(progress.on_conflict(Index(6), Index(4), last));
        assert_eq!((progress.next, progress.pace), (Index(4), Pace::Probe));
        assert!(!progress.on_conflict(Index(7), Index(4), last), "another of the same burst");
        assert!(progress.on_conflict(Index(3), Index(0), last), "the answer to the probe");
        assert_eq!(progress.next, Index(3), "never to what is matched");
        assert!(!progress.on_conflict(Index(2), Index(0), last));
    }

    #[test]
    fn no_more_is_sent_than_there_is_and_than_may_be_on_its_way() {
        let last = Index(9);
        let mut progress = Progress::new(Index(4));
        assert!(!progress.wants_entries(last, 3), "where the logs agree is not known");
        assert!(progress.on_matched(Index(4), last));
        assert!(progress.wants_entries(last, 3));
        progress.on_sent(3, last);
        assert!(!progress.wants_entries(last, 3), "three are on their way");
        assert!(!progress.on_matched(Index(4), last), "it is known already");
        assert!(progress.on_matched(Index(7), last) && progress.wants_entries(last, 3));
        progress.on_sent(2, last);
        assert!(!progress.wants_entries(last, 3), "there is no more");
        assert_eq!((progress.next(), progress.matched()), (Index(10), Index(7)));
    }

    #[test]
    #[should_panic(expected = "only what exists is sent")]
    fn what_does_not_exist_is_not_sent() {
        Progress::new(Index(4)).on_sent(2, Index(5));
    }
}
