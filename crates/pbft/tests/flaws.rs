//! Each flaw breaks the property that the catalogue names, in the smallest story that shows it; the same story without
//! the flaw breaks nothing.

use quarrel_pbft::certificate::{Stable, State};
use quarrel_pbft::{Config, FLAWS, FlawSet, Invariants, Message, Pbft, PbftFlaw, Sequence, Timer};
use quarrel_protocol::{Ending, Kinded, Monitor, NodeId, NodeSet, Report, RequestId};
use quarrel_spec::image::Image;
use quarrel_spec::machine::{Kind, Machine};
use quarrel_spec::replicated_log::Reply;
use quarrel_spec::session::{Memory, Replica};

use crate::common::*;

const ALL_FOUR: [NodeId; 4] = [N1, N2, N3, N4];

/// Tells the story with and without the flaw, which must break the property it names.
fn check(flaw: PbftFlaw, config: &Config, tell: impl Fn(&mut Cluster)) {
    let breaks = FLAWS[flaw as usize].breaks;
    check_that(flaw, config, tell, |cluster| cluster.violated().contains(&breaks));
}

/// Tells the story with and without the flaw, which must do `harm`: for what only time or clients can judge.
fn check_that(flaw: PbftFlaw, config: &Config, tell: impl Fn(&mut Cluster), harm: impl Fn(&Cluster) -> bool) {
    let known = FLAWS[flaw as usize];
    assert!(config.nodes >= known.nodes_min);
    let flawed = Config { flaws: FlawSet::only(flaw), ..config.clone() };
    Cluster::tell_both(known.name, [cluster_of(config), cluster_of(&flawed)], tell, harm);
}

/// n1, the first primary, is a traitor: it proposes v1 to these and v2 to those, and commits both.
fn equivocate(cluster: &mut Cluster, these: &[NodeId], those: &[NodeId]) {
    cluster.turn(N1, None);
    for (value, nodes) in [(1, these), (2, those)] {
        cluster.ask_all(&[], value);
        for &to in nodes {
            cluster.send(N1, to, pre_prepare(N1, 0, 1, &[value]));
            cluster.send(N1, to, commit(N1, 0, 1, &[value]));
        }
    }
}

/// v1 is proposed by n1, prepares everywhere, and commits at n1 alone, of whom nothing is heard any more. The others have
/// known of v2 for longer.
fn commit_at_n1_alone(cluster: &mut Cluster) {
    cluster.ask_all(&[N2, N3, N4], 2);
    cluster.ask_all(&[N1, N2, N3, N4], 1);
    cluster.deliver_if(|_, to, message| message.kind_name() != "commit" || to == N1);
    assert_eq!(cluster.executed(), [1, 0, 0, 0], "{}", cluster.story.join("\n"));
}

/// The patience of these ends; they talk among themselves.
fn lose_patience(cluster: &mut Cluster, nodes: &[NodeId]) {
    nodes.iter().for_each(|&node| cluster.fire(node, Timer::Patience));
    cluster.deliver_among(nodes);
}

/// These say how far they are, twice: who is where it was then, asks for what it misses.
fn catch_up(cluster: &mut Cluster, nodes: &[NodeId]) {
    for _ in 0..3 {
        nodes.iter().for_each(|&node| cluster.fire(node, Timer::Status));
        cluster.deliver_among(nodes);
    }
}

#[test]
fn quorum_2f() {
    check(PbftFlaw::Quorum2f, &plain(4), |cluster| {
        equivocate(cluster, &[N2], &[N3, N4]);
        cluster.deliver_all();
    });
}

#[test]
fn quorum_not_3f1() {
    check(PbftFlaw::QuorumNot3f1, &plain(5), |cluster| {
        equivocate(cluster, &[N2, N3], &[N4, N5]);
        cluster.deliver_all();
    });
}

#[test]
fn prepare_from_primary_counted() {
    check(PbftFlaw::PrepareFromPrimaryCounted, &plain(4), |cluster| {
        equivocate(cluster, &[N2], &[N3, N4]);
        cluster.send(N1, N2, prepare(N1, 0, 1, &[1]));
        cluster.deliver_all();
    });
}

