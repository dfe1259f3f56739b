//! How long verdicts take. Printed, never asserted:
//! `cargo test --release -p quarrel-spec --test linearizability -- --ignored --nocapture --test-threads 1`.

use std::time::Instant;

use quarrel_protocol::fold;
use quarrel_spec::linearizability::{Verdict, check, explains};

use crate::models::{Hints, KeyValue, KeyValueCall, Register, RegisterCall, Subject};
use crate::workload::{Draft, Made, make};

const BUDGET: u64 = 10_000_000;

/// Draws that are the same everywhere.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (fold(self.0, 0xd6e8_feb8_6659_fd93) >> 8) % bound
    }
}

/// The size and the troubles of a history.
#[derive(Clone, Copy)]
struct Load {
    operations: u64,
    processes: u64,
    /// How many operations' outcomes stay unknown, about.
    unknown: u64,
    /// How many answers are wrong, about.
    wrong: u64,
    seed: u64,
}

fn drafts<C>(load: Load, mut call: impl FnMut(&mut Draws, u64) -> C) -> Vec<Draft<C>> {
    let mut draws = Draws(load.seed << 32);
    let mut draft = |number| Draft {
        process: number % load.processes,
        call: call(&mut draws, number),
        pause: draws.below(3),
        duration: 1 + draws.below(10),
        point: draws.below(16),
        is_known: draws.below(load.operations) >= load.unknown,
        distort: (draws.below(load.operations) < load.wrong).then(|| draws.below(200) as u8),
    };
    (0..load.operations).map(&mut draft).collect()
}

/// Writes, reads and compare-and-sets of `values` values, in equal shares.
fn register(load: Load, values: u64) -> Made<Register> {
    make(&drafts(load, |draws, number| match draws.below(3) {
        0 => RegisterCall::Read,
        1 if values == 0 => RegisterCall::Write(number as u32),
        1 => RegisterCall::Write(draws.below(values) as u32),
        _ if values == 0 => {
            RegisterCall::Cas((number as u32).saturating_sub(draws.below(9) as u32), number as u32)
        }
        _ => RegisterCall::Cas(draws.below(values) as u32, draws.below(values) as u32),
    }))
}

/// Gets and appends, with puts in the share of 1 in `puts`.
fn texts(load: Load, keys: u64, puts: u64) -> Made<KeyValue> {
    make(&drafts(load, |draws, number| {
        let key = draws.below(keys);
        match draws.below(2) {
            0 => KeyValueCall::Get(key),
            _ if draws.below(puts) == 0 => KeyValueCall::Put(key, format!("{number} ")),
            _ => KeyValueCall::Append(key, format!("{number} ")),
        }
    }))
}

fn time<S: Subject>(what: &str, made: &Made<S>) {
    let model = S::new(Hints::All);
    let start = Instant::now();
    let verdict = check(&model, &made.history, BUDGET);
    let searched = start.elapsed();
    let kind = match &verdict {
        Verdict::Linearizable { .. } => "linearizable".to_owned(),
        Verdict::Violation(it) => format!("violation at {} (furthest: {})", it.stuck, it.is_furthest),
        Verdict::Unknown { .. } => "unknown".to_owned(),
    };
    let start = Instant::now();
    let witness = explains(&model, &made.history, &made.order).is_ok();
    println!(
        "{what}: {kind}, {} steps, {searched:.1?}; witness {witness}, {:.1?}",
        verdict.steps(),
        start.elapsed()
    );
}

#[test]
#[ignore = "prints timings"]
fn many_keys() {
    let load = Load { operations: 100_000, processes: 20, unknown: 0, wrong: 0, seed: 1 };
    time("100,000 texts, 1,000 keys", &texts(load, 1_000, 10));
    time("the same, 1,000 unknown", &texts(Load { unknown: 1_000, ..load }, 1_000, 10));
    time("the same, 3 wrong", &texts(Load { unknown: 1_000, wrong: 3, ..load }, 1_000, 10));
}

#[test]
#[ignore = "prints timings"]
fn one_long_register() {
    for values in [5, 0] {
        let load = Load { operations: 100_000, processes: 20, unknown: 0, wrong: 0, seed: 2 };
        time(&format!("100,000 on a register of {values} values"), &register(load, values));
        time("the same, 3 wrong", &register(Load { wrong: 3, ..load }, values));
    }
}

#[test]
#[ignore = "prints timings"]
fn one_hot_register() {
    for (processes, unknown) in [(10, 0), (30, 0), (30, 30), (50, 60)] {
        for values in [5, 0] {
            for seed in 0..3 {
                for wrong in [0, 2] {
                    let load = Load { operations: 2_000, processes, unknown, wrong, seed };
                    let what = format!(
                        "2,000 on a register of {values} values, {processes} processes, {unknown} unknown, \
                         {wrong} wrong"
                    );
                    time(&what, &register(load, values));
                }
            }
        }
    }
}

#[test]
#[ignore = "prints timings"]
fn one_hot_text() {
    for (processes, unknown) in [(10, 0), (20, 20), (30, 30)] {
        for puts in [10, 1_000_000] {
            for seed in 0..3 {
                for wrong in [0, 2] {
                    let load = Load { operations: 1_000, processes, unknown, wrong, seed };
                    let what = format!(
                        "1,000 on a text, a put in {puts}, {processes} processes, {unknown} unknown, \
                         {wrong} wrong"
                    );
                    time(&what, &texts(load, 1, puts));
                }
            }
        }
    }
}
