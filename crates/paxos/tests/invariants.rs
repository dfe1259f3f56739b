//! A checker is believed only once it has fired: each property is fed the events that break it.

use crate::support::{ballot, n, proposal};
use quarrel_paxos::{Config, Event, Invariants, Paxos, Proposal, Record, Source};
use quarrel_protocol::{Effects, Monitor, NodeId, PropertyKind, Protocol, Quorum, Report};
use quarrel_spec::Value;

/// Feeds a fresh monitor of a cluster; returns what broke first, if anything did.
fn judge(config: &Config, events: &[(NodeId, Event)]) -> Report {
    let mut report = Report::new(Invariants::properties(), Invariants::cells());
    let mut monitor = <Invariants as Monitor<Paxos>>::new(config, config.quorum.nodes());
    for (node, event) in events {
        monitor.on_announce(*node, event, &mut report);
    }
    report
}

fn assert_breaks(events: &[(NodeId, Event)], property: &str, kind: PropertyKind, detail: &str) {
    let report = judge(&Config::new(3), events);
    let broken: Vec<_> =
        report.violations().iter().map(|broken| (broken.property.as_str(), broken.kind)).collect();
    assert_eq!(broken, [(property, kind)], "exactly this one");
    assert_eq!(report.violations()[0].detail, detail);
    assert_eq!(report.violations()[0].signature, property);
    // One event earlier all was well.
    assert!(judge(&Config::new(3), &events[..events.len() - 1]).violations().is_empty());
}

fn accepted(node: u8, proposal: Proposal) -> (NodeId, Event) {
    (n(node), Event::Accepted { proposal })
}

fn promised(node: u8, round: u64, owner: u8, accepted: Option<Proposal>) -> (NodeId, Event) {
    (n(node), Event::Promised { ballot: ballot(round, owner), accepted })
}

fn proposed(proposal: Proposal) -> (NodeId, Event) {
    (proposal.ballot.node, Event::QuorumPromised { proposal, adopted_from: None })
}

#[test]
fn one_value_chosen_fires_though_nobody_has_learned() {
    let (first, second) = (proposal(1, 1, 7), proposal(2, 3, 9));
    assert_breaks(
        &[accepted(1, first), accepted(2, first), accepted(2, second), accepted(3, second)],
        "one-value-chosen",
        PropertyKind::Paper,
        "two values are chosen: n1, n2 accepted v7 in ballot 1.n1, and n2, n3 accepted v9 in ballot 2.n3",
    );
}

#[test]
fn one_value_chosen_is_silent_when_a_later_ballot_carries_the_chosen_value() {
    let (first, second) = (proposal(1, 1, 7), proposal(2, 3, 7));
    let events = [accepted(1, first), accepted(2, first), accepted(2, second), accepted(3, second)];
    assert!(judge(&Config::new(3), &events).violations().is_empty());
}

#[test]
fn one_value_chosen_knows_the_second_phase_quorum() {
    let quorum = Quorum::flexible(3, 3, 1).unwrap();
    let events = [accepted(1, proposal(1, 1, 7)), accepted(2, proposal(2, 3, 9))];
    let report = judge(&Config { quorum, ..Config::new(3) }, &events);
    assert_eq!(report.violations()[0].property, "one-value-chosen");
}

#[test]
fn one_value_per_ballot_fires() {
    assert_breaks(
        &[accepted(1, proposal(1, 1, 7)), accepted(2, proposal(1, 1, 8))],
        "one-value-per-ballot",
        PropertyKind::Paper,
        "in ballot 1.n1 n1 accepted v7, but n2 accepted v8",
    );
}

#[test]
fn p2b_fires_for_a_proposal_after_the_choice() {
    let first = proposal(1, 1, 7);
    assert_breaks(
        &[accepted(1, first), accepted(2, first), proposed(proposal(2, 3, 9))],
        "p2b",
        PropertyKind::Invariant,
        "1.n1 v7 was chosen, but n3 proposed v9 in ballot 2.n3",
    );
}

