//! That commands go on being committed under what the protocol promises to live with, and what happens under the rest.

use quarrel_protocol::Lasting;
use quarrel_raft::{Config, Event, LIVES_WITH, LIVES_WITH_CHECKS, Raft};
use quarrel_testing::world::{Eyes, SECOND, World, minority};

fn five(config: &Config, seed: u64) -> World<Raft> {
    let gives_up = |event: &Event| matches!(event, Event::SteppedDown { .. } | Event::QuorumLost { .. });
    World::new(config, seed, Eyes { leads: Raft::is_leader, applied: |raft| raft.applied().0, gives_up })
}

fn with_checks() -> Config {
    Config { pre_vote: true, check_quorum: true, ..Config::new(5) }
}

#[test]
fn the_core_lives_with_every_lasting_fault_it_promises_to() {
    for config in [Config::new(5), with_checks()] {
        let round = config.round_ns();
        for &fault in config.lives_with() {
            for seed in 0..20 {
                let mut world = five(&config, seed);
                world.strike(fault, minority(seed));
                for _ in 0..10 {
                    let before = world.core_applied();
                    world.run(world.now() + 5 * round);
                    assert!(world.core_applied() > before, "{fault}, seed {seed}, at {}", world.now());
                }
                assert!(world.deposed() <= 2, "{fault}, seed {seed}: {} leaders deposed", world.deposed());
            }
        }
    }
}

#[test]
fn pre_vote_alone_is_not_enough() {
    let alone = Config { pre_vote: true, ..Config::new(5) };
    assert_eq!(alone.lives_with(), LIVES_WITH);
    assert_eq!(with_checks().lives_with(), LIVES_WITH_CHECKS);
    // A deaf leader keeps everybody from asking for another, as it does without pre-vote.
    let mut world = five(&alone, 1);
    world.strike(Lasting::Deaf, &[0]);
    world.run(3 * SECOND);
    let before = world.core_applied();
    world.run(60 * SECOND);
    assert_eq!((world.core_applied(), world.deposed()), (before, 0));
    // A deaf follower asks in vain, and disturbs nobody.
    let mut world = five(&alone, 1);
    world.strike(Lasting::Deaf, &[1]);
    world.run(12 * SECOND);
    assert_eq!(world.deposed(), 0);
    assert!(world.core_applied() > 100);
}

/// Why [`LIVES_WITH`] does not hold the rest: thesis, section 9.6.
#[test]
fn deaf_and_partly_connected_nodes_depose_leaders_again_and_again() {
    for fault in [Lasting::Deaf, Lasting::Partial] {
        assert!(!LIVES_WITH.contains(&fault));
        for seed in 0..20 {
            let mut world = five(&Config::new(5), seed);
            world.strike(fault, minority(seed));
            world.run(12 * SECOND);
            assert!(world.deposed() >= 10, "{fault}, seed {seed}: {} in ten seconds", world.deposed());
        }
    }
}

/// Thesis, section 6.2: a leader that no longer hears a majority would have to step down by itself.
#[test]
fn a_deaf_leader_is_followed_for_ever_and_commits_nothing() {
    let mut world = five(&Config::new(5), 1);
    world.strike(Lasting::Deaf, &[0]);
    world.run(3 * SECOND);
    let before = world.core_applied();
    world.run(60 * SECOND);
    assert_eq!((world.core_applied(), world.deposed()), (before, 0));
}
