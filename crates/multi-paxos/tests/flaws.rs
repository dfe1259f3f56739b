//! Each flaw breaks the property that the catalogue names, in the smallest story that shows it; the same story without
//! the flaw breaks nothing.

use crate::common::*;
use quarrel_multi_paxos::{Config, FLAWS, FlawSet, Message, MultiPaxosFlaw, Timer};
use quarrel_protocol::{Input, NodeId};

/// Tells the story with and without the flaw, which must break the property it names.
fn check(flaw: MultiPaxosFlaw, config: &Config, tell: impl Fn(&mut Cluster)) {
    let breaks = FLAWS[flaw as usize].breaks;
    check_that(flaw, config, tell, |cluster| cluster.violated().contains(&breaks));
}

/// Tells the story with and without the flaw, which must do `harm`: for what only the clients' oracle can judge.
fn check_that(
    flaw: MultiPaxosFlaw,
    config: &Config,
    tell: impl Fn(&mut Cluster),
    harm: impl Fn(&Cluster) -> bool,
) {
    let known = FLAWS[flaw as usize];
    assert!(config.nodes >= known.nodes_min);
    let flawed = Config { flaws: FlawSet::only(flaw), ..config.clone() };
    Cluster::tell_both(known.name, [cluster_of(config), cluster_of(&flawed)], tell, harm);
}

/// One slot in a message, no snapshots.
fn single(nodes: u8) -> Config {
    Config { slots_per_message: 1, ..plain(nodes) }
}

/// A command that only these accept; nobody else hears of it, and the leader hears of nothing.
fn ask_in_vain(cluster: &mut Cluster, leader: NodeId, value: u64, acceptors: &[NodeId]) {
    cluster.ask(leader, value);
    let links: Vec<_> = acceptors.iter().map(|&acceptor| (leader, acceptor)).collect();
    cluster.deliver_once(&links);
    cluster.network.clear();
}

#[test]
fn gap_noop_overwrites() {
    check(MultiPaxosFlaw::GapNoopOverwrites, &single(3), |cluster| {
        cluster.campaign(N1, &[N2, N3]);
        // Slot 1 is chosen by n1 and n2; n3 misses it, and accepts slot 2.
        cluster.ask(N1, 1);
        cluster.deliver_among(&[N1, N2]);
        cluster.ask(N1, 2);
        cluster.deliver_once(&[(N1, N3)]);
        // n3 leads with the help of n2, which reports slot 1.
        cluster.campaign(N3, &[N2]);
    });
}

#[test]
fn execute_out_of_order() {
    check(MultiPaxosFlaw::ExecuteOutOfOrder, &single(3), |cluster| {
        cluster.campaign(N1, &[N2, N3]);
        cluster.ask(N1, 1);
        cluster.deliver_among(&[N1, N2]);
        cluster.ask(N1, 2);
        cluster.deliver_among(&[N1, N2, N3]);
        cluster.fire(N1, Timer::Heartbeat);
        cluster.deliver_among(&[N1, N2, N3]);
    });
}

#[test]
fn recovery_takes_first() {
    check(MultiPaxosFlaw::RecoveryTakesFirst, &single(5), |cluster| {
        // v1 is accepted by n1 alone, in the first ballot.
        cluster.campaign(N1, &[N2, N3]);
        ask_in_vain(cluster, N1, 1, &[]);
        // n5 does not know of it; v2 is chosen by n3, n4 and n5.
        cluster.campaign(N5, &[N3, N4]);
        cluster.ask(N5, 2);
        cluster.deliver_among(&[N3, N4, N5]);
        // n2 hears of v1 first, from n1, and then of v2, from n3.
        cluster.restart(N1);
        cluster.campaign(N2, &[N1, N3]);
    });
}

#[test]
fn trimmed_as_empty() {
    let config = Config { snapshot_every: 2, slots_kept: 0, ..single(3) };
    check(MultiPaxosFlaw::TrimmedAsEmpty, &config, |cluster| {
        cluster.campaign(N1, &[N2]);
        for value in 1..=2 {
            cluster.ask(N1, value);
            cluster.deliver_among(&[N1, N2]);
        }
        cluster.ask(N1, 3);
        cluster.deliver_among(&[N1, N2]);
        // n3 has heard nothing of all this, and n2 holds slots 1 and 2 in a snapshot only.
        cluster.campaign(N3, &[N2]);
        // Had it learned them, it would have asked for them.
        cluster.deliver_among(&[N2, N3]);
        cluster.fire(N3, Timer::Heartbeat);
        cluster.fire(N3, Timer::Heartbeat);
        cluster.deliver_among(&[N1, N2, N3]);
    });
}

