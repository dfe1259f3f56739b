//! Each flaw breaks the property that the catalogue names, in the smallest story that shows it; the same story without
//! the flaw breaks nothing.

mod common;

use common::*;
use quarrel_protocol::Input;
use quarrel_raft::{Config, FLAWS, FlawSet, RaftFlaw, Timer};

/// Tells the story with and without the flaw.
fn check(flaw: RaftFlaw, config: &Config, tell: impl Fn(&mut Cluster)) {
    let known = FLAWS[flaw as usize];
    assert!(config.nodes >= known.nodes_min);
    let mut sound = Cluster::new(config);
    tell(&mut sound);
    assert_eq!(sound.violated(), [""; 0], "without a flaw:\n{}", sound.story.join("\n"));
    let mut flawed = Cluster::new(&Config { flaws: FlawSet::only(flaw), ..config.clone() });
    tell(&mut flawed);
    let story = flawed.story.join("\n");
    assert!(
        flawed.violated().contains(&known.breaks),
        "{} found {:?}:\n{story}",
        known.name,
        flawed.violated()
    );
}

fn with_nodes(nodes: u8) -> Config {
    Config { noop_on_election: false, ..Config::new(nodes) }
}

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
