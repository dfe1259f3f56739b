//! One test for each rule of Bernstein, Hadzilacos and Goodman (BHG), section 7.5: the protocol, its timeouts, the
//! election and the termination rules. Recovery and total failure are in `recovery.rs`; holes in them all, and what the
//! rules are for, in `holes.rs`.

use crate::support::{Cluster, T, n, pre_commit_cut, set, voted};
use quarrel_protocol::NodeSet;
use quarrel_spec::atomic_commit::{Decision, Output, Refusal, Reply, Vote};
use quarrel_three_phase_commit::{Ballot, Message, Record, Stage, Standing, State, StateReport};

// --- The protocol without failures ---

/// BHG 7.5, steps 1 to 6: each participant is asked, votes, hears PRE-COMMIT, acknowledges and hears COMMIT.
#[test]
fn all_vote_yes_and_all_commit_with_five_messages_for_each_participant() {
    for participants in 1..=6 {
        let mut cluster = Cluster::of(participants + 1);
        cluster.ask_of(participants);
        cluster.deliver_all();
        let count = usize::from(participants);
        let kinds = ["vote-request", "vote", "pre-commit", "ack", "commit"];
        assert_eq!(cluster.counts(), kinds.map(|kind| (kind, count)), "5N messages");
        let everybody: Vec<u8> = (1..=participants + 1).collect();
        cluster.all_decide(&everybody, Decision::Commit);
        assert!(matches!(cluster.replies[..], [Reply::Committed(_)]));
        assert_eq!(cluster.broken(), [""; 0]);
    }
}

/// Only participants that keep something of it are asked.
#[test]
fn a_transaction_concerns_only_who_keeps_something_of_it() {
    let mut cluster = Cluster::of(5);
    cluster.ask("withdraw 5 from a1, deposit 5 to a3, balance of a1");
    assert_eq!(
        cluster.wire_text(),
        [
            "VoteRequest t0 among n1, n3, n5: withdraw 5 from a1, balance of a1 to n3",
            "VoteRequest t0 among n1, n3, n5: deposit 5 to a3 to n5"
        ]
    );
    cluster.deliver_all();
    assert_eq!(cluster.replies[0].to_string(), "committed: 95");
    assert!(cluster.node(2).decided().is_empty(), "n2 has heard nothing of it");
}

/// Step 2: from its yes on a participant is uncertain: it has written it down, with the processes of the transaction, and
/// holds all of them for operational.
#[test]
fn a_yes_is_on_disk_before_it_is_sent_and_makes_uncertain() {
    let cluster = voted(3);
    let case = cluster.case(2);
    assert_eq!((case.standing, case.up), (Standing::Uncertain, NodeSet::all(3)));
    assert!(
        matches!(&cluster.disks[1][..], [Record::Yes { processes, .. }] if *processes == NodeSet::all(3))
    );
}

/// Step 2: a no is an abort at once.
#[test]
fn a_no_aborts() {
    let mut cluster = Cluster::of(3);
    cluster.ask("withdraw 500 from a0, deposit 500 to a1");
    cluster.deliver_all();
    cluster.all_decide(&[1, 2, 3], Decision::Abort);
    assert_eq!(cluster.replies[0].to_string(), "aborted: not so much in a0");
    assert_eq!(cluster.broken(), [""; 0]);
}

/// Step 3: PRE-COMMIT only after all votes.
#[test]
fn one_vote_that_is_missing_holds_pre_commit_back() {
    let mut cluster = voted(3);
    cluster.lose_kind("vote", &[]);
    cluster.deliver(|envelope| envelope.from == n(2));
    assert!(cluster.wire.iter().all(|envelope| !matches!(envelope.message, Message::PreCommit(_))));
    cluster.deliver(|envelope| envelope.from == n(3));
    assert_eq!(cluster.wire_text(), ["PreCommit t0 to n2", "PreCommit t0 to n3"]);
    assert_eq!(cluster.case(1).standing, Standing::Committable, "the coordinator has voted, last");
}

