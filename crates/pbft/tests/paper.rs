//! One test for each rule of Castro and Liskov, *Practical Byzantine Fault Tolerance* (1999), by section.

use quarrel_pbft::certificate::{Checkpoint, NewView, Phase, Stable, ViewChange};
use quarrel_pbft::message::Status;
use quarrel_pbft::{Config, Digest, Event, Invariants, Message, Pbft, Record, Sequence, Timer, View};
use quarrel_protocol::{Kinded, Monitor, NodeId, NodeSet, Report, RequestId};
use quarrel_spec::replicated_log::Reply;

use crate::common::*;

const ALL: [NodeId; 4] = [N1, N2, N3, N4];

fn backup() -> Node {
    Node::new(&plain(4), N2)
}

/// A backup that has accepted v1 at 1 in view 0.
fn accepting() -> Node {
    let mut node = backup();
    let done = node.receive(N1, pre_prepare(N1, 0, 1, &[1]));
    assert_eq!(done.count("prepare"), 3);
    node
}

/// A view change of a replica that knows nothing.
fn plain_change(view: u64) -> ViewChange {
    ViewChange { view: View(view), stable: Stable::default(), prepared: Vec::new() }
}

fn view_change(by: NodeId, view: u64) -> Message {
    Message::ViewChange(signed(by, plain_change(view)))
}

fn changes(view: u64, by: &[NodeId]) -> Vec<quarrel_pbft::sign::Signed<ViewChange>> {
    by.iter().map(|&node| signed(node, plain_change(view))).collect()
}

#[test]
fn section_4_the_primary_is_the_view_modulo_the_replicas() {
    let primaries: Vec<NodeId> = (0..5).map(|view| plain(4).primary(View(view))).collect();
    assert_eq!(primaries, [N1, N2, N3, N4, N1]);
}

#[test]
fn section_4_1_each_replica_replies_to_the_client() {
    let mut cluster = cluster_of(&plain(4));
    cluster.ask_all(&[N1], 1);
    cluster.deliver_all();
    let told: Vec<_> = cluster.replies_to(RequestId(1)).collect();
    assert_eq!(told.iter().map(|(node, _)| *node).collect::<NodeSet>(), NodeSet::all(4));
    assert!(told.iter().all(|(_, reply)| *reply == told[0].1), "and all alike");
}

#[test]
fn section_4_1_what_was_executed_is_answered_again_and_not_executed_again() {
    let mut cluster = cluster_of(&plain(4));
    cluster.ask_all(&ALL, 1);
    cluster.deliver_all();
    let done = cluster.nodes[2].step(request(1));
    assert!(matches!(done.replies[..], [(_, RequestId(1), Reply::Applied { index: 1, .. })]));
    assert_eq!((done.outputs.len(), done.sent.len()), (0, 0));
}

#[test]
fn section_4_1_a_backup_relays_to_the_primary() {
    let mut node = backup();
    assert!(node.step(request(1)).set.contains(&Timer::Relay));
    let done = node.fire(Timer::Relay);
    assert!(matches!(done.sent[..], [(N1, Message::Request(_))]), "{:?}", done.lines());
    assert_eq!(node.fire(Timer::Relay).sent.len(), 0, "once in a view");
}

#[test]
fn section_4_2_the_primary_assigns_a_number_writes_it_down_and_sends_it_to_all_backups() {
    let mut node = Node::new(&plain(4), N1);
    let done = node.step(request(1));
    assert_eq!(done.count("pre-prepare"), 3);
    let position = |what| done.order.iter().position(|&it| it == what);
    assert!(position("persist") < position("send"), "{:?}", done.order);
    assert!(matches!(node.disk[..], [Record::Accepted { .. }]));
}