#[test]
fn dup_votes() {
    check(PbftFlaw::DupVotes, &plain(4), |cluster| {
        // Nobody hears of n1's proposal but n4, which says twice that it is a good one.
        cluster.turn(N4, None);
        cluster.ask_all(&[N1], 1);
        cluster.network.clear();
        cluster.send(N4, N1, prepare(N4, 0, 1, &[1]));
        cluster.send(N4, N1, prepare(N4, 0, 1, &[1]));
        cluster.deliver_among(&[N1, N4]);
    });
}

#[test]
fn digest_not_checked() {
    check(PbftFlaw::DigestNotChecked, &plain(4), |cluster| {
        equivocate(cluster, &[N2], &[N3, N4]);
        cluster.deliver_all();
    });
}

#[test]
fn vc_drops_prepared() {
    check(PbftFlaw::VcDropsPrepared, &plain(4), |cluster| {
        commit_at_n1_alone(cluster);
        lose_patience(cluster, &[N2, N3, N4]);
    });
}

#[test]
fn vc_cert_not_validated() {
    check(PbftFlaw::VcCertNotValidated, &plain(4), |cluster| {
        commit_at_n1_alone(cluster);
        cluster.turn(N2, Some("lie-view-change"));
        // View 1 is n2's, and never begins. To view 2 n2 says that null requests prepared in view 1.
        [N2, N3, N4].iter().for_each(|&node| cluster.fire(node, Timer::Patience));
        cluster.deliver_if(|from, to, message| from != N1 && to != N1 && message.kind_name() != "new-view");
        lose_patience(cluster, &[N2, N3, N4]);
    });
}

#[test]
fn vc_lowest_view_cert() {
    check(PbftFlaw::VcLowestViewCert, &plain(4), |cluster| {
        cluster.ask_all(&[N2, N3, N4], 2);
        // In view 0 v1 prepares at n1 alone.
        cluster.ask_all(&[N1], 1);
        cluster.deliver_if(|_, to, message| match message.kind_name() {
            "pre-prepare" => to != N4,
            "prepare" => to == N1,
            _ => false,
        });
        // In view 1 v2 prepares at the others, and commits at n2.
        [N2, N3, N4].iter().for_each(|&node| cluster.fire(node, Timer::Patience));
        cluster.deliver_if(|from, to, message| {
            from != N1 && to != N1 && (message.kind_name() != "commit" || to == N2)
        });
        assert!(cluster.executed()[1] >= 1, "{}", cluster.story.join("\n"));
        // n2 is not heard when view 2 begins.
        [N3, N4].iter().for_each(|&node| cluster.fire(node, Timer::Patience));
        cluster.deliver_among(&[N1, N3, N4]);
    });
}

#[test]
fn newview_not_validated() {
    check(PbftFlaw::NewviewNotValidated, &plain(4), |cluster| {
        commit_at_n1_alone(cluster);
        cluster.turn(N2, Some("false-new-view"));
        lose_patience(cluster, &[N2, N3, N4]);
    });
}

#[test]
fn vc_s_vs_sprime() {
    let tell = |cluster: &mut Cluster| {
        for value in 1..=4 {
            cluster.ask_all(&[N1, N2, N3, N4], value);
            // Only for n2 the checkpoint is stable.
            cluster.deliver_if(|_, to, message| message.kind_name() != "checkpoint" || to == N2);
        }
        cluster.ask_all(&[N2, N3, N4], 5);
        lose_patience(cluster, &[N2, N3, N4]);
    };
    check_that(PbftFlaw::VcSVsSprime, &plain(4), tell, |cluster| !cluster.nodes[1].machine.is_active());
}

#[test]
fn watermark_drop() {
    let tell = |cluster: &mut Cluster| {
        for value in 1..=10 {
            cluster.ask_all(&[N1, N2, N3, N4], value);
            // n4 hears of no checkpoint: its high water mark stays at 8.
            cluster.deliver_if(|_, to, message| message.kind_name() != "checkpoint" || to != N4);
        }
        catch_up(cluster, &[N1, N2, N3, N4]);
    };
    check_that(PbftFlaw::WatermarkDrop, &plain(4), tell, |cluster| cluster.executed()[3] < 10);
}

#[test]
fn vc_no_timeout_doubling() {
    let wait = |flaws| Config { flaws, ..plain(4) }.patience_after(3);
    assert_eq!(wait(FlawSet::NONE), plain(4).patience.times(8));
    assert_eq!(wait(FlawSet::only(PbftFlaw::VcNoTimeoutDoubling)), plain(4).patience);
}

