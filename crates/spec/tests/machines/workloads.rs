//! Workloads draw what they promise: the mix, the skew, and calls that are worth making.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use quarrel_protocol::ClientId;
use quarrel_spec::machine::{Call, Key, Kind, KvCall, Machine, Outcome, QueueCall, RegisterCall};
use quarrel_spec::workload::{Chance, Workload};

use crate::arbitrary::KINDS;
use crate::config;

/// A small generator (splitmix64), so that these tests are the same everywhere.
struct Dice(u64);

impl Chance for Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(mixed ^ (mixed >> 31)) * u128::from(bound)) >> 64) as u64
    }
}

const CLIENTS: u8 = 4;
const CALLS: u32 = 10_000;

fn workload(kind: Kind) -> Workload {
    Workload { kind, keys: 3, reads_ppm: 300_000, skew_ppm: 500_000 }
}

fn calls(workload: &Workload, seed: u64) -> Vec<Call> {
    let mut dice = Dice(seed);
    (0..CALLS)
        .map(|number| {
            let client = ClientId(dice.below(u64::from(CLIENTS)) as u8);
            workload.call(number, client, &mut dice)
        })
        .collect()
}

/// How many of the things there are of each sort.
fn count<T: Ord>(things: impl IntoIterator<Item = T>) -> BTreeMap<T, u32> {
    let mut counts = BTreeMap::new();
    for thing in things {
        *counts.entry(thing).or_insert(0) += 1;
    }
    counts
}

