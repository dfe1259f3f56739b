//! Where a value of a scenario was written, and how a complaint about it becomes an error.

use std::sync::Arc;

use crate::InputError;

/// A range of bytes of the file, or of a value given by `--set`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// 0 for the file, else the number of the `--set`, from 1.
    text: u32,
    start: u32,
    end: u32,
}

impl Place {
    pub(super) fn in_file(range: std::ops::Range<usize>) -> Self {
        // A file has at most `BYTES_MAX` bytes, so nothing is cut off.
        Self { text: 0, start: range.start as u32, end: range.end as u32 }
    }

    pub(super) fn in_set(number: usize) -> Self {
        Self { text: number as u32 + 1, start: 0, end: 0 }
    }

    /// Whether it was given by a `--set`.
    pub(super) const fn is_set(self) -> bool {
        self.text > 0
    }

    /// A part of a string's content. Strings with escapes are marked as a whole.
    pub(super) fn part(self, content: &str, range: std::ops::Range<usize>) -> Self {
        let plain = self.end - self.start == content.len() as u32 + 2;
        if self.text == 0 && plain && range.end <= content.len() {
            let start = self.start + 1;
            Self { text: 0, start: start + range.start as u32, end: start + range.end as u32 }
        } else {
            self
        }
    }
}

/// What is wrong with a value, and what may have been meant: [`Scenario::explain`](super::Scenario::explain) makes
/// it an error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Complaint {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) help: String,
}

impl Complaint {
    /// A complaint about what stands at this place.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: String::new() }
    }

    /// Adds what may help.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

/// The texts that a scenario was read from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) file: String,
    pub(super) text: Arc<str>,
    pub(super) sets: Vec<(String, String)>,
}

impl Source {
    /// Makes an error of a complaint.
    pub(super) fn explain(&self, complaint: Complaint) -> InputError {
        let Complaint { place, message, help } = complaint;
        let error = match self.sets.get((place.text as usize).wrapping_sub(1)) {
            Some(set) => InputError::whole("", message).because_of(option(set)),
            None => {
                let range = place.start as usize..place.end as usize;
                InputError::at(&self.file, self.text.as_bytes(), range, message)
            }
        };
        error.with_help(help)
    }

    /// Makes an error of a complaint about what was valid before the sets: it is their doing, wherever it shows.
    pub(super) fn blame_sets(&self, complaint: Complaint) -> InputError {
        let shows_in_file = complaint.place.text == 0;
        let error = self.explain(complaint);
        if shows_in_file {
            return error.because_of(self.sets.iter().map(option).collect::<Vec<_>>().join(" "));
        }
        error
    }
}

fn option((key, value): &(String, String)) -> String {
    let shown = format!("{key}={value}");
    let mut cropped: String = shown.chars().take(80).flat_map(char::escape_debug).collect();
    if shown.chars().nth(80).is_some() {
        cropped.push_str("...");
    }
    format!("--set {cropped}")
}
