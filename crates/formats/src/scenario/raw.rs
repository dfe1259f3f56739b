//! Values as they were written, each with its place, and the readers that turn them into typed ones.
//!
//! The sections of a scenario are read through these; so are a protocol's own options under `[config]`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::model::Draw;
use super::source::{Complaint, Place};
use super::units::{parse_duration, parse_probability};
use crate::did_you_mean;
use crate::input::quoted;
use quarrel_sim::time::Span;

/// A value as it was written, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raw {
    /// The value.
    pub value: RawValue,
    /// Where it stands.
    pub place: Place,
}

/// A value as it was written. Numbers with a point stay text: there is no float here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RawValue {
    /// A string.
    Text(String),
    /// A whole number; one that does not fit is the nearest that does.
    Integer(i128),
    /// A number with a point or an exponent, or `nan`, `inf`.
    Decimal(String),
    /// `true` or `false`.
    Flag(bool),
    /// A date or a time; nothing in a scenario is one.
    Date,
    /// A list.
    List(Vec<Raw>),
    /// A table.
    Table(BTreeMap<String, Entry>),
}

/// An entry of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Where the key stands.
    pub key: Place,
    /// The value.
    pub value: Raw,
}

/// A table whose keys are all known.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    entries: &'a BTreeMap<String, Entry>,
    /// Where the table stands.
    pub place: Place,
}

/// Whether a value may be drawn to be off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Off {
    /// `{ chance = 0.5, … }` is welcome.
    Allowed,
    /// There is no such thing as no value.
    Impossible,
}

impl Raw {
    pub(super) fn from_document(document: Spanned<DeTable<'_>>) -> Self {
        let range = document.span();
        Self::from_toml(Spanned::new(range, DeValue::Table(document.into_inner())), Place::in_file)
    }

    /// Depth is bounded by the check of the file's nesting before it was parsed.
    pub(super) fn from_toml(
        spanned: Spanned<DeValue<'_>>,
        place: impl Fn(std::ops::Range<usize>) -> Place + Copy,
    ) -> Self {
        let at = place(spanned.span());
        let value = match spanned.into_inner() {
            DeValue::String(text) => RawValue::Text(text.into_owned()),
            DeValue::Integer(number) => {
                let nearest = if number.as_str().starts_with('-') { i128::MIN } else { i128::MAX };
                RawValue::Integer(i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(nearest))
            }
            DeValue::Float(number) => RawValue::Decimal(number.as_str().to_string()),
            DeValue::Boolean(flag) => RawValue::Flag(flag),
            DeValue::Datetime(_) => RawValue::Date,
            DeValue::Array(items) => {
                RawValue::List(items.into_iter().map(|item| Self::from_toml(item, place)).collect())
            }
            DeValue::Table(entries) => {
                let entry = |(key, value): (Spanned<std::borrow::Cow<'_, str>>, _)| {
                    let at = place(key.span());
                    (key.into_inner().into_owned(), Entry { key: at, value: Self::from_toml(value, place) })
                };
                RawValue::Table(entries.into_iter().map(entry).collect())
            }
        };
        Self { value, place: at }
    }

    /// A complaint about this value.
    pub fn complain(&self, message: impl Into<String>) -> Complaint {
        Complaint::new(self.place, message)
    }

    fn wrong_type(&self, expected: &str) -> Complaint {
        let found = match &self.value {
            RawValue::Text(_) => "a string",
            RawValue::Integer(_) => "a whole number",
            RawValue::Decimal(_) => "a decimal number",
            RawValue::Flag(_) => "true or false",
            RawValue::Date => "a date or time",
            RawValue::List(_) => "a list",
            RawValue::Table(_) => "a table",
        };
        self.complain(format!("expected {expected}, found {found}"))
    }

    /// The value as a string.
    ///
    /// # Errors
    /// When it is none.
    pub fn text(&self) -> Result<&str, Complaint> {
        match &self.value {
            RawValue::Text(text) => Ok(text),
            _ => Err(self.wrong_type("a string")),
        }
    }

