//! Durations and probabilities, by integer arithmetic.

/// Units of time, the longer names first where one ends in another.
const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a duration such as `150ms`, `10s`, `2.5s`, `100us`, `7ns`, `10m` or `1h`, exactly, as nanoseconds.
///
/// # Errors
/// When it is no duration, has a fraction of a nanosecond, or overflows.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    let malformed =
        || "expected a duration such as \"150ms\" or \"2.5s\", in ns, us, ms, s, m or h".to_string();
    let (number, scale) = UNITS
        .iter()
        .find_map(|&(unit, scale)| {
            let number = text.strip_suffix(unit)?;
            number.ends_with(|last: char| last.is_ascii_digit()).then_some((number, scale))
        })
        .ok_or_else(malformed)?;
    let (whole, fraction) = split_decimal(number).ok_or_else(malformed)?;
    let overflow = || "the duration is longer than virtual time can count (18446744073s)".to_string();
    let whole: u64 = whole.parse().map_err(|_| overflow())?;
    let fraction = fraction.trim_end_matches('0');
    let mut ns = whole.checked_mul(scale).ok_or_else(overflow)?;
    if !fraction.is_empty() {
        // At most 13 places can be exact: those of an hour in nanoseconds.
        let exact = (fraction.len() <= 13).then(|| {
            let digits: u128 = fraction.parse().ok()?;
            let scaled = digits * u128::from(scale);
            let divisor = 10_u128.pow(fraction.len() as u32);
            scaled.is_multiple_of(divisor).then_some((scaled / divisor) as u64)
        });
        let part = exact.flatten().ok_or("a duration is a whole number of nanoseconds")?;
        ns = ns.checked_add(part).ok_or_else(overflow)?;
    }
    Ok(ns)
}

/// Reads a decimal from 0 to 1, exactly, as parts per million.
///
/// # Errors
/// When it is no plain decimal, is not between 0 and 1, or has more than six decimals.
pub fn parse_probability(text: &str) -> Result<u32, String> {
    let (whole, fraction) = split_decimal(text.strip_prefix('-').unwrap_or(text))
        .ok_or("a probability is a plain decimal such as 0.01")?;
    if fraction.len() > 6 {
        return Err("a probability has at most six decimals".to_string());
    }
    let whole: u32 = whole.parse().unwrap_or(u32::MAX);
    let millionths: u32 =
        format!("{fraction:0<6}").parse().map_err(|_| "a probability is a plain decimal")?;
    let ppm = whole.saturating_mul(1_000_000).saturating_add(millionths);
    let negative = text.starts_with('-') && ppm > 0;
    if negative || ppm > 1_000_000 {
        return Err("a probability lies between 0 and 1".to_string());
    }
    Ok(ppm)
}

/// Parts per million, written as [`parse_probability`] reads them.
#[must_use]
pub fn probability_text(ppm: u32) -> String {
    let text = format!("{}.{:06}", ppm / 1_000_000, ppm % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// The digits before and after the point; both are there if there is a point.
fn split_decimal(text: &str) -> Option<(&str, &str)> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => (digits(whole) && digits(fraction)).then_some((whole, fraction)),
        None => digits(text).then_some((text, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact() {
        let good = [
            ("0s", 0),
            ("150ms", 150_000_000),
            ("2.5s", 2_500_000_000),
            ("100us", 100_000),
            ("7ns", 7),
            ("1.000000001s", 1_000_000_001),
            ("0.1h", 360_000_000_000),
            ("10m", 600_000_000_000),
            ("1.50000000000000000000000000s", 1_500_000_000),
            ("18446744073.709551615s", u64::MAX),
        ];
        for (text, ns) in good {
            assert_eq!(parse_duration(text), Ok(ns), "{text}");
        }
        let bad =
            ["", "s", "10", "10 s", "-1s", "+1s", "1e3s", ".5s", "1.s", "1.5.5s", "1x", "٣s", "0x1s", "1S"];
        for text in bad {
            assert_eq!(
                parse_duration(text).unwrap_err(),
                "expected a duration such as \"150ms\" or \"2.5s\", in ns, us, ms, s, m or h"
            );
        }
        for text in ["0.5ns", "1.0000000001s", "0.00000000000001h"] {
            assert_eq!(
                parse_duration(text).unwrap_err(),
                "a duration is a whole number of nanoseconds",
                "{text}"
            );
        }
        for text in ["18446744073.709551616s", "18446744074s", "99999999999999999999999h"] {
            assert!(parse_duration(text).unwrap_err().contains("longer than virtual time"), "{text}");
        }
    }

    #[test]
    fn probabilities_are_exact() {
        let good =
            [("0", 0), ("1", 1_000_000), ("1.0", 1_000_000), ("0.01", 10_000), ("0.000001", 1), ("-0.0", 0)];
        for (text, ppm) in good {
            assert_eq!(parse_probability(text), Ok(ppm), "{text}");
        }
        for text in ["1.000001", "2", "-0.1", "-1", "99999999999999999999"] {
            assert_eq!(parse_probability(text).unwrap_err(), "a probability lies between 0 and 1", "{text}");
        }
        assert_eq!(parse_probability("0.0000001").unwrap_err(), "a probability has at most six decimals");
        for text in ["nan", "inf", "1e-3", "", ".5", "1.", "--1"] {
            assert_eq!(
                parse_probability(text).unwrap_err(),
                "a probability is a plain decimal such as 0.01",
                "{text}"
            );
        }
    }
}
