//! How long the exchange is, and when a general makes up his mind.

use serde::{Deserialize, Serialize};

/// The longest exchange.
pub const LENGTH_MAX: u8 = 64;

/// How many messengers each general waits for before he attacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// General n1, who receives every other messenger from the second on. With 0 he attacks as soon as he is asked.
    pub first: u8,
    /// General n2, who receives every other messenger from the first on. At least 1: he knows of nothing before.
    pub second: u8,
}

impl Rule {
    /// Each waits for every messenger that he can expect: as long as all get through, as much as can be known.
    /// Who sends the last one attacks without knowing what becomes of it.
    #[must_use]
    pub const fn best(length: u8) -> Self {
        Self { first: length / 2, second: length.div_ceil(2) }
    }

    /// Every rule under which both attack if no messenger is captured.
    pub fn all(length: u8) -> impl Iterator<Item = Self> {
        let best = Self::best(length);
        (0..=best.first).flat_map(move |first| (1..=best.second).map(move |second| Self { first, second }))
    }
}

/// The configuration of an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How many messengers there are at most, the first proposal included.
    pub length: u8,
    /// When a general attacks.
    pub rule: Rule,
}

impl Config {
    /// An exchange of that length with the best rule.
    #[must_use]
    pub const fn new(length: u8) -> Self {
        Self { length, rule: Rule::best(length) }
    }

    /// Whether both generals attack if no messenger is captured.
    ///
    /// # Errors
    /// When they do not, or the exchange is too long or no exchange at all: why.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=LENGTH_MAX).contains(&self.length) {
            return Err(format!("an exchange has 1 to {LENGTH_MAX} messengers, not {}", self.length));
        }
        let Rule { first, second } = self.rule;
        if Rule::all(self.length).any(|rule| rule == self.rule) {
            return Ok(());
        }
        Err(format!(
            "of {} messengers n1 cannot wait for {first} and n2 for {second}: they would never attack, or unasked",
            self.length
        ))
    }
}