/// Which answer it is, without its numbers: `Compared true`, `Holder None`, `Balances`.
fn form(outcome: &Outcome) -> String {
    let shown = format!("{outcome:?}");
    let words = shown
        .split(|sign: char| !sign.is_alphanumeric())
        .filter(|word| word.chars().all(char::is_alphabetic));
    words.filter(|word| !word.is_empty()).skip(1).take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn reads_are_as_many_as_asked_for() {
    for kind in KINDS {
        let drawn = calls(&workload(kind), 1);
        let reads = drawn.iter().filter(|call| call.is_read()).count();
        assert!((2_800..3_200).contains(&reads), "{kind}: {reads} of {CALLS}");
        let all = |reads_ppm| calls(&Workload { reads_ppm, ..workload(kind) }, 1);
        assert!(all(1_000_000).iter().all(Call::is_read), "{kind}");
        assert!(!all(0).iter().any(Call::is_read), "{kind}");
    }
}

#[test]
fn the_same_draws_make_the_same_calls() {
    for kind in KINDS {
        assert_eq!(calls(&workload(kind), 7), calls(&workload(kind), 7));
        assert_ne!(calls(&workload(kind), 7), calls(&workload(kind), 8));
    }
}

#[test]
fn written_values_are_the_numbers_of_their_operations() {
    let written = |call: &Call| match *call {
        Call::Register(RegisterCall::Write(value) | RegisterCall::Cas { to: value, .. })
        | Call::Kv(KvCall::Put { text: value, .. } | KvCall::Append { text: value, .. })
        | Call::Queue(QueueCall::Enqueue(value)) => Some(value.0),
        _ => None,
    };
    for kind in [Kind::Register, Kind::Kv, Kind::Queue] {
        let drawn = calls(&workload(kind), 2);
        let numbers = drawn.iter().zip(0u64..).filter_map(|(call, number)| Some((written(call)?, number)));
        assert!(numbers.clone().count() > 3_000, "{kind} writes");
        assert!(numbers.clone().all(|(value, number)| value == number), "{kind}");
    }
}

/// Every answer to a sensible call is given, and often enough: no rule of a machine goes unused. Only a register is
/// hardly ever found empty.
#[test]
fn each_machine_is_asked_what_makes_it_answer_everything() {
    let expected: [&[&str]; 7] = [
        &["Compared false", "Compared true", "Found Some", "Written"],
        &["Found", "Stored"],
        &["Balance", "Balances", "NoFunds", "Transferred"],
        &["AlreadyYours", "Holder None", "Holder Some", "NotYours", "Released", "Reserved", "Taken Who"],
        &[
            "Accepted token",
            "Granted Some",
            "Held Some",
            "Holder None",
            "Holder Some",
            "NotYours",
            "Refused",
            "Released",
        ],
        &["AlreadyIn", "IsMember false", "IsMember true", "Joined", "Left", "NotIn"],
        &[
            "Contents",
            "Contents Value",
            "Dequeued None",
            "Dequeued Some",
            "Enqueued",
            "Front None",
            "Front Some",
            "Length",
        ],
    ];
    for (kind, expected) in KINDS.into_iter().zip(expected) {
        let mut machine = Machine::new(kind);
        let outcomes = calls(&workload(kind), 3).into_iter().map(|call| {
            let outcome = machine.apply(&call);
            assert_ne!(outcome, Outcome::NotUnderstood, "{kind}: {call}");
            form(&outcome)
        });
        let counts = count(outcomes);
        assert_eq!(counts.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{kind}");
        let rare = counts.iter().filter(|&(_, &count)| count < CALLS / 200).collect::<Vec<_>>();
        assert!(rare.is_empty(), "{kind}: rare among {counts:?}");
    }
}

#[test]
fn keys_are_skewed_as_asked_for() {
    let keys = |skew_ppm| {
        let workload = Workload { kind: Kind::Kv, keys: 100, reads_ppm: 1_000_000, skew_ppm };
        count(calls(&workload, 4).into_iter().map(|call| match call {
            Call::Kv(call) => call.key().0,
            other => panic!("{other} is no call of a store"),
        }))
    };
    let even = keys(0);
    assert_eq!(even.len(), 100, "every key is drawn");
    assert!(even.values().all(|count| (50..160).contains(count)), "{even:?}");
    let skewed = keys(1_000_000);
    assert_eq!(skewed.len(), 100, "even the coldest key is drawn");
    // Bit lengths 0 to 7: one of eight calls is about key 0, one about 64 to 99.
    assert!((1_100..1_400).contains(&skewed[&0]), "{skewed:?}");
    let cold = skewed.range(64..).map(|(_, count)| count).sum::<u32>();
    assert!((1_100..1_400).contains(&cold), "{skewed:?}");
}

#[test]
fn a_scan_reads_everything_back() {
    let lines = |kind| {
        let calls = Workload { keys: 2, ..workload(kind) }.scan();
        assert!(calls.iter().all(Call::is_read), "{kind}");
        calls.iter().map(Call::to_string).collect::<Vec<_>>()
    };
    assert_eq!(lines(Kind::Register), ["read"]);
    assert_eq!(lines(Kind::Kv), ["get k0", "get k1"]);
    assert_eq!(lines(Kind::Bank { accounts: 3, opening: 1 }), ["audit"]);
    assert_eq!(lines(Kind::Seats { seats: 2 }), ["holder of s0", "holder of s1"]);
    assert_eq!(lines(Kind::Lock), ["holder of l0", "holder of l1"]);
    assert_eq!(lines(Kind::Membership), ["is m0 a member", "is m1 a member"]);
    assert_eq!(lines(Kind::Queue), ["contents"]);
}

#[test]
fn every_key_that_is_drawn_is_scanned() {
    for kind in [Kind::Kv, Kind::Seats { seats: 5 }, Kind::Lock, Kind::Membership] {
        let workload = Workload { keys: 5, ..workload(kind) };
        let part = |call: &Call| {
            call.to_string().split(' ').find(|word| word.ends_with(char::is_numeric)).map(str::to_owned)
        };
        let scanned = workload.scan().iter().filter_map(part).collect::<BTreeSet<_>>();
        let drawn = calls(&workload, 5);
        let about = drawn.iter().filter_map(part).collect::<BTreeSet<_>>();
        assert_eq!(about, scanned, "{kind}");
    }
}

/// A change of this list changes every recorded workload.
#[test]
fn golden_calls_never_move() {
    let shown = |kind| {
        let drawn = calls(&workload(kind), 6);
        drawn[..6].iter().map(Call::to_string).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        KINDS.map(shown),
        [
            "write v0, cas v0 -> v1, read, write v3, write v4, cas v4 -> v5",
            "append k0 v0, get k0, put k2 v2, append k0 v3, append k0 v4, append k0 v5",
            "transfer 9 from a0 to a2, balance of a2, transfer 6 from a0 to a2, balance of a2, transfer 1 from a1 to a0, transfer 2 from a3 to a1",
            "reserve s0 for c3, holder of s0, release s2 of c1, reserve s0 for c3, release s0 of c3, reserve s0 for c3",
            "acquire l1 for c3, holder of l0, acquire l1 for c1, acquire l0 for c3, write under l0 by c1, holder of l0",
            "leave m0, is m0 a member, join m2, leave m0, join m0, leave m0",
            "enqueue v0, dequeue, length, peek, enqueue v4, dequeue",
        ]
    );
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_workload_is_too_odd_to_draw_from(
        kind in any::<prop::sample::Index>(), size in prop_oneof![0..4u16, any::<u16>()],
        opening in prop_oneof![0..3u32, any::<u32>()], keys in prop_oneof![0..4u16, any::<u16>()],
        reads_ppm in any::<u32>(), skew_ppm in any::<u32>(), number in any::<u32>(), client in any::<u8>(),
        seed in any::<u64>(),
    ) {
        let kind = match KINDS[kind.index(KINDS.len())] {
            Kind::Bank { .. } => Kind::Bank { accounts: size, opening },
            Kind::Seats { .. } => Kind::Seats { seats: size },
            other => other,
        };
        let workload = Workload { kind, keys, reads_ppm, skew_ppm };
        let call = workload.call(number, ClientId(client), &mut Dice(seed));
        prop_assert_ne!(Machine::new(kind).apply(&call), Outcome::NotUnderstood);
        if let Call::Kv(call) = call {
            prop_assert!(*call.key() < Key(keys.max(1)));
        }
        prop_assert!(!workload.scan().is_empty());
    }
}