#[test]
fn amnesia_lock() {
    check(PbftFlaw::AmnesiaLock, &plain(4), |cluster| {
        commit_at_n1_alone(cluster);
        [N2, N3, N4].iter().for_each(|&node| cluster.restart(node));
        cluster.ask_all(&[N2, N3, N4], 2);
        lose_patience(cluster, &[N2, N3, N4]);
    });
}

#[test]
fn commits_of_any_view() {
    check(PbftFlaw::CommitsOfAnyView, &plain(4), |cluster| {
        cluster.ask_all(&[N1, N2, N3, N4], 1);
        // In view 0 v1 prepares at n2 and n3; n4 hears that it has.
        cluster.deliver_if(|_, to, message| match message.kind_name() {
            "pre-prepare" => true,
            "prepare" => to == N2 || to == N3,
            "commit" => to == N4,
            _ => false,
        });
        // In view 1 it prepares at n4 alone.
        [N2, N3, N4].iter().for_each(|&node| cluster.fire(node, Timer::Patience));
        cluster.deliver_if(|from, to, message| {
            let is_vote = message.kind_name() == "prepare" || message.kind_name() == "commit";
            from != N1 && to != N1 && (!is_vote || to == N4)
        });
    });
}

#[test]
fn vc_without_checkpoint_proof() {
    let tell = |cluster: &mut Cluster| {
        cluster.turn(N4, Some("false-checkpoint"));
        cluster.ask_all(&[N2, N3, N4], 1);
        [N2, N3, N4].iter().for_each(|&node| cluster.fire(node, Timer::Patience));
        cluster.deliver_all();
        catch_up(cluster, &[N1, N2, N3, N4]);
    };
    check_that(PbftFlaw::VcWithoutCheckpointProof, &plain(4), tell, |cluster| cluster.executed()[1] == 0);
}

#[test]
fn primary_not_checked() {
    check(PbftFlaw::PrimaryNotChecked, &plain(4), |cluster| {
        cluster.turn(N2, None);
        cluster.ask_all(&[N1], 1);
        cluster.ask_all(&[], 2);
        cluster.network.clear();
        cluster.send(N2, N3, pre_prepare(N2, 0, 1, &[2]));
        cluster.deliver_all();
    });
}

#[test]
fn view_change_not_joined() {
    let tell = |cluster: &mut Cluster| {
        // n2, whose turn is next, knows of no request.
        cluster.ask_all(&[N3, N4], 1);
        [N3, N4].iter().for_each(|&node| cluster.fire(node, Timer::Patience));
        cluster.deliver_among(&[N2, N3, N4]);
    };
    check_that(PbftFlaw::ViewChangeNotJoined, &plain(4), tell, |cluster| {
        !cluster.nodes[2].machine.is_active()
    });
}

#[test]
fn execute_out_of_order() {
    check(PbftFlaw::ExecuteOutOfOrder, &plain(4), |cluster| {
        cluster.ask_all(&[N1], 1);
        cluster.deliver_among(&[N1, N2, N3]);
        cluster.ask_all(&[N1], 2);
        cluster.deliver_all();
    });
}

#[test]
fn execute_when_prepared() {
    check(PbftFlaw::ExecuteWhenPrepared, &plain(4), |cluster| {
        cluster.ask_all(&[N1, N2, N3, N4], 1);
        cluster.deliver_if(|_, to, message| match message.kind_name() {
            "pre-prepare" => true,
            "prepare" => to == N1,
            _ => false,
        });
    });
}

/// Three replicas execute four requests of which n4 hears nothing; then it asks.
fn miss_a_checkpoint(cluster: &mut Cluster) {
    for value in 1..=4 {
        cluster.ask_all(&[N1, N2, N3], value);
        cluster.deliver_among(&[N1, N2, N3]);
    }
    cluster.ask_all(&[N4], 5);
    catch_up(cluster, &[N1, N2, N3, N4]);
}

#[test]
fn stable_without_quorum() {
    let flaw = PbftFlaw::StableWithoutQuorum;
    check_that(flaw, &plain(4), miss_a_checkpoint, |cluster| cluster.executed()[3] < 4);
}

