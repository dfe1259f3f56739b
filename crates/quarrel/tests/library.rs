//! The library as its users meet it: the protocols of the examples on trial, with their bugs and without.
#![allow(clippy::disallowed_methods, reason = "a test looks at the files that the library wrote")]

#[path = "../examples/chain_replication.rs"]
#[allow(dead_code, reason = "its main prints")]
mod chain_replication;
#[path = "../examples/counter.rs"]
#[allow(dead_code, reason = "its main prints")]
mod counter;
#[path = "../examples/lock_service.rs"]
#[allow(dead_code, reason = "its main prints")]
mod lock_service;
#[path = "../examples/primary_backup.rs"]
#[allow(dead_code, reason = "its main prints")]
mod primary_backup;
#[path = "../examples/tutorial_acceptor.rs"]
#[allow(dead_code, reason = "its main prints")]
mod tutorial_acceptor;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use quarrel::{Campaign, Scenario};

fn tutorial() -> Campaign<tutorial_acceptor::Node> {
    quarrel::campaign(tutorial_acceptor::weather()).seeds(0..200)
}

fn wrong_tutorial() -> Campaign<tutorial_acceptor::Node> {
    tutorial().flaw("own-value").flaw("promise-not-raised")
}

fn backup() -> Campaign<primary_backup::Node> {
    quarrel::campaign(primary_backup::weather()).seeds(0..200)
}

fn count() -> Campaign<counter::Node> {
    quarrel::campaign(counter::weather()).seeds(0..200)
}

/// What somebody reads whose test fails.
fn panic_of(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("this must fail");
    panic.downcast_ref::<String>().expect("the panic has words").clone()
}

/// The trace of a failing test, and what the test said.
fn failing(campaign: Campaign<tutorial_acceptor::Node>, folder: &Path) -> (PathBuf, String) {
    let text = panic_of(|| campaign.out(folder).assert_holds());
    let mut traces: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder was made")
        .map(|entry| entry.expect("a file").path())
        .collect();
    traces.retain(|path| path.to_string_lossy().contains("agreement"));
    let [trace] = traces.as_slice() else { panic!("one trace for each way of failing: {traces:?}") };
    (trace.clone(), text)
}

#[test]
fn the_bugs_are_found_and_the_fixed_protocols_hold() {
    wrong_tutorial().assert_violates("agreement");
    tutorial().flaw("own-value").assert_violates("agreement");
    tutorial().seeds(0..2000).assert_holds();
    backup().flaw("answer-early").assert_violates("state-machine-safety");
    // Faults come to an end, all come back, and everybody is answered.
    backup().seeds(0..2000).assert_holds();
    count().flaw("count-retries").assert_violates("counted-once");
    count().assert_holds();
}

#[test]
fn chains_and_leases_are_found_wanting_without_their_fix() {
    let chain = || quarrel::campaign::<chain_replication::Node>(chain_replication::weather());
    chain().flaw("trust-the-tail").assert_violates("linearizability");
    chain().seeds(0..2000).assert_holds();
    let lock = || quarrel::campaign::<lock_service::Node>(lock_service::weather());
    for flaw in ["no-fence", "fence-stores-only"] {
        let found = lock().flaw(flaw).assert_violates("linearizability").expect("it was a campaign");
        let failure = found.failure("linearizability").expect("it was found");
        assert!(failure.shrunk.is_some_and(|report| report.after < report.before), "{flaw} is made small");
    }
    lock().seeds(0..2000).assert_holds();
}

/// What the primary and its backups keep, for clients that get, put and append.
#[test]
fn a_key_value_store_with_backups_loses_what_it_answers_early() {
    let store = || quarrel::campaign::<primary_backup::Node>(primary_backup::store());
    let early = store().flaw("answer-early").seeds(0..500).only_clients_judge();
    early.assert_violates("linearizability");
    store().assert_holds();
}

#[test]
fn clients_alone_find_what_they_can_see_and_nothing_else() {
    let early = backup().seeds(0..40).flaw("primary-backup/answer-early");
    let found = early.only_clients_judge().assert_violates("linearizability");
    let of_clients = ["linearizability", "durability", "liveness"];
    for failure in found.iter().flat_map(|found| &found.findings.failures) {
        let property = &failure.group.violation.property;
        assert!(of_clients.contains(&property.as_str()), "{property} is no matter of clients");
    }
    count().flaw("count-retries").only_clients_judge().assert_violates("linearizability");
    // What only somebody sees who looks inside is no matter of clients.
    count().flaw("tell-twice").assert_violates("counted-once");
    count().flaw("tell-twice").only_clients_judge().assert_holds();
    let told =
        panic_of(|| drop(count().flaw("tell-twice").only_clients_judge().assert_violates("counted-once")));
    assert!(told.contains("in none of 200 runs"), "{told}");
    backup().only_clients_judge().assert_holds();
}

