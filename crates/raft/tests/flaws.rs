//! Each flaw breaks the property that the catalogue names, in the smallest story that shows it; the same story without
//! the flaw breaks nothing.

use crate::common::*;
use quarrel_protocol::{After, Input, NodeId};
use quarrel_raft::{Config, FlawSet, Index, RaftFlaw, Timer};

#[test]
fn vote_not_persisted() {
    check(RaftFlaw::VoteNotPersisted, &with_nodes(3), |cluster| {
        // n1 and n3 campaign in term 1; n2 votes for both, with a restart between.
        cluster.fire(N1, Timer::Election);
        let asked_by_n3 = {
            cluster.fire(N3, Timer::Election);
            cluster.network.iter().position(|&(from, to, _)| (from, to) == (N3, N2)).unwrap()
        };
        let late = cluster.network.remove(asked_by_n3);
        cluster.network.retain(|&(from, to, _)| (from, to) == (N1, N2));
        cluster.deliver_among(&[N1, N2]);
        cluster.restart(N2);
        cluster.network.push(late);
        cluster.deliver_among(&[N2, N3]);
    });
}

#[test]
fn commit_old_term_is_figure_8() {
    check(RaftFlaw::CommitOldTerm, &with_nodes(5), |cluster| {
        // (a) n1 leads and replicates index 1 to n2 only.
        cluster.campaign(N1, &[N2, N3]);
        cluster.ask(N1, 1);
        cluster.deliver_among(&[N1, N2]);
        // (b) n1 crashes; n5 leads with the votes of n3 and n4 and takes another entry at index 1.
        cluster.restart(N1);
        cluster.campaign(N5, &[N3, N4]);
        cluster.campaign(N5, &[N3, N4]);
        cluster.ask(N5, 2);
        cluster.deliver_among(&[N5]);
        // (c) n5 crashes; n1 leads again and goes on replicating, to n3.
        cluster.restart(N5);
        cluster.campaign(N1, &[N2, N3]);
        cluster.campaign(N1, &[N2, N3]);
        cluster.campaign(N1, &[N2, N3]);
        cluster.fire(N1, Timer::Heartbeat);
        cluster.deliver_among(&[N1, N2, N3]);
        // (d) n1 crashes; n5 is elected by n3 and n4, whose last entries are of an earlier term.
        cluster.restart(N1);
        cluster.campaign(N5, &[N2, N3, N4]);
        cluster.campaign(N5, &[N2, N3, N4]);
        cluster.campaign(N5, &[N2, N3, N4]);
    });
}

#[test]
fn no_uptodate_check() {
    check(RaftFlaw::NoUpToDateCheck, &with_nodes(3), |cluster| {
        cluster.campaign(N1, &[N2]);
        cluster.ask(N1, 1);
        cluster.deliver_among(&[N1, N2]);
        // n3 has missed what n1 and n2 committed.
        cluster.campaign(N3, &[N2]);
        cluster.campaign(N3, &[N2]);
    });
}

#[test]
fn no_self_vote() {
    check(RaftFlaw::NoSelfVote, &with_nodes(3), |cluster| {
        // n1 and n2 campaign in term 1, and each is asked for its vote by the other.
        cluster.fire(N1, Timer::Election);
        cluster.fire(N2, Timer::Election);
        cluster.deliver_among(&[N1, N2]);
    });
}

#[test]
fn stale_vote_response() {
    check(RaftFlaw::StaleVoteResponse, &with_nodes(3), |cluster| {
        // n2 votes for n1 in term 1; that comes late.
        cluster.fire(N1, Timer::Election);
        let (from, to, request) = cluster.network.remove(0);
        cluster.run(to, Input::Message { from, message: request });
        let (from, to, late) = cluster.network.pop().unwrap();
        assert_eq!((from, to), (N2, N1));
        // n1 tries again, unheard, and n3 wins that term.
        cluster.campaign(N1, &[]);
        cluster.campaign(N3, &[]);
        cluster.campaign(N3, &[N2]);
        cluster.run(N1, Input::Message { from, message: late });
    });
}

