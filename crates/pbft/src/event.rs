//! What a replica announces to observers.

use std::fmt::{self, Display};

use quarrel_protocol::{Announcement, Fingerprint, Fingerprinter, Kinded};
use serde::{Deserialize, Serialize};

use crate::{Digest, Sequence, View};

/// Why a replica gives its primary up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reason {
    /// It waited too long.
    TimedOut,
    /// So many others have given theirs up that one of them is correct (4.5.2).
    Joined,
}

/// How a replica knows that a batch is committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum How {
    /// It has counted commits.
    Counted,
    /// It was behind, and was sent a quorum of them.
    CaughtUp,
}

/// An announcement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// The replica accepts an assignment of its primary, or makes one as the primary.
    Accepted {
        /// The view.
        view: View,
        /// The sequence number.
        sequence: Sequence,
        /// The batch.
        digest: Digest,
        /// How many requests are in it; none in the null request.
        requests: u32,
    },
    /// A batch has prepared here.
    Prepared {
        /// The view.
        view: View,
        /// The sequence number.
        sequence: Sequence,
        /// The batch.
        digest: Digest,
    },
    /// A batch has committed here.
    Committed {
        /// The view in which a quorum did.
        view: View,
        /// The sequence number.
        sequence: Sequence,
        /// The batch.
        digest: Digest,
        /// How the replica knows.
        how: How,
    },
    /// A batch is executed.
    Executed {
        /// The sequence number.
        sequence: Sequence,
        /// The batch.
        digest: Digest,
    },
    /// The replica gives its primary up, and wants to go to another view.
    GaveUp {
        /// That view.
        view: View,
        /// How many batches it says have prepared.
        prepared: u32,
        /// So often in a row.
        failures: u32,
        /// Why.
        reason: Reason,
    },
    /// A view begins here.
    Entered {
        /// The view.
        view: View,
        /// The last stable checkpoint.
        low: Sequence,
        /// The last sequence number that is proposed again; `low` if none is.
        last: Sequence,
        /// How many batches that had prepared are proposed again.
        carried: u32,
        /// How many null requests fill gaps.
        nulls: u32,
    },
    /// A new view was refused: it does not follow from what it cites.
    Refused {
        /// The view.
        view: View,
    },
    /// The replica has made a checkpoint.
    Checkpointed {
        /// The last sequence number in it.
        sequence: Sequence,
        /// Its state.
        digest: Digest,
    },
    /// A checkpoint is stable.
    Stabilised {
        /// The last sequence number in it.
        sequence: Sequence,
        /// Its state.
        digest: Digest,
    },
    /// The replica takes over the state of another.
    Installed {
        /// The last sequence number in it.
        sequence: Sequence,
        /// The state.
        digest: Digest,
    },
    /// The replica relays requests to the primary.
    Relayed {
        /// How many.
        count: u32,
    },
    /// The primary may not propose more before a checkpoint is stable.
    Held {
        /// The high water mark.
        high: Sequence,
    },
    /// A batch that was known by digest only is here.
    Fetched {
        /// Its sequence number.
        sequence: Sequence,
    },
}

impl Kinded for Event {
    const KINDS: &'static [&'static str] = &[
        "accepted",
        "prepared",
        "committed",
        "executed",
        "gave-up",
        "entered",
        "refused",
        "checkpointed",
        "stabilised",
        "installed",
        "relayed",
        "held",
        "fetched",
    ];

    #[inline]
    fn kind(&self) -> usize {
        match self {
            Event::Accepted { .. } => 0,
            Event::Prepared { .. } => 1,
            Event::Committed { .. } => 2,
            Event::Executed { .. } => 3,
            Event::GaveUp { .. } => 4,
            Event::Entered { .. } => 5,
            Event::Refused { .. } => 6,
            Event::Checkpointed { .. } => 7,
            Event::Stabilised { .. } => 8,
            Event::Installed { .. } => 9,
            Event::Relayed { .. } => 10,
            Event::Held { .. } => 11,
            Event::Fetched { .. } => 12,
        }
    }
}

impl Announcement for Event {
    const FIELDS: &'static [&'static [&'static str]] = &[
        &["view", "sequence"],
        &["view", "sequence"],
        &["view", "sequence"],
        &["sequence"],
        &["view", "prepared", "failures"],
        &["view", "low", "last"],
        &["view"],
        &["sequence"],
        &["sequence"],
        &["sequence"],
        &["count"],
        &["high"],
        &["sequence"],
    ];