#[test]
fn section_4_2_while_batches_are_under_way_requests_wait_and_go_into_one() {
    let config = Config { batch: 8, parallel: 1, ..plain(4) };
    let mut cluster = cluster_of(&config);
    (1..=4).for_each(|value| cluster.ask_all(&[N1], value));
    cluster.deliver_all();
    let accepted = cluster.nodes[1].machine.accepted().map(|vote| vote.digest).collect::<Vec<_>>();
    assert_eq!(accepted, [Digest::of(&batch(&[1])), Digest::of(&batch(&[2, 3, 4]))]);
}

#[test]
fn section_4_2_a_backup_accepts_what_is_signed_by_the_primary_and_has_the_digest() {
    let proposal = signed(N1, vote(Phase::PrePrepare, 0, 1, &[1]));
    let refused = [
        pre_prepare(N3, 0, 1, &[1]),
        Message::PrePrepare { proposal, batch: batch(&[2]) },
        // Of another view, or another phase.
        pre_prepare(N2, 1, 1, &[1]),
        Message::PrePrepare { proposal: signed(N1, vote(Phase::Prepare, 0, 1, &[1])), batch: batch(&[1]) },
        // Beyond the water marks: the high one is 8.
        pre_prepare(N1, 0, 9, &[1]),
        pre_prepare(N1, 0, 0, &[1]),
    ];
    for message in refused {
        let mut node = backup();
        let done = node.receive(N1, message);
        assert_eq!((done.announced("accepted"), done.sent.len()), (0, 0), "{:?}", done.lines());
    }
    accepting();
}

#[test]
fn section_4_2_a_backup_accepts_no_second_batch_for_a_view_and_a_number() {
    let mut node = accepting();
    let done = node.receive(N1, pre_prepare(N1, 0, 1, &[2]));
    assert_eq!((done.announced("accepted"), done.count("prepare")), (0, 0));
}

#[test]
fn section_4_2_prepared_takes_2f_prepares_of_different_backups_that_match() {
    let mut node = accepting();
    for message in [
        // Its own, that of the primary, and one for something else.
        prepare(N2, 0, 1, &[1]),
        prepare(N1, 0, 1, &[1]),
        prepare(N3, 0, 1, &[2]),
        prepare(N4, 1, 1, &[1]),
    ] {
        assert_eq!(node.receive(N1, message).announced("prepared"), 0);
    }
    let done = node.receive(N4, prepare(N4, 0, 1, &[1]));
    assert_eq!((done.announced("prepared"), done.count("commit")), (1, 3));
    assert!(matches!(node.disk.last(), Some(Record::Prepared(_))), "on disk before it is said");
    let position = |what| done.order.iter().position(|&it| it == what);
    assert!(position("persist") < position("send"), "{:?}", done.order);
}

#[test]
fn section_4_2_committed_local_takes_prepared_and_2f_plus_1_commits() {
    let mut node = accepting();
    for by in [N1, N3, N4] {
        assert_eq!(
            node.receive(by, commit(by, 0, 1, &[1])).announced("committed"),
            0,
            "nothing has prepared"
        );
    }
    let done = node.receive(N4, prepare(N4, 0, 1, &[1]));
    assert_eq!((done.announced("committed"), done.announced("executed"), done.replies.len()), (1, 1, 1));
}

#[test]
fn section_4_2_batches_are_executed_in_the_order_of_their_numbers() {
    let mut node = accepting();
    node.receive(N1, pre_prepare(N1, 0, 2, &[2]));
    for (sequence, value) in [(2, 2), (1, 1)] {
        for by in [N1, N3, N4] {
            node.receive(by, prepare(by, 0, sequence, &[value]));
            node.receive(by, commit(by, 0, sequence, &[value]));
        }
        let executed = if sequence == 2 { 0 } else { 2 };
        assert_eq!(node.machine.executed(), Sequence(executed));
    }
}

