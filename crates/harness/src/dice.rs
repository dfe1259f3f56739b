//! What is drawn once per run: the profile, the fault plan, the workload. One stream of ChaCha8 for each purpose.
//!
//! The keystream is fixed by the cipher; everything between it and a number is our own, because rand's ranges and
//! shuffles may change between versions.

use quarrel_formats::scenario::Draw;
use quarrel_sim::draw::{between, hash_name, log_between, mix};
use quarrel_spec::workload::Chance;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A generator for one purpose of one run. A copy draws the same again.
#[derive(Clone)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The generator of this seed for this purpose. Purposes never share draws: one that draws more shifts no other.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut key = [0; 32];
        let mut word = mix(seed);
        for chunk in key.chunks_exact_mut(8) {
            word = mix(word);
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(hash_name(purpose));
        Self(generator)
    }

    /// A uniform word.
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `least..=most`.
    ///
    /// # Panics
    /// When the range is reversed.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        between(self.word(), least, most)
    }

    /// In `least..=most`, every doubling about equally likely: for durations, rates and factors.
    ///
    /// # Panics
    /// When the range is reversed.
    pub fn log_between(&mut self, least: u64, most: u64) -> u64 {
        log_between(self.word(), least, most)
    }

    /// True with this probability, in parts per million.
    pub fn chance(&mut self, ppm: u32) -> bool {
        self.between(1, 1_000_000) <= u64::from(ppm)
    }

    /// One of the items.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.between(0, items.len() as u64 - 1) as usize]
    }

    /// Shuffles (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.between(0, last as u64) as usize);
        }
    }

    /// Resolves a draw of counts: uniform. `None` when it is off.
    pub fn count<T: Copy + Into<u64> + TryFrom<u64>>(&mut self, draw: &Draw<T>) -> Option<T> {
        self.resolve(draw, Self::between)
    }

    /// Resolves a draw of durations, rates or factors: log-uniform. `None` when it is off.
    pub fn scale<T: Copy + Into<u64> + TryFrom<u64>>(&mut self, draw: &Draw<T>) -> Option<T> {
        self.resolve(draw, Self::log_between)
    }

    /// Resolves a draw of yes or no: one of a list, or else even.
    pub fn flag(&mut self, draw: &Draw<bool>) -> bool {
        match draw {
            Draw::Fixed(flag) => *flag,
            Draw::OneOf(flags) => *self.pick(flags),
            Draw::Between(..) | Draw::Chance { .. } => self.chance(500_000),
        }
    }

    fn resolve<T: Copy + Into<u64> + TryFrom<u64>>(
        &mut self,
        draw: &Draw<T>,
        within: impl Fn(&mut Self, u64, u64) -> u64,
    ) -> Option<T> {
        match draw {
            Draw::Fixed(value) => Some(*value),
            Draw::Between(least, most) => T::try_from(within(self, (*least).into(), (*most).into())).ok(),
            Draw::OneOf(values) => Some(*self.pick(values)),
            Draw::Chance { chance_ppm, then } => {
                let on = self.chance(*chance_ppm);
                let value = self.resolve(then, within);
                value.filter(|_| on)
            }
        }
    }
}

impl Chance for Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.between(0, bound - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_draws_never_move() {
        let mut dice = Dice::new(42, "profile");
        let drawn: Vec<u64> = (0..4).map(|_| dice.between(0, 999)).collect();
        assert_eq!(drawn, [624, 390, 614, 425]);
        assert_ne!(
            Dice::new(42, "faults").word(),
            Dice::new(42, "profile").word(),
            "a stream for each purpose"
        );
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Dice::new(1, "test").shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
