//! Numbers that JSON would lose digits of, as strings.

/// A number in decimal.
pub(super) mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::trace) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(in crate::trace) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse().ok().filter(|number: &u64| number.to_string() == text);
        number.ok_or_else(|| D::Error::custom("expected a whole number below 2^64 as a string"))
    }
}

/// A digest: 16 hexadecimal digits.
pub(super) mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::trace) fn serialize<S: Serializer>(digest: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{digest:016x}"))
    }

    pub(in crate::trace) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| D::Error::custom("expected a digest of 16 hexadecimal digits"))
    }

    /// The digest that this text is, in the one way to write it.
    pub(in crate::trace) fn parse(text: &str) -> Option<u64> {
        u64::from_str_radix(text, 16).ok().filter(|digest| format!("{digest:016x}") == text)
    }
}
