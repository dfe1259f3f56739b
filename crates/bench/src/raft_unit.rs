//! The crate `raft` in the harness: the standard unit of raft-rs, whole or with parts of the harness taken away, so that
//! a reader sees what costs what.

use std::time::Instant;

use quarrel_adapters::raft_rs::RaftRs;
use quarrel_formats::Scenario;
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::{Registry, Trial};
use quarrel_harness::{Subject, profile};
use quarrel_protocol::{ClientId, NodeId, NodeSet, Protocol, RequestId};
use quarrel_sim::{Chooser, Cluster, End, Observer};

use crate::Sample;
use crate::bare_raft::{Bare, Workload};

/// The scenario, as it is in the checkout.
pub const RAFT_UNIT: &str = include_str!("../../../scenarios/raft-rs/standard-unit.toml");

/// How long one seed is.
const SECONDS: u64 = 5;

/// The same in the bare loop: five nodes, a tick of 50 ms, a heartbeat every 100 ms, an election after 500 ms, and 50
/// commands a tick, which is a thousand a second.
pub const BARE: Workload = Workload {
    nodes: 5,
    ticks: SECONDS * 20,
    heartbeat_ticks: 2,
    election_ticks: 10,
    commands_per_1000_ticks: 50_000,
    // A command of the harness: client, serial, oldest and call, as the adapter writes them.
    command_bytes: 9,
};

/// Which faults strike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weather {
    /// Those of the scenario.
    Faults,
    /// None. Latencies still vary.
    Calm,
}

/// The scenario in this weather.
///
/// # Panics
/// When the scenario is not what it was: it is part of this checkout.
#[must_use]
pub fn scenario(weather: Weather) -> Scenario {
    let text = match weather {
        Weather::Faults => RAFT_UNIT.to_string(),
        Weather::Calm => without_faults(RAFT_UNIT),
    };
    let file = "scenarios/raft-rs/standard-unit.toml";
    Scenario::parse("raft-rs/standard-unit", file, text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

/// The same text without sections of faults, and without what ails single messages.
fn without_faults(text: &str) -> String {
    let mut is_fault = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.starts_with('[') {
            is_fault = line.starts_with("[faults.");
        }
        let ails = ["loss", "duplication", "delay"].iter().any(|name| line.starts_with(name));
        if !is_fault && !ails {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The unit as a campaign runs it.
///
/// # Panics
/// As [`scenario`].
#[must_use]
pub fn campaign(weather: Weather, judges: Judges) -> Box<dyn Trial> {
    let registry = quarrel_adapters::register(Registry::default());
    registry.trial(scenario(weather), &[], judges).unwrap_or_else(|error| panic!("{error}"))
}

/// The world alone: nobody watches, and no node is asked whether its state is sound. The digest is taken all the same,
/// because nothing happens without it.
///
/// # Panics
/// As [`scenario`].
#[must_use]
pub fn unwatched(scenario: &Scenario, seeds: u64) -> Sample {
    let options = RaftRs::options(&scenario.config).unwrap_or_else(|_| panic!("the options were checked"));
    let mut sample = Sample::default();
    let start = Instant::now();
    for seed in 0..seeds {
        let profile::Profile { plan, rules, .. } = profile::draw::<RaftRs>(scenario, &options, &[], seed);
        let names = Cluster::<RaftRs, Nobody>::names(&plan.world);
        let chooser = Chooser::random(names, seed, plan.world.rates, &[]);
        let mut cluster =
            Cluster::new(plan, rules, seed, chooser, Nobody).expect("the scenario has no rules");
        cluster.look_away();
        let tally = cluster.run();
        sample.runs += 1;
        sample.events += tally.events;
        sample.messages += tally.messages;
        sample.simulated_seconds += tally.ended_ns as f64 / 1e9;
    }
    sample.seconds = start.elapsed().as_secs_f64();
    sample
}

/// So many seeds' worth of the bare loop.
#[must_use]
pub fn bare(seeds: u64) -> Sample {
    let mut sample = Sample::default();
    let start = Instant::now();
    for _ in 0..seeds {
        let mut bare = Bare::new(&BARE);
        bare.run(&BARE);
        sample.runs += 1;
        sample.messages += bare.messages;
        sample.simulated_seconds += SECONDS as f64;
    }
    sample.seconds = start.elapsed().as_secs_f64();
    sample
}

/// An observer that looks away.
struct Nobody;

impl<P: Protocol> Observer<P> for Nobody {
    fn on_request(&mut self, _: u64, _: ClientId, _: RequestId, _: &P::Request) {}
    fn on_end(&mut self, _: u64, _: ClientId, _: RequestId, _: End<'_, P>) {}
    fn on_announce(&mut self, _: NodeId, _: &P::Event) {}
    fn on_output(&mut self, _: NodeId, _: &P::Output) {}
    fn on_reply(&mut self, _: NodeId, _: ClientId, _: RequestId, _: &P::Reply) {}
    fn after_step(&mut self, _: NodeId, _: &P) {}
    fn on_crash(&mut self, _: NodeId) {}
    fn on_recover(&mut self, _: NodeId, _: &P) {}
    fn is_over(&self) -> bool {
        false
    }
    fn lag(&self, _: NodeSet) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_do_the_same_work() {
        let bare = bare(1);
        let calm = Sample::of_campaign(&*campaign(Weather::Calm, Judges::default()), 1);
        // The harness has an election timeout longer, and clients that find their leader.
        assert!(calm.messages > bare.messages * 9 / 10, "{} and {}", calm.messages, bare.messages);
        assert!(calm.messages < bare.messages * 13 / 10, "{} and {}", calm.messages, bare.messages);
        assert!(calm.events < calm.messages * 5 / 4, "nearly all events are messages: {}", calm.events);
    }

    #[test]
    fn watching_changes_nothing() {
        for weather in [Weather::Faults, Weather::Calm] {
            let trial = campaign(weather, Judges { skips_histories: true, ..Judges::default() });
            let watched = Sample::of_campaign(&*trial, 1);
            let alone = unwatched(&scenario(weather), 1);
            assert_eq!((watched.messages, watched.events), (alone.messages, alone.events), "{weather:?}");
        }
    }

    /// `raft-rs/standard-unit`: faults strike and the crate stands them.
    #[test]
    fn the_unit_holds_under_its_faults() {
        let outcome = campaign(Weather::Faults, Judges::default()).run(0);
        assert_eq!(outcome.violations, []);
        for struck in ["loss", "duplication", "delay", "crash", "partition"] {
            assert!(outcome.on.contains(&struck), "{struck} is on");
        }
        let calm = campaign(Weather::Calm, Judges::default()).run(0);
        assert_eq!((calm.on, calm.violations), (vec!["timer-spread"], vec![]));
    }
}