    fn field(&self, position: usize) -> u64 {
        let fields = match *self {
            Event::Accepted { view, sequence, .. }
            | Event::Prepared { view, sequence, .. }
            | Event::Committed { view, sequence, .. } => [view.0, sequence.0, 0],
            Event::Executed { sequence, .. }
            | Event::Checkpointed { sequence, .. }
            | Event::Stabilised { sequence, .. }
            | Event::Installed { sequence, .. }
            | Event::Fetched { sequence } => [sequence.0, 0, 0],
            Event::GaveUp { view, prepared, failures, .. } => {
                [view.0, u64::from(prepared), u64::from(failures)]
            }
            Event::Entered { view, low, last, .. } => [view.0, low.0, last.0],
            Event::Refused { view } => [view.0, 0, 0],
            Event::Relayed { count } => [u64::from(count), 0, 0],
            Event::Held { high } => [high.0, 0, 0],
        };
        fields[position]
    }

    fn is_milestone(&self) -> bool {
        match self {
            // The daily business of a log.
            Event::Executed { .. }
            | Event::Checkpointed { .. }
            | Event::Stabilised { .. }
            | Event::Relayed { .. }
            | Event::Held { .. }
            | Event::Fetched { .. } => false,
            Event::Accepted { .. }
            | Event::Prepared { .. }
            | Event::Committed { .. }
            | Event::GaveUp { .. }
            | Event::Entered { .. }
            | Event::Refused { .. }
            | Event::Installed { .. } => true,
        }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Event::Accepted { view, sequence, digest, requests: 0 } => {
                write!(f, "accepts the null request {digest} at {sequence} in view {view}")
            }
            Event::Accepted { view, sequence, digest, .. } => {
                write!(f, "accepts {digest} at {sequence} in view {view}")
            }
            Event::Prepared { view, sequence, digest } => {
                write!(f, "has prepared {digest} at {sequence} in view {view}")
            }
            Event::Committed { view, sequence, digest, how: How::Counted } => {
                write!(f, "has committed {digest} at {sequence} in view {view}")
            }
            Event::Committed { view, sequence, digest, how: How::CaughtUp } => {
                write!(f, "learns that {digest} was committed at {sequence} in view {view}")
            }
            Event::Executed { sequence, digest } => write!(f, "executes {digest} at {sequence}"),
            Event::GaveUp { view, prepared, failures, reason } => {
                let why = match reason {
                    Reason::TimedOut => "has waited too long",
                    Reason::Joined => "joins others",
                };
                write!(f, "{why}: on its way to view {view}, attempt {failures}, {prepared} prepared")
            }
            Event::Entered { view, low, last, carried, nulls } => {
                write!(f, "enters view {view}, stable up to {low}")?;
                if last > low {
                    write!(f, "; up to {last} are proposed again: {carried} prepared, {nulls} null")?;
                }
                Ok(())
            }
            Event::Refused { view } => {
                write!(f, "refuses view {view}: it does not follow from its view changes")
            }
            Event::Checkpointed { sequence, digest } => {
                write!(f, "makes a checkpoint of everything up to {sequence}: {digest}")
            }
            Event::Stabilised { sequence, digest } => {
                write!(f, "knows that state {digest} up to {sequence} is stable")
            }
            Event::Installed { sequence, digest } => write!(f, "takes over state {digest} up to {sequence}"),
            Event::Relayed { count } => write!(f, "relays {count} requests to the primary"),
            Event::Held { high } => {
                write!(f, "may propose nothing after {high} before a checkpoint is stable")
            }
            Event::Fetched { sequence } => write!(f, "has fetched the batch of {sequence}"),
        }
    }
}

impl Fingerprint for Event {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
        match *self {
            Event::Accepted { view, sequence, digest, requests } => {
                into.pair(view.0, sequence.0);
                into.pair(digest.0, u64::from(requests));
            }
            Event::Prepared { view, sequence, digest } => {
                into.pair(view.0, sequence.0);
                into.word(digest.0);
            }
            Event::Committed { view, sequence, digest, how } => {
                into.pair(view.0, sequence.0);
                into.pair(digest.0, how as u64);
            }
            Event::Executed { sequence, digest }
            | Event::Checkpointed { sequence, digest }
            | Event::Stabilised { sequence, digest }
            | Event::Installed { sequence, digest } => into.pair(sequence.0, digest.0),
            Event::GaveUp { view, prepared, failures, reason } => {
                into.pair(view.0, u64::from(prepared));
                into.pair(u64::from(failures), reason as u64);
            }
            Event::Entered { view, low, last, carried, nulls } => {
                into.pair(view.0, low.0);
                into.pair(last.0, u64::from(carried) << 32 | u64::from(nulls));
            }
            Event::Refused { view } => view.fingerprint(into),
            Event::Relayed { count } => count.fingerprint(into),
            Event::Held { high } => high.fingerprint(into),
            Event::Fetched { sequence } => sequence.fingerprint(into),
        }
    }
}
