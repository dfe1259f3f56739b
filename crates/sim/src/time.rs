//! Virtual time, as people read it.

use std::fmt::{self, Display};

/// Nanoseconds in a microsecond.
pub const MICROSECOND: u64 = 1_000;
/// Nanoseconds in a millisecond.
pub const MILLISECOND: u64 = 1_000_000;
/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;

/// A length of virtual time in nanoseconds, printed with the unit that fits and no float: `1.5s`, `20ms`, `3.25us`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Span(pub u64);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            SECOND.. => (SECOND, "s"),
            MILLISECOND.. => (MILLISECOND, "ms"),
            MICROSECOND.. => (MICROSECOND, "us"),
            _ => (1, "ns"),
        };
        let (whole, mut rest) = (self.0 / unit, self.0 % unit);
        let mut text = whole.to_string();
        if rest > 0 {
            text.push('.');
            let mut place = unit / 10;
            while rest > 0 {
                text.push(char::from(b'0' + (rest / place) as u8));
                rest %= place;
                place /= 10;
            }
        }
        text.push_str(name);
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        let cases = [
            (0, "0ns"),
            (999, "999ns"),
            (1_500, "1.5us"),
            (20_000_000, "20ms"),
            (1_000_000_001, "1.000000001s"),
        ];
        for (ns, text) in cases {
            assert_eq!(Span(ns).to_string(), text);
        }
        assert_eq!(Span(u64::MAX).to_string(), "18446744073.709551615s");
    }
}
