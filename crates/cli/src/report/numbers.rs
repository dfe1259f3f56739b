//! Numbers as people and tools read them. All arithmetic is on integers.

use std::time::Duration;

pub(crate) use quarrel::numbers::{counted, grouped};
use serde_json::Value;

/// Seconds as a JSON number: `13.25`. Exact to the microsecond up to 10⁹ seconds.
pub(crate) fn seconds(ns: u128) -> Value {
    let text = format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    // Read as what a JSON number is, rather than divided.
    text.parse::<f64>().map_or(Value::Null, Value::from)
}

/// Seconds for people: `13.25`, `1,234.5`, `130,000`.
pub(crate) fn seconds_text(ns: u128) -> String {
    let (whole, milli) = (ns / 1_000_000_000, ns / 1_000_000 % 1000);
    let fraction = match whole {
        0..10 => format!(".{milli:03}"),
        10..10_000 => format!(".{}", milli / 100),
        _ => String::new(),
    };
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{}{fraction}", grouped(whole))
}

/// A ratio, in thousandths; 0 when there is nothing to divide by.
pub(crate) fn ratio_milli(over: u128, under: u128) -> u128 {
    over.saturating_mul(1000).checked_div(under).unwrap_or(0)
}

/// Thousandths for people: `1.25`, `6,066`.
pub(crate) fn milli_text(milli: u128) -> String {
    match milli {
        100_000.. => grouped(milli / 1000),
        _ => format!("{}.{:02}", milli / 1000, milli % 1000 / 10),
    }
}

/// Thousandths as a JSON number.
pub(crate) fn milli(milli: u128) -> Value {
    seconds(milli.saturating_mul(1_000_000))
}

/// A stretch of time for people: `1h02m`, `3m07s`, `12s`.
pub(crate) fn span_text(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

/// A digest: 16 hexadecimal digits.
pub(crate) fn digest_text(digest: u64) -> String {
    format!("{digest:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(seconds(13_250_000_000).to_string(), "13.25");
        assert_eq!(seconds(130_000_000_000_001_000).to_string(), "130000000.000001");
        assert_eq!(seconds_text(1_234_000_000), "1.234");
        assert_eq!(seconds_text(12_340_000_000), "12.3");
        assert_eq!(seconds_text(8_000_000_000_000), "8,000");
        assert_eq!(seconds_text(0), "0");
        assert_eq!(seconds_text(130_000_000_000_000), "130,000");
        assert_eq!(milli_text(1_256), "1.25");
        assert_eq!(milli_text(6_066_900), "6,066");
        assert_eq!(milli(4_812).to_string(), "4.812");
        assert_eq!(span_text(Duration::from_secs(3_725)), "1h02m");
        assert_eq!(span_text(Duration::from_secs(187)), "3m07s");
    }
}
