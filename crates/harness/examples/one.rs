#![allow(clippy::disallowed_methods, missing_docs)]
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let registry = quarrel_harness::registry::Registry::standard();
    let bytes = std::fs::read(&args[1]).unwrap();
    let scenario = quarrel_formats::Scenario::parse("x", &args[1], &bytes).unwrap();
    let flaws: Vec<String> = args[3..].to_vec();
    let trial = registry.trial(scenario, &flaws).unwrap();
    let seed = args[2].parse().unwrap();
    let out = trial.run(seed);
    println!("{:?}", out.violations);
    if let Some(s) = trial.shrink(seed, &|| false) { println!("{:?}\n{}", s.report, quarrel_harness::story::short(&s.trace)); std::fs::write("/tmp/full.txt", quarrel_harness::story::full(&s.trace)).unwrap(); }
}
