//! A node's own clock: an offset, and a rate that faults may change.

use quarrel_protocol::LocalTime;

/// What a right clock gains in a nanosecond: rates are in parts per million.
const RIGHT: u64 = 1_000_000;

/// The clock. It survives crashes, and goes on while the node is down or paused.
#[derive(Clone, Copy, Default)]
pub(crate) struct Clock {
    /// What it said at `since_ns`, in millionths of a nanosecond: how often its rate changes leaves no trace in it.
    said: u128,
    since_ns: u64,
    /// Rate error now, in parts per million; positive is fast.
    ppm: i32,
}

impl Clock {
    pub(crate) const fn new(offset_ns: u64, ppm: i32) -> Self {
        Self { said: offset_ns as u128 * RIGHT as u128, since_ns: 0, ppm }
    }

    pub(crate) const fn is_right(&self) -> bool {
        self.ppm == 0
    }

    /// What it gains in a nanosecond of the world, in millionths of one. Always something.
    fn rate(&self) -> u64 {
        RIGHT.saturating_add_signed(i64::from(self.ppm)).max(1)
    }

    /// From now on its rate error is that.
    pub(crate) fn run_at(&mut self, now: u64, ppm: i32) {
        (self.said, self.since_ns) = (self.precisely(now), now);
        self.ppm = ppm;
    }

    /// It is set: from now on it says so much more, or less. It never says less than nothing.
    pub(crate) fn jump(&mut self, now: u64, by_ns: i64) {
        let by = i128::from(by_ns) * i128::from(RIGHT);
        (self.said, self.since_ns) = (self.precisely(now).saturating_add_signed(by), now);
    }

    fn precisely(&self, now: u64) -> u128 {
        let passed = u128::from(now - self.since_ns) * u128::from(self.rate());
        self.said.saturating_add(passed)
    }

    /// What it says.
    pub(crate) fn says(&self, now: u64) -> LocalTime {
        LocalTime(u64::try_from(self.precisely(now) / u128::from(RIGHT)).unwrap_or(u64::MAX))
    }

    /// A time on this clock, in the world's: a fast clock makes it shorter.
    pub(crate) fn in_world_time(&self, ns: u64) -> u64 {
        u64::try_from(u128::from(ns) * u128::from(RIGHT) / u128::from(self.rate())).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_adds_up_its_rates_and_loses_nothing() {
        let mut clock = Clock::new(500, 100_000);
        assert_eq!(clock.says(1_000), LocalTime(1_600));
        clock.run_at(1_000, -500_000);
        assert_eq!((clock.says(1_000), clock.says(1_100)), (LocalTime(1_600), LocalTime(1_650)));
        let mut often = Clock::new(0, 333_333);
        (1..=3_000_000).for_each(|now| often.run_at(now, 333_333));
        assert_eq!(often.says(3_000_000), Clock::new(0, 333_333).says(3_000_000));
        assert_eq!(often.says(3_000_000), LocalTime(3_999_999));
    }

    #[test]
    fn a_clock_that_is_set_goes_on_from_there() {
        let mut clock = Clock::new(500, 100_000);
        clock.jump(1_000, 400);
        assert_eq!((clock.says(1_000), clock.says(2_000)), (LocalTime(2_000), LocalTime(3_100)));
        clock.jump(2_000, -3_000);
        assert_eq!(clock.says(2_000), LocalTime(100));
        clock.jump(2_000, i64::MIN);
        assert_eq!(clock.says(3_000), LocalTime(1_100), "nothing is earlier than the beginning");
        clock.jump(3_000, i64::MAX);
        assert_eq!(clock.says(u64::MAX), LocalTime(u64::MAX));
    }

    #[test]
    fn a_clock_never_goes_back_whatever_a_file_says() {
        let mut clock = Clock::new(u64::MAX, i32::MIN);
        assert_eq!(clock.says(u64::MAX), LocalTime(u64::MAX));
        clock.run_at(7, i32::MAX);
        assert_eq!(clock.says(u64::MAX), LocalTime(u64::MAX));
    }
}
