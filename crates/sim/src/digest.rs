//! The running digest of a run: over every decision, input and effect.

use quarrel_protocol::{Fingerprinter, fold};

/// The name and version of the algorithm, as traces state it. Changing the algorithm invalidates every golden digest.
pub const ALGORITHM: &str = "fold64-1";

/// The digest so far. The words of one event are mixed independently; the event then costs one dependent
/// multiplication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0x7175_6172_7265_6c31)
    }
}

impl Digest {
    /// Closes one event.
    #[inline]
    pub fn event(&mut self, words: Fingerprinter) {
        self.0 =
            fold(self.0.rotate_left(25) ^ words.finish(), 0x9fb2_1c65_1e98_df25) ^ self.0.rotate_left(11);
    }

    /// The value.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_events_counts_and_the_value_never_moves() {
        let run = |words: [u64; 2]| {
            let mut digest = Digest::default();
            for word in words {
                let mut event = Fingerprinter::default();
                event.word(word);
                digest.event(event);
            }
            digest.value()
        };
        assert_ne!(run([1, 2]), run([2, 1]));
        assert_eq!(format!("{:016x}", run([1, 2])), "5cd13ce746cc7fde");
    }
}