#[test]
fn state_not_verified() {
    check(PbftFlaw::StateNotVerified, &plain(4), |cluster| {
        cluster.turn(N4, None);
        let image = Image::of(&Replica::new(Kind::Register, Memory::Kept));
        let state = State { sequence: Sequence(4), index: 4, image };
        cluster.send(N4, N2, Message::State { stable: Stable::default(), state });
        cluster.deliver_all();
    });
}

#[test]
fn state_without_sessions() {
    check(PbftFlaw::StateWithoutSessions, &plain(4), miss_a_checkpoint);
}

#[test]
fn forget_sessions() {
    let tell = |cluster: &mut Cluster| {
        for _ in 0..2 {
            cluster.ask_all(&[N1, N2, N3, N4], 1);
            cluster.deliver_all();
        }
    };
    let is_twice = |cluster: &Cluster| {
        cluster.replies_to(RequestId(1)).any(|(_, reply)| matches!(reply, Reply::Applied { index: 2, .. }))
    };
    check_that(PbftFlaw::ForgetSessions, &plain(4), tell, is_twice);
}

#[test]
fn view_not_durable() {
    check(PbftFlaw::ViewNotDurable, &plain(4), |cluster| {
        cluster.ask_all(&[N2, N3, N4], 2);
        cluster.ask_all(&[N1], 1);
        // All accept v1 in view 0; what they say of it is on its way.
        for _ in 0..3 {
            let (from, to, message) = cluster.network.remove(0);
            cluster.run(to, quarrel_protocol::Input::Message { from, message });
        }
        let votes = std::mem::take(&mut cluster.network);
        // The others are on their way to view 1, where nothing has prepared; n3 and n4 fall down and stand up.
        [N2, N3, N4].iter().for_each(|&node| cluster.fire(node, Timer::Patience));
        let (changes, _): (Vec<_>, Vec<_>) =
            std::mem::take(&mut cluster.network).into_iter().partition(|&(_, to, _)| to == N2);
        [N3, N4].iter().for_each(|&node| cluster.restart(node));
        cluster.network = votes;
        cluster.deliver_among(&[N1, N3, N4]);
        // View 1 begins.
        cluster.network = changes;
        cluster.deliver_among(&[N2, N3, N4]);
    });
}

#[test]
fn client_believes_one() {
    check(PbftFlaw::ClientBelievesOne, &plain(4), |cluster| {
        cluster.turn(N2, Some("false-reply"));
        for value in 1..=2 {
            cluster.ask_all(&ALL_FOUR, value);
            // n2 is the first to commit.
            cluster.deliver_if(|_, to, message| message.kind_name() != "commit" || to == N2);
            catch_up(cluster, &ALL_FOUR);
        }
        assert_eq!(cluster.executed(), [2; 4], "{}", cluster.story.join("\n"));
    });
}

#[test]
fn a_result_that_no_correct_replica_ever_replies_with_is_not_valid() {
    let reply = |index| {
        let mut machine = Machine::new(Kind::Register);
        Reply::Applied { index, outcome: machine.apply(&write(1)) }
    };
    for (accepted, replied, is_valid) in [(1, Some(1), true), (2, Some(1), false), (1, None, false)] {
        for is_early in [true, false] {
            let mut monitor = <Invariants as Monitor<Pbft>>::new(&plain(4), 4);
            let mut report = Report::new(<Invariants as Monitor<Pbft>>::properties(), Invariants::cells());
            let id = RequestId(7);
            monitor.on_request(C1, id, &write(1), &mut report);
            let hears = |monitor: &mut Invariants, report: &mut Report| {
                Monitor::<Pbft>::on_outcome(monitor, C1, id, Some(&reply(accepted)), report);
            };
            if is_early {
                hears(&mut monitor, &mut report);
                assert_eq!(report.violations(), [], "nobody knows better yet");
            }
            if let Some(index) = replied {
                monitor.on_reply(N1, C1, id, &reply(index), &mut report);
            }
            if !is_early {
                hears(&mut monitor, &mut report);
            }
            Monitor::<Pbft>::on_end(
                &mut monitor,
                Ending { at_ns: 0, settled: Some(NodeSet::all(4)) },
                &mut report,
            );
            assert_eq!(report.violations().is_empty(), is_valid, "{:?}", report.violations());
        }
    }
}