#[test]
fn no_accept_check() {
    check(MultiPaxosFlaw::NoAcceptCheck, &single(3), |cluster| {
        cluster.campaign(N1, &[N2]);
        cluster.campaign(N3, &[N2]);
        cluster.ask(N3, 2);
        cluster.deliver_among(&[N2, N3]);
        // n1 does not know that it was replaced.
        cluster.ask(N1, 1);
        cluster.deliver_among(&[N1, N2]);
    });
}

#[test]
fn ack_any_ballot() {
    check(MultiPaxosFlaw::AckAnyBallot, &single(3), |cluster| {
        cluster.campaign(N1, &[N2]);
        // n2 accepts v1; n1's own disk loses it.
        cluster.ask_and_lose_power(N1, 1);
        cluster.deliver_once(&[(N1, N2)]);
        let late = cluster.hold_back(N2, N1);
        // n1 leads again, without n2: v3 is proposed in slot 1, and the acceptance of v1 arrives.
        cluster.campaign(N1, &[N3]);
        cluster.ask(N1, 3);
        cluster.network = late;
        cluster.deliver_among(&[N1, N2]);
    });
}

#[test]
fn promise_not_durable() {
    check(MultiPaxosFlaw::PromiseNotDurable, &single(3), |cluster| {
        cluster.campaign(N1, &[N2]);
        cluster.ask(N1, 1);
        let late = cluster.hold_back(N1, N2);
        cluster.network.clear();
        // n2 promises n3, and forgets it. Then n1's proposal arrives.
        cluster.fire(N2, Timer::Silence);
        cluster.fire(N3, Timer::Campaign);
        cluster.fire(N3, Timer::Campaign);
        cluster.deliver_among(&[N2, N3]);
        cluster.restart(N2);
        cluster.network = late;
        cluster.deliver_among(&[N1, N2]);
        cluster.ask(N3, 2);
        cluster.deliver_among(&[N2, N3]);
    });
}

#[test]
fn accepted_not_durable() {
    check(MultiPaxosFlaw::AcceptedNotDurable, &single(3), |cluster| {
        cluster.campaign(N1, &[N2]);
        cluster.ask(N1, 1);
        // n2 confirms a value that its disk loses.
        cluster.deliver_and_lose_power(N2);
        cluster.deliver_among(&[N1, N2]);
    });
}

#[test]
fn ballot_reuse_after_crash() {
    check(MultiPaxosFlaw::BallotReuseAfterCrash, &single(3), |cluster| {
        cluster.campaign(N1, &[N2]);
        // The leader's own disk loses what it has proposed, which is on its way all the same.
        cluster.ask_and_lose_power(N1, 1);
        let late = cluster.hold_back(N1, N3);
        cluster.network.clear();
        cluster.campaign(N1, &[N2]);
        cluster.ask(N1, 2);
        cluster.deliver_among(&[N1, N2]);
        cluster.network = late;
        cluster.deliver_among(&[N1, N3]);
    });
}

#[test]
fn commit_beyond_learned() {
    check(MultiPaxosFlaw::CommitBeyondLearned, &single(3), |cluster| {
        cluster.campaign(N1, &[N2]);
        // Only n1 accepts v1; n3 leads next, and v2 is chosen.
        ask_in_vain(cluster, N1, 1, &[]);
        cluster.campaign(N3, &[N2]);
        cluster.ask(N3, 2);
        cluster.deliver_among(&[N2, N3]);
        cluster.fire(N3, Timer::Heartbeat);
        cluster.deliver_among(&[N1, N3]);
    });
}

#[test]
fn rejoin_empty() {
    let config = Config { snapshot_every: 2, slots_kept: 0, chunk_bytes: 1000, ..single(3) };
    check(MultiPaxosFlaw::RejoinEmpty, &config, |cluster| {
        cluster.campaign(N1, &[N2, N3]);
        for value in 1..=2 {
            cluster.ask(N1, value);
            cluster.deliver_among(&[N1, N2]);
        }
        cluster.fire(N1, Timer::Heartbeat);
        cluster.deliver_among(&[N1, N2]);
        // Slot 3 is chosen by n1 and n3, which lacks the slots before. They are in n2's snapshot.
        cluster.ask(N1, 3);
        cluster.deliver_among(&[N1, N3]);
        cluster.fire(N3, Timer::CatchUp);
        cluster.deliver_among(&[N2, N3]);
        cluster.fire(N3, Timer::CatchUp);
        cluster.deliver_among(&[N2, N3]);
        assert_eq!(cluster.nodes[2].chosen(), 2);
        // n2 leads with the help of n3.
        cluster.campaign(N2, &[N3]);
        cluster.ask(N2, 4);
        cluster.deliver_among(&[N2, N3]);
    });
}

