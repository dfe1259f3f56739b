//! The harness against the two generals: for every length it finds the messenger whose capture is fatal.

use crate::common::{parse, trial};
use quarrel_formats::trace::{Judgement, Trace};
use quarrel_harness::oracle::Judges;
use quarrel_harness::registry::{Registry, Trial};
use quarrel_harness::story;
use quarrel_sim::decision::Fate;

/// The scenario, but with exchanges of one length.
fn of_length(length: u8) -> Box<dyn Trial> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/two-generals/no-certainty.toml");
    #[allow(clippy::disallowed_methods, reason = "tests read the scenarios")]
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("length = [1, 12]", &format!("length = {length}"));
    let trial = Registry::standard().trial(parse("two-generals/of-length", &text), &[], Judges::default());
    trial.unwrap_or_else(|error| panic!("{error}"))
}

fn is_alone(trace: &Trace) -> bool {
    matches!(&trace.verdict.judgement, Judgement::Violated(broken) if broken.property == "attack-together")
}

#[test]
fn for_every_length_a_messenger_is_found_whose_capture_leaves_one_general_alone() {
    for length in 1..=12 {
        let trial = of_length(length);
        let seed = (0..500).find(|&seed| trial.run(seed).verdict().is_some());
        let seed = seed.unwrap_or_else(|| panic!("nothing is found for length {length}"));
        let outcome = trial.run(seed);
        assert_eq!(outcome.outside, [""; 0], "captured messengers are what the problem is about");
        let shrunk = trial.shrink(seed, &|| false).unwrap();
        assert!(is_alone(&shrunk.trace) && shrunk.report.one_minimal);
        let lost: Vec<_> = shrunk.trace.header.decisions.iter().collect();
        assert_eq!(lost.len(), 1, "one messenger is enough: {lost:?}");
        assert_eq!(Fate::decode(lost[0].value), Fate::Lost);
        let (from, of) = (lost[0].key.source.to_string(), lost[0].key.of.as_str());
        let sender = if length % 2 == 1 { "n1" } else { "n2" };
        assert_eq!(
            (from.as_str(), of),
            (sender, if length == 1 { "proposal" } else { "confirmation" }),
            "the last one"
        );
        let told = story::short(&shrunk.trace);
        assert!(told.contains("attacks at dawn"), "{told}");
    }
}

#[test]
fn without_a_loss_both_attack() {
    let calm = trial("two-generals/calm", &[]);
    for seed in 0..200 {
        let outcome = calm.run(seed);
        assert_eq!(outcome.verdict(), None, "seed {seed}");
        assert_eq!(outcome.cells[..2], [1, 0], "seed {seed}: both attack");
    }
}
