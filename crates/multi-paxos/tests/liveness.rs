//! That commands go on being committed under what the protocol promises to live with, and what happens under the rest.

use quarrel_multi_paxos::{Config, Event, FlawSet, LIVES_WITH, MultiPaxos, MultiPaxosFlaw};
use quarrel_protocol::Lasting;
use quarrel_testing::world::{Eyes, SECOND, World, minority};

fn five(config: &Config, seed: u64) -> World<MultiPaxos> {
    let gives_up = |event: &Event| matches!(event, Event::SteppedDown { .. });
    World::new(
        config,
        seed,
        Eyes { leads: MultiPaxos::is_leader, applied: |node| node.applied().0, gives_up },
    )
}

#[test]
fn the_core_lives_with_every_lasting_fault_it_promises_to() {
    let round = Config::new(5).round_ns();
    for &fault in LIVES_WITH {
        for seed in 0..20 {
            let mut world = five(&Config::new(5), seed);
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

/// A leader that is heard and hears nothing would be followed for ever.
#[test]
fn a_deaf_leader_makes_room_and_with_the_flaw_it_does_not() {
    let config = Config { flaws: FlawSet::only(MultiPaxosFlaw::DeafLeaderStays), ..Config::new(5) };
    for (config, goes_on) in [(Config::new(5), true), (config, false)] {
        let mut world = five(&config, 1);
        world.strike(Lasting::Deaf, &[0]);
        world.run(world.now() + 3 * SECOND);
        let before = world.core_applied();
        world.run(world.now() + 60 * SECOND);
        assert_eq!(world.core_applied() > before, goes_on);
    }
}
