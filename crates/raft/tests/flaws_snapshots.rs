//! Each flaw of snapshots breaks the property that the catalogue names, in the smallest story that shows it; the same
//! story without the flaw breaks nothing.

use crate::common::*;
use quarrel_protocol::Input;
use quarrel_raft::config::Changes;
use quarrel_raft::{Config, Message, Order, RaftFlaw, Timer};

fn every(snapshot_every: u32, nodes: u8) -> Config {
    Config { snapshot_every, ..with_nodes(nodes) }
}

#[test]
fn snap_keeps_conflict_suffix() {
    check(RaftFlaw::SnapKeepsConflictSuffix, &every(2, 3), |cluster| {
        cluster.campaign(N1, &[N2, N3]);
        cluster.ask(N1, 1);
        cluster.deliver_among(&[N1, N2, N3]);
        // n1 alone holds 2 to 6 of term 1; n2 and n3 commit others at 2 to 4, and take snapshots of them.
        (2..=6).for_each(|value| cluster.ask(N1, value));
        cluster.network.clear();
        cluster.campaign(N2, &[N3]);
        for value in 7..=9 {
            cluster.ask(N2, value);
            cluster.deliver_among(&[N2, N3]);
        }
        cluster.fire(N2, Timer::Heartbeat);
        cluster.deliver_among(&[N1, N2]);
    });
}

#[test]
fn snap_drops_newer_log() {
    check(RaftFlaw::SnapDropsNewerLog, &every(4, 3), |cluster| {
        // n2 misses four entries, and is sent a snapshot of them; a copy is held up.
        cluster.campaign(N1, &[N2, N3]);
        for value in 1..=4 {
            cluster.ask(N1, value);
            cluster.deliver_among(&[N1, N3]);
        }
        let mut late = None;
        for _ in 0..2 {
            cluster.fire(N1, Timer::Heartbeat);
            while !cluster.network.is_empty() {
                let (from, to, message) = cluster.network.remove(0);
                if matches!(message, Message::InstallSnapshot(_)) {
                    late = Some(message.clone());
                }
                cluster.run(to, Input::Message { from, message });
            }
        }
        // n1 and n2 commit one more, which n3 does not hold.
        cluster.ask(N1, 5);
        cluster.deliver_among(&[N1, N2]);
        cluster.run(N2, Input::Message { from: N1, message: late.expect("a snapshot was sent") });
        cluster.network.clear();
        cluster.campaign(N3, &[N2]);
    });
}

#[test]
fn append_after_compaction() {
    check(RaftFlaw::AppendAfterCompaction, &every(1, 2), |cluster| {
        cluster.campaign(N1, &[N2]);
        cluster.ask(N1, 1);
        let (.., first) = cluster.network.last().unwrap().clone();
        cluster.deliver_among(&[N1, N2]);
        cluster.fire(N1, Timer::Heartbeat);
        cluster.deliver_among(&[N1, N2]);
        // n2 has dropped the entry in favour of a snapshot, and is sent it again.
        cluster.run(N2, Input::Message { from: N1, message: first });
        cluster.ask(N1, 2);
        cluster.deliver_among(&[N1, N2]);
    });
}

#[test]
fn snap_label_mismatch() {
    check(RaftFlaw::SnapLabelMismatch, &every(2, 1), |cluster| {
        cluster.fire(N1, Timer::Election);
        cluster.ask(N1, 1);
        cluster.ask(N1, 2);
        cluster.restart(N1);
    });
}

fn with_members(snapshot_every: u32) -> Config {
    Config { changes: Changes::Single, noop_on_election: true, ..every(snapshot_every, 3) }
}

#[test]
fn snap_has_uncommitted_config() {
    check(RaftFlaw::SnapHasUncommittedConfig, &with_members(2), |cluster| {
        cluster.campaign(N1, &[N2, N3]);
        cluster.ask(N1, 1);
        // n1 appends a configuration, and then learns that the entry before it is committed.
        cluster.run(N1, Input::Admin(Order::Remove(N3)));
        cluster.deliver_among(&[N1, N2, N3]);
    });
}

#[test]
fn snap_stale_membership() {
    check(RaftFlaw::SnapStaleMembership, &with_members(2), |cluster| {
        cluster.campaign(N1, &[N2, N3]);
        cluster.deliver_among(&[N1, N2, N3]);
        // n1 sends n3 away, and nobody hears of it; n2 and n3 go on, with snapshots.
        cluster.run(N1, Input::Admin(Order::Remove(N3)));
        cluster.network.clear();
        cluster.fire(N3, Timer::Loyalty);
        cluster.campaign(N2, &[N3]);
        for value in 1..=3 {
            cluster.ask(N2, value);
            cluster.deliver_among(&[N2, N3]);
        }
        for _ in 0..2 {
            cluster.fire(N2, Timer::Heartbeat);
            cluster.deliver_among(&[N1, N2, N3]);
        }
    });
}
