//! One test for each rule of Mohan, Lindsay and Obermarck (1986), sections 2 and 3 (R*): which records are forced and
//! which are lazy, who acknowledges what, and what a coordinator says that knows nothing.

use crate::support::{ABORT, COMMIT, Cluster, T0, Writes, n};
use quarrel_spec::atomic_commit::Decision;
use quarrel_two_phase_commit::{Config, Presumption, Timer};

/// What one transaction of that many participants costs, in messages and writes.
#[derive(PartialEq, Eq, Debug)]
struct Cost {
    messages: usize,
    acknowledgements: usize,
    coordinator: Writes,
    participants: Writes,
}

fn cost(presumption: Presumption, participants: u8, words: &str) -> Cost {
    let mut cluster = Cluster::new(Config { presumption, read_only: true, ..Config::new(participants) });
    cluster.ask(words);
    cluster.deliver_all();
    cluster.assert_sound();
    assert_eq!(cluster.replies.len(), 1);
    let acknowledgements = cluster.sent("acknowledgement");
    Cost {
        messages: cluster.sent.values().sum::<usize>() - acknowledgements,
        acknowledgements,
        coordinator: cluster.written([n(1)].into_iter()),
        participants: cluster.written((2..=participants + 1).map(n)),
    }
}

const fn writes(forced: usize, lazy: usize) -> Writes {
    Writes { forced, lazy }
}

/// Appends to one list of each participant.
fn appends(participants: u8) -> String {
    (0..participants).map(|list| format!("append v1 to x{list}")).collect::<Vec<_>>().join(", ")
}

/// Two-phase commit with a separate coordinator: 3N messages beside N acknowledgements, and 2N + 1 forced writes.
#[test]
fn a_plain_commit_takes_3n_messages_n_acknowledgements_and_2n_plus_1_forced_writes() {
    for participants in 1..=6 {
        let count = usize::from(participants);
        let cost = cost(Presumption::None, participants, &appends(participants));
        let expected = Cost {
            messages: 3 * count,
            acknowledgements: count,
            coordinator: writes(1, 2),
            participants: writes(2 * count, 0),
        };
        assert_eq!(cost, expected, "{participants} participants");
    }
}

/// R*, section 3.1, table: presumed abort commits as the plain protocol does, without a record at the start.
#[test]
fn presumed_abort_commits_as_the_plain_protocol_does() {
    for participants in 1..=6 {
        let count = usize::from(participants);
        let expected = Cost {
            messages: 3 * count,
            acknowledgements: count,
            coordinator: writes(1, 1),
            participants: writes(2 * count, 0),
        };
        assert_eq!(cost(Presumption::Abort, participants, &appends(participants)), expected);
    }
}

/// R*, section 3.2, table: presumed commit saves the acknowledgements and the participants' forced commits, for a forced
/// collecting record.
#[test]
fn presumed_commit_commits_without_acknowledgements() {
    for participants in 1..=6 {
        let count = usize::from(participants);
        let expected = Cost {
            messages: 3 * count,
            acknowledgements: 0,
            coordinator: writes(2, 0),
            participants: writes(count, count),
        };
        assert_eq!(cost(Presumption::Commit, participants, &appends(participants)), expected);
    }
}

/// R*, table of aborts: n2 votes no, the other three yes.
#[test]
fn aborts_cost_what_the_table_says() {
    let words = "withdraw 500 from a0, deposit 1 to a1, deposit 1 to a2, deposit 1 to a3";
    let cost = |presumption| cost(presumption, 4, words);
    // Four VOTE-REQs, four votes, three ABORTs.
    let plain = Cost {
        messages: 11,
        acknowledgements: 3,
        coordinator: writes(1, 2),
        participants: writes(1 + 2 * 3, 0),
    };
    assert_eq!(cost(Presumption::None), plain);
    // R*, section 3.1: nothing at the coordinator, nothing forced but what is prepared, no acknowledgement.
    let presumed_abort =
        Cost { messages: 11, acknowledgements: 0, coordinator: writes(0, 0), participants: writes(3, 1 + 3) };
    assert_eq!(cost(Presumption::Abort), presumed_abort);
    // R*, section 3.2: the abort is forced and acknowledged, as the commit is elsewhere.
    let presumed_commit = Cost {
        messages: 11,
        acknowledgements: 3,
        coordinator: writes(2, 1),
        participants: writes(1 + 2 * 3, 0),
    };
    assert_eq!(cost(Presumption::Commit), presumed_commit);
}

