//! Where words go: results to standard output, everything else to standard error.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::args::Format;
use crate::exit::Failure;

/// Standard output.
pub(crate) struct Output {
    /// For people or for tools.
    pub(crate) format: Format,
    closed: bool,
}

impl Output {
    pub(crate) const fn new(format: Format) -> Self {
        Self { format, closed: false }
    }

    /// Whether whoever read us has gone: nothing more needs to be said.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Prints a text. A closed pipe is no error: `quarrel … | head -1` ends quietly.
    ///
    /// # Errors
    /// When it cannot be written for another reason, such as a full disk.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(Failure::input(format!("cannot write to standard output: {error}"))),
        }
    }

    /// Prints one JSON document.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub(crate) fn print_json(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_string_pretty(document).expect("a report can be written as JSON");
        text.push('\n');
        self.print(&text)
    }

    /// Prints one JSON document for tools, or a text for people.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub(crate) fn answer(
        &mut self,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Human | Format::Markdown => self.print(&text()),
            Format::Json => self.print_json(document),
        }
    }
}

/// Says on standard error what is wrong. Whether anybody hears it is not our concern.
pub(crate) fn complain(message: &str) {
    say(&format!("error: {message}\n"));
}

/// Says something on standard error.
pub(crate) fn say(text: &str) {
    let _unheard = std::io::stderr().lock().write_all(text.as_bytes());
}
