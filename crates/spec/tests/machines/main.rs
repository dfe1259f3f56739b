//! The machines keep their rules, sessions make each command count once, workloads draw what they promise.

mod arbitrary;
mod models;
mod rules;
mod sessions;
mod words;
mod workloads;

use proptest::prelude::ProptestConfig;

/// A failing case belongs into a test with a name, not into a file of seeds.
fn config() -> ProptestConfig {
    ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() }
}