#[test]
fn section_4_3_a_checkpoint_is_stable_with_2f_plus_1_votes_and_what_is_before_it_goes() {
    let mut cluster = cluster_of(&plain(4));
    for value in 1..=4 {
        cluster.ask_all(&ALL, value);
        cluster.deliver_if(|_, _, message| message.kind_name() != "checkpoint");
    }
    assert_eq!((cluster.nodes[1].machine.low(), cluster.nodes[1].machine.open()), (Sequence(0), 4));
    let event = cluster.nodes[1].disk.iter().find_map(|record| match record {
        Record::State(state) => Some(state.checkpoint()),
        _ => None,
    });
    let digest = event.expect("it has made a checkpoint").digest;
    let node = &mut cluster.nodes[1];
    node.receive(N3, checkpoint(N3, 4, Digest(1)));
    node.receive(N1, checkpoint(N1, 4, digest));
    assert_eq!(node.machine.low(), Sequence(0), "one says something else");
    let done = node.receive(N4, checkpoint(N4, 4, digest));
    assert_eq!((node.machine.low(), node.machine.open(), done.announced("stabilised")), (Sequence(4), 0, 1));
    assert!(done.order.contains(&"compact"));
}

/// A traitor votes for one state here and for another there: what convinces others must convince whoever was lied to.
#[test]
fn section_4_3_a_proof_of_stability_counts_whatever_votes_are_known() {
    let mut node = backup();
    let vote = |by, digest| signed(by, Checkpoint { sequence: Sequence(4), digest });
    let proof = |by: &[NodeId]| {
        let votes = by.iter().map(|&by| vote(by, Digest(7))).collect();
        Message::Stable(Stable { sequence: Sequence(4), votes })
    };
    node.receive(N4, Message::Checkpoint(vote(N4, Digest(1))));
    node.receive(N4, proof(&[N4, N4, N4]));
    assert_eq!(node.machine.low(), Sequence(0), "one voter is no quorum");
    let done = node.receive(N3, proof(&[N1, N3, N4]));
    assert_eq!((node.machine.low(), done.announced("stabilised")), (Sequence(4), 1));
}

#[test]
fn section_4_3_the_primary_waits_at_the_high_water_mark() {
    let mut cluster = cluster_of(&plain(4));
    for value in 1..=9 {
        cluster.ask_all(&[N1], value);
        cluster.deliver_if(|_, _, message| message.kind_name() != "checkpoint");
    }
    assert_eq!(cluster.executed(), [8; 4]);
    // Whoever misses checkpoints asks for them: then there is room.
    for _ in 0..3 {
        ALL.iter().for_each(|&node| cluster.fire(node, Timer::Status));
        cluster.deliver_all();
    }
    assert_eq!(cluster.executed(), [9; 4]);
}

#[test]
fn section_4_4_a_backup_that_waits_too_long_stops_taking_part_and_says_what_has_prepared() {
    let mut node = accepting();
    node.receive(N3, prepare(N3, 0, 1, &[1]));
    let done = node.fire(Timer::Patience);
    let Some((_, Message::ViewChange(change))) = done.sent.first() else { panic!("{:?}", done.lines()) };
    assert_eq!((change.body().view, change.body().prepared.len()), (View(1), 1));
    assert!(change.body().holds(&plain(4)));
    assert!(matches!(node.disk.last(), Some(Record::ViewChange(_))), "on disk before it is said");
    let done = node.receive(N1, pre_prepare(N1, 0, 2, &[2]));
    assert_eq!((done.announced("accepted"), done.sent.len()), (0, 0));
}

#[test]
fn section_4_4_the_new_primary_waits_for_a_quorum_and_proposes_again_what_has_prepared() {
    let mut node = accepting();
    node.receive(N3, prepare(N3, 0, 1, &[1]));
    node.fire(Timer::Patience);
    assert_eq!(node.receive(N3, view_change(N3, 1)).count("new-view"), 0);
    let done = node.receive(N4, view_change(N4, 1));
    assert_eq!(done.count("new-view"), 3);
    let Some((_, Message::NewView(new))) = done.sent.first() else { panic!("{:?}", done.lines()) };
    assert_eq!(*new.body().proposals[0].body(), vote(Phase::PrePrepare, 1, 1, &[1]));
    assert!(node.machine.is_active() && node.machine.is_primary());
}