    /// The value as `true` or `false`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self) -> Result<bool, Complaint> {
        match self.value {
            RawValue::Flag(flag) => Ok(flag),
            _ => Err(self.wrong_type("true or false")),
        }
    }

    /// The value as a whole number within bounds.
    ///
    /// # Errors
    /// When it is none or out of bounds.
    pub fn integer<T: TryFrom<i128> + Into<i128> + Copy>(
        &self,
        bounds: RangeInclusive<T>,
    ) -> Result<T, Complaint> {
        let RawValue::Integer(number) = self.value else { return Err(self.wrong_type("a whole number")) };
        let (least, most): (i128, i128) = ((*bounds.start()).into(), (*bounds.end()).into());
        let inside = (least..=most).contains(&number).then(|| T::try_from(number).ok()).flatten();
        inside.ok_or_else(|| self.complain(format!("expected a whole number from {least} to {most}")))
    }

    /// The value as a duration in nanoseconds, within bounds.
    ///
    /// # Errors
    /// When it is none or out of bounds.
    pub fn duration(&self, bounds: RangeInclusive<u64>) -> Result<u64, Complaint> {
        let RawValue::Text(text) = &self.value else {
            return Err(self.wrong_type("a duration with its unit, such as \"150ms\""));
        };
        let ns = parse_duration(text).map_err(|message| self.complain(message))?;
        if !bounds.contains(&ns) {
            let (least, most) = (Span(*bounds.start()), Span(*bounds.end()));
            return Err(self.complain(format!("expected a duration from {least} to {most}")));
        }
        Ok(ns)
    }

    /// The value as a probability in parts per million.
    ///
    /// # Errors
    /// When it is none, exactly.
    pub fn probability(&self) -> Result<u32, Complaint> {
        let read = match &self.value {
            RawValue::Integer(number) => parse_probability(&number.to_string()),
            RawValue::Decimal(text) => parse_probability(text.strip_prefix('+').unwrap_or(text)),
            _ => return Err(self.wrong_type("a probability such as 0.01")),
        };
        read.map_err(|message| self.complain(message))
    }

    /// The value as one of these words.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Complaint> {
        let text = self.text()?;
        let known = words.iter().map(|&(word, _)| word);
        words.iter().find_map(|&(word, value)| (word == text).then_some(value)).ok_or_else(|| {
            self.complain(format!("{} is not known here", quoted(text))).with_help(meant(text, known))
        })
    }

    /// The items of a list; a single value counts as a list of one.
    #[must_use]
    pub fn items(&self) -> &[Raw] {
        match &self.value {
            RawValue::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// The value as a list that is not empty.
    ///
    /// # Errors
    /// When it is none, is empty, or an item cannot be read.
    pub fn list<T>(&self, read: impl FnMut(&Raw) -> Result<T, Complaint>) -> Result<Vec<T>, Complaint> {
        match &self.value {
            RawValue::List(items) if items.is_empty() => Err(self.complain("the list is empty")),
            RawValue::List(items) => items.iter().map(read).collect(),
            _ => Err(self.wrong_type("a list")),
        }
    }

    /// The value as a range: `[least, most]`, or one value for both.
    ///
    /// # Errors
    /// When it is no range, is reversed, or an end cannot be read.
    pub fn range<T: PartialOrd + Copy>(
        &self,
        read: impl Fn(&Raw) -> Result<T, Complaint>,
    ) -> Result<(T, T), Complaint> {
        let RawValue::List(items) = &self.value else { return read(self).map(|value| (value, value)) };
        let [least, most] = items.as_slice() else {
            return Err(self
                .complain("a range has two ends: [least, most]")
                .with_help("to choose from a list, write { one-of = [...] }"));
        };
        let (least, most) = (read(least)?, read(most)?);
        if least > most { Err(self.complain("the range is reversed")) } else { Ok((least, most)) }
    }

    /// The value as something to be drawn: a value, `[least, most]`, `{ one-of = [...] }`, and where it can be off,
    /// `{ chance = 0.5, between = [least, most] }`, `{ chance = 0.5, value = … }` or
    /// `{ chance = 0.5, one-of = [...] }`.
    ///
    /// # Errors
    /// When it is none of these, or a part cannot be read.
    pub fn draw<T: PartialOrd + Copy>(
        &self,
        off: Off,
        read: impl Fn(&Raw) -> Result<T, Complaint>,
    ) -> Result<Draw<T>, Complaint> {
        let RawValue::Table(_) = self.value else {
            return match (self.range(&read)?, &self.value) {
                ((least, most), RawValue::List(_)) => Ok(Draw::Between(least, most)),
                ((value, _), _) => Ok(Draw::Fixed(value)),
            };
        };
        const FORMS: [&str; 3] = ["value", "between", "one-of"];
        let table = self.table(&["chance", FORMS[0], FORMS[1], FORMS[2]])?;
        let forms: Vec<_> = FORMS.into_iter().filter_map(|form| Some((form, table.get(form)?))).collect();
        let then = match forms.as_slice() {
            [("between", raw)] if matches!(raw.value, RawValue::List(_)) => {
                let (least, most) = raw.range(&read)?;
                Draw::Between(least, most)
            }
            [("between", raw)] => return Err(raw.wrong_type("a range [least, most]")),
            [("one-of", raw)] => Draw::OneOf(raw.list(&read)?),
            [(_, raw)] => Draw::Fixed(read(raw)?),
            _ => return Err(self.complain("expected exactly one of `value`, `between` and `one-of`")),
        };
        let Some(chance) = table.get("chance") else { return Ok(then) };
        if off == Off::Impossible {
            return Err(chance.complain("this cannot be off, so there is no chance to give"));
        }
        Ok(Draw::Chance { chance_ppm: chance.probability()?, then: Box::new(then) })
    }

    /// The entries of a table whose keys are not fixed.
    ///
    /// # Errors
    /// When the value is no table.
    pub fn entries(&self) -> Result<&BTreeMap<String, Entry>, Complaint> {
        match &self.value {
            RawValue::Table(entries) => Ok(entries),
            _ => Err(self.wrong_type("a table")),
        }
    }

    /// The value as a table in which only these keys may stand.
    ///
    /// # Errors
    /// When it is none, or a key is unknown.
    pub fn table(&self, known: &[&str]) -> Result<Table<'_>, Complaint> {
        let entries = self.entries()?;
        let unknown = entries.iter().filter(|(key, _)| !known.contains(&key.as_str()));
        // The first in the order of the file, not of the alphabet.
        match unknown.min_by_key(|(_, entry)| entry.key) {
            None => Ok(Table { entries, place: self.place }),
            Some((key, entry)) => Err(Complaint::new(entry.key, format!("there is no key {}", quoted(key)))
                .with_help(meant(key, known.iter().copied()))),
        }
    }
}

impl<'a> Table<'a> {
    /// The value of a key, if it is there.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a Raw> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// Where a key stands, if it is there.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<Place> {
        self.entries.get(key).map(|entry| entry.key)
    }

    /// The value of a key that must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn require(&self, key: &str) -> Result<&'a Raw, Complaint> {
        self.get(key).ok_or_else(|| Complaint::new(self.place, format!("`{key}` is missing")))
    }

    /// Reads the value of a key into `into`, if it is there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read<T>(
        &self,
        key: &str,
        into: &mut T,
        read: impl FnOnce(&'a Raw) -> Result<T, Complaint>,
    ) -> Result<(), Complaint> {
        if let Some(raw) = self.get(key) {
            *into = read(raw)?;
        }
        Ok(())
    }
}

/// A line of help: the known name that was meant, else the known names, if they are few.
pub(super) fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    const LISTED_MAX: usize = 24;
    match did_you_mean(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.clone().nth(LISTED_MAX).is_some() => String::new(),
        None => {
            let names: Vec<_> = known.map(|name| format!("`{name}`")).collect();
            if names.is_empty() { String::new() } else { format!("known: {}", names.join(", ")) }
        }
    }
}
