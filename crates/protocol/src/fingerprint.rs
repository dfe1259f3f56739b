//! Fingerprints: what a value contributes to the running digest of a run.
//!
//! `std::hash::Hash` is not stable across versions and platforms; this is: fixed-width little-endian words, mixed
//! independently of each other (so the processor overlaps them) and summed.

/// Odd constants of the mix (digits of pi). Changing one invalidates every golden digest.
const SECRET: [u64; 3] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345, 0xa409_3822_299f_31d1];

/// Multiplies 64 by 64 to 128 bits and folds the halves: the one mixing step of digests.
#[must_use]
#[inline]
pub const fn fold(a: u64, b: u64) -> u64 {
    let wide = (a as u128).wrapping_mul(b as u128);
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// Collects words.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprinter {
    sum: u64,
    position: u64,
}

impl Default for Fingerprinter {
    fn default() -> Self {
        Self { sum: 0, position: SECRET[0] }
    }
}

impl Fingerprinter {
    /// Adds one word at the next position.
    #[inline]
    pub fn word(&mut self, word: u64) {
        self.pair(word, 0);
    }

    /// Adds two words that always come together, for the price of one.
    #[inline]
    pub fn pair(&mut self, one: u64, other: u64) {
        self.sum = self.sum.wrapping_add(fold(one ^ self.position, other ^ SECRET[1]));
        self.position = self.position.wrapping_add(SECRET[2]);
    }

    /// Adds a small number that says how to read what follows: which variant, how many. It moves the position of all
    /// later words and costs next to nothing.
    #[inline]
    pub const fn mark(&mut self, mark: u64) {
        self.position = (self.position ^ mark).rotate_left(23);
    }

    /// The fingerprint of the words so far.
    #[must_use]
    #[inline]
    pub fn finish(self) -> u64 {
        self.sum ^ self.position
    }
}

/// A value with a fingerprint that is the same on every machine and in every build.
pub trait Fingerprint {
    /// Adds this value's words, fixed in number and order for a given variant.
    fn fingerprint(&self, into: &mut Fingerprinter);

    /// The fingerprint of this value alone.
    #[inline]
    fn digest(&self) -> u64 {
        let mut into = Fingerprinter::default();
        self.fingerprint(&mut into);
        into.finish()
    }
}

macro_rules! words {
    ($($unsigned:ty),*) => {$(
        impl Fingerprint for $unsigned {
            #[inline]
            fn fingerprint(&self, into: &mut Fingerprinter) {
                into.word(u64::from(*self));
            }
        }
    )*};
}

words!(u8, u16, u32, u64, bool);

impl<T: Fingerprint> Fingerprint for Option<T> {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            None => into.mark(0),
            Some(value) => {
                into.mark(1);
                value.fingerprint(into);
            }
        }
    }
}

impl<T: Fingerprint> Fingerprint for Vec<T> {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.len() as u64);
        self.iter().for_each(|value| value.fingerprint(into));
    }
}

impl Fingerprint for String {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.len() as u64);
        for chunk in self.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            into.word(u64::from_le_bytes(word));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_fingerprints_never_move() {
        assert_eq!(format!("{:016x}", 7u64.digest()), "3cfcb95a09652af5");
        assert_eq!(format!("{:016x}", vec![1u64, 2, 3].digest()), "6bb1fce79b1738b4");
    }

    #[test]
    fn order_length_and_nesting_count() {
        assert_ne!(vec![1u64, 2].digest(), vec![2u64, 1].digest());
        assert_ne!(vec![0u64].digest(), vec![0u64, 0].digest());
        assert_ne!(None::<u64>.digest(), Some(0u64).digest());
        assert_ne!("ab".to_string().digest(), "ab\0".to_string().digest());
    }
}