#[test]
fn section_4_4_null_requests_fill_gaps() {
    let mut cluster = cluster_of(&plain(4));
    (1..=2).for_each(|value| cluster.ask_all(&[N1], value));
    // Nothing about the first number arrives.
    cluster.deliver_if(|_, _, message| !format!("{message}").contains("at 1 in view 0"));
    cluster.ask_all(&[N2, N3, N4], 3);
    [N2, N3, N4].iter().for_each(|&node| cluster.fire(node, Timer::Patience));
    cluster.deliver_among(&[N2, N3, N4]);
    let entered = cluster.story.iter().find(|line| line.contains("enters view 1")).expect("view 1 begins");
    assert!(entered.contains("up to 2 are proposed again: 1 prepared, 1 null"), "{entered}");
    assert_eq!(cluster.executed()[1..], [3, 3, 3]);
    assert_eq!(cluster.violated(), [""; 0]);
}

#[test]
fn section_4_4_a_new_view_must_follow_from_its_view_changes() {
    let good = NewView { view: View(1), changes: changes(1, &[N1, N2, N3]), proposals: Vec::new() };
    let null = signed(N2, vote(Phase::PrePrepare, 1, 1, &[]));
    let bad = [
        NewView { changes: changes(1, &[N1, N2]), ..good.clone() },
        NewView { changes: changes(1, &[N1, N1, N2]), ..good.clone() },
        NewView { changes: changes(2, &[N1, N2, N3]), ..good.clone() },
        NewView { proposals: vec![null], ..good.clone() },
    ];
    for new in bad {
        let mut node = Node::new(&plain(4), N3);
        let done = node.receive(N2, Message::NewView(signed(N2, new)));
        assert_eq!((done.announced("refused"), node.machine.view()), (1, View(0)));
    }
    let mut node = Node::new(&plain(4), N3);
    assert_eq!(node.receive(N4, Message::NewView(signed(N4, good.clone()))).events.len(), 0, "not its turn");
    let done = node.receive(N2, Message::NewView(signed(N2, good)));
    assert_eq!((done.announced("entered"), node.machine.view()), (1, View(1)));
}

#[test]
fn section_4_4_a_view_change_needs_the_proof_of_its_checkpoint_and_of_what_prepared() {
    let config = plain(4);
    let claim = Stable { sequence: Sequence(4), votes: Vec::new() };
    assert!(!ViewChange { stable: claim, ..plain_change(1) }.holds(&config));
    let proposal = signed(N1, vote(Phase::PrePrepare, 0, 1, &[1]));
    let prepare = |by| signed(by, vote(Phase::Prepare, 0, 1, &[1]));
    let holds = |prepares: Vec<_>| {
        let prepared = vec![quarrel_pbft::certificate::Prepared { proposal, prepares }];
        ViewChange { prepared, ..plain_change(1) }.holds(&config)
    };
    assert!(holds(vec![prepare(N2), prepare(N3)]));
    assert!(!holds(vec![prepare(N2)]));
    assert!(!holds(vec![prepare(N2), prepare(N2)]), "of different backups");
    assert!(!holds(vec![prepare(N1), prepare(N2)]), "the primary is none");
    assert!(!holds(vec![prepare(N2), signed(N3, vote(Phase::Prepare, 0, 1, &[2]))]), "that match");
}

