//! What a file names, as small numbers: values, texts, keys, accounts, processes. Equal ones get equal numbers.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::json::{Flaw, Json, Node};

/// Names in the order in which the file mentions them first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Names {
    numbers: BTreeMap<Box<str>, u32>,
    shown: Vec<Box<str>>,
    /// Kept for its room only.
    buffer: String,
}

impl Names {
    /// The number of a text, which is shown as it is.
    pub(super) fn text(&mut self, text: &str) -> u32 {
        self.buffer.clear();
        self.buffer.push_str(text);
        self.number(|| text.to_string())
    }

    /// The number of a scalar, which is shown as it is first written. `1` and `1.0` are the same number, `1` and `"1"`
    /// are two values.
    pub(super) fn scalar(&mut self, node: &Node<'_>, what: &str) -> Result<u32, Flaw> {
        self.buffer.clear();
        match &node.json {
            Json::Null => self.buffer.push('z'),
            Json::Bool(value) => self.buffer.push(if *value { 't' } else { 'f' }),
            Json::Text(text) => {
                self.buffer.push('s');
                self.buffer.push_str(text);
            }
            Json::Number(digits) => {
                self.buffer.push('n');
                if !canonical(digits, &mut self.buffer) {
                    return Err(Flaw::new(
                        node.range.clone(),
                        "the exponent of this number is out of all bounds",
                    ));
                }
            }
            Json::List(_) | Json::Object(_) => {
                let message = format!("{what} is a string, a number, true or false; found {}", node.kind());
                return Err(Flaw::new(node.range.clone(), message));
            }
        }
        Ok(self.number(|| shown(node)))
    }

    /// The number of what the buffer says.
    fn number(&mut self, shown: impl FnOnce() -> String) -> u32 {
        if let Some(&number) = self.numbers.get(self.buffer.as_str()) {
            return number;
        }
        // A name takes at least a byte of a file, and no file of 4 GiB is read.
        let number = u32::try_from(self.shown.len()).expect("files have fewer names than this");
        self.numbers.insert(self.buffer.as_str().into(), number);
        self.shown.push(shown().into_boxed_str());
        number
    }

    /// The number of null, if a scalar was null.
    pub(super) fn find_null(&self) -> Option<u32> {
        self.numbers.get("z").copied()
    }

    /// How a name is written.
    pub(super) fn show(&self, number: u32) -> &str {
        &self.shown[number as usize]
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.shown.len()
    }
}

/// A scalar as JSON writes it.
fn shown(node: &Node<'_>) -> String {
    match &node.json {
        Json::Null => "null".to_string(),
        Json::Bool(value) => value.to_string(),
        Json::Number(digits) => (*digits).to_string(),
        Json::Text(text) => quoted(text),
        Json::List(_) | Json::Object(_) => unreachable!("only scalars have names"),
    }
}

/// A text in double quotes, with everything escaped that would disturb a terminal.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '\'' => quoted.push('\''),
            _ => quoted.extend(character.escape_debug()),
        }
    }
    quoted.push('"');
    quoted
}

/// Writes a JSON number so that equal numbers are equal texts: its digits without zeros at the ends, and a power of ten.
/// Exact for every number; false when the power does not fit.
fn canonical(number: &str, out: &mut String) -> bool {
    let (negative, rest) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let leading = digits.trim_start_matches('0');
    let significant = leading.trim_end_matches('0');
    if significant.is_empty() {
        out.push('0');
        return true;
    }
    let dropped = (leading.len() - significant.len()) as i64;
    let power = exponent.strip_prefix('+').unwrap_or(exponent).parse::<i64>().ok();
    let power = power.and_then(|power| power.checked_add(dropped)?.checked_sub(fraction.len() as i64));
    let Some(power) = power else { return false };
    let sign = if negative { "-" } else { "" };
    write!(out, "{sign}{significant}e{power}").expect("a string takes everything");
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::json;

    #[test]
    fn numbers_are_equal_when_they_are_worth_the_same() {
        let mut names = Names::default();
        let mut number =
            |text: &str| names.scalar(&json::read(text).expect("it is JSON"), "it").expect("a scalar");
        for equal in [
            ["1", "1.0", "1e0", "0.1e1", "10E-1"].as_slice(),
            &["0", "-0", "0.000", "0e99"],
            &["12300", "1.23e4", "123e+2"],
            &["-7", "-7.0"],
            &["\"1\"", "\"\\u0031\""],
        ] {
            assert!(equal.windows(2).all(|pair| number(pair[0]) == number(pair[1])), "{equal:?}");
        }
        let distinct =
            ["1", "-1", "\"1\"", "10", "true", "\"true\"", "null", "\"null\"", "\"\"", "\"z\"", "0.1"];
        let big =
            ["9007199254740993", "9007199254740992", "123456789012345678901234567890", "1e400", "1e-400"];
        let mut numbers: Vec<u32> = distinct.iter().chain(&big).map(|text| number(text)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), distinct.len() + big.len());
        let far = json::read("1e99999999999999999999").expect("it is JSON");
        assert!(names.scalar(&far, "it").is_err());
    }
}