/// Step 4: an acknowledgement says that it is on disk.
#[test]
fn a_pre_commit_makes_committable_and_is_acknowledged() {
    let mut cluster = voted(3);
    cluster.deliver_kind("vote", &[1]);
    cluster.deliver_kind("pre-commit", &[2]);
    assert_eq!(cluster.case(2).standing, Standing::Committable);
    assert!(matches!(cluster.disks[1].last(), Some(Record::Committable { .. })));
    assert!(cluster.wire_text().contains(&"Ack t0 to n1".to_string()));
}

/// Step 5: COMMIT only after all acknowledgements.
#[test]
fn one_acknowledgement_that_is_missing_holds_commit_back() {
    let mut cluster = voted(3);
    cluster.deliver_kind("vote", &[1]);
    cluster.deliver_kind("pre-commit", &[2, 3]);
    cluster.deliver(|envelope| envelope.from == n(3));
    assert_eq!(cluster.decision(1), None);
    cluster.deliver(|envelope| envelope.from == n(2));
    assert_eq!(cluster.decision(1), Some(Decision::Commit));
    assert_eq!(cluster.wire_text(), ["Commit t0 to n2", "Commit t0 to n3"]);
}

// --- Timeouts ---

/// "The coordinator waits for votes": nobody can be committable, so it aborts.
#[test]
fn a_coordinator_that_misses_a_vote_aborts() {
    let mut cluster = Cluster::of(3);
    cluster.ask_of(2);
    cluster.crash(3);
    cluster.deliver_all();
    cluster.fire(1, "votes");
    cluster.deliver_all();
    cluster.all_decide(&[1, 2], Decision::Abort);
    assert_eq!(cluster.replies, [Reply::Aborted(Refusal::NoAnswer(n(3)))]);
}

/// "The coordinator waits for acknowledgements": whoever is silent has failed, the others are committable.
#[test]
fn a_coordinator_that_misses_an_acknowledgement_commits_without_it() {
    let mut cluster = voted(3);
    cluster.deliver_kind("vote", &[1]);
    cluster.crash(3);
    cluster.deliver_all();
    cluster.fire(1, "acks");
    cluster.deliver_all();
    cluster.all_decide(&[1, 2], Decision::Commit);
    assert_eq!(cluster.broken(), [""; 0]);
    cluster.restart(3);
    cluster.deliver_all();
    cluster.all_decide(&[3], Decision::Commit);
}

/// A participant never decides on its own timeout, whether it is uncertain or committable.
#[test]
fn a_participant_that_waits_too_long_elects_and_does_not_decide() {
    for reached in [&[][..], &[2, 3]] {
        let mut cluster = pre_commit_cut(4, reached);
        cluster.fire(3, "word");
        assert_eq!(cluster.decision(3), None);
        assert_eq!(cluster.wire_text(), ["Elected for t0 to n2"]);
        assert_eq!(cluster.case(3).up, set(&[2, 3, 4]), "n1 has failed");
        assert_eq!(cluster.case(3).stage, Stage::Following { leader: n(2) });
    }
}

// --- The election ---

/// The first in the linear order that is up is elected; who finds itself first asks the others.
#[test]
fn the_first_that_is_up_asks_how_the_others_stand() {
    let mut cluster = pre_commit_cut(4, &[]);
    cluster.fire(2, "word");
    assert_eq!(cluster.wire_text(), ["StateRequest t0 to n3", "StateRequest t0 to n4"]);
    assert!(matches!(cluster.case(2).stage, Stage::Polling { .. }));
}

/// UR-ELECTED tells a process that all before it have failed, before it has noticed.
#[test]
fn who_is_told_that_it_is_elected_asks() {
    let mut cluster = pre_commit_cut(4, &[]);
    cluster.fire(4, "word");
    cluster.deliver_kind("elected", &[2]);
    assert_eq!(cluster.case(2).up, set(&[2, 3, 4]));
    cluster.deliver_all();
    cluster.all_decide(&[2, 3, 4], Decision::Abort);
}

