//! One test per rule, in the order of the papers.

use crate::common::*;
use quarrel_multi_paxos::event::{How, Why};
use quarrel_multi_paxos::{Config, Event, Record, Slot, Timer};
use quarrel_protocol::Input;
use quarrel_spec::replicated_log::Reply;

// PMS 2.2, phase 1: promises.

#[test]
fn phase_1_a_promise_is_on_disk_before_it_is_given_and_tells_what_was_accepted() {
    let mut node = Node::new(&plain(3), N1);
    node.receive(N2, accept(ballot(1, N2), 1, &[7, 8], 0));
    node.fire(Timer::Silence);
    let done = node.step(Input::Message { from: N3, message: prepare(ballot(2, N3), 1) });
    assert_eq!(done.persisted, [Record::Promised(ballot(2, N3))]);
    let (persist, send) = (position(&done.order, "persist"), position(&done.order, "send"));
    assert!(persist < send, "{:?}", done.order);
    assert_eq!(
        done.lines(),
        ["n3: Promise 2.n3, from slot 1 on [1: c1's op7: write v7 in 1.n2, 2: c1's op8: write v8 in 1.n2], \
          chosen up to 0"]
    );
}

fn position(order: &[&str], kind: &str) -> usize {
    order.iter().position(|&it| it == kind).unwrap()
}

#[test]
fn phase_1_one_prepare_is_about_all_slots_from_the_first_open_one_on() {
    let mut node = Node::new(&plain(3), N1);
    node.receive(N2, accept(ballot(1, N2), 1, &[1, 2, 3], 2));
    node.fire(Timer::Silence);
    let done = node.fire(Timer::Campaign);
    assert_eq!(
        done.lines(),
        ["n2: Prepare 2.n1, from slot 3 on", "n3: Prepare 2.n1, from slot 3 on"],
        "slots 1 and 2 are known to be chosen"
    );
}

#[test]
fn phase_1_a_lower_ballot_is_refused_and_an_equal_one_is_promised_again() {
    let mut node = Node::new(&plain(3), N1);
    node.receive(N3, prepare(ballot(2, N3), 1));
    assert_eq!(
        node.receive(N2, prepare(ballot(2, N2), 1)).lines(),
        ["n2: Reject 2.n2, obeys 2.n3, chosen up to 0"]
    );
    let again = node.receive(N3, prepare(ballot(2, N3), 1));
    assert_eq!(again.lines(), ["n3: Promise 2.n3, from slot 1 on [], chosen up to 0"]);
    assert!(again.persisted.is_empty(), "it is on disk already");
}

// PMS 2.2, phase 2, and P1a, P2c.

#[test]
fn phase_2_an_acceptor_refuses_what_is_below_its_promise() {
    let mut node = Node::new(&plain(3), N1);
    node.receive(N3, prepare(ballot(2, N3), 1));
    let done = node.receive(N2, accept(ballot(1, N2), 1, &[7], 0));
    assert_eq!(done.lines(), ["n2: Reject 1.n2, obeys 2.n3, chosen up to 0"]);
    assert!(node.machine.log().is_empty());
}

#[test]
fn phase_2_accepting_is_on_disk_before_it_is_confirmed_and_promises_the_ballot() {
    let mut node = Node::new(&plain(3), N1);
    let done = node.step(Input::Message { from: N2, message: accept(ballot(3, N2), 1, &[7], 0) });
    assert!(position(&done.order, "persist") < position(&done.order, "send"), "{:?}", done.order);
    assert!(done.early.is_empty());
    assert_eq!(done.lines(), ["n2: Accepted 3.n2, slot 1"]);
    assert_eq!(node.machine.promised(), Some(ballot(3, N2)));
    let again = node.receive(N2, accept(ballot(3, N2), 1, &[7], 0));
    assert_eq!((again.persisted.len(), again.lines()), (0, vec!["n2: Accepted 3.n2, slot 1".to_string()]));
}

#[test]
fn p2c_a_new_leader_proposes_the_value_of_the_highest_ballot_for_each_slot() {
    let mut node = Node::new(&plain(5), N1);
    node.fire(Timer::Campaign);
    let mine = node.machine.promised().unwrap();
    let (low, high) = (ballot(1, N4), ballot(1, N5));
    node.receive(N2, promise(mine, 1, 0, &[(1, low, 10), (2, high, 20)]));
    let done = node.receive(N3, promise(mine, 1, 0, &[(1, high, 11), (2, low, 21)]));
    assert!(node.machine.is_leader());
    assert_eq!(
        proposals(&done),
        [
            (1, "c1's op11: write v11".to_string(), Why::Reported),
            (2, "c1's op20: write v20".to_string(), Why::Reported)
        ]
    );
}

