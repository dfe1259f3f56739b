//! `--set network.loss=0`: a value put in the place of what the file says.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::bounds::NESTING_MAX;
use super::nesting::check_nesting;
use super::raw::{Entry, Raw, RawValue};
use super::source::{Complaint, Place};
use crate::input::quoted;

/// Puts the value of set number `number` at its dotted key. Whether the key exists is for the readers to say.
pub(super) fn pin(document: &mut Raw, number: usize, key: &str, value: &str) -> Result<(), Complaint> {
    let place = Place::in_set(number);
    let parts: Vec<&str> = key.split('.').collect();
    if parts.iter().any(|part| part.is_empty()) || parts.len() > NESTING_MAX {
        let message = format!("expected a key such as `network.loss`, found {}", quoted(key));
        return Err(Complaint::new(place, message));
    }
    let mut table = document;
    for (position, part) in parts.iter().enumerate() {
        let RawValue::Table(entries) = &mut table.value else {
            let parent = quoted(&parts[..position].join("."));
            return Err(Complaint::new(
                place,
                format!("{parent} is not a table, so nothing in it can be set"),
            ));
        };
        let fresh = || Entry { key: place, value: Raw { value: RawValue::Table(BTreeMap::new()), place } };
        table = &mut entries.entry(part.to_string()).or_insert_with(fresh).value;
    }
    *table = read_value(value, place);
    Ok(())
}

/// A value in TOML's own notation; anything else is a string, so that `10s` needs no quotes.
fn read_value(value: &str, place: Place) -> Raw {
    let parsed = check_nesting(value).ok().and_then(|()| DeValue::parse(value).ok());
    match parsed {
        Some(parsed) => Raw::from_toml(parsed, |_| place),
        None => Raw { value: RawValue::Text(value.to_string()), place },
    }
}