/// An elected process that fails is followed by the next; UP sets shrink on the way, and are logged.
#[test]
fn when_the_elected_one_fails_the_next_is_elected() {
    let mut cluster = pre_commit_cut(4, &[]);
    cluster.crash(2);
    cluster.fire(4, "word");
    cluster.deliver_all();
    cluster.fire(4, "word");
    assert!(matches!(cluster.disks[3].last(), Some(Record::Up { up, .. }) if *up == set(&[3, 4])));
    cluster.deliver_all();
    cluster.all_decide(&[3, 4], Decision::Abort);
    assert_eq!(cluster.broken(), [""; 0]);
}

/// STATE-REQ tells that all before its sender have failed; one of a coordinator that was superseded is ignored.
#[test]
fn a_state_request_of_a_superseded_coordinator_is_ignored() {
    let mut cluster = pre_commit_cut(4, &[]);
    cluster.receive(4, 3, Message::StateRequest(T));
    assert_eq!(cluster.case(4).up, set(&[3, 4]));
    cluster.wire.clear();
    cluster.receive(4, 2, Message::StateRequest(T));
    assert_eq!(cluster.wire_text(), [""; 0]);
    assert_eq!(cluster.case(4).stage, Stage::Following { leader: n(3) });
}

/// A PRE-COMMIT of a coordinator that was superseded is ignored: all may have been found uncertain.
#[test]
fn a_pre_commit_of_a_superseded_coordinator_is_ignored() {
    let mut cluster = voted(4);
    cluster.deliver_kind("vote", &[1]);
    let late: Vec<_> = std::mem::take(&mut cluster.wire);
    cluster.crash(1);
    cluster.fire(2, "word");
    cluster.deliver_kind("state-request", &[3, 4]);
    cluster.wire.extend(late);
    cluster.deliver_kind("pre-commit", &[2, 3, 4]);
    assert_eq!(cluster.case(3).standing, Standing::Uncertain);
    cluster.deliver_all();
    cluster.all_decide(&[2, 3, 4], Decision::Abort);
    assert_eq!(cluster.broken(), [""; 0]);
}

// --- The termination rules ---

/// TR1: somebody has aborted: abort.
#[test]
fn tr1_somebody_has_aborted() {
    let mut cluster = Cluster::of(3);
    cluster.ask("deposit 500 to a0, withdraw 500 from a1");
    cluster.deliver_kind("vote-request", &[2, 3]);
    // n3 has said no, but the coordinator fails before it can tell.
    cluster.crash(1);
    cluster.deliver_all();
    cluster.fire(2, "word");
    cluster.deliver_all();
    cluster.all_decide(&[2, 3], Decision::Abort);
    assert!(cluster.happened("terminated-by-tr1"));
    assert_eq!(cluster.broken(), [""; 0]);
}

/// TR2: somebody has committed: commit.
#[test]
fn tr2_somebody_has_committed() {
    let mut cluster = voted(3);
    cluster.deliver_kind("vote", &[1]);
    cluster.deliver_kind("pre-commit", &[2, 3]);
    cluster.deliver_kind("ack", &[1]);
    cluster.deliver_kind("commit", &[3]);
    cluster.lose_kind("commit", &[2]);
    cluster.crash(1);
    cluster.fire(2, "word");
    cluster.deliver_all();
    cluster.all_decide(&[2, 3], Decision::Commit);
    assert!(cluster.happened("terminated-by-tr2"));
    assert_eq!(cluster.broken(), [""; 0]);
}

/// TR3: all are uncertain: abort.
#[test]
fn tr3_all_are_uncertain() {
    let mut cluster = pre_commit_cut(4, &[]);
    cluster.fire(2, "word");
    cluster.deliver_all();
    cluster.all_decide(&[2, 3, 4], Decision::Abort);
    assert!(cluster.happened("terminated-by-tr3") && !cluster.happened("pre-commit-cut"));
    assert_eq!(cluster.broken(), [""; 0]);
}