#[test]
fn uptodate_wrong_order() {
    check(RaftFlaw::UpToDateWrongOrder, &with_nodes(3), |cluster| {
        // n1 has three entries of term 1 for itself.
        cluster.campaign(N1, &[N2, N3]);
        (1..=3).for_each(|value| cluster.ask(N1, value));
        cluster.network.clear();
        // n2 and n3 commit one of term 2.
        cluster.campaign(N2, &[N3]);
        cluster.ask(N2, 4);
        cluster.deliver_among(&[N2, N3]);
        cluster.restart(N1);
        cluster.campaign(N1, &[N3]);
        cluster.campaign(N1, &[N3]);
    });
}

#[test]
fn commit_nonmonotonic() {
    check(RaftFlaw::CommitNonmonotonic, &with_nodes(2), |cluster| {
        cluster.campaign(N1, &[N2]);
        cluster.ask(N1, 1);
        let (.., first) = cluster.network.last().unwrap().clone();
        cluster.deliver_among(&[N1, N2]);
        cluster.fire(N1, Timer::Heartbeat);
        cluster.deliver_among(&[N1, N2]);
        cluster.run(N2, Input::Message { from: N1, message: first });
    });
}

#[test]
fn match_nonmonotonic() {
    check(RaftFlaw::MatchNonmonotonic, &with_nodes(2), |cluster| {
        cluster.campaign(N1, &[N2]);
        cluster.ask(N1, 1);
        cluster.deliver_among(&[N1, N2]);
        cluster.ask(N1, 2);
        cluster.deliver_among(&[N1, N2]);
        cluster.run(N1, Input::Message { from: N2, message: matched(1, 1) });
    });
}

#[test]
fn dup_vote_counted() {
    check(RaftFlaw::DupVoteCounted, &with_nodes(4), |cluster| {
        // n1 and n3 campaign in term 1. n2 votes for n1, n4 for n3; each answer arrives twice.
        cluster.fire(N1, Timer::Election);
        cluster.fire(N3, Timer::Election);
        cluster.network.retain(|&(from, to, _)| [(N1, N2), (N3, N4)].contains(&(from, to)));
        for (from, to, message) in std::mem::take(&mut cluster.network) {
            cluster.run(to, Input::Message { from, message });
        }
        let answers = std::mem::take(&mut cluster.network);
        for (from, to, message) in answers.iter().chain(&answers).cloned() {
            cluster.run(to, Input::Message { from, message });
        }
    });
}

#[test]
fn unconditional_truncate() {
    check(RaftFlaw::UnconditionalTruncate, &with_nodes(3), |cluster| {
        cluster.campaign(N1, &[N2]);
        cluster.ask(N1, 1);
        let (.., first) = cluster.network.iter().find(|&&(_, to, _)| to == N2).unwrap().clone();
        cluster.deliver_among(&[N1, N2]);
        cluster.ask(N1, 2);
        cluster.deliver_among(&[N1, N2]);
        // A copy of the first append arrives late, and undoes the second.
        cluster.run(N2, Input::Message { from: N1, message: first });
        cluster.network.clear();
        cluster.campaign(N2, &[N3]);
    });
}

