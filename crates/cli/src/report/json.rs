//! The schema of `--format json`, and what all its documents share.
//!
//! Every command prints one document; the constants below say what is in it, and are shown below the help of each.
//! Seeds and digests are strings, since JSON numbers lose digits: a seed in decimal, a range of seeds as `0..1000`, a
//! digest as 16 hexadecimal digits. Seconds are decimal numbers. Paths open from the working folder. Fields are added
//! between versions, never renamed or removed.

use quarrel_formats::Trace;
use quarrel_formats::trace::Judgement;
use quarrel_harness::case::items;
use quarrel_harness::truth::Judged;
use quarrel_sim::Asked;
use serde::Serialize;
use serde_json::{Value, json};

use super::numbers::{digest_text, seconds};

/// Below the help of `run`.
pub(crate) const RUN_HELP: &str = "\
A scenario says what it expects: that every property holds, unless it says otherwise; that a named
property is violated; that operations block; or that nothing is violated but known findings.

Exit codes:
  0  the run is what the scenario expects
  1  it is not
  2  usage, bad input, or a place that cannot be written to
  3  an internal error
  4  unknown: nothing was violated, but the search for an order of what clients saw gave up

With --format json, one object:
  scenario, seed, flaws, set      what was run; `set` holds what --set pinned
  environment                     the variable that named the seed, such as QUARREL_SEED=17, or null
  verdict                         held or violated
  property, kind, signature, detail
                                  what was violated; kinds are those of `list invariants`,
                                  assertion, panic and limit
  outside                         why the violation is outside the model, a list of reasons, empty if
                                  it is inside; null if nothing was violated
  survives_inside                 whether it comes about without what lies outside as well: then it is
                                  a mistake; null if it is inside, or that could not be told
  expected, met                   what the scenario expects, and whether this run is that
  known                           whether the scenario lists the violation as a known finding, or null
  blocked                         whether a node was left up and in doubt; of a protocol that knows no
                                  doubt: whether some operation was never answered
  in_doubt                        of a run that blocks, each node that is down or cannot go on: {node,
                                  role, down_since_seconds, suspended [{what, since_seconds}],
                                  waits [{for, what}]}; else empty
  oracle                          whose judgement counts: all or clients
  operations                      {asked, answered, failed, unknown, turned_away, requests, redirects}
  orders                          how many of an operator's orders reached a node
  history                         how what clients saw was judged: witness (the order of application
                                  explains it), search (another order does), unknown (the search
                                  gave up), broken (none does), or null: the run ended before
  settled_seconds                 when a healed core had answered everything and agreed, or null
  events, messages, simulated_seconds, faults {class: how often}
  digest, campaign_digest         of this run; of a campaign over this one seed
  plan, trace, history_file       the files of --plan, --trace and --history
  carried                         if the plan is another protocol's: {from, faults, decisions, left_out
                                  {what: how many}}, else null
  history_left_out                how many reads that file has no word for
Seeds and digests are strings, since JSON numbers lose digits.";

/// Below the help of `campaign`.
pub(crate) const CAMPAIGN_HELP: &str = "\
A scenario says what it expects: that every property holds in every run, unless it says otherwise;
that a named property is violated in some run; that operations block; or that nothing is violated but
known findings, however often.

Exit codes; of several scenarios the worst decides:
   0  the expectation is met
   1  it is not
   2  usage, bad input, or a place that cannot be written to
   3  an internal error
   4  vacuous or incomplete: nothing was violated, but something that was due never happened, what
      clients saw in some run could not be decided, or no run was done
  75  interrupted; what was done is reported

QUARREL_SEED names a seed or a range of seeds, QUARREL_RUNS says how many; --seeds outranks both.

With --junit, a file of one test suite for each scenario. Its test cases bear the same names from one
campaign to the next: one for each property, for each cell and class of faults that the scenario owes,
for what it expects, for its histories, and for the campaign itself. Failures are what ends with 1,
errors what ends with 4 or 75, and what there were too few runs to say is skipped. Equal campaigns
differ in nothing but `time`.

In GitHub Actions, what is wrong is also annotated, and added to the summary of the job.