/// TR4: somebody is committable and nobody has committed: PRE-COMMIT to the uncertain ones, their acknowledgements, then
/// COMMIT.
#[test]
fn tr4_somebody_is_committable() {
    let mut cluster = pre_commit_cut(4, &[4]);
    cluster.fire(2, "word");
    cluster.deliver_kind("state-request", &[3, 4]);
    cluster.deliver_kind("state-report", &[2]);
    assert_eq!(cluster.wire_text(), ["PreCommit t0 to n3"], "n4 is committable already");
    assert_eq!(cluster.decision(2), None, "not before n3 has acknowledged");
    assert_eq!(cluster.case(2).standing, Standing::Committable);
    cluster.deliver_all();
    cluster.all_decide(&[2, 3, 4], Decision::Commit);
    assert!(cluster.happened("terminated-by-tr4") && cluster.happened("pre-commit-cut"));
    assert_eq!(cluster.broken(), [""; 0]);
}

/// TR4 when nobody is uncertain.
#[test]
fn tr4_all_are_committable() {
    let mut cluster = pre_commit_cut(3, &[2, 3]);
    cluster.fire(2, "word");
    cluster.deliver_kind("state-request", &[3]);
    cluster.deliver_kind("state-report", &[2]);
    assert_eq!(cluster.decision(2), Some(Decision::Commit));
}

/// "The elected coordinator waits for reports": who is silent has failed, and the others are enough.
#[test]
fn an_elected_coordinator_goes_on_without_who_does_not_report() {
    let mut cluster = pre_commit_cut(4, &[4]);
    cluster.crash(4);
    cluster.fire(2, "word");
    cluster.deliver_all();
    assert_eq!(cluster.decision(2), None);
    cluster.fire(2, "reports");
    cluster.deliver_all();
    cluster.all_decide(&[2, 3], Decision::Abort);
    // n4 was committable, and does as it is told.
    cluster.restart(4);
    cluster.deliver_all();
    cluster.all_decide(&[4], Decision::Abort);
    assert_eq!(cluster.broken(), [""; 0]);
}

/// A round that is begun again by the next finds what the one before it has done.
#[test]
fn a_second_round_goes_on_where_the_first_was_cut_off() {
    let mut cluster = pre_commit_cut(5, &[5]);
    cluster.fire(2, "word");
    cluster.deliver_kind("state-request", &[3, 4, 5]);
    cluster.deliver_kind("state-report", &[2]);
    // n2 reaches n4 only, and fails; so does n5.
    cluster.deliver_kind("pre-commit", &[4]);
    cluster.lose_kind("pre-commit", &[3]);
    cluster.crash(2);
    cluster.crash(5);
    cluster.fire(3, "word");
    cluster.deliver_all();
    cluster.fire(3, "reports");
    cluster.deliver_all();
    cluster.all_decide(&[3, 4], Decision::Commit);
    assert!(cluster.happened("elected-again"));
    assert_eq!(cluster.broken(), [""; 0]);
}

/// Votes and reports of who has nothing to say count for nothing.
#[test]
fn strangers_and_repetitions_count_for_nothing() {
    let mut cluster = Cluster::of(4);
    cluster.ask_of(2);
    let yes = |seen| Message::Vote(Ballot { transaction: T, vote: Vote::Yes, seen });
    cluster.receive(1, 4, yes(Vec::new()));
    cluster.receive(1, 2, yes(Vec::new()));
    cluster.receive(1, 3, Message::StateReport(StateReport { transaction: T, state: State::Committed }));
    assert!(
        matches!(cluster.case(1).stage, Stage::Collecting),
        "n4 is no process of it, n2 has seen nothing"
    );
    cluster.deliver_all();
    cluster.receive(1, 2, Message::Ack(T));
    cluster.receive(2, 1, Message::Abort(T));
    cluster.all_decide(&[1, 2, 3], Decision::Commit);
    let voted = |output: &(_, Output)| matches!(output.1, Output::Voted { .. });
    assert_eq!(cluster.outputs.iter().filter(|output| voted(output)).count(), 2);
}