#[test]
fn what_clients_judge_alone_is_judged_alone_when_it_is_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let early = || count().flaw("count-retries").only_clients_judge();
    panic_of(|| early().out(folder.path()).assert_holds());
    let files = std::fs::read_dir(folder.path()).expect("the folder was made").flatten();
    let traces: Vec<PathBuf> = files.map(|entry| entry.path()).collect();
    let [trace] = traces.as_slice() else { panic!("there is one way of failing: {traces:?}") };
    early().assert_trace_violates(trace, "linearizability");
    count().assert_trace_holds(trace);
}

#[test]
fn a_protocol_that_does_not_come_back_is_caught() {
    let gone = quarrel::campaign::<primary_backup::Node>(primary_backup::a_backup_is_gone()).seeds(0..50);
    let story = gone.assert_violates("liveness").and_then(|conclusion| conclusion.story("liveness"));
    let story = story.expect("no trace is asked for").replace("\n    ", " ");
    assert!(story.contains("n1, n2 had healed, and nothing moved for"), "{story}");
    assert!(story.contains("(primary) waits for n3: the receipt of"), "{story}");
    let again = Scenario::chaos(3).must_come_back().without("clock").set("clock.drift", "0");
    let tutorial = || quarrel::campaign::<tutorial_acceptor::Node>(again.clone()).seeds(0..50);
    tutorial().assert_violates("liveness");
}

#[test]
fn every_machine_is_run() {
    for machine in ["register", "kv", "bank", "seats", "lock", "membership", "queue"] {
        let weather = primary_backup::weather().machine(machine);
        let conclusion = quarrel::campaign::<primary_backup::Node>(weather).seeds(0..50).run();
        assert!(conclusion.holds(), "{machine}: {conclusion}");
        let judged = conclusion.findings.tallies.judged;
        assert_eq!((judged.by_witness + judged.by_search, judged.unknown), (50, 0), "{machine}");
    }
}

#[test]
fn a_fixed_protocol_also_answers() {
    for asked in [tutorial().run().findings.tallies.asked, backup().run().findings.tallies.asked] {
        let (started, answered) = (asked.started, asked.answered);
        assert!(answered * 3 > started, "{answered} of {started} operations were answered");
    }
    // Who must come back has answered in the end whoever did not give up before.
    let asked = backup().run().findings.tallies.asked;
    assert_eq!(asked.answered + asked.unknown + asked.failed, asked.started);
    let calm = quarrel::campaign::<primary_backup::Node>(Scenario::calm(3)).seeds(0..50).run();
    assert!(calm.holds());
    let asked = calm.findings.tallies.asked;
    assert_eq!((asked.started, asked.answered), (1000, 1000));
}

#[test]
fn findings_do_not_depend_on_the_threads() {
    let one = wrong_tutorial().jobs(1).run();
    let two = wrong_tutorial().jobs(2).run();
    assert_eq!(one.findings.tallies.digest, two.findings.tallies.digest);
    assert_eq!(one.findings.tallies.groups, two.findings.tallies.groups);
    let traces = |conclusion: &quarrel::Conclusion| -> Vec<quarrel::Trace> {
        conclusion.findings.failures.iter().map(|failure| failure.trace.clone()).collect()
    };
    assert_eq!(traces(&one), traces(&two));
    assert_eq!((one.to_string(), one.story("agreement")), (two.to_string(), two.story("agreement")));
}

#[test]
fn a_failing_test_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trace, text) = failing(wrong_tutorial(), folder.path());
    let story = quarrel::story::short(&read(&trace));
    let seed = read(&trace).header.seed;
    let replay = format!("QUARREL_TRACE={} cargo test a_failing_test_says_what_to_do\n", trace.display());
    for part in ["agreement (paper)", &format!("seed {seed}"), "Violated: ", " learned v", &replay] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    let first = wrong_tutorial().run().findings.failures[0].group.violation.property.clone();
    assert!(first != "agreement" || text.contains(story.trim_end()), "{text}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").flatten().collect();
    assert!(left.iter().all(|entry| entry.path().extension().is_some_and(|it| it == "jsonl")), "{left:?}");
}

