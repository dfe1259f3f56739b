//! The schema of `--format json`, and what all its documents share.
//!
//! Every command prints one document. Seeds and digests are strings, since JSON numbers lose digits: a seed in
//! decimal, a range of seeds as `0..1000`, a digest as 16 hexadecimal digits. Seconds are decimal numbers. Paths open
//! from the working folder. Fields are added between versions, never renamed or removed.
//!
//! * `run`: `scenario seed flaws set verdict property kind signature detail expected met blocked digest
//!   campaign_digest events messages simulated_seconds operations faults trace`. `verdict` is `held` or `violated`;
//!   `campaign_digest` is what a campaign over this one seed reports.
//! * `campaign`: `scenario seeds flaws set verdict reasons exit end runs failed blocked events messages
//!   simulated_seconds wall_seconds ratio digest operations properties faults fault_runs sometimes floor violations[]`.
//!   `verdict` is `met`, `not-met`, `vacuous` or `interrupted`. `seeds` are those that were run. `properties` says how
//!   often each was evaluated, `faults` how often each class that the scenario can draw changed something,
//!   `fault_runs` and `sometimes` in how many runs. One violation for each signature: `property kind counts signature
//!   detail seed seeds runs flaws trace items items_before one_minimal replays summary story replay view`; `counts`
//!   is false for what is reported apart, since it only restates a rule of the code.
//!   Several scenarios: `{"campaigns": […]}`.
//! * `replay`: `trace outcome expected_gone exit event recorded replayed never_asked protocol scenario seed flaws
//!   verdict property digest`. `outcome` is `reproduced`, `same-violation`, `gone`, `diverged`, or `unreadable` with
//!   `error`. Several traces: `{"replays": […]}`.
//! * `shrink`: `trace written items_before items one_minimal replays protocol scenario seed … summary story`.
//! * `view`: `trace protocol scenario seed flaws verdict property … summary story`.
//! * `list`: an object with one list, named as what is listed: `[{name about …}]`.

use quarrel_formats::Trace;
use quarrel_formats::trace::Judgement;
use quarrel_harness::case::items;
use serde::Serialize;
use serde_json::{Value, json};

use super::numbers::{digest_text, seconds};

/// The schema, below the help of `run`.
pub(crate) const RUN_HELP: &str = "\
Exit: 0 the expectation is met, 1 it is not, 2 usage or bad input, 3 internal error.

With --format json, one object: scenario, seed, flaws, set, verdict (held or violated), property, kind, signature,
detail, expected, met, blocked, digest, campaign_digest (what a campaign over this one seed reports), events,
messages, simulated_seconds, operations, faults, trace. Seeds and digests are strings.";

/// The schema, below the help of `campaign`.
pub(crate) const CAMPAIGN_HELP: &str = "\
Exit: 0 the expectation is met, 1 it is not, 2 usage, bad input or a place that cannot be written to, 3 internal
error, 4 vacuous (something that was due never happened), 75 interrupted: what was done is reported.

With --format json, one object: scenario, seeds (those that were run), flaws, set, verdict (met, not-met, vacuous,
interrupted), reasons, exit, end, runs, failed, blocked, events, messages, simulated_seconds, wall_seconds, ratio, digest,
operations, properties {name: {kind, evaluated}}, faults {class: how often it changed something}, fault_runs {class:
in how many runs}, sometimes {cell: in how many runs}, floor, and violations, one for each way of failing: property,
kind (paper, client, liveness, invariant, assertion, panic, limit), counts (false for what only restates a rule of
the code), signature, detail, seed, seeds, runs, flaws, trace, items, items_before, one_minimal, replays, summary, story,
replay, view. Several scenarios: one object with the list `campaigns`. Seeds and digests are strings.";

/// The schema, below the help of `replay`.
pub(crate) const REPLAY_HELP: &str = "\
Exit: 0 reproduced (under --expect gone: gone), 1 another outcome, 2 usage or bad input, 3 diverged on the build that
recorded it: nondeterminism. Of several traces the worst decides.

With --format json, one object: trace, outcome (reproduced, same-violation, gone, diverged), exit, event, recorded,
replayed, never_asked, protocol, scenario, seed, flaws, verdict, property, kind, detail, items, events, digest,
simulated_seconds. Several traces: one object with the list `replays`, in which an unreadable one has `error`.";

/// What every report about a trace says of it.
#[derive(Serialize)]
pub(crate) struct Facts {
    protocol: String,
    scenario: String,
    seed: String,
    flaws: Vec<String>,
    verdict: &'static str,
    property: Option<String>,
    kind: Option<String>,
    signature: Option<String>,
    detail: Option<String>,
    items: usize,
    events: u64,
    digest: String,
    simulated_seconds: Value,
}

impl Facts {
    pub(crate) fn of(trace: &Trace) -> Self {
        let header = &trace.header;
        let (verdict, violation) = match &trace.verdict.judgement {
            Judgement::Held => ("held", None),
            Judgement::Violated(violation) => ("violated", Some(violation)),
        };
        Self {
            protocol: header.protocol.clone(),
            scenario: header.scenario.clone(),
            seed: header.seed.to_string(),
            flaws: header.flaws.clone(),
            verdict,
            property: violation.map(|violation| violation.property.clone()),
            kind: violation.map(|violation| violation.kind.to_string()),
            signature: violation.map(|violation| violation.signature.clone()),
            detail: violation.map(|violation| violation.detail.clone()),
            items: items(trace),
            events: trace.verdict.events,
            digest: digest_text(trace.verdict.digest),
            simulated_seconds: seconds(u128::from(trace.verdict.at_ns)),
        }
    }
}

/// The object itself when one thing was asked for, else an object with the list of them.
pub(crate) fn one_or_several(name: &str, mut documents: Vec<Value>, asked: usize) -> Value {
    match (asked, documents.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            documents.extend(last);
            json!({ name: documents })
        }
    }
}

/// What `--set` pinned.
pub(crate) fn pins(pins: &[(String, String)]) -> Value {
    pins.iter()
        .map(|(key, value)| (key.clone(), Value::from(value.clone())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
