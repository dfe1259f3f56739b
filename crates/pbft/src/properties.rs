//! What the invariants are called, what they say, and where the paper says it; and what must happen some time.

use quarrel_protocol::{Cell, Property, PropertyKind};

pub(crate) const AGREEMENT: usize = 0;
pub(crate) const ONE_VALUE_PREPARED: usize = 1;
pub(crate) const CERTIFICATE_SOUNDNESS: usize = 2;
pub(crate) const ONE_VALUE_ACCEPTED: usize = 3;
pub(crate) const EXECUTION_IN_ORDER: usize = 4;
pub(crate) const CHECKPOINT_AGREEMENT: usize = 5;
pub(crate) const COMMITTED_SURVIVES: usize = 6;
pub(crate) const VIEW_MONOTONIC: usize = 7;
pub(crate) const VALID_RESULT: usize = 8;

/// The properties, in the order in which reports count them.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "agreement",
        kind: PropertyKind::Paper,
        statement: "no two correct replicas commit or execute different batches at the same sequence number",
        source: "Castro and Liskov 1999, section 4.5.1: non-faulty replicas agree on the sequence numbers of requests",
    },
    Property {
        name: "one-value-prepared",
        kind: PropertyKind::Paper,
        statement: "no two batches prepare in the same view at the same sequence number at correct replicas",
        source: "Castro and Liskov 1999, section 4.2: the pre-prepare and prepare phases agree on a total order within a view",
    },
    Property {
        name: "certificate-soundness",
        kind: PropertyKind::Paper,
        statement: "a batch prepares at a correct replica only if a quorum but for f has accepted it in that view, and \
            commits only if a quorum but for f has prepared it",
        source: "Castro and Liskov 1999, section 4.2: prepared and committed-local; committed-local implies committed",
    },
    Property {
        name: "one-value-accepted",
        kind: PropertyKind::Paper,
        statement: "no correct replica accepts two batches in the same view at the same sequence number, nor another one \
            than a correct primary has assigned",
        source: "Castro and Liskov 1999, section 4.2: a backup accepts a pre-prepare message provided",
    },
    Property {
        name: "execution-in-order",
        kind: PropertyKind::Paper,
        statement: "a correct replica executes sequence numbers without gaps, from the start or a state that it took over",
        source: "Castro and Liskov 1999, section 4.2: all requests with lower sequence numbers are executed",
    },
    Property {
        name: "checkpoint-agreement",
        kind: PropertyKind::Paper,
        statement: "correct replicas make the same checkpoint at the same sequence number, and no other becomes stable or \
            is taken over",
        source: "Castro and Liskov 1999, section 4.3",
    },
    Property {
        name: "committed-survives",
        kind: PropertyKind::Invariant,
        statement: "once a batch has committed, no correct replica accepts another at its sequence number in a later view",
        source: "Castro and Liskov 1999, section 4.5.1: a request that commits locally commits with the same number in later views",
    },
    Property {
        name: "view-monotonic",
        kind: PropertyKind::Invariant,
        statement: "a correct replica never returns to an earlier view, restarts included",
        source: "Castro and Liskov 1999, section 4.4: it stops accepting messages of the view that it gives up",
    },
    Property {
        name: "valid-result",
        kind: PropertyKind::Paper,
        statement: "the result that a client accepts is that with which a correct replica replies, having executed its request",
        source: "Castro and Liskov 1999, section 4.1: f + 1 replies with the same result ensure that the result is valid",
    },
];

pub(crate) const VIEW_CHANGED: usize = 0;
pub(crate) const VIEW_CHANGED_WITH_PREPARED: usize = 1;
pub(crate) const PREPARED_CARRIED_OVER: usize = 2;
pub(crate) const NULL_FILLED: usize = 3;
pub(crate) const EQUIVOCATION: usize = 4;
pub(crate) const CHECKPOINT_DURING_VIEW_CHANGE: usize = 5;
pub(crate) const CHECKPOINT_STABLE: usize = 6;
pub(crate) const STATE_TRANSFERRED: usize = 7;
pub(crate) const TIMER_DOUBLED: usize = 8;
pub(crate) const JOINED_EARLY: usize = 9;
pub(crate) const REQUEST_RELAYED: usize = 10;
pub(crate) const BATCH_FETCHED: usize = 11;
pub(crate) const CAUGHT_UP: usize = 12;
pub(crate) const HIGH_MARK_REACHED: usize = 13;
pub(crate) const BATCH_OF_SEVERAL: usize = 14;
pub(crate) const NEW_VIEW_REFUSED: usize = 15;
pub(crate) const RIVAL_BATCHES: usize = 16;
pub(crate) const RESTARTED_ON_THE_WAY: usize = 17;

const fn cell(name: &'static str) -> Cell {
    Cell { name, due_runs: 1000 }
}

/// What must happen some time, or the properties have been asked nothing.
pub const CELLS: &[Cell] = &[
    cell("view-changed"),
    // A view begins while a batch has prepared somewhere and committed nowhere.
    cell("view-changed-with-prepared"),
    cell("prepared-carried-over"),
    cell("null-filled"),
    // Two correct replicas have accepted different batches in the same view at the same sequence number.
    cell("equivocation"),
    // A checkpoint becomes stable while somebody is between two views.
    cell("checkpoint-during-view-change"),
    cell("checkpoint-stable"),
    cell("state-transferred"),
    cell("timer-doubled"),
    cell("joined-early"),
    cell("request-relayed"),
    cell("batch-fetched"),
    cell("caught-up"),
    cell("high-mark-reached"),
    cell("batch-of-several"),
    cell("new-view-refused"),
    // Different batches have been accepted at one sequence number, in different views.
    cell("rival-batches"),
    cell("restarted-on-the-way"),
];
