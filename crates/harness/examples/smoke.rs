#![allow(clippy::disallowed_methods, missing_docs, clippy::float_arithmetic)]
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let registry = quarrel_harness::registry::Registry::standard();
    let bytes = std::fs::read(&args[1]).unwrap();
    let scenario = quarrel_formats::Scenario::parse("x", &args[1], &bytes).unwrap_or_else(|e| panic!("{e}"));
    let flaws: Vec<String> = args[3..].to_vec();
    let trial = registry.trial(scenario, &flaws).unwrap_or_else(|e| panic!("{e}"));
    let n: u64 = args[2].parse().unwrap();
    let t = std::time::Instant::now();
    let tallies = trial.batch(0..n, &|| false);
    let s = t.elapsed().as_secs_f64();
    println!("runs {} events {} msgs {} sim {} s in {s:.2}s: {:.0} sim/s, {:.0} ns/event digest {:016x}", tallies.runs, tallies.events, tallies.messages, tallies.simulated_ns / 1_000_000_000, tallies.simulated_ns as f64 / 1e9 / s, s * 1e9 / tallies.events as f64, tallies.digest);
    println!("ops {:?} blocked {}", tallies.operations, tallies.blocked);
    println!("evaluated {:?}", tallies.evaluated);
    println!("cells {:?}", tallies.cells);
    println!("fault_runs {:?}", tallies.fault_runs);
    for (name, spread) in &tallies.spreads { println!("  {name}: median {} mean {} runs {}", spread.median(), spread.mean_milli() as f64 / 1000.0, spread.runs()); }
    for group in tallies.groups.values() { 
        println!("{} x{} seeds {:?}\n   {}", group.violation.signature, group.runs, group.seeds, group.violation.detail);
        for &seed in &group.seeds {
            let t = std::time::Instant::now();
            let shrunk = trial.shrink(seed, &|| false).unwrap();
            println!("   seed {seed}: {:?} in {:.2}s", shrunk.report, t.elapsed().as_secs_f64());
            if std::env::var("SHOW").is_ok() {
                for f in &shrunk.trace.header.world.faults { println!("       at {} {f}", quarrel_sim::time::Span(f.at_ns)); }
                for d in &shrunk.trace.header.decisions { println!("       {d}"); }
                for o in &shrunk.trace.header.operations { println!("       op at {} {}", quarrel_sim::time::Span(o.at_ns), o.client); }
            }
        }
    }
}