fn read(trace: &Path) -> quarrel::Trace {
    let bytes = std::fs::read(trace).expect("the trace was written");
    quarrel::Trace::parse(&trace.display().to_string(), &bytes).expect("the trace is one")
}

#[test]
fn a_trace_is_reproduced_until_the_protocol_is_fixed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trace, _) = failing(wrong_tutorial(), folder.path());
    let told = panic_of(|| wrong_tutorial().assert_trace_holds(&trace));
    assert!(told.contains(": reproduced\n") && told.contains("Violated: agreement"), "{told}");
    wrong_tutorial().assert_trace_violates(&trace, "agreement");
    tutorial().assert_trace_holds(&trace);
    let gone = tutorial().replay(&trace).expect("the trace is this protocol's");
    assert!(gone.to_string().contains(": violation gone\n  every property held\n"), "{gone}");
    let told = panic_of(|| tutorial().assert_trace_violates(&trace, "agreement"));
    assert!(told.contains("violation gone"), "{told}");
}

#[test]
fn a_trace_of_another_test_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trace, _) = failing(wrong_tutorial(), folder.path());
    let told = panic_of(|| backup().assert_trace_holds(&trace));
    assert!(told.contains("is a trace of tutorial-paxos, and this test is of primary-backup"), "{told}");
    let told = panic_of(|| tutorial().flaw("own-value").assert_trace_holds(&trace));
    assert!(told.contains("was recorded with tutorial-paxos/own-value, tutorial-paxos/promise"), "{told}");
    let told = panic_of(|| tutorial().assert_trace_holds(&folder.path().join("nothing.jsonl")));
    assert!(told.starts_with("QUARREL_TRACE: ") && told.contains("nothing.jsonl: cannot be read"), "{told}");
}

/// Does nothing unless another test starts it with a trace in the environment.
#[test]
fn as_in_a_users_suite() {
    if std::env::var_os("AS_IN_A_USERS_SUITE").is_some_and(|which| which == "wrong") {
        wrong_tutorial().assert_holds();
    } else {
        tutorial().assert_holds();
    }
}

#[test]
fn one_variable_replays_a_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trace, _) = failing(wrong_tutorial(), folder.path());
    let suite = |which: &str| {
        let mut command = std::process::Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "as_in_a_users_suite", "--nocapture"]).env("AS_IN_A_USERS_SUITE", which);
        let output = command.env("QUARREL_TRACE", &trace).output().expect("this program runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (passed, told) = suite("wrong");
    assert!(!passed && told.contains(": reproduced"), "{told}");
    let (passed, told) = suite("fixed");
    assert!(passed && told.contains(": violation gone"), "{told}");
}

#[test]
fn mistakes_are_told() {
    let told = panic_of(|| drop(tutorial().flaw("own-valu").run()));
    assert!(told.contains("tutorial-paxos has no flaw `own-valu`; did you mean `own-value`?"), "{told}");
    let told = panic_of(|| drop(tutorial().set("network.los", "0").run()));
    assert!(told.contains("network.los"), "{told}");
    let told = panic_of(|| drop(tutorial().assert_violates("agrement")));
    assert!(told.contains("did you mean `agreement`?"), "{told}");
    let told = panic_of(|| drop(tutorial().assert_violates("agreement")));
    assert!(told.contains("agreement was to be violated, and in none of 200 runs of chaos it was"), "{told}");
    let scenario = tutorial_acceptor::weather().strike_on("elected");
    let told = panic_of(|| drop(quarrel::campaign::<tutorial_acceptor::Node>(scenario).run()));
    assert!(told.contains("tutorial-paxos has no event `elected`"), "{told}");
}

#[test]
fn a_campaign_that_tried_nothing_is_no_success() {
    let told = panic_of(|| {
        quarrel::campaign::<counter::Node>(Scenario::chaos(3)).seeds(0..1000).assert_holds();
    });
    assert!(
        told.contains("aimed-loss never changed anything") && told.contains("Scenario::without"),
        "{told}"
    );
}

#[test]
fn a_scenario_of_ones_own_is_welcome() {
    let text = "# Two clients, one after the other.\nprotocol = \"tutorial-paxos\"\nnodes = 3\nduration = \"1s\"\n\
                [workload]\noperations = 2\nclients = 2\nevery = \"100ms\"\n";
    let own = || {
        quarrel::campaign::<tutorial_acceptor::Node>(Scenario::toml(text).named("one-by-one")).seeds(0..20)
    };
    own().flaw("own-value").assert_violates("agreement");
    own().assert_holds();
}