#[test]
fn section_4_4_what_overtakes_the_new_view_waits_for_it() {
    let mut node = Node::new(&plain(4), N3);
    node.step(request(1));
    node.fire(Timer::Patience);
    let early = node.receive(N2, pre_prepare(N2, 1, 1, &[1]));
    assert_eq!(early.count("prepare"), 0, "no message of a view that has not begun");
    let new = NewView { view: View(1), changes: changes(1, &[N1, N2, N4]), proposals: Vec::new() };
    let done = node.receive(N2, Message::NewView(signed(N2, new)));
    assert_eq!(done.count("prepare"), 3, "{:?}", done.lines());
    // What somebody says of views to come takes no room from others, and a flood of it is cut off.
    for sequence in 1..=1000 {
        node.receive(N4, prepare(N4, 9, sequence, &[1]));
    }
    let later = node.receive(N2, pre_prepare(N2, 1, 2, &[2]));
    assert_eq!(later.count("prepare"), 3);
}

#[test]
fn section_4_5_2_f_plus_1_view_changes_are_joined_at_the_smallest_view() {
    let mut node = Node::new(&plain(4), N3);
    assert_eq!(node.receive(N1, view_change(N1, 5)).events.len(), 0);
    let done = node.receive(N4, view_change(N4, 3));
    assert_eq!((done.count("view-change"), node.machine.view()), (3, View(3)));
}

#[test]
fn section_4_5_2_the_timer_of_a_view_runs_when_a_quorum_is_on_its_way_and_doubles() {
    let mut node = Node::new(&plain(4), N3);
    node.step(request(1));
    let done = node.fire(Timer::Patience);
    assert!(!done.set.contains(&Timer::Patience), "it waits for others first");
    node.receive(N1, view_change(N1, 1));
    assert!(node.receive(N4, view_change(N4, 1)).set.contains(&Timer::Patience));
    let done = node.fire(Timer::Patience);
    let failures = done.events.iter().find_map(|event| match event {
        Event::GaveUp { failures, view: View(2), .. } => Some(*failures),
        _ => None,
    });
    assert_eq!(failures, Some(2));
}

#[test]
fn a_replica_that_crashes_with_its_disk_is_where_it_was() {
    let mut node = accepting();
    node.receive(N3, prepare(N3, 0, 1, &[1]));
    let before: Vec<_> = node.machine.prepared().collect();
    node.restart();
    assert_eq!(node.machine.prepared().collect::<Vec<_>>(), before);
    let done = node.receive(N1, pre_prepare(N1, 0, 1, &[2]));
    assert_eq!(done.announced("accepted"), 0, "it has not forgotten what it accepted");
    node.step(request(1));
    node.fire(Timer::Patience);
    node.restart();
    assert_eq!((node.machine.view(), node.machine.is_active()), (View(1), false));
}

#[test]
fn a_batch_that_a_new_view_names_by_digest_is_fetched() {
    let mut cluster = cluster_of(&plain(4));
    cluster.ask_all(&[N1, N2, N3, N4], 1);
    // n4 hears nothing of the number that n2 and n3 have prepared.
    cluster.deliver_if(|_, to, message| to != N4 && message.kind_name() != "commit");
    [N2, N3, N4].iter().for_each(|&node| cluster.fire(node, Timer::Patience));
    cluster.deliver_among(&[N2, N3, N4]);
    assert!(cluster.story.iter().any(|line| line.contains("n4 has fetched the batch of 1")));
    assert_eq!(cluster.executed()[1..], [1, 1, 1]);
}

/// Found by chaos: three replicas, two of which had taken the state over and cast no vote, could convince nobody.
#[test]
fn the_proof_of_a_stable_checkpoint_can_be_had_from_one_replica() {
    let mut cluster = cluster_of(&plain(4));
    for value in 1..=4 {
        cluster.ask_all(&ALL, value);
        cluster.deliver_if(|_, to, message| to != N4 || message.kind_name() != "checkpoint");
    }
    assert_eq!(cluster.nodes[3].machine.low(), Sequence(0));
    for _ in 0..3 {
        cluster.fire(N4, Timer::Status);
        cluster.deliver_among(&[N1, N4]);
    }
    assert_eq!(cluster.nodes[3].machine.low(), Sequence(4));
}

