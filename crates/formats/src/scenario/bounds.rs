//! Bounds on every number a scenario can hold, so that no file asks for more than a machine has.

use std::ops::RangeInclusive;

use quarrel_protocol::NodeId;
use quarrel_sim::decision::DELAY_MAX_US;
use quarrel_sim::time::{MICROSECOND, MILLISECOND, SECOND};

/// The largest file.
pub(super) const BYTES_MAX: usize = 1 << 20;
/// The deepest nesting of brackets.
pub(super) const NESTING_MAX: usize = 32;
/// The most parts of a dotted key.
pub(super) const DOTS_MAX: usize = 8;
/// The longest time anything can take: 100,000 s.
pub(super) const LONGEST: u64 = 100_000 * SECOND;
/// How often one class of faults may strike in a run.
pub(super) const STRIKES_MAX: u64 = 1_000_000;

/// How often an operator may ask for something in a run.
pub(super) const ORDERS_MAX: u64 = 100_000;

pub(super) const NODES: RangeInclusive<u8> = 1..=NodeId::LIMIT as u8;
pub(super) const CLIENTS: RangeInclusive<u8> = 0..=64;
pub(super) const OPERATIONS: RangeInclusive<u32> = 0..=10_000_000;
/// How many operations come in one burst.
pub(super) const OPERATIONS_BURST: RangeInclusive<u32> = 1..=10_000;
pub(super) const OPERATIONS_PENDING: RangeInclusive<u32> = 1..=1_000_000;
pub(super) const KEYS: RangeInclusive<u16> = 1..=10_000;
pub(super) const ROUNDS: RangeInclusive<u32> = 1..=10_000;
pub(super) const ATTEMPTS: RangeInclusive<u32> = 1..=10_000;
pub(super) const FACTOR: RangeInclusive<u32> = 1..=1_000;
pub(super) const WRITE: RangeInclusive<u32> = 1..=1_000_000;
pub(super) const MEDIAN: RangeInclusive<u64> = 0..=1_000_000_000;
pub(super) const RATE_PPM: RangeInclusive<i32> = -899_999..=8_999_999;
pub(super) const DRIFT_PPM_MAX: u32 = 899_999;

pub(super) const DURATION: RangeInclusive<u64> = MILLISECOND..=LONGEST;
pub(super) const ANY_TIME: RangeInclusive<u64> = 0..=LONGEST;
pub(super) const SOME_TIME: RangeInclusive<u64> = 1..=LONGEST;
pub(super) const DELAY: RangeInclusive<u64> = 0..=DELAY_MAX_US as u64 * MICROSECOND;
pub(super) const FAULT_GAP: RangeInclusive<u64> = MILLISECOND..=LONGEST;
pub(super) const OPERATION_GAP: RangeInclusive<u64> = MICROSECOND..=LONGEST;

pub(super) const EVENTS: RangeInclusive<u64> = 1..=1_000_000_000_000;
pub(super) const PENDING: RangeInclusive<u32> = 1..=10_000_000;
pub(super) const INSTANT: RangeInclusive<u32> = 1..=10_000_000;