#[test]
fn commit_beyond_match() {
    check(RaftFlaw::CommitBeyondMatch, &with_nodes(3), |cluster| {
        cluster.campaign(N1, &[N2, N3]);
        cluster.ask(N1, 1);
        cluster.deliver_among(&[N1, N2, N3]);
        // n1 alone holds a second entry; n2 commits another one there.
        cluster.ask(N1, 2);
        cluster.network.clear();
        cluster.campaign(N2, &[N3]);
        cluster.ask(N2, 3);
        cluster.deliver_among(&[N2, N3]);
        // The heartbeat follows what n1 and n2 share, and carries no entries.
        cluster.fire(N2, Timer::Heartbeat);
        cluster.deliver_among(&[N1, N2]);
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
    check_that(RaftFlaw::ReadLocalLeader, &with_nodes(3), tell, |cluster| cluster.told() == told);
}

#[test]
fn ack_before_fsync() {
    check(RaftFlaw::AckBeforeFsync, &with_nodes(3), |cluster| {
        cluster.campaign(N1, &[N2]);
        cluster.ask(N1, 1);
        // n2 confirms the entry that its disk loses; n1 answers the client.
        cluster.deliver_and_lose_power(N2);
        cluster.deliver_among(&[N1, N2]);
        cluster.campaign(N3, &[N2]);
        cluster.campaign(N3, &[N2]);
    });
}

#[test]
fn ack_before_fsync_lets_a_leader_count_itself_too_early() {
    let order = |config: &Config| {
        let mut node = Node::new(config, N1);
        node.lead(&[N2]);
        node.step(request(1)).order
    };
    let flaws = FlawSet::only(RaftFlaw::AckBeforeFsync);
    assert_eq!(order(&with_nodes(3)), ["persist", "announce", "send"]);
    assert_eq!(order(&Config { flaws, ..with_nodes(3) }), ["persist", "announce", "send-unsynced"]);
}

#[test]
fn stop_commit_scan() {
    let tell = |cluster: &mut Cluster| {
        cluster.campaign(N1, &[N2, N3]);
        cluster.ask(N1, 1);
        // n2 and n3 hold the entry, and nobody knows that it is committed.
        for (from, to, message) in std::mem::take(&mut cluster.network) {
            cluster.run(to, Input::Message { from, message });
        }
        cluster.network.clear();
        cluster.campaign(N2, &[N3]);
        for value in 2..9 {
            cluster.ask(N2, value);
            cluster.deliver_among(&[N1, N2, N3]);
            cluster.fire(N2, Timer::Heartbeat);
            cluster.deliver_among(&[N1, N2, N3]);
        }
    };
    check_that(RaftFlaw::StopCommitScan, &with_nodes(3), tell, |cluster| {
        let leader = &cluster.nodes[1];
        assert_eq!(leader.machine.log().last_index(), Index(8), "everything is replicated");
        leader.machine.commit() == Index(0)
    });
}

/// Each node whose time has come campaigns before it hears anything; then everything arrives.
#[test]
fn identical_timeouts() {
    let tell = |cluster: &mut Cluster| {
        let mut due = [0; 3];
        for _ in 0..50 {
            let now = *due.iter().min().unwrap();
            for node in NodeId::all(3).filter(|node| due[node.index()] == now) {
                cluster.fire(node, Timer::Election);
            }
            cluster.deliver_among(&[N1, N2, N3]);
            // Where a range has several points, each node draws another one.
            for (position, node) in cluster.nodes.iter_mut().enumerate() {
                match node.take_out(&Timer::Election) {
                    Some(After { min_ns, max_ns }) => {
                        due[position] = now + min_ns + (max_ns - min_ns) / 3 * position as u64;
                    }
                    // It has fired, and was not set again.
                    None if due[position] == now => due[position] = u64::MAX,
                    None => {}
                }
            }
        }
    };
    check_that(RaftFlaw::IdenticalTimeouts, &with_nodes(3), tell, |cluster| {
        cluster.nodes.iter().all(|node| node.machine.leader().is_none() && node.machine.term().0 == 50)
    });
}

#[test]
fn forget_sessions() {
    let tell = |cluster: &mut Cluster| {
        cluster.fire(N1, Timer::Election);
        cluster.ask(N1, 1);
        cluster.call(N1, C2, 2, read());
        cluster.call(N1, C2, 3, write(3));
        // The first client has not heard its answer.
        cluster.ask(N1, 1);
        cluster.call(N1, C2, 4, read());
    };
    let harm = |cluster: &Cluster| {
        let seen: Vec<_> = cluster.told().into_iter().filter(|(_, id, _)| [2, 4].contains(id)).collect();
        seen == [(N1, 2, found(2, Some(1))), (N1, 4, found(5, Some(1)))]
    };
    check_that(RaftFlaw::ForgetSessions, &with_nodes(1), tell, harm);
}

/// The replica of a follower lags behind what it has applied; that must not undo what a flaw has done.
#[test]
fn what_a_flaw_has_applied_has_had_its_effect() {
    let flaws = FlawSet::only(RaftFlaw::CommitBeyondMatch);
    let mut node = Node::new(&Config { flaws, ..with_nodes(3) }, N1);
    node.lead(&[N2]);
    node.ask(1);
    // A heartbeat that follows nothing makes it commit its own entry, which the next append replaces.
    assert_eq!(node.receive(N2, append(2, (0, 0), &[], 1)).applied(), [1]);
    node.receive(N2, append(2, (0, 0), &[2], 1));
    assert_eq!(node.terms(), [2]);
    node.lead(&[N3]);
    node.run(call(C2, 2, read()));
    assert_eq!(node.receive(N2, matched(3, 2)).told(), [found(2, Some(1))]);
}