/// Found by chaos: a primary that crashed right after it had written its new view down assigned numbers again that are
/// before the checkpoint that the view begins after.
#[test]
fn a_new_view_on_disk_raises_the_low_water_mark() {
    let mut cluster = cluster_of(&plain(4));
    for value in 1..=4 {
        cluster.ask_all(&ALL, value);
        // For n2 the checkpoint is not stable.
        cluster.deliver_if(|_, to, message| to != N2 || message.kind_name() != "checkpoint");
    }
    cluster.ask_all(&[N2, N3, N4], 5);
    lose_patience(&mut cluster);
    let node = &mut cluster.nodes[1];
    let entry = node.disk.iter().position(|record| matches!(record, Record::NewView(_)));
    let new = node.disk[entry.expect("view 1 is on disk")].clone();
    node.disk = vec![new];
    node.restart();
    assert_eq!((node.machine.view(), node.machine.low()), (View(1), Sequence(4)));
}

fn lose_patience(cluster: &mut Cluster) {
    [N2, N3, N4].iter().for_each(|&node| cluster.fire(node, Timer::Patience));
    cluster.deliver_among(&[N2, N3, N4]);
}

#[test]
fn a_client_needs_f_plus_1_replies() {
    assert_eq!([1, 4, 7].map(|nodes| Config::new(nodes).replies_needed()), [1, 2, 3]);
    assert_eq!(Pbft::view(&backup().machine), View(0));
}

/// Castro's thesis, section 5.2. Those who are ahead have said so, and it did not arrive: nobody else would say it again.
#[test]
fn thesis_5_2_who_is_behind_and_does_not_know_is_told() {
    let mut cluster = cluster_of(&plain(4));
    cluster.ask_all(&[N1], 1);
    cluster.deliver_among(&[N1, N2, N3]);
    assert_eq!(cluster.executed(), [1, 1, 1, 0]);
    let behind = Status {
        view: View(0),
        is_active: true,
        stable: Sequence(0),
        executed: Sequence(0),
        accepted: 0,
        prepared: 0,
        asks: false,
        wanted: Vec::new(),
    };
    let node = &mut cluster.nodes[0];
    let told =
        |done: Done| done.sent.iter().filter(|(to, it)| *to == N4 && it.kind_name() == "status").count();
    assert_eq!(told(node.receive(N4, Message::Status(behind.clone()))), 0, "it will say so soon");
    node.fire(Timer::Status);
    assert_eq!(told(node.receive(N4, Message::Status(behind.clone()))), 1);
    let elsewhere = Status { view: View(1), is_active: false, ..behind };
    assert_eq!(told(node.receive(N4, Message::Status(elsewhere))), 0, "it would answer");
}

/// Section 2: a replica that forgets is a faulty one. What it assigns again binds nobody but those who accepted it.
#[test]
fn section_2_who_has_forgotten_is_no_correct_primary_any_more() {
    let accepted = |digest| Event::Accepted { view: View(0), sequence: Sequence(1), digest, requests: 1 };
    for (forgets, broken) in [(true, 0), (false, 1)] {
        let mut monitor = <Invariants as Monitor<Pbft>>::new(&plain(4), 4);
        let mut report = Report::new(<Invariants as Monitor<Pbft>>::properties(), Invariants::cells());
        monitor.on_announce(N1, &accepted(Digest::of(&batch(&[1]))), &mut report);
        if forgets {
            Monitor::<Pbft>::on_disowned(&mut monitor, N1);
        }
        monitor.on_announce(N2, &accepted(Digest::of(&batch(&[2]))), &mut report);
        assert_eq!(report.violations().len(), broken, "{:?}", report.violations());
        // A correct backup is bound by what it has accepted itself.
        monitor.on_announce(N2, &accepted(Digest::of(&batch(&[1]))), &mut report);
        assert_eq!(report.violations()[0].property, "one-value-accepted");
    }
}
