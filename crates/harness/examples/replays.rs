#![allow(clippy::disallowed_methods, missing_docs)]
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let registry = quarrel_harness::registry::Registry::standard();
    let bytes = std::fs::read(&args[1]).unwrap();
    let scenario = quarrel_formats::Scenario::parse("x", &args[1], &bytes).unwrap();
    let flaws: Vec<String> = args[4..].to_vec();
    let trial = registry.trial(scenario, &flaws).unwrap();
    let (a, b): (u64, u64) = (args[2].parse().unwrap(), args[3].parse().unwrap());
    for seed in a..b {
        let first = trial.run(seed);
        let trace = trial.record(seed);
        if trace.verdict.digest != first.tally.digest {
            let events = trial.events(seed);
            if let Some((a, b)) = events.iter().zip(&trace.events).find(|(a, b)| a != b) { println!("{}\n{}", serde_json::to_string(a).unwrap(), serde_json::to_string(b).unwrap()); }
            println!("seed {seed}: {:016x} {} events, replay {:016x} {} events", first.tally.digest, first.tally.events, trace.verdict.digest, trace.verdict.events);
        }
    }
}
