//! Deterministic simulation testing for consensus protocols: the library.