#[test]
fn a_duplicate_promise_counts_once_and_one_of_another_ballot_not_at_all() {
    let mut node = Node::new(&plain(5), N1);
    node.fire(Timer::Campaign);
    let mine = node.machine.promised().unwrap();
    (0..3).for_each(|_| drop(node.receive(N2, promise(mine, 1, 0, &[]))));
    node.receive(N3, promise(ballot(mine.round + 1, N1), 1, 0, &[]));
    assert!(!node.machine.is_leader());
    node.receive(N3, promise(mine, 1, 0, &[]));
    assert!(node.machine.is_leader());
}

// PMS 3: the log.

#[test]
fn section_3_gaps_are_filled_with_no_ops_where_phase_1_found_nothing_and_nowhere_else() {
    let mut node = Node::new(&plain(3), N1);
    node.fire(Timer::Campaign);
    let mine = node.machine.promised().unwrap();
    let old = ballot(1, N3);
    let done = node.receive(N2, promise(mine, 1, 0, &[(2, old, 20), (5, old, 50)]));
    let expected: Vec<(u64, String, Why)> = vec![
        (1, "no-op".into(), Why::Gap),
        (2, "c1's op20: write v20".into(), Why::Reported),
        (3, "no-op".into(), Why::Gap),
        (4, "no-op".into(), Why::Gap),
        (5, "c1's op50: write v50".into(), Why::Reported),
    ];
    assert_eq!(proposals(&done), expected, "and nothing behind the last that was reported");
    let asked = node.ask(60);
    assert_eq!(proposals(&asked), [(6, "c1's op60: write v60".to_string(), Why::Asked)]);
}

#[test]
fn section_3_a_stable_leader_needs_only_phase_2() {
    let mut node = Node::new(&plain(3), N1);
    node.lead(&[N2]);
    let mine = node.machine.promised().unwrap();
    let done = node.ask(7);
    assert_eq!(
        done.lines(),
        [
            "n2: Accept 1.n1, [1: c1's op7: write v7], chosen up to 0",
            "n3: Accept 1.n1, [1: c1's op7: write v7], chosen up to 0"
        ]
    );
    let done = node.receive(N3, accepted(mine, 1, 1));
    assert_eq!(learned(&done), [(1, How::Counted)]);
    assert_eq!(done.replies, [(C1, quarrel_protocol::RequestId(7), written(1))]);
    let done = node.ask(8);
    assert!(done.lines()[0].ends_with("chosen up to 1"), "the next Accept says so: {:?}", done.lines());
}

#[test]
fn section_3_no_more_slots_are_open_than_the_window_allows() {
    let config = Config { window: 2, slots_per_message: 8, ..plain(3) };
    let mut node = Node::new(&config, N1);
    node.lead(&[N2]);
    let mine = node.machine.promised().unwrap();
    let asked: Vec<usize> = (1..=5).map(|value| proposals(&node.ask(value)).len()).collect();
    assert_eq!(asked, [1, 1, 0, 0, 0]);
    // Slot 2 has its quorum first: nothing is learned before slot 1 is.
    assert_eq!(learned(&node.receive(N2, accepted(mine, 2, 2))), []);
    let done = node.receive(N2, accepted(mine, 1, 1));
    assert_eq!(learned(&done), [(1, How::Counted), (2, How::Counted)]);
    assert_eq!(done.applied(), [1, 2]);
    assert_eq!(proposals(&done).len(), 2, "the window has moved");
    assert_eq!(
        done.lines()[0],
        "n2: Accept 1.n1, [3: c1's op3: write v3, 4: c1's op4: write v4], chosen up to 2"
    );
}

#[test]
fn a_leader_counts_its_own_acceptance_only_when_it_is_on_disk() {
    let mut node = Node::new(&plain(3), N1);
    node.lead(&[N2]);
    let mine = node.machine.promised().unwrap();
    let done = node.step(request(7));
    assert_eq!(done.early.len(), 2, "others need not wait for this disk");
    assert_eq!(learned(&node.receive(N2, accepted(mine, 1, 1))), [], "its own is not there yet");
    assert_eq!(learned(&node.receive(N1, accepted(mine, 1, 1))), [(1, How::Counted)]);
}

#[test]
fn a_leader_counts_only_acceptances_of_its_own_ballot() {
    let mut node = Node::new(&plain(3), N1);
    node.lead(&[N2]);
    node.ask(7);
    let old = ballot(node.machine.promised().unwrap().round - 1, N1);
    assert_eq!(learned(&node.receive(N2, accepted(old, 1, 1))), []);
}

// PMS 2.3: learning.

