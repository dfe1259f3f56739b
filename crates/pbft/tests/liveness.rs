//! That requests go on being executed under what the protocol promises to live with, and what happens under the rest.

use quarrel_pbft::event::Reason;
use quarrel_pbft::{Config, Event, FlawSet, LIVES_WITH, Pbft, PbftFlaw};
use quarrel_protocol::{After, Lasting};
use quarrel_testing::world::{Eyes, SECOND, World};

/// Five replicas: one may fail, and four are a quorum.
fn five(config: &Config, seed: u64) -> World<Pbft> {
    let gives_up = |event: &Event| matches!(event, Event::GaveUp { reason: Reason::TimedOut, .. });
    let leads = |node: &Pbft| node.is_active() && node.is_primary();
    World::new(config, seed, Eyes { leads, applied: |node| node.executed().0, gives_up })
}

/// Patience that doubles twice: a round is short.
fn plain() -> Config {
    Config { patience_doublings_max: 2, ..Config::new(5) }
}

/// The primary, or the one whose turn is next.
const fn one(seed: u64) -> &'static [u8] {
    if seed.is_multiple_of(2) { &[0] } else { &[1] }
}

#[test]
fn the_core_lives_with_every_lasting_fault_it_promises_to() {
    let round = plain().round_ns();
    for &fault in LIVES_WITH {
        for seed in 0..4 {
            let mut world = five(&plain(), seed);
            world.strike(fault, one(seed));
            for _ in 0..4 {
                let before = world.core_applied();
                world.run(world.now() + round);
                assert!(world.core_applied() > before, "{fault}, seed {seed}, at {}", world.now());
            }
            // Each of the four others may have waited for itself; a traitor may have spoiled more than one view.
            let most = if fault == Lasting::Traitor { 40 } else { 8 };
            assert!(world.deposed() <= most, "{fault}, seed {seed}: given up {} times", world.deposed());
        }
    }
}

/// Bracha and Toueg: n ≥ 3f + 1. Three of five are no quorum, and say nothing rather than something wrong.
#[test]
fn two_of_five_are_one_too_many() {
    for fault in [Lasting::Crashed, Lasting::Mute] {
        let mut world = five(&plain(), 1);
        world.strike(fault, &[1, 2]);
        world.run(world.now() + SECOND);
        let before = world.core_applied();
        world.run(world.now() + 30 * SECOND);
        assert_eq!(world.core_applied(), before, "{fault}");
    }
}

/// Section 4.5.2: patience that is shorter than messages are on their way doubles until a view can begin. What is executed
/// then makes it short again, so that such a cluster crawls; without doubling it does not even that.
#[test]
fn patience_that_is_too_short_grows_and_with_the_flaw_it_does_not() {
    let hasty =
        Config { patience: After::exactly(SECOND / 200), patience_doublings_max: 8, ..Config::new(5) };
    let flaws = FlawSet::only(PbftFlaw::VcNoTimeoutDoubling);
    let executed = |config: &Config, seed: u64| {
        let mut world = five(config, seed);
        world.run(10 * SECOND);
        world.core_applied()
    };
    for seed in 0..4 {
        assert!(executed(&hasty, seed) > 5, "seed {seed}: {}", executed(&hasty, seed));
        assert_eq!(executed(&Config { flaws, ..hasty.clone() }, seed), 0, "seed {seed}");
    }
}
