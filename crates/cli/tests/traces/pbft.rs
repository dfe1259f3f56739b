//! Kept traces of PBFT's flaws. Most take a traitor, and few of its deeds.

use std::ops::Range;

use quarrel_protocol::PropertyKind;

use crate::kept::{Kept, clients, liveness, paper, scripted};

/// Found in chaos, by a property of the paper.
const fn chaos(
    file: &'static str,
    flaw: &'static str,
    seeds: Range<u64>,
    words: &'static [&'static str],
) -> Kept {
    Kept { seeds, ..paper(file, flaw, words) }
}

pub(crate) const PBFT: [Kept; 25] = [
    chaos("pbft/quorum-2f.jsonl", "pbft/quorum-2f", 0..30, &["accept #", "has prepared"]),
    chaos("pbft/quorum-not-3f1.jsonl", "pbft/quorum-not-3f1", 0..40, &["has committed"]),
    chaos(
        "pbft/prepare-from-primary-counted.jsonl",
        "pbft/prepare-from-primary-counted",
        0..400,
        &["vote-twice", "has prepared"],
    ),
    chaos("pbft/dup-votes.jsonl", "pbft/dup-votes", 0..30, &["has prepared"]),
    chaos("pbft/digest-not-checked.jsonl", "pbft/digest-not-checked", 0..150, &["twin of", "has prepared"]),
    chaos("pbft/amnesia-lock.jsonl", "pbft/amnesia-lock", 0..30, &["restarts with", "and n1 accepts"]),
    chaos(
        "pbft/commits-of-any-view.jsonl",
        "pbft/commits-of-any-view",
        0..20,
        &["of correct replicas it prepared only at"],
    ),
    chaos("pbft/primary-not-checked.jsonl", "pbft/primary-not-checked", 0..200, &["usurp", "and n"]),
    chaos("pbft/execute-out-of-order.jsonl", "pbft/execute-out-of-order", 0..20, &["executes"]),
    chaos(
        "pbft/execute-when-prepared.jsonl",
        "pbft/execute-when-prepared",
        0..20,
        &["of correct replicas it prepared only at"],
    ),
    chaos("pbft/state-not-verified.jsonl", "pbft/state-not-verified", 0..100, &["false-checkpoint"]),
    chaos("pbft/state-without-sessions.jsonl", "pbft/state-without-sessions", 0..20, &["state"]),
    chaos("pbft/vc-cert-not-validated.jsonl", "pbft/vc-cert-not-validated", 0..1500, &["lies to"]),
    chaos("pbft/newview-not-validated.jsonl", "pbft/newview-not-validated", 0..1200, &["false-new-view"]),
    clients("pbft/forget-sessions.jsonl", "pbft/forget-sessions", 0..60, &["was told", "hears from"]),
    scripted(
        "pbft/vc-drops-prepared.jsonl",
        "pbft/vc-drops-prepared",
        "pbft/view-change-keeps-prepared",
        PropertyKind::Paper,
        &["applies", "has waited too long"],
    ),
    scripted(
        "pbft/vc-lowest-view-cert.jsonl",
        "pbft/vc-lowest-view-cert",
        "pbft/new-view-takes-the-latest",
        PropertyKind::Paper,
        &["applies", "joins others"],
    ),
    scripted(
        "pbft/client-believes-one.jsonl",
        "pbft/client-believes-one",
        "pbft/one-reply-is-not-enough",
        PropertyKind::Paper,
        &["false-reply", "and believed it"],
    ),
    scripted(
        "pbft/view-not-durable.jsonl",
        "pbft/view-not-durable",
        "pbft/view-change-survives-a-crash",
        PropertyKind::Paper,
        &["applies", "is lost", "enters view 1"],
    ),
    liveness(
        "pbft/vc-s-vs-sprime.jsonl",
        "pbft/vc-s-vs-sprime",
        "pbft/checkpoints-out-of-step",
        &["had healed", "every checkpoint is lost"],
    ),
    liveness(
        "pbft/stable-without-quorum.jsonl",
        "pbft/stable-without-quorum",
        "pbft/laggard-takes-the-state-over",
        &["had healed", "is stable", "waits for a state"],
    ),
    liveness("pbft/watermark-drop.jsonl", "pbft/watermark-drop", "pbft/chaos", &["had healed"]),
    liveness(
        "pbft/vc-without-checkpoint-proof.jsonl",
        "pbft/vc-without-checkpoint-proof",
        "pbft/chaos",
        &["had healed"],
    ),
    liveness(
        "pbft/view-change-not-joined.jsonl",
        "pbft/view-change-not-joined",
        "pbft/chaos",
        &["had healed"],
    ),
    liveness(
        "pbft/vc-no-timeout-doubling.jsonl",
        "pbft/vc-no-timeout-doubling",
        "pbft/slow-network-doubles-timer",
        &["had healed"],
    ),
];