#[test]
fn a_replica_learns_from_the_leaders_index_what_it_has_accepted_in_that_ballot() {
    let mut node = Node::new(&plain(3), N1);
    node.receive(N2, accept(ballot(1, N2), 1, &[10, 20], 0));
    // A later leader says that both are chosen. Of what this node holds, only slot 1 is that leader's proposal.
    node.receive(N3, accept(ballot(2, N3), 1, &[11], 0));
    let done = node.receive(N3, heartbeat(ballot(2, N3), 2));
    assert_eq!((learned(&done), done.applied()), (vec![(1, How::LeaderSaid)], vec![1]));
    assert_eq!(done.set.last(), Some(&Timer::CatchUp), "the rest it must ask for");
    assert_eq!(node.fire(Timer::CatchUp).lines(), ["n3: CatchUp from slot 2 on"]);
    let done = node.receive(N3, chosen(2, &[21], 2));
    assert_eq!((learned(&done), done.applied()), (vec![(2, How::CaughtUp)], vec![2]));
    assert_eq!(done.persisted, [Record::Learned { slot: Slot(2), value: value(21) }]);
}

#[test]
fn slots_are_applied_in_order_whatever_arrives_first() {
    let mut node = Node::new(&plain(3), N1);
    let done = node.receive(N2, accept(ballot(1, N2), 2, &[20], 2));
    assert_eq!(done.applied(), [0; 0]);
    let done = node.receive(N2, accept(ballot(1, N2), 1, &[10], 2));
    assert_eq!(done.applied(), [1, 2]);
}

#[test]
fn catching_up_goes_in_bounded_parts_and_asks_another_if_nobody_answers() {
    let config = Config { slots_per_message: 2, window: 2, ..plain(3) };
    let mut node = Node::new(&config, N1);
    for slot in 1..=5 {
        node.receive(N2, accept(ballot(1, N2), slot, &[slot], slot));
    }
    assert_eq!(
        node.receive(N3, catch_up(2)).lines(),
        ["n3: Chosen [2: c1's op2: write v2, 3: c1's op3: write v3], up to 5"]
    );
    assert!(node.receive(N3, catch_up(6)).sent.is_empty(), "nothing is known there");

    let mut late = Node::new(&config, N3);
    late.receive(N2, heartbeat(ballot(1, N2), 5));
    let asked: Vec<String> = (0..3).flat_map(|_| late.fire(Timer::CatchUp).lines()).collect();
    assert_eq!(
        asked,
        ["n2: CatchUp from slot 1 on", "n2: CatchUp from slot 1 on", "n1: CatchUp from slot 1 on"]
    );
    let done = late.receive(N1, chosen(1, &[1, 2], 5));
    assert_eq!(done.lines(), ["n1: CatchUp from slot 3 on"], "and goes on at once");
}

// PMS 2.5, PMMC 3: ballots, duels.

#[test]
fn no_ballot_is_used_twice_whatever_is_lost_but_the_disk() {
    let mut node = Node::new(&plain(3), N1);
    node.fire(Timer::Campaign);
    let before = node.machine.promised().unwrap();
    node.restart();
    let done = node.step(Input::Timer(Timer::Campaign));
    assert!(node.machine.promised().unwrap() > before);
    assert!(done.early.is_empty(), "nobody hears of a ballot that is not on disk: {:?}", done.order);
}

#[test]
fn an_outbid_leader_stops_and_sends_its_clients_away() {
    let mut node = Node::new(&Config { window: 1, ..plain(3) }, N1);
    node.lead(&[N2]);
    let mine = node.machine.promised().unwrap();
    node.ask(1);
    node.ask(2);
    let done = node.receive(N3, reject(mine, Some(ballot(9, N3)), 0));
    assert!(!node.machine.is_leader());
    let away = Reply::NotLeader { hint: None };
    let told: Vec<_> = done.replies.iter().map(|(_, id, reply)| (id.0, reply.clone())).collect();
    assert_eq!(told, [(1, away.clone()), (2, away)], "the one that waited for a slot as well");
    node.fire(Timer::Campaign);
    assert_eq!(node.machine.promised(), Some(ballot(10, N1)), "above what it was told");
}

#[test]
fn pauses_grow_as_attempts_fail() {
    let config = plain(3);
    assert!(config.backoff_after(2).max_ns == 4 * config.backoff.max_ns);
    let mut node = Node::new(&config, N1);
    let rounds: Vec<u64> = (0..3)
        .map(|_| {
            node.fire(Timer::Campaign);
            node.machine.promised().unwrap().round
        })
        .collect();
    assert_eq!(rounds, [1, 2, 3]);
}

// Who hears a leader takes no other.

