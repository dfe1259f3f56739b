//! Drawing numbers: ten lines of our own, pinned by golden values, because the ranges and shuffles of published
//! generators are not stable across their versions.

use quarrel_protocol::fold;

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a bijection that spreads every bit.
#[must_use]
#[inline]
pub const fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A name as a word: what tells one lane's draws from another's. It is not the digest's hash, whose algorithm may
/// change without moving a single draw.
#[must_use]
pub fn hash_name(name: &str) -> u64 {
    let mut position = 0x243f_6a88_85a3_08d3u64;
    let mut sum = 0u64;
    let mut add = |word: u64| {
        sum = sum.wrapping_add(fold(word ^ position, 0x1319_8a2e_0370_7345 ^ position.rotate_left(32)));
        position = position.wrapping_add(0xa409_3822_299f_31d1);
    };
    add(name.len() as u64);
    for chunk in name.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        add(u64::from_le_bytes(word));
    }
    sum ^ position
}

/// Maps a uniform word to `0..bound` by multiplication; the bias is below `bound / 2^64`. A bound of 0 gives 0.
#[must_use]
#[inline]
pub const fn below(word: u64, bound: u64) -> u64 {
    ((word as u128 * bound as u128) >> 64) as u64
}

/// Maps a uniform word to `least..=most`.
///
/// # Panics
/// When the range is reversed.
#[must_use]
#[inline]
pub const fn between(word: u64, least: u64, most: u64) -> u64 {
    assert!(least <= most, "a range must not be reversed");
    match (most - least).checked_add(1) {
        Some(width) => least + below(word, width),
        None => word,
    }
}

/// Maps a uniform word to `least..=most` so that every doubling is about equally likely.
#[must_use]
pub fn log_between(word: u64, least: u64, most: u64) -> u64 {
    assert!(least <= most, "a range must not be reversed");
    let (first, last) = ((least | 1).ilog2(), (most | 1).ilog2());
    let octave = first + below(mix(word ^ OCTAVE), u64::from(last - first) + 1) as u32;
    let floor = if octave == 0 { 0 } else { 1 << octave };
    let ceiling = (1u64 << octave).wrapping_shl(1).wrapping_sub(1);
    between(word, floor.max(least), ceiling.min(most))
}

const OCTAVE: u64 = 0x6f63_7461_7665;

/// A chance in parts per million as a threshold for 20 uniform bits.
#[must_use]
pub const fn threshold(ppm: u32) -> u64 {
    ((ppm as u64) << SLICE_BITS).div_ceil(1_000_000)
}

/// The width of one slice of a sliced draw, in bits.
pub const SLICE_BITS: u32 = 20;

/// The `position`-th 20-bit slice of a word (0, 1 or 2).
#[must_use]
#[inline]
pub const fn slice(word: u64, position: u32) -> u64 {
    (word >> (SLICE_BITS * position)) & ((1 << SLICE_BITS) - 1)
}

/// `-ln(1 - (i + 1/2) / 64) * 1024`, rounded: the quantiles of an exponential distribution of mean 1024.
const EXPONENTIAL: [u16; 64] = [
    8, 24, 41, 58, 75, 92, 110, 128, 146, 165, 184, 203, 223, 243, 264, 285, 306, 328, 350, 373, 397, 421,
    446, 471, 497, 524, 551, 579, 608, 638, 669, 701, 734, 768, 803, 839, 876, 915, 955, 997, 1040, 1086,
    1133, 1183, 1234, 1289, 1346, 1407, 1471, 1539, 1611, 1689, 1772, 1862, 1960, 2068, 2188, 2324, 2479,
    2662, 2884, 3167, 3562, 4968,
];

/// Maps a uniform word to an exponential-like length with this mean, at most 7.3 times the mean.
#[must_use]
pub const fn exponential(word: u64, mean: u64) -> u64 {
    let quantile = EXPONENTIAL[(word & 63) as usize] as u64;
    let fine = between(mix(word), quantile / 2, quantile + quantile / 2);
    ((fine as u128 * mean as u128) >> 10) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_draws_never_move() {
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf, "SplitMix64's published first output for seed 0");
        assert_eq!(below(u64::MAX, 10), 9);
        assert_eq!(below(u64::MAX / 2, 10), 4);
        assert_eq!(between(mix(1), 5, 5), 5);
        assert_eq!(between(7, 0, u64::MAX), 7);
        assert_eq!(format!("{:016x}", hash_name("append-entries")), "e3422493700da83f");
        assert_eq!((log_between(mix(1), 1, 1000), log_between(mix(2), 1, 1000)), (200, 3));
    }

    #[test]
    fn ranges_are_kept_and_thresholds_are_exact_at_the_ends() {
        for word in (0..10_000).map(mix) {
            assert!((3..=1000).contains(&between(word, 3, 1000)));
            assert!((3..=1000).contains(&log_between(word, 3, 1000)));
            // Whatever it gives is right: it must not overflow on the way.
            let _anything = log_between(word, 0, u64::MAX);
            assert!(slice(word, 2) < threshold(1_000_000), "a chance of one always strikes");
            assert!(slice(word, 0) >= threshold(0), "a chance of zero never does");
            assert!(exponential(word, 1000) <= 7_300);
        }
    }

    #[test]
    fn an_exponential_has_about_its_mean() {
        let sum: u64 = (0..100_000).map(mix).map(|word| exponential(word, 1000)).sum();
        assert!((98_000_000..102_000_000).contains(&sum), "{sum}");
    }
}