With --format json, one object; of several scenarios, one object with the list `campaigns`:
  scenario, flaws, set            what was run; `set` holds what --set pinned
  seeds                           those that were run, as A..B
  environment                     the variables that asked for them, such as QUARREL_RUNS=5000, or null
  verdict, exit                   met, not-met, vacuous or interrupted; the exit code
  reasons                         why it is not met, or what it has shown nothing about: sentences
  too_few_runs                    whether it is met with too few runs to say whether it is vacuous
  end                             complete, enough-failures, time-up or interrupted
  shrinking_stopped               whether somebody interrupted it while failures were made small
  runs, failed                    how many; how many of them broke something that counts
  blocked                         how many blocked: see `run --help`
  oracle                          whose judgement counts: all or clients
  operations                      {asked, answered, failed, unknown, turned_away, requests, redirects}
  orders                          how many of an operator's orders reached a node
  histories                       {witness, search, unknown, broken}: in how many runs what clients saw
                                  was judged so
  retry_storms                    in how many runs retries kept clients from asking
  events, messages, simulated_seconds, wall_seconds
  ratio                           simulated seconds per second on the wall
  digest                          equal for equal seeds, scenario and build
  properties                      {name: {kind, evaluated: how often}}
  faults, fault_runs              {class: how often it changed something}, {class: in how many runs}
  sometimes                       {cell: in how many runs it happened}; see `list --help`
  floor                           {name: {least, median, mean, runs}}: what the scenario demands
  violations                      one for each way of failing, the one that matters most first, and
                                  known findings last:
    property, kind, signature, detail
                                  what was violated; kinds are paper, client, liveness, invariant,
                                  assertion, panic and limit
    outside, outside_runs         why it is outside the model in the lowest of its seeds, empty if it
                                  is inside; how many of its runs are outside
    survives_inside               if all are: whether one comes about without what lies outside as
                                  well, and so is a mistake
    counts                        false for an invariant or assertion, which only restates the code
    known                         whether the scenario lists it as a known finding
    runs, seeds                   in how many runs, and the lowest of their seeds
    seed, flaws, trace            the run that tells it, and its file (null: it was not written)
    items, items_before, one_minimal, replays
                                  its size, and what shrinking did (null: not shrunk)
    summary, story                one line, and ten to twenty
    replay, view                  commands on the trace
Seeds and digests are strings, since JSON numbers lose digits.";

/// Below the help of `replay`.
pub(crate) const REPLAY_HELP: &str = "\
Exit codes; of several traces the worst decides:
  0  reproduced; under --expect gone: the violation is gone
  1  another outcome
  2  usage or bad input; also a trace that was changed by hand
  3  an internal error, or the build that recorded the trace now runs it differently: nondeterminism

With --format json, one object; of several traces, one object with the list `replays`:
  trace, exit                     the file, and the exit code
  outcome                         reproduced, same-violation (another run, the same failure), gone,
                                  diverged, changed (the file, after it was recorded), or unreadable
                                  with `error` and no run
  event, recorded, replayed       where the runs diverge, and what each did there
  never_asked                     how many recorded decisions the replay did not ask for
  no_flaws, recorded_tool, recorded_digest
  protocol, scenario, seed, flaws, verdict, property, kind, signature, detail, outside, items,
  events, digest, simulated_seconds
                                  the replayed run; `outside` is why it is outside the model
Seeds and digests are strings, since JSON numbers lose digits.";

/// Below the help of `shrink`.
pub(crate) const SHRINK_HELP: &str = "\
Exit codes:
   0  the smallest run was written
   1  run again, the trace no longer fails in the recorded way
   2  usage, bad input, or a place that cannot be written to
   3  an internal error
  75  interrupted; the smallest run so far was written

With --format json, one object: trace, written, items_before, one_minimal, stopped (whether somebody
interrupted it), replays, summary, story, and what `replay --help` lists of a run.";

/// Below the help of `view`.
pub(crate) const VIEW_HELP: &str = "\
With --format json, one object: trace, summary, story (the short one, or what --full or --diagram
asks for), and what `replay --help` lists of a run.";

/// Below the help of `show`.
pub(crate) const SHOW_HELP: &str = "\
Copy it to write your own: quarrel show raft/figure-8 > mine.toml. crates/formats/README.md says what else one can say.

With --format json, one object: name, file (null if it is built in), text.";

/// Below the help of `list`.
pub(crate) const LIST_HELP: &str = "\
A cell is something that may happen in a run and that a campaign should have seen: a coordinator
crashed undecided, a snapshot was installed. A scenario says under `owes` which ones a campaign needs
lest it has shown nothing, and under `happens` which ones it expects; reports count them under
*Sometimes*.

With --format json, one object with one list, named as what is listed. Each item has name and about;
flaws also breaks, needs and source; invariants also kind and source; scenarios of your own also file.";

/// What `new` adds to its help.
pub(crate) const NEW_HELP: &str = "\
What it writes is a register on a majority of nodes, with a test, a scenario, and this command line over it. It depends
on a checkout of Quarrel; crates/quarrel/README.md there is the guide.

With --format json, one object: name, folder, files (their names below the folder).";

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
    /// Nothing in a run in which all held.
    outside: Option<Vec<String>>,
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
            outside: violation.map(|_| trace.verdict.outside.clone()),
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

/// What clients did.
pub(crate) fn operations(asked: &Asked) -> Value {
    json!({
        "asked": asked.started,
        "answered": asked.answered,
        "failed": asked.failed,
        "unknown": asked.unknown,
        "turned_away": asked.turned_away,
        "requests": asked.requests,
        "redirects": asked.redirects,
    })
}

/// How what clients saw was judged, in a word.
pub(crate) const fn judged_word(judged: Judged) -> Option<&'static str> {
    match judged {
        Judged::Not => None,
        Judged::ByWitness => Some("witness"),
        Judged::BySearch => Some("search"),
        Judged::Unknown => Some("unknown"),
        Judged::Broken => Some("broken"),
    }
}

/// What `--set` pinned.
pub(crate) fn pins(pins: &[(String, String)]) -> Value {
    pins.iter()
        .map(|(key, value)| (key.clone(), Value::from(value.clone())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