#[test]
fn whoever_hears_a_leader_ignores_other_candidates_but_not_that_one() {
    let mut node = Node::new(&plain(3), N1);
    node.receive(N2, heartbeat(ballot(1, N2), 0));
    let done = node.receive(N3, prepare(ballot(7, N3), 1));
    assert_eq!(done.events, [Event::Ignored { ballot: ballot(7, N3) }]);
    assert_eq!(done.lines(), ["n3: Reject 7.n3, obeys 1.n2, chosen up to 0"]);
    assert_eq!(node.machine.promised(), None);
    let own = node.receive(N2, prepare(ballot(8, N2), 1));
    assert_eq!(own.lines(), ["n2: Promise 8.n2, from slot 1 on [], chosen up to 0"]);
    node.fire(Timer::Silence);
    assert_eq!(
        node.receive(N3, prepare(ballot(9, N3), 1)).events,
        [Event::Promised { ballot: ballot(9, N3) }]
    );
}

#[test]
fn a_leader_that_hears_no_quorum_gives_up_as_soon_as_others_would() {
    let mut node = Node::new(&plain(5), N1);
    node.lead(&[N2, N3]);
    let mine = node.machine.promised().unwrap();
    for _ in 0..10 {
        node.receive(N2, heartbeat_reply(mine));
        node.receive(N3, heartbeat_reply(mine));
        node.fire(Timer::Heartbeat);
        assert!(node.machine.is_leader(), "it is heard by three of five");
    }
    let mut beats = 0;
    while node.machine.is_leader() {
        node.receive(N2, heartbeat_reply(mine));
        node.fire(Timer::Heartbeat);
        beats += 1;
    }
    assert_eq!(beats, 3, "150 ms of patience, 50 ms between heartbeats");
}

#[test]
fn what_was_not_accepted_in_a_beats_time_is_sent_again_to_whom_it_concerns() {
    let mut node = Node::new(&Config { slots_per_message: 8, ..plain(3) }, N1);
    node.lead(&[N2]);
    let mine = node.machine.promised().unwrap();
    (1..=3).for_each(|value| drop(node.ask(value)));
    node.receive(N2, accepted(mine, 2, 3));
    let first = node.fire(Timer::Heartbeat).lines();
    assert!(first.iter().all(|line| line.contains("Heartbeat")), "{first:?}");
    assert_eq!(
        node.fire(Timer::Heartbeat).lines(),
        [
            "n2: Accept 1.n1, [1: c1's op1: write v1], chosen up to 0",
            "n3: Accept 1.n1, [1: c1's op1: write v1, 2: c1's op2: write v2, 3: c1's op3: write v3], chosen up to 0",
        ]
    );
}

// PMMC 4.2: promises of acceptors that have dropped slots.

#[test]
fn a_promise_that_says_nothing_of_open_slots_counts_when_they_are_learned() {
    let mut node = Node::new(&plain(3), N1);
    node.fire(Timer::Campaign);
    let mine = node.machine.promised().unwrap();
    let done = node.receive(N2, promise(mine, 3, 2, &[(3, ballot(1, N2), 30)]));
    assert!(!node.machine.is_leader());
    assert_eq!(done.events, [Event::SetAside { ballot: mine, from: N2, covers: Slot(3) }]);
    assert_eq!(done.lines(), ["n2: CatchUp from slot 1 on"], "it asks at once");
    let done = node.receive(N2, chosen(1, &[10, 20], 2));
    assert!(node.machine.is_leader());
    assert_eq!(proposals(&done), [(3, "c1's op30: write v30".to_string(), Why::Reported)]);
    assert_eq!(done.applied(), [1, 2]);
}

#[test]
fn an_acceptor_far_ahead_or_trimmed_says_from_where_on_its_promise_is_complete() {
    let check = |config: Config, first: u64, expected: &str| {
        let mut node = Node::new(&config, N1);
        for slot in 1..=6 {
            node.receive(N2, accept(ballot(1, N2), slot, &[slot], slot));
        }
        node.fire(Timer::Silence);
        let line = node.receive(N3, prepare(ballot(2, N3), first)).lines().remove(0);
        assert!(line.contains(expected), "{line}");
    };
    check(Config { window: 4, ..plain(3) }, 4, "from slot 4 on [4: ");
    check(Config { window: 4, ..plain(3) }, 2, "from slot 7 on [], chosen up to 6");
    check(Config { window: 9, ..plain(3) }, 1, "from slot 1 on [1: ");
    check(Config { window: 9, snapshot_every: 4, slots_kept: 0, ..plain(3) }, 1, "from slot 5 on [5: ");
    check(Config { window: 9, snapshot_every: 4, slots_kept: 2, ..plain(3) }, 1, "from slot 3 on [3: ");
}
