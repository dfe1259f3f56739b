//! Benchmarks of the standard unit.