#[test]
fn trim_before_snapshot() {
    let config = Config { snapshot_every: 2, slots_kept: 0, ..single(3) };
    check(MultiPaxosFlaw::TrimBeforeSnapshot, &config, |cluster| {
        cluster.campaign(N1, &[N2]);
        for value in 1..=2 {
            cluster.ask(N1, value);
            cluster.deliver_among(&[N1, N2]);
        }
        // n2 hears that both are chosen, trims its log, and crashes before the snapshot is on its disk.
        cluster.fire(N1, Timer::Heartbeat);
        cluster.network.retain(|(_, to, _)| *to == N2);
        let (from, to, message) = cluster.network.remove(0);
        let before = cluster.nodes[1].disk.clone();
        let done = cluster.nodes[to.index()].step(Input::Message { from, message });
        // The last write of that step is lost, and so is all that it would have led to.
        let is_trimmed_first = done.order.contains(&"compact");
        if is_trimmed_first {
            cluster.nodes[1].disk.pop();
        } else {
            cluster.nodes[1].disk = before;
        }
        cluster.restart(N2);
        cluster.campaign(N3, &[N2]);
        cluster.ask(N3, 9);
        cluster.deliver_among(&[N2, N3]);
    });
}

#[test]
fn snapshot_label_mismatch() {
    let config = Config { snapshot_every: 2, slots_kept: 0, ..plain(3) };
    check(MultiPaxosFlaw::SnapshotLabelMismatch, &config, |cluster| {
        cluster.campaign(N1, &[N2]);
        // Three slots are applied at once.
        (1..=3).for_each(|value| cluster.ask(N1, value));
        cluster.deliver_once(&[(N1, N2)]);
        cluster.network.reverse();
        cluster.deliver_among(&[N1, N2]);
        cluster.restart(N1);
    });
}

#[test]
fn snapshot_without_sessions() {
    let config = Config { snapshot_every: 2, slots_kept: 0, ..single(3) };
    check(MultiPaxosFlaw::SnapshotWithoutSessions, &config, |cluster| {
        cluster.campaign(N1, &[N2]);
        for value in 1..=2 {
            cluster.ask(N1, value);
            cluster.deliver_among(&[N1, N2]);
        }
        cluster.restart(N1);
    });
}

#[test]
fn forget_sessions() {
    let tell = |cluster: &mut Cluster| {
        cluster.campaign(N1, &[N2, N3]);
        cluster.ask(N1, 1);
        cluster.deliver_among(&[N1, N2, N3]);
        cluster.call(N1, C2, 2, write(2));
        cluster.deliver_among(&[N1, N2, N3]);
        // The first client has not heard its answer, and asks again: the second one's write is gone.
        cluster.ask(N1, 1);
        cluster.deliver_among(&[N1, N2, N3]);
        cluster.call(N1, C2, 3, read());
        cluster.deliver_among(&[N1, N2, N3]);
    };
    check_that(MultiPaxosFlaw::ForgetSessions, &single(3), tell, |cluster| {
        cluster.told().last() == Some(&(N1, 3, found(4, Some(1))))
    });
}

#[test]
fn read_local_leader() {
    let tell = |cluster: &mut Cluster| {
        cluster.campaign(N1, &[N2, N3]);
        cluster.ask(N1, 1);
        cluster.deliver_among(&[N1, N2, N3]);
        // n1 is cut off and does not know that it was replaced.
        cluster.campaign(N2, &[N3]);
        cluster.ask(N2, 2);
        cluster.deliver_among(&[N2, N3]);
        cluster.call(N1, C2, 3, read());
        cluster.deliver_among(&[N1]);
    };
    let told = [(N1, 1, written(1)), (N2, 2, written(2)), (N1, 3, found(1, Some(1)))];
    check_that(MultiPaxosFlaw::ReadLocalLeader, &single(3), tell, |cluster| cluster.told() == told);
}

#[test]
fn deaf_leader_stays() {
    let tell = |cluster: &mut Cluster| {
        cluster.campaign(N1, &[N2, N3]);
        for _ in 0..20 {
            // n1 is heard, and hears nothing.
            cluster.fire(N1, Timer::Heartbeat);
            for (from, to, message) in std::mem::take(&mut cluster.network) {
                if to != N1 {
                    cluster.run(to, Input::Message { from, message });
                }
            }
            cluster.network.clear();
        }
    };
    let stays = |cluster: &Cluster| cluster.nodes[0].machine.is_leader();
    check_that(MultiPaxosFlaw::DeafLeaderStays, &single(3), tell, stays);
    let mut flawed =
        cluster_of(&Config { flaws: FlawSet::only(MultiPaxosFlaw::DeafLeaderStays), ..single(3) });
    tell(&mut flawed);
    // And nobody may replace it.
    flawed.fire(N3, Timer::Campaign);
    assert!(!flawed.network.iter().any(|(_, _, message)| matches!(message, Message::Prepare(_))));
}