/// R*, section 3.1: a participant that only reads votes READ, writes nothing and drops out. Here, if it is alone.
#[test]
fn a_participant_that_only_reads_and_is_alone_writes_nothing() {
    for presumption in Presumption::ALL {
        let nothing = writes(0, 0);
        let expected = Cost { messages: 2, acknowledgements: 0, coordinator: nothing, participants: nothing };
        assert_eq!(cost(presumption, 3, "balance of a1, read x4"), expected);
        assert!(cost(presumption, 3, "balance of a1, balance of a2").participants.forced > 0);
    }
}

/// A reader that were to let go before the others have locked would see half of another transaction.
#[test]
fn a_reader_among_others_keeps_its_locks() {
    let mut cluster = Cluster::new(Config { read_only: true, ..Config::new(2) });
    cluster.ask("balance of a0, deposit 1 to a1");
    cluster.deliver_kind("vote-request", &[n(2)]);
    assert_eq!(cluster.in_doubt(n(2)), [T0]);
    cluster.ask("deposit 1 to a0");
    cluster.deliver(|it| it.message.transaction() != T0);
    assert_eq!(cluster.mail(n(1)).last().unwrap(), "NO (a0 is locked) t1");
}

/// R*, section 3.1: no information means abort.
#[test]
fn with_presumed_abort_a_forgetful_coordinator_says_abort() {
    let mut cluster = Cluster::pair(Presumption::Abort);
    cluster.transfer();
    cluster.deliver_kind("vote-request", &[n(2), n(3)]);
    cluster.lose_all();
    cluster.restart(n(1));
    assert!(cluster.disk(n(1)).is_empty());
    cluster.fire(n(2), Timer::Inquiry(T0));
    cluster.deliver_all();
    assert_eq!(cluster.decided(n(2), T0), Some(Decision::Abort));
    assert_eq!(cluster.disk(n(2)).last().unwrap(), "abort t0");
    cluster.restart(n(2));
    assert_eq!(cluster.in_doubt(n(2)), [T0], "the abort was lazy: it is lost, and asked for again");
    cluster.deliver_all();
    assert!(cluster.in_doubt(n(2)).is_empty());
    cluster.assert_safe();
}

/// R*, section 3.2: no information means commit, so whom it asks must be on its disk before anybody is asked.
#[test]
fn with_presumed_commit_a_forgetful_coordinator_says_commit() {
    let mut cluster = Cluster::pair(Presumption::Commit);
    cluster.transfer();
    assert_eq!((cluster.disk(n(1)), cluster.writes[0]), (vec!["begin t0 of n2, n3".into()], writes(1, 0)));
    cluster.deliver_kind("vote-request", &[n(2), n(3)]);
    cluster.deliver_kind("vote", &[n(1)]);
    assert_eq!(cluster.disk(n(1)), ["begin t0 of n2, n3", "commit t0"]);
    cluster.lose_all();
    cluster.restart(n(1));
    assert!(cluster.wire.is_empty(), "it has forgotten, and owes nobody anything");
    cluster.fire(n(2), Timer::Inquiry(T0));
    cluster.fire(n(3), Timer::Inquiry(T0));
    cluster.deliver_all();
    assert_eq!(cluster.decided(n(2), T0), Some(Decision::Commit));
    cluster.assert_sound();
}

/// R*, section 2: a participant forces its record before it acknowledges, for the coordinator then forgets.
#[test]
fn an_acknowledgement_means_that_the_decision_is_kept() {
    for (presumption, decision) in [
        (Presumption::None, COMMIT),
        (Presumption::None, ABORT),
        (Presumption::Abort, COMMIT),
        (Presumption::Commit, ABORT),
    ] {
        let mut cluster = Cluster::pair(presumption);
        cluster.transfer();
        cluster.deliver_kind("vote-request", &[n(2), n(3)]);
        cluster.lose_all();
        cluster.receive(n(2), n(1), decision.clone());
        assert_eq!(cluster.mail(n(1)), ["acknowledgement of t0"]);
        cluster.restart(n(2));
        assert!(cluster.in_doubt(n(2)).is_empty(), "{decision} under {presumption}");
        // Told again it acknowledges again.
        cluster.receive(n(2), n(1), decision);
        assert_eq!(cluster.mail(n(1)).len(), 2);
    }
}

/// A word of a peer is not acknowledged: the coordinator has not said it yet.
#[test]
fn only_the_coordinator_gets_an_acknowledgement() {
    let mut cluster = Cluster::pair(Presumption::None);
    cluster.transfer();
    cluster.deliver_kind("vote-request", &[n(2), n(3)]);
    cluster.lose_all();
    cluster.receive(n(2), n(3), ABORT);
    assert_eq!(cluster.sent("acknowledgement"), 0);
}
