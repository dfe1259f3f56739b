#![allow(clippy::disallowed_methods, missing_docs)]
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let registry = quarrel_harness::registry::Registry::standard();
    let bytes = std::fs::read(&args[1]).unwrap();
    let scenario = quarrel_formats::Scenario::parse(&args[2], &args[1], &bytes).unwrap_or_else(|e| panic!("{e}"));
    let flaw = args[3].clone();
    let (from, to, max): (u64, u64, usize) = (args[4].parse().unwrap(), args[5].parse().unwrap(), args[6].parse().unwrap());
    let trial = registry.trial(scenario, &[flaw.clone()]).unwrap_or_else(|e| panic!("{e}"));
    let mut found = 0;
    for seed in from..to {
        let out = trial.run(seed);
        let Some(v) = out.verdict() else { continue };
        if found == 0 { println!("first {seed}"); }
        if v.kind == quarrel_protocol::PropertyKind::Invariant { println!("{flaw} {seed}: invariant {}", v.property); continue }
        let s = trial.shrink(seed).unwrap();
        println!("{flaw} {seed}: {} {:?} events {}", v.signature, s.report, s.trace.events.len());
        std::fs::write(format!("/tmp/story/{}-{seed}.jsonl", flaw.replace('/', "-")), s.trace.to_bytes()).unwrap();
        found += 1;
        if found >= max { break }
    }
}
