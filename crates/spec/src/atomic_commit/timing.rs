//! How late a message may be: what a timeout of a commit protocol must outlast.

/// The longest of everything that holds a message up, as measured in a run or promised by a scenario; in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Measured {
    /// A message on a link.
    pub link_ns: u64,
    /// A disk sync.
    pub sync_ns: u64,
    /// A pause.
    pub pause_ns: u64,
    /// How wrong a clock runs, in parts per million.
    pub clock_ppm: u32,
}

impl Measured {
    /// The longest that a message may have taken from handler to handler: its sender may wait for a sync that runs
    /// and then for its own, both ends may stall, and a link takes its time.
    #[must_use]
    pub fn hop_ns(&self) -> u64 {
        let parts = [self.sync_ns, self.sync_ns, self.pause_ns, self.pause_ns, self.link_ns];
        parts.iter().fold(0u64, |sum, &part| sum.saturating_add(part))
    }

    /// By how much a clock may be wrong in that time.
    #[must_use]
    pub fn error_ns(&self, ns: u64) -> u64 {
        u64::try_from(u128::from(ns) * u128::from(self.clock_ppm) / 1_000_000).unwrap_or(u64::MAX)
    }
}

/// `497.957ms`, `100ms`.
#[must_use]
pub fn milliseconds(ns: u64) -> String {
    let text = format!("{}.{:03}", ns / 1_000_000, ns / 1_000 % 1_000);
    format!("{}ms", text.trim_end_matches('0').trim_end_matches('.'))
}
