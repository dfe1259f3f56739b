//! Numbers: views, sequence numbers, digests.

use std::fmt::{self, Display};

use quarrel_protocol::{Fingerprint, Fingerprinter, NodeId};
use serde::{Deserialize, Serialize};

/// A view, from 0: a time in which one replica is the primary (section 4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct View(pub u64);

impl View {
    /// The next view.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// "The primary of a view is replica p such that p = v mod |R|" (section 4).
    ///
    /// # Panics
    /// When there are no nodes.
    #[must_use]
    pub const fn primary(self, nodes: u8) -> NodeId {
        NodeId((self.0 % nodes as u64) as u8)
    }
}

/// A sequence number of a batch, from 1 (section 4.2). 0 stands before the first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Sequence(pub u64);

impl Sequence {
    /// Before the first.
    pub const ZERO: Self = Self(0);

    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The one that is so much later.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// By how much it is later than the other; nothing if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What stands for a batch, or for the state of the service, where the thing itself need not be sent.
///
/// The paper's digests are collision resistant; 64 bits of a mix that is none are enough where nobody looks for collisions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Digest(pub u64);

impl Digest {
    /// The digest of a value.
    #[must_use]
    pub fn of(value: &impl Fingerprint) -> Self {
        Self(value.digest())
    }
}

impl Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl Display for Digest {
    /// Four digits tell the few digests of a story apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:04x}", self.0 >> 48)
    }
}

impl Fingerprint for View {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.0);
    }
}

impl Fingerprint for Sequence {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.0);
    }
}

impl Fingerprint for Digest {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_is_the_view_modulo_the_replicas() {
        let primaries: Vec<u8> = (0..6).map(|view| View(view).primary(4).0).collect();
        assert_eq!(primaries, [0, 1, 2, 3, 0, 1]);
    }

    #[test]
    fn numbers_end_where_they_end() {
        assert_eq!(Sequence(u64::MAX).next(), Sequence(u64::MAX));
        assert_eq!(View(u64::MAX).next(), View(u64::MAX));
        assert_eq!(Sequence(3).since(Sequence(5)), 0);
    }
}