#[test]
fn p2b_fires_for_a_proposal_before_the_choice() {
    let first = proposal(1, 1, 7);
    assert_breaks(
        &[proposed(first), accepted(1, first), proposed(proposal(2, 3, 9)), accepted(2, first)],
        "p2b",
        PropertyKind::Invariant,
        "1.n1 v7 was chosen, but n3 had proposed v9 in ballot 2.n3",
    );
}

#[test]
fn promise_kept_fires() {
    assert_breaks(
        &[promised(2, 2, 3, None), accepted(2, proposal(1, 1, 7))],
        "promise-kept",
        PropertyKind::Invariant,
        "n2 had promised 2.n3, but accepted in ballot 1.n1",
    );
}

#[test]
fn promise_monotonic_fires() {
    assert_breaks(
        &[promised(2, 2, 3, None), promised(2, 1, 1, None)],
        "promise-monotonic",
        PropertyKind::Invariant,
        "n2 had promised 2.n3, and now promised 1.n1",
    );
}

#[test]
fn promise_reports_highest_accepted_fires() {
    assert_breaks(
        &[accepted(2, proposal(1, 1, 7)), promised(2, 2, 3, None)],
        "promise-reports-highest-accepted",
        PropertyKind::Invariant,
        "n2 had accepted 1.n1 v7, but its promise of 2.n3 reports nothing",
    );
}

/// A crash can take the announcement away and leave the write: what the disk says is accepted.
#[test]
fn an_acceptance_that_only_the_disk_tells_counts() {
    let config = Config::new(3);
    let mut report = Report::new(Invariants::properties(), Invariants::cells());
    let mut monitor = <Invariants as Monitor<Paxos>>::new(&config, 3);
    let chosen = proposal(1, 1, 7);
    let disk = [Record::Promised(chosen.ballot), Record::Accepted(chosen)];
    let state = Paxos::recover(&config, n(2), &disk, &mut Effects::default());
    monitor.on_recover(n(2), &state, &mut report);
    for (node, event) in [promised(2, 2, 3, Some(chosen)), accepted(1, chosen)] {
        monitor.on_announce(node, &event, &mut report);
    }
    assert!(report.violations().is_empty(), "the promise reports what the disk holds");
    for (node, event) in [accepted(2, proposal(2, 3, 9)), accepted(3, proposal(2, 3, 9))] {
        monitor.on_announce(node, &event, &mut report);
    }
    assert_eq!(
        report.violations()[0].property,
        "one-value-chosen",
        "v7 was chosen with the disk's acceptance"
    );
}

#[test]
fn every_cell_can_happen() {
    let adopted = Event::QuorumPromised { proposal: proposal(2, 2, 7), adopted_from: Some(ballot(1, 1)) };
    let events = [
        (n(1), Event::Prepared { ballot: ballot(1, 1) }),
        (n(2), Event::Prepared { ballot: ballot(2, 2) }),
        (n(1), Event::Preempted { ballot: ballot(1, 1), by: ballot(2, 2) }),
        (n(2), adopted),
        (n(3), Event::Decided { value: Value(7), source: Source::Told(n(2)) }),
    ];
    assert_eq!(judge(&Config::new(3), &events).cells(), [1, 1, 1, 1, 1]);
}

#[test]
fn ballots_one_after_the_other_are_no_duel() {
    let events = [
        (n(1), Event::Prepared { ballot: ballot(1, 1) }),
        (n(1), Event::TimedOut { ballot: ballot(1, 1) }),
        (n(1), Event::Prepared { ballot: ballot(2, 1) }),
        (n(1), Event::FoundNothing { ballot: ballot(2, 1) }),
        (n(2), Event::Prepared { ballot: ballot(3, 2) }),
    ];
    assert_eq!(judge(&Config::new(3), &events).cells()[1], 0);
}
